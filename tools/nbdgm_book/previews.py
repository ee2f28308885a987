"""Equations, theorems and references to the literature are shown when a reader points at a link to them.

`book/_static/nbdgm.js` shows what the link leads to. On the same page that is there already; what stands on another page is put
at the end of the page that links to it, in a `<template>`, which a browser keeps but does not draw. No request is made.
"""

import posixpath
import re
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

LINK = re.compile(r'<a class="reference internal"[^>]*? href="([^"#]+\.html)#([^"]+)"')
SHOWN = re.compile(r'class="(?:math|proof |citation)')
"""What is previewed: displayed equations, theorems and algorithms, entries of the bibliography."""
START = "<!-- previews -->"


def element(page: str, name: str) -> str:
    """The element with this id, as HTML, if it is one that is previewed; else nothing."""
    found = re.search(rf'<(\w+)[^>]*\bid="{re.escape(name)}"[^>]*>', page)
    if not found or not SHOWN.search(found[0]):
        return ""
    depth = 0
    for tag in re.finditer(rf"<(/?){found[1]}\b", page[found.start() :]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            whole = page[found.start() : found.start() + tag.end()] + ">"
            whole = re.sub(r'<a class="headerlink".*?</a>', "", whole, flags=re.S)
            return re.sub(r' id="[^"]*"', "", whole)
    return ""


def add_previews(app: Sphinx, error: Exception | None) -> None:
    """Put into each page what its links to other pages lead to."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)

    @cache
    def page(name: str) -> str:
        path = out / name
        return path.read_text(encoding="utf-8").partition(START)[0] if path.exists() else ""

    for docname in sorted(app.env.found_docs):
        name = f"{docname}.html"
        before = (out / name).read_text(encoding="utf-8") if (out / name).exists() else ""
        body, _, _ = before.partition(START)
        body = body.removesuffix("</body>\n</html>").rstrip() if START not in before else body
        needed = {}
        for target, anchor in LINK.findall(body):
            if shown := element(page(posixpath.normpath(posixpath.join(posixpath.dirname(name), target))), anchor):
                needed[f"{target}#{anchor}"] = shown
        templates = "".join(f'<template data-for="{address}">{shown}</template>' for address, shown in needed.items())
        after = f"{body}{START}{templates}</body>\n</html>"
        if after != before and templates:
            (out / name).write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", add_previews, priority=900)
