"""Wrong versions of a line. A derivation is worth something only if each of them would have been refused.

Every mutant of the first group changes what a line says, whatever the line is: a term dropped, negated or doubled, a
power raised, a number moved, a logarithm's argument doubled, the line negated or doubled. A mutant that survives points
to a term that the derivation never uses. Exchanging two symbols may leave a line as it is (p and q in a symmetric
divergence), and so may a change under a derivative (a term without its variable) or a mean (the sign of the noise): these
count only when they change the value of the very line.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof.conditions import conditions
from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import HEADS, evaluate, quadrature
from nbdgm.proof.hypotheses import Hypotheses, ordered, stand_ins, symbolic_bounds
from nbdgm.proof.named import Entry, Mean, unfold
from nbdgm.proof.points import SAFE, Undefined, compare, draw
from nbdgm.proof.reading import entries

if TYPE_CHECKING:
    from nbdgm.proof.deriving import Step

SECONDS = 5  # for the numbers of one mutant; a mutant that takes longer would not have been accepted


class Mutant(NamedTuple):
    """A wrong version of an expression; `old` -> `new` is the subexpression that was changed."""

    what: str
    expr: sp.Basic
    old: sp.Basic
    new: sp.Basic
    inner: bool = False  # the change stands under a derivative or a mean, which may not see it


Change = Callable[[], Mutant | None]  # builds a mutant when it is wanted


def mutants(expr: sp.Basic, rng: random.Random | None = None, swaps: bool = True, most: int | None = None) -> Iterator[Mutant]:
    """Every mutant of `expr`, first those that always change it, then exchanges of two symbols that do.

    `rng` shuffles the order within each group, and `most` bounds the number taken of each; bounds of integrals and sums stay.
    """
    if expr == 0:
        return
    for some in (_always(expr), _swaps(expr)) if swaps else (_always(expr),):
        changes = list(some)  # not yet built: building them is what takes time
        if rng is not None:
            rng.shuffle(changes)
        built = (mutant for change in changes if (mutant := change()) is not None)
        yield from itertools.islice(built, most)


def _always(expr: sp.Basic) -> Iterator[Change]:
    yield lambda: Mutant("negate the line", -expr, expr, -expr)
    yield lambda: Mutant("double the line", 2 * expr, expr, 2 * expr)
    for path, node, inner in _sites(expr):
        for change in _changes(node, inner):
            yield partial(_build, expr, path, node, change, inner)


def _build(
    expr: sp.Basic, path: tuple[int, ...], node: sp.Basic, change: Callable[[], tuple[str, sp.Basic]], inner: bool
) -> Mutant | None:
    try:
        what, new = change()
        return Mutant(what, _put(expr, path, new), node, new, inner)
    except (TypeError, ValueError, ProofError):  # sympy refuses to build it: nothing to test
        return None


def _sites(expr: sp.Basic, path: tuple[int, ...] = (), inner: bool = False) -> Iterator[tuple[tuple[int, ...], sp.Basic, bool]]:
    """Each subexpression, the way to it, and whether a derivative or a mean is taken of it.

    Neither bounds nor indices, nor rational exponents, which have a mutation of their own.
    """
    if isinstance(expr, sp.MatrixBase):
        for i, entry in enumerate(expr):
            yield from _sites(entry, (*path, i))
        return
    yield path, expr, inner
    inner = inner or isinstance(expr, (sp.Derivative, Mean))
    inside = expr.args
    if isinstance(expr, (sp.Indexed, Entry)):
        inside = ()
    elif isinstance(expr, (*HEADS, Mean, sp.MatPow)) or (isinstance(expr, sp.Pow) and expr.exp.is_Rational):
        inside = expr.args[:1]
    for i, child in enumerate(inside):
        if isinstance(child, sp.Expr):
            yield from _sites(child, (*path, i), inner)


def _changes(node: sp.Basic, inner: bool) -> Iterator[Callable[[], tuple[str, sp.Basic]]]:
    if isinstance(node, sp.Add):
        for term in node.args:
            yield lambda term=term: (f"drop the term {term}", node - term)
            yield lambda term=term: (f"flip the sign of {term}", node - 2 * term)
            yield lambda term=term: (f"double the term {term}", node + term)
    elif isinstance(node, sp.Pow) and node.exp.is_Rational:
        yield lambda: (f"raise the exponent of {node}", node.base ** (node.exp + 1))
    elif isinstance(node, sp.log) and inner:  # log 2 would be a constant, which no derivative sees
        yield lambda: (f"double {node}", 2 * node)
    elif isinstance(node, sp.log):
        yield lambda: (f"double the argument of {node}", sp.log(2 * node.args[0]))
    elif isinstance(node, sp.Rational):
        yield lambda: (f"add 1/7 to {node}", node + sp.Rational(1, 7))


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


def _swaps(expr: sp.Basic) -> Iterator[Change]:
    symbols = sorted((x for x in expr.free_symbols if isinstance(x, sp.Symbol)), key=str)
    for a, b in itertools.combinations(symbols, 2):
        if a.assumptions0 == b.assumptions0:
            yield partial(_exchange, expr, a, b)


def _exchange(expr: sp.Basic, a: sp.Symbol, b: sp.Symbol) -> Mutant | None:
    swapped = expr.xreplace({a: b, b: a})
    if swapped == expr or not different(expr, swapped, Hypotheses(), "swap"):
        return None
    return Mutant(f"exchange {a} and {b}", swapped, expr, swapped)


# --- telling two expressions apart, fast -------------------------------------------------------------------------------------


class Table:
    """Values of expressions at one random point, kept: a mutant shares all but a few of its subexpressions with its line."""

    operations: ClassVar = {sp.exp: SAFE["exp"], sp.log: mpmath.log, sp.Abs: abs, sp.sin: SAFE["sin"], sp.cos: SAFE["cos"]}

    def __init__(self, seed: str, hypotheses: Hypotheses, digits: int = 40) -> None:
        self.seed, self.hypotheses, self.digits = seed, hypotheses, digits
        self.known: dict[sp.Basic, mpmath.mpf] = {}

    def value(self, expr: sp.Basic) -> mpmath.mpf:
        """The number that `expr` is at this point; KeyError for a function that the table does not know."""
        if expr not in self.known:
            self.known[expr] = self._compute(expr)
        return self.known[expr]

    def _compute(self, expr: sp.Basic) -> mpmath.mpf:
        if isinstance(expr, (sp.Symbol, sp.Indexed)):
            if expr in self.hypotheses.intervals:
                return self.value(self.hypotheses.image(expr))
            drawn = draw(expr, random.Random(f"{self.seed}:{expr}"), 0.9)
            return mpmath.mpf(int(drawn.p)) / int(drawn.q)
        if isinstance(expr, sp.Rational):
            return mpmath.mpf(int(expr.p)) / int(expr.q)
        if isinstance(expr, sp.NumberSymbol):
            return mpmath.mpmathify(expr.evalf(self.digits + 5))
        if isinstance(expr, sp.Add):
            return sum(map(self.value, expr.args))
        if isinstance(expr, sp.Mul):
            return math.prod(map(self.value, expr.args))
        if isinstance(expr, sp.Pow):
            base, power = map(self.value, expr.args)
            return base ** (int(power) if expr.exp.is_Integer else power)
        if isinstance(expr, (sp.Sum, sp.Product)):
            *inner, (i, low, high) = expr.limits
            body = expr.func(expr.function, *inner) if inner else expr.function
            terms = [self.value(body.xreplace({i: sp.Integer(k)})) for k in range(int(low), int(high) + 1)]
            return math.prod(terms, start=mpmath.mpf(1)) if isinstance(expr, sp.Product) else sum(terms, mpmath.mpf(0))
        return self.operations[expr.func](*map(self.value, expr.args))


class Judge:
    """Tells expressions apart by numbers; keeps what it has computed, so one judge serves all mutants of a derivation."""

    def __init__(self, hypotheses: Hypotheses, seed: str) -> None:
        self.hypotheses, self.seed = hypotheses, seed
        self.tables = [Table(f"{seed}:{i}", hypotheses) for i in range(2)]

    def different(self, one: sp.Basic, other: sp.Basic) -> bool:
        """True when numbers alone tell the two apart, or one of them has no value where both must have one."""
        pairs = zip(entries(one), entries(other), strict=True)
        return any(a != b and self._limited(a, b) for a, b in pairs)

    def _limited(self, a: sp.Expr, b: sp.Expr) -> bool:
        try:
            with cpu_limit(SECONDS):
                return self._different(unfold(a), unfold(b))
        except (TimeUp, ProofError):
            return True

    def _different(self, a: sp.Expr, b: sp.Expr) -> bool:
        if any(side.has(sp.Integral) or any(head.has(sp.oo) for head in side.atoms(sp.Sum)) for side in (a, b)):
            return self._different_by_quadrature(a, b)
        try:
            lengths = {x: sp.Integer(3) for x in symbolic_bounds(a) | symbolic_bounds(b)}
            a, b = a.subs(lengths), b.subs(lengths)
            if lengths and self._different_in_tables(a, b):
                return True
            a, b = self._plain(a), self._plain(b)
            if a.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or b.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
                return True  # no value: the checker would refuse it
            if self._different_in_tables(a, b):
                return True
            a, b = self.hypotheses.restrict(a), self.hypotheses.restrict(b)
            return compare(a, b, self.seed).refuted_at is not None
        except (ProofError, ZeroDivisionError):
            return True

    def _plain(self, expr: sp.Expr) -> sp.Expr:
        """The expression with sums and derivatives carried out, and symbols only."""
        return stand_ins(expr.doit()) if expr.has(*HEADS, sp.Indexed, AppliedUndef) else expr

    def _different_in_tables(self, a: sp.Expr, b: sp.Expr) -> bool:
        for table in self.tables:
            try:
                with mpmath.workdps(table.digits):
                    one, other = table.value(a), table.value(b)
                    if abs(one - other) > 1e-20 * max(1, abs(one), abs(other)):
                        return True
            except KeyError:  # a function the tables do not know
                return False
            except TypeError:  # a length that is no number
                return False
            except (ValueError, OverflowError):
                return True
        return False

    def _different_by_quadrature(self, a: sp.Expr, b: sp.Expr) -> bool:
        """Two points, five digits: enough to refute, and far quicker than a symbolic integral for every mutant."""
        a, b = self.hypotheses.restrict(a), self.hypotheses.restrict(b)
        rng = random.Random(self.seed)
        for _ in range(2):
            point = {x: draw(x, rng, 0.4) for x in ordered(a.free_symbols | b.free_symbols)}
            try:
                one, other = quadrature(a, point), quadrature(b, point)
            except Undefined:
                return True  # no value: the checker would refuse it
            if abs(one - other) > 1e-5 * max(1, abs(one), abs(other)):
                return True
        return False


def different(one: sp.Basic, other: sp.Basic, hypotheses: Hypotheses, seed: str) -> bool:
    """True when numbers alone tell the two apart (or one of them has no value where both must have one)."""
    return Judge(hypotheses, seed).different(one, other)


# --- the mutants of a derivation ----------------------------------------------------------------------------------------------


def of_steps(
    steps: Sequence[Step], rng: random.Random | None, swaps: bool, most: int | None
) -> Iterator[tuple[Step, str, Mutant]]:
    """Every wrong version of every side of every equality: (step, 'left' or 'right', mutant)."""
    for step in steps:
        for side in ("left", "right") if step.opens else ("right",):
            for mutant in mutants(getattr(step, side), rng, swaps, most):
                yield step, side, mutant


def survivors(ids: str, steps: Sequence[Step], rng: random.Random | None, most: int | None) -> list[str]:
    """Mutants that the numbers do not refute, in words; empty for a sound derivation. At most `most` are tried on a side.

    A mutant that its own line does not notice is excused when the same change of the same subexpression, made wherever it
    occurs in the derivation, is refuted elsewhere: the second moment does not see the sign of mu, but the first one does.
    """
    found: list[str] = []
    judges = {step: Judge(step.hypotheses, f"{ids}:{step.number}") for step in steps}
    for step, side, mutant in of_steps(steps, rng, True, most):
        if 0 in (step.left, step.right) and mutant.what in ("negate the line", "double the line"):
            continue  # twice nothing is nothing
        if step.wrt is not None and step.wrt not in unfold(mutant.new - mutant.old).free_symbols:
            continue  # a term that d.constant has no business with
        left, right = (mutant.expr, step.right) if side == "left" else (step.left, mutant.expr)
        if judges[step].different(left, right) or _refuted_elsewhere(mutant, steps, judges):
            continue
        if mutant.inner and not judges[step].different(getattr(step, side), mutant.expr):
            continue  # the line says what it said
        found.append(f"{ids}, line {step.number} ({side}): {mutant.what} goes unnoticed")
    return found


def _refuted_elsewhere(mutant: Mutant, steps: Sequence[Step], judges: Mapping[Step, Judge]) -> bool:
    if mutant.old.is_Atom or mutant.what.startswith("exchange"):
        return False
    for step in steps:
        left, right = (side.xreplace({mutant.old: mutant.new}) for side in (step.left, step.right))
        if (left, right) != (step.left, step.right) and judges[step].different(left, right):
            return True
    return False


def needless(
    ids: str, hypotheses: Hypotheses, steps: Sequence[Step], signs: Sequence[Callable[[Hypotheses], None]] = ()
) -> list[str]:
    """Intervals without which every equality holds as well: a question to the author, who may want them for the reading."""
    found = []
    for x in hypotheses.intervals:
        rest = hypotheses.without(x)
        if not any(_fails_under(ids, step, rest) for step in steps) and not any(_has_no_sign(sign, rest) for sign in signs):
            found.append(f"{ids}: no line needs {hypotheses.describe(x)}")
    return found


def _has_no_sign(sign: Callable[[Hypotheses], None], hypotheses: Hypotheses) -> bool:
    try:
        sign(hypotheses)
    except ProofError:
        return True
    return False


def _fails_under(ids: str, step: Step, hypotheses: Hypotheses) -> bool:
    """True when the step is wrong, or something in it undefined, under other hypotheses."""
    if different(step.left, step.right, hypotheses, f"{ids}:{step.number}"):
        return True
    for side in (step.left, step.right):
        for part in entries(side):
            if len(conditions(part, hypotheses)) > len(conditions(part, step.hypotheses)):
                return True
    try:
        for part in (*entries(step.left), *entries(step.right)):
            if part.has(sp.Sum, sp.Integral):
                evaluate(part, hypotheses)
    except ProofError:
        return True
    return False
