"""Parts of the checker, word by word: what comes of small inputs, kept in `outcomes`, one file for each group of parts.

Changed on purpose? Look at what is said now, and write it below its input.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parts import outcome

FILES = sorted((Path(__file__).parent / "outcomes").glob("*.txt"))


def kept(file: Path) -> list[tuple[str, str]]:
    """The inputs of a file, each after `>>> `, with the line below it."""
    lines = file.read_text().splitlines()
    return [(line.removeprefix(">>> "), lines[n + 1]) for n, line in enumerate(lines) if line.startswith(">>> ")]


ROWS = [(f"{file.stem} {n}: {row[0][:50]}", *row) for file in FILES for n, row in enumerate(kept(file), 1)]


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_comes_of_it(text, said):
    assert outcome(text) == said
