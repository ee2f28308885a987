"""Expressions that print as their name and are checked as their definition; no checking happens here.

`Named` is the one idea: a line shows `D_KL(p || q)` or `E[(mu + sigma epsilon)^2]`, and the checker sees what that stands for,
because it calls `unfold` before it compares anything. So an author writes the object, never its picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import sympy as sp
from sympy.core.symbol import Str
from sympy.printing.precedence import PRECEDENCE

from nbdgm.proof import matrices
from nbdgm.proof.errors import ProofError

# Symbols that a finite law or a table made, with what they belong to: a derivation that shows one of them is not general.
FINITE: dict[sp.Symbol, str] = {}

RELATION = re.compile(
    r"[=<>≤≥≠≈]|\\(?:l?eq?|g?eq?|ne|neq|leq|geq|leqslant|geqslant|ll|gg|lt|gt|equiv|approx|sim|simeq|cong|propto|to|in|subset|prec|succ|"
    r"[lL]eftarrow|[rR]ightarrow|[lL]eftrightarrow|implies|iff|mapsto|text\{[^}]*\s[^}]*\})(?![A-Za-z])"
)
OPERATION = re.compile(r"[-+/]|(?<!\^)\*|\\(?:cdot|times|frac|tfrac|dfrac|div|pm|mp|sum|prod|int|sqrt)(?![A-Za-z])|\^\{?-?\d")


class Named(sp.Expr):
    """An expression with a name: `Named(definition, r"D^*")` prints as the name; `definition()` is what it stands for.

    Substituting into it gives the definition with the substitution made, without the name. Raises ProofError for a name that
    says something (a relation, a sum, a power): a name is no statement.
    """

    is_commutative = True
    standard = False  # True for the library's own names, whose definitions everybody knows

    def __new__(cls, definition: object, name: object, plain: object = "") -> Named:
        definition = sp.sympify(definition)
        name = str(name)
        if not isinstance(definition, sp.Expr):
            raise ProofError(f"let({name!r}, ...): an expression is wanted, not a {type(definition).__name__}")
        refuse_name(name)
        return sp.Expr.__new__(cls, definition, Str(name), Str(str(plain) or plain_name(name)))

    @property
    def name(self) -> str:
        return str(self.args[1])

    @property
    def precedence(self) -> int:
        """As printers ask for it: a power of D^* is (D^*)**2."""
        return PRECEDENCE["Pow" if "^" in self.name else "Atom"]

    def definition(self) -> sp.Expr:
        """What the name stands for; names inside it are left as they are."""
        return self.args[0]

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return f"{{{self.name}}}" if "^" in self.name else typeset(self.name)

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return str(self.args[2])

    def _eval_derivative(self, x: sp.Expr) -> sp.Expr:
        return self.definition().diff(x)

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Expr | None:
        found = self.definition()._subs(old, new)
        return None if found == self.definition() else found

    def _xreplace(self, rule: dict) -> tuple[sp.Expr, bool]:
        if self in rule:
            return rule[self], True
        found, changed = self.definition()._xreplace(rule)
        return (found, True) if changed else (self, False)

    def doit(self, **hints: object) -> sp.Expr:
        return unfold(self).doit(**hints)

    def _eval_is_extended_real(self) -> bool | None:
        return self.definition().is_extended_real

    def _eval_is_finite(self) -> bool | None:
        return self.definition().is_finite

    def _eval_is_extended_positive(self) -> bool | None:
        return self.definition().is_extended_positive

    def _eval_is_extended_negative(self) -> bool | None:
        return self.definition().is_extended_negative

    def _eval_is_zero(self) -> bool | None:
        return self.definition().is_zero

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return unfold(self)._eval_evalf(prec)


def refuse_name(name: str) -> None:
    """Raise for a name that could be read as a statement, or that no reader can type."""
    if not name.strip() or not name.isascii():
        raise ProofError(f"a name is LaTeX in ASCII, not {name!r}")
    if RELATION.search(name):
        raise ProofError(f"the name {name!r} carries a relation: a name says nothing, write a line")
    bare = name
    for _ in range(8):  # indices and arguments of commands say nothing; other braces only group
        bare = re.sub(r"(\\[A-Za-z]+|[_^])?\s*\{([^{}]*)\}", lambda found: f"{found[1]} " if found[1] else found[2], bare)
    depth, outer = 0, []
    for mark in bare:
        depth += (mark in "([{") - (mark in ")]}")
        outer.append(mark if depth == 0 else " ")
        if depth < 0:
            break
    if depth or OPERATION.search("".join(outer)) or re.search(r"\^\{?-?\d", name) or re.fullmatch(r"[\s\d.{}]+", name):
        raise ProofError(f"the name {name!r} reads as a formula: take a letter, with indices or arguments")


def plain_name(name: str) -> str:
    """The name for a terminal: `D^*(x)` from LaTeX, without its commands."""
    name = re.sub(r"\\(?:mathrm|mathbb|mathcal|operatorname|text|mathbf|bm|left|right)(?![A-Za-z])", "", name)
    name = name.replace(r"\|", "||").replace(r"\mid", "|").replace(r"\,", "")
    return re.sub(r"[{}\\]", "", name).strip()


def typeset(name: str) -> str:
    """A name in LaTeX: words as sympy writes symbols, `gamma` and `p_theta` with Greek letters; LaTeX stays as it is."""
    return sp.latex(sp.Symbol(name)) if re.fullmatch(r"\w+", name) else name


def unfold(expr: sp.Basic) -> sp.Basic:
    """The expression with every name replaced by what it stands for, to the bottom; a matrix entry by entry."""
    if isinstance(expr, sp.MatrixBase):
        return expr.applyfunc(unfold)
    while isinstance(expr, sp.Basic) and expr.has(Named):
        expr = _unfold(expr)
    return matrices.scalars(expr) if isinstance(expr, sp.Expr) else expr


@lru_cache(maxsize=4096)
def _unfold(expr: sp.Basic) -> sp.Basic:
    if isinstance(expr, Named):
        return expr.definition()
    if not expr.args or not expr.has(Named):
        return expr
    return expr.func(*(_unfold(arg) for arg in expr.args))


def tex(expr: sp.Basic) -> str:
    """LaTeX in which a name stands for a single letter: no brackets because of what is inside its definition."""
    if isinstance(expr, sp.MatrixBase):
        lines = r" \\ ".join(" & ".join(tex(v) for v in expr.row(i)) for i in range(expr.rows))
        return rf"\left[\begin{{matrix}}{lines}\end{{matrix}}\right]"
    expr = sp.sympify(expr)
    letters: dict[sp.Expr, sp.Dummy] = {}

    def stand(part: sp.Basic) -> sp.Basic:
        if isinstance(part, Named):
            return letters.setdefault(part, sp.Dummy(str(part)))
        return part.func(*map(stand, part.args)) if part.args and part.has(Named) else part

    if isinstance(expr, Named):
        return sp.latex(expr)
    return sp.latex(stand(expr), symbol_names={letter: sp.latex(name) for name, letter in letters.items()})


def names(expr: sp.Basic) -> Iterator[Named]:
    """The named expressions in the order in which a reader meets them, then those inside their definitions."""
    found: dict[Named, None] = {}
    waiting = list(expr) if isinstance(expr, sp.MatrixBase) else [expr]
    while waiting:
        part = waiting.pop(0)
        inside = [part]
        while inside:
            node = inside.pop(0)
            if isinstance(node, Named):
                if node in found:
                    continue
                found[node] = None
                waiting.append(node.args[0] if isinstance(node, Mean) else node.definition())
            inside += [] if isinstance(node, Named) else [arg for arg in node.args if arg.has(Named)]
    yield from found


class Computed(Named):
    """A name that is written from its parts, so that a substitution in the parts leaves it right."""

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Expr | None:
        return None  # into the parts

    def _xreplace(self, rule: dict) -> tuple[sp.Expr, bool]:
        return sp.Basic._xreplace(self, rule)

    @property
    def name(self) -> str:
        return sp.latex(self)


PLACES = sp.symbols("place_0:3", integer=True)


class Entry(Computed):
    """A member of a family of any length: `p[i]`, whose definition is the family's, written at i."""

    def __new__(cls, body: sp.Expr, name: object, *index: object) -> Entry:
        return sp.Expr.__new__(cls, body, Str(str(name)), *map(sp.sympify, index))

    @property
    def index(self) -> tuple[sp.Expr, ...]:
        return self.args[2:]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        inside = {x for x in self.args[0].free_symbols if not x.has(*PLACES)}
        return inside.union(*(i.free_symbols for i in self.index))

    def definition(self) -> sp.Expr:
        return at_places(self.args[0], self.index)

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return f"{{{typeset(str(self.args[1]))}}}_{{{','.join(map(printer._print, self.index))}}}"

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return f"{plain_name(str(self.args[1]))}[{', '.join(map(printer._print, self.index))}]"

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Expr:
        return self._xreplace({old: new})[0]

    def _xreplace(self, rule: dict) -> tuple[sp.Expr, bool]:
        if self in rule:
            return rule[self], True
        index = [i.xreplace(rule) for i in self.index]
        bound = {x for head in self.args[0].atoms(sp.Sum, sp.Product) for x in head.bound_symbols}
        body = self.args[0].xreplace({old: new for old, new in rule.items() if old not in bound.union(PLACES)})
        if body == self.args[0] or body.atoms(sp.IndexedBase) == self.args[0].atoms(sp.IndexedBase):
            return Entry(body, self.args[1], *index), body != self.args[0] or tuple(index) != self.index
        return at_places(body, index), True  # another family: it has no name


