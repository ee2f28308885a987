"""The directives of the appendix: pages made of the stored chapters and of `tools/data`."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import chapters
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from nbdgm_book import data, handout
from nbdgm_book.links import page_of


@dataclass(frozen=True)
class Place:
    """Where a chapter treats an ID: `status` is that of a derivation, or `treated` for a cell whose metadata say so."""

    chapter: chapters.Chapter
    anchor: str
    status: str


def stored(env) -> list[chapters.Chapter]:
    """The chapters that are in the table of contents, in its order."""
    found = (handout.read(path, env) for path in chapters.paths(Path(env.srcdir)))
    return [chapter for chapter in found if chapter.docname in env.found_docs]


def coverage(book: list[chapters.Chapter]) -> dict[str, list[Place]]:
    """ID -> where it is treated: the derivations of each chapter, or the cell that covers it if none does."""
    found: dict[str, list[Place]] = defaultdict(list)
    for chapter in book:
        proved = set()
        for record in chapter.derivations:
            for name in record.ids:
                place = Place(chapter, record.anchor, record.status)
                if place not in found[name]:
                    found[name].append(place)
                proved.add(name)
        for name, anchor in chapter.covers.items():
            if name not in proved:
                found[name].append(Place(chapter, anchor, "treated"))
    return found


class BookDirective(SphinxDirective):
    """Helpers shared by the directives: inline markdown, links to cells, tables, and the files that a page depends on."""

    @property
    def root(self) -> Path:
        return Path(self.env.srcdir)

    def book(self) -> list[chapters.Chapter]:
        found = stored(self.env)
        for chapter in found:
            self.env.note_dependency(str(chapter.path))
            files = [chapters.run_file(chapter.docname, budget, self.root) for budget in chapters.BUDGETS]
            files.append(chapters.replication_file(chapter.docname, self.root))
            for file in filter(Path.exists, files):  # a missing one would make the page new at every build
                self.env.note_dependency(str(file))
        return found

    def read(self, name: str) -> list:
        self.env.note_dependency(str(self.root / name))
        return data.load(self.root, name)

    def entries(self, *kinds: str) -> list[data.Entry]:
        self.env.note_dependency(str(self.root / data.SOURCE_MAP))
        return [e for e in data.entries(self.root).values() if not kinds or e.kind in kinds]

    def errata(self) -> list[data.Erratum]:
        self.env.note_dependency(str(self.root / data.ERRATA))
        return list(data.errata(self.root).values())

    def inline(self, text: str) -> list[nodes.Node]:
        """Inline MyST (emphasis, code, mathematics) as nodes; spaces at the ends are kept."""
        text = re.sub(r"\s+", " ", text)
        middle = list(self.state.inline_text(text.strip(), self.lineno)[0]) if text.strip() else []
        before = [nodes.Text(" ")] if text.startswith(" ") else []
        return [*before, *middle, *([nodes.Text(" ")] if middle and text.endswith(" ") else [])]

    def paragraph(self, *parts: str | nodes.Node | list, classes: tuple[str, ...] = ()) -> nodes.paragraph:
        node = nodes.paragraph(classes=list(classes))
        for part in parts:
            node += self.inline(part) if isinstance(part, str) else part
        return node

    def formula(self, tex: str) -> nodes.Node:
        """A displayed formula without a number; dollar signs around it are dropped."""
        text = tex.strip().strip("$").strip()
        node = nodes.math_block(text, text, nowrap=False, number=None, label=None, docname=self.env.docname)
        return nodes.container("", node, classes=["nb-formula"])

    def link(self, docname: str, anchor: str, text: str, classes: tuple[str, ...] = ()) -> nodes.reference:
        uri = "" if docname == self.env.docname else self.env.app.builder.get_relative_uri(self.env.docname, docname)
        uri += f"#{anchor}" if anchor else ""
        return nodes.reference("", text, refuri=uri, internal=True, classes=list(classes))

    def id_link(self, name: str) -> nodes.inline:
        return nodes.inline("", "", self.link(page_of(name), name, name), classes=["nb-id"])

    def mark(self, status: str) -> nodes.inline:
        """A status in words, in a pill: colour is never the only carrier."""
        return nodes.inline("", status, classes=["nb-mark", "nb-mark-" + status.replace(" ", "-")])

    def places(self, places: list[Place]) -> list[nodes.Node]:
        """Links to the cells, grouped by chapter, with their marks."""
        found: list[nodes.Node] = []
        for chapter in dict.fromkeys(p.chapter.docname for p in places):
            here = [p for p in places if p.chapter.docname == chapter]
            for number, place in enumerate(here):
                text = place.chapter.title if number == 0 else f"cell {number + 1}"
                if found:
                    found.append(nodes.Text(", "))
                found.append(self.link(chapter, place.anchor, text))
                if place.status != "treated":
                    found += [nodes.Text(" "), self.mark(place.status)]
        return found

    def table(
        self, head: list[str], rows: list[list], classes: tuple[str, ...] = (), ids: list[str] | None = None
    ) -> nodes.container:
        """A table in a box that scrolls sideways on a narrow screen. A cell is inline markdown, a node, or a list of nodes."""
        table = nodes.table(classes=["nb-table", *classes])
        group = nodes.tgroup(cols=len(head))
        group += [nodes.colspec(colwidth=1) for _ in head]
        top = nodes.thead()
        top += self.row(head)
        body = nodes.tbody()
        for number, row in enumerate(rows):
            body += self.row(row, ids[number] if ids else None)
        group += [top, body]
        table += group
        return nodes.container("", table, classes=["nb-scroll"])

    def box(self, thing: data.Entry | data.Erratum, places: list[Place], details: list[str], tier: str = "") -> nodes.container:
        """The frame of an entry: its ID, its title, and where it comes from."""
        box = nodes.container(classes=["nb-entry", "nb-covered" if places else "nb-open"], ids=[thing.id])
        head = self.paragraph(nodes.strong("", thing.id), " ", classes=("nb-entry-head", "nb-plain"))
        head += self.inline(thing.title)
        shown = "; ".join(filter(None, [*details, f"tier {tier}" if tier else ""]))
        head += nodes.inline("", f" {shown}", classes=["nb-where"])
        box += head
        return box

    def treated(self, planned: str, places: list[Place]) -> nodes.paragraph:
        """Where a chapter treats it, or that none does yet."""
        if places:
            return self.paragraph(nodes.strong("", "Treated in "), self.places(places), classes=("nb-state", "nb-plain"))
        where = f", planned for `{planned.removeprefix('book/')}`" if planned else ""
        return self.paragraph(nodes.strong("", "Open"), where + ".", classes=("nb-state", "nb-plain"))

    def row(self, cells: list, name: str | None = None) -> nodes.row:
        row = nodes.row()
        if name:
            row["ids"].append(name)
        for cell in cells:
            entry = nodes.entry()
            entry += cell if isinstance(cell, nodes.container) else self.paragraph(cell)
            row += entry
        return row


class SourceMap(BookDirective):
    """`{source-map} kind`: every entry of that kind with what it says, where it is treated, or that it is open.

    The option `source` keeps the entries whose first source it is.
    """

    required_arguments = 1
    option_spec: ClassVar[dict] = {"source": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        wanted = self.options.get("source")
        chosen = [e for e in self.entries(self.arguments[0]) if wanted in (None, e.source[0])]
        if not chosen:
            raise self.error(f"the source map has no {self.arguments[0]} of {wanted or 'any source'}")
        covered = coverage(self.book())
        return [self.entry(e, covered.get(e.id, [])) for e in chosen]

    def entry(self, entry: data.Entry, places: list[Place]) -> nodes.container:
        box = self.box(entry, places, [entry.place, *([entry.status] if entry.status != "as printed" else [])], entry.tier)
        if entry.tex:
            box += self.formula(entry.tex)
        if entry.text:
            box += self.paragraph(entry.text)
        if entry.papers:
            box += self.paragraph(f"{{cite:t}}`{', '.join(entry.papers)}`", classes=("nb-verify",))
        for word, text in (("Measured", entry.measure), ("See", ", ".join(entry.see)), ("Errata", ", ".join(entry.errata))):
            if text:
                box += self.paragraph(nodes.emphasis("", word + ": "), text, classes=("nb-verify",))
        box += self.treated(entry.chapter, places)
        return box


class Errata(BookDirective):
    """`{errata} source`: each of a source, with the printed words, their translation, the verdict and what is right."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        chosen = [e for e in self.errata() if e.source == self.arguments[0]]
        if not chosen:
            raise self.error(f"there are no errata of {self.arguments[0]}: {', '.join(data.SOURCES)}")
        covered = coverage(self.book())
        return [self.erratum(e, covered.get(e.id, [])) for e in chosen]

    def erratum(self, erratum: data.Erratum, places: list[Place]) -> nodes.container:
        box = self.box(erratum, places, [erratum.verdict, erratum.where])
        box += self.paragraph(nodes.strong("", "Printed:"))
        box += [nodes.literal_block(q, q, language="text", classes=["nb-quote"]) for q in erratum.quote]
        if erratum.translation:
            box += self.paragraph(nodes.strong("", "In English: "), [nodes.Text(erratum.translation)])
        box += self.paragraph(nodes.strong("", "Right: "), erratum.sentence)
        if erratum.names:
            box += self.paragraph(nodes.emphasis("", "The same: "), ", ".join(erratum.names), classes=("nb-verify",))
        box += self.treated(erratum.chapter, places)
        return box


