"""What a DNG asks for between the sensor's numbers and the picture.

It says where the picture lies in them, what is black, and how the lens darkened its corners. LibRaw hands out numbers
and one black level a colour; the rest is done here: for a mosaic on linear values of its own, for what LibRaw develops
in the numbers that it goes on with.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.raw.corrections.opcodes import (
    DONE_WITH_LOSSY_JPEG,
    Opcode,
    Samples,
    apply_opcodes,
    describe_undone,
    read_opcodes,
)
from engine.photo_files.raw.directories import LOSSY_JPEG, Area, BlackLevels, SensorDirectory
from engine.photo_files.raw.mosaic import FilterOrder

if TYPE_CHECKING:
    import rawpy

TOP_LEVEL: Final = 65535
"""The saturation of corrected levels."""

_ROWS_AT_ONCE: Final = 256


class Corrected(NamedTuple):
    """What has become of the levels of a file.

    Attributes:
        is_changed: Whether they run from 0 (black) to `TOP_LEVEL` (saturation) now.
        remarks: Sentences about what was not done.
    """

    is_changed: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RawLayout:
    """Where the picture lies in what LibRaw takes for visible, and what is to be done to it.

    Attributes:
        picture: The picture, counted from the first visible pixel.
        origin: Row and column of the first visible pixel in the active area.
        active_size: Rows and columns of the active area.
        blacks: Where they are more than one level a filter, which LibRaw tells; else None.
        opcodes: Lists 1 to 3.
        is_own: Whether this program has written the file.
        tile_starts: In which columns of the picture the file's tiles begin; the first is 0.
    """

    picture: Area
    origin: tuple[int, int] = (0, 0)
    active_size: tuple[int, int]
    blacks: BlackLevels | None = None
    opcodes: tuple[list[Opcode], list[Opcode], list[Opcode]]
    tile_starts: tuple[int, ...] = (0,)
    is_own: bool = False

    @classmethod
    def of(cls, sizes: "rawpy.ImageSizes", directory: SensorDirectory | None) -> "RawLayout":
        """Put together what LibRaw and the file's directories say; LibRaw alone where they disagree."""
        visible = Area(top=0, left=0, bottom=sizes.height, right=sizes.width)
        if directory is None or not directory.is_dng or directory.size != (sizes.raw_height, sizes.raw_width):
            return cls(picture=visible, active_size=(sizes.height, sizes.width), opcodes=([], [], []))
        rows, columns = directory.size
        active = directory.active_area or Area(top=0, left=0, bottom=rows, right=columns)
        top, left = sizes.top_margin - active.top, sizes.left_margin - active.left
        first, second, third = (read_opcodes(content) for content in directory.opcode_lists)
        if directory.compression == LOSSY_JPEG:
            second = [opcode for opcode in second if opcode.number not in DONE_WITH_LOSSY_JPEG]
        picture = _moved_into(directory.crop, -top, -left, visible)
        starts = [0]
        if directory.tile_size is not None:
            first_column = sizes.left_margin + picture.left
            width = picture.right - picture.left
            starts += [at for at in range(-first_column % directory.tile_size[1], width, directory.tile_size[1]) if at]
        return cls(
            picture=picture,
            tile_starts=tuple(starts),
            is_own=directory.is_own,
            origin=(top, left),
            active_size=(active.bottom - active.top, active.right - active.left),
            blacks=directory.blacks if _needs_pattern(directory) else None,
            opcodes=(first, second, third),
        )

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.picture.right - self.picture.left, self.picture.bottom - self.picture.top

    def places(self, area: Area) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns, in the active area, of an area of the visible picture."""
        rows = np.arange(area.top, area.bottom, dtype=np.intp) + self.origin[0]
        return rows, np.arange(area.left, area.right, dtype=np.intp) + self.origin[1]


def scale_by_pattern(mosaic: NDArray[np.float32], layout: RawLayout, saturation: float) -> None:
    """Subtract black levels of any pattern, and divide by the saturation above their highest (DNG 1.7, chapter 5).

    Args:
        mosaic: The levels of the picture; changed in place. Shape: (rows, columns).
        layout: With black levels.
        saturation: The level that is 1 afterwards.
    """
    _scale_by_pattern(mosaic[:, :, np.newaxis], layout, layout.picture, saturation)


def correct_mosaic(mosaic: NDArray[np.float32], order: FilterOrder, layout: RawLayout) -> tuple[str, ...]:
    """Do to a mosaic what the file's opcodes ask for, those for the demosaicked picture too where they do not move it.

    Args:
        mosaic: Of the picture, 0 (black) to 1 (saturation); changed in place.
        order: Its filters.
        layout: What is asked for.

    Returns:
        Sentences about what was not done.
    """
    rows, columns = layout.places(layout.picture)
    first, second, third = layout.opcodes
    whole = [Samples(values=mosaic, rows=rows, columns=columns, plane=0)]
    colours = [
        Samples(
            values=mosaic[row::2, column::2],
            rows=rows[row::2],
            columns=columns[column::2],
            plane="RGB".index(order[2 * row + column]),
        )
        for row, column in np.ndindex(2, 2)
    ]
    return describe_undone(
        [
            *apply_opcodes(first, [], layout.active_size),
            *apply_opcodes(second, whole, layout.active_size),
            *apply_opcodes(third, colours, layout.active_size),
        ]
    )


def correct_levels(raw: "rawpy.RawPy", layout: RawLayout) -> Corrected:
    """Do the same to the levels from which LibRaw develops a picture.

    Args:
        raw: Unpacked; its levels are changed where something is to be done.
        layout: What is asked for.
    """
    first, second, third = layout.opcodes
    if not second and not third and layout.blacks is None:
        return Corrected(False, describe_undone(apply_opcodes(first, [], layout.active_size)))
    visible = raw.raw_image_visible
    area = Area(top=0, left=0, bottom=visible.shape[0], right=visible.shape[1])
    num_planes = min(visible.shape[2], 3) if visible.ndim == 3 else 1
    levels = np.atleast_3d(visible)[:, :, :num_planes].astype(np.float32)
    if layout.blacks is not None:
        _scale_by_pattern(levels, layout, area, raw.white_level)
    else:
        blacks = np.array(raw.black_level_per_channel[:num_planes], np.float32)
        levels -= blacks
        levels /= max(raw.white_level - float(blacks.max()), 1)
    np.clip(levels, 0, 1, out=levels)
    rows, columns = layout.places(area)
    planes = [
        Samples(values=levels[:, :, plane], rows=rows, columns=columns, plane=plane) for plane in range(num_planes)
    ]
    # A mosaic that LibRaw has yet to demosaick has one plane, for which nothing in list 3 is meant.
    left = [*apply_opcodes(first, [], layout.active_size), *apply_opcodes(second, planes, layout.active_size)]
    left += apply_opcodes(third, planes if visible.ndim == 3 else [], layout.active_size)
    changed = np.rint(levels * TOP_LEVEL).astype(np.uint16)
    if visible.ndim == 3:
        visible[:, :, :num_planes] = changed
    else:
        visible[...] = changed[:, :, 0]
    return Corrected(True, describe_undone(left))


def _scale_by_pattern(levels: NDArray[np.float32], layout: RawLayout, area: Area, saturation: float) -> None:
    blacks = layout.blacks
    assert blacks is not None
    highest = blacks.highest()
    scale = (1 / np.maximum(saturation - highest, 1)).astype(np.float32)
    top, left = layout.origin
    for first in range(area.top, area.bottom, _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE, area.bottom)
        block = levels[first - area.top : last - area.top]
        block -= blacks.of_area(
            Area(top=first + top, left=area.left + left, bottom=last + top, right=area.right + left)
        )
        block *= scale


def _needs_pattern(directory: SensorDirectory) -> bool:
    """Whether the black levels are more than LibRaw tells by filter."""
    blacks = directory.blacks
    if blacks is None or directory.compression == LOSSY_JPEG:
        return False
    return bool(max(blacks.pattern.shape[:2]) > 2 or blacks.of_rows.size or blacks.of_columns.size)


def _moved_into(crop: Area | None, down: int, right: int, visible: Area) -> Area:
    """A crop, moved and cut to what is visible; all of that where there is none or nothing would be left."""
    if crop is None:
        return visible
    moved = Area(
        top=max(crop.top + down, 0),
        left=max(crop.left + right, 0),
        bottom=min(crop.bottom + down, visible.bottom),
        right=min(crop.right + right, visible.right),
    )
    return moved if moved.top < moved.bottom and moved.left < moved.right else visible
