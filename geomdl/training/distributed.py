"""Several processes that train as one: who takes which samples, and sums over all of them."""

import atexit
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .batches import Batch

__all__ = ["World", "join"]

T = TypeVar("T")


class _Sum(torch.autograd.Function):
    """Sum over processes; every process's loss hangs on it, so gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Sum.apply(grad)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class World:
    """The processes of a run, seen from one of them; alone, all methods do nothing.

    Every process goes through the same global batches in the same order and takes its slice of
    each; sums over processes then are what one process would have found. What differs is the
    order of floating-point additions (1e-16 relative in float64).

    Args:
        rank: number of this process, from 0.
        size: number of processes.
        local_rank: number of this process on its machine, which is its GPU.

    Example:
        >>> World().share(Batch((), {}, torch.zeros(5)))[1]
        1.0
        >>> batch, weight = World(rank=1, size=2).share(Batch((), {}, torch.arange(5)))
        >>> batch.target.tolist(), weight
        ([3, 4], 0.4)
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and shows the bar."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is only one process."""
        return self.size == 1

    def share(self, batch: Batch) -> tuple[Batch, float]:
        """This process's slice of a batch, and the share of the batch that it is.

        Where there are fewer samples than processes, those without one work on the first with
        weight 0, so that all take part in every sum.

        Args:
            batch: the batch of all processes, the same on each.

        Returns:
            the slice, and its number of samples over that of the batch.
        """
        if self.alone:
            return batch, 1.0
        fewest, more = divmod(batch.size, self.size)
        first = self.rank * fewest + min(self.rank, more)
        count = fewest + (self.rank < more)
        part = batch.part(first, first + count) if count else batch.part(0, 1)
        return part, count / batch.size

    def sum(self, x: Tensor) -> Tensor:
        """Sum of a tensor over processes, bit for bit the same on each; differentiable."""
        if self.alone:
            return x
        total: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
        return total

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over processes; None on all of them stays None."""
        if self.alone:
            return
        parameters = list(parameters)
        device = parameters[0].device
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=device)
        dist.all_reduce(used)
        active = [p for p, n in zip(parameters, used.tolist(), strict=True) if n > 0]
        for dtype in sorted({p.dtype for p in active}, key=str):
            some = [p for p in active if p.dtype == dtype]
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in some]
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            dist.all_reduce(flat)
            for p, piece in zip(some, flat.split([p.numel() for p in some]), strict=True):
                p.grad = piece.view_as(p)

    def copy_from_main(self, model: nn.Module) -> None:
        """Give every process the parameters and buffers of the first one."""
        if self.alone:
            return
        for tensor in (*model.parameters(), *model.buffers()):
            value = tensor.detach().contiguous()
            dist.broadcast(value, 0)
            tensor.detach().copy_(value)

    def agree(self, decision: bool) -> bool:
        """What the first process decides."""
        return self.from_main(decision)

    def from_main(self, value: T) -> T:
        """The first process's object, which must pickle; what the others give is not looked at."""
        if self.alone:
            return value
        held: list[Any] = [value if self.main else None]
        dist.broadcast_object_list(held, 0, device=self._device())
        given: T = held[0]
        return given

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is raised within on one process is raised on all; nothing may be summed within.

        Raises:
            ValueError: on the others, with the message of the first that raised.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as raised:
            if self.alone:
                raise
            error = raised
        if self.alone:
            return
        messages: list[str | None] = [None] * self.size
        dist.all_gather_object(messages, None if error is None else str(error))
        if error is not None:
            raise error
        for message in messages:
            if message is not None:
                raise ValueError(message)

    def require_same(self, facts: Mapping[str, str]) -> None:
        """Refuse facts that are not the same on all processes.

        Raises:
            ValueError: on every process, with the first fact that differs.
        """
        if self.alone:
            return
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, dict(facts))
        for key in dict.fromkeys(key for one in found for key in one):
            values = list(dict.fromkeys(str(one.get(key)) for one in found))
            if len(values) > 1:
                got = " and ".join(values)
                raise ValueError(f"{key}: should be the same on every process, got {got}")

    def wait(self) -> None:
        """Go on only when all processes have come here."""
        if not self.alone:
            self.sum(torch.zeros(1, device=self._device()))

    def _device(self) -> torch.device:
        """Where small tensors are exchanged."""
        if dist.get_backend() == "nccl":
            return torch.device("cuda", self.local_rank)
        return torch.device("cpu")


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def join() -> World:
    """The processes that ``torchrun`` started, or that the caller has already joined.

    A process group is made once and stays for later calls and for the caller's own use; it is
    taken down when the interpreter ends. A group made by the caller is left to the caller.

    Returns:
        the `World`; of one process when neither is the case.

    Example:
        >>> join().size
        1
    """
    if not dist.is_available():
        return World()
    started = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))
    if not dist.is_initialized():
        if not started or int(os.environ["WORLD_SIZE"]) == 1:
            return World()
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(_leave)
    rank = dist.get_rank()
    return World(rank, dist.get_world_size(), int(os.environ.get("LOCAL_RANK", rank)))
