"""One run over a list of photos that are restored."""

import errno
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from engine.contracts.blending import Blend
from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import EngineError, ImageReadError, ImageWriteError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, ImageRestored, PhotoPassedOver, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef, Pixels
from engine.contracts.results import PhotoOutcome, RestoreResult
from engine.machine.interruptible import Pending, run_interruptibly
from engine.machine.system_memory import available_memory
from engine.photo_files.colour.transparency import spread_visible_colours
from engine.photo_files.encoding import check_can_hold
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.photo_image import SPREAD_REMARK, ImageMetadata, as_samples
from engine.photo_files.photos import PhotoSamples, read_tone
from engine.photo_files.sensors.tone import ToneCurve
from engine.photo_files.values.levels import ValueLevels
from engine.photo_files.values.sample_types import SampleType, to_float, to_samples
from engine.photos.stack_levels import as_in_stack
from engine.restoring.blending import blended
from engine.restoring.output_plan import OutputPlan, Placement
from engine.restoring.pipeline import OutputFile, Writing, can_overlap, read_ahead
from engine.restoring.raw import restore_camera_colours, restore_raw_file
from engine.restoring.sources import SourcePhoto
from engine.restoring.stacks import PageWork, RestoredStack, restore_stack
from engine.translatable import say

if TYPE_CHECKING:
    from engine.restoring.restorer import OnTile, Restorer
    from engine.restoring.shared_batches import ClaimedPlan

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Writing failed in a way that will be the same for the next photo."""

_PROGRESS_INTERVAL_S = 0.1

_NOTHING = 1e-9
"""Of a batch: two sums of the same parts may differ by as much."""

BYTES_PER_RESTORED_SAMPLE = 13
"""Memory for one channel of a pixel of the result: the restored one, and three more while it is rounded and written."""


@dataclass(frozen=True, kw_only=True)
class _Upcoming:
    """A photo whose turn comes.

    Attributes:
        photo: Which it is.
        placement: Where its result goes; None where that has failed.
        error: Why it has.
        reading: Its samples on their way; None: they are read when they are needed.
    """

    photo: SourcePhoto
    placement: Placement | None = None
    error: EngineError | None = None
    reading: Pending[PhotoSamples] | None = None


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A restored photo that is being written.

    Attributes:
        photo: Which it is.
        placement: Where it goes.
        started: When its turn had come, seconds of the batch.
        writing: The writing.
    """

    photo: SourcePhoto
    placement: Placement
    started: float
    writing: Writing


