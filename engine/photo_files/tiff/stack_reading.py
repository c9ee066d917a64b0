"""What a TIFF file of several pages says beside the pictures: its axes, and what each page is described by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef
from engine.photo_files.exif import BYTES_PER_VALUE, ByteOrder, ExifEntry
from engine.photo_files.tiff.files import TiffForm, find_page
from engine.photo_files.tiff.pages import list_pages

_IMAGE_DESCRIPTION: Final = 270
_ORIENTATION: Final = 274
_RESOLUTION: Final = (282, 283, 296)
_COUNTING: Final = (254, 297)
"""A page's kind and number."""

_DESCRIPTIVE: Final = (285, 286, 287)
"""Its name, and where it lay in what it was taken of."""

_MICRO_MANAGER: Final = 51123
_IMAGEJ: Final = (50838, 50839)
_MAX_TAG_BYTES: Final = 64 * 2**20
_SUB_DIRECTORIES: Final = 330

SERIES_AXIS: Final = "series"
PAGE_AXIS: Final = "page"


@dataclass(frozen=True, kw_only=True)
class StackLayout:
    """How the pages of a file are counted.

    Attributes:
        axes: From the slowest to the fastest: what it is called, and how many there are. "T", "Z" and "C", other
            letters as tifffile uses them, `SERIES_AXIS`, or `PAGE_AXIS` alone.
        pages: The pages' numbers in that order.
    """

    axes: tuple[tuple[str, int], ...]
    pages: tuple[int, ...]

    def places(self, page: int) -> tuple[int, ...]:
        """Return where a page lies along each axis, from 0.

        Raises:
            ValueError: It is no page of the file.
        """
        shape = tuple(size for _, size in self.axes)
        return tuple(int(place) for place in np.unravel_index(self.pages.index(page), shape))

    def page(self, places: Sequence[int]) -> int:
        """Return the page that lies there."""
        shape = tuple(size for _, size in self.axes)
        return self.pages[int(np.ravel_multi_index(tuple(places), shape))]

    def channels(self) -> dict[int, int]:
        """Return for each page which channel it shows; 0 where the file counts none."""
        axis = next((index for index, (name, _) in enumerate(self.axes) if name == "C"), None)
        if axis is None:
            return dict.fromkeys(self.pages, 0)
        size = self.axes[axis][1]
        faster = int(np.prod([size for _, size in self.axes[axis + 1 :]]))
        return {page: index // faster % size for index, page in enumerate(self.pages)}


def read_layout(file: Path, pages: Sequence[int]) -> StackLayout:
    """Return how the pages of a file are counted, as its description says; one after the other where that does not fit.

    Args:
        file: A TIFF file.
        pages: The numbers of the pages that show photos.
    """
    found = None
    try:
        with tifffile.TiffFile(file) as tiff:
            found = _described_layout(tiff, pages)
    # Decoders raise nearly every kind of exception on damaged files; its pages can be counted all the same.
    except Exception:  # noqa: BLE001
        found = None
    if found is not None and sorted(found.pages) == sorted(pages):
        return found
    return StackLayout(axes=((PAGE_AXIS, len(pages)),), pages=tuple(pages))


def describes_itself_as_stack(file: Path) -> bool:
    """Tell whether a TIFF file of one page says of itself what a stack does, which is then kept as a stack's is.

    OME-XML, ImageJ's colour tables, display range, notes and regions, and Micro-Manager's notes.
    """
    if file.suffix.lower() not in FORMATS["tiff"].suffixes:
        return False
    # As in `read_layout`.
    try:
        # Opening a pipe would wait for a writer for ever.
        if not file.is_file():
            return False
        with tifffile.TiffFile(file) as tiff:
            first = tiff.pages.first
            says_more = tiff.is_ome or first.is_imagej or any(tag in first.tags for tag in (*_IMAGEJ, _MICRO_MANAGER))
            return len(tiff.pages) == 1 and bool(says_more)
    except Exception:  # noqa: BLE001
        return False


def _described_layout(tiff: tifffile.TiffFile, pages: Sequence[int]) -> StackLayout | None:
    series = tiff.series
    counted = {(one.axes, one.shape, one.keyframe.axes) for one in series}
    if len(counted) != 1:
        return None
    axes, shape, within = counted.pop()
    if not axes.endswith(within):
        return None
    num_axes = len(axes) - len(within)
    named = [
        (axis if axis in "TZC" else PAGE_AXIS, size)
        for axis, size in zip(axes[:num_axes], shape[:num_axes], strict=True)
        if size > 1
    ]
    if len(series) > 1:
        named.insert(0, (SERIES_AXIS, len(series)))
    if sum(name == PAGE_AXIS for name, _ in named) > 1 or int(np.prod([size for _, size in named])) != len(pages):
        return None
    return StackLayout(axes=tuple(named), pages=_numbers(series, pages))


def _numbers(series: Sequence[tifffile.TiffPageSeries], pages: Sequence[int]) -> tuple[int, ...]:
    """Return the pages' numbers in the order of the axes; that of the file where only the first has a directory."""
    numbers = [page.index + 1 for one in series for page in one.pages if page is not None]
    return tuple(numbers) if len(numbers) == len(pages) else tuple(pages)


class StackFile:
    """An open stack: what its pages are described by, and their numbers as they are."""

    def __init__(self, file: Path) -> None:
        """Open it.

        Raises:
            OSError: It cannot be read.
            tifffile.TiffFileError: It is no TIFF file.
        """
        self._tiff = tifffile.TiffFile(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tiff.close()

    @property
    def byte_order(self) -> ByteOrder:
        """That of its numbers."""
        return self._tiff.byteorder

    @property
    def is_big(self) -> bool:
        """Whether it is a BigTIFF."""
        return bool(self._tiff.is_bigtiff)

    @property
    def is_of_imagej(self) -> bool:
        """Whether ImageJ's rules hold for it."""
        return bool(self._tiff.pages.first.is_imagej)

    @property
    def num_directories(self) -> int:
        """How many pages have a directory, whether they show photos or not."""
        return len(self._tiff.pages)

    @property
    def has_smaller_versions(self) -> bool:
        """Whether its first page lies in it in several sizes."""
        return _SUB_DIRECTORIES in self._tiff.pages.first.tags

    def form(self, number: int) -> TiffForm:
        """Return how the samples of a page lie in the file, but for how they are compressed."""
        page = find_page(self._tiff, number)
        return TiffForm(
            byte_order=self.byte_order,
            is_compressed=page.compression != tifffile.COMPRESSION.NONE,
            is_planar=page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1,
        )

    def num_samples(self, number: int) -> int:
        """Return how many numbers a pixel of a page has."""
        return int(find_page(self._tiff, number).samplesperpixel)

    def type_name(self, number: int) -> str:
        """Return the type of a page's numbers, as they lie in the file."""
        dtype = find_page(self._tiff, number).dtype
        return "" if dtype is None else dtype.name

    def description(self, number: int) -> bytes:
        """Return what a page is described by, without its end mark; b"" where it is not."""
        return b"".join(bytes(entry.value) for entry in self._entries(number, (_IMAGE_DESCRIPTION,))).rstrip(b"\x00")

    def entries_of_page(self, number: int, *, with_names: bool) -> list[ExifEntry]:
        """Return what a page says of its resolution, and of its place among the pages.

        Of one that lies on its side the resolution is left out: its result stands upright.

        Args:
            number: Of the page.
            with_names: Whether what it is called, and where it lay, is wanted too.
        """
        is_turned = find_page(self._tiff, number).tags.valueof(_ORIENTATION, 1) in range(5, 9)
        resolution = () if is_turned else _RESOLUTION
        return self._entries(number, (*resolution, *_COUNTING, *(_DESCRIPTIVE if with_names else ())))

    def entries_of_program(self, number: int) -> list[ExifEntry]:
        """Return what ImageJ and Micro-Manager say of a page in tags of their own."""
        return self._entries(number, (*_IMAGEJ, _MICRO_MANAGER))

    def pages_are_alike(self, numbers: Sequence[int]) -> bool:
        """Return whether all pages have one size, one type and one kind of channels."""
        kinds = set()
        for number in numbers:
            page = find_page(self._tiff, number)
            kinds.add((page.shape, page.dtype, page.photometric, page.planarconfig, page.extrasamples))
        return len(kinds) == 1

    def as_it_is(self, number: int) -> tuple[NDArray[Any], bool] | None:
        """Return the numbers of a page as far as they can be read; None where none can.

        Returns:
            Of shape height x width x channels, and whether more than two channels are no red, green and blue.

        Raises:
            MemoryError: There is not enough memory for it now.
        """
        try:
            page = find_page(self._tiff, number)
            if page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
                return None
            samples = np.asarray(page.asarray())
            if page.axes == "SYX":
                samples = np.moveaxis(samples, 0, -1)
            samples = samples.reshape(page.imagelength, page.imagewidth, -1)
            return samples, page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        except MemoryError:
            raise
        # As in `read_layout`.
        except Exception:  # noqa: BLE001
            return None

    def _entries(self, number: int, tags: Sequence[int]) -> list[ExifEntry]:
        if number > len(self._tiff.pages):
            # A slice of ImageJ's behind the only directory.
            return []
        page, file = find_page(self._tiff, number), self._tiff.filehandle
        found = []
        for tag in tags:
            entry = page.tags.get(tag)
            if entry is None or entry.dtype not in BYTES_PER_VALUE or not 0 < entry.valuebytecount <= _MAX_TAG_BYTES:
                continue
            file.seek(entry.valueoffset)
            value = file.read(entry.valuebytecount)
            if len(value) == entry.valuebytecount:
                found.append(ExifEntry(tag, int(entry.dtype), entry.count, memoryview(value)))
        return found


def scaled_resolution(entries: Sequence[ExifEntry], scale: int, order: ByteOrder) -> list[ExifEntry]:
    """Return the entries of a page for one whose pixels are smaller by a factor."""
    if scale == 1:
        return list(entries)
    return [_scaled(entry, scale, order) if entry.tag in _RESOLUTION[:2] else entry for entry in entries]


def _scaled(entry: ExifEntry, scale: int, order: ByteOrder) -> ExifEntry:
    if len(entry.value) != 8:
        return entry
    above, below = np.frombuffer(entry.value, order + "u4").tolist()
    while above * scale >= 2**32:
        above, below = above // 2, max(below // 2, 1)
    value = np.array([above * scale, below], order + "u4").tobytes()
    return ExifEntry(entry.tag, entry.value_type, entry.count, memoryview(value))


def channel_in_stack(photo: PhotoRef) -> int:
    """Return which channel of its stack a page shows, from 1; 0 where its file counts none by pages."""
    try:
        status = photo.file.stat()
    except OSError:
        return 0
    return _channels_of_stack(photo.file, status.st_mtime_ns, status.st_size).get(photo.page or 1, 0)


@lru_cache(maxsize=8)
def _channels_of_stack(file: Path, modified_ns: int, num_bytes: int) -> dict[int, int]:
    del modified_ns, num_bytes
    pages = [page.page for page in list_pages(file)]
    if len(pages) < 2:
        return {}
    channels = read_layout(file, pages).channels()
    return {page: channel + 1 for page, channel in channels.items()} if len(set(channels.values())) > 1 else {}
