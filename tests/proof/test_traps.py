"""Thirty wrong derivations that a checker made of `simplify(a - b) == 0` accepts: each is refused, for the right reason."""

from __future__ import annotations

import textwrap

import pytest

from nbdgm.proof import ProofError, recording

# number: (what must be said, definitions, lines). The lines stand in one derivation.
REFUSED = {
    "T1 a mean declared positive": (
        "declared of one sign",
        'm = Symbol("mu", positive=True)',
        'd.line(log(m**2 + 1 - 1), "?"); d.line(2 * log(m), "?")',
    ),
    "T2 the integration variable is positive, the bounds are not": (
        "bounds",
        'z = Symbol("z", positive=True)',
        'd.line(p + Integral(Abs(z) * exp(-z**2 / 2), (z, -oo, oo)), "mean modulus"); d.line(p, "odd")',
    ),
    "T3 a namesake of the parameter": (
        "does not occur",
        'phi = Symbol("phi", positive=True); other = Symbol("phi", real=True)',
        'd.constant(log(x**2 + other**2), [phi], "no phi")',
    ),
    "T3 a derivative by a namesake": (
        "does not contain this",
        'other = Symbol("x", positive=True)',
        'd.line(p + Derivative(x**2, other), "?"); d.line(p, "?")',
    ),
    "T3 two symbols that print alike": (
        "print as",
        'other = Symbol("x", positive=True)',
        'd.line(x + other, "?"); d.line(2 * x, "?")',
    ),
    "T4 zip drops a state": (
        "zip without strict",
        'P, Q = law("p", 3), law("q", 2)',
        'd.line(sum(c * log(c / f) for c, f in zip(P, Q)), "KL"); d.line(p, "?")',
    ),
    "T5 force ignores branches": (
        "force=True",
        "",
        'd.line(expand_log(log((p - 1) ** 2), force=True), "?"); d.line(2 * log(p - 1), "?")',
    ),
    "T6 an empty range of symbols": ("is empty", 'w = symbols("b11:3")', 'd.line(p + sum(w), "?"); d.line(p, "?")'),
    "T6 an empty sum": ("0 before anything", "", 'd.line(sum(()), "?"); d.line(0, "?")'),
    "T7 a divergent sum": (
        "not evaluate|not finite",
        'n = Symbol("n", integer=True, positive=True)',
        'd.line(Sum(2 / n, (n, 1, oo)), "?"); d.line(2 * Sum(1 / n, (n, 1, oo)), "?")',
    ),
    "T7 a divergent integral minus itself": (
        "not finite|not evaluate",
        "",
        'd.line(p + Integral(1 / x, (x, 0, 1)), "?"); d.line(q + Integral(1 / x, (x, 0, 1)), "?")',
    ),
    "T8 an integral that stays an integral": (
        "does not evaluate",
        "",
        'd.line(Integral(t**t, (t, 0, 1)), "?"); d.line(p, "?")',
    ),
    "T9 a quotient that was 1 at once": ("is 1 before", "", 'd.line(p + (x - mu) / (x - mu), "?"); d.line(p + 1, "?")'),
    "T9 zero times a divergent integral": (
        "is 0 before",
        "",
        'd.line(p + 0 * Integral(1 / x, (x, 0, 1)), "?"); d.line(p, "?")',
    ),
    "T9 a quotient of deltas": ("DiracDelta", "", 'd.line(p * DiracDelta(x), "?"); d.line(p, "?")'),
    "T10 an opaque expectation": (
        "opaque",
        'E = Function("E", real=True)',
        'd.line(E(log(p * q)), "?"); d.line(E(log(p) + log(q)), "?")',
    ),
    "T11 a float": ("float", "", 'd.line(1 / 3 * x, "?"); d.line(x / 3, "?")'),
    "T11 a float in disguise": ("disguise", "", 'd.line(Rational(0.1) * x, "?"); d.line(x / 10, "?")'),
    "T12 below thirty digits": ("does not follow", "", 'd.line(x * (1 + R(1, 10**40)), "?"); d.line(x, "?")'),
    "T12 below every precision": ("does not prove", "", 'd.line(x + exp(-1000), "?"); d.line(x, "?")'),
    "T12 a step beyond the tested range": ("does not prove", "", 'd.line(floor(p / 10**9) * x + x, "?"); d.line(x, "?")'),
    "T13 unknown is not false": (
        "does not know",
        "assert not (x - 1).is_negative",
        'd.line(x * x, "?"); d.line(x**2 + 1 - 1, "?")',
    ),
    "T13 no root satisfies everything": (
        "solve drops roots",
        "assert all(r > 0 for r in solve(exp(x), x))",
        'd.line(x, "?"); d.line(x + 1, "?")',
    ),
    "T14 a chained comparison": ("chained comparison", "", 'd.line(0 <= p <= 1, "?")'),
    "T14 a relation for a line": ("one relation a call", "", 'd.line(p <= q, "?")'),
    "T15 a root lost to an assumption": ("solve drops roots", "r, = solve(p**2 - 1, p)", 'd.line(r * x, "?"); d.line(x, "?")'),
    "T16 symbolic sizes always fit": (
        "symbolic shape",
        'n, k = symbols("n k", integer=True); W, h = MatrixSymbol("W", n, k), MatrixSymbol("h", n, 1)',
        'd.shape(lambda: W * h, (n, 1), "layer")',
    ),
    "T16 equal sizes always fit": (
        "is square",
        'W, h = MatrixSymbol("W", 3, 3), MatrixSymbol("h", 3, 1)',
        'd.shape(W.T * h, (3, 1), "layer")',
    ),
    "T16 sizes that do not fit": (
        "do not fit",
        'W, h = MatrixSymbol("W", 5, 3), MatrixSymbol("h", 5, 1)',
        'd.shape(lambda: W * h, (5, 1), "layer")',
    ),
    "T17 two variables of one name": (
        "named alike",
        'from sympy.stats import Normal, E; X, Y = Normal("X", 0, 1), Normal("X", 0, 1)',
        'd.line(p * E(X * Y), "?"); d.line(p, "?")',
    ),
    "T17 a random variable in a line": (
        "random variable",
        'from sympy.stats import Normal; X = Normal("X", 0, 1)',
        'd.line(p + X, "?"); d.line(p + X**2, "?")',
    ),
    "T18 a transposed table": (
        "does not follow",
        'A, w = table("A", 2, 2), table("w", 2, 1)',
        'd.line(A * w, "forward"); d.line(A.T * w, "transposed")',
    ),
    "T19 conditions thrown away": (
        "conds",
        "",
        'd.line(p + integrate(exp(-x * y), (x, 0, oo), conds="none"), "?"); d.line(p + 1 / y, "?")',
    ),
    "T19 the first branch": (
        "branch",
        "found = integrate(exp(-x * y), (x, 0, oo)).args[0][0]",
        'd.line(p + found, "?"); d.line(p + 1 / y, "?")',
    ),
    "T19 a conditional integral": (
        "under a condition",
        "",
        'd.line(p + Integral(exp(-x * y), (x, 0, oo)), "?"); d.line(p + 1 / y, "?")',
    ),
    "T20 a limit from one side": ("without a direction", "one = limit(sign(x), x, 0)", 'd.line(one * p, "?"); d.line(p, "?")'),
    "T20 d.limit without a side": (
        "dir is",
        "",
        'd.equal(x / (1 + x**2), 1 / (x + 1 / x), "?"); d.limit(x / (1 + x**2), x, 0, "", 0, "?")',
    ),
    "T21 equals": (
        "equals",
        "assert (x - x**2).equals(x * (1 - x))",
        'd.line(x - x**2, "?"); d.line(x * (1 - x), "?")',
    ),
    "T22 simplified from the line before": (
        "built from the line",
        "first = sin(x)**2 + cos(x)**2 + p",
        'd.line(first, "?"); d.line(simplify(first), "?")',
    ),
    "T22 by way of a name": (
        "built from the line",
        "first = log(p * q)\nsecond = expand_log(first)",
        'd.line(first, "?"); d.line(second, "?")',
    ),
    "T22 by substitution": (
        "built from the line",
        "",
        'd.line(log(p * q), "?"); d.line(expand_log(log(p * q)), "?")',
    ),
    "T23 true for 0 and 1 only": ("does not follow", "", 'd.line(v**2, "?"); d.line(v, "binary")'),
    "T23 true for one coordinate only": (
        "does not follow",
        'k, i, S = Symbol("k", integer=True, positive=True), Symbol("i", integer=True), IndexedBase("r", positive=True)',
        'd.line(Sum(S[i], (i, 1, k))**2, "?"); d.line(Sum(S[i]**2, (i, 1, k)), "?")',
    ),
    "T24 infinity absorbs": ("not finite", "", 'd.line(p + oo, "?"); d.line(p + 1 + oo, "?")'),
    "T24 nan": ("not finite", "", 'd.line(p + nan, "?"); d.line(q + nan, "?")'),
    "T25 two null lines": (
        "identically zero",
        'w = law("w", 2); score = sum(c * diff(log(c), Symbol("w_1", positive=True)) for c in w)',
        'd.line(7 * score, "?"); d.line(-3 * score, "?")',
    ),
    "T26 linprog": (
        "lpmin",
        "from sympy.solvers.simplex import linprog\nlow, _ = linprog([1], [[-1]], [5], bounds=(None, None))",
        'd.line(p + low, "?"); d.line(p, "?")',
    ),
    "T27 a limit of an unproved formula": (
        "first prove an equality",
        "",
        'd.limit(log(1 + exp(x)) - log(2 + exp(x)), x, oo, "-", 0, "?")',
    ),
    "T28 a derivative forgets": (
        "forgets the terms",
        "objective = -p * log(a) + q * log(q)",
        'd.equal(diff(objective, p), -log(a), "?")',
    ),
    "T28 a sign without its gap": ("nonnegative", "", 'd.le(x, x**2, "?", gap=x**2 - x)'),
    "T28 the wrong gap": ("does not follow", "", 'd.le(x, x**2 + 1, "?", gap=(x - 1)**2)'),
}


