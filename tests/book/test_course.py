"""What a teacher is given: plans for a course, the list of exercises, the index of ideas, and the edition without solutions."""

import html
import json
import re
import subprocess
from pathlib import Path

import chapters
import exercises
import handout
import nbdgm_book
import nbformat
import pytest
import yaml
from nbdgm_book import course, data, exercises_page, ideas, terms
from sphinx.errors import ExtensionError
from test_extension import CLAIM_MIME, CONF, PROOF_MIME, Book, chapter, output

ROOT = Path(__file__).resolve().parents[2]
CONF_EXERCISES = (
    CONF.replace('"nbdgm_book"]', '"sphinx_exercise", "nbdgm_book"]') + 'exercise_style = "solution_follow_exercise"\n'
)
START, END = "```{{{0}-start}}{1}\n:{2}\n```\n", "```{{{0}-end}}\n```\n\n"


def exercise(label: str, text: str, title: str = "") -> str:
    return START.format("exercise", f" {title}" if title else "", f"label: {label}") + text + "\n" + END.format("exercise")


def solution(label: str, text: str) -> str:
    """The beginning of a solution, which stays open."""
    return START.format("solution", f" {label}", "class: dropdown") + text


ONE = "Is the *evidence* a density? Show it, and say $a. B$ for discriminators that are not asked."
TWO = "Train the model of the chapter a second time. Then count what `it. Left` behind. " + "And a third sentence. " * 5
THREE = "Say in words, with $$x=1$$ in mind, why."


def worked() -> nbformat.NotebookNode:
    """A chapter with three exercises; of their solutions one proves, one trains, one is words."""
    made = chapter()
    proof = {"ids": ["E-13.27"], "scope": "general", "title": "SOLVED title", "lines": [], "status": "proved"}
    claim = {"text": "SOLVED claim", "status": "holds", "values": {}, "needs": "cpu"}
    made.cells[0].source = made.cells[0].source.replace("c | d", "Time | 40 minutes to read; 2 to run")
    made.cells += [
        nbformat.v4.new_markdown_cell(
            "## Exercises\n\nThe discriminator, a discriminator. Evidence.\n\n"
            + exercise("ex-one", ONE)
            + solution("ex-one", "SOLVED words\n"),
            id="ex1",
        ),
        nbformat.v4.new_code_cell(
            "'SOLVED code'",
            id="sol-one",
            metadata={"tags": ["proof"]},
            outputs=[output(PROOF_MIME, proof, "<p>SOLVED output</p>")],
        ),
        nbformat.v4.new_markdown_cell("SOLVED between", id="mid", metadata={"nbdgm": {"covers": ["F-01"]}}),
        nbformat.v4.new_markdown_cell(
            END.format("solution") + exercise("ex-two", TWO, "A title") + solution("ex-two", "SOLVED too\n"), id="ex2"
        ),
        nbformat.v4.new_code_cell(
            "'SOLVED by training'",
            id="sol-two",
            metadata={"tags": ["nbval-ignore-output"]},
            outputs=[output(CLAIM_MIME, claim, '<div class="nbdgm-claim">SOLVED</div>')],
        ),
        nbformat.v4.new_markdown_cell(
            END.format("solution") + exercise("ex-three", THREE) + solution("ex-three", "SOLVED in words\n"), id="ex3"
        ),
        nbformat.v4.new_markdown_cell(END.format("solution") + "## Summary\n\nThe end.", id="end"),
    ]
    made.metadata["nbdgm"]["hash"] = chapters.code_hash(made)
    return made


def second() -> nbformat.NotebookNode:
    """A chapter that needs the first."""
    made = nbformat.v4.new_notebook(metadata=chapter().metadata)
    text = "# Two\n\n## The discriminator\n\n| evidence | a |\n|---|---|\n| evidence | b |\n\n"
    text += (
        "[A discriminator](https://example.org), `discriminator`, $discriminator$. **Evidence**, the evidence. A discriminator."
    )
    made.cells = [nbformat.v4.new_markdown_cell(text, id="top")]
    return made


