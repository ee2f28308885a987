import itertools
import math

import numpy as np
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
    for std in (torch.ones(4, 2, 3), torch.ones(2), [1.0, 2.0], torch.ones(5, 3)):
        with pytest.raises(ValueError, match=r"std of shape .* does not broadcast"):
            losses.gaussian_log_likelihood(mean, std, x)
    several = losses.gaussian_log_likelihood(mean, torch.full((4, 2, 3), 2.0), x.expand(4, 2, 3))
    torch.testing.assert_close(several, losses.gaussian_log_likelihood(mean, 2, x).expand(4, 2))
    torch.testing.assert_close(losses.gaussian_log_likelihood(x.expand(4, 2, 3), torch.full((4, 2, 3), 2.0), mean), several)


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


@pytest.mark.parametrize(
    "shapes",
    [
        *[((), (3,)), ((3,), ()), ((3,), (4,)), ((3, 1, 2), (3,)), ((3, 784), (3,))],
        *[((2,), (2, 2)), ((64,), (64, 64)), ((3, 2), (3, 2)), ((5, 3), (5, 3)), ((4, 2, 3), (3,)), ((1,), (1, 1))],
    ],
)
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


def test_negative_elbo_takes_several_codes_for_each_example():
    parts = losses.negative_elbo(torch.tensor([[-10.0, -20.0], [-30.0, -40.0]]), torch.tensor([1.0, 4.0]))
    assert {name: value.item() for name, value in parts.items()} == {"loss": 27.5, "reconstruction": 25.0, "kl": 2.5}


# shapes


@pytest.mark.parametrize("shape", [(6,), (5, 3), (5, 2, 3, 4)])
def test_every_dimension_but_the_first_is_summed(shape):
    torch.manual_seed(0)
    mean, std, prior_mean, prior_std, x = (torch.rand(shape, dtype=torch.float64) + 0.5 for _ in range(5))
    kl = losses.gaussian_kl(mean, std, prior_mean, prior_std)
    expected = kl_divergence(Normal(mean, std), Normal(prior_mean, prior_std)).reshape(shape[0], -1).sum(1)
    assert kl.shape == shape[:1]
    torch.testing.assert_close(kl, expected)
    torch.testing.assert_close(losses.gaussian_kl(mean, std, prior_mean[:1], prior_std[:1]).shape, kl.shape)
    for got, law in [
        (losses.gaussian_log_likelihood(mean, std, x), Normal(mean, std)),
        (losses.bernoulli_log_likelihood(mean, (x > 1).double()), Bernoulli(logits=mean)),
    ]:
        expected = law.log_prob(x if isinstance(law, Normal) else (x > 1).double()).reshape(shape[0], -1).sum(1)
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("shapes", [((2, 3, 4, 5), (4, 5)), ((4, 5), (2, 3, 4, 5)), ((), ()), ((3, 1), (3,)), ((), (3,))])
def test_two_axes_of_samples_or_none_of_examples_are_refused(shapes):
    first, second = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match="logits has shape"):
        losses.bernoulli_log_likelihood(first, second)
    with pytest.raises(ValueError, match="mean has shape"):
        losses.gaussian_log_likelihood(first, 1.0, second)


@pytest.mark.parametrize("name", ["std", "prior_mean", "prior_std"])
@pytest.mark.parametrize("shape", [(3,), (2, 4, 5), (4, 1, 1)])
def test_parameters_that_do_not_fit_are_named(name, shape):
    arguments = {"std": 1.0} | {name: torch.ones(shape)}
    with pytest.raises(ValueError, match=rf"{name} \({shape[0]},.*must broadcast against mean \(4, 5\)"):
        losses.gaussian_kl(torch.zeros(4, 5), **arguments)
    if name == "std":
        with pytest.raises(ValueError, match=r"std \(.*must broadcast against mean \(4, 5\)"):
            losses.reparameterise(torch.zeros(4, 5), torch.ones(shape))
    with pytest.raises(ValueError, match=r"must have shape \(B, ...\)"):
        losses.gaussian_kl(torch.tensor(0.0), 1.0)


