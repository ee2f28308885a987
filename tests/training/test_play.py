import itertools
import os
import signal
import sys
import time

import games
import numpy as np
import pytest
import torch
from torch import nn

from nbdgm import losses, networks
from nbdgm.data.batches import Batches
from nbdgm.training import History, NonFiniteError, Player, adam, execution, interrupt, play, progress, sgd
from nbdgm.training.film import frame_steps


def forever(batch):
    return itertools.repeat(batch)


def fit(**options):
    """A player that fits a line, with its network."""
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    return net, Player(net, loss=lambda x: net(x).square().mean(), **options)


# the game


def test_a_gan_is_trained_as_by_the_usual_loop_with_two_backwards(single_precision):
    game = losses.minimax

    def networks_and_data():
        torch.manual_seed(0)
        generator, critic = networks.dcgan_generator(4, width=2), networks.dcgan_critic(width=2)
        return generator, critic, Batches(torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0)), 8)

    generator, critic, data = networks_and_data()
    sample = lambda n: generator(torch.randn(n, 4))
    players = [
        Player(
            critic, loss=lambda x: game.critic(critic(x), critic(sample(len(x)))), optimizer=adam(1e-3), turns=2, name="critic"
        ),
        Player(generator, loss=lambda x: game.generator(critic(sample(len(x)))), optimizer=adam(1e-3), name="generator"),
    ]
    torch.manual_seed(1)
    history = play(players, data, 4, channels_last=False)

    g, c, data = networks_and_data()
    g_adam, c_adam = torch.optim.Adam(g.parameters(), 1e-3, fused=True), torch.optim.Adam(c.parameters(), 1e-3, fused=True)
    torch.manual_seed(1)
    for step in range(4):
        for _ in range(2):
            x = next(data)
            loss = game.critic(c(x), c(g(torch.randn(len(x), 4)).detach()))
            c_adam.zero_grad(), loss.backward(), c_adam.step()
        assert history["critic.loss"][step] == loss.item()  # the last turn's
        x = next(data)
        loss = game.generator(c(g(torch.randn(len(x), 4))))
        g_adam.zero_grad(), loss.backward(), g_adam.step()
        assert history["generator.loss"][step] == loss.item()
    assert games.same(generator.state_dict(), g.state_dict()) and games.same(critic.state_dict(), c.state_dict())


