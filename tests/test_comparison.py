import dataclasses
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn

from nbdgm import data, losses
from nbdgm.comparison import Arena, Contender, Critic, Found, Result, Setting, compare, difference, film
from nbdgm.comparison.search import candidates, rank
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


@pytest.mark.parametrize("batched", [True, False])
def test_a_run_shows_no_bar_of_its_own(batched, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_PROGRESS", "1")
    monkeypatch.setattr("nbdgm.training.progress.watched", lambda: True)
    arena(batched).run(GAN, Setting(1e-3), 20, seeds=[4], looks=1)
    assert capsys.readouterr() == ("", "")


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
    assert np.isinf(result.final()).all() and len(result.steps) == len(result.seconds)
    assert len(result.failed) == 2 and result.failed[1].startswith("x, seed 1: ") and "of the generator" in result.failed[1]
    assert result.samples.isnan().all()
    assert 1 <= len(result.film) < len(result.steps), "what was seen before it broke off"
    with pytest.raises(RuntimeError, match="every setting of 'x' broke off"):
        arena().search(explosive, [Setting(0.5)], 200)


def made(name, values, **options):
    empty = np.zeros(1)
    options = {"seeds": range(len(values))} | options
    measures = {"d": np.array([values], float), "other": -np.array([values], float)}
    return Result(Contender.of(name, losses.minimax), Setting(1e-3), empty, empty, measures, torch.zeros(1), [], **options)


def shown(capsys):
    """The rows of the table that was printed, and its text."""
    text = capsys.readouterr().out
    return text.splitlines(), text


# --- one broken seed ------------------------------------------------------------------------------------------------


class Poisoned(Crowd):
    """A crowd whose copy `bad` answers NaN from the `after`-th pass on."""

    def __init__(self, copies, sizes, bad, after=0):
        super().__init__(copies, sizes)
        self.bad, self.after, self.passes = bad, after, 0

    def forward(self, x):
        self.passes += 1
        y = super().forward(x)
        if self.passes <= self.after:
            return y
        poison = torch.zeros(self.copies, 1, 1)
        poison[self.bad] = float("nan")
        return y + poison * y


class Infinite(Poisoned):
    """A crowd whose copy `bad` answers infinity, at a finite slope: of its loss only the number is infinite."""

    def forward(self, x):
        self.passes += 1
        y = Crowd.forward(self, x)
        beyond = torch.zeros(self.copies, 1, 1)
        beyond[self.bad] = float("inf") if self.passes > self.after else 0.0
        return y + beyond


WHERE = {
    "generator, at once": {"generator": lambda bad: lambda n: Poisoned(n, [2, 16, 1], bad)},
    "generator, later": {"generator": lambda bad: lambda n: Poisoned(n, [2, 16, 1], bad, after=9)},
    "critic, later": {"critic": lambda bad: lambda n: Poisoned(n, [1, 16, 1], bad, after=9)},
    "critic, infinite later": {"critic": lambda bad: lambda n: Infinite(n, [1, 16, 1], bad, after=9)},
}


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("where", WHERE)
def test_one_broken_seed_leaves_the_others_as_they_are(where, bad):
    setting, seeds = Setting(5e-3, (0.5, 0.9)), (4, 5, 6)
    healthy = arena().run(GAN, setting, 12, seeds, looks=3)
    broken = arena(**{name: make(bad) for name, make in WHERE[where].items()}).run(GAN, setting, 12, seeds, looks=3)
    others = [i for i in range(3) if i != bad]
    for name in ("distance", "spread"):
        assert np.array_equal(broken.measures[name][:, others], healthy.measures[name][:, others])
        assert np.isinf(broken.final(name)[bad])
    assert torch.equal(broken.samples[others], healthy.samples[others]) and broken.samples[bad].isnan().all()
    assert len(broken.failed) == 1 and broken.failed[0].startswith(f"GAN, seed {seeds[bad]}: ")
    looked = np.isfinite(broken.measures["distance"][:, bad]).sum()
    assert looked == (0 if "once" in where else 1), "what was seen before it broke stays"
    assert len(broken.film) == (looked if bad == 0 else 4)


def test_a_seed_that_breaks_in_its_gradient_only():
    """The loss of one copy is the square root of a negative number from the third update on."""
    updates = itertools.count()

    def generator(D, real, fake, careless):
        each = fake.unflatten(0, (3, -1)).mean((1, 2))
        third = next(updates) >= 2
        sign = torch.tensor([1.0, -1.0 if careless and third else 1.0, 1.0])
        return ((1 + each**2) * sign).sqrt().mean()

    runs = {}
    for careless in (False, True):
        updates = itertools.count()
        contender = Contender("x", GAN.critic, lambda D, real, fake, careless=careless: generator(D, real, fake, careless))
        runs[careless] = arena().run(contender, Setting(1e-2), 12, (0, 1, 2), looks=2)
    assert np.array_equal(runs[True].final()[[0, 2]], runs[False].final()[[0, 2]])
    assert runs[True].failed == ["x, seed 1: an output or a gradient became NaN or infinite in update 3 of the generator"]
    assert not runs[False].failed


def test_a_loss_that_is_nan_for_no_copys_reason_breaks_all():
    nobody = Contender("x", GAN.critic, lambda D, real, fake: GAN.generator(D, real, fake) + float("nan"))
    result = arena().run(nobody, Setting(1e-3), 4, (0, 1), looks=2)
    assert np.isfinite(result.measures["distance"][0]).all() and np.isinf(result.measures["distance"][1:]).all()
    assert len(result.failed) == 2


def test_a_loss_may_divide_by_what_a_broken_copy_answers():
    dividing = Contender("x", GAN.critic, lambda D, real, fake: GAN.generator(D, real, fake) + 1e-3 * (1 / fake**2).mean())
    setting, seeds = Setting(1e-3), (0, 1, 2)
    broken = arena(generator=lambda n: Poisoned(n, [2, 16, 1], 1)).run(dividing, setting, 6, seeds, looks=2)
    healthy = arena().run(dividing, setting, 6, seeds, looks=2)
    assert np.array_equal(broken.final()[[0, 2]], healthy.final()[[0, 2]]) and len(broken.failed) == 1


def test_a_network_may_have_parameters_that_are_not_trained():
    def frozen(n):
        crowd = Crowd(n, [1, 8, 1])
        crowd.weights[0].requires_grad_(False)
        return crowd

    assert np.isfinite(arena(critic=frozen).run(GAN, Setting(1e-3), 2, (0, 1), looks=1).final()).all()


def test_a_parameter_that_all_copies_share_breaks_them_together():
    class Shared(Crowd):
        def __init__(self, n):
            super().__init__(n, [2, 8, 1])
            self.scale = nn.Parameter(torch.ones(1, 1, 1))

        def forward(self, x):
            return super().forward(x) * self.scale

    place = arena(generator=Shared)
    fine = place.run(GAN, Setting(1e-3), 4, (0, 1), looks=1)
    assert np.isfinite(fine.final()).all() and not fine.failed
    turns = itertools.count()

    def careless(D, real, fake):
        steep = (fake[:1] * 0).sqrt().sum() if next(turns) >= 2 else 0.0  # 0, with an infinite slope times 0: NaN
        return GAN.generator(D, real, fake) + steep

    broken = place.run(Contender("x", GAN.critic, careless), Setting(1e-3), 8, (0, 1), looks=4)
    assert np.isfinite(broken.measures["distance"]).all(1).tolist() == [True, True, False, False, False]
    assert len(broken.failed) == 2


def test_seeds_that_break_at_different_times():
    class Twice(Poisoned):
        def forward(self, x):
            self.bad = [0] if self.passes < 20 else [0, 2]
            return super().forward(x)

    setting = Setting(1e-3)
    result = arena(generator=lambda n: Twice(n, [2, 16, 1], [0], after=9)).run(GAN, setting, 20, (0, 1, 2), looks=4)
    healthy = arena().run(GAN, setting, 20, (0, 1, 2), looks=4)
    assert np.isfinite(result.measures["distance"]).sum(0).tolist() == [1, 5, 2]
    assert np.array_equal(result.measures["distance"][:, 1], healthy.measures["distance"][:, 1])
    assert [line.split(":")[0] for line in result.failed] == ["GAN, seed 0", "GAN, seed 2"]


@pytest.mark.parametrize("batched", [True, False])
def test_every_seed_broken_from_the_start_is_reported_as_such(batched):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 1, 1))

        def forward(self, x):
            return (x * self.weight[: len(x)] if batched else x).sum(-1, keepdim=True) * float("nan")

    result = arena(batched, generator=lambda *n: Broken()).run(GAN, Setting(1e-3), 2, (3, 4), looks=1)
    assert np.isinf(result.measures["distance"]).all() and result.measures["distance"].shape == (2, 2)
    assert len(result.failed) == 2 and result.film == [] and result.seconds.shape == (2,)


