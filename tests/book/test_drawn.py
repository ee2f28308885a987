"""The page about the drawn data: what it shows is what the code draws."""

import re
from pathlib import Path

import pytest
import torch
from nbdgm_book import drawn

from nbdgm.data.rendered import FACE_FACTORS, GLYPH_FACTORS

PAGE = Path(__file__).resolve().parents[2] / "book/appendix/drawn_data.md"


@pytest.mark.parametrize(("name", "factors"), [("faces", FACE_FACTORS), ("glyphs", GLYPH_FACTORS)])
def test_the_table_has_every_factor_with_its_law(name, factors):
    rows = drawn.factor_rows(name)
    assert [row[0] for row in rows] == [f"`{factor}`" for factor in factors]
    for row, values in zip(rows, factors.values(), strict=True):
        if isinstance(values[0], str):
            assert row[1] == f"one of {len(values)}: {', '.join(values)}" and row[2] == values[0]
        else:
            assert re.findall(r"-?[\d.]+", row[1]) == [f"{values[0]:g}", f"{values[2]:g}"] and float(row[2]) == values[1]


@pytest.mark.parametrize("name", drawn.SETS)
def test_pictures_of_a_row_differ_and_begin_and_end_at_the_factor_s_range(name):
    factors = drawn.drawn(name)[2]
    for factor, values in factors.items():
        pictures = drawn.traverse(name, factor, 32)
        assert len(pictures) == (len(values) if isinstance(values[0], str) else drawn.STEPS)
        apart = torch.cdist(pictures.flatten(1), pictures.flatten(1)) + torch.eye(len(pictures))
        assert apart.min() > 0.05, factor
    assert torch.equal(drawn.traverse("glyphs", "rotation", 28)[-1:], drawn.drawn("glyphs")[1](character="K", rotation=0.5))


def test_a_picture_says_what_it_shows():
    html = drawn.picture(drawn.drawn("glyphs")[0](6), 3, "six glyphs", 1)
    assert 'alt="six glyphs"' in html and "aspect-ratio:86/57" in html and "data:image/" in html


def test_the_page_shows_both_sets_at_two_sizes_and_is_listed():
    text = PAGE.read_text(encoding="utf-8")
    for name in drawn.SETS:
        for directive in ("drawn-factors", "drawn-sample", "drawn-traverses"):
            assert f"{{{directive}}} {name}" in text
    assert ":size: 32" in text and ":size: 64" in text and "{drawn-speed}" in text
    assert "book/appendix/drawn_data" in (PAGE.parents[2] / "_toc.yml").read_text(encoding="utf-8")


def test_the_page_s_code_runs():
    """The picture of a fixed factor, and that only this factor changed."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    space: dict = {}
    exec(code.replace('"train"', '"test"'), space)
    assert space["images"].x.shape == (64, 3, 32, 32)
