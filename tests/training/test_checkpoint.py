import builtins
import errno
import hashlib
import io
import itertools
import os
import random
import time

import games
import numpy as np
import pytest
import torch
from torch import nn

from nbdgm.data.batches import Batches
from nbdgm.runtime import seed
from nbdgm.training import CheckpointError, History, NonFiniteError, Player, adam, checkpoint, linear_decay, play, sgd
from nbdgm.training.processes import Team


def line(lr=0.1, *, width=3, turns=1, ema=None, name="line", batch=4, schedule=None, **options):
    """Arguments of `play` for a small regression."""
    torch.manual_seed(0)
    net = nn.Linear(width, 1)
    player = Player(
        net, loss=lambda x: net(x).square().mean(), optimizer=adam(lr), turns=turns, ema=ema, name=name, schedule=schedule
    )
    return {
        "players": player,
        "data": Batches(torch.randn(20, width, generator=torch.Generator().manual_seed(0)), batch),
    } | options


def test_resuming_goes_on_where_the_run_stopped(tmp_path):
    file = tmp_path / "deep" / "run.pt"
    play(**line(), steps=10, checkpoint=file)
    resumed = line()
    calls = []
    history = play(**resumed, steps=25, checkpoint=file, callbacks=lambda step, _: calls.append(step), every=1)
    unbroken = line()
    whole = play(**unbroken, steps=25)
    assert calls == list(range(11, 26))
    assert history.steps == 25 and (history["loss"] == whole["loss"]).all()
    assert games.same(games.state_of([resumed["players"]]), games.state_of([unbroken["players"]]))
    assert [f.name for f in file.parent.iterdir()] == ["run.pt"]  # no temporary files
    again = play(**line(), steps=25, checkpoint=file)  # nothing left to do
    assert (again["loss"] == whole["loss"]).all() and again.seconds == pytest.approx(history.seconds, rel=0.5)


def test_random_numbers_go_on_where_they_stopped(tmp_path):
    def run(steps, **options):
        noise = []
        net = nn.Linear(1, 1)
        loss = lambda x: noise.append((torch.rand(()).item(), np.random.rand(), random.random())) or net(x).mean()
        play(Player(net, loss=loss), itertools.repeat(torch.ones(1, 1)), steps, **options)
        return noise

    seed(3)
    whole = run(6)
    seed(3)
    first = run(4, checkpoint=tmp_path / "run.pt")
    seed(7)
    with pytest.warns(UserWarning, match="starts anew") as warned:
        assert first + run(6, checkpoint=tmp_path / "run.pt") == whole
    assert warned[0].filename == __file__  # where the reader called


def test_resume_false_starts_afresh(tmp_path):
    file = tmp_path / "run.pt"
    play(**line(), steps=10, checkpoint=file)
    calls = []
    play(**line(), steps=3, checkpoint=file, resume=False, callbacks=lambda step, _: calls.append(step), every=1)
    assert calls == [1, 2, 3]


@pytest.mark.parametrize(
    "change,message",
    [
        ({"lr": 0.2}, "line: lr: 0.1 in the checkpoint, 0.2 now"),
        ({"turns": 2}, "line: turns: 1 in the checkpoint, 2 now"),
        ({"ema": 0.9}, "line: ema: None in the checkpoint, 0.9 now"),
        ({"batch": 5}, "batch size: 4 in the checkpoint, 5 now"),
        ({"name": "curve"}, r"players: \['line'\] in the checkpoint, \['curve'\] now"),
        ({"width": 2}, r"line: shapes: .*\[1, 3\].* in the checkpoint, .*\[1, 2\].* now"),
        ({"hyperparameters": {"beta": 4.0}}, "beta: 1.0 in the checkpoint, 4.0 now"),
        ({"hyperparameters": {}}, "beta: 1.0 in the checkpoint, absent now"),
        ({"schedule": linear_decay()}, r"steps .*: absent in the checkpoint, 10 now"),
    ],
)
def test_another_run_is_refused_and_the_difference_named(tmp_path, change, message):
    play(**line(hyperparameters={"beta": 1.0}), steps=5, checkpoint=tmp_path / "run.pt")
    before = (tmp_path / "run.pt").read_bytes()
    with pytest.raises(CheckpointError, match=message):
        play(**line(**{"hyperparameters": {"beta": 1.0}} | change), steps=10, checkpoint=tmp_path / "run.pt")
    assert (tmp_path / "run.pt").read_bytes() == before


