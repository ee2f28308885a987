"""Run chapters and store their outputs, with a record of where the outputs come from.

    python tools/execute.py                            run the chapters whose code changed since their outputs were stored
    python tools/execute.py --all                      run every chapter
    python tools/execute.py vae/5 gan/1_gen*           run these (a path, a part of a path, or a pattern)
    python tools/execute.py --budget smoke --dry-run   run, report, store nothing
    python tools/execute.py --budget gpu --record vae  run, keep the claims and their numbers, leave the stored outputs
    python tools/execute.py --proofs --all             run only the cells tagged `proof`, store only their outputs
    python tools/execute.py --check                    list stale chapters; exit 1 if there is one

A chapter is stored only when every cell ran: a failed run leaves the file as it was, and prints the cell that failed.
"""

import argparse
import asyncio
import base64
import datetime
import fnmatch
import functools
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import BUDGETS, ROOT, Chapter, code_hash, paths, proves, read, replication_file, rest_hash, run_file, source

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "sympy", "matplotlib", "nbdgm")
LEADERBOARD = "tools/data/leaderboard.json"  # knows its chapter by the hash of the code, as the records do
KEPT_METADATA = ("tags", "slideshow", "mystnb", "nbdgm", "jupyter")
# All that a proof cell finds beside other proof cells.
PROOF_NAMES = "import nbdgm\nfrom nbdgm import check, claim, derivation, highest, lowest"
DEFAULTS = {"NBDGM_SEED": "0", "NBDGM_STRETCH": "1", "NBDGM_CLAIMS": ""}  # with others a run is not that which is stored
WEIGHTS = Path("book/_static/live/data")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class CellFailed(Exception):
    """A cell raised or ran out of time; the message says which, and shows its source and the end of its traceback."""


@dataclass
class Result:
    """What became of one chapter's run."""

    path: Path
    seconds: float = 0.0
    error: str = ""
    stored: bool = False
    slowest: list[tuple[float, int]] = field(default_factory=list)


def environment(seconds: float, budget: str, root: Path = ROOT) -> dict:
    """The provenance that is written into a chapter, its hash apart."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "budget": budget,
        "device": device(),
        "seconds": round(seconds, 1),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": cpu_name(),
        "versions": versions,
        "commit": commit(root),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def cpu_name() -> str:
    """The processor's name as Linux or the platform module tells it."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        return found.group(1).strip() if found else platform.processor() or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def commit(root: Path = ROOT) -> str:
    """The commit that ran, with '+' when files that matter to a run (not the chapters' own outputs) differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout

    try:
        head = git("rev-parse", "--short=10", "HEAD").strip()
        return head + ("+" if git("status", "--porcelain", "--", "nbdgm").strip() else "")
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "unknown"


@functools.cache
def device() -> str:
    """The name of the device that chapters train on, asked of a fresh process (the kernel's own is gone by then)."""
    code = "import nbdgm, torch; d = nbdgm.device(); print(torch.cuda.get_device_name(d) if d.type == 'cuda' else d.type)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip() or "unknown"


def default_budget() -> str:
    """What `nbdgm` would choose here: NBDGM_BUDGET, else `gpu` where CUDA is there, else `cpu`."""
    done = subprocess.run(
        [sys.executable, "-c", "import nbdgm; print(nbdgm.runtime.budget_name())"], capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip()


def run_cells(
    notebook, path: Path, *, timeout: float, env: dict[str, str], report=lambda text: None
) -> list[tuple[float, int]]:
    """Run a notebook's cells in place, in a fresh kernel of this Python; return (seconds, cell index), slowest first.

    Raises:
        CellFailed: a cell raised (and is not tagged `raises-exception`), ran out of `timeout` seconds, or the kernel died.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    class ThisPython(KernelSpecManager):
        """The interpreter that runs this script, whatever kernels are installed."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"],
                display_name="Python 3",
            )

    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    client = NotebookClient(notebook, km=manager, timeout=timeout, resources={"metadata": {"path": str(path.parent)}})
    client.record_timing = False
    spent: list[tuple[float, int]] = []

    async def everything() -> None:
        async with client.async_setup_kernel(env=env, cwd=str(path.parent), cleanup_kc=True):
            last = max((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), default=0)
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                start = time.perf_counter()
                try:
                    await client.async_execute_cell(cell, index)
                except CellExecutionError as error:
                    raise CellFailed(describe(path, index, cell, f"{error.ename}: {error.evalue}", error.traceback)) from None
                except CellTimeoutError:
                    raise CellFailed(describe(path, index, cell, f"ran longer than {timeout:g} s", "")) from None
                except DeadKernelError:
                    raise CellFailed(describe(path, index, cell, "the kernel died (out of memory?)", "")) from None
                spent.append((time.perf_counter() - start, index))
                report(f"{path.stem}: cell {index + 1} of {last + 1}, {sum(s for s, _ in spent):.0f} s")

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(everything())
    else:  # in a notebook, or beside Playwright, a loop runs in this thread already, and asyncio takes no second one
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, everything()).result()
    return sorted(spent, reverse=True)


