"""A player: some modules, the loss that they descend, and their optimiser."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.optim import Optimizer

from nbdgm.losses.precision import full
from nbdgm.runtime import device
from nbdgm.training.facts import plain
from nbdgm.training.history import History, NonFiniteError, record
from nbdgm.training.state import buffers_kept, settle, statistics

Loss = Callable[[Any], Tensor | dict[str, Any]]
OptimizerFactory = Callable[[list[nn.Parameter]], Optimizer]


def adam(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> OptimizerFactory:
    """Makes Adam for a player's parameters (fused, where torch can and `options` do not say otherwise); `betas=(0, 0.99)` may
    be whole numbers.

    Raises:
        ValueError: a learning rate that is not positive and finite.
    """
    return _fused(torch.optim.Adam, lr=float(lr), betas=(float(betas[0]), float(betas[1])), **options)


def sgd(lr: float, momentum: float = 0.0, **options: Any) -> OptimizerFactory:
    """Makes stochastic gradient descent for a player's parameters (fused, where torch can and `options` do not say otherwise).

    Raises:
        ValueError: a learning rate that is not positive and finite.
    """
    return _fused(torch.optim.SGD, lr=float(lr), momentum=float(momentum), **options)


def _fused(kind: type[Optimizer], **options: Any) -> OptimizerFactory:
    if not 0 < options["lr"] < math.inf:
        raise ValueError(f"{kind.__name__.lower()}: lr must be positive and finite, got {options['lr']:g}")
    chosen = options.get("foreach") or options.get("differentiable")  # by the caller, and not together with fused

    def make(parameters: list[nn.Parameter]) -> Optimizer:
        fused = not chosen and all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
        return kind(parameters, **({"fused": True} if fused else {}) | options)

    return make


def linear_decay(start: float = 0.5, end: float = 0.05, warmup: float = 0.0) -> Callable[[float], float]:
    """A schedule: up to 1 during the fraction `warmup` of training, 1 until the fraction `start`, then a line down to `end`."""
    if not (0 <= warmup <= start <= 1 and end >= 0):
        raise ValueError(f"linear_decay needs 0 <= warmup <= start <= 1 and end >= 0, got {warmup=}, {start=}, {end=}")

    def factor(fraction: float) -> float:
        if fraction < warmup:
            return max(fraction / warmup, 1e-3)
        return 1.0 if fraction <= start else 1 + (end - 1) * (fraction - start) / (1 - start)

    return factor


class Player:
    """One side of the game.

    Args:
        modules: the networks that this player trains. They are moved, in place, to `nbdgm.device()`.
        loss: batch -> scalar, or a dict whose entry `"loss"` is descended and whose other entries (scalars) are logged.
        optimizer: parameters -> optimiser; `adam(2e-3)` makes one.
        turns: updates in each round (the K of algorithm 13.1), each on a fresh batch.
        name: what the history calls it; "player 1", "player 2", ... by default.
        ema: decay of an exponential moving average of the weights, 0.999 say; `with player.averaged():` uses it. It has
            no bias towards the initial weights, and covers the statistics of batch normalisation too, but no other buffers.
        schedule: fraction of training done, in [0, 1] -> factor on the learning rate; see `linear_decay`.
        parameters: a list of more trainable parameters that belong to no module (a learned variance, say).

    The parameters that ask for gradients when the player is made are those that it trains: freeze others before.

    Raises:
        ValueError, TypeError: nothing to train, or an argument of the wrong kind.
    """

    def __init__(
        self,
        *modules: nn.Module,
        loss: Loss,
        optimizer: OptimizerFactory | None = None,
        turns: int = 1,
        name: str | None = None,
        ema: float | None = None,
        schedule: Callable[[float], float] | None = None,
        parameters: Iterable[nn.Parameter] | None = None,
    ) -> None:
        for module in modules:
            if not isinstance(module, nn.Module):
                raise TypeError(f"Player: modules must be torch modules, got {type(module).__name__}; give the loss as loss=")
        if not callable(loss):
            raise TypeError(f"Player: loss must be a function of a batch, got {type(loss).__name__}")
        if optimizer is not None and not callable(optimizer):
            raise TypeError(
                f"Player: optimizer must be a function from parameters to an optimiser, got {type(optimizer).__name__}; "
                "adam(2e-3) makes one"
            )
        if isinstance(turns, bool) or not isinstance(turns, Integral) or turns < 1:
            raise ValueError(f"Player: turns must be a whole number, 1 or more, got {turns!r}")
        if ema is not None and not 0 <= ema < 1:
            raise ValueError(f"Player: ema must be in [0, 1), got {ema!r}; 0.999 averages over about 1,000 updates")
        self.modules, self.extra = nn.ModuleList(modules), _list_of_parameters(parameters)
        if any(isinstance(p, UninitializedTensorMixin) for p in [*self.modules.parameters(), *self.modules.buffers()]):
            raise ValueError("Player: a lazy module does not know its shape yet; run one batch through it before")
        self.to(device())
        self.parameters = [p for p in dict.fromkeys([*self.modules.parameters(), *self.extra]) if p.requires_grad]
        if not self.parameters:
            raise ValueError(
                f"Player{f' {name!r}' if name else ''} has no parameters to train; give it the modules that its loss uses"
            )
        self.loss, self.turns, self.name, self.schedule = loss, int(turns), name, schedule
        self.ema = None if ema is None else float(ema)
        self.optimizer = (optimizer or adam())(self.parameters)
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(f"Player: optimizer must return an optimiser, got {type(self.optimizer).__name__}")
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.updates = 0
        self.average = [full(t.detach()).clone() for t in self._averaged_tensors()] if ema is not None else []

    def to(self, where: torch.device) -> None:
        """Move everything of this player, in place."""
        self.modules.to(where)
        for parameter in self.extra:
            parameter.data = parameter.data.to(where)
        self.average = [t.to(where) for t in getattr(self, "average", [])]

    def update(
        self,
        batch: Any,
        fraction: float = 0.0,
        precision: AbstractContextManager = contextlib.nullcontext(),  # noqa: B008
        average: Callable[[list[Tensor]], None] | None = None,
    ) -> tuple[list[str], Tensor]:
        """One descent step on `batch`, with gradients of this player's parameters and of no others.

        Args:
            batch: what `loss` takes.
            fraction: of training done, for the schedule.
            precision: the context in which the loss is computed (autocast).
            average: averages gradients over processes, in place.

        Returns:
            the names of the loss's entries, and their values (entries,), detached.

        Raises:
            ValueError: a loss that is no scalar, does not depend on the player's parameters, or logs what is no number; a
                parameter that was frozen after the player was made.
        """
        self.check_trainable()
        with precision:
            values = self.loss(batch)
        values = values if isinstance(values, dict) else {"loss": values}
        loss = self._descendable(values)
        logged = record(self.name, values)
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward(inputs=self.parameters)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if not gradients:
            raise ValueError(
                f"the loss of {self.name!r} does not depend on the player's own parameters; were they detached on the way?"
            )
        if average is not None:
            average(gradients)
        if self.schedule is not None:
            factor = float(self.schedule(fraction))
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
        self.optimizer.step()
        self.updates += 1
        if self.ema is not None:  # weights ema^0, ema^1, ... of the latest, the one before, ..., normalised to sum to 1
            share = (1 - self.ema) / (1 - self.ema**self.updates)
            torch._foreach_lerp_(self.average, [full(t.detach()) for t in self._averaged_tensors()], share)
        return logged

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the modules have their averaged weights; afterwards the trained ones again. Needs `ema`.

        Buffers of which there is no average follow: spectral normalisation is settled on the averaged weights, others stay as
        they are, and whatever happens to any buffer inside is undone.

        Raises:
            ValueError: the player keeps no average.
        """
        if self.ema is None:
            raise ValueError(f"player {self.name!r} keeps no average; make it with ema=0.999")
        trained = [p.detach().clone() for p in self.parameters]
        with buffers_kept(self.modules):
            try:
                _copy(self._averaged_tensors(), self.average)
                settle(self.modules)
                yield
            finally:
                _copy(self.parameters, trained)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: weights, buffers, optimiser, average, number of updates."""
        return {
            "modules": self.modules.state_dict(),
            "parameters": [p.detach() for p in self.extra],
            "optimizer": plain(self.optimizer.state_dict()),
            "average": self.average,
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.modules.load_state_dict(state["modules"])
        _copy(self.extra, state["parameters"])
        self.optimizer.load_state_dict(state["optimizer"])
        _copy(self.average, state["average"])
        self.updates = state["updates"]

    @property
    def device(self) -> torch.device:
        """Where the player's parameters lie."""
        return self.parameters[0].device

    def parameter_names(self) -> list[str]:
        names = {p: name for name, p in self.modules.named_parameters()}
        return [names.get(p, "an extra parameter") for p in self.parameters]

    def statistics(self) -> list[Tensor]:
        """Running means and variances of normalisations."""
        return statistics(self.modules)

    def tensors(self) -> list[Tensor]:
        """Everything that makes up the player's networks: parameters and buffers."""
        return [t.detach() for t in [*self.modules.parameters(), *self.modules.buffers(), *self.extra]]

    def _averaged_tensors(self) -> list[Tensor]:
        return self.parameters + self.statistics()

    def check_trainable(self) -> None:
        """Raises ValueError, with names, if a parameter that this player trains asks for no gradients any more."""
        if not all(p.requires_grad for p in self.parameters):
            frozen = [name for name, p in zip(self.parameter_names(), self.parameters, strict=True) if not p.requires_grad]
            raise ValueError(
                f"{', '.join(frozen[:3])}{', ...' * (len(frozen) > 3)} of {self.name!r} asked for gradients when the player "
                "was made and is frozen now; freeze before making the player, or make it trainable again"
            )

    def _descendable(self, values: dict[str, Any]) -> Tensor:
        """The entry to descend; raises unless it is a scalar that depends on some parameter."""
        if "loss" not in values:
            raise ValueError(
                f"the loss of {self.name!r} returned the entries {list(values)}; one of them must be 'loss', to be descended"
            )
        loss = values["loss"]
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(
                f"the loss of {self.name!r} must be a scalar tensor, got {what}; sum over dimensions and take the batch's mean"
            )
        if not loss.requires_grad:
            raise ValueError(
                f"the loss of {self.name!r} does not depend on the player's own parameters; were they detached on the way?"
            )
        return loss


