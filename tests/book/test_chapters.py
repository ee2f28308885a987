"""The stored chapters: complete, of the right size, with outputs that belong to their code. Nothing is run here."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chapters import (
    CHECK_MIME,
    CLAIM_MIME,
    ID,
    PROOF_MIME,
    RUNS,
    Chapter,
    covers,
    paths,
    read,
    read_all,
    run_file,
    source,
)
from nbdgm_book import data

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = read_all(ROOT)
IGNORED = "nbval-ignore-output"
TEXTBOOK = re.compile(r"(?<![\w.-])13\.\d{1,2}\b")
FIRST_ARGUMENT = re.compile(r"derivation\(\s*r?([\"'])[^\"']*\1")

each = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))


def code(chapter: Chapter) -> list[dict]:
    return [c for c in chapter.cells if c["cell_type"] == "code"]


def prose(chapter: Chapter) -> str:
    return "\n\n".join(source(c) for c in chapter.cells if c["cell_type"] == "markdown")


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def section(chapter: Chapter, pattern: str) -> str:
    """The text under the heading that matches, up to the next heading of the same or a higher level."""
    found = re.search(rf"^(##+) +({pattern})[^\n]*\n(.*?)(?=^##? |\Z)", prose(chapter), re.M | re.S | re.I)
    assert found, f"no section matches {pattern!r}"
    return found.group(3)


def data_of(output: dict, mime: str) -> str:
    text = output.get("data", {}).get(mime, "")
    return "".join(text) if isinstance(text, list) else text


def test_the_table_of_contents_lists_every_chapter():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [c["file"] for part in toc["parts"] for c in part["chapters"] if not c["file"].startswith("book/appendix/")]
    assert listed == [p.relative_to(ROOT).with_suffix("").as_posix() for p in paths(ROOT)]


def test_set_up_cells_are_identical_and_install_from_the_repository():
    cells = {source(next(c for c in code(chapter) if "setup" in tags(c))) for chapter in CHAPTERS}
    assert len(cells) == 1
    assert f"git+{data.address(ROOT)}" in cells.pop()


def test_chapters_are_small_on_average():
    sizes = [c.path.stat().st_size for c in CHAPTERS]
    assert sum(sizes) / len(sizes) <= 600_000, {c.docname: c.path.stat().st_size for c in CHAPTERS}


def wrong_records(root: Path, chapters: list[Chapter]) -> list[str]:
    """Files in `tools/data/runs` that are not what a run of a chapter's code found at another budget than the stored one."""
    good = set()
    for chapter in chapters:
        for run in chapter.runs:
            if run["budget"] not in ("smoke", chapter.provenance["budget"]):
                good.add(run_file(chapter.docname, run["budget"], root))
    return [file.name for file in sorted((root / RUNS).glob("*")) if file not in good]


def test_recorded_runs_are_of_this_code():
    assert not wrong_records(ROOT, CHAPTERS), "delete these, or run them again: tools/execute.py --record"


def test_a_record_of_other_code_or_of_no_chapter_is_found(tmp_path):
    chapter = CHAPTERS[0]
    copy = tmp_path / f"{chapter.docname}.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(chapter.path.read_bytes())
    kept = run_file(chapter.docname, "gpu", tmp_path)
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"hash": chapter.provenance["hash"], "budget": "gpu"}))
    assert not wrong_records(tmp_path, [read(copy, tmp_path)])
    kept.write_text(json.dumps({"hash": "of other code", "budget": "gpu"}))
    stray, doubled = kept.with_name("vae.99_none.gpu.json"), run_file(chapter.docname, "cpu", tmp_path)
    stray.write_text("{}")
    doubled.write_text(json.dumps({"hash": chapter.provenance["hash"], "budget": "cpu"}))
    assert wrong_records(tmp_path, [read(copy, tmp_path)]) == sorted([doubled.name, kept.name, stray.name])


