"""Losses: pure functions of tensors, on logits, summed over dimensions, averaged over the batch, in nats."""

from typing import Any

from nbdgm.losses.adversarial import Game, hinge, least_squares, minimax, non_saturating, wasserstein
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
    "FGAN",
    "Game",
    "bernoulli_log_likelihood",
    "from_f",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "gradient_penalty",
    "hinge",
    "iwae_bound",
    "least_squares",
    "minimax",
    "negative_elbo",
    "non_saturating",
    "r1",
    "reparameterise",
    "wasserstein",
]


def __getattr__(name: str) -> Any:
    """`from_f` needs sympy: imported when it is asked for."""
    if name in ("FGAN", "from_f"):
        from nbdgm.losses import f_divergences

        return getattr(f_divergences, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
