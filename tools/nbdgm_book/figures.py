"""Figures are numbered and captioned: by the author, else plots by their stored description, films by their own caption."""

import html
import re
from pathlib import Path

from chapters import ID
from sphinx.application import Sphinx

FIGURE = re.compile(
    r"(?P<own><figcaption[^>]*>)(?P<caption>.*?)</figcaption>"
    r'|(?P<plot><img (?=[^>]*?src="[^"]*_images/)[^>]*?alt="(?P<said>[^"]*)"[^>]*>)',
    re.S,
)
"""The caption of a film or of pictures, or a plot."""
WRITTEN = re.compile(r'<p(?P<id> id="[^"]*")?><strong>Figure (?P<number>\d+)\.</strong>\s*(?P<text>.*?)</p>\n?', re.S)
"""An author's caption: a paragraph that begins with its number."""
TITLE = re.compile(r"<output\b.*?</output>", re.S)
"""The part of a film's caption that says which frame is shown; its script writes there."""


def caption(said: str) -> str:
    """A description as a caption: no codes, a capital, a full stop."""
    said = re.sub(rf"^(?:{ID.pattern})[:,]?\s*", "", html.unescape(said)).strip()
    return html.escape(said[:1].upper() + said[1:] + ("" if said.endswith((".", "?", "!")) else "."), quote=False)


def numbered(body: str) -> str:
    """The page's HTML with `Figure 1` and so on before each caption.

    A paragraph that begins with "**Figure 1.**" is the author's own caption, which a notebook shows below the cell: on the page
    it moves to its figure, in place of the description.
    """
    written = {int(found["number"]): found["text"] for found in WRITTEN.finditer(body)}
    count = 0

    def one(found: re.Match) -> str:
        nonlocal count
        if found["plot"] and not found["said"]:
            return found[0]
        count += 1
        name = f'<span class="nb-number">Figure {count}</span> '
        text = written.pop(count, None)
        if found["own"]:
            title = TITLE.search(found["caption"])
            said = f"{text} Shown: {title[0]}." if text and title else text or found["caption"]
            return f"{found['own']}{name}{said}</figcaption>"
        return (
            f'<figure class="nb-figure">{found["plot"]}<figcaption>{name}{text or caption(found["said"])}</figcaption></figure>'
        )

    def left(found: re.Match) -> str:
        """What stays where the paragraph was: itself, if there is no such figure; else what links to it lead to."""
        if int(found["number"]) in written:
            return found[0]
        return f"<span{found['id']}></span>" if found["id"] else ""

    return WRITTEN.sub(left, FIGURE.sub(one, body))


def number_figures(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    if doctree is None or "body" not in context or not (Path(app.srcdir) / f"{pagename}.ipynb").exists():
        return
    context["body"] = numbered(context["body"])


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", number_figures, priority=90)
