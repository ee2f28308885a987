"""The terms of the evidence lower bound, and the importance-weighted bound. Everything is in nats.

Sources: the textbook, E-13.12 to E-13.28; the textbook's slides, E-000-09 to E-000-16; Kingma and Welling (2014), Auto-Encoding
Variational Bayes; Burda, Grosse and Salakhutdinov (2016), Importance Weighted Autoencoders.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nbdgm.losses.precision import full, full_batch, parameter


def bernoulli_log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """log p(x|z) of independent Bernoulli variables, summed over the dimensions of one example.

    Args:
        logits: (B, ...) log-odds of p(x = 1|z), before any sigmoid; or (K, B, ...) for K codes per example.
        x: (B, ...) values in [0, 1]. Values strictly between 0 and 1 are used as they are (a cross-entropy, not a likelihood).

    Returns:
        (B,) nats, or (K, B).

    Raises:
        ValueError: shapes do not agree, or (checked on the CPU only, where it is free) `x` is NaN or outside [0, 1] somewhere.
        TypeError: an argument is no tensor.
    """
    logits, x = full(logits, "logits"), full(x, "x")
    events = _event_dimensions("logits", logits, x)
    _check_unit_interval(x)
    dtype = torch.promote_types(logits.dtype, x.dtype)
    logits, x = torch.broadcast_tensors(logits.to(dtype), x.to(dtype))
    return _sum_events(-F.binary_cross_entropy_with_logits(logits, x, reduction="none"), events)


def gaussian_log_likelihood(mean: Tensor, std: Tensor | float, x: Tensor) -> Tensor:
    """log N(x; mean, diag(std^2)), summed over the dimensions of one example.

    It is log p(x|z) of a Gaussian decoder, and equally log q(z|x) or log p(z) of codes.

    Args:
        mean: (B, ...); a leading dimension more, (K, B, ...), on `mean` or on `x` stands for K samples per example.
        std: standard deviation > 0, a number or anything that broadcasts against `mean` and `x`.
        x: (B, ...).

    Returns:
        (B,) nats, or (K, B).

    Raises:
        ValueError: shapes do not agree, or a `std` that is no tensor is not positive.
        TypeError: `mean` or `x` is no tensor.
    """
    mean, x = full(mean, "mean"), full(x, "x")
    events = _event_dimensions("mean", mean, x)
    std = parameter(std, "std", mean, positive=True)
    if not _fits(std, mean if mean.ndim > x.ndim else x):
        raise ValueError(
            f"std of shape {tuple(std.shape)} does not broadcast against mean {tuple(mean.shape)}, x {tuple(x.shape)}"
        )
    standardised = (x - mean) / std
    log_prob = -0.5 * standardised.square() - std.log() - 0.5 * math.log(2 * math.pi)
    return _sum_events(log_prob, events)


def gaussian_kl(mean: Tensor, std: Tensor | float, prior_mean: Tensor | float = 0.0, prior_std: Tensor | float = 1.0) -> Tensor:
    """KL(N(mean, diag(std^2)) || N(prior_mean, diag(prior_std^2))), summed over all dimensions but the first. E-13.26.

    Args:
        mean: (B, ...).
        std, prior_mean, prior_std: numbers or tensors that broadcast against `mean`; standard deviations > 0.

    Returns:
        (B,) nats, never negative (up to rounding).

    Raises:
        ValueError: shapes do not agree, or a standard deviation that is no tensor is not positive.
        TypeError: `mean` is no tensor.
    """
    mean = full(mean, "mean")
    std, prior_std = parameter(std, "std", mean, positive=True), parameter(prior_std, "prior_std", mean, positive=True)
    prior_mean = parameter(prior_mean, "prior_mean", mean)
    if mean.ndim == 0 or not all(_fits(p, mean) for p in (std, prior_mean, prior_std)):
        raise ValueError(
            f"gaussian_kl: mean must have shape (B, ...), and std {tuple(std.shape)}, prior_mean {tuple(prior_mean.shape)} and "
            f"prior_std {tuple(prior_std.shape)} must broadcast against mean {tuple(mean.shape)}"
        )
    ratio = std / prior_std
    kl = 0.5 * (ratio.square() + ((mean - prior_mean) / prior_std).square() - 1) - ratio.log()
    return _sum_events(kl, mean.ndim - 1)


def reparameterise(mean: Tensor, std: Tensor | float) -> Tensor:
    """A sample of N(mean, diag(std^2)) that gradients flow through: mean + std * noise. E-13.27. Shape of `mean`.

    Raises:
        ValueError: `std` does not broadcast against `mean`, or is a number that is not positive.
        TypeError: `mean` is no tensor.
    """
    mean = full(mean, "mean")
    std = parameter(std, "std", mean, positive=True)
    if not _fits(std, mean):
        raise ValueError(f"reparameterise: std {tuple(std.shape)} must broadcast against mean {tuple(mean.shape)}")
    return mean + std * torch.randn_like(mean)


def negative_elbo(log_likelihood: Tensor, kl: Tensor) -> dict[str, Tensor]:
    """The loss of a variational auto-encoder, and its two parts.

    Args:
        log_likelihood: (B,) log p(x|z) with z drawn from q(z|x) (or (K, B) for K draws).
        kl: (B,) KL(q(z|x) || p(z)).

    Returns:
        `loss` = `reconstruction` + `kl`, each a scalar in nats per example; `reconstruction` is -E log p(x|z).

    Raises:
        ValueError: either is not one number per example, they belong to different batches, or the batch is empty.
        TypeError: either is no tensor.
    """
    log_likelihood, kl = full_batch(log_likelihood, "log_likelihood"), full_batch(kl, "kl")
    if kl.ndim != 1 or log_likelihood.ndim not in (1, 2) or log_likelihood.shape[-1] != len(kl):
        raise ValueError(
            f"negative_elbo: log_likelihood and kl must hold one number per example, (B,), or log_likelihood (K, B), got "
            f"{tuple(log_likelihood.shape)} and {tuple(kl.shape)}; sum over dimensions first, and leave the mean over the "
            "batch to this function"
        )
    reconstruction, kl = -log_likelihood.mean(), kl.mean()
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def iwae_bound(log_weights: Tensor) -> Tensor:
    """Importance-weighted bound on log p(x): log of the mean of K weights, averaged over the batch.

    Args:
        log_weights: (K, B), log p(x, z_k) - log q(z_k|x) with z_k drawn from q(z|x). K = 1 gives the ELBO.

    Returns:
        scalar, nats per example. To be maximised: a loss is its negative.

    Raises:
        ValueError: another shape, or nothing in it.
        TypeError: no tensor.
    """
    log_weights = full_batch(log_weights, "log_weights")
    if log_weights.ndim != 2:
        raise ValueError(f"iwae_bound: log_weights must have shape (K, B), samples first, got {tuple(log_weights.shape)}")
    return (torch.logsumexp(log_weights, 0) - math.log(len(log_weights))).mean()


def _event_dimensions(name: str, parameters: Tensor, x: Tensor) -> int:
    """How many trailing dimensions make up one example; the shapes must agree but for one leading dimension of samples."""
    common = min(parameters.ndim, x.ndim)
    if common == 0 or abs(parameters.ndim - x.ndim) > 1 or parameters.shape[-common:] != x.shape[-common:]:
        remedy = (
            f"{name}.view_as(x)" if parameters.numel() == x.numel() else f"a network whose output has the shape of x for {name}"
        )
        raise ValueError(
            f"{name} has shape {tuple(parameters.shape)} but x has {tuple(x.shape)}; they must be equal, (B, ...), "
            f"but for one leading dimension of samples, (K, B, ...). Use {remedy}"
        )
    return common - 1


def _sum_events(values: Tensor, events: int) -> Tensor:
    return values.flatten(values.ndim - events).sum(-1) if events else values


def _fits(parameter: Tensor, mean: Tensor) -> bool:
    """Whether the one broadcasts to the shape of the other."""
    if parameter.ndim == 0 or parameter.shape == mean.shape:  # as nearly always: torch takes its time for the rest
        return True
    try:
        return torch.broadcast_shapes(parameter.shape, mean.shape) == mean.shape
    except RuntimeError:
        return False


def _check_unit_interval(x: Tensor) -> None:
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return
    try:
        low, high = (v.item() for v in torch.aminmax(x.detach()))
    except RuntimeError:  # inside vmap no value can be read, and of no values there is none
        return
    if not (low >= 0 and high <= 1):  # true of NaN as well
        signed = "images in [-1, 1] become (x + 1) / 2" if low < 0 else "NaN is no pixel"
        remedy = "pixels from 0 to 255 become x / 255" if low >= 0 else signed
        raise ValueError(
            f"bernoulli_log_likelihood: x must lie in [0, 1], but reaches from {low:g} to {high:g}; "
            f"{remedy}, and logits come first, x second"
        )