@pytest.mark.parametrize("trap", REFUSED)
def test_a_trap_is_refused(run, trap):
    said, definitions, lines = REFUSED[trap]
    cell = f'{definitions}\nwith derivation("E-0.1", "trap") as d:\n{textwrap.indent(lines, "    ")}\n'
    with pytest.raises(ProofError, match=said):
        run(cell)


# T27, T29 and T30 are right lines that would not notice a wrong formula. There the mutants that survive are reported.


def survivors(run, cell: str) -> list[str]:
    with recording() as found:
        run(cell)
    return found[0].survivors()


MOMENTS = """
density = exp(-((x - mu) ** 2) / (2 * s**2)) / sqrt(2 * pi) / s
with derivation("E-0.2", "moments") as d:
    d.equal(Integral(x**2 * density, (x, -oo, oo)), mu**2 + s**2, "second")
"""


def test_t29_the_second_moment_hides_the_sign_of_the_mean_and_the_first_shows_it(run):
    assert any("flip the sign of" in what for what in survivors(run, MOMENTS))
    assert survivors(run, MOMENTS + '    d.equal(Integral(x * density, (x, -oo, oo)), mu, "first")\n') == []


def test_t30_pieces_split_by_hand_do_not_use_the_range(run):
    cell = """
with derivation("E-0.2", "distance of two shifted uniforms", domain={t: (0, 1)}) as d:
    d.equal(Integral(x, (x, 0, t)) + Integral(t, (x, t, 1)) + Integral(1 + t - x, (x, 1, 1 + t)), t, "pieces")
"""
    with recording() as found:
        run(cell)
    assert found[0].needless() == ["E-0.2: no line needs 0 < t < 1"]


def test_a_used_range_is_not_reported(run):
    with recording() as found:
        run("""
with derivation("E-0.2", "entropy of a coin", domain={t: (0, 1)}) as d:
    d.equal(Derivative(t * log(t) + (1 - t) * log(1 - t), t), log(t / (1 - t)), "slope")
""")
    assert found[0].needless() == []
    assert found[0].survivors() == []
