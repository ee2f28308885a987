"""What a run reached, and how far two runs lie apart over the same seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from .contender import Contender, Setting

if TYPE_CHECKING:
    from .arena import Arena


@dataclass
class Result:
    """What a contender reached. A seed that broke off (a NaN) has infinite measures from there on, and `failed` names it."""

    contender: Contender | str
    """A name alone for what was not trained: the data, a trivial model."""
    setting: Setting | None
    steps: np.ndarray
    """(looks,): generator updates at each look, the first at 0."""
    seconds: np.ndarray
    """(looks,): of training alone, all seeds together."""
    measures: dict[str, np.ndarray]
    """name -> (looks, seeds)."""
    samples: Tensor
    """(seeds, N, ...), from the end of the run; NaN for a seed that broke off."""
    film: list[tuple[int, Tensor]]
    """(step, (n, ...)) at each look, of the same noise in all: the first samples of the first seed, at most 500 and at most
    100,000 numbers. It ends where that seed broke off. See `films.film`."""
    failed: list[str] = field(default_factory=list)
    """A line for each seed that broke off."""
    seeds: Sequence[int] = ()
    edges: Sequence[str] | None = None
    """Parameters whose best value lay at the end of what the search tried; None if nothing was searched. See `Found.edges`."""
    arena: "Arena | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.contender if isinstance(self.contender, str) else self.contender.name

    def final(self, measure: str | None = None) -> np.ndarray:
        """(seeds,): the first measure, or the one named, at the end."""
        return self.measures[measure or next(iter(self.measures))][-1]


class Difference(NamedTuple):
    """Of two results over the same seeds: their mean difference, and an interval for it."""

    mean: float
    low: float
    high: float
    seeds: int
    """How many pairs."""

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0: the first is better (lower) if `mean` is negative, else worse."""
        return self.high < 0 or self.low > 0


def difference(a: Result, b: Result, measure: str | None = None, confidence: float = 0.95) -> Difference:
    """The measure of `a` minus that of `b`, seed by seed, with Student's interval for the mean of such differences.

    Seeds pair: contenders with the same networks begin at the same weights. The interval assumes differences that are roughly
    normal; of twenty independent comparisons of equal methods one is decided by chance at 95 %. With one seed, or where a seed
    of either broke off, nothing is decided: the interval is the whole line.

    Raises:
        ValueError: different seeds, or a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"difference: confidence must be between 0 and 1, got {confidence}")
    x, y = a.final(measure), b.final(measure)
    if list(a.seeds) != list(b.seeds) or len(x) != len(y):
        raise ValueError(
            f"difference: {a.name!r} has the seeds {list(a.seeds)} and {b.name!r} {list(b.seeds)}; run both with the same seeds"
        )
    both = np.isfinite(x) & np.isfinite(y)
    apart = x[both] - y[both]
    mean = float(apart.mean()) if both.any() else math.nan
    if len(apart) < 2 or not both.all():
        return Difference(mean, -math.inf, math.inf, len(apart))
    from scipy import stats

    half = stats.t.ppf((1 + confidence) / 2, len(apart) - 1) * apart.std(ddof=1) / math.sqrt(len(apart))
    return Difference(mean, float(mean - half), float(mean + half), len(apart))
