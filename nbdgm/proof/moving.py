"""Other numbers in the place of those that were computed: slightly other, greatly other, of the other sign, drawn at random.

A value of any kind that holds numbers is moved as a whole. What a condition makes of the others is asked by `trial`.
"""

from __future__ import annotations

import math
import numbers
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

from nbdgm.proof.missing import size

FACTORS = (0.0, 1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 10.0, 1e3, 1e6)
STEPS = (1e-6, 1e-3, 0.5, 1.0, 2.0, 30.0, 1e3, 1e6)
LARGE = 10_000  # elements of an array beyond which all are changed alike
Operation = Callable[[float], float]


def is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_variable(value: Any) -> bool:
    """Is this a number, or holds it numbers, so that others can take their place?"""
    if isinstance(value, (numbers.Real, str)):
        return True
    if isinstance(value, (list, tuple)):
        return all(is_variable(v) for v in value)
    if isinstance(value, dict):
        return all(is_variable(v) for v in value.values())
    return getattr(value, "is_number", False) is True or (hasattr(value, "dtype") and hasattr(value, "tolist"))


def operations(locked: bool, targets: Sequence[float] = ()) -> list[Operation]:
    """Ways to make another number of one. `locked` keeps the sign: a number on both sides of a comparison."""
    made: list[Operation] = [lambda v, f=f: v * f for f in FACTORS if f or not locked]
    made += [lambda v, c=c: c if c * v > 0 or not locked else v for c in targets]
    if not locked:
        made += [lambda v, f=f: -v * f for f in (*FACTORS, 1.0)] + [lambda v, s=s: v + s for s in STEPS]
        made += [lambda v, s=s: v - s for s in STEPS] + [lambda v, c=c: c for c in (0.0, 1.0, -1.0)]
    return made


def changes(value: Any, locked: bool, targets: Sequence[float] = ()) -> list[Callable[[Any], Any]]:
    """Ways to make another value of this one."""
    if isinstance(value, str):
        return [lambda v: v + "?"]
    if size(value) is None or getattr(value, "ndim", 1) == 0:
        return [lambda v, op=op: changed(v, lambda: op) for op in operations(locked, targets)]
    alike = [lambda v, op=op: changed(v, lambda: op) for op in operations(locked, targets)]
    return alike + [lambda v, i=i: changed(v, _drawing(random.Random(i), locked)) for i in range(24)]


def moved(change: Callable[[Any], Any], value: Any) -> Any:
    try:
        return change(value)
    except Exception:  # a kind of number that cannot be moved stays where it is
        return value


def _drawing(rng: random.Random, locked: bool) -> Callable[[], Operation]:
    ways = operations(locked)
    return lambda: rng.choice(ways)


def changed(value: Any, draw: Callable[[], Operation]) -> Any:
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
        return {k: changed(v, draw) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        made = [changed(v, draw) for v in value]
        return tuple(made) if isinstance(value, tuple) else made
    if getattr(value, "is_number", False) is True:  # sympy's
        return draw()(float(value))
    if not hasattr(value, "dtype"):
        return value
    if "bool" in str(value.dtype):
        return ~value
    if (size(value) or 0) > LARGE:
        return value * draw()(1.0)
    moved = sys.modules[type(value).__module__.split(".")[0]].asarray(changed(value.tolist(), draw))
    return moved.to(value.device) if hasattr(value, "device") and hasattr(moved, "to") else moved
