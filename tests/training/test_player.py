import copy

import pytest
import torch
from torch import nn

from nbdgm.training import Player, adam, linear_decay, sgd
from nbdgm.training.processes import Team


def regression(**options):
    """A player that fits a line, and its batch."""
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    x = torch.randn(8, 3)
    return net, x, Player(net, loss=lambda x: net(x).square().mean(), **options)


def test_one_update_is_that_of_the_usual_loop():
    net, x, player = regression(optimizer=adam(0.1))
    usual = copy.deepcopy(net)
    optimizer = torch.optim.Adam(usual.parameters(), lr=0.1)
    for _ in range(5):
        names, values = player.update(x)
        loss = usual(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert names == ["loss"] and values.tolist() == pytest.approx([loss.item()])
    torch.testing.assert_close(net.state_dict(), usual.state_dict())


def test_only_the_players_own_parameters_get_gradients():
    own, outside = nn.Linear(2, 2), nn.Linear(2, 1)
    Player(own, loss=lambda x: outside(own(x)).sum()).update(torch.ones(4, 2))
    assert own.weight.grad is not None and outside.weight.grad is None and outside.bias.grad is None


def test_frozen_and_repeated_parameters():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    first.requires_grad_(False)
    second.bias = first.bias
    player = Player(first, second, first, loss=lambda x: second(x).sum())
    assert player.parameters == [second.weight]


def test_the_average_is_the_normalised_weighted_mean_of_the_weights():
    net, x, player = regression(optimizer=sgd(0.1), ema=0.8)
    seen = []
    for _ in range(4):
        player.update(x)
        seen.append(net.weight.detach().clone())
    weights = torch.tensor([0.8**3, 0.8**2, 0.8, 1.0])
    expected = sum(w * v for w, v in zip(weights / weights.sum(), seen, strict=True))
    with player.averaged():
        torch.testing.assert_close(net.weight.detach(), expected)
    torch.testing.assert_close(net.weight.detach(), seen[-1], rtol=0, atol=0)


def test_the_average_covers_the_statistics_of_batch_normalisation_and_survives_errors():
    net = nn.BatchNorm1d(2)
    player = Player(net, loss=lambda x: net(x).square().mean(), ema=0.5)
    means = []
    for scale in (1.0, 5.0):
        player.update(scale * torch.ones(4, 2) + torch.randn(4, 2))
        means.append(net.running_mean.clone())
    with pytest.raises(KeyError), player.averaged():
        torch.testing.assert_close(net.running_mean, (means[0] * 0.5 + means[1]) / 1.5)
        net(torch.randn(4, 2))  # in train mode: changes the statistics, which is undone
        raise KeyError
    torch.testing.assert_close(net.running_mean, means[1], rtol=0, atol=0)
    assert net.num_batches_tracked.dtype == torch.long


def test_an_average_that_forgets_at_once_is_the_latest_weight():
    net, x, player = regression(optimizer=sgd(0.1), ema=0)
    for _ in range(3):
        player.update(x)
    assert torch.equal(player.average[0], net.weight.detach()) and len(player.average) == 2


def test_the_average_is_part_of_the_state():
    _, x, player = regression(optimizer=sgd(0.1), ema=0.8)
    player.update(x), player.update(x)
    saved = copy.deepcopy(player.state_dict())
    _, _, other = regression(optimizer=sgd(0.1), ema=0.8)
    other.load_state_dict(saved)
    assert other.updates == 2
    for _ in range(2):
        player.update(x), other.update(x)
    assert all(map(torch.equal, player.average, other.average)) and not torch.equal(other.average[0], saved["average"][0])


def test_without_an_average_there_is_none_to_use():
    _, _, player = regression(name="line")
    with pytest.raises(ValueError, match=r"'line' keeps no average.*ema=0.999"), player.averaged():
        pass


def test_the_schedule_scales_the_rate_and_never_accumulates():
    _, x, player = regression(optimizer=adam(0.5), schedule=linear_decay(0.5, 0.1, warmup=0.1))
    rates = []
    for fraction in (0.0, 0.05, 0.1, 0.5, 0.75, 1.0):
        player.update(x, fraction)
        rates.append(player.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5e-3, 0.25, 0.5, 0.5, 0.5 * 0.55, 0.05])
    assert linear_decay(1.0, 0.0)(1.0) == 1.0  # no decay at all