def test_batched_or_not_a_broken_seed_counts_alike():
    made_so_far = itertools.count()

    def second_is_broken():
        net = mlp([2, 16, 1])
        if next(made_so_far) == 1:
            net.register_forward_hook(lambda module, x, y: y * float("nan") if module.training else y)
        return net

    in_turn = arena(False, generator=second_is_broken).run(GAN, Setting(1e-3), 4, (0, 1, 2), looks=2)
    at_once = arena(generator=lambda n: Poisoned(n, [2, 16, 1], 1, after=1)).run(GAN, Setting(1e-3), 4, (0, 1, 2), looks=2)
    for result in (in_turn, at_once):
        assert np.isfinite(result.measures["distance"]).tolist() == [[True] * 3, *[[True, False, True]] * 2]
        assert len(result.failed) == 1 and ", seed 1" in result.failed[0]
        assert result.samples.isnan().flatten(1).all(1).tolist() == [False, True, False]


def test_a_search_prefers_whole_seeds_and_ranks_the_rest_by_those_that_live(monkeypatch):
    values = {0.1: [0.1, np.inf], 0.2: [5.0, 6.0], 0.3: [np.inf, np.inf], 0.4: [7.0, 8.0]}

    def run(self, contender, setting, steps, seeds, **options):
        assert options == {"looks": 1, "split": "valid"}
        return made("x", values[setting.lr])

    monkeypatch.setattr(Arena, "run", run)
    assert arena().search(GAN, [Setting(rate) for rate in values], 1).best.lr == 0.2
    assert arena().search(GAN, [Setting(rate) for rate in (0.3, 0.1)], 1).best.lr == 0.1
    with pytest.raises(RuntimeError, match="broke off"):
        arena().search(GAN, [Setting(0.3)], 1)


