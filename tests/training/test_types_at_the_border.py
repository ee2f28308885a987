"""Types at the border of the loop: numpy's numbers, named tuples, dictionaries, things that are no function."""

import collections
import dataclasses
import itertools
import types

import numpy as np
import pytest
import torch
from torch import nn

from nbdgm.training import CheckpointError, Player, adam, play, sgd
from nbdgm.training.facts import plain
from nbdgm.training.feed import Feed
from nbdgm.training.processes import Team


class Ones:
    """Data of ones, that know where they are."""

    def __init__(self, **extra):
        self.extra, self.at = extra, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return torch.ones(2, 3)

    def state_dict(self):
        return {"at": self.at} | self.extra

    def load_state_dict(self, state):
        assert state.keys() == {"at", *self.extra}
        self.at = state["at"]


def line(**options):
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    return Player(net, loss=lambda x: net(x).square().mean(), name="line", **options)


# numpy's numbers, wherever a number may be


NUMPY = {
    "schedule": lambda: line(schedule=lambda t: 0.5 * (1 + np.cos(np.pi * t))),
    "ema": lambda: line(ema=np.float64(0.9)),
    "turns": lambda: line(turns=np.int64(2)),
    "weight decay": lambda: line(optimizer=adam(1e-3, weight_decay=np.float64(1e-4))),
    "rate": lambda: line(optimizer=lambda ps: torch.optim.Adam(ps, lr=np.geomspace(1e-3, 1e-1, 3)[1])),
    "betas": lambda: line(optimizer=lambda ps: torch.optim.Adam(ps, lr=np.array(1e-3), betas=tuple(np.array([0.5, 0.9])))),
    "momentum": lambda: line(optimizer=sgd(np.float32(0.1), np.float64(0.5))),
    "groups": lambda: line(
        optimizer=lambda ps: torch.optim.SGD([{"params": ps[:1], "lr": np.float64(0.1)}, {"params": ps[1:]}], lr=0.2)
    ),
}


@pytest.mark.parametrize("player", NUMPY.values(), ids=NUMPY)
def test_a_checkpoint_with_numpys_numbers_is_resumed_as_one_without(player, tmp_path):
    more = {
        3: 4,
        np.int64(5): 6,
        "beta": np.float64(4),
        "widths": np.array([2, 3]),
        "names": ["a", np.str_("b")],
        "deep": {"x": (np.int32(1), None)},
    }
    data = lambda: Ones(count=np.int64(3), scale=(np.float32(0.5), [np.bool_(True)]))
    resumed = player()
    play(player(), data(), np.int64(4), checkpoint=tmp_path / "c.pt", hyperparameters=more)
    history = play(resumed, data(), 4, checkpoint=tmp_path / "c.pt", hyperparameters=more)
    assert history.steps == 4
    if resumed.schedule is None:
        history = play(resumed, data(), 8, checkpoint=tmp_path / "c.pt", hyperparameters=more)
        unbroken = player()
        whole = play(unbroken, data(), 8)
        assert history["loss"].tolist() == whole["loss"].tolist() and history.steps == 8
        assert all(torch.equal(a, b) for a, b in zip(resumed.parameters, unbroken.parameters, strict=True))
    saved = player().state_dict()["optimizer"]["param_groups"]
    assert not [value for group in saved for value in group.values() if isinstance(value, (np.generic, np.ndarray))]


def test_the_numbers_themselves_are_kept():
    values = {
        "a": np.float64(1 / 3),
        "b": (np.int64(2**60), [np.bool_(True)]),
        "c": np.array(0.5),
        "d": collections.OrderedDict(e=np.float16(2)),
    }
    assert plain(values) == {"a": 1 / 3, "b": (2**60, [True]), "c": 0.5, "d": collections.OrderedDict(e=2.0)}
    assert [type(v) for v in (plain(values)["a"], plain(values)["b"][0], plain(values)["b"][1][0], plain(values)["d"])] == [
        float,
        int,
        bool,
        collections.OrderedDict,
    ]
    assert type(plain(np.longdouble(0.25))) is float and plain(np.longdouble(0.25)) == 0.25
    untouched = torch.ones(2), np.ones(2), {1, 2}, "x", None
    assert all(a is b for a, b in zip(map(plain, untouched), untouched, strict=True))


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        np.nan,
        (1, float("nan")),
        {"deep": [np.float64("nan")]},
        torch.tensor([1.0, float("nan")]),
        nn.ReLU,
        {3: 1},
    ],
)
def test_hyperparameters_agree_with_themselves(value, tmp_path):
    for _ in range(2):
        play(line(), Ones(), 2, checkpoint=tmp_path / "c.pt", hyperparameters={"beta": value})


