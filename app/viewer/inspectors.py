"""What the pictures are in numbers at the point under the cursor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.look.layouts import Stretch, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, follow_theme, set_role
from app.look.translation import format_number, mark, tr
from app.viewer.canvas.pixel_levels import is_whole, level_text
from app.viewer.canvas.view_transform import place_in_scene
from app.viewer.pane_offsets import PaneOffsets
from app.viewer.pictures import PaneContent, Picture

_NUM_NAMED_PANES = 3
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
    place = place_in_scene(picture.size, QRectF(QPointF(0, 0), scene_size))
    column = math.floor((point.x() - place.left()) * picture.width / place.width())
    row = math.floor((point.y() - place.top()) * picture.height / place.height())
    if not (0 <= column < picture.width and 0 <= row < picture.height):
        return None
    levels = tuple(float(value) * picture.peak for value in picture.pixels[row, column])
    return PixelValue(column, row, levels, is_float=picture.peak == 1, are_colours=not picture.channels)


class PixelBar(QWidget):
    """One line: the position under the cursor, and its values in all panes.

    Every value has a fixed place, so that nothing moves while the cursor does. Where there is no room for the panes'
    names, their numbers stand for them; what is too wide even then is cut off at the right.
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
        # A layout of its own squeezes nothing: in that of a narrower bar the values would overlap.
        self._row = QWidget(self)
        self._position = ElidedLabel("", "caption", parent=self._row)
        self._layout = in_row(
            self._position, Stretch(1), of=self._row, margins=(SPACING, 4, SPACING, 4), spacing=2 * SPACING
        )
        follow_theme(self._fit)

    @property
    def text(self) -> str:
        """All that it says."""
        return "  ".join([self._position.whole_text, *(value.text() for value in self._values)])

    def sizeHint(self) -> QSize:
        return self._row.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._row.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def set_panes(self, panes: Sequence[PaneContent]) -> None:
        """Show the values of other pictures."""
        self._panes = tuple(panes)
        self._widest = tuple(_widest_value(pane) for pane in panes)
        while len(self._values) < len(panes):
            value = label("", "caption", parent=self._row)
            self._layout.insertWidget(1 + len(self._values), value)
            self._values.append(value)
        while len(self._values) > len(panes):
            value = self._values.pop()
            self._layout.removeWidget(value)
            value.deleteLater()
        self._point = (QSizeF(1, 1), None, None)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Give every value the width of its widest text, and the position what is left or at least its own."""
        invitation, coordinates = (
            self._position.fontMetrics().horizontalAdvance(text) + SPACING
            for text in (tr(_INVITATION), _WIDEST_POSITION)
        )
        margins = self._layout.contentsMargins()
        spacing = self._layout.spacing() * (len(self._values) + 1) + margins.left() + margins.right()
        self._is_short = len(self._panes) > _NUM_NAMED_PANES
        widths = self._widths()
        if not self._is_short and self.width() - sum(widths) - spacing < max(invitation, coordinates):
            self._is_short = True
            widths = self._widths()
        left = self.width() - sum(widths) - spacing
        for value, width in zip(self._values, widths, strict=True):
            value.setFixedWidth(width)
        self._position.setFixedWidth(max(coordinates, min(invitation, left)))
        needed = self._row.sizeHint()
        self._row.setGeometry(0, 0, max(self.width(), needed.width()), max(self.height(), needed.height()))
        self.updateGeometry()
        self.show_point(*self._point)

    def _widths(self) -> list[int]:
        """Pixels that the widest text of each value takes."""
        texts = [self._value_text(index, widest) for index, widest in enumerate(self._widest)]
        return [
            value.fontMetrics().horizontalAdvance(text) + SPACING
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
