"""Averaging aligned shots of one scene robustly, and telling where something moved.

Values that lie outside of what noise explains are left out of the mean (sigma clipping), place by place: against the
median of all shots, with a noise level that is measured on the burst itself for each brightness. Where a shot differs
over an area, something moved in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.labelling.alignment import moved_pixels, places_inside, warp
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear

CLIP_DEVIATIONS = 3.5
"""How many standard deviations of noise a value may lie off the median; of normal noise 1 in 2,000 lies farther."""

_BAND_ROWS = 128
_MARGIN_ROWS = 24
_NUM_SAMPLED_BANDS = 12
_SAMPLED_ROWS = 24
_NUM_LEVELS = 16
_MIN_SAMPLES = 200
_AREA_PX = 5
_MOVED_DEVIATIONS = 6.0
_EDGE_TOLERANCE_PX = 0.35
_SPECK_PX = 3
_GROWN_PX = 13
_SIGMA_OF_MEDIAN_DEVIATION = 1.4826
_SMALLEST_SIGMA = 0.3 / 65535


@dataclass(frozen=True, eq=False)
class Shot:
    """One shot and how it lies on the first.

    Attributes:
        levels: Height x width x channels (1 or 3), uint16.
        matrix: Takes a place of the common frame to one of this shot. Shape: (2, 3).
        gain: What its light has to be multiplied by to be as bright as the common frame's.
    """

    levels: NDArray[np.uint16]
    matrix: NDArray[np.float64]
    gain: float = 1.0

    @property
    def is_moved(self) -> bool:
        """Whether it lies anywhere else than the common frame."""
        return not np.array_equal(self.matrix, np.eye(2, 3))

    @property
    def pixels(self) -> NDArray[np.float32]:
        """Its values, 0 to 1. Height x width x channels."""
        return _to_float(self.levels)


@dataclass(frozen=True, eq=False)
class _NoiseLevels:
    """Standard deviations by brightness: of single values, and of the mean of a small area."""

    brightness: NDArray[np.float64]
    of_values: NDArray[np.float64]
    of_areas: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MergedShots:
    """A burst, merged.

    Attributes:
        total: The light of all values that count, added up, in the common frame. Height x width x channels.
        counts: How many there are. Same shape.
        middle: The median of all shots, 0 to 1, with the photos' own tone curve. Same shape.
        moved: Where each shot shows something else than most. Shape: (shots, height, width).
        noise: The shots' noise by brightness.
        in_linear_light: As in `merge_shots`.
    """

    total: NDArray[np.float32]
    counts: NDArray[np.uint16]
    middle: NDArray[np.float32]
    moved: NDArray[np.bool_]
    noise: _NoiseLevels
    in_linear_light: bool

    @property
    def noise_sigma(self) -> float:
        """The shots' noise in the middle of the brightness that they have, 0 to 1."""
        return float(np.median(self.noise.of_values))

    @property
    def pixels(self) -> NDArray[np.float32]:
        """The mean of all shots. Height x width x channels, 0 to 1, with the photos' own tone curve."""
        return _mean(self.total, self.counts, self.middle, self.in_linear_light)

    def mean_of_others(self, shots: Sequence[Shot], index: int) -> NDArray[np.float32]:
        """Return the mean of all shots but one, whose own noise would else be in its reference.

        Args:
            shots: Those that were merged.
            index: Of the one.

        Returns:
            In the common frame. Height x width x channels, 0 to 1; where no other shot shows anything, what `pixels`
            holds.
        """
        mean = np.empty(self.total.shape, np.float32)
        for top in range(0, self.total.shape[0], _BAND_ROWS):
            bottom = min(self.total.shape[0], top + _BAND_ROWS)
            rows = slice(top, bottom)
            values, covered = _aligned_rows([shots[index]], top, bottom, self.in_linear_light)
            usable = covered & ~self.moved[index : index + 1, rows]
            light, kept = _light_that_counts(values, usable, self.middle[rows], self.noise, self.in_linear_light)
            counts = self.counts[rows] - kept[0]
            is_alone = counts == 0
            total = np.where(is_alone, self.total[rows], self.total[rows] - light[0])
            counts = np.where(is_alone, self.counts[rows], counts)
            mean[rows] = _mean(total, counts, self.middle[rows], self.in_linear_light)
        return mean


