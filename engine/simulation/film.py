"""Film: grain that is coarser than a pixel of the scan and strongest where neither silver nor bare film rules.

Grains fall at random, so that their number in a patch is nearly binomial: its variance is largest at half density and
small at both ends (Nutting; "selwyn granularity" measures it in a round aperture, which is what the blur stands for).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.simulation.chance import log_uniform
from engine.simulation.pictures import Picture, random_field

_FLOOR = 0.25
"""Part of the grain of mid-tones that is left in black and in white: base fog, and the scanner's own noise."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a picture is printed through.

    Attributes:
        strength: Standard deviation of the grain in mid-tones, of 0 to 1.
        grain_px: Standard deviation of the grains' blur; the correlation falls to 1 / e at twice as many pixels.
        is_one_layer: Whether all colours have the same grain, as in black-and-white film.
    """

    strength: float
    grain_px: float
    is_one_layer: bool


def draw_film(generator: np.random.Generator) -> Film:
    """Draw a film: from fine ones, of 1 px, to coarse ones, whose grain reaches over 4 px."""
    return Film(
        strength=log_uniform(generator, 3 / 255, 32 / 255),
        grain_px=float(generator.uniform(0.5, 2.0)),
        is_one_layer=bool(generator.random() < 0.5),
    )


def grain_deviation(clean: NDArray[np.float32], film: Film) -> NDArray[np.float32]:
    """Return the standard deviation of the grain at each brightness."""
    curve = np.float32(_FLOOR) + np.float32(4 * (1 - _FLOOR)) * clean * (1 - clean)
    return np.asarray(np.float32(film.strength) * curve, np.float32)


def add_grain(clean: Picture, film: Film, generator: np.random.Generator) -> Picture:
    """Add the grain of a film; neither clipped nor rounded. Shape: (height, width, 3), 0 to 1."""
    height, width = clean.shape[:2]
    if film.is_one_layer:
        grain = random_field(generator, (height, width), film.grain_px)[..., None]
    else:
        grain = random_field(generator, (height, width, 3), film.grain_px)
    return np.asarray(clean + grain_deviation(clean, film) * grain, np.float32)
