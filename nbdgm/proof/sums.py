"""Sums and products of symbolic length: a form in which two of them are equal for every length when they read alike.

A sum of terms becomes terms of sums; what does not contain the index leaves its sum; indices are renamed, ranges moved to
`1..n`, with the terms at the ends written out; what is left under a sum is one letter. Products become exponentials of sums
of logarithms. Nothing here knows about derivations, and no number is ever put in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache

import sympy as sp

from nbdgm.proof.errors import ProofError
from nbdgm.proof.normal import norm

# index("j", n): a fixed index between 1 and n, with its range.
RANGES: dict[sp.Symbol, tuple[sp.Expr, sp.Expr]] = {}


def index(name: str, high: object, low: object = 1) -> sp.Symbol:
    """A fixed index with `low <= j <= high`, for the one coordinate that a line is about; the hypotheses say so."""
    j = sp.Symbol(name, integer=True, positive=True)
    RANGES[j] = (sp.sympify(low), sp.sympify(high))
    return j


def collect(expr: sp.Expr) -> sp.Expr:
    """0 when `expr` vanishes for every length of its sums; otherwise what is left, in letters."""
    form = Form()
    found = _split(form.flat(derivatives(expr), ()))
    return sp.S.Zero if found == 0 or _vanishes(found) else form.merge(found)


def summand(total: sp.Sum) -> sp.Expr:
    """The term of a sum, at an index of which it is known that it is not below its range."""
    fresh = {v: sp.Dummy(str(v), integer=True, **_sign(low)) for v, low, _ in total.limits}
    return total.function.xreplace(fresh)


def nonempty(total: sp.Sum) -> bool:
    """Whether the sum has a term for every length."""
    return all((high - low).is_nonnegative for _, low, high in total.limits)


def signed_sums(expr: sp.Expr, known: Callable[[sp.Expr, bool], bool]) -> sp.Expr:
    """The expression with its sums replaced by letters of their sign, which `known` tells of each summand."""
    if isinstance(expr, sp.Indexed) or not expr.has(sp.Sum):
        return expr
    if isinstance(expr, sp.Sum):
        term = signed_sums(summand(expr), known)
        if known(term, True):
            return _letter(expr, "positive" if nonempty(expr) else "nonnegative")
        return _letter(expr, "nonnegative" if known(term, False) else "real")
    return expr.func(*(signed_sums(arg, known) for arg in expr.args))


@lru_cache(maxsize=4096)
def _letter(total: sp.Sum, sign: str) -> sp.Dummy:
    return sp.Dummy("s", **{sign: True})


def derivatives(expr: sp.Expr) -> sp.Expr:
    """Derivatives carried out term by term, with the sums left as they are."""
    return expr.replace(
        lambda a: isinstance(a, sp.Derivative) and a.has(sp.Sum, sp.Product),
        lambda a: derivatives(a.expr).diff(*a.variable_count),
    )


def _split(expr: sp.Expr) -> sp.Expr:
    """Logarithms of factors, nested fractions made one, powers of sums in the exponent, products multiplied out."""
    expr = expr.replace(lambda a: isinstance(a, sp.log), lambda a: sp.log(sp.factor(a.args[0])))
    expr = sp.expand_log(expr, factor=True)
    return sp.expand(sp.Add(*(_fraction(term) for term in sp.Add.make_args(sp.expand(expr)))))


def _fraction(term: sp.Expr) -> sp.Expr:
    """One term with its nested fractions cancelled: a/(b/c) is a c/b."""
    factors = sp.Mul.make_args(term)
    nested = [f for f in factors if isinstance(f, sp.Pow) and f.exp.is_Integer and f.base.is_Add]
    if not any(g.exp.is_negative for f in nested for g in f.base.atoms(sp.Pow) if g.exp.is_number):
        return term
    return sp.Mul(*(f for f in factors if f not in nested)) * sp.factor(sp.cancel(sp.together(sp.Mul(*nested))))


class Form:
    """The letters of one expression: which sum each of them stands for."""

    def __init__(self) -> None:
        self.letters: dict[sp.Expr, sp.Expr] = {}  # summand and range, in canonical indices: the letter or its base
        self.stands: dict[sp.Expr, tuple[sp.Expr, sp.Symbol, sp.Expr]] = {}  # letter: summand, index, length

    def flat(self, expr: sp.Expr, outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        """The expression with its sums and products replaced by letters; `outer` are the indices that run around it."""
        if isinstance(expr, sp.Indexed) or not expr.has(sp.Sum, sp.Product, sp.KroneckerDelta):
            return expr
        if isinstance(expr, (sp.Sum, sp.Product)):
            limits = list(expr.limits)
            fresh = {v: sp.Dummy(str(v), integer=True, **_sign(low)) for v, low, *_ in limits}
            limits = [(fresh[v], *(b.xreplace(fresh) for b in bounds)) for v, *bounds in limits]
            if any(len(limit) != 3 or limit[1] in (sp.oo, -sp.oo) or limit[2] == sp.oo for limit in limits):
                return expr
            running = (*outer, *(v for v, *_ in limits))
            summand = self.flat(expr.function.xreplace(fresh), running)
            return (self.sum if isinstance(expr, sp.Sum) else self.product)(summand, limits, outer)
        return expr.func(*(self.flat(arg, outer) if isinstance(arg, sp.Expr) else arg for arg in expr.args))

    def sum(self, summand: sp.Expr, limits: list[tuple], outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        terms = sp.Add.make_args(_split(summand))
        return sp.Add(*(self.term(term, limits, outer) for term in terms))

    def product(self, factor: sp.Expr, limits: list[tuple], outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        if factor.is_positive:
            return sp.exp(self.sum(sp.log(factor), limits, outer))
        if len(limits) == 1:
            v, low, high = limits[0]
            parts = sp.Mul.make_args(sp.factor(factor))
            if len(parts) > 1:
                return sp.Mul(*(self.product(part, limits, outer) for part in parts))
            if not factor.has(v):
                return factor ** (high - low + 1)
        raise ProofError(f"a product of symbolic length over {factor}, of unknown sign: declare its base positive")

    def term(self, term: sp.Expr, limits: list[tuple], outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        """The sum of one product of factors: an index leaves together with the fewest factors that contain it."""
        if not limits:
            return term
        free = [
            n for n, (v, *_) in enumerate(limits) if not any(b.has(v) for m, (_, *bounds) in enumerate(limits) for b in bounds)
        ]
        factors = sp.Mul.make_args(term)

        def cost(n: int) -> tuple:
            """Few other indices, few factors; then, whatever the order in which it was written, the last slots first."""
            v = limits[n][0]
            moving = [f for f in factors if f.has(v)]
            others = {w for w, *_ in limits if w != v and any(f.has(w) for f in moving)}
            nodes = sorted((node for f in moving for node in f.atoms(sp.Indexed)), key=lambda node: str(node.base))
            slots = [-m for node in nodes for m, s in enumerate(node.indices) if s.has(v)]
            return len(others), len(moving), slots, str(limits[n][2]), n

        chosen = min(free, key=cost)
        v, low, high = limits[chosen]
        rest = limits[:chosen] + limits[chosen + 1 :]
        moving = sp.Mul(*(f for f in factors if f.has(v)))
        still = sp.Mul(*(f for f in factors if not f.has(v)))
        around = (*outer, *(w for w, *_ in rest))
        inner = self.single(moving, v, low, high, around)
        parts = sp.Add.make_args(_split(still * inner))
        return sp.Add(*(self.term(part, rest, outer) for part in parts))

    def single(self, part: sp.Expr, v: sp.Symbol, low: sp.Expr, high: sp.Expr, outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        """The sum of `part` over v from low to high: a letter, and the terms by which the range differs from 1..n."""
        if part == 1:
            return high - low + 1
        found = self.delta(part, v, low, high)
        if found is not None:
            return found
        shifts = [s - v for node in part.atoms(sp.Indexed) for s in node.indices if s.has(v)]
        if shifts and all(s.is_Integer for s in shifts) and min(shifts) != 0:  # x[i + 1] from 0: x[i] from 1
            by = min(shifts)
            w = sp.Dummy(str(v), integer=True)
            part, v, low, high = part.subs(v, w - by), w, low + by, high + by
        ends = sp.S.Zero
        self.refuse_backwards(low, high)
        offset, base = low.as_coeff_Add()
        if base != 0:  # from m + c on: 1..high less 1..(m + c - 1)
            return self.single(part, v, sp.S.One, high, outer) - self.single(part, v, sp.S.One, low - 1, outer)
        ends += sum((part.subs(v, m) for m in range(int(offset), 1)), sp.S.Zero)
        ends -= sum((part.subs(v, m) for m in range(1, int(offset))), sp.S.Zero)
        offset, base = high.as_coeff_Add()
        if base == 0 or not offset.is_Integer:
            return sp.Sum(part, (v, low, high)).doit()
        ends += sum((part.subs(v, base + m) for m in range(1, int(offset) + 1)), sp.S.Zero)
        ends -= sum((part.subs(v, base + m) for m in range(int(offset) + 1, 1)), sp.S.Zero)
        return self.letter(part, v, base, outer) + ends

    def refuse_backwards(self, low: sp.Expr, high: sp.Expr) -> None:
        """An empty sum is nothing; one that runs backwards means different things to different people."""
        room = high - low + 1
        for j, (least, most) in RANGES.items():
            if room.has(j):
                above, below = sp.symbols("above below", integer=True, nonnegative=True, cls=sp.Dummy)
                room = (room.subs(most, j + above) if most.is_Symbol else room).subs(j, least + below)
        if not room.is_nonnegative:
            raise ProofError(f"a sum from {low} to {high} may run backwards: declare its ends, k = index('k', n), or shift it")

    def delta(self, part: sp.Expr, v: sp.Symbol, low: sp.Expr, high: sp.Expr) -> sp.Expr | None:
        """A sum over a KroneckerDelta picks its term; the other index must be known to lie in the range."""
        for factor in sp.Mul.make_args(part):
            if isinstance(factor, sp.KroneckerDelta) and v in factor.args:
                other = factor.args[1] if factor.args[0] == v else factor.args[0]
                if other.is_Dummy or (other in RANGES and RANGES[other] == (low, high)):
                    return (part / factor).subs(v, other)
                raise ProofError(f"is {other} one of {low}..{high}? declare it by index('{other}', {high})")
        return None

    def letter(self, part: sp.Expr, v: sp.Symbol, n: sp.Expr, outer: tuple[sp.Symbol, ...]) -> sp.Expr:
        slots = {s for node in part.atoms(sp.Indexed) for s in node.indices} | set(outer)
        inside = (part.free_symbols | n.free_symbols) & (set(outer) | (slots & set(RANGES)))
        around = sorted(inside, key=lambda x: (x in RANGES, str(x)))
        best = None
        for order in itertools.permutations(around) if len(around) < 4 else [tuple(around)]:
            canonical = {v: _place(0), **{x: _place(m + 1) for m, x in enumerate(order)}}
            key = sp.Tuple(part, n).xreplace(canonical)
            if best is None or str(key) < str(best[0]):
                best = key, order
        key, order = best
        if key not in self.letters:
            kind = {"positive": True} if part.is_positive else {"nonnegative": True} if part.is_nonnegative else {"real": True}
            name = f"S_{len(self.letters)}"
            self.letters[key] = sp.IndexedBase(sp.Dummy(name, **kind), **kind) if order else sp.Dummy(name, **kind)
        found = self.letters[key][order] if order else self.letters[key]
        if not order:
            self.stands[found] = part, v, n
        return found

    def merge(self, expr: sp.Expr) -> sp.Expr:
        """Sums that are no multiples of each other may add up under one sign: p/(p + q) and q/(p + q).

        A constant is spread over the terms as c/n, or as c times the members of a sum that occurs in it, over that sum.
        """
        top = sp.expand(sp.fraction(sp.together(expr))[0])
        inside = {x for part, *_ in self.stands.values() for x in part.free_symbols}
        logs = {x for f in top.atoms(sp.log, sp.exp) for x in f.free_symbols}
        bottom = sp.fraction(sp.together(expr))[1].free_symbols
        i = sp.Dummy("i", integer=True)
        for n in {length for *_, length in self.stands.values()}:
            letters = [s for s, (*_, length) in self.stands.items() if length == n]
            free = [s for s in letters if top.has(s) and s not in inside | logs | bottom]
            poly = sp.Poly(top, *free) if free else None
            if free and poly.total_degree() > 1:
                continue
            summand = sum(
                (poly.coeff_monomial(s) * self.stands[s][0].xreplace({self.stands[s][1]: i}) for s in free), sp.S.Zero
            )
            rest = poly.coeff_monomial(1) if free else top
            ways = [rest / n]
            ways += [
                rest / s * self.stands[s][0].xreplace({self.stands[s][1]: i}) for s in letters if s not in free and rest.has(s)
            ]
            shares = sp.symbols(f"share_0:{len(ways)}")
            whole = summand + sum(share * way for share, way in zip(shares, ways, strict=True))
            if _solvable(whole, shares):
                return sp.S.Zero
        return expr


def _solvable(expr: sp.Expr, shares: tuple[sp.Symbol, ...]) -> bool:
    """Whether numbers that add up to one make the expression vanish identically."""
    plain = {node: sp.Dummy(**node.assumptions0) for node in expr.atoms(sp.Indexed)}
    expr = sp.expand_log(expr.xreplace(plain).replace(sp.log, lambda a: sp.log(sp.factor(a))), factor=True)
    logs = {part: sp.Dummy("l") for part in expr.atoms(sp.log, sp.exp)}
    top = sp.fraction(sp.cancel(sp.together(expr.xreplace(logs))))[0]
    others = sorted(top.free_symbols - set(shares), key=sp.default_sort_key)
    equations = sp.Poly(top, *others).coeffs() if others else [top]
    return bool(sp.linsolve([*equations, sum(shares) - 1], *shares))


def _vanishes(expr: sp.Expr) -> bool:
    """Whether the letters cancel; members x[i] of a family are letters like any other."""
    plain = {node: sp.Dummy(**node.assumptions0) for node in expr.atoms(sp.Indexed)}
    expr = expr.xreplace(plain)
    point = {x: sp.Rational(k * k + 7, 2 * k + 3) for k, x in enumerate(sorted(expr.free_symbols, key=sp.default_sort_key), 1)}
    if abs(sp.N(expr.subs(point), 30)) > 1e-15:  # numbers are quicker than the normal form of what is not zero
        return False
    try:
        return norm(expr) == 0
    except sp.PolynomialError:
        return False


def _sign(low: sp.Expr) -> dict[str, bool]:
    return {"positive": True} if low.is_positive else {"nonnegative": True} if low.is_nonnegative else {}


def _place(m: int) -> sp.Symbol:
    return sp.Symbol(f"index_{m}", integer=True)
