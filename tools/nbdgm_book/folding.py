"""What only authors read is folded: a proof is one line (mark, title, case) above its derivation and the code that checks it.

All of it is `<details>`, so it opens without a script, by key, and by the browser's own search. A cell tagged `open-proof`
stands open: the one or two derivations that are the chapter's idea.
"""

import html
import json
import re
from pathlib import Path

import chapters
from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book.cells import CellTransform
from nbdgm_book.formulas import formula

DOLLARS = re.compile(r"\$([^$]+)\$")


def rich(text: str, node: nodes.Node) -> str:
    """A title or a case as HTML, with `$...$` as formulas."""
    parts = DOLLARS.split(text)
    return "".join(formula(part, False, node) if i % 2 else html.escape(part) for i, part in enumerate(parts))


def capital(text: str) -> str:
    """With a capital letter at the beginning, unless a formula or a name in code stands there."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+[ ,:-]|[a-z]{2,}$", text) else text


def raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


class Fold(CellTransform):
    """Fold the cells tagged `proof` and `setup`; after the anchors of cells (400), which they keep."""

    default_priority = 420

    def change(self, path: Path, cells: list[dict]) -> None:
        for node, cell, _ in self.code_cells(cells):
            tags = cell["metadata"].get("tags", [])
            if "setup" in tags:
                head = raw('<details class="nb-code nb-setup"><summary>Set-up: imports, seed, budget</summary>')
                node[:] = [head, *node, raw("</details>")]
            elif "proof" in tags:
                self.fold_proof(node, cell, "open-proof" in tags)

    def fold_code(self, cell: nodes.container, title: str, kind: str) -> nodes.container | None:
        """Put the code of a cell behind one line, in place."""
        code = next((part for part in cell if part.get("nb_element") == "cell_code_source"), None)
        if code is not None:
            at = cell.index(code)
            cell[at : at + 1] = [raw(f'<details class="nb-code {kind}"><summary>{title}</summary>'), code, raw("</details>")]
        return code

    def fold_proof(self, cell: nodes.container, source: dict, opened: bool) -> None:
        """One line for each derivation, and the code under the last; what else the cell shows stays open below."""
        records = [output.get("data", {}).get(chapters.PROOF_MIME) for output in source.get("outputs", [])]
        stored = [record for record in records if record]
        shown = next((part for part in cell if part.get("nb_element") == "cell_code_output"), None)
        if not stored or shown is None:
            self.fold_code(cell, "Symbols of the proofs below", "nb-symbols")
            return
        code = next(part for part in cell if part.get("nb_element") == "cell_code_source")
        cell.remove(code)
        bundles = [part for part, proves in zip(list(shown), records, strict=False) if proves]
        for number, (bundle, record) in enumerate(zip(bundles, stored, strict=True)):
            record = json.loads("".join(record)) if isinstance(record, str | list) else record
            head = f'<details class="nb-proof"{" open" if opened else ""}><summary>{self.summary(record, cell)}</summary>'
            under = [raw('<details class="nb-code"><summary>Checking code</summary>'), code, raw("</details>")]
            at = shown.index(bundle)
            last = number == len(stored) - 1
            shown[at : at + 1] = [raw(head), bundle, *(under if last else []), raw("</details>")]

    def summary(self, record: dict, node: nodes.Node) -> str:
        """Mark, title, case: `proved` alone means in general."""
        status, scope = record.get("status", "proved"), record.get("scope", "general")
        case = "" if scope == "general" else f' <span class="nb-case">for {rich(scope, node)}</span>'
        mark = f'<span class="nb-mark nb-mark-{html.escape(status)}">{html.escape(status)}</span>'
        return f'<span class="nb-proof-title">{rich(capital(record.get("title", "Proof")), node)}</span> {mark}{case}'


def setup(app: Sphinx) -> None:
    app.add_transform(Fold)
