"""The folded block "Sources" at the end of a chapter: which entries of the source map it treats, and where in it.

It is made of the cells' metadata (`nbdgm.covers`) and of the derivations' ids, and works without JavaScript.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from nbdgm_book import data, handout
from nbdgm_book.links import page_of

INLINE = re.compile(r"\$([^$]+)\$|`([^`]+)`|\*([^*]+)\*")


class folded(nodes.General, nodes.Element):
    """A block that opens when its summary is clicked."""


def visit(translator, node: folded) -> None:
    translator.body.append(translator.starttag(node, "details", CLASS="nb-sources"))
    translator.body.append(f"<summary>{translator.encode(node['summary'])}</summary>\n")


def depart(translator, node: folded) -> None:
    translator.body.append("</details>\n")


def words(text: str) -> list[nodes.Node]:
    """A title's inline markdown (mathematics, code, emphasis) as nodes."""
    found, at = [], 0
    for match in INLINE.finditer(text):
        tex, code, stressed = match.groups()
        node = nodes.math("", tex) if tex else nodes.literal("", code) if code else nodes.emphasis("", stressed)
        found += [nodes.Text(text[at : match.start()]), node]
        at = match.end()
    return [*found, nodes.Text(text[at:])]


class SourcesBlock(SphinxTransform):
    """Append the block to every chapter that treats anything."""

    default_priority = 420

    def apply(self) -> None:
        path, root = Path(self.env.doc2path(self.env.docname)), Path(self.env.srcdir)
        if path.suffix != ".ipynb":
            return
        chapter = handout.read(path, self.env)
        for name in (data.SOURCE_MAP, data.ERRATA):
            self.env.note_dependency(str(root / name))
        treated = [thing for thing in data.known(root).values() if thing.id in chapter.ids]
        if not treated:
            return
        proved = {name: record.anchor for record in reversed(chapter.derivations) for name in record.ids}
        entries = "1 entry" if len(treated) == 1 else f"{len(treated)} entries"
        block = folded(summary=f"Sources: {entries} of the source map")
        for kind, title in (data.KINDS | {"erratum": "Errata"}).items():
            some = [thing for thing in treated if thing.kind == kind]
            if some:
                block += nodes.paragraph("", "", nodes.strong("", title), classes=["nb-sources-kind"])
                listing = nodes.bullet_list(classes=["nb-sources-list"])
                for thing in some:
                    anchor = proved.get(thing.id) or chapter.covers[thing.id]
                    listing += self.item(thing, anchor, kind != "erratum" and thing.id in proved)
                block += listing
        top = next(iter(self.document.findall(nodes.section)), self.document)
        top += block

    def item(self, thing: data.Entry | data.Erratum, anchor: str, proved: bool) -> nodes.list_item:
        """`E-13.26 KL divergence ... (the textbook: equation 13.26), proved here`."""
        uri = f"{self.app.builder.get_relative_uri(self.env.docname, page_of(thing.id))}#{thing.id}"
        name = nodes.inline("", "", nodes.reference("", thing.id, refuri=uri, internal=True), classes=["nb-id"])
        here = nodes.reference("", "proved here" if proved else "here", refuri=f"#{anchor}", internal=True)
        place = nodes.inline("", f" ({thing.place}), ", classes=["nb-where"])
        return nodes.list_item("", nodes.paragraph("", "", name, nodes.Text(" "), *words(thing.title), place, here))


def setup(app: Sphinx) -> None:
    skipped = (lambda translator, node: None, lambda translator, node: None)
    app.add_node(folded, html=(visit, depart), latex=skipped, text=skipped, man=skipped, texinfo=skipped)
    app.add_transform(SourcesBlock)
