"""What a reader sees: formulas as markup, and derivations as text and as HTML."""

# ruff: noqa: E501  (markup)

from __future__ import annotations

import re

import pytest
import sympy as sp

from nbdgm import proof
from nbdgm.proof import EN, KL, ProofError, law, let, recording, rendering
from nbdgm.proof.mathml import mathml
from nbdgm.proof.scope import special

MARKUP = [
    ("x", "<math><mi>x</mi></math>"),
    ("12", "<math><mn>12</mn></math>"),
    (r"\alpha", "<math><mi>α</mi></math>"),
    (r"\Gamma", '<math><mi mathvariant="normal">Γ</mi></math>'),
    (r"\mathcal{L}", "<math><mi>ℒ</mi></math>"),
    (r"\mathcal{D}", "<math><mi>𝒟</mi></math>"),
    (r"\mathbf{x}", "<math><mi>𝐱</mi></math>"),
    (r"\mathbb{R}", "<math><mi>ℝ</mi></math>"),
    (r"\mathfrak{g}", "<math><mi>𝔤</mi></math>"),
    (r"\mathrm{KL}", "<math><mi>KL</mi></math>"),
    (r"\mathrm{d}", "<math><mi>d</mi></math>"),
    (r"\boldsymbol{x}", "<math><mi>𝒙</mi></math>"),
    (r"\log x", '<math><mi>log</mi><mspace width="0.1667em"></mspace><mi>x</mi></math>'),
    (
        r"x \log x",
        '<math><mi>x</mi><mspace width="0.1667em"></mspace><mi>log</mi><mspace width="0.1667em"></mspace><mi>x</mi></math>',
    ),
    (r"\log (x)", '<math><mi>log</mi><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo></math>'),
    (r"\log_2 x", '<math><msub><mi>log</mi><mn>2</mn></msub><mspace width="0.1667em"></mspace><mi>x</mi></math>'),
    (
        r"\max_i x_i",
        '<math><msub><mi>max</mi><mi>i</mi></msub><mspace width="0.1667em"></mspace><msub><mi>x</mi><mi>i</mi></msub></math>',
    ),
    (
        r"\displaystyle \max_i x_i",
        '<math displaystyle="true"><munder><mi>max</mi><mi>i</mi></munder><mspace width="0.1667em"></mspace><msub><mi>x</mi><mi>i</mi></msub></math>',
    ),
    (
        r"\displaystyle \frac{\max_i x_i}{2}",
        '<math displaystyle="true"><mfrac><mrow><msub><mi>max</mi><mi>i</mi></msub><mspace width="0.1667em"></mspace><msub><mi>x</mi><mi>i</mi></msub></mrow><mn>2</mn></mfrac></math>',
    ),
    ("-x", '<math><mo form="prefix">−</mo><mi>x</mi></math>'),
    ("a - b", "<math><mi>a</mi><mo>−</mo><mi>b</mi></math>"),
    ("(-a)", '<math><mo stretchy="false">(</mo><mo form="prefix">−</mo><mi>a</mi><mo stretchy="false">)</mo></math>'),
    ("a = -b", '<math><mi>a</mi><mo>=</mo><mo form="prefix">−</mo><mi>b</mi></math>'),
    (
        "|x|",
        '<math><mo stretchy="false" lspace="0" rspace="0">|</mo><mi>x</mi><mo stretchy="false" lspace="0" rspace="0">|</mo></math>',
    ),
    (
        r"\|x\|",
        '<math><mo fence="false" stretchy="false" lspace="0" rspace="0">‖</mo><mi>x</mi><mo fence="false" stretchy="false" lspace="0" rspace="0">‖</mo></math>',
    ),
    (r"x \sim p", "<math><mi>x</mi><mo>∼</mo><mi>p</mi></math>"),
    ("x ~ p", "<math><mi>x</mi><mtext>\xa0</mtext><mi>p</mi></math>"),
    (r"\infty", "<math><mi>∞</mi></math>"),
    (
        r"\left( x \right)",
        '<math><mrow><mo stretchy="true" fence="true" form="prefix">(</mo><mi>x</mi><mo stretchy="true" fence="true" form="postfix">)</mo></mrow></math>',
    ),
    (r"\langle x \rangle", '<math><mo stretchy="false">⟨</mo><mi>x</mi><mo stretchy="false">⟩</mo></math>'),
    (
        r"\big\langle x \big\rangle",
        '<math><mo minsize="1.2em" maxsize="1.2em">⟨</mo><mi>x</mi><mo minsize="1.2em" maxsize="1.2em">⟩</mo></math>',
    ),
    (
        r"\KL{p}{q}",
        '<math><msub><mi>D</mi><mi>KL</mi></msub><mrow><mo stretchy="true" fence="true" form="prefix">(</mo><mi>p</mi><mspace width="0.167em"></mspace><mo fence="false" stretchy="false" lspace="0" rspace="0">‖</mo><mspace width="0.167em"></mspace><mi>q</mi><mo stretchy="true" fence="true" form="postfix">)</mo></mrow></math>',
    ),
    (r"\E x", "<math><mi>𝔼</mi><mi>x</mi></math>"),
    (r"\R^n", "<math><msup><mi>ℝ</mi><mi>n</mi></msup></math>"),
    ("{x}", "<math><mi>x</mi></math>"),
    ("{x + y}^2", "<math><msup><mrow><mi>x</mi><mo>+</mo><mi>y</mi></mrow><mn>2</mn></msup></math>"),
    (r"\sqrt{x + y}", "<math><msqrt><mi>x</mi><mo>+</mo><mi>y</mi></msqrt></math>"),
    (r"\text{if $x$ then}", "<math><mtext>if\xa0</mtext><mi>x</mi><mtext>\xa0then</mtext></math>"),
    (r"\arg x", '<math><mi>arg</mi><mspace width="0.1667em"></mspace><mi>x</mi></math>'),
    (r"\tfrac{1}{2}", "<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>"),
    (
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        '<math><mtable displaystyle="true"><mtr><mtd style="text-align:right"><mi>a</mi></mtd><mtd style="text-align:left"><mo>=</mo><mi>b</mi></mtd></mtr><mtr><mtd style="text-align:right"><mi>c</mi></mtd><mtd style="text-align:left"><mo>=</mo><mi>d</mi></mtd></mtr></mtable></math>',
    ),
    (
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        "<math><mo>(</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr><mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable><mo>)</mo></math>",
    ),
    (
        r"\begin{cases} a & b \\ c & d \end{cases}",
        '<math><mrow><mo stretchy="true" fence="true" form="prefix">{</mo><mtable><mtr><mtd style="text-align:left"><mi>a</mi></mtd><mtd style="text-align:left"><mi>b</mi></mtd></mtr><mtr><mtd style="text-align:left"><mi>c</mi></mtd><mtd style="text-align:left"><mi>d</mi></mtd></mtr></mtable></mrow></math>',
    ),
    (r"a\!b", '<math><mi>a</mi><mspace width="-0.1667em"></mspace><mi>b</mi></math>'),
    (r"a\,b", '<math><mi>a</mi><mspace width="0.167em"></mspace><mi>b</mi></math>'),
    ("x'", "<math><msup><mi>x</mi><mi>′</mi></msup></math>"),
    (r"\hat{x}", '<math><mover accent="true"><mi>x</mi><mo>^</mo></mover></math>'),
    (r"\log\frac{p}{q}", '<math><mi>log</mi><mspace width="0.1667em"></mspace><mfrac><mi>p</mi><mi>q</mi></mfrac></math>'),
    (
        r"p \log\left(\frac{p}{q}\right)",
        '<math><mi>p</mi><mspace width="0.1667em"></mspace><mi>log</mi><mrow><mo stretchy="true" fence="true" form="prefix">(</mo><mfrac><mi>p</mi><mi>q</mi></mfrac><mo stretchy="true" fence="true" form="postfix">)</mo></mrow></math>',
    ),
    (
        r"\sum_{i=1}^n x_i",
        "<math><msubsup><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></msubsup><msub><mi>x</mi><mi>i</mi></msub></math>",
    ),
    (
        r"\lim_{x \to 0^{+}} x",
        '<math><msub><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><msup><mn>0</mn><mo>+</mo></msup></mrow></msub><mspace width="0.1667em"></mspace><mi>x</mi></math>',
    ),
    (
        r"a \log b \log c",
        '<math><mi>a</mi><mspace width="0.1667em"></mspace><mi>log</mi><mspace width="0.1667em"></mspace><mi>b</mi><mspace width="0.1667em"></mspace><mi>log</mi><mspace width="0.1667em"></mspace><mi>c</mi></math>',
    ),
    (r"2!\log x", '<math><mn>2</mn><mo>!</mo><mi>log</mi><mspace width="0.1667em"></mspace><mi>x</mi></math>'),
    (
        r"\log\frac{(a)^2}{b}",
        '<math><mi>log</mi><mspace width="0.1667em"></mspace><mfrac><mrow><mo stretchy="false">(</mo><mi>a</mi><msup><mo stretchy="false">)</mo><mn>2</mn></msup></mrow><mi>b</mi></mfrac></math>',
    ),
    (r"\sin^2 x", '<math><msup><mi>sin</mi><mn>2</mn></msup><mspace width="0.1667em"></mspace><mi>x</mi></math>'),
    (r"x\text{real}", "<math><mi>x</mi><mtext>real</mtext></math>"),
]


