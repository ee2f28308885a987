"""The appendix page of the leaderboard, from what `tools/leaderboard.py` has stored."""

import json
from fractions import Fraction
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book.pages import BookDirective

STORE = "tools/data/leaderboard.json"
REMEDY = "run `make leaderboard`"
DIGITS = {"nats": 1, "loose": 3, "drawing, s": 3, "training, MB": 1, "drawing, MB": 1}  # of the others two


def stored(root: Path) -> dict:
    """What is stored, or nothing."""
    file = root / STORE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def entry(column: str, values: list | None) -> tuple[str, str]:
    """Median and range, `("2.1", "1.9 to 2.4")`; a dash without numbers, no range where all are alike."""
    if not values:
        return "–", ""
    middle, low, high = (f"{value:.{DIGITS.get(column, 2)}f}" for value in values[:3])
    return middle, f"{low} to {high}" if values[3] > 1 and low != high else ""


def tables(found: dict) -> list[tuple[str, list[str], list[tuple[str, dict]]]]:
    """(heading, columns, (name, row)s) of each table: one a budget and one of what is not trained, by Fréchet distance; then
    the memory, which is the same at all budgets, by what training needs. Columns without a number are left out.
    """
    groups: dict[str, list] = {}
    for name, row in found["rows"].items():
        family, _, length = name.partition(" × ")
        groups.setdefault(length, []).append((family, row))
    lengths = sorted(filter(None, groups), key=Fraction)
    memory = [column for column in found["columns"] if column.endswith("MB")]
    scores = [column for column in found["columns"] if column not in memory]
    alone = groups.get("", [])
    made = [(f"Budget × {length}", scores, groups[length]) for length in lengths] + [("Data and trivial models", scores, alone)]
    made = [(head, columns, sorted(rows, key=lambda pair: pair[1]["FD"][0])) for head, columns, rows in made]
    needs = [pair for pair in groups[lengths[0]] + alone if any(column in pair[1] for column in memory)] if lengths else []
    needs.sort(key=lambda pair: [-pair[1].get(column, [0])[0] for column in memory])
    made.append(("Memory, at any budget", memory, needs))
    filled = [(head, [c for c in columns if any(c in row for _, row in rows)], rows) for head, columns, rows in made]
    return [(head, columns, rows) for head, columns, rows in filled if columns]


class Leaderboard(BookDirective):
    """`{leaderboard}`: a table for each budget, ordered by the Fréchet distance, memory, and where the numbers come from."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(self.root / STORE))
        found = stored(self.root)
        if not found:
            return [self.paragraph(f"Nothing is stored yet: {REMEDY}.")]
        made: list[nodes.Node] = []
        for head, columns, rows in tables(found):
            lines = [[name, *[self.numbers(column, row.get(column)) for column in columns]] for name, row in rows]
            made += [self.paragraph(nodes.strong("", head)), self.table(["model", *columns], lines, ("nb-numbers",))]
        runs = len(found["shifts"])
        said = (
            f"Median and range of {3 * runs} seeds, {runs} {'run' if runs == 1 else 'runs'} of the chapter. "
            f"Machine: {found['cores']} cores, {found['cpu']}, {found['device']}; {found['date']}, commit {found['commit']}."
        )
        return [*made, self.paragraph([nodes.Text(said)])]

    def numbers(self, column: str, values: list | None) -> nodes.paragraph:
        """A cell: the median, and below it the range."""
        middle, reach = entry(column, values)
        return self.paragraph(nodes.Text(middle), nodes.inline("", reach, classes=["nb-range"]))


def setup(app: Sphinx) -> None:
    app.add_directive("leaderboard", Leaderboard)
