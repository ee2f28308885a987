"""What sympy carried out before a line could be checked: the line's text is computed again, piece by piece, and watched.

`(x - m) * (x - m)**-1` is 1, and `F - F` is 0 for an integral F that diverges, before any checker sees them. Here each
operation of the text is repeated with its operands, and a denominator or an integral that it makes disappear is reported.
Lambdas and comprehensions are followed. Where the text is not to be had, or takes too long, nothing is refused.
"""

from __future__ import annotations

import ast
import operator
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from types import FrameType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.cells import Story
from nbdgm.proof.conditions import EDGES, Condition, conditions, follows
from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import short
from nbdgm.proof.hypotheses import Hypotheses, kind, refuse_symbol
from nbdgm.proof.makers import unnoticed
from nbdgm.proof.named import unfold

SECONDS = 5
OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
CARRIED_OUT = {  # what a line displays must still be there when it is checked
    sp.integrate: "Integral",
    sp.limit: "d.limit",
    sp.summation: "Sum",
    sp.product: "Product",
}
SIMPLIFIERS = {  # functions that may lose what they were given
    *(
        "simplify",
        "cancel",
        "together",
        "factor",
        "expand",
        "ratsimp",
        "radsimp",
        "apart",
        "powsimp",
        "collect",
        "doit",
        "prod",
    ),
    *(
        "sum",
        "Add",
        "Mul",
        "Pow",
        "expand_log",
        "logcombine",
        "trigsimp",
        "combsimp",
        "gammasimp",
        "nsimplify",
        "fsum",
        "reduce",
    ),
}
MAKERS = ("law", "table", "kernel", "unit")


class _Unreadable(Exception):
    """The text does not say what this is."""


def refuse_lost(frame: FrameType | None, hypotheses: Hypotheses) -> None:
    """Raise when the line that `frame` is computing has lost a denominator or an integral on the way to the checker."""
    calls = _lines(frame) if frame is not None else []
    if not calls:
        return
    reader = _Reader(frame, hypotheses)
    try:
        with cpu_limit(SECONDS), unnoticed():
            for argument in [a for c in calls for a in (*c.args, *(k.value for k in c.keywords if k.arg in ("gap", "value")))]:
                reader.needs.clear()
                with suppress(_Unreadable):
                    reader.refuse_lost_needs(reader.read(argument))
    except TimeUp:
        return


def refuse_two_makers(frame: FrameType | None) -> None:
    """Raise when the lines use two laws or tables that share a letter: they share their symbols, and are one."""
    if frame is None:
        return
    story = Story.of(frame)
    block = next((n for n in ast.walk(story.tree) if isinstance(n, ast.With) and _spans(n, frame.f_lineno)), None)
    made: dict[str, ast.Call] = {}
    for node, _ in story.behind(block) if block is not None else ():
        if (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and story.meaning(node.func) in MAKERS
        ):
            name = node.args[0].value
            if ast.dump(made.setdefault(name, node)) != ast.dump(node) or _elsewhere(made[name], node):
                raise ProofError(
                    f"two laws or tables are called {name!r}: they share their symbols, and are one; take another letter"
                )


def _elsewhere(one: ast.Call, other: ast.Call) -> bool:
    return one is not other and (one.lineno, one.col_offset) != (other.lineno, other.col_offset)


@lru_cache(maxsize=64)
def _calls(tree: ast.AST) -> list[ast.Call]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]


def _lines(frame: FrameType) -> list[ast.Call]:
    """The calls of methods of a derivation that stand where the frame is."""
    story = Story.of(frame)
    found = [n for n in _calls(story.tree) if _spans(n, frame.f_lineno) and isinstance(n.func.value, ast.Name)]
    space = {**frame.f_globals, **frame.f_locals}
    return [n for n in found if hasattr(space.get(n.func.value.id), "_admit")]


