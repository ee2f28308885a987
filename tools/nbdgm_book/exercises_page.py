"""The list of all exercises: each with how it begins, and what it asks for."""

import re
from collections import Counter

import chapters
import exercises
from docutils import nodes
from sphinx.application import Sphinx

from nbdgm_book.pages import BookDirective, heading

SENTENCE = re.compile(r"(?<=[.?!:])(?:\*\*)?\s+(?=[A-Z$*`{(\"“])")
ENOUGH = 170
"""Letters that the sentences of a beginning may have together; the first is taken at any length."""


def beginning(text: str) -> str:
    """How an exercise begins: its first sentences, as many as are short, without citations and displayed formulas."""
    text = re.sub(r"\s*\{cite(?::\w+)?\}`[^`]*`", "", text)
    text = re.sub(r"\{doc\}`([^`<]*?) *<[^`]*`", r"\1", text)
    first, display, _ = text.partition("\n\n")[0].partition("$$")
    first, at = re.sub(r"\s+", " ", first).strip(), 0
    ends = [*(end.start() for end in SENTENCE.finditer(first)), len(first)]
    for end in ends:
        inside = first[:end].count("$") % 2 or first[:end].count("`") % 2
        if not inside and (at == 0 or end <= ENOUGH):
            at = end
    return f"{first[:at]} …" if at == len(first) and (display or first.endswith((",", ":"))) else first[:at]


class ExerciseList(BookDirective):
    """`{exercise-list}`: every exercise by chapter: its number, which is a link, how it begins, what it asks for."""

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        counts: Counter = Counter()
        for chapter in self.book():
            rows = []
            for exercise in exercises.exercises(chapter):
                counts.update(["all", *exercise.kinds])
                title = f"**{exercise.title}.** " if exercise.title else ""
                rows.append([number(exercise), title + beginning(exercise.text), self.kinds(exercise)])
            if rows:
                head = ["exercise", "how it begins", "asks for"]
                found += [heading(self, chapter), self.table(head, rows, ("nb-exercises",))]
        said = ", ".join(f"{counts[kind]} for {articled(kind)}" for kind in exercises.KINDS if counts[kind])
        return [self.paragraph(f"{counts['all']} exercises: {said}; some for more than one."), *found]

    def kinds(self, exercise: exercises.Exercise) -> list[nodes.Node]:
        return [part for kind in exercise.kinds for part in (nodes.Text(" "), self.mark(kind))][1:]


def articled(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def number(exercise: exercises.Exercise) -> str:
    """`Exercise 6.2`, as the pages number it, in MyST."""
    return f"{{ref}}`{exercise.label}`"


class ExerciseKinds(BookDirective):
    """`{exercise-kinds}`: what the marks of the list mean."""

    def run(self) -> list[nodes.Node]:
        listing = nodes.bullet_list()
        met = {kind for _, exercise in of_book(self.book()).values() for kind in exercise.kinds}
        for kind, meaning in exercises.KINDS.items():
            if kind in met:
                listing += nodes.list_item("", self.paragraph([self.mark(kind)], f" {meaning}."))
        return [listing]


def of_book(book: list[chapters.Chapter]) -> dict[str, tuple[chapters.Chapter, exercises.Exercise]]:
    """Label -> (chapter, exercise) of every exercise of the book."""
    return {e.label: (chapter, e) for chapter in book for e in exercises.exercises(chapter)}


def setup(app: Sphinx) -> None:
    app.add_directive("exercise-list", ExerciseList)
    app.add_directive("exercise-kinds", ExerciseKinds)
