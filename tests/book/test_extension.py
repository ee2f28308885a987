"""tools/nbdgm_book: a small book with two chapters is built, and its pages say what the stored chapters hold."""

import html
import io
import json
import re

import nbdgm_book
import nbformat
import pytest
import yaml
from chapters import CHECK_MIME, CLAIM_MIME, ID, PROOF_MIME, code_hash, read
from nbdgm_book import data, figures, formulas, front, previews, theme
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace, patch_docutils

CONF = """
extensions = ["myst_nb", "nbdgm_book"]
html_theme = "basic"
html_math_renderer = "mathml"
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
suppress_warnings = ["mystnb.unknown_mime_type"]
root_doc = "index"
project = "small"
"""
MAP = [
    {"id": "S-41", "kind": "system", "title": "VAE", "text": "An $x$ model.", "source": "textbook", "tier": 1},
    {"id": "E-13.26", "kind": "equation", "title": "KL of $N$", "tex": "a=b", "text": "", "source": ["textbook", "slides"]},
    {"id": "E-13.27", "kind": "equation", "title": "Open one", "tex": "c=d", "source": "textbook", "chapter": "book/vae/9_x"},
    {"id": "E-13.2", "kind": "equation", "title": "Covered by code", "tex": "e=f", "text": "As E-13.26.", "source": "textbook"},
    {"id": "D-01", "kind": "figure", "title": "A picture", "source": "book"},
    {"id": "F-01", "kind": "question", "title": "A question", "source": "lecture"},
    {"id": "T-002-1", "kind": "table", "title": "A table", "source": "gan-qp"},
    {"id": "B-01", "kind": "beyond", "title": "A flow", "source": "papers", "where": "Ada (1843), note G"},
]
ERRATUM = {
    "id": "ERR-004-06",
    "title": "A sum",
    "source": "textbook",
    "where": "equation 13.17",
    "quote": ["$a+b$ 是错的"],
    "lines": [178],
    "translation": "a+b is wrong",
    "verdict": "misprint",
    "sentence": "Read $ab$.",
    "keep": "appendix",
    "chapter": "book/vae/5_one",
}
SOURCE_MAP_PAGE = "# Source map\n\n```{source-map-totals}\n```\n\n" + "\n\n".join(
    f"## {kind}\n\n```{{source-map}} {kind}\n```" for kind in data.KINDS
)


def output(mime: str, content: dict, shown: str):
    return nbformat.v4.new_output("display_data", data={mime: content, "text/html": shown, "text/plain": "plain"})


def chapter():
    made = nbformat.v4.new_notebook()
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    proof = {
        "ids": ["E-13.26", "T-002-1"],
        "scope": "two states",
        "title": "KL of $N$",
        "lines": [{"tex": "a", "reason": "b", "status": "proved"}] * 3,
    }
    head = (
        '<div class="nbdgm-proof x"><p><strong>KL</strong> <span class="nbdgm-small">E-13.26 · proved</span></p>E-13.26</div>'
    )
    claim = {"text": "the bound is tight", "status": "holds", "values": {"gap": 0.123456, "k": 500}, "needs": "cpu"}
    check = {"text": "two implementations agree", "status": "holds", "values": {"gap": 0.0}}
    cells = [
        nbformat.v4.new_markdown_cell("# One chapter\n\n| a | b |\n|---|---|\n| c | d |", id="top"),
        nbformat.v4.new_markdown_cell("## Theory\n\nNo code stands here.", id="t"),
        nbformat.v4.new_code_cell(
            "derivation('E-13.26')", id="proof", outputs=[output(PROOF_MIME, proof | {"status": "proved"}, head)]
        ),
        nbformat.v4.new_code_cell(
            "claim()",
            id="claim",
            outputs=[output(CLAIM_MIME, claim, "<p>claim</p>"), output(CHECK_MIME, check, "<p>check</p>")],
        ),
        nbformat.v4.new_markdown_cell("```{admonition} Source note: a sum\nIt is printed wrong.\n```", id="note"),
    ]
    covered = {"top": ["S-41", "D-01", "E-13.26"], "t": ["S-41"], "claim": ["E-13.2"], "note": ["ERR-004-06"]}
    for cell in cells:
        if cell.id in covered:
            cell.metadata["nbdgm"] = {"covers": covered[cell.id]}
    made.cells = cells
    provenance = {
        "budget": "cpu",
        "device": "cpu",
        "seconds": 240.0,
        "cores": 2,
        "cpu": "A <CPU>",
        "commit": "abc",
        "date": "2026-01-02",
    }
    made.metadata["nbdgm"] = provenance | {"versions": {"python": "3.11", "torch": "2.9"}, "hash": code_hash(made)}
    return made


