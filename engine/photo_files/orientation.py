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


def area_before_turning(
    rows: slice, columns: slice, upright_shape: tuple[int, int], orientation: int
) -> tuple[slice, slice]:
    """Find where an area of the upright picture lies in the samples that `turn_upright` was given.

    Args:
        rows: Of the upright picture, with both ends.
        columns: Of the upright picture, with both ends.
        upright_shape: Height and width of the upright picture.
        orientation: 1 to 8.

    Returns:
        Rows and columns of the samples.
    """
    height, width = upright_shape
    if orientation in (3, 4, 7, 8):
        rows = slice(height - rows.stop, height - rows.start)
    if orientation in (2, 3, 6, 7):
        columns = slice(width - columns.stop, width - columns.start)
    return (columns, rows) if orientation >= 5 else (rows, columns)
