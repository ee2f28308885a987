"""Decide whether two expressions are equal: refuse what cannot be judged, refute by numbers, and only then prove.

The order matters. Numbers kill a wrong line in milliseconds, where `simplify` may think for minutes; and a line that
agrees at every tested point to 30 digits *and* to 90 is worth the attempt of a proof. What numbers cannot see (an
assumption, a cancelled term, a divergent integral) is refused before any comparison.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.stats.rv import RandomSymbol

from nbdgm.proof.errors import ProofError, cpu_limit
from nbdgm.proof.errors import TimeUp as _TimeUp
from nbdgm.proof.named import unfold

HEADS = (sp.Integral, sp.Sum, sp.Product, sp.Limit, sp.Derivative, sp.Subs)
STEPS = (sp.floor, sp.ceiling, sp.Piecewise, sp.Max, sp.Min, sp.Heaviside, sp.sign)
REAL_BY_MEANING = ("mu", "theta", "phi", "epsilon", "ell", "logit")  # means, weights, noise, log-likelihoods
DIGITS = (30, 90)
POINTS = 8
Interval = tuple[sp.Expr, sp.Expr]


def norm(expr: sp.Expr) -> sp.Expr:
    """Normal form of a sum of (rational function) x log(rational function) in positive symbols: 0 exactly when it vanishes.

    Factors inside each logarithm, splits what is known to be positive, and cancels. It needs no `force`.
    """
    expr = expr.replace(lambda a: isinstance(a, sp.log), lambda a: sp.log(sp.factor(a.args[0])))
    return sp.cancel(sp.together(sp.expand(sp.expand_log(expr, factor=True))))


# --- what the symbols stand for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hypotheses:
    """What a derivation supposes: intervals for some symbols, and the parameters that undefined functions may depend on."""

    intervals: Mapping[sp.Symbol, Interval] = field(default_factory=dict)
    parameters: tuple[sp.Symbol, ...] = ()

    def __post_init__(self) -> None:
        for x, (low, high) in self.intervals.items():
            if (x.is_positive and sp.sympify(low).is_nonnegative is not True) or not sp.sympify(low) < high:
                raise ProofError(
                    f"domain of {x}: the interval ({low}, {high}) is empty, or disagrees with the assumptions on {x}"
                )

    def restrict(self, expr: sp.Expr) -> sp.Expr:
        """Replace each symbol of an interval by a bijection from (0, oo): low + (high - low) * u / (1 + u)."""
        return expr.xreplace({x: self.image(x) for x in self.intervals})

    def image(self, x: sp.Symbol) -> sp.Expr:
        low, high = map(sp.sympify, self.intervals[x])
        u = sp.Symbol(f"u_{x.name}", positive=True)
        if low.is_finite and high.is_finite:
            return low + (high - low) * u / (1 + u)
        if not low.is_finite and not high.is_finite:
            return sp.Symbol(f"u_{x.name}", real=True)
        return low + u if low.is_finite else high - u

    def describe(self, x: sp.Symbol) -> str:
        """The hypothesis on one symbol, as text: 'sigma > 0'."""
        if x in self.intervals:
            low, high = self.intervals[x]
            return f"{low} < {x} < {high}"
        kind = "integer" if x.is_integer else "real"
        if x.is_positive:
            return f"{x} > 0" + (" integer" if x.is_integer else "")
        if x.is_nonnegative:
            return f"{x} >= 0" + (" integer" if x.is_integer else "")
        if x.is_negative:
            return f"{x} < 0" + (" integer" if x.is_integer else "")
        return f"{x} {kind}"


# --- 1. refuse ---------------------------------------------------------------------------------------------------------------


def entries(expr: sp.Basic) -> list[sp.Expr]:
    """The scalars of a line: a matrix has many, an expression one."""
    return list(expr) if isinstance(expr, sp.MatrixBase) else [expr]


def read(value: object) -> sp.Basic:
    """Turn what a chapter passes as a line into a sympy object, or say why it is not one."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, tuple, dict, set, str)):
        raise ProofError(f"a line is an expression, not a {type(value).__name__}")
    value = sp.sympify(value)
    if isinstance(value, sp.MatrixBase):
        return value.as_immutable()
    if not isinstance(value, sp.Expr):
        raise ProofError(f"a line is an expression, not a {type(value).__name__}; give one relation a call")
    return value


