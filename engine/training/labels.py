"""The labels of a fine-tuning: which pairs teach, which only measure, and which photos stay unlabelled."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from engine.comparing.metrics import SMALLEST_SSIM_SIDE_PX
from engine.contracts.configs import FinetuneConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.labelling.brightness_fit import BrightnessFit, fit_reference
from engine.labelling.doctor import ExamineRequest, FactKind, PairDiagnosis, examine_pairs
from engine.labelling.doctor_measures import scene_signature
from engine.machine.interruptible import run_interruptibly
from engine.method.catalogue.tasks import TASKS, TaskRow
from engine.method.factory import make_task
from engine.method.tasks.restoration_task import RestorationTask
from engine.photo_files.photos import probe_image
from engine.photos.crops import (
    MEMORY_BUDGET_BYTES,
    DecodedPair,
    DecodedPhoto,
    decode_photo,
    scale_of_reference,
    share_scales,
)
from engine.photos.folder import find_photos_in
from engine.photos.identity import file_digest
from engine.photos.pairs import PairMatching, PhotoPair, choose_pairs, match_pairs, split_pairs
from engine.photos.scenes import group_scenes
from engine.runs.records import RunRecord
from engine.translatable import say

MIN_LABELS_FOR_VALIDATION = 8
"""With fewer labels each is worth more as a teacher than as a measure."""

Labels = tuple[DecodedPair, ...]
"""Those of a pair of photos: one, or as many as their channels are pictures."""

MIN_OWN_SIDE_PX = 32
"""A clean photo of which a label is made must show something, made smaller too."""


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """Decoded labels, split by photo.

    Attributes:
        training: Pairs that teach.
        validation: Pairs that only measure; empty for few labels.
        unlabelled: Noisy photos whose references, if any, stay out of training; validation photos are not among them.
        digests: SHA-256 of the labelled noisy files, training before validation.
        task: What the labels teach.
        task_params: Its settings, those that the labels ask for included.
    """

    training: tuple[DecodedPair, ...]
    validation: tuple[DecodedPair, ...]
    unlabelled: tuple[PhotoRef, ...]
    digests: tuple[str, ...]
    task: RestorationTask
    task_params: dict[str, Any]

    @property
    def training_names(self) -> tuple[str, ...]:
        """File names of the noisy photos that teach with their reference."""
        return _names_of(self.training)

    @property
    def names(self) -> tuple[str, ...]:
        """All labelled photos' names, training before validation."""
        return self.training_names + self.validation_names

    @property
    def validation_names(self) -> tuple[str, ...]:
        """File names of the noisy photos that only measure."""
        return _names_of(self.validation)

    @property
    def training_files(self) -> tuple[str, ...]:
        """The noisy photos that teach, from the root."""
        return _files_of(self.training)

    @property
    def validation_files(self) -> tuple[str, ...]:
        """The noisy photos that only measure, from the root."""
        return _files_of(self.validation)


