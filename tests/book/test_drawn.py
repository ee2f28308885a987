"""The page about the drawn data: what it shows is what is stored, and what is stored is what the code draws."""

import base64
import io
import re
from pathlib import Path

import draw
import numpy as np
import pytest
import torch
from nbdgm_book import drawn
from PIL import Image
from sphinx.errors import ExtensionError

from nbdgm.data.rendered import FACE_FACTORS, GLYPH_FACTORS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / draw.PAGE
TEXT = PAGE.read_text(encoding="utf-8")
REMEDY = "run `make draw` (python tools/draw.py)"


def pixels(file: Path) -> np.ndarray:
    """A stored picture, as bytes (H, W, 3)."""
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


def apart(stored: np.ndarray, fresh: np.ndarray) -> float:
    """By how many of 255 levels two pictures differ at most."""
    return float(np.abs(stored - fresh).max()) if stored.shape[:2] == fresh.shape[:2] else float("inf")


def test_what_is_stored_is_what_the_code_draws():
    """Up to one level of 255, by which machines may round differently."""
    fresh = dict(draw.sheets(TEXT))
    assert sorted(fresh) == sorted(p.name for p in (ROOT / drawn.STORE).glob("*.webp")), REMEDY
    changed = [name for name, picture in fresh.items() if apart(pixels(ROOT / drawn.STORE / name), picture) > 1]
    assert not changed, f"the code draws these in another way: {changed}: {REMEDY}"


def test_another_drawing_would_be_noticed():
    """A single picture of the sheet with another seed, or drawn a pixel farther."""
    file = drawn.sample_file("glyphs", 32, 40, 10)
    stored, (make, *_) = pixels(ROOT / drawn.STORE / file), draw.drawn("glyphs")
    pictures = torch.cat([make(39, size=32).x, make(40, size=32, seed=5).x[-1:]])
    assert apart(stored, draw.sheet(pictures, 10)) > 1
    assert apart(stored, np.roll(draw.sheet(make(40, size=32), 10), 1, axis=1)) > 1


def test_the_stored_tables_are_those_of_the_code():
    facts = drawn.facts(ROOT)
    assert facts["factors"] == {name: draw.factor_rows(name) for name in drawn.SETS}, REMEDY
    assert [row[:2] for row in facts["seconds"]] == [[name, size] for name in drawn.SETS for size in (32, 64)], REMEDY
    assert all(0 < seconds < 600 for *_, seconds in facts["seconds"])
    assert facts["cpu"] and facts["torch"] and re.fullmatch(r"\d{4}-\d\d-\d\d", facts["date"])


def test_seconds_are_of_ten_thousand_pictures(monkeypatch):
    clock = iter([0.0, 0.4, 1.0, 1.2, 2.0, 2.9])
    monkeypatch.setattr(draw.time, "process_time", lambda: next(clock))
    assert draw.seconds("glyphs", 8, n=100) == pytest.approx(20)


def test_every_picture_that_the_page_asks_for_is_drawn():
    assert len(draw.DIRECTIVE.findall(TEXT)) == TEXT.count("{drawn-sample}") + TEXT.count("{drawn-traverses}")


def test_drawing_stores_what_the_page_asks_for_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(draw, "seconds", lambda name, size: 1.0)
    (tmp_path / draw.PAGE).parent.mkdir(parents=True)
    (tmp_path / draw.PAGE).write_text("```{drawn-sample} glyphs\n:size: 16\n:count: 6\n:columns: 3\n```\n", encoding="utf-8")
    (tmp_path / drawn.STORE).mkdir(parents=True)
    (tmp_path / drawn.STORE / "faces-99-1-1.webp").touch()
    assert draw.main([], tmp_path) == 0
    assert sorted(p.name for p in (tmp_path / drawn.STORE).iterdir()) == ["facts.json", "glyphs-16-6-3.webp"]
    assert pixels(tmp_path / drawn.STORE / "glyphs-16-6-3.webp").shape == (2 * 17 - 1, 3 * 17 - 1, 3)


def test_what_is_not_stored_is_named_with_the_remedy(tmp_path):
    (tmp_path / "tools/data/drawn").mkdir(parents=True)
    with pytest.raises(ExtensionError, match=r"drawn/facts\.json is missing: run `make draw`"):
        drawn.facts(tmp_path)
    (tmp_path / drawn.FACTS).write_text("{", encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"facts\.json is no JSON .*: run `make draw`"):
        drawn.facts(tmp_path)
    with pytest.raises(ExtensionError, match=r"drawn/faces-9\.webp is missing, which the page shows: run `make draw`"):
        drawn.picture(tmp_path / drawn.STORE / "faces-9.webp", "", 1)
    (tmp_path / drawn.STORE / "faces-9.webp").write_bytes(b"no picture")
    with pytest.raises(ExtensionError, match=r"drawn/faces-9\.webp is no picture: run `make draw`"):
        drawn.picture(tmp_path / drawn.STORE / "faces-9.webp", "", 1)


@pytest.mark.parametrize(("name", "factors"), [("faces", FACE_FACTORS), ("glyphs", GLYPH_FACTORS)])
def test_the_table_has_every_factor_with_its_law(name, factors):
    rows = draw.factor_rows(name)
    assert [row[0] for row in rows] == list(factors)
    for row, values in zip(rows, factors.values(), strict=True):
        if isinstance(values[0], str):
            assert row[1] == f"one of {len(values)}: {', '.join(values)}" and row[2] == values[0]
        else:
            assert re.findall(r"-?[\d.]+", row[1]) == [f"{values[0]:g}", f"{values[2]:g}"] and float(row[2]) == values[1]


@pytest.mark.parametrize("name", drawn.SETS)
def test_pictures_of_a_row_differ_and_begin_and_end_at_the_factor_s_range(name):
    factors = draw.drawn(name)[2]
    for factor, values in factors.items():
        pictures = draw.traverse(name, factor, 32)
        assert len(pictures) == (len(values) if isinstance(values[0], str) else draw.STEPS)
        apart = torch.cdist(pictures.flatten(1), pictures.flatten(1)) + torch.eye(len(pictures))
        assert apart.min() > 0.05, factor
    assert torch.equal(draw.traverse("glyphs", "rotation", 28)[-1:], draw.drawn("glyphs")[1](character="K", rotation=0.5))


def test_a_picture_says_what_it_shows_in_few_colours(tmp_path):
    sheet = draw.sheet(draw.drawn("faces")[0](6), 3)
    (tmp_path / "six.webp").write_bytes(draw.file(sheet))
    html = drawn.picture(tmp_path / "six.webp", "six <faces>", 2)
    assert 'alt="six &lt;faces&gt;"' in html and 'width="196"' in html and "aspect-ratio:98/65" in html
    shown = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]))).convert("RGB")
    assert len(shown.getcolors(256)) > 100
    assert np.abs(np.asarray(shown).astype(int) - sheet).mean() < 4


def test_the_page_shows_both_sets_at_two_sizes_and_is_listed():
    for name in drawn.SETS:
        for directive in ("drawn-factors", "drawn-sample", "drawn-traverses"):
            assert f"{{{directive}}} {name}" in TEXT
    assert ":size: 32" in TEXT and ":size: 64" in TEXT and "{drawn-speed}" in TEXT
    assert "book/appendix/drawn_data" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


def test_the_page_s_code_runs():
    """The picture of a fixed factor, and that only this factor changed."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    space: dict = {}
    exec(code.replace('"train"', '"test"'), space)
    assert space["images"].x.shape == (64, 3, 32, 32)