class ErrataTotals(BookDirective):
    """`{errata-totals}`: how many of each verdict."""

    def run(self) -> list[nodes.Node]:
        verdicts = [e.verdict for e in self.errata()]
        counts = {v: verdicts.count(v) for v in data.VERDICTS}
        said = [f"{n} {v}" + "s" * (n != 1 and v != "loose") for v, n in counts.items()]
        return [self.paragraph(f"{len(verdicts)} entries: {', '.join(said)}.")]


class SourceMapTotals(BookDirective):
    """`{source-map-totals}`: how much of the source map is covered, kind by kind."""

    def run(self) -> list[nodes.Node]:
        covered = coverage(self.book())
        rows, sums = [], [0, 0, 0, 0]
        kinds = {title: self.entries(kind) for kind, title in data.KINDS.items()} | {"Errata": self.errata()}
        for title, every in kinds.items():
            done = [e for e in every if covered.get(e.id)]
            proved = [e for e in done if any(p.status != "treated" for p in covered[e.id])]
            counts = [len(every), len(done), len(proved), len(every) - len(done)]
            sums = [a + b for a, b in zip(sums, counts, strict=True)]
            rows.append([title, *map(str, counts)])
        rows.append(["**All**", *(f"**{s}**" for s in sums)])
        return [self.table(["Kind", "entries", "covered", "of these by a derivation", "open"], rows, ("nb-numbers",))]


