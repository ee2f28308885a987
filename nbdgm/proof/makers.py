"""Who made a letter: two laws or tables of one name in a run of a cell share their symbols, and would be one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType

import sympy as sp

from nbdgm.proof.cells import Story
from nbdgm.proof.errors import ProofError

_made: dict[tuple[str, str], list[CodeType]] = {}  # since the last derivation: by which cells each name was made


@contextmanager
def unnoticed() -> Iterator[None]:
    """What is made inside is forgotten: the text of a cell is being read again."""
    kept = {name: list(codes) for name, codes in _made.items()}
    try:
        yield
    finally:
        _made.clear()
        _made.update(kept)


def made(name: str, ending: str) -> None:
    """Remember that the cell that is running has made symbols `name_1, name_2, ...` (ending "_") or odds `nametilde`."""
    frame = sys._getframe(1)
    while frame is not None and not (frame.f_code.co_name == "<module>" and Story.is_cell(frame.f_code.co_filename)):
        frame = frame.f_back
    if frame is not None:
        _made.setdefault((name, ending), []).append(frame.f_code)


def refuse_twins(symbols: Iterable[sp.Basic]) -> None:
    """Raise when one of the symbols belongs to a name that one cell has made twice; then forget."""
    twice = [name for name, codes in _made.items() if len(set(map(id, codes))) < len(codes)]
    _made.clear()
    for name, ending in twice:
        for x in map(str, symbols):
            if x.startswith(name + ending):
                raise ProofError(
                    f"two laws or tables are called {name!r}: they share their symbols, and are one; take another letter"
                )
