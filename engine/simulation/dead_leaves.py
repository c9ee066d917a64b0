"""Pictures of nothing but overlapping shapes, which have the statistics of natural ones: clean by their making.

The dead leaves model: shapes of any size, more small than large ones, fall on each other, as things hide things in a
photo. Its edges, flat parts and scale invariance are those of natural pictures (Lee, Mumford, Huang, IJCV 41, 2001),
and networks that learn to restore from it alone come near to those that saw photos (Achddou, Gousseau, Ladjal, 2021).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.simulation.pictures import Picture

_SMALLEST_RADIUS_PX = 1.5
_LARGEST_RADIUS_SHARE = 1 / 3
_PIXELS_A_LEAF = 60
_FINENESS = 2
"""Drawn so many times larger, and reduced: its edges then have the sharpness of a camera's."""

_SUBPIXEL_BITS = 4


def draw_dead_leaves(side_px: int, colours: NDArray[np.float32], generator: np.random.Generator) -> Picture:
    """Draw a picture.

    Args:
        side_px: Its side.
        colours: What leaves may look like, such as pixels of a photo; 0 to 1. Shape: (colours, 3).
        generator: Source of chance.

    Returns:
        Shape: (side_px, side_px, 3), 0 to 1.
    """
    side = _FINENESS * side_px
    count = side * side // _PIXELS_A_LEAF
    # Radii with a density of r to the power of -3 make the picture look alike at all scales.
    smallest, largest = _SMALLEST_RADIUS_PX**-2, (side * _LARGEST_RADIUS_SHARE) ** -2
    radii = (smallest + (largest - smallest) * generator.random(count)) ** -0.5
    shades = colours[generator.integers(len(colours), size=count)].tolist()
    places = generator.integers(side << _SUBPIXEL_BITS, size=(count, 2)).astype(np.int32)
    flatness = np.where(generator.random(count) < 0.5, 1.0, generator.uniform(0.2, 1, count))
    turns = np.rint(generator.uniform(0, 360, count)).astype(int).tolist()
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = colours[generator.integers(len(colours))]
    axes = np.stack([radii, radii * flatness], axis=1) * 2**_SUBPIXEL_BITS
    whole_axes = np.maximum(np.rint(axes), 1).astype(int).tolist()
    for half_axes, shade, place, turn in zip(whole_axes, shades, places, turns, strict=True):
        points = cv2.ellipse2Poly((0, 0), half_axes, turn, 0, 360, 15) + place
        cv2.fillConvexPoly(picture, points, shade, cv2.LINE_AA, _SUBPIXEL_BITS)
    reduced = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.clip(reduced, 0, 1)
