"""How a claim and a check look: HTML for the book and JupyterLab, plain text for terminals, JSON for the index of claims."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

from nbdgm.proof.rendering import number, prose

MARKS = {"holds": "✓", "not checked": "–", "fails": "✗"}
CLAIM_MIME = "application/vnd.nbdgm.claim+json"
CHECK_MIME = "application/vnd.nbdgm.check+json"
NULLS = {
    None: "",
    "exact": "exact",
    "fails": "a trivial model does not satisfy it",
    "open": "not yet compared with a trivial model",
}

STYLE = """<style>
.nbdgm-claim{border-left:3px solid currentColor;padding:.3em .8em;margin:.4em 0;max-width:100%;box-sizing:border-box}
.nbdgm-claim p,.nbdgm-check{margin:.2em 0}
.nbdgm-check{opacity:.75}
.nbdgm-small,.nbdgm-check{font-size:.85em}
.nbdgm-mark{white-space:nowrap;font-weight:600}
</style>"""


def claim_bundle(
    text: str,
    status: str,
    values: Mapping[str, float | int | None],
    needs: str | None,
    because: str = "",
    null: str | None = None,
    why: str = "",
) -> dict[str, Any]:
    """The MIME bundle of a claim: 'holds', 'fails' or 'not checked', with its numbers and what became of its null.

    `null` is None (none was given), "fails" (a trivial model does not satisfy it), "exact" (there is none, and `why`), or
    "open" (not checked).
    """
    numbers, reason = _numbers(values), f" ({because})" if because else ""
    beside = NULLS[null] + (f": {why}" if why else "")
    mark = f'<span class="nbdgm-mark">{MARKS[status]} {status}</span>'
    small = " · ".join(filter(None, [f"{mark}{html.escape(reason)}", html.escape(numbers), prose(beside)]))
    body = f"<p>{prose(text)}</p><p class='nbdgm-small'>{small}</p>"
    record = _record(text, status, values, needs, because) | {"null": null} | ({"why": why} if why else {})
    return {
        "text/plain": f"{MARKS[status]} {text}\n  {status}{reason}: {numbers}" + (f" ({beside})" if beside else ""),
        "text/html": f'<div class="nbdgm-claim" data-status="{status}">{STYLE}{body}</div>',
        CLAIM_MIME: record,
    }


def check_bundle(
    text: str, status: str, values: Mapping[str, float | int | None], needs: str | None, because: str = ""
) -> dict[str, Any]:
    """The MIME bundle of a check: one line."""
    numbers, reason = _numbers(values), f" ({because})" if because else ""
    said = f"{MARKS[status]} {prose(text)} · {status}{html.escape(reason)} · {html.escape(numbers)}"
    return {
        "text/plain": f"{MARKS[status]} {text}: {status}{reason}, {numbers}",
        "text/html": f'<p class="nbdgm-check" data-status="{status}">{STYLE}{said}</p>',
        CHECK_MIME: _record(text, status, values, needs, because),
    }


def again(record: Mapping[str, Any], mime: str = CLAIM_MIME) -> dict[str, Any]:
    """The bundle of a stored record, as the call that made it would show it now."""
    shared = [record[name] for name in ("text", "status", "values", "needs", "because")]
    if mime == CHECK_MIME:
        return check_bundle(*shared)
    return claim_bundle(*shared, record.get("null"), record.get("why", ""))


def _record(text: str, status: str, values: Mapping[str, Any], needs: str | None, because: str) -> dict[str, Any]:
    finite = {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}
    return {"text": text, "status": status, "values": finite, "needs": needs, "because": because}


def _numbers(values: Mapping[str, float | int | None]) -> str:
    return ", ".join(f"{name} = {'nan' if value is None else number(value)}" for name, value in values.items())
