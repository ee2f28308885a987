"""Every number that decides a claim is shown beside it: itself, or the parts it is computed from.

Whether the numbers could have come out otherwise is asked by `trial`; how they look is the business of `rendering`.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

from nbdgm.proof.bounds import comparisons
from nbdgm.proof.cells import UNKNOWN, called
from nbdgm.proof.flow import BUILTIN, PURE
from nbdgm.proof.missing import size
from nbdgm.proof.moving import is_number
from nbdgm.proof.trial import Trial

PASSING = {*BUILTIN, "log", "log10", "sqrt", "exp", "item", "highest", "lowest"} - {"len"}


def refuse_hidden(trial: Trial, condition: ast.expr, given: Mapping, values: Mapping, kind: str) -> None:
    """Every number of the condition is shown: itself, or the parts it is computed from. `given` are the words of the call."""
    shown = Shown(trial, given, values)
    for name, node in given.items():
        if name in values and isinstance(now := trial.story.value(ast.Name(name, ast.Load())), (int, float)):
            used = any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(condition))
            if used and not _same(now, values[name]) and not (isinstance(node, ast.Name) and node.id == name):
                raise TypeError(f"{kind}: {name} is shown as another number than the one that is compared")
    for op, left, right in _sides(condition, trial):
        listed = isinstance(op, ast.Eq) and all(_is_listed(side, trial) for side in (left, right))
        pair = [side for side in (left, right) if not listed and not shown.holds(side)]
        if pair and not shown.has_margin(left, right):
            raise TypeError(
                f"{kind}: {ast.unparse(pair[0])} decides the claim and is not shown: add it, e.g. value={ast.unparse(pair[0])}"
            )


def _is_listed(node: ast.expr, trial: Trial) -> bool:
    """Is this side a list of several, which is equal to another one or not?"""
    value = trial.value(trial.put(copy.deepcopy(node)))
    return isinstance(value, (list, tuple, dict, set))


def _sides(node: ast.AST, trial: Trial) -> Iterator[tuple[ast.cmpop, ast.expr, ast.expr]]:
    if isinstance(node, ast.Compare):
        for op, left, right in comparisons(node):
            if not isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)):
                yield op, left, right
    elif isinstance(node, (ast.BoolOp, ast.UnaryOp, ast.BinOp)):
        for child in ast.iter_child_nodes(node):
            yield from _sides(child, trial)


class Shown:
    """The numbers that a call shows, as they are written and as they are."""

    def __init__(self, trial: Trial, given: Mapping[str, ast.expr], values: Mapping[str, Any]) -> None:
        self.trial, self.values = trial, values
        self.nodes = [node for name, node in given.items() if name in values]
        self.written = {ast.dump(node) for node in self.nodes}

    def holds(self, node: ast.expr) -> bool:
        """Is this side, or are all the numbers it is computed from, among those shown?"""
        trial = self.trial
        if isinstance(node, ast.Constant) or any(ast.dump(node) in map(ast.dump, (w, *_beside(w))) for w in self.nodes):
            return True
        if trial.is_constant(node):
            return True  # math.log(2)
        made = trial.put(copy.deepcopy(node))
        names = {n.id for n in ast.walk(made) if isinstance(n, ast.Name) and n.id in trial.leaves}
        known = not any(ast.dump(n) not in self.written for n in ast.walk(node) if _is_opaque(n))
        if known and self._has_value(node, trial.value(made)):
            return True
        if known and names and all(self._has(trial.leaves[n]) or trial.is_constant(trial.nodes[n]) for n in names):
            return True
        parts = self._parts(node)
        return bool(parts) and all(map(self.holds, parts))

    def has_margin(self, left: ast.expr, right: ast.expr) -> bool:
        """The difference or the quotient of the two sides, constants apart, decides as well as the sides do."""
        for a, b in ((left, right), (right, left)):
            for one in (a, *_without_constant(a)):
                for other in (b, *_without_constant(b)):
                    if any(ast.dump(ast.BinOp(one, op, other)) in self.written for op in (ast.Div(), ast.Sub())):
                        return True
        return False

    def _has_value(self, node: ast.expr, value: Any) -> bool:
        if value is UNKNOWN:
            return False
        value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
        if isinstance(value, str) or (isinstance(value, bool) and isinstance(node, ast.Name)):
            return True
        if is_number(value):
            return any(_same(value, v) or _same(-value, v) for v in self.values.values())
        return self._has(value)

    def _has(self, value: Any) -> bool:
        """Are all numbers in a short list, or the number itself, among those shown?"""
        if isinstance(value, dict):
            value = list(value.values())
        if hasattr(value, "tolist") and (size(value) or 1) <= 8:
            value = value.tolist()
        if isinstance(value, (list, tuple)):
            return 0 < len(value) <= 8 and all(map(self._has, value))
        return is_number(value) and any(_same(value, v) for v in self.values.values())

    def _parts(self, node: ast.expr) -> list[ast.expr]:
        """What a side is computed from by arithmetic and the like."""
        if isinstance(node, ast.Call) and called(node.func) in PASSING:
            method = isinstance(node.func, ast.Attribute) and not self.trial.flow.of_module(node.func)
            return [*node.args, node.func.value] if method else node.args
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            return [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        return []


def _is_opaque(node: ast.AST) -> bool:
    """A call whose value its arguments do not tell."""
    return isinstance(node, ast.Call) and called(node.func) not in {*PURE, *BUILTIN}


def _beside(node: ast.expr) -> list[ast.expr]:
    """`x` of `1 - x`: a number that is shown by what it lacks."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return [s for s, o in ((node.left, node.right), (node.right, node.left)) if isinstance(o, ast.Constant)]
    return []


def _without_constant(node: ast.expr) -> list[ast.expr]:
    """What remains of a side when a number added to it, or a factor, is left out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div, ast.Add, ast.Sub)):
        return [s for s, o in ((node.left, node.right), (node.right, node.left)) if isinstance(o, ast.Constant)]
    return []


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b) or math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    except (TypeError, ValueError, OverflowError):
        return False
