"""Two expressions differ: exact numbers at a point of the domain, which is displayed."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import evaluate
from nbdgm.proof.hypotheses import Hypotheses, stand_ins


def read_point(at: Mapping[sp.Symbol, object] | None, free: set[sp.Basic], hypotheses: Hypotheses) -> dict[sp.Symbol, sp.Expr]:
    """The point as exact numbers inside the domain, a value for every symbol; raises for a point that is none."""
    point = {x: sp.sympify(v) for x, v in (at or {}).items()}
    for x, value in point.items():
        if x not in free:
            raise ProofError(f"this {x} does not occur: another symbol of that name?")
        if value.has(sp.Float) or not value.is_number or value.is_finite is not True:
            raise ProofError(f"{x} = {value} is not exact: give a rational number")
        if value.is_extended_real is not True or not hypotheses.allows(x, value):
            raise ProofError(f"{x} = {value} is outside the domain of {x}")
    return point


def exact_values(
    sides: tuple[sp.Expr, sp.Expr], point: Mapping[sp.Symbol, sp.Expr], hypotheses: Hypotheses
) -> tuple[sp.Expr, sp.Expr]:
    """Both sides at the point, simplified; they are exact, real and different, or ProofError is raised."""
    try:
        with cpu_limit(20):
            values = [sp.expand_log(sp.simplify(stand_ins(evaluate(side, hypotheses)).subs(point))) for side in sides]
            missing = sorted({str(x) for v in values for x in v.free_symbols})
            if missing:
                raise ProofError(f"give a value to {', '.join(missing)} in at=")
            if any(v.has(sp.Float, sp.nan, sp.oo, -sp.oo, sp.zoo) or v.is_extended_real is not True for v in values):
                raise ProofError(f"the sides are not exact real numbers there: {values[0]} and {values[1]}")
            if abs((values[0] - values[1]).evalf(50)) < sp.Rational(1, 10**30):
                raise ProofError(f"the two sides agree there: both are {values[0]}")
    except TimeUp:
        raise ProofError("the numbers at this point take more than 20 s: choose simpler ones") from None
    return values[0], values[1]


def said(values: tuple[sp.Expr, sp.Expr], point: Mapping[sp.Symbol, sp.Expr]) -> tuple[str, str]:
    """The two numbers and the point, as LaTeX and as text: what is displayed behind the inequality."""
    numbers = r" \neq ".join(sp.latex(v) if v.is_Rational else rf"{sp.latex(v)} \approx {v.evalf(6)}" for v in values)
    tex = "".join(f", {sp.latex(x)} = {sp.latex(v)}" for x, v in point.items())[2:]
    plain = ", ".join(f"{x} = {v}" for x, v in point.items())
    where = (rf" \quad\text{{at }} {tex}", f" at {plain}") if point else ("", "")
    return rf":\quad {numbers}{where[0]}", f"{where[1]}: {values[0]} != {values[1]}"
