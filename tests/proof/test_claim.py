"""A claim holds, fails, or says that it was not checked; and it is hard to write one that cannot fail."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

from nbdgm import proof
from nbdgm.proof import ClaimError, claim, rendering

REAL, STAND_IN = (SimpleNamespace(name="mnist", stand_in=flag) for flag in (False, True))


@pytest.fixture
def shown(monkeypatch):
    bundles: list[dict] = []
    monkeypatch.setattr(rendering, "show", bundles.append)
    return bundles


def record(shown):
    return shown[-1]["application/vnd.nbdgm.claim+json"]


@pytest.mark.parametrize("make", [bool, np.bool_, torch.tensor])
def test_a_true_claim_holds_and_a_false_one_raises(shown, make):
    loss = 0.25
    claim("the loss is small", make(loss < 0.5), loss=torch.tensor(loss))
    expected = {"text": "the loss is small", "status": "holds", "values": {"loss": 0.25}, "needs": None, "because": ""}
    assert record(shown) == expected
    with pytest.raises(ClaimError, match=r"'the loss is tiny' does not hold: loss = 0.25, bound = 0.1"):
        claim("the loss is tiny", make(loss < 0.1), loss=loss, bound=0.1)
    assert isinstance(ClaimError(), AssertionError)


@pytest.mark.parametrize(
    "condition",
    [
        None,
        sp.Symbol("x") > 0,
        sp.Integer(1),
        sp.true,
        np.array([True]),
        torch.tensor([True]),
        torch.tensor(1.0),
        (True,),
        "yes",
        1,
    ],
)
def test_only_a_truth_value_is_a_condition(condition):
    with pytest.raises(TypeError, match="condition is"):
        claim("x", condition, x=1)


@pytest.mark.parametrize(
    ("budget", "needs", "status"),
    [
        ("smoke", "cpu", "not checked"),
        ("smoke", "gpu", "not checked"),
        ("cpu", "gpu", "not checked"),
        ("cpu", "cpu", "holds"),
        ("gpu", "cpu", "holds"),
        ("smoke", None, "holds"),
        ("smoke", "smoke", "holds"),
    ],
)
def test_below_its_budget_a_claim_is_not_checked(shown, monkeypatch, budget, needs, status):
    monkeypatch.setenv("NBDGM_BUDGET", budget)
    loss = 1.0
    claim("x", loss < 2, needs=needs, loss=loss)
    assert record(shown)["status"] == status
    if status == "not checked":
        claim("x", loss > 2, needs=needs, loss=loss)
        claim("x", loss > 2, needs=needs, loss=float("nan") * loss)
        assert record(shown)["values"] == {"loss": None}
        assert f"needs the {needs} budget, this is {budget}" in shown[-1]["text/plain"]
        json.dumps(record(shown), allow_nan=False)
    else:
        with pytest.raises(ClaimError):
            claim("x", loss > 2, needs=needs, loss=loss)


def test_on_a_stand_in_a_claim_about_data_is_not_checked(shown):
    loss = 1.0
    claim("x", loss > 2, needs_data=STAND_IN, loss=loss)
    assert record(shown)["status"] == "not checked" and "real mnist" in shown[-1]["text/html"]
    with pytest.raises(ClaimError):
        claim("x", loss > 2, needs_data=REAL, loss=loss)


def test_a_misspelt_budget_is_an_error():
    loss = 1.0
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        claim("x", loss < 2, needs="CPU", loss=loss)


def test_nan_decides_nothing():
    loss = float("nan")
    with pytest.raises(ClaimError, match="loss is nan"):
        claim("x", not loss > 2, loss=loss)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("claim('x', True, loss=loss)", "does not depend on anything computed"),
        ("claim('x', 1 < 2, loss=loss)", "does not depend on anything computed"),
        ("claim('x', loss < 2)", "show the numbers"),
        ("claim('x', loss < 2, bound=2)", "none of the numbers shown"),
        ("claim('x', loss == loss, loss=loss)", "compares a thing with itself"),
        ("claim('x', loss > 2 or True, loss=loss)", "a constant in"),
        ("claim('x', all(v > 2 for v in losses), loss=losses)", "not a number|all"),
        ("claim('x', all(v > 2 for v in losses), number=len(losses))", "all\\(\\) of nothing is true"),
        ("ok = all(v > 2 for v in losses)\nclaim('x', ok, number=len(losses))", "all\\(\\) of nothing is true"),
        ("claim('x', not Symbol('z').is_negative, loss=loss)", "does not know"),
        ("claim('x', loss < 2, loss='small')", "not a number"),
        ("claim('', loss < 2, loss=loss)", "sentence"),
    ],
)
def test_a_claim_that_cannot_fail_is_refused(run, call, said):
    with pytest.raises(TypeError, match=said):
        run(call, loss=1.0, losses=[])


def test_what_a_reader_sees(shown, monkeypatch):
    monkeypatch.setenv("NBDGM_BUDGET", "cpu")
    error, covered = 0.0123456, 8
    claim("tracks $W_1$ & more", error < 0.05, needs="cpu", error=error, covered=covered)
    assert shown[0]["text/plain"] == "✓ tracks $W_1$ & more\n  holds: error = 0.01235, covered = 8"
    assert r"tracks \(W_1\) &amp; more" in shown[0]["text/html"] and "tex2jax_process" in shown[0]["text/html"]
    assert set(proof.__all__) >= {"claim", "derivation", "recording"}
