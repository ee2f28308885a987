import pytest
import torch


@pytest.fixture
def single_precision(monkeypatch):
    """For tests of single precision itself, where the others may be run as on a GPU."""
    monkeypatch.delenv("NBDGM_IMITATE_GPU", raising=False)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are split over threads: bit-exact comparisons need the same number everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