class RestoreBatch:
    """One run over a list of photos: while one is restored, the next is read and the last one written."""

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
        self._outcomes: list[PhotoOutcome] = []
        self._megapixels = 0.0
        self._told_at = 0.0
        self._disk_error: ImageWriteError | None = None
        self._written: _Written | None = None

    def run(self, unusable: Sequence[FileSkipped]) -> RestoreResult:
        """Restore all photos, adding to those that were unusable from the start."""
        self._outcomes = [_failure(skipped) for skipped in unusable]
        try:
            upcoming = self._look_ahead(0)
            for index in range(len(self._photos)):
                self._control.wait_if_paused()
                self._report_progress(index, 0.0)
                current, upcoming = upcoming, None
                assert current is not None
                if _is_small(current.photo, self._restorer):
                    upcoming = self._look_ahead(index + 1)
                self._take(current, index)
                del current
                upcoming = upcoming or self._look_ahead(index + 1)
            self._settle()
        finally:
            if self._written is not None:
                self._written.writing.give_up()
        self._report_progress(len(self._photos), 0.0, always=True)
        return RestoreResult(outcomes=tuple(self._outcomes), seconds=self._clock.seconds, megapixels=self._megapixels)

    def _look_ahead(self, index: int) -> _Upcoming | None:
        """Say where the result of a photo goes, and begin to read it; None behind the last photo."""
        if index >= len(self._photos):
            return None
        photo = self._photos[index]
        try:
            placement = self._plan.claim(photo)
        except EngineError as error:
            return _Upcoming(photo=photo, error=error)
        is_read_ahead = (
            placement.state == "write"
            and not photo.pages
            and self._disk_error is None
            and not self._restorer.takes_mosaics
            and not FORMATS[self._plan.file_format(photo)].is_of_sensors
            and _is_small(photo, self._restorer)
        )
        return _Upcoming(photo=photo, placement=placement, reading=read_ahead(photo.photo) if is_read_ahead else None)

    def _take(self, current: _Upcoming, index: int) -> None:
        """Restore a photo and begin to write it, or note why not."""
        started = self._clock.seconds
        photo, placement = current.photo, current.placement
        try:
            if current.error is not None or placement is None:
                assert current.error is not None
                raise current.error
            if placement.state != "write":
                self._settle()
                self._pass_over(photo, placement)
                return
            if self._disk_error is not None:
                raise self._disk_error
            if photo.pages:
                self._settle()
                self._take_stack(photo, placement, index, started)
                return
            restored = self._restored(current, index)
            self._clock.add(photo.megapixels)
        except OSError as error:
            self._settle()
            self._clock.leave_out(photo.megapixels)
            self._fail(photo, disk_failure(error))
            return
        except EngineError as error:
            self._settle()
            self._clock.leave_out(photo.megapixels)
            self._fail(photo, error)
            return
        self._settle()
        if self._disk_error is not None:
            self._fail(photo, self._disk_error)
            return
        # Whoever has been told of the last photo may have asked to end.
        self._control.wait_if_paused()
        writing = Writing(restored, self._output_file(photo, placement))
        del restored
        self._written = _Written(photo=photo, placement=placement, started=started, writing=writing)
        if not _is_small(photo, self._restorer):
            self._settle()

    def _settle(self) -> None:
        """Wait for the photo that is being written, if there is one, and note what has become of it."""
        written = self._written
        if written is None:
            return
        try:
            remarks = written.writing.wait(self._control)
        except EngineError as error:
            self._written = None
            self._fail(written.photo, error)
            return
        self._written = None
        placement = replace(written.placement, output=written.writing.path)
        self._succeed(written.photo, placement, written.started, remarks)

    def _take_stack(self, photo: SourcePhoto, placement: Placement, index: int, started: float) -> None:
        """Restore a stack, page after page, and write it.

        Raises:
            JobCancelled: The job has been asked to end.
            EngineError: It cannot be read, restored or written.
        """

        def of_page(metadata: ImageMetadata) -> SourcePhoto:
            info = replace(photo.info, bit_depth=metadata.bit_depth, sample_type=metadata.sample_type)
            return replace(photo, info=info)

        work = PageWork(
            restore=lambda noisy, on_tile: self._of_samples(noisy, of_page(noisy.metadata), on_tile),
            sample_type=lambda metadata: self._plan.sample_type(of_page(metadata)),
            scale=self._restorer.scale,
        )
        megapixels = photo.megapixels / len(photo.pages)

        def report(num_done: int, num_kept: int, part: float) -> None:
            self._report_progress(index, (num_done + part) * megapixels, num_kept * megapixels)

        if self._restorer.takes_mosaics:
            # Says what is wrong with it.
            self._developed(photo, lambda num_done, num_tiles: None)
        self._require_room(photo)
        try:
            restored = restore_stack(photo, self._output_file(photo, placement), work, self._control, report)
        except MemoryError as error:
            raise _too_large(megapixels) from error
        self._clock.add(photo.megapixels, restored.num_kept * megapixels)
        provenance = placement.provenance
        if provenance is not None:
            provenance = replace(provenance, lost_pages=" ".join(map(str, restored.lost_pages)))
        placement = replace(placement, output=restored.output, provenance=provenance)
        self._succeed(photo, placement, started, restored.remarks, restored)

    def _succeed(
        self,
        photo: SourcePhoto,
        placement: Placement,
        started: float,
        remarks: tuple[str, ...],
        stack: RestoredStack | None = None,
    ) -> None:
        # While one is written the next is restored: what they share is the first one's, so that all of them together
        # took as long as the batch.
        now = self._clock.seconds
        seconds, self._told_at = now - max(started, self._told_at), now
        how = _how(placement)
        lost_pages = () if stack is None else stack.lost_pages
        share_kept = 0.0 if stack is None else stack.num_kept / len(photo.pages)
        self._megapixels += photo.megapixels * (1 - share_kept)
        self._emit(
            ImageRestored(
                source=photo.photo,
                output=placement.output,
                seconds=seconds,
                how=how,
                remarks=remarks,
                lost_pages=lost_pages,
            )
        )
        self._outcomes.append(
            PhotoOutcome(
                source=photo.photo,
                state="restored",
                output=placement.output,
                seconds=seconds,
                how=how,
                remarks=remarks,
                lost_pages=lost_pages,
            )
        )

    def _pass_over(self, photo: SourcePhoto, placement: Placement) -> None:
        how, is_done = _how(placement), placement.state == "done"
        provenance = placement.provenance if is_done else None
        lost_pages = () if provenance is None else provenance.numbers_of_lost_pages
        self._clock.leave_out(photo.megapixels)
        self._emit(
            PhotoPassedOver(
                source=photo.photo, output=placement.output, is_done=is_done, how=how, lost_pages=lost_pages
            )
        )
        assert placement.state != "write"
        self._outcomes.append(
            PhotoOutcome(
                source=photo.photo, state=placement.state, output=placement.output, how=how, lost_pages=lost_pages
            )
        )

    def _fail(self, photo: SourcePhoto, error: EngineError) -> None:
        skipped = FileSkipped(path=photo.photo, reason=error.message, hint=error.hint)
        self._emit(skipped)
        self._outcomes.append(_failure(skipped))
        if isinstance(error, ImageWriteError) and _is_disk_error(error):
            self._disk_error = error

    def _output_file(self, photo: SourcePhoto, placement: Placement) -> OutputFile:
        return OutputFile(
            path=placement.output,
            further_paths=self._plan.further_paths(placement),
            file_format=self._plan.file_format(photo),
            choices=self._config.file_choices,
            metadata=self._config.metadata,
            provenance=placement.provenance,
            modified_ns=_modified_ns(photo.photo) if self._config.keep_time else None,
        )

    def _restored(self, current: _Upcoming, index: int) -> PhotoSamples:
        """Restore a photo.

        Raises:
            JobCancelled: The job has been asked to end.
            EngineError: It cannot be read or restored, or no file could hold the result.
        """
        photo = current.photo

        def report_tile(num_done: int, num_tiles: int) -> None:
            if self._written is not None and self._written.writing.is_done:
                self._settle()
            self._report_progress(index, num_done / num_tiles * photo.megapixels)

        self._require_room(photo)
        try:
            if FORMATS[self._plan.file_format(photo)].is_of_sensors:
                return self._undeveloped(photo, report_tile)
            if self._restorer.takes_mosaics:
                return self._developed(photo, report_tile)
            pending = current.reading or read_ahead(photo.photo)
            # A page that becomes a file of its own is seen as it is within its stack: a series would else flicker.
            samples = as_in_stack(photo.photo, pending.wait(self._control), self._control)
            del pending
            return self._said_to_keep_format(photo, self._of_samples(samples, photo, report_tile))
        except MemoryError as error:
            raise _too_large(photo.megapixels) from error

    def _of_samples(self, noisy: PhotoSamples, photo: SourcePhoto, on_tile: "OnTile") -> PhotoSamples:
        tone, blend = self._tone(photo, noisy.samples), self._config.blend_of(photo.photo)
        if tone is None:
            return self._of_values(noisy, self._plan.sample_type(photo), blend, on_tile)
        # Networks see raw files as their light is.
        return self._with_tone(self._of_values(noisy, "uint16", blend, on_tile), tone, photo)

    def _of_values(self, noisy: PhotoSamples, sample_type: SampleType, blend: Blend, on_tile: "OnTile") -> PhotoSamples:
        from engine.restoring.restorer import is_constant

        if self._restorer.scale == 1:
            return self._of_same_size(noisy, sample_type, blend, on_tile)
        image = noisy.as_image()
        if sample_type != noisy.samples.dtype.name:
            image = image.spread()

        def enlarge(pixels: Pixels, levels: ValueLevels, are_gray: bool, on_tile: "OnTile | None" = None) -> Pixels:
            if is_constant(pixels):
                return self._restorer.enlarged(pixels)
            enlarged = self._restorer.restore(
                pixels, levels=levels, channels_are_gray=are_gray, control=self._control, on_tile=on_tile
            )
            if blend.is_full:
                return enlarged
            return blended(self._restorer.unrestored(pixels), enlarged, blend, channels_are_gray=are_gray)

        colours = spread_visible_colours(image.pixels, image.alpha)
        enlarged = enlarge(colours, image.metadata.levels, image.metadata.channels_are_gray, on_tile)
        alpha = None if image.alpha is None else self._restorer.enlarged(image.alpha[:, :, None])[:, :, 0]
        extra = None
        if image.extra is not None:
            extra = enlarge(image.extra, image.metadata.extra_levels, are_gray=True)
        return as_samples(image.with_pixels(enlarged, alpha, extra), sample_type)

    def _of_same_size(
        self, noisy: PhotoSamples, sample_type: SampleType, blend: Blend, on_tile: "OnTile"
    ) -> PhotoSamples:
        def restored(
            samples: NDArray[Any], levels: ValueLevels, are_gray: bool, on_tile: "OnTile | None" = None
        ) -> NDArray[Any]:
            return self._restorer.restore_samples(
                samples,
                sample_type=sample_type,
                levels=levels,
                channels_are_gray=are_gray,
                blend=blend,
                control=self._control,
                on_tile=on_tile,
            )

        metadata, levels, is_own_type = noisy.metadata, noisy.metadata.levels, sample_type == noisy.samples.dtype.name
        colours = spread_visible_colours(noisy.samples, noisy.alpha)
        samples, alpha, extra = restored(colours, levels, metadata.channels_are_gray, on_tile), None, None
        if noisy.alpha is not None:
            # Floats hold no more than 24 bits of a number.
            alpha = noisy.alpha if is_own_type else to_samples(to_float(noisy.alpha), sample_type)
            is_hidden = noisy.alpha == 0
            hidden = noisy.samples[is_hidden]
            samples[is_hidden] = hidden if is_own_type else to_samples(levels.normalised_samples(hidden), sample_type)
        is_spread = not is_own_type and not levels.are_of_type
        if noisy.extra is not None:
            extra_levels = metadata.extra_levels
            extra = restored(noisy.extra, extra_levels, are_gray=True)
            is_spread |= not is_own_type and not extra_levels.are_of_type
        if is_spread:
            metadata = replace(metadata, remarks=(*metadata.remarks, SPREAD_REMARK))
        return PhotoSamples(samples, alpha, metadata, extra)

    def _developed(self, photo: SourcePhoto, on_tile: "OnTile") -> PhotoSamples:
        blend = self._config.blend_of(photo.photo)
        developed = restore_raw_file(photo.photo, self._restorer, blend=blend, control=self._control, on_tile=on_tile)
        tone = self._tone(photo)
        if tone is None:
            return as_samples(developed, self._plan.sample_type(photo))
        return self._with_tone(as_samples(developed, "uint16"), tone, photo)

    def _tone(self, photo: SourcePhoto, neutral: Pixels | None = None) -> ToneCurve | None:
        """Return the curve that a raw file's result is given; None: none."""
        if not photo.info.is_raw or self._config.raw_look == "neutral":
            return None
        return run_interruptibly(lambda: read_tone(photo.photo, neutral), self._control)

    def _with_tone(self, restored: PhotoSamples, tone: ToneCurve, photo: SourcePhoto) -> PhotoSamples:
        return replace(restored, samples=tone.table(self._plan.sample_type(photo))[restored.samples])

    def _undeveloped(self, photo: SourcePhoto, on_tile: "OnTile") -> PhotoSamples:
        undeveloped = restore_camera_colours(
            photo.photo,
            self._restorer,
            blend=self._config.blend_of(photo.photo),
            raw_look=self._config.raw_look,
            control=self._control,
            on_tile=on_tile,
        )
        return as_samples(undeveloped, self._plan.sample_type(photo))

    def _said_to_keep_format(self, photo: SourcePhoto, restored: PhotoSamples) -> PhotoSamples:
        """Return a photo with a remark where it is not written in the format that was asked for."""
        asked = FORMATS.get(self._config.format)
        if asked is None or not asked.is_of_sensors:
            return restored
        kept = FORMATS[self._plan.file_format(photo)].name
        remark = say(
            "Only raw files become {asked} files; this photo is none and keeps its format, {kept}.",
            asked=asked.name,
            kept=kept,
        )
        return replace(restored, metadata=replace(restored.metadata, remarks=(*restored.metadata.remarks, remark)))

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
                say(
                    "Enlarged {scale} times, the photo would have {width:,} x {height:,} pixels, which take "
                    "{needed:,.0f} GB of memory; {free:,.0f} GB are free.",
                    scale=scale,
                    width=width,
                    height=height,
                    needed=needed / 1e9,
                    free=free / 1e9,
                ),
                "Enlarge it less, or cut it into parts.",
            )
        check_can_hold(self._plan.file_format(photo), width, height, self._plan.sample_type(photo), has_alpha=False)

    def _report_progress(
        self, num_done: int, megapixels_of_current: float, kept_of_current: float = 0.0, *, always: bool = False
    ) -> None:
        now = time.monotonic()
        if not always and now - self._last_progress < _PROGRESS_INTERVAL_S:
            return
        self._last_progress = now
        self._emit(
            StepDone(
                stage="Restoring",
                step=num_done,
                num_steps=len(self._photos),
                seconds_left=self._clock.seconds_left(megapixels_of_current, kept_of_current),
                metrics={"fraction": self._clock.fraction(megapixels_of_current)},
            )
        )


