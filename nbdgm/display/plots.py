"""Curves and points, by matplotlib, as small PNGs on a white ground."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nbdgm.border import array

from .pictures import emit


def show_figure(figure: Any, alt: str, dpi: int = 100, palette: bool = True) -> None:
    """Emit a matplotlib figure as a small PNG with an alternative text, and close it. Without a `palette` it keeps its colours
    exactly: for photographs and the like.
    """
    import matplotlib.pyplot as plt

    emit(f"[{alt}]", png=base64.b64encode(figure_png(figure, dpi, palette)).decode())
    plt.close(figure)


def figure_png(figure: Any, dpi: int = 100, palette: bool = True) -> bytes:
    """The figure as a PNG with a palette: about a third of the usual size, each colour within a few levels of its own; without
    one every colour is as drawn.
    """
    from PIL import Image

    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    picture = Image.open(raw).convert("RGB")
    if palette:
        picture = picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        picture.putpalette([255 if value > 252 else value for value in picture.getpalette()])  # white is white
    small = io.BytesIO()
    picture.save(small, "PNG", optimize=True)
    return small.getvalue()


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """The mean over the last `window` values (over fewer at the start); values that are not finite are left out."""
    values = np.asarray(values, dtype=float)
    if window <= 1 or not len(values):
        return values
    finite = np.isfinite(values)
    total = np.cumsum(np.where(finite, values, 0.0))
    count = np.cumsum(finite)
    total[window:], count[window:] = total[window:] - total[:-window], count[window:] - count[:-window]
    with np.errstate(invalid="ignore"):
        return total / np.where(count > 0, count, np.nan)


def curves(
    history: Any,
    keys: str | Sequence[str] | None = None,
    smooth: int | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    reference: Mapping[str, float] | None = None,
    ylabel: str | None = None,
    ylim: tuple[float, float] | None = None,
    log: bool | str = False,
    title: str | None = None,
    size: tuple[float, float] = (6.4, 3.0),
    alt: str | None = None,
) -> None:
    """Plot entries of a `History` (or of any mapping of names to values) over the updates.

    Args:
        history: gives values by name, and names by `.keys()`; `.steps` are the x values where it has them.
        keys: which, in which order; all by default.
        smooth: width of the running mean; by default a fiftieth of the updates. The raw values stay visible behind it.
        labels: what to call them in the legend.
        reference: horizontal lines, name -> value.
        log: logarithmic "y", "x" or "xy"; True is "y".
        alt: alternative text; by default the first and the last value of every curve.

    Raises:
        ValueError: naming the argument, for a history without entries, an unknown key, or values that are no numbers or none.
    """
    import matplotlib.pyplot as plt

    known = list(history.keys())
    keys = [keys] if isinstance(keys, str) else list(keys or known)
    if not keys:
        raise ValueError("history: it has no entries yet")
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    words = []
    try:
        for key in keys:
            try:
                values = history[key]
            except (KeyError, ValueError) as error:
                raise ValueError(f"keys: no entry {key!r}; there are {', '.join(map(str, known))}") from error
            values = array(f"history[{key!r}]", values).astype(float)
            if values.ndim != 1:
                raise ValueError(f"history[{key!r}]: expected one value an update, got shape {values.shape}")
            if not len(values):
                raise ValueError(f"keys: {key!r} has no values yet")
            steps = np.atleast_1d(array("history.steps", getattr(history, "steps", np.arange(1, len(values) + 1))))
            steps = steps if len(steps) == len(values) else np.arange(1, len(values) + 1)
            window = max(1, len(values) // 50) if smooth is None else max(1, int(smooth))
            mean = smoothed(values, window)
            some = np.unique(np.linspace(0, len(values) - 1, min(len(values), 1000)).astype(int))
            label = (labels or {}).get(key, key)
            (line,) = ax.plot(steps[some], mean[some], lw=1.6, label=label)
            if window > 1:
                ax.plot(steps[some], values[some], lw=0.5, alpha=0.25, color=line.get_color(), zorder=0)
            words.append(f"{label} from {mean[min(window, len(mean)) - 1]:.4g} to {mean[-1]:.4g}")
        for name, value in (reference or {}).items():
            ax.axhline(value, ls="--", lw=1, color="0.35")
            ax.annotate(name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color="0.35")
        axes = "y" if log is True else (log or "")
        if "y" in axes:
            ax.set_yscale("log")
        if "x" in axes:
            ax.set_xscale("log")
        ax.set(xlabel="update", ylabel=ylabel or "", title=title or "")
        if ylim:
            ax.set_ylim(*ylim)
        ax.legend(frameon=False, fontsize=9)
    except BaseException:
        plt.close(figure)
        raise
    show_figure(figure, alt or f"{title or 'curves'} over {int(steps[-1]):,} updates: " + "; ".join(words))


def as_points(points: Any, name: str = "points") -> np.ndarray:
    """`points` as an array (N, 2)."""
    x = array(name, points)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"{name}: expected shape (N, 2), got {x.shape}")
    return x


def scatter(
    points: Any,
    labels: Any = None,
    *,
    names: Sequence[str] | None = None,
    limit: float | None = None,
    title: str | None = None,
    size: float = 4.2,
    marker: float = 5,
    alt: str | None = None,
) -> None:
    """Plot points of the plane, coloured by their labels.

    Args:
        points: (N, 2), or a mapping of titles to such sets, which are laid over one another (real beside generated).
        labels: (N,) whole numbers.
        names: of the labels.
        limit: half side of the window about the origin.

    Raises:
        ValueError: naming the argument.
    """
    import matplotlib.pyplot as plt

    if isinstance(points, Mapping):
        if not points or labels is not None:
            raise ValueError("points: expected at least one set, and no labels beside a mapping: its titles are the labels")
        sets = {str(name): as_points(p, f"points[{name!r}]") for name, p in points.items()}
    else:
        x = as_points(points)
        if labels is None:
            sets = {"": x}
        else:
            y = array("labels", labels)
            if y.shape != (len(x),):
                raise ValueError(f"labels: expected {len(x)}, one per point, got shape {y.shape}")
            known = len(names) if names else np.inf
            if (y != y.round()).any() or (names and len(y) and not (y.min() >= 0 and y.max() < known)):
                raise ValueError(f"labels: expected whole numbers{f' from 0 to {known - 1}' if names else ''}, got {y}")
            sets = {str(names[int(v)] if names else int(v)): x[y == v] for v in np.unique(y)}
    colours = plt.get_cmap("tab10").colors
    figure, ax = plt.subplots(figsize=(size * (1.22 if len(sets) > 1 else 1), size), layout="constrained")
    for i, (name, x) in enumerate(sets.items()):
        ax.scatter(x[:, 0], x[:, 1], s=marker, alpha=0.6, lw=0, color=colours[i % 10], label=name)
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set_aspect("equal")
    ax.set_title(title or "")
    if len(sets) > 1:
        figure.legend(loc="outside right upper", frameon=False, markerscale=2.5, fontsize=9)
    shown = {name: int(np.isfinite(x).all(1).sum()) for name, x in sets.items()}
    counts = ", ".join(f"{count:,}{' ' + name if name else ''}" for name, count in shown.items())
    lost = sum(map(len, sets.values())) - sum(shown.values())
    counts += f" (and {lost:,} that are not finite)" if lost else ""
    show_figure(figure, alt or f"{title or 'scatter'}: {counts} points in the plane")
