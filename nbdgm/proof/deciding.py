"""What decides a claim: refuse conditions that the numbers shown cannot make false, or that nan passes through.

Two readings of the text around the call. The *flow* follows values backwards, from the condition through the names of this and
earlier cells, and refuses what loses a nan on the way. The *trial* puts other numbers in the place of those that the condition
is about: a condition that stays true whatever they are says nothing. Rendering and budgets are the business of `claims`.
"""

from __future__ import annotations

import ast
import builtins
import copy
import itertools
import math
import numbers
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import FrameType, ModuleType
from typing import Any

from nbdgm.proof.cells import FUNCTIONS, UNKNOWN, Binding, Place, Story, bindings_of, called, is_filled

LOSES_NAN = {
    "max": "max() and min() pass over nan: use highest(...) and lowest(...)",
    "min": "max() and min() pass over nan: use highest(...) and lowest(...)",
    "sorted": "sorted() leaves nan anywhere: use highest(...) and lowest(...)",
    "any": "any() of nothing is false, and nan answers nothing: count, or use highest(...) and lowest(...)",
    "all": "all() of nothing is true: compare the worst case, highest(...) or lowest(...), or count",
    "filter": "filter() drops what it does not like: count, or use highest(...) and lowest(...)",
}
WRAPPING = ("bool", "bool_", "tensor", "as_tensor", "asarray", "float", "int")
HIDING = ("eval", "exec", "getattr", "globals", "locals", "vars", "__import__")
BUILTIN = {"abs", "float", "int", "round", "len", "sum", "pow", "divmod", "range", "list", "tuple", "zip", "dict", "set"}
PURE = {
    *("abs", "absolute", "amax", "amin", "argmax", "argmin", "array", "as_tensor", "asarray", "ceil", "cos", "cumsum", "diff"),
    *(
        "double",
        "exp",
        "fabs",
        "flatten",
        "float32",
        "float64",
        "floor",
        "fsum",
        "get",
        "hypot",
        "item",
        "items",
        "keys",
        "log",
    ),
    *("log10", "log1p", "log2", "max", "mean", "median", "min", "norm", "numpy", "percentile", "prod", "quantile", "ravel"),
    *(
        "reshape",
        "sin",
        "sqrt",
        "square",
        "stack",
        "std",
        "sum",
        "tanh",
        "tensor",
        "tolist",
        "values",
        "var",
        "highest",
        "lowest",
    ),
    *("float", "clip", "clamp", "sort", "cat", "concatenate", "logsumexp", "trapezoid", "median", "cpu", "detach", "squeeze"),
}
NUMBER_LIBRARIES = {"math", "numpy", "torch", "sympy", "scipy", "mpmath", "statistics", "fractions"}
NUMBER_LIBRARIES |= {"functools", "_functools", "itertools", "heapq", "_heapq", "operator", "_operator"}
NOT_NUMBERS = {"condition", "null", "needs", "needs_data", "text"}
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


TRANSPARENT = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Subscript, ast.Attribute, ast.Slice),
    *(ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context),
)


