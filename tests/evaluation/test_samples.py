import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from nbdgm.data import Images, densities
from nbdgm.evaluation import energy_distance, entropy, frechet_distance, mode_count, nearest_neighbours


def by_the_formula(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(ca @ cb).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)


@given(seed=st.integers(0, 1000), n=st.integers(20, 60), d=st.integers(2, 8), shift=st.floats(-100, 100))
@settings(max_examples=20)
def test_frechet_distance_is_the_textbook_formula(seed, n, d, shift):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, d, generator=generator)
    b = torch.randn(n + 5, d, generator=generator) @ torch.randn(d, d, generator=generator) + 1
    expected = by_the_formula(a, b)
    assert frechet_distance(a + shift, b + shift) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-4)


def test_frechet_distance_of_gaussians_in_closed_form():
    """For N(m, diag s^2) and N(m', diag s'^2) it is |m - m'|^2 + |s - s'|^2."""
    generator = torch.Generator().manual_seed(0)
    m, s = torch.tensor([[1.0, 0.0, -2.0], [0.0, 0.5, 1.0]]), torch.tensor([[1.0, 2.0, 0.5], [1.5, 0.3, 0.5]])
    samples = [m[i] + s[i] * torch.randn(200_000, 3, generator=generator) for i in (0, 1)]
    exact = (m[0] - m[1]).square().sum() + (s[0] - s[1]).square().sum()
    assert frechet_distance(*samples) == pytest.approx(exact.item(), rel=0.01)
    assert frechet_distance(samples[0], samples[0] + torch.tensor([3.0, 0.0, 4.0])) == pytest.approx(25, rel=1e-5)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (torch.rand(5, 3), torch.rand(5, 4), "fake: has 4 features where real has 3"),
        (torch.rand(1, 3), torch.rand(5, 3), "real: expected at least 2 examples, got 1"),
        (torch.rand(5, 3), torch.full((5, 3), math.nan), "fake: some values are not finite"),
        (torch.rand(5, 1, 3, 3), torch.rand(5, 3), "real: without a network"),
    ],
)
def test_frechet_distance_refuses(real, fake, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, fake)


def test_entropy():
    assert entropy(torch.ones(10)) == pytest.approx(math.log(10))
    assert entropy(torch.tensor([0.0, 1.0, 0.0])) == 0
    assert entropy(torch.tensor([0.5, 0.25, 0.25])) == pytest.approx(1.5 * math.log(2))
    assert entropy([1, 1]) == entropy(np.array([3, 3])) == pytest.approx(math.log(2))
    for bad in (
        torch.tensor([-1.0, 2.0]),
        torch.zeros(3),
        torch.tensor([1.0, torch.nan]),
        torch.tensor([1.0, torch.inf]),
        torch.ones(2, 2),
        torch.ones(()),
        [],
    ):
        with pytest.raises(ValueError, match="shares"):
            entropy(bad)


def test_modes_of_perfect_samples_are_all_found():
    ring = densities.ring(std=0.02)
    found = mode_count(ring.sample(2500, torch.Generator().manual_seed(0)), ring.centers, ring.std)
    assert found.modes == 8
    assert found.good == pytest.approx(1 - math.exp(-4.5), abs=0.01)  # two standard normals stay within 3 with this probability


