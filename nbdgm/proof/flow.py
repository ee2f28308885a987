"""The flow of values: which expressions a condition's value comes from, followed backwards through the names of the cells.

Nothing is judged here: `deciding` and `missing` judge what they find in the flow. Nothing is computed either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbdgm.proof.cells import FUNCTIONS, UNKNOWN, Binding, Place, Story, bindings_of

# Functions that let nan, or nothing, pass for an answer: with what to write instead.
LOSES_NAN = {
    "max": "max() and min() pass over nan: use highest(...) and lowest(...)",
    "min": "max() and min() pass over nan: use highest(...) and lowest(...)",
    "sorted": "sorted() leaves nan anywhere: use highest(...) and lowest(...)",
    "any": "any() of nothing is false, and nan answers nothing: count, or use highest(...) and lowest(...)",
    "all": "all() of nothing is true: compare the worst case, highest(...) or lowest(...), or count",
    "filter": "filter() drops what it does not like: count, or use highest(...) and lowest(...)",
}
BUILTIN = {"abs", "dict", "divmod", "float", "int", "len", "list", "pow", "range", "round", "set", "sum", "tuple", "zip"}
# Functions and methods that give the same for the same, by the last part of their names: their arguments are followed.
PURE = {
    *("abs", "absolute", "amax", "amin", "argmax", "argmin", "array", "as_tensor", "asarray", "cat", "ceil", "clamp"),
    *("clip", "concatenate", "cos", "cpu", "cumsum", "detach", "diff", "double", "exp", "fabs", "flatten", "float"),
    *("float32", "float64", "floor", "fsum", "get", "highest", "hypot", "item", "items", "keys", "log", "log10", "log1p"),
    *("log2", "logsumexp", "lowest", "max", "mean", "median", "min", "norm", "numpy", "percentile", "prod", "quantile"),
    *("ravel", "reshape", "sin", "sort", "sqrt", "square", "squeeze", "stack", "std", "sum", "tanh", "tensor", "tolist"),
    *("trapezoid", "values", "var"),
}
NUMBER_LIBRARIES = {
    *("_functools", "_heapq", "_operator", "fractions", "functools", "heapq", "itertools", "math", "mpmath", "numpy"),
    *("operator", "scipy", "statistics", "sympy", "torch"),
}
FOLLOWED = {*BUILTIN, *LOSES_NAN, "bool", "highest", "lowest"}


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
        definitions = [(function, at)] if isinstance(function, ast.Lambda) else []
        if isinstance(function, ast.Name) and function.id not in own:
            definitions = self.definitions(function, at, local)
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
        elif self.of_module(function) or self.story.meaning(function, at) in FOLLOWED:
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


def single_return(definition: ast.FunctionDef) -> ast.expr | None:
    body = [s for s in definition.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
