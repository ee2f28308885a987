"""The theme's options, merged into those that Jupyter Book computes, and the footers of chapters."""

import datetime
import functools
import html
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import chapters
import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

from nbdgm_book import data

LAUNCH = {
    "notebook_interface": "jupyterlab",
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
    "thebe": False,
}


def without_live_code(app: Sphinx, config: Config) -> None:
    """Undo sphinx-thebe, which Jupyter Book always loads: it writes a script into every page twice, an error in the console."""
    unwanted = {"init_thebe_core", "update_thebe_context"}
    for listeners in app.events.listeners.values():
        listeners[:] = [each for each in listeners if getattr(each.handler, "__name__", "") not in unwanted]


def options(app: Sphinx, config: Config) -> None:
    """Fill in what depends on the repository's address, and what `_config.yml` cannot say without losing the rest."""
    root = Path(app.srcdir)
    owner, name = data.owner_and_name(root)
    config.html_baseurl = config.html_baseurl or f"https://{owner}.github.io/{name}/"
    if config.html_theme != "sphinx_book_theme":
        return
    config.html_context = dict(config.html_context or {}) | {"default_mode": "auto"}
    config.html_theme_options = dict(config.html_theme_options or {}) | {
        "repository_url": data.address(root),
        "repository_branch": "main",
        "repository_provider": "github",
        "path_to_docs": "",
        "use_repository_button": True,
        "use_issues_button": True,
        "use_edit_page_button": False,
        "use_download_button": True,
        "launch_buttons": LAUNCH if config.nbdgm_solutions else {},  # they lead to the whole chapters
        # The theme's two layers each bring a search box: keep the sidebar's.
        "navbar_persistent": [],
        "article_header_end": ["article-header-buttons.html"],
        "search_bar_text": "Search the book",
        "show_toc_level": 2,
        "logo": {"text": config.html_title},
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
    }


def minutes(seconds: float) -> str:
    """A time as a person would say it: `less than a minute`, `about 4 minutes`."""
    whole = round(seconds / 60)
    return "less than a minute" if seconds < 45 else "about a minute" if whole <= 1 else f"about {whole} minutes"


def day(date: str) -> str:
    """`2026-01-02` as `2 January 2026`."""
    try:
        found = datetime.date.fromisoformat(date)
    except ValueError:
        return date
    return f"{found.day} {found:%B %Y}"


def needed(chapter: chapters.Chapter) -> str:
    """How long a reader's machine will be busy with a chapter, from the runs that are known."""
    runs = [chapter.provenance, *chapter.runs]
    laptop = next((r for r in runs if r.get("budget") == "cpu" and "seconds" in r), None)
    gpu = next((r for r in runs if r.get("budget") == "gpu" and "seconds" in r), None)
    said = []
    if laptop:
        said.append(f"{minutes(laptop['seconds'])} on {laptop.get('cores', 'a few')} cores of a laptop")
    if gpu:
        said.append(f"{minutes(gpu['seconds'])} on a GPU")
    return "To run it: " + ", ".join(said) if said else ""


def footer(provenance: dict, fresh: bool, execution_page: str) -> str:
    """What stands at the foot of a chapter: how its outputs were made, in a sentence, and folded, exactly."""
    if not provenance:
        return '<p class="nb-provenance nb-stale">This chapter has not been run: it shows code without outputs.</p>'
    text = {k: html.escape(str(v)) for k, v in provenance.items() if not isinstance(v, dict)}
    versions = ", ".join(f"{html.escape(k)} {html.escape(str(v))}" for k, v in provenance.get("versions", {}).items())
    seconds = float(provenance.get("seconds", 0))
    took = f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
    machine = f"{text.get('cores', '?')} cores of {text.get('cpu', 'an unknown processor')}"
    where = "without a GPU" if text.get("device") == "cpu" else f"with a GPU ({text.get('device', '?')})"
    stale = "" if fresh else " <strong>The code has changed since.</strong>"
    times = f' <a href="{html.escape(execution_page)}">All execution times</a>.'
    exact = [
        f"Budget <code>{text.get('budget', '?')}</code>, {took} on {machine}",
        versions,
        f"commit <code>{text.get('commit', '?')}</code>, code <code>{text.get('hash', '?')[:12]}</code>.",
    ]
    return (
        f'<div class="nb-provenance"><p>The outputs on this page were computed on {day(text.get("date", "?"))}'
        f" in {minutes(seconds)}, {where}.{stale}{times}</p>"
        f"<details><summary>The run, exactly</summary><p>{'; '.join(filter(None, exact))}</p></details></div>"
    )