@pytest.mark.parametrize("arguments", [{"start": 1.2}, {"start": 0.2, "warmup": 0.3}, {"end": -0.1}, {"warmup": -1}])
def test_impossible_schedules_are_refused(arguments):
    with pytest.raises(ValueError, match="linear_decay needs"):
        linear_decay(**arguments)


def test_optimisers_take_whole_numbers_and_fuse_where_they_can():
    parameter = nn.Parameter(torch.ones(2))
    optimizer = adam(1, betas=(0, 0.99), weight_decay=0.1)([parameter])
    assert (
        optimizer.defaults["betas"] == (0.0, 0.99) and optimizer.defaults["fused"] and optimizer.defaults["weight_decay"] == 0.1
    )
    assert sgd(1, momentum=0.9, nesterov=True)([parameter]).defaults["nesterov"]
    assert adam(0.1)([nn.Parameter(torch.ones(2, dtype=torch.complex64))]).defaults["fused"] is None  # no fused step there
    assert adam(0.1, fused=False)([parameter]).defaults["fused"] is False
    with pytest.raises(ValueError, match="lr must be positive"):
        adam(0.0)


def test_entries_are_copied_before_the_update_changes_them():
    scale = nn.Parameter(torch.tensor(3.0))
    player = Player(parameters=[scale], loss=lambda x: {"loss": scale**2, "scale": scale, "plain": 2}, optimizer=sgd(0.1))
    names, values = player.update(None)
    assert names == ["loss", "scale", "plain"] and values.tolist() == [9.0, 3.0, 2.0] and scale.item() == pytest.approx(2.4)
    assert not values.requires_grad


@pytest.mark.parametrize(
    "loss,message",
    [
        (lambda net, x: net(x), r"must be a scalar tensor, got a tensor of shape \(8, 1\)"),
        (lambda net, x: 3.0, "must be a scalar tensor, got float"),
        (lambda net, x: {"elbo": net(x).mean()}, r"returned the entries \['elbo'\]; one of them must be 'loss'"),
        (lambda net, x: net(x).mean().detach(), "does not depend on the player's own parameters"),
        (lambda net, x: x.mean(), "does not depend on the player's own parameters"),
        (lambda net, x: nn.Linear(3, 1)(x).mean(), "does not depend on the player's own parameters"),
        (
            lambda net, x: {"loss": net(x).mean(), "all": net(x)},
            r"line.all must be a scalar to be logged, got a tensor of shape \(8, 1\)",
        ),
    ],
)
def test_losses_that_cannot_be_descended_are_named(loss, message):
    net, x = nn.Linear(3, 1), torch.ones(8, 3)
    before = net.weight.detach().clone()
    with pytest.raises(ValueError, match=f"line.*{message}|{message}"):
        Player(net, loss=lambda x: loss(net, x), name="line").update(x)
    assert torch.equal(net.weight, before)


