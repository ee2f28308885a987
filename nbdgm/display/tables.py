"""Tables with a caption, numbers to the right."""

import html
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import Tensor

from nbdgm.border import whole

from .pictures import emit


def _text(value: Any, digits: int) -> str:
    if (isinstance(value, Tensor) and value.numel() == 1) or (isinstance(value, (np.ndarray, np.generic)) and value.size == 1):
        value = value.item()  # of numpy's and torch's types, Python's
    if isinstance(value, bool) or value is None:
        return "–" if value is None else "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):.{digits}f}" if value == 0 or abs(value) >= 10**-digits else f"{float(value):.2g}"
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (Real, Tensor, np.ndarray)) and not isinstance(value, (bool, np.bool_))


def table(
    rows: Sequence[Sequence[Any]] | Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    caption: str | None = None,
    digits: int = 2,
) -> None:
    """Show a table.

    Args:
        rows: sequences of values, or mappings from column to value (what is missing shows as a dash).
        columns: headings; by default the keys of the first mapping.
        caption: above the table.
        digits: decimals of the numbers that are not whole.

    Raises:
        ValueError: naming the argument, if a row does not fit the columns.
    """
    rows, digits = list(rows), whole("digits", digits, 0)
    if columns is None:
        if not rows or not isinstance(rows[0], Mapping):
            raise ValueError("columns: expected headings, unless rows are mappings")
        columns = list(rows[0])
    cells = [[row.get(c) for c in columns] if isinstance(row, Mapping) else list(row) for row in rows]
    for i, row in enumerate(cells):
        if len(row) != len(columns):
            raise ValueError(f"rows: row {i} has {len(row)} values for {len(columns)} columns")
    columns = [str(c) for c in columns]
    texts = [[_text(v, digits) for v in row] for row in cells]
    right = [bool(cells) and all(v is None or _is_number(v) for v in column) for column in zip(*cells, strict=True)] or [
        False
    ] * len(columns)
    emit(_plain(columns, texts, right, caption), html=_html(columns, texts, right, caption))


def _plain(columns: list[str], texts: list[list[str]], right: list[bool], caption: str | None) -> str:
    widths = [max(len(row[i]) for row in [columns, *texts]) for i in range(len(columns))]
    lines = [
        "  ".join(t.rjust(w) if r else t.ljust(w) for t, w, r in zip(row, widths, right, strict=True))
        for row in [columns, *texts]
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join([caption, *lines] if caption else lines)


def _html(columns: list[str], texts: list[list[str]], right: list[bool], caption: str | None) -> str:
    align = [f' style="text-align:{"right" if r else "left"}"' for r in right]
    top = f'<caption style="caption-side:top;text-align:left">{html.escape(caption)}</caption>' if caption else ""
    head = "".join(f'<th scope="col"{a}>{html.escape(c)}</th>' for c, a in zip(columns, align, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{a}>{html.escape(t)}</td>" for t, a in zip(row, align, strict=True)) + "</tr>" for row in texts
    )
    return (
        '<div style="overflow-x:auto"><table style="font-variant-numeric:tabular-nums">'
        f"{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
