"""State that is not a weight: buffers, modes and flags, around averages, films, callbacks and turns."""

import itertools

import numpy as np
import pytest
import torch
from games import same
from torch import nn
from torch.nn.utils import spectral_norm as hooked_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization

from nbdgm import networks
from nbdgm.training import Player, play, sgd, state


def forever(batch):
    return itertools.repeat(batch)


class Remembers(nn.Module):
    """A layer whose buffer is the sum of what it has seen, and one that is no number at all."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(2))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("nothing", None)
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        self.seen = self.seen + x.detach().sum(0)  # a new tensor, not a changed one
        self.calls += 1
        return self.layer(x)


# averages


@pytest.mark.parametrize("normalise", [spectral_norm, hooked_spectral_norm])
def test_the_average_of_a_spectrally_normalised_layer_is_normalised(normalise):
    net = normalise(nn.Linear(2, 2, bias=False))
    player = Player(net, loss=lambda x: (net(x) * 0).sum(), optimizer=sgd(1e-30), ema=0.5)
    original = player.parameters[0]
    vectors = lambda: [b for b in net.buffers() if b.is_floating_point()]
    for weight in ([[10, 0.1], [0.1, 1]], [[1, 0.1], [0.1, 10]]):
        with torch.no_grad():
            original.copy_(torch.tensor(weight))
        for _ in range(50):
            net(torch.ones(1, 2))  # power iteration
        player.update(torch.ones(1, 2))
    before = [b.clone() for b in vectors()]
    net.eval()
    with player.averaged(), torch.no_grad():
        net(torch.ones(1, 2))
        torch.testing.assert_close(original.detach(), torch.tensor([[4, 0.1], [0.1, 7]]))
        assert torch.linalg.matrix_norm(net.weight, 2).item() == pytest.approx(1, abs=1e-5)
        assert [b.norm().item() for b in vectors()] == pytest.approx([1, 1], abs=1e-5)
        assert not net.training
    assert len(before) == 2 and all(torch.equal(a, b) for a, b in zip(vectors(), before, strict=True))
    assert original.tolist() == [[1, pytest.approx(0.1)], [pytest.approx(0.1), 10]]


def test_a_critic_of_averaged_weights_is_normalised_in_every_layer():
    torch.manual_seed(0)
    critic = networks.dcgan_critic(width=2, spectral=True)
    player = Player(critic, loss=lambda x: critic(x).mean(), ema=0.9, optimizer=sgd(0.3))
    play(player, (torch.rand(4, 1, 28, 28) for _ in itertools.count()), 20)
    critic.eval()
    with player.averaged(), torch.no_grad():
        norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2).item() for m in critic if hasattr(m, "weight")]
        assert norms == pytest.approx([1] * 3, abs=1e-3)


def test_the_average_copies_other_buffers_and_puts_all_of_them_back():
    net = Remembers()
    player = Player(net, loss=lambda x: net(x).mean(), ema=0.9)
    for i in range(3):
        player.update(torch.full((1, 2), 1.0 + i))
    assert [t.shape for t in player.average] == [(2, 2), (2,)]  # the layer's weights, and nothing else
    with player.averaged():
        assert net.seen.tolist() == [6, 6] and net.mask.tolist() == [0, -torch.inf] and net.calls.item() == 3
        net(torch.ones(1, 2))
        assert net.seen.tolist() == [7, 7]
    assert net.seen.tolist() == [6, 6] and net.calls.item() == 3 and net.nothing is None


def test_the_average_covers_instance_statistics_but_not_what_has_none():
    tracked, untracked = nn.InstanceNorm1d(2, track_running_stats=True), nn.BatchNorm1d(2, track_running_stats=False)
    nets = nn.Sequential(nn.Linear(2, 2), tracked, untracked)
    player = Player(nets, loss=lambda x: nets[1](nets[0](x).mT[None]).mean(), ema=0.9)
    assert [id(b) for b in player.statistics()] == [id(tracked.running_mean), id(tracked.running_var)]
    assert len(player.average) == len(player.parameters) + 2


def test_the_average_of_half_precision_weights_moves():
    net = nn.Linear(1, 1, bias=False).bfloat16()
    with torch.no_grad():
        net.weight.fill_(1)
    player = Player(net, loss=lambda x: net(x).sum(), optimizer=sgd(2**-6), ema=0.999)
    for _ in range(8):
        player.update(torch.ones(1, 1, dtype=torch.bfloat16))
    assert player.average[0].dtype == torch.float32
    seen = 1 - 2.0**-6 * torch.arange(1, 9)
    weights = 0.999 ** torch.arange(7, -1, -1.0)
    torch.testing.assert_close(player.average[0].flatten(), ((seen * weights).sum() / weights.sum())[None], rtol=1e-5, atol=0)
    with player.averaged():
        assert net.weight.dtype == torch.bfloat16 and net.weight.item() == pytest.approx(player.average[0].item(), rel=1 / 128)
    assert net.weight.item() == 1 - 2**-3


def test_a_parametrisation_without_vectors_is_not_run_when_weights_are_replaced():
    """One that drops weights at random would draw numbers there."""

    class Dropping(nn.Module):
        calls = 0

        def forward(self, weight):
            self.calls += 1
            return weight

    net, dropping = nn.Linear(2, 1), Dropping()
    register_parametrization(net, "weight", dropping)
    player = Player(net, loss=lambda x: net(x).sum(), ema=0.9)
    before = dropping.calls
    with player.averaged():
        assert dropping.calls == before


def test_the_average_is_detached():
    """Otherwise the graph of every update so far would be kept alive, through the weights."""
    net = nn.Linear(2, 1)
    player = Player(net, loss=lambda x: net(x).sum(), ema=0.9)
    player.update(torch.ones(1, 2))
    assert not any(t.requires_grad or t.grad_fn is not None for t in player.average)
    assert all(a.data_ptr() != p.data_ptr() for a, p in zip(player.average, player.parameters, strict=True))


# films and callbacks


def networks_with_state():
    """BN statistics, spectral vectors (both kinds), counts, buffers that are replaced: more than 18 tensors."""
    torch.manual_seed(0)
    return nn.Sequential(
        Remembers(), nn.BatchNorm1d(2), spectral_norm(nn.Linear(2, 3)), nn.ReLU(), hooked_spectral_norm(nn.Linear(3, 2)),
        weight_norm(nn.Linear(2, 2)), nn.BatchNorm1d(2),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_who_looks_changes_nothing(mode):
    """With frames and callbacks in train mode, which is what they find."""
    results = []
    for watched in (False, True):
        net = networks_with_state()
        player = Player(net, loss=lambda x, net=net: net(x).square().mean(), ema=0.9)
        draw = lambda *_, net=net: getattr(net, mode)()(torch.randn(4, 2)).detach()
        watch = {"film": {"a": draw, "b": draw}, "frames": [0, 1, 3, 5, 6], "callbacks": [draw, draw], "every": 2}
        torch.manual_seed(1)
        history = play(player, (torch.randn(4, 2) for _ in itertools.count()), 6, **watch if watched else {})
        results.append([net.state_dict(), player.average, torch.from_numpy(history["loss"]), torch.rand(1)])
    assert same(*results) and len(results[0][0]) > 18
    assert int(results[0][0]["1.num_batches_tracked"]) == int(results[0][0]["0.calls"]) == 6


def test_frames_do_not_see_each_others_modes_and_buffers():
    net = networks_with_state()
    modes, calls = [], []

    def frame(name):
        modes.append((name, net.training)), calls.append(net[0].calls.item())
        return net.eval()(torch.ones(2, 2)) if name == "a" else net(torch.ones(2, 2))

    film = {"a": lambda: frame("a"), "b": lambda: frame("b")}
    player = Player(net, loss=lambda x: net(x).square().mean())
    play(player, (torch.randn(4, 2) for _ in itertools.count()), 2, film=film, frames=[1, 2])
    assert modes == [("a", True), ("b", True)] * 2 and calls == [1, 1, 2, 2]


def test_buffers_are_put_back_after_an_error_too():
    net = networks_with_state()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net.eval()
    with pytest.raises(ZeroDivisionError), state.looking([net]):
        net.train()(torch.ones(3, 2))
        net[0].mask = None
        1 / 0  # noqa: B018
    assert same(dict(net.state_dict()), before) and net.training
    with state.looking([net], seed=3):
        first = torch.rand(2)
    with state.looking([net], seed=3):
        assert torch.equal(torch.rand(2), first)


def test_networks_that_share_layers_are_put_back_once():
    norm = nn.BatchNorm1d(2)
    with state.buffers_kept([nn.Sequential(norm), norm, nn.ModuleList([norm])]):
        norm(torch.randn(5, 2))
    assert norm.running_mean.tolist() == [0, 0] and norm.num_batches_tracked.item() == 0


# flags


def gan(order):
    torch.manual_seed(0)
    nets = {"generator": nn.Linear(1, 2), "critic": nn.Linear(2, 1)}
    loss = {
        "generator": lambda x: nets["critic"](nets["generator"](x)).mean(),
        "critic": lambda x: nets["critic"](nets["generator"](x)).square().mean(),
    }
    return nets, [Player(nets[name], loss=loss[name], name=name) for name in order]


@pytest.mark.parametrize("order", [("generator", "critic"), ("critic", "generator")])
@pytest.mark.parametrize("frozen", [["weight", "bias"], ["bias"]])
def test_what_is_frozen_after_the_player_was_made_is_refused_by_name_and_left_alone(order, frozen):
    nets, players = gan(order)
    before = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in nets.items()}
    for name in frozen:
        getattr(nets["critic"], name).requires_grad_(False)
    names = ", ".join(f"0.{name}" for name in frozen)
    with pytest.raises(ValueError, match=f"{names} of 'critic' .* is frozen now; freeze before making the player"):
        play(players, forever(torch.ones(4, 1)), 3)
    assert same({name: dict(net.state_dict()) for name, net in nets.items()}, before)  # nobody has moved yet
    assert [not getattr(nets["critic"], name).requires_grad for name in ("weight", "bias")] == ["weight" in frozen, True]
    with pytest.raises(ValueError, match=r"of 'critic' .* is frozen now"):
        next(p for p in players if p.name == "critic").update(torch.ones(4, 1))


def test_a_long_list_of_frozen_parameters_is_cut():
    net = networks.mlp([1, 2, 3, 4, 1])
    player = Player(net, loss=lambda x: net(x).sum(), name="tall")
    net.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^0\.0\.weight, 0\.0\.bias, 0\.2\.weight, \.\.\. of 'tall'"):
        player.update(torch.ones(1, 1))


def test_a_film_may_freeze_for_itself_and_a_callback_may_not():
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    player = Player(net, loss=lambda x: net(x).mean(), name="line")
    play(
        player,
        forever(torch.ones(1, 2)),
        3,
        film={"f": lambda: len(list(net.requires_grad_(False).parameters()))},
        frames=[0, 1, 2, 3],
    )
    assert [p.requires_grad for p in net.parameters()] == [True, False]
    with pytest.raises(ValueError, match=r"0\.weight of 'line' .* is frozen now"):
        play(player, forever(torch.ones(1, 2)), 3, callbacks=lambda *_: net.requires_grad_(False), every=1)


def test_flags_are_remembered_around_a_turn():
    a, b = (nn.Parameter(torch.ones(1)) for _ in range(2))
    b.requires_grad_(False)
    with pytest.raises(KeyError), state.constant([a, b]):
        assert not a.requires_grad and not b.requires_grad
        raise KeyError
    assert a.requires_grad and not b.requires_grad


def test_modes_are_put_back_whatever_happens():
    net = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    net[1].eval()
    with pytest.raises(KeyError), state.modes_kept([net]):
        assert net[0].training and net[1].training
        net.eval()
        raise KeyError
    assert net.training and not net[1].training


# statistics are watched as weights are


def test_statistics_that_became_infinite_are_never_saved(tmp_path):
    from nbdgm.training import NonFiniteError

    norm = nn.BatchNorm1d(1)
    player = Player(norm, loss=lambda x: norm(x).square().mean(), name="line")
    with pytest.raises(NonFiniteError, match=r"line\.a running statistic became inf at step 2"), np.errstate(all="ignore"):
        play(player, iter([torch.ones(2, 1), torch.tensor([[3e38], [-3e38]])]), 2, checkpoint=tmp_path / "c.pt", save_every=2)


def test_large_weights_and_infinite_masks_are_no_fault(tmp_path):
    net = Remembers()
    huge = nn.Parameter(torch.full((8,), 3e38))  # whose sum is infinite
    player = Player(net, parameters=[huge], loss=lambda x: net(x).mean() + 0 * huge[0], optimizer=sgd(1e-9))
    assert play(player, forever(torch.ones(1, 2)), 2, checkpoint=tmp_path / "c.pt").steps == 2