def test_samples_have_noise_of_their_own_where_the_deviation_is_shared():
    torch.manual_seed(0)
    z = losses.reparameterise(torch.full((4, 5), 3.0), 2.0)
    torch.manual_seed(0)
    torch.testing.assert_close(z, 3 + 2 * torch.randn(4, 5))
    assert losses.reparameterise(torch.zeros(4, 5), torch.ones(5)).unique().numel() == 20


# types


@pytest.mark.parametrize("integer", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_integers_are_numbers(integer):
    zeros = torch.zeros(2, 2, dtype=integer)
    assert losses.gaussian_kl(zeros, 0.5).tolist() == pytest.approx([0.636294] * 2, rel=1e-5)
    assert losses.gaussian_kl(zeros, 1.0, prior_mean=0.5).tolist() == pytest.approx([0.25] * 2)
    assert losses.gaussian_kl(torch.zeros(2, 1, dtype=integer), 1.0, prior_mean=0.5).tolist() == pytest.approx([0.125] * 2)
    assert losses.gaussian_log_likelihood(zeros[:, :1], 0.5, zeros[:, :1]).tolist() == pytest.approx([-0.225791353] * 2)
    assert losses.gaussian_log_likelihood(torch.zeros(2, 1), 0.5, zeros[:, :1]).tolist() == pytest.approx([-0.225791353] * 2)
    assert losses.bernoulli_log_likelihood(zeros[:, :1], zeros[:, :1]).tolist() == pytest.approx([-math.log(2)] * 2)
    assert losses.reparameterise(zeros, 0.5).dtype == torch.float32
    assert losses.negative_elbo(zeros[0], zeros[0])["loss"].item() == 0
    assert losses.iwae_bound(zeros).item() == 0


NUMBERS = [0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), [0.5, 0.5], np.array([0.5, 0.5]), torch.tensor(0.5).bfloat16()]


@pytest.mark.parametrize("half", NUMBERS, ids=lambda n: f"{type(n).__name__} {n}")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_may_be_numbers_lists_and_arrays(half, dtype):
    mean = torch.zeros(3, 2, dtype=dtype)
    for value in (
        losses.gaussian_kl(mean, half),
        losses.gaussian_kl(mean, 0.5, prior_mean=half) - 2 * 0.125,
        losses.gaussian_kl(mean + 2, 1.0, prior_mean=2.0, prior_std=half) - (1.5 * 2 - 2 * math.log(2)) + 0.636294361,
        losses.gaussian_log_likelihood(mean, half, mean) + 2 * 0.225791353 + 0.636294361,
    ):
        assert value.dtype == dtype  # numbers, also numpy's, do not widen it
        assert value.tolist() == pytest.approx([0.636294361] * 3, rel=1e-5)
    assert losses.reparameterise(mean, half).dtype == dtype


@pytest.mark.parametrize("bad", [0, 0.0, -1.0, float("nan"), np.float64(0), np.array([1.0, 0.0]), [1.0, -1.0]])
def test_deviations_that_are_not_positive_are_refused_by_name(bad):
    mean = torch.zeros(3, 2)
    for call in (
        lambda: losses.gaussian_kl(mean, bad),
        lambda: losses.gaussian_log_likelihood(mean, bad, mean),
        lambda: losses.reparameterise(mean, bad),
    ):
        with pytest.raises(ValueError, match=r"^std must be positive"):
            call()
    with pytest.raises(ValueError, match="prior_std must be positive"):
        losses.gaussian_kl(mean, 1.0, 0.0, bad)


