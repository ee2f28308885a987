"""Scores that compare sets of samples with data by their features, and the protocol that takes them all.

None of these asks for a likelihood. Each answers one question; what a perfect model would get is known exactly for some
(`copying`, density and coverage), and must be measured on data for the others: see `protocol`.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from nbdgm.border import floats, whole

from .features import FeatureNet, as_images
from .samples import _apart, frechet_distance


def _features(name: str, x: Any, least: int = 2) -> Tensor:
    """`x` as float64 of shape (N, D), N >= `least`, finite."""
    x = floats(name, getattr(x, "x", x)).detach().double()
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name}: expected features of shape (N, D), got {tuple(x.shape)}")
    if len(x) < least:
        raise ValueError(f"{name}: expected at least {least} examples, got {len(x)}")
    if not x.isfinite().all():
        raise ValueError(f"{name}: some values are not finite")
    return x


def _pair(first: str, a: Any, second: str, b: Any, least: int = 2) -> tuple[Tensor, Tensor]:
    a, b = _features(first, a, least), _features(second, b, least)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{second}: has {b.shape[1]} features where {first} has {a.shape[1]}")
    return a, b.to(a.device)


def kernel_distance(real: Any, fake: Any, degree: int = 3) -> float:
    """The squared maximum mean discrepancy with the kernel (a.b/D + 1)^degree: the "kernel Inception distance" on features.

    The estimate is a U-statistic over pairs of different points (Binkowski et al. 2018): unbiased, so that it can fall below 0,
    whatever the number of samples.

    Args:
        real, fake: features (N, D), at least two each.
        degree: 3 in the paper.

    Raises:
        ValueError: naming the argument, for a wrong shape, fewer than two examples, or values that are not finite.
    """
    real, fake = _pair("real", real, "fake", fake)
    degree = whole("degree", degree)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** degree

    def within(x: Tensor) -> Tensor:
        values = kernel(x, x)
        return (values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1))

    return (within(real) + within(fake) - 2 * kernel(real, fake).mean()).item()


class Neighbourhoods(NamedTuple):
    """Four shares between `real` and `fake`; see `neighbourhoods`. Density alone can exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def neighbourhoods(real: Any, fake: Any, k: int = 5) -> Neighbourhoods:
    """Precision, recall, density and coverage: how samples and data lie in each other's neighbourhoods.

    The ball of a point reaches to its k-th nearest neighbour in its own set, itself not counted. Precision is the share of
    `fake` inside some ball of `real`; recall the share of `real` inside some ball of `fake` (Kynkäänniemi et al. 2019).
    Density is the mean number of balls of `real` that hold a sample, divided by `k`; coverage the share of balls of `real`
    that hold at least one (Naeem et al. 2020). If both sets are independent draws of one law without ties, density is 1 in
    expectation and coverage `expected_coverage(N, M, k)`, whatever the law.

    Args:
        real, fake: features (N, D) and (M, D), more than `k` each.
        k: neighbours; 5 in the second paper, 3 in the first.

    Raises:
        ValueError: naming the argument, for a wrong shape, too few examples, or values that are not finite.
    """
    k = whole("k", k)
    real, fake = _pair("real", real, "fake", fake, k + 1)
    radius_real, radius_fake = (_apart(x, x).kthvalue(k + 1, dim=1).values for x in (real, fake))
    distance = _apart(real, fake)  # (N, M)
    inside = distance < radius_real[:, None]
    return Neighbourhoods(
        precision=inside.any(0).double().mean().item(),
        recall=(distance < radius_fake).any(1).double().mean().item(),
        density=inside.double().sum(0).mean().item() / k,
        coverage=inside.any(1).double().mean().item(),
    )


def expected_coverage(n: int, m: int, k: int = 5) -> float:
    """Coverage of `n` data by `m` samples of the same law without ties, in expectation: 1 - (n-1)...(n-k) / (n+m-1)...(n+m-k).

    Raises:
        ValueError: naming the argument, unless n > k >= 1 and m >= 1.
    """
    k, m = whole("k", k), whole("m", m)
    n = whole("n", n, k + 1)
    missed = 1.0
    for j in range(1, k + 1):
        missed *= (n - j) / (n + m - j)
    return 1 - missed


