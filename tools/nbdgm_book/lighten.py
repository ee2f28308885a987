"""Pages lighter than Sphinx makes them: no element that changes nothing, and plots that say what they show.

Pygments wraps every name, comma and blank of the code in an element of its own, half of a chapter's elements; our two styles
give these no colour. MyST-NB names a plot by its file; the stored notebooks hold a description (`metadata["image/png"].alt`).
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book.cells import CellTransform

COLOURLESS = re.compile(r'<span class="(?:n|p|w|nn|nx|o)">([^<]*)</span>')


class Descriptions(CellTransform):
    """The stored description of a plot becomes its alternative text."""

    default_priority = 430

    def change(self, path: Path, cells: list[dict]) -> None:
        for node, cell, _ in self.code_cells(cells):
            outputs = cell.get("outputs", [])
            said = [o["metadata"].get("image/png", {}).get("alt", "") for o in outputs if "image/png" in o.get("data", {})]
            drawn = list(node.findall(nodes.image))
            for image, text in zip(drawn, said, strict=False):
                if text:
                    image["alt"] = text.strip("[] ")


def plain_code(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Take the colourless elements out of the page's code, and give entries of a list the role that ARIA has now."""
    if "body" in context:
        context["body"] = COLOURLESS.sub(r"\1", context["body"]).replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> None:
    app.add_transform(Descriptions)
    app.connect("html-page-context", plain_code, priority=900)
