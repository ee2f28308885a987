"""What a chapter writes out for itself, beside a library that others have written."""

import ast
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import nbdgm

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
def restricted():
    from nbdgm import sampling

    names = {"torch": torch, "np": np, "math": math, "f64": torch.float64, "sampling": sampling}
    names["softplus"] = torch.nn.functional.softplus
    names["functional"] = torch.nn.functional
    return functions("generative_models/7_restricted_boltzmann_machines", **names)


def arrays_of(rbm):
    """The weights and biases of scikit-learn's machine, as the chapter has them."""
    return [torch.tensor(a) for a in (rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_)]


def test_restricted_machines_have_the_free_energies_and_sums_of_scikit_learn(restricted, machine):
    rbm, _, _ = machine
    parts = arrays_of(rbm)
    d = len(parts[1])
    states = np.array(list(itertools.product((0.0, 1.0), repeat=d)))
    free = rbm._free_energy(states)
    ours = restricted["free_energy"](torch.tensor(states), *parts)
    np.testing.assert_allclose(ours, free, atol=1e-12)
    log_z = np.log(np.exp(-free).sum())
    assert restricted["log_z"](*parts).item() == pytest.approx(log_z, abs=1e-12)
    many = [torch.stack([part, 2 * part]) for part in parts]
    assert restricted["log_z"](*many)[0].item() == pytest.approx(log_z, abs=1e-12)


def test_a_sweep_of_a_restricted_machine_is_that_of_scikit_learn_in_the_mean(restricted, machine):
    rbm, _, _ = machine
    parts = arrays_of(rbm)
    d, dice = len(parts[1]), torch.Generator().manual_seed(0)
    start = torch.tensor([[1.0] * (d - 1) + [0.0]], dtype=torch.float64)
    hidden = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(parts[2]))), dtype=torch.float64)
    on = torch.tensor(rbm.transform(start.numpy()))
    weights = torch.where(hidden > 0, on, 1 - on).prod(1)
    wanted = weights @ torch.sigmoid(hidden @ parts[0].T + parts[1])
    drawn = restricted["gibbs"](start.repeat(40_000, 1), *parts, 1, dice)
    np.testing.assert_allclose(drawn.mean(0), wanted, atol=0.015)


def test_bars_and_stripes_are_fourteen_pictures_at_least_three_flips_apart(restricted):
    pictures = restricted["bars_and_stripes"]()
    assert pictures.shape == (14, 9)
    for picture in pictures.view(14, 3, 3):
        assert (picture == picture[:1]).all() or (picture == picture[:, :1]).all()
    apart = (pictures[:, None] != pictures).sum(2)
    assert (apart[~torch.eye(14, dtype=bool)] >= 3).all()


def test_pseudo_likelihood_is_the_product_of_counted_conditional_laws(restricted, monkeypatch):
    dice = torch.Generator().manual_seed(1)
    parts = [torch.randn(shape, dtype=torch.float64, generator=dice) for shape in ((1, 9, 8), (1, 9), (1, 8))]
    patterns = restricted["bars_and_stripes"]()
    monkeypatch.setitem(restricted, "patterns", patterns)
    every = restricted["all_states"](9)
    p = (-restricted["free_energy"](every, *parts)).softmax(-1)[0]
    position = {tuple(row): place for place, row in enumerate(every.tolist())}
    total = 0.0
    for row in patterns.tolist():
        for pixel in range(9):
            other = [1 - x if place == pixel else x for place, x in enumerate(row)]
            here, there = p[position[tuple(row)]], p[position[tuple(other)]]
            total += (here / (here + there)).log().item() / 14
    assert -restricted["pseudo"](parts, None, None)[0].item() == pytest.approx(total, abs=1e-9)


def test_the_density_of_a_machine_with_real_units_is_the_mixture_that_scipy_has(restricted):
    from scipy.stats import multivariate_normal

    dice = torch.Generator().manual_seed(2)
    W, c = (torch.randn(shape, dtype=torch.float64, generator=dice) for shape in ((1, 3, 4), (1, 4)))
    v, log_s = torch.randn(5, 3, dtype=torch.float64, generator=dice), torch.tensor([[-0.4]], dtype=torch.float64)
    s2 = math.exp(-0.8)
    hidden = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    centres = hidden @ W[0].numpy().T
    shares = np.exp(hidden @ c[0].numpy() + (centres**2).sum(1) / (2 * s2))
    parts = np.array([multivariate_normal(centre, s2).pdf(v.numpy()) for centre in centres])
    wanted = np.log(shares / shares.sum() @ parts)
    np.testing.assert_allclose(restricted["gauss_log_p"](v, W, c, log_s)[0], wanted, atol=1e-9)


def test_annealing_a_restricted_machine_counts_its_states(restricted, machine, monkeypatch):
    rbm, _, _ = machine
    parts = arrays_of(rbm)
    d, m = parts[0].shape
    base = torch.linspace(-1, 1, d, dtype=torch.float64)
    monkeypatch.setitem(restricted, "base", base)
    dice = torch.Generator().manual_seed(3)
    start = torch.bernoulli(base.sigmoid().expand(20_000, -1), generator=dice)
    value, bar, share = restricted["anneal"](parts, start, torch.linspace(0, 1, 11), dice)
    log_z0 = m * math.log(2) + torch.nn.functional.softplus(base).sum()
    assert abs(value + log_z0 - restricted["log_z"](*parts)) < 4 * bar < 0.1
    assert 0.1 < share < 1


def test_blocks_of_a_convolutional_machine_are_counted(restricted):
    dice = torch.Generator().manual_seed(4)
    w, c, b = torch.randn(2, 1, 5, 5, generator=dice), torch.randn(2, generator=dice), torch.tensor(0.3)
    v = torch.bernoulli(torch.full((1, 1, 14, 14), 0.5), generator=dice)
    maps = torch.nn.functional.conv2d(v, w, c)[0]
    total = -b * v.sum()
    for block in maps.unfold(1, 2, 2).unfold(2, 2, 2).reshape(-1, 4):
        total = total - (1 + block.exp().sum()).log()  # off, or one of four
    assert restricted["pooled_free_energy"](v, w, b, c).item() == pytest.approx(total.item(), abs=1e-2)
    drawn, _ = restricted["pooled_sweep"](v.repeat(7, 1, 1, 1), w, b, c, dice)
    assert drawn.shape == (7, 1, 14, 14) and ((drawn == 0) | (drawn == 1)).all()


@pytest.fixture
def autoregressive():
    """The chapter's functions; a test sets what they take from other cells."""
    from torch.nn import functional

    names = {"torch": torch, "np": np, "math": math}
    for name in ("binary_cross_entropy_with_logits", "cross_entropy", "logsigmoid", "one_hot"):
        names[name] = getattr(functional, name)
    return functions("generative_models/4_autoregressive_models", **names)


def all_bits(d):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=d)), dtype=torch.float64)


def small_nade(d, hidden, seed):
    dice = torch.Generator().manual_seed(seed)
    shapes = ((d, hidden), (d, hidden), (d,), (hidden,))
    return [torch.randn(shape, generator=dice, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("d", [1, 4, 9])
def test_factors_are_the_conditional_laws_of_the_enumerated_joint_law(autoregressive, d):
    x = all_bits(d)
    nade, square = small_nade(d, 5, d), small_nade(d, d, 20 + d)
    for logits in (autoregressive["nade_logits"](x, *nade), autoregressive["bayes_logits"](x, square[0], square[2])):
        p = (-autoregressive["cost"](logits, x)).exp()
        assert p.sum().item() == pytest.approx(1, abs=1e-12)
        for place in range(d):
            for beginning in all_bits(place):
                fits = (x[:, :place] == beginning).all(1)
                on = p[fits & (x[:, place] == 1)].sum() / p[fits].sum()
                torch.testing.assert_close(logits[fits, place].sigmoid(), on.expand(int(fits.sum())))


@pytest.mark.parametrize(("d", "width"), [(10, 4), (10, 10), (7, 1), (6, 56)])
def test_nade_in_blocks_has_the_logits_and_slopes_of_one_network_a_pixel(autoregressive, d, width):
    model = [part.requires_grad_() for part in small_nade(d, 3, d + width)]
    W, V, b, c = model
    x = all_bits(d)[:: 2 ** (d - 5) + 1]
    naive = torch.stack([(c + x[:, :i] @ W[:i]).sigmoid() @ V[i] + b[i] for i in range(d)], 1)
    weights = torch.linspace(-1, 1, naive.numel(), dtype=torch.float64).view_as(naive)
    wanted = torch.autograd.grad((weights * naive).sum(), model)
    fast = autoregressive["nade_fast"](x, *model, width=width)
    torch.testing.assert_close(fast, naive)
    torch.testing.assert_close(autoregressive["nade_logits"](x, *model), naive)
    torch.testing.assert_close(torch.autograd.grad((weights * fast).sum(), model), wanted)


def test_nade_draws_what_the_enumerated_law_says_also_after_a_given_beginning(autoregressive):
    model, x, dice = small_nade(4, 3, 1), all_bits(4), torch.Generator().manual_seed(0)
    p = (-autoregressive["cost"](autoregressive["nade_logits"](x, *model), x)).exp()
    code = torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)
    for first in (0, 2):
        given = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(40_000, -1)
        drawn = autoregressive["draw"](model, given, first, dice)
        shares = torch.bincount((drawn @ code).long(), minlength=16) / 40_000
        wanted = p * (x[:, :first] == given[0, :first]).all(1)
        torch.testing.assert_close(shares.double(), wanted / wanted.sum(), atol=0.01, rtol=0)
        assert (given[0] == torch.tensor([1, 0, 1, 1])).all(), "what is given stays as it is"


def test_tables_of_letters_are_those_of_counting_by_hand(autoregressive):
    text = np.random.default_rng(0).integers(0, 27, 400) % 5
    for order in (1, 2, 3):
        table = autoregressive["ngram"](text, order, 2.0)
        assert table.shape == (27 ** (order - 1), 27)
        np.testing.assert_allclose(table.sum(1), 1, atol=1e-5)

        def by_hand(context, letter):
            if context is None:
                return 1 / 27
            starts = range(len(text) - len(context))
            follow = [text[at + len(context)] for at in starts if tuple(text[at : at + len(context)]) == context]
            return (follow.count(letter) + 2 * by_hand(context[1:] if context else None, letter)) / (len(follow) + 2)

        for context in [(0, 1), (4, 4), (26, 3)]:
            context = context[: order - 1]
            row = int(sum(27**power * letter for power, letter in enumerate(reversed(context))))
            for letter in (0, 3, 20):
                assert table[row, letter] == pytest.approx(by_hand(context, letter), abs=1e-6)
        wanted = [-np.log2(table.flat[int(n)]) for n in autoregressive["windows"](text, order)]
        assert autoregressive["bits_of"](table, text, order) == pytest.approx(np.mean(wanted), abs=1e-5)
        pieces = text.reshape(8, 50)
        inside = [autoregressive["bits_of"](table, piece, order) for piece in pieces]
        assert autoregressive["bits_of"](table, pieces, order) == pytest.approx(np.mean(inside), abs=1e-5)
        numbers = np.concatenate([autoregressive["windows"](piece, order) for piece in pieces])
        np.testing.assert_array_equal(autoregressive["windows"](pieces, order).ravel(), numbers)


def test_the_network_of_letters_is_torch_s_cell_step_by_step(autoregressive, monkeypatch):
    from nbdgm.data.text import Text

    torch.manual_seed(0)
    net, out, cell = torch.nn.LSTM(27, 6, batch_first=True), torch.nn.Linear(6, 27), torch.nn.LSTMCell(27, 6)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in net.state_dict().items()})
    x = torch.arange(4000) ** 2 % 27
    monkeypatch.setitem(autoregressive, "text", {"test": Text(x)})
    pieces, state, bits = x.view(8, -1), None, []
    with torch.no_grad():
        for place in range(pieces.shape[1] - 1):
            state = cell(torch.eye(27)[pieces[:, place]], state)
            log_p = out(state[0]).log_softmax(1)
            if place >= 3:  # from the fifth letter on, as the tables
                bits.append(-log_p[torch.arange(8), pieces[:, place + 1]].mean() / math.log(2))
    assert autoregressive["bits_of_net"](net, out, "test") == pytest.approx(torch.stack(bits).mean().item(), abs=1e-4)


