"""Parts of the library, word by word: what comes of small inputs, kept in `outcomes`, one file for each group of parts.

Changed on purpose? Look at what is said now, and write it below its input.
"""

from __future__ import annotations

import base64
import importlib
import io
import itertools
import math
import random
import re
import tempfile
from collections import UserDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy as sp
import torch
from PIL import Image
from torch import nn

import nbdgm

FILES = sorted((Path(__file__).parent / "outcomes").glob("*.txt"))
SHOWN = ("pictures", "plots", "tables", "films", "diagrams")


def part(name: str) -> Any:
    return importlib.import_module(f"nbdgm.{name}")


def words(value: Any) -> str:
    """A result as text that is the same on every machine: numbers to four digits, long tensors by their shape and sums."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        x = torch.as_tensor(value).detach()
        kind = str(x.dtype).removeprefix("torch.")
        if x.numel() <= 24:
            return f"{kind} {words(x.tolist())}"
        flat = x.double().flatten()
        ramp = torch.linspace(-1, 1, len(flat), dtype=torch.float64)
        return (
            f"{kind} {tuple(x.shape)} {words([flat.mean().item(), flat.square().mean().item(), (flat * ramp).mean().item()])}"
        )
    if isinstance(value, dict):
        return "{" + ", ".join(f"{words(k)}: {words(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(words, value))) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(words, value)) + "]"
    if isinstance(value, (float, np.floating)):
        return "0" if abs(value) < 1e-6 else f"{value:.4g}"
    if isinstance(value, str):
        return re.sub(r"data:image/(\w+);base64,[\w+/=]+", r"\1", value)
    return str(value)


def kinds(value: Any) -> str:
    """The type of a value, and the types in it."""
    name = type(value).__name__
    if isinstance(value, dict):
        return f"{name}({', '.join(f'{kinds(k)}: {kinds(v)}' for k, v in value.items())})"
    return f"{name}({', '.join(map(kinds, value))})" if isinstance(value, (list, tuple, set)) else name


def shown(function: Any, *args: Any, **options: Any) -> list[str]:
    """What a function displays, as text and as HTML; of a picture its kind."""
    found: list[Any] = []
    with ExitStack() as stack:
        for name in SHOWN:
            emit = lambda plain, **more: found.extend([plain, *(v for k, v in more.items() if k != "png")])
            stack.enter_context(mock.patch(f"nbdgm.display.{name}.emit", emit))
        function(*args, **options)
    return found


def pixels(function: Any, *args: Any, **options: Any) -> list[Any]:
    """The pictures that a function displays, each (height, width) or (height, width, colours)."""
    found: list[bytes] = []
    with ExitStack() as stack:
        for name in SHOWN:
            emit = lambda plain, html="", png="": found.extend(
                base64.b64decode(code) for code in [*re.findall(r"base64,([\w+/=]+)", html), *([png] if png else [])]
            )
            stack.enter_context(mock.patch(f"nbdgm.display.{name}.emit", emit))
        function(*args, **options)
    pictures = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in found]
    return [x[..., 0] if (x == x[..., :1]).all() else x for x in pictures]


def drawn(function: Any, *args: Any, **options: Any) -> list[Any]:
    """What a figure is made of: its size, its axes, and every line, point set and text in them."""
    found: list[Any] = []
    with mock.patch("nbdgm.display.plots.show_figure", lambda figure, alt, dpi=100: found.extend([figure, alt])):
        function(*args, **options)
    figure, alt = found
    (ax,) = figure.axes
    lines = [
        (line.get_label(), line.get_xydata(), line.get_linewidth(), line.get_alpha(), line.get_zorder(), line.get_linestyle())
        for line in ax.lines
    ]
    sets = [
        (c.get_label(), np.asarray(c.get_offsets()), c.get_sizes(), c.get_linewidths(), c.get_alpha(), c.get_facecolors())
        for c in ax.collections
    ]
    legends = [
        ([t.get_text() for t in box.get_texts()], box.get_frame_on(), box.get_texts()[0].get_fontsize(), box.markerscale)
        for box in [*figure.legends, *([ax.get_legend()] if ax.get_legend() else [])]
    ]
    texts = [(t.get_text(), t.get_fontsize(), t.get_ha(), t.get_va(), t.get_color()) for t in ax.texts]
    axes = (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title(), str(ax.get_aspect()))
    limits = (ax.get_xlim(), ax.get_ylim())
    importlib.import_module("matplotlib.pyplot").close(figure)
    return [alt, figure.get_size_inches(), axes, limits, lines, sets, legends, texts]


def painted(grey: int) -> Any:
    """A figure of one grey from edge to edge."""
    plot = importlib.import_module("matplotlib.pyplot")
    figure = plot.figure(figsize=(0.2, 0.2))
    figure.add_axes((0, 0, 1, 1), facecolor=(grey / 255,) * 3, xticks=[], yticks=[]).spines[:].set_visible(False)
    return figure


def greys(png: bytes) -> list[int]:
    """The greys in a picture."""
    return sorted(set(np.asarray(Image.open(io.BytesIO(png)).convert("L")).flatten().tolist()))


def result(name: str, *finals: float, seeds: Any = None, **more: Any) -> Any:
    """The result of a run of one look in the plane, whose measure ends at these numbers, one for each seed."""
    kept = part("comparison.result").Result
    measures = {"loss": np.array([[9.0] * len(finals), list(finals)])}
    points = torch.arange(8.0 * len(finals)).view(len(finals), 4, 2)
    film = [(0, points[0]), (5, points[0] / 4)]
    steps = np.array([0, 5])
    options = {"seeds": range(len(finals)) if seeds is None else seeds} | more
    return kept(name, options.pop("setting", None), steps, steps / 2, measures, points, options.pop("film", film), **options)


def linear(*modules: nn.Module, **options: Any) -> Any:
    """A player whose loss is the mean square of what its first module makes of a batch; its weights begin at 1, 2, ..."""
    modules = modules or (nn.Linear(1, 1),)
    for module in modules:
        for start, parameter in enumerate(module.parameters(), 1):
            parameter.data.fill_(float(start))
    loss = options.pop("loss", lambda batch: modules[0](batch).square().mean())
    return part("training").Player(
        *modules, loss=loss, optimizer=options.pop("optimizer", part("training").sgd(0.1)), **options
    )


def team(size: int = 1, rank: int = 0) -> Any:
    """Processes of which this is one; what they reduce is doubled."""
    if size == 1:
        return part("training.processes").Team(None, [])
    accelerator = mock.MagicMock(num_processes=size, process_index=rank, reduce=lambda x, reduction: 2 * x)
    return part("training.processes").Team(accelerator, [])


def history(values: list[float]) -> Any:
    """A history of one entry."""
    made = part("training").History()
    for value in values:
        made.append({"p": (["loss"], torch.tensor([value]))})
    made.flush()
    return made


def arena(**options: Any) -> Any:
    """A comparison of tiny networks in the plane, whose measure is the mean of all coordinates."""
    batched = options.get("batched", True)
    crowd = lambda *sizes: lambda *copies: part("networks").Crowd(*copies, sizes) if batched else part("networks").mlp(sizes)
    stream = lambda size, seed: iter(lambda: torch.linspace(0, 1, 2 * size).view(size, 2) + seed, None)
    measure = lambda samples, split: {"mean": samples.mean().item() + (split == "valid"), "spread": samples.std().item()}
    return part("comparison").Arena(crowd(2, 2), crowd(2, 1), stream, 2, measure, **{"batch": 4, "samples": 5} | options)


def contender(factor: float = 1.0) -> Any:
    """Least squares, times a factor."""
    game = part("losses").least_squares
    scaled = part("losses").Game(lambda r, f: factor * game.critic(r, f), lambda f: factor * game.generator(f))
    return part("comparison").Contender.of("small", scaled)


def folder() -> Path:
    """A new folder, which goes with the process."""
    made = tempfile.TemporaryDirectory()
    FOLDERS.append(made)
    return Path(made.name)


FOLDERS: list[tempfile.TemporaryDirectory] = []


def layers(network: nn.Module) -> list[str]:
    """The layers of a network in order: kinds, shapes of parameters, and what else they are made with."""
    known = ("kernel_size", "stride", "padding", "negative_slope", "unflattened_size", "track_running_stats")
    shapes = lambda m: [tuple(p.shape) for p in m.parameters(recurse=False)]
    return [f"{type(m).__name__} {shapes(m)} {[getattr(m, k) for k in known if hasattr(m, k)]}" for m in network.modules()]


def with_(context: Any, function: Any) -> Any:
    """What a function gives inside a context."""
    with context:
        return function()


def space() -> dict[str, Any]:
    """Names for the inputs: the library's modules, and small things to give them."""
    ramp = lambda *shape: torch.linspace(0, 1, math.prod(shape)).view(shape)
    return {
        "nbdgm": nbdgm,
        "part": part,
        "torch": torch,
        "np": np,
        "nn": nn,
        "sp": sp,
        "math": math,
        "random": random,
        "itertools": itertools,
        "shown": shown,
        "pixels": pixels,
        "drawn": drawn,
        "result": result,
        "painted": painted,
        "greys": greys,
        "linear": linear,
        "team": team,
        "history": history,
        "arena": arena,
        "contender": contender,
        "with_": with_,
        "layers": layers,
        "folder": folder,
        "words_of": words,
        "kinds": kinds,
        "T": torch.tensor,
        "ramp": ramp,
        "u": sp.Symbol("u", positive=True),
        "P": part("display.pictures"),
        "mock": mock,
        "UserDict": UserDict,
    }


