"""Models that have learnt nothing: what a table of scores begins and ends with, and what a claim must not hold for.

A score that one of these reaches says nothing about a model; a claim that is true of one of them says nothing at all. Each
takes the data, (N, ...) or anything with `.x`, and gives (n, ...) of the data's kind; what is random depends on `seed` alone
(and on `NBDGM_SEED`, as every stream).
"""

from typing import Any

import torch
from torch import Tensor

from nbdgm.border import floats, whole
from nbdgm.runtime import generator


def uniform(data: Any, n: int, seed: int = 0) -> Tensor:
    """Uniform noise on the frame: every value between the smallest and the largest of the data."""
    x, stream = _begin(data, n, seed)
    return x.min() + (x.max() - x.min()) * torch.rand(n, *x.shape[1:], generator=stream, device=x.device, dtype=x.dtype)


def normal(data: Any, n: int, seed: int = 0) -> Tensor:
    """Independent normal values, each with the mean and the standard deviation that it has in the data; pictures are clipped to
    the data's range.
    """
    x, stream = _begin(data, n, seed)
    noise = torch.randn(n, *x.shape[1:], generator=stream, device=x.device, dtype=x.dtype)
    drawn = x.mean(0) + x.std(0, correction=0) * noise
    return drawn.clamp(x.min(), x.max()) if x.ndim > 2 else drawn


def mean(data: Any, n: int, seed: int = 0) -> Tensor:
    """The mean of the data, n times. Nothing is drawn; the `seed` is there so that all of these are called alike."""
    x, _ = _begin(data, n, seed)
    return x.mean(0).expand(n, *x.shape[1:]).clone()


def copies(data: Any, n: int, seed: int = 0) -> Tensor:
    """Members of the data in random order; none comes again before all have come. What knows its examples by heart."""
    x, stream = _begin(data, n, seed)
    return x[torch.cat([torch.randperm(len(x), generator=stream, device=x.device) for _ in range(-(-n // len(x)))])[:n]]


def circle(data: Any, n: int, seed: int = 0) -> Tensor:
    """A circle (in D dimensions a sphere) without modes, as far from the data's mean as they in root mean square: (n, D)."""
    x, directions, _ = _directions(data, n, seed)
    return x.mean(0) + (x - x.mean(0)).square().sum(1).mean().sqrt() * directions


def disc(data: Any, n: int, seed: int = 0) -> Tensor:
    """Points (n, D) spread evenly over the smallest disc (ball) about the data's mean that holds all of them."""
    x, directions, stream = _directions(data, n, seed)
    share = torch.rand(n, 1, generator=stream, device=x.device, dtype=x.dtype) ** (1 / x.shape[1])
    return x.mean(0) + (x - x.mean(0)).norm(dim=1).max() * share * directions


def trivial_models(data: Any, n: int, seed: int = 0) -> dict[str, Tensor]:
    """What each of these makes of points (N, D), or of pictures, by name: rows for a table, nulls for a claim."""
    points = floats("data", getattr(data, "x", data)).ndim == 2
    models = {"uniform noise": uniform, "normal noise": normal, "the mean": mean}
    models |= {"a circle": circle, "a disc": disc} if points else {"copies": copies}
    return {name: model(data, n, seed) for name, model in models.items()}


def _begin(data: Any, n: int, seed: int) -> tuple[Tensor, torch.Generator]:
    x = floats("data", getattr(data, "x", data)).detach()
    whole("n", n)
    if x.ndim < 2 or 0 in x.shape or not x.isfinite().all():
        raise ValueError(f"data: expected finite values of shape (N, ...), N >= 1, got {tuple(x.shape)}")
    return x, generator(seed, x.device)


def _directions(data: Any, n: int, seed: int) -> tuple[Tensor, Tensor, torch.Generator]:
    x, stream = _begin(data, n, seed)
    if x.ndim != 2:
        raise ValueError(f"data: expected points of shape (N, D), got {tuple(x.shape)}")
    straight = torch.randn(n, x.shape[1], generator=stream, device=x.device, dtype=x.dtype)
    return x, straight / straight.norm(dim=1, keepdim=True), stream
