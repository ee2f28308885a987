"""One fair comparison of adversarial losses: the same networks, data, updates, seeds and measures for all of them, and the same
small search of learning rates before. A loss of one's own takes five lines::

    mine = Contender(
        "my loss",
        critic=lambda D, real, fake: F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean(),
        generator=lambda D, real, fake: -D(fake).mean(),
    )

Not for tables of published numbers: everything here is trained by the caller, within minutes.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nbdgm.losses import Game
from nbdgm.runtime import device, separate_rng
from nbdgm.training import NonFiniteError, Player, adam, play

AdversarialLoss = Callable[["Critic", Tensor, Tensor], Tensor]


class Critic:
    """What a loss sees of the critic: a function from a flat batch (N, ...) to one output an example, (N,).

    With seeds side by side N is copies * B, and the examples of one copy are consecutive. `module` is the network itself.
    """

    def __init__(self, module: nn.Module, copies: int | None) -> None:
        self.module, self.copies = module, copies

    def __call__(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N,)."""
        if self.copies is None:
            return self.module(x).reshape(len(x))
        return self.module(x.unflatten(0, (self.copies, -1))).reshape(len(x))


class Setting(NamedTuple):
    """Of Adam, for both players."""

    lr: float
    betas: tuple[float, float] = (0.5, 0.999)

    def __str__(self) -> str:
        return f"{self.lr:g}, ({self.betas[0]:g}, {self.betas[1]:g})"


@dataclass(frozen=True)
class Contender:
    """A way of playing the game.

    Args:
        name: in tables.
        critic, generator: (D, real, fake) -> scalar to be descended, a mean over examples; `D` is a `Critic`, `real` and
            `fake` are flat batches (N, ...). In the critic's turn no gradient flows to `fake`, in the generator's none to D.
        turns: critic updates for each of the generator.
        network: makes the critic's network, as `Arena`'s `critic` does, where this contender needs one of its own.
    """

    name: str
    critic: AdversarialLoss
    generator: AdversarialLoss
    turns: int = 1
    network: Callable[..., nn.Module] | None = None

    @classmethod
    def of(cls, name: str, game: Game, **options: Any) -> "Contender":
        """From a pair of functions of the critic's outputs, such as `losses.least_squares`."""
        return cls(
            name,
            critic=lambda D, real, fake: game.critic(D(real), D(fake)),
            generator=lambda D, real, fake: game.generator(D(fake)),
            **options,
        )


@dataclass
class Result:
    """What a contender reached. A run that broke off (a NaN) has infinite measures from there on, and `failed` names it."""

    contender: Contender
    setting: Setting
    steps: np.ndarray
    """(looks,): generator updates at each look, the first at 0."""
    seconds: np.ndarray
    """(looks,): of training alone, all seeds together."""
    measures: dict[str, np.ndarray]
    """name -> (looks, seeds)."""
    samples: Tensor
    """(seeds, N, ...), from the end of the run."""
    film: list[tuple[int, Tensor]]
    """(step, (n, ...)) at each look, of the same noise in all: the first samples of the first seed, at most 500 and at most
    100,000 numbers. See `film`."""
    failed: list[str] = field(default_factory=list)

    def final(self, measure: str | None = None) -> np.ndarray:
        """(seeds,): the first measure, or the one named, at the end."""
        return self.measures[measure or next(iter(self.measures))][-1]


class Found(NamedTuple):
    """What a search found: the best setting, and for all (setting, value of each seed)."""

    best: Setting
    rows: list[tuple[Setting, list[float]]]


