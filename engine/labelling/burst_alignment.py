"""Shots of a burst, read and brought onto one of them; or why one cannot be."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.contracts.photo import PhotoRef
from engine.labelling.alignment import (
    MAX_UNCOVERED_SHARE,
    MIN_SHAPE_CORRELATION,
    find_alignment,
    places_inside,
    shape_correlation,
    warp,
)
from engine.labelling.burst_merging import Shot, brightness_gain
from engine.photo_files.photo_image import ImageMetadata
from engine.photo_files.photos import read_image
from engine.translatable import say

MAX_GAIN = 1.5
"""Shots that are brighter or darker by more than this factor were exposed otherwise."""

_NEGLIGIBLE_PX = 0.1
_NEGLIGIBLE_GAIN = 0.01
_COMPARED_SIDE_PX = 1024


@dataclass(frozen=True, eq=False)
class ReadShot:
    """A shot in memory, of which there may be many: the photo itself is not kept.

    Attributes:
        photo: Which it is.
        metadata: What its file says.
        levels: Its values. Height x width x channels (1 or 3), uint16.
        gray: Its brightness. Shape: (height, width), 0 to 1.
    """

    photo: PhotoRef
    metadata: ImageMetadata
    levels: NDArray[np.uint16]
    gray: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AlignedShot:
    """A shot that lies on the others.

    Attributes:
        photo: Which it is.
        metadata: What its file says.
        shot: Its levels, and how they lie.
        displacement_px: How far its farthest corner has to be moved.
    """

    photo: PhotoRef
    metadata: ImageMetadata
    shot: Shot
    displacement_px: float


def read_shot(photo: PhotoRef) -> ReadShot:
    """Read a shot.

    Raises:
        ImageReadError: The file cannot be read, or holds numbers that cannot be merged.
    """
    image = read_image(photo)
    if image.pixels.min() < 0 or image.pixels.max() > 1:
        raise ImageReadError(
            say(
                "Its numbers are of the type {type_written} and lie beyond 0 to 1.",
                type_written=image.metadata.type_written,
            ),
            "Save the shots with 16 bits per channel: a burst is merged of such.",
        )
    levels = np.asarray(np.rint(image.pixels * np.float32(65535)), np.uint16)
    return ReadShot(photo, image.metadata, levels, np.ascontiguousarray(image.pixels.mean(axis=2)))


def align_shot(base: ReadShot, photo: ReadShot, in_linear_light: bool) -> AlignedShot | tuple[str, str]:
    """Bring one shot onto another. Small pictures tell well whether they show one scene.

    Args:
        base: The shot that stays where it is.
        photo: The other, of the same shape; `base` itself lies on itself.
        in_linear_light: As in `engine.labelling.burst_merging.merge_shots`.

    Returns:
        The shot and how it lies; or why it cannot be used, and what to do about it, a sentence each.
    """
    if photo is base:
        return AlignedShot(photo.photo, photo.metadata, Shot(photo.levels, np.eye(2, 3)), 0.0)
    alignment = find_alignment(base.gray, photo.gray)
    height, width = base.gray.shape
    inside = places_inside(alignment.matrix, (height, width), (height, width), slack_px=0)
    if float(inside.mean()) < 1 - MAX_UNCOVERED_SHARE:
        return "It shows too little of what the others show.", "Choose shots that the camera hardly moved between."
    fixed, small = (_reduced(field) for field in (base.gray, photo.gray))
    moved, covered = warp(
        small[:, :, None], _reduced_matrix(alignment.matrix, (height, width), small.shape), small.shape
    )
    if shape_correlation(fixed[:, :, None], moved, covered) < MIN_SHAPE_CORRELATION:
        return "It shows another scene than the other shots.", "Choose the shots of one scene alone."
    gain = brightness_gain(fixed, moved[:, :, 0], in_linear_light=in_linear_light)
    if not 1 / MAX_GAIN <= gain <= MAX_GAIN:
        return "It was exposed otherwise than the other shots.", "Take all shots with one exposure, set by hand."
    gain = 1.0 if abs(gain - 1) < _NEGLIGIBLE_GAIN else gain
    matrix = alignment.matrix if alignment.displacement_px(height, width) > _NEGLIGIBLE_PX else np.eye(2, 3)
    shot = Shot(photo.levels, matrix, gain)
    return AlignedShot(photo.photo, photo.metadata, shot, alignment.displacement_px(height, width))


def _reduced(field: NDArray[np.float32]) -> NDArray[np.float32]:
    factor = min(1.0, _COMPARED_SIDE_PX / max(field.shape))
    size = (max(1, round(field.shape[1] * factor)), max(1, round(field.shape[0] * factor)))
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)


def _reduced_matrix(matrix: NDArray[np.float64], whole: tuple[int, ...], small: tuple[int, ...]) -> NDArray[np.float64]:
    """A matrix between pictures of one size as that between their reduced ones."""
    scale = np.array([whole[1] / small[1], whole[0] / small[0]])
    turn = matrix[:, :2]
    # Pixels have their places in their middles: small + 1/2 = (whole + 1/2) / scale.
    shift = (matrix[:, 2] - 0.5 * (scale - 1) * (1 - turn.sum(axis=1))) / scale
    return np.column_stack([turn, shift])
