"""What competes: a pair of losses, the parameters that may be searched for it, and one setting of these."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from nbdgm.losses import Game
from nbdgm.losses.precision import full

AdversarialLoss = Callable[..., Tensor]
"""(D, real, fake, **parameters of its own) -> scalar; see `Contender`."""


class Critic:
    """What a loss sees of the critic: a function from a flat batch (N, ...) to one output an example, (N,), in float32.

    With seeds side by side N is copies * B, and the examples of one copy are consecutive. `module` is the network itself.
    """

    def __init__(self, module: nn.Module, copies: int | None, guard: Callable[[Tensor], Tensor] | None = None) -> None:
        self.module, self.copies, self._guard = module, copies, guard

    def __call__(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N,)."""
        outputs = self.module(x if self.copies is None else x.unflatten(0, (self.copies, -1)))
        outputs = full(outputs.reshape(len(x)))
        return outputs if self._guard is None else self._guard(outputs)


@dataclass(frozen=True)
class Setting:
    """One choice of everything that may be searched.

    Args:
        lr, betas: of Adam: the generator's, and the critic's where nothing else is said.
        critic_lr, critic_betas: of the critic.
        turns: critic updates for each of the generator; by default what the contender says.
        own: values of the contender's own parameters, by name.
    """

    lr: float
    betas: tuple[float, float] = (0.5, 0.999)
    critic_lr: float | None = None
    critic_betas: tuple[float, float] | None = None
    turns: int | None = None
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, **values: Any) -> "Setting":
        """From values by name; a name that is none of the fields above belongs to the contender."""
        known = {name: values.pop(name) for name in SEARCHABLE if name in values}
        return cls(**known, own=values)

    def values(self) -> dict[str, Any]:
        """Everything by name, as `of` takes it; what was left to its default is missing."""
        named = {name: getattr(self, name) for name in SEARCHABLE}
        return {name: value for name, value in named.items() if value is not None} | dict(self.own)

    def __iter__(self) -> Iterator[Any]:
        """lr and betas: what `adam(*setting)` takes for the generator."""
        return iter((self.lr, self.betas))

    def __str__(self) -> str:
        betas = lambda pair: f"({pair[0]:g}, {pair[1]:g})"
        parts = [f"{self.lr:g}, {betas(self.betas)}"]
        if self.critic_lr is not None or self.critic_betas is not None:
            parts.append(f"critic {self.critic_lr or self.lr:g}, {betas(self.critic_betas or self.betas)}")
        parts += [f"turns {self.turns}"] * (self.turns is not None)
        return "; ".join(
            parts + [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in self.own.items()]
        )


SEARCHABLE = ("lr", "betas", "critic_lr", "critic_betas", "turns")


@dataclass(frozen=True)
class Contender:
    """A way of playing the game.

    Args:
        name: in tables.
        critic, generator: (D, real, fake) -> scalar to be descended, a mean over examples; `D` is a `Critic`, `real` and
            `fake` are flat batches (N, ...). In the critic's turn no gradient flows to `fake`, in the generator's none to D.
        turns: critic updates for each of the generator, unless a `Setting` says otherwise.
        network: makes the critic's network, as `Arena`'s `critic` does, where this contender needs one of its own.
        parameters: name -> values to be searched, in addition to what is searched for all: of `SEARCHABLE`, or keyword
            arguments of `critic` or `generator` (a penalty's weight, say).

    Raises:
        ValueError: a parameter that no loss takes, or without values.
    """

    name: str
    critic: AdversarialLoss
    generator: AdversarialLoss
    turns: int = 1
    network: Callable[..., nn.Module] | None = None
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, values in self.parameters.items():
            if isinstance(values, str) or not len(values):
                raise ValueError(f"Contender {self.name!r}: parameters[{name!r}] must be a list of values, got {values!r}")
            if name not in SEARCHABLE:
                self.check({name: None})

    def check(self, own: Mapping[str, Any]) -> None:
        """Refuse parameters that neither loss takes."""
        for name in own:
            if not any(_takes(loss, name) for loss in (self.critic, self.generator)):
                raise ValueError(
                    f"Contender {self.name!r}: neither loss takes {name!r}; give critic or generator an argument {name}="
                )

    def losses(self, setting: Setting) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
        """critic and generator as functions of (D, real, fake), with the setting's values of their own parameters."""
        self.check(setting.own)

        def bound(loss: AdversarialLoss) -> Callable[..., Tensor]:
            own = {name: value for name, value in setting.own.items() if _takes(loss, name)}
            return lambda D, real, fake: loss(D, real, fake, **own)

        return bound(self.critic), bound(self.generator)

    @classmethod
    def of(cls, name: str, game: Game, **options: Any) -> "Contender":
        """From a pair of functions of the critic's outputs, such as `losses.least_squares`."""
        return cls(
            name,
            critic=lambda D, real, fake: game.critic(D(real), D(fake)),
            generator=lambda D, real, fake: game.generator(D(fake)),
            **options,
        )


def _takes(loss: AdversarialLoss, name: str) -> bool:
    """Whether the loss has a keyword argument of this name, beside the first three."""
    arguments = list(inspect.signature(loss).parameters.values())
    return any(a.kind is a.VAR_KEYWORD for a in arguments) or name in [a.name for a in arguments[3:]]
