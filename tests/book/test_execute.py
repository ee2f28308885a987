"""tools/execute.py: what is run, what is stored, what is said when a cell fails."""

import asyncio
import base64
import functools
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import execute
import nbformat
import numpy as np
import pytest
from chapters import code_hash, rest_hash
from PIL import Image


def notebook(*sources: str, title: str = "A title"):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell(f"# {title}")]
    made.cells += [nbformat.v4.new_code_cell(s) for s in sources]
    for number, cell in enumerate(made.cells, start=1):
        cell.id = f"c{number}"
    return made


@pytest.fixture
def house(tmp_path):
    """A book with no chapter in it; `write(name, *sources)` adds one."""

    class House:
        root = tmp_path

        @staticmethod
        def write(name: str, *sources: str) -> Path:
            path = tmp_path / "book" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook(*sources), path)
            return path

    return House


@pytest.fixture(autouse=True)
def known_device(monkeypatch):
    monkeypatch.setattr(execute, "device", lambda: "cpu")  # asking costs an import of torch


def run(house, *arguments: str) -> int:
    return execute.main([*arguments, "--budget", "cpu"], house.root)


def provenance(path: Path) -> dict:
    return json.loads(path.read_text())["metadata"]["nbdgm"]


@pytest.mark.slow
class TestRuns:
    def test_stores_outputs_and_where_they_come_from(self, house):
        path = house.write("vae/1_one.ipynb", "import os; print(os.environ['NBDGM_BUDGET'])", "6 * 7")
        assert run(house) == 0
        stored = nbformat.read(path, 4)
        assert stored.cells[1].outputs[0].text == "cpu\n"
        assert stored.cells[2].outputs[0].data["text/plain"] == "42"
        found = provenance(path)
        assert found["budget"] == "cpu" and found["seconds"] > 0 and found["cores"] >= 1 and found["cpu"]
        assert {"python", "torch", "numpy", "sympy", "nbdgm"} <= found["versions"].keys()
        assert found["hash"] == code_hash(stored)
        assert found.keys() >= {"device", "commit", "date"}
        nbformat.validate(stored)

    def test_runs_only_what_changed(self, house, capsys):
        first, second = house.write("vae/1_one.ipynb", "1"), house.write("vae/2_two.ipynb", "2")
        assert run(house) == 0
        before = {p: p.read_bytes() for p in (first, second)}
        capsys.readouterr()
        assert run(house) == 0
        assert "nothing to run" in capsys.readouterr().out
        assert {p: p.read_bytes() for p in (first, second)} == before
        changed = nbformat.read(second, 4)
        changed.cells[1].source = "3"
        nbformat.write(changed, second)
        assert run(house) == 0
        assert first.read_bytes() == before[first]
        assert nbformat.read(second, 4).cells[1].outputs[0].data["text/plain"] == "3"

    def test_a_failure_names_the_cell_and_changes_nothing(self, house, capsys):
        good = house.write("vae/1_good.ipynb", "1")
        bad = house.write("vae/2_bad.ipynb", "x = 1", "def f():\n    return y_is_missing\n\nf()")
        before = bad.read_bytes()
        assert run(house, "--jobs", "2") == 1
        captured = capsys.readouterr()
        assert bad.read_bytes() == before, "a failed run must leave the stored notebook alone"
        assert not list(bad.parent.glob(".*")), "no temporary file is left"
        assert provenance(good)["budget"] == "cpu", "the other chapter is stored all the same"
        for part in ("2_bad.ipynb: cell 3 (id c3)", "NameError", "return y_is_missing"):
            assert part in captured.err
        assert "x = 1" not in captured.err, "only the failing cell is shown"
        assert "1 ran, 1 failed" in captured.out
        assert "\x1b[" not in captured.err

    def test_a_cell_that_takes_too_long(self, house, capsys):
        house.write("vae/1_slow.ipynb", "import time; time.sleep(60)")
        assert run(house, "--timeout", "1") == 1
        assert "ran longer than 1 s" in capsys.readouterr().err

    def test_a_kernel_that_dies(self, house, capsys):
        house.write("vae/1_dead.ipynb", "import os; os._exit(1)")
        assert run(house) == 1
        assert "the kernel died" in capsys.readouterr().err

    def test_cells_run_where_a_loop_runs_already(self, house):
        """As in a notebook, or in a process that has started Playwright."""
        path = house.write("vae/1_one.ipynb", "6 * 7")
        made = nbformat.read(path, 4)

        async def beside_others():
            return execute.run_cells(made, path, timeout=60, env=dict(os.environ))

        with ThreadPoolExecutor(1) as thread:  # this one may have a loop of its own
            spent = thread.submit(asyncio.run, beside_others()).result()
        assert [index for _, index in spent] == [1]
        assert made.cells[1].outputs[0].data["text/plain"] == "42"

    def test_an_interrupt_ends_at_once_and_changes_nothing(self, house):
        started = house.root / "started"
        path = house.write("vae/1_long.ipynb", f"open({str(started)!r}, 'w').close(); import time; time.sleep(100)")
        before = path.read_bytes()
        code = f"import sys, pathlib, execute; sys.exit(execute.main(['--budget', 'cpu'], pathlib.Path({str(house.root)!r})))"
        hear = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=Path(execute.__file__).parent,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear,
        )
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 130 and "interrupted" in errors
        assert path.read_bytes() == before

    def test_no_kernel_is_left_behind(self, house):
        house.write("vae/1_bad.ipynb", "import os; open('pid', 'w').write(str(os.getpid())); 1 / 0")
        assert run(house) == 1
        with pytest.raises(ProcessLookupError):
            os.kill(int((house.root / "book/vae/pid").read_text()), 0)

    def test_dry_run_stores_nothing(self, house):
        path = house.write("vae/1_one.ipynb", "1")
        before = path.read_bytes()
        assert run(house, "--dry-run") == 0
        assert path.read_bytes() == before

    def test_a_record_keeps_the_claims_and_leaves_the_outputs(self, house, capsys):
        made = "import os; from nbdgm import claim; x = len(os.sep) + 2; claim('x is small', x < 5, needs='{}', x=x)"
        path = house.write("vae/1_one.ipynb", made.format("gpu"), made.format("cpu"))
        assert run(house) == 0
        before = path.read_bytes()
        assert execute.main(["vae/1", "--record", "--budget", "gpu"], house.root) == 0
        assert path.read_bytes() == before
        file = house.root / "tools/data/runs/vae.1_one.gpu.json"
        found = json.loads(file.read_text())
        assert found["budget"] == "gpu" and found["hash"] == provenance(path)["hash"] and found["seconds"] > 0
        assert [(c["cell"], c["text"], c["status"]) for c in found["claims"]] == [
            ("c2", "x is small", "holds"),
            ("c3", "x is small", "holds"),
        ]
        assert [c.status for c in execute.read(path, house.root).claims] == ["not checked", "holds"]
        assert [r["budget"] for r in execute.read(path, house.root).runs] == ["gpu"]
        assert run(house, "vae/1") == 0 and file.exists(), "the same code: the record still stands"
        nbformat.write(notebook("1"), path)
        assert execute.read(path, house.root).runs == [], "other code: the record says nothing about it"
        assert run(house) == 0 and not file.exists()
        assert execute.main(["vae/1", "--record", "--budget", "gpu"], house.root) == 0 and file.exists()
        assert execute.main(["vae/1", "--budget", "gpu"], house.root) == 0 and not file.exists(), (
            "the outputs themselves are stored"
        )

    def test_a_failure_at_another_budget_is_recorded_too(self, house, capsys):
        code = "import os; from nbdgm import claim; x = 3; claim('x is large', x > 5, needs='gpu', x=x)"
        path = house.write("vae/1_one.ipynb", "from nbdgm import claim; y = 1; claim('y is small', y < 2, y=y)", code)
        assert run(house) == 0
        before = path.read_bytes()
        assert execute.main(["vae/1", "--record", "--budget", "gpu"], house.root) == 1
        assert "x is large" in capsys.readouterr().err and path.read_bytes() == before
        (found,) = execute.read(path, house.root).runs
        assert "cell 3" in found["failed"] and "'x is large' does not hold: x = 3" in found["failed"] and not found["claims"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--record"], "--record needs the chapters by name"),
            (["--record", "--all", "--dry-run"], "--record needs the chapters by name"),
            (["--record", "--all", "--budget", "smoke"], "got smoke \\(tests only\\)"),
            (["--record", "--all", "--budget", "cpu"], "got cpu \\(1_one\\)"),
        ],
    )
    def test_a_record_is_of_named_chapters_and_of_another_budget(self, house, capsys, arguments, message):
        house.write("vae/1_one.ipynb", "1")
        assert run(house) == 0
        with pytest.raises(SystemExit):
            execute.main(arguments, house.root)
        assert re.search(message, capsys.readouterr().err)

    def test_an_edit_during_the_run_is_not_overwritten(self, house, capsys):
        path = house.write("vae/1_one.ipynb", "1")
        edited = notebook("2")
        path2 = house.root / "edited.ipynb"
        nbformat.write(edited, path2)
        house.write("vae/1_one.ipynb", f"import shutil; shutil.copy({str(path2)!r}, {str(path)!r});")
        assert run(house) == 1
        assert "edited while it ran" in capsys.readouterr().err
        assert nbformat.read(path, 4).cells[1].source == "2"

    def test_what_is_stored_is_the_same_every_time(self, house):
        path = house.write("vae/1_one.ipynb", "import sys; print('a'); print('b', file=sys.stderr); print('c')", "{'x'}")
        assert run(house) == 0
        first = json.loads(path.read_text())
        assert run(house, "--all") == 0
        second = json.loads(path.read_text())
        assert [o["text"] for o in first["cells"][1]["outputs"]] == [["a\n", "c\n"]], "stderr is dropped, streams are joined"
        assert first["cells"] == second["cells"]
        assert all("execution" not in c["metadata"] for c in first["cells"])


