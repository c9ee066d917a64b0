"""The gradient of one batch, computed in as many parts as memory asks for, without changing what is learned."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.contracts.errors import DeviceError
from engine.machine.devices import ComputeDevice, is_out_of_memory
from engine.machine.seeds import step_seed
from engine.method.pretext.pretext_task import LossParts
from engine.training.checkpoints import TrainingState
from engine.training.objectives import Objective
from engine.translatable import say


class BatchGradient:
    """Computes gradients, and halves what is computed at a time where memory is short.

    In parts, the network's answers are made part by part without what their gradient needs, the loss sees all of them
    together, and each part is computed again when its gradient is asked for. The memory is that of one part, and
    contrast keeps all its negatives, which a plain accumulation over smaller batches would lose (the idea is that of
    GradCache; Gao, Zhang, Han, Callan, 2021). What changes is the rounding, and that the forward pass is done twice.
    """

    def __init__(
        self,
        *,
        module: Callable[[Tensor], Tensor],
        state: TrainingState,
        objective: Objective,
        device: ComputeDevice,
        seed: int,
        say: Callable[[str, str], None],
    ) -> None:
        """Take what a gradient needs.

        Args:
            module: The network at the device's precision.
            state: Of the training; its `batch_parts` are doubled where memory asks for it.
            objective: The loss.
            device: Where to compute.
            seed: Of the training.
            say: Told, as a sentence and a hint, of every halving.
        """
        self._module = module
        self._state = state
        self._objective = objective
        self._device = device
        self._seed = seed
        self._say = say
        self._largest_batch = 1

    def compute(self, batch: tuple[Tensor, ...]) -> LossParts:
        """Leave the gradient of a batch in the weights.

        Args:
            batch: As the objective made it, on the CPU.

        Returns:
            The loss.

        Raises:
            DeviceError: Memory does not suffice for a single crop.
        """
        while True:
            remembered = self._objective.state_tensors()
            loss = self._try(batch)
            if loss is not None:
                return loss
            # A queue of residuals may have taken in this batch already.
            self._objective.load_state_tensors(remembered)
            self._step_back()

    def _try(self, batch: tuple[Tensor, ...]) -> LossParts | None:
        """Leave the gradient of a batch in the weights; None where memory does not suffice."""
        try:
            on_device = tuple(part.to(self._device.torch_device, non_blocking=True) for part in batch)
            generator = torch.Generator().manual_seed(step_seed(self._seed, self._state.step))
            loss = self._objective.loss(self._restore, on_device, generator)
            self._state.optimizer.zero_grad(set_to_none=True)
            self._device.fabric.backward(loss.total)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return loss
        # Only here, with the exception gone, are the tensors of the failed attempt free.
        self._state.optimizer.zero_grad(set_to_none=True)
        self._device.release_unused()
        return None

    def _restore(self, noisy: Tensor) -> Tensor:
        return self._device.group.shared(self._restore_rows, noisy)

    def _restore_rows(self, noisy: Tensor) -> Tensor:
        self._largest_batch = max(self._largest_batch, len(noisy))
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        if self._state.batch_parts == 1:
            return self._module(noisy).float()
        parts = noisy.chunk(self._state.batch_parts)
        # No layer draws random numbers, so none have to be kept for the second time.
        restored = [checkpoint(self._module, part, use_reentrant=False, preserve_rng_state=False) for part in parts]
        return torch.cat([part.float() for part in restored])

    def _step_back(self) -> None:
        """Halve what is computed at a time, and say so.

        Raises:
            DeviceError: There is nothing left to halve.
        """
        # Others wait for this process's part of the step and cannot begin it anew.
        if self._state.batch_parts >= self._largest_batch or self._device.group.size > 1:
            raise DeviceError(
                "The memory does not suffice for this training, even with one crop at a time."
                if self._device.group.size == 1
                else "The memory of a process does not suffice for its part of the batch.",
                "Close other programs and resume this run, or start again with a smaller network or crop.",
            )
        self._state.batch_parts *= 2
        self._say(
            say(
                "Memory is short: from step {step:,} on each batch is computed in {batch_parts} parts.",
                step=self._state.step,
                batch_parts=self._state.batch_parts,
            ),
            "What is learned stays the same; each step takes longer.",
        )
