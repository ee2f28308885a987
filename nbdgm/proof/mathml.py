"""TeX to MathML: formulas that every browser, Colab and VS Code draw without a script. Not a TeX system: mathematics only.

The converter is latex2mathml. What it gives is checked (a command that it does not know is an error, not red text), spaced
around the names of functions as TeX does, written with the letters that browsers draw, and freed of wrappers that mean nothing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import lru_cache

MACROS = {"KL": (r"D_{\mathrm{KL}}\left(#1\,\|\,#2\right)", 2), "E": (r"\mathbb{E}", 0), "R": (r"\mathbb{R}", 0)}
"""Name -> (body, number of arguments): the book's own commands."""
SPELLINGS = {
    r"\arg": r"\operatorname{arg}",
    r"\tfrac": r"\frac",
    r"\lVert": r"\Vert",
    r"\rVert": r"\Vert",
    r"\begin{aligned}": r"\begin{split}",
    r"\end{aligned}": r"\end{split}",
}
SIZED = {"langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "Vert": "‖", "vert": "|"}
ESCAPED = {r"\|": "‖", r"\{": "{", r"\}": "}"}
"""What the converter leaves as it is behind a size."""
STYLES = {"script": 0x1D49C, "bold": 0x1D400, "bold-italic": 0x1D468, "double-struck": 0x1D538, "fraktur": 0x1D504}
"""mathvariant -> the code point of its capital A: browsers know letters, but not the attribute."""
HOLES = {  # letters that are older than the rest of their alphabets, which have holes in their places
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
    "fraktur": dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True)),
}
TEXT = re.compile(r"\\text\{[^{}$]*\$[^$]*\$")
OPENING, CLOSING = set("([{⟨⌊⌈|‖"), set(")]}⟩⌋⌉")
SCRIPTS = ("msub", "msup", "msubsup", "munder", "mover", "munderover")
ROWS = ("mrow", "math", "mtd", "msqrt", "mstyle")
LIMITS = ("lim", "max", "min", "sup", "inf", "argmax", "argmin", "det")
THIN = "0.1667em"


