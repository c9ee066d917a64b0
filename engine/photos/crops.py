"""Decoded photos in memory or mapped from disk, and random crops of them.

A batch is a function of the seed and the step alone, so a resumed run sees exactly the batches that an
uninterrupted one would have seen, and the next batch can be cut ahead of time in a thread.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.photos import (
    BitDepth,
    PhotoImage,
    is_raw_file,
    read_camera_cells,
    read_image,
    read_independent_pixels,
)
from engine.photo_files.values.given import identity_of_levels
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, levels_of_reference, share_levels
from engine.photo_files.values.sample_types import USUAL_TYPES, unit_of
from engine.photos.decoded_files import SMALLEST_BYTES, KeptPhoto, Levels, decoded_files
from engine.photos.identity import identity_of
from engine.translatable import say

MEMORY_BUDGET_BYTES = 2 * 2**30
"""Decoded photos of one job in memory, at most. Large ones lie on disk instead (`engine.photos.decoded_files`) as long
as there is room; without it each photo is kept as its central part."""


PictureKey = tuple[PhotoRef, int]
"""A photo, and which of its channels, from 1, where each is a picture; else 0."""


@dataclass(frozen=True)
class DecodedPhoto:
    """A photo in memory at its own bit depth.

    Attributes:
        photo: Which it is.
        levels: Integer levels, 8 or 16 bit, or as floats the numbers of a file of another type; gray as three equal
            channels. Shape: (3, height, width); where the channels are pictures, as many as there are.
        scale: What of them is black and white, see `engine.photo_files.values.levels`.
        channels_are_pictures: Whether each channel is a picture of its own, which `pictures` gives one by one.
        channel: Which of its file's channels it is, from 1, where each is a picture; else 0.
        is_gray: Whether it was read as one channel.
    """

    photo: PhotoRef
    levels: Levels
    scale: ValueLevels = OF_TYPE
    channels_are_pictures: bool = False
    channel: int = 0
    is_gray: bool = False

    @property
    def picture(self) -> PictureKey:
        """Which picture it is."""
        return self.photo, self.channel

    @property
    def name(self) -> str:
        """What a person reads."""
        if not self.channel:
            return self.photo.name
        return say("{name}, channel {channel}", name=self.photo.name, channel=self.channel)

    @property
    def pictures(self) -> tuple["DecodedPhoto", ...]:
        """What networks learn from: the photo itself, or each of its channels as a gray photo."""
        if not self.channels_are_pictures:
            return (self,)
        shape = (3, *self.levels.shape[1:])
        return tuple(
            DecodedPhoto(
                self.photo,
                np.broadcast_to(self.levels[index], shape),
                self.scale.of_channel(index),
                channel=index + 1,
                is_gray=True,
            )
            for index in range(len(self.levels))
        )

    @property
    def memory_bytes(self) -> int:
        """What the levels take; gray floats lie there once."""
        return self.levels[:1].nbytes if self.levels.strides[0] == 0 else self.levels.nbytes

    @property
    def is_mapped(self) -> bool:
        """Whether the levels lie on the disk, and take no memory that the system could not use otherwise."""
        array: Any = self.levels
        while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
            array = array.base
        return isinstance(array, np.memmap | mmap)

    @property
    def pixels(self) -> Pixels:
        """Between black and white. Shape: (height, width, channels), 0 to 1."""
        image = self._to_float(self.levels).transpose(1, 2, 0)
        image.flags.writeable = False
        return image

    @property
    def unclipped(self) -> Pixels:
        """Black at 0 and white at 1, and what lies beyond them too. Shape: (height, width, channels)."""
        return self._normalised(self.levels).transpose(1, 2, 0)

    @classmethod
    def of_image(cls, photo: PhotoRef, image: PhotoImage) -> "DecodedPhoto":
        """Take a photo as it was read."""
        are_pictures = image.channels_are_pictures
        pixels, scale = _learned_channels(image)
        is_gray = pixels.shape[2] == 1
        if _is_rounded(image, scale):
            rounded = _rounded(pixels, image.metadata.bit_depth)
            return cls(photo, rounded, scale, channels_are_pictures=are_pictures, is_gray=is_gray)
        # Rounded to 16 bits of their type's range, little would be left of them.
        unit = unit_of(image.metadata.type_written)
        black, white = (tuple(unit * level for level in levels) for levels in (scale.black, scale.white))
        scale = replace(scale, black=black, white=white, is_unbounded=True)
        levels = _as_channels(pixels * np.float32(unit))
        return cls(photo, levels, scale, channels_are_pictures=are_pictures, is_gray=is_gray)

    @classmethod
    def of_pixels(cls, photo: PhotoRef, pixels: Pixels, bit_depth: BitDepth) -> "DecodedPhoto":
        """Take a photo's pixels (height, width, 1 or 3), 0 to 1, rounded to levels of 8 or 16 bits."""
        return cls(photo, _rounded(pixels, bit_depth), is_gray=pixels.shape[2] == 1)

    @property
    def bit_depth(self) -> BitDepth:
        """Bits of a level."""
        return 8 if self.levels.dtype == np.uint8 else 16

    def crop(self, top: int, left: int, side_px: int) -> NDArray[np.float32]:
        """Shape: (channels, side_px, side_px), 0 to 1; a photo smaller than that is mirrored at its borders."""
        part: Levels = self.levels[:, top : top + side_px, left : left + side_px]
        missing = [(0, 0), (0, side_px - part.shape[1]), (0, side_px - part.shape[2])]
        if missing[1][1] or missing[2][1]:
            return self._to_float(np.pad(part, missing, mode="symmetric"))
        return self._to_float(part)

    def part(self, rows: slice, columns: slice) -> "DecodedPhoto":
        """A rectangle of the photo."""
        return replace(self, levels=self.levels[:, rows, columns])

    def part_alone(self, rows: slice, columns: slice) -> "DecodedPhoto":
        """A rectangle of the photo that does not hold the rest of it in memory."""
        part = self.part(rows, columns)
        if self.is_mapped:
            return part
        # Gray floats are three equal channels that lie there once.
        lies_once = part.levels.strides[0] == 0
        levels: NDArray[Any] = (part.levels[:1] if lies_once else part.levels).copy()
        return replace(part, levels=np.broadcast_to(levels, part.levels.shape))

    def with_channels_of(self, noisy: "DecodedPhoto") -> "DecodedPhoto":
        """Take a reference's channels for what those of its noisy photo are, where there are as many.

        A mean of RGB photos that another program has saved says nothing of colours.
        """
        if len(self.levels) != len(noisy.levels):
            return self
        return replace(self, channels_are_pictures=noisy.channels_are_pictures)

    def with_scale(self, scale: ValueLevels) -> "DecodedPhoto":
        """The photo with other levels, such as those of the photo that it is compared with."""
        return replace(self, scale=scale)

    def _to_float(self, levels: NDArray[Any]) -> NDArray[np.float32]:
        normalised = self._normalised(levels)
        return normalised if self.scale.are_of_type else np.clip(normalised, 0, 1)

    def _normalised(self, levels: NDArray[Any]) -> NDArray[np.float32]:
        if levels.dtype.kind == "f":
            scaled = np.asarray(levels, np.float32)
        else:
            scaled = levels * np.float32(1 / np.iinfo(levels.dtype).max)
        return self.scale.normalised(scaled.transpose(1, 2, 0)).transpose(2, 0, 1)