# --- settings and the search ------------------------------------------------------------------------------------------


def test_each_player_gets_its_own_rate_and_betas(monkeypatch):
    from nbdgm.comparison import match

    asked = []
    monkeypatch.setattr(match, "adam", lambda lr, betas: asked.append((lr, betas)) or adam(lr, betas))
    adam = __import__("nbdgm").adam
    arena().run(GAN, Setting(1e-3, (0.1, 0.9)), 1, (0,))
    arena().run(GAN, Setting(1e-3, (0.1, 0.9), critic_lr=4e-3), 1, (0,))
    arena().run(GAN, Setting(1e-3, (0.1, 0.9), critic_betas=(0.0, 0.8)), 1, (0,))
    assert asked == [(1e-3, (0.1, 0.9))] * 2 + [(4e-3, (0.1, 0.9)), (1e-3, (0.1, 0.9)), (1e-3, (0.0, 0.8)), (1e-3, (0.1, 0.9))]


def test_turns_of_a_setting_go_before_those_of_the_contender():
    calls = []
    counting = Contender("x", lambda D, real, fake: calls.append(1) or D(real).mean(), GAN.generator, turns=3)
    for setting, expected in ((Setting(1e-3), 6), (Setting(1e-3, turns=1), 2)):
        calls.clear()
        arena().run(counting, setting, 2, (0,))
        assert len(calls) == expected