def outcome(text: str) -> str:
    """What the text computes; an error by its kind and its words."""
    torch.manual_seed(0)
    try:
        return words(eval(text, space())).replace("\n", r"\n")
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", r"\n")


def kept(file: Path) -> list[tuple[str, str]]:
    """The inputs of a file, each after `>>> `, with the line below it."""
    lines = file.read_text().splitlines()
    return [(line.removeprefix(">>> "), lines[n + 1]) for n, line in enumerate(lines) if line.startswith(">>> ")]


ROWS = [(f"{file.stem} {n}: {row[0][:50]}", *row) for file in FILES for n, row in enumerate(kept(file), 1)]


def agree(one: str, other: str) -> bool:
    """Whether two outcomes are the same but for the last digit of their decimal numbers, which machines round as they like."""
    number = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")
    pairs = list(zip(number.findall(one), number.findall(other), strict=False))
    near = all(
        a == b or (re.search("[.e]", a + b) and math.isclose(float(a), float(b), rel_tol=1.5e-3, abs_tol=1e-6))
        for a, b in pairs
    )
    return bool(near) and number.sub("#", one) == number.sub("#", other)


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_comes_of_it(text, said):
    found = outcome(text)
    assert agree(found, said), f"{found}\n{said}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a 1.234", "a 1.235", True),
        ("a 1.234", "a 1.244", False),
        ("a 1.234", "b 1.234", False),
        ("0.9999", "1", True),
        ("1000", "1001", False),
        ("[1, 2]", "[1, 2, 3]", False),
        ("1e-05", "2e-05", False),
    ],
)
def test_what_agrees(one, other, same):
    assert agree(one, other) is same
