"""Model files: weights as safetensors, or a network as ONNX, with their card in the metadata. Loading runs no code."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.contracts.errors import ModelFileError
from engine.machine.atomic_files import replace_atomically
from engine.machine.json_files import json_text
from engine.method.backbones.backbone import RestorationNetwork
from engine.method.factory import make_backbone, make_task
from engine.method.tasks.restoration_task import RestorationTask
from engine.models.cards import CARD_KEY, ONNX_SUFFIX, ModelCard, damaged_model, model_file
from engine.models.reading import read_card, read_summary
from engine.translatable import say

__all__ = [
    "CARD_KEY",
    "ModelCard",
    "RestorationModel",
    "build_network",
    "load_model",
    "load_weights",
    "model_file",
    "read_card",
    "save_model",
    "save_tensors",
]


@dataclass(frozen=True)
class RestorationModel:
    """A network that restores, and its card.

    Attributes:
        network: In evaluation mode, on the CPU.
        card: What it is.
    """

    network: RestorationNetwork
    card: ModelCard


def build_network(card: ModelCard) -> RestorationNetwork:
    """The card's network with fresh weights.

    Raises:
        InvalidInputError: The card names a backbone, task or setting that does not exist.
    """
    return task_of(card).add_head(make_backbone(card.backbone, card.backbone_params))


def save_model(path: Path, weights: dict[str, torch.Tensor], card: ModelCard) -> None:
    """Write a model file at once or not at all.

    Raises:
        ModelFileError: It cannot be written.
    """
    save_tensors(path, weights, {CARD_KEY: json_text(card.model_dump(mode="json"))})


def load_model(path: Path) -> RestorationModel:
    """Load a run's model or a model file.

    Raises:
        ModelFileError: There is no model, it is damaged, or its weights do not fit its card.
        InvalidInputError: Its card names a network or task that this version does not have.
    """
    summary = read_summary(path)
    card, found = summary.card, summary.path
    try:
        # Without memory for its weights: a card may claim a network far larger than its file.
        with torch.device("meta"):
            num_parameters = sum(tensor.numel() for tensor in build_network(card).state_dict().values())
        if num_parameters != summary.num_parameters:
            raise ValueError(f"{summary.num_parameters} numbers where {num_parameters} are needed")
        network = build_network(card)
        network.load_state_dict(load_weights(found))
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(
            say("The weights in '{found}' do not fit its description.", found=found.name),
            "Choose another model, or train it again.",
        ) from error
    return RestorationModel(network.eval().requires_grad_(False), card)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Load the weights of a model file of any kind.

    Raises:
        ModelFileError: It is damaged or not a model file.
    """
    if path.suffix.lower() == ONNX_SUFFIX:
        # Only now: few models are such files.
        from engine.models.onnx import read_onnx_weights

        return read_onnx_weights(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged_model(path) from error


def task_of(card: ModelCard) -> RestorationTask:
    """The task that a model does, with its settings.

    Raises:
        InvalidInputError: There is no such task, or a setting is out of bounds.
    """
    return make_task(card.task, card.task_params)


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file.

    Args:
        path: The file; replaced if it exists.
        tensors: By name, on any device.
        metadata: Text by name.

    Raises:
        ModelFileError: It cannot be written; an older file is as it was.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with replace_atomically(path) as temporary:
            save_file(contiguous, temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(
            say("The file {path} cannot be written: {error}.", path=path, error=error),
            "Make room on the disk and check that the folder still exists; what was saved before is unharmed.",
        ) from error