def _learned_channels(image: PhotoImage) -> tuple[NDArray[np.float32], ValueLevels]:
    return image.all_channels if image.channels_are_pictures else (image.pixels, image.metadata.levels)


def _is_rounded(image: PhotoImage, scale: ValueLevels) -> bool:
    """Whether a photo becomes whole levels of its bit depth; else the numbers of its file are kept as floats."""
    return scale.are_of_type or image.metadata.type_written in USUAL_TYPES


def _memory_bytes(image: PhotoImage) -> int:
    """What `DecodedPhoto.of_image` will take."""
    channels, scale = _learned_channels(image)
    if not _is_rounded(image, scale):
        return channels.nbytes
    num_channels = 3 if channels.shape[2] == 1 else int(channels.shape[2])
    return image.height * image.width * num_channels * (1 if image.metadata.bit_depth == 8 else 2)


def _as_channels(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return gray as three equal channels. Shape: (height, width, channels), to (channels, height, width)."""
    num_channels = 3 if pixels.shape[2] == 1 else pixels.shape[2]
    return np.broadcast_to(pixels, (*pixels.shape[:2], num_channels)).transpose(2, 0, 1)


def _rounded(pixels: NDArray[np.float32], bit_depth: BitDepth) -> Levels:
    channels = _as_channels(pixels)
    if bit_depth == 8:
        return np.rint(channels * 255).astype(np.uint8)
    return np.rint(channels * 65535).astype(np.uint16)


def decode_photo(
    photo: PhotoRef,
    largest_bytes: int = MEMORY_BUDGET_BYTES,
    *,
    independent_pixels: bool = False,
    camera_cells: bool = False,
    keep_on_disk: bool = False,
) -> DecodedPhoto:
    """Read one photo; one that would take more than `largest_bytes` of memory is cut down to its central part.

    Args:
        photo: Which it is.
        largest_bytes: Memory that it may take; one that is mapped from the disk takes none.
        independent_pixels: Whether a raw file is read at half size, without interpolation, for learning from its noise.
        camera_cells: Whether only a raw file will do, of which the samples of its mosaic are taken as they are.
        keep_on_disk: Whether a large photo is kept there as it was decoded, since it will be asked for again.

    Raises:
        ImageReadError: The file cannot be read.
    """
    memory = current_memory()
    is_there = os.path.isfile(photo.file)
    if camera_cells:
        return _decode(photo, largest_bytes, keep_on_disk, read_camera_cells)[0]
    if independent_pixels and is_there and is_raw_file(photo):
        return _decode(photo, largest_bytes, keep_on_disk, read_independent_pixels)[0]
    if memory is None or not is_there:
        return _decode(photo, largest_bytes, keep_on_disk)[0]
    decoded = memory.find(photo, largest_bytes)
    if decoded is None:
        decoded, is_whole = _decode(photo, largest_bytes, keep_on_disk)
        if is_whole:
            memory.keep(decoded)
    return decoded


def _decode(
    photo: PhotoRef, largest_bytes: int, keep_on_disk: bool, read: Callable[[PhotoRef], PhotoImage] = read_image
) -> tuple[DecodedPhoto, bool]:
    """The photo, and whether it lies in memory, whole."""
    files = decoded_files()
    identity = identity_of(photo)
    if identity:
        # The same raw file read in another way is another photo.
        identity = f"{read.__name__}\n{identity}"
    is_given = bool(identity_of_levels(photo))
    found = files.find(identity)
    if found is not None:
        return _as_kept(photo, found, is_given), False
    image = read(photo)
    size = _memory_bytes(image)
    if keep_on_disk and SMALLEST_BYTES <= size <= files.limit_bytes:
        whole = DecodedPhoto.of_image(photo, image)
        found = files.keep(
            identity,
            whole.levels,
            whole.scale,
            channels_are_pictures=whole.channels_are_pictures,
            is_gray=whole.is_gray,
        )
        if found is not None:
            return _as_kept(photo, found, is_given), False
        if size <= largest_bytes:
            return whole, True
    if size > largest_bytes:
        kept = (largest_bytes / size) ** 0.5
        area = _middle_of(image.height, kept), _middle_of(image.width, kept)
        extra = None if image.extra is None else image.extra[area]
        image = PhotoImage(image.pixels[area], None, image.metadata, extra)
    return DecodedPhoto.of_image(photo, image), size <= largest_bytes


def _middle_of(side: int, share: float) -> slice:
    """A share of a side, one pixel at least."""
    length = max(int(side * share), 1)
    first = (side - length) // 2
    return slice(first, first + length)


def _as_kept(photo: PhotoRef, kept: KeptPhoto, is_given: bool) -> DecodedPhoto:
    scale = replace(kept.scale, is_given=is_given)
    return DecodedPhoto(
        photo, kept.levels, scale, channels_are_pictures=kept.channels_are_pictures, is_gray=kept.is_gray
    )


def decode_photos(
    photos: Sequence[PhotoRef],
    control: JobControl,
    emit: Emit,
    *,
    stage: str = "Reading photos",
    budget_bytes: int = MEMORY_BUDGET_BYTES,
    camera_cells: bool = False,
) -> list[DecodedPhoto]:
    """Read photos to learn from their noise; an unreadable one is reported and left out.

    Of a photo whose channels are pictures each is one, so that there may be more than were named.

    Args:
        photos: Which they are.
        control: Pause and cancel.
        emit: Receives progress and the files that are left out.
        stage: What a person reads.
        budget_bytes: Memory that they may take together.
        camera_cells: Whether only raw files will do, for a network that takes mosaics.

    Raises:
        InvalidInputError: None of them can be read.
        JobCancelled: The job has been asked to end.
    """
    decoded: list[DecodedPhoto] = []
    share = budget_bytes // max(len(photos), 1)
    for index, photo in enumerate(photos):
        control.wait_if_paused()
        try:
            read = partial(
                decode_photo, photo, share, independent_pixels=True, camera_cells=camera_cells, keep_on_disk=True
            )
            decoded += run_interruptibly(read, control).pictures
        except EngineError as error:
            emit(FileSkipped(path=photo, reason=error.message, hint=error.hint))
        emit(StepDone(stage=stage, step=index + 1, num_steps=len(photos)))
    if not decoded:
        raise InvalidInputError("None of the photos can be read.", "See the list of skipped files for the reasons.")
    return share_scales(decoded)


def share_scales(photos: Sequence[DecodedPhoto]) -> list[DecodedPhoto]:
    """Give photos of one folder, one type and as many colours one black and white, see `share_levels`.

    One noise is one then.
    """
    members: dict[tuple[Path, str, int, bool, int], list[int]] = {}
    for index, photo in enumerate(photos):
        if photo.levels.dtype != np.uint8:
            num_levels = len(photo.scale.black)
            key = (photo.photo.file.parent, photo.levels.dtype.name, num_levels, photo.is_gray, photo.channel)
            members.setdefault(key, []).append(index)
    shared = list(photos)
    for indices in members.values():
        scales = share_levels([photos[index].scale for index in indices])
        for index, scale in zip(indices, scales, strict=True):
            shared[index] = shared[index].with_scale(scale)
    return shared


def scale_of_reference(noisy: DecodedPhoto, clean: DecodedPhoto) -> ValueLevels:
    """Return what is black and white in a clean reference of a photo, see `levels_of_reference`."""
    noisy_unit, clean_unit = (unit_of(photo.levels.dtype.name) for photo in (noisy, clean))
    return levels_of_reference(noisy.scale, noisy_unit, clean.scale, clean_unit)


def crops_of_photos(
    photos: Sequence[DecodedPhoto], indices: NDArray[np.int64], side_px: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """One crop of each named photo at a random place, turned and mirrored at random.

    Returns:
        Shape: (indices, 3, side_px, side_px), 0 to 1.
    """
    crops = np.empty((len(indices), 3, side_px, side_px), np.float32)
    for position, index in enumerate(indices):
        (crops[position],) = random_aligned_crops((photos[index],), side_px, generator)
    return crops


def random_orientation(
    images: tuple[NDArray[np.float32], ...], generator: np.random.Generator
) -> tuple[NDArray[np.float32], ...]:
    """Turn and mirror all images alike, by one of the eight symmetries of the square: noise stays what it is.

    Args:
        images: Square images of one place. Shape of each: (channels, side, side).
        generator: Source of randomness.
    """
    choice = int(generator.integers(8))
    turned = tuple(np.rot90(image, choice % 4, axes=(1, 2)) for image in images)
    return tuple(image[:, :, ::-1] for image in turned) if choice >= 4 else turned


def choose_distinct(num_items: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`count` indices below `num_items`, repeating only where there are too few. Shape: (count,)."""
    rounds = [generator.permutation(num_items) for _ in range(-(-count // num_items))]
    return np.concatenate([np.empty(0, np.int64), *rounds])[:count]


def random_aligned_crops(
    photos: tuple[DecodedPhoto, ...], side_px: int, generator: np.random.Generator, *, scale: int = 1
) -> tuple[NDArray[np.float32], ...]:
    """The same random place of photos of one scene, turned and mirrored alike.

    Args:
        photos: The first one at the measurement's resolution, the others `scale` times as large to a side.
        side_px: Side of the first photo's crop.
        generator: Source of randomness.
        scale: How many pixels of the others a pixel of the first one covers to a side.

    Returns:
        One crop a photo, 0 to 1. Shape: (3, side_px, side_px), of the others (3, scale * side_px, scale * side_px).
    """
    first, *others = photos
    height, width = first.levels.shape[1:]
    top = int(generator.integers(max(height - side_px, 0) + 1))
    left = int(generator.integers(max(width - side_px, 0) + 1))
    crops = (
        first.crop(top, left, side_px),
        *(photo.crop(scale * top, scale * left, scale * side_px) for photo in others),
    )
    return random_orientation(crops, generator)


@dataclass(frozen=True)
class DecodedPair:
    """A noisy photo and its clean reference, which is the task's scale times as large to a side."""

    noisy: DecodedPhoto
    clean: DecodedPhoto

    @property
    def pictures(self) -> tuple["DecodedPair", ...]:
        """What networks learn from, see `DecodedPhoto.pictures`.

        Raises:
            InvalidInputError: The photo is other pictures than the reference.
        """
        noisy, clean = self.noisy.pictures, self.clean.with_channels_of(self.noisy).pictures
        if len(noisy) != len(clean):
            raise InvalidInputError(
                say(
                    "The noisy photo holds {num_noisy} pictures as its channels, its reference {num_clean}.",
                    num_noisy=len(noisy),
                    num_clean=len(clean),
                ),
                "Let both files have the same channels.",
            )
        return tuple(DecodedPair(*pair) for pair in zip(noisy, clean, strict=True))

    def within(self, largest_bytes: int, *, scale: int) -> "DecodedPair":
        """The pair, or its common central part where both sides would take more memory than that.

        Args:
            largest_bytes: For both sides together; what is mapped from the disk takes none.
            scale: How many times as large to a side the reference is.
        """
        size = sum(side.memory_bytes for side in (self.noisy, self.clean) if not side.is_mapped)
        if size <= largest_bytes:
            return self
        kept = (largest_bytes / size) ** 0.5
        area = [_middle_of(side, kept) for side in self.noisy.levels.shape[1:]]
        larger = [slice(scale * part.start, scale * part.stop) for part in area]
        return DecodedPair(self.noisy.part_alone(*area), self.clean.part_alone(*larger))


class PhotoMemory:
    """Decoded whole photos by file, up to a number of bytes; a file that has changed is another file."""

    def __init__(self, budget_bytes: int) -> None:
        """Start empty.

        Args:
            budget_bytes: Decoded photos are kept until they need more.
        """
        self._left = budget_bytes
        self._photos: dict[str, DecodedPhoto] = {}

    def find(self, photo: PhotoRef, largest_bytes: int) -> DecodedPhoto | None:
        """Return a kept photo; None if there is none, or if it is larger than what is wanted."""
        kept = self._photos.get(identity_of(photo))
        return kept if kept is not None and kept.memory_bytes <= largest_bytes else None

    def keep(self, photo: DecodedPhoto) -> None:
        """Keep a whole photo if there is room."""
        identity = identity_of(photo.photo)
        if identity and identity not in self._photos and photo.memory_bytes <= self._left:
            self._left -= photo.memory_bytes
            self._photos[identity] = photo


_memory: ContextVar[PhotoMemory | None] = ContextVar("photo_memory", default=None)


@contextmanager
def photos_remembered(budget_bytes: int) -> Iterator[None]:
    """Decode every photo once within this block, as long as there is room.

    Args:
        budget_bytes: Memory that decoded photos may take.
    """
    token = _memory.set(PhotoMemory(budget_bytes))
    try:
        yield
    finally:
        _memory.reset(token)


def current_memory() -> PhotoMemory | None:
    """Return the memory of the block that this code runs in; None outside of any."""
    return _memory.get()
