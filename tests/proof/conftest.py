"""What the tests of proofs share."""

from __future__ import annotations

import linecache
from functools import partial

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import rendering, source

NOTEBOOKS = iter(range(10**6))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Expressions name their tests; sets, functions and objects do not: their texts differ from process to process."""
    return str(val) if isinstance(val, sp.Basic) else None


@pytest.fixture
def no_cell(monkeypatch):
    """These derivations stand in a file, among tests: what is asked of a cell's text is tested with cells."""
    monkeypatch.setattr(source, "lint_derivation", lambda frame: None)


@pytest.fixture
def shown(monkeypatch):
    """The bundles that a notebook would have displayed."""
    bundles: list[dict] = []
    monkeypatch.setattr(rendering, "show", bundles.append)
    return bundles


@pytest.fixture
def run():
    """Execute the texts of cells as a notebook does: their source can be read, its names are returned."""
    count, notebook = iter(range(10**6)), next(NOTEBOOKS)

    def execute(*texts: str, **names: object) -> dict[str, object]:
        space: dict[str, object] = {}
        exec(compile(PREAMBLE, "<preamble>", "exec"), space)
        space |= {"derivation": partial(proof.derivation, scope="a case"), **names}
        for text in texts:
            filename = f"<notebook {notebook}, cell {next(count)}>"
            linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
            exec(compile(text, filename, "exec"), space)
        return space

    return execute


PREAMBLE = """
import math, itertools
from sympy import *
from nbdgm.proof import *
x, y, u, v, mu, m2, theta, e = symbols("x y u v mu m_2 theta epsilon", real=True)
a, b, p, q, s, t = symbols("a b p q sigma t", positive=True)
"""