def refuse(expr: sp.Basic, hypotheses: Hypotheses) -> None:
    """Raise for everything that must not stand in a line, before anything is compared."""
    for part in entries(expr):
        for number in part.atoms(sp.Float):
            raise ProofError(f"the float {number}: write R(1, 3) or x/3, an exact number")
        for number in part.atoms(sp.Rational):
            if number.q > 2**30 and number.q & (number.q - 1) == 0:
                raise ProofError(f"{number} is a float in disguise: write R(1, 10), not R(0.1)")
        if part.has(sp.DiracDelta):
            raise ProofError("DiracDelta: quotients of it cancel without a trace; integrate it out first")
        if part.atoms(RandomSymbol):
            raise ProofError("a random variable of sympy.stats: write moments, with one noise symbol for each variable")
        if part.has(sp.MatrixSymbol):
            raise ProofError("a MatrixSymbol: write an explicit matrix, or state its shape with d.shape")
        if part.has(sp.Limit):
            raise ProofError("a limit is many-to-one: prove the closed form first, then use d.limit")
        for integral in part.atoms(sp.Integral):
            for x, *bounds in integral.limits:
                if bounds and not all(_agrees(x, bound) for bound in bounds):
                    raise ProofError(f"the bounds of {integral} leave the values that {x} may take: declare {x} real")
        for derivative in part.atoms(sp.Derivative):
            for x in derivative.variables:
                if x not in derivative.expr.free_symbols:
                    raise ProofError(f"{derivative.expr} does not contain this {x}: another symbol of that name?")
        for function in part.atoms(AppliedUndef):
            if not set(function.args) <= set(hypotheses.parameters):
                raise ProofError(f"{function} is opaque: write it out, or declare its argument with parameters=[...]")
            if function.is_extended_real is not True:
                raise ProofError(f"{function} may be complex: declare the function real=True or positive=True")
        for x in part.free_symbols:
            if isinstance(x, sp.Symbol) and not isinstance(x, (sp.Indexed, sp.IndexedBase)):
                _refuse_symbol(x, hypotheses)


def _agrees(x: sp.Symbol, bound: sp.Expr) -> bool:
    if x.is_nonnegative:
        return bound.is_extended_nonnegative is True
    return bound.is_extended_nonpositive is True if x.is_nonpositive else True


def _refuse_symbol(x: sp.Symbol, hypotheses: Hypotheses) -> None:
    if x in hypotheses.intervals:
        return
    if x.name.split("_")[0] in REAL_BY_MEANING and (x.is_nonnegative or x.is_negative):
        raise ProofError(f"{x} is declared of one sign; if that is meant, state it: domain={{{x}: (0, oo)}}")


def refuse_namesakes(seen: dict[str, sp.Symbol], expr: sp.Basic) -> None:
    """Raise when two different symbols print alike (mu real and mu positive; mu1 and mu_1)."""
    for x in sorted(expr.free_symbols, key=str):
        if isinstance(x, sp.Symbol) and seen.setdefault(sp.latex(x), x) != x:
            raise ProofError(f"two different symbols print as {x}: their names or assumptions differ")


def evaluate(expr: sp.Expr) -> sp.Expr:
    """Replace names by what they stand for; carry out integrals, sums and derivatives; raise unless all come out finite."""
    expr = unfold(expr)
    if expr.has(*HEADS):
        value = _carry_out(expr)
        if value.has(sp.Integral):
            value = _carry_out(value.replace(sp.Integral, lambda f, *b: sp.Integral(sp.expand(sp.expand_log(f)), *b)))
        if value.has(sp.Piecewise) and not expr.has(sp.Piecewise):
            raise ProofError(f"{_short(expr)} has this value only under a condition: state it as an assumption on a symbol")
        for head in value.atoms(*HEADS):
            if isinstance(head, sp.Derivative) and isinstance(head.expr, AppliedUndef):
                continue
            if isinstance(head, (sp.Sum, sp.Product)) and _finite_bounds(head):
                continue
            raise ProofError(f"{_short(head)} does not evaluate: change the variable, or state the finite form")
        if expr.has(sp.Integral):
            _compare_with_quadrature(expr, value)
        expr = value
    if expr.has(sp.nan, sp.oo, -sp.oo, sp.zoo, sp.AccumBounds):
        raise ProofError(f"{_short(expr)} is not finite: use d.limit for what tends to infinity")
    return expr