def test_a_checkpoint_further_on_than_asked_is_refused(tmp_path):
    play(**line(), steps=5, checkpoint=tmp_path / "run.pt")
    with pytest.raises(CheckpointError, match="at step 5, beyond steps=3"):
        play(**line(), steps=3, checkpoint=tmp_path / "run.pt")


def test_data_without_a_state_are_warned_about(tmp_path):
    arguments = line() | {"data": iter([torch.ones(4, 3)] * 99)}
    play(**arguments, steps=5, checkpoint=tmp_path / "run.pt")
    with pytest.warns(UserWarning, match="it starts anew"):
        play(**line() | {"data": iter([torch.ones(4, 3)] * 99)}, steps=9, checkpoint=tmp_path / "run.pt")


def test_the_seconds_of_a_run_are_those_of_all_its_parts(tmp_path):
    slow = lambda: (time.sleep(0.05) or torch.ones(4, 3) for _ in itertools.count())
    play(**line() | {"data": slow()}, steps=5, checkpoint=tmp_path / "run.pt")
    with pytest.warns(UserWarning, match="it starts anew"):
        history = play(**line() | {"data": slow()}, steps=6, checkpoint=tmp_path / "run.pt")
    assert 0.3 <= history.seconds < 300


def test_a_state_that_the_data_cannot_take_back_is_warned_about(tmp_path):
    class Kept:
        def __iter__(self):
            return iter([torch.ones(4, 3)] * 99)

        def state_dict(self):
            return {"at": 5}

    play(**line() | {"data": Kept()}, steps=5, checkpoint=tmp_path / "run.pt")
    with pytest.warns(UserWarning, match="it starts anew"):
        history = play(**line() | {"data": Kept()}, steps=9, checkpoint=tmp_path / "run.pt")
    assert history.steps == 9


def test_what_cannot_be_kept_is_refused_only_where_it_would_be_kept(tmp_path):
    class Odd(itertools.repeat):
        def state_dict(self):
            return {"at": lambda: 5}

    assert play(**line() | {"data": Odd(torch.ones(4, 3))}, steps=2).steps == 2
    with pytest.raises(CheckpointError, match="could not be read again"):
        play(**line() | {"data": Odd(torch.ones(4, 3))}, steps=2, checkpoint=tmp_path / "run.pt")


