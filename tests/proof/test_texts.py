"""What the text of cells is refused for, in words: all that is said, and of nothing else."""

# ruff: noqa: E501  (the texts of cells, and what is said of them)

from __future__ import annotations

import pytest

from nbdgm.proof.chapter import Text, lint_chapter
from nbdgm.proof.errors import cpu_limit

SETUP = "from sympy import *\nimport sympy as sp\nfrom nbdgm.proof import *\nfrom nbdgm import claim, check, derivation, highest, lowest, data\nloss, other, losses = run()"
NAMES = "near = lambda v: v < 1\ndef far(v):\n    return v > 1\nok = loss < 1\nokay = ok\nmany = loss < 1\nmany = loss < 2\nfor part in losses:\n    pass\nnever = all(losses)\nwide = 1e13\n"

CONDITIONS = [  # the condition of a claim, what is said of it
    ("loss < 0.5", ""),
    ("max(losses) < 1", "max() and min() pass over nan: use highest(...) and lowest(...); in max(losses)"),
    ("min(losses) < 1", "max() and min() pass over nan: use highest(...) and lowest(...); in min(losses)"),
    ("sorted(losses)[0] < 1", "sorted() leaves nan anywhere: use highest(...) and lowest(...); in sorted(losses)"),
    (
        "any(losses) < 1",
        "any() of nothing is false, and nan answers nothing: count, or use highest(...) and lowest(...); in any(losses)",
    ),
    (
        "sum(filter(f, losses)) < 1",
        "filter() drops what it does not like: count, or use highest(...) and lowest(...); in filter(f, losses)",
    ),
    ("builtins.max(losses) < 1", "max() and min() pass over nan: use highest(...) and lowest(...); in builtins.max(losses)"),
    ("np.max(losses) < 1", ""),
    ("losses.max() < 1", ""),
    (
        "heapq.nlargest(1, losses)[0] < 1",
        "sorted() leaves nan anywhere: use highest(...) and lowest(...); in heapq.nlargest(1, losses)",
    ),
    ("nsmallest(1, losses)[0] < 1", "sorted() leaves nan anywhere: use highest(...) and lowest(...); in nsmallest(1, losses)"),
    ("reduce(max, losses) < 1", ""),
    ("int(loss < 1) == 1", "a truth value made a number: show the number that is compared; in int(loss < 1)"),
    ("float(loss) < 1", ""),
    ("np.nanmean(losses) < 1", "nanmean hides nan: let it through, and the claim is refused; in np.nanmean(losses)"),
    ("np.nan_to_num(loss) < 1", "nan_to_num hides nan: let it through, and the claim is refused; in np.nan_to_num(loss)"),
    ("losses.dropna().mean() < 1", "mean hides nan: let it through, and the claim is refused; in losses.dropna().mean()"),
    ("np.fmax(loss, 1) < 1", "fmax hides nan: let it through, and the claim is refused; in np.fmax(loss, 1)"),
    ("np.isnan(loss) < 1", ""),
    ("np.max(losses, initial=0) < 1", "initial= answers where there is nothing; in np.max(losses, initial=0)"),
    ("np.mean(losses, where=mask) < 1", "where= answers where there is nothing; in np.mean(losses, where=mask)"),
    ("np.mean(losses, axis=0) < 1", ""),
    ("bool(loss) == 1", "bool() of a number is true of nearly every number: compare it; in bool(loss)"),
    ("bool(loss < 1)", ""),
    ("getattr(loss, 'a') < 1", "getattr() hides what is compared: write it out; in getattr(loss, 'a')"),
    ("eval('loss') < 1", "eval() hides what is compared: write it out; in eval('loss')"),
    ("vars(loss)['a'] < 1", "vars() hides what is compared: write it out; in vars(loss)"),
    ("highest([0, *losses]) < 1", "a number typed in beside * answers where there is nothing; in highest([0, *losses])"),
    ("highest([*losses, *other]) < 1", ""),
    ("lowest((*losses, 1)) < 1", "a number typed in beside * answers where there is nothing; in lowest((*losses, 1))"),
    (
        "highest([v for v in losses if not isnan(v)]) < 1",
        "nan is filtered out: let it through, and the claim is refused; in  for v in losses if not isnan(v)",
    ),
    (
        "losses[isfinite(losses)].mean() < 1",
        "nan is filtered out: let it through, and the claim is refused; in losses[isfinite(losses)]",
    ),
    ("losses[0] < 1", ""),
    ("[loss < 1] == [True]", "comparisons in a list: write them as comparisons; in [loss < 1] == [True]"),
    ("loss == loss", "compares a thing with itself; in loss == loss"),
    ("loss < other < other", "compares a thing with itself; in loss < other < other"),
    ("loss is None", "`is` compares identities: compare numbers; in loss is None"),
    ("loss is not None", "`is` compares identities: compare numbers; in loss is not None"),
    ("x.is_positive is True", ""),
    ("x.is_positive is False", ""),
    ("loss is True", "`is` compares identities: compare numbers; in loss is True"),
    ("not x.is_positive", "it also holds when sympy does not know: compare with `is True` or `is False`; in not x.is_positive"),
    ("not loss < 1", ""),
    ("not loss == 1", "not loss == 1 holds for nearly all numbers: say by how much they differ"),
    ("loss != 0", ""),
    ("loss != 'a'", ""),
    ("loss != other", "loss != other holds for nearly all numbers: say by how much they differ"),
    ("loss != 0.5", "loss != 0.5 holds for nearly all numbers: say by how much they differ"),
    ("loss < 1 and True", "a constant in loss < 1 and True"),
    ("loss < 1 or 2 > 1", ""),
    ("loss < 1 and other < 2", ""),
    ("1 < 2", "the condition 1 < 2 does not depend on anything computed"),
    ("True", "the condition True does not depend on anything computed"),
    ("loss", "loss is a truth value from elsewhere: compare numbers, or count"),
    ("losses", "losses is a truth value from elsewhere: compare numbers, or count"),
    ("other < 1 if loss else True", "other < 1 if loss else True is no comparison of numbers: write loss < 0.1, or count"),
    ("(loss < 1) + 1", "(loss < 1) + 1 is no comparison of numbers: write loss < 0.1, or count"),
    ("(loss < 1) & (other < 1)", ""),
    ("(loss < 1) | (other < 1)", ""),
    ("(loss < 1) ^ (other < 1)", "(loss < 1) ^ (other < 1) is no comparison of numbers: write loss < 0.1, or count"),
    ("losses[0]", "losses[0] is no comparison of numbers: write loss < 0.1, or count"),
    ("losses.flag", "losses.flag is no comparison of numbers: write loss < 0.1, or count"),
    ("train(loss)", "train(loss) is no comparison of numbers: write loss < 0.1, or count"),
    ("torch.tensor(loss < 1)", ""),
    ("(loss < 1).item()", ""),
    ("item(loss < 1)", "item(loss < 1) is no comparison of numbers: write loss < 0.1, or count"),
    ("np.asarray(loss < 1, other)", "np.asarray(loss < 1, other) is no comparison of numbers: write loss < 0.1, or count"),
    ("as_tensor(loss)", "as_tensor(loss) is no comparison of numbers: write loss < 0.1, or count"),
    ("[loss < 1][0]", "[loss < 1][0] is no comparison of numbers: write loss < 0.1, or count"),
    ("f'{loss}'", "f'{loss}' is no comparison of numbers: write loss < 0.1, or count"),
    (
        "loss < 1e13",
        "the bound 1e+13 decides nothing, no measure comes near it: write one that a bad model would miss; in loss < 10000000000000.0",
    ),
    ("loss < 1e11", ""),
    (
        "loss < 1 < 1e13",
        "the bound 1e+13 decides nothing, no measure comes near it: write one that a bad model would miss; in loss < 1 < 10000000000000.0",
    ),
    (
        "-1e13 < loss",
        "the bound -1e+13 decides nothing, no measure comes near it: write one that a bad model would miss; in -10000000000000.0 < loss",
    ),
    ("(z := loss) < 1", ":= inside the call: compute it on a line of its own"),
    ("near(loss)", ""),
    ("far(loss)", ""),
    ("ok", ""),
    ("okay", ""),
    ("many", ""),
    ("part", "part is a truth value from elsewhere: compare numbers, or count"),
    (
        "wide > loss",
        "the bound 1e+13 decides nothing, no measure comes near it: write one that a bad model would miss; in wide > loss",
    ),
    (
        "loss < 1 and never",
        "all() of nothing is true: compare the worst case, highest(...) or lowest(...), or count; in all(losses) (in an earlier cell)",
    ),
    (
        "never",
        "all() of nothing is true: compare the worst case, highest(...) or lowest(...), or count; in all(losses) (in an earlier cell)",
    ),
    ("far(loss) and near(other)", ""),
    ("(lambda v: v < 1)(loss)", "(lambda v: v < 1)(loss) is no comparison of numbers: write loss < 0.1, or count"),
    ("not far(loss)", ""),
    ("sp.Symbol('x').is_positive is False", ""),
    ("highest(losses, default=0) < 1", "default= answers where there is nothing; in highest(losses, default=0)"),
]


