"""Models as ONNX files: what other programs run, and what this program can still take back.

A file holds the network for photos of any size, and the model's card in its metadata. Its weights keep their names, so
reading one back needs no part of its graph: the card says which network they belong to. Nothing of a file is run.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError, EncodeError
from numpy.typing import NDArray

from engine.contracts.errors import ModelFileError
from engine.machine.atomic_files import replace_atomically
from engine.machine.json_files import json_text, parse_json_object
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.cards import CARD_KEY, ModelCard, ModelSummary, damaged_model, parse_card
from engine.models.export_form import OPSET, export_form, export_graph
from engine.translatable import say

MAX_BYTES = 2**30
"""The largest network on offer takes a twentieth of it."""

_MAX_CHARS = 2**20

SHARED_KEY = "residua_shared_weights"
"""The exporter keeps one of several equal tensors: a JSON object of the names left out, each with the one kept."""

_HALF = re.compile(r"^(.+)\.([01])\.(weight|bias)$")


def write_onnx(path: Path, network: RestorationNetwork, card: ModelCard) -> None:
    """Write a network as an ONNX file, at once or not at all.

    Its input `noisy` has the shape (batch, input_channels, height, width), its output `restored` the shape (batch, 3,
    scale * height, scale * width); both are float32, 0 to 1, the output not clipped.

    Args:
        path: The file; replaced if it exists.
        network: In evaluation mode, on the CPU.
        card: What the model is.

    Raises:
        ModelFileError: The file cannot be written.
    """
    try:
        with replace_atomically(path) as temporary:
            export_graph(network, temporary, is_for_any_size=True)
            model = onnx.load(temporary, load_external_data=False)
            model.doc_string = f"{card.name}: {card.task}, {card.backbone}. Opset {OPSET}."
            shared = json.dumps(_shared_weights(network, model))
            onnx.helper.set_model_props(model, {CARD_KEY: json_text(card.model_dump(mode="json")), SHARED_KEY: shared})
            onnx.checker.check_model(model)
            temporary.write_bytes(model.SerializeToString())
    except (OSError, EncodeError) as error:
        raise ModelFileError(
            say("The file {path} cannot be written: {error}.", path=path, error=error),
            "Make room on the disk, then try again.",
        ) from error


def read_onnx_summary(path: Path) -> ModelSummary:
    """Read what an ONNX file says of itself.

    Raises:
        ModelFileError: It is damaged, or not of this program.
    """
    model = _read(path)
    card = _card(model, path)
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    num_parameters = sum(sizes.values()) + sum(sizes.get(kept, 0) for kept in _shared(model, path).values())
    return ModelSummary(path=path, card=card, num_parameters=num_parameters, num_bytes=path.stat().st_size)


def read_onnx_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read an ONNX file's weights, by the names that the network of its card gives them.

    Raises:
        ModelFileError: It is damaged, or not of this program.
    """
    model = _read(path)
    try:
        weights = {_text(tensor.name): _numbers(tensor) for tensor in model.graph.initializer}
        # Copies: what shares memory is not saved again.
        weights |= {name: weights[kept].copy() for name, kept in _shared(model, path).items()}
        return {name: torch.from_numpy(numbers) for name, numbers in merge_halves(weights).items()}
    except (ValueError, KeyError) as error:
        raise damaged_model(path) from error


def merge_halves(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Make one convolution again of those that `engine.models.export_form` has split into two.

    Args:
        weights: By name; halves are named `PLACE.0.weight` and `PLACE.1.weight`, or bias.

    Raises:
        ValueError: Two halves do not fit each other.
    """
    merged: dict[str, NDArray[np.float32]] = {}
    for name, numbers in weights.items():
        found = _HALF.match(name)
        is_half = found is not None and found[1].rpartition(".")[2] in ("spatial_in", "depthwise", "channel_in")
        if found is None or not is_half:
            merged[name] = numbers
        elif found[2] == "0":
            other = weights.get(f"{found[1]}.1.{found[3]}")
            merged[f"{found[1]}.{found[3]}"] = numbers if other is None else np.concatenate([numbers, other])
    return merged


def _read(path: Path) -> Any:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise damaged_model(path)
        model = onnx.load_model_from_string(path.read_bytes())
    except (OSError, DecodeError, ValueError) as error:
        raise damaged_model(path) from error
    return model


def _shared_weights(network: RestorationNetwork, model: Any) -> dict[str, str]:
    """The weights that the exporter has left out, each with the equal one that it has kept."""
    kept = {(tuple(tensor.dims), tensor.raw_data): tensor.name for tensor in model.graph.initializer}
    present = set(kept.values())
    weights = {name: tensor.numpy() for name, tensor in export_form(network, keeps_weights=True).state_dict().items()}
    return {name: kept[numbers.shape, numbers.tobytes()] for name, numbers in weights.items() if name not in present}


def _text(name: str | bytes) -> str:
    """A name in a file; one that is no text comes as bytes.

    Raises:
        ValueError: It is none.
    """
    if isinstance(name, bytes):
        raise ValueError(f"{name!r} is no text")
    return name


def _shared(model: Any, path: Path) -> dict[str, str]:
    texts = {entry.key: entry.value for entry in model.metadata_props}
    try:
        names = parse_json_object(texts.get(SHARED_KEY, "{}"), _MAX_CHARS)
    except ValueError as error:
        raise damaged_model(path) from error
    return {name: str(kept) for name, kept in names.items()}


def _card(model: Any, path: Path) -> ModelCard:
    texts = {entry.key: entry.value for entry in model.metadata_props}
    if CARD_KEY not in texts:
        raise ModelFileError(
            say("'{file}' holds a network of another program.", file=path.name),
            "Choose a model that Residua has trained.",
        )
    return parse_card(texts[CARD_KEY], path)


def _numbers(tensor: Any) -> NDArray[np.float32]:
    """A tensor's numbers, from the file itself: numbers kept elsewhere would be read from any path that it names.

    Raises:
        ValueError: They are elsewhere, of another kind, or not as many as the shape asks for.
    """
    if tensor.data_type != onnx.TensorProto.FLOAT or tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"{tensor.name} does not hold its numbers")
    numbers = np.frombuffer(tensor.raw_data, "<f4").astype(np.float32)
    return numbers.reshape(tuple(tensor.dims))
