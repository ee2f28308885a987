"""The front page: a drawing of which chapter needs which, and a film out of a chapter.

The drawing is an SVG whose boxes are links, coloured by the page's style; where it stands is in `tools/data/book_map.yml`.
"""

import html
import itertools
import posixpath
import re

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError

from nbdgm_book.pages import BookDirective

MAP = "tools/data/book_map.yml"
BOX, GAP, LINE = (118, 74), (124, 108), 16  # in units of the drawing
LETTERS, ROWS = 14, 4  # of a line in a box; lines in a box


def lines(title: str) -> list[str]:
    """The title in lines that fit a box; one that is too long is shown up to its colon."""
    found = [""]
    broken = re.sub(r"\S{17,}", lambda word: word[0].replace("-", "- "), title)  # wider than a box
    for word in broken.split():
        if found[-1] and len(found[-1]) + 1 + len(word) > LETTERS:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    short, colon, _ = title.partition(":")
    return lines(short) if len(found) > ROWS and colon else found


def overlaps(entries: list[dict]) -> list[tuple[str, str]]:
    """Pairs of chapters whose boxes would lie on each other."""

    def meet(one: dict, other: dict) -> bool:
        return all(abs(a - b) * gap < side for a, b, gap, side in zip(one["at"], other["at"], GAP, BOX, strict=True))

    return [(a["chapter"], b["chapter"]) for a, b in itertools.combinations(entries, 2) if meet(a, b)]


def drawing(entries: list[dict], chapters: dict[str, tuple[str, str]]) -> str:
    """The map as SVG. `chapters`: short name (`vae/5`) -> (title, address)."""
    place = {e["chapter"]: (e["at"][0] * GAP[0], e["at"][1] * GAP[1]) for e in entries}
    width, height = (round(max(xy[i] for xy in place.values()) + BOX[i] + 4) for i in (0, 1))
    parts = []
    for entry in entries:
        x, y = place[entry["chapter"]]
        for need in entry["needs"]:
            a, b = place[need]
            start, end, middle = (a + BOX[0] / 2, b + BOX[1]), (x + BOX[0] / 2, y - 7), (b + BOX[1] + y) / 2
            bend = f"C{start[0]:.0f},{middle:.0f} {end[0]:.0f},{middle:.0f} {end[0]:.0f},{end[1]:.0f}"
            parts.append(f'<path d="M{start[0]:.0f},{start[1]:.0f} {bend}" marker-end="url(#nb-arrow)"/>')
    for entry in entries:
        x, y = place[entry["chapter"]]
        title, address = chapters[entry["chapter"]]
        rows = lines(title)
        top = y + BOX[1] / 2 - (len(rows) - 1) * LINE / 2 + 4
        text = "".join(
            f'<tspan x="{x + BOX[0] / 2:.0f}" y="{top + i * LINE:.0f}">{html.escape(row)}</tspan>' for i, row in enumerate(rows)
        )
        kind = entry["chapter"].split("/")[0].replace("_", "-")
        parts.append(
            f'<a href="{html.escape(address)}" class="nb-{kind}">'
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="7"/><text>{text}</text></a>'
        )
    arrow = '<defs><marker id="nb-arrow" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    arrow += '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>'
    label = "Which chapter needs which: an arrow leads from what is needed"
    return (
        f'<div class="nb-scroll"><svg class="nb-map" viewBox="-2 -2 {width} {height}" role="group" aria-label="{label}">'
        f"{arrow}{''.join(parts)}</svg></div>"
    )


class BookMap(BookDirective):
    """`{book-map}`: the drawing."""

    def run(self) -> list[nodes.Node]:
        file = self.root / MAP
        self.env.note_dependency(str(file))
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
        here = posixpath.dirname(self.env.docname)
        book = {}
        for chapter in self.book():
            book[chapter.short] = (chapter.title, posixpath.relpath(chapter.docname, here) + ".html")
        drawn = {e["chapter"] for e in entries}
        if drawn != set(book):
            raise ExtensionError(
                f"{MAP} draws {sorted(drawn - set(book))} that are no chapters, and lacks {sorted(set(book) - drawn)}"
            )
        if hidden := overlaps(entries):
            raise ExtensionError(f"{MAP}: boxes lie on each other: {hidden}; move one of each pair by its `at`")
        return [nodes.raw("", drawing(entries, book), format="html")]


class ChapterFilm(BookDirective):
    """`{chapter-film} gan/1 CELL`: the film that a cell of a chapter stores."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        short, cell = self.arguments
        for chapter in self.book():
            if chapter.short == short:
                for index, output in chapter.outputs():
                    text = "".join(output.get("data", {}).get("text/html", ""))
                    if chapter.cells[index].get("id") == cell and '<figure class="nbdgm-film"' in text:
                        return [
                            nodes.raw("", text.replace('class="nbdgm-film"', 'class="nbdgm-film nb-plays"', 1), format="html")
                        ]
        raise self.error(f"chapter-film: {short} has no cell {cell!r} that stores a film")


def setup(app) -> None:
    app.add_directive("book-map", BookMap)
    app.add_directive("chapter-film", ChapterFilm)
