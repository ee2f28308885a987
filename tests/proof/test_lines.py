"""The kinds of lines one by one: limits, inequalities, constants, sequences, shapes, counter-examples; and what they refuse."""

from __future__ import annotations

import threading

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, constancy, inequality, limits, matrix, recording
from nbdgm.proof.checking import check
from nbdgm.proof.constancy import prove_constant
from nbdgm.proof.counterexample import exact_values, read_point, said
from nbdgm.proof.errors import TimeUp, cpu_limit
from nbdgm.proof.hypotheses import Hypotheses
from nbdgm.proof.induction import read_induction
from nbdgm.proof.inequality import refuse_gap, refuse_point, refuse_slack
from nbdgm.proof.limits import is_rearrangement, prove_limit, refuse_outside, take_limit
from nbdgm.proof.normal import norm, radicals
from nbdgm.proof.proving import is_nonnegative, is_nonzero, prove
from nbdgm.proof.shapes import prove_shape
from nbdgm.proof.wording import refuse_relation

x, y, h = sp.symbols("x y h", real=True)
p, q, t = sp.symbols("p q t", positive=True)
r = sp.Symbol("r", real=True)
w, v = sp.Symbol("w", nonnegative=True), sp.Symbol("v", nonpositive=True)
n, m, i = proof.size("n"), sp.Symbol("m", integer=True, nonnegative=True), sp.Symbol("i", integer=True)
X, P = sp.IndexedBase("b", real=True), sp.IndexedBase("c", positive=True)
oo, half, D = sp.oo, sp.Rational(1, 2), sp.Derivative
NONE, UNIT = Hypotheses(), Hypotheses({r: (0, 1)})
f = sp.Function("f", real=True)


pytestmark = pytest.mark.usefixtures("no_cell")


def derivation(*args, **options):
    return proof.derivation(*args, **{"scope": "a case", **options})


# --- limits ---------------------------------------------------------------------------------------------------------------

LIMITS = [  # expression, symbol, where it goes, from which side, the limit
    (1 / x, x, oo, "-", 0),
    (1 / x, x, -oo, "+", 0),
    (1 / p, p, 0, "+", oo),
    (-1 / p, p, 0, "+", -oo),
    (1 / x, x, 0, "-", -oo),
    (x**2 + y, x, 2, "+", 4 + y),
    (sp.sin(x) / x, x, 0, "+", 1),
    (sp.log(1 - r), r, 1, "-", -oo),
    (r * sp.log(r), r, 0, "+", 0),
    ((f(x + h) - f(x)) / h, h, 0, "+", D(f(x), x)),
    ((f(x + h) - f(x - h)) / h, h, 0, "-", 2 * D(f(x), x)),
    (sp.exp(-p * t), t, oo, "-", 0),
    (sp.Integral(sp.exp(-x), (x, 0, t)), t, oo, "-", 1),
    ((1 + 1 / n) ** n, n, oo, "-", sp.E),
]


@pytest.mark.parametrize(("expr", "of", "to", "side", "value"), LIMITS)
def test_a_right_limit_is_proved_and_no_other(expr, of, to, side, value):
    value = sp.sympify(value)
    prove_limit(expr, of, sp.sympify(to), side, value, UNIT)
    for wrong in (value + 1, oo, -oo):
        if wrong != value:
            with pytest.raises(ProofError, match=r"the limit is .*, not "):
                prove_limit(expr, of, sp.sympify(to), side, wrong, UNIT)


WITHOUT = [
    (sp.sin(x), x, oo, "-", "is not a value: split the cases"),
    (sp.exp(x * y), x, oo, "-", "sympy does not find this limit|is not a value"),
    (f(x + h), x, oo, "-", "has no known behaviour as x tends to oo"),
    (f(h * x), h, 0, "+", "has no known behaviour as h tends to 0"),
    (f(x + h, h), h, 0, "+", "has no known behaviour"),
    (x / n, n, 1, "+", "n is an integer"),
]


@pytest.mark.parametrize(("expr", "of", "to", "side", "why"), WITHOUT)
def test_what_has_no_limit_is_refused(expr, of, to, side, why):
    with pytest.raises(ProofError, match=why):
        prove_limit(expr, of, sp.sympify(to), side, sp.S.Zero, UNIT)


