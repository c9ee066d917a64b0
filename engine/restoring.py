"""The job that restores a batch of photos."""

import errno
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.configs import RestoreConfig
from engine.data.image_encoding import check_can_hold
from engine.data.image_files import PhotoImage, encode_image, read_image, write_encoded_image
from engine.errors import EngineError, ImageReadError, ImageWriteError, InvalidInputError
from engine.events import Emit, FileSkipped, ImageRestored, JobWarning, PhotoPassedOver, StepDone
from engine.interruptible import run_interruptibly
from engine.job_control import JobControl
from engine.job_results import PhotoOutcome, RestoreResult
from engine.output_plan import OutputPlan, Placement
from engine.raw_restoring import restore_raw_file
from engine.restore_report_config import RestoreReportConfig, report_path
from engine.restored_files import SourcePhoto, list_sources
from engine.system_memory import available_memory

if TYPE_CHECKING:
    from engine.restorer import OnTile, Restorer
    from engine.shared_batches import ClaimedPlan

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Writing failed in a way that will be the same for the next photo."""

_PROGRESS_INTERVAL_S = 0.1

BYTES_PER_RESTORED_SAMPLE = 13
"""Memory for one channel of a pixel of the result: the restored one, and three more while it is rounded and written."""


def restore(config: RestoreConfig, control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into a folder; a photo that fails never stops the batch.

    Args:
        config: Model, photos, destination.
        control: Asked once per tile.
        emit: Receives `StepDone` (steps are photos; `metrics["fraction"]` is the part of all pixels),
            `ImageRestored`, `PhotoPassedOver`, `FileSkipped`, `JobWarning`.

    Returns:
        What was restored and what was not, with reasons.

    Raises:
        JobCancelled: Asked to end; what is written stays.
        InvalidInputError: There is no photo among the inputs, or an input is not there.
        ImageWriteError: The destination cannot be made.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there.
        ProcessGroupError: Another process of those that restore as one has ended; what is written stays.
    """
    from engine.backends.selection import choose_backend
    from engine.devices import open_device, preferred_backend
    from engine.models import load_model, model_file
    from engine.restorer import Restorer
    from engine.shared_batches import gather_results, share_out

    config = config.model_copy(update={"out": config.out.absolute()})
    listing = list_sources(config.photos, config.out, config.name_pattern)
    if not listing.photos and not listing.unusable:
        raise InvalidInputError("There are no photos in what was given.", "Choose photos, or a folder with photos.")
    if listing.earlier_results:
        emit(
            JobWarning(
                message=f"Passing over {len(listing.earlier_results)} restored files of an earlier batch.",
                hint="To restore one of them again, choose the file itself.",
            )
        )
    model = load_model(config.model)
    device = open_device(config)
    megapixels = sum(photo.megapixels for photo in listing.photos)
    asked = preferred_backend(config.backend)
    backend = choose_backend(model.network, device, asked, megapixels=megapixels)
    if backend.name != asked and asked in backend.failed:
        emit(
            JobWarning(
                message=f"{asked} cannot compute this model here: {backend.failed[asked]}.",
                hint="Going on with torch, which needs more time.",
            )
        )
    restorer = Restorer(model, device, tile_px=config.tile, emit=emit, compiled=backend.network)
    _make_folder(config.out)
    for skipped in listing.unusable:
        emit(skipped)
    plan = OutputPlan(config, listing.photos, model.card, model_file(config.model))
    if device.group.size == 1:
        result = _Batch(config, listing.photos, plan, restorer, control, emit).run(listing.unusable)
    else:
        claimed, share = share_out(plan, listing.photos, device.group, control)
        unusable = listing.unusable if device.group.is_first else ()
        own = _Batch(config, share, claimed, restorer, control, emit).run(unusable)
        result = gather_results(own, listing.photos, device.group)
    result = replace(result, backend=backend.name)
    if not config.report or not device.group.is_first:
        return result
    return replace(result, report=_write_report(config, result, control, emit))


