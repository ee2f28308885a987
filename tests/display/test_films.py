import json
import re

import numpy as np
import pytest
import torch
from test_pictures import Balanced

from nbdgm.data import glyphs
from nbdgm.display import film


def frames(n=5, pictures=4):
    x = glyphs(n * pictures, seed=2).x
    return [x[i * pictures : (i + 1) * pictures] for i in range(n)]


def test_every_frame_is_in_the_strip_and_the_last_is_seen(shown):
    some = frames()
    assert film(some, [0, 10, 100, 1000, 2000], columns=2, caption="digits") is None
    (strip,) = shown.pictures()
    height = strip.shape[0] // 5
    for i, frame in enumerate(some):
        window = strip[i * height : (i + 1) * height, :, 0] / 255
        assert abs(window[:28, :28] - frame[0, 0].numpy()).max() <= 0.5 / 15 + 0.005  # 16 greys
        assert abs(window[29:, 29:] - frame[3, 0].numpy()).max() <= 0.5 / 15 + 0.005
    assert "translateY(-80.000000%)" in shown.html
    assert "update 2,000</output>" in shown.html
    assert shown.plain == "[digits: a film of 5 frames, update 0 to update 2,000]"


def test_a_film_is_accessible_escaped_and_stands_alone(shown):
    film(frames(), caption='a "b" <c>', titles=["<1>", "'2'", '"3"', "4&", "5"], seconds=1.5)
    html = shown.html
    assert '<input type="range" min="0" max="4" value="4" step="1" aria-label="a &quot;b&quot; &lt;c&gt;"' in html
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;, 5 frames"' in html
    assert 'data-pause="1500"' in html  # milliseconds, for `seconds=1.5`
    assert '<figure class="nbdgm-film"' in html and 'data-lm-suppress-shortcuts="true"' in html  # the arrow keys, in JupyterLab
    assert not re.search(r"(?:src|href)=\"(?!data:)", html) and "http" not in html
    titles = re.search(r'data-titles="([^"]*)"', html).group(1)
    import html as escapes

    assert json.loads(escapes.unescape(titles)) == ["<1>", "'2'", '"3"', "4&", "5"]
    Balanced(re.sub(r"<script>.*?</script>", "", html, flags=re.S))


def test_names_are_unique_to_the_film_and_stable(shown):
    film(frames(), caption="a")
    film(frames(), caption="a")
    film(frames(), caption="b")
    names = [re.search(r'data-film="([^"]+)"', bundle["text/html"]).group(1) for bundle, _ in shown]
    assert names[0] == names[1] != names[2] and shown[0] == shown[1]


def test_a_film_of_a_history_and_of_drawings(shown):
    kept = [(0, np.zeros((3, 2))), (50, np.ones((3, 2)))]
    drawn = []

    def draw(points, ax):
        drawn.append(points)
        ax.scatter(points[:, 0], points[:, 1])

    film(kept, draw=draw, caption="points", size=(2, 2), dpi=50)
    assert shown.plain == "[points: a film of 2 frames, update 0 to update 50]" and len(drawn) == 2
    (strip,) = shown.pictures()
    assert strip.shape == (200, 100, 3) and (strip[:100] != strip[100:]).any()
    assert "pixelated" not in shown.html  # drawings are smoothed, pictures are not
    film(kept[:1], draw=draw, size=(2, 2), dpi=50)
    pairs = [(0.5, 1.5), (1.0, 2.0)]  # with steps of their own, frames that are pairs stay what they are
    film(pairs, [3, 4], draw=lambda pair, ax: drawn.append(pair), size=(1, 1), dpi=50)
    assert drawn[-2:] == pairs and "update 3 to update 4" in shown.plain
    film(torch.rand(2, 4, 1, 8, 8))
    assert "pixelated" in shown.html and "frame 1 to frame 2" in shown.plain


def test_films_are_small(shown):
    film(frames(12, 64))
    assert len(shown.html) < 120_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": []}, "frames: expected at least one"),
        ({"frames": frames(3), "steps": [1, 2]}, "steps: expected 3, one per frame, got 2"),
        ({"frames": frames(3), "titles": ["a"]}, "titles: expected 3, one per frame, got 1"),
        ({"frames": [torch.rand(4, 1, 8, 8), torch.rand(4, 1, 9, 8)]}, "frames: all must have the same shape"),
        ({"frames": [torch.rand(4, 1, 8, 8), torch.rand(5)]}, r"frames\[1\]: expected pictures"),
        ({"frames": [torch.rand(4, 1, 8, 8) * 2 - 1]}, r"frames\[0\]: values from"),
        ({"frames": None}, "frames: expected at least one"),
        ({"frames": frames(3), "seconds": 0}, "seconds: expected a positive number"),
        ({"frames": frames(3), "seconds": float("nan")}, "seconds: expected a positive number"),
        ({"frames": frames(3), "seconds": float("inf")}, "seconds: expected a positive number"),
    ],
)
def test_a_film_refuses(shown, arguments, message):
    with pytest.raises(ValueError, match=message):
        film(**arguments)
    assert not shown