PLAN = {
    "name": "short",
    "unit": "Week",
    "lessons": [
        {"title": "First", "read": ["vae/5"], "class": ["ex-three"], "home": ["ex-one", "ex-two"]},
        {"title": "Then", "read": ["vae/6", "vae/5"], "home": ["ex-three"]},
    ],
}
MAP = [{"chapter": "vae/5", "needs": [], "at": [0, 0]}, {"chapter": "vae/6", "needs": ["vae/5"], "at": [0, 1]}]
GLOSSARY = [
    {"zh": "判别器", "en": "discriminator", "text": "It tells.", "see": "vae/5"},
    {"zh": "证据", "en": "evidence", "text": "$p(x)$.", "proposed": True},
    {"zh": "手", "en": "hand", "text": "Of no use."},
]


def prepared(root) -> Book:
    made = Book(root)
    made.write("conf.py", CONF_EXERCISES)
    made.write("book/vae/5_one.ipynb", nbformat.writes(worked()))
    made.write("book/vae/6_two.ipynb", nbformat.writes(second()))
    made.write("book/appendix/exercises.md", "# Exercises\n\n```{exercise-kinds}\n```\n\n```{exercise-list}\n```")
    made.write("book/appendix/course_plan.md", "# Plan\n\n```{course-plan} short\n```\n\n```{chapter-needs}\n```")
    made.write("book/appendix/ideas.md", "# Ideas\n\n```{idea-index}\n```")
    made.write(course.COURSES, yaml.dump([PLAN]))
    made.write("tools/data/book_map.yml", yaml.dump(MAP))
    made.write(data.GLOSSARY, yaml.dump(GLOSSARY, allow_unicode=True))
    pages = [p.relative_to(root).with_suffix("").as_posix() for p in sorted((root / "book").rglob("*.*"))]
    made.write("index.md", "# Small\n\n```{toctree}\n:numbered:\n" + "\n".join(pages) + "\n```")
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    made = prepared(tmp_path_factory.mktemp("whole"))
    made.warnings = made.build()
    return made


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    made = prepared(tmp_path_factory.mktemp("handed"))
    made.warnings = made.build(nbdgm_solutions=False)
    return made


@pytest.fixture
def fresh(tmp_path):
    return prepared(tmp_path)


def text(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))


def cells(page: str) -> list[list[str]]:
    """The rows of all tables of a page."""
    rows = re.findall(r"<tr.*?</tr>", page, re.S)
    return [[text(c).strip() for c in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)] for row in rows]


@pytest.mark.parametrize("edition", ["whole", "handed"])
def test_builds_without_warnings(edition, request):
    assert request.getfixturevalue(edition).warnings == ""


class TestExercises:
    def test_each_has_its_number_its_beginning_and_what_it_asks_for(self, whole):
        page = whole.page("appendix/exercises")
        assert [row[0] for row in cells(page)[1:]] == [f"Exercise {n}" for n in self.numbers(page)]
        shown = [row[1:] for row in cells(page)[1:]]
        assert shown[0] == ["Is the evidence a density? Show it, and say a.B for discriminators that are not asked.", "proof"]
        begun = "A title. Train the model of the chapter a second time. Then count what it. Left behind."
        assert shown[1] == [begun + " And a third sentence." * 4, "experiment"]
        assert shown[2] == ["Say in words, with …", "thought"]

    @staticmethod
    def numbers(page: str) -> list[str]:
        found = re.findall(r"Exercise ([\d.]+)", text(page))
        assert len(set(found)) == 3
        return list(dict.fromkeys(found))

    def test_links_lead_to_them(self, whole):
        assert 'href="../vae/5_one.html#ex-two"' in whole.page("appendix/exercises")

    def test_are_counted(self, whole):
        assert "3 exercises: 1 for a proof, 1 for an experiment, 1 for a thought; some" in text(
            whole.page("appendix/exercises")
        )

    def test_the_marks_that_are_met_are_explained(self, whole):
        said = text(whole.page("appendix/exercises"))
        assert "experiment the solution draws random numbers or trains." in said and "calculation" not in said

    def test_citations_and_addresses_leave_the_beginning(self):
        said = "By a law {cite}`a1999b` of {doc}`two things <../x/2_y>` find a way to do it. Go."
        assert exercises_page.beginning(said) == "By a law of two things find a way to do it. Go."

    def test_a_beginning_does_not_end_within_a_formula_or_code(self):
        for inner in ("$a. B$", "`a. B`"):
            said = f"Say of {'very ' * 40}many things whether {inner} is one of them."
            assert exercises_page.beginning(f"{said} And then say why it is one, or is none.") == said

    def test_the_book_has_four_for_each_chapter_and_each_is_solved(self):
        for one in chapters.read_all(ROOT):
            found = exercises.exercises(one)
            assert len(found) >= 4, one.docname
            whole = "".join(chapters.source(c) for c in one.cells if c["cell_type"] == "markdown")
            named = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n:label: (\S+)", whole)
            assert [e.label for e in found] == named, one.docname
            assert all(e.text and exercises_page.beginning(e.text) for e in found), one.docname


