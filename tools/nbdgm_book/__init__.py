"""The book's Sphinx extension: pages made of the stored chapters and of `tools/data`, links, the theme's options, page footers.

- `theme`: what depends on the repository's address, one search box, the footer that says where a page's outputs come from;
- `links`: anchors at cells, and IDs such as E-13.26 in the appendix as links to the source map;
- `sources`: the folded block at the end of a chapter that lists the entries of the source map that it treats;
- `pages`: the directives of the appendix (source map, indexes, errata, execution times, reading list);
- `glossary`: the terms of the book, defined;
- `front`: the front page's drawing and film;
- `previews`: what a link leads to, shown when a reader points at it;
- `figures`: numbers and captions;
- `live`: figures in which a model runs in the page;
- `formulas`, `folding`, `lighten`: mathematics without a script, proofs behind one line, half the elements;
- `search`: the sections that the search page searches;
- `copies`: the chapters as plain notebooks beside the pages;
- `handout`: a second edition, without the solutions;
- `exercises_page`, `course`, `ideas`: the lists of exercises, of plans for a course, of ideas;
- `terms`: a word of the glossary, explained where a chapter first uses it;
- `replications`: in how many other runs each claim held;
- `leaderboard`: that of its page of the leaderboard;
- `drawn`: those of its page about the drawn data;
- `stand_ins`: the API reference, built without torch.
"""

import hashlib
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "tools", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import chapters  # noqa: E402

from nbdgm_book import (  # noqa: E402
    copies,
    course,
    drawn,
    exercises_page,
    figures,
    folding,
    formulas,
    front,
    glossary,
    handout,
    ideas,
    leaderboard,
    lighten,
    links,
    live,
    pages,
    previews,
    replications,
    search,
    sources,
    stand_ins,
    terms,
    theme,
)


def fingerprint(root: Path = ROOT) -> str:
    """A hash of this extension, the style, the bibliography and the names of recorded runs: when they change, every page must
    be built anew.

    Sphinx would not see the first two and a new run, and its bibliography stumbles over citations of pages that it did not
    read again.
    """
    digest = hashlib.sha256()
    for name in ("tools/chapters.py", "tools/exercises.py", "book/references.bib"):
        digest.update((ROOT / name).read_bytes())
    static = ROOT / "book/_static"
    for folder in (ROOT / "tools/nbdgm_book", static, static / "live", static / "live/data"):
        for path in sorted(p for p in folder.glob("*.*") if p.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
    for folder in (chapters.RUNS, chapters.REPLICATIONS):
        digest.update(" ".join(sorted(p.name for p in (root / folder).glob("*.json"))).encode())
    return digest.hexdigest()


def setup(app: Sphinx) -> dict:
    app.add_config_value("nbdgm_book_fingerprint", fingerprint(Path(app.srcdir)), "env", types=[str])
    handout.setup(app)
    theme.setup(app)
    links.setup(app)
    sources.setup(app)
    pages.setup(app)
    drawn.setup(app)
    formulas.setup(app)
    folding.setup(app)
    lighten.setup(app)
    search.setup(app)
    copies.setup(app)
    glossary.setup(app)
    exercises_page.setup(app)
    course.setup(app)
    ideas.setup(app)
    leaderboard.setup(app)
    terms.setup(app)
    front.setup(app)
    figures.setup(app)
    live.setup(app)
    previews.setup(app)
    replications.setup(app)
    stand_ins.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
