"""What leaves no trace in a value is refused by the text: of the cell, and of the cells that its names come from."""

from __future__ import annotations

import re

import pytest

from nbdgm.proof import ProofError, derivation, law, recording, rendering, symbols

START = (
    'with derivation("E-1", "a square") as d:\n    d.line((x + y) ** 2, "start")\n    d.line(x**2 + 2 * x * y + y**2, "expand")'
)
INDENTED = START.replace("\n", "\n    ")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(rendering, "show", lambda bundle: None)


def using(name: str) -> str:
    """A derivation one line of which is made of what another cell called `name`."""
    return f'with derivation("E-1", "a square") as d:\n    d.equal(({name} + 1) ** 2, ({name}) ** 2 + 2 * ({name}) + 1, "used")'


REFUSED = {
    "zip in the cell before": ["s_ = sum(a * b for a, b in zip([p, q], [s, t, u]))", using("s_")],
    "zip two cells before": ["r_ = [a * b for a, b in zip([p, q], [s, t, u])]", "s_ = sum(r_)", using("s_")],
    "zip under another name": ["pairs = zip", "s_ = sum(a * b for a, b in pairs([p], [s, t]))", using("s_")],
    "zip in a helper": ["def dot(a, b):\n    return sum(i * j for i, j in zip(a, b))", "s_ = dot([p], [s, t])", using("s_")],
    "zip handed on": ["s_ = sum(i * j for i, j in itertools.starmap(zip, [([p], [s, t])]).__next__())", using("s_")],
    "map over two": ["s_ = sum(map(lambda a, b: a * b, [p], [s, t]))", using("s_")],
    "strict=False": ["s_ = sum(a * b for a, b in zip([p], [s, t], strict=False))", using("s_")],
    "strict by a name": ["no = False", "s_ = sum(a * b for a, b in zip([p], [s, t], strict=no))", using("s_")],
    "force before": ["s_ = expand_log(log(x * y), force=True)", using("s_")],
    "force in a dictionary": ["kw = {'force': True}", "s_ = expand_log(log(x * y), **kw)", using("s_")],
    "force through partial": [
        "from functools import partial\nf_ = partial(expand_log, force=True)",
        "s_ = f_(log(x * y))",
        using("s_"),
    ],
    "conds before": ["s_ = integrate(exp(-x * p), (p, 0, oo), conds='none')", using("s_")],
    "noconds": ["s_ = laplace_transform(exp(-x * p), p, q, noconds=True)", using("s_")],
    "solve before": ["s_ = solve(p**2 - q, p)[0]", using("s_")],
    "solve by module": ["import sympy as sp", "s_ = sp.solve(p**2 - q, p)[0]", using("s_")],
    "solve under another name": ["from sympy import solve as roots_of", "s_ = roots_of(p**2 - q, p)[0]", using("s_")],
    "limit by module": ["import sympy as sp", "s_ = sp.limit(sqrt(x**2) / x + p, x, 0)", using("s_")],
    "limit as a method": ["s_ = (sqrt(x**2) / x + p).limit(x, 0)", using("s_")],
    "refine": ["s_ = refine(sqrt(x**2), Q.positive(x))", using("s_")],
    "a branch of an integral": ["whole = integrate(exp(-x * p), (p, 0, oo))", "s_ = whole.args[0][0]", using("s_")],
    "getattr": ["s_ = getattr(p, 'name') and q", using("s_")],
    "an empty range of symbols": ["k = 1", "w_ = symbols(f'w_{k}1:4')", "s_ = sum(w_) + p", using("s_")],
    "a computed range by sympy": ["import sympy as sp\nk = 3", "w_ = sp.symbols(f'w_1:{k}')", "s_ = sum(w_) + p", using("s_")],
    "roots by sympy": ["import sympy as sp", "s_ = max(sp.roots(p**2 - 1, p)) + p", using("s_")],
    "an empty range by value": ["import sympy\nw_ = sympy.symbols('w' + '_2:2')", "s_ = sum(w_) + p", using("s_")],
    "an empty list": ["states = [v for v in (p, q) if v is x]", "s_ = sum(states) + p", using("s_")],
    "deltas before": ["s_ = DiracDelta(x) / DiracDelta(x) + p", using("s_")],
    "a quotient that was 1": ["s_ = (x - u) / (x - u) + p", using("s_")],
    "a symbol with rules of its own": ["class Large(Symbol):\n    is_positive = True", "s_ = Large('s_')", using("s_")],
    "rules changed": ["Symbol.note = True\n" + START],
    "the checker changed": ["from nbdgm.proof import checking\nchecking.compare = checking.compare\n" + START],
    "the checker used": ["from nbdgm.proof import checking\nf_ = checking.compare\n" + START],
    "the checker by its path": ["import nbdgm\nnbdgm.proof.checking.compare = nbdgm.proof.checking.compare\n" + START],
    "the line before replaced": [START + "\n    d._previous = x\n    d.line(x, 'so')"],
    "a line of one's own": [START + "\n    d.lines.append(d.lines[0])"],
    "a status of one's own": [START + "\n    d.status = 'proved'"],
    "a line under if": [START + "\n    if False:\n        d.line(x, 'never')"],
    "a line under try": [START + "\n    try:\n        d.line(x, 'wrong')\n    except Exception:\n        pass"],
    "a line under suppress": [
        START + "\n    import contextlib\n    with contextlib.suppress(Exception):\n        d.line(x, 'wrong')"
    ],
    "a line under while": [START + "\n    while False:\n        d.line(x, 'never')"],
    "a line after and": [START + "\n    False and d.line(x, 'never')"],
    "a line in a lambda": [START + "\n    more = lambda: d.line(x, 'never')"],
    "a line in a function": [START + "\n    def more():\n        d.line(x, 'never')"],
    "lines in a list": [START + "\n    [d.line(v, 'never') for v in []]"],
    "lines in a loop": [START + "\n    for v, why in [((x + y) ** 2, 'a')]:\n        d.line(v, why)"],
    "a loop over nothing": [START + "\n    for k in []:\n        d.line(x + k, 'never')"],
    "a loop over a name": ["ks = []", START + "\n    for k in ks:\n        d.line(x + k, 'never')"],
    "a line under another name": [START + "\n    line = d.line\n    line((y + x) ** 2, 'a')"],
    "handed on": ["def more(d):\n    d.line((y + x) ** 2, 'a')", START + "\n    more(d)"],
    "starred": [START + "\n    d.line(*[(y + x) ** 2, 'a'])"],
    "by getattr": [START + "\n    getattr(d, 'line')((y + x) ** 2, 'a')"],
    "under if": ["if True:\n    " + INDENTED],
    "under try": ["try:\n    " + INDENTED + "\nfinally:\n    pass"],
    "in a loop": ["for k in range(2):\n    " + INDENTED],
    "in a function": ["def f():\n    " + INDENTED + "\nf()"],
    "under with": ["import contextlib\nwith contextlib.suppress(ZeroDivisionError):\n    " + INDENTED],
    "with another item": ["import contextlib\n" + START.replace(" as d:", " as d, contextlib.suppress(ValueError):")],
    "under another name": ["D = derivation", START.replace("derivation", "D")],
    "opened by hand": ["d = derivation('E-1', 'x')\nd.__enter__()"],
    "opened by a stack": ["import contextlib\nstack = contextlib.ExitStack()\nd = stack.enter_context(derivation('E-1', 'x'))"],
    "in exec": ['exec(\'with derivation("E-1", "x") as d: d.equal(x + x, 2 * x, "a")\')'],
    "computed before": [
        "first = (x + y) ** 2",
        "second = expand(first)",
        'with derivation("E-1", "x") as d:\n    d.line(first, "a")\n    d.line(second, "b")',
    ],
    "a lambda of the line before": [
        "f_ = lambda v: expand(v)",
        'with derivation("E-1", "x") as d:\n    d.line((x + y)**2, "a")\n    d.line(f_((x + y)**2), "b")',
    ],
    "random variables of one name, cells apart": [
        "from sympy.stats import Normal",
        "X = Normal('X', 0, 1)",
        "Y = Normal('X', 0, 2)",
        using("X.symbol * 0 + p + 0 * Y.symbol"),
    ],
}


