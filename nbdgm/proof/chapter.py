"""Read a whole chapter without running it: what tests ask of the text of its cells.

`lint_chapter` says what is wrong, over all cells that prove or claim something; `count` says how many derivations, lines,
claims and checks a run must leave behind, so that one that was never made is missed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nbdgm.proof import deciding, source
from nbdgm.proof.cells import Story, argument, called, is_filled, parse
from nbdgm.proof.errors import ProofError
from nbdgm.proof.sentence import refuse_other_words

OURS = ("claim", "check", "derivation", "highest", "lowest")
KEPT = {*OURS, "nbdgm", "abs", "all", "any", "bool", "float", "int", "len", "max", "min", "round", "sorted", "sum", "zip"}


@dataclass(frozen=True)
class Text:
    """A code cell: what is written in it, and its tags."""

    source: str
    tags: Sequence[str] = field(default=())


@dataclass
class Count:
    """What a cell makes when it runs."""

    derivations: int = 0
    lines: int = 0
    claims: int = 0
    checks: int = 0


def lint_chapter(cells: Sequence[Text]) -> list[str]:
    """Everything that is wrong with the cells of a chapter, in words, with the number of the cell; empty when nothing is."""
    trees = [parse(cell.source) for cell in cells]
    library = {name for cell, tree in zip(cells, trees, strict=True) if "proof" not in cell.tags for name in _imported(tree)}
    found = []
    for number, (cell, tree) in enumerate(zip(cells, trees, strict=True)):
        story = Story(trees[: number + 1])
        story.cells_are_typed = True
        found += [f"cell {number}, {said}" for said in _about_cell(story, tree, cell)]
        if "proof" in cell.tags:
            found += [f"cell {number}, {said}" for said in _taken(tree, library)]
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    """The names that a cell gets from the library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nbdgm"):
            yield from (alias.asname or alias.name for alias in node.names)


def _taken(tree: ast.Module, library: set[str]) -> Iterator[str]:
    """A folded cell that gives a part of the library another meaning breaks the cells that a reader sees."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in library:
            yield f"line {node.lineno}: {node.id} is the library's in other cells: take another name"


def _about_cell(story: Story, tree: ast.Module, cell: Text) -> Iterator[str]:
    """What is wrong with one cell, seen in the light of those before it."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    calls.sort(key=lambda n: (n.lineno, n.col_offset))
    for call in calls:
        story.line = call.lineno
        kind = story.meaning(call.func)
        try:
            if kind in ("claim", "check"):
                deciding.lint_place(story, call, kind)
                deciding.lint_text(story, call, kind)
                text = argument(call, 0, "text")
                if isinstance(text, ast.Constant):
                    refuse_other_words(str(text.value), argument(call, 1, "condition"), kind)
            elif kind == "derivation":
                block = source.lint_place(story, call)
                if "proof" not in cell.tags:
                    yield f"line {call.lineno}: a derivation: tag the cell proof"
                source.lint_lines(story, block)
        except (TypeError, ProofError) as error:
            yield f"line {call.lineno}: {error}"
    story.line = 10**9
    if "proof" in cell.tags:
        for node in ast.walk(tree):
            yield from (f"line {getattr(node, 'lineno', 0)}: {said}" for said in source.complaints(node, story, story.now))
    yield from _about_names(story, tree)


def _about_names(story: Story, tree: ast.Module) -> Iterator[str]:
    """Names that a chapter may not take for something else, and parts of the library that it may not change."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in KEPT:
            yield f"line {line}: {node.id} is a name of Python's or of the book's: take another"
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in KEPT:
            yield f"line {line}: {node.name} is a name of Python's or of the book's: take another"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name, module = alias.asname or alias.name, getattr(node, "module", None) or ""
                renamed = alias.asname and alias.name in OURS and alias.asname != alias.name
                if renamed or (name in KEPT - {"nbdgm"} and not module.startswith("nbdgm")):
                    yield f"line {line}: {ast.unparse(node)} gives a name of Python's or of the book's another meaning"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in ("claim", "check", "derivation"):
            parent = source.parent_in(tree, node)
            if not (isinstance(parent, ast.Call) and parent.func is node):
                yield f"line {line}: {node.id} is handed on: call it by its name"
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
            root = ast.unparse(node).split(".")[0]
            if root in ("nbdgm", "proof", "claims", "checking", "rendering"):
                yield f"line {line}: {ast.unparse(node)} is the library's: leave it as it is"
        if isinstance(node, ast.Constant) and node.value in ("NBDGM_CLAIMS", "NBDGM_SEED", "NBDGM_STRETCH", "NBDGM_BUDGET"):
            yield f"line {line}: {node.value} is set by whoever runs the chapter"


def count(cells: Sequence[Text]) -> list[Count]:
    """What each cell makes when it runs; loops over written lists are counted as often as they run."""
    trees = [parse(cell.source) for cell in cells]
    made = []
    for number, tree in enumerate(trees):
        story, counted = Story(trees[: number + 1]), Count()
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            story.line = call.lineno
            kind = story.meaning(call.func)
            times = _times(story.chain(call))
            if kind == "derivation":
                counted.derivations += times
                block = next((n for n in story.chain(call) if isinstance(n, ast.With)), None)
                name = called(block.items[0].optional_vars) if block else ""
                for line in source.lines_of(block, name) if block else ():
                    counted.lines += _times(story.chain(line))
            elif kind in ("claim", "check"):
                setattr(counted, f"{kind}s", getattr(counted, f"{kind}s") + times)
        made.append(counted)
    return made


def _times(around: Sequence[ast.AST]) -> int:
    """How often the loops around a statement run."""
    times = 1
    for node in around:
        if isinstance(node, ast.For) and is_filled(node.iter):
            arguments = [a.value for a in node.iter.args] if isinstance(node.iter, ast.Call) else []  # type: ignore[union-attr]
            times *= len(range(*arguments)) if arguments else len(node.iter.elts)  # type: ignore[attr-defined]
    return times
