import contextlib
import itertools
import random
import warnings

import matplotlib
import numpy as np
import pytest
import torch

import nbdgm
from nbdgm import Player, data, evaluation, losses, play, runtime, training


def test_budget_picks_the_value_of_this_run(monkeypatch):
    assert runtime.budget_name() == "cpu"
    assert runtime.budget(smoke=1, cpu=2, gpu=3) == 2
    for name, value in {"smoke": "a", "cpu": "b", "gpu": "c"}.items():
        monkeypatch.setenv("NBDGM_BUDGET", name)
        assert runtime.budget(smoke="a", cpu="b", gpu="c") == value


def test_a_misspelt_budget_is_named(monkeypatch):
    monkeypatch.setenv("NBDGM_BUDGET", "smok")
    with pytest.raises(ValueError, match=r"NBDGM_BUDGET='smok'.*smoke, cpu, gpu"):
        runtime.budget(smoke=1, cpu=2, gpu=3)


def test_a_negative_number_is_refused_whatever_the_budget():
    for value in (-3, np.int64(-3)):
        with pytest.raises(ValueError, match=r"budget\(gpu=-3\)"):
            runtime.budget(smoke=1, cpu=2, gpu=value)


def test_the_environment_chooses_the_device(monkeypatch):
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setenv("NBDGM_DEVICE", "toaster")
    with pytest.raises(ValueError, match="NBDGM_DEVICE='toaster'"):
        runtime.device()
    monkeypatch.setenv("NBDGM_DEVICE", "cuda:99")
    with pytest.raises(ValueError, match="cuda:99"):
        runtime.device()
    for other in ("mps", "xpu", "meta", "cpu:1", "cuda:-1", "cuda:999", "cpu ", "cuda:99999999999999999999"):
        monkeypatch.setenv("NBDGM_DEVICE", other)
        with pytest.raises(ValueError, match=f"NBDGM_DEVICE='{other}'"):
            runtime.device()
    for other in ("mps", "xpu", "meta", "cpu:1"):
        monkeypatch.setenv("NBDGM_DEVICE", other)
        with pytest.raises(ValueError, match="the library runs on 'cpu' and on CUDA devices"):
            runtime.device()
    monkeypatch.setenv("NBDGM_DEVICE", "cpu:0")
    assert runtime.device() == torch.device("cpu") == torch.zeros(1, device=runtime.device()).device
    monkeypatch.delenv("NBDGM_DEVICE")
    assert runtime.device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def draws():
    return random.random(), np.random.random(), torch.rand(()).item()


def test_seed_repeats_all_random_numbers():
    runtime.seed(3)
    first = draws()
    runtime.seed(3)
    assert draws() == first
    runtime.seed(4)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


BAD_SEEDS = [-1, 2**32, 1.5, "0", None, True, np.bool_(True), np.float64(1), torch.tensor(1)]


@pytest.mark.parametrize("bad", BAD_SEEDS, ids=repr)
@pytest.mark.parametrize("taker", [runtime.seed, runtime.generator, runtime.rng, runtime.shifted])
def test_seed_refuses_what_is_no_seed(taker, bad):
    with pytest.raises(ValueError, match="seed must be an integer"):
        taker(bad)


def streams(n):
    """First numbers of every random stream of the library that begins with seed `n`."""
    x = torch.arange(64.0)[:, None, None, None].expand(64, 1, 2, 2) / 64
    found = {"rng": nbdgm.rng(n).random(), "generator": torch.rand((), generator=nbdgm.generator(n)).item()}
    found["generator on the CPU"] = torch.rand((), generator=nbdgm.generator(n, "cpu")).item()
    nbdgm.seed(n)
    found |= zip(("python", "numpy", "torch"), draws(), strict=True)
    with runtime.separate_rng(n):
        found |= zip(("separate python", "separate numpy", "separate torch"), draws(), strict=True)
    with contextlib.redirect_stdout(None):
        runtime.setup(n)
    found["setup"] = torch.rand(()).item()
    found["order of batches"] = tuple(next(data.Batches(torch.arange(64), 8, seed=n)).tolist())
    found["noise of batches"] = next(data.Batches(x[:8] * 0 + 0.5, 8, seed=n, transform=data.binarize)).flatten().tolist()
    found["batches of images"] = tuple(next(data.Images(x).batches(8, seed=n)).flatten().tolist())
    found["density"] = next(data.densities.ring().batches(1, seed=n))[0, 0].item()
    found["shuffled"] = tuple(data.Images(x).shuffled(n).x[:, 0, 0, 0].tolist())
    found["a number"] = nbdgm.shifted(n)
    return found


