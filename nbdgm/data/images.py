"""A set of pictures with what is known about them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nbdgm.border import remedy, whole
from nbdgm.runtime import generator

from .batches import Batches


@dataclass(repr=False)
class Images:
    """Pictures `x` (N, C, H, W), float32 in [0, 1], and their classes `y` (N,), whole numbers, or None.

    `factors` holds, for drawn pictures, what each was drawn from (name -> tensor (N, ...)). `stand_in` is True when other
    pictures take the place of those asked for (at the smoke budget, or without a network).

    Raises:
        ValueError: naming the argument, for a wrong shape, dtype, range or length.
    """

    x: Tensor
    y: Tensor | None = None
    name: str = "images"
    stand_in: bool = False
    factors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.x, Tensor) or self.x.ndim != 4 or self.x.dtype != torch.float32:
            found = f"{getattr(self.x, 'dtype', type(self.x).__name__)} of shape {tuple(getattr(self.x, 'shape', ()))}"
            raise ValueError(f"x: expected float32 of shape (N, C, H, W), got {found}")
        if self.x.numel():
            low, high = (v.item() for v in torch.aminmax(self.x))
            if not (low >= 0 and high <= 1):
                raise ValueError(f"x: expected values in [0, 1], got values from {low:.3g} to {high:.3g}{remedy(low, high)}")
        for name, values in {"y": self.y, **self.factors}.items():
            if values is None:
                continue
            if not isinstance(values, Tensor) or not values.ndim:
                raise ValueError(f"{name}: expected a tensor of {len(self.x)} values, got {type(values).__name__}")
            if len(values) != len(self.x):
                raise ValueError(f"{name}: expected {len(self.x)} values, one per picture, got {len(values)}")
        if self.y is not None and (self.y.ndim != 1 or self.y.is_floating_point() or self.y.is_complex()):
            raise ValueError(f"y: expected whole numbers of shape (N,), got {self.y.dtype} of shape {tuple(self.y.shape)}")

    @property
    def real(self) -> bool:
        """True unless these pictures stand in for others."""
        return not self.stand_in

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        n, shape = len(self), "x".join(str(s) for s in self.x.shape[1:])
        return f"<{self.name}: {n:,} pictures {shape}{', a stand-in' if self.stand_in else ''}>"

    def __getitem__(self, index: int | slice | Tensor | list) -> "Images":
        """The pictures at `index` (a position, a slice, a mask, or positions), with their classes and factors.

        Raises:
            ValueError: for anything else, several axes among them.
            IndexError: for a position beyond the end, or a mask of another length.
        """
        if not isinstance(index, slice):
            given, index = index, torch.as_tensor(list(index) if isinstance(index, range) else index)
            if index.numel() == 0:
                index = index.long()
            if isinstance(given, tuple) or index.ndim > 1 or index.is_floating_point() or index.is_complex():
                raise ValueError(f"index: expected a position, a slice, a mask or a list of positions, got {given!r}")
            index = index if index.dtype == torch.bool else index.long()  # bytes are positions too, not masks
            index = index.reshape(-1).to(self.x.device)
        return replace(
            self,
            x=self.x[index],
            y=None if self.y is None else self.y[index],
            factors={name: values[index] for name, values in self.factors.items()},
        )

    def first(self, n: int) -> "Images":
        """The first `n` pictures."""
        if whole("n", n, 0) > len(self):
            raise ValueError(f"n: expected 0 to {len(self)} pictures, got {n}")
        return self[:n]

    def shuffled(self, seed: int = 0) -> "Images":
        """All pictures in an order that depends on `seed` alone (shifted by `NBDGM_SEED`: a draw, not a split)."""
        return self[torch.randperm(len(self), generator=generator(seed, "cpu"))]

    def to(self, device: torch.device | str) -> "Images":
        """The same pictures on another device."""
        return replace(
            self,
            x=self.x.to(device),
            y=None if self.y is None else self.y.to(device),
            factors={name: values.to(device) for name, values in self.factors.items()},
        )

    def batches(
        self, size: int, *, seed: int = 0, transform: Callable[..., Tensor] | None = None, labels: bool = False
    ) -> Batches:
        """Endless batches of `size` pictures (B, C, H, W), or with `labels` pairs of pictures and classes (B,); see `Batches`.

        Raises:
            ValueError: if there are fewer than `size` pictures, or if `labels` are wanted and there are none.
        """
        if labels and self.y is None:
            raise ValueError(f"labels: {self.name} has no labels")
        return Batches((self.x, self.y) if labels else self.x, size, seed=seed, transform=transform)


def bars_and_stripes(size: int = 4) -> Images:
    """All pictures of `size` x `size` pixels made of whole columns (bars, class 0) or of whole rows (stripes, class 1).

    There are 2^(size+1) - 2 of them: the empty and the full picture are both and appear once, as bars. The uniform law over
    them has the entropy log(2^(size+1) - 2) nats, which no model's negative log-likelihood can beat.
    """
    if whole("size", size) > 10:
        raise ValueError(f"size: expected 1 to 10, got {size}")
    codes = torch.arange(2**size)
    lines = (codes[:, None] >> torch.arange(size)) & 1  # (2^size, size)
    bars = lines[:, None, :].expand(-1, size, -1)
    stripes = lines[1:-1, :, None].expand(-1, -1, size)
    x = torch.cat([bars, stripes])[:, None].float()
    return Images(x, torch.tensor([0] * len(bars) + [1] * len(stripes)), "bars and stripes")
