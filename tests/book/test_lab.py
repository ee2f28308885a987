"""tools/lab.py: readers work on a copy, and what they changed is kept."""

import lab
import nbformat
import pytest
from nbformat.sign import NotebookNotary


@pytest.fixture
def root(tmp_path):
    (tmp_path / "book/vae/.ipynb_checkpoints").mkdir(parents=True)
    for name in ("vae/1_one", "vae/2_two", "vae/.ipynb_checkpoints/1_one-checkpoint"):
        (tmp_path / f"book/{name}.ipynb").write_text("first", encoding="utf-8")
    (tmp_path / "lab").mkdir()
    return tmp_path


def test_every_chapter_is_copied(root):
    assert lab.fill(root) == []
    copies = sorted(p.relative_to(root / "lab").as_posix() for p in (root / "lab").rglob("*.ipynb"))
    assert copies == ["vae/1_one.ipynb", "vae/2_two.ipynb"]


def test_a_copy_follows_the_book_until_it_is_changed(root):
    lab.fill(root)
    (root / "lab/vae/1_one.ipynb").write_text("mine", encoding="utf-8")
    assert lab.fill(root) == [], "nothing is newer"
    for name in ("1_one", "2_two"):
        (root / f"book/vae/{name}.ipynb").write_text("second", encoding="utf-8")
    assert lab.fill(root) == ["vae/1_one.ipynb"]
    assert (root / "lab/vae/1_one.ipynb").read_text(encoding="utf-8") == "mine"
    assert (root / "lab/vae/2_two.ipynb").read_text(encoding="utf-8") == "second"
    (root / "lab/vae/1_one.ipynb").unlink()
    assert lab.fill(root) == []
    assert (root / "lab/vae/1_one.ipynb").read_text(encoding="utf-8") == "second"


def test_a_folder_without_lab_gets_one(tmp_path):
    (tmp_path / "book/gan").mkdir(parents=True)
    (tmp_path / "book/gan/1_one.ipynb").write_text("first", encoding="utf-8")
    lab.fill(tmp_path)
    assert (tmp_path / "lab/gan/1_one.ipynb").exists()


def test_copies_are_trusted_but_for_those_that_were_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    for name in ("1_one", "2_two"):
        (tmp_path / "book").mkdir(exist_ok=True)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(name, id=name)])
        nbformat.write(made, tmp_path / f"book/{name}.ipynb")
    lab.fill(tmp_path)
    changed = nbformat.read(tmp_path / "lab/2_two.ipynb", as_version=4)
    changed.cells[0].source = "import os"
    nbformat.write(changed, tmp_path / "lab/2_two.ipynb")
    lab.trust(tmp_path)
    signed = [
        NotebookNotary().check_signature(nbformat.read(p, as_version=4)) for p in sorted((tmp_path / "lab").glob("*.ipynb"))
    ]
    assert signed == [True, False]
