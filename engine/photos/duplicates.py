"""The job that finds photos which are there more than once: the same content, or the same picture in other content.

What is the same file is told by its digest, computed only where sizes are equal. What looks alike is told by a
perceptual hash: the signs of the picture's lowest frequencies, which scaling, compression and noise hardly change.
Shots of a burst look alike too: whether they are wanted is for a person to say.

C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", thesis, Upper Austria University of
Applied Sciences, 2010, section 3.2 (the hash of the discrete cosine transform).
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import cv2
import numpy as np
from pydantic import Field

from engine.contracts.configs import JobConfig
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels

_STAGE: Final = "Looking for duplicates"
_PROGRESS_INTERVAL_S: Final = 0.1
_REDUCED_PX: Final = 32
_NUM_FREQUENCIES: Final = 8
_LEAST_CONTRAST: Final = 2 / 255
_MAX_DIFFERENT_BITS: Final = 8
"""Of 64. Of 60 noisy crops and their clean versions 58 differ in at most 8; of 4,186 pairs of unlike pictures none
in fewer than 18."""
_MAX_ASPECT_RATIO: Final = 1.05

Alikeness = Literal["same file", "same look"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What must be known of a photo.

    Attributes:
        photo: The photo.
        num_bytes: Size of its file; 0 where unknown.
        look: Its `look_hash`; None where it has none.
        width: Pixels.
        height: Pixels.
    """

    photo: PhotoRef
    num_bytes: int
    look: int | None
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup:
    """Photos that are one and the same, or look so.

    Attributes:
        kind: "same file": equal to the last byte; "same look": the same picture by its hash.
        photos: Two or more, in the given order.
    """

    kind: Alikeness
    photos: tuple[PhotoRef, ...]


class DuplicatesConfig(JobConfig):
    """Look for photos that are there more than once."""

    photos: Annotated[tuple[Candidate, ...], Field(title="Photos", description="What a scan found out about them.")]


def find_duplicates(config: DuplicatesConfig, control: JobControl, emit: Emit) -> tuple[DuplicateGroup, ...]:
    """Group photos with the same content, and those that look alike.

    Args:
        config: The photos.
        control: Asked before each file.
        emit: Receives `StepDone` some times a second.

    Returns:
        The groups in the order of their first photos. A photo is in one group of each kind at most; a group of alike
        looks names each content once.

    Raises:
        JobCancelled: The job has been asked to end.
    """
    same_files = _same_files(config.photos, control, emit)
    repeated = {path for group in same_files for path in group[1:]}
    looks = [photo for photo in config.photos if photo.look is not None and photo.photo not in repeated]
    control.wait_if_paused()
    groups = [
        *(DuplicateGroup(kind="same file", photos=paths) for paths in same_files),
        *(DuplicateGroup(kind="same look", photos=paths) for paths in _same_looks(looks, control)),
    ]
    place = {photo.photo: place for place, photo in enumerate(config.photos)}
    return tuple(sorted(groups, key=lambda group: (group.kind, place[group.photos[0]])))


def look_hash(pixels: Pixels) -> int | None:
    """Return 64 bits that hardly change where a picture is scaled, compressed or noisy.

    Args:
        pixels: Height x width x channels, 0 to 1.

    Returns:
        The signs, against their median, of the 8 x 8 lowest frequencies of the gray picture at 32 x 32 pixels, the
        mean brightness left out; None for a picture so even that they are chance.
    """
    small = cv2.resize(pixels, (_REDUCED_PX, _REDUCED_PX), interpolation=cv2.INTER_AREA)
    reduced = small.reshape(_REDUCED_PX, _REDUCED_PX, -1).mean(axis=2)
    if float(reduced.std()) < _LEAST_CONTRAST:
        return None
    # Frequency 0 along an axis follows vignetting and light falloff: as in Zauner's hash the first row and column go.
    lowest = cv2.dct(reduced)[1 : _NUM_FREQUENCIES + 1, 1 : _NUM_FREQUENCIES + 1]
    bits = (lowest > np.median(lowest)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _same_files(photos: Sequence[Candidate], control: JobControl, emit: Emit) -> list[tuple[PhotoRef, ...]]:
    by_size: dict[int, list[PhotoRef]] = defaultdict(list)
    for photo in photos:
        # Pages of one file are unlike, and equal pages of two files are told by their looks.
        if photo.num_bytes and not photo.photo.page:
            by_size[photo.num_bytes].append(photo.photo)
    suspects = [path for paths in by_size.values() if len(paths) > 1 for path in paths]
    by_digest: dict[bytes, list[PhotoRef]] = defaultdict(list)
    reported = time.monotonic()
    emit(StepDone(stage=_STAGE, step=0, num_steps=len(suspects)))
    for done, path in enumerate(suspects, start=1):
        control.wait_if_paused()
        try:
            with path.file.open("rb") as file:
                by_digest[hashlib.file_digest(file, "sha256").digest()].append(path)
        except OSError:
            # Gone since the scan: no duplicate any more.
            continue
        if time.monotonic() - reported >= _PROGRESS_INTERVAL_S:
            reported = time.monotonic()
            emit(StepDone(stage=_STAGE, step=done, num_steps=len(suspects)))
    return [tuple(paths) for paths in by_digest.values() if len(paths) > 1]


def _same_looks(photos: Sequence[Candidate], control: JobControl) -> list[tuple[PhotoRef, ...]]:
    """Group each photo that is in no group yet with all others whose hash and shape are like its own.

    Likeness is not passed on from photo to photo: a film's first and last picture are no duplicates.
    """
    looks = np.array([photo.look or 0 for photo in photos], np.uint64)
    aspects = np.array([photo.width / photo.height for photo in photos])
    is_free = np.ones(len(photos), np.bool_)
    groups: list[tuple[PhotoRef, ...]] = []
    for first in range(len(photos)):
        if not is_free[first]:
            continue
        control.wait_if_paused()
        ratios = aspects / aspects[first]
        alike = (
            is_free
            & (np.bitwise_count(looks ^ looks[first]) <= _MAX_DIFFERENT_BITS)
            & (ratios <= _MAX_ASPECT_RATIO)
            & (ratios >= 1 / _MAX_ASPECT_RATIO)
        )
        is_free &= ~alike
        places = np.flatnonzero(alike)
        if len(places) > 1:
            groups.append(tuple(photos[int(place)].photo for place in places))
    return groups