class Book:
    """A source folder and what Sphinx made of it."""

    def __init__(self, root):
        self.root = root
        for name in ("tools/data", "book/vae", "book/appendix"):
            (root / name).mkdir(parents=True)
        self.write("conf.py", CONF)
        self.write("pyproject.toml", '[project.urls]\nRepository = "https://github.com/someone/a-book"\n')
        self.write(data.SOURCE_MAP, yaml.dump(MAP, allow_unicode=True))
        self.write(data.ERRATA, yaml.dump([ERRATUM], allow_unicode=True))
        self.write(
            data.GLOSSARY,
            yaml.dump(
                [
                    {"zh": "判别器", "en": "discriminator", "text": "It tells.", "see": "vae/5"},
                    {"zh": "证据", "en": "evidence", "text": "$p(x)$.", "proposed": True},
                ],
                allow_unicode=True,
            ),
        )
        self.write("book/appendix/source_map.md", SOURCE_MAP_PAGE)
        self.write("book/appendix/errata.md", "# Errata\n\n```{errata-totals}\n```\n\n```{errata} textbook\n```")
        self.write("book/appendix/execution.md", "# Times\n\n```{execution-table}\n```")
        self.write("book/appendix/proofs.md", "# Proofs\n\n```{proof-index}\n```")
        self.write("book/appendix/claims.md", "# Claims\n\n```{claim-index}\n```")
        self.write("book/appendix/glossary.md", "# Glossary\n\n```{glossary-table}\n```")
        self.write("book/vae/5_one.ipynb", nbformat.writes(chapter()))
        pages = [p.relative_to(root).with_suffix("").as_posix() for p in sorted((root / "book").rglob("*.*"))]
        self.write("index.md", "# Small\n\n```{toctree}\n" + "\n".join(pages) + "\n```")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")

    def build(self, **options) -> str:
        """Build, with options in place of those of `conf.py`, and return the warnings."""
        warnings = io.StringIO()
        with patch_docutils(self.root), docutils_namespace():
            folders = (self.root, self.root, self.root / "out", self.root / "trees")
            app = Sphinx(*folders, "html", confoverrides=options, status=None, warning=warnings)
            app.build()
        return re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue())

    def page(self, name: str) -> str:
        return (self.root / "out/book" / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    made = Book(tmp_path_factory.mktemp("small"))
    made.warnings = made.build()
    return made


@pytest.fixture
def fresh(tmp_path):
    return Book(tmp_path)


def entry(page: str, name: str) -> str:
    """The HTML of one entry of the source map."""
    return next(piece for piece in re.split(r'(?=<div class="[^"]*nb-entry)', page) if f'id="{name}"' in piece[:200])


def test_builds_without_warnings(book):
    assert book.warnings == ""


class TestLinks:
    def test_ids_in_the_appendix_lead_to_their_entries(self, book):
        assert 'As <span class="nb-id"><a class="reference internal" href="#E-13.26">E-13.26</a></span>.' in re.sub(
            r"\s+", " ", book.page("appendix/source_map")
        )

    def test_chapters_have_none_outside_the_folded_block(self, book):
        page = book.page("vae/5_one")
        start, end = page.index('<details class="nb-sources'), page.index("</details>")
        assert "source_map.html#" in page[start:end] and "errata.html#" in page[start:end]
        assert "source_map.html#" not in page[:start] + page[end:]

    def test_every_code_cell_has_an_anchor(self, book):
        page = book.page("vae/5_one")
        assert page.count('id="cell-proof"') == 1 and page.count('id="cell-claim"') == 1

    def test_a_cell_of_text_has_one_where_it_covers_something(self, book):
        page = book.page("vae/5_one")
        assert [page.count(f'id="cell-{name}"') for name in ("top", "t", "note")] == [1, 1, 1]
        assert page.index('id="cell-t"') < page.index("No code stands here") < page.index('id="cell-note"')

    def test_unknown_id_warns(self, fresh):
        fresh.write("book/appendix/glossary.md", "# Glossary\n\nE-13.99 and S-41.")
        assert "E-13.99 is neither in tools/data/source_map.yml nor in tools/data/errata.yml" in fresh.build()

    def test_every_link_between_pages_has_its_target(self, book):
        for path in (book.root / "out/book").rglob("*.html"):
            for href in re.findall(r'href="([^"#]*)#([^"]+)"', path.read_text(encoding="utf-8")):
                target = (path.parent / href[0]).resolve() if href[0] else path
                if "://" not in href[0] and target.suffix == ".html":
                    assert f'id="{href[1]}"' in target.read_text(encoding="utf-8"), (path, href)


class TestSourcesBlock:
    """The folded block at the end of a chapter: made of the cells' metadata and of the derivations."""

    def block(self, book) -> str:
        page = html.unescape(re.sub(r"<[^>]+>", "", book.page("vae/5_one").partition("<details")[2].partition("</details>")[0]))
        return re.sub(r"\s+", " ", page)

    def test_lists_what_the_chapter_treats_by_kind(self, book):
        text = self.block(book)
        assert "Sources: 6 entries of the source map" in text
        kinds = ["Systems and algorithms", "Equations and derivations", "Figures and experiments", "Errata"]
        assert [text.index(k) for k in kinds] == sorted(text.index(k) for k in kinds)
        assert "S-41 VAE (the textbook), here" in text and "ERR-004-06 A sum (the textbook: equation 13.17), here" in text
        assert "Questions" not in text and "E-13.27" not in text

    def test_titles_keep_their_mathematics(self, book):
        assert "KL of <math><mi>N</mi></math>" in book.page("vae/5_one")

    def test_leads_to_the_derivation_or_to_the_cell(self, book):
        page = book.page("vae/5_one").partition("<details")[2]
        assert page.count('href="#cell-proof">proved here</a>') == 2, "one of them only the derivation names"
        assert 'href="#cell-claim">here</a>' in page
        assert 'href="#cell-t">here</a>' in page, "the title cell is the last choice"
        assert 'href="#cell-top">here</a>' in page

    def test_is_the_last_thing_of_the_chapter_and_needs_no_script(self, book):
        page = book.page("vae/5_one")
        assert page.index("<details") > page.index('id="cell-note"')
        assert "<details" in page and "open" not in re.search(r"<details[^>]*>", page)[0]

    def test_a_chapter_that_covers_nothing_has_none(self, fresh):
        other = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        other["cells"] = [c | {"metadata": {}} for c in other["cells"] if c["id"] != "proof"]
        fresh.write("book/vae/5_one.ipynb", json.dumps(other))
        assert fresh.build() == ""
        assert "nb-sources" not in fresh.page("vae/5_one")

    def test_a_cell_that_shows_nothing_cannot_cover(self, fresh):
        other = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        other["cells"][1]["source"] = "% nothing but a comment"
        fresh.write("book/vae/5_one.ipynb", json.dumps(other))
        assert "cell-t covers IDs and shows nothing" in fresh.build()


class TestSourceMap:
    def test_covered_by_a_derivation(self, book):
        found = entry(book.page("appendix/source_map"), "E-13.26")
        assert 'href="../vae/5_one.html#cell-proof">One chapter</a>' in found and "nb-mark-proved" in found
        assert "cell-top" not in found, "no second link to a cell that only covers it"

    def test_covered_by_a_cell_of_text(self, book):
        assert 'href="../vae/5_one.html#cell-t"' in entry(book.page("appendix/source_map"), "S-41")

    def test_covered_by_a_cell_of_code(self, book):
        assert 'href="../vae/5_one.html#cell-claim"' in entry(book.page("appendix/source_map"), "E-13.2")

    def test_open_says_where_it_will_be(self, book):
        found = entry(book.page("appendix/source_map"), "E-13.27")
        assert "Open" in found and "vae/9_x" in found and "5_one" not in found

    def test_totals(self, book):
        page = book.page("appendix/source_map")
        rows = re.findall(r"<tr.*?</tr>", page, re.S)
        cells = [[re.sub(r"<.*?>|\s", "", c) for c in re.findall(r"<td.*?</td>", r, re.S)] for r in rows]
        assert ["Equationsandderivations", "3", "2", "1", "1"] in cells
        assert ["Errata", "1", "1", "0", "0"] in cells
        assert ["All", "9", "6", "2", "3"] in cells

    def test_errata_are_quoted_and_translated(self, book):
        page = html.unescape(book.page("appendix/errata"))
        text = re.sub(r"<[^>]+>", "", page)
        assert "1 entries: 0 real errors, 1 misprint, 0 loose." in text
        assert "$a+b$ 是错的" in text and "In English: a+b is wrong" in text and "misprint; equation 13.17" in text
        assert 'href="../vae/5_one.html#cell-note"' in page
        assert "a+b is wrong" not in book.page("appendix/source_map")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"quote": []}, "needs a `quote`, verbatim"),
            ({"lines": [1, 2]}, "needs a `quote`, verbatim"),
            ({"translation": ""}, "a Chinese quotation needs a `translation`"),
            ({"verdict": "wrong mathematics"}, "verdict 'wrong mathematics' is none of"),
            ({"keep": "both"}, "keep 'both' is neither"),
            ({"source": "a blog"}, "source 'a blog' is not among"),
            ({"id": "E-13.2"}, "'E-13.2' is no ID"),
            ({"colour": "red"}, "unexpected keyword argument 'colour'"),
        ],
    )
    def test_a_wrong_erratum_is_named(self, fresh, change, message):
        fresh.write(data.ERRATA, yaml.dump([ERRATUM | change]))
        with pytest.raises(ExtensionError, match=message):
            data.errata(fresh.root)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"id": "X-1"}, "'X-1' is no ID"),
            ({"kind": "thing"}, "kind 'thing' is none of"),
            ({"source": "a blog"}, "source .* is not among"),
            ({"colour": "red"}, "unexpected keyword argument 'colour'"),
            ({"id": "S-41"}, "S-41: this ID is there twice"),
            ({"kind": "erratum"}, "kind 'erratum' is none of"),
            ({"id": "ERR-004-07"}, "'ERR-004-07' is no ID"),
        ],
    )
    def test_a_wrong_entry_is_named(self, fresh, change, message):
        fresh.write(data.SOURCE_MAP, yaml.dump([*MAP, MAP[1] | {"id": "E-13.28"} | change]))
        with pytest.raises(ExtensionError, match=message):
            data.entries(fresh.root)

    @pytest.mark.parametrize(("text", "message"), [(None, "is missing"), ("a: [", "is no YAML"), ("{}", "must hold a list")])
    def test_a_missing_or_broken_file_stops_the_build(self, fresh, text, message):
        (fresh.root / data.SOURCE_MAP).unlink() if text is None else fresh.write(data.SOURCE_MAP, text)
        with pytest.raises(ExtensionError, match=message):
            fresh.build()


