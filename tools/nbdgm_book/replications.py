"""In how many runs with other seeds or longer training a claim held: beside the claim on its page, and in an index."""

from pathlib import Path

import chapters
from docutils import nodes
from replicate import Way
from sphinx.application import Sphinx
from sphinx.util import logging

from nbdgm_book import handout, pages
from nbdgm_book.cells import CellTransform

logger = logging.getLogger(__name__)
CLAIM = '<div class="nbdgm-claim'


def way(run: dict) -> str:
    """`seeds + 10,007, 3 times the updates`: how a run differed from the stored one."""
    return str(Way(run["seed"], run["stretch"]))


def sentence(verdict: chapters.Verdict) -> str:
    """What stands beside a claim: in how many other runs it held, and in which it did not."""
    against = "; not with ".join([str(verdict), *(way(run) for run, _ in verdict.failed)])
    return against[0].upper() + against[1:]


class BesideClaims(CellTransform):
    """Add to every claim of a replicated chapter in how many other runs it held (the stored output does not know)."""

    default_priority = 405

    def change(self, path: Path, cells: list[dict]) -> None:
        root = Path(self.env.srcdir)
        chapter = handout.read(path, self.env)
        if not chapter.replications:
            return
        self.env.note_dependency(str(chapters.replication_file(chapter.docname, root)))
        for node, cell, index in self.code_cells(cells):
            stored = sum(claim.cell == index for claim in chapter.claims)
            verdicts = [v for v in chapter.verdicts if v.cell == chapters.cell_name(cell, index)][:stored]
            shown = [n for n in node.findall(nodes.raw) if n.get("format") == "html" and CLAIM in n.astext()]
            if len(shown) != len(verdicts):
                logger.warning("%d claims are shown, %d are stored", len(shown), len(verdicts), location=node)
                continue
            for claim, verdict in zip(shown, verdicts, strict=True):
                before, end, after = claim.astext().rpartition("</div>")
                line = f'<p class="nbdgm-small nbdgm-again">{sentence(verdict)}.</p>' if verdict.runs else ""
                claim[:] = [nodes.Text(before + line + end + after)]


class ReplicationIndex(pages.BookDirective):
    """`{replication-index}`: how many claims were tried in other runs and held in all, and each that failed anywhere."""

    def run(self) -> list[nodes.Node]:
        book = [c for c in self.book() if c.replications]
        rows, failed, sums = [], [], [0, 0, 0, 0]
        for chapter in book:
            tried = [v for v in chapter.verdicts if v.runs]
            bad = [v for v in tried if v.failed]
            counts = [len(chapter.replications), len(tried), len(tried) - len(bad), len(bad)]
            sums = [a + b for a, b in zip(sums, counts, strict=True)]
            minutes = sum(run["seconds"] for run in chapter.replications) / 60
            rows.append([[self.link(chapter.docname, "", chapter.title)], *map(str, counts), f"{minutes:.0f}"])
            for verdict in bad + [v for v in chapter.check_verdicts if v.failed]:
                failed += [self.row_of(chapter, verdict, run, claim) for run, claim in verdict.failed]
        if not book:
            return [self.paragraph("No chapter has been replicated yet.")]
        these = f"Of {sums[1]} claims of {len(book)} replicated chapter{'s' * (len(book) != 1)}"
        text = f"{these}, {sums[2]} held in every other run, {sums[3]} did not."
        head = ["chapter", "other runs", "claims tried", "held in all", "failed in one or more", "minutes"]
        found: list[nodes.Node] = [self.paragraph(text), self.table(head, rows, ("nb-numbers",))]
        for chapter in book:
            for run in chapter.replications:
                if "failed" in run:
                    stopped = [nodes.Text(f": the run with {way(run)} stopped, {run['failed']}")]
                    found.append(self.paragraph([self.link(chapter.docname, "", chapter.title)], stopped))
        if failed:
            found.append(self.table(["claim", "run", "what happened", "numbers"], failed))
        return found

    def row_of(self, chapter: chapters.Chapter, verdict: chapters.Verdict, run: dict, claim: dict) -> list:
        code = [(i, c) for i, c in enumerate(chapter.cells) if c["cell_type"] == "code"]
        places = {chapters.cell_name(c, i): chapters.anchor(c, i) for i, c in code}
        text = self.link(chapter.docname, places.get(verdict.cell, ""), "")
        text += self.inline(verdict.text)
        return [[text], way(run), [self.mark(claim["status"])], [nodes.Text(pages.numbers(claim))]]


def setup(app: Sphinx) -> None:
    app.add_transform(BesideClaims)
    app.add_directive("replication-index", ReplicationIndex)
