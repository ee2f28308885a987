"""Attacks are refused, what is right under a hypothesis says so, and the engine stands alone."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from attacks import ATTACKS

from nbdgm.proof import ProofError


@pytest.mark.parametrize(("kind", "name"), ATTACKS, ids=[f"{kind}: {name}" for kind, name in ATTACKS])
def test_an_attack_is_refused(run, kind, name):
    said, cell = ATTACKS[kind, name]
    with pytest.raises((ProofError, ValueError), match=said):
        run(cell)


# --- what is right only under a hypothesis says so ----------------------------------------------------------------------------


HYPOTHESES = {
    "mu, x real; -mu + x != 0": ("", "(x**2 - mu**2)/(x - mu)", "x + mu"),
    "p > 0; w != 0": ("w = Symbol('w', real=True, nonzero=True)", "log(w**2 * p)", "2*log(Abs(w)) + log(p)"),
    "p, q > 0; w <= 0": ("w = Symbol('w', nonpositive=True)", "log(p*q)*sqrt(w**2)", "-w*(log(p) + log(q))"),
    "p > 0; w < 0": ("w = Symbol('w', negative=True)", "Integral(exp(w*t), (t, 0, oo)) + p", "p - 1/w"),
    "n > 0 integer; n - 1 != 0": ("n = Symbol('n', integer=True, positive=True)", "(n**2 - 1)/(n - 1)", "n + 1"),
    "f(theta) > 0; theta real": ("f = Function('f', positive=True)(theta)", "log(f**2)", "2*log(f)"),
    "x real; x != 0": ("", "Derivative(Max(x, 0), x)", "Heaviside(x)"),
    "1 <= j <= n; n > 0 integer; x[j] > 0": (
        "n = size('n'); j = index('j', n); X = IndexedBase('x', positive=True)",
        "log(X[j]**n)",
        "n*log(X[j])",
    ),
    "w_1, ..., w_5 > 0": ("w = symbols('w_1:6', positive=True)", "log(prod(w))", "sum(log(v) for v in w)"),
    "p, q[1] > 0": ("Q = IndexedBase('q', positive=True)", "log(Q[1]*p)", "log(Q[1]) + log(p)"),
}


@pytest.mark.parametrize("said", HYPOTHESES)
def test_hypotheses_that_are_used_are_displayed(run, capsys, said):
    definitions, first, second = HYPOTHESES[said]
    arguments = ", parameters=[theta]" if "Function" in definitions else ""
    run(f"""{definitions}
with derivation("E-0.1", "t"{arguments}) as d:
    d.line({first}, "definition")
    d.line({second}, "?")
""")
    assert f"  for {said}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "lines",
    [
        "d.equal(Derivative(-log(1 - t), t), 1/(1 - t), 'slope'); d.limit(1/(1 - t), t, 1, '-', oo, 'the end')",
        "d.equal(Derivative(t*(1 - t), t), 1 - 2*t, 'slope'); d.limit(1 - 2*t, t, 0, '+', 1, 'the start')",
        "d.equal(Derivative(t**3, t), 3*t**2, 'slope'); d.limit(3*t**2, t, R(1, 2), '+-', R(3, 4), 'inside')",
    ],
)
def test_limits_reach_the_ends_of_an_interval(run, lines):
    run(f'with derivation("E-0.1", "t", domain={{t: (0, 1)}}) as d:\n{textwrap.indent(lines, "    ")}\n')


# --- the book, and the engine itself ------------------------------------------------------------------------------------------


def test_the_engine_needs_neither_torch_nor_the_rest_of_the_library_and_has_no_circle():
    script = """
import sys, types, importlib, pathlib, ast
root = pathlib.Path("nbdgm")
package = types.ModuleType("nbdgm"); package.__path__ = [str(root)]; sys.modules["nbdgm"] = package  # without its __init__
import nbdgm.proof
loaded = sorted(m for m in sys.modules if m == "torch" or (m.startswith("nbdgm.") and not m.startswith("nbdgm.proof")))
assert loaded == [], loaded
graph = {}
for path in (root / "proof").glob("*.py"):
    if path.name == "__init__.py":
        continue
    tree = ast.parse(path.read_text())
    guards = [b for b in ast.walk(tree) if isinstance(b, ast.If) and "TYPE_CHECKING" in ast.unparse(b.test)]
    guarded = {n for guard in guards for n in ast.walk(guard)}
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in guarded and (node.module or "").startswith("nbdgm.proof"):
            names |= {node.module.split(".")[2]} if node.module.count(".") > 1 else {a.name for a in node.names}
    graph[path.stem] = names
def visit(name, above):
    assert name not in above, above + [name]
    for other in sorted(graph.get(name, ())):
        visit(other, above + [name])
for name in graph:
    visit(name, [])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