def _spans(node: ast.AST, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


class _Reader:
    """Computes expressions of the cell again; `space` holds what their names stand for now."""

    def __init__(self, frame: FrameType, hypotheses: Hypotheses) -> None:
        self.story, self.hypotheses = Story.of(frame), hypotheses
        self.space = {**frame.f_globals, **frame.f_locals}
        self.seen: set[int] = set()
        self.needs: list[tuple[str, Condition]] = []  # of functions that are not defined everywhere

    def read(self, node: ast.AST, own: Mapping[str, Any] | None = None) -> Any:
        """The value of the node; operations in it are watched. `own` are the names of lambdas and comprehensions around it."""
        own = own or {}
        try:
            return self._read(node, own)
        except (ProofError, TimeUp):
            raise
        except Exception:  # a part cannot be read: perhaps the whole can be computed
            try:
                return self._plain(node, own)
            except Exception:
                raise _Unreadable from None

    def _read(self, node: ast.AST, own: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            left, right = self.read(node.left, own), self.read(node.right, own)
            found = OPERATIONS[type(node.op)](left, right)
            self._watch(node, left, right, found)
            return found
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.read(node.operand, own)
        if isinstance(node, ast.Name):
            return self._name(node, own)
        if isinstance(node, ast.Call):
            return self._call(node, own)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return [self.read(node.elt, inner) for inner in self._loops(node.generators, own)]
        if isinstance(node, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            values = [self.read(e, own) for e in node.elts]
            return tuple(values) if isinstance(node, ast.Tuple) else values
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            self.read(node.value, own)
        return self._plain(node, own)

    def _plain(self, node: ast.AST, own: Mapping[str, Any]) -> Any:
        return eval(compile(ast.Expression(node), "<line>", "eval"), {**self.space, **own})  # the cell's own text

    def _name(self, node: ast.Name, own: Mapping[str, Any]) -> Any:
        if node.id in own:
            return own[node.id]
        for binding in self.story.lookup(node.id):
            if binding.how == "=" and id(binding.node) not in self.seen and isinstance(binding.node, ast.expr):
                self.seen.add(id(binding.node))
                try:
                    self.read(binding.node)
                except _Unreadable:
                    continue
        value = self.space[node.id]
        if (
            isinstance(value, (sp.Symbol, AppliedUndef)) and kind(value) is None
        ):  # it may be gone from the line, but its assumptions were used
            refuse_symbol(value, self.hypotheses)
        return value

    def _call(self, node: ast.Call, own: Mapping[str, Any]) -> Any:
        function = self._plain(node.func, own)
        if isinstance(function, types.FunctionType) and function in CARRIED_OUT:
            raise ProofError(
                f"{ast.unparse(node)} is carried out before it can be checked: write {CARRIED_OUT[function]} in the line"
            )
        plain = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
        if isinstance(node.func, ast.Attribute):
            with suppress(_Unreadable):
                self.read(node.func.value, own)
        arguments = []
        for argument in node.args:
            try:
                arguments.append(self.read(argument, own))
            except _Unreadable:
                plain = False
        self._refuse_idle_slope(node, function, arguments, own)
        body = self._body(node.func) if plain else None
        if body is not None and isinstance(function, types.FunctionType) and len(body.args.args) == len(arguments):
            inner = {**own, **dict(zip((a.arg for a in body.args.args), arguments, strict=True))}
            with suppress(_Unreadable):
                return self._run(body.body, inner)
        found = function(*arguments) if plain else self._plain(node, own)
        self._watch_call(node, function, arguments, found)
        if isinstance(found, sp.Expr) and getattr(function, "__module__", "").startswith("sympy.functions"):
            self.needs += [(ast.unparse(node)[:80], c) for c in _edges(function, arguments, self.hypotheses)]
        return found

    def _body(self, func: ast.AST) -> ast.Lambda | ast.FunctionDef | None:
        """The function of the cells that a name stands for."""
        if isinstance(func, ast.Lambda):
            return func
        found = self.story.lookup(func.id) if isinstance(func, ast.Name) else []
        known = found and found[-1].how in ("=", "def") and isinstance(found[-1].node, (ast.Lambda, ast.FunctionDef))
        return found[-1].node if known else None

    def _run(self, body: ast.expr | list[ast.stmt], own: dict[str, Any]) -> Any:
        """The value of a lambda, or of a function that assigns names and returns."""
        if isinstance(body, ast.expr):
            return self.read(body, own)
        for statement in body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.read(statement.value, own)
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                exec(_bind(statement.targets[0]), {"item_": self.read(statement.value, own)}, own)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                raise _Unreadable
        raise _Unreadable

    def _loops(self, generators: list[ast.comprehension], own: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if not generators:
            yield dict(own)
            return
        first, *rest = generators
        for item in self._plain(first.iter, own):
            inner = {**own}
            exec(_bind(first.target), {"item_": item}, inner)  # binds the targets as Python does
            if all(self._plain(test, inner) for test in first.ifs):
                yield from self._loops(rest, inner)

    def _watch_call(self, node: ast.Call, function: Any, arguments: list[Any], found: Any) -> None:
        """Sums, products and simplifications are watched as operations are."""
        if getattr(function, "__name__", "") not in SIMPLIFIERS:
            return
        owner = getattr(function, "__self__", None)
        given = [owner, *arguments] if isinstance(owner, sp.Basic) else arguments
        flat = [e for g in given for e in (g if isinstance(g, (list, tuple)) else [g]) if isinstance(e, sp.Expr)]
        self._compare(node, flat, found)

    # --- what is refused -------------------------------------------------------------------------------------------------

    def _watch(self, node: ast.BinOp, left: Any, right: Any, found: Any) -> None:
        if isinstance(node.op, (ast.Div, ast.FloorDiv, ast.Mod)) and isinstance(right, sp.Expr):
            right = sp.Pow(right, -1)
        self._compare(node, [side for side in (left, right) if isinstance(side, sp.Expr)], found)

    def _compare(self, node: ast.expr, sides: list[sp.Expr], found: Any) -> None:
        if not sides or not isinstance(found, sp.Expr):
            return
        kept = _improper(found)
        for head in set().union(*map(_improper, sides)) - kept:
            raise ProofError(
                f"{ast.unparse(node)[:80]}: {short(head)} is gone before anything can be checked: it may not exist; "
                "leave it out, or prove its value first"
            )
        kept = _denominators(found)
        for base in set().union(*map(_denominators, sides)) - kept:
            if -base not in kept and not _inside(base, kept) and not follows(base, "!=", self.hypotheses):
                raise ProofError(
                    f"{ast.unparse(node)[:80]} is simplified before anything can be checked, and "
                    f"{Condition(base, '!=').plain} is said nowhere: name an interval in domain=, or declare a sign"
                )

    def refuse_lost_needs(self, value: Any) -> None:
        """Raise when a function that is not defined everywhere has gone from the line, and nothing says where it is."""
        if not self.needs or not isinstance(value, sp.Expr):
            return
        kept = conditions(value, self.hypotheses)
        for text, need in self.needs:
            if need.expr.free_symbols <= value.free_symbols and not any(need.expr == c.expr for c in kept):
                raise ProofError(f"{text} is simplified before anything can be checked, and {need.plain} is said nowhere")

    def _refuse_idle_slope(self, node: ast.Call, function: Any, arguments: list[Any], own: Mapping[str, Any]) -> None:
        name = getattr(function, "__name__", "")
        if name != "diff":
            return
        owner = getattr(function, "__self__", None)
        given = [owner, *arguments] if isinstance(owner, sp.Basic) else arguments
        if len(given) < 2 or not isinstance(given[0], sp.Expr):
            return
        for x in given[1:]:
            x = x[0] if isinstance(x, (tuple, list, sp.Tuple)) else x
            if isinstance(x, sp.Symbol) and x not in unfold(given[0]).free_symbols:
                raise ProofError(
                    f"{ast.unparse(node)[:80]} is 0: {short(given[0])} does not contain this {x}; another symbol of that name?"
                )


def _edges(function: Any, arguments: list[Any], hypotheses: Hypotheses) -> list[Condition]:
    """What a function needs of its argument, beyond the hypotheses, whatever sympy makes of the call."""
    if len(arguments) != 1 or not isinstance(arguments[0], sp.Expr) or not arguments[0].free_symbols:
        return []
    if function is sp.log:
        needs = [(arguments[0], ">")]
    else:
        needs = [(need(arguments[0]), sign) for kinds, need, sign in EDGES if function in kinds]
    return [Condition(e, sign) for e, sign in needs if not follows(unfold(e), sign, hypotheses)]


@lru_cache(maxsize=256)
def _bind(target: ast.AST) -> types.CodeType:
    statement = ast.Assign([target], ast.Name("item_", ast.Load()))
    return compile(ast.fix_missing_locations(ast.Module([statement], [])), "<line>", "exec")


def _improper(expr: sp.Expr) -> set[sp.Expr]:
    """Integrals and infinite sums, which may diverge, and inverses, which need not exist."""
    infinite = {s for s in expr.atoms(sp.Sum, sp.Product) if any(b.is_infinite for limit in s.limits for b in limit[1:])}
    return expr.atoms(sp.Integral, sp.Inverse) | infinite


@lru_cache(maxsize=2048)
def _denominators(expr: sp.Expr) -> frozenset[sp.Expr]:
    """The bases of negative powers that contain a symbol, without their numeric factors."""
    found = set()
    for power in unfold(expr).atoms(sp.Pow):
        if power.exp.is_extended_negative and power.base.free_symbols:
            for factor in sp.Mul.make_args(power.base):
                base = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_Rational else factor
                if base.free_symbols:
                    found.add(base.primitive()[1] if base.is_Add else base)
    return frozenset(found)


def _inside(base: sp.Expr, kept: frozenset[sp.Expr]) -> bool:
    """True when the base is a factor of another denominator that is still there."""
    return any(base in sp.Mul.make_args(other) or (other.is_Add and _divides(base, other)) for other in kept)


def _divides(base: sp.Expr, other: sp.Expr) -> bool:
    try:
        return bool(base.free_symbols <= other.free_symbols and sp.rem(other, base, *sorted(base.free_symbols, key=str)) == 0)
    except (sp.PolynomialError, ValueError, TypeError):
        return False
