"""Films: a slider over a few frames that lie side by side in one small picture."""

import hashlib
import html
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .pictures import as_pictures, emit, encode, natural_scale, shape_of_grid, tile
from .plots import figure_png


def film(
    frames: Any = None,
    steps: Sequence[int] | None = None,
    *,
    draw: Callable[[Any, Any], None] | None = None,
    titles: Sequence[str] | None = None,
    rows: int | None = None,
    columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    scale: float | None = None,
    size: tuple[float, float] = (4.0, 4.0),
    dpi: int = 80,
    caption: str = "film",
    seconds: float = 0.6,
) -> None:
    """Show frames one at a time, with a slider and a button that plays them.

    The film stands on its own: one file, no request, no library. Where scripts do not run, the last frame is shown.

    Args:
        frames: a list of frames, or what `history.films[name]` holds: a list of (step, frame). A frame is a set of pictures
            (N, C, H, W) or (N, H, W), shown as a grid; with `draw` it is anything.
        steps: the update of each frame, if `frames` does not have them.
        draw: `draw(frame, ax)` draws one frame with matplotlib.
        titles: a line for each frame; "update 1,000" by default.
        rows, columns, value_range, scale: as in `grid`.
        size, dpi: of a drawn frame, in inches and pixels an inch.
        caption: what the film shows; the slider's label and the alternative text are made from it.
        seconds: that each frame stays when it plays.

    Raises:
        ValueError: naming the argument.
    """
    frames = list(frames) if frames is not None else []
    if not frames:
        raise ValueError("frames: expected at least one frame")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"seconds: expected a positive number, got {seconds!r}")
    if steps is None and all(isinstance(f, tuple) and len(f) == 2 and np.ndim(f[0]) == 0 for f in frames):
        steps, frames = [int(s) for s, _ in frames], [f for _, f in frames]
    for name, given in (("steps", steps), ("titles", titles)):
        if given is not None and len(given) != len(frames):
            raise ValueError(f"{name}: expected {len(frames)}, one per frame, got {len(given)}")
    if titles is None:
        titles = [f"update {int(s):,}" for s in steps] if steps is not None else [f"frame {i + 1}" for i in range(len(frames))]
    if draw is None:
        sheets = [as_pictures(f, f"frames[{i}]", value_range) for i, f in enumerate(frames)]
        r, c = shape_of_grid(len(sheets[0]), rows, columns)
        sheets = [tile(s, r, c) for s in sheets]
        shown = natural_scale(sheets[0].shape[1], scale)
    else:
        sheets = [_drawn(draw, frame, size, dpi) for frame in frames]
        shown = 1.0
    if len({s.shape for s in sheets}) > 1:
        raise ValueError(f"frames: all must have the same shape, got {sorted({s.shape for s in sheets})}")
    plain = f"[{caption}: a film of {len(frames)} frames, {titles[0]} to {titles[-1]}]"
    emit(plain, html=_html(sheets, [str(t) for t in titles], shown, caption, seconds, pixelated=draw is None))


def _drawn(draw: Callable[[Any, Any], None], frame: Any, size: tuple[float, float], dpi: int) -> np.ndarray:
    import io

    import matplotlib.pyplot as plt
    from PIL import Image

    figure, ax = plt.subplots(figsize=size, layout="constrained")
    try:
        draw(frame, ax)
        return np.asarray(Image.open(io.BytesIO(figure_png(figure, dpi))).convert("RGB"))
    finally:
        plt.close(figure)


def _html(sheets: list[np.ndarray], titles: list[str], scale: float, caption: str, seconds: float, pixelated: bool) -> str:
    n, (height, width) = len(sheets), sheets[0].shape[:2]
    source = encode(np.concatenate(sheets, axis=0), levels=16)
    name = "film-" + hashlib.sha256(f"{caption}{titles}{source}".encode()).hexdigest()[:10]
    label = html.escape(caption)
    crisp = "image-rendering:pixelated;" if pixelated else ""
    data = html.escape(json.dumps(titles))
    return _TEMPLATE.format(
        name=name,
        label=label,
        alt=f"{label}, {n} frames",
        source=source,
        width=round(width * scale),
        ratio=f"{width}/{height}",
        crisp=crisp,
        tall=100 * n,
        last=n - 1,
        shift=100 * (n - 1) / n,
        title=html.escape(titles[-1]),
        titles=data,
        pause=round(seconds * 1000),
    )


# All frames are stacked in one picture, which moves behind a window. The script knows its film by a data attribute only, so
# that the same film may stand twice on a page; another one tells JupyterLab to leave the arrow keys to the slider. Without
# scripts the controls stay hidden and the last frame is seen.
_TEMPLATE = """\
<figure class="nbdgm-film" data-film="{name}" data-titles="{titles}" data-pause="{pause}" data-lm-suppress-shortcuts="true" \
style="margin:.4em auto;max-width:100%;width:{width}px">
<div role="img" aria-label="{alt}" style="overflow:hidden;aspect-ratio:{ratio};width:100%">\
<img alt="" src="{source}" style="display:block;width:100%;max-width:none;height:{tall}%;margin:0;padding:0;\
background:none;{crisp}transform:translateY(-{shift:.6f}%)"></div>
<div class="nbdgm-film-controls" style="display:none;align-items:center;gap:.5em">
<button type="button" aria-label="play: {label}" style="min-width:2.4em;padding:.1em .4em;font:inherit;color:inherit;\
background:transparent;border:1px solid currentColor;border-radius:.3em;cursor:pointer">&#9654;</button>
<input type="range" min="0" max="{last}" value="{last}" step="1" aria-label="{label}" aria-valuetext="{title}" \
style="flex:1;min-width:0">
</div>
<figcaption style="font-size:90%;text-align:center">{label}: <output class="nbdgm-film-title">{title}</output></figcaption>
<script>
(function () {{
  document.querySelectorAll('figure[data-film="{name}"]').forEach(function (film) {{
    if (film.dataset.ready) return;
    film.dataset.ready = "yes";
    var titles = JSON.parse(film.dataset.titles), n = titles.length, timer = null;
    var picture = film.querySelector("img"), slider = film.querySelector("input");
    var button = film.querySelector("button"), title = film.querySelector("output");
    function show(i) {{
      slider.value = i;
      picture.style.transform = "translateY(-" + (100 * i / n) + "%)";
      title.textContent = titles[i];
      slider.setAttribute("aria-valuetext", titles[i]);
    }}
    function stop() {{ clearInterval(timer); timer = null; button.textContent = "\\u25B6"; }}
    slider.addEventListener("input", function () {{ stop(); show(+slider.value); }});
    button.addEventListener("click", function () {{
      if (timer) return stop();
      var i = +slider.value >= n - 1 ? 0 : +slider.value;
      show(i);
      button.textContent = "\\u275A\\u275A";
      timer = setInterval(function () {{ i += 1; if (i >= n) return stop(); show(i); }}, +film.dataset.pause);
    }});
    if (n > 1) film.querySelector(".nbdgm-film-controls").style.display = "flex";
  }});
}})();
</script>
</figure>"""