class TestPages:
    def test_index_of_proofs(self, book):
        page = book.page("appendix/proofs")
        assert "1 derivations of 3 lines: 0 general, 1 of a special case." in page
        assert "two states" in page
        assert 'href="../vae/5_one.html#cell-proof"' in page and "source_map.html#E-13.26" in page

    def test_index_of_claims(self, book):
        page = book.page("appendix/claims")
        assert "1 claims (1 holds): 0 against a trivial model, 0 that can have none, 1 against nothing yet. 1 checks." in page
        assert "the bound is tight" in page and "gap = 0.1235, k = 500" in page and "nb-mark-holds" in page

    def test_execution_times(self, book):
        page = book.page("appendix/execution")
        for part in ("2 cores, A &lt;CPU&gt;", "240", "2026-01-02", "python 3.11, torch 2.9"):
            assert part in page

    def test_glossary_is_sorted(self, book):
        page = book.page("appendix/glossary")
        assert page.index("discriminator") < page.index("evidence") and "判别器<" in page
        assert "It tells." in page and 'id="term-discriminator"' in page
        assert "证据 *<" in page

    def test_pages_follow_a_chapter_that_is_run_again(self, fresh):
        fresh.build()
        again = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        again["metadata"]["nbdgm"]["seconds"] = 77.0
        fresh.write("book/vae/5_one.ipynb", json.dumps(again))
        fresh.build()
        assert "77" in fresh.page("appendix/execution")

    def test_a_recorded_run_stands_beside_the_stored_one(self, fresh):
        again = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        one = again["cells"][3]
        first = one["outputs"][0]["data"][CLAIM_MIME]
        first["status"] = "not checked"
        others = [("held", "holds"), ("open", "not checked"), ("twin", "not checked")]
        for name, status in others:
            cell = json.loads(json.dumps(one)) | {"id": name}
            told = first["text"] if name == "twin" else name
            cell["outputs"][0]["data"][CLAIM_MIME] = first | {"status": status, "text": told, "values": {}}
            again["cells"].append(cell)
        again["metadata"]["nbdgm"]["hash"] = code_hash(again)
        fresh.write("book/vae/5_one.ipynb", json.dumps(again))
        assert not fresh.build()
        run = again["metadata"]["nbdgm"] | {"budget": "gpu", "device": "A GPU", "seconds": 90.0, "date": "2026-03-04"}
        run["versions"] = dict(reversed(run["versions"].items()))  # the same ones, in another order
        run["claims"] = [
            {"cell": "claim", "text": first["text"], "status": "holds", "values": {"gap": 0.0042}},
            {"cell": "held", "text": "held", "status": "holds", "values": {"known": 5}},
            {"cell": "open", "text": "open", "status": "not checked", "values": {"unknown": 6}},
        ]
        (fresh.root / "tools/data/runs").mkdir()
        record = "tools/data/runs/vae.5_one.gpu.json"
        fresh.write(record, json.dumps(run))
        fresh.build()
        claims, times = fresh.page("appendix/claims"), fresh.page("appendix/execution")
        assert claims.count("nb-mark-not-checked") == 3 and claims.count("nb-mark-holds") == 2
        assert "gap = 0.1235, k = 500; at the gpu budget gap = 0.0042" in claims
        assert "known" not in claims and "unknown" not in claims and claims.count("at the gpu budget") == 1
        assert "A GPU, 1.5 min, 2026-03-04, abc), and checked 2 of 3 claims, all true." in claims
        assert "claims only" in times and "A GPU; 2 cores" in times
        assert "(1)" in times and "(2)" not in times
        fresh.write(record, json.dumps(run | {"claims": [], "failed": "cell 3 failed: too <large>"}))
        fresh.build()
        assert "and stopped: cell 3 failed: too &lt;large&gt;." in fresh.page("appendix/claims")
        fresh.write(record, json.dumps(run | {"hash": "that of other code"}))
        fresh.build()
        assert "2026-03-04" not in fresh.page("appendix/claims") + fresh.page("appendix/execution")
        fresh.write(record, json.dumps(run))
        fresh.build()
        assert "2026-03-04" in fresh.page("appendix/claims")
        (fresh.root / record).unlink()
        fresh.build()
        assert "2026-03-04" not in fresh.page("appendix/claims") + fresh.page("appendix/execution")

    def test_pages_follow_a_change_of_this_extension(self, fresh, monkeypatch):
        fresh.build()
        before = (fresh.root / "out/book/appendix/glossary.html").stat().st_mtime_ns
        fresh.build()
        assert (fresh.root / "out/book/appendix/glossary.html").stat().st_mtime_ns == before
        monkeypatch.setattr(nbdgm_book, "fingerprint", lambda root: "changed")
        fresh.build()
        assert (fresh.root / "out/book/appendix/glossary.html").stat().st_mtime_ns > before


