"""Wrong derivations that evade a rule rather than slip, as a chapter would write them: kind, name, what must be said, the cell.

`run` starts every cell with the usual symbols: x, y, u, v, mu, m2, theta, e real; a, b, p, q, s, t positive; the scope of a
derivation is "a case" where none is written.
"""

from __future__ import annotations

ATTACKS: dict[tuple[str, str], tuple[str, str]] = {
    ("integrals", "a pole at a symbol, even order"): (
        "zero between",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x - p) ** 2, (x, 0, 3 * p)), "?")
    d.line(a - 3 / (2 * p), "?")
""",
    ),
    ("integrals", "the second moment of an importance weight"): (
        "zero between",
        """
with derivation("E-0.1", "attack") as d:
    d.line(1 + Integral(a / (x - p) ** 2, (x, 0, 2 * p)), "?")
    d.line(1 - 2 * a / p, "?")
""",
    ),
    ("integrals", "a principal value"): (
        "zero between|diverges|real",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x - p), (x, 0, 3 * p)), "?")
    d.line(a + log(2), "?")
""",
    ),
    ("integrals", "an odd pole of third order"): (
        "zero between|diverge",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x - p) ** 3, (x, 0, 2 * p)), "?")
    d.line(a, "odd about p")
""",
    ),
    ("integrals", "an irrational pole"): (
        "zero between|not converge",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x**2 - 2) ** 2, (x, 0, 2)), "?")
    d.line(a - R(1, 4) - sqrt(2) * log(3 + 2 * sqrt(2)) / 16 * 2, "?")
""",
    ),
    ("integrals", "a pole written as a square"): (
        "zero between|cut|converge",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x**2 - 2 * p * x + p**2), (x, 0, 3 * p)), "?")
    d.line(a - 3 / (2 * p), "?")
""",
    ),
    ("integrals", "a pole for some parameters only"): (
        "zero between",
        """
with derivation("E-0.1", "attack") as d:
    d.line(1 + Integral(1 / (x + 1 - p) ** 2, (x, 0, 1)), "?")
    d.line(1 + 1 / (1 - p) - 1 / (2 - p), "?")
""",
    ),
    ("integrals", "a pole in one of two variables"): (
        "quadrature|diverge|converge|zero|cut",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x - p) ** 2, (x, 0, 3 * p), (y, 0, 1)), "?")
    d.line(a - 3 / (2 * p), "?")
""",
    ),
    ("integrals", "a pole at an indexed parameter"): (
        "zero between|disagrees|converge",
        """
P = IndexedBase("p", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(1 / (x - P[1]) ** 2, (x, 0, 3 * P[1])), "?")
    d.line(a - 3 / (2 * P[1]), "?")
""",
    ),
    ("integrals", "a pole at a function of a parameter"): (
        "zero between|disagrees|converge",
        """
f = Function("f", positive=True)(theta)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(a + Integral(1 / (x - f) ** 2, (x, 0, 3 * f)), "?")
    d.line(a - 3 / (2 * f), "?")
""",
    ),
    ("integrals", "a logarithm of what is not positive"): (
        "not real|zero between|no number",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(log(x - p), (x, 0, 2 * p)), "?")
    d.line(a + 2 * p * log(p) - 2 * p, "?")
