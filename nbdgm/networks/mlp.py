"""Fully connected networks."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from nbdgm.networks.sizes import is_size, listed


def mlp(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module] = nn.ReLU,
    normalisation: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Linear layers with an activation between them, none after the last: (B, sizes[0]) -> (B, sizes[-1]).

    Args:
        sizes: widths, input and output included; `mlp([784, 400, 20])` has one hidden layer.
        activation: makes the module that follows each hidden layer, `nn.ReLU` or `lambda: nn.LeakyReLU(0.2)`.
        normalisation: makes the module between a hidden layer and its activation from its width, `nn.BatchNorm1d` say.

    Raises:
        ValueError: fewer than two sizes, or one that is no positive integer.
    """
    sizes = listed(sizes)
    if len(sizes) < 2 or not all(map(is_size, sizes)):
        raise ValueError(f"mlp: sizes must be two or more positive integers, input and output included, got {sizes}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        if normalisation is not None:
            layers.append(normalisation(outputs))
        layers.append(activation())
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
