"""Text that a chapter types itself: a name is no statement, so LaTeX that carries a relation is refused."""

from __future__ import annotations

import re

from nbdgm.proof.errors import ProofError

_SIGNS = (
    "le|leq|leqslant|leqq|lt|ge|geq|geqslant|geqq|gt|ne|neq|ll|gg|equiv|approx|approxeq|sim|simeq|cong|gtrsim|lesssim|eqsim|"
    "propto|to|in|notin|doteq|models|vdash|perp|subset|subseteq|prec|succ|preceq|succeq|rightarrow|longrightarrow|Rightarrow|"
    "Longrightarrow|leftarrow|Leftarrow|leftrightarrow|Leftrightarrow|Longleftrightarrow|implies|impliedby|iff|mapsto|uparrow|"
    "downarrow|nearrow|searrow|not|stackrel|overset|xrightarrow|because|therefore|quad|qquad|symbol|char"
)
_WORDS = (
    r"is|are|equals?|vanish\w*|holds?|true|false|zero|positive|negative|never|always|proved|grows?|increas\w+|decreas\w+|"
    r"for all|at most|at least|wherever|where|if|then|so|hence|tends|gap|minimum at|maximum at"
)
SAYS = re.compile(rf"[=<>&#\u2264\u2265\u2260\u2248\u21d2\u21d4\u2192]|\\(?:{_SIGNS})(?![a-zA-Z])|\b(?:{_WORDS})\b")


def refuse_relation(what: str, tex: str) -> None:
    """A name names; what it says is for a line to say. Below a sign (x ~ p, i = 1) and in p(y=1|x) a relation is part of it."""
    if not isinstance(tex, str):
        raise ProofError(f"{what}= is LaTeX, not {tex!r}")
    if not tex.isascii():
        raise ProofError(f"{what}={tex!r}: LaTeX in ASCII only, where every relation can be seen")
    if what == "tex" and re.match(r"\s*(=|\\(?:leq?|geq?|neq?|to|approx|equiv|sim)(?![a-zA-Z]))", tex):
        raise ProofError(f"tex={tex!r} begins with a relation: a line that follows is written with d.line")
    bare = tex
    for _ in range(8):  # from the inside out
        bare = re.sub(r"[_^]\s*\{[^{}]*\}|[_^]\s*[^{\s\\]", "", bare)
        bare = re.sub(
            r"(?<![a-z\\])(\\(?:frac|tfrac|text|mathrm|mathbb|mathcal|operatorname|sqrt))?\{([^{}=<>\\]*)\}", r" \2 ", bare
        )
        bare = re.sub(r"(?<![A-Za-z\\])([A-Za-z])\s*\([^()]*\)", r"\1", bare)
    found = SAYS.search(bare)
    if found:
        raise ProofError(
            f"{what}={tex!r} carries the relation {found.group().strip()!r}: it names the line's expression, and states nothing"
        )
