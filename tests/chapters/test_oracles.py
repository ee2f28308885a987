"""What a chapter writes out for itself, beside a library that others have written."""

import ast
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def functions(chapter, **names):
    """The functions that a chapter defines, with `names` in their scope; nothing else of the chapter is run."""
    notebook = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and not {"setup", "proof"} & set(tags):
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            exec(compile(tree, chapter, "exec"), names)
    return names


@pytest.fixture(scope="module")
def hidden_markov():
    one_hot = torch.nn.functional.one_hot
    return functions("generative_models/3_hidden_markov_models", torch=torch, np=np, one_hot=one_hot, f64=torch.float64)


@pytest.fixture(params=[(2, 6, 1), (3, 4, 2), (5, 3, 3)], ids=lambda p: f"{p[0]} states, {p[1]} symbols")
def pair(request):
    """A model with K states and V symbols, hmmlearn's twin of it, and eight sequences of 40 symbols."""
    from hmmlearn.hmm import CategoricalHMM

    states, symbols, seed = request.param
    dice = np.random.default_rng(seed)
    model = [dice.dirichlet(np.ones(n), shape) for n, shape in ((states, ()), (states, states), (symbols, states))]
    twin = CategoricalHMM(states, n_iter=1, init_params="", n_features=symbols, implementation="log")
    twin.startprob_, twin.transmat_, twin.emissionprob_ = model
    x = dice.integers(symbols, size=(8, 40))
    return tuple(torch.tensor(part) for part in model), twin, torch.tensor(x)


def test_hidden_markov_evidence_and_posteriors_are_those_of_hmmlearn(hidden_markov, pair):
    model, twin, x = pair
    states, moves, log_p = hidden_markov["posterior"](x, model)
    flat, lengths = x.reshape(-1, 1).numpy(), [40] * 8
    assert log_p.sum().item() == pytest.approx(twin.score(flat, lengths), abs=1e-9)
    assert 40 * 8 * hidden_markov["evidence"](x, model).item() == pytest.approx(log_p.sum().item(), abs=1e-9)
    np.testing.assert_allclose(states.reshape(-1, len(model[0])), twin.predict_proba(flat, lengths), atol=1e-9)
    assert moves.sum().item() == pytest.approx(8 * 39, abs=1e-9)


def test_hidden_markov_best_paths_are_as_probable_as_those_of_hmmlearn(hidden_markov, pair):
    (start, moves, emits), twin, x = pair
    theirs, _ = twin.decode(x.reshape(-1, 1).numpy(), [40] * 8, algorithm="viterbi")
    z = hidden_markov["best_path"](x, (start, moves, emits))
    ours = start[z[:, 0]].log().sum() + moves[z[:, :-1], z[:, 1:]].log().sum() + emits[z, x].log().sum()
    assert ours.item() == pytest.approx(theirs, abs=1e-9)  # paths may differ: there are ties


def test_one_update_of_baum_welch_is_that_of_hmmlearn(hidden_markov, pair):
    model, twin, x = pair
    many = tuple(torch.stack([part, part]) for part in model)  # two copies, to be sure of the leading dimension
    updated, values = hidden_markov["baum_welch"](x, many, 1)
    twin.fit(x.reshape(-1, 1).numpy(), [40] * 8)
    for part, name in zip(updated, ("startprob_", "transmat_", "emissionprob_"), strict=True):
        np.testing.assert_allclose(part[1], getattr(twin, name), atol=1e-9)
        torch.testing.assert_close(part[0], part[1])
    assert values.shape == (1, 2)


def test_a_hidden_markov_chain_is_drawn_as_its_laws_say(hidden_markov, monkeypatch):
    class Dice:
        generator = staticmethod(lambda seed, device: torch.Generator().manual_seed(seed))

    monkeypatch.setitem(hidden_markov, "nbdgm", Dice)
    model = (
        torch.tensor([0.2, 0.8], dtype=torch.float64),
        torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64),
        torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]], dtype=torch.float64),
    )
    z, x = hidden_markov["draw"](model, 20_000, 3, 0)
    assert z.shape == x.shape == (20_000, 3)
    assert abs(z[:, 0].double().mean().item() - 0.8) < 0.01
    assert abs(z[:, 1][z[:, 0] == 1].double().mean().item() - 0.7) < 0.02
    assert not ((x == 2) & (z == 0)).any() and not ((x == 0) & (z == 1)).any()
    assert abs((x[z == 1] == 2).double().mean().item() - 0.75) < 0.01


@pytest.fixture(scope="module")
def energy_based():
    return functions("generative_models/6_energy_based_models", torch=torch, np=np, math=math, f64=torch.float64)


