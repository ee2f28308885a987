"""Figures are numbered and captioned: plots by the description that is stored with them, films and pictures by their own."""

import html
import re
from pathlib import Path

from chapters import ID
from sphinx.application import Sphinx

FIGURE = re.compile(r'(?P<own><figcaption[^>]*>)|(?P<plot><img (?=[^>]*?src="[^"]*_images/)[^>]*?alt="(?P<said>[^"]*)"[^>]*>)')
"""The caption of a film or of pictures, or a plot."""


def caption(said: str) -> str:
    """A description as a caption: no codes, a capital, a full stop."""
    said = re.sub(rf"^(?:{ID.pattern})[:,]?\s*", "", html.unescape(said)).strip()
    return html.escape(said[:1].upper() + said[1:] + ("" if said.endswith((".", "?", "!")) else "."), quote=False)


def numbered(body: str, chapter: str) -> str:
    """The page's HTML with `Figure 6.1` and so on before each caption."""
    count = 0

    def one(found: re.Match) -> str:
        nonlocal count
        if found["plot"] and not found["said"]:
            return found[0]
        count += 1
        name = f'<span class="nb-number">Figure {chapter}{count}</span>'
        if found["own"]:
            return f"{found[0]}{name} "
        return f'<figure class="nb-figure">{found["plot"]}<figcaption>{name} {caption(found["said"])}</figcaption></figure>'

    return FIGURE.sub(one, body)


def number_figures(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    if doctree is None or "body" not in context or not (Path(app.srcdir) / f"{pagename}.ipynb").exists():
        return
    chapter = app.env.toc_secnumbers.get(pagename, {}).get("", ())
    context["body"] = numbered(context["body"], ".".join(map(str, chapter)) + "." if chapter else "")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", number_figures, priority=90)
