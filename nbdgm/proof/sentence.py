"""The words of a claim against the bounds of its condition: 'below 10' beside `< 100` is refused.

Only bounds that are typed in are read; whether any measure comes near them is asked by `bounds`.
"""

from __future__ import annotations

import ast
import re
from fractions import Fraction

from nbdgm.proof.bounds import ORDERINGS, UPWARD, comparisons, literal

_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?(?:/\d+)?)(?!\d|\.\d|\s*[-+*^(/\u2212])\s*(%|per cent)?"
_WORDS = {
    "below": re.compile(rf"\b(?:below|under|less than|smaller than|fewer than|at most|no more than|up to) {_NUMBER}", re.I),
    "above": re.compile(rf"\b(?:above|over|more than|larger than|greater than|at least|no less than) {_NUMBER}", re.I),
}
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def _digits(found: re.Match) -> str:
    return str(_NUMBERS.index(found.group(1)))


def refuse_other_words(text: str, condition: ast.expr, kind: str) -> None:
    """'below 10' beside `< 100`: a bound of the sentence that every bound of the condition is wider than."""
    bounds: dict[str, list[float]] = {"below": [], "above": []}
    for node in ast.walk(condition):
        if isinstance(node, ast.Compare):
            for op, left, right in comparisons(node):
                upward = isinstance(op, UPWARD)
                if isinstance(op, ORDERINGS):
                    for side, direction in ((right, upward), (left, not upward)):
                        value = literal(side)
                        if value is not None:
                            bounds["below" if direction else "above"].append(value)
    text = re.sub(
        r"\b(" + "|".join(_NUMBERS) + r")\b(?! (?:third|quarter|fifth|tenth|hundred|thousand|standard|of))", _digits, text
    )
    for direction, pattern in _WORDS.items():
        for found in pattern.finditer(re.sub(r"\$[^$]*\$", " ", text)):
            said = float(Fraction(found.group(1).replace(",", ""))) / (100 if found.group(2) else 1)
            given = bounds[direction]
            rounding = 1e-4 * abs(said)
            wider = [b for b in given if (b > said + rounding if direction == "below" else b < said - rounding)]
            if given and len(wider) == len(given):
                raise TypeError(
                    f"{kind}: the sentence says {found.group(0)!r}, the condition {ast.unparse(condition)}: make them agree"
                )
