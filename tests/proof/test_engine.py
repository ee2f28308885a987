"""The parts of the proof engine one by one: limits on time, points, second opinions, what a step records."""

from __future__ import annotations

import contextlib
import gc
import math
import random
import signal
import sys
import threading
import time
import weakref

import mpmath
import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import (
    ProofError,
    checking,
    counterexample,
    evaluating,
    hypotheses,
    limits,
    mutation,
    named,
    points,
    proving,
    recording,
)
from nbdgm.proof.cases import _vanishes, cases
from nbdgm.proof.conditions import conditions
from nbdgm.proof.errors import TimeUp, cpu_limit, nothing_can_be_raised
from nbdgm.proof.hypotheses import Hypotheses
from nbdgm.proof.normal import radicals
from nbdgm.proof.scope import promise

x, y = sp.symbols("x y", real=True)
p, q, t = sp.symbols("p q t", positive=True)


pytestmark = pytest.mark.usefixtures("no_cell")


def derivation(*args, **options):
    return proof.derivation(*args, **{"scope": "a case", **options})


# --- time ------------------------------------------------------------------------------------------------------------------


def burn(seconds: float) -> None:
    """Spend this much of the process's own time, which the limits count, and not the system's."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


def test_a_limit_on_time_stops_what_runs_longer_and_nothing_else():
    with pytest.raises(TimeUp), cpu_limit(0.1):
        burn(5)
    with cpu_limit(5):
        burn(0.01)
    burn(0.2)  # nothing rings afterwards


def test_where_the_system_has_no_such_timer_nothing_is_stopped(monkeypatch):
    monkeypatch.delattr(signal, "setitimer")
    with cpu_limit(0.01):
        burn(0.05)


def test_the_handler_that_was_there_is_put_back():
    mine = lambda *_: None
    before = signal.signal(signal.SIGVTALRM, mine)
    try:
        with cpu_limit(5):
            assert signal.getsignal(signal.SIGVTALRM) is not mine
        assert signal.getsignal(signal.SIGVTALRM) is mine
        with pytest.raises(TimeUp), cpu_limit(0.05):
            burn(5)
        assert signal.getsignal(signal.SIGVTALRM) is mine
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_a_limit_inside_another_does_not_lift_it():
    with pytest.raises(TimeUp), cpu_limit(0.3):
        with cpu_limit(5):
            burn(0.05)
        burn(5)
    with pytest.raises(TimeUp), cpu_limit(0.2), cpu_limit(30):
        burn(5)


class Slow:
    """What takes its time when it is let go."""

    def __del__(self):
        burn(0.2)


@contextlib.contextmanager
def a_slow_collection():
    callback = lambda phase, _: burn(0.2) if phase == "start" else None
    gc.callbacks.append(callback)
    try:
        gc.collect()
        yield
    finally:
        gc.callbacks.remove(callback)


@contextlib.contextmanager
def a_slow_end():
    held = Slow()
    del held
    yield


@contextlib.contextmanager
def a_swallower():
    """Whatever is raised in here is lost: a limit that rings once would be lost with it."""
    with contextlib.suppress(BaseException):
        burn(0.2)
    yield


@pytest.mark.parametrize("slow", [a_slow_collection, a_slow_end, a_swallower])
def test_a_limit_reached_where_nothing_can_be_raised_stops_the_block_after_it(slow):
    """What a callback of the collector or `__del__` raises is swallowed: the limit waits, or rings again."""
    begun = time.process_time()
    with pytest.raises(TimeUp), cpu_limit(0.1), slow():
        burn(5)
    assert time.process_time() - begun < 2


def test_a_limit_waits_for_the_callbacks_of_weak_references():
    """The callback of a weak reference runs in the module `weakref`: the frame is recognised by that."""
    seen = []

    class Spy(dict):
        def __delitem__(self, key):
            seen.append(nothing_can_be_raised(sys._getframe()))
            super().__delitem__(key)

    class Held:
        pass

    references = weakref.WeakKeyDictionary()
    references.data = Spy()
    held = Held()
    references[held] = 1
    del held
    gc.collect()
    assert seen == [True] and not nothing_can_be_raised(sys._getframe())


def test_an_exponential_of_an_exponential_is_judged_in_seconds():
    begun = time.process_time()
    with pytest.raises(ProofError), derivation("E-1", "t") as d:
        d.line(sp.exp(sp.exp(sp.exp(p))) + q, "definition")
        d.line(sp.exp(sp.exp(sp.exp(p))) + 2 * q, "wrong")
    assert time.process_time() - begun < 20


# --- points ------------------------------------------------------------------------------------------------------------------


def test_points_are_of_moderate_and_of_wild_sizes():
    drawn = points.draw_points([p, q], "seed")
    moderate = [float(v) for group, wide in drawn if not wide for v in group[0].values()]
    wild = [float(v) for group, wide in drawn if wide for v in group[0].values()]
    assert len(moderate) == len(wild) == 16 and len(set(moderate)) > 12  # the points are anew in every run: two may agree
    assert all(0.1 < v < 10 for v in moderate) and max(moderate) > 1 > min(moderate)
    assert max(wild) > 10 and min(wild) < 0.1 and max(wild) / min(wild) > 1e5
    assert all(v > 0 for v in moderate + wild)
    assert drawn != points.draw_points([p, q], "another") and drawn == points.draw_points([p, q], "seed")


def test_the_points_of_tests_are_not_those_of_chapters(monkeypatch):
    monkeypatch.setenv("NBDGM_PROOF_SEED", "1")
    one = points.draw_points([p], "seed")
    monkeypatch.setenv("NBDGM_PROOF_SEED", "2")
    assert one != points.draw_points([p], "seed")


@pytest.mark.parametrize("name", points.SAFE)
def test_functions_are_guarded_from_long_numbers_only(name):
    function, long = points.SAFE[name], mpmath.ldexp(1, 2001)
    for at in (mpmath.mpf(1), mpmath.ldexp(1, 9), mpmath.inf):
        assert str(function(at)) == str(getattr(mpmath, name)(at))
    for at in (long, -long):
        with pytest.raises(OverflowError, match=f"{name} of a number of more than 600 digits"):
            function(at)


def test_integers_are_drawn_from_the_least_on():
    n = {
        k: sp.Symbol("n", integer=True, **{k: True}) for k in ("positive", "nonnegative", "negative", "nonpositive", "nonzero")
    }
    n["any"] = sp.Symbol("n", integer=True)
    drawn = {
        k: {int(points.draw(v, random.Random(i), 0.9, turn)) for i in range(30) for turn in (0, 1, 2, 5, None)}
        for k, v in n.items()
    }
    assert {1, 2, 9} <= drawn["positive"] and min(drawn["positive"]) == 1
    assert {0, 1, 9} <= drawn["nonnegative"] and min(drawn["nonnegative"]) == 0
    assert {-1, -2} <= drawn["negative"] and max(drawn["negative"]) == -1
    assert {0, -1} <= drawn["nonpositive"] and max(drawn["nonpositive"]) == 0
    assert 0 not in drawn["nonzero"] and {1, -1} <= drawn["nonzero"]
    assert {-1, 0, 1} <= drawn["any"]
    assert (
        points.draw(n["positive"], random.Random(0), 0.9, 0) == 1
        and points.draw(n["nonnegative"], random.Random(0), 0.9, 1) == 1
    )


def test_numbers_of_both_precisions_refute():
    near = sp.Rational(1, 10**50)
    assert points.compare(x + near, x, "seed").refuted_at is not None
    assert points.compare(x * (1 + y), x + x * y, "seed").refuted_at is None
    assert points.compare(sp.S.Zero * x, sp.S.Zero, "seed").null


def test_every_point_that_is_drawn_is_looked_at(monkeypatch):
    drawn = [([{p: sp.Integer(k)}], k > 3) for k in range(1, 25)]
    monkeypatch.setattr(points, "draw_points", lambda symbols, seed: drawn)
    for k in range(1, 25):
        agree_elsewhere = sp.prod([p - j for j in range(1, 25) if j != k])
        assert points.compare(agree_elsewhere, sp.S.Zero, "seed").refuted_at == {p: k}


def test_a_point_where_a_side_is_not_real_is_no_point_to_pass_over():
    with pytest.raises(points.Undefined, match="not a real number"):
        many = sum(sp.log(10 - v) for v in sp.symbols("c_1:11", positive=True))  # one at least is drawn above 10
        points.compare(many, many, "seed")
    with pytest.raises(points.Undefined, match="600 digits"):
        points.compare(sp.exp(sp.exp(sp.exp(9 * p))), sp.exp(sp.exp(sp.exp(9 * p))), "seed")


def test_what_has_numbers_at_moderate_points_only_is_refused():
    line = sum(sp.exp(sp.exp(sp.exp(v * 9 / 10))) for c in sp.symbols("c_1:11", positive=True) for v in (c, 1 / c))
    with pytest.raises(points.Undefined, match="numbers of different sizes"):
        points.compare(line, line, "seed")


def test_excluded_points_are_passed_over():
    n = sp.Symbol("n", integer=True, positive=True)
    assert points.compare((n**2 - 1) / (n - 1), n + 1, "seed", [n - 1]).refuted_at is None
    with pytest.raises(points.Undefined):
        points.compare((n**2 - 1) / (n - 1), n + 1, "seed")


# --- hypotheses --------------------------------------------------------------------------------------------------------------


def test_stand_ins_are_kept_by_what_they_stand_for():
    f, g = sp.Function("f", positive=True)(x), sp.Function("f", real=True)(x)
    one, other = hypotheses.stand_ins(f + 0), hypotheses.stand_ins(g + 0)
    assert one != other and one.is_positive and other.is_positive is None
    assert one == hypotheses.stand_ins(f + 0) and one != sp.Symbol("f(x)", positive=True)


def test_an_interval_covers_itself():
    w = sp.Symbol("w", real=True)
    for low, high in ((0, 1), (-2, 3), (1, sp.oo), (-sp.oo, 4)):
        image = Hypotheses({w: (low, high)}).image(w)
        (u,) = image.free_symbols
        values = [image.subs(u, v) for v in (sp.Rational(1, 10**9), 1, 10**9)]
        assert all(low < v < high for v in values)
        assert abs(values[0] - (low if low != -sp.oo else high)) < 1e-6
    assert Hypotheses({w: (-sp.oo, sp.oo)}).image(w).is_extended_real


@pytest.mark.parametrize(("value", "allowed"), [(0, False), (sp.Rational(1, 2), True), (1, False), (2, False), (-1, False)])
def test_allowed_values(value, allowed):
    w = sp.Symbol("w", real=True)
    assert Hypotheses({w: (0, 1)}).allows(w, sp.sympify(value)) is allowed


def test_allowed_values_by_assumption():
    n = sp.Symbol("n", integer=True, nonnegative=True)
    none = Hypotheses()
    assert none.allows(n, sp.S.Zero) and not none.allows(n, sp.Rational(1, 2)) and not none.allows(n, sp.Integer(-1))
    assert none.allows(p, sp.S.One) and not none.allows(p, sp.S.Zero)
    assert none.allows(sp.Symbol("w", negative=True), sp.Integer(-3)) and not none.allows(
        sp.Symbol("w", negative=True), sp.S.One
    )
    assert none.allows(x, sp.S.Zero) and not none.allows(sp.Symbol("w", nonzero=True), sp.S.Zero)


def test_conditions_are_what_does_not_follow():
    w = sp.Symbol("w", real=True)
    plain = lambda e, h=None: [c.plain for c in conditions(e, h or Hypotheses())]
    assert plain(1 / (x - y)) == ["x - y != 0"]
    assert plain(1 / (1 + p) + 1 / (x**2 + 1) + sp.log(1 + p * q)) == []
    assert plain(sp.log(1 - w)) == ["1 - w > 0"] and plain(sp.sqrt(1 - w)) == ["1 - w >= 0"]
    assert plain(sp.log(1 - w) + 1 / w, Hypotheses({w: (0, 1)})) == []
    assert plain(1 / (x * y**2)) == ["x != 0", "y != 0"] and plain(x ** sp.Rational(-1, 2)) == ["x > 0"]
    assert plain(sp.asin(w)) == plain(sp.acos(w)) == ["1 - w**2 >= 0"] and plain(sp.atanh(w)) == ["1 - w**2 > 0"]
    assert plain(sp.acosh(w)) == ["w - 1 >= 0"] and plain(sp.coth(w)) == ["w != 0"] and plain(sp.gamma(w)) == ["w > 0"]
    assert plain(sp.tan(w)) == ["cos(w) != 0"] and plain(sp.cot(w)) == ["sin(w) != 0"]
    assert plain(x**p) == ["x >= 0"] and plain(x**-p) == ["x > 0"] and plain(sp.Integral(1 / (x + p), (x, 0, q))) == []


@pytest.mark.parametrize("body", [1 / x, sp.exp(x**2) / x])
def test_numbers_of_an_integral_that_does_not_converge_are_none(body):
    with pytest.raises(points.Undefined, match="does not converge"):
        evaluating.quadrature(sp.Integral(body, (x, 0, 1)), {})


def test_points_between_bounds_come_near_both_of_them():
    inside = evaluating._grid(2.0, 3.0)
    assert 2 < inside.min() < 2.02 and 2.98 < inside.max() < 3
    for low, high in ((-math.inf, 1.0), (1.0, math.inf), (-math.inf, math.inf)):
        far = evaluating._grid(low, high)
        assert all(low < v < high for v in far)
        assert math.isfinite(low) or far.min() < -70
        assert math.isfinite(high) or far.max() > 70
    assert evaluating._grid(1.0, math.inf).min() < 1.001 and evaluating._grid(-math.inf, 1.0).max() > 0.999


# --- second opinions ---------------------------------------------------------------------------------------------------------


def test_a_wrong_integral_is_noticed_whole_and_in_pieces(monkeypatch):
    bell = sp.Integral(sp.exp(-(x**2) / 2), (x, -sp.oo, sp.oo))
    assert evaluating.evaluate(bell) == sp.sqrt(2 * sp.pi)
    right = evaluating._carry_out
    monkeypatch.setattr(
        evaluating, "_carry_out", lambda expr: right(expr) * sp.Rational(1001, 1000) if expr.has(sp.Integral) else expr
    )
    with pytest.raises(ProofError, match="disagrees with quadrature"):
        evaluating.evaluate(bell)


@pytest.mark.parametrize(
    "integral",
    [
        sp.Integral(sp.exp(-p * x), (x, 0, sp.oo)),
        sp.Integral(x * y, (x, 0, y), (y, 0, p)),
        sp.Integral(sp.sin(x) ** 2, (x, 0, sp.pi)),
        sp.Integral(1 / sp.sqrt(x), (x, 0, p)),
        sp.Integral(sp.log(x), (x, 0, p)),
        sp.Integral(x**2 * sp.exp(-((x - y) ** 2) / (2 * p)), (x, -sp.oo, sp.oo)),
        sp.Integral(sp.exp(x), (x, -sp.oo, y)),
    ],
)
def test_right_integrals_have_a_second_opinion(integral):
    assert not evaluating.evaluate(integral).has(sp.Integral)


def test_a_condition_that_the_domain_decides_is_decided():
    n, r = sp.Symbol("n", integer=True, nonnegative=True), sp.Symbol("r", positive=True)
    series = sp.Sum((1 - r) * r**n, (n, 0, sp.oo))
    assert sp.simplify(evaluating.evaluate(series, Hypotheses({r: (0, 1)})) - 1) == 0
    with pytest.raises(ProofError, match=r"condition|not finite"):
        evaluating.evaluate(series)


def test_series_are_summed_by_a_second_hand(monkeypatch):
    n = sp.Symbol("n", integer=True, positive=True)
    assert evaluating.evaluate(sp.Sum(1 / n**2, (n, 1, sp.oo))) == sp.pi**2 / 6
    monkeypatch.setattr(evaluating, "_carry_out", lambda expr: sp.Rational(17, 10))
    with pytest.raises(ProofError, match="partial sums"):
        evaluating.evaluate(sp.Sum(1 / n**2, (n, 1, sp.oo)))


RIGHT = [
    (sp.exp(-x), x, sp.oo, "-", sp.S.Zero),
    (sp.exp(x), x, -sp.oo, "+", sp.S.Zero),
    (1 / sp.log(1 / p), p, sp.S.Zero, "+", sp.S.Zero),
    (1 / p, p, sp.S.Zero, "+", sp.oo),
    (sp.log(p), p, sp.S.Zero, "+", -sp.oo),
    (x**3, x, -sp.oo, "+", -sp.oo),
    ((1 - sp.cos(x)) / x**2, x, sp.S.Zero, "+", sp.Rational(1, 2)),
    (sp.Abs(x - 1) / (x - 1), x, sp.S.One, "-", sp.S.NegativeOne),
]


@pytest.mark.parametrize(("expr", "of", "to", "side", "value"), RIGHT)
def test_numbers_on_the_way_agree_with_a_right_limit_and_with_no_other(expr, of, to, side, value):
    limits.approach(expr, of, to, side, value)
    for wrong in (sp.oo, -sp.oo, sp.S.Zero, sp.S.One, sp.Rational(1, 3)):
        if wrong != value:
            with pytest.raises(ProofError, match="numbers on the way"):
                limits.approach(expr, of, to, side, wrong)


def test_a_limit_whose_numbers_are_out_of_reach_is_refused():
    with pytest.raises(ProofError, match="no second opinion"):
        limits.approach(sp.exp(-sp.exp(sp.exp(x**2))), x, sp.oo, "-", sp.S.Zero)


def test_a_limit_is_displayed_with_its_side():
    with recording() as found, derivation("E-1", "t") as d:
        d.equal(sp.Derivative(sp.log(t), t), 1 / t, "slope")
        d.limit(1 / t, t, 0, "+", sp.oo, "a pole")
        d.limit(1 / t, t, sp.oo, "-", 0, "flat")
        d.limit(1 / t, t, 2, "+-", sp.Rational(1, 2), "in between")
    shown = [line.tex for line in found[0].lines]
    assert shown[1:] == [
        r"\lim_{t \to 0^{+}} \frac{1}{t} = \infty",
        r"\lim_{t \to \infty} \frac{1}{t} = 0",
        r"\lim_{t \to 2} \frac{1}{t} = \frac{1}{2}",
    ]
    assert [line.status for line in found[0].lines] == ["proved"] * 4 and all(line.apart for line in found[0].lines)


def test_rearrangements():
    assert limits.is_rearrangement((p + q) * t, p * t + q * t)
    assert not limits.is_rearrangement((1 - t / p) ** 2 * p + 2 * t - p, t**2 / p)
    assert not limits.is_rearrangement(sp.Derivative(p**2, p), 2 * p)
    assert not limits.is_rearrangement(sp.log(p * q), sp.log(p) + sp.log(q))


# --- steps and mutants ------------------------------------------------------------------------------------------------------


def test_a_step_keeps_left_and_right_as_they_were_written():
    with recording() as found, derivation("E-1", "t") as d:
        d.line((x + p) ** 2, "definition")
        d.line(x**2 + 2 * x * p + p**2, "binomial")
        d.line(p**2 + x * (x + 2 * p), "collect")
        d.equal(sp.log(p * q), sp.log(p) + sp.log(q), "lemma")
    steps = [(s.number, s.left, s.right, s.opens) for s in found[0].steps]
    assert steps == [
        (2, (x + p) ** 2, x**2 + 2 * x * p + p**2, True),
        (3, x**2 + 2 * x * p + p**2, p**2 + x * (x + 2 * p), False),
        (4, sp.log(p * q), sp.log(p) + sp.log(q), True),
    ]
    assert [line.apart for line in found[0].lines] == [False, False, False, True]
    assert [line.relation for line in found[0].lines] == ["", "=", "=", ""]


def test_the_order_of_mutants_is_shuffled_and_their_number_bounded():
    line = sum(c * sp.log(c) for c in sp.symbols("c_1:7", positive=True))
    plain = [m.what for m in mutation.mutants(line, swaps=False)]
    shuffled = [m.what for m in mutation.mutants(line, random.Random(1), swaps=False)]
    assert plain != shuffled and sorted(plain) == sorted(shuffled)
    few = [m.what for m in mutation.mutants(line, random.Random(1), swaps=False, most=5)]
    assert few == shuffled[:5]


def test_needless_asks_whether_an_interval_is_needed():
    with recording() as found, derivation("E-1", "t", domain={t: (0, 1)}) as d:
        d.line((1 + t) ** 2, "definition")
        d.line(1 + 2 * t + t**2, "binomial")
    assert found[0].needless() == ["E-1: no line needs 0 < t < 1"]
    with recording() as found, derivation("E-1", "t", domain={t: (0, 1)}) as d:
        d.equal(sp.sqrt((1 - t) ** 2), 1 - t, "below one")
        d.equal((1 + t) ** 2, 1 + 2 * t + t**2, "anywhere")
    assert found[0].needless() == []  # one line is enough
    with recording() as found, derivation("E-1", "t", domain={t: (0, 1)}) as d:
        d.line((1 - t**2) / (1 - t), "definition")
        d.line(1 + t, "cancel")
    assert found[0].needless() == []


RIGHT_LINES = {
    "Boltzmann gradient": lambda d, th: d.equal(
        sp.Derivative(p * x + th * y - sp.log(sp.exp(p * x + th * y) + sp.exp(q)), th),
        y * sp.exp(q) / (sp.exp(p * x + th * y) + sp.exp(q)),
        "slope",
    ),
    "variance of Ornstein-Uhlenbeck": lambda d, th: d.equal(
        sp.Derivative(sp.exp(-2 * p * th) * q + 1 - sp.exp(-2 * p * th), th), 2 * p * (1 - q) * sp.exp(-2 * p * th), "slope"
    ),
    "velocity": lambda d, th: d.equal(sp.Derivative((1 - th) * x + th * y, th), y - x, "slope"),
}


@pytest.mark.parametrize("name", RIGHT_LINES)
def test_a_right_slope_is_not_blamed_for_terms_without_its_variable(name):
    with recording() as found, derivation("E-1", "t") as d:
        RIGHT_LINES[name](d, sp.Symbol("r", real=True))
    assert found[0].survivors() == []


def test_a_slope_of_the_wrong_term_is_noticed():
    with recording() as found, derivation("E-1", "t") as d:
        d.equal(sp.Derivative(3 * x**2 + y, x), 6 * x, "slope")
    made = {m.what for _, _, m in found[0].mutants()}
    assert {"add 1/7 to 3", "raise the exponent of x**2", "drop the term 3*x**2"} <= made
    assert found[0].survivors() == []


def test_methods_of_proof():
    assert proving.prove(sp.expand((x + y) ** 2) - (x + y) ** 2) == "expand"
    assert proving.prove(sp.log(p * q) - sp.log(p) - sp.log(q)) in ("expand", "norm")
    assert proving.prove(sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1) is not None
    assert proving.prove(sp.tanh(x) - (sp.exp(2 * x) - 1) / (sp.exp(2 * x) + 1)) is not None
    assert proving.prove(sp.tanh(10**9 * p) - 1) is None
    assert proving.is_nonnegative(p - 2 + 1 / p) and not proving.is_nonnegative(p - 2 + 1 / p, strict=True)
    assert not proving.is_nonnegative(x) and proving.is_nonnegative(1 + x**2, strict=True)
    assert proving.is_nonnegative(x**2 + 2 * x * (sp.sin(y) ** 2 + sp.cos(y) ** 2) + 1)  # simplified, then factored
    n, i, X = proof.size("n"), sp.Symbol("i", integer=True), sp.IndexedBase("x", real=True)
    squares = sp.Sum(X[i] ** 2, (i, 1, n))
    assert proving.is_nonnegative(squares) and proving.is_nonnegative(1 + squares, strict=True)
    assert not proving.is_nonnegative(squares, strict=True) and not proving.is_nonnegative(sp.Sum(X[i], (i, 1, n)))
    assert mpmath.mp.dps == 15  # nobody has changed the precision of others


def test_a_line_that_is_one_has_mutants_and_nothing_has_none():
    assert [m.expr for m in mutation.mutants(sp.S.One)][:2] == [-1, 2]
    assert list(mutation.mutants(sp.S.Zero)) == []


def test_an_interval_is_needed_where_a_series_converges_only_in_it():
    n = sp.Symbol("n", integer=True, nonnegative=True)
    with recording() as found, derivation("E-1", "t", domain={t: (0, 1)}) as d:
        d.line(sp.Sum((1 - t) * t**n, (n, 0, sp.oo)), "total mass")
        d.line(1, "geometric series")
    assert found[0].needless() == []


def test_an_index_follows_the_size_that_is_either_of_its_ends(monkeypatch):
    n, j, k = (sp.Symbol(c, integer=True, positive=True) for c in "njk")
    monkeypatch.setattr(checking, "RANGES", {j: (sp.S.One, n), k: (n, 2 * n)})
    drawn = list(checking.sizes({n}))
    assert [size[n] for size in drawn] == [1, 2, 3] and all(size[j] <= size[n] <= size[k] for size in drawn)


@pytest.mark.parametrize(
    ("note", "title", "said"),
    [
        ("State by state for any number.", "squares", "any number"),
        ("", "squares, in every dimension", "every dimension"),
        ("Two states, and so on.", "squares", "and so on"),
        ("Two states; y stands for every number strictly between 0 and 1.", "squares", ""),
        ("Two states, any values.", "squares", ""),
    ],
)
def test_what_a_note_says_beyond_the_scope_is_marked_as_said(note, title, said, capsys):
    x, y = sp.symbols("x y", real=True)
    with proof.derivation("E-1", title, scope="two states", note=note) as d:
        d.line((x + y) ** 2, "definition")
        d.line(x**2 + 2 * x * y + y**2, "expand")
    assert promise(d) == said
    assert ("said, not proved" in capsys.readouterr().out) == bool(said)


def test_a_general_proof_may_say_so(capsys):
    x, y = sp.symbols("x y", real=True)
    with proof.derivation("E-1", "squares of any number", scope="general") as d:
        d.line((x + y) ** 2, "definition")
        d.line(x**2 + 2 * x * y + y**2, "expand")
    assert promise(d) == "" and "said, not proved" not in capsys.readouterr().out


def test_names_are_explained_as_they_stand_in_the_line_and_then_those_inside_them():
    inner, outer = proof.let("f", p + x**2), proof.let("h", q + 1)
    mean = proof.EN(sp.exp(-inner), x)
    line = mean + sp.exp(p + 1 / (q + 2 * sp.exp(outer * q + 3 * p)))
    assert list(named.names(line)) == [mean, outer, inner]


def test_a_power_of_a_root_is_a_power_of_what_stands_under_it():
    square, cube = sp.sqrt(1 + p), sp.cbrt(1 + p)
    assert radicals(1 / (square - 1) - (square + 1) / p) == 0
    assert radicals(1 / (square - 1) - (square + 1) / (p + 1)) != 0
    assert radicals(1 / (cube - 1) - (cube**2 + cube + 1) / p) == 0
    assert radicals((square - 1) ** 4 / p - p**3 / (square + 1) ** 4) == 0


def test_a_root_is_not_what_stands_under_it():
    assert not _vanishes(sp.sqrt(p) - p, {})
    assert not _vanishes(sp.sqrt(p * x) - p * x, {x: 1})


H = sp.Heaviside
STEPS = {  # the same step in two ways, and one that differs where it steps
    "above": (sp.Piecewise((1, x > 0), (0, True)), H(x, 0), H(x, 1)),
    "from here on": (sp.Piecewise((1, x >= 0), (0, True)), H(x, 1), H(x, 0)),
    "below": (sp.Piecewise((1, x < 0), (0, True)), H(-x, 0), H(-x, 1)),
    "up to here": (sp.Piecewise((1, x <= 0), (0, True)), H(-x, 1), H(-x, 0)),
    "here": (sp.Piecewise((1, sp.Eq(x, 0)), (0, True)), 1 - sp.sign(x) ** 2, 0 * x),
    "elsewhere": (sp.Piecewise((1, sp.Ne(x, 0)), (0, True)), sp.sign(x) ** 2, x / x),
    "both": (sp.Piecewise((1, (x > 0) & (y >= 0)), (0, True)), H(x, 0) * H(y, 1), H(x, 0) * H(y, 0)),
    "one of them": (sp.Piecewise((1, (x > 0) | (y >= 0)), (0, True)), 1 - H(-x, 1) * H(-y, 0), 1 - H(-x, 1) * H(-y, 1)),
    "where nothing is above": (sp.Piecewise((1, sp.Max(x, 0) <= 0), (0, True)), H(-x, 1), H(-x, 0)),
    "where something is above": (sp.Piecewise((1, sp.Max(x, 0) > 0), (0, True)), H(x, 0), H(x, 1)),
    "a ramp": (sp.Piecewise((0, x < 0), (x, x < 1), (1, True)), sp.Min(sp.Max(x, 0), 1), sp.Max(x, 0)),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_agree_in_every_case_borders_too(name):
    step, same, other = STEPS[name]
    assert cases(step - same) == 0
    assert cases(step - other) != 0


def test_a_branch_whose_condition_fails_is_passed_over():
    branches = sp.Piecewise((1, t > 1), (2, t < 1), (3, True))
    assert evaluating._settle(branches, Hypotheses({t: (0, 1)}), branches) == 2
    assert evaluating._settle(branches.func((1, t > 1), (3, True)), Hypotheses({t: (0, 1)}), branches) == 3
    with pytest.raises(ProofError, match="only under a condition"):
        evaluating._settle(branches, Hypotheses(), branches)


def test_a_fault_of_sympys_is_no_proof(monkeypatch):
    def faulty(*_):
        raise NotImplementedError("no such algorithm")

    monkeypatch.setattr(checking, "check", faulty)
    with (
        pytest.raises(ProofError, match=r"line 2 \(expand\): sympy cannot handle it: NotImplementedError"),
        derivation("E-1", "t") as d,
    ):
        d.line((x + 1) ** 2, "definition")
        d.line(x**2 + 2 * x + 1, "expand")


def test_numbers_that_take_too_long_are_refused_and_the_limit_is_said(monkeypatch):
    def at_once(seconds):
        raise TimeUp

    limits = []
    monkeypatch.setattr(counterexample, "cpu_limit", lambda seconds: limits.append(seconds) or at_once(seconds))
    with pytest.raises(ProofError) as refused:
        counterexample.exact_values((p, q), {p: sp.S.One, q: sp.S.One}, Hypotheses())
    assert f"more than {limits[0]} s" in str(refused.value)


@pytest.mark.parametrize(("outer", "inner"), [(500, 50), (50, 500), (None, 70)])
def test_a_limit_that_ends_leaves_the_one_around_it_as_it_was(outer, inner):
    left = lambda: signal.getitimer(signal.ITIMER_VIRTUAL)[0]
    with cpu_limit(outer) if outer else contextlib.nullcontext():
        with cpu_limit(inner):
            within = min(inner, outer or inner)
            assert within / 2 < left() < within + 1
        assert (outer / 2 < left() < outer + 1) if outer else left() == 0
    assert left() == 0


def test_elsewhere_than_in_the_main_thread_there_is_no_limit():
    def elsewhere():
        with cpu_limit(50):
            seen.append(signal.getitimer(signal.ITIMER_VIRTUAL)[0])

    seen = []
    thread = threading.Thread(target=elsewhere)
    thread.start(), thread.join()
    assert seen == [0.0]