def test_hyperparameters_that_are_none_are_refused_at_once(tmp_path):
    for bad, kind in [(lambda: 0, "function"), (object(), "object"), ([1, object()], "list")]:
        with pytest.raises(
            TypeError, match=rf"hyperparameters\['act'\] must be a plain value, got .*{kind if kind != 'list' else 'object'}"
        ):
            play(line(), Ones(), 2, hyperparameters={"act": bad})
    with pytest.raises(TypeError, match="hyperparameters must be a dict of plain values, got list"):
        play(line(), Ones(), 2, hyperparameters=[1])


def test_other_values_of_a_hyperparameter_are_told_apart(tmp_path):
    play(line(), Ones(), 2, checkpoint=tmp_path / "c.pt", hyperparameters={"widths": (2, 3)})
    with pytest.raises(CheckpointError, match=r"widths: \[2, 3\] in the checkpoint, \[2, 4\] now"):
        play(line(), Ones(), 2, checkpoint=tmp_path / "c.pt", hyperparameters={"widths": [2, 4]})


def test_a_state_that_could_not_be_read_again_is_refused_before_the_first_step(tmp_path):
    data = Ones(deep={"orders": [1, np.arange(3)]})
    with pytest.raises(
        CheckpointError, match=r"cannot save .*c\.pt.*: data\.deep\.orders\.1 is a ndarray; keep tensors and plain"
    ):
        play(line(), data, 9, checkpoint=tmp_path / "c.pt")
    assert data.at == 0 and not list(tmp_path.iterdir())
    assert play(line(), data, 9).steps == 9  # without a checkpoint nobody minds


def test_a_run_with_other_trained_parameters_is_another_run(tmp_path):
    def half(freeze):
        net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
        net[0].requires_grad_(not freeze)
        return Player(net, loss=lambda x: net(x).square().mean(), name="line")

    play(half(True), Ones(), 2, checkpoint=tmp_path / "c.pt")
    with pytest.raises(CheckpointError, match=r"line: trained: .*'0.1.weight'.* in the checkpoint, .*'0.0.weight'.* now"):
        play(half(False), Ones(), 2, checkpoint=tmp_path / "c.pt")


def test_data_that_do_not_fit_the_checkpoint_are_named(tmp_path):
    class Fussy(Ones):
        def load_state_dict(self, state):
            raise KeyError("epoch")

    play(line(), Ones(), 2, checkpoint=tmp_path / "c.pt")
    with pytest.raises(CheckpointError, match=r"c\.pt does not fit this run: 'epoch'"):
        play(line(), Fussy(), 4, checkpoint=tmp_path / "c.pt")


def test_checkpoints_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    play(line(), Ones(), 2, checkpoint="~/deep/c.pt")
    assert (tmp_path / "deep" / "c.pt").exists() and not (tmp_path / "~").exists()
    with pytest.raises(CheckpointError, match=r"there is no folder ~nobody_of_this_name/c.pt: .*without ~"):
        play(line(), Ones(), 2, checkpoint="~nobody_of_this_name/c.pt")


def test_a_folder_is_no_checkpoint_and_nobody_is_told_to_delete_it(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"cannot read the checkpoint .*: Is a directory\. Give checkpoint= another file$"
    ):
        play(line(), Ones(), 2, checkpoint=tmp_path)


# batches


Batch = collections.namedtuple("Batch", "x y")


