"""Names: what they may say, what they stand for, and the means, laws and determinants that are written with them."""

from __future__ import annotations

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import EN, JS, KL, Det, ProofError, density, entropy, expectation, kernel, law, let, log_normal, table, unit
from nbdgm.proof.named import FINITE, Named, names, plain_name, tex, typeset, unfold

x, y = sp.symbols("x y", real=True)
e, f = sp.symbols("e f", real=True)
p, q, s = sp.symbols("p q s", positive=True)
n, m = proof.size("n"), proof.size("m")
i, k = sp.Symbol("i", integer=True), sp.Symbol("k", integer=True)
E, X, C = sp.IndexedBase("e", real=True), sp.IndexedBase("x", real=True), sp.IndexedBase("c", positive=True)

GOOD = ["D^*", r"\bar{x}", "a_{i+1}", "s(x)", r"p_\theta(x \mid z)", r"\hat{\mu}'", "D^{*}", "w_1", "f'", r"F(1/2)", "T^{(k)}"]
BAD = {
    "a relation": [
        "a=b", "a<b", "a > b", r"a \le b", r"a\leq b", r"a \ge b", r"a \ne b", r"a \to b", r"a \in B", r"\text{is nought}",
        r"a \approx b", r"\implies a", r"a \Rightarrow b", r"\subset A", r"a \equiv b", r"a\geqslant b", r"\propto a",
    ],
    "reads as a formula": [
        "a+b", "a-b", "a/b", "a*b", "x^2", "x^{2}", "x^-1", r"\frac{a}{b}", r"\sqrt{a}", r"a \cdot b", r"\sum a", "12", "1.5",
        "(a", "a)", ")a(", "a]", "{a", r"a\times b", r"\int f", "{a+b}", "a{+b}", "{{a}+{b}}", r"{\bar{a}+b}", " 3 ",
    ],
    "in ASCII": ["", "  ", "µ"],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_letter_with_indices_and_arguments_is_a_name(name):
    assert let(name, x + 1).definition() == x + 1


@pytest.mark.parametrize(("said", "name"), [(said, name) for said, bad in BAD.items() for name in bad])
def test_a_name_says_nothing(said, name):
    with pytest.raises(ProofError, match=said):
        let(name, x + 1)
    with pytest.raises(ProofError, match=said):
        law(name, n)


def test_only_an_expression_has_a_name():
    for value in (x > 0, "x > 0", sp.true):
        with pytest.raises(ProofError, match="an expression is wanted"):
            let("h", value)


@pytest.mark.parametrize(
    ("name", "plain", "shown"),
    [
        ("D^*", "D^*", "D^*"),
        (r"\mathrm{KL}", "KL", r"\mathrm{KL}"),
        (r"\bar{x}", "barx", r"\bar{x}"),
        (r"a \mid b", "a | b", r"a \mid b"),
        (r"a\,\|\,b", "a||b", r"a\,\|\,b"),
        ("gamma", "gamma", r"\gamma"),
        ("p_theta", "p_theta", r"p_{\theta}"),
        (r"\mathrmx", "mathrmx", r"\mathrmx"),
    ],
)
def test_a_name_in_a_terminal_and_on_a_page(name, plain, shown):
    assert plain_name(name) == plain and typeset(name) == shown


def test_a_name_stands_for_its_definition_in_all_that_is_done_with_it():
    h = let("h", x**2 + p)
    assert str(h) == "h" and sp.latex(h) == "h" and h.name == "h" and not h.standard
    assert sp.latex(let("D^*", x)) == "{D^*}" and str(Named(x, "g", "plain g")) == "plain g"
    assert h.diff(x) == 2 * x and sp.Derivative(h, x).doit() == 2 * x
    assert h.subs(x, 2) == 4 + p and (h + 1).subs(x, y) == y**2 + p + 1 and h.subs(y, 1) is h
    assert h.xreplace({x: y}) == y**2 + p and h.xreplace({y: x}) is h and (h + 1).xreplace({h: p}) == p + 1
    assert h.doit() == x**2 + p and let("g", h + sp.Derivative(x**2, x)).doit() == x**2 + p + 2 * x
    assert let("g", sp.sqrt(2) + p).subs(p, 1).evalf() == pytest.approx(2**0.5 + 1)
    assert sp.N(let("g", sp.sqrt(2)), 30) == sp.sqrt(2).evalf(30)
    assert unfold(h * let("g", h + 1)) == (x**2 + p) * (x**2 + p + 1)
    assert unfold(sp.Matrix([h, 1])) == sp.Matrix([x**2 + p, 1])


def test_a_name_has_the_sign_of_what_it_stands_for():
    assert let("h", p + 1).is_positive and let("h", x).is_positive is None and let("h", x).is_real
    assert let("h", -p).is_negative and not let("h", p).is_negative
    assert let("h", x * 0).is_zero and not let("h", p).is_zero and let("h", x).is_zero is None
    assert let("h", sp.Symbol("z")).is_extended_real is None and let("h", p).is_finite and not let("h", sp.oo).is_finite


def test_formulas_with_names_have_brackets_where_letters_would():
    h = let("h", x + 1)
    assert tex(2 * h**2) == "2 h^{2}" and tex(h) == "h" and tex(sp.S.One) == "1"
    assert tex(sp.Matrix([[h, x], [1, h]])) == r"\left[\begin{matrix}h & x \\ 1 & h\end{matrix}\right]"


# --- means ----------------------------------------------------------------------------------------------------------------

MEANS = [  # an expression, its mean over e (and f), another number
    (sp.S.One, 1, 0),
    (e, 0, 1),
    (e**2, 1, 0),
    (e**3, 0, 1),
    (e**4, 3, 1),
    (e**6, 15, 3),
    (e * f, 0, 1),
    (e**2 * f**2, 1, 3),
    (e**4 * f**2, 3, 1),
    ((x + s * e) ** 2, x**2 + s**2, x**2),
    ((e + f) ** 2, 2, 1),
    ((e - f) ** 4, 12, 6),
    (sp.exp(p * e), sp.exp(p**2 / 2), sp.exp(p**2)),
    (sp.exp(x + p * e), sp.exp(x + p**2 / 2), sp.exp(p**2 / 2)),
    (sp.exp(p * e + q * f), sp.exp((p**2 + q**2) / 2), sp.exp((p + q) ** 2 / 2)),
    (e * sp.exp(p * e), p * sp.exp(p**2 / 2), sp.exp(p**2 / 2)),
    (e**2 * sp.exp(e), 2 * sp.exp(sp.Rational(1, 2)), sp.exp(sp.Rational(1, 2))),
    (e * f * sp.exp(p * e), 0, p * sp.exp(p**2 / 2)),
    (sp.exp(e) * sp.exp(-e), 1, 0),
    (sp.log(p) * e**2 + sp.sqrt(q), sp.log(p) + sp.sqrt(q), sp.log(p)),
    (sp.Derivative((x + e) ** 2, x), 2 * x, x),
    ((p + e) ** 3, p**3 + 3 * p, p**3),
]


@pytest.mark.parametrize(("inside", "mean", "other"), MEANS, ids=[str(inside) for inside, *_ in MEANS])
def test_a_mean_over_standard_normal_noise(inside, mean, other):
    found = EN(inside, e, f).definition()
    assert sp.simplify(found - mean) == 0 and sp.simplify(found - other) != 0


@pytest.mark.parametrize(
    "inside",
    [sp.exp(e**2), 1 / e, sp.log(1 + e**2), sp.sqrt(e), sp.Abs(e), sp.exp(e * f), sp.sin(e), e**p, sp.exp(1 / e)],
)
def test_a_mean_of_other_functions_is_refused(inside):
    with pytest.raises(ProofError, match="is no polynomial in e, f"):
        EN(inside, e, f).definition()


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ((), "give the noise symbols"),
        ((e, e), "each of them once"),
        ((e + f,), "give the noise symbols"),
        ((sp.Symbol("z"),), "takes every real value"),
        ((p,), "takes every real value"),
        ((-p,), "give the noise symbols"),
        ((sp.Symbol("w", nonpositive=True),), "takes every real value"),
        ((sp.Symbol("w", nonnegative=True),), "takes every real value"),
        ((sp.Symbol("w", integer=True),), "takes every real value"),
        ((sp.MatrixSymbol("e", n, m),), "give the noise symbols"),
    ],
)
def test_noise_is_real_and_named_once(noise, said):
    with pytest.raises(ProofError, match=said):
        EN(x, *noise)


