"""The book's data files (`tools/data/*.yml`), read and checked: source map, errata, glossary, reading list."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from chapters import ID
from sphinx.errors import ExtensionError

KINDS = {
    "system": "Systems and algorithms",
    "equation": "Equations and derivations",
    "table": "Tables",
    "figure": "Figures and experiments",
    "question": "Questions",
    "beyond": "Beyond the sources",
}
SOURCES = {
    "textbook": "the textbook",
    "slides": "the textbook's slides",
    "lecture": "the lecture",
    "gan-qp": "the GAN-QP article",
    "variational-inference": "the variational-inference article",
    "book": "this book",
    "papers": "papers",
}
VERDICTS = ("real error", "misprint", "loose")
SOURCE_MAP, ERRATA = "tools/data/source_map.yml", "tools/data/errata.yml"
GLOSSARY, READING = "tools/data/glossary.yml", "tools/data/reading.yml"
EXCERPTS = "tools/data/excerpts"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Entry:
    """One entry of the source map; the head of `tools/data/source_map.yml` says what each field means."""

    id: str
    kind: str
    title: str
    source: tuple[str, ...]
    text: str = ""
    where: str = ""
    chapter: str = ""
    tex: str = ""
    status: str = ""
    measure: str = ""
    tier: str = ""
    errata: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()  # keys of the bibliography

    @property
    def place(self) -> str:
        """Where it stands: the sources' titles and the section; of what papers teach, the paper and its section."""
        if self.source == ("papers",):
            return self.where
        return ", ".join(SOURCES[s] for s in self.source) + (f": {self.where}" if self.where else "")


@dataclass(frozen=True)
class Erratum:
    """One erratum; the head of `tools/data/errata.yml` says what each field means."""

    id: str
    source: str
    title: str
    where: str
    quote: tuple[str, ...]
    lines: tuple[int, ...]
    verdict: str
    sentence: str
    keep: str
    chapter: str
    translation: str = ""
    names: tuple[str, ...] = ()
    kind: str = "erratum"

    @property
    def place(self) -> str:
        """The source's title and the section."""
        return f"{SOURCES[self.source]}: {self.where}"


def entry(raw: dict) -> Entry:
    """Check one raw entry of the source map.

    Raises:
        ValueError: a field is unknown, missing, or holds what it may not.
    """
    made = _filled(Entry, raw, ("source", "errata", "see", "papers"))
    if made.kind not in KINDS:
        raise ValueError(f"kind {made.kind!r} is none of {', '.join(KINDS)}")
    if not made.source or not set(made.source) <= set(SOURCES):
        raise ValueError(f"source {list(made.source)} is not among {', '.join(SOURCES)}")
    return made


def erratum(raw: dict) -> Erratum:
    """Check one raw erratum: without the source's own words it is none.

    Raises:
        ValueError: a field is unknown, missing, or holds what it may not.
    """
    made = _filled(Erratum, raw, ("quote", "lines", "names"))
    if not made.quote or not all(made.quote) or len(made.quote) != len(made.lines):
        raise ValueError("an erratum needs a `quote`, verbatim, and its line in `lines`")
    if made.source not in SOURCES:
        raise ValueError(f"source {made.source!r} is not among {', '.join(SOURCES)}")
    if made.verdict not in VERDICTS:
        raise ValueError(f"verdict {made.verdict!r} is none of {', '.join(VERDICTS)}")
    if made.keep not in ("chapter", "appendix"):
        raise ValueError(f"keep {made.keep!r} is neither chapter nor appendix")
    if CHINESE.search("".join(made.quote)) and not made.translation:
        raise ValueError("a Chinese quotation needs a `translation`")
    return made


def _filled(kind: type, raw: dict, listed: tuple[str, ...]):
    """`kind` made of the raw fields: texts stripped, those named in `listed` as tuples."""
    fields = {k: str("" if v is None else v).strip() for k, v in raw.items() if k not in listed}
    fields |= {k: tuple([v] if isinstance(v, str) else v or ()) for k in listed if (v := raw.get(k)) is not None}
    if kind is Entry:
        fields.setdefault("source", ())
    try:
        made = kind(**fields)
    except TypeError as error:
        raise ValueError(str(error).replace(f"{kind.__name__}.__init__() ", "")) from error
    if not ID.fullmatch(made.id) or made.id.startswith("ERR-") != (kind is Erratum):
        raise ValueError(f"{made.id!r} is no ID")
    return made


def load(root: Path, name: str) -> list:
    """A YAML list.

    Raises:
        ExtensionError: the file is missing, no YAML, or no list.
    """
    path = root / name
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        raise ExtensionError(f"{name} is missing: the appendix is built from it") from None
    except yaml.YAMLError as error:
        raise ExtensionError(f"{name} is no YAML: {error}") from error
    if not isinstance(content, list) or not content:
        raise ExtensionError(f"{name} must hold a list, and not an empty one")
    return content


@lru_cache(maxsize=8)
def _checked(path: Path, modified: float, name: str, make) -> dict:
    found: dict = {}
    for number, raw in enumerate(load(path, name), start=1):
        which = raw.get("id", f"entry {number}") if isinstance(raw, dict) else f"entry {number}"
        try:
            made = make(raw)
        except (ValueError, AttributeError) as error:
            raise ExtensionError(f"{name}, {which}: {error}") from error
        if made.id in found:
            raise ExtensionError(f"{name}, {which}: this ID is there twice")
        found[made.id] = made
    return found


def _all(root: Path, name: str, make) -> dict:
    path = root / name
    return _checked(root, path.stat().st_mtime if path.exists() else 0.0, name, make)


def entries(root: Path) -> dict[str, Entry]:
    """The source map: ID -> entry, in the file's order.

    Raises:
        ExtensionError: the file is missing or an entry is malformed, and which.
    """
    return _all(root, SOURCE_MAP, entry)


def errata(root: Path) -> dict[str, Erratum]:
    """The errata: ID -> erratum, in the file's order.

    Raises:
        ExtensionError: the file is missing or an erratum is malformed, and which.
    """
    return _all(root, ERRATA, erratum)


def known(root: Path) -> dict[str, Entry | Erratum]:
    """All that has an ID."""
    return entries(root) | errata(root)


def address(root: Path) -> str:
    """The repository's address, from the one place where it is kept."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"].rstrip("/")


def owner_and_name(root: Path) -> tuple[str, str]:
    """('nbdgm', 'nbdgm') of https://host/nbdgm/nbdgm."""
    found = re.fullmatch(r"https?://[^/]+/([^/]+)/([^/]+)", address(root))
    if not found:
        raise ExtensionError(f"pyproject.toml: Repository {address(root)!r} is not https://host/owner/name")
    return found.group(1), found.group(2)
