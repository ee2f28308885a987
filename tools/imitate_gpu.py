"""Run chapters at the smoke budget with the types that a GPU would give them: losses under autocast to bfloat16, on the CPU.

    python tools/imitate_gpu.py                every chapter
    python tools/imitate_gpu.py gan/8 vae      these (a path, a part of a path, or a pattern)

Every cell is tried, and those that raise or whose claims fail are named; nothing is stored. Cells tagged `proof` train
nothing and are left out, but where the rest of the chapter needs a name from one of them. What this cannot show: tensors on
two devices, a GPU's memory.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import CLAIM_MIME, ROOT, proves
from execute import describe, run_cells, select, surroundings

ANYTHING = "raises-exception"  # the tag that lets a notebook go on after an error


def imitate(path: Path, *, proofs: bool = False, timeout: float = 600) -> list[str]:
    """Run a chapter's cells, without those of `proofs` unless asked; a description of each cell that raised."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and proves(cell) and not proofs:
            cell.source = ""
        if ANYTHING not in tags:
            cell.metadata["tags"] = [*tags, ANYTHING, "tried"]
    run_cells(notebook, path, timeout=timeout, env=surroundings("smoke", NBDGM_IMITATE_GPU="1", NBDGM_CLAIMS="record"))
    failed = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" and "tried" in cell.metadata["tags"]:
                if output.ename == "NameError" and not proofs:
                    return imitate(path, proofs=True, timeout=timeout)
                what, trace = f"{output.ename}: {output.evalue}", "\n".join(output.traceback)
                failed.append(describe(path, index, cell, what, trace))
            fact = output.get("data", {}).get(CLAIM_MIME, {})
            if fact.get("status") == "fails":
                failed.append(describe(path, index, cell, f"the claim fails: {fact['text']}", ""))
    return failed


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 0, or 1 when a cell failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="paths, parts of paths, or patterns; default: all")
    failures = 0
    for path in select(parser.parse_args(arguments).chapters, ROOT):
        start = time.perf_counter()
        failed = imitate(path)
        failures += len(failed)
        for text in failed:
            print(text, flush=True)
        verdict = f"{len(failed)} failed" if failed else "as on a CPU"
        print(f"{path.relative_to(ROOT)}: {verdict}, {time.perf_counter() - start:.0f} s", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
