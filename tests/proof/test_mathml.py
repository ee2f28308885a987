"""TeX to MathML: what the book's formulas use comes out as a browser draws it, and what is unknown is an error."""

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sympy import Symbol

from nbdgm.proof import KL, law, let, named, size
from nbdgm.proof.mathml import MACROS, expand, mathml

BOOK = Path(__file__).parents[2] / "book"


def words(tex: str, **options) -> list[str]:
    """tag:text of every element that holds text, and `space` for a space."""
    root = ET.fromstring(mathml(tex, **options))
    found = []
    for node in root.iter():
        if node.tag == "mspace":
            found.append("space")
        elif node.text:
            found.append(f"{node.tag}:{node.text}")
    return found


def test_a_name_is_one_word_with_a_thin_space_where_tex_has_one():
    assert words(r"a\log b") == ["mi:a", "space", "mi:log", "space", "mi:b"]
    assert words(r"-\log(b)") == ["mo:−", "mi:log", "mo:(", "mi:b", "mo:)"]
    assert words(r"\log\frac{a}{b}") == ["mi:log", "space", "mi:a", "mi:b"]
    assert words(r"f(x)\log y")[-4:] == ["space", "mi:log", "space", "mi:y"]
    assert words(r"\mathrm{ELBO}(q)") == ["mi:ELBO", "mo:(", "mi:q", "mo:)"]
    assert words(r"\operatorname{softplus}(x)")[0] == "mi:softplus"


def test_macros_of_the_book_are_expanded():
    assert expand(r"\KL{q}{p(z\mid x)}") == r"D_{\mathrm{KL}}\left(q\,\|\,p(z\mid x)\right)"
    assert expand(r"\KL{q_{\phi}}{p_{\theta}}") == r"D_{\mathrm{KL}}\left(q_{\phi}\,\|\,p_{\theta}\right)"
    assert words(r"\E_x") == ["mi:𝔼", "mi:x"]
    assert words(r"\R^n")[0] == "mi:ℝ"
    assert expand(r"\Eta") == r"\Eta", "a longer command is another command"


def test_letters_that_browsers_draw():
    assert words(r"\mathcal{N}") == ["mi:𝒩"]
    assert words(r"\mathcal{L}") == ["mi:ℒ"]
    assert words(r"\mathbb{E}") == ["mi:𝔼"]
    assert words(r"\mathbb R^d")[0] == "mi:ℝ" and words(r"\mathbb P") == ["mi:ℙ"]
    assert words(r"\boldsymbol{x}") == ["mi:𝒙"]
    assert words(r"\boldsymbol{A}") == ["mi:𝑨"]
    assert "mathvariant" not in mathml(r"\mathcal{N}(\mathbf{x}\mid\boldsymbol{\mu})").replace('mathvariant="normal"', "")


@pytest.mark.parametrize("command", ["mathcal", "mathscr", "mathbb", "mathfrak", "mathbf", "boldsymbol"])
def test_every_letter_of_an_alphabet_is_a_character(command):
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for tex in (rf"\{command} {letter}", rf"\{command}{{{letter}}}"):
            (found,) = words(tex)
            assert unicodedata.normalize("NFKC", found) == f"mi:{letter}" and unicodedata.category(found[-1]) != "Cn"


def test_signs_that_the_converter_gets_wrong():
    assert words(r"x \sim p") == ["mi:x", "mo:∼", "mi:p"]
    assert '<mi mathvariant="normal">Γ</mi>' in mathml(r"\Gamma") and "<mi>γ</mi>" in mathml(r"\gamma")


def test_words_with_formulas_in_them():
    assert words(r"x \quad\text{for $u$ between $x$ and $y$}")[2:] == [
        "mtext:for\xa0", "mi:u", "mtext:\xa0between\xa0", "mi:x", "mtext:\xa0and\xa0", "mi:y"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="dollar"):
        mathml(r"\text{a $ b}")


def test_signs_norms_and_infinity_have_no_space_of_an_operation():
    assert 'form="prefix">−<' in mathml(r"(-\infty, 0)") and "<mi>∞</mi>" in mathml(r"(-\infty, 0)")
    assert 'form="prefix"' not in mathml("a - b") and 'form="prefix"' not in mathml("f(x) - b")
    assert 'form="prefix"' in mathml("a = -b") and 'form="prefix"' in mathml("-b")
    assert mathml("|x|").count('lspace="0" rspace="0"') == 2
    assert "lspace" not in mathml(r"p(x \mid z)")


def test_aligned_formulas_are_tables_with_aligned_columns():
    root = ET.fromstring(mathml(r"\begin{aligned}a&=b\\&=c\end{aligned}", display=True))
    assert root.get("display") == "block"
    assert [[cell.get("style") for cell in row] for row in root.iter("mtr")] == [["text-align:right", "text-align:left"]] * 2


def test_displayed_limits_stand_below_and_inline_ones_beside():
    assert "<munder><mi>max</mi>" in mathml(r"\max_x f", display=True)
    assert "<msub><mi>max</mi>" in mathml(r"\max_x f")
    assert "<munder><mo>∑</mo>" in mathml(r"\displaystyle \sum_z q")
    assert "<msub><mi>max</mi>" in mathml(r"\frac{\max_x f}{2}", display=True)
    assert 'displaystyle="true"' in mathml(r"\displaystyle x") and "display=" not in mathml("x")


def test_brackets_of_a_given_size():
    assert words(r"\Big\lfloor x\Big\rfloor") == ["mo:⌊", "mi:x", "mo:⌋"]
    assert words(r"\langle x\rangle") == ["mo:⟨", "mi:x", "mo:⟩"]
    assert words(r"\big\|x\Big\|") == ["mo:‖", "mi:x", "mo:‖"]
    assert words(r"\bigl\{x\bigr\}") == ["mo:{", "mi:x", "mo:}"]


@pytest.mark.parametrize("tex", [r"\nonsense", r"a + \lgo b", r"\text{a \lgo b}", r"\big\%", r"\frac{a}{", r"\begin{aligned}a"])
def test_what_is_unknown_or_does_not_match_is_an_error(tex):
    with pytest.raises(ValueError):
        mathml(tex)


def test_one_line_and_no_wrappers():
    assert "\n" not in mathml("a\n + b")
    assert mathml("{a}") == "<math><mi>a</mi></math>"


def test_every_macro_is_one_of_the_page_too():
    assert set(MACROS) == {"KL", "E", "R"}


def formulas(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return {a or b for a, b in re.findall(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", text, re.S)}


@pytest.mark.parametrize("path", sorted(BOOK.rglob("[0-9]_*.ipynb")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_formula_of_a_chapter_converts(path):
    wrong = []
    for tex in sorted(formulas(path)):
        try:
            ET.fromstring(mathml(tex))
        except ValueError as error:
            wrong.append(str(error)[:200])
    assert not wrong


def test_names_of_laws_and_lets_are_typeset_as_symbols_are():
    n, i = size("n"), Symbol("i", integer=True)
    plan, model = law("gamma", n), law("p_theta", n)
    assert named.tex(plan[i]) == r"{\gamma}_{i}"
    assert named.tex(model[i]) == r"{p_{\theta}}_{i}"
    assert r"\gamma \,\middle\|\, p_{\theta}" in named.tex(KL(plan, model))
    assert named.tex(let("rho", 2 * plan[i])) == r"\rho"
    assert named.tex(let(r"D^*", 2 * plan[i])) == r"{D^*}"
