"""The text of the cells that have run: where a name got its value, and what that value was computed from.

`Story` answers for a call that is being made (from its frame) or for a chapter that is only read (from its texts). It judges
nothing: `source` does so for derivations, `deciding` for claims.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import FrameType
from typing import Any

Place = tuple[int, int]  # number of the cell, line in it
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
GROWING = ("append", "extend", "insert", "update", "add")
UNKNOWN = object()  # what a name stands for that no cell and no module defines


@dataclass(frozen=True, eq=False)
class Binding:
    """One place that gives a name (or a part of what it names) a value: `node` is the expression, or the definition."""

    name: str
    node: ast.AST
    at: Place
    how: str  # "=", "loop", "def", "import", "part" (x[i] = ..., x.append(...)), "with"
    statement: ast.stmt = field(repr=False)


@lru_cache(maxsize=512)
def parse(text: str) -> ast.Module:
    """The tree of a cell; lines for IPython (%, !) count as `pass`. A cell that is no Python is empty."""
    lines = [
        line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip().startswith(("%", "!")) else line
        for line in text.splitlines()
    ]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def called(node: ast.AST | None) -> str:
    """The last part of a dotted name: 'limit' of `sp.limit`."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """What a call passes for this parameter, by its place or by its name."""
    by_name = {k.arg: k.value for k in call.keywords}
    return call.args[position] if len(call.args) > position else by_name.get(name)


def trivial(call: ast.Call, kind: str) -> ast.expr | None:
    """The null of a claim: the condition for a trivial model."""
    return argument(call, 2, "null") if kind == "claim" else None


def is_filled(node: ast.AST) -> bool:
    """A literal list that is not empty, or range(3): a loop over it is made, and its length can be counted."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return bool(node.elts) and not any(isinstance(e, ast.Starred) for e in node.elts)
    if isinstance(node, ast.Call) and called(node.func) == "range" and all(isinstance(a, ast.Constant) for a in node.args):
        return len(range(*(a.value for a in node.args))) > 0  # type: ignore[attr-defined]
    return False