def test_the_environment_shifts_every_stream(monkeypatch):
    """What a chapter draws from seed n with NBDGM_SEED=k is what it would draw from seed n + k, everywhere."""
    with matplotlib.rc_context():
        plain, other = streams(5), streams(12)
        assert all(plain[name] != other[name] for name in plain)
        for nothing in ("0", ""):
            monkeypatch.setenv("NBDGM_SEED", nothing)
            assert streams(5) == plain
        monkeypatch.setenv("NBDGM_SEED", "7")
        assert streams(5) == other
        with runtime.unshifted():
            assert streams(5) == plain
        assert streams(5) == other


def test_shifted_seeds_stay_seeds(monkeypatch):
    monkeypatch.setenv("NBDGM_SEED", str(2**32 - 1))
    assert nbdgm.shifted(3) == 2 and nbdgm.shifted(2**32 - 1) == 2**32 - 2
    runtime.seed(3)
    next(data.Batches(torch.arange(4), 2, seed=2**32 - 1))


def test_the_films_of_a_replication_see_other_noise(monkeypatch):
    def frames():
        weight = torch.nn.Parameter(torch.zeros(1))
        player = Player(loss=lambda x: (weight * x).sum(), parameters=[weight], name="one")
        watched = {"noise": lambda: torch.rand(())}
        run = play(player, itertools.repeat(torch.ones(1)), 2, film=watched, frames=[0, 2], progress=False)
        return [float(f) for _, f in run.films["noise"]]

    plain = frames()
    assert plain[0] == plain[1]
    monkeypatch.setenv("NBDGM_SEED", "7")
    assert frames()[0] == frames()[1] != plain[0]


def test_a_replication_does_not_go_on_where_another_run_stopped(monkeypatch, tmp_path):
    def train(rounds):
        weight = torch.nn.Parameter(torch.zeros(1))
        player = Player(loss=lambda x: (weight * x).sum(), parameters=[weight], name="one")
        batches = data.Batches(torch.arange(8.0), 2)
        return play(player, batches, rounds, checkpoint=tmp_path / "run.pt", progress=False)

    train(2)
    assert train(3).steps == 3
    monkeypatch.setenv("NBDGM_SEED", "7")
    with pytest.raises(training.CheckpointError, match="NBDGM_SEED: absent in the checkpoint, 7 now"):
        train(4)


def test_a_comparison_shifts_its_seeds_once(monkeypatch):
    """Networks, noise and data of an arena's seed 1 are, shifted by 4, those of seed 5."""
    from nbdgm.comparison import Arena, Contender, Setting

    def final(seed):
        law = data.densities.ring()
        arena = Arena(
            lambda: torch.nn.Linear(2, 2),
            lambda: torch.nn.Linear(2, 1),
            law.batches,
            2,
            lambda x, split: {"spread": x.std().item()},
            batch=4,
            samples=8,
            batched=False,
        )
        game = Contender.of("ours", losses.non_saturating)
        return arena.run(game, Setting(0.01), 2, seeds=[seed]).samples

    fifth = final(5)
    monkeypatch.setenv("NBDGM_SEED", "4")
    assert torch.equal(final(1), fifth) and not torch.equal(final(5), fifth)


def test_data_stay_the_same_data(monkeypatch):
    """Drawn pictures, splits and stand-ins belong to no run."""
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")

    def pictures():
        with contextlib.redirect_stdout(None):
            loaded = [data.load(name, "test").x for name in ("digits", "glyphs", "binarized-mnist", "anime-faces-32")]
        return [*loaded, data.rendered.faces(3, seed=2).x]

    plain = pictures()
    monkeypatch.setenv("NBDGM_SEED", "4")
    assert all(torch.equal(a, b) for a, b in zip(pictures(), plain, strict=True))


