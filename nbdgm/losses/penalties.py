"""Penalties on the critic's gradient with respect to its input, one norm over all dimensions of each example.

They are differentiable themselves (double backward), and run in full precision whatever surrounds them.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from nbdgm.losses.precision import full


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, target: float = 1.0) -> Tensor:
    """E (|grad critic(u)| - target)^2 at u = e real + (1 - e) fake, one e ~ U(0, 1) for each example.

    Gulrajani et al. (2017), Improved Training of Wasserstein GANs. The critic must treat examples apart
    (no batch normalisation).

    Args:
        critic: (B, ...) -> logits, one or more for each example.
        real, fake: (B, ...), of the same shape; both are detached.

    Returns:
        scalar; multiply by the penalty's weight (10 in the paper).

    Raises:
        ValueError: `real` and `fake` differ in shape.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"gradient_penalty: real {tuple(real.shape)} and fake {tuple(fake.shape)} must have one shape; "
            "draw as many fake examples as there are real ones: sample(len(x))"
        )
    mix = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device, dtype=real.dtype)
    norms = input_gradients(critic, torch.lerp(fake, real, mix)).flatten(1).norm(dim=1)
    return (norms - target).square().mean()


def r1(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E |grad critic(real)|^2. Mescheder, Geiger and Nowozin (2018) add gamma / 2 times this to the critic's loss.

    Args:
        critic: (B, ...) -> logits.
        real: (B, ...), detached.

    Returns:
        scalar.
    """
    return input_gradients(critic, real).flatten(1).square().sum(1).mean()


def input_gradients(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of the critic's outputs with respect to `x`; shape of `x`, differentiable.

    Raises:
        ValueError: the critic's output does not depend on its input.
    """
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        x = full(x).detach().requires_grad_()
        output = critic(x)
        if not output.requires_grad:
            raise ValueError("the critic's output does not depend on its input, so there is no gradient to penalise")
        (gradient,) = torch.autograd.grad(output.sum(), x, create_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError("the critic's output does not depend on its input, so there is no gradient to penalise")
    return gradient
