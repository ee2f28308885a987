import math

import numpy as np
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
    assert densities.grid(2, 3.0).centers.tolist() == [[x, y] for x in (-1.5, 1.5) for y in (-1.5, 1.5)]
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
        (lambda: densities.ring().sample(2.0), "n: expected an integer of at least 0"),
        (lambda: densities.ring().batches(2.5), "size: expected an integer of at least 1"),
        (lambda: densities.ring().batches("two"), "size: expected an integer of at least 1"),
        (lambda: densities.ring(0), "modes: expected an integer of at least 1"),
        (lambda: densities.ring(2.5), "modes: expected an integer"),
        (lambda: densities.grid(0), "side: expected an integer"),
        (lambda: densities.moons(points=0), "points: expected an integer"),
        (lambda: densities.spirals(points=1.5), "points: expected an integer"),
        (lambda: densities.spirals(0), "arms: expected an integer"),
        (lambda: densities.ring(std=math.nan), "std: expected positive"),
        (lambda: densities.ring(std=math.inf), "std: expected positive"),
        (lambda: densities.ring(8, std=[0.1, 0.2]), "std: expected positive numbers, one or 8"),
        (lambda: densities.ring(radius=math.nan), "centers: some coordinates are not finite"),
        (lambda: densities.mixture_1d([0, 1], 1.0, [1, math.nan]), "weights: expected 2 positive"),
        (lambda: densities.mixture_1d([0, 1], 1.0, [[1], [1]]), "weights: expected 2 positive"),
        (lambda: densities.mixture_1d([]), "centers: expected shape"),
        (lambda: densities.mixture_1d([[0.0]]), "centers: expected numbers"),
        (lambda: densities.mixture_1d(["a"]), "centers: expected"),
        (lambda: densities.mixture_1d().log_prob("a"), "x: expected"),
        (lambda: densities.GaussianMixture(torch.zeros(3), 1.0), "centers: expected shape"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def normal(x, center, std):
    return -0.5 * ((x - center) / std) ** 2 - math.log(std) - 0.5 * math.log(2 * math.pi)


def test_points_of_every_type_have_the_right_density():
    one = densities.mixture_1d(centers=(0.5,), std=1.0)
    assert one.log_prob(torch.tensor([0])).item() == pytest.approx(normal(0, 0.5, 1), abs=1e-6)  # -1.044
    two = densities.mixture_1d()  # the halves of N(-2, 0.5) and N(1, 0.8)
    exact = [math.log((math.exp(normal(v, -2, 0.5)) + math.exp(normal(v, 1, 0.8))) / 2) for v in range(-2, 3)]
    whole = torch.arange(-2, 3)
    for points in (whole, whole.to(torch.int8), whole.bfloat16(), whole.half(), whole.numpy(), whole.tolist(), whole.double()):
        assert two.log_prob(points).tolist() == pytest.approx(exact, abs=1e-5)
    assert two.log_prob(whole.bfloat16()).dtype == torch.float32 and two.log_prob(whole.double()).dtype == torch.float64
    ring = densities.ring()
    assert ring.log_prob(torch.tensor([[2, 0]])).item() == pytest.approx(ring.log_prob(torch.tensor([[2.0, 0.0]])).item())


def test_on_the_line_a_grid_of_numbers_has_a_density_at_each():
    density = densities.mixture_1d([0.0, 3.0], [1.0, 0.5], [1, 3])
    grid = torch.linspace(-1, 4, 12).view(3, 4)
    log_p = density.log_prob(grid)
    assert log_p.shape == (3, 4)
    assert torch.equal(log_p.flatten(), density.log_prob(grid.flatten()))
    assert density.log_prob(grid[:, :, None]).shape == (3, 4) and density.log_prob(0.5).shape == ()
    assert density.component_log_probs(grid).shape == (3, 4, 2)


def test_mixtures_may_be_given_in_lists_arrays_and_whole_numbers():
    expected = densities.GaussianMixture(
        torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])
    )
    x = torch.randn(5, 2)
    for centers, std, weights in (
        ([[0, 1], [2, 3]], [1, 2], [1, 3]),
        (np.array([[0, 1], [2, 3]]), np.array([1.0, 2.0]), np.array([1, 3])),
        (torch.tensor([[0, 1], [2, 3]]), torch.tensor([1, 2]), (0.25, 0.75)),
    ):
        mixture = densities.GaussianMixture(centers, std, weights)
        torch.testing.assert_close(mixture.log_prob(x), expected.log_prob(x))
        assert mixture.centers.dtype == mixture.stds.dtype == mixture.weights.dtype == torch.float32
    assert densities.mixture_1d(np.array([0, 1]), np.float32(0.5)).std == 0.5
    assert densities.ring(np.int64(3), std=1).batches(np.int64(2)).size == 2