def merge_shots(shots: Sequence[Shot], *, in_linear_light: bool, step: Callable[[int, int], None]) -> MergedShots:
    """Average shots.

    Args:
        shots: At least two, of one shape.
        in_linear_light: Whether the tone curve (sRGB's) is taken off before averaging and put back after: the mean of
            noisy light is the light, the mean of its encoded values is darker or brighter than that.
        step: Called with (bands done, all bands), while the noise is measured too; may raise to end it.
    """
    height, width, channels = shots[0].levels.shape
    tops = range(0, height, _BAND_ROWS)
    noise = _measure_noise(shots, in_linear_light, lambda: step(0, len(tops)))
    total = np.empty((height, width, channels), np.float32)
    counts = np.empty((height, width, channels), np.uint16)
    median = np.empty((height, width, channels), np.float32)
    moved = np.zeros((len(shots), height, width), np.bool_)
    for number, top in enumerate(tops):
        step(number, len(tops))
        bottom = min(height, top + _BAND_ROWS)
        first, last = max(0, top - _MARGIN_ROWS), min(height, bottom + _MARGIN_ROWS)
        values, covered = _aligned_rows(shots, first, last, in_linear_light)
        middle = _median_of(values, covered)
        is_moved = _find_motion(values, covered, middle, noise)
        inner = slice(top - first, bottom - first)
        moved[:, top:bottom] = is_moved[:, inner]
        median[top:bottom] = middle[inner]
        light, kept = _light_that_counts(
            values[:, inner], (covered & ~is_moved)[:, inner], middle[inner], noise, in_linear_light
        )
        total[top:bottom], counts[top:bottom] = light.sum(axis=0), kept.sum(axis=0)
    step(len(tops), len(tops))
    return MergedShots(total, counts, median, moved, noise, in_linear_light)


def as_seen_by(
    merged: NDArray[np.float32], shot: Shot, own_places: NDArray[np.bool_], *, in_linear_light: bool
) -> NDArray[np.float32]:
    """Return the mean as the reference of one shot: moved to where the shot lies, as bright as it is.

    Where something moved in the shot, and where the mean shows nothing, the reference is the shot itself: there it
    asks for no change.

    Args:
        merged: In the common frame. Height x width x channels, 0 to 1.
        shot: The shot.
        own_places: Where the shot's own values are taken, in the common frame. Shape: (height, width).
        in_linear_light: As in `merge_shots`.

    Returns:
        In the shot's own frame. Same shape.
    """
    size = merged.shape[:2]
    seen, covered = merged.copy(), np.ones(size, np.bool_)
    own_share = own_places.astype(np.float32)
    if shot.is_moved:
        to_common = np.asarray(cv2.invertAffineTransform(shot.matrix), np.float64)
        seen, covered = warp(merged, to_common, size)
        if own_places.any():
            own_share = moved_pixels(own_share[:, :, None], to_common, size)[:, :, 0]
    if shot.gain != 1:
        seen = _brightened(seen, 1 / shot.gain, in_linear_light)
    if own_places.any():
        own_share = np.asarray(cv2.GaussianBlur(own_share, (0, 0), 2.0), np.float32)
    own_share[~covered] = 1
    # Blended only where the shot has a share: most of a still picture needs no second look.
    places = own_share > 0
    share = own_share[places][:, None]
    seen[places] = seen[places] * (1 - share) + _to_float(shot.levels[places]) * share
    return seen


def brightness_gain(fixed: NDArray[np.float32], moved: NDArray[np.float32], *, in_linear_light: bool) -> float:
    """Return what one picture's light has to be multiplied by to be as bright as the other's.

    Args:
        fixed: Height x width, 0 to 1.
        moved: The same shape and scene.
        in_linear_light: As in `merge_shots`.
    """
    fields = [
        np.asarray(cv2.resize(field, (64, 64), interpolation=cv2.INTER_AREA), np.float32) for field in (fixed, moved)
    ]
    first, second = (linear_from_srgb(field) if in_linear_light else field for field in fields)
    usable = (np.minimum(*fields) > 0.02) & (np.maximum(*fields) < 0.95)
    if int(usable.sum()) < 16:
        return 1.0
    return float(np.median(first[usable] / second[usable]))


