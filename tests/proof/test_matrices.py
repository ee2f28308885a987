"""Traces and determinants of matrices of any size: what is equal, what is not, and means over a column of noise."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import EN, ProofError, matrix
from nbdgm.proof.matrices import determinant, scalars, trace

n, m = proof.size("n"), proof.size("m")
p = sp.Symbol("p", positive=True)
A, B, C = matrix("A", n), matrix("B", n), matrix("C", n)
S, T, P = matrix("S", n, kind="symmetric"), matrix("T", n, kind="symmetric"), matrix("P", n, kind="positive")
W, V = matrix("W", n, m), matrix("V", m, n)
u, v, w = (matrix(c, n, 1) for c in "uvw")
noise, M = matrix("e", n, 1), matrix("M", n)
one = sp.Identity(n)

TRACES = [  # left, what has the same trace, what has another
    (A * B, B * A, A * B.T),
    (A * B, B.T * A.T, A + B),
    (A * B * C, C * A * B, A * C * B),
    (A, A.T, B),
    (S * A, A.T * S, S * B),
    (S * A * T, T * A.T * S, A * S * S),
    (W * V, V * W, A),
    (W.T * W, W * W.T, W * V),
    (A * B.I * B, A, A * B),
    (A.I * B * A, B, A),
    (A * A.I, one, 2 * one),
    (A**2, A * A, A),
    (A**3, A * A * A, A * A),
    ((A * B).T, B.T * A.T, A.T * B),
    ((A * B).I, B.I * A.I, A.I * B),
    ((A * B).I * A, B.I, A.I),
    (A ** (-1) * B, A.I * B, A * B),
    (2 * A + p * B, B * p + A + A, A + B),
    ((A + B) * C, A * C + B * C, A * C),
    ((A + B).I * (A + B), one, A),
    (u * v.T, v * u.T, u * w.T),
    (A * u * v.T, u * v.T * A, v * u.T * A),
    (u * v.T * w * u.T, u * w.T * v * u.T, u * u.T * w * v.T),
    (u * v.T * A * w * v.T, w * v.T * u * v.T * A, u * v.T),
    (sp.ZeroMatrix(n, n) + A, A, B),
]


@pytest.mark.parametrize(("left", "same", "other"), TRACES, ids=[str(left) for left, *_ in TRACES])
def test_a_trace_may_be_turned_round_and_over(left, same, other):
    assert sp.expand(trace(left) - trace(same)) == 0
    assert sp.expand(trace(left) - trace(other)) != 0


DETERMINANTS = [
    (A * B, sp.Determinant(A) * sp.Determinant(B), sp.Determinant(A)),
    (A.T, sp.Determinant(A), sp.Determinant(B)),
    (A.I, 1 / sp.Determinant(A), sp.Determinant(A)),
    (3 * A, 3**n * sp.Determinant(A), 3 * sp.Determinant(A)),
    (one + u * v.T, 1 + sp.Trace(u * v.T), 1 - sp.Trace(u * v.T)),
    (2 * one + u * v.T, 2**n * (1 + sp.Trace(u * v.T) / 2), 2 + sp.Trace(u * v.T)),
    (A + p * u * v.T, sp.Determinant(A) * (1 + p * sp.Trace(A.I * u * v.T)), sp.Determinant(A)),
    (A * A.I, sp.S.One, sp.S.Zero),
    (A + B, sp.Determinant(B + A), sp.Determinant(A) + sp.Determinant(B)),
    (A * B + S, sp.Determinant(S + A * B), sp.Determinant(A * B)),
    (W * V, sp.Determinant(W * V), sp.Determinant(A)),
]


@pytest.mark.parametrize(("left", "same", "other"), DETERMINANTS, ids=[str(left) for left, *_ in DETERMINANTS])
def test_a_determinant_is_taken_factor_by_factor(left, same, other):
    assert sp.simplify(determinant(left) - scalars(same)) == 0
    assert sp.simplify(determinant(left) - scalars(other)) != 0


def test_only_the_determinant_of_a_positive_matrix_has_a_sign():
    assert determinant(P).is_positive and determinant(P.I).is_positive
    assert determinant(S).is_positive is None and determinant(A).is_positive is None and determinant(A).is_real


@pytest.mark.parametrize(
    ("inside", "known"),
    [
        (u * u.T, True),
        (P * u * u.T, True),
        (P.I * u * u.T, True),
        (S * u * u.T, None),
        (P * P * u * u.T, None),
        (u * v.T, None),
    ],
)
def test_only_a_positive_matrix_makes_a_square_of_a_vector(inside, known):
    assert trace(inside).is_nonnegative is known and trace(inside).is_positive is None and trace(inside).is_real


def tr(inside: sp.MatrixExpr) -> sp.Expr:
    return sp.Trace(inside)


MEANS = [  # a trace in the noise, its mean, another number
    (noise * noise.T, n, sp.S.One),
    (A * noise * noise.T, tr(A), n),
    (noise * noise.T * A, tr(A), n),
    (noise.T * A * noise, tr(A), n),
    (noise.T * noise, n, sp.S.One),
    (noise.T * A * B * noise, tr(A * B), tr(A) * tr(B)),
    (u * noise.T * v * noise.T, tr(u * v.T), n),
    (noise * u.T * noise * v.T, tr(u * v.T), n),
    (noise * u.T, sp.S.Zero, sp.S.One),
    (A * noise * u.T, sp.S.Zero, tr(A)),
    (noise * noise.T * u * v.T, tr(u * v.T), n),
    (u.T * noise * noise.T * v, tr(v * u.T), n),
    ((noise + u) * (noise + u).T, n + tr(u * u.T), n),
    ((p * noise + u) * (p * noise + u).T * A, p**2 * tr(A) + tr(A * u * u.T), tr(A)),
    (A, tr(A), n),
]


@pytest.mark.parametrize("turn", [lambda m: m, lambda m: m.T], ids=["rows", "columns"])
@pytest.mark.parametrize("factors", ["ee", "eeb", "ebe", "ebeb", "bebe"])
def test_a_column_of_one_row_is_a_number(factors, turn):
    letters = {"e": matrix("e", 1, 1), "b": matrix("b", 1, 1)}
    inside = sp.MatMul(*(turn(letters[x]) if x == "e" else letters[x] for x in factors))
    assert scalars(EN(tr(inside), letters["e"]).definition()) == scalars(tr(letters["b"])) ** factors.count("b")


@pytest.mark.parametrize(("inside", "mean", "other"), MEANS, ids=[str(inside) for inside, *_ in MEANS])
def test_the_mean_of_a_trace_over_a_column_of_noise(inside, mean, other):
    found = scalars(EN(2 * tr(inside) + p, noise).definition())
    assert sp.expand(found - scalars(2 * mean + p)) == 0
    assert sp.expand(found - scalars(2 * other + p)) != 0


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (tr(noise * noise.T) * tr(noise * u.T), "one trace a term"),
        (tr(noise * u.T) ** 2, "one trace a term"),
        (sp.log(tr(noise * u.T)), "one trace a term"),
        (tr(noise * noise.T * noise * u.T), "more than two factors e"),
    ],
)
def test_means_of_higher_powers_are_refused(expr, said):
    with pytest.raises(ProofError, match=said):
        EN(expr, noise).definition()


@pytest.mark.parametrize("inside", [sp.HadamardProduct(A, B), sp.DiagMatrix(u), A**p])
def test_other_products_of_matrices_are_refused(inside):
    with pytest.raises(ProofError, match="write sums, products, transposes and inverses"):
        trace(inside)


@pytest.mark.parametrize(("shape", "kind"), [((n, m), "symmetric"), ((n, m), "positive"), ((n,), "orthogonal"), ((n, m), "x")])
def test_a_kind_of_matrix_is_one_of_two_and_square(shape, kind):
    with pytest.raises(ProofError, match="'symmetric' or 'positive' for a square matrix"):
        matrix("R", *shape, kind=kind)


def test_a_matrix_has_its_shape():
    assert A.shape == (n, n) and W.shape == (n, m) and u.shape == (n, 1) and matrix("R", 2, 3).shape == (2, 3)
    assert S.T != A and trace(S.T * A) == trace(S * A)


def test_traces_and_determinants_print_as_such():
    assert sp.latex(trace(A * B.T)) == r"\operatorname{tr}\left(A\,B^{\top}\right)"
    assert sp.latex(trace(A.I * B)) == r"\operatorname{tr}\left(A^{-1}\,B\right)"
    assert sp.latex(determinant(P)) == r"\operatorname{det}\left(P\right)"
    assert str(trace(A * B)) == "tr(A,B)" and str(determinant(A)) == "det(A)"
