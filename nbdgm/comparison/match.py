"""One game of a contender: of all seeds at once, or of a single one."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nbdgm.losses.precision import full
from nbdgm.runtime import device, separate_rng
from nbdgm.training import NonFiniteError, Player, adam, play

from .contender import Contender, Critic, Setting
from .copies import Copies, NoCopyLeft

if TYPE_CHECKING:
    from .arena import Arena


class Match:
    """A game to be played once; afterwards:

    Attributes:
        seconds: of training, at each look.
        looked: for each look, a dictionary of measures for each seed, empty for a seed that is broken by then.
        samples: (seeds, N, ...), NaN for a broken seed.
        film: (step, samples of the first seed) of each look at which that seed was whole.
        broken: position of each broken seed -> a line that says how it broke.
    """

    def __init__(self, arena: "Arena", contender: Contender, setting: Setting, seeds: Sequence[int]) -> None:
        self.arena, self.contender, self.setting, self.seeds = arena, contender, setting, list(seeds)
        self.copies = len(self.seeds) if arena.batched else None
        self.seconds: list[float] = []
        self.looked: list[list[dict[str, float]]] = []
        self.film: list[tuple[int, Tensor]] = []
        self.broken: dict[int, str] = {}

    def play(self, steps: int, frames: Sequence[int], split: str) -> "Match":
        """Train for `steps` updates of the generator, and look at each step of `frames`."""
        with separate_rng(self.seeds[0]):
            build = () if self.copies is None else (self.copies,)
            self.G = self.arena.generator(*build).to(device())
            network = (self.contender.network or self.arena.critic)(*build).to(device())
            self.guard = None if self.copies is None else Copies([self.G, network], self.copies)
            self.D = Critic(network, self.copies, self.guard.outputs if self.guard else None)
            players = self._players()
            data = self.arena.data(self.arena.batch * len(self.seeds), self.seeds[0])
            look = {"look": lambda: self._look(split, frames) or 0}
            self.clock = time.perf_counter()
            try:
                play(players, data, steps, film=look, frames=frames, progress=False)
            except NoCopyLeft:
                pass
            except NonFiniteError as error:
                for i in range(len(self.seeds)):
                    self._break(i, str(error))
            self._note()
            self.samples = self._last()
        self.seconds += (self.seconds[-1:] or [0.0]) * (len(frames) - len(self.seconds))
        self.looked += [[{}] * len(self.seeds)] * (len(frames) - len(self.looked))
        return self

    def generated(self, n: int) -> Tensor:
        """n examples of each seed, flat."""
        z = torch.randn(len(self.seeds) * n, self.arena.latent, device=device())
        return full(self.G(z) if self.copies is None else self.G(z.unflatten(0, (self.copies, n))).flatten(0, 1))

    def sample(self, n: int) -> Tensor:
        """The same, after a look at each copy's."""
        return self.guard.outputs(self.generated(n)) if self.guard else self.generated(n)

    def _players(self) -> list[Player]:
        copies, setting = len(self.seeds), self.setting
        against, of_G = self.contender.losses(setting)

        def player(
            module: nn.Module, loss: Callable[..., Tensor], lr: float, betas: tuple[float, float], **named: Any
        ) -> Player:
            turn = lambda real: copies * loss(self.D, real, self.sample(len(real) // copies))
            guarded = self.guard.guarded(turn, named["name"]) if self.guard else turn
            return Player(module, loss=guarded, optimizer=adam(lr, betas), schedule=self.arena.schedule, **named)

        rate, betas = setting.critic_lr or setting.lr, setting.critic_betas or setting.betas
        turns = self.contender.turns if setting.turns is None else setting.turns
        return [
            player(self.D.module, against, rate, betas, turns=turns, name="critic"),
            player(self.G, of_G, setting.lr, setting.betas, name="generator"),
        ]

    def _look(self, split: str, frames: Sequence[int]) -> None:
        begun, N, step = time.perf_counter(), self.arena.samples, frames[len(self.looked)]
        self.seconds.append(begun - self.clock)
        if self.guard:
            self.guard.settle()
        self.G.eval()
        some = self.sample(N).unflatten(0, (-1, N))
        if self.guard:
            self.guard.settle()
        if self.guard is None and not some.isfinite().all():
            self._break(0, f"a sample became NaN or infinite by step {step}")
            raise NoCopyLeft
        self._note()
        if 0 not in self.broken:
            few = min(500, max(1, 100_000 // some[0, 0].numel()))
            self.film.append((step, some[0, :few].cpu().clone()))  # a copy: a view would keep all samples alive
        measures = self.arena.measures
        self.looked.append([{} if i in self.broken else measures(part, split) for i, part in enumerate(some)])
        self.clock += time.perf_counter() - begun  # looking takes none of the training's seconds

    def _note(self) -> None:
        """Write down which copies the guard has found broken."""
        for i, turn in self.guard.broken.items() if self.guard else ():
            self._break(i, f"an output or a gradient became NaN or infinite {turn}")

    def _break(self, i: int, how: str) -> None:
        self.broken.setdefault(i, f"{self.contender.name}, seed {self.seeds[i]}: {how}")

    def _last(self) -> Tensor:
        N = self.arena.samples
        with torch.no_grad():
            self.G.eval()
            samples = self.generated(N).unflatten(0, (-1, N)).cpu()
        samples[list(self.broken)] = torch.nan
        return samples