def test_a_mean_binds_its_noise():
    mean = EN((x + s * e) ** 2, e)
    assert mean.free_symbols == {x, s} and mean.bound_symbols == [e]
    assert str(mean) == "E_e[(e*s + x)**2]" and sp.latex(mean) == r"\mathbb{E}_{e}\left[\left(e s + x\right)^{2}\right]"
    assert mean.subs(e, 1) == mean and mean.subs(x, 2) == EN((2 + s * e) ** 2, e) and mean.subs(y, 1) == mean
    assert mean.xreplace({e: f}) == mean and mean.xreplace({x: y}) == EN((y + s * e) ** 2, e)
    assert mean.xreplace({mean: x}) == x and mean.xreplace({y: p}) is mean
    assert sp.Derivative(mean, x).doit().subs(s, 1) == 2 * x and mean.diff(e) == 0
    assert unfold(mean.diff(x)) == 2 * x
    for replace in (lambda: mean.subs(x, e + 1), lambda: mean.xreplace({x: e})):
        with pytest.raises(ProofError, match="would be averaged over inside"):
            replace()
    assert mean.subs(y, e) == mean and mean.xreplace({y: e}) == mean  # not inside it


def over(term: sp.Expr, index: sp.Symbol = i, high: sp.Expr = n) -> sp.Expr:
    return sp.Sum(term, (index, 1, high))


