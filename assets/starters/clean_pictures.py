"""The clean pictures in memory, of which crops are drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photos.crops import random_orientation

Levels = NDArray[np.uint8]
Crops = NDArray[np.float32]

_NUM_CANDIDATES = 2
"""Places of which the one with more detail is taken: much of a photograph is out of focus."""


@dataclass(frozen=True)
class CleanPictures:
    """Decoded clean pictures.

    They are decoded once and stay in memory as bytes: a crop costs a copy of its own pixels alone.

    Attributes:
        levels: RGB. Shape of each: (height, width, 3).
        weights: With which chance each is drawn: larger ones more often, but not in proportion, for variety.
    """

    levels: list[Levels]
    weights: NDArray[np.float64]

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "CleanPictures":
        """Decode PNGs."""
        levels = [np.ascontiguousarray(_decode(path)[..., ::-1]) for path in paths]
        roots = np.sqrt([float(picture.shape[0] * picture.shape[1]) for picture in levels])
        return cls(levels, roots / roots.sum())

    def draw(self, count: int, side_px: int, generator: np.random.Generator) -> Crops:
        """Draw square crops, turned and mirrored at random. Shape: (count, side_px, side_px, 3), 0 to 1."""
        crops = np.empty((count, side_px, side_px, 3), np.float32)
        for position, index in enumerate(generator.choice(len(self.levels), count, p=self.weights)):
            candidates = [_random_crop(self.levels[index], side_px, generator) for _ in range(_NUM_CANDIDATES)]
            chosen = max(candidates, key=_detail).transpose(2, 0, 1).astype(np.float32)
            (turned,) = random_orientation((chosen,), generator)
            crops[position] = turned.transpose(1, 2, 0) * np.float32(1 / 255)
        return crops


def _random_crop(levels: Levels, side_px: int, generator: np.random.Generator) -> Levels:
    height, width = levels.shape[:2]
    top = int(generator.integers(max(height - side_px, 0) + 1))
    left = int(generator.integers(max(width - side_px, 0) + 1))
    crop = levels[top : top + side_px, left : left + side_px]
    missing = (side_px - crop.shape[0], side_px - crop.shape[1])
    return np.pad(crop, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric") if any(missing) else crop


def _detail(crop: Levels) -> float:
    """Mean step between neighbours of the green channel."""
    green = crop[::2, :, 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=1)).mean())


def _decode(path: Path) -> Levels:
    levels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert levels is not None, f"{path} was written by pictures.py"
    return np.asarray(levels, np.uint8)
