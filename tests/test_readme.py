"""The examples of the README run as pasted, each in a fresh interpreter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=["the loop", "the comparison"])
def test_an_example_of_the_readme_runs_as_pasted(example, tmp_path):
    environment = os.environ | {"NBDGM_BUDGET": "smoke", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "my loss" in ran.stdout or "Contender" not in example