def inception_score(probabilities: Any) -> float:
    """exp of the mutual information between a sample and its class, from a classifier's (N, K): between 1 and K.

    Salimans et al. (2016), on all samples at once; zeros are allowed. It never looks at the data.

    Raises:
        ValueError: unless `probabilities` are finite, non-negative rows that sum to 1.
    """
    p = _features("probabilities", probabilities, 1)
    if not (p >= 0).all() or not torch.allclose(p.sum(1), torch.ones(len(p), dtype=p.dtype, device=p.device), atol=1e-4):
        raise ValueError("probabilities: expected non-negative rows that sum to 1")
    told = torch.special.entr(p.mean(0)).sum() - torch.special.entr(p).sum(1).mean()
    return told.exp().item()


def _nearest_distance(queries: Tensor, pool: Tensor) -> Tensor:
    """From each query (M, D) to the nearest of `pool` (N, D), 4,096 of these at a time."""
    return torch.stack([_apart(queries, part).min(1).values for part in pool.split(4096)]).min(0).values


def copying(train: Any, test: Any, fake: Any) -> float:
    """The share of `fake` that lie nearer to their nearest training example than to their nearest held-out one (a tie counts
    half).

    With as many held-out examples as training examples, all and the samples independent draws of one law, it is 1/2 in
    expectation, whatever the law. More says that the model has copied. (Meehan et al. 2020 compare the distances to the
    training examples of samples and of held-out data, cell by cell.)

    Args:
        train, test, fake: features (N, D), (N, D), (M, D).

    Raises:
        ValueError: naming the argument, for a wrong shape, for numbers of training and held-out examples that differ, or
            values that are not finite.
    """
    train, test = _pair("train", train, "test", test, 1)
    if len(train) != len(test):
        raise ValueError(f"test: has {len(test)} examples where train has {len(train)}; compare equal numbers")
    fake = _pair("train", train, "fake", fake, 1)[1]
    to_train, to_test = (_nearest_distance(fake, x) for x in (train, test))
    return ((to_train < to_test).double() + (to_train == to_test).double() / 2).mean().item()