def at_places(body: sp.Expr, index: Sequence[sp.Expr]) -> sp.Expr:
    """The body of a family written at an index; running indices inside it give way to that index."""
    taken = {x for i in index for x in i.free_symbols}
    letters = (sp.Symbol(x, integer=True) for x in ("j", "k", "l", "r", "s", *(f"j_{m}" for m in range(1, 99))))
    running = {x for head in body.atoms(sp.Sum, sp.Product) for x in head.bound_symbols}
    free = (x for x in letters if x not in taken | running | body.free_symbols)
    renamed = {x: next(free) for x in sorted(running & taken, key=str)}
    return body.xreplace(renamed).xreplace(dict(zip(PLACES, index, strict=False)))


class Det(Computed):
    """The determinant of an explicit matrix, displayed as one and carried out by the checker."""

    standard = True

    def __new__(cls, matrix: sp.MatrixBase) -> Det:
        matrix = sp.ImmutableMatrix(matrix)
        if not matrix.is_square:
            raise ProofError(f"Det: a {matrix.rows} x {matrix.cols} matrix has no determinant")
        return sp.Expr.__new__(cls, matrix)

    def definition(self) -> sp.Expr:
        return unfold(self.args[0].doit()).det(method="berkowitz")

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        return rf"\det {printer._print(self.args[0])}"

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return f"det({printer._print(self.args[0])})"


