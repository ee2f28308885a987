"""tools/nbdgm_book/replications.py: what the built pages say about runs with other seeds and longer training."""

import io
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from chapters import CLAIM_MIME, code_hash, replication_file
from replicate import SHIFT, STRETCHED
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).resolve().parents[2]
CONF = """
extensions = ["myst_nb", "nbdgm_book"]
html_theme = "basic"
nb_execution_mode = "off"
suppress_warnings = ["mystnb.unknown_mime_type"]
root_doc = "index"
exclude_patterns = ["jupyter_execute", "out", "trees"]
"""
TEXTS = [["always", "by luck"], ["needs a GPU"], ["the end"]]


def output(mime: str, content, shown: str):
    return nbformat.v4.new_output("display_data", data={mime: content, "text/html": shown, "text/plain": "plain"})


def chapter():
    made = nbformat.v4.new_notebook()
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made.cells = [nbformat.v4.new_markdown_cell("# One chapter", id="top")]
    for number, texts in enumerate(TEXTS):
        shown = [output("text/markdown", "x", "<div>a table</div>")]
        for text in texts:
            head = '<div class="nbdgm-claim x" data-status="holds"><style>p{}</style>'
            claim = {"text": text, "status": "not checked" if "GPU" in text else "holds", "values": {"gap": 0.5}}
            shown.append(output(CLAIM_MIME, claim, f"{head}<p>{text}</p><div>end</div></div>\n"))
        made.cells.append(nbformat.v4.new_code_cell(f"claim({number})", id=f"c{number}", outputs=shown))
    facts = {"budget": "cpu", "device": "cpu", "seconds": 240.0, "cores": 2, "cpu": "A", "commit": "abc", "date": "2026-01-02"}
    made.metadata["nbdgm"] = facts | {"versions": {"python": "3.11"}, "hash": code_hash(made)}
    return made


def replications(*statuses: str) -> dict:
    """Three runs; `statuses` are those of all claims in each."""
    runs = []
    for (seed, stretch), word in zip(((SHIFT, 1), (2 * SHIFT, 1), (STRETCHED, 3)), statuses, strict=True):
        places = [(f"c{i}", j, text) for i, texts in enumerate(TEXTS) for j, text in enumerate(texts)]
        claims = [
            {"cell": cell, "index": index, "text": text, "status": status, "values": {"gap": 0.123456}}
            for (cell, index, text), status in zip(places, word.split(","), strict=True)
        ]
        run = {"seed": seed, "stretch": stretch, "budget": "cpu", "seconds": 60.0, "claims": claims}
        runs.append(run | ({"failed": "cell 9 (id c2) failed: NameError"} if "missing" in word else {}))
    return {"hash": code_hash(chapter()), "runs": runs}


