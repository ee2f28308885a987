"""Which gaps are seen to be nonnegative, which to be positive, and which functions have a least value."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, least
from nbdgm.proof.proving import is_nonnegative
from nbdgm.proof.signs import nonnegative

x, y = sp.symbols("x y", real=True)
p, q, t = sp.symbols("p q t", positive=True)
w = sp.Symbol("w", nonnegative=True)
n, m = proof.size("n"), proof.size("m")
i, k = sp.Symbol("i", integer=True), sp.Symbol("k", integer=True)
j, other = proof.index("j", n), proof.index("l", m)
X, P, A = sp.IndexedBase("x", real=True), sp.IndexedBase("r", positive=True), sp.IndexedBase("a", positive=True)
P_ALL, P_MOST = sp.Sum(P[i], (i, 1, n)), sp.Sum(P[i], (i, 1, n - 1))
FIRST, SECOND = proof.law("f", n), proof.law("g", n)
BREGMAN = least(t - 1 - sp.log(t), t, 1)
CONVEX = least(sp.exp(x) - 1 - x, x, 0)
DEEP = p
for _ in range(9):
    DEEP = proof.let("h", DEEP + 1)

SEEN = {  # expression: (nonnegative, positive), as far as it is seen term by term
    p: (True, True),
    w: (True, False),
    x: (False, False),
    -p: (False, False),
    p + x**2: (True, True),
    x**2 + y**2: (True, False),
    p + w: (True, True),
    p - q: (False, False),
    p * x**2: (True, False),
    p * w: (True, False),
    x * y: (False, False),
    -p * x**2: (False, False),
    P_ALL: (True, True),
    P_MOST: (True, False),
    -P_ALL: (False, False),
    2 * P_ALL: (True, True),
    -2 * sp.Sum(-P[i], (i, 1, n)): (True, True),
    sp.Sum(X[i] ** 2, (i, 1, n)): (True, False),
    sp.Sum(X[i], (i, 1, n)): (False, False),
    sp.Sum(i, (i, 1, n)): (True, True),
    sp.Sum(i - 1, (i, 1, n)): (True, False),
    sp.Sum(i - 2, (i, 1, n)): (False, False),
    sp.log(1 + p): (True, True),
    sp.log(1 + x**2): (True, False),
    sp.log(p): (False, False),
    sp.log((2 + p) / (1 + p)): (True, True),
    sp.log((1 + p) / (2 + p)): (False, False),
    -p * sp.log(q / (1 + q)): (True, True),
    -sp.log(1 / (1 + P_ALL)): (True, True),
    -p * sp.log(q): (False, False),
    p * sp.log(q / (1 + q)): (False, False),
    -x * sp.log(q / (1 + q)): (False, False),
    proof.KL(FIRST, SECOND): (True, False),
    -proof.KL(FIRST, SECOND): (False, False),
    p + proof.KL(FIRST, SECOND): (True, True),
    p * sp.log(p / q) + q * sp.log(q / p): (True, False),
    p * sp.log(p / q): (False, False),
    p * sp.log(p / q) + 2 * q * sp.log(q / p): (False, False),
    p * sp.log(p / q) * sp.log(q) + q: (False, False),
    P_ALL - P[j]: (True, False),
    P_ALL - P[1]: (True, False),
    P_ALL - P[n]: (True, False),
    P_ALL - P[2]: (False, False),
    P_ALL - P[n + 1]: (False, False),
    P_ALL - P[other]: (False, False),
    P_ALL - 2 * P[j]: (False, False),
    3 * P_ALL - 3 * P[j]: (True, False),
    P[j] - P_ALL: (False, False),
    (P_ALL - P[j]) / P_ALL: (True, False),
    (P_ALL - P[j]) / x: (False, False),
    sp.Sum(X[i], (i, 1, n)) - X[j]: (False, False),
    sp.Sum(A[i, k], (i, 1, n), (k, 1, n)) - A[j, j]: (False, False),
    sp.Max(x, 0) - x: (True, False),
    sp.Max(x, 0) - x - 1: (False, False),
    sp.Abs(x) + x: (True, False),
    x - sp.Min(x, y): (True, False),
    x - sp.Max(x, y): (False, False),
    BREGMAN(p / q): (True, False),
    BREGMAN(1 + x**2): (True, False),
    BREGMAN(x**2): (False, False),
    BREGMAN(x): (False, False),
    -BREGMAN(p): (False, False),
    p + BREGMAN(p): (True, True),
    sp.Sum(BREGMAN(P[i]), (i, 1, n)): (True, False),
    CONVEX(x): (True, False),
    CONVEX(sp.log(p)): (True, False),
    CONVEX(sp.sqrt(x)): (False, False),
    CONVEX(sp.Sum(X[i], (i, 1, n))): (True, False),
    proof.let("s", p + q): (True, True),
    proof.let("s", x + q): (False, False),
}


@pytest.mark.parametrize("expr", SEEN)
def test_a_sign_is_seen_term_by_term_or_not_at_all(expr):
    assert (nonnegative(expr, is_nonnegative), nonnegative(expr, is_nonnegative, strict=True)) == SEEN[expr]


def test_a_sum_over_an_index_that_a_sum_around_it_gives():
    inner = P_ALL.xreplace({i: k}) - P[i]
    assert nonnegative(sp.Sum(A[i, 1] * inner, (i, 1, n)), is_nonnegative)
    assert not nonnegative(sp.Sum(A[i, 1] * inner, (i, 1, m)), is_nonnegative)


s = sp.Symbol("s", real=True)
KINKED = [sp.Abs(s), sp.sign(s), sp.Piecewise((s, s > 0), (0, True)), sp.Max(s, 0), sp.Min(s, 0), sp.floor(s), sp.ceiling(s)]
NOT_LEAST = [
    (s**2 + p, s, 0, "a smooth function"),
    (sp.S.One, s, 0, "a smooth function"),
    *[(s**2 + kinked, s, 0, "a smooth function") for kinked in [*KINKED, sp.Heaviside(s)]],
    (t - 1 - sp.log(t), t, 0, "0 is not a value of t"),
    (t - 1 - sp.log(t), t, -1, "-1 is not a value of t"),
    (s**2, s, sp.I, "I is not a value of s"),
    (s**2, s, sp.oo, "oo is not a value of s"),
    (sp.Symbol("z") ** 2, sp.Symbol("z"), 0, "z is declared real, or positive"),
    (s**2, s, 1, "not flat at s = 1"),
    (-(s**2), s, 0, "not flat at s = 0, or not seen to be convex"),
    (s**4, s, 0, "not seen to be convex"),
    (s**2 - 1, s, 0, "the value -1 at s = 0 is negative"),
]


@pytest.mark.parametrize(("body", "of", "at", "said"), NOT_LEAST)
def test_what_has_no_least_value_is_refused(body, of, at, said):
    with pytest.raises(ProofError, match=said):
        least(body, of, at)


@pytest.mark.parametrize("assumption", ["nonnegative", "negative", "nonpositive", "integer", "nonzero"])
def test_a_function_that_is_convex_on_a_part_of_the_line_is_not_used_on_all_of_it(assumption):
    part = sp.Symbol("s", **{assumption: True})
    cube = -(part**3) if part.is_nonpositive else part**3
    with pytest.raises(ProofError, match="declared real, or positive"):
        least(part**2 + cube, part, 0)


def test_a_least_value_prints_as_what_it_is_and_knows_its_symbols():
    found = BREGMAN(p / q)
    assert found.definition() == p / q - 1 - sp.log(p / q) and found.at == p / q
    assert str(found) == f"({p / q - 1 - sp.log(p / q)})" and found.free_symbols == {p, q}
    assert sp.latex(found) == rf"\left({sp.latex(p / q - 1 - sp.log(p / q))}\right)"
