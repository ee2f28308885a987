"""Read the cells a derivation is made in, and refuse what leaves no trace in a value.

`(x - m)/(x - m)` is 1 before any checker sees it, `zip` has dropped a state, `force=True` has ignored a branch, a line under
`if` was never made: such things are visible only in the text, of this cell and of those that its names come from. Functions are
recognised by what they are, not by how they are called here. Where the text is not to be had, nothing is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

import sympy as sp

from nbdgm.proof.cells import Place, Story, called, is_filled, parents
from nbdgm.proof.errors import ProofError

RANDOM_VARIABLES = {"Normal", "Uniform", "Exponential", "LogNormal", "Bernoulli", "Beta", "Gamma", "Die", "Coin", "Poisson"}
SOLVERS = {"solve", "solveset", "nsolve", "linsolve", "nonlinsolve", "solve_poly_system", "solve_undetermined_coeffs", "roots_"}
HIDING = {
    "eval",
    "exec",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "locals",
    "vars",
    "__import__",
    "import_module",
    "compile",
}
OPEN = {"nbdgm.proof", "nbdgm.proof.laws", "nbdgm.proof.named"}  # modules of this package that chapters may name


def lint_derivation(frame: FrameType) -> None:
    """Refuse a derivation by the text of its cell, and of the cells that its names come from."""
    story = Story.of(frame)
    call = story.call_of(frame)
    typed = story.cells_are_typed
    if call is None:
        outer: FrameType | None = frame
        while outer is not None:
            if Story.is_cell(outer.f_code.co_filename):
                raise ProofError("the text of this derivation is not to be had: write `with derivation(...) as d:` in a cell")
            outer = outer.f_back
        return
    block = lint_place(story, call, typed)
    for node, at in _behind(story, block, typed):
        for complaint in complaints(node, story, at):
            line = getattr(node, "lineno", at[1])
            where = "of the cell" if at[0] == story.cell else "of an earlier cell"
            raise ProofError(f"line {line} {where}: {complaint}")
    _lint_random_variables(story, block)
    lint_lines(story, block)


def lint_lines(story: Story, block: ast.With) -> None:
    """Refuse lines that are no relation of their own, or computed from one another (ProofError)."""
    lines = lines_of(block, called(block.items[0].optional_vars))
    _lint_chained_comparisons(lines)
    _lint_built_from_earlier(lines, story)
    _lint_objectives(lines, story)


def lint_place(story: Story, call: ast.Call, typed: bool = True) -> ast.With:
    """The `with derivation(...) as d:` of this call; ProofError where a cell has it anywhere else than at its top."""
    if called(call.func) != "derivation":
        raise ProofError("call derivation by its name")
    around = story.chain(call)
    block = around[1] if len(around) > 1 and isinstance(around[0], ast.withitem) else None
    if not isinstance(block, ast.With) or len(block.items) != 1 or not isinstance(block.items[0].optional_vars, ast.Name):
        raise ProofError("open a derivation as `with derivation(...) as d:`, and nothing else in that line")
    if typed and around[2:]:
        raise ProofError(f"a derivation stands under a {type(around[2]).__name__}: move it to the top of the cell")
    _lint_block(block, block.items[0].optional_vars.id)
    return block


def _lint_block(block: ast.With, name: str) -> None:
    """Inside the block its derivation is only called, line by line, under nothing but a loop over a written list."""
    allowed: set[ast.AST] = set()

    def visit(statements: list[ast.stmt], targets: set[str]) -> None:
        for statement in statements:
            if isinstance(statement, ast.For) and is_filled(statement.iter) and not statement.orelse:
                visit(statement.body, targets | {n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name)})
                continue
            line = getattr(statement, "value", None)
            made = isinstance(statement, ast.Expr) and isinstance(line, ast.Call) and isinstance(line.func, ast.Attribute)
            if made and called(line.func.value) == name:
                if any(isinstance(a, ast.Name) and a.id in targets for a in line.args[:2]):
                    raise ProofError(f"line {line.lineno} of the cell: write the lines out: a loop may not run through them")
                if line.func.attr.startswith("_") or any(isinstance(a, ast.Starred) for a in line.args):
                    raise ProofError(f"line {line.lineno} of the cell: {ast.unparse(line)[:60]} is no line of a derivation")
                allowed.add(line.func.value)

    visit(block.body, set())
    for node in ast.walk(ast.Module(block.body, [])):
        if isinstance(node, ast.Name) and node.id == name and node not in allowed:
            raise ProofError(
                f"line {node.lineno} of the cell: {name} is used for something else than a line at the top of its block: every "
                "line stands by itself, under no condition, in no function"
            )
        if isinstance(node, (ast.Break, ast.Continue, ast.Return)):
            raise ProofError(f"line {node.lineno} of the cell: lines after this may never be reached")


def lines_of(block: ast.With, name: str) -> list[ast.Call]:
    """The calls of the derivation's methods, in order."""
    found = [n for n in ast.walk(block) if isinstance(n, ast.Call) and called(getattr(n.func, "value", None)) == name]
    return sorted(found, key=lambda n: (n.lineno, n.col_offset))