OUTSIDE = [  # symbol, where it would go, from which side, whether it can
    (x, 0, "+", True), (x, 0, "-", True), (x, oo, "-", True), (x, -oo, "+", True), (p, 0, "+", True), (p, 0, "-", False),
    (p, 1, "-", True), (p, oo, "-", True), (p, -oo, "+", False), (p, -1, "+", False), (p, -1, "-", False), (r, 0, "+", True),
    (r, 0, "-", False), (r, 1, "-", True), (r, 1, "+", False), (r, half, "+", True), (r, half, "-", True), (r, oo, "-", False),
    (r, 2, "-", False), (r, -1, "+", False), (v, 0, "-", True), (v, 0, "+", False), (v, -oo, "+", True), (v, oo, "-", False),
    (n, oo, "-", True), (n, 1, "+", False), (n, -oo, "+", False), (i, -oo, "+", True),
]  # fmt: skip


@pytest.mark.parametrize(("of", "to", "side", "can"), OUTSIDE)
def test_a_symbol_goes_to_the_ends_of_what_it_may_be_and_no_farther(of, to, side, can):
    if can:
        refuse_outside(of, sp.sympify(to), side, UNIT)
        return
    with pytest.raises(ProofError, match=r"cannot tend to|is an integer"):
        refuse_outside(of, sp.sympify(to), side, UNIT)


def test_a_limit_that_sympy_does_not_find_in_time_is_refused(monkeypatch):
    for error in (TimeUp, NotImplementedError, ValueError):
        monkeypatch.setattr(sp, "limit", lambda *_, error=error: (_ for _ in ()).throw(error()))
        with pytest.raises(ProofError, match="sympy does not find this limit"):
            take_limit(x, x, sp.S.Zero, "+")
    for value in (sp.nan, sp.zoo, oo + sp.Symbol("y", real=True) * oo, sp.AccumBounds(0, 1), sp.Limit(x, x, 0)):
        monkeypatch.setattr(sp, "limit", lambda *_, value=value: value)
        with pytest.raises(ProofError, match="is not a value"):
            take_limit(x, x, sp.S.Zero, "+")


def test_numbers_that_are_not_real_on_the_way_are_said():
    with pytest.raises(ProofError, match=r"no real value at x = -1/10, on the way to 0"):
        limits.approach(sp.sqrt(x), x, sp.S.Zero, "-", sp.S.Zero)


REARRANGED = [
    (x * (y + 1), x * y + x, True), ((x + y) ** 2, x**2 + 2 * x * y + y**2, True), (x * (y - 1), x * y - x, True),
    ((x - y) * (x + y), x**2 - y**2, False), (x / y + 1 / y, (x + 1) / y, True), (x + y - x * 1, y, True),
    (sp.Sum(X[i], (i, 1, n)) * 2, 2 * sp.Sum(X[i], (i, 1, n)) + x - x, False), (x**2, x**2 + x, False),
    (sp.Matrix([x]), sp.Matrix([x]), False), (D(x, y), x, False), (x, sp.Integral(x, (y, 0, 1)), False),
    (proof.let("g", x), x, False), (x, proof.let("g", x), False), ((x - 1) ** 2 + 2 * x - 1, x**2, False),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "found"), REARRANGED)
def test_what_is_only_multiplied_out(left, right, found):
    assert is_rearrangement(left, right) is found


# --- inequalities ---------------------------------------------------------------------------------------------------------

SLACK = [  # left, right, gap, refused?
    (x - t, x, t, True),
    (x, x + t, t, True),
    (x - p * t, x, p * t, True),
    (x, x + p, p, True),
    (x - t**2, x, t**2, True),
    (x - w, x, w, True),
    (x - t * p, x, t * p, True),
    (x - t - q, x, t + q, True),
    (x - y**2, x, y**2, False),
    (2 * p * q, p**2 + q**2, (p - q) ** 2, False),
    (p * q, p * q + p**2 * q, p**2 * q, False),
    (sp.log(p), sp.log(p + t), sp.log(p + t) - sp.log(p), False),
    (p**2, (p + t) ** 2, 2 * p * t + t**2, False),
    (p**2, (p + q) ** 2 - q**2, 2 * p * q, True),
    (x - 3, x, sp.Integer(3), False),
    (x, x + P[1], P[1], True),
    (x - X[1] ** 2, x, X[1] ** 2, False),
]


