"""Grids of pictures, one pixel of the picture to one pixel of the file, enlarged by the browser without smoothing. Strips are
one PNG with names in it, enlarged here.
"""

import base64
import html
import io
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdgm.border import array, whole

TRUE_COLOURS = 105_000  # pixels of a sheet: about 250 kB


def emit(plain: str, **representations: str) -> None:
    """Show one output with several representations: `html=`, `svg=`, `png=` (base64) beside the plain text. Outside notebooks
    the plain text is printed, with `?` for what the terminal cannot write.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    if not InteractiveShell.initialized():
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(plain.encode(encoding, "replace").decode(encoding))
        return
    mime = {"html": "text/html", "svg": "image/svg+xml", "png": "image/png"}
    bundle = {"text/plain": plain} | {mime[kind]: value for kind, value in representations.items()}
    display(bundle, raw=True, metadata={"image/png": {"alt": plain}} if "png" in representations else {})


def as_pictures(images: Any, name: str = "images", value_range: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """`images` as bytes (N, H, W, C) with C = 1 or 3.

    Accepts a tensor or an array of numbers of any type, a list of them, or anything with `.x` (such as `data.Images`), of shape
    (N, C, H, W), (N, H, W) or (H, W).

    Raises:
        ValueError: naming the argument, for another shape, for values that are not finite numbers, or that leave
            `value_range` by more than 2 % of its width (what leaves it by less is clipped).
    """
    x = array(name, getattr(images, "x", images)).astype(np.float32)
    if x.ndim == 2:
        x = x[None, None]
    elif x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape:
        raise ValueError(f"{name}: expected pictures of shape (N, C, H, W) with C = 1 or 3, or (N, H, W), got {x.shape}")
    low, high = _increasing(value_range)
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: some values are not finite")
    x = (x - low) / (high - low)
    if x.min() < -0.02 or x.max() > 1.02:
        least, most = (v * (high - low) + low for v in (x.min(), x.max()))
        hint = "for 0 to 255 say value_range=(0, 255)" if least >= 0 else "for [-1, 1] say value_range=(-1, 1)"
        raise ValueError(f"{name}: values from {least:.3g} to {most:.3g} leave value_range=({low:g}, {high:g}); {hint}")
    return (x.clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(0, 2, 3, 1)


def _increasing(value_range: Any) -> tuple[float, float]:
    pair = array("value_range", value_range)
    if pair.shape != (2,) or not np.isfinite(pair).all() or not pair[0] < pair[1]:
        raise ValueError(f"value_range: expected two increasing numbers, got {value_range}")
    return float(pair[0]), float(pair[1])


def shape_of_grid(n: int, rows: int | None, columns: int | None) -> tuple[int, int]:
    """Rows and columns for `n` pictures: as given, else about as wide as high, 10 columns at most unless there are many."""
    rows = None if rows is None else whole("rows", rows)
    columns = None if columns is None else whole("columns", columns)
    if columns is None:
        columns = -(-n // rows) if rows else min(n, max(math.ceil(math.sqrt(n)), min(n, 8)))
    return rows or -(-n // columns), columns


def tile(pictures: np.ndarray, rows: int, columns: int, gap: int = 1) -> np.ndarray:
    """One picture (rows*(H+gap)-gap, columns*(W+gap)-gap, C) from the first rows*columns of `pictures`; gaps are mid-grey."""
    n, h, w, c = pictures.shape
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), 128, np.uint8)
    for i in range(min(n, rows * columns)):
        top, left = (i // columns) * (h + gap), (i % columns) * (w + gap)
        sheet[top : top + h, left : left + w] = pictures[i]
    return sheet


def encode(sheet: np.ndarray, levels: int = 24) -> str:
    """A data URI of a small file: lossless WebP (PNG where there is no WebP) of at most `levels` greys, or of colours.
    These are the pictures' own up to `TRUE_COLOURS` pixels, and 256 in a larger sheet.
    """
    from PIL import Image, features

    if sheet.shape[-1] == 1:
        step = 255 / (levels - 1)
        picture = Image.fromarray((np.round(sheet[..., 0] / step) * step).round().astype(np.uint8))
    else:
        picture = Image.fromarray(sheet)
        if sheet.shape[0] * sheet.shape[1] > TRUE_COLOURS and picture.getcolors(256) is None:
            picture = picture.quantize(256, dither=Image.Dither.NONE).convert("RGB")
    webp = features.check("webp") and max(picture.size) < 16384
    buffer = io.BytesIO()
    if webp:
        picture.save(buffer, "WEBP", lossless=True, quality=75, method=4)
    else:
        picture.save(buffer, "PNG", optimize=True)
    return f"data:image/{'webp' if webp else 'png'};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def natural_scale(width: int, wanted: float | None) -> float:
    """How many screen pixels to a picture's pixel: a whole number that fills about 560, unless `wanted`."""
    if wanted is not None:
        if not 0 < wanted < math.inf:
            raise ValueError(f"scale: expected a positive number, got {wanted!r}")
        return wanted
    return max(1, min(4, 560 // width))


def picture_html(sheet: np.ndarray, alt: str, scale: float | None) -> str:
    """An `<img>` that keeps its pixels sharp and never is wider than the page."""
    height, width = sheet.shape[:2]
    shown = round(width * natural_scale(width, scale))
    return (
        f'<img alt="{html.escape(alt)}" src="{encode(sheet)}" width="{shown}" '
        f'style="image-rendering:pixelated;max-width:100%;height:auto;aspect-ratio:{width}/{height};background:none">'
    )


def figure_html(picture: str, caption: str | None, min_width: int = 0) -> str:
    """A picture with its caption under it, in the page's own font and colour."""
    text = f'<figcaption style="font-size:90%;opacity:.85">{html.escape(caption)}</figcaption>' if caption else ""
    return f'<figure style="margin:.4em 0;text-align:center;max-width:100%;min-width:{min_width}px">{picture}{text}</figure>'


def grid(
    images: Any,
    rows: int | None = None,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    scale: float | None = None,
    caption: str | None = None,
    alt: str | None = None,
) -> None:
    """Show pictures in rows and columns.

    Args:
        images: (N, C, H, W) with one or three channels, (N, H, W), or a `data.Images`. Only the first rows*columns are shown.
        rows, columns: by default about a square.
        titles: a short text over each column (as many as columns) or under each picture (as many as pictures).
        value_range: what black and white are; (-1, 1) for the output of tanh.
        scale: screen pixels to a picture's pixel.
        caption: shown below.
        alt: what a reader who cannot see the pictures is told; made from the other arguments by default.

    Raises:
        ValueError: naming the argument.
    """
    pictures = as_pictures(images, "images", value_range)
    rows, columns = shape_of_grid(len(pictures), rows, columns)
    shown = min(len(pictures), rows * columns)
    alt = alt or f"{caption or 'grid'}: {shown} pictures of {pictures.shape[2]}x{pictures.shape[1]} in {rows} rows"
    plain = f"[{alt}]"
    if titles is None:
        emit(plain, html=figure_html(picture_html(tile(pictures, rows, columns), alt, scale), caption))
        return
    titles = [str(t) for t in titles]
    if len(titles) == columns and columns != shown:
        pieces = [tile(pictures[:shown][c::columns], len(pictures[:shown][c::columns]), 1) for c in range(columns)]
    elif len(titles) == shown:
        pieces = [tile(pictures[i : i + 1], 1, 1) for i in range(shown)]
    else:
        raise ValueError(f"titles: expected {columns} (one a column) or {shown} (one a picture), got {len(titles)}")
    each = natural_scale((pictures.shape[2] + 1) * columns, scale)
    cells = "".join(figure_html(picture_html(p, t, each), t) for p, t in zip(pieces, titles, strict=True))
    widths = f"repeat({columns},minmax(0,max-content))"
    body = f'<div style="display:grid;grid-template-columns:{widths};gap:0 .4em;justify-content:center">{cells}</div>'
    emit(f"{plain} {', '.join(titles)}", html=figure_html(body, caption))


def grids(
    images: Mapping[str, Any],
    rows: int | None = None,
    columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    scale: float | None = None,
) -> None:
    """Several grids side by side, each with its title below; on a narrow screen one under the other.

    `images` maps titles to pictures; the other arguments are those of `grid`.

    Raises:
        ValueError: naming the argument.
    """
    if not images:
        raise ValueError("images: expected at least one title with its pictures")
    figures, texts = [], []
    for title, value in images.items():
        pictures = as_pictures(value, f"images[{title!r}]", value_range)
        r, c = shape_of_grid(len(pictures), rows, columns)
        alt = f"{title}: {min(len(pictures), r * c)} pictures of {pictures.shape[2]}x{pictures.shape[1]} in {r} rows"
        sheet = tile(pictures, r, c)
        fitting = max(1, min(3, (640 // len(images)) // sheet.shape[1])) if scale is None else scale
        figures.append(figure_html(picture_html(sheet, alt, fitting), title))
        texts.append(f"[{alt}]")
    body = f'<div style="display:flex;flex-wrap:wrap;gap:.4em 1.2em;justify-content:center">{"".join(figures)}</div>'
    emit("\n".join(texts), html=body)


def strips(
    images: Mapping[str, Any],
    scale: int = 2,
    value_range: tuple[float, float] = (0.0, 1.0),
    alt: str = "rows of pictures",
) -> None:
    """Rows of pictures, one below the other, each with its name at the left: one PNG, in the pictures' own colours.

    Args:
        images: name -> pictures as `grid` takes them; all rows equally long, all pictures of one size.
        scale: pixels of the file to a picture's pixel.
        value_range: what black and white are; (-1, 1) for the output of tanh.
        alt: what a reader who cannot see the pictures is told; the names of the rows are added.

    Raises:
        ValueError: naming the argument.
    """
    import matplotlib.pyplot as plt

    from .plots import show_figure

    if not images:
        raise ValueError("images: expected at least one name with its pictures")
    scale = whole("scale", scale)
    rows = {name: as_pictures(value, f"images[{name!r}]", value_range) for name, value in images.items()}
    if len({row.shape[:3] for row in rows.values()}) > 1:
        shapes = ", ".join(f"{name}: {row.shape[:3]}" for name, row in rows.items())
        raise ValueError(f"images: expected rows of equal length and pictures of one size, got {shapes}")
    pictures = np.concatenate([np.broadcast_to(row, (*row.shape[:3], 3)) for row in rows.values()])
    sheet = tile(pictures, len(rows), len(pictures) // len(rows)).repeat(scale, 0).repeat(scale, 1)
    margin, high = 20 + 7 * max(map(len, rows)), (pictures.shape[1] + 1) * scale
    width, height = margin + sheet.shape[1], sheet.shape[0]
    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    figure.figimage(sheet, margin, 0, origin="upper")
    for i, name in enumerate(rows):
        middle = 1 - (i * high + pictures.shape[1] * scale / 2) / height
        figure.text((margin - 8) / width, middle, name, ha="right", va="center", fontsize=9)
    show_figure(figure, f"{alt}; from above: {', '.join(rows)}", palette=False)


def manifold_frame(decode: Callable[[Tensor], Tensor], n: int = 20, quantile: float = 0.975, device: Any = None) -> Tensor:
    """What `decode` makes of an n x n grid of 2-D codes that are evenly spread over the standard normal law: (n*n, C, H, W).

    The codes' coordinates are the normal law's quantiles between 1 - `quantile` and `quantile`; the second coordinate grows
    upwards.

    Raises:
        ValueError: naming the argument, for fewer than two codes a side or a `quantile` that is not between 0.5 and 1.
    """
    whole("n", n, 2)
    if not 0.5 < quantile < 1:
        raise ValueError(f"quantile: expected a number between 0.5 and 1, got {quantile}")
    line = torch.special.ndtri(torch.linspace(1 - quantile, quantile, n))
    up, right = torch.meshgrid(line.flip(0), line, indexing="ij")
    if device is None:
        from nbdgm.runtime import device as default_device

        device = default_device()
    with torch.no_grad():
        return decode(torch.stack([right, up], -1).view(-1, 2).to(device))


def manifold(
    decode: Callable[[Tensor], Tensor],
    n: int = 20,
    quantile: float = 0.975,
    value_range: tuple[float, float] = (0.0, 1.0),
    scale: float | None = None,
    caption: str | None = None,
    device: Any = None,
) -> None:
    """Show what `decode` (codes (B, 2) -> pictures (B, C, H, W)) makes of an n x n grid of codes, spread as the standard
    normal law is.

    Raises:
        ValueError: naming the argument; what `decode` returns is named so.
    """
    pictures = as_pictures(manifold_frame(decode, n, quantile, device), "decode", value_range)
    alt = f"{caption or 'manifold'}: {n} x {n} decoded codes, {1 - quantile:.1%} to {quantile:.1%} of the normal law each way"
    emit(f"[{alt}]", html=figure_html(picture_html(tile(pictures, n, n, gap=0), alt, scale), caption))