def test_one_ruler_measures_all_replications(monkeypatch, tmp_path):
    def weights(folder):
        monkeypatch.setenv("NBDGM_CACHE", str(tmp_path / folder))
        network = evaluation.feature_network("digits", verbose=False)
        return torch.cat([p.flatten() for p in network.parameters()])

    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    plain = weights("a")
    monkeypatch.setenv("NBDGM_SEED", "4")
    monkeypatch.setenv("NBDGM_STRETCH", "3")
    assert torch.equal(weights("b"), plain)


@pytest.mark.parametrize("bad", ["-1", "1.5", "x", str(2**32), " 3", "1e3", "³"])
def test_a_shift_that_is_none_is_named(monkeypatch, bad):
    monkeypatch.setenv("NBDGM_SEED", bad)
    for taker in (runtime.seed, runtime.rng, runtime.generator, runtime.shifted, data.Images(torch.zeros(2, 1, 1, 1)).shuffled):
        with pytest.raises(ValueError, match=r"NBDGM_SEED=.*unset it, or set"):
            taker(0)


def test_steps_are_a_budget_that_can_be_stretched(monkeypatch):
    assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 300
    assert nbdgm.steps(smoke=1, cpu=[0, 1, 10], gpu=[5]) == [0, 1, 10]
    monkeypatch.setenv("NBDGM_STRETCH", "3")
    assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 900
    assert nbdgm.steps(smoke=(0,), cpu=(0, 1, 10), gpu=(5,)) == (0, 3, 30)
    assert runtime.budget(smoke=2, cpu=300, gpu=4_000) == 300
    with runtime.unshifted():
        assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 300
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    assert nbdgm.steps(smoke=np.int64(2), cpu=300, gpu=4_000) == 6 and type(nbdgm.steps(smoke=np.int64(2), cpu=3, gpu=4)) is int
    monkeypatch.setenv("NBDGM_STRETCH", "0.1")
    assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 1
    monkeypatch.setenv("NBDGM_BUDGET", "cpu")
    assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 30
    monkeypatch.setenv("NBDGM_STRETCH", "")
    assert nbdgm.steps(smoke=2, cpu=300, gpu=4_000) == 300


@pytest.mark.parametrize(
    ("bad", "error"),
    [(-1, ValueError), (1.0, TypeError), (True, TypeError), ("3", TypeError), ([3, -1], ValueError), ((3, 0.5), TypeError)],
)
@pytest.mark.parametrize("name", ["smoke", "cpu", "gpu"])
def test_steps_refuse_what_counts_no_updates_at_any_budget(name, bad, error):
    with pytest.raises(error, match=rf"steps\({name}="):
        nbdgm.steps(**({"smoke": 1, "cpu": 1, "gpu": 1} | {name: bad}))


@pytest.mark.parametrize("bad", ["0", "-1", "nan", "inf", "three"])
def test_a_stretch_that_is_none_is_named(monkeypatch, bad):
    monkeypatch.setenv("NBDGM_STRETCH", bad)
    with pytest.raises(ValueError, match=f"NBDGM_STRETCH='{bad}'.*unset it, or set"):
        nbdgm.steps(smoke=1, cpu=1, gpu=1)


def test_schedules_follow_the_stretch(monkeypatch):
    """A schedule is a function of the share of training: three times the updates go through the same rates, more finely."""

    def rates():
        weight = torch.nn.Parameter(torch.zeros(1))
        schedule = nbdgm.linear_decay(0.5, 0.1, warmup=0.25)
        player = Player(loss=lambda x: (weight * x).sum(), parameters=[weight], schedule=schedule, name="one")
        seen = []

        def look(step, history):
            seen.append(player.optimizer.param_groups[0]["lr"])

        total = nbdgm.steps(smoke=1, cpu=20, gpu=1)
        play(player, itertools.repeat(torch.ones(1)), total, callbacks=look, every=1, progress=False)
        return seen

    plain = rates()
    monkeypatch.setenv("NBDGM_STRETCH", "3")
    longer = rates()
    assert len(longer) == 60 and longer[::3] == pytest.approx(plain) and len(set(plain)) > 10


def test_random_states_survive_a_weights_only_file(tmp_path):
    runtime.seed(0)
    random.gauss(0, 1), np.random.normal()  # both keep half of a pair
    torch.save(runtime.rng_state(), tmp_path / "rng.pt")
    first = draws(), random.gauss(0, 1), np.random.normal()
    runtime.set_rng_state(torch.load(tmp_path / "rng.pt", weights_only=True))
    assert (draws(), random.gauss(0, 1), np.random.normal()) == first


