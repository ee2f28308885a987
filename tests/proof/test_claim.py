"""A claim holds, fails, or says that it was not checked; and it is hard to write one that cannot fail."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

from nbdgm import proof
from nbdgm.proof import ClaimError, claim, claims, highest, lowest, rendering, trial, verdicts

REAL, STAND_IN = (SimpleNamespace(name="mnist", stand_in=flag) for flag in (False, True))
MEASURED = {  # what the cells of a chapter have computed
    "loss": 0.25,
    "other": 0.75,
    "far": 40.0,
    "n": 3,
    "exact": sp.sqrt(2) / 4,
    "long": np.linspace(0.1, 0.4, 20_001),
    "losses": [0.1, 0.2, 0.3],
    "broken": [0.1, float("nan"), 0.2],
    "table": {"a": 0.1, "b": 0.3},
    "array": np.array([0.1, 0.2, 0.3]),
    "tensor": torch.tensor([0.1, 0.2, 0.3]),
    "nothing": [],
    "np": np,
    "torch": torch,
}


@pytest.fixture
def shown(monkeypatch):
    bundles: list[dict] = []
    monkeypatch.setattr(rendering, "show", bundles.append)
    return bundles


@pytest.fixture
def say(run):
    """Run cells in which `MEASURED` has been computed."""
    return lambda *cells, **names: run(*cells, **{**MEASURED, **names})


def record(shown):
    return shown[-1]["application/vnd.nbdgm.claim+json"]


# --- what a claim does ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["bool", "np.bool_", "torch.tensor"])
def test_a_true_claim_holds_and_a_false_one_raises(shown, say, make):
    say(f"claim('the loss is small', {make}(loss < 0.5), loss=torch.tensor(loss))")
    expected = {"text": "the loss is small", "status": "holds", "values": {"loss": 0.25}, "needs": None, "because": ""}
    assert record(shown) == expected | {"null": None}
    with pytest.raises(ClaimError, match=r"'the loss is tiny' does not hold: loss = 0.25, bound = 0.1"):
        say("claim('the loss is tiny', loss < 0.1, loss=loss, bound=0.1)")
    assert isinstance(ClaimError(), AssertionError)


def test_without_its_text_a_claim_is_decided_all_the_same(shown):
    space = {"claim": claim, "loss": 0.25}
    exec("claim('the loss is small', loss < 0.5, loss=loss)", space)
    with pytest.raises(ClaimError):
        exec("claim('the loss is small', loss < 0.1, loss=loss)", space)
    assert len(shown) == 1


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
@pytest.mark.parametrize("kind", ["claim", "check"])
def test_below_its_budget_a_claim_is_not_checked(shown, monkeypatch, say, budget, needs, status, kind):
    monkeypatch.setenv("NBDGM_BUDGET", budget)
    found = lambda: shown[-1][f"application/vnd.nbdgm.{kind}+json"]
    say(f"{kind}('x', loss < 2, needs=needs, loss=loss)", needs=needs)
    assert found()["status"] == status
    if status == "not checked":
        say(f"{kind}('x', loss > 2, needs=needs, loss=loss)", needs=needs)
        say(f"{kind}('x', loss > 2, needs=needs, loss=loss)", needs=needs, loss=float("nan"))
        assert found()["values"] == {"loss": None}
        assert f"needs the {needs} budget, this is {budget}" in shown[-1]["text/plain"]
        json.dumps(found(), allow_nan=False)
    else:
        with pytest.raises(ClaimError):
            say(f"{kind}('x', loss > 2, needs=needs, loss=loss)", needs=needs)


def test_on_a_stand_in_a_claim_about_data_is_not_checked(shown, say):
    say("claim('x', loss > 2, needs_data=data, loss=loss)", data=STAND_IN)
    assert record(shown)["status"] == "not checked" and "real mnist" in shown[-1]["text/html"]
    with pytest.raises(ClaimError):
        say("claim('x', loss > 2, needs_data=data, loss=loss)", data=REAL)


def test_a_misspelt_budget_is_an_error(say, monkeypatch):
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        say("claim('x', loss < 2, needs='CPU', loss=loss)")
    monkeypatch.setenv("NBDGM_BUDGET", "huge")
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        say("claim('x', loss < 2, needs='cpu', loss=loss)")


def test_the_budget_is_found_without_the_rest_of_the_library():
    code = (
        "import sys, os; from nbdgm.proof.claims import budget_name; first = budget_name();"
        "os.environ['NBDGM_BUDGET'] = 'smoke'; print(first, budget_name(), 'nbdgm.runtime' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["cpu", "smoke", "False"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["claim", "check"])
def test_what_is_not_finite_decides_nothing(say, value, kind):
    for condition in ("not loss > 2", "loss < 0.5", "loss > 0.5"):
        with pytest.raises(ClaimError, match=r"loss is (nan|infinite)"):
            say(f"{kind}('x', {condition}, loss=loss)", loss=value)


def test_what_a_reader_sees(shown, say, monkeypatch):
    monkeypatch.setenv("NBDGM_BUDGET", "cpu")
    text = "tracks $W_1$ & more"
    say("claim(text, error < 0.05, needs='cpu', error=error, covered=8)", text=text, error=0.0123456)
    assert shown[0]["text/plain"] == "✓ tracks $W_1$ & more\n  holds: error = 0.01235, covered = 8"
    assert "tracks <math><msub><mi>W</mi><mn>1</mn></msub></math> &amp; more" in shown[0]["text/html"]
    say("check('twice the same', error < 0.05, error=error)", error=0.0123456)
    assert shown[1]["text/plain"] == "✓ twice the same: holds, error = 0.01235"
    assert (
        shown[1]["text/html"].startswith('<p class="nbdgm-check')
        and "nbdgm-claim" not in shown[1]["text/html"].split("<style>")[0]
    )
    assert "application/vnd.nbdgm.claim+json" not in shown[1]
    assert set(proof.__all__) >= {"claim", "check", "derivation", "highest", "lowest", "recording"}


def test_a_stored_record_is_shown_again_as_it_was(shown, say):
    say("claim('a', loss < 0.5, null=other < 0.5, loss=loss)")
    say("claim('b', loss < 0.5, null='exact: a theorem', loss=loss)")
    say("claim('c', loss < 0.5, needs='gpu', null=[far < 0.5], loss=loss)")
    say("check('d', loss < 0.5, loss=loss)")
    for bundle in shown:
        mime = next(m for m in bundle if m.endswith("+json"))
        assert verdicts.again(json.loads(json.dumps(bundle[mime])), mime) == bundle


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_terminal_without_the_signs_gets_letters(encoding):
    code = "from nbdgm.proof import claim; x = float(input()); claim('half is less than one ∫', x < 1, x=x)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"0.5", capture_output=True, env={"PYTHONIOENCODING": encoding, "PATH": ""}
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "half is less than one" in done.stdout.decode(encoding) and "x = 0.5" in done.stdout.decode(encoding)


# --- nulls ------------------------------------------------------------------------------------------------------------------


def test_a_claim_that_a_trivial_model_satisfies_says_nothing(shown, say):
    say("claim('a', loss < 0.5, null=other < 0.5, loss=loss)")
    assert record(shown)["null"] == "fails" and "a trivial model does not satisfy it" in shown[-1]["text/html"]
    say("claim('a', loss < 0.5, null=[far < 0.5, other < 0.5], loss=loss)")
    assert record(shown)["null"] == "fails"
    with pytest.raises(ClaimError, match="a trivial model satisfies it as well"):
        say("claim('a', loss < 0.5, null=less < 0.5, loss=loss)", less=0.3)
    with pytest.raises(ClaimError, match="number 2"):
        say("claim('a', loss < 0.5, null=[other < 0.5, less < 0.5], loss=loss)", less=0.3)


def test_a_null_may_be_missing_for_a_reason(shown, say):
    say("claim('a', loss < 0.5, null='exact: the optimum of a theorem', loss=loss)")
    assert record(shown)["null"] == "exact" and record(shown)["why"] == "the optimum of a theorem"
    say("claim('a', loss < 0.5, null='exact', loss=loss)")
    assert record(shown)["null"] == "exact" and "exact" in shown[-1]["text/html"]


@pytest.mark.parametrize("given", ["'none'", "'exact:'", "[]", "other", "None", "[other]"])
def test_a_null_is_a_condition_or_a_reason(shown, say, given):
    if given == "None":
        say("claim('a', loss < 0.5, null=None, loss=loss)")
        assert record(shown)["null"] is None
        return
    with pytest.raises(TypeError, match="null"):
        say(f"claim('a', loss < 0.5, null={given}, loss=loss)")


def test_text_condition_and_null_may_stand_in_their_places_or_have_their_names(shown, say):
    say("claim('a', loss < 0.5, other < 0.5, loss=loss)")
    say("claim(text='a', condition=loss < 0.5, null=other < 0.5, loss=loss)")
    say("claim('a', null=[other < 0.5, far < 0.5], condition=loss < 0.5, loss=loss)")
    say("check('a', loss < 0.5, 'cpu', loss=loss)")
    assert [b.get("application/vnd.nbdgm.claim+json", {}).get("null") for b in shown] == ["fails", "fails", "fails", None]
    for call in ("'a', loss < 0.5, lost < 0.5", "text='a', condition=loss < 0.5, null=lost < 0.5"):
        with pytest.raises(ClaimError, match="lost holds nan"):
            say(f"claim({call}, loss=loss)", lost=math.nan)
    with pytest.raises(TypeError, match="make them agree"):
        say("claim(text='below 0.1', condition=loss < 0.5, loss=loss)")


def test_below_the_budget_the_null_is_open(shown, say):
    say("claim('a', loss < 0.5, needs='gpu', null=less < 0.5, loss=loss)", less=0.3)
    assert record(shown)["null"] == "open"


@pytest.mark.parametrize(
    "null",
    [
        "False",
        "other < 0.1",
        "other > 0.8",
        "not other < 0.5",
        "loss < 0.5",
        "[False, other < 0.5]",
        "0.9 < 0.5",
        "other < 0.5 and far < 0.5",
        "(other < 0.5) & (far < 0.5)",
    ],
)
@pytest.mark.parametrize("written", ["null=", ""])
def test_a_null_is_the_same_condition(say, null, written):
    with pytest.raises((TypeError, ClaimError)):
        say(f"claim('a', loss < 0.5, {written}{null}, loss=loss)")


def test_a_null_may_stand_behind_a_name(shown, say):
    say("trivial = other < 0.5", "claim('a', loss < 0.5, null=trivial, loss=loss)")
    assert record(shown)["null"] == "fails"
    with pytest.raises((TypeError, ClaimError), match="compare different things"):
        say("trivial = other < 0.1", "claim('a', loss < 0.5, null=trivial, loss=loss)")


def test_a_null_may_be_the_same_function_of_another_model(shown, say):
    say("near = lambda d: d < 0.5", "claim('a', near(loss), null=[near(other), near(far)], loss=loss)")
    say("claim('a', loss < 0.5, null=[one < 0.5 for one in (other, far)], loss=loss)")
    assert [b["application/vnd.nbdgm.claim+json"]["null"] for b in shown] == ["fails", "fails"]


def test_nan_in_a_null_does_not_make_it_fail(say):
    with pytest.raises(ClaimError, match="nan"):
        say("claim('a', loss < 0.5, null=lost < 0.5, loss=loss)", lost=math.nan)


# --- recording ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("claim('a', loss < 0.1, loss=loss)", {}),
        ("claim('a', loss < 0.5, loss=loss)", {"loss": math.nan}),
        ("claim('a', loss < 0.5, loss=loss)", {"loss": -math.inf}),
        ("claim('a', loss < 0.5, null=other < 0.5, loss=loss)", {"other": 0.1}),
    ],
)
def test_a_recorded_run_goes_on(shown, say, monkeypatch, call, values):
    monkeypatch.setenv("NBDGM_CLAIMS", "record")
    say(call, "claim('b', other < 5, other=other)", **values)
    first, second = (b["application/vnd.nbdgm.claim+json"] for b in shown)
    assert (first["status"], second["status"]) == ("fails", "holds")
    json.dumps(first, allow_nan=False)
    assert "fails" in shown[0]["text/plain"] and 'data-status="fails"' in shown[0]["text/html"]


def test_below_its_budget_nothing_is_recorded_as_failing(shown, say, monkeypatch):
    monkeypatch.setenv("NBDGM_CLAIMS", "record")
    say("claim('a', loss > 2, needs='gpu', loss=loss)")
    assert record(shown)["status"] == "not checked"


# --- the worst of several ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [[3, 1, 2], (0.5, -0.5), np.array([1.0, 4.0]), torch.tensor([[1.0, 7.0], [2.0, 3.0]]), {2: 1, 5: 1}]
)
def test_highest_and_lowest_are_max_and_min_of_finite_values(values):
    flat = values.reshape(-1) if hasattr(values, "reshape") else values
    assert highest(values) == max(flat) and lowest(values) == min(flat)
    assert highest(*flat) == max(flat) and lowest(v for v in flat) == min(flat)


def test_what_holds_a_single_number_is_asked_for_it():
    class Single:
        item = staticmethod(lambda: 0.5)

    for value in (Single(), np.float32(0.5), np.array(0.5), torch.tensor(0.5)):
        assert type(claims._number("claim", "loss", value)) is float and claims._number("claim", "loss", value) == 0.5
    with pytest.raises(TypeError, match="claim: loss is not a number but a ndarray"):
        claims._number("claim", "loss", np.array([0.5, 0.5]))


def test_highest_and_lowest_with_a_key():
    assert highest(["aa", "b"], key=len) == "aa" and lowest({"x": 3, "y": 1}.items(), key=lambda kv: kv[1]) == ("y", 1)
    bad = highest([("a", 1.0), ("b", math.nan), ("c", 2.0)], key=lambda pair: pair[1])
    assert bad[0] == "b"


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("make", [list, np.array, torch.tensor])
def test_nan_is_passed_on(make, position):
    values = [0.1, 0.2, 0.3]
    values[position] = math.nan
    assert math.isnan(highest(make(values))) and math.isnan(lowest(make(values)))
    assert math.isnan(highest(*values)) and math.isnan(lowest(*values))


@pytest.mark.parametrize("function", [highest, lowest])
def test_the_worst_of_nothing_is_an_error(function):
    for nothing in ([], (), np.array([]), torch.tensor([]), iter(())):
        with pytest.raises(ValueError, match="nothing"):
            function(nothing)
    with pytest.raises(TypeError):
        function(0.5)


# --- claims that cannot fail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("claim('x', True, loss=loss)", "does not depend on anything computed"),
        ("claim('x', 1 < 2, loss=loss)", "does not depend on anything computed"),
        ("claim('x', loss < 2)", "show the numbers"),
        ("claim('x', loss < 2, bound=2)", "not shown"),
        ("claim('x', loss == loss, loss=loss)", "compares a thing with itself"),
        ("claim('x', loss < 2 or True, loss=loss)", "a constant in"),
        ("claim('x', all(v < 2 for v in losses), loss=losses)", r"not a number"),
        ("claim('x', all(v < 2 for v in losses), number=len(losses))", "all\\(\\) of nothing is true.*highest.*lowest"),
        ("ok = all(v < 2 for v in losses)\nclaim('x', ok, number=len(losses))", "all\\(\\) of nothing is true"),
        ("claim('x', not Symbol('z').is_negative, loss=loss)", "does not know"),
        ("claim('x', loss < 2, loss='small')", "not a number"),
        ("claim('', loss < 2, loss=loss)", "sentence"),
    ],
)
def test_a_claim_that_cannot_fail_is_refused(say, call, said):
    with pytest.raises(TypeError, match=said):
        say(call)


ATTACKS = {
    # nan and emptiness
    "nan through max": ["worst = max(broken)\nclaim('a', worst < 0.5, worst=worst)"],
    "nan through max, in the call": ["claim('a', max([0.1, float('nan'), 0.2]) < 0.5, worst=max([0.1, float('nan'), 0.2]))"],
    "nan through min": ["claim('a', min(broken) > 0.05, least=min(broken))"],
    "nan through sorted": ["claim('a', sorted(broken)[-1] < 0.5, worst=sorted(broken)[-1])"],
    "max in the cell before": ["worst = max(losses)", "claim('a', worst < 0.5, worst=worst)"],
    "max two cells before": ["first = max(losses)", "worst = first + 0", "claim('a', worst < 0.5, worst=worst)"],
    "max under another name": ["top = max", "claim('a', top(losses) < 0.5, worst=top(losses))"],
    "max in a helper": ["def worst(v):\n    return max(v)", "claim('a', worst(losses) < 0.5, worst=worst(losses))"],
    "max in a helper's helper": ["f = lambda v: max(v)\ng = lambda v: f(v)", "claim('a', g(losses) < 0.5, w=g(losses))"],
    "max as an accumulator": ["w = 0.0\nfor v in broken:\n    w = max(w, v)\nclaim('a', w < 0.5, worst=w)"],
    "max in a lambda's default": ["claim('a', (lambda v=max(losses): v)() < 0.5, worst=0.3)"],
    "max by functools": ["from functools import reduce", "claim('a', reduce(max, losses) < 0.5, worst=reduce(max, losses))"],
    "max on the first of a pair": ["w, b = max(losses), 0.5", "claim('a', w < b, w=w, b=b)"],
    "max with a key": ["claim('a', max(losses, key=abs) < 0.5, w=max(losses, key=abs))"],
    "nanmax": ["claim('a', np.nanmax(broken) < 0.5, worst=np.nanmax(broken))"],
    "nanmean before": ["m = np.nanmean(broken)", "claim('a', m < 0.5, mean=m)"],
    "nan_to_num": ["claim('a', np.nan_to_num(broken).max() < 0.5, worst=np.nan_to_num(broken).max())"],
    "fmax": ["w = np.fmax.reduce(broken)", "claim('a', w < 0.5, worst=w)"],
    "nan filtered by isnan": ["w = highest(v for v in broken if not math.isnan(v))", "claim('a', w < 0.5, worst=w)"],
    "nan filtered by itself": ["w = highest([v for v in broken if v == v])", "claim('a', w < 0.5, worst=w)"],
    "nan filtered by a mask": ["w = np.array(broken)[~np.isnan(broken)].max()", "claim('a', w < 0.5, worst=w)"],
    "nan filtered by a bound": ["kept = [v for v in broken if v < 9]", "w = highest(kept)", "claim('a', w < 0.5, worst=w)"],
    "nan counts as good": ["bad = sum(v > 0.5 for v in broken)", "claim('a', bad == 0, bad=bad)"],
    "nan is not above": ["claim('a', not broken[1] > 0.5, loss=broken[1])"],
    "not first > nan": ["claim('a', not loss > float('nan'), loss=loss)"],
    "any of nothing": ["claim('a', not any(v > 1 for v in nothing), n=len(nothing))"],
    "any in the cell before": ["bad = any(v > 1 for v in losses)", "claim('a', not bad, bad=bad)"],
    "a count over nothing": ["bad = sum(v > 1 for v in nothing)", "claim('a', bad == 0, bad=bad)"],
    "highest of nothing": ["claim('a', highest(nothing) < 1, n=0)"],
    "a default": ["claim('a', max(nothing, default=0) < 1, w=max(nothing, default=0))"],
    "a number beside nothing": ["claim('a', lowest([9, *nothing]) > 1, least=lowest([9, *nothing]))"],
    "initial=": ["w = np.max(np.array(nothing), initial=0.0)", "claim('a', w < 1, w=w)"],
    "-inf is below": ["claim('a', loss < 0.5, loss=loss)", {"loss": -math.inf}],
    "nothing is in an empty list": ["claim('a', loss not in nothing, loss=loss)"],
    # true whatever the numbers are
    "all cases": ["claim('a', loss < 1 or loss >= 1, loss=loss)"],
    "all cases, bitwise": ["claim('a', bool((loss < 1) | (loss >= 1)), loss=loss)"],
    "all cases in a name": ["ok = loss < 1 or loss >= 1", "claim('a', ok, loss=loss)"],
    "all cases in a function": ["near = lambda v: v < 1 or not v < 1", "claim('a', near(loss), loss=loss)"],
    "a bound of itself": ["claim('a', loss < loss * 2 + 1, loss=loss)"],
    "a bound made of itself before": ["bound = 1.1 * loss", "claim('a', loss < bound, loss=loss, bound=bound)"],
    "a bound made of itself long before": ["b = loss", "c = b * 2", "claim('a', loss < c, loss=loss, bound=c)"],
    "its own rounding": ["claim('a', abs(loss - round(loss, 3)) < 0.01, loss=loss, rounded=round(loss, 3))"],
    "bool": ["claim('a', bool(loss), loss=loss)"],
    "bool in a name": ["ok = bool(loss)", "claim('a', ok, loss=loss)"],
    "unequal": ["claim('a', loss != other, loss=loss, other=other)"],
    "not equal": ["claim('a', not loss == other, loss=loss, other=other)"],
    "a constant with a name": ["width = 2", "claim('a', width < 3, width=width)"],
    "a constant through float": ["width = float('0.2')", "claim('a', width < 3, width=width)"],
    "a constant tensor": ["w = torch.tensor([0.1, 0.2])", "claim('a', w.max() < 3, w=w.max())"],
    "constants added": ["a_ = 1", "b_ = a_ + 1", "claim('a', b_ < 3, b=b_)"],
    "walrus": ["claim('a', (z := loss) < 2, loss=loss)"],
    "walrus for a constant": ["claim('a', (z := 1) < 2, loss=z)"],
    "times zero": ["claim('a', loss * 0 < 1, loss=loss)"],
    "power zero": ["claim('a', loss**0 < 2, loss=loss)"],
    "itself": ["claim('a', loss <= loss, loss=loss)"],
    "itself by another name": ["same = loss", "claim('a', same <= loss, loss=loss, same=same)"],
    "minus itself": ["claim('a', loss - loss < 1, loss=loss)"],
    "divided by itself": ["claim('a', loss / loss < 2, loss=loss)"],
    "a square": ["claim('a', loss**2 > -1, loss=loss)"],
    "an absolute value": ["claim('a', abs(loss) >= 0, loss=loss)"],
    "a length": ["claim('a', len(losses) >= 0, n=len(losses))"],
    "the mean is below the maximum": ["claim('a', array.mean() <= array.max(), mean=array.mean(), top=array.max())"],
    "the lowest is below the highest": ["claim('a', lowest(losses) <= highest(losses), l=lowest(losses), h=highest(losses))"],
    "a spread": ["claim('a', array.std() >= 0, spread=array.std())"],
    "below infinity": ["claim('a', loss < float('inf'), loss=loss)"],
    "below infinity by name": ["claim('a', loss < math.inf, loss=loss)"],
    "one part is void": ["claim('a', loss < 0.5 and abs(other) >= 0, loss=loss, other=other)"],
    "a tangent": ["claim('a', math.tanh(loss) <= 1, loss=loss)"],
    "is not None": ["claim('a', loss is not None, loss=loss)"],
    "isinstance": ["claim('a', isinstance(loss, float), loss=loss)"],
    "a conditional": ["claim('a', True if loss < 1 else loss > 2, loss=loss)"],
    "a function that says yes": ["fine = lambda v: True", "claim('a', fine(loss), loss=loss)"],
    "a helper that judges": ["def fine(v):\n    print(v)\n    return True", "claim('a', fine(loss), loss=loss)"],
    "an index": ["claim('a', (True, False)[0], loss=loss)"],
    "True from elsewhere": ["ok = True", "claim('a', ok, loss=loss)"],
    "or a number": ["claim('a', loss > 9 or True, loss=loss)"],
    "a truth value that was overwritten": ["ok = loss < 0.1\nok = True", "claim('a', ok, loss=loss)"],
    "a truth value collected in a loop": ["ok = True\nfor v in losses:\n    ok &= v < 9\nclaim('a', ok, n=n)"],
    # numbers and words
    "another number is shown": ["claim('a', loss < 0.5, loss=other)"],
    "a small part is shown": ["claim('a', loss < 0.5, loss=loss / 100)"],
    "one of two is shown": ["claim('a', loss < other, loss=loss)"],
    "a hidden number in and": ["claim('a', loss < 0.5 and far < 99, loss=loss)"],
    "a hidden bound": ["claim('a', loss < array[2], loss=loss)"],
    "a hidden maximum": ["claim('a', highest(losses) < 0.5, first=losses[0])"],
    "below 10, and 100": ["claim('the distance is below 10', far < 100, far=far)"],
    "at most 5 %": ["claim('the error is at most 5 %', loss < 0.5, loss=loss)"],
    "more than 100": ["claim('more than 100 modes', far > 10, far=far)"],
    "below ten, and 100": ["claim('the distance is below ten', far < 100, far=far)"],
    "all of nothing, counted": ["claim('a', sum(v < 1 for v in nothing) == len(nothing), n=len(nothing))"],
    "max by its module": ["import builtins as b", "claim('a', b.max(losses) < 0.5, w=b.max(losses))"],
    "nlargest": ["import heapq", "w = heapq.nlargest(1, broken)[0]", "claim('a', w < 0.5, w=w)"],
    "all by numpy": ["claim('a', np.all(array < 0.5), worst=array.max())"],
    "all as a method": ["claim('a', bool((array < 0.5).all()), worst=array.max())"],
    "isclose": ["claim('a', math.isclose(loss, other, abs_tol=9), loss=loss, other=other)"],
    "a truth value as a number": ["ok = int(loss < 0.5)", "claim('a', ok == 1, ok=ok)"],
    "a truth value plus nothing": ["claim('a', (loss < 0.5) + 0 == 1, n=n)"],
    "is True": ["claim('a', (loss < 0.5) is True, n=n)"],
    "in a list": ["claim('a', [loss < 0.5] == [True], n=n)"],
    "its first is below its highest": ["claim('a', losses[0] <= highest(losses), f=losses[0], w=highest(losses))"],
    "less by operator": ["import operator", "claim('a', operator.lt(loss, 0.5), loss=loss)"],
    "less as a method": ["claim('a', loss.__lt__(0.5), loss=loss)"],
    "a class body": ["class A:\n    claim('a', loss < 0.5, loss=loss)"],
    "a constant null": ["bad = 99", "claim('a', loss < 0.5, null=bad < 0.5, loss=loss)"],
    # bounds that no measure comes near
    "a bound out of reach": ["claim('a', loss < 1e300, loss=loss)"],
    "a bound out of reach, from below": ["claim('a', -loss > -1e300, loss=loss)"],
    "a bound out of reach, the other way round": ["claim('a', 1e15 > loss, loss=loss)"],
    "a bound out of reach by name": ["wide = 10**300", "claim('a', loss < wide, loss=loss)"],
    "a bound out of reach as a factor": ["claim('a', loss < 1e20 * other, loss=loss, other=other)"],
    "a bound out of reach, added": ["claim('a', loss < other + 1e15, loss=loss, other=other)"],
    "a bound out of reach as a divisor": ["claim('a', loss / 1e20 < other, loss=loss, other=other)"],
    "a bound a thousand million times too wide": ["claim('a', loss < 3e9, loss=loss)"],
    # calls
    "an alias": ["c = claim", "c('a', loss < 0.5, loss=loss)"],
    "imported by another name": ["from nbdgm.proof import claim as say", "say('a', loss < 0.5, loss=loss)"],
    "starred": ["args = ('a', loss < 0.5)", "claim(*args, loss=loss)"],
    "double starred": ["kw = {'text': 'a', 'condition': loss < 0.5, 'loss': loss}", "claim(**kw)"],
    "the condition in a dict": ["kw = {'condition': True, 'loss': loss}", "claim('a', **kw)"],
    "a helper that claims": ["def hold(t, v):\n    claim(t, v < 0.5, loss=v)", "hold('a', loss)"],
    "a lambda that claims": ["hold = lambda v: claim('a', v < 0.5, loss=v)", "hold(loss)"],
    "mapped": ["list(map(lambda v: claim('a', v < 0.5, loss=v), losses))"],
    "called in a list": ["[claim('a', v < 0.5, loss=v) for v in losses]"],
    "partial": ["from functools import partial", "p = partial(claim, 'a')", "p(loss < 0.5, loss=loss)"],
    "under if": ["if loss < 0.5:\n    claim('a', loss < 0.5, loss=loss)"],
    "under try": ["try:\n    claim('a', loss < 0.5, loss=loss)\nexcept AssertionError:\n    pass"],
    "under suppress": ["import contextlib\nwith contextlib.suppress(AssertionError):\n    claim('a', loss < 0.5, loss=loss)"],
    "under a loop": ["for v in losses:\n    claim('a', v < 0.5, loss=v)"],
    "under while": ["while n < 4:\n    n += 1\n    claim('a', loss < 0.5, loss=loss)"],
    "after and": ["loss < 0.5 and claim('a', loss < 0.5, loss=loss)"],
    "kept": ["kept = claim('a', loss < 0.5, loss=loss)"],
    "exec": ["exec(\"claim('a', True, loss=loss)\")"],
    "eval in the condition": ["claim('a', eval('loss < 0.5'), loss=loss)"],
    "abs redefined": ["abs = lambda v: 0.0", "claim('a', abs(loss) < 0.1, loss=abs(loss))"],
    "a number with rules of its own": [
        "class Fine(float):\n    def __lt__(self, other):\n        return True",
        "loss = Fine(9)",
        "claim('a', loss < 0.5, loss=loss)",
    ],
}


@pytest.mark.parametrize("cells", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("kind", ["claim"])
def test_an_attack_is_refused(shown, say, cells, kind):
    names = cells[-1] if isinstance(cells[-1], dict) else {}
    with pytest.raises((TypeError, ClaimError, ValueError)) as refused:
        say(*(c for c in cells if isinstance(c, str)), **names)
    assert isinstance(refused.value, ClaimError) or str(refused.value).startswith(
        ("claim", "highest: there is nothing", "lowest")
    )
    assert not shown


GOOD = [
    ["claim('a', loss < 0.5, loss=loss)"],
    ["claim('a', highest(losses) < 0.5, worst=highest(losses))"],
    ["worst = highest(losses)", "claim('a', worst < 0.5, worst=worst)"],
    ["w = 0.0\nfor v in losses:\n    w = highest(w, v)\nclaim('a', w < 0.5, worst=w)"],
    ["bad = sum(v > 0.5 for v in losses)", "claim('a', bad == 0, bad=bad, of=len(losses))"],
    ["claim('a', loss < other and 2 * loss < far, loss=loss, other=other, far=far)"],
    ["claim('a', abs(loss - 0.25) < 1e-6, loss=loss)"],
    ["claim('a', 0 < other - loss < 1, gap=other - loss)"],
    ["claim('a', loss < other / 2, loss=loss, other=other)"],
    ["claim('a', far > 3 * loss, ratio=far / loss)"],
    ["claim('a', array.max() < 0.5 and tensor.min() > 0.05, most=array.max(), least=tensor.min())"],
    ["ok = loss < 0.5", "claim('a', ok, loss=loss)"],
    ["near = lambda v: abs(v) < 0.5", "claim('a', near(loss), loss=loss)"],
    ["claim('the loss is below 0.5, less than 50 %', loss < 0.5, loss=loss)"],
    ["for name in ('a', 'b'):\n    claim(f'{name} is small', table[name] < 0.5, value=table[name])"],
    ["apart = [v for v in losses if v > 1]", "claim('none is apart', len(apart) == 0, apart=len(apart))"],
    ["claim('a', array[0] < array.mean(), first=array[0], mean=array.mean())"],
    ["claim('a', far < 1e6, far=far)"],
    ["claim('a', float(exact) < 0.5, exact=exact)"],
    ["claim('a', long.max() < 0.5, most=long.max())"],
    ["claim('a', highest(long) - lowest(long) < 0.5, most=highest(long), least=lowest(long))"],
    ["claim('a', abs(lowest(losses, key=lambda v: (v - 0.1) ** 2) - losses[0]) < 0.05, best=losses[0])"],
    ["claim('a', loss > 1e-300, loss=loss)"],
    ["claim('a', loss - 0.25 < 1e-12, loss=loss)"],
    ["claim('the first is best', lowest(table, key=table.get) == 'a', **table)"],
    ["claim('a', n == 3 and losses[0] < losses[1] < losses[2], n=n, **{f'at {i}': v for i, v in enumerate(losses)})"],
]


@pytest.mark.parametrize("cells", GOOD, ids=[c[-1][:60] for c in GOOD])
def test_an_honest_claim_stands(shown, say, cells):
    say(*cells)
    assert shown and all(b["application/vnd.nbdgm.claim+json"]["status"] == "holds" for b in shown)


def test_a_function_that_calls_itself_is_no_comparison():
    def beside_it():
        near = lambda v: v < 0.5 or near(v - 1)
        loss = 0.25
        claim("a", near(loss), loss=loss)

    with pytest.raises(TypeError, match="is no comparison of numbers"):
        beside_it()


def test_when_the_time_for_trials_is_over_nothing_more_is_refused(shown, say, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", -1.0)
    say("claim('a', array.std() >= 0, spread=array.std())")
    assert record(shown)["status"] == "holds"


def test_a_false_claim_fails_however_far_its_bound_is(say):
    with pytest.raises(ClaimError, match="does not hold"):
        say("claim('a', loss > 1e9, loss=loss)")


def test_only_what_is_compared_counts_as_shown(say):
    """Names of functions in the condition are no numbers of it."""
    with pytest.raises(TypeError, match="not shown"):
        say("claim('a', round(loss) < 3, highest=other)")
    with pytest.raises(TypeError, match="not shown"):
        say("claim('a', highest(losses) < 3, max=other)")


def test_numbers_written_in_the_condition_need_not_be_shown(shown, say):
    say("claim('a', word == str(4 * 4), n=n)", word="16")
    say("claim('a', abs(loss - float(log(2) - Rational(3, 2) * log(3))) > 0.5, loss=loss)")
    say("bound = 2 * math.log(2)", "claim('a', loss < bound, loss=loss)")
    assert len(shown) == 3


def test_a_bound_that_is_drawn_must_be_shown_and_one_that_is_computed_from_typed_numbers_need_not(shown, say):
    say("claim('a', loss < np.hypot(0.3, 0.4), loss=loss)")
    with pytest.raises(TypeError, match=r"np\.random\.uniform\(0\.5, 0\.9\) decides the claim and is not shown"):
        say("claim('a', loss < np.random.uniform(0.5, 0.9), loss=loss)")
