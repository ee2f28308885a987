"""Small inputs for the parts of the checker, as text, and what comes of them in words; tables of both stand in the tests."""

from __future__ import annotations

import ast
import importlib
import math
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import mpmath
import numpy as np
import sympy as sp
import torch

import nbdgm.proof as public
from nbdgm.proof.cells import Story, parse
from nbdgm.proof.hypotheses import Hypotheses

NAMES = [
    "bounds",
    "cases",
    "cells",
    "chapter",
    "checking",
    "claims",
    "conditions",
    "constancy",
    "counterexample",
    "deciding",
    "deriving",
    "early",
    "errors",
    "evaluating",
    "flow",
    "hypotheses",
    "induction",
    "inequality",
    "laws",
    "limits",
    "makers",
    "mathml",
    "matrices",
    "missing",
    "moving",
    "mutation",
    "named",
    "normal",
    "points",
    "proving",
    "reading",
    "rendering",
    "scope",
    "sentence",
    "shapes",
    "shown",
    "signs",
    "source",
    "sums",
    "trial",
    "verdicts",
    "wording",
]
M = SimpleNamespace(**{name: importlib.import_module(f"nbdgm.proof.{name}") for name in NAMES})


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def story(*texts: str, **values: object) -> Story:
    return Story([parse(text) for text in texts], values=values or None)


def trial(condition: str, *texts: str, expand: bool = False, **values: object) -> Any:
    return M.trial.Trial(story(*texts, condition, **values), expression(condition), {}, expand)


def derived(*lines: tuple, hypotheses: Hypotheses | None = None, **options: Any) -> Any:
    """A derivation of these lines, (method, arguments ...), without a cell around it."""
    made = M.deriving.Derivation("E-1", "a title", hypotheses or Hypotheses(), **{"scope": "a case"} | options)
    for method, *arguments in lines:
        more = arguments.pop() if isinstance(arguments[-1], dict) else {}
        getattr(made, method)(*arguments, **more)
    return made


def reader(*texts: str, **values: object) -> Any:
    """What computes the expressions of a cell again, with these values of its names."""
    made = M.early._Reader.__new__(M.early._Reader)
    made.story, made.hypotheses, made.space = story(*texts, **values), Hypotheses(), values
    made.seen, made.needs = set(), []
    return made


def again(made: Any, text: str) -> Any:
    """What a reader makes of a text, with what it says must hold, or why it refuses it."""
    try:
        found = made.read(expression(text))
    except M.early._Unreadable:
        return "unreadable"
    except M.errors.ProofError as error:
        return str(error)
    return [found, *(f"{said}: {need.plain}" for said, need in made.needs)]


def complaints(code: str, *before: str, **values: object) -> list[str]:
    """What is wrong with the text of a cell that proves something."""
    cells = story(*before, code, **values)
    place = (len(before), 10**9)
    return [found for node in ast.walk(cells.tree) for found in M.source.complaints(node, cells, place)]


def claimed(code: str, *before: str, numbers: bool = True, **values: object) -> str:
    """What is wrong with the first claim or check in the text, or what holds nan behind it."""
    given = {"abs": abs, "all": all, "any": any, "len": len, "sum": sum, "max": max, "min": min, "sorted": sorted} | values
    cells = story(*before, code, **given)
    cells.cells_are_typed = True
    call = next(n for n in ast.walk(cells.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) in ("claim", "check"))
    kind = ast.unparse(call.func)
    shown = {k.arg: eval(ast.unparse(k.value), dict(given)) for k in call.keywords if k.arg not in ("null", "needs")}
    try:
        M.deciding.lint_place(cells, call, kind)
        M.deciding.lint_text(cells, call, kind)
        if numbers:
            M.deciding.try_other_numbers(cells, call, shown, kind)
        return M.missing.refuse_nothing_and_nan(cells, call, kind)
    except TypeError as error:
        return str(error)


def placed(code: str, typed: bool = True) -> str:
    """What is wrong with the place and the block of the first derivation in the text."""
    cells = story(code)
    call = next(node for node in ast.walk(cells.tree) if isinstance(node, ast.Call) and "derivation" in ast.unparse(node.func))
    return type(M.source.lint_place(cells, call, typed)).__name__


