"""Identities with Max, Min, Abs, sign, Heaviside and Piecewise: split by the signs that decide them, and prove each case.

A sign is that of an irreducible factor, so that `Min(1, w/v)` and `Min(1, v/w)` are decided together. Cases that contradict
each other (x < y, y < z, z < x) are found by linear programming in exact numbers; products of symbols count as symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from sympy.logic.boolalg import Boolean
from sympy.solvers.simplex import InfeasibleLPError, UnboundedLPError, lpmax, lpmin

from nbdgm.proof.normal import norm

STEPS = (sp.Max, sp.Min, sp.Abs, sp.sign, sp.Heaviside, sp.Piecewise)
MOST = 243  # cases

Signs = dict[sp.Expr, int]


class _Undecided(Exception):
    """The sign of this factor is needed."""

    def __init__(self, factor: sp.Expr) -> None:
        self.factor = factor


def cases(expr: sp.Expr) -> sp.Expr:
    """0 when `expr` vanishes in every possible case; otherwise what is left in one of them.

    Max, Min and Abs are continuous: equality where no factor is zero reaches the borders. With sign, Heaviside or Piecewise
    and for integers, each border is a case of its own. Raises ValueError when there are too many cases.
    """
    if not expr.has(*STEPS):
        return expr
    borders = expr.has(sp.sign, sp.Heaviside, sp.Piecewise) or any(x.is_integer for x in expr.free_symbols)
    return _split(expr, {}, borders, _vanishes, [MOST])


def _split(expr: sp.Expr, signs: Signs, borders: bool, vanishes: Callable[[sp.Expr, Signs], bool], left: list[int]) -> sp.Expr:
    """0 when what is left in every possible case satisfies `vanishes`; otherwise what is left in one that does not."""
    try:
        found = decide(expr, signs)
    except _Undecided as needed:
        for sign in (1, -1, 0) if borders else (1, -1):
            left[0] -= 1
            if left[0] < 0:
                raise ValueError("too many cases") from None
            more = {**signs, needed.factor: sign}
            if not possible(more):
                continue
            inside = expr
            if sign == 0:
                x, root = _root(needed.factor)
                inside = expr.xreplace({x: root})
                more = {f.xreplace({x: root}): s for f, s in signs.items()}
            rest = _split(inside, more, borders, vanishes, left)
            if rest != 0:
                return rest
        return sp.S.Zero
    return sp.S.Zero if vanishes(found, signs) else sp.S.One if found == 0 else found


def decide(expr: sp.Expr, signs: Signs) -> sp.Expr:
    """The expression without steps, where the factors have these signs."""
    if not expr.has(*STEPS):
        return expr
    if isinstance(expr, sp.Piecewise):
        for value, condition in expr.args:
            if _holds(condition, signs):
                return decide(value, signs)
        raise ValueError("no case of a Piecewise holds")
    args = [decide(arg, signs) for arg in expr.args]
    if isinstance(expr, (sp.Max, sp.Min)):
        best = args[0]
        for other in args[1:]:
            larger = sign_of(other - best, signs) > 0
            best = other if larger == isinstance(expr, sp.Max) else best
        return best
    if isinstance(expr, sp.Abs):
        return sign_of(args[0], signs) * args[0]
    if isinstance(expr, sp.sign):
        return sp.Integer(sign_of(args[0], signs))
    if isinstance(expr, sp.Heaviside):
        found = sign_of(args[0], signs)
        return sp.Integer(found > 0) if found else args[1]
    return expr.func(*args)


def _holds(condition: Boolean, signs: Signs) -> bool:
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if isinstance(condition, (sp.And, sp.Or)):
        return (all if isinstance(condition, sp.And) else any)([_holds(c, signs) for c in condition.args])
    if isinstance(condition, sp.Not):
        return not _holds(condition.args[0], signs)
    found = sign_of(decide(condition.lhs, signs) - decide(condition.rhs, signs), signs)
    tests = {sp.Gt: found > 0, sp.Ge: found >= 0, sp.Lt: found < 0, sp.Le: found <= 0, sp.Eq: found == 0, sp.Ne: found != 0}
    return tests[condition.func]


def sign_of(expr: sp.Expr, signs: Mapping[sp.Expr, int]) -> int:
    """-1, 0 or 1, from the signs of its irreducible factors; raises _Undecided with the first that is not given."""
    expr = sp.factor(sp.together(expr))
    if expr.is_zero:
        return 0
    found = 1
    for part in sp.Mul.make_args(expr):
        base, power = part.as_base_exp()
        if part.is_positive:
            continue
        if part.is_negative:
            found = -found
            continue
        if not power.is_Integer:
            base, power = part, sp.S.One
        flipped = base.could_extract_minus_sign()
        base = -base if flipped else base
        sign = signs.get(base)
        if sign is None:
            raise _Undecided(base)
        found *= (-sign if flipped else sign) ** (int(power) % 2) if sign else 0
    return found


def nonnegative(expr: sp.Expr, known: Callable[[sp.Expr], bool]) -> bool:
    """True when `expr` is nonnegative in every possible case, by linear programming or because `known` says so."""
    borders = any(x.is_integer for x in expr.free_symbols)

    def vanishes(found: sp.Expr, signs: Signs) -> bool:
        return known(found) or _Program(signs).least(found)

    return _split(expr, {}, borders or expr.has(sp.sign, sp.Heaviside, sp.Piecewise), vanishes, [MOST]) == 0


def possible(signs: Signs) -> bool:
    """False when linear programming proves that no point has these signs; products of symbols count as symbols of their own."""
    room = sp.Symbol("room")
    try:
        return bool(lpmax(room, _Program(signs, room).relations)[0] > 0)
    except InfeasibleLPError:
        return False


class _Program:
    """The linear program of some signs: a variable for each monomial; strict signs keep a distance `room`, if there is one."""

    def __init__(self, signs: Signs, room: sp.Expr = sp.S.Zero) -> None:
        self.room = room
        self.monomials: dict[sp.Expr, sp.Symbol] = {}
        self.relations = [room <= 1] if room != 0 else []
        for factor, sign in signs.items():
            linear = self.linear(factor)
            if linear is not None:
                self.relations += [sign * linear >= room] if sign else [linear >= 0, linear <= 0]
        if sp.false in self.relations:
            self.relations = [sp.Symbol("nothing") >= 1, sp.Symbol("nothing") <= 0]
        self.relations = [r for r in self.relations if r != sp.true]

    def linear(self, expr: sp.Expr) -> sp.Expr | None:
        """The expression in the program's variables; None when a coefficient is not rational."""
        found = sp.S.Zero
        for term in sp.Add.make_args(sp.expand(expr)):
            c, monomial = term.as_coeff_Mul()
            if not c.is_Rational:
                return None
            if monomial != 1 and monomial not in self.monomials:
                self.monomials[monomial] = sp.Symbol(f"v_{len(self.monomials)}")
                if monomial.is_nonnegative:
                    self.relations.append(self.monomials[monomial] >= (self.room if monomial.is_positive else 0))
            found += c * (1 if monomial == 1 else self.monomials[monomial])
        return found

    def least(self, expr: sp.Expr) -> bool:
        """Whether the program proves that `expr` is nonnegative."""
        objective = self.linear(expr)
        if objective is None or objective.is_number:
            return bool(objective is not None and objective >= 0)
        try:
            return bool(lpmin(objective, self.relations)[0] >= 0)
        except InfeasibleLPError:
            return True
        except (UnboundedLPError, ValueError, TypeError):
            return False


