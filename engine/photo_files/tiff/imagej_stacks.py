"""Stacks of ImageJ in one directory: beyond 4 GB it describes the first slice alone, and the others lie behind it.

How many there are stands in the description; classic TIFF could not say where the slices beyond 4 GB lie.
"""

import copy
import re
from typing import Any, Final

import tifffile

DESCRIPTION_START: Final = b"ImageJ="
_NUM_IMAGES: Final = re.compile(r"^images=(\d{1,6})\s*$", re.MULTILINE)


def count_slices(tiff: tifffile.TiffFile) -> int:
    """Return how many slices lie behind the one directory of a TIFF file; 1 where it is no such stack.

    A file that ends early has as many as begin in it, so that reading the last one says that it ends early. A picture
    that kept the description of the stack that it was taken out of has one.

    Args:
        tiff: An open file.
    """
    page = tiff.pages.first
    if len(tiff.pages) != 1 or not page.is_imagej or not page.is_contiguous or not page.nbytes:
        return 1
    named = _NUM_IMAGES.search(page.description)
    start = page.dataoffsets[0]
    last_of_all_else = max(page.offset, *(tag.valueoffset for tag in page.tags))
    if named is None or start <= last_of_all_else:
        return 1
    num_begun = -(-(tiff.filehandle.size - start) // page.nbytes)
    return max(1, min(int(named[1]), num_begun))


def slice_of(tiff: tifffile.TiffFile, number: int) -> tifffile.TiffPage | None:
    """Return a slice of such a stack as a page; None where it is not there.

    Args:
        tiff: An open file.
        number: From 1.
    """
    if not 1 <= number <= count_slices(tiff):
        return None
    page: Any = copy.copy(tiff.pages.first)
    page.dataoffsets = tuple(offset + (number - 1) * page.nbytes for offset in page.dataoffsets)
    return page  # type: ignore[no-any-return]
