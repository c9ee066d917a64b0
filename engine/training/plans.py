"""What a training needs beside its run: made from settings and files, the same way at start and at resumption."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from engine import __version__
from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig, TrainingConfig
from engine.contracts.errors import InvalidInputError, RunStoreError
from engine.contracts.events import Emit, NoiseMeasured, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import LearnedNoise
from engine.machine.devices import ComputeDevice
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS, PretextRow, methods_for_one_photo
from engine.method.catalogue.tasks import TASKS
from engine.method.factory import make_pretext
from engine.models.files import ModelCard, RestorationModel, load_model, task_of
from engine.photos.crops import DecodedPair, DecodedPhoto, PictureKey, decode_photos
from engine.photos.noise_estimate import MIN_SIDE_PX, measure_noise
from engine.refining.label_parts import LARGEST_JUDGED_PX, JudgedLabel, central_parts, part_labels
from engine.refining.labelled_objective import LabelledTwinObjective
from engine.refining.own_noise import WINDOWS_FILE, OwnNoiseMaterial, chosen_photos, gather_material, learn_own_noise
from engine.refining.twin_objective import TwinObjective
from engine.restoring.restorer import Restorer
from engine.runs.folder import Run
from engine.training.labels import LabelSet, gather_labels
from engine.training.objectives import Objective, PretextObjective, SupervisedObjective
from engine.training.observer import PreviewCrop, choose_preview_crop
from engine.translatable import say, say_joined

TWINS_FACTOR = 10.0
"""Twins in a batch for one label, at an unlabelled weight of 1."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Objective, card, preview and data of one training.

    Attributes:
        objective: Batches and loss.
        card: Of the model to be saved.
        preview: The crop that is shown.
        labels: Those of a fine-tuning.
        num_crops: Crops that a contrastive term compares.
        photos: What it learns from; of a fine-tuning the labelled ones.
        stage: What a person reads.
        material: What was learned of the photos' own noise, where the training uses it.
        risky: Photos on which the risk can be estimated.
        noise: Theirs, in their order; None: still to be learned.
        teaching: Labels, or the parts of them that teach.
        judged: Parts of labels that do not teach.
    """

    objective: Objective
    card: ModelCard
    preview: PreviewCrop
    labels: LabelSet | None
    num_crops: int
    photos: Sequence[DecodedPhoto]
    stage: str
    material: OwnNoiseMaterial | None = None
    risky: Sequence[DecodedPhoto] = ()
    noise: LearnedNoise | None = None
    teaching: Sequence[DecodedPair] = ()
    judged: Sequence[JudgedLabel] = ()


def pretrain_plan(
    config: PretrainConfig,
    origin: ModelCard | None,
    photos: list[DecodedPhoto],
    material: OwnNoiseMaterial | None = None,
    *,
    resumed: bool = False,
) -> TrainingPlan:
    """Plan a pretraining.

    Args:
        config: Its settings, the stride measured.
        origin: Card of the model that it starts from or, when resumed, of the run's own; None: from scratch.
        photos: What it learns from.
        material: What was learned of their noise, for the method that needs it.
        resumed: Whether `origin` is the run's own card.

    Raises:
        InvalidInputError: Too few photos, or an unknown method, network or setting.
    """
    pretext, row = make_pretext(config.pretext, config.pretext_params), PRETEXTS[config.pretext]
    if len(photos) < row.min_photos:
        raise InvalidInputError(
            say(
                "There is only {num_photos} usable photo; this method compares the noise of different photos.",
                num_photos=len(photos),
            ),
            say(
                "Add photos until there are at least {min_photos}, cut the photo into parts, or choose a "
                "method for a single photo too: {methods_for_one_photo}.",
                min_photos=row.min_photos,
                methods_for_one_photo=say_joined(methods_for_one_photo(), ", "),
            ),
        )
    card = ModelCard(
        name=config.name or "Pretrained",
        pretext=config.pretext,
        pretext_params=config.pretext_params,
        # Other methods teach to denoise, whatever they start from.
        **({"task": origin.task, "task_params": origin.task_params} if origin and material else {}),
        **_inherited(config, origin, resumed=resumed),
    )
    objective: PretextObjective | TwinObjective
    if material is not None:
        objective = _twins(material, config, card)
    else:
        photos_per_batch = row.photos_in_batch(config.photos_per_batch)
        objective = PretextObjective(photos, pretext, photos_per_batch, config.crop_px, config.seed)
    return TrainingPlan(
        objective=objective,
        card=card,
        preview=choose_preview_crop(photos, scale=task_of(card).scale),
        labels=None,
        num_crops=objective.num_crops,
        photos=photos,
        stage="Pretraining",
        material=material,
        risky=_judgeable(photos) if origin is not None else (),
        noise=None if material is None else material.noise,
    )


def own_noise_material(
    config: TrainingConfig,
    parent: RestorationModel,
    photos: Sequence[DecodedPhoto],
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
    labels: Sequence[DecodedPair] = (),
) -> OwnNoiseMaterial:
    """Learn the photos' noise with the model that is to be refined, and gather what shall carry it.

    Args:
        config: Its seed.
        parent: The model.
        photos: What is learned from, as `chosen_photos` gives them.
        device: Where to compute.
        control: Pause and cancel.
        emit: Receives progress.
        labels: Parts of labels that teach; their noisy photos are among the photos.

    Raises:
        JobCancelled: Asked to end.
        InvalidInputError: No photo is large enough, or the model does not give photos of the same size.
    """
    require_refinable(parent.card)
    restorer = Restorer(parent, device)
    noise = learn_own_noise(
        photos, restorer, task_of(parent.card), seed=config.seed, control=control, emit=emit, labels=labels
    )
    return gather_material(photos, noise, restorer, seed=config.seed, control=control, emit=emit, labels=labels)


def require_refinable(card: ModelCard | None) -> None:
    """Check that the photos' own noise can refine a model.

    Raises:
        InvalidInputError: There is none.
    """
    if card is None:
        raise InvalidInputError(
            "Learning the photos' own noise refines a model; from scratch there is none.",
            "Start from the starter model or from a run of yours, or choose residual contrastive learning.",
        )


def finetune_plan(
    config: FinetuneConfig,
    origin: ModelCard | None,
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
    *,
    resumed: Run | None = None,
) -> TrainingPlan:
    """Plan a fine-tuning.

    Args:
        config: Its settings.
        origin: Card of the parent or, when resumed, of the run's own model; None: from scratch.
        device: Where the photos' noise is learned.
        control: Pause and cancel.
        emit: Receives events.
        resumed: The run that goes on, whose own card `origin` is.

    Raises:
        JobCancelled: Asked to end.
        InvalidInputError: No label can be used, or an unknown task, network or setting.
    """
    labels = gather_labels(config, control, emit, None if resumed is None else resumed.record)
    training = labels.training
    inherited = _inherited(config, origin, resumed=resumed is not None)
    # What taught the parent has taught this model too, and may not be counted when it is measured.
    inherited["labels"] = _joined(inherited["labels"], labels.names)
    inherited["label_digests"] = _joined(inherited["label_digests"], labels.digests)
    refines = _refines(config, origin, resumed)
    risky = _risky_photos(config, labels, control, emit) if refines else []
    teaching, judged = _parted(config, labels) if refines else (list(training), [])
    material = _labelled_material(config, origin, risky, teaching, device, control, emit, resumed=resumed)
    inherited_pretext = (origin.pretext, origin.pretext_params) if origin else (None, {})
    pretext, pretext_params = (OWN_NOISE, {}) if material is not None else inherited_pretext
    card = ModelCard(
        name=config.name or "Fine-tuned",
        task=config.task,
        task_params=labels.task_params,
        pretext=pretext,
        pretext_params=pretext_params,
        **inherited,
    )
    noisy = [pair.noisy for pair in training]
    clean_of = {pair.noisy.picture: pair.clean for pair in training}
    objective: SupervisedObjective | LabelledTwinObjective
    if material is not None:
        twins = _twins(material, config, card)
        objective = LabelledTwinObjective(twins, teaching, _pair_share(config, len(training)))
        num_crops = 0
    else:
        unlabelled = _unlabelled_objective(config, origin, labels, control, emit)
        num_crops = unlabelled.num_crops if unlabelled else 0
        # One label needs most to be held up by the unlabelled photos; ten nearly speak for the folder by themselves.
        weight = config.unlabelled_weight / len(training)
        objective = SupervisedObjective(teaching, labels.task, config, unlabelled, weight)
    return TrainingPlan(
        objective=objective,
        card=card,
        preview=choose_preview_crop(noisy, lambda photo: clean_of[photo.picture], scale=labels.task.scale),
        labels=labels,
        num_crops=num_crops,
        photos=noisy,
        stage="Fine-tuning",
        material=material,
        risky=risky,
        noise=None if material is None else material.noise,
        teaching=teaching,
        judged=judged,
    )


def _twins(material: OwnNoiseMaterial, config: TrainingConfig, card: ModelCard) -> TwinObjective:
    return TwinObjective(
        material,
        config.photos_per_batch,
        config.crop_px,
        config.seed,
        task_of(card),
        makes_own_pairs=TASKS[card.task].makes_own_pairs,
    )


def _refines(config: FinetuneConfig, origin: ModelCard | None, resumed: Run | None) -> bool:
    """Whether all of a model is taken over, so that there is something to fall back on."""
    if resumed is not None:
        return resumed.begun_model_path.is_file()
    return origin is not None and origin.task == config.task


def _risky_photos(config: FinetuneConfig, labels: LabelSet, control: JobControl, emit: Emit) -> list[DecodedPhoto]:
    """Noisy photos with and without a label, as far as they can be judged."""
    if not TASKS[config.task].shows_risk or not labels.unlabelled:
        return []
    photos = decode_photos(labels.unlabelled, control, emit, stage="Reading unlabelled photos")
    return _judgeable(photos, {pair.noisy.picture for pair in labels.training})


def _judgeable(photos: Sequence[DecodedPhoto], labelled: Collection[PictureKey] = ()) -> list[DecodedPhoto]:
    """As `chosen_photos` gives them; none where none is large enough."""
    large = [photo for photo in photos if min(photo.levels.shape[1:]) >= MIN_SIDE_PX]
    return chosen_photos(large, labelled) if large else []


def _parted(config: FinetuneConfig, labels: LabelSet) -> tuple[list[DecodedPair], list[JudgedLabel]]:
    """What teaches and what judges: corners of the labels, or the labels that are held back anyway."""
    if labels.validation:
        judged = central_parts(labels.validation, labels.task, LARGEST_JUDGED_PX, config.seed)
        return list(labels.training), judged
    return part_labels(labels.training, labels.task, config.crop_px, config.seed)


def _pair_share(config: FinetuneConfig, num_labels: int) -> float:
    """Part of a batch that labels give: one shows little of a folder, ten nearly speak for it by themselves."""
    return num_labels / (num_labels + TWINS_FACTOR * config.unlabelled_weight)


def _labelled_material(
    config: FinetuneConfig,
    origin: ModelCard | None,
    photos: Sequence[DecodedPhoto],
    teaching: Sequence[DecodedPair],
    device: ComputeDevice,
    control: JobControl,
    emit: Emit,
    *,
    resumed: Run | None,
) -> OwnNoiseMaterial | None:
    """What twins are made of beside the labels; None where labels are to teach alone, or with another method."""
    if resumed is not None:
        # What its checkpoints remember is of that, whatever has become of the photos.
        is_kept = (resumed.checkpoint_folder / WINDOWS_FILE).is_file()
        return OwnNoiseMaterial.load(resumed.path, resumed.checkpoint_folder, config.seed) if is_kept else None
    if origin is None or origin.pretext not in {None, OWN_NOISE} or not photos or config.unlabelled_weight == 0:
        return None
    assert config.parent is not None
    return own_noise_material(config, load_model(config.parent), photos, device, control, emit, teaching)


def _inherited(config: PretrainConfig | FinetuneConfig, origin: ModelCard | None, *, resumed: bool) -> dict[str, Any]:
    """Fields of a card that come from the parent, or from the settings where there is none."""
    if origin is None:
        params = BACKBONES.find(config.backbone).validate(config.backbone_params)
        return {
            "backbone": config.backbone,
            "backbone_params": params.model_dump(mode="json"),
            "parent": None,
            "starter": None,
            "labels": (),
            "label_digests": (),
            "version": __version__,
        }
    return {
        "backbone": origin.backbone,
        "backbone_params": origin.backbone_params,
        "parent": origin.parent if resumed else _parent_name(config, origin),
        "starter": origin.starter,
        "labels": origin.labels,
        "label_digests": origin.label_digests,
        "version": __version__,
    }


def _parent_name(config: PretrainConfig | FinetuneConfig, origin: ModelCard) -> str:
    """Id of the run that a training starts from, or else what its model is called.

    The card of an imported model names a run of whoever trained it, which may be none here, or another.
    """
    try:
        return Run(config.parent).record.id if config.parent is not None else origin.name
    except RunStoreError:
        # A model file; or a folder of which the model alone can be read.
        return origin.run or origin.name


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Both without repetition, in order."""
    return tuple(dict.fromkeys((*first, *second)))