@pytest.mark.parametrize("cells", REFUSED.values(), ids=REFUSED)
def test_what_the_text_shows_is_refused(run, cells):
    with recording() as found, pytest.raises(ProofError) as refused:
        run(*cells)
    assert re.search(
        "of (the|an earlier) cell|open a derivation|stands under|by its name|text of this|range", str(refused.value)
    )
    assert not found


ACCEPTED = {
    "as it should be": [START],
    "a law in the cell before": ["s_ = sum(a * b for a, b in zip([p, q], [s, t], strict=True))", using("s_")],
    "a helper": [
        "def dot(a, b):\n    return sum(i * j for i, j in zip(a, b, strict=True))",
        "s_ = dot([p, q], [s, t])",
        using("s_"),
    ],
    "a loop over a written list": [
        START + "\n    for k in (1, 2):\n        d.equal((x + k) ** 2, x**2 + 2 * k * x + k**2, f'for {k}')"
    ],
    "a name in the block": [START + "\n    z_ = x - y\n    d.equal(z_**2, x**2 - 2 * x * y + y**2, 'the other')"],
    "training in between": [
        "for k in []:\n    pass\nimport torch\nnet = torch.nn.Linear(2, 2)\nnet.bias.data = net.bias.data * 2",
        START,
    ],
    "random variables of two names": ["from sympy.stats import Normal", "X, Y = Normal('X', 0, 1), Normal('Y', 0, 1)", START],
    "symbols of a computed range": ["k = 3", "w_ = symbols(f'w_1:{k + 1}', positive=True)", "s_ = sum(w_)", using("s_")],
}


@pytest.mark.parametrize("cells", ACCEPTED.values(), ids=ACCEPTED)
def test_honest_cells_are_accepted(run, cells):
    with recording() as found:
        run(*cells)
    assert len(found) == 1


@pytest.mark.parametrize("function", ["in_a_function", "beside_another_law"])
def test_in_a_file_a_derivation_may_stand_in_a_function(function):
    with recording() as found:
        globals()[function]()
    assert len(found) == 1


def in_a_function():
    x = symbols("x", real=True)
    with derivation("E-1", "a square", scope="general") as d:
        d.equal((x + 1) ** 2, x**2 + 2 * x + 1, "once")


def beside_another_law():
    """Only the names of the lines are followed: `other` goes into none, and is not taken for a second law in them."""
    one = law("p", 2)
    other = law("p", 2)  # noqa: F841
    with derivation("E-1", "a square", scope="two states") as d:
        d.equal((one[0] + 1) ** 2, one[0] ** 2 + 2 * one[0] + 1, "once")


@pytest.mark.parametrize("names", ["w_2:2", "a b w_1:1", "w_5:2", ""])
def test_symbols_of_an_empty_range_are_refused(names):
    with pytest.raises((ProofError, ValueError)):
        symbols(names)


def test_symbols_are_those_of_sympy():
    import sympy as sp

    assert symbols("x y", real=True) == sp.symbols("x y", real=True)
    assert symbols("w_1:4") == sp.symbols("w_1:4") and symbols("x") == sp.Symbol("x")
    assert symbols("f", cls=sp.Function) == sp.Function("f")