def damaged(content: bytes) -> list[bytes]:
    flipped = bytearray(content)
    flipped[random.Random(0).randrange(len(content))] ^= 4
    return [content[:-1], content[: len(content) // 2], b"", bytes(flipped), b"not a checkpoint" * 99]


def test_a_damaged_file_is_an_error_with_a_remedy(tmp_path):
    file = tmp_path / "run.pt"
    play(**line(), steps=5, checkpoint=file)
    for content in damaged(file.read_bytes()):
        file.write_bytes(content)
        arguments = line()
        before = games.state_of([arguments["players"]])
        with pytest.raises(
            CheckpointError, match=r"cannot read the checkpoint .*run\.pt.*[Dd]elete the file, or pass resume=False"
        ):
            play(**arguments, steps=10, checkpoint=file)
        assert games.same(games.state_of([arguments["players"]]), before)


class Evil:
    def __reduce__(self):
        return (builtins.print, ("code ran",))


def test_loading_never_runs_code(tmp_path, capsys):
    with pytest.raises(CheckpointError, match=r"cannot save .*surprise is a Evil; keep tensors and plain values"):
        checkpoint.save(tmp_path / "run.pt", {"hyperparameters": {}, "surprise": Evil()})
    assert not list(tmp_path.iterdir()) and "code ran" not in capsys.readouterr().out
    content = io.BytesIO()
    torch.save({"format": checkpoint._FORMAT, "hyperparameters": {}, "surprise": Evil()}, content)
    digest = hashlib.sha256(content.getvalue()).digest()
    (tmp_path / "run.pt").write_bytes(content.getvalue() + digest)  # as somebody else might write it
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.load(tmp_path / "run.pt", {})
    assert "code ran" not in capsys.readouterr().out


class FullDisk(io.FileIO):
    """A file on a disk that has room for a hundred more bytes."""

    def write(self, content):
        super().write(bytes(content)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    play(**line(), steps=5, checkpoint=file)
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", lambda name, mode: FullDisk(name, mode))
        with pytest.raises(CheckpointError, match=r"No space left on device; the previous checkpoint is intact. Make room"):
            play(**line(), steps=10, checkpoint=file)
    assert file.read_bytes() == before and [f.name for f in tmp_path.iterdir()] == ["run.pt"]
    assert play(**line(), steps=10, checkpoint=file).steps == 10


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_really_full(tmp_path, monkeypatch):
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda name, mode: real("/dev/full", mode))
    with pytest.raises(CheckpointError, match="No space left on device; there is no earlier checkpoint"):
        play(**line(), steps=2, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_crash_while_saving_keeps_the_previous_checkpoint(tmp_path, monkeypatch, moment):
    class PowerCut(BaseException):
        pass

    def cut(*_):
        raise PowerCut

    file = tmp_path / "run.pt"
    play(**line(), steps=5, checkpoint=file)
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, moment, cut)
        with pytest.raises(PowerCut):
            play(**line(), steps=6, checkpoint=file)
    assert file.read_bytes() == before
    assert play(**line(), steps=6, checkpoint=file).steps == 6


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot save .*another place"):
        play(**line(), steps=1, checkpoint=tmp_path / "file" / "run.pt")


def test_what_makes_another_run_and_what_does_not(tmp_path):
    def run(optimizer, extra=2, size=4, **options):
        arguments = line(**options)
        data = arguments["data"]
        del data.size
        data.batch_size = size
        net, log_std = nn.Linear(3, 1), nn.Parameter(torch.zeros(extra))
        player = Player(net, parameters=[log_std], loss=lambda x: net(x[:, :3]).mean() + log_std.sum(), optimizer=optimizer)
        play(player, forever(data), 2, checkpoint=tmp_path / "run.pt")

    def forever(data):
        class Endless:
            batch_size = data.batch_size

            def __iter__(self):
                return iter([torch.ones(4, 3)] * 9)

            def state_dict(self):
                return {}

            def load_state_dict(self, state):
                pass

        return Endless()

    run(adam(0.1), size=np.int64(4))
    run(adam(0.1, fused=False))  # another way to compute the same
    for change, message in [
        ({"optimizer": sgd(0.1)}, "player 1: optimiser: Adam in the checkpoint, SGD now"),
        ({"optimizer": adam(0.1), "extra": 3}, r"'parameter 0': \[2\].* in the checkpoint, .*'parameter 0': \[3\].* now"),
        ({"optimizer": adam(0.1, (0.5, 0.9))}, r"player 1: betas: \[0.9, 0.999\] in the checkpoint, \[0.5, 0.9\] now"),
        ({"optimizer": adam(0.1), "size": 5}, "batch size: 4 in the checkpoint, 5 now"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            run(**change)


def test_a_path_without_a_checkpoint_starts_at_the_beginning_and_says_so(tmp_path):
    file = tmp_path / "new" / "run.pt"
    kept = checkpoint.Checkpoint(file, [line()["players"]], None, History(), Team(None, []), {})
    assert kept.resume(3) is None and kept.step is None and kept.advice() == "No checkpoint was saved before that."
    assert not file.parent.exists()
    kept.save()
    assert kept.step == 0 and kept.advice() == f"The checkpoint {file} holds step 0." and file.exists()
    nothing = checkpoint.Checkpoint(None, [line()["players"]], None, History(), Team(None, []), {})
    nothing.save(), nothing.resume(3)
    assert nothing.advice() == "" and nothing.step is None


def test_only_the_first_process_writes(tmp_path):
    team = Team(None, [])
    team.main = False
    kept = checkpoint.Checkpoint(tmp_path / "run.pt", [line()["players"]], None, History(), team, {})
    kept.save()
    assert not list(tmp_path.iterdir()) and kept.step == 0


def test_an_extra_parameter_that_became_infinite_is_named(tmp_path):
    scale = nn.Parameter(torch.ones(()))
    player = Player(parameters=[scale], loss=lambda x: scale * torch.tensor(float("inf")) if scale < 1 else scale, name="line")
    player.schedule = lambda fraction: float("inf")
    with pytest.raises(NonFiniteError, match=r"line\.an extra parameter became -inf at step 1"):
        play(player, itertools.repeat(None), 1, checkpoint=tmp_path / "c.pt")


def test_the_file_and_its_new_name_are_on_the_disk_before_the_run_goes_on(tmp_path, monkeypatch):
    synced, sizes = [], []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda place: synced.append(os.path.isdir(f"/proc/self/fd/{place}")) or sizes.append(os.fstat(place).st_size),
    )
    checkpoint.save(tmp_path / "run.pt", {"a": 1})
    assert synced == [False, True] and [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    assert sizes[0] == (tmp_path / "run.pt").stat().st_size  # all of it had left Python's own buffer
    assert hashlib.sha256((tmp_path / "run.pt").read_bytes()[:-32]).digest() == (tmp_path / "run.pt").read_bytes()[-32:]


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"a": 1, "b": [torch.ones(1), "x"]}, []), ({"a": object()}, ["a is a object"]),
        ({"a": [1, (2, np.ones(1))], "b": np.ones(1)}, ["a.1.1 is a ndarray", "b is a ndarray"]), ([object()],
        ["0 is a object"]),
    ],
)  # fmt: skip
def test_what_no_file_keeps_is_named_by_its_place(value, places):
    found = list(checkpoint._unreadable(value, ""))
    assert found == places


