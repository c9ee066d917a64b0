"""The noise of all photos as a plot: each photo a point, which can be chosen."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QFont, QHelpEvent, QHideEvent, QKeyEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QRubberBand, QToolTip, QWidget

from app.core.settings import NOISE_MAP_AXIS, Settings
from app.look.layouts import in_column, in_row
from app.look.palette import Sizes
from app.look.phrases import count
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, follow_theme, palette
from app.look.translation import mark, short_number, tr
from app.pages.photos.grid import PhotoGrid
from app.pages.shared.photo_list_model import PhotoListModel, PhotoRole
from app.widgets.elided_box import ElidedComboBox
from app.widgets.plots.axis import NumberAxis
from engine.contracts.events import PhotoScanned
from engine.contracts.noise import LEVELS
from engine.contracts.photo import PhotoRef

AXES = {
    "brightness": (mark("over brightness"), mark("Mean brightness of the photo (%)")),
    "iso": (mark("over ISO"), mark("ISO")),
    "rank": (mark("sorted"), mark("Photos, the cleanest first (%)")),
}
"""What noise is plotted against: its name in the list, and the axis' own."""

_LEAST_NOISE = 0.1
_REACH_PX = 14
_POINT_PX, _MARKED_PX = 7, 13
_STEPS_OF_TEN = ((1, 2, 5), (1, 2, 3, 5, 7), tuple(range(1, 10)), tuple(number / 10 for number in range(10, 100)))
"""What may be named of each decade: the fewest of which two are in view."""
_LEFT_AXIS_PX, _BOTTOM_AXIS_PX = 60, 36


