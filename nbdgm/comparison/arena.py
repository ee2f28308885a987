"""Where contenders meet: networks, data, updates, seeds and measures that all of them share."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nbdgm.losses.precision import full
from nbdgm.runtime import device, rng, separate_rng

from .contender import Contender, Setting
from .match import Match
from .result import Result
from .search import Found, Space, candidates, rank


class Arena:
    """Everything that the contenders of a comparison share.

    Args:
        generator, critic: make the networks. Batched: from a number of copies, (copies, B, ...) -> (copies, B, ...) with
            parameters (copies, ...), as `Crowd` does; all seeds are then played at once, on one stream of random numbers
            that begins at the first seed. Otherwise from nothing, and seeds are played one after the other.
        data: (size, seed) -> endless batches (size, ...).
        latent: the dimension of the noise, N(0, I).
        measures: samples (N, ...) of one seed and "valid" or "test" -> name and number of each; the search minimises the first.
        batch: examples of each seed in a batch.
        samples: N.
        batched: see above.
        schedule: of the learning rate, for both players; see `Player`.
        null: name -> function (n, seed) -> samples (n, ...) of a trivial model, which a contender has to beat: see `anchors`.

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
        null: Mapping[str, Callable[[int, int], Tensor]] | None = None,
    ) -> None:
        for name, number in {"latent": latent, "batch": batch, "samples": samples}.items():
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"Arena: {name} must be a positive integer, got {number!r}")
        self.generator, self.critic, self.data, self.latent, self.measures = generator, critic, data, latent, measures
        self.batch, self.samples, self.batched, self.schedule, self.null = batch, samples, batched, schedule, dict(null or {})

    def search(
        self,
        contender: Contender,
        settings: Space,
        steps: int,
        seeds: Sequence[int] = (100, 101),
        tries: int | None = None,
    ) -> Found:
        """Play settings for `steps` updates each, and take the best on "valid": fewest seeds broken off, then lowest mean.

        Args:
            contender: whose own `parameters` are searched too.
            settings: a list of `Setting`, or lists of values by name, of which every combination is tried:
                `{"lr": (1e-3, 4e-3), "critic_lr": (1e-3, 4e-3), "betas": [(0, 0.9), (0.5, 0.9)]}`.
            steps: updates of the generator.
            seeds: others than those of the final run.
            tries: as many of the combinations, drawn at random: the same number for each contender is a fair search.

        Raises:
            ValueError: no settings.
            RuntimeError: every seed of every setting broke off.
        """
        rows = []
        for setting in candidates(contender, settings, tries, rng(0)):
            result = self.run(contender, setting, steps, seeds, looks=1, split="valid")
            rows.append((setting, result.final().tolist()))
        best, values = min(rows, key=lambda row: rank(row[1]))
        if not np.isfinite(values).any():
            raise RuntimeError(f"search: every setting of {contender.name!r} broke off; try lower learning rates")
        return Found(best, rows)

    def run(
        self,
        contender: Contender,
        setting: Setting | Found,
        steps: int,
        seeds: Sequence[int] = (0, 1, 2),
        *,
        looks: int = 8,
        split: str = "test",
    ) -> Result:
        """Play from each of `seeds`, and measure at the start and `looks` times, evenly spaced; the last time at the end.

        `setting` may be what `search` found: tables then flag a best that lies at the edge of the search. A seed that breaks
        off leaves the others as they are. The caller's random numbers are left alone; the same arguments give the same numbers
        on the same machine.

        Raises:
            ValueError: no seeds, no looks, or no steps.
        """
        seeds = list(seeds)
        for name, number in {"steps": steps, "seeds": len(seeds), "looks": looks}.items():
            if number < 1:
                raise ValueError(f"run: {name} must be 1 or more, got {number}")
        setting, edges = (setting.best, setting.edges) if isinstance(setting, Found) else (setting, None)
        frames = sorted({0, *(round(steps * (i + 1) / looks) for i in range(looks))})
        games = [seeds] if self.batched else [[seed] for seed in seeds]
        parts = [Match(self, contender, setting, game).play(steps, frames, split) for game in games]
        looked = [[found for part in parts for found in part.looked[look]] for look in range(len(frames))]
        return Result(
            contender,
            setting,
            np.array(frames),
            np.sum([part.seconds for part in parts], axis=0),
            self._by_name(looked, seeds[0], split),
            torch.cat([part.samples for part in parts]),
            parts[0].film,
            [line for part in parts for _, line in sorted(part.broken.items())],
            tuple(seeds),
            edges,
            self,
        )

    def anchors(self, seeds: Sequence[int] = (0, 1, 2), split: str = "test") -> list[Result]:
        """What a table begins and ends with: fresh data, judged as a contender's samples are, and each model of `null`."""

        def data(n: int, seed: int) -> Tensor:
            stream = self.data(self.batch, seed)
            return torch.cat([next(stream) for _ in range(math.ceil(n / self.batch))])[:n]

        found = []
        for name, draw in {"the data": data, **self.null}.items():
            samples = []
            for seed in seeds:
                with separate_rng(seed):
                    samples.append(full(draw(self.samples, seed)).to(device()))
            measured = self._by_name([[self.measures(some, split) for some in samples]], seeds[0], split)
            zero, kept = np.zeros(1), torch.stack(samples).cpu()
            found.append(Result(name, None, zero, zero, measured, kept, [], seeds=tuple(seeds), arena=self))
        return found

    def _by_name(self, looked: list[list[dict[str, float]]], seed: int, split: str) -> dict[str, np.ndarray]:
        """What was measured (looks, seeds), by name; infinite where nothing could be."""
        names = dict.fromkeys(name for row in looked for found in row for name in found)
        if not names:  # every seed was broken from the start: the data tell what is measured
            with separate_rng(seed):
                names = dict.fromkeys(self.measures(next(self.data(self.samples, seed)), split))
        return {name: np.array([[found.get(name, math.inf) for found in row] for row in looked], float) for name in names}
