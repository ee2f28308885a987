"""Runs in the plane side by side, while they are trained."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .result import Result


def film(
    results: Sequence[Result], reach: float, marks: Tensor | None = None, caption: str = "samples of the first seed"
) -> None:
    """Show runs in the plane side by side while they are trained: a film of `Result.film`, a panel for each contender.

    Args:
        results: with as many looks each, and two-dimensional samples; a run that broke off keeps its last picture, and says so.
        reach: every panel shows [-reach, reach] both ways; points outside are not shown, so a panel may be empty.
        marks: (K, 2), drawn as crosses: the centres of the law, say.
        caption: of the film.

    Raises:
        ValueError: no results, results with different steps, or samples that are not points of the plane.
    """
    from nbdgm import display

    if not results:
        raise ValueError("film: results is empty; give what `run` returned, one for each panel")
    steps = [int(step) for step in results[0].steps]
    if any(list(result.steps) != steps for result in results):
        raise ValueError("film: all results must have the same steps; give `run` the same steps and looks")
    if any(result.samples.shape[2:] != (2,) for result in results):
        raise ValueError(f"film: samples must be points of the plane, (seeds, N, 2), got {tuple(results[0].samples.shape)}")
    gap = 2.1 * reach

    def draw(frame: int, ax: Any) -> None:
        for i, result in enumerate(results):
            points = result.film[min(frame, len(result.film) - 1)][1]
            points = points[(points.abs() < reach).all(1)].numpy()
            if marks is not None:
                ax.plot(marks[:, 0].cpu() + i * gap, marks[:, 1].cpu(), "+", color="0.4", ms=7, zorder=1)
            ax.plot(points[:, 0] + i * gap, points[:, 1], ".", color=f"C{i}", ms=2.5, zorder=2)
            name = result.name + (" (broke off)" if frame >= len(result.film) else "")
            ax.text(i * gap, 1.05 * reach, name, ha="center", va="bottom", fontsize=9)
            if i:
                ax.axvline((i - 0.5) * gap, color="0.7", lw=0.8)
        ax.set(xlim=(-gap / 2, (len(results) - 0.5) * gap), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
        ax.grid(False)

    width = 8.4
    display.film(range(len(steps)), steps, draw=draw, size=(width, width / len(results) / 1.05 + 0.35), dpi=90, caption=caption)
