"""Colour scales for what has no colour of its own: brightness, and how far two pictures are apart.

Equal steps of value look equally large on both, also to eyes that do not tell red from green:

- `MAGNITUDE`: cividis (Nuñez, Anderton and Renslow, "Optimizing colormaps with consideration for color vision
  deficiency to enable accurate interpretation of scientific data", PLOS ONE 13(7), 2018), dark blue to yellow.
- `SIGNED`: CET-CBD1 (Kovesi, "Good Colour Maps: How to Design Them", arXiv:1509.03700, 2015), blue over white to
  yellow-brown, evenly light on both sides of zero.
"""

from enum import Enum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.widgets.plots.library import pyqtgraph as pg
from engine.contracts.photo import Pixels

NUM_COLOURS = 256

LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of red, green and blue in brightness (ITU-R BT.709, clause 3.2), applied to the values as they are encoded."""


class ColourScale(Enum):
    """A scale; the value is its name in pyqtgraph."""

    MAGNITUDE = "cividis"
    SIGNED = "CET-CBD1"


@cache
def colours_of(scale: ColourScale) -> NDArray[np.uint8]:
    """Return a scale's colours from its low to its high end.

    Returns:
        Read-only. `NUM_COLOURS` x 3, red, green and blue.
    """
    colour_map = pg.colormap.get(scale.value)
    colours: NDArray[np.uint8] = colour_map.getLookupTable(nPts=NUM_COLOURS, alpha=False).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def luma(pixels: Pixels, *, are_colours: bool = True) -> Pixels:
    """Return the brightness of encoded pixels.

    Args:
        pixels: Height x width x channels.
        are_colours: Whether three channels are red, green and blue. Of others, and of any other number, the mean is
            taken.

    Returns:
        Height x width x 1, on the same scale.
    """
    if pixels.shape[2] == 1:
        return pixels
    if not are_colours or pixels.shape[2] != len(LUMA_WEIGHTS):
        return np.asarray(pixels.mean(axis=2, keepdims=True, dtype=np.float32), np.float32)
    return (pixels @ LUMA_WEIGHTS)[:, :, None]
