"""Decide whether two expressions are equal: refuse what cannot be judged, refute by numbers, and only then prove.

The order matters. Numbers kill a wrong line in milliseconds, where `simplify` may think for minutes; and a line that agrees
at every tested point to 30 digits *and* to 90 is worth the attempt of a proof. There are two ends only: a line is proved, or it
is refused. What numbers cannot see (an assumption, a cancelled term, a divergent integral) is refused before they are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mpmath
import sympy as sp

from nbdgm.proof.conditions import Condition, conditions
from nbdgm.proof.errors import ProofError
from nbdgm.proof.evaluating import evaluate
from nbdgm.proof.hypotheses import Hypotheses, ordered, stand_ins, symbolic_bounds
from nbdgm.proof.named import unfold
from nbdgm.proof.normal import norm
from nbdgm.proof.points import compare
from nbdgm.proof.proving import prove
from nbdgm.proof.reading import entries
from nbdgm.proof.sums import RANGES

__all__ = ["Hypotheses", "ProofError", "Verdict", "check", "conditions", "norm"]
NULL = "both lines are identically zero: write the line 0 between them"
SIZES = ((1, 2, 3), (2, 3, 1), (3, 1, 2))  # at which sums of symbolic length are written out, besides being proved for all


@dataclass(frozen=True)
class Verdict:
    """How a line was found to follow: `by` names the method, `needs` what must hold beside the hypotheses."""

    by: str
    needs: tuple[Condition, ...] = ()


def check(lhs: sp.Basic, rhs: sp.Basic, hypotheses: Hypotheses, seed: str) -> Verdict:
    """Prove `lhs == rhs` under the hypotheses; raises ProofError when it is refuted, undefined somewhere, or not proved."""
    if getattr(lhs, "shape", None) != getattr(rhs, "shape", None):
        raise ProofError(f"shapes differ: {getattr(lhs, 'shape', 'scalar')} and {getattr(rhs, 'shape', 'scalar')}")
    if lhs == rhs:
        raise ProofError("sympy sees no step here: merge the two lines")
    zero_said = lhs == 0 or rhs == 0 or isinstance(lhs, sp.MatrixBase)
    methods, needs = [], []
    for a, b in zip(entries(lhs), entries(rhs), strict=True):
        if a != b and unfold(a) == unfold(b):
            methods.append("by definition")
            evaluate(a, hypotheses)
        elif a != b:
            here = [*conditions(a, hypotheses), *conditions(b, hypotheses)]
            one, other = (hypotheses.restrict(evaluate(side, hypotheses)) for side in (a, b))
            excluded = [stand_ins(hypotheses.restrict(c.expr)) for c in here]
            methods.append(check_scalars(one, other, seed, zero_said, excluded))
            needs += here
    return Verdict(max(methods, key=len), tuple(dict.fromkeys(needs)))


def sizes(bounds: set[sp.Symbol]) -> Iterator[dict[sp.Symbol, sp.Integer]]:
    """Numbers for the lengths of sums, different ones for different lengths, and for the indices between 1 and them."""
    names = ordered(bounds)
    for turn in SIZES:
        size = {x: sp.Integer(turn[i % 3]) for i, x in enumerate(names)}
        for j, (low, high) in RANGES.items():
            if high in size or low in size:
                size[j] = sp.sympify(high if turn[0] > 1 else low).xreplace(size)
        yield size


def refute(lhs: sp.Expr, rhs: sp.Expr, seed: str, excluded: Sequence[sp.Expr]) -> bool:
    """Raise where numbers tell the two apart; whether both are zero at every point."""
    numbers = compare(stand_ins(lhs), stand_ins(rhs), seed, excluded)
    if numbers.refuted_at is not None:
        where = ", ".join(f"{x} = {v}" for x, v in numbers.refuted_at.items()) or "constants"
        one, other = (mpmath.nstr(v, 12) for v in numbers.values)
        raise ProofError(f"does not follow: {one} before, {other} after, at {where}")
    return numbers.null


def check_scalars(lhs: sp.Expr, rhs: sp.Expr, seed: str, zero_said: bool, excluded: Sequence[sp.Expr] = ()) -> str:
    """The method that proves the equality of two expressions in which nothing is left to be carried out."""
    bounds = symbolic_bounds(lhs) | symbolic_bounds(rhs)
    if bounds:
        found = [refute(lhs.subs(size).doit(), rhs.subs(size).doit(), seed, excluded) for size in sizes(bounds)]
        if all(found) and not zero_said:
            raise ProofError(NULL)
        if prove(lhs - rhs) is None:
            raise ProofError("sympy does not merge the sums for every bound: prove one cell, or fix the bound")
        return f"every {min(map(str, bounds))}; and 1, 2, 3 by itself"
    lhs, rhs = stand_ins(lhs), stand_ins(rhs)
    if refute(lhs, rhs, seed, excluded) and not zero_said:
        raise ProofError(NULL)
    method = "identical" if lhs == rhs else prove(lhs - rhs)
    if method is None:
        raise ProofError(
            "not refuted by numbers, but sympy does not prove it: take a smaller step, or write it with exponentials"
        )
    return method
