"""For which case a derivation may speak: `general` is compared with the values that its lines are made of.

A law on two or three states, an explicit matrix, coordinates numbered 1..k, a sum of fixed length or numbers alone make a
proof of one case, however the cell words it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.errors import ProofError
from nbdgm.proof.named import FINITE, unfold

if TYPE_CHECKING:
    from nbdgm.proof.deriving import Derivation

GENERAL = re.compile(
    r"\b(any|every|arbitrary|general(ly)?|whatever|all (n|k|d|m|N|K|D|sizes?|dimensions?|numbers?|laws?|lengths?|cases))\b"
)
PROMISE = re.compile(
    r"\b(any|every|all|whatever( the)?|whichever)\s+(finite\s+|other\s+)?"
    r"(number|size|dimension|length|n|k|d|m|N|K|D)s?\b(?!\s+(strictly|between))"
    r"|\b(in general|and so on|likewise for (more|others|the rest)|the rest alike)\b",
    re.I,
)
"""What a title or a note of a special case says beyond it: displayed as said, not proved; chapters may not say it."""
FAMILY = 3  # so many symbols that are numbered one by one are a family of fixed size; two may be two things


def refuse_scope(d: Derivation) -> None:
    """Raise when the derivation calls itself general and its lines are about one case."""
    why = next(special(d), None)
    if d.scope.lower().strip(".! ") in ("general", "in general", "all", "any", "every case") and d.scope != "general":
        raise ProofError(f'scope={d.scope!r}: write "general", or the case in words')
    if d.scope != "general" and why and GENERAL.search(d.scope):
        raise ProofError(f"scope={d.scope!r} speaks of more than one case, but {why}: name the case")
    if d.scope == "general" and why:
        raise ProofError(f"scope='general', but {why}: name the case, e.g. scope=\"three states\"")


def promise(d: Derivation) -> str:
    """What the title or the note of a special case says about other cases, which no line checks; empty for nothing."""
    found = PROMISE.search(f"{d.title} . {d.note}") if d.scope != "general" else None
    return found.group() if found else ""


def special(d: Derivation) -> Iterator[str]:
    """Why the lines are about one case only; nothing for a general derivation."""
    lines = d.shown
    if not lines:
        yield "it compares shapes of fixed sizes"
        return
    free = {x for expr in lines for x in unfold(expr).free_symbols}
    if not free:
        yield "its lines are numbers"
    if d.examples_only:
        yield "it is about one point only"
    for x in sorted(free, key=str):
        if x in FINITE:
            yield f"{x} belongs to {FINITE[x]}"
    for expr in lines:
        for node in sp.preorder_traversal(unfold(expr)):
            if isinstance(node, sp.MatrixBase) and max(node.shape) > 1:
                yield f"a line contains a matrix of {node.rows} x {node.cols}"
            if isinstance(node, (sp.Sum, sp.Product)) and all((b - a).is_Integer and b - a > 0 for _, a, b in node.limits):
                yield f"the sum {node} has a fixed number of terms"
    yield from _families(lines)


def _families(lines: list[sp.Basic]) -> Iterator[str]:
    """Symbols, functions and entries that are numbered one by one: x_1, x_2, x_3; f_1(t), f_2(t), f_3(t); p[1], p[2], p[3]."""
    members: dict[str, set[str]] = {}
    for expr in lines:
        whole = unfold(expr)
        names = [x.name for x in whole.free_symbols if isinstance(x, sp.Symbol)]
        names += [f.func.__name__ for f in whole.atoms(AppliedUndef)]
        names += [
            f"{x.base}_{'_'.join(map(str, x.indices))}" for x in whole.atoms(sp.Indexed) if all(i.is_Integer for i in x.indices)
        ]
        for name in names:
            found = re.fullmatch(r"\\?([A-Za-z{}^*']+?)[_{]*(\d[\d_,{}]*)\}*", name)
            if found:
                members.setdefault(found[1], set()).add(re.sub(r"\D+", ",", found[2]).strip(","))
    for letter, numbers in members.items():
        if len(numbers) >= FAMILY:
            yield f"{letter} is a family of {len(numbers)} members"