def _root(factor: sp.Expr) -> tuple[sp.Symbol, sp.Expr]:
    """A symbol in which the factor is linear, and its value where the factor is zero."""
    for x in sorted(factor.free_symbols, key=str):
        slope = factor.diff(x)
        if slope.is_nonzero and not slope.has(x):
            root = sp.cancel(x - factor / slope)
            if root.is_nonnegative or not x.is_nonnegative:
                return x, root
    raise ValueError(f"the border {factor} = 0 is not solved")


def _signed(expr: sp.Expr, signs: Signs) -> sp.Expr:
    """Inside logarithms and roots, a factor of known sign becomes a positive letter, so that it can be split off."""
    letters = {f: sp.Dummy("f", positive=True) for f, s in signs.items() if s}

    def letter(part: sp.Expr) -> sp.Expr:
        found = sp.S.One
        for factor in sp.Mul.make_args(sp.factor(sp.together(part))):
            base, power = factor.as_base_exp()
            key = next((f for f in letters if base in (f, -f)), None)
            if key is None or not power.is_Integer:
                found *= factor
            else:
                found *= ((signs[key] if base == key else -signs[key]) * letters[key]) ** power
        return found

    if not expr.has(sp.log) and not any(not p.exp.is_Integer for p in expr.atoms(sp.Pow)):
        return expr
    expr = expr.replace(sp.log, lambda a: sp.log(letter(a)))
    expr = expr.replace(lambda a: isinstance(a, sp.Pow) and not a.exp.is_Integer, lambda a: letter(a.base) ** a.exp)
    logs = {part: sp.expand_log(part, factor=True) for part in expr.atoms(sp.log)}
    expr = expr.xreplace(logs)
    return expr


def _vanishes(expr: sp.Expr, signs: Signs) -> bool:
    expr = _signed(expr, signs)
    return sp.expand(expr) == 0 or norm(expr) == 0 or sp.simplify(expr) == 0