class TestNormalise:
    def outputs(self, *outputs):
        made = notebook("x")
        made.cells[1].outputs = [nbformat.from_dict(o) for o in outputs]
        execute.normalise(made)
        return made

    def test_widgets_go(self):
        bar = {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "bar"}}
        picture = {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "[grid]"}, "metadata": {}}
        made = self.outputs(bar | {"metadata": {}}, picture)
        assert [list(o.data) for o in made.cells[1].outputs] == [["image/png", "text/plain"]]

    def test_metadata_of_cells_goes_but_what_the_book_reads(self):
        made = notebook("x")
        kept = {"tags": ["nbval-ignore-output"], "nbdgm": {"covers": ["S-01"]}, "jupyter": {"source_hidden": True}}
        made.cells[1].metadata = kept | {"execution": {"iopub.status.busy": "now"}, "collapsed": True}
        execute.normalise(made)
        assert made.cells[1].metadata == kept

    def test_counts_follow_the_cells(self):
        made = notebook("a", "", "b")
        for cell in made.cells[1:]:
            cell.execution_count = 17
        execute.normalise(made)
        assert [c.execution_count for c in made.cells[1:]] == [1, 17, 2]

    def test_missing_ids_are_the_same_every_time(self):
        made = notebook("a")
        for cell in made.cells:
            del cell["id"]
        execute.normalise(made)
        assert [c.id for c in made.cells] == ["cell-1", "cell-2"]