def describe(path: Path, index: int, cell, what: str, traceback: str, tail: int = 15) -> str:
    """Chapter, cell, its source, and the end of the traceback."""
    code = "\n".join(f"    {line}" for line in source(cell).splitlines())
    end = "\n".join(f"    {line}" for line in ANSI.sub("", traceback).strip().splitlines()[-tail:])
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    shown = f"{name}: cell {index + 1} (id {cell.get('id', '-')}) failed: {ANSI.sub('', what)}\n\n{code}\n"
    return shown + (f"\n{end}\n" if end else "")


def shrink(data: dict) -> None:
    """Store pictures small, in place: 32 colours, 96 where most of a picture is coloured, 256 where these change too much;
    PNG for figures, WebP inside HTML.

    What has a palette already, as the figures of `nbdgm.display` have, stays as it is.
    """
    from PIL import Image, ImageChops, UnidentifiedImageError

    def smaller(encoded: str, kind: str) -> str:
        try:
            picture, packed = Image.open(io.BytesIO(base64.b64decode(encoded))), io.BytesIO()
        except (UnidentifiedImageError, ValueError):
            return ""  # not a picture that Pillow reads: stays as it is
        if picture.mode == "P":
            return ""
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        flat = Image.alpha_composite(white, picture).convert("RGB")
        saturation = flat.convert("HSV").getchannel("S").histogram()
        colours = 96 if sum(saturation[32:]) > sum(saturation) / 2 else 32
        few = flat.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        off = ImageChops.difference(flat, few.convert("RGB")).convert("L").histogram()
        if sum(off[16:]) > sum(off) / 100:  # greys among colours would be tinted
            few = flat.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        if kind == "PNG":
            few.save(packed, kind, optimize=True)
        else:
            few.convert("RGB").save(packed, kind, lossless=True, quality=100, method=6)
        shrunk = base64.b64encode(packed.getvalue()).decode()
        return shrunk if len(shrunk) < 0.95 * len(encoded) else ""

    if "image/png" in data and (shrunk := smaller("".join(data["image/png"]), "PNG")):
        data["image/png"] = shrunk
    if "text/html" in data:

        def replace(found: re.Match) -> str:
            shrunk = smaller(found.group(1), "WEBP") if len(found.group(1)) > 15_000 else ""
            return f"data:image/webp;base64,{shrunk}" if shrunk else found.group(0)

        data["text/html"] = re.sub(r"data:image/(?:png|webp);base64,([A-Za-z0-9+/=]+)", replace, "".join(data["text/html"]))


def normalise(notebook) -> None:
    """Keep of a run what a reader needs: no stderr, no widget state, no timings, no counters that depend on the client."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    notebook.nbformat_minor = 5
    count = 0
    for number, cell in enumerate(notebook.cells, start=1):
        cell.setdefault("id", f"cell-{number}")
        cell.metadata = type(cell.metadata)({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        cell.outputs = tidy(cell.outputs, count)


def tidy(outputs: list, count: int) -> list:
    """A cell's outputs as they are stored: `count` is the cell's number in the order of execution."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            output.text = ANSI.sub("", output.text)
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        if output.output_type in ("display_data", "execute_result"):
            if any("widget" in mime for mime in output.data):
                continue
            output.pop("transient", None)
            shrink(output.data)
        if output.output_type == "execute_result":
            output.execution_count = count
        kept.append(output)
    return kept


