"""How networks are executed: the precision of losses, the layout of images in memory, compilation."""

import contextlib
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import nn

from nbdgm.training import imitation


def autocast(precision: str, device: torch.device) -> Callable[[], AbstractContextManager]:
    """Makes the context in which losses are computed on `device`.

    With the environment variable `NBDGM_IMITATE_GPU=1`, a CPU does as a GPU that has bfloat16: slowly, to show before anybody
    has a GPU which operations would meet which types there.

    Raises:
        ValueError: no such precision, or bfloat16 on a CPU.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"play: precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}")
    imitated = device.type == "cpu" and os.environ.get("NBDGM_IMITATE_GPU", "0") not in ("", "0")
    if precision == "bfloat16" and device.type == "cpu" and not imitated:
        raise ValueError("play: precision='bfloat16' is many times slower than float32 on CPUs; leave it to 'auto'")
    capable = imitated or (
        device.type == "cuda" and (precision == "bfloat16" or torch.cuda.get_device_capability(device)[0] >= 8)
    )
    if not capable or precision == "float32":
        return contextlib.nullcontext
    if imitated:
        imitation.begin()
    # no cache of casts: one made under no_grad would cut later gradients
    return lambda: torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def lay_out(modules: Sequence[nn.Module], channels_last: bool | None, compile: bool) -> bool:
    """Bring the modules into the layout in which images will come (None: channels last wherever there are 2-D convolutions),
    and compile them, if asked; returns whether images come with channels last.
    """
    if channels_last is None:
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        channels_last = any(isinstance(module, kinds) for each in modules for module in each.modules())
    for each in modules:
        if channels_last:
            each.to(memory_format=torch.channels_last)
        for module in each.children() if compile else ():
            module.compile()
    return bool(channels_last)