@dataclasses.dataclass
class Labelled:
    x: torch.Tensor
    name: str = "label"


class Half(Team):
    """The second of two processes."""

    def __init__(self):
        self.size, self.rank, self.main = 2, 1, False


CONTAINERS = {
    "tensor": (lambda x: x, lambda b: b),
    "tuple": (lambda x: (x, 3), lambda b: b[0]),
    "list": (lambda x: [None, x], lambda b: b[1]),
    "named tuple": (lambda x: Batch(x, "label"), lambda b: b.x),
    "dict": (lambda x: {"x": x, "y": 3}, lambda b: b["x"]),
    "nested": (lambda x: {"pair": (Batch([x], 1), 2)}, lambda b: b["pair"][0].x[0]),
    "ordered": (lambda x: collections.OrderedDict(x=x), lambda b: b["x"]),
    "default": (lambda x: collections.defaultdict(list, x=x), lambda b: b["x"]),
    "user's": (lambda x: collections.UserDict(x=x), lambda b: b["x"]),
    "read-only": (lambda x: types.MappingProxyType({"x": x}), lambda b: b["x"]),
    "data class": (Labelled, lambda b: b.x),
}


@pytest.mark.parametrize(("make", "take"), CONTAINERS.values(), ids=CONTAINERS)
def test_batches_of_every_kind_are_shared_moved_and_laid_out(make, take):
    x = torch.arange(4 * 3 * 2 * 2.0).view(4, 3, 2, 2)
    sent = make(x)
    batch = Feed(itertools.repeat(sent), torch.device("meta"), True, Half()).next(1)
    assert take(batch).device.type == "meta" and take(batch).shape == (2, 3, 2, 2)
    assert take(batch).is_contiguous(memory_format=torch.channels_last)
    assert isinstance(sent, types.MappingProxyType) or type(batch) is type(sent)
    assert take(sent) is x  # what the data gave is as it was
    batch = Feed(itertools.repeat(sent), torch.device("cpu"), False, Half()).next(1)
    assert torch.equal(take(batch), x[2:]) and take(batch).is_contiguous()
    if isinstance(sent, Batch):
        assert batch.y == "label"
    if isinstance(sent, collections.defaultdict):
        assert batch["new"] == []


def test_what_is_no_batch_of_tensors_is_passed_on_or_refused():
    feed = Feed(iter([None, 3, torch.tensor(2.0), np.ones(2)]), torch.device("cpu"), False, Half())
    assert feed.next(1) is None and feed.next(2) == 3 and feed.next(3) == 2
    with pytest.raises(TypeError, match="several processes share tensors only, got an array"):
        feed.next(4)
    alone = Team(None, [])
    assert Feed(iter([np.ones(2)]), torch.device("cpu"), False, alone).next(1).tolist() == [1, 1]
    integers = torch.zeros(2, 3, 2, 2, dtype=torch.long)
    assert Feed(iter([integers]), torch.device("cpu"), True, alone).next(1) is integers


@pytest.mark.parametrize("data", [{"x": torch.ones(2)}, types.MappingProxyType({}), b"bytes", "text", 3, np.ones(3)])
def test_what_is_no_data_is_named(data):
    with pytest.raises(TypeError, match=f"iterator of batches, got {type(data).__name__}"):
        play(line(), data, 1)


# films and callbacks


@pytest.mark.parametrize(
    "frame",
    [None, "text", {"a": 1}, [torch.ones(2), torch.ones(3)], object(), [None], np.longdouble(1)],
    ids=lambda v: type(v).__name__,
)
def test_a_film_of_what_no_file_keeps_is_refused_by_name(frame):
    with pytest.raises(TypeError, match=f"film 'weird' must return a number, a tensor or an array, got {type(frame).__name__}"):
        play(line(), Ones(), 2, film={"weird": lambda: frame})


