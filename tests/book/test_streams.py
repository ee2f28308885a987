"""tools/streams.py: chapters draw and count their updates only through the library, so that they can be replicated."""

from pathlib import Path

import pytest
from chapters import read_all
from streams import Code, complaints, fixed_updates, other_sources

ROOT = Path(__file__).resolve().parents[2]
HEAD = "import numpy as np\nimport torch\nimport nbdgm\nfrom nbdgm import budget, play, steps\n"
CHAPTERS = read_all(ROOT)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.docname.removeprefix("book/"))
def test_chapters_draw_and_count_through_the_library(chapter):
    assert complaints(chapter) == []


def test_only_these_files_of_the_library_make_streams_of_their_own():
    allowed = {
        "runtime.py": "is where they are made",
        "data/batches.py": "takes its second stream from the shifted seed",
        "data/load.py": "data are the same in every run",
        "data/text.py": "data are the same in every run",
        "data/rendered/factors.py": "data are the same in every run",
        "evaluation/features.py": "the ruler is the same in every run",
        "training/checkpoint.py": "puts states back",
        "training/facts.py": "keeps the shift with a checkpoint",
        "training/processes.py": "gives each process a stream that comes from the run's own",
    }
    library = ROOT / "nbdgm"
    files = {p.relative_to(library).as_posix(): p.read_text(encoding="utf-8") for p in library.rglob("*.py")}
    found = {name for name, text in files.items() if not name.startswith("proof/") and other_sources(Code([(name, text)]))}
    assert found == set(allowed)


def code(*cells: str) -> Code:
    return Code([("head", HEAD), *((f"c{i}", text) for i, text in enumerate(cells))])


def sources(*cells: str) -> list[str]:
    made = code(*cells)
    return made.complaints + other_sources(made)


OTHER_SOURCES = [
    "torch.manual_seed(0)",
    "torch.cuda.manual_seed_all(0)",
    "torch.seed()",
    "torch.Generator()",
    "torch.Generator('cpu').manual_seed(3)",
    "make = torch.Generator",
    "with torch.random.fork_rng(): pass",
    "torch.set_rng_state(kept)",
    "from torch import manual_seed",
    "from torch import Generator as G",
    "from torch import random",
    "from torch.random import fork_rng",
    "import torch.random",
    "import torch as t\nt.manual_seed(0)",
    "np.random.seed(0)",
    "np.random.rand(3)",
    "r = np.random\nr.rand(3)",
    "np.random.default_rng(0)",
    "np.random.RandomState(0)",
    "np.random.Generator(np.random.PCG64(1))",
    "from numpy import random",
    "from numpy import random as nr",
    "from numpy.random import default_rng",
    "import numpy.random as nr",
    "import numpy as n\nn.random.normal()",
    "numpy = __import__('numpy')\nnumpy.random.default_rng(0)",
    "import random",
    "import random as dice",
    "from random import gauss",
    "if True:\n    import random",
    "def f():\n    from random import choice",
    "__import__('random').random()",
    "import importlib\nimportlib.import_module('random')",
    "getattr(np, 'random')",
    "getattr(torch, 'manual_seed')(0)",
    "vars(np)['random']",
    "np.__dict__['random']",
    "import sys\nsys.modules['random']",
    "exec('import ' + 'random')",
    "eval('np.ran' + 'dom')",
    "import secrets",
    "import uuid",
    "import os\nos.urandom(4)",
    "from os import urandom",
    "from numpy import *",
    "dice.manual_seed(3)",
    "dice.seed()",
    "nbdgm.runtime.np.random.default_rng(0)",
    "from nbdgm.runtime import unshifted",
    "with nbdgm.runtime.unshifted(): pass",
    "import os\nos.environ['NBDGM_SEED'] = '0'",
    "import os\nos.environ.pop('NBDGM_STRETCH', None)",
    "KMeans(8, random_state=0)",
    "KMeans(8, random_state=None)",
    "for seed in range(3):\n    KMeans(8, random_state=seed)",
    "seed = 3\nKMeans(8, random_state=seed)",
    "KMeans(8, **{'random_state': 0})",
    "options = dict(random_state=0)",
    "model.random_state = 3",
    "def shifted(n): return n\nKMeans(8, random_state=shifted(3))",
    "from scipy import stats\nstats.norm.rvs(5, random_state=1)",
    "from scipy import stats\nstats.bootstrap(x, np.mean)",
    "from scipy import stats\nstats.bootstrap(x, np.mean, rng=1)",
    "from scipy.stats import qmc\nqmc.Sobol(2)",
    "from scipy.optimize import differential_evolution\ndifferential_evolution(f, b)",
    "import ot\not.sliced_wasserstein_distance(x, y)",
    "import ot\not.sliced_wasserstein_distance(x, y, seed=0)",
    "torch.quasirandom.SobolEngine(2, scramble=True)",
    "import sympy\nsympy.randMatrix(3)",
    "import sympy as sp\nsp.core.random.uniform(0, 1)",
    "import time\nnbdgm.seed(int(time.time()))",
    "import os\nnbdgm.rng(os.getpid())",
    "nbdgm.generator(hash('x') % 100)",
    "from nbdgm import seed\nfor seed in range(3): pass",
    "from nbdgm import shifted\ndef shifted(n): return n",
    "from nbdgm import rng\nrng = lambda n: None",
    "def broken(:",
    "def f(dice: int = torch.Generator()): pass",
]


