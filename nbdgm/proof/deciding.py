"""What decides a claim: refuse conditions that cannot be false, or that nan passes through, as the text around them is written.

`lint` asks everything of a call that is made; `lint_place` and `lint_text` ask what the text alone can answer. Each other
question has its file: `flow`, `missing`, `trial`, `shown`, `bounds`, `sentence`. How a claim looks is none of them.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Iterator, Mapping
from types import FrameType

from nbdgm.proof.bounds import refuse_out_of_reach, too_far
from nbdgm.proof.cells import FUNCTIONS, Place, Story, argument, called, is_filled, trivial
from nbdgm.proof.flow import LOSES_NAN, Flow, single_return
from nbdgm.proof.missing import refuse_nothing_and_nan
from nbdgm.proof.sentence import refuse_other_words
from nbdgm.proof.shown import refuse_hidden
from nbdgm.proof.trial import Trial

WRAPPING = set(["as_tensor", "asarray", "bool", "bool_", "float", "int", "tensor"])
HIDING = set(["__import__", "eval", "exec", "getattr", "globals", "locals", "vars"])


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
    refuse_other_words(text, argument(call, 1, "condition"), kind)
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
    condition = argument(call, 1, "condition")
    if any(isinstance(a, ast.Starred) for a in call.args) or condition is None:
        raise TypeError(f"{kind}: write out the text and the condition, claim(text, loss < 0.1, loss=loss)")
    if any(isinstance(n, ast.NamedExpr) for n in ast.walk(call)):
        raise TypeError(f"{kind}: := inside the call: compute it on a line of its own")
    null = trivial(call, kind)
    for role, node in [("condition", condition), ("null", null)]:
        if node is not None and not (isinstance(node, ast.Constant) and isinstance(node.value, (str, type(None)))):
            lint_condition(story, node, kind, role)
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
        yield from too_far(node, story, at)
        sides = [node.left, *node.comparators]
        written = [n for side in sides if isinstance(side, (ast.List, ast.Tuple, ast.Set, ast.Dict)) for n in ast.walk(side)]
        if any(isinstance(n, ast.Compare) for n in written):
            yield "comparisons in a list: write them as comparisons"
        for left, right in itertools.pairwise(sides):
            if ast.dump(left) == ast.dump(right):
                yield "compares a thing with itself"
        for op, right in zip(node.ops, node.comparators, strict=True):
            known = isinstance(getattr(right, "value", None), bool) and getattr(node.left, "attr", "").startswith("is_")
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
                body = definition.body if isinstance(definition, ast.Lambda) else single_return(definition)
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
    wanted = _shape(story, condition)
    for one in each:
        if not any(isinstance(n, ast.Name) for n in ast.walk(one)) or _shape(story, one) != wanted:
            raise TypeError(
                f"claim: null= is the condition itself, for a trivial model: {ast.unparse(condition)} and {ast.unparse(one)} "
                "compare different things"
            )
    if any(ast.dump(one) == ast.dump(condition) for one in each):
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


def try_other_numbers(story: Story, call: ast.Call, values: Mapping[str, float | int], kind: str) -> None:
    """Refuse a condition that other numbers do not change, and one that is decided by a number that is not shown."""
    given = {k.arg: k.value for k in call.keywords}
    condition = argument(call, 1, "condition")
    written = {ast.dump(node): values[name] for name, node in given.items() if name in values}
    for expand in (False, True) if kind == "claim" else (False,):
        trial = Trial(story, condition, written, expand)
        for atom, wanted in [*trial.atoms(), (trial.tree, True)]:
            if kind == "check" and not trial.leaves:
                continue  # an identity of written numbers
            if trial.outcomes(atom) == {wanted}:
                shown = f"{ast.unparse(condition)} {'' if atom is trial.tree else '(a part of it) '}"
                raise TypeError(f"{kind}: {shown}holds whatever its numbers are: it decides nothing")
        if trial.leaves:
            refuse_out_of_reach(trial, kind)
        if not expand:
            null = trivial(call, kind)
            if null is not None and not isinstance(null, ast.Constant) and trial.is_constant(null):
                raise TypeError(f"{kind}: null= depends on nothing computed: let a trivial model be measured as the model is")
            refuse_hidden(trial, condition, given, values, kind)
