"""Small graphs as inline SVG: graphical models (circles, plates) and networks (boxes), in the page's own colour."""

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .pictures import emit, figure_html

UNIT = 84.0  # pixels to a unit of the nodes' coordinates
RADIUS = 23.0
LETTER = 8.4  # width of a letter of 15 pixels, on average
LINE = 19.0
KINDS = ("latent", "observed", "box", "round", "constant", "text")


def diagram(
    nodes: Mapping[str, Sequence[Any]],
    edges: Sequence[Sequence[str]] = (),
    *,
    plates: Sequence[tuple[Sequence[str], str]] = (),
    labels: Mapping[str, str] | None = None,
    colours: Mapping[str, str] | None = None,
    caption: str | None = None,
    alt: str | None = None,
    scale: float = 1.0,
) -> None:
    """Draw a graph.

    Example: `diagram({"z": (0, 0, "latent"), "x": (0, 1, "observed")}, [("z", "x")], plates=[(["z", "x"], "N")])`

    Args:
        nodes: name -> (column, row) or (column, row, kind); columns grow to the right, rows downwards, fractions are welcome.
            Kinds: "latent" (a circle), "observed" (a shaded circle), "box" (a network or an operation; the default), "round" (a
            law or a loss), "constant" (a dot beside its label), "text" (no frame).
        edges: (from, to), (from, to, label) or (from, to, label, style); styles are words: "dashed", "plain" (no head), "both"
            (two heads), "left" and "right" (bent to that side, seen along the edge), e.g. "dashed left".
        plates: (names, label): a frame about these nodes, which are repeated as the label says.
        labels: name -> what is written, if not the name. In names and labels `_` and `^` lower and raise the next letter or
            {group}, `*words*` are italic, and a line break starts a new line. Circles' letters are italic by themselves.
        colours: name -> a CSS colour for a node: its frame and what it is filled with, a constant's dot, a text's letters.
        caption: shown below.
        alt: alternative text; by default the nodes and edges in words.
        scale: of the whole drawing.

    Raises:
        ValueError: naming the argument, for an unknown node, kind or style.
    """
    if not nodes:
        raise ValueError("nodes: expected at least one")
    texts = {name: (labels or {}).get(name, name) for name in nodes}
    for argument, names in (("labels", labels or {}), ("colours", colours or {})):
        for name in names:
            _known(name, nodes, argument)
    for name, spec in nodes.items():
        if len(spec) not in (2, 3):
            raise ValueError(f"nodes: {name!r}: expected (column, row) or (column, row, kind), got {spec!r}")
    placed = {name: _Node(name, texts[name], *spec) for name, spec in nodes.items()}
    parts, extents = [], [node.extent() for node in placed.values()]
    for i, (members, label) in enumerate(plates):
        if not members:
            raise ValueError(f"plates: {label!r} holds no node")
        inside = [placed[_known(name, nodes, "plates")].extent() for name in members]
        # plates that hold the same nodes lie one about the other
        margin = 18 + 7 * sum(set(members) >= set(other) for other, _ in plates[:i])
        left, top = (min(e[k] for e in inside) - margin for k in (0, 1))
        right, bottom = max(e[2] for e in inside) + margin, max(e[3] for e in inside) + margin + 16
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" rx="9" {_LINE}/>'
        )
        parts.append(_written(label, right - 8, bottom - 6, "end", italic=True, size=14))
        extents.append((left, top, right, bottom))
    said = []
    for edge in edges:
        if len(edge) < 2 or len(edge) > 4:
            raise ValueError(f"edges: expected (from, to[, label[, style]]), got {edge!r}")
        start, end = (_known(name, nodes, "edges") for name in edge[:2])
        label, style = (*edge[2:], "", "")[:2]
        drawn, box = _edge(placed[start], placed[end], label, style.split())
        parts.append(drawn)
        extents.append(box)
        joint = "-" if "plain" in style else "<->" if "both" in style else "->"
        said.append(f"{_bare(texts[start])} {joint} {_bare(texts[end])}" + (f" ({_bare(label)})" if label else ""))
    parts += [node.svg((colours or {}).get(name)) for name, node in placed.items()]
    left, top = (min(e[k] for e in extents) - 4 for k in (0, 1))
    width, height = max(e[2] for e in extents) + 4 - left, max(e[3] for e in extents) + 4 - top
    alt = alt or f"{caption or 'diagram'}: " + ("; ".join(said) or ", ".join(_bare(t) for t in texts.values()))
    svg = (
        f'<svg role="img" aria-label="{html.escape(alt)}" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'width="{width * scale:.0f}" style="max-width:100%;height:auto;color:inherit" fill="currentColor" '
        f'font-family="Latin Modern Math,STIX Two Text,Cambria,Georgia,serif" font-size="16">{"".join(parts)}</svg>'
    )
    emit(f"[{alt}]", html=figure_html(svg, caption))