class TestHandout:
    def files(self, book) -> list[Path]:
        return [p for p in (book.root / "out").rglob("*") if p.is_file()]

    def test_solutions_are_nowhere(self, whole, handed):
        assert [p for p in self.files(whole) if b"SOLVED" in p.read_bytes()]
        assert [p for p in self.files(handed) if b"SOLVED" in p.read_bytes()] == []

    def test_exercises_and_what_follows_are_there(self, handed):
        page = text(handed.page("vae/5_one"))
        for part in ("Show it, and say", "Train the model", "why.", "Summary", "The end."):
            assert part in page, part
        assert len(cells(handed.page("appendix/exercises"))) == 4

    def test_what_an_exercise_asks_for_is_still_said(self, handed):
        assert [row[2] for row in cells(handed.page("appendix/exercises"))[1:]] == ["proof", "experiment", "thought"]

    def test_a_copy_to_download_has_exercises_only(self, handed):
        copy = json.loads((handed.root / "out/notebooks/vae/5_one.ipynb").read_text())
        words = "".join("".join(c["source"]) for c in copy["cells"])
        assert "Train the model" in words and "The end." in words and "Solution" not in words
        assert not [c["id"] for c in copy["cells"] if c["id"] in ("sol-one", "sol-two", "mid")]

    @pytest.mark.parametrize("edition", ["whole", "handed"])
    def test_no_link_is_dead(self, edition, request):
        book = request.getfixturevalue(edition)
        for path in (book.root / "out/book").rglob("*.html"):
            for address, name in re.findall(r'href="([^"#]*)(?:#([^"]*))?"', path.read_text(encoding="utf-8")):
                target = (path.parent / address.partition("?")[0]).resolve() if address else path
                if "://" not in address:
                    assert target.exists(), (path, address)
                    assert not name or f'id="{name}"' in target.read_text(encoding="utf-8"), (path, address, name)

    def test_what_a_solution_treats_is_treated_by_its_exercise(self, whole, handed):
        def entry(book, name: str) -> str:
            pieces = re.split(r'(?=<div class="[^"]*nb-entry)', book.page("appendix/source_map"))
            return next(piece for piece in pieces if f'id="{name}"' in piece[:200])

        assert 'href="../vae/5_one.html#cell-sol-one"' in entry(whole, "E-13.27")
        for name in ("E-13.27", "F-01"):
            assert 'href="../vae/5_one.html#cell-ex1"' in entry(handed, name) and "proved" not in entry(handed, name)

    def test_its_outputs_belong_to_the_code_all_the_same(self, handed):
        assert "The code has changed since" not in handed.page("vae/5_one")

    def test_says_what_it_is(self, whole, handed):
        title = re.search(r"<title>(.*?)</title>", handed.page("vae/5_one"), re.S)[1]
        assert "without solutions" in title
        assert "without solutions" not in whole.page("vae/5_one")

    def test_the_environment_decides(self, fresh, monkeypatch):
        monkeypatch.setenv("NBDGM_SOLUTIONS", "0")
        assert fresh.build() == ""
        assert "SOLVED" not in fresh.page("vae/5_one")

    def test_the_tool_sets_it_and_moves_what_was_built(self, tmp_path, monkeypatch):
        def build(command, env):
            assert env["NBDGM_SOLUTIONS"] == "0" and "-W" in command and not (tmp_path / "old").exists()
            (tmp_path / "_build/html").mkdir(parents=True)
            (tmp_path / "_build/html/index.html").touch()
            return subprocess.CompletedProcess(command, 0)

        (tmp_path / "old").touch()
        monkeypatch.setattr(handout, "OUT", tmp_path)
        monkeypatch.setattr(handout.subprocess, "run", build)
        assert handout.main() == 0
        assert [p.name for p in tmp_path.iterdir()] == ["html"] and (tmp_path / "html/index.html").exists()

    def test_the_tool_fails_as_the_build_does(self, tmp_path, monkeypatch):
        monkeypatch.setattr(handout, "OUT", tmp_path)
        monkeypatch.setattr(handout.subprocess, "run", lambda command, env: subprocess.CompletedProcess(command, 2))
        assert handout.main() == 2


