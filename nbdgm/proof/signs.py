"""Why a gap is nonnegative, term by term: sums of nonnegative terms, convex functions at their least value, Gibbs' inequality.

`least(t - 1 - log(t), t, 1)` is a function that is proved convex and nonnegative once, and may then be used at any argument
that t may be: `least(...)(q[i] / p[i])`. The other rules need nothing from the author.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from nbdgm.proof import cases
from nbdgm.proof.errors import ProofError
from nbdgm.proof.named import Computed, Named, tex, unfold
from nbdgm.proof.normal import norm
from nbdgm.proof.sums import RANGES, collect, nonempty, signed_sums

Known = Callable[[sp.Expr, bool], bool]  # (expression of symbols only, strict): sympy knows its sign


class Least(Computed):
    """A convex function of t, nowhere negative, at an argument that t may be: prints as what it is."""

    standard = True

    def __new__(cls, body: sp.Expr, t: sp.Symbol, at: object) -> Least:
        return sp.Expr.__new__(cls, body, t, sp.sympify(at))

    @property
    def at(self) -> sp.Expr:
        return self.args[2]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        return (self.args[0].free_symbols - {self.args[1]}) | self.at.free_symbols

    def definition(self) -> sp.Expr:
        return self.args[0].xreplace({self.args[1]: self.at})

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return rf"\left({tex(self.definition())}\right)"

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return f"({self.definition()})"


def least(body: object, t: sp.Symbol, t0: object) -> Callable[[object], sp.Expr]:
    """The function `body` of t, least at t0, for use in a gap: proved here to be flat at t0, convex, and nonnegative there.

    t is declared real, or positive: then it may be used at positive arguments only. Raises ProofError for a function that is
    not so, or that holds other symbols.
    """
    body, t0 = sp.sympify(body), sp.sympify(t0)
    if body.free_symbols != {t} or body.has(sp.Abs, sp.sign, sp.Piecewise, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.Heaviside):
        raise ProofError(f"least: a smooth function of {t} alone is wanted, not {body}")
    if t not in (sp.Symbol(t.name, real=True), sp.Symbol(t.name, positive=True)):
        raise ProofError(f"least: {t} is declared real, or positive, and nothing else")
    if not (t0.is_positive if t.is_positive else t0.is_real):
        raise ProofError(f"least: {t0} is not a value of {t}")
    slope, bend = sp.diff(body, t), sp.factor(sp.simplify(sp.diff(body, t, 2)))
    if sp.simplify(slope.subs(t, t0)) != 0 or bend.is_positive is not True:
        raise ProofError(f"least: {body} is not flat at {t} = {t0}, or not seen to be convex for every {t}")
    if sp.simplify(body.subs(t, t0)).is_nonnegative is not True:
        raise ProofError(f"least: the value {body.subs(t, t0)} at {t} = {t0} is negative, or of unknown sign")
    inside = sp.Symbol("argument", **{"positive" if t.is_positive else "real": True})
    return lambda at: Least(body.xreplace({t: inside}), inside, at)


def nonnegative(expr: sp.Expr, known: Known, strict: bool = False) -> bool:
    """True when the sign of `expr` follows term by term; `known` decides what holds symbols only."""
    return Signs(known).of(expr, strict)


class Signs:
    """The rules; each answers True or False, where False says nothing."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.ranges = dict(RANGES)  # of the indices that are fixed, or that run in a sum around

    def term(self, total: sp.Sum) -> sp.Expr:
        """The term of a sum at an index whose range is remembered."""
        fresh = {v: sp.Dummy(str(v), integer=True, positive=low.is_positive or None) for v, low, _ in total.limits}
        self.ranges |= {fresh[v]: (low, high) for v, low, high in total.limits}
        return total.function.xreplace(fresh)

    def of(self, expr: sp.Expr, strict: bool = False, depth: int = 0) -> bool:
        if depth > 8:
            return False
        if isinstance(expr, Least):
            return not strict and self.allowed(expr.args[1], expr.at)
        if isinstance(expr, Named):
            return self.of(expr.definition(), strict, depth + 1)
        if isinstance(expr, sp.Sum):
            some = nonempty(expr) or not strict
            return (some and self.of(self.term(expr), strict, depth + 1)) or self.whole(expr, strict, depth)
        if isinstance(expr, sp.Add):
            terms = [self.of(term, False, depth + 1) for term in expr.args]
            if all(terms) and (not strict or any(self.of(term, True, depth + 1) for term in expr.args)):
                return True
        elif isinstance(expr, sp.Mul):
            minus, rest = expr.as_coeff_Mul()
            if isinstance(rest, sp.Sum):
                return self.of(sp.Sum(minus * rest.function, *rest.limits), strict, depth + 1)
            logs = (
                [f for f in rest.args if isinstance(f, sp.log)] if rest.is_Mul else [rest] if isinstance(rest, sp.log) else []
            )
            if minus.is_negative and len(logs) == 1:  # -c log x is c log 1/x
                expr = sp.Mul(-minus * rest / logs[0], sp.log(1 / unfold(logs[0].args[0])), evaluate=False)
            if all(self.of(factor, strict, depth + 1) for factor in expr.args):
                return True
        elif isinstance(expr, sp.log):
            x = unfold(expr.args[0])
            top, bottom = sp.fraction(sp.together(x))
            return self.of(bottom, True, depth + 1) and self.of(sp.expand(top - bottom), strict, depth + 1)
        return self.whole(expr, strict, depth)

    def whole(self, expr: sp.Expr, strict: bool, depth: int) -> bool:
        plain = self.letters(unfold(expr))
        if self.known(plain, strict):
            return True
        if strict:
            return False
        if plain.has(*cases.STEPS):
            return cases.nonnegative(plain, lambda e: self.known(e, False))
        top, bottom = sp.fraction(sp.together(unfold(expr)))
        return (self.known(self.letters(bottom), True) and self.less_one(top, depth)) or self.gibbs(unfold(expr))

    def allowed(self, t: sp.Symbol, at: sp.Expr) -> bool:
        if t.is_positive:
            return self.of(at, True, 1)
        return unfold(at).is_extended_real is True or self.letters(unfold(at)).is_extended_real is True

    def letters(self, expr: sp.Expr) -> sp.Expr:
        return signed_sums(expr, self.known)

    def less_one(self, expr: sp.Expr, depth: int) -> bool:
        """A sum of nonnegative terms, less one of them: what is left is nonnegative."""
        terms = sp.Add.make_args(sp.expand(unfold(expr)))
        for term in terms:
            c, total = term.as_independent(sp.Sum)
            if not (isinstance(total, sp.Sum) and len(total.limits) == 1 and self.known(self.letters(c), False)):
                continue
            ((v, low, high),) = total.limits
            rest = sp.expand(unfold(expr)) - term
            if not self.of(self.term(total), False, depth + 1):
                continue
            for j in {s for node in rest.atoms(sp.Indexed) for s in node.indices}:
                if self.within(j, low, high) and norm(sp.expand(rest + c * total.function.xreplace({v: j}))) == 0:
                    return True
        return False

    def gibbs(self, expr: sp.Expr) -> bool:
        """Terms c log r with c, r > 0, of which c (1 - 1/r) add up to nothing: log r >= 1 - 1/r in each."""
        below = sp.S.Zero
        for term in sp.Add.make_args(expr):
            bound = self.bound(term)
            if bound is None:
                return False
            below += bound
        return below == 0 or collect(below) == 0 or norm(below) == 0

    def bound(self, term: sp.Expr) -> sp.Expr | None:
        factor, total = term.as_independent(sp.Sum) if term.has(sp.Sum) else (sp.S.One, term)
        if isinstance(total, sp.Sum) and self.known(self.letters(factor), False):
            inside = [self.bound(t) for t in sp.Add.make_args(total.function)]
            return None if None in inside else factor * sp.Sum(sp.Add(*inside), *total.limits)
        logs = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.log)]
        if len(logs) != 1:
            return term if self.known(self.letters(term), False) else None
        c, r = term / logs[0], logs[0].args[0]
        if not (self.known(self.letters(c), False) and self.known(self.letters(r), True)):
            return None
        return c - c / r

    def within(self, j: sp.Expr, low: sp.Expr, high: sp.Expr) -> bool:
        """Whether an index lies in a range for every length: 1 in 1..n, or one that is known to."""
        if j in self.ranges:
            return self.ranges[j] == (low, high)
        return (j - low).is_nonnegative is True and (high - j).is_nonnegative is True
