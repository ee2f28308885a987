"""Many seeds in one batched game: which copies are still whole, and what keeps a broken one from spoiling the others.

A copy breaks when one of its outputs or gradients becomes NaN or infinite. From then on its gradients are zero, and the loss
that is logged stays finite. For the others nothing is changed, since the loss is a mean over examples.
"""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class NoCopyLeft(ArithmeticError):
    """All copies are broken."""


class Copies:
    """Of a batched game: `whole` (copies,) says which copies are unbroken, `broken` where each of the others broke.

    Args:
        networks: with parameters (copies, ...); a parameter of another shape belongs to all copies, which break together.
        copies: how many.
    """

    def __init__(self, networks: list[nn.Module], copies: int) -> None:
        parameters = [p for net in networks for p in net.parameters() if p.requires_grad]
        self.whole = torch.ones(copies, dtype=torch.bool, device=parameters[0].device)
        self.broken: dict[int, str] = {}
        self._turn = "before the first update"
        self._finite = True  # the last loss
        for parameter in parameters:
            parameter.register_hook(self._gradient)

    @property
    def intact(self) -> bool:
        """Whether no copy is broken."""
        return bool(self.whole.all())

    def outputs(self, x: Tensor) -> Tensor:
        """Flat outputs (copies * B, ...), after a look at each copy's."""
        self.whole = self.whole & x.detach().unflatten(0, (len(self.whole), -1)).isfinite().flatten(1).all(1)
        return x

    def guarded(self, loss: Callable[[Any], Tensor], name: str) -> Callable[[Any], Tensor]:
        """The loss (batch -> scalar) of the player `name`, with the same gradient, and finite for the log in every update.

        Raises:
            NoCopyLeft: by the function that is returned, when all copies are broken.
        """
        updates = itertools.count(1)

        def turn(batch: Any) -> Tensor:
            self.settle()
            self._turn = f"in update {next(updates)} of the {name}"
            value = loss(batch)
            self._finite = bool(value.isfinite())
            return value if self._finite else _Finite.apply(value)

        return turn

    def settle(self) -> None:
        """After an update: write down what broke in it.

        A loss that was not finite although every output and gradient was belongs to no copy in particular: all break.

        Raises:
            NoCopyLeft: no copy is whole.
        """
        if self.intact and not self._finite:
            self.whole = torch.zeros_like(self.whole)
        if self.intact:
            return
        for i in (~self.whole).nonzero().flatten().tolist():
            self.broken.setdefault(i, self._turn)
        if len(self.broken) == len(self.whole):
            raise NoCopyLeft

    def _gradient(self, gradient: Tensor) -> Tensor:
        finite, own = gradient.isfinite(), gradient.shape[:1] == self.whole.shape
        self.whole = self.whole & (finite.flatten(1).all(1) if own else finite.all())
        if self.intact:
            return gradient
        mask = self.whole.view(-1, *[1] * (gradient.ndim - 1)) if own else self.whole.any()
        return gradient.where(mask, 0.0)


class _Finite(torch.autograd.Function):
    """Zero in place of a number that is not finite; the gradient passes as if nothing had been done."""

    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        return torch.zeros_like(value)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient
