"""Pictures cut into whole blocks, by which the noise's small scale and the picture's broad one are told apart."""

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

BLOCK_PX = 16


def whole_blocks(picture: Pixels) -> NDArray[np.float32]:
    """The whole blocks of a picture, row by row; what is left at its right and lower border is left out.

    Args:
        picture: Height x width x channels.

    Returns:
        Shape: (blocks, pixels of a block, channels).
    """
    rows, columns = block_grid(picture)
    whole = picture[: rows * BLOCK_PX, : columns * BLOCK_PX]
    grid = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX, picture.shape[2]).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * columns, BLOCK_PX**2, picture.shape[2])


def block_grid(picture: Pixels) -> tuple[int, int]:
    """How many rows and columns of whole blocks a picture has."""
    return picture.shape[0] // BLOCK_PX, picture.shape[1] // BLOCK_PX