@lru_cache(maxsize=4096)
def mathml(tex: str, display: bool = False) -> str:
    r"""The formula as one `<math>` element without a line break; on a line of its own when `display`.

    `\displaystyle` at the beginning sets an inline formula large.

    Raises:
        ValueError: a command that is not known, or braces and environments that do not match.
    """
    from latex2mathml.converter import convert  # 60 ms: only who shows formulas pays

    text = expand(tex.strip())
    while TEXT.search(text):  # mathematics inside words, one formula at a time
        text = TEXT.sub(lambda found: found[0].replace("$", "}", 1).replace("$", r"\text{", 1), text)
    large = text.startswith(r"\displaystyle")
    text = text.removeprefix(r"\displaystyle")
    for old, new in SPELLINGS.items():
        text = re.sub(re.escape(old) + (r"(?![A-Za-z])" if old[-1].isalpha() else ""), lambda _, new=new: new, text)
    text = re.sub(rf"(\\[bB]igg?[lrm]?)\s*\\({'|'.join(SIZED)})(?![A-Za-z])", lambda m: m[1] + SIZED[m[2]], text)
    try:
        found = convert(text, display="block" if display or large else "inline")
        root = ET.fromstring(found.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', ""))
    except Exception as error:
        raise ValueError(f"no MathML for {tex!r}: {error}") from error
    for node in root.iter():
        node.text = ESCAPED.get(node.text or "", node.text)
        if "$" in (node.text or ""):
            raise ValueError(f"a dollar sign in {tex!r}")
        if node.text and re.search(r"\\.", node.text):
            raise ValueError(f"{node.text} is not known, in {tex!r}")
    _letters(root)
    _simplify(root)
    if display or large:
        _limits(root)
    _space(root)
    root.attrib = {"display": "block"} if display else {"displaystyle": "true"} if large else {}
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def expand(tex: str) -> str:
    r"""Replace the book's macros by their bodies: `\E` by `\mathbb{E}`."""
    argument = r"\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
    for name, (body, count) in MACROS.items():

        def put(found: re.Match, body: str = body) -> str:
            for number, given in enumerate(found.groups(), 1):
                body = body.replace(f"#{number}", given)
            return body

        tex = re.sub(rf"\\{name}(?![A-Za-z])" + argument * count, put, tex)
    return tex


def _letters(root: ET.Element) -> None:
    """Letters instead of `mathvariant`, upright words in one piece, brackets as operators, columns by style."""
    for node in root.iter():
        style = node.attrib.pop("mathvariant", "")
        text = node.text or ""
        if style in STYLES and len(text) == 1 and text.isascii() and text.isalpha():
            old = HOLES.get(style, {}).get(text)
            node.text = old or chr(STYLES[style] + ord(text) - (65 if text.isupper() else 71))
        elif style == "normal" and len(text) == 1:
            node.set("mathvariant", "normal")
        if node.tag == "mo" and text == "∞":
            node.tag = "mi"
        if node.tag == "mi" and text and text in "⟨⟩⌊⌋⌈⌉‖":
            node.tag = "mo"
            node.set("stretchy", "false")
        if node.tag == "mo" and text in ("|", "‖") and not node.get("form"):  # a norm, not an operator between two things
            node.attrib |= {"lspace": "0", "rspace": "0"}
        if node.tag == "mi" and text and text in "±∓":
            node.tag = "mo"
        if text == "~" and node.tag in ("mo", "mi"):  # a relation, whatever the converter takes it for
            node.tag, node.text = "mo", "∼"
        if node.tag == "mi" and len(text) == 1 and "Α" <= text <= "Ω":
            node.set("mathvariant", "normal")  # as TeX sets capital Greek
        if node.tag == "mo" and len(text) > 1 and text.isalpha():  # arg, max: names, spaced as such
            node.tag = "mi"
        if node.get("width", "").startswith("negative"):
            node.set("width", "-" + THIN)
        if align := node.attrib.pop("columnalign", ""):
            node.set("style", f"text-align:{align}")
        for useless in ("columnspacing", "rowspacing"):
            node.attrib.pop(useless, None)
        words: list[ET.Element] = []
        for child in node:
            upright = child.tag == "mi" and child.get("mathvariant") == "normal" and (child.text or "").isalpha()
            last = words[-1] if words else None
            if upright and node.tag in ROWS and last is not None and last.get("joined"):
                last.text += child.text
                continue
            if upright and node.tag in ROWS:
                child.set("joined", "yes")
            words.append(child)
        node[:] = words
    for node in root.iter():
        node.attrib.pop("joined", None)
        if node.tag == "mi" and len(node.text or "") > 1:
            node.attrib.pop("mathvariant", None)  # upright anyway


def _limits(node: ET.Element) -> None:
    """In a displayed formula what stands below lim and max stands below, but not in fractions and scripts."""
    under = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
    for child in node:
        if child.tag in under and child[0].tag == "mi" and child[0].text in LIMITS:
            child.tag = under[child.tag]
        elif child.tag in (*ROWS, "mtable", "mtr"):
            _limits(child)


def _simplify(node: ET.Element) -> None:
    """Drop rows that hold one thing, and splice a row into the row around it; fences that grow keep theirs."""
    for child in node:
        _simplify(child)
    flat: list[ET.Element] = []
    for child in node:
        plain = child.tag == "mrow" and not child.attrib and not (child.text or "").strip()
        grows = plain and len(child) > 0 and child[0].get("stretchy") == "true"
        if plain and len(child) == 1:
            flat.append(child[0])
        elif plain and node.tag in ROWS and not grows:
            flat.extend(child)
        elif not (child.tag == "mi" and not child.text and node.tag in ROWS):
            flat.append(child)
    node[:] = flat


def _base(node: ET.Element) -> ET.Element:
    """What a script hangs on."""
    while node.tag in SCRIPTS and len(node):
        node = node[0]
    return node


def _is_name(node: ET.Element) -> bool:
    """The name of a function: log, max with its index."""
    base = _base(node)
    return base.tag == "mi" and len(base.text or "") > 1 and (base.text or "").isascii() and (base.text or "").islower()


def _opens(node: ET.Element) -> bool:
    first = _base(node)
    while first.tag == "mrow" and len(first):
        first = first[0]
    return first.tag == "mo" and (first.text or "") in OPENING


def _space(node: ET.Element) -> None:
    """A thin space on either side of a function's name, but not before a bracket or beside an operator."""
    for child in node:
        _space(child)
    if node.tag not in ROWS:
        return
    spaced: list[ET.Element] = []
    for child in node:
        before = spaced[-1] if spaced else None
        opening = before is None or (before.tag == "mo" and (before.text or "") not in CLOSING | {"!", "′", "|", "‖"})
        if opening and child.tag == "mo" and child.text in ("−", "-", "+", "±", "∓"):
            child.set("form", "prefix")  # a sign, not an operation
        if before is not None and "mspace" not in (before.tag, child.tag):
            after_thing = before.tag != "mo" or (before.text or "") in CLOSING
            if (_is_name(child) and after_thing) or (_is_name(before) and child.tag != "mo" and not _opens(child)):
                spaced.append(ET.Element("mspace", width=THIN))
        spaced.append(child)
    node[:] = spaced
