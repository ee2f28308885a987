"""`expr` does not depend on x: its slope is 0, its domain is in one piece, and numbers far apart agree."""

from __future__ import annotations

from collections.abc import Sequence

import mpmath
import sympy as sp

from nbdgm.proof.checking import check
from nbdgm.proof.conditions import conditions
from nbdgm.proof.errors import ProofError
from nbdgm.proof.evaluating import evaluate
from nbdgm.proof.hypotheses import Hypotheses, stand_in, stand_ins, symbolic_bounds
from nbdgm.proof.inequality import JUMPS
from nbdgm.proof.points import compare


def prove_constant(expr: sp.Expr, wrt: Sequence[sp.Symbol], hypotheses: Hypotheses, seed: str) -> None:
    """Raise unless `expr`, in which each symbol of `wrt` occurs, takes the same value whatever these symbols are."""
    value = evaluate(expr, hypotheses)
    for x in wrt:
        if x not in expr.free_symbols:
            raise ProofError(f"this {x} does not occur in the expression: another symbol of that name?")
        if x.is_integer:
            raise ProofError(f"{x} is an integer: a derivative says nothing about its steps")
        if any(isinstance(node, JUMPS) and node.has(x) for node in sp.preorder_traversal(value)):
            raise ProofError(f"the expression may jump in {x}, which a derivative does not see: split the cases")
        for need in conditions(expr, hypotheses):
            if need.expr.has(x):
                raise ProofError(
                    f"only where {need.plain}: the domain of {x} falls into pieces, and a slope of 0 does not connect them; "
                    "name an interval in domain="
                )
        slope = evaluate(sp.Derivative(value, x), hypotheses)
        if slope != 0:
            check(slope, sp.S.Zero, hypotheses, seed)
    _refuse_two_values(value, wrt, hypotheses, seed)


def _refuse_two_values(value: sp.Expr, wrt: Sequence[sp.Symbol], hypotheses: Hypotheses, seed: str) -> None:
    value = value.subs({n: sp.Integer(2) for n in symbolic_bounds(value)}).doit()
    one = stand_ins(hypotheses.restrict(value))
    moved = {}
    for x in wrt:
        held = hypotheses.image(x) if x in hypotheses.intervals else x
        (u,) = held.free_symbols
        moved[u] = stand_in(
            u,
            "elsewhere",
            **{
                k: v
                for k, v in u.assumptions0.items()
                if k in ("positive", "negative", "nonnegative", "nonpositive", "real") and v
            },
        )
    numbers = compare(one, one.xreplace(moved), f"{seed}:elsewhere")
    if numbers.refuted_at is not None:
        here, there = (mpmath.nstr(v, 12) for v in numbers.values)
        raise ProofError(f"does not follow: it is {here} at one point and {there} at another: {numbers.refuted_at}")
