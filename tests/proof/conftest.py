"""What the tests of proofs share."""

from __future__ import annotations

import linecache

import pytest

from nbdgm import proof


@pytest.fixture
def run():
    """Execute the text of a cell as a notebook does: its source can be read, its names are returned."""
    count = iter(range(10**6))

    def execute(text: str, **names: object) -> dict[str, object]:
        filename = f"<test cell {next(count)}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        space: dict[str, object] = {"derivation": proof.derivation, "claim": proof.claim, **names}
        exec(compile(PREAMBLE, "<preamble>", "exec"), space)
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
