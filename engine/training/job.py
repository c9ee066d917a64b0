"""The training jobs: pretrain on noisy photos, fine-tune on pairs, resume either."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig, TrainingConfig
from engine.contracts.errors import InvalidInputError, RunStoreError
from engine.contracts.events import Emit, JobWarning, RunStarted, StepDone, VerdictReady
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef, Pixels
from engine.contracts.results import TrainingResult
from engine.machine.devices import ComputeDevice, open_device
from engine.machine.processes.followers import copied_run, own_part
from engine.method.catalogue.tasks import TASKS
from engine.models.files import ModelCard, RestorationModel, build_network, load_model, read_card, save_model, task_of
from engine.models.starters import starter_path
from engine.photo_files.values.given import levels_given, reads_as_set
from engine.photos.crops import DecodedPhoto, decode_photos
from engine.photos.folder import find_photos_in
from engine.refining.gate import GateResult, choose_share
from engine.refining.labelled_objective import LabelledTwinObjective
from engine.refining.own_noise import OwnNoiseMaterial, chosen_photos, learn_own_noise
from engine.refining.twin_objective import TwinObjective
from engine.restoring.restorer import Restorer
from engine.runs.records import DataFingerprint, RunStatus
from engine.runs.store import Run, RunStore
from engine.training.checkpoint_files import load_newest_checkpoint
from engine.training.checkpoints import TrainingState, transfer_weights
from engine.training.endings import one_ending
from engine.training.forgetting import OtherNoises, remember_starter
from engine.training.objectives import Objective
from engine.training.observer import TrainingObserver
from engine.training.plans import (
    TrainingPlan,
    finetune_plan,
    own_noise_material,
    pretrain_plan,
    require_refinable,
    with_measured_stride,
)
from engine.training.trainer import Trainer, new_state
from engine.training.verdicts import choice_verdict
from engine.translatable import say

_UNJUDGED = "Until what it learns has been judged, its model is the one that it started from."
_UNJUDGEABLE = (
    "Done, but not judged: no photo or label is large enough to tell whether it is better than the model that it "
    "started from. Compare both before you use it."
)

Config = TypeVar("Config", bound=TrainingConfig)


@reads_as_set
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
    parent = config.parent.absolute() if config.parent is not None else None
    config = config.model_copy(update={"parent": parent, "photos": _absolute(config.photos)})
    device = open_device(config)
    with own_part(device.group, config, emit) as (config, emit):
        return _pretrain(config, device, control, emit)


def _pretrain(config: PretrainConfig, device: ComputeDevice, control: JobControl, emit: Emit) -> TrainingResult:
    origin = read_card(config.parent) if config.parent else None
    if config.pretext == OWN_NOISE:
        require_refinable(origin)
    photos = _photos_of(config, origin, control, emit)
    material = None
    if config.pretext == OWN_NOISE:
        assert config.parent is not None
        chosen = chosen_photos(photos)
        material = own_noise_material(config, load_model(config.parent), chosen, device, control, emit)
    else:
        config = with_measured_stride(config, photos, emit)
    plan = pretrain_plan(config, origin, photos, material)
    card = plan.card
    run = _create_run(
        "pretrain", config, plan, device, parent=card.parent, task=card.task, pretext=config.pretext,
        backbone=card.backbone,
    )  # fmt: skip
    with one_ending(run):
        _keep_material(run, plan)
        if stride := config.pretext_params.get("stride"):
            run.log(say("Sub-sampling with stride {stride}", stride=stride))
    return _train(config, plan, run, device, control, emit, resumed=False)


@reads_as_set
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
    given = {noisy.absolute(): clean.absolute() for noisy, clean in config.given_pairs.items()}
    config = config.model_copy(update={"parent": parent, "given_pairs": given, **folders})
    device = open_device(config)
    with own_part(device.group, config, emit) as (config, emit):
        return _finetune(config, device, control, emit)


def _finetune(config: FinetuneConfig, device: ComputeDevice, control: JobControl, emit: Emit) -> TrainingResult:
    plan = finetune_plan(config, read_card(config.parent) if config.parent else None, device, control, emit)
    card = plan.card
    config = config.model_copy(update={"task_params": card.task_params})
    run = _create_run(
        "finetune", config, plan, device, parent=card.parent, task=config.task, backbone=card.backbone,
        pretext=card.pretext,
    )  # fmt: skip
    with one_ending(run):
        _keep_material(run, plan)
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
    with copied_run(run_folder, emit) as (folder, emit):
        return _resume(folder, control, emit)


def _resume(run_folder: Path, control: JobControl, emit: Emit) -> TrainingResult:
    run = RunStore().open(run_folder)
    if not run.is_resumable:
        raise RunStoreError(
            say(
                "The run '{record}' cannot be resumed: it is {status}.",
                record=run.record.name,
                status=run.record.status.value,
            ),
            "Only a run that was stopped or interrupted after its first checkpoint can go on.",
        )
    if run.record.kind == "pretrain":
        pretrain_config = _read_config(run, PretrainConfig)
        device = open_device(pretrain_config)
        with levels_given(pretrain_config.levels):
            photos = _photos_of(pretrain_config, read_card(run.path), control, emit)
        material = None
        if pretrain_config.pretext == OWN_NOISE:
            material = OwnNoiseMaterial.load(run.path, run.checkpoint_folder, pretrain_config.seed)
        plan = pretrain_plan(pretrain_config, read_card(run.path), photos, material, resumed=True)
        config: TrainingConfig = pretrain_config
    else:
        finetune_config = _read_config(run, FinetuneConfig)
        device = open_device(finetune_config)
        # Its own model's card, since the parent may be gone by now.
        with levels_given(finetune_config.levels):
            plan = finetune_plan(finetune_config, read_card(run.path), device, control, emit, resumed=run)
        config = finetune_config
    if run.record.data is not None and _fingerprint(plan, run.record.data.folders) != run.record.data:
        # What was learned at the start is the noise of the photos as they were, in their order.
        plan = replace(plan, noise=None)
        emit(
            JobWarning(
                message="The photos have changed since this run was started.",
                hint="It goes on with the photos as they are now; start a new run if that is not what you want.",
            )
        )
    run.update(status=RunStatus.RUNNING, error="")
    if plan.labels is not None:
        run.update(labels=tuple(dict.fromkeys((*run.record.labels, *plan.labels.training_names))))
        # A record of an older version has none, and those of before would be missing.
        if run.record.label_files:
            run.update(label_files=tuple(dict.fromkeys((*run.record.label_files, *plan.labels.training_files))))
    return _train(config, plan, run, device, control, emit, resumed=True)


def _train(
    config: TrainingConfig,
    plan: TrainingPlan,
    run: Run,
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
    *,
    resumed: bool,
) -> TrainingResult:
    with one_ending(run, emit):
        card = plan.card.model_copy(update={"run": run.record.id, "name": run.record.name})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = build_network(card)
        if config.parent is not None and not resumed:
            taken, total = transfer_weights(network, load_model(config.parent))
            run.log(
                say(
                    "Took over {taken} of {total} tensors from {folder}", taken=taken, total=total, folder=config.parent
                )
            )
            if taken == total and card.task == read_card(config.parent).task:
                save_model(run.begun_model_path, network.state_dict(), card)
                save_model(run.model_path, network.state_dict(), card)
                run.log(_UNJUDGED)
        is_gated = run.begun_model_path.is_file()
        state = new_state(network, config, device)
        state.memory = plan.objective
        if resumed:
            _load_newest(run, state, emit)
        run.update(num_parameters=sum(weight.numel() for weight in network.parameters()))
        emit(RunStarted(run=run.path, first_step=state.step, num_steps=config.steps, num_crops=plan.num_crops))
        if plan.material is not None and plan.material.noise.is_hardly_any and not plan.judged:
            emit(
                JobWarning(
                    message="There is hardly any noise in these photos: the model that it started from will be kept.",
                    hint="You can stop the training. Restore these photos with the model as it is.",
                )
            )
        run.log(
            say(
                "Training on {device} at {precision} from step {step} to {steps}",
                device=device.name,
                precision=device.precision,
                step=state.step,
                steps=config.steps,
            )
        )
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
        best_path = run.trained_model_path if is_gated else run.model_path
        measured = set(plan.labels.validation_names) if plan.labels is not None else set()
        if resumed and state.best_psnr is not None and measured != set(run.record.validation_labels):
            # Of other photos, it does not compare.
            state.best_psnr = observer.measure_kept(load_model(best_path))
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
            patience=config.patience if isinstance(config, FinetuneConfig) else 0,
            model_path=best_path,
            halfway=partial(_renew_clean_parts, plan.objective, card, device, control),
        )
        trainer.train()
        gate = _keep_what_pays(config, plan, run, device, control, emit)
        if gate is not None:
            changed = load_model(run.model_path) if gate.share < 1 else None
        else:
            changed = _limit_forgetting(config, run, device, control, emit)
        kept_psnr = observer.measure_kept(changed) if changed else state.best_psnr
        verdict = None
        # Where other weights than the best ones are kept, that has been said.
        if changed is None or (gate is not None and state.best_step == 0):
            verdict = choice_verdict(state.step, config.steps, kept_psnr, state.best_step, has_parent=bool(card.parent))
        if verdict is not None:
            run.log(verdict.sentence)
            run.update(verdict=verdict.sentence)
            emit(verdict)
        run.update(status=RunStatus.DONE)
        run.log(say("Done after {seconds:.0f} s", seconds=state.seconds))
    return TrainingResult(
        run=run.path,
        steps=state.step,
        seconds=state.seconds,
        status=RunStatus.DONE.value,
        metrics=run.record.metrics,
    )


def _load_newest(run: Run, state: TrainingState, emit: Emit) -> None:
    """Go back to the newest checkpoint that is whole, and say so if that is not the last one.

    Raises:
        ModelFileError: None is.
    """
    loaded = load_newest_checkpoint(run.checkpoint_path, run.previous_checkpoint_path, state)
    if loaded != run.checkpoint_path:
        message = say(
            "The newest checkpoint is missing or damaged; training goes on from step {step:,}.", step=state.step
        )
        run.log(message)
        emit(JobWarning(message=message, hint="Nothing else is lost. If this happens again, check the disk."))


def _renew_clean_parts(
    objective: Objective, card: ModelCard, device: ComputeDevice, control: JobControl, state: TrainingState
) -> None:
    """Let what the network has become restore the photos that it learns from."""
    if isinstance(objective, TwinObjective | LabelledTwinObjective):
        restorer = Restorer(RestorationModel(state.averaged, card), device)
        objective.renew(state.step, partial(restorer.restore, control=control))


def _keep_material(run: Run, plan: TrainingPlan) -> None:
    """Note what was learned of the photos' own noise.

    Raises:
        RunStoreError: It cannot be written.
    """
    if plan.material is None:
        return
    try:
        plan.material.save(run.path, run.checkpoint_folder)
    except OSError as error:
        raise RunStoreError(
            say("The noise that was learned cannot be written to {run}: {error}.", run=run.path, error=error),
            "Make room on the disk.",
        ) from error
    run.log(plan.material.noise.sentence)


def _keep_what_pays(
    config: TrainingConfig, plan: TrainingPlan, run: Run, device: ComputeDevice, control: JobControl, emit: Emit
) -> GateResult | None:
    """Follow a refinement as far as the photos' own risk and the labels' error fall: it never ends behind its start.

    Returns:
        What was found; None for a training from scratch or of a new task, which has nothing to fall back on.
    """
    if not run.begun_model_path.is_file():
        return None
    begun, trained = load_model(run.begun_model_path), load_model(run.trained_model_path)
    labelled = {pair.noisy.picture for pair in plan.teaching}
    with_label = {index for index, photo in enumerate(plan.risky) if photo.picture in labelled}
    if len(with_label) == len(plan.risky) and not plan.judged:
        # No label has room to be held back: better the risk on them than no word at all.
        with_label = set()
    # Copies, since loading weights into a network changes what its state shows.
    before, after = (
        {name: tensor.clone() for name, tensor in model.network.state_dict().items()} for model in (begun, trained)
    )
    noise = plan.noise
    if noise is None and len(plan.risky) > len(with_label):
        noise = learn_own_noise(
            plan.risky, Restorer(begun, device), task_of(begun.card), seed=config.seed, control=control, emit=emit,
            labels=plan.teaching,
        )  # fmt: skip
    if noise is None and not plan.judged:
        save_model(run.model_path, after, trained.card)
        run.update(metrics={**run.record.metrics, "share_of_way": 1.0}, verdict=_UNJUDGEABLE)
        run.log(_UNJUDGEABLE)
        emit(VerdictReady(state="done", sentence=_UNJUDGEABLE))
        return None
    found = choose_share(
        before, after, partial(_restore_with, trained, device, control), plan.risky, noise,
        seed=config.seed, control=control, emit=emit, labelled=with_label, judged=plan.judged,
        measure=task_of(begun.card).make_noisy,
        is_allowed=_limited_forgetting(config, begun, trained, run, device, control, emit),
    )  # fmt: skip
    save_model(run.model_path, found.weights, trained.card.model_copy(update={"training": {"gain": found.gain_db}}))
    run.update(metrics={**run.record.metrics, **found.figures}, verdict=found.sentence)
    run.log(found.sentence)
    emit(VerdictReady(state="done", sentence=found.sentence))
    return found


def _limited_forgetting(
    config: TrainingConfig,
    begun: RestorationModel,
    model: RestorationModel,
    run: Run,
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
) -> Callable[[Mapping[str, torch.Tensor]], bool]:
    """Whether weights have forgotten no more of other noises than is allowed; what labels alone ask for.

    Args:
        config: Says how much.
        begun: What the training has started from. What that has forgotten already is not held against it.
        model: Takes the weights that are asked about.
        run: Keeps the figures of what is kept then.
        device: Where to compute.
        control: Pause and cancel.
        emit: Receives progress.
    """
    starter = _starter_of(begun.card) if isinstance(config, FinetuneConfig) and config.forgetting_limit else None
    if starter is None:
        return lambda weights: True
    others = OtherNoises(starter.card, device, control)
    figures: dict[str, float] = {}

    def is_allowed(weights: Mapping[str, torch.Tensor]) -> bool:
        emit(StepDone(stage="Measuring what was forgotten", step=0, num_steps=1))
        if not figures:
            figures["other_noise_psnr_starter"] = others.psnr(starter)
            figures["other_noise_psnr_begun"] = others.psnr(begun)
        model.network.load_state_dict(weights)
        asked_psnr, begun_psnr = others.psnr(model), figures["other_noise_psnr_begun"]
        is_within = asked_psnr >= min(figures["other_noise_psnr_starter"] - config.forgetting_limit, begun_psnr)
        # Of what is kept: the first weights that may be, or else those before.
        figures["other_noise_psnr"] = asked_psnr if is_within else begun_psnr
        run.update(metrics={**run.record.metrics, **figures})
        return is_within

    return is_allowed


def _starter_of(card: ModelCard) -> RestorationModel | None:
    """The starter model that a model descends from, if it is there, the same network, and does the same.

    A model for another task is nothing to that task's starter, which it has never been; and what keeps the size of a
    photo cannot be measured where the starter enlarges.
    """
    starter_file = starter_path(card.task)
    if starter_file is None or starter_file.stem != card.starter:
        return None
    starter = load_model(starter_file)
    is_same = (starter.card.backbone, starter.card.backbone_params) == (card.backbone, card.backbone_params)
    return starter if is_same and task_of(starter.card).scale == task_of(card).scale else None


def _restore_with(
    model: RestorationModel, device: ComputeDevice, control: JobControl, weights: Mapping[str, torch.Tensor]
) -> Callable[[Pixels], Pixels]:
    """What restores with these weights, which the model then has."""
    model.network.load_state_dict(weights)
    restorer = Restorer(model, device)
    return lambda pixels: restorer.restore(pixels, control=control)


def _limit_forgetting(
    config: TrainingConfig, run: Run, device: ComputeDevice, control: JobControl, emit: Emit
) -> RestorationModel | None:
    """Take a model that descends from a starter back towards it as far as other noises ask for.

    Returns:
        The model that is kept instead of the trained one; None where that one stays.
    """
    starter = _starter_of(read_card(run.model_path)) if config.forgetting_limit else None
    if starter is None:
        return None
    emit(StepDone(stage="Measuring what was forgotten", step=0, num_steps=1))
    refined = load_model(run.model_path)
    found = remember_starter(starter, refined, limit_db=config.forgetting_limit, device=device, control=control)
    run.update(metrics={**run.record.metrics, **found.figures})
    run.log(found.sentence)
    if found.share == 1:
        return None
    run.update(verdict=found.sentence)
    emit(VerdictReady(state="done", sentence=found.sentence))
    save_model(run.model_path, found.weights, refined.card)
    return load_model(run.model_path)


def _absolute(paths: Sequence[PhotoPlace]) -> tuple[PhotoPlace, ...]:
    """So that a run can be resumed from any working folder."""
    return tuple(path.absolute() for path in paths)


def _photos_of(config: PretrainConfig, origin: ModelCard | None, control: JobControl, emit: Emit) -> list[DecodedPhoto]:
    """Read what a pretraining learns from: of raw files the mosaic itself where that is what the model takes.

    Raises:
        InvalidInputError: There is no usable photo.
    """
    takes_mosaics = config.pretext == OWN_NOISE and origin is not None and TASKS.find(origin.task).takes_mosaics
    return decode_photos(_usable_photos(config.photos, emit), control, emit, camera_cells=takes_mosaics)


def _usable_photos(folders: Sequence[PhotoPlace], emit: Emit) -> list[PhotoRef]:
    """Photos in folders, with an event for each file that is none.

    Raises:
        InvalidInputError: There is no usable photo.
    """
    usable, skipped = find_photos_in(folders)
    for file in skipped:
        emit(file)
    if not usable:
        named = ", ".join(str(folder) for folder in folders)
        raise InvalidInputError(
            say("There is no usable photo in {named}.", named=named),
            "Choose a folder with PNG, JPEG, TIFF, WebP or BMP files.",
        )
    return [path for path, _ in usable]


def _create_run(kind: Any, config: TrainingConfig, plan: TrainingPlan, device: ComputeDevice, **fields: Any) -> Run:
    if isinstance(config, FinetuneConfig):
        folders = config.noisy or config.clean
    else:
        assert isinstance(config, PretrainConfig)
        folders = config.photos
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
        data=_fingerprint(plan, absolute),
        labels=labels.training_names if labels else (),
        validation_labels=labels.validation_names if labels else (),
        label_files=labels.training_files if labels else (),
        validation_files=labels.validation_files if labels else (),
        **fields,
    )


def _fingerprint(plan: TrainingPlan, folders: tuple[str, ...]) -> DataFingerprint:
    files = [photo.photo for photo in plan.photos]
    if plan.labels is not None:
        # Of those that are judged only what could be read, since their noise goes by their order.
        files += [*plan.labels.unlabelled, *(photo.photo for photo in plan.risky)]
    digest = hashlib.sha256()
    for photo in files:
        digest.update(f"{photo.name}\0".encode(errors="surrogateescape"))
        # One that has gone since it was read has been learned from all the same.
        with suppress(OSError):
            status = photo.file.stat()
            digest.update(f"{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return DataFingerprint(
        folders=folders,
        num_photos=len(plan.photos),
        num_pixels=sum(photo.levels.shape[1] * photo.levels.shape[2] for photo in plan.photos),
        digest=digest.hexdigest(),
    )


def _read_config(run: Run, model: type[Config]) -> Config:
    try:
        return model.model_validate(run.config())
    except ValidationError as error:
        raise RunStoreError(
            say("The settings of the run '{record}' are damaged.", record=run.record.name), "Start a new run instead."
        ) from error