def gather_labels(config: FinetuneConfig, control: JobControl, emit: Emit, before: RunRecord | None = None) -> LabelSet:
    """Match, choose, split and decode the pairs that the settings name.

    Doubtful pairs are set aside and reported; those that are chosen by name are used all the same. References of
    another exposure or stretch are made as bright as their photos, unless the settings say otherwise. A task that makes
    the noisy side of its labels by itself learns from clean photos alone where there are no noisy ones, where both are
    the same files, and where none of their names match.

    Args:
        config: The settings.
        control: Pause and cancel.
        emit: Receives progress, and what is set aside.
        before: Of the run that goes on: what has taught in it never measures, what measured still only measures, and
            labels that have come since teach, unless a number of labels was drawn.

    Raises:
        InvalidInputError: No pair is left, a chosen one does not exist, or the task or one of its settings does not.
        JobCancelled: Asked to end.
    """
    task = make_task(config.task, config.task_params)
    row = TASKS[config.task]
    noisy_paths, clean_paths = _photos_in(config.noisy, emit), _photos_in(config.clean, emit)
    given = [PhotoPair(noisy, clean) for noisy, clean in config.given_pairs.items()]
    # The task's own scale, since that of pairs which turned out to be enlarged already is 1: their names may tell it.
    matching = _match(row, row.scale, noisy_paths, clean_paths, given, emit)
    chosen = _choose(config, row, matching, before, control, emit)
    chosen, task_params = _fit_task(row, task.scale, config.task_params, chosen, emit)
    task = make_task(config.task, task_params)
    share = config.validation_share if len(chosen) >= MIN_LABELS_FOR_VALIDATION else 0.0
    decoded, digests = _decode_pairs(chosen, task, control, emit)
    if config.fit_references:
        decoded = _with_fitted_references(decoded, frozenset(config.unfitted_names), control, emit)
    scenes = _scenes_of(decoded)
    if config.measure_names:
        training_pairs, validation_pairs = _split_as_said(
            decoded, lambda photo: photo.is_named_in(config.measure_names), scenes, emit
        )
    else:
        training_pairs, validation_pairs = split_pairs(tuple(decoded), share, config.seed, scenes)
        if before is not None and not _is_split_of(before, training_pairs, validation_pairs):
            training_pairs, validation_pairs = _split_as_said(decoded, before.has_measured, scenes, emit)
    training, validation = (
        tuple(label for pair in pairs for label in decoded[pair]) for pairs in (training_pairs, validation_pairs)
    )
    if not training:
        raise InvalidInputError(
            "None of the labels can be used for training.",
            "Let some of those that only measure teach."
            if validation
            else "See the list of skipped files for the reasons.",
        )
    # What a label is made from is clean, and shows nothing of the noise.
    withheld = {pair.noisy for pair in validation_pairs} | {path for path in clean_paths if path in set(noisy_paths)}
    return LabelSet(
        training=training,
        validation=validation,
        unlabelled=tuple(path for path in noisy_paths if path not in withheld),
        digests=tuple(digests[pair] for pair in (*training_pairs, *validation_pairs)),
        task=task,
        task_params=task_params,
    )


def _photos_in(folders: Sequence[PhotoPlace], emit: Emit) -> list[PhotoRef]:
    usable, skipped = find_photos_in(folders)
    for file in skipped:
        emit(file)
    return [path for path, _ in usable]


def _match(
    row: TaskRow,
    scale: int,
    noisy: Sequence[PhotoRef],
    clean: Sequence[PhotoRef],
    given: Sequence[PhotoPair],
    emit: Emit,
) -> PairMatching:
    """Match by name, but for the given pairs, or take each clean photo for both sides of a pair."""
    alone = PairMatching(pairs=tuple(PhotoPair(path, path) for path in clean), doubtful=(), unmatched_clean=())
    if not noisy and not row.makes_own_pairs:
        raise InvalidInputError(
            "This task learns from pairs of a noisy photo and its clean reference, but there are no noisy photos.",
            "Add the noisy photos of the same scenes.",
        )
    if row.makes_own_pairs and (not noisy or set(noisy) == set(clean)):
        return alone
    matching = match_pairs(noisy, clean, scale=scale, given=given)
    if row.makes_own_pairs and clean and not matching.pairs and not matching.doubtful:
        emit(
            JobWarning(
                message="No noisy photo has the name of a clean one: the labels are made from the clean photos alone.",
                hint="To learn from pairs instead, give both files of a pair the same name.",
            )
        )
        return alone
    return matching


def _fit_task(
    row: TaskRow, scale: int, params: dict[str, Any], pairs: Sequence[PhotoPair], emit: Emit
) -> tuple[Sequence[PhotoPair], dict[str, Any]]:
    """Settle the settings of the task that depend on the pairs, and keep the pairs that these suit."""
    if all(pair.noisy == pair.clean for pair in pairs):
        return pairs, {**row.own_pairs_params, **params}
    if scale == 1:
        return pairs, params
    enlarged = [pair for pair in pairs if _is_same_size(pair)]
    smaller = [pair for pair in pairs if pair not in enlarged]
    if len(enlarged) > len(smaller):
        emit(
            JobWarning(
                message="The noisy photos are as large as their references: they count as enlarged already.",
                hint=say(
                    "Results keep their size. To make photos larger, give noisy photos that are {scale} times "
                    "smaller than their references, or clean photos alone.",
                    scale=scale,
                ),
            )
        )
        kept, aside, params = enlarged, smaller, {**params, **row.same_size_params}
    else:
        kept, aside = smaller, enlarged
    for pair in aside:
        _warn_aside(
            pair,
            "Of most pairs the sizes compare otherwise.",
            say(
                "Let all references be {scale} times as large as their noisy photos, or all of the same size.",
                scale=scale,
            ),
            emit,
        )
    return kept, params


def _is_same_size(pair: PhotoPair) -> bool:
    try:
        noisy, clean = probe_image(pair.noisy), probe_image(pair.clean)
    except EngineError:
        # Reading it will say what is wrong.
        return False
    return (noisy.width, noisy.height) == (clean.width, clean.height)


def _choose(
    config: FinetuneConfig,
    row: TaskRow,
    matching: PairMatching,
    before: RunRecord | None,
    control: JobControl,
    emit: Emit,
) -> Sequence[PhotoPair]:
    """Choose as the settings say; where they ask for a number, of a run that goes on its own labels alone."""
    named = _named(matching, {*(config.label_names or ()), *config.measure_names})
    if config.label_names is not None:
        chosen = named
        for diagnosis in _examine(row, chosen, control, emit).values():
            if diagnosis.doubt is not None:
                emit(
                    JobWarning(
                        message=say(
                            "{noisy} is used, since it was chosen by name, but: {text}",
                            noisy=diagnosis.pair.noisy.name,
                            text=diagnosis.doubt.text,
                        ),
                        hint=diagnosis.doubt.hint,
                    )
                )
        return chosen
    for doubtful in matching.doubtful:
        if doubtful.pair not in named:
            _warn_aside(doubtful.pair, doubtful.reason, doubtful.hint, emit)
    candidates = [pair for pair in matching.pairs if pair not in named]
    if before is not None and config.labels is not None:
        candidates = [pair for pair in candidates if before.has_taught(pair.noisy) or before.has_measured(pair.noisy)]
    if not candidates and named:
        return named
    if not candidates:
        raise InvalidInputError(
            "No clean reference matches a noisy photo.",
            "Give a reference the same file name as its noisy photo, then try again.",
        )
    wanted_count = len(candidates) if config.labels is None else config.labels
    sound = _draw_sound_pairs(row, candidates, wanted_count, config.seed, control, emit)
    if not sound:
        raise InvalidInputError(
            "None of the references agrees with its noisy photo.",
            "Check that each reference shows the same scene, unmoved; chosen by name, a pair is used all the same.",
        )
    if config.labels is not None and len(sound) < config.labels:
        emit(
            JobWarning(
                message=say(
                    "There are only {num_sound} usable labels, not {labels}.",
                    num_sound=len(sound),
                    labels=config.labels,
                ),
                hint="All of them are used.",
            )
        )
    return [*sound, *named]


def _named(matching: PairMatching, names: Collection[str]) -> list[PhotoPair]:
    """The pairs of noisy photos that are named, doubtful ones too where there are no others.

    Raises:
        InvalidInputError: One does not exist.
    """
    chosen = matching.named(names)
    missing = set(names).difference(*(pair.noisy.names for pair in chosen))
    if missing:
        raise InvalidInputError(
            say(
                "No pair of a noisy photo and a reference was found for: {missing}.", missing=", ".join(sorted(missing))
            ),
            "Check that the files are still there and that their names match.",
        )
    return chosen


def _is_split_of(before: RunRecord, teaching: Sequence[PhotoPair], measuring: Sequence[PhotoPair]) -> bool:
    """Whether the same labels teach and measure as before."""
    if before.label_files:
        files = [{str(pair.noisy.absolute()) for pair in pairs} for pairs in (teaching, measuring)]
        return files == [set(before.label_files), set(before.validation_files)]
    names = [{pair.noisy.name for pair in pairs} for pairs in (teaching, measuring)]
    return names == [set(before.labels), set(before.validation_labels)]


def _split_as_said(
    decoded: Mapping[PhotoPair, Labels],
    only_measures: Callable[[PhotoRef], bool],
    scenes: Mapping[PhotoRef, Hashable],
    emit: Emit,
) -> tuple[tuple[PhotoPair, ...], tuple[PhotoPair, ...]]:
    """Return the pairs that teach and those that only measure, as was decided; one scene on both sides is told."""
    measuring = tuple(pair for pair in decoded if only_measures(pair.noisy))
    teaching = tuple(pair for pair in decoded if pair not in measuring)
    taught_scenes = {scenes[pair.clean] for pair in teaching}
    for pair in measuring:
        if scenes[pair.clean] in taught_scenes:
            emit(
                JobWarning(
                    message=say(
                        "{noisy} only measures, but shows a scene that a label teaches.", noisy=pair.noisy.name
                    ),
                    hint="Its figure flatters the result; let all labels of a scene measure, or none.",
                )
            )
    return teaching, measuring