def coincidences(samples: Any, radius: float = 0.0) -> int:
    """The number of pairs of `samples` (N, D) at a distance of at most `radius`: 0 counts exact repeats.

    For a law p on finitely many values, `radius` 0, its expectation is N (N - 1) / 2 times the sum of p^2 (the birthday test
    of Arora and Zhang 2018).

    Raises:
        ValueError: naming the argument, for a wrong shape, values that are not finite, or a negative radius.
    """
    samples = _features("samples", samples)
    if not radius >= 0:
        raise ValueError(f"radius: expected a number of at least 0, got {radius}")
    return int(((_apart(samples, samples) <= radius).sum() - len(samples)).item() // 2)


def twins(real: Any, fake: Any) -> int:
    """The number of pairs of `fake` (N, D) that are closer together than the closest pair of `real` (N, D).

    For two independent sets of one law it is 0 in half of the cases, since the closest pair of all is as likely in either
    (pairs across the sets do not count). Repeats of a model without enough variety show as many.

    Raises:
        ValueError: naming the argument, for a wrong shape, numbers of examples that differ, or values that are not finite.
    """
    real, fake = _pair("real", real, "fake", fake)
    if len(real) != len(fake):
        raise ValueError(f"fake: has {len(fake)} examples where real has {len(real)}; compare equal numbers")
    closest = torch.nn.functional.pdist(real).min()
    return int((torch.nn.functional.pdist(fake) < closest).sum())


class Score(NamedTuple):
    """`value`: the mean over disjoint parts; `error`: its standard error; `best`: what a perfect model gets in expectation, or
    None where only data can tell.
    """

    value: float
    error: float
    best: float | None


def sample_scores(train: Any, test: Any, fake: Any, probabilities: Any = None, k: int = 5) -> dict[str, float]:
    """Every score of one set of samples, by name; `protocol` gives the same for several sets, with standard errors.

    Args:
        train, test, fake: features (N, D) of training examples, of held-out ones and of samples, N each.
        probabilities: of the classes of the samples, (N, K); without them there is no score "classes".
        k: neighbours, for precision, recall, density and coverage.

    Returns:
        "Fréchet" and "kernel" (distances to the held-out examples, 0 is best), "classes" (1 to K), "precision", "recall",
        "density", "coverage", "copying" (1/2 for a perfect model) and "twins" (a number of pairs).

    Raises:
        ValueError: naming the argument, for wrong shapes or numbers of examples that differ.
    """
    return _scores(test, fake, probabilities, k, copying(train, test, fake))


def _scores(test: Any, fake: Any, probabilities: Any, k: int, copied: float) -> dict[str, float]:
    """The scores by name, in the order of tables; `copied` is the one that asks for training examples."""
    found = {"Fréchet": frechet_distance(test, fake), "kernel": kernel_distance(test, fake)}
    if probabilities is not None:
        found["classes"] = inception_score(probabilities)
    found |= neighbourhoods(test, fake, k)._asdict()
    return found | {"copying": copied, "twins": twins(test, fake)}


@torch.no_grad()
def _probabilities(network: Any, x: Tensor) -> Tensor | None:
    """The probabilities of the classes, (N, K), of a network that has any: of a `FeatureNet` those of its first target."""
    if isinstance(network, FeatureNet):
        features = network.features(x)
        with torch.autocast(features.device.type, enabled=False):
            return network.heads[next(iter(network.targets))](features).softmax(1)
    return network.probabilities(x) if hasattr(network, "probabilities") else None


def protocol(train: Any, test: Any, samples: Any, network: Any = None, *, size: int = 1000, k: int = 5) -> dict[str, Score]:
    """All scores of `samples`, each with its standard error, always from `size` samples at a time.

    The three sets are cut into disjoint parts of `size` examples, at least two of each; each part of the samples meets a part
    of the held-out examples. Only "copying" looks at all training examples, and at as many held-out ones (at all of these,
    and at as many training examples, if they are fewer): a copy may be one of any. Its standard error is for these sets.
    What a score says of a perfect model is what `protocol` gives for held-out data in place of samples: put that row first,
    and training data in place of samples last.

    Args:
        train: what the model was trained on. test: data held out. samples: the model's. All in random order; pictures
            (N, C, H, W) in [0, 1] if there is a `network`, else features (N, D).
        network: a `FeatureNet`, or anything with `.features(x)` -> (N, D) and perhaps, for the score of
            classes, `.probabilities(x)` -> (N, K).
        size: examples in a part.
        k: neighbours, for precision, recall, density and coverage.

    Returns:
        name -> `Score`, for the names of `sample_scores`; "classes" only with a network that has probabilities.

    Raises:
        ValueError: naming the argument, for wrong shapes, or fewer than two parts.
    """
    size, k = whole("size", size, 2), whole("k", k)
    sets = {"train": train, "test": test, "samples": samples}
    chances = None
    if network is not None:
        sets = {name: as_images(x, name) for name, x in sets.items()}
        chances = _probabilities(network, sets["samples"])
        sets = {name: network.features(x) for name, x in sets.items()}
    sets = {name: _features(name, x) for name, x in sets.items()}
    parts = {name: len(x) // size for name, x in sets.items()}
    for name, number in parts.items():
        if number < 2:
            raise ValueError(f"{name}: expected at least two parts of {size} examples, got {len(sets[name])} examples")
    found: dict[str, list[float]] = {}
    equal = min(len(sets["train"]), len(sets["test"]))
    everything = sets["train"][:equal], sets["test"][:equal]
    for i in range(min(parts.values())):
        own = slice(i * size, (i + 1) * size)
        made, of_made = sets["samples"][own], None if chances is None else chances[own]
        scores = _scores(sets["test"][own], made, of_made, k, copying(*everything, made))
        for name, value in scores.items():
            found.setdefault(name, []).append(float(value))
    best = {"kernel": 0.0, "density": 1.0, "coverage": expected_coverage(size, size, k), "copying": 0.5}
    table = {name: torch.tensor(values, dtype=torch.float64) for name, values in found.items()}
    return {name: Score(v.mean().item(), (v.std() / len(v) ** 0.5).item(), best.get(name)) for name, v in table.items()}
