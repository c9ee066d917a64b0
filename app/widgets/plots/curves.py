"""The points of a training's curves, and which curves there are; no Qt."""

import itertools
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.look.translation import mark

MAX_DRAWN_POINTS = 1000
_SMOOTHED_SHARE = 1 / 40
"""Width of the smoothing window, as a share of the points."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class CurveSpec:
    """One panel of the plot.

    Attributes:
        metric: The figure's name in the metrics.
        title: What a person reads, with its direction: "lower is better".
        unit: Behind the numbers.
        digits: Digits after the point in the label.
        factor: What the figure is multiplied by to be in `unit`.
        reference_metric: Another figure, drawn as a dotted line; "" for none.
        reference_title: What the dotted line is.
        is_measured: Whether the points are single measurements, marked and joined rather than smoothed.
        tip: What it means, in a sentence with the term.
    """

    metric: str
    title: str
    unit: str = ""
    digits: int = 4
    factor: float = 1.0
    reference_metric: str = ""
    reference_title: str = ""
    is_measured: bool = False
    tip: str = ""


CHANCE_METRIC = "contrast_chance"

CURVES: tuple[CurveSpec, ...] = (
    CurveSpec(
        "validation_psnr",
        mark("Quality on held-back labels"),
        "dB",
        2,
        reference_metric="validation_noisy_psnr",
        reference_title=mark("untouched input"),
        is_measured=True,
        tip=mark("Peak signal-to-noise ratio of the restored validation photos; higher is better."),
    ),
    CurveSpec(
        "supervised",
        mark("Distance to the clean pictures"),
        tip=mark("Supervised loss on the labels, and on pictures that carry the learned noise; lower is better."),
    ),
    CurveSpec(
        "consistency",
        mark("Noise plus what is left of the picture"),
        tip=mark(
            "Consistency loss: what cannot be foretold from neighbouring pixels. It falls to the noise's own level."
        ),
    ),
    CurveSpec(
        "contrast",
        mark("Contrast"),
        digits=3,
        tip=mark("Contrastive loss (NT-Xent on earth mover's distances of residuals); lower is better."),
    ),
    CurveSpec(
        "contrast_accuracy",
        mark("Noises told apart"),
        "%",
        1,
        factor=100.0,
        reference_metric=CHANCE_METRIC,
        reference_title=mark("chance"),
        tip=mark(
            "Contrastive accuracy: how often the crop of the same photo has the most alike noise; higher is better."
        ),
    ),
)


class Curve:
    """The points of one figure, steps rising."""

    def __init__(self, points: Iterable[tuple[int, float]] = ()) -> None:
        self._steps = array("d")
        self._values = array("d")
        for step, value in points:
            self.append(step, value)

    def __len__(self) -> int:
        return len(self._steps)

    def append(self, step: int, value: float) -> None:
        """Add a point; a resumed run repeats steps, and what comes later replaces them."""
        while self._steps and self._steps[-1] >= step:
            self._steps.pop()
            self._values.pop()
        self._steps.append(step)
        self._values.append(value)

    def points(self) -> tuple[Values, Values]:
        """Return steps and values; what is not finite is left out."""
        steps, values = np.array(self._steps), np.array(self._values)
        finite = np.isfinite(values)
        return steps[finite], values[finite]

    def last(self) -> float | None:
        """Return the latest finite value."""
        _, values = self.points()
        return float(values[-1]) if len(values) else None


def smoothed(values: Values) -> Values:
    """Return a centred running mean; the window is a fixed share of the points and is cut off at the ends."""
    half = int(len(values) * _SMOOTHED_SHARE)
    if half == 0:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    positions = np.arange(len(values))
    first, last = np.maximum(positions - half, 0), np.minimum(positions + half, len(values) - 1)
    result: Values = (sums[last + 1] - sums[first]) / (last - first + 1)
    return result


def decimated(steps: Values, values: Values) -> tuple[Values, Values]:
    """Return at most `MAX_DRAWN_POINTS` points that keep every bucket's lowest and highest value."""
    if len(steps) <= MAX_DRAWN_POINTS:
        return steps, values
    num_buckets = MAX_DRAWN_POINTS // 2
    edges = np.linspace(0, len(values), num_buckets + 1).astype(int)
    kept: list[int] = []
    for start, end in itertools.pairwise(edges):
        bucket = values[start:end]
        kept.extend(sorted({start + int(bucket.argmin()), start + int(bucket.argmax())}))
    return steps[kept], values[kept]


def value_range(values: Values, others: Iterable[float] = ()) -> tuple[float, float]:
    """Return the range to be drawn: all but the steep beginning and the outliers, which would press the rest flat."""
    low, high = float(values.min()), float(values.max())
    if len(values) >= 20:
        low, high = (float(level) for level in np.percentile(values[len(values) // 10 :], (1, 99)))
    for other in others:
        low, high = min(low, other), max(high, other)
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def chance_accuracy(num_crops: int) -> float:
    """Return how often the right one of a batch's crops would be found by guessing, 0 to 1."""
    return 1 / max(1, num_crops - 1)


def curves_of(metrics: Mapping[str, Iterable[tuple[int, float]]]) -> dict[str, Curve]:
    """Return curves from a run's stored metrics."""
    return {name: Curve(points) for name, points in metrics.items()}
