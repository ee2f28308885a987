"""Normal forms in which an expression without sums vanishes visibly: logarithms split, roots and symbolic powers as letters."""

from __future__ import annotations

import sympy as sp


def norm(expr: sp.Expr) -> sp.Expr:
    """Normal form of a sum of (rational function) x log(rational function) in positive symbols: 0 exactly when it vanishes.

    Factors inside each logarithm, splits what is known to be positive, and cancels. It needs no `force`.
    """
    expr = expr.replace(lambda a: isinstance(a, sp.log), lambda a: sp.log(sp.factor(a.args[0])))
    return sp.cancel(sp.together(sp.expand(sp.expand_log(expr, factor=True))))


def radicals(expr: sp.Expr) -> sp.Expr:
    """0 when `expr` vanishes as a polynomial in its roots and powers: r for sqrt(f) with r^2 = f, one letter for each b^T.

    A root is split over the factors of its base that are known to be positive; a power over the sum in its exponent.
    """
    expr = expr.replace(lambda a: isinstance(a, sp.log), lambda a: sp.log(sp.factor(a.args[0])))
    expr = sp.expand_log(expr, factor=True)
    letters: dict[sp.Expr, tuple[sp.Dummy, sp.Expr, int]] = {}  # a base: its letter, the letter's power, and which power
    powers: dict[tuple[sp.Expr, sp.Expr], sp.Dummy] = {}

    def letter(base: sp.Expr, q: int) -> sp.Dummy:
        if base not in letters:
            letters[base] = sp.Dummy("r", positive=base.is_positive, real=True), base, q
        found, _, known = letters[base]
        if known != q:
            raise ValueError("roots of two orders of one base")
        return found

    def root(base: sp.Expr, exponent: sp.Rational) -> sp.Expr:
        base = sp.factor(base)
        inside, outside = [], sp.S.One
        for factor in sp.Mul.make_args(base):
            b, k = factor.as_base_exp()
            if b.is_positive and not b.is_Number and k.is_Integer:
                outside *= letter(b, exponent.q) ** (k * exponent.p)
            else:
                inside.append(factor)
        rest = sp.Mul(*inside)
        if rest.is_positive and rest.is_Number:
            return outside * rest**exponent
        return outside * (letter(rest, exponent.q) ** exponent.p if rest != 1 else 1)

    def rewrite(part: sp.Expr) -> sp.Expr:
        if not part.args:
            return part
        part = part.func(*map(rewrite, part.args))
        if not isinstance(part, sp.Pow) or part.exp.is_Integer:
            return part
        if part.exp.is_Rational:
            return part if part.base.is_Number else root(part.base, part.exp)
        split = sp.S.One
        base = sp.cancel(sp.together(part.base))
        for term in sp.Add.make_args(sp.expand(part.exp)):
            if term.is_Integer:
                split *= base**term
            else:
                coefficient, rest = term.as_coeff_Mul()
                key = (base, rest)
                split *= powers.setdefault(key, sp.Dummy("P", positive=base.is_positive)) ** coefficient
        return split

    expr = rewrite(sp.expand(expr, power_base=False, deep=False) if expr.is_Add else expr)
    if not letters and not powers:
        return sp.S.One if expr != 0 else expr
    top = sp.expand(sp.fraction(sp.together(expr))[0])
    for symbol, base, q in letters.values():
        top = sp.expand(sp.fraction(sp.together(_reduce(top, symbol, rewrite(base), q)))[0])
    return sp.expand(top)


def _reduce(expr: sp.Expr, symbol: sp.Dummy, value: sp.Expr, q: int) -> sp.Expr:
    """Powers of `symbol` from q on, by symbol^q = value."""
    total = sp.S.Zero
    for power, coefficient in sp.collect(expr, symbol, evaluate=False).items():
        k = sp.S.Zero if power == 1 else power.as_base_exp()[1]
        total += coefficient * value ** (int(k) // q) * symbol ** (int(k) % q)
    return total
