"""Draw from a law that is known up to its constant, and estimate the constant: Gibbs, Langevin, annealed importance sampling.

A state lies along the last axis of a tensor; the axis before it holds independent chains, and axes before that hold models.
Chains take the type and the device of what is given, float32 or float64, and draw from `generator` (see `nbdgm.generator`).
Nothing here learns: weights are taken as constants.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from nbdgm.border import floats, whole


def gibbs(
    x: Tensor, weights: Tensor, bias: Tensor, sweeps: int = 1, beta: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Chains of a Boltzmann machine after some sweeps: each unit in turn is drawn given all others.

    The law is exp(beta (x W x / 2 + b x)) up to its constant, so a unit is on with probability sigmoid(beta (W x + b)_i)
    (Geman and Geman 1984; Ackley, Hinton and Sejnowski 1985).

    Args:
        x: binary units, (..., C, n); it stays as it is.
        weights: (..., n, n), symmetric, with a diagonal of zeros: W.
        bias: (..., n): b.
        sweeps: how often each unit is drawn.
        beta: inverse temperature.
        generator: where random numbers come from.

    Raises:
        ValueError: naming the argument, for shapes that do not fit, weights that are not symmetric, or fewer than 0 sweeps.
    """
    sweeps, n = whole("sweeps", sweeps, 0), _width("x", x)
    if weights.shape[-2:] != (n, n) or bias.shape[-1:] != (n,):
        found = f"{tuple(weights.shape)} and {tuple(bias.shape)}"
        raise ValueError(f"weights, bias: expected shapes (..., {n}, {n}) and (..., {n}), got {found}")
    if not torch.equal(weights, weights.mT) or weights.diagonal(dim1=-2, dim2=-1).any():
        raise ValueError("weights: expected a symmetric matrix with zeros on its diagonal; take A + A.mT less its diagonal")
    with torch.no_grad():
        x, weights, bias = x.clone(), beta * weights, beta * bias
        for _ in range(sweeps):
            dice = torch.rand((n, *x.shape[:-1]), dtype=x.dtype, device=x.device, generator=generator)
            for unit in range(n):
                field = (x @ weights[..., unit, :, None])[..., 0] + bias[..., unit, None]
                x[..., unit] = dice[unit] < field.sigmoid()
    return x


def block_gibbs(
    visible: Tensor,
    weights: Tensor,
    visible_bias: Tensor,
    hidden_bias: Tensor,
    sweeps: int = 1,
    beta: float = 1.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Chains of a restricted Boltzmann machine after some sweeps: all hidden units at once, then all visible ones.

    The law is exp(beta (v W h + b v + c h)) up to its constant. Given one layer the units of the other are independent
    (Smolensky 1986; Hinton 2002).

    Args:
        visible: binary units, (..., C, d); only they are needed to begin with.
        weights: (..., d, k): W.
        visible_bias: (..., d): b.
        hidden_bias: (..., k): c.
        sweeps: how often both layers are drawn.
        beta: inverse temperature.
        generator: where random numbers come from.

    Returns:
        The visible units (..., C, d), and the hidden units (..., C, k) that they were drawn from.

    Raises:
        ValueError: naming the argument, for shapes that do not fit, or fewer than 1 sweep.
    """
    sweeps, d = whole("sweeps", sweeps), _width("visible", visible)
    fits = weights.ndim >= 2 and weights.shape[-2] == d and visible_bias.shape[-1:] == (d,)
    if not fits or hidden_bias.shape[-1:] != weights.shape[-1:]:
        found = ", ".join(str(tuple(part.shape)) for part in (weights, visible_bias, hidden_bias))
        raise ValueError(f"weights, visible_bias, hidden_bias: expected (..., {d}, k), (..., {d}), (..., k), got {found}")
    hidden = visible
    with torch.no_grad():
        for _ in range(sweeps):
            hidden = _flip(beta * (visible @ weights + hidden_bias[..., None, :]), generator)
            visible = _flip(beta * (hidden @ weights.mT + visible_bias[..., None, :]), generator)
    return visible, hidden


def langevin(
    x: Tensor,
    energy: Callable[[Tensor], Tensor],
    step: float | Tensor,
    count: int = 1,
    metropolis: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Chains after `count` steps x - h dE/dx + sqrt(2h) noise, where h is the step, and the share of steps that were taken.

    Without the correction the stationary law is off by an amount of the order of h. With `metropolis` a step is taken with
    the probability that makes exp(-E) stationary, and the chain stays where it is otherwise (Roberts and Tweedie 1996).

    Args:
        x: points, (..., D).
        energy: E, from (..., D) to (...): a chain's energy depends on that chain only. Its parameters collect no gradient.
        step: h > 0: a number, or a tensor that broadcasts with x.
        count: how many steps.
        metropolis: whether to correct.
        generator: where random numbers come from.

    Returns:
        The points (..., D), and the share of steps taken by each chain (...): 1 without the correction.

    Raises:
        ValueError: naming the argument, for another shape of the energy, a step that is not positive, fewer than 0 steps.
    """
    count, _ = whole("count", count, 0), _width("x", x)
    h = torch.as_tensor(step, dtype=x.dtype, device=x.device)
    if not (h > 0).all():
        raise ValueError(f"step: expected positive numbers, got {step!r}")
    x, taken = x.detach(), torch.zeros(x.shape[:-1], dtype=x.dtype, device=x.device)
    here, slope = _energy_and_slope(energy, x)
    for _ in range(count):
        noise = torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)
        there = x - h * slope + (2 * h).sqrt() * noise
        energy_there, slope_there = _energy_and_slope(energy, there)
        if metropolis:
            back = (x - there + h * slope_there).square() - (there - x + h * slope).square()
            gain = here - energy_there - (back / (4 * h)).sum(-1)
            dice = torch.rand(gain.shape, dtype=x.dtype, device=x.device, generator=generator)
            accept = dice.log() < gain
        else:
            accept = torch.ones_like(here, dtype=torch.bool)
        taken += accept
        here = torch.where(accept, energy_there, here)
        x, slope = (torch.where(accept[..., None], new, old) for new, old in ((there, x), (slope_there, slope)))
    return x, taken / count if count else torch.ones_like(taken)


