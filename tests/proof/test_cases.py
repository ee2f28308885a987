"""Signs, cases and the linear programs that rule cases out."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm.proof.cases import _root, _Undecided, cases, decide, nonnegative, possible, sign_of
from nbdgm.proof.proving import is_nonnegative

x, y, z = sp.symbols("x y z", real=True)
p, q = sp.symbols("p q", positive=True)
w = sp.Symbol("w", nonnegative=True)
n = sp.Symbol("n", integer=True)
c = sp.Symbol("c", positive=True, integer=True)
H, Abs, Max, Min = sp.Heaviside, sp.Abs, sp.Max, sp.Min

SIGNS = [  # expression, the signs that are known, its sign
    (x - x, {}, 0),
    (p, {}, 1),
    (-p * q, {}, -1),
    (x**2 + 1, {}, 1),
    (-1 - x**2, {}, -1),
    (x, {x: 1}, 1),
    (x, {x: -1}, -1),
    (x, {x: 0}, 0),
    (-x, {x: 1}, -1),
    (-x, {x: -1}, 1),
    (-x, {x: 0}, 0),
    (x**2, {x: -1}, 1),
    (x**2, {x: 0}, 0),
    (x**3, {x: -1}, -1),
    (x**3, {x: 0}, 0),
    (1 / x, {x: -1}, -1),
    (x * y, {x: -1, y: -1}, 1),
    (x * y, {x: -1, y: 0}, 0),
    (x * y, {x: 0, y: -1}, 0),
    (x * y, {x: -1, y: 1}, -1),
    (y - x, {x - y: 1}, -1),
    (y - x, {x - y: -1}, 1),
    (x**2 - y**2, {x - y: -1, x + y: 1}, -1),
    (p / q - q / p, {p - q: 1}, 1),
    (p / q - 1, {p - q: -1}, -1),
    (x * sp.sqrt(p), {x: -1}, -1),
    (sp.exp(x) - 1, {sp.exp(x) - 1: -1}, -1),
]


@pytest.mark.parametrize(("expr", "known", "sign"), SIGNS)
def test_a_sign_is_that_of_the_factors(expr, known, sign):
    assert sign_of(expr, known) == sign


@pytest.mark.parametrize(("expr", "factor"), [(x, x), (-x, x), (y - x, x - y), (p * x**3, x), (p / q - 1, p - q)])
def test_the_factor_whose_sign_is_needed_is_named(expr, factor):
    with pytest.raises(_Undecided) as needed:
        sign_of(expr, {})
    assert needed.value.factor == factor


DECIDED = [
    (Max(x, y), {x - y: 1}, x),
    (Max(x, y), {x - y: -1}, y),
    (Min(x, y), {x - y: 1}, y),
    (Min(x, y), {x - y: -1}, x),
    (Max(x, y, z), {x - y: -1, y - z: -1}, z),
    (Max(x, y, z), {x - y: -1, y - z: 1}, y),
    (Max(x, y, z), {x - y: 1, x - z: 1}, x),
    (Abs(x), {x: 1}, x),
    (Abs(x), {x: -1}, -x),
    (Abs(x), {x: 0}, 0),
    (sp.sign(x), {x: -1}, -1),
    (sp.sign(x), {x: 0}, 0),
    (H(x), {x: 1}, 1),
    (H(x), {x: -1}, 0),
    (H(x), {x: 0}, sp.Rational(1, 2)),
    (H(x, p), {x: 0}, p),
    (sp.exp(Abs(x)) + Max(x, 0) * y, {x: -1}, sp.exp(-x)),
    (Max(Abs(x), y), {x: -1, x + y: 1}, y),
    (x + y, {}, x + y),
]


@pytest.mark.parametrize(("expr", "known", "value"), DECIDED)
def test_where_the_signs_are_known_no_step_is_left(expr, known, value):
    assert sp.expand(decide(expr, known) - value) == 0


def test_a_piecewise_without_a_case_that_holds_has_no_value():
    with pytest.raises(ValueError, match="no case"):
        decide(sp.Piecewise((1, x > 0)), {x: -1})


CONDITIONS = [  # condition on x, where it holds among x < 0, x = 0, x > 0
    (x > 0, (0, 0, 1)),
    (x >= 0, (0, 1, 1)),
    (x < 0, (1, 0, 0)),
    (x <= 0, (1, 1, 0)),
    (sp.Eq(x, 0), (0, 1, 0)),
    (sp.Ne(x, 0), (1, 0, 1)),
    (sp.Not(sp.Eq(x, 0)), (1, 0, 1)),
    (sp.Not((x > 0) | sp.Eq(y, y + 1), evaluate=False), (1, 1, 0)),
    ((x >= 0) & (x <= 0), (0, 1, 0)),
    ((x > 0) | (x < 0), (1, 0, 1)),
    (Max(x, 0) > 0, (0, 0, 1)),
]


@pytest.mark.parametrize(("condition", "where"), CONDITIONS)
def test_a_condition_holds_where_its_relation_does(condition, where):
    branches = sp.Piecewise((1, condition), (0, True))
    assert tuple(decide(branches, {x: sign}) for sign in (-1, 0, 1)) == where


IDENTITIES = [  # left, what it equals everywhere, what differs somewhere
    (Abs(x), Max(x, -x), x),
    (Max(x, y) + Min(x, y), x + y, x - y),
    (Max(x, y) - Min(x, y), Abs(x - y), x - y),
    (Max(x, y), (x + y + Abs(x - y)) / 2, (x + y - Abs(x - y)) / 2),
    (Abs(x * y), Abs(x) * Abs(y), Abs(x) * y),
    (Abs(x) ** 2, x**2, x**3),
    (Min(1, p / q) * q, Min(1, q / p) * p, Min(1, q / p) * q),
    (Max(Min(x, 1), 0), Min(Max(x, 0), 1), Min(Max(x, 1), 0)),
    (Max(x, Min(y, z)), Min(Max(x, y), Max(x, z)), Min(Max(x, y), z)),
    (x * sp.sign(x), Abs(x), x),
    (sp.sign(x) ** 2, 1 - sp.Piecewise((1, sp.Eq(x, 0)), (0, True)), x / x),
    (sp.sign(x) * sp.sign(y), sp.sign(x * y), sp.sign(x)),
    (H(x, 0) + H(-x, 0), 1 - sp.Piecewise((1, sp.Eq(x, 0)), (0, True)), x / x),
    (H(x) + H(-x), x / x, H(x)),
    (x * H(x), Max(x, 0), Min(x, 0)),
    (H(x - y, 1) + H(y - x, 0), x / x, H(x - y, 0) + H(y - x, 0)),
    (sp.log(Abs(x * p)), sp.log(Abs(x)) + sp.log(p), sp.log(Abs(x)) - sp.log(p)),
    (sp.sqrt(x**2 * p), Abs(x) * sp.sqrt(p), x * sp.sqrt(p)),
    (Abs(c - 1), c - 1, c),
    (Abs(n), Max(n, -n), n),
]


@pytest.mark.parametrize(("left", "same", "other"), IDENTITIES, ids=[str(left) for left, *_ in IDENTITIES])
def test_an_identity_holds_in_every_case(left, same, other):
    assert holds(left - same) and not holds(left - other)


def holds(difference: sp.Expr) -> bool:
    try:
        return cases(difference) == 0
    except ValueError:
        return False


def test_what_has_no_steps_is_left_as_it_is():
    assert cases(x**2 - y) == x**2 - y and cases(sp.S.Zero) == 0


def test_too_many_cases_are_not_judged(monkeypatch):
    tried = {Abs(x) - Max(x, -x): 2, H(x, 0) + H(-x, 1) - 1: 3, Abs(x) + Abs(y) - Max(x, -x) - Max(y, -y): 6}
    for zero, count in tried.items():
        monkeypatch.setattr("nbdgm.proof.cases.MOST", count)
        assert cases(zero) == 0
        monkeypatch.setattr("nbdgm.proof.cases.MOST", count - 1)
        with pytest.raises(ValueError, match="too many cases"):
            cases(zero)


@pytest.mark.parametrize(
    ("factor", "of", "root"),
    [
        (2 * x - 1, x, sp.Rational(1, 2)), (p * x - q, x, q / p), (x + y, x, -y), (p - 1, p, 1), (3 * p - q, p, q / 3),
        (n - 2, n, 2), (x * p + 3, x, -3 / p),
    ],
)  # fmt: skip
def test_a_border_is_solved_for_a_symbol_that_may_lie_on_it(factor, of, root):
    assert _root(factor) == (of, root)


@pytest.mark.parametrize("factor", [x * y, x**2 - 2, p + 1, p + q, sp.exp(x) - 1])
def test_a_border_that_is_not_solved_is_not_judged(factor):
    with pytest.raises(ValueError, match="is not solved"):
        _root(factor)


POSSIBLE = [
    ({x: 1}, True),
    ({x - y: 1, y - z: 1}, True),
    ({x - y: 1, y - z: 1, x - z: -1}, False),
    ({x - y: 1, y - z: 1, x - z: 0}, False),
    ({x - y: 0, y - z: 0, x - z: 0}, True),
    ({x - y: 0, y - z: 0, x - z: 1}, False),
    ({x: 1, x - 1: -1}, True),
    ({x: -1, x - 1: 1}, False),
    ({x: 0, x - 1: 0}, False),
    ({p: -1}, False),
    ({p: 0}, False),
    ({p + q: -1}, False),
    ({p - 1: -1, q - 1: -1, p + q - 2: 1}, False),
    ({w: 0}, True),
    ({w: -1}, False),
    ({x * y: 1, x: -1}, True),
    ({x**2: -1}, False),
    ({sp.sqrt(2) * x - 1: 1}, True),
    ({sp.S.NegativeOne: 1}, False),
    ({sp.S.One: 1}, True),
]


@pytest.mark.parametrize(("signs", "found"), POSSIBLE)
def test_signs_that_contradict_each_other_are_found(signs, found):
    assert possible(signs) is found


NONNEGATIVE = [
    (Max(x, 0), True),
    (Max(x, 0) - 1, False),
    (Abs(x) - x, True),
    (Abs(x) - 2 * x, False),
    (Abs(x) + Abs(y) - Abs(x + y), True),
    (Abs(x + y) - Abs(x) - Abs(y), False),
    (Max(x, y) - x, True),
    (x - Min(x, y, z), True),
    (Max(x, y) - Min(y, z), True),
    (Max(x, y) - z, False),
    (1 - sp.sign(x), True),
    (sp.sign(x) ** 2 - sp.sign(x), True),
    (sp.sign(x), False),
    (1 - H(x, 0), True),
    (-H(x, 0), False),
    (Abs(n - 1) + Abs(n) - 1, True),
    (Max(p - q, 0) - p + q, True),
    (Max(p - q, 0) - p + 2 * q, True),
    (Max(p - q, 0) - p, False),
    (p - Max(p - q, 0), True),
    (q - Max(p - q, 0), False),
]


@pytest.mark.parametrize(("expr", "found"), NONNEGATIVE)
def test_what_is_nonnegative_in_every_case(expr, found):
    assert nonnegative(expr, is_nonnegative) is found
