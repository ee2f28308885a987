"""Chapters as notebooks that need no Jupyter Book: for Colab, Kaggle, VS Code and GitHub.

    python tools/plain.py                 write _build/notebooks/<part>/<chapter>.ipynb, all chapters
    python tools/plain.py --to DIR vae/5  some chapters, elsewhere

Theorems, exercises, numbers, links and citations, which are MyST in the book's sources, become plain Markdown; solutions and
the code that checks proofs are folded; the set-up cell installs this version of the library wherever it is missing. Outputs
are kept. The numbers are those of the built pages: run `make book` before.
"""

import argparse
import copy
import json
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import ROOT, Chapter, read, source
from execute import select, store

LEFTOVERS = re.compile(r"\{[a-z][\w:-]*\}`|^[`:]{3,}\{|^:(?:label|class|nonumber):|^\([\w-]+\)=$|\$\$ *\((?:eq)-[\w-]+\)", re.M)
"""What must not be left in a plain notebook."""
ENVIRONMENT = "_build/.doctrees/environment.pickle"
INSTALL = re.compile(r'^import sys\nif "google\.colab" in sys\.modules:\n    %pip install -q "(nbdgm @ git\+[^"@]+)"\n', re.M)
"""How a chapter's set-up cell installs the library."""
GENERATED = "Generated from the book's chapter, with everything that is checked there: [{title}]({url})."