def test_the_protocol_of_the_mode_count():
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = torch.full((2500, 2), 50.0)
    samples[:1000] = torch.tensor([0.0, 2.9])  # within 3 standard deviations of the first
    samples[1000:1020] = torch.tensor([10.0, 2.9])  # just enough for the second
    samples[1020:1039] = torch.tensor([0.0, 10.0])  # one too few for the third
    samples[1039:1100] = torch.tensor([0.0, 3.1])
    assert mode_count(samples, centers, 1.0) == (2, 1039 / 2500)
    assert mode_count(samples, centers, 1.0, threshold=19) == (3, 1039 / 2500)
    assert mode_count(samples, centers, 1.0, radius=3.2) == (2, 1100 / 2500)
    assert mode_count(samples, centers, torch.tensor([1.0, 0.5, 1.0])) == (1, 1019 / 2500)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": torch.zeros(5)}, r"samples: expected shape \(N, D\)"),
        ({"samples": torch.zeros(0, 2)}, "samples: expected shape"),
        ({"centers": torch.zeros(3, 1)}, r"centers: expected shape \(K, 2\)"),
        ({"std": 0.0}, "std: expected positive numbers, one or 3"),
        ({"std": math.nan}, "std: expected positive"),
        ({"std": torch.ones(2)}, "std: expected positive numbers, one or 3"),
        ({"std": torch.ones(3, 1)}, "std: expected positive numbers, one or 3"),
        ({"centers": torch.full((3, 2), math.nan)}, "centers: some coordinates are not finite"),
        ({"centers": torch.zeros(0, 2)}, r"centers: expected shape \(K, 2\)"),
        ({"samples": "many"}, "samples: expected"),
        ({"radius": math.nan}, "radius: expected a positive number"),
        ({"threshold": 0}, "threshold: expected a positive number"),
        ({"radius": -1}, "radius: expected a positive number"),
    ],
)
def test_mode_count_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        mode_count(**{"samples": torch.zeros(5, 2), "centers": torch.zeros(3, 2), "std": 1.0, **arguments})


def test_modes_far_from_the_origin_are_counted_as_they_are_near_it():
    """Distances by products would lose them: there, squares of 10,000 cancel, here of 1,000,000."""
    centers = torch.tensor([[100.0, 100.0], [101.0, 101.0]])
    for n in (25, 26, 400):
        samples = torch.tensor([[100.05, 100.0]]).repeat(n, 1)
        assert mode_count(samples, centers, 0.02, threshold=1) == (1, 1.0)
    ring = densities.ring(std=0.02)
    near = ring.sample(2500, torch.Generator().manual_seed(0)).double()
    there = mode_count(near + 1000, ring.centers.double() + 1000, ring.std)
    assert there == mode_count(near, ring.centers, ring.std) and there.good > 0.98


def test_modes_of_points_of_every_type():
    centers = [[0, 0], [10, 0]]
    samples = [[0, 1], [10, 1], [10, 0], [50, 50]]
    for kind in (list, np.array, torch.tensor, lambda x: torch.tensor(x).to(torch.int32), lambda x: torch.tensor(x).bfloat16()):
        assert mode_count(kind(samples), kind(centers), np.float64(1), threshold=2) == (1, 0.75)
    assert mode_count(torch.tensor(samples), centers, [1, 2], threshold=1) == (2, 0.75)


def test_a_sample_that_is_not_finite_is_not_good():
    samples = torch.tensor([[0.0, 0.0], [torch.nan, 0.0], [torch.inf, 0.0], [0.0, 0.0]])
    assert mode_count(samples, torch.zeros(1, 2), 1.0, threshold=2) == (1, 0.5)


@pytest.mark.parametrize(("n", "share"), [(100, 0.07), (100, 0.29), (2500, 0.008), (1000, 0.057)])
def test_exactly_the_share_that_is_needed_is_enough(n, share):
    """0.07 * 100 is 7.000000000000001 to a computer."""
    needed = round(share * n)
    for found, modes in ((needed, 1), (needed - 1, 0)):
        samples = torch.full((n, 1), 9.0)
        samples[:found] = 0.0
        assert mode_count(samples, torch.zeros(1, 1), 1.0, threshold=share).modes == modes


