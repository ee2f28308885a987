"""Laws in one and two dimensions whose density is known exactly: all are mixtures of Gaussians.

Moons and spirals are mixtures too, of so many narrow components along a curve that they look like one smooth band: so their
`log_prob` is exact, not an estimate.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nbdgm.border import floats, positive, whole
from nbdgm.runtime import generator


class GaussianMixture:
    """A mixture of Gaussians of covariance std_k^2 I.

    Args:
        centers: (K, D), finite.
        std: one number, or one per component (K,).
        weights: (K,), positive; they are normalised. Equal by default.
        name: shown by `repr`.
        device: where samples lie; that of this run by default.

    Numbers may come as tensors, arrays or lists; they are kept in float32.

    Raises:
        ValueError: naming the argument, for another shape, or for numbers that are not finite or not positive.
    """

    def __init__(
        self,
        centers: Tensor,
        std: float | Tensor,
        weights: Tensor | None = None,
        name: str = "mixture",
        device: torch.device | str | None = None,
    ) -> None:
        if device is None:
            from nbdgm.runtime import device as default_device

            device = default_device()
        centers = floats("centers", centers).float()
        if centers.ndim != 2 or 0 in centers.shape:
            raise ValueError(f"centers: expected shape (K, D) with K, D >= 1, got {tuple(centers.shape)}")
        if not centers.isfinite().all():
            raise ValueError("centers: some coordinates are not finite")
        weights = (
            torch.ones(len(centers), dtype=torch.float32)
            if weights is None
            else positive("weights", weights, len(centers), one=False)
        )
        self.name = name
        self.centers = centers.to(device)
        self.stds = positive("std", std, len(centers)).to(device)
        self.weights = (weights / weights.sum()).to(device)

    @property
    def std(self) -> float | Tensor:
        """The components' standard deviation: a number if they share it, else (K,)."""
        return self.stds[0].item() if (self.stds == self.stds[0]).all() else self.stds

    @property
    def dimensions(self) -> int:
        """D."""
        return self.centers.shape[1]

    @property
    def device(self) -> torch.device:
        """Where samples lie."""
        return self.centers.device

    def __repr__(self) -> str:
        return f"<{self.name}: mixture of {len(self.centers)} Gaussians in {self.dimensions}-D>"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """`n` independent draws, (n, D)."""
        if whole("n", n, 0) == 0:
            return self.centers[:0].clone()
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dimensions, device=self.device, dtype=torch.float32, generator=generator)
        return self.centers[k] + self.stds[k, None] * noise

    def component_log_probs(self, x: Tensor) -> Tensor:
        """log(weight_k N(x; center_k, std_k^2 I)) in nats: (..., K) for `x` (..., D), in float64 if `x` is, else in float32."""
        x = self._points(x)
        squares = (x[..., None, :] - self.centers.to(x.dtype)).square().sum(-1)
        stds = self.stds.to(x.dtype)
        constants = self.weights.to(x.dtype).log() - self.dimensions * (stds.log() + 0.5 * math.log(2 * math.pi))
        return constants - 0.5 * squares / stds**2

    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log-density in nats: (...) for `x` (..., D), in float64 if `x` is, else in float32.

        In one dimension numbers may come without an axis of their own: a vector (N,), or a grid (N, M) with M > 1.

        Raises:
            ValueError: for points of another dimension.
        """
        return self.component_log_probs(x).logsumexp(-1)

    def _points(self, x: Tensor) -> Tensor:
        x = floats("x", x)
        if self.dimensions == 1 and (x.ndim < 2 or x.shape[-1] != 1):
            x = x[..., None]
        if x.ndim == 0 or x.shape[-1] != self.dimensions:
            raise ValueError(f"x: expected shape (..., {self.dimensions}), got {tuple(x.shape)}")
        return x

    def batches(self, size: int, seed: int = 0) -> "DensityBatches":
        """Endless fresh samples, (size, D) each."""
        return DensityBatches(self, size, seed)


class DensityBatches:
    """Endless fresh samples of a density, from a generator of its own; stops and continues exactly (`state_dict`)."""

    def __init__(self, density: GaussianMixture, size: int, seed: int = 0) -> None:
        self.density, self.size = density, whole("size", size)
        self._generator = generator(seed, density.device)

    def __iter__(self) -> "DensityBatches":
        return self

    def __next__(self) -> Tensor:
        return self.density.sample(self.size, self._generator)

    def state_dict(self) -> dict:
        """Where the stream stands."""
        return {"size": self.size, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state` stood."""
        if state["size"] != self.size:
            raise ValueError(f"state: saved with size = {state['size']}, but these batches have size = {self.size}")
        self._generator.set_state(state["generator"].cpu())


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02, device: torch.device | str | None = None) -> GaussianMixture:
    """Equal Gaussians, evenly spaced on a circle: the usual test for lost modes."""
    angle = torch.arange(whole("modes", modes)) * (2 * math.pi / modes)
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std, name=f"ring of {modes}", device=device)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05, device: torch.device | str | None = None) -> GaussianMixture:
    """`side` x `side` equal Gaussians on a square lattice centred at the origin."""
    line = (torch.arange(whole("side", side)) - (side - 1) / 2) * spacing
    return GaussianMixture(torch.cartesian_prod(line, line), std, name=f"grid of {side * side}", device=device)


def moons(std: float = 0.1, points: int = 64, device: torch.device | str | None = None) -> GaussianMixture:
    """Two interlocking half circles of radius 1.5, each made of `points` Gaussians."""
    angle = (torch.arange(whole("points", points)) + 0.5) * (math.pi / points)
    upper = torch.stack([1.5 * angle.cos() - 0.75, 1.5 * angle.sin() - 0.375], 1)
    return GaussianMixture(torch.cat([upper, -upper]), std, name="moons", device=device)


def spirals(
    arms: int = 2, turns: float = 1.25, std: float = 0.06, points: int = 128, device: torch.device | str | None = None
) -> GaussianMixture:
    """Archimedean spirals from radius 0.3 to 2.3, each made of `points` Gaussians of equal weight."""
    t = (
        (torch.arange(whole("points", points)) + 0.5) / points
    ).sqrt()  # the square root spreads the points evenly along the curve
    radius, angle = 0.3 + 2.0 * t, 2 * math.pi * turns * t
    centers = [
        torch.stack([radius * (angle + 2 * math.pi * a / arms).cos(), radius * (angle + 2 * math.pi * a / arms).sin()], 1)
        for a in range(whole("arms", arms))
    ]
    return GaussianMixture(torch.cat(centers), std, name="spirals", device=device)


def mixture_1d(
    centers: Sequence[float] = (-2.0, 1.0),
    std: float | Sequence[float] = (0.5, 0.8),
    weights: Sequence[float] | None = None,
    device: torch.device | str | None = None,
) -> GaussianMixture:
    """A mixture on the line; samples have shape (n, 1)."""
    line = floats("centers", centers)
    if line.ndim != 1:
        raise ValueError(f"centers: expected numbers, got shape {tuple(line.shape)}")
    return GaussianMixture(line[:, None], std, weights, name="1-D mixture", device=device)
