"""The definitions that lines of a derivation are written with: laws on n states, their divergences, moments of Gaussians.

The number of states is an integer, or a symbol: `law("p", 3)` is a list of three expressions, `law("p", n)` a family `p[i]`.
Laws are written as odds, which reach every strictly positive one. What is defined here prints as its name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence

import sympy as sp
from sympy import Rational as R

from nbdgm.proof.errors import ProofError
from nbdgm.proof.makers import made
from nbdgm.proof.named import FINITE, PLACES, Computed, Entry, Mean, Named, refuse_name, tex, typeset
from nbdgm.proof.sums import index

__all__ = [
    "EN",
    "JS",
    "KL",
    "Jacobian",
    "R",
    "density",
    "entropy",
    "expectation",
    "index",
    "kernel",
    "law",
    "let",
    "log_normal",
    "roots",
    "size",
    "table",
    "unit",
]


class Law(list):
    """A list of expressions with a letter: `p` for `[p_1, p_2, p_3]`."""

    def __init__(self, entries: Iterable[sp.Expr], name: str) -> None:
        super().__init__(entries)
        self.name = name


class Family:
    """Expressions `p[i]`, i = 1..n for a symbolic n (or `P[i, k]`, for two), written by a function of the index."""

    def __init__(self, name: str, sizes: Sequence[sp.Expr], body: Callable[..., sp.Expr]) -> None:
        refuse_name(name)
        self.name, self.sizes = name, tuple(map(sp.sympify, sizes))
        self.body = sp.sympify(body(*PLACES[: len(self.sizes)]))

    def __getitem__(self, at: object) -> sp.Expr:
        at = at if isinstance(at, tuple) else (at,)
        if len(at) != len(self.sizes):
            raise IndexError(f"{self.name} has {len(self.sizes)} indices, not {len(at)}")
        return Entry(self.body, self.name, *at)

    def __iter__(self) -> None:
        raise TypeError(
            f"{self.name} has {self.sizes[0]} members, a symbol: write Sum({self.name}[i], (i, 1, {self.sizes[0]}))"
        )

    def __len__(self) -> int:
        raise TypeError(f"{self.name} has {self.sizes[0]} members, a symbol: zip and len are for a number of them")


# --- symbols and laws ---------------------------------------------------------------------------------------------------------


def symbols(names: str, **assumptions: object) -> sp.Symbol | tuple:
    """sympy's `symbols`, but a range that holds nothing is an error: 'w_2:2' would be a sum of no terms later.

    Raises ProofError for an empty range.
    """
    for part in re.split(r"[,\s]+", names.strip()) if isinstance(names, str) else ():
        if part and not sp.symbols(part, seq=True, **assumptions):
            raise ProofError(f"symbols({names!r}): the range {part} is empty")
    return sp.symbols(names, **assumptions)


def size(name: str) -> sp.Symbol:
    """A number of states or coordinates: any integer from 1 on."""
    return sp.Symbol(name, integer=True, positive=True)


def _odds(name: str) -> sp.IndexedBase:
    return sp.IndexedBase(f"{name}tilde", positive=True)


def law(name: str, n: object, m: object = None) -> Law | Family:
    """A strictly positive probability vector on `n` states, or a joint law on `n` x `m`: odds over their sum.

    For an integer n a list of `u_i / (u_1 + ... + u_n)`, otherwise a family `p[i]` with i = 1..n. Odds leave sympy free to
    split logarithms, which `1 - t` does not. Raises ValueError for fewer than two states.
    """
    if m is not None:
        made(name, "tilde")
        odds, (i, k) = _odds(name), _running(2)
        return Family(name, (n, m), lambda a, b: odds[a, b] / sp.Sum(odds[i, k], (i, 1, n), (k, 1, m)))
    if isinstance(n, sp.Expr) and not n.is_Integer:
        made(name, "tilde")
        odds, (i,) = _odds(name), _running(1)
        return Family(name, (n,), lambda a: odds[a] / sp.Sum(odds[i], (i, 1, n)))
    if n < 2:
        raise ValueError(f"law({name!r}, {n}): a law needs at least two states")
    made(name, "_")
    odds = sp.symbols(f"{name}_1:{n + 1}", positive=True)
    FINITE.update(dict.fromkeys(odds, f"the law {name} on {n} states"))
    return Law([u / sum(odds) for u in odds], name)


def kernel(name: str, n: object, m: object) -> sp.Matrix | Family:
    """Transition probabilities from `n` states to `m`: positive rows, each of which sums to one. Symbolic sizes: `A[i, j]`."""
    if isinstance(n, int) and isinstance(m, int):
        cells = table(name, n, m)
        return sp.Matrix(n, m, lambda i, j: cells[i, j] / sum(cells[i, :]))
    made(name, "tilde")
    odds, (j,) = _odds(name), _running(1)
    return Family(name, (n, m), lambda a, b: odds[a, b] / sp.Sum(odds[a, j], (j, 1, m)))


def unit(name: str, n: object = None) -> sp.Expr | Family:
    """A number strictly between 0 and 1, displayed as `name` and checked as u/(1 + u); a family of `n` of them, `D[i]`."""
    made(name, "tilde")
    if n is not None:
        odds = _odds(name)
        return Family(name, (n,), lambda a: odds[a] / (1 + odds[a]))
    odds = sp.Symbol(f"{name}tilde", positive=True)
    return Named(odds / (1 + odds), sp.latex(sp.Symbol(name)), name)


def table(name: str, rows: int, columns: int) -> sp.Matrix:
    """A `rows` x `columns` matrix of different positive symbols: a joint law that is not normalised.

    Divide by `sum(table)` wherever an identity needs the normalisation.
    """
    made(name, "_")
    cells = sp.symbols(f"{name}_1:{rows * columns + 1}", positive=True)
    FINITE.update(dict.fromkeys(cells, f"the {rows} x {columns} table {name}"))
    return sp.Matrix(rows, columns, cells)


def let(name: str, value: object, n: object = None) -> Named | Law | Family:
    """Give a name to an expression, to each of a list, or to a function of the index.

    `let("m", lambda i: (p[i] + q[i]) / 2, n)`. Lines show the name; the definition stands below them.
    Raises ProofError for a name that carries a relation or a formula.
    """
    if callable(value) and not isinstance(value, sp.Basic):
        return Family(name, (n,) * len(inspect.signature(value).parameters) if not isinstance(n, tuple) else n, value)
    if isinstance(value, (list, tuple, sp.MatrixBase)):
        return Law([Named(v, f"{{{name}}}_{{{k}}}") for k, v in enumerate(value, 1)], name)
    return Named(value, name)


def _running(count: int) -> tuple[sp.Symbol, ...]:
    return tuple(sp.Symbol(x, integer=True) for x in ("j", "k")[:count])


# --- sums over a law ----------------------------------------------------------------------------------------------------------


class Standard(Named):
    """A quantity that every reader knows by its sign, D_KL(p || q): the definition unfolds."""

    standard = True

    def __new__(cls, definition: sp.Expr, name: object, plain: object = "") -> Standard:
        return sp.Expr.__new__(cls, sp.sympify(definition), sp.core.symbol.Str(str(name)), sp.core.symbol.Str(str(plain)))


def _over(laws: Sequence[object], term: Callable[..., sp.Expr]) -> sp.Expr:
    """The sum over the states of `term(p_i, q_i, ...)`; the laws are lists of one length, or families of one size."""
    if any(isinstance(p, Family) for p in laws):
        if not all(isinstance(p, Family) and p.sizes == laws[0].sizes for p in laws):
            raise ProofError("the laws are on different numbers of states")
        at = tuple(sp.Symbol(x, integer=True) for x in ("i", "k")[: len(laws[0].sizes)])
        return sp.Sum(term(*(p[at] for p in laws)), *((v, 1, n) for v, n in zip(at, laws[0].sizes, strict=True)))
    if len({len(p) for p in laws}) > 1:
        raise ProofError("the laws are on different numbers of states")
    return sum((term(*at) for at in zip(*laws, strict=True)), sp.S.Zero)


def _named(definition: sp.Expr, laws: Sequence[object], tex: str, plain: str) -> sp.Expr:
    names = [getattr(p, "name", "") for p in laws]
    if not all(names) or isinstance(definition, sp.Number):
        return definition
    return Standard(definition, tex % tuple(map(typeset, names)), plain % tuple(names))


def expectation(p: Sequence[sp.Expr] | Family, values: object) -> sp.Expr:
    """The mean of `values` under the law `p`: a list of the same length, a family, or (any n) a function of the index."""
    if callable(values) and isinstance(p, Family):
        at = tuple(sp.Symbol(x, integer=True) for x in ("i", "k")[: len(p.sizes)])
        shown = sp.sympify(values(*at))
        definition = sp.Sum(p[at] * shown, *((v, 1, n) for v, n in zip(at, p.sizes, strict=True)))
        below = rf"{', '.join(map(str, at))} \sim {typeset(p.name)}"
        return Standard(definition, rf"\mathbb{{E}}_{{{below}}}\left[{tex(shown)}\right]", f"E_{p.name}[{shown}]")
    return _named(_over([p, values], lambda a, f: a * f), [p, values], r"\mathbb{E}_{%s}\left[%s\right]", "E_%s[%s]")


def KL(p: Sequence[sp.Expr] | Family, q: Sequence[sp.Expr] | Family) -> sp.Expr:
    """Kullback-Leibler divergence in nats of two laws on the same states."""
    found = _over([p, q], lambda a, b: a * sp.log(a / b))
    return _named(found, [p, q], r"D_{\mathrm{KL}}\left(%s \,\middle\|\, %s\right)", "D_KL(%s || %s)")


def entropy(p: Sequence[sp.Expr] | Family) -> sp.Expr:
    """Shannon entropy in nats of a law."""
    return _named(-_over([p], lambda a: a * sp.log(a)), [p], r"H\left(%s\right)", "H(%s)")


def JS(p: Sequence[sp.Expr] | Family, q: Sequence[sp.Expr] | Family) -> sp.Expr:
    """Jensen-Shannon divergence in nats: the mean divergence of `p` and `q` from their midpoint."""
    found = _over([p, q], lambda a, b: (a * sp.log(2 * a / (a + b)) + b * sp.log(2 * b / (a + b))) / 2)
    return _named(found, [p, q], r"D_{\mathrm{JS}}\left(%s \,\middle\|\, %s\right)", "D_JS(%s || %s)")


# --- Gaussians ----------------------------------------------------------------------------------------------------------------


class LogNormal(Computed):
    """The logarithm of the normal density, by its name."""

    standard = True

    def __new__(cls, x: object, mean: object, variance: object) -> LogNormal:
        return sp.Expr.__new__(cls, *map(sp.sympify, (x, mean, variance)))

    def definition(self) -> sp.Expr:
        x, mean, variance = self.args
        return -((x - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return r"\log \mathcal{{N}}\left({};\, {},\, {}\right)".format(*map(tex, self.args))

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return "log N({}; {}, {})".format(*map(printer._print, self.args))


class Density(LogNormal):
    """The normal density, by its name."""

    def definition(self) -> sp.Expr:
        x, mean, variance = self.args
        return sp.exp(-((x - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return super()._latex(printer).removeprefix(r"\log ")

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return super()._sympystr(printer).removeprefix("log ")


def log_normal(x: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The logarithm of the normal density at `x`."""
    return LogNormal(x, mean, variance)


def density(x: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The normal density at `x`."""
    return Density(x, mean, variance)


def EN(expr: sp.Expr, *noise: sp.Symbol) -> sp.Expr:
    """The mean of `expr` over the independent standard normal symbols `noise`: displayed as a mean, evaluated by the checker.

    A moment is 0 for an odd power and (k - 1)!! for an even one. Write a normal variable as `mean + scale * noise`, with one
    noise symbol for each variable. Raises ProofError, when it is checked, for what is no polynomial and no exponential.
    """
    return Mean(expr, *noise)


# --- calculus -----------------------------------------------------------------------------------------------------------------


def Jacobian(functions: Sequence[sp.Expr], variables: Sequence[sp.Symbol]) -> sp.Matrix:
    """The matrix of the derivatives of `functions` (rows) by `variables` (columns), to be carried out by the checker."""
    return sp.ImmutableMatrix(
        [[sp.Derivative(f, x) if sp.sympify(f).has(x) else sp.S.Zero for x in variables] for f in functions]
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
