"""Shapes as signed distances (negative inside), and the paint that turns a distance into an anti-aliased edge.

Coordinates: the picture spans [-1, 1], x to the right, y downwards. All functions broadcast over pictures (n, 1, 1) and
pixels (1, h, w).
"""

import torch
from torch import Tensor


def pixels(size: int) -> tuple[Tensor, Tensor]:
    """The coordinates x and y of the pixels' centres, (1, size, size) each."""
    line = (torch.arange(size) + 0.5) * (2 / size) - 1
    return line.view(1, 1, -1).expand(1, size, -1), line.view(1, -1, 1).expand(1, -1, size)


def rotate(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates in a frame turned by `angle` (radians, clockwise on the screen)."""
    c, s = angle.cos(), angle.sin()
    return c * x + s * y, c * y - s * x


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """Distance to an ellipse about the origin, exact to first order at its edge."""
    u, v = x / rx, y / ry
    k = (u * u + v * v).sqrt()
    return k * (k - 1) / ((u / rx).square() + (v / ry).square()).sqrt().clamp_min(1e-6)


def box(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float, radius: Tensor | float = 0.0) -> Tensor:
    """Distance to a box about the origin with half sides `rx`, `ry` and round corners."""
    dx, dy = x.abs() - rx + radius, y.abs() - ry + radius
    outside = (dx.clamp_min(0).square() + dy.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(dx, dy).clamp_max(0) - radius


def segment(x: Tensor, y: Tensor, x0, y0, x1, y1) -> Tensor:
    """Distance to the segment from (x0, y0) to (x1, y1); subtract half of a thickness to make it a stroke."""
    ex, ey = torch.as_tensor(x1 - x0), torch.as_tensor(y1 - y0)
    px, py = x - x0, y - y0
    t = ((px * ex + py * ey) / (ex * ex + ey * ey).clamp_min(1e-9)).clamp(0, 1)
    return ((px - t * ex).square() + (py - t * ey).square()).sqrt()


def blend(a: Tensor, b: Tensor, k: float) -> Tensor:
    """The union of two shapes with a fillet of about `k`."""
    h = (0.5 + 0.5 * (b - a) / k).clamp(0, 1)
    return torch.lerp(b, a, h) - k * h * (1 - h)


def coverage(distance: Tensor, size: int, soft: float = 1.0) -> Tensor:
    """The share of a pixel that the shape covers, in [0, 1]; `soft` is the width of the edge in pixels."""
    return (0.5 - distance * (size / (2 * soft))).clamp(0, 1)


def over(canvas: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    """`colour` (n, 3, 1, 1) or (n, 3, h, w) laid over `canvas` (n, 3, h, w), in place, with opacity `alpha` (n, h, w)."""
    return canvas.lerp_(colour, alpha.unsqueeze(1))