def store(path: Path, text: str) -> None:
    """Write a file so that at every moment either the old or the new text is there, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, path.stat().st_mode if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def rehash(old: str, new: str) -> str:
    """Renew the code hashes of a notebook's text after an edit that leaves its outputs valid.

    `old` and `new` are the texts before and after. If the outputs were stale before, they stay so.
    """
    before, after = json.loads(old), json.loads(new)
    provenance = after.get("metadata", {}).get("nbdgm", {})
    kept = [(key, of) for key, of in (("hash", code_hash), ("hash_rest", rest_hash)) if provenance.get(key) == of(before)]
    if not kept:
        return new
    provenance.update({key: of(after) for key, of in kept})
    return json.dumps(after, ensure_ascii=False, indent=1, sort_keys=True) + "\n"  # as nbformat writes it


def rehash_runs(path: Path, old: str, new: str, root: Path = ROOT) -> None:
    """The same for what is recorded of the chapter's runs, and for weights that a live figure has of it (`live_weights.py`).

    `old` and `new` are the chapter's texts before and after.
    """
    before, after = map(json.loads, (old, new))
    renew_records(path, code_hash(before), code_hash(after), root)
    for file in sorted((root / WEIGHTS).glob("*.bin")):
        head, end, body = file.read_bytes().partition(b"\n")
        file.write_bytes(head.replace(rest_hash(before).encode(), rest_hash(after).encode()) + end + body)


def renew_records(path: Path, before: str, after: str, root: Path) -> None:
    """Records of the code with hash `before` become records of the code with hash `after`."""
    docname = path.resolve().relative_to(root.resolve()).with_suffix("").as_posix()
    files = [run_file(docname, budget, root) for budget in BUDGETS]
    files += [replication_file(docname, root), root / LEADERBOARD]
    for file in files:
        if file.exists() and before in (text := file.read_text(encoding="utf-8")):
            store(file, text.replace(before, after))


def execute(
    path: Path,
    *,
    budget: str,
    timeout: float,
    write: bool = True,
    record: bool = False,
    root: Path = ROOT,
    report=lambda text: None,
) -> Result:
    """Run one chapter and store it with its provenance; a failure is returned, not raised, and changes nothing on disk.

    With `record` only the claims are kept, in a file of their own (`chapters.run_file`), and the chapter stays as it is.
    """
    import nbformat

    result = Result(path)
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    env = surroundings(budget)
    start = time.perf_counter()
    try:
        result.slowest = run_cells(notebook, path, timeout=timeout, env=env, report=report)
    except CellFailed as failure:
        result.error = str(failure)
    result.seconds = time.perf_counter() - start
    docname = path.resolve().relative_to(root.resolve()).with_suffix("").as_posix()
    if result.error and write and record:  # that it failed is what is to be known of this code at this budget
        keep_record(docname, budget, root, environment(result.seconds, budget, root), notebook, failed=result.error)
    if result.error or not write:
        return result
    ran, notebook = notebook, nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # text may have been edited
    if code_hash(notebook) != code_hash(ran):
        result.error = f"{path}: the chapter was edited while it ran; its outputs were not stored"
        return result
    copy_outputs(ran, notebook)
    normalise(notebook)
    facts = environment(result.seconds, budget, root)
    if record:
        keep_record(docname, budget, root, facts, notebook)
    else:
        notebook.metadata["nbdgm"] = facts | {"hash": code_hash(notebook), "hash_rest": rest_hash(notebook)}
        store(path, nbformat.writes(notebook) + "\n")
        for other in BUDGETS:  # what was recorded of other code is no longer true, and of this budget no longer needed
            old = run_file(docname, other, root)
            if old.exists() and (other == budget or json.loads(old.read_text(encoding="utf-8"))["hash"] != code_hash(notebook)):
                old.unlink()
    result.stored = True
    return result


def surroundings(budget: str, **more: str) -> dict[str, str]:
    """The environment of a chapter's kernel: this process's, with the library beside the chapter, no bars, and `more`."""
    library = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    fixed = {"NBDGM_BUDGET": budget, "NBDGM_PROGRESS": "0", "PYTHONHASHSEED": "0", "PYTHONPATH": library}
    return os.environ | fixed | more


def code_cells(notebook) -> list:
    """The code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def copy_outputs(ran, notebook) -> None:
    """Give the cells of `notebook` the outputs of `ran`, which has the same code cells."""
    for cell, executed in zip(code_cells(notebook), code_cells(ran), strict=True):
        cell.outputs = executed.outputs


