"""Factors of variation: their ranges, random values for them, and what a caller fixes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdgm.border import floats, whole

# A factor is either a choice (its values' names) or a continuous number (low, typical, high).
Factor = tuple[str, ...] | tuple[float, float, float]


def is_choice(factor: Factor) -> bool:
    return isinstance(factor[0], str)


def values_of(name: str, given: Any, factors: Mapping[str, Factor]) -> Tensor:
    """`given` (a number, a choice's name, or a sequence or tensor of them) as a checked 0-d or 1-d tensor.

    Raises:
        ValueError: naming the factor, if it is unknown, or a value is.
    """
    if name not in factors:
        raise ValueError(f"{name}: unknown factor; known are {', '.join(factors)}")
    factor = factors[name]
    if not is_choice(factor):
        values = floats(name, given).float().cpu()
        low, _, high = factor
        if not ((values >= low) & (values <= high)).all():
            raise ValueError(f"{name}: expected numbers from {low:g} to {high:g}, got {given}")
    else:
        if isinstance(given, str):
            given = _choice(name, given, factor)
        elif isinstance(given, (Sequence, np.ndarray)) and np.ndim(given) == 1:
            given = [_choice(name, g, factor) if isinstance(g, str) else g for g in given]
        try:
            values = torch.as_tensor(given, device="cpu")
        except (TypeError, ValueError, RuntimeError):  # neither numbers nor names
            values = torch.tensor(0.5)
        whole_numbers = not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
        values = values.long()
        if not whole_numbers or not ((values >= 0) & (values < len(factor))).all():
            raise ValueError(
                f"{name}: expected whole numbers from 0 to {len(factor) - 1} or one of {', '.join(factor)}, got {given}"
            )
    if values.ndim > 1:
        raise ValueError(f"{name}: expected one value or a vector, got shape {tuple(values.shape)}")
    return values


def _choice(name: str, value: str, factor: tuple[str, ...]) -> int:
    if value not in factor:
        raise ValueError(f"{name}: {value!r} is none of {', '.join(factor)}")
    return factor.index(value)


def draw_factors(n: int, seed: int, fixed: Mapping[str, Any], factors: Mapping[str, Factor]) -> dict[str, Tensor]:
    """`n` independent uniform values for each factor, (n,) each, except those in `fixed`.

    Picture i depends on `seed` and i alone: neither on `n` nor on what is fixed.
    """
    whole("n", n, 0)
    unknown = [name for name in fixed if name not in factors]
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown factor; known are {', '.join(factors)}")
    uniform = torch.from_numpy(np.random.default_rng(seed).random((n, len(factors)), dtype=np.float64))
    drawn = {}
    for (name, factor), u in zip(factors.items(), uniform.T, strict=True):
        if name in fixed:
            values = values_of(name, fixed[name], factors)
            if values.ndim == 1 and len(values) not in (1, n):
                raise ValueError(f"{name}: expected one value or {n}, got {len(values)}")
            drawn[name] = values.expand(n).clone()
        elif is_choice(factor):
            drawn[name] = (u * len(factor)).long()
        else:
            drawn[name] = (factor[0] + u * (factor[2] - factor[0])).float()
    return drawn


def complete(given: Mapping[str, Any], factors: Mapping[str, Factor]) -> dict[str, Tensor]:
    """All factors as vectors of one length: those `given`, broadcast, and the typical value (the first choice) of the
    others.
    """
    values = {name: values_of(name, value, factors) for name, value in given.items()}
    for name, factor in factors.items():
        values.setdefault(name, torch.tensor(0) if is_choice(factor) else torch.tensor(float(factor[1])))
    lengths = {name: len(v) for name, v in values.items() if v.ndim == 1 and len(v) != 1}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"factors: these do not broadcast: {', '.join(f'{k} has {v}' for k, v in lengths.items())}")
    n = next(iter(lengths.values()), 1)
    return {name: values[name].expand(n) for name in factors}
