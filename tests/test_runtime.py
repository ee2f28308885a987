import random

import matplotlib
import numpy as np
import pytest
import torch

from nbdgm import runtime


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
    with pytest.raises(ValueError, match=r"budget\(gpu=-3\)"):
        runtime.budget(smoke=1, cpu=2, gpu=-3)


def test_the_environment_chooses_the_device(monkeypatch):
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setenv("NBDGM_DEVICE", "toaster")
    with pytest.raises(ValueError, match="NBDGM_DEVICE='toaster'"):
        runtime.device()
    monkeypatch.setenv("NBDGM_DEVICE", "cuda:99")
    with pytest.raises(ValueError, match="cuda:99"):
        runtime.device()
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


@pytest.mark.parametrize("bad", [-1, 2**32, 1.5, "0", None, True])
def test_seed_refuses_what_is_no_seed(bad):
    with pytest.raises(ValueError, match="seed must be an integer"):
        runtime.seed(bad)


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
    assert capsys.readouterr().out.startswith("budget smoke, device cpu")
