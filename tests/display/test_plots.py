import io

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from nbdgm.data import densities
from nbdgm.display import curves, scatter, show_figure
from nbdgm.display.plots import smoothed


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    plt.close("all")
    yield
    assert not plt.get_fignums()


def test_curves_say_in_words_what_they_show(shown):
    entries = {"vae.loss": np.linspace(200, 100, 500), "vae.kl": np.linspace(0, 25, 500)}
    assert (
        curves(entries, ["vae.loss", "vae.kl"], smooth=1, labels={"vae.kl": "KL"}, reference={"bound": 90.0}, log=True) is None
    )
    bundle, metadata = shown[-1]
    assert "vae.loss from 200 to 100; KL from 0 to 25" in shown.plain and "500 updates" in shown.plain
    assert metadata["image/png"]["alt"] == shown.plain
    assert shown.png().shape[1] < 900 and len(bundle["image/png"]) < 40_000


def test_curves_of_a_history(shown):
    from nbdgm import Player, play

    line = torch.nn.Linear(1, 1)
    fit = Player(line, loss=lambda x: line(x).square().mean(), name="fit")
    history = play([fit], densities.mixture_1d().batches(4), 30)
    curves(history)
    assert "over 30 updates" in shown.plain and "fit" in shown.plain
    curves(history, "loss")
    with pytest.raises(ValueError, match="keys: no entry 'nothing'; there are"):
        curves(history, ["nothing"])


def test_curves_without_values_say_so(shown):
    from nbdgm import History

    with pytest.raises(ValueError, match="keys: 'loss' has no values yet"):
        curves({"loss": []})
    for nothing in (History(), {}):
        with pytest.raises(ValueError, match="history: it has no entries yet"):
            curves(nothing)
    with pytest.raises(ValueError, match=r"history\['loss'\]: expected one value an update, got shape \(2, 2\)"):
        curves({"loss": np.ones((2, 2))})
    with pytest.raises(ValueError, match=r"history\['loss'\]: expected one value an update, got shape \(\)"):
        curves({"loss": 1.0})
    with pytest.raises(ValueError, match=r"history\['loss'\]: expected real numbers"):
        curves({"loss": ["a"]})
    with pytest.raises(ValueError, match="keys: no entry 'b'; there are 1"):
        curves({1: [0.0]}, "b")
    assert not shown


def test_curves_of_every_type_of_numbers(shown):
    ones = torch.tensor([2.0, 1.0])
    for values in (ones.bfloat16(), ones.clone().requires_grad_(), [2, 1], [*ones], np.array([2, 1]), ones.int()):
        curves({"loss": values}, smooth=1)
        assert shown.plain == "[curves over 2 updates: loss from 2 to 1]"


class Logged(dict):
    steps = (10, 20, 30)


def test_curves_stand_over_the_updates_of_the_history(shown, monkeypatch):
    lines, references = [], []
    plot, axhline = plt.Axes.plot, plt.Axes.axhline
    monkeypatch.setattr(plt.Axes, "axhline", lambda self, y, **more: references.append(float(y)) or axhline(self, y, **more))
    monkeypatch.setattr(
        plt.Axes, "plot", lambda self, x, y, **more: lines.append((list(x), list(y), more)) or plot(self, x, y, **more)
    )
    curves(Logged(a=[1.0, 2.0, 6.0], b=[5.0, 4.0]), smooth=2, title="t", reference={"floor": torch.tensor(0.5)}, ylim=(0, 7))
    assert [line[:2] for line in lines] == [
        ([10, 20, 30], [1.0, 1.5, 4.0]),
        ([10, 20, 30], [1.0, 2.0, 6.0]),
        ([1, 2], [5.0, 4.5]),
        ([1, 2], [5.0, 4.0]),
    ]
    assert shown.plain == "[t over 2 updates: a from 1.5 to 4; b from 4.5 to 4.5]"
    assert references == [0.5]
    lines.clear()
    curves({"a": np.arange(5000.0)})
    assert len(lines[0][0]) == 1000 and lines[0][0][-1] == 5000 and lines[1][2]["alpha"] < 1  # 5,000 points would be no finer
    assert "a from 49.5 to 4950" in shown.plain  # the running mean over a fiftieth: 100 values


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.integers(1, 50))
def test_smoothing_is_the_mean_of_the_last_values(values, window):
    expected = [np.mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))]
    assert smoothed(np.array(values), window) == pytest.approx(expected, abs=1e-6)


def test_smoothing_leaves_out_what_is_not_finite():
    assert smoothed(np.array([1.0, np.nan, 3.0, np.inf]), 2).tolist() == [1.0, 1.0, 3.0, 3.0]


