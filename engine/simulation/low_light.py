"""Light so weak that its photons count: fluorescence microscopes, and what they look at.

The number of photons in a pixel is Poisson distributed, so that its variance is its mean (Fano factor 1); the
detector's own noise is normal. Frames that were averaged are the same with more photons.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from engine.photo_files.raw.mosaic import FILTER_ORDERS
from engine.simulation.chance import log_uniform
from engine.simulation.demosaicking import demosaick_linear, mosaic_of
from engine.simulation.pictures import Picture, Plane, as_three, luminance, rounded, smoothed

_AVERAGED_SHARE = 0.35
"""Share of pictures that have more than 100 photons where they are brightest: averaged frames, long exposures."""

_INTERPOLATED_SHARE = 0.2

_COLOURS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 0.4, 1]], np.float32
)
"""In what colours microscopes show one channel; green twice, being the most frequent."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """What counts the photons.

    Attributes:
        photons: Mean number in a pixel of brightness 1.
        read_photons: Standard deviation of the read noise, in photons.
        offset: Level at which no light is written, of 0 to 1.
        white: How far above the offset brightness 1 is written.
        bits: Of the file: 8 or 16.
    """

    photons: float
    read_photons: float = 0.0
    offset: float = 0.0
    white: float = 1.0
    bits: int = 16


def draw_detector(generator: np.random.Generator) -> Detector:
    """Draw a detector and an exposure: mostly 1 to 100 photons where it is brightest, else up to 2,000."""
    is_averaged = generator.random() < _AVERAGED_SHARE
    bits = 8 if generator.random() < 0.5 else 16
    # Twelve bits in a file of sixteen leave most of its range empty.
    white = log_uniform(generator, 0.01, 1.0) if bits == 16 else log_uniform(generator, 0.2, 1.0)
    return Detector(
        photons=log_uniform(generator, 100, 2000) if is_averaged else log_uniform(generator, 1, 100),
        read_photons=float(generator.uniform(0.1, 1.5)) if generator.random() < 0.5 else 0.0,
        offset=white * float(generator.uniform(0, 0.15)) if generator.random() < 0.6 else 0.0,
        white=white,
        bits=bits,
    )


def detect(light: Plane, detector: Detector, generator: np.random.Generator) -> tuple[Plane, Plane]:
    """Count photons.

    Args:
        light: Brightness, 0 to 1. Shape: (height, width).
        detector: What counts.
        generator: Source of the noise.

    Returns:
        The noisy picture, rounded to the detector's bits, and what it would be on average if nothing were clipped. Same
        shape, 0 to 1.
    """
    expected = np.float32(detector.photons) * light
    counts = generator.poisson(expected).astype(np.float32)
    if detector.read_photons:
        counts += np.float32(detector.read_photons) * generator.standard_normal(light.shape, np.float32)
    level_of_photon = np.float32(detector.white / detector.photons)
    noisy = np.float32(detector.offset) + level_of_photon * counts
    target = np.float32(detector.offset) + level_of_photon * expected
    return rounded(noisy, detector.bits), np.clip(target, 0, 1)


def detect_in_colour(light: Picture, detector: Detector, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Count photons behind the colour filters of a camera, and interpolate what lies between.

    Args:
        light: Brightness of each colour, 0 to 1. Shape: (height, width, 3).
        detector: What counts.
        generator: Source of the noise.

    Returns:
        The noisy picture, rounded to the detector's bits, and the mean of such pictures. Same shape, 0 to 1.
    """
    order = FILTER_ORDERS[int(generator.integers(len(FILTER_ORDERS)))]
    noisy, target = (demosaick_linear(mosaic, order) for mosaic in detect(mosaic_of(light, order), detector, generator))
    return rounded(noisy, detector.bits), target


def photograph_specimen(clean: Picture, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Photograph in weak light: bright structures on a dark ground, made of a clean picture or of nothing, or itself.

    Args:
        clean: What structures are taken from. Shape: (height, width, 3), 0 to 1.
        generator: Source of chance.

    Returns:
        The noisy picture and its target: gray, of one colour, three channels that were taken one after the other, or
        a colour camera's.
    """
    kind = generator.random()
    detector = draw_detector(generator)
    if kind < 0.25:
        light = clean if kind < 0.06 else np.stack([_specimen(clean, generator) for _ in range(3)], axis=-1)
        if kind < 0.15:
            return detect_in_colour(light, detector, generator)
        channels = [detect(np.ascontiguousarray(light[..., channel]), detector, generator) for channel in range(3)]
        noisy, target = (np.stack(planes, axis=-1) for planes in zip(*channels, strict=True))
        return noisy, target
    pair = detect(_specimen(clean, generator), detector, generator)
    if generator.random() < _INTERPOLATED_SHARE:
        # A scan that was put on another grid: neighbours share their noise.
        sigma_px = float(generator.uniform(0.4, 0.8))
        pair = rounded(smoothed(pair[0], sigma_px), detector.bits), smoothed(pair[1], sigma_px)
    if kind < 0.65:
        return as_three(pair[0]), as_three(pair[1])
    colour = _COLOURS[int(generator.integers(len(_COLOURS)))]
    return pair[0][..., None] * colour, pair[1][..., None] * colour


def _specimen(clean: Picture, generator: np.random.Generator) -> Plane:
    """Light of fluorescent structures, as sharp as a microscope shows them. Shape: (height, width), 0 to 1."""
    kind = generator.random()
    if kind < 0.4:
        structures = luminance(clean) ** np.float32(generator.uniform(1.5, 4.0))
    elif kind < 0.65:
        plane = luminance(clean)
        structures = np.abs(plane - smoothed(plane, float(generator.uniform(1.0, 4.0))))
    else:
        structures = _filaments_and_bodies(clean.shape[0], clean.shape[1], generator)
    structures = smoothed(structures, float(generator.uniform(0.5, 2.0)))
    ground = log_uniform(generator, 0.005, 0.2)
    return np.float32(ground) + structures * np.float32((1 - ground) / max(float(structures.max()), 1e-3))


def _filaments_and_bodies(height: int, width: int, generator: np.random.Generator) -> Plane:
    """Draw winding lines and round bodies of differing brightness."""
    plane = np.zeros((height, width), np.float32)
    for _ in range(int(generator.integers(0, 7))):
        centre = (int(generator.integers(width)), int(generator.integers(height)))
        axes = (int(generator.integers(1, 12)), int(generator.integers(1, 12)))
        cv2.ellipse(plane, centre, axes, float(generator.uniform(0, 180)), 0, 360, float(generator.uniform(0.1, 1)), -1)
    for _ in range(int(generator.integers(1, 9))):
        turns = generator.uniform(0, 2 * np.pi) + np.cumsum(generator.normal(0, 0.4, 16))
        steps = (0.12 * max(height, width)) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        points = generator.uniform(0, [width, height]) + np.cumsum(steps, axis=0)
        brightness, thickness = float(generator.uniform(0.1, 1)), int(generator.integers(1, 4))
        cv2.polylines(plane, [points.astype(np.int32)], False, brightness, thickness)
    return plane
