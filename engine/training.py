"""The training jobs: pretrain on noisy photos, fine-tune on pairs, resume either."""

import hashlib
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError

from engine import __version__
from engine.checkpoints import load_checkpoint, transfer_weights
from engine.configs import FinetuneConfig, PretrainConfig, TrainingConfig
from engine.data.patches import DecodedPhoto, decode_photos
from engine.data.photo_folder import find_usable_photos, list_image_files
from engine.devices import ComputeDevice, open_device
from engine.errors import EngineError, InvalidInputError, RunStoreError
from engine.events import Emit, JobWarning, RunStarted, StepDone
from engine.job_control import JobCancelled, JobControl
from engine.job_results import TrainingResult
from engine.labels import LabelSet, gather_labels
from engine.models import ModelCard, build_network, load_model, read_card
from engine.noise import decorrelating_stride
from engine.objectives import Objective, PretextObjective, SupervisedObjective
from engine.pretext.pretext_task import PretextTask
from engine.registry import BACKBONES, PRETEXTS, TASKS, find_entry
from engine.run_records import DataFingerprint, RunStatus
from engine.run_store import Run, RunStore
from engine.trainer import Trainer, new_state
from engine.training_observer import PreviewCrop, TrainingObserver, choose_preview_crop

Config = TypeVar("Config", bound=TrainingConfig)

NUM_STRIDE_PHOTOS = 16
"""Photos on which the noise's correlation is measured."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What a training needs beside its run: made from settings and files, the same way at start and at resumption."""

    objective: Objective
    card: ModelCard
    preview: PreviewCrop
    labels: LabelSet | None
    num_crops: int
    photos: Sequence[DecodedPhoto]
    stage: str


def pretrain(config: PretrainConfig, control: JobControl, emit: Emit) -> TrainingResult:
    """Learn from noisy photos alone; the result already restores.

    Args:
        config: Photos, method and length.
        control: Pause and cancel.
        emit: Receives events.

    Raises:
        JobCancelled: Asked to end; the run is "stopped" and can be resumed.
        EngineError: A person can mend it: no usable photos, an unknown method, a full disk.
    """
    config = config.model_copy(update={"photos": _absolute(config.photos)})
    device = open_device(config)
    paths = _usable_photos(config.photos, emit)
    photos = decode_photos(paths, control, emit)
    config = _with_measured_stride(config, photos, emit)
    plan = _pretrain_plan(config, photos)
    run = _create_run("pretrain", config, plan, device, pretext=config.pretext, backbone=config.backbone)
    return _train(config, plan, run, device, control, emit, resumed=False)


def finetune(config: FinetuneConfig, control: JobControl, emit: Emit) -> TrainingResult:
    """Learn from pairs, from a parent model or from scratch.

    Args:
        config: Parent, photos, references and length.
        control: Pause and cancel.
        emit: Receives events.

    Raises:
        JobCancelled: Asked to end; the run is "stopped" and can be resumed.
        EngineError: A person can mend it: no pairs, a parent that does not fit, a full disk.
    """
    parent = config.parent.absolute() if config.parent is not None else None
    folders = {"noisy": _absolute(config.noisy), "clean": _absolute(config.clean)}
    config = config.model_copy(update={"parent": parent, **folders})
    device = open_device(config)
    plan = _finetune_plan(config, read_card(parent) if parent else None, control, emit)
    card = plan.card
    run = _create_run(
        "finetune", config, plan, device, parent=card.parent, task=config.task, backbone=card.backbone,
        pretext=card.pretext,
    )  # fmt: skip
    return _train(config, plan, run, device, control, emit, resumed=False)


def resume_training(run_folder: Path, control: JobControl, emit: Emit) -> TrainingResult:
    """Go on with a run that was stopped or interrupted, from its last checkpoint.

    Args:
        run_folder: The run.
        control: Pause and cancel.
        emit: Receives events.

    Raises:
        JobCancelled: Asked to end again.
        RunStoreError: The run is running, done, or was interrupted before its first checkpoint.
        EngineError: Its photos are gone, or its files are damaged.
    """
    run = RunStore().open(run_folder)
    if not run.is_resumable:
        raise RunStoreError(
            f"The run '{run.record.name}' cannot be resumed: it is {run.record.status.value}.",
            "Only a run that was stopped or interrupted after its first checkpoint can go on.",
        )
    if run.record.kind == "pretrain":
        pretrain_config = _read_config(run, PretrainConfig)
        device = open_device(pretrain_config)
        photos = decode_photos(_usable_photos(pretrain_config.photos, emit), control, emit)
        plan = _pretrain_plan(pretrain_config, photos)
        config: TrainingConfig = pretrain_config
    else:
        finetune_config = _read_config(run, FinetuneConfig)
        device = open_device(finetune_config)
        # Its own model's card, since the parent may be gone by now.
        plan = _finetune_plan(finetune_config, read_card(run.path), control, emit, resumed=True)
        config = finetune_config
    if run.record.data is not None and _fingerprint(plan.photos, run.record.data.folders) != run.record.data:
        emit(
            JobWarning(
                message="The photos have changed since this run was started.",
                hint="It goes on with the photos as they are now; start a new run if that is not what you want.",
            )
        )
    run.update(status=RunStatus.RUNNING, error="")
    return _train(config, plan, run, device, control, emit, resumed=True)