@pytest.mark.parametrize(("condition", "said"), CONDITIONS, ids=[c for c, _ in CONDITIONS])
def test_a_condition_is_refused_for_this_and_no_other_reason(condition, said):
    found = lint_chapter([Text(SETUP), Text(NAMES), Text(f"claim('a', {condition}, loss=loss)")])
    assert found == ([f"cell 2, line 1: claim: {said}"] if said else [])


PROOF = 'with derivation("E-1", "x", scope="general") as d:\n    d.line(x, "a")\n    d.line(y, "b")'
FOLDED = [  # a cell that is tagged proof, what is said of it
    (PROOF, []),
    ("r = [a for a, b in zip(p, q)]", ["line 1: zip without strict=True drops what the shorter side lacks"]),
    ("r = zip(p, q, strict=True)", []),
    ("r = zip(p, q, strict=False)", ["line 1: zip without strict=True drops what the shorter side lacks"]),
    ("r = zip(p)", []),
    ("r = map(f, p)", []),
    ("r = map(f, p, q)", ["line 1: map, which has no strict=True (zip has), drops what the shorter side lacks"]),
    ("r = starmap(zip, p)", ["line 1: zip is handed on: call it, with strict=True"]),
    ("r = f(key=zip)", ["line 1: zip is handed on: call it, with strict=True"]),
    ("r = simplify(s, force=True)", ["line 1: force=True ignores branches: write laws as odds, scales as positive symbols"]),
    ("r = simplify(s, **kw)", ["line 1: ** in simplify(s, **kw) hides keywords: write them out"]),
    (
        "r = integrate(f, conds='none')",
        ["line 1: conds= and noconds= throw conditions away: state them as assumptions on symbols"],
    ),
    (
        "r = laplace_transform(f, t, s, noconds=True)",
        [
            "line 1: conds= and noconds= throw conditions away: state them as assumptions on symbols",
            "line 1: laplace_transform returns its conditions beside the value: write the Integral, with assumptions on symbols",
        ],
    ),
    (
        "r = fourier_transform(f, t, s)",
        ["line 1: fourier_transform returns its conditions beside the value: write the Integral, with assumptions on symbols"],
    ),
    ("r = solve(f, x)", ["line 1: solve drops roots by assumption: use nbdgm.proof.roots(expr, x, count)"]),
    ("r = roots(f, x)", []),
    ("r = sp.roots(f, x)", []),
    ("r = nsolve(f, x)", ["line 1: solve drops roots by assumption: use nbdgm.proof.roots(expr, x, count)"]),
    ("r = linprog(f)", ["line 1: sympy's linprog silently keeps x >= 0: use lpmin or lpmax with explicit relations"]),
    ("r = sp.linprog(f)", ["line 1: sympy's linprog silently keeps x >= 0: use lpmin or lpmax with explicit relations"]),
    ("r = scipy.linprog(f)", []),
    ("r = limit(f, x, 0)", ["line 1: limit without a direction is one-sided: give dir"]),
    ("r = limit(f, x, 0, '+')", []),
    ("r = limit(f, x, 0, dir='+')", []),
    ("r = limit(f, x, oo)", []),
    ("r = limit(f, x, -oo)", []),
    ("r = f.limit(x, 0)", ["line 1: limit without a direction is one-sided: give dir"]),
    ("r = f.limit(x, oo)", []),
    ("r = f.limit(x, 0, '-')", []),
    ("r = sp.limit(f, x, 0)", ["line 1: limit without a direction is one-sided: give dir"]),
    ("r = limit(f, x)", ["line 1: limit without a direction is one-sided: give dir"]),
    ("r = f.limit(x)", ["line 1: limit without a direction is one-sided: give dir"]),
    ("r = refine(f)", ["line 1: refine adds hypotheses that the derivation does not show: declare them on the symbols"]),
    ("r = posify(f)", ["line 1: posify adds hypotheses that the derivation does not show: declare them on the symbols"]),
    (
        "with assuming(f):\n    pass",
        ["line 1: assuming adds hypotheses that the derivation does not show: declare them on the symbols"],
    ),
    ("r = f.equals(g)", ["line 1: .equals() decides by a few random numbers, or not at all: use a line"]),
    ("r = getattr(f, 'a')", ["line 1: getattr() hides what is written: write it out"]),
    ("exec('a')", ["line 1: exec() hides what is written: write it out"]),
    ("r = f.exec('a')", []),
    ("r = type(f)", []),
    ("r = type('A', (), {})", ["line 1: type() hides what is written: write it out"]),
    ("r = symbols('w_1:3')", []),
    ("r = symbols('w_3:1')", ["line 1: the range 3:1 is empty: put an underscore before the index"]),
    ("r = symbols('w_2:2')", ["line 1: the range 2:2 is empty: put an underscore before the index"]),
    ("r = law('p_11:3', 2)", ["line 1: the range 11:3 is empty: put an underscore before the index"]),
    ("r = symbols(f'w_1:{k}')", []),
    ("r = table('w1:0', 2, 2)", ["line 1: the range 1:0 is empty: put an underscore before the index"]),
    ("r = DiracDelta(x)", ["line 1: DiracDelta cancels in quotients without a trace: integrate it out first"]),
    ("r = sp.DiracDelta(x)", ["line 1: DiracDelta cancels in quotients without a trace: integrate it out first"]),
    ("r = f._private", ["line 1: f._private is private"]),
    ("r = f.__name__", []),
    ("r = f.__class__", []),
    ("r = f._print(x)", []),
    ("r = f.__dict__", ["line 1: f.__dict__ is private"]),
    ("f.a = 1", ["line 1: f.a = ... changes what others see: give the value a name of its own"]),
    ("del f.a", ["line 1: f.a = ... changes what others see: give the value a name of its own"]),
    ("import nbdgm.proof.checking", ["line 1: take what you need from nbdgm.proof: the rest is the checker's own"]),
    ("import nbdgm.proof.laws", []),
    (
        "from nbdgm.proof.checking import check as c",
        [
            "line 1: take what you need from nbdgm.proof: the rest is the checker's own",
            "line 1: from nbdgm.proof.checking import check as c gives a name of Python's or of the book's another meaning",
        ],
    ),
    ("from nbdgm.proof.laws import law", []),
    ("from nbdgm.proof import laws", []),
    ("from nbdgm import proof", []),
    ("import nbdgm.proof as pr", []),
    (
        "class A(Symbol):\n    pass",
        ["line 1: class A: a symbol or a function with rules of its own is believed by sympy: use sympy's own kinds"],
    ),
    ("r = (x - y) / (x - y)", ["line 1: (x - y) / (x - y) is 1 before anything can be checked: state where it is defined"]),
    ("r = 2 / 2", []),
    ("r = x / y", []),
    ("r = 0 * f", ["line 1: 0 * f is 0 before anything can be checked"]),
    ("r = f * 0", ["line 1: f * 0 is 0 before anything can be checked"]),
    ("r = 0 * 3", []),
    ("r = False * f", []),
    ("r = f * 1", []),
    (
        "r = not x.is_positive",
        ["line 1: not x.is_positive also holds when sympy does not know: compare with `is True` or `is False`"],
    ),
    ("r = not x", []),
    (
        "r = integrate(f, x).args[0]",
        ["line 1: a branch of a conditional integral: state its condition as an assumption on a symbol"],
    ),
    ("r = f.args", []),
    (
        "whole = integrate(f, x)\nr = whole.args",
        ["line 2: a branch of a conditional integral: state its condition as an assumption on a symbol"],
    ),
    ("whole = f\nr = whole.args", []),
    (
        'if x:\n    with derivation("E-1", "x", scope="general") as d:\n        d.line(x, "a")\n        d.line(y, "b")',
        ["line 2: a derivation stands under a If: move it to the top of the cell"],
    ),
    (
        'try:\n    with derivation("E-1", "x", scope="general") as d:\n        d.line(x, "a")\n        d.line(y, "b")\nfinally:\n    pass',
        ["line 2: a derivation stands under a Try: move it to the top of the cell"],
    ),
    (
        'for k in (1, 2):\n    with derivation("E-1", "x", scope="general") as d:\n        d.line(x, "a")\n        d.line(y, "b")',
        ["line 2: a derivation stands under a For: move it to the top of the cell"],
    ),
    (
        'def f():\n    with derivation("E-1", "x", scope="general") as d:\n        d.line(x, "a")\n        d.line(y, "b")',
        ["line 2: a derivation stands under a FunctionDef: move it to the top of the cell"],
    ),
    (
        'with a as b:\n    with derivation("E-1", "x", scope="general") as d:\n        d.line(x, "a")\n        d.line(y, "b")',
        ["line 2: a derivation stands under a With: move it to the top of the cell"],
    ),
    (
        'with derivation("E-1", "x", scope="general"):\n    d.line(x, "a")\n    d.line(y, "b")',
        ["line 1: open a derivation as `with derivation(...) as d:`, and nothing else in that line"],
    ),
    (
        'with derivation("E-1", "x", scope="general") as (d, e):\n    d.line(x, "a")\n    d.line(y, "b")',
        ["line 1: open a derivation as `with derivation(...) as d:`, and nothing else in that line"],
    ),
    (
        'with derivation("E-1", "x", scope="general") as d, f() as g:\n    d.line(x, "a")\n    d.line(y, "b")',
        ["line 1: open a derivation as `with derivation(...) as d:`, and nothing else in that line"],
    ),
    (
        "d = derivation('E-1', 'x')",
        ["line 1: open a derivation as `with derivation(...) as d:`, and nothing else in that line"],
    ),
    (
        'D = derivation\nwith D("E-1", "x", scope="general") as d:\n    d.line(x, "a")\n    d.line(y, "b")',
        ["line 2: call derivation by its name", "line 1: derivation is handed on: call it by its name"],
    ),
    (
        PROOF + "\n    if x:\n        d.line(z, 'c')",
        [
            "line 1: line 5 of the cell: d is used for something else than a line at the top of its block: every line stands by itself, under no condition, in no function"
        ],
    ),
    (PROOF + "\n    d.line(*z)", ["line 1: line 4 of the cell: d.line(*z) is no line of a derivation"]),
    (
        PROOF + "\n    d._admit(z)",
        ["line 1: line 4 of the cell: d._admit(z) is no line of a derivation", "line 4: d._admit is private"],
    ),
    (PROOF + "\n    for k in (1, 2):\n        d.equal(z + k, k + z, 'c')", []),
    (
        PROOF + "\n    for k in (1, 2):\n        d.equal(k, k + z, 'c')",
        ["line 1: line 5 of the cell: write the lines out: a loop may not run through them"],
    ),
    (
        PROOF + "\n    for k in (1, 2):\n        d.equal(k + z, k, 'c')",
        ["line 1: line 5 of the cell: write the lines out: a loop may not run through them"],
    ),
    (PROOF + "\n    for k in (1, 2):\n        d.equal(z, z + 1, k)", []),
    (
        PROOF + "\n    for k in (1, 2):\n        d.equal(z + k, k + z, 'c')\n    else:\n        pass",
        [
            "line 1: line 5 of the cell: d is used for something else than a line at the top of its block: every line stands by itself, under no condition, in no function"
        ],
    ),
    (
        PROOF + "\n    for k in ks:\n        d.equal(z + k, k + z, 'c')",
        [
            "line 1: line 5 of the cell: d is used for something else than a line at the top of its block: every line stands by itself, under no condition, in no function"
        ],
    ),
    (
        PROOF + "\n    r = d",
        [
            "line 1: line 4 of the cell: d is used for something else than a line at the top of its block: every line stands by itself, under no condition, in no function"
        ],
    ),
    (PROOF + "\n    return", ["line 1: line 4 of the cell: lines after this may never be reached"]),
    (PROOF + "\n    for k in (1, 2):\n        continue", ["line 1: line 5 of the cell: lines after this may never be reached"]),
    (PROOF + "\n    z = 2\n    d.line(z, 'c')", []),
    (
        PROOF + "\n    d.line(0 <= x <= 1, 'c')",
        ["line 1: line 4 of the cell: a chained comparison drops a side: one relation a line"],
    ),
    (PROOF + "\n    d.line(x <= 1, 'c')", []),
    (
        'with derivation("E-1", "x", scope="general") as d:\n    d.line(x + y, "a")\n    d.line(expand(x + y), "b")',
        ["line 1: line 3 of the cell: built from the line 'x + y': write it out instead"],
    ),
    ('with derivation("E-1", "x", scope="general") as d:\n    d.line(x + y, "a")\n    d.start(expand(x + y), "b")', []),
    (
        'with derivation("E-1", "x", scope="general") as d:\n    d.equal(x + y, expand(x + y), "b")',
        ["line 1: line 2 of the cell: built from the line 'x + y': write it out instead"],
    ),
    (
        'with derivation("E-1", "x", scope="general") as d:\n    d.equal(expand(x + y), x + y, "b")',
        ["line 1: line 2 of the cell: built from the line 'x + y': write it out instead"],
    ),
    (
        'first = x + y\nwith derivation("E-1", "x", scope="general") as d:\n    d.equal(x + y, 2 * first, "b")',
        ["line 2: line 3 of the cell: built from the line 'x + y': write it out instead"],
    ),
    ('with derivation("E-1", "x", scope="general") as d:\n    d.equal(1, x + 1, "b")', []),
    ('with derivation("E-1", "x", scope="general") as d:\n    d.equal(x + x, let("a" + "b", 2 * x), "a" + "b")', []),
    ('with derivation("E-1", "x", scope="general") as d:\n    d.equal(x, x + 1, "b")', []),
    ('goal = x + y\nwith derivation("E-1", "x", scope="general") as d:\n    d.equal(diff(goal, x), 1, "b")', []),
    ('goal = x + y\nwith derivation("E-1", "x", scope="general") as d:\n    d.equal(goal.diff(x), 1, "b")', []),
    ("max = 3", ["line 1: max is a name of Python's or of the book's: take another"]),
    (
        "claim = 3",
        [
            "line 1: claim is a name of Python's or of the book's: take another",
            "line 1: claim is the library's in other cells: take another name",
        ],
    ),
    ("def check():\n    pass", ["line 1: check is a name of Python's or of the book's: take another"]),
    (
        "class zip:\n    pass",
        [
            "line 1: class zip: a symbol or a function with rules of its own is believed by sympy: use sympy's own kinds",
            "line 1: zip is a name of Python's or of the book's: take another",
        ],
    ),
    ("nbdgm = 3", ["line 1: nbdgm is a name of Python's or of the book's: take another"]),
    ("for sum in x:\n    pass", ["line 1: sum is a name of Python's or of the book's: take another"]),
    (
        "from nbdgm import claim as c",
        ["line 1: from nbdgm import claim as c gives a name of Python's or of the book's another meaning"],
    ),
    ("from a import max", ["line 1: from a import max gives a name of Python's or of the book's another meaning"]),
    ("from nbdgm.proof import highest", []),
    ("from a import b as max", ["line 1: from a import b as max gives a name of Python's or of the book's another meaning"]),
    ("import nbdgm", []),
    ("import numpy as nbdgm", []),
    ("say = claim", ["line 1: claim is handed on: call it by its name"]),
    ("f(derivation)", ["line 1: derivation is handed on: call it by its name"]),
    (
        "claim.x = 1",
        [
            "line 1: claim.x = ... changes what others see: give the value a name of its own",
            "line 1: claim is handed on: call it by its name",
        ],
    ),
    (
        "nbdgm.proof.x = 1",
        [
            "line 1: nbdgm.proof.x = ... changes what others see: give the value a name of its own",
            "line 1: nbdgm.proof.x is the library's: leave it as it is",
        ],
    ),
    (
        "del proof.x",
        [
            "line 1: proof.x = ... changes what others see: give the value a name of its own",
            "line 1: proof.x is the library's: leave it as it is",
        ],
    ),
    (
        "rendering.show = None",
        [
            "line 1: rendering.show = ... changes what others see: give the value a name of its own",
            "line 1: rendering.show is the library's: leave it as it is",
        ],
    ),
    ("x = 'NBDGM_CLAIMS'", ["line 1: NBDGM_CLAIMS is set by whoever runs the chapter"]),
    ("x = 'NBDGM_DATA'", []),
    ("x = 'NBDGM_SEED'", ["line 1: NBDGM_SEED is set by whoever runs the chapter"]),
    ("data = 3", ["line 1: data is the library's in other cells: take another name"]),
]


