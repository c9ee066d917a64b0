"""The job that measures: a model or a classical method on pairs of noisy photos and clean references."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.comparing.baselines.catalogue import BASELINES, Baseline
from engine.comparing.baselines.interpolation import interpolate_bilinear
from engine.comparing.metrics import exposure_error, fit_brightness, luminance, psnr, shave, ssim
from engine.contracts.configs import EvaluateConfig
from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels
from engine.contracts.results import EvaluationResult, PairScore
from engine.machine.interruptible import run_interruptibly
from engine.method.catalogue.tasks import TASKS, TaskRow
from engine.photo_files.bicubic_resize import enlarge, shrink
from engine.photo_files.photo_image import channels_beside_colours, measured_values
from engine.photo_files.photos import read_image
from engine.photo_files.raw.demosaicking import bayer_mosaic
from engine.photo_files.values.given import reads_as_set
from engine.photo_files.values.levels import OF_TYPE, ValueLevels
from engine.photos.folder import list_image_files
from engine.photos.identity import file_digest
from engine.photos.pair_checks import compare_brightness_fields
from engine.photos.pairs import PhotoPair, match_pairs
from engine.photos.stack_levels import as_in_stack
from engine.translatable import say

if TYPE_CHECKING:
    from engine.models.files import ModelCard
    from engine.restoring.restorer import Restorer

DEFAULT_TASK = "denoise"
"""What a classical method does if it is not told."""

MAX_EXPOSURE_ERROR_DB = 1.0
"""That a mean PSNR may lose by brightness and contrast alone before a person is told."""

_LOOKED_AT_SIDE_PX = 1024

_SIDES, _KINDS = ("", "noisy_"), ("", "luminance_", "scale_invariant_")
"""What the names of a pair's figures begin with."""


@reads_as_set
def evaluate(config: EvaluateConfig, control: JobControl, emit: Emit) -> EvaluationResult:
    """Measure a model or a classical method on pairs of noisy photos and clean references.

    Pairs that a model learned from or was chosen by are measured too, but left out of the means unless the settings ask
    for them.

    - *Denoising*: restored against clean.
    - *Super-resolution*: the references are larger by the scale, or the noisy photos are as large, being enlarged
      already. The luminance without `scale` pixels at each side is measured beside the colours.
    - *Demosaicking*: of each noisy photo only what a Bayer filter (red top left) lets through is given.

    Where the task makes the noisy side of a pair from clean photos, one folder may be both: what is restored is then
    made from each reference.

    Args:
        config: What to measure, and the pairs.
        control: Asked once per tile or photo.
        emit: Receives `StepDone`, `FileSkipped` and `JobWarning`.

    Returns:
        Means and each pair's figures: as they are, and after gain and offset are fitted to the reference. Inputs are as
        they lie in the files; results are not rounded to 8 or 16 bits.

    Raises:
        JobCancelled: Asked to end.
        InvalidInputError: No pair is left to measure, or the model or method is for another task.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there, or has too little memory.
    """
    started, paused_before = time.monotonic(), control.paused_seconds

    def elapsed() -> float:
        return time.monotonic() - started - (control.paused_seconds - paused_before)

    method = _open_method(config, emit)
    pairs, failed = _find_pairs(config, method.row)
    for skipped in failed:
        emit(skipped)
    if not pairs and failed:
        raise InvalidInputError("None of the pairs can be used: see the reason of each.", failed[0].hint)
    if not pairs:
        raise InvalidInputError(
            "No noisy photo has a clean reference of the same name.", "Give both files of a pair the same name."
        )
    scores: list[PairScore] = []
    exposure_errors: list[float] = []
    megapixels = 0.0
    for index, pair in enumerate(pairs):
        control.wait_if_paused()
        seconds_left = elapsed() / index * (len(pairs) - index) if index else None
        emit(StepDone(stage="Evaluating", step=index, num_steps=len(pairs), seconds_left=seconds_left))
        try:
            sample = run_interruptibly(partial(_read_sample, pair, method.task), control)
            _warn_of_doubts(sample, emit)
            score, exposure_error_db = _measure(sample, method, control, fits_brightness=config.fit_brightness)
            scores.append(score)
            exposure_errors.append(exposure_error_db)
        except (ImageReadError, InvalidInputError) as error:
            failed.append(FileSkipped(path=pair.noisy, reason=error.message, hint=error.hint))
            emit(failed[-1])
            continue
        megapixels += sample.clean.shape[0] * sample.clean.shape[1] / 1e6
    emit(StepDone(stage="Evaluating", step=len(pairs), num_steps=len(pairs), seconds_left=0.0))
    counted = [score for score in scores if config.include_training or not score.used_for_training]
    if not counted:
        raise InvalidInputError(
            "No pair is left to measure: the model learned from all of them, or they cannot be read.",
            "Add other pairs, or include the training labels.",
        )
    # All means are of the same pairs: a difference between two would else be no gain.
    with_error = [score for score in counted if _has_error(score)]
    num_without_error = len(counted) - len(with_error)
    _warn_of_figures(exposure_errors, num_without_error, emit)
    return EvaluationResult(
        **_means(with_error or counted),
        num_pairs=len(counted),
        num_left_out=len(scores) - len(counted),
        per_image=tuple(scores),
        failed=tuple(failed),
        seconds=elapsed(),
        seconds_per_megapixel=sum(score.seconds for score in scores) / megapixels,
        num_without_error=num_without_error,
    )


