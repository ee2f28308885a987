"""A copy of the chapters to try things out in: `make lab` opens it, and the book's own notebooks stay as they are.

    python tools/lab.py            fill lab/ with what it lacks, and print what was done

A chapter of lab/ that has been changed there is kept, also when the book's chapter changes; delete it to get the new one.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import ROOT

COPIED = ".copied.json"
"""In lab/: path -> hash of the file as it was copied."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fill(root: Path = ROOT) -> list[str]:
    """Copy every chapter that lab/ lacks, or whose copy nobody changed; returns the paths of those that were kept instead."""
    source, target, kept = root / "book", root / "lab", []
    record = target / COPIED
    copied = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for path in sorted(p for p in source.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts):
        name = path.relative_to(source).as_posix()
        copy = target / name
        fresh = digest(path)
        if copy.exists() and digest(copy) not in (copied.get(name), fresh):
            if copied.get(name) != fresh:
                kept.append(name)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copied[name] = fresh
    target.mkdir(exist_ok=True)
    record.write_text(json.dumps(copied, indent=1), encoding="utf-8")
    return kept


def trust(root: Path = ROOT) -> None:
    """Sign the copies that nobody changed, as `jupyter trust` does: JupyterLab then shows the films' sliders before a run."""
    notary = NotebookNotary()
    for name, fresh in json.loads((root / "lab" / COPIED).read_text(encoding="utf-8")).items():
        path = root / "lab" / name
        if path.exists() and digest(path) == fresh:
            notary.sign(nbformat.read(path, as_version=4))


def main() -> int:
    """The command line."""
    for name in fill():
        print(f"lab/{name} was changed by you and is kept; the book has a newer one")
    trust()
    print("The chapters are in lab/: what you change there stays there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
