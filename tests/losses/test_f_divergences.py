import math

import pytest
import sympy as sp
import torch
import torch.nn.functional as F

from nbdgm import losses
from nbdgm.losses import from_f
from nbdgm.losses.f_divergences import t

u = sp.Symbol("u", positive=True)
log, sqrt = sp.log, sp.sqrt
JS = u * log(u) - (u + 1) * log((u + 1) / 2)
soft = F.softplus
ROOT = lambda v: 4 * torch.sigmoid(-v)
ROWS = {  # f; slopes; f*(t); D_f of separate laws; T(v) and f*(T(v)) by hand
    "KL": (u * log(u), (-sp.oo, sp.oo), sp.exp(t - 1), sp.oo, lambda v: v, lambda v: (v - 1).exp()),
    "reverse KL": (-log(u), (-sp.oo, 0), -1 - log(-t), sp.oo, lambda v: -soft(-v), lambda v: -1 - soft(-v).log()),
    "JS": (
        JS,
        (-sp.oo, log(2)),
        -log(2 - sp.exp(t)),
        2 * log(2),
        lambda v: math.log(2) - soft(-v),
        lambda v: soft(v) - math.log(2),
    ),
    "GAN": (u * log(u) - (u + 1) * log(u + 1), (-sp.oo, 0), -log(1 - sp.exp(t)), 0, lambda v: -soft(-v), soft),
    "Pearson": ((u - 1) ** 2, (-2, sp.oo), t + t**2 / 4, sp.oo, lambda v: soft(v) - 2, lambda v: soft(v) ** 2 / 4 - 1),
    "Neyman": (
        (1 - u) ** 2 / u,
        (-sp.oo, 1),
        2 - 2 * sqrt(1 - t),
        sp.oo,
        lambda v: 1 - soft(-v),
        lambda v: 2 - 2 * soft(-v).sqrt(),
    ),
    "Hellinger": ((sqrt(u) - 1) ** 2, (-sp.oo, 1), t / (1 - t), 2, lambda v: 1 - soft(-v), lambda v: 1 / soft(-v) - 1),
    "total variation": (sp.Abs(u - 1) / 2, (-sp.S.Half, sp.S.Half), t, 1, *(lambda v: torch.sigmoid(v) - 0.5,) * 2),
    "least squares": (
        (u - 1) ** 2 / (u + 1),
        (-3, 1),
        4 - t - 4 * sqrt(1 - t),
        2,
        lambda v: 1 - ROOT(v),
        lambda v: 3 + ROOT(v) - 4 * ROOT(v).sqrt(),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_from_f_finds_the_rows_of_the_papers_table(name):
    f, domain, star, apart, *_ = ROWS[name]
    found = from_f(f)
    assert tuple(found.domain) == domain and found.apart == apart
    assert sp.simplify(found.conjugate - star) == 0
    if name != "total variation":
        assert sp.simplify(found.best - sp.diff(f, u)) == 0
        touching = found.conjugate.subs(t, found.best) - (u * found.best - f)
        assert abs(touching.subs(u, sp.Rational(5, 3)).evalf(30)) < 1e-20, "f*(f'(u)) = u f'(u) - f(u)"


@pytest.mark.parametrize("name", ROWS)
def test_the_code_is_the_table_and_keeps_its_digits_and_slopes_where_it_saturates(name):
    f, _, _, _, T, star = ROWS[name]
    found, v = from_f(f), torch.linspace(-40, 40, 41, requires_grad=True)
    for ours, by_hand in ((found.T, T), (found.star, star)):
        (values, exact), double = (g(x) for g, x in ((ours, v), (by_hand, v.double()))), v.detach().double().requires_grad_()
        torch.testing.assert_close(values.double(), exact, rtol=1e-6, atol=1e-6)
        (slope,) = torch.autograd.grad(values.sum(), v)
        (right,) = torch.autograd.grad(by_hand(double).sum(), double)
        torch.testing.assert_close(slope.double(), right, rtol=1e-5, atol=1e-6)
    symbolic = sp.lambdify(sp.Symbol("v", real=True), [found.activation, found.conjugate.subs(t, found.activation)], "math")
    for x in (-3.0, 0.25, 4.0):
        ours = [g(torch.tensor([x], dtype=torch.float64)).item() for g in (found.T, found.star)]
        assert ours == pytest.approx(symbolic(x), rel=1e-9)


def test_the_row_gan_is_the_minimax_game():
    real, fake = torch.randn(50), torch.randn(50)
    game = from_f(ROWS["GAN"][0]).game
    torch.testing.assert_close(game.critic(real, fake), losses.minimax.critic(real, fake))
    torch.testing.assert_close(game.generator(fake), losses.minimax.generator(fake))


@pytest.mark.parametrize("name", ["KL", "Pearson", "JS", "Neyman", "least squares"])
def test_the_best_critic_reaches_the_divergence_and_others_stay_below(name):
    f, found = ROWS[name][0], from_f(ROWS[name][0])
    p, q = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.2, 0.2, 0.6]).double()
    number, slope = sp.lambdify(u, f, "math"), sp.lambdify(u, found.best, "math")
    truth = sum(b * number(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True))
    wanted = torch.tensor([slope(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True)], dtype=torch.float64)
    low, high = torch.full_like(p, -60), torch.full_like(p, 60)
    for _ in range(200):  # the output v with g(v) = f'(p/q), by bisection
        middle = (low + high) / 2
        low, high = torch.where(found.T(middle) < wanted, middle, low), torch.where(found.T(middle) < wanted, high, middle)
    bound = lambda v: ((p * found.T(v)).sum() - (q * found.star(v)).sum()).item()
    assert bound(low) == pytest.approx(truth, abs=1e-9)
    assert max(bound(low + 0.5), bound(low - 0.5), bound(low + torch.tensor([0.3, 0.0, 0.0]))) < truth - 1e-4


def test_what_from_f_refuses():
    with pytest.raises(ValueError, match="one positive symbol"):
        from_f(sp.Symbol("x") ** 2)
    with pytest.raises(ValueError, match="one positive symbol"):
        from_f(u * sp.Symbol("a", positive=True))
    with pytest.raises(ValueError, match="places where the slope"):
        from_f(u**5 + u * log(u) + sp.exp(u))
