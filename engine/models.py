"""Model files: weights as safetensors with their card in the metadata. Loading one runs no code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from engine.backbones.backbone import RestorationNetwork
from engine.errors import ModelFileError
from engine.registry import BACKBONES, TASKS, find_entry
from engine.weight_files import save_tensors

CARD_KEY = "residua_card"


class ModelCard(BaseModel):
    """What a model is and where it comes from.

    Attributes:
        schema_version: Of this card.
        name: What a person calls it.
        task: Restoration task.
        backbone: Network architecture.
        backbone_params: Its settings, as plain values.
        task_params: The task's settings, as plain values.
        pretext: Pretext task it learned with, if any.
        pretext_params: Its settings, as plain values, with what was measured on the photos.
        parent: Run or model it was fine-tuned from, if any.
        run: Id of the run that made it.
        steps: Optimisation steps of that run.
        starter: Starter model that it is, or descends from by training.
        labels: File names of the noisy photos whose references taught it or chose it.
        label_digests: SHA-256 of those noisy files' content, so that a name alone does not count.
        created: ISO 8601 time, UTC.
        version: Of this program.
        description: What it does, for a person; a shipped model says so.
        training: How a shipped model was made: pictures with licences, command, seed, figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str
    task: str = "denoise"
    backbone: str = "unet"
    backbone_params: dict[str, Any] = {}
    task_params: dict[str, Any] = {}
    pretext: str | None = None
    pretext_params: dict[str, Any] = {}
    parent: str | None = None
    run: str | None = None
    steps: int = 0
    starter: str | None = None
    labels: tuple[str, ...] = ()
    label_digests: tuple[str, ...] = ()
    created: str = ""
    version: str = ""
    description: str = ""
    training: dict[str, Any] = {}


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
    backbone = find_entry(BACKBONES, card.backbone, "network").make(card.backbone_params)
    return find_entry(TASKS, card.task, "task").make(card.task_params).add_head(backbone)


def model_file(path: Path) -> Path:
    """The model file that a run folder or a model file's path stands for.

    Raises:
        ModelFileError: There is none.
    """
    found = path / "checkpoints" / "model.safetensors" if path.is_dir() else path
    if not found.is_file():
        raise ModelFileError(
            f"There is no model at '{path}'.",
            "Choose a run that has finished or was stopped after its first checkpoint, or a .safetensors file.",
        )
    return found


def save_model(path: Path, weights: dict[str, torch.Tensor], card: ModelCard) -> None:
    """Write a model file at once or not at all.

    Raises:
        ModelFileError: It cannot be written.
    """
    save_tensors(path, weights, {CARD_KEY: card.model_dump_json()})


def read_card(path: Path) -> ModelCard:
    """Read the card of a run's model or of a model file.

    Raises:
        ModelFileError: There is no model, or it is not one of this program.
    """
    found = model_file(path)
    try:
        with safe_open(found, framework="pt") as file:
            metadata = file.metadata() or {}
        return ModelCard.model_validate(json.loads(metadata[CARD_KEY]))
    except KeyError as error:
        raise ModelFileError(
            f"'{found.name}' holds weights of another program.", "Choose a model that Residua has trained."
        ) from error
    except (SafetensorError, OSError, ValueError, ValidationError) as error:
        raise ModelFileError(
            f"'{found.name}' is damaged or not a model file.", "Choose another model, or train it again."
        ) from error


def load_model(path: Path) -> RestorationModel:
    """Load a run's model or a model file.

    Raises:
        ModelFileError: There is no model, it is damaged, or its weights do not fit its card.
        InvalidInputError: Its card names a network or task that this version does not have.
    """
    card = read_card(path)
    network = build_network(card)
    found = model_file(path)
    try:
        network.load_state_dict(load_file(found))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelFileError(
            f"The weights in '{found.name}' do not fit its description.",
            "Choose another model, or train it again.",
        ) from error
    return RestorationModel(network.eval().requires_grad_(False), card)