class Flow:
    """The expressions that a condition's value comes from: names followed back, arguments of training runs left alone."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.seen: set[tuple[int, int]] = set()

    def nodes(self, node: ast.AST, at: Place, local: Sequence[Binding] = (), own: frozenset[str] = frozenset()) -> Iterator:
        """(expression, place) for everything whose value goes into that of `node`."""
        if (id(node), len(local)) in self.seen:
            return
        self.seen.add((id(node), len(local)))
        yield node, at
        go = lambda *inner: (found for each in inner for found in self.nodes(each, at, local, own))
        if isinstance(node, ast.Name):
            yield from self._name(node, at, local, own)
        elif isinstance(node, (ast.Attribute, ast.Starred, ast.Subscript)):
            yield from go(node.value)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            names = frozenset(x.id for g in node.generators for x in ast.walk(g.target) if isinstance(x, ast.Name))
            parts = [node.value] if isinstance(node, ast.DictComp) else [node.elt]
            parts += [test for g in node.generators for test in g.ifs]
            yield from ((g, at) for g in node.generators)
            yield from go(*(g.iter for g in node.generators))
            for part in parts:
                yield from self.nodes(part, at, local, own | names)
        elif isinstance(node, ast.Lambda):
            yield from self.nodes(node.body, at, local, own | {a.arg for a in node.args.args})
        elif isinstance(node, ast.Call):
            yield from self._call(node, at, local, own)
        elif isinstance(node, ast.expr):
            yield from go(*(c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)))

    def _name(self, node: ast.Name, at: Place, local: Sequence[Binding], own: frozenset[str]) -> Iterator:
        if node.id in own:
            return
        found = [b for b in local if b.name == node.id] or self.story.lookup(node.id, at)
        inner = local if any(b.name == node.id for b in local) else ()
        for binding in found:
            if binding.how not in ("import", "def", "with"):
                yield from self.nodes(binding.node, binding.at, inner)

    def _call(self, node: ast.Call, at: Place, local: Sequence[Binding], own: frozenset[str]) -> Iterator:
        arguments = [*node.args, *(k.value for k in node.keywords)]
        function = node.func
        definitions = self.definitions(function, at, local) if isinstance(function, ast.Name) and function.id not in own else []
        if definitions:
            for definition, place in definitions:
                reached = yield from self._body(definition, place)
                names = [a.arg for a in definition.args.args]
                given = dict(zip(names, node.args, strict=False)) | {k.arg: k.value for k in node.keywords}
                for name in reached & given.keys():
                    yield from self.nodes(given[name], at, local, own)
        elif isinstance(function, ast.Attribute) and not self.of_module(function):
            yield from self.nodes(function.value, at, local, own)
            if function.attr in PURE:
                for argument in arguments:
                    yield from self.nodes(argument, at, local, own)
        elif self.of_module(function) or self.story.meaning(function, at) in (
            *BUILTIN,
            *LOSES_NAN,
            "highest",
            "lowest",
            "bool",
        ):
            for argument in arguments:
                yield from self.nodes(argument, at, local, own)

    def definitions(self, name: ast.Name, at: Place, local: Sequence[Binding] = ()) -> list[tuple[Any, Place]]:
        """The functions that a name stands for, when a cell defines them."""
        found = [b for b in local if b.name == name.id] or self.story.lookup(name.id, at)
        return [(b.node, b.at) for b in found if isinstance(b.node, FUNCTIONS)]

    def _body(self, definition: Any, place: Place) -> Iterator:
        """The flow of what a function returns; returns the names of the parameters that reach it."""
        if isinstance(definition, ast.Lambda):
            results, local = [definition.body], []
        else:
            local = bindings_of(definition.body, place[0])
            results = [n.value for n in ast.walk(definition) if isinstance(n, (ast.Return, ast.Yield)) and n.value is not None]
        parameters, reached = {a.arg for a in definition.args.args}, set()
        for result in results:
            for inner, at in self.nodes(result, place, local):
                if isinstance(inner, ast.Name) and inner.id in parameters:
                    reached.add(inner.id)
                yield inner, at
        return reached

    def of_module(self, function: ast.AST) -> bool:
        """`np.diff`, `math.log`: a function of a library of numbers, by its value or by its usual name."""
        if isinstance(function, ast.Attribute):
            owner = self.story.value(function.value)
            if owner is UNKNOWN:
                return bool(
                    re.fullmatch(
                        r"(math|np|torch|sp|numpy|sympy|F|nn|itertools|functools)(\.\w+)*", ast.unparse(function.value)
                    )
                )
            return str(getattr(owner, "__name__", "")).split(".")[0] in NUMBER_LIBRARIES and "random" not in str(owner)
        value = self.story.value(function)
        if value is UNKNOWN and isinstance(function, ast.Name):
            made = [b.node for b in self.story.lookup(function.id) if isinstance(b.node, ast.ImportFrom)]
            return any((node.module or "").split(".")[0] in NUMBER_LIBRARIES for node in made)
        return callable(value) and str(getattr(value, "__module__", "")).split(".")[0] in NUMBER_LIBRARIES


def lint(
    kind: str, frame: FrameType, text: str, values: Mapping[str, float | int], try_numbers: bool = True, decided: bool = True
) -> str:
    """Refuse a claim or a check that cannot be false, or that nan passes through (TypeError).

    Returns the name of what holds nan behind the condition of a claim that is `decided`; empty when there is none.
    """
    story = Story.of(frame)
    call = story.call_of(frame)
    if call is None:
        if any(Story.is_cell(outer.f_code.co_filename) for outer in _outwards(frame)):
            raise TypeError(f"{kind}: its text is not to be had: write the call out in a cell")
        return ""
    lint_place(story, call, kind)
    lint_text(story, call, kind)
    given = {k.arg: k.value for k in call.keywords}
    condition = call.args[1] if len(call.args) > 1 else given["condition"]
    refuse_other_words(text, condition, kind)
    if try_numbers:
        try_other_numbers(story, call, values, kind)
    return refuse_nothing_and_nan(story, call, kind) if decided else ""


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def lint_place(story: Story, call: ast.Call, kind: str) -> None:
    """A claim stands by itself, at the top of a cell: where it stands under something, nobody sees that it was not made."""
    if story.meaning(call.func) != kind or called(call.func) != kind:
        raise TypeError(f"{kind}: call it by its name, once for each sentence")
    around = story.chain(call)
    if not around or not isinstance(around[0], ast.Expr):
        raise TypeError(f"{kind}: it stands by itself on its line")
    for node in around[1:]:
        if isinstance(node, ast.For) and not node.orelse and is_filled(node.iter):
            continue
        if story.cells_are_typed or not isinstance(node, FUNCTIONS):
            raise TypeError(f"{kind}: it stands under a {type(node).__name__}: move it to the top of the cell")


def lint_text(story: Story, call: ast.Call, kind: str) -> None:
    """What is wrong with the text of the call and of what it is computed from; no value is looked at."""
    given = {k.arg: k.value for k in call.keywords}
    condition = call.args[1] if len(call.args) > 1 else given.get("condition")
    if any(isinstance(a, ast.Starred) for a in call.args) or condition is None:
        raise TypeError(f"{kind}: write out the text and the condition, claim(text, loss < 0.1, loss=loss)")
    if any(isinstance(n, ast.NamedExpr) for n in ast.walk(call)):
        raise TypeError(f"{kind}: := inside the call: compute it on a line of its own")
    for role, node in [("condition", condition), ("null", given.get("null"))]:
        if node is not None and not (isinstance(node, ast.Constant) and isinstance(node.value, (str, type(None)))):
            lint_condition(story, node, kind, role)
    null = given.get("null")
    if null is not None and not (isinstance(null, ast.Constant) and null.value is None):
        _lint_null(story, condition, null)


def lint_condition(story: Story, condition: ast.expr, kind: str, role: str = "condition") -> None:
    """Refuse what loses nan on the way into the condition, and forms that are no comparison."""
    shown = ast.unparse(condition)
    if not any(isinstance(n, ast.Name) for n in ast.walk(condition)):
        raise TypeError(f"{kind}: the {role} {shown} does not depend on anything computed")
    flow = Flow(story)
    for node, at in flow.nodes(condition, story.now):
        for complaint in _complaints(node, story, at):
            place = "" if at[0] == story.cell else " (in an earlier cell)"
            raise TypeError(f"{kind}: {complaint}; in {ast.unparse(node)[:120]}{place}")
    if role == "condition":
        _lint_form(story, condition, kind, story.now)


def _complaints(node: ast.AST, story: Story, at: Place) -> Iterator[str]:
    if isinstance(node, ast.Name) and node.id in LOSES_NAN and not story.lookup(node.id, at):
        yield f"{node.id} is handed on; {LOSES_NAN[node.id]}"
    if isinstance(node, ast.Call):
        name = story.meaning(node.func, at) if isinstance(node.func, ast.Name) else called(node.func)
        builtin = isinstance(node.func, ast.Name) or story.value(node.func) is getattr(builtins, name, node)
        if name in LOSES_NAN and (builtin or ast.unparse(node.func).startswith(("builtins.", "__builtins__."))):
            yield LOSES_NAN[name]
        if name in ("nlargest", "nsmallest"):
            yield LOSES_NAN["sorted"]
        if builtin and name in ("int", "float") and any(isinstance(a, ast.Compare) for a in node.args):
            yield "a truth value made a number: show the number that is compared"
        parts = [called(n) for n in ast.walk(node.func) if isinstance(n, (ast.Name, ast.Attribute))] + [name]
        if any(("nan" in p.lower() and p not in ("isnan", "nan")) or p in ("dropna", "fillna", "fmax", "fmin") for p in parts):
            yield f"{name} hides nan: let it through, and the claim is refused"
        if any(k.arg in ("default", "initial", "where", "nan") for k in node.keywords):
            yield f"{', '.join(k.arg or '**' for k in node.keywords)}= answers where there is nothing"
        if name == "bool" and isinstance(node.func, ast.Name) and not any(isinstance(a, ast.Compare) for a in node.args):
            yield "bool() of a number is true of nearly every number: compare it"
        if isinstance(node.func, ast.Name) and name in HIDING:
            yield f"{name}() hides what is compared: write it out"
        if name in ("highest", "lowest") and any(_is_filled_up(a) for a in node.args):
            yield "a number typed in beside * answers where there is nothing"
    if isinstance(node, (ast.comprehension, ast.Subscript)):
        tests = node.ifs if isinstance(node, ast.comprehension) else [node.slice]
        if any(called(n.func) in ("isnan", "isfinite", "isinf") for t in tests for n in ast.walk(t) if isinstance(n, ast.Call)):
            yield "nan is filtered out: let it through, and the claim is refused"
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        written = [n for side in sides if isinstance(side, (ast.List, ast.Tuple, ast.Set, ast.Dict)) for n in ast.walk(side)]
        if any(isinstance(n, ast.Compare) for n in written):
            yield "comparisons in a list: write them as comparisons"
        for left, right in itertools.pairwise(sides):
            if ast.dump(left) == ast.dump(right):
                yield "compares a thing with itself"
        for op, right in zip(node.ops, node.comparators, strict=True):
            known = getattr(right, "value", None) is True and getattr(node.left, "attr", "").startswith("is_")
            if isinstance(op, (ast.Is, ast.IsNot)) and not known:
                yield "`is` compares identities: compare numbers"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and getattr(node.operand, "attr", "").startswith("is_"):
        yield "it also holds when sympy does not know: compare with `is True` or `is False`"


def _is_filled_up(node: ast.expr) -> bool:
    """`[0, *found]`: a list that is never empty, whatever was found."""
    parts = node.elts if isinstance(node, (ast.List, ast.Tuple)) else []
    return any(isinstance(p, ast.Starred) for p in parts) and any(isinstance(p, ast.Constant) for p in parts)


def _lint_form(story: Story, node: ast.expr, kind: str, at: Place, depth: int = 6) -> None:
    """A condition is made of comparisons; a name in it must stand for one."""
    if isinstance(node, ast.BoolOp):
        if any(isinstance(v, ast.Constant) for v in node.values):
            raise TypeError(f"{kind}: a constant in {ast.unparse(node)}")
        for value in node.values:
            _lint_form(story, value, kind, at, depth)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = node.operand
        if isinstance(inner, ast.Compare) and any(isinstance(op, ast.Eq) for op in inner.ops):
            raise TypeError(f"{kind}: {ast.unparse(node)} holds for nearly all numbers: say by how much they differ")
        _lint_form(story, inner, kind, at, depth)
    elif isinstance(node, ast.Compare):
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.NotEq) and not (isinstance(right, ast.Constant) and isinstance(right.value, (int, str))):
                raise TypeError(f"{kind}: {ast.unparse(node)} holds for nearly all numbers: say by how much they differ")
    elif isinstance(node, ast.Name) and depth:
        found = story.lookup(node.id, at)
        if not found and story.values is None:
            return
        if len(found) != 1 or found[0].how != "=":
            raise TypeError(f"{kind}: {node.id} is a truth value from elsewhere: compare numbers, or count")
        _lint_form(story, found[0].node, kind, found[0].at, depth - 1)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            for definition, place in Flow(story).definitions(node.func, at):
                body = definition.body if isinstance(definition, ast.Lambda) else _single_return(definition)
                if body is not None and depth:
                    return _lint_form(story, body, kind, place, depth - 1)
        if len(node.args) == 1 and isinstance(node.args[0], (ast.Compare, ast.BoolOp)) and called(node.func) in WRAPPING:
            return _lint_form(story, node.args[0], kind, at, depth)
        if called(node.func) in ("item",) and isinstance(node.func, ast.Attribute):
            return _lint_form(story, node.func.value, kind, at, depth)
        raise TypeError(f"{kind}: {ast.unparse(node)} is no comparison of numbers: write loss < 0.1, or count")
    elif isinstance(node, (ast.BinOp, ast.Subscript, ast.Attribute)):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            raise TypeError(f"{kind}: {ast.unparse(node)} is no comparison of numbers: write loss < 0.1, or count")
        _lint_form(story, node.left, kind, at, depth)
        _lint_form(story, node.right, kind, at, depth)
    else:
        raise TypeError(f"{kind}: {ast.unparse(node)} is no comparison of numbers: write loss < 0.1, or count")
    return None


def _single_return(definition: ast.FunctionDef) -> ast.expr | None:
    body = [s for s in definition.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


def _lint_null(story: Story, condition: ast.expr, null: ast.expr) -> None:
    """The null is the condition with other numbers: the same comparisons, the same bounds."""
    at = story.now
    while isinstance(null, ast.Name) and len(found := story.lookup(null.id, at)) == 1 and found[0].how == "=":
        null, at = found[0].node, found[0].at
    if isinstance(null, ast.Constant) and isinstance(null.value, str):
        return
    if isinstance(null, (ast.ListComp, ast.GeneratorExp)):
        each = [null.elt]
    else:
        each = null.elts if isinstance(null, (ast.List, ast.Tuple)) else [null]
    if not each:
        raise TypeError("claim: null=[] tries no trivial model")
    wanted = _shape(story, condition)
    for one in each:
        if not any(isinstance(n, ast.Name) for n in ast.walk(one)) or _shape(story, one) != wanted:
            raise TypeError(
                f"claim: null= is the condition itself, for a trivial model: {ast.unparse(condition)} and {ast.unparse(one)} "
                "compare different things"
            )
    if len(each) == 1 and ast.dump(each[0]) == ast.dump(condition):
        raise TypeError("claim: null= is the very condition: put the numbers of a trivial model in it")


def _shape(story: Story, node: ast.expr) -> str:
    """The comparisons of a condition with their bounds, the numbers compared left out."""
    if isinstance(node, ast.Name) and len(found := story.lookup(node.id)) == 1 and found[0].how == "=":
        return _shape(story, found[0].node)
    if isinstance(node, ast.BoolOp):
        return f"({type(node.op).__name__} {' '.join(_shape(story, v) for v in node.values)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"(Not {_shape(story, node.operand)})"
    if isinstance(node, ast.Compare):
        sides = [_bounds(n) for n in (node.left, *node.comparators)]
        return f"({' '.join(type(op).__name__ for op in node.ops)} {sides})"
    if isinstance(node, ast.Call):
        return f"({called(node.func)}: {len(node.args)})"
    return ast.dump(node)


def _bounds(node: ast.expr) -> list[str]:
    """The constants of one side of a comparison, those inside [ ] left out."""
    if isinstance(node, ast.Constant):
        return [repr(node.value)]
    if isinstance(node, ast.Subscript):
        return _bounds(node.value)
    return sorted(b for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr) for b in _bounds(child))


# --- trying other numbers ------------------------------------------------------------------------------------------------


class Trial:
    """The condition as a function of the numbers in it, evaluated where they are others."""

    def __init__(self, story: Story, condition: ast.expr, numbers: Mapping[str, Any], expand: bool) -> None:
        self.story, self.numbers, self.expand = story, numbers, expand
        self.until = time.perf_counter() + SECONDS / 2
        self.nodes: dict[str, ast.AST] = {}
        self.leaves: dict[str, Any] = {}  # placeholder -> value now
        self.keys: dict[str, str] = {}
        self.shown: list[ast.expr] = []
        self.flow = Flow(story)
        self.tree = self.put(copy.deepcopy(condition))
        ast.fix_missing_locations(self.tree)
        self.targets = sorted(
            {float(n.value) for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and _is_number(n.value)}
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
            if direct and _variable(self.story.value(root)):
                return ast.Subscript(go(root), copy.deepcopy(node.slice), ast.Load())
            return self._leaf(node, 1.0 if value is UNKNOWN or not _variable(value) else value, at)
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
                body = definition.body if isinstance(definition, ast.Lambda) else _single_return(definition)
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
        code = compile(ast.fix_missing_locations(ast.Expression(copy.deepcopy(node))), "<condition>", "eval")
        names = [n for n in self.leaves if any(isinstance(x, ast.Name) and x.id == n for x in ast.walk(node))]
        found: set[bool] = set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for changed in self._points(names):
                if time.perf_counter() > self.until:
                    return {True, False}  # large arrays: nothing is refused
                try:
                    found.add(bool(eval(code, {**(self.story.values or {}), **self.leaves, **changed})))
                except Exception:  # no value there: log of a negative number, an empty list
                    continue
                if len(found) == 2:
                    break
        return found

    def value(self, node: ast.expr) -> Any:
        """What a side of a comparison is now."""
        try:
            tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(node)))
            return eval(compile(tree, "<side>", "eval"), {**(self.story.values or {}), **self.leaves})
        except Exception:
            return UNKNOWN

    def _points(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        yield {}
        for name in names:
            for change in _changes(self.leaves[name], name in self.locked, self.targets):
                yield {name: _moved(change, self.leaves[name])}
        rng = random.Random(0)
        for _ in range(60):
            point = {}
            for name in names:
                options = _changes(self.leaves[name], name in self.locked, self.targets)
                point[name] = _moved(rng.choice(options), self.leaves[name]) if options else self.leaves[name]
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


def _variable(value: Any) -> bool:
    """Is this a number, or holds it numbers, so that others can take their place?"""
    if isinstance(value, (numbers.Real, str)):
        return True
    if isinstance(value, (list, tuple)):
        return all(_variable(v) for v in value)
    if isinstance(value, dict):
        return all(_variable(v) for v in value.values())
    return getattr(value, "is_number", False) is True or (hasattr(value, "dtype") and hasattr(value, "tolist"))


FACTORS = (0.0, 1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 10.0, 1e3, 1e6)
STEPS = (1e-6, 1e-3, 0.5, 1.0, 2.0, 30.0, 1e3, 1e6)
SECONDS = 1.0  # of trials, for one claim
LARGE = 10_000  # elements of an array beyond which all are changed alike
Operation = Callable[[float], float]


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _operations(locked: bool, targets: Sequence[float] = ()) -> list[Operation]:
    """Ways to make another number of one. `locked` keeps the sign: a number on both sides of a comparison."""
    made: list[Operation] = [lambda v, f=f: v * f for f in FACTORS if f or not locked]
    made += [lambda v, c=c: c if c * v > 0 or not locked else v for c in targets]
    if not locked:
        made += [lambda v, f=f: -v * f for f in (*FACTORS, 1.0)] + [lambda v, s=s: v + s for s in STEPS]
        made += [lambda v, s=s: v - s for s in STEPS] + [lambda v, c=c: c for c in (0.0, 1.0, -1.0)]
    return made


def _changes(value: Any, locked: bool, targets: Sequence[float] = ()) -> list[Callable[[Any], Any]]:
    """Ways to make another value of this one."""
    if isinstance(value, str):
        return [lambda v: v + "?"]
    if _size(value) is None or getattr(value, "ndim", 1) == 0:
        return [lambda v, op=op: _changed(v, lambda: op) for op in _operations(locked, targets)]
    alike = [lambda v, op=op: _changed(v, lambda: op) for op in _operations(locked, targets)]
    return alike + [lambda v, i=i: _changed(v, _drawing(random.Random(i), locked)) for i in range(24)]


def _moved(change: Callable[[Any], Any], value: Any) -> Any:
    try:
        return change(value)
    except Exception:  # a kind of number that cannot be moved stays where it is
        return value


def _drawing(rng: random.Random, locked: bool) -> Callable[[], Operation]:
    operations = _operations(locked)
    return lambda: rng.choice(operations)


def _changed(value: Any, draw: Callable[[], Operation]) -> Any:
    """The value with other numbers in it; a count stays a count."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        moved = round(draw()(float(value)))
        return max(0, moved) if value >= 0 else moved
    if isinstance(value, numbers.Real):
        return draw()((float(value) if math.isfinite(value) else 1.0) or 1e-9)
    if isinstance(value, str):
        return value + "?" * (draw()(1.0) > 1)
    if isinstance(value, dict):
        return {k: _changed(v, draw) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        made = [_changed(v, draw) for v in value]
        return tuple(made) if isinstance(value, tuple) else made
    if getattr(value, "is_number", False) is True:  # sympy's
        return draw()(float(value))
    if not hasattr(value, "dtype"):
        return value
    if "bool" in str(value.dtype):
        return ~value
    if (_size(value) or 0) > LARGE:
        return value * draw()(1.0)
    moved = sys.modules[type(value).__module__.split(".")[0]].asarray(_changed(value.tolist(), draw))
    return moved.to(value.device) if hasattr(value, "device") and hasattr(moved, "to") else moved


def try_other_numbers(story: Story, call: ast.Call, values: Mapping[str, float | int], kind: str) -> None:
    """Refuse a condition that other numbers do not change, and one that is decided by a number that is not shown."""
    given = {k.arg: k.value for k in call.keywords}
    condition = call.args[1] if len(call.args) > 1 else given["condition"]
    written = {ast.dump(node): values[name] for name, node in given.items() if name in values}
    for expand in (False, True) if kind == "claim" else (False,):
        trial = Trial(story, condition, written, expand)
        for atom, wanted in [*trial.atoms(), (trial.tree, True)]:
            if kind == "check" and not trial.leaves:
                continue  # an identity of written numbers
            if trial.outcomes(atom) == {wanted}:
                shown = f"{ast.unparse(condition)} {'' if atom is trial.tree else '(a part of it) '}"
                raise TypeError(f"{kind}: {shown}holds whatever its numbers are: it decides nothing")
        if not expand:
            trial.shown = [node for name, node in given.items() if name in values]
            null = given.get("null")
            if null is not None and not isinstance(null, ast.Constant) and trial.is_constant(null):
                raise TypeError(f"{kind}: null= depends on nothing computed: let a trivial model be measured as the model is")
            _refuse_hidden(trial, condition, given, written, values, kind)


def _refuse_hidden(trial: Trial, condition: ast.expr, given: Mapping, written: Mapping, values: Mapping, kind: str) -> None:
    """Every number of the condition is shown: itself, or the parts it is computed from."""
    for name, node in given.items():
        if name in values and isinstance(now := trial.story.value(ast.Name(name, ast.Load())), (int, float)):
            used = any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(condition))
            if used and not _same(now, values[name]) and not (isinstance(node, ast.Name) and node.id == name):
                raise TypeError(f"{kind}: {name} is shown as another number than the one that is compared")
    for op, left, right in _sides(condition, trial):
        listed = isinstance(op, ast.Eq) and all(_is_listed(side, trial) for side in (left, right))
        pair = [side for side in (left, right) if not listed and not _is_shown(side, trial, written, values)]
        if pair and not _margin_is_shown(left, right, written):
            raise TypeError(
                f"{kind}: {ast.unparse(pair[0])} decides the claim and is not shown: add it, e.g. value={ast.unparse(pair[0])}"
            )


