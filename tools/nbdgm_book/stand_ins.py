"""Names of torch and its relatives for the API reference: pages are built where torch is not, and are the same where it is.

While an `auto...` directive of Sphinx runs, `import torch` gives a module whose every name is a class, made when it is asked
for: `Tensor | None`, `class Crowd(nn.Module)`, `Callable[[Tensor], Tensor]` and `@torch.no_grad()` mean what they say, and
nothing can be computed. It is not for running the library. Before and after, none of it is there: what had been imported is
back in its place, and what was imported meanwhile is known to the next such directive only.
"""

import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.autodoc.directive import AutodocDirective

HEAVY = ("torch", "torchvision", "torchmetrics", "accelerate", "sklearn", "scipy", "ot", "tqdm")
"""Packages that no page needs, in any environment."""


def stand_in(home: str, name: str) -> type:
    """A class for `name` of the module `home`."""
    return Names(name, (StandIn,), {"__module__": home, "_made_for": f"{home}.{name}"})


class Names(type):
    """The names of a stand-in are classes too, as in `torch.library.Library`; those of a class derived from it are its own."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__") or "_made_for" not in vars(cls):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        made = stand_in(cls._made_for, name)
        setattr(cls, name, made)
        return made


class StandIn(metaclass=Names):
    """What every name of a stand-in module is derived from; an instance, used as a decorator, changes nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __init_subclass__(cls, **_: Any) -> None:
        pass

    def __call__(self, decorated: Any) -> Any:
        return decorated


class Module(types.ModuleType):
    """A module in which every public name is a class of that name, the same one each time."""

    __path__: tuple[str, ...] = ()  # a package: `import torch.nn.functional` asks for it

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        made = stand_in(self.__name__, name)
        setattr(self, name, made)
        return made


class Finder:
    """Finds the packages of `HEAVY`, and all modules below them, before Python does."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.partition(".")[0] in HEAVY else None

    def create_module(self, spec: ModuleSpec) -> Module:
        return Module(spec.name)

    def exec_module(self, module: Module) -> None:
        pass


KEPT: dict[str, types.ModuleType] = {}
"""What directives have imported so far, so that each finds the modules of the one before."""


def take(names: tuple[str, ...]) -> dict[str, types.ModuleType]:
    """Remove packages, with all that is below them, from the modules that are imported, and return them."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}


@contextmanager
def stand_ins() -> Iterator[None]:
    """Within, the packages of `HEAVY` are stand-ins, and the library is imported anew on top of them."""
    packages, finder = (*HEAVY, "nbdgm"), Finder()
    before = take(packages)
    sys.modules.update(KEPT)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        KEPT.update(take(packages))
        sys.modules.update(before)


class Directive(AutodocDirective):
    """`automodule` and its like, with stand-ins."""

    def run(self) -> list:
        with stand_ins():
            return super().run()


def plain(app: Sphinx, kind: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None) -> tuple:
    """A signature without the marks as in `~torch.Tensor` that Sphinx leaves where it cannot parse: at a `<factory>`."""
    return (re.sub(r"~(\w+\.)*", "", signature) if signature and "<factory>" in signature else signature), returns


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    for kind in app.registry.documenters:
        app.add_directive(f"auto{kind}", Directive, override=True)
    app.connect("autodoc-process-signature", plain)