def _train(
    config: TrainingConfig,
    plan: _Plan,
    run: Run,
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
    *,
    resumed: bool,
) -> TrainingResult:
    with _one_ending(run):
        card = plan.card.model_copy(update={"run": run.record.id, "name": run.record.name})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = build_network(card)
        if isinstance(config, FinetuneConfig) and config.parent is not None and not resumed:
            taken, total = transfer_weights(network, load_model(config.parent))
            run.log(f"Took over {taken} of {total} tensors from {config.parent}")
        state = new_state(network, config, device)
        if resumed:
            load_checkpoint(run.checkpoint_path, state)
        run.update(num_parameters=sum(weight.numel() for weight in network.parameters()))
        emit(RunStarted(run=run.path, first_step=state.step, num_steps=config.steps))
        run.log(f"Training on {device.name} at {device.precision} from step {state.step} to {config.steps}")
        observer = TrainingObserver(
            preview_crop=plan.preview,
            validation=plan.labels.validation if plan.labels else (),
            card=card,
            device=device,
            run=run,
            num_steps=config.steps,
            num_crops=plan.num_crops,
            control=control,
            emit=emit,
        )
        trainer = Trainer(
            state=state,
            objective=plan.objective,
            observer=observer,
            config=config,
            device=device,
            run=run,
            card=card,
            stage=plan.stage,
            control=control,
            emit=emit,
        )
        trainer.train()
        run.update(status=RunStatus.DONE)
        run.log(f"Done after {state.seconds:.0f} s")
    return TrainingResult(
        run=run.path,
        steps=state.step,
        seconds=state.seconds,
        status=RunStatus.DONE.value,
        metrics=run.record.metrics,
    )


@contextmanager
def _one_ending(run: Run) -> Iterator[None]:
    """Note in the run how it ended, whatever happens."""
    try:
        yield
    except JobCancelled:
        run.update(status=RunStatus.STOPPED)
        run.log("Stopped by the person")
        raise
    except EngineError as error:
        run.update(status=RunStatus.FAILED, error=str(error))
        run.log(f"Failed: {error}")
        raise
    except BaseException as error:
        run.update(status=RunStatus.FAILED, error=f"An unexpected error: {error}")
        run.log(traceback.format_exc())
        raise


def _pretrain_plan(config: PretrainConfig, photos: list[DecodedPhoto]) -> _Plan:
    pretext = find_entry(PRETEXTS, config.pretext, "method").make(config.pretext_params)
    if len(photos) < pretext.min_photos:
        raise InvalidInputError(
            f"There is only {len(photos)} usable photo; this method compares the noise of different photos.",
            f"Add photos until there are at least {pretext.min_photos}.",
        )
    backbone = find_entry(BACKBONES, config.backbone, "network").validate(config.backbone_params)
    card = ModelCard(
        name=config.name or "Pretrained",
        backbone=config.backbone,
        backbone_params=backbone.model_dump(mode="json"),
        pretext=config.pretext,
        version=__version__,
    )
    objective = PretextObjective(photos, pretext, config.photos_per_batch, config.crop_px, config.seed)
    return _Plan(
        objective=objective,
        card=card,
        preview=choose_preview_crop(photos),
        labels=None,
        num_crops=objective.num_crops,
        photos=photos,
        stage="Pretraining",
    )


