"""Where expressions have values, what is supposed of symbols, and what may stand in a line."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import ProofError, points
from nbdgm.proof.conditions import Condition, conditions, follows, has_both_signs
from nbdgm.proof.hypotheses import (
    Hypotheses,
    kind,
    ordered,
    printed,
    refuse_namesakes,
    refuse_symbol,
    stand_in,
    stand_ins,
    symbolic_bounds,
)
from nbdgm.proof.reading import read, refuse

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
r = sp.Symbol("r", real=True)
w = sp.Symbol("w", nonnegative=True)
i, n = sp.Symbol("i", integer=True), proof.size("n")
X, P = sp.IndexedBase("b", real=True), sp.IndexedBase("c", positive=True)
e = sp.Symbol("e", real=True)
F, G = sp.Function("F", real=True), sp.Function("G", positive=True)
NONE, UNIT = Hypotheses(), Hypotheses({r: (0, 1)})
D, half = sp.Derivative, sp.Rational(1, 2)

NEEDED = [  # expression, what must hold
    (x + sp.exp(x), []),
    (1 / x, ["x != 0"]),
    (1 / p, []),
    (1 / w, ["w != 0"]),
    (x**-2, ["x != 0"]),
    (x**i, ["x != 0"]),
    (x**n, []),
    (sp.sqrt(x), ["x >= 0"]),
    (x ** sp.Rational(-1, 2), ["x > 0"]),
    (sp.sqrt(w), []),
    (w ** sp.Rational(-1, 2), ["w > 0"]),
    (x**p, ["x >= 0"]),
    (x**y, ["x > 0"]),
    (sp.log(x), ["x > 0"]),
    (sp.log(w), ["w > 0"]),
    (sp.log(p + x**2), []),
    (sp.log(r) + sp.log(1 - r), ["r > 0", "1 - r > 0"]),
    (1 / (r - 1), ["r - 1 != 0"]),
    (1 / (x * (y - 1) ** 3), ["x != 0", "y - 1 != 0"]),
    (1 / (p * x), ["x != 0"]),
    (1 / (2 * x - 2 * y) ** 2, ["2*x - 2*y != 0"]),
    (1 / sp.sqrt(x * p), ["x > 0"]),
    (sp.tan(x), ["cos(x) != 0"]),
    (sp.sec(x), ["cos(x) != 0"]),
    (sp.cot(x), ["sin(x) != 0"]),
    (sp.csc(x), ["sin(x) != 0"]),
    (sp.coth(x), ["x != 0"]),
    (sp.csch(x), ["x != 0"]),
    (sp.acot(x), ["x != 0"]),
    (sp.asin(x), ["1 - x**2 >= 0"]),
    (sp.acos(x), ["1 - x**2 >= 0"]),
    (sp.atanh(x), ["1 - x**2 > 0"]),
    (sp.acosh(x), ["x - 1 >= 0"]),
    (sp.gamma(x), ["x > 0"]),
    (sp.loggamma(x), ["x > 0"]),
    (sp.polygamma(0, x), ["x > 0"]),
    (sp.factorial(x), ["x > 0"]),
    (sp.gamma(p) + sp.tanh(x) + sp.atan(x), []),
    (D(sp.Abs(x), x), ["x != 0"]),
    (D(sp.sign(x - p), x), ["-p + x != 0"]),
    (D(sp.Heaviside(x), x), ["x != 0"]),
    (D(sp.Max(x, y, p), x), ["x - y != 0", "p - x != 0"]),
    (D(sp.Min(x, 1), x), ["1 - x != 0"]),
    (D(sp.floor(x), x), ["sin(pi*x) != 0"]),
    (D(sp.ceiling(2 * x), x), ["sin(2*pi*x) != 0"]),
    (D(sp.Piecewise((x, x > y), (0, True)), x), ["x - y != 0"]),
    (D(sp.Abs(y) * x, x), []),
    (sp.Integral(1 / (x + p), (x, 0, 1)), []),
    (sp.Integral(1 / x, (x, p, q)) + 1 / y, ["y != 0"]),
    (sp.Sum(1 / (P[i] + i), (i, 1, n)), []),
    (sp.Sum(1 / y, (i, 1, n)), ["y != 0"]),
    (proof.EN(1 / x + e, e), ["x != 0"]),
    (proof.let("h", 1 / x), ["x != 0"]),
    (sp.log(2) + sp.sqrt(3) / 5, []),
    (sp.log(sp.cos(3)), []),  # numbers have no conditions: they are computed
    (sp.log(F(0)), ["F(0) > 0"]),
    (1 / F(1), ["F(1) != 0"]),
    (sp.log(G(0)) + F(0), []),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "needed"), NEEDED, ids=[str(expr) for expr, _ in NEEDED])
def test_a_value_needs_this_and_no_more(expr, needed):
    assert sorted(c.plain for c in conditions(expr, NONE)) == sorted(needed)


def test_an_interval_answers_what_it_can():
    plain = lambda expr: [c.plain for c in conditions(expr, UNIT)]
    assert plain(sp.log(r) + sp.log(1 - r) + 1 / (r - 1) + sp.sqrt(1 - r) + sp.asin(r)) == []
    assert plain(sp.log(r - half)) == ["r - 1/2 > 0"] and plain(1 / (2 * r - 1)) == ["2*r - 1 != 0"]


def test_each_condition_is_said_once_and_in_order():
    assert [c.plain for c in conditions(1 / x + sp.log(y) + x**-2, NONE)] in (["x != 0", "y > 0"], ["y > 0", "x != 0"])
    assert Condition(x - y, "!=").tex == r"x - y \ne 0" and Condition(x, ">").tex == "x > 0"
    assert Condition(x, ">=").tex == r"x \ge 0" and Condition(x, ">=").plain == "x >= 0"


FOLLOWS = [
    (p, ">", True), (p, ">=", True), (p, "!=", True), (w, ">", False), (w, ">=", True), (w, "!=", False), (x, ">=", False),
    (x**2 + 1, ">", True), (x**2, ">", False), (x**2, ">=", True), (-p, "!=", True), (-p, ">=", False), (p - q, "!=", False),
    (1 - r, ">", True), (r - 1, "!=", True), (r - 2, ">", False), (p**2 - 2 * p + 1, ">=", True), (sp.S.One * 3, ">", True),
    (sp.exp(x), ">", True), (x**2 - 2 * x + 2, ">", False), (P[i], ">", True), (X[i], ">", False),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "sign", "known"), FOLLOWS)
def test_a_sign_follows_from_the_hypotheses_or_it_does_not(expr, sign, known):
    assert follows(expr, sign, UNIT) is known


@pytest.mark.parametrize(
    ("expr", "found"), [(x, True), (p - q, True), (x**2, False), (p, False), (-p, False), (sp.log(p), True)]
)
def test_numbers_find_both_signs(expr, found):
    assert has_both_signs(expr) is found


def test_numbers_that_cannot_be_had_tell_nothing(monkeypatch):
    assert not has_both_signs(sp.log(-p))

    def faulty(*_):
        raise SyntaxError

    monkeypatch.setattr("nbdgm.proof.conditions.number_function", faulty)
    assert not has_both_signs(x)


# --- hypotheses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assumptions", "said"),
    [
        ({"real": True}, " real"), ({"positive": True}, " > 0"), ({"nonnegative": True}, " >= 0"), ({"negative": True}, " < 0"),
        ({"nonpositive": True}, " <= 0"), ({"real": True, "nonzero": True}, " != 0"), ({"integer": True}, " integer"),
        ({"integer": True, "positive": True}, " > 0 integer"), ({"integer": True, "nonnegative": True}, " >= 0 integer"),
        ({"integer": True, "nonzero": True}, " != 0 integer"), ({}, None), ({"rational": True}, None), ({"even": True}, None),
        ({"complex": True}, None), ({"prime": True}, None), ({"positive": True, "rational": True}, None),
    ],
)  # fmt: skip
def test_what_is_supposed_is_said(assumptions, said):
    a = sp.Symbol("a", **assumptions)
    assert kind(a) == said and NONE.describe(a) == f"a{said or ''}"
    assert kind(sp.IndexedBase("a", **assumptions)[i]) == said


def test_what_is_supposed_of_functions_and_intervals_is_said():
    assert kind(sp.Function("f", positive=True)(x)) == " > 0" and kind(sp.Function("f", real=True)(x)) == " real"
    assert kind(sp.Function("f")(x)) is None and UNIT.describe(r) == "0 < r < 1"


INTERVALS = [
    ({r: (0, 1)}, None),
    ({p: (0, 1)}, None),
    ({p: (1, sp.oo)}, None),
    ({w: (0, 1)}, None),
    ({r: (-sp.oo, sp.oo)}, None),
    ({r: [0, 1]}, None),
    ({r: (1, 1)}, "is empty"),
    ({r: (1, 0)}, "is empty"),
    ({p: (-1, 1)}, "is empty, or disagrees"),
    ({r: (0, 0.5)}, "exact numbers"),
    ({r: (0, p)}, "exact numbers"),
    ({r: (0, sp.I)}, "exact numbers"),
    ({r: (0,)}, "write domain="),
    ({r: (0, 1, 2)}, "write domain="),
    ({r: sp.Interval(0, 1)}, "write domain="),
    ({r + 1: (0, 1)}, "write domain="),
    ({X[1]: (0, 1)}, "write domain="),
    ({i: (0, 5)}, "only a symbol declared real, positive or nonnegative"),
    ({sp.Symbol("v", negative=True): (-2, -1)}, "only a symbol declared real, positive or nonnegative"),
    ({sp.Symbol("v"): (0, 1)}, "only a symbol declared real, positive or nonnegative"),
]


@pytest.mark.parametrize(("domain", "said"), INTERVALS)
def test_an_interval_is_open_exact_and_for_a_symbol(domain, said):
    if said is None:
        assert Hypotheses(domain)
        return
    with pytest.raises(ProofError, match=said):
        Hypotheses(domain)


def test_the_values_that_a_symbol_may_take():
    assert NONE.bounds(x) == (-sp.oo, sp.oo) and NONE.bounds(p) == (0, sp.oo) and UNIT.bounds(r) == (0, 1)
    assert NONE.bounds(sp.Symbol("v", nonpositive=True)) == (-sp.oo, 0)
    assert NONE.allows(w, sp.S.Zero) and not NONE.allows(p, sp.S.Zero) and NONE.allows(x, sp.S.Zero)
    closed, open_end = Hypotheses({w: (0, 1)}), Hypotheses({r: (half, 1)})
    assert not closed.allows(w, sp.S.Zero) and not closed.allows(w, sp.S.One) and closed.allows(w, half)
    assert not open_end.allows(r, half) and open_end.allows(r, half + sp.Rational(1, 100))
    assert NONE.allows(n, sp.S.One) and not NONE.allows(n, half + 1) and not NONE.allows(n, sp.S.Zero)
    both = Hypotheses({r: (0, 1), p: (1, 2)}, (x,))
    assert both.without(r) == Hypotheses({p: (1, 2)}, (x,))


def test_an_interval_does_not_reach_into_integrals_over_its_symbol():
    inside = UNIT.restrict(sp.Integral(r * p, (r, 0, 2)) + sp.Sum(r, (i, 1, 2)) + r)
    (integral,) = inside.atoms(sp.Integral)
    (bound,) = integral.bound_symbols
    assert bound != r and bound.is_real and bound.is_positive is None and integral.function == bound * p
    assert r not in inside.free_symbols and UNIT.image(r) in (inside - integral).args
    positive = Hypotheses({p: (0, 1)}).restrict(sp.Integral(p, (p, 0, 2)))
    assert positive.bound_symbols[0].is_positive and positive.doit() == 2
    assert NONE.restrict(r + 1) == r + 1 and sp.Integral(x, (x, 0, r)).doit().subs(r, 1) == half


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        (x, None), (p, None), (sp.Symbol("a_1", real=True), None), (sp.Symbol("a_{i+1}", real=True), None), (P[i], None),
        (sp.Symbol(r"\lambda", positive=True), None), (sp.Symbol("D^*", real=True), None), (sp.Symbol("x'", real=True), None),
        (sp.Function("s", real=True)(x), None), (sp.Symbol("sigma", positive=True), None),
        (sp.Symbol("mus", positive=True), None),
        (sp.Symbol("a b", real=True), "letters of the Latin alphabet"), (sp.Symbol("1a", real=True), "letters of the Latin"),
        (sp.Symbol("x=1", real=True), "letters of the Latin alphabet"), (sp.Symbol("µ", real=True), "letters of the Latin"),
        (sp.IndexedBase("a b", real=True)[i], "letters of the Latin"), (sp.Function("a b", real=True)(x), "letters of"),
        (sp.Symbol("z"), "z may be complex"), (sp.Symbol("z", complex=True), "z may be complex"),
        (sp.Symbol("z", imaginary=True), "z may be complex"), (sp.Symbol("z", rational=True), "more is supposed of z"),
        (sp.Symbol("z", even=True), "more is supposed of z"), (sp.Symbol("mu", positive=True), "declared of one sign"),
        (sp.Symbol("mu_1", positive=True), "declared of one sign"), (sp.Symbol("muhat", negative=True), "declared of one sign"),
        (sp.Symbol("theta", nonnegative=True), "declared of one sign"), (sp.Symbol(r"\phi", nonpositive=True), "one sign"),
        (sp.Symbol("epsilon", real=True), None), (sp.Symbol("mubarhat", positive=True), "declared of one sign"),
    ],
)  # fmt: skip
def test_a_reader_is_told_all_that_is_supposed_of_a_symbol(symbol, said):
    if said is None:
        refuse_symbol(symbol, NONE)
        return
    with pytest.raises(ProofError, match=said):
        refuse_symbol(symbol, NONE)


def test_a_mean_that_is_confined_to_an_interval_may_be_positive():
    mu = sp.Symbol("mu", positive=True)
    refuse_symbol(mu, Hypotheses({mu: (0, 1)}))


ALIKE = [
    (sp.Symbol("a_1", real=True), sp.Symbol("a1", real=True), True),
    (sp.Symbol("a", real=True), sp.Symbol("a", positive=True), True),
    (sp.Symbol("a_1", real=True), sp.IndexedBase("a", real=True)[1], True),
    (sp.Symbol(r"\mathrm{a}", real=True), sp.Symbol("a", real=True), True),
    (sp.Function("f", real=True)(x), sp.Function("f", positive=True)(x), True),
    (sp.Function("f", real=True)(x), sp.Function("f", real=True)(y), False),
    (sp.Symbol("a_1", real=True), sp.Symbol("a_2", real=True), False),
    (sp.Symbol("alpha", real=True), sp.Symbol("a", real=True), False),
    (sp.IndexedBase("a", real=True)[i], sp.IndexedBase("a", positive=True)[n], True),
    (sp.IndexedBase("a", real=True)[i], sp.IndexedBase("a", real=True)[n], False),
]


@pytest.mark.parametrize(("one", "other", "alike"), ALIKE)
def test_two_things_that_print_alike_are_refused(one, other, alike):
    seen: dict[str, sp.Basic] = {}
    refuse_namesakes(seen, one)
    refuse_namesakes(seen, one)
    if alike:
        with pytest.raises(ProofError, match="two different symbols print as"):
            refuse_namesakes(seen, other)
    else:
        refuse_namesakes(seen, other)
        assert one == other or printed(one) != printed(other) or not one.is_symbol


def test_symbols_are_ordered_by_name():
    a, b = sp.Dummy("a"), sp.Dummy("a")
    assert ordered([y, b, x, a]) == [a, b, x, y]


def test_a_stand_in_is_kept_by_its_role():
    assert stand_in(x, "one", real=True) is stand_in(x, "one", real=True) != stand_in(x, "two", real=True)
    assert stand_in(x, "one", positive=True) != stand_in(x, "one", real=True)


def test_functions_and_families_become_symbols_with_their_signs():
    f = sp.Function("f", real=True)
    expr = D(f(x), x) * f(x) + X[i] + P[i]
    found = stand_ins(expr)
    assert len(found.free_symbols) == 4 and not found.has(sp.Indexed, sp.Derivative)
    assert stand_ins(P[i]).is_positive and stand_ins(X[i]).is_real and stand_ins(X[i]).is_positive is None
    for sign in ("positive", "negative", "nonnegative", "nonpositive"):
        assert getattr(stand_ins(sp.Function("g", **{sign: True})(x)), f"is_{sign}")
    with pytest.raises(ProofError, match="may be complex"):
        stand_ins(sp.IndexedBase("a")[i])
    with pytest.raises(ProofError, match="may be complex"):
        stand_ins(sp.Function("g")(x))


def test_lengths_are_the_symbols_in_bounds():
    assert symbolic_bounds(sp.Sum(X[i] * x, (i, 1, n)) + sp.Product(P[i], (i, 2, 3))) == {n} and symbolic_bounds(x + n) == set()


# --- reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "not a bool"), (1.5, "write R"), (1j, "write R"), ([x], "not a list"), ((x,), "not a tuple"), ({}, "not a dict"),
        ({x}, "not a set"), ("x", "not a str"), (None, "not a NoneType"), (object(), "not a object"),
        (x > 0, "one relation a call"),
        (sp.MatrixSymbol("W", 2, 2), "take its Trace"), (sp.true, "not a BooleanTrue"), (lambda: x, "not a function"),
    ],
)  # fmt: skip
def test_a_line_is_an_expression(value, said):
    with pytest.raises(ProofError, match=said):
        read(value)


def test_numbers_and_matrices_are_lines():
    assert read(3) == sp.Integer(3) and read(x + 1) == x + 1 and isinstance(read(sp.Matrix([x])), sp.ImmutableMatrix)


class Own(sp.Function):
    """A function with rules of its own."""

    @classmethod
    def eval(cls, at):
        return None


rules = sp.Function("h", real=True)
LINES = [  # expression, parameters, why it is refused
    (sp.DiracDelta(x), (), "DiracDelta"),
    (sp.Limit(x, x, 0), (), "many-to-one"),
    (sp.Order(x), (), "order term"),
    (sp.arg(x + y), (), "arg jumps"),
    (sp.Mod(x, 2), (), "a remainder jumps"),
    (sp.Wild("a") + x, (), "a Wild"),
    (sp.Dummy("a", real=True) + x, (), "a Dummy"),
    (sp.Float(0.5) * x, (), "an exact number"),
    (sp.Rational(0.1) * x, (), "a float in disguise"),
    (sp.Rational(1, 2**30) * x, (), None),
    (sp.Rational(1, 2**31) * x, (), "a float in disguise"),
    (sp.Rational(1, 3**30) * x, (), None),
    (Own(x), (), "rules of its own that nobody has checked"),
    (sp.Function("log", real=True)(x), (x,), "looks like sympy's own"),
    (sp.Function("Max", real=True)(x), (x,), "looks like sympy's own"),
    (sp.Function("g", real=True, nargs=1)(x), (x,), "rules of its own: declare only"),
    (rules(x), (x,), None),
    (rules(x + 1), (x,), None),
    (rules(x), (), "is opaque: write it out"),
    (rules(y), (x,), "is opaque"),
    (rules(x, y), (x,), "is opaque"),
    (rules(x, y), (x, y), None),
    (rules(sp.S.One), (x,), "is opaque"),
    (sp.Integral(rules(x), (x, 0, 1)), (x,), "opaque under the integral over x"),
    (sp.Integral(rules(x) * y, (y, 0, 1)), (x,), None),
    (sp.Function("g")(x), (x,), "may be complex"),
    (sp.Function("mu", positive=True)(x), (x,), "declared of one sign"),
    (sp.Integral(x, (x, 0, 1)), (), None),
    (sp.Integral(x, (x, -sp.oo, sp.oo)), (), None),
    (sp.Integral(p, (p, 0, 1)), (), None),
    (sp.Integral(p, (p, -1, 1)), (), "leave the values that p may take"),
    (sp.Integral(p, (p, x, 1)), (), "leave the values that p may take"),
    (sp.Integral(w, (w, 0, q)), (), None),
    (sp.Integral(i, (i, 0, 1)), (), "leave the values that i may take"),
    (sp.Integral(sp.Symbol("z"), (sp.Symbol("z"), 0, 1)), (), "leave the values that z may take"),
    (sp.Integral(sp.Symbol("v", negative=True), (sp.Symbol("v", negative=True), -1, 0)), (), None),
    (sp.Integral(sp.Symbol("v", negative=True), (sp.Symbol("v", negative=True), -1, 1)), (), "leave the values"),
    (sp.Integral(r, (r, 0, 1)), (), "r has a domain, and is the variable"),
    (sp.Sum(X[i], (i, 0, n)), (), None),
    (sp.Sum(i, (i, -3, n)), (), None),
    (sp.Sum(n, (n, 1, 3)), (), None),
    (sp.Sum(n, (n, 0, 3)), (), "n counts in"),
    (sp.Sum(x, (x, 0, 3)), (), "x counts in"),
    (sp.Sum(p, (p, 1, 3)), (), "p counts in"),
    (D(x**2 + y, x), (), None),
    (sp.Derivative(X[i] ** 2, X[n]), (), None),
    (sp.Derivative(X[i] ** 2, P[n], evaluate=False), (), "does not contain this"),
    (sp.Derivative(p * y, x, evaluate=False), (), "does not contain this"),
    (sp.Symbol("z") + 1, (), "z may be complex"),
    (proof.let("h", sp.Symbol("z") + 1), (), "z may be complex"),
    (sp.IndexedBase("a")[i], (), "may be complex"),
    (sp.Matrix([x, sp.DiracDelta(y)]), (), "DiracDelta"),
]


@pytest.mark.parametrize(("expr", "parameters", "said"), LINES, ids=[str(expr) for expr, *_ in LINES])
def test_what_may_stand_in_a_line(expr, parameters, said):
    hypotheses = Hypotheses({r: (0, 1)}, parameters)
    if said is None:
        refuse(expr, hypotheses)
        return
    with pytest.raises(ProofError, match=said):
        refuse(expr, hypotheses)


def test_points_of_which_nothing_is_known_are_said():
    with pytest.raises(points.Undefined, match=r"not a real number at p = .*: narrow the domain"):
        points.compare(sp.sqrt(-p), sp.sqrt(-p), "seed")