def scope(record: chapters.Record) -> str:
    """For which case a derivation speaks: `general`, the case in words, or nothing where its stored output does not say."""
    return record.data.get("scope", "")


class ProofIndex(BookDirective):
    """`{proof-index}`: every derivation, for which case it speaks, its mark, and the cell that carries it out."""

    def run(self) -> list[nodes.Node]:
        book = [c for c in self.book() if c.derivations]
        records = [r for c in book for r in c.derivations]
        lines = sum(len(r.data.get("lines", [])) for r in records)
        general = sum(scope(r) == "general" for r in records)
        special = sum(scope(r) not in ("", "general") for r in records)
        silent = len(records) - general - special
        tally = f"{general} general, {special} of a special case" + (f", {silent} that do not say" if silent else "")
        found: list[nodes.Node] = [self.paragraph(f"{len(records)} derivations of {lines} lines: {tally}.")]
        for chapter in book:
            rows = []
            for record in chapter.derivations:
                ids: list[nodes.Node] = []
                for name in record.ids:
                    ids += ([nodes.Text(" ")] if ids else []) + [self.id_link(name)]
                title = self.link(chapter.docname, record.anchor, "")
                title += self.inline(record.data.get("title", "derivation"))
                case = scope(record) or "not said"
                rows.append([[title], case, ids, str(len(record.data.get("lines", []))), [self.mark(record.status)]])
            found.append(heading(self, chapter))
            found.append(self.table(["derivation", "case", "IDs", "lines", "mark"], rows))
        return found