def parent_in(tree: ast.AST, node: ast.AST) -> ast.AST | None:
    """What the node stands in directly."""
    return parents(tree).get(node)


def _behind(story: Story, block: ast.With, typed: bool) -> Iterator[tuple[ast.AST, Place]]:
    """What the derivation is made of: its whole cell (or function), and what its names stand for in earlier ones."""
    whole = story.tree if story.inside is None else story.inside
    for node in ast.walk(whole):
        yield node, story.now
    for node, at in story.behind(block):
        if at[0] != story.cell:
            yield node, at


def complaints(node: ast.AST, story: Story, at: Place) -> Iterator[str]:
    """What is wrong with one node of a cell that proves something, wherever it stands."""
    if isinstance(node, ast.Call):
        yield from _about_call(node, story, at)
    if isinstance(node, (ast.Name, ast.Attribute)):
        value = story.value(node)
        if called(node) == "DiracDelta" or value is sp.DiracDelta:
            yield "DiracDelta cancels in quotients without a trace: integrate it out first"
        if isinstance(value, ModuleType) and value.__name__.startswith("nbdgm.proof.") and value.__name__ not in OPEN:
            yield f"{value.__name__} is the checker's own: take what you need from nbdgm.proof"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and _is_empty(value) and story.lookup(node.id, at):
            yield f"{node.id} holds nothing: an empty range?"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr not in ("__name__", "__class__", "_print"):
        yield f"{ast.unparse(node)[:60]} is private"
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield f"{ast.unparse(node)[:60]} = ... changes what others see: give the value a name of its own"
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [getattr(node, "module", None) or ""] + [a.name for a in node.names if isinstance(node, ast.Import)]
        if any(n.startswith("nbdgm.proof.") and n not in OPEN for n in names):
            yield "take what you need from nbdgm.proof: the rest is the checker's own"
    if isinstance(node, ast.ClassDef):
        yield f"class {node.name}: a symbol or a function with rules of its own is believed by sympy: use sympy's own kinds"
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
        made = [b.node for b in story.lookup(node.value.id, at)] if isinstance(node.value, ast.Name) else [node.value]
        if any(isinstance(n, ast.Call) and called(n.func) == "integrate" for n in made):
            yield "a branch of a conditional integral: state its condition as an assumption on a symbol"


def _about_call(node: ast.Call, story: Story, at: Place) -> Iterator[str]:
    keywords = {k.arg: k.value for k in node.keywords}
    name = story.meaning(node.func, at)
    function = isinstance(node.func, ast.Name) or isinstance(story.value(getattr(node.func, "value", None)), ModuleType)
    function = function or ast.unparse(getattr(node.func, "value", node.func)) in ("sp", "sympy")
    if None in keywords:
        yield f"** in {ast.unparse(node)[:60]} hides keywords: write them out"
    if "force" in keywords:
        yield "force=True ignores branches: write laws as odds, scales as positive symbols"
    if {"conds", "noconds"} & keywords.keys():
        yield "conds= and noconds= throw conditions away: state them as assumptions on symbols"
    strict = name == "zip" and getattr(keywords.get("strict"), "value", False) is True
    several = len(node.args) > (1 if name == "zip" else 2) or any(isinstance(a, ast.Starred) for a in node.args)
    if name in ("zip", "map") and several and not strict:
        remedy = "zip without strict=True" if name == "zip" else "map, which has no strict=True (zip has),"
        yield f"{remedy} drops what the shorter side lacks"
    if any(story.meaning(a, at) == "zip" for a in (*node.args, *keywords.values()) if isinstance(a, (ast.Name, ast.Attribute))):
        yield "zip is handed on: call it, with strict=True"
    if name == "linprog" and function:
        yield "sympy's linprog silently keeps x >= 0: use lpmin or lpmax with explicit relations"
    if name == "limit" and len(node.args) < (4 if function else 3) and "dir" not in keywords and not _is_line(node):
        to = node.args[2 if function else 1] if len(node.args) > (2 if function else 1) else None
        if to is None or "oo" not in ast.unparse(to):
            yield "limit without a direction is one-sided: give dir"
    if name in SOLVERS or (name == "roots" and function and _of_sympy(story.value(node.func))):
        yield "solve drops roots by assumption: use nbdgm.proof.roots(expr, x, count)"
    if name in ("laplace_transform", "mellin_transform", "fourier_transform", "inverse_laplace_transform"):
        yield f"{name} returns its conditions beside the value: write the Integral, with assumptions on symbols"
    if name in ("refine", "assuming", "posify"):
        yield f"{name} adds hypotheses that the derivation does not show: declare them on the symbols"
    if name == "equals":
        yield ".equals() decides by a few random numbers, or not at all: use a line"
    if (name in HIDING and isinstance(node.func, ast.Name)) or (name == "type" and len(node.args) == 3):
        yield f"{name}() hides what is written: write it out"
    if name in ("symbols", "law", "table") and node.args:
        yield from _about_ranges(node.args[0], story, node)


