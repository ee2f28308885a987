"""What a chapter writes out for itself, beside a library that others have written."""

import ast
import json
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
