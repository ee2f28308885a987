"""The bounds typed into a condition: what is a bound, and whether any measure comes near it.

`loss < 1e300` can be false, and yet it decides nothing. What the sentence says about a bound is the business of `sentence`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from nbdgm.proof.cells import UNKNOWN, Place, Story
from nbdgm.proof.moving import changed
from nbdgm.proof.trial import Trial

FARTHEST = 1e12  # no measure comes near this
FURTHER = 1e9  # a measure that may grow by so much before it meets its bound is not bounded
LEAST = 1e-3  # what a smaller measure counts as: errors of rounding are far below any tolerance
ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
UPWARD = (ast.Lt, ast.LtE)  # the right side is to be the larger one
ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def comparisons(compare: ast.Compare) -> Iterator[tuple[ast.cmpop, ast.expr, ast.expr]]:
    """The comparisons of two in `a < b < c`: the operator and both sides."""
    sides = [compare.left, *compare.comparators]
    return zip(compare.ops, sides, sides[1:], strict=False)


def literal(node: ast.AST) -> float | None:
    """The number that is typed here; None for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def too_far(compare: ast.Compare, story: Story, at: Place) -> Iterator[str]:
    """What is wrong with bounds that are typed in, here or behind a name; no value is looked at."""
    for node in _widening(compare):
        bound = _typed(node, story, at)
        if bound is not None and abs(bound) > FARTHEST:
            yield _said(bound)


def refuse_out_of_reach(trial: Trial, kind: str) -> None:
    """Refuse a bound that the numbers compared with it stay on their side of, were they a thousand million times larger."""
    if not trial.value(trial.tree):
        return  # false as it is
    for compare in (n for n in ast.walk(trial.tree) if isinstance(n, ast.Compare)):
        for bound in (_value(node, trial) for node in _widening(compare)):
            if bound is None or abs(bound) <= LEAST * FURTHER:
                continue
            if abs(bound) > FARTHEST or trial.is_unmoved(compare, [_times(f) for f in (FURTHER, -FURTHER, 1 / FURTHER)]):
                raise TypeError(f"{kind}: {_said(bound)}")


def _said(bound: float) -> str:
    return f"the bound {bound:g} decides nothing, no measure comes near it: write one that a bad model would miss"


def _widening(compare: ast.Compare) -> Iterator[ast.expr]:
    """The parts of both sides that make the comparison easier to meet, the larger they are: bounds, if they are typed in."""
    for op, left, right in comparisons(compare):
        if isinstance(op, ORDERINGS):
            yield from _widening_side(left, not isinstance(op, UPWARD))
            yield from _widening_side(right, isinstance(op, UPWARD))


def _widening_side(node: ast.expr, larger: bool) -> Iterator[ast.expr]:
    """The side itself, what is added to it, a factor of the larger side, a divisor of the smaller one."""
    yield node
    if isinstance(node, ast.BinOp):
        added = isinstance(node.op, (ast.Add, ast.Sub))
        if added or isinstance(node.op, ast.Div) or (isinstance(node.op, ast.Mult) and larger):
            yield from _widening_side(node.left, larger)
        if added or (isinstance(node.op, ast.Mult) and larger) or (isinstance(node.op, ast.Div) and not larger):
            yield from _widening_side(node.right, larger)


def _typed(node: ast.AST, story: Story, at: Place, depth: int = 6) -> float | None:
    """The number that typed numbers give, `10**300` or a name for one; None where anything else comes in."""
    found = literal(node)
    if found is not None or not depth:
        return found
    if isinstance(node, ast.Name) and len(made := story.lookup(node.id, at)) == 1 and made[0].how == "=":
        return _typed(made[0].node, story, made[0].at, depth - 1)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _typed(node.operand, story, at, depth)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right = _typed(node.left, story, at, depth - 1), _typed(node.right, story, at, depth - 1)
        try:
            made = None if left is None or right is None else ARITHMETIC[type(node.op)](left, right)
        except OverflowError:
            return math.inf
        except ZeroDivisionError:
            return None
        return made if isinstance(made, float) else None
    return None


def _value(node: ast.expr, trial: Trial) -> float | None:
    """The value of a part that nothing computed goes into; None for any other, and for what is no finite number."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    if not all(callable(v := trial.value(n)) or isinstance(v, ModuleType) for n in names):
        return None
    value = trial.value(node)
    try:
        found = None if value is UNKNOWN or isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found is not None and math.isfinite(found) else None


def _times(factor: float) -> Callable[[Any], Any]:
    """Multiply all numbers in a value by this."""
    larger = lambda v: factor * math.copysign(max(abs(v), LEAST), v)
    return lambda value: changed(value, lambda: larger)
