"""Mixing a restored picture with its noisy one: luminance, colour and fine detail apart, without any new inference.

What restoring changes is split twice. Its luma, weighed as JPEG weighs it, is the change of the brightness, and what is
left the change of the colours: so colour noise can go while the grain stays, and no slider of the one moves the other.
Of the change of the brightness, what a small Gaussian filter leaves over is fine detail and fine grain, which can be
given back while coarser noise stays away. Every frequency of both parts of the result lies between the noisy and the
restored picture: nothing is sharpened, and nothing can come out that is in neither of them.

The filter reaches `REACH_PX` pixels, so whoever blends a part of a picture takes so much of its surroundings along, and
gets what the whole picture would have given there.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.blending import Blend
from engine.contracts.photo import Pixels

REACH_PX: Final = 6
"""How far from a pixel another one can lie on which its fine detail depends."""

_DETAIL_SIGMA_PX: Final = 2.0
"""Of the Gaussian. Grain of sensors, demosaicked and compressed, is correlated over two or three pixels: nearly all
of it is finer, and of the blotches that noise reduction leaves nearly all is coarser."""

_REACH_SIGMAS: Final = REACH_PX / _DETAIL_SIGMA_PX
_LEAST_SIGMA_PX: Final = 0.3
"""A narrower filter changes nothing on a grid of pixels."""

_LEAST_WEIGHT: Final = 1e-6

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Of JPEG (ITU-T T.871), so that what it stores more coarsely, the colours, is what the colour slider moves."""

_STRIP_ROWS: Final = 256
"""A picture is blended so many rows at a time: the parts of its change are nowhere whole."""


def blended(noisy: Pixels, restored: Pixels, blend: Blend, *, channels_are_gray: bool = False) -> Pixels:
    """Keep as much of a restoration as is asked for.

    Args:
        noisy: At the restored size, see `Restorer.unrestored`. Shape: (height, width, 1 or 3).
        restored: Same shape.
        blend: What is kept.
        channels_are_gray: Whether each of three channels is a picture of its own.

    Returns:
        The restored picture itself where all of it is kept, the noisy one itself where nothing is; else the mixture,
        read-only and within the range of both. Same shape.
    """
    has_colour = noisy.shape[2] > 1 and not channels_are_gray
    blend = blend if has_colour else blend.of_gray()
    if blend.is_full:
        return restored
    if blend.is_none:
        return noisy
    result = np.empty(noisy.shape, np.float32)
    lowest, highest = (
        min(0.0, float(noisy.min()), float(restored.min())),
        max(1.0, float(noisy.max()), float(restored.max())),
    )
    height = len(noisy)
    reach = REACH_PX if blend.detail else 0
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        first, last = max(top - reach, 0), min(bottom + reach, height)
        change = applied_change(restored[first:last] - noisy[first:last], blend, has_colour=has_colour)
        np.add(noisy[top:bottom], change[top - first : bottom - first], out=result[top:bottom])
    # Not by rounding either does it leave the range of the two.
    np.clip(result, lowest, highest, out=result)
    result.setflags(write=False)
    return result


def applied_change(
    change: NDArray[np.float32],
    blend: Blend,
    *,
    has_colour: bool,
    halvings: int = 0,
    known: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return how much of what restoring changes is kept.

    Args:
        change: The restored picture less the noisy one. Shape: (height, width, channels).
        blend: What is kept.
        has_colour: Whether the channels are red, green and blue; else each is a gray picture.
        halvings: How many times the picture was halved: its fine detail is finer then, and soon gone.
        known: 1 where the change is known, 0 elsewhere; None: everywhere. Shape: (height, width).

    Returns:
        Same shape. Right at pixels that lie `REACH_PX` within the part, or where the picture ends.
    """
    given_back = blend.luminance * blend.detail
    sigma_px = _DETAIL_SIGMA_PX / 2**halvings
    has_detail = bool(given_back) and sigma_px >= _LEAST_SIGMA_PX
    if not has_detail and (not has_colour or blend.luminance == blend.colour):
        return np.float32(blend.luminance) * change
    if not has_colour:
        kept = np.float32(blend.luminance - given_back) * change
        kept += np.float32(given_back) * _coarse(change, sigma_px, known)
        return kept
    # All that is done to single pixels is one matrix: most of the time goes to passing over them.
    of_luma = blend.luminance - blend.colour - (given_back if has_detail else 0)
    matrix = blend.colour * np.eye(len(_LUMA)) + of_luma * np.tile(_LUMA, (len(_LUMA), 1))
    kept = np.asarray(cv2.transform(change, matrix.astype(np.float32)), np.float32)
    if has_detail:
        luma = np.asarray(cv2.transform(change, _LUMA[np.newaxis]), np.float32).reshape(change.shape[:2])
        coarse = np.float32(given_back) * _coarse(luma, sigma_px, known)
        kept += cv2.merge([coarse] * len(_LUMA))
    return kept


def _coarse(values: NDArray[np.float32], sigma_px: float, known: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return what a Gaussian filter lets through. Shape: as of the values, (height, width) or with channels.

    What is not known yet, where the values are 0, stays so, and casts no edge into what is.
    """
    side = 2 * int(np.ceil(_REACH_SIGMAS * sigma_px)) + 1

    def smooth(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        smoothed = cv2.GaussianBlur(picture, (side, side), sigma_px, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(smoothed, np.float32).reshape(picture.shape)

    if known is None:
        return smooth(values)
    weights = known / np.maximum(smooth(known), _LEAST_WEIGHT)
    weights = weights.reshape(*weights.shape, *(1,) * (values.ndim - weights.ndim))
    return np.asarray(smooth(values) * weights, np.float32)
