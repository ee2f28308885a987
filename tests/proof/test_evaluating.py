"""What is carried out, what is refused, and the numbers that are asked for a second opinion."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, evaluating, points
from nbdgm.proof.errors import TimeUp
from nbdgm.proof.evaluating import _decide, _factored, _grid, _inside, _number, _pieces, evaluate, quadrature, sample, short
from nbdgm.proof.hypotheses import Hypotheses

x, y, z = sp.symbols("x y z", real=True)
p, q, r = sp.symbols("p q r", positive=True)
w = sp.Symbol("w", nonnegative=True)
n, k, m = proof.size("n"), sp.Symbol("k", integer=True, nonnegative=True), sp.Symbol("m", integer=True, positive=True)
i, X = sp.Symbol("i", integer=True), sp.IndexedBase("b", real=True)
f = sp.Function("f", real=True)
oo, I = sp.oo, sp.Integral
NONE, UNIT = Hypotheses(), Hypotheses({r: (0, 1)})

VALUES = [
    (I(x, (x, 0, p)), p**2 / 2),
    (I(sp.exp(-p * x), (x, 0, oo)), 1 / p),
    (I(sp.exp(x), (x, -oo, y)), sp.exp(y)),
    (I(1 / (p + x), (x, 0, q)), sp.log(p + q) - sp.log(p)),
    (I(x * y, (x, 0, 1), (y, 0, p)), p**2 / 4),
    (I(x, (x, 0, y), (y, 0, p)), p**3 / 6),
    (3 * I(x, (x, 0, 1)) + I(x, (x, 0, 1)), sp.Integer(2)),
    (I(sp.Abs(x), (x, -1, 1)), sp.S.One),
    (I(sp.Piecewise((x, x < 1), (1, True)), (x, 0, 2)), sp.Rational(3, 2)),
    (sp.Derivative(x**3, x) + x, 3 * x**2 + x),
    (sp.Derivative(I(x, (x, 0, p)), p), p),
    (sp.Derivative(f(x) ** 2, x), 2 * f(x) * sp.Derivative(f(x), x)),
    (sp.Sum(k, (k, 0, 4)), sp.Integer(10)),
    (sp.Product(m, (m, 1, 4)), sp.Integer(24)),
    (sp.Sum(sp.Rational(1, 2) ** k, (k, 0, oo)), sp.Integer(2)),
    (sp.Sum(X[i], (i, 1, n)), sp.Sum(X[i], (i, 1, n))),
    (sp.Sum(sp.Derivative(X[i] * x**2, x), (i, 1, n)), sp.Sum(2 * X[i] * x, (i, 1, n))),
    (sp.Sum(X[i], (i, 1, 2)), X[1] + X[2]),
    (proof.let("h", I(x, (x, 0, p))) + 1, p**2 / 2 + 1),
]


@pytest.mark.parametrize(("expr", "value"), VALUES, ids=[str(expr) for expr, _ in VALUES])
def test_what_is_carried_out_has_this_value(expr, value):
    assert sp.simplify(evaluate(expr) - value) == 0


REFUSED = [
    (I(1 / x, (x, 0, 1)), "not finite|does not evaluate|diverges"),
    (I(1 / (x - p), (x, 0, q)), r"has a zero between the bounds \(p = .*q = "),
    (I(1 / x, (x, -1, 1)), r"has a zero between the bounds \(no parameter\)"),
    (I(1 / x**3, (x, -1, 1)), "has a zero between the bounds"),
    (I(1 / (x**2 - 2 * x * p + p**2 - q**2), (x, 0, 1)), "has a zero between the bounds"),
    (I(sp.log(x), (x, -1, 1)), "has a zero between the bounds"),
    (I(1 / sp.sqrt(x), (x, -1, 1)), "between the bounds"),
    (I(1 / (sp.sqrt(x) + 2), (x, -1, 1)), "quadrature finds nothing: no number: the integrand is not real"),
    (I(1 + I(x * y, (x, 0, 1)), (y, 0, 1)), "an integral within an integral"),
    (I(x, (x, 0, I(y, (y, 0, p)))), "an integral within an integral"),
    (I(x, x), "an integral has two bounds"),
    (I(x, (x, 1)), "an integral has two bounds"),
    (I(x**x, (x, 0, 1)), "does not evaluate"),
    (I(sp.exp(x), (x, 0, oo)), "not finite"),
    (sp.Sum(1 / m, (m, 1, oo)), "does not evaluate|not finite|diverge"),
    (sp.Sum(p**k, (k, 0, oo)), "only under a condition|not finite"),
    (sp.Sum(sp.Rational(1, 2) ** (k + m), (k, 0, oo), (m, 1, oo)), "one index, from a number to oo"),
    (sp.Sum(sp.Rational(1, 2) ** k, (k, m, oo)), "one index, from a number to oo"),
    (sp.Sum(f(x) * k, (k, 0, y)), "one index, from a number to oo"),
    (sp.Derivative(f(x) * sp.floor(x), x), "does not evaluate"),
    (p + oo, "is not finite"),
    (sp.nan * p, "is not finite"),
    (sp.zoo + p, "is not finite"),
    (p * -oo, "is not finite"),
]


@pytest.mark.parametrize(("expr", "said"), REFUSED, ids=[str(expr) for expr, _ in REFUSED])
def test_what_has_no_finite_value_is_refused(expr, said):
    with pytest.raises(ProofError, match=said):
        evaluate(expr)


def test_a_power_without_end_vanishes_where_its_base_is_below_one():
    series = sp.Sum((1 - r) * r**k, (k, 0, oo))
    assert sp.simplify(evaluate(series, UNIT)) == 1
    assert evaluating._vanishing_powers(1 + sp.Pow(r, oo, evaluate=False), UNIT) == 1
    for base in (p, 1 + r, 1 / (1 + w), -r):
        power = sp.Pow(base, oo, evaluate=False)
        assert evaluating._vanishing_powers(power + 1, UNIT).has(oo)


DECISIONS = [
    (sp.true, True),
    (sp.false, False),
    (p > 0, True),
    (r < 1, True),
    (r > 1, False),
    (r >= 1, False),
    (r <= 1, True),
    (r > sp.Rational(1, 2), None),
    (x > 0, None),
    (x**2 >= 0, True),
    (x**2 > 0, None),
    (x**2 < 0, False),
    (-(x**2) > 0, False),
    (sp.Eq(x, y), None),
    (sp.Ne(p, 0), True),
    ((r < 1) & (p + 1 > 0), True),
    ((r < 1) & (x > 0), None),
    ((r > 1) & (x > 0), False),
    ((r > 1) | (p + x**2 > 0), True),
    ((r > 1) | (x > 0), None),
    ((r > 1) | (r > 2), False),
]


@pytest.mark.parametrize(("condition", "known"), DECISIONS, ids=[str(c) for c, _ in DECISIONS])
def test_a_condition_is_decided_by_the_hypotheses_or_not_at_all(condition, known):
    assert _decide(condition, UNIT) is known


def test_a_long_formula_is_cut_where_it_is_named():
    assert short(x + 1) == "x + 1" and short("a" * 160) == "a" * 160
    assert short("a" * 161) == "a" * 157 + "..." and short("abcdef", 5) == "ab..."


# --- numbers --------------------------------------------------------------------------------------------------------------


def test_points_lie_inside_the_hypotheses():
    for seed in range(20):
        drawn = sample([r, p, x], UNIT, random.Random(seed), 2.0)
        assert 0 < drawn[r] < 1 and drawn[p] > 0 and set(drawn) == {r, p, x}


@pytest.mark.parametrize(
    ("expr", "number"), [(p + 1, 3.0), (sp.sqrt(-p) ** 2, -2.0), (sp.cbrt(-p) * 0 + 1, 1.0), (sp.Abs(-p) / 4, 0.5)]
)
def test_a_number_is_real(expr, number):
    assert _number(expr, {p: sp.Integer(2)}) == pytest.approx(number)


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (sp.sqrt(-p), "not a real number"),
        (sp.I * sp.Rational(1, 10**6) + p, "not a real number"),
        (1 / (p - 2), "not a real number|no number"),
        (x + p, "no number"),
    ],
)
def test_what_is_no_real_number_is_undefined(expr, said):
    with pytest.raises(points.Undefined, match=said):
        _number(expr, {p: sp.Integer(2)})


def test_a_tiny_imaginary_part_is_rounding():
    assert _number(p + sp.I * sp.Rational(1, 10**12), {p: sp.Integer(2)}) == 2.0


@pytest.mark.parametrize(
    "integral",
    [
        I(sp.exp(-(x**2) / 2), (x, -oo, oo)),
        I(sp.exp(-x * p), (x, 0, oo)),
        I(sp.exp(x), (x, -oo, p)),
        I(x**2, (x, 0, p)),
        I(x**2 - 1, (x, 0, p)),
        I(x * y, (x, 0, y), (y, 0, p)),
        I(sp.exp(-x - y), (x, 0, oo), (y, 0, oo)),
    ],
)
def test_an_integral_is_taken_whole_and_in_pieces_and_so_is_its_modulus(integral):
    at = {p: sp.Rational(3, 2)} if integral.has(p) else {}
    value = float(integral.doit().subs(at))
    found, modulus = _pieces(integral, at, random.Random(1))
    assert len(found) == 2 and all(v == pytest.approx(value, abs=1e-5) for v in found)
    assert modulus >= abs(value) - 1e-5
    assert modulus == pytest.approx(value if integral.function.subs(x, 0) != -1 else value + 4 / 3, abs=1e-4)


@pytest.mark.parametrize("body", [1 / x, 1 / x**2, sp.sin(1 / x) / x])
def test_an_integral_that_depends_on_how_it_is_cut_does_not_converge(body):
    with pytest.raises((points.Undefined, ProofError)):
        _pieces(I(body, (x, -1, 1)), {}, random.Random(1))


def test_an_integrand_that_is_not_real_has_no_numbers():
    with pytest.raises(points.Undefined, match="not real"):
        quadrature(I(sp.sqrt(x), (x, -1, 1)), {})
    with pytest.raises(points.Undefined, match="no number"):
        quadrature(I(x * y, (x, 0, 1)), {})
    with pytest.raises(points.Undefined, match="no number"):
        quadrature(I(x, (x, 0, y)), {})


@pytest.mark.parametrize(
    ("expr", "number"),
    [(I(x**2, (x, 0, p)) + 1, 1 + 8 / 3), (p * I(x * p, (x, 0, 1)), 2.0), (I(sp.exp(-x), (x, 0, oo)) - I(x, (x, 0, 1)), 0.5)],
)
def test_quadrature_of_what_holds_integrals(expr, number):
    assert quadrature(expr, {p: sp.Integer(2)}) == pytest.approx(number, rel=1e-6)


def test_points_between_dependent_bounds_lie_between_them():
    inner, outer = _inside(I(x * y, (x, y, 2 * y), (y, 1, p)), {p: sp.Integer(3)}, random.Random(0))
    assert inner.shape == outer.shape == (48,) and np.all((outer > 1) & (outer < 3))
    assert np.all((inner > outer) & (inner < 2 * outer)) and len(set(outer)) > 20
    (single,) = _inside(I(x, (x, -p, p)), {p: sp.Integer(3)}, random.Random(0))
    assert single.min() == pytest.approx(-3, abs=0.1) and single.max() == pytest.approx(3, abs=0.1)


def test_a_grid_of_an_infinite_range_is_thick_at_its_finite_end():
    up, down = _grid(2.0, math.inf), _grid(-math.inf, 2.0)
    assert np.allclose(up - 2, 2 - down) and np.all(np.diff(up) > 0)
    assert np.sum(up < 3) == np.sum(up > 3) == 24


def test_denominators_are_factored_where_that_takes_no_time(monkeypatch):
    assert _factored(1 / (x**2 - 1) + x**2 - 1) == 1 / ((x - 1) * (x + 1)) + x**2 - 1

    def faulty(*_):
        raise sp.PolynomialError

    monkeypatch.setattr(sp, "factor", faulty)
    assert _factored(1 / (x**2 - 1)) == 1 / (x**2 - 1)


@pytest.mark.parametrize(
    ("patch", "expr", "said"),
    [
        ("_carry_out", None, "takes sympy more than"),
        ("_pieces", I(x, (x, 0, p)), "quadrature takes more than 20 s at p = "),
    ],
)
def test_what_takes_too_long_is_refused(monkeypatch, patch, expr, said):
    def slow(*_):
        raise TimeUp

    if expr is None:
        monkeypatch.setattr(evaluating, "derivatives", slow)
        expr = sp.Derivative(x**2, x)
    else:
        monkeypatch.setattr(evaluating, patch, slow)
    with pytest.raises(ProofError, match=said):
        evaluate(expr)


@pytest.mark.parametrize("found", [0.01, -1.0, 100.0])
def test_an_error_of_quadrature_is_small_beside_one_or_beside_the_value(monkeypatch, found):
    from scipy import integrate

    for share, enough in ((0.9, True), (1.1, False)):
        error = share * 1e-4 * max(1, abs(found))
        monkeypatch.setattr(integrate, "quad", lambda *args, error=error, **options: (found, error))
        if enough:
            assert evaluating._quad(lambda at: at, [(0, 1)]) == found
        else:
            with pytest.raises(points.Undefined, match="does not converge"):
                evaluating._quad(lambda at: at, [(0, 1)])


def test_quadrature_that_finds_nothing_is_said(monkeypatch):
    def nothing(*_):
        raise points.Undefined("no number")

    monkeypatch.setattr(evaluating, "_pieces", nothing)
    with pytest.raises(ProofError, match=r"sympy says p\*\*2/2, but quadrature finds nothing at p = .*: no number"):
        evaluate(I(x, (x, 0, p)))


def test_partial_sums_without_numbers_are_said(monkeypatch):
    monkeypatch.setattr(evaluating, "_number", lambda expr, point: sp.sqrt(-1))
    with pytest.raises(ProofError, match="no partial sums at"):
        evaluate(sp.Sum(sp.Rational(1, 2) ** k, (k, 0, oo)))


@pytest.mark.parametrize(
    ("series", "wrong"),
    [
        (sp.Sum(sp.Rational(1, 2) ** k, (k, 0, oo)), sp.Rational(2000001, 1000000)),
        (sp.Sum(1 / m**2, (m, 1, oo)), sp.pi**2 / 6 + sp.Rational(1, 500)),
        (sp.Product(1 + 1 / m**2, (m, 1, oo)), sp.sinh(sp.pi) / sp.pi + sp.Rational(1, 100)),
        (sp.Sum(p**k / sp.factorial(k), (k, 0, oo)), sp.exp(p) + sp.Rational(1, 10**6)),
    ],
)
def test_a_wrong_value_of_a_series_is_noticed(monkeypatch, series, wrong):
    evaluating._second_opinion_on_series(series, NONE)  # sympy's own is right
    monkeypatch.setattr(evaluating, "_carry_out", lambda expr: wrong)
    with pytest.raises(ProofError, match="do not come nearer"):
        evaluating._second_opinion_on_series(series, NONE)


@pytest.mark.parametrize("error", [sp.Rational(1, 1000), -sp.Rational(1, 1000)])
@pytest.mark.parametrize("integral", [I(sp.exp(-p * x), (x, 0, oo)), I(x * y, (x, 0, 1), (y, 0, p)), I(x, (x, -1, 2))])
def test_a_wrong_value_of_an_integral_is_noticed(integral, error):
    evaluating._second_opinion(integral, integral.doit(), NONE)
    with pytest.raises(ProofError, match="disagrees with quadrature"):
        evaluating._second_opinion(integral, integral.doit() + error, NONE)


def test_an_integral_over_a_sum_of_symbolic_length_is_looked_at_for_two_terms():
    evaluating._second_opinion(I(sp.Sum(X[i] * x, (i, 1, n)), (x, 0, 1)), sp.Sum(X[i], (i, 1, n)) / 2, NONE)
    with pytest.raises(ProofError, match="disagrees with quadrature"):
        evaluating._second_opinion(I(sp.Sum(X[i] * x, (i, 1, n)), (x, 0, 1)), sp.Sum(X[i], (i, 1, n)), NONE)


def test_a_pole_that_only_the_domain_keeps_out_is_no_pole():
    integral = I(1 / (x - r), (x, 1, 2))
    evaluating._refuse_pole_between_bounds(integral, UNIT)
    with pytest.raises(ProofError, match="has a zero between the bounds"):
        evaluating._refuse_pole_between_bounds(integral, NONE)


# --- where poles of a formula cancel --------------------------------------------------------------------------------------

GAPS = [sp.gamma(1 - p) * (1 - p), sp.sin(p - 1) / (p - 1), (p**2 - 1) / (p - 1) + q]
POLES = [1 / (p - 1), 1 / (p - 1) ** 2, sp.log(p - 1), sp.gamma(1 - p), sp.cot(p - 1)]


ELSEWHERE = [sp.Rational(k, 7) for k in range(8, 16)]


def at_one(symbols, seed):
    """Points for `compare`: 1 for every symbol eight times, then eight other numbers."""
    moderate = [([dict.fromkeys(symbols, sp.S.One)], False)] * points.POINTS
    return moderate + [([dict.fromkeys(symbols, value)], True) for value in ELSEWHERE]


@pytest.mark.parametrize("formula", GAPS)
def test_a_formula_has_a_number_where_its_poles_cancel(formula, monkeypatch):
    monkeypatch.setattr(points, "draw_points", at_one)
    assert points.compare(formula, formula + 0 * p, "any").refuted_at is None
    one = evaluating._number_or_limit(formula, {p: sp.S.One, q: sp.S.One})
    assert one == pytest.approx(float(formula.subs(q, 1).subs(p, sp.Rational(1001, 1000)).evalf()), rel=3e-3)


@pytest.mark.parametrize("formula", POLES)
def test_a_true_pole_is_refused(formula, monkeypatch):
    monkeypatch.setattr(points, "draw_points", at_one)
    with pytest.raises(points.Undefined):
        points.compare(formula, formula, "any")
    with pytest.raises(points.Undefined):
        evaluating._number_or_limit(formula, {p: sp.S.One})


def test_whole_numbers_are_not_moved(monkeypatch):
    assert points.beside({m: sp.Integer(2)}) == []
    assert [point[m] for point in points.beside({m: sp.Integer(2), p: sp.S.One})] == [2] * 4
    monkeypatch.setattr(points, "draw_points", at_one)
    with pytest.raises(points.Undefined):
        points.compare((m**2 - 1) / (m - 1), m + 1, "any")


def test_the_mean_logarithm_of_a_gamma_variable_at_a_whole_number(monkeypatch):
    """sympy writes it with gamma(-a), which has a pole at each whole number: the points drawn there failed now and then."""
    monkeypatch.setattr(points, "draw_points", at_one)
    monkeypatch.setattr(evaluating, "draw", lambda *_: sp.S.One)
    integral = I(y ** (p - 1) * sp.exp(-y) * sp.log(y) / sp.gamma(p), (y, 0, oo))
    value = evaluating._carry_out(integral)
    evaluating._second_opinion(integral, value, NONE)
    assert points.compare(value, sp.digamma(p), "any").refuted_at is None
    with pytest.raises(ProofError, match="disagrees with quadrature"):
        evaluating._second_opinion(integral, value + sp.Rational(1, 1000), NONE)
    assert points.compare(value, sp.digamma(p) + sp.Rational(1, 1000), "any").refuted_at is not None
