"""The index of ideas: every term of the glossary with the chapter that teaches it and those in which it plays a part."""

import re

import chapters
from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book import data
from nbdgm_book.glossary import anchor
from nbdgm_book.pages import BookDirective
from nbdgm_book.terms import GLOSSARY_PAGE, Words

OFTEN = 3
"""In how many places of its text a chapter names a term that plays a part in it; one heading is enough."""
NO_PROSE = re.compile(r"^```\w*\n.*?^```|\$\$.*?\$\$|\$[^$]+\$|`[^`]*`", re.M | re.S)
"""Blocks of code, formulas, and what stands in backticks: code and the targets of roles."""


def mentions(chapter: chapters.Chapter, words: Words) -> dict[str, int]:
    """Term -> how often the chapter's text names it; a heading counts as often as it takes to play a part."""
    found: dict[str, int] = {}
    for cell in chapter.cells:
        if cell["cell_type"] == "markdown":
            for line in NO_PROSE.sub(" ", chapters.source(cell)).splitlines():
                for _, term in words.find(line):
                    found[term] = found.get(term, 0) + (OFTEN if line.startswith("#") else 1)
    return found


class IdeaIndex(BookDirective):
    """`{idea-index}`: the terms by the alphabet; first the chapter that teaches a term, then others that name it often."""

    def run(self) -> list[nodes.Node]:
        terms = sorted(self.read(data.GLOSSARY), key=lambda t: str(t["en"]).lower())
        words, book = Words(terms), self.book()
        named = [(chapter, mentions(chapter, words)) for chapter in book]
        letters: dict[str, nodes.definition_list] = {}
        for term in terms:
            name = str(term["en"])
            teaches = [chapter for chapter in book if chapter.short == term.get("see")]
            others = [chapter for chapter, counts in named if counts.get(name, 0) >= OFTEN and chapter not in teaches]
            if teaches or others:
                letter = name[0].upper()
                listing = letters.setdefault(letter, nodes.definition_list(classes=["nb-glossary", "nb-ideas"]))
                listing += self.item(term, teaches, others)
        jumps: list[nodes.Node] = []
        found: list[nodes.Node] = []
        for letter, listing in letters.items():
            jumps += [nodes.Text(" "), nodes.reference("", letter, refuri=f"#ideas-{letter.lower()}", internal=True)]
            found += [nodes.rubric("", letter, ids=[f"ideas-{letter.lower()}"]), listing]
        return [self.paragraph(jumps[1:], classes=("nb-letters",)), *found]

    def item(self, term: dict, teaches: list, others: list) -> nodes.definition_list_item:
        name = self.link(GLOSSARY_PAGE, anchor(str(term["en"])), str(term["en"]))
        zh = nodes.inline("", str(term["zh"]), classes=["nb-zh"], lang="zh")
        where: list[nodes.Node] = [nodes.strong("", "", self.link(c.docname, "", c.title)) for c in teaches]
        where += [self.link(c.docname, "", c.title) for c in others]
        parted = [part for node in where for part in (nodes.Text("; "), node)][1:]
        return nodes.definition_list_item(
            "", nodes.term("", "", name, nodes.Text(" "), zh), nodes.definition("", nodes.paragraph("", "", *parted))
        )


def setup(app: Sphinx) -> None:
    app.add_directive("idea-index", IdeaIndex)