@pytest.mark.parametrize(("left", "right", "gap", "refused"), SLACK)
def test_an_inequality_is_not_built_into_its_symbols(left, right, gap, refused):
    if not refused:
        refuse_slack(left, right, gap)
        return
    with pytest.raises(ProofError, match="built into the substitution"):
        refuse_slack(left, right, gap)


def test_no_gap_is_an_equality():
    with pytest.raises(ProofError, match=r"write d\.equal"):
        refuse_slack(x, x, (x - x) * p)


GAPS = [  # gap, least_at, strict, why it is refused
    (x**2, None, False, None),
    (x**2, None, True, "is positive"),
    (x**2 + 1, None, True, None),
    (x, None, False, "is nonnegative"),
    (r, None, True, None),
    (1 - r, None, True, None),
    (r - 1, None, False, "is nonnegative"),
    (sp.Integral(t * x**2, (t, 0, 1)), None, False, None),
    (t - 1 - sp.log(t), (t, 1), False, None),
    (t - 1 - sp.log(t), (t, 1), True, "of unknown sign"),
    (t - sp.log(t), (t, 1), True, None),
    (t - 1 - sp.log(t), (t, 2), False, "not stationary at t = 2"),
    (t - 1 - sp.log(t), (x, 1), False, "does not contain this x"),
    (t - 1 - sp.log(t), (t, 0), False, "t = 0 is outside the domain of t, t > 0"),
    (t - 1 - sp.log(t), (t, -1), False, "is outside the domain"),
    (t - 2 - sp.log(t), (t, 1), False, "the gap at t = 1 is -1, of unknown sign"),
    (x**2 - x**4, (x, 0), False, "convex in x"),
    (-(x**2), (x, 0), False, "convex in x"),
    (x**4, (x, 0), False, "convex in x"),
    (x**2 + sp.Abs(x), (x, 0), False, "a corner or a jump in x"),
    (x**2 + sp.Abs(y), (x, 0), False, None),
    (x**2 + sp.floor(x), (x, 0), False, "a corner or a jump in x"),
    (x**2 + 1 / (x - 1) + 1, (x, 0), False, "only where x - 1 != 0"),
    (x**2 + 1 / (1 + y**2), (x, 0), False, None),
    (-sp.log(r) - sp.log(1 - r) - 2 * sp.log(2), (r, half), False, None),
    (-sp.log(r) - sp.log(1 - r), (r, sp.Rational(1, 3)), False, "not stationary"),
    ((x - y) ** 2, (x, y), False, None),
    ((x - y) ** 2 + p, (x, y), True, None),
    ((x - y) ** 2, (x, x), False, "is no point of the domain"),
]


@pytest.mark.parametrize(("gap", "least_at", "strict", "why"), GAPS)
def test_a_gap_is_visibly_nonnegative(gap, least_at, strict, why):
    if why is None:
        refuse_gap(gap, least_at, strict, UNIT)
        return
    with pytest.raises(ProofError, match=why):
        refuse_gap(gap, least_at, strict, UNIT)


POINTS = [
    (x, 0, True), (x, -5, True), (x, y, True), (x, p, True), (x, sp.I, False), (x, oo, False), (x, -oo, False), (x, x, False),
    (x, sp.Float(0.5), False), (x, sp.nan, False), (x, sp.zoo, False), (p, 1, True), (p, 0, False), (p, q, True), (p, x, False),
    (p, q + 1, True), (w, 0, True), (w, -1, False), (v, 0, True), (v, 1, False), (v, -p, True), (r, half, True), (r, 0, False),
    (r, 1, False), (r, p / (1 + p), True), (r, p, False), (r, w / (1 + w), False), (i, 3, True), (i, half, False),
    (n, 0, False),
    (n, 1, True), (n, p, False), (m, 0, True), (p, r, True), (p, r - 1, False), (sp.Symbol("u", negative=True), 0, False),
    (sp.Symbol("u", negative=True), -1, True),
]  # fmt: skip


