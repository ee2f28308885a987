"""Traces and determinants of matrices of any size, as polynomials in words that read alike only when they are equal.

A product of matrices is a word; the trace of a word may be turned round (cyclic) and over (transposed); where a vector stands
the word falls into scalars. Nothing is known of a matrix but its shape, and what `matrix` declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import sympy as sp

from nbdgm.proof.errors import ProofError

Letter = tuple[sp.MatrixExpr, bool, bool]  # a matrix, transposed?, inverted?
Word = tuple[Letter, ...]


class Symmetric(sp.MatrixSymbol):
    """A matrix that is its own transpose."""


class Positive(Symmetric):
    """A symmetric matrix that is positive definite."""


KINDS = {"": sp.MatrixSymbol, "symmetric": Symmetric, "positive": Positive}


class Scalar(sp.Symbol):
    """The trace of a word, or the determinant of a matrix: a number of which nothing else is known."""

    def _latex(self, printer: sp.printing.latex.LatexPrinter) -> str:
        head, inside = self.name.removesuffix(")").split("(", 1)
        inside = re.sub(r"\{[^}]*\}", "", inside).replace("^T^-1", r"^{-\top}").replace("^T", r"^{\top}")
        inside = inside.replace("^-1", "^{-1}").replace(",", r"\,")
        return rf"\operatorname{{{head}}}\left({inside}\right)"

    def _sympystr(self, printer: sp.printing.str.StrPrinter) -> str:
        return re.sub(r"\{[^}]*\}", "", self.name)


def matrix(name: str, rows: object, columns: object = None, kind: str = "") -> sp.MatrixSymbol:
    """A real matrix of any size (a column vector: `matrix("x", n, 1)`); `kind` is "symmetric" or "positive" (definite)."""
    columns = rows if columns is None else columns
    if kind not in KINDS or (kind and rows != columns):
        raise ProofError(f"matrix: kind is 'symmetric' or 'positive' for a square matrix, not {kind!r}")
    return KINDS[kind](name, sp.sympify(rows), sp.sympify(columns))


def scalars(expr: sp.Expr) -> sp.Expr:
    """The expression with its traces and determinants written in words."""
    if isinstance(expr, sp.Trace):
        return trace(expr.arg)
    if isinstance(expr, sp.Determinant):
        return determinant(expr.arg)
    if not expr.args or not expr.has(sp.Trace, sp.Determinant):
        return expr
    return expr.func(*map(scalars, expr.args))


def trace(m: sp.MatrixExpr) -> sp.Expr:
    """The trace of a matrix expression, a polynomial in scalars."""
    return sp.Add(*(c * _closed(word, m.rows) for c, word in words(m)))


def determinant(m: sp.MatrixExpr) -> sp.Expr:
    """The determinant: of a product factor by factor; of a matrix plus a rank-one matrix by the determinant lemma."""
    terms = list(words(m))
    if len(terms) == 1:
        c, word = terms[0]
        if all(letter[0].rows == letter[0].cols for letter in word):
            return c**m.rows * sp.Mul(*(_det(letter) for letter in word))
    plain = [(c, w) for c, w in terms if len(w) <= 1 and all(x[0].rows == x[0].cols for x in w)]
    rank_one = [(c, w) for c, w in terms if any(_columns(x) == 1 for x in w)]
    if len(plain) == 1 and len(rank_one) == 1 and len(terms) == 2:
        (c, base), (k, word) = plain[0], rank_one[0]
        inverse = tuple(_inverted(x) for x in reversed(base))
        return c**m.rows * sp.Mul(*map(_det, base)) * (1 + k / c * _closed(inverse + word, m.rows))
    return Scalar(f"det({_ascii(_added(terms))})", real=True)


def words(m: sp.MatrixExpr) -> Iterator[tuple[sp.Expr, Word]]:
    """The expression multiplied out: coefficients, and words with inverses cancelled."""
    m = m.doit(deep=False) if isinstance(m, (sp.Transpose, sp.Inverse)) else m
    if isinstance(m, sp.MatAdd):
        for term in m.args:
            yield from words(term)
    elif isinstance(m, sp.MatMul):
        coefficient, factors = m.as_coeff_matrices()
        found: list[tuple[sp.Expr, Word]] = [(coefficient, ())]
        for factor in factors:
            found = [(c * k, _cancelled(w + v)) for c, w in found for k, v in words(factor)]
        yield from found
    elif isinstance(m, sp.MatPow) and m.exp.is_Integer and m.exp > 0:
        yield from words(sp.MatMul(*[m.base] * int(m.exp)))
    elif isinstance(m, sp.Transpose):
        for c, word in words(m.arg):
            yield c, _turned_over(word)
    elif isinstance(m, (sp.Inverse, sp.MatPow)) and (isinstance(m, sp.Inverse) or m.exp == -1):
        inside = list(words(m.args[0]))
        if len(inside) == 1 and all(x[0].rows == x[0].cols for x in inside[0][1]):
            c, word = inside[0]
            yield 1 / c, tuple(_inverted(x) for x in reversed(word))
        else:
            yield sp.S.One, ((m.args[0], False, True),)
    elif isinstance(m, sp.Identity):
        yield sp.S.One, ()
    elif isinstance(m, sp.MatrixSymbol):
        yield sp.S.One, ((m, False, False),)
    elif not isinstance(m, sp.ZeroMatrix):
        raise ProofError(f"{m}: write sums, products, transposes and inverses of matrices")


def _inverted(x: Letter) -> Letter:
    return x[0], x[1], not x[2]


def _turned_over(word: Word) -> Word:
    return tuple((m, t if isinstance(m, Symmetric) else not t, inv) for m, t, inv in reversed(word))


def _cancelled(word: Word) -> Word:
    for k in range(len(word) - 1):
        if word[k] == _inverted(word[k + 1]):
            return _cancelled(word[:k] + word[k + 2 :])
    return word


def _rows(x: Letter) -> sp.Expr:
    return x[0].cols if x[1] else x[0].rows


def _columns(x: Letter) -> sp.Expr:
    return x[0].rows if x[1] else x[0].cols


def _closed(word: Word, size: sp.Expr) -> sp.Expr:
    """The trace of one word."""
    word = _cancelled(word)
    while len(word) > 1 and word[0] == _inverted(word[-1]):
        word = word[1:-1]
    if not word:
        return size
    cuts = [k for k, x in enumerate(word) if _columns(x) == 1]
    if not cuts:
        around = [word[k:] + word[:k] for k in range(len(word))]
        return _letter(min([*around, *map(_turned_over, around)], key=_spelled))
    word = word[cuts[0] + 1 :] + word[: cuts[0] + 1]  # from one vector to the next the word is a number
    found, part = sp.S.One, ()
    for x in word:
        part = (*part, x)
        if _columns(x) == 1:
            found *= _letter(min(part, _turned_over(part), key=_spelled))
            part = ()
    return found


def _letter(word: Word) -> sp.Expr:
    first, *rest = word
    square = [m for m, *_ in rest[:-1]] if len(word) > 2 else []
    vectors = len(word) > 1 and _rows(first) == 1 and word[-1][0] == first[0]
    positive = vectors and all(isinstance(m, Positive) for m in square) and len(square) <= 1
    return Scalar(f"tr({_ascii(_spelled(word))})", **({"nonnegative": True} if positive else {"real": True}))


def _det(x: Letter) -> sp.Expr:
    found = Scalar(
        f"det({_ascii(_spelled(((x[0], False, False),)))})",
        **({"positive": True} if isinstance(x[0], Positive) else {"real": True}),
    )
    return 1 / found if x[2] else found


def _spelled(word: Word) -> str:
    names = [str(m) if isinstance(m, sp.MatrixSymbol) else f"({_added(words(m))})" for m, *_ in word]
    spelled = zip(names, word, strict=True)
    return "*".join(f"{name}{{{m.rows}x{m.cols}}}{t * '^T'}{inv * '^-1'}" for name, (m, t, inv) in spelled) or "I"


def _added(terms: Iterable[tuple[sp.Expr, Word]]) -> str:
    return str(sp.Add(*(c * sp.Symbol(_spelled(w)) for c, w in terms)))


def _ascii(text: str) -> str:
    return text.replace(" ", "").replace("*", ",")


def mean(expr: sp.Expr, noise: sp.MatrixSymbol) -> sp.Expr:
    """The mean of traces over a standard normal column `noise`: E[e e^T] is the identity; up to the second power."""
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(expr)):
        traces = [f for f in sp.Mul.make_args(term) if f.has(noise)]
        if not traces:
            total += term
        elif len(traces) == 1 and isinstance(traces[0], sp.Trace):
            rest = term / traces[0]
            total += rest * sp.Add(*(c * _mean(word, noise, traces[0].arg.rows) for c, word in words(traces[0].arg)))
        else:
            raise ProofError(f"EN: {term}: one trace a term, of the second power in {noise} at most")
    return total


def _mean(word: Word, noise: sp.MatrixSymbol, size: sp.Expr) -> sp.Expr:
    at = [k for k, x in enumerate(word) if x[0] == noise]
    if not at:
        return _closed(word, size)
    if len(at) == 1:
        return sp.S.Zero
    if len(at) > 2:
        raise ProofError(f"EN: more than two factors {noise} in one trace")
    word = word[at[0] :] + word[: at[0]]
    k = at[1] - at[0]
    one, other = word[1:k], word[k + 1 :]  # e . one . e' . other, each e a column or a row
    if not word[0][1] and word[k][1]:  # e one e^T other, one is 1 x 1 and empty, or stands between vectors
        return (_closed(one, sp.S.One) if one else sp.S.One) * _closed(other, noise.rows)
    if word[0][1] and not word[k][1]:  # e^T one e other
        return _closed(one, noise.rows) * (_closed(other, sp.S.One) if other else sp.S.One)
    if not word[0][1]:  # e one e other: both numbers; turn one over; empty where the column has one row
        return _closed(_turned_over(one) + other, noise.rows)
    return _closed(one + _turned_over(other), noise.rows)
