"""Induction: a sequence that is given by its first member and its next one has the closed form that is stated."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from nbdgm.proof.errors import ProofError
from nbdgm.proof.named import tex


def read_induction(
    n: sp.Symbol, closed: sp.Expr, first: sp.Expr, step: Callable[..., object], start: int, name: str
) -> tuple[list[tuple[sp.Expr, sp.Expr]], str, str]:
    """The two equalities that prove it, at the start and from n to n + 1, and how the statement is displayed.

    `step` is a function of the member before, or of the member and of n. Raises ProofError when n is no integer from `start`
    on, or does not occur in the closed form.
    """
    if n.is_integer is not True or (n - start).is_nonnegative is not True:
        raise ProofError(
            f"{n} counts from {start} on: declare it integer=True and {'positive' if start == 1 else 'nonnegative'}=True"
        )
    if n not in closed.free_symbols or n in first.free_symbols:
        raise ProofError(f"the closed form contains {n}, and the first member does not")
    before = sp.Symbol(f"{name}_n", real=True)
    said = _step(step, before, n)
    if before not in said.free_symbols:
        raise ProofError("the next member does not depend on the one before: write a line instead")
    pairs = [(first, closed.subs(n, start)), (_step(step, closed, n), closed.subs(n, n + 1))]
    letter = sp.latex(sp.Symbol(name))
    member = {before: sp.Symbol(f"{letter}_{{{sp.latex(n)}}}", real=True)}
    shown = (
        rf"{letter}_{{{start}}} = {tex(first)},\quad {letter}_{{{sp.latex(n)}+1}} = {tex(said.xreplace(member))}"
        rf"\quad\Longrightarrow\quad {letter}_{{{sp.latex(n)}}} = {tex(closed)}"
    )
    spoken = said.xreplace({before: sp.Symbol(f"{name}_{n}", real=True)})
    plain = f"{name}_{start} = {first}, {name}_({n} + 1) = {spoken}: {name}_{n} = {closed}"
    return pairs, shown, plain


def _step(step: Callable[..., object], member: sp.Expr, n: sp.Symbol) -> sp.Expr:
    count = step.__code__.co_argcount if hasattr(step, "__code__") else 1
    found = sp.sympify(step(member, n) if count == 2 else step(member))
    if not isinstance(found, sp.Expr):
        raise ProofError("step= is a function that gives the next member as an expression")
    return found
