"""What a run is, in plain values: Python's own, which files keep and which compare equal to themselves."""

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from torch import Tensor

from nbdgm.runtime import shift

_ADDRESS = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)  # of an object without a repr of its own


def describe(players: list, data: Any, steps: int, processes: int, extra: dict[str, Any] | None) -> dict[str, Any]:
    """What must not change between saving and resuming, as plain values: derived from the players and the data, and `extra`.

    Raises:
        TypeError: `extra` is no dict, or a value in it prints differently in every run, so that it could never agree.
    """
    if not isinstance(extra or {}, Mapping):
        raise TypeError(f"play: hyperparameters must be a dict of plain values, got {type(extra).__name__}")
    facts: dict[str, Any] = {"players": [p.name for p in players], "processes": processes}
    sizes = (getattr(data, name, None) for name in ("batch_size", "size"))
    size = next((s for s in sizes if isinstance(s, Integral)), None)
    if size is not None:
        facts["batch size"] = int(size)
    if any(p.schedule is not None for p in players):
        facts["steps (a schedule depends on them)"] = steps
    if shift():
        facts["NBDGM_SEED"] = shift()  # a replication must not go on where another run stopped
    for p in players:
        shapes = {name: list(t.shape) for name, t in p.modules.state_dict().items() if isinstance(t, Tensor)}
        facts[f"{p.name}: shapes"] = shapes | {f"parameter {i}": list(t.shape) for i, t in enumerate(p.extra)}
        facts[f"{p.name}: trained"] = p.parameter_names()
        facts[f"{p.name}: optimiser"] = type(p.optimizer).__name__
        options = {key: value for key, value in p.optimizer.defaults.items() if key not in ("fused", "foreach")}
        facts |= {f"{p.name}: {key}": _fact(value) for key, value in options.items()}
        facts |= {f"{p.name}: turns": p.turns, f"{p.name}: ema": p.ema}
    for key, value in (extra or {}).items():
        facts[str(key)] = _fact(value)
        if _ADDRESS.search(str(facts[str(key)])):
            raise TypeError(f"play: hyperparameters[{key!r}] must be a plain value, got {value!r}; give a number or a name")
    return facts


def plain(value: Any) -> Any:
    """`value` with numpy's numbers made Python's, in containers too; everything else as it is."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic):
        number = value.item()
        return float(number) if isinstance(number, np.floating) else number  # a long double's item is a long double
    if type(value) in (dict, OrderedDict):
        return type(value)((plain(key), plain(part)) for key, part in value.items())
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def _fact(value: Any) -> Any:
    """`value` as something that can be kept, and that equals itself after it was."""
    value = plain(value)
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_fact(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _fact(part) for key, part in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value if type(value) in (int, float, str, bool, type(None)) else repr(value)
