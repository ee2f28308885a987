"""One pair of pure functions on logits for each GAN: what the critic descends, and what the generator descends.

A logit is the critic's raw output; D(x) = sigmoid(logit). Every function is a mean over the batch (and over patches, if the
critic returns more than one logit per example), in nats, computed in float32 or wider; an empty batch has no mean and is a
ValueError, what is no tensor a TypeError.

What keeps a critic smooth (clipping, penalties, spectral normalisation) is not here: see `penalties`, and the networks.

Sources: the textbook, E-13.30 to E-13.35; Goodfellow et al. (2014), Generative Adversarial Nets; others at each function.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from nbdgm.losses.precision import full_batch


class Game(NamedTuple):
    """The two losses of an adversarial game, both to be descended."""

    critic: Callable[[Tensor, Tensor], Tensor]
    """(real_logits, fake_logits) -> scalar"""
    generator: Callable[[Tensor], Tensor]
    """fake_logits -> scalar"""


def logistic_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E log D(real) - E log(1 - D(fake)): the critic's cross-entropy, twice E-13.30 for balanced classes. E-13.31, E-13.32."""
    return (
        F.softplus(-full_batch(real_logits, "real_logits")).mean() + F.softplus(full_batch(fake_logits, "fake_logits")).mean()
    )


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """E log(1 - D(fake)): what the generator descends in the minimax game. Its gradient fades when the critic wins. E-13.34."""
    return -F.softplus(full_batch(fake_logits, "fake_logits")).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-E log D(fake): pulls each fake the same way, and hardest when the critic wins. E-13.33."""
    return F.softplus(-full_batch(fake_logits, "fake_logits")).mean()


def least_squares_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E (T(real) - 1)^2 / 2 + E T(fake)^2 / 2, in squared units of the critic's output. E-000-27; Mao et al. (2017)."""
    return (
        (full_batch(real_logits, "real_logits") - 1).square().mean() + full_batch(fake_logits, "fake_logits").square().mean()
    ) / 2


def least_squares_generator(fake_logits: Tensor) -> Tensor:
    """E (T(fake) - 1)^2 / 2. E-000-28; Mao et al. (2017), Least Squares Generative Adversarial Networks."""
    return (full_batch(fake_logits, "fake_logits") - 1).square().mean() / 2


def wasserstein_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E T(fake) - E T(real): minus an estimate of W1, if something else keeps T's slope at most 1. Arjovsky et al. (2017)."""
    return full_batch(fake_logits, "fake_logits").mean() - full_batch(real_logits, "real_logits").mean()


def wasserstein_generator(fake_logits: Tensor) -> Tensor:
    """-E T(fake), that of the hinge game too."""
    return -full_batch(fake_logits, "fake_logits").mean()


def hinge_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E max(0, 1 - T(real)) + E max(0, 1 + T(fake)). Lim and Ye (2017), Geometric GAN."""
    return F.relu(1 - full_batch(real_logits, "real_logits")).mean() + F.relu(1 + full_batch(fake_logits, "fake_logits")).mean()


minimax = Game(logistic_critic, minimax_generator)
non_saturating = Game(logistic_critic, non_saturating_generator)
least_squares = Game(least_squares_critic, least_squares_generator)
wasserstein = Game(wasserstein_critic, wasserstein_generator)
hinge = Game(hinge_critic, wasserstein_generator)
