"""The definitions that lines of a derivation are written with: finite laws, their divergences, moments of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy import Rational as R

from nbdgm.proof.errors import ProofError
from nbdgm.proof.named import FINITE

__all__ = ["EN", "JS", "KL", "R", "entropy", "expectation", "law", "log_normal", "roots", "table"]


def law(name: str, n: int) -> list[sp.Expr]:
    """A probability vector over `n` states, as odds: `u_i / (u_1 + ... + u_n)` with every `u_i > 0`.

    Odds reach every strictly positive law and leave sympy free to split logarithms, which `1 - t` does not.
    """
    if n < 2:
        raise ValueError(f"law({name!r}, {n}): a law needs at least two states")
    odds = sp.symbols(f"{name}_1:{n + 1}", positive=True)
    FINITE.update(dict.fromkeys(odds, f"the law {name} on {n} states"))
    return [u / sum(odds) for u in odds]


def table(name: str, rows: int, columns: int) -> sp.Matrix:
    """A `rows` x `columns` matrix of different positive symbols: a joint law that is not normalised.

    Divide by `sum(table)` wherever an identity needs the normalisation.
    """
    cells = sp.symbols(f"{name}_1:{rows * columns + 1}", positive=True)
    FINITE.update(dict.fromkeys(cells, f"the {rows} x {columns} table {name}"))
    return sp.Matrix(rows, columns, cells)


def expectation(p: Sequence[sp.Expr], values: Sequence[sp.Expr]) -> sp.Expr:
    """The mean of `values` under the finite law `p`; both of the same length."""
    return sum((a * v for a, v in zip(p, values, strict=True)), sp.S.Zero)


def KL(p: Sequence[sp.Expr], q: Sequence[sp.Expr]) -> sp.Expr:
    """Kullback-Leibler divergence in nats of two finite laws of the same length."""
    return sum((a * sp.log(a / b) for a, b in zip(p, q, strict=True)), sp.S.Zero)


def entropy(p: Sequence[sp.Expr]) -> sp.Expr:
    """Shannon entropy in nats of a finite law."""
    return -sum((a * sp.log(a) for a in p), sp.S.Zero)


def JS(p: Sequence[sp.Expr], q: Sequence[sp.Expr]) -> sp.Expr:
    """Jensen-Shannon divergence in nats: the mean divergence of `p` and `q` from their midpoint."""
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return (KL(p, middle) + KL(q, middle)) / 2


def log_normal(x: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The logarithm of the normal density at `x`."""
    return -((x - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2


def EN(expr: sp.Expr, *noise: sp.Symbol) -> sp.Expr:
    """The mean of `expr`, a polynomial in each of the independent standard normal symbols `noise`.

    A moment is 0 for an odd power and (k - 1)!! for an even one. Write a normal variable as `mean + scale * noise`, with one
    noise symbol for each variable.
    """
    terms = sp.Poly(sp.expand(expr), *noise).terms()
    return sum(
        (c * sp.prod(0 if k % 2 else sp.factorial2(k - 1) for k in powers) for powers, c in terms),
        sp.S.Zero,
    )


def roots(expr: sp.Expr, x: sp.Symbol, count: int = 1) -> list[sp.Expr]:
    """All roots of `expr` in `x` over the complex numbers; there must be exactly `count` different ones.

    `sympy.solve` drops, without a word, the roots that disagree with the assumptions on `x`. Here none is dropped: discarding
    one is a step of the derivation, and needs a reason.
    """
    if x not in expr.free_symbols:
        raise ProofError(f"roots: {x} does not occur in {expr} (or is another symbol of that name)")
    free = sp.Dummy(x.name)
    found = [root.xreplace({free: x}) for root in sp.solve(expr.xreplace({x: free}), free)]
    if len(found) != count:
        raise ProofError(f"roots: expected {count} in {x}, found {len(found)}: {found}")
    return found