def _about_ranges(text: ast.expr, story: Story, node: ast.Call) -> Iterator[str]:
    if isinstance(text, ast.Constant):
        for a, b in re.findall(r"(\d+):(\d+)", str(text.value)):
            if int(a) >= int(b):
                yield f"the range {a}:{b} is empty: put an underscore before the index"
    elif isinstance(text, ast.JoinedStr) and _of_sympy(story.value(node.func)):
        yield "a computed range of symbols may be empty: take symbols from nbdgm.proof, which refuses that"


def _is_line(node: ast.Call) -> bool:
    """`d.limit(...)` is a line, and says its direction by position."""
    return isinstance(node.func, ast.Attribute) and len(node.args) + len(node.keywords) >= 5


def _of_sympy(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).startswith("sympy")


def _is_empty(value: Any) -> bool:
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return not value
    return isinstance(value, sp.MatrixBase) and 0 in value.shape


def _lint_random_variables(story: Story, block: ast.With) -> None:
    seen: dict[str, ast.Call] = {}
    for node, at in _behind(story, block, True):
        if isinstance(node, ast.Call) and story.meaning(node.func, at) in RANDOM_VARIABLES and node.args:
            name = getattr(node.args[0], "value", None)
            if isinstance(name, str) and seen.setdefault(name, node) is not node:
                raise ProofError(f"line {node.lineno} of the cell: two random variables named alike are one variable")


def _lint_chained_comparisons(lines: list[ast.Call]) -> None:
    for call in lines:
        for node in ast.walk(call):
            if isinstance(node, ast.Compare) and len(node.ops) > 1:
                raise ProofError(f"line {node.lineno} of the cell: a chained comparison drops a side: one relation a line")


def _lint_built_from_earlier(lines: list[ast.Call], story: Story) -> None:
    """A line must be written out: what is computed from the line before it equals that line by construction."""
    chain: list[ast.expr] = []
    for call in lines:
        method, args = call.func.attr, call.args  # type: ignore[attr-defined]
        if method in ("start", "line") and args:
            chain = [] if method == "start" else chain
            _refuse_containing(args[0], chain, story)
            chain.append(args[0])
        elif method == "equal" and len(args) > 1:
            _refuse_containing(args[1], args[:1], story)
            _refuse_containing(args[0], args[1:2], story)


def _refuse_containing(line: ast.expr, earlier: list[ast.expr], story: Story) -> None:
    inside = {ast.dump(node) for node, _ in story.behind(line)}
    for other in earlier:
        if (
            other is not line
            and not isinstance(other, ast.Constant)
            and not _is_symbol(other, story)
            and ast.dump(other) in inside
        ):
            raise ProofError(
                f"line {line.lineno} of the cell: built from the line {ast.unparse(other)!r}: write it out instead"
            )


def _is_symbol(node: ast.expr, story: Story) -> bool:
    """True for a bare name that stands for a sympy symbol or a number; in a chapter that is only read, for every name."""
    if story.values is None:
        return isinstance(node, ast.Name)
    return isinstance(node, ast.Name) and isinstance(story.value(node), (sp.Symbol, sp.Number, int))


def _lint_objectives(lines: list[ast.Call], story: Story) -> None:
    """A derivative forgets terms: what is differentiated must stand in a line of its own as well."""
    outside: set[str] = set()
    inside: dict[str, ast.Call] = {}
    read: set[int] = set()  # values of names, each read once

    def visit(node: ast.AST, at: Place) -> None:
        if isinstance(node, ast.Call) and called(node.func) == "diff":
            method = isinstance(node.func, ast.Attribute) and called(node.func.value) not in ("sp", "sympy")
            target = node.func.value if method else node.args[0] if node.args else None  # type: ignore[attr-defined]
            if isinstance(target, ast.Name) and not _is_symbol(target, story):
                inside.setdefault(target.id, node)
            return
        if isinstance(node, ast.Name):
            outside.add(node.id)
            for binding in story.lookup(node.id, at):
                if binding.how == "=" and id(binding.node) not in read:
                    read.add(id(binding.node))
                    visit(binding.node, binding.at)
        for child in ast.iter_child_nodes(node):
            visit(child, at)

    for call in lines:
        for arg in call.args:
            visit(arg, story.now)
    for name, node in inside.items():
        if name not in outside:
            raise ProofError(
                f"line {node.lineno} of the cell: {ast.unparse(node)} forgets the terms of {name} without that variable: "
                f"prove a line about {name} itself, or write Derivative({name}, ...)"
            )


def _is_zero(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and not isinstance(node.value, bool)
