"""Formulas become MathML when a page is built: a reader's browser draws them without a script."""

import html
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from nbdgm.proof.mathml import mathml

logger = logging.getLogger(__name__)
INLINE = re.compile(r"\\\((.+?)\\\)", re.S)


def formula(tex: str, display: bool, node: nodes.Node) -> str:
    """The formula as MathML; one that does not convert is shown as it was written, with a warning that fails the build."""
    try:
        return mathml(tex, display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{html.escape(tex)}</code>"


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(formula(node.astext(), False, node))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(f'<div class="nb-display">{formula(node.astext(), True, node)}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


class OutputFormulas(SphinxPostTransform):
    """Formulas in stored HTML (tables, older outputs) as well."""

    default_priority = 300

    def run(self, **_: object) -> None:
        for node in self.document.findall(nodes.raw):
            if node.get("format") == "html" and "\\(" in node.astext():
                text = INLINE.sub(lambda found, at=node: formula(html.unescape(found[1]), False, at), node.astext())
                node[:] = [nodes.Text(text)]


NAMELESS = re.compile(r"(<a class=\"reference[^>]*)>(<math(?:(?!</a>).)*</math>)</a>", re.S)
"""A link whose words are one formula."""


def named(body: str) -> str:
    """Links of nothing but a formula get a name that can be read aloud."""
    return NAMELESS.sub(lambda m: f'{m[1]} aria-label="{re.sub(r"<[^>]+>", " ", m[2]).strip()}">{m[2]}</a>', body)


def name_links(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    if "body" in context:
        context["body"] = named(context["body"])


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.add_post_transform(OutputFormulas)
    app.connect("html-page-context", name_links, priority=900)
