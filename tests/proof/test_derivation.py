"""How a derivation is read, judged and displayed."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import pytest
import sympy as sp
from IPython.core.interactiveshell import InteractiveShell

from nbdgm import proof
from nbdgm.proof import ProofError, checking, deriving, evaluating, mutants, norm, recording, roots
from nbdgm.proof.mathml import mathml

derivation = partial(proof.derivation, scope="a case")
x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)


pytestmark = pytest.mark.usefixtures("no_cell")


def test_an_error_names_derivation_line_reason_and_point():
    with (
        pytest.raises(
            ProofError, match=r"E-1\.1 E-1\.2 \(squares\), line 3 \(expand\): does not follow: .* at p = \S+, x = \S+"
        ),
        derivation("E-1.1 E-1.2", "squares") as d,
    ):
        d.line((x + p) ** 2, "definition")
        d.line(x**2 + p**2 + 2 * x * p, "binomial")
        d.line(x**2 + p**2, "expand")


def test_lines_that_sympy_does_not_tell_apart_are_an_error():
    with pytest.raises(ProofError, match="sympy sees no step here: merge the two lines"), derivation("E-1", "t") as d:
        d.line(sp.log(sp.exp(x)) + p, "definition")
        d.line(x + p, "cancel")


def test_numbers_refute_and_never_prove(monkeypatch, shown):
    monkeypatch.setattr(checking, "prove", lambda difference: None)
    with pytest.raises(ProofError, match="sympy does not prove it"):
        checking.check(sp.sin(x) ** 2, 1 - sp.cos(x) ** 2, checking.Hypotheses(), "seed")
    for wrong in (sp.Rational(1, 10**25), sp.Rational(1, 10**35), sp.Rational(1, 10**55)):
        with pytest.raises(ProofError, match="does not follow"):
            checking.check(sp.sin(x) ** 2, 1 - sp.cos(x) ** 2 + wrong * p, checking.Hypotheses(), "seed")
    assert shown == []


def test_equal_expressions_that_are_undefined_somewhere_are_refused():
    with pytest.raises(ProofError, match=r"not a real number.*narrow the domain"), derivation("E-1", "t") as d:
        d.line(sp.log(1 - p) + q, "definition")
        d.line(q - sp.log(1 / (1 - p)), "invert")


@pytest.mark.parametrize(("low", "high"), [(1, 0), (-1, 1)])
def test_an_impossible_interval_is_refused(low, high):
    with pytest.raises(ProofError, match="domain of p"):
        derivation("E-1", "t", domain={p: (low, high)})


def test_an_interval_is_part_of_the_hypotheses(shown):
    with derivation("E-1", "t", domain={p: (0, 1)}) as d:
        d.line(sp.log(1 - p) + q, "definition")
        d.line(q - sp.log(1 / (1 - p)), "invert")
    assert "0 < p < 1; q > 0" in shown[0]["text/plain"]
    assert mathml("0 < p < 1") in shown[0]["text/html"]


def test_a_domain_for_one_line():
    with derivation("E-1", "t") as d:
        d.line(sp.sqrt((1 - p) ** 2), "definition")
        d.line(1 - p, "below one", domain={p: (0, 1)})
    with pytest.raises(ProofError, match="does not follow"), derivation("E-1", "t") as d:
        d.line(sp.sqrt((1 - p) ** 2), "definition")
        d.line(1 - p, "anywhere")


def test_a_complex_symbol_is_refused():
    z = sp.Symbol("z")
    with pytest.raises(ProofError, match="z may be complex"), derivation("E-1", "t") as d:
        d.line((z + 1) ** 2, "definition")
        d.line(z**2 + 2 * z + 1, "expand")


@pytest.mark.parametrize("line", [True, None, [x], "x", x > 0, sp.MatrixSymbol("W", 2, 3)])
def test_only_expressions_are_lines(line):
    with pytest.raises(ProofError, match="a line is a"), derivation("E-1", "t") as d:
        d.line(line, "definition")


def test_a_derivation_derives_something_and_gives_reasons():
    with pytest.raises(ProofError, match="nothing is derived"), derivation("E-1", "t") as d:
        d.line(x**2, "definition")
    with pytest.raises(ProofError, match="every line gives its reason"), derivation("E-1", "t") as d:
        d.line(x**2, " ")
    for ids in ("", "13.26", "E-13.26;E-1"):
        with pytest.raises(ValueError, match="ids such as"):
            derivation(ids, "t")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({p: 1}, "give a value to q"),
        ({p: 1, q: 0.5}, "not exact"),
        ({p: -1, q: 1}, "outside the domain"),
        ({p: 2, q: 2}, "agree there"),
    ],
)
def test_a_counterexample_is_exact_inside_the_domain_and_one(at, said):
    with pytest.raises(ProofError, match=said), derivation("ERR-1", "t") as d:
        d.unequal(p - q, q - p, "order", at=at)


def test_a_counterexample_shows_its_numbers(shown):
    with derivation("ERR-1", "t") as d:
        d.unequal(p * sp.log(p / q), q * sp.log(q / p), "order", at={p: 1, q: 2})
    assert "-log(2) != 2*log(2)" in shown[0]["text/plain"]


def test_a_counterexample_may_have_a_symbol_on_one_side_only():
    with derivation("ERR-1", "t") as d:
        d.unequal(p, p * q, "a factor too many", at={p: 1, q: 2})
        d.unequal(p * q, p, "a factor too many", at={p: 1, q: 2})


def test_a_shape_is_shown_as_formula_and_as_text(shown):
    with derivation("E-1", "t") as d:
        d.line((x + 1) ** 2, "definition")
        d.line(x**2 + 2 * x + 1, "expand")
        d.shape(sp.MatrixSymbol("W", 2, 3) * sp.MatrixSymbol("V", 3, 5), (2, 5), "layers")
    line = shown[0]["application/vnd.nbdgm.proof+json"]["lines"][2]
    assert r"\times" in line["tex"] and "\\" not in shown[0]["text/plain"]


def test_a_law_has_as_many_indices_as_sizes():
    n, i = proof.size("n"), sp.Symbol("i", integer=True)
    one, joint = proof.law("p", n), proof.law("r", n, n)
    assert one[i] != joint[i, i]
    for wrong in (lambda: one[i, i], lambda: joint[i]):
        with pytest.raises(IndexError, match=r"has (1|2) indices, not (1|2)"):
            wrong()


def test_what_cancels_is_constant():
    with derivation("E-1", "t") as d:
        d.constant(sp.log(p * q) - sp.log(p), p, "cancels")


@pytest.mark.parametrize(
    ("gap", "least_at"), [(p - 1 - sp.log(p), (p, 2)), (p - 1 - sp.log(p), (q, 1)), (p - 1 - sp.log(p) - 1, (p, 1))]
)
def test_a_convex_gap_needs_its_least_point(gap, least_at):
    with pytest.raises(ProofError, match=r"stationary|does not contain|unknown sign"), derivation("E-1", "t") as d:
        d.le(p - 1 - gap, p - 1, "gap", gap=gap, least_at=least_at)


def test_a_strict_inequality_needs_a_positive_gap():
    with pytest.raises(ProofError, match="nonnegative"), derivation("E-1", "t") as d:
        d.le(2 * x * y, x**2 + y**2, "square", gap=(x - y) ** 2, strict=True)


def test_what_does_depend_is_not_constant():
    with pytest.raises(ProofError, match="does not follow"), derivation("E-1", "t") as d:
        d.constant(sp.log(p * q) - sp.log(p), [p, q], "cancels")


def test_an_infinite_limit_may_have_parameters():
    with derivation("E-1", "t") as d:
        d.equal(sp.Derivative(p * sp.log(q), q), p / q, "slope")
        d.limit(p / q, q, 0, "+", sp.oo, "a pole, whatever p is")


def test_a_wrong_limit_is_refused():
    with pytest.raises(ProofError, match="the limit is 1, not 0"), derivation("E-1", "t") as d:
        d.equal(1 / (1 + sp.exp(-x)), sp.exp(x) / (1 + sp.exp(x)), "sigmoid")
        d.limit(1 / (1 + sp.exp(-x)), x, sp.oo, "-", 0, "saturates")


def test_sympys_own_integral_gets_a_second_opinion(monkeypatch):
    monkeypatch.setattr(evaluating, "_carry_out", lambda expr: sp.Integer(3))
    with pytest.raises(ProofError, match="disagrees with quadrature"):
        evaluating.evaluate(sp.Integral(sp.exp(-(x**2)), (x, -sp.oo, sp.oo)))


def test_norm_and_roots():
    assert norm(sp.log(p / q + 1) - sp.log(p + q) + sp.log(q)) == 0
    assert set(roots(p**2 - 1, p, count=2)) == {-1, 1}
    with pytest.raises(ProofError, match="expected 1"):
        roots(p**2 - 1, p)
    with pytest.raises(ProofError, match="does not occur"):
        roots(p**2 - 1, sp.Symbol("p", real=True))


# --- what is displayed -------------------------------------------------------------------------------------------------------


def show_squares(shown: list[dict]) -> dict:
    with derivation("E-1.1 ERR-2", "squares $x < p$", name=r"S(x)", note="for <all>") as d:
        d.line((x + p) ** 2, "definition", tex=r"\sum_{i<n} a_i")
        d.line(x**2 + p**2 + 2 * x * p, "binomial")
    return shown[-1]


def test_the_bundle_has_text_html_and_json(shown):
    bundle = show_squares(shown)
    record = bundle["application/vnd.nbdgm.proof+json"]
    assert record == {
        "ids": ["E-1.1", "ERR-2"],
        "title": "squares $x < p$",
        "lines": [
            {
                "tex": r"\sum_{i<n} a_i",
                "reason": "definition",
                "status": "definition",
                "checked": r"\left(p + x\right)^{2}",
            },
            {"tex": r"= p^{2} + 2 p x + x^{2}", "reason": "binomial", "status": "proved"},
        ],
        "status": "proved",
        "scope": "a case",
        "badge": "proved for a case",
    }
    json.dumps(record)
    page = bundle["text/html"]

    def drawn(tex: str, large: bool = True) -> str:
        return mathml(r"\displaystyle " * large + tex)

    assert drawn(r"\sum_{i<n} a_i") in page and "&lt;" in drawn(r"\sum_{i<n} a_i")  # what is shown, escaped
    assert drawn(r"\left(p + x\right)^{2}") in page  # what was checked, below
    assert "squares " + drawn("x < p", large=False) in page and "for &lt;all&gt;" in page
    assert drawn("p > 0", large=False) in page and "real</mtext>" in page
    assert "\\(" not in page  # nothing waits for a script
    assert "E-1.1 ERR-2" in bundle["text/plain"] and "✓ proved: binomial" in bundle["text/plain"]


def test_the_bundle_is_the_same_every_time(shown):
    assert show_squares(shown) == show_squares(shown)


def test_outside_a_notebook_the_text_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: False)  # another test of this process may have opened one
    with derivation("E-1", "t") as d:
        d.line((x + 1) ** 2, "definition")
        d.line(x**2 + 2 * x + 1, "expand")
    assert "= x**2 + 2*x + 1" in capsys.readouterr().out


def test_a_failed_derivation_is_neither_shown_nor_recorded(shown):
    with recording() as found, pytest.raises(ProofError), derivation("E-1", "t") as d:
        d.line(x**2, "definition")
        d.line(x**3, "wrong")
    assert found == [] and shown == []


# --- mutation ----------------------------------------------------------------------------------------------------------------


def test_the_mutants_of_a_line_are_these():
    found = {str(m.expr) for m in mutants(3 * sp.log(p) + p**2, swaps=False)}
    assert found >= {
        "-p**2 - 3*log(p)", "2*p**2 + 6*log(p)", "p**2", "3*log(p)", "-p**2 + 3*log(p)", "p**2 - 3*log(p)", "2*p**2 + 3*log(p)",
        "p**2 + 6*log(p)", "p**3 + 3*log(p)", "p**2 + 3*log(2*p)", "p**2 + 22*log(p)/7",
    }  # fmt: skip


def test_an_exchange_counts_only_when_it_changes_the_value():
    assert [m.what for m in mutants((p - q) ** 2) if m.what.startswith("exchange")] == []
    assert [m.what for m in mutants(p - q**2) if m.what.startswith("exchange")] == ["exchange p and q"]


def test_bounds_and_indices_are_left_alone():
    sigma, i = sp.IndexedBase("sigma", positive=True), sp.Symbol("i", integer=True)
    for mutant in mutants(sp.Sum(sigma[i] ** 2, (i, 1, 4)), swaps=False):
        for head in mutant.expr.atoms(sp.Sum):
            assert head.limits == ((i, 1, 4),)
        assert mutant.expr.atoms(sp.Indexed) == {sigma[i]}


def test_a_term_that_nothing_needs_survives_and_is_named():
    with recording() as found, derivation("E-1", "t") as d:
        d.equal(
            sp.Integral(x**2 * sp.exp(-(x**2) / 2) + y * x * sp.exp(-(x**2) / 2), (x, -sp.oo, sp.oo)),
            sp.sqrt(2 * sp.pi),
            "even",
        )
    assert found == [d]
    said = {s.split(": ")[1] for s in d.survivors()}
    assert {"drop the term x*y*exp(-x**2/2) goes unnoticed", "double the term x*y*exp(-x**2/2) goes unnoticed"} <= said


def test_a_number_that_nothing_needs_is_named_though_another_line_needs_the_same_number():
    bell = sp.exp(-(x**2) / 2)
    with derivation("E-1", "t") as d:
        d.equal(sp.Integral((x**2 + 3 * x) * bell, (x, -sp.oo, sp.oo)), sp.sqrt(2 * sp.pi), "even")
        d.equal((y + 3) ** 2, y**2 + 6 * y + 9, "binomial")
    assert any("line 1 (left)" in s and "to 3 goes unnoticed" in s for s in d.survivors())


def test_a_derivative_is_not_asked_about_terms_without_its_variable():
    with derivation("E-1", "t") as d:
        d.equal(sp.Derivative(x**2 + y, x), 2 * x, "slope")
    assert d.survivors() == []


def test_the_first_line_is_mutated_too():
    with derivation("E-1", "t") as d:
        d.line((x + p) ** 2, "definition")
        d.line(x**2 + p**2 + 2 * x * p, "binomial")
    assert {(step.number, side) for step, side, _ in d.mutants()} == {(2, "left"), (2, "right")}
    assert isinstance(d.steps[0], deriving.Step)


def test_in_ipython_the_text_of_the_cell_is_read_and_html_is_displayed():
    """A shell of its own, in a process of its own: it cannot be taken down again."""
    script = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
shell.run_cell("from sympy import *; from nbdgm.proof import derivation; p, q = symbols('p q', positive=True)")
wrong = "with derivation('E-1', 't', scope='a case') as d:\\n    d.line(expand_log(log((p - 1)**2), force=True), 'a')"
right = "with derivation('E-1', 't', scope='1') as d:\\n    d.line(log(p * q) + 1, 'a')\\n    d.line(log(p) + 1 + log(q), 'b')"
with capture_output() as seen:
    refused = shell.run_cell(wrong).error_in_exec
    assert shell.run_cell(right).success
assert "force=True" in str(refused), refused
assert set(seen.outputs[0].data) == {"text/plain", "text/html", "application/vnd.nbdgm.proof+json"}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