@pytest.mark.parametrize("text", OTHER_SOURCES)
def test_every_other_source_is_found(text):
    found = sources(text)
    assert found and all("c0" in line or "imported from nbdgm" in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "nbdgm.setup(seed=0)\nnbdgm.seed(3)",
        "from nbdgm import generator, rng, seed, shifted\nseed(1)\nx = rng(2).random(3)",
        "dice = nbdgm.generator(0)\ntorch.randn(3, generator=dice)\ntorch.rand(2)",
        "for seed in range(3):\n    nbdgm.seed(seed)\n    ring.batches(8, seed=seed)",
        "dice = nbdgm.rng(0)\ndice.random(3), dice.dirichlet([1, 1])",
        "KMeans(8, random_state=nbdgm.shifted(0))",
        "from nbdgm.runtime import shifted as number\nKMeans(8, random_state=number(0))",
        "for seed in range(3):\n    KMeans(8, random_state=nbdgm.shifted(seed))",
        "state = nbdgm.shifted(3)\nKMeans(8, random_state=state)",
        "def fit(n):\n    state = nbdgm.shifted(n)\n    return KMeans(8, random_state=state)",
        "from scipy import stats\nstats.bootstrap(x, np.mean, rng=nbdgm.rng(1))",
        "from scipy import stats\ndice = nbdgm.rng(1)\nstats.bootstrap(x, np.mean, rng=dice)",
        "import ot\not.sliced_wasserstein_distance(x, y, seed=nbdgm.shifted(0))",
        "faces(8, seed=3)\ndata.rendered.faces(8, seed=nbdgm.shifted(3))",
        "model.eval()\nrandom = torch.randn(3)\nx = {'random': random}['random']",
        "stream.seed",
        "import sys\nif 'google.colab' in sys.modules:\n    %pip install -q nbdgm",
        "with nbdgm.runtime.separate_rng(3): pass",
        "import time\nbegun = time.time()\nnbdgm.seed(4)",
        "def f(n: int, dice: torch.Generator = None) -> np.random.Generator:\n    return dice\nd: torch.Generator = f(3)",
    ],
)
def test_what_goes_through_the_library_is_left_alone(text):
    assert sources(text) == []


def test_a_source_is_found_across_cells_and_named_by_its_cell():
    (found,) = sources("import numpy as something", "y = 1\nx = something.random.rand(3)")
    assert found.startswith("cell c1, line 2: something.random.rand is another source of random numbers; draw with nbdgm.seed")


