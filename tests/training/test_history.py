import numpy as np
import pytest
import torch

from nbdgm.training import History, NonFiniteError
from nbdgm.training.history import record


def history_of(values, flush_every=3):
    history = History()
    for i, value in enumerate(values, 1):
        critic = record("critic", {"loss": torch.tensor(value), "gap": -value})
        history.append({"critic": critic, "generator": record("generator", {"loss": torch.tensor(value + 100)})})
        if i % flush_every == 0:
            history.flush()
    history.flush()
    return history


def test_values_by_full_name_or_by_a_name_that_is_unique():
    history = history_of([1.0, 2.0, 3.0, 4.0])
    assert history.steps == 4 and history.keys() == ["critic.loss", "critic.gap", "generator.loss"] == list(history)
    assert history["critic.loss"].tolist() == [1, 2, 3, 4] and history["generator.loss"].tolist() == [101, 102, 103, 104]
    assert history["gap"].tolist() == [-1, -2, -3, -4]
    assert "gap" in history and "critic.loss" in history and "loss" not in history and "fd" not in history
    with pytest.raises(KeyError, match=r"'loss' is ambiguous; there are critic.loss, critic.gap, generator.loss"):
        history["loss"]
    with pytest.raises(KeyError, match="'fd' is not logged"):
        history["fd"]


def test_arrays_are_copies():
    history = history_of([1.0, 2.0])
    history["gap"][:] = 7
    assert history["gap"].tolist() == [-1, -2]


def test_running_and_final_means():
    values = np.arange(10.0) ** 2
    history = history_of(values.tolist())
    smooth = history.smooth("critic.loss", 4)
    assert smooth == pytest.approx([values[max(0, i - 3) : i + 1].mean() for i in range(10)])
    assert history.smooth("critic.loss", 1) == pytest.approx(values)
    assert history.last("critic.loss", 3) == pytest.approx(values[-3:].mean())
    assert history.last("critic.loss", 1) == values[-1] and history.last("critic.loss", np.int64(2)) == values[-2:].mean()
    assert history.last("critic.loss", 1000) == pytest.approx(values.mean())
    with pytest.raises(ValueError, match="window"):
        history.smooth("critic.loss", 0)
    with pytest.raises(ValueError, match="window"):
        history.smooth("critic.loss", 2.5)
    for n in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"no mean of {n} values"):
            history.last("critic.loss", n)
    with pytest.raises(ValueError, match="no mean of 100 values out of 0 steps"):
        nothing = History()
        nothing.append({"p": record("p", {"loss": torch.tensor(1.0)})})  # and not fetched yet
        nothing.last("loss")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_first_value_that_is_not_finite_is_named(bad):
    with pytest.raises(NonFiniteError, match=r"critic.loss became (nan|inf|-inf) at step 5") as caught:
        history_of([1.0, 2.0, 3.0, 4.0, bad, bad, 7.0])
    error = caught.value
    assert (error.player, error.entry, error.step) == ("critic", "loss", 5)
    assert error.history.steps == 5 and error.history["critic.loss"][:4].tolist() == [1, 2, 3, 4]


def test_entries_must_stay_the_same():
    history = history_of([1.0])
    with pytest.raises(ValueError, match=r"same entries at every step.*\['critic.loss'\] now"):
        history.append({"critic": record("critic", {"loss": torch.tensor(1.0)})})


def test_it_survives_a_weights_only_file(tmp_path):
    history = history_of([1.0, 2.0, 3.0])
    history.seconds, history.films = 2.5, {"samples": [(0, np.zeros((2, 2), np.uint8)), (3, np.ones((2, 2), np.uint8))]}
    torch.save(history.state_dict(), tmp_path / "history.pt")
    copy = History()
    copy.load_state_dict(torch.load(tmp_path / "history.pt", weights_only=True))
    assert copy.keys() == history.keys() and all((copy[key] == history[key]).all() for key in history)
    assert (copy.steps, copy.seconds, copy.films["samples"][1][0]) == (3, 2.5, 3)
    assert copy.films["samples"][1][1].dtype == np.uint8


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_a_file_holds_a_row_for_each_step(steps):
    state = history_of([1.0, 2.0, 3.0, 4.0][:steps]).state_dict()
    assert len(state["values"]) == state["steps"] == steps