class Mean(Computed):
    """The mean over independent standard normal `noise`: prints as an expectation, and is evaluated by the checker.

    `Mean((mu + s * e) ** 2, e)`. The expression is a polynomial in the noise, times exponentials of linear functions of it;
    sums of symbolic length over a family `epsilon[i]` are averaged term by term, and products of two of them by pairs.
    """

    standard = True

    def __new__(cls, expr: object, *noise: sp.Symbol) -> Mean:
        expr = sp.sympify(expr)
        if len(noise) == 1 and isinstance(noise[0], sp.MatrixSymbol) and noise[0].cols == 1:
            return sp.Expr.__new__(cls, expr, *noise)
        if not noise or not all(isinstance(e, (sp.Symbol, sp.Indexed)) for e in noise) or len(set(noise)) < len(noise):
            raise ProofError("EN: give the noise symbols after the expression, each of them once")
        for e in noise:
            if e.is_extended_real is not True or e.is_nonnegative or e.is_nonpositive or e.is_integer:
                raise ProofError(f"EN: a standard normal {e} takes every real value: declare it real=True")
        return sp.Expr.__new__(cls, expr, *noise)

    @property
    def noise(self) -> tuple[sp.Expr, ...]:
        return self.args[1:]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        bound = {x for e in self.noise for x in ({e, e.base, e.base.label} if isinstance(e, sp.Indexed) else {e})}
        inside = self.args[0].free_symbols - {e for e in self.args[0].free_symbols if getattr(e, "base", None) in bound}
        return inside - bound

    @property
    def bound_symbols(self) -> list[sp.Expr]:
        return list(self.noise)

    def definition(self) -> sp.Expr:
        if isinstance(self.noise[0], sp.MatrixSymbol):
            return matrices.mean(self.args[0], self.noise[0])
        return moments(unfold(self.args[0]), self.noise)

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        below = ", ".join(tex(e.base.label if isinstance(e, sp.Indexed) else e) for e in self.noise)
        return rf"\mathbb{{E}}_{{{below}}}\left[{tex(self.args[0])}\right]"

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        below = ",".join(printer._print(e) for e in self.noise)
        return f"E_{below}[{printer._print(self.args[0])}]"

    def _eval_derivative(self, x: sp.Expr) -> sp.Expr:
        return Mean(self.args[0].diff(x), *self.noise) if x not in self.noise else sp.S.Zero

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> sp.Expr | None:
        if old in self.noise:
            return self
        if self.args[0].has(old) and not old.has(*self.noise):
            self._refuse_capture(new)
        return Mean(self.args[0]._subs(old, new), *self.noise)

    def _xreplace(self, rule: dict) -> tuple[sp.Expr, bool]:
        if self in rule:
            return rule[self], True
        rule = {old: new for old, new in rule.items() if old not in self.noise}
        found, changed = self.args[0]._xreplace(rule)
        if not changed:
            return self, False
        for old, new in rule.items():
            if self.args[0].has(old) and not old.has(*self.noise):
                self._refuse_capture(new)
        return Mean(found, *self.noise), True

    def _refuse_capture(self, new: sp.Basic) -> None:
        if any(sp.sympify(new).has(e) for e in self.noise):
            raise ProofError(f"{new} would be averaged over inside {self}: use a noise symbol of its own")


