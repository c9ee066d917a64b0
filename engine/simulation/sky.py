"""Night skies as astronomers' cameras write them: linear, near black, in 16 bits.

The ground of such a picture is a few thousandths of white. A network that has never seen it takes the last part of it
away, in each colour another one; once the picture is stretched, that is a tint.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.simulation.chance import log_uniform
from engine.simulation.pictures import Picture, luminance, rounded, smoothed


@dataclass(frozen=True, kw_only=True)
class Sky:
    """A sky and the noise of its picture.

    Attributes:
        ground: Brightness of the dark sky in each channel, linear, 0 to 1. Shape: (3,).
        shot: a of the noise variance a I + b.
        read: b of the noise variance.
        stars_per_pixel: How many there are, on average.
        star_px: Standard deviation of their discs.
        nebula: How bright the clean picture lies behind them, in grounds.
        bits: Of the file: 8 or 16.
    """

    ground: NDArray[np.float32]
    shot: float
    read: float
    stars_per_pixel: float = 0.003
    star_px: float = 1.0
    nebula: float = 0.0
    bits: int = 16


def draw_sky(generator: np.random.Generator) -> Sky:
    """Draw a sky of 0.05 to 5 % of white, whose noise is 3 % to 1.5 times as large.

    Above a third of the ground the noise reaches black, where a file cuts it off; below, as where a camera writes with
    a pedestal, nothing is cut.
    """
    tint = generator.uniform(0.6, 1.5, 3)
    ground = log_uniform(generator, 5e-4, 0.05) * tint / tint.mean()
    deviation = float(ground.mean()) * log_uniform(generator, 0.03, 1.5)
    shot_part = float(generator.uniform(0, 1))
    return Sky(
        ground=ground.astype(np.float32),
        shot=shot_part * deviation**2 / float(ground.mean()),
        read=(1 - shot_part) * deviation**2,
        stars_per_pixel=log_uniform(generator, 2e-4, 0.02),
        star_px=float(generator.uniform(0.6, 2.0)),
        nebula=log_uniform(generator, 0.1, 20) if generator.random() < 0.6 else 0.0,
        bits=8 if generator.random() < 0.15 else 16,
    )


def photograph_sky(clean: Picture, sky: Sky, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Take a picture of a sky.

    Args:
        clean: What lies behind the stars, if there is a nebula. Shape: (height, width, 3), 0 to 1.
        sky: What is seen.
        generator: Source of places and noise.

    Returns:
        The noisy picture, rounded and cut off at black and white as in a file, and the sky as it is. Same shape.
    """
    light = np.broadcast_to(sky.ground, clean.shape).astype(np.float32)
    if sky.nebula:
        # Squares are near enough to linear light.
        light += np.float32(sky.nebula) * sky.ground * smoothed(np.square(clean), sky.star_px)
    light += _stars(clean.shape[0], clean.shape[1], sky, generator)
    deviation = np.sqrt(np.float32(sky.shot) * luminance(light)[..., None] + np.float32(sky.read))
    noisy = light + deviation * generator.standard_normal(clean.shape, np.float32)
    return rounded(noisy, sky.bits), np.clip(light, 0, 1)


def _stars(height: int, width: int, sky: Sky, generator: np.random.Generator) -> Picture:
    """Discs whose brightness falls as a power of their number, as magnitudes do; a few are white."""
    stars = np.zeros((height, width, 3), np.float32)
    count = int(generator.poisson(sky.stars_per_pixel * height * width))
    if not count:
        return stars
    rows, columns = generator.integers(height, size=count), generator.integers(width, size=count)
    peak = float(sky.ground.mean()) * (1 + generator.pareto(0.7, count))
    colour = generator.uniform(0.6, 1.0, (count, 3))
    # A disc of peak p holds 2 pi sigma^2 p.
    flux = 2 * np.pi * sky.star_px**2 * np.minimum(peak, 3)[:, None] * colour
    np.add.at(stars, (rows, columns), flux.astype(np.float32))
    return np.asarray(cv2.GaussianBlur(stars, (0, 0), sky.star_px), np.float32)