def test_parameters_of_a_contenders_own_reach_the_losses_that_take_them():
    seen = []

    def critic(D, real, fake, weight=1.0):
        seen.append(("critic", weight))
        return D(real).mean()

    def generator(D, real, fake, weight=1.0, power=2):
        seen.append(("generator", weight, power))
        return fake.mean()

    mine = Contender("x", critic, generator, parameters={"weight": (1.0, 10.0), "power": (3,)})
    arena().run(mine, Setting(1e-3), 1, (0,))
    arena().run(mine, Setting(1e-3, own={"weight": 5.0, "power": 4}), 1, (0,))
    assert seen == [("critic", 1.0), ("generator", 1.0, 2), ("critic", 5.0), ("generator", 5.0, 4)]
    found = arena().search(mine, [Setting(1e-3), Setting(2e-3)], 1, (0,))
    assert [setting for setting, _ in found.rows] == [
        Setting(rate, own={"weight": weight, "power": 3}) for rate in (1e-3, 2e-3) for weight in (1.0, 10.0)
    ]
    with pytest.raises(ValueError, match="neither loss takes 'wieght'"):
        arena().run(mine, Setting(1e-3, own={"wieght": 5.0}), 1, (0,))
    with pytest.raises(ValueError, match="neither loss takes 'real'"):
        Contender("x", critic, generator, parameters={"real": (1,)})
    for values in ("12", ()):
        with pytest.raises(ValueError, match=r"parameters\['weight'\] must be a list"):
            Contender("x", critic, generator, parameters={"weight": values})