class NoiseMap(QWidget):
    """The plot with the choice of its axis above.

    A click chooses a photo, with Ctrl one more, a dragged frame all within; the arrow keys walk from point to point.

    Signals:
        photo_activated(PhotoRef): A point was double-clicked, or Enter was pressed.
    """

    photo_activated = Signal(object)

    def __init__(
        self, model: PhotoListModel, grid: PhotoGrid, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._model = model
        self.plot = NoisePlot(model, grid)
        self.plot.photo_activated.connect(self.photo_activated)
        self.axis_box = ElidedComboBox()
        self.axis_box.setAccessibleName(tr("What noise is plotted against"))
        for key, (text, _) in AXES.items():
            self.axis_box.addItem(tr(text), key)
        self.axis_box.setCurrentIndex(self.axis_box.findData(settings.get(NOISE_MAP_AXIS)))
        self.axis_box.currentIndexChanged.connect(self._set_axis)
        self.missing = ElidedLabel("", "caption")
        title = label(tr("Noise"), "section")
        title.setToolTip(tr("Standard deviation of the noise on the 0 to {levels} scale").format(levels=LEVELS))
        top = in_row(title, self.axis_box, (self.missing, 1))
        in_column(top, (self.plot, 1), of=self, margins=0)
        for signal in (model.rowsInserted, model.modelReset, model.layoutChanged, model.dataChanged):
            signal.connect(self._draw)
        self._set_axis()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw()
        self.plot.setFocus()

    @Slot()
    def _set_axis(self) -> None:
        self._settings.set(NOISE_MAP_AXIS, self.axis_box.currentData())
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if not self.isVisible():
            return
        axis = self.axis_box.currentData()
        num_missing = self.plot.show_photos(axis)
        if not num_missing:
            self.missing.set_text("")
            return
        unmeasured = any(photo.noise_sigma is None for photo in self._model.shown)
        photos = count(num_missing, "photo")
        self.missing.set_text(
            tr("{photos} not shown: not measured yet, or too small for it").format(photos=photos)
            if unmeasured
            else tr("{photos} not shown: without ISO in the file").format(photos=photos)
        )


class NoisePlot(pg.PlotWidget):  # type: ignore[misc]
    """Points that share their selection with the grid of thumbnails.

    Signals:
        photo_activated(PhotoRef): See `NoiseMap`.
        menu_requested(QPoint): What can be done with the selection shall be offered, at this place of the plot.
    """

    photo_activated = Signal(object)
    menu_requested = Signal(QPoint)

    def __init__(self, model: PhotoListModel, grid: PhotoGrid) -> None:
        self._left, self._bottom = _DecadeAxis("left"), _PlainAxis("bottom")
        super().__init__(axisItems={"left": self._left, "bottom": self._bottom})
        self._model = model
        self._grid = grid
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self._points: NDArray[np.float64] = np.zeros((0, 2))
        self._axis = ""
        self._pressed_at: QPoint | None = None
        self._band = QRubberBand(QRubberBand.Shape.Rectangle, self)
        self.setAccessibleName(tr("Noise map"))
        self.setAccessibleDescription(tr("Each photo a point: its noise over its brightness, its ISO or its rank."))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        # Room for the lower axis' name, which pyqtgraph moves some pixels out of the axis.
        self.getPlotItem().setContentsMargins(0, SPACING, SPACING, SPACING)
        for axis in (self._left, self._bottom):
            axis.enableAutoSIPrefix(False)
        self._dots = pg.ScatterPlotItem(pxMode=True, size=_POINT_PX)
        self._marks = pg.ScatterPlotItem(pxMode=True, size=_MARKED_PX)
        for item in (self._dots, self._marks):
            self.addItem(item)
        grid.selectionModel().selectionChanged.connect(self._mark_selected)
        follow_theme(self._apply_theme)

    def show_photos(self, axis: str) -> int:
        """Plot the photos that the model shows.

        Args:
            axis: A key of `AXES`.

        Returns:
            How many have no place, since their noise or what it is plotted against is not known.
        """
        photos = self._model.shown
        placed = [(row, point) for row, photo in enumerate(photos) if (point := _place(photo, axis)) is not None]
        self._axis = axis
        self._rows = np.array([row for row, _ in placed], np.intp)
        self._points = np.array([point for _, point in placed], np.float64).reshape(-1, 2)
        if axis == "rank" and len(placed):
            ranks = np.empty(len(placed))
            ranks[np.argsort(self._points[:, 1], kind="stable")] = np.linspace(0, 100, len(placed))
            self._points[:, 0] = ranks
        self._bottom.is_iso = axis == "iso"
        self._name_axes()
        self._fit_range()
        self._paint_dots()
        return len(photos) - len(placed)

    @property
    def num_points(self) -> int:
        """How many photos are plotted."""
        return len(self._rows)

    def position_of(self, row: int) -> QPoint | None:
        """Return where the point of a photo lies; None where it has none."""
        places = np.flatnonzero(self._rows == row)
        return None if not len(places) else QPoint(*np.rint(self._on_screen()[places[0]]).astype(int).tolist())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus()
            self._pressed_at = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here = event.position().toPoint()
        if self._pressed_at is not None and (here - self._pressed_at).manhattanLength() > _REACH_PX:
            self._band.setGeometry(QRect(self._pressed_at, here).normalized())
            self._band.show()
        elif self._pressed_at is None:
            self.setCursor(
                Qt.CursorShape.PointingHandCursor if self._point_at(here) is not None else Qt.CursorShape.CrossCursor
            )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._pressed_at is None:
            return
        adds = bool(event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
        if self._band.isVisible():
            frame = QRectF(self._band.geometry())
            self._band.hide()
            places = self._on_screen()
            inside = (
                (places[:, 0] >= frame.left())
                & (places[:, 0] <= frame.right())
                & (places[:, 1] >= frame.top())
                & (places[:, 1] <= frame.bottom())
            )
            self._grid.select_rows(self._rows[inside].tolist(), adds=adds)
        else:
            point = self._point_at(self._pressed_at)
            self._grid.select_rows([] if point is None else [int(self._rows[point])], adds=adds)
        self._pressed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        point = self._point_at(event.position().toPoint())
        if point is not None:
            self.photo_activated.emit(self._path_of(point))

    def wheelEvent(self, event: object) -> None:
        """Leave the wheel to nobody: the plot always shows all points."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps and len(self._rows):
            self._walk(steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._grid.currentIndex().isValid():
            self.photo_activated.emit(self._model.photo_at(self._grid.currentIndex().row()).path)
        elif event.key() == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._grid.select_rows(self._rows.tolist())
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: object) -> bool:
        if isinstance(event, QHelpEvent):
            point = self._point_at(event.pos())
            if point is None:
                QToolTip.hideText()
            else:
                index = self._model.index(int(self._rows[point]))
                QToolTip.showText(event.globalPos(), index.data(Qt.ItemDataRole.ToolTipRole), self)
            return True
        return bool(super().viewportEvent(event))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        point = self._point_at(event.pos())
        if point is not None and not self._grid.selectionModel().isRowSelected(int(self._rows[point])):
            self._grid.select_rows([int(self._rows[point])])
        self.menu_requested.emit(event.pos())

    def leaveEvent(self, event: object) -> None:
        """Pyqtgraph's own looks for what the pointer was over; nothing here follows it."""

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 160)

    def hideEvent(self, event: QHideEvent) -> None:
        self._band.hide()
        self._pressed_at = None
        super().hideEvent(event)

    def _walk(self, step: int) -> None:
        """Choose the next point along the axis."""
        order = np.lexsort((self._points[:, 1], self._points[:, 0]))
        current = np.flatnonzero(self._rows[order] == self._grid.currentIndex().row())
        place = int(current[0]) + step if len(current) else 0
        self._grid.select_rows([int(self._rows[order][min(max(place, 0), len(order) - 1)])])

    def _path_of(self, point: int) -> PhotoRef:
        return self._model.photo_at(int(self._rows[point])).path

    def _point_at(self, position: QPoint) -> int | None:
        """Return the nearest point within reach."""
        if not len(self._rows):
            return None
        distances = np.hypot(*(self._on_screen() - (position.x(), position.y())).T)
        nearest = int(distances.argmin())
        return nearest if distances[nearest] <= _REACH_PX else None

    def _on_screen(self) -> NDArray[np.float64]:
        """Positions of the points in the widget. Shape: (points, 2)."""
        box = self.getViewBox()
        frame = box.sceneBoundingRect()
        (left, right), (low, high) = box.viewRange()
        x = frame.left() + (self._points[:, 0] - left) / (right - left) * frame.width()
        y = frame.bottom() - (self._points[:, 1] - low) / (high - low) * frame.height()
        return np.stack([x, y], axis=1)

    def _fit_range(self) -> None:
        if not len(self._points):
            return
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        x_room = max((high[0] - low[0]) * 0.05, 0.5 if self._axis == "iso" else 2.0)
        y_room = max((high[1] - low[1]) * 0.08, 0.1)
        self.setXRange(low[0] - x_room, high[0] + x_room, padding=0)
        self.setYRange(low[1] - y_room, high[1] + y_room, padding=0)

    def _paint_dots(self) -> None:
        colors = palette()
        used, out = QColor(colors.plot_lines[0]), QColor(colors.text_disabled)
        used.setAlpha(170)
        left_out = [bool(self._model.index(int(row)).data(PhotoRole.IS_EXCLUDED)) for row in self._rows]
        brushes = [pg.mkBrush(used), pg.mkBrush(None)]
        pens = [pg.mkPen(None), pg.mkPen(out, width=1.5)]
        self._dots.setData(
            pos=self._points,
            brush=[brushes[is_out] for is_out in left_out],
            pen=[pens[is_out] for is_out in left_out],
        )
        self._mark_selected()

    def _name_axes(self) -> None:
        style = {"color": palette().text_muted, "font-size": f"{Sizes(Theme.of_application().text_scale).caption}px"}
        self.setLabel("left", tr("Noise (of {levels})").format(levels=LEVELS), **style)
        self.setLabel("bottom", tr(AXES[self._axis][1]) if self._axis else "", **style)
        for axis in (self._left, self._bottom):
            # pyqtgraph centres a label only then, by the width that it has at that time.
            axis.resizeEvent(None)

    @Slot()
    def _mark_selected(self) -> None:
        selected = [index.row() for index in self._grid.selectionModel().selectedIndexes()]
        is_marked = np.isin(self._rows, selected)
        self._marks.setData(
            pos=self._points[is_marked], brush=pg.mkBrush(None), pen=pg.mkPen(palette().plot_lines[1], width=2)
        )

    @Slot()
    def _apply_theme(self) -> None:
        colors, scale = palette(), Theme.of_application().text_scale
        self.setBackground(colors.window)
        font = QFont(self.font())
        font.setPixelSize(Sizes(scale).caption)
        for axis in (self._left, self._bottom):
            axis.setPen(colors.border_strong)
            axis.setTextPen(colors.text_muted)
            axis.setTickFont(font)
            axis.setGrid(40)
        self._left.setWidth(round(_LEFT_AXIS_PX * scale))
        self._bottom.setHeight(round(_BOTTOM_AXIS_PX * scale))
        self._name_axes()
        self._paint_dots()


class _PlainAxis(NumberAxis):
    """Numbers as they are; of ISO the powers of two that the positions stand for."""

    is_iso = False

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float | None, list[float]]]:
        if not self.is_iso:
            ticks: list[tuple[float | None, list[float]]] = super().tickValues(low, high, size)
            return ticks
        return [(1.0, [float(value) for value in range(math.ceil(low), math.floor(high) + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.is_iso:
            return [str(round(100 * 2**value)) for value in values]
        return super().tickStrings(values, scale, spacing)


class _DecadeAxis(NumberAxis):
    """Positions are decimal logarithms; round numbers of each decade are named, two at least."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float | None, list[float]]]:
        decades = range(math.floor(low), math.ceil(high) + 1)
        ticks: list[float] = []
        for steps in _STEPS_OF_TEN:
            values = (math.log10(step) + decade for decade in decades for step in steps)
            ticks = [value for value in values if low <= value <= high]
            if len(ticks) > 1:
                break
        return [(None, ticks)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [short_number(f"{round(10**value, 3):g}") for value in values]


def _place(photo: PhotoScanned, axis: str) -> tuple[float, float] | None:
    """Return where a photo's point lies: what noise is plotted against, and the noise's logarithm."""
    if photo.noise_sigma is None:
        return None
    y = math.log10(max(photo.noise_sigma * LEVELS, _LEAST_NOISE))
    if axis == "iso":
        return None if photo.camera.iso is None else (math.log2(photo.camera.iso / 100), y)
    if axis == "brightness":
        return None if photo.brightness is None else (100 * photo.brightness, y)
    return 0.0, y
