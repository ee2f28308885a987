"""The theme's options, merged into those that Jupyter Book computes, and the footers of chapters."""

import html
from pathlib import Path

import chapters
from sphinx.application import Sphinx
from sphinx.config import Config

from nbdgm_book import data


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
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "thebe": False,
        },
        # The theme's two layers each bring a search box: keep the sidebar's.
        "navbar_persistent": [],
        "article_header_end": ["article-header-buttons.html"],
        "search_bar_text": "Search the book",
        "show_toc_level": 2,
        "logo": {"text": config.html_title},
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
    }


def footer(provenance: dict, fresh: bool, execution_page: str) -> str:
    """One paragraph of HTML: on what, when and for how long the stored outputs of a chapter were made."""
    if not provenance:
        return '<p class="nb-provenance nb-stale">This chapter has not been run: it shows code without outputs.</p>'
    text = {k: html.escape(str(v)) for k, v in provenance.items() if not isinstance(v, dict)}
    versions = ", ".join(f"{html.escape(k)} {html.escape(str(v))}" for k, v in provenance.get("versions", {}).items())
    seconds = float(provenance.get("seconds", 0))
    took = f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
    cores = f"{text.get('cores', '?')} cores of {text.get('cpu', 'an unknown processor')}"
    where = cores if text.get("device") == "cpu" else f"{text.get('device', '?')}, {cores}"
    parts = [
        f"Outputs: run on {text.get('date', '?')} with the <code>{text.get('budget', '?')}</code> budget in {took} on {where}",
        versions,
        f"commit <code>{text.get('commit', '?')}</code>, code <code>{text.get('hash', '?')[:12]}</code>.",
    ]
    stale = "" if fresh else " <strong>The code has changed since.</strong>"
    times = f' <a href="{html.escape(execution_page)}">All execution times</a>.'
    return f'<p class="nb-provenance">{"; ".join(parts)}{stale}{times}</p>'


def add_footer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Append the provenance to a chapter's page."""
    path = Path(app.srcdir) / f"{pagename}.ipynb"
    if doctree is None or "body" not in context or not path.exists():
        return
    chapter = chapters.read(path, Path(app.srcdir))
    page = app.builder.get_relative_uri(pagename, "book/appendix/execution")
    context["body"] += footer(chapter.provenance, chapter.fresh, page)


def setup(app: Sphinx) -> None:
    app.connect("config-inited", without_live_code, priority=100)
    app.connect("config-inited", options, priority=100)
    app.connect("html-page-context", add_footer, priority=100)