@pytest.mark.parametrize(("tex", "markup"), MARKUP, ids=[tex for tex, _ in MARKUP])
def test_a_formula_as_markup(tex, markup):
    assert mathml(tex) == markup


x, y = sp.symbols("x y", real=True)
p, q, s = sp.symbols("p q sigma", positive=True)
e = sp.Symbol("e", real=True)
n, i = proof.size("n"), sp.Symbol("i", integer=True)
X, P = sp.IndexedBase("b", real=True), sp.IndexedBase("c", positive=True)


pytestmark = pytest.mark.usefixtures("no_cell")


@pytest.fixture
def shown(shown, monkeypatch):
    """What is displayed, with TeX between < and > for its markup."""
    monkeypatch.setattr(rendering, "formula", lambda tex: f"<{tex}>")
    return shown


def derivation(*args, **options):
    return proof.derivation("E-1", *args, **{"scope": "a case", **options})


def body(bundle: dict) -> str:
    html = bundle["text/html"].split("</style>")[1].removesuffix("</div>")
    html = html.replace('<div class="nbdgm-', "[").replace("</div>", "]").replace('">', ":")
    return html.replace('<span class="nbdgm-', "{").replace("</span>", "}").replace('<p class="nbdgm-', "<p ")


def test_a_chain_of_lines_on_a_page(shown):
    with derivation("squares of $x$", name="S(x)", note="A <note>.") as d:
        d.line((x + p) ** 2, "definition", tex=r"\square")
        d.line(x**2 + 2 * p * x + p**2, "expand $x$")
    assert body(shown[0]) == (
        "<p><strong>squares of <x></strong> {small:✓ proved for a case}</p>"
        r"[row:[relation:][step:[formula:<\displaystyle S(x)>]]]"
        r"[row:[relation:<\displaystyle =>][step:[formula:<\displaystyle \square>"
        r"[small:as checked: <\displaystyle \left(p + x\right)^{2}>]][why nbdgm-small:definition]]]"
        r"[row:[relation:<\displaystyle =>][step:[formula:<\displaystyle p^{2} + 2 p x + x^{2}>]"
        '[why nbdgm-small:expand <x> {mark" title="expand:✓ proved}]]]'
        r"<p small:for <p > 0>; <x\text{ real}></p><p small:A &lt;note&gt;.</p>"
    )
    assert shown[0]["text/plain"] == (
        "squares of $x$  [E-1]  ✓ proved for a case\n    (p + x)**2\n        definition\n  = p**2 + 2*p*x + x**2\n"
        "        ✓ proved: expand $x$\n  for p > 0; x real\n  A <note>."
    )


