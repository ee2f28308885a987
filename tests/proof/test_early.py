"""What is gone from a line before it is checked, by the text of the line; and numbers, points and mutants from inside."""

from __future__ import annotations

import random

import mpmath
import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, derivation, mutants, points, recording
from nbdgm.proof.early import _denominators, _improper, _inside
from nbdgm.proof.hypotheses import Hypotheses
from nbdgm.proof.mutation import Judge, Table, different, needless, survivors
from nbdgm.proof.points import OutOfReach, Undefined, compare, draw, number_function

LOST = {  # a first line, with what it is made of: why it is refused (None: it is not)
    "x * x / x + p": "x != 0 is said nowhere",
    "(x - y) * y / (x - y) + p": "x - y != 0 is said nowhere",
    "x**2 * x**-1 + p": "x != 0 is said nowhere",
    "x**-1 * x**2 + p": "x != 0 is said nowhere",
    "p * p / p + q": None,
    "p * x / x**2": None,
    "x / y + p": None,
    "(x**2 - y**2) / (x - y) * 1 + p": None,
    "cancel((x**2 - y**2) / (x - y)) + p": "x - y != 0 is said nowhere",
    "simplify((x**2 - y**2) / (x - y)) + p": "x - y != 0 is said nowhere",
    "together(1 / x + 1 / y)": None,
    "factor(1 / (x * y) + 1)": None,
    "apart(1 / (x * (x + 1)))": None,
    "((x**2 - 1) / (x - 1)).simplify() + p": "x - 1 != 0 is said nowhere",
    "sum([1 / x, -1 / x, p])": "x != 0 is said nowhere",
    "prod([x, 1 / x, p])": "x != 0 is said nowhere",
    "math.prod([x, 1 / x, p])": "x != 0 is said nowhere",
    "Add(1 / x, -1 / x, p)": "x != 0 is said nowhere",
    "Mul(x, 1 / x, p)": "x != 0 is said nowhere",
    "Pow(Pow(x, -1), -1) + p": "x != 0 is said nowhere",
    "Pow(x, 2) + p": None,
    "1 / x - 1 / x + p": "x != 0 is said nowhere",
    "p - (1 / x - 1 / x)": "x != 0 is said nowhere",
    "(1 / x, p)[1]": None,
    "[v - v for v in (1 / x, p)][0] + p": "x != 0 is said nowhere",
    "(lambda v: v - v + p)(1 / x)": "x != 0 is said nowhere",
    "half(1 / x)": "x != 0 is said nowhere",
    "loop(1 / x)": None,
    "twice(x, 1 / x)": "x != 0 is said nowhere",
    "twice(x, second=1 / x)": None,
    "(lambda: x * x / x + p)()": "x != 0 is said nowhere",
    "Max(*[x * x / x, p])": "x != 0 is said nowhere",
    "Add(x * x / x, p, evaluate=True)": "x != 0 is said nowhere",
    "x * x / x if p else p": None,
    "{'a': x * x / x}['a'] + p": None,
    "sum(x * v for v in (1 / x, p) if v != p) + p": "x != 0 is said nowhere",
    "sum(x * v for v in (1 / x, p) if v == p) + p": None,
    "[a * b for a, b in ((x, 1 / x),)][0] + p": "x != 0 is said nowhere",
    "-(x * x / x) + p": "x != 0 is said nowhere",
    "simplify(1 / (x - y) + 1 / (x + y))": None,
    "simplify(1 / (x - y) + 1 / (y - x) + p)": "!= 0 is said nowhere",
    "simplify(1 / (2 - x))": None,
    "Integral(1 / u, (u, 0, 1)) - Integral(1 / u, (u, 0, 1)) + p": "it may not exist",
    "p + 0**Integral(1 / u, (u, 0, 1))": None,
    "Sum(1 / k, (k, 1, oo)) - Sum(1 / k, (k, 1, oo)) + p": "it may not exist",
    "Product(k, (k, 1, oo)) / Product(k, (k, 1, oo)) + p": "is 1 before",
    "Product(k, (k, 1, oo)) * Product(k, (k, 1, oo))**-1 + p": "it may not exist",
    "(x * x / x + p).subs(y, 1)": "x != 0 is said nowhere",
    "(x * x / x + p).args[0] + q": "x != 0 is said nowhere",
    "Add(*[x * x / x, p])": "x != 0 is said nowhere",
    "Add(*[x * y, p])": None,
    "Sum(k, (k, 1, 3)) - Sum(k, (k, 1, 3)) + p": None,
    "integrate(exp(-u), (u, 0, p))": "write Integral in the line",
    "limit(1 / u, u, oo) + p": "write d.limit in the line",
    "summation(k, (k, 1, 3)) + p": "write Sum in the line",
    "product(k, (k, 1, 3)) + p": "write Product in the line",
    "exp(log(x)) + p": "x > 0 is said nowhere",
    "exp(log(1 - x)) + p": "1 - x > 0 is said nowhere",
    "exp(log(1 - x)) + p + x": None,
    "exp(log(p)) + q": None,
    "sin(asin(x)) + p": r"1 - x\*\*2 >= 0 is said nowhere",
    "cosh(acosh(x)) + p": "x - 1 >= 0 is said nowhere",
    "tanh(atanh(x)) + p": r"1 - x\*\*2 > 0 is said nowhere",
    "tan(atan(x)) + p": None,
    "tan(x) / tan(x) + p": "is 1 before|said nowhere",
    "gamma(x + 1) / gamma(x)": None,
    "sqrt(x)**2 + p": None,
    "diff(p**2, x) + q": "does not contain this x",
    "diff(x**2, x) + q": None,
    "(p**2).diff(x) + q": "does not contain this x",
    "diff(x**2, (y, 2)) + q": "does not contain this y",
    "diff(x**3, x, y) + q": "does not contain this y",
    "named + p": "x != 0 is said nowhere",
    "other + p": None,
    "stated - stated + p": None,
    "hidden - hidden + p": "may be complex",
    "(x * x / x) % p + q": "x != 0 is said nowhere",
    "x // x + q": "x != 0 is said nowhere",
    "x % x + q": "x != 0 is said nowhere",
    "p // p + p % p + q": None,
    "7 % 3 + 7 // 3 + q": None,
    "next(once)": None,  # what cannot be computed twice is left alone
}
BEFORE = """
k, i = Symbol("k", integer=True, positive=True), Symbol("i", integer=True)
named = x / x**1
other = x**2 / p
stated = x**2
hidden = Symbol("z")
once = iter([p * x])
def loop(v):
    for _ in (1, 2):
        v = v - v + p
    return v
def twice(first, second):
    return first * second + p
def half(v):
    "What it does."
    w = v - v
    return w + p
"""


