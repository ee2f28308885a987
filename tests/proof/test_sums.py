"""Sums of symbolic length: which of them are equal for every length, and which are not judged."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, sums
from nbdgm.proof.proving import is_nonnegative, prove
from nbdgm.proof.sums import Form, collect, derivatives, nonempty, signed_sums

x = sp.Symbol("x", real=True)
p, q = sp.symbols("p q", positive=True)
n, m = proof.size("n"), proof.size("m")
i, k, v = (sp.Symbol(c, integer=True) for c in "ikv")
j, other, late = proof.index("j", n), proof.index("l", m), proof.index("h", n, 2)
X, P, A, B = (
    sp.IndexedBase("x", real=True),
    sp.IndexedBase("r", positive=True),
    sp.IndexedBase("a", positive=True),
    sp.IndexedBase("b", real=True),
)
D = sp.KroneckerDelta


def over(term: sp.Expr, low: object = 1, high: object = n, index: sp.Symbol = i) -> sp.Expr:
    return sp.Sum(term, (index, low, high))


ALL = over(X[i])
PAIRS = [  # left, what it equals, what it does not
    (over(X[i] + 3 * P[i]), ALL + 3 * over(P[i]), ALL + 2 * over(P[i])),
    (over(p * X[i]), p * ALL, q * ALL),
    (over(X[i]), over(X[k], index=k), over(P[i])),
    (over(sp.S.One), n, n - 1),
    (over(p, 2, n), p * (n - 1), p * n),
    (over(p, 0, n), p * (n + 1), p * n),
    (over(X[i], 2, n), ALL - X[1], ALL - X[2]),
    (over(X[i], 3, n + 2), ALL - X[1] - X[2] + X[n + 1] + X[n + 2], ALL - X[1] + X[n + 1]),
    (over(X[i], 0, n), ALL + X[0], ALL + X[1]),
    (over(X[i], -1, n), ALL + X[0] + X[-1], ALL + X[0]),
    (over(X[i], 1, n + 1), ALL + X[n + 1], ALL + X[n]),
    (over(X[i], 1, n + 2), ALL + X[n + 1] + X[n + 2], ALL + X[n + 2]),
    (over(X[i], 1, n - 1), ALL - X[n], ALL - X[n - 1]),
    (over(X[i], 3, n + 1), ALL - X[1] - X[2] + X[n + 1], ALL - X[1] + X[n + 1]),
    (over(X[i + 1], 0, n - 1), ALL, over(X[i], 2, n)),
    (over(X[i + 1] - X[i]), X[n + 1] - X[1], X[n] - X[1]),
    (over(X[i - 1], 2, n + 1), ALL, ALL - X[n]),
    (over(X[i - 1] * P[i], 1, n), over(X[i] * P[i + 1], 0, n - 1), over(X[i] * P[i + 1], 1, n)),
    (over(X[i] * P[i]) + over(X[i]), over(X[i] * (1 + P[i])), over(X[i] * (2 + P[i]))),
    (over(X[i], 1, j) + over(X[i], j + 1, n), ALL, ALL + X[j]),
    (over(X[i], j, n), ALL - over(X[i], 1, j - 1), ALL - over(X[i], 1, j)),
    (over(X[i], 1, j - 1), over(X[i], 1, j) - X[j], over(X[i], 1, j)),
    (over(D(i, j) * X[i]), X[j], X[1]),
    (over(D(j, i) * X[i] * P[i]), X[j] * P[j], X[j]),
    (over(over(D(i, k) * X[k] * P[i], index=k)), over(X[i] * P[i]), over(X[i] ** 2)),
    (ALL**2, over(over(X[i] * X[k], index=k)), over(X[i] ** 2)),
    (ALL * over(P[i]), over(over(X[i] * P[k], index=k)), over(X[i] * P[i])),
    (sp.Sum(A[i, k] * X[i], (i, 1, n), (k, 1, m)), over(X[i] * over(A[i, k], 1, m, k)), over(X[i]) * over(A[i, i])),
    (sp.Sum(A[i, k], (i, 1, n), (k, 1, m)), sp.Sum(A[i, k], (k, 1, m), (i, 1, n)), sp.Sum(A[k, i], (i, 1, n), (k, 1, m))),
    (sp.Sum(X[i] * B[k], (i, 1, n), (k, 1, m)), ALL * over(B[k], 1, m, k), ALL * over(B[k], 1, n, k)),
    (sp.Sum(A[i, k], (k, 1, i), (i, 1, n)), over(over(A[i, v], 1, i, v)), over(over(A[v, i], 1, i, v))),
    (over(sp.log(P[i] * p)), over(sp.log(P[i])) + n * sp.log(p), over(sp.log(P[i])) + sp.log(p)),
    (over(sp.log(P[i] / over(P[k], index=k))), over(sp.log(P[i])) - n * sp.log(over(P[k], index=k)), over(sp.log(P[i]))),
    (over(P[i] / over(P[k], index=k)), sp.S.One, n),
    (over(P[i] / (P[i] + A[i]) + A[i] / (P[i] + A[i])), n, n + 1),
    (over(P[i] / (P[i] + A[i])) + over(A[i] / (P[i] + A[i])), n, sp.S.One),
    (over(P[i] ** 2 / (P[i] + A[i])) + over(P[i] * A[i] / (P[i] + A[i])), over(P[i]), over(A[i])),
    (sp.Product(P[i], (i, 1, n)), sp.exp(over(sp.log(P[i]))), over(P[i])),
    (sp.log(sp.Product(P[i], (i, 1, n))), over(sp.log(P[i])), over(P[i])),
    (sp.Product(P[i] ** 2, (i, 1, n)), sp.Product(P[i], (i, 1, n)) ** 2, sp.Product(P[i], (i, 1, n))),
    (sp.Product(x * P[i], (i, 1, n)), x**n * sp.Product(P[i], (i, 1, n)), x * sp.Product(P[i], (i, 1, n))),
    (sp.Product(x * P[i], (i, 2, n)), x ** (n - 1) * sp.Product(P[i], (i, 2, n)), x**n * sp.Product(P[i], (i, 2, n))),
    (sp.Derivative(over(P[i] * x**2), x), 2 * x * over(P[i]), x * over(P[i])),
    (sp.Derivative(over(X[i] ** 2), X[j]), 2 * X[j], 2 * ALL),
    (over(X[i], 1, 3), X[1] + X[2] + X[3], X[1] + X[2]),
    (over(over(X[k], 1, i, k) * P[i]), over(over(X[v], 1, i, v) * P[i]), ALL * over(P[i])),
    (
        over(over(X[k], 1, i, k) * (n * X[i] - ALL)),
        n * over(over(X[k], 1, i, k) * X[i]) - ALL * over(over(X[k], 1, i, k)),
        x - x,
    ),
]


@pytest.mark.parametrize(("left", "same", "other"), PAIRS, ids=[str(left) for left, *_ in PAIRS])
def test_sums_are_equal_for_every_length_or_they_are_not(left, same, other):
    assert prove(left - same) in ("expand", "collect")
    assert prove(left - other) is None


REFUSED = [
    (over(X[i], 1, m - n), "may run backwards"),
    (over(X[i], 3, n), "may run backwards"),
    (over(X[i], 1, n - 2), "may run backwards"),
    (over(X[i], 3, n + 1), None),
    (over(X[i], 1, n - 1), None),
    (over(X[i], j, n), None),
    (over(X[i], j + 1, n), None),
    (over(X[i], j + 2, n), "may run backwards"),
    (over(X[i], 2, j), None),
    (over(X[i], 3, j), "may run backwards"),
    (over(X[i], 3, late), None),
    (over(X[i], 4, late), "may run backwards"),
    (over(X[i], other, n), "may run backwards"),
    (over(D(i, other) * X[i]), "is l one of 1..n"),
    (over(D(i, late) * X[i]), "is h one of 1..n"),
    (over(D(i, k) * X[i]), "is k one of 1..n"),
    (over(D(i, j) * X[i], 2, n), "is j one of 2..n"),
    (over(D(i, late) * X[i], 2, n), None),
    (sp.Product(X[i], (i, 1, n)), "of unknown sign"),
    (sp.Product(X[i] + 1, (i, 1, n)), "of unknown sign"),
    (sp.Product(X[i] ** 2, (i, 1, n)), "of unknown sign"),
    (sp.Product(X[i] * x, (i, 1, n), (k, 1, m)), "of unknown sign"),
]


@pytest.mark.parametrize(("expr", "said"), REFUSED, ids=[str(expr) for expr, _ in REFUSED])
def test_what_may_run_backwards_or_has_no_logarithm_is_refused(expr, said):
    if said is None:
        assert collect(expr - expr.xreplace({X: P})) != 0
        return
    with pytest.raises(ProofError, match=said):
        collect(expr + x)


def test_sums_without_end_are_left_to_others():
    for bounds in ((1, sp.oo), (-sp.oo, 1), (-sp.oo, sp.oo)):
        series = over(p**i, *bounds)
        assert Form().flat(series - q, ()) == series - q


def test_a_range_has_a_term_for_every_length_or_it_may_have_none():
    assert nonempty(over(X[i])) and nonempty(over(X[i], 2, n + 1)) and nonempty(over(X[i], j, n + j))
    assert not nonempty(over(X[i], 2, n)) and not nonempty(over(X[i], 1, n - 1))
    assert nonempty(sp.Sum(A[i, k], (i, 1, n), (k, 1, m))) and not nonempty(sp.Sum(A[i, k], (i, 1, n), (k, 2, m)))


@pytest.mark.parametrize(
    ("total", "signs"),
    [
        (over(P[i]), (True, True)),
        (over(P[i], 2, n), (None, True)),
        (over(X[i] ** 2), (None, True)),
        (over(X[i] ** 2 + P[i]), (True, True)),
        (ALL, (None, None)),
        (over(i), (True, True)),
        (over(i, 0, n), (None, True)),
        (over(i, -1, n), (None, None)),
        (over(over(A[i, k], index=k)), (True, True)),
        (over(over(A[i, k], 2, n, k)), (None, True)),
    ],
)
def test_a_sum_has_the_sign_that_all_its_terms_have(total, signs):
    letter = signed_sums(total, is_nonnegative)
    assert (letter.is_positive, letter.is_nonnegative) == signs and letter.is_real
    assert signed_sums(total, is_nonnegative) == letter  # always the same one
    assert signed_sums(x * total + p, is_nonnegative) == x * letter + p
    assert signed_sums(X[j] + p, is_nonnegative) == X[j] + p


def test_a_derivative_goes_into_the_sum_and_stays_one_elsewhere():
    outside = sp.Derivative(x**2, x)
    assert derivatives(sp.Derivative(over(P[i] * x**3), (x, 2)) + outside) == 6 * x * over(P[i]) + outside
    assert derivatives(sp.Derivative(over(X[i] * x) ** 2, x)) == 2 * over(X[i] * x) * ALL


def test_an_index_has_a_range_that_is_remembered():
    assert sums.RANGES[j] == (1, n) and sums.RANGES[late] == (2, n)
    assert j.is_integer and j.is_positive