def _unlabelled_objective(
    config: FinetuneConfig, origin: ModelCard | None, labels: LabelSet, control: JobControl, emit: Emit
) -> PretextObjective | None:
    """The self-supervised side of fine-tuning; none from scratch, which is the plain thing to compare with."""
    if origin is None or origin.pretext in {None, OWN_NOISE} or not labels.unlabelled:
        return None
    if config.unlabelled_weight == 0:
        return None
    photos = decode_photos(labels.unlabelled, control, emit, stage="Reading unlabelled photos")
    assert origin.pretext is not None
    row = PRETEXTS.find(origin.pretext)
    pretext = make_pretext(origin.pretext, _measured_params(row, origin.pretext_params, photos, emit))
    if len(photos) < row.min_photos:
        return None
    # Half the labels' crop: the sub-samples that the network sees here show as much of a photo.
    photos_per_batch = row.photos_in_batch(config.photos_per_batch)
    return PretextObjective(photos, pretext, photos_per_batch, max(config.crop_px // 2, 8), config.seed)


def with_measured_stride(config: PretrainConfig, photos: Sequence[DecodedPhoto], emit: Emit) -> PretrainConfig:
    """Settings in which a stride left open is measured on the photos, so that a resumed run uses the same."""
    row = PRETEXTS.find(config.pretext)
    row.validate(config.pretext_params)
    emit(StepDone(stage="Measuring the noise", step=0, num_steps=1))
    params = _measured_params(row, config.pretext_params, photos, emit)
    return config.model_copy(update={"pretext_params": params})


def _measured_params(
    row: PretextRow, params: dict[str, Any], photos: Sequence[DecodedPhoto], emit: Emit
) -> dict[str, Any]:
    if not row.leaves_stride_open(params):
        return params
    noise = measure_noise(photos, lambda photo: photo.pixels)
    if noise is None:
        return row.with_stride(params)
    emit(NoiseMeasured(noise=noise))
    return row.with_stride(params, noise.stride)
