"""Means with their uncertainty: what a few repetitions can tell, and what they cannot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over repetitions.

    Attributes:
        mean: Their mean.
        low: Lower end of the 95 % interval; minus infinity for one repetition, which says nothing of the spread.
        high: Upper end of it; infinity for one repetition.
        count: Repetitions.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def has_interval(self) -> bool:
        """Whether there were enough repetitions for one."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent repetitions and its 95 % interval by Student's t distribution.

    Args:
        values: At least one, finite.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"an estimate needs finite values; found {list(values)}")
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean=mean, low=-math.inf, high=math.inf, count=1)
    # Not scipy.stats, which takes a second to import.
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * float(np.std(values, ddof=1)) / math.sqrt(count)
    return Estimate(mean=mean, low=mean - half, high=mean + half, count=count)