class _Batch:
    """One run over a list of photos."""

    def __init__(
        self,
        config: RestoreConfig,
        photos: Sequence[SourcePhoto],
        plan: "OutputPlan | ClaimedPlan",
        restorer: "Restorer",
        control: JobControl,
        emit: Emit,
    ) -> None:
        self._config = config
        self._photos = photos
        self._restorer = restorer
        self._control = control
        self._emit = emit
        self._plan = plan
        self._clock = _Clock(control, sum(photo.megapixels for photo in photos))
        self._last_progress = -math.inf

    def run(self, unusable: Sequence[FileSkipped]) -> RestoreResult:
        """Restore all photos, adding to those that were unusable from the start."""
        outcomes = [_failure(skipped) for skipped in unusable]
        megapixels = 0.0
        disk_error: ImageWriteError | None = None
        for index, photo in enumerate(self._photos):
            self._control.wait_if_paused()
            self._report_progress(index, 0.0)
            try:
                outcome = self._take(photo, index, disk_error)
            except EngineError as error:
                skipped = FileSkipped(path=photo.path, reason=error.message, hint=error.hint)
                outcome = _failure(skipped)
                self._emit(skipped)
                if isinstance(error, ImageWriteError) and _is_disk_error(error):
                    disk_error = error
            outcomes.append(outcome)
            if outcome.state == "restored":
                megapixels += photo.megapixels
                self._clock.add(photo.megapixels)
            else:
                self._clock.leave_out(photo.megapixels)
        self._report_progress(len(self._photos), 0.0, always=True)
        return RestoreResult(outcomes=tuple(outcomes), seconds=self._clock.seconds, megapixels=megapixels)

    def _take(self, photo: SourcePhoto, index: int, disk_error: ImageWriteError | None) -> PhotoOutcome:
        """Restore a photo, or find it done.

        Raises:
            EngineError: It cannot be read, restored or written; or none can be written, as `disk_error` says.
        """
        started = time.monotonic()
        placement = self._plan.claim(photo)
        how = "" if placement.provenance is None else placement.provenance.sentence
        if placement.state != "write":
            self._emit(
                PhotoPassedOver(source=photo.path, output=placement.output, is_done=placement.state == "done", how=how)
            )
            return PhotoOutcome(source=photo.path, state=placement.state, output=placement.output, how=how)
        if disk_error is not None:
            raise disk_error
        self._restore_photo(photo, placement, index)
        seconds = time.monotonic() - started
        self._emit(ImageRestored(source=photo.path, output=placement.output, seconds=seconds, how=how))
        return PhotoOutcome(source=photo.path, state="restored", output=placement.output, seconds=seconds, how=how)

    def _restore_photo(self, photo: SourcePhoto, placement: Placement, index: int) -> None:
        def report_tile(num_done: int, num_tiles: int) -> None:
            self._report_progress(index, num_done / num_tiles * photo.megapixels)

        self._require_room(photo)
        try:
            restored = self._restored(photo.path, report_tile)
        except MemoryError as error:
            raise ImageReadError(
                f"The memory does not suffice for a photo of {photo.megapixels:,.0f} megapixels.",
                "Close other programs, or restore a part of the photo.",
            ) from error
        encode = partial(
            encode_image,
            restored,
            file_format=self._plan.file_format(photo),
            bit_depth=self._plan.bit_depth(photo),
            jpeg_quality=self._config.jpeg_quality,
            metadata=self._config.metadata,
            provenance=placement.provenance,
        )
        content = run_interruptibly(encode, self._control)
        _make_folder(placement.output.parent)
        write_encoded_image(placement.output, content)

    def _restored(self, path: Path, on_tile: "OnTile") -> PhotoImage:
        from engine.restorer import blend_with_input

        strength = self._config.strength
        if self._restorer.takes_mosaics:
            return restore_raw_file(path, self._restorer, strength=strength, control=self._control, on_tile=on_tile)
        image = run_interruptibly(lambda: read_image(path), self._control)
        restored = self._restorer.restore(image.pixels, control=self._control, on_tile=on_tile)
        if strength < 1:
            restored = blend_with_input(self._restorer.unrestored(image.pixels), restored, strength)
        alpha = image.alpha
        if alpha is not None:
            alpha = self._restorer.enlarged(alpha[:, :, None])[:, :, 0]
        return image.with_pixels(restored, alpha)

    def _require_room(self, photo: SourcePhoto) -> None:
        """Refuse an enlargement that the memory or the file cannot hold, before it takes its time.

        Raises:
            InvalidInputError: It takes more than the free memory.
            ImageWriteError: The format ends at fewer pixels.
        """
        scale, info = self._restorer.scale, photo.info
        if scale == 1:
            return
        width, height = scale * info.width, scale * info.height
        needed, free = BYTES_PER_RESTORED_SAMPLE * width * height * info.num_channels, available_memory()
        if needed > free:
            raise InvalidInputError(
                f"Enlarged {scale} times, the photo would have {width:,} x {height:,} pixels, which take "
                f"{needed / 1e9:,.0f} GB of memory; {free / 1e9:,.0f} GB are free.",
                "Enlarge it less, or cut it into parts.",
            )
        check_can_hold(self._plan.file_format(photo), width, height, self._plan.bit_depth(photo), has_alpha=False)

    def _report_progress(self, num_done: int, megapixels_of_current: float, always: bool = False) -> None:
        now = time.monotonic()
        if not always and now - self._last_progress < _PROGRESS_INTERVAL_S:
            return
        self._last_progress = now
        self._emit(
            StepDone(
                stage="Restoring",
                step=num_done,
                num_steps=len(self._photos),
                seconds_left=self._clock.seconds_left(megapixels_of_current),
                metrics={"fraction": self._clock.fraction(megapixels_of_current)},
            )
        )


