"""Tests see the budget and the device they ask for, not those of the shell that started them."""

import hypothesis
import pytest

hypothesis.settings.register_profile("nbdgm", deadline=None)  # the first call of a torch function is slow
hypothesis.settings.load_profile("nbdgm")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("NBDGM_BUDGET", raising=False)
    monkeypatch.setenv("NBDGM_DEVICE", "cpu")
    monkeypatch.setenv("NBDGM_PROGRESS", "0")
