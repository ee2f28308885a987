import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nbdgm import losses

GAMES = {"minimax": losses.minimax, "non_saturating": losses.non_saturating}
logits = st.lists(st.floats(-15, 15), min_size=1, max_size=5)


def double(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", GAMES)
@given(real=logits, fake=logits)
def test_the_critic_descends_its_cross_entropy(name, real, fake):
    loss = GAMES[name].critic(double(real), double(fake))
    d = lambda a: 1 / (1 + math.exp(-a))
    expected = -sum(math.log(d(a)) for a in real) / len(real) - sum(math.log(1 - d(a)) for a in fake) / len(fake)
    assert loss.item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(logits)
def test_the_minimax_generator_descends_log_one_minus_d(fake):
    a = double(fake)
    loss = losses.minimax.generator(a)
    loss.backward()
    d = torch.sigmoid(a.detach())
    assert loss.item() == pytest.approx(torch.log(1 - d).mean().item(), rel=1e-7, abs=1e-9)
    torch.testing.assert_close(a.grad, -d / len(fake))  # always towards higher logits, fading as D goes to 0


@given(logits)
def test_the_non_saturating_generator_ascends_log_d(fake):
    a = double(fake)
    loss = losses.non_saturating.generator(a)
    loss.backward()
    d = torch.sigmoid(a.detach())
    assert loss.item() == pytest.approx(-torch.log(d).mean().item(), rel=1e-7, abs=1e-9)
    torch.testing.assert_close(a.grad, -(1 - d) / len(fake))  # strongest as D goes to 0


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("scale", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(name, scale, dtype):
    real = torch.full((4,), scale, dtype=dtype, requires_grad=True)
    fake = torch.full((4,), -scale, dtype=dtype, requires_grad=True)
    game = GAMES[name]
    critic, generator = game.critic(real, fake), game.generator(fake)
    assert critic.item() == pytest.approx(0.0 if scale > 0 else 2e4, rel=0.01)
    (critic + generator).backward()
    assert all(torch.isfinite(t).all() for t in (critic, generator, real.grad, fake.grad))


def test_a_fooled_critic_pays_log_four_and_patches_are_averaged():
    assert losses.minimax.critic(torch.zeros(3, 1, 2, 2), torch.zeros(5)).item() == pytest.approx(math.log(4))
    assert losses.minimax.critic is losses.non_saturating.critic  # the two games differ in the generator alone


@given(real=logits, fake=logits)
def test_least_squares_wasserstein_and_hinge_are_what_they_say(real, fake):
    mean = lambda values: sum(values) / len(values)
    critic = {
        "least_squares": mean([(a - 1) ** 2 for a in real]) / 2 + mean([a**2 for a in fake]) / 2,
        "wasserstein": mean(fake) - mean(real),
        "hinge": mean([max(0.0, 1 - a) for a in real]) + mean([max(0.0, 1 + a) for a in fake]),
    }
    generator = {"least_squares": mean([(a - 1) ** 2 for a in fake]) / 2, "wasserstein": -mean(fake), "hinge": -mean(fake)}
    for name in critic:
        game = getattr(losses, name)
        assert game.critic(double(real), double(fake)).item() == pytest.approx(critic[name], rel=1e-9, abs=1e-9)
        assert game.generator(double(fake)).item() == pytest.approx(generator[name], rel=1e-9, abs=1e-9)


ALL = {"minimax", "non_saturating", "least_squares", "wasserstein", "hinge"}


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_every_game_is_computed_in_full_precision(name, dtype):
    game = getattr(losses, name)
    real, fake = torch.arange(300).remainder(7).to(dtype), torch.arange(300).remainder(5).to(dtype)
    for got, expected in [
        (game.critic(real, fake), game.critic(real.float(), fake.float())),
        (game.generator(fake), game.generator(fake.float())),
    ]:
        assert got.dtype == torch.float32 and got.item() == expected.item()


@pytest.mark.parametrize("name", sorted(ALL))
def test_empty_batches_and_what_is_no_tensor_are_refused_by_name(name):
    game, one, none = getattr(losses, name), torch.zeros(1), torch.zeros(0, 1)
    for call, which in [
        (lambda: game.critic(none, one), "real_logits"),
        (lambda: game.critic(one, none), "fake_logits"),
        (lambda: game.generator(none), "fake_logits"),
    ]:
        with pytest.raises(ValueError, match=rf"{which} of shape \(0, 1\) is empty"):
            call()
    with pytest.raises(TypeError, match="fake_logits must be a tensor, got float"):
        game.generator(0.5)
    with pytest.raises(TypeError, match="real_logits must be a tensor, got ndarray"):
        game.critic(one.numpy(), one)
