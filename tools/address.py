"""Keep the repository's address in one place: `[project.urls] Repository` in pyproject.toml.

    python tools/address.py                          print the address and every file that repeats it
    python tools/address.py https://host/owner/name  rewrite it everywhere

Colab and Binder buttons are computed from pyproject.toml when the book is built; the set-up cells, the README and the citation
must spell the address out, so they are rewritten here. Chapters keep their outputs: the hash of their code is renewed.
Not for the name of the package, which stays `nbdgm`.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORM = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+")


def address(root: Path = ROOT) -> str:
    """The repository's address, without a trailing slash or `.git`."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def files_with(text: str, root: Path = ROOT) -> list[Path]:
    """The tracked and new (not ignored) files that contain `text`."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = []
    for path in (root / name for name in names if name and name != "requirements.lock"):
        try:
            if text in path.read_text(encoding="utf-8"):
                found.append(path)
        except (UnicodeDecodeError, FileNotFoundError):
            continue
    return found


def rewrite(new: str, root: Path = ROOT) -> list[Path]:
    """Replace the address by `new` in every file; return the files changed.

    Raises:
        ValueError: `new` is not of the form https://host/owner/name.
    """
    new = new.removesuffix("/").removesuffix(".git")
    if not FORM.fullmatch(new):
        raise ValueError(f"the address must look like https://host/owner/name, got {new!r}")
    old = address(root)
    owner_old, owner_new = ("/".join(a.split("/")[3:]) for a in (old, new))
    changed = files_with(owner_old, root)
    for path in changed:
        text = path.read_text(encoding="utf-8")
        fresh = text.replace(old, new)
        for host in ("github/", "gh/"):  # Colab and Binder write owner/name behind a word of their own
            fresh = fresh.replace(host + owner_old, host + owner_new)
        if path.suffix == ".ipynb" and fresh != text:
            sys.path.insert(0, str(ROOT / "tools"))
            from execute import rehash, rehash_runs  # the code changed by the address alone: what it gave stays valid

            fresh = rehash(text, fresh)
            rehash_runs(path, text, fresh, root)
        path.write_text(fresh, encoding="utf-8")
    return [p for p in changed if new in p.read_text(encoding="utf-8")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new", nargs="?", help="the new address, https://host/owner/name")
    arguments = parser.parse_args()
    if arguments.new is None:
        print(address())
        print(*(f"  {p.relative_to(ROOT)}" for p in files_with(address())), sep="\n")
        return
    try:
        for path in rewrite(arguments.new):
            print(f"rewrote {path.relative_to(ROOT)}")
    except ValueError as error:
        sys.exit(f"address.py: {error}")


if __name__ == "__main__":
    main()
