"""Estimates of log p(x) for models with latent variables."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nbdgm.border import floats, whole


def importance_log_likelihood(
    log_weight: Callable[[Tensor, int], Tensor], x: Tensor, k: int = 500, chunk: int = 50, batch: int = 250
) -> Tensor:
    """The importance-sampled log-likelihood of each example, in nats: (N,).

        log p(x) ~ log 1/k sum_i p(x, z_i) / q(z_i | x),   z_1 ... z_k from q(. | x)

    Its expectation is a lower bound on log p(x) that does not fall as `k` grows (Burda, Grosse and Salakhutdinov 2016; `k` =
    1 is the ELBO). The weights are added up in logarithms, `chunk` draws for `batch` examples at a time, so memory does not
    grow with `k` or N.

    Args:
        log_weight: `log_weight(x, k)` draws k codes for each of the B examples and returns log p(x, z) - log q(z | x), (k, B).
            Types narrower than float32 are added up in float32.
        x: the examples, (N, ...).
        k: draws for each example.
        chunk: draws at a time.
        batch: examples at a time.

    Raises:
        ValueError: naming the argument, for a number below 1, no examples, or a `log_weight` that returns another shape.
    """
    k, chunk, batch = whole("k", k), whole("chunk", chunk), whole("batch", batch)
    if not isinstance(x, Tensor) or x.ndim < 1 or not len(x):
        raise ValueError("x: expected a tensor with at least one example along its first axis")
    estimates = []
    with torch.no_grad():
        for part in x.split(batch):
            total = None
            for start in range(0, k, chunk):
                draws = min(chunk, k - start)
                weights = floats("log_weight", log_weight(part, draws))
                if weights.shape != (draws, len(part)):
                    raise ValueError(f"log_weight: expected shape {(draws, len(part))}, got {tuple(weights.shape)}")
                summed = weights.logsumexp(0)
                total = summed if total is None else torch.logaddexp(total, summed)
            estimates.append(total - math.log(k))
    return torch.cat(estimates)