def test_what_stands_apart_stands_between_two_rules(shown):
    with derivation("lemmas") as d:
        d.line((x + p) ** 2, "definition")
        d.line(x**2 + 2 * p * x + p**2, "expand")
        d.equal(sp.log(p * q), sp.log(p) + sp.log(q), "a lemma")
        d.le(0, x**2, "a square", gap=x**2)
        d.start(sp.exp(x + y), "another chain")
        d.line(sp.exp(y - 1) * sp.exp(x + 1), "split")
    rows = re.findall(r"\[(apart|row):", body(shown[0]))
    assert rows == ["row", "row", "apart", "row", "row", "row", "row"]
    assert [line.get("apart", False) for line in shown[0]["application/vnd.nbdgm.proof+json"]["lines"]] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_lines_that_all_stand_apart_have_no_rules(shown):
    with derivation("lemmas") as d:
        d.equal(sp.log(p * q), sp.log(p) + sp.log(q), "a lemma")
        d.equal(sp.log(p / q), sp.log(p) - sp.log(q), "another")
    assert "apart" not in body(shown[0]) and shown[0]["text/html"].count('nbdgm-row"') == 2


def where(shown) -> str:
    return next((line[6:] for line in shown[-1]["text/plain"].splitlines() if line.startswith("  for ")), "")


