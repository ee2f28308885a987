"""Checkpoints that survive a crash at any moment, and that never run code when they are read."""

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

_FORMAT = 1
_DIGEST = hashlib.sha256().digest_size  # the file ends with a digest of all that is before: archives do not notice flipped bits


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, cannot be read, or belongs to another run."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` holds, at every moment, either the previous checkpoint or the new one, complete.

    Raises:
        CheckpointError: the disk is full or not writable; the previous checkpoint is untouched.
    """
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT} | state, buffer)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(buffer.getbuffer())
            file.write(hashlib.sha256(buffer.getbuffer()).digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        kept = "the previous checkpoint is intact" if path.exists() else "there is no earlier checkpoint"
        raise CheckpointError(
            f"cannot save {path}: {error.strerror or error}; {kept}. Make room, or give checkpoint= another place"
        ) from error
    with contextlib.suppress(OSError):  # make the renaming last, where the system can
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def load(path: Path, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint (tensors and plain values only) of a run with these `hyperparameters`.

    Raises:
        CheckpointError: the file is damaged or no checkpoint of ours, or was made with other hyper-parameters (all are named).
    """
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
            raise ValueError("the file is damaged, incomplete, or no checkpoint of nbdgm")
        state = torch.load(io.BytesIO(content[:-_DIGEST]), map_location="cpu", weights_only=True)
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


def describe(players: list, data: Any, steps: int, processes: int, extra: dict[str, Any] | None) -> dict[str, Any]:
    """What must not change between saving and resuming, as plain values: derived from the players and the data, and `extra`."""
    facts: dict[str, Any] = {"players": [p.name for p in players], "processes": processes}
    size = next((s for s in (getattr(data, name, None) for name in ("batch_size", "size")) if isinstance(s, int)), None)
    if size is not None:
        facts["batch size"] = size
    if any(p.schedule is not None for p in players):
        facts["steps (a schedule depends on them)"] = steps
    for p in players:
        shapes = {name: list(t.shape) for name, t in p.modules.state_dict().items()}
        facts[f"{p.name}: shapes"] = shapes | {f"parameter {i}": list(t.shape) for i, t in enumerate(p.extra)}
        facts[f"{p.name}: optimiser"] = type(p.optimizer).__name__
        facts |= {
            f"{p.name}: {key}": _plain(value) for key, value in p.optimizer.defaults.items() if key not in ("fused", "foreach")
        }
        facts |= {f"{p.name}: turns": p.turns, f"{p.name}: ema": p.ema}
    return facts | {key: _plain(value) for key, value in (extra or {}).items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
