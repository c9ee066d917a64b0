"""Models between people: one's own given away as a file, someone else's taken in as a run.

A model file carries its card, so it explains itself. What comes from elsewhere is loaded once, strictly, before it is
taken: a file that is damaged, or whose weights are no numbers, never becomes a run. Loading runs no code.
"""

import os
import shutil
from pathlib import Path

import torch

from engine.contracts.errors import EngineError, InvalidInputError, ModelFileError
from engine.machine.atomic_files import replace_atomically
from engine.models.cards import MODEL_SUFFIXES, ONNX_SUFFIX, ModelSummary, model_file
from engine.models.files import load_model, load_weights, save_model
from engine.models.reading import read_summary
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore
from engine.translatable import say


def check_model(path: Path) -> ModelSummary:
    """Read a model file as a whole and make sure that this program can use it.

    Raises:
        ModelFileError: It is no model, is damaged, or its weights are no numbers.
        InvalidInputError: Its card names a network or task that this version does not have.
    """
    summary = read_summary(path)
    weights = load_model(path).network.state_dict().values()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights if tensor.is_floating_point()):
        raise ModelFileError(
            say("The weights in '{file}' are no numbers: its training has failed.", file=summary.path.name),
            "Choose another model.",
        )
    return summary


def import_model(store: RunStore, path: Path, name: str = "") -> Run:
    """Take a model file into the store as a run of its own; the file itself stays as it is.

    Args:
        store: The runs.
        path: The file.
        name: What to call the run; empty: as the model's card does.

    Returns:
        The run, of kind "import" and done.

    Raises:
        ModelFileError: The file is no usable model, or cannot be copied.
        InvalidInputError: Its card names a network or task that this version does not have.
        RunStoreError: The store cannot be written.
    """
    summary = check_model(path)
    card = summary.card
    run = store.create(
        "import",
        name or card.name,
        {"file": str(summary.path), "card": card.model_dump(mode="json")},
        parent=card.parent or card.starter,
        task=card.task,
        pretext=card.pretext,
        backbone=card.backbone,
        num_parameters=summary.num_parameters,
        labels=card.labels,
        steps_done=card.steps,
        steps_total=card.steps,
    )
    try:
        if summary.path.suffix.lower() == ONNX_SUFFIX:
            save_model(run.model_path, load_weights(summary.path), card)
        else:
            _copy(summary.path, run.model_path)
        run.update(status=RunStatus.DONE)
    except EngineError:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def export_model(source: Path, target: Path, name: str, *, may_replace: bool = False) -> Path:
    """Write a model with its card to a file that others can import.

    Args:
        source: A run folder or a model file.
        target: The file. Named `.onnx`, it holds the network for other programs; else, the weights.
        name: What the card shall call the model.
        may_replace: Whether a file that is there already goes for it.

    Returns:
        The file.

    Raises:
        InvalidInputError: The file is the model itself, or is there already.
        ModelFileError: There is no model, it is damaged, or the file cannot be written.
    """
    found = model_file(source)
    if target.suffix.lower() not in MODEL_SUFFIXES:
        target = target.with_name(target.name + MODEL_SUFFIXES[0])
    if os.path.exists(target) and target.samefile(found):
        raise InvalidInputError("The model would overwrite itself.", "Choose another name or folder.")
    if os.path.exists(target) and not may_replace:
        raise InvalidInputError(
            say("{target} is there already in {folder}.", target=target.name, folder=target.parent),
            "Choose another name, or say that it may be replaced (--overwrite).",
        )
    if target.suffix.lower() == ONNX_SUFFIX:
        from engine.models.onnx import write_onnx

        model = load_model(found)
        write_onnx(target, model.network, model.card.model_copy(update={"name": name}))
    else:
        card = read_summary(found).card
        save_model(target, load_weights(found), card.model_copy(update={"name": name}))
    return target


def _copy(source: Path, target: Path) -> None:
    try:
        with replace_atomically(target) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise ModelFileError(
            say("The file {target} cannot be written: {error}.", target=target, error=error),
            "Make room on the disk, then try again.",
        ) from error
