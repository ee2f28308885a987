"""Terms of the glossary in the text: the first time that a chapter uses one it is a link to its definition.

`previews` and `book/_static/nbdgm.js` show the definition, with the Chinese word, to whoever points at the link or reaches it
by key; without a script it is a link to the glossary. Code, headings, tables and what is a link already are left alone.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book import data
from nbdgm_book.cells import CellTransform
from nbdgm_book.glossary import anchor
from nbdgm_book.links import LinkIds
from nbdgm_book.sources import folded

GLOSSARY_PAGE = "book/appendix/glossary"
CLOSED = (nodes.table, nodes.rubric, nodes.caption, nodes.term, folded)
"""What holds no links to terms, beside what is opaque to IDs as well."""
JOINT = r"[-‐–\s]+"
ACRONYM = re.compile(r"[A-Z][A-Z-]*[A-Z]")


def spellings(term: dict) -> list[str]:
    """The words by which a text may name a term: those of its entry's `words`, else those of its name.

    `a b (c d)` is `a b` and `c d`, `a (b) c` is `a c` and `b c`, and `a (of b)` only itself, since `a` says more than that.
    """
    if "words" in term:
        return list(term["words"])
    name = str(term["en"])
    found = re.fullmatch(r"(.*?) ?\(([^)]*)\) ?(.*)", name)
    if not found:
        return [name]
    before, inner, after = found.groups()
    if inner.startswith("of "):
        return []
    return [f"{before} {after}".strip(), f"{inner} {after}".strip()]


class Words:
    """Finds the terms in a text: in any case, with a hyphen or a space, in the plural; the longest where several begin."""

    def __init__(self, terms: list[dict]) -> None:
        self.term: dict[str, str] = {}
        """A spelling, as `plain` leaves it -> the term's name."""
        self.acronyms: set[str] = set()
        for term in terms:
            for spelling in spellings(term):
                self.term.setdefault(self.plain(spelling), str(term["en"]))
                self.acronyms |= {spelling} if ACRONYM.fullmatch(spelling) else set()
        every = sorted(self.term, key=len, reverse=True)
        self.pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(self.form, every))})(?![\w]|-\w)", re.I)

    @staticmethod
    def plain(spelling: str) -> str:
        return re.sub(JOINT, " ", spelling.lower()).strip()

    @staticmethod
    def form(spelling: str) -> str:
        """A spelling as a regular expression."""
        parts = [re.escape(part) for part in spelling.split(" ")]
        parts[-1] = f"{parts[-1][:-1]}(?:y|ies)" if re.search(r"[^aeiou]y$", parts[-1]) else f"{parts[-1]}(?:s|es)?"
        return JOINT.join(parts)

    def find(self, text: str) -> Iterator[tuple[re.Match, str]]:
        """(match, name of the term), in the order of the text."""
        if not self.term:
            return
        for match in self.pattern.finditer(text):
            found = self.plain(match[0])
            singular = (found, found.removesuffix("s"), found.removesuffix("es"), re.sub(r"ies$", "y", found))
            spelling = next(form for form in singular if form in self.term)
            acronym = next((word for word in self.acronyms if self.plain(word) == spelling), "")
            if not acronym or match[0].startswith(acronym):
                yield match, self.term[spelling]


class LinkTerms(CellTransform):
    """Link the first mention of each term on a chapter's page."""

    default_priority = 890

    def change(self, path: Path, cells: list[dict]) -> None:
        file = Path(self.env.srcdir) / data.GLOSSARY
        if GLOSSARY_PAGE not in self.env.found_docs or not file.exists():
            return
        self.env.note_dependency(str(file))
        words, met = Words(data.load(Path(self.env.srcdir), data.GLOSSARY)), set()
        for text in list(self.document.findall(nodes.Text)):
            if self.closed(text):
                continue
            fresh, at = [], 0
            for match, name in words.find(text):
                if name not in met:
                    met.add(name)
                    fresh += [nodes.Text(text[at : match.start()]), self.link(name, match[0])]
                    at = match.end()
            if fresh:
                text.parent.replace(text, [*fresh, nodes.Text(text[at:])])

    def link(self, name: str, word: str) -> nodes.inline:
        uri = f"{self.app.builder.get_relative_uri(self.env.docname, GLOSSARY_PAGE)}#{anchor(name)}"
        return nodes.inline("", "", nodes.reference("", word, refuri=uri, internal=True), classes=["nb-term"])

    @staticmethod
    def closed(text: nodes.Text) -> bool:
        """Does this text stand where no term is linked?"""
        node = text.parent
        while node is not None:
            if isinstance(node, CLOSED):
                return True
            node = node.parent
        return LinkIds.opaque(text)


def setup(app: Sphinx) -> None:
    app.add_transform(LinkTerms)
