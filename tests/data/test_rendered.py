import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbdgm.data import draw_faces, draw_glyphs, faces, glyphs
from nbdgm.data.rendered import FACE_FACTORS, FACE_MEANINGS, GLYPH_FACTORS, GLYPH_MEANINGS, sdf
from nbdgm.data.rendered.factors import is_choice

MAKERS = [(faces, draw_faces, FACE_FACTORS, 3), (glyphs, draw_glyphs, GLYPH_FACTORS, 1)]
both = pytest.mark.parametrize(("make", "draw", "factors", "channels"), MAKERS, ids=["faces", "glyphs"])


def any_value(factor):
    return st.integers(0, len(factor) - 1) if is_choice(factor) else st.floats(factor[0], factor[2])


@both
@settings(max_examples=30)
@given(data=st.data())
def test_any_factors_give_a_picture_in_range_and_the_same_one_twice(make, draw, factors, channels, data):
    values = {name: data.draw(any_value(factor), label=name) for name, factor in factors.items()}
    size = data.draw(st.sampled_from([8, 28, 32]))
    picture = draw(values, size)
    assert picture.shape == (1, channels, size, size) and picture.dtype == torch.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert torch.equal(picture, draw(values, size))


@both
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_factors_round_trip_and_a_seed_is_a_picture(make, draw, factors, channels, seed, n):
    images = make(n, size=16, seed=seed)
    assert set(images.factors) == set(factors) and len(images) == n
    torch.testing.assert_close(draw(images.factors, 16), images.x, atol=1e-6, rtol=0)
    assert torch.equal(images.x, make(n, size=16, seed=seed).x)
    torch.testing.assert_close(images.x, make(n + 5, size=16, seed=seed).x[:n], atol=1e-6, rtol=0)
    assert torch.equal(images.y, images.factors[next(iter(factors))])


@both
def test_every_factor_shows(make, draw, factors, channels):
    plain = {"ribbon": "red"} if "ribbon" in factors else {}
    for name, factor in factors.items():
        values = torch.arange(len(factor)) if is_choice(factor) else torch.linspace(factor[0], factor[2], 5)
        pictures = draw({**plain, name: values}, 32).flatten(1)
        distances = torch.cdist(pictures, pictures) + 9 * torch.eye(len(values))
        assert distances.min() > 0.15, name


@both
def test_factors_are_uniform_and_independent(make, draw, factors, channels):
    drawn = make(3000, size=8, seed=5).factors
    standard = []
    for name, factor in factors.items():
        values = drawn[name].double()
        if is_choice(factor):
            counts = torch.bincount(drawn[name], minlength=len(factor)).double()
            assert (counts - 3000 / len(factor)).abs().max() < 5 * (3000 / len(factor)) ** 0.5, name
        else:
            assert factor[0] <= values.min() and values.max() <= factor[2], name
            assert abs(values.mean() - (factor[0] + factor[2]) / 2) < 5 * (factor[2] - factor[0]) / (12 * 3000) ** 0.5, name
        standard.append((values - values.mean()) / values.std())
    correlation = torch.stack(standard) @ torch.stack(standard).T / 3000
    assert (correlation - torch.eye(len(standard))).abs().max() < 0.1


def test_fixing_a_factor_changes_nothing_else():
    free, fixed = faces(20, size=8, seed=3), faces(20, size=8, seed=3, hair_colour="pink", pose=0.25)
    assert (fixed.factors["hair_colour"] == FACE_FACTORS["hair_colour"].index("pink")).all()
    assert (fixed.factors["pose"] == 0.25).all()
    for name in set(FACE_FACTORS) - {"hair_colour", "pose"}:
        assert torch.equal(free.factors[name], fixed.factors[name])


def test_factors_of_every_type():
    expected = draw_faces(hair_colour=torch.tensor([1, 2]), pose=torch.tensor([0.5, 0.25]), size=8)
    for hair, pose in (
        (["brown", "blonde"], [0.5, 0.25]),
        (np.array(["brown", "blonde"]), np.array([0.5, 0.25])),
        ([np.int64(1), "blonde"], torch.tensor([0.5, 0.25]).bfloat16()),
        (torch.tensor([1, 2], dtype=torch.uint8), torch.tensor([0.5, 0.25], requires_grad=True)),
        (np.array([1, 2], np.int8), (0.5, 0.25)),
    ):
        torch.testing.assert_close(draw_faces(hair_colour=hair, pose=pose, size=np.int64(8)), expected)


@both
def test_pictures_are_float32_whatever_the_default(make, draw, factors, channels):
    expected = make(3, size=8)
    try:
        torch.set_default_dtype(torch.float64)
        images = make(3, size=8)
        assert make(0, size=8).x.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(images.x, expected.x, atol=1e-4, rtol=0)