@each
class TestOutputs:
    def test_belong_to_the_code(self, chapter):
        assert chapter.provenance, "never run: tools/execute.py"
        assert chapter.fresh, "the code changed since the outputs were stored: tools/execute.py"

    def test_are_those_of_a_real_run(self, chapter):
        assert chapter.provenance["budget"] in ("cpu", "gpu")
        assert chapter.provenance["seconds"] <= 600

    def test_say_where_they_come_from(self, chapter):
        wanted = {"budget", "device", "seconds", "cores", "cpu", "versions", "commit", "date", "hash"}
        assert wanted <= chapter.provenance.keys()

    def test_no_errors_and_every_cell_was_run(self, chapter):
        assert not [
            i for i, o in chapter.outputs() if o["output_type"] == "error" and "raises-exception" not in tags(chapter.cells[i])
        ]
        assert not [source(c) for c in code(chapter) if source(c).strip() and c["execution_count"] is None]

    def test_hold_no_noise(self, chapter):
        stored = json.dumps([o for _, o in chapter.outputs()])
        assert not [i for i, o in chapter.outputs() if o.get("name") == "stderr"]
        assert "jupyter.widget" not in stored
        assert not re.findall(r"/(?:root|home|work|tmp)/[\w./-]+", stored), "a path of the machine that ran it"

    def test_at_most_a_megabyte_and_a_half(self, chapter):
        assert chapter.path.stat().st_size <= 1_500_000

    def test_pictures_are_not_compared(self, chapter):
        """Pictures and films depend on training or on the machine; drawn diagrams (SVG) do not."""
        for index, output in chapter.outputs():
            drawn = data_of(output, "image/png") or re.search(
                r"<img[^>]+src=.?data:image/(?!svg)", data_of(output, "text/html")
            )
            assert not drawn or IGNORED in tags(chapter.cells[index]), chapter.cells[index]["id"]

    def test_claims_that_need_a_budget_are_not_compared(self, chapter):
        for record in chapter.claims:
            needs = record.data.get("needs") or record.status == "not checked"
            assert not needs or IGNORED in tags(chapter.cells[record.cell]), chapter.cells[record.cell]["id"]

    def test_derivations_are_compared(self, chapter):
        """A derivation is the same everywhere: pytest --nbval must see it change."""
        assert not [r.anchor for r in chapter.derivations if IGNORED in tags(chapter.cells[r.cell])]

    def test_every_claim_was_put_to_the_test(self, chapter):
        """Only what needs a GPU may be left open, and only by a run without one."""
        beyond = "gpu" if chapter.provenance.get("budget") == "cpu" else None
        left = [
            r.data["text"] for r in chapter.claims if r.status == "not checked" and r.data.get("needs") != (beyond or "none")
        ]
        assert not left


