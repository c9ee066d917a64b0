"""Reading the next photo and writing the last one while one is restored: a pipeline that holds three photos at most."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.contracts.errors import ImageWriteError
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileChoices, FileFormat
from engine.contracts.photo import PhotoRef
from engine.machine.atomic_files import put_in_place, put_unless_there
from engine.machine.destination import make_folder
from engine.machine.interruptible import Pending
from engine.photo_files.metadata.fitting import MetadataPolicy, fit_metadata
from engine.photo_files.metadata.provenance import Provenance
from engine.photo_files.photo_image import ImageInfo
from engine.photo_files.photos import PhotoSamples, encode_samples, read_samples, with_provenance, write_encoded_image

LARGEST_OVERLAPPED_BYTES = 256 * 2**20
"""Of a larger photo one is held at a time."""


def can_overlap(info: ImageInfo, scale: int = 1) -> bool:
    """Tell whether a photo is small enough for others to be in memory beside it.

    Args:
        info: Of its file.
        scale: How many pixels of the result a pixel becomes to a side.
    """
    num_bytes = info.width * info.height * info.num_channels * scale**2 * info.bit_depth // 8
    return num_bytes <= LARGEST_OVERLAPPED_BYTES


def read_ahead(photo: PhotoRef) -> Pending[PhotoSamples]:
    """Begin to read a photo; `Pending.wait` gives it, or raises what reading raised."""
    return Pending(partial(read_samples, photo))


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """The file that a restored photo becomes.

    Attributes:
        path: Where.
        file_format: Of its content.
        choices: For its encoder.
        metadata: What of the EXIF is written.
        provenance: How the photo was restored; None: nothing is said of it.
        modified_ns: When it counts as modified, nanoseconds since 1970; None: when it is written.
        further_paths: Where it goes if a file is in its place by then, one after the other; None: it replaces that.
    """

    path: Path
    file_format: FileFormat
    choices: FileChoices
    metadata: MetadataPolicy
    provenance: Provenance | None
    modified_ns: int | None
    further_paths: Iterator[Path] | None = None


class Publication:
    """Gives a result its name once it is whole; never one that another batch has taken since the place was looked for.

    Attributes:
        path: Where the result is.
    """

    def __init__(self, file: OutputFile) -> None:
        self.path = file.path
        self._further_paths = file.further_paths

    def __call__(self, temporary: Path, path: Path) -> Path:
        """Rename the temporary file to `path`, or to the first of the further ones that is free.

        Raises:
            OSError: It cannot be renamed.
        """
        if self._further_paths is None:
            return put_in_place(temporary, path)
        while True:
            try:
                self.path = put_unless_there(temporary, path)
                return self.path
            except FileExistsError:
                path = next(self._further_paths)


class Writing:
    """One restored photo on its way to the disk, in a thread of its own."""

    def __init__(self, photo: PhotoSamples, file: OutputFile) -> None:
        """Begin.

        Args:
            photo: uint8 or uint16, which are the file's bits per channel. Its arrays are let go as soon as they can
                be: two of a hundred megapixels, or one and its file, are what memory has room for.
            file: Where it goes.
        """
        self._file = file
        self._publication = Publication(file)
        self._photos = [photo]
        self._lock = threading.Lock()
        self._is_given_up = False
        self._pending = Pending(self._write)

    @property
    def is_done(self) -> bool:
        """Whether `wait` would not wait."""
        return self._pending.is_done

    @property
    def path(self) -> Path:
        """Where the result is, once `wait` has come back."""
        return self._publication.path

    def wait(self, control: JobControl) -> tuple[str, ...]:
        """Wait until it is written.

        Returns:
            Sentences about what could not be done when it was read and written.

        Raises:
            JobCancelled: The job has been asked to end; see `give_up`.
            ImageWriteError: It cannot be written.
        """
        return self._pending.wait(control)

    def give_up(self) -> None:
        """See to it that nothing is written from now on; what is being written is waited for."""
        with self._lock:
            self._is_given_up = True

    def _write(self) -> tuple[str, ...]:
        file, photo = self._file, self._photos[0]
        width, height = photo.width, photo.height
        try:
            fitted = fit_metadata(photo.metadata, file.file_format, file.metadata, file.provenance, width, height)
            self._photos[0] = replace(photo, metadata=fitted)
            del photo
            # Handed over: the encoder lets the arrays go before it copies the file.
            content = encode_samples(
                self._photos.pop(),
                file_format=file.file_format,
                choices=file.choices,
                metadata=file.metadata,
            )
            content = with_provenance(content, file.file_format, file.provenance, width, height)
        except MemoryError as error:
            raise ImageWriteError(
                "There is not enough memory to write the photo.", "Close other programs, then try again."
            ) from error
        with self._lock:
            if not self._is_given_up:
                make_folder(file.path.parent)
                write_encoded_image(file.path, content, file.modified_ns, self._publication)
        return fitted.remarks