def _is_listed(node: ast.expr, trial: Trial) -> bool:
    """Is this side a list of several, which is equal to another one or not?"""
    value = trial.value(trial.put(copy.deepcopy(node)))
    return isinstance(value, (list, tuple, dict, set))


def _sides(node: ast.AST, trial: Trial) -> Iterator[tuple[ast.cmpop, ast.expr, ast.expr]]:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if not isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)):
                yield op, left, right
    elif isinstance(node, (ast.BoolOp, ast.UnaryOp, ast.BinOp)):
        for child in ast.iter_child_nodes(node):
            yield from _sides(child, trial)


def _is_shown(node: ast.expr, trial: Trial, written: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Is this side, or are all the numbers it is computed from, among those shown?"""
    if isinstance(node, ast.Constant) or any(ast.dump(node) in map(ast.dump, (w, *_beside(w))) for w in trial.shown):
        return True
    if trial.is_constant(node):
        return True  # math.log(2)
    made = trial.put(copy.deepcopy(node))
    names = {n.id for n in ast.walk(made) if isinstance(n, ast.Name) and n.id in trial.leaves}
    known = not any(isinstance(n, ast.Call) and ast.dump(n) not in written for n in ast.walk(node) if _opaque(n, trial))
    value = trial.value(made) if known else UNKNOWN
    if value is not UNKNOWN:
        value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
        if isinstance(value, str) or (isinstance(value, bool) and isinstance(node, ast.Name)):
            return True
        if _is_number(value) and any(_same(value, v) or _same(-value, v) for v in values.values()):
            return True
        if not _is_number(value) and _all_shown(value, values):
            return True
    if known and names and all(_all_shown(trial.leaves[n], values) or trial.is_constant(trial.nodes[n]) for n in names):
        return True
    passing = {*BUILTIN, "log", "log10", "sqrt", "exp", "item", "highest", "lowest"} - {"len"}
    if isinstance(node, (ast.BinOp, ast.UnaryOp)) or (isinstance(node, ast.Call) and called(node.func) in passing):
        parts = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        if isinstance(node, ast.Call):
            parts = list(node.args)
            if isinstance(node.func, ast.Attribute) and not trial.flow.of_module(node.func):
                parts.append(node.func.value)
        return bool(parts) and all(_is_shown(p, trial, written, values) for p in parts)
    return False


def _all_shown(value: Any, values: Mapping[str, Any]) -> bool:
    """Are all numbers in a short list, or the number itself, among those shown?"""
    if isinstance(value, dict):
        value = list(value.values())
    if hasattr(value, "tolist") and (_size(value) or 1) <= 8:
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= 8 and all(_all_shown(v, values) for v in value)
    return _is_number(value) and any(_same(value, v) for v in values.values())


def _opaque(node: ast.AST, trial: Trial) -> bool:
    return isinstance(node, ast.Call) and called(node.func) not in {*PURE, *BUILTIN}


def _margin_is_shown(left: ast.expr, right: ast.expr, written: Mapping[str, Any]) -> bool:
    """The difference or the quotient of the two sides, constants apart, decides as well as the sides do."""
    for a, b in ((left, right), (right, left)):
        for one in (a, *_without_constant(a)):
            for other in (b, *_without_constant(b)):
                if any(ast.dump(ast.BinOp(one, op, other)) in written for op in (ast.Div(), ast.Sub())):
                    return True
    return False


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


# --- values: nan and emptiness behind the condition ---------------------------------------------------------------------


def refuse_nothing_and_nan(story: Story, call: ast.Call, kind: str) -> str:
    """Look at what the condition is computed from: what is empty is refused; the name of what holds nan is returned."""
    given = {k.arg: k.value for k in call.keywords}
    condition = call.args[1] if len(call.args) > 1 else given["condition"]
    undecided = ""
    parts = [p for p in (condition, given.get("null")) if p is not None]
    calls = [n for p in parts for n in ast.walk(p) if isinstance(n, ast.Call) and called(n.func) == "len" and n.args]
    counted = {id(call.args[0]) for call in calls}  # a list of failures may be empty, and its length be claimed
    for node, at in (found for part in parts for found in Flow(story).nodes(part, story.now)):
        if not isinstance(node, ast.Name) or len(
            {b.at for b in story.lookup(node.id)} - {b.at for b in story.lookup(node.id, at)}
        ):
            continue
        value = story.value(node)
        if value is UNKNOWN or isinstance(value, (str, bytes, type, ModuleType)) or callable(value):
            continue
        size = _size(value)
        if size == 0 and id(node) not in counted:
            raise TypeError(f"{kind}: {node.id} is empty: nothing was compared")
        if (size is None or 0 < size <= 10**6) and holds_nan(value):
            undecided = undecided or node.id
    return undecided


def _size(value: Any) -> int | None:
    """How many numbers a container or an array holds; None for anything else."""
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return len(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        size = value.numel() if hasattr(value, "numel") else getattr(value, "size", None)
        return size if isinstance(size, int) else None
    return None


def holds_nan(value: Any, depth: int = 4) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, (list, tuple, set, frozenset)) and depth:
        return any(holds_nan(v, depth - 1) for v in value)
    if isinstance(value, dict) and depth:
        return any(holds_nan(v, depth - 1) for v in value.values())
    if "float" in str(getattr(value, "dtype", "")) and hasattr(value, "sum"):
        try:
            return bool((value != value).any())
        except (TypeError, ValueError, RuntimeError):
            return False
    return False


# --- words ---------------------------------------------------------------------------------------------------------------

_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?(?:/\d+)?)(?![\d.]|\s*[-+*^(/\u2212])\s*(%|per cent)?"
_WORDS = {
    "below": re.compile(rf"\b(?:below|under|less than|smaller than|fewer than|at most|no more than|up to) {_NUMBER}", re.I),
    "above": re.compile(rf"\b(?:above|over|more than|larger than|greater than|at least|no less than) {_NUMBER}", re.I),
}


_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _digits(found: re.Match) -> str:
    return str(_NUMBERS.index(found.group(1)))


def refuse_other_words(text: str, condition: ast.expr, kind: str) -> None:
    """'below 10' beside `< 100`: a bound of the sentence that every bound of the condition is wider than."""
    bounds: dict[str, list[float]] = {"below": [], "above": []}
    for node in ast.walk(condition):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
                upward = isinstance(op, (ast.Lt, ast.LtE))
                if isinstance(op, COMPARISONS):
                    for side, direction in ((right, upward), (left, not upward)):
                        value = _constant(side)
                        if value is not None:
                            bounds["below" if direction else "above"].append(value)
    text = re.sub(
        r"\b(" + "|".join(_NUMBERS) + r")\b(?! (?:third|quarter|fifth|tenth|hundred|thousand|standard|of))", _digits, text
    )
    for direction, pattern in _WORDS.items():
        for found in pattern.finditer(re.sub(r"\$[^$]*\$", " ", text)):
            said = float(Fraction(found.group(1).replace(",", ""))) / (100 if found.group(2) else 1)
            given = bounds[direction]
            wider = [b for b in given if (b > said * 1.0001 if direction == "below" else b < said * 0.9999)]
            if given and len(wider) == len(given):
                raise TypeError(
                    f"{kind}: the sentence says {found.group(0)!r}, the condition {ast.unparse(condition)}: make them agree"
                )


def _constant(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
