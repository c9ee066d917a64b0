"""Augmentation that changes neither the noise's distribution nor its independence between pixels."""

import numpy as np
from numpy.typing import NDArray


def random_orientation(
    images: tuple[NDArray[np.float32], ...], generator: np.random.Generator
) -> tuple[NDArray[np.float32], ...]:
    """Turn and mirror all images alike, by one of the eight symmetries of the square.

    Args:
        images: Square images of one place. Shape of each: (channels, side, side).
        generator: Source of randomness.
    """
    choice = int(generator.integers(8))
    turned = tuple(np.rot90(image, choice % 4, axes=(1, 2)) for image in images)
    return tuple(image[:, :, ::-1] for image in turned) if choice >= 4 else turned
