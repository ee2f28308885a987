"""Live figures: places where a reader may run a model in the page; the models are the modules in `book/_static/live`.

For what a page may show when a reader asks. Not for anything that the text needs: without JavaScript, on paper and in a plain
notebook nothing of it is seen, so the figure above it has to say what the text says.
"""

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.application import Sphinx

MODULES = "book/_static/live"


class live(nodes.General, nodes.Element):
    """A box that becomes a figure when its button is pressed."""


class Live(Directive):
    """`{live} name`: the live figure `book/_static/live/name.js`; the content says, in a sentence or two, what to try.

    `:begin: word` opens it in another state, one that the module knows by this word (it reads `figure.box.dataset.begin`).

    Raises:
        DirectiveError: there is no such module, it does not know the word, or nothing is said.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict] = {"begin": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        name, root = self.arguments[0], Path(env.srcdir)
        if not (root / MODULES / f"{name}.js").exists():
            there = ", ".join(sorted(p.stem for p in (root / MODULES).glob("*.js") if p.stem != "live"))
            raise self.error(f"there is no live figure {name!r}: {there or 'none is there'}")
        if not self.content:
            raise self.error(f"the live figure {name!r} does not say what to try")
        begin = self.options.get("begin", "")
        if begin and f'"{begin}"' not in (root / MODULES / f"{name}.js").read_text(encoding="utf-8"):
            raise self.error(f"the live figure {name!r} cannot begin with {begin!r}")
        box = live(figure=name, begin=begin)
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def visit(translator, node: live) -> None:
    begin = {"data-begin": node["begin"]} if node["begin"] else {}
    translator.body.append(translator.starttag(node, "div", CLASS="nb-live", **{"data-live": node["figure"]}, **begin))


def depart(translator, node: live) -> None:
    translator.body.append("</div>\n")


def skip(translator, node: live) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    skipped = (skip, None)
    app.add_node(live, html=(visit, depart), latex=skipped, text=skipped, man=skipped, texinfo=skipped)
    app.add_directive("live", Live)
