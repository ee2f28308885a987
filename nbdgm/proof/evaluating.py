"""Carry out integrals, sums and derivatives, and ask numbers for a second opinion, without which sympy's value is refused.

sympy does not see a pole at a symbol between the bounds, and quadrature may extrapolate through it to a finite part. So an
integral is taken whole and in two random pieces, and the integrand's modulus must have one finite integral, however it is cut.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.hypotheses import Hypotheses, ordered, stand_ins, symbolic_bounds
from nbdgm.proof.named import unfold
from nbdgm.proof.points import SAFE, Point, Undefined, beside, draw, is_one_number, salt
from nbdgm.proof.proving import is_nonnegative
from nbdgm.proof.sums import derivatives

HEADS = (sp.Integral, sp.Sum, sp.Product, sp.Limit, sp.Derivative, sp.Subs)
SECONDS = 15
NOTHING = Hypotheses()


def short(expr: object, width: int = 160) -> str:
    text = str(expr)
    return text if len(text) <= width else text[: width - 3] + "..."


def evaluate(expr: sp.Expr, hypotheses: Hypotheses = NOTHING) -> sp.Expr:
    """Replace names by what they stand for; carry out integrals, sums and derivatives; raise unless all come out finite."""
    expr = unfold(expr)
    if expr.has(*HEADS):
        value = _carry_out(_integrate(expr, hypotheses))
        if value.has(sp.Piecewise) and not expr.has(sp.Piecewise):
            value = _settle(value, hypotheses, expr)
        value = _vanishing_powers(value, hypotheses)
        for head in value.atoms(*HEADS):
            if isinstance(head, sp.Derivative) and isinstance(head.expr, AppliedUndef):
                continue
            if isinstance(head, (sp.Sum, sp.Product)) and _finite_bounds(head):
                continue
            raise ProofError(f"{short(head)} does not evaluate: change the variable, or state the finite form")
        for series in expr.atoms(sp.Sum, sp.Product):
            if not _finite_bounds(series):
                _second_opinion_on_series(series, hypotheses)
        expr = value
    if expr.has(sp.nan, sp.oo, -sp.oo, sp.zoo, sp.AccumBounds):
        raise ProofError(f"{short(expr)} is not finite: use d.limit for what tends to infinity")
    return expr


def _carry_out(expr: sp.Expr) -> sp.Expr:
    """The value of what is to be carried out; sums of symbolic length over families stay, for their normal form decides."""
    try:
        with cpu_limit(SECONDS):
            expr, kept = derivatives(expr), {}
            for head in _outermost(expr, (sp.Sum, sp.Product)):
                if head.has(sp.Indexed) and _finite_bounds(head) and symbolic_bounds(head):
                    inside = head.func(_carry_out(head.function), *head.limits) if head.function.has(*HEADS) else head
                    kept[head] = (sp.Dummy("kept", real=True), inside)
            found = expr.xreplace({head: letter for head, (letter, _) in kept.items()}).doit()
            return found.xreplace({letter: inside for letter, inside in kept.values()})
    except TimeUp:
        raise ProofError(f"{short(expr)} takes sympy more than {SECONDS} s: split it or change the variable") from None


def _integrate(expr: sp.Expr, hypotheses: Hypotheses) -> sp.Expr:
    """Every outermost integral of `expr` replaced by its value, on which numbers agree."""
    values = {}
    for integral in _outermost(expr, sp.Integral):
        if integral.function.has(sp.Integral) or any(b.has(sp.Integral) for limit in integral.limits for b in limit[1:]):
            raise ProofError(f"{short(integral)} is an integral within an integral: write one with several limits")
        if any(len(limit) != 3 for limit in integral.limits):
            raise ProofError(f"{short(integral)}: an integral has two bounds")
        _refuse_pole_between_bounds(integral, hypotheses)
        value = _carry_out(integral)
        if value.has(sp.Integral):
            value = _carry_out(integral.func(sp.expand(sp.expand_log(integral.function)), *integral.limits))
        if value.has(sp.Piecewise) and not integral.has(sp.Piecewise):
            value = _settle(value, hypotheses, integral)
        if value.has(sp.Integral):
            raise ProofError(f"{short(integral)} does not evaluate: change the variable, or state the finite form")
        if not value.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
            _second_opinion(integral, value, hypotheses)
        values[integral] = value
    return expr.xreplace(values)


def _outermost(expr: sp.Basic, head: type | tuple[type, ...]) -> list[sp.Basic]:
    if isinstance(expr, head):
        return [expr]
    return list(dict.fromkeys(found for arg in expr.args for found in _outermost(arg, head)))


def _settle(value: sp.Expr, hypotheses: Hypotheses, origin: sp.Expr) -> sp.Expr:
    """Choose the branch whose condition follows from the hypotheses, or refuse."""

    def choose(*branches: tuple[sp.Expr, sp.Basic]) -> sp.Expr:
        for branch, condition in branches:
            known = _decide(condition, hypotheses)
            if known:
                return branch
            if known is None:
                break
        raise ProofError(f"{short(origin)} has this value only under a condition: state it as an assumption on a symbol")

    return value.replace(sp.Piecewise, choose)


def _vanishing_powers(value: sp.Expr, hypotheses: Hypotheses) -> sp.Expr:
    """r**oo is 0 where the hypotheses say that r lies between 0 and 1."""

    def vanish(base: sp.Expr, power: sp.Expr) -> sp.Expr:
        inside = stand_ins(hypotheses.restrict(base))
        small = is_nonnegative(inside) and is_nonnegative(1 - inside, strict=True)
        return sp.S.Zero if small else sp.Pow(base, power, evaluate=False)

    powers = {e: vanish(*e.args) for e in value.atoms(sp.Pow) if e.exp == sp.oo}
    return value.xreplace(powers)


def _decide(condition: sp.Basic, hypotheses: Hypotheses) -> bool | None:
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if isinstance(condition, (sp.And, sp.Or)):
        known = [_decide(c, hypotheses) for c in condition.args]
        decisive = isinstance(condition, sp.Or)
        return decisive if decisive in known else None if None in known else not decisive
    if isinstance(condition, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)):
        room = stand_ins(hypotheses.restrict(condition.gts - condition.lts))
        strict = isinstance(condition, (sp.StrictLessThan, sp.StrictGreaterThan))
        if is_nonnegative(room, strict):
            return True
        return False if is_nonnegative(-room, not strict) else None
    return None


def _finite_bounds(head: sp.Sum | sp.Product) -> bool:
    return all(
        b.is_integer and a.is_integer and b.is_finite is not False and a.is_finite is not False for _, a, b in head.limits
    )


# --- the second opinion -------------------------------------------------------------------------------------------------------


def _plain(expr: sp.Expr) -> sp.Expr:
    """The expression without sums of symbolic length (taken at 2) and without functions of parameters."""
    if bounds := symbolic_bounds(expr):
        expr = expr.subs({x: sp.Integer(2) for x in bounds})
        expr = expr.replace(lambda e: isinstance(e, (sp.Sum, sp.Product)), lambda e: e.doit())
    return stand_ins(expr)


def sample(symbols: Sequence[sp.Symbol], hypotheses: Hypotheses, rng: random.Random, decades: float) -> dict:
    """A point that the hypotheses allow, intervals included."""
    point = {}
    for x in symbols:
        if x in hypotheses.intervals:
            image = hypotheses.image(x)
            (u,) = image.free_symbols
            point[x] = image.xreplace({u: draw(u, rng, decades)})
        else:
            point[x] = draw(x, rng, decades)
    return point


def _second_opinion(integral: sp.Integral, value: sp.Expr, hypotheses: Hypotheses) -> None:
    integral, value = _plain(integral), _plain(value)
    symbols = ordered(integral.free_symbols | value.free_symbols)
    rng = random.Random(f"quadrature{salt()}")
    for decades in (0.3, 0.5, 0.7) if symbols and len(integral.limits) == 1 else (0.3,):
        point = sample(symbols, hypotheses, rng, decades)
        where = " at " * bool(point) + ", ".join(f"{x} = {v}" for x, v in point.items())
        try:
            with cpu_limit(20):
                found, modulus = _pieces(integral, point, rng)
                said = _number_or_limit(value, point)
        except TimeUp:
            raise ProofError(f"{short(integral)}: quadrature takes more than 20 s{where}") from None
        except Undefined as error:
            raise ProofError(
                f"{short(integral)}: sympy says {short(value)}, but quadrature finds nothing{where}: {error}"
            ) from None
        for one in found:
            if abs(one - said) > 1e-5 * max(abs(said), modulus) + 1e-8:
                raise ProofError(f"{short(integral)}: sympy's value {said:.6g} disagrees with quadrature, {one:.6g}{where}")


def _number_or_limit(expr: sp.Expr, point: Point) -> float:
    """The number; where poles of the formula cancel at the point, the one that it has beside it."""
    try:
        return _number(expr, point)
    except Undefined:
        sides = [_number(expr, near) for near in beside(point)]
        if not is_one_number(sides):
            raise
        return sides[0]


def _number(expr: sp.Expr, point: Point) -> float:
    try:
        found = complex(expr.subs(point).doit().evalf(20))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise Undefined(f"no number: {error}") from None
    if not (math.isfinite(found.real) and abs(found.imag) <= 1e-9 * max(1, abs(found))):
        raise Undefined("not a real number")
    return found.real


def _pieces(integral: sp.Integral, point: Point, rng: random.Random) -> tuple[list[float], float]:
    """The integral whole and in two pieces, and the integral of its modulus, for which two ways of cutting must agree."""
    xs = [limit[0] for limit in integral.limits]
    free = {x: v for x, v in point.items() if x not in xs}
    outer = [_number(b, point) if b.is_finite is not False else float(b) for b in integral.limits[-1][1:]]
    inner = [
        [sp.lambdify(xs[k + 1 :], b.subs(free), "math") for b in limit[1:]] for k, limit in enumerate(integral.limits[:-1])
    ]
    f = _compiled(integral.function.subs(free), xs)

    def over(function: Callable[..., float], low: float, high: float) -> float:
        ranges = [lambda *at, pair=pair: [end(*at) for end in pair] for pair in inner]
        return _quad(function, [*ranges, [low, high]])

    def cut(function: Callable[..., float]) -> float:
        low, high = outer
        if math.isfinite(low) and math.isfinite(high):
            middle = low + (high - low) * rng.uniform(0.2, 0.8)
        elif math.isfinite(low):
            middle = low + math.copysign(rng.uniform(0.3, 2), high)
        else:
            middle = high - math.copysign(rng.uniform(0.3, 2), -low) if math.isfinite(high) else rng.uniform(-1, 1)
        return over(function, low, middle) + over(function, middle, high)

    modulus = lambda *at: abs(f(*at))
    found = [over(f, *outer), cut(f)]
    sizes = [abs(cut(modulus)), abs(cut(modulus))]
    if abs(sizes[0] - sizes[1]) > 1e-3 * max(sizes) + 1e-8:
        raise Undefined("the integral of the modulus depends on how it is cut: it does not converge")
    return found, max(sizes)


def _compiled(expr: sp.Expr, xs: Sequence[sp.Symbol]) -> Callable[..., float]:
    compiled = sp.lambdify(xs, expr, [SAFE, "mpmath"], cse=True)

    def f(*at: float) -> float:
        value = compiled(*map(mpmath.mpf, at))
        if abs(mpmath.im(value)) > 1e-9 * max(1, abs(value)):
            raise ValueError("the integrand is not real")
        return float(mpmath.re(value))

    return f


def _quad(function: Callable[..., float], ranges: list) -> float:
    from scipy import integrate

    try:
        with warnings.catch_warnings(), mpmath.workdps(20):
            warnings.simplefilter("ignore")
            if len(ranges) == 1:
                found, error = integrate.quad(function, *ranges[0], limit=100)
            else:
                found, error = integrate.nquad(function, ranges, opts={"epsabs": 1e-7, "epsrel": 1e-6})
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as problem:
        raise Undefined(f"no number: {problem}") from None
    if not error <= 1e-4 * max(1, abs(found)) or not math.isfinite(found):
        raise Undefined("the integral does not converge")
    return found


def quadrature(expr: sp.Expr, point: Mapping[sp.Symbol, sp.Rational]) -> float:
    """The number that `expr` is at the point, integrals by quadrature; raises Undefined where one does not converge."""

    def number(integral: sp.Integral) -> sp.Float:
        xs = [limit[0] for limit in integral.limits]
        f = _compiled(integral.function.subs({x: v for x, v in point.items() if x not in xs}), xs)
        return sp.Float(_quad(f, [[float(sp.sympify(b).subs(point)) for b in limit[1:]] for limit in integral.limits]))

    try:
        outer = {integral: number(integral) for integral in expr.atoms(sp.Integral)}
    except (TypeError, ValueError) as error:
        raise Undefined(f"no number: {error}") from None
    return _number(expr.xreplace(outer), point)


def _refuse_pole_between_bounds(integral: sp.Integral, hypotheses: Hypotheses) -> None:
    """Raise when a denominator, or the argument of a logarithm, changes its sign between the bounds for some parameters."""
    shape = _plain(integral)
    xs = [limit[0] for limit in shape.limits]
    suspects = {p.base for p in _factored(shape.function).atoms(sp.Pow) if p.exp.is_extended_negative and p.base.has(*xs)}
    suspects |= {a.args[0] for a in shape.function.atoms(sp.log) if a.has(*xs)}
    rng = random.Random(f"poles{salt()}")
    parameters = ordered(shape.free_symbols)
    for suspect in sorted(suspects, key=str):
        g = sp.lambdify([*xs, *parameters], suspect, "numpy")
        for turn in range(60):
            point = sample(parameters, hypotheses, rng, 0.4 + turn / 30)
            with np.errstate(all="ignore"):
                grid = _inside(shape, point, rng)
                found = np.asarray(g(*grid, *(float(v) for v in point.values())), dtype=complex).real
            found = found[np.isfinite(found)]
            where = ", ".join(f"{y} = {v}" for y, v in point.items()) or "no parameter"
            if found.size and np.min(found) < -1e-9 and np.max(found) > 1e-9:
                raise ProofError(
                    f"{short(integral)}: {short(suspect)} has a zero between the bounds ({where}): there the integral "
                    "diverges, or is none; narrow the domain"
                )


def _inside(integral: sp.Integral, point: Point, rng: random.Random) -> list[np.ndarray]:
    """Points between the bounds: a grid for one variable; for several, the outer ones at random and the inner within them."""
    (_, low, high), *rest = reversed(integral.limits)
    ends = lambda a, b, at: [_end(bound, at) for bound in (a, b)]
    if not rest:
        return [_grid(*ends(low, high, point))]
    columns: dict[sp.Symbol, list[float]] = {limit[0]: [] for limit in integral.limits}
    for _ in range(48):
        at = dict(point)
        for y, a, b in reversed(integral.limits):
            at[y] = sp.Float(rng.choice(_grid(*ends(a, b, at)).tolist()))
            columns[y].append(float(at[y]))
    return [np.array(columns[limit[0]]) for limit in integral.limits]


def _factored(expr: sp.Expr) -> sp.Expr:
    """Denominators as products, where sympy finds them in time."""
    try:
        with cpu_limit(2):
            return expr.replace(
                lambda e: isinstance(e, sp.Pow) and e.exp.is_extended_negative, lambda e: sp.factor(e.base) ** e.exp
            )
    except (TimeUp, sp.PolynomialError, ValueError, TypeError, AttributeError):
        return expr


def _end(bound: sp.Expr, point: Point) -> float:
    return float(bound) if bound.is_finite is False else float(sp.re(bound.subs(point).evalf(20)))


def _grid(a: float, b: float) -> np.ndarray:
    """Points between the bounds, thick at the ends; infinite ends are reached in powers of ten."""
    inside = (np.arange(48) + 0.4142) / 48
    if math.isinf(a) and math.isinf(b):
        return np.tan(np.pi * (inside - 0.5)) * 3
    if math.isinf(b) or math.isinf(a):
        far = 10 ** (8 * inside - 4)
        return a + math.copysign(1, b) * far if math.isinf(b) else b + math.copysign(1, a) * far
    return a + (b - a) * inside


def _second_opinion_on_series(series: sp.Sum, hypotheses: Hypotheses) -> None:
    """Partial sums, without extrapolation (which gives divergent series a value), must come nearer to sympy's value."""
    if len(series.limits) != 1 or not series.limits[0][1].is_Integer or series.limits[0][2] != sp.oo:
        raise ProofError(f"{short(series)}: an infinite sum has one index, from a number to oo")
    value = _carry_out(series)
    if value.has(sp.Piecewise):
        value = _settle(value, hypotheses, series)
    value = _vanishing_powers(value, hypotheses)
    if value.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
        return
    series, value = series.func(_plain(series.function), *series.limits), _plain(value)
    i, first, _ = series.limits[0]
    symbols = ordered(series.free_symbols | value.free_symbols)
    rng = random.Random(f"series{salt()}")
    for decades in (0.2, 0.5) if symbols else (0.2,):
        point = sample(symbols, hypotheses, rng, decades)
        term = sp.lambdify([i], series.function.subs(point), "mpmath")
        join = (lambda a, b: a * b) if isinstance(series, sp.Product) else (lambda a, b: a + b)
        try:
            with cpu_limit(10), mpmath.workdps(30):
                goal, total, errors = mpmath.mpf(_number(value, point)), mpmath.mpf(isinstance(series, sp.Product)), []
                for n in range(4096):
                    total = join(total, term(mpmath.mpf(int(first) + n)))
                    if n + 1 in (64, 128, 256, 512, 1024, 2048, 4096):
                        errors.append(float(abs(total - goal) / max(1, abs(goal))))
        except (TimeUp, Undefined, ZeroDivisionError, ValueError, TypeError, OverflowError) as error:
            raise ProofError(f"{short(series)}: no partial sums at {point}: {error}") from None
        if not (errors[-1] < 1e-12 or (errors[-1] < 0.02 and all(b < 0.8 * a for a, b in pairwise(errors)))):
            raise ProofError(f"{short(series)}: partial sums do not come nearer to sympy's value {short(value)} at {point}")
