"""Where, and for how long, a chapter runs: device, seed, budget, and the set-up that every chapter begins with."""

import contextlib
import os
import random
import warnings
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import torch

T = TypeVar("T")
BUDGETS = ("smoke", "cpu", "gpu")


def device() -> torch.device:
    """The device that everything lives on: CUDA where there is one, else the CPU.

    The environment variable `NBDGM_DEVICE` (for instance `cpu` or `cuda:1`) overrides.

    Raises:
        ValueError: `NBDGM_DEVICE` names no device, or one that this machine does not have.
    """
    wanted = os.environ.get("NBDGM_DEVICE")
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(f"NBDGM_DEVICE={wanted!r} names no device; use for instance 'cpu', 'cuda' or 'cuda:1'") from error
    if chosen.type == "cuda" and not (torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()):
        raise ValueError(
            f"NBDGM_DEVICE={wanted!r}, but torch sees {torch.cuda.device_count()} CUDA devices; unset it or use 'cpu'"
        )
    return chosen


def seed(n: int) -> None:
    """Seed Python's, numpy's and torch's random numbers (all devices) with `n`, 0 <= n < 2**32."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {n!r}")
    random.seed(int(n))
    np.random.seed(int(n))
    torch.manual_seed(int(n))


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
    """The value that belongs to this run's budget: `budget(smoke=20, cpu=3_000, gpu=20_000)` steps, say.

    Raises:
        ValueError: a whole number below 0, or an `NBDGM_BUDGET` that is no budget.
    """
    values = {"smoke": smoke, "cpu": cpu, "gpu": gpu}
    for name, value in values.items():
        if isinstance(value, int) and value < 0:
            raise ValueError(f"budget({name}={value}): a number of steps, images or units cannot be negative")
    return values[budget_name()]


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
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
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
    """What every chapter begins with: seeds, a plain plot style, no known noise. Prints the budget and the device."""
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
    print(f"budget {budget_name()}, device {where} ({name})")
