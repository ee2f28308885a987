"""Checkpoints that survive a crash at any moment, and that never run code when they are read."""

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from nbdgm.runtime import rng_state, set_rng_state
from nbdgm.training.facts import plain
from nbdgm.training.history import History
from nbdgm.training.player import Player
from nbdgm.training.processes import Team

_FORMAT = 2
_DIGEST = hashlib.sha256().digest_size  # the file ends with a digest of all that is before: archives do not notice flipped bits


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, cannot be read, or belongs to another run."""


class Checkpoint:
    """The file of one run: written at some steps, and read where a run goes on. Without a path it keeps nothing.

    Raises:
        CheckpointError: the path cannot be understood, or what the run consists of could not be read back from a file.
    """

    def __init__(
        self, path: str | Path | None, players: list[Player], data: Any, history: History, team: Team, facts: dict[str, Any]
    ) -> None:
        try:
            self.path = None if path is None else Path(path).expanduser()
        except RuntimeError as error:
            raise CheckpointError(f"there is no folder {path}: {error}; give checkpoint= a path without ~") from error
        self.step: int | None = None  # that the file holds
        self._players, self._data, self._history, self._team, self._facts = players, data, history, team, facts
        if self.path is not None:
            packed(self._state(), self.path)  # whatever cannot be kept is refused before hours are spent

    def resume(self, steps: int) -> None:
        """Put everything back to where the file left it, if there is one.

        Raises:
            CheckpointError: it cannot be read, belongs to another run, or is further on than `steps`.
        """
        if self.path is None or not os.path.exists(self.path):
            return
        state = load(self.path, self._facts)
        if state["history"]["steps"] > steps:
            raise CheckpointError(
                f"the checkpoint {self.path} is at step {state['history']['steps']}, beyond {steps=}; name another file"
            )
        try:
            for player, values in zip(self._players, state["players"], strict=True):
                player.load_state_dict(values)
            self._history.load_state_dict(state["history"])
            if hasattr(self._data, "load_state_dict") and state["data"] is not None:
                self._data.load_state_dict(state["data"])
            else:
                warnings.warn("the data cannot be put back where it was (no load_state_dict): it starts anew", stacklevel=3)
        except Exception as error:  # whatever the data make of a state that is not theirs
            raise CheckpointError(f"the checkpoint {self.path} does not fit this run: {error}") from error
        set_rng_state(state["rng"][self._team.rank])
        self.step = self._history.steps

    def save(self) -> None:
        """Write everything down, if there is a path."""
        if self.path is None:
            return
        state = self._state()
        if self._team.main:
            save(self.path, state)
        self.step = self._history.steps

    def advice(self) -> str:
        """What to tell somebody whose run broke off."""
        if self.path is None:
            return ""
        return (
            f"The checkpoint {self.path} holds step {self.step}."
            if self.step is not None
            else "No checkpoint was saved before that."
        )

    def _state(self) -> dict[str, Any]:
        return {
            "hyperparameters": self._facts,
            "history": self._history.state_dict(),
            "rng": self._team.gather(rng_state()),
            "players": [player.state_dict() for player in self._players],
            "data": plain(self._data.state_dict()) if hasattr(self._data, "state_dict") else None,
        }


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` holds, at every moment, either the old checkpoint or the new one, complete and readable.

    Raises:
        CheckpointError: the disk is full or not writable, or `state` could not be read back; the previous checkpoint is
            untouched.
    """
    content = packed(state, path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.write(hashlib.sha256(content).digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        kept = "the previous checkpoint is intact" if os.path.exists(path) else "there is no earlier checkpoint"
        raise CheckpointError(
            f"cannot save {path}: {error.strerror or error}; {kept}. Make room, or give checkpoint= another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    with contextlib.suppress(OSError):  # make the renaming last, where the system can
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def packed(state: dict[str, Any], path: Path) -> memoryview:
    """`state` as bytes that `load` has been seen to read.

    Raises:
        CheckpointError: something in it is neither a tensor nor a plain value; it is named.
    """
    try:
        content = _packed({"format": _FORMAT} | state)
        _unpacked(content)
    except Exception as error:
        where = next(_unreadable(state, ""), error)
        raise CheckpointError(
            f"cannot save {path}, it could not be read again: {where}; keep tensors and plain values"
        ) from error
    return content


def load(path: Path, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint (tensors and plain values only) of a run with these `hyperparameters`.

    Raises:
        CheckpointError: the file is damaged or no checkpoint of ours, or was made with other hyper-parameters (all are named).
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read the checkpoint {path}: {error.strerror or error}. Give checkpoint= another file"
        ) from error
    try:
        if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
            raise ValueError("the file is damaged, incomplete, or no checkpoint of nbdgm")
        state = _unpacked(content[:-_DIGEST])
        if state["format"] != _FORMAT:
            raise ValueError(f"it has format {state['format']}, this version of nbdgm reads {_FORMAT}")
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise CheckpointError(
            f"cannot read the checkpoint {path}: {reason}. Delete the file, or pass resume=False, to start afresh"
        ) from error
    then = state["hyperparameters"]
    other = [
        f"{key}: {then.get(key, 'absent')} in the checkpoint, {hyperparameters.get(key, 'absent')} now"
        for key in sorted(then.keys() | hyperparameters.keys())
        if then.get(key, "absent") != hyperparameters.get(key, "absent")
    ]
    if other:
        raise CheckpointError(
            f"the checkpoint {path} belongs to a run with other hyper-parameters ({'; '.join(other)}). "
            "Restore them, name another file, or pass resume=False to overwrite it"
        )
    return state


def _packed(state: Any) -> memoryview:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getbuffer()


def _unpacked(content: bytes | memoryview) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _unreadable(value: Any, where: str) -> Iterator[str]:
    """The places in `value` that cannot be kept, each with its type."""
    if type(value) in (dict, list, tuple):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _unreadable(part, f"{where}.{key}" if where else str(key))
        return
    try:
        _unpacked(_packed(value))
    except Exception:  # whatever pickle makes of strange objects
        yield f"{where} is a {type(value).__name__}"
