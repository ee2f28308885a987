import contextlib
import io
import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from nbdgm.evaluation import (
    FeatureNet,
    coincidences,
    copying,
    expected_coverage,
    inception_score,
    kernel_distance,
    neighbourhoods,
    protocol,
    sample_scores,
    twins,
)


def sets(seed=0, n=60, m=70, d=4, shift=0.5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator), shift + 0.8 * torch.randn(m, d, generator=generator)


def test_kernel_distance_is_that_of_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance

    class Same(torch.nn.Module):
        num_features = 4

        def forward(self, x):
            return x

    real, fake = sets(m=60)
    metric = KernelInceptionDistance(feature=Same(), subsets=1, subset_size=60, degree=3, normalize=True)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    assert kernel_distance(real, fake) == pytest.approx(metric.compute()[0].item(), rel=1e-4)


def test_kernel_distance_has_no_bias():
    """The mean over all samples of two values, with replacement, of two laws on three points."""
    points = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    p, q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)
    kernel = (points @ points.T + 1) ** 3
    exact = ((p - q) @ kernel @ (p - q)).item()
    mean = 0.0
    for a in torch.cartesian_prod(*[torch.arange(3)] * 4):
        chance = p[a[0]] * p[a[1]] * q[a[2]] * q[a[3]]
        mean += chance.item() * kernel_distance(points[a[:2]], points[a[2:]])
    assert mean == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbourhoods_are_those_of_prdc(k):
    import prdc

    real, fake = sets(k)
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = prdc.compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=k)
    assert neighbourhoods(real, fake, k)._asdict() == pytest.approx(wanted)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbourhoods_by_another_library(k):
    real, fake = (x.double().numpy() for x in sets(k))

    def radii(x):
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, -1]

    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    inside, held = apart < radii(real)[:, None], apart < radii(fake)
    found = neighbourhoods(real, fake, k)
    assert found.precision == inside.any(0).mean() and found.recall == held.any(1).mean()
    assert found.density == pytest.approx(inside.sum() / k / len(fake)) and found.coverage == inside.any(1).mean()


def test_what_a_perfect_model_gets_by_neighbours():
    generator = torch.Generator().manual_seed(3)
    scores, shares = [], []
    for _ in range(400):
        known, real, fake = torch.randn(3, 40, 2, generator=generator).exp()
        scores.append(neighbourhoods(real, fake[:25], 3))
        shares.append(copying(known, real, fake))
    density, coverage = (np.array([getattr(s, name) for s in scores]) for name in ("density", "coverage"))
    for values, wanted in ((density, 1.0), (coverage, expected_coverage(40, 25, 3)), (np.array(shares), 0.5)):
        assert abs(values.mean() - wanted) < 4 * values.std() / 20


def test_expected_coverage_by_counting_orders():
    """One datum, 4 more and 3 samples around it: all orders of 7, of which the first 2 must not both be data."""
    missed = math.comb(4, 2) / math.comb(7, 2)
    assert expected_coverage(5, 3, 2) == pytest.approx(1 - missed)
    assert expected_coverage(10**6, 10**6, 5) == pytest.approx(1 - 2**-5, abs=1e-4)


def test_inception_score_is_the_mean_divergence_from_the_mean_answer_and_bounded():
    from scipy.stats import entropy

    logits = 2 * torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).double()
    p = logits.softmax(1).numpy()
    wanted = np.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert inception_score(p) == pytest.approx(wanted)
    assert inception_score(torch.eye(6)) == pytest.approx(6)
    assert inception_score(torch.full((9, 6), 1 / 6)) == pytest.approx(1)
    with pytest.raises(ValueError, match="rows that sum to 1"):
        inception_score(logits)


def test_copying_sees_copies_and_counts_ties_half():
    known, held = sets(m=60, shift=0)
    assert copying(known, held, known) == 1 and copying(known, held, held) == 0
    assert copying(known, known, held) == 0.5
    many = torch.randn(2, 5000, 4, generator=torch.Generator().manual_seed(8))
    nearest = [torch.cdist(known, x).min(1).values for x in many]
    assert copying(*many, known) == pytest.approx((nearest[0] < nearest[1]).double().mean().item())
    with pytest.raises(ValueError, match="test: has 59 examples where train has 60"):
        copying(known, held[:59], known)


def test_coincidences_are_the_pairs_of_a_birthday():
    x = torch.tensor([[0.0], [1.0], [0.0], [1.1], [0.0]])
    assert coincidences(x) == 3 and coincidences(x, 0.2) == 4
    generator = torch.Generator().manual_seed(5)
    p = torch.tensor([0.5, 0.3, 0.1, 0.1])
    counts = [coincidences(torch.multinomial(p, 20, True, generator=generator)[:, None]) for _ in range(400)]
    wanted = 190 * p.square().sum().item()
    assert abs(np.mean(counts) - wanted) < 4 * np.std(counts) / 20
    with pytest.raises(ValueError, match="radius"):
        coincidences(x, -1.0)


def test_twins_are_none_in_half_of_the_cases_and_many_among_repeats():
    generator = torch.Generator().manual_seed(6)
    none = [twins(*torch.randn(2, 20, 3, generator=generator)) == 0 for _ in range(400)]
    assert abs(np.mean(none) - 0.5) < 0.1
    real, fake = sets(m=60)
    assert twins(real, fake[:6].repeat(10, 1)) >= 6 * 45


def test_protocol_is_the_mean_of_the_scores_of_parts():
    known, held = sets(n=80, m=80)
    made = torch.randn(90, 4, generator=torch.Generator().manual_seed(7))
    found = protocol(known, held, made, size=40, k=3)
    parts = [sample_scores(known[i : i + 40], held[i : i + 40], made[i : i + 40], k=3) for i in (0, 40)]
    assert "classes" not in found and found["copying"].best == 0.5 and found["Fréchet"].best is None
    for name, score in found.items():
        values = [part[name] for part in parts]
        if name == "copying":  # of any training example
            values = [copying(known, held, made[i : i + 40]) for i in (0, 40)]
        assert score.value == pytest.approx(np.mean(values), abs=1e-9)
        assert score.error == pytest.approx(np.std(values, ddof=1) / math.sqrt(2), abs=1e-9)


def test_protocol_of_pictures_asks_the_network():
    torch.manual_seed(0)
    network = FeatureNet((1, 28, 28), {"class": 5})
    pictures = torch.rand(3, 30, 1, 28, 28)
    found = protocol(*pictures, network, size=15)
    features = network.features(pictures[2])
    chances = network.heads["class"](features).softmax(1).detach()
    wanted = [inception_score(part) for part in chances.split(15)]
    assert found["classes"].value == pytest.approx(np.mean(wanted), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: kernel_distance(x, x[:, :2]), "fake: has 2 features where real has 4"),
        (lambda x: kernel_distance(x[:1], x), "real: expected at least 2 examples, got 1"),
        (lambda x: neighbourhoods(x, x[:5]), "fake: expected at least 6 examples"),
        (lambda x: neighbourhoods(x, x * math.nan), "fake: some values are not finite"),
        (lambda x: twins(x, x[:9]), "fake: has 9 examples where real has 60"),
        (lambda x: protocol(x, x, x, size=31), "train: expected at least two parts of 31"),
        (lambda x: protocol(x[0], x, x, size=31), "train: expected features of shape"),
        (lambda x: expected_coverage(5, 5, 5), "n: expected an integer of at least 6"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(sets()[0])
