import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from nbdgm import losses

numbers = st.floats(-30, 30)
positive = st.floats(0.05, 20)


def vectors(elements):
    return st.integers(1, 4).flatmap(lambda n: st.lists(elements, min_size=n, max_size=n))


# Bernoulli


@given(vectors(numbers))
def test_bernoulli_probabilities_of_all_images_sum_to_one(logits):
    x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=len(logits))), dtype=torch.float64)
    log_prob = losses.bernoulli_log_likelihood(torch.tensor(logits, dtype=torch.float64).expand_as(x), x)
    assert log_prob.shape == (2 ** len(logits),)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_bernoulli_sums_over_all_dimensions_of_an_image():
    logits, x = torch.randn(5, 2, 3, 4), torch.rand(5, 2, 3, 4).round()
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(losses.bernoulli_log_likelihood(logits, x), expected)


def test_bernoulli_takes_several_codes_for_each_example():
    logits, x = torch.randn(7, 5, 6), torch.rand(5, 6).round()
    result = losses.bernoulli_log_likelihood(logits, x)
    assert result.shape == (7, 5)
    torch.testing.assert_close(result[3], losses.bernoulli_log_likelihood(logits[3], x))


def test_bernoulli_uses_grey_values_as_they_are():
    logits, x = torch.tensor([[0.7]]), torch.tensor([[0.25]])
    p = torch.sigmoid(logits)
    torch.testing.assert_close(losses.bernoulli_log_likelihood(logits, x), (0.25 * p.log() + 0.75 * (1 - p).log())[0])


@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_bernoulli_is_exact_at_extreme_logits(logit):
    logits = torch.full((1, 2), logit, requires_grad=True)
    log_prob = losses.bernoulli_log_likelihood(logits, torch.tensor([[1.0, 0.0]]))
    assert log_prob.item() == -1e4
    log_prob.sum().backward()
    assert logits.grad.tolist() == ([[0.0, -1.0]] if logit > 0 else [[1.0, 0.0]])


def test_bernoulli_says_which_shape_is_wrong_and_what_to_do():
    with pytest.raises(ValueError, match=r"logits has shape \(4, 784\) but x has \(4, 1, 28, 28\).*logits.view_as\(x\)"):
        losses.bernoulli_log_likelihood(torch.zeros(4, 784), torch.zeros(4, 1, 28, 28))
    with pytest.raises(ValueError, match="logits has shape"):
        losses.bernoulli_log_likelihood(torch.zeros(4, 1), torch.zeros(4, 3))


@pytest.mark.parametrize("x", [torch.tensor([[-1.0, 1.0]]), torch.tensor([[0.0, 255.0]])])
def test_bernoulli_refuses_pixels_outside_the_unit_interval(x):
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        losses.bernoulli_log_likelihood(torch.zeros_like(x), x)


def test_bernoulli_works_inside_vmap_and_on_empty_batches():
    logits, x = torch.randn(3, 4, 5), torch.rand(4, 5)
    torch.testing.assert_close(
        torch.func.vmap(losses.bernoulli_log_likelihood)(logits, x.expand(3, 4, 5)), losses.bernoulli_log_likelihood(logits, x)
    )
    assert losses.bernoulli_log_likelihood(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0,)


# Gaussian


@given(vectors(st.tuples(numbers, positive, numbers)))
def test_gaussian_log_likelihood_is_that_of_torch(values):
    mean, std, x = torch.tensor(values, dtype=torch.float64).T[:, None]
    expected = Independent(Normal(mean, std), 1).log_prob(x)
    torch.testing.assert_close(losses.gaussian_log_likelihood(mean, std, x), expected)


def test_gaussian_log_likelihood_with_one_learned_scale_keeps_its_gradient():
    log_std = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    mean, x = torch.randn(6, 1, 4, 4).double(), torch.rand(6, 1, 4, 4).double()
    result = losses.gaussian_log_likelihood(mean, log_std.exp(), x)
    torch.testing.assert_close(result, Independent(Normal(mean, log_std.exp()), 3).log_prob(x))
    result.sum().backward()
    expected = ((x - mean) ** 2).sum() / math.exp(0.6) - x.numel()  # of -log std - (x - mean)^2 / (2 std^2) by log std
    torch.testing.assert_close(log_std.grad, expected)


def test_gaussian_log_likelihood_of_several_samples_per_example():
    mean, std, z = torch.randn(5, 3), torch.rand(5, 3) + 0.1, torch.randn(7, 5, 3)
    result = losses.gaussian_log_likelihood(mean, std, z)
    torch.testing.assert_close(result, Independent(Normal(mean, std), 1).log_prob(z))
    torch.testing.assert_close(losses.gaussian_log_likelihood(z, std, mean), result)  # symmetric in mean and x


def test_gaussian_log_likelihood_with_a_plain_number_and_bad_arguments():
    mean, x = torch.zeros(2, 3), torch.ones(2, 3)
    torch.testing.assert_close(losses.gaussian_log_likelihood(mean, 2, x), Independent(Normal(mean, 2.0), 1).log_prob(x))
    with pytest.raises(ValueError, match="std must be positive"):
        losses.gaussian_log_likelihood(mean, 0.0, x)
    with pytest.raises(ValueError, match=r"mean has shape \(2, 1\)"):
        losses.gaussian_log_likelihood(torch.zeros(2, 1), 1.0, x)
    with pytest.raises(ValueError, match="std of shape"):
        losses.gaussian_log_likelihood(mean, torch.ones(4, 2, 3), x)


# KL