def test_a_search_tries_every_combination_or_as_many_as_are_asked_for():
    space = {"lr": (1e-3, 2e-3), "critic_lr": (1e-3, 4e-3), "betas": [(0, 0.9), (0.5, 0.9)]}
    turning = dataclasses.replace(GAN, parameters={"turns": (1, 2)})
    every = candidates(turning, space, None, np.random.default_rng(0))
    assert len(every) == 16 and len(set(every)) == 16
    assert every[1] == Setting(1e-3, (0, 0.9), critic_lr=1e-3, turns=2)
    some = candidates(turning, space, 5, np.random.default_rng(0))
    assert len(set(some)) == 5 and set(some) < set(every) and candidates(turning, space, 16, np.random.default_rng(0)) == every
    assert some != every[:5] and some == candidates(turning, space, 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no 'lr' among"):
        candidates(GAN, {"critic_lr": (1,)}, None, np.random.default_rng(0))
    with pytest.raises(ValueError, match="tries must be 1 or more, got 0"):
        candidates(GAN, space, 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="settings is empty"):
        candidates(GAN, {}, None, np.random.default_rng(0))


def test_settings_read_and_unpack():
    assert str(Setting(1e-3, (0, 0.9))) == "0.001, (0, 0.9)"
    full = Setting(1e-3, (0, 0.9), critic_lr=4e-3, turns=2, own={"weight": 10.0, "kind": "one"})
    assert str(full) == "0.001, (0, 0.9); critic 0.004, (0, 0.9); turns 2; weight 10; kind one"
    assert str(Setting(1e-3, critic_betas=(0.0, 0.9))) == "0.001, (0.5, 0.999); critic 0.001, (0, 0.9)"
    assert Setting.of(**full.values()) == full and tuple(full) == (1e-3, (0, 0.9)) and len({full, Setting(1e-3)}) == 2
    assert full != Setting(1e-3, (0, 0.9), critic_lr=4e-3, turns=2)


def test_a_best_setting_at_the_edge_of_the_search_is_flagged(capsys):
    own = lambda weight: {"weight": weight, "kind": "one"}
    rows = [
        (Setting(rate, (first, 0.9), turns=turns, own=own(weight)), [1.0])
        for rate in (1e-3, 2e-3, 4e-3)
        for first in (0.0, 0.5)
        for turns in (1, 2)
        for weight in (0.0, 1.0, 2.0)
    ]
    edges = lambda best: Found(best, rows).edges
    assert edges(Setting(2e-3, (0.0, 0.9), turns=1, own=own(1.0))) == [], "0 and one turn have nothing below"
    assert edges(Setting(2e-3, (0.0, 0.9), turns=1, own=own(0.0))) == []
    assert edges(Setting(1e-3, (0.0, 0.9), turns=1, own=own(1.0))) == ["lr lowest"]
    assert edges(Setting(4e-3, (0.5, 0.9), turns=2, own=own(2.0))) == [
        "lr highest",
        "betas[0] highest",
        "turns highest",
        "weight highest",
    ]
    assert Found(Setting(1e-3), [(Setting(1e-3), [1.0])]).edges == []
    found = Found(Setting(1e-3), [(Setting(rate), [1.0]) for rate in (1e-3, 2e-3)])
    result = arena().run(GAN, found, 1, (0, 1), looks=1)
    assert result.edges == ["lr lowest"] and result.setting == Setting(1e-3)
    assert arena().run(GAN, Setting(1e-3), 1, (0, 1), looks=1).edges is None
    compare([result])
    assert "lr lowest" in shown(capsys)[1]


# --- differences ------------------------------------------------------------------------------------------------------


def test_a_difference_is_students_interval_over_the_same_seeds():
    a, b = [1.0, 2.0, 4.0, 4.5], [1.5, 2.2, 4.4, 5.5]
    found = difference(made("a", a), made("b", b))
    test = stats.ttest_rel(a, b)
    assert found.mean == pytest.approx(-0.525) and found.seeds == 4
    assert found[1:3] == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.decided == (test.pvalue < 0.05)
    wide = difference(made("a", a), made("b", b), confidence=0.999)
    assert wide[1:3] == pytest.approx(tuple(test.confidence_interval(0.999))) and not wide.decided
    assert difference(made("a", a), made("b", b), "other").mean == pytest.approx(0.525)
    assert (
        difference(made("b", b), made("a", a), confidence=0.9).low > 0
        and difference(made("b", b), made("a", a), confidence=0.9).decided
    )


def test_differences_that_cannot_be_decided():
    a = made("a", [1.0, 2.0])
    one = difference(made("a", [1.0]), made("b", [2.0]))
    assert one == (-1.0, -math.inf, math.inf, 1) and not one.decided
    broken = difference(a, made("b", [np.inf, 5.0]))
    assert broken == (-3.0, -math.inf, math.inf, 1) and not broken.decided
    three = difference(made("a", [1.0, 2.0, 3.0]), made("b", [np.inf, 5.0, 6.0]))
    assert three == (-3.0, -math.inf, math.inf, 2), "those that live are not all"
    none = difference(made("a", [np.inf]), made("b", [2.0]))
    assert math.isnan(none.mean) and not none.decided
    same = difference(a, made("b", [1.0, 2.0]))
    assert same == (0.0, 0.0, 0.0, 2) and not same.decided
    assert difference(a, made("b", [2.0, 3.0])) == (-1.0, -1.0, -1.0, 2)
    with pytest.raises(ValueError, match="run both with the same seeds"):
        difference(a, made("b", [1.0, 2.0], seeds=(5, 6)))
    for confidence in (0, 1):
        with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
            difference(a, a, confidence=confidence)


def test_a_table_begins_with_the_data_and_ends_with_a_trivial_model(capsys):
    asked = []

    def noise(n, seed):
        asked.append((n, seed))
        return 30 * torch.rand(n, 1)

    place = arena(null={"noise": noise}, samples=300)
    one = place.run(GAN, Setting(5e-3, (0.5, 0.9)), 100, (0, 1, 2), looks=1)
    other = dataclasses.replace(one, contender=Contender.of("other", losses.minimax), edges=[])
    other.measures = {name: np.add(values, [0.5, 0.6, 0.7]) for name, values in one.measures.items()}
    compare([other, one], caption="two", against="GAN", digits=2)
    rows, _ = shown(capsys)
    assert rows[0] == "two" and [row.split("  ")[0] for row in rows[3:]] == ["the data", "GAN", "other", "noise"]
    assert asked == [(300, 0), (300, 1), (300, 2)]
    data_row, null = place.anchors((0, 1, 2))
    assert data_row.name == "the data" and data_row.samples.shape == (3, 300, 1) and data_row.seeds == (0, 1, 2)
    assert data_row.final().max() < 0.1 and null.final().min() > 5 and len(set(null.final())) == 3
    assert " ".join(f"{v:.2f}" for v in one.final()) in rows[4] and " ".join(f"{v:.2f}" for v in null.final()) in rows[6]
    assert f"{np.median(one.final()):.2f}" in rows[4].split()
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert f"+0.60 [{0.6 - half:+.2f}, {0.6 + half:+.2f}] higher" in rows[5]
    assert "not searched" in rows[4] and "inside" in rows[5] and "higher" in rows[6]
    lower = difference(data_row, one)
    assert f"{lower.mean:+.2f} [{lower.low:+.2f}, {lower.high:+.2f}] " in rows[3]
    compare([other, one])
    assert "minus other" in shown(capsys)[0][0]
    with pytest.raises(ValueError, match="there is no 'gan' among"):
        compare([one], against="gan")
    with pytest.raises(ValueError, match="results is empty"):
        compare([])


def test_the_data_of_the_first_row_are_fresh_for_each_seed_and_the_same_each_time():
    place = arena(samples=100)
    (first,), (again,), (later,) = place.anchors((0, 1)), place.anchors((0, 1)), place.anchors((1, 2), "valid")
    assert torch.equal(first.samples, again.samples) and torch.equal(first.samples[1], later.samples[0])
    assert not torch.equal(first.samples[0], first.samples[1])
    assert torch.equal(first.samples[0], torch.cat(list(itertools.islice(LAW.batches(32, 0), 4)))[:100].cpu())


def test_without_a_null_the_untrained_networks_come_last(capsys):
    result = arena().run(GAN, Setting(5e-3), 50, (0, 1), looks=1)
    compare([result])
    rows, _ = shown(capsys)
    assert [row.split("  ")[0] for row in rows[2:]] == ["the data", "GAN", "untrained networks"]
    assert " ".join(f"{v:.3f}" for v in result.measures["distance"][0]) in rows[-1]


def test_a_table_says_which_seeds_broke_off_and_compares_nothing_with_them(capsys):
    compare([made("a", [1.0, 2.0]), made("b", [np.inf, 5.0]), made("c", [0.0, 0.25])])
    rows, _ = shown(capsys)
    assert [row.split()[0] for row in rows[2:]] == ["c", "a", "b"]
    assert "broke off 5.000" in rows[4] and "a seed broke off" in rows[4] and "not decided" in rows[2]
    compare([made("a", [1.0]), made("b", [2.0])])
    assert "not compared: one seed" in shown(capsys)[1]


@pytest.mark.parametrize("batched", [True, False])
def test_a_shift_of_all_seeds_shifts_the_arena(batched, monkeypatch):
    run = lambda: arena(batched).run(GAN, Setting(1e-3), 2, (0, 1), looks=1).final()
    plain = run()
    monkeypatch.setenv("NBDGM_SEED", "0")
    assert np.array_equal(run(), plain)
    monkeypatch.setenv("NBDGM_SEED", "1000")
    assert not np.isin(run(), plain).any()
    assert np.array_equal(run(), run())


def test_losses_see_full_precision():
    """As on a GPU, where autocast makes the networks' outputs bfloat16."""
    seen = []

    class Half(Crowd):
        def forward(self, x):
            return super().forward(x.float()).bfloat16()

    def critic(D, real, fake):
        seen.extend([fake.dtype, D(real).dtype, (real - fake).dtype])
        return D(real).mean()

    place = arena(generator=lambda n: Half(n, [2, 4, 1]), critic=lambda n: Half(n, [1, 4, 1]))
    place.run(Contender("x", critic, lambda D, real, fake: D(fake).mean()), Setting(1e-3), 1, (0, 1), looks=1)
    assert set(seen) == {torch.float32}


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
    divided = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2]
    assert divided == [52.5], "one line between two panels"
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