@functools.cache
def edition(root: Path) -> tuple[str, str]:
    """(version, date) of this book: that of the package, and of the last commit (of today outside of git)."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    git = ["git", "-C", str(root), "log", "-1", "--format=%cs"]
    found = subprocess.run(git, capture_output=True, text=True) if shutil.which("git") else None
    date = found.stdout.strip() if found and found.returncode == 0 else ""
    return project.get("version", "0"), date or datetime.date.today().isoformat()


def citation(root: Path, title: str, address: str) -> str:
    """A folded block that says how to cite a page, as a sentence and for BibTeX."""
    file = root / "CITATION.cff"
    if not file.exists():
        return ""
    about = yaml.safe_load(file.read_text(encoding="utf-8"))
    authors = " and ".join(a.get("name") or f"{a['family-names']}, {a['given-names']}" for a in about["authors"])
    version, date = edition(root)
    key = "nbdgm" + date[:4] + re.sub(r"[^a-z]", "", title.lower().split()[-1])
    fields = {
        "author": f"{{{authors}}}", "title": title, "booktitle": about["title"], "year": date[:4], "url": address,
        "note": f"Version {version}",
    }  # fmt: skip
    bibtex = "@incollection{" + key + "".join(f",\n  {k} = {{{v}}}" for k, v in fields.items()) + "\n}"
    said = f"{authors}. “{title}.” In <cite>{html.escape(about['title'])}</cite>, version {version}, {date[:4]}. {address}"
    return f'<details class="nb-cite"><summary>Cite this page</summary><p>{said}</p><pre>{html.escape(bibtex)}</pre></details>'


def add_footer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Append the provenance to a chapter's page, and to each page of the text how to cite it."""
    root = Path(app.srcdir)
    path = root / f"{pagename}.ipynb"
    if doctree is None or "body" not in context:
        return
    version, date = edition(root)
    context["theme_extra_footer"] = f"Version {version}, {day(date)}"
    if path.exists():
        chapter = chapters.read(path, root)
        page = app.builder.get_relative_uri(pagename, "book/appendix/execution")
        context["body"] += footer(chapter.provenance, chapter.fresh, page)
    if path.exists() or pagename == app.config.root_doc:
        title = re.sub(r"<[^>]+>", "", app.env.titles[pagename].astext()) if path.exists() else str(app.config.project)
        context["body"] += citation(root, title, f"{app.config.html_baseurl}{pagename}.html")


class Head(SphinxTransform):
    """The first table of a chapter: no empty head, and the time in words, from the runs that are stored."""

    default_priority = 440

    def apply(self) -> None:
        path = Path(self.env.doc2path(self.env.docname))
        table = next(iter(self.document.findall(nodes.table)), None)
        if path.suffix != ".ipynb" or table is None:
            return
        for head in list(table.findall(nodes.thead)):
            if not head.astext().strip():
                head.parent.remove(head)
        said = needed(chapters.read(path, Path(self.env.srcdir)))
        for row in table.findall(nodes.row):
            if row[0].astext().strip() == "Time" and said:
                row[1][:] = [nodes.paragraph("", said)]
            if row.parent.__class__ is nodes.tbody:
                row[0]["classes"].append("nb-row-head")


def setup(app: Sphinx) -> None:
    app.connect("config-inited", without_live_code, priority=100)
    app.connect("config-inited", options, priority=100)
    app.connect("html-page-context", add_footer, priority=100)
    app.add_transform(Head)
