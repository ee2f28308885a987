"""Replicate chapters: run them with other seeds, once also with longer training, and keep what became of each claim.

    python tools/replicate.py                          chapters of the second edition whose code was not yet replicated
    python tools/replicate.py vae/5 --seeds 4          these, with four other seeds and one longer run
    python tools/replicate.py vae/5 --again            replace what was recorded

A chapter runs as it stands: `NBDGM_SEED` shifts all its seeds, `NBDGM_STRETCH` multiplies its numbers of updates, and with
`NBDGM_CLAIMS=record` a false claim is noted and the run goes on. Each run is stored as soon as it is done, in
`tools/data/replications`, under the hash of the chapter's code: an interrupted replication continues where it stopped. The
stored outputs stay. What a run leaves for the leaderboard is kept too. Exit status 1: a claim did not hold, or a run stopped.
"""

import argparse
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import execute
from chapters import BUDGETS, ROOT, Chapter, cell_name, code_hash, left_board, read, replication_file

# Seeds of a chapter are small or round numbers; a shift by a multiple of a large prime meets none of them again.
SHIFT = 10_007
STRETCHED = 101 * SHIFT  # the longer run's own, whatever the number of the others
STORING = threading.Lock()


class Interrupted(Exception):
    """A run ended because somebody stopped it: nothing is known of the chapter."""


@dataclass(frozen=True)
class Way:
    """How a replication differs from the stored run: seeds shifted by `seed`, `stretch` times the updates."""

    seed: int
    stretch: float = 1

    def __str__(self) -> str:
        return f"seeds + {self.seed:,}" + (f", {self.stretch:g} times the updates" if self.stretch != 1 else "")

    def of(self, run: dict) -> bool:
        """Is this how `run` was made?"""
        return (run["seed"], run["stretch"]) == (self.seed, self.stretch)


def ways(seeds: int, stretch: float) -> list[Way]:
    """`seeds` runs with other seeds, then one more with another seed and `stretch` times the updates."""
    return [Way(SHIFT * (i + 1)) for i in range(seeds)] + [Way(STRETCHED, stretch)]


def missing(chapter: Chapter, wanted: list[Way], budget: str) -> list[Way]:
    """The ways in which this very code was not yet run at this budget."""
    done = [run for run in chapter.replications if run["budget"] == budget]
    return [way for way in wanted if not any(way.of(run) for run in done)]


def replicate(path: Path, way: Way, *, budget: str, timeout: float, root: Path = ROOT, report=lambda text: None) -> dict:
    """Run a chapter in this way, store what became of its claims, and return that.

    A run that a cell stops is stored as well: with the cell, the claims before it, and those after it as `missing`.

    Raises:
        Interrupted: the kernel was stopped from outside.
        execute.CellFailed: the chapter was edited meanwhile, so nothing was stored.
    """
    import nbformat

    chapter = read(path, root)
    notebook = nbformat.reads(json.dumps(chapter.notebook), as_version=4)
    for cell in execute.code_cells(notebook):
        cell.outputs = []  # what is not reached has said nothing
    env = execute.surroundings(budget, NBDGM_SEED=str(way.seed), NBDGM_STRETCH=f"{way.stretch:g}", NBDGM_CLAIMS="record")
    start, failed = time.perf_counter(), ""
    try:
        execute.run_cells(notebook, path, timeout=timeout * max(1, way.stretch), env=env, report=report)
    except execute.CellFailed as failure:
        failed = str(failure).splitlines()[0]
        if "failed: KeyboardInterrupt" in failed:
            raise Interrupted from None
    facts = execute.environment(time.perf_counter() - start, budget, root)
    ran = Chapter(chapter.path, notebook, chapter.docname)
    run = {"seed": way.seed, "stretch": way.stretch} | facts
    run |= {kind: outcomes(chapter, ran, kind) for kind in ("claims", "checks")}
    if board := left_board(notebook):
        run["board"] = board
    if failed:
        run["failed"] = failed
    if code_hash(read(path, root).notebook) != code_hash(chapter.notebook):
        raise execute.CellFailed(f"{path}: the chapter was edited while it ran; nothing was stored")
    keep(chapter, run, root)
    return run


def outcomes(stored: Chapter, ran: Chapter, kind: str) -> list[dict]:
    """What became of the stored claims (or checks: `kind`), each found again by its cell and its text or, failing that, place.

    Those that the run did not reach are `missing`; others that it made are added, with other places.
    """
    found = []
    for index, cell in enumerate(stored.cells):
        wanted = [claim.data["text"] for claim in getattr(stored, kind) if claim.cell == index]
        made = [claim.data for claim in getattr(ran, kind) if claim.cell == index]
        places: dict[int, dict] = {}
        for data in list(made):
            same = [i for i, text in enumerate(wanted) if text == data["text"] and i not in places]
            if same:
                places[same[0]] = data
                made.remove(data)
        free = [i for i in range(len(wanted)) if i not in places]
        places |= dict(zip([*free, *range(len(wanted), len(wanted) + len(made))], made, strict=False))
        for i in range(max(len(wanted), len(places))):
            data = places.get(i) or {"text": wanted[i], "status": "missing"}
            found.append({"cell": cell_name(cell, index), "index": i} | data)
    return found