class TestPlan:
    def test_needs_and_minutes_are_those_of_the_book(self, whole):
        rows = cells(whole.page("appendix/course_plan"))
        assert rows[1][:5] == ["Week 1. First", "One chapter", "–", "40", "4"]
        assert rows[2][:5] == ["Week 2. Then", "Two", "One chapter", "–", "4"]
        assert "3 chapters, 1.3 hours to read, 12 minutes to run." in text(whole.page("appendix/course_plan"))

    def test_exercises_stand_with_what_they_ask_for(self, whole):
        row = cells(whole.page("appendix/course_plan"))[1]
        assert re.fullmatch(r"Exercise [\d.]+ \(thought\)", row[5])
        assert re.fullmatch(r"Exercise [\d.]+ \(proof\); Exercise [\d.]+ \(experiment\)", row[6])

    def test_exercises_stand_beside_their_own_chapter(self, whole):
        rows = cells(whole.page("appendix/course_plan"))
        assert rows[2][6] == "" and re.fullmatch(r"Exercise [\d.]+ \(thought\)", rows[3][6])

    def test_every_chapter_with_what_it_leads_to(self, whole):
        rows = cells(whole.page("appendix/course_plan").partition("to run.")[2])
        assert rows[1] == ["One chapter", "–", "Two", "40", "4", "3"]
        assert rows[2] == ["Two", "One chapter", "–", "–", "4", "0"]

    @pytest.mark.parametrize(
        ("lessons", "message"),
        [
            ([{"title": "x", "read": ["vae/6"]}], "vae/6 needs vae/5, which is not read before it"),
            ([{"title": "x", "read": ["vae/6", "vae/5"]}], "vae/6 needs vae/5"),
            ([{"title": "x", "read": ["vae/7"]}], "vae/7 is no chapter"),
            ([{"title": "x", "read": ["vae/5"], "home": ["ex-four"]}], "ex-four is no exercise of vae/5"),
            ([*PLAN["lessons"], {"title": "x", "read": [], "class": ["ex-one"]}], "ex-one is no exercise of"),
        ],
    )
    def test_a_plan_that_cannot_be_taught_stops_the_build(self, fresh, lessons, message):
        fresh.write(course.COURSES, yaml.dump([PLAN | {"lessons": lessons}]))
        with pytest.raises(ExtensionError, match=message):
            fresh.build()

    def test_a_plan_that_is_not_there_is_named(self, fresh):
        fresh.write("book/appendix/course_plan.md", "# Plan\n\n```{course-plan} long\n```")
        assert "has no plan 'long'" in fresh.build()

    def test_the_plans_of_the_book_can_be_taught(self):
        plans = yaml.safe_load((ROOT / course.COURSES).read_text(encoding="utf-8"))
        needs = {
            e["chapter"]: e["needs"] for e in yaml.safe_load((ROOT / "tools/data/book_map.yml").read_text(encoding="utf-8"))
        }
        labels = {e.label: one.short for one in chapters.read_all(ROOT) for e in exercises.exercises(one)}
        assert [p["name"] for p in plans] == ["twelve-weeks", "six-weeks", "one-evening"]
        assert [len(p["lessons"]) for p in plans] == [12, 6, 3]
        assert [course.faults(p, needs, labels) for p in plans] == [[], [], []]

    def test_every_chapter_says_how_long_it_takes_to_read(self):
        silent = [one.docname for one in chapters.read_all(ROOT) if not 20 <= one.reading <= 90]
        assert silent == []


