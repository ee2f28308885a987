"""Show the stored claims and checks of all chapters again, as `nbdgm.proof` shows them now; their numbers stay.

    python tools/rerender.py            after a change of `nbdgm/proof/verdicts.py`
    python tools/rerender.py --check    list chapters whose stored claims look otherwise; exit 1 if there is one

Derivations are computed again instead: `tools/execute.py --proofs`.
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import CHECK_MIME, CLAIM_MIME, ROOT, paths
from execute import store

sys.path.insert(0, str(ROOT))
from nbdgm.proof import verdicts


def ordered(values: dict, plain: str) -> dict:
    """The numbers in the order in which they were shown: a notebook keeps the JSON sorted."""
    shown = plain.splitlines()[-1] if plain else ""

    def place(name: str) -> int:
        found = list(re.finditer(rf"(?:^|, |: ){re.escape(name)} = ", shown))
        return found[-1].start() if found else len(shown)

    return dict(sorted(values.items(), key=lambda item: place(item[0])))


def text(value: str | list[str]) -> str:
    return "".join(value) if isinstance(value, list) else value


def again(data: dict) -> dict | None:
    """The data of a claim's or a check's output, shown again; None for any other output."""
    mime = next((m for m in (CLAIM_MIME, CHECK_MIME) if m in data), None)
    if mime is None:
        return None
    record = data[mime] | {"values": ordered(data[mime]["values"], text(data.get("text/plain", "")))}
    return {m: v if not isinstance(v, str) else v.splitlines(keepends=True) for m, v in verdicts.again(record, mime).items()}


def rerender(notebook: dict) -> int:
    """Show the stored claims of a notebook again, in place; returns how many changed."""
    changed = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            fresh = again(output.get("data", {}))
            if fresh is not None and fresh != output["data"]:
                output["data"] = fresh
                changed += 1
    return changed


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    stale = 0
    for path in paths(ROOT):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if changed := rerender(notebook):
            stale += 1
            print(f"{path.relative_to(ROOT)}: {changed} claims")
            if "--check" not in arguments:
                store(path, json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
