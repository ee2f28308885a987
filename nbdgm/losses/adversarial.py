"""One pair of pure functions on logits for each GAN: what the critic descends, and what the generator descends.

A logit is the critic's raw output; D(x) = sigmoid(logit). Every function is a mean over the batch (and over patches, if the
critic returns more than one logit per example), in nats.

Sources: the textbook, E-13.30 to E-13.35; Goodfellow et al. (2014), Generative Adversarial Nets.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from nbdgm.losses.precision import full


class Game(NamedTuple):
    """The two losses of an adversarial game, both to be descended."""

    critic: Callable[[Tensor, Tensor], Tensor]
    """(real_logits, fake_logits) -> scalar"""
    generator: Callable[[Tensor], Tensor]
    """fake_logits -> scalar"""


def logistic_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E log D(real) - E log(1 - D(fake)): the critic's cross-entropy, twice E-13.30 for balanced classes. E-13.31, E-13.32."""
    return F.softplus(-full(real_logits)).mean() + F.softplus(full(fake_logits)).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """E log(1 - D(fake)): what the generator descends in the minimax game. Its gradient fades when the critic wins. E-13.34."""
    return -F.softplus(full(fake_logits)).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-E log D(fake): pulls each fake the same way, and hardest when the critic wins. E-13.33."""
    return F.softplus(-full(fake_logits)).mean()


minimax = Game(logistic_critic, minimax_generator)
non_saturating = Game(logistic_critic, non_saturating_generator)
