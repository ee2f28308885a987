"""Half-precision networks, full-precision losses: sums over hundreds of terms need more than the 8 bits of bfloat16."""

from typing import Any

import torch
from torch import Tensor


def full(x: Tensor, name: str = "the argument") -> Tensor:
    """`x` in float32 if it is narrower (bfloat16, float16) or no floating-point number (integers, booleans), else as it is.

    Raises:
        TypeError: `x`, called `name`, is no tensor.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(x).__name__}; torch.as_tensor makes one of numbers")
    return x if x.is_complex() or (x.is_floating_point() and x.dtype.itemsize >= 4) else x.float()


def full_batch(x: Tensor, name: str) -> Tensor:
    """`full(x, name)`, of which a mean over the batch can be taken.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: it holds nothing, and so has no mean.
    """
    x = full(x, name)
    if x.numel() == 0:
        raise ValueError(f"{name} of shape {tuple(x.shape)} is empty: there is no mean over its examples")
    return x


def parameter(value: Any, name: str, like: Tensor, positive: bool = False) -> Tensor:
    """A parameter of a law (a number, a list, an array or a tensor) in full precision, where `like` lies.

    Numbers, lists and arrays take the type of `like`; a tensor keeps its own, if that is wide enough.

    Raises:
        ValueError: it should be positive and is not (asked of anything but tensors, whose values may lie on a GPU).
    """
    if isinstance(value, Tensor):
        return full(value.to(like.device), name)
    if positive and not (value > 0 if isinstance(value, (int, float)) else (torch.as_tensor(value) > 0).all()):
        raise ValueError(f"{name} must be positive, got {value}")
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)