def execute_proofs(path: Path, *, timeout: float, write: bool = True, root: Path = ROOT, report=lambda text: None) -> Result:
    """Run only the cells tagged `proof`, and store only their outputs; everything else in the chapter stays as it is.

    The cells run in order in one fresh kernel that starts with PROOF_NAMES. The outputs of the other
    cells must belong to their code (`Chapter.fresh` or `only_proofs_changed`); then those of the whole chapter do afterwards.
    """
    import nbformat

    result = Result(path)
    chapter = read(path, root)
    if not (chapter.fresh or chapter.only_proofs_changed):
        result.error = f"{path}: cells other than proofs changed since their outputs were stored; run the whole chapter"
        return result
    notebook = nbformat.reads(json.dumps(chapter.notebook), as_version=4)
    for cell in code_cells(notebook):
        if not proves(cell):
            cell.source = ""
    notebook.cells[0] = nbformat.v4.new_code_cell(PROOF_NAMES)  # in the place of the title, so that cells keep their numbers
    start = time.perf_counter()
    try:
        env = surroundings(chapter.provenance["budget"])
        result.slowest = run_cells(notebook, path, timeout=timeout, env=env, report=report)
    except CellFailed as failure:
        result.error = str(failure)
    result.seconds = time.perf_counter() - start
    if result.error or not write:
        return result
    after = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # its text may have been edited
    if code_hash(after) != code_hash(chapter.notebook):
        result.error = f"{path}: the chapter was edited while it ran; its outputs were not stored"
        return result
    numbered = [cell for cell in code_cells(after) if cell.source.strip()]
    for count, cell in enumerate(numbered, start=1):
        if proves(cell):
            executed = next(c for c in notebook.cells if c.id == cell.id)
            cell.execution_count, cell.outputs = count, tidy(executed.outputs, count)
    facts = environment(result.seconds, chapter.provenance["budget"], root)
    versions = {name: facts["versions"][name] for name in ("python", "sympy")}
    after.metadata["nbdgm"] |= {"hash": code_hash(after), "hash_rest": rest_hash(after)}
    after.metadata["nbdgm"]["proofs"] = {key: facts[key] for key in ("commit", "date", "seconds")} | {"versions": versions}
    store(path, nbformat.writes(after) + "\n")
    if proof_claims(chapter) == proof_claims(read(path, root)):  # so what is recorded of the claims is still all there is
        renew_records(path, chapter.provenance["hash"], code_hash(after), root)
    result.stored = True
    return result


def proof_claims(chapter: Chapter) -> list[tuple[int, str]]:
    """(cell, text) of the claims and checks that stand in cells tagged `proof`."""
    return [(claim.cell, claim.data["text"]) for claim in chapter.claims + chapter.checks if proves(chapter.cells[claim.cell])]


