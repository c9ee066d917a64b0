"""A photo as far as it has been restored, and noisy elsewhere: what the preview shows while tiles come in."""

import math
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize

from app.viewer.tiles.pixel_pyramid import OVERVIEW_SIDE_PX, PixelPyramid, halved
from engine.contracts.blending import FULL, Blend
from engine.contracts.photo import Pixels
from engine.photo_files.bicubic_resize import ENLARGING_REACH_PX, enlarge
from engine.restoring.blending import REACH_PX, applied_change

_TILE_PX, _TILE_OF_THREE_PX = 256, 384
"""Side of what is restored in one piece, in pixels of the result: some tenths of a second on two processor cores. A
multiple of the model's scale, and seven times even, so that tiles begin at whole pixels on all levels."""

_WHOLE_LEVEL_PX = 12_000_000
"""Up to so many pixels a level is kept whole, so that a photo looked at as a whole is restored once."""

_KEPT_BYTES = 320 * 2**20
"""Of larger levels the tiles that were seen last are kept, those of about forty megapixels."""


class TilePlace(NamedTuple):
    """Which tile of the result.

    Attributes:
        column: From the left.
        row: From the top.
    """

    column: int
    row: int


class RestoredLevels:
    """What restoring changes, tile by tile, added to the noisy photo by a blend that costs no inference.

    Levels are those of `PixelPyramid`. Any thread may read while one writes.

    Attributes:
        scale: How many pixels of the result a pixel of the photo becomes to a side.
        num_channels: Of the result.
        has_colour: Whether its channels are red, green and blue.
        blend: How much of the restoration is shown.
        tile_px: Side of a tile in pixels of the result.
    """

    def __init__(
        self,
        noisy: PixelPyramid,
        *,
        scale: int = 1,
        num_channels: int,
        channels_are_gray: bool = False,
        blend: Blend = FULL,
    ) -> None:
        """Begin with nothing restored.

        Args:
            noisy: The photo.
            scale: Of the model.
            num_channels: Of its results.
            channels_are_gray: Whether each of three channels is a picture of its own.
            blend: See the attribute.
        """
        self.scale, self.num_channels, self.blend = scale, num_channels, blend
        self.has_colour = num_channels > 1 and not channels_are_gray
        self.tile_px = _TILE_OF_THREE_PX if scale == 3 else _TILE_PX
        self._noisy = noisy
        width, height = (scale * side for side in noisy.level_size(0))
        self._sizes = [(width, height)]
        while max(self._sizes[-1]) > OVERVIEW_SIDE_PX:
            width, height = (width + 1) // 2, (height + 1) // 2
            self._sizes.append((width, height))
        self._whole = {
            level: np.zeros((size[1], size[0], num_channels), np.float16)
            for level, size in enumerate(self._sizes)
            if level and size[0] * size[1] <= _WHOLE_LEVEL_PX
        }
        self._done: set[TilePlace] = set()
        self._lock = threading.Lock()
        self._parts: OrderedDict[tuple[int, TilePlace], NDArray[np.float16]] = OrderedDict()
        self._num_bytes = 0
        self._first_look: NDArray[np.float32] | None = None

    @property
    def num_levels(self) -> int:
        """How many levels there are, the full size among them."""
        return len(self._sizes)

    @property
    def size(self) -> QSize:
        """Of the result."""
        return QSize(*self._sizes[0])

    @property
    def has_first_look(self) -> bool:
        """Whether there is a restoration of the whole, small."""
        return self._first_look is not None

    def level_size(self, level: int) -> tuple[int, int]:
        """Return a level's width and height."""
        return self._sizes[level]

    def place(self, tile: TilePlace) -> QRect:
        """Return where a tile lies in the result."""
        side = self.tile_px
        return QRect(tile.column * side, tile.row * side, side, side).intersected(QRect(0, 0, *self._sizes[0]))

    def changed_by(self, tile: TilePlace) -> QRect:
        """Return the part of the result that looks otherwise once a tile has come."""
        # What is given back of the detail of its neighbours depends on it, on smaller levels twice as far.
        reach = 2 * REACH_PX if self.blend.detail else 0
        return self.place(tile).adjusted(-reach, -reach, reach, reach).intersected(QRect(0, 0, *self._sizes[0]))

    def tiles_in(self, part: QRect) -> list[TilePlace]:
        """Return the tiles that a part of the result touches, those nearest to its middle first."""
        seen = part.intersected(QRect(0, 0, *self._sizes[0]))
        # In tiles: of a photo of a hundred megapixels there are sixteen hundred.
        across = (seen.left() + seen.width() / 2) / self.tile_px - 0.5
        down = (seen.top() + seen.height() / 2) / self.tile_px - 0.5
        return sorted(self._tiles_touching(part), key=lambda tile: math.hypot(tile.column - across, tile.row - down))

    def _tiles_touching(self, part: QRect) -> list[TilePlace]:
        part = part.intersected(QRect(0, 0, *self._sizes[0]))
        if part.isEmpty():
            return []
        columns = range(part.left() // self.tile_px, part.right() // self.tile_px + 1)
        rows = range(part.top() // self.tile_px, part.bottom() // self.tile_px + 1)
        return [TilePlace(column, row) for row in rows for column in columns]

    def has(self, tile: TilePlace, level: int) -> bool:
        """Whether a tile can be seen restored on a level."""
        if level in self._whole:
            return tile in self._done
        with self._lock:
            return (level, tile) in self._parts

    def put(self, tile: TilePlace, restored: Pixels) -> None:
        """Take a tile as the model restores it.

        Args:
            tile: Which.
            restored: Height x width x channels, 0 to 1, of the size of its `place`.
        """
        left, top = self.place(tile).left(), self.place(tile).top()
        for level in range(self.num_levels):
            height, width = restored.shape[:2]
            change = (restored - self._unrestored(level, left, top, left + width, top + height)).astype(np.float16)
            if level in self._whole:
                self._whole[level][top : top + height, left : left + width] = change
            else:
                self._keep((level, tile), change)
            restored = halved(restored)
            left, top = left // 2, top // 2
        self._done.add(tile)

    def put_first_look(self, restored: Pixels) -> None:
        """Take a restoration of the smallest level, which stands for what no tile has come for yet.

        Args:
            restored: Of the photo on its smallest level. Height x width x channels, 0 to 1.
        """
        level = self.num_levels - 1
        width, height = self._sizes[level]
        if restored.shape[:2] != (height, width):
            fitted = cv2.resize(restored, (width, height), interpolation=cv2.INTER_AREA)
            restored = np.asarray(fitted, np.float32).reshape(height, width, -1)
        self._first_look = restored - self._unrestored(level, 0, 0, width, height)

    def window(self, level: int, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return the columns `left` to `right` and the rows `top` to `bottom` of a level, the ends left out."""
        shown = np.array(self._unrestored(level, left, top, right, bottom), np.float32)
        blend = self.blend if self.has_colour else self.blend.of_gray()
        if blend.is_none:
            return shown
        part, reach = QRect(left, top, right - left, bottom - top), REACH_PX if blend.detail else 0
        around = part.adjusted(-reach, -reach, reach, reach).intersected(QRect(0, 0, *self._sizes[level]))
        change, known = self._changes(level, around)
        if known is None or known.any():
            kept = applied_change(change, blend, has_colour=self.has_colour, halvings=level, known=known)
            first_row, first_column = top - around.top(), left - around.left()
            shown += kept[first_row : first_row + part.height(), first_column : first_column + part.width()]
        return np.clip(shown, 0.0, 1.0, out=shown)

    def _changes(self, level: int, part: QRect) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """What restoring changes in a part of a level, and where that is known: 1 or 0, or None for everywhere."""
        changes = np.zeros((part.height(), part.width(), self.num_channels), np.float32)
        known = np.zeros((part.height(), part.width()), np.float32)
        whole_part = QRect(part.left() << level, part.top() << level, part.width() << level, part.height() << level)
        for tile in self._tiles_touching(whole_part):
            whole = self.place(tile)
            # Halving rounds up.
            width, height = -(-whole.width() >> level), -(-whole.height() >> level)
            place = QRect(whole.left() >> level, whole.top() >> level, width, height)
            seen = place.intersected(part)
            if seen.isEmpty():
                continue
            change = self._change(level, tile, place, seen)
            if change is not None:
                rows = slice(seen.top() - part.top(), seen.top() - part.top() + seen.height())
                columns = slice(seen.left() - part.left(), seen.left() - part.left() + seen.width())
                changes[rows, columns] = change
                known[rows, columns] = 1
        return changes, None if known.all() else known

    def _change(self, level: int, tile: TilePlace, place: QRect, seen: QRect) -> NDArray[Any] | None:
        """What restoring changes in the seen part of a tile; None where that is not known."""
        rows = slice(seen.top(), seen.top() + seen.height())
        columns = slice(seen.left(), seen.left() + seen.width())
        if level in self._whole and tile in self._done:
            return self._whole[level][rows, columns]
        with self._lock:
            kept = self._parts.get((level, tile))
            if kept is not None:
                self._parts.move_to_end((level, tile))
        if kept is not None:
            top, left = seen.top() - place.top(), seen.left() - place.left()
            return kept[top : top + seen.height(), left : left + seen.width()]
        if level == 0 or self._first_look is None:
            return None
        ratio = 2.0 ** (self.num_levels - 1 - level)
        return _enlarged_part(self._first_look, ratio, columns.start, rows.start, columns.stop, rows.stop)

    def _unrestored(self, level: int, left: int, top: int, right: int, bottom: int) -> Pixels:
        """The noisy photo in the size and the channels of the result."""
        pixels = self._noisy_part(level, left, top, right, bottom)
        if pixels.shape[2] < self.num_channels:
            pixels = np.repeat(pixels, self.num_channels, axis=2)
        return pixels

    def _noisy_part(self, level: int, left: int, top: int, right: int, bottom: int) -> Pixels:
        if self.scale == 1:
            return self._noisy.window(level, left, top, right, bottom)
        if level == 0:
            return self._enlarged(left, top, right, bottom)
        # The smallest level of the photo that is not larger than what is asked for.
        of_photo = min(max(0, math.ceil(level - math.log2(self.scale))), self._noisy.num_levels - 1)
        ratio = self.scale * 2.0 ** (of_photo - level)
        width, height = self._noisy.level_size(of_photo)
        first_x, first_y = max(0, int(left / ratio) - 2), max(0, int(top / ratio) - 2)
        last_x, last_y = min(width, int(right / ratio) + 3), min(height, int(bottom / ratio) + 3)
        pixels = self._noisy.window(of_photo, first_x, first_y, last_x, last_y)
        return _enlarged_part(
            pixels,
            ratio,
            left - first_x * ratio,
            top - first_y * ratio,
            right - first_x * ratio,
            bottom - first_y * ratio,
        )

    def _enlarged(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """A part of the full size, interpolated as the whole photo would be."""
        scale, reach = self.scale, ENLARGING_REACH_PX + 1
        width, height = self._noisy.level_size(0)
        first_x, first_y = max(0, left // scale - reach), max(0, top // scale - reach)
        last_x, last_y = min(width, -(-right // scale) + reach), min(height, -(-bottom // scale) + reach)
        pixels = enlarge(self._noisy.window(0, first_x, first_y, last_x, last_y), scale)
        return pixels[
            top - scale * first_y : bottom - scale * first_y, left - scale * first_x : right - scale * first_x
        ]

    def _keep(self, key: tuple[int, TilePlace], change: NDArray[np.float16]) -> None:
        with self._lock:
            replaced = self._parts.pop(key, None)
            self._num_bytes += change.nbytes - (0 if replaced is None else replaced.nbytes)
            self._parts[key] = change
            while self._num_bytes > _KEPT_BYTES and len(self._parts) > 1:
                self._num_bytes -= self._parts.popitem(last=False)[1].nbytes


def _enlarged_part(pixels: Pixels, ratio: float, left: float, top: float, right: float, bottom: float) -> Pixels:
    """Return a part of a picture, enlarged by interpolation; the part is given in pixels of the result."""
    matrix = np.array([[1, 0, left + 0.5 - ratio / 2], [0, 1, top + 0.5 - ratio / 2]], np.float64) / ratio
    size = (round(right - left), round(bottom - top))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    enlarged = cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(enlarged, np.float32).reshape(size[1], size[0], pixels.shape[2])