def trained_by_others(player: Player, players: list[Player]) -> list[nn.Parameter]:
    """What is constant while `player` moves."""
    own = set(player.parameters)
    return [p for p in dict.fromkeys(p for other in players for p in other.parameters) if p not in own]


def check_weights(players: list[Player], history: History, advice: str) -> None:
    """Raises NonFiniteError if a weight, or a statistic of a normalisation, became NaN or infinite."""
    for player in players:
        tensors = [t.detach() for t in player.parameters + player.statistics()]
        finite = torch.stack([t.isfinite().all() for t in tensors])
        if not finite.all():
            names = [*player.parameter_names(), *["a running statistic"] * len(player.statistics())]
            first = int((~finite).nonzero()[0])
            value = full(tensors[first][~tensors[first].isfinite()][0]).item()
            raise NonFiniteError(player.name, names[first], history.steps, value, history, advice)


def _list_of_parameters(parameters: Iterable[nn.Parameter] | None) -> list[nn.Parameter]:
    if isinstance(parameters, Tensor):
        raise TypeError("Player: parameters must be a list of parameters, got a single one; write parameters=[it]")
    listed = list(parameters if parameters is not None else [])
    for parameter in listed:
        if not (isinstance(parameter, Tensor) and parameter.is_leaf):
            what = "a tensor computed from others" if isinstance(parameter, Tensor) else type(parameter).__name__
            raise TypeError(f"Player: parameters must be torch parameters, got {what}")
    return listed


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
