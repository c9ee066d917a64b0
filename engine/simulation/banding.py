"""Banding: rows and columns of a sensor that read a little more or less than they should."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.simulation.chance import log_uniform, sometimes
from engine.simulation.pictures import Picture, random_field


@dataclass(frozen=True, kw_only=True)
class Banding:
    """How a sensor's amplifiers differ.

    Attributes:
        row_sigma: Standard deviation of the rows' offsets, of 0 to 1.
        column_sigma: Of the columns' offsets.
        width_px: Standard deviation of the blur that makes neighbouring rows alike; 0: each on its own.
        hum: Amplitude of a sine from row to row, which a power supply leaves.
        hum_period_px: Its period.
        noise_sigma: Standard deviation of the plain noise over it.
        is_gray: Whether all channels have the same offsets.
    """

    row_sigma: float
    column_sigma: float
    width_px: float = 0.0
    hum: float = 0.0
    hum_period_px: float = 16.0
    noise_sigma: float = 0.0
    is_gray: bool = True


def draw_banding(generator: np.random.Generator) -> Banding:
    """Draw bands of a third of a level to four levels of 255, under noise of 1 to 25 levels."""
    return Banding(
        row_sigma=log_uniform(generator, 0.3 / 255, 4 / 255),
        column_sigma=log_uniform(generator, 0.3 / 255, 4 / 255) if generator.random() < 0.5 else 0.0,
        width_px=sometimes(generator, 0.4, 0.5, 2.0),
        hum=sometimes(generator, 0.25, 0.3 / 255, 3 / 255),
        hum_period_px=float(generator.uniform(4, 40)),
        noise_sigma=log_uniform(generator, 1 / 255, 25 / 255),
        is_gray=bool(generator.random() < 0.7),
    )


def add_bands(clean: Picture, banding: Banding, generator: np.random.Generator) -> Picture:
    """Add offsets and plain noise; neither clipped nor rounded. Shape: (height, width, 3), 0 to 1."""
    height, width = clean.shape[:2]
    channels = 1 if banding.is_gray else 3
    rows = np.float32(banding.row_sigma) * _offsets(height, channels, banding, generator)
    if banding.hum:
        places = 2 * np.pi * (np.arange(height) / banding.hum_period_px + generator.random())
        rows = rows + (banding.hum * np.sin(places)).astype(np.float32)[:, None]
    columns = np.float32(banding.column_sigma) * _offsets(width, channels, banding, generator)
    noise = np.float32(banding.noise_sigma) * generator.standard_normal(clean.shape, np.float32)
    return np.asarray(clean + rows[:, None] + columns[None] + noise, np.float32)


def _offsets(count: int, channels: int, banding: Banding, generator: np.random.Generator) -> NDArray[np.float32]:
    """Shape: (count, channels), variance 1."""
    return random_field(generator, (count, channels), banding.width_px, along="rows")
