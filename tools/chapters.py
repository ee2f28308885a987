"""Read the stored chapters: their cells, proofs, claims, the IDs they treat, and where their outputs come from.

One reader serves the runner (`execute.py`), the Sphinx extension (`nbdgm_book`) and the tests. Nothing here runs a chapter.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PROOF_MIME = "application/vnd.nbdgm.proof+json"
CLAIM_MIME = "application/vnd.nbdgm.claim+json"
CHECK_MIME = "application/vnd.nbdgm.check+json"
BOARD_MIME = "application/vnd.nbdgm.leaderboard+json"
BUDGETS = ("smoke", "cpu", "gpu")
RUNS = "tools/data/runs"
REPLICATIONS = "tools/data/replications"
ID = re.compile(r"(?<![\w.-])(?:ERR-\d{3}-\d+|E-(?:13\.(?:A\d|\d+)|\d{3}-D?\d+[a-z]?)|T-\d{3}-\d+|[SDFB]-\d{2})(?![\w-])")


def source(cell: dict) -> str:
    """A cell's source as one string (nbformat allows a list of lines)."""
    text = cell.get("source", "")
    return "".join(text) if isinstance(text, list) else text


def code_hash(notebook: dict) -> str:
    """SHA-256 over the sources of the code cells, in order: what decides whether stored outputs are still those of the code."""
    sources = [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def proves(cell: dict) -> bool:
    """Is this a code cell tagged `proof`? Such cells use nothing of the others, so they can be run apart."""
    return cell["cell_type"] == "code" and "proof" in cell.get("metadata", {}).get("tags", [])


def rest_hash(notebook: dict) -> str:
    """`code_hash` of the cells that prove nothing: their outputs stay valid while only proofs are edited."""
    return code_hash({"cells": [cell for cell in notebook["cells"] if not proves(cell)]})


def run_file(docname: str, budget: str, root: Path = ROOT) -> Path:
    """Where `execute.py --record` keeps what a run found: its claims and where they come from, without the outputs."""
    return root / RUNS / f"{docname.removeprefix('book/').replace('/', '.')}.{budget}.json"


def replication_file(docname: str, root: Path = ROOT) -> Path:
    """Where `replicate.py` keeps what became of a chapter's claims under other seeds and with longer training."""
    return root / REPLICATIONS / f"{docname.removeprefix('book/').replace('/', '.')}.json"


def left_board(notebook: dict) -> dict:
    """The table that a run left for the leaderboard: its columns, and for each row a list of values a seed (None: no number);
    empty where it left none.
    """
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return next(filter(None, (output.get("data", {}).get(BOARD_MIME) for output in outputs)), {})


@dataclass(frozen=True)
class Record:
    """One derivation or claim as its cell left it: the stored JSON, the cell's index, and its id in HTML."""

    chapter: "Chapter" = field(repr=False)
    cell: int
    anchor: str
    data: dict

    @property
    def ids(self) -> list[str]:
        return list(self.data.get("ids", []))

    @property
    def status(self) -> str:
        return self.data.get("status", "not checked")


@dataclass(frozen=True)
class Verdict:
    """What became of one claim in runs with other seeds or more updates: it is the claim `index` of the cell named `cell`."""

    cell: str
    index: int
    text: str
    outcomes: list[tuple[dict, dict]] = field(repr=False)
    """(run, the claim in it), of all replications."""

    @property
    def runs(self) -> int:
        """The runs that could decide it: not those at a budget, or on data, that it is not about."""
        return sum(claim["status"] != "not checked" for _, claim in self.outcomes)

    @property
    def failed(self) -> list[tuple[dict, dict]]:
        """The (run, claim) in which it was false, or was not reached."""
        return [(run, claim) for run, claim in self.outcomes if claim["status"] not in ("holds", "not checked")]

    def __str__(self) -> str:
        if not self.runs:
            return "not replicated"
        return f"held in {self.runs - len(self.failed)} of {self.runs} other run" + "s" * (self.runs != 1)


def short(docname: str) -> str:
    """`book/vae/5_variational_autoencoders` -> `vae/5`; empty for a page that is no chapter."""
    found = re.match(r"book/(\w+/\d+[a-z]?)_", docname)
    return found[1] if found else ""


@dataclass(frozen=True)
class Chapter:
    """A stored notebook of the book. `docname` is its path below the repository root without the suffix."""

    path: Path
    notebook: dict = field(repr=False)
    docname: str
    shown: list[dict] | None = field(default=None, repr=False)
    """The cells that readers see, where these are not all as they are stored (`exercises.without_solutions`)."""

    @property
    def short(self) -> str:
        """What the lists of `tools/data` call it: `vae/5`."""
        return short(self.docname)

    @property
    def cells(self) -> list[dict]:
        return self.notebook["cells"] if self.shown is None else self.shown

    @property
    def provenance(self) -> dict:
        """What `execute.py` wrote about the stored outputs; empty when the chapter was never run."""
        return self.notebook.get("metadata", {}).get("nbdgm", {})

    @property
    def fresh(self) -> bool:
        """Do the stored outputs belong to the code?"""
        return self.provenance.get("hash") == code_hash(self.notebook)

    @property
    def only_proofs_changed(self) -> bool:
        """Do the stored outputs belong to the code, but for the cells tagged `proof`?"""
        return not self.fresh and self.provenance.get("hash_rest") == rest_hash(self.notebook)

    @cached_property
    def reading(self) -> int:
        """The minutes that its author gives a reader, from the row "Time" of its first table; 0 where it gives none."""
        found = re.search(r"^\| *Time *\| *(\d+) minutes", "\n".join(map(source, self.notebook["cells"][:2])), re.M)
        return int(found[1]) if found else 0

    @cached_property
    def title(self) -> str:
        for cell in self.cells:
            if cell["cell_type"] == "markdown" and (found := re.search(r"^# +(.+)$", source(cell), re.M)):
                return found.group(1).strip()
        raise ValueError(f"{self.path}: no cell has a title (a line that starts with '# ')")

    def outputs(self) -> Iterator[tuple[int, dict]]:
        """(cell index, output) of every stored output."""
        for index, cell in enumerate(self.cells):
            for output in cell.get("outputs", []):
                yield index, output

    def _records(self, mime: str) -> list[Record]:
        found = []
        for index, output in self.outputs():
            data = output.get("data", {}).get(mime)
            if data is not None:
                data = json.loads("".join(data)) if isinstance(data, (str, list)) else data
                found.append(Record(self, index, anchor(self.cells[index], index), data))
        return found

    @cached_property
    def derivations(self) -> list[Record]:
        return self._records(PROOF_MIME)

    @cached_property
    def claims(self) -> list[Record]:
        return self._records(CLAIM_MIME)

    @cached_property
    def runs(self) -> list[dict]:
        """What runs of this very code found whose outputs are not stored here (`execute.py --record`), by budget."""
        root = self.path.parents[len(Path(self.docname).parts) - 1]
        files = [file for budget in BUDGETS if (file := run_file(self.docname, budget, root)).exists()]
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return [run for run in found if run["hash"] == code_hash(self.notebook)]

    @cached_property
    def replications(self) -> list[dict]:
        """The runs of this very code with other seeds or more updates (`replicate.py`): `seed`, `stretch`, `budget`, where and
        when, `claims` and `checks` (each with `cell`, `index`, `text`, `status`, `values`), and `failed` where it stopped.
        """
        root = self.path.parents[len(Path(self.docname).parts) - 1]
        file = replication_file(self.docname, root)
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return found["runs"] if found.get("hash") == code_hash(self.notebook) else []

    @cached_property
    def verdicts(self) -> list["Verdict"]:
        """What became of the claims in the replications: one for each of `claims`, in their order, then those that only
        replications made.
        """
        return self._verdicts("claims", self.claims)

    @cached_property
    def check_verdicts(self) -> list["Verdict"]:
        """The same of the checks."""
        return self._verdicts("checks", self.checks)

    def _verdicts(self, kind: str, records: list[Record]) -> list["Verdict"]:
        places: list[tuple[tuple[str, int], str]] = []
        for record in records:
            cell = cell_name(self.cells[record.cell], record.cell)
            places.append(((cell, sum(c == cell for (c, _), _ in places)), record.data["text"]))
        made = [(run, claim) for run in self.replications for claim in run.get(kind, [])]
        for _, claim in made:
            place = claim["cell"], claim["index"]
            if all(place != known for known, _ in places):
                places.append((place, claim["text"]))
        return [Verdict(*p, text, [(r, c) for r, c in made if (c["cell"], c["index"]) == p]) for p, text in places]

    @cached_property
    def checks(self) -> list[Record]:
        return self._records(CHECK_MIME)

    @cached_property
    def covers(self) -> dict[str, str]:
        """ID -> anchor of the first cell whose metadata name it (`nbdgm.covers`); of the title cell if no other does."""
        found: dict[str, str] = {}
        for index in [*range(1, len(self.cells)), 0]:
            for name in covers(self.cells[index]):
                found.setdefault(name, anchor(self.cells[index], index))
        return found

    @cached_property
    def ids(self) -> set[str]:
        """IDs that the chapter treats: in a derivation, or in a cell whose metadata say so."""
        return set(self.covers) | {i for record in self.derivations for i in record.ids}


def covers(cell: dict) -> list[str]:
    """The IDs of the source map that a cell treats, from its metadata."""
    return list(cell.get("metadata", {}).get("nbdgm", {}).get("covers", []))


def cell_name(cell: dict, index: int) -> str:
    """The cell's id, or its number where it has none."""
    return cell.get("id") or str(index + 1)


def anchor(cell: dict, index: int) -> str:
    """The HTML id that the extension gives to a code cell."""
    return "cell-" + re.sub(r"[^\w-]", "-", cell_name(cell, index))


def read(path: Path, root: Path = ROOT) -> Chapter:
    """Read one stored chapter.

    Raises:
        ValueError: the file is no notebook of format 4.
    """
    path = Path(path).resolve()
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise ValueError(f"nbformat {notebook['nbformat']}, want 4")
        notebook["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a notebook of format 4 ({error})") from error
    return Chapter(path, notebook, path.relative_to(root.resolve()).with_suffix("").as_posix())


PARTS = ("generative_models", "vae", "gan", "extensions", "beyond")


def paths(root: Path = ROOT) -> list[Path]:
    """Every chapter file below `book/`, in the order of parts and numbers."""

    def order(path: Path) -> tuple:
        part, number = path.parent.name, re.match(r"\d+", path.name)
        return (PARTS.index(part) if part in PARTS else len(PARTS), part, int(number.group()) if number else 0, path.name)

    found = (root / "book").rglob("*.ipynb")
    return sorted((p for p in found if not {"_build", ".ipynb_checkpoints"} & set(p.parts)), key=order)


def read_all(root: Path = ROOT) -> list[Chapter]:
    """All stored chapters, in the order of the table of contents."""
    return [read(p, root) for p in paths(root)]