def _carry_out(expr: sp.Expr) -> sp.Expr:
    try:
        with cpu_limit(15):
            return expr.doit()
    except _TimeUp:
        raise ProofError(f"{_short(expr)} takes sympy more than 15 s: split it or change the variable") from None


def _compare_with_quadrature(expr: sp.Expr, value: sp.Expr) -> None:
    """A second opinion on sympy's integral, at one point; only a clear disagreement counts."""
    free = sorted(expr.free_symbols | value.free_symbols, key=str)
    if any(len(integral.limits) > 1 for integral in expr.atoms(sp.Integral)) or not all(type(x) is sp.Symbol for x in free):
        return
    rng = random.Random("quadrature")
    point = {x: draw(x, rng, 0.4) for x in free}
    try:
        one, other = quadrature(expr, point), quadrature(value, point)
    except Undefined:
        return
    if abs(one - other) > 1e-4 * max(1, abs(other)):
        raise ProofError(f"{_short(expr)}: sympy's value {other:.6g} disagrees with quadrature, {one:.6g}, at {point}")


def quadrature(expr: sp.Expr, point: Mapping[sp.Symbol, sp.Rational]) -> float:
    """The number that `expr` is at the point, integrals by quadrature; raises Undefined where one does not converge."""
    from scipy import integrate

    def number(integral: sp.Integral) -> sp.Float:
        xs = [limit[0] for limit in integral.limits]
        ends = [[float(sp.sympify(b).subs(point)) for b in limit[1:]] for limit in integral.limits]
        compiled = sp.lambdify(xs, integral.function.subs({x: v for x, v in point.items() if x not in xs}), "mpmath", cse=True)
        with warnings.catch_warnings(), mpmath.workdps(20):
            warnings.simplefilter("ignore")
            found, error = integrate.nquad(lambda *at: float(mpmath.re(compiled(*map(mpmath.mpf, at)))), ends)
        if not error <= 1e-4 * max(1, abs(found)):
            raise Undefined("the integral does not converge")
        return sp.Float(found)

    try:
        outer = {integral: number(integral) for integral in expr.atoms(sp.Integral)}
        found = complex(expr.xreplace(outer).subs(point).doit().evalf(15))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise Undefined(f"no number: {error}") from None
    if not (math.isfinite(found.real) and abs(found.imag) <= 1e-9 * max(1, abs(found))):
        raise Undefined("not a real number")
    return found.real


def _finite_bounds(head: sp.Sum) -> bool:
    return all(b.is_integer and a.is_integer and b.is_finite is not False for _, a, b in head.limits)


def _short(expr: object, width: int = 160) -> str:
    text = str(expr)
    return text if len(text) <= width else text[: width - 3] + "..."


# --- symbolic sums, indexed symbols, functions of a parameter: replaced by plain symbols --------------------------------------


def stand_ins(expr: sp.Expr) -> sp.Expr:
    """Replace f(theta), its derivatives and x[i] by symbols of their own, so that numbers can be put in."""
    jets = sorted(expr.atoms(sp.Derivative, AppliedUndef, sp.Indexed), key=lambda a: (-a.count_ops(), str(a)))
    for jet in jets:
        if isinstance(jet, sp.Derivative):
            symbol = sp.Symbol(str(jet), real=True)
        elif jet.is_positive:
            symbol = sp.Symbol(str(jet), positive=True)
        elif jet.is_extended_real:
            symbol = sp.Symbol(str(jet), real=True)
        else:
            raise ProofError(f"{jet} may be complex: declare its base real=True or positive=True")
        expr = expr.xreplace({jet: symbol})
    return expr


def symbolic_bounds(expr: sp.Expr) -> set[sp.Symbol]:
    """The integer symbols that stand in a bound of a finite sum or product."""
    return {x for head in expr.atoms(sp.Sum, sp.Product) for _, *bounds in head.limits for b in bounds for x in b.free_symbols}


# --- 2. refute ---------------------------------------------------------------------------------------------------------------


