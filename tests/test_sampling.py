"""Samplers against laws that are counted or integrated, and against scikit-learn's restricted Boltzmann machine."""

import itertools
import math

import numpy as np
import pytest
import torch

import nbdgm
from nbdgm.sampling import annealed_importance_sampling, block_gibbs, effective_share, gibbs, langevin, log_mean

f64 = torch.float64
W3 = torch.tensor([[0.0, 2.0, -1.0], [2.0, 0.0, 0.5], [-1.0, 0.5, 0.0]], dtype=f64)
B3 = torch.tensor([0.3, -1.2, 0.8], dtype=f64)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def counted(weights, bias):
    """The law of a Boltzmann machine, state by state in plain Python: probabilities by tuple, and log Z."""
    w, b = weights.tolist(), bias.tolist()
    low = {}
    for s in itertools.product((0, 1), repeat=len(b)):
        pairs = sum(w[i][j] * s[i] * s[j] for i in range(len(b)) for j in range(i))
        low[s] = pairs + sum(x * y for x, y in zip(b, s, strict=True))
    log_z = math.log(sum(map(math.exp, low.values())))
    return {s: math.exp(v - log_z) for s, v in low.items()}, log_z


def frequencies(x):
    """The shares of the states of chains (C, n)."""
    number = (x.long() * 2 ** torch.arange(x.shape[-1] - 1, -1, -1)).sum(-1)
    return torch.bincount(number, minlength=2 ** x.shape[-1]) / len(x)


def table(law):
    return torch.tensor([law[s] for s in sorted(law)])


class TestGibbs:
    @pytest.mark.parametrize(("weights", "bias"), [(W3, B3), (-2 * W3, 2 * B3), (torch.zeros(3, 3, dtype=f64), B3)])
    def test_chains_come_to_the_counted_law(self, weights, bias):
        x = gibbs(torch.zeros(40_000, 3, dtype=f64), weights, bias, sweeps=25, generator=dice())
        assert (frequencies(x) - table(counted(weights, bias)[0])).abs().max() < 0.01

    def test_one_sweep_leaves_the_counted_law_as_it_is(self):
        """From exact draws; a sweep that draws all units at once would not: strong couplings tell them apart."""
        weights, bias = 4 * (1 - torch.eye(3, dtype=f64)), torch.full((3,), -4.0, dtype=f64)
        law, _ = counted(weights, bias)
        states = torch.tensor(sorted(law), dtype=f64)
        start = states[torch.multinomial(table(law), 40_000, replacement=True, generator=dice())]
        assert (frequencies(gibbs(start, weights, bias, generator=dice(1))) - table(law)).abs().max() < 0.01
        at_once = (torch.rand(start.shape, generator=dice(2)) < (start @ weights + bias).sigmoid()).to(f64)
        assert (frequencies(at_once) - table(law)).abs().max() > 0.02

    def test_beta_scales_the_energy(self):
        x = torch.zeros(500, 3, dtype=f64)
        one = gibbs(x, W3, B3, 3, beta=0.5, generator=dice())
        assert torch.equal(one, gibbs(x, W3 / 2, B3 / 2, 3, generator=dice()))
        assert not torch.equal(one, gibbs(x, W3, B3, 3, generator=dice()))

    def test_many_machines_at_once(self):
        weights, bias = torch.stack([W3, -W3]), torch.stack([B3, B3 + 1])
        x = gibbs(torch.ones(2, 40_000, 3, dtype=f64), weights, bias, 25, generator=dice())
        for number in (0, 1):
            law, _ = counted(weights[number], bias[number])
            assert (frequencies(x[number]) - table(law)).abs().max() < 0.01

    def test_the_start_stays_and_types_are_kept(self):
        x = torch.zeros(10, 3)
        y = gibbs(x, W3.float(), B3.float(), 2, generator=dice())
        assert y.dtype == torch.float32 and not x.any() and set(y.unique().tolist()) <= {0.0, 1.0} and y.any()
        assert torch.equal(gibbs(y, W3.float(), B3.float(), 0), y)

    def test_weights_are_constants(self):
        weights = W3.clone().requires_grad_()
        assert not gibbs(torch.zeros(4, 3, dtype=f64), weights, B3).requires_grad