class TestHash:
    def test_only_code_counts(self):
        base = notebook("a", "b")
        same = notebook("a", "b", title="Another title")
        same.cells[1].outputs = [nbformat.v4.new_output("stream", text="x")]
        same.cells[1].metadata = {"tags": ["x"]}
        assert code_hash(base) == code_hash(same)

    @pytest.mark.parametrize("sources", [("a", "c"), ("b", "a"), ("ab",), ("a\0b",), ("a",), ("a", "b", "")])
    def test_every_change_of_code_counts(self, sources):
        assert code_hash(notebook("a", "b")) != code_hash(notebook(*sources))

    def test_lines_or_one_string(self):
        joined, split = notebook("a\nb"), notebook("a\nb")
        split.cells[1]["source"] = ["a\n", "b"]
        assert code_hash(joined) == code_hash(split)

    def test_rehash_keeps_fresh_fresh_and_stale_stale(self):
        made = notebook("install https://old/address")
        made.metadata["nbdgm"] = {"hash": code_hash(made), "budget": "cpu"}
        text = nbformat.writes(made)
        fresh = json.loads(execute.rehash(text, text.replace("old", "new")))
        assert fresh["metadata"]["nbdgm"]["hash"] == code_hash(fresh)
        made.metadata["nbdgm"]["hash"] = "0" * 64
        text = nbformat.writes(made)
        stale = json.loads(execute.rehash(text, text.replace("old", "new")))
        assert stale["metadata"]["nbdgm"]["hash"] == "0" * 64