def keep(chapter: Chapter, run: dict, root: Path) -> None:
    """Add a run to the chapter's file, in the place of one made in the same way; runs of other code are dropped."""
    file, now = replication_file(chapter.docname, root), code_hash(chapter.notebook)
    with STORING:
        old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        runs = old["runs"] if old.get("hash") == now else []
        same = ("budget", "seed", "stretch")
        runs = [r for r in runs if any(r[key] != run[key] for key in same)] + [run]
        runs.sort(key=lambda r: (BUDGETS.index(r["budget"]), r["stretch"], r["seed"]))
        file.parent.mkdir(parents=True, exist_ok=True)
        execute.store(file, json.dumps({"hash": now, "runs": runs}, ensure_ascii=False, indent=1) + "\n")


def summary(book: list[Chapter]) -> tuple[str, bool]:
    """A table of chapters, and all that did not hold in some run with its numbers; and whether everything held."""
    rows, details = [["chapter", "claims", "runs", "held in all", "failed"]], []
    for chapter in book:
        name, verdicts = chapter.docname.removeprefix("book/"), chapter.verdicts
        tried = [v for v in verdicts if v.runs]
        bad = [v for v in tried if v.failed]
        rows.append([name, str(len(verdicts)), str(len(chapter.replications)), str(len(tried) - len(bad)), str(len(bad))])
        for run in chapter.replications:
            if "failed" in run:
                details.append(f"{name}, {Way(run['seed'], run['stretch'])}: stopped, {run['failed']}")
        for verdict in bad + [v for v in chapter.check_verdicts if v.failed]:
            details.append(f"{name}, cell {verdict.cell}: {verdict.text}")
            for run, claim in verdict.failed:
                details.append(f"    {Way(run['seed'], run['stretch'])}: {claim['status']}  {numbers(claim)}".rstrip())
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join(lines + [""] * bool(details) + details), not details


def numbers(claim: dict) -> str:
    """`gap = 0.1235, k = 500`: what a claim was decided by."""
    return ", ".join(f"{k} = {v:.4g}" if isinstance(v, float) else f"{k} = {v}" for k, v in claim.get("values", {}).items())


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; returns the exit status: 0, or 1 when a claim failed somewhere or a run stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="paths, parts of paths, or patterns; default: all")
    parser.add_argument("--seeds", type=int, default=2, help="runs with other seeds (default %(default)s)")
    parser.add_argument("--stretch", type=float, default=3, help="times the updates, in one more run (default %(default)g)")
    parser.add_argument("--again", action="store_true", help="run also what was already replicated")
    parser.add_argument("--budget", choices=BUDGETS, help="default: what this machine would choose")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (training uses all cores, hence 1)")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that one cell may take (default %(default)s)")
    options = parser.parse_args(arguments)
    for name, least in (("seeds", 0), ("jobs", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    if not 0 < options.stretch < 1e6:
        parser.error(f"--stretch must be a positive number, got {options.stretch:g}")
    budget = options.budget or execute.default_budget()
    if budget == "smoke":
        parser.error("claims are about the budgets cpu and gpu, not about smoke")
    chosen = execute.select(options.chapters, root)
    stale = [p for p in chosen if not (read(p, root).fresh or read(p, root).only_proofs_changed)]
    if stale:
        parser.error(f"{stale[0].relative_to(root)}: its stored outputs are not those of its code; run it first (make run)")
    wanted = ways(options.seeds, options.stretch)
    tasks = [(p, way) for p in chosen for way in (wanted if options.again else missing(read(p, root), wanted, budget))]
    whole = f"{len(chosen)} chapter{'s' * (len(chosen) != 1)}, budget {budget}"
    print(f"{whole}: {len(tasks)} of {len(chosen) * len(wanted)} runs to do", flush=True)
    line = "\r{:<78}" if sys.stdout.isatty() else None
    errors: list[str] = []

    def report(text: str) -> None:
        if line:
            print(line.format(text[:78]), end="", flush=True)

    def one(task: tuple[int, tuple[Path, Way]]) -> None:
        number, (path, way) = task
        name = f"{path.relative_to(root / 'book').with_suffix('').as_posix()}, {way}"
        begun = time.perf_counter()
        try:
            about = lambda text: report(f"{number} of {len(tasks)}: {way}: {text}")
            run = replicate(path, way, budget=budget, timeout=options.timeout, root=root, report=about)
        except execute.CellFailed as failure:
            errors.append(str(failure))
            outcome = "not stored, the chapter was edited"
        except Interrupted:
            errors.append(f"{name}: interrupted")
            outcome = "interrupted"
        else:
            tried = [c for c in run["claims"] if c["status"] != "not checked"]
            held = sum(c["status"] == "holds" for c in tried)
            outcome = f"{held} of {len(tried)} claims held" + f"; {run.get('failed', '')}" * ("failed" in run)
        report("")
        print(
            f"{'' if not line else chr(13)}{number} of {len(tasks)}: {name}: {time.perf_counter() - begun:.0f} s, {outcome}",
            flush=True,
        )

    pool = ThreadPoolExecutor(options.jobs)
    try:
        list(pool.map(one, enumerate(tasks, start=1)))
    except KeyboardInterrupt:
        print("\ninterrupted: runs that were done are stored; the same command continues", file=sys.stderr, flush=True)
        with STORING:  # not in the middle of a file
            os._exit(130)  # do not wait for the cells that run; their kernels end when this process does
    text, good = summary([read(p, root) for p in chosen])
    print(f"\n{text}")
    for error in errors:
        print(error, file=sys.stderr)
    return int(not good or bool(errors))


if __name__ == "__main__":
    sys.exit(main())