def test_copies_are_at_distance_zero_in_pools_of_every_size():
    pool = torch.rand(9000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    some = [5, 4095, 4096, 8999]
    for size in (9000, 2000, 1999):
        mine = [i for i in some if i < size]
        positions, distances = nearest_neighbours(pool[mine], pool[:size], k=2)
        assert positions[:, 0].tolist() == mine and distances[:, 0].tolist() == [0.0] * len(mine)
        assert (distances[:, 1] > 0.5).all()


def test_neighbours_in_a_large_pool_are_those_of_a_search_by_hand():
    generator = torch.Generator().manual_seed(1)
    pool = (0.5 + 1e-3 * torch.randn(6000, 1, 3, 3, generator=generator)).clamp(0, 1)  # close together: products confuse them
    queries = pool[:100] + 1e-5
    positions, distances = nearest_neighbours(queries, pool, k=3)
    apart = (queries[:, None] - pool).double().flatten(2).norm(dim=2)
    exact = apart.topk(3, largest=False)
    assert torch.equal(positions, exact.indices)
    torch.testing.assert_close(distances.double(), exact.values, rtol=1e-4, atol=1e-9)
    assert torch.equal(nearest_neighbours(queries, pool, k=np.int64(3))[0], positions)
    assert nearest_neighbours(queries.numpy(), Images(pool), k=6000)[0].shape == (100, 6000)


def test_nearest_neighbours_are_those_of_a_search_by_hand():
    generator = torch.Generator().manual_seed(0)
    pool, queries = torch.rand(50, 1, 4, 4, generator=generator), torch.rand(7, 1, 4, 4, generator=generator)
    queries[3] = pool[20]
    positions, distances = nearest_neighbours(queries, pool, k=3)
    for q, query in enumerate(queries):
        by_hand = sorted((float((query - p).square().sum().sqrt()), i) for i, p in enumerate(pool))[:3]
        assert positions[q].tolist() == [i for _, i in by_hand]
        assert distances[q].tolist() == pytest.approx([d for d, _ in by_hand], abs=1e-5)
    assert positions[3, 0] == 20 and distances[3, 0] == 0
    with pytest.raises(ValueError, match="k: expected 1 to 50"):
        nearest_neighbours(queries, pool, k=51)
    with pytest.raises(ValueError, match=r"pool: pictures of shape \(1, 5, 5\)"):
        nearest_neighbours(queries, torch.rand(9, 1, 5, 5))
    with pytest.raises(ValueError, match=r"queries: expected values in \[0, 1\]"):
        nearest_neighbours(queries * 2 - 1, pool)


def test_energy_distance_of_three_points_by_hand():
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0], [4.0]])
    across = (1 + 1 + 4 + 1 + 1 + 2) / 6
    within = 2.0 + (0 + 3 + 3) / 3
    assert energy_distance(a, b).item() == pytest.approx(2 * across - within, abs=1e-6)
    assert energy_distance(b, a).item() == pytest.approx(2 * across - within, abs=1e-6)
    plane = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert energy_distance(plane, plane + torch.tensor([0.0, 12.0])).item() == pytest.approx(12 + (73**0.5 + 265**0.5) / 2 - 10)


def test_energy_distance_of_normals_matches_its_formula():
    """E|N(m, 2)| is known; N(0, 1) against N(1, 1), and against itself, where the estimate is unbiased."""
    generator = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(400, 200, 1, generator=generator, dtype=torch.float64) for _ in range(3))
    folded = 2 / math.pi**0.5 * math.exp(-0.25) + math.erf(0.5)
    for values, truth in ((energy_distance(a, b + 1), 2 * folded - 4 / math.pi**0.5), (energy_distance(a, c), 0.0)):
        assert values.shape == (400,)
        assert abs(values.mean().item() - truth) < 4 * values.std().item() / 20
    assert (energy_distance(a, c) < 0).any()


