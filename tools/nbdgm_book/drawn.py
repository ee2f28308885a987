"""The appendix page about the drawn data: its tables and pictures are made from the code whenever the page is built."""

import time
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from nbdgm_book.pages import BookDirective

SETS = ("faces", "glyphs")
STEPS = 8  # pictures in the row of a number


def drawn(name: str) -> tuple:
    """Of a drawn set: what makes a random sample, what draws given factors, the factors, and what they mean."""
    from nbdgm.data import rendered

    return {
        "faces": (rendered.faces, rendered.draw_faces, rendered.FACE_FACTORS, rendered.FACE_MEANINGS),
        "glyphs": (rendered.glyphs, rendered.draw_glyphs, rendered.GLYPH_FACTORS, rendered.GLYPH_MEANINGS),
    }[name]


def picture(pictures, columns: int, alt: str, scale: float) -> str:
    """An `<img>` of the pictures in rows of `columns`."""
    from nbdgm.display.pictures import as_pictures, picture_html, tile

    pixels = as_pictures(pictures)
    return picture_html(tile(pixels, -(-len(pixels) // columns), columns), alt, scale)


def factor_rows(name: str) -> list[list[str]]:
    """For each factor its name, its law, its typical value, and what it does."""
    _, _, factors, meanings = drawn(name)
    rows = []
    for factor, values in factors.items():
        if isinstance(values[0], str):
            law, typical = f"one of {len(values)}: {', '.join(values)}", values[0]
        else:
            law, typical = f"uniform from {values[0]:g} to {values[2]:g}", f"{values[1]:g}"
        rows.append([f"`{factor}`", law, typical, meanings[factor]])
    return rows


def traverse(name: str, factor: str, size: int):
    """Pictures that differ in one factor only: all its choices, or evenly spaced numbers."""
    import torch

    _, draw, factors, _ = drawn(name)
    values = factors[factor]
    plain = {"ribbon": "yellow", "light_strength": 1.0, "light": -1.0} if name == "faces" else {"character": "K"}
    plain.pop(factor, None)
    if factor == "light_strength":
        plain["light"] = 1.0
    choice = isinstance(values[0], str)
    return draw({**plain, factor: torch.arange(len(values)) if choice else torch.linspace(values[0], values[2], STEPS)}, size)


def seconds(name: str, size: int, n: int = 256) -> float:
    """Seconds of one core for 10,000 pictures: the best of three runs over `n`, scaled up; what else runs is not counted."""
    import torch

    make, threads, best = drawn(name)[0], torch.get_num_threads(), float("inf")
    torch.set_num_threads(1)
    try:
        for _ in range(3):
            start = time.process_time()
            make(n, size=size)
            best = min(best, time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    return best * 10_000 / n


class DrawnFactors(BookDirective):
    """`{drawn-factors} faces`: the factors, their laws and what they do."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        head = ["factor", "law", "if not given to `draw_`", "what it does"]
        return [self.table(head, factor_rows(directives.choice(self.arguments[0], SETS)))]


class DrawnSample(BookDirective):
    """`{drawn-sample} faces`: a sheet of random pictures. Options: `size`, `count`, `columns`, `scale`."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {k: directives.positive_int for k in ("size", "count", "columns", "scale")}

    def run(self) -> list[nodes.Node]:
        name = directives.choice(self.arguments[0], SETS)
        size, count = self.options.get("size", 32), self.options.get("count", 40)
        alt = f"{count} {name} of {size}x{size}, all factors random"
        html = picture(drawn(name)[0](count, size=size), self.options.get("columns", 10), alt, self.options.get("scale", 1))
        return [nodes.raw("", f"<p>{html}</p>", format="html")]


class DrawnTraverses(BookDirective):
    """`{drawn-traverses} faces`: a row of pictures for each factor, in which nothing else changes. Option: `size`."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {"size": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        name = directives.choice(self.arguments[0], SETS)
        rows = []
        for factor in drawn(name)[2]:
            pictures = traverse(name, factor, self.options.get("size", 48))
            html = picture(pictures, len(pictures), f"{name} that differ in {factor} only", 1)
            rows.append([f"`{factor}`", [nodes.raw("", html, format="html")]])
        return [self.table(["factor", "from its first value to its last"], rows)]


class DrawnSpeed(BookDirective):
    """`{drawn-speed}`: how long drawing takes, measured while the page is built."""

    def run(self) -> list[nodes.Node]:
        rows = [[name, f"{size} x {size}", f"{seconds(name, size):.1f}"] for name in SETS for size in (32, 64)]
        note = "Seconds of one processor core, measured when this page was built."
        return [self.table(["pictures", "size", "seconds for 10,000"], rows, ("nb-numbers",)), self.paragraph(note)]


def setup(app: Sphinx) -> None:
    app.add_directive("drawn-factors", DrawnFactors)
    app.add_directive("drawn-sample", DrawnSample)
    app.add_directive("drawn-traverses", DrawnTraverses)
    app.add_directive("drawn-speed", DrawnSpeed)
