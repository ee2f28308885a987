"""What holds where nothing else is said: defaults of arguments, numbers with a name, how classes and caches are made.

Chapters and docstrings rely on these without naming them. Changed on purpose? This file, run as a program, prints the table.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import pprint
from typing import Any

import pytest

import nbdgm

MODULES = [found.name for found in pkgutil.walk_packages(nbdgm.__path__, "nbdgm.") if not found.ispkg]
ELSEWHERE = ("STROKES", "BINARIZED")  # pictures and checksums, which have tests of their own


def numbers(value: Any) -> int:
    """How many numbers and truth values there are in a constant; -1 for what is made of anything else."""
    if isinstance(value, (bool, int, float)):
        return 1
    if value is None or isinstance(value, (str, bytes)):
        return 0
    if isinstance(value, (tuple, list, set, frozenset, dict)):
        inside = [numbers(v) for v in (*value, *value.values())] if isinstance(value, dict) else [numbers(v) for v in value]
        return -1 if -1 in inside else sum(inside)
    return -1


def defaults(function: Any) -> dict[str, Any]:
    """Arguments with a number or a truth value as their default; and for a cache, how much it keeps."""
    found = {p.name: p.default for p in inspect.signature(function).parameters.values() if numbers(p.default) > 0}
    return found | ({"maxsize": function.cache_parameters()["maxsize"]} if hasattr(function, "cache_parameters") else {})


def said(module: str) -> dict[str, Any]:
    """Everything of that kind in one module, by name."""
    found: dict[str, Any] = {}
    for name, value in vars(importlib.import_module(module)).items():
        if name.strip("_").isupper() and numbers(value) > 0 and name not in ELSEWHERE:
            found[name] = value
        elif getattr(value, "__module__", None) != module:
            continue
        elif inspect.isclass(value):
            if dataclasses.is_dataclass(value):
                made = value.__dataclass_params__
                found[name] = {k: getattr(made, k) for k in ("eq", "frozen", "repr")} | {
                    f.name: f.default for f in dataclasses.fields(value) if numbers(f.default) > 0
                }
            for part, method in vars(value).items():
                function = getattr(method, "__func__", method)
                if inspect.isfunction(function) and function.__module__ == module and defaults(function):
                    found[f"{name}.{part}"] = defaults(function)
        elif callable(value) and (inspect.isfunction(value) or hasattr(value, "cache_parameters")) and defaults(value):
            found[name] = defaults(value)
    return found


TABLE: dict[str, dict[str, Any]] = {}


@pytest.mark.parametrize("module", MODULES)
def test_what_holds_where_nothing_else_is_said(module):
    assert said(module) == TABLE.get(module, {})


if __name__ == "__main__":
    pprint.pprint({module: found for module in MODULES if (found := said(module))}, sort_dicts=False, width=120)
