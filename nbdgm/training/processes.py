"""Several processes that play one game: who has which part of a batch, and what they agree on."""

from typing import Any

import torch
from torch import Tensor

from nbdgm.training.player import Player


class Team:
    """The processes that play together; alone without an accelerator."""

    def __init__(self, accelerator: Any, players: list[Player]) -> None:
        self.accelerator = accelerator
        self.size: int = accelerator.num_processes if accelerator else 1
        self.rank: int = accelerator.process_index if accelerator else 0
        self.main = self.rank == 0
        if accelerator:
            for player in players:
                player.to(accelerator.device)
        if self.size > 1:
            for player in players:
                self.agree(player.tensors())
            torch.manual_seed(int(torch.randint(2**31, ())) + self.rank)  # each process draws noise of its own

    def part(self, x: Tensor) -> Tensor:
        """This process's part of a batch (all of what has no batch axis).

        Raises:
            ValueError: it cannot be shared evenly.
        """
        if self.size == 1 or x.ndim == 0:
            return x
        if len(x) % self.size:
            raise ValueError(
                f"a batch of {len(x)} cannot be shared evenly by {self.size} processes; choose a multiple of {self.size}"
            )
        share = len(x) // self.size
        return x[self.rank * share : (self.rank + 1) * share]

    def average(self, tensors: list[Tensor]) -> None:
        """Replace tensors, in place, by their mean over the processes (one message for all of them)."""
        if self.size > 1 and tensors:
            flat = self.mean(torch.cat([t.reshape(-1) for t in tensors]))
            for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
                tensor.copy_(part.view(tensor.shape))

    def agree(self, tensors: list[Tensor]) -> None:
        """Replace tensors, in place, by those of the first process."""
        if self.size > 1:
            from accelerate.utils import broadcast

            for tensor in tensors:
                tensor.copy_(broadcast(tensor.clone(), from_process=0))

    def settle(self, players: list[Player]) -> None:
        """Make the networks' buffers those of one process: the means of running statistics, the first process's otherwise."""
        for player in players:
            statistics = player.statistics()
            self.average(statistics)
            self.agree([b for b in player.modules.buffers() if not any(b is s for s in statistics)])

    def mean(self, tensor: Tensor) -> Tensor:
        return tensor if self.size == 1 else self.accelerator.reduce(tensor, reduction="mean")

    def gather(self, value: Any) -> list:
        if self.size == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])