@pytest.mark.parametrize("line", LOST)
def test_what_is_gone_before_it_can_be_checked_is_missed(run, line):
    before = (
        BEFORE.replace("named = x / x**1", "named = x * x**-1 * q")
        if "named" in line
        else BEFORE.replace("named = x / x**1\n", "")
    )
    cell = f'{before}\nwith derivation("E-1", "t") as d:\n    d.line({line}, "definition")\n    d.line(p + q + 17, "?")\n'
    with pytest.raises(ProofError) as refused:
        run(cell)
    gone = "line 1 (definition)" in str(refused.value) or "of the cell" in str(refused.value)
    if LOST[line] is None:
        assert "line 2" in str(refused.value), refused.value
    else:
        refused.match(LOST[line])
        assert gone


def test_a_hypothesis_says_where_a_quotient_is_defined(run):
    with recording() as found:
        run("""
with derivation("E-1", "t", domain={x: (0, 1)}) as d:
    d.equal(x * y * x / x + exp(log(1 - x)), 1 + x * (y - 1), "collect")
""")
    assert len(found) == 1


x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
n, i = proof.size("n"), sp.Symbol("i", integer=True)
X, P = sp.IndexedBase("b", real=True), sp.IndexedBase("c", positive=True)
NONE = Hypotheses()


@pytest.mark.parametrize(
    ("expr", "bases"),
    [
        (1 / x, {x}), (1 / (2 * x), {x}), (1 / (2 * x - 2 * y), {x - y}), (1 / (x * y**2), {x, y}), (sp.exp(-x), set()),
        (1 / sp.sqrt(x), {x}), (p**-q, {p}), (x**2, set()), (1 / sp.Integer(3), set()), (proof.let("h", 1 / x), {x}),
    ],
)  # fmt: skip
def test_denominators_are_what_must_not_vanish(expr, bases):
    assert _denominators(expr) == bases