@pytest.mark.parametrize(("of", "at", "inside"), POINTS)
def test_an_extremum_lies_inside_the_domain(of, at, inside):
    if inside:
        refuse_point(of, sp.sympify(at), UNIT)
        return
    with pytest.raises(ProofError, match=r"is no point of the domain|is outside the domain"):
        refuse_point(of, sp.sympify(at), UNIT)


def test_a_slope_that_takes_too_long_is_not_flat(monkeypatch):
    monkeypatch.setattr(sp, "simplify", lambda *_: (_ for _ in ()).throw(TimeUp()))
    with pytest.raises(ProofError, match="not stationary"):
        refuse_gap(x**2, (x, 0), False, NONE)
    with pytest.raises(ProofError, match="does not follow: the limit is 0, not 1"):
        prove_limit(1 / x, x, oo, "-", sp.S.One, NONE)
    assert inequality.TimeUp is TimeUp


# --- constants ------------------------------------------------------------------------------------------------------------

CONSTANTS = [  # expression, symbols, why it is refused
    (sp.log(p * q) - sp.log(p), [p], None),
    (sp.sin(x) ** 2 + sp.cos(x) ** 2 + y, [x], None),
    ((x + y) ** 2 - x**2 - 2 * x * y - y**2 + p, [x, y], None),
    (sp.log(r) - sp.log(2 * r), [r], None),
    (sp.log(p * q) - sp.log(p) + X[1], [p], None),
    (x + y, [x], "does not follow"),
    (x - x * 1 + y, [p], "this p does not occur"),
    (n - n * x / x + y, [n], "does not occur|is an integer"),
    ((n + p) ** 2 - n**2 - 2 * n * p, [n], "is an integer"),
    (sp.sign(x) ** 2, [x], "may jump in x"),
    (sp.floor(x) + y, [x], "may jump in x"),
    (sp.Piecewise((1, x > 0), (2, True)), [x], "may jump in x"),
    (sp.Abs(x) - sp.Abs(x) * 1 + sp.Abs(y) * (x + 1) - sp.Abs(y) * x, [x], None),
    (sp.atan(x) + sp.atan(1 / x), [x], "the domain of x falls into pieces"),
    (sp.atan(p) + sp.atan(1 / p), [p], None),
    (sp.Sum(P[i] * x, (i, 1, n)) / sp.Sum(P[i], (i, 1, n)) - x + p, [x], None),
]


@pytest.mark.parametrize(("expr", "wrt", "why"), CONSTANTS)
def test_what_does_not_depend_is_constant_on_a_domain_in_one_piece(expr, wrt, why):
    if why is None:
        prove_constant(expr, wrt, UNIT, "seed")
        return
    with pytest.raises(ProofError, match=why):
        prove_constant(expr, wrt, UNIT, "seed")


def test_numbers_far_apart_must_agree(monkeypatch):
    monkeypatch.setattr(constancy, "check", lambda *_: None)
    for expr, wrt, where in ((x + y, [x], NONE), (r * p, [r], UNIT), (p + y, [p, y], NONE)):
        with pytest.raises(ProofError, match=r"does not follow: it is .* at one point and .* at another"):
            prove_constant(expr, wrt, where, "seed")


def test_wrt_names_something():
    with pytest.raises(ProofError, match="wrt is empty"), derivation("E-1", "t") as d:
        d.constant(x**2 + 1, [], "?")
    with recording() as found, derivation("E-1", "t") as d:
        d.constant(sp.log(p * q) - sp.log(p), p, "cancels")
        d.constant(sp.log(p * q) - sp.log(p) - sp.log(q), [p, q], "both")
    assert [line.plain.split(" does not ")[1] for line in found[0].lines] == ["depend on p", "depend on p, q"]
    assert [(step.wrt, step.right) for step in found[0].steps] == [(p, 0), (p, 0)]


