"""What a derivation supposes of its symbols, as a reader is told; and the symbols that stand in for something else.

Only what `describe` can print may be supposed: an assumption that no reader sees is no hypothesis of a theorem. Symbols that
the checker makes itself are `Dummy`s, kept by what they stand for, so that no name in a chapter can be one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.errors import ProofError
from nbdgm.proof.matrices import Scalar
from nbdgm.proof.named import Named

NAME = r"\\?[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9,]+|_\{[A-Za-z0-9,+ -]+\})*(?:\^[*+'-])?'*"
MARKS = "hat|bar|tilde|dot|ddot|prime|star|check|vec|breve|acute|grave|bm|bold"  # as in muhat
REAL_BY_MEANING = ("mu", "theta", "phi", "epsilon", "ell", "logit")  # means, weights, noise, log-likelihoods
Interval = tuple[sp.Expr, sp.Expr]

_SIGNS = {
    "": {},
    " > 0": {"positive": True},
    " >= 0": {"nonnegative": True},
    " < 0": {"negative": True},
    " <= 0": {"nonpositive": True},
    " != 0": {"nonzero": True},
}
_BOUNDED = (" real", " > 0", " >= 0")  # kinds of symbols that may be confined to an interval


def _facts(assumptions: Mapping[str, bool]) -> frozenset[tuple[str, bool]]:
    return frozenset((key, value) for key, value in assumptions.items() if value is not None)


_KINDS = {
    _facts(sp.Symbol("x", real=True, **signs).assumptions0): text if text.strip() else " real" for text, signs in _SIGNS.items()
} | {_facts(sp.Symbol("x", integer=True, **signs).assumptions0): f"{text} integer" for text, signs in _SIGNS.items()}
_STAND_INS: dict[tuple[object, ...], sp.Dummy] = {}


def stand_in(what: sp.Basic, role: str, **assumptions: bool) -> sp.Dummy:
    """The one symbol that stands for `what` in this role; always the same one, and none that a chapter can write."""
    key = (what, role, *sorted(assumptions))
    if key not in _STAND_INS:
        _STAND_INS[key] = sp.Dummy(str(what), **assumptions)
    return _STAND_INS[key]


def ordered(symbols: Iterable[sp.Basic]) -> list[sp.Basic]:
    """Sorted by name; two of one name in the order in which they were made."""
    return sorted(symbols, key=lambda x: (str(x), getattr(x, "dummy_index", 0)))


def kind(x: sp.Expr) -> str | None:
    """What is supposed of a symbol, f(theta) or x[i], as text to be written behind its name; None when no text says it."""
    if isinstance(x, AppliedUndef):
        base = getattr(type(x), "_kwargs", {})
        return _KINDS.get(_facts(sp.Symbol("x", **base).assumptions0))
    return _KINDS.get(_facts(x.assumptions0))


@dataclass(frozen=True)
class Hypotheses:
    """Intervals for some symbols, and the parameters that undefined functions may depend on."""

    intervals: Mapping[sp.Symbol, Interval] = field(default_factory=dict)
    parameters: tuple[sp.Symbol, ...] = ()

    def __post_init__(self) -> None:
        for x, bounds in self.intervals.items():
            self._refuse_interval(x, bounds)

    def _refuse_interval(self, x: sp.Symbol, bounds: Interval) -> None:
        if type(x) is not sp.Symbol or not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
            raise ProofError(f"domain of {x}: write domain={{{x}: (low, high)}}, an open interval for a symbol")
        low, high = map(sp.sympify, bounds)
        if kind(x) not in _BOUNDED:
            raise ProofError(f"domain of {x}: only a symbol declared real, positive or nonnegative has an interval")
        if any(b.has(sp.Float) or not b.is_number or b.is_extended_real is not True for b in (low, high)):
            raise ProofError(f"domain of {x}: the bounds are exact numbers, not {low} and {high}")
        if not bool(low < high) or (x.is_nonnegative and low.is_extended_nonnegative is not True):
            raise ProofError(f"domain of {x}: the interval ({low}, {high}) is empty, or disagrees with the assumptions on {x}")

    def bounds(self, x: sp.Symbol) -> Interval:
        """The ends of what `x` may be, by its interval or else by its assumptions."""
        if x in self.intervals:
            return tuple(map(sp.sympify, self.intervals[x]))
        return (sp.S.Zero if x.is_nonnegative else -sp.oo), (sp.S.Zero if x.is_nonpositive else sp.oo)

    def allows(self, x: sp.Symbol, value: sp.Expr) -> bool:
        """True when the number is one of the values that `x` may take."""
        low, high = self.bounds(x)
        open_ends = x in self.intervals or x.is_zero is False
        inside = (low < value and value < high) if open_ends else (low <= value and value <= high)
        return bool(inside) and not (x.is_nonzero and value == 0) and not (x.is_integer and value.is_integer is not True)

    def without(self, x: sp.Symbol) -> Hypotheses:
        """The same, but nothing is said of `x` beyond its assumptions."""
        return Hypotheses({y: b for y, b in self.intervals.items() if y != x}, self.parameters)

    def restrict(self, expr: sp.Expr) -> sp.Expr:
        """Replace each symbol of an interval by a bijection from (0, oo): low + (high - low) * u / (1 + u)."""
        if not self.intervals:
            return expr
        own = {x for head in expr.atoms(sp.Integral, sp.Sum, sp.Product) for x in head.bound_symbols}
        for x in own & set(self.intervals):  # the variable of an integral is not the symbol of that name outside
            inside = stand_in(x, "bound", **({"positive": True} if x.is_positive else {"real": True}))
            expr = expr.replace(
                lambda e, x=x: isinstance(e, (sp.Integral, sp.Sum, sp.Product)) and x in e.bound_symbols,
                lambda e, x=x, inside=inside: e.xreplace({x: inside}),
            )
        return expr.xreplace({x: self.image(x) for x in self.intervals})

    def image(self, x: sp.Symbol) -> sp.Expr:
        low, high = map(sp.sympify, self.intervals[x])
        if not low.is_finite and not high.is_finite:
            return stand_in(x, "image", real=True)
        u = stand_in(x, "image", positive=True)
        if low.is_finite and high.is_finite:
            return low + (high - low) * u / (1 + u)
        return low + u if low.is_finite else high - u

    def describe(self, x: sp.Expr) -> str:
        """The hypothesis on a symbol, a function of a parameter or an indexed family, as text: 'sigma > 0'."""
        if x in self.intervals:
            low, high = self.intervals[x]
            return f"{low} < {x} < {high}"
        return f"{x}{kind(x) or ''}"


def refuse_symbol(x: sp.Expr, hypotheses: Hypotheses) -> None:
    """Raise unless the reader is told all that is supposed of `x`, and nothing of one sign that ought to have both."""
    if isinstance(x, Scalar):  # a trace or determinant: its matrices are displayed
        return
    name = str(x.func) if isinstance(x, AppliedUndef) else str(x.base.label) if isinstance(x, sp.Indexed) else x.name
    if not re.fullmatch(NAME, name):
        raise ProofError(f"the name {name!r}: letters of the Latin alphabet, digits and indices only")
    if x in hypotheses.intervals:
        return
    if kind(x) is None:
        if x.is_extended_real is not True:
            raise ProofError(f"{x} may be complex: declare it real=True or positive=True")
        raise ProofError(
            f"more is supposed of {x} than a reader is told: declare it real, positive, negative, nonnegative, nonpositive, "
            "nonzero or integer"
        )
    letter = re.match(r"[A-Za-z]*", name.strip("\\{}")).group()
    letter = re.sub(rf"(?:{MARKS})+$", "", letter)
    if letter in REAL_BY_MEANING and (x.is_nonnegative or x.is_nonpositive):
        side = "(0, oo)" if x.is_nonnegative else "(-oo, 0)"
        raise ProofError(f"{x} is declared of one sign; if that is meant, state it: domain={{{x}: {side}}} for a real {x}")


def printed(x: sp.Basic) -> str:
    """How `x` looks: two things that look alike have the same one, however their names were spelt."""
    tex = x.func.__name__ if isinstance(x, AppliedUndef) else sp.latex(x)
    tex = re.sub(r"\\(?:mathrm|mathbf|mathit|mathbb|operatorname|text|bm|boldsymbol|var|left|right)(?![a-z])", "", tex)
    return re.sub(r"[{}\\\s_]", "", tex)


def refuse_namesakes(seen: dict[str, sp.Basic], expr: sp.Basic) -> None:
    """Raise when two different things print alike: mu real and mu positive, mu1 and mu_1, p_1 and p[1], f(t) with two signs."""
    labels = {y for base in expr.atoms(sp.IndexedBase) for y in base.atoms(sp.Symbol)}
    names = (expr.atoms(sp.Symbol) - labels) | expr.atoms(sp.Indexed, AppliedUndef, Named, sp.MatrixSymbol)
    for x in ordered(names):
        what = x.func if isinstance(x, AppliedUndef) else x
        if seen.setdefault(printed(x), what) != what:
            raise ProofError(f"two different symbols print as {x}: their names or assumptions differ")
    for base in ordered(expr.atoms(sp.IndexedBase)):
        if seen.setdefault(f"{printed(base)}[]", base) != base:
            raise ProofError(f"two different symbols print as {base}: their names or assumptions differ")


def stand_ins(expr: sp.Expr) -> sp.Expr:
    """Replace f(theta), its derivatives and x[i] by symbols of their own, so that numbers can be put in."""
    jets = sorted(expr.atoms(sp.Derivative, AppliedUndef, sp.Indexed), key=lambda a: (-a.count_ops(), str(a)))
    for jet in jets:
        if isinstance(jet, sp.Derivative):
            symbol = stand_in(jet, "slope", real=True)
        elif jet.is_extended_real is not True:
            raise ProofError(f"{jet} may be complex: declare its base real=True or positive=True")
        else:
            signs = [name for name in ("positive", "negative", "nonnegative", "nonpositive") if getattr(jet, f"is_{name}")]
            symbol = stand_in(jet, "value", **({name: True for name in signs[:1]} or {"real": True}))
        expr = expr.xreplace({jet: symbol})
    return expr


def symbolic_bounds(expr: sp.Expr) -> set[sp.Symbol]:
    """The integer symbols that stand in a bound of a finite sum or product."""
    return {x for head in expr.atoms(sp.Sum, sp.Product) for _, *bounds in head.limits for b in bounds for x in b.free_symbols}
