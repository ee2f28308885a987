import contextlib

import pytest
import torch
from torch import nn

from nbdgm import losses


def linear_critic(w):
    return lambda x: x.flatten(1) @ w


def test_the_penalty_of_a_linear_critic_is_known_and_so_is_its_gradient():
    w = torch.randn(12, dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(2, 5, 3, 2, 2, dtype=torch.float64)
    penalty = losses.gradient_penalty(linear_critic(w), real, fake, target=0.5)
    norm = w.detach().norm()  # over channels and pixels together: 12 numbers
    torch.testing.assert_close(penalty.detach(), (norm - 0.5) ** 2)
    penalty.backward()  # through the gradient: double backward
    torch.testing.assert_close(w.grad, 2 * (norm - 0.5) * w.detach() / norm)


def test_points_lie_between_real_and_fake_with_one_share_for_each_example():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    torch.manual_seed(0)
    losses.gradient_penalty(critic, torch.ones(1000, 2, 3, 3), torch.zeros(1000, 2, 3, 3))
    shares = seen[0].flatten(1)
    assert (shares == shares[:, :1]).all()  # the same at every pixel
    assert 0 <= shares.min() < 0.01 and 0.99 < shares.max() <= 1 and shares[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)


def test_r1_is_the_mean_squared_gradient_at_real_examples():
    a = torch.randn(6, 6, dtype=torch.float64)
    a = (a + a.T).requires_grad_()
    real = torch.randn(4, 6, dtype=torch.float64)
    penalty = losses.r1(lambda x: 0.5 * ((x @ a) * x).sum(1), real)
    torch.testing.assert_close(penalty, (real @ a).square().sum(1).mean())
    penalty.backward()
    assert a.grad is not None


@pytest.mark.parametrize("penalty", [losses.r1, lambda critic, x: losses.gradient_penalty(critic, x, x)])
def test_it_agrees_with_finite_differences_for_a_network(penalty):
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(1, 2, 3), nn.SiLU(), nn.Flatten(), nn.Linear(8, 1)).double()
    x = torch.rand(3, 1, 4, 4, dtype=torch.float64)
    weight = critic[0].weight
    penalty(critic, x).backward()
    got = weight.grad[0, 0, 0, 0].item()
    values = []
    for shift in (1e-5, -1e-5):
        with torch.no_grad():
            weight[0, 0, 0, 0] += shift
            values.append(penalty(critic, x).item())  # also under no_grad
            weight[0, 0, 0, 0] -= shift
    assert got == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4)


def test_a_flat_critic_has_a_penalty_and_no_nan():
    w = torch.zeros(4, requires_grad=True)
    penalty = losses.gradient_penalty(linear_critic(w), torch.ones(2, 4), torch.zeros(2, 4))
    penalty.backward()
    assert penalty.item() == 1 and torch.isfinite(w.grad).all()


def test_examples_are_detached():
    fake = torch.zeros(2, 4, requires_grad=True)
    w = torch.ones(4, requires_grad=True)
    losses.gradient_penalty(linear_critic(w), torch.ones(2, 4), fake * 1.0).backward()
    assert fake.grad is None


def test_wrong_shapes_and_indifferent_critics_are_named():
    with pytest.raises(ValueError, match=r"real \(3, 4\) and fake \(2, 4\).*sample\(len\(x\)\)"):
        losses.gradient_penalty(linear_critic(torch.ones(4)), torch.ones(3, 4), torch.ones(2, 4))
    for critic in (lambda x: torch.ones(len(x)), lambda x: torch.ones(len(x), requires_grad=True)):
        with pytest.raises(ValueError, match="does not depend on its input"):
            losses.r1(critic, torch.ones(2, 4))


# types and batches at the border


@pytest.mark.parametrize("real", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.uint8, torch.int64])
@pytest.mark.parametrize("fake", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.uint8, torch.int64])
def test_real_and_fake_may_have_any_types(real, fake):
    """A generator under autocast gives bfloat16 where the data are float32."""
    seen = []

    def critic(x):
        seen.append(x.dtype)
        return x.flatten(1).sum(1)

    penalty = losses.gradient_penalty(critic, torch.ones(2, 2, dtype=real), torch.zeros(2, 2, dtype=fake))
    wide = torch.float64 if torch.float64 in (real, fake) else torch.float32
    assert seen == [wide] and penalty.dtype == wide
    assert penalty.item() == pytest.approx((2**0.5 - 1) ** 2, rel=1e-6)  # 0.1716


@pytest.mark.parametrize("fake", [torch.bfloat16, torch.float64])
def test_points_lie_between_in_full_precision(fake):
    seen = []
    torch.manual_seed(0)
    critic = lambda x: seen.append(x.detach()) or x.sum(1)
    losses.gradient_penalty(critic, torch.ones(500, 1), torch.zeros(500, 1, dtype=fake))
    assert len(seen[0].unique()) > 490  # bfloat16 has 128 numbers in every octave


