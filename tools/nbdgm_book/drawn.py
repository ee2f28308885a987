"""The appendix page about the drawn data: its pictures and tables are those that `tools/draw.py` has stored."""

import base64
import html
import io
import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image, UnidentifiedImageError
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from nbdgm_book.pages import BookDirective

SETS = ("faces", "glyphs")
STORE = "tools/data/drawn"
FACTS = f"{STORE}/facts.json"
SAMPLE_SIZE, COUNT, COLUMNS, SIZE = 32, 40, 10, 48  # what a page gets that does not say what it wants
REMEDY = "run `make draw`, which is `python tools/draw.py` in .venv"


def sample_file(name: str, size: int, count: int, columns: int) -> str:
    """The file of a sheet of random pictures."""
    return f"{name}-{size}-{count}-{columns}.webp"


def row_file(name: str, factor: str, size: int) -> str:
    """The file of a row of pictures that differ in one factor."""
    return f"{name}-{factor}-{size}.webp"


def facts(root: Path) -> dict:
    """The tables of the page.

    Raises:
        ExtensionError: they are missing, or no JSON.
    """
    try:
        return json.loads((root / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExtensionError(f"{FACTS} is missing: {REMEDY}") from None
    except ValueError as error:
        raise ExtensionError(f"{FACTS} is no JSON ({error}): {REMEDY}") from error


def picture(path: Path, alt: str, scale: float) -> str:
    """An `<img>` that holds a stored picture in 256 colours, keeps its pixels sharp and never is wider than the page.

    Raises:
        ExtensionError: it is not stored, or no picture.
    """
    try:
        with Image.open(path) as stored:
            pixels = stored.convert("RGB")
    except FileNotFoundError:
        raise ExtensionError(f"{STORE}/{path.name} is missing, which the page shows: {REMEDY}") from None
    except UnidentifiedImageError:
        raise ExtensionError(f"{STORE}/{path.name} is no picture: {REMEDY}") from None
    if pixels.getcolors(256) is None:
        pixels = pixels.quantize(256, dither=Image.Dither.NONE).convert("RGB")
    buffer, (width, height) = io.BytesIO(), pixels.size
    pixels.save(buffer, "WEBP", lossless=True)
    return (
        f'<img alt="{html.escape(alt)}" src="data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}" '
        f'width="{round(width * scale)}" '
        f'style="image-rendering:pixelated;max-width:100%;height:auto;aspect-ratio:{width}/{height};background:none">'
    )


class DrawnDirective(BookDirective):
    """Of the page about the drawn data."""

    def facts(self) -> dict:
        self.env.note_dependency(str(self.root / FACTS))
        return facts(self.root)

    def picture(self, name: str, alt: str, scale: float) -> nodes.raw:
        path = self.root / STORE / name
        self.env.note_dependency(str(path))
        return nodes.raw("", picture(path, alt, scale), format="html")


class DrawnFactors(DrawnDirective):
    """`{drawn-factors} faces`: the factors, their laws and what they do."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        head = ["factor", "law", "if not given to `draw_`", "what it does"]
        rows = self.facts()["factors"][directives.choice(self.arguments[0], SETS)]
        return [self.table(head, [[f"`{factor}`", *rest] for factor, *rest in rows])]


class DrawnSample(DrawnDirective):
    """`{drawn-sample} faces`: a sheet of random pictures. Options: `size`, `count`, `columns`, `scale`."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {k: directives.positive_int for k in ("size", "count", "columns", "scale")}

    def run(self) -> list[nodes.Node]:
        name = directives.choice(self.arguments[0], SETS)
        asked = {"size": SAMPLE_SIZE, "count": COUNT, "columns": COLUMNS, "scale": 1, **self.options}
        size, count = asked["size"], asked["count"]
        alt = f"{count} {name} of {size}x{size}, all factors random"
        shown = self.picture(sample_file(name, size, count, asked["columns"]), alt, asked["scale"])
        return [nodes.raw("", f"<p>{shown.astext()}</p>", format="html")]


class DrawnTraverses(DrawnDirective):
    """`{drawn-traverses} faces`: a row of pictures for each factor, in which nothing else changes. Option: `size`."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {"size": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        name = directives.choice(self.arguments[0], SETS)
        rows = []
        for factor, *_ in self.facts()["factors"][name]:
            file = row_file(name, factor, self.options.get("size", SIZE))
            rows.append([f"`{factor}`", [self.picture(file, f"{name} that differ in {factor} only", 1)]])
        return [self.table(["factor", "from its first value to its last"], rows)]


class DrawnSpeed(DrawnDirective):
    """`{drawn-speed}`: how long drawing took, and where and when that was measured."""

    def run(self) -> list[nodes.Node]:
        found = self.facts()
        rows = [[name, f"{size} x {size}", f"{seconds:.1f}"] for name, size, seconds in found["seconds"]]
        where = f"measured on {found['date']} with torch {found['torch']} on: {found['cpu']}."
        table = self.table(["pictures", "size", "seconds for 10,000"], rows, ("nb-numbers",))
        return [table, self.paragraph(f"Seconds of one processor core, {where}")]


def setup(app: Sphinx) -> None:
    app.add_directive("drawn-factors", DrawnFactors)
    app.add_directive("drawn-sample", DrawnSample)
    app.add_directive("drawn-traverses", DrawnTraverses)
    app.add_directive("drawn-speed", DrawnSpeed)