# --- sequences ------------------------------------------------------------------------------------------------------------


def test_a_sequence_is_its_first_member_and_its_step():
    pairs, shown, plain = read_induction(m, 2**m * p, p, lambda V: 2 * V, 0, "V")
    assert pairs == [(p, p), (2**m * p * 2, 2 ** (m + 1) * p)]
    assert plain == "V_0 = p, V_(m + 1) = 2*V_m: V_m = 2**m*p"
    assert shown == r"V_{0} = p,\quad V_{m+1} = 2 V_{m}\quad\Longrightarrow\quad V_{m} = 2^{m} p"
    pairs, _, _ = read_induction(n, sp.factorial(n), sp.S.One, lambda V, at: V * (at + 1), 1, "F")
    assert pairs == [(1, 1), (sp.factorial(n) * (n + 1), sp.factorial(n + 1))]


@pytest.mark.parametrize(
    ("of", "closed", "first", "step", "start", "why"),
    [
        (x, 2**x, p, lambda V: 2 * V, 0, "counts from 0 on: declare it integer=True and nonnegative"),
        (i, 2**i, p, lambda V: 2 * V, 0, "counts from 0 on: declare it integer=True and nonnegative"),
        (m, 2**m, p, lambda V: 2 * V, 1, "counts from 1 on: declare it integer=True and positive"),
        (m, p, p, lambda V: V, 0, "the closed form contains m"),
        (m, 2**m * m, m * p, lambda V: 2 * V, 0, "and the first member does not"),
        (m, 2**m, p, lambda V: p, 0, "does not depend on the one before"),
        (m, 2**m, p, lambda V: V > 0, 0, "gives the next member as an expression"),
    ],
)
def test_what_is_no_sequence_is_refused(of, closed, first, step, start, why):
    with pytest.raises(ProofError, match=why):
        read_induction(of, closed, first, step, start, "V")


def test_a_wrong_closed_form_fails_at_its_first_member_or_at_its_step():
    for closed in (2**m * p + 1, 3**m * p, 2**m * p * (m + 1)):
        with pytest.raises(ProofError, match="does not follow"), derivation("E-1", "t") as d:
            d.induction(m, closed, "doubling", first=p, step=lambda V: 2 * V)
    with recording() as found, derivation("E-1", "t") as d:
        d.induction(m, 2**m * p, "doubling", first=p, step=lambda V: 2 * V)
    assert len(found[0].steps) == 1


# --- shapes ---------------------------------------------------------------------------------------------------------------

W, V, S = sp.MatrixSymbol("W", 5, 3), sp.MatrixSymbol("V", 3, 2), sp.MatrixSymbol("S", 3, 3)
u = sp.MatrixSymbol("u", 3, 1)
SHAPES = [
    (W * V, (5, 2), (), None),
    (lambda: W * V, (5, 2), (), None),
    (W * u, (5, 1), (), None),
    (W * S * u, (5, 1), (S,), None),
    (u.T * u, (1, 1), (), None),
    (W * V, (2, 5), (), r"the shape is \(5, 2\), not \(2, 5\)"),
    (lambda: V * W, (3, 3), (), "the shapes do not fit"),
    (W * S, (5, 3), (), "S is square"),
    (S * S, (3, 3), (S,), None),
    (x, (1, 1), (), "a matrix expression is wanted, not a? ?Symbol"),
    (lambda: sp.Matrix([[x]]), (1, 1), (), "a matrix expression is wanted"),
    (sp.MatrixSymbol("A", n, 2), (n, 2), (), "A has the symbolic shape"),
    (S * sp.MatrixSymbol("T", 3, 3), (3, 3), (S, sp.MatrixSymbol("T", 3, 3)), "all sizes are equal"),
    (W * sp.MatrixSymbol("W", 3, 2), (5, 2), (), "two matrices have one name"),
]


@pytest.mark.parametrize(("given", "shape", "square", "why"), SHAPES, ids=[str(k) for k in range(len(SHAPES))])
def test_a_shape_is_compared_as_numbers(given, shape, square, why):
    if why is None:
        tex, plain = prove_shape(given, shape, square)
        assert plain.endswith(f"has shape {shape[0]} x {shape[1]}") and rf"{shape[0]} \times {shape[1]}" in tex
        return
    with pytest.raises(ProofError, match=why):
        prove_shape(given, shape, square)