class Arena:
    """Everything that the contenders of a comparison share.

    Args:
        generator, critic: make the networks. Batched: from a number of copies, (copies, B, ...) -> (copies, B, ...), as `Crowd`
            does; all seeds are then played at once. Otherwise from nothing, and seeds are played one after the other.
        data: (size, seed) -> endless batches (size, ...).
        latent: the dimension of the noise, N(0, I).
        measures: samples (N, ...) of one seed and "valid" or "test" -> name and number of each; the search minimises the first.
        batch: examples of each seed in a batch.
        samples: N.
        batched: see above.
        schedule: of the learning rate, for both players; see `Player`.

    Raises:
        ValueError: `latent`, `batch` or `samples` is no positive integer.
    """

    def __init__(
        self,
        generator: Callable[..., nn.Module],
        critic: Callable[..., nn.Module],
        data: Callable[[int, int], Iterator[Tensor]],
        latent: int,
        measures: Callable[[Tensor, str], dict[str, float]],
        *,
        batch: int = 128,
        samples: int = 2_500,
        batched: bool = True,
        schedule: Callable[[float], float] | None = None,
    ) -> None:
        for name, number in {"latent": latent, "batch": batch, "samples": samples}.items():
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"Arena: {name} must be a positive integer, got {number!r}")
        self.generator, self.critic, self.data, self.latent, self.measures = generator, critic, data, latent, measures
        self.batch, self.samples, self.batched, self.schedule = batch, samples, batched, schedule

    def search(self, contender: Contender, settings: Sequence[Setting], steps: int, seeds: Sequence[int] = (100, 101)) -> Found:
        """Play every setting for `steps` updates, and take the one whose seeds have the lowest mean on "valid".

        Give seeds that the final run does not use. A setting that breaks off counts as infinitely bad.

        Raises:
            ValueError: no settings.
            RuntimeError: every setting broke off.
        """
        if not settings:
            raise ValueError("search: settings is empty; give two or more Setting(lr, betas)")
        rows = []
        for setting in settings:
            result = self.run(contender, setting, steps, seeds, looks=1, split="valid")
            rows.append((setting, result.final().tolist()))
        best, values = min(rows, key=lambda row: np.mean(row[1]))
        if not np.isfinite(values).all():
            raise RuntimeError(f"search: every setting of {contender.name!r} broke off; try lower learning rates")
        return Found(best, rows)

    def run(
        self,
        contender: Contender,
        setting: Setting,
        steps: int,
        seeds: Sequence[int] = (0, 1, 2),
        *,
        looks: int = 8,
        split: str = "test",
    ) -> Result:
        """Play from each of `seeds`, and measure at the start and `looks` times, evenly spaced; the last time at the end.

        The caller's random numbers are left alone; the same arguments give the same numbers on the same machine.

        Raises:
            ValueError: no seeds, no looks, or no steps.
        """
        seeds = list(seeds)
        for name, number in {"steps": steps, "seeds": len(seeds), "looks": looks}.items():
            if number < 1:
                raise ValueError(f"run: {name} must be 1 or more, got {number}")
        frames = sorted({0, *(round(steps * (i + 1) / looks) for i in range(looks))})
        games = [seeds] if self.batched else [[seed] for seed in seeds]
        parts = [self._play(contender, setting, steps, game, frames, split) for game in games]
        measures = {
            name: np.concatenate([part.measures[name] for part in parts], axis=1) for part in parts for name in part.measures
        }
        failed = [message for part in parts for message in part.failed]
        seconds = np.sum([part.seconds for part in parts], axis=0)
        samples = torch.cat([part.samples for part in parts])
        return Result(contender, setting, np.array(frames), seconds, measures, samples, parts[0].film, failed)

    def _play(
        self, contender: Contender, setting: Setting, steps: int, seeds: list[int], frames: list[int], split: str
    ) -> Result:
        """One game: of all seeds at once, or of the only one."""
        copies = len(seeds) if self.batched else None
        every = copies or 1
        with separate_rng(seeds[0]):
            build = (copies,) if self.batched else ()
            G = self.generator(*build).to(device())
            D = Critic((contender.network or self.critic)(*build).to(device()), copies)

            def sample(n: int) -> Tensor:
                """n examples of each copy, flat."""
                z = torch.randn(every * n, self.latent, device=device())
                return G(z.unflatten(0, (copies, n))).flatten(0, 1) if self.batched else G(z)

            def look() -> None:
                now = time.perf_counter()
                seconds.append(now - clock - away[0])
                G.eval()
                some = sample(self.samples).float().unflatten(0, (every, self.samples))
                few = min(500, max(1, 100_000 // some[0, 0].numel()))
                kept.append(some[0, :few].cpu().clone())  # a copy: a view would keep all samples alive
                looked.append([self.measures(part, split) if part.isfinite().all() else {} for part in some])
                away[0] += time.perf_counter() - now

            def loss(function: AdversarialLoss) -> Callable[[Tensor], Tensor]:
                return lambda real: every * function(D, real, sample(len(real) // every))

            optimizer = adam(setting.lr, setting.betas)
            options = {"optimizer": optimizer, "schedule": self.schedule}
            players = [
                Player(D.module, loss=loss(contender.critic), turns=contender.turns, name="critic", **options),
                Player(G, loss=loss(contender.generator), name="generator", **options),
            ]
            seconds, looked, kept, away, failed = [], [], [], [0.0], []
            data, clock = self.data(self.batch * every, seeds[0]), time.perf_counter()
            try:
                play(players, data, steps, film={"look": lambda: look() or 0}, frames=frames, progress=False)
            except NonFiniteError as error:
                failed.append(f"{contender.name}, seed {', '.join(map(str, seeds))}: {error}")
            names = looked[0][0].keys()
            missing = [[{}] * every] * (len(frames) - len(looked))
            measures = {
                name: np.array([[m.get(name, math.inf) for m in row] for row in looked + missing], dtype=float)
                for name in names
            }
            seconds += [seconds[-1]] * len(missing)
            with torch.no_grad():
                G.eval()
                samples = sample(self.samples).float().unflatten(0, (every, self.samples)).cpu()
        film = list(zip(frames, kept, strict=False))  # shorter where the run broke off
        return Result(contender, setting, np.array(frames), np.array(seconds), measures, samples, film, failed)


def ahead(a: Result, b: Result, measure: str | None = None) -> bool:
    """Whether the worst seed of `a` is better (lower) than the best seed of `b`.

    For two equal methods with n seeds each that happens in one of C(2n, n) comparisons: 1/20 for 3 seeds, 1/252 for 5.
    """
    return bool(a.final(measure).max() < b.final(measure).min())


def table(results: Sequence[Result], measure: str | None = None, caption: str | None = None, digits: int = 1) -> None:
    """Show the results, the lowest mean first, with the spread over seeds, and whom each is `ahead` of: no other ranking."""
    from nbdgm import display

    rows = []
    for result in sorted(results, key=lambda r: r.final(measure).mean()):
        values = result.final(measure)
        beaten = [other.contender.name for other in results if ahead(result, other, measure)]
        rows.append(
            {
                "contender": result.contender.name,
                "lr, betas": str(result.setting),
                "mean": values.mean(),
                "sd": values.std(ddof=1) if len(values) > 1 and np.isfinite(values).all() else None,
                "lowest": values.min(),
                "highest": values.max(),
                "ahead of": ", ".join(beaten) or "–",
            }
        )
    display.table(rows, caption=caption, digits=digits)


def film(
    results: Sequence[Result], reach: float, marks: Tensor | None = None, caption: str = "samples of the first seed"
) -> None:
    """Show runs in the plane side by side while they are trained: a film of `Result.film`, a panel for each contender.

    Args:
        results: with as many looks each, and two-dimensional samples; a run that broke off keeps its last picture, and says so.
        reach: every panel shows [-reach, reach] both ways; points outside are not shown, so a panel may be empty.
        marks: (K, 2), drawn as crosses: the centres of the law, say.
        caption: of the film.

    Raises:
        ValueError: no results, results with different steps, or samples that are not points of the plane.
    """
    from nbdgm import display

    if not results:
        raise ValueError("film: results is empty; give what `run` returned, one for each panel")
    steps = [int(step) for step in results[0].steps]
    if any(list(result.steps) != steps for result in results):
        raise ValueError("film: all results must have the same steps; give `run` the same steps and looks")
    if any(result.samples.shape[2:] != (2,) for result in results):
        raise ValueError(f"film: samples must be points of the plane, (seeds, N, 2), got {tuple(results[0].samples.shape)}")
    gap = 2.1 * reach

    def draw(frame: int, ax: Any) -> None:
        for i, result in enumerate(results):
            points = result.film[min(frame, len(result.film) - 1)][1]
            points = points[(points.abs() < reach).all(1)].numpy()
            if marks is not None:
                ax.plot(marks[:, 0].cpu() + i * gap, marks[:, 1].cpu(), "+", color="0.4", ms=7, zorder=1)
            ax.plot(points[:, 0] + i * gap, points[:, 1], ".", color=f"C{i}", ms=2.5, zorder=2)
            name = result.contender.name + (" (broke off)" if frame >= len(result.film) else "")
            ax.text(i * gap, 1.05 * reach, name, ha="center", va="bottom", fontsize=9)
            if i:
                ax.axvline((i - 0.5) * gap, color="0.7", lw=0.8)
        ax.set(xlim=(-gap / 2, (len(results) - 0.5) * gap), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
        ax.grid(False)

    width = 8.4
    display.film(range(len(steps)), steps, draw=draw, size=(width, width / len(results) / 1.05 + 0.35), dpi=90, caption=caption)
