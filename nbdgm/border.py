"""Values that come in from outside: whole numbers, and numbers in whatever type they arrive.

Integers, numpy's numbers, half precision and lists are converted; what cannot be converted is refused, and the message names
the argument. Shapes and ranges are the business of the functions that know them.
"""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as Python's int, if it is a whole number of at least `least` (numpy's are, truth values are not).

    Raises:
        ValueError: naming the argument.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    return int(value)


def floats(name: str, x: Any) -> Tensor:
    """`x` (a tensor, an array, a number, or sequences of numbers) as a tensor of float64 if it is one, else of float32.

    A tensor of these types is returned as it is, with its graph.

    Raises:
        ValueError: naming the argument, for what is not made of real numbers.
    """
    try:
        x = torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: expected a tensor, an array or numbers, got {type(x).__name__} ({error})") from error
    if x.is_complex():
        raise ValueError(f"{name}: expected real numbers, got {x.dtype}")
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def positive(name: str, values: Any, n: int, one: bool = True) -> Tensor:
    """`values` as (n,), float32, on the CPU: n positive, finite numbers, or (where `one` is allowed) one that all share.

    Raises:
        ValueError: naming the argument.
    """
    numbers = floats(name, values).detach().float().cpu()
    fits = numbers.shape == (n,) or (one and numbers.numel() == 1 and numbers.ndim <= 1)
    if not fits or not ((numbers > 0) & numbers.isfinite()).all():
        wanted = f"positive numbers, one or {n}" if one else f"{n} positive numbers"
        raise ValueError(f"{name}: expected {wanted}, got {values}")
    return numbers.expand(n)


def array(name: str, x: Any) -> np.ndarray:
    """`x` (as for `floats`) as an array on the CPU: float32 if it is a tensor or an array of at most that precision, else
    float64.

    Raises:
        ValueError: naming the argument, for what is not made of real numbers.
    """
    if isinstance(x, (list, tuple)) and any(isinstance(value, Tensor) for value in x):
        shapes = {tuple(np.shape(value)) for value in x}
        if len(shapes) > 1:
            raise ValueError(f"{name}: expected all of one shape, got {sorted(shapes)}")
        x = torch.stack([floats(name, value).detach().cpu() for value in x])
    if isinstance(x, Tensor):
        return floats(name, x.detach()).cpu().numpy()
    try:
        x = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: expected numbers ({error})") from error
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, got an array of type {x.dtype}")
    return x.astype(np.float32 if x.dtype.kind == "f" and x.dtype.itemsize <= 4 else np.float64)


def unit_interval(name: str, x: Tensor, slack: float = 0.0) -> Tensor:
    """`x` itself, if it is floating-point and leaves [0, 1] by at most `slack`. Values are looked at on the CPU only, where
    that is free.

    Raises:
        ValueError: naming the argument, for another type, a value outside, or NaN.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"{name}: expected a floating-point tensor with values in [0, 1], got {found}; bytes become x.float() / 255"
        )
    if x.device.type == "cpu" and x.numel() and not torch.compiler.is_compiling():
        try:
            low, high = (v.item() for v in torch.aminmax(x.detach()))
        except RuntimeError:  # inside vmap no value can be read
            return x
        if not (low >= -slack and high <= 1 + slack):
            raise ValueError(f"{name}: expected values in [0, 1], got {low:.3g} to {high:.3g}{remedy(low, high)}")
    return x


def remedy(low: float, high: float) -> str:
    """What to do with pictures that reach from `low` to `high` instead of from 0 to 1, as the end of a message."""
    if -1.02 <= low < 0 and high <= 1.02:
        return "; for [-1, 1] use data.from_signed first"
    return "; for 0 to 255 divide by 255 first" if low >= 0 and 1 < high <= 255 else ""