class Book:
    """A source folder with one chapter and the index of claims, and what Sphinx made of it."""

    def __init__(self, root, replicated: dict | None):
        self.root = root
        for name in ("book/vae", "book/appendix", "tools/data"):
            (root / name).mkdir(parents=True)
        for name, text in {
            "conf.py": CONF,
            "pyproject.toml": '[project.urls]\nRepository = "https://github.com/someone/a-book"\n',
            "index.md": "# Small\n\n```{toctree}\nbook/vae/5_one\nbook/appendix/claims\n```",
            "book/appendix/claims.md": "# Claims\n\n```{replication-index}\n```\n\n## All\n\n```{claim-index}\n```",
            "book/vae/5_one.ipynb": nbformat.writes(chapter()),
        }.items():
            (root / name).write_text(text, encoding="utf-8")
        for file in (ROOT / "tools/data").glob("*.yml"):  # the book's own: what they hold is not the subject here
            shutil.copy(file, root / "tools/data")
        self.replicate(replicated)

    def replicate(self, found: dict | None) -> None:
        file = replication_file("book/vae/5_one", self.root)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        if found:
            file.write_text(json.dumps(found), encoding="utf-8")

    def build(self) -> str:
        warnings = io.StringIO()
        with patch_docutils(self.root), docutils_namespace():
            Sphinx(self.root, self.root, self.root / "out", self.root / "trees", "html", status=None, warning=warnings).build()
        return re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue())

    def page(self, name: str) -> str:
        return (self.root / "out/book" / f"{name}.html").read_text(encoding="utf-8")

    def beside(self) -> list[str]:
        """What stands beside the claims, in the page's order."""
        return re.findall(r'nbdgm-again">(.*?)</p>', self.page("vae/5_one"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    found = replications("holds,holds,not checked,holds", "holds,fails,not checked,holds", "holds,fails,not checked,missing")
    made = Book(tmp_path_factory.mktemp("replicated"), found)
    made.warnings = made.build()
    return made


def test_builds_without_warnings(book):
    assert book.warnings == ""


def test_beside_each_claim_stands_in_how_many_runs_it_held(book):
    assert book.beside() == [
        "Held in 3 of 3 other runs.",
        "Held in 1 of 3 other runs; not with seeds + 20,014; not with seeds + 1,010,707, 3 times the updates.",
        "Held in 2 of 3 other runs; not with seeds + 1,010,707, 3 times the updates.",
    ]
    page = book.page("vae/5_one")
    assert re.search(r'<p>always</p><div>end</div><p class="nbdgm-small nbdgm-again">Held in 3[^<]*</p></div>', page)
    assert re.search(r'by luck</p><div>end</div><p class="nbdgm-small nbdgm-again">Held in 1', page)
    assert re.search(r"needs a GPU</p><div>end</div></div>", page), "no other run could decide it"


def test_the_index_totals_them(book):
    page = book.page("appendix/claims")
    assert "Of 3 claims of 1 replicated chapter, 1 held in every other run, 2 did not." in page
    row = re.search(r"One chapter</a></p></td>(.*?)</tr>", page, re.S).group(1)
    assert re.findall(r"<p>(\d+)</p>", row) == ["3", "3", "1", "2", "3"]


def test_the_index_lists_every_claim_that_failed_anywhere(book):
    page = book.page("appendix/claims")
    listed = page[page.index("What happened".lower()) :].split("<h2>")[0]
    rows = [re.sub(r"<[^>]+>", "", row).split("\n") for row in re.findall(r"<tr.*?</tr>", listed, re.S)]
    assert [[cell for cell in row if cell] for row in rows] == [
        ["by luck", "seeds + 20,014", "fails", "gap = 0.1235"],
        ["by luck", "seeds + 1,010,707, 3 times the updates", "fails", "gap = 0.1235"],
        ["the end", "seeds + 1,010,707, 3 times the updates", "missing", "gap = 0.1235"],
    ]
    assert 'href="../vae/5_one.html#cell-c0"' in listed and 'href="../vae/5_one.html#cell-c2"' in listed
    assert "the run with seeds + 1,010,707, 3 times the updates stopped, cell 9 (id c2) failed: NameError" in page


def test_the_list_of_all_claims_says_it_too(book):
    rows = book.page("appendix/claims").split("<h2>")[1]
    assert re.search(r"always.*?holds</span> held in 3 of 3 other runs", rows, re.S)
    assert "not replicated" not in rows


def test_pages_follow_new_runs_and_forget_those_of_other_code(tmp_path):
    made = Book(tmp_path, None)
    assert made.build() == "" and made.beside() == []
    assert "No chapter has been replicated yet." in made.page("appendix/claims")
    all_hold = replications(*["holds,holds,not checked,holds"] * 3)
    made.replicate(all_hold)
    assert made.build() == "" and made.beside() == ["Held in 3 of 3 other runs."] * 3
    made.replicate(replications(*["fails,fails,not checked,fails"] * 3))
    assert made.build() == "" and all(text.startswith("Held in 0 of 3 other runs; not with") for text in made.beside())
    made.replicate(all_hold | {"hash": "of other code"})
    assert made.build() == "" and made.beside() == []
