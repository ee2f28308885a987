"""Right derivations of every kind that the book needs pass, and none of their mutants does."""

from __future__ import annotations

import pytest

from nbdgm.proof import recording

PATTERNS = {
    "evidence = ELBO + KL (13.3)": """
w, j = law("q", 2), symbols("j_1:3", positive=True)
px = sum(j)
with derivation("E-13.3", "evidence") as d:
    d.line(log(px), "definition")
    d.line(sum(c * log(f / c) for c, f in zip(w, j, strict=True)) + KL(w, [f / px for f in j]), "split")
""",
    "GAN value = 2 JS - 2 log 2 (13.39)": """
P, Q = law("p", 2), law("q", 2)
with derivation("E-13.39", "value at the best discriminator") as d:
    d.line(sum(c * log(c / (c + f)) + f * log(f / (c + f)) for c, f in zip(P, Q, strict=True)), "definition")
    d.line(2 * JS(P, Q) - 2 * log(2), "multiply and divide by 2")
""",
    "chain rule of KL, joint tables": """
P, Q = table("P", 2, 2), table("Q", 2, 2)
px, qx = [sum(P[i, :]) for i in range(2)], [sum(Q[i, :]) for i in range(2)]
with derivation("E-003-04", "chain rule") as d:
    d.line(KL(P, Q), "joint")
    d.line(KL(px, qx) + sum(px[i] * KL(P[i, :] / px[i], Q[i, :] / qx[i]) for i in range(2)), "marginal, then conditional")
""",
    "entropy": """
w = law("p", 3)
with derivation("E-000-03", "entropy is the distance to uniform") as d:
    d.line(entropy(w), "definition")
    d.line(log(3) - KL(w, [R(1, 3)] * 3), "add log 3")
""",
    "KL of two normals by moments (13.25)": """
s2 = Symbol("sigma_2", positive=True)
ratio = log_normal(x, mu, s**2) - log_normal(x, m2, s2**2)
with derivation("E-13.25", "two normals") as d:
    d.line(EN(ratio.subs(x, mu + s * e), e), "moments")
    d.line(log(s2 / s) + (s**2 + (mu - m2) ** 2) / (2 * s2**2) - R(1, 2), "collect")
""",
    "posterior of the linear Gaussian model": """
w, z = symbols("w z", real=True); total = w**2 + s**2
with derivation("E-13.5", "Bayes in logarithms") as d:
    d.line(log_normal(x, w * z, s**2) + log_normal(z, 0, 1), "joint")
    d.line(log_normal(x, 0, total) + log_normal(z, w * x / total, s**2 / total), "evidence times posterior")
""",
    "a full covariance through its Cholesky factor": """
l11, l22 = symbols("l_11 l_22", positive=True); l21 = Symbol("l_21", real=True); e1, e2 = symbols("eta_1 eta_2", real=True)
c = symbols("c_1:3", real=True)
M, L, n = Matrix(symbols("mu_1:3", real=True)), Matrix([[l11, 0], [l21, l22]]), Matrix([e1, e2])
projected = (Matrix(c).T * (M + L * n))[0]
with derivation("E-13.24", "mean square of a projection", note="k = 2") as d:
    d.line(EN(projected**2, e1, e2), "moments")
    d.line((c[0] * M[0] + c[1] * M[1]) ** 2 + (c[0] * l11 + c[1] * l21) ** 2 + (c[1] * l22) ** 2, "mean and covariance")
""",
    "any number of coordinates (13.26)": """
k, i = Symbol("k", integer=True, positive=True), Symbol("i", integer=True)
M, S = IndexedBase("mu", real=True), IndexedBase("sigma", positive=True)
with derivation("E-13.26", "k coordinates") as d:
    d.line((Sum(S[i] ** 2, (i, 1, k)) + Sum(M[i] ** 2, (i, 1, k)) - k - Sum(log(S[i] ** 2), (i, 1, k))) / 2, "apart")
    d.line(Sum((S[i] ** 2 + M[i] ** 2 - 1 - log(S[i] ** 2)) / 2, (i, 1, k)), "one sum")
""",
    "best discriminator in the logit": """
g = a * log(1 / (1 + exp(-u))) + b * log(1 - 1 / (1 + exp(-u)))
with derivation("E-13.36", "logit") as d:
    d.equal(Derivative(g, u), (a - b * exp(u)) / (1 + exp(u)), "root log(a/b)")
    d.equal(Derivative(g, (u, 2)), -(a + b) * exp(u) / (1 + exp(u)) ** 2, "negative")
""",
    "optimum by a square gap (LSGAN)": """
D, A, B = symbols("D A B", real=True); best = (B * a + A * b) / (a + b)
with derivation("E-000-27", "least squares") as d:
    d.line(a * (D - B) ** 2 / 2 + b * (D - A) ** 2 / 2, "objective")
    d.line(a * b * (A - B) ** 2 / (a + b) / 2 + (a + b) / 2 * (D - best) ** 2, "complete the square")
""",
    "gradients of the generator's losses and their limits": """
sig = 1 / (1 + exp(-u))
with derivation("E-13.33 E-13.34", "generator") as d:
    d.equal(Derivative(log(1 - sig), u), -sig, "chain rule")
    d.limit(-sig, u, -oo, "+", 0, "saturates")
    d.equal(log(1 + exp(u)), u + log(1 + exp(-u)), "softplus")
    d.limit(log(1 + exp(u)), u, oo, "-", oo, "grows")
""",
    "f-divergence: conjugate at the slope": """
f, conjugate = t * log(t), exp(u - 1)
with derivation("E-002-D7", "KL") as d:
    d.equal(conjugate.subs(u, log(t) + 1), t * (log(t) + 1) - t * log(t), "conjugate at the slope")
    d.equal(Derivative(f, t), log(t) + 1, "slope")
""",
    "binary vectors are enumerated": """
w, c = symbols("w_1:3", real=True), symbols("c_1:3", real=True)
states = list(itertools.product((0, 1), repeat=2))
with derivation("E-001-10", "sum out the hidden units") as d:
    d.line(sum(exp(sum((v * w[k] + c[k]) * h[k] for k in range(2))) for h in states), "enumerate")
    d.line((1 + exp(v * w[0] + c[0])) * (1 + exp(v * w[1] + c[1])), "factor")
""",
    "score function": """
th, ell = symbols("theta_1:3", real=True), symbols("r_1:3", real=True)
Q = [exp(c) / sum(map(exp, th)) for c in th]
elbo = sum(c * (r - log(c)) for c, r in zip(Q, ell, strict=True))
with derivation("E-001-30", "score") as d:
    d.line(Derivative(elbo, th[0]), "gradient")
    d.line(Q[0] * Q[1] * (ell[0] - ell[1] + th[1] - th[0]), "differentiate the softmax")
""",
    "functions of a parameter": """
phi = Symbol("phi", real=True); h = Function("h", positive=True)(phi)
with derivation("E-001-29", "log-derivative trick", parameters=[phi]) as d:
    d.line(Derivative(h, phi), "gradient")
    d.line(h * Derivative(log(h), phi), "of the logarithm")
""",
    "optimal transport: the distance of two shifted uniforms": """
with derivation("E-000-30", "distance of two shifted uniforms") as d:
    d.line(Integral(x, (x, 0, 1)) + Integral(1, (x, 1, t)) + Integral(1 + t - x, (x, t, 1 + t)), "between the two CDFs")
    d.line(log(exp(t)**2) / 2, "it is the shift")
""",
    "GAN-QP optimum, one pair": """
lam, dist = symbols("lambda d", positive=True); D = Symbol("Delta", real=True); best = lam * dist * (a - b) / (a + b)
with derivation("E-002-16", "quadratic potential") as d:
    d.line((a - b) * D - (a + b) * D**2 / (2 * lam * dist), "one pair")
    d.line(lam * dist * (a - b) ** 2 / (a + b) / 2 - (a + b) / (2 * lam * dist) * (D - best) ** 2, "complete the square")
""",
    "inequalities by gaps": """
r, w = symbols("r_1:3", real=True), symbols("w_1:3", positive=True)
with derivation("E-002-D5 E-001-17", "Cauchy and Gibbs") as d:
    d.le((r[0] + r[1]) ** 2, (r[0] ** 2 / w[0] + r[1] ** 2 / w[1]) * (w[0] + w[1]), "Lagrange",
         gap=(r[0] * w[1] - r[1] * w[0]) ** 2 / (w[0] * w[1]))
    d.le(log(t), t - 1, "convex", gap=t - 1 - log(t), least_at=(t, 1))
    d.le(0, log(1 + p), "positive", gap=log(1 + p), strict=True)
""",
    "variational inference as a GAN, one cell": """
po, qo, px, qz = symbols("p_o q_o p_x q_z", positive=True); Dc = po * px / (po * px + qo * qz)
with derivation("E-003-40", "cellwise", note="one cell; sum over cells") as d:
    d.line(-p * px * log(Dc) + q * qz * log(q * qz / ((1 - Dc) * p * px)), "(37)")
    d.line(-p * px * log(Dc) - q * qz * log(Dc) + qz * q * log(q / qo) + q * qz * log(po / p), "(40)")
""",
    "errata": """
q1, q2, j1, j2 = symbols("q_1 q_2 j_1 j_2", positive=True)
w = law("q", 2)
with derivation("ERR-000-01 ERR-004-14", "decided") as d:
    d.unequal(KL([q1, q2], [j1, j2]), KL([j1, j2], [q1, q2]), "order",
              at={q1: R(1, 2), q2: R(1, 2), j1: R(1, 4), j2: R(3, 4)})
    d.constant(sum(c * log(f / c) for c, f in zip(w, (j1, j2), strict=True)) + KL(w, [j1 / (j1 + j2), j2 / (j1 + j2)]),
               symbols("q_1:3", positive=True), "the evidence")
""",
    "a matrix, entry by entry": """
V = Matrix([x, y])
with derivation("E-13.16", "gradient of a square") as d:
    d.line(Matrix([Derivative(x**2 + y**2, x), Derivative(x**2 + y**2, y)]), "gradient")
    d.line(2 * V, "differentiate")
""",
    "an interval": """
with derivation("E-000-22", "entropy of a coin", domain={t: (0, 1)}) as d:
    d.line(Derivative(-t * log(t) - (1 - t) * log(1 - t), t), "slope")
    d.line(log((1 - t) / t), "differentiate")
""",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_right_derivation_passes_and_its_mutants_do_not(run, pattern):
    with recording() as found:
        run(PATTERNS[pattern])
    (derivation,) = found
    assert derivation.status == "proved"
    assert derivation.survivors(most=25) == []
    assert derivation.needless() == []


def test_shapes_are_asserted(run):
    with recording() as found:
        run("""
W, h, c = MatrixSymbol("W", 5, 3), MatrixSymbol("h", 3, 1), MatrixSymbol("b", 5, 1)
with derivation("E-13.7", "layer") as d:
    d.shape(lambda: W * h + c, (5, 1), "layer")
""")
    assert found[0].status == "asserted"
