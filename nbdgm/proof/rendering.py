"""How a derivation and a claim look: HTML for the book and JupyterLab, plain text for terminals, JSON for the indices."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import sympy as sp
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

if TYPE_CHECKING:
    from nbdgm.proof.deriving import Derivation

MARKS = {"proved": "✓", "checked": "≈", "asserted": "○", "holds": "✓", "not checked": "–"}
PROOF_MIME = "application/vnd.nbdgm.proof+json"
CLAIM_MIME = "application/vnd.nbdgm.claim+json"

# Colours are mixed from the text's own, so that the block follows light and dark themes; formulas scroll inside their cell.
STYLE = """<style>
.nbdgm-proof,.nbdgm-claim{border-left:3px solid currentColor;padding:.3em .8em;margin:.4em 0;max-width:100%;
box-sizing:border-box}
.nbdgm-proof p,.nbdgm-claim p{margin:.2em 0}
.nbdgm-row{display:flex;gap:.6em;align-items:center;margin:.3em 0}
.nbdgm-relation{flex:0 0 1.2em}
.nbdgm-step{flex:1;min-width:0;display:flex;flex-wrap:wrap;gap:0 1em;align-items:center;justify-content:space-between}
.nbdgm-formula{max-width:100%;overflow-x:auto;overflow-y:hidden;padding:.25em 0}
.nbdgm-why{flex:0 1 15em}
.nbdgm-small{font-size:.85em;opacity:.85}
.nbdgm-mark{white-space:nowrap;font-weight:600}
.nbdgm-proof details{font-size:.85em}
.nbdgm-proof summary{cursor:pointer}
</style>"""


def show(bundle: Mapping[str, Any]) -> None:
    """Display the bundle in a notebook; outside of one, print its plain text."""
    if InteractiveShell.initialized():
        display(dict(bundle), raw=True)
    else:
        print(bundle["text/plain"])


def derivation_bundle(d: Derivation) -> dict[str, Any]:
    """The MIME bundle of a derivation; the same for the same derivation, wherever and however fast it ran."""
    return {
        "text/plain": _derivation_text(d),
        "text/html": _derivation_html(d),
        PROOF_MIME: {
            "ids": list(d.ids),
            "title": d.title,
            "lines": [
                {"tex": _relate(line.relation, line.tex), "reason": line.reason, "status": line.status} for line in d.lines
            ],
            "status": d.status,
        },
    }


def claim_bundle(
    text: str, status: str, values: Mapping[str, float | int], needs: str | None, because: str = ""
) -> dict[str, Any]:
    """The MIME bundle of a claim: 'holds' or 'not checked', with its numbers."""
    numbers = ", ".join(f"{name} = {number(value)}" for name, value in values.items())
    why = f" ({because})" if because else ""
    mark = f'<span class="nbdgm-mark">{MARKS[status]} {status}</span>'
    body = f"<p>{prose(text)}</p><p class='nbdgm-small'>{mark}{html.escape(why)} · {html.escape(numbers)}</p>"
    return {
        "text/plain": f"{MARKS[status]} {text}\n  {status}{why}: {numbers}",
        "text/html": f'<div class="nbdgm-claim tex2jax_process mathjax_process" data-status="{status}">{STYLE}{body}</div>',
        CLAIM_MIME: {"text": text, "status": status, "values": dict(values), "needs": needs, "because": because},
    }


def number(value: float | int) -> str:
    """A number in at most four significant digits; whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def prose(text: str) -> str:
    """Escape a sentence for HTML; $...$ becomes \\(...\\), which MathJax reads everywhere."""
    return re.sub(r"\$([^$]+)\$", r"\\(\1\\)", html.escape(text))


def _relate(relation: str, tex: str) -> str:
    return f"{relation} {tex}" if relation else tex


def _derivation_html(d: Derivation) -> str:
    rows, named = [], d.name
    for line in d.lines:
        relation = line.relation
        if named and line.status == "definition":
            rows.append(_row("", _math(named), ""))
            relation, named = "=", ""
        exact = f"<details><summary>as checked</summary>{_math(line.exact_tex)}</details>" if line.exact_tex else ""
        mark = ""
        if line.status != "definition":
            mark = f' <span class="nbdgm-mark" title="{html.escape(line.by)}">{MARKS[line.status]} {line.status}</span>'
        rows.append(_row(relation and _math(relation), _math(line.tex) + exact, prose(line.reason) + mark))
    given = _hypotheses(d, tex=True)
    small = "".join(f'<p class="nbdgm-small">{part}</p>' for part in (f"for {given}" if given else "", prose(d.note)) if part)
    facts = f"{' · '.join(d.ids)} · {MARKS[d.status]} {d.status}"
    head = f'<p><strong>{prose(d.title)}</strong> <span class="nbdgm-small">{facts}</span></p>'
    body = f"{head}{''.join(rows)}{small}"
    return f'<div class="nbdgm-proof tex2jax_process mathjax_process" data-status="{d.status}">{STYLE}{body}</div>'


def _row(relation: str, formula: str, why: str) -> str:
    """One line: the reason stands beside the formula where both fit, else below it."""
    formula = f'<div class="nbdgm-formula" tabindex="0">{formula}</div>'
    why = why and f'<div class="nbdgm-why nbdgm-small">{why}</div>'
    return (
        f'<div class="nbdgm-row"><div class="nbdgm-relation">{relation}</div><div class="nbdgm-step">{formula}{why}</div></div>'
    )


def _math(tex: str) -> str:
    return rf"\(\displaystyle {html.escape(tex)}\)"


def _derivation_text(d: Derivation) -> str:
    out = [f"{d.title}  [{' '.join(d.ids)}]  {MARKS[d.status]} {d.status}"]
    for line in d.lines:
        sign = {"": " ", "=": "="}.get(line.relation, line.relation)
        mark = "" if line.status == "definition" else f"{MARKS[line.status]} {line.status}: "
        out += [f"  {sign} {line.plain}", f"        {mark}{line.reason}"]
    given = _hypotheses(d, tex=False)
    return "\n".join(out + ([f"  for {given}"] if given else []) + ([f"  {d.note}"] if d.note else []))


def _hypotheses(d: Derivation, tex: bool) -> str:
    """What is supposed of every symbol, symbols of one kind together: 'sigma > 0; mu, x real'."""
    write = sp.latex if tex else str
    kinds: dict[str, list[sp.Symbol]] = {}
    for x in d.hypotheses_shown():
        if x in d.hypotheses.intervals:
            low, high = map(write, d.hypotheses.intervals[x])
            kinds.setdefault(f"{low} < %s < {high}", []).append(x)
        else:
            said = d.hypotheses.describe(x)
            kinds.setdefault("%s" + said.removeprefix(str(x)), []).append(x)
    out = []
    for pattern, symbols in kinds.items():
        said = pattern % ", ".join(_ranges(symbols, write))
        if tex:
            for word, sign in (("real", r"\text{ real}"), ("integer", r"\text{ integer}"), (">=", r"\ge")):
                said = said.replace(f" {word}", sign if word != ">=" else f" {sign}")
            said = rf"\({html.escape(said)}\)"
        out.append(said)
    return "; ".join(out)


def _ranges(symbols: list[sp.Symbol], write: Any) -> list[str]:
    """u_1, u_2, u_3, u_4 become u_1 .. u_4."""
    out = []
    for _, same in groupby(symbols, key=lambda x: x.name.rstrip("0123456789")):
        run = list(same)
        dots = r"\ldots" if write is sp.latex else "..."
        out += [write(run[0]), dots, write(run[-1])] if len(run) > 3 else [write(x) for x in run]
    return out