def test_the_moons_are_two_half_circles_that_interlock():
    moons = densities.moons(std=0.1, points=64)
    upper, lower = moons.centers.split(64)
    torch.testing.assert_close(lower, -upper)
    for centers, middle, side in ((upper, torch.tensor([-0.75, -0.375]), 1), (lower, torch.tensor([0.75, 0.375]), -1)):
        torch.testing.assert_close((centers - middle).norm(dim=1), torch.full((64,), 1.5))
        assert ((centers - middle)[:, 1] * side > 0).all()
    tips = torch.tensor([[0.75, -0.375], [-0.75, 0.375]])  # each ends within the other
    assert (torch.cdist(tips, moons.centers).min(1).values < 0.05).all()


def test_the_spirals_turn_outwards_and_the_arms_are_alike():
    spirals = densities.spirals(arms=3, turns=1.0, points=90)
    arms = spirals.centers.view(3, 90, 2)
    third = torch.tensor([[-0.5, 3**0.5 / 2], [-(3**0.5) / 2, -0.5]])  # a third of a turn, for rows
    torch.testing.assert_close(arms[0] @ third, arms[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(arms[1] @ third, arms[2], atol=1e-5, rtol=0)
    radius = arms[0].norm(dim=1)
    assert (radius.diff() > 0).all() and 0.3 < radius[0] < 0.5 and 2.2 < radius[-1] < 2.3
    angle = torch.atan2(arms[0, :, 1], arms[0, :, 0]).remainder(2 * math.pi)
    torch.testing.assert_close(radius, 0.3 + 2.0 * angle / (2 * math.pi), atol=1e-4, rtol=0)


def test_samples_and_weights_are_float32_whatever_the_default():
    expected = densities.moons().sample(5, torch.Generator().manual_seed(0))
    try:
        torch.set_default_dtype(torch.float64)
        moons = densities.moons()
        drawn = moons.sample(5, torch.Generator().manual_seed(0))
    finally:
        torch.set_default_dtype(torch.float32)
    assert moons.weights.dtype == moons.stds.dtype == torch.float32
    torch.testing.assert_close(drawn, expected)


def test_everything_lies_on_the_device_that_is_asked_for_and_else_on_that_of_the_run(monkeypatch):
    monkeypatch.setattr("nbdgm.runtime.device", lambda: torch.device("meta"))
    assert densities.ring().device.type == "meta" and densities.ring(device="cpu").device.type == "cpu"
    for make in (densities.ring, densities.grid, densities.moons, densities.spirals, densities.mixture_1d):
        mixture = make(device="meta")
        assert {t.device.type for t in (mixture.centers, mixture.stds, mixture.weights)} == {"meta"} == {mixture.device.type}


@pytest.mark.parametrize(
    ("make", "said", "first", "last"),
    [
        (densities.ring, "<ring of 8: mixture of 8 Gaussians in 2-D>", [2.0, 0.0], [2**0.5, -(2**0.5)]),
        (densities.grid, "<grid of 25: mixture of 25 Gaussians in 2-D>", [-4.0, -4.0], [4.0, 4.0]),
        (densities.moons, "<moons: mixture of 128 Gaussians in 2-D>", [0.749548, -0.338187], [2.249548, 0.338187]),
        (densities.spirals, "<spirals: mixture of 256 Gaussians in 2-D>", [0.374817, 0.200344], [-0.035255, -2.295819]),
        (densities.mixture_1d, "<1-D mixture: mixture of 2 Gaussians in 1-D>", [-2.0], [1.0]),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_what_a_law_is_called_and_where_it_begins_and_ends(make, said, first, last):
    law = make()
    assert repr(law) == said
    assert law.centers[0].tolist() == pytest.approx(first, abs=1e-4)
    assert law.centers[-1].tolist() == pytest.approx(last, abs=1e-4)
    assert law.weights.sum().item() == pytest.approx(1)


def test_components_weigh_what_they_are_given_and_sum_to_the_density():
    law = densities.GaussianMixture([[0.0, 0.0], [3.0, 4.0]], [1.0, 2.0], [1, 3], device="cpu")
    parts = law.component_log_probs(torch.zeros(1, 2))[0]
    assert parts[0].item() == pytest.approx(math.log(0.25) - math.log(2 * math.pi))
    assert parts[1].item() == pytest.approx(math.log(0.75) - math.log(2 * math.pi) - 2 * math.log(2) - 25 / 8)
    assert law.log_prob(torch.zeros(2)).item() == pytest.approx(math.log(math.exp(parts[0]) + math.exp(parts[1])))
    assert repr(law) == "<mixture: mixture of 2 Gaussians in 2-D>" and law.dimensions == 2


def test_where_a_stream_of_samples_stands():
    batches = densities.ring().batches(3, seed=5)
    assert iter(batches) is batches and batches.state_dict()["size"] == 3
    assert torch.equal(next(batches), densities.ring().sample(3, torch.Generator().manual_seed(5)))
