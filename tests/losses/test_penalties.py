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
