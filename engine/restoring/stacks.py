"""Restoring a stack into one file: page after page, of which one is in memory, and the next on its way.

The file has the pages of the stack in their order, with what is said of each, and of all. A page that cannot be read
or restored has its place in it nevertheless, or all behind it would be taken for others: it stands there as it is, or,
where not even that can be read, black. That is told.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import EngineError, ImageReadError, ImageWriteError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.atomic_files import replace_atomically
from engine.machine.destination import make_folder
from engine.machine.interruptible import Pending
from engine.photo_files.exif import ExifEntry, InvalidExifError
from engine.photo_files.metadata.fitting import fit_metadata
from engine.photo_files.metadata.provenance import Provenance, complete_provenance, room_for_lost_pages
from engine.photo_files.photo_image import ImageInfo, ImageMetadata, PhotoSamples
from engine.photo_files.photos import encode_samples, read_samples, with_provenance
from engine.photo_files.tiff.stack_descriptions import CHANGED_REMARK, StackChange, described_result, describes_stack
from engine.photo_files.tiff.stack_reading import StackFile, scaled_resolution
from engine.photo_files.tiff.stack_writing import StackWriter
from engine.photo_files.tiff.unfinished_stacks import OnProgress, StackProgress, UnfinishedStack
from engine.photo_files.values.sample_types import SampleType
from engine.photo_files.writing import write_error
from engine.photos.stack_levels import StackLevels
from engine.restoring.pipeline import OutputFile, Publication
from engine.restoring.sources import SourcePhoto
from engine.translatable import say

_LARGEST_CLASSIC_BYTES: Final = 2**32 - 2**26
_NAMED_PAGES: Final = 10
"""Of more pages that could not be restored the rest is counted."""

_IMAGE_DESCRIPTION: Final = 270
_ASCII: Final = 2
SMALLER_VERSIONS_REMARK: Final = "The smaller versions of its pages that the file holds were left out."

OnPage = Callable[[int, int, float], None]
"""Told how many pages are done, how many of these had been done before, and the part of the next one, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class PageWork:
    """What is done to each page.

    Attributes:
        restore: Restores a page as it was read; told of each tile. Raises `EngineError`.
        sample_type: Of a page's result.
        scale: How many pixels of the result a pixel becomes to a side.
    """

    restore: Callable[[PhotoSamples, Callable[[int, int], None]], PhotoSamples]
    sample_type: Callable[[ImageMetadata], SampleType]
    scale: int


@dataclass(frozen=True, kw_only=True)
class RestoredStack:
    """What became of a stack.

    Attributes:
        output: The file.
        remarks: Sentences about what could not be done.
        lost_pages: The numbers of the pages that could not be restored.
        num_kept: How many of its pages had been done before.
    """

    output: Path
    remarks: tuple[str, ...]
    lost_pages: tuple[int, ...]
    num_kept: int


def restore_stack(
    photo: SourcePhoto, output: OutputFile, work: PageWork, control: JobControl, on_page: OnPage
) -> RestoredStack:
    """Restore a stack and write it, whole or not at all.

    Where it is stopped, fails, or its process is killed, its pages so far are kept beside the result, hidden, and the
    next time it goes on with them: as far as the result says how it was made, by which the work is known again.

    Args:
        photo: The stack.
        output: Where it goes.
        work: What is done to each page.
        control: Asked before each page, and while it is read and restored.
        on_page: Told of each page and tile.

    Raises:
        JobCancelled: Asked to end; there is no result.
        ImageReadError: The file, or none of its pages, can be read.
        ImageWriteError: The file cannot be written.
        DeviceError: Not even the smallest tile fits into memory.
    """
    try:
        source = StackFile(photo.photo.file)
    # As everywhere that decoders meet damaged files.
    except Exception as error:
        raise ImageReadError("The stack cannot be read.", "Check the disk, or use another copy.") from error
    with source:
        restoration = _StackRestoration(photo, source, output, work, control, on_page)
        publication = Publication(output)
        make_folder(output.path.parent)
        try:
            with replace_atomically(output.path, output.modified_ns, publish=publication) as temporary:
                _write(restoration, temporary, _unfinished(photo, output))
        except OSError as error:
            raise write_error(output.path, error) from error
        except InvalidExifError as error:
            raise ImageWriteError(
                say("The pages could not be put into one file ({error}).", error=error),
                "Choose another format, which gives each page a file of its own.",
            ) from error
    return RestoredStack(
        output=publication.path,
        remarks=restoration.remarks,
        lost_pages=restoration.lost_pages,
        num_kept=restoration.num_kept,
    )