@pytest.mark.parametrize(
    ("problem", "said"),
    [("\n  the first line\nthe second", "the first line"), ("x" * 300, "x" * 200), (" plain \n", "plain"), ("", "")],
)
def test_the_reason_why_a_file_is_not_read_is_one_line(tmp_path, monkeypatch, problem, said):
    def broken(content):
        raise RuntimeError(problem)

    file = tmp_path / "run.pt"
    file.write_bytes(b"abc" + hashlib.sha256(b"abc").digest())
    monkeypatch.setattr(checkpoint, "_unpacked", broken)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(file, {})
    remedy = "Delete the file, or pass resume=False, to start afresh"
    assert str(refused.value) == f"cannot read the checkpoint {file}: {said}. {remedy}"


def test_every_fact_that_differs_is_named_in_order(tmp_path):
    checkpoint.save(tmp_path / "run.pt", {"hyperparameters": {"c": 3, "a": 1, "b": 2}})
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(tmp_path / "run.pt", {"d": 5, "b": 2, "c": 4})
    assert "(a: 1 in the checkpoint, absent now; c: 3 in the checkpoint, 4 now; d: absent in the checkpoint, 5 now)" in str(
        refused.value
    )
    assert checkpoint.load(tmp_path / "run.pt", {"a": 1, "b": 2, "c": 3})["hyperparameters"] == {"a": 1, "b": 2, "c": 3}