def draw(x: sp.Symbol, rng: random.Random, decades: float) -> sp.Rational:
    """A random rational value that the assumptions on `x` allow, log-uniform in size over 10^-decades .. 10^decades."""
    if x.is_integer:
        size = sp.Integer(rng.randint(2, 9))
    else:
        value = 10 ** rng.uniform(-decades, decades)
        scale = rng.randint(11, 97)
        size = sp.Rational(round(value * scale), scale) if value >= 1 else sp.Rational(scale, round(scale / value))
    if x.is_nonnegative:
        return size
    return -size if x.is_negative else size * rng.choice((-1, 1))


@dataclass
class Numbers:
    """The two sides at random points: their largest relative difference at each precision, and the refuting point, if any."""

    worst: tuple[float, float] = (0.0, 0.0)
    refuted_at: dict[sp.Symbol, sp.Rational] | None = None
    values: tuple[mpmath.mpf, mpmath.mpf] | None = None
    null: bool = True


class Undefined(ProofError):
    """A side has no real value at a point of the domain."""


def draw_points(symbols: Sequence[sp.Symbol], seed: str) -> list[tuple[dict[sp.Symbol, sp.Rational], bool]]:
    """Eight points of moderate size, where everything must be defined, then eight of wildly different sizes."""
    rng = random.Random(seed)
    return [({x: draw(x, rng, 6.0 if wide else 0.9) for x in symbols}, wide) for wide in (False, True) for _ in range(POINTS)]


def number_function(symbols: Sequence[sp.Symbol], parts: Sequence[sp.Expr]):
    """Compile the parts; the function takes a point and digits and returns real numbers, or raises Undefined."""
    compiled = sp.lambdify(symbols, list(parts), "mpmath", cse=True)

    def at(point: Mapping[sp.Symbol, sp.Rational], digits: int) -> list[mpmath.mpf]:
        with mpmath.workdps(digits + 10):
            try:
                values = [
                    mpmath.mpmathify(v) for v in compiled(*(mpmath.mpf(int(point[x].p)) / int(point[x].q) for x in symbols))
                ]
            except (ZeroDivisionError, ValueError, OverflowError, TypeError) as error:
                raise Undefined(f"no number: {error}") from None
            if not all(mpmath.isfinite(v) and abs(mpmath.im(v)) <= 1e-20 * max(1, abs(v)) for v in values):
                raise Undefined("not a real number")
            return [mpmath.re(v) for v in values]

    return at


def compare(lhs: sp.Expr, rhs: sp.Expr, seed: str) -> Numbers:
    """Both sides at sixteen random points, with 30 and with 90 digits; stops at the first point that refutes.

    Two true equals differ by rounding, which shrinks with the precision; different expressions differ by as much as before.
    """
    symbols = sorted(lhs.free_symbols | rhs.free_symbols, key=str)
    at, numbers = number_function(symbols, [lhs, rhs]), Numbers()
    for point, wide in draw_points(symbols, seed)[:: 1 if symbols else 2 * POINTS]:
        try:
            sides = [at(point, digits) for digits in DIGITS]
        except Undefined as error:
            if wide:
                continue
            where = ", ".join(f"{x} = {v}" for x, v in point.items())
            raise Undefined(f"{error} at {where}: narrow the domain of a symbol") from None
        gaps = [float(min(abs(a - b) / max(1, abs(a), abs(b)), mpmath.mpf(1e300))) for a, b in sides]
        if gaps[1] > 1e-60:
            return Numbers((gaps[0], gaps[1]), point, tuple(sides[1]), False)
        if not wide:
            numbers.worst = max(numbers.worst[0], gaps[0]), max(numbers.worst[1], gaps[1])
        numbers.null = numbers.null and all(abs(v) < 1e-60 for v in sides[1])
    return numbers


# --- 3. prove ----------------------------------------------------------------------------------------------------------------


def prove(difference: sp.Expr) -> str | None:
    """The name of the first method that reduces `difference` to zero, cheapest first; None when none does."""
    for method, seconds in ((sp.expand, 5), (norm, 10), (sp.simplify, 5)):
        try:
            with cpu_limit(seconds):
                if method(difference) == 0:
                    return method.__name__
        except (_TimeUp, sp.PolynomialError, NotImplementedError, RecursionError, ValueError, TypeError):
            continue
    return None