class TestFooter:
    def test_says_where_the_outputs_come_from(self, book):
        page = book.page("vae/5_one")
        assert "were computed on 2 January 2026 in about 4 minutes, without a GPU." in page
        exactly = page.partition("The run, exactly")[2]
        assert "Budget <code>cpu</code>, 4.0 min on 2 cores of A &lt;CPU&gt;; python 3.11, torch 2.9; commit" in exactly
        assert "The code has changed since" not in page
        assert 'href="../appendix/execution.html"' in page

    def test_appendix_has_none(self, book):
        assert "nb-provenance" not in book.page("appendix/glossary")

    def test_stale_and_never_run(self):
        assert "has changed since" in theme.footer({"seconds": 1}, False, "x")
        assert "has not been run" in theme.footer({}, False, "x")

    def test_gpu(self):
        shown = theme.footer({"device": "H200", "cores": 16, "seconds": 5}, True, "x")
        assert "in less than a minute, with a GPU (H200)." in shown and "5 s on 16 cores" in shown

    @pytest.mark.parametrize(("seconds", "said"), [(5, "less than a minute"), (80, "about a minute"), (480, "about 8 minutes")])
    def test_minutes_in_words(self, seconds, said):
        assert theme.minutes(seconds) == said


class TestHead:
    """The first table of a chapter says in words how long a run takes, from the runs that are known."""

    def head(self, fresh) -> str:
        other = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        other["cells"][0]["source"] = (
            "# One chapter\n\n| | |\n|---|---|\n| You need | a |\n| Time | on a GPU: not yet measured |"
        )
        fresh.write("book/vae/5_one.ipynb", json.dumps(other))
        fresh.build()
        return re.search(r"<table.*?</table>", fresh.page("vae/5_one"), re.S)[0]

    def test_from_the_stored_run(self, fresh):
        head = self.head(fresh)
        assert "To run it: about 4 minutes on 2 cores of a laptop" in head and "not yet measured" not in head
        assert "<thead" not in head, "an empty head is read aloud"

    def test_of_a_recorded_run_on_a_gpu_too(self, fresh):
        chapter = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        run = chapter["metadata"]["nbdgm"] | {"budget": "gpu", "device": "A GPU", "seconds": 130.0, "claims": []}
        (fresh.root / "tools/data/runs").mkdir()
        fresh.write("tools/data/runs/vae.5_one.gpu.json", json.dumps(run))
        assert "of a laptop, about 2 minutes on a GPU" in self.head(fresh)


