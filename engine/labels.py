"""The labels of a fine-tuning: which pairs teach, which only measure, and which photos stay unlabelled."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.configs import FinetuneConfig
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
    chosen = _choose(config, matching, emit)
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


def _choose(config: FinetuneConfig, matching: PairMatching, emit: Emit) -> Sequence[PhotoPair]:
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
        emit(JobWarning(message=f"{doubtful.pair.noisy.name} is set aside: {doubtful.reason}", hint=doubtful.hint))
    if not matching.pairs:
        raise InvalidInputError(
            "No clean reference matches a noisy photo.",
            "Give a reference the same file name as its noisy photo, then try again.",
        )
    if config.labels is None:
        return matching.pairs
    if config.labels > len(matching.pairs):
        emit(
            JobWarning(
                message=f"There are only {len(matching.pairs)} labels, not {config.labels}.",
                hint="All of them are used.",
            )
        )
    return choose_pairs(matching.pairs, config.labels, config.seed)


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
