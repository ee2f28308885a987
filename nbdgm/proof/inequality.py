"""`a <= b` by an exhibited gap: what makes a gap visibly nonnegative, and what makes it say something."""

from __future__ import annotations

import sympy as sp

from nbdgm.proof.conditions import conditions
from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import evaluate
from nbdgm.proof.hypotheses import Hypotheses, stand_ins
from nbdgm.proof.named import unfold
from nbdgm.proof.proving import is_nonnegative
from nbdgm.proof.signs import nonnegative

JUMPS = (sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.Piecewise, sp.Max, sp.Min, sp.Abs, sp.KroneckerDelta, sp.re, sp.im)


def refuse_slack(left: sp.Expr, right: sp.Expr, gap: sp.Expr) -> None:
    """Raise when the gap is nonnegative because its symbols were declared so: `d - t <= d` says nothing about t or d.

    Such a gap is a sum of products of nonnegative symbols, each of which holds a letter for what is missing: one that stands
    in one of the two sides only, and there in the first power.
    """
    left, right, shape = unfold(left), unfold(right), sp.expand(unfold(gap))
    if shape == 0:
        raise ProofError("a gap of 0 makes an equality: write d.equal")
    terms = [sp.Mul.make_args(term) for term in sp.Add.make_args(shape)]
    if not all(_declared(factor) for term in terms for factor in term):
        return
    bare = all(sum(not f.is_number for f in term) == 1 for term in terms)
    if bare or all(any(_is_slack(f, left, right) for f in term) for term in terms):
        raise ProofError(
            f"the gap {gap} is nonnegative by what its symbols were declared to be: the inequality is built into the "
            "substitution; write what is bounded as a symbol of its own, with its bounds in domain="
        )


def _declared(factor: sp.Expr) -> bool:
    """True for a nonnegative number, and for a power of a symbol that was declared nonnegative."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    return bool(base.is_nonnegative) and (base.is_number or isinstance(base, (sp.Symbol, sp.Indexed)))


def _is_slack(x: sp.Expr, left: sp.Expr, right: sp.Expr) -> bool:
    if not isinstance(x, (sp.Symbol, sp.Indexed)) or left.has(x) == right.has(x):
        return False
    return sp.diff(left + right, x, 2) == 0


def refuse_gap(gap: sp.Expr, least_at: tuple[sp.Symbol, object] | None, strict: bool, hypotheses: Hypotheses) -> None:
    """Raise unless the gap is visibly nonnegative under the hypotheses: by its sign, or by its least value."""
    if least_at is None:
        refuse_sign(gap, hypotheses, strict)
    else:
        refuse_unless_least(gap, *least_at, hypotheses, strict)


def refuse_sign(gap: sp.Expr, hypotheses: Hypotheses, strict: bool) -> None:
    """Raise unless sympy sees that `gap` is nonnegative (positive, when `strict`)."""
    if nonnegative(gap, lambda part, strictly: is_nonnegative(stand_ins(hypotheses.restrict(part)), strictly), strict):
        return
    value = stand_ins(hypotheses.restrict(evaluate(gap, hypotheses)))
    if not is_nonnegative(value, strict):
        kind = "positive" if strict else "nonnegative"
        raise ProofError(f"sympy does not see that {gap} is {kind}: write it as squares or positive terms (nonnegative ones)")


def refuse_unless_least(gap: sp.Expr, x: sp.Symbol, x0: object, hypotheses: Hypotheses, strict: bool) -> None:
    """Raise unless `gap` is convex in x on the whole domain, flat at x0 inside it, and nonnegative there."""
    gap, x0 = evaluate(gap, hypotheses), sp.sympify(x0)
    if x not in gap.free_symbols:
        raise ProofError(f"the gap does not contain this {x}")
    refuse_point(x, x0, hypotheses)
    if any(isinstance(node, JUMPS) and node.has(x) for node in sp.preorder_traversal(gap)):
        raise ProofError(f"the gap has a corner or a jump in {x}: split the cases")
    slope, bend = sp.diff(gap, x), sp.diff(gap, x, 2)
    for part in (gap, slope, bend):
        for need in conditions(part, hypotheses):
            if need.expr.has(x):
                raise ProofError(
                    f"the gap is not defined on the whole domain of {x}, only where {need.plain}: name an interval"
                )
    try:
        with cpu_limit(10):
            flat = sp.simplify(slope.subs(x, x0)) == 0
    except TimeUp:
        flat = False
    if not flat:
        raise ProofError(f"the gap is not stationary at {x} = {x0}")
    if not is_nonnegative(stand_ins(hypotheses.restrict(bend)), strict=True):
        raise ProofError(f"sympy does not see that the gap is convex in {x}")
    if not is_nonnegative(stand_ins(hypotheses.restrict(gap.subs(x, x0))), strict):
        raise ProofError(f"the gap at {x} = {x0} is {gap.subs(x, x0)}, of unknown sign")


def refuse_point(x: sp.Symbol, x0: sp.Expr, hypotheses: Hypotheses) -> None:
    """Raise unless x0 is one of the values that x may take, whatever the other symbols are."""
    if x0.has(x) or x0.has(sp.Float, sp.oo, -sp.oo, sp.nan, sp.zoo):
        raise ProofError(f"{x} = {x0} is no point of the domain")
    low, high = hypotheses.bounds(x)
    inside = hypotheses.restrict(x0)
    open_ends = x in hypotheses.intervals or x.is_zero is False
    above = low == -sp.oo or is_nonnegative(inside - low, open_ends)
    below = high == sp.oo or is_nonnegative(high - inside, open_ends)
    if x0.is_extended_real is not True or not (above and below) or (x.is_integer and x0.is_integer is not True):
        raise ProofError(f"{x} = {x0} is outside the domain of {x}, {hypotheses.describe(x)}: an extremum lies inside it")
