"""Penalties on the critic's gradient with respect to its input, one norm over all dimensions of each example.

They are differentiable themselves (double backward, which `torch.compile` cannot do: play without `compile` then), and run in
full precision whatever surrounds them.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdgm.losses.precision import full_batch


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, target: float = 1.0) -> Tensor:
    """E (|grad critic(u)| - target)^2 at u = e real + (1 - e) fake, one e ~ U(0, 1) for each example.

    Gulrajani et al. (2017), Improved Training of Wasserstein GANs. The critic must treat examples apart
    (no batch normalisation).

    Args:
        critic: (B, ...) -> logits, one or more for each example.
        real, fake: (B, ...), of the same shape; both are detached. Types may differ: half precision from a generator under
            autocast, single precision from the data.

    Returns:
        scalar; multiply by the penalty's weight (10 in the paper).

    Raises:
        ValueError: `real` and `fake` differ in shape or are empty; the critic's output does not depend on its input, or it
            normalises over the batch.
        TypeError: `real` or `fake` is no tensor.
    """
    real, fake = full_batch(real, "real"), full_batch(fake, "fake")
    if real.shape != fake.shape or real.ndim == 0:
        raise ValueError(
            f"gradient_penalty: real {tuple(real.shape)} and fake {tuple(fake.shape)} must have one shape, (B, ...); "
            "draw as many fake examples as there are real ones: sample(len(x))"
        )
    dtype = torch.promote_types(real.dtype, fake.dtype)
    mix = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device, dtype=dtype)
    between = torch.lerp(fake.to(dtype), real.to(dtype), mix)
    return (_by_example(input_gradients(critic, between)).norm(dim=1) - target).square().mean()


def r1(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E |grad critic(real)|^2. Mescheder, Geiger and Nowozin (2018) add gamma / 2 times this to the critic's loss.

    Args:
        critic: (B, ...) -> logits.
        real: (B, ...), detached.

    Returns:
        scalar.

    Raises:
        ValueError: `real` is empty; the critic's output does not depend on its input, or it normalises over the batch.
        TypeError: `real` is no tensor.
    """
    return _by_example(input_gradients(critic, real)).square().sum(1).mean()


def input_gradients(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of the critic's outputs with respect to `x`; shape of `x`, differentiable.

    It is each example's own gradient because each output depends on its own example alone.

    Raises:
        ValueError: `x` is empty; the critic's output does not depend on its input, or it normalises over the batch.
        TypeError: `x`, or what the critic returns, is no tensor.
    """
    with _gradients(), torch.autocast(x.device.type, enabled=False), _examples_apart():
        x = full_batch(x, "x").detach()
        x = (x.clone() if x.is_inference() else x).requires_grad_()
        output = critic(x)
        if not isinstance(output, Tensor):
            raise TypeError(f"the critic must return a tensor of logits, got {type(output).__name__}")
        depends = output.requires_grad
        (gradient,) = torch.autograd.grad(output.sum(), x, create_graph=True, allow_unused=True) if depends else (None,)
    if gradient is None:
        raise ValueError("the critic's output does not depend on its input, so there is no gradient to penalise")
    return gradient


def _by_example(gradient: Tensor) -> Tensor:
    """(B, ...) -> (B, numbers in an example)."""
    return gradient.reshape(gradient.shape[0], -1) if gradient.ndim else gradient.reshape(1, 1)


def _gradients() -> contextlib.AbstractContextManager:
    """Inside, gradients are computed, whatever was said outside."""
    return torch.inference_mode(False) if torch.is_inference_mode_enabled() else torch.enable_grad()


@contextlib.contextmanager
def _examples_apart() -> Iterator[None]:
    """Inside, a module that normalises over the batch raises: the gradient of a sum would mix the examples."""
    here = threading.get_ident()

    def refuse(module: nn.Module, _: tuple) -> None:
        mixes = isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)
        if mixes and threading.get_ident() == here:
            raise ValueError(
                f"the critic normalises over the batch ({type(module).__name__}), so no example has a gradient of its own to "
                "penalise; take it out (dcgan_critic(normalise=False)), or normalise each example (nn.InstanceNorm2d)"
            )

    hook = nn.modules.module.register_module_forward_pre_hook(refuse)
    try:
        yield
    finally:
        hook.remove()