class TestFolding:
    def proofs(self, fresh, *tags: str) -> str:
        other = json.loads((fresh.root / "book/vae/5_one.ipynb").read_text())
        other["cells"][2]["metadata"] = {"tags": ["proof", *tags]}
        fresh.write("book/vae/5_one.ipynb", json.dumps(other))
        assert fresh.build() == ""
        return fresh.page("vae/5_one")

    def test_a_proof_is_one_line_with_its_case_above_derivation_and_code(self, fresh):
        page = self.proofs(fresh)
        summary = re.search(r'<details class="nb-proof"><summary>(.*?)</summary>', page, re.S)[1]
        assert "KL of <math><mi>N</mi></math>" in summary and "proved" in summary and "for two states" in summary
        below = page.partition(summary)[2]
        assert below.index("nbdgm-proof x") < below.index("Checking code") < below.index("cell_input")

    def test_an_open_proof_stands_open(self, fresh):
        assert '<details class="nb-proof" open>' in self.proofs(fresh, "open-proof")


class TestFigures:
    PLOT = '<img alt="D-17: two curves" src="../_images/a.png"/>'
    FILM = '<figure class="nbdgm-film" x><figcaption s>a film</figcaption></figure>'

    def test_plots_and_films_are_numbered_in_one_row(self):
        others = '<img alt="" src="../_images/b.png"/><img alt="logo" src="../_static/x"/>'
        shown = figures.numbered(self.PLOT + self.FILM + others + self.PLOT)
        assert shown.count('<span class="nb-number">Figure ') == 3
        assert '<figcaption><span class="nb-number">Figure 1</span> Two curves.</figcaption></figure>' in shown
        assert '<figcaption s><span class="nb-number">Figure 2</span> a film</figcaption>' in shown
        assert "Figure 3</span> Two curves." in shown

    def test_an_authors_caption_moves_to_its_figure(self):
        own = "<p><strong>Figure 2.</strong> What <em>really</em> moves.</p>\n"
        shown = figures.numbered(self.PLOT + self.FILM + "<p>Between.</p>" + own + "<p>After.</p>")
        assert "Figure 2</span> What <em>really</em> moves.</figcaption></figure><p>Between.</p><p>After.</p>" in shown
        assert "a film" not in shown and "Figure 1</span> Two curves." in shown

    def test_a_film_keeps_the_title_of_its_frame_under_an_authors_caption(self):
        film = self.FILM.replace("</figcaption>", ': <output class="nbdgm-film-title">update 9</output></figcaption>')
        assert film != self.FILM
        shown = figures.numbered(film + "<p><strong>Figure 1.</strong> Digits appear.</p>")
        assert 'Digits appear. Shown: <output class="nbdgm-film-title">update 9</output>.</figcaption>' in shown
        assert shown.count("<output") == 1 and shown.count("Digits appear.") == 1

    def test_what_links_to_a_caption_lead_to_stays(self):
        own = '<p id="cell-read"><strong>Figure 1.</strong> Two lines.</p>\n'
        shown = figures.numbered(self.PLOT + own + "<p>After.</p>")
        assert shown.endswith('Figure 1</span> Two lines.</figcaption></figure><span id="cell-read"></span><p>After.</p>')

    def test_a_caption_without_its_figure_stays(self):
        own = "<p><strong>Figure 7.</strong> Nothing.</p>"
        assert figures.numbered(self.PLOT + own).endswith(own)


