"""How a derivation looks: HTML for the book and JupyterLab, plain text for terminals, JSON for the indices."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import sympy as sp
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from nbdgm.proof.mathml import mathml
from nbdgm.proof.matrices import Positive, Symmetric
from nbdgm.proof.named import Det, Entry, Mean, names
from nbdgm.proof.named import tex as show_tex
from nbdgm.proof.scope import promise
from nbdgm.proof.signs import Least
from nbdgm.proof.sums import RANGES

if TYPE_CHECKING:
    from nbdgm.proof.deriving import Derivation

MARKS = {"proved": "✓", "checked": "≈", "asserted": "○"}
PROOF_MIME = "application/vnd.nbdgm.proof+json"
PLAIN = {"✓": "+", "≈": "~", "○": "o", "–": "-", "✗": "x", "·": "-", "≤": "<=", "≥": ">=", "≠": "!="}  # for terminals

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
.nbdgm-apart{border-top:1px dotted currentColor;border-bottom:1px dotted currentColor;margin:.5em 0 .5em 1.2em;padding:.1em 0}
.nbdgm-proof details{font-size:.85em}
.nbdgm-proof summary{cursor:pointer}
</style>"""


def show(bundle: Mapping[str, Any]) -> None:
    """Display the bundle in a notebook; outside of one, print its plain text."""
    if InteractiveShell.initialized():
        display(dict(bundle), raw=True)
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(_spelled(bundle["text/plain"], encoding))


def _spelled(text: str, encoding: str) -> str:
    """The text in letters that a terminal of this encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in PLAIN.items():
            text = text.replace(sign, plain)
    except LookupError:
        return text.encode("ascii", "replace").decode("ascii")
    return text.encode(encoding, "replace").decode(encoding)


def derivation_bundle(d: Derivation) -> dict[str, Any]:
    """The MIME bundle of a derivation; the same for the same derivation, wherever and however fast it ran."""
    return {
        "text/plain": _derivation_text(d),
        "text/html": _derivation_html(d),
        PROOF_MIME: {
            "ids": list(d.ids),
            "title": d.title,
            "lines": [
                {
                    "tex": _relate(line.relation, line.tex),
                    "reason": line.reason,
                    "status": line.status,
                    **({"checked": line.exact_tex} if line.exact_tex else {}),
                    **({"apart": True} if line.apart else {}),
                }
                for line in d.lines
            ],
            "status": d.status,
            "scope": d.scope,
            "badge": badge(d),
        },
    }


def number(value: float | int) -> str:
    """A number in at most four significant digits; whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def prose(text: str) -> str:
    """A sentence as HTML, with $...$ as formulas."""
    parts = re.split(r"\$([^$]+)\$", text)
    return "".join(formula(part) if i % 2 else html.escape(part) for i, part in enumerate(parts))


def formula(tex: str) -> str:
    r"""MathML, which browsers, Colab and VS Code draw; what does not convert stays TeX between `\(` and `\)`, for MathJax."""
    try:
        return mathml(tex)
    except ValueError:
        return rf"\({html.escape(tex)}\)"


def _relate(relation: str, tex: str) -> str:
    return f"{relation} {tex}" if relation else tex


def badge(d: Derivation) -> str:
    """'proved', or the case for which it is: 'proved for three states'."""
    return d.status if d.scope == "general" else f"{d.status} for {d.scope}"


def _derivation_html(d: Derivation) -> str:
    rows: list[tuple[bool, str]] = []
    named = d.name
    for line in d.lines:
        relation = line.relation
        if named and line.status == "definition":
            rows.append((False, _row("", _math(named), "")))
            relation, named = "=", ""
        checked = f'<div class="nbdgm-small">as checked: {_math(line.exact_tex)}</div>' if line.exact_tex else ""
        mark = ""
        if line.status != "definition":
            mark = f' <span class="nbdgm-mark" title="{html.escape(line.by)}">{MARKS[line.status]} {line.status}</span>'
        row = _row(relation and _math(relation), _math(line.tex) + checked, prose(line.reason) + mark)
        rows.append((line.apart and len(d.lines) > 1, row))
    blocks = []
    for apart, some in groupby(rows, key=lambda row: row[0]):  # between two rules: what is no member of the chain
        inside = "".join(row for _, row in some)
        blocks.append(f'<div class="nbdgm-apart">{inside}</div>' if apart and any(not other for other, _ in rows) else inside)
    given, own, known = _hypotheses(d, tex=True), *_definitions(d, tex=True)
    parts = [f"for {given}" if given else "", f"where {own}" if own else "", prose(_note(d))]
    small = "".join(f'<p class="nbdgm-small">{part}</p>' for part in parts if part)
    fold = f"<details><summary>where</summary><p>{known}</p></details>" if known else ""
    facts = f"{MARKS[d.status]} {prose(badge(d))}"  # IDs are for the indexes, not for the reading line
    head = f'<p><strong>{prose(d.title)}</strong> <span class="nbdgm-small">{facts}</span></p>'
    body = f"{head}{''.join(blocks)}{small}{fold}"
    return f'<div class="nbdgm-proof" data-status="{d.status}">{STYLE}{body}</div>'


