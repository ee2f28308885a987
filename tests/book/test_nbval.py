"""`pytest --nbval book` (the second half of `make test`) compares what chapters show, and would notice a change."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = "import nbdgm\nfrom nbdgm import claim, derivation, display\nnbdgm.setup(seed=0)"
PROOF = """from sympy import symbols
a, b = symbols("a b", real=True)
with derivation("E-13.26", "a square", scope="general") as d:
    d.line((a + b) ** 2, "start")
    d.line(a**2 + 2 * a * b + b**2, "expand")"""
RANDOM = "import torch\nfrom nbdgm import runtime\ntorch.seed()\nprint(torch.rand(3), runtime.budget_name())"
TABLE = 'display.table([["a", 1.5]], ["name", "value"])'

pytestmark = pytest.mark.slow


def cell(text: str, *tags: str):
    made = nbformat.v4.new_code_cell(text)
    made.metadata["tags"] = list(tags)
    return made


def nbval(path: Path) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        str(path),
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(path.parent),
    ]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | {
        "NBDGM_BUDGET": "smoke",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=path.parent)


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A chapter stored by execute.py at the CPU budget: set-up, proofs, a table, and a cell that draws."""
    import execute

    root = tmp_path_factory.mktemp("nbval")
    path = root / "book/vae/1_small.ipynb"
    path.parent.mkdir(parents=True)
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_markdown_cell("# Small"),
        cell(SETUP, "setup", "nbval-ignore-output"),
        *(cell(PROOF) for _ in range(3)),
        cell(TABLE),
    ]
    made.cells += [cell(RANDOM, "nbval-ignore-output")]
    nbformat.write(made, path)
    assert execute.main(["--budget", "cpu"], root) == 0
    return path


def test_a_stored_chapter_passes_at_the_smoke_budget(stored):
    done = nbval(stored)
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout


def test_changed_outputs_are_noticed(stored, tmp_path):
    made = nbformat.read(stored, 4)
    shown, plain, record, table = (c.outputs[0].data for c in made.cells[2:6])
    shown["text/html"] = shown["text/html"].replace("expand", "multiply")
    plain["text/plain"] = plain["text/plain"].replace("expand", "multiply")
    record["application/vnd.nbdgm.proof+json"]["lines"][1]["status"] = "asserted"
    table["text/html"] = table["text/html"].replace("1.5", "1.6")
    made.cells[6].outputs[0].text = "not compared"
    changed = tmp_path / stored.name
    nbformat.write(made, changed)
    done = nbval(changed)
    assert done.returncode == 1 and "4 failed, 2 passed" in done.stdout, done.stdout
