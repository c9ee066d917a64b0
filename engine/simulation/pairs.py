"""Pairs of a noisy photo and its target, made from clean pictures: cameras' noise mixed with plain noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.simulation.camera import compress, draw_camera, take_photo
from engine.simulation.demosaicking import Picture
from engine.simulation.parameters import PairParams

_DEGRADED_SHARE = 0.25
_HIGHEST_LIGHT_SIGMA = 6.0


def simulate_pair(
    clean: Picture, generator: np.random.Generator, params: PairParams | None = None
) -> tuple[Picture, Picture]:
    """Make a noisy picture of a clean one.

    Args:
        clean: sRGB, 0 to 1. Shape: (height, width, 3), at least 4 pixels a side.
        generator: Source of chance.
        params: The mixture; None: the default one.

    Returns:
        The noisy picture, and what restoring it should give: the clean picture itself or, for a camera's noise, the
        photo that the camera would have taken without noise and compression. Same shape, 0 to 1.
    """
    params = params or PairParams()
    is_gray = generator.random() < params.gray_share
    if is_gray:
        clean = _gray(clean)
    kind = generator.random()
    if kind < params.clean_share:
        return clean, clean
    if kind < params.clean_share + params.plain_share:
        return _add_plain_noise(clean, generator, params, is_gray=is_gray), clean
    if generator.random() < params.enlarged_share:
        clean = _enlarge_part(clean, generator.uniform(1, params.largest_zoom), generator)
    noisy, target = take_photo(clean, draw_camera(generator, params.camera), generator)
    return (_gray(noisy), _gray(target)) if is_gray else (noisy, target)


def simulate_pairs(
    clean: NDArray[np.float32], generator: np.random.Generator, params: PairParams | None = None, *, side_px: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make a noisy picture of each clean one of a batch, each with a noise of its own.

    Args:
        clean: sRGB, 0 to 1. Shape: (batch, height, width, 3).
        generator: Source of chance.
        params: The mixture; None: the default one.
        side_px: Side of the squares to cut at random from the results, so that the grid of JPEG blocks falls anywhere
            and borders stay out; 0: all of them.

    Returns:
        Noisy pictures and targets. Shape of both: (batch, side_px or height, side_px or width, 3).
    """
    height, width = (side_px, side_px) if side_px else clean.shape[1:3]
    noisy = np.empty((len(clean), height, width, 3), np.float32)
    targets = np.empty_like(noisy)
    for index, picture in enumerate(clean):
        pair = simulate_pair(picture, generator, params)
        top = int(generator.integers(picture.shape[0] - height + 1))
        left = int(generator.integers(picture.shape[1] - width + 1))
        noisy[index], targets[index] = (part[top : top + height, left : left + width] for part in pair)
    return noisy, targets


def add_light_degradation(picture: Picture, generator: np.random.Generator) -> Picture:
    """Treat a picture as files on the web are: mostly rounded to 8 bits alone, else with a little noise or compression.

    Args:
        picture: 0 to 1. Shape: (height, width, 3).
        generator: Source of chance.

    Returns:
        Same shape, 0 to 1.
    """
    degrade = generator.random() < _DEGRADED_SHARE
    if degrade:
        sigma = np.float32(generator.uniform(0, _HIGHEST_LIGHT_SIGMA) / 255)
        picture = picture + sigma * generator.standard_normal(picture.shape, np.float32)
    quality = int(generator.integers(80, 100)) if degrade and generator.random() < 0.5 else 0
    return compress(np.clip(picture, 0, 1), quality, has_fine_chroma=bool(generator.random() < 0.5))


def _add_plain_noise(clean: Picture, generator: np.random.Generator, params: PairParams, *, is_gray: bool) -> Picture:
    sigma = np.float32(generator.uniform(0, params.highest_sigma) / 255)
    shape = (*clean.shape[:2], 1) if is_gray else clean.shape
    noisy: Picture = clean + sigma * generator.standard_normal(shape, np.float32)
    if generator.random() < params.rounded_share:
        noisy = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.float32) * np.float32(1 / 255)
    return noisy


def _enlarge_part(picture: Picture, zoom: float, generator: np.random.Generator) -> Picture:
    """Enlarge a random part of a picture to the size of the whole."""
    height, width = picture.shape[:2]
    rows, columns = max(round(height / zoom), 2), max(round(width / zoom), 2)
    top = int(generator.integers(height - rows + 1))
    left = int(generator.integers(width - columns + 1))
    part = picture[top : top + rows, left : left + columns]
    return np.clip(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