def _definitions(d: Derivation, tex: bool) -> tuple[str, str]:
    """What the names of the lines stand for: the derivation's own, and those that every reader knows."""
    found = dict.fromkeys(name for expr in d.shown for name in names(expr))
    own, known, seen = [], [], set()
    for name in found:
        if isinstance(name, Mean):
            for e in name.noise:
                letter = e.base.label if isinstance(e, sp.Indexed) else e
                sentence = f"{_said(letter, tex)} standard normal"
                known += [sentence] if sentence not in known else []
        elif not isinstance(name, (Det, Least)):
            key = (str(name.args[0]), str(name.args[1])) if isinstance(name, Entry) else name
            if key not in seen:
                seen.add(key)
                body = (show_tex(name), show_tex(name.definition())) if tex else (str(name), str(name.definition()))
                sentence = formula(" = ".join(body)) if tex else " = ".join(body)
                (known if name.standard else own).append(sentence)
    return "; ".join(own), "; ".join(known)


def _said(x: sp.Basic, tex: bool) -> str:
    return formula(show_tex(x)) if tex else str(x)


def _row(relation: str, shown: str, why: str) -> str:
    """One line: the reason stands beside the formula where both fit, else below it."""
    shown = f'<div class="nbdgm-formula">{shown}</div>'
    why = why and f'<div class="nbdgm-why nbdgm-small">{why}</div>'
    return (
        f'<div class="nbdgm-row"><div class="nbdgm-relation">{relation}</div><div class="nbdgm-step">{shown}{why}</div></div>'
    )


def _math(tex: str) -> str:
    return formula(rf"\displaystyle {tex}")


def _derivation_text(d: Derivation) -> str:
    out = [f"{d.title}  [{' '.join(d.ids)}]  {MARKS[d.status]} {badge(d)}"]
    for line in d.lines:
        sign = {"": " ", "=": "="}.get(line.relation, line.relation)
        mark = "" if line.status == "definition" else f"{MARKS[line.status]} {line.status}: "
        out += [f"  {sign} {line.plain}", f"        {mark}{line.reason}"]
    given, own, known = _hypotheses(d, tex=False), *_definitions(d, tex=False)
    where = "; ".join(filter(None, (own, known)))
    return "\n".join(out + [f"  {said}" for said in (given and f"for {given}", where and f"where {where}", _note(d)) if said])


def _note(d: Derivation) -> str:
    """The note; what it or the title says beyond the scope is marked as said."""
    said = promise(d)
    return f"{d.note} ({said}: said, not proved)".strip() if said else d.note


def _hypotheses(d: Derivation, tex: bool) -> str:
    """What is supposed of every symbol, symbols of one kind together: 'sigma > 0; mu, x real'."""
    write = show_tex if tex else str
    kinds: dict[str, list[sp.Expr]] = {}
    families = set()
    for x in d.hypotheses_shown():
        if isinstance(x, sp.Indexed) and not all(i.is_Integer for i in x.indices):  # a family is mentioned once
            if x.base in families:
                continue
            families.add(x.base)
        if x in RANGES:
            low, high = map(write, RANGES[x])
            kinds.setdefault(rf"{low} \le %s \le {high}" if tex else f"{low} <= %s <= {high}", []).append(x)
        elif x in d.hypotheses.intervals:
            low, high = map(write, d.hypotheses.intervals[x])
            kinds.setdefault(f"{low} < %s < {high}", []).append(x)
        else:
            said = d.hypotheses.describe(x)
            kinds.setdefault("%s" + said.removeprefix(str(x)), []).append(x)
    out = []
    for pattern, symbols in kinds.items():
        said = pattern % ", ".join(_ranges(symbols, write))
        if tex:
            words = {" real": r"\text{ real}", " integer": r"\text{ integer}", " >=": r" \ge", " <=": r" \le", " !=": r" \ne"}
            for word, sign in words.items():
                said = said.replace(word, sign)
            said = formula(said)
        out.append(said)
    matrices = sorted({m for expr in d.shown for m in expr.atoms(sp.MatrixSymbol)}, key=str)
    for m in matrices:
        kind = " symmetric positive definite" if isinstance(m, Positive) else " symmetric" if isinstance(m, Symmetric) else ""
        size = formula(rf"{sp.latex(m)}: {sp.latex(m.rows)} \times {sp.latex(m.cols)}") if tex else f"{m}: {m.rows} x {m.cols}"
        out.append(size + kind)
    out += [formula(c.tex) if tex else c.plain for c in d.conditions]
    return "; ".join(out)


def _ranges(symbols: list[sp.Expr], write: Any) -> list[str]:
    """u_1, u_2, u_3, u_4 become u_1 .. u_4; where one is left out, two runs."""

    def letter(found: tuple[int, sp.Expr]) -> tuple[str, int]:
        name = str(found[1])
        stem = name.rstrip("0123456789")
        return stem, int(name[len(stem) :] or 0) - found[0]

    out = []
    for _, same in groupby(enumerate(symbols), key=letter):
        run = [x for _, x in same]
        dots = r"\ldots" if write is show_tex else "..."
        out += [write(run[0]), dots, write(run[-1])] if len(run) > 3 else [write(x) for x in run]
    return out
