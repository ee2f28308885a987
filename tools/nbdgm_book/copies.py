"""Plain copies of the chapters beside the pages, and the buttons that lead to them.

The copies (tools/plain.py) are for Colab, Kaggle and whoever downloads a chapter: they need no Jupyter Book. Publishing puts
them on the branch `notebooks`; the Colab button opens that branch, the download button the copy beside the page.
"""

import json
from pathlib import Path

import plain
from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book import pages

BRANCH = "notebooks"


def write_copies(app: Sphinx, error: Exception | None) -> None:
    """Write `notebooks/<part>/<chapter>.ipynb` below the built pages."""
    if error or app.builder.format != "html":
        return
    root = Path(app.srcdir)
    known = plain.references(app.env, root)
    for chapter in pages.stored(app.env):
        target = Path(app.outdir) / BRANCH / f"{chapter.docname.removeprefix('book/')}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        made = plain.Plain(chapter, known).notebook()
        target.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def lead_to_copies(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Point the buttons of a chapter to its plain copy; Binder keeps the sources, which its JupyterLab renders."""
    if not (Path(app.srcdir) / f"{pagename}.ipynb").exists():
        return
    short = pagename.removeprefix("book/")
    top = "../" * pagename.count("/")

    def turn(buttons: list) -> None:
        for button in buttons:
            turn(button.get("buttons", []))
            url = str(button.get("url", ""))
            if "colab.research.google.com" in url:
                button["url"] = url.replace(f"/blob/main/{pagename}.ipynb", f"/blob/{BRANCH}/{short}.ipynb")
            elif url.endswith(".ipynb") and "_sources" in url:
                button["url"] = f"{top}{BRANCH}/{short}.ipynb"

    turn(context.get("header_buttons", []))


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", lead_to_copies, priority=800)
    app.connect("build-finished", write_copies)
