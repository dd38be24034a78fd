"""The processes that train one model together.

Started by `torchrun` (or alone, which is the same with one process). Each works on its own part of every batch; what
they add up here, gradients above all, is then the same to the bit in all of them, so that they keep identical weights
without ever sending any. Knows nothing of models and steps.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import distributed

from engine.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["ALONE", "Processes", "join", "own_device"]

BUCKET_BYTES = 32 * 2**20  # summed at once: large enough to fill the network, small beside the gradients themselves


@dataclass(frozen=True)
class Processes:
    """`count` processes of which this is number `rank`; 0 writes checkpoints and tells the progress."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes, exact for small whole numbers and for values that only one process gives."""
        if self.count == 1:
            return list(values)
        together = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(together)
        added: list[float] = together.tolist()
        return added

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace float32 tensors, alike in all processes, by their sums over all processes; in place."""
        if self.count == 1:
            return
        for bucket in _buckets(tensors):
            together = torch.cat([tensor.flatten() for tensor in bucket])
            distributed.all_reduce(together)
            for tensor, added in zip(
                bucket, together.split_with_sizes([tensor.numel() for tensor in bucket]), strict=True
            ):
                tensor.copy_(added.view_as(tensor))


ALONE = Processes()


@contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """Meet the other processes that torchrun started, for as long as the context lasts; alone without torchrun.

    Raises:
        TrainingError: the processes do not find each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    try:
        # Small messages travel between CPUs whatever the model is on.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"The processes that train together do not find each other ({error}); start them with torchrun."
        ) from error
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """Where this process's model belongs: of several GPUs, each of a machine's processes has its own."""
    if device != torch.device("cuda") or "LOCAL_RANK" not in os.environ:
        return device
    index = int(os.environ["LOCAL_RANK"])
    if index >= torch.cuda.device_count():
        raise TrainingError(f"There is no GPU for process {index}; start as many processes as there are GPUs.")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and size + tensor.nbytes > BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket
