"""The labels of a fine-tuning: which pairs teach, which only measure, and which photos stay unlabelled."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.configs import FinetuneConfig
from engine.data.pair_checks import check_pair
from engine.data.patches import decode_photo
from engine.data.photo_folder import find_usable_photos, list_image_files
from engine.data.photo_pairs import PairMatching, PhotoPair, choose_pairs, match_pairs, split_pairs
from engine.errors import EngineError, InvalidInputError
from engine.events import Emit, FileSkipped, JobWarning, StepDone
from engine.job_control import JobControl
from engine.objectives import DecodedPair

MIN_LABELS_FOR_VALIDATION = 8
"""With fewer labels each is worth more as a teacher than as a measure."""


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """Decoded labels, split by photo.

    Attributes:
        training: Pairs that teach.
        validation: Pairs that only measure; empty for few labels.
        unlabelled: Noisy photos whose references, if any, stay out of training; validation photos are not among them.
        digests: SHA-256 of the labelled noisy files, training before validation.
    """

    training: tuple[DecodedPair, ...]
    validation: tuple[DecodedPair, ...]
    unlabelled: tuple[Path, ...]
    digests: tuple[str, ...]

    @property
    def training_names(self) -> tuple[str, ...]:
        """File names of the noisy photos that teach with their reference."""
        return tuple(pair.noisy.path.name for pair in self.training)

    @property
    def names(self) -> tuple[str, ...]:
        """All labelled photos' names, training before validation."""
        return self.training_names + self.validation_names

    @property
    def validation_names(self) -> tuple[str, ...]:
        """File names of the noisy photos that only measure."""
        return tuple(pair.noisy.path.name for pair in self.validation)


def gather_labels(config: FinetuneConfig, control: JobControl, emit: Emit) -> LabelSet:
    """Match, choose, split and decode the pairs that the settings name.

    Doubtful pairs are set aside and reported, unless they are chosen by name.

    Raises:
        InvalidInputError: No pair is left, or a chosen one does not exist.
        JobCancelled: Asked to end.
    """
    noisy_paths = _photos_in(config.noisy, emit)
    matching = match_pairs(noisy_paths, _photos_in(config.clean, emit))
    chosen = _choose(config, matching, control, emit)
    share = config.validation_share if len(chosen) >= MIN_LABELS_FOR_VALIDATION else 0.0
    training_pairs, validation_pairs = split_pairs(chosen, share, config.seed)
    training = _decode_pairs(training_pairs, control, emit)
    validation = _decode_pairs(validation_pairs, control, emit)
    if not training:
        raise InvalidInputError(
            "None of the labels can be used for training.", "See the list of skipped files for the reasons."
        )
    held_back = {pair.noisy.path for pair in validation}
    return LabelSet(
        training=training,
        validation=validation,
        unlabelled=tuple(path for path in noisy_paths if path not in held_back),
        digests=tuple(file_digest(pair.noisy.path) for pair in (*training, *validation)),
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _photos_in(folders: Sequence[Path], emit: Emit) -> list[Path]:
    usable, skipped = find_usable_photos(list_image_files(folders, recursive=True))
    for file in skipped:
        emit(file)
    return [path for path, _ in usable]


def _choose(config: FinetuneConfig, matching: PairMatching, control: JobControl, emit: Emit) -> Sequence[PhotoPair]:
    if config.label_names is not None:
        wanted = set(config.label_names)
        pairs = [*matching.pairs, *(doubtful.pair for doubtful in matching.doubtful)]
        chosen = [pair for pair in pairs if pair.noisy.name in wanted]
        missing = wanted - {pair.noisy.name for pair in chosen}
        if missing:
            raise InvalidInputError(
                f"No pair of a noisy photo and a reference was found for: {', '.join(sorted(missing))}.",
                "Check that the files are still there and that their names match.",
            )
        return chosen
    for doubtful in matching.doubtful:
        _warn_aside(doubtful.pair, doubtful.reason, doubtful.hint, emit)
    if not matching.pairs:
        raise InvalidInputError(
            "No clean reference matches a noisy photo.",
            "Give a reference the same file name as its noisy photo, then try again.",
        )
    wanted_count = len(matching.pairs) if config.labels is None else config.labels
    sound = _draw_sound_pairs(matching.pairs, wanted_count, config.seed, control, emit)
    if not sound:
        raise InvalidInputError(
            "None of the references agrees with its noisy photo.",
            "Check that each reference shows the same scene, unmoved; chosen by hand, a pair is used as it is.",
        )
    if config.labels is not None and len(sound) < config.labels:
        emit(
            JobWarning(
                message=f"There are only {len(sound)} usable labels, not {config.labels}.", hint="All of them are used."
            )
        )
    return sound


def _draw_sound_pairs(
    pairs: Sequence[PhotoPair], count: int, seed: int, control: JobControl, emit: Emit
) -> list[PhotoPair]:
    """Draw pairs by chance, check what they show, and draw again for each that is set aside."""
    is_sound: dict[PhotoPair, bool] = {}
    num_drawn = min(count, len(pairs))
    while True:
        drawn = choose_pairs(pairs, num_drawn, seed)
        for pair in drawn:
            if pair in is_sound:
                continue
            control.wait_if_paused()
            findings = check_pair(pair)
            is_sound[pair] = not findings
            if findings:
                _warn_aside(pair, findings[0].reason, findings[0].hint, emit)
            emit(StepDone(stage="Checking labels", step=len(is_sound), num_steps=num_drawn))
        sound = [pair for pair in drawn if is_sound[pair]]
        if len(sound) >= count or num_drawn == len(pairs):
            return sound
        num_drawn = min(num_drawn + count - len(sound), len(pairs))


def _warn_aside(pair: PhotoPair, reason: str, hint: str, emit: Emit) -> None:
    emit(JobWarning(message=f"{pair.noisy.name} is set aside: {reason}", hint=hint))


def _decode_pairs(pairs: Sequence[PhotoPair], control: JobControl, emit: Emit) -> tuple[DecodedPair, ...]:
    decoded: list[DecodedPair] = []
    for index, pair in enumerate(pairs):
        control.wait_if_paused()
        try:
            noisy, clean = decode_photo(pair.noisy), decode_photo(pair.clean)
        except EngineError as error:
            emit(FileSkipped(path=pair.noisy, reason=error.message, hint=error.hint))
            continue
        if noisy.levels.shape != clean.levels.shape:
            emit(
                FileSkipped(
                    path=pair.noisy,
                    reason="The noisy photo and its reference differ in size.",
                    hint="Crop or export both at the same size.",
                )
            )
            continue
        decoded.append(DecodedPair(noisy, clean))
        emit(StepDone(stage="Reading labels", step=index + 1, num_steps=len(pairs)))
    return tuple(decoded)