def test_hypotheses_of_one_kind_stand_together(shown):
    w, v, k = sp.Symbol("w", nonnegative=True), sp.Symbol("v", negative=True), proof.index("k", n)
    u, z = sp.symbols("u_1:5", positive=True), sp.Symbol("z", real=True, nonzero=True)
    cases = {
        "p > 0; x, y real": (x + y + p, {}),
        "p, q > 0": (p + q, {}),
        "w >= 0; v < 0; z != 0": (w + v + z, {}),
        "u_1, ..., u_4 > 0": (sum(u), {}),
        "u_1, u_2, u_3 > 0": (sum(u[:3]), {}),
        "0 < x < 1; y real": (x + y, {x: (0, 1)}),
        "c[i] > 0; n > 0 integer; b[i] real": (sp.Sum(P[i] * X[i], (i, 1, n)), {}),
        "1 <= k <= n; b[k] real": (X[k], {}),
        "n > 0 integer": (proof.EN(sp.Sum(X[i] ** 2, (i, 1, n)), X[i]), {}),  # what is averaged over is no hypothesis
        "b[1], b[2] real": (X[1] + X[2], {}),
        "x, y real; x - y != 0": (1 / (x - y), {}),
    }
    for said, (line, domain) in cases.items():
        with derivation("t", domain=domain) as d:
            d.equal((line + 1) ** 2, line**2 + 2 * line + 1, "expand")
        assert {*where(shown).split("; ")} == {*said.split("; ")}, where(shown)


def test_hypotheses_on_a_page(shown):
    w, k = sp.Symbol("w", nonnegative=True), proof.index("k", n)
    with derivation("t", domain={y: (0, 1)}) as d:
        d.line((w + x + p + y) * X[k] / (x + 1), "definition")
        d.line(X[k] * w / (x + 1) + X[k] * (x + p + y) / (x + 1), "expand")
    given = re.search(r'nbdgm-small">for (.*?)</p>', shown[0]["text/html"]).group(1)
    assert sorted(given.split("; ")) == sorted(
        [
            r"<0 < y < 1>",
            r"<1 \le k \le n>",
            "<p > 0>",
            r"<w \ge 0>",
            r"<{b}_{k}, x\text{ real}>",
            r"<x + 1 \ne 0>",
        ]
    )


def test_names_are_explained_below_the_lines(shown):
    f, g, h = law("f", n), law("g", n), let("h", x + 1)
    with derivation("names") as d:
        d.line(KL(f, g) + h + EN((x + s * e) ** 2, e), "definition")
        d.line(EN(x**2 + 2 * x * s * e + s**2 * e**2, e) + h + KL(f, g), "expand")
    text = shown[0]["text/plain"].splitlines()[-1]
    assert text.startswith("  where h = x + 1; ") and "e standard normal" in text and text.count("standard normal") == 1
    assert "f[i] = " in text and "g[i] = " in text and "D_KL(f || g) = " in text
    page = shown[0]["text/html"]
    assert "<h = x + 1>" in page and "<details><summary>where</summary>" in page


