"""The book without its solutions, for a class: _build/handout/html.

    python tools/handout.py

A second build of the same sources, beside that of `make book`, with warnings as errors; nothing else is changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "_build/handout"


def main() -> int:
    """The command line."""
    shutil.rmtree(OUT, ignore_errors=True)
    build = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    build += ["-W", "--keep-going", "--quiet", "--path-output", str(OUT)]
    status = subprocess.run(build, env=os.environ | {"NBDGM_SOLUTIONS": "0"}).returncode
    if status == 0:
        shutil.move(OUT / "_build/html", OUT / "html")
        shutil.rmtree(OUT / "_build")
        print("open", (OUT / "html/index.html").as_uri())
    return status


if __name__ == "__main__":
    sys.exit(main())
