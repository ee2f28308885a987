"""State that is not a weight: flags, modes, buffers, random numbers. Who may change them, and how they are put back."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm

from nbdgm.runtime import separate_rng

_POWER_ITERATIONS = 100  # each is two products with a vector; torch starts spectral normalisation with 15


def statistics(modules: nn.Module) -> list[Tensor]:
    """The running means and variances of batch (and instance) normalisation: the only buffers of which a mean makes sense."""
    norms = [module for module in modules.modules() if isinstance(module, _NormBase)]
    return [b for norm in norms for b in (norm.running_mean, norm.running_var) if b is not None]


@contextlib.contextmanager
def constant(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside, these parameters ask for no gradients: autograd then neither stores nor computes anything for them. Those that
    asked for none before ask for none afterwards.
    """
    parameters = [p for p in parameters if p.requires_grad]
    try:
        for parameter in parameters:
            parameter.requires_grad = False
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad = True


@contextlib.contextmanager
def flags_kept(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Afterwards each parameter asks for gradients if it did before."""
    flags = {parameter: parameter.requires_grad for each in modules for parameter in each.parameters()}
    try:
        yield
    finally:
        for parameter, flag in flags.items():
            parameter.requires_grad = flag


@contextlib.contextmanager
def modes_kept(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Train mode inside; afterwards each module is in the mode in which it was found."""
    modes = {module: module.training for each in modules for module in each.modules()}
    try:
        train(modules)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def train(modules: Sequence[nn.Module]) -> None:
    for module in modules:
        module.train()


@contextlib.contextmanager
def buffers_kept(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, forward passes may change buffers, as those of batch and spectral normalisation do; afterwards nothing has."""
    kept = [
        (module, name, buffer, None if buffer is None else buffer.detach().clone())
        for module in dict.fromkeys(module for each in modules for module in each.modules())
        for name, buffer in module._buffers.items()
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, value in kept:
                module._buffers[name] = buffer
                if buffer is not None:
                    buffer.copy_(value)


@contextlib.contextmanager
def looking(modules: Sequence[nn.Module], seed: int | None = None) -> Iterator[None]:
    """Inside, somebody looks at the game (drawing random numbers from `seed` on, if given); afterwards random numbers and
    buffers are what they were, and the modules train.
    """
    with separate_rng(seed), buffers_kept(modules):
        try:
            yield
        finally:
            train(modules)


@torch.no_grad()
def settle(modules: nn.Module) -> None:
    """Bring the singular vectors of spectral normalisation up to weights that have just been replaced."""
    for module in modules.modules():
        if isinstance(module, ParametrizationList) and any(True for _ in module.buffers()):
            with modes_kept([module]):
                for _ in range(_POWER_ITERATIONS):
                    module()
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                for _ in range(_POWER_ITERATIONS):
                    hook.compute_weight(module, do_power_iteration=True)