def test_single_and_double_precision_meet_in_the_wider():
    single, double = torch.full((2, 3), 0.3), torch.full((2, 3), 0.3, dtype=torch.float64)
    exact = losses.gaussian_log_likelihood(double, 0.7, double + 0.1)
    for mean, x in [(single, double + 0.1), (double, (double + 0.1).float())]:
        got = losses.gaussian_log_likelihood(mean, 0.7, x)
        assert got.dtype == torch.float64
        torch.testing.assert_close(got, exact, rtol=1e-6, atol=0)
    exact = losses.bernoulli_log_likelihood(double, double)
    for logits, x in [(single, double), (double, single)]:
        got = losses.bernoulli_log_likelihood(logits, x)
        assert got.dtype == torch.float64
        torch.testing.assert_close(got, exact, rtol=1e-6, atol=0)
    assert losses.gaussian_kl(single, double, double, double).dtype == torch.float64
    assert losses.bernoulli_log_likelihood(single, single.bfloat16()).dtype == torch.float32


def test_the_bounds_of_half_precision_are_computed_in_full():
    torch.manual_seed(0)
    log_weights = (torch.randn(50, 8) - 300).bfloat16()
    bound = losses.iwae_bound(log_weights)
    assert bound.dtype == torch.float32 and bound.item() == losses.iwae_bound(log_weights.float()).item()
    parts = losses.negative_elbo(log_weights, -log_weights[0])
    assert parts["kl"].dtype == torch.float32 and parts["kl"].item() == -log_weights[0].float().mean().item()
    assert parts["reconstruction"].item() == -log_weights.float().mean().item()


@pytest.mark.parametrize(
    "x,message",
    [
        (torch.tensor([[float("nan"), 0.5]]), "reaches from nan to nan"),
        (torch.tensor([[0, 255]], dtype=torch.uint8), "pixels from 0 to 255 become x / 255"),
        (torch.tensor([[0.0, 255.0]]), "pixels from 0 to 255 become x / 255"),
        (torch.tensor([[-1.0, 1.0]]), r"images in \[-1, 1\] become \(x \+ 1\) / 2"),
        (torch.tensor([[-1e-3, 1.0]]), r"must lie in \[0, 1\]"),
        (torch.tensor([[0.0, 1.001]]), r"must lie in \[0, 1\]"),
    ],
)
def test_bernoulli_says_what_to_do_with_other_pixels(x, message):
    with pytest.raises(ValueError, match=message):
        losses.bernoulli_log_likelihood(torch.zeros(1, 2), x)


def test_the_bounds_refuse_emptiness_and_what_is_no_tensor():
    with pytest.raises(ValueError, match=r"log_weights of shape \(0, 3\) is empty"):
        losses.iwae_bound(torch.zeros(0, 3))
    with pytest.raises(ValueError, match=r"log_likelihood of shape \(0,\) is empty"):
        losses.negative_elbo(torch.zeros(0), torch.zeros(0))
    with pytest.raises(ValueError, match=r"kl of shape \(0,\) is empty"):
        losses.negative_elbo(torch.zeros(3), torch.zeros(0))
    for call, name in [
        (lambda: losses.negative_elbo(-3.0, torch.zeros(2)), "log_likelihood"),
        (lambda: losses.negative_elbo(torch.zeros(2), [0.0, 1.0]), "kl"),
        (lambda: losses.iwae_bound(np.zeros((2, 2))), "log_weights"),
        (lambda: losses.gaussian_kl(0.0, 1.0), "mean"),
        (lambda: losses.reparameterise(np.zeros(2), 1.0), "mean"),
        (lambda: losses.gaussian_log_likelihood(torch.zeros(2), 1.0, np.zeros(2)), "x"),
        (lambda: losses.bernoulli_log_likelihood(np.zeros(2), torch.zeros(2)), "logits"),
    ]:
        with pytest.raises(TypeError, match=f"^{name} must be a tensor, got "):
            call()