class TestStale:
    @pytest.mark.parametrize(
        ("budget", "changed", "reason"),
        [("cpu", False, ""), ("cpu", True, "code changed"), ("smoke", False, "smoke budget"), (None, False, "never run")],
    )
    def test_check_lists_stale_chapters(self, house, capsys, budget, changed, reason):
        path = house.write("vae/1_one.ipynb", "1")
        made = nbformat.read(path, 4)
        if budget:
            made.metadata["nbdgm"] = {"hash": code_hash(made), "budget": budget}
        if changed:
            made.cells[1].source = "2"
        nbformat.write(made, path)
        assert execute.main(["--check"], house.root) == (1 if reason else 0)
        assert (reason or "fresh") in capsys.readouterr().out


class TestSelect:
    @pytest.fixture(autouse=True)
    def chapters(self, house):
        for name in ("gan/1_gan.ipynb", "vae/2_second.ipynb", "vae/10_tenth.ipynb", "generative_models/1_density.ipynb"):
            house.write(name, "1")
        self.root = house.root

    def names(self, *wanted):
        return [p.relative_to(self.root / "book").as_posix() for p in execute.select(list(wanted), self.root)]

    def test_order_is_that_of_the_book(self):
        assert self.names() == [
            "generative_models/1_density.ipynb",
            "vae/2_second.ipynb",
            "vae/10_tenth.ipynb",
            "gan/1_gan.ipynb",
        ]

    @pytest.mark.parametrize("name", ["gan/1", "gan/1_gan", "book/gan/1_gan.ipynb", "./book/gan/1_gan.ipynb", "1_gan", "gan/*"])
    def test_ways_to_name_a_chapter(self, name):
        assert self.names(name) == ["gan/1_gan.ipynb"]

    def test_unknown_chapter(self):
        with pytest.raises(SystemExit, match=r"no chapter matches 'draw'.*vae/2_second"):
            self.names("draw")


class TestStore:
    def test_replaces_whole_and_keeps_the_mode(self, tmp_path):
        path = tmp_path / "a.ipynb"
        path.write_text("old")
        path.chmod(0o640)
        execute.store(path, "new")
        assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o640
        assert os.listdir(tmp_path) == ["a.ipynb"]

    @pytest.mark.parametrize("broken", ["fsync", "replace"])
    def test_a_full_disk_leaves_the_old_file(self, tmp_path, monkeypatch, broken):
        path = tmp_path / "a.ipynb"
        path.write_text("old")

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(execute.os, broken, full)
        with pytest.raises(OSError, match="No space left"):
            execute.store(path, "new")
        assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.ipynb"]


