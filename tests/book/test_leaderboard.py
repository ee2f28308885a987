"""tools/leaderboard.py: what is joined, what is stored, what is refused; and the page that is built from it."""

import json

import execute
import leaderboard
import nbformat
import pytest
import replicate
from chapters import BOARD_MIME, code_hash, read, rest_hash
from leaderboard import board_of, joined
from nbdgm_book.leaderboard import entry, tables

BOARD = {"columns": ["nats", "FD"], "rows": {"a × 1": [[-30.0, 1.0], [-32.0, 3.0]], "GAN × 1": [[None, 5.0], [None, 4.0]]}}

BOARD_OF_ONE = {"columns": ["FD"], "rows": {"a × 1": [[5.0]]}}


def test_boards_are_joined_seed_by_seed():
    other = {"columns": ["nats", "FD"], "rows": {"a × 1": [[-40.0, 2.0]], "GAN × 1": [[None, 6.0]]}}
    rows = joined([BOARD, other])
    assert rows["a × 1"] == {"nats": [-32.0, -40.0, -30.0, 3], "FD": [2.0, 1.0, 3.0, 3]}
    assert rows["GAN × 1"] == {"FD": [5.0, 4.0, 6.0, 3]}, "no number, no entry"


def test_boards_of_other_columns_are_refused():
    with pytest.raises(ValueError, match="columns"):
        joined([BOARD, {"columns": ["FD"], "rows": {}}])
    with pytest.raises(ValueError, match="one or more"):
        joined([])


def test_a_run_without_a_table_is_refused():
    with pytest.raises(ValueError, match="left no table"):
        board_of({"cells": [{"outputs": [{"data": {"text/plain": "x"}}]}, {}]})


def chapter(root, *, budget="cpu", shifted=0.0):
    """A chapter that leaves a table which depends on the seed, as if it had been run."""
    text = f"""
import os
from IPython.display import display
assert os.environ["NBDGM_CLAIMS"] == "record" and os.environ["NBDGM_BUDGET"] == "cpu"
value = float(os.environ["NBDGM_SEED"])
board = dict(columns=["FD"], rows={{"a × 1": [[value]]}})
display({{{BOARD_MIME!r}: board, "text/plain": "x"}}, raw=True)
"""
    made = nbformat.v4.new_notebook()
    data = {BOARD_MIME: {"columns": ["FD"], "rows": {"a × 1": [[shifted]]}}, "text/plain": "x"}
    outputs = [nbformat.v4.new_output("display_data", data=data)]
    made.cells = [nbformat.v4.new_markdown_cell("# A title", id="top")]
    made.cells.append(nbformat.v4.new_code_cell(text, id="board", outputs=outputs, execution_count=1))
    made.metadata["nbdgm"] = {"budget": budget, "hash": code_hash(made), "hash_rest": rest_hash(made)}
    made.metadata["nbdgm"] |= {"device": "cpu", "cpu": "a", "cores": 1, "date": "2026-01-01", "commit": "abc", "seconds": 1}
    made.metadata["nbdgm"]["versions"] = {}
    path = root / leaderboard.CHAPTER
    path.parent.mkdir(parents=True)
    nbformat.write(made, path)
    return path


def test_the_stored_run_alone_needs_no_other(tmp_path):
    chapter(tmp_path, shifted=7.0)
    found = leaderboard.recompute(tmp_path, 0, "cpu", 60)
    assert found["rows"] == {"a × 1": {"FD": [7.0, 7.0, 7.0, 1]}}
    assert (found["commit"], found["shifts"]) == ("abc", [0])


@pytest.mark.slow
def test_further_runs_have_other_seeds_and_leave_the_chapter_alone(tmp_path):
    path = chapter(tmp_path)
    before = path.read_bytes()
    found = leaderboard.recompute(tmp_path, 2, "cpu", 60)
    shifts = [0, replicate.SHIFT, 2 * replicate.SHIFT]
    assert found["shifts"] == shifts
    assert found["rows"]["a × 1"]["FD"] == [shifts[1], 0.0, shifts[2], 3]
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_replication_is_not_run_again(tmp_path, monkeypatch):
    path = chapter(tmp_path)
    way = replicate.ways(1, 1)[0]
    replicate.replicate(path, way, budget="cpu", timeout=60, root=tmp_path)
    longer = replicate.Way(2 * replicate.SHIFT, 3)
    replicate.replicate(path, longer, budget="cpu", timeout=60, root=tmp_path)
    assert [run["board"]["rows"]["a × 1"] for run in read(path, tmp_path).replications] == [[[way.seed]], [[longer.seed]]]
    asked = []
    monkeypatch.setattr(leaderboard, "run", lambda path, shift, *_: asked.append(shift) or BOARD_OF_ONE)
    found = leaderboard.recompute(tmp_path, 2, "cpu", 60)
    assert asked == [longer.seed], "one with more updates is none with the usual ones"
    assert found["rows"]["a × 1"]["FD"] == [5.0, 0.0, way.seed, 3]


def test_outputs_of_another_budget_are_refused(tmp_path):
    chapter(tmp_path, budget="smoke")
    with pytest.raises(ValueError, match="budget cpu"):
        leaderboard.recompute(tmp_path, 0, "cpu", 60)


def test_an_entry_shows_median_and_range():
    assert entry("FD", [1.234, 1.0, 2.0, 3]) == ("1.23", "1.00 to 2.00")
    assert entry("nats", [-33.04, -33.1, -33.0, 1]) == ("-33.0", "")
    assert entry("training, MB", [48.48, 48.46, 48.49, 9]) == ("48.5", ""), "alike in all digits shown"
    assert entry("nats", None) == ("–", "")


def test_budgets_come_in_order_and_memory_has_a_table_of_its_own():
    def row(far, **more):
        return {"FD": [far, far, far, 1]} | {name: [value, value, value, 1] for name, value in more.items()}

    rows = {"a × 1": row(2.0, copying=0.5), "b × 1": row(1.0), "a × 1/3": row(5.0), "b × 1/3": row(4.0), "a × 3": row(0.5)}
    rows["b × 3"] = row(0.7)
    for name, needed in (("a", 7.0), ("b", 9.0)):
        for length in ("1/3", "1", "3"):
            rows[f"{name} × {length}"]["training, MB"] = [needed, needed, needed, 1]
    rows["noise"] = row(20.0)
    found = tables({"columns": ["FD", "copying", "training, MB"], "rows": rows})
    said = [(head, columns, [name for name, _ in lines]) for head, columns, lines in found]
    assert said == [
        ("Budget × 1/3", ["FD"], ["b", "a"]),
        ("Budget × 1", ["FD", "copying"], ["b", "a"]),
        ("Budget × 3", ["FD"], ["a", "b"]),
        ("Data and trivial models", ["FD"], ["noise"]),
        ("Memory, at any budget", ["training, MB"], ["b", "a"]),
    ]
    assert [head for head, *_ in tables({"columns": ["FD"], "rows": {"noise": row(1.0)}})] == ["Data and trivial models"]


def test_what_is_stored_is_of_the_chapter_s_code():
    file = execute.ROOT / leaderboard.STORE
    if not file.exists():
        pytest.skip("nothing is stored yet")
    stored = json.loads(file.read_text(encoding="utf-8"))
    chapter_now = json.loads((execute.ROOT / leaderboard.CHAPTER).read_text(encoding="utf-8"))
    assert stored["hash"] == code_hash(chapter_now), "run `make leaderboard`"
