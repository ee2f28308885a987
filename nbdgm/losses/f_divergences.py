"""The GAN of an f-divergence, from the convex function f alone: best critic, domain, conjugate, activation and code.

D_f(p || q) = E_q[f(p/q)] >= E_p[T] - E_q[f*(T)]: the critic raises the bound, the generator lowers it. Sympy finds f*.
Where it cannot, take the critic's output as the logarithm of the ratio: T = f'(w) and f*(T) = w f'(w) - f(w) with w = e^v.
Source: Nowozin, Cseke and Tomioka (2016), f-GAN.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from nbdgm.losses.adversarial import Game
from nbdgm.losses.precision import full

t, v = sp.symbols("t v", real=True)
softplus, sigmoid = sp.Function("softplus"), sp.Function("sigmoid")
_s = sp.Symbol("s", positive=True)  # how far a slope lies inside the end of the domain


@dataclass(frozen=True)
class FGAN:
    """Everything that f-GAN needs of f: five expressions of sympy, and two functions of a critic's raw outputs."""

    best: sp.Expr
    """f'(u): the best critic, of the ratio u = p/q."""
    domain: tuple[sp.Expr, sp.Expr]
    """From f'(0) to f'(oo): the slopes of f. T must lie between them."""
    conjugate: sp.Expr
    """f*(t) on the domain."""
    activation: sp.Expr
    """g(v), which maps the line onto the domain: T = g(v)."""
    apart: sp.Expr
    """D_f of laws that share no place: f(0) + lim f(u)/u."""
    T: Callable[[Tensor], Tensor] = field(repr=False)
    """v -> g(v), of any shape."""
    star: Callable[[Tensor], Tensor] = field(repr=False)
    """v -> f*(g(v)), in a form that keeps its digits where the output saturates."""

    @property
    def game(self) -> Game:
        """The critic descends minus the bound, the generator what it can move of it; means over all examples."""
        return Game(
            lambda real_logits, fake_logits: self.star(fake_logits).mean() - self.T(real_logits).mean(),
            lambda fake_logits: -self.star(fake_logits).mean(),
        )


def from_f(f: sp.Expr) -> FGAN:
    """The GAN of the convex function `f` of one positive symbol, with f(1) = 0 or, shifted, not.

    `from_f(u * log(u))` is that of the KL divergence. A corner of f is written with Abs.

    Raises:
        ValueError: not one positive symbol, or a slope that sympy cannot invert.
    """
    symbols = sp.sympify(f).free_symbols
    if len(symbols) != 1 or not next(iter(symbols)).is_positive:
        raise ValueError(f"from_f: f must be an expression in one positive symbol, Symbol('u', positive=True), got {f}")
    u = symbols.pop()
    slope = sp.diff(f, u) if f.has(sp.Abs) else sp.simplify(sp.diff(f, u))
    low, high = sp.limit(slope, u, 0, "+"), sp.limit(slope, u, sp.oo)
    if high.is_finite:
        width = (high - low) * sigmoid(-v) if low.is_finite else softplus(-v)
        inside, back, output = high - _s, high - t, high - width
    elif low.is_finite:
        width = softplus(v)
        inside, back, output = low + _s, t - low, low + width
    else:
        width, inside, back, output = v, _s, t, v
    star = _conjugate(f, u, slope, inside)
    values = sp.limit(f, u, 0, "+") + sp.limit(f / u, u, sp.oo)
    return FGAN(
        slope,
        (low, high),
        sp.simplify(star.subs(_s, back)),
        output.replace(softplus, lambda x: sp.log(1 + sp.exp(x))).replace(sigmoid, lambda x: 1 / (1 + sp.exp(-x))),
        values,
        _code(output),
        _code(sp.expand(star.subs(sp.log(sp.exp(_s) - 1), _s - softplus(v))).subs(_s, width)),  # if s = softplus(-v)
    )


def _conjugate(f: sp.Expr, u: sp.Symbol, slope: sp.Expr, inside: sp.Expr) -> sp.Expr:
    """u t - f(u) at the place where f has the slope t = `inside`: at the corner, or where f'(u) = t."""
    if corners := f.atoms(sp.Abs):
        places = [root for corner in corners for root in sp.solve(corner.args[0], u)]
    else:
        at = {_s: sp.Rational(1, 3)}
        try:
            found = sp.solve(sp.simplify(slope - inside), u)
        except NotImplementedError:
            found = []
        places = [r for r in found if abs(sp.N((slope.subs(u, r) - inside).subs(at))) < 1e-12 < sp.N(r.subs(at))]
    if len(places) != 1:
        raise ValueError(f"from_f: sympy finds {len(places)} places where the slope {slope} is {inside}; one is needed")
    value = sp.simplify(inside * places[0] - f.subs(u, places[0]))
    one_over = lambda e: isinstance(e, sp.log) and sp.fraction(sp.together(e.args[0]))[0] in (1, -1)
    return value.replace(one_over, lambda e: -sp.log(sp.simplify(1 / e.args[0])))


def _code(expression: sp.Expr) -> Callable[[Tensor], Tensor]:
    either = lambda name: lambda x: getattr(torch if isinstance(x, Tensor) else math, name)(x)  # log(2) is a number
    names = {name: either(name) for name in ("log", "exp", "sqrt")}
    number = sp.lambdify(v, expression, [{"softplus": F.softplus, "sigmoid": torch.sigmoid, **names}])
    return lambda outputs: number(full(outputs, "the critic's outputs"))
