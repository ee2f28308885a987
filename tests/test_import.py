import json
import subprocess
import sys

import pytest

import nbdgm

HEAVY = ["torchvision", "sklearn", "sympy", "matplotlib", "torchmetrics", "accelerate", "tqdm", "scipy", "IPython", "PIL", "ot"]


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_and_training_load_nothing_heavy_beyond_torch():
    torch_only = loaded_after("import torch")
    names = "Player, play, adam, History, budget, device, losses, networks, training"
    ours = loaded_after(f"from nbdgm import {names}")
    assert not ours.intersection(HEAVY) - torch_only


def test_importing_alone_does_not_even_load_torch():
    assert "torch" not in loaded_after("import nbdgm")


def test_every_advertised_name_of_the_core_is_there():
    for name in ("device", "seed", "budget", "Player", "play", "adam", "History", "losses", "networks", "training"):
        assert name in dir(nbdgm)
        assert getattr(nbdgm, name) is getattr(nbdgm, name)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"'playy'.*play"):
        nbdgm.playy  # noqa: B018
