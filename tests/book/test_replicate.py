"""tools/replicate.py: what is run, what is recorded of each claim, and what an interruption leaves."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import execute
import nbformat
import pytest
import replicate
from chapters import CHECK_MIME, CLAIM_MIME, code_hash, read, read_all, replication_file, rest_hash
from replicate import SHIFT, STRETCHED, Way

ROOT = Path(__file__).resolve().parents[2]

# What `nbdgm.claim` does when NBDGM_CLAIMS=record, without an import of torch; `seed` and `updates` as nbdgm's are moved.
HEAD = f"""
import os
from IPython.display import display
assert os.environ["NBDGM_CLAIMS"] == "record" and os.environ["NBDGM_BUDGET"] == "cpu"
seed = int(os.environ["NBDGM_SEED"])
updates = round(100 * float(os.environ["NBDGM_STRETCH"]))
def claim(text, condition, status=None, **values):
    status = status or ("holds" if condition else "fails")
    display({{{CLAIM_MIME!r}: dict(text=text, status=status, values=values), "text/plain": text}}, raw=True)
"""
ALWAYS = "claim('one is less than two', seed >= 0, seed=seed)"
BY_SEED = f"claim('the seed is not that one', seed != {2 * SHIFT}, seed=seed)"
SHORT = "claim('it is soon done', updates < 200, updates=updates)"


class House:
    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, *sources: str, claims: dict[int, list[str]] | None = None, head: str = HEAD) -> Path:
        """A chapter as if it had been run: `claims` are the texts that each cell (numbered from 0, after the head) stored."""
        made = nbformat.v4.new_notebook()
        made.cells = [nbformat.v4.new_markdown_cell("# A title", id="top"), nbformat.v4.new_code_cell(head, id="head")]
        for number, text in enumerate(sources):
            shown = [{"text": t, "status": "holds", "values": {}} for t in (claims or {}).get(number, [])]
            outputs = [nbformat.v4.new_output("display_data", data={CLAIM_MIME: data, "text/plain": "x"}) for data in shown]
            made.cells.append(nbformat.v4.new_code_cell(text, id=f"c{number}", outputs=outputs))
        made.metadata["nbdgm"] = {"budget": "cpu", "hash": code_hash(made), "hash_rest": rest_hash(made)}
        path = self.root / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, path)
        return path

    def run(self, *arguments: str) -> int:
        return replicate.main([*arguments, "--budget", "cpu"], self.root)

    def file(self, docname: str) -> dict:
        return json.loads(replication_file(docname, self.root).read_text(encoding="utf-8"))

    def verdicts(self, path: Path) -> list[str]:
        return [f"{v.text}: {v}" for v in read(path, self.root).verdicts]


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "device", lambda: "cpu")  # asking costs an import of torch
    return House(tmp_path)


def test_ways_to_replicate():
    assert replicate.ways(2, 3) == [Way(SHIFT), Way(2 * SHIFT), Way(STRETCHED, 3)]
    assert replicate.ways(0, 0.5) == [Way(STRETCHED, 0.5)]
    seeds = {way.seed for way in replicate.ways(50, 3)}
    assert len(seeds) == 51 and min(seeds) == SHIFT > 10_000, "no chapter meets one of its own seeds again"


def test_longer_training_has_more_time(house, monkeypatch):
    path, asked = house.write("vae/1_one.ipynb", ALWAYS), []
    monkeypatch.setattr(execute, "run_cells", lambda notebook, path, *, timeout, env, report: asked.append(timeout))
    for stretch in (1, 3, 0.5):
        replicate.replicate(path, Way(SHIFT, stretch), budget="cpu", timeout=10, root=house.root)
    assert asked == [10, 30, 10]


@pytest.mark.slow
class TestRuns:
    def test_every_claim_of_every_run_is_recorded(self, house, capsys):
        texts = {0: ["one is less than two"], 1: ["the seed is not that one"], 2: ["it is soon done"]}
        path = house.write("vae/1_one.ipynb", ALWAYS, BY_SEED, SHORT, claims=texts)
        before = path.read_bytes()
        assert house.run() == 1
        assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
        found = house.file("book/vae/1_one")
        assert found["hash"] == code_hash(json.loads(before))
        assert [(r["seed"], r["stretch"], r["budget"]) for r in found["runs"]] == [
            (SHIFT, 1, "cpu"),
            (2 * SHIFT, 1, "cpu"),
            (STRETCHED, 3, "cpu"),
        ]
        for run in found["runs"]:
            assert run["seconds"] > 0 and run.keys() >= {"device", "cores", "cpu", "versions", "commit", "date"}
            assert [(c["cell"], c["index"], c["text"]) for c in run["claims"]] == [(f"c{i}", 0, texts[i][0]) for i in range(3)]
        statuses = [[c["status"] for c in run["claims"]] for run in found["runs"]]
        assert statuses == [["holds"] * 3, ["holds", "fails", "holds"], ["holds", "holds", "fails"]]
        assert found["runs"][2]["claims"][2]["values"] == {"updates": 300}
        assert house.verdicts(path) == [
            "one is less than two: held in 3 of 3 other runs",
            "the seed is not that one: held in 2 of 3 other runs",
            "it is soon done: held in 2 of 3 other runs",
        ]
        said = capsys.readouterr().out
        assert "1 chapter, budget cpu: 3 of 3 runs to do" in said and "2 of 3: vae/1_one, seeds + 20,014: " in said
        assert "2 of 3 claims held" in said
        table = [line.split() for line in said.splitlines()]
        assert ["vae/1_one", "3", "3", "1", "2"] in table
        assert f"    seeds + {STRETCHED:,}, 3 times the updates: fails  updates = 300" in said
        assert "vae/1_one, cell c1: the seed is not that one" in said

    def test_what_was_done_is_not_done_again(self, house, capsys):
        path = house.write("vae/1_one.ipynb", ALWAYS, claims={0: ["one is less than two"]})
        assert house.run("--seeds", "1") == 0
        first = house.file("book/vae/1_one")
        capsys.readouterr()
        assert house.run("--seeds", "1") == 0 and "0 of 2 runs to do" in capsys.readouterr().out
        assert house.run("--seeds", "2") == 0 and "1 of 3 runs to do" in capsys.readouterr().out
        second = house.file("book/vae/1_one")
        assert [r for r in second["runs"] if r["seed"] != 2 * SHIFT] == first["runs"]
        assert house.run("--seeds", "1", "--stretch", "5") == 0 and "1 of 2 runs to do" in capsys.readouterr().out
        assert house.run("--seeds", "1", "--again") == 0 and "2 of 2 runs to do" in capsys.readouterr().out
        assert len(house.file("book/vae/1_one")["runs"]) == 4, "three seeds, and two lengths"
        assert house.verdicts(path) == ["one is less than two: held in 4 of 4 other runs"]

    def test_other_code_knows_nothing_of_it(self, house):
        texts = {0: ["one is less than two"]}
        path = house.write("vae/1_one.ipynb", ALWAYS, claims=texts)
        assert house.run("--seeds", "1") == 0
        old = path.read_text()
        house.write("vae/1_one.ipynb", ALWAYS, "1", claims=texts)
        assert read(path, house.root).replications == [] and house.verdicts(path) == ["one is less than two: not replicated"]
        execute.rehash_runs(path, old, path.read_text(), house.root)
        assert house.verdicts(path) == ["one is less than two: held in 2 of 2 other runs"], "the edit leaves the runs valid"
        house.write("vae/1_one.ipynb", ALWAYS, "2", claims=texts)
        assert house.run("--seeds", "0") == 0
        assert [r["seed"] for r in house.file("book/vae/1_one")["runs"]] == [STRETCHED]

    def test_a_cell_that_stops_a_run_is_recorded(self, house, capsys):
        crash = f"if seed == {SHIFT}: undefined_name"
        texts = {0: ["one is less than two"], 2: ["the seed is not that one"]}
        path = house.write("vae/1_one.ipynb", ALWAYS, crash, BY_SEED, claims=texts)
        assert house.run("--seeds", "1") == 1
        stopped, whole = house.file("book/vae/1_one")["runs"]
        assert "1_one.ipynb: cell 4 (id c1) failed: NameError" in stopped["failed"] and "failed" not in whole
        assert [c["status"] for c in stopped["claims"]] == ["holds", "missing"]
        assert house.verdicts(path)[1] == "the seed is not that one: held in 1 of 2 other runs"
        said = capsys.readouterr().out
        assert "vae/1_one, seeds + 10,007: stopped, " in said and "seeds + 10,007: missing" in said
        assert house.run("--seeds", "1") == 1 and "0 of 2 runs to do" in capsys.readouterr().out

    def test_a_run_that_stops_after_its_last_claim_is_no_success(self, house):
        house.write("vae/1_one.ipynb", ALWAYS, "1 / 0", claims={0: ["one is less than two"]})
        assert house.run("--seeds", "0") == 1

    def test_claims_that_are_not_reached_and_claims_that_nobody_expected(self, house):
        code = f"if seed == {SHIFT}:\n    claim('new', False)\nelse:\n    claim('old', True)\nclaim('same', True)"
        path = house.write("vae/1_one.ipynb", "pass", code, claims={0: ["never made"], 1: ["old", "same"]})
        assert house.run("--seeds", "1") == 1
        assert house.verdicts(path) == [
            "never made: held in 0 of 2 other runs",
            "old: held in 1 of 2 other runs",
            "same: held in 2 of 2 other runs",
        ]
        code = "claim('old', True)\nclaim('one more', seed == 0)\nclaim('needs more', False, status='not checked')"
        path = house.write("vae/2_two.ipynb", code, claims={0: ["old"]})
        assert house.run("vae/2", "--seeds", "1") == 1
        assert house.verdicts(path) == [
            "old: held in 2 of 2 other runs",
            "one more: held in 0 of 2 other runs",
            "needs more: not replicated",
        ]

    def test_claims_are_found_again_by_their_text(self, house):
        code = "claim('b', seed == 0)\nclaim('a', True)\nclaim('a', True)\nclaim('now', True)"
        path = house.write("vae/1_one.ipynb", code, claims={0: ["a", "a", "b", "before"]})
        assert house.run("--seeds", "0") == 1
        assert house.verdicts(path) == [
            "a: held in 1 of 1 other run",
            "a: held in 1 of 1 other run",
            "b: held in 0 of 1 other run",
            "before: held in 1 of 1 other run",
        ]

    def test_checks_are_recorded_too(self, house, capsys):
        code = f"display({{{CHECK_MIME!r}: dict(text='an identity', status='fails', values=dict(gap=0.5))}}, raw=True)"
        path = house.write("vae/1_one.ipynb", ALWAYS, code, claims={0: ["one is less than two"]})
        assert house.run("--seeds", "0") == 1
        assert house.verdicts(path) == ["one is less than two: held in 1 of 1 other run"]
        said = capsys.readouterr().out
        assert "vae/1_one, cell c1: an identity" in said and "fails  gap = 0.5" in said and "1 of 1 claims held" in said

    def test_several_at_a_time_lose_nothing(self, house):
        paths = [house.write(f"vae/{i}_x.ipynb", ALWAYS, claims={0: ["one is less than two"]}) for i in (1, 2)]
        assert house.run("--jobs", "3") == 0
        for path in paths:
            assert house.verdicts(path) == ["one is less than two: held in 3 of 3 other runs"]

    def test_an_edit_during_the_run_is_no_replication(self, house, capsys):
        path = house.write("vae/1_one.ipynb", ALWAYS)
        edit = f"p = __import__('pathlib').Path({str(path)!r}); p.write_text(p.read_text().replace('p.read_', 'p . read_'))"
        house.write("vae/1_one.ipynb", edit)
        assert house.run("--seeds", "0") == 1
        assert "edited while it ran" in capsys.readouterr().err and not replication_file("book/vae/1_one", house.root).exists()

    def test_an_interruption_keeps_what_was_done(self, house):
        """The first run ends, the second is interrupted, the next call does only what is left."""
        wait = f"open({str(house.root / 'started')!r} + str(seed), 'w').close()\nimport time\n"
        wait += f"if seed == {2 * SHIFT} and not os.path.exists({str(house.root / 'go')!r}): time.sleep(100)"
        path = house.write("vae/1_one.ipynb", ALWAYS, wait, claims={0: ["one is less than two"]})
        code = "import sys, pathlib, replicate; sys.exit(replicate.main(['--budget', 'cpu'], pathlib.Path(sys.argv[1])))"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(house.root)],
            cwd=Path(replicate.__file__).parent,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        while not (house.root / f"started{2 * SHIFT}").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 130 and "the same command continues" in errors
        done = house.file("book/vae/1_one")["runs"]
        assert [r["seed"] for r in done] == [SHIFT]
        assert os.listdir(replication_file("book/vae/1_one", house.root).parent) == ["vae.1_one.json"]
        (house.root / "go").touch()
        assert house.run() == 0
        runs = house.file("book/vae/1_one")["runs"]
        assert [r["seed"] for r in runs] == [SHIFT, 2 * SHIFT, STRETCHED] and runs[0] == done[0]
        assert house.verdicts(path) == ["one is less than two: held in 3 of 3 other runs"]

    def test_a_kernel_that_is_interrupted_says_nothing_of_the_chapter(self, house, capsys):
        house.write("vae/1_one.ipynb", "raise KeyboardInterrupt")
        assert house.run("--seeds", "0") == 1
        assert "interrupted" in capsys.readouterr().err and not replication_file("book/vae/1_one", house.root).exists()

    def test_the_library_itself(self, house):
        """A chapter as it is written: seeds, updates and claims of `nbdgm`."""
        head = "import nbdgm\nfrom nbdgm import claim, rng, steps\nnbdgm.setup(0)"
        drawn = f"drawn = nbdgm.shifted(3)\nclaim('never that seed', drawn != {SHIFT + 3}, drawn=drawn)"
        long = "updates = steps(smoke=1, cpu=100, gpu=1000)\nclaim('soon done', updates < 200, updates=updates)"
        nan = "lost = float('nan')\nclaim('not a number', lost < 1, lost=lost)"
        texts = {0: ["never that seed"], 1: ["soon done"], 2: ["not a number"]}
        path = house.write("vae/1_one.ipynb", drawn, long, nan, claims=texts, head=head)
        assert house.run("--seeds", "1") == 1
        assert [[c["status"] for c in run["claims"]] for run in house.file("book/vae/1_one")["runs"]] == [
            ["fails", "holds", "fails"],
            ["holds", "fails", "fails"],
        ]
        assert read(path, house.root).verdicts[1].failed[0][1]["values"] == {"updates": 300}


class TestChoice:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--seeds", "-1"], "--seeds must be at least 0"),
            (["--jobs", "0"], "--jobs must be at least 1"),
            (["--stretch", "0"], "--stretch must be a positive number"),
            (["--stretch", "nan"], "--stretch must be a positive number"),
            (["--budget", "smoke"], "not about smoke"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, house, capsys, arguments, message):
        house.write("vae/1_one.ipynb", ALWAYS)
        with pytest.raises(SystemExit):
            replicate.main([*(["--budget", "cpu"] if "--budget" not in arguments else []), *arguments], house.root)
        assert message in capsys.readouterr().err

    def test_a_chapter_whose_outputs_are_old_is_to_be_run_first(self, house, capsys):
        path = house.write("vae/1_one.ipynb", ALWAYS)
        path.write_text(path.read_text().replace("seed >= 0", "seed >= 1"))
        with pytest.raises(SystemExit):
            house.run()
        assert "book/vae/1_one.ipynb: its stored outputs are not those of its code" in capsys.readouterr().err


CHAPTERS = read_all(ROOT)


def unreplicated(chapter) -> list[str]:
    """What is missing for a chapter's claims to be called replicated."""
    wanted = replicate.ways(2, 3)
    budgets = {run["budget"] for run in chapter.replications}
    if not any(not replicate.missing(chapter, wanted, budget) for budget in budgets):
        return ["not yet replicated: make replicate"]
    stopped = [f"stopped: {run['failed']}" for run in chapter.replications if "failed" in run]
    never = [f"never checked: {v.text}" for v in chapter.verdicts if not v.runs and "holds" in stored_statuses(chapter, v)]
    return stopped + never + [f"{v.text}: {v}" for v in chapter.verdicts + chapter.check_verdicts if v.failed]