def test_double_precision_survives_and_a_kl_is_exact_there():
    mean = torch.tensor([[1e-9]], dtype=torch.float64)
    assert losses.gaussian_kl(mean + 1, 1.0, prior_mean=1.0).dtype == torch.float64
    assert losses.precision.full(mean) is mean and losses.precision.full(mean.to(torch.complex64)).is_complex()


def test_the_losses_compile_without_a_break_in_the_graph():
    def loss(mean, std, x):
        z = losses.reparameterise(mean, std)
        likelihood = losses.bernoulli_log_likelihood(z, x) + losses.gaussian_log_likelihood(mean, 0.5, z)
        return losses.negative_elbo(likelihood, losses.gaussian_kl(mean, std))["loss"] + losses.iwae_bound(mean)

    arguments = torch.zeros(4, 3), torch.ones(4, 3), torch.rand(4, 3)
    torch.manual_seed(0)
    expected = loss(*arguments)
    torch.manual_seed(0)
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*arguments), expected)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (1.0, True),
        (0.0, False),
        (-1, False),
        ([1.0, 2.0], True),
        ([1.0, 0.0], False),
        (np.array([2.0, -1.0]), False),
        (np.float32(0), False),
    ],
)
def test_deviations_that_are_no_tensors_are_positive(value, fits):
    mean = torch.zeros(3, 2)
    if fits:
        assert losses.gaussian_kl(mean, value).shape == (3,)
        return
    for call in (lambda: losses.gaussian_kl(mean, value), lambda: losses.reparameterise(mean, value)):
        with pytest.raises(ValueError, match="std must be positive, got"):
            call()
    assert losses.gaussian_kl(mean, 1.0, prior_mean=value).shape == (3,)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.001, 1.0, "from -0.001 to 1; images in .* become .x . 1. / 2"),
    (0.0, 1.001, "from 0 to 1.001; pixels from 0 to 255 become"),
     (-1.0, 2.0, "from -1 to 2; images in"), (0.5, 200.0, "from 0.5 to 200; pixels")],
)  # fmt: skip
def test_what_to_do_with_values_that_are_no_probabilities(low, high, said):
    with pytest.raises(ValueError, match=f"x must lie in .0, 1., but reaches {said}"):
        losses.bernoulli_log_likelihood(torch.zeros(1, 2), torch.tensor([[low, high]]))


@pytest.mark.parametrize(
    ("mean", "x", "shape"),
    [
        ((5, 3), (5, 3), (5,)),
        ((2, 5, 3), (5, 3), (2, 5)),
        ((5, 3), (2, 5, 3), (2, 5)),
        ((4,), (4,), (4,)),
        ((7, 4), (4,), (7, 4)),
        ((2, 3, 4, 5), (3, 4, 5), (2, 3)),
    ],
)
def test_which_dimensions_are_summed(mean, x, shape):
    assert losses.gaussian_log_likelihood(torch.zeros(mean), 1.0, torch.zeros(x)).shape == shape
    assert losses.bernoulli_log_likelihood(torch.zeros(mean), torch.zeros(x)).shape == shape
    size = math.prod(torch.broadcast_shapes(mean, x)) / math.prod(shape)
    found = losses.gaussian_log_likelihood(torch.zeros(mean), 1.0, torch.zeros(x))
    torch.testing.assert_close(found, torch.full(shape, -size * 0.5 * math.log(2 * math.pi)))


@pytest.mark.parametrize(
    ("logits", "x", "said"),
    [
        ((6,), (2, 3), "Use logits.view_as"),
        ((2, 3, 1), (2, 3), "Use logits.view_as"),
        ((3, 2), (2, 3), "Use logits.view_as"),
        ((2, 4), (2, 3), "Use a network"),
    ],
)
def test_what_to_do_with_logits_of_another_shape(logits, x, said):
    with pytest.raises(ValueError, match=said):
        losses.bernoulli_log_likelihood(torch.zeros(logits), torch.zeros(x))
