"""Sizes of layers: positive whole numbers, Python's or numpy's."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any


def is_size(number: Any) -> bool:
    """Whether a layer can be as wide as that."""
    return isinstance(number, Integral) and not isinstance(number, bool) and number >= 1


def listed(sizes: Any) -> list[Any]:
    """What may be a sequence of sizes as a list, with Python's whole numbers where there are numpy's."""
    sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    return [int(size) if is_size(size) else size for size in sizes]
