"""Several processes that train one network: what torchrun started, and what each does of a step."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together. One alone communicates nothing.

    A step's batch is the recipe's, cut into equal shares, so that N processes take the same steps as one.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    """The rank on this machine: which of its accelerators this process uses."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This process's part of a batch's rows, (n,) int64: at least one, so there must be as many rows as processes."""
        return rows if self.count == 1 else rows.tensor_split(self.count)[self.rank]

    def weight(self, share: int, batch: int) -> float:
        """What a share's mean loss counts, so that the mean over processes is the batch's mean: 1 for equal shares."""
        return share * self.count / batch

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """What a step calls: the network itself, or DistributedDataParallel, which averages the gradients."""
        if self.count == 1:
            return network
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)

    def total(self, values: list[float]) -> list[float]:
        """The sums of each process's values, the same on all."""
        if self.count == 1:
            return values
        sums: list[float] = torch.tensor(self.gather(values), dtype=torch.float64).sum(0).tolist()
        return sums

    def gather(self, value: Value) -> list[Value]:
        """Each process's value, by rank, the same list on all."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def any(self, value: bool) -> bool:  # noqa: FBT001  the one thing it is about
        """Whether the value is true in some process; the same answer on all."""
        if self.count == 1:
            return value
        flag = torch.tensor(value, dtype=torch.uint8)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def first_alone(self, work: Callable[[], Value]) -> Value:
        """Do the work on each process, the machine's first before the others: what it downloads the others find."""
        if self.count > 1 and self.local_rank:
            distributed.barrier()
        value = work()
        if self.count > 1 and not self.local_rank:
            distributed.barrier()
        return value


ALONE = Processes()


def join() -> Processes:
    """Meet the other processes that torchrun started; alone where it started none."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    distributed.init_process_group()  # gloo for tensors on the CPU, nccl for CUDA
    return Processes(distributed.get_rank(), distributed.get_world_size(), int(os.environ["LOCAL_RANK"]))


def leave() -> None:
    """Part from the other processes. What `wrap` gave has to be let go of before.

    The group's threads end with its last reference, and DistributedDataParallel holds one: a thread
    that outlives the interpreter may abort the whole process ("terminate called without an active exception").
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()
