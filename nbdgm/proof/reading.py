"""What may stand in a line. What cannot be judged, or leaves no trace in a value, is refused before anything is compared."""

from __future__ import annotations

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.stats.rv import RandomSymbol

from nbdgm.proof.errors import ProofError
from nbdgm.proof.evaluating import short
from nbdgm.proof.hypotheses import Hypotheses, kind, refuse_symbol
from nbdgm.proof.named import unfold

TAKEN = {
    *("log", "ln", "exp", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "erf", "abs", "sign"),
    *("max", "min", "floor", "ceiling", "re", "im", "arg"),
}
NO_LINES = {  # what sympy has, and what a line cannot be made of
    sp.DiracDelta: "DiracDelta: quotients of it cancel without a trace; integrate it out first",
    RandomSymbol: "a random variable of sympy.stats: write moments, with one noise symbol for each variable",
    sp.MatrixSymbol: "a MatrixSymbol: write an explicit matrix, or state its shape with d.shape",
    sp.Limit: "a limit is many-to-one: prove the closed form first, then use d.limit",
    sp.Order: "an order term O(...) is no number: state the remainder, or take a limit with d.limit",
    sp.arg: "arg jumps: write real expressions",
    sp.Mod: "a remainder jumps where numbers do not look: write n = q*m + r",
    sp.Wild: "a Wild stands for anything",
    sp.Dummy: "a Dummy prints like other symbols: use Symbol",
}


def entries(expr: sp.Basic) -> list[sp.Expr]:
    """The scalars of a line: a matrix has many, an expression one."""
    return list(expr) if isinstance(expr, sp.MatrixBase) else [expr]


def read(value: object) -> sp.Basic:
    """Turn what a chapter passes as a line into a sympy object, or say why it is not one."""
    if isinstance(value, (bool, float, complex, list, tuple, dict, set, str)) or value is None:
        what = "float: write R(1, 3), an exact number" if isinstance(value, (float, complex)) else type(value).__name__
        raise ProofError(f"a line is an expression, not a {what}")
    try:
        value = sp.sympify(value)
    except (sp.SympifyError, TypeError, AttributeError):
        raise ProofError(f"a line is an expression, not a {type(value).__name__}") from None
    if isinstance(value, sp.MatrixBase):
        return value  # which sympify has made immutable
    if isinstance(value, sp.MatrixExpr):
        raise ProofError("a line is an expression, not a matrix without entries: take its Trace or its Determinant")
    if not isinstance(value, sp.Expr):
        raise ProofError(f"a line is an expression, not a {type(value).__name__}; give one relation a call")
    return value


def refuse(expr: sp.Basic, hypotheses: Hypotheses) -> None:
    """Raise for everything that must not stand in a line, in the line as written or in what its names stand for."""
    for part in entries(expr):
        for whole in dict.fromkeys((part, unfold(part))):
            for node in sp.preorder_traversal(whole):
                _refuse_node(node, hypotheses)
            bound = {x for head in whole.atoms(sp.Integral) for x in head.bound_symbols}
            for function in whole.atoms(AppliedUndef):
                _refuse_function(function, bound, hypotheses)
            for x in whole.atoms(sp.Symbol) - {y for base in whole.atoms(sp.IndexedBase) for y in base.atoms(sp.Symbol)}:
                if x in whole.free_symbols:
                    refuse_symbol(x, hypotheses)
            for x in whole.atoms(sp.Indexed):
                refuse_symbol(x, hypotheses)


def _refuse_node(node: sp.Basic, hypotheses: Hypotheses) -> None:
    for one, why in NO_LINES.items():
        symbolic = one is sp.MatrixSymbol and isinstance(node, one) and not any(n.is_Integer and n != 1 for n in node.shape)
        if isinstance(node, one) and not symbolic:
            raise ProofError(why)
    own = type(node)
    if isinstance(own, UndefinedFunction):
        if own.__name__.lower() in TAKEN:
            raise ProofError(f"{node} looks like sympy's own {own.__name__}: take another letter")
        if any(not isinstance(v, (bool, type(None))) for v in own._kwargs.values()):
            raise ProofError(f"{node} has rules of its own: declare only real=True or positive=True")
    elif not own.__module__.startswith(("sympy.", "nbdgm.proof")):
        raise ProofError(
            f"{short(node)}: {own.__name__} has rules of its own that nobody has checked: write it with sympy's functions"
        )
    if isinstance(node, sp.Float):
        raise ProofError(f"the float {node}: write R(1, 3) or x/3, an exact number")
    if isinstance(node, sp.Rational) and node.q > 2**30 and node.q & (node.q - 1) == 0:
        raise ProofError(f"{node} is a float in disguise: write R(1, 10), not R(0.1)")
    if isinstance(node, sp.Integral):
        for x, *bounds in node.limits:
            if x in hypotheses.intervals:
                raise ProofError(f"{x} has a domain, and is the variable of {short(node)}: take another letter for one of them")
            if kind(x) is None or (bounds and not all(_agrees(x, bound) for bound in bounds)):
                raise ProofError(f"the bounds of {short(node)} leave the values that {x} may take: declare {x} real")
    if isinstance(node, (sp.Sum, sp.Product)):
        for i, *bounds in node.limits:
            least = {" integer": -sp.oo, " >= 0 integer": sp.S.Zero, " > 0 integer": sp.S.One}.get(kind(i) or "")
            if least is None or (least.is_finite and bounds and (bounds[0] - least).is_nonnegative is not True):
                raise ProofError(f"{i} counts in {short(node)}: declare it integer=True, and no more than its range says")
    if isinstance(node, sp.Derivative):
        for x in node.variables:
            if x not in node.expr.free_symbols and not _indexed_variable(node.expr, x):
                raise ProofError(f"{short(node.expr)} does not contain this {x}: another symbol of that name?")


def _indexed_variable(expr: sp.Expr, x: sp.Basic) -> bool:
    """True for x[j] where the expression contains x[i]: the slope in any coordinate of a family."""
    return isinstance(x, sp.Indexed) and any(x.base == other.base for other in expr.atoms(sp.Indexed))


def _refuse_function(function: AppliedUndef, bound: set[sp.Symbol], hypotheses: Hypotheses) -> None:
    free = set().union(*(a.free_symbols for a in function.args))
    if not function.args or not free or not free <= set(hypotheses.parameters):
        raise ProofError(f"{function} is opaque: write it out, or declare its argument with parameters=[...]")
    if free & bound:
        raise ProofError(f"{function} is opaque under the integral over {', '.join(map(str, free & bound))}")
    if function.is_extended_real is not True:
        raise ProofError(f"{function} may be complex: declare the function real=True or positive=True")
    refuse_symbol(function, hypotheses)


def _agrees(x: sp.Symbol, bound: sp.Expr) -> bool:
    if x.is_integer:
        return False
    if x.is_nonnegative:
        return bound.is_extended_nonnegative is True
    return bound.is_extended_nonpositive is True if x.is_nonpositive else True