def test_scatter(shown):
    assert scatter(torch.randn(50, 2), torch.arange(50) % 3, names=["a", "b", "c"], title="codes") is None
    assert shown.plain == "[codes: 17 a, 17 b, 16 c points in the plane]"
    scatter({"data": torch.randn(5, 2), "model": np.zeros((7, 2))}, limit=3)
    assert "5 data, 7 model" in shown.plain
    assert shown.png().shape[1] == pytest.approx(1.22 * 420, abs=2)  # room for the legend
    scatter(torch.randn(9, 2))
    assert len(shown) == 3 and len(shown[-1][0]["image/png"]) < 20_000
    for points, labels, message in (
        (torch.randn(5), None, r"points: expected shape \(N, 2\)"),
        (torch.randn(5, 3), None, r"points: expected shape \(N, 2\)"),
        (torch.randn(5, 2), torch.zeros(4), "labels: expected 5, one per point"),
        (torch.randn(5, 2), torch.full((5,), 0.5), "labels: expected whole numbers, got"),
        (torch.randn(5, 2), ["a"] * 5, "labels: expected real numbers"),
        ({}, None, "points: expected at least one set"),
        ({"data": torch.randn(5, 2)}, torch.zeros(5), "points: expected at least one set, and no labels"),
        ("points", None, "points: expected real numbers"),
        ({"data": torch.randn(5)}, None, r"points\['data'\]: expected"),
    ):
        with pytest.raises(ValueError, match=message):
            scatter(points, labels)


def test_points_have_no_border_and_are_larger_in_the_legend(monkeypatch):
    figures = []
    monkeypatch.setattr("nbdgm.display.plots.show_figure", lambda figure, alt: figures.append(figure))
    scatter({"data": torch.randn(5, 2), "model": torch.zeros(7, 2)}, marker=4)
    (figure,), (legend,) = figures, figures[0].legends
    assert [list(points.get_linewidths()) for points in figure.axes[0].collections] == [[0], [0]]
    assert [float(handle.get_sizes()[0]) for handle in legend.legend_handles] == [4 * 2.5**2] * 2
    plt.close(figure)


def test_the_first_coordinate_runs_to_the_right(shown):
    scatter(torch.tensor([[2.0, 0.0]] * 9), limit=3)
    picture = shown.png().astype(int)
    rows, columns = np.nonzero(np.ptp(picture, axis=-1) > 60)  # what has a colour
    assert columns.mean() > 0.7 * picture.shape[1] and 0.4 < rows.mean() / picture.shape[0] < 0.6


def test_labels_and_points_of_every_type(shown):
    for points, labels in (
        (torch.ones(3, 2).bfloat16(), torch.tensor([0.0, 1.0, 1.0]).bfloat16()),
        ([[0, 1], [1, 2], [3, 4]], [0, 1, 1]),
        (np.ones((3, 2), int), np.array([False, True, True])),
        (torch.ones(3, 2, requires_grad=True), torch.tensor([0, 1, 1], dtype=torch.uint8)),
    ):
        scatter(points, labels, names=["a", "b"])
        assert shown.plain == "[scatter: 1 a, 2 b points in the plane]"
        scatter(points, labels)
        assert shown.plain == "[scatter: 1 0, 2 1 points in the plane]"
    for bad in ([0, 1, 2], [-1, 0, 1]):
        with pytest.raises(ValueError, match="labels: expected whole numbers from 0 to 1, got"):
            scatter(np.ones((3, 2)), bad, names=["a", "b"])
    scatter(torch.zeros(0, 2), torch.zeros(0), names=["a"])


def test_points_that_are_not_finite_are_not_counted_as_shown(shown):
    scatter({"a": torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), "b": torch.tensor([[0.0, torch.inf]])})
    assert shown.plain == "[scatter: 1 a, 0 b (and 2 that are not finite) points in the plane]"


def test_a_chapter_s_own_figure_is_shown_small_with_its_words_and_closed(shown):
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    assert show_figure(figure, "a rising line") is None
    assert shown.plain == "[a rising line]" and shown[-1][1]["image/png"]["alt"] == shown.plain
    assert shown.png()[0, 0].tolist() == [255, 255, 255] and len(shown[-1][0]["image/png"]) < 20_000


def test_rare_colours_of_a_figure_survive(shown):
    figure, ax = plt.subplots()
    for i, place in enumerate(np.random.default_rng(0).normal(size=(10, 2, 60))):
        ax.scatter(*place, s=4, alpha=0.6, color=f"C{i}")
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=100, facecolor="white")
    true = np.asarray(Image.open(raw).convert("RGB")).astype(int)
    show_figure(figure, "dots")
    off = abs(shown.png().astype(int) - true).max(-1)[true.min(-1) < 245]
    assert np.quantile(off, 0.99) < 30