# --- counter-examples -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ({q: 1}, "this q does not occur"), ({p: sp.Float(0.5)}, "is not exact"), ({p: q}, "is not exact"),
        ({p: oo}, "is not exact"),
        ({p: 0}, "outside the domain of p"), ({x: sp.I}, "is not exact|outside the domain"),
        ({r: 1}, "outside the domain of r"),
        ({r: half, p: 3}, None), ({p: sp.sqrt(2)}, None), (None, None),
    ],
)  # fmt: skip
def test_a_point_is_exact_and_inside_the_domain(at, why):
    if why is None:
        assert read_point(at, {p, r, x}, UNIT) == {k: sp.sympify(c) for k, c in (at or {}).items()}
        return
    with pytest.raises(ProofError, match=why):
        read_point(at, {p, r, x}, UNIT)


@pytest.mark.parametrize(
    ("sides", "at", "why"),
    [
        ((p, 2 * p), {p: 1}, None), ((sp.log(p), sp.log(2 * p)), {p: 2}, None),
        ((p * q, p), {p: 1}, "give a value to q in at="),
        ((p, p**2), {p: 1}, "the two sides agree there: both are 1"), ((p + sp.Rational(1, 10**31), p), {p: 1}, "agree there"),
        ((p + sp.Rational(1, 10**29), p), {p: 1}, None), ((sp.sqrt(x), x), {x: -1}, "not exact real numbers there"),
        ((1 / x, x), {x: 0}, "not exact real numbers there"),
    ],
)  # fmt: skip
def test_two_sides_differ_at_a_point(sides, at, why):
    at = {k: sp.sympify(c) for k, c in at.items()}
    if why is None:
        one, other = exact_values(sides, at, NONE)
        assert one != other
        return
    with pytest.raises(ProofError, match=why):
        exact_values(sides, at, NONE)


def test_a_counter_example_is_said_with_its_point():
    assert said((sp.S.One, sp.log(2)), {p: sp.S.One, x: half}) == (
        r":\quad 1 \neq \log{\left(2 \right)} \approx 0.693147 \quad\text{at } p = 1, x = \frac{1}{2}",
        " at p = 1, x = 1/2: 1 != log(2)",
    )
    assert said((sp.S.One, sp.S.Zero), {}) == (r":\quad 1 \neq 0", ": 1 != 0")


# --- equalities -----------------------------------------------------------------------------------------------------------

EQUAL = [  # left, right, why it is refused
    (sp.log(p * q), sp.log(p) + sp.log(q), None),
    (sp.Matrix([x * (y + 1), p]), sp.Matrix([x * y + x, p]), None),
    (sp.Matrix([x, p]), sp.Matrix([x, p, 0]), r"shapes differ: \(2, 1\) and \(3, 1\)"),
    (sp.Matrix([x]), x, r"shapes differ: \(1, 1\) and scalar"),
    (x, sp.Matrix([x]), r"shapes differ: scalar and \(1, 1\)"),
    (x + 1, 1 + x, "sympy sees no step here"),
    (x - x * 1 + sp.Derivative(p, p) - 1, sp.Derivative(q, q) - 1, "both lines are identically zero"),
    (sp.Derivative(p, p) - 1, sp.S.Zero, None),
    (
        sp.Sum(X[i] - X[i] * sp.Derivative(p, p), (i, 1, n)),
        sp.Sum(P[i] - P[i] * sp.Derivative(q, q), (i, 1, n)),
        "identically zero",
    ),
    (sp.Sum(X[i] - X[i] * sp.Derivative(p, p), (i, 1, n)), sp.S.Zero, None),
    (sp.Sum(X[i] + 1, (i, 1, n)), sp.Sum(X[i], (i, 1, n)) + n, None),
    (sp.Sum(X[i] + 1, (i, 1, n)), sp.Sum(X[i], (i, 1, n)) + 1, "does not follow: .* at "),
    (sp.Sum(sp.sin(X[i]) ** 2 + sp.cos(X[i]) ** 2, (i, 1, n)), n, "does not merge the sums"),
    (sp.floor(p / 10**9) + x, x, "not refuted by numbers, but sympy does not prove it"),
    (sp.Integer(2) * sp.Derivative(p, p), sp.Integer(3), "2.0 before, 3.0 after, at constants"),
    (proof.let("g", x + 1), x + 1, None),
]


