"""Whether a noisy photo and its reference show the same scene, pixel by pixel.

A misaligned or wrongly matched reference teaches a network to blur or worse, and no loss curve shows it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.translatable import say

MAX_SHIFT_PX = 1.0

_MIN_SIDE_PX = 32
_DETAIL_SIGMA_PX = 1.5
_SHAPE_SIGMA_PX = 3.0
# Measured on real pairs: of wrong ones the shapes correlate up to 0.57 and the detail up to 0.12; of right ones, with
# noise of sigma 0.2 too, from 0.98 and from 0.24 on.
_MIN_SHAPE_CORRELATION = 0.8
_MIN_DETAIL_CORRELATION = 0.2
# In a picture with little detail the best shift is uncertain; it counts where it really fits better.
_MIN_GAIN_OF_SHIFT = 0.01
_MIN_CONTRAST = 0.01


@dataclass(frozen=True, kw_only=True)
class PairFinding:
    """What is wrong with a pair.

    Attributes:
        kind: "different" pictures, or "misaligned".
        reason: One sentence.
        hint: What to do about it, one sentence.
    """

    kind: Literal["different", "misaligned"]
    reason: str
    hint: str


def compare_brightness_fields(noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> list[PairFinding]:
    """Compare the brightness of a noisy photo with that of its reference.

    Another exposure is no finding: it can be fitted, see `engine.labelling.brightness_fit`.

    Args:
        noisy: Between black and white. Shape: (height, width).
        clean: Same shape.

    Returns:
        What was found; empty for a good pair, and for one without enough detail to tell.
    """
    noisy_shapes, clean_shapes = (cv2.GaussianBlur(field, (0, 0), _SHAPE_SIGMA_PX) for field in (noisy, clean))
    contrast = float(clean_shapes.std())
    if min(clean.shape) < _MIN_SIDE_PX or contrast < _MIN_CONTRAST:
        return []
    shapes_correlation = _correlation(noisy_shapes, clean_shapes)
    shift, detail_correlation, gain = best_shift(noisy, clean)
    is_different = shapes_correlation < _MIN_SHAPE_CORRELATION and (
        detail_correlation < _MIN_DETAIL_CORRELATION
        # Fine detail alone may fit somewhere by chance.
        or _correlation(*_overlap(noisy_shapes, clean_shapes, shift)) < _MIN_SHAPE_CORRELATION
    )
    if is_different:
        return [
            PairFinding(
                kind="different",
                reason="The two pictures show different scenes.",
                hint="Check the file names: each reference must belong to its noisy photo.",
            )
        ]
    distance_px = float(np.hypot(*shift))
    if distance_px > MAX_SHIFT_PX and gain > _MIN_GAIN_OF_SHIFT:
        return [
            PairFinding(
                kind="misaligned",
                reason=say(
                    "The reference is shifted by {distance_px:.1f} pixels against the noisy photo.",
                    distance_px=distance_px,
                ),
                hint="Align the two pictures, or take them from a tripod.",
            )
        ]
    return []


def _overlap(noisy: NDArray[Any], clean: NDArray[Any], shift: tuple[float, float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what both show when the noisy field lies farther by a shift of whole pixels."""
    for axis, distance in enumerate(round(part) for part in shift):
        side = noisy.shape[axis]
        later, earlier = (
            [slice(None)] * axis + [part] for part in (slice(abs(distance), None), slice(None, side - abs(distance)))
        )
        noisy, clean = (
            (noisy[tuple(later)], clean[tuple(earlier)])
            if distance >= 0
            else (noisy[tuple(earlier)], clean[tuple(later)])
        )
    return noisy, clean


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


def best_shift(noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> tuple[tuple[float, float], float, float]:
    """Find the shift at which the detail of the two fits best.

    Plain cross-correlation of a band of detail, not phase correlation: that would lift the noise of the highest
    frequencies to the weight of the picture.

    Returns:
        The shift in rows and columns, to a fraction of a pixel; the correlation there; and by how much it is higher
        than without a shift.
    """
    if min(clean.shape) < 2:
        # One row or column has no window, and shows no shift across.
        return (0.0, 0.0), 1.0, 0.0
    window = cv2.createHanningWindow((clean.shape[1], clean.shape[0]), cv2.CV_32F)
    bands = []
    for field in (noisy, clean):
        fine = cv2.GaussianBlur(field, (0, 0), _DETAIL_SIGMA_PX)
        bands.append((fine - cv2.GaussianBlur(field, (0, 0), 4 * _DETAIL_SIGMA_PX)) * window)
    scale = float(np.sqrt((bands[0] ** 2).sum() * (bands[1] ** 2).sum()))
    if scale == 0:
        return (0.0, 0.0), 1.0, 0.0
    spectrum = np.fft.rfft2(bands[0]) * np.conj(np.fft.rfft2(bands[1]))
    surface = np.fft.irfft2(spectrum, s=clean.shape) / scale
    height, width = surface.shape
    row, column = (int(index) for index in np.unravel_index(int(surface.argmax()), surface.shape))
    peak = float(surface[row, column])
    row_shift = row + _vertex(float(surface[row - 1, column]), peak, float(surface[(row + 1) % height, column]))
    column_shift = column + _vertex(float(surface[row, column - 1]), peak, float(surface[row, (column + 1) % width]))
    wrapped = (
        row_shift - height if row_shift > height / 2 else row_shift,
        column_shift - width if column_shift > width / 2 else column_shift,
    )
    return wrapped, peak, peak - float(surface[0, 0])


def _vertex(before: float, peak: float, after: float) -> float:
    """Return where the parabola through three neighbours has its top, from the middle one."""
    curvature = before - 2 * peak + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0