class ClaimIndex(BookDirective):
    """`{claim-index}`: every claim of every chapter, with its mark and its numbers."""

    def run(self) -> list[nodes.Node]:
        book = [c for c in self.book() if c.claims]
        total = [r.status for c in book for r in c.claims]
        tally = ", ".join(f"{total.count(s)} {s}" for s in dict.fromkeys(total))
        nulls = [r.data.get("null") for c in book for r in c.claims]
        tried = sum(n in ("fails", "open") for n in nulls), nulls.count("exact"), nulls.count(None)
        against = "{} against a trivial model, {} that can have none, {} against nothing yet".format(*tried)
        checks = sum(len(c.checks) for c in self.book())
        found: list[nodes.Node] = [self.paragraph(f"{len(total)} claims ({tally or 'none yet'}): {against}. {checks} checks.")]
        for chapter in book:
            rows = []
            for record, verdict in zip(chapter.claims, chapter.verdicts, strict=False):  # more verdicts than claims
                text = self.link(chapter.docname, record.anchor, "")
                text += self.inline(record.data.get("text", "claim"))
                values, marks = numbers(record.data), [self.mark(record.status)]
                which = chapter.cells[record.cell].get("id"), record.data.get("text")
                for run in chapter.runs if record.status == "not checked" else ():
                    for again in run["claims"]:
                        if (again["cell"], again["text"]) == which and again["status"] != "not checked":
                            values += f"; at the {run['budget']} budget {numbers(again)}"
                            marks += [nodes.Text(f" {run['budget']} budget: "), self.mark(again["status"])]
                if verdict.runs:
                    marks.append(nodes.Text(f" {verdict}"))
                rows.append([[text], [nodes.Text(values)], marks])
            found.append(heading(self, chapter))
            for run in chapter.runs:
                where = run["device"] if run["device"] != "cpu" else f"{run['cores']} cores of {run['cpu']}"
                checked = sum(c["status"] != "not checked" for c in run["claims"])
                ended = (
                    f"stopped: {run['failed']}"
                    if "failed" in run
                    else f"checked {checked} of {len(run['claims'])} claims, all true"
                )
                what = (
                    f"at the `{run['budget']}` budget ({where}, {run['seconds'] / 60:.1f} min, {run['date']}, {run['commit']})"
                )
                found.append(self.paragraph(f"The chapter's code was also run {what}, and ", [nodes.Text(ended + ".")]))
            found.append(self.table(["claim", "numbers", "mark"], rows))
        return found


def numbers(claim: dict) -> str:
    """`gap = 0.1235, k = 500`: what a claim was decided by."""
    shown = {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in claim.get("values", {}).items()}
    return ", ".join(f"{k} = {v}" for k, v in shown.items())


def heading(directive: BookDirective, chapter: chapters.Chapter) -> nodes.Node:
    return nodes.rubric("", "", directive.link(chapter.docname, "", chapter.title))


class Execution(BookDirective):
    """`{execution-table}`: for every chapter its budget, device, time, versions."""

    def run(self) -> list[nodes.Node]:
        rows, versions = [], {}
        for chapter in self.book():
            if not chapter.provenance:
                rows.append([[self.link(chapter.docname, "", chapter.title)], "not run", "", "", "", "", ""])
                continue
            for p in (chapter.provenance, *chapter.runs):
                kept = ", ".join(f"{k} {v}" for k, v in sorted(p["versions"].items()))
                note = versions.setdefault(kept, len(versions) + 1)
                cores = f"{p['cores']} cores, {p['cpu']}"
                device = [nodes.Text(cores if p["device"] == "cpu" else f"{p['device']}; {cores}")]
                size = f"{chapter.path.stat().st_size / 1000:.0f}" if p is chapter.provenance else "claims only"
                title = self.link(chapter.docname, "", chapter.title)
                rows.append([[title], f"`{p['budget']}`", device, f"{p['seconds']:.0f}", size, p["date"], f"({note})"])
        head = ["chapter", "budget", "device", "seconds", "kB", "date", "versions"]
        notes = [self.paragraph([nodes.Text(f"({n}) {kept}.")]) for kept, n in versions.items()]
        return [self.table(head, rows, ("nb-numbers",)), *notes]


class ReadingList(BookDirective):
    """`{reading-list}`: the source map's reading list, each with its entry in the bibliography."""

    def run(self) -> list[nodes.Node]:
        listing = nodes.bullet_list(classes=["nb-reading"])
        for item in self.read(data.READING):
            note = f": {item['note']}" if item.get("note") else ""
            keys = ",".join([item["key"], *item.get("also", [])])
            words = self.inline(f"{{cite:t}}`{keys}`{note}")
            listing += nodes.list_item("", self.paragraph(words))
        return [listing]


def plain_docstring(app: Sphinx, what: str, name: str, thing, options, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: a bar in |x| is not markup."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        lines[number] = "".join(p if p.startswith("`") else p.replace("|", r"\|") for p in parts)


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)
    app.add_directive("source-map", SourceMap)
    app.add_directive("source-map-totals", SourceMapTotals)
    app.add_directive("errata", Errata)
    app.add_directive("errata-totals", ErrataTotals)
    app.add_directive("proof-index", ProofIndex)
    app.add_directive("claim-index", ClaimIndex)
    app.add_directive("execution-table", Execution)
    app.add_directive("reading-list", ReadingList)