class TestIdeas:
    def test_the_chapter_that_teaches_comes_first_and_others_that_name_it_often(self, whole):
        page = whole.page("appendix/ideas")
        idea = page.partition("discriminator</a>")[2].partition("</dd>")[0]
        assert "判别器" in idea
        assert re.search(
            r'<strong><a [^>]*href="../vae/5_one.html">One chapter</a></strong>; <a [^>]*href="../vae/6_two.html">', idea
        )

    def test_three_places_are_often_and_two_are_not(self, whole):
        idea = whole.page("appendix/ideas").partition("evidence</a>")[2].partition("</dd>")[0]
        assert "6_two.html" in idea and "5_one.html" not in idea

    def test_what_no_chapter_treats_is_left_to_the_glossary(self, whole):
        assert ">hand</a>" not in whole.page("appendix/ideas") and "hand" in whole.page("appendix/glossary")

    def test_code_and_formulas_are_no_mentions(self):
        told = nbformat.v4.new_markdown_cell(
            "`hand` $hand$ {eq}`hand`\n\n```python\nhand\n```\n\n$$hand$$\n\nA hand.\n\n## Hands"
        )
        one = chapters.Chapter(Path("x"), {"cells": [told]}, "book/vae/5_x")
        assert ideas.mentions(one, terms.Words([{"en": "hand"}])) == {"hand": 1 + ideas.OFTEN}


class TestTerms:
    """A term of the glossary is a link where a chapter first uses it."""

    TERM = r'<span class="nb-term"><a class="reference internal" href="../appendix/glossary.html#term-(\w+)">([^<]*)</a></span>'

    def test_the_first_mention_only_and_not_in_headings_code_or_formulas(self, whole):
        assert re.findall(self.TERM, whole.page("vae/5_one")) == [("discriminator", "discriminator"), ("evidence", "Evidence")]
        page = whole.page("vae/6_two")
        assert re.findall(self.TERM, page) == [("evidence", "Evidence"), ("discriminator", "discriminator")]
        assert f"<strong>{re.search(self.TERM, page)[0]}</strong>" in page

    def test_the_page_keeps_what_the_link_shows(self, whole):
        page = whole.page("vae/6_two")
        card = re.search(r'<template data-for="../appendix/glossary.html#term-evidence">(.*?)</template>', page, re.S)[1]
        assert card.startswith('<div class="nb-term-card">') and " id=" not in card and "headerlink" not in card
        assert "evidence 证据 *" in text(card) and "<math>" in card

    def test_a_card_does_not_lead_on(self, whole):
        card = whole.page("vae/5_one").partition('#term-discriminator"><div')[2].partition("</template>")[0]
        assert "It tells." in card and "<a" not in card and "See" not in card

    def test_pages_of_lists_have_none(self, whole):
        assert "nb-term" not in whole.page("appendix/claims") + whole.page("appendix/glossary")

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("batch normalisation", ["batch normalisation"]),
            ("auxiliary classifier GAN (AC-GAN)", ["auxiliary classifier GAN", "AC-GAN"]),
            ("inference (recognition) network", ["inference network", "recognition network"]),
            ("support (of a law)", []),
        ],
    )
    def test_the_words_that_a_name_says(self, name, found):
        assert terms.spellings({"en": name}) == found
        assert terms.spellings({"en": name, "words": ["other"]}) == ["other"]

    @pytest.mark.parametrize(
        ("said", "found"),
        [
            ("Two critics, a policy, policies.", ["critic", "policy", "policy"]),
            ("Mode-collapse or mode\ncollapse", ["mode collapse", "mode collapse"]),
            ("a critical view, hypercritic, critic-only, x-critic", []),
            ("an ELBO, ELBOs, an elbow, elbo", ["evidence lower bound (ELBO)", "evidence lower bound (ELBO)"]),
            ("the critic's evidence lower bound", ["critic", "evidence lower bound (ELBO)"]),
            ("evidence", ["evidence"]),
        ],
    )
    def test_terms_are_found_in_a_text(self, said, found):
        names = ("critic", "policy", "mode collapse", "evidence", "evidence lower bound (ELBO)")
        words = terms.Words([{"en": name} for name in names])
        assert [name for _, name in words.find(said)] == found

    def test_nothing_is_found_without_terms(self):
        assert list(terms.Words([{"en": "support (of a law)"}]).find("support")) == []


def test_pages_are_made_anew_when_the_reader_of_exercises_changes(tmp_path, monkeypatch):
    for name in ("tools/chapters.py", "tools/exercises.py", "book/references.bib"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before", encoding="utf-8")
    monkeypatch.setattr(nbdgm_book, "ROOT", tmp_path)
    before = nbdgm_book.fingerprint(tmp_path)
    (tmp_path / "tools/exercises.py").write_text("after", encoding="utf-8")
    assert nbdgm_book.fingerprint(tmp_path) != before