class _Method(ABC):
    """What is measured.

    Attributes:
        task: Name of what it does.
        row: What the catalogue says of it.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self.row = TASKS.find(task)

    @abstractmethod
    def restore(self, sample: "_Sample", control: JobControl) -> Pixels:
        """Restore what was observed of a pair.

        Args:
            sample: The pair.
            control: Asked on the way.

        Returns:
            The result, in the photo's units, of about the sample's scale times the size.
        """

    @abstractmethod
    def was_taught_by(self, pair: PhotoPair) -> bool:
        """Tell whether it learned from a pair, or was chosen by it."""


class _Model(_Method):
    """A trained model."""

    def __init__(self, restorer: "Restorer", card: "ModelCard", scale: int) -> None:
        super().__init__(card.task)
        self._restorer = restorer
        self._card = card
        self._scale = scale

    def restore(self, sample: "_Sample", control: JobControl) -> Pixels:
        """Restore, at the resolution that the network works at."""
        fitting, observed, scale = sample.observed, sample.observed, sample.scale
        if self._scale > scale:
            fitting = shrink(observed, self._scale // scale)
        elif self._scale < scale:
            fitting = enlarge(observed, scale // self._scale)
        return self._restorer.restore(
            fitting, levels=sample.levels, channels_are_gray=sample.channels_are_gray, control=control
        )

    def was_taught_by(self, pair: PhotoPair) -> bool:
        """Compare the files' content with what the card knows; their names, where it knows no more."""
        if self._card.label_digests:
            return not {file_digest(path) for path in {pair.noisy, pair.clean}}.isdisjoint(self._card.label_digests)
        return pair.noisy.name in self._card.labels


class _Classical(_Method):
    """A classical method."""

    def __init__(self, task: str, name: str) -> None:
        super().__init__(task)
        entry = BASELINES.find(name)
        self._by_scale = {
            scale: Baseline(entry, scale=scale, takes_mosaics=self.row.takes_mosaics) for scale in {1, self.row.scale}
        }

    def restore(self, sample: "_Sample", control: JobControl) -> Pixels:
        """Restore in one piece, which a stop leaves behind."""
        baseline, levels, are_gray = self._by_scale[sample.scale], sample.levels, sample.channels_are_gray
        seen = sample.observed
        if not levels.are_of_type:
            seen = np.clip(levels.normalised(seen), 0, 1)
        restored = run_interruptibly(lambda: baseline.restore(seen, channels_are_gray=are_gray), control)
        return restored if levels.are_of_type else np.asarray(levels.in_units_of_type(restored), np.float32)

    def was_taught_by(self, pair: PhotoPair) -> bool:
        """It learns from nothing."""
        return False


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """A pair, read and brought together.

    Attributes:
        pair: Its files.
        observed: What the method is given.
        unrestored: The same at the size and with the channels of the reference, without any skill.
        clean: The reference.
        levels: What is black and white in them.
        channels_are_gray: Whether each of three channels is a picture of its own.
        scale: How many times larger it is than `observed`, to a side.
        border_px: What luminance is measured without; 0: it is not measured.
    """

    pair: PhotoPair
    observed: Pixels
    unrestored: Pixels
    clean: Pixels
    levels: ValueLevels = OF_TYPE
    channels_are_gray: bool = False
    scale: int = 1
    border_px: int = 0


def _open_method(config: EvaluateConfig, emit: Emit) -> _Method:
    """Load the model, or make the classical method ready.

    Raises:
        InvalidInputError: It is for another task, or is not there.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there.
    """
    if config.model is None:
        return _Classical(config.task or DEFAULT_TASK, config.baseline)

    from engine.machine.devices import open_device
    from engine.models.files import load_model
    from engine.restoring.restorer import Restorer

    model = load_model(config.model)
    card = model.card
    if config.task not in ("", card.task):
        raise InvalidInputError(
            say(
                "The model “{model}” is for the task {task}, not {wanted}.",
                model=card.name,
                task=card.task,
                wanted=config.task,
            ),
            "Choose its own task, or another model.",
        )
    restorer = Restorer(model, open_device(config), tile_px=config.tile, emit=emit)
    return _Model(restorer, card, model.network.scale)