def test_recurrent_components_are_torch_s_and_sum_to_one(autoregressive):
    dice = torch.Generator().manual_seed(2)
    shapes = ((3, 2, 4, 4), (3, 2, 4), (3, 2, 4), (3, 2, 4), (3, 2))
    nets = [torch.randn(shape, generator=dice) for shape in shapes]
    x = all_bits(6).long()
    for memory in (None, 1, 2, 6):
        log_p = autoregressive["log_p"](nets, x.expand(3, 1, -1, -1), memory)
        assert log_p.shape == (3, 2, 64)
        torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, 2))
    whole = autoregressive["log_p"](nets, x.expand(3, 1, -1, -1), None)
    rnn = torch.nn.RNN(1, 4, batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(nets[0][1, 1].T)
        rnn.weight_ih_l0.copy_(nets[1][1, 1][:, None])
        rnn.bias_hh_l0.zero_()
        rnn.bias_ih_l0.copy_(nets[2][1, 1])
        signs = 2.0 * x[..., None] - 1
        h = torch.cat([torch.zeros(64, 1, 4), rnn(signs)[0][:, :-1]], 1)
        logits = h @ nets[3][1, 1] + nets[4][1, 1]
        wanted = -torch.nn.functional.binary_cross_entropy_with_logits(logits, x.float(), reduction="none").sum(1)
    torch.testing.assert_close(whole[1, 1], wanted)


def test_the_two_writers_agree_in_pairs_and_differ_in_triples(autoregressive):
    """Neighbours are fair coins, bits three apart agree in 68 of 100, for both; a triple tells who wrote."""
    writer, x = autoregressive["strings"](20_000, torch.Generator().manual_seed(3))
    for who in (0, 1):
        own = x[writer == who]
        pairs = torch.stack([torch.bincount((2 * own[:, t] + own[:, t + 1]), minlength=4) for t in range(15)])
        torch.testing.assert_close(pairs / len(own), torch.full((15, 4), 0.25), atol=0.025, rtol=0)
        for apart, share in ((1, 0.5), (2, 0.5), (3, 0.68)):
            same = (own[:, apart:] == own[:, :-apart]).double().mean(0)
            torch.testing.assert_close(same, torch.full_like(same, share), atol=0.025, rtol=0)
        even = (own[:, 2:] ^ own[:, 1:-1] ^ own[:, :-2]) == who
        assert abs(even.double().mean().item() - 0.8) < 0.01
    p_right = autoregressive["log_p_true"](torch.tensor([[1, 1, 0, 1]]), 0).item()
    assert p_right == pytest.approx(2 * math.log(0.8) - math.log(4))


def test_the_best_law_by_memory_is_that_of_its_closed_forms(autoregressive):
    """Three bits: bits three apart agree in 0.68, else fair coins. All bits: the entropy of the enumerated mixture."""
    best_law = autoregressive["best_law"]
    assert best_law(2) == pytest.approx(-math.log(2), abs=1e-12)
    agree = 0.68 * math.log(0.68) + 0.32 * math.log(0.32)
    assert best_law(3) == pytest.approx((13 * agree - 3 * math.log(2)) / 16, abs=1e-12)
    whole = 0.0
    for slips in range(15):  # strings with so many slips under writer 1, and 14 less so many under writer 2
        p = (0.8 ** (14 - slips) * 0.2**slips + 0.2 ** (14 - slips) * 0.8**slips) / 8
        whole += 4 * math.comb(14, slips) * p * math.log(p)
    assert best_law(15) == pytest.approx(whole / 16, abs=1e-12)


# --- PixelCNN and PixelRNN ---------------------------------------------------------------------------------------------------

F64 = torch.float64


def definitions(chapter, **names):
    """As `functions`, with the classes that a chapter defines."""
    notebook = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and not {"setup", "proof"} & set(tags):
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            exec(compile(tree, chapter, "exec"), names)
    return names


@pytest.fixture(scope="module")
def pixels():
    import nbdgm

    nn = torch.nn
    reach = 4
    names = {"torch": torch, "nn": nn, "np": np, "math": math, "f64": F64, "nbdgm": nbdgm, "pad": nn.functional.pad}
    names |= {"binary_cross_entropy_with_logits": nn.functional.binary_cross_entropy_with_logits, "reach": reach}
    names["places"] = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2)]
    return definitions("generative_models/5_pixelcnn_and_pixelrnn", **names)


def pixel_net(pixels, name):
    torch.manual_seed(3)
    make = {
        "masks": lambda: pixels["PixelCNN"](4, 4),
        "wide masks": lambda: pixels["PixelCNN"](4, 3, 5, 7),
        "stacks": lambda: pixels["TwoStacks"](4, 6),
        "cone": lambda: pixels["TwoStacks"](4, 4, "B"),
        "rows": lambda: pixels["Recurrent"](pixels["RowLayer"], 4),
        "diagonals": lambda: pixels["Recurrent"](pixels["DiagonalLayer"], 4),
    }
    return make[name]().double()


each_pixel_net = pytest.mark.parametrize("name", ["masks", "wide masks", "stacks", "cone", "rows", "diagonals"])


@each_pixel_net
def test_all_pictures_of_3_by_3_sum_to_one(pixels, name):
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=9)), dtype=F64).view(-1, 1, 3, 3)
    with torch.no_grad():
        assert (-pixels["nats"](pixel_net(pixels, name), every)).exp().sum().item() == pytest.approx(1, abs=1e-12)


