"""The training loop of the whole book."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbdgm.runtime import rng_state, separate_rng, set_rng_state
from nbdgm.training import checkpoint as checkpoints
from nbdgm.training.comfort import Interrupt, Team, progress_bar
from nbdgm.training.history import History, NonFiniteError
from nbdgm.training.player import Player

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
            numbers in every frame and leaves the run's own untouched. It chooses train or eval mode itself; the loop goes back
            to train mode.
        frames: how many (spaced evenly in the logarithm of the step), or at which steps: `range(0, 1001, 100)`.
        callbacks: functions of (step, history), called after every `every` rounds; the run's random numbers are safe.
        checkpoint: file to save to every `save_every` rounds (default: a tenth of `steps`), at the end and on interruption. If
            it exists, the run resumes there as if it had never stopped (on a CPU bit for bit), unless `resume` is False.
        hyperparameters: plain values that must agree between a checkpoint and the run that resumes it, beside the players' own.
        progress: show a bar; by default only where somebody is watching.
        accelerator: of Hugging Face Accelerate, where several processes run this. Each plays on its part of every batch, and
            gradients are averaged: the same run as in one process, but for noise drawn by the losses and statistics of batch
            normalisation. `data` must yield the same batches in every process.
        precision: "auto" (bfloat16 for losses on CUDA devices that have it, else float32), "float32" or "bfloat16".
        channels_last: memory layout of images; by default, wherever a player has 2-D convolutions.
        compile: run the modules through `torch.compile`.

    Returns:
        The history, also after an interruption from the keyboard (`history.interrupted`).

    Raises:
        NonFiniteError: a logged value or a weight became NaN or infinite; names player, entry and step. The checkpoint, if
            there is one, is from before.
        CheckpointError: a checkpoint that cannot be saved, cannot be read, or belongs to another run.
        ValueError, TypeError: arguments that make no sense; a loss that is no scalar or ignores its player's parameters.
    """
    players, iterator = _named([players] if isinstance(players, Player) else list(players)), _endless(data)
    _check_counts(steps=(steps, 0), every=(every, 1), save_every=(1 if save_every is None else save_every, 1))
    save_every = save_every or max(1, steps // 10)
    callbacks = [callbacks] if callable(callbacks) else list(callbacks)
    film = film or {}
    filmed = _frame_steps(frames, steps) if film else set()
    path = Path(checkpoint) if checkpoint is not None else None

    team = Team(accelerator, players)
    device = players[0].parameters[0].device
    modes = {module: module.training for player in players for module in player.modules.modules()}
    if channels_last is None:
        channels_last = any(isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) for module in modes)
    for player in players:
        if channels_last:
            player.modules.to(memory_format=torch.channels_last)
        for module in player.modules if compile else ():
            module.compile()
    opponents = [_trained_by_others(player, players) for player in players]
    autocast = _autocast(precision, device)

    history, saved = History(), None  # saved: the step that the checkpoint holds
    facts = checkpoints.describe(players, data, steps, team.size, hyperparameters)
    if path is not None and resume and path.exists():
        _restore(checkpoints.load(path, facts), players, data, history, team)
        saved = history.steps
        if saved > steps:
            raise checkpoints.CheckpointError(f"the checkpoint {path} is at step {saved}, beyond {steps=}; name another file")
    clock = time.perf_counter() - history.seconds

    def look() -> None:
        history.seconds = time.perf_counter() - clock
        history.flush(team.mean, _advice(path, saved))
        bar.show(history)

    def save() -> None:
        _check_weights(players, history, _advice(path, saved))
        for player in players:
            team.average([b for b in player.modules.buffers() if b.is_floating_point()])
        if path is not None:
            state = {"hyperparameters": facts, "history": history.state_dict(), "rng": team.gather(rng_state())}
            state["players"] = [player.state_dict() for player in players]
            state["data"] = data.state_dict() if hasattr(data, "state_dict") else None
            if team.main:
                checkpoints.save(path, state)

    def shoot(step: int) -> None:
        for name, frame in film.items():
            with torch.no_grad(), separate_rng(0):
                history.films.setdefault(name, []).append((step, _array(frame())))

    try:
        _train(players)
        bar_wanted = progress if team.main else False
        with Interrupt(enabled=team.size == 1) as interrupt, progress_bar(history.steps, steps, bar_wanted) as bar:
            if 0 in filmed and history.steps == 0:
                shoot(0)
                _train(players)
            for step in range(history.steps + 1, steps + 1):
                logged = {}
                for player, others in zip(players, opponents, strict=True):
                    with _constant(others):
                        for _ in range(player.turns):
                            batch = _prepared(_next(iterator, step), device, channels_last, team)
                            logged[player.name] = player.update(batch, (step - 1) / steps, autocast(), team.average)
                history.append(logged)
                bar.advance()
                stop = interrupt.requested
                filming, calling = step in filmed, callbacks and step % every == 0
                saving = step % save_every == 0 or step == steps or stop
                if filming or calling or saving or step % _LOOK == 0:
                    look()
                if filming:
                    shoot(step)
                if calling:
                    with separate_rng():
                        for callback in callbacks:
                            callback(step, history)
                if filming or calling:
                    _train(players)
                if saving:
                    save()
                    saved = step
                if stop and step < steps:
                    history.interrupted = True
                    break
    except KeyboardInterrupt:  # not in between two rounds: what this round changed is not saved
        look()
        history.interrupted = True
    finally:
        for module, mode in modes.items():
            module.training = mode
    return history


