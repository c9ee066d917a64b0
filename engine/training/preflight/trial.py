"""A few steps of a training that is about to be started, on made-up photos: how fast it is and what memory it takes.

The very objective and network of the training are used, so that the figures follow every setting.
"""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.contracts.configs import FinetuneConfig, PretrainConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.devices import ComputeDevice
from engine.machine.seeds import step_seed
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.factory import make_pretext, make_task
from engine.models.files import ModelCard, build_network
from engine.photos.crops import DecodedPair, DecodedPhoto
from engine.training.objectives import Objective, PretextObjective, SupervisedObjective
from engine.training.trainer import new_state

_TRIAL_SECONDS = 1.0
_MIN_TRIAL_STEPS = 3
_WEIGHT_BYTES = 4
_COPIES_OF_WEIGHTS = 5
"""The network, its running average, the gradients, and the optimiser's two moments."""
_WORKING_SHARE = 1.4
"""Peak memory of a step, as a multiple of what it keeps for the backward pass (measured on the CPU)."""


@dataclass(frozen=True, kw_only=True)
class StepMemory:
    """What a step needs.

    Attributes:
        num_weights: Of the network.
        step_bytes: At the peak of a step, weights and optimiser included.
    """

    num_weights: int
    step_bytes: int


def measure_step_memory(
    config: PretrainConfig | FinetuneConfig, origin: ModelCard | None, device: ComputeDevice, *, num_photos: int
) -> StepMemory:
    """Count the bytes that one small step keeps for its backward pass, and scale them to the whole batch.

    Args:
        config: The training's settings.
        origin: Card of the model that it starts from; None: from scratch.
        device: Where it computes.
        num_photos: Photos there are; a batch has no more.

    Raises:
        EngineError: A setting of the network, method or task does not exist or is out of bounds.
    """
    small = config.model_copy(update={"photos_per_batch": 2})
    network = build_network(_card(config, origin))
    # A step of pretext tasks compares photos, so that one alone would not do.
    objective = _objective(small, origin, num_photos=2)
    own = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    # Held, so that no later tensor can lie at the same place.
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    # On the CPU whatever the device: it is the shapes that count.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _loss(network, objective, _AutocastOnCpu(device.precision), step=0, device=torch.device("cpu"))
    num_weights = sum(weight.numel() for weight in network.parameters())
    num_seen = config.photos_per_batch
    if isinstance(config, PretrainConfig):
        num_seen = PRETEXTS[config.pretext].photos_in_batch(min(num_seen, num_photos))
    scale = num_seen / 2
    return StepMemory(
        num_weights=num_weights,
        step_bytes=round(
            _WORKING_SHARE * scale * sum(storage.nbytes() for storage in kept.values())
            + _COPIES_OF_WEIGHTS * _WEIGHT_BYTES * num_weights
        ),
    )


def measure_speed(
    config: PretrainConfig | FinetuneConfig,
    origin: ModelCard | None,
    device: ComputeDevice,
    *,
    num_photos: int,
    control: JobControl,
) -> float:
    """Train for about a second.

    Args:
        config: The training's settings.
        origin: Card of the model that it starts from; None: from scratch.
        device: Where it computes.
        num_photos: Photos there are; a batch has no more.
        control: Asked before each step.

    Returns:
        Optimisation steps a second.

    Raises:
        EngineError: A setting of the network, method or task does not exist or is out of bounds.
        JobCancelled: Asked to end.
    """
    state = new_state(build_network(_card(config, origin)), config, device)
    objective = _objective(config, origin, num_photos=num_photos)
    seconds: list[float] = []
    # The first step also sets up what later ones reuse.
    while len(seconds) <= _MIN_TRIAL_STEPS or sum(seconds) < _TRIAL_SECONDS:
        control.wait_if_paused()
        started = time.monotonic()
        loss = _loss(state.network, objective, device, step=len(seconds), device=device.torch_device)
        state.optimizer.zero_grad(set_to_none=True)
        device.fabric.backward(loss)
        state.optimizer.step()
        # Reading a value waits for a GPU.
        loss.item()
        seconds.append(time.monotonic() - started)
    # The median: other programs hold single steps up.
    return 1 / statistics.median(seconds[1:])


class _AutocastOnCpu:
    """Computes on the CPU at another device's precision."""

    def __init__(self, precision: str) -> None:
        self._is_half = precision == "bf16-mixed"

    def autocast(self) -> Any:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._is_half)


def _loss(network: torch.nn.Module, objective: Objective, precision: Any, *, step: int, device: torch.device) -> Tensor:
    batch = tuple(part.to(device) for part in objective.batch(step))

    def restore(noisy: Tensor) -> Tensor:
        with precision.autocast():
            restored: Tensor = network(noisy.contiguous(memory_format=torch.channels_last))
        return restored.float()

    return objective.loss(restore, batch, torch.Generator().manual_seed(step_seed(0, step))).total


def _card(config: PretrainConfig | FinetuneConfig, origin: ModelCard | None) -> ModelCard:
    """The card of the network that would be trained."""
    card = ModelCard(
        name="",
        backbone=origin.backbone if origin else config.backbone,
        backbone_params=origin.backbone_params if origin else config.backbone_params,
    )
    if isinstance(config, FinetuneConfig):
        return card.model_copy(update={"task": config.task, "task_params": config.task_params})
    return card


def _objective(config: PretrainConfig | FinetuneConfig, origin: ModelCard | None, *, num_photos: int) -> Objective:
    if isinstance(config, PretrainConfig):
        return _pretext_objective(config, config.pretext, config.pretext_params, config.crop_px, num_photos)
    task = make_task(config.task, config.task_params)
    noisy = _made_up_photos(config.crop_px + 8, 1)[0]
    clean = _made_up_photos(task.scale * (config.crop_px + 8), 1)[0]
    unlabelled = None
    if origin is not None and origin.pretext is not None and config.unlabelled_weight > 0 and config.noisy:
        half_px = max(config.crop_px // 2, 8)
        unlabelled = _pretext_objective(config, origin.pretext, origin.pretext_params, half_px, num_photos)
    return SupervisedObjective([DecodedPair(noisy, clean)], task, config, unlabelled, config.unlabelled_weight)


def _pretext_objective(
    config: PretrainConfig | FinetuneConfig, name: str, params: dict[str, Any], crop_px: int, num_photos: int
) -> PretextObjective:
    row = PRETEXTS.find(name)
    pretext = make_pretext(name, row.with_stride(params))
    num_seen = row.photos_in_batch(min(config.photos_per_batch, num_photos))
    photos = _made_up_photos(pretext.source_crop_px(crop_px) + 8, num_seen)
    return PretextObjective(photos, pretext, num_seen, crop_px, config.seed)


def _made_up_photos(side_px: int, num_photos: int) -> list[DecodedPhoto]:
    """Photos of noise that share their memory."""
    levels = np.random.default_rng(0).integers(0, 256, (3, side_px, side_px), np.uint8)
    return [DecodedPhoto(PhotoRef(Path(f"made up {index}")), levels) for index in range(num_photos)]