@each
class TestAnatomy:
    def test_begins_with_title_aim_and_needs(self, chapter):
        first = source(chapter.cells[0])
        assert re.match(r"# \S", first)
        assert re.search(r"^\S.{150,}?\n\n", re.sub(r"(?<=\S)\n(?=\S)", " ", first.split("\n", 1)[1].lstrip()), re.M), (
            "one paragraph: what for"
        )
        table = "\n".join(line for line in first.splitlines() if line.startswith("|"))
        assert re.search("prerequisites|you need", table, re.I) and re.search("minutes", table, re.I)

    def test_set_up_comes_next(self, chapter):
        assert {"setup", IGNORED} <= set(tags(chapter.cells[1]))

    def test_size(self, chapter):
        plain = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|:::.*?:::|\(http[^)]*\)", " ", prose(chapter), flags=re.S)
        words = len(re.findall(r"[A-Za-z][A-Za-z'\-]+", plain))
        lines = {c["id"]: source(c).splitlines() for c in code(chapter)}
        assert 1000 <= words <= 2500
        assert 20 <= len(chapter.cells) <= 45
        unfolded = {c["id"]: lines[c["id"]] for c in code(chapter) if not FOLDED & set(tags(c))}
        assert not {name: len(cell) for name, cell in unfolded.items() if len(cell) > 25}
        lines = {c["id"]: lines[c["id"]] for c in code(chapter) if "setup" not in tags(c)}
        wide = {name: w for name, cell in lines.items() if (w := max(map(len, cell), default=0)) > 88}
        assert not wide, "lines of code are at most as wide as a page"

    def test_cells_have_names_of_their_own(self, chapter):
        names = [c["id"] for c in chapter.cells]
        assert len(set(names)) == len(names)

    def test_equations_are_labelled_and_referred_to(self, chapter):
        labels = re.findall(r"\$\$\s*\((eq-[\w-]+)\)", prose(chapter))
        assert len(labels) >= 5 and len(set(labels)) == len(labels)
        assert "{eq}`" in prose(chapter)

    def test_proves_and_claims(self, chapter):
        assert len(chapter.derivations) >= 5
        assert len(chapter.claims) >= 5

    def test_source_notes_are_about_real_errors(self, chapter):
        """A misprint of a source is no subject; what a chapter may speak of is marked so in the data."""
        errata = data.errata(ROOT)
        spoken = {i for i in chapter.ids if i in errata and errata[i].keep == "chapter"}
        noted = [c for c in chapter.cells if "{admonition} Source note" in source(c)]
        assert all(spoken & set(covers(c)) for c in noted), [c["id"] for c in noted]
        assert {i for i in chapter.ids if i.startswith("ERR-")} <= errata.keys()

    def test_no_id_stands_in_the_text(self, chapter):
        """IDs live in derivations' first argument and in cells' metadata: none in prose, titles, reasons, claims, captions."""
        assert ids_in_text(chapter) == []

    def test_at_least_four_exercises_each_with_a_solution_that_runs(self, chapter):
        exercises = re.findall(r"\{exercise-start\}[^`]*?:label: *(\S+)", prose(chapter))
        assert len(exercises) >= 4
        solved, inside = {}, None
        for cell in chapter.cells:
            text = source(cell)
            if cell["cell_type"] == "code":
                if inside:
                    solved[inside] += 1
                    assert cell["execution_count"], "a solution that was not run"
                continue
            for start, end in re.findall(r"\{solution-start\} *(\S+)\n:class: dropdown|(\{solution-end\})", text):
                assert bool(end) == bool(inside), f"{start or 'solution-end'} where {inside or 'nothing'} is open"
                inside = None if end else start
                if inside:
                    solved[inside] = 0
        assert inside is None and set(solved) == set(exercises)
        assert all(solved.values()), solved

    def test_one_exercise_comes_from_the_sources(self, chapter):
        asked = {e.id for e in data.entries(ROOT).values() if e.kind == "question" and e.chapter == chapter.docname}
        assert asked <= chapter.ids

    def test_summary_reading_and_what_comes_next(self, chapter):
        assert len(re.findall(r"^[-*] ", section(chapter, "summary"), re.M)) == 5
        assert len(re.findall(r"\{cite", section(chapter, "further reading"))) >= 3
        assert section(chapter, r"(what comes )?next").strip()

    def test_ids_exist(self, chapter):
        assert chapter.ids <= data.known(ROOT).keys()

    def test_covers_what_the_source_map_plans_for_it(self, chapter):
        planned = {e.id for e in data.entries(ROOT).values() if e.chapter == chapter.docname}
        assert planned and sorted(planned - chapter.ids) == []

    def test_equations_it_owes_are_proved(self, chapter):
        planned = {e.id for e in data.entries(ROOT).values() if e.chapter == chapter.docname and e.kind == "equation"}
        proved = {i for r in chapter.derivations for i in r.ids}
        assert sorted(planned - proved) == []


def ids_in_text(chapter: Chapter) -> list[str]:
    """`cell: ID` for every ID, or equation number of the textbook, that a reader would meet."""
    found = []
    for cell in chapter.cells:
        text = source(cell)
        if cell["cell_type"] == "markdown":
            found += [f"{cell['id']}: {m[0]}" for m in (*ID.finditer(text), *TEXTBOOK.finditer(text))]
        else:
            found += [f"{cell['id']}, code: {name}" for name in ID.findall(FIRST_ARGUMENT.sub("derivation(", text))]
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            said = shown.get(PROOF_MIME) or shown.get(CLAIM_MIME) or shown.get(CHECK_MIME)
            if said:
                texts = [said.get("title", ""), said.get("text", ""), *(line["reason"] for line in said.get("lines", []))]
            else:
                texts = [data_of(output, "text/plain"), *output.get("text", "")]
            found += [f"{cell['id']}, output: {name}" for name in ID.findall("\n".join(texts))]
    return found