class TestBlockGibbs:
    weights = torch.tensor([[2.0, -1.0], [0.5, 1.5], [-2.0, 0.3]], dtype=f64)
    b, c = torch.tensor([0.2, -0.7, 0.5], dtype=f64), torch.tensor([-0.4, 0.6], dtype=f64)

    def full(self):
        weights = torch.zeros(5, 5, dtype=f64)
        weights[:3, 3:], weights[3:, :3] = self.weights, self.weights.T
        return weights, torch.cat([self.b, self.c])

    def test_both_layers_come_to_the_counted_law(self):
        v, h = block_gibbs(torch.zeros(60_000, 3, dtype=f64), self.weights, self.b, self.c, 25, generator=dice())
        law, _ = counted(*self.full())
        assert (frequencies(torch.cat([v, h], 1)) - table(law)).abs().max() < 0.008

    def test_hidden_units_are_those_of_scikit_learn(self):
        from sklearn.neural_network import BernoulliRBM

        theirs = BernoulliRBM(n_components=2)
        theirs.components_ = self.weights.T.numpy()
        theirs.intercept_hidden_, theirs.intercept_visible_ = self.c.numpy(), self.b.numpy()
        start = torch.tensor([1.0, 0.0, 1.0], dtype=f64)
        _, h = block_gibbs(start.expand(60_000, 3), self.weights, self.b, self.c, 1, generator=dice())
        np.testing.assert_allclose(h.mean(0), theirs.transform(start[None].numpy())[0], atol=0.01)
        many = theirs.gibbs(np.zeros((60_000, 3)))
        v, _ = block_gibbs(torch.zeros(60_000, 3, dtype=f64), self.weights, self.b, self.c, 1, generator=dice(1))
        np.testing.assert_allclose(v.mean(0), many.mean(0), atol=0.015)

    def test_beta_and_batches_and_float32(self):
        args = [part.float() for part in (self.weights, self.b, self.c)]
        x = torch.zeros(2, 7, 3)
        v, h = block_gibbs(x, *args, 2, beta=0.5, generator=dice())
        again = block_gibbs(x, *(part / 2 for part in args), 2, generator=dice())
        assert torch.equal(v, again[0]) and torch.equal(h, again[1])
        assert v.shape == (2, 7, 3) and h.shape == (2, 7, 2) and v.dtype == h.dtype == torch.float32
        stacked = [torch.stack([part, part]) for part in args]
        assert block_gibbs(x, *stacked, generator=dice())[1].shape == (2, 7, 2)


class TestLangevin:
    @pytest.mark.parametrize("step", [0.05, 0.5, 1.2])
    def test_without_correction_the_variance_of_a_normal_law_is_the_theorem_s(self, step):
        x, taken = langevin(torch.zeros(20_000, 1, dtype=f64), lambda x: x[..., 0] ** 2 / 2, step, 120, generator=dice())
        assert x.var().item() == pytest.approx(1 / (1 - step / 2), rel=0.04)
        assert (taken == 1).all()

    @pytest.mark.parametrize("step", [0.1, 0.3])
    def test_the_correction_makes_a_skew_law_exact(self, step):
        def energy(x):
            return torch.nn.functional.softplus(3 * x[..., 0]) - x[..., 0] + (x[..., 1] - x[..., 0]) ** 2

        line = torch.linspace(-12, 12, 601, dtype=f64)
        grid = torch.cartesian_prod(line, line)
        p = (-energy(grid)).softmax(0)
        wanted = [(p * f).sum().item() for f in (grid[:, 0].tanh(), grid[:, 0] > 0, grid.diff(dim=1)[:, 0] ** 2)]
        x, taken = langevin(torch.zeros(15_000, 2, dtype=f64), energy, step, 150, metropolis=True, generator=dice())
        found = [v.mean().item() for v in (x[:, 0].tanh(), (x[:, 0] > 0).double(), x.diff(dim=1) ** 2)]
        assert found == pytest.approx(wanted, abs=0.03)
        assert 0.3 < taken.mean().item() < 0.999
        plain, _ = langevin(torch.zeros(15_000, 2, dtype=f64), energy, 0.3, 150, generator=dice())
        assert abs((plain.diff(dim=1) ** 2).mean().item() - wanted[2]) > 0.2

    def test_a_step_for_each_model(self):
        steps = torch.tensor([0.05, 1.0], dtype=f64)[:, None, None]
        x, taken = langevin(torch.zeros(2, 20_000, 1, dtype=f64), lambda x: x[..., 0] ** 2 / 2, steps, 200, generator=dice())
        assert x.var((1, 2)).tolist() == pytest.approx([1 / 0.975, 2.0], rel=0.04)
        assert taken.shape == (2, 20_000)

    def test_parameters_collect_no_gradient_and_points_carry_none(self):
        layer = torch.nn.Linear(2, 1)
        x, _ = langevin(torch.zeros(5, 2, requires_grad=True), lambda x: layer(x)[..., 0] + x.square().sum(-1), 0.1, 3)
        assert layer.weight.grad is None and not x.requires_grad and x.dtype == torch.float32

    def test_no_step_is_no_move(self):
        x = torch.ones(3, 2)
        y, taken = langevin(x, lambda x: x.sum(-1), 0.1, 0)
        assert torch.equal(x, y) and (taken == 1).all()


