"""`derivation`: a chain of lines, each of which is proved from the one before it.

How a line is judged stands in `checking` (equalities), `inequality`, `limits`, `constancy`, `counterexample` and `shapes`; what
the hypotheses are in `hypotheses` and `conditions`; for which case it may speak in `scope`; what it looks like in `rendering`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from types import FrameType, TracebackType

import sympy as sp
from sympy.core.function import AppliedUndef

from nbdgm.proof import (
    checking,
    constancy,
    counterexample,
    early,
    induction,
    inequality,
    limits,
    makers,
    mutation,
    rendering,
    scope,
    shapes,
    source,
)
from nbdgm.proof.conditions import Condition
from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.evaluating import evaluate
from nbdgm.proof.hypotheses import Hypotheses, Interval, refuse_namesakes
from nbdgm.proof.named import tex as show_tex
from nbdgm.proof.named import unfold
from nbdgm.proof.reading import entries, read, refuse
from nbdgm.proof.wording import refuse_relation

SECONDS = 60  # of CPU for one line, all its parts together
_recordings: list[list[Derivation]] = []


@dataclass(frozen=True)
class Line:
    """One displayed line; `relation` is its LaTeX sign, `status` is definition, proved or asserted (shapes).

    `apart` is true for what is no member of the chain of equalities: a lemma, an inequality, a limit.
    """

    relation: str
    tex: str
    plain: str
    reason: str
    status: str
    by: str = ""
    exact_tex: str = ""  # what sympy checked, where `tex` is a name for it; displayed beside it
    apart: bool = False


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
    scope: str,
    parameters: Sequence[sp.Symbol] = (),
    name: str = "",
    note: str = "",
) -> Derivation:
    """Open a derivation: `with derivation("E-13.26", "KL to the standard normal", scope="general") as d:`.

    `ids` names what is proved, separated by spaces. `scope` is "general", or the case in words ("three states"), which the
    badge then shows. `domain` confines symbols to open intervals, e.g. `{t: (0, 1)}`. `parameters` are the symbols that
    undefined functions may depend on. `name` is LaTeX for what the first line defines, `note` a sentence printed below. Raises
    ProofError at the first line that does not follow, with its number, its reason and, where numbers refute it, the point.
    """
    frame = sys._getframe(1)
    hypotheses = Hypotheses(dict(domain or {}), tuple(parameters))
    opened = Derivation(ids, title, hypotheses, scope=scope, name=name, note=note, frame=frame)
    try:
        source.lint_derivation(frame)
    except ProofError as error:
        raise ProofError(f"{opened.label}: {error}") from None
    return opened


class Derivation:
    """A derivation under way; made by `derivation`, displayed when its block ends."""

    def __init__(
        self,
        ids: str,
        title: str,
        hypotheses: Hypotheses,
        *,
        scope: str,
        name: str = "",
        note: str = "",
        frame: FrameType | None = None,
    ) -> None:
        self.ids = tuple(ids.split())
        if not self.ids or not all(re.fullmatch(r"[A-Z]+-[\w.,-]+", i) for i in self.ids):
            raise ValueError(f"derivation: ids such as 'E-13.26 E-000-12' are wanted, not {ids!r}")
        if not title.strip():
            raise ValueError("derivation: a title is wanted")
        if not isinstance(scope, str) or not scope.strip():
            raise ValueError('derivation: scope is "general", or the case in words: "three states"')
        refuse_relation("name", name)
        self.title, self.scope, self.name, self.note, self.hypotheses = title, scope.strip(), name, note, hypotheses
        self.lines: list[Line] = []
        self.steps: list[Step] = []
        self.conditions: list[Condition] = []  # beside the hypotheses: displayed with them
        self.seconds: list[float] = []  # of each line; never displayed
        self._previous: sp.Basic | None = None
        self._seen: dict[str, sp.Basic] = {}
        self._shown: list[sp.Basic] = []
        self._signs: list[Callable[[Hypotheses], None]] = []  # each raises where a gap has no sign under the hypotheses
        self._examples = 0  # lines that are about one point only
        self._frame = frame

    @property
    def label(self) -> str:
        return f"{' '.join(self.ids)} ({self.title})"

    @property
    def status(self) -> str:
        """'proved', or 'asserted' when only shapes were compared."""
        return "proved" if any(line.status == "proved" for line in self.lines) else "asserted"

    # --- the lines ---------------------------------------------------------------------------------------------------------

    def line(self, expr: object, reason: str, *, domain: Mapping[sp.Symbol, Interval] | None = None, tex: str = "") -> None:
        """The next line of the chain: equal to the line before it. The first one is the definition.

        `tex` is a name for the line, displayed beside what was checked; `domain` adds hypotheses for this step.
        """
        with self._numbered(reason, tex):
            right, hypotheses = self._admit(expr, domain)
            if self._previous is None:
                self._open(right, reason, hypotheses, tex)
            else:
                by = self._follow(self._previous, right, hypotheses)
                self._shown.append(right)
                self._add(show_tex(right), str(right), _under(reason, domain), by=by, tex=tex, relation="=", apart=False)
            self._previous = right

    def start(self, expr: object, reason: str, *, tex: str = "") -> None:
        """Open another chain in the same derivation."""
        self._previous = None
        self.line(expr, reason, tex=tex)

    def equal(
        self, a: object, b: object, reason: str, *, domain: Mapping[sp.Symbol, Interval] | None = None, tex: str = ""
    ) -> None:
        """A side lemma `a = b`; the chain of `line` goes on after it."""
        with self._numbered(reason, tex):
            (left, hypotheses), (right, _) = self._admit(a, domain), self._admit(b, domain)
            self._refuse_null(left)
            by = self._follow(left, right, hypotheses, opens=True)
            self._shown += [left, right]
            shown = f"{show_tex(left)} = {show_tex(right)}"
            self._add(shown, f"{left} = {right}", _under(reason, domain), by=by, tex=tex)

    def unequal(
        self, a: object, b: object, reason: str, *, at: Mapping[sp.Symbol, object] | None = None, tex: str = ""
    ) -> None:
        """An exact counter-example: `a` and `b` differ where the symbols have the rational values `at`. For errata."""
        with self._numbered(reason, tex):
            left, right = self._admit(a, None)[0], self._admit(b, None)[0]
            free = left.free_symbols | right.free_symbols
            point = counterexample.read_point(at, free, self.hypotheses)
            values = counterexample.exact_values((left, right), point, self.hypotheses)
            self._shown += [left, right]
            self._examples += 1
            tex_at, plain_at = counterexample.said(values, point)
            shown = rf"{show_tex(left)} \neq {show_tex(right)}{tex_at}"
            self._add(shown, f"{left} != {right}{plain_at}", reason, by="exact numbers", tex=tex)

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

        A gap that is convex in one symbol x may give `least_at=(x, x0)`, x0 a point of the domain: then gap'(x0) = 0 and
        gap'' > 0 are proved instead, and the sign of gap(x0). `strict` proves `a < b`.
        """
        with self._numbered(reason, tex):
            (left, hypotheses), (right, _), (room, _) = (self._admit(part, None) for part in (a, b, gap))
            if right - left != room:
                self._follow(right - left, room, hypotheses, opens=True)
            self._need(checking.conditions(left, hypotheses) + checking.conditions(right, hypotheses))
            if least_at is None:
                inequality.refuse_slack(left, right, room)
            judge = partial(inequality.refuse_gap, room, least_at, strict)
            judge(hypotheses)
            self._signs.append(judge)
            sign, mark = ("<", "<") if strict else (r"\le", "<=")
            self._shown += [left, right, room]
            shown = f"{show_tex(left)} {sign} {show_tex(right)},\\quad \\text{{gap }} {show_tex(room)}"
            by = "sign of the gap" if least_at is None else "convex gap"
            self._add(shown, f"{left} {mark} {right}, gap {room}", reason, by=by, tex=tex)

    def limit(self, expr: object, x: sp.Symbol, x0: object, dir: str, value: object, reason: str, *, tex: str = "") -> None:
        """The limit of `expr` as x tends to x0 from the side `dir`, '+' or '-' (or '+-' for both), is `value`; it may be oo.

        `expr` must be a side of an equality proved before, in this derivation, whose hypotheses hold on the way to x0: many
        wrong formulas have the right limit. x0 lies in the domain of x or at an end of it.
        """
        with self._numbered(reason, tex):
            if dir not in ("+", "-", "+-"):
                raise ProofError(f"dir is '+', '-' or '+-', not {dir!r}")
            expr, _ = self._admit(expr, None)
            x0, value = sp.sympify(x0), sp.sympify(value)
            if not x0.is_number or x0.has(sp.Float):
                raise ProofError(f"{x} tends to an exact number, to oo or to -oo, not to {x0}")
            value = value if value.is_infinite else self._admit(value, None)[0]
            if value.has(x) or x not in expr.free_symbols:
                raise ProofError(f"{expr} does not contain this {x}" if not value.has(x) else f"the limit contains {x}")
            for side in dir if x0.is_finite else dir[:1]:
                limits.prove_limit(expr, x, x0, side, value, self._licence(expr, x, x0, side))
            arrow = f"{sp.latex(x0)}^{{{dir}}}" if dir != "+-" and x0.is_finite else sp.latex(x0)
            body = rf"\left({show_tex(expr)}\right)" if isinstance(expr, sp.Add) else show_tex(expr)
            shown = rf"\lim_{{{sp.latex(x)} \to {arrow}}} {body} = {show_tex(value)}"
            self._shown += [expr] if value.is_infinite else [expr, value]
            self._add(shown, f"limit of {expr} as {x} -> {x0} ({dir}) is {value}", reason, by="limit", tex=tex)

    def constant(self, expr: object, wrt: Sequence[sp.Symbol] | sp.Symbol, reason: str, *, tex: str = "") -> None:
        """`expr` does not depend on the symbols `wrt`, although each of them occurs in it; its domain is in one piece."""
        with self._numbered(reason, tex):
            expr, hypotheses = self._admit(expr, None)
            wrt = [wrt] if isinstance(wrt, sp.Symbol) else list(wrt)
            if not wrt:
                raise ProofError("wrt is empty")
            constancy.prove_constant(expr, wrt, hypotheses, self._seed)
            self._need(checking.conditions(expr, hypotheses))
            self.steps += [Step(self._number, sp.Derivative(expr, x), sp.S.Zero, hypotheses, True, x) for x in wrt[:1]]
            names = ", ".join(map(sp.latex, wrt))
            self._shown.append(expr)
            shown = f"{show_tex(expr)} \\quad\\text{{does not depend on }} {names}"
            plain = f"{expr} does not depend on {', '.join(map(str, wrt))}"
            self._add(shown, plain, reason, by="derivative 0", tex=tex)

    def induction(
        self,
        n: sp.Symbol,
        closed: object,
        reason: str,
        *,
        first: object,
        step: Callable[..., object],
        start: int = 0,
        name: str = "V",
    ) -> None:
        """The sequence `name` with this `first` member, at n = `start`, and the next one by `step`, has the closed form.

        `step` is a function of a member, or of a member and n. Proved are the first member, and the step from n to n + 1.
        """
        with self._numbered(reason):
            (whole, hypotheses), (begun, _) = self._admit(closed, None), self._admit(first, None)
            pairs, tex, plain = induction.read_induction(n, whole, begun, step, start, name)
            for left, right in pairs:
                self._admit(left, None)
                if left != right:
                    self._follow(left, right, hypotheses, opens=True)
            self._shown += [whole, begun, pairs[1][0]]
            self._add(tex, plain, reason, by="induction")

    def shape(
        self, matrix: sp.MatrixExpr | Callable[[], sp.MatrixExpr], shape: tuple[int, int], reason: str, *, square: Sequence = ()
    ) -> None:
        """The matrix expression (or a function that builds it) has this shape; sizes are numbers, and different ones.

        Only the matrices named in `square` may have two equal sizes; vectors have a size 1.
        """
        with self._numbered(reason):
            tex, plain = shapes.prove_shape(matrix, shape, square)
            self._add(tex, plain, reason, "asserted", "shapes")

    # --- what they share -------------------------------------------------------------------------------------------------

    @property
    def _number(self) -> int:
        return len(self.lines) + 1

    @property
    def _seed(self) -> str:
        return f"{' '.join(self.ids)}:{self._number}"

    @contextmanager
    def _numbered(self, reason: str, tex: str = "") -> Iterator[None]:
        """Errors name the derivation, the line and its reason; nothing takes longer than SECONDS."""
        begun, label = time.perf_counter(), f"{self.label}, line {self._number}"
        if not isinstance(reason, str) or not reason.strip():
            raise ProofError(f"{label}: every line gives its reason")
        try:
            refuse_relation("tex", tex)
            with cpu_limit(SECONDS):
                early.refuse_lost(self._frame, self.hypotheses)
                yield
        except ProofError as error:
            raise ProofError(f"{label} ({reason}): {error}") from None
        except TimeUp:
            raise ProofError(
                f"{label} ({reason}): not judged within {SECONDS} s: take smaller steps, or name parts of it"
            ) from None
        except (sp.PolynomialError, NotImplementedError, RuntimeError, AttributeError, LookupError, ArithmeticError) as error:
            raise ProofError(f"{label} ({reason}): sympy cannot handle it: {type(error).__name__}: {error}") from error
        self.seconds.append(time.perf_counter() - begun)

    def _admit(self, value: object, domain: Mapping[sp.Symbol, Interval] | None) -> tuple[sp.Basic, Hypotheses]:
        expr = read(value)
        hypotheses = replace(self.hypotheses, intervals={**self.hypotheses.intervals, **(domain or {})})
        refuse(expr, hypotheses)
        refuse_namesakes(self._seen, expr)
        if (whole := unfold(expr)) != expr:
            refuse_namesakes(self._seen, whole)
        return expr, hypotheses

    def _open(self, expr: sp.Basic, reason: str, hypotheses: Hypotheses, tex: str) -> None:
        self._refuse_null(expr)
        for part in entries(expr):
            evaluate(part, hypotheses)
        self._shown.append(expr)
        self._add(show_tex(expr), str(expr), reason, "definition", tex=tex, apart=False)

    def _refuse_null(self, expr: sp.Basic) -> None:
        if all(part == 0 for part in entries(expr)):
            raise ProofError("this is 0 before anything is derived: an empty sum? a derivative by another symbol?")

    def _follow(self, left: sp.Basic, right: sp.Basic, hypotheses: Hypotheses, opens: bool = False) -> str:
        """Prove `left = right`, record the step and its conditions; the name of the method."""
        verdict = checking.check(left, right, hypotheses, self._seed)
        self._need(verdict.needs)
        first = opens or not self.steps or self.steps[-1].right is not left
        self.steps.append(Step(self._number, left, right, hypotheses, first))
        return verdict.by

    def _need(self, conditions: Sequence[Condition]) -> None:
        self.conditions += [c for c in dict.fromkeys(conditions) if c not in self.conditions]

    def _licence(self, expr: sp.Expr, x: sp.Symbol, x0: sp.Expr, side: str) -> Hypotheses:
        """The hypotheses of an equality proved before that holds near x0, and of which `expr` is a side."""
        proved = [step for step in self.steps if expr in (step.left, step.right) and step.wrt is None]
        if not proved:
            raise ProofError(
                "many wrong formulas have this limit: first prove an equality one side of which is this expression"
            )
        derived = [step for step in proved if not limits.is_rearrangement(step.left, step.right)]
        if not derived:
            raise ProofError(
                "the equality before it only multiplies this expression out: prove where the expression comes from"
            )
        for step in derived:
            try:
                limits.refuse_outside(x, x0, side, step.hypotheses)
            except ProofError as error:
                refused = error
            else:
                return step.hypotheses
        raise refused

    def _add(
        self,
        exact: str,
        plain: str,
        reason: str,
        status: str = "proved",
        by: str = "",
        tex: str = "",
        relation: str = "",
        apart: bool = True,
    ) -> None:
        """Append a line; where `tex` names it, the exact formula stands beside the name."""
        self.lines.append(Line(relation, tex or exact, plain, reason, status, by, exact if tex else "", apart))

    # --- the end -----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Derivation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            return
        try:
            if not any(line.status != "definition" for line in self.lines):
                raise ProofError("nothing is derived; a definition needs a second line")
            self._refuse_idle_hypotheses()
            scope.refuse_scope(self)
            early.refuse_two_makers(self._frame)
            makers.refuse_twins({x for expr in self._shown for x in unfold(expr).free_symbols})
        except ProofError as problem:
            raise ProofError(f"{self.label}: {problem}") from None
        self._frame = None
        rendering.show(rendering.derivation_bundle(self))
        for found in _recordings:
            found.append(self)

    def _refuse_idle_hypotheses(self) -> None:
        """A hypothesis about a symbol that no line contains is about another symbol of that name."""
        inside = {x for expr in self._shown for x in unfold(expr).free_symbols}
        for x in (*self.hypotheses.intervals, *self.hypotheses.parameters):
            if x not in inside:
                raise ProofError(f"a hypothesis about {x}, but no line contains this {x}: another symbol of that name?")

    @property
    def shown(self) -> list[sp.Basic]:
        """The expressions of all lines, as the chapter passed them."""
        return list(self._shown)

    @property
    def examples_only(self) -> bool:
        """True when every line is about one point, or about shapes."""
        return self._examples == sum(line.status != "definition" for line in self.lines) > 0

    def hypotheses_shown(self) -> list[sp.Expr]:
        """The symbols, functions and families of all displayed expressions, sorted by name."""
        free: set[sp.Expr] = set()
        for expr in self._shown:
            whole = unfold(expr)
            inside = expr.free_symbols | whole.free_symbols
            labels = {y for base in whole.atoms(sp.IndexedBase) for y in base.atoms(sp.Symbol)}
            free |= {x for x in inside if type(x) is sp.Symbol and x not in labels}
            free |= whole.atoms(AppliedUndef) | {x for x in whole.atoms(sp.Indexed)}
        return sorted(free, key=lambda x: (str(x).split("_")[0], len(str(x)), str(x)))

    # --- tests of the derivation itself --------------------------------------------------------------------------------------

    def mutants(
        self, rng: Random | None = None, swaps: bool = True, most: int | None = None
    ) -> Iterator[tuple[Step, str, mutation.Mutant]]:
        """Every wrong version of every side of every equality: (step, 'left' or 'right', mutant)."""
        yield from mutation.of_steps(self.steps, rng, swaps, most)

    def survivors(self, rng: Random | None = None, most: int | None = None) -> list[str]:
        """Mutants that the numbers do not refute, in words; empty for a sound derivation. At most `most` are tried a side."""
        return mutation.survivors(" ".join(self.ids), self.steps, rng, most)

    def needless(self) -> list[str]:
        """Intervals of `domain` without which every line holds just as well: is each of them needed for the reading?"""
        return mutation.needless(" ".join(self.ids), self.hypotheses, self.steps, self._signs)


def _under(reason: str, domain: Mapping[sp.Symbol, Interval] | None) -> str:
    if not domain:
        return reason
    given = ", ".join(rf"\({sp.latex(low)} < {sp.latex(x)} < {sp.latex(high)}\)" for x, (low, high) in domain.items())
    return f"{reason} ({given})"