@pytest.mark.parametrize(
    ("base", "kept", "found"),
    [
        (x, {x * y}, True),
        (x, {y}, False),
        (x - y, {x**2 - y**2}, True),
        (x - 1, {x**2 + 1}, False),
        (x, {x + 1}, False),
        (x, set(), False),
    ],
)
def test_a_denominator_may_be_part_of_another(base, kept, found):
    assert _inside(base, frozenset(kept)) is found


def test_what_may_diverge():
    series, integral, finite = sp.Sum(1 / i, (i, 1, sp.oo)), sp.Integral(x, (x, 0, 1)), sp.Sum(i, (i, 1, n))
    assert _improper(series + integral + finite) == {series, integral}
    assert _improper(sp.Product(i, (i, -sp.oo, 0))) == {sp.Product(i, (i, -sp.oo, 0))}


# --- numbers --------------------------------------------------------------------------------------------------------------


def test_points_have_the_sizes_that_are_asked_for():
    rng = random.Random(0)
    sizes = [float(draw(p, rng, 2.0)) for _ in range(400)]
    assert 0.009 < min(sizes) < 0.03 and 30 < max(sizes) < 101
    signed = [float(draw(x, rng, 0.5)) for _ in range(100)]
    assert min(signed) < -0.3 and max(signed) > 0.3 and all(0.3 < abs(v) < 3.3 for v in signed)
    assert all(draw(-sp.Symbol("w", nonpositive=True) * -1, rng, 1.0) < 0 for _ in range(20))
    moderate, wide = points.draw_points([p, x], "s")[: points.POINTS], points.draw_points([p, x], "s")[points.POINTS :]
    assert [flag for _, flag in moderate] == [False] * 8 and [flag for _, flag in wide] == [True] * 8
    assert all(len(group) == 1 for group, _ in moderate) and all(len(group) == 3 for group, _ in wide)


def test_numbers_have_the_digits_that_are_asked_for():
    at = number_function([p], [sp.sqrt(p), sp.exp(p)])
    root, power = at({p: sp.Rational(2, 3)}, 60)
    with mpmath.workdps(80):
        assert (
            abs(root**2 - mpmath.mpf(2) / 3) < mpmath.mpf(10) ** -60
            and abs(mpmath.log(power) - mpmath.mpf(2) / 3) < mpmath.mpf(10) ** -60
        )


@pytest.mark.parametrize(
    ("expr", "error", "said"),
    [
        (sp.log(p - 3), Undefined, "not a real number"), (1 / (p - 2), OutOfReach, "no number|not finite"),
        (sp.exp(sp.exp(9**p * 99)), OutOfReach, "600 digits"), (sp.sin(10 ** (700 * p)), OutOfReach, "600 digits"),
        (sp.log(p - 2), OutOfReach, "not finite|no number"),
    ],
)  # fmt: skip
def test_where_there_is_no_number_it_is_said_why(expr, error, said):
    with pytest.raises(error, match=said) as refused:
        number_function([p], [expr])({p: sp.Integer(2)}, 30)
    assert type(refused.value) is error


def test_numbers_that_take_too_long_are_out_of_reach(monkeypatch):
    def slow(seconds):
        raise points.TimeUp

    monkeypatch.setattr(points, "cpu_limit", slow)
    with pytest.raises(OutOfReach, match="half a second"):
        number_function([p], [p])({p: sp.Integer(2)}, 30)


def test_a_value_that_is_not_real_by_rounding_is_passed_over_where_numbers_are_wide():
    near = sp.sqrt(p**4 + 2 * p**2 + 1 - (p**2 + 1) ** 2 + sp.exp(-p))
    assert compare(near, near, "seed").refuted_at is None
    for many, rounding in ((sp.exp(sp.exp(9**p * 99)), True), (sp.sqrt(-p), False), (p, True)):
        assert points._is_rounding(number_function([p], [many]), {p: sp.Integer(2)}) is rounding


