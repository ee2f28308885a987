import math

import numpy as np
import pytest
import torch
from torch import distributions as td

from nbdgm.evaluation import importance_log_likelihood


class LinearGaussian:
    """x = W z + b + s e with standard normal z and e: evidence and posterior are known exactly."""

    def __init__(self, inflate: float = 1.0):
        generator = torch.Generator().manual_seed(0)
        self.W = torch.randn(5, 2, generator=generator, dtype=torch.float64)
        self.b = torch.randn(5, generator=generator, dtype=torch.float64)
        self.s = 0.7
        cov = self.W @ self.W.T + self.s**2 * torch.eye(5, dtype=torch.float64)
        self.evidence = td.MultivariateNormal(self.b, cov)
        self.post_cov = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + self.W.T @ self.W / self.s**2)
        self.inflate = inflate

    def posterior(self, x, inflate=1.0):
        mean = (x - self.b) @ self.W @ self.post_cov / self.s**2
        return td.MultivariateNormal(mean, self.post_cov * inflate)

    def log_weight(self, x, k):
        q = self.posterior(x, self.inflate)
        z = q.sample((k,))
        prior = td.Normal(0.0, 1.0).log_prob(z).sum(-1)
        likelihood = td.Normal(z @ self.W.T + self.b, self.s).log_prob(x).sum(-1)
        return prior + likelihood - q.log_prob(z)


def test_with_the_exact_posterior_one_draw_is_the_evidence():
    model = LinearGaussian()
    x = model.evidence.sample((30,))
    torch.testing.assert_close(importance_log_likelihood(model.log_weight, x, k=1), model.evidence.log_prob(x))
    torch.testing.assert_close(
        importance_log_likelihood(model.log_weight, x, k=7, chunk=3, batch=8), model.evidence.log_prob(x)
    )


def test_with_another_law_many_draws_reach_the_evidence_and_one_gives_the_elbo():
    torch.manual_seed(0)
    model = LinearGaussian(inflate=2.0)
    x = model.evidence.sample((40,))
    exact = model.evidence.log_prob(x)
    estimate = importance_log_likelihood(model.log_weight, x, k=5_000, chunk=500)
    assert (estimate - exact).abs().max() < 0.05
    elbo = importance_log_likelihood(model.log_weight, x.repeat(4000, 1), k=1, batch=40_000).view(4000, 40).mean(0)
    gap = td.kl_divergence(model.posterior(x, 2.0), model.posterior(x))  # evidence = ELBO + KL(q, posterior)
    assert abs((exact - elbo).mean() - gap.mean()) < 0.02 and gap.mean() > 0.25


@pytest.mark.parametrize(("k", "chunk", "batch"), [(1, 1, 1), (10, 3, 2), (10, 10, 100), (7, 50, 3)])
def test_pieces_do_not_change_the_result(k, chunk, batch):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(k, 5, generator=generator, dtype=torch.float64) * 300  # exp() of these would overflow
    used = torch.zeros(5, dtype=torch.long)

    def log_weight(x, n):
        at = x[:, 0].long()
        rows = torch.stack([table[used[i] : used[i] + n, i] for i in at], 1)
        used[at] += n
        return rows

    estimate = importance_log_likelihood(log_weight, torch.arange(5.0)[:, None], k, chunk, batch)
    torch.testing.assert_close(estimate, table.logsumexp(0) - math.log(k))
    assert used.tolist() == [k] * 5


def test_no_graph_is_kept():
    w = torch.ones(1, requires_grad=True)
    assert not importance_log_likelihood(lambda x, k: w.expand(k, len(x)), torch.zeros(3, 1), 2).requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k: expected an integer of at least 1"),
        ({"chunk": -1}, "chunk: expected"),
        ({"batch": 1.5}, "batch: expected"),
        ({"x": torch.zeros(0, 2)}, "x: expected a tensor with at least one example"),
        ({"x": torch.zeros(())}, "x: expected a tensor with at least one example"),
        ({"k": True}, "k: expected an integer"),
        ({"log_weight": lambda x, k: [["a"]]}, "log_weight: expected a tensor"),
        ({"x": [[0.0, 1.0]]}, "x: expected a tensor with at least one example"),
        ({"log_weight": lambda x, k: torch.zeros(len(x), k)}, r"log_weight: expected shape \(4, 3\), got \(3, 4\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    good = {"log_weight": lambda x, k: torch.zeros(k, len(x)), "x": torch.zeros(3, 2), "k": 4}
    with pytest.raises(ValueError, match=message):
        importance_log_likelihood(**{**good, **arguments})


def test_examples_may_be_numbers():
    log_weight = lambda x, k: x.expand(k, len(x))
    torch.testing.assert_close(importance_log_likelihood(log_weight, torch.arange(3.0), k=2), torch.arange(3.0))


def test_weights_in_half_precision_are_added_up_in_float32_and_counts_may_be_numpy_s():
    x = torch.zeros(3, 1)
    for dtype in (torch.bfloat16, torch.float16, torch.int64):
        log_weight = lambda x, k, dtype=dtype: torch.zeros(k, len(x), dtype=dtype)
        estimate = importance_log_likelihood(log_weight, x, np.int64(1000), np.int64(7))
        assert estimate.dtype == torch.float32 and estimate.abs().max() < 1e-5
