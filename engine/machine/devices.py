"""The one place that knows devices: CPU, CUDA and MPS alike; Lightning Fabric drives trainings on them."""

import copy
import logging
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from torch import Tensor

from engine.contracts.configs import BackendChoice, ComputeConfig, ComputePreference, TrainingConfig
from engine.contracts.errors import DeviceError
from engine.machine.processes.group import ALONE, ProcessGroup, join_group
from engine.machine.processes.rank import local_rank
from engine.translatable import say

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# It announces the precision of every device it opens on stderr; that belongs to this program's own reports.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

Precision = Literal["32-true", "bf16-mixed"]
Network = TypeVar("Network", bound=torch.nn.Module)


@dataclass(frozen=True)
class ComputeDevice:
    """An opened device.

    Attributes:
        torch_device: As torch names it.
        name: "cpu", "cuda" or "mps".
        precision: "32-true" or "bf16-mixed".
        group: The processes that work as one; this one alone unless torchrun has started several.
    """

    torch_device: torch.device
    name: str
    precision: Precision
    group: ProcessGroup = ALONE

    @cached_property
    def fabric(self) -> "Fabric":
        """Lightning Fabric on this device, which sets up trainings."""
        # Only now: it brings torch's compiler along, more than a second that nobody who restores needs.
        from lightning_fabric import Fabric

        device = self.torch_device
        return Fabric(
            accelerator=device.type, devices=1 if device.index is None else [device.index], precision=self.precision
        )

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which a network computes at this device's precision."""
        if self.precision == "32-true":
            return nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)

    @property
    def has_own_memory(self) -> bool:
        """Whether its memory is not the machine's, so that what waits can make room by leaving it."""
        return self.name == "cuda"

    def release_unused(self) -> None:
        """Give other programs back what torch keeps ready for tensors to come."""
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()

    def move_to_host(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Move tensors, in place, from this device to the machine's memory, and give back what they took.

        Args:
            tensors: Any; those that are not on this device stay where they are.

        Returns:
            Those that moved, for `move_back`; empty where this device has no memory of its own.
        """
        if not self.has_own_memory:
            return []
        moved = [tensor for tensor in tensors if tensor.device == self.torch_device]
        for tensor in moved:
            tensor.data = tensor.data.to("cpu", copy=True)
        self.release_unused()
        return moved

    def move_back(self, tensors: Iterable[Tensor]) -> None:
        """Move tensors, in place, to this device.

        Raises:
            DeviceError: Others have taken its memory meanwhile; every tensor is still whole, here or there.
        """
        try:
            for tensor in tensors:
                tensor.data = tensor.data.to(self.torch_device, copy=True)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                "Other programs have taken the graphics card's memory during the pause.",
                "Close them, then resume the run: nothing of it is lost.",
            ) from error

    def at_half_precision(self) -> "ComputeDevice | None":
        """The same device at half precision, which halves what activations take; None where that is no step."""
        if self.precision != "32-true" or not has_half_precision(self.name):
            return None
        return replace(self, precision="bf16-mixed")

    def on_cpu(self) -> "ComputeDevice":
        """The CPU in place of this device, for when its memory does not suffice."""
        return open_device(ComputeConfig(device="cpu"))


_preference = ComputePreference()
_all_threads = torch.get_num_threads()


def prefer(preference: ComputePreference) -> None:
    """Set what "auto" means from now on, for devices that are opened later."""
    global _preference
    if _preference.threads and not preference.threads:
        # Once given, a number of threads stays with torch until it gets another one.
        preference = preference.model_copy(update={"threads": _all_threads})
    _preference = preference


def preferred_backend(asked: BackendChoice) -> BackendChoice:
    """The library that restores where a job asks for this one: "auto" is what is preferred (`prefer`)."""
    return _preference.backend if asked == "auto" else asked


def available_devices() -> list[str]:
    """Names of the devices of this machine, the fastest first."""
    names = ["cpu"]
    if torch.backends.mps.is_available():
        names.insert(0, "mps")
    if torch.cuda.is_available():
        names.insert(0, "cuda")
    return names


def has_half_precision(device_name: str) -> bool:
    """Whether the hardware computes in bfloat16 by itself: elsewhere it is emulated, and slower than float32."""
    if device_name == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_name == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("bf16"))
    return False


def best_precision(device_name: str) -> Precision:
    """Half precision where trainings are quicker in it, else single precision.

    Intel's processors are quick at it by their matrix units alone (AMX: convolutions at 456 GFLOP/s). Where those are
    missing, or a virtual machine hides them, half precision computes 178 where single precision computes 314 (Emerald
    Rapids, 2 cores, torch 2.13; measured). Restoring by torch waits for memory, and is quicker in half precision there
    too: 1.2 for 1.7 s a megapixel.
    """
    if device_name == "cpu":
        capabilities = torch.cpu.get_capabilities()
        is_intel = str(capabilities.get("cpu_name", "")).startswith("Intel")
        if is_intel and not capabilities.get("amx_bf16"):
            return "32-true"
    return "bf16-mixed" if has_half_precision(device_name) else "32-true"


def _quickest_to_restore(device_name: str) -> Precision:
    return "bf16-mixed" if has_half_precision(device_name) else "32-true"


def open_device(config: ComputeConfig) -> ComputeDevice:
    """Open the device that the settings name; "auto" takes the preferred one (`prefer`), or the fastest one found.

    Likewise its precision: by what is quickest to train, where the settings are those of a training, else to restore.
    Threads are set here, since torch keeps their number by calling thread.

    Raises:
        DeviceError: The device is not on this machine.
        ProcessGroupError: torchrun has started several processes, and they cannot reach each other.
    """
    devices = available_devices()
    preferred = _preference.device if _preference.device in devices else devices[0]
    name = preferred if config.device == "auto" else config.device
    if name not in devices:
        raise DeviceError(
            say("This machine has no usable {name} device.", name=name.upper()),
            say("Choose one of: auto, {devices}.", devices=", ".join(devices)),
        )
    precision = _preference.precision if config.precision == "auto" else config.precision
    if precision == "auto":
        precision = best_precision(name) if isinstance(config, TrainingConfig) else _quickest_to_restore(name)
    if _preference.threads:
        torch.set_num_threads(_preference.threads)
    group = join_group()
    # Each process has a GPU of its own.
    torch_device = torch.device(name, local_rank()) if name == "cuda" else torch.device(name)
    if name == "cuda":
        torch.cuda.set_device(torch_device)
    return ComputeDevice(torch_device, name, precision, group)


def is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Tell whether an error says that memory did not suffice; not every device has a class of error for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "alloc" in text


def num_cpu_threads() -> int:
    """CPU threads that torch computes with."""
    return torch.get_num_threads() or os.cpu_count() or 1


def copy_on_cpu(network: Network) -> Network:
    """Copy a network to the CPU, without a byte more on the device that is full.

    Args:
        network: It stays where it is: it may be one that trains.
    """
    tensors = [*network.parameters(), *network.buffers()]
    memo: dict[int, Any] = {
        id(tensor): torch.nn.Parameter(tensor.detach().cpu().clone(), requires_grad=False)
        if isinstance(tensor, torch.nn.Parameter)
        else tensor.detach().cpu().clone()
        for tensor in tensors
    }
    return copy.deepcopy(network, memo)
