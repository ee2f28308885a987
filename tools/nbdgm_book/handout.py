"""The handout: a second edition of the book for a class, without the solutions.

`nbdgm_solutions` is false there (`make handout` sets it by the environment's variable `NBDGM_SOLUTIONS=0`). Solutions leave
the stored cells before Sphinx reads them, so that nothing that is made of the cells knows them: pages, indexes, search, copies.
"""

import json
import os
from pathlib import Path

import chapters
import exercises
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

TITLE = "without solutions"


def read(path: Path, env: BuildEnvironment) -> chapters.Chapter:
    """A chapter as this edition shows it."""
    chapter = chapters.read(path, Path(env.srcdir))
    return chapter if env.config.nbdgm_solutions else exercises.without_solutions(chapter)


def cut(app: Sphinx, docname: str, content: list[str]) -> None:
    """Give Sphinx the cells without their solutions."""
    path = Path(app.env.doc2path(docname))
    if not app.config.nbdgm_solutions and path.suffix == ".ipynb":
        content[0] = json.dumps(json.loads(content[0]) | {"cells": read(path, app.env).cells})


def name_it(app: Sphinx, config: Config) -> None:
    if not config.nbdgm_solutions:
        config.html_title = f"{config.html_title}, {TITLE}"


def cut_sources(app: Sphinx, error: Exception | None) -> None:
    """Sphinx copies the sources beside the pages, the chapters whole: cut these copies as well."""
    if error or app.config.nbdgm_solutions:
        return
    for path in Path(app.outdir).glob("_sources/**/*.ipynb*"):
        docname = path.relative_to(Path(app.outdir) / "_sources").as_posix().partition(".ipynb")[0]
        stored = read(Path(app.env.doc2path(docname)), app.env)
        path.write_text(json.dumps(stored.notebook | {"cells": stored.cells}, ensure_ascii=False), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.add_config_value("nbdgm_solutions", os.environ.get("NBDGM_SOLUTIONS") != "0", "env", types=[bool])
    app.connect("config-inited", name_it, priority=90)
    app.connect("source-read", cut)
    app.connect("build-finished", cut_sources)
