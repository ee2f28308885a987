"""nbdgm: networks, games and proofs for an executable course book on deep generative models.

The names below are loaded when they are first used (PEP 562), so that `import nbdgm` costs next to nothing.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

# name -> module that defines it; None: the name is itself a module of the package
_HOME: dict[str, str | None] = {
    "budget": "nbdgm.runtime",
    "budget_name": "nbdgm.runtime",
    "device": "nbdgm.runtime",
    "generator": "nbdgm.runtime",
    "rng": "nbdgm.runtime",
    "seed": "nbdgm.runtime",
    "setup": "nbdgm.runtime",
    "shifted": "nbdgm.runtime",
    "steps": "nbdgm.runtime",
    "History": "nbdgm.training",
    "NonFiniteError": "nbdgm.training",
    "Player": "nbdgm.training",
    "adam": "nbdgm.training",
    "linear_decay": "nbdgm.training",
    "play": "nbdgm.training",
    "sgd": "nbdgm.training",
    "load": "nbdgm.data",
    "check": "nbdgm.proof",
    "claim": "nbdgm.proof",
    "derivation": "nbdgm.proof",
    "highest": "nbdgm.proof",
    "lowest": "nbdgm.proof",
    "data": None,
    "display": None,
    "evaluation": None,
    "losses": None,
    "networks": None,
    "proof": None,
    "runtime": None,
    "sampling": None,
    "training": None,
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nbdgm' has no attribute {name!r}; it offers {', '.join(__all__)}")
    home = _HOME[name]
    value = importlib.import_module(f"nbdgm.{name}") if home is None else getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