def stored_statuses(chapter, verdict) -> list[str]:
    return [c.status for c in chapter.claims if c.data["text"] == verdict.text]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))
def test_every_claim_of_the_second_edition_held_in_every_replication(chapter):
    assert unreplicated(chapter) == []


def test_a_chapter_that_is_not_or_not_wholly_replicated_is_found(house):
    path = house.write("vae/1_one.ipynb", ALWAYS, claims={0: ["a", "b"]})
    chapter = read(path, house.root)
    assert unreplicated(chapter) == ["not yet replicated: make replicate"]
    file = replication_file("book/vae/1_one", house.root)
    file.parent.mkdir(parents=True)

    def found(claims, hash=None, ways=((SHIFT, 1), (2 * SHIFT, 1), (STRETCHED, 3)), **more) -> list[str]:
        runs = [{"seed": s, "stretch": t, "budget": "cpu", "claims": claims} | more for s, t in ways]
        file.write_text(json.dumps({"hash": hash or chapter.provenance["hash"], "runs": runs}))
        return unreplicated(read(path, house.root))

    good = [{"cell": "c0", "index": i, "text": text, "status": "holds"} for i, text in enumerate("ab")]
    assert found(good) == []
    assert found(good, hash="of other code") == found(good, ways=[(SHIFT, 1), (STRETCHED, 3)]) == unreplicated(chapter)
    assert found(good, failed="cell 3") == ["stopped: cell 3"] * 3
    for status in ("fails", "missing", "anything else"):
        assert found([good[0], good[1] | {"status": status}]) == ["b: held in 0 of 3 other runs"]
    assert found([good[0], good[1] | {"status": "not checked"}]) == found(good[:1]) == ["never checked: b"]
    assert found(good, checks=[good[0], good[1] | {"text": "d", "status": "fails"}]) == ["d: held in 0 of 3 other runs"]
    assert found([*good, {"cell": "c0", "index": 2, "text": "c", "status": "fails"}]) == ["c: held in 0 of 3 other runs"]


def test_replications_are_of_chapters_that_exist():
    kept = {replication_file(c.docname, ROOT).name for c in read_all(ROOT)}
    assert {p.name for p in (ROOT / "tools/data/replications").glob("*")} <= kept


@pytest.mark.parametrize("chapter", [c for c in read_all() if replication_file(c.docname).exists()], ids=lambda c: c.docname)
def test_what_is_no_longer_claimed_stays_on_record(chapter):
    """A claim that a replication broke and that was dropped without a new run: its values, and of which code."""
    for gone in json.loads(replication_file(chapter.docname).read_text(encoding="utf-8")).get("dropped", []):
        assert gone["text"] not in {claim.data["text"] for claim in chapter.claims}
        assert gone["hash"] != code_hash(chapter.notebook)
        assert "fails" in {run["status"] for run in gone["runs"]} and all(run["values"] for run in gone["runs"])