@pytest.fixture(params=[(3, 2, 1), (4, 1, 2), (2, 4, 3)], ids=lambda p: f"{p[0]} visible, {p[1]} hidden")
def machine(request):
    """A restricted Boltzmann machine of scikit-learn, and the weights and biases of the chapter's for all its units."""
    from sklearn.neural_network import BernoulliRBM

    d, k, seed = request.param
    dice = np.random.default_rng(seed)
    rbm = BernoulliRBM(n_components=k)
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = (dice.normal(size=s) for s in ((k, d), d, k))
    weights = np.zeros((d + k, d + k))
    weights[:d, d:], weights[d:, :d] = rbm.components_.T, rbm.components_
    bias = np.concatenate([rbm.intercept_visible_, rbm.intercept_hidden_])
    return rbm, torch.tensor(weights), torch.tensor(bias)


def test_visible_states_have_the_free_energies_of_scikit_learn(energy_based, machine):
    rbm, weights, bias = machine
    d = len(rbm.intercept_visible_)
    states = np.array(list(itertools.product((0.0, 1.0), repeat=d)))
    free = rbm._free_energy(states)
    log_z = np.log(np.exp(-free).sum())
    np.testing.assert_allclose(energy_based["log_visible"](weights, bias, d), -free - log_z, atol=1e-12)
    two = energy_based["log_visible"](torch.stack([weights, 2 * weights]), torch.stack([bias, bias]), d)
    np.testing.assert_allclose(two[0], -free - log_z, atol=1e-12)


def test_the_matrix_of_a_sweep_moves_units_as_scikit_learn_does(energy_based, machine):
    """Visible units first, then hidden ones: scikit-learn's means of one layer given the other."""
    rbm, weights, bias = machine
    d, n = len(rbm.intercept_visible_), len(bias)
    P = energy_based["sweep_matrix"](weights, bias).numpy()
    states = energy_based["all_states"](n).numpy()
    np.testing.assert_allclose(P.sum(1), 1)
    visible = 1 / (1 + np.exp(-(states[:, d:] @ rbm.components_ + rbm.intercept_visible_)))
    np.testing.assert_allclose(P @ states[:, :d], visible, atol=1e-12)
    hidden = np.stack([rbm.transform(row[None, :d])[0] for row in states])
    np.testing.assert_allclose(P @ states[:, d:], P @ hidden, atol=1e-12)


def test_annealed_weights_have_the_counted_mean(energy_based, machine, monkeypatch):
    from nbdgm import sampling

    monkeypatch.setitem(energy_based, "sampling", sampling)
    monkeypatch.setitem(energy_based, "pairwise", itertools.pairwise)
    rbm, weights, bias = machine
    d, n = len(rbm.intercept_visible_), len(bias)
    states = np.array(list(itertools.product((0.0, 1.0), repeat=d)))
    log_z = np.log(np.exp(-rbm._free_energy(states)).sum())
    dice = torch.Generator().manual_seed(0)
    s = torch.randint(2, (20_000, n), generator=dice).double()
    log_w = energy_based["anneal"](s, weights, bias, torch.linspace(0, 1, 11), dice)
    value, bar = energy_based["with_bar"](log_w)
    assert abs(value.item() + n * math.log(2) - log_z) < 4 * bar.item() < 0.1
    dice.manual_seed(0)
    s = torch.randint(2, (20_000, n), generator=dice).double()
    ours = sampling.annealed_importance_sampling(
        lambda s, beta: -beta * energy_based["energy"](s, weights, bias),
        lambda s, beta: sampling.gibbs(s, weights, bias, beta=beta, generator=dice),
        s,
        torch.linspace(0, 1, 11),
    )
    torch.testing.assert_close(ours.log_weights, log_w)


def test_parity_and_shifter_are_the_laws_that_they_say(energy_based, monkeypatch):
    monkeypatch.setitem(energy_based, "product", itertools.product)
    parity, shifter = energy_based["parity"](5), energy_based["shifter"]()
    states = energy_based["all_states"](5)
    assert parity.sum().item() == pytest.approx(1) and int((parity > 0).sum()) == 16
    torch.testing.assert_close(parity @ states, torch.full((5,), 0.5, dtype=torch.float64))
    pairs = states.T @ (parity[:, None] * states)
    assert ((pairs - 0.25).abs()[~torch.eye(5, dtype=bool)] < 1e-12).all()
    assert shifter.sum().item() == pytest.approx(1) and int((shifter > 0).sum()) == 24
    for row in energy_based["all_states"](9)[shifter > 0].long().tolist():
        bits, moved, says = row[:3], row[3:6], row[6:]
        shift = says.index(1) - 1
        assert sum(says) == 1 and all(moved[(place + shift) % 3] == bits[place] for place in range(3))


