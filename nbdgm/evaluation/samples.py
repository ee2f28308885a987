"""How good, and how varied, generated samples are."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nbdgm.border import floats, positive, whole

from .features import FeatureNet, as_images


class _Precomputed(nn.Module):
    """Lets torchmetrics take features where it expects a network and images."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(real: Any, fake: Any, network: FeatureNet | None = None) -> float:
    """The squared Fréchet distance of two Gaussians fitted to the features of `real` and `fake` pictures.

        |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))

    The formula is torchmetrics' (Heusel et al. 2017), in float64; the features are those of `network`, trained on our data,
    so the numbers compare only with others made by the same network and the same number of pictures (the estimate falls as
    that number grows).

    Args:
        real, fake: pictures (N, C, H, W) in [0, 1], at least two each; or, without a `network`, features (N, D), a tensor or
            an array.

    Raises:
        ValueError: naming the argument, for a wrong shape or range, or for fewer than two examples.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    features = {}
    for name, images in (("real", real), ("fake", fake)):
        if network is not None:
            features[name] = network.features(as_images(images, name))
        elif getattr(images, "ndim", None) == 2:
            features[name] = floats(name, images)
        else:
            raise ValueError(f"{name}: without a network, expected features of shape (N, D)")
        if len(features[name]) < 2:
            raise ValueError(f"{name}: expected at least 2 examples, got {len(features[name])}")
        if not features[name].isfinite().all():
            raise ValueError(f"{name}: some values are not finite")
    dimensions = [f.shape[1] for f in features.values()]
    if dimensions[0] != dimensions[1]:
        raise ValueError(f"fake: has {dimensions[1]} features where real has {dimensions[0]}")
    metric = FrechetInceptionDistance(_Precomputed(dimensions[0]), normalize=True)
    centre = (
        features["real"].detach().cpu().double().mean(0)
    )  # shifting both changes nothing, and keeps the sums of squares small
    metric.update(features["real"].detach().cpu().double() - centre, real=True)
    metric.update(features["fake"].detach().cpu().double() - centre, real=False)
    return max(metric.compute().item(), 0.0)


def class_histogram(images: Any, network: FeatureNet) -> Tensor:
    """The share of `images` (N, C, H, W) that `network` puts into each class, (classes,), summing to 1. See `entropy`."""
    counts = torch.bincount(network.classify(as_images(images, "images")).cpu(), minlength=network.classes)
    return counts / counts.sum()


def entropy(shares: Tensor) -> float:
    """The entropy of a histogram, in nats; log(classes), 2.303 for ten, if all classes are equally frequent.

    Raises:
        ValueError: if `shares` are negative, not finite, or all zero.
    """
    shares = floats("shares", shares).double()
    if shares.ndim != 1 or not ((shares >= 0) & shares.isfinite()).all() or not shares.any():
        raise ValueError(f"shares: expected a vector of non-negative numbers that are not all 0, got {shares}")
    return torch.special.entr(shares / shares.sum()).sum().item()


class ModeCount(NamedTuple):
    """`modes`: how many modes are found; `good`: the share of samples that lie near one."""

    modes: int
    good: float


def mode_count(
    samples: Tensor, centers: Tensor, std: float | Tensor, threshold: float = 0.008, radius: float = 3.0
) -> ModeCount:
    """How many modes of a mixture the samples reach, and the share of samples that are good.

    This is what this book means by modes found, in every chapter (after Srivastava et al. 2017, who ask for one good sample).
    A sample is good if it lies within `radius` standard deviations of its nearest centre; one that is not finite never is. A
    mode is found if at least `threshold` of all samples (20 of 2,500) are good and nearest to it. A generator may be everywhere
    and not yet sharp: then few modes are found, and many with a larger `radius`; report both (25 modes 2 apart with std 0.05:
    `radius=10`). Of N perfect samples in D = 2 dimensions 98.9 % are good at `radius=3`.

    Args:
        samples: (N, D). These and the others may be tensors, arrays or lists.
        centers: (K, D).
        std: one number or (K,).
        threshold: a share below 1, or a number of samples from 1.
        radius: in standard deviations.

    Raises:
        ValueError: naming the argument, for wrong shapes, no samples, centres that are not finite, or numbers that are not
            positive.
    """
    samples, centers = (floats(n, x).detach().double().cpu() for n, x in (("samples", samples), ("centers", centers)))
    if samples.ndim != 2 or not len(samples):
        raise ValueError(f"samples: expected shape (N, D) with N >= 1, got {tuple(samples.shape)}")
    if centers.ndim != 2 or centers.shape[1] != samples.shape[1] or not len(centers):
        raise ValueError(f"centers: expected shape (K, {samples.shape[1]}), got {tuple(centers.shape)}")
    if not centers.isfinite().all():
        raise ValueError("centers: some coordinates are not finite")
    stds = positive("std", std, len(centers))
    for name, value in (("threshold", threshold), ("radius", radius)):
        if not value > 0:
            raise ValueError(f"{name}: expected a positive number, got {value}")
    distance, nearest = _apart(samples, centers).min(1)
    good = distance <= radius * stds[nearest]
    counts = torch.bincount(nearest[good], minlength=len(centers)).double()
    found = (counts / len(samples) if threshold < 1 else counts) >= threshold
    return ModeCount(int(found.sum()), good.double().mean().item())


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (..., N, M) by differences: products lose what lies close together but far from the origin."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """The energy distance of two laws with finite means, from a sample of each: 0 in expectation if they are equal, positive
    if not.

        2 E|x - y| - E|x - x'| - E|y - y'|,   x, x' ~ a and y, y' ~ b, all independent   (Székely and Rizzo 2013)

    The estimate is unbiased, so that it can fall a little below 0. It compares every point with every other: the memory
    grows with the square of the larger sample. Gradients flow through it.

    Args:
        a: (..., N, D) with N >= 2: one sample, or many side by side. Integers and half precision become float32.
        b: (..., M, D) with M >= 2, in the unit of `a`.

    Returns:
        (...), in the unit of the coordinates.

    Raises:
        ValueError: naming the argument, for wrong shapes or fewer than two points.
    """
    a, b = floats("a", a), floats("b", b)
    a, b = a.to(torch.promote_types(a.dtype, b.dtype)), b.to(torch.promote_types(a.dtype, b.dtype))
    for name, points in (("a", a), ("b", b)):
        if points.ndim < 2 or points.shape[-2] < 2:
            raise ValueError(f"{name}: expected shape (..., N, D) with N >= 2 points, got {tuple(points.shape)}")
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"b: has points of {b.shape[-1]} coordinates where a has {a.shape[-1]}")

    def within(x: Tensor) -> Tensor:
        return _apart(x, x).sum((-2, -1)) / (x.shape[-2] * (x.shape[-2] - 1))

    return 2 * _apart(a, b).mean((-2, -1)) - within(a) - within(b)


def nearest_neighbours(queries: Any, pool: Any, k: int = 1, network: FeatureNet | None = None) -> tuple[Tensor, Tensor]:
    """For each query the `k` nearest members of `pool`, nearest first: positions (N, k) and Euclidean distances (N, k).

    Distances are between pixels, or between the features of `network`; a copy is at distance 0. Shows whether a model has
    learnt its training pictures by heart.

    Raises:
        ValueError: naming the argument, for shapes that differ or a `k` out of range.
    """
    queries, pool = (as_images(v, n) for v, n in ((queries, "queries"), (pool, "pool")))
    if queries.shape[1:] != pool.shape[1:]:
        raise ValueError(f"pool: pictures of shape {tuple(pool.shape[1:])}, but queries have {tuple(queries.shape[1:])}")
    if whole("k", k) > len(pool):
        raise ValueError(f"k: expected 1 to {len(pool)}, got {k}")
    a, b = (v.flatten(1) if network is None else network.features(v) for v in (queries, pool.to(queries.device)))
    found = [_nearest(part, b, k) for part in a.split(64)]
    return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])


def _nearest(a: Tensor, b: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Positions and distances (N, k). Products in float64 are fast and choose a few more than k; these are measured by
    differences.
    """
    rough = [torch.cdist(a.double(), part.double(), compute_mode="use_mm_for_euclid_dist") for part in b.split(4096)]
    chosen = torch.cat(rough, 1).topk(min(k + 8, len(b)), largest=False).indices
    distance, order = (a[:, None] - b[chosen]).norm(dim=2).topk(k, largest=False)
    return chosen.gather(1, order), distance
