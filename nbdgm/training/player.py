"""A player: some modules, the loss that they descend, and their optimiser."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdgm.runtime import device
from nbdgm.training.history import record

Loss = Callable[[Any], Tensor | dict[str, Any]]
OptimizerFactory = Callable[[list[nn.Parameter]], Optimizer]


def adam(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> OptimizerFactory:
    """Makes Adam for a player's parameters (fused, where torch can); `betas=(0, 0.99)` may be whole numbers."""
    return _fused(torch.optim.Adam, lr=float(lr), betas=(float(betas[0]), float(betas[1])), **options)


def sgd(lr: float, momentum: float = 0.0, **options: Any) -> OptimizerFactory:
    """Makes stochastic gradient descent for a player's parameters (fused, where torch can)."""
    return _fused(torch.optim.SGD, lr=float(lr), momentum=float(momentum), **options)


def _fused(kind: type[Optimizer], **options: Any) -> OptimizerFactory:
    if options["lr"] <= 0:
        raise ValueError(f"{kind.__name__.lower()}: lr must be positive, got {options['lr']:g}")

    def make(parameters: list[nn.Parameter]) -> Optimizer:
        fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
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
            no bias towards the initial weights, and covers floating-point buffers (statistics of batch normalisation) too.
        schedule: fraction of training done, in [0, 1] -> factor on the learning rate; see `linear_decay`.
        parameters: more trainable parameters that belong to no module (a learned variance, say).

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
        if isinstance(turns, bool) or not isinstance(turns, int) or turns < 1:
            raise ValueError(f"Player: turns must be a whole number, 1 or more, got {turns!r}")
        if ema is not None and not 0 <= ema < 1:
            raise ValueError(f"Player: ema must be in [0, 1), got {ema!r}; 0.999 averages over about 1,000 updates")
        self.modules = nn.ModuleList(modules).to(device())
        self.extra = list(parameters or [])
        for parameter in self.extra:
            parameter.data = parameter.data.to(device())
        self.parameters = [p for p in dict.fromkeys([*self.modules.parameters(), *self.extra]) if p.requires_grad]
        if not self.parameters:
            raise ValueError(
                f"Player{f' {name!r}' if name else ''} has no parameters to train; give it the modules that its loss uses"
            )
        self.loss, self.turns, self.name, self.ema, self.schedule = loss, turns, name, ema, schedule
        self.optimizer = (optimizer or adam())(self.parameters)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.updates = 0
        self.average = [t.detach().clone() for t in self._averaged_tensors()] if ema is not None else []

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
        """
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
            factor = self.schedule(fraction)
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
        self.optimizer.step()
        self.updates += 1
        if self.ema is not None:  # weights ema^0, ema^1, ... of the latest, the one before, ..., normalised to sum to 1
            share = (1 - self.ema) / (1 - self.ema**self.updates)
            torch._foreach_lerp_(self.average, [t.detach() for t in self._averaged_tensors()], share)
        return logged

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the modules have their averaged weights; afterwards the trained ones again. Needs `ema`."""
        if self.ema is None:
            raise ValueError(f"player {self.name!r} keeps no average; make it with ema=0.999")
        tensors = self._averaged_tensors()
        trained = [t.detach().clone() for t in tensors]
        try:
            _copy(tensors, self.average)
            yield
        finally:
            _copy(tensors, trained)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: weights, buffers, optimiser, average, number of updates."""
        return {
            "modules": self.modules.state_dict(),
            "parameters": [p.detach() for p in self.extra],
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.modules.load_state_dict(state["modules"])
        _copy(self.extra, state["parameters"])
        self.optimizer.load_state_dict(state["optimizer"])
        _copy(self.average, state["average"])
        self.updates = state["updates"]

    def parameter_names(self) -> list[str]:
        names = {p: name for name, p in self.modules.named_parameters()}
        return [names.get(p, "an extra parameter") for p in self.parameters]

    def tensors(self) -> list[Tensor]:
        """Everything that makes up the player's networks: parameters and buffers."""
        return [t.detach() for t in [*self.modules.parameters(), *self.modules.buffers(), *self.extra]]

    def _averaged_tensors(self) -> list[Tensor]:
        return self.parameters + [b for b in self.modules.buffers() if b.is_floating_point()]

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


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