def keep_record(docname: str, budget: str, root: Path, facts: dict, notebook, failed: str = "") -> None:
    """Write what a run of `notebook` found: where it ran, and its claims; or, if it failed, why."""
    record = facts | {"hash": code_hash(notebook), "claims": []}
    if failed:
        record["failed"] = failed.splitlines()[0]
    else:
        claims = Chapter(Path(docname), notebook, docname).claims
        record["claims"] = [{"cell": notebook.cells[claim.cell]["id"]} | claim.data for claim in claims]
    target = run_file(docname, budget, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    store(target, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def select(names: list[str], root: Path = ROOT) -> list[Path]:
    """The chapters that `names` mean: a path, a part of the path below book/ (`vae/5`), or a pattern.

    Raises:
        SystemExit: a name means no chapter.
    """
    every = paths(root)
    if not names:
        return every
    chosen = []
    for name in names:
        wanted = name.removeprefix("./").removeprefix("book/").removesuffix(".ipynb")
        shorts = {p: p.relative_to(root / "book").with_suffix("").as_posix() for p in every}
        matches = [p for p, s in shorts.items() if s == wanted or fnmatch.fnmatch(s, wanted) or Path(name).resolve() == p]
        matches = matches or [p for p, s in shorts.items() if wanted in s]
        if not matches:
            sys.exit(f"execute.py: no chapter matches {name!r}; there are: {', '.join(shorts.values()) or 'none'}")
        chosen += [p for p in matches if p not in chosen]
    return chosen


def stale(path: Path, root: Path = ROOT) -> str:
    """Why the stored outputs are not those of the code; empty when they are."""
    chapter = read(path, root)
    if not chapter.provenance:
        return "never run"
    if chapter.only_proofs_changed:
        return "proofs changed since the outputs were stored (--proofs runs them alone)"
    if not chapter.fresh:
        return "the code changed since the outputs were stored"
    if chapter.provenance.get("budget") == "smoke":
        return "the outputs come from the smoke budget"
    return ""


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; returns the exit status: 0, or 1 when a chapter failed (or, with --check, is stale)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="paths, parts of paths, or patterns; default: those whose code changed")
    parser.add_argument("--all", action="store_true", help="run every chapter, changed or not")
    parser.add_argument("--budget", choices=BUDGETS, help="default: what this machine would choose")
    parser.add_argument("--jobs", type=int, default=1, help="chapters at a time (training uses all cores, hence 1)")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that one cell may take (default %(default)s)")
    parser.add_argument("--check", action="store_true", help="list stale chapters, run nothing")
    parser.add_argument("--dry-run", action="store_true", help="run and report, store nothing")
    parser.add_argument(
        "--record", action="store_true", help="keep only the claims, beside the stored outputs (tools/data/runs)"
    )
    parser.add_argument("--proofs", action="store_true", help="run only the cells tagged `proof`, store only their outputs")
    options = parser.parse_args(arguments)
    if options.proofs and (options.record or options.budget):
        parser.error("--proofs takes neither --record nor --budget: the other outputs stay as they are")
    if options.record and (options.dry_run or not (options.chapters or options.all)):
        parser.error("--record needs the chapters by name, or --all, and no --dry-run")
    other = [name for name, usual in DEFAULTS.items() if os.environ.get(name, usual) not in ("", usual)]
    if other and not (options.check or options.dry_run):
        parser.error(f"{other[0]} is set: only --dry-run runs so; unset it, or use tools/replicate.py")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")
    chosen = select(options.chapters, root)
    reasons = {p: stale(p, root) for p in chosen}
    if options.check:
        for path, reason in reasons.items():
            print(f"{path.relative_to(root)}: {reason or 'fresh'}")
        return int(any(reasons.values()))
    if not options.all and not options.chapters:
        chosen = [p for p in chosen if reasons[p] and (not options.proofs or read(p, root).only_proofs_changed)]
        if not chosen:
            print("every chapter's outputs are those of its code: nothing to run (--all runs them anyway)")
            return 0
    budget = options.budget or ("" if options.proofs else default_budget())
    if options.record:
        same = [p for p in chosen if read(p, root).provenance.get("budget") == budget]
        if budget == "smoke" or same:
            where = ", ".join(p.stem for p in same) or "tests only"
            parser.error(f"--record is for a budget other than that of the stored outputs, got {budget} ({where})")
    what = "only their proofs" if options.proofs else f"budget {budget}"
    print(f"{len(chosen)} chapter{'s' * (len(chosen) != 1)}, {what}, {options.jobs} at a time", flush=True)
    line = "\r{:<78}" if sys.stdout.isatty() else None

    def report(text: str) -> None:
        if line:
            print(line.format(text[:78]), end="", flush=True)

    def one(path: Path) -> Result:
        keep = {"timeout": options.timeout, "write": not options.dry_run, "root": root, "report": report}
        if options.proofs:
            result = execute_proofs(path, **keep)
        else:
            result = execute(path, budget=budget, record=options.record, **keep)
        slow = ", ".join(f"cell {i + 1}: {s:.1f} s" for s, i in result.slowest[:3])
        size = path.stat().st_size / 1000
        outcome = "FAILED" if result.error else f"ok, {size:.0f} kB" + (f" (slowest {slow})" if slow else "")
        report("")
        print(f"{'' if not line else chr(13)}{path.relative_to(root)}: {result.seconds:.1f} s, {outcome}", flush=True)
        return result

    pool = ThreadPoolExecutor(options.jobs)
    try:
        results = list(pool.map(one, chosen))
    except KeyboardInterrupt:
        print("\ninterrupted: chapters that were running are left as they were", file=sys.stderr, flush=True)
        os._exit(130)  # do not wait for the cells that run; their kernels end when this process does
    failed = [r for r in results if r.error]
    for result in failed:
        print(f"\n{result.error}", file=sys.stderr)
    print(f"{len(results) - len(failed)} ran, {len(failed)} failed, {sum(r.seconds for r in results):.0f} s")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