def machine(scale=1.0):
    weights, bias = scale * W3, scale * B3

    def log_f(x, beta):
        return beta * ((x @ weights * x).sum(-1) / 2 + x @ bias)

    return log_f, weights, bias


class TestAnnealing:
    @pytest.mark.parametrize("temperatures", [2, 6, 30])
    def test_the_mean_weight_is_the_ratio_of_normalisers(self, temperatures):
        log_f, weights, bias = machine()
        made = dice(temperatures)
        start = torch.randint(2, (40_000, 3), generator=made).to(f64)
        move = lambda x, beta: gibbs(x, weights, bias, beta=beta, generator=made)
        found = annealed_importance_sampling(log_f, move, start, torch.linspace(0, 1, temperatures))
        value, error = log_mean(found.log_weights)
        _, log_z = counted(weights, bias)
        assert abs(value.item() + 3 * math.log(2) - log_z) < 4 * error.item() < 0.05
        assert found.states.shape == (40_000, 3)

    def test_turned_round_it_gives_the_inverse(self):
        log_f, weights, bias = machine(1.5)
        law, log_z = counted(weights, bias)
        states = torch.tensor(sorted(law), dtype=f64)
        start = states[torch.multinomial(table(law), 40_000, replacement=True, generator=dice())]
        made = dice(1)
        move = lambda x, beta: gibbs(x, weights, bias, beta=beta, generator=made)
        found = annealed_importance_sampling(log_f, move, start, torch.linspace(1, 0, 20))
        value, error = log_mean(found.log_weights)
        assert abs(3 * math.log(2) - value.item() - log_z) < 4 * error.item() < 0.05

    def test_where_nothing_moves_the_weights_telescope(self):
        log_f, _, _ = machine()
        start = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], dtype=f64)
        found = annealed_importance_sampling(log_f, lambda x, beta: x, start, (0.0, 0.1, 0.7, 1.0))
        torch.testing.assert_close(found.log_weights, log_f(start, 1.0))

    def test_moves_are_made_at_the_next_temperature_in_turn(self):
        seen = []
        move = lambda x, beta: seen.append(beta) or x
        annealed_importance_sampling(lambda x, beta: beta * x.sum(-1), move, torch.ones(2, 3), [0.0, 0.25, 1.0])
        assert seen == [0.25, 1.0]

    def test_models_and_float32(self):
        log_f = lambda x, beta: beta * x.sum(-1)
        found = annealed_importance_sampling(log_f, lambda x, beta: x, torch.ones(4, 5, 3), torch.linspace(0, 1, 3))
        assert found.log_weights.shape == (4, 5) and found.log_weights.dtype == torch.float32


class TestWeights:
    def test_log_mean_is_that_of_numpy(self):
        w = np.random.default_rng(0).gamma(0.5, size=(3, 50))
        value, error = log_mean(torch.tensor(np.log(w)))
        np.testing.assert_allclose(value, np.log(w.mean(1)))
        np.testing.assert_allclose(error, w.std(1, ddof=1) / w.mean(1) / math.sqrt(50))

    def test_log_mean_of_weights_beyond_the_range_of_numbers(self):
        value, error = log_mean(torch.tensor([2000.0, 2000.0 + math.log(3)], dtype=f64))
        assert value.item() == pytest.approx(2000 + math.log(2)) and error.item() == pytest.approx(0.5)

    def test_effective_share(self):
        assert effective_share(torch.full((2, 8), -5.0)).tolist() == pytest.approx([1, 1])
        assert effective_share(torch.tensor([0.0, -900.0, -900.0, -900.0])).item() == pytest.approx(0.25)
        w = torch.tensor([1.0, 2.0, 5.0], dtype=f64)
        assert effective_share(w.log()).item() == pytest.approx(64 / (3 * 30))


def test_the_module_is_loaded_by_name():
    assert nbdgm.sampling.gibbs is gibbs and "sampling" in dir(nbdgm)
