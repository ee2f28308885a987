"""Read the cell a derivation or a claim stands in, and refuse what leaves no trace in a value.

`(x - m)/(x - m)` is 1 before any checker sees it, `zip` has dropped a state, `force=True` has ignored a branch: such
things are visible only in the text of the cell. Where the text is not to be had, nothing is refused.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from types import FrameType

import sympy as sp

from nbdgm.proof.errors import ProofError

RANDOM_VARIABLES = {"Normal", "Uniform", "Exponential", "LogNormal", "Bernoulli", "Beta", "Gamma", "Die", "Coin", "Poisson"}


class Cell:
    """The text around a call: the cell, or the function that the call stands in."""

    def __init__(self, frame: FrameType) -> None:
        self.frame = frame
        self.line = frame.f_lineno
        try:
            tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals)))
        except (SyntaxError, ValueError):
            tree = ast.Module([], [])
        self.tree: ast.AST = tree
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == frame.f_code.co_name and self._around(node):
                self.tree = node
        self.nodes = list(ast.walk(self.tree))
        self.definitions = self._definitions()

    def _around(self, node: ast.AST) -> bool:
        return node.lineno <= self.line <= (node.end_lineno or node.lineno)

    def _definitions(self) -> dict[str, ast.expr]:
        """Names that the cell assigns exactly once, with what they stand for."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                found.setdefault(node.targets[0].id, []).append(node.value)
        return {name: values[0] for name, values in found.items() if len(values) == 1}

    def calls(self, name: str) -> list[ast.Call]:
        """The calls of `name` around the current line, innermost last."""
        return [n for n in self.nodes if isinstance(n, ast.Call) and _name(n.func) == name and self._around(n)]

    def block(self) -> ast.With | None:
        """The `with derivation(...) as d` statement that is being entered."""
        found = [n for n in self.nodes if isinstance(n, ast.With) and n.lineno <= self.line <= n.body[0].lineno]
        return found[-1] if found else None

    def is_symbol(self, node: ast.expr) -> bool:
        """True for a bare name that stands for a sympy symbol or a number."""
        if not isinstance(node, ast.Name):
            return False
        value = self.frame.f_locals.get(node.id, self.frame.f_globals.get(node.id))
        return isinstance(value, (sp.Symbol, sp.Number, int))

    def expand(self, node: ast.AST, known: frozenset[str] = frozenset()) -> Iterator[ast.AST]:
        """The node with all that is in it, names of the cell replaced by what they stand for."""
        for inner in ast.walk(node):
            yield inner
            if isinstance(inner, ast.Name) and inner.id in self.definitions and inner.id not in known:
                yield from self.expand(self.definitions[inner.id], known | {inner.id})


def lint_derivation(frame: FrameType) -> None:
    """Refuse a derivation by the text of its cell."""
    cell = Cell(frame)
    for node in cell.nodes:
        for complaint in _complaints(node, cell):
            raise ProofError(f"line {node.lineno} of the cell: {complaint}")
    _lint_random_variables(cell)
    block = cell.block()
    if block is None or not isinstance(block.items[-1].optional_vars, ast.Name):
        return
    name = block.items[-1].optional_vars.id
    lines = [n for n in ast.walk(block) if isinstance(n, ast.Call) and _name(getattr(n.func, "value", None)) == name]
    lines.sort(key=lambda n: (n.lineno, n.col_offset))
    _lint_chained_comparisons(lines)
    _lint_built_from_earlier(lines, cell)
    _lint_objectives(lines, cell)


def _complaints(node: ast.AST, cell: Cell) -> Iterator[str]:
    """What is wrong with one node of the cell, wherever it stands."""
    if isinstance(node, ast.Call):
        keywords = {k.arg: k.value for k in node.keywords}
        called = _name(node.func)
        if "force" in keywords:
            yield "force=True ignores branches: write laws as odds, scales as positive symbols"
        if "conds" in keywords:
            yield "conds= throws conditions away: state them as assumptions on symbols"
        if called == "zip" and len(node.args) > 1 and not getattr(keywords.get("strict"), "value", False):
            yield "zip without strict=True drops what the shorter side lacks"
        if called == "linprog" and isinstance(node.func, ast.Name):
            yield "sympy's linprog silently keeps x >= 0: use lpmin or lpmax with explicit relations"
        if called == "limit" and isinstance(node.func, ast.Name) and len(node.args) < 4 and "dir" not in keywords:
            at_infinity = len(node.args) == 3 and "oo" in ast.unparse(node.args[2])
            if not at_infinity:
                yield "limit without a direction is one-sided: give dir"
        if called in {"solve", "solveset"}:
            yield "solve drops roots by assumption: use nbdgm.proof.roots(expr, x, count)"
        if called == "equals":
            yield ".equals() decides by a few random numbers, or not at all: use a line"
        if called in {"symbols", "law", "table"} and node.args and isinstance(node.args[0], ast.Constant):
            for a, b in re.findall(r"(\d+):(\d+)", str(node.args[0].value)):
                if int(a) >= int(b):
                    yield f"the range {a}:{b} is empty: put an underscore before the index"
    if isinstance(node, ast.Name) and node.id == "DiracDelta":
        yield "DiracDelta cancels in quotients without a trace: integrate it out first"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        same = ast.dump(node.left) == ast.dump(node.right)
        if same and not isinstance(node.left, ast.Constant):
            yield f"{ast.unparse(node)} is 1 before anything can be checked: state where it is defined"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        zero, other = (node.left, node.right) if _is_zero(node.left) else (node.right, node.left)
        if _is_zero(zero) and not isinstance(other, ast.Constant):
            yield f"{ast.unparse(node)} is 0 before anything can be checked"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and getattr(node.operand, "attr", "").startswith("is_"):
        yield f"{ast.unparse(node)} also holds when sympy does not know: compare with `is True` or `is False`"
    if isinstance(node, ast.Attribute) and node.attr == "args":
        value = cell.definitions.get(_name(node.value), node.value)
        if _name(getattr(value, "func", None)) == "integrate":
            yield "a branch of a conditional integral: state its condition as an assumption on a symbol"