def _find_pairs(config: EvaluateConfig, row: TaskRow) -> tuple[list[PhotoPair], list[FileSkipped]]:
    """Match the files by name, and list what cannot be used."""
    matching = match_pairs(list_image_files(config.noisy), list_image_files(config.clean), scale=row.scale)
    pairs, failed = list(matching.pairs), []
    for doubt in matching.doubtful:
        if row.makes_own_pairs and doubt.pair.noisy == doubt.pair.clean:
            pairs.append(doubt.pair)
        else:
            failed.append(FileSkipped(path=doubt.pair.noisy, reason=doubt.reason, hint=doubt.hint))
    return pairs, failed


def _read_sample(pair: PhotoPair, task: str) -> _Sample:
    """Read a pair and make of it what the task measures.

    Raises:
        ImageReadError: One of the two cannot be read.
        InvalidInputError: They do not fit together.
    """
    reference, row = as_in_stack(pair.clean, read_image(pair.clean)), TASKS[task]
    are_gray = False
    if pair.noisy == pair.clean:
        clean, levels = reference.normalised, OF_TYPE
        noisy = _made_noisy(clean, task)
    else:
        photo = as_in_stack(pair.noisy, read_image(pair.noisy))
        noisy, clean, levels = measured_values(photo, reference)
        are_gray = photo.metadata.channels_are_gray
        # A mosaic has one channel, and super-resolution is measured by the luminance.
        for channel in channels_beside_colours(photo, reference) if row.scale == 1 and not row.takes_mosaics else ():
            of_channel = measured_values(*channel)
            levels = levels.beside(of_channel[2], noisy.shape[2], 1)
            noisy, clean = (np.concatenate(sides, axis=2) for sides in zip((noisy, clean), of_channel[:2], strict=True))
            are_gray = True
    if row.takes_mosaics:
        _require_size(noisy, clean.shape[:2])
        mosaic = noisy if noisy.shape[2] == 1 else bayer_mosaic(noisy)
        in_colour = np.broadcast_to(clean, (*clean.shape[:2], 3))
        return _Sample(pair=pair, observed=mosaic, unrestored=interpolate_bilinear(mosaic), clean=in_colour)
    num_channels = max(noisy.shape[2], clean.shape[2])
    noisy = np.broadcast_to(noisy, (*noisy.shape[:2], num_channels))
    clean = np.broadcast_to(clean, (*clean.shape[:2], num_channels))
    if row.scale == 1 or noisy.shape == clean.shape:
        _require_size(noisy, clean.shape[:2])
        border_px = row.scale if row.scale > 1 else 0
        return _Sample(
            pair=pair,
            observed=noisy,
            unrestored=noisy,
            clean=clean,
            levels=levels,
            channels_are_gray=are_gray,
            border_px=border_px,
        )
    _require_size(noisy, tuple(side // row.scale for side in clean.shape[:2]))
    enlarged = enlarge(noisy, row.scale)
    clean = clean[: enlarged.shape[0], : enlarged.shape[1]]
    return _Sample(
        pair=pair,
        observed=noisy,
        unrestored=enlarged,
        clean=clean,
        levels=levels,
        channels_are_gray=are_gray,
        scale=row.scale,
        border_px=row.scale,
    )


def _made_noisy(clean: Pixels, task: str) -> Pixels:
    from engine.method.factory import make_task

    # With the usual settings, whatever the model's: how a pair is measured does not depend on what learned.
    return make_task(task, {}).make_noisy(clean)


def _require_size(noisy: Pixels, expected: tuple[int, ...]) -> None:
    """Compare sizes once more, as turned by the photos' orientation.

    Raises:
        InvalidInputError: They differ.
    """
    if noisy.shape[:2] != expected:
        raise InvalidInputError(
            say(
                "The photo has {width} x {height} pixels where its reference asks for {expected_width} x "
                "{expected_height}.",
                width=noisy.shape[1],
                height=noisy.shape[0],
                expected_width=expected[1],
                expected_height=expected[0],
            ),
            "Crop them alike.",
        )


def _measure(
    sample: _Sample, method: _Method, control: JobControl, *, fits_brightness: bool
) -> tuple[PairScore, float]:
    """Restore the noisy photo of a pair and compare both with the reference.

    Returns:
        The figures, and what the PSNR loses by brightness and contrast alone, dB: of the restored photo or of the noisy
        one, whichever loses more.

    Raises:
        InvalidInputError: It cannot be restored, or is too small to be measured.
    """
    started, paused_before = time.monotonic(), control.paused_seconds
    restored = method.restore(sample, control)
    seconds = time.monotonic() - started - (control.paused_seconds - paused_before)
    # Shrinking to a network's own resolution may have cost a row or a column.
    area = np.s_[: restored.shape[0], : restored.shape[1]]
    clean, unrestored = sample.clean[area], sample.unrestored[area]
    fitted, noisy_fitted = fit_brightness(restored, clean), fit_brightness(unrestored, clean)
    if fits_brightness:
        restored, unrestored = fitted, noisy_fitted
    name = sample.pair.noisy.name
    try:
        lost = max(exposure_error(restored, clean), exposure_error(unrestored, clean))
        score = PairScore(
            name=name,
            psnr=psnr(restored, clean),
            ssim=ssim(restored, clean),
            noisy_psnr=psnr(unrestored, clean),
            noisy_ssim=ssim(unrestored, clean),
            used_for_training=method.was_taught_by(sample.pair),
            scale_invariant_psnr=psnr(fitted, clean),
            scale_invariant_ssim=ssim(fitted, clean),
            noisy_scale_invariant_psnr=psnr(noisy_fitted, clean),
            noisy_scale_invariant_ssim=ssim(noisy_fitted, clean),
            seconds=seconds,
        )
        if not sample.border_px:
            return score, lost
        inner = [luminance(shave(pixels, sample.border_px)) for pixels in (restored, unrestored, clean)]
        measured = replace(
            score,
            luminance_psnr=psnr(inner[0], inner[2]),
            luminance_ssim=ssim(inner[0], inner[2]),
            noisy_luminance_psnr=psnr(inner[1], inner[2]),
            noisy_luminance_ssim=ssim(inner[1], inner[2]),
        )
        return measured, lost
    except ValueError as error:
        raise InvalidInputError(
            say("{name} cannot be measured: {error}.", name=name, error=error), "Use larger photos."
        ) from error


def _has_error(score: PairScore) -> bool:
    """Whether all figures of a pair are finite: the PSNR of a picture that equals its reference is not."""
    return all(math.isfinite(value) for value in vars(score).values() if isinstance(value, float))


def _means(scores: Sequence[PairScore]) -> dict[str, float]:
    """Average each figure that the pairs have, by its name."""
    names = [f"{side}{kind}{figure}" for side in _SIDES for kind in _KINDS for figure in ("psnr", "ssim")]
    columns = {name: [value for score in scores if (value := getattr(score, name)) is not None] for name in names}
    return {name: _mean(column) for name, column in columns.items() if column}


def _mean(values: Sequence[float]) -> float:
    """Average what is finite: one photo without an error would make every mean infinite."""
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.inf


def _warn_of_doubts(sample: _Sample, emit: Emit) -> None:
    """Say what the pair doctor would set aside: copies, other scenes, and shifts.

    They are measured all the same: on a copy, what a model does to a clean picture.
    """
    if sample.unrestored.shape[:2] != sample.clean.shape[:2]:
        return
    if np.array_equal(sample.unrestored, sample.clean):
        emit(
            JobWarning(
                message=say(
                    "{noisy} is measured, but: Both files hold the same picture.", noisy=sample.pair.noisy.name
                ),
                hint="Choose the clean version of the photo as its reference, unless this is what you want to know.",
            )
        )
        return
    fields = (_middle_of(sample.levels.normalised(pixels)) for pixels in (sample.unrestored, sample.clean))
    for finding in compare_brightness_fields(*fields):
        emit(
            JobWarning(
                message=say("{noisy} is measured, but: {reason}", noisy=sample.pair.noisy.name, reason=finding.reason),
                hint=finding.hint,
            )
        )


def _middle_of(pixels: Pixels) -> NDArray[np.float32]:
    """Shape: (height, width), as much as tells enough."""
    top, left = (max(0, (side - _LOOKED_AT_SIDE_PX) // 2) for side in pixels.shape[:2])
    part = pixels[top : top + _LOOKED_AT_SIDE_PX, left : left + _LOOKED_AT_SIDE_PX]
    return np.ascontiguousarray(part.mean(axis=2))


def _warn_of_figures(exposure_errors: Sequence[float], num_without_error: int, emit: Emit) -> None:
    """Say where the figures do not mean what they seem to."""
    if num_without_error:
        emit(
            JobWarning(
                message=say(
                    "Pairs whose restored or noisy photo equals the reference: {num_without_error}. Such a PSNR is "
                    "infinite: they are in no mean, unless all are such.",
                    num_without_error=num_without_error,
                ),
                hint="Check that they are no copies of one another.",
            )
        )
    lost = _mean(exposure_errors)
    if lost > MAX_EXPOSURE_ERROR_DB:
        emit(
            JobWarning(
                message=say(
                    "Brightness and contrast alone cost {lost:.1f} dB of PSNR on average: photos and references "
                    "have another exposure or stretch.",
                    lost=lost,
                ),
                hint="Compare the scale-invariant figures, for which gain and offset are fitted.",
            )
        )
