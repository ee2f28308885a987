"""Many small networks of one shape, trained side by side: one seed, or one problem, each.

Five seeds cost about as much as two when they are played one after the other. For convolutional networks play seeds in turn.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nbdgm.networks.sizes import is_size, listed


class Crowd(nn.Module):
    """Independent fully connected networks: (copies, B, sizes[0]) -> (copies, B, sizes[-1]).

    Each copy is what `mlp(sizes, activation)` is, with the same law of initial weights, and sees its own slice of the input
    only. Sum the copies' losses (or multiply their mean by `copies`), and each descends its own.

    Args:
        copies: how many.
        sizes: widths, input and output included.
        activation: makes the module between layers.
        start: the initial bias of the last layer, a number or one for each output: where a generator begins.

    Raises:
        ValueError: fewer than one copy or two sizes, a number that is not a positive integer, or a start of another length.
    """

    def __init__(
        self,
        copies: int,
        sizes: Sequence[int],
        activation: Callable[[], nn.Module] = nn.SiLU,
        start: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        sizes = listed(sizes)
        if len(sizes) < 2 or not all(map(is_size, [copies, *sizes])):
            raise ValueError(f"Crowd: copies and two or more sizes must be positive integers, got {copies} and {sizes}")
        self.copies = int(copies)
        uniform = lambda *shape: torch.rand(shape) * 2 - 1
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(uniform(copies, a, b) / math.sqrt(a) for a, b in pairs)
        self.biases = nn.ParameterList(uniform(copies, 1, b) / math.sqrt(a) for a, b in pairs)
        if start is not None:
            start = torch.as_tensor(start).to(self.biases[-1])
            if start.shape not in ((), (1,), (sizes[-1],)):
                raise ValueError(f"Crowd: start must be a number or {sizes[-1]} of them, got shape {tuple(start.shape)}")
            self.biases[-1].data[:] = start
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        """All copies, each on its own slice.

        Raises:
            ValueError: `x` is not of shape (copies, B, sizes[0]).
        """
        if x.ndim != 3 or x.shape[0] != self.copies or x.shape[2] != self.weights[0].shape[1]:
            raise ValueError(
                f"Crowd: x must have shape ({self.copies}, B, {self.weights[0].shape[1]}), got {tuple(x.shape)}; "
                "a batch that all copies share is x.expand(copies, -1, -1)"
            )
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, self.activation(x) if i else x, weight)
        return x