def _lint_random_variables(cell: Cell) -> None:
    seen = set()
    for node in cell.nodes:
        if isinstance(node, ast.Call) and _name(node.func) in RANDOM_VARIABLES and node.args:
            name = getattr(node.args[0], "value", None)
            if isinstance(name, str) and name in seen:
                raise ProofError(f"line {node.lineno} of the cell: two random variables named alike are one variable")
            seen.add(name)


def _lint_chained_comparisons(lines: list[ast.Call]) -> None:
    for call in lines:
        for node in ast.walk(call):
            if isinstance(node, ast.Compare) and len(node.ops) > 1:
                raise ProofError(f"line {node.lineno} of the cell: a chained comparison drops a side: one relation a line")


def _lint_built_from_earlier(lines: list[ast.Call], cell: Cell) -> None:
    """A line must be written out: what is computed from the line before it equals that line by construction."""
    chain: list[ast.expr] = []
    for call in lines:
        method, args = call.func.attr, call.args
        if method in ("start", "line") and args:
            chain = [] if method == "start" else chain
            _refuse_containing(args[0], chain, cell)
            chain.append(args[0])
        elif method == "equal" and len(args) > 1:
            _refuse_containing(args[1], args[:1], cell)
            _refuse_containing(args[0], args[1:2], cell)


def _refuse_containing(line: ast.expr, earlier: list[ast.expr], cell: Cell) -> None:
    inside = {ast.dump(node) for node in cell.expand(line)}
    for other in earlier:
        if (
            other is not line
            and not isinstance(other, ast.Constant)
            and not cell.is_symbol(other)
            and ast.dump(other) in inside
        ):
            raise ProofError(
                f"line {line.lineno} of the cell: built from the line {ast.unparse(other)!r}: write it out instead"
            )


def _lint_objectives(lines: list[ast.Call], cell: Cell) -> None:
    """A derivative forgets terms: what is differentiated must stand in a line of its own as well."""
    outside, inside = set(), {}

    def visit(node: ast.AST, known: frozenset[str]) -> None:
        if isinstance(node, ast.Call) and _name(node.func) == "diff":
            method = isinstance(node.func, ast.Attribute) and _name(node.func.value) not in ("sp", "sympy")
            target = node.func.value if method else node.args[0]
            if isinstance(target, ast.Name) and not cell.is_symbol(target):
                inside.setdefault(target.id, node)
            return
        if isinstance(node, ast.Name):
            outside.add(node.id)
            if node.id in cell.definitions and node.id not in known:
                visit(cell.definitions[node.id], known | {node.id})
        for child in ast.iter_child_nodes(node):
            visit(child, known)

    for call in lines:
        for arg in call.args:
            visit(arg, frozenset())
    for name, node in inside.items():
        if name not in outside:
            raise ProofError(
                f"line {node.lineno} of the cell: {ast.unparse(node)} forgets the terms of {name} without that variable: "
                f"prove a line about {name} itself, or write Derivative({name}, ...)"
            )


def lint_claim(frame: FrameType) -> None:
    """Refuse a claim that its numbers cannot make false."""
    cell = Cell(frame)
    calls = cell.calls("claim")
    if not calls:
        return
    call = calls[-1]
    given = {k.arg: k.value for k in call.keywords}
    condition = call.args[1] if len(call.args) > 1 else given.get("condition")
    if condition is None:
        return
    nodes = list(cell.expand(condition))
    if not any(isinstance(n, ast.Name) for n in ast.walk(condition)):
        raise TypeError(f"claim: {ast.unparse(condition)} does not depend on anything computed")
    for node in nodes:
        if isinstance(node, ast.Call) and _name(node.func) == "all":
            raise TypeError("claim: all() of nothing is true: compare the worst case, max(...) or min(...)")
        if isinstance(node, ast.BoolOp) and any(isinstance(v, ast.Constant) for v in node.values):
            raise TypeError(f"claim: a constant in {ast.unparse(node)}")
        if isinstance(node, ast.Compare) and ast.dump(node.left) in {ast.dump(c) for c in node.comparators}:
            raise TypeError(f"claim: {ast.unparse(node)} compares a thing with itself")
        for complaint in _complaints(node, cell) if isinstance(node, ast.UnaryOp) else ():
            raise TypeError(f"claim: {complaint}")
    shown = [v for k, v in given.items() if k not in ("condition", "needs", "needs_data", "text", None)]
    names = {n.id for n in nodes if isinstance(n, ast.Name)} - {"abs", "float", "max", "min", "sum", "len", "round"}
    if shown and not any(isinstance(n, ast.Name) and n.id in names for v in shown for n in cell.expand(v)):
        raise TypeError(f"claim: none of the numbers shown occurs in the condition {ast.unparse(condition)}")


def _name(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _is_zero(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and not isinstance(node.value, bool)
