"""Checkpoints: all that an interrupted training needs to go on as if nothing had happened; see also `checkpoint_files`.

One safetensors file holds the weights, their running average, the optimiser's moments, what the objective remembers
of earlier steps and, as text in the metadata, the counters. Batches are a function of seed and step, so no random
state needs saving.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from engine.contracts.errors import ModelFileError
from engine.machine.json_files import parse_json_object
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.files import RestorationModel
from engine.translatable import say

PROGRESS_KEY = "residua_progress"
GRADIENT_NORM_KEY = "gradient_norm"

_MAX_COUNT = 2**53
"""The largest whole number that all readers of JSON agree on."""

_Count = Annotated[int, Field(ge=0, le=_MAX_COUNT)]


class Memory(Protocol):
    """What remembers earlier steps, such as an objective with a queue of residuals."""

    def state_tensors(self) -> dict[str, Tensor]:
        """What it remembers, by names of its own."""

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state_tensors` gave.

        Raises:
            ValueError: The tensors are those of something else.
        """


@dataclass
class TrainingState:
    """What changes while a network trains.

    Attributes:
        network: The network that is optimised.
        averaged: The same network with the running average of its weights: the one that restores.
        optimizer: Its optimiser.
        step: Optimisation steps done.
        seconds: Training time so far, without pauses, over all sessions.
        best_psnr: Best validation PSNR so far, dB; None without validation.
        best_step: Its step.
        validated_step: The last one that was measured; -1: none.
        batch_parts: Parts in which a batch is computed, one after another; more than 1 where memory is short.
        gradient_norm: Running average of the gradient's length, on the device.
        memory: What the objective remembers of earlier steps, if anything.
    """

    network: RestorationNetwork
    averaged: RestorationNetwork
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    best_psnr: float | None = None
    best_step: int = 0
    validated_step: int = -1
    batch_parts: int = 1
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))
    memory: Memory | None = None

    def tensors(self) -> list[Tensor]:
        """All that it holds, as the tensors themselves: weights, their average, the optimiser's moments."""
        networks = [[*network.parameters(), *network.buffers()] for network in (self.network, self.averaged)]
        moments = [list(values.values()) for values in self.optimizer.state.values()]
        found = [value for values in (*networks, *moments) for value in values if isinstance(value, Tensor)]
        return [*found, self.gradient_norm]


class _Progress(BaseModel):
    """The counters as they stand in a file: whatever is not such a number belongs to a damaged one."""

    model_config = ConfigDict(strict=True, extra="ignore")

    step: _Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    # A preview equal to its reference has an infinite one.
    best_psnr: Annotated[float, Field(ge=-_MAX_COUNT)] | None
    best_step: _Count
    # Checkpoints of version 0.1 know of no parts, nor of what was measured last.
    batch_parts: _Count = 1
    validated_step: Annotated[int, Field(ge=-1, le=_MAX_COUNT)] | None = None


def checkpoint_bytes(state: TrainingState) -> bytes:
    """The content of a checkpoint's file."""
    tensors: dict[str, Tensor] = {GRADIENT_NORM_KEY: state.gradient_norm}
    for part, network in (("network", state.network), ("averaged", state.averaged)):
        tensors |= {f"{part}.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    if state.memory is not None:
        tensors |= {f"memory.{name}": tensor for name, tensor in state.memory.state_tensors().items()}
    progress = {
        "step": state.step,
        "seconds": state.seconds,
        "best_psnr": state.best_psnr,
        "best_step": state.best_step,
        "batch_parts": state.batch_parts,
        "validated_step": state.validated_step,
    }
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, {PROGRESS_KEY: json.dumps(progress)})


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Set a state to what it was when the checkpoint was saved.

    Args:
        path: The checkpoint.
        state: A state of the same network and optimiser; changed in place.

    Raises:
        ModelFileError: The file is missing, damaged, or belongs to another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = _Progress.model_validate(parse_json_object((file.metadata() or {})[PROGRESS_KEY]))
        tensors = load_file(path)
        for part, network in (("network", state.network), ("averaged", state.averaged)):
            network.load_state_dict(_with_prefix(tensors, part))
        weights = list(state.network.parameters())
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _with_prefix(tensors, "optimizer").items():
            index, _, moment = name.partition(".")
            moments.setdefault(int(index), {})[moment] = _in_layout_of(weights[int(index)], tensor)
        groups: list[dict[str, Any]] = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        state.gradient_norm.copy_(tensors[GRADIENT_NORM_KEY])
        if state.memory is not None:
            state.memory.load_state_tensors(_with_prefix(tensors, "memory"))
        state.step = progress.step
        state.seconds = progress.seconds
        state.best_psnr = progress.best_psnr
        state.best_step = progress.best_step
        state.batch_parts = max(progress.batch_parts, 1)
        state.validated_step = progress.step if progress.validated_step is None else progress.validated_step
    except (SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        raise ModelFileError(
            say("The checkpoint '{file}' is damaged or belongs to another network.", file=path.name),
            "Start a new run; the photos are not affected.",
        ) from error


def transfer_weights(network: RestorationNetwork, parent: RestorationModel) -> tuple[int, int]:
    """Start a network from a parent model: every tensor of the same name and shape is taken over.

    A parent of another task gives its backbone, without the head that is its task's own; the denoising head is part
    of the backbone.

    Returns:
        Number of tensors taken over, and of tensors of the network.

    Raises:
        ModelFileError: Little or nothing fits, so that it would be training from scratch under another name.
    """
    own = network.state_dict()
    same_task = type(parent.network) is type(network)
    source, prefix = (parent.network, "") if same_task else (parent.network.backbone, _backbone_prefix(network))
    offered = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    fitting = {name: tensor for name, tensor in offered.items() if name in own and own[name].shape == tensor.shape}
    # A bias of three colours fits every network.
    if 2 * len(fitting) < len(offered):
        raise ModelFileError(
            say("No weights of the model '{card}' fit this network.", card=parent.card.name),
            "Start from a model of the same network, or from scratch.",
        )
    network.load_state_dict(own | fitting)
    return len(fitting), len(own)


def _backbone_prefix(network: RestorationNetwork) -> str:
    """What the names of the backbone's tensors begin with inside a network."""
    found = next(name for name, module in network.named_modules() if module is network.backbone)
    return f"{found}." if found else ""


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def _in_layout_of(weight: Tensor, tensor: Tensor) -> Tensor:
    """The fused optimiser walks a weight and its moments in memory order, so all must be laid out alike."""
    return torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor) if tensor.shape == weight.shape else tensor