class Annealed(NamedTuple):
    """What annealed importance sampling gives: log-weights (..., C), and the states (..., C, n) at the last temperature."""

    log_weights: Tensor
    states: Tensor


def annealed_importance_sampling(
    log_f: Callable[[Tensor, float], Tensor],
    move: Callable[[Tensor, float], Tensor],
    start: Tensor,
    betas: Sequence[float] | Tensor,
) -> Annealed:
    """Weights whose mean is the ratio of two normalisers, Z(betas[-1]) / Z(betas[0]); see `log_mean`.

    Along betas[0], betas[1], ... the law changes a little, f(x, beta) up to its constant: multiply the weight by the ratio
    f(x, next) / f(x, this) at the chain's state, then move the chain (Neal 2001). The mean of the weights is exact for any
    temperatures; the spread is not. From states of the last law and with the betas turned round the same call estimates
    Z(betas[-1]) / Z(betas[0]) of the turned list, that is the inverse: a bound from the other side (Grosse et al. 2015).

    Args:
        log_f: `log_f(x, beta)`, log f, (..., C).
        move: `move(x, beta)`, the chains after a move that leaves f(., beta) as it is, for instance `gibbs`.
        start: independent draws from the law at betas[0], (..., C, n).
        betas: two or more temperatures, in the order of the path.

    Raises:
        ValueError: naming the argument, for fewer than two temperatures, or a `log_f` of another shape.
    """
    path = floats("betas", betas).flatten().tolist()
    if len(path) < 2:
        raise ValueError(f"betas: expected at least two temperatures, got {len(path)}")
    _width("start", start)
    x, log_weights = start, torch.zeros(start.shape[:-1], dtype=start.dtype, device=start.device)
    with torch.no_grad():
        for this, following in pairwise(path):
            change = log_f(x, following) - log_f(x, this)
            if change.shape != log_weights.shape:
                raise ValueError(f"log_f: expected shape {tuple(log_weights.shape)}, got {tuple(change.shape)}")
            log_weights = log_weights + change
            x = move(x, following)
    return Annealed(log_weights, x)


def log_mean(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of the mean of weights given in logarithms, and its standard error: (..., C) to (...) and (...), nats.

    The error is the weights' standard deviation over their mean and over the root of C: it knows only weights that were
    drawn. Where large weights are rare and missing, the estimate is too low and the error too small.

    Raises:
        ValueError: naming the argument, for fewer than two weights.
    """
    log_weights = floats("log_weights", log_weights)
    if log_weights.ndim < 1 or log_weights.shape[-1] < 2:
        raise ValueError(f"log_weights: expected shape (..., C) with C >= 2, got {tuple(log_weights.shape)}")
    count = log_weights.shape[-1]
    value = log_weights.logsumexp(-1) - math.log(count)
    relative = (log_weights - value[..., None]).exp()  # their mean is 1
    return value, relative.std(-1) / math.sqrt(count)


def effective_share(log_weights: Tensor) -> Tensor:
    """The effective share of weighted draws, 1 / (C sum w^2) with weights that sum to 1: (..., C) to (...), 1/C to 1."""
    normalised = floats("log_weights", log_weights).log_softmax(-1)
    return (-(2 * normalised).logsumexp(-1)).exp() / normalised.shape[-1]


def _flip(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent bits with these logits, in their type."""
    dice = torch.rand(logits.shape, dtype=logits.dtype, device=logits.device, generator=generator)
    return (dice < logits.sigmoid()).to(logits.dtype)


def _energy_and_slope(energy: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        values = energy(x)
        if values.shape != x.shape[:-1]:
            raise ValueError(f"energy: expected shape {tuple(x.shape[:-1])}, one number a chain, got {tuple(values.shape)}")
        (slope,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), slope


def _width(name: str, x: Tensor) -> int:
    """The number of coordinates of states of shape (..., C, n)."""
    if not isinstance(x, Tensor) or x.ndim < 2 or x.dtype not in (torch.float32, torch.float64):
        found = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"{name}: expected float32 or float64 of shape (..., chains, coordinates), got {found}; take x.float(), x[None]"
        )
    return x.shape[-1]
