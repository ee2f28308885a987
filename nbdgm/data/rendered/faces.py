"""Cartoon faces, drawn from fourteen factors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nbdgm.border import whole

from ..images import Images
from .factors import Factor, complete, draw_factors
from .sdf import blend, box, coverage, ellipse, over, pixels, rotate, segment

HAIR = {
    "black": "2b2a33",
    "brown": "7a4a2b",
    "blonde": "f2cf63",
    "red": "c8412f",
    "pink": "f08fb4",
    "purple": "8a5cc2",
    "blue": "3f7fd6",
    "green": "4fae74",
}
EYES = {"brown": "8a4b1f", "blue": "2f7be0", "green": "2fa04f", "purple": "8b3fd0", "red": "d8322f", "gold": "e0a020"}
RIBBON = {"none": "000000", "red": "e5383b", "yellow": "ffc928", "blue": "2f6fe4", "white": "f7f7fb"}
SKIN = {"light": "ffe3cf", "tan": "f3c79f", "brown": "c68a5c", "dark": "8d5a3b"}
BACKGROUND = {"sky": "bfe3f7", "cream": "f7ecd2", "mint": "c9ecd6", "rose": "f7d3da", "lilac": "ddd3f3", "slate": "9aa7b8"}
SHIRT = {"white": "f2f2f2", "navy": "2f4270", "crimson": "b23a48", "teal": "2a9d8f"}

FACE_FACTORS: dict[str, Factor] = {
    "hair_colour": tuple(HAIR),
    "eye_colour": tuple(EYES),
    "ribbon": tuple(RIBBON),
    "hair_style": ("bob", "long", "twin tails", "short"),
    "skin": tuple(SKIN),
    "mouth": ("smile", "open", "small", "calm"),
    "background": tuple(BACKGROUND),
    "shirt": tuple(SHIRT),
    "pose": (-1.0, 0.0, 1.0),  # turned to the picture's left ... to its right
    "tilt": (-1.0, 0.0, 1.0),
    "light": (-1.0, -0.6, 1.0),  # from the left ... from the right
    "light_strength": (0.0, 0.7, 1.0),
    "eye_open": (0.0, 0.9, 1.0),
    "gaze": (-1.0, 0.0, 1.0),
}
FACE_MEANINGS = {
    "hair_colour": "colour of hair and brows; the class `.y`",
    "eye_colour": "colour of both irises",
    "ribbon": "colour of the ribbon on the left side of the head, or none",
    "hair_style": "shape of the hair: behind the head, at the sides, and of the fringe",
    "skin": "colour of face, ears and neck",
    "mouth": "shape of the mouth",
    "background": "colour behind everything",
    "shirt": "colour of the shirt",
    "pose": "turn of the head to the picture's left (-1) or right (1)",
    "tilt": "lean of the head about the chin: left (-1) to right (1)",
    "light": "where the light comes from: left (-1) to right (1)",
    "light_strength": "how much it matters: 0 is even light, and then `light` does not show",
    "eye_open": "closed (0) to wide open (1)",
    "gaze": "where the eyes look, left to right",
}


def faces(n: int, size: int = 32, seed: int = 0, **fixed: Any) -> Images:
    """`n` cartoon faces with independent uniform factors, except those that are `fixed`.

    `.x` is (n, 3, size, size); `.factors[name]` is (n,), whole numbers for choices; `.y` is the hair colour.
    A choice may be given by number or by name, and one value or n values at a time: `faces(64, hair_colour="pink", pose=0.0)`.
    `FACE_FACTORS` lists factors and values. Picture i depends on `seed`, on i and on the factors alone.

    Raises:
        ValueError: naming the argument, for an unknown factor, a value out of range, or a wrong number of values.
    """
    factors = draw_factors(n, seed, fixed, FACE_FACTORS)
    return Images(draw_faces(factors, size), factors["hair_colour"], "faces", factors=factors)


def draw_faces(factors: Mapping[str, Any] | None = None, size: int = 32, **more: Any) -> Tensor:
    """The pictures (n, 3, size, size), values in [0, 1], of the faces with these factors.

    Factors are numbers or vectors, and broadcast: `draw_faces(pose=torch.linspace(-1, 1, 9), hair_colour="red")` gives nine
    pictures. Those that are not given take a typical value.

    Raises:
        ValueError: naming the argument, for an unknown factor or a value out of range.
    """
    if not 8 <= whole("size", size) <= 1024:
        raise ValueError(f"size: expected 8 to 1024, got {size}")
    values = complete({**(factors or {}), **more}, FACE_FACTORS)
    chunk = max(1, 128 * 32 * 32 // size**2)
    n = len(values["pose"])
    pieces = [_draw({k: v[i : i + chunk] for k, v in values.items()}, size) for i in range(0, n, chunk)]
    return torch.cat(pieces).float() if pieces else torch.zeros(0, 3, size, size).float()


def _palette(table: dict[str, str], index: Tensor) -> Tensor:
    rgb = torch.tensor([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in table.values()])
    return rgb[index][:, :, None, None]


def _draw(f: dict[str, Tensor], size: int) -> Tensor:
    number = {k: v.float().view(-1, 1, 1) for k, v in f.items()}
    hair, iris, skin = _palette(HAIR, f["hair_colour"]), _palette(EYES, f["eye_colour"]), _palette(SKIN, f["skin"])
    shirt, backdrop, ribbon = _palette(SHIRT, f["shirt"]), _palette(BACKGROUND, f["background"]), _palette(RIBBON, f["ribbon"])
    dark = torch.tensor([0.16, 0.10, 0.14]).view(1, 3, 1, 1)
    white = torch.ones(1, 3, 1, 1)
    bob, long, tails, short = (number["hair_style"] == i for i in range(4))

    x, y = pixels(size)

    def edge(distance: Tensor) -> Tensor:
        return coverage(distance, size)

    # The light falls from one side: paint is multiplied by this, brighter towards the light and darker away from it.
    side = number["light"] * number["light_strength"]
    shade = (1 + 0.48 * side * (x / 0.62).clamp(-1, 1) - 0.10 * side.abs()).unsqueeze(1)
    lit_skin, lit_hair, lit_shirt = ((c * shade).clamp(0, 1) for c in (skin, hair, shirt))
    shadow_skin = lit_skin * torch.tensor([0.84, 0.74, 0.74]).view(1, 3, 1, 1)
    shadow_hair = lit_hair * 0.72

    # The head leans by `tilt` about the chin and turns by `pose` about the vertical: what lies on its front moves as on a
    # cylinder.
    hx, hy = rotate(x, y - 0.55, 0.20 * number["tilt"])
    hy = hy + 0.55
    turn = 0.55 * number["pose"]

    def on_face(angle: float | Tensor, radius: float = 0.56) -> tuple[Tensor, Tensor]:
        """Where the face's point at `angle` lands, and how much narrower the turn makes it."""
        a = turn + angle
        return radius * a.sin(), a.cos().clamp_min(0.25)

    back = -0.16 * turn  # the back of the head moves the other way

    canvas = backdrop * (1.04 - 0.10 * y).unsqueeze(1).clamp(0.8, 1.04)
    canvas = canvas.clamp(0, 1).expand(len(hair), 3, size, size).clone()  # painted over in place

    # Hair behind the head.
    bx = hx - back
    cap = ellipse(bx, hy + 0.10, 0.70, 0.70)
    bob_shape = blend(cap, box(bx, hy - 0.20, 0.68, 0.36, 0.22), 0.08)
    long_shape = blend(cap, box(bx, hy - 0.55, 0.72, 0.75, 0.25), 0.08)
    swing = 0.10 * turn
    tail_l = ellipse(*rotate(hx + 0.80 + swing, hy - 0.18, torch.tensor(0.25)), 0.19, 0.52)
    tail_r = ellipse(*rotate(hx - 0.80 + swing, hy - 0.18, torch.tensor(-0.25)), 0.19, 0.52)
    tail_shape = torch.minimum(cap, torch.minimum(tail_l, tail_r))
    behind = torch.where(bob, bob_shape, torch.where(long, long_shape, torch.where(tails, tail_shape, cap)))
    canvas = over(canvas, shadow_hair * 0.8, edge(behind - 0.03))
    canvas = over(canvas, torch.where(tails.unsqueeze(1), lit_hair, shadow_hair), edge(behind))

    # Shoulders and neck.
    body = ellipse(x, y - 1.30, 0.80, 0.52)
    canvas = over(canvas, lit_shirt * 0.7, edge(body - 0.03))
    canvas = over(canvas, lit_shirt, edge(body))
    canvas = over(canvas, lit_skin * 0.92, edge(ellipse(x, y - 0.84, 0.22, 0.13)))
    canvas = over(canvas, shadow_skin, edge(box(x, y - 0.70, 0.15, 0.20, 0.06)))

    # Ears, head.
    for sign in (-1, 1):
        ex = hx - sign * 0.60 + 0.22 * turn
        canvas = over(canvas, shadow_skin, edge(ellipse(ex, hy - 0.18, 0.12, 0.16)))
    head = blend(ellipse(hx, hy - 0.05, 0.60, 0.56), ellipse(hx - 0.10 * turn, hy - 0.32, 0.40, 0.42), 0.25)
    canvas = over(canvas, shadow_skin * 0.8, edge(head - 0.02))
    canvas = over(canvas, lit_skin, edge(head))
    inside = edge(head)
    canvas = over(
        canvas, shadow_skin, inside * coverage(ellipse(hx, hy + 0.14, 0.66, 0.40), size, 3.0) * 0.7
    )  # shadow of the fringe

    # Cheeks, nose.
    for sign in (-1, 1):
        cx, narrow = on_face(0.62 * sign)
        blush = coverage(ellipse(hx - cx, hy - 0.42, 0.13 * narrow, 0.07), size, 2.5) * inside
        canvas = over(canvas, torch.tensor([0.95, 0.45, 0.45]).view(1, 3, 1, 1), 0.40 * blush)
    nx, _ = on_face(0.0, 0.62)
    canvas = over(canvas, shadow_skin * 0.85, edge(ellipse(hx - nx, hy - 0.38, 0.035, 0.03)) * 0.9)

    # Eyes: a dark lid, the white, the iris with a darker top, the pupil, a spark.
    opening = number["eye_open"]
    for sign in (-1, 1):
        cx, narrow = on_face(0.46 * sign)
        ex, ey = hx - cx, hy - 0.20
        rx, ry = 0.155 * narrow.clamp_min(0.55), 0.04 + 0.155 * opening
        lid = ellipse(ex, ey + 0.03, rx + 0.035, ry + 0.02)
        canvas = over(canvas, dark, edge(lid) * inside)
        eyeball = edge(ellipse(ex, ey - 0.02, rx, ry - 0.015)) * inside * (opening / 0.15).clamp(0, 1)
        canvas = over(canvas, white, eyeball)
        ix = ex - 0.05 * number["gaze"] * narrow
        eye = edge(ellipse(ix, ey - 0.02, 0.115 * narrow.clamp_min(0.6), 0.165)) * eyeball
        canvas = over(canvas, iris * 0.55, eye)
        canvas = over(canvas, iris, eye * coverage(ellipse(ix, ey - 0.07, 0.10, 0.11), size, 1.5))
        canvas = over(canvas, dark, edge(ellipse(ix, ey - 0.0, 0.045, 0.07)) * eyeball)
        canvas = over(canvas, white, edge(ellipse(ix + 0.045, ey + 0.07, 0.04, 0.045)) * eyeball)
        brow = segment(hx - cx, hy + 0.08, -0.12 * narrow, -0.01 * sign, 0.12 * narrow, 0.01 * sign) - 0.016
        canvas = over(canvas, shadow_hair * 0.6, edge(brow) * inside * 0.8)

    # Mouth.
    mx, narrow = on_face(0.0, 0.58)
    ux, uy = (hx - mx) / narrow, hy - 0.56
    smile = (uy - 0.06 + 2.2 * ux.square()).abs() / (1 + (4.4 * ux).square()).sqrt() - 0.022
    smile = torch.maximum(smile, ux.abs() - 0.15)
    opened = torch.maximum(ellipse(ux, uy + 0.02, 0.15, 0.15), -(uy + 0.02))
    tiny = ellipse(ux, uy, 0.05, 0.055)
    calm = segment(ux, uy, -0.09, 0.0, 0.09, 0.0) - 0.02
    kind = number["mouth"]
    mouth = torch.where(kind == 0, smile, torch.where(kind == 1, opened, torch.where(kind == 2, tiny, calm)))
    red = torch.tensor([0.62, 0.16, 0.20]).view(1, 3, 1, 1)
    canvas = over(canvas, red, edge(mouth) * inside)
    tongue = edge(ellipse(ux, uy - 0.11, 0.10, 0.07)) * edge(opened) * (kind == 1)
    canvas = over(canvas, torch.tensor([0.95, 0.50, 0.50]).view(1, 3, 1, 1), tongue * inside)

    # Hair in front: the top of the head above a fringe of strands, and locks at the sides.
    fx = hx - 0.50 * turn.sin()
    crown = ellipse(hx - 0.5 * back, hy + 0.12, 0.68, 0.68)
    strands = ((fx * 3.1 + 0.5).remainder(1.0) - 0.5).square() * 0.52
    straight = -0.08 - strands + 0.10 * fx.square()
    parted = 0.20 * (fx.abs() * 1.5).clamp_max(1.0) - 0.30 - 0.4 * strands + 0.22 * fx.abs()
    swept = -0.22 + 0.26 * fx - strands * 0.6
    spiky = -0.14 - 1.4 * strands
    fringe = torch.where(bob, straight, torch.where(long, parted, torch.where(tails, swept, spiky)))
    front = torch.maximum(crown, (hy - fringe) * 0.8)
    length = torch.where(short, 0.05, torch.where(bob, 0.42, torch.where(long, 0.75, 0.30)))
    for sign in (-1, 1):
        lx = hx - sign * 0.60 + 0.10 * turn
        lock = ellipse(lx, hy - 0.5 * length + 0.10, 0.10, 0.22 + 0.5 * length)
        front = blend(front, lock, 0.06)
    canvas = over(canvas, shadow_hair * 0.75, edge(front - 0.025))
    canvas = over(canvas, lit_hair, edge(front))
    gx, gy = hx - 0.18 * side - 0.10 * turn, hy + 0.47
    crescent = torch.maximum(ellipse(gx, gy - 0.10, 0.42, 0.16), -ellipse(gx, gy - 0.19, 0.52, 0.19))
    gloss = coverage(crescent, size, 1.5) * edge(front + 0.05)
    canvas = over(canvas, (lit_hair * 1.25 + 0.18).clamp(0, 1), 0.55 * gloss)

    # The ribbon: two loops and a knot, on the side of the head that the picture shows on the left.
    rx, ry = rotate(hx + 0.42 - 0.25 * turn, hy + 0.50, torch.tensor(-0.5))
    wing = torch.minimum(
        torch.maximum(rx.abs() - 0.30, ry.abs() - 0.07 - 0.42 * rx.abs()),
        ellipse(rx, ry, 0.09, 0.10),
    )
    worn = (number["ribbon"] > 0).float()
    canvas = over(canvas, ribbon * 0.55, edge(wing - 0.03) * worn)
    canvas = over(canvas, (ribbon * shade).clamp(0, 1), edge(wing) * worn)
    canvas = over(canvas, ribbon * 0.75, edge(ellipse(rx, ry, 0.07, 0.08)) * worn)
    return canvas.clamp(0, 1)
