"""A model file's card and size, read from its header alone. Free of torch, so that the window can show it at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from engine.contracts.errors import ModelFileError
from engine.machine.json_files import parse_json_object
from engine.translatable import say

CARD_KEY = "residua_card"
CARD_VERSION: Final = 1

ONNX_SUFFIX: Final = ".onnx"
MODEL_SUFFIXES: Final = (".safetensors", ONNX_SUFFIX)
"""Of model files, the usual one first."""

_FOREIGN_STARTS: Final = (b"PK\x03\x04", b"\x89HDF", b"GGUF")
"""Of files by torch.save, Keras and llama.cpp."""
_PICKLE_SUFFIXES: Final = (".pth", ".pt", ".ckpt", ".bin", ".pkl")
"""Of files by older versions of torch.save, which begin with a byte that other files may begin with too."""
_NUM_START_BYTES: Final = 8

_MAX_CARD_CHARS = 16 * 2**20
"""A hundred thousand labels with their digests take less."""


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
        training: How a shipped model was made: pictures with licences, command, seed, figures. Of a refined one the
            gain over what it started from, as in its run's figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = CARD_VERSION
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


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """What a model file says of itself.

    Attributes:
        path: The file.
        card: What the model is.
        num_parameters: Numbers in its weights.
        num_bytes: Size of the file.
    """

    path: Path
    card: ModelCard
    num_parameters: int
    num_bytes: int


def model_file(path: Path) -> Path:
    """The model file that a run folder or a model file's path stands for.

    Raises:
        ModelFileError: There is none, or what the path leads to cannot be looked at.
    """
    try:
        found = path / "checkpoints" / "model.safetensors" if path.is_dir() else path
        is_there = found.is_file()
    except OSError as error:
        raise ModelFileError(
            say("'{path}' cannot be looked at ({error}).", path=path, error=error.strerror or error),
            "Choose another model, or make its folder readable.",
        ) from error
    if not is_there:
        raise ModelFileError(
            say("There is no model at '{path}'.", path=path),
            "Choose a run that has finished or was stopped after its first checkpoint, or a model file.",
        )
    return found


def parse_card(text: str, path: Path) -> ModelCard:
    """Read a card as a model file holds it.

    Args:
        text: The JSON of a `ModelCard`.
        path: The file that it comes from.

    Raises:
        ModelFileError: It is none, or one of a newer version.
    """
    try:
        fields = parse_json_object(text, _MAX_CARD_CHARS)
        version = fields.get("schema_version")
        if isinstance(version, int) and version > CARD_VERSION:
            raise ModelFileError(
                say("'{file}' was made by a newer version of Residua.", file=path.name), "Update Residua."
            )
        return ModelCard.model_validate(fields)
    except ValueError as error:
        raise damaged_model(path) from error


def damaged_model(path: Path) -> ModelFileError:
    """The refusal of a file that is damaged, or something else, which is told as far as its first bytes show it."""
    try:
        with path.open("rb") as file:
            start = file.read(_NUM_START_BYTES)
    except OSError as error:
        return ModelFileError(
            say("'{file}' cannot be read ({error}).", file=path.name, error=error.strerror or error),
            "Check the disk, then try again.",
        )
    if start.startswith(_FOREIGN_STARTS) or (start[:1] == b"\x80" and path.suffix.lower() in _PICKLE_SUFFIXES):
        return ModelFileError(
            say("'{file}' is a model file of another program.", file=path.name),
            "Choose a model that Residua has trained.",
        )
    return ModelFileError(
        say("'{file}' is damaged or not a model file.", file=path.name), "Choose another model, or train it again."
    )