FAMILIES = [
    (over(E[i]), 0 * x, n),
    (over(E[i] ** 2), n, 0 * x),
    (over(C[i] * E[i] ** 2), over(C[i]), n),
    (over(E[i]) ** 2, n, n**2),
    (over(X[i] * E[i]) ** 2, over(X[i] ** 2), over(X[i]) ** 2),
    (over(E[i] ** 2) ** 2, n**2 + 2 * n, n**2),
    (over(E[i]) * over(X[i] * E[i]), over(X[i]), 0 * x),
    (over(E[i]) * over(X[k] * E[k], k), over(X[i]), 0 * x),
    (p * over(E[i] ** 2) + x, p * n + x, p * n),
    (over((X[i] + s * E[i]) ** 2), over(X[i] ** 2) + n * s**2, over(X[i] ** 2)),
    (over(X[i]), over(X[i]), n),
    (E[1] ** 2 * p, p, 0 * x),
    (E[i] * X[i], 0 * x, X[i]),
    (f**2 * over(E[i] ** 2), n, 0 * x),
    (f * over(E[i] ** 2), 0 * x, n),
    (sp.exp(p * E[1]), sp.exp(p**2 / 2), sp.exp(p)),
]


@pytest.mark.parametrize(("inside", "mean", "other"), FAMILIES, ids=[str(inside) for inside, *_ in FAMILIES])
def test_a_mean_over_a_family(inside, mean, other):
    found = EN(inside, E[i], f).definition()
    assert sp.simplify(proof.norm(found.doit() - mean) if not found.has(sp.Sum) else collected(found - mean)) == 0
    assert collected(found - other) != 0


def collected(expr: sp.Expr) -> sp.Expr:
    from nbdgm.proof.sums import collect

    return collect(expr)


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (over(E[i]) ** 3, "at most two sums"),
        (over(E[i]) * E[1], "nothing of the family outside"),
        (over(E[i]) * over(E[k], k, m), "over one range"),
        (sp.Sum(E[i] * E[k], (i, 1, n), (k, 1, n)), "at most two sums over one range"),
        (E[1] * E[2], "may be the same one"),
        (over(E[1] * X[i]), "at the sum's own index only"),
        (over(E[i] * E[i + 1]), "at the sum's own index only"),
        (over(1 / E[i]), "is no polynomial"),
    ],
)
def test_other_means_over_a_family_are_refused(inside, said):
    with pytest.raises(ProofError, match=said):
        EN(inside, E[i]).definition()


