"""Chapters that compare losses, or penalise gradients, run with the types of a GPU; `make imitate-gpu` runs all of them so."""

import nbformat
import pytest
from chapters import ROOT, paths, source
from imitate_gpu import imitate, main

pytestmark = pytest.mark.slow

NAMES = ("Arena(", "gradient_penalty(", "losses.r1(", "input_gradients(", "create_graph=")
DELICATE = [
    path for path in paths(ROOT) if any(name in source(cell) for cell in nbformat.read(path, 4).cells for name in NAMES)
]


def notebook(tmp_path, *cells):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    for cell in made.cells:
        if cell.source.startswith("# proof"):
            cell.metadata["tags"] = ["proof"]
    nbformat.write(made, tmp_path / "chapter.ipynb")
    return tmp_path / "chapter.ipynb"


def test_there_are_some():
    assert {path.stem[0] for path in DELICATE} >= {"4", "7", "8"}


@pytest.mark.parametrize("path", DELICATE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_chapter_runs_with_the_types_of_a_gpu(path):
    assert imitate(path) == []


LOOP = """import itertools, torch
from torch import nn
from nbdgm import Player, claim, play
net, seen = nn.Linear(2, 2), []
loss = lambda x: seen.append(net(x).dtype) or torch.lerp(net(x), x, x).sum()"""


def test_every_cell_that_would_fail_on_a_gpu_is_named(tmp_path):
    play = "play(Player(net, loss=loss), itertools.repeat(torch.ones(1, 2)), 1)"
    later = 'claim("half", seen[-1] == torch.bfloat16, bits=16)\nclaim("single", seen[-1] == torch.float32, bits=16)'
    found = imitate(notebook(tmp_path, LOOP, play, later, "assert 1 + 1 == 3"))
    assert [text.split("failed: ")[1].split("\n")[0] for text in found] == [
        "RuntimeError: expected dtype c10::BFloat16 for `end` but got dtype float",
        "the claim fails: single",
        "AssertionError: ",
    ]
    assert "cell 2 (id" in found[0] and "play(Player" in found[0]


def test_proofs_are_left_out_where_nothing_depends_on_them(tmp_path):
    assert imitate(notebook(tmp_path, "# proof\n1 / 0", "x = 1")) == []
    needed = imitate(notebook(tmp_path, "# proof\ny = 1", "y + 1", "# proof\n1 / 0"))
    assert len(needed) == 1 and "ZeroDivisionError" in needed[0]


def test_the_command_says_what_it_found(monkeypatch, capsys):
    import imitate_gpu

    monkeypatch.setattr(imitate_gpu, "imitate", lambda path: ["what failed"] if path.stem.startswith("8") else [])
    assert main(["gan/7"]) == 0 and "7_wasserstein_gan.ipynb: as on a CPU" in capsys.readouterr().out
    assert main(["gan/7", "gan/8"]) == 1
    shown = capsys.readouterr().out
    assert "what failed\nbook/gan/8_gan_qp.ipynb: 1 failed" in shown