def bindings_of(body: Sequence[ast.AST], cell: int) -> list[Binding]:
    """What the statements bind in their own scope: functions and classes are bound, not entered."""
    found: list[Binding] = []

    def bind(target: ast.AST, value: ast.AST, how: str, statement: ast.stmt) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) and how == "=" else []
            paired = len(parts) == len(target.elts) and not any(isinstance(e, ast.Starred) for e in (*parts, *target.elts))
            for i, element in enumerate(target.elts):
                bind(element, parts[i] if paired else value, how if paired else "part", statement)
        elif isinstance(target, ast.Starred):
            bind(target.value, value, "part", statement)
        elif isinstance(target, ast.Name):
            found.append(Binding(target.id, value, (cell, statement.lineno), how, statement))
        elif isinstance(target, (ast.Subscript, ast.Attribute)):
            root = target
            while isinstance(root, (ast.Subscript, ast.Attribute)):
                root = root.value
            if isinstance(root, ast.Name):
                found.append(Binding(root.id, value, (cell, statement.lineno), "part", statement))

    def visit(node: ast.AST, statement: ast.stmt) -> None:
        statement = node if isinstance(node, ast.stmt) else statement
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append(Binding(node.name, node, (cell, node.lineno), "def", node))
            return
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            for inner in ast.walk(node):
                if isinstance(inner, ast.NamedExpr):
                    bind(inner.target, inner.value, "=", statement)
            return
        if isinstance(node, ast.Assign):
            for target in node.targets:
                bind(target, node.value, "=", node)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            bind(node.target, node.value, "=", node)
        elif isinstance(node, ast.AugAssign):
            bind(node.target, node.value, "part", node)
        elif isinstance(node, ast.NamedExpr):
            bind(node.target, node.value, "=", statement)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            bind(node.target, node.iter, "loop", node)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    bind(item.optional_vars, item.context_expr, "with", node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                found.append(Binding(name, node, (cell, node.lineno), "import", node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in GROWING:
            for value in (*node.args, *(k.value for k in node.keywords)):
                bind(ast.Subscript(node.func.value, ast.Constant(0)), value, "part", statement)
        for child in ast.iter_child_nodes(node):
            visit(child, statement)

    for node in body:
        visit(node, node)  # type: ignore[arg-type]
    return found


class Story:
    """The cells up to a call, and the values that names have now (none, when a chapter is only read)."""

    def __init__(
        self, trees: Sequence[ast.Module], line: int = 10**9, values: Mapping[str, Any] | None = None, function: str = ""
    ) -> None:
        self.trees, self.line, self.values = list(trees), line, values
        self.cell = len(self.trees) - 1
        self.tree: ast.AST = self.trees[-1] if self.trees else ast.Module([], [])
        self.scopes = [_scope(tree, number) for number, tree in enumerate(self.trees)]
        self.parents = parents(self.tree)
        self.inside: ast.FunctionDef | None = None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == function and self.around(node):
                self.inside = node
        self.cells_are_typed = False
        self.local = bindings_of(self.inside.body, self.cell) if self.inside else []

    @classmethod
    def of(cls, frame: FrameType) -> Story:
        """The story of the call that `frame` is making: its own cell, and those that ran before it."""
        name = frame.f_code.co_filename
        texts = ["".join(linecache.getlines(name, frame.f_globals))]
        if cls.is_cell(name):
            kin, earlier = _family(name), []
            for other, cached in linecache.cache.items():
                if other == name:
                    break
                if len(cached) == 4 and cached[1] is None and _family(other) == kin:
                    earlier.append("".join(cached[2]))
            texts = earlier + texts
        function = "" if frame.f_code.co_name == "<module>" else frame.f_code.co_name
        values = {**vars(builtins), **frame.f_globals, **frame.f_locals}
        story = cls([parse(text) for text in texts], frame.f_lineno, values, function)
        story.cells_are_typed = cls.is_cell(name)
        return story

    @staticmethod
    def is_cell(filename: str) -> bool:
        """True for text that was typed, not read from a file: the cells of notebooks."""
        entry = linecache.cache.get(filename)
        return entry is not None and len(entry) == 4 and entry[1] is None

    # --- the current cell ------------------------------------------------------------------------------------------------

    def around(self, node: ast.AST) -> bool:
        """Does the node span the line that runs?"""
        return hasattr(node, "lineno") and node.lineno <= self.line <= (node.end_lineno or node.lineno)

    def chain(self, node: ast.AST) -> list[ast.AST]:
        """What the node stands in, from the inside out; the module is left out."""
        found = []
        while (node := self.parents.get(node)) is not None and not isinstance(node, ast.Module):
            found.append(node)
        return found

    def call_of(self, frame: FrameType) -> ast.Call | None:
        """The call that the frame is making; None when the text does not hold it."""
        place = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and place == (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset):
                return node
        return None

    # --- names -------------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Place:
        return (self.cell, self.line)

    def lookup(self, name: str, at: Place | None = None) -> list[Binding]:
        """What gave the name its value, as seen from `at`: all bindings in the nearest cell that has one."""
        at = at or self.now
        if self.inside and at[0] == self.cell and self.inside.lineno <= at[1] <= (self.inside.end_lineno or 0):
            found = [b for b in self.local if b.name == name]
            if found:
                return found
        for number in range(min(at[0], self.cell), -1, -1):
            found = [b for b in self.scopes[number] if b.name == name and b.at < at]
            if found:
                return self._nearest(found)
        return []

    @staticmethod
    def _nearest(found: list[Binding]) -> list[Binding]:
        """The last whole assignment, with what the name got in parts since; and all that stands under loops or conditions."""
        for i in range(len(found) - 1, -1, -1):
            whole = found[i].how in ("=", "def", "import") and not isinstance(found[i].statement, (ast.For, ast.While, ast.If))
            if whole and found[i].statement.col_offset == 0:
                return found[i:]
        return found

    def value(self, node: ast.AST) -> Any:
        """What a name or a dotted name stands for now; UNKNOWN where that is not to be seen."""
        if isinstance(node, ast.Name):
            return UNKNOWN if self.values is None else self.values.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value)
            if owner is UNKNOWN:
                return UNKNOWN
            try:
                return getattr(owner, node.attr, UNKNOWN)
            except Exception:  # a property that raises tells nothing
                return UNKNOWN
        return UNKNOWN

    def meaning(self, node: ast.AST, at: Place | None = None, depth: int = 8) -> str:
        """The name of the function that is called, seen through aliases: 'zip' for `pairs` after `pairs = zip`."""
        value = self.value(node)
        if value is not UNKNOWN and callable(value):
            function = getattr(value, "func", value) if type(value).__name__ == "partial" else value
            module = str(getattr(function, "__module__", ""))
            if module.split(".")[0] in ("builtins", "sympy", "nbdgm", "itertools", "numpy", "torch", "math"):
                return str(getattr(function, "__name__", called(node)))
        if isinstance(node, ast.Name) and depth:
            for binding in self.lookup(node.id, at):
                if binding.how == "=" and isinstance(binding.node, (ast.Name, ast.Attribute)):
                    return self.meaning(binding.node, binding.at, depth - 1)
                if binding.how == "=" and isinstance(binding.node, ast.Call) and called(binding.node.func) == "partial":
                    return self.meaning(binding.node.args[0], binding.at, depth - 1)
                if binding.how == "import" and isinstance(binding.node, ast.ImportFrom):
                    return next(a.name for a in binding.node.names if (a.asname or a.name) == node.id)
        return called(node)

    def behind(self, node: ast.AST, at: Place | None = None, seen: set[int] | None = None) -> Iterator[tuple[ast.AST, Place]]:
        """The node and all that is in it, then what its names stand for, and so on, each with its place."""
        at, seen = at or self.now, set() if seen is None else seen
        own = _parameters(node)
        for inner in ast.walk(node):
            yield inner, at
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id not in own:
                for binding in self.lookup(inner.id, at):
                    if id(binding.node) not in seen and binding.how != "import":
                        seen.add(id(binding.node))
                        yield from self.behind(binding.node, binding.at, seen)


@lru_cache(maxsize=1024)
def _scope(tree: ast.Module, number: int) -> list[Binding]:
    return bindings_of(tree.body, number)


@lru_cache(maxsize=64)
def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """What every node of the tree stands in directly."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _parameters(node: ast.AST) -> set[str]:
    """Names that belong to functions, comprehensions and blocks inside the node, not to the cells."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, FUNCTIONS):
            a = inner.args
            found |= {x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if x is not None}
        elif isinstance(inner, ast.comprehension):
            found |= {x.id for x in ast.walk(inner.target) if isinstance(x, ast.Name)}
        elif isinstance(inner, ast.withitem) and isinstance(inner.optional_vars, ast.Name):
            found.add(inner.optional_vars.id)  # the derivation itself: one of that name in an earlier cell is another
    return found


def _family(filename: str) -> str:
    """Cells of one notebook have file names that differ in their numbers only."""
    return re.sub(r"[0-9a-f-]*(\.py|>)?$", "", filename)
