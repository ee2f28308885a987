"""Equations, theorems, references to the literature and terms of the glossary are shown when a reader points at a link to them.

`book/_static/nbdgm.js` shows what the link leads to. On the same page that is there already; what stands on another page is put
at the end of the page that links to it, in a `<template>`, which a browser keeps but does not draw. No request is made.
"""

import posixpath
import re
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

LINK = re.compile(r'<a class="reference internal"[^>]*? href="([^"#]+\.html)#([^"]+)"')
SHOWN = re.compile(r'class="(?:math|proof |citation)|<dt id="term-')
"""What is previewed: displayed equations, theorems and algorithms, entries of the bibliography and of the glossary."""
SEE = re.compile(r" See <a\b[^>]*>[^<]*</a>\.(?=</p>)")
INNER = re.compile(r'<a\b[^>]*href="#[^"]*"[^>]*>(.*?)</a>', re.S)
"""A link within the page that is shown: on another page it would lead nowhere."""
START = "<!-- previews -->"


def element(page: str, name: str) -> str:
    """The element with this id, as HTML, if it is one that is previewed; else nothing."""
    found = re.search(rf'<(\w+)[^>]*\bid="{re.escape(name)}"[^>]*>', page)
    if not found or not SHOWN.search(found[0]):
        return ""
    if found[1] == "dt":
        return term(page, name)
    depth = 0
    for tag in re.finditer(rf"<(/?){found[1]}\b", page[found.start() :]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            whole = page[found.start() : found.start() + tag.end()] + ">"
            whole = re.sub(r'<a class="headerlink".*?</a>', "", whole, flags=re.S)
            return re.sub(r' id="[^"]*"', "", INNER.sub(r"\1", whole))
    return ""


def term(page: str, name: str) -> str:
    """A term of the glossary as a card: the word, the Chinese word, what it means."""
    found = re.search(rf'<dt id="{re.escape(name)}">(.*?)</dt>\s*<dd>(.*?)</dd>', page, re.S)
    if not found:
        return ""
    head = re.sub(r'<a class="headerlink".*?</a>', "", found[1], flags=re.S)
    return f'<div class="nb-term-card"><p>{head}</p>{SEE.sub("", found[2])}</div>'


def add_previews(app: Sphinx, error: Exception | None) -> None:
    """Put into each page what its links to other pages lead to."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)

    @cache
    def page(name: str) -> str:
        path = out / name
        return path.read_text(encoding="utf-8").partition(START)[0] if path.exists() else ""

    @cache
    def shown_at(name: str, anchor: str) -> str:
        return element(page(name), anchor)

    for docname in sorted(app.env.found_docs):
        name = f"{docname}.html"
        before = (out / name).read_text(encoding="utf-8") if (out / name).exists() else ""
        body, _, _ = before.partition(START)
        body = body.removesuffix("</body>\n</html>").rstrip() if START not in before else body
        needed = {}
        for target, anchor in LINK.findall(body):
            if shown := shown_at(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)), anchor):
                needed[f"{target}#{anchor}"] = shown
        templates = "".join(f'<template data-for="{address}">{shown}</template>' for address, shown in needed.items())
        after = f"{body}{START}{templates}</body>\n</html>"
        if after != before and templates:
            (out / name).write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", add_previews, priority=900)
