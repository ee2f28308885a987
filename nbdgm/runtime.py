"""Where, and for how long, a chapter runs: device, seeds, budget, and the set-up that every chapter begins with.

Every random stream of a chapter begins here: `NBDGM_SEED=k` shifts all their seeds by k, `NBDGM_STRETCH=s` multiplies all
numbers of updates, so that a chapter can be replicated as it stands (tools/replicate.py). Data stay the same data: the splits
of `load` and pictures drawn from a given seed are not shifted.
"""

import contextlib
import math
import os
import random
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import torch

T = TypeVar("T")
S = TypeVar("S", int, list[int], tuple[int, ...])
BUDGETS = ("smoke", "cpu", "gpu")


def device() -> torch.device:
    """The device that everything lives on: CUDA where there is one, else the CPU.

    The environment variable `NBDGM_DEVICE` (for instance `cpu` or `cuda:1`) overrides.

    Raises:
        ValueError: `NBDGM_DEVICE` names no device, one that this library does not run on, or one that this machine lacks.
    """
    wanted = os.environ.get("NBDGM_DEVICE")
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(wanted)
    except (RuntimeError, ValueError, OverflowError) as error:
        raise ValueError(f"NBDGM_DEVICE={wanted!r} names no device; use for instance 'cpu', 'cuda' or 'cuda:1'") from error
    if chosen.type == "cpu" and not chosen.index:
        return torch.device("cpu")
    if chosen.type != "cuda":
        raise ValueError(f"NBDGM_DEVICE={wanted!r}: the library runs on 'cpu' and on CUDA devices, such as 'cuda:1'; unset it")
    if not (torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()):
        raise ValueError(
            f"NBDGM_DEVICE={wanted!r}, but torch sees {torch.cuda.device_count()} CUDA devices; unset it or use 'cpu'"
        )
    return chosen


# --- seeds ----------------------------------------------------------------------------------------------------------

SEEDS = 2**32  # numpy's global generator takes no larger ones
_unshifted: ContextVar[bool] = ContextVar("unshifted", default=False)


def shift() -> int:
    """How far this run's seeds are shifted: `NBDGM_SEED`, by default 0.

    Seeds of a chapter that differ by the shift would share a stream, so replications use large ones.

    Raises:
        ValueError: `NBDGM_SEED` is no whole number from 0 to 2**32 - 1.
    """
    text = os.environ.get("NBDGM_SEED")
    if not text or _unshifted.get():
        return 0
    if not (text.isascii() and text.isdigit() and int(text) < SEEDS):
        raise ValueError(f"NBDGM_SEED={text!r} is no whole number from 0 to 2**32 - 1; unset it, or set for instance 10007")
    return int(text)


def shifted(n: int) -> int:
    """The seed `n` of this run, 0 <= n < 2**32: for what takes a seed as a number, such as scikit-learn's `random_state`.

    `seed`, `generator`, `rng` and everything of the library with an argument `seed` shift by themselves.

    Raises:
        ValueError: `n` is no such number.
    """
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, (int, np.integer)) or not 0 <= n < SEEDS:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {n!r}")
    return (int(n) + shift()) % SEEDS


def seed(n: int) -> None:
    """Seed Python's, numpy's and torch's random numbers (all devices) with `n`, 0 <= n < 2**32."""
    n = shifted(n)
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)


def generator(n: int, device: torch.device | str | None = None) -> torch.Generator:
    """A stream of torch's random numbers of its own, from seed `n`; on the device of this run, or on the one given."""
    where = globals()["device"]() if device is None else device
    return torch.Generator(where).manual_seed(shifted(n))


def rng(n: int) -> np.random.Generator:
    """A stream of numpy's random numbers of its own, from seed `n`."""
    return np.random.default_rng(shifted(n))


@contextlib.contextmanager
def unshifted() -> Iterator[None]:
    """Inside, seeds and updates are those of every run: for what all runs are measured with, such as a feature network."""
    token = _unshifted.set(True)
    try:
        yield
    finally:
        _unshifted.reset(token)


# --- budgets --------------------------------------------------------------------------------------------------------


def budget_name() -> str:
    """`"gpu"` where CUDA is used, else `"cpu"`; `NBDGM_BUDGET` overrides (`smoke` is for tests).

    Raises:
        ValueError: `NBDGM_BUDGET` is none of smoke, cpu, gpu.
    """
    name = os.environ.get("NBDGM_BUDGET")
    if not name:
        return "gpu" if device().type == "cuda" else "cpu"
    if name not in BUDGETS:
        raise ValueError(f"NBDGM_BUDGET={name!r} is no budget; use one of {', '.join(BUDGETS)}, or unset it")
    return name