def test_both_players_follow_the_schedule_of_the_arena():
    distances = lambda share: arena(schedule=lambda _: share).run(GAN, Setting(0.1), 4, (0, 1), looks=1).measures["distance"]
    assert np.array_equal(*distances(0.0)) and not np.isin(*distances(1.0)).any()
    seen = []
    arena(schedule=lambda share: seen.append(share) or 1.0).run(GAN, Setting(0.1), 4, (0,), looks=1)
    assert seen == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize(
    ("steps", "looks", "frames"),
    [(4, 1, [0, 4]), (4, 4, [0, 1, 2, 3, 4]), (10, 3, [0, 3, 7, 10]), (2, 8, [0, 1, 2]), (1, 3, [0, 1])],
)
def test_at_which_updates_a_run_is_looked_at(steps, looks, frames):
    result = arena().run(GAN, Setting(1e-3), steps, (0, 1), looks=looks)
    assert result.steps.tolist() == frames and len(result.seconds) == len(frames) and result.seeds == (0, 1)
    assert result.name == "GAN" and result.edges is None


def test_how_a_film_of_contenders_is_drawn(monkeypatch):
    from nbdgm import display

    shown = {}
    monkeypatch.setattr(display, "film", lambda frames, steps, **options: shown.update(options))
    results = [in_the_plane(), in_the_plane(), in_the_plane()]
    film(results, reach=2.0, marks=torch.tensor([[1.0, -1.0]]))
    assert shown["caption"] == "samples of the first seed" and shown["dpi"] == 90
    assert shown["size"] == pytest.approx((8.4, 8.4 / 3 / 1.05 + 0.35))
    figure, ax = plt.subplots()
    shown["draw"](0, ax)
    dots, crosses = [[line for line in ax.lines if line.get_marker() == mark] for mark in (".", "+")]
    assert {(line.get_markersize(), line.get_zorder(), line.get_linestyle()) for line in dots} == {(2.5, 2, "None")}
    assert {(line.get_markersize(), line.get_zorder(), line.get_color()) for line in crosses} == {(7.0, 1, "0.4")}
    assert [line.get_color() for line in dots] == ["C0", "C1", "C2"]
    assert [line.get_xydata()[0].tolist() for line in crosses] == [pytest.approx([x, -1.0]) for x in (1.0, 5.2, 9.4)]
    assert [text.get_position() for text in ax.texts] == [(0.0, 2.1), (4.2, 2.1), (8.4, 2.1)]
    assert {(t.get_ha(), t.get_va(), t.get_fontsize()) for t in ax.texts} == {("center", "bottom", 9.0)}
    between = [line for line in ax.lines if line.get_marker() == "None"]
    assert [line.get_xdata()[0] for line in between] == pytest.approx([2.1, 6.3])
    assert {(line.get_color(), line.get_linewidth()) for line in between} == {("0.7", 0.8)}
    assert ax.get_xlim() == pytest.approx((-2.1, 10.5)) and ax.get_ylim() == (-2.0, 2.0) and ax.get_aspect() == 1.0
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0
    plt.close(figure)


@pytest.mark.parametrize(
    ("values", "found"),
    [([1.0, 2.0], (0, 1.5)), ([1.0, np.inf], (1, 1.0)), ([np.inf, np.inf], (2, np.inf)), ([np.nan, 3.0, 5.0], (1, 4.0))],
)
def test_how_a_setting_ranks(values, found):
    assert rank(values) == found


def test_a_critic_on_its_own_sees_what_it_is_given():
    seen = []
    module = nn.Linear(3, 1)
    critic = Critic(module, None, lambda outputs: seen.append(outputs.shape) or outputs * 2)
    x = torch.randn(5, 3)
    torch.testing.assert_close(critic(x), 2 * module(x)[:, 0])
    assert seen == [(5,)] and critic.module is module and critic.copies is None
