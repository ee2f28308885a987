"""Two processes play the same game as one: same initial weights, same global batches, averaged gradients."""

import os
import subprocess
import sys

import games
import pytest
import torch

from nbdgm.training import play


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        games.__file__,
        "team",
        folder,
    ]
    env = os.environ | {"OMP_NUM_THREADS": "1", "NBDGM_DEVICE": "cpu", "NBDGM_IMITATE_GPU": "0"}
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env, timeout=300)
    assert result.returncode == 0, result.stderr
    return folder


def load(path):
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", games.TEAM)
def test_two_processes_play_the_game_of_one(name, folder, single_precision):
    alone = games.TEAM[name]()
    history = play(alone.players, alone.data, games.TEAM_STEPS)
    first, second = (load(folder / f"{name}.{rank}.out") for rank in (0, 1))
    assert games.same(first, second)  # both processes end with the same weights, averages and history
    for ours, theirs in zip(games.state_of(alone.players), first["state"], strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)
    expected = torch.from_numpy(history[history.keys()[0]])
    torch.testing.assert_close(first["loss"], expected, rtol=1e-4, atol=1e-5)  # the mean over the whole batch is logged
    assert expected[-1] < 0.97 * expected[0]


def test_noise_differs_between_processes_and_is_restored(folder):
    for rank in (0, 1):
        unbroken, resumed = load(folder / f"unbroken8.{rank}.out"), load(folder / f"broken8.{rank}.out")
        assert unbroken["noise"][4:] == resumed["noise"]
        assert torch.equal(unbroken["weights"], resumed["weights"])
    assert load(folder / "unbroken8.0.out")["noise"] != load(folder / "unbroken8.1.out")["noise"]


def test_a_checkpoint_of_two_processes_is_refused_by_one(folder):
    alone = games.NoisyVae()
    with pytest.raises(RuntimeError, match="processes: 2 in the checkpoint, 1 now"):
        play(alone.players, alone.data, 40, checkpoint=folder / "vae.pt")


def test_a_batch_that_cannot_be_shared_is_named(folder):
    for rank in (0, 1):
        assert "a batch of 3 cannot be shared evenly by 2 processes" in (folder / f"uneven.{rank}").read_text()


def test_a_team_is_stopped_at_once(folder):
    """One process must not finish its round while the others wait for it: the stop button keeps its usual meaning."""
    assert [(folder / f"interrupt.{rank}").read_text() for rank in (0, 1)] == ["True", "True"]


def test_statistics_are_averaged_and_other_buffers_are_those_of_the_first_process(folder):
    """The first process sees 0, 1, 2, 3, the second 4, 5, 6, 7."""
    first, second = (load(folder / f"buffers.{rank}.out") for rank in (0, 1))
    assert games.same(dict(first), dict(second))
    assert first["norm.running_mean"].item() == 3.5 and first["norm.running_var"].item() == pytest.approx(5 / 3)
    assert first["seen"].item() == 6 and first["count"].item() == 6 and first["norm.num_batches_tracked"].item() == 1
    assert first["mask"].tolist() == [0, float("-inf")]
