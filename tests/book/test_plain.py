"""The plain notebooks: nothing of MyST is left, every reference leads somewhere, outputs are those of the chapter."""

import copy
import json
import re
from pathlib import Path

import plain
import pytest
from chapters import Chapter, read, read_all, source

ROOT = Path(__file__).resolve().parents[2]
KNOWN = plain.References(
    "https://book/",
    revision="abc123",
    equations={"eq-one": ("book/vae/1_a", "3.1"), "eq-other": ("book/gan/2_b", "8.4")},
    boxes={
        "thm-one": ("book/vae/1_a", "Theorem 3.2"),
        "ex-one": ("book/vae/1_a", "Exercise 3.1"),
        "sec-far": ("book/gan/2_b", "The far section"),
    },
    titles={"book/vae/1_a": "Chapter A", "book/gan/2_b": "Chapter B"},
    citations={"kingma2013auto": ("Kingma and Welling", "2013"), "burda2015": ("Burda et al.", "2015")},
)


def chapter(*cells: dict) -> Chapter:
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"nbdgm": {"hash": "x"}},
        "cells": [text("# Chapter A"), *cells],
    }
    return Chapter(Path("book/vae/1_a.ipynb"), notebook, "book/vae/1_a")


def text(body: str) -> dict:
    return {"cell_type": "markdown", "id": "m", "metadata": {"nbdgm": {"covers": ["S-01"]}}, "source": body}


def code(body: str, *tags: str, outputs: list | None = None) -> dict:
    return {"cell_type": "code", "id": "c", "metadata": {"tags": list(tags)}, "source": body, "outputs": outputs or []}


def shown(*cells: dict) -> list[dict]:
    """The cells of the plain notebook, without title and the line about this copy."""
    return plain.Plain(chapter(*cells), KNOWN).notebook()["cells"][2:]


def one(body: str) -> str:
    return shown(text(body))[0]["source"]


def test_equations_are_tagged_and_referred_to():
    assert one("$$\na = b\n$$ (eq-one)") == "$$\na = b\\tag{3.1}$$"
    assert one("as {eq}`eq-one` says") == "as (3.1) says"
    assert one("as {eq}`eq-other` says") == "as [(8.4)](https://book/book/gan/2_b.html#equation-eq-other) says"


def test_theorems_are_quotations_with_their_number_and_title():
    shown = one("```{prf:theorem} The bound\n:label: thm-one\n\nFor all $q$.\nIndeed.\n```")
    assert shown == "> **Theorem 3.2 (The bound).**\n>\n> For all $q$.\n> Indeed."
    assert one("by {prf:ref}`thm-one`") == "by Theorem 3.2"
    assert one("see {ref}`there <sec-far>`") == "see [there](https://book/book/gan/2_b.html#sec-far)"


def test_links_between_pages():
    assert one("{doc}`../gan/2_b`") == "[Chapter B](https://book/book/gan/2_b.html)"
    assert one("{doc}`so <../gan/2_b>`") == "[so](https://book/book/gan/2_b.html)"
    assert one("[so](../gan/2_b.ipynb)") == "[so](https://book/book/gan/2_b.html)"
    assert one("[away](https://elsewhere/x.ipynb)") == "[away](https://elsewhere/x.ipynb)"


def test_citations():
    here = "https://book/book/appendix/bibliography.html"
    assert one("{cite:t}`kingma2013auto` say") == f"[Kingma and Welling (2013)]({here}) say"
    assert one("known {cite}`kingma2013auto,burda2015`") == (
        f"known ([Kingma and Welling, 2013]({here}); [Burda et al., 2015]({here}))"
    )


def test_a_solution_folds_over_all_its_cells():
    cells = shown(
        text("```{exercise-start} Try\n:label: ex-one\n```\nDo it.\n```{exercise-end}\n```\n\n"
             "```{solution-start} ex-one\n:class: dropdown\n```\nThus."),
        code("x = 1"),
        text("```{solution-end}\n```\n\n## Summary"),
        code("y = 2"),
    )  # fmt: skip
    first, solution, after, free = cells
    assert "**Exercise 3.1 (Try).**" in first["source"] and "Do it." in first["source"]
    assert "<details><summary>Solution: Exercise 3.1</summary>\n\nThus.\n\n</details>" in first["source"]
    assert solution["metadata"]["jupyter"] == {"source_hidden": True} and solution["metadata"]["cellView"] == "form"
    assert solution["source"].startswith("#@title Solution: Exercise 3.1\n")
    assert after["source"] == "## Summary"
    assert free["source"] == "y = 2" and "jupyter" not in free["metadata"]


def test_code_that_only_authors_read_folds():
    proof, open_proof = shown(code("d.line()", "proof"), code("d.line()", "proof", "open-proof"))
    assert proof["metadata"]["jupyter"] == {"source_hidden": True}
    assert "jupyter" not in open_proof["metadata"]


def test_the_set_up_cell_installs_this_version_where_it_is_missing():
    body = 'import sys\nif "google.colab" in sys.modules:\n    %pip install -q "nbdgm @ git+https://host/o/n"\nimport torch\n'
    (cell,) = shown(code(body, "setup"))
    assert cell["source"] == (
        "#@title Set-up\ntry:\n    import nbdgm\nexcept ImportError:\n"
        '    %pip install -q "nbdgm @ git+https://host/o/n@abc123"\nimport torch\n'
    )


def test_the_chapter_itself_stays_as_it_is():
    before = chapter(text("{eq}`eq-one`"), code("x", "proof"))
    kept = copy.deepcopy(before.notebook)
    plain.Plain(before, KNOWN).notebook()
    assert before.notebook == kept


def test_leftovers_are_found():
    for left in ("{eq}`eq-one`", "```{note}\nx\n```", ":label: x", "(target)=", "$$a$$ (eq-one)", "{cite:t}`x`"):
        assert plain.leftovers({"cells": [text(left)]}), left
    assert not plain.leftovers({"cells": [text("$\\{x\\}$ and `{eq} roles` and ```python\nx\n```"), code("{eq}`x`")]})


class Everything(dict):
    """References that know every label, for chapters whose book is not built."""

    def __init__(self, value):
        self.value = value

    def __missing__(self, key):
        return self.value

    def get(self, key, default=None):
        return self.value


@pytest.mark.parametrize("chapter", read_all(ROOT), ids=lambda c: c.docname.removeprefix("book/"))
def test_no_chapter_leaves_anything(chapter):
    titles = {c.docname: c.title for c in read_all(ROOT)} | {
        p.relative_to(ROOT).with_suffix("").as_posix(): p.stem for p in (ROOT / "book/appendix").glob("*.md")
    }
    known = plain.References(
        "https://book/", "abc123", Everything((chapter.docname, "1.1")), Everything((chapter.docname, "Theorem 1")), titles,
        plain.citations(ROOT),
    )  # fmt: skip
    made = plain.Plain(read(chapter.path, ROOT), known).notebook()
    assert plain.leftovers(made) == []
    whole = json.dumps(made)
    assert "nbdgm.proof+json" not in whole
    assert "google.colab" not in whole and whole.count("git+https://") == whole.count("@abc123") == 1
    assert len([c for c in made["cells"] if c["cell_type"] == "code"]) == len(
        [c for c in chapter.cells if c["cell_type"] == "code"]
    )
    titles = [source(c) for c in made["cells"] if c["cell_type"] == "markdown"]
    assert re.match(r"# \S", titles[0])
