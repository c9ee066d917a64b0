"""What the pictures are in numbers at the point under the cursor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.theme import SPACING, set_role
from app.viewer.pictures import PaneContent, Picture
from app.viewer.view_transform import place_in_scene
from app.widgets.text import label

_NUM_NAMED_PANES = 3
_INVITATION = "Point at a pixel to read its values"


@dataclass(frozen=True)
class PixelValue:
    """One picture's pixel.

    Attributes:
        column: From the left, from 0, in the picture's own pixels.
        row: From the top, from 0.
        levels: One for gray, three for colour, on the file's own scale (0 to 255 or 0 to 65535).
    """

    column: int
    row: int
    levels: tuple[int, ...]


def pixel_value(picture: Picture, scene_size: QSizeF, point: QPointF) -> PixelValue | None:
    """Look up the pixel of a picture that lies under a scene point.

    Args:
        picture: Shown on the scene, scaled to it where its size is another.
        scene_size: The scene's size.
        point: A point of the scene.

    Returns:
        None outside of the picture.
    """
    place = place_in_scene(QSize(picture.width, picture.height), QRectF(QPointF(0, 0), scene_size))
    column = math.floor((point.x() - place.left()) * picture.width / place.width())
    row = math.floor((point.y() - place.top()) * picture.height / place.height())
    if not (0 <= column < picture.width and 0 <= row < picture.height):
        return None
    peak = 2**picture.bit_depth - 1
    return PixelValue(column, row, tuple(round(float(value) * peak) for value in picture.pixels[row, column]))


class PixelBar(QWidget):
    """One line: the position under the cursor, and its values in all panes.

    Every value has a fixed place, so that nothing moves while the cursor does.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        # Many values may be wider than a narrow window: they are cut off at the right rather than widening it.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._position = label("", "caption")
        self._values: list[QLabel] = []
        self._panes: tuple[PaneContent, ...] = ()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(SPACING, 4, SPACING, 4)
        self._layout.setSpacing(2 * SPACING)
        self._layout.addWidget(self._position)
        self._layout.addStretch(1)
        self.show_point(QSizeF(1, 1), None)

    @property
    def text(self) -> str:
        """All that it says."""
        return "  ".join([self._position.text(), *(value.text() for value in self._values)])

    def set_panes(self, panes: Sequence[PaneContent]) -> None:
        """Show the values of other pictures."""
        self._panes = tuple(panes)
        while len(self._values) < len(panes):
            value = label("", "caption")
            self._layout.insertWidget(1 + len(self._values), value)
            self._values.append(value)
        while len(self._values) > len(panes):
            self._values.pop().deleteLater()
        for index, (value, pane) in enumerate(zip(self._values, self._panes, strict=True)):
            widest = self._value_text(index, _widest_value(pane))
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance(widest) + SPACING)
        metrics = self._position.fontMetrics()
        self._position.setMinimumWidth(
            max(metrics.horizontalAdvance(_INVITATION), metrics.horizontalAdvance("x 88,888  y 88,888"))
        )
        self.show_point(QSizeF(1, 1), None)

    def show_point(self, scene_size: QSizeF, point: QPointF | None) -> None:
        """Show the values under a scene point; None: no point."""
        found = [
            pixel_value(pane, scene_size, point) if point is not None and isinstance(pane, Picture) else None
            for pane in self._panes
        ]
        inside = point is not None and any(value is not None for value in found)
        if point is not None and inside:
            self._position.setText(f"x {math.floor(point.x()):,}  y {math.floor(point.y()):,}")
        else:
            self._position.setText(_INVITATION if self._panes else "")
        for index, (value, pixel) in enumerate(zip(self._values, found, strict=True)):
            value.setText(self._value_text(index, pixel))

    def _value_text(self, index: int, pixel: PixelValue | None) -> str:
        """Name a pane's values: by its title, or by its number where there are many."""
        is_short = len(self._panes) > _NUM_NAMED_PANES
        name = str(index + 1) if is_short else self._panes[index].title
        if pixel is None:
            return f"{name} –"
        letters = ("R", "G", "B") if len(pixel.levels) == 3 and not is_short else ("",) * len(pixel.levels)
        return f"{name} " + " ".join(
            f"{letter} {level}".strip() for letter, level in zip(letters, pixel.levels, strict=True)
        )


def _widest_value(pane: PaneContent) -> PixelValue | None:
    if not isinstance(pane, Picture):
        return None
    peak = 2**pane.bit_depth - 1
    return PixelValue(0, 0, (peak,) * pane.pixels.shape[2])
