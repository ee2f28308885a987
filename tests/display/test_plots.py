import io
import warnings

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
from nbdgm.display.plots import figure_png, smoothed


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


@pytest.fixture
def figures(monkeypatch):
    """The figures that are shown, as matplotlib has them."""
    kept = []
    monkeypatch.setattr("nbdgm.display.plots.show_figure", lambda figure, alt: kept.append(figure))
    yield kept
    for figure in kept:
        plt.close(figure)


def test_how_curves_are_drawn(figures):
    values = {"a": np.arange(1.0, 201.0), "b": np.ones(200)}
    curves(values, smooth=5, labels={"b": "B"}, reference={"floor": 2.0}, ylabel="nats", title="t", size=(5.0, 2.0))
    (figure,), (ax,) = figures, figures[0].axes
    smooth, raw, other, _, floor = ax.lines
    assert [line.get_linewidth() for line in ax.lines] == [1.6, 0.5, 1.6, 0.5, 1.0] and raw.get_alpha() == 0.25
    assert raw.get_color() == smooth.get_color() != other.get_color() and raw.get_zorder() == 0 < smooth.get_zorder()
    assert floor.get_linestyle() == "--" and floor.get_color() == "0.35" and list(floor.get_ydata()) == [2.0, 2.0]
    (name,) = ax.texts
    assert name.get_text() == "floor" and name.xy == (1, 2.0) and name.get_fontsize() == 8 and name.get_color() == "0.35"
    assert (name.get_ha(), name.get_va(), name.xycoords) == ("right", "bottom", ("axes fraction", "data"))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(), ax.get_xscale(), ax.get_yscale()) == (
        *("update", "nats", "t"),
        *("linear", "linear"),
    )
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "B"] and not legend.get_frame_on()
    assert legend.get_texts()[0].get_fontsize() == 9 and list(figure.get_size_inches()) == [5.0, 2.0]
    assert figure.get_layout_engine() is not None


@pytest.mark.parametrize(
    ("log", "scales"),
    [(True, ("linear", "log")), ("y", ("linear", "log")), ("x", ("log", "linear")), ("xy", ("log", "log")),
     (False, ("linear", "linear")), ("", ("linear", "linear"))],
)  # fmt: skip
def test_which_axes_are_logarithmic(log, scales, figures):
    curves({"a": [1.0, 2.0, 3.0]}, log=log)
    (ax,) = figures[0].axes
    assert (ax.get_xscale(), ax.get_yscale()) == scales and ax.get_ylabel() == ax.get_title() == ""


@pytest.mark.parametrize(
    ("n", "smooth", "said"),
    [(99, None, "a from 1 to 99"), (100, None, "a from 1.5 to 99.5"), (4, 0, "a from 1 to 4"), (4, 2.9, "a from 1.5 to 3.5"),
     (4, 9, "a from 2.5 to 2.5"), (1, None, "a from 1 to 1")],
)  # fmt: skip
def test_what_the_running_mean_begins_and_ends_with(n, smooth, said, shown):
    curves({"a": np.arange(1.0, n + 1)}, smooth=smooth)
    assert shown.plain == f"[curves over {n} updates: {said}]"
    curves({"a": np.arange(1.0, n + 1)}, alt="in other words", ylim=(0, 1))
    assert shown.plain == "[in other words]"


def test_without_smoothing_there_is_one_line_and_the_window_is_as_asked(figures):
    curves({"a": np.arange(40.0)}, ylim=(-1.0, 50.0))
    (ax,) = figures[0].axes
    assert len(ax.lines) == 1 and ax.get_ylim() == (-1.0, 50.0) and list(figures[0].get_size_inches()) == [6.4, 3.0]


def test_how_points_are_drawn(figures):
    sets = {str(i): np.full((3, 2), float(i)) for i in range(11)}
    scatter(sets, limit=12.5, title="eleven", size=2.0, marker=9)
    (figure,), (ax,) = figures, figures[0].axes
    colours = [tuple(points.get_facecolor()[0][:3]) for points in ax.collections]
    assert len(set(colours)) == 10 and colours[10] == colours[0] and colours[1] != colours[0]
    assert {points.get_alpha() for points in ax.collections} == {0.6}
    assert {float(size) for points in ax.collections for size in points.get_sizes()} == {9.0}
    assert ax.get_xlim() == ax.get_ylim() == (-12.5, 12.5) and ax.get_aspect() == 1.0 and ax.get_title() == "eleven"
    assert figure.get_size_inches() == pytest.approx([2.0 * 1.22, 2.0]) and figure.get_layout_engine() is not None
    (legend,) = figure.legends
    assert not legend.get_frame_on() and legend.get_texts()[3].get_text() == "3" and legend.get_texts()[0].get_fontsize() == 9
    scatter(np.zeros((3, 2)))
    assert list(figures[1].get_size_inches()) == [4.2, 4.2] and not figures[1].legends and figures[1].axes[0].get_title() == ""
    assert figures[1].axes[0].get_xlim() != (-12.5, 12.5)


@pytest.mark.parametrize(("dpi", "shape"), [(100, (200, 300)), (50, (100, 150))])
def test_a_figure_has_as_many_pixels_as_it_is_asked_for(dpi, shape, shown):
    figure, _ = plt.subplots(figsize=(3, 2))
    png = figure_png(figure, dpi)
    picture = Image.open(io.BytesIO(png))
    assert np.asarray(picture).shape == shape and picture.mode == "P"
    show_figure(figure, "an empty frame", dpi)
    assert shown.png().shape[:2] == shape


@pytest.mark.parametrize(
    ("values", "window", "mean"),
    [([1, 2, 6], 2, [1.0, 1.5, 4.0]), ([1, 2, 6], 1, [1.0, 2.0, 6.0]), ([1, 2, 6], 0, [1.0, 2.0, 6.0]), ([], 3, []),
     ([1, 2, 6], 3, [1.0, 1.5, 3.0]), ([1, 2, 6], 9, [1.0, 1.5, 3.0]), ([1, np.inf, 6], 2, [1.0, 1.0, 6.0])],
)  # fmt: skip
def test_means_of_the_last_values(values, window, mean):
    assert smoothed(np.array(values), window).tolist() == mean


def test_where_nothing_is_finite_there_is_no_mean_and_no_complaint():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(smoothed(np.array([np.nan, np.nan, 1.0]), 2)).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [([0, 1, 1], None, "1 0, 2 1"), ([2, 0, 2], ["a", "b", "c"], "1 a, 2 c"), ([-3, -3, 5], None, "2 -3, 1 5"),
    (None, None, "3")],
)  # fmt: skip
def test_how_many_points_of_each_kind(labels, names, said, shown):
    scatter(np.zeros((3, 2)), labels, names=names)
    assert shown.plain == f"[scatter: {said} points in the plane]"
    scatter(np.zeros((3, 2)), labels, names=names, alt="other words")
    assert shown.plain == "[other words]"


def test_thousands_have_a_comma(shown):
    scatter({"a": np.zeros((1234, 2)), "b": np.full((1500, 2), np.nan)})
    assert shown.plain == "[scatter: 1,234 a, 0 b (and 1,500 that are not finite) points in the plane]"