@pytest.mark.parametrize(
    ("left", "right", "refuted", "null"),
    [
        (p, p, False, False), (p, q, True, False), (x - x * 1, sp.S.Zero, False, True), (sp.S.One, sp.S.One, False, False),
        (sp.S.One, sp.Integer(2), True, False), (p * 10**40, p * 10**40 + 1, True, False),
        (p, p + sp.Rational(1, 10**80), False, False),
        (x * sp.Rational(1, 10**70), sp.S.Zero, False, True),
    ],
)  # fmt: skip
def test_two_sides_are_compared_relative_to_their_size(left, right, refuted, null):
    found = compare(left, right, "seed")
    assert (found.refuted_at is not None) is refuted and (found.null is null or refuted)


# --- mutants --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "made"),
    [
        (x + 2, {"drop the term x", "drop the term 2", "flip the sign of x",
                 "flip the sign of 2", "double the term x", "double the term 2", "add 1/7 to 2"}),
        (x**2, {"raise the exponent of x**2"}),
        (sp.sqrt(p), {"raise the exponent of sqrt(p)"}),
        (sp.log(p), {"double the argument of log(p)"}),
        (sp.Derivative(sp.log(p), p), {"double log(p)"}),
        (sp.exp(3 * x), {"add 1/7 to 3"}),
        (sp.Sum(X[i] ** 2, (i, 1, 9)), {"raise the exponent of b[i]**2"}),
        (sp.Matrix([x**2, 3]), {"raise the exponent of x**2", "add 1/7 to 3"}),
    ],
)  # fmt: skip
def test_a_line_has_these_mutants(line, made):
    whole = {"negate the line", "double the line"}
    assert {m.what for m in mutants(line, swaps=False)} == made | whole
    for mutant in mutants(line, swaps=False):
        assert (mutant.expr != line and mutant.inner is isinstance(line, sp.Derivative)) or mutant.what in whole


def test_a_mutant_says_what_was_changed():
    found = {m.what: m for m in mutants(x * (y + 3), swaps=False)}
    assert found["flip the sign of 3"].expr == x * (y - 3) and found["double the term y"].expr == x * (2 * y + 3)
    assert found["drop the term y"].expr == 3 * x and found["add 1/7 to 3"].expr == x * (y + sp.Rational(22, 7))
    assert (found["drop the term y"].old, found["drop the term y"].new) == (y + 3, 3)
    matrix = {m.what: m.expr for m in mutants(sp.Matrix([[x, 2]]), swaps=False)}
    assert matrix["add 1/7 to 2"] == sp.Matrix([[x, sp.Rational(15, 7)]]) and matrix["negate the line"] == sp.Matrix([[-x, -2]])


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (x, x, False), (x, -x, True), (x + y, y + x, False), ((x + y) ** 2, x**2 + 2 * x * y + y**2, False),
        (p, p + sp.Rational(1, 10**9), True),
        (sp.exp(x) * sp.exp(y), sp.exp(x + y), False), (sp.tan(x), sp.sin(x) / sp.cos(x), False),
        (sp.tanh(x), sp.tanh(2 * x), True),
        (sp.Sum(X[i], (i, 1, n)), sp.Sum(2 * X[i], (i, 1, n)), True),
        (sp.Sum(2 * X[i], (i, 1, n)), 2 * sp.Sum(X[i], (i, 1, n)), False),
        (sp.Product(P[i], (i, 1, n)), sp.Product(P[i] ** 2, (i, 1, n)), True), (sp.Derivative(x**2, x), 2 * x, False),
        (sp.Derivative(x**2, x), 3 * x, True), (sp.Integral(x, (x, 0, p)), p**2 / 2, False),
        (sp.Integral(x, (x, 0, p)), p**2 / 3, True),
        (sp.Integral(1 / x, (x, 0, 1)), p, True), (sp.sqrt(-p), sp.sqrt(-p) + x - x, False), (sp.sqrt(-p), p, True),
        (sp.zoo + x, x, True),
        (sp.Matrix([x, y]), sp.Matrix([x, 2 * y]), True), (sp.Matrix([x, y]), sp.Matrix([x, y]), False),
        (sp.pi * x, 3 * x, True),
        (sp.Sum(sp.Sum(X[i] * P[n], (i, 1, 2)), (n, 1, 2)), sp.Sum(X[i] * P[n], (i, 1, 2), (n, 1, 2)), False),
        (proof.let("h", x), x, False), (sp.Function("f", real=True)(x), 2 * sp.Function("f", real=True)(x), True),
    ],
)  # fmt: skip
def test_numbers_tell_two_expressions_apart(one, other, found):
    assert different(one, other, NONE, "seed") is found