@pytest.mark.parametrize(
    "make,error,message",
    [
        (lambda: Player(loss=lambda x: x, name="nobody"), ValueError, "'nobody' has no parameters to train"),
        (lambda: Player(nn.ReLU(), loss=lambda x: x), ValueError, "no parameters to train"),
        (
            lambda: Player(nn.Linear(1, 1), lambda x: x, loss=lambda x: x),
            TypeError,
            "modules must be torch modules, got function",
        ),
        (lambda: Player(nn.Linear(1, 1), loss=3), TypeError, "loss must be a function of a batch, got int"),
        (lambda: Player(nn.Linear(1, 1), loss=abs, turns=0), ValueError, "turns must be a whole number, 1 or more, got 0"),
        (lambda: Player(nn.Linear(1, 1), loss=abs, turns=1.5), ValueError, "turns must be"),
        (lambda: Player(nn.Linear(1, 1), loss=abs, ema=1.0), ValueError, r"ema must be in \[0, 1\)"),
    ],
)
def test_players_that_make_no_sense_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_everything_of_a_player_moves():
    net, extra = nn.BatchNorm1d(2), nn.Parameter(torch.ones(1))
    player = Player(net, parameters=[extra], loss=lambda x: net(x).sum() * extra.sum(), ema=0.9)
    assert player.device.type == "cpu"
    optimised = player.optimizer.param_groups[0]["params"]
    player.to(torch.float64)  # in the place of another device: what moves is converted
    moved = [*player.modules.parameters(), *player.statistics(), *player.extra, *player.average, *optimised]
    assert {t.dtype for t in moved} == {torch.float64} and player.extra[0] is extra
    assert len(player.average) == len(player.parameters) + 2 == 5


def test_an_accelerator_says_where():
    class Alone:
        num_processes, process_index, device = 1, 0, torch.device("meta")

    net = nn.Linear(1, 1)
    team = Team(Alone(), [Player(net, loss=abs)])
    assert net.weight.device.type == "meta" and (team.size, team.rank, team.main) == (1, 0, True)
    x, state = torch.ones(3), {"any": "thing"}
    assert team.part(x) is x and team.mean(x) is x and team.gather(state) == [state]
    team.average([x]), team.agree([x]), team.settle([])
    assert x.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "factors"),
    [  # at 0, 1/4, 1/2, 3/4 and 1
        ({}, [1.0, 1.0, 1.0, 0.525, 0.05]), ({"start": 0.0, "end": 0.0}, [1.0, 0.75, 0.5, 0.25, 0.0]),
        ({"start": 0.5, "end": 0.0, "warmup": 0.5}, [1e-3, 0.5, 1.0, 0.5, 0.0]), ({"start": 1.0, "warmup": 1.0},
        [1e-3, 0.25, 0.5, 0.75, 1.0]),
        ({"end": 3.0}, [1.0, 1.0, 1.0, 2.0, 3.0]),
    ],
)  # fmt: skip
def test_factors_on_the_rate(arguments, factors):
    assert [linear_decay(**arguments)(i / 4) for i in range(5)] == pytest.approx(factors)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize("make", [adam, sgd])
def test_a_rate_is_positive_and_finite(make, rate):
    with pytest.raises(ValueError, match=f"{make.__name__}: lr must be positive and finite"):
        make(rate)


@pytest.mark.parametrize("options", [{"ema": -0.1}, {"ema": 1.0}, {"ema": 1.5}, {"turns": True}, {"turns": -1}, {"turns": "2"}])
def test_an_average_forgets_and_turns_are_counted(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Player: {name} must be"):
        Player(nn.Linear(1, 1), loss=abs, **options)


class Two:
    """An accelerator of two processes, as the second sees it; a mean over them is three times what this one has."""

    num_processes, process_index, device = 2, 1, torch.device("cpu")

    def reduce(self, tensor, reduction):
        assert reduction == "mean"
        return 3 * tensor


def test_the_second_of_two_processes_has_its_half_and_noise_of_its_own():
    torch.manual_seed(0)
    drawn = int(torch.randint(2**31, ()))
    torch.manual_seed(0)
    team = Team(Two(), [])
    assert torch.initial_seed() == drawn + 1 and (team.size, team.rank, team.main) == (2, 1, False)
    assert team.part(torch.arange(6)).tolist() == [3, 4, 5] and team.part(torch.tensor(7)).item() == 7
    with pytest.raises(ValueError, match="a batch of 5 cannot be shared evenly by 2 processes; choose a multiple of 2"):
        team.part(torch.arange(5))
    one, other = torch.ones(2, 2), torch.arange(3.0)
    team.average([one, other])
    assert one.tolist() == [[3.0, 3.0], [3.0, 3.0]] and other.tolist() == [0.0, 3.0, 6.0] and team.mean(one).sum() == 36
    team.average([])
