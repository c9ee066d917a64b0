"""The base curve that makes of a neutral rendering of raw what a camera shows: brighter, with more contrast.

Cameras expose for the highlights and lift the rest by a curve that they tell nobody; but most raw files hold a picture
that the camera has made of them. The curve here has two numbers, which are taken from how bright that picture is and
how its brightness is spread. Black and white stay; no channel takes from another.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear
from engine.photo_files.values.sample_types import SampleType, to_samples

_SIDE_PX: Final = 160
_CONTRASTS: Final = np.linspace(0.8, 1.6, 17)
_LIFT_STOPS: Final = (-5.0, 9.0)
_NUM_HALVINGS: Final = 16
_PERCENTILES: Final = np.arange(2, 99, 4)
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LEAST_LIKENESS: Final = 0.5
_FLAT: Final = 0.01
_COARSE_LEVELS: Final = np.linspace(0, 1, 2048, dtype=np.float32)
_LEVELS: Final = np.linspace(0, 1, 65536, dtype=np.float32)


@dataclass(frozen=True)
class ToneCurve:
    """A curve from 0 to 1 that rises throughout.

    Attributes:
        lift: How much brighter the shadows become, of linear light; 1: not at all.
        contrast: The power that light is raised to before; above 1 the shadows are deeper.
    """

    lift: float
    contrast: float

    def applied(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what becomes of sRGB values, to 16 bits. Same shape, 0 to 1."""
        toned: NDArray[np.float32] = _values_of(self)[to_samples(np.clip(pixels, 0, 1), "uint16")]
        return toned

    def exactly(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same by its formula, which takes longer."""
        light = linear_from_srgb(pixels) ** np.float32(self.contrast)
        lift = np.float32(self.lift)
        # Reinhard et al., SIGGRAPH 2002, equation 4, with white at 1 whatever the lift.
        light = light * (lift + light) / (1 + lift * light)
        return np.asarray(srgb_from_linear(light), np.float32)

    def undone(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of which `applied` makes these. Same shape, 0 to 1."""
        return np.interp(pixels, _values_of(self), _LEVELS).astype(np.float32)

    def table(self, sample_type: SampleType) -> NDArray[Any]:
        """Return what becomes of each number of 16 bits, in numbers of a type. Shape: (65536,)."""
        return to_samples(_values_of(self), sample_type)


@lru_cache(maxsize=16)
def _values_of(tone: ToneCurve) -> NDArray[np.float32]:
    """What becomes of each number of 16 bits."""
    return tone.exactly(_LEVELS)


USUAL_TONE: Final = ToneCurve(lift=2.6, contrast=1.15)
"""Of a file without a picture of its camera's: an eighth of saturation, where meters put gray, is shown as gray."""


def fit_tone(neutral: Pixels, preview: NDArray[np.uint8] | None) -> ToneCurve:
    """Find the curve that makes a neutral rendering as bright as the camera's picture.

    Args:
        neutral: Upright, sRGB. Shape: (height, width, 3), 0 to 1.
        preview: The camera's picture of the same, upright, of any size; None: there is none.
    """
    if preview is None:
        return USUAL_TONE
    height, width = neutral.shape[:2]
    scale = min(_SIDE_PX / max(height, width), 1)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.clip(cv2.resize(neutral, size, interpolation=cv2.INTER_AREA), 0, 1).astype(np.float32)
    aim = (cv2.resize(preview, size, interpolation=cv2.INTER_AREA) @ _LUMA) / np.float32(255)
    if not _show_the_same(small @ _LUMA, aim):
        return USUAL_TONE
    of_aim = np.percentile(aim, _PERCENTILES)
    shares = _shares_of_levels(small)
    found: list[tuple[float, ToneCurve]] = []
    for contrast in _CONTRASTS:
        tone = _as_bright(shares, float(contrast), float(aim.mean()))
        shown = np.percentile(tone.exactly(small) @ _LUMA, _PERCENTILES)
        found.append((float(np.abs(shown - of_aim).mean()), tone))
    return min(found, key=lambda each: each[0])[1]


def _shares_of_levels(small: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much of a picture's mean brightness stands at each of the coarse levels. Shape: (levels,)."""
    places = np.rint(small * np.float32(_COARSE_LEVELS.size - 1)).astype(np.intp).reshape(-1, 3)
    counts = [np.bincount(places[:, channel], minlength=_COARSE_LEVELS.size) for channel in range(3)]
    shares: NDArray[np.float64] = np.tensordot(_LUMA.astype(np.float64), np.stack(counts), 1) / len(places)
    return shares


def _as_bright(shares: NDArray[np.float64], contrast: float, mean: float) -> ToneCurve:
    """Return the curve of a contrast that gives a picture a mean brightness."""
    low, high = _LIFT_STOPS
    for _ in range(_NUM_HALVINGS):
        middle = (low + high) / 2
        is_too_dark = shares @ ToneCurve(2.0**middle, contrast).exactly(_COARSE_LEVELS) < mean
        low, high = (middle, high) if is_too_dark else (low, middle)
    return ToneCurve(2.0 ** ((low + high) / 2), contrast)


def _show_the_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Tell whether two pictures have their light and dark in the same places; flat ones have none."""
    if min(one.std(), other.std()) < _FLAT:
        return True
    return bool(np.corrcoef(one.ravel(), other.ravel())[0, 1] > _LEAST_LIKENESS)
