"""What the pictures are in numbers at the point under the cursor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, follow_theme, set_role
from app.look.translation import format_number, mark, tr
from app.viewer.canvas.pixel_levels import is_whole, level_text
from app.viewer.canvas.view_transform import own_point
from app.viewer.pane_offsets import PaneOffsets
from app.viewer.pictures import PaneContent, Picture

_NUM_NAMED_PANES = 3
_MARGIN_PX, _GAP_PX = 4, 2 * SPACING
_INVITATION = mark("Point at a pixel to read its values")
_WIDEST_POSITION = "x 88,888  y 88,888"


@dataclass(frozen=True)
class PixelValue:
    """One picture's pixel.

    Attributes:
        column: From the left, from 0, in the picture's own pixels.
        row: From the top, from 0.
        levels: One for gray, three for colour, in the numbers of the file (0 to 255, 0 to 65535, others). Values
            between whole numbers, as pictures that were never saved have, keep a digit.
        is_float: Whether the file holds floating-point numbers, which keep more.
        are_colours: Whether three of them are red, green and blue.
    """

    column: int
    row: int
    levels: tuple[float, ...]
    is_float: bool = False
    are_colours: bool = True

    @property
    def level_texts(self) -> tuple[str, ...]:
        """The levels as they are read: whole ones without a point."""
        return tuple(level_text(level, is_float=self.is_float) for level in self.levels)


def pixel_value(picture: Picture, scene_size: QSizeF, point: QPointF) -> PixelValue | None:
    """Look up the pixel of a picture that lies under a scene point.

    Args:
        picture: Shown on the scene, scaled to it where its size is another.
        scene_size: The scene's size.
        point: A point of the scene.

    Returns:
        None outside of the picture.
    """
    own = own_point(picture.size, QRectF(QPointF(0, 0), scene_size), point)
    column, row = math.floor(own.x()), math.floor(own.y())
    if not (0 <= column < picture.width and 0 <= row < picture.height):
        return None
    levels = tuple(float(value) * picture.peak for value in picture.pixels[row, column])
    return PixelValue(column, row, levels, is_float=picture.peak == 1, are_colours=not picture.channels)


class PixelBar(QWidget):
    """The position under the cursor, and its values in all panes: in one line, or in as many as that takes.

    Every value has a fixed place, so that nothing moves while the cursor does. Where there is no room for the panes'
    names, their numbers stand for them.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        # Many values may be wider than a narrow window, and shall not widen it.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._values: list[QLabel] = []
        self._panes: tuple[PaneContent, ...] = ()
        self._widest: tuple[PixelValue | None, ...] = ()
        self._is_short = False
        self._point: tuple[QSizeF, QPointF | None, PaneOffsets | None] = (QSizeF(1, 1), None, None)
        self._position = ElidedLabel("", "caption", parent=self)
        self._num_lines = 1
        follow_theme(self._fit)

    @property
    def text(self) -> str:
        """All that it says."""
        return "  ".join([self._position.whole_text, *(value.text() for value in self._values)])

    def sizeHint(self) -> QSize:
        margins = QSize(2 * SPACING, 2 * _MARGIN_PX)
        return QSize(sum(self._widths()) + self._coordinates_width, self._line_height * self._num_lines) + margins

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def set_panes(self, panes: Sequence[PaneContent]) -> None:
        """Show the values of other pictures."""
        self._panes = tuple(panes)
        self._widest = tuple(_widest_value(pane) for pane in panes)
        while len(self._values) < len(panes):
            value = label("", "caption", parent=self)
            value.show()
            self._values.append(value)
        while len(self._values) > len(panes):
            value = self._values.pop()
            value.hide()
            value.deleteLater()
        self._point = (QSizeF(1, 1), None, None)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Give every value the width of its widest text, and the position what is left or at least its own."""
        invitation = self._position.fontMetrics().horizontalAdvance(tr(_INVITATION)) + SPACING + _GAP_PX
        room = self.width() - 2 * SPACING
        self._is_short = len(self._panes) > _NUM_NAMED_PANES
        if not self._is_short and room - sum(self._widths()) < max(invitation, self._coordinates_width):
            self._is_short = True
        widths = self._widths()
        left = max(self._coordinates_width, min(invitation, room - sum(widths)))
        self._place(left, widths, room)
        self.show_point(*self._point)

    def _place(self, left: int, widths: Sequence[int], room: int) -> None:
        """Place all, and begin a line where a value would end beyond the room: below the first one, if that fits."""
        self._position.setGeometry(SPACING, _MARGIN_PX, left - _GAP_PX, self._line_height)
        first = left if max(widths, default=0) - _GAP_PX <= room - left else 0
        x, line = (first, 0) if first else (room, 0)
        for value, width in zip(self._values, widths, strict=True):
            if x + width - _GAP_PX > room and x > first:
                x, line = first, line + 1
            top = _MARGIN_PX + line * self._line_height
            value.setGeometry(SPACING + x, top, width - _GAP_PX, self._line_height)
            x += width
        self._num_lines = line + 1
        self.updateGeometry()

    @property
    def _coordinates_width(self) -> int:
        return self._position.fontMetrics().horizontalAdvance(_WIDEST_POSITION) + SPACING + _GAP_PX

    @property
    def _line_height(self) -> int:
        return self._position.fontMetrics().height() + 1

    def _widths(self) -> list[int]:
        """Pixels that the widest text of each value takes, with the gap behind it."""
        texts = [self._value_text(index, widest) for index, widest in enumerate(self._widest)]
        return [
            value.fontMetrics().horizontalAdvance(text) + SPACING + _GAP_PX
            for value, text in zip(self._values, texts, strict=True)
        ]

    def show_point(self, scene_size: QSizeF, point: QPointF | None, offsets: PaneOffsets | None = None) -> None:
        """Show the values under a scene point.

        Args:
            scene_size: The scene's size.
            point: A point of the scene; None: no point.
            offsets: By how much panes are moved on the scene.
        """
        self._point = (scene_size, point, offsets)
        found: list[PixelValue | None] = []
        for index, pane in enumerate(self._panes):
            if point is None or not isinstance(pane, Picture):
                found.append(None)
            else:
                moved = QPointF(0, 0) if offsets is None else offsets.of(index)
                found.append(pixel_value(pane, scene_size, point - moved))
        inside = point is not None and any(value is not None for value in found)
        if point is not None and inside:
            self._position.set_text(
                f"x {format_number(math.floor(point.x()))}  y {format_number(math.floor(point.y()))}"
            )
        else:
            self._position.set_text(tr(_INVITATION) if self._panes else "")
        for index, (value, pixel) in enumerate(zip(self._values, found, strict=True)):
            value.setText(self._value_text(index, pixel))

    def _value_text(self, index: int, pixel: PixelValue | None) -> str:
        """Name a pane's values: by its title, or by its number where there is no room for titles."""
        name = str(index + 1) if self._is_short else self._panes[index].title
        if pixel is None:
            return f"{name} –"
        has_letters = len(pixel.levels) == 3 and pixel.are_colours and not self._is_short
        letters = ("R", "G", "B") if has_letters else ("",) * len(pixel.levels)
        return f"{name} " + " ".join(
            f"{letter} {level}".strip() for letter, level in zip(letters, pixel.level_texts, strict=True)
        )


def _widest_value(pane: PaneContent) -> PixelValue | None:
    if not isinstance(pane, Picture):
        return None
    peak, num_channels = pane.peak, pane.pixels.shape[2]
    step = max(1, pane.height // 16)
    sampled = pane.pixels[::step, :: max(1, pane.width // 16)] * np.float32(peak)
    if peak == 1:
        return PixelValue(0, 0, (-8.88888e-5,) * num_channels, is_float=True)
    has_fractions = not all(is_whole(float(level)) for level in sampled.ravel())
    return PixelValue(0, 0, (peak - 0.5 if has_fractions else peak,) * num_channels)
