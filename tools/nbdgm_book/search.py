"""What the search page searches: the sections of the book, as a script, so that it works from files too.

Sphinx's own index knows pages and one spelling. Here each section is a document, with the words of its title and of its page's
title counting for more; spellings and synonyms are made one in `book/_static/search/search.js`. No other page loads any of it.
"""

import json
import re
from pathlib import Path

import chapters
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from nbdgm_book import data

INDEX = "_static/search/sections.js"
LISTS = ("proofs", "claims", "execution", "api", "bibliography", "source_map", "errata", "notation")
LISTS += ("ideas", "exercises", "course_plan")
"""Pages of lists: found, but after the chapters."""
SKIPPED = (nodes.literal_block, nodes.raw, nodes.math_block, nodes.comment, nodes.image)


def has_title(node: nodes.Node) -> bool:
    """Is this a section of its own? Those inside exercises and solutions have no title."""
    return isinstance(node, nodes.section) and bool(len(node)) and isinstance(node[0], nodes.title)


def text_of(section: nodes.Element) -> str:
    """The words of a section without those of the sections below it, without code and formulas."""
    words: list[str] = []

    def walk(node: nodes.Node) -> None:
        for child in node.children:
            if (
                has_title(child)
                or "nb-glossary" in getattr(child, "attributes", {}).get("classes", ())
                or isinstance(child, SKIPPED)
                or (isinstance(child, nodes.title) and node is section)
            ):
                continue
            if isinstance(child, nodes.Text) and not isinstance(node, nodes.math):
                words.append(str(child))
            else:
                walk(child)

    walk(section)
    return re.sub(r"\s+", " ", " ".join(words)).strip()


def taught(app: Sphinx) -> dict[str, list[str]]:
    """The address of each chapter -> the terms of the glossary that it teaches."""
    found: dict[str, list[str]] = {}
    if not (Path(app.srcdir) / data.GLOSSARY).exists():
        return found
    addresses = {chapters.short(name): app.builder.get_target_uri(name) for name in app.env.found_docs}
    for term in data.load(Path(app.srcdir), data.GLOSSARY):
        if term.get("see") in addresses:
            found.setdefault(addresses[term["see"]], []).append(str(term["en"]))
    return found


def sections(app: Sphinx) -> list[dict]:
    """Every section of every page: where it is, its title, its page's title, its words, and whether it is the page's first."""
    found = []
    terms = taught(app)
    for docname in sorted(app.env.found_docs):
        doctree = app.env.get_doctree(docname)
        page = app.env.titles[docname].astext() if docname in app.env.titles else docname
        number = app.env.toc_secnumbers.get(docname, {}).get("", ())
        for section in doctree.findall(has_title):
            top = isinstance(section.parent, nodes.document)
            anchor = "" if top else "#" + (section["ids"] or [""])[0]
            for term in section.findall(nodes.term):
                if term["ids"] and term["ids"][0].startswith("term-"):
                    url = f"{app.builder.get_target_uri(docname)}#{term['ids'][0]}"
                    name, text = term.astext(), term.parent[1].astext()
                    found.append(
                        {"id": len(found), "url": url, "title": name, "page": page, "number": "", "term": True, "text": text}
                    )
            found.append(
                {
                    "id": len(found),
                    "url": app.builder.get_target_uri(docname) + anchor,
                    "title": section[0].astext(),
                    "page": page,
                    "number": ".".join(map(str, number)),
                    "top": top,
                    "taught": "; ".join(terms.get(app.builder.get_target_uri(docname), [])) if top else "",
                    "late": docname.removeprefix("book/appendix/") in LISTS,
                    "text": text_of(section),
                }
            )
    return found


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Write the sections where the search page looks for them."""
    if error or app.builder.format != "html":
        return
    target = Path(app.outdir) / INDEX
    target.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(sections(app), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    target.write_text(f"window.nbdgmSections={data};\n", encoding="utf-8")


def own_template(app: Sphinx, config: Config) -> None:
    config.templates_path = [*config.templates_path, str(Path(__file__).parent / "templates")]


def setup(app: Sphinx) -> None:
    app.connect("config-inited", own_template)
    app.connect("build-finished", write_index)