def _is_small(photo: SourcePhoto, restorer: "Restorer") -> bool:
    return can_overlap(photo.info, restorer.scale)


def _too_large(megapixels: float) -> ImageReadError:
    return ImageReadError(
        say("The memory does not suffice for a photo of {megapixels:,.0f} megapixels.", megapixels=megapixels),
        "Close other programs, or restore a part of the photo.",
    )


def _modified_ns(photo: PhotoRef) -> int | None:
    try:
        return photo.file.stat().st_mtime_ns
    except OSError:
        # It was there when it was read; what has been made of it is kept all the same.
        return None


def _how(placement: Placement) -> str:
    return "" if placement.provenance is None else placement.provenance.sentence


def _failure(skipped: FileSkipped) -> PhotoOutcome:
    return PhotoOutcome(source=skipped.path, state="failed", reason=skipped.reason, hint=skipped.hint)


class _Clock:
    """Time left by megapixels, without pauses."""

    def __init__(self, control: JobControl, megapixels: float) -> None:
        self._control = control
        self._megapixels = megapixels
        self._done = 0.0
        self._kept = 0.0
        self._started = time.monotonic()
        self._paused_before = control.paused_seconds

    @property
    def seconds(self) -> float:
        """Time so far, without pauses."""
        return time.monotonic() - self._started - (self._control.paused_seconds - self._paused_before)

    def add(self, megapixels: float, kept: float = 0.0) -> None:
        """Count a finished photo, of which so much had been done before and took no time."""
        self._done += megapixels
        self._kept += kept

    def leave_out(self, megapixels: float) -> None:
        """Forget a photo that takes no time."""
        self._megapixels -= megapixels

    def fraction(self, of_current: float) -> float:
        """Return the part that is done, 0 to 1, with `of_current` megapixels of the photo in work."""
        return min((self._done + of_current) / self._megapixels, 1.0) if self._megapixels > 0 else 1.0

    def seconds_left(self, of_current: float, kept_of_current: float = 0.0) -> float | None:
        """Return the estimated time left; None before the first tile.

        Args:
            of_current: As in `fraction`.
            kept_of_current: How much of it had been done before.
        """
        fraction, kept = self.fraction(of_current), self._kept + kept_of_current
        if fraction == 1:
            return 0.0
        share = fraction - kept / self._megapixels
        return self.seconds * (1 - fraction) / share if share > _NOTHING else None


def _is_disk_error(error: ImageWriteError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK_ERRORS
