"""The training loop of the whole book."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from nbdgm.training.arguments import count, listed, named
from nbdgm.training.checkpoint import Checkpoint
from nbdgm.training.execution import autocast, lay_out
from nbdgm.training.facts import describe
from nbdgm.training.feed import Feed
from nbdgm.training.film import Film
from nbdgm.training.history import History
from nbdgm.training.interrupt import Interrupt
from nbdgm.training.player import Player, check_weights, trained_by_others
from nbdgm.training.processes import Team
from nbdgm.training.progress import progress_bar
from nbdgm.training.state import constant, looking, modes_kept

_LOOK = 100  # rounds between two looks at the logged values


def play(
    players: Player | Sequence[Player],
    data: Iterable,
    steps: int,
    *,
    film: dict[str, Callable[[], Any]] | None = None,
    frames: int | Sequence[int] = 12,
    callbacks: Callable[[int, History], Any] | Sequence[Callable[[int, History], Any]] = (),
    every: int = _LOOK,
    checkpoint: str | Path | None = None,
    save_every: int | None = None,
    resume: bool = True,
    hyperparameters: dict[str, Any] | None = None,
    progress: bool | None = None,
    accelerator: Any = None,
    precision: str = "auto",
    channels_last: bool | None = None,
    compile: bool = False,
) -> History:
    """Play `steps` rounds: in each, every player in order takes its turns, each turn an update on a fresh batch.

    A turn computes gradients for the player's own parameters only; those of the others are constants meanwhile. Modules are
    in train mode during turns, and afterwards in the mode in which they were found.

    Args:
        players: one or more, in the order in which they move.
        data: endless iterator of batches, such as `images.batches(128)`; with `state_dict`, resumption is exact.
        steps: rounds in all, those before a resumption included.
        film: name -> function without arguments, called without gradients before the first round, after the last and between;
            what it returns (a number or an array) is kept in `history.films[name]` as (step, array). It sees the same random
            numbers in every frame, and leaves the run's own and all buffers (statistics of batch normalisation, say) untouched.
            It chooses train or eval mode itself, and starts in train mode.
        frames: how many (spaced evenly in the logarithm of the step), or at which steps: `range(0, 1001, 100)`.
        callbacks: functions of (step, history), called after every `every` rounds; the run's random numbers, buffers and modes
            are safe. One that is to change the run changes weights, or plain attributes.
        checkpoint: file to save to every `save_every` rounds (default: a tenth of `steps`), at the end and on interruption. If
            it exists, the run resumes there as if it had never stopped (on a CPU bit for bit), unless `resume` is False. What
            losses draw from generators of their own, and what they keep in plain attributes, no checkpoint knows.
        hyperparameters: plain values (numbers, names, lists of them) that must agree between a checkpoint and the run that
            resumes it, beside the players' own.
        progress: show a bar; by default only where somebody is watching.
        accelerator: of Hugging Face Accelerate, where several processes run this. Each plays on its part of every batch, and
            gradients are averaged: the same run as in one process, but for noise drawn by the losses and statistics of batch
            normalisation. `data` must yield the same batches in every process.
        precision: "auto" (bfloat16 for losses on CUDA devices that have it, else float32), "float32" or "bfloat16".
        channels_last: memory layout of images; by default, wherever a player has 2-D convolutions. The modules keep it.
        compile: run the modules through `torch.compile`, now and later; not with losses that differentiate twice
            (`losses.gradient_penalty`, `losses.r1`), which it cannot do.

    Returns:
        The history, also after an interruption from the keyboard (`history.interrupted`).

    Raises:
        NonFiniteError: a logged value or a weight became NaN or infinite; names player, entry and step. The checkpoint, if
            there is one, is from before.
        CheckpointError: a checkpoint that cannot be saved (state that no file can keep is refused at the start), cannot be
            read, or belongs to another run.
        ValueError, TypeError: arguments that make no sense; a loss that is no scalar or ignores its player's parameters; a
            parameter that was frozen after its player was made.
    """
    players, callbacks = named(players), listed(callbacks)
    steps, every = count("steps", steps, 0), count("every", every, 1)
    save_every = max(1, steps // 10) if save_every is None else count("save_every", save_every, 1)
    modules, opponents = [player.modules for player in players], [trained_by_others(player, players) for player in players]
    team, film = Team(accelerator, players), Film(film, frames, steps)
    channels_last = lay_out(modules, channels_last, compile)
    feed, precise = Feed(data, players[0].device, channels_last, team), autocast(precision, players[0].device)
    history = History()
    facts = describe(players, data, steps, team.size, hyperparameters)
    kept = Checkpoint(checkpoint, players, data, history, team, facts)
    if resume:
        kept.resume(steps)
    clock = time.perf_counter() - history.seconds

    def measure() -> None:
        history.seconds = time.perf_counter() - clock
        history.flush(team.mean, kept.advice())
        bar.show(history)

    def save() -> None:
        check_weights(players, history, kept.advice())
        team.settle(players)
        kept.save()

    watched = progress if team.main else False
    with (
        modes_kept(modules),
        Interrupt(enabled=team.size == 1) as interrupt,
        progress_bar(history.steps, steps, watched) as bar,
    ):
        try:
            if 0 in film.steps and history.steps == 0:
                film.shoot(0, history, modules)
            for step in range(history.steps + 1, steps + 1):
                logged = {}
                for player, others in zip(players, opponents, strict=True):
                    with constant(others):
                        for _ in range(player.turns):
                            batch = feed.next(step)
                            logged[player.name] = player.update(batch, (step - 1) / steps, precise(), team.average)
                history.append(logged)
                bar.advance()
                last = step == steps or interrupt.requested
                filming, calling, saving = step in film.steps, callbacks and step % every == 0, last or step % save_every == 0
                if filming or calling or saving or step % _LOOK == 0:
                    measure()
                if filming:
                    film.shoot(step, history, modules)
                if calling:
                    for callback in callbacks:
                        with looking(modules):
                            callback(step, history)
                if saving:
                    save()
                if last:
                    history.interrupted = step < steps
                    break
        except KeyboardInterrupt:  # not in between two rounds: what this round changed is not saved
            measure()
            history.interrupted = True
    return history
