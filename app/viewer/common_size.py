"""Bringing two pictures of one photo to one size, where one of them has been enlarged by a whole factor."""

from engine.contracts.events import Pixels
from engine.photo_files.bicubic_resize import enlarge

MAX_FACTOR = 4


def at_common_size(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels] | None:
    """Enlarge the smaller of two pictures, and cut off what the smaller one does not show.

    A photo of 101 pixels shrunk by 2 has 50; enlarged again it has 100, and the last pixel of the large one has no
    counterpart.

    Args:
        first: Height x width x channels, 0 to 1.
        second: Likewise.

    Returns:
        Both at the same height and width, their channels kept; None where neither is a whole number of times the other.
    """
    if first.shape[:2] == second.shape[:2]:
        return first, second
    if first.size > second.size:
        swapped = at_common_size(second, first)
        return None if swapped is None else (swapped[1], swapped[0])
    height, width = first.shape[:2]
    for factor in range(1, MAX_FACTOR + 1):
        beyond_height, beyond_width = second.shape[0] - factor * height, second.shape[1] - factor * width
        if 0 <= beyond_height < MAX_FACTOR and 0 <= beyond_width < MAX_FACTOR:
            enlarged = enlarge(first, factor) if factor > 1 else first
            return enlarged, second[: factor * height, : factor * width]
    return None