def _finetune_plan(
    config: FinetuneConfig, origin: ModelCard | None, control: JobControl, emit: Emit, *, resumed: bool = False
) -> _Plan:
    """The plan of a fine-tuning from the card of its parent or, when resumed, from the run's own card."""
    task = find_entry(TASKS, config.task, "task").make(config.task_params)
    labels = gather_labels(config, control, emit)
    training = labels.training
    inherited, inherited_digests = (origin.labels, origin.label_digests) if origin else ((), ())
    if origin is None:
        backbone = config.backbone
        backbone_params = find_entry(BACKBONES, backbone, "network").validate(config.backbone_params).model_dump()
        parent = None
    else:
        backbone, backbone_params = origin.backbone, origin.backbone_params
        parent = origin.parent if resumed else origin.run or origin.name
    card = ModelCard(
        name=config.name or "Fine-tuned",
        task=config.task,
        task_params=config.task_params,
        backbone=backbone,
        backbone_params=backbone_params,
        pretext=origin.pretext if origin else None,
        parent=parent,
        # What taught the parent has taught this model too, and may not be counted when it is measured.
        labels=_joined(inherited, labels.names),
        label_digests=_joined(inherited_digests, labels.digests),
        version=__version__,
    )
    noisy = [pair.noisy for pair in training]
    clean_of = {pair.noisy.path: pair.clean for pair in training}
    unlabelled = _unlabelled_objective(config, origin, labels, control, emit)
    return _Plan(
        objective=SupervisedObjective(training, task, config, unlabelled, config.unlabelled_weight),
        card=card,
        preview=choose_preview_crop(noisy, lambda photo: clean_of[photo.path]),
        labels=labels,
        num_crops=unlabelled.num_crops if unlabelled else 0,
        photos=noisy,
        stage="Fine-tuning",
    )


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Both without repetition, in order."""
    return tuple(dict.fromkeys((*first, *second)))


def _unlabelled_objective(
    config: FinetuneConfig, origin: ModelCard | None, labels: LabelSet, control: JobControl, emit: Emit
) -> PretextObjective | None:
    """The self-supervised side of fine-tuning; none from scratch, which is the plain thing to compare with."""
    if origin is None or origin.pretext is None or config.unlabelled_weight == 0:
        return None
    photos = decode_photos(labels.unlabelled, control, emit, stage="Reading unlabelled photos")
    entry = find_entry(PRETEXTS, origin.pretext, "method")
    params = _measured_params(entry.params_model.model_fields, {}, photos)
    pretext: PretextTask = entry.make(params)
    if len(photos) < pretext.min_photos:
        return None
    # Half the labels' crop: the sub-samples that the network sees here show as much of a photo.
    return PretextObjective(photos, pretext, config.photos_per_batch, max(config.crop_px // 2, 8), config.seed)


def _with_measured_stride(config: PretrainConfig, photos: Sequence[DecodedPhoto], emit: Emit) -> PretrainConfig:
    """Settings in which a stride left open is measured on the photos, so that a resumed run uses the same."""
    entry = find_entry(PRETEXTS, config.pretext, "method")
    entry.validate(config.pretext_params)
    emit(StepDone(stage="Measuring the noise", step=0, num_steps=1))
    params = _measured_params(entry.params_model.model_fields, config.pretext_params, photos)
    return config.model_copy(update={"pretext_params": params})


def _measured_params(fields: dict[str, Any], params: dict[str, Any], photos: Sequence[DecodedPhoto]) -> dict[str, Any]:
    if "stride" not in fields or params.get("stride", 0):
        return params
    every = max(len(photos) // NUM_STRIDE_PHOTOS, 1)
    return {**params, "stride": decorrelating_stride([photo.pixels for photo in photos[::every][:NUM_STRIDE_PHOTOS]])}


def _absolute(paths: Sequence[Path]) -> tuple[Path, ...]:
    """So that a run can be resumed from any working folder."""
    return tuple(path.absolute() for path in paths)


def _usable_photos(folders: Sequence[Path], emit: Emit) -> list[Path]:
    """Photos in folders, with an event for each file that is none.

    Raises:
        InvalidInputError: There is no usable photo.
    """
    usable, skipped = find_usable_photos(list_image_files(folders, recursive=True))
    for file in skipped:
        emit(file)
    if not usable:
        named = ", ".join(str(folder) for folder in folders)
        raise InvalidInputError(
            f"There is no usable photo in {named}.", "Choose a folder with PNG, JPEG, TIFF, WebP or BMP files."
        )
    return [path for path, _ in usable]


def _create_run(kind: Any, config: TrainingConfig, plan: _Plan, device: ComputeDevice, **fields: Any) -> Run:
    folders = config.photos if isinstance(config, PretrainConfig) else config.noisy  # type: ignore[attr-defined]
    absolute = tuple(str(folder.absolute()) for folder in folders)
    labels = plan.labels
    return RunStore().create(
        kind,
        config.name or Path(absolute[0]).name,
        config,
        path=config.out,
        device=device.name,
        precision=device.precision,
        steps_total=config.steps,
        data=_fingerprint(plan.photos, absolute),
        labels=labels.training_names if labels else (),
        validation_labels=labels.validation_names if labels else (),
        **fields,
    )


def _fingerprint(photos: Sequence[DecodedPhoto], folders: tuple[str, ...]) -> DataFingerprint:
    digest = hashlib.sha256()
    for photo in photos:
        status = photo.path.stat()
        digest.update(f"{photo.path.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return DataFingerprint(
        folders=folders,
        num_photos=len(photos),
        num_pixels=sum(photo.levels.shape[1] * photo.levels.shape[2] for photo in photos),
        digest=digest.hexdigest(),
    )


def _read_config(run: Run, model: type[Config]) -> Config:
    try:
        return model.model_validate(run.config())
    except ValidationError as error:
        raise RunStoreError(
            f"The settings of the run '{run.record.name}' are damaged.", "Start a new run instead."
        ) from error