_LINE = 'fill="none" stroke="currentColor" stroke-width="1.4"'


def _known(name: str, nodes: Mapping, argument: str) -> str:
    if name not in nodes:
        raise ValueError(f"{argument}: unknown node {name!r}; there are {', '.join(nodes)}")
    return name


def _bare(text: str) -> str:
    return re.sub(r"[{}*]", "", text).replace("\n", " ")


class _Node:
    """A node in pixels: its centre, its half width and height, and how it looks."""

    def __init__(self, name: str, text: str, column: float, row: float, kind: str = "box") -> None:
        if kind not in KINDS:
            raise ValueError(f"nodes: {name!r} has the unknown kind {kind!r}; kinds are {', '.join(KINDS)}")
        self.x, self.y, self.kind, self.text = column * UNIT, row * UNIT, kind, text
        lines = text.split("\n")
        width = max(len(re.sub(r"[{}*_^]", "", line)) for line in lines) * LETTER
        if kind in ("latent", "observed"):
            self.rx = self.ry = RADIUS
        elif kind == "constant":
            self.rx = self.ry = 4.0
        else:
            margin = 4 if kind == "text" else 20
            self.rx, self.ry = max(width + margin, 24) / 2, (len(lines) * LINE + (2 if kind == "text" else 15)) / 2

    def extent(self) -> tuple[float, float, float, float]:
        below = 22 if self.kind == "constant" else 0
        return self.x - self.rx, self.y - self.ry, self.x + self.rx, self.y + self.ry + below

    def border(self, dx: float, dy: float) -> tuple[float, float]:
        """Where the ray from the centre in the direction (dx, dy) leaves the node."""
        length = math.hypot(dx, dy) or 1.0
        dx, dy = dx / length, dy / length
        if self.kind in ("latent", "observed", "constant"):
            far = self.rx
        else:
            far = min(self.rx / abs(dx) if dx else math.inf, self.ry / abs(dy) if dy else math.inf)
        return self.x + far * dx, self.y + far * dy

    def svg(self, colour: str | None) -> str:
        paint = f'stroke="{html.escape(colour or "currentColor")}" stroke-width="1.6"'
        shade = f'fill="{html.escape(colour or "currentColor")}" fill-opacity="{{}}"'
        filled = f' fill="{html.escape(colour)}"' if colour else ""
        x, y, rx, ry = f"{self.x:.1f}", f"{self.y:.1f}", self.rx, self.ry
        circle = self.kind in ("latent", "observed")
        if self.kind == "constant":
            dot = f'<circle cx="{x}" cy="{y}" r="4"{filled}/>'
            return dot + _written(self.text, self.x, self.y + 20, "middle", italic=True)
        if circle:
            fill = shade.format(0.22 if self.kind == "observed" else 0.12 if colour else 0)
            frame = f'<circle cx="{x}" cy="{y}" r="{rx}" {fill} {paint}/>'
        elif self.kind == "text":
            frame = ""
        else:
            corner = ry if self.kind == "round" else 5
            box = f'x="{self.x - rx:.1f}" y="{self.y - ry:.1f}" width="{2 * rx:.1f}" height="{2 * ry:.1f}" rx="{corner:.1f}"'
            frame = f"<rect {box} {shade.format(0.16 if colour else 0.06)} {paint}/>"
        lines = self.text.split("\n")
        first = self.y + 5 - (len(lines) - 1) * LINE / 2
        written = "".join(_written(line, self.x, first + i * LINE, "middle", italic=circle) for i, line in enumerate(lines))
        return frame + (f"<g{filled}>{written}</g>" if filled and self.kind == "text" else written)


