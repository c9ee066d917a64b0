"""Noisy photos as their own targets: with more of their noise to see, and less of it to aim at.

With noise n, and a second draw m of the same noise, y + a m and y - m / a are two views of one picture x whose noises
do not correlate: what best predicts the one from the other, in the mean square, is x (recorrupted-to-recorrupted; Pang,
Zheng, Quan and Ji, CVPR 2021). So the photos' own structure teaches, sharper than any network has restored it, as far
as the noise was learned rightly.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STRENGTH: Final = 0.5
"""The a above: how much noise is added to what is seen. That is then 1.12 times as noisy as the photo."""

_SMALLEST_DEVIATION = 1e-4

Field = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class RecorruptedPair:
    """Two views of one crop.

    Attributes:
        seen: Shape: (height, width, 3); not limited to 0 to 1, which would shift its mean.
        target: Same shape.
        deviation: Standard deviation of the target's noise.
    """

    seen: Field
    target: Field
    deviation: float


def recorrupt(noisy: Field, noise: Field, taken: Field) -> RecorruptedPair:
    """Part a noisy crop into two views.

    Args:
        noisy: Shape: (height, width, 3), 0 to 1.
        noise: Drawn as the crop's own. Same shape.
        taken: What black and white have taken from its mean, cutting its noise off; the target gets it back, or a white
            sky would be learned to be gray. Same shape.
    """
    strength = np.float32(STRENGTH)
    power = float(np.mean(noise**2)) * (1 + 1 / STRENGTH**2)
    return RecorruptedPair(
        seen=noisy + strength * noise,
        target=noisy - noise / strength - taken,
        deviation=float(np.sqrt(power)) + _SMALLEST_DEVIATION,
    )
