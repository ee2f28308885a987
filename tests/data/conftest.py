"""A folder with three tiny files in the form of the Penn Treebank: `ptb` writes those of the module's `PTB`."""

import pytest


@pytest.fixture
def ptb(tmp_path, monkeypatch, request):
    """The folder `ptb` under `NBDGM_DATA`, with a file for each split of the module's `PTB`."""
    monkeypatch.setenv("NBDGM_BUDGET", "cpu")
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path))
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ptb").mkdir()
    for part, lines in request.module.PTB.items():
        (tmp_path / "ptb" / f"ptb.{part}.txt").write_text(lines)
    return tmp_path / "ptb"
