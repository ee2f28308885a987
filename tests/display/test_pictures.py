import base64
import html.parser
import io
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbdgm.data import Images, faces, glyphs
from nbdgm.display import grid, grids, manifold, strips
from nbdgm.display.pictures import (
    TRUE_COLOURS,
    as_pictures,
    encode,
    figure_html,
    manifold_frame,
    natural_scale,
    picture_html,
    shape_of_grid,
    tile,
)


class Balanced(html.parser.HTMLParser):
    """Collects `<img>` attributes and insists that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.images.append(dict(attributes))
        elif tag not in ("input", "circle", "rect", "path", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_grid_shows_every_picture_at_its_place(shown):
    x = torch.rand(7, 1, 5, 4)
    assert grid(x, columns=3) is None
    (sheet,) = shown.pictures()
    assert sheet.shape == (3 * 6 - 1, 3 * 5 - 1, 3)
    for i in range(7):
        row, column = divmod(i, 3)
        part = sheet[row * 6 : row * 6 + 5, column * 5 : column * 5 + 4, 0] / 255
        assert abs(part - x[i, 0].numpy()).max() <= 0.5 / 23 + 0.005  # 24 greys
    (image,) = Balanced(shown.html).images
    assert (
        "7 pictures of 4x5 in 3 rows" in image["alt"] and "pixelated" in image["style"] and "max-width:100%" in image["style"]
    )
    assert shown.plain == f"[{image['alt']}]"


def test_colours_survive(shown):
    x = faces(9, seed=1)
    grid(x)
    (sheet,) = shown.pictures()
    original = tile(as_pictures(x), *shape_of_grid(9, None, None))
    assert sheet.shape == original.shape
    assert np.abs(sheet.astype(int) - original).mean() < 4
    flat = torch.tensor([0.2, 0.8, 0.4]).view(1, 3, 1, 1).expand(2, 3, 8, 8)
    grid(flat)
    assert abs(shown.pictures()[0][0, 0] / 255 - [0.2, 0.8, 0.4]).max() < 0.005


def test_a_small_sheet_keeps_every_colour_and_a_large_one_256(shown):
    x = torch.rand(16, 3, 32, 32)
    grid(x)
    assert np.array_equal(shown.pictures()[0], tile(as_pictures(x), *shape_of_grid(16, None, None)))
    grid(torch.rand(1, 3, 350, 350))
    assert len(np.unique(shown.pictures()[0].reshape(-1, 3), axis=0)) <= 256
    assert TRUE_COLOURS < 350**2


def test_strips_show_named_rows_in_their_own_colours(shown):
    x, grey = torch.rand(4, 3, 8, 8), torch.rand(4, 1, 8, 8)
    assert strips({"noise": x, "grey": grey}, scale=3, alt="two rows") is None
    sheet, width = shown.png(), 3 * (4 * 9 - 1)
    assert sheet.shape[0] == 3 * 17 and (sheet[:, :8] == 255).all() and (sheet[:, : -width - 8] < 128).any()
    original = tile(np.concatenate([as_pictures(x), as_pictures(grey).repeat(3, -1)]), 2, 4)
    assert np.array_equal(sheet[:, -width:], original.repeat(3, 0).repeat(3, 1))
    assert shown.plain == "[two rows; from above: noise, grey]"
    strips({"signed": 2 * x - 1}, value_range=(-1, 1))
    assert np.array_equal(shown.png()[::2, -2 * 35 :][:, ::2], tile(as_pictures(x), 1, 4))
    with pytest.raises(ValueError, match=r"images: expected rows of equal length.*b: \(3, 8, 8\)"):
        strips({"a": x, "b": x[:3]})
    with pytest.raises(ValueError, match="images: expected at least one name"):
        strips({})
    with pytest.raises(ValueError, match=r"images\['a'\]: values from"):
        strips({"a": 3 * x})
    with pytest.raises(ValueError, match="scale"):
        strips({"a": x}, scale=0)


def test_grids_are_small(shown):
    grid(glyphs(100))
    assert len(shown.html) < 20_000
    grid(faces(100))
    assert len(shown.html) < 80_000


def test_a_sheet_of_greys_becomes_a_lossless_file_of_medium_effort():
    x, y = np.meshgrid(np.arange(200) / 17, np.arange(100) / 23)
    data = base64.b64decode(encode(((np.sin(x) * np.cos(y) + 1) * 127).astype(np.uint8)[..., None]).split(",")[1])
    again = io.BytesIO()
    Image.open(io.BytesIO(data)).save(again, "WEBP", lossless=True, quality=75, method=4)
    assert again.getvalue() == data


def test_the_range_is_mapped_and_slight_overshoot_clipped(shown):
    grid(torch.tensor([[[-1.0, 0.0, 1.0]]]), value_range=(-1, 1))
    assert shown.pictures()[0][0, :, 0].tolist() == [0, pytest.approx(128, abs=6), 255]
    grid(torch.tensor([[[-0.01, 1.01]]]))
    assert shown.pictures()[0][0, :, 0].tolist() == [0, 255]


def test_titles_over_columns_and_under_pictures(shown):
    x = glyphs(6)
    grid(x, columns=3, titles=["a", "<b>", "c"], caption="three & three")
    page = Balanced(shown.html)
    assert [p.shape[:2] for p in shown.pictures()] == [(57, 28)] * 3
    assert page.texts == ["a", "<b>", "c", "three & three"] and [i["alt"] for i in page.images] == ["a", "<b>", "c"]
    assert "a, <b>, c" in shown.plain
    grid(x, columns=3, titles=list("abcdef"))
    assert [p.shape[:2] for p in shown.pictures()] == [(28, 28)] * 6
    grid(x, rows=2, columns=2, titles=["a", "b"])  # the last two are left out
    assert [p.shape[:2] for p in shown.pictures()] == [(57, 28)] * 2
    with pytest.raises(ValueError, match=r"titles: expected 3 \(one a column\) or 6 \(one a picture\), got 2"):
        grid(x, columns=3, titles=["a", "b"])


@pytest.mark.parametrize(("width", "scale"), [(34, 4), (35, 3)])
def test_pictures_under_titles_are_enlarged_while_their_row_fits_560(shown, width, scale):
    """4 pictures, each with a gap: 4 * 4 * (34 + 1) = 560."""
    grid(torch.zeros(4, 1, 8, width), columns=4, titles=list("abcd"))
    assert [image["width"] for image in Balanced(shown.html).images] == [str(scale * width)] * 4


def test_several_grids_stand_side_by_side(shown):
    assert grids({"data": glyphs(4), "model <i>": torch.rand(9, 1, 28, 28)}, columns=3) is None
    page = Balanced(shown.html)
    assert page.texts == ["data", "model <i>"] and len(shown.pictures()) == 2
    assert "flex-wrap:wrap" in shown.html
    with pytest.raises(ValueError, match="images: expected at least one"):
        grids({})
    with pytest.raises(ValueError, match=r"images\['bad'\]: expected pictures"):
        grids({"bad": torch.rand(3)})


@pytest.mark.parametrize(
    ("images", "more", "message"),
    [
        (torch.rand(5), {}, r"images: expected pictures of shape \(N, C, H, W\)"),
        (torch.rand(2, 2, 8, 8), {}, "images: expected pictures"),
        (torch.rand(0, 1, 8, 8), {}, "images: expected pictures"),
        (torch.rand(2, 1, 8, 8) * 2 - 1, {}, r"images: values from -.* leave value_range=\(0, 1\); for \[-1, 1\] say"),
        (torch.rand(2, 1, 8, 8) * 255, {}, r"images: values from .*; for 0 to 255 say value_range=\(0, 255\)"),
        (torch.randint(2, 256, (2, 1, 8, 8), dtype=torch.uint8), {}, r"images: values from .*; for 0 to 255 say"),
        (torch.full((2, 1, 8, 8), torch.inf), {}, "images: some values are not finite"),
        ([torch.rand(1, 8, 8), torch.rand(1, 9, 8)], {}, "images: expected all of one shape"),
        (["a", "b"], {}, "images: expected real numbers"),
        (None, {}, "images: expected real numbers"),
        (torch.full((2, 1, 8, 8), torch.nan), {}, "images: some values are not finite"),
        (torch.rand(2, 1, 8, 8), {"rows": 0}, "rows: expected an integer of at least 1"),
        (torch.rand(2, 1, 8, 8), {"columns": 1.5}, "columns: expected an integer"),
        (torch.rand(2, 1, 8, 8), {"scale": 0}, "scale: expected a positive number"),
        (torch.rand(2, 1, 8, 8), {"scale": math.nan}, "scale: expected a positive number"),
        (torch.rand(2, 1, 8, 8), {"scale": math.inf}, "scale: expected a positive number"),
        (torch.rand(2, 1, 8, 8), {"rows": True}, "rows: expected an integer"),
        (torch.rand(2, 1, 8, 8), {"value_range": (1, 0)}, "value_range: expected two increasing"),
        (torch.rand(2, 1, 8, 8), {"value_range": (0, 1, 2)}, "value_range: expected two increasing"),
        (torch.rand(2, 1, 8, 8), {"value_range": (0, math.inf)}, "value_range: expected two increasing"),
        (torch.rand(2, 1, 8, 8), {"value_range": (math.nan, 1)}, "value_range: expected two increasing"),
    ],
)
def test_a_grid_refuses_what_it_cannot_show(shown, images, more, message):
    with pytest.raises(ValueError, match=message):
        grid(images, **more)
    assert not shown


def test_all_forms_of_pictures_are_welcome():
    x = torch.rand(3, 1, 4, 4)
    expected = as_pictures(x)
    for form in (x[:, 0], x.numpy(), Images(x), list(x), x.double(), x.clone().requires_grad_()):
        assert np.array_equal(as_pictures(form), expected)
    assert as_pictures(x[0, 0]).shape == (1, 4, 4, 1)
    assert abs(as_pictures(x.bfloat16()).astype(int) - expected).max() <= 1
    bytes_ = (x * 255).round().byte()
    for form in (bytes_, bytes_.numpy(), bytes_.tolist()):
        assert np.array_equal(as_pictures(form, value_range=(0, 255)), expected)
    assert np.array_equal(as_pictures(x > 0.5), as_pictures((x > 0.5).float()))
    assert shape_of_grid(np.int64(7), None, np.int64(3)) == (3, 3)


@given(n=st.integers(1, 300))
@settings(max_examples=50)
def test_the_default_grid_has_room_for_all(n):
    rows, columns = shape_of_grid(n, None, None)
    assert (rows - 1) * columns < n <= rows * columns


def test_the_same_pictures_give_the_same_output(shown):
    for _ in range(2):
        grid(faces(4), caption="again")
    assert shown[0] == shown[1]


def test_without_webp_a_png_is_written(monkeypatch):
    from PIL import features

    monkeypatch.setattr(features, "check", lambda name: False)
    uri = encode(tile(as_pictures(faces(4)), 2, 2))
    assert uri.startswith("data:image/png;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")
    assert np.abs(np.asarray(picture).astype(int) - tile(as_pictures(faces(4)), 2, 2)).mean() < 5


def test_the_manifold_spreads_codes_as_the_normal_law_does(shown):
    seen = []

    def decode(z):
        seen.append(z)
        return torch.sigmoid(z[:, :1, None, None] + 0 * z[:, 1:, None, None]).expand(-1, 1, 4, 4)

    assert manifold(decode, n=5, device="cpu", caption="codes") is None
    z = seen[0].view(5, 5, 2)
    share = torch.special.ndtr(z)
    torch.testing.assert_close(share[0, :, 0], torch.linspace(0.025, 0.975, 5))
    torch.testing.assert_close(share[:, 0, 1], torch.linspace(0.975, 0.025, 5))
    (sheet,) = shown.pictures()
    assert sheet.shape == (20, 20, 3) and (np.diff(sheet[0, ::4, 0].astype(int)) > 0).all()
    for bad in (1, 2.5):
        with pytest.raises(ValueError, match="n: expected an integer of at least 2"):
            manifold_frame(decode, bad)
    for bad in (0.5, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"quantile: expected a number between 0\.5 and 1"):
            manifold(decode, quantile=bad)
    manifold(decode, device="cpu")
    assert len(seen[-1]) == 20**2 and "[manifold: 20 x 20 decoded codes, 2.5% to 97.5% of" in shown.plain
    assert manifold_frame(lambda z: z, 3, device="meta").device.type == "meta"
    with pytest.raises(ValueError, match="decode: values from"):
        manifold(lambda z: 9 * decode(z), n=2, device="cpu")


SCRIPT = """
from nbdgm import display
import torch
display.table([[1.5, None]], ["a", "b"])
display.grid(torch.zeros(2, 1, 3, 3), caption="θ and φ")
display.film([torch.zeros(2, 1, 3, 3)])
display.diagram({"z": (0, 0)})
display.curves({"loss": [2.0, 1.0]})
display.scatter(torch.zeros(2, 2))
"""


@pytest.mark.parametrize(
    ("encoding", "greek", "dash"), [("utf-8", "θ and φ", "–"), ("ascii", "? and ?", "?"), ("cp1252", "? and ?", "–")]
)
def test_in_a_script_the_plain_text_is_printed_whatever_the_terminal_can_write(encoding, greek, dash):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "MPLBACKEND": "Agg"}
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, env=environment, timeout=120)
    assert run.returncode == 0, run.stderr.decode()
    said = run.stdout.decode(encoding)
    assert "{" not in said and "<" not in said and "<" not in run.stderr.decode()
    assert "   a  b\n----  -\n" in said and f"1.50  {dash}" in said and f"[{greek}: 2 pictures of 3x3 in 1 rows]" in said
    assert "[film: a film of 1 frames" in said and "[diagram: z]" in said
    assert "loss from 2 to 1]" in said and "[scatter: 2 points in the plane]" in said


@pytest.mark.parametrize(
    ("n", "shape"),
    [(1, (1, 1)), (2, (1, 2)), (5, (1, 5)), (8, (1, 8)), (9, (2, 8)), (16, (2, 8)), (17, (3, 8)), (64, (8, 8)), (65, (8, 9)),
     (100, (10, 10)), (101, (10, 11)), (300, (17, 18))],
)  # fmt: skip
def test_rows_and_columns_that_nobody_asked_for(n, shape):
    assert shape_of_grid(n, None, None) == shape


@pytest.mark.parametrize(
    ("rows", "columns", "shape"), [(2, None, (2, 4)), (None, 2, (4, 2)), (3, 5, (3, 5)), (9, None, (9, 1))]
)
def test_rows_and_columns_that_are_asked_for(rows, columns, shape):
    assert shape_of_grid(7, rows, columns) == shape


@pytest.mark.parametrize(
    ("width", "scale"), [(28, 4), (140, 4), (141, 3), (186, 3), (187, 2), (280, 2), (281, 1), (560, 1), (561, 1), (2000, 1)]
)
def test_how_much_a_picture_is_enlarged(width, scale):
    assert natural_scale(width, None) == scale and natural_scale(width, 2.5) == 2.5


def test_tiles_from_left_to_right_with_grey_between_them():
    pictures = np.arange(1, 6, dtype=np.uint8)[:, None, None, None].repeat(2, 2)
    assert tile(pictures, 2, 3)[..., 0].tolist() == [
        [1, 1, 128, 2, 2, 128, 3, 3],
        [128] * 8,
        [4, 4, 128, 5, 5, 128, 128, 128],
    ]
    assert tile(pictures, 1, 2, gap=0)[..., 0].tolist() == [[1, 1, 2, 2]]
    assert tile(pictures, 2, 1, gap=2)[..., 0].tolist() == [[1, 1], [128, 128], [128, 128], [2, 2]]


@pytest.mark.parametrize(("side", "kind"), [(16383, "webp"), (16384, "png")])
def test_what_is_too_long_for_webp_becomes_a_png(side, kind):
    assert encode(np.zeros((1, side, 1), np.uint8)).startswith(f"data:image/{kind};base64,")
    assert encode(np.zeros((side, 1, 1), np.uint8)).startswith(f"data:image/{kind};base64,")


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def test_greys_are_rounded_to_those_that_are_kept_and_few_colours_stay_exact():
    greys = np.arange(256, dtype=np.uint8)[None, :, None]
    assert len(np.unique(decoded(encode(greys)))) == 24 and len(np.unique(decoded(encode(greys, levels=2)))) == 2
    assert np.unique(decoded(encode(greys, levels=6))).tolist() == [0, 51, 102, 153, 204, 255]
    colours = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    assert np.array_equal(decoded(encode(colours)), colours)
    many = np.random.default_rng(0).integers(0, 256, (351, 300, 3)).astype(np.uint8)
    assert many[1:].shape[0] * 300 == TRUE_COLOURS and np.array_equal(decoded(encode(many[1:])), many[1:])
    few = np.unique(decoded(encode(many)).reshape(-1, 3), axis=0)
    assert len(few) <= 256


@pytest.mark.parametrize(
    ("low", "high", "given", "bytes_"),
    [(-0.019, 1.019, (0, 1), [0, 255]), (-1.03, 1.03, (-1, 1), [0, 255]), (0.0, 100.0, (0, 200), [0, 128]),
     (0.25, 0.75, (0, 1), [64, 191]), (-5.0, 5.0, (-10.0, 10.0), [64, 191])],
)  # fmt: skip
def test_values_become_bytes(low, high, given, bytes_):
    assert as_pictures(torch.tensor([[[low, high]]]), value_range=given)[0, 0, :, 0].tolist() == bytes_


@pytest.mark.parametrize(
    ("low", "high", "given", "said"),
    [
        (-0.03, 0.5, (0, 1), r"values from -0.03 to 0.5 leave value_range=\(0, 1\); for \[-1, 1\] say"),
        (0.5, 1.03, (0, 1), r"values from 0.5 to 1.03 leave value_range=\(0, 1\); for 0 to 255 say"),
        (0.0, 1.03, (0, 1), r"values from 0 to 1.03 leave value_range=\(0, 1\); for 0 to 255 say"),
        (-1.05, 1.0, (-1, 1), r"values from -1.05 to 1 leave value_range=\(-1, 1\); for \[-1, 1\] say"),
        (3.0, 11.0, (0, 10), r"values from 3 to 11 leave value_range=\(0, 10\); for 0 to 255 say"),
    ],
)  # fmt: skip
def test_values_out_of_their_range_are_said_as_they_are(low, high, given, said):
    with pytest.raises(ValueError, match=f"some: {said}"):
        as_pictures(torch.tensor([[[low, high]]]), "some", given)


def test_a_picture_knows_its_size_and_never_is_wider_than_the_page():
    shown = picture_html(np.zeros((10, 20, 1), np.uint8), 'a "b"', None)
    assert 'alt="a &quot;b&quot;"' in shown and 'width="80"' in shown and "aspect-ratio:20/10;" in shown
    assert 'width="30"' in picture_html(np.zeros((10, 20, 1), np.uint8), "", 1.5)
    assert figure_html("<img>", None).endswith('min-width:0px"><img></figure>') and "figcaption" not in figure_html("<img>", "")
    assert 'min-width:7px"><img><figcaption' in figure_html("<img>", "a & b", 7) and "a &amp; b</figcaption>" in figure_html(
        "", "a & b"
    )


def test_what_a_grid_says_of_itself(shown):
    grid(torch.zeros(7, 1, 4, 5), rows=2, columns=3, caption="some")
    assert shown.plain == "[some: 6 pictures of 5x4 in 2 rows]" and "some</figcaption>" in shown.html
    grid(torch.zeros(7, 1, 4, 5))
    assert shown.plain == "[grid: 7 pictures of 5x4 in 1 rows]" and "figcaption" not in shown.html
    grid(torch.zeros(2, 1, 4, 5), alt="two black pictures", scale=3)
    assert shown.plain == "[two black pictures]" and Balanced(shown.html).images[0]["width"] == str(3 * 11)
    assert shown[-1][1] == {}


@pytest.mark.parametrize(("pictures", "sets", "scale"), [(7, 2, 1), (2, 2, 3), (1, 1, 3), (4, 2, 2), (9, 3, 1)])
def test_grids_beside_one_another_are_enlarged_while_they_fit(pictures, sets, scale, shown):
    grids({str(i): torch.zeros(pictures, 1, 28, 28) for i in range(sets)}, rows=1)
    width = 29 * pictures - 1
    assert {image["width"] for image in Balanced(shown.html).images} == {str(scale * width)}
    assert shown.plain.splitlines() == [f"[{i}: {pictures} pictures of 28x28 in 1 rows]" for i in range(sets)]
    grids({"a": torch.zeros(pictures, 1, 28, 28)}, rows=1, columns=1, scale=1.5)
    assert Balanced(shown.html).images[0]["width"] == "42" and "[a: 1 pictures" in shown.plain