@dataclass(frozen=True)
class Verdict:
    """How a line was found to follow: `proved` by sympy, or `checked` at points; `by` names the method."""

    status: str
    by: str


def check(lhs: sp.Basic, rhs: sp.Basic, hypotheses: Hypotheses, seed: str) -> Verdict:
    """Decide `lhs == rhs` under the hypotheses; raises ProofError unless it is proved, or agrees to 30 and to 90 digits."""
    if getattr(lhs, "shape", None) != getattr(rhs, "shape", None):
        raise ProofError(f"shapes differ: {getattr(lhs, 'shape', 'scalar')} and {getattr(rhs, 'shape', 'scalar')}")
    if lhs == rhs:
        raise ProofError("sympy sees no step here: merge the two lines")
    zero_said = lhs == 0 or rhs == 0
    verdicts = []
    for a, b in zip(entries(lhs), entries(rhs), strict=True):
        if a != b:
            a, b = (hypotheses.restrict(evaluate(side)) for side in (a, b))
            verdicts.append(_check_scalars(a, b, seed, zero_said or isinstance(lhs, sp.MatrixBase)))
    return min(verdicts, key=lambda v: ("checked", "proved").index(v.status))


def _check_scalars(lhs: sp.Expr, rhs: sp.Expr, seed: str, zero_said: bool) -> Verdict:
    bounds = symbolic_bounds(lhs) | symbolic_bounds(rhs)
    if bounds:
        for n in (1, 2, 3):
            size = {x: sp.Integer(n) for x in bounds}
            _check_scalars(lhs.subs(size).doit(), rhs.subs(size).doit(), seed, True)
        if prove(lhs - rhs) is None:
            raise ProofError("sympy does not merge the sums for every bound: prove one cell, or fix the bound")
        return Verdict("proved", f"every {min(map(str, bounds))}; and 1, 2, 3 by itself")
    lhs, rhs = stand_ins(lhs), stand_ins(rhs)
    for x in sorted(lhs.free_symbols | rhs.free_symbols, key=str):
        if x.is_extended_real is not True:
            raise ProofError(f"{x} may be complex: declare it real=True or positive=True, or give it a domain")
    numbers = compare(lhs, rhs, seed)
    if numbers.refuted_at is not None:
        where = ", ".join(f"{x} = {v}" for x, v in numbers.refuted_at.items()) or "constants"
        one, other = (mpmath.nstr(v, 12) for v in numbers.values)
        raise ProofError(f"does not follow: {one} before, {other} after, at {where}")
    if numbers.null and not zero_said:
        raise ProofError("both lines are identically zero: write the line 0 between them")
    method = prove(lhs - rhs)
    if method is not None:
        return Verdict("proved", method)
    _refuse_as_checked(lhs, rhs)
    if numbers.worst[0] > 1e-26 or numbers.worst[1] > 1e-80:
        raise ProofError("neither proved nor refuted: the difference does not shrink with the precision as rounding would")
    return Verdict("checked", f"{DIGITS[0]} and {DIGITS[1]} digits at {POINTS} points")


def _refuse_as_checked(*sides: sp.Expr) -> None:
    """Numbers do not see a step function outside the tested range, nor a constant below rounding."""
    for node in (node for side in sides for node in sp.preorder_traversal(side)):
        if isinstance(node, STEPS):
            raise ProofError(f"not proved, and numbers alone do not decide about {type(node).__name__}: split the cases")
        if node.is_number and node.is_finite and node != 0:
            size = (
                abs(complex(mpmath.mpmathify(node.evalf(15)))) if not node.is_Rational else math.exp(float(sp.log(abs(node))))
            )
            if size < 1e-20:
                raise ProofError(f"not proved, and numbers alone do not decide about so small a constant: {_short(node)}")


def is_nonnegative(expr: sp.Expr, strict: bool = False) -> bool:
    """True when sympy knows the sign of `expr` as it stands, factored, or simplified and factored."""
    for form in (lambda e: e, sp.factor, lambda e: sp.factor(sp.simplify(e))):
        try:
            with cpu_limit(5):
                shape = form(expr)
        except (_TimeUp, sp.PolynomialError):
            continue
        if (shape.is_positive if strict else shape.is_nonnegative) is True:
            return True
    return False
