"""Turning pictures upright."""

from typing import Any

from numpy.typing import NDArray


def turn_upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation.

    Args:
        samples: Shape: (height, width, channels).
        orientation: 1 to 8.

    Returns:
        A view; height and width are exchanged from 5 on.
    """
    if orientation >= 5:
        samples = samples.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples
