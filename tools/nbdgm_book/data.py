"""The book's data files (`tools/data/*.yml`), read and checked."""

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
    "erratum": "Errata",
}
SOURCES = {
    "textbook": "the textbook",
    "slides": "the textbook's slides",
    "lecture": "the lecture",
    "gan-qp": "the GAN-QP article",
    "variational-inference": "the variational-inference article",
    "book": "this book",
}
CLASSES = {
    "M": "wrong mathematics",
    "A": "wrong algorithm",
    "D": "dimension or notation",
    "C": "not true as stated",
    "R": "not reproducible",
    "T": "wording",
}
SOURCE_MAP, GLOSSARY, READING = ("tools/data/source_map.yml", "tools/data/glossary.yml", "tools/data/reading.yml")


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
    cls: str = ""
    printed: str = ""
    right: str = ""
    check: str = ""
    errata: tuple[str, ...] = ()
    see: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it stands: the sources' titles and the section."""
        return ", ".join(SOURCES[s] for s in self.source) + (f": {self.where}" if self.where else "")

    @property
    def error(self) -> str:
        """What kind of error an erratum corrects, in words."""
        return " and ".join(CLASSES[c] for c in self.cls.split("/") if c)

    @property
    def tooltip(self) -> str:
        """The title without markup, and the place."""
        return re.sub(r"[$*`\\]", "", self.title) + f" ({self.place})"


def entry(raw: dict) -> Entry:
    """Check one raw entry.

    Raises:
        ValueError: a field is unknown, missing, or holds what it may not.
    """
    fields = {"cls" if k == "class" else k: v for k, v in raw.items()}
    listed = {
        k: tuple([v] if isinstance(v, str) else v or ()) for k in ("source", "errata", "see") for v in [fields.pop(k, None)]
    }
    try:
        made = Entry(**{k: str("" if v is None else v).strip() for k, v in fields.items()}, **listed)
    except TypeError as error:
        raise ValueError(str(error).replace("Entry.__init__() ", "")) from error
    if not ID.fullmatch(made.id):
        raise ValueError(f"{made.id!r} is no ID")
    if made.kind not in KINDS:
        raise ValueError(f"kind {made.kind!r} is none of {', '.join(KINDS)}")
    if not made.source or not set(made.source) <= set(SOURCES):
        raise ValueError(f"source {list(made.source)} is not among {', '.join(SOURCES)}")
    if made.kind == "erratum" and not (made.printed and made.right and set(made.cls.split("/")) <= set(CLASSES)):
        raise ValueError("an erratum needs `printed`, `right` and a `class` of " + ", ".join(CLASSES))
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


@lru_cache(maxsize=4)
def _entries(path: Path, modified: float) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for number, raw in enumerate(load(path.parents[2], SOURCE_MAP), start=1):
        name = raw.get("id", f"entry {number}") if isinstance(raw, dict) else f"entry {number}"
        try:
            made = entry(raw)
        except (ValueError, AttributeError) as error:
            raise ExtensionError(f"{SOURCE_MAP}, {name}: {error}") from error
        if made.id in found:
            raise ExtensionError(f"{SOURCE_MAP}, {name}: this ID is there twice")
        found[made.id] = made
    return found


def entries(root: Path) -> dict[str, Entry]:
    """The source map: ID -> entry, in the file's order.

    Raises:
        ExtensionError: the file is missing or an entry is malformed, and which.
    """
    path = root / SOURCE_MAP
    return _entries(path, path.stat().st_mtime if path.exists() else 0.0)


def address(root: Path) -> str:
    """The repository's address, from the one place where it is kept."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"].rstrip("/")


def owner_and_name(root: Path) -> tuple[str, str]:
    """('nbdgm', 'nbdgm') of https://host/nbdgm/nbdgm."""
    found = re.fullmatch(r"https?://[^/]+/([^/]+)/([^/]+)", address(root))
    if not found:
        raise ExtensionError(f"pyproject.toml: Repository {address(root)!r} is not https://host/owner/name")
    return found.group(1), found.group(2)