@given(vectors(st.tuples(numbers, positive, numbers, positive)))
def test_gaussian_kl_is_that_of_torch_and_never_negative(values):
    mean, std, prior_mean, prior_std = torch.tensor(values, dtype=torch.float64).T[:, None]
    kl = losses.gaussian_kl(mean, std, prior_mean, prior_std)
    expected = kl_divergence(Normal(mean, std), Normal(prior_mean, prior_std)).sum(1)
    torch.testing.assert_close(kl, expected, rtol=1e-9, atol=1e-12)
    assert kl.item() >= 0


@given(vectors(st.tuples(numbers, positive)))
def test_gaussian_kl_to_itself_is_zero(values):
    mean, std = torch.tensor(values, dtype=torch.float64).T[:, None]
    assert losses.gaussian_kl(mean, std, mean, std).item() == pytest.approx(0, abs=1e-12)


def test_gaussian_kl_to_the_standard_normal_by_quadrature():
    mean, std = torch.tensor([0.7, 0.4], dtype=torch.float64)
    x = torch.linspace(-8, 8, 200_001, dtype=torch.float64)
    q, p = Normal(mean, std), Normal(0 * mean, 0 * mean + 1)
    expected = torch.trapezoid(q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x)), x)
    kl = losses.gaussian_kl(mean.expand(3, 2), std)
    torch.testing.assert_close(kl, expected.expand(3) * 2, rtol=1e-8, atol=0)  # two dimensions: a sum, not a mean


def test_gaussian_kl_with_one_number_for_all_deviations_counts_every_dimension():
    mean = torch.zeros(4, 5)
    torch.testing.assert_close(losses.gaussian_kl(mean, torch.tensor(2.0)), losses.gaussian_kl(mean, torch.full((4, 5), 2.0)))


def test_gaussian_kl_names_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"std \(3,\).*mean \(4, 5\)"):
        losses.gaussian_kl(torch.zeros(4, 5), torch.ones(3))
    with pytest.raises(ValueError, match="prior_std must be positive"):
        losses.gaussian_kl(torch.zeros(4, 5), 1.0, prior_std=-1.0)


# the bounds


def test_negative_elbo_is_the_sum_of_two_positive_parts():
    parts = losses.negative_elbo(torch.tensor([-10.0, -20.0]), torch.tensor([1.0, 4.0]))
    assert {name: value.item() for name, value in parts.items()} == {"loss": 17.5, "reconstruction": 15.0, "kl": 2.5}


@pytest.mark.parametrize("shapes", [((), (3,)), ((3,), ()), ((3,), (4,)), ((3, 1, 2), (3,)), ((3, 784), (3,))])
def test_negative_elbo_refuses_anything_but_one_number_per_example(shapes):
    with pytest.raises(ValueError, match=r"one number per example, \(B,\)"):
        losses.negative_elbo(*map(torch.zeros, shapes))


def expected_bound(log_joint, log_q, k):
    """E over all k-tuples of codes of the importance-weighted bound, by enumeration."""
    total = 0.0
    for codes in itertools.product(range(len(log_q)), repeat=k):
        log_weights = (log_joint - log_q)[list(codes)][:, None]
        total += log_q[list(codes)].sum().exp() * losses.iwae_bound(log_weights)
    return total.item()


@given(st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), min_size=2, max_size=3))
def test_the_importance_weighted_bound_grows_with_k_up_to_the_evidence(values):
    joint, q = torch.tensor(values, dtype=torch.float64).T
    log_joint, log_q = (joint / joint.sum() * 0.3).log(), (q / q.sum()).log()  # p(x) = 0.3
    bounds = [expected_bound(log_joint, log_q, k) for k in (1, 2, 3, 4)]
    elbo = (log_q.exp() * (log_joint - log_q)).sum().item()
    assert bounds[0] == pytest.approx(elbo)
    for smaller, larger in itertools.pairwise([*bounds, math.log(0.3)]):
        assert smaller <= larger + 1e-12


def test_the_bound_averages_over_the_batch_and_stands_extreme_weights():
    log_weights = torch.tensor([[-1e4, 0.0], [-1e4, math.log(3.0)]])
    torch.testing.assert_close(losses.iwae_bound(log_weights), torch.tensor((-1e4 + math.log(2.0)) / 2))
    with pytest.raises(ValueError, match=r"\(K, B\)"):
        losses.iwae_bound(torch.zeros(3))


def test_reparameterised_samples_have_the_moments_and_pass_gradients_on():
    torch.manual_seed(0)
    mean, std = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([0.5, 3.0], requires_grad=True)
    z = losses.reparameterise(mean.expand(100_000, 2), std)
    torch.testing.assert_close(z.mean(0), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), std, atol=0.05, rtol=0)
    (z**2).mean(0).sum().backward()
    torch.testing.assert_close(mean.grad, 2 * mean.detach(), atol=0.1, rtol=0)  # d/dmu E z^2 = 2 mu
    torch.testing.assert_close(std.grad, 2 * std.detach(), atol=0.1, rtol=0)


def test_half_precision_inputs_are_summed_in_full_precision():
    mean, std = torch.rand(4, 500).bfloat16(), torch.rand(4, 500).bfloat16() + 0.5
    x = torch.rand(4, 500)
    for got, expected in [
        (losses.gaussian_kl(mean, std), losses.gaussian_kl(mean.float(), std.float())),
        (losses.gaussian_log_likelihood(mean, std, x), losses.gaussian_log_likelihood(mean.float(), std.float(), x)),
        (losses.bernoulli_log_likelihood(mean, x), losses.bernoulli_log_likelihood(mean.float(), x)),
    ]:
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, expected)
    assert losses.reparameterise(mean, std).dtype == torch.float32
