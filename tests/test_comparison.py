import ast
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbdgm import data, losses
from nbdgm.comparison import Arena, Contender, Critic, Result, Setting, ahead, film, table
from nbdgm.networks import Crowd, mlp

LAW = data.densities.mixture_1d(centers=(3.0,), std=0.5)
GAN = Contender.of("GAN", losses.non_saturating)


def distance(samples, split):
    assert split in ("valid", "test")
    return {"distance": (samples.mean() - 3).abs().item(), "spread": samples.std().item()}


def arena(batched=True, **options):
    networks = (
        {"generator": lambda n: Crowd(n, [2, 16, 1]), "critic": lambda n: Crowd(n, [1, 16, 1])}
        if batched
        else {"generator": lambda: mlp([2, 16, 1]), "critic": lambda: mlp([1, 16, 1])}
    )
    networks |= {"data": lambda size, seed: LAW.batches(size, seed), "latent": 2, "measures": distance}
    return Arena(**(networks | {"batch": 32, "samples": 200, "batched": batched} | options))


@pytest.mark.parametrize("batched", [True, False])
def test_a_run_learns_and_reports_every_look_of_every_seed(batched):
    result = arena(batched).run(GAN, Setting(5e-3, (0.5, 0.9)), 150, seeds=range(3), looks=3)
    assert result.steps.tolist() == [0, 50, 100, 150] and result.seconds.shape == (4,)
    assert (np.diff(result.seconds) > 0).all()
    assert result.measures["distance"].shape == (4, 3) and result.samples.shape == (3, 200, 1)
    assert result.final().max() < 1.5 < result.measures["distance"][0].min()
    assert len(set(result.final().tolist())) == 3, "the seeds differ"
    assert result.final("spread").shape == (3,) and not result.failed
    assert [step for step, _ in result.film] == [0, 50, 100, 150] and result.film[0][1].shape == (200, 1)
    last, first_seed = result.film[-1][1], result.measures["distance"][-1, 0]
    assert distance(last, "test")["distance"] == pytest.approx(first_seed, abs=1e-6)


@pytest.mark.parametrize("batched", [True, False])
def test_a_run_repeats_exactly_and_leaves_the_callers_random_numbers_alone(batched):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    runs = [arena(batched).run(GAN, Setting(1e-3), 5, seeds=(4, 5), looks=1) for _ in range(2)]
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(runs[0].samples, runs[1].samples)
    other = arena(batched).run(GAN, Setting(1e-3), 5, seeds=(6, 7), looks=1)
    assert not torch.equal(runs[0].samples, other.samples)


def test_losses_see_flat_batches_and_each_copy_its_own_gradient():
    seen = []

    def critic(D, real, fake):
        seen.append((tuple(real.shape), tuple(fake.shape), tuple(D(real).shape), D.copies, fake.requires_grad))
        return (D(real) ** 2).mean()

    def generator(D, real, fake):
        seen.append((tuple(fake.shape), fake.requires_grad))
        return (fake - 1).square().mean()

    both = arena().run(Contender("x", critic, generator), Setting(1e-2), 1, seeds=(0, 1))
    assert seen == [((64, 1), (64, 1), (64,), 2, False), ((64, 1), True)]
    assert both.samples.shape[0] == 2
    module = Crowd(2, [1, 4, 1])
    x = torch.randn(6, 1)
    expected = torch.cat([Crowd.forward(module, x.view(2, 3, 1))[i, :, 0] for i in range(2)])
    assert torch.equal(Critic(module, 2)(x), expected)


def test_the_generator_of_each_copy_descends_the_mean_of_its_own_examples():
    """Plain descent would show it directly; Adam hides scales, so the gradient itself is looked at."""
    grads = []
    watched = Contender("x", lambda D, real, fake: D(real).mean(), lambda D, real, fake: fake.mean())
    crowd = Crowd(3, [2, 1])
    crowd.biases[0].register_hook(lambda g: grads.append(g.flatten().tolist()))
    arena(generator=lambda n: crowd).run(watched, Setting(1e-3), 1, seeds=(0, 1, 2))
    assert grads == [pytest.approx([1.0, 1.0, 1.0])]


