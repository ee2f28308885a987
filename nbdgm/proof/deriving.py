"""`derivation`: a chain of lines, each of which is checked against the one before it."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType

import mpmath
import sympy as sp

from nbdgm.proof import checking, mutation, rendering, source
from nbdgm.proof.checking import Hypotheses, Interval, ProofError

_recordings: list[list[Derivation]] = []


@dataclass(frozen=True)
class Line:
    """One displayed line; `relation` is its LaTeX sign, `status` is definition, proved, checked or asserted."""

    relation: str
    tex: str
    plain: str
    reason: str
    status: str
    by: str = ""
    exact_tex: str = ""  # what sympy checked, when `tex` was written by hand


@dataclass(frozen=True, eq=False)
class Step:
    """One verified equality, with the expressions as the chapter passed them: what the mutation test works on."""

    number: int
    left: sp.Basic
    right: sp.Basic
    hypotheses: Hypotheses
    opens: bool  # nothing before it protects its left side
    wrt: sp.Symbol | None = None  # for d.constant: the left side is the derivative by this symbol


@contextmanager
def recording() -> Iterator[list[Derivation]]:
    """Collect every derivation that is completed inside the block (for tests that mutate them)."""
    found: list[Derivation] = []
    _recordings.append(found)
    try:
        yield found
    finally:
        _recordings.remove(found)


def derivation(
    ids: str,
    title: str,
    domain: Mapping[sp.Symbol, Interval] | None = None,
    *,
    parameters: Sequence[sp.Symbol] = (),
    name: str = "",
    note: str = "",
) -> Derivation:
    """Open a derivation, to be used as `with derivation("E-13.26", "KL to the standard normal") as d:`.

    `ids` names what is proved, separated by spaces. `domain` confines symbols to open intervals, e.g. `{t: (0, 1)}`.
    `parameters` are the symbols that undefined functions may depend on. `name` is LaTeX for what the first line
    defines, `note` a sentence on scope ("three states; k = 2"), printed below. Raises ProofError at the first line that
    does not follow, with its number, its reason and, where numbers refute it, the point.
    """
    frame = sys._getframe(1)
    opened = Derivation(ids, title, Hypotheses(dict(domain or {}), tuple(parameters)), name=name, note=note)
    try:
        source.lint_derivation(frame)
    except ProofError as error:
        raise ProofError(f"{opened.label}: {error}") from None
    return opened


class Derivation:
    """A derivation under way; made by `derivation`, displayed when its block ends."""

    def __init__(self, ids: str, title: str, hypotheses: Hypotheses, name: str = "", note: str = "") -> None:
        self.ids = tuple(ids.split())
        if not self.ids or not all(re.fullmatch(r"[A-Z]+-[\w.,-]+", i) for i in self.ids):
            raise ValueError(f"derivation: ids such as 'E-13.26 E-000-12' are wanted, not {ids!r}")
        if not title.strip():
            raise ValueError("derivation: a title is wanted")
        self.title, self.name, self.note, self.hypotheses = title, name, note, hypotheses
        self.lines: list[Line] = []
        self.steps: list[Step] = []
        self.seconds: list[float] = []  # of each line; never displayed
        self._previous: sp.Basic | None = None
        self._seen: dict[str, sp.Symbol] = {}
        self._shown: list[sp.Basic] = []

    @property
    def label(self) -> str:
        return f"{' '.join(self.ids)} ({self.title})"

    @property
    def status(self) -> str:
        """The weakest status among the lines: 'asserted' when only shapes were compared, else 'checked' or 'proved'."""
        found = {line.status for line in self.lines} - {"definition"}
        return next((s for s in ("checked", "proved") if s in found), "asserted")

    # --- the lines ---------------------------------------------------------------------------------------------------------

    def line(self, expr: object, reason: str, *, domain: Mapping[sp.Symbol, Interval] | None = None, tex: str = "") -> None:
        """The next line of the chain: equal to the line before it. The first one is the definition.

        `tex` replaces the displayed formula (the checked one unfolds below it); `domain` adds hypotheses for this step.
        """
        with self._numbered(reason):
            right, hypotheses = self._admit(expr, domain)
            if self._previous is None:
                self._open(right, reason, hypotheses, tex)
            else:
                verdict = self._follow(self._previous, right, hypotheses)
                self._show("=", right, self._under(reason, domain), verdict.status, verdict.by, tex)
            self._previous = right

    def start(self, expr: object, reason: str, *, tex: str = "") -> None:
        """Open another chain in the same derivation."""
        self._previous = None
        self.line(expr, reason, tex=tex)

    def equal(
        self, a: object, b: object, reason: str, *, domain: Mapping[sp.Symbol, Interval] | None = None, tex: str = ""
    ) -> None:
        """A side lemma `a = b`; the chain of `line` goes on after it."""
        with self._numbered(reason):
            left, hypotheses = self._admit(a, domain)
            right, _ = self._admit(b, domain)
            self._refuse_null(left)
            verdict = self._follow(left, right, hypotheses, opens=True)
            self._shown += [left, right]
            shown = f"{sp.latex(left)} = {sp.latex(right)}"
            self._add(shown, f"{left} = {right}", self._under(reason, domain), verdict.status, verdict.by, tex)

    def unequal(
        self, a: object, b: object, reason: str, *, at: Mapping[sp.Symbol, object] | None = None, tex: str = ""
    ) -> None:
        """An exact counter-example: `a` and `b` differ where the symbols have the rational values `at`. For errata."""
        with self._numbered(reason):
            left, _ = self._admit(a, None)
            right, _ = self._admit(b, None)
            point = {x: sp.sympify(v) for x, v in (at or {}).items()}
            for x, value in point.items():
                self._refuse_value(x, value)
            values = [sp.expand_log(sp.simplify(checking.evaluate(side).subs(point))) for side in (left, right)]
            missing = sorted({str(x) for v in values for x in v.free_symbols})
            if missing:
                raise ProofError(f"give a value to {', '.join(missing)} in at=")
            if any(v.has(sp.Float, sp.nan, sp.oo, sp.zoo) or v.is_extended_real is not True for v in values):
                raise ProofError(f"the sides are not exact real numbers there: {values[0]} and {values[1]}")
            gap = values[0] - values[1]
            if abs(gap.evalf(50)) < sp.Rational(1, 10**30):
                raise ProofError(f"the two sides agree there: both are {values[0]}")
            where = ", ".join(f"{sp.latex(x)} = {sp.latex(v)}" for x, v in point.items())
            numbers = r" \neq ".join(sp.latex(v) if v.is_Rational else rf"{sp.latex(v)} \approx {v.evalf(6)}" for v in values)
            at_tex = rf":\quad {numbers} \quad\text{{at }} {where}" if point else ""
            at_plain = f" at {where}: {values[0]} != {values[1]}" if point else ""
            self._shown += [left, right]
            tex = tex and tex + at_tex
            shown = rf"{sp.latex(left)} \neq {sp.latex(right)}{at_tex}"
            self._add(shown, f"{left} != {right}{at_plain}", reason, "proved", "exact numbers", tex)

    def le(
        self,
        a: object,
        b: object,
        reason: str,
        *,
        gap: object,
        strict: bool = False,
        least_at: tuple[sp.Symbol, object] | None = None,
        tex: str = "",
    ) -> None:
        """The inequality `a <= b` by an exhibited gap: `b - a` equals `gap`, and `gap` is visibly nonnegative.

        A gap that is convex in one symbol x may give `least_at=(x, x0)`: then gap'(x0) = 0 and gap'' > 0 are proved
        instead, and the sign of gap(x0). `strict` proves `a < b`.
        """
        with self._numbered(reason):
            left, hypotheses = self._admit(a, None)
            right, _ = self._admit(b, None)
            room, _ = self._admit(gap, None)
            if right - left != room:
                self._follow(right - left, room, hypotheses, opens=True)
            value = hypotheses.restrict(checking.evaluate(room))
            if least_at is None:
                if not checking.is_nonnegative(value, strict):
                    raise ProofError(f"sympy does not see that {room} is nonnegative: write it as squares or positive terms")
                by = "sign of the gap"
            else:
                self._refuse_unless_least(checking.evaluate(room), *least_at, hypotheses, strict)
                by = "convex gap"
            sign, mark = ("<", "<") if strict else (r"\le", "<=")
            self._shown += [left, right, room]
            shown = f"{sp.latex(left)} {sign} {sp.latex(right)},\\quad \\text{{gap }} {sp.latex(room)}"
            self._add(shown, f"{left} {mark} {right}, gap {room}", reason, "proved", by, tex)

    def limit(self, expr: object, x: sp.Symbol, x0: object, dir: str, value: object, reason: str, *, tex: str = "") -> None:
        """The limit of `expr` as x tends to x0 from the side `dir`, '+' or '-' (or '+-' for both), is `value`; it may be oo.

        `expr` must be a side of an equality proved before, in this derivation: many wrong formulas have the right limit.
        """
        with self._numbered(reason):
            if dir not in ("+", "-", "+-"):
                raise ProofError(f"dir is '+', '-' or '+-', not {dir!r}")
            expr, hypotheses = self._admit(expr, None)
            x0, value = sp.sympify(x0), sp.sympify(value)
            if not any(expr in (step.left, step.right) for step in self.steps):
                raise ProofError(
                    "many wrong formulas have this limit: first prove an equality one side of which is this expression"
                )
            if x not in expr.free_symbols:
                raise ProofError(f"{expr} does not contain this {x}")
            inside = hypotheses.restrict(checking.evaluate(expr))
            for side in dir if x0.is_finite else dir[:1]:
                found = self._take_limit(inside, x, x0, side)
                if found != value and (not found.is_finite or sp.simplify(found - value) != 0):
                    raise ProofError(f"does not follow: the limit is {found}, not {value}")
                self._approach(inside, x, x0, side, value)
            arrow = f"{sp.latex(x0)}^{{{dir}}}" if dir != "+-" and x0.is_finite else sp.latex(x0)
            body = rf"\left({sp.latex(expr)}\right)" if isinstance(expr, sp.Add) else sp.latex(expr)
            shown = rf"\lim_{{{sp.latex(x)} \to {arrow}}} {body} = {sp.latex(value)}"
            self._shown.append(expr)
            self._add(shown, f"limit of {expr} as {x} -> {x0} ({dir}) is {value}", reason, "proved", "limit", tex)

    def constant(self, expr: object, wrt: Sequence[sp.Symbol] | sp.Symbol, reason: str, *, tex: str = "") -> None:
        """`expr` does not depend on the symbols `wrt`, although each of them occurs in it."""
        with self._numbered(reason):
            expr, hypotheses = self._admit(expr, None)
            wrt = [wrt] if isinstance(wrt, sp.Symbol) else list(wrt)
            if not wrt:
                raise ProofError("wrt is empty")
            for x in wrt:
                if x not in expr.free_symbols:
                    raise ProofError(f"this {x} does not occur in the expression: another symbol of that name?")
            verdicts = []
            for x in wrt:
                slope = checking.evaluate(sp.Derivative(checking.evaluate(expr), x))
                if slope == 0:
                    continue
                verdicts.append(checking.check(slope, sp.S.Zero, hypotheses, self._seed))
            self.steps.append(Step(self._number, sp.Derivative(expr, wrt[0]), sp.S.Zero, hypotheses, True, wrt[0]))
            weakest = "checked" if any(v.status == "checked" for v in verdicts) else "proved"
            names = ", ".join(map(sp.latex, wrt))
            self._shown.append(expr)
            shown = f"{sp.latex(expr)} \\quad\\text{{does not depend on }} {names}"
            plain = f"{expr} does not depend on {', '.join(map(str, wrt))}"
            self._add(shown, plain, reason, weakest, "derivative 0", tex)

    def shape(
        self, matrix: sp.MatrixExpr | Callable[[], sp.MatrixExpr], shape: tuple[int, int], reason: str, *, square: Sequence = ()
    ) -> None:
        """The matrix expression (or a function that builds it) has this shape; sizes are numbers, and different ones.

        Only the matrices named in `square` may have two equal sizes; vectors have a size 1.
        """
        with self._numbered(reason):
            try:
                matrix = matrix() if callable(matrix) and not isinstance(matrix, sp.Basic) else matrix
            except sp.matrices.exceptions.ShapeError as error:
                raise ProofError(f"the shapes do not fit: {error}") from None
            for factor in sorted(matrix.atoms(sp.MatrixSymbol), key=str):
                if not all(n.is_Integer for n in factor.shape):
                    raise ProofError(f"{factor} has the symbolic shape {factor.shape}: sympy compares numbers only")
                if factor.rows == factor.cols and factor not in square:
                    raise ProofError(f"{factor} is square: take different sizes, or name it in square=")
            if tuple(matrix.shape) != tuple(shape):
                raise ProofError(f"the shape is {tuple(matrix.shape)}, not {tuple(shape)}")
            rows, columns = shape
            shown = f"{sp.latex(matrix)} \\in \\mathbb{{R}}^{{{rows} \\times {columns}}}"
            given = ", ".join(
                f"{sp.latex(f)}: {f.rows} \\times {f.cols}" for f in sorted(matrix.atoms(sp.MatrixSymbol), key=str)
            )
            plain = f"{matrix} has shape {rows} x {columns}"
            self._add(f"{shown} \\quad ({given})", plain, reason, "asserted", "shapes")

    # --- what they share -------------------------------------------------------------------------------------------------

    @property
    def _number(self) -> int:
        return len(self.lines) + 1

    @property
    def _seed(self) -> str:
        return f"{' '.join(self.ids)}:{self._number}"

    @contextmanager
    def _numbered(self, reason: str) -> Iterator[None]:
        """Errors name the derivation, the line and its reason."""
        begun = time.perf_counter()
        number = self._number
        if not isinstance(reason, str) or not reason.strip():
            raise ProofError(f"{self.label}, line {number}: every line gives its reason")
        try:
            yield
        except ProofError as error:
            raise ProofError(f"{self.label}, line {number} ({reason}): {error}") from None
        self.seconds.append(time.perf_counter() - begun)

    def _admit(self, value: object, domain: Mapping[sp.Symbol, Interval] | None) -> tuple[sp.Basic, Hypotheses]:
        expr = checking.read(value)
        hypotheses = replace(self.hypotheses, intervals={**self.hypotheses.intervals, **(domain or {})})
        checking.refuse(expr, hypotheses)
        checking.refuse_namesakes(self._seen, expr)
        return expr, hypotheses

    def _open(self, expr: sp.Basic, reason: str, hypotheses: Hypotheses, tex: str) -> None:
        self._refuse_null(expr)
        for part in checking.entries(expr):
            checking.evaluate(part)
        self._show("", expr, reason, "definition", "", tex)

    def _refuse_null(self, expr: sp.Basic) -> None:
        if all(part == 0 for part in checking.entries(expr)):
            raise ProofError("this is 0 before anything is derived: an empty sum? a derivative by another symbol?")

    def _follow(self, left: sp.Basic, right: sp.Basic, hypotheses: Hypotheses, opens: bool = False) -> checking.Verdict:
        verdict = checking.check(left, right, hypotheses, self._seed)
        first = opens or not self.steps or self.steps[-1].right is not left
        self.steps.append(Step(self._number, left, right, hypotheses, first))
        return verdict

    def _show(self, relation: str, expr: sp.Basic, reason: str, status: str, by: str, tex: str) -> None:
        self._shown.append(expr)
        self._add(sp.latex(expr), str(expr), reason, status, by, tex, relation)

    def _add(self, exact: str, plain: str, reason: str, status: str, by: str, tex: str = "", relation: str = "") -> None:
        """Append a line; a hand-written `tex` is displayed in place of the exact formula, which then unfolds below it."""
        self.lines.append(Line(relation, tex or exact, plain, reason, status, by, exact if tex else ""))

    def _under(self, reason: str, domain: Mapping[sp.Symbol, Interval] | None) -> str:
        if not domain:
            return reason
        given = ", ".join(rf"\({sp.latex(low)} < {sp.latex(x)} < {sp.latex(high)}\)" for x, (low, high) in domain.items())
        return f"{reason} ({given})"

    def _refuse_value(self, x: sp.Symbol, value: sp.Expr) -> None:
        if value.has(sp.Float) or not value.is_number:
            raise ProofError(f"{x} = {value} is not exact: give a rational number")
        low, high = self.hypotheses.intervals.get(x, (-sp.oo, sp.oo))
        wrong = (x.is_positive and not value > 0) or (x.is_nonnegative and not value >= 0) or not (low < value and value < high)
        if wrong or (x.is_integer and not value.is_integer):
            raise ProofError(f"{x} = {value} is outside the domain of {x}")

    def _refuse_unless_least(self, gap: sp.Expr, x: sp.Symbol, x0: object, hypotheses: Hypotheses, strict: bool) -> None:
        x0 = sp.sympify(x0)
        if x not in gap.free_symbols:
            raise ProofError(f"the gap does not contain this {x}")
        if sp.simplify(sp.diff(gap, x).subs(x, x0)) != 0:
            raise ProofError(f"the gap is not stationary at {x} = {x0}")
        if not checking.is_nonnegative(hypotheses.restrict(sp.diff(gap, x, 2)), strict=True):
            raise ProofError(f"sympy does not see that the gap is convex in {x}")
        if not checking.is_nonnegative(hypotheses.restrict(gap.subs(x, x0)), strict):
            raise ProofError(f"the gap at {x} = {x0} is {gap.subs(x, x0)}, of unknown sign")

    def _take_limit(self, expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str) -> sp.Expr:
        try:
            with checking.cpu_limit(10):
                found = sp.limit(expr, x, x0, side)
        except (NotImplementedError, checking._TimeUp):
            raise ProofError("sympy does not find this limit: name the sign of every parameter, one limit a case") from None
        if found.has(sp.AccumBounds, sp.Limit, sp.nan) or (found.has(sp.oo, -sp.oo) and found not in (sp.oo, -sp.oo)):
            raise ProofError(f"{found} is not a value: split the cases")
        return found

    def _approach(self, expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str, value: sp.Expr) -> None:
        """A second opinion: on the way to x0 the numbers come nearer to the value."""
        steps = [sp.Rational(1, 10**3), sp.Rational(1, 10**6)]
        to = [x0 + (h if side == "+" else -h) for h in steps] if x0.is_finite else [sp.sign(x0) / h for h in steps]
        others = sorted((expr.free_symbols | value.free_symbols) - {x}, key=str)
        rng = random.Random(self._seed)
        point = {y: checking.draw(y, rng, 0.3) for y in others}
        goal = value if not value.is_finite else value.subs(point)
        try:
            at = checking.number_function([x], [expr.subs(point)])
            numbers = [at({x: sp.Rational(v)}, 90)[0] for v in to]
        except (checking.Undefined, TypeError):
            return
        if goal.is_finite:
            with mpmath.workdps(100):
                far, near = (abs(v - mpmath.mpmathify(sp.N(goal, 100))) for v in numbers)
            fails = near > far and near > 1e-20
        else:
            fails = sp.sign(goal) * (numbers[1] - numbers[0]) <= 0
        if fails:
            raise ProofError(f"sympy's limit is {value}, but the numbers on the way move away from it")

    # --- the end -----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Derivation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            return
        if not any(line.status != "definition" for line in self.lines):
            raise ProofError(f"{self.label}: nothing is derived; a definition needs a second line")
        rendering.show(rendering.derivation_bundle(self))
        for found in _recordings:
            found.append(self)

    def hypotheses_shown(self) -> list[sp.Symbol]:
        """The free symbols of all displayed expressions, sorted by name."""
        free = {x for expr in self._shown for x in expr.free_symbols if isinstance(x, sp.Symbol)}
        return sorted(free, key=lambda x: (x.name.split("_")[0], len(x.name), x.name))

    # --- tests of the derivation itself --------------------------------------------------------------------------------------

    def mutants(
        self, rng: random.Random | None = None, swaps: bool = True, most: int | None = None
    ) -> Iterator[tuple[Step, str, mutation.Mutant]]:
        """Every wrong version of every side of every equality: (step, 'left' or 'right', mutant)."""
        for step in self.steps:
            for side in ("left", "right") if step.opens else ("right",):
                for mutant in mutation.mutants(getattr(step, side), rng, swaps, most):
                    yield step, side, mutant

    def survivors(self, rng: random.Random | None = None, most: int | None = None) -> list[str]:
        """Mutants that the numbers do not refute, in words; empty for a sound derivation. At most `most` are tried on a side.

        A mutant that its own line does not notice is excused when the same change of the same subexpression, made wherever it
        occurs in the derivation, is refuted elsewhere: the second moment does not see the sign of mu, but the first one does.
        """
        found: list[str] = []
        judges = {step: mutation.Judge(step.hypotheses, f"{' '.join(self.ids)}:{step.number}") for step in self.steps}
        for step, side, mutant in self.mutants(rng, most=most):
            if 0 in (step.left, step.right) and mutant.what in ("negate the line", "double the line"):
                continue  # twice nothing is nothing
            if step.wrt is not None and step.wrt not in (mutant.new - mutant.old).free_symbols:
                continue  # a term that d.constant has no business with
            left, right = (mutant.expr, step.right) if side == "left" else (step.left, mutant.expr)
            if not judges[step].different(left, right) and not self._refutes_elsewhere(mutant, judges):
                found.append(f"{' '.join(self.ids)}, line {step.number} ({side}): {mutant.what} goes unnoticed")
        return found

    def _refutes_elsewhere(self, mutant: mutation.Mutant, judges: Mapping[Step, mutation.Judge]) -> bool:
        if mutant.old.is_Atom or mutant.what.startswith("exchange"):
            return False
        for step in self.steps:
            left, right = (side.xreplace({mutant.old: mutant.new}) for side in (step.left, step.right))
            if (left, right) != (step.left, step.right) and judges[step].different(left, right):
                return True
        return False

    def needless(self) -> list[str]:
        """Intervals of `domain` that no line uses: without them every equality holds just as well."""
        found = []
        for x in self.hypotheses.intervals:
            rest = replace(self.hypotheses, intervals={y: b for y, b in self.hypotheses.intervals.items() if y != x})
            if not any(self._fails_under(step, rest) for step in self.steps):
                found.append(f"{' '.join(self.ids)}: no line needs {self.hypotheses.describe(x)}")
        return found

    def _fails_under(self, step: Step, hypotheses: Hypotheses) -> bool:
        """True when the step is wrong, or something in it undefined, under other hypotheses."""
        if mutation.different(step.left, step.right, hypotheses, f"{self.ids}:{step.number}"):
            return True
        inside = [d.expr for side in (step.left, step.right) for d in side.atoms(sp.Derivative)]
        try:
            for expr in inside:
                checking.compare(*2 * [checking.stand_ins(hypotheses.restrict(checking.evaluate(expr)))], seed="needless")
        except checking.Undefined:
            return True
        return False