def test_separate_rng_leaves_no_trace():
    runtime.seed(0)
    expected = draws()
    runtime.seed(0)
    with runtime.separate_rng(7):
        inside = draws()
    assert draws() == expected
    with pytest.raises(KeyError), runtime.separate_rng(7):
        assert draws() == inside
        raise KeyError


def test_setup_seeds_styles_and_says_where_it_runs(capsys, monkeypatch):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    with matplotlib.rc_context():
        runtime.setup(seed=5)
        assert matplotlib.rcParams["figure.facecolor"] == "white"
    first = draws()
    runtime.seed(5)
    assert draws() == first
    said = capsys.readouterr().out
    assert said.startswith("budget smoke, device cpu") and "seeds" not in said and "updates" not in said
    monkeypatch.setenv("NBDGM_SEED", "1000")
    monkeypatch.setenv("NBDGM_STRETCH", "3")
    with matplotlib.rc_context():
        runtime.setup()
    assert capsys.readouterr().out.endswith(", seeds shifted by 1000, 3 times the updates\n")


def test_setup_names_the_gpu(capsys, monkeypatch):
    precisions = []
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda where: f"the card at {where}")
    monkeypatch.setattr(torch, "set_float32_matmul_precision", precisions.append)
    with matplotlib.rc_context():
        runtime.setup()
    assert capsys.readouterr().out == "budget gpu, device cuda (the card at cuda)\n" and precisions == ["high"]


def test_setup_silences_what_is_known_and_nothing_else():
    with warnings.catch_warnings(record=True) as seen, contextlib.redirect_stdout(None), matplotlib.rc_context():
        warnings.simplefilter("always")
        runtime.setup()
        for text in ("IProgress not found.", "pkg_resources is deprecated as", "Online softmax is disabled", "new"):
            warnings.warn(text, stacklevel=1)
    assert [str(w.message) for w in seen] == ["new"]


def test_a_gpu_is_named_by_its_place_and_must_be_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, index in (("cuda", None), ("cuda:0", 0), ("cuda:1", 1)):
        monkeypatch.setenv("NBDGM_DEVICE", name)
        assert (runtime.device().type, runtime.device().index) == ("cuda", index) and runtime.budget_name() == "gpu"
    monkeypatch.setenv("NBDGM_DEVICE", "cuda:2")
    with pytest.raises(ValueError, match="NBDGM_DEVICE='cuda:2', but torch sees 2 CUDA devices"):
        runtime.device()
    for name in ("", None):
        monkeypatch.setenv("NBDGM_DEVICE", name) if name is not None else monkeypatch.delenv("NBDGM_DEVICE")
        assert runtime.device() == torch.device("cuda")


@pytest.mark.parametrize(("devices", "available", "kept"), [(2, True, 2), (1, True, 0), (3, True, 0), (2, False, 0)])
def test_the_random_states_of_as_many_gpus_come_back(devices, available, kept, monkeypatch):
    states, put_back = [torch.tensor([1]), torch.tensor([2])], []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", put_back.extend)
    state = runtime.rng_state()
    assert state["cuda"] == states
    runtime.set_rng_state(state)
    assert put_back == states[:kept]
    runtime.set_rng_state(state | {"cuda": []})
    assert put_back == states[:kept]


def test_a_budget_may_be_nothing_and_anything():
    assert runtime.budget(smoke=1, cpu=0, gpu=0) == 0 and runtime.budget(smoke=1, cpu=-0.5, gpu=0) == -0.5


def test_how_figures_look_after_the_set_up():
    with matplotlib.rc_context(), contextlib.redirect_stdout(None):
        runtime.setup()
        style = matplotlib.rcParams
        assert {name: style[name] for name in ("axes.grid", "axes.spines.top", "axes.spines.right", "legend.frameon")} == {
            "axes.grid": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
        }
        assert style["figure.figsize"] == [6.4, 3.2] and style["figure.dpi"] == 120 and style["figure.constrained_layout.use"]
        assert style["lines.linewidth"] == 1.5 and style["grid.alpha"] == 0.25 and len(style["axes.prop_cycle"]) == 6
        assert style["image.cmap"] == "gray" and style["image.interpolation"] == "nearest"
        assert style["savefig.facecolor"] == "white"