def _named(players: list[Player]) -> list[Player]:
    if not players:
        raise ValueError("play needs at least one player")
    for i, player in enumerate(players, 1):
        if not isinstance(player, Player):
            raise TypeError(f"play: players must be Player objects, got {type(player).__name__}")
        player.name = player.name or f"player {i}"
    names = [player.name for player in players]
    if len(set(names)) < len(names):
        raise ValueError(f"play: two players have the same name, got {names}; give each its own name=")
    return players


def _endless(data: Any) -> Iterator:
    if isinstance(data, (Tensor, np.ndarray, str, dict)) or hasattr(data, "batches") or not isinstance(data, Iterable):
        raise TypeError(f"play: data must be an iterator of batches, got {type(data).__name__}; use images.batches(128)")
    return iter(data)


def _check_counts(**counts: tuple[int, int]) -> None:
    for name, (count, least) in counts.items():
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"play: {name} must be a whole number, got {count!r}")
        if count < least:
            raise ValueError(f"play: {name} must be {least} or more, got {count}")


def _frame_steps(frames: int | Sequence[int], steps: int) -> set[int]:
    if not isinstance(frames, int):
        return {int(step) for step in frames}
    if frames < 1:
        raise ValueError(f"play: frames must be 1 or more, or a list of steps, got {frames}")
    return {steps} if frames == 1 or steps == 0 else {0, *(int(s) for s in np.geomspace(1, steps, frames - 1).round()), steps}


def _autocast(precision: str, device: torch.device) -> Callable[[], AbstractContextManager]:
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"play: precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}")
    if precision == "bfloat16" and device.type == "cpu":
        raise ValueError("play: precision='bfloat16' is many times slower than float32 on CPUs; leave it to 'auto'")
    if (
        device.type == "cuda"
        and precision != "float32"
        and (precision == "bfloat16" or torch.cuda.get_device_capability(device)[0] >= 8)
    ):
        # no cache of casts: one made under no_grad would cut later gradients
        return lambda: torch.autocast("cuda", torch.bfloat16, cache_enabled=False)
    return contextlib.nullcontext


def _trained_by_others(player: Player, players: list[Player]) -> list[nn.Parameter]:
    own = set(player.parameters)
    return [p for p in dict.fromkeys(p for other in players for p in other.parameters) if p not in own]


@contextlib.contextmanager
def _constant(parameters: list[nn.Parameter]) -> Iterator[None]:
    """Inside, these parameters ask for no gradients: autograd then neither stores nor computes anything for them."""
    try:
        for parameter in parameters:
            parameter.requires_grad = False
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad = True


def _train(players: list[Player]) -> None:
    for player in players:
        player.modules.train()


def _next(iterator: Iterator, step: int) -> Any:
    try:
        return next(iterator)
    except StopIteration:
        raise ValueError(
            f"the data ended at step {step}; play needs an endless iterator, such as images.batches(128)"
        ) from None


def _prepared(batch: Any, device: torch.device, channels_last: bool, team: Team) -> Any:
    """This process's part of a batch, on the device, in the layout of the networks."""
    if isinstance(batch, (tuple, list)):
        return type(batch)(_prepared(part, device, channels_last, team) for part in batch)
    if not isinstance(batch, Tensor):
        return batch
    batch = team.part(batch).to(device, non_blocking=True)
    images = channels_last and batch.ndim == 4 and batch.is_floating_point()
    return batch.contiguous(memory_format=torch.channels_last) if images else batch


def _array(frame: Any) -> np.ndarray:
    """A frame, detached from everything: a copy that later updates do not change."""
    if isinstance(frame, Tensor):
        frame = frame.detach().cpu()
        frame = (frame.float() if frame.dtype == torch.bfloat16 else frame).numpy()
    return np.array(frame)


def _advice(path: Path | None, saved: int | None) -> str:
    if path is None:
        return ""
    return f"The checkpoint {path} holds step {saved}." if saved is not None else "No checkpoint was saved before that."


def _check_weights(players: list[Player], history: History, advice: str) -> None:
    for player in players:
        finite = torch.stack(
            [parameter.detach().sum() for parameter in player.parameters]
        ).isfinite()  # a sum shows NaN and inf
        if not finite.all():
            name = player.parameter_names()[int((~finite).nonzero()[0])]
            raise NonFiniteError(player.name, name, history.steps, float("nan"), history, advice)


def _restore(state: dict[str, Any], players: list[Player], data: Any, history: History, team: Team) -> None:
    for player, values in zip(players, state["players"], strict=True):
        player.load_state_dict(values)
    history.load_state_dict(state["history"])
    if hasattr(data, "load_state_dict") and state["data"] is not None:
        data.load_state_dict(state["data"])
    else:
        warnings.warn("the data cannot be put back where it was (no load_state_dict): it starts anew", stacklevel=3)
    set_rng_state(state["rng"][team.rank])