def _draw_sound_pairs(
    row: TaskRow, pairs: Sequence[PhotoPair], count: int, seed: int, control: JobControl, emit: Emit
) -> list[PhotoPair]:
    """Draw pairs by chance, have the pair doctor see them, and draw again for each that is set aside."""
    aside: set[PhotoPair] = set()
    num_drawn = min(count, len(pairs))
    while True:
        drawn = choose_pairs(pairs, num_drawn, seed)
        # All that are drawn together: of two labels with the same photo one is enough.
        found = _examine(row, drawn, control, emit)
        for pair in drawn:
            doubt = found[pair].doubt if pair in found else None
            if doubt is not None and pair not in aside:
                aside.add(pair)
                _warn_aside(pair, doubt.text, doubt.hint, emit)
        sound = [pair for pair in drawn if pair not in aside]
        if len(sound) >= count or num_drawn == len(pairs):
            return sound
        num_drawn = min(num_drawn + count - len(sound), len(pairs))


def _examine(
    row: TaskRow, pairs: Sequence[PhotoPair], control: JobControl, emit: Emit
) -> dict[PhotoPair, PairDiagnosis]:
    """Let the pair doctor see all pairs of two files; what a task makes of a clean photo needs none."""
    two_files = tuple(pair for pair in pairs if pair.noisy != pair.clean)
    if not two_files:
        return {}
    diagnoses = examine_pairs(ExamineRequest(pairs=two_files), control, emit)
    if row.takes_mosaics:
        # Of the noisy side only what colour filters let through is seen: a copy teaches to fill in the rest.
        diagnoses = tuple(
            replace(found, facts=tuple(fact for fact in found.facts if fact.kind is not FactKind.SAME_PICTURE))
            for found in diagnoses
        )
    return {diagnosis.pair: diagnosis for diagnosis in diagnoses}


def _warn_aside(pair: PhotoPair, reason: str, hint: str, emit: Emit) -> None:
    emit(JobWarning(message=say("{noisy} is set aside: {reason}", noisy=pair.noisy.name, reason=reason), hint=hint))


def _decode_pairs(
    pairs: Sequence[PhotoPair], task: RestorationTask, control: JobControl, emit: Emit
) -> tuple[dict[PhotoPair, Labels], dict[PhotoPair, str]]:
    """Read pairs, and the digests of their noisy files; one that cannot be read, or is gone meanwhile, is skipped."""
    decoded: dict[PhotoPair, Labels] = {}
    digests: dict[PhotoPair, str] = {}
    share = MEMORY_BUDGET_BYTES // max(len(pairs), 1)
    for index, pair in enumerate(pairs):
        control.wait_if_paused()
        try:
            labels = run_interruptibly(partial(_decode_pair, pair, task, share), control)
            digests[pair] = run_interruptibly(partial(file_digest, pair.noisy), control)
            decoded[pair] = labels
        except EngineError as error:
            emit(FileSkipped(path=pair.noisy, reason=error.message, hint=error.hint))
            continue
        emit(StepDone(stage="Reading labels", step=index + 1, num_steps=len(pairs)))
    return _with_shared_scales(decoded), digests


def _with_shared_scales(decoded: Mapping[PhotoPair, Labels]) -> dict[PhotoPair, Labels]:
    """Give the photos of a folder one black and white, and their references the same."""
    # What was made of a clean photo has been brought between black and white before.
    found = [label.noisy for pair, labels in decoded.items() if pair.noisy != pair.clean for label in labels]
    shared = iter(share_scales(found))

    def with_shared(label: DecodedPair) -> DecodedPair:
        noisy = next(shared)
        return DecodedPair(noisy, label.clean.with_scale(scale_of_reference(noisy, label.clean)))

    return {
        pair: labels if pair.noisy == pair.clean else tuple(with_shared(label) for label in labels)
        for pair, labels in decoded.items()
    }


