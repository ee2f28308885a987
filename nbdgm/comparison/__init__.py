"""One fair comparison of adversarial losses: the same networks, data, updates, seeds and measures for all contenders, the same
search over every parameter that can decide, differences over the same seeds with an interval, and in every table the data
against itself first and a trivial model last. A loss of one's own takes five lines::

    mine = Contender(
        "my loss",
        critic=lambda D, real, fake: F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean(),
        generator=lambda D, real, fake: -D(fake).mean(),
    )

Not for tables of published numbers: everything here is trained by the caller, within minutes.
"""

from .arena import Arena
from .contender import AdversarialLoss, Contender, Critic, Setting
from .films import film
from .result import Difference, Result, difference
from .search import Found
from .tables import compare

__all__ = [
    "AdversarialLoss",
    "Arena",
    "Contender",
    "Critic",
    "Difference",
    "Found",
    "Result",
    "Setting",
    "compare",
    "difference",
    "film",
]