def test_every_turn_takes_a_fresh_batch_and_players_move_in_order():
    moves = []

    def player(name, turns):
        net = nn.Linear(1, 1)
        return Player(net, loss=lambda x: moves.append((name, x.item())) or net(x).sum(), turns=turns, name=name)

    play([player("a", 2), player("b", 1)], (torch.full((1, 1), float(i)) for i in itertools.count()), 2)
    assert moves == [("a", 0), ("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5)]


def test_opponents_are_constant_during_a_turn_and_trainable_afterwards():
    mine, theirs, pretrained = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
    flags = []

    def loss(x):
        flags.append([m.weight.requires_grad for m in (mine, theirs)])
        return pretrained(theirs(mine(x))).square().sum()

    play([Player(mine, loss=loss, name="mine"), Player(theirs, loss=loss, name="theirs")], forever(torch.ones(1, 2)), 1)
    assert flags == [[True, False], [False, True]]
    assert all(p.requires_grad for m in (mine, theirs) for p in m.parameters())
    assert pretrained.weight.grad is None
    with pytest.raises(ZeroDivisionError):
        play([Player(mine, loss=lambda x: 1 / 0), Player(theirs, loss=loss)], forever(torch.ones(1, 2)), 1)
    assert theirs.weight.requires_grad


def test_two_players_may_share_parameters():
    trunk, head = nn.Linear(2, 2), nn.Linear(2, 1)
    loss = lambda x: head(trunk(x)).square().sum()
    players = [Player(trunk, loss=loss, optimizer=sgd(0.01)), Player(trunk, head, loss=loss, optimizer=sgd(0.01))]
    history = play(players, forever(torch.ones(1, 2)), 20)
    assert history.keys() == ["player 1.loss", "player 2.loss"]
    assert history["player 2.loss"][-1] < history["player 2.loss"][0]


def test_modules_train_in_train_mode_and_go_back_to_the_mode_they_had():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    net[1].eval()
    modes = []
    player = Player(net, loss=lambda x: modes.append(net[1].training) or net(x).square().mean())
    film = {"f": lambda: net.eval() and 0.0}  # leaves eval mode behind
    callback = lambda step, history: net.eval()
    play(player, forever(torch.ones(2, 3)), 6, film=film, frames=[0, 2], callbacks=callback, every=4)
    assert modes == [True] * 6
    assert net.training and not net[1].training


def test_the_fraction_of_training_drives_the_schedule():
    seen = []
    _, player = fit(schedule=lambda fraction: seen.append(fraction) or 1.0)
    play(player, forever(torch.ones(2, 3)), 4)
    assert seen == [0, 0.25, 0.5, 0.75]


def test_a_second_call_goes_on_with_the_same_optimiser():
    data = forever(torch.ones(2, 3))
    once, player = fit(ema=0.9)
    play(player, data, 10)
    twice, player = fit(ema=0.9)
    play(player, data, 4), play(player, data, 6)
    assert player.updates == 10
    torch.testing.assert_close(once.state_dict(), twice.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("channels_last", [None, True, False])
def test_the_memory_layout_of_images_follows_the_networks(channels_last):
    net = networks.conv_encoder(3, (4, 4), 5, 8)
    layouts = []

    def loss(batch):
        x, y = batch
        layouts.append(
            (x.is_contiguous(memory_format=torch.channels_last), net[0].weight.is_contiguous(memory_format=torch.channels_last))
        )
        assert y.shape == (2,)
        return net(x).square().mean()

    play(Player(net, loss=loss), forever((torch.rand(2, 3, 8, 8), torch.arange(2))), 1, channels_last=channels_last)
    assert layouts == [(channels_last is not False,) * 2]


def test_compiled_modules_are_called_in_place(monkeypatch):
    calls = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: calls.append(self))
    net, player = fit()
    play(player, forever(torch.ones(2, 3)), 1)
    assert calls == []
    play(player, forever(torch.ones(2, 3)), 1, compile=True)
    assert calls == [net]


# films and callbacks


@pytest.mark.parametrize("name", games.GAMES)
def test_watching_a_run_does_not_change_it(name):
    def run(**watch):
        game = games.GAMES[name]()
        history = play(game.players, game.data, 12, **watch(game) if watch else {})
        return games.state_of(game.players), history

    def watch(game):
        def noisy(step=None, history=None):
            game.players[0].modules.eval()
            np.random.rand(), torch.rand(3)
            return game.players[0].modules[0](torch.rand(2, 1, *[28 if name == "gan" else 8] * 2))

        return {"film": {"noisy": noisy}, "frames": [0, 3, 12], "callbacks": [noisy], "every": 5}

    plain = run()
    game = games.GAMES[name]()
    watched_history = play(game.players, game.data, 12, **watch(game))
    assert games.same(games.state_of(game.players), plain[0])
    assert all((watched_history[key] == plain[1][key]).all() for key in plain[1])


def test_films_hold_arrays_that_later_updates_do_not_change():
    net, player = fit(optimizer=sgd(0.1))
    film = {
        "weight": lambda: net.weight,
        "half": lambda: net.weight.bfloat16(),
        "number": lambda: 3,
        "noise": lambda: torch.rand(2),
    }
    history = play(player, (torch.randn(2, 3) for _ in itertools.count()), 8, film=film, frames=range(0, 100, 4))
    assert [step for step, _ in history.films["weight"]] == [0, 4, 8]
    frames = [frame for _, frame in history.films["weight"]]
    assert all(isinstance(f, np.ndarray) and f.shape == (1, 3) for f in frames) and (frames[0] != frames[1]).all()
    assert history.films["number"][0][1].shape == () and history.films["half"][0][1].dtype == np.float32
    noise = [frame for _, frame in history.films["noise"]]
    assert (noise[0] == noise[1]).all()  # every frame sees the same random numbers
    assert not (noise[0] == noise[0][0]).all()


def test_frames_are_spread_over_the_logarithm_of_the_step():
    _, player = fit()
    count = lambda steps, frames: [
        s for s, _ in play(player, forever(torch.ones(2, 3)), steps, film={"f": lambda: 0}, frames=frames).films["f"]
    ]
    assert count(1000, 5) == [0, 1, 10, 100, 1000]
    assert count(3, 12) == [0, 1, 2, 3]
    assert count(3, 1) == [3]
    assert count(0, 4) == [0]
    assert len(play(player, forever(torch.ones(2, 3)), 300, film={"f": lambda: 0}).films["f"]) == 12  # unless told otherwise


def test_films_go_on_after_a_resumption(tmp_path):
    def run(steps):
        net, player = fit()
        return play(
            player,
            forever(torch.ones(2, 3)),
            steps,
            film={"w": lambda: net.weight},
            frames=[0, 2, 4, 6],
            checkpoint=tmp_path / "c.pt",
        )

    run(4)
    with pytest.warns(UserWarning, match="starts anew"):
        history = run(6)
    assert [step for step, _ in history.films["w"]] == [0, 2, 4, 6]


def test_films_see_no_gradients_and_callbacks_may():
    _, player = fit()
    modes = []
    watch = {"film": {"f": lambda: modes.append(torch.is_grad_enabled()) or 0}, "frames": [1]}
    play(
        player,
        forever(torch.ones(2, 3)),
        1,
        **watch,
        callbacks=lambda step, history: modes.append(torch.is_grad_enabled()),
        every=1,
    )
    assert modes == [False, True]


def test_callbacks_see_all_steps_so_far():
    _, player = fit()
    seen = []
    play(
        player,
        forever(torch.ones(2, 3)),
        7,
        callbacks=[lambda step, history: seen.append((step, len(history["loss"])))],
        every=3,
    )
    assert seen == [(3, 3), (6, 6)]


# what goes wrong


@pytest.mark.parametrize("step", [1, 37, 100, 101, 150])
def test_nan_names_player_entry_and_step_and_keeps_the_last_good_checkpoint(step, tmp_path):
    net, player = fit(name="vae")
    count = itertools.count(1)

    def loss(x):
        value = net(x).square().mean()
        return {"loss": value, "kl": value * (float("nan") if next(count) >= step else 1)}

    player.loss = loss
    with pytest.raises(NonFiniteError, match=rf"vae\.kl became nan at step {step};") as caught:
        play(player, Batches(torch.randn(8, 3), 2), 150, checkpoint=tmp_path / "c.pt", save_every=10)
    error = caught.value
    assert (error.player, error.entry, error.step, error.history.steps) == ("vae", "kl", step, step)
    assert ("logarithm" in str(error)) == (step == 1)  # a learning rate cannot spoil the first loss
    kept = (step - 1) // 10 * 10
    assert (f"holds step {kept}." if kept else "No checkpoint was saved") in str(error)
    if kept:
        _, player = fit(name="vae")
        player.loss = lambda x: {"loss": player.modules[0](x).square().mean(), "kl": 0.0}
        assert play(player, Batches(torch.randn(8, 3), 2), kept, checkpoint=tmp_path / "c.pt").steps == kept
        assert torch.isfinite(player.parameters[0]).all()


def test_weights_that_became_nan_are_never_saved(tmp_path):
    net, player = fit(name="line")
    rate = itertools.count(1)
    player.schedule = lambda fraction: float("nan") if next(rate) == 4 else 1.0  # the loss of step 4 is still good
    with pytest.raises(NonFiniteError, match=r"line\.0\.weight became nan at step 4; .* holds step 2\."):
        play(player, forever(torch.ones(2, 3)), 4, checkpoint=tmp_path / "c.pt", save_every=2)
    assert not torch.isfinite(net.weight).all()


def test_a_key_press_finishes_the_round_saves_and_returns(tmp_path):
    def run(press=None, **options):
        net, player = fit()
        original = player.loss

        def loss(x):
            if player.updates + 1 == press:
                os.kill(os.getpid(), signal.SIGINT)
            return original(x)

        player.loss = loss
        return net, play(player, Batches(torch.arange(60.0).view(20, 3) / 60, 4), 30, **options)

    before = signal.getsignal(signal.SIGINT)
    _, history = run(press=7, checkpoint=tmp_path / "c.pt")
    assert history.interrupted and history.steps == 7 and len(history["loss"]) == 7
    assert signal.getsignal(signal.SIGINT) is before
    net, history = run(checkpoint=tmp_path / "c.pt")
    whole, expected = run()
    assert not history.interrupted and (history["loss"] == expected["loss"]).all()
    assert games.same(net.state_dict(), whole.state_dict())


def test_a_second_key_press_stops_at_once_and_saves_no_half_round(tmp_path):
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    count = itertools.count(1)

    def impatient(x):
        if next(count) == 3:
            os.kill(os.getpid(), signal.SIGINT), os.kill(os.getpid(), signal.SIGINT)
        return second(x).sum()

    players = [Player(first, loss=lambda x: first(x).sum(), name="a"), Player(second, loss=impatient, name="b")]
    history = play(players, forever(torch.ones(1, 1)), 30, checkpoint=tmp_path / "c.pt", save_every=2)
    assert history.interrupted and history.steps == 2
    players = [Player(m, loss=lambda x, m=m: m(x).sum(), name=n) for m, n in [(nn.Linear(1, 1), "a"), (nn.Linear(1, 1), "b")]]
    with pytest.warns(UserWarning, match="starts anew"):
        assert play(players, forever(torch.ones(1, 1)), 2, checkpoint=tmp_path / "c.pt").steps == 2


@pytest.mark.parametrize(
    "arguments,error,message",
    [
        ({"steps": -1}, ValueError, "steps must be 0 or more, got -1"),
        ({"steps": 1.5}, TypeError, "steps must be a whole number, got 1.5"),
        ({"steps": True}, TypeError, "steps must be a whole number"),
        ({"every": 0}, ValueError, "every must be 1 or more"),
        ({"save_every": 0}, ValueError, "save_every must be 1 or more"),
        ({"frames": 0, "film": {"f": lambda: 0}}, ValueError, "frames must be 1 or more"),
        ({"players": []}, ValueError, "at least one player"),
        ({"players": [nn.Linear(1, 1)]}, TypeError, "players must be Player objects, got Linear"),
        ({"players": [fit(name="a")[1], fit(name="a")[1]]}, ValueError, r"two players have the same name, got \['a', 'a'\]"),
        ({"players": [fit(name="player 2")[1], fit()[1]]}, ValueError, "two players have the same name"),
        ({"data": torch.ones(8, 3)}, TypeError, r"iterator of batches, got Tensor; use images.batches\(128\)"),
        ({"data": None}, TypeError, "iterator of batches, got NoneType"),
        ({"data": iter([torch.ones(2, 3)] * 2)}, ValueError, "the data ended at step 3; play needs an endless iterator"),
        ({"data": [torch.ones(2, 3)]}, ValueError, "the data ended at step 2"),
        ({"precision": "half"}, ValueError, "precision must be 'auto', 'float32' or 'bfloat16', got 'half'"),
        ({"precision": "bfloat16"}, ValueError, "many times slower than float32 on CPUs"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message, single_precision):
    with pytest.raises(error, match=message):
        play(**{"players": fit()[1], "data": forever(torch.ones(2, 3)), "steps": 5} | arguments)


def test_no_steps_is_an_empty_history():
    history = play(fit()[1], forever(torch.ones(2, 3)), 0)
    assert history.steps == 0 and history.keys() == [] and not history.interrupted


# the bar


def test_the_bar_shows_values_and_leaves_nothing(monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_PROGRESS", "1")
    play(fit()[1], (time.sleep(0.002) or torch.ones(2, 3) for _ in itertools.count()), 200, progress=True)
    shown = capsys.readouterr()
    assert "player 1.loss" in shown.err and shown.out == ""
    assert shown.err.split("\r")[-2].strip() == ""  # wiped


def test_no_bar_where_nobody_watches(monkeypatch, capsys):
    play(fit()[1], forever(torch.ones(2, 3)), 20, progress=True)  # NBDGM_PROGRESS=0
    monkeypatch.delenv("NBDGM_PROGRESS")
    play(fit()[1], forever(torch.ones(2, 3)), 20)  # pytest
    assert capsys.readouterr().err == ""


def test_nobody_watches_a_test_even_in_a_terminal(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert progress.watched() is False


def test_somebody_watches_a_terminal(monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    for answer in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=answer: answer, raising=False)
        assert progress.watched() is answer


def test_an_executed_notebook_stores_no_bar(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    code = [
        "import os; os.environ.pop('NBDGM_PROGRESS', None); os.environ.pop('PYTEST_CURRENT_TEST', None);",
        "import itertools, torch; from torch import nn; from nbdgm import Player, play; net = nn.Linear(1, 1)",
        "h = play(Player(net, loss=lambda x: net(x).square().sum()), itertools.repeat(torch.ones(1, 1)), 300)",
        "get_ipython().kernel._allow_stdin = True; from nbdgm.training import progress; print(progress.watched())",
        "h = play(Player(net, loss=lambda x: net(x).square().sum()), itertools.repeat(torch.ones(1, 1)), 300, progress=True)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in code])
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert outputs[:3] == [[], [], []]
    assert outputs[3][0]["text"] == "True\n"  # whereas a person's notebook shows one
    assert {output["name"] for output in outputs[4]} == {"stdout"}, "standard error is a red band"


@pytest.mark.parametrize("stream", [None, "closed"])
def test_nobody_watches_a_program_without_a_standard_error(monkeypatch, stream, tmp_path):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if stream == "closed":
        stream = open(tmp_path / "error", "w")  # noqa: SIM115
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert progress.watched() is False


# no waiting for the device


def test_values_are_fetched_every_hundred_rounds_and_at_the_end(monkeypatch):
    fetched, flush = [], History.flush
    monkeypatch.setattr(History, "flush", lambda self, *a: fetched.append(len(self._rows)) or flush(self, *a))
    play(fit()[1], forever(torch.ones(2, 3)), 250, save_every=250)
    assert fetched == [100, 100, 50]
    fetched.clear()
    play(fit()[1], forever(torch.ones(2, 3)), 9, save_every=9, film={"f": lambda: 0}, frames=[4], callbacks=print, every=6)
    assert fetched == [4, 2, 3]


def test_what_became_nan_is_noticed_within_a_hundred_rounds():
    net, player = fit()
    rounds = itertools.count(1)
    player.loss = lambda x: net(x).mean() * (float("nan") if next(rounds) == 103 else 1)
    with pytest.raises(NonFiniteError, match="at step 103"):
        play(player, forever(torch.ones(2, 3)), 5_000)
    assert next(rounds) == 201


# the stop button


def test_a_run_in_another_thread_leaves_the_stop_button_alone():
    import threading

    before, histories = signal.getsignal(signal.SIGINT), []
    run = lambda: histories.append(play(fit()[1], forever(torch.ones(2, 3)), 3))
    thread = threading.Thread(target=run)
    thread.start(), thread.join()
    assert histories[0].steps == 3 and signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_python_did_not_install_becomes_the_usual_one():
    before = signal.getsignal(signal.SIGINT)
    try:
        with interrupt.Interrupt() as stop:
            assert signal.getsignal(signal.SIGINT) == stop._note
            stop._previous = None  # what signal.signal returns of a handler written in C
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        with interrupt.Interrupt(enabled=False):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


# layout and compilation


def test_modules_are_compiled_when_asked_and_only_then():
    for compile in (False, True):
        nets = nn.Linear(2, 2), nn.Linear(2, 2)
        assert execution.lay_out([nn.ModuleList([nets[0]]), nn.ModuleList([nets[1]])], None, compile) is False
        assert [net._compiled_call_impl is not None for net in nets] == [compile] * 2


@pytest.mark.parametrize("layer", [nn.Conv2d(2, 3, 2), nn.ConvTranspose2d(2, 3, 2), nn.Linear(2, 2), nn.Conv1d(2, 2, 2)])
def test_channels_come_last_where_there_are_convolutions_of_images(layer):
    images = isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    flat, other = [nn.ModuleList([nn.Linear(1, 1)]), nn.ModuleList([nn.Sequential(layer)])], [nn.ModuleList([layer])]
    assert execution.lay_out(flat, None, False) is images
    assert layer.weight.ndim < 4 or layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert execution.lay_out(other, False, False) is False and execution.lay_out(flat, True, False) is True


def test_what_was_played_before_a_second_key_press_is_in_the_history():
    _, player = fit()
    original, rounds = player.loss, itertools.count(1)

    def impatient(x):
        if next(rounds) == 6:
            raise KeyboardInterrupt
        return original(x)

    player.loss = impatient
    history = play(player, forever(torch.ones(2, 3)), 30, save_every=30)
    assert history.interrupted and history.steps == 5 and len(history["loss"]) == 5


@pytest.mark.parametrize(
    ("frames", "last", "steps"),
    [
        (1, 10, {10}), (2, 10, {0, 1, 10}), (3, 100, {0, 1, 100}), (4, 100, {0, 1, 10, 100}), (12, 0, {0}), (1, 0, {0}),
        (4, 8, {0, 1, 3, 8}), ([0, 5, 7], 6, {0, 5, 7}), (range(0, 9, 4), 8, {0, 4, 8}), (np.int64(2), 5, {0, 1, 5}),
        ([], 5, set()),
    ],
)  # fmt: skip
def test_at_which_steps_frames_are_taken(frames, last, steps):
    assert frame_steps(frames, last) == steps


@pytest.mark.parametrize(
    ("frames", "error", "said"),
    [(0, ValueError, "frames must be 1 or more"), (True, ValueError, "frames must be 1 or more"), (-2, ValueError, "1 or more"),
     ("ab", TypeError, "frames must be a whole number, or a list of steps"), (2.5, TypeError, "a whole number, or a list")],
)  # fmt: skip
def test_frames_that_are_no_steps(frames, error, said):
    with pytest.raises(error, match=said):
        frame_steps(frames, 10)


def test_how_often_a_run_is_saved(monkeypatch, tmp_path):
    from nbdgm.training import checkpoint

    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda path, state: saved.append(state["history"]["steps"]))
    weight = torch.nn.Parameter(torch.zeros(1))
    run = lambda steps, **more: play(
        Player(loss=lambda x: (weight * x).sum(), parameters=[weight], name="one"),
        itertools.repeat(torch.ones(1)),
        steps,
        checkpoint=tmp_path / "none.pt",
        progress=False,
        **more,
    )
    for steps, more, expected in (
        (25, {}, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 25]),
        (5, {}, [1, 2, 3, 4, 5]),
        (7, {"save_every": 3}, [3, 6, 7]),
        (6, {"save_every": 3}, [3, 6]),
    ):
        saved.clear()
        run(steps, **more)
        assert saved == expected