def test_a_link_of_one_formula_has_a_name():
    link = '<a class="reference internal" href="x"><math><msub><mi>W</mi><mn>1</mn></msub></math></a>'
    assert 'href="x" aria-label="W  1"><math>' in re.sub(r"   +", "  ", formulas.named(link))
    assert formulas.named(link.replace("<math>", "of <math>")) == link.replace("<math>", "of <math>")


class TestPreviews:
    PAGE = (
        '<p id="p">no</p><div class="math" id="equation-eq-a"><div>a</div><a class="headerlink" href="#x">#</a></div>'
        '<div class="proof theorem admonition" id="thm">T<div id="in">i</div></div><div class="citation" id="id1">C</div>'
    )

    def test_what_is_shown_is_whole_and_has_no_ids(self):
        assert previews.element(self.PAGE, "equation-eq-a") == '<div class="math"><div>a</div></div>'
        assert previews.element(self.PAGE, "thm") == '<div class="proof theorem admonition">T<div>i</div></div>'
        assert previews.element(self.PAGE, "id1") == '<div class="citation">C</div>'

    def test_links_within_its_page_are_words_on_another(self):
        link = '<a class="reference internal" href="#thm">the <em>theorem</em></a>, <a href="x.html#a">more</a>'
        page = f'<div class="proof" id="p"><div>{link}</div></div>'.replace('class="proof"', 'class="proof lemma"')
        assert previews.element(page, "p") == (
            '<div class="proof lemma"><div>the <em>theorem</em>, <a href="x.html#a">more</a></div></div>'
        )

    def test_other_things_are_not_shown(self):
        assert previews.element(self.PAGE, "p") == previews.element(self.PAGE, "nowhere") == ""

    def test_a_page_keeps_what_its_links_to_other_pages_lead_to(self, fresh):
        fresh.write("book/appendix/one.md", "# One\n\n$$a$$ (eq-far)\n")
        fresh.write("book/appendix/two.md", "# Two\n\nSee {eq}`eq-far`.\n")
        fresh.write(
            "index.md",
            (fresh.root / "index.md")
            .read_text()
            .replace("```\n", "", 0)
            .replace("book/vae/5_one", "book/vae/5_one\nbook/appendix/one\nbook/appendix/two"),
        )
        for _ in range(2):  # built again, the page holds it once
            fresh.build()
            page = fresh.page("appendix/two")
            assert page.count('<template data-for="one.html#equation-eq-far"><div class="math">') == 1
            assert page.endswith("</body>\n</html>") or page.rstrip().endswith("</html>")