@pytest.mark.parametrize(("cell", "said"), FOLDED, ids=[cell for cell, _ in FOLDED])
def test_a_cell_that_proves_is_refused_for_these_reasons(cell, said):
    assert lint_chapter([Text(SETUP), Text(cell, ("proof",))]) == [f"cell 1, {one}" for one in said]


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("from nbdgm.losses import critic_loss", True),
        ("from nbdgm.losses import hinge as critic_loss", True),
        ("from other.nbdgm import critic_loss", False),
        ("from . import critic_loss", False),
    ],
)
def test_a_folded_cell_leaves_what_any_part_of_the_library_gave(line, known):
    said = ["cell 1, line 1: critic_loss is the library's in other cells: take another name"]
    assert lint_chapter([Text(line), Text("critic_loss = 3", ("proof",))]) == (said if known else [])


def test_a_name_that_is_given_anew_out_of_itself_is_read_once():
    cell = "a = x\n" + "a = a * a\n" * 40 + 'with derivation("E-1", "x", scope="general") as d:\n    d.equal(a, b * b, "c")'
    with cpu_limit(5):
        assert lint_chapter([Text(SETUP), Text(cell, ("proof",))]) == []


TWO = "near = lambda v: v < 1\nfar = lambda v: v < 2"
OPEN = [  # a cell that a reader sees, what is said of it
    (PROOF, ["line 1: a derivation: tag the cell proof"]),
    ("data = 3", []),
    ("from nbdgm import data", []),
    ("claim('a', loss < 1, loss=loss)", []),
    ("x = claim('a', loss < 1, loss=loss)", ["line 1: claim: it stands by itself on its line"]),
    ("if loss:\n    claim('a', loss < 1, loss=loss)", ["line 2: claim: it stands under a If: move it to the top of the cell"]),
    ("for k in (1, 2):\n    claim('a', loss < k, loss=loss)", []),
    (
        "for k in ks:\n    claim('a', loss < k, loss=loss)",
        ["line 2: claim: it stands under a For: move it to the top of the cell"],
    ),
    (
        "for k in (1, 2):\n    claim('a', loss < k, loss=loss)\nelse:\n    pass",
        ["line 2: claim: it stands under a For: move it to the top of the cell"],
    ),
    (
        "def f():\n    claim('a', loss < 1, loss=loss)",
        ["line 2: claim: it stands under a FunctionDef: move it to the top of the cell"],
    ),
    (
        "with f():\n    claim('a', loss < 1, loss=loss)",
        ["line 2: claim: it stands under a With: move it to the top of the cell"],
    ),
    ("check('a', loss < 1, loss=loss)", []),
    ("claim('a', loss=loss)", ["line 1: claim: write out the text and the condition, claim(text, loss < 0.1, loss=loss)"]),
    ("claim(*a, loss=loss)", ["line 1: claim: write out the text and the condition, claim(text, loss < 0.1, loss=loss)"]),
    ("claim('a', condition=loss < 1, loss=loss)", []),
    (
        "claim('below 10', loss < 100, loss=loss)",
        ["line 1: claim: the sentence says 'below 10', the condition loss < 100: make them agree"],
    ),
    ("claim(text, loss < 100, loss=loss)", []),
    ("claim('a', loss < 1, null=None, loss=loss)", []),
    ("claim('a', loss < 1, null='exact: b', loss=loss)", []),
    ("claim('a', loss < 1, null=other < 1, loss=loss)", []),
    (
        "claim('a', loss < 1, null=other < 2, loss=loss)",
        ["line 1: claim: null= is the condition itself, for a trivial model: loss < 1 and other < 2 compare different things"],
    ),
    (
        "claim('a', loss < 1, null=other > 1, loss=loss)",
        ["line 1: claim: null= is the condition itself, for a trivial model: loss < 1 and other > 1 compare different things"],
    ),
    (
        "claim('a', loss < 1, null=loss < 1, loss=loss)",
        ["line 1: claim: null= is the very condition: put the numbers of a trivial model in it"],
    ),
    ("claim('a', loss < 1, null=[], loss=loss)", ["line 1: claim: the null [] does not depend on anything computed"]),
    (
        "claim('a', loss < 1, null=[other < 1, loss < 1], loss=loss)",
        ["line 1: claim: null= is the very condition: put the numbers of a trivial model in it"],
    ),
    (
        "claim('a', loss < 1, null=[other < 1, 3 < 1], loss=loss)",
        ["line 1: claim: null= is the condition itself, for a trivial model: loss < 1 and 3 < 1 compare different things"],
    ),
    ("claim('a', loss < 1, null=[o < 1 for o in other], loss=loss)", []),
    (
        "claim('a', loss < 1, null=max(other) < 1, loss=loss)",
        ["line 1: claim: max() and min() pass over nan: use highest(...) and lowest(...); in max(other)"],
    ),
    ("bad = other < 1\nclaim('a', loss < 1, null=bad, loss=loss)", []),
    (
        "bad = other < 2\nclaim('a', loss < 1, null=bad, loss=loss)",
        ["line 2: claim: null= is the condition itself, for a trivial model: loss < 1 and other < 2 compare different things"],
    ),
    ("claim('a', losses[0] < 1, null=other[7] < 1, loss=loss)", []),
    ("claim('a', not loss < 1, null=not other < 1, loss=loss)", []),
    ("claim('a', loss < 1 and loss > 0, null=other < 1 and other > 0, loss=loss)", []),
    (
        "claim('a', loss < 1 and loss > 0, null=other < 1 or other > 0, loss=loss)",
        [
            "line 1: claim: null= is the condition itself, for a trivial model: loss < 1 and loss > 0 and other < 1 or other > 0 compare different things"
        ],
    ),
    ("claim('a', near(loss), null=near(other), loss=loss)", []),
    (
        "claim('a', near(loss), null=near(other, 1), loss=loss)",
        [
            "line 1: claim: null= is the condition itself, for a trivial model: near(loss) and near(other, 1) compare different things"
        ],
    ),
    (
        "claim('a', near(loss), null=far(other), loss=loss)",
        [
            "line 1: claim: null= is the condition itself, for a trivial model: near(loss) and far(other) compare different things"
        ],
    ),
    (
        "claim('a', 2 * loss < 1, null=3 * other < 1, loss=loss)",
        [
            "line 1: claim: null= is the condition itself, for a trivial model: 2 * loss < 1 and 3 * other < 1 compare different things"
        ],
    ),
    (
        "claim('a', loss < 1, null=2 * other < 1, loss=loss)",
        [
            "line 1: claim: null= is the condition itself, for a trivial model: loss < 1 and 2 * other < 1 compare different things"
        ],
    ),
    ("ok = loss < 1\nclaim('a', ok, null=other < 1, loss=loss)", []),
]


@pytest.mark.parametrize(("cell", "said"), OPEN, ids=[cell for cell, _ in OPEN])
def test_a_cell_that_claims_is_refused_for_these_reasons(cell, said):
    assert lint_chapter([Text(SETUP), Text(TWO), Text(cell)]) == [f"cell 2, {one}" for one in said]
