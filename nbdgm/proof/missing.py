"""What is missing behind a condition: nan and emptiness in the values that it is computed from.

The values are looked at as they are now. What would lose a nan on the way is seen in the text, by `deciding`.
"""

from __future__ import annotations

import ast
import math
from types import ModuleType
from typing import Any

from nbdgm.proof.cells import UNKNOWN, Story, argument, called, trivial
from nbdgm.proof.flow import Flow


def refuse_nothing_and_nan(story: Story, call: ast.Call, kind: str) -> str:
    """Look at what the condition is computed from: what is empty is refused; the name of what holds nan is returned."""
    undecided = ""
    parts = [p for p in (argument(call, 1, "condition"), trivial(call, kind)) if p is not None]
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
        many = size(value)
        if many == 0 and id(node) not in counted:
            raise TypeError(f"{kind}: {node.id} is empty: nothing was compared")
        if (many is None or 0 < many <= 10**6) and holds_nan(value):
            undecided = undecided or node.id
    return undecided


def size(value: Any) -> int | None:
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