def _failure(skipped: FileSkipped) -> PhotoOutcome:
    return PhotoOutcome(source=skipped.path, state="failed", reason=skipped.reason, hint=skipped.hint)


def _write_report(config: RestoreConfig, result: RestoreResult, control: JobControl, emit: Emit) -> Path | None:
    """Write the report beside the results; a batch is no failure for want of one."""
    from engine.restore_report import write_restore_report

    try:
        return write_restore_report(
            RestoreReportConfig(path=report_path(config.out), outcomes=result.outcomes), control, emit
        )
    except ImageWriteError as error:
        emit(JobWarning(message=error.message, hint=error.hint))
        return None


class _Clock:
    """Time left by megapixels, without pauses."""

    def __init__(self, control: JobControl, megapixels: float) -> None:
        self._control = control
        self._megapixels = megapixels
        self._done = 0.0
        self._started = time.monotonic()
        self._paused_before = control.paused_seconds

    @property
    def seconds(self) -> float:
        """Time so far, without pauses."""
        return time.monotonic() - self._started - (self._control.paused_seconds - self._paused_before)

    def add(self, megapixels: float) -> None:
        """Count a finished photo."""
        self._done += megapixels

    def leave_out(self, megapixels: float) -> None:
        """Forget a photo that takes no time."""
        self._megapixels -= megapixels

    def fraction(self, of_current: float) -> float:
        """Return the part that is done, 0 to 1, with `of_current` megapixels of the photo in work."""
        return min((self._done + of_current) / self._megapixels, 1.0) if self._megapixels > 0 else 1.0

    def seconds_left(self, of_current: float) -> float | None:
        """Return the estimated time left; None before the first tile."""
        fraction = self.fraction(of_current)
        return self.seconds * (1 / fraction - 1) if fraction > 0 else None


def _make_folder(folder: Path) -> None:
    """Make a folder if it is not there.

    Raises:
        ImageWriteError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageWriteError(
            f"The folder {folder} cannot be made ({error.strerror or error}).", "Choose another folder."
        ) from error


def _is_disk_error(error: ImageWriteError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK_ERRORS
