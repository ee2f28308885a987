import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions as td

from nbdgm.data import densities

PLANE = {
    "ring": lambda: densities.ring(8, 2.0, 0.1),
    "grid": lambda: densities.grid(3, 1.5, 0.1),
    "moons": lambda: densities.moons(),
    "spirals": lambda: densities.spirals(),
}


@pytest.mark.parametrize("name", PLANE)
def test_densities_of_the_plane_integrate_to_one(name):
    density = PLANE[name]()
    line = torch.linspace(-4, 4, 301, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    total = density.log_prob(points).exp().sum() * (line[1] - line[0]) ** 2
    assert abs(total - 1) < 1e-6


@given(
    centers=st.lists(st.floats(-3, 3), min_size=1, max_size=4),
    std=st.floats(0.2, 1.5),
    raw=st.lists(st.floats(0.1, 5), min_size=4, max_size=4),
)
@settings(max_examples=40)
def test_densities_of_the_line_integrate_to_one_and_are_those_of_torch(centers, std, raw):
    weights = raw[: len(centers)]
    density = densities.mixture_1d(centers, std, weights)
    x = torch.linspace(-15, 15, 4001, dtype=torch.float64)
    assert abs(torch.trapezoid(density.log_prob(x).exp(), x) - 1) < 1e-5
    expected = td.MixtureSameFamily(td.Categorical(torch.tensor(weights)), td.Normal(torch.tensor(centers), std))
    torch.testing.assert_close(density.log_prob(x.float()), expected.log_prob(x.float()), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", PLANE)
def test_samples_follow_the_density(name):
    density = PLANE[name]()
    x = density.sample(20_000, torch.Generator().manual_seed(0))
    assert x.shape == (20_000, 2)
    # E[f(X)] by the mixture's own moments: mean and mean square
    mean = (density.weights[:, None] * density.centers).sum(0)
    square = (density.weights[:, None] * density.centers**2).sum(0) + density.std**2
    torch.testing.assert_close(x.mean(0), mean, atol=0.06, rtol=0)
    torch.testing.assert_close((x**2).mean(0), square, atol=0.1, rtol=0)
    # the entropy is -E log p; a sample's mean must agree with an integral over the plane
    line = torch.linspace(-4, 4, 301, dtype=torch.float64)
    log_p = density.log_prob(torch.cartesian_prod(line, line))
    entropy = -(log_p.exp() * log_p).sum() * (line[1] - line[0]) ** 2
    assert abs(-density.log_prob(x).mean() - entropy) < 0.03


def test_unequal_weights_and_widths_are_sampled():
    density = densities.mixture_1d([-2, 2], [0.1, 0.5], [3, 1])
    x = density.sample(20_000, torch.Generator().manual_seed(0))
    right = x[:, 0] > 0
    assert abs(right.float().mean() - 0.25) < 0.015
    assert abs(x[right].std() - 0.5) < 0.03 and abs(x[~right].std() - 0.1) < 0.01
    assert torch.equal(density.std, torch.tensor([0.1, 0.5]))


def test_shapes_and_centers():
    ring = densities.ring()
    assert ring.centers.shape == (8, 2) and math.isclose(ring.std, 0.02, rel_tol=1e-6)
    torch.testing.assert_close(ring.centers.norm(dim=1), torch.full((8,), 2.0))
    assert densities.grid().centers.shape == (25, 2)
    assert ring.log_prob(torch.zeros(3, 5, 2)).shape == (3, 5)
    line = densities.mixture_1d()
    assert line.sample(7).shape == (7, 1) and line.sample(0).shape == (0, 1)
    assert line.log_prob(torch.zeros(4)).shape == line.log_prob(torch.zeros(4, 1)).shape == (4,)


def test_batches_are_fresh_reproducible_and_continue_exactly():
    batches = densities.moons().batches(16, seed=1)
    a, b = next(batches), next(batches)
    assert a.shape == (16, 2) and not torch.equal(a, b)
    state = batches.state_dict()
    c = next(batches)
    other = densities.moons().batches(16, seed=1)
    assert torch.equal(a, next(other))
    other.load_state_dict(state)
    assert torch.equal(c, next(other))
    with pytest.raises(ValueError, match="size = 16"):
        densities.moons().batches(8).load_state_dict(state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: densities.ring().log_prob(torch.zeros(3)), "x: expected shape"),
        (lambda: densities.ring(std=0.0), "std: expected positive"),
        (lambda: densities.mixture_1d([0, 1], 1.0, [1, -1]), "weights: expected 2 positive"),
        (lambda: densities.mixture_1d([0, 1], 1.0, [1, 1, 1]), "weights: expected 2 positive"),
        (lambda: densities.ring().sample(-1), "n: expected"),
        (lambda: densities.ring().batches(0), "size: expected"),
        (lambda: densities.GaussianMixture(torch.zeros(3), 1.0), "centers: expected shape"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