def _edge(a: _Node, b: _Node, label: str, style: list[str]) -> tuple[str, tuple[float, float, float, float]]:
    for word in style:
        if word not in ("dashed", "plain", "both", "left", "right"):
            raise ValueError(f"edges: unknown style {word!r}; styles are dashed, plain, both, left, right")
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy)
    if not length:
        raise ValueError("edges: both ends lie at the same place")
    bend = 0.24 * (("right" in style) - ("left" in style)) * length
    nx, ny = -dy / length, dx / length  # to the right of the edge, y downwards
    mx, my = (a.x + b.x) / 2 + 2 * bend * nx, (a.y + b.y) / 2 + 2 * bend * ny  # control point of a quadratic curve
    x0, y0 = a.border(mx - a.x, my - a.y)
    x1, y1 = b.border(mx - b.x, my - b.y)
    dash = ' stroke-dasharray="5 4"' if "dashed" in style else ""
    heads = ""
    if "plain" not in style:
        head, (x1, y1) = _head(x1, y1, x1 - mx, y1 - my)
        heads += head
    if "both" in style:
        head, (x0, y0) = _head(x0, y0, x0 - mx, y0 - my)
        heads += head
    path = f'<path d="M{x0:.1f} {y0:.1f}Q{mx:.1f} {my:.1f} {x1:.1f} {y1:.1f}" {_LINE}{dash}/>{heads}'
    hx, hy = (x0 + 2 * mx + x1) / 4, (y0 + 2 * my + y1) / 4  # the middle of the curve
    box = (min(x0, x1, hx), min(y0, y1, hy), max(x0, x1, hx), max(y0, y1, hy))
    if not label:
        return path, box
    side = 1 if bend > 0 else -1
    tx, ty = hx + side * 9 * nx, hy + side * 9 * ny
    anchor = "middle" if abs(ny) > 0.9 else "start" if side * nx > 0 else "end"
    wide = len(re.sub(r"[{}*_^]", "", label)) * 7.4
    start = tx - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * wide
    box = (min(box[0], start), min(box[1], ty - 12), max(box[2], start + wide), max(box[3], ty + 10))
    return path + _written(
        label, tx, ty + (4 if side * ny > -0.5 else -1) + (5 if side * ny > 0.9 else 0), anchor, size=14
    ), box


def _head(x: float, y: float, dx: float, dy: float) -> tuple[str, tuple[float, float]]:
    """An arrow's head with its tip at (x, y), and where its line should end."""
    length = math.hypot(dx, dy) or 1.0
    dx, dy = dx / length, dy / length
    bx, by = x - 9 * dx, y - 9 * dy
    left, right = (bx - 4 * dy, by + 4 * dx), (bx + 4 * dy, by - 4 * dx)
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in ((x, y), left, right))
    return f'<polygon points="{points}"/>', (x - 7 * dx, y - 7 * dy)


def _written(text: str, x: float, y: float, anchor: str, italic: bool = False, size: int = 16) -> str:
    """Text with `_`, `^`, `{}` and `*italics*` as SVG."""
    pieces, shift, slanted = [], 0.0, False
    for mark, group, letter, star, plain in re.findall(r"([_^])(?:\{([^}]*)\}|(.))|(\*)|([^_^*]+)", text):
        if star:
            slanted = not slanted
            continue
        small = bool(mark)
        target = {"_": 0.28, "^": -0.42}.get(mark, 0.0) * size
        style = ' font-style="italic"' if slanted else ""
        style += f' font-size="{size * 0.72:.1f}"' if small else ""
        move = f' dy="{target - shift:.1f}"' if target != shift else ""
        pieces.append(f"<tspan{move}{style}>{html.escape(group or letter or plain)}</tspan>")
        shift = target
    slant = ' font-style="italic"' if italic else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{slant}>{"".join(pieces)}</text>'
