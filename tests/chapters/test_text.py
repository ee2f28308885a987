"""What the cells of the chapters say: nothing that escapes the checker, and as much as a run left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from chapters import Chapter, read_all, source

from nbdgm.proof.chapter import Text, count, lint_chapter

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = read_all(ROOT)

each = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))


def code(chapter: Chapter) -> list[dict]:
    return [c for c in chapter.cells if c["cell_type"] == "code"]


def texts(chapter: Chapter) -> list[Text]:
    return [Text(source(c), tuple(c["metadata"].get("tags", []))) for c in code(chapter)]


@each
def test_no_cell_escapes_the_checker(chapter):
    assert lint_chapter(texts(chapter)) == []


@each
def test_what_the_text_states_has_been_run(chapter):
    """As many derivations, lines, claims and checks as the text states: one that was never made would be missed."""
    wanted, found = {}, {}
    for cell, counted in zip(code(chapter), count(texts(chapter)), strict=True):
        records = {
            "derivations": [r for r in chapter.derivations if chapter.cells[r.cell] is cell],
            "claims": [r for r in chapter.claims if chapter.cells[r.cell] is cell],
            "checks": [r for r in chapter.checks if chapter.cells[r.cell] is cell],
        }
        wanted[cell["id"]] = (counted.derivations, counted.lines, counted.claims, counted.checks)
        lines = sum(len(r.data["lines"]) for r in records["derivations"])
        found[cell["id"]] = (len(records["derivations"]), lines, len(records["claims"]), len(records["checks"]))
    assert {k: (wanted[k], found[k]) for k in wanted if wanted[k] != found[k]} == {}


@each
def test_stored_claims_hold(chapter):
    """A run that recorded failures (NBDGM_CLAIMS=record) is none whose outputs are kept."""
    assert [r.data["text"] for r in [*chapter.claims, *chapter.checks] if r.status not in ("holds", "not checked")] == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))
class TestSecondEdition:
    def test_every_claim_has_a_null(self, chapter):
        assert [r.data["text"] for r in chapter.claims if r.data.get("null") not in ("fails", "open", "exact")] == []

    def test_what_can_have_no_null_says_why(self, chapter):
        exact = {r.data["text"]: r.data.get("why") for r in chapter.claims if r.data.get("null") == "exact"}
        print("\n".join(f"exact: {text} ({why})" for text, why in exact.items()))
        assert all(exact.values()), exact
        assert len(exact) <= len(chapter.claims) / 2, "what is exact is a check, or its chapter is about nothing else"

    def test_eight_to_fifteen_claims(self, chapter):
        assert 8 <= len(chapter.claims) <= 15


# --- what the reader of texts notices --------------------------------------------------------------------------------------

SETUP = Text(
    "from sympy import *\nfrom nbdgm.proof import *\nfrom nbdgm import claim, check, derivation, highest\nloss = run()"
)
PROOF = 'with derivation("E-1", "x", scope="general") as d:\n    d.line(x, "a")\n    d.line(y, "b")'

ESCAPES = {
    "zip in the cell before": [Text("pairs = [a for a, b in zip(p, q)]", ("proof",)), Text(PROOF, ("proof",))],
    "zip under another name": [Text("pairs = zip", ("proof",)), Text("r = list(pairs(p, q))\n" + PROOF, ("proof",))],
    "zip imported from builtins": [Text("from builtins import zip as z\nr = z(p, q)", ("proof",))],
    "map over two": [Text("r = list(map(mul, p, q))", ("proof",))],
    "force": [Text("r = simplify(s, force=True)", ("proof",))],
    "force in a dictionary": [Text("r = simplify(s, **kw)", ("proof",))],
    "conds": [Text("r = integrate(f, x, conds='none')", ("proof",))],
    "noconds": [Text("r = laplace_transform(f, t, s, noconds=True)", ("proof",))],
    "solve": [Text("r = solve(f, x)", ("proof",))],
    "solve under another name": [Text("from sympy import solve as s\nr = s(f, x)", ("proof",))],
    "refine": [Text("r = refine(abs(x), Q.positive(x))", ("proof",))],
    "limit by module": [Text("import sympy as sp\nr = sp.limit(f, x, 0)", ("proof",))],
    "a delta": [Text("r = DiracDelta(x - y) + p", ("proof",))],
    "getattr": [Text("r = getattr(d, '_previous')", ("proof",))],
    "exec": [Text("exec('x = 1')", ("proof",))],
    "a private name": [Text("d._previous = x", ("proof",))],
    "the checker's own": [Text("import nbdgm.proof.checking as c\nc.compare = None", ("proof",))],
    "a symbol of one's own": [Text("class S(Symbol):\n    is_positive = True", ("proof",))],
    "attributes of others": [Text("Symbol.is_positive = True", ("proof",))],
    "the library's name for a law": [Text("from nbdgm import data"), Text("data, model = p, q", ("proof",))],
    "not tagged": [Text(PROOF)],
    "spelt by module, not tagged": [Text("import nbdgm\n" + PROOF.replace("derivation", "nbdgm.derivation"))],
    "a derivation under if": [Text("if x:\n    " + PROOF.replace("\n", "\n    "), ("proof",))],
    "a derivation under try": [
        Text("try:\n    " + PROOF.replace("\n", "\n    ") + "\nexcept Exception:\n    pass", ("proof",))
    ],
    "a derivation in a loop": [Text("for i in (1, 2):\n    " + PROOF.replace("\n", "\n    "), ("proof",))],
    "a derivation in a function": [Text("def f():\n    " + PROOF.replace("\n", "\n    ") + "\nf()", ("proof",))],
    "a derivation with a second item": [Text(PROOF.replace(" as d", " as d, suppress(Exception)"), ("proof",))],
    "a derivation by another name": [
        Text("from nbdgm import derivation as D\n" + PROOF.replace("derivation", "D"), ("proof",))
    ],
    "a line under if": [Text(PROOF + "\n    if x > 0:\n        d.line(z, 'c')", ("proof",))],
    "a line under try": [Text(PROOF + "\n    try:\n        d.line(z, 'c')\n    except Exception:\n        pass", ("proof",))],
    "a line under suppress": [Text(PROOF + "\n    with suppress(Exception):\n        d.line(z, 'c')", ("proof",))],
    "lines in a loop": [Text(PROOF + "\n    for e, why in [(z, 'c'), (w, 'd')]:\n        d.line(e, why)", ("proof",))],
    "lines in a loop over nothing": [Text(PROOF + "\n    for e in []:\n        d.line(z + e, 'c')", ("proof",))],
    "lines in a loop over what a function gives": [
        Text(PROOF + "\n    for e in pieces(3):\n        d.line(z + e, 'c')", ("proof",))
    ],
    "lines in a list": [Text(PROOF + "\n    [d.line(e, 'c') for e in es]", ("proof",))],
    "a line under another name": [Text(PROOF + "\n    line = d.line\n    line(z, 'c')", ("proof",))],
    "a derivation handed on": [Text("def more(d):\n    d.line(z, 'c')\n" + PROOF + "\n    more(d)", ("proof",))],
    "a line after break": [Text(PROOF + "\n    for i in (1, 2):\n        break\n        d.line(z + i, 'c')", ("proof",))],
    "a claim under if": [Text("if loss < 1:\n    claim('a', loss < 1, loss=loss)")],
    "a claim in a loop over nothing": [Text("for v in []:\n    claim('a', v < 1, loss=v)")],
    "a claim of all()": [Text("ok = all(v < 1 for v in loss)"), Text("claim('a', ok, n=3)")],
    "a claim of max() two cells before": [Text("w = max(loss)"), Text("v = 2 * w"), Text("claim('a', v < 1, v=v)")],
    "a bound out of reach": [Text("wide = 1e300"), Text("claim('a', loss < wide, loss=loss)")],
    "a bound out of reach as a power": [Text("claim('a', loss < 10**300, loss=loss)")],
    "a bound out of reach behind five names": [
        Text("a = 1e300\nb = a\nc = b\nd = c\ne = d"),
        Text("claim('a', loss < e, loss=loss)"),
    ],
    "another claim": [Text("def claim(*args, **numbers):\n    pass")],
    "claim by another name": [Text("from nbdgm import claim as c\nc('a', loss < 1, loss=loss)")],
    "claim handed on": [Text("say = claim")],
    "max redefined": [Text("max = highest")],
    "failures recorded": [Text("import os\nos.environ['NBDGM_CLAIMS'] = 'record'")],
    "the library changed": [Text("import nbdgm\nnbdgm.proof.claims._truth = bool")],
}


@pytest.mark.parametrize("cells", ESCAPES.values(), ids=ESCAPES)
def test_an_escape_is_noticed(cells):
    assert lint_chapter([SETUP, *cells])


def test_plain_cells_are_left_alone():
    assert (
        lint_chapter([SETUP, Text("x, y = symbols('x y')\n" + PROOF, ("proof",)), Text("claim('a', loss < 1, loss=loss)")])
        == []
    )
    loop = PROOF + "\n    for b in (0, 1):\n        d.equal(x**b, y**b, f'for {b}')"
    assert lint_chapter([SETUP, Text(loop, ("proof",))]) == []


def test_what_is_stated_is_counted():
    loop = "for name in ('a', 'b', 'c'):\n    claim(name, loss[name] < 1, loss=loss[name])"
    lines = PROOF + "\n    for b in range(3):\n        d.equal(x + b, y + b, 'c')"
    counted = count([SETUP, Text(lines + "\n" + lines), Text(loop), Text("check('a', loss < 1, loss=loss)")])
    assert [(c.derivations, c.lines, c.claims, c.checks) for c in counted] == [
        (0, 0, 0, 0),
        (2, 10, 0, 0),
        (0, 0, 3, 0),
        (0, 0, 0, 1),
    ]
