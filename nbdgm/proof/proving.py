"""What sympy can prove: that a difference is zero, that an expression has a sign; every method under a limit on time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy as sp

from nbdgm.proof.cases import cases
from nbdgm.proof.errors import TimeUp, cpu_limit
from nbdgm.proof.normal import norm, radicals
from nbdgm.proof.sums import collect, signed_sums

_GIVES_UP = (
    *(TimeUp, sp.PolynomialError, NotImplementedError, RecursionError),
    *(ValueError, TypeError, AttributeError, KeyError, StopIteration),  # sympy's own faults
)


def exponentials(expr: sp.Expr) -> sp.Expr:
    """Hyperbolic and trigonometric functions as exponentials, simplified."""
    return sp.simplify(expr.rewrite(sp.exp))


METHODS: tuple[tuple[Callable[[sp.Expr], sp.Expr], float], ...] = (
    (sp.expand, 5),
    (norm, 10),
    (collect, 10),
    (radicals, 5),
    (cases, 10),
    (sp.simplify, 5),
    (exponentials, 5),
)
FOR_SUMS = ((sp.expand, 5), (collect, 20))  # sums of symbolic length over families: sympy's own methods only take time


def _methods(difference: sp.Expr) -> tuple[tuple[Callable[[sp.Expr], sp.Expr], float], ...]:
    if difference.has(sp.Sum, sp.Product) and difference.has(sp.Indexed):
        return FOR_SUMS
    if any(power.exp.is_Rational and not power.exp.is_Integer for power in difference.atoms(sp.Pow)):
        return METHODS[0], (radicals, 10), *METHODS[1:]
    return METHODS


def prove(difference: sp.Expr) -> str | None:
    """The name of the first method that reduces `difference` to zero, cheapest first; None when none does."""
    for method, seconds in _methods(difference):
        try:
            with cpu_limit(seconds):
                if method(difference) == 0:
                    return method.__name__
        except _GIVES_UP:
            continue
    return None


@lru_cache(maxsize=4096)
def is_nonnegative(expr: sp.Expr, strict: bool = False) -> bool:
    """True when sympy knows the sign of `expr` as it stands, factored, brought together, or simplified and factored."""
    expr = signed_sums(expr, is_nonnegative)
    forms = (lambda e: e, sp.factor, lambda e: sp.factor(sp.together(e)), lambda e: sp.factor(sp.simplify(e)))
    for form in forms:
        try:
            with cpu_limit(5):
                shape = form(expr)
                if (shape.is_positive if strict else shape.is_nonnegative) is True:
                    return True
        except _GIVES_UP:
            continue
    return False


def is_nonzero(expr: sp.Expr) -> bool:
    """True when sympy knows that `expr` is nowhere zero."""
    return bool(expr.is_nonzero) or is_nonnegative(expr, True) or is_nonnegative(-expr, True)