""",
    ),
    ("integrals", "an integral within an integral"): (
        "within an integral|zero between",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + Integral(Integral(1 / (x - y) ** 2, (x, 0, 3)), (y, 1, 2)), "?")
    d.line(a - 2 * log(2), "?")
""",
    ),
    ("integrals", "a series that has a value by extrapolation only"): (
        "partial sums|not finite|condition|not evaluate",
        """
n = Symbol("n", integer=True, nonnegative=True)
with derivation("E-0.1", "attack") as d:
    d.line(p + Sum((-1) ** n, (n, 0, oo)), "Grandi")
    d.line(p + R(1, 2), "Abel")
""",
    ),
    ("integrals", "an unknown function under an integral"): (
        "opaque",
        """
f = Function("f", real=True)
with derivation("E-0.1", "attack", parameters=[x]) as d:
    d.line(p + Integral(f(x), (x, 0, 1)), "?")
    d.line(p, "?")
""",
    ),
    ("inequalities", "the least point lies outside"): (
        "outside the domain",
        """
with derivation("E-0.1", "attack") as d:
    d.le(3 * p, p**3, "?", gap=p**3 - 3 * p, least_at=(p, -1))
""",
    ),
    ("inequalities", "over a pole"): (
        "not defined on the whole",
        """
with derivation("E-0.1", "attack") as d:
    d.le(-x, x**-2, "?", gap=x**-2 + x, least_at=(x, 2 ** R(1, 3)))
""",
    ),
    ("inequalities", "at an end of the interval"): (
        "outside the domain",
        """
w = Symbol("w", real=True)
with derivation("E-0.1", "attack", domain={w: (0, 1)}) as d:
    d.le(w, w**2 + 1, "?", gap=w**2 - w + 1, least_at=(w, 0))
""",
    ),
    ("inequalities", "outside the interval"): (
        "outside the domain",
        """
w = Symbol("w", real=True)
with derivation("E-0.1", "attack", domain={w: (0, 1)}) as d:
    d.le(R(1, 2), (w - 2) ** 2, "?", gap=(w - 2) ** 2 - R(1, 2), least_at=(w, 2))
""",
    ),
    ("inequalities", "a gap with a corner"): (
        "corner|convex",
        """
with derivation("E-0.1", "attack") as d:
    d.le(x, x + x**2 - Abs(x) / 5, "?", gap=x**2 - Abs(x) / 5, least_at=(x, R(1, 10)))
""",
    ),
    ("inequalities", "x0 depends on the variable"): (
        "no point",
        """
with derivation("E-0.1", "attack") as d:
    d.le(2 * x * y, x**2 + y**2, "?", gap=(x - y) ** 2, least_at=(x, x))
""",
    ),
    ("inequalities", "ReLU by way of the modulus"): (
        "nonnegative|not prove",
        """
with derivation("E-0.1", "attack") as d:
    d.le(q * Abs(x + 10**7), q * (x + 10**7) + p, "?", gap=p)
""",
    ),
    ("inequalities", "nothing is gained by a gap of zero"): (
        "gap of 0",
        """
with derivation("E-0.1", "attack") as d:
    d.le(a * b, a * b, "?", gap=0)
""",
    ),
    ("inequalities", "slack"): (
        "built into",
        """
with derivation("E-0.1", "attack") as d:
    d.le(p - t, p, "?", gap=t)
""",
    ),
    ("inequalities", "slack in two places"): (
        "built into",
        """
with derivation("E-0.1", "attack") as d:
    d.le((a * s - p) + (b * s - q), (a + b) * s, "?", gap=p + q)
""",
    ),
    ("inequalities", "slack with a weight"): (
        "built into",
        """
with derivation("E-0.1", "attack") as d:
    d.le(a * (s - t), a * s, "?", gap=a * t)
""",
    ),
    ("inequalities", "slack squared away"): (
        "built into|nonnegative",
        """
with derivation("E-0.1", "attack") as d:
    d.le(p, p + 2 * t, "?", gap=2 * t, strict=True)
""",
    ),
    ("inequalities", "slack on the larger side"): (
        "built into",
        """
with derivation("E-0.1", "attack") as d:
    d.le(a, a + b * t, "?", gap=b * t)
""",
    ),
    ("names", "u_t under a domain"): (
        "does not follow|different symbols",
        """
u_t = Symbol("u_t", positive=True)
with derivation("E-0.1", "attack", domain={t: (0, 1)}) as d:
    d.line(t / (1 - t) + q, "the speed of every flow")
    d.line(u_t + q, "?")
""",
    ),
    ("names", "u_t real under a domain"): (
        "does not follow",
        """
u_t = Symbol("u_t", real=True)
with derivation("E-0.1", "attack", domain={t: (0, 1)}) as d:
    d.line(t / (1 - t) + q, "?")
    d.line(u_t + q, "?")
""",
    ),
    ("names", "the symbol called x[1]"): (
        "does not follow|print as|name",
        """
X = IndexedBase("x", positive=True)
x1 = Symbol("x[1]", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(X[1] + q, "?")
    d.line(x1 + q, "?")
""",
    ),
    ("names", "the symbol called f(theta)"): (
        "does not follow|print as|name",
        """
f = Function("f", positive=True)(theta)
g = Symbol("f(theta)", positive=True)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(f + q, "?")
    d.line(g + q, "?")
""",
    ),
    ("names", "two functions of one name"): (
        "print as",
        """
f, g = Function("f", positive=True)(theta), Function("f", real=True)(theta)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(Derivative(f, theta) + q, "?")
    d.line(Derivative(g, theta) + q, "?")
""",
    ),
    ("names", "a Dummy"): (
        "Dummy",
        """
w = Dummy("x", real=True)
with derivation("E-0.1", "attack") as d:
    d.line(w + q, "?")
    d.line(x + q, "?")
""",
    ),
    ("names", "p_1 and p[1]"): (
        "print as|does not follow",
        """
P = IndexedBase("p", positive=True)
p_1 = Symbol("p_1", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(P[1] + q, "?")
    d.line(p_1 + q, "?")
""",
    ),
    ("names", "two families of one name"): (
        "print as",
        """
P, Q = IndexedBase("p", positive=True), IndexedBase("p", real=True)
with derivation("E-0.1", "attack") as d:
    d.line(P[1] + q * Q[1], "?")
    d.line((1 + q) * P[1], "?")
""",
    ),
    ("names", "a Cyrillic letter"): (
        "Latin",
        r"""
w = Symbol("\u0445", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(w**2) + 0 * 1 + p, "?")
    d.line(2 * log(w) + p, "?")
""",
    ),
    ("names", "a name in braces"): (
        "print as|Latin",
        """
w = Symbol("{x}", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(x + w, "?")
    d.line(2 * w, "?")
""",
    ),
    ("names", "a mean that is positive, as mu1"): (
        "one sign",
        """
w = Symbol("mu1", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(w**2) + p, "?")
    d.line(2 * log(w) + p, "?")
""",
    ),
    ("names", "a mean that is positive, in LaTeX"): (
        "one sign",
        r"""
w = Symbol("\\mu", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(w**2) + p, "?")
    d.line(2 * log(w) + p, "?")
""",
    ),
    ("names", "a mean that is nonpositive"): (
        "one sign",
        """
w = Symbol("mu_3", nonpositive=True)
with derivation("E-0.1", "attack") as d:
    d.line(sqrt(w**2) + p, "?")
    d.line(p - w, "?")
""",
    ),
    ("names", "one law twice"): (
        "share their symbols",
        """
P = law("p", 2)
Q = law("p", 2)
with derivation("E-0.1", "attack") as d:
    d.line(log(P[0] * Q[1]), "?")
    d.line(log(P[0]) + log(P[1]), "for all p, q")
""",
    ),
    ("names", "a law and a table of one name"): (
        "share their symbols",
        """
P = law("p", 2)
Q = table("p", 2, 2)
with derivation("E-0.1", "attack") as d:
    d.line(P[0] + Q[0, 0], "?")
    d.line((1 + Q[0, 0] + Q[0, 1]) * Q[0, 0] / (Q[0, 0] + Q[0, 1]), "?")
""",
    ),
    ("names", "a domain for a namesake"): (
        "another symbol of that name|print as",
        """
other = Symbol("p", real=True)
with derivation("E-0.1", "attack", domain={other: (0, 1)}) as d:
    d.line((p + 1) ** 2, "?")
    d.line(p**2 + 2 * p + 1, "?")
""",
    ),
    ("numbers", "zero to the power k - 1"): (
        "does not follow|not prove",
        """
k = Symbol("k", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(p + q * 0 ** (k - 1), "?")
    d.line(p, "?")
""",
    ),
    ("numbers", "the last digit of k"): (
        "jumps|does not follow|not prove",
        """
k = Symbol("k", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(p * Mod(k, 10), "?")
    d.line(p * k, "?")
""",
    ),
    ("numbers", "a steep tanh"): (
        "does not prove",
        """
with derivation("E-0.1", "attack") as d:
    d.line(p * tanh(10**9 * q), "?")
    d.line(p, "?")
""",
    ),
    ("numbers", "a small exponential"): (
        "does not prove",
        """
with derivation("E-0.1", "attack") as d:
    d.line(q + exp(-1000 - x**2), "?")
    d.line(q, "?")
""",
    ),
    ("numbers", "a modulus far away"): (
        "not prove|does not follow",
        """
with derivation("E-0.1", "attack") as d:
    d.line(q * Abs(x + 10**7), "?")
    d.line(q * (x + 10**7), "?")
""",
    ),
    ("numbers", "a logarithm that ends beyond the points"): (
        "not a real|not prove|1 - p|10 - p",
        """
with derivation("E-0.1", "attack") as d:
    d.line(log((10 - p) ** 2), "?")
    d.line(2 * log(10 - p), "?")
""",
    ),
    ("numbers", "Kronecker's delta"): (
        "does not follow|not prove",
        """
i, k = symbols("i k", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(p + KroneckerDelta(i, k), "?")
    d.line(p, "?")
""",
    ),
    ("numbers", "a power at zero"): (
        "does not follow|not prove",
        """
n = Symbol("n", integer=True, nonnegative=True)
with derivation("E-0.1", "attack") as d:
    d.line(p + 0**n, "?")
    d.line(p, "?")
""",
    ),
    ("numbers", "true from two on"): (
        "does not follow",
        """
n = Symbol("n", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(Abs(n - R(3, 2)) + p, "?")
    d.line(n - R(3, 2) + p, "?")
""",
    ),
    ("numbers", "a bump between the points"): (
        "does not prove",
        """
with derivation("E-0.1", "attack") as d:
    d.line(x + exp(-(10**6) * (x - 10**5) ** 2), "?")
    d.line(x, "?")
""",
    ),
    ("numbers", "an exponential of an exponential"): (
        "600 digits|does not follow",
        """
with derivation("E-0.1", "attack") as d:
    d.line(exp(exp(exp(p))) + q, "?")
    d.line(q, "?")
""",
    ),
    ("numbers", "an argument"): (
        "jumps",
        """
with derivation("E-0.1", "attack") as d:
    d.line(p + arg(x), "?")
    d.line(p, "?")
""",
    ),
    ("hypotheses", "even integers"): (
        "more is supposed",
        """
k = Symbol("k", even=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) + k, "?")
    d.line(log(p) + log(q) + k * (-1) ** k, "?")
""",
    ),
    ("hypotheses", "an odd number"): (
        "more is supposed",
        """
k = Symbol("k", odd=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) * cos(pi * k), "?")
    d.line(-log(p) - log(q), "?")
""",
    ),
    ("hypotheses", "an irrational number"): (
        "more is supposed",
        """
w = Symbol("w", irrational=True)
with derivation("E-0.1", "attack") as d:
    d.line((w + 1) ** 2, "?")
    d.line(w**2 + 2 * w + 1, "?")
""",
    ),
    ("hypotheses", "infinity"): (
        "complex|more is supposed",
        """
w = Symbol("w", extended_real=True)
with derivation("E-0.1", "attack") as d:
    d.line((w + 1) ** 2, "?")
    d.line(w**2 + 2 * w + 1, "?")
""",
    ),
    ("hypotheses", "zero"): (
        "more is supposed",
        """
w = Symbol("w", zero=True)
with derivation("E-0.1", "attack") as d:
    d.line(p + w**2, "?")
    d.line(p - w, "?")
""",
    ),
    ("hypotheses", "a negative symbol in a positive interval"): (
        "only a symbol declared",
        """
w = Symbol("w", negative=True)
with derivation("E-0.1", "attack", domain={w: (1, 2)}) as d:
    d.line(Integral(exp(w * x), (x, 0, oo)), "?")
    d.line(-1 / w, "?")
""",
    ),
    ("hypotheses", "an integer in an interval"): (
        "only a symbol declared",
        """
k = Symbol("k", integer=True)
with derivation("E-0.1", "attack", domain={k: (0, 2)}) as d:
    d.line(Integral(cos(pi * k * x) ** 2, (x, 0, 1)), "?")
    d.line(R(1, 2), "?")
""",
    ),
    ("hypotheses", "an integer in an empty interval"): (
        "only a symbol declared",
        """
k = Symbol("k", integer=True, positive=True)
with derivation("E-0.1", "attack", domain={k: (0, 1)}) as d:
    d.line(k * p, "?")
    d.line(-k * p, "?")
""",
    ),
    ("hypotheses", "an interval for a nonzero symbol"): (
        "only a symbol declared",
        """
w = Symbol("w", real=True, nonzero=True)
with derivation("E-0.1", "attack", domain={w: (-1, 1)}) as d:
    d.line(w / w**2 + 0, "?")
    d.line(1 / w, "?")
""",
    ),
    ("hypotheses", "an interval in floats"): (
        "exact numbers",
        """
with derivation("E-0.1", "attack", domain={t: (0, 0.5)}) as d:
    d.line(t + q * t, "?")
    d.line(t * (1 + q), "?")
""",
    ),
    ("hypotheses", "an interval with a symbol"): (
        "exact numbers",
        """
with derivation("E-0.1", "attack", domain={t: (0, p)}) as d:
    d.line(t + q * t, "?")
    d.line(t * (1 + q), "?")
""",
    ),
    ("hypotheses", "an even function"): (
        "more is supposed",
        """
f = Function("f", even=True)(theta)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(log(p * q) * (-1) ** f, "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("hypotheses", "a function with rules of its own"): (
        "rules of its own",
        """
class G(Function):
    @classmethod
    def eval(cls, z):
        return None

    def _eval_expand_func(self, **h):
        return self.args[0] ** 2
with derivation("E-0.1", "attack") as d:
    d.line(p + G(p), "?")
    d.line(p + p**2, "?")
""",
    ),
    ("hypotheses", "a symbol with rules of its own"): (
        "rules of its own",
        """
class S(Symbol):
    is_nonnegative = True
w = S("w", real=True)
with derivation("E-0.1", "attack") as d:
    d.line(sqrt(w**2) + p, "?")
    d.line(w + p, "?")
""",
    ),
    ("hypotheses", "an undefined function with a rule"): (
        "rules of its own|sign|more is supposed",
        """
f = Function("f", real=True, _eval_is_positive=lambda self: True)(theta)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(log(f**2) + p, "?")
    d.line(2 * log(f) + p, "?")
""",
    ),
    ("domains", "an inverse inside"): (
        "said nowhere",
        """
with derivation("E-0.1", "attack") as d:
    d.line((x - mu) * (x - mu) ** -1 + log(p * q), "?")
    d.line(1 + log(p) + log(q), "?")
""",
    ),
    ("domains", "an inverse in a name"): (
        "said nowhere|1 before",
        """
one = (x - mu) * (-mu + x) ** -1
with derivation("E-0.1", "attack") as d:
    d.line(one * log(p * q), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "an inverse in a helper"): (
        "said nowhere|1 before",
        """
ratio = lambda m: (x - m) * (-m + x) ** -1
with derivation("E-0.1", "attack") as d:
    d.line(ratio(mu) * log(p * q), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "an integral less itself"): (
        "gone before",
        """
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) + Integral(1 / x, (x, 0, 1)) - Integral(1 / x, (x, 0, 1)), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "nothing times an integral"): (
        "gone before|0 before",
        """
with derivation("E-0.1", "attack") as d:
    d.line((p - p) * Integral(1 / x, (x, 0, 1)) + log(p * q), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "an integral over itself"): (
        "gone before|1 before",
        """
F = Integral(1 / x, (x, 0, 1))
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) * F**2 / (F * F), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "integrated before it is read"): (
        "before it can be checked",
        """
with derivation("E-0.1", "attack") as d:
    d.line(a + integrate(1 / (x - p) ** 2, (x, 0, 3 * p)), "?")
    d.line(a - 6 / (4 * p) + log(p * q) - log(p) - log(q), "?")
""",
    ),
    ("domains", "a slope by a namesake"): (
        "does not contain this|namesake|another symbol",
        """
other = Symbol("x", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) + diff(x**2, other), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "a limit taken early"): (
        "before it can be checked|direction",
        """
with derivation("E-0.1", "attack") as d:
    d.line(log(p * q) * limit(sign(x), x, 0, "+"), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("limits", "inside the interval only"): (
        "cannot tend",
        """
w = Symbol("w", real=True)
with derivation("E-0.1", "attack", domain={w: (0, 1)}) as d:
    d.equal(Derivative(w**2, w), 2 * w, "slope")
    d.limit(2 * w, w, 2, "-", 4, "?")
""",
    ),
    ("limits", "from outside"): (
        "cannot tend",
        """
w = Symbol("w", real=True)
with derivation("E-0.1", "attack", domain={w: (0, 1)}) as d:
    d.equal(Derivative(w**2, w), 2 * w, "slope")
    d.limit(2 * w, w, 1, "+", 2, "?")
""",
    ),
    ("limits", "proved below one, used far away"): (
        "cannot tend",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(sqrt((1 - p) ** 2) + q, 1 - p + q, "below one", domain={p: (0, 1)})
    d.limit(1 - p + q, p, oo, "-", -oo, "?")
""",
    ),
    ("limits", "the root of a square"): (
        "cannot tend|limit is",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(sqrt((q - p * q) ** 2), (1 - p) * q, "below one", domain={p: (0, 1)})
    d.limit(sqrt((q - p * q) ** 2), p, oo, "-", -oo, "?")
""",
    ),
    ("limits", "a namesake's value"): (
        "limit is|not follow|print as",
        """
u_t = Symbol("u_t", positive=True)
with derivation("E-0.1", "attack", domain={t: (0, 1)}) as d:
    d.equal(Derivative(-log(1 - t), t), 1 / (1 - t), "slope")
    d.limit(1 / (1 - t), t, 1, "-", u_t + 1, "?")
""",
    ),
    ("limits", "a positive symbol to the left of zero"): (
        "cannot tend",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(Derivative(p**2, p), 2 * p, "slope")
    d.limit(2 * p, p, -1, "+", -2, "?")
""",
    ),
    ("limits", "licensed by multiplying out"): (
        "multiplies this expression out",
        """
with derivation("E-0.1", "attack") as d:
    d.equal((p + q) * a, p * a + q * a, "distribute")
    d.limit(p * a + q * a, p, oo, "-", oo, "?")
""",
    ),
    ("limits", "an integer near a number"): (
        "tends to oo|cannot",
        """
n = Symbol("n", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.equal(log((p * q) ** n), n * (log(p) + log(q)), "?")
    d.limit(n * (log(p) + log(q)), n, 0, "+", 0, "?")
""",
    ),
    ("limits", "the wrong infinity"): (
        "limit is",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(Derivative(log(p), p), 1 / p, "slope")
    d.limit(1 / p, p, 0, "+", -oo, "?")
""",
    ),
    ("limits", "the value holds the variable"): (
        "contains",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(Derivative(p**2, p), 2 * p, "slope")
    d.limit(2 * p, p, oo, "-", p, "?")
""",
    ),
    ("limits", "the other end"): (
        "limit is",
        """
with derivation("E-0.1", "attack") as d:
    d.equal(Derivative(exp(x) * q, x), q * exp(x), "slope")
    d.limit(q * exp(x), x, -oo, "+", oo, "?")
""",
    ),
    ("constants", "an arctangent on both sides of zero"): (
        "falls into pieces",
        """
with derivation("E-0.1", "attack") as d:
    d.constant(atan(x) + atan(1 / x), x, "?")
""",
    ),
    ("constants", "a pole far away"): (
        "falls into pieces",
        """
with derivation("E-0.1", "attack") as d:
    d.constant(atan(x - 10**9) + atan(1 / (x - 10**9)), x, "?")
""",
    ),
    ("constants", "a sign"): (
        "may jump|does not follow",
        """
with derivation("E-0.1", "attack") as d:
    d.constant(p * sign(x), x, "?")
""",
    ),
    ("constants", "a modulus over its argument"): (
        "may jump|falls into",
        """
with derivation("E-0.1", "attack") as d:
    d.constant(Abs(x) / x + p, x, "?")
""",
    ),
    ("constants", "a step"): (
        "may jump",
        """
with derivation("E-0.1", "attack") as d:
    d.constant(Heaviside(x - 10**8) + p, x, "?")
""",
    ),
    ("constants", "an integer"): (
        "is an integer",
        """
k = Symbol("k", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.constant(p + cos(2 * pi * k * p), k, "?")
""",
    ),
    ("examples", "a negative symbol at a positive value"): (
        "outside the domain",
        """
w = Symbol("w", negative=True)
with derivation("E-0.1", "attack") as d:
    d.unequal(Abs(w), -w, "?", at={w: 1})
""",
    ),
    ("examples", "outside the interval"): (
        "outside the domain",
        """
with derivation("E-0.1", "attack", domain={t: (0, 1)}) as d:
    d.unequal(sqrt((1 - t) ** 2), 1 - t, "?", at={t: 2})
""",
    ),
    ("examples", "zero for a nonzero symbol"): (
        "outside the domain",
        """
w = Symbol("w", real=True, nonzero=True)
with derivation("E-0.1", "attack") as d:
    d.unequal(w**2, w**2 + Abs(sign(w)), "?", at={w: 0})
""",
    ),
    ("examples", "half an integer"): (
        "outside the domain",
        """
k = Symbol("k", integer=True)
with derivation("E-0.1", "attack") as d:
    d.unequal(cos(2 * pi * k * p), p**k, "?", at={k: R(1, 2), p: 1})
""",
    ),
    ("examples", "an infinite value"): (
        "exact",
        """
with derivation("E-0.1", "attack") as d:
    d.unequal(1 / p, p, "?", at={p: oo})
""",
    ),
    ("examples", "a value for a namesake"): (
        "does not occur",
        """
other = Symbol("p", real=True)
with derivation("E-0.1", "attack") as d:
    d.unequal(p, p + q, "?", at={other: 1, q: 1})
""",
    ),
    ("examples", "no value for a symbol"): (
        "give a value",
        """
with derivation("E-0.1", "attack") as d:
    d.unequal(p * q, p + q, "?", at={p: 1})
""",
    ),
    ("text", "the reversed inequality"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.le(log(t), t - 1, "?", gap=t - 1 - log(t), least_at=(t, 1), tex=r"\log t \ge t - 1")
""",
    ),
    ("text", "an equals sign before a definition"): (
        "relation",
        """
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?")
    d.start(x**2 + p, "?", tex="= x^2 + p^2")
    d.line(p + x * x, "?")
""",
    ),
    ("text", "another limit"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.equal(Derivative(log(p), p), 1 / p, "?")
    d.limit(1 / p, p, oo, "-", 0, "?", tex=r"\lim_{p\to 0} 1/p = 0")
""",
    ),
    ("text", "an equivalence"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex=r"A \iff B")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "a definition in an equation"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex=r"S \equiv (x - p)^2")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "an inequality in Unicode"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex="S \u2264 0")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "a sentence"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex=r"S \text{ is zero}")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "in brackets"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex=r"\left(S=0\right)")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "in a name of the first line"): (
        "relation",
        """
with derivation("E-0.1", "attack", name=r"S = x^2 + p^2") as d:
    d.line((x + p) ** 2, "?")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("text", "approximately"): (
        "relation",
        r"""
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex=r"S\approx 0")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("scopes", "a law on two states"): (
        "belongs to",
        """
P, Q = law("p", 2), law("q", 2)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(KL(P, Q), "definition")
    d.line(sum(c * log(c) for c in P) - sum(c * log(f) for c, f in zip(P, Q, strict=True)), "split")
""",
    ),
    ("scopes", "a table"): (
        "belongs to",
        """
T = table("t", 2, 2)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(log(T[0, 0] * T[1, 1]), "?")
    d.line(log(T[0, 0]) + log(T[1, 1]), "?")
""",
    ),
    ("scopes", "coordinates numbered one by one"): (
        "family",
        """
z = symbols("z_1:4", positive=True)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(log(z[0] * z[1] * z[2]), "?")
    d.line(log(z[0]) + log(z[1]) + log(z[2]), "?")
""",
    ),
    ("scopes", "coordinates numbered without a bar"): (
        "family",
        """
z = symbols("z1:4", positive=True)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(log(z[0] * z[1] * z[2]), "?")
    d.line(log(z[0]) + log(z[1]) + log(z[2]), "?")
""",
    ),
    ("scopes", "functions numbered one by one"): (
        "family",
        """
f = [Function(f"f_{i}", positive=True)(theta) for i in (1, 2, 3)]
with derivation("E-0.1", "attack", scope="general", parameters=[theta]) as d:
    d.line(log(f[0] * f[1] * f[2]), "?")
    d.line(log(f[0]) + log(f[1]) + log(f[2]), "?")
""",
    ),
    ("scopes", "entries of a family"): (
        "family",
        """
P = IndexedBase("p", positive=True)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(log(P[1] * P[2] * P[3]), "?")
    d.line(log(P[1]) + log(P[2]) + log(P[3]), "?")
""",
    ),
    ("scopes", "a sum of three"): (
        "fixed number",
        """
P, i = IndexedBase("p", positive=True), Symbol("i", integer=True)
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(Sum(P[i] * 2, (i, 1, 3)), "?")
    d.line(2 * Sum(P[i], (i, 1, 3)), "?")
""",
    ),
    ("scopes", "a matrix"): (
        "matrix of 2 x 2",
        """
A = Matrix(2, 2, [a, b, p, q])
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(A * A, "?")
    d.line(Matrix([[a**2 + b * p, b * (a + q)], [p * (a + q), b * p + q**2]]), "?")
""",
    ),
    ("scopes", "numbers"): (
        "numbers",
        """
with derivation("E-0.1", "attack", scope="general") as d:
    d.line(log(R(8)) + log(R(3)), "?")
    d.line(log(R(24)), "?")
""",
    ),
    ("scopes", "one point"): (
        "one point",
        """
with derivation("E-0.1", "attack", scope="general") as d:
    d.unequal(p + q, p * q, "?", at={p: 1, q: 1})
""",
    ),
    ("scopes", "another spelling"): (
        'write "general"',
        """
with derivation("E-0.1", "attack", scope="General") as d:
    d.line((x + p) ** 2, "?")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("domains", "a quotient in a list"): (
        "simplified before",
        """
with derivation("E-0.1", "attack") as d:
    d.line(sum([k * p * (x - u) / (x - u) for k in (1, 2)]), "?")
    d.line(2 * p + p, "?")
""",
    ),
    ("domains", "a quotient in a function that names its parts"): (
        "simplified before",
        """
def share(v):
    room = v - u
    return room * p / room
with derivation("E-0.1", "attack") as d:
    d.line(share(x) + q * (q + 1), "?")
    d.line(p + q**2 + q, "?")
""",
    ),
    ("domains", "an inverse matrix that need not exist"): (
        "gone before",
        """
n = size("n")
A = MatrixSymbol("A", n, n)
with derivation("E-0.1", "attack") as d:
    d.line(Trace(A * A.I), "?")
    d.line(n, "?")
""",
    ),
    ("domains", "an inverse in a function of the cell"): (
        "said nowhere",
        """
def one(m):
    return (x - m) * (-m + x) ** -1


with derivation("E-0.1", "attack") as d:
    d.line(one(mu) * log(p * q), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "simplified before it is read"): (
        "said nowhere",
        """
with derivation("E-0.1", "attack") as d:
    d.line(simplify((x**2 - mu**2) / (x - mu)) + log(p * q), "?")
    d.line(x + mu + log(p) + log(q), "?")
""",
    ),
    ("domains", "a sum over a list"): (
        "gone before",
        """
F = Integral(1 / x, (x, 0, 1))
with derivation("E-0.1", "attack") as d:
    d.line(sum([F, -F]) + log(p * q), "?")
    d.line(log(p) + log(q), "?")
""",
    ),
    ("domains", "carried out with doit"): (
        "gone before",
        """
with derivation("E-0.1", "attack") as d:
    d.line(Integral(1 / (x - p) ** 2, (x, 0, 3 * p)).doit() + log(p * q), "?")
    d.line(log(p) + log(q) - 3 / (2 * p), "?")
""",
    ),
    ("domains", "an arc cosine of any number"): (
        "said nowhere",
        """
with derivation("E-0.1", "attack") as d:
    d.line(cos(acos(x)) * log(p * q), "?")
    d.line(x * (log(p) + log(q)), "?")
""",
    ),
    ("names", "one law twice, by a helper"): (
        "share their symbols",
        """
make = lambda: law("p", 2)
P = make()
Q = make()
with derivation("E-0.1", "attack") as d:
    d.line(log(P[0] * Q[1]), "?")
    d.line(log(P[0]) + log(P[1]), "independent")
""",
    ),
    ("names", "one law twice, in a loop"): (
        "share their symbols",
        """
P, Q = [law("p", 2) for _ in range(2)]
with derivation("E-0.1", "attack") as d:
    d.line(log(P[0] * Q[1]), "?")
    d.line(log(P[0]) + log(P[1]), "independent")
""",
    ),
    ("names", "a function called log"): (
        "looks like",
        """
L = Function("log", real=True)(theta)
with derivation("E-0.1", "attack", parameters=[theta]) as d:
    d.line(L * 2 + log(p * q), "?")
    d.line(log(p) + log(q) + 2 * L, "?")
""",
    ),
    ("names", "a symbol that reads as a power"): (
        "Latin",
        """
w = Symbol("x^2", positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(w + log(p * q), "?")
    d.line(log(p) + log(q) + w, "?")
""",
    ),
    ("hypotheses", "an index that is even"): (
        "more is supposed|counts in",
        """
i, n = Symbol("i", even=True), Symbol("n", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(Sum((-1) ** i * p, (i, 1, n)), "?")
    d.line(n * p, "?")
""",
    ),
    ("hypotheses", "an index that is never 0, from 0 on"): (
        "counts in",
        """
i, n = Symbol("i", integer=True, positive=True), Symbol("n", integer=True, positive=True)
with derivation("E-0.1", "attack") as d:
    d.line(Sum(p**i * q, (i, 0, n)), "?")
    d.line(q * Sum(p**i, (i, 0, n)), "?")
""",
    ),
    ("text", "an equals sign in Unicode"): (
        "ASCII",
        """
with derivation("E-0.1", "attack") as d:
    d.line((x + p) ** 2, "?", tex="S \uff1d 0")
    d.line(x**2 + 2 * p * x + p**2, "?")
""",
    ),
    ("scopes", "a case in words that is every case"): (
        "more than one case",
        """
P = law("p", 2)
with derivation("E-0.1", "attack", scope="any number of states") as d:
    d.line(log(P[0] * P[1]), "?")
    d.line(log(P[0]) + log(P[1]), "?")
""",
    ),
}
