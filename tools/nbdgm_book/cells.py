"""Transforms of chapters: what a page's nodes have to do with the cells of the stored notebook."""

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

from nbdgm_book import handout


class CellTransform(SphinxTransform):
    """A transform that is applied to chapters only, with the stored cells at hand."""

    def apply(self) -> None:
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix == ".ipynb":
            self.change(path, handout.read(path, self.env).cells)

    def change(self, path: Path, cells: list[dict]) -> None:
        """Change the document of the chapter at `path`."""
        raise NotImplementedError

    def code_cells(self, cells: list[dict]) -> Iterator[tuple[nodes.container, dict, int]]:
        """Each code cell of the page: its node, the stored cell, its index."""
        found = self.document.findall(lambda n: isinstance(n, nodes.container) and n.get("nb_element") == "cell_code")
        for node in list(found):
            yield node, cells[node["cell_index"]], node["cell_index"]