def test_penalties_run_under_autocast_and_in_inference_mode():
    torch.manual_seed(0)
    critic, x, y = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1)), torch.randn(4, 3), torch.randn(4, 3)
    torch.manual_seed(1)
    expected = losses.gradient_penalty(critic, x, y).item(), losses.r1(critic, x).item()
    products = []
    critic[0].register_forward_hook(lambda *seen: products.append(seen[-1].dtype))
    for around in (
        contextlib.nullcontext(),
        torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode(),
        torch.no_grad(),
    ):
        torch.manual_seed(1)
        with around:
            got = losses.gradient_penalty(critic, x, y * 1.0).item(), losses.r1(critic, x * 1.0).item()
        assert got == pytest.approx(expected, rel=1e-6) and set(products) == {torch.float32}


def test_points_on_a_line_are_examples_too():
    w = torch.tensor(3.0, requires_grad=True)
    assert losses.gradient_penalty(lambda x: w * x, torch.ones(4), torch.zeros(4)).item() == 4
    assert losses.r1(lambda x: w * x, torch.ones(4)).item() == 9


def test_batches_without_examples_and_what_is_no_tensor_are_refused_by_name():
    critic, none = linear_critic(torch.ones(4)), torch.ones(0, 4)
    with pytest.raises(ValueError, match=r"real of shape \(0, 4\) is empty"):
        losses.gradient_penalty(critic, none, none)
    with pytest.raises(ValueError, match=r"fake of shape \(0, 4\) is empty"):
        losses.gradient_penalty(critic, torch.ones(2, 4), none)
    with pytest.raises(ValueError, match=r"x of shape .* is empty"):
        losses.r1(critic, none)
    with pytest.raises(TypeError, match=r"fake must be a tensor, got ndarray; torch.as_tensor"):
        losses.gradient_penalty(critic, torch.ones(2, 4), torch.zeros(2, 4).numpy())
    with pytest.raises(TypeError, match="critic must return a tensor of logits, got tuple"):
        losses.r1(lambda x: (x, x), torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"one shape, \(B, ...\)"):
        losses.gradient_penalty(lambda x: x, torch.tensor(1.0), torch.tensor(2.0))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(4), nn.BatchNorm1d(4, track_running_stats=False).eval(), nn.SyncBatchNorm(4)])
def test_a_critic_that_normalises_over_the_batch_is_refused(norm):
    net = nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 1))
    for critic in (net, lambda x: net(x)[:, 0]):  # also where it hides in a function
        for penalty in (losses.r1, lambda critic, x: losses.gradient_penalty(critic, x, x)):
            with pytest.raises(ValueError, match=r"normalises over the batch \((Sync)?BatchNorm(1d)?\).*normalise=False"):
                penalty(critic, torch.randn(6, 4))
    norm(torch.randn(6, 4)) if not isinstance(norm, nn.SyncBatchNorm) else None  # and outside it is as it was


def test_critics_that_normalise_each_example_alone_are_not():
    frozen = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    x = torch.randn(6, 4)
    together = losses.penalties.input_gradients(frozen, x)
    apart = torch.cat([losses.penalties.input_gradients(frozen, x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, apart)
    losses.r1(nn.Sequential(nn.InstanceNorm2d(2), nn.Flatten(), nn.Linear(18, 1)), torch.randn(2, 2, 3, 3))
    losses.r1(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 1)), x)


def test_batch_normalisation_elsewhere_is_not_watched():
    """The watch is over one thread, and over when the penalty is there."""
    import threading

    norm, failed = nn.BatchNorm1d(2), []

    def other():
        try:
            norm(torch.randn(4, 2))
        except ValueError as error:
            failed.append(error)

    def critic(x):
        thread = threading.Thread(target=other)
        thread.start(), thread.join()
        return x.sum(1)

    losses.r1(critic, torch.ones(3, 2))
    with pytest.raises(ZeroDivisionError):
        losses.r1(lambda x: 1 / 0, torch.ones(3, 2))
    norm(torch.randn(4, 2))
    assert not failed and not nn.modules.module._global_forward_pre_hooks


def test_one_number_is_an_example_of_its_own():
    w = torch.tensor(3.0, requires_grad=True)
    penalty = losses.r1(lambda x: w * x, torch.tensor(2.0))
    penalty.backward()
    assert penalty.item() == 9 and w.grad.item() == 6


@pytest.mark.parametrize(("target", "penalty"), [(1.0, 4.0), (0.0, 9.0), (3.0, 0.0), (5.0, 4.0)])
def test_the_norm_that_is_aimed_at(target, penalty):
    critic = lambda x: x.sum(1)
    found = losses.gradient_penalty(critic, torch.ones(2, 9), torch.zeros(2, 9), target)
    assert found.item() == pytest.approx(penalty, abs=1e-6)