@each_pixel_net
def test_a_changed_pixel_changes_later_logits_only(pixels, name):
    net, n = pixel_net(pixels, name), 6
    x = (torch.rand(16, 1, n, n, dtype=F64) < 0.5).double()
    missed = set()
    with torch.no_grad():
        before = net(x).flatten(1)
        for k in range(n * n):
            other = x.flatten(1).clone()
            other[:, k] = 1 - other[:, k]
            moved = ((net(other.view_as(x)).flatten(1) - before).abs() > 0).any(0)
            assert not moved[: k + 1].any()
            missed |= {(k // n - m // n, k % n - m % n) for m in range(k + 1, n * n) if not moved[m]}
    if name in ("stacks", "diagonals"):
        assert not missed
    if name == "masks":
        assert {(a, b) for a, b in missed if -a < 4 and b >= -4} == {(a, b) for a in (-1, -2, -3) for b in range(6) if b > -a}


def lstm_cell(to_gates, state, width):
    """torch's own cell: gates are given, and states of further neighbours are inputs, too."""
    cell = torch.nn.LSTMCell(to_gates.shape[1], width, dtype=F64)
    with torch.no_grad():
        cell.weight_ih.copy_(to_gates)
        cell.weight_hh.copy_(state)
        cell.bias_ih.zero_()
        cell.bias_hh.zero_()
    return cell


def test_a_row_lstm_is_torchs_cell_pixel_by_pixel(pixels):
    torch.manual_seed(5)
    w, n = 3, 5
    layer, x = pixels["RowLayer"](w).double(), torch.randn(2, w, n, n, dtype=F64)
    weight, bias = layer.to_state.weight[:, :, 0], layer.to_state.bias
    left, own, right = layer.state.weight.chunk(3, 1)
    cell = lstm_cell(torch.cat([torch.eye(4 * w, dtype=F64), left, right], 1), own, w)
    zero, states = torch.zeros(2, w, dtype=F64), {}
    with torch.no_grad():
        found = layer(x)
        for i, j in itertools.product(range(n), range(n)):
            gates = x[:, :, i, j] @ weight[:, :, 1].T + bias + layer.state.bias
            if j:
                gates = gates + x[:, :, i, j - 1] @ weight[:, :, 0].T
            beside = [states.get((i - 1, j + b), (zero, zero)) for b in (-1, 0, 1)]
            states[i, j] = cell(torch.cat([gates, beside[0][0], beside[2][0]], 1), beside[1])
            torch.testing.assert_close(found[:, :, i, j], states[i, j][0])


def test_a_diagonal_lstm_is_torchs_cell_pixel_by_pixel(pixels):
    torch.manual_seed(6)
    w, n, m = 3, 4, 5
    layer, x = pixels["DiagonalLayer"](w).double(), torch.randn(2, w, n, m, dtype=F64)
    zero, sides = torch.zeros(2, w, dtype=F64), []
    with torch.no_grad():
        found = layer(x)
        for side, gates in enumerate(layer.to_state(x).chunk(2, 1)):
            gates = gates.flip(3) if side else gates
            above, left = layer.state[side].T.chunk(2, 1)
            cell = lstm_cell(torch.cat([torch.eye(4 * w, dtype=F64), above], 1), left, w)
            states = {}
            for i, j in itertools.product(range(n), range(m)):
                up = states.get((i - 1, j), (zero, zero))[0]
                states[i, j] = cell(torch.cat([gates[:, :, i, j], up], 1), states.get((i, j - 1), (zero, zero)))
            sides.append(states)
        for i, j in itertools.product(range(n), range(m)):
            other = sides[1][i - 1, m - 1 - j][0] if i else zero
            torch.testing.assert_close(found[:, :, i, j], sides[0][i, j][0] + other)


@pytest.mark.parametrize("shape", [(4, 3), (3, 6), (5, 5)])
def test_skewed_rows_come_back(pixels, shape):
    x = torch.randn(*shape, 2)
    skewed = pixels["skew"](x)
    assert skewed.shape == (shape[0], sum(shape) - 1, 2)
    for i, j in itertools.product(*map(range, shape)):
        assert torch.equal(skewed[i, i + j], x[i, j])
    assert torch.equal(pixels["unskew"](skewed), x)


@pytest.mark.parametrize(("name", "top"), [("masks", 0), ("masks", 3), ("wide masks", 0), ("wide masks", 4)])
def test_kept_features_draw_the_same_pixels(pixels, name, top):
    net, n = pixel_net(pixels, name), 7
    x, u = (torch.rand(5, 1, n, n) < 0.5).double(), torch.rand(5, n, n, dtype=F64)
    given = x.clone()
    slow, fast = pixels["draw"](net, x, top, u), pixels["draw_cached"](net, x, top, u)
    assert torch.equal(slow, fast) and torch.equal(x, given)
    assert torch.equal(fast[:, :, :top], x[:, :, :top])
    with torch.no_grad():
        p = net(fast).sigmoid()[:, 0]
    assert torch.equal((u < p)[:, top:], fast[:, 0, top:] == 1)


def test_tables_count(pixels):
    x = (torch.rand(40, 1, 4, 4) < 0.4).float()
    counts = pixels["Counts"](x, 3)
    share, framed = x.mean().item(), np.pad(x[:, 0].numpy(), ((0, 0), (1, 0), (1, 1)))
    *_, numbers = pixels["contexts"](x, 3)
    *_, found = counts.chances(numbers, 2)
    *_, both = counts.chances(numbers, torch.tensor([5.0, 2.0], dtype=F64).view(-1, 1, 1, 1))
    assert torch.equal(both[1], found)
    nats = torch.nn.functional.binary_cross_entropy(found, x[:, 0].double(), reduction="sum").item() / len(x)
    assert counts.nats(x, 2)[-1] == pytest.approx(nats)
    for bits in itertools.product((0, 1), repeat=3):
        p = share
        for length in (1, 2, 3):
            near = [framed[:, 1 + a : 5 + a, 1 + b : 5 + b] for a, b in pixels["places"][:length]]
            fits = np.all([view == bit for view, bit in zip(near, bits, strict=False)], 0)
            p = (x[:, 0].numpy()[fits].sum() + 2 * p) / (fits.sum() + 2)
        number = 4 * bits[0] + 2 * bits[1] + bits[2]
        assert found[numbers == number].tolist() == pytest.approx([p] * int((numbers == number).sum()), abs=1e-6)


def test_a_context_never_met_gets_the_shorter_ones_chance(pixels):
    x = torch.zeros(3, 1, 4, 4)
    x[:, :, 1, 2] = 1
    *_, numbers = pixels["contexts"](torch.ones(1, 1, 4, 4), 3)
    first, second, third = pixels["Counts"](x, 3).chances(numbers, 2)
    assert torch.equal(second[0, 1:, 1:], first[0, 1:, 1:])  # the pixels to the left and above are never on together
    assert torch.equal(third[0, 1:, 1:], first[0, 1:, 1:])


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


@pytest.fixture(scope="module")
def helmholtz():
    import nbdgm

    softplus = torch.nn.functional.softplus
    return functions("vae/4_wake_sleep", torch=torch, np=np, math=math, nbdgm=nbdgm, softplus=softplus)


def small_helmholtz(seed=0):
    """Two machines of two hidden bits and four pixels, and their laws as objects of torch.distributions."""
    from torch.distributions import Bernoulli, Independent

    dice = torch.Generator().manual_seed(seed)
    shapes = {"a": (2, 1, 2), "W": (2, 2, 4), "b": (2, 1, 4), "V": (2, 4, 2), "c": (2, 1, 2)}
    machine = {name: torch.randn(shape, generator=dice, dtype=torch.float64) for name, shape in shapes.items()}
    machine = {name: part.float() for name, part in machine.items()}

    def law(logits):
        return Independent(Bernoulli(logits=logits), 1)

    return machine, law


def test_tables_of_a_helmholtz_machine_are_those_of_torch_distributions(helmholtz):
    machine, law = small_helmholtz()
    codes, all_x = helmholtz["bits"](2), helmholtz["bits"](4)
    joint, guess = helmholtz["joint_table"](machine, all_x), helmholtz["guess_table"](machine, all_x)
    for which in range(2):
        a, W, b, V, c = (part[which] for part in machine.values())
        for code, z in enumerate(codes):
            expected = law(a[0]).log_prob(z) + law((z @ W + b).expand(16, -1)).log_prob(all_x)
            torch.testing.assert_close(joint[which, code], expected)
            torch.testing.assert_close(guess[which, code], law(all_x @ V + c).log_prob(z.expand(16, -1)))
    torch.testing.assert_close(joint.exp().sum((1, 2)), torch.ones(2))
    gap = (guess.exp() * (guess - joint + joint.logsumexp(1, keepdim=True))).sum(1)
    torch.testing.assert_close(helmholtz["gap"](machine, all_x), gap)


def test_the_mean_sleep_step_is_a_sum_over_all_dreams(helmholtz):
    machine, law = small_helmholtz()
    codes, all_x = helmholtz["bits"](2), helmholtz["bits"](4)
    chance = helmholtz["joint_table"](machine, all_x).exp()
    V, c = machine["V"].clone().requires_grad_(), machine["c"].clone().requires_grad_()
    logits = all_x @ V + c
    total = sum((chance[:, code] * law(logits).log_prob(z.expand_as(logits))).sum() for code, z in enumerate(codes))
    step = helmholtz["exact_sleep"](machine)
    for name, expected in zip("Vc", torch.autograd.grad(total, (V, c)), strict=True):
        torch.testing.assert_close(step[name], expected)


def test_steps_with_all_codes_are_gradients_of_the_bound_and_of_the_divergence_turned_round(helmholtz):
    machine, law = small_helmholtz()
    machine = {name: part.requires_grad_() for name, part in machine.items()}
    x, share = helmholtz["bits"](4)[torch.tensor([3, 9, 14])], torch.tensor([0.2, 0.5, 0.3])
    bound, turned = 0.0, 0.0
    for picture, weight in zip(x, share, strict=True):
        codes = helmholtz["bits"](2)
        joint = law(machine["a"]).log_prob(codes) + law(codes @ machine["W"] + machine["b"]).log_prob(picture)
        guess = law(picture[None] @ machine["V"] + machine["c"]).log_prob(codes)
        posterior = joint.softmax(1).detach()
        bound = bound + weight * (guess.exp() * (joint - guess)).sum()
        turned = turned + weight * (posterior * guess).sum()
    step = helmholtz["bound_steps"](machine, x, share)
    slopes = torch.autograd.grad(bound, list(machine.values()), retain_graph=True)
    for name, expected in zip(machine, slopes, strict=True):
        torch.testing.assert_close(step[name], expected)
    step = helmholtz["taught"](machine, x, share)
    for name, expected in zip("Vc", torch.autograd.grad(turned, [machine["V"], machine["c"]]), strict=True):
        torch.testing.assert_close(step[name], expected)


def test_reweighted_steps_follow_the_importance_weighted_bound(helmholtz):
    """Downwards; with the same draws, by autograd. The exact posterior's step is the gradient of log p(x)."""
    machine, law = small_helmholtz()
    down = {name: machine[name].clone().requires_grad_() for name in ("a", "W", "b")}
    x = helmholtz["bits"](4)[torch.tensor([[3, 9, 14], [0, 7, 7]])]
    repeated, z, _ = helmholtz["draws_of"](machine, x, 6, torch.Generator().manual_seed(5))
    worth = law(down["a"]).log_prob(z) + law(z @ down["W"] + down["b"]).log_prob(repeated)
    worth = worth - law(repeated @ machine["V"] + machine["c"]).log_prob(z)
    bound = worth.unflatten(1, (6, 3)).logsumexp(1).mean(1).sum()
    slopes = helmholtz["reweighted"](machine, x, torch.Generator().manual_seed(5), 6)
    for name, expected in zip(down, torch.autograd.grad(bound, list(down.values())), strict=True):
        torch.testing.assert_close(slopes[name], expected)
    evidence = helmholtz["joint_table"](machine | down, x).logsumexp(1).mean(1).sum()
    slopes = helmholtz["exact_posterior"](machine, x, None)
    for name, expected in zip(down, torch.autograd.grad(evidence, list(down.values())), strict=True):
        torch.testing.assert_close(slopes[name], expected)


@pytest.fixture(scope="module")
def collapse():
    names = {"torch": torch, "math": math, "f64": torch.float64, "side": 6, "flip": 0.1, "nbdgm": nbdgm}
    return functions("vae/6_posterior_collapse", **names)


def test_columns_of_stripes_are_a_hidden_markov_model_that_never_moves(collapse):
    from hmmlearn.hmm import CategoricalHMM

    twin = CategoricalHMM(2, n_features=2, init_params="", implementation="log")
    twin.startprob_, twin.transmat_ = np.full(2, 0.5), np.eye(2)
    twin.emissionprob_ = np.array([[0.9, 0.1], [0.1, 0.9]])
    states, p = collapse["column_law"]()
    for reach in range(6):
        cost = 0.0
        for column, weight in zip(states.long().numpy(), p.tolist(), strict=True):
            for place in range(6):
                seen = column[max(0, place - reach) : place, None]
                before = twin.score(seen) if len(seen) else 0.0
                cost -= weight * (twin.score(column[max(0, place - reach) : place + 1, None]) - before)
        assert collapse["best_cost"](reach) == pytest.approx(6 * cost, abs=1e-9)


def test_a_number_that_tells_two_columns_is_found_out(collapse):
    class Handmade:
        """Number 0 tells columns 0 and 1, in a Gray code; 1 to 4 tell one each; 5 is asleep."""

        out = torch.zeros(1)

        def posterior(self, x):
            on = x.view(1, -1, 6, 6).sum(2) > 3
            both = torch.where(on[..., 0], 1.0, -1.0) * torch.where(on[..., 1], 1.5, 0.5)
            rest = torch.where(on[..., 2:], 1.0, -1.0)
            z = torch.cat([both[..., None], rest, torch.zeros_like(both)[..., None]], 2)
            return z, torch.ones_like(z)

        def logits(self, z, x):
            first = torch.stack([z[..., 0], z[..., 0].abs() - 1], 2)
            return torch.cat([first, z[..., 1:5]], 2).repeat(1, 1, 6)

    x = (torch.rand(1, 2000, 36, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    told = collapse["columns_told"](Handmade(), x)[0]
    expected = torch.zeros(6, 6, dtype=torch.bool)
    expected[0, :2] = True
    expected[range(1, 5), range(2, 6)] = True
    assert told.equal(expected)


def test_the_linear_loss_at_its_optimum_is_the_likelihood_of_scikit_learn(collapse):
    from sklearn.decomposition import PCA

    x = np.random.default_rng(0).normal(size=(300, 7)) @ np.random.default_rng(1).normal(size=(7, 7))
    twin = PCA(3).fit(x)
    covariance = torch.tensor(np.cov(x.T))
    variances, axes = (v.flip(-1) for v in torch.linalg.eigh(covariance))
    noise = variances[3:].mean()
    w = (variances[:3] - noise).sqrt()
    W = (axes[:, :3] * w)[None]
    V = (axes[:, :3] * w / variances[:3]).mT[None]
    log_s = (noise / variances[:3]).log()[None] / 2
    loss, spread = collapse["linear_loss"](W, V, log_s, covariance, noise[None])
    # numpy's covariance divides by n - 1, the mean over pictures by n
    expected = -twin.score(x) - 7 / 2 * math.log(2 * math.pi)
    slack = 0.5 * np.trace(twin.get_precision() @ np.cov(x.T)) / 300
    assert loss.item() == pytest.approx(expected + slack, abs=1e-6)
    np.testing.assert_allclose(spread[0], 1 - noise / variances[:3], atol=1e-9)


@pytest.fixture(scope="module")
def draw():
    """The functions and networks of the chapter on DRAW."""
    from nbdgm import losses, networks

    softplus = torch.nn.functional.softplus
    names = {"torch": torch, "nn": torch.nn, "softplus": softplus, "losses": losses, "networks": networks}
    notebook = json.loads((ROOT / "book" / "vae/7_draw.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] in ("eye", "model", "step", "filters", "aim", "window", "follow"):
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            exec(compile(tree, "draw", "exec"), names)
    return names


def test_filters_are_those_of_a_slow_loop(draw):
    dice = np.random.default_rng(0)
    centre, stride, sigma = dice.uniform(-5, 25, (3, 2)), dice.uniform(0.5, 4, (3, 1)), dice.uniform(1, 5, (3, 1))
    found = draw["filters"](*map(torch.tensor, (centre, stride, sigma)), side=20, n=4)
    assert found.shape == (3, 2, 4, 20)
    for b, axis, row in itertools.product(range(3), range(2), range(4)):
        middle = centre[b, axis] + (row - 1.5) * stride[b, 0]
        weights = [math.exp(-((pixel - middle) ** 2) / (2 * sigma[b, 0] ** 2)) for pixel in range(20)]
        np.testing.assert_allclose(found[b, axis, row], np.array(weights) / sum(weights), atol=1e-12)


def test_a_window_writes_as_it_reads(draw):
    torch.manual_seed(0)
    window = draw["Window"](6)
    window.to_paint = window.to_look
    with torch.no_grad():
        h, picture = torch.randn(3, 6), torch.rand(3, 28, 28)
        strength = window.to_look(h, 0)[3]
        seen = window.read(picture[:, None], h, 0) / strength
        patch = window.to_write(h) / strength
        weighed = (window.write(h, 0) * picture).sum((1, 2))
    torch.testing.assert_close((seen * patch).sum(1), weighed)


def test_a_window_on_a_path_is_where_no_picture_says_and_one_that_looks_is_not(draw):
    torch.manual_seed(0)
    one, other = torch.randn(2, 3, 6)
    path, looks = draw["Aim"](6, 2), draw["Aim"](6)
    with torch.no_grad():
        path.places[:] = torch.tensor([[0.0, 1, 0, 0, 0], [1, -1, math.log(2), 0, math.log(3)]])
        for t, wanted in enumerate([(13.5, 27, 3.4, 1, 1), (27, 0, 6.8, 1, 3), (13.5, 27, 3.4, 1, 1)]):
            for h in (one, other):
                found = torch.cat(path(h, t), 1)
                torch.testing.assert_close(found, torch.tensor([wanted] * 3, dtype=torch.float))
        assert (looks(one, 0)[0] - looks(other, 0)[0]).abs().min() > 1e-3


@pytest.mark.parametrize(("stops", "aimed", "resting"), [((0, 2), "to_look", "to_paint"), ((2, 0), "to_paint", "to_look")])
def test_the_state_aims_the_reader_or_the_writer_alone(draw, stops, aimed, resting):
    torch.manual_seed(0)
    one, other = torch.randn(2, 3, 6)
    window = draw["Window"](6, *stops)
    with torch.no_grad():
        moved = getattr(window, aimed)(one, 1)[0] - getattr(window, aimed)(other, 1)[0]
        assert moved.abs().min() > 1e-3
        torch.testing.assert_close(getattr(window, resting)(one, 1), getattr(window, resting)(other, 1))


def test_the_tie_of_windows_and_digits_is_a_correlation_of_centred_places(draw, monkeypatch):
    dice = np.random.default_rng(1)
    places, corners = dice.normal(size=(3, 40, 2)), dice.integers(0, 15, (40, 2))
    places[1] += corners
    monkeypatch.setitem(draw, "corners", torch.tensor(corners))
    found = draw["tie"](torch.tensor(np.concatenate([places, np.ones((3, 40, 3))], 2)))
    truth = (corners - corners.mean(0)).ravel()
    wanted = [np.corrcoef((place - place.mean(0)).ravel(), truth)[0, 1] for place in places]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("eye", ["FixedEye", "Window"])
def test_the_bound_of_draw_is_that_of_torch_distributions(draw, eye):
    from torch.distributions import Bernoulli, Normal, kl_divergence

    torch.manual_seed(1)
    x = torch.bernoulli(torch.full((4, 28, 28), 0.3))
    model = draw["Draw"](draw[eye](7), 3, 2, 7, torch.zeros(28, 28))
    torch.manual_seed(2)
    with torch.no_grad():
        minus, paid = draw["minus_bound"](model, x)
    torch.manual_seed(2)
    with torch.no_grad():
        h_enc, h_dec, canvas, total = torch.zeros(4, 7), torch.zeros(4, 7), torch.zeros(4, 28, 28), 0
        for t in range(3):
            error = x - Bernoulli(logits=canvas).mean
            inputs = [model.eye.read(part[:, None], h_dec, t) for part in (x, error)] + [h_dec]
            h_enc = model.encoder(torch.cat(inputs, 1), h_enc)
            mean, raw = model.to_code(h_enc).split(2, 1)
            q = Normal(mean, torch.log1p(raw.exp()) + 1e-4)
            z = q.loc + q.scale * torch.randn(4, 2)
            total = total + kl_divergence(q, Normal(0.0, 1.0)).sum(1)
            h_dec = model.decoder(z, h_dec)
            canvas = canvas + model.eye.write(h_dec, t)
        log_p = Bernoulli(logits=canvas).log_prob(x).sum((1, 2))
    torch.testing.assert_close(paid, total)
    torch.testing.assert_close(minus, total - log_p)


# --- a code for sentences ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sentence_vae():
    from torch.nn.functional import cross_entropy, one_hot, pad, softplus

    layers = {"cross_entropy": cross_entropy, "one_hot": one_hot, "pad": pad, "softplus": softplus}
    return functions("vae/6b_sentence_vae", torch=torch, nn=torch.nn, np=np, math=math, kinds=5, **layers)


class Writer(torch.nn.Module):
    """A decoder of the chapter's shape, five kinds of words."""

    def __init__(self):
        super().__init__()
        self.k = 2
        self.look, self.start = torch.nn.Embedding(6, 3), torch.nn.Linear(2, 4)
        self.writer, self.out = torch.nn.GRU(5, 4, batch_first=True), torch.nn.Linear(4, 5)


def test_sentences_have_the_probability_of_one_step_after_another(sentence_vae):
    torch.manual_seed(0)
    net, z = Writer(), torch.randn(3, 2)
    x = torch.tensor([[2, 4, 1, 0, 0], [3, 0, 0, 0, 0], [1, 1, 2, 3, 0]])
    keep = torch.rand(x.shape) > 0.4
    cell = torch.nn.GRUCell(5, 4)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in net.writer.state_dict().items()})
    for row, code, seen, found in zip(x.tolist(), z, keep.tolist(), sentence_vae["log_p"](net, z, x, keep), strict=True):
        state, before, total = torch.tanh(net.start(code)), 0, 0.0
        for word, shown in zip(row, seen, strict=True):
            state = cell(torch.cat([net.look.weight[before if shown else 5], code]), state)
            total += net.out(state).log_softmax(0)[word].item()
            before = word
            if word == 0:
                break
        assert found.item() == pytest.approx(total, abs=1e-5)


def test_the_price_is_the_divergence_of_normal_laws(sentence_vae):
    mean, std = torch.randn(4, 3), torch.rand(4, 3) + 0.1
    from torch.distributions import Normal, kl_divergence

    torch.testing.assert_close(sentence_vae["pay"](mean, std), kl_divergence(Normal(mean, std), Normal(0.0, 1.0)))


def test_the_probe_is_ridge_regression(sentence_vae):
    from sklearn.linear_model import Ridge

    torch.manual_seed(1)
    codes, codes_test = torch.randn(50, 3) * 2 + 1, torch.randn(20, 3) * 2 + 1
    facts, facts_test = codes[:, :2] + torch.randn(50, 2), codes_test[:, :2] + torch.randn(20, 2)
    mean, std = codes.mean(0), codes.std(0)
    wide = [np.hstack([(c - mean) / std, np.ones((len(c), 1))]) for c in (codes, codes_test)]
    told = Ridge(alpha=1.0, fit_intercept=False).fit(wide[0], facts).predict(wide[1])
    wrong = ((facts_test.numpy() - told) ** 2).sum() / ((facts_test - facts.mean(0)) ** 2).sum().item()
    assert sentence_vae["explained"](codes, facts, codes_test, facts_test) == pytest.approx(1 - wrong, abs=1e-4)


def test_importance_weights_find_an_exact_evidence(sentence_vae, monkeypatch):
    """With a decoder that ignores the code every weight is p(x) times p(z) / q(z), whose mean is p(x)."""
    monkeypatch.setitem(sentence_vae, "hide", lambda x, drop: torch.ones(x.shape, dtype=torch.bool))
    monkeypatch.setitem(sentence_vae, "nbdgm", __import__("nbdgm"))
    torch.manual_seed(2)
    net = Writer()
    for layer in (net.start.weight, net.writer.weight_ih_l0[:, 3:]):
        layer.data.zero_()
    net.encode = lambda x: (torch.full((len(x), 2), 0.3), torch.full((len(x), 2), 0.9))
    words = type("S", (), {"x": torch.tensor([[2, 4, 1, 0, 0], [3, 0, 0, 0, 0]])})()
    alone = sentence_vae["judge"](net, words, code=0)[2]
    redrawn, price, cost, _ = sentence_vae["judge"](net, words, draws=4000)
    assert redrawn == pytest.approx(alone, abs=1e-3) and cost == pytest.approx(alone, abs=0.02)
    assert price == pytest.approx(2 * ((0.81 + 0.09 - 1) / 2 - math.log(0.9)), abs=1e-5)


@pytest.fixture
def conditional():
    """The functions of the chapter on conditional GANs, on a small random joint law of three labels and six places."""
    import functools

    table = np.random.default_rng(3).dirichlet(np.ones(6), 3) / 3
    names = {"np": np, "torch": torch, "functools": functools, "K": 3, "rounds": 4000, "joint": table}
    names |= {"log_C": np.log(table / table.sum(0)), "grid": np.arange(6.0), "centres": torch.tensor([-1.5, 0.0, 1.5])}
    share = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    names["normal"] = torch.distributions.Normal(0.0, 1.0).icdf(share)
    return functions("extensions/1_conditional_gan", nn=torch.nn, **names)


@pytest.mark.parametrize("hears", [False, True])
def test_mirror_descent_finds_what_a_general_optimiser_finds(conditional, hears):
    from scipy.optimize import minimize

    table = conditional["joint"]

    def objective(q, weight=0.7):
        p, now = (table, q) if hears else (table.sum(0), q.sum(0))
        twice = (p * np.log(2 * p / (p + now))).sum() + (now * np.log(2 * now / (p + now))).sum()
        return twice - weight * (q * conditional["log_C"]).sum()

    def law(logits):
        logits = logits.reshape(3, 6)
        q = np.exp(logits - logits.max(1, keepdims=True))
        return q / q.sum(1, keepdims=True) / 3

    starts = np.random.default_rng(4).standard_normal((6, 18))
    least = min(minimize(lambda logits: objective(law(logits)), start, options={"gtol": 1e-8}).fun for start in starts)
    assert objective(conditional["optimum"](0.7, hears)) == pytest.approx(least, abs=1e-4)
    assert objective(conditional["optimum"](0.7, hears)) < objective(table) - 0.01


def test_distances_of_labels_and_of_their_union_are_scipys(conditional):
    from scipy.stats import wasserstein_distance

    samples = torch.randn(3, 2000, generator=torch.Generator().manual_seed(5)) * 0.5
    laws = (conditional["centres"][:, None] + conditional["normal"]).numpy()
    wanted = [wasserstein_distance(a, b) for a, b in zip(samples.numpy(), laws, strict=True)]
    np.testing.assert_allclose(conditional["distance"](samples), wanted, atol=1e-6)
    union = wasserstein_distance(samples.flatten().numpy(), laws.flatten())
    assert conditional["union_distance"](samples).item() == pytest.approx(union, abs=1e-6)


@pytest.fixture(scope="module")
def judged_pairs():
    from scipy.special import rel_entr

    names = {"torch": torch, "np": np, "softplus": torch.nn.functional.softplus, "rel_entr": rel_entr, "nn": torch.nn}
    names["law_x"] = torch.tensor([0.30, 0.25, 0.18, 0.12, 0.09, 0.06], dtype=torch.float64)
    return functions("extensions/3_bigan_and_ali", **names)


def test_tables_of_pairs_are_measured_as_by_scipy_and_scikit_learn(judged_pairs):
    from scipy.spatial.distance import jensenshannon
    from sklearn.metrics import mutual_info_score

    first, second = np.random.default_rng(0).dirichlet(np.ones(24), 2).reshape(2, 4, 6)
    wanted = jensenshannon(first.ravel(), second.ravel()) ** 2
    assert judged_pairs["js"](first, second) == pytest.approx(wanted, abs=1e-12)
    ours = judged_pairs["divergence_of"](torch.tensor(first), torch.tensor(second))
    assert ours.item() == pytest.approx(wanted, abs=1e-12)
    counted = np.random.default_rng(1).integers(1, 9, (4, 6))
    told = judged_pairs["information"](torch.tensor(counted / counted.sum()))
    assert told.item() == pytest.approx(mutual_info_score(None, None, contingency=counted), abs=1e-12)


def test_the_minimax_game_with_a_perfect_judge_descends_twice_the_divergence(judged_pairs):
    torch.manual_seed(0)
    starts = [torch.randn(3, 6, 6, dtype=torch.float64) for _ in range(2)]
    path, _ = judged_pairs["play_tables"]("minimax", starts, 6, rate=0.7)
    tables = [start.clone().requires_grad_() for start in starts]
    for seen in path:
        ours = judged_pairs["law_x"][:, None] * tables[0].softmax(-1)
        theirs = (tables[1].softmax(-1) / 6).mT
        middle = (ours + theirs) / 2
        parts = [(law * (law / middle).log()).sum((1, 2)) / 2 for law in (ours, theirs)]
        torch.testing.assert_close(parts[0] + parts[1], seen)
        slopes = torch.autograd.grad(2 * (parts[0] + parts[1]).sum(), tables)
        for table, slope in zip(tables, slopes, strict=True):
            table.data -= 0.7 * slope


def test_the_short_loss_moves_the_encoder_backwards_and_full_adds_the_sleep_step(judged_pairs):
    torch.manual_seed(1)
    starts = [torch.randn(1, 6, 6, dtype=torch.float64) for _ in range(2)]
    law, e = judged_pairs["law_x"], starts[0].clone().requires_grad_()
    ours, theirs = law[:, None] * e.softmax(-1), (starts[1].softmax(-1) / 6).mT
    costs = {name: judged_pairs["costs"](name, (ours / theirs).log().detach()) for name in ("minimax", "swapped", "short")}
    back = torch.autograd.grad((ours * costs["short"][0]).sum(), e, retain_graph=True)[0]
    torch.testing.assert_close(back, -torch.autograd.grad((ours * costs["minimax"][0]).sum(), e, retain_graph=True)[0])
    D = (ours / (ours + theirs)).detach()
    torch.testing.assert_close(costs["swapped"], (-(1 - D).log(), -D.log()))
    torch.testing.assert_close(costs["minimax"], (D.log(), (1 - D).log()))


@pytest.fixture(scope="module")
def infogan():
    from torch.nn.functional import one_hot

    plain = {"torch": torch, "nn": torch.nn, "np": np, "math": math, "one_hot": one_hot, "device": torch.device("cpu")}
    return functions("extensions/2_infogan", SIGMA=0.25, line=torch.arange(8.0) - 3.5, **plain)


def test_readers_are_surprised_as_torch_distributions_are(infogan):
    from torch.distributions import Categorical, Normal

    torch.manual_seed(0)
    guess, c = torch.randn(3, 5, 2), torch.randn(3, 5, 2)
    torch.testing.assert_close(infogan["normal_surprise"](guess, c), -Normal(guess, 0.25).log_prob(c).sum(-1))
    logits, chosen = torch.randn(3, 5, 10), torch.randint(10, (3, 5))
    codes = torch.nn.functional.one_hot(chosen, 10).float()
    torch.testing.assert_close(infogan["class_surprise"](logits, codes), -Categorical(logits=logits).log_prob(chosen))


def test_what_a_code_explains_is_what_its_bins_explain_in_a_regression(infogan):
    from sklearn.linear_model import LinearRegression

    torch.manual_seed(1)
    number = torch.randn(2_000)
    factor = number**3 + torch.randn(2_000)
    bins = torch.empty(2_000, dtype=torch.long)
    bins[number.argsort()] = torch.arange(2_000) // 100
    member = torch.nn.functional.one_hot(bins, 20).numpy()
    share = LinearRegression().fit(member, factor).score(member, factor)
    assert infogan["explained"](number, factor) == pytest.approx(share, abs=2e-3)


def test_a_turned_square_explains_half_and_an_unturned_one_all(infogan):
    torch.manual_seed(2)
    factors = 2 * torch.rand(2_000, 2) - 1
    assert infogan["alignment"](factors.flip(-1) * torch.tensor([1.0, -1.0]), factors) > 0.97
    assert infogan["alignment"](infogan["turn"](factors), factors) < 0.1


def test_what_codes_tell_of_faces_is_what_groups_and_bins_explain_in_regressions(infogan):
    from sklearn.linear_model import LinearRegression

    torch.manual_seed(4)
    colour, light = torch.randint(4, (400,)), torch.randn(400, 1)
    hair = torch.nn.functional.one_hot(colour, 4).float()
    logits = 3 * torch.randn(400, 3) + hair[:, :3]
    number = light[:, 0] ** 3 + torch.randn(400)
    told = infogan["shares"](torch.cat([logits, number[:, None]], 1)[None], [hair, light], 3)
    bins = torch.empty(400, dtype=torch.long)
    bins[number.argsort()] = torch.arange(400) // 20
    for row, groups in enumerate((bins, logits.argmax(1))):
        member = torch.nn.functional.one_hot(groups).numpy()
        for column, factor in enumerate((hair, light)):
            score = LinearRegression().fit(member, factor).score(member, factor)
            if column == 0:  # sums of squares of all four columns together
                rest = factor.numpy() - LinearRegression().fit(member, factor).predict(member)
                score = 1 - (rest**2).sum() / ((factor - factor.mean(0)) ** 2).sum().item()
            assert told[0, row, column] == pytest.approx(score, abs=1e-4)


def test_components_are_those_of_sklearn(infogan):
    from sklearn.decomposition import PCA

    torch.manual_seed(5)
    pictures = torch.randn(200, 30) * torch.linspace(2, 0.1, 30) + 1
    mean, directions = infogan["components"](pictures, 4)
    known = PCA(4).fit(pictures.numpy())
    ours = infogan["seen"](pictures, mean, directions)
    theirs = torch.tensor(known.transform(pictures.numpy()))
    signs = (ours * theirs).sum(0).sign()
    torch.testing.assert_close(ours * signs, theirs / theirs[:, 0].std(correction=0), rtol=1e-3, atol=1e-3)
    back = torch.tensor(known.inverse_transform(theirs.numpy()))
    torch.testing.assert_close(mean + ours @ directions, back, rtol=1e-3, atol=1e-3)


def test_purity_is_the_one_of_a_contingency_table(infogan):
    from sklearn.metrics.cluster import contingency_matrix

    torch.manual_seed(3)
    groups, labels = torch.randint(10, (500,)), torch.randint(10, (500,))
    share = contingency_matrix(groups, labels).max(1).sum() / 500
    assert infogan["purity"](groups, labels) == pytest.approx(share)


def test_a_blob_is_where_it_was_put(infogan):
    from scipy.stats import norm

    picture = infogan["blobs"](torch.tensor([0.5, -0.25])).view(8, 8)
    centres = np.arange(8) - 3.5
    across, down = norm.pdf(centres, 0.8, 1.2), norm.pdf(centres, -0.4, 1.2)
    expected = 2 * np.outer(down, across) * (2 * np.pi * 1.2**2) - 1
    torch.testing.assert_close(picture.double(), torch.tensor(expected), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def pyramids():
    names = {"torch": torch, "F": torch.nn.functional, "nn": torch.nn, "place": "cpu", "grain": 0.15}
    names["patterns"] = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
    return functions("extensions/6_laplacian_pyramid_gan", **names)


def test_a_pyramid_of_block_means_and_repeated_pixels_is_the_haar_transform(pyramids):
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    repeat = lambda small: small.repeat_interleave(2, -1).repeat_interleave(2, -2)
    bands, coarse = pyramids["pyramid"](x, 3, up=repeat)
    torch.testing.assert_close(pyramids["rebuild"](bands, coarse, up=repeat), x)
    rest = x.numpy()
    for band in bands:
        corners = [rest[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]
        haar = [np.array(signs) for signs in ([1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1])]
        mean, *differences = (sum(s * c for s, c in zip(signs, corners, strict=True)) / 4 for signs in haar)
        energy = 4 * sum((part**2).sum() for part in differences)
        assert band.square().sum().item() == pytest.approx(energy)
        rest = mean
    np.testing.assert_allclose(coarse.numpy(), rest)


def test_events_are_counted_one_by_one(pyramids):
    dice = np.random.default_rng(0)
    x = dice.choice([-1.0, 1.0], (2, 300, 4)) + 0.3 * dice.standard_normal((2, 300, 4))
    patterns = pyramids["patterns"].numpy()
    wanted = np.zeros((2, 17))
    for copy, row in np.ndindex(2, 300):
        distance = np.linalg.norm(patterns - x[copy, row], axis=1)
        wanted[copy, distance.argmin() if distance.min() <= 0.6 else 16] += 1 / 300
    np.testing.assert_allclose(pyramids["events"](torch.tensor(x).float()).numpy(), wanted, atol=1e-9)
    places = np.histogram(x[0, :, 0], np.linspace(-1.6, 1.6, 65))[0] / 300
    found = pyramids["events"](torch.tensor(x[:1, :, :1]).float())[0]
    np.testing.assert_allclose(found[1:65].numpy(), places, atol=1e-9)
    assert found.sum().item() == pytest.approx(1)


def test_levels_are_run_from_coarse_to_fine(pyramids):
    class Level(torch.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weights = [torch.zeros(1, width + 2, 5)]

        def forward(self, both):
            return both[..., :-2] + torch.arange(both.shape[-1] - 2)

    made = pyramids["draw"]([Level(1), Level(2), Level(4)], pyramids["blank"](2, 3))
    assert made.shape == (2, 3, 4)
    torch.testing.assert_close(made[0, 0], torch.tensor([0.0, 1.0, 4.0, 5.0]))  # 0; 0, 1; 2(0, 0, 1, 1) + (0, 1, 2, 3)
    torch.testing.assert_close(pyramids["reduced"](made, 1), made.mean(-1, keepdim=True))


@pytest.fixture(scope="module")
def domains():
    class Reverse:
        """Forwards only."""

        @staticmethod
        def apply(z, weight):
            return z

    functional = torch.nn.functional
    names = {"torch": torch, "np": np, "nn": torch.nn, "softplus": functional.softplus, "one_hot": functional.one_hot}
    names |= {"Reverse": Reverse, "copies": 3, "place": torch.device("cpu")}
    return functions("extensions/7_domain_adversarial_networks", **names)


def test_the_domain_loss_is_two_binary_cross_entropies(domains):
    torch.manual_seed(0)
    source, target = torch.randn(2, 3, 7, 1)
    ours = domains["domain_loss"](lambda z: 2 * z, source, target, 0.3)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    parts = [loss(2 * a, torch.ones_like(a)) + loss(2 * b, torch.zeros_like(b)) for a, b in zip(source, target, strict=True)]
    torch.testing.assert_close(ours, sum(parts))


def test_classes_are_drawn_in_the_shares_that_were_asked(domains):
    torch.manual_seed(1)
    y = torch.cat([torch.arange(10), torch.zeros(200, dtype=torch.long)])
    shares = torch.tensor([0.2] * 5 + [0.0] * 5)
    found = y[domains["draw"](y, 20_000, shares)].bincount(minlength=10) / 20_000
    np.testing.assert_allclose(found, shares, atol=0.012)
    found = y[domains["draw"](y, 20_000, None)].bincount(minlength=10) / 20_000
    np.testing.assert_allclose(found, y.bincount() / len(y), atol=0.012)


def test_confusions_and_accuracies_are_those_of_scikit_learn(domains):
    from sklearn.metrics import accuracy_score, confusion_matrix

    torch.manual_seed(2)
    x, y = torch.randn(400, 10), torch.randint(10, (400,))
    weights = torch.randn(3, 10, 10)
    said = torch.bmm(x.expand(3, -1, -1), weights).argmax(-1)
    features, classify = (lambda x, statistics: (x, statistics)), (lambda z: torch.bmm(z, weights))
    tables = domains["confusion"](features, classify, (x, y), None)
    wanted = [confusion_matrix(y, row, normalize="true") for row in said]
    np.testing.assert_allclose(tables, wanted, atol=1e-6)
    scores = domains["accuracy"](features, classify, (x, y), None)
    np.testing.assert_allclose(scores, [accuracy_score(y, row) for row in said], atol=1e-6)


def test_a_moon_is_the_other_turned_and_targets_are_turned_both(domains):
    torch.manual_seed(3)
    points, y = domains["moons"](40_000, torch.tensor([0.0, 90.0]))
    first, second = points[0][y[0] == 0], points[0][y[0] == 1]
    np.testing.assert_allclose(first.mean(0), -second.mean(0), atol=0.03)
    np.testing.assert_allclose(first.T.cov(), second.T.cov(), atol=0.03)
    x_1, x_2 = points[0][y[0] == 0].mean(0)
    np.testing.assert_allclose(points[1][y[1] == 0].mean(0), [-x_2, x_1], atol=0.03)


@pytest.fixture(scope="module")
def few_labels():
    from nbdgm import highest

    names = {"torch": torch, "nn": torch.nn, "np": np, "highest": highest}
    names |= {name: getattr(torch.nn.functional, name) for name in ("cross_entropy", "softplus", "avg_pool2d", "pad")}
    return functions("extensions/5_semi_supervised_gan", **names)


def test_information_and_purity_of_a_clustering_are_scikit_learns(few_labels):
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    dice = np.random.default_rng(0)
    groups, y = dice.integers(4, size=500), dice.integers(10, size=500)
    wanted = contingency_matrix(y, groups).max(0).sum() / 500
    assert few_labels["purity"](torch.tensor(groups), torch.tensor(y)) == pytest.approx(wanted)
    counted = dice.multinomial(40, np.ones(5) / 5, (2, 300))  # every row has the same sum
    joint = [mutual_info_score(None, None, contingency=part) for part in counted]
    np.testing.assert_allclose(few_labels["information"](torch.tensor(counted / 40)).numpy(), joint, atol=1e-9)


def test_the_class_of_fakes_makes_a_softmax_of_one_class_more(few_labels):
    torch.manual_seed(0)
    x, labels = torch.randn(2, 7, 3, dtype=torch.float64), torch.randint(3, (2, 7))
    whole = torch.cat([x, torch.zeros(2, 7, 1, dtype=torch.float64)], -1).log_softmax(-1)
    u = few_labels["realness"]("noise", torch.nn.Identity(), None, x)
    torch.testing.assert_close(torch.nn.functional.logsigmoid(-u), whole[..., 3])
    named = -(whole.gather(-1, labels[..., None])[..., 0] - torch.nn.functional.logsigmoid(u))
    torch.testing.assert_close(few_labels["name_loss"](x, labels), named.mean(1).sum())


@pytest.fixture(scope="module")
def judged_codes():
    import math
    from collections import namedtuple
    from functools import partial

    levels = torch.special.ndtri((torch.arange(100, dtype=torch.float64) + 0.5) / 100)
    names = {"grid": torch.cartesian_prod(levels, levels), "copies": 2, "deviations": (0.5, 0.8), "letters": 6, "heard": 400}
    names |= {"torch": torch, "nn": torch.nn, "math": math, "partial": partial, "place": torch.device("cpu")}
    names |= {
        "soft": partial(torch.softmax, dim=-1),
        "only_letters": "only letters",
        "Model": namedtuple("Model", "encode mean decode"),
    }
    return functions("extensions/4_adversarial_autoencoders", one_hot=torch.nn.functional.one_hot, **names)


def test_the_unbiased_mmd_is_that_of_kernel_matrices(judged_codes):
    from sklearn.metrics.pairwise import rbf_kernel

    torch.manual_seed(0)
    a, b = torch.randn(3, 7, 4, dtype=torch.float64), 0.5 + torch.randn(3, 5, 4, dtype=torch.float64)
    wanted = []
    for x, y in zip(a.numpy(), b.numpy(), strict=True):
        within = [(rbf_kernel(u, gamma=1 / 8).sum() - len(u)) / (len(u) * (len(u) - 1)) for u in (x, y)]
        wanted.append(sum(within) - 2 * rbf_kernel(x, y, gamma=1 / 8).mean())
    np.testing.assert_allclose(judged_codes["mmd"](a, b, judged_codes["bell"]).numpy(), wanted, atol=1e-12)


def test_the_likelihood_by_a_grid_is_exact_for_a_linear_decoder(judged_codes):
    from torch.distributions import MultivariateNormal

    torch.manual_seed(1)
    maps, x = torch.randn(2, 2, 5, dtype=torch.float64), torch.randn(40, 5, dtype=torch.float64)
    densities, error = judged_codes["by_grid"](lambda z: z @ maps, x)
    for row, std in zip(densities, (0.5, 0.8), strict=True):
        for found, turn in zip(row, maps, strict=True):
            law = MultivariateNormal(torch.zeros(5, dtype=torch.float64), turn.T @ turn + std**2 * torch.eye(5))
            assert found.item() == pytest.approx(law.log_prob(x).mean().item(), abs=0.02)
    for found, turn in zip(error, maps, strict=True):
        left = x.T - turn.T @ torch.linalg.lstsq(turn.T, x.T).solution
        assert found.item() == pytest.approx(left.square().sum(0).mean().item(), rel=0.1)


def test_whitened_codes_have_covariance_one_and_decode_to_the_same(judged_codes):
    torch.manual_seed(2)
    turn = torch.randn(2, 3, 3, dtype=torch.float64)
    model = judged_codes["Model"](lambda x: x @ turn + 1, None, lambda z: 2 * z)
    x = torch.randn(2, 50, 3, dtype=torch.float64)
    white = judged_codes["whitened"](model, x)
    codes = white.encode(x)
    for cloud in codes:
        np.testing.assert_allclose(np.cov(cloud.numpy().T, bias=True), np.eye(3), atol=1e-9)
    torch.testing.assert_close(white.decode(codes), model.decode(model.encode(x)))


def test_words_of_even_logits_are_equally_likely_and_edges_count_neighbours(judged_codes):
    law = judged_codes["law_of"](lambda z: torch.zeros(*z.shape[:2], 12), None)
    torch.testing.assert_close(law, torch.full((2, 6, 6), 1 / 36))
    board = (torch.arange(14)[:, None] + torch.arange(14)) % 2
    assert judged_codes["edges"](board.float().view(1, 1, 196)).item() == pytest.approx(1)


@pytest.fixture(scope="module")
def two_worlds():
    from nbdgm import evaluation

    names = {"torch": torch, "np": np, "evaluation": evaluation, "blobs": 5, "place": torch.device("cpu")}
    names |= {name: getattr(torch.nn.functional, name) for name in ("one_hot", "softplus", "avg_pool2d", "pad")}
    return functions("extensions/7b_cyclegan", **names)


def test_points_are_turned_as_scipy_turns_them(two_worlds):
    from scipy.spatial.transform import Rotation

    x = np.random.default_rng(0).normal(size=(6, 2))
    wanted = Rotation.from_euler("z", 52, degrees=True).apply(np.c_[x, np.zeros(6)])[:, :2]
    np.testing.assert_allclose(two_worlds["turned"](torch.tensor(x), torch.tensor(52.0)), wanted, atol=1e-6)


def test_the_cycle_error_is_the_l1_loss_of_the_way_back(two_worlds):
    class World:
        def draw(self, count):
            torch.manual_seed(3)
            return torch.randn(6, count, 2)

    def translate(z):  # F doubles, G takes half and is off by 0.1
        return torch.cat([2 * z[:3], z[3:] / 2 + 0.1])

    here = World().draw(300)
    there = translate(here)
    to_X, to_Y = there[3:], there[:3]
    loss = torch.nn.functional.l1_loss
    around_X, around_Y = to_Y / 2 + 0.1, 2 * to_X
    wanted = [loss(around_X[i], here[i]) + loss(around_Y[i], here[3 + i]) for i in range(3)]  # two ways, two coordinates
    np.testing.assert_allclose(two_worlds["astray"](World(), translate, torch.zeros(3)), wanted, rtol=1e-5)


def test_ten_of_the_bijections_of_a_ring_of_five_keep_neighbours(two_worlds):
    from sympy.combinatorics.named_groups import DihedralGroup

    every = torch.tensor(list(itertools.product(range(5), repeat=5)))
    bijections = torch.tensor(list(itertools.permutations(range(5))))
    assert two_worlds["onto"](every) == len(bijections) == two_worlds["onto"](bijections)
    ring = [p.array_form for p in DihedralGroup(5).elements]
    kept = [p.tolist() for p in bijections if two_worlds["in_order"](p[None])]
    assert sorted(kept) == sorted(ring)
    hits = two_worlds["right"](bijections).float()
    assert hits.mean().item() == pytest.approx(1) == hits.var(correction=0).item()


def test_the_hue_of_a_coloured_digit_is_its_colour(two_worlds):
    torch.manual_seed(0)
    ink, t = torch.rand(7, 64), torch.rand(7, 1)
    torch.testing.assert_close(two_worlds["hue"](two_worlds["coloured"](ink, t)), t[:, 0])
    torch.testing.assert_close(two_worlds["coloured"](ink, torch.full((7, 1), 0.5)), two_worlds["grey"](ink))


@pytest.fixture(scope="module")
def symbols():
    names = {"torch": torch, "math": math, "closes": {")": "(", "]": "["}, "count": 5}
    names |= {"one_hot": torch.nn.functional.one_hot, "place": torch.device("cpu")}
    return functions("extensions/8_discrete_outputs", **names)


def test_right_sentences_are_those_that_vanish_pair_by_pair(symbols):
    def vanishes(text):
        while (shorter := text.replace("()", "").replace("[]", "")) != text:
            text = shorter
        return not text

    texts = ["".join(text) for text in itertools.product("()[]", repeat=6)]
    assert [symbols["balanced"](text) for text in texts] == [vanishes(text) for text in texts]
    assert sum(map(vanishes, texts)) == 40  # Catalan's 5, times 2 to the 3


def test_quality_diversity_and_distance_are_scipys(symbols):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    q = np.random.default_rng(0).dirichlet(np.ones(6), 4)  # five right sentences, and all wrong ones
    valid, number, js = symbols["measure"](torch.tensor(q[:, :5]).log())
    even = [0.2] * 5 + [0.0]
    np.testing.assert_allclose(valid, q[:, :5].sum(1))
    np.testing.assert_allclose(number, [np.exp(entropy(row[:5])) for row in q])
    np.testing.assert_allclose(js, [jensenshannon(row, even) ** 2 for row in q])


@pytest.mark.parametrize("hard", [False, True])
def test_soft_rows_and_straight_through_are_torchs(symbols, hard):
    logits = torch.randn(3, 5, 4, requires_grad=True)
    choose, weights = symbols["straight" if hard else "soften"], torch.randn(3, 5, 4)
    torch.manual_seed(0)
    row, fed = choose(logits, 0.7)
    torch.manual_seed(0)
    wanted = torch.nn.functional.gumbel_softmax(logits, 0.7, hard=hard)
    torch.testing.assert_close(row, wanted)
    torch.testing.assert_close(fed, wanted)
    slopes = [torch.autograd.grad((part * weights).sum(), logits, retain_graph=True)[0] for part in (row, wanted)]
    torch.testing.assert_close(*slopes)


def test_a_reward_is_compared_with_the_others(symbols):
    reward = torch.randn(2, 6)
    for own, less in zip(reward, symbols["less_others"](reward), strict=True):
        wanted = [own[k] - torch.cat([own[:k], own[k + 1 :]]).mean() for k in range(6)]
        torch.testing.assert_close(less, torch.stack(wanted))


@pytest.fixture(scope="module")
def measured_samples():
    from typing import NamedTuple

    from nbdgm import evaluation

    names = {"torch": torch, "nn": torch.nn, "evaluation": evaluation, "NamedTuple": NamedTuple}
    return functions("extensions/9b_measuring_samples", **names)


def test_ten_lines_give_the_frechet_distance_of_the_textbook(measured_samples):
    from scipy import linalg

    torch.manual_seed(0)
    a, b = torch.randn(80, 5), 1 + torch.randn(90, 5) @ torch.randn(5, 5)
    c, e = (np.cov(x.double().numpy(), rowvar=False) for x in (a, b))
    wanted = (a.double().mean(0) - b.double().mean(0)).square().sum().item()
    wanted += np.trace(c + e - 2 * linalg.sqrtm(c @ e).real)
    assert measured_samples["frechet"](a, b) == pytest.approx(wanted, rel=1e-8)


def test_four_shares_and_copies_by_sorting_neighbours(measured_samples):
    from sklearn.neighbors import NearestNeighbors

    torch.manual_seed(1)
    real, made = torch.randn(40, 3, dtype=torch.float64), 0.4 + torch.randn(50, 3, dtype=torch.float64)
    reach = {}
    for name, x in (("real", real.numpy()), ("made", made.numpy())):
        reach[name] = NearestNeighbors(n_neighbors=6).fit(x).kneighbors(x)[0][:, 5]
    apart = np.linalg.norm(real.numpy()[:, None] - made.numpy(), axis=2)
    in_real, in_made = apart < reach["real"][:, None], apart < reach["made"]
    wanted = in_real.any(0).mean(), in_made.any(1).mean(), in_real.sum() / 5 / 50, in_real.any(1).mean()
    assert measured_samples["four_shares"](real, made) == pytest.approx(wanted)
    held = torch.randn(40, 3, dtype=torch.float64)
    nearest = [NearestNeighbors(n_neighbors=1).fit(x.numpy()).kneighbors(made.numpy())[0][:, 0] for x in (real, held)]
    assert measured_samples["copied"](real, held, made) == pytest.approx((nearest[0] < nearest[1]).mean())


def test_the_support_of_an_even_law_is_found(measured_samples):
    generator = torch.Generator().manual_seed(2)
    found = [measured_samples["support_estimate"](torch.randint(50, (200,), generator=generator)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(50, rel=0.05)


@pytest.fixture(scope="module")
def mazes():
    import math

    from nbdgm import linear_decay

    names = {"torch": torch, "np": np, "math": math, "linear_decay": linear_decay, "nbdgm": __import__("nbdgm")}
    names |= {"S": 6, "A": 2, "discount": 0.8, "logsigmoid": torch.nn.functional.logsigmoid}
    return functions("extensions/8c_inverse_reinforcement_learning", **names)


def test_visits_and_values_are_those_of_powers_of_the_chain(mazes):
    torch.manual_seed(0)
    P, log_pi = torch.rand(2, 12, 6).double(), torch.randn(2, 6, 2).double().log_softmax(-1)
    P, r = P / P.sum(-1, keepdim=True), torch.randn(2, 6, 2).double()
    rho, to_come = mazes["visits"](P, log_pi), mazes["value"](P, log_pi, r)
    for copy in range(2):
        where, spent, earned = np.ones(6) / 6, np.zeros(6), np.zeros(6)
        pi, go = log_pi[copy].exp().numpy(), P[copy].view(6, 2, 6).numpy()
        step = np.einsum("sa,sat->st", pi, go)
        for t in range(200):
            spent += 0.2 * 0.8**t * where
            earned += 0.8**t * np.linalg.matrix_power(step, t) @ (pi * r[copy].numpy()).sum(1)
            where = where @ step
        np.testing.assert_allclose(rho[copy].numpy(), spent[:, None] * pi, atol=1e-12)
        np.testing.assert_allclose(to_come[copy].numpy(), earned, atol=1e-10)


def test_the_best_policy_is_that_of_soft_value_iteration(mazes):
    from scipy.special import logsumexp

    torch.manual_seed(1)
    P = torch.rand(1, 12, 6).double()
    P, r = P / P.sum(-1, keepdim=True), torch.randn(1, 6, 2).double()
    V = np.zeros(6)
    for _ in range(300):
        Q = r[0].numpy() + 0.8 * (P[0].numpy() @ V).reshape(6, 2)
        V = logsumexp(Q, axis=1)
    np.testing.assert_allclose(mazes["best"](P, r)[0].numpy(), Q - V[:, None], atol=1e-10)
    assert mazes["score"](P, mazes["best"](P, r), r).item() == pytest.approx(1)


def test_the_slope_of_the_likelihood_is_the_difference_of_visits(mazes):
    torch.manual_seed(2)
    P = torch.rand(1, 12, 6).double()
    P = P / P.sum(-1, keepdim=True)
    rho_E = mazes["visits"](P, torch.randn(1, 6, 2).double().log_softmax(-1))
    r = torch.randn(1, 6, 2).double().requires_grad_()
    (slope,) = torch.autograd.grad((rho_E * mazes["best"](P, r)).sum(), r)
    torch.testing.assert_close(slope, rho_E - mazes["visits"](P, mazes["best"](P, r)).detach(), atol=1e-9, rtol=0)


@pytest.fixture(scope="module")
def diffusion():
    f64, directions = torch.float64, torch.eye(2, dtype=torch.float64)
    names = {"torch": torch, "math": math, "np": np, "f64": f64, "directions": directions, "width": 0.3}
    names["centres"], names["odds"] = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=f64), torch.tensor([0.7, 0.3], dtype=f64)
    return functions("beyond/2_diffusion", **names)


def test_the_exact_noise_is_the_score_of_the_noised_mixture(diffusion):
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    x, sigma = torch.randn(30, 2, dtype=torch.float64).requires_grad_(), torch.tensor(0.7, dtype=torch.float64)
    kept = 1 / (1 + 0.7**2)
    parts = Normal(kept**0.5 * diffusion["centres"], (kept * 0.3**2 + 1 - kept) ** 0.5)
    law = MixtureSameFamily(Categorical(diffusion["odds"]), Independent(parts, 1))
    (score,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    torch.testing.assert_close(diffusion["exact_noise"](x.detach(), sigma), -((1 - kept) ** 0.5) * score)
    law = MixtureSameFamily(Categorical(diffusion["odds"]), Independent(Normal(diffusion["centres"], 0.3), 1))
    torch.testing.assert_close(diffusion["true_log"](x), law.log_prob(x))


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_step_is_that_of_the_papers_in_numpy(diffusion, eta):
    """Equations 6 and 7 of Ho, Jain and Abbeel (2020) with their linear betas; equation 12 of Song, Meng and Ermon (2021)."""
    betas = np.linspace(1e-4, 0.02, 1000)
    kept = np.cumprod(1 - betas)[[400, 700]]  # two levels of the thousand
    sigmas, stream = torch.tensor(np.sqrt((1 - kept) / kept)), nbdgm.generator(1, "cpu")
    x, noise = np.random.default_rng(0).normal(size=(2, 5, 2))
    path = diffusion["sample"](lambda at, sigma: torch.tensor(noise), torch.tensor(x), sigmas, stream, eta)
    clean, alpha = (x - np.sqrt(1 - kept[1]) * noise) / np.sqrt(kept[1]), kept[1] / kept[0]
    z = torch.randn(5, 2, generator=nbdgm.generator(1, "cpu"), dtype=torch.float64).numpy()
    if eta:
        wanted = np.sqrt(kept[0]) * (1 - alpha) * clean + np.sqrt(alpha) * (1 - kept[0]) * x
        wanted = wanted / (1 - kept[1]) + np.sqrt((1 - kept[0]) * (1 - alpha) / (1 - kept[1])) * z
    else:
        wanted = np.sqrt(kept[0]) * clean + np.sqrt(1 - kept[0]) * noise
    np.testing.assert_allclose(path[0][1].numpy(), clean, atol=1e-10)
    np.testing.assert_allclose(path[1][0].numpy(), wanted, atol=1e-10)


@pytest.fixture(scope="module")
def schedulers():
    """Those of the package diffusers, by their names."""
    from diffusers import DDIMScheduler, DDPMScheduler

    return {"ancestral": DDPMScheduler, "deterministic": DDIMScheduler}


@pytest.mark.parametrize("schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("sampler", ["ancestral", "deterministic"])
def test_noise_and_steps_are_those_of_diffusers(diffusion, schedulers, sampler, schedule):
    """Ten steps of a thousand levels, with the same guesses of the noise and the same new noise."""
    options = {"beta_schedule": schedule, "clip_sample": False}
    if sampler == "deterministic":
        options["set_alpha_to_one"] = False
    own = schedulers[sampler](1000, **options)
    own.set_timesteps(10)
    kept = own.alphas_cumprod[own.timesteps.flip(0)].double()
    sigmas, x = (1 / kept - 1).sqrt(), torch.randn(5, 2, generator=nbdgm.generator(1, "cpu"), dtype=torch.float64)
    start, noise = torch.full((5,), int(own.timesteps[0])), torch.randn_like(x)
    torch.testing.assert_close(diffusion["noised"](x, sigmas[-1], noise), own.add_noise(x, noise, start), atol=1e-6, rtol=0)
    guess = lambda x, sigma: torch.sin(3 * x) + sigma.log()
    path = diffusion["sample"](guess, x, sigmas, nbdgm.generator(2, "cpu"), eta=float(sampler == "ancestral"))
    dice, theirs = nbdgm.generator(2, "cpu"), x
    for time, sigma, (noisy, clean) in zip(own.timesteps, sigmas.flip(0), path, strict=True):
        torch.testing.assert_close(noisy, theirs, atol=1e-4, rtol=1e-4)  # their coefficients have single precision
        step = own.step(guess(theirs, sigma), time, theirs, generator=dice)
        torch.testing.assert_close(clean, step.pred_original_sample, atol=1e-4, rtol=1e-3)
        theirs = step.prev_sample


def test_schedules_are_those_of_diffusers(diffusion, schedulers):
    curved = schedulers["ancestral"](1000, beta_schedule="squaredcos_cap_v2").alphas_cumprod[:-1].double()
    first = math.cos(0.008 / 1.008 * math.pi / 2) ** 2  # their signal begins at one, not at the cosine of a small angle
    angles = (first * curved).sqrt().acos()
    own = diffusion["levels"]("cosine", 998, low=angles[0].tan().item(), high=angles[-1].tan().item())
    torch.testing.assert_close(own, angles.tan(), atol=0, rtol=1e-3)
    straight = schedulers["ancestral"](1000, beta_start=1e-4, beta_end=0.02).alphas_cumprod.double()
    sigmas = (1 / straight - 1).sqrt()
    own = diffusion["levels"]("linear", 999, low=sigmas[0].item(), high=sigmas[-1].item())
    torch.testing.assert_close(own, sigmas, atol=0, rtol=0.03)  # a thousand steps beside their limit


@pytest.mark.parametrize("name", ["linear", "cosine", "geometric"])
def test_schedules_end_where_they_must_and_have_their_shape(diffusion, name):
    sigmas = diffusion["levels"](name, 1000, low=0.02, high=30.0).numpy()
    assert sigmas[[0, -1]] == pytest.approx([0.02, 30.0]) and (np.diff(sigmas) > 0).all()
    kept = 1 / (1 + sigmas**2)
    if name == "linear":  # what a step adds grows linearly: -log of what it keeps
        shape = np.diff(np.log(kept))
    else:
        shape = np.arccos(np.sqrt(kept)) if name == "cosine" else np.log(sigmas)
    np.testing.assert_allclose(np.diff(shape, 2), 0, atol=1e-9)


def test_the_terms_of_the_bound_are_divergences_of_normal_laws(diffusion):
    from torch.distributions import Normal, kl_divergence

    sigmas, x = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64), torch.randn(1, 2, dtype=torch.float64)
    own = diffusion["bound"](lambda at, sigma: 0 * at, x, sigmas, nbdgm.generator(2, "cpu"))[0]
    noise = torch.randn(3, 1, 2, generator=nbdgm.generator(2, "cpu"), dtype=torch.float64)
    kept = 1 / (1 + sigmas**2)
    for t in (1, 2):
        alpha, both = kept[t] / kept[t - 1], []
        x_t = kept[t].sqrt() * x + (1 - kept[t]).sqrt() * noise[t]
        for start in (x, x_t / kept[t].sqrt()):  # the datum, and the guess when no noise is seen
            mean = kept[t - 1].sqrt() * (1 - alpha) * start + alpha.sqrt() * (1 - kept[t - 1]) * x_t
            spread = ((1 - kept[t - 1]) * (1 - alpha) / (1 - kept[t])).sqrt()
            both.append(Normal(mean / (1 - kept[t]), spread))
        assert own[t].item() == pytest.approx(kl_divergence(*both).sum().item())
    end = Normal(kept[2].sqrt() * x, (1 - kept[2]).sqrt())
    assert own[3].item() == pytest.approx(kl_divergence(end, Normal(0 * x, 1)).sum().item())
    x_1 = kept[0].sqrt() * x + (1 - kept[0]).sqrt() * noise[0]
    assert own[0].item() == pytest.approx(-Normal(x_1 / kept[0].sqrt(), sigmas[0]).log_prob(x).sum().item())


@pytest.mark.parametrize("sigma", [0.003, 0.1, 3.0])
def test_the_last_steps_on_digits_are_laws_of_greys(diffusion, sigma):
    from torch.distributions import Normal

    greys = torch.linspace(-1, 1, 256)
    inner = torch.arange(-127, 128) / 127.5
    diffusion |= {"greys": greys, "edges": torch.cat([torch.tensor([-math.inf]), inner, torch.tensor([math.inf])])}
    log_shares = torch.randn(1, 256).log_softmax(1)
    every, sigma = torch.arange(256).view(256, 1, 1, 1), torch.tensor(sigma)
    for seen in (-1.02, -0.3, 0.9):
        at = torch.full(every.shape, seen)
        rounding = diffusion["by_rounding"](at.clamp(-1, 1), every, sigma)
        assert (-rounding).exp().sum().item() == pytest.approx(1, abs=1e-4)
        place = int((seen + 1) * 127.5 + 0.5) if seen > -1 else 0  # the grey that is nearest
        middle = max(seen, -1.0)
        law = Normal(torch.tensor(middle).double(), sigma.double())
        ends = torch.tensor([(place - 0.5) / 127.5 - 1, (place + 0.5) / 127.5 - 1]).double()
        inside = law.cdf(ends[1]) - (law.cdf(ends[0]) if place else 0)
        assert rounding[place].item() == pytest.approx(-inside.log().item(), abs=1e-3)
        sharing = diffusion["by_shares"](at, every, sigma, log_shares)
        assert (-sharing).exp().sum().item() == pytest.approx(1, abs=1e-4)
        joint = log_shares[0] + Normal(greys, sigma).log_prob(torch.tensor(seen))
        torch.testing.assert_close(-sharing, joint - joint.logsumexp(0), atol=1e-2, rtol=1e-3)
    far = diffusion["by_shares"](at, every, torch.tensor(1e5), log_shares)
    torch.testing.assert_close(-far, log_shares[0], atol=1e-4, rtol=0)


def test_the_guess_for_pixels_alone_is_the_mean_of_many_drawn(diffusion):
    """One pixel of three greys: the clean guess is the mean of the drawn greys whose noisy values lie near."""
    dice = torch.Generator().manual_seed(3)
    diffusion |= {"greys": torch.tensor([-1.0, 0.2, 1.0]), "log_shares": torch.tensor([[0.5, 0.2, 0.3]]).log()}
    sigma, drawn = torch.tensor(0.8), torch.multinomial(torch.tensor([0.5, 0.2, 0.3]), 1_000_000, True, generator=dice)
    clean = diffusion["greys"][drawn]
    seen = clean + sigma * torch.randn(len(clean), generator=dice)
    for place in (-1.0, 0.1, 0.7):
        x = torch.full((1, 1, 1, 1), place) / (1 + sigma**2).sqrt()
        own = place - sigma * diffusion["pixels_alone"](x, sigma).item()
        assert own == pytest.approx(clean[(seen - place).abs() < 0.02].mean().item(), abs=0.02)


def test_mixed_pixels_keep_their_place_and_their_values(diffusion):
    diffusion |= {"nbdgm": nbdgm}
    pictures = torch.arange(40.0).view(10, 1, 2, 2)
    mixed = diffusion["mixed_pixels"](pictures, 1)
    assert (mixed.sort(0).values == pictures).all() and (mixed % 4 == pictures % 4).all()
    assert not (mixed == pictures).flatten(1).all(1).any(), "no picture stays as it was"
    assert (diffusion["mixed_pixels"](pictures, 1) == mixed).all()


def test_clipping_the_clean_picture_lowers_each_step(diffusion):
    x, sigma = torch.rand(50, 1, 2, 2) * 2 - 1, torch.tensor(0.7)
    noise = torch.randn_like(x)
    wild = lambda at, sigma: torch.sin(5 * at)
    plain = diffusion["noise_loss"](wild, x, sigma, noise)
    clipped = diffusion["noise_loss"](diffusion["clipping"](wild), x, sigma, noise)
    assert (clipped <= plain + 1e-4).all() and (clipped < plain - 0.1).any()
    tame = lambda at, sigma: at * (1 + sigma**2).sqrt() / sigma  # the clean guess is 0
    torch.testing.assert_close(
        diffusion["noise_loss"](diffusion["clipping"](tame), x, sigma, noise), diffusion["noise_loss"](tame, x, sigma, noise)
    )


def test_the_prices_of_digits_add_up_from_each_smallest_ratio(diffusion):
    """A clean guess of 0 errs by x / sigma, whatever the noise: the terms add up to a difference of two inverse squares."""
    greys, stairs = torch.linspace(-1, 1, 256), diffusion["levels"]("geometric", 40, 0.1, 50.0)
    inner = torch.arange(-127, 128) / 127.5
    edges = torch.cat([torch.tensor([-math.inf]), inner, torch.tensor([math.inf])])
    starts = stairs[[0, 15, 30]]
    diffusion |= {"greys": greys.double(), "edges": edges, "lowest_ratios": starts, "bit": 4 * math.log(2)}
    diffusion |= {"log_shares": torch.zeros(4, 256).log_softmax(1), "nbdgm": nbdgm}
    grey = torch.randint(256, (6, 1, 2, 2))
    found = diffusion["prices"](lambda at, sigma: at * (1 + sigma**2).sqrt() / sigma, grey, 1, stairs)
    length, high = greys[grey].double().square().flatten(1).sum(1), stairs[-1]
    prior = (length / (1 + high**2) - 4 * (1 / (1 + high**2) + torch.log(high**2 / (1 + high**2)))) / 2
    for place, start in enumerate(starts):
        wanted = (1 / start**2 - 1 / high**2) * length / 2 + prior
        torch.testing.assert_close(found["steps"][place], wanted / (4 * math.log(2)), atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def matching():
    f64 = torch.float64
    names = {"torch": torch, "math": math, "np": np, "f64": f64, "width": 0.3}
    names |= {"nbdgm": nbdgm, "ot": pytest.importorskip("ot"), "pairwise": itertools.pairwise}
    names["rules"] = {"Runge-Kutta": ((0.0, 0.5, 0.5, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))}
    names["centres"], names["odds"] = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=f64), torch.tensor([0.7, 0.3], dtype=f64)
    return functions("beyond/3_flow_matching", **names)


@pytest.mark.parametrize("name", ["straight", "curved"])
def test_the_loss_of_matching_is_that_of_a_public_library(matching, name):
    from flow_matching.path import AffineProbPath, CondOTProbPath
    from flow_matching.path.scheduler import CosineScheduler

    x0, x1, t = torch.randn(6, 2).double(), torch.randn(6, 2).double(), torch.rand(6).double()
    path = CondOTProbPath() if name == "straight" else AffineProbPath(scheduler=CosineScheduler())
    sample = path.sample(x_0=x0, x_1=x1, t=t)
    field = lambda x, t: torch.sin(3 * x) + t
    wanted = (field(sample.x_t, t[:, None]) - sample.dx_t).square().sum(-1)
    torch.testing.assert_close(matching["matching_loss"](field, matching[name], x0, x1, t[:, None]), wanted)


def test_plans_of_groups_cost_what_scipy_says(matching):
    from scipy.optimize import linear_sum_assignment

    noise, points = torch.randn(40, 2), torch.randn(40, 2) + 1
    found = (matching["coupled"](noise, points, 20) - noise).square().sum(1).view(2, 20).sum(1)
    for part in range(2):
        rows = slice(20 * part, 20 * part + 20)
        cost = torch.cdist(noise[rows], points[rows]).square().numpy()
        assert found[part].item() == pytest.approx(cost[linear_sum_assignment(cost)].sum(), rel=1e-4)


def test_the_mean_velocity_is_that_of_many_pairs(matching):
    """Pairs whose path passes near a place have its velocity on average."""
    stream, t = torch.Generator().manual_seed(0), torch.tensor(0.6, dtype=torch.float64)
    chosen = torch.multinomial(matching["odds"], 400_000, True, generator=stream)
    noise, scatter = (torch.randn(400_000, 2, generator=stream).double() for _ in range(2))
    data = matching["centres"][chosen] + 0.3 * scatter
    for name in ("straight", "curved"):
        a, b, slope_a, slope_b = matching[name](t)
        place = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
        near = (a * noise + b * data - place).norm(dim=1) < 0.05
        seen = (slope_a * noise + slope_b * data)[near]
        wanted = matching["exact"](matching[name])(place, t)[0]
        assert (abs(seen.mean(0) - wanted) < 5 * seen.std(0) / near.sum() ** 0.5 + 0.02).all()


def test_the_divergence_is_the_trace_of_the_jacobian_and_the_density_that_of_the_mixture(matching):
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    t, x = torch.tensor(0.6, dtype=torch.float64), torch.randn(5, 2).double()
    field = matching["exact"](matching["straight"])
    _, found = matching["with_divergence"](field, x, t)
    jacobians = [torch.autograd.functional.jacobian(lambda y: field(y[None], t)[0], y) for y in x]
    torch.testing.assert_close(found, torch.stack([J.trace() for J in jacobians]))
    law = MixtureSameFamily(Categorical(matching["odds"]), Independent(Normal(matching["centres"], 0.3), 1))
    torch.testing.assert_close(matching["log_density"](field, x, 64, "Runge-Kutta"), law.log_prob(x), atol=1e-4, rtol=0)
    torch.testing.assert_close(matching["true_log"](x), law.log_prob(x))


@pytest.fixture(scope="module")
def leaning():
    """The functions of the chapter on guidance, for seven random pictures of two labels in place of the faces."""
    pictures = torch.randn(7, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 4
    names = {"torch": torch, "math": math, "nbdgm": nbdgm, "np": np, "f64": torch.float64}
    names |= {"flat": pictures.flatten(1), "size_2": pictures.flatten(1).square().sum(1)}
    names |= {"anything": torch.ones(7, dtype=torch.bool), "every_face": pictures}
    read = ["01000", "01111", "01222", "01333", "10012", "10021", "10000"]
    names["words"] = torch.tensor([[int(word) for word in face] for face in read])
    names["face_words"] = names["words"]
    names |= {"evaluation": nbdgm.evaluation, "basis": torch.eye(432, dtype=torch.float64)}
    return functions("beyond/2b_guidance", **names)


@pytest.mark.parametrize(("sigma", "weight"), [(0.3, 3.0), (1.0, 1.0), (2.0, 4.0), (2.0, 0.0)])
def test_guided_noise_of_known_pictures_is_the_score_of_the_sharpened_law(leaning, sigma, weight):
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    x = torch.randn(4, 432, dtype=torch.float64).requires_grad_()
    kept, odds = 1 / (1 + sigma**2), torch.tensor([1.0, 2.0, 1.0, 1.0, 3.0, 1.0, 1.0], dtype=torch.float64)
    parts = Normal(kept**0.5 * leaning["flat"], (1 - kept) ** 0.5)
    law = MixtureSameFamily(Categorical(odds), Independent(parts, 1))
    joint = Independent(Normal(kept**0.5 * leaning["flat"][:4], (1 - kept) ** 0.5), 1).log_prob(x[:, None])
    joint = joint + (odds[:4] / odds.sum()).log()
    posterior = joint.logsumexp(1) - law.log_prob(x)
    (score,) = torch.autograd.grad((law.log_prob(x) + weight * posterior).sum(), x)
    told, untold = leaning["exact_guesses"](torch.tensor([[0, 1]]).expand(4, 2), odds)
    guess = leaning["guided"](told, untold, weight)
    own = guess(x.detach().view(4, 3, 12, 12), torch.tensor(sigma, dtype=torch.float64)).flatten(1)
    torch.testing.assert_close(own, -((1 - kept) ** 0.5) * score, atol=1e-9, rtol=0)


@pytest.mark.parametrize("weight", [1.0, 2.0, 3.5])
def test_guided_normal_samples_narrow_as_the_formula_says(leaning, weight):
    """The equation dy/d sigma = guided noise, by Euler's midpoint rule in numpy; and the chapter's sampler."""
    m, s, r = 0.7, 0.6, 1.1
    leaning |= {"dev": s, "union": r, "mean": m}

    def slope(y, at):
        return weight * at * (y - m) / (s**2 + at**2) + (1 - weight) * at * y / (r**2 + at**2)

    marks = np.exp(np.linspace(np.log(2e3), np.log(1e-4), 6_001))
    y = marks[0] * np.array([-1.0, 1.0])
    for now, after in itertools.pairwise(marks):
        half = y + (after - now) / 2 * slope(y, now)
        y = y + (after - now) * slope(half, (now + after) / 2)
    assert (y[1] - y[0]) / 2 == pytest.approx(s * (s / r) ** (weight - 1), rel=2e-3)
    guess = leaning["guided"](leaning["normal_noise"](m, s), leaning["normal_noise"](0.0, r), weight)
    start, sigmas = torch.tensor([-1.0, 1.0], dtype=torch.float64), torch.tensor(marks[::-1].copy())
    own = leaning["sample"](guess, start, sigmas, nbdgm.generator(0, "cpu"), 0.0, math.inf).numpy()
    np.testing.assert_allclose(own, y, atol=1e-2)
    if weight == 2.0:
        bend = s**2 / (r * math.sqrt(r**2 - s**2)) * math.atanh(math.sqrt(1 - s**2 / r**2))
        assert y.mean() == pytest.approx(m * (1 + bend), rel=2e-3)


def test_an_interval_of_levels_and_the_measures_of_faces(leaning):
    told, untold = (lambda x, sigma: 3.0), (lambda x, sigma: 1.0)
    guess = leaning["guided"](told, untold, 2.0, low=0.5, high=2.0)
    assert [guess(None, torch.tensor(s)) for s in (0.4, 0.5, 2.0, 2.1)] == [3.0, 5.0, 5.0, 3.0]
    granted, variety, off, short, *right = leaning["measured"](leaning["every_face"][:4], leaning["words"][:4, :2])
    assert (granted, short, *right) == (1.0, 0.25, 1.0, 1.0) and off == pytest.approx(0, abs=1e-6)
    granted, *_, hair, eyes = leaning["measured"](leaning["every_face"][:2], torch.tensor([[1, 1], [0, 1]]))
    assert (granted, hair, eyes) == (0.5, 0.5, 1.0)
    assert variety == pytest.approx(4**3)  # four equal shares in each of three words
    granted, variety, *_ = leaning["measured"](leaning["every_face"][[0, 0, 4]], torch.tensor([[0, 1]] * 3))
    assert granted == pytest.approx(2 / 3)
    share = np.array([1 / 3, 2 / 3])
    assert variety == pytest.approx(np.exp(-2 * (share * np.log(share)).sum()))


def test_the_scores_within_labels_are_means_over_labels(leaning, monkeypatch):
    true, label = leaning["every_face"][:4], leaning["words"][:4, :2]
    assert leaning["field_scores"](true, label) == pytest.approx([0, 1, 1], abs=1e-3)
    assert leaning["field_scores"](true + 1, label) == pytest.approx([432, 0, 0], abs=1e-3)
    asked = torch.cat([label, 1 - label])
    monkeypatch.setitem(leaning, "flat", torch.cat([true, true + 2]).flatten(1))
    monkeypatch.setitem(leaning, "face_words", asked)
    half = leaning["field_scores"](torch.cat([true, true + 3]), asked)
    assert half == pytest.approx([216, 0.5, 0.5], abs=1e-3)


@pytest.fixture(scope="module")
def talkers():
    """Functions of the chapter and its recurrent network."""
    import itertools

    from nbdgm.networks import Crowd

    notebook = json.loads((ROOT / "book/extensions/8b_conditional_sequences.ipynb").read_text("utf-8"))
    names = {"torch": torch, "nn": torch.nn, "math": math, "itertools": itertools, "Crowd": Crowd}
    names |= {"one_hot": torch.nn.functional.one_hot, "place": torch.device("cpu")}
    names = functions("extensions/8b_conditional_sequences", **names)
    for cell in notebook["cells"]:
        if cell["id"] in ("model", "speaker", "chat"):
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
            names["words"] = ["word"] * 15
            exec(compile(tree, cell["id"], "exec"), names)
    return names


@pytest.fixture(scope="module")
def flows():
    """The layers of the chapter on normalising flows, its flow, and its two functions about bounds."""
    import math

    from nbdgm import networks

    notebook = json.loads((ROOT / "book" / "beyond" / "1_normalizing_flows.ipynb").read_text("utf-8"))
    names = {"torch": torch, "nn": torch.nn, "math": math, "networks": networks, "place": torch.device("cpu")}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell["id"] in {"layer", "flow", "floor", "masked", "mix"}:
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            exec(compile(tree, cell["id"], "exec"), names)
    return names


def test_the_gated_unit_is_torchs(talkers):
    torch.manual_seed(0)
    net, twin = talkers["Talker"](2, 5), torch.nn.GRUCell(5, 32)
    text, h = torch.tensor([[[1, 4, 2]], [[3, 0, 1]]]), torch.zeros(2, 1, 32)
    for copy in range(2):
        with torch.no_grad():
            twin.weight_ih.copy_(net.word.weights[0][copy].T)
            twin.weight_hh.copy_(net.last.weights[0][copy].T)
            twin.bias_ih.copy_(net.word.biases[0][copy, 0])
            twin.bias_hh.copy_(net.last.biases[0][copy, 0])
        state, own = torch.zeros(1, 32), h
        for word in text.unbind(-1):
            state = twin(3 * torch.nn.functional.one_hot(word[copy], 5).float(), state)
            own = net.after(own, word)
        torch.testing.assert_close(own[copy], state)


def test_attention_is_torchs(talkers):
    torch.manual_seed(1)
    net = talkers["Speaker"](2, attention=True)
    h, cells = torch.randn(2, 3, 5, 32), torch.randn(2, 3, 4, 32)
    asked = talkers["on"](net.ask, h)
    seen = torch.nn.functional.scaled_dot_product_attention(asked, cells, cells)
    wanted = talkers["on"](net.say, torch.cat([h, seen], -1))
    torch.testing.assert_close(net.logits(h, cells), wanted)


def test_a_wide_beam_and_log_p_agree_with_all_sentences(talkers):
    torch.manual_seed(2)
    net = talkers["Chatbot"](2, 3)
    with torch.no_grad():
        net.say.weights[-1].mul_(8)
    question = torch.tensor([[1, 2], [2, 0]])
    texts = [t for t in itertools.product(range(3), repeat=3) if 0 not in t or not any(t[t.index(0) :])]
    texts = torch.tensor(texts).expand(2, -1, -1)
    log_p = talkers["laws"](net, question, texts)
    assert torch.allclose(log_p.exp().sum(-1), torch.ones(2, 2).double(), atol=1e-5)
    found, score = talkers["beam"](net, question, 27, 3)
    best = log_p.argsort(-1, descending=True)[..., :3]
    torch.testing.assert_close(score[..., :3].double(), log_p.gather(-1, best), atol=1e-5, rtol=1e-5)
    for copy, ask in itertools.product(range(2), repeat=2):
        assert torch.equal(found[copy, ask, :3], texts[ask][best[copy, ask]])
        assert torch.equal(talkers["matches"](found[:, :, 0], texts)[copy, ask].nonzero()[0, 0], best[copy, ask, 0])


def test_scores_are_scipys_and_a_law_of_captions_sums_to_one(talkers):
    from scipy.stats import entropy

    torch.manual_seed(3)
    p, q = torch.rand(2, 6).double().softmax(-1), 0.8 * torch.rand(1, 2, 6).double().softmax(-1)
    V, N, KL, wrong = talkers["scores"](q.log(), p)
    assert V.item() == pytest.approx(0.8) and wrong.item() == pytest.approx(-math.log(0.8))
    assert N.item() == pytest.approx(np.exp(entropy(q[0].numpy(), axis=-1)).mean())
    assert KL.item() == pytest.approx(entropy(p.numpy(), q[0].numpy(), axis=-1).mean() - math.log(0.8))
    law = talkers["captions"](("ring", "red", "large"), ("cross", "blue", "small"))
    assert len(law) == 19 and sum(law.values()) == pytest.approx(1)
    assert law["blue", "cross", "right-of", "large", "red", "ring"] == pytest.approx(0.8 * 0.45 * 0.8 * 0.42)


@pytest.fixture(scope="module")
def judged_models():
    names = {"torch": torch, "nn": torch.nn, "math": math, "nbdgm": nbdgm, "budget": nbdgm.budget, "place": "cpu", "half": 98}
    return functions("extensions/9_likelihood_and_samples", **names)


def test_a_grid_of_codes_gives_the_likelihood_of_a_linear_decoder(judged_models):
    from types import SimpleNamespace

    from scipy.stats import multivariate_normal

    torch.manual_seed(0)
    weights, mean = 0.3 * torch.randn(196, 2), torch.rand(196)
    decoder = SimpleNamespace(E=SimpleNamespace(copies=1), log_std=torch.full((1, 1, 1), math.log(0.5)))
    decoder.pixels = lambda z: mean + z @ weights.T
    x = mean + torch.randn(5, 2) @ weights.T + 0.5 * torch.randn(5, 196)
    found = judged_models["exact"](decoder, x, scales=(1.0, 2.0), points=300)
    for values, std in zip(found, (0.5, 1.0), strict=True):
        law = multivariate_normal(mean.numpy(), (weights @ weights.T).numpy() + std**2 * np.eye(196))
        np.testing.assert_allclose(values[0].numpy(), law.logpdf(x.numpy()), atol=5e-3)


def test_annealed_weights_have_the_evidence_as_their_mean(judged_models):
    from scipy.stats import norm

    torch.manual_seed(1)
    x = torch.tensor([-2.0, 0.5, 3.0])
    noise = torch.distributions.Normal(0, 0.3)
    found = judged_models["annealed"](lambda z: noise.log_prob(x[:, None] - z[..., 0]), torch.randn(3, 40_000, 1), 6, 2)
    np.testing.assert_allclose(found.numpy(), norm(0, math.sqrt(1.09)).logpdf(x.numpy()), atol=0.06)


def test_centres_are_those_of_scikit_learn(judged_models):
    from sklearn.cluster import KMeans

    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    found = judged_models["centres"](x, 5, rounds=200)
    torch.manual_seed(3)
    start = x[torch.randperm(300)[:5]].numpy()
    wanted = KMeans(5, init=start, n_init=1, max_iter=200, tol=0).fit(x.numpy()).cluster_centers_
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", ["Coupling", "additive", "Masked", "Mix"])
def test_log_determinants_of_layers_are_those_of_the_whole_jacobian(flows, kind):
    torch.manual_seed(0)
    made = {
        "Coupling": lambda: flows["Coupling"](1, 4, 9),
        "additive": lambda: flows["Coupling"](1, 4, 9, stretch=False),
        "Masked": lambda: flows["Masked"](1, 8, 20),
        "Mix": lambda: flows["Mix"](1, 4),
    }
    layer = made[kind]().double()
    if kind == "Mix":
        layer.matrix.data += 0.3 * torch.randn(1, 4, 4).double()
    z = torch.randn(8).double()
    image, log_det = layer(z.expand(1, 1, 8))
    J = torch.autograd.functional.jacobian(lambda point: layer(point.expand(1, 1, 8))[0][0, 0], z)
    assert log_det.item() == pytest.approx(torch.linalg.slogdet(J).logabsdet.item(), abs=1e-9)
    back, log_det_back = layer.inverse(image)
    torch.testing.assert_close(back[0, 0], z)
    assert log_det_back.item() == pytest.approx(log_det.item(), abs=1e-9)
    assert kind != "additive" or log_det.item() == 0


def test_a_flow_of_scales_is_a_transformed_distribution(flows):
    from torch.distributions import AffineTransform, Independent, Normal, TransformedDistribution

    torch.manual_seed(1)
    flow = flows["Flow"](1, 3, [])
    flow.log_scale.data = torch.randn(1, 1, 3)
    noise = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    stretch = AffineTransform(0.0, flow.log_scale[0, 0].exp())
    scale = Independent(TransformedDistribution(noise.base_dist, stretch), 1)
    x = torch.randn(20, 3)
    torch.testing.assert_close(flow.log_prob(x[None])[0], scale.log_prob(x))
    mixed = flows["Flow"](1, 3, [], means=torch.tensor([[[2.0, 0, 0], [-2.0, 0, 0]]]))
    both = torch.stack([noise.log_prob(x - shift) for shift in mixed.means[0]])
    torch.testing.assert_close(mixed.log_prob(x[None])[0], both.logsumexp(0) - np.log(2).item())
    assert mixed.sample(2000)[0].std(0)[0].item() == pytest.approx(5**0.5, rel=0.1)


def test_the_floor_of_additive_flows_in_closed_form(flows):
    from nbdgm import data

    for law, wanted in (
        (data.densities.GaussianMixture(torch.zeros(1, 2), 0.7, device="cpu"), 0.0),  # a normal law: nothing is missed
        (data.densities.GaussianMixture(torch.tensor([[-3.0, 0], [3.0, 0]]), 0.5, device="cpu"), 0.0),  # nor of two equal ones
    ):
        assert flows["floor"](law, reach=6.0, side=600) == pytest.approx(wanted, abs=2e-3)


@pytest.fixture(scope="module")
def families():
    """The families of the chapter that puts them side by side, on made-up shares of ink."""
    import math
    import time
    from itertools import pairwise

    from scipy.stats import rankdata
    from torch.nn.functional import conv2d, pad, softplus
    from torch.profiler import ProfilerActivity, profile

    import nbdgm
    from nbdgm import budget, evaluation, losses, networks, sampling

    notebook = json.loads((ROOT / "book" / "beyond" / "4_side_by_side.ipynb").read_text("utf-8"))
    names = {"torch": torch, "nn": torch.nn, "math": math, "time": time, "pairwise": pairwise, "np": np, "nbdgm": nbdgm}
    names |= {"budget": budget, "evaluation": evaluation, "losses": losses, "networks": networks, "sampling": sampling}
    names |= {"conv2d": conv2d, "pad": pad, "softplus": softplus, "rankdata": rankdata}
    names |= {"ProfilerActivity": ProfilerActivity, "profile": profile}
    names["on"] = torch.linspace(0.05, 0.9, 196)
    wanted = {
        "family",
        "mixture",
        "autoregressive",
        "nade",
        "rbm",
        "autoencoders",
        "games",
        "flow",
        "diffusion",
        "matching",
        "table",
        "rank",
    }
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell["id"] in wanted:
            tree = ast.parse("".join(cell["source"]))
            tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            exec(compile(tree, cell["id"], "exec"), names)
    return names


@pytest.fixture
def bits():
    torch.manual_seed(0)
    return torch.bernoulli(torch.full((6, 196), 0.4))


def test_a_mixture_of_bits_is_torchs(families, bits):
    from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily

    model = families["Mixture"](5)
    model.logits.data, model.log_share.data = torch.randn(5, 196), torch.randn(5).log_softmax(0)
    twin = MixtureSameFamily(Categorical(logits=model.log_share), Independent(Bernoulli(logits=model.logits), 1))
    torch.testing.assert_close(model.log_p(bits, None), twin.log_prob(bits))


@pytest.mark.parametrize("name", ["NADE", "PixelCNN"])
def test_the_last_pixels_sum_out_whatever_their_odds(families, bits, name):
    """The sum of P over all settings of the last three pixels does not feel their biases: conditionals that sum to one."""
    from itertools import product

    torch.manual_seed(1)
    model, every = families[name](), torch.tensor(list(product((0.0, 1.0), repeat=3)))
    settings = bits[:, None].repeat(1, 8, 1)
    settings[:, :, 193:] = every
    before = model.log_p(settings.flatten(0, 1), None).view(6, 8)
    last = model.b.data if name == "NADE" else model.bias.data.flatten()
    last[193:] += 1.5
    after = model.log_p(settings.flatten(0, 1), None).view(6, 8)
    assert (before - after).abs().max() > 0.1
    torch.testing.assert_close(before.logsumexp(1), after.logsumexp(1))


def test_a_machine_without_weights_is_independent_pixels(families, bits):
    """Annealing is exact there: the weights do not vary."""
    from torch.distributions import Bernoulli

    model = families["RBM"]()
    model.W.data.zero_()
    model.c.data = torch.randn(200)
    alone = Bernoulli(families["on"]).log_prob(bits).sum(1)
    torch.testing.assert_close(model.log_p(bits, torch.Generator().manual_seed(0)), alone, rtol=1e-3, atol=0.05)


def test_a_flow_whose_layers_do_nothing_is_independent_pixels(families, bits):
    from torch.distributions import Bernoulli

    model = families["Flow"]()
    for net in model.nets:
        net[-1].weight.data.zero_()
        net[-1].bias.data.zero_()
    alone = Bernoulli(families["on"]).log_prob(bits).sum(1)
    with torch.no_grad():
        torch.testing.assert_close(model.log_bound(bits, torch.rand(6, 196)), alone, rtol=1e-3, atol=0.05)
        drawn = model.sample(4000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn.mean(0), families["on"], rtol=0, atol=0.05)


def test_a_diffusion_that_knows_the_shares_bounds_independent_pixels(families, bits):
    """With the right odds every step is exact, so that the bound falls short by what the steps lose, and never exceeds."""
    from torch.distributions import Bernoulli

    model = families["Diffusion"]()
    for layer in model.net:
        for part in layer.parameters():
            part.data.zero_()
    model.net[-1].bias.data = families["on"].logit()
    many = torch.bernoulli(families["on"].expand(400, -1), generator=torch.Generator().manual_seed(2))
    alone = Bernoulli(families["on"]).log_prob(many).sum(1).mean()
    with torch.no_grad():
        bound = model.log_p(many, torch.Generator().manual_seed(3)).mean()
        drawn = model.sample(4000, torch.Generator().manual_seed(4))
    assert alone - 15 < bound < alone
    torch.testing.assert_close(drawn.mean(0), families["on"], rtol=0, atol=0.05)


def test_em_in_pieces_is_em(families, bits):
    families["train"] = bits.repeat(5, 1)[:27]
    twins = []
    for piece in (27, 4):
        model = families["Mixture"](3)
        model.piece = piece
        model.fit(0.5, 4, 1)
        twins.append(model)
    torch.testing.assert_close(twins[0].logits, twins[1].logits, rtol=0, atol=1e-3)
    torch.testing.assert_close(twins[0].log_share, twins[1].log_share, rtol=0, atol=1e-4)


def test_the_peak_of_memory_is_that_of_the_tensors_alive(families):
    def work(number):
        first, second = torch.zeros(number), torch.ones(number)
        third = torch.add(first, second)  # three are alive
        del first, third
        return torch.sub(second, second)

    most, made = families["peak"](work, 1000)
    assert most == pytest.approx(0.012) and made.sum() == 0
    before = torch.zeros(5000)
    most, _ = families["peak"](torch.add, before, before)
    assert most == pytest.approx(0.02), "what was there before does not count"


def test_agreement_of_orders_is_scipys(families):
    from scipy.stats import spearmanr

    a, b = np.random.default_rng(0).normal(size=(2, 12))
    assert families["agreement"](a, b) == pytest.approx(spearmanr(a, b)[0])
    tied = np.round(a)
    assert families["agreement"](tied, b) == pytest.approx(spearmanr(tied, b)[0])
    assert families["agreement"](np.ones(12), b) == 0