def page_with(browser, shown, **context):
    film(frames(), [0, 1, 2, 3, 4], caption="first", columns=2, scale=20)
    film(frames(), [0, 1, 2, 3, 4], caption="first", columns=2, scale=20)  # the same film a second time on one page
    film(frames(3), [7, 8, 9], caption="other", seconds=0.05)
    film(frames(1), caption="one frame needs no controls")
    body = "".join(bundle["text/html"] for bundle, _ in shown)
    page = browser.new_context(**context).new_page()
    page.problems = []
    page.on("console", lambda m: page.problems.append(m.text))
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(("data:", "about:")) else page.problems.append(r.url))
    page.set_content(f'<meta name="viewport" content="width=device-width"><body style="margin:8px">{body}</body>')
    return page


def top_of(page, n):
    """Which share of the strip lies above the window of the n-th film."""
    return page.evaluate(
        """n => { const f = document.querySelectorAll('.nbdgm-film')[n], i = f.querySelector('img').getBoundingClientRect(),
        w = f.querySelector('[role=img]').getBoundingClientRect(); return (w.top - i.top) / i.height; }""",
        n,
    )


@pytest.mark.pages
def test_sliders_keys_and_the_button_move_each_film_alone(browser, shown):
    page = page_with(browser, shown)
    sliders = page.get_by_role("slider")
    assert sliders.count() == 3
    assert [round(top_of(page, n), 3) for n in range(3)] == [0.8, 0.8, 0.667]
    sliders.nth(1).fill("1")
    assert [round(top_of(page, n), 3) for n in range(3)] == [0.8, 0.2, 0.667]
    sliders.nth(1).press("ArrowRight")
    assert round(top_of(page, 1), 3) == 0.4 and sliders.nth(1).get_attribute("aria-valuetext") == "update 2"
    assert page.locator("output").nth(1).inner_text() == "update 2"
    button = page.get_by_role("button").nth(2)
    button.evaluate(  # in one turn: a busy machine may look later than the film moves
        """button => { button.click(); const f = button.closest('.nbdgm-film'), i = f.querySelector('img'),
        w = f.querySelector('[role=img]'); window.begun = w.getBoundingClientRect().top - i.getBoundingClientRect().top; }"""
    )
    assert round(page.evaluate("window.begun"), 3) == 0.0  # from the end it starts again
    page.wait_for_function("document.querySelectorAll('output')[2].textContent == 'update 9'")
    assert round(top_of(page, 2), 3) == 0.667
    assert page.problems == []


@pytest.mark.pages
def test_a_film_fits_a_narrow_page(browser, shown):
    page = page_with(browser, shown, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("[role=img]").first.bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1) and box["width"] > 300
    assert round(top_of(page, 0), 2) == 0.8


@pytest.mark.pages
def test_without_scripts_the_last_frame_is_seen_and_no_dead_button(browser, shown):
    page = page_with(browser, shown, java_script_enabled=False)
    assert page.get_by_role("slider").count() == 0 and page.get_by_role("button").count() == 0
    assert page.locator("output").first.inner_text() == "update 4"
    assert page.locator("img").first.is_visible()


def attribute(shown, pattern):
    return re.search(pattern, shown.html).group(1)


@pytest.mark.parametrize(
    ("more", "width", "ratio"),
    [
        ({"columns": 2}, 4 * 57, "57/57"),
        ({"columns": 4}, 4 * 115, "115/28"),
        ({"columns": 2, "scale": 1.5}, 86, "57/57"),
        ({}, 4 * 115, "115/28"),
    ],
)
def test_how_large_a_film_is(more, width, ratio, shown):
    film(frames(), **more)
    assert (
        attribute(shown, r"max-width:100%;width:(\d+)px") == str(width) and attribute(shown, r"aspect-ratio:([\d/]+);") == ratio
    )
    assert "height:500%" in shown.html and "translateY(-80.000000%)" in shown.html and 'max="4" value="4"' in shown.html
    assert 'data-pause="600"' in shown.html and len(np.unique(shown.pictures()[0])) <= 16


def test_a_film_of_one_frame_and_titles_that_follow_from_the_steps(shown):
    film(frames(1))
    assert "height:100%" in shown.html and "translateY(-0.000000%)" in shown.html and 'max="0" value="0"' in shown.html
    assert shown.plain == "[film: a film of 1 frames, frame 1 to frame 1]"
    film(frames(2), [1000, 2000.7])
    assert shown.plain == "[film: a film of 2 frames, update 1,000 to update 2,000]"
    film([(7, f) for f in frames(2)], titles=["a", "b"])
    assert shown.plain == "[film: a film of 2 frames, a to b]"
    film(frames(2), value_range=(0, 2))
    assert shown.pictures()[0].max() < 140


@pytest.mark.parametrize(("more", "shape"), [({}, (640, 320, 3)), ({"size": (2, 1), "dpi": 50}, (100, 100, 3))])
def test_how_large_drawn_frames_are(more, shape, shown):
    film([1, 2], [0, 1], draw=lambda frame, ax: ax.plot([0, frame]), **more)
    assert shown.pictures()[0].shape == shape and attribute(shown, r"width:(\d+)px") == str(shape[1])
