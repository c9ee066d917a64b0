"""A photo as eyes are to see it: of a microscope's file all channels at one place, wherever they lie, or one of them.

Channels lie within a page, or each on a page of its own; a network sees either as pictures of their own, and so do
people, in the colours that the file says. Nothing of it changes a file.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef
from engine.photo_files.photo_image import ImageMetadata, PhotoSamples
from engine.photo_files.photos import probe_image, read_samples, read_thumbnail
from engine.photo_files.tiff.channel_descriptions import Channel, describe_channels, mixed
from engine.photo_files.tiff.pages import list_pages
from engine.photo_files.tiff.stack_reading import read_layout
from engine.photo_files.values.levels import ValueLevels
from engine.photos.stack_levels import as_in_stack

MOST_SHOWN = 8
"""More channels than that, such as a spectrum's, are shown one by one."""


@dataclass(frozen=True, eq=False)
class ShownPhoto:
    """Pictures of one place.

    Attributes:
        samples: In the numbers of the file. Shape: (height, width, channels).
        metadata: Of the first; its levels are those of all channels.
        channels: What each is called and its colour; empty for red, green and blue, and for a file of one channel.
    """

    samples: NDArray[Any]
    metadata: ImageMetadata
    channels: tuple[Channel, ...] = ()


def read_shown(photo: PhotoRef, *, channel: int = 0, control: JobControl | None = None) -> ShownPhoto:
    """Read what is to be seen of a photo.

    Args:
        photo: Which it is.
        channel: Which of a page's channels is wanted alone, from 1, or any of a stack's pages by itself; 0: all.
        control: Asked between pages.

    Raises:
        ImageReadError: It cannot be read.
        JobCancelled: Asked to end.
    """
    first = _read(photo, control)
    samples, levels = _with_extra(first)
    if samples.shape[2] > 1:
        are_pictures = first.metadata.channels_are_gray or first.samples.shape[2] == 1
        if not are_pictures:
            return ShownPhoto(first.samples, first.metadata)
        channels = describe_channels(photo.file, samples.shape[2])
        index = channel - 1 if 0 < channel <= len(channels) else None
        if index is None and len(channels) > MOST_SHOWN:
            index = 0
        if index is not None:
            samples, channels = samples[:, :, index : index + 1], channels[index : index + 1]
            levels = levels.of_channel(index)
        return _shown(samples, first.metadata, levels, channels)
    pages = channel_pages(photo)
    if len(pages) < 2:
        return ShownPhoto(first.samples, first.metadata)
    channels = describe_channels(photo.file, len(pages))
    own = pages.index(photo)
    if channel or len(pages) > MOST_SHOWN:
        return _shown(samples, first.metadata, levels, channels[own : own + 1])
    planes, blacks, whites, is_unbounded = [], [], [], False
    for page in pages:
        plane, of_page = (samples, levels) if page == photo else _page_like(page, samples, control)
        planes.append(plane)
        blacks.append(of_page.black[0])
        whites.append(of_page.white[0])
        is_unbounded |= of_page.is_unbounded
    joined = replace(levels, black=tuple(blacks), white=tuple(whites), is_unbounded=is_unbounded)
    return _shown(np.concatenate(planes, axis=2), first.metadata, joined, channels)


def channel_pages(photo: PhotoRef) -> list[PhotoRef]:
    """Return the pages that show the channels at a page's place, in their order; none where its file counts none."""
    pages = [page.page for page in list_pages(photo.file)] if photo.page else []
    if photo.page not in pages:
        return []
    layout = read_layout(photo.file, pages)
    axis = next((index for index, (name, _) in enumerate(layout.axes) if name == "C"), None)
    if axis is None:
        return []
    places = layout.places(photo.page)
    return [
        PhotoRef(photo.file, layout.page((*places[:axis], channel, *places[axis + 1 :])))
        for channel in range(layout.axes[axis][1])
    ]


def read_shown_thumbnail(photo: PhotoRef, max_side_px: int, *, stretched: bool = False) -> NDArray[np.uint8]:
    """Read a small version of what is to be seen of a photo; see `read_thumbnail`.

    Raises:
        ImageReadError: As `read_thumbnail`.
    """
    if not has_channels(photo):
        return read_thumbnail(photo, max_side_px, stretched=stretched)
    shown = read_shown(_first_page(photo))
    values = shown.metadata.levels.normalised_samples(shown.samples)
    height, width = values.shape[:2]
    scale = max_side_px / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in np.moveaxis(values, 2, 0)]
        values = np.stack(planes, axis=2)
    light = mixed(values, [channel.colour for channel in shown.channels])
    return np.ascontiguousarray(np.rint(255 * light).astype(np.uint8))


def has_channels(photo: PhotoRef) -> bool:
    """Tell by the header whether a photo has channels that are pictures; False where it cannot be read."""
    return count_channels(photo) > 1


def count_channels(photo: PhotoRef) -> int:
    """Return by the header how many channels that are pictures a photo has; 1 where it has none, or cannot be read.

    Args:
        photo: A photo, or a stack.
    """
    if photo.file.suffix.lower() not in FORMATS["tiff"].suffixes:
        return 1
    page = _first_page(photo)
    try:
        within = probe_image(page).num_pictures
        return within if within > 1 else max(len(channel_pages(page)), 1)
    except ImageReadError:
        return 1


def _first_page(photo: PhotoRef) -> PhotoRef:
    return photo if photo.page else list_pages(photo.file)[0]


def _read(photo: PhotoRef, control: JobControl | None) -> PhotoSamples:
    read = read_samples(photo)
    if control is not None:
        control.wait_if_paused()
    return as_in_stack(photo, read, control)


def _with_extra(read: PhotoSamples) -> tuple[NDArray[Any], ValueLevels]:
    levels = read.metadata.levels
    if read.extra is None:
        return read.samples, levels
    both = levels.beside(read.metadata.extra_levels, read.samples.shape[2], read.extra.shape[2])
    return np.concatenate([read.samples, read.extra], axis=2), both


def _page_like(page: PhotoRef, like: NDArray[Any], control: JobControl | None) -> tuple[NDArray[Any], ValueLevels]:
    """Read a page beside another one; it stays dark where it cannot be read, or is of another kind."""
    try:
        read = _read(page, control)
    except ImageReadError:
        read = None
    if read is None or read.samples.shape != like.shape or read.samples.dtype != like.dtype:
        return np.zeros_like(like), ValueLevels()
    return read.samples, read.metadata.levels


def _shown(
    samples: NDArray[Any], metadata: ImageMetadata, levels: ValueLevels, channels: tuple[Channel, ...]
) -> ShownPhoto:
    told = replace(metadata, levels=levels, channels_are_gray=samples.shape[2] > 1, icc_profile=None)
    return ShownPhoto(np.ascontiguousarray(samples), told, channels)