def moments(expr: sp.Expr, noise: tuple[sp.Expr, ...]) -> sp.Expr:
    """The mean of `expr` over independent standard normal `noise`; 0 for an odd power, (k - 1)!! for an even one."""
    if any(isinstance(e, sp.Indexed) for e in noise):
        return _family_moments(expr, noise)
    if expr == 0:
        return sp.S.Zero
    kept: dict[sp.Expr, sp.Dummy] = {}

    def freeze(part: sp.Expr) -> sp.Expr:
        """Replace what is free of the noise by one symbol each: expanding is then cheap, whatever the coefficients."""
        if not part.has(*noise):
            return part if part.is_Number else kept.setdefault(part, sp.Dummy("c", commutative=True))
        if isinstance(part, (sp.Add, sp.Mul)):
            still = [a for a in part.args if not a.has(*noise)]
            moving = [freeze(a) for a in part.args if a.has(*noise)]
            return part.func(freeze(part.func(*still)), *moving) if still else part.func(*moving)
        if isinstance(part, sp.Derivative):
            return freeze(part.doit())
        return part.func(*map(freeze, part.args)) if isinstance(part, (sp.Pow, sp.exp)) else part

    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(sp.expand(freeze(expr)), power_exp=False)):
        total += _moment(term, noise, {new: old for old, new in kept.items()})
    return total.xreplace({new: old for old, new in kept.items()})


