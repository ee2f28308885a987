"""Wrong versions of a line. A derivation is worth something only if each of them would have been refused.

Every mutant of the first group changes what a line says, whatever the line is: a term dropped, negated or doubled, a
power raised, a number moved, a logarithm's argument doubled, the line negated or doubled. A mutant that survives points
to a term that the derivation never uses. Exchanging two symbols may leave a line as it is (p and q in a symmetric
divergence): it counts only when it changes the value of the very line.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

import sympy as sp

from nbdgm.proof import checking


class Mutant(NamedTuple):
    """A wrong version of an expression; `old` -> `new` is the subexpression that was changed."""

    what: str
    expr: sp.Basic
    old: sp.Basic
    new: sp.Basic


def mutants(expr: sp.Basic, rng: random.Random | None = None, swaps: bool = True) -> Iterator[Mutant]:
    """Every mutant of `expr`, first those that always change it, then exchanges of two symbols that do.

    `rng` shuffles the order within the first group (so that a test can take a random few); bounds of integrals and sums stay.
    """
    found = list(_always(expr))
    if rng is not None:
        rng.shuffle(found)
    yield from found
    if swaps:
        yield from _swaps(expr)


def _always(expr: sp.Basic) -> Iterator[Mutant]:
    if expr == 0:
        return
    yield Mutant("negate the line", -expr, expr, -expr)
    yield Mutant("double the line", 2 * expr, expr, 2 * expr)
    for path, node, differentiated in _sites(expr):
        for what, new in _changes(node, differentiated):
            try:
                yield Mutant(what, _put(expr, path, new), node, new)
            except (TypeError, ValueError):  # sympy refuses to build it: nothing to test
                continue


def _sites(
    expr: sp.Basic, path: tuple[int, ...] = (), differentiated: bool = False
) -> Iterator[tuple[tuple[int, ...], sp.Basic, bool]]:
    """Each subexpression, the way to it, and whether a derivative is taken of it.

    Neither bounds nor indices, nor rational exponents, which have a mutation of their own.
    """
    if isinstance(expr, sp.MatrixBase):
        for i, entry in enumerate(expr):
            yield from _sites(entry, (*path, i))
        return
    yield path, expr, differentiated
    differentiated = differentiated or isinstance(expr, sp.Derivative)
    inside = expr.args
    if isinstance(expr, (*checking.HEADS, sp.Indexed)):
        inside = () if isinstance(expr, sp.Indexed) else expr.args[:1]
    elif isinstance(expr, sp.Pow) and expr.exp.is_Rational:
        inside = expr.args[:1]
    for i, child in enumerate(inside):
        if isinstance(child, sp.Expr):
            yield from _sites(child, (*path, i), differentiated)


def _changes(node: sp.Basic, differentiated: bool) -> Iterator[tuple[str, sp.Basic]]:
    if isinstance(node, sp.Add):
        for term in node.args:
            yield f"drop the term {term}", node - term
            yield f"flip the sign of {term}", node - 2 * term
            yield f"double the term {term}", node + term
    elif isinstance(node, sp.Pow) and node.exp.is_Rational:
        yield f"raise the exponent of {node}", node.base ** (node.exp + 1)
    elif isinstance(node, sp.log) and differentiated:  # log 2 would be a constant, which no derivative sees
        yield f"double {node}", 2 * node
    elif isinstance(node, sp.log):
        yield f"double the argument of {node}", sp.log(2 * node.args[0])
    elif isinstance(node, sp.Rational):
        yield f"add 1/7 to {node}", node + sp.Rational(1, 7)


def _put(expr: sp.Basic, path: tuple[int, ...], new: sp.Basic) -> sp.Basic:
    if not path:
        return new
    i, rest = path[0], path[1:]
    if isinstance(expr, sp.MatrixBase):
        flat = list(expr)
        flat[i] = _put(flat[i], rest, new)
        return sp.ImmutableMatrix(*expr.shape, flat)
    args = list(expr.args)
    args[i] = _put(args[i], rest, new)
    return expr.func(*args)


def _swaps(expr: sp.Basic) -> Iterator[Mutant]:
    symbols = sorted((x for x in expr.free_symbols if isinstance(x, sp.Symbol)), key=str)
    for a, b in itertools.combinations(symbols, 2):
        if a.assumptions0 == b.assumptions0:
            swapped = expr.xreplace({a: b, b: a})
            if swapped != expr and different(expr, swapped, checking.Hypotheses(), "swap"):
                yield Mutant(f"exchange {a} and {b}", swapped, expr, swapped)


def different(one: sp.Basic, other: sp.Basic, hypotheses: checking.Hypotheses, seed: str) -> bool:
    """True when numbers alone tell the two apart (or one of them has no value where both must have one)."""
    for a, b in zip(checking.entries(one), checking.entries(other), strict=True):
        if a != b and _different_scalars(a, b, hypotheses, seed):
            return True
    return False


def _different_scalars(a: sp.Expr, b: sp.Expr, hypotheses: checking.Hypotheses, seed: str) -> bool:
    if (a - b).has(sp.Integral) or any(head.has(sp.oo) for head in (a - b).atoms(sp.Sum)):
        return _different_by_quadrature(a, b, hypotheses, seed)
    try:
        sizes = {x: sp.Integer(3) for x in checking.symbolic_bounds(a) | checking.symbolic_bounds(b)}
        a, b = (checking.stand_ins(hypotheses.restrict(side.subs(sizes).doit())) for side in (a, b))
        if a.has(sp.nan, sp.zoo, sp.oo) or b.has(sp.nan, sp.zoo, sp.oo):
            return True  # no value: the checker would refuse it
        return checking.compare(a, b, seed).refuted_at is not None
    except (checking.ProofError, ZeroDivisionError):
        return True


def _different_by_quadrature(a: sp.Expr, b: sp.Expr, hypotheses: checking.Hypotheses, seed: str) -> bool:
    """Two points, five digits: enough to refute, and far quicker than a symbolic integral for every mutant."""
    a, b = hypotheses.restrict(a), hypotheses.restrict(b)
    rng = random.Random(seed)
    for _ in range(2):
        point = {x: checking.draw(x, rng, 0.4) for x in sorted(a.free_symbols | b.free_symbols, key=str)}
        try:
            one, other = checking.quadrature(a, point), checking.quadrature(b, point)
        except checking.Undefined:
            return True  # no value: the checker would refuse it
        if abs(one - other) > 1e-5 * max(1, abs(one), abs(other)):
            return True
    return False
