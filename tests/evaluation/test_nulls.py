import math

import numpy as np
import pytest
import torch

from nbdgm.data import Images, densities
from nbdgm.evaluation import energy_distance, mode_count, nearest_neighbours, nulls

N = 40_000
RING = densities.ring(std=0.05)
POINTS = torch.tensor([[0.0, 1.0], [4.0, 1.0], [2.0, 3.0], [2.0, 1.0]])  # mean (2, 1.5)
PICTURES = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.5
EVERY = (nulls.uniform, nulls.normal, nulls.mean, nulls.copies, nulls.circle, nulls.disc)


def test_uniform_noise_fills_the_frame():
    x = nulls.uniform(POINTS, N)
    assert x.shape == (N, 2) and x.min() >= 0 and x.max() <= 4
    torch.testing.assert_close(x.mean(0), torch.full((2,), 2.0), atol=5 * 4 / 12**0.5 / N**0.5, rtol=0)
    torch.testing.assert_close(x.var(0), torch.full((2,), 16 / 12), atol=0.03, rtol=0)
    assert nulls.uniform(PICTURES, 7).shape == (7, 1, 4, 4)


def test_normal_noise_has_the_data_s_own_moments_in_each_coordinate():
    x = nulls.normal(POINTS, N)
    torch.testing.assert_close(x.mean(0), POINTS.mean(0), atol=5 * 1.5 / N**0.5, rtol=0)
    torch.testing.assert_close(x.std(0), torch.tensor([2**0.5, 0.75**0.5]), atol=0.03, rtol=0)
    assert abs(torch.corrcoef(x.T)[0, 1]) < 5 / N**0.5 and x.max() > POINTS.max()  # not clipped
    pictures = nulls.normal(PICTURES, 500)
    assert pictures.min() >= PICTURES.min() and pictures.max() <= PICTURES.max()
    torch.testing.assert_close(pictures.mean(0), PICTURES.mean(0), atol=0.05, rtol=0)


def test_the_mean_is_the_mean():
    assert torch.equal(nulls.mean(PICTURES, 3), PICTURES.mean(0).expand(3, 1, 4, 4))
    two = nulls.mean(POINTS, 2)
    assert two.tolist() == [[2.0, 1.5]] * 2
    two[0] = 0.0
    assert two.tolist() == [[0.0, 0.0], [2.0, 1.5]]  # each is one of its own


def test_copies_are_copies_and_come_equally_often():
    positions, distances = nearest_neighbours(nulls.copies(PICTURES, 75), PICTURES)
    assert distances.max() == 0
    counts = torch.bincount(positions[:, 0], minlength=30)
    assert counts.min() == 2 and counts.max() == 3
    few = nearest_neighbours(nulls.copies(PICTURES, 20), PICTURES)[0][:, 0]
    assert len(few.unique()) == 20 and few.tolist() != sorted(few.tolist())


def test_a_circle_has_the_radius_of_the_data_and_no_modes():
    data = RING.sample(N, torch.Generator().manual_seed(0)) + torch.tensor([3.0, -1.0])
    x = nulls.circle(data, N) - data.mean(0)
    radius = math.sqrt(2.0**2 + 2 * 0.05**2)  # of a mode, and of two coordinates about it
    torch.testing.assert_close(x.norm(dim=1), torch.full((N,), radius), atol=2e-3, rtol=0)
    angle = torch.atan2(x[:, 1], x[:, 0])
    for k in (1, 2, 8):  # the law of the angle has no Fourier coefficient
        assert abs(torch.exp(1j * k * angle).mean()) < 5 / N**0.5
    found = mode_count(nulls.circle(RING.centers, N), RING.centers, 0.05)
    chord = 2 * math.asin(0.15 / 4)  # half the angle at which a mode's 3 standard deviations are seen
    assert found.modes == 8 and found.good == pytest.approx(8 * 2 * chord / (2 * math.pi), abs=0.01)


def test_a_disc_is_even():
    x = nulls.disc(POINTS, N) - POINTS.mean(0)
    furthest = (POINTS - POINTS.mean(0)).norm(dim=1).max()
    radius = x.norm(dim=1) / furthest
    assert radius.max() <= 1 + 1e-6
    for inner in (0.25, 0.5, 0.9):
        assert (radius < inner).float().mean() == pytest.approx(inner**2, abs=0.01)
    torch.testing.assert_close(x.mean(0), torch.zeros(2), atol=0.06, rtol=0)
    ball = nulls.disc(torch.eye(3), N)
    radius = (ball - 1 / 3).norm(dim=1) / (2 / 3) ** 0.5
    assert (radius < 0.5).float().mean() == pytest.approx(1 / 8, abs=0.01)


def test_a_mark_of_the_ring_is_reached_by_the_data_and_by_none_of_these():
    """So a claim can be told from its nulls: nearly all samples good, and every mode found."""
    reached = lambda x: mode_count(x, RING.centers, RING.std).good > 0.9
    data = RING.sample(2000, torch.Generator().manual_seed(0))
    models = nulls.trivial_models(data, 2000)
    assert list(models) == ["uniform noise", "normal noise", "the mean", "a circle", "a disc"]
    assert reached(data) and not any(map(reached, models.values()))
    fresh = RING.sample(2000, torch.Generator().manual_seed(1))
    apart = {name: energy_distance(x, data).item() for name, x in models.items()}
    assert min(apart.values()) > 10 * abs(energy_distance(fresh, data).item())
    assert list(nulls.trivial_models(PICTURES, 5)) == ["uniform noise", "normal noise", "the mean", "copies"]
    assert all(x.shape == (5, 1, 4, 4) for x in nulls.trivial_models(Images(PICTURES), 5).values())
    for given in (POINTS.tolist(), POINTS.numpy(), POINTS.long()):
        assert "a disc" in nulls.trivial_models(given, 2)


@pytest.mark.parametrize("model", EVERY)
def test_each_depends_on_its_seed_alone_and_follows_the_shift_of_a_run(model, monkeypatch):
    data = POINTS.repeat(10, 1) + torch.arange(40.0)[:, None]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = model(data, 8, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first, model(data, 8, seed=3)) and first.dtype == torch.float32
    assert torch.equal(first, model(data, 8, 4)) == (model is nulls.mean)
    monkeypatch.setenv("NBDGM_SEED", "1")
    assert torch.equal(model(data, 8, seed=2), first)


@pytest.mark.parametrize("model", EVERY)
def test_what_is_given_may_be_of_every_type_and_is_checked(model):
    for data in (POINTS.long(), POINTS.numpy(), POINTS.tolist(), POINTS.bfloat16(), POINTS.clone().requires_grad_()):
        torch.testing.assert_close(model(data, np.int64(3)), model(POINTS, 3))
    assert model(POINTS.double(), 3).dtype == torch.float64
    for bad in (torch.zeros(5), torch.zeros(0, 2), torch.full((3, 2), torch.nan), "data"):
        with pytest.raises(ValueError, match="data: expected"):
            model(bad, 3)
    for bad in (0, 1.5, True):
        with pytest.raises(ValueError, match="n: expected an integer"):
            model(POINTS, bad)
    if model in (nulls.circle, nulls.disc):
        with pytest.raises(ValueError, match=r"data: expected points of shape \(N, D\)"):
            model(PICTURES, 3)