def test_an_id_in_the_text_is_found():
    def cell(kind: str, text: str, **more) -> dict:
        return {"cell_type": kind, "id": "x", "metadata": {"nbdgm": {"covers": ["S-41"]}}, "source": text, **more}

    def found(*cells: dict) -> list[str]:
        return ids_in_text(Chapter(Path("x.ipynb"), {"cells": list(cells)}, "book/vae/99_x"))

    claimed = {"data": {CLAIM_MIME: {"text": "E-13.26 holds"}, "text/plain": "E-13.26 holds"}}
    titled = {"data": {PROOF_MIME: {"ids": ["S-41"], "title": "on S-41", "lines": [{"reason": "by E-13.2"}]}}}
    drawn = {"data": {"image/png": "", "text/plain": "[D-01: a picture]"}}
    assert (
        found(
            cell("markdown", "# A title\n\n$x$ and 13 cells, version 3.13.1"), cell("code", "derivation('E-13.26', 'a title')")
        )
        == []
    )
    assert found(cell("markdown", "as in S-41")) == ["x: S-41"]
    assert found(cell("markdown", "the loss 13.33")) == ["x: 13.33"]
    assert found(cell("code", "derivation('E-13.26', 'on E-13.26')", outputs=[])) == ["x, code: E-13.26"]
    assert found(cell("code", "f()  # E-13.2")) == ["x, code: E-13.2"]
    assert found(cell("code", "claim()", outputs=[claimed, drawn])) == ["x, output: E-13.26", "x, output: D-01"]
    assert found(cell("code", "prove()", outputs=[titled])) == ["x, output: S-41", "x, output: E-13.2"]


FOLDED = {"setup", "proof", "hide-input"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))
class TestReadersPath:
    """A picture first, the model early, folded proofs, claims with a null, figures in sequence."""

    def test_a_picture_stands_on_the_first_screen(self, chapter):
        opening = chapter.cells[2]
        assert "hide-input" in tags(opening)
        assert any(data_of(o, "image/png") or "nbdgm-film" in data_of(o, "text/html") for o in opening["outputs"])

    def test_the_first_quarter_trains_in_plain_torch(self, chapter):
        early = "\n".join(source(c) for c in chapter.cells[: len(chapter.cells) // 4 + 1] if c["cell_type"] == "code")
        assert ".backward()" in early and ".step()" in early

    def test_no_more_code_than_a_reader_finishes(self, chapter):
        assert sum(len(source(c).splitlines()) for c in code(chapter) if not FOLDED & set(tags(c))) <= 400

    def test_code_is_formatted_for_the_page(self, chapter, tmp_path):
        """But for the set-up cell, which is the same in every chapter."""
        cells = {c["id"]: source(c) for c in code(chapter) if "setup" not in tags(c)}
        for name, text in cells.items():
            (tmp_path / f"{name}.py").write_text(text + "\n", encoding="utf-8")
        command = [Path(sys.executable).with_name("ruff"), "format", "--isolated", "--line-length", "88", tmp_path]
        subprocess.run(command, check=True, capture_output=True)
        differ = [name for name, text in cells.items() if (tmp_path / f"{name}.py").read_text(encoding="utf-8") != text + "\n"]
        assert not differ, "ruff format --line-length 88"

    def test_no_lambda_is_bound_to_a_name(self, chapter):
        lines = [line for c in code(chapter) if "setup" not in tags(c) for line in source(c).splitlines()]
        plain = "\n".join(lines)
        assert not [
            n.lineno for n in ast.walk(ast.parse(plain)) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Lambda)
        ]

    def test_every_figure_has_a_number_and_a_caption(self, chapter):
        """The text under a figure begins with "**Figure n.**", in sequence."""
        shown = sum(bool(data_of(o, "image/png")) or "nbdgm-film" in data_of(o, "text/html") for _, o in chapter.outputs())
        assert [int(n) for n in re.findall(r"^\*\*Figure (\d+)\.\*\*", prose(chapter), re.M)] == list(range(1, shown + 1))


def test_there_are_chapters():
    assert CHAPTERS and all(read(c.path, ROOT).title for c in CHAPTERS)