def budget(*, smoke: T, cpu: T, gpu: T) -> T:
    """The value that belongs to this run's budget: sizes, say `budget(smoke=50, cpu=2_000, gpu=10_000)` images.

    Numbers of updates belong to `steps`.

    Raises:
        ValueError: a whole number below 0, or an `NBDGM_BUDGET` that is no budget.
    """
    values = {"smoke": smoke, "cpu": cpu, "gpu": gpu}
    for name, value in values.items():
        if isinstance(value, (int, np.integer)) and value < 0:
            raise ValueError(f"budget({name}={value}): a number of steps, images or units cannot be negative")
    return values[budget_name()]


def stretch() -> float:
    """By what this run multiplies numbers of updates: `NBDGM_STRETCH`, by default 1.

    Raises:
        ValueError: `NBDGM_STRETCH` is no positive number.
    """
    text = os.environ.get("NBDGM_STRETCH")
    if not text or _unshifted.get():
        return 1.0
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (0 < factor < math.inf):
        raise ValueError(f"NBDGM_STRETCH={text!r} is no positive number; unset it, or set for instance NBDGM_STRETCH=3")
    return factor


def steps(*, smoke: S, cpu: S, gpu: S) -> S:
    """The number of updates that belongs to this run's budget, multiplied by `NBDGM_STRETCH`: `steps(smoke=20, cpu=3_000,
    gpu=20_000)`. A list or tuple of numbers of updates is treated alike; from 1 update at least 1 remains, and 0 stays 0.

    What happens at some share of training should be given as a share, or as a fraction of this number: so it follows.

    Raises:
        TypeError: something else than whole numbers, or lists or tuples of them.
        ValueError: a number below 0, or `NBDGM_BUDGET` or `NBDGM_STRETCH` that make no sense.
    """
    values = {"smoke": smoke, "cpu": cpu, "gpu": gpu}
    for name, value in values.items():
        for number in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, np.integer)):
                raise TypeError(f"steps({name}={value!r}): expected a whole number of updates, or a list or tuple of them")
            if number < 0:
                raise ValueError(f"steps({name}={value!r}): a number of updates cannot be negative")
    factor, chosen = stretch(), values[budget_name()]

    def longer(n: int) -> int:
        return max(1, round(int(n) * factor)) if n else 0

    return type(chosen)(map(longer, chosen)) if isinstance(chosen, (list, tuple)) else longer(chosen)


# --- the state of all random numbers --------------------------------------------------------------------------------


def rng_state() -> dict[str, Any]:
    """The state of every random number generator, in types that `torch.load(weights_only=True)` accepts."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": (version, tuple(words), gauss),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Put back what `rng_state` returned (CUDA states only where this machine has as many devices)."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy(), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available() and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])


@contextlib.contextmanager
def separate_rng(n: int | None = None) -> Iterator[None]:
    """Inside, random numbers may be drawn (from seed `n`, if given); outside, nothing has happened."""
    state = rng_state()
    try:
        if n is not None:
            seed(n)
        yield
    finally:
        set_rng_state(state)


def setup(seed: int = 0) -> None:
    """What every chapter begins with: seeds, a plain plot style, no known noise. Prints the budget and the device, and how
    far seeds are shifted and updates multiplied, where they are.
    """
    import matplotlib.pyplot as plt

    globals()["seed"](seed)
    where = device()
    if where.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what stays in float32
    warnings.filterwarnings("ignore", message=".*IProgress not found.*")
    warnings.filterwarnings("ignore", message=".*pkg_resources is deprecated.*")
    warnings.filterwarnings("ignore", message=".*Online softmax is disabled.*")
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.2),
            "figure.dpi": 120,  # about 770 pixels across: crisp on the page, and some tens of kB
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",  # one figure for light and dark pages
            "savefig.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "axes.prop_cycle": plt.cycler(color=["#0b6fb8", "#d1495b", "#2e8b57", "#edae49", "#7b5ea7", "#5c6b73"]),
            "lines.linewidth": 1.5,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "legend.frameon": False,
        }
    )
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    other = f", seeds shifted by {shift()}" * (shift() != 0) + f", {stretch():g} times the updates" * (stretch() != 1)
    print(f"budget {budget_name()}, device {where} ({name}){other}")