@pytest.mark.parametrize(("left", "right", "why"), EQUAL)
def test_an_equality_is_proved_or_refused(left, right, why):
    if why is None:
        check(left, right, NONE, "seed")
        return
    with pytest.raises(ProofError, match=why):
        check(left, right, NONE, "seed")


def test_the_method_is_named():
    assert check(proof.let("g", x + 1), x + 1, NONE, "seed").by == "by definition"
    assert check(sp.Sum(X[i] + 1, (i, 1, n)), sp.Sum(X[i], (i, 1, n)) + n, NONE, "s").by == "every n; and 1, 2, 3 by itself"
    assert check(sp.Derivative(x**2, x), 2 * x, NONE, "seed").by == "identical"
    verdict = check(x / y + 1 / y, (x + 1) / y, NONE, "seed")
    assert verdict.by == "expand" and [c.plain for c in verdict.needs] == ["y != 0"]


def test_a_method_that_gives_up_is_passed_over(monkeypatch):
    from nbdgm.proof import proving

    def faulty(_):
        raise sp.PolynomialError

    monkeypatch.setattr(proving, "METHODS", ((faulty, 1), (sp.expand, 1)))
    assert prove((x + 1) ** 2 - x**2 - 2 * x - 1) == "expand" and prove(x) is None
    monkeypatch.setattr(sp, "factor", faulty)
    assert is_nonnegative(sp.Symbol("fresh", nonnegative=True)) and not is_nonnegative(sp.Symbol("fresh", real=True))


@pytest.mark.parametrize(
    ("expr", "found"), [(p, True), (-p, True), (x**2 + 1, True), (-1 - x**2, True), (x, False), (w, False), (p - q, False)]
)
def test_what_is_nowhere_zero(expr, found):
    assert is_nonzero(expr) is found


ZERO = [  # method, what vanishes, what does not
    (norm, sp.log(p / q + 1) - sp.log(p + q) + sp.log(q), sp.log(p / q + 1) - sp.log(p + q)),
    (norm, sp.log(p**2 - 2 * p * q + q**2) - sp.log((p - q) ** 2), sp.log(p) - sp.log(q)),
    (radicals, sp.sqrt(p * q) - sp.sqrt(p) * sp.sqrt(q), sp.sqrt(p * q) - sp.sqrt(p)),
    (radicals, sp.sqrt(p**2 + 2 * p + 1) - p - 1, sp.sqrt(p**2 + 2 * p + 1) - p),
    (radicals, 1 / (sp.sqrt(p) + 1) - (sp.sqrt(p) - 1) / (p - 1), 1 / (sp.sqrt(p) + 1) - (sp.sqrt(p) - 1) / p),
    (radicals, p**x * p - p ** (x + 1), p**x * p - p ** (x + 2)),
    (radicals, p ** (x + y) - p**x * p**y, p ** (x + y) - p**x),
    (radicals, p ** (2 * x) - (p**x) ** 2, p ** (2 * x) - p**x),
    (radicals, (p * q / q) ** x * q - p**x * q, p**x - q**x),
    (radicals, p ** sp.Rational(2, 3) - sp.cbrt(p) ** 2, p ** sp.Rational(2, 3) - sp.cbrt(p)),
    (radicals, sp.sqrt(2) * sp.sqrt(p) - sp.sqrt(2 * p), sp.sqrt(2) * sp.sqrt(p) - sp.sqrt(3 * p)),
    (radicals, sp.sqrt(8) - 2 * sp.sqrt(2) + x - x, sp.sqrt(8) - sp.sqrt(2)),
    (radicals, sp.sqrt(p / q) * q - sp.sqrt(p * q), sp.sqrt(p / q) * q - sp.sqrt(p)),
    (radicals, sp.log(sp.sqrt(p) * q) - sp.log(p) / 2 - sp.log(q), sp.log(sp.sqrt(p) * q) - sp.log(p)),
]