def test_factors_broadcast():
    assert draw_faces(pose=torch.linspace(-1, 1, 9), hair_colour="red", size=8).shape == (9, 3, 8, 8)
    assert draw_glyphs(character=["A", "3"], rotation=0.1).shape == (2, 1, 28, 28)
    assert faces(0).x.shape == (0, 3, 32, 32) and glyphs(0).x.shape == (0, 1, 28, 28)
    with pytest.raises(ValueError, match="factors: these do not broadcast: pose has 2, tilt has 3"):
        draw_faces(pose=[0.0, 0.1], tilt=[0.0, 0.1, 0.2])


def test_what_the_factors_of_a_face_do():
    hair = draw_faces(hair_colour=["blue", "red"], ribbon="none", light_strength=0.0)[:, :, 4, 16]
    assert hair[0, 2] > hair[0, 0] and hair[1, 0] > hair[1, 2]
    lit = draw_faces(light=[-1.0, 1.0], light_strength=1.0, hair_colour="brown", ribbon="none").mean(1)
    left, right = lit[:, 10:26, 6:14].mean((1, 2)), lit[:, 10:26, 18:26].mean((1, 2))
    assert left[0] > right[0] + 0.1 and right[1] > left[1] + 0.1
    straight = draw_faces(light_strength=0.0, size=64, gaze=0.0)
    # without light, looking straight ahead, the head is its own mirror image but for the spark in the eyes
    assert (straight - straight.flip(-1)).abs().mean() < 0.02
    turned = draw_faces(pose=[-0.8, 0.8], light_strength=0.0, size=64)
    assert (turned[0] - turned[1].flip(-1)).abs().mean() < 0.03


def test_what_the_factors_of_a_glyph_do():
    ink = draw_glyphs(character="S", thickness=torch.linspace(0.06, 0.18, 6), size=64).mean((1, 2, 3))
    assert (ink.diff() > 0).all()
    wide = draw_glyphs(character="0", width=[0.6, 1.4], size=64)[:, 0]
    columns = (wide.max(1).values > 0.5).sum(1)
    assert columns[1] > 1.8 * columns[0]
    weights = torch.linspace(-1, 1, 64)
    moved = draw_glyphs(character="1", x=[-0.15, 0.15], size=64)[:, 0].mean(1)
    assert ((moved * weights).sum(1) / moved.sum(1)).diff() == pytest.approx(0.3, abs=0.01)
    turned = draw_glyphs(character="1", rotation=[-0.5, 0.5], size=64)[:, 0, 12]  # a row near the top: clockwise leans right
    assert turned[1].argmax() > turned[0].argmax() + 8


def test_edges_are_smooth_and_agree_between_sizes():
    small = draw_faces(size=32, hair_colour="green")
    large = torch.nn.functional.avg_pool2d(draw_faces(size=128, hair_colour="green"), 4)
    assert (small - large).abs().mean() < 0.02
    grey = draw_glyphs(character="0")
    assert ((grey > 0.05) & (grey < 0.95)).sum() > 30


@both
@pytest.mark.parametrize("size", [32, 64])
def test_edges_are_anti_aliased(make, draw, factors, channels, size):
    """Against pictures drawn eight times larger and averaged, the drawn ones are far better than one point a pixel is."""
    large = make(16, size=8 * size, seed=4).x
    exact, points = torch.nn.functional.avg_pool2d(large, 8), large[:, :, 4::8, 4::8]
    error = lambda x: (x - exact).square().mean().sqrt()
    assert error(make(16, size=size, seed=4).x) < error(points) / 2.5


