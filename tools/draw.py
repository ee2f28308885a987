"""Draw what the page about the drawn data shows, and store it: pictures, tables of factors, how long drawing takes.

    python tools/draw.py        or: make draw

Pages are built where torch is not, so they show what is stored in tools/data/drawn. A test draws it again and compares: when
the code that draws has changed, or the page asks for other pictures, run this and commit what it writes.
"""

import argparse
import datetime
import io
import json
import re
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np
import torch
from chapters import ROOT
from execute import cpu_name, store
from nbdgm_book.drawn import COLUMNS, COUNT, FACTS, SAMPLE_SIZE, SETS, SIZE, STORE, row_file, sample_file
from PIL import Image

from nbdgm.data import rendered
from nbdgm.display.pictures import as_pictures, tile

PAGE = "book/appendix/drawn_data.md"
STEPS = 8  # pictures in the row of a number
DIRECTIVE = re.compile(r"^```\{drawn-(sample|traverses)\} (\w+)\n((?::\w+: \d+\n)*)```$", re.M)


def drawn(name: str) -> tuple:
    """Of a drawn set: what makes a random sample, what draws given factors, the factors, and what they mean."""
    return {
        "faces": (rendered.faces, rendered.draw_faces, rendered.FACE_FACTORS, rendered.FACE_MEANINGS),
        "glyphs": (rendered.glyphs, rendered.draw_glyphs, rendered.GLYPH_FACTORS, rendered.GLYPH_MEANINGS),
    }[name]


def factor_rows(name: str) -> list[list[str]]:
    """For each factor its name, its law, its typical value, and what it does."""
    _, _, factors, meanings = drawn(name)
    rows = []
    for factor, values in factors.items():
        if isinstance(values[0], str):
            law, typical = f"one of {len(values)}: {', '.join(values)}", values[0]
        else:
            law, typical = f"uniform from {values[0]:g} to {values[2]:g}", f"{values[1]:g}"
        rows.append([factor, law, typical, meanings[factor]])
    return rows


def traverse(name: str, factor: str, size: int) -> torch.Tensor:
    """Pictures that differ in one factor only: all its choices, or evenly spaced numbers."""
    _, draw, factors, _ = drawn(name)
    values = factors[factor]
    plain = {"ribbon": "yellow", "light_strength": 1.0, "light": -1.0} if name == "faces" else {"character": "K"}
    plain.pop(factor, None)
    if factor == "light_strength":
        plain["light"] = 1.0
    choice = isinstance(values[0], str)
    return draw({**plain, factor: torch.arange(len(values)) if choice else torch.linspace(values[0], values[2], STEPS)}, size)


def sheet(pictures, columns: int) -> np.ndarray:
    """The pictures in rows of `columns`, as bytes."""
    pixels = as_pictures(pictures)
    return tile(pixels, -(-len(pixels) // columns), columns)


def sheets(page: str) -> Iterator[tuple[str, np.ndarray]]:
    """(file name, pixels) of every picture that the text of a page asks for."""
    for kind, name, options in DIRECTIVE.findall(page):
        asked = {key: int(value) for key, value in re.findall(r":(\w+): (\d+)", options)}
        if kind == "sample":
            size, count, columns = asked.get("size", SAMPLE_SIZE), asked.get("count", COUNT), asked.get("columns", COLUMNS)
            yield sample_file(name, size, count, columns), sheet(drawn(name)[0](count, size=size), columns)
        else:
            size = asked.get("size", SIZE)
            for factor in drawn(name)[2]:
                pictures = traverse(name, factor, size)
                yield row_file(name, factor, size), sheet(pictures, len(pictures))


def file(pixels: np.ndarray) -> bytes:
    """A picture as it is stored: every pixel as it was drawn."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "WEBP", lossless=True, method=6)
    return buffer.getvalue()


def seconds(name: str, size: int, n: int = 256) -> float:
    """Seconds of one core for 10,000 pictures: the best of three runs over `n`, scaled up; what else runs is not counted."""
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


def facts() -> dict:
    """The tables: the factors of each set; seconds for 10,000 pictures, and where and when they were measured."""
    return {
        "factors": {name: factor_rows(name) for name in SETS},
        "seconds": [[name, size, round(seconds(name, size), 1)] for name in SETS for size in (32, 64)],
        "cpu": cpu_name(),
        "torch": metadata.version("torch"),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(arguments)
    folder = root / STORE
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: file(pixels) for name, pixels in sheets((root / PAGE).read_text(encoding="utf-8"))}
    for old in folder.glob("*.webp"):
        if old.name not in made:
            old.unlink()
    for name, content in made.items():
        (folder / name).write_bytes(content)
    store(root / FACTS, json.dumps(facts(), ensure_ascii=False, indent=1) + "\n")
    print(f"{folder}: {len(made)} pictures, {sum(map(len, made.values())) / 1e3:.0f} kB, and {Path(FACTS).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