@pytest.mark.parametrize(("method", "zero", "other"), ZERO)
def test_a_normal_form_vanishes_where_the_expression_does(method, zero, other):
    assert method(zero) == 0 and method(other) != 0


def test_roots_of_two_orders_of_one_base_are_left_to_others():
    with pytest.raises(ValueError, match="roots of two orders"):
        radicals(sp.sqrt(1 + p) - sp.cbrt(1 + p))


# --- words and time -------------------------------------------------------------------------------------------------------

NAMED = [
    "p(y=1 | x)", r"\sum_{i=1}^n x_i", r"E_{x \sim p}", r"D^*", r"\mathbb{E}_{x \to 0}", r"a \mid b", "f(x < 1)",
    r"\text{the loss}",
]  # fmt: skip
SAYS = [
    "a = b", "a < b", r"a \le b", r"a \geq b", "it is", r"\text{is positive}", "a & b", r"x \to 0", r"a \quad b", "holds",
    "for all x",
    "at most a", "vanishes", "a # b", r"\implies a", r"\therefore a", "never", r"\frac{a = b}{c}", "growing and grows",
]  # fmt: skip


@pytest.mark.parametrize("tex", NAMED)
def test_a_name_for_a_line_is_a_name(tex):
    refuse_relation("tex", tex)


@pytest.mark.parametrize("tex", SAYS)
def test_a_name_for_a_line_states_nothing(tex):
    with pytest.raises(ProofError, match=r"carries the relation|begins with a relation"):
        refuse_relation("tex", tex)


def test_a_name_is_latex_in_ascii():
    for tex, why in (
        ("µ", "ASCII only"),
        (3, "is LaTeX, not 3"),
        (" = b", "begins with a relation"),
        (r"\le b", "begins with"),
    ):
        with pytest.raises(ProofError, match=why):
            refuse_relation("tex", tex)
    with pytest.raises(ProofError, match=r"name=.* carries the relation"):
        refuse_relation("name", "= b")


def test_beside_the_main_thread_nothing_is_limited():
    found = []

    def work():
        with cpu_limit(1e-6):
            found.append(sum(range(10**5)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [sum(range(10**5))]


def test_a_derivation_has_a_title_a_scope_and_a_point_to_go_to():
    with pytest.raises(ValueError, match="a title is wanted"):
        derivation("E-1", "  ")
    for scope in ("", " ", None):
        with pytest.raises(ValueError, match="scope is"):
            derivation("E-1", "t", scope=scope)
    for to in (y, sp.Float(0.5)):
        with pytest.raises(ProofError, match="x tends to an exact number"), derivation("E-1", "t") as d:
            d.limit(1 / x, x, to, "+", 0, "?")
    for dir in ("", "left", "-+"):
        with pytest.raises(ProofError, match="dir is"), derivation("E-1", "t") as d:
            d.limit(1 / x, x, oo, dir, 0, "?")
    with pytest.raises(ProofError, match="the limit contains x"), derivation("E-1", "t") as d:
        d.limit(1 / x, x, oo, "-", x, "?")
    with pytest.raises(ProofError, match="does not contain this y"), derivation("E-1", "t") as d:
        d.limit(1 / x, y, oo, "-", 0, "?")
    with pytest.raises(ProofError, match="only multiplies this expression out"), derivation("E-1", "t") as d:
        d.equal(p * (q + 1), p * q + p, "expand")
        d.limit(p * q + p, p, 0, "+", 0, "?")


def test_a_matrix_of_any_size_prints_its_kind_and_its_shape(capsys):
    A = matrix("A", n, kind="positive")
    with derivation("E-1", "t") as d:
        d.line(sp.Trace(A * matrix("B", n, kind="symmetric")), "definition")
        d.line(sp.Trace(matrix("B", n, kind="symmetric") * A), "turn")
    assert "A: n x n symmetric positive definite; B: n x n symmetric\n" in capsys.readouterr().out