@dataclass(frozen=True)
class References:
    """What the built pages know: label -> (page, number), page -> title, key -> (authors, year)."""

    site: str
    revision: str = "main"
    equations: dict[str, tuple[str, str]] = field(default_factory=dict)
    boxes: dict[str, tuple[str, str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    citations: dict[str, tuple[str, str]] = field(default_factory=dict)

    def url(self, docname: str, anchor: str = "") -> str:
        return f"{self.site}{docname}.html" + (f"#{anchor}" if anchor else "")


def environment(root: Path = ROOT):
    """The Sphinx environment that `make book` left.

    Raises:
        SystemExit: the book has not been built.
    """
    import nbdgm_book  # noqa: F401  (what was pickled is found through it)

    built = root / ENVIRONMENT
    if not built.exists():
        sys.exit(f"plain.py: {built} is missing: run `make book` first, the numbers come from the built pages")
    with built.open("rb") as stream:
        return pickle.load(stream)  # our own build's


def references(env, root: Path = ROOT) -> References:
    """What a Sphinx environment knows of numbers and titles."""
    from nbdgm_book import data

    owner, name = data.owner_and_name(root)
    equations, boxes = {}, {}
    for docname, kinds in env.toc_fignumbers.items():
        for kind, numbers in kinds.items():
            for label, number in numbers.items():
                text = ".".join(map(str, number))
                if kind == "displaymath":
                    equations[label.removeprefix("equation-")] = (docname, text)
                else:
                    boxes[label] = (docname, f"{kind.capitalize()} {text}")
    for label, (docname, anchor) in env.domaindata["std"]["anonlabels"].items():
        titled = env.domaindata["std"]["labels"].get(label)
        boxes.setdefault(label, (docname, titled[2] if titled else anchor))
    titles = {docname: title.astext() for docname, title in env.titles.items()}
    return References(f"https://{owner}.github.io/{name}/", revision(root), equations, boxes, titles, citations(root))


def revision(root: Path) -> str:
    """The commit of this book: its notebooks install the library as it was then. `main` outside of git."""
    git = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(git, capture_output=True, text=True) if shutil.which("git") else None
    return found.stdout.strip() if found and found.returncode == 0 else "main"


def citations(root: Path) -> dict[str, tuple[str, str]]:
    """Key -> (family names, year) of every entry of the bibliography."""
    from pybtex.database import parse_file

    found: dict[str, tuple[str, str]] = {}
    if not (root / "book/references.bib").exists():
        return found
    for key, entry in parse_file(root / "book/references.bib").entries.items():
        names = [" ".join(p.last_names).strip("{}") for p in entry.persons.get("author", entry.persons.get("editor", []))]
        short = (
            names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al." if names else key
        )
        found[key] = (short, entry.fields.get("year", "n.d."))
    return found


class Plain:
    """One chapter under way: the state is which solution is open, since a solution may span cells."""

    def __init__(self, chapter: Chapter, known: References) -> None:
        self.chapter, self.known, self.solving = chapter, known, ""

    def notebook(self) -> dict:
        """The chapter as a plain notebook; the chapter itself stays as it is."""
        plain = copy.deepcopy(self.chapter.notebook | {"cells": self.chapter.cells})
        cells = []
        for cell in plain["cells"]:
            cell["source"] = source(cell)
            if cell["cell_type"] == "markdown":
                cell["source"] = self.markdown(cell["source"])
                if not cell["source"].strip():
                    continue
            elif cell["cell_type"] == "code":
                self.code(cell)
            cells.append(cell)
        url = self.known.url(self.chapter.docname)
        about = {"cell_type": "markdown", "id": "about-this-copy", "metadata": {}}
        about["source"] = GENERATED.format(title=self.chapter.title, url=url)
        plain["cells"] = [cells[0], about, *cells[1:]]
        plain["metadata"] = {k: v for k, v in plain["metadata"].items() if k in ("kernelspec", "language_info")}
        return plain

    # --- code

    def code(self, cell: dict) -> None:
        """Fold what is folded on the page, in the way that Jupyter, VS Code and Colab each know."""
        tags = cell["metadata"].get("tags", [])
        title = ""
        if self.solving:
            title = f"Solution: {self.solving}"
        elif "proof" in tags and "open-proof" not in tags:
            title = "The code that checks the proof below"
        elif "hide-input" in tags or "setup" in tags:
            title = "Set-up" if "setup" in tags else "The code of the figure below"
        cell["metadata"] = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.nbdgm.proof+json", None)
            output.get("data", {}).pop("application/vnd.nbdgm.claim+json", None)
            output.get("data", {}).pop("application/vnd.nbdgm.check+json", None)
        if "setup" in tags:
            anywhere = rf'try:\n    import nbdgm\nexcept ImportError:\n    %pip install -q "\1@{self.known.revision}"\n'
            cell["source"] = INSTALL.sub(anywhere, cell["source"])
        if title:
            cell["metadata"] |= {"cellView": "form", "jupyter": {"source_hidden": True}}
            cell["source"] = f"#@title {title}\n{cell['source']}"

    # --- Markdown

    def markdown(self, text: str) -> str:
        text = self.solutions(self.boxes(text))
        text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.M)
        text = re.sub(r"\$\$(.+?)\$\$ *\((eq-[\w-]+)\)", self.equation, text, flags=re.S)
        text = re.sub(r"\{eq\}`([^`]+)`", self.equation_link, text)
        text = re.sub(r"\{(?:prf:ref|ref|numref)\}`(?:([^`<]*?) *<)?([\w-]+)>?`", self.box_link, text)
        text = re.sub(r"\{doc\}`(?:([^`<]*?) *<)?([^`>]+)>?`", self.page_link, text)
        text = re.sub(r"\{cite(?::(\w+))?\}`([^`]+)`", self.citation, text)
        text = re.sub(r"(?<!!)\[([^\]]*)\]\(([^):#\s]+?)\.(?:ipynb|md)(#[^)\s]*)?\)", self.file_link, text)
        for command, body in {r"\E": r"\mathbb{E}", r"\R": r"\mathbb{R}"}.items():
            text = re.sub(re.escape(command) + r"(?![A-Za-z])", lambda _, body=body: body, text)
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def boxes(self, text: str) -> str:
        """Theorems, algorithms, notes and exercises: a bold head, and the text as a quotation."""

        def box(found: re.Match) -> str:
            kind, title, options, body = found["kind"], found["title"].strip(), found["options"], found["body"].strip()
            label = re.search(r":label: *(\S+)", options)
            name = self.known.boxes.get(label[1], ("", ""))[1] if label else ""
            head = name or {"prf:proof": "Proof", "admonition": "", "note": "Note"}.get(kind, kind.split(":")[-1].capitalize())
            head = f"{head} ({title})" if head and title else head or title
            quoted = "\n".join(f"> {line}".rstrip() for line in body.splitlines())
            return f"> **{head}.**\n>\n{quoted}"

        pattern = (
            r"^(?P<fence>[`:]{3,})\{(?P<kind>prf:\w+|admonition|note|tip|warning|important)\}(?P<title>[^\n]*)\n"
            r"(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=fence) *$"
        )
        text = re.sub(pattern, box, text, flags=re.M | re.S)

        def exercise(found: re.Match) -> str:
            label = re.search(r":label: *(\S+)", found[2])
            name = self.known.boxes.get(label[1], ("", "Exercise"))[1] if label else "Exercise"
            return f"**{name}{f' ({found[1].strip()})' if found[1].strip() else ''}.**\n"

        text = re.sub(r"^```\{live\}.*?^```\n?", "", text, flags=re.M | re.S)  # a figure that needs the built page
        text = re.sub(r"^```\{exercise-start\}([^\n]*)\n((?::[^\n]*\n)*)```\n?", exercise, text, flags=re.M)
        return re.sub(r"^```\{exercise-end\}\n```\n?", "", text, flags=re.M)

    def solutions(self, text: str) -> str:
        """The text of a solution folds; its code cells fold by themselves, while one is open."""
        parts = re.split(r"^```\{solution-(start|end)\}([^\n]*)\n(?::[^\n]*\n)*```\n?", text, flags=re.M)
        shown = [self.solved(parts[0])]
        for kind, label, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            self.solving = self.known.boxes.get(label.strip(), ("", "Exercise"))[1] if kind == "start" else ""
            shown.append(self.solved(body))
        return "\n".join(shown)

    def solved(self, text: str) -> str:
        if not self.solving or not text.strip():
            return text
        return f"<details><summary>Solution: {self.solving}</summary>\n\n{text.strip()}\n\n</details>\n"

    def equation(self, found: re.Match) -> str:
        number = self.known.equations.get(found[2], ("", ""))[1]
        return f"$${found[1].rstrip()}\\tag{{{number}}}$$" if number else f"$${found[1]}$$"

    def equation_link(self, found: re.Match) -> str:
        docname, number = self.known.equations[found[1]]
        return (
            f"({number})"
            if docname == self.chapter.docname
            else f"[({number})]({self.known.url(docname, 'equation-' + found[1])})"
        )

    def box_link(self, found: re.Match) -> str:
        docname, name = self.known.boxes[found[2]]
        name = found[1] or name
        return name if docname == self.chapter.docname else f"[{name}]({self.known.url(docname, found[2])})"

    def page(self, target: str) -> str:
        """The docname that a relative path means."""
        if target.startswith("/"):
            return target.lstrip("/")
        whole = (Path("/") / self.chapter.docname).parent / target
        parts: list[str] = []
        for part in whole.parts[1:]:
            parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
        return "/".join(parts)

    def page_link(self, found: re.Match) -> str:
        docname = self.page(found[2])
        return f"[{found[1] or self.known.titles[docname]}]({self.known.url(docname)})"

    def file_link(self, found: re.Match) -> str:
        docname = self.page(found[2])
        return f"[{found[1] or self.known.titles[docname]}]({self.known.url(docname, (found[3] or '').lstrip('#'))})"

    def citation(self, found: re.Match) -> str:
        style, links = found[1] or "p", []
        for key in re.split(r"\s*,\s*", found[2].strip()):
            who, year = self.known.citations[key]
            text = f"{who} ({year})" if style == "t" else f"{who}, {year}"
            links.append(f"[{text}]({self.known.url('book/appendix/bibliography')})")
        return ", ".join(links) if style == "t" else f"({'; '.join(links)})"


def leftovers(notebook: dict) -> list[str]:
    """What of MyST is still in the Markdown of a plain notebook."""
    return [m.group() for c in notebook["cells"] if c["cell_type"] == "markdown" for m in LEFTOVERS.finditer(source(c))]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; exit status 1 when something of MyST is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="paths or parts of paths; default: all")
    parser.add_argument("--to", type=Path, default=root / "_build/notebooks", help="default: %(default)s")
    options = parser.parse_args(arguments)
    known, left = references(environment(root), root), 0
    for path in select(options.chapters, root):
        plain = Plain(read(path, root), known).notebook()
        target = options.to / path.relative_to(root / "book")
        target.parent.mkdir(parents=True, exist_ok=True)
        store(target, json.dumps(plain, ensure_ascii=False, indent=1) + "\n")
        for text in leftovers(plain):
            left += 1
            print(f"{path.relative_to(root)}: left over: {text}", file=sys.stderr)
    print(f"plain notebooks are in {options.to}")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