FIXED = [
    "play(player, data, budget(smoke=1, cpu=500, gpu=900))",
    "play(player, data, 500)",
    "play(player, data, steps=500)",
    "rounds = budget(smoke=1, cpu=500, gpu=900)\nplay(player, data, rounds)",
    "width, rounds = 3, budget(smoke=1, cpu=500, gpu=900)\nplay(player, data, 2 * rounds)",
    "width, rounds = budget(smoke=(1, 2), cpu=(64, 500), gpu=(64, 900))\nplay(player, data, rounds)",
    "import nbdgm.training as t\nt.play(player, data, nbdgm.budget(smoke=1, cpu=500, gpu=900))",
    "def train(net, rounds):\n    play(net, data, rounds)\ntrain(net, budget(smoke=1, cpu=5, gpu=9))",
    "def train(net, rounds=1000):\n    play(net, data, rounds)",
    "def train(net, *, rounds=1000):\n    play(net, data, rounds)",
    "def train(net, k):\n    play(net, data, k)\ndef twice(n):\n    train(net, n)\ntwice(n=budget(smoke=1, cpu=1, gpu=1))",
    "train = lambda net, rounds: play(net, data, rounds)\ntrain(net, 300)",
    "class Model:\n    def fit(self, rounds):\n        play(self, data, rounds)\nModel().fit(300)",
    "found = arena.search(rival, settings, budget(smoke=1, cpu=5, gpu=9))",
    "arena.run(rival, setting, 600, seeds=range(5))",
    "lengths = {'a': budget(smoke=1, cpu=5, gpu=9)}\nplay(net, data, lengths['a'])",
    "for n in (100, 1000):\n    play(net, data, n)",
    "histories = [play(net, data, n) for n in (100, 1000)]",
    "for step in range(budget(smoke=1, cpu=500, gpu=900)):\n    loss = f(x)\n    loss.backward()\n    adam.step()",
    "rounds = 800\nfor step in range(rounds):\n    adam.step()",
    "def train(rounds):\n    for step in range(rounds):\n        adam.step()\ntrain(500)",
    "rounds = steps(smoke=1, cpu=5, gpu=9)\nrounds = budget(smoke=1, cpu=500, gpu=900)\nplay(net, data, rounds)",
    "def f(long):\n    n = steps(smoke=1, cpu=5, gpu=9)\n    if long: n = 500\n    play(net, data, n)",
]


@pytest.mark.parametrize("text", FIXED)
def test_updates_that_are_not_stretched_are_found(text):
    found = fixed_updates(code(text))
    assert found and all("belong to steps()" in line or "give it by steps()" in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "play(player, data, steps(smoke=1, cpu=500, gpu=900))",
        "rounds = nbdgm.steps(smoke=1, cpu=500, gpu=900)\nplay(player, data, 3 * rounds // 2, frames=range(0, rounds + 1, 10))",
        "play(player, data, 1)\nplay(player, data, 10)",
        "width, rounds = budget(smoke=8, cpu=64, gpu=64), steps(smoke=1, cpu=500, gpu=900)\nplay(player, data, rounds)",
        "def train(net, rounds):\n    play(net, data, rounds)\ntrain(net, steps(smoke=1, cpu=5, gpu=9))",
        "rounds = budget(smoke=1, cpu=500, gpu=900)\nrounds = steps(smoke=1, cpu=5, gpu=9)\nplay(net, data, rounds)",
        "n = steps(smoke=1, cpu=5, gpu=9)\nplay(net, data, n)\nn = budget(smoke=50, cpu=500, gpu=5000)\nx = law.sample(n)",
        "def sample(n):\n    return law.sample(n)\nsample(budget(smoke=5, cpu=500, gpu=900))",
        "play(player, data, options.rounds)",
        "arena.run(rival, setting, steps(smoke=1, cpu=5, gpu=9), seeds=range(20))",
        "import subprocess\nsubprocess.run(a, b, 500)",
        "for step in range(steps(smoke=1, cpu=5, gpu=9)):\n    adam.step()",
        "for seed in range(30):\n    x = law.sample(seed)",
        "for x in batches:\n    loss.backward()",
    ],
)
def test_updates_that_are_stretched_are_left_alone(text):
    assert fixed_updates(code(text)) == []