def test_turns_and_a_network_of_its_own_are_used():
    calls = []

    def network(n):
        return Crowd(n, [2, 8, 1])

    def pairs(D, x):
        calls.append(len(x))
        return D(x.view(-1, 2))

    packed = Contender(
        "packed",
        critic=lambda D, real, fake: F.softplus(-pairs(D, real)).mean() + F.softplus(pairs(D, fake)).mean(),
        generator=lambda D, real, fake: F.softplus(-D(fake.view(-1, 2))).mean(),
        turns=3,
        network=network,
    )
    arena().run(packed, Setting(1e-3), 2, seeds=(0, 1))
    assert calls == [64] * 12


def test_the_search_takes_the_best_setting_on_validation_data_and_survives_divergence():
    splits = []

    def measures(samples, split):
        splits.append(split)
        return distance(samples, split)

    explosive = Contender("x", GAN.critic, lambda D, real, fake: GAN.generator(D, real, fake) * torch.log(3 - fake.mean()))
    found = arena(measures=measures).search(GAN, [Setting(1e-5), Setting(5e-3, (0.5, 0.9))], 100, seeds=(8, 9))
    assert found.best == Setting(5e-3, (0.5, 0.9)) and set(splits) == {"valid"}
    assert [len(values) for _, values in found.rows] == [2, 2]
    result = arena().run(explosive, Setting(0.5), 200, seeds=(0, 1))
    assert np.isinf(result.final()).all() and "generator" in result.failed[0] and len(result.steps) == len(result.seconds)
    assert 1 <= len(result.film) < len(result.steps), "what was seen before it broke off"
    with pytest.raises(RuntimeError, match="every setting of 'x' broke off"):
        arena().search(explosive, [Setting(0.5)], 200)


def made(name, values):
    empty = np.zeros(1)
    return Result(
        Contender.of(name, losses.minimax), Setting(1e-3), empty, empty, {"d": np.array([values])}, torch.zeros(1), []
    )


def test_only_ranges_that_do_not_overlap_rank(capsys):
    a, b, c = made("a", [1.0, 2.0, 3.0]), made("b", [3.1, 4.0, 5.0]), made("c", [2.9, 3.0, 9.0])
    assert ahead(a, b) and not ahead(b, a) and not ahead(a, c) and not ahead(b, c) and not ahead(a, a)
    table([b, c, a], caption="three")
    rows = ast.literal_eval(capsys.readouterr().out)["text/plain"].splitlines()
    assert rows[0] == "three" and [row.split()[0] for row in rows[3:]] == ["a", "b", "c"]
    assert rows[3].split()[-1] == "b" and rows[4].split()[-1] == "–" and "0.001, (0.5, 0.999)" in rows[3]


@pytest.mark.parametrize(
    ("options", "message"), [({"latent": 0}, "latent"), ({"batch": 2.5}, "batch"), ({"samples": True}, "samples")]
)
def test_bad_arenas_are_named(options, message):
    with pytest.raises(ValueError, match=f"Arena: {message} must be a positive integer"):
        arena(**options)


@pytest.mark.parametrize(("options", "message"), [({"steps": 0}, "steps"), ({"seeds": ()}, "seeds"), ({"looks": 0}, "looks")])
def test_bad_runs_are_named(options, message):
    with pytest.raises(ValueError, match=f"run: {message} must be 1 or more"):
        arena().run(GAN, Setting(1e-3), **({"steps": 1} | options))


def test_a_search_needs_settings():
    with pytest.raises(ValueError, match="settings is empty"):
        arena().search(GAN, [], 1)


def test_networks_with_batch_normalisation_are_measured_in_evaluation_mode():
    modes = []

    class Watched(nn.Sequential):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    arena(False, generator=lambda: Watched(nn.Linear(2, 1), nn.BatchNorm1d(1))).run(GAN, Setting(1e-3), 1, seeds=(0,), looks=1)
    assert modes == [False, True, True, False, False]


@pytest.mark.parametrize(("batched", "expected"), [(True, [(64, 4)]), (False, [(32, 4), (32, 5)])])
def test_seeds_reach_the_networks_and_the_data(batched, expected):
    asked = []

    def batches(size, seed):
        asked.append((size, seed))
        return LAW.batches(size, seed)

    shared = arena(batched, data=batches)
    first = shared.run(GAN, Setting(1e-3), 1, seeds=(4, 5), looks=1).measures["distance"][0]
    assert asked == expected
    second = shared.run(GAN, Setting(1e-3), 1, seeds=(6, 7), looks=1).measures["distance"][0]
    assert len({*first, *second}) == 4, "the networks begin elsewhere"


