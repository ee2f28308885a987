"""tools/nbdgm_book/stand_ins.py: pages are built without torch, are the same as with it, and nothing else notices."""

import html
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from nbdgm_book import stand_ins

import nbdgm.losses

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("api", "drawn_data")
CONF = """
extensions = ["myst_nb", "nbdgm_book", "sphinx.ext.napoleon"]
html_theme = "basic"
myst_enable_extensions = ["dollarmath", "deflist"]
project = "small"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
"""
BUILD = """
import io, sys
from importlib.abc import MetaPathFinder

HEAVY = ("torch", "torchvision", "torchmetrics", "accelerate", "sklearn", "scipy", "ot", "tqdm", "matplotlib")

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.path.insert(0, "tools")
folder, real = sys.argv[1], sys.argv[2] == "real"
if not real:
    sys.meta_path.insert(0, Blocked())
from nbdgm_book import stand_ins
from sphinx.application import Sphinx

if real:
    stand_ins.HEAVY = ()
warnings = io.StringIO()
Sphinx(folder, folder, folder + "/out", folder + "/trees", "html", status=None, warning=warnings).build()
assert not warnings.getvalue(), warnings.getvalue()
assert real or not {name.partition(".")[0] for name in sys.modules} & set(HEAVY)
"""


def builds_pages(test: Callable) -> Callable:
    """Of a test that takes seconds, in one worker with the others that use the same pages."""
    return pytest.mark.slow(pytest.mark.xdist_group("stand-ins")(test))


def built(folder: Path, how: str) -> dict[str, str]:
    """The text of the pages that described code and pictures, built in a process of its own."""
    appendix, store = folder / "book/appendix", folder / "tools/data/drawn"
    appendix.mkdir(parents=True)
    store.mkdir(parents=True)
    for name in PAGES:
        (appendix / f"{name}.md").write_bytes((ROOT / f"book/appendix/{name}.md").read_bytes())
    for file in (ROOT / "tools/data/drawn").iterdir():
        (store / file.name).write_bytes(file.read_bytes())
    for name in ("tools/data/source_map.yml", "tools/data/errata.yml", "pyproject.toml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    contents = "\n".join(f"book/appendix/{name}" for name in PAGES)
    (folder / "index.md").write_text(f"# Small\n\n```{{toctree}}\n{contents}\n```\n", encoding="utf-8")
    ran = subprocess.run([sys.executable, "-c", BUILD, str(folder), how], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]
    pages = {name: (folder / f"out/book/appendix/{name}.html").read_text(encoding="utf-8") for name in PAGES}
    return {name: re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page))) for name, page in pages.items()}


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    return built(tmp_path_factory.mktemp("without"), "stand-ins")


@builds_pages
def test_pages_are_built_where_torch_and_its_relatives_are_not(pages):
    assert "play(players: Player | Sequence[Player]" in pages["api"]
    assert "negative_elbo(log_likelihood: Tensor, kl: Tensor" in pages["api"]
    assert "40 faces" not in pages["drawn_data"] and "uniform from -1 to 1" in pages["drawn_data"]
    assert "Seconds of one processor core, measured on 20" in pages["drawn_data"]


@builds_pages
def test_signatures_are_short(pages):
    signatures = "\n".join(re.findall(r"nbdgm\.[\w.]+\(.*?\)(?: →|¶|$)", pages["api"]))
    assert len(signatures) > 2_000 and "Tensor" in signatures
    assert not re.findall(r"~\w|torch\.Tensor|StandIn|stand_ins|nn\.Module", signatures)


@builds_pages
def test_pages_are_the_same_where_torch_is(pages, tmp_path):
    assert built(tmp_path, "real") == pages


def test_names_mean_what_annotations_and_classes_need():
    with stand_ins.stand_ins():
        import torch
        import torch.nn.functional as F
        from torch import Tensor, nn
        from torch.optim import Optimizer

        class Net(nn.Module):
            """A network."""

        @torch.no_grad()
        def f(x: Tensor | None) -> Tensor:
            """A function."""

        assert isinstance(torch.nn.functional, stand_ins.Module) and F is torch.nn.functional
        assert Callable[[Tensor], Optimizer] and isinstance(Tensor, type) and Tensor is torch.Tensor
        assert (Tensor.__module__, Tensor.__qualname__) == ("torch", "Tensor")
        assert torch.library.Library.__module__ == "torch.library"
    assert f.__doc__ == "A function." and f.__annotations__["x"] == Tensor | None
    assert Net.__doc__ == "A network." and not hasattr(Net, "forward")
    assert not hasattr(Tensor, "__wrapped__") and not hasattr(torch, "__all__")


def test_nothing_of_it_is_left():
    before, finders = dict(sys.modules), list(sys.meta_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="in a directive"), stand_ins.stand_ins():
            assert importlib.import_module("nbdgm.losses") is not nbdgm.losses
            assert isinstance(sys.modules["torch"], stand_ins.Module)
            raise RuntimeError("in a directive")
    assert sys.meta_path == finders
    assert {n: m for n, m in sys.modules.items() if n.startswith(("torch", "nbdgm."))} == {
        n: m for n, m in before.items() if n.startswith(("torch", "nbdgm."))
    }
    assert nbdgm.losses.gaussian_kl(torch.zeros(1, 2), torch.ones(1, 2)).item() == 0


def test_a_directive_finds_the_modules_of_the_one_before():
    found = []
    for _ in range(2):
        with stand_ins.stand_ins():
            found.append(importlib.import_module("nbdgm.losses"))
    assert found[0] is found[1] is not nbdgm.losses