@pytest.mark.parametrize(
    "frame,expected",
    [
        ([torch.tensor(1.0), torch.tensor(2.0, requires_grad=True)], [1, 2]),
        ((1, np.float64(2)), [1, 2]),
        (np.arange(3)[::-1], [2, 1, 0]),
        (torch.tensor([True]), [True]),
        (torch.tensor([1j]).conj(), [-1j]),
        (torch.ones(2, 2).bfloat16().T, [[1, 1], [1, 1]]),
        (np.uint8(7), 7),
    ],
)
def test_films_of_every_kind_of_number_are_kept(frame, expected, tmp_path):
    for steps in (1, 2):
        history = play(line(), Ones(), steps, film={"f": lambda: frame}, frames=range(3), checkpoint=tmp_path / "c.pt")
    assert [kept.tolist() for _, kept in history.films["f"]] == [expected] * 3


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"film": lambda: 0}, "film must be a dict, name -> function, got function"),
        ({"film": {"f": 3}}, "film 'f' must be a function without arguments, got int"),
        ({"callbacks": [None]}, r"callbacks must be functions of \(step, history\), got NoneType"),
        *[
            ({"film": {"f": lambda: 0}, "frames": bad}, "frames must be a whole number, or a list")
            for bad in ("ab", 2.5, None, [np.nan])
        ],
        ({"steps": np.float64(3)}, "steps must be a whole number"),
        ({"steps": np.bool_(True)}, "steps must be a whole number"),
        ({"every": 2.0}, "every must be a whole number"),
    ],
)
def test_other_things_are_named(arguments, message):
    with pytest.raises(TypeError, match=message):
        play(line(), Ones(), **{"steps": 1} | arguments)


def test_numpys_numbers_count():
    seen = []
    history = play(
        line(), Ones(), np.int64(6), film={"f": lambda: 0}, frames=np.int64(3), every=np.int32(4), save_every=np.int64(2),
        callbacks=lambda step, _: seen.append(step),
    )  # fmt: skip
    assert seen == [4] and [step for step, _ in history.films["f"]] == [0, 1, 6] and history.steps == 6
    history = play(line(), Ones(), 4, film={"f": lambda: 0}, frames=np.arange(0, 5, 2))
    assert [step for step, _ in history.films["f"]] == [0, 2, 4]
    with pytest.raises(ValueError, match="frames must be 1 or more"):
        play(line(), Ones(), 4, film={"f": lambda: 0}, frames=True)


# players


def test_optimisers_that_the_caller_chose():
    parameter = nn.Parameter(torch.ones(2))
    assert adam(0.1, foreach=True)([parameter]).defaults["fused"] is None
    assert sgd(0.1, foreach=True)([parameter]).defaults["foreach"] is True
    assert adam(0.1, differentiable=True)([parameter]).defaults["differentiable"]
    assert adam(0.1, foreach=False)([parameter]).defaults["fused"] is True
    for bad in (0.0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="lr must be positive and finite"):
            sgd(bad)


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda net: {"parameters": net.weight}, r"parameters must be a list .*, got a single one; write parameters=\[it\]"),
        (lambda net: {"parameters": [net.weight * 2]}, "parameters must be .*, got a tensor computed from others"),
        (lambda net: {"parameters": [0.5]}, "parameters must be torch parameters, got float"),
        (lambda net: {"optimizer": torch.optim.Adam(net.parameters())}, r"optimizer must be .*, got Adam; adam\(2e-3\)"),
        (lambda net: {"optimizer": 0.1}, "optimizer must be a function"),
        (lambda net: {"optimizer": lambda ps: None}, "optimizer must return an optimiser, got NoneType"),
    ],
)
def test_players_of_other_things_are_refused_by_name(make, message):
    net = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=f"Player: {message}"):
        Player(net, loss=abs, **make(net))


def test_lazy_modules_must_be_awake():
    net = nn.LazyLinear(1)
    with pytest.raises(ValueError, match="lazy module does not know its shape yet; run one batch"):
        Player(net, loss=abs)
    net(torch.ones(1, 3))
    assert len(Player(net, loss=abs).parameters) == 2


def test_parameters_may_come_from_a_generator():
    pair = [nn.Parameter(torch.ones(1)) for _ in range(2)]
    assert Player(loss=abs, parameters=(p for p in pair)).parameters == pair
