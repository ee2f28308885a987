"""Plans for a course, and what each chapter needs.

A plan (`tools/data/courses.yml`) names chapters and exercises, in order. What a chapter needs comes from the map of the front
page, how long it takes from the chapter itself; a plan that reads a chapter before what it needs stops the build.
"""

import yaml
from chapters import Chapter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from nbdgm_book.exercises_page import number, of_book
from nbdgm_book.front import MAP
from nbdgm_book.pages import BookDirective

COURSES = "tools/data/courses.yml"
USES = ("class", "home")
"""What an exercise of a plan is for: the lesson, or the days after it."""


def running(chapter: Chapter) -> int:
    """The minutes that the stored run took, at least one; 0 for a chapter that was not run without a GPU."""
    about = chapter.provenance
    return max(1, round(about["seconds"] / 60)) if about.get("budget") == "cpu" and "seconds" in about else 0


def faults(plan: dict, needs: dict[str, list[str]], labels: dict[str, str]) -> list[str]:
    """What is wrong with a plan. `needs`: chapter -> chapters; `labels`: exercise -> its chapter."""
    found, read = [], set()
    for week in plan["lessons"]:
        for short in week["read"]:
            if short not in needs:
                found.append(f"{short} is no chapter")
                continue
            found += [f"{short} needs {need}, which is not read before it" for need in needs[short] if need not in read]
            read.add(short)
        for label in (label for use in USES for label in week.get(use, [])):
            if labels.get(label) not in week["read"]:
                found.append(f"{label} is no exercise of {', '.join(week['read'])}")
    return found


class CourseDirective(BookDirective):
    """What both directives know: the chapters by their short names, and what each needs."""

    def needs(self) -> dict[str, list[str]]:
        self.env.note_dependency(str(self.root / MAP))
        entries = yaml.safe_load((self.root / MAP).read_text(encoding="utf-8"))
        return {entry["chapter"]: entry["needs"] for entry in entries}

    def linked(self, shorts: list[str], known: dict[str, Chapter]) -> list[nodes.Node]:
        """Links to chapters, with commas; a dash where there are none."""
        links = [self.link(known[s].docname, "", known[s].title) for s in shorts if s in known]
        return [part for link in links for part in (nodes.Text(", "), link)][1:] or [nodes.Text("–")]

    def minutes(self, count: int) -> str:
        return str(count) if count else "–"


class CoursePlan(CourseDirective):
    """`{course-plan} name`: a plan as a table, a chapter a row."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        plan = next((p for p in self.read(COURSES) if p["name"] == self.arguments[0]), None)
        if plan is None:
            raise self.error(f"{COURSES} has no plan {self.arguments[0]!r}")
        book, needs = self.book(), self.needs()
        known, every = {c.short: c for c in book}, of_book(book)
        wrong = faults(plan, needs, {label: chapter.short for label, (chapter, _) in every.items()})
        if wrong:
            raise ExtensionError(f"{COURSES}, {plan['name']}: {'; '.join(wrong)}")
        rows, reading, run = [], 0, 0
        for count, lesson in enumerate(plan["lessons"], start=1):
            for place, short in enumerate(lesson["read"]):
                chapter = known[short]
                title = f"**{plan['unit']} {count}.** {lesson['title']}" if place == 0 else ""
                suits = [self.suiting(lesson.get(use, []), short, every) for use in USES]
                reading, run = reading + chapter.reading, run + running(chapter)
                times = [self.minutes(chapter.reading), self.minutes(running(chapter))]
                link = [self.link(chapter.docname, "", chapter.title)]
                rows.append([title, link, self.linked(needs[short], known), *times, *suits])
        head = [plan["unit"].lower(), "chapter", "needs", "min. to read", "to run", "in class", "at home"]
        total = f"{len(rows)} chapters, {reading / 60:.1f} hours to read, {run} minutes to run."
        return [self.table(head, rows, ("nb-course",)), self.paragraph(total)]

    def suiting(self, labels: list[str], short: str, every: dict) -> list[nodes.Node]:
        """The exercises of a lesson that belong to one of its chapters: numbers that are links, and what they ask for."""
        found: list[nodes.Node] = []
        for label in labels:
            chapter, exercise = every[label]
            if chapter.short == short:
                found += [nodes.Text("; ")] if found else []
                found += self.inline(f"{number(exercise)} ({', '.join(exercise.kinds)})")
        return found


class ChapterNeeds(CourseDirective):
    """`{chapter-needs}`: of every chapter what it needs, what needs it, its minutes, the number of its exercises."""

    def run(self) -> list[nodes.Node]:
        book, needs = self.book(), self.needs()
        known, every = {c.short: c for c in book}, of_book(book)
        rows = []
        for chapter in book:
            after = [short for short, before in needs.items() if chapter.short in before]
            count = sum(of is chapter for of, _ in every.values())
            link = [self.link(chapter.docname, "", chapter.title)]
            times = [self.minutes(chapter.reading), self.minutes(running(chapter))]
            rows.append([link, self.linked(needs.get(chapter.short, []), known), self.linked(after, known), *times, str(count)])
        head = ["chapter", "needs", "leads to", "min. to read", "to run", "exercises"]
        return [self.table(head, rows, ("nb-course",))]


def setup(app: Sphinx) -> None:
    app.add_directive("course-plan", CoursePlan)
    app.add_directive("chapter-needs", ChapterNeeds)