def _moment(term: sp.Expr, noise: tuple[sp.Expr, ...], kept: dict[sp.Dummy, sp.Expr]) -> sp.Expr:
    """The mean of one term: a constant, powers of the noise, and an exponential that is linear in it.

    An error shows what the symbols of `kept` stand for.
    """
    exponent = sum((f.exp for f in sp.Mul.make_args(term) if isinstance(f, sp.exp) and f.has(*noise)), sp.S.Zero)
    rest = sp.Mul(*(f for f in sp.Mul.make_args(term) if not (isinstance(f, sp.exp) and f.has(*noise))))
    try:
        if exponent != 0:  # E[g(e) exp(c e)] = exp(c^2 / 2) E[g(e + c)]
            linear = sp.Poly(exponent, *noise)
            if linear.total_degree() > 1:
                raise sp.PolynomialError
            slopes = [linear.coeff_monomial(e) for e in noise]
            rest = sp.exp(linear.coeff_monomial(1) + sum(c**2 for c in slopes) / 2) * rest.subs(
                dict(zip(noise, [e + c for e, c in zip(noise, slopes, strict=True)], strict=True)), simultaneous=True
            )
            rest = sp.expand(rest, power_exp=False)
        total = sp.S.Zero
        for part in sp.Add.make_args(rest):
            left, factor = part, sp.S.One
            for e in noise:
                left, power = left.as_independent(e, as_Add=False)
                k = sp.S.Zero if power == 1 else power.as_base_exp()[1]
                if power != e**k or not (k.is_Integer and k >= 0):
                    raise sp.PolynomialError
                factor *= 0 if k % 2 else sp.factorial2(k - 1)
            total += left * factor
        return total
    except sp.PolynomialError:
        letters, shown = ", ".join(map(str, noise)), term.xreplace(kept)
        raise ProofError(f"EN: {shown} is no polynomial in {letters}: write an Integral, or powers and exponentials") from None


def _family_moments(expr: sp.Expr, noise: tuple[sp.Expr, ...]) -> sp.Expr:
    """Means over a family epsilon[i], i = 1, 2, ...: sums term by term; a product of two sums by equal and unequal indices."""
    bases = {e.base for e in noise if isinstance(e, sp.Indexed)}
    plain = tuple(e for e in noise if not isinstance(e, sp.Indexed))

    def moving(part: sp.Expr) -> bool:
        return any(node.base in bases for node in part.atoms(sp.Indexed))

    def inner(summand: sp.Expr, index: sp.Symbol) -> sp.Expr:
        for node in summand.atoms(sp.Indexed):
            if node.base in bases and node.indices != (index,):
                raise ProofError(f"EN: {node} in a sum over {index}: the family is averaged at the sum's own index only")
        stand = {base[index]: sp.Dummy("e", real=True) for base in bases}
        return moments(summand.xreplace(stand), tuple(stand.values()))

    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(expr)):
        sums, rest = [], sp.S.One
        for factor in sp.Mul.make_args(term):
            base, k = factor.as_base_exp()
            if isinstance(base, sp.Sum) and moving(base) and k.is_Integer and k > 0:
                sums += [base] * int(k)
            else:
                rest *= factor
        rest = sp.expand(rest)
        singles = {n for n in rest.atoms(sp.Indexed) if n.base in bases}
        ranges = {s.limits[0][1:] for s in sums}
        if (sums and singles) or any(len(s.limits) > 1 for s in sums) or len(ranges) > 1 or len(sums) > 2:
            raise ProofError(f"EN: {term}: at most two sums over one range, and nothing of the family outside them")
        if singles:
            stand = {n: sp.Dummy("e", real=True) for n in singles}
            if len({n.base for n in singles}) < len(singles):
                raise ProofError(f"EN: {term}: two members of one family outside a sum may be the same one")
            rest = moments(rest.xreplace(stand), tuple(stand.values()))
        if sums:
            i = sums[0].limits[0][0]
            first, *second = [s.function.xreplace({s.limits[0][0]: i}) for s in sums]
            limits = (i, *sums[0].limits[0][1:])
            if second:
                means = [inner(f, i) for f in (first, *second)]
                pairs = sp.Sum(inner(first * second[0], i) - means[0] * means[1], limits)
                rest *= pairs + sp.Sum(means[0], limits) * sp.Sum(means[1], limits)
            else:
                rest *= sp.Sum(inner(first, i), limits)
        total += moments(rest, plain) if plain else rest
    return total