def ended(made: Any) -> str:
    """What is displayed when the derivation ends, as text."""
    shown: list = []
    kept, M.rendering.show = M.rendering.show, shown.append
    try:
        made.__exit__(None, None, None)
    finally:
        M.rendering.show = kept
    return shown[0]["text/plain"]


def granted(text: str, late: str = "") -> Any:
    """The limits of CPU time that the parts ask for while the text is computed; what is said when `late` has none left."""
    seen = set()

    def limit(name: str) -> Any:
        @contextmanager
        def noted(seconds: float) -> Iterator[None]:
            seen.add(f"{name} {seconds}")
            if name == late:
                raise M.errors.TimeUp
            yield

        return noted

    M.proving.is_nonnegative.cache_clear()
    with ExitStack() as stack:
        for name, module in vars(M).items():
            if hasattr(module, "cpu_limit"):
                stack.enter_context(mock.patch.object(module, "cpu_limit", limit(name)))
        found = outcome(text)
    return found if late else sorted(seen)


def patched(name: str, value: object, function: Any) -> Any:
    """The function, while `name` of a part (or of a library) is `value`."""
    return mock.patch(name if name.startswith("scipy") else f"nbdgm.proof.{name}", value)(function)


def xml(function: Any, text: str) -> Any:
    """What a function makes of a tree of MathML."""
    root = ElementTree.fromstring(text)
    found = function(root)
    root = root if found is None else found
    return ElementTree.tostring(root, encoding="unicode") if isinstance(root, ElementTree.Element) else found


def refused(function: Any, *args: object) -> str:
    """What a function says against its arguments; nothing where it takes them."""
    try:
        function(*args)
    except M.errors.ProofError as error:
        return str(error)
    return ""


def warned(function: Any) -> Any:
    """What a function gives where every warning that reaches the caller is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function()


def space() -> dict[str, Any]:
    """Names for the inputs, new ones for each: symbols, families, hypotheses, modules."""
    real = dict(zip("xyzt", sp.symbols("x y z t", real=True), strict=True))
    positive = dict(zip("abpqu", sp.symbols("a b p q u", positive=True), strict=True))
    whole = dict(zip("nm", sp.symbols("n m", integer=True, positive=True), strict=True))
    running = dict(zip("ijk", sp.symbols("i j k", integer=True), strict=True))
    x = real["x"]
    return {
        **vars(sp),
        **vars(public),
        "sp": sp,
        "math": math,
        "np": np,
        "torch": torch,
        "mpmath": mpmath,
        "random": random,
        "M": M,
        "E": expression,
        "story": story,
        "T": trial,
        "D": derived,
        "ended": ended,
        "reader": reader,
        "again": again,
        "complaints": complaints,
        "placed": placed,
        "claimed": claimed,
        "granted": granted,
        "patched": patched,
        "warned": warned,
        "refused": refused,
        "xml": xml,
        "warn": warnings.warn,
        "ast": ast,
        **real,
        **positive,
        **whole,
        **running,
        "w": sp.Symbol("w", nonnegative=True),
        "v": sp.Symbol("v", negative=True),
        "l": sp.Symbol("l", integer=True, nonnegative=True),
        "c": sp.Symbol("c"),
        "e": sp.Symbol("epsilon", real=True),
        "A": sp.IndexedBase("A", real=True),
        "B": sp.IndexedBase("B", positive=True),
        "f": sp.Function("f", real=True),
        "H": Hypotheses(),
        "H01": Hypotheses({x: (0, 1)}),
        "Hyp": Hypotheses,
    }


def words(value: Any) -> str:
    """A result as text that is the same in every process."""
    if isinstance(value, ast.AST):
        return ast.unparse(value)
    if value is M.cells.UNKNOWN:
        return "unknown"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(words, value))) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{words(k)}: {words(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple, Iterator, range)) and not isinstance(value, sp.Basic):
        return "[" + ", ".join(map(words, value)) + "]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def outcome(text: str) -> str:
    """What the text computes; an error by its kind and its words."""
    M.sums.RANGES.clear()
    try:
        return words(eval(text, space())).replace("\n", r"\n")
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", r"\n")