class TestLive:
    def build(self, fresh, text: str) -> str:
        (fresh.root / "book/_static/live").mkdir(parents=True, exist_ok=True)
        fresh.write("book/_static/live/piles.js", "export default () => {};")
        fresh.write("book/appendix/glossary.md", f"# Glossary\n\n{text}")
        return fresh.build()

    def test_a_figure_has_a_place_and_says_what_to_try(self, fresh):
        assert self.build(fresh, "```{live} piles\nDrag the *earth*.\n```") == ""
        page = fresh.page("appendix/glossary")
        assert re.search(r'<div class="nb-live" data-live="piles">\s*<p>Drag the <em>earth</em>\.</p>\s*</div>', page)

    def test_one_that_is_not_there_is_named(self, fresh):
        assert "there is no live figure 'holes': piles" in self.build(fresh, "```{live} holes\nDrag.\n```")

    def test_one_that_says_nothing_is_refused(self, fresh):
        assert "does not say what to try" in self.build(fresh, "```{live} piles\n```")

    def test_one_can_begin_in_another_state_that_it_knows(self, fresh):
        text = "```{live} piles\n:begin: points\nDrag.\n```"
        (fresh.root / "book/_static/live").mkdir(parents=True, exist_ok=True)
        fresh.write("book/_static/live/piles.js", 'export default (figure) => figure.box.dataset.begin === "points";')
        fresh.write("book/appendix/glossary.md", f"# Glossary\n\n{text}")
        assert fresh.build() == ""
        assert '<div class="nb-live" data-begin="points" data-live="piles">' in fresh.page("appendix/glossary")
        fresh.write("book/appendix/glossary.md", f"# Glossary\n\n{text.replace('points', 'holes')}")
        assert "the live figure 'piles' cannot begin with 'holes'" in fresh.build()