@pytest.fixture(scope="module")
def deep_belief():
    softplus = torch.nn.functional.softplus
    return functions(
        "generative_models/8_deep_belief_and_deep_boltzmann",
        torch=torch,
        np=np,
        math=math,
        f64=torch.float64,
        softplus=softplus,
    )


def test_one_pair_of_layers_has_the_free_energies_of_scikit_learn(deep_belief, machine):
    rbm, weights, bias = machine
    d = rbm.components_.shape[1]
    layer = weights[:d, d:], bias[:d], bias[d:]
    states = deep_belief["all_states"](d)
    free = rbm._free_energy(states.numpy())
    np.testing.assert_allclose(deep_belief["minus_free"](states, *layer), -free, atol=1e-12)
    log_z = np.log(np.exp(-free).sum())
    assert deep_belief["log_z"](*layer).item() == pytest.approx(log_z)
    for row, value in zip(states, -free - log_z, strict=True):
        both = deep_belief["judge"](row[None], layer, deep_belief["tied"](*layer))
        assert [part.item() for part in both] == pytest.approx([value, value])


def test_two_layers_are_judged_as_by_a_sum_over_all_states(deep_belief):
    dice = np.random.default_rng(0)
    first = [dice.normal(size=shape) for shape in ((4, 3), 4, 3)]
    top = [dice.normal(size=shape) for shape in ((3, 5), 3, 5)]
    seen, mid, high = (list(itertools.product((0, 1), repeat=n)) for n in (4, 3, 5))
    weight = np.array([[math.exp(np.dot(h, top[0] @ g) + top[1] @ h + top[2] @ g) for g in high] for h in mid])
    prior = weight.sum(1) / weight.sum()

    def chance(bits, fields):
        on = 1 / (1 + np.exp(-fields))
        return np.prod([p if bit else 1 - p for bit, p in zip(bits, on, strict=True)])

    found = []
    for v in seen:
        down = np.array([chance(v, first[0] @ h + first[1]) for h in mid])
        q = np.array([chance(h, first[0].T @ v + first[2]) for h in mid])
        row = torch.tensor([v], dtype=torch.float64)
        layers = [tuple(torch.tensor(part) for part in layer) for layer in (first, top)]
        bound, exact = deep_belief["judge"](row, *layers)
        assert exact.item() == pytest.approx(math.log(down @ prior))
        assert bound.item() == pytest.approx(q @ np.log(down * prior / q))
        found.append(exact.item())
    assert np.exp(found).sum() == pytest.approx(1)


def test_a_deep_machine_is_inferred_and_judged_as_by_a_sum_over_all_states(deep_belief, monkeypatch):
    monkeypatch.setitem(deep_belief, "all_codes", deep_belief["all_states"](3))
    dice = np.random.default_rng(1)
    W, U, a, b, c = (dice.normal(size=shape) for shape in ((4, 3), (3, 2), 4, 3, 2))
    parts = [torch.tensor(part)[None] for part in (W, U, a, b, c)]
    states = [[np.array(s) for s in itertools.product((0, 1), repeat=n)] for n in (4, 3, 2)]

    def minus_energy(v, h, g):
        return v @ W @ h + h @ U @ g + a @ v + b @ h + c @ g

    z = sum(math.exp(minus_energy(v, h, g)) for v in states[0] for h in states[1] for g in states[2])
    v = states[0][11]
    weight = np.array([[math.exp(minus_energy(v, h, g)) for g in states[2]] for h in states[1]])
    share = weight / weight.sum()
    mid, high, cross = deep_belief["posterior_two"](torch.tensor(v)[None].double(), parts)
    np.testing.assert_allclose(mid[0, 0], share.sum(1) @ np.array(states[1]))
    np.testing.assert_allclose(high[0, 0], share.sum(0) @ np.array(states[2]))
    np.testing.assert_allclose(cross[0], np.array(states[1]).T @ share @ np.array(states[2]))
    exact, short = deep_belief["shortfall"](torch.tensor(v)[None].double(), parts)
    assert exact.item() == pytest.approx(math.log(weight.sum() / z))
    mid, high, cross = deep_belief["up_two"](torch.tensor(v)[None].double(), parts, 50)
    q = [
        [np.prod(np.where(s, m, 1 - m)) for s in layer]
        for m, layer in ((mid[0, 0].numpy(), states[1]), (high[0, 0].numpy(), states[2]))
    ]
    q = np.outer(*q)
    assert short.item() == pytest.approx((q * np.log(q / share)).sum(), abs=1e-12) and short.item() > 0
    np.testing.assert_allclose(cross, mid.mT @ high)
