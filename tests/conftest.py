"""Tests see the budget and the device they ask for, not those of the shell that started them."""

import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("NBDGM_BUDGET", raising=False)
    monkeypatch.setenv("NBDGM_DEVICE", "cpu")
    monkeypatch.setenv("NBDGM_PROGRESS", "0")