def _aligned_rows(
    shots: Sequence[Shot], first: int, last: int, in_linear_light: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return rows of all shots in the common frame, equally bright, and where each shows anything.

    Shapes: (shots, rows, width, channels) and (shots, rows, width).
    """
    width, channels = shots[0].levels.shape[1:]
    values = np.empty((len(shots), last - first, width, channels), np.float32)
    covered = np.ones((len(shots), last - first, width), np.bool_)
    for index, shot in enumerate(shots):
        if shot.is_moved:
            values[index], covered[index] = _warped_rows(shot, first, last)
        else:
            values[index] = _to_float(shot.levels[first:last])
        if shot.gain != 1:
            values[index] = _brightened(values[index], shot.gain, in_linear_light)
    return values, covered


def _warped_rows(shot: Shot, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Warp only the rows that a band needs."""
    height, width = shot.levels.shape[:2]
    at_band = shot.matrix.copy()
    at_band[:, 2] += shot.matrix[:, 1] * first
    corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (0, last - first - 1)]) @ at_band[1]
    top = int(np.clip(np.floor(corners.min()) - 8, 0, height - 1))
    bottom = int(np.clip(np.ceil(corners.max()) + 9, top + 1, height))
    at_part = at_band.copy()
    at_part[1, 2] -= top
    values = moved_pixels(_to_float(shot.levels[top:bottom]), at_part, (last - first, width))
    return values, places_inside(at_band, (last - first, width), (height, width), slack_px=0.0)


def _measure_noise(shots: Sequence[Shot], in_linear_light: bool, ask: Callable[[], None]) -> _NoiseLevels:
    """Measure how far values, and means of areas, lie off the median of all shots, for each brightness."""
    middles, deviations, area_middles, area_deviations = [], [], [], []
    for first, last in _sampled_bands(shots[0].levels.shape[0]):
        ask()
        values, covered = _aligned_rows(shots, first, last, in_linear_light)
        middle = _median_of(values, covered)
        everywhere = covered.all(axis=0)
        middles.append(np.broadcast_to(middle, values.shape)[:, everywhere].ravel())
        deviations.append(np.abs(values - middle)[:, everywhere].ravel())
        areas = _areas(values)
        area_middle = np.median(areas, axis=0)
        area_middles.append(np.broadcast_to(area_middle, areas.shape)[:, everywhere].ravel())
        area_deviations.append(np.abs(areas - area_middle)[:, everywhere].ravel())
    # The median of a few shots is itself one of them: it follows the noise, and deviations from it look too small.
    share = np.sqrt(max(0.5, 1 - 1.57 / len(shots)))
    brightness = (np.arange(_NUM_LEVELS) + 0.5) / _NUM_LEVELS
    of_values = _levels_by_brightness(np.concatenate(middles), np.concatenate(deviations)) / share
    of_areas = _levels_by_brightness(np.concatenate(area_middles), np.concatenate(area_deviations)) / share
    return _NoiseLevels(brightness, of_values, of_areas)


def _sampled_bands(height: int) -> Iterator[tuple[int, int]]:
    rows = min(height, _SAMPLED_ROWS)
    tops = np.unique(np.linspace(0, height - rows, _NUM_SAMPLED_BANDS).astype(int))
    return ((int(top), int(top) + rows) for top in tops)


def _levels_by_brightness(middles: NDArray[Any], deviations: NDArray[Any]) -> NDArray[np.float64]:
    """Median deviations as standard deviations; a brightness that is rare takes its neighbour's."""
    bins = np.minimum((middles * _NUM_LEVELS).astype(int), _NUM_LEVELS - 1)
    levels = np.full(_NUM_LEVELS, np.nan)
    for level in range(_NUM_LEVELS):
        inside = deviations[bins == level]
        if inside.size >= _MIN_SAMPLES:
            levels[level] = float(np.median(inside))
    known = np.flatnonzero(~np.isnan(levels))
    if known.size == 0:
        levels[:] = float(np.median(deviations)) if deviations.size else 0.0
    else:
        levels = np.interp(np.arange(_NUM_LEVELS), known, levels[known])
    return np.maximum(_SIGMA_OF_MEDIAN_DEVIATION * levels, _SMALLEST_SIGMA)


