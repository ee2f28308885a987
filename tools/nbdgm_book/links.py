"""Anchors at the cells of chapters, and the IDs that the appendix writes out as links to its source map."""

from pathlib import Path

import chapters
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from nbdgm_book import data
from nbdgm_book.cells import CellTransform

logger = logging.getLogger(__name__)
APPENDIX = "book/appendix/"
MAP_PAGE, ERRATA_PAGE = APPENDIX + "source_map", APPENDIX + "errata"
OPAQUE = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.reference, nodes.raw, nodes.comment)
OPAQUE += (nodes.target, nodes.title, addnodes.pending_xref, addnodes.desc_signature, addnodes.download_reference)
LINES = 10_000  # MyST-NB numbers the lines of a notebook from here on, as many for each cell


def page_of(name: str) -> str:
    """The page that explains an ID: errata have their own."""
    return ERRATA_PAGE if name.startswith("ERR-") else MAP_PAGE


class CellAnchors(CellTransform):
    """Give every code cell, and every cell of text that covers an ID, the id `cell-<id of the cell>`: what links lead to."""

    default_priority = 400

    def change(self, path: Path, cells: list[dict]) -> None:
        for node, cell, index in self.code_cells(cells):
            node["ids"].append(chapters.anchor(cell, index))
        wanted = {i for i, c in enumerate(cells) if c["cell_type"] == "markdown" and chapters.covers(c)}
        for node in self.document.findall(nodes.Element):
            index = (node.line or 0) // LINES - 1
            if index in wanted and "ids" in node and not isinstance(node, nodes.system_message):
                wanted.remove(index)
                node["ids"].append(chapters.anchor(cells[index], index))
        for index in sorted(wanted):
            logger.warning("cell %s covers IDs and shows nothing", chapters.anchor(cells[index], index), location=str(path))
        for number, node in enumerate(self.document.findall(nodes.section)):  # sphinx-exercise gives all its boxes the same id
            node["ids"] = [f"{i}-{number}" if i in ("solution-content", "exercise-content") else i for i in node["ids"]]


class LinkIds(SphinxTransform):
    """Turn E-13.26, ERR-004-06, S-41, ... in the appendix into links to the source map; chapters write no IDs out."""

    default_priority = 880

    def apply(self) -> None:
        if not self.env.docname.startswith(APPENDIX):
            return
        root = Path(self.env.srcdir)
        known = data.known(root)
        for name in (data.SOURCE_MAP, data.ERRATA):
            self.env.note_dependency(str(root / name))
        for text in list(self.document.findall(nodes.Text)):
            if not chapters.ID.search(text) or self.opaque(text):
                continue
            fresh, at = [], 0
            for match in chapters.ID.finditer(text):
                name = match.group()
                if name not in known:
                    logger.warning("%s is neither in %s nor in %s", name, data.SOURCE_MAP, data.ERRATA, location=text.parent)
                    continue
                fresh += [nodes.Text(text[at : match.start()]), self.link(name)]
                at = match.end()
            text.parent.replace(text, [*fresh, nodes.Text(text[at:])])

    def link(self, name: str) -> nodes.inline:
        here, there = self.env.docname, page_of(name)
        uri = ("" if here == there else self.app.builder.get_relative_uri(here, there)) + f"#{name}"
        return nodes.inline("", "", nodes.reference("", name, refuri=uri, internal=True), classes=["nb-id"])

    @staticmethod
    def opaque(text: nodes.Text) -> bool:
        """Is this text code, mathematics, a link already, or a heading?"""
        node = text.parent
        while node is not None:
            if isinstance(node, OPAQUE) or "nb-plain" in node.get("classes", []):
                return True
            node = node.parent
        return False


def setup(app: Sphinx) -> None:
    app.add_transform(CellAnchors)
    app.add_transform(LinkIds)