class TestFront:
    MAP = "- {chapter: vae/5, needs: [], at: [0, 0]}"

    def test_the_drawing_leads_to_the_chapters(self, fresh):
        fresh.write("tools/data/book_map.yml", self.MAP)
        fresh.write("book/appendix/glossary.md", "# Glossary\n\n```{book-map}\n```")
        assert fresh.build() == ""
        assert '<a href="../vae/5_one.html" class="nb-vae"><rect' in fresh.page("appendix/glossary")

    def test_a_chapter_that_is_not_drawn_stops_the_build(self, fresh):
        fresh.write("tools/data/book_map.yml", self.MAP.replace("vae/5", "vae/6"))
        fresh.write("book/appendix/glossary.md", "# Glossary\n\n```{book-map}\n```")
        with pytest.raises(ExtensionError, match=r"draws \['vae/6'\] that are no chapters, and lacks \['vae/5'\]"):
            fresh.build()

    def test_boxes_on_each_other_are_found(self):  # a box is 0.95 columns wide, 0.69 rows high
        at = [
            ("a", [0, 0]),
            ("b", [0.9, 0.6]),
            ("c", [0.96, 0]),
            ("d", [0.9, 0.7]),
        ]
        entries = [{"chapter": name, "at": place} for name, place in at]
        assert front.overlaps(entries) == [("a", "b"), ("b", "c"), ("b", "d")]

    def test_a_long_title_is_shown_up_to_its_colon(self):
        assert front.lines("One two three: four") == ["One two three:", "four"]
        assert front.lines("Domain-adversarial auto-encoders") == ["Domain-", "adversarial", "auto-encoders"]
        assert front.lines("A critic: games, actors, inverse reinforcement learning, and more of it") == ["A critic"]

    def test_a_film_that_is_not_there_is_named(self, fresh):
        fresh.write("book/appendix/glossary.md", "# Glossary\n\n```{chapter-film} vae/5 claim\n```")
        assert "vae/5 has no cell 'claim' that stores a film" in fresh.build()


def test_address_is_read_from_pyproject(fresh):
    assert data.owner_and_name(fresh.root) == ("someone", "a-book")


@pytest.mark.parametrize(
    "name", ["E-13.26", "E-13.A1", "E-000-07", "E-002-D7", "E-002-01a", "ERR-004-06", "S-41", "D-01", "F-23", "T-002-1"]
)
def test_ids_are_recognised(name):
    assert ID.findall(f"see {name}, or ({name}).") == [name, name]


@pytest.mark.parametrize("text", ["VERR-004-06", "S-4", "S-411", "E-13.", "UTF-16", "x-S-41", "ISBN-13-26", "E-13.26-x"])
def test_what_only_looks_like_an_id_is_not(text):
    assert ID.findall(text) == []


def test_a_file_that_is_no_notebook(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text('{"cells": []}')
    with pytest.raises(ValueError, match=r"x\.ipynb: not a notebook of format 4"):
        read(path, tmp_path)
