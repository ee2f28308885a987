"""Which settings a search tries, which it takes, and whether the best lies at the end of what was tried."""

import itertools
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .contender import Contender, Setting

Space = Sequence[Setting] | Mapping[str, Sequence[Any]]


class Found(NamedTuple):
    """What a search found: the best setting, and for all (setting, value of each seed)."""

    best: Setting
    rows: list[tuple[Setting, list[float]]]

    @property
    def edges(self) -> list[str]:
        """Parameters whose best value is the lowest or highest tried ("lr highest"): the search should go on there.

        Numbers only; each of a pair of betas counts by itself. 0, and one turn, have nothing below them.
        """
        tried, found = [_numbers(setting) for setting, _ in self.rows], []
        for name, value in _numbers(self.best).items():
            values = sorted({numbers[name] for numbers in tried if name in numbers})
            if len(values) > 1 and value == values[-1]:
                found.append(f"{name} highest")
            elif len(values) > 1 and value == values[0] > (name == "turns"):
                found.append(f"{name} lowest")
        return found


def candidates(contender: Contender, space: Space, tries: int | None, rng: np.random.Generator) -> list[Setting]:
    """Every combination of what the space and the contender's own `parameters` list; of these `tries` at random, if given.

    Raises:
        ValueError: an empty space, a space without "lr", or no tries.
    """
    if not len(space):
        raise ValueError(
            "search: settings is empty; give two or more Setting(lr, betas), or lists such as {'lr': (1e-3, 3e-3)}"
        )
    if tries is not None and tries < 1:
        raise ValueError(f"search: tries must be 1 or more, got {tries}")
    if isinstance(space, Mapping):
        lists = dict(space) | dict(contender.parameters)
        if "lr" not in lists:
            raise ValueError(f"search: no 'lr' among {sorted(lists)}; give the generator's learning rates to try")
        settings = [Setting.of(**values) for values in _product(lists)]
    else:
        own = _product(contender.parameters)
        settings = [Setting.of(**(setting.values() | values)) for setting in space for values in own]
    for setting in settings:
        contender.check(setting.own)
    if tries is None or tries >= len(settings):
        return settings
    return [settings[i] for i in sorted(rng.choice(len(settings), tries, replace=False))]


def rank(values: Sequence[float]) -> tuple[int, float]:
    """What the search minimises: first the number of seeds that broke off, then the mean of the others."""
    finite = np.isfinite(values)
    return int((~finite).sum()), float(np.mean(np.array(values)[finite])) if finite.any() else np.inf


def _product(lists: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _numbers(setting: Setting) -> dict[str, Real]:
    """The setting's numbers by name; a tuple's each by itself."""
    found = {}
    for name, value in setting.values().items():
        parts = {f"{name}[{i}]": v for i, v in enumerate(value)} if isinstance(value, (tuple, list)) else {name: value}
        found |= {k: v for k, v in parts.items() if isinstance(v, Real) and not isinstance(v, bool)}
    return found
