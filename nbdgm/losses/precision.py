"""Half-precision networks, full-precision losses: sums over hundreds of terms need more than the 8 bits of bfloat16."""

from torch import Tensor


def full(x: Tensor) -> Tensor:
    """`x` in float32 if it is narrower, else as it is."""
    return x.float() if x.is_floating_point() and x.dtype.itemsize < 4 else x