def _with_fitted_references(
    decoded: Mapping[PhotoPair, Labels], unfitted: Collection[str], control: JobControl, emit: Emit
) -> dict[PhotoPair, Labels]:
    """Make references of another exposure or stretch as bright as their photos, and say so."""
    fits: list[tuple[DecodedPhoto, BrightnessFit]] = []

    def fitted(label: DecodedPair) -> DecodedPair:
        control.wait_if_paused()
        fit = run_interruptibly(partial(fit_reference, label.noisy, label.clean), control)
        if not fit.is_wanted:
            return label
        fits.append((label.noisy, fit))
        return DecodedPair(label.noisy, label.clean.with_scale(fit.scale_of(label.clean)))

    found = {
        pair: labels
        if pair.noisy == pair.clean or pair.noisy.is_named_in(unfitted)
        else tuple(fitted(label) for label in labels)
        for pair, labels in decoded.items()
    }
    for noisy, fit in fits:
        emit(
            JobWarning(
                message=say(
                    "The reference of {noisy} has another exposure or stretch: it is fitted by gain {gains_text} "
                    "and offset {offsets_text}.",
                    noisy=noisy.name,
                    gains_text=fit.gains_text,
                    offsets_text=fit.offsets_text,
                ),
                hint="Restored photos keep their brightness so. Turn “Fit references” off to teach the references as "
                "they are.",
            )
        )
    return found


def _scenes_of(decoded: Mapping[PhotoPair, Labels]) -> dict[PhotoRef, Hashable]:
    """Return which scene each reference shows, so that none of them both teaches and measures."""
    scenes = group_scenes({pair.clean: scene_signature(labels[0].clean.pixels) for pair, labels in decoded.items()})
    return {pair.clean: scenes[pair.clean] for pair in decoded}


def _decode_pair(pair: PhotoPair, task: RestorationTask, largest_bytes: int) -> Labels:
    """Read a pair, or make one of a clean photo; what the noisy side does not show is cut off the reference.

    One that would take more memory than it may is cut down to its central part, as photos without a label are.

    Raises:
        ImageReadError: A file cannot be read.
        InvalidInputError: The sizes or channels do not fit, or the clean photo is too small to be measured.
    """
    clean = decode_photo(pair.clean, keep_on_disk=True)
    height, width = clean.levels.shape[1:]
    # Any label may be held back, and what its noisy photo shows is measured then: whole pixels of that.
    smallest_measured_px = task.scale * -(-SMALLEST_SSIM_SIDE_PX // task.scale)
    smallest_px = MIN_OWN_SIDE_PX if pair.noisy == pair.clean else smallest_measured_px
    if min(height, width) < smallest_px:
        raise InvalidInputError(
            say("The photo has only {width} x {height} pixels.", width=width, height=height),
            say("A label needs at least {min_own_side_px} pixels to a side.", min_own_side_px=smallest_px),
        )
    if pair.noisy == pair.clean:
        pictures = clean.pictures
        share = largest_bytes // len(pictures)
        return tuple(_own_label(picture, task).within(share, scale=task.scale) for picture in pictures)
    noisy = decode_photo(pair.noisy, keep_on_disk=True)
    rows, columns = noisy.levels.shape[1:]
    if (rows, columns) != (height // task.scale, width // task.scale):
        raise InvalidInputError(
            say(
                "The noisy photo has {columns} x {rows} pixels, its reference {width} x {height}.",
                columns=columns,
                rows=rows,
                width=width,
                height=height,
            ),
            "Crop or export both at the same size."
            if task.scale == 1
            else say("For this task the reference must be {scale} times as large.", scale=task.scale),
        )
    shown = clean.part(slice(task.scale * rows), slice(task.scale * columns))
    label = DecodedPair(noisy, shown.with_scale(scale_of_reference(noisy, clean)))
    return label.within(largest_bytes, scale=task.scale).pictures


def _own_label(clean: DecodedPhoto, task: RestorationTask) -> DecodedPair:
    made = DecodedPhoto.of_pixels(clean.photo, task.make_noisy(clean.pixels), clean.bit_depth)
    rows, columns = (task.scale * side for side in made.levels.shape[1:])
    return DecodedPair(replace(made, channel=clean.channel), clean.part(slice(rows), slice(columns)))


def _names_of(labels: Sequence[DecodedPair]) -> tuple[str, ...]:
    """File names of noisy photos, each once: their channels may be labels of their own."""
    return tuple(dict.fromkeys(label.noisy.photo.name for label in labels))


def _files_of(labels: Sequence[DecodedPair]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(label.noisy.photo.absolute()) for label in labels))
