"""The limit of an expression at a point of the closure of its domain: sympy's value, and numbers on the way to it."""

from __future__ import annotations

import random
from itertools import pairwise

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import evaluate, sample
from nbdgm.proof.hypotheses import Hypotheses, ordered, stand_in, stand_ins
from nbdgm.proof.named import Named
from nbdgm.proof.points import OutOfReach, Undefined, number_function, salt

HEADS = (sp.Integral, sp.Sum, sp.Product, sp.Derivative, Named)
WAY = tuple(2**k for k in range(7))  # distances 10^-1, 10^-2, 10^-4 .. 10^-64: slow limits, as 1/log x, come nearer too


def prove_limit(expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str, value: sp.Expr, hypotheses: Hypotheses) -> None:
    """Raise unless `expr` tends to `value` as x tends to x0 from this side; a domain of x says only where x may be."""
    refuse_outside(x, x0, side, hypotheses)
    others = hypotheses.without(x)
    inside = stand_ins(_smooth(others.restrict(evaluate(expr, hypotheses)), x, x0))
    goal = stand_ins(others.restrict(value))
    found = take_limit(inside, x, x0, side)
    try:
        with cpu_limit(10):
            agrees = found == goal or (found.is_finite and goal.is_finite is not False and sp.simplify(found - goal) == 0)
    except TimeUp:
        agrees = False
    if not agrees:
        raise ProofError(f"does not follow: the limit is {found}, not {value}")
    approach(inside, x, x0, side, goal)


def refuse_outside(x: sp.Symbol, x0: sp.Expr, side: str, hypotheses: Hypotheses) -> None:
    """Raise unless x can come near x0 from this side without leaving its domain."""
    if x.is_integer and x0.is_finite:
        raise ProofError(f"{x} is an integer: it tends to oo or -oo only")
    low, high = hypotheses.bounds(x)
    above = x0 == -sp.oo or (x0.is_finite and side == "+")
    within = (low <= x0 and x0 < high) if above else (low < x0 and x0 <= high)
    if not bool(within):
        raise ProofError(f"{x} cannot tend to {x0} from this side: {hypotheses.describe(x)}")


def _smooth(expr: sp.Expr, x: sp.Symbol, x0: sp.Expr) -> sp.Expr:
    """f(t + h) near h = 0 as f(t) + h f'(t) + h^2 R, with any number R: what a function with two derivatives is there."""
    for f in expr.atoms(AppliedUndef):
        if not f.has(x):
            continue
        at = f.args[0].subs(x, x0) if len(f.args) == 1 and x0.is_finite else None
        if not isinstance(at, sp.Symbol):
            raise ProofError(f"{f} has no known behaviour as {x} tends to {x0}: write it as f(t + ...), with {x0} giving f(t)")
        step, rest = f.args[0] - at, stand_in(f, "remainder", real=True)
        expr = expr.xreplace({f: f.func(at) + step * sp.Derivative(f.func(at), at) + step**2 * rest})
    return expr


def take_limit(expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str) -> sp.Expr:
    try:
        with cpu_limit(10):
            found = sp.limit(expr, x, x0, side)
    except (NotImplementedError, TimeUp, ValueError, TypeError, RecursionError, AttributeError):
        raise ProofError("sympy does not find this limit: name the sign of every parameter, one limit a case") from None
    if found.has(sp.AccumBounds, sp.Limit, sp.nan, sp.zoo) or (found.has(sp.oo, -sp.oo) and found not in (sp.oo, -sp.oo)):
        raise ProofError(f"{found} is not a value: split the cases")
    return found


def approach(expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str, value: sp.Expr) -> None:
    """A second opinion: on the way to x0 the numbers come nearer and nearer to the value (or grow without end)."""
    others = ordered((expr.free_symbols | value.free_symbols) - {x})
    rng = random.Random(f"limit{salt()}")
    for _ in range(6 if others else 1):
        point = sample(others, Hypotheses(), rng, 0.5)
        numbers = _on_the_way(expr.subs(point), x, x0, side)
        if len(numbers) < 3:
            raise ProofError(f"no numbers on the way to {x0}: sympy's limit {value} has no second opinion")
        if value.is_finite is False:
            sizes = [v * (1 if value == sp.oo else -1) for v in numbers]
            holds = all(b > a for a, b in pairwise(sizes)) and sizes[-1] > 2 * max(abs(sizes[0]), 0.5)
        else:
            with mpmath.workdps(300):
                goal = mpmath.mpmathify(sp.N(value.subs(point), 300))
                gaps = [abs(v - goal) for v in numbers]
            nearer = all(b < a or b < 1e-60 for a, b in pairwise(gaps))
            holds = nearer and (gaps[-1] < 0.05 * gaps[0] or gaps[-1] < 1e-20)
        if not holds:
            raise ProofError(f"sympy's limit is {value}, but the numbers on the way do not go there")


def _on_the_way(expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str) -> list[mpmath.mpf]:
    """Values ever nearer to x0; what is too large to be computed ends the way."""
    at = number_function([x], [expr])
    found = []
    for k in WAY:
        h = sp.Integer(10) ** k
        place = (x0 + (1 / h if side == "+" else -1 / h)) if x0.is_finite else sp.sign(x0) * h
        try:
            found.append(at({x: sp.Rational(place)}, 300)[0])
        except OutOfReach:
            break
        except (Undefined, TypeError):
            raise ProofError(f"no real value at {x} = {place}, on the way to {x0}") from None
    return found


def is_rearrangement(left: sp.Basic, right: sp.Basic) -> bool:
    """True when one side is the other multiplied out, with nothing carried out, cancelled or derived."""
    if isinstance(left, sp.MatrixBase) or left.has(*HEADS) or right.has(*HEADS):
        return False
    whole = _multiplied_out(left)
    if whole != _multiplied_out(right):
        return False
    return _terms(left) == _terms(right) == len(sp.Add.make_args(whole))


def _terms(expr: sp.Expr) -> int:
    """The number of terms of the product multiplied out, before any two of opposite sign cancel."""
    unsigned = expr.replace(lambda e: e.is_Number and e.is_negative and e.is_Rational, lambda e: -e)
    return len(sp.Add.make_args(_multiplied_out(unsigned)))


def _multiplied_out(expr: sp.Expr) -> sp.Expr:
    return sp.expand(expr, log=False, power_base=False, power_exp=False)
