"""The trial: a condition as a function of the numbers in it, and the truth values that it takes where they are others.

`moving` makes the other numbers; what a condition that never changes is refused with is the business of `deciding`.
"""

from __future__ import annotations

import ast
import copy
import itertools
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from nbdgm.proof.cells import UNKNOWN, Place, Story, called
from nbdgm.proof.flow import BUILTIN, PURE, Flow, single_return
from nbdgm.proof.moving import changes, is_number, is_variable, moved

SECONDS = 1.0  # of trials, for one claim
TRANSPARENT = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Subscript, ast.Attribute, ast.Slice),
    *(ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context),
)


class Trial:
    """The condition as a function of the numbers in it, evaluated where they are others."""

    def __init__(self, story: Story, condition: ast.expr, numbers: Mapping[str, Any], expand: bool) -> None:
        self.story, self.numbers, self.expand = story, numbers, expand
        self.until = time.perf_counter() + SECONDS / 2
        self.nodes: dict[str, ast.AST] = {}
        self.leaves: dict[str, Any] = {}  # placeholder -> value now
        self.keys: dict[str, str] = {}
        self.flow = Flow(story)
        self.tree = self.put(copy.deepcopy(condition))
        ast.fix_missing_locations(self.tree)
        self.targets = sorted(
            {float(n.value) for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and is_number(n.value)}
        )
        self.locked = {
            name for compare in ast.walk(self.tree) if isinstance(compare, ast.Compare) for name in _on_both(compare)
        }

    def put(self, node: ast.expr) -> Any:
        """The expression with placeholders for the numbers in it."""
        return self._put(node, self.story.now, frozenset(), 12)

    def _leaf(self, node: ast.AST, value: Any, at: Place) -> ast.Name:
        made = [b.at for n in ast.walk(node) if isinstance(n, ast.Name) for b in self.story.lookup(n.id, at)]
        key = f"{ast.dump(node)} {made}"  # what the same bindings gave is the same number, wherever it is used
        if key not in self.keys:
            self.keys[key] = f"_leaf_{len(self.keys)}"
            self.leaves[self.keys[key]], self.nodes[self.keys[key]] = value, node
        return ast.Name(self.keys[key], ast.Load())

    def _put(self, node: Any, at: Place, own: frozenset[str], depth: int) -> Any:
        go = lambda inner, more=frozenset(): self._put(inner, at, own | more, depth)
        if isinstance(node, ast.Name):
            return self._name(node, at, own, depth)
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not any(
            isinstance(n, ast.Name) and n.id in own for n in ast.walk(node)
        ):
            value = self._evaluate(node)
            root = node.value
            direct = isinstance(node, ast.Subscript) and isinstance(root, ast.Name) and at == self.story.now
            if direct and is_variable(self.story.value(root)):
                return ast.Subscript(go(root), copy.deepcopy(node.slice), ast.Load())
            return self._leaf(node, 1.0 if value is UNKNOWN or not is_variable(value) else value, at)
        if isinstance(node, ast.Call):
            return self._call(node, at, own, depth)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            names = frozenset(x.id for g in node.generators for x in ast.walk(g.target) if isinstance(x, ast.Name))
            made = copy.copy(node)
            made.generators = [
                ast.comprehension(g.target, go(g.iter, names if i else frozenset()), [go(t, names) for t in g.ifs], g.is_async)
                for i, g in enumerate(node.generators)
            ]
            for part in ("elt", "key", "value"):
                if hasattr(node, part):
                    setattr(made, part, go(getattr(node, part), names))
            return made
        if isinstance(node, ast.expr) and not isinstance(node, (ast.Constant, ast.Lambda)):
            made = copy.copy(node)
            for name, value in ast.iter_fields(node):
                if isinstance(value, list):
                    setattr(made, name, [go(v) if isinstance(v, ast.expr) else v for v in value])
                elif isinstance(value, ast.expr):
                    setattr(made, name, go(value))
            return made
        return node

    def _name(self, node: ast.Name, at: Place, own: frozenset[str], depth: int) -> ast.AST:
        if node.id in own:
            return node
        value = self.story.value(node)
        found = self.story.lookup(node.id, at)
        truth = isinstance(value, bool) or str(getattr(value, "dtype", "")) in ("bool", "torch.bool")
        if (self.expand or truth) and depth and len(found) == 1 and found[0].how == "=" and _transparent(found[0].node):
            return self._put(found[0].node, found[0].at, own, depth - 1)
        if value is UNKNOWN or callable(value) or isinstance(value, ModuleType):
            return node if value is not UNKNOWN else self._leaf(node, 1.0, at)
        return self._leaf(node, value, at)

    def _call(self, node: ast.Call, at: Place, own: frozenset[str], depth: int) -> ast.AST:
        function = node.func
        flow = self.flow
        if isinstance(function, ast.Name):
            for definition, place in flow.definitions(function, at):
                body = definition.body if isinstance(definition, ast.Lambda) else single_return(definition)
                names = [a.arg for a in definition.args.args]
                if body is not None and depth and len(names) == len(node.args) and not node.keywords:
                    inside = {n: self._put(a, at, own, depth) for n, a in zip(names, node.args, strict=True)}
                    made = self._put(body, place, own | frozenset(names), depth - 1)
                    return _Substitute(inside).visit(copy.deepcopy(made))
        pure = flow.of_module(function) and called(function) in PURE
        pure = pure or (isinstance(function, ast.Name) and self.story.meaning(function, at) in {*BUILTIN, *PURE} - {"len"})
        method = isinstance(function, ast.Attribute) and function.attr in PURE and not flow.of_module(function)
        if isinstance(function, ast.Name) and self.story.meaning(function) == "len" and not self._mentions(node, own):
            value = self._evaluate(node)
            return self._leaf(node, 1 if value is UNKNOWN else value, at)
        if pure or method:
            made = copy.copy(node)
            made.args = [self._put(a, at, own, depth) for a in node.args]
            made.keywords = [ast.keyword(k.arg, self._put(k.value, at, own, depth)) for k in node.keywords]
            if method:
                made.func = ast.Attribute(self._put(function.value, at, own, depth), function.attr, ast.Load())
            return made
        if self._mentions(node, own):
            return node
        written = (ast.Constant, ast.BinOp, ast.UnaryOp)
        constant = all(isinstance(n, written) for a in node.args for n in ast.walk(a) if isinstance(n, ast.expr))
        if constant and node.args and (flow.of_module(function) or self.story.meaning(function) == "str"):
            return node
        value = next((v for n, v in self.numbers.items() if n == ast.dump(node)), 1.0)
        return self._leaf(node, value, at)

    @staticmethod
    def _mentions(node: ast.AST, own: frozenset[str]) -> bool:
        return any(isinstance(n, ast.Name) and n.id in own for n in ast.walk(node))

    def _evaluate(self, node: ast.AST) -> Any:
        """The value of names, attributes, items and lengths; nothing else is run."""
        if any(isinstance(n, ast.Call) and called(n.func) != "len" for n in ast.walk(node)):
            return UNKNOWN
        try:
            return eval(compile(ast.Expression(copy.deepcopy(node)), "<value>", "eval"), self.story.values or {})
        except Exception:  # whatever it is, its value is not to be had
            return UNKNOWN

    def is_constant(self, node: ast.AST) -> bool:
        """Is this computed from numbers typed into the cells alone?"""
        return not Trial(self.story, node, self.numbers, True).leaves  # type: ignore[arg-type]

    # --- the trials --------------------------------------------------------------------------------------------------------

    def atoms(self) -> list[tuple[ast.expr, bool]]:
        """The comparisons in the condition, outermost only, and the truth value that each must have."""
        found: list[tuple[ast.expr, bool]] = []

        def visit(node: ast.AST, wanted: bool) -> None:
            if isinstance(node, ast.Compare):
                found.append((node, wanted))
            elif isinstance(node, (ast.BoolOp, ast.UnaryOp)):
                turned = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
                for child in ast.iter_child_nodes(node):
                    visit(child, wanted != turned)

        visit(self.tree, True)
        return found

    def outcomes(self, node: ast.expr) -> set[bool]:
        """The truth values that this part of the condition takes, now and with other numbers."""
        names, truth = self._names_in(node), self._function(node)
        found: set[bool] = set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for changed in self._points(names):
                if time.perf_counter() > self.until:
                    return {True, False}  # large arrays: nothing is refused
                try:
                    found.add(bool(truth(changed)))
                except Exception:  # no value there: log of a negative number, an empty list
                    continue
                if len(found) == 2:
                    break
        return found

    def is_unmoved(self, node: ast.expr, changes: Sequence[Callable[[Any], Any]]) -> bool:
        """Has this part the same truth value after each of the changes, of one number and of all? No where it has none."""
        names, truth = self._names_in(node), self._function(node)
        found: set[bool] = set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for some in ([], *([name] for name in names), names):
                for change in changes:
                    try:
                        found.add(bool(truth({name: change(self.leaves[name]) for name in some})))
                    except Exception:
                        return False
                    if len(found) == 2 or time.perf_counter() > self.until:
                        return False
        return True

    def value(self, node: ast.expr) -> Any:
        """What a side of a comparison is now."""
        try:
            return self._function(node)({})
        except Exception:
            return UNKNOWN

    def _names_in(self, node: ast.AST) -> list[str]:
        """The placeholders in this part."""
        return [n for n in self.leaves if any(isinstance(x, ast.Name) and x.id == n for x in ast.walk(node))]

    def _function(self, node: ast.expr) -> Callable[[Mapping[str, Any]], Any]:
        """The value of this part, as a function of the numbers that are not as they are now."""
        code = compile(ast.fix_missing_locations(ast.Expression(copy.deepcopy(node))), "<condition>", "eval")
        return lambda changed: eval(code, {**(self.story.values or {}), **self.leaves, **changed})

    def _points(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        yield {}
        for name in names:
            for change in changes(self.leaves[name], name in self.locked, self.targets):
                yield {name: moved(change, self.leaves[name])}
        rng = random.Random(0)
        for _ in range(60):
            point = {}
            for name in names:
                options = changes(self.leaves[name], name in self.locked, self.targets)
                point[name] = moved(rng.choice(options), self.leaves[name]) if options else self.leaves[name]
            yield point


class _Substitute(ast.NodeTransformer):
    def __init__(self, inside: Mapping[str, ast.AST]) -> None:
        self.inside = inside

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return copy.deepcopy(self.inside.get(node.id, node))


def _transparent(node: ast.AST) -> bool:
    """An expression that may stand for its name: arithmetic, comparisons, calls of pure functions; no training runs."""
    return all(
        called(n.func) in {*PURE, *BUILTIN} and not n.keywords if isinstance(n, ast.Call) else isinstance(n, TRANSPARENT)
        for n in ast.walk(node)
    )


def _on_both(compare: ast.Compare) -> set[str]:
    """The numbers that both sides of the comparison are computed from."""
    sides = [_paths(side) for side in (compare.left, *compare.comparators)]
    both = set()
    for left, right in itertools.pairwise(sides):
        both |= {name for name, part in left if any(name == n and (part == p or "" in (part, p)) for n, p in right)}
    return both


def _paths(node: ast.AST) -> set[tuple[str, str]]:
    """(placeholder, item) for every number: the item is empty where the whole is used."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id.startswith("_leaf_"):
        return {(node.value.id, ast.dump(node.slice))}
    if isinstance(node, ast.Name):
        return {(node.id, "")} if node.id.startswith("_leaf_") else set()
    return set().union(*map(_paths, ast.iter_child_nodes(node)))
