"""Numbers refute: two expressions at random points, with 30 and with 90 digits, under a limit on time.

Two true equals differ by rounding, which shrinks with the precision; different expressions differ by as much as before. Numbers
never prove: that they agree only makes a proof worth the attempt.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import mpmath
import sympy as sp

from nbdgm.proof.errors import ProofError, TimeUp, cpu_limit
from nbdgm.proof.hypotheses import ordered

DIGITS = (30, 90)
POINTS = 8
Point = Mapping[sp.Symbol, sp.Rational]


class Undefined(ProofError):
    """A side has no real value at a point of the domain."""


class OutOfReach(Undefined):
    """A side is too large, or rounds to a pole, at a point: this tells nothing about the domain."""


def salt() -> str:
    """What chapters do not know of the points: empty for them, so that their outputs stay; drawn anew in tests."""
    return os.environ.get("NBDGM_PROOF_SEED", "")


def draw(x: sp.Symbol, rng: random.Random, decades: float, turn: int | None = None) -> sp.Rational:
    """A random rational value that the assumptions on `x` allow, log-uniform in size over 10^-decades .. 10^decades.

    Integers are small; at `turn` 0 the smallest that is allowed, at 1 the next, at 2 one of these two.
    """
    if x.is_integer:
        least = 1 if x.is_nonzero else 0
        size = sp.Integer(
            rng.randint(least, 9) if turn is None or turn > 2 else least + (turn if turn < 2 else rng.randint(0, 1))
        )
    else:
        value = 10 ** rng.uniform(-decades, decades)
        scale = rng.randint(11, 97)
        size = sp.Rational(round(value * scale), scale) if value >= 1 else sp.Rational(scale, round(scale / value))
    if x.is_nonnegative:
        return size
    return -size if x.is_nonpositive else size * rng.choice((-1, 1))


def draw_points(symbols: Sequence[sp.Symbol], seed: str) -> list[tuple[list[dict[sp.Symbol, sp.Rational]], bool]]:
    """Eight points of moderate size, where everything must be defined, then eight of wildly different sizes.

    A wide point comes with two that are less wide, to be taken where it is out of reach.
    """
    rng = random.Random(seed + salt())
    moderate = [([{x: draw(x, rng, 0.9, turn) for x in symbols}], False) for turn in range(POINTS)]
    return moderate + [([{x: draw(x, rng, size) for x in symbols} for size in (6.0, 2.0, 1.2)], True) for _ in range(POINTS)]


def _guarded(name: str) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """A function of mpmath, for arguments that fit into memory: it writes the whole part of x out, were it of 10^12 digits."""

    function = getattr(mpmath, name)

    def guarded(x: mpmath.mpf) -> mpmath.mpf:
        if mpmath.isfinite(x) and x != 0 and mpmath.mag(x) > 2000:
            raise OverflowError(f"{name} of a number of more than 600 digits")
        return function(x)

    return guarded


SAFE = {name: _guarded(name) for name in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "gamma", "erf")}


def number_function(symbols: Sequence[sp.Symbol], parts: Sequence[sp.Expr]) -> Callable[[Point, int], list[mpmath.mpf]]:
    """Compile the parts; the function takes a point and digits and returns real numbers, or raises Undefined."""
    compiled = sp.lambdify(symbols, list(parts), [SAFE, "mpmath"], cse=True)

    def at(point: Point, digits: int) -> list[mpmath.mpf]:
        with mpmath.workdps(digits + 10):
            try:
                with cpu_limit(0.5):
                    given = (mpmath.mpf(int(point[x].p)) / int(point[x].q) for x in symbols)
                    values = [mpmath.mpmathify(v) for v in compiled(*given)]
            except (ZeroDivisionError, ValueError, OverflowError, MemoryError, TypeError) as error:
                raise OutOfReach(f"no number: {error}") from None
            except TimeUp:
                raise OutOfReach("no number within half a second") from None
            if not all(mpmath.isfinite(v) for v in values):
                raise OutOfReach("not finite")
            if not all(abs(mpmath.im(v)) <= 1e-20 * max(1, abs(v)) for v in values):
                raise Undefined("not a real number")
            return [mpmath.re(v) for v in values]

    return at


@dataclass
class Numbers:
    """The two sides at random points: the one that refutes, if any, and whether both vanish at all of them."""

    refuted_at: dict[sp.Symbol, sp.Rational] | None = None
    values: tuple[mpmath.mpf, mpmath.mpf] | None = None
    null: bool = True


def compare(lhs: sp.Expr, rhs: sp.Expr, seed: str, excluded: Sequence[sp.Expr] = ()) -> Numbers:
    """Both sides at sixteen random points, with 30 and with 90 digits; stops at the first point that refutes.

    Points at which one of `excluded` vanishes are passed over. Raises Undefined where a side has no real value.
    """
    symbols = ordered(lhs.free_symbols | rhs.free_symbols)
    at, numbers, wide_points, too_wide = number_function(symbols, [lhs, rhs]), Numbers(), 0, 0
    failed = 0
    for points, wide in draw_points(symbols, seed)[:: 1 if symbols else 2 * POINTS]:
        for point in points[1:] if too_wide > 1 else points:
            if any(e.xreplace(point) == 0 for e in excluded):
                continue
            try:
                sides = [at(point, digits) for digits in DIGITS]
                break
            except Undefined as error:
                if wide and (isinstance(error, OutOfReach) or _is_rounding(at, point)):
                    too_wide += point is points[0]
                    continue
                if not wide and isinstance(error, OutOfReach) and _is_gap(at, point):
                    continue
                where = ", ".join(f"{x} = {v}" for x, v in point.items())
                raise Undefined(f"{error} at {where}: narrow the domain of a symbol") from None
        else:
            failed += wide
            if failed > POINTS // 2:
                break
            continue
        a, b = sides[1]
        if abs(a - b) / max(1, abs(a), abs(b)) > 1e-60:
            return Numbers(point, (a, b), False)
        wide_points += wide
        numbers.null = numbers.null and all(abs(v) < 1e-60 for v in sides[1])
    if symbols and wide_points < POINTS // 2:
        raise Undefined("numbers of different sizes are out of reach here: take logarithms, or name parts of the line")
    return numbers


def beside(point: Point) -> list[Point]:
    """Points near it on either side, at two distances; whole numbers stay, and where there are no others there are none."""
    moves = [1 + sign * sp.Rational(1, distance) for distance in (10**12, 10**9) for sign in (-1, 1)]
    if all(x.is_integer for x in point):
        return []
    return [{x: v if x.is_integer else v * move for x, v in point.items()} for move in moves]


def is_one_number(values: Sequence[float]) -> bool:
    """Do the values of a formula at the points of `beside` agree? At a pole they differ, or grow."""
    return bool(values) and all(abs(v - values[0]) <= 1e-6 * max(1, abs(v)) for v in values)


def _is_gap(at: Callable[[Point, int], list[mpmath.mpf]], point: Point) -> bool:
    """True when the sides have no number at the point but one and the same beside it.

    So it is where the formula that sympy gives for an integral has gamma functions whose poles cancel.
    """
    try:
        values = [at(near, DIGITS[1]) for near in beside(point)]
    except Undefined:
        return False
    return bool(values) and all(is_one_number(side) for side in zip(*values, strict=True))


def _is_rounding(at: Callable[[Point, int], list[mpmath.mpf]], point: Point) -> bool:
    """True when a value that is not real at a few digits is real, or out of reach, at many."""
    try:
        at(point, 600)
    except OutOfReach:
        return True
    except Undefined:
        return False
    return True