def _write(restoration: "_StackRestoration", temporary: Path, unfinished: UnfinishedStack | None) -> None:
    """Write the result to a temporary file, from where it stood; keep what is done where it is not finished."""
    if unfinished is None:
        restoration.write_to(temporary)
        return
    kept = unfinished.take(temporary)
    if kept is not None:
        restoration.go_on_with(kept)
    with unfinished.kept_on_the_way(temporary) as (file, on_progress):
        if kept is not None:
            on_progress(kept)
        restoration.write_to(file, on_progress)


def _unfinished(photo: SourcePhoto, output: OutputFile) -> UnfinishedStack | None:
    """Return where a stack is kept that is stopped; None where nobody could tell of which work it is."""
    provenance = output.provenance
    if provenance is None:
        return None
    work = {**vars(provenance), "quality": output.choices.jpeg_quality, "metadata": output.metadata}
    return UnfinishedStack(output.path, work, photo.pages)


class _StackRestoration:
    """One stack on its way."""

    def __init__(
        self,
        photo: SourcePhoto,
        source: StackFile,
        output: OutputFile,
        work: PageWork,
        control: JobControl,
        on_page: OnPage,
    ) -> None:
        self._photo = photo
        self._source = source
        self._output = output
        self._work = work
        self._control = control
        self._on_page = on_page
        self._remarks: dict[str, None] = {}
        self._failures: list[str] = []
        self.lost_pages: tuple[int, ...] = ()
        self.progress: StackProgress | None = None
        self.num_kept = 0
        self._first_error: EngineError | None = None
        self._is_of_imagej = source.is_of_imagej
        self._pages_are_alike = not self._is_of_imagej or source.pages_are_alike(photo.pages)
        if source.has_smaller_versions:
            self._remarks[SMALLER_VERSIONS_REMARK] = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about what could not be done."""
        kept = (
            [say("{num_kept:,} of its pages had been restored before it was stopped.", num_kept=self.num_kept)]
            if self.num_kept
            else []
        )
        more = len(self._failures) - _NAMED_PAGES
        counted = [say("{more:,} more pages could not be restored.", more=more)] if more > 0 else []
        return (*self._remarks, *self._failures[:_NAMED_PAGES], *counted, *kept)

    def write_to(self, path: Path, on_progress: OnProgress | None = None) -> None:
        """Restore all pages into a file, those excepted that are in it already.

        Args:
            path: The file.
            on_progress: Told how far it is once a page is on the disk; as long as none could be restored, of none.
        """
        progress = self.progress
        with path.open("w+b" if progress is None else "r+b") as file:
            writer = None if progress is None else StackWriter.going_on(file, progress.writer)
            for index, (number, page) in enumerate(self._restored(self.num_kept), start=self.num_kept):
                if writer is None:
                    writer = self._writer(file, page)
                self._add(writer, number, page, is_first=index == 0)
                self.progress = StackProgress(
                    num_pages=index + 1,
                    writer=writer.state,
                    remarks=tuple(self._remarks),
                    lost_pages=self.lost_pages,
                    failures=tuple(self._failures),
                )
                if on_progress is not None and len(self.lost_pages) <= index:
                    # A note of what a power cut has taken would be worse than none.
                    file.flush()
                    os.fsync(file.fileno())
                    on_progress(self.progress)
            if writer is not None:
                writer.close()
        if self._first_error is not None and len(self._failures) == len(self._photo.pages):
            raise self._first_error
        output = self._output
        if output.provenance is not None:
            complete_provenance(path, self.lost_pages)

    def go_on_with(self, progress: StackProgress) -> None:
        """Take over what was done before."""
        self.progress, self.num_kept = progress, progress.num_pages
        self._remarks.update(dict.fromkeys(progress.remarks))
        self._failures, self.lost_pages = list(progress.failures), progress.lost_pages

    def _writer(self, file: BinaryIO, page: PhotoSamples) -> StackWriter:
        lies_together = self._is_of_imagej and self._pages_are_alike
        is_big = self._source.is_big or (
            not lies_together and len(self._photo.pages) * _num_bytes(page) > _LARGEST_CLASSIC_BYTES
        )
        return StackWriter(file, self._source.byte_order, is_big=is_big, slices_lie_together=lies_together)

    def _restored(self, num_done: int) -> Iterator[tuple[int, PhotoSamples]]:
        """Yield the restored pages behind those that are done with their numbers, while the next one is read."""
        photo, levels = self._photo, None
        if photo.info.type_written != "uint8":
            levels = StackLevels.of_file(photo.photo.file, photo.pages, self._control)
        reading = self._read_ahead(num_done)
        for index, number in enumerate(photo.pages[num_done:], start=num_done):
            self._control.wait_if_paused()
            self._on_page(index, self.num_kept, 0.0)
            current, reading = reading, None
            noisy: PhotoSamples | None = None
            try:
                assert current is not None
                noisy = current.wait(self._control)
                reading = self._read_ahead(index + 1)
                if levels is not None:
                    own, num_channels = noisy.metadata, noisy.samples.shape[2]
                    shared = levels.of_page(number, own, num_channels)
                    noisy = replace(noisy, metadata=replace(own, levels=shared))
                result = self._work.restore(noisy, partial(self._on_tile, index))
            except (ImageReadError, ImageWriteError) as error:
                # Of a disk or of memory that fails now the page has nothing: it is there the next time.
                if isinstance(error.__cause__, (OSError, MemoryError)) or not photo.photo.is_on_disk():
                    raise
                reading = reading or self._read_ahead(index + 1)
                result = self._unrestored(number, noisy, error)
            yield number, result
        self._on_page(len(photo.pages), self.num_kept, 0.0)

    def _read_ahead(self, index: int) -> Pending[PhotoSamples] | None:
        if index >= len(self._photo.pages):
            return None
        return Pending(partial(read_samples, PhotoRef(self._photo.photo.file, self._photo.pages[index])))

    def _on_tile(self, index: int, num_done: int, num_tiles: int) -> None:
        self._on_page(index, self.num_kept, num_done / num_tiles)

    def _unrestored(self, number: int, noisy: PhotoSamples | None, error: EngineError) -> PhotoSamples:
        """Return what stands in the place of a page that cannot be read or restored, and note that."""
        self._first_error = self._first_error or error
        self.lost_pages = (*self.lost_pages, number)
        wanted = self._work.sample_type(self._metadata() if noisy is None else noisy.metadata)
        as_it_is = noisy if noisy is not None else _of_raw(self._source.as_it_is(number), self._metadata())
        if as_it_is is not None and self._work.scale == 1 and as_it_is.samples.dtype.name == wanted:
            self._failures.append(
                say(
                    "Page {number} could not be restored, and stands in the result as it is in the file. {reason}",
                    number=number,
                    reason=error.message,
                )
            )
            return as_it_is
        self._failures.append(
            say(
                "Page {number} could not be read, and is black in the result. {reason}",
                number=number,
                reason=error.message,
            )
        )
        return _black(self._photo.info, self._metadata(), wanted, self._work.scale)

    def _metadata(self) -> ImageMetadata:
        info = self._photo.info
        return ImageMetadata(file_format="tiff", bit_depth=info.bit_depth, sample_type=info.sample_type)

    def _add(self, writer: StackWriter, number: int, page: PhotoSamples, *, is_first: bool) -> None:
        output, source = self._output, self._source
        provenance = self._provenance() if is_first else None
        fitted = fit_metadata(page.metadata, "tiff", output.metadata, provenance, page.width, page.height)
        self._remarks.update(dict.fromkeys(fitted.remarks))
        form = source.form(number)
        if self._is_of_imagej:
            form = replace(form, is_compressed=False)
        content = encode_samples(
            replace(page, metadata=fitted), file_format="tiff", metadata=output.metadata, tiff_form=form
        )
        if is_first:
            content = with_provenance(content, "tiff", provenance, page.width, page.height)
        is_described = output.metadata != "none"
        of_page = source.entries_of_page(number, with_names=is_described)
        entries = scaled_resolution(of_page, self._work.scale, source.byte_order)
        if is_described and self._work.scale == 1:
            entries += source.entries_of_program(number)
        entries += self._description(number, page)
        writer.add(content, entries, without=(_IMAGE_DESCRIPTION,))

    def _provenance(self) -> Provenance | None:
        """What is written into the first page, before it is known which others can be restored."""
        provenance = self._output.provenance
        room = room_for_lost_pages(self._photo.pages)
        return None if provenance is None else replace(provenance, lost_pages=room)

    def _description(self, number: int, page: PhotoSamples) -> list[ExifEntry]:
        """Return what the stack says of a page, or on its first one of all, for the result."""
        source = self._source
        description = source.description(number)
        if not description:
            return []
        pages, num_channels = self._photo.pages, _num_channels(page)
        fits = self._pages_are_alike and source.num_directories in (1, len(pages))
        if describes_stack(description) and not fits:
            self._remarks[CHANGED_REMARK] = None
            return []
        name = page.samples.dtype.name
        change = StackChange(
            name=self._output.path.name,
            num_pages=len(pages),
            scale=self._work.scale,
            sample_type="" if name == source.type_name(number) else name,
            has_other_channels=num_channels != source.num_samples(number),
            policy=self._output.metadata,
        )
        told, remark = described_result(description, change)
        if remark:
            self._remarks[remark] = None
        value = told + b"\x00"
        return [ExifEntry(_IMAGE_DESCRIPTION, _ASCII, len(value), memoryview(value))] if told else []


def _num_channels(page: PhotoSamples) -> int:
    extra = 0 if page.extra is None else int(page.extra.shape[2])
    return int(page.samples.shape[2]) + (page.alpha is not None) + extra


def _num_bytes(page: PhotoSamples) -> int:
    return page.width * page.height * _num_channels(page) * page.samples.dtype.itemsize


def _of_raw(found: tuple[NDArray[Any], bool] | None, metadata: ImageMetadata) -> PhotoSamples | None:
    """Return a page that cannot be restored as one that can be written."""
    if found is None or found[0].dtype.name != metadata.type_written:
        return None
    samples, is_gray = found
    num_colours = 1 if samples.shape[2] < 3 else 3
    extra = samples[:, :, num_colours:] if samples.shape[2] > num_colours else None
    is_gray = is_gray and num_colours == 3
    return PhotoSamples(samples[:, :, :num_colours], None, replace(metadata, channels_are_gray=is_gray), extra)


def _black(info: ImageInfo, metadata: ImageMetadata, sample_type: SampleType, scale: int) -> PhotoSamples:
    shape = (scale * info.height, scale * info.width)
    extra = np.zeros((*shape, info.num_extra), sample_type) if info.num_extra else None
    alpha = np.zeros(shape, sample_type) if info.has_alpha else None
    return PhotoSamples(np.zeros((*shape, info.num_channels), sample_type), alpha, metadata, extra)
