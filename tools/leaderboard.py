"""The leaderboard: the table of "Side by side", over more seeds than the chapter has room for.

    python tools/leaderboard.py              the stored run alone: nothing is run
    python tools/leaderboard.py --seeds 2    and two more runs of the chapter, with other seeds

The chapter leaves its table as data in an output of its own. Each run trains every family anew, at three budgets with three
seeds. A run that `replicate.py` has made of this very code is taken from its record and not made again. Median and
range over all of them go to `tools/data/leaderboard.json`, and the appendix page is built from that.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import execute
from chapters import ROOT, Chapter, code_hash, left_board, read
from replicate import ways

CHAPTER = "book/beyond/4_side_by_side.ipynb"
STORE = execute.LEADERBOARD


def board_of(notebook: dict) -> dict:
    """The table that a run of the chapter left (`chapters.left_board`).

    Raises:
        ValueError: the run left none.
    """
    found = left_board(notebook)
    if not found:
        raise ValueError("the chapter left no table: run it first, tools/execute.py beyond/4")
    return found


def joined(boards: list[dict]) -> dict:
    """Row -> column -> [median, lowest, highest, count] over all seeds of all runs; where there is no number, no entry.

    Raises:
        ValueError: no board, or boards of different columns.
    """
    if not boards or any(board["columns"] != boards[0]["columns"] for board in boards):
        raise ValueError("expected one or more tables with the same columns")
    rows: dict[str, dict] = {}
    for name in boards[0]["rows"]:
        rows[name] = {}
        for place, column in enumerate(boards[0]["columns"]):
            values = [seed[place] for board in boards for seed in board["rows"].get(name, [])]
            values = [value for value in values if value is not None]
            if values:
                spread = [statistics.median(values), min(values), max(values)]
                rows[name][column] = [round(value, 4) for value in spread] + [len(values)]
    return rows


def run(path: Path, shift: int, budget: str, timeout: float) -> dict:
    """Run the chapter with its seeds shifted, and return the table that it leaves; the stored outputs stay."""
    import nbformat

    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    env = execute.surroundings(budget, NBDGM_SEED=str(shift), NBDGM_CLAIMS="record")
    execute.run_cells(notebook, path, timeout=timeout, env=env)
    return board_of(notebook)


def recorded(chapter: Chapter, shift: int, budget: str) -> dict | None:
    """The table that a replication with these seeds left, at this budget and with the usual updates, if there is one."""
    alike = {"seed": shift, "stretch": 1, "budget": budget}
    runs = [run for run in chapter.replications if alike.items() <= run.items() and "board" in run and "failed" not in run]
    return runs[0]["board"] if runs else None


def recompute(root: Path, seeds: int, budget: str, timeout: float) -> dict:
    """What is stored: the joined table, and where it comes from.

    Raises:
        ValueError: the stored outputs are not those of the chapter's code at this budget.
    """
    chapter = read(root / CHAPTER, root)
    stored = chapter.provenance or {}
    if not chapter.fresh or stored.get("budget") != budget:
        raise ValueError(f"{CHAPTER}: its outputs are not those of its code at the budget {budget}; run tools/execute.py first")
    boards, shifts, begun = [board_of(chapter.notebook)], [0], time.perf_counter()
    for way in ways(seeds, 1)[:seeds]:
        shifts.append(way.seed)
        board = recorded(chapter, way.seed, budget)
        boards.append(board or run(root / CHAPTER, way.seed, budget, timeout))
        how = "from its replication" if board else f"{time.perf_counter() - begun:.0f} s"
        print(f"{way}: {how}", flush=True)
    facts = {key: stored[key] for key in ("device", "cpu", "cores", "date", "commit")}
    if seeds:
        facts = {key: execute.environment(0.0, budget, root)[key] for key in facts}
    facts |= {"budget": budget, "hash": code_hash(chapter.notebook), "shifts": shifts}
    return facts | {"columns": boards[0]["columns"], "rows": joined(boards)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=0, help="further runs, each with other seeds (default: none)")
    parser.add_argument("--budget", default="cpu", choices=("smoke", "cpu", "gpu"), help="default: cpu")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one cell (default: 3600)")
    options = parser.parse_args(arguments)
    try:
        found = recompute(ROOT, options.seeds, options.budget, options.timeout)
    except (ValueError, execute.CellFailed) as error:
        print(error, file=sys.stderr)
        return 1
    execute.store(ROOT / STORE, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    print(f"{STORE}: {len(found['rows'])} rows, {len(found['shifts'])} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