def test_energy_distance_side_by_side_is_one_by_one_and_takes_gradients():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(3, 40, 2, generator=generator, requires_grad=True), torch.randn(3, 30, 2, generator=generator)
    together = energy_distance(a, b)
    torch.testing.assert_close(together, torch.stack([energy_distance(*pair) for pair in zip(a, b, strict=True)]))
    torch.testing.assert_close(energy_distance(a, b[0])[2], energy_distance(a[2], b[0]))  # one sample against many
    torch.testing.assert_close(energy_distance(a + 1000, b + 1000), together, atol=1e-3, rtol=0)  # far from the origin too
    together.sum().backward()
    assert a.grad.isfinite().all()  # also where a point meets itself
    step = (a - 0.05 * a.grad / a.grad.norm()).detach()
    assert energy_distance(step, b).sum() < together.sum()


def test_energy_distance_of_every_type():
    exact = 2 * 10 / 6 - 2 - 2
    for a, b in (
        ([[0], [2]], [[1], [1], [4]]),
        (torch.tensor([[0], [2]]), torch.tensor([[1], [1], [4]])),
        (np.array([[0.0], [2.0]]), torch.tensor([[1.0], [1.0], [4.0]])),
        (torch.tensor([[0.0], [2.0]]).bfloat16(), torch.tensor([[1.0], [1.0], [4.0]]).double()),
    ):
        assert energy_distance(a, b).item() == pytest.approx(exact, abs=1e-6)
    assert energy_distance(torch.zeros(2, 1).bfloat16(), torch.zeros(2, 1).bfloat16()).dtype == torch.float32


def test_frechet_distance_of_every_type_of_features():
    a, b = torch.arange(12).view(6, 2) % 5, torch.arange(12).view(6, 2) % 7
    exact = by_the_formula(a, b)
    for kind in (lambda x: x, lambda x: x.bfloat16(), lambda x: x.numpy(), lambda x: x.double().numpy()):
        assert frechet_distance(kind(a), kind(b)) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((5,), (5, 2), r"a: expected shape \(..., N, D\) with N >= 2 points, got \(5,\)"),
        ((5, 2), (1, 2), r"b: expected .* got \(1, 2\)"),
        ((5, 2), (5, 3), "b: has points of 3 coordinates where a has 2"),
    ],
)
def test_energy_distance_refuses(a, b, message):
    with pytest.raises(ValueError, match=message):
        energy_distance(torch.zeros(a), torch.zeros(b))


@pytest.mark.parametrize(
    ("threshold", "found"), [(0.25, 2), (0.26, 1), (0.5, 1), (0.51, 0), (0.99, 0), (1, 2), (2, 1), (3, 0), (1.5, 1)]
)
def test_how_many_samples_make_a_mode(threshold, found):
    samples = torch.tensor([[0.0], [0.0], [10.0], [50.0]])
    assert mode_count(samples, torch.tensor([[0.0], [10.0]]), 1.0, threshold) == (found, 0.75)


@pytest.mark.parametrize(("at", "good"), [(3.0, 1.0), (3.001, 0.0), (-3.0, 1.0), (0.0, 1.0)])
def test_how_near_a_good_sample_lies(at, good):
    assert mode_count([[at]], [[0.0]], 1.0) == (int(good), good)
    assert mode_count([[2 * at]], [[0.0]], 1.0, radius=6) == (int(good), good)


def test_two_examples_are_enough_and_a_distance_is_never_negative():
    a = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    assert frechet_distance(a, a + 3) == pytest.approx(18) and frechet_distance(a, a) >= 0
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [1.0]])
    assert energy_distance(x, y).item() == pytest.approx(2 * 0.5 - 1 - 1) and energy_distance(x, y).shape == ()
    with pytest.raises(ValueError, match="fake: expected at least 2 examples, got 1"):
        frechet_distance(a, a[:1])


def test_a_neighbour_among_few():
    pool = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1)
    positions, distances = nearest_neighbours(pool[1:2] + 0.1, pool, k=3)
    assert positions.tolist() == [[1, 2, 0]] and distances[0].tolist() == pytest.approx([0.1, 0.4, 0.6])
    assert nearest_neighbours(pool, pool)[0].tolist() == [[0], [1], [2]]
