"""Where an expression has a value: no denominator is zero, no logarithm of what is not positive, no root of what is negative.

What follows from the assumptions goes without saying. The rest is a hypothesis of the line, and is displayed as one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.hypotheses import Hypotheses, ordered, stand_ins
from nbdgm.proof.named import Mean, tex, unfold
from nbdgm.proof.points import Undefined, draw, number_function, salt
from nbdgm.proof.proving import is_nonnegative, is_nonzero

HEADS = (sp.Integral, sp.Sum, sp.Product)
EDGES = (  # functions that are not defined everywhere: what must hold of their argument
    ((sp.tan, sp.sec), sp.cos, "!="),
    ((sp.cot, sp.csc), sp.sin, "!="),
    ((sp.coth, sp.csch, sp.acot), lambda z: z, "!="),
    ((sp.asin, sp.acos), lambda z: 1 - z**2, ">="),
    ((sp.atanh,), lambda z: 1 - z**2, ">"),
    ((sp.acosh,), lambda z: z - 1, ">="),
    ((sp.gamma, sp.loggamma, sp.polygamma, sp.factorial), lambda z: z, ">"),
)


@dataclass(frozen=True)
class Condition:
    """`expr` is not 0 (sign "!="), greater than 0 (">"), or at least 0 (">=")."""

    expr: sp.Expr
    sign: str

    @property
    def plain(self) -> str:
        return f"{self.expr} {self.sign} 0"

    @property
    def tex(self) -> str:
        sign = {"!=": r"\ne", ">": ">", ">=": r"\ge"}[self.sign]
        return f"{tex(self.expr)} {sign} 0"


def conditions(expr: sp.Expr, hypotheses: Hypotheses) -> list[Condition]:
    """What must hold, beyond the hypotheses, for `expr` to have a value; each once, in the order of the expression."""
    found = []
    needs = list(_needs(unfold(expr), ()))
    for mean in expr.atoms(Mean):  # what stands under a mean is displayed, and must have a value, before it is averaged
        needs += _needs(unfold(mean.args[0]), tuple(mean.noise))
    for part, sign in dict.fromkeys(needs):
        for factor in _factors(part) if sign == "!=" else [part]:
            if not follows(factor, sign, hypotheses):
                found.append(Condition(factor, sign))
    return list(dict.fromkeys(found))


def _needs(expr: sp.Expr, bound: tuple[sp.Symbol, ...]) -> Iterator[tuple[sp.Expr, str]]:
    if isinstance(expr, HEADS):
        bound = (*bound, *expr.bound_symbols)
    free = expr.free_symbols
    if not free & set(bound):  # poles between the bounds of an integral are looked for where it is evaluated
        if isinstance(expr, sp.Pow):
            if expr.exp.is_integer is not True:
                yield expr.base, ">=" if expr.exp.is_extended_positive else ">"
            elif expr.exp.is_extended_nonnegative is not True:
                yield expr.base, "!="
        elif isinstance(expr, sp.log):
            yield expr.args[0], ">"
        elif isinstance(expr, sp.Derivative):
            yield from ((corner, "!=") for corner in _corners(expr.expr) if corner.has(*expr.variables))
        for kinds, need, sign in EDGES:
            if isinstance(expr, kinds):
                yield need(expr.args[-1]), sign
    bounds = [end for limit in expr.limits for end in limit[1:]] if isinstance(expr, HEADS) else []
    for child in (*expr.args, *bounds):
        if isinstance(child, sp.Expr):
            yield from _needs(child, bound)


def _corners(expr: sp.Expr) -> Iterator[sp.Expr]:
    """What is zero where `expr` has a corner or a jump, and no slope."""
    for node in expr.atoms(sp.Abs, sp.sign, sp.Heaviside):
        yield node.args[0]
    for node in expr.atoms(sp.Max, sp.Min):
        yield from (a - b for a, b in combinations(node.args, 2))
    for node in expr.atoms(sp.floor, sp.ceiling):
        yield sp.sin(sp.pi * node.args[0])
    for node in expr.atoms(sp.Piecewise):
        for relation in node.atoms(sp.core.relational.Relational):
            yield relation.lhs - relation.rhs


def _factors(expr: sp.Expr) -> list[sp.Expr]:
    """The bases of the factors of `expr` that contain a symbol or a function."""
    found = []
    for factor in sp.Mul.make_args(expr):
        base = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_number else factor
        found += _factors(base) if isinstance(base, sp.Mul) else [base] if base.free_symbols or base.has(AppliedUndef) else []
    return found


def follows(expr: sp.Expr, sign: str, hypotheses: Hypotheses) -> bool:
    """True when `expr` has this sign ("!=" 0, ">" 0 or ">=" 0) under the hypotheses alone."""
    shape = stand_ins(hypotheses.restrict(expr))
    if not shape.free_symbols:
        return True
    known = {"!=": shape.is_nonzero, ">": shape.is_positive, ">=": shape.is_nonnegative}[sign]
    if known is True:
        return True
    if has_both_signs(shape):
        return False
    if sign == "!=":
        return is_nonzero(shape)
    return is_nonnegative(shape, strict=sign == ">")


def has_both_signs(expr: sp.Expr) -> bool:
    """True when numbers find `expr` positive at one point and negative (or zero) at another; False tells nothing."""
    symbols = ordered(expr.free_symbols)
    rng, signs = random.Random(f"signs{salt()}"), set()
    try:
        at = number_function(symbols, [expr])
    except (TypeError, ValueError, SyntaxError):
        return False
    for turn in range(24):
        try:
            (value,) = at({x: draw(x, rng, 0.9 if turn < 12 else 4.0, turn) for x in symbols}, 30)
        except Undefined:
            continue
        signs.add(-1 if value < -1e-25 else 1 if value > 1e-25 else 0)
    return {-1, 1} <= signs
