"""The glossary: each term with its Chinese word, what it means, and the chapter that teaches it."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book import data
from nbdgm_book.pages import BookDirective


def anchor(term: str) -> str:
    """The id of a term on the glossary's page: `term-mode-collapse`."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


class Glossary(BookDirective):
    """`{glossary-table}`: the terms, sorted by the English; an asterisk marks a Chinese word that no source uses."""

    def run(self) -> list[nodes.Node]:
        terms = sorted(self.read(data.GLOSSARY), key=lambda t: str(t["en"]).lower())
        book = {chapter.short: chapter for chapter in self.book()}
        listing = nodes.definition_list(classes=["nb-glossary"])
        for term in terms:
            chinese = f"{term['zh']}{' *' if term.get('proposed') else ''}"
            name = nodes.strong("", "", *self.inline(str(term["en"])))
            head = nodes.term("", "", name, nodes.Text(" "), nodes.inline("", chinese, classes=["nb-zh"], lang="zh"))
            head["ids"].append(anchor(str(term["en"])))
            chapter = book.get(term.get("see", ""))
            where = [nodes.Text(" See "), self.link(chapter.docname, "", chapter.title), nodes.Text(".")] if chapter else []
            body = nodes.definition("", self.paragraph(str(term["text"]), where))
            listing += nodes.definition_list_item("", head, body)
        return [listing]


def setup(app: Sphinx) -> None:
    app.add_directive("glossary-table", Glossary)
