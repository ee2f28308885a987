"""Every derivation of every chapter, mutated: each wrong version of each line must be refused.

The rule that makes it possible: a cell with a derivation, and each cell that sets up its symbols, carries the tag `proof`,
and uses nothing from cells without it. Here the cells tagged `proof` of a chapter are executed in order, in one namespace that
starts with `derivation`, `claim`, `check`, `highest`, `lowest` and `nbdgm`; so they import the rest themselves. Nothing is
trained.
"""

from __future__ import annotations

import ast
import json
import linecache
import random
from pathlib import Path

import pytest

import nbdgm
from nbdgm import proof
from nbdgm.proof import sums
from nbdgm.proof.cells import called, parse
from nbdgm.proof.chapter import Text, count
from nbdgm.proof.scope import promise

BOOK = Path(__file__).parents[2] / "book"
MOST = 24  # mutants a line, drawn with a fixed seed: enough to meet every kind, few enough for every run


def cells(chapter: Path) -> list[dict]:
    found = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def text(cell: dict) -> str:
    return "".join(cell["source"])


def proves(cell: dict) -> bool:
    """Does the cell call `derivation`, however it is spelled? (A call by another name is refused in `test_text.py`.)"""
    calls = (n for n in ast.walk(parse(text(cell))) if isinstance(n, ast.Call))
    return any(called(n.func) == "derivation" for n in calls)


CHAPTERS = sorted(path for path in BOOK.rglob("*.ipynb") if "_build" not in path.parts and any(map(proves, cells(path))))
NAMES = [str(path.relative_to(BOOK)) for path in CHAPTERS]


def derivations(chapter: Path) -> list[proof.Derivation]:
    """Run the proof cells of a chapter as a notebook does (their text can be read) and return what they derived."""
    ours = {name: getattr(proof, name) for name in ("derivation", "claim", "check", "highest", "lowest")}
    space = {**ours, "nbdgm": nbdgm, "__name__": "__main__"}
    sums.RANGES.clear()  # a range that a module of tests declared must not help a chapter
    with proof.recording() as found:
        for number, cell in enumerate(cells(chapter)):
            if "proof" in cell["metadata"].get("tags", []):
                name = f"<{chapter.name} cell {number}>"
                linecache.cache[name] = (len(text(cell)), None, text(cell).splitlines(keepends=True), name)
                exec(compile(text(cell), name, "exec"), space)
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=NAMES)
def test_cells_with_derivations_are_tagged(chapter):
    for cell in cells(chapter):
        if proves(cell):
            tags = cell["metadata"].get("tags", [])
            assert "proof" in tags, f"{chapter.name}: tag this cell proof:\n{text(cell)[:200]}"
            assert "nbval-ignore-output" not in tags, f"{chapter.name}: the output of a proof is always the same"


@pytest.mark.slow  # seconds a chapter, and there are more and more of them
@pytest.mark.parametrize("chapter", CHAPTERS, ids=NAMES)
def test_every_mutant_of_every_derivation_is_refused(chapter):
    found = derivations(chapter)
    stated = count([Text(text(cell)) for cell in cells(chapter)])
    assert len(found) == sum(c.derivations for c in stated)
    assert sum(len(d.lines) for d in found) == sum(c.lines for c in stated)
    assert [f"{d.title}: {said}" for d in found if (said := promise(d))] == [], "said of more cases than are proved"
    complaints = [c for d in found for c in d.survivors(random.Random(" ".join(d.ids)), MOST)]
    assert complaints == [], "\n".join(complaints)


def test_the_harness_notices_a_dead_term(tmp_path):
    sources = [
        ["from sympy import Integral, exp, oo, pi, sqrt, symbols\n", 'x, y = symbols("x y", real=True)'],
        [
            'with derivation("E-1", "area", scope="general") as d:\n',
            '    d.equal(Integral(exp(-x**2 / 2) * (1 + x * y), (x, -oo, oo)), sqrt(2 * pi), "even")',
        ],
        ["raise RuntimeError('training')"],
    ]
    tags = [["proof"], ["proof"], []]
    book = [{"cell_type": "code", "source": s, "metadata": {"tags": t}} for s, t in zip(sources, tags, strict=True)]
    chapter = tmp_path / "chapter.ipynb"
    chapter.write_text(json.dumps({"cells": book}))
    (derived,) = derivations(chapter)
    assert any("drop the term x*y" in complaint for complaint in derived.survivors())
