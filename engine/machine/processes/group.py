"""Several processes that train or restore as one, started by `torchrun`: what they exchange.

Every process knows the whole batch, since a batch is a function of seed and step. Each passes its own rows through the
network and gets all others' results, through which gradients flow back to whoever computed them. So the loss, with the
negatives of all processes, is everywhere that of one process with the whole batch; and the sum of the processes'
gradients is its gradient. torchrun (https://pytorch.org/docs/stable/elastic/run.html) says by environment variables who
is who.
"""

import atexit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from engine.contracts.errors import ProcessGroupError
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.processes.rank import is_one_of_several

Value = TypeVar("Value")

AGREE_EVERY_STEPS: Final = 10
"""How often processes ask each other whether to stop: asking at each step would make a GPU wait for each of them."""

_PATIENCE: Final = timedelta(minutes=30)
"""How long a process waits for others: the first one decodes photos, shows and saves while they wait."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one job; a job alone is a group of one, which exchanges nothing.

    Attributes:
        rank: This process's number, from 0; 0 writes the run and speaks to the person.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run and speaks to the person."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """The rows of a batch that this process computes; others' may be one more or fewer, or none."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def shared(self, compute: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Apply a network to a batch, each process to its rows; everywhere the result is that of all rows.

        Args:
            compute: The network, row by row.
            batch: The same in every process. Shape: (batch, ...).

        Returns:
            Shape: (batch, ...). A gradient flows back into this process's own rows alone.

        Raises:
            ProcessGroupError: Another process has ended.
        """
        if self.size == 1:
            return compute(batch)
        own = compute(batch[self.rows(len(batch))])
        gathered: Tensor = _GatherRows.apply(own, len(batch), self)  # type: ignore[no-untyped-call]
        return gathered

    def sum_gradients(self, weights: Sequence[Tensor]) -> None:
        """Replace every weight's gradient by the sum over all processes; weights without one are left alone.

        Raises:
            ProcessGroupError: Another process has ended.
        """
        if self.size == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        # One message for all of them: there are many, and most are small.
        message = torch.cat([gradient.flatten() for gradient in gradients])
        with _told_when_lost():
            dist.all_reduce(message)
        start = 0
        for gradient in gradients:
            gradient.copy_(message[start : start + gradient.numel()].view(gradient.shape))
            start += gradient.numel()

    def wait_if_paused(self, control: JobControl, step: int, device: torch.device) -> None:
        """Stop everywhere at the same step once any process is asked to.

        Args:
            control: This process's.
            step: The same in every process.
            device: Where the processes speak to each other.

        Raises:
            JobCancelled: One of them has been asked to end.
            ProcessGroupError: Another process has ended.
        """
        if self.size == 1:
            control.wait_if_paused()
            return
        is_cancelled = False
        try:
            control.wait_if_paused()
        except JobCancelled:
            is_cancelled = True
        if step % AGREE_EVERY_STEPS == 0 and self.any(is_cancelled, device):
            raise JobCancelled

    def any(self, value: bool, device: torch.device) -> bool:
        """Whether it is true in any process.

        Raises:
            ProcessGroupError: Another process has ended.
        """
        if self.size == 1:
            return value
        found = torch.tensor(float(value), device=device)
        with _told_when_lost():
            dist.all_reduce(found, dist.ReduceOp.MAX)
            return bool(found.item())

    def all_of(self, value: Value) -> list[Value]:
        """Everybody's value, by rank; picklable, between processes of one job only.

        Raises:
            ProcessGroupError: Another process has ended.
        """
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        with _told_when_lost():
            dist.all_gather_object(found, value)
        return found


ALONE: Final = ProcessGroup()


def join_group() -> ProcessGroup:
    """Meet the other processes that torchrun has started; a group of one where there are none.

    Raises:
        ProcessGroupError: They cannot be reached.
    """
    if not is_one_of_several():
        return ALONE
    if not dist.is_initialized():
        atexit.register(dist.destroy_process_group)
        with _told_when_lost():
            # GPUs speak by NCCL, everything else by Gloo.
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, timeout=_PATIENCE)
    return ProcessGroup(rank=dist.get_rank(), size=dist.get_world_size())


@contextmanager
def _told_when_lost() -> Iterator[None]:
    """Say it in a sentence where another process has ended, or cannot be reached.

    Raises:
        ProcessGroupError: Of any error of torch's own.
    """
    try:
        yield
    except RuntimeError as error:
        raise ProcessGroupError(
            "Another process of this job has ended, or can no longer be reached.",
            "Its last words may stand above. What is done is kept: resume the training, or start the batch once more.",
        ) from error


class _GatherRows(torch.autograd.Function):
    """All processes' rows, one behind the other; the gradient of a process's own rows flows back."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, count: int, group: ProcessGroup) -> Tensor:
        ctx.rows = group.rows(count)
        sizes = [ProcessGroup(rank, group.size).rows(count) for rank in range(group.size)]
        # All messages must be of one size: those with a row less are filled up.
        most = max(rows.stop - rows.start for rows in sizes)
        message = own.new_zeros((most, *own.shape[1:]))
        message[: len(own)] = own
        found = [torch.empty_like(message) for _ in sizes]
        # The message alone: memory that does not suffice is another error, and no lost process.
        with _told_when_lost():
            dist.all_gather(found, message)
        return torch.cat([part[: rows.stop - rows.start] for part, rows in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # The loss is the same everywhere, and so is its gradient: each process goes on with its part.
        return gradients[0][ctx.rows], None, None