def test_a_line_with_its_own_domain_says_so(shown):
    with derivation("t") as d:
        d.line(sp.Abs(x) + p, "definition")
        d.line(x + p, "above", domain={x: (0, sp.oo)})
    assert d.lines[1].reason == r"above (\(0 < x < \infty\))" and "0 < x < oo" not in where(shown)


SPECIAL = [
    ([x**2 + y], None),
    ([sp.Integer(3)], "its lines are numbers"),
    ([], "it compares shapes of fixed sizes"),
    ("law", "f_1 belongs to the law f on 3 states"),
    ([sp.Matrix([x, y])], "a line contains a matrix of 2 x 1"),
    ([sp.Matrix([x])], None),
    ([sp.Sum(X[i], (i, 1, 3))], "has a fixed number of terms"),
    ([sp.Sum(X[i], (i, 1, n))], None),
    ([sp.Sum(X[i], (i, 2, 2))], None),
    ([sp.Product(X[i], (i, 1, 2))], "has a fixed number of terms"),
    ([sum(sp.symbols("a_1:4", real=True))], "a is a family of 3 members"),
    ([sum(sp.symbols("a_1:3", real=True))], None),
    ([X[1] + X[2] + X[3]], "b is a family of 3 members"),
    ([X[i] + X[n]], None),
    ([sum(sp.Function(f"f_{k}", real=True)(x) for k in (1, 2, 3))], "f is a family of 3 members"),
    ([sp.Symbol("a_1", real=True) + sp.Symbol("a1", real=True) * sp.Symbol("a_{1}", real=True)], None),
    (
        [sp.Symbol("a_{1,2}", real=True) + sp.Symbol("a_{2,1}", real=True) + sp.Symbol("a_{3,1}", real=True)],
        "a is a family of 3",
    ),
]


@pytest.mark.parametrize(("lines", "why"), SPECIAL)
def test_what_makes_a_derivation_one_of_a_case(lines, why):
    class Lines:
        shown, examples_only = [law("f", 3)[0]] if lines == "law" else lines, False

    found = list(special(Lines()))
    assert (found == []) if why is None else any(why in one for one in found)


@pytest.mark.parametrize(
    ("scope", "line", "said"),
    [
        ("general", x, None), ("two states", x, None), ("any number of states", x, None), ("General", x, 'write "general"'), ("all", x, 'write "general"'),
        ("any", x, 'write "general"'), ("every case", x, 'write "general"'), ("general", X[1] * X[2] * X[3], "name the case"),
        ("any three states", X[1] * X[2] * X[3], "speaks of more than one case"), ("three states", X[1] * X[2] * X[3], None),
        ("all dimensions", X[1] * X[2] * X[3], "speaks of more than one case"), ("all three states", X[1] * X[2] * X[3], None),
    ],
)  # fmt: skip
def test_a_scope_is_no_wider_than_the_lines(shown, scope, line, said):
    def run():
        with derivation("t", scope=scope) as d:
            d.line((line + p) ** 2, "definition")
            d.line(line**2 + 2 * p * line + p**2, "expand")

    if said is None:
        run()
        return
    with pytest.raises(ProofError, match=said):
        run()


def test_a_point_is_no_general_case(shown):
    with pytest.raises(ProofError, match="it is about one point only"), derivation("t", scope="general") as d:
        d.unequal(p, 2 * p, "once", at={p: 1})
    with recording() as found, derivation("t", scope="general") as d:
        d.unequal(p, 2 * p, "once", at={p: 1})
        d.equal((p + 1) ** 2, p**2 + 2 * p + 1, "expand")
    assert found[0].status == "proved" and rendering.badge(found[0]) == "proved"
