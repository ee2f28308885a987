"""Tests see the budget and the device they ask for, not those of the shell that started them."""

import os
import shutil

import hypothesis
import pytest
import torch

from nbdgm.proof import named, sums

hypothesis.settings.register_profile("nbdgm", deadline=None)  # the first call of a torch function is slow
hypothesis.settings.load_profile("nbdgm")

# The points at which lines are tested are drawn anew in every run of the tests; chapters keep theirs.
PROOF_SEED = os.environ.get("NBDGM_PROOF_SEED") or os.urandom(4).hex()


def pytest_report_header() -> str:
    return f"points of proofs: NBDGM_PROOF_SEED={PROOF_SEED}"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NBDGM_BUDGET", "NBDGM_SEED", "NBDGM_STRETCH", "NBDGM_CLAIMS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBDGM_PROOF_SEED", PROOF_SEED)
    monkeypatch.setenv("NBDGM_DEVICE", "cpu")
    monkeypatch.setenv("NBDGM_PROGRESS", "0")
    torch.manual_seed(0)  # a test fails every time or never


@pytest.fixture(autouse=True)
def notebook_of_its_own():
    """Each test is a notebook of its own: laws and indices made in another one say nothing about a symbol of that name."""
    before, ranges = dict(named.FINITE), dict(sums.RANGES)
    named.FINITE.clear()
    yield
    for kept, found in ((before, named.FINITE), (ranges, sums.RANGES)):
        found.clear()
        found.update(kept)


_FOUND = (os.environ.get("NBDGM_CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
CHROMIUM = next(filter(None, _FOUND), None)
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def launch():
    """Start a Chromium, with further options of Playwright's; Playwright itself cannot be started twice in a process."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian: apt install chromium; or set NBDGM_CHROMIUM)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        yield lambda **options: playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS, **options)


@pytest.fixture(scope="session")
def browser(launch):
    """One Chromium for all tests of a worker."""
    opened = launch()
    yield opened
    opened.close()