def test_records_take_numbers_of_every_kind():
    entries = {
        "loss": torch.tensor(1.5, dtype=torch.float64),
        "half": torch.tensor([2.5]).bfloat16(),
        "count": torch.tensor(3),
        "on": True,
    }
    names, values = record("p", entries)
    assert names == ["loss", "half", "count", "on"] and values.tolist() == [1.5, 2.5, 3, 1]
    assert record("p", {"loss": torch.tensor(1.5), "half": torch.tensor(2.5).half()})[1].dtype == torch.float32


@pytest.mark.parametrize("number", [torch.tensor(1e39, dtype=torch.float64), 1e39, np.float64(1e39), torch.tensor(2**53 - 1)])
def test_numbers_that_need_double_precision_have_it(number, tmp_path):
    history = History()
    for value in (torch.tensor(1.0), torch.tensor(2.0)):
        history.append({"p": record("p", {"loss": value, "big": number})})
        history.flush()
    assert history["big"].tolist() == [float(number)] * 2 and history["loss"].tolist() == [1, 2]
    assert history.last("big", 1) == float(number)
    copy = History()
    copy.load_state_dict(history.state_dict())
    assert copy["big"].tolist() == [float(number)] * 2


@pytest.mark.parametrize(
    "value,kind",
    [
        (None, "NoneType"),
        ("three", "str"),
        ([1.0, 2.0], "list"),
        (torch.ones(2), r"a tensor of shape \(2,\)"),
        (torch.tensor(1j), "a complex number"),
    ],
)
def test_what_is_no_number_is_refused_by_name(value, kind):
    with pytest.raises(ValueError, match=f"vae.kl must be a scalar to be logged, got {kind}"):
        record("vae", {"loss": torch.tensor(1.0), "kl": value})


def test_it_describes_itself():
    assert repr(History()) == "History of 0 steps in 0.0 s: nothing logged"
    assert repr(history_of([1.0])) == "History of 1 steps in 0.0 s: critic.loss 1, critic.gap -1, generator.loss 101"


@pytest.mark.parametrize(
    ("step", "said"),
    [(1, "look for a logarithm of 0 or less, or for bad data. so"), (2, "a smaller learning rate may help. so")],
)
def test_what_helps_when_a_value_is_not_finite(step, said):
    history = History()
    for i in range(1, 4):
        history.append({"p": record("p", {"loss": torch.tensor(1.0), "kl": float("inf") if i == step else 2.0})})
    with pytest.raises(NonFiniteError) as caught:
        history.flush(advice="so")
    assert str(caught.value) == f"p.kl became inf at step {step}; {said}"
    assert caught.value.entry == "kl" and history.steps == step and len(history["loss"]) == step
    assert str(NonFiniteError("p", "kl", 1, 2.0, history, "")).endswith("bad data.")


def test_means_over_processes_are_what_is_kept():
    history = History()
    history.append({"p": record("p", {"loss": torch.tensor(1.0)})})
    history.flush(lambda block: block * 3)
    history.flush(lambda block: block * 0)  # nothing has gathered
    assert history["loss"].tolist() == [3.0] and history.steps == 1
    history.interrupted, history.seconds = True, 12.34
    assert repr(history) == "History of 1 steps in 12.3 s (interrupted): p.loss 3"


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(torch.tensor(2**31 - 1, dtype=torch.int32), torch.float64), (torch.tensor(200, dtype=torch.uint8), torch.float32),
     (torch.tensor([[3.0]]), torch.float32), (3, torch.float64), (torch.tensor(True), torch.float32)],
)  # fmt: skip
def test_how_wide_the_kept_numbers_are(number, dtype):
    values = record("p", {"loss": torch.tensor(1.0), "n": number})[1]
    assert values.dtype == dtype and values[1].item() == float(number) and values.shape == (2,)


def test_a_name_that_ends_another_is_no_part_of_it():
    history = History()
    history.append(
        {
            "p": record("p", {"loss": torch.tensor(1.0), "big.kl": 2.0}),
            "q": record("q", {"kl": torch.tensor(3.0), "loss": torch.tensor(0.0)}),
        }
    )
    history.flush()
    assert "q.kl" in history and "kl" not in history and "big.kl" in history and "ss" not in history
    assert history["big.kl"].tolist() == [2.0]
