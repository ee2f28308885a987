"""Grey glyphs: ten characters made of strokes, turned, slanted, stretched and thickened by known amounts."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nbdgm.border import whole

from ..images import Images
from .factors import Factor, complete, draw_factors
from .sdf import coverage, pixels, rotate, segment


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, pieces: int = 12) -> list[tuple[float, float]]:
    angles = [math.radians(start + (stop - start) * i / pieces) for i in range(pieces + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# Each character is a list of poly-lines in the box [-0.5, 0.5] x [-0.8, 0.8], y downwards.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [_arc(0, 0, 0.48, 0.78, 0, 360, 24)],
    "1": [[(-0.28, -0.48), (0.05, -0.78), (0.05, 0.78)]],
    "2": [[*_arc(0, -0.35, 0.45, 0.43, -170, 25), (-0.46, 0.76), (0.48, 0.76)]],
    "3": [_arc(-0.03, -0.39, 0.43, 0.39, -150, 90) + _arc(-0.03, 0.39, 0.48, 0.39, -90, 150)],
    "4": [[(0.22, 0.78), (0.22, -0.78), (-0.48, 0.30), (0.50, 0.30)]],
    "5": [[(0.42, -0.76), (-0.35, -0.76), (-0.4, -0.08), *_arc(-0.02, 0.28, 0.47, 0.48, -140, 145)]],
    "A": [[(-0.50, 0.78), (0.0, -0.78), (0.50, 0.78)], [(-0.32, 0.25), (0.32, 0.25)]],
    "E": [[(0.42, -0.76), (-0.40, -0.76), (-0.40, 0.76), (0.42, 0.76)], [(-0.40, 0.0), (0.30, 0.0)]],
    "K": [[(-0.42, -0.78), (-0.42, 0.78)], [(0.44, -0.78), (-0.42, 0.10)], [(-0.12, -0.18), (0.48, 0.78)]],
    "S": [_arc(0, -0.39, 0.44, 0.38, -20, -270) + _arc(0, 0.39, 0.44, 0.38, -90, 160)],
}

GLYPH_FACTORS: dict[str, Factor] = {
    "character": tuple(STROKES),
    "rotation": (-0.5, 0.0, 0.5),  # radians, clockwise
    "width": (0.6, 1.0, 1.4),
    "thickness": (0.06, 0.11, 0.18),  # of a stroke, in half pictures
    "slant": (-0.35, 0.0, 0.35),
    "x": (-0.15, 0.0, 0.15),
    "y": (-0.15, 0.0, 0.15),
}
GLYPH_MEANINGS = {
    "character": "which of ten characters; the class `.y`",
    "rotation": "turn about the centre, in radians, clockwise",
    "width": "stretch from left to right, strokes excepted",
    "thickness": "half the width of a stroke, in half pictures",
    "slant": "how far the top leans to the right",
    "x": "shift to the right, in half pictures",
    "y": "shift downwards, in half pictures",
}


def glyphs(n: int, size: int = 28, seed: int = 0, **fixed: Any) -> Images:
    """`n` glyphs with independent uniform factors, except those that are `fixed`.

    `.x` is (n, 1, size, size), white on black; `.factors[name]` is (n,); `.y` is the character, 0 to 9. `GLYPH_FACTORS`
    lists factors and ranges. Picture i depends on `seed`, on i and on the factors alone.

    Raises:
        ValueError: naming the argument, for an unknown factor, a value out of range, or a wrong number of values.
    """
    factors = draw_factors(n, seed, fixed, GLYPH_FACTORS)
    return Images(draw_glyphs(factors, size), factors["character"], "glyphs", factors=factors)


def draw_glyphs(factors: Mapping[str, Any] | None = None, size: int = 28, **more: Any) -> Tensor:
    """The pictures (n, 1, size, size), values in [0, 1], of the glyphs with these factors, which broadcast as in `draw_faces`.

    Raises:
        ValueError: naming the argument, for an unknown factor or a value out of range.
    """
    if not 8 <= whole("size", size) <= 1024:
        raise ValueError(f"size: expected 8 to 1024, got {size}")
    values = complete({**(factors or {}), **more}, GLYPH_FACTORS)
    n = len(values["x"])
    picture = torch.zeros(n, size, size)
    chunk = max(1, 256 * 28 * 28 // size**2)
    for code, strokes in enumerate(STROKES.values()):
        for where in (values["character"] == code).nonzero()[:, 0].split(chunk):
            picture[where] = _draw(strokes, {k: v[where].float().view(-1, 1, 1) for k, v in values.items()}, size)
    return picture[:, None].float()


def _draw(strokes: list[list[tuple[float, float]]], f: dict[str, Tensor], size: int) -> Tensor:
    """Distances are measured in the picture, so a stroke is equally thick in every direction: the strokes' points are moved
    instead.
    """
    x, y = pixels(size)
    distance = torch.full((len(f["x"]), size, size), torch.inf)
    for line in strokes:
        points = [_place(px, py, f) for px, py in line]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            distance = torch.minimum(distance, segment(x, y, x0, y0, x1, y1))
    return coverage(distance - f["thickness"], size)


def _place(px: float, py: float, f: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    u = 0.80 * px * f["width"] - f["slant"] * 0.75 * py
    u, v = rotate(u, 0.75 * py * torch.ones_like(u), -f["rotation"])
    return u + f["x"], v + f["y"]
