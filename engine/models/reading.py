"""Reading what a model file or a run says of its model, without the weights."""

import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.contracts.errors import ModelFileError
from engine.machine.json_files import is_text
from engine.models.cards import CARD_KEY, ONNX_SUFFIX, ModelCard, ModelSummary, damaged_model, model_file, parse_card
from engine.translatable import say


def read_card(path: Path) -> ModelCard:
    """Read the card of a run's model or of a model file.

    Raises:
        ModelFileError: There is no model, or it is not one of this program.
    """
    return read_summary(path).card


def read_summary(path: Path) -> ModelSummary:
    """Read what a run's model or a model file says of itself; the weights stay unread.

    Raises:
        ModelFileError: There is no model, or it is not one of this program.
    """
    found = model_file(path)
    if found.suffix.lower() == ONNX_SUFFIX:
        # Only now: it brings torch along, which the window then waits for in the background.
        from engine.models.onnx import read_onnx_summary

        return read_onnx_summary(found)
    if not is_text(str(found.absolute())):
        raise ModelFileError(
            "The path of the model file holds bytes that are no text.",
            "Copy the file to a folder whose path is plain text.",
        )
    try:
        with safe_open(found, framework="numpy") as file:
            metadata = file.metadata() or {}
            num_parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        num_bytes = found.stat().st_size
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged_model(found) from error
    if CARD_KEY not in metadata:
        raise ModelFileError(
            say("'{found}' holds weights of another program.", found=found.name),
            "Choose a model that Residua has trained.",
        )
    card = parse_card(metadata[CARD_KEY], found)
    return ModelSummary(path=found, card=card, num_parameters=num_parameters, num_bytes=num_bytes)
