"""The exercises of the stored chapters, and a chapter without their solutions.

Exercises and solutions are MyST's gated directives, `exercise-start` to `exercise-end` and `solution-start` to `solution-end`:
a solution may span cells, code among them. What a solution consists of says what the exercise asks for.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from chapters import PROOF_MIME, Chapter, covers, source

FENCE = re.compile(r"^```\{(exercise|solution)-(start|end)\}([^\n]*)\n((?::[^\n]*\n)*)```[ \t]*(?:\n|\Z)", re.M)
KINDS = {
    "proof": "the solution proves something, line by line",
    "experiment": "the solution draws random numbers or trains",
    "calculation": "the solution computes, the same at every run",
    "thought": "the solution is words",
}
"""What an exercise asks for."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its label, its title (mostly none), its text in MyST, the cell in which it begins, what it asks for."""

    label: str
    title: str
    text: str
    cell: int
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A part of one cell: `where` is `text`, `exercise` or `solution`, and `label` that of the exercise."""

    cell: int
    where: str
    label: str
    text: str
    title: str = ""


def pieces(cells: list[dict]) -> Iterator[Piece]:
    """The cells in their order, cut at the fences of exercises and solutions, which belong to what they enclose."""
    where, label = "text", ""
    for index, cell in enumerate(cells):
        text, at = source(cell), 0
        for mark in FENCE.finditer(text) if cell["cell_type"] == "markdown" else ():
            yield Piece(index, where, label, text[at : mark.start()])
            at = mark.end()
            kind, end, title, options = mark.groups()
            if end == "start":
                named = re.search(r"^:label: *(\S+)", options, re.M)
                where, label = kind, title.strip() if kind == "solution" else named[1] if named else ""
                yield Piece(index, where, label, mark[0], title.strip())
            else:
                yield Piece(index, kind, label, mark[0])
                where, label = "text", ""
        yield Piece(index, where, label, text[at:])


def asked(cells: list[dict]) -> tuple[str, ...]:
    """What an exercise asks for, from the code cells of its solution."""
    found = set()
    for cell in cells:
        tags = cell.get("metadata", {}).get("tags", [])
        found.add("proof" if "proof" in tags else "experiment" if "nbval-ignore-output" in tags else "calculation")
    return tuple(kind for kind in KINDS if kind in found) or ("thought",)


def exercises(chapter: Chapter) -> list[Exercise]:
    """The exercises of a chapter, in their order."""
    cells, begun, texts, solved = chapter.notebook["cells"], {}, {}, {}
    for piece in pieces(cells):
        if piece.where == "exercise":
            begun.setdefault(piece.label, piece)
            texts[piece.label] = texts.get(piece.label, "") + FENCE.sub("", piece.text)
        elif piece.where == "solution" and cells[piece.cell]["cell_type"] == "code":
            solved.setdefault(piece.label, []).append(cells[piece.cell])
    return [
        Exercise(label, first.title, texts[label].strip(), first.cell, asked(solved.get(label, [])))
        for label, first in begun.items()
    ]


def without_solutions(chapter: Chapter) -> Chapter:
    """The chapter as a handout shows it: as many cells, those of solutions empty.

    What a solution treats of the source map is then treated by its exercise, the question.
    """
    cells = chapter.notebook["cells"]
    left, home, moved = [""] * len(cells), {}, {}
    for piece in pieces(cells):
        if piece.where == "exercise":
            home.setdefault(piece.label, piece.cell)
        if piece.where == "solution":
            moved.setdefault(piece.cell, piece.label)
        else:
            left[piece.cell] += piece.text
    shown = [dict(cell) for cell in cells]
    for index, label in moved.items():
        if cells[index]["cell_type"] == "markdown" and left[index].strip():
            shown[index]["source"] = left[index]
            continue
        shown[index] = {"cell_type": "markdown", "id": cells[index].get("id", str(index)), "metadata": {}, "source": ""}
        if label in home:
            shown[home[label]] = covering(shown[home[label]], treated(cells[index]))
    return replace(chapter, shown=shown)


def treated(cell: dict) -> list[str]:
    """The IDs that a cell treats, in its metadata or by a derivation."""
    found = covers(cell)
    for output in cell.get("outputs", []):
        record = output.get("data", {}).get(PROOF_MIME)
        record = json.loads("".join(record)) if isinstance(record, str | list) else record or {}
        found += record.get("ids", [])
    return found


def covering(cell: dict, names: list[str]) -> dict:
    """The cell, with these IDs among those that it treats."""
    about = cell.get("metadata", {}).get("nbdgm", {})
    every = list(dict.fromkeys([*covers(cell), *names]))
    return cell | {"metadata": cell.get("metadata", {}) | {"nbdgm": about | {"covers": every}}} if every else cell