# --- laws, tables, densities ----------------------------------------------------------------------------------------------


def test_a_law_is_positive_and_sums_to_one_whatever_its_size():
    three = law("f", 3)
    assert len(three) == 3 and three.name == "f" and sp.simplify(sum(three) - 1) == 0 and all(v.is_positive for v in three)
    assert {str(v) for v in three[0].free_symbols} == {"f_1", "f_2", "f_3"} and all(v in FINITE for v in three[0].free_symbols)
    any_size, joint, rows = law("f", n), law("F", n, m), kernel("A", n, m)
    assert collected(over(unfold(any_size[i])) - 1) == 0
    assert collected(sp.Sum(unfold(joint[i, k]), (i, 1, n), (k, 1, m)) - 1) == 0
    assert collected(over(unfold(rows[1, k]), k, m) - 1) == 0 and rows.sizes == (n, m)
    fixed = kernel("A", 2, 3)
    assert fixed.shape == (2, 3) and all(sp.simplify(sum(fixed[r, :]) - 1) == 0 for r in range(2))
    assert fixed[0, 0] != fixed[1, 0]
    for states in (1, 0):
        with pytest.raises(ValueError, match="at least two states"):
            law("f", states)
    assert len(law("f", 2)) == 2 and len(law("f", sp.Integer(2))) == 2


def test_a_unit_lies_between_nought_and_one():
    one, family = unit("D"), unit("D", n)
    for value in (one.definition(), unfold(family[i]).subs(i, 1)):
        assert value.is_positive and sp.simplify(1 - value).is_positive
    assert str(one) == "D" and family[1] != family[2] and family.sizes == (n,)
    assert sp.latex(unit("gamma")) == r"\gamma"


def test_a_table_has_as_many_symbols_as_cells():
    cells = table("R", 2, 3)
    assert cells.shape == (2, 3) and len(cells.free_symbols) == 6 and [str(c) for c in cells] == [f"R_{c}" for c in range(1, 7)]
    assert all(c.is_positive and FINITE[c] == "the 2 x 3 table R" for c in cells)


def test_let_names_lists_and_functions_of_the_index():
    both = let("a", [x, y])
    assert [v.definition() for v in both] == [x, y] and [str(v) for v in both] == ["a_1", "a_2"] and both.name == "a"
    half = let("h", lambda at: X[at] / 2, n)
    assert half[i].definition() == X[i] / 2 and half.sizes == (n,) and str(half[3]) == "h[3]"
    grid = let("g", lambda at, to: X[at] * C[to], (n, m))
    assert grid[1, k].definition() == X[1] * C[k] and grid.sizes == (n, m) and sp.latex(grid[1, k]) == "{g}_{1,k}"
    assert let("g", lambda at, to: X[at] * C[to], n).sizes == (n, n)
    for use in (lambda: list(half), lambda: len(half)):
        with pytest.raises(TypeError, match="h has n members, a symbol"):
            use()


def test_an_entry_is_written_at_its_index():
    g = let("g", lambda at: X[at] * sp.Sum(C[i], (i, 1, n)) + p, n)
    assert g[i].definition() == X[i] * sp.Sum(C[sp.Symbol("j", integer=True)], (sp.Symbol("j", integer=True), 1, n)) + p
    assert g[k].index == (k,) and {p, k, n} <= g[k].free_symbols and g[2].subs(i, 5) == g[2]
    assert g[k].subs(k, 3) == g[3] and g[k].xreplace({k: i}) == g[i] and g[k].xreplace({g[k]: x}) == x
    assert g[k].xreplace({p: q}).definition() == g[k].definition().xreplace({p: q})
    other = g[k].subs(X, C)  # another family has no such name
    assert not isinstance(other, Named) and other == g[k].definition().xreplace({X: C})


FIRST, SECOND = law("f", 2), law("g", 2)


