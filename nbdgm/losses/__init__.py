"""Losses: pure functions of tensors, on logits, summed over dimensions, averaged over the batch, in nats."""

from nbdgm.losses.adversarial import Game, minimax, non_saturating
from nbdgm.losses.penalties import gradient_penalty, r1
from nbdgm.losses.variational import (
    bernoulli_log_likelihood,
    gaussian_kl,
    gaussian_log_likelihood,
    iwae_bound,
    negative_elbo,
    reparameterise,
)

__all__ = [
    "Game",
    "bernoulli_log_likelihood",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "gradient_penalty",
    "iwae_bound",
    "minimax",
    "negative_elbo",
    "non_saturating",
    "r1",
    "reparameterise",
]