def test_jobs_must_be_positive(house, capsys):
    with pytest.raises(SystemExit):
        run(house, "--jobs", "0")
    assert "--jobs must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("coloured", [False, True])
def test_pictures_are_stored_small_and_look_the_same(coloured):
    """`shrink` keeps the size of a picture and all but its finest shades, and leaves alone what is no picture."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 1))
    picture = np.clip(np.linspace(0, 255, 160)[None, :, None] + 0.1 * noise, 0, 255).astype("uint8").repeat(3, 2)
    if coloured:
        picture[..., 1] = np.linspace(0, 255, 120).astype("uint8")[:, None]
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG")
    encoded = base64.b64encode(packed.getvalue()).decode()
    data = {"image/png": encoded, "text/html": f'<img src="data:image/png;base64,{encoded}">'}
    execute.shrink(data)
    assert len(data["image/png"]) < 0.8 * len(encoded)
    inside = re.search(r"data:image/webp;base64,([^\"]+)", data["text/html"]).group(1)
    for shrunk in (data["image/png"], inside):
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(shrunk))).convert("RGB")).astype(float)
        assert seen.shape == picture.shape and abs(seen - picture).mean() < (8 if coloured else 5)
    packed = io.BytesIO()
    Image.fromarray(picture).quantize(200).save(packed, "PNG")
    own = {"image/png": base64.b64encode(packed.getvalue()).decode()}
    execute.shrink(own)
    assert own["image/png"] == base64.b64encode(packed.getvalue()).decode()
    other = {"image/png": "AAAA"}
    execute.shrink(other)
    assert other == {"image/png": "AAAA"}


PROVES = (
    "from sympy import symbols\nx = symbols('x', real=True)",
    "with derivation('E-1', 'square', scope='general') as d:\n    d.equal((x + 1)**2, x**2 + 2*x + 1, 'expand')",
)


@pytest.mark.slow
class TestProofs:
    @pytest.fixture
    def path(self, house):
        """Training, proofs, training: stored as if everything had been run."""
        made = notebook("import time; print(time.time())", *PROVES, "1 / 0", "x")
        for number in (2, 3, 5):
            made.cells[number].metadata["tags"] = ["proof"]
        made.cells[1].outputs = [nbformat.v4.new_output("stream", text="long ago\n")]
        made.cells[3].outputs = [nbformat.v4.new_output("stream", text="an old proof\n")]
        facts = {"budget": "cpu", "seconds": 99.0, "hash": code_hash(made), "hash_rest": rest_hash(made)}
        made.metadata["nbdgm"] = facts
        path = house.root / "book/vae/1_one.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(made, path)
        return path

    def change(self, path, number, new):
        made = nbformat.read(path, 4)
        made.cells[number].source = new
        nbformat.write(made, path)

    def test_only_their_cells_run_and_only_their_outputs_are_stored(self, house, path):
        before = nbformat.read(path, 4)
        assert execute.main(["vae/1", "--proofs"], house.root) == 0
        after = nbformat.read(path, 4)
        assert after.cells[1] == before.cells[1] and after.cells[4] == before.cells[4] and after.cells[0] == before.cells[0]
        (shown,) = after.cells[3].outputs
        assert "proved" in shown.data["text/html"] and shown.data["application/vnd.nbdgm.proof+json"]["title"] == "square"
        assert after.cells[5].outputs[0].data["text/plain"] == "x" and after.cells[5].outputs[0].execution_count == 5
        found = provenance(path)
        assert found["seconds"] == 99.0 and found["hash"] == code_hash(after) and found["proofs"]["seconds"] < 99
        nbformat.validate(after)

    def test_an_edited_proof_is_found_and_the_chapter_is_fresh_again(self, house, path, capsys):
        self.change(path, 3, PROVES[1].replace("square", "binomial"))
        assert execute.main(["--check"], house.root) == 1 and "--proofs runs them alone" in capsys.readouterr().out
        assert execute.main(["--proofs"], house.root) == 0
        assert "binomial" in path.read_text() and "long ago" in path.read_text()
        assert execute.main(["--check"], house.root) == 0
        assert execute.main(["--proofs"], house.root) == 0 and "nothing to run" in capsys.readouterr().out

    def test_another_cell_that_changed_needs_the_whole_run(self, house, path, capsys):
        self.change(path, 1, "print('new')")
        before = path.read_bytes()
        assert execute.main(["vae/1", "--proofs"], house.root) == 1
        assert "run the whole chapter" in capsys.readouterr().err and path.read_bytes() == before

    def test_a_proof_that_fails_changes_nothing_and_is_named(self, house, path, capsys):
        self.change(path, 3, PROVES[1].replace("2*x", "3*x"))
        before = path.read_bytes()
        assert execute.main(["vae/1", "--proofs"], house.root) == 1
        assert "cell 4 (id c4) failed" in capsys.readouterr().err and path.read_bytes() == before

    def test_a_tag_that_is_taken_away_is_a_change(self, path):
        made = json.loads(path.read_text())
        made["cells"][3]["metadata"] = {}
        assert rest_hash(made) != provenance(path)["hash_rest"]

    def test_text_that_is_edited_meanwhile_stays(self, house, path):
        code = f"p = __import__('pathlib').Path({str(path)!r}); p.write_text(p.read_text().replace('A ' + 'title', 'Other')); x"
        self.change(path, 5, code)
        assert execute.main(["vae/1", "--proofs"], house.root) == 0
        assert "# Other" in path.read_text() and "an old proof" not in path.read_text()

    def test_records_of_the_chapter_stay_valid(self, house, path):
        old = provenance(path)["hash"]
        records = [
            house.root / name for name in ("tools/data/runs/vae.1_one.gpu.json", "tools/data/replications/vae.1_one.json")
        ]
        for file in records:
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps({"hash": old}))
        self.change(path, 3, PROVES[1].replace("square", "binomial"))
        assert execute.main(["--proofs"], house.root) == 0
        assert all(json.loads(file.read_text())["hash"] == provenance(path)["hash"] != old for file in records)
        self.change(path, 5, "size = len(str(x)); claim('a short name', size < 2, size=size)")
        stale = provenance(path)["hash"]
        assert execute.main(["--proofs"], house.root) == 0
        assert all(json.loads(file.read_text())["hash"] == stale for file in records), "a claim that nobody has tried"

    @pytest.mark.parametrize("other", [["--record"], ["--budget", "cpu"]])
    def test_takes_no_other_way_of_running(self, house, capsys, other):
        with pytest.raises(SystemExit):
            execute.main(["vae/1", "--proofs", *other], house.root)
        assert "--proofs takes neither" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("NBDGM_SEED", "3"), ("NBDGM_STRETCH", "2"), ("NBDGM_CLAIMS", "record")])
def test_only_the_usual_run_is_stored(house, capsys, monkeypatch, name, value):
    house.write("vae/1_one.ipynb", "1")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        run(house)
    assert f"{name} is set" in capsys.readouterr().err
    assert execute.main(["--check"], house.root) == 1


def test_text_that_is_edited_during_a_run_stays(house):
    path = house.write("vae/1_one.ipynb")
    code = (
        f"p = __import__('pathlib').Path({str(path)!r}); p.write_text(p.read_text().replace('A ' + 'title', 'Another')); 6 * 7"
    )
    house.write("vae/1_one.ipynb", code)
    assert run(house) == 0
    stored = nbformat.read(path, 4)
    assert stored.cells[0].source == "# Another" and stored.cells[1].outputs[0].data["text/plain"] == "42"