def test_samples_that_are_not_finite_count_as_infinitely_bad():
    class Broken(Crowd):
        looks = 0

        def forward(self, x):
            self.looks += not self.training
            return super().forward(x) * (1 if self.training or self.looks == 1 else float("nan"))

    result = arena(generator=lambda n: Broken(n, [2, 1])).run(GAN, Setting(1e-3), 1, seeds=(0, 1), looks=1)
    assert np.isfinite(result.measures["distance"][0]).all() and np.isinf(result.final()).all()


def in_the_plane(looks=2, steps=4, **options):
    ring = data.densities.ring()
    networks = {"generator": lambda n: Crowd(n, [2, 8, 2]), "critic": lambda n: Crowd(n, [2, 8, 1]), "data": ring.batches}
    place = arena(**(networks | {"measures": lambda x, split: {"size": x.norm().item()}, "samples": 700} | options))
    return place.run(GAN, Setting(1e-2), steps, seeds=(0, 1), looks=looks)


def test_a_film_shows_every_look_of_every_contender(monkeypatch):
    from nbdgm import display

    results, shown, ring = [in_the_plane(), in_the_plane()], {}, data.densities.ring()
    assert results[0].film[-1][1].shape == (500, 2), "no more than a picture can show"
    monkeypatch.setattr(
        display, "film", lambda frames, steps, **options: shown.update(frames=list(frames), steps=steps, **options)
    )
    film(results, reach=50.0, marks=ring.centers, caption="two")
    assert shown["steps"] == [0, 2, 4] and shown["frames"] == [0, 1, 2] and shown["caption"] == "two"
    figure, ax = plt.subplots()
    shown["draw"](2, ax)
    points = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 500]
    marks = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 8]
    np.testing.assert_allclose(points[0], results[0].film[2][1])
    np.testing.assert_allclose(points[1] - points[0], [[105.0, 0.0]] * 500, atol=1e-4)
    np.testing.assert_allclose(marks[0], ring.centers.cpu())
    assert [text.get_text() for text in ax.texts] == ["GAN", "GAN"]
    assert ax.get_ylim() == (-50, 50) and ax.get_xlim() == (-52.5, 157.5)
    results[1].film = results[1].film[:1]  # as if it had broken off: its last picture stays
    ax.clear()
    shown["draw"](2, ax)
    points = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 500]
    np.testing.assert_allclose(points[1] - [105.0, 0.0], results[1].film[0][1], atol=1e-4)
    assert [text.get_text() for text in ax.texts] == ["GAN", "GAN (broke off)"]
    results[0].film[0] = (0, torch.tensor([[0.5, -0.5], [2.0, 0.0], [0.0, -1.5]]))  # two of three lie outside
    film(results, reach=1.0)
    ax.clear()
    shown["draw"](0, ax)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[0.5, -0.5]])
    plt.close(figure)


def test_a_film_of_pictures_stays_small():
    wide = {"generator": lambda n: Crowd(n, [2, 8, 1000]), "critic": lambda n: Crowd(n, [1000, 8, 1])}
    wide |= {"data": lambda size, seed: itertools.repeat(torch.zeros(size, 1000))}
    result = arena(**wide, measures=lambda x, split: {"size": x.norm().item()}).run(GAN, Setting(1e-2), 1, seeds=(0,), looks=1)
    frame = result.film[-1][1]
    assert frame.shape == (100, 1000) and frame.untyped_storage().nbytes() == frame.nbytes


def test_a_film_needs_equal_steps_and_the_plane():
    with pytest.raises(ValueError, match="the same steps and looks"):
        film([in_the_plane(), in_the_plane(looks=1)], reach=3.0)
    with pytest.raises(ValueError, match=r"points of the plane, \(seeds, N, 2\), got \(1, 200, 1\)"):
        film([arena().run(GAN, Setting(1e-3), 1, seeds=(0,), looks=1)], reach=3.0)
    with pytest.raises(ValueError, match="results is empty"):
        film([], reach=3.0)
