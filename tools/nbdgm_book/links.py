"""Anchors at code cells, and IDs of the source map in prose as links."""

import json
import re
from pathlib import Path

import chapters
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from nbdgm_book import data

logger = logging.getLogger(__name__)
MAP_PAGE, ERRATA_PAGE = "book/appendix/source_map", "book/appendix/errata"
OPAQUE = (
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.reference,
    nodes.raw,
    nodes.target,
    nodes.comment,
)
OPAQUE += (addnodes.pending_xref, addnodes.desc_signature, addnodes.download_reference)


def page_of(name: str) -> str:
    """The page that explains an ID: errata have their own."""
    return ERRATA_PAGE if name.startswith("ERR-") else MAP_PAGE


class CellAnchors(SphinxTransform):
    """Give every code cell of a chapter the id `cell-<id of the cell>`, so that an index can link straight to it."""

    default_priority = 400

    def apply(self) -> None:
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix != ".ipynb":
            return
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for node in self.document.findall(lambda n: isinstance(n, nodes.container) and n.get("nb_element") == "cell_code"):
            index = node["cell_index"]
            node["ids"].append(chapters.anchor(cells[index], index))
        for number, node in enumerate(self.document.findall(nodes.section)):  # sphinx-exercise gives all its boxes the same id
            node["ids"] = [f"{i}-{number}" if i in ("solution-content", "exercise-content") else i for i in node["ids"]]


class LinkProofIds(SphinxTransform):
    """The IDs in the head of a rendered derivation become links, as in running text (the stored output holds no address)."""

    default_priority = 410
    HEAD = re.compile(r'(<div class="nbdgm-proof.*?</strong> <span class="nbdgm-small">)([^<]*)', re.S)

    def apply(self) -> None:
        def linked(match: re.Match) -> str:
            return match.group(1) + chapters.ID.sub(
                lambda m: f'<a href="{self.address(m.group())}">{m.group()}</a>', match.group(2)
            )

        for node in self.document.findall(nodes.raw):
            if node.get("format") == "html" and "nbdgm-proof" in node.astext():
                node[:] = [nodes.Text(self.HEAD.sub(linked, node.astext()))]

    def address(self, name: str) -> str:
        return self.app.builder.get_relative_uri(self.env.docname, page_of(name)) + f"#{name}"


class LinkIds(SphinxTransform):
    """Turn E-13.26, ERR-004-06, S-41, ... in running text into links to the source map.

    The first mention on a page outside its opening section becomes the target `id-E-13.26`, to which the source map links back.
    """

    default_priority = 880

    def apply(self) -> None:
        root = Path(self.env.srcdir)
        known = data.entries(root)
        self.env.note_dependency(str(root / data.SOURCE_MAP))
        seen: set[str] = set()
        mentions: list[tuple[nodes.inline, str, bool]] = []
        for text in list(self.document.findall(nodes.Text)):
            if not chapters.ID.search(text) or self.opaque(text):
                continue
            fresh, at = [], 0
            for match in chapters.ID.finditer(text):
                name = match.group()
                if name not in known:
                    logger.warning("%s is not in the source map (%s)", name, data.SOURCE_MAP, location=text.parent)
                    continue
                if match.start() > at:
                    fresh.append(nodes.Text(text[at : match.start()]))
                link = self.link(known[name])
                fresh.append(link)
                mentions.append((link, name, self.in_header(text)))
                at = match.end()
            if at < len(text):
                fresh.append(nodes.Text(text[at:]))
            text.parent.replace(text, fresh)
        for link, name, _ in sorted(mentions, key=lambda m: m[2]):  # sorted is stable: those outside the header come first
            if name not in seen:
                seen.add(name)
                link["ids"].append(f"id-{name}")

    def link(self, entry: data.Entry) -> nodes.inline:
        here, there = self.env.docname, page_of(entry.id)
        uri = ("" if here == there else self.app.builder.get_relative_uri(here, there)) + f"#{entry.id}"
        reference = nodes.reference("", entry.id, refuri=uri, internal=True, reftitle=entry.tooltip)
        return nodes.inline("", "", reference, classes=["nb-id"])

    @staticmethod
    def opaque(text: nodes.Text) -> bool:
        """Is this text code, mathematics, a link already, or a heading?"""
        node = text.parent
        while node is not None:
            if isinstance(node, OPAQUE) or "nb-plain" in node.get("classes", []):
                return True
            if isinstance(node, nodes.title) and not isinstance(node.parent, nodes.admonition):
                return True
            if isinstance(node, nodes.container) and node.get("nb_element"):
                return True
            node = node.parent
        return False

    @staticmethod
    def in_header(text: nodes.Text) -> bool:
        """Does the text stand before the first section of the page (the table of sources)?"""
        node, depth = text.parent, 0
        while node is not None:
            depth += isinstance(node, nodes.section)
            node = node.parent
        return depth <= 1


def setup(app: Sphinx) -> None:
    app.add_transform(CellAnchors)
    app.add_transform(LinkProofIds)
    app.add_transform(LinkIds)