def test_divergences_are_their_sums():
    a, b = FIRST
    c, d = SECOND
    zero = lambda expr: proof.norm(unfold(expr)) == 0
    assert zero(KL(FIRST, SECOND) - a * sp.log(a / c) - b * sp.log(b / d))
    assert zero(entropy(FIRST) + a * sp.log(a) + b * sp.log(b))
    assert zero(JS(FIRST, SECOND) - KL(FIRST, [(a + c) / 2, (b + d) / 2]) / 2 - KL(SECOND, [(a + c) / 2, (b + d) / 2]) / 2)
    assert zero(expectation(FIRST, [x, y]) - a * x - b * y)
    assert (
        str(KL(FIRST, SECOND)) == "D_KL(f || g)" and str(JS(FIRST, SECOND)) == "D_JS(f || g)" and str(entropy(FIRST)) == "H(f)"
    )
    assert KL(FIRST, FIRST) == 0 and not isinstance(KL(FIRST, [c, d]), Named)
    assert str(expectation(FIRST, let("a", [x, y]))) == "E_f[a]"
    for wrong in (
        lambda: KL(law("f", n), law("g", m)),
        lambda: KL(law("f", n), SECOND),
        lambda: KL(law("f", n), law("g", n, n)),
        lambda: KL(FIRST, law("g", 3)),
    ):
        with pytest.raises(ProofError, match="different numbers of states"):
            wrong()


def test_an_expectation_of_a_function_of_the_index():
    mean = expectation(law("f", n), lambda at: X[at] ** 2)
    assert str(mean) == "E_f[x[i]**2]" and r"\mathbb{E}_{i \sim f}\left[" in sp.latex(mean)
    assert collected(unfold(mean) - over(unfold(law("f", n)[i]) * X[i] ** 2)) == 0
    both = expectation(law("F", n, m), lambda a, b: X[a] * C[b])
    assert collected(unfold(both) - sp.Sum(unfold(law("F", n, m)[i, k]) * X[i] * C[k], (i, 1, n), (k, 1, m))) == 0


def test_the_normal_density_and_its_logarithm():
    log, bell = log_normal(x, y, s**2), density(x, y, s**2)
    assert sp.simplify(sp.exp(unfold(log)) - unfold(bell)) == 0
    assert sp.integrate(unfold(density(x, 0, 1)), (x, -sp.oo, sp.oo)) == 1
    assert unfold(log).subs({x: y}) == -sp.log(2 * sp.pi * s**2) / 2
    assert str(log) == "log N(x; y, s**2)" and str(bell) == "N(x; y, s**2)"
    assert (
        sp.latex(log) == r"\log \mathcal{N}\left(x;\, y,\, s^{2}\right)"
        and sp.latex(bell) == r"\mathcal{N}\left(x;\, y,\, s^{2}\right)"
    )
    assert log.subs(x, 0) == log_normal(0, y, s**2) and bell.xreplace({y: p}) == density(x, p, s**2)


def test_the_determinant_of_an_explicit_matrix():
    square = Det(sp.Matrix([[x, 1], [2, y]]))
    assert unfold(square) == x * y - 2 and str(square).startswith("det(") and sp.latex(square).startswith(r"\det ")
    assert sp.factor(unfold(Det(sp.Matrix([[let("h", x + 1), 0], [0, y]])))) == y * (x + 1)
    with pytest.raises(ProofError, match="a 1 x 2 matrix has no determinant"):
        Det(sp.Matrix([[x, y]]))


def test_a_jacobian_has_functions_for_rows():
    slopes = proof.Jacobian([x * y, x + 2], [x, y])
    assert slopes.doit() == sp.Matrix([[y, x], [1, 0]]) and slopes[1, 1] == 0
    assert proof.Jacobian([1, y], [x, y]).doit() == sp.Matrix([[0, 0], [0, 1]])


def test_names_are_met_once():
    h = let("h", x)
    assert list(names(h + h**2)) == [h] and list(names(sp.Matrix([h, 1]))) == [h] and list(names(x)) == []
