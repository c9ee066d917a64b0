"""How a photo's noise level follows the brightness, judged in all of the photo by its finest diagonal detail.

Pictures hold least at the highest diagonal frequencies, noise holds there what its spectrum says. So the mean square of
that detail, as it is in most blocks of one brightness, divided by the spectrum's share of it, is the level; strongly
textured photos too are judged within a fifth (measured: grass 26 for a true 22 of 255, gravel 12 for 9, galaxies 7 for
6, where flat blocks see 32, 23 and 41). Noise whose spectrum has next to nothing there (coarse grain, compressed
photos) is judged by flat blocks alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from engine.contracts.learned_noise import BRIGHTNESS, NUM_BANDS, NUM_CHANNELS
from engine.contracts.photo import Pixels
from engine.photos.noise_estimate import CLIPPED_ABOVE, CLIPPED_BELOW, MAX_CLIPPED_SHARE

_BLOCK_PX = 8
_NUM_STEPS = 8
_MIN_BLOCKS_A_STEP = 16
_QUANTILE = 0.4
"""Of the blocks of one brightness: most textured ones lie above it."""

_DEGREES_OF_FREEDOM = _BLOCK_PX**2 / 2.25
"""Of a block's mean square diagonal detail, of white noise: neighbours correlate by -1/2, diagonal ones by 1/4."""

_ERROR_OF_BLOCK = 0.33
"""Of such a quantile over n blocks of white noise, times the root of n, as a part of it (measured)."""

_SURE_ERRORS = 2.0
"""Times its own error, beyond which a slope over the brightness counts as one."""

_UNTOLD, _TOLD = 0.15, 0.5
"""Power of the noise's diagonal detail beside its mean power, from which it says something, and from which all."""

_SMALLEST_VARIANCE = 1e-12
_LEAST_SHARE = 0.04
"""Of the mean variance, which noise keeps at any brightness."""


def put_levels_right(
    variance: NDArray[np.float64], pixels: Pixels, spectrum: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Replace levels that flat blocks tell by those of the finest detail, as far as the noise has any.

    Args:
        variance: Variance at each `BRIGHTNESS`, per channel. Shape: (3, 17).
        pixels: The photo. Shape: (height, width, 3), 0 to 1.
        spectrum: Of its noise. Shape: (16, 16, 3, 3).

    Returns:
        As of `variance`.
    """
    rows = []
    for channel, before in enumerate(variance):
        share = _detail_share(spectrum, channel)
        trust = _trust(share)
        found = _detail_by_brightness(pixels[..., channel]) if trust else None
        if found is None:
            rows.append(before)
            continue
        measured = np.maximum(_at_every_brightness(*found) / share, _SMALLEST_VARIANCE)
        rows.append(np.exp(trust * np.log(measured) + (1 - trust) * np.log(before)))
    return np.stack(rows)


def told_by_detail(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the finest detail tells the level of a noise with this spectrum, per channel, 0 to 1. Shape: (3,)."""
    return np.array([_trust(_detail_share(spectrum, channel)) for channel in range(NUM_CHANNELS)])


def _detail_share(spectrum: NDArray[np.float64], channel: int) -> float:
    return float(np.mean(spectrum[..., channel, channel] * _RESPONSE))


def _trust(share: float) -> float:
    return float(np.clip((share - _UNTOLD) / (_TOLD - _UNTOLD), 0, 1))


def _detail_by_brightness(
    plane: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Brightness, mean square of the diagonal detail and its error, of steps of brightness; None of too few blocks."""
    detail = (plane[1:, 1:] - plane[1:, :-1] - plane[:-1, 1:] + plane[:-1, :-1]) / 2
    energy, brightness = _block_means(detail**2), _block_means(plane[1:, 1:])
    clipped = _block_means(((plane <= CLIPPED_BELOW) | (plane >= CLIPPED_ABOVE)).astype(np.float32)[1:, 1:])
    is_judged = clipped <= MAX_CLIPPED_SHARE
    if np.count_nonzero(is_judged) < 2 * _MIN_BLOCKS_A_STEP:
        is_judged = np.ones_like(is_judged)
    energy, brightness = energy[is_judged], brightness[is_judged]
    num_steps = min(_NUM_STEPS, len(energy) // _MIN_BLOCKS_A_STEP)
    if num_steps < 1:
        return None
    expected = float(chdtri(_DEGREES_OF_FREEDOM, 1 - _QUANTILE)) / _DEGREES_OF_FREEDOM
    steps = np.array_split(np.argsort(brightness, kind="stable"), num_steps)
    places = np.array([brightness[step].mean() for step in steps])
    squares = np.array([np.quantile(energy[step], _QUANTILE) for step in steps]) / expected
    return places, squares, squares * (_ERROR_OF_BLOCK / np.sqrt([len(step) for step in steps]))


def _at_every_brightness(
    places: NDArray[np.float64], values: NDArray[np.float64], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values at each `BRIGHTNESS`; beyond the steps, what grows with the light goes on growing, all else stays."""
    inside = np.interp(BRIGHTNESS, places, values)
    if len(places) < 2 or places[-1] - places[0] < _SMALLEST_VARIANCE:
        return inside
    slope = max(float(np.polyfit(places, values, 1)[0]), 0.0)
    # In an even picture the steps lie so close that chance alone makes a slope, which would run away beyond them.
    weights = (places - places.mean()) / np.sum((places - places.mean()) ** 2)
    if slope < _SURE_ERRORS * np.sqrt(np.sum((weights * errors) ** 2)):
        slope = 0.0
    below = np.maximum(values[0] + slope * (BRIGHTNESS - places[0]), _LEAST_SHARE * float(values.mean()))
    above = values[-1] + slope * (BRIGHTNESS - places[-1])
    outside = np.where(places[0] > BRIGHTNESS, np.minimum(below, values[0]), above)
    return np.where((places[0] > BRIGHTNESS) | (places[-1] < BRIGHTNESS), outside, inside)


def _block_means(values: NDArray[Any]) -> NDArray[np.float64]:
    """Shape: (height, width) to (blocks,)."""
    rows, columns = (side // _BLOCK_PX for side in values.shape)
    whole = values[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    means: NDArray[np.float64] = whole.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).mean(axis=(1, 3), dtype=np.float64)
    return means.ravel()


def _response() -> NDArray[np.float64]:
    """Power that the diagonal detail keeps of each spatial frequency; 1 on the mean. Shape: (16, 16)."""
    along = 2 * np.sin(np.pi * np.fft.fftfreq(NUM_BANDS)) ** 2
    return np.outer(along, along)


_RESPONSE = _response()