def _median_of(values: NDArray[np.float32], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median over the shots that show a place. Shape: (rows, width, channels)."""
    middle = _median_of_all(values)
    borders = ~covered.all(axis=0)
    if borders.any():
        # The frame is one of the shots, which shows every place: none is without a value. Those without sort last.
        shown = np.sort(np.where(covered[:, borders, None], values[:, borders], np.float32(np.inf)), axis=0)
        counts = covered[:, borders].sum(axis=0)[None, :, None]
        lower, upper = (np.take_along_axis(shown, place, axis=0)[0] for place in ((counts - 1) // 2, counts // 2))
        middle[borders] = (lower + upper) * np.float32(0.5)
    return middle


def _median_of_all(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over the first axis, which is short: sorted by exchanges of whole rows of values, not place by place.

    NumPy's own sorts each place for itself, which takes about ten times as long for a handful of shots.
    """
    num_shots = values.shape[0]
    result = np.empty(values.shape[1:], np.float32)
    for row in range(values.shape[1]):
        # A row of all shots stays in the processor's cache until it is sorted (by odd-even transposition).
        fields = [np.array(values[shot, row]) for shot in range(num_shots)]
        for turn in range(num_shots):
            for first in range(turn % 2, num_shots - 1, 2):
                lower = np.minimum(fields[first], fields[first + 1])
                np.maximum(fields[first], fields[first + 1], out=fields[first + 1])
                fields[first] = lower
        result[row] = (fields[(num_shots - 1) // 2] + fields[num_shots // 2]) * np.float32(0.5)
    return result


def _areas(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the channels over small areas. Shape: (shots, rows, width)."""
    gray = values.mean(axis=3)
    return np.stack([cv2.blur(np.ascontiguousarray(field), (_AREA_PX, _AREA_PX)) for field in gray])


def _find_motion(
    values: NDArray[np.float32], covered: NDArray[np.bool_], middle: NDArray[np.float32], noise: _NoiseLevels
) -> NDArray[np.bool_]:
    """Find the areas in which a shot differs from the median of all by more than noise explains.

    At edges a difference is allowed for, since shots never lie on each other exactly. Shape: (shots, rows, width).
    """
    areas = _areas(values)
    gray = np.ascontiguousarray(middle.mean(axis=2))
    area_middle = _median_of(areas[:, :, :, None], covered)[:, :, 0]
    slope = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.125))
    slope = cv2.dilate(slope, np.ones((_AREA_PX, _AREA_PX), np.uint8))
    sigma = np.interp(gray, noise.brightness, noise.of_areas).astype(np.float32)
    allowed = _MOVED_DEVIATIONS * sigma + _EDGE_TOLERANCE_PX * slope
    speck = np.ones((_SPECK_PX, _SPECK_PX), np.uint8)
    grown = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_GROWN_PX, _GROWN_PX))
    result = np.zeros(areas.shape, np.bool_)
    for index, field in enumerate(areas):
        differs = ((np.abs(field - area_middle) > allowed) & covered[index]).astype(np.uint8)
        if differs.any():
            result[index] = cv2.dilate(cv2.morphologyEx(differs, cv2.MORPH_OPEN, speck), grown) > 0
    return result


def _light_that_counts(
    values: NDArray[np.float32],
    usable: NDArray[np.bool_],
    middle: NDArray[np.float32],
    noise: _NoiseLevels,
    in_linear_light: bool,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the light of values that noise explains, 0 elsewhere, and where they are.

    Shape of both: (shots, rows, width, channels).
    """
    sigma = np.interp(middle, noise.brightness, noise.of_values).astype(np.float32)
    kept = usable[:, :, :, None] & (np.abs(values - middle) <= CLIP_DEVIATIONS * sigma)
    light = linear_from_srgb(values) if in_linear_light else values
    return np.where(kept, light, np.float32(0)), kept


def _mean(
    total: NDArray[np.float32], counts: NDArray[Any], middle: NDArray[np.float32], in_linear_light: bool
) -> NDArray[np.float32]:
    """Mean of added light; the median where nothing counts. Shape of all: (rows, width, channels)."""
    mean = (total / np.maximum(counts, 1)).astype(np.float32)
    if in_linear_light:
        mean = srgb_from_linear(mean)
    return np.where(counts > 0, mean, middle).astype(np.float32)


def _brightened(encoded: NDArray[np.float32], gain: float, in_linear_light: bool) -> NDArray[np.float32]:
    """Multiply light that is encoded with sRGB's curve, or plain."""
    light = linear_from_srgb(encoded) if in_linear_light else encoded
    light = np.clip(light * np.float32(gain), 0, 1)
    return srgb_from_linear(light) if in_linear_light else light


def _to_float(levels: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.asarray(levels * np.float32(1 / 65535), np.float32)