def test_an_interval_is_part_of_what_is_told_apart():
    unit = Hypotheses({x: (0, 1)})
    assert different(sp.Abs(x), x, NONE, "seed") and not different(sp.Abs(x), x, unit, "seed")
    assert different(sp.sqrt((1 - x) ** 2), 1 - x, NONE, "seed") and not different(sp.sqrt((1 - x) ** 2), 1 - x, unit, "seed")


def test_a_table_keeps_what_it_has_computed():
    table = Table("seed", NONE)
    value = table.value(p * sp.exp(p) + sp.Rational(1, 3))
    assert table.known[p] * mpmath.exp(table.known[p]) + mpmath.mpf(1) / 3 == pytest.approx(value)
    assert table.value(p) is table.value(p) and Table("seed", NONE).value(p) == table.value(p) != Table("other", NONE).value(p)
    with pytest.raises(KeyError):
        table.value(sp.erf(p))
    assert table.value(sp.Sum(i, (i, 1, 4))) == 10 and table.value(sp.Product(i, (i, 1, 4))) == 24
    assert table.value(sp.Abs(sp.Integer(-2) * p)) == 2 * table.value(p) and table.value(sp.S.Half * 4) == 2


def steps_of(lines) -> list:
    with recording() as found, derivation("E-1", "t", scope="a case") as d:
        lines(d)
    return found[0].steps


def test_what_goes_unnoticed_is_named_with_its_side_and_line(no_cell):
    steps = steps_of(lambda d: d.equal((x + 1) ** 2, x**2 + 2 * x + 1, "binomial"))
    assert survivors("E-1", steps, None, None) == []
    blind = [sp.Integral(y * x + x**2, (x, -1, 1)), sp.Rational(2, 3)]
    steps = steps_of(lambda d: d.equal(*blind, "even"))
    said = survivors("E-1", steps, None, None)
    assert "E-1, line 1 (left): drop the term x*y goes unnoticed" in said and not any("(right)" in s for s in said)
    assert not any("drop the term x**2" in s for s in said)


def test_an_interval_that_only_a_sign_needs_is_needed():
    def refuse(hypotheses):
        if x not in hypotheses.intervals:
            raise ProofError("no sign")

    unit = Hypotheses({x: (0, 1)})
    assert needless("E-1", unit, [], [refuse]) == [] and needless("E-1", unit, [], [lambda hypotheses: None]) == [
        "E-1: no line needs 0 < x < 1"
    ]
    assert needless("E-1", NONE, [], []) == []


def test_a_judge_takes_what_takes_too_long_for_different(monkeypatch):
    judge = Judge(NONE, "seed")
    assert not judge.different(p, p + x - x)

    def slow(*_):
        raise points.TimeUp

    monkeypatch.setattr(judge, "_different", slow)
    assert judge.different(p, q)


def test_a_judge_puts_one_number_for_a_length_wherever_it_stands():
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    judge, total = Judge(NONE, "seed"), sp.Sum(i, (i, 1, n))
    assert not judge.different(total, n * (n + 1) / 2)
    assert judge.different(total, n * (n - 1) / 2)


def test_no_more_points_are_tried_when_most_are_out_of_reach(monkeypatch):
    tried = []

    def at(point, digits):
        tried.append(point[x])
        if point[x] == 60:
            raise OutOfReach("far")
        return [mpmath.mpf(1)] * 2

    near, far = ([{x: sp.Integer(1)}], False), ([{x: sp.Integer(60)}, {x: sp.Integer(60)}], True)
    monkeypatch.setattr(points, "draw_points", lambda symbols, seed: [near] * 8 + [far] * 8)
    monkeypatch.setattr(points, "number_function", lambda symbols, parts: at)
    with pytest.raises(Undefined, match="out of reach here"):
        compare(x, x, "s")
    assert tried.count(60) == 2 + 2 + 1 + 1 + 1  # where two sizes fail the smaller is tried alone, and five points are enough