def test_distances_to_shapes():
    at = lambda *point: (torch.tensor(v) for v in point)
    assert sdf.box(*at(4.0, 6.0), 1.0, 2.0).item() == pytest.approx(5)  # 3 and 4 beyond the corner
    assert sdf.box(*at(-4.0, -6.0), 2.0, 3.0, 1.0).item() == pytest.approx(5 - 1)  # about the corner's centre (1, 2)
    assert sdf.box(*at(0.0, 1.5), 1.0, 2.0).item() == pytest.approx(-0.5) and sdf.box(*at(0.7, 0.0), 1.0, 2.0).item() < -0.29
    assert sdf.ellipse(*at(0.0, 3.0), 2.0, 2.0).item() == pytest.approx(1)  # exact for circles
    assert sdf.ellipse(*at(1.0, 0.0), 2.0, 2.0).item() == pytest.approx(-1)
    assert sdf.ellipse(*at(0.0, 1.001), 2.0, 1.0).item() == pytest.approx(0.001, rel=0.01)  # and to first order at the edge
    assert sdf.ellipse(*at(1.999, 0.0), 2.0, 1.0).item() == pytest.approx(-0.001, rel=0.01)
    for point, distance in (((1.0, 3.0), 3.0), ((-3.0, 4.0), 5.0), ((5.0, -4.0), 5.0), ((1.5, 0.0), 0.0)):
        assert sdf.segment(*at(*point), 0.0, 0.0, 2.0, 0.0).item() == pytest.approx(distance)
        assert sdf.segment(*at(*point[::-1]), 0.0, 0.0, 0.0, 2.0).item() == pytest.approx(distance)
    assert sdf.segment(*at(3.0, 4.0), 0.0, 0.0, 0.0, 0.0).item() == pytest.approx(5)
    a, b = torch.tensor([-0.3, 0.5, 0.1]), torch.tensor([0.4, -0.2, 0.1])
    torch.testing.assert_close(sdf.blend(a, b, 0.2), torch.tensor([-0.3, -0.2, 0.1 - 0.2 / 4]))  # the union, and its fillet
    x, y = sdf.pixels(2)
    assert x.tolist() == [[[-0.5, 0.5], [-0.5, 0.5]]] and y.tolist() == [[[-0.5, -0.5], [0.5, 0.5]]]
    turned = sdf.rotate(*at(1.0, 0.0), torch.tensor(torch.pi / 2))
    torch.testing.assert_close(torch.stack(turned), torch.tensor([0.0, -1.0]), atol=1e-6, rtol=0)
    # a pixel of 1/8: half covered at its edge, by 3/4 a quarter of a pixel inside
    distance = torch.tensor([0.0, -1 / 32, 1 / 16, -1 / 16, 1 / 32])
    assert sdf.coverage(distance, 16).tolist() == [0.5, 0.75, 0.0, 1.0, 0.25]
    assert sdf.coverage(distance, 16, 2.0)[1].item() == 0.625
    canvas = sdf.over(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 1, 1), torch.full((1, 2, 2), 0.25))
    assert (canvas == 0.25).all()


@pytest.mark.parametrize(("make", "file"), [(faces, "faces.png"), (glyphs, "glyphs.png")], ids=["faces", "glyphs"])
def test_the_pictures_of_a_seed_stay_what_they_are(make, file):
    """Numbers measured on rendered pictures hold for these pictures. Drawn on purpose otherwise? Save `sheet` in the file."""
    pictures = make(40, seed=0).x
    rows = pictures.unflatten(0, (5, 8)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)  # (channels, 5 size, 8 size)
    sheet = (rows * 255).round().byte().movedim(0, -1).squeeze(-1).numpy()
    kept = np.array(Image.open(Path(__file__).parent / file))
    assert kept.shape == sheet.shape
    assert np.abs(kept.astype(int) - sheet.astype(int)).max() <= 2


def test_a_thousand_faces_cost_no_more_than_seconds():
    faces(50)
    start = time.process_time()
    faces(1000)
    assert time.process_time() - start < 4  # 0.3 when the machine is quiet; one at a time takes 10


def test_every_factor_is_explained():
    assert list(FACE_MEANINGS) == list(FACE_FACTORS) and list(GLYPH_MEANINGS) == list(GLYPH_FACTORS)
    assert len(FACE_FACTORS) >= 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: faces(3, hat="red"), "hat: unknown factor; known are hair_colour"),
        (lambda: faces(3, hair_colour="mauve"), "hair_colour: 'mauve' is none of black"),
        (lambda: faces(3, hair_colour=8), "hair_colour: expected whole numbers from 0 to 7"),
        (lambda: faces(3, hair_colour=0.5), "hair_colour: expected whole numbers"),
        (lambda: faces(3, pose=1.5), "pose: expected numbers from -1 to 1"),
        (lambda: faces(3, pose=float("nan")), "pose: expected numbers"),
        (lambda: faces(3, pose=[0.0, 0.1]), "pose: expected one value or 3, got 2"),
        (lambda: faces(3, pose=torch.zeros(3, 1)), "pose: expected one value or a vector"),
        (lambda: faces(3, hair_colour=True), "hair_colour: expected whole numbers"),
        (lambda: faces(3, hair_colour=None), "hair_colour: expected whole numbers"),
        (lambda: faces(3, hair_colour=["pink", None, 1]), "hair_colour: expected whole numbers"),
        (lambda: faces(3, pose="left"), "pose: expected"),
        (lambda: faces(-1), "n: expected an integer of at least 0"),
        (lambda: faces(2.0), "n: expected an integer"),
        (lambda: faces(3, size=16.5), "size: expected an integer"),
        (lambda: faces(3, size=4), "size: expected 8 to 1024"),
        (lambda: glyphs(3, size=5000), "size: expected 8 to 1024"),
        (lambda: draw_glyphs(spin=1), "spin: unknown factor"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
