"""A line's values in all panes, and mean and standard deviation of the marked region, in the numbers of the files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSignalBlocker, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QSpinBox, QWidget

from app.jobs.latest_task import LatestTask
from app.look.buttons import icon_button
from app.look.image_convert import ChannelTint
from app.look.layouts import Stretch, in_column, in_row
from app.look.palette import Palette
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import format_number, mark, tr
from app.viewer.canvas.pixel_levels import level_text
from app.viewer.canvas.view_transform import own_pixels, own_point, place_in_scene
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import Picture
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot
from app.widgets.room.fitting_grid import FittingGrid
from engine.comparing.profiles import LineProfile, Statistics, line_profile, region_statistics
from engine.comparing.region_metrics import Region

_SETTLE_MS = 60
_MOST_COORDINATE = 1_000_000
_MOST_WIDTH_PX = 999
_LEAST_TITLE_PX = 80
_LEAST_PLOT_PX = 260
"""Narrower, the values along a line say nothing."""
_MOST_DIGITS = 6
"""Behind the decimal sign; what is smaller is written by its power of ten."""
_COLOUR_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""As in the histograms."""

_COLOURS = ("R", "G", "B")
_COORDINATES = (mark("from x"), mark("y"), mark("to x"), mark("y"))


@dataclass(frozen=True, eq=False)
class Measured:
    """One pane's numbers, in those of its file.

    Attributes:
        title: The pane's.
        profile: Along the line, distances in pixels of the largest picture; None where there is no line.
        statistics: Of the region, or of the whole; None outside.
        channels: Of a picture whose channels are no colours: how each is shown.
        is_float: Whether its file holds floating-point numbers, whose size says nothing of their fineness.
    """

    title: str
    profile: LineProfile | None
    statistics: Statistics | None
    channels: tuple[ChannelTint, ...] = ()
    is_float: bool = False

    def names(self, num_channels: int) -> tuple[str, ...]:
        """Return what its channels are called: "" for the one of a gray picture."""
        if num_channels == 1:
            return ("",)
        if len(self.channels) == num_channels:
            return tuple(tint.name or str(index) for index, tint in enumerate(self.channels, start=1))
        return _COLOURS if num_channels == len(_COLOURS) else tuple(str(one + 1) for one in range(num_channels))

    @property
    def statistics_text(self) -> str:
        """Mean and standard deviation of each channel: "133.6 ± 12.3"."""
        found = self.statistics
        if found is None:
            return "–"
        names = self.names(len(found.mean))
        return "   ".join(
            f"{name} {self._number(mean, spread)} ± {self._number(spread, spread)}".strip()
            for name, mean, spread in zip(names, found.mean.tolist(), found.deviation.tolist(), strict=True)
        )

    def _number(self, value: float, spread: float) -> str:
        """Write a number as finely as its spread makes sense: two digits of that, but tenths of a count at least."""
        if not (math.isfinite(value) and math.isfinite(spread)):
            return "–"
        if spread <= 0:
            return level_text(value, is_float=True) if self.is_float else format_number(value, 1)
        digits = max(1, 1 - math.floor(math.log10(spread)))
        return format_number(value, digits) if digits <= _MOST_DIGITS else level_text(value, is_float=True)


class ProfileView(QWidget):
    """Follows a viewer, as long as it is seen itself; reads in the background.

    Attributes:
        coordinate_boxes: Where the line begins and ends: x and y of its first and of its last pixel.
        width_box: Over how many pixels across the line is averaged.
        copy_button: Takes all numbers to the clipboard.
    """

    def __init__(self, viewer: CompareViewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._measured: tuple[Measured, ...] = ()
        self._task = LatestTask(self, finished=self._show)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._read)
        self.coordinate_boxes = tuple(_spin_box(tr("Line: {end}").format(end=tr(name)), 0) for name in _COORDINATES)
        self.width_box = _spin_box(tr("Width of the line"), 1, _MOST_WIDTH_PX)
        self.width_box.setToolTip(tr("Averages over so many pixels across the line, against the noise."))
        self.copy_button = icon_button("copy", tr("Copy the line's values and the region's numbers, as a table"))
        self.copy_button.clicked.connect(self.copy)
        for box in self.coordinate_boxes:
            box.valueChanged.connect(self._take_coordinates)
        self.width_box.valueChanged.connect(self._ask)
        self._of_what = label("", "caption")
        self._names: list[QLabel] = []
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(2 * SPACING)
        self._rows.setVerticalSpacing(SPACING // 2)
        self._plot = ThemedPlot(
            "",
            tr("along the line (pixels)"),
            tr("number in the file"),
            tr("The values along the line in each pane; of colours 21 % red, 72 % green and 7 % blue."),
        )
        self._plot.setAccessibleName(tr("Line profile"))
        self._lay_out()
        viewer.panels_shown.connect(self._ask)
        viewer.region_changed.connect(self._ask)
        viewer.line_changed.connect(self._follow_line)

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What is shown, one a pane that has a picture."""
        return self._measured

    @property
    def is_busy(self) -> bool:
        """Whether what is shown is not yet what was asked for."""
        return self._task.is_busy or self._settle.isActive()

    def shut_down(self) -> None:
        """Wait for the background thread."""
        self._settle.stop()
        self._task.shut_down()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read()

    @Slot()
    def copy(self) -> None:
        """Put the line's values, and mean and standard deviation of the region, on the clipboard."""
        QGuiApplication.clipboard().setText(self.as_table())

    def as_table(self) -> str:
        """Return all numbers, with tabs between columns and a point in each number, for other programs.

        A pane whose pixels lie at other distances than those of the pane before has a column of distances of its own.
        """
        columns: list[tuple[str, NDArray[np.float64]]] = []
        distances: NDArray[np.float64] | None = None
        for one in self._measured:
            if one.profile is None:
                continue
            if distances is None or not np.array_equal(distances, one.profile.distances):
                distances = one.profile.distances
                columns.append(("distance", distances))
            names = (f"{one.title} {name}".strip() for name in one.names(one.profile.values.shape[1]))
            columns += zip(names, one.profile.values.T, strict=True)
        cells = ([name, *(format(value, ".9g") for value in values.tolist())] for name, values in columns)
        lines = ["\t".join(row) for row in zip_longest(*cells, fillvalue="")]
        lines += ["", "\t".join(("", "mean", "standard deviation", "pixels"))] if self._measured else []
        for one in self._measured:
            found = one.statistics
            for index, channel in enumerate(() if found is None else one.names(len(found.mean))):
                assert found is not None
                name = f"{one.title} {channel}".strip()
                figures = (format(figure, ".9g") for figure in (found.mean[index], found.deviation[index]))
                lines.append("\t".join((name, *figures, str(found.num_pixels))))
        return "\n".join(lines)

    def _lay_out(self) -> None:
        begin, end = (self._coordinate_row(first) for first in (0, 2))
        width = _row(label(tr("width"), "caption"), self.width_box, self.copy_button)
        controls = FittingGrid((_row(label(tr("Line"), "muted"), begin), end, width), 3)
        controls.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        numbers = QWidget()
        in_column(self._of_what, self._rows, Stretch(1), of=numbers, margins=0, spacing=None)
        below = FittingGrid((numbers, self._plot), 2, 2 * SPACING)
        in_column(controls, (below, 1), of=self, margins=(SPACING, SPACING // 2, SPACING, 0), spacing=SPACING // 2)
        follow_theme(self._fit_plot)

    def _coordinate_row(self, first: int) -> QWidget:
        """One end of the line: its x and its y."""
        parts = zip(_COORDINATES[first:], self.coordinate_boxes[first : first + 2], strict=False)
        return _row(*(part for name, box in parts for part in (label(tr(name), "caption"), box)))

    @Slot()
    def _fit_plot(self) -> None:
        self._plot.setMinimumWidth(Theme.of_application().px(_LEAST_PLOT_PX))

    @Slot()
    def _ask(self) -> None:
        if self.isVisible():
            self._settle.start()

    @Slot()
    def _follow_line(self) -> None:
        line = self._viewer.line
        if line is not None:
            ends = (line.x1(), line.y1(), line.x2(), line.y2())
            for box, value in zip(self.coordinate_boxes, ends, strict=True):
                with QSignalBlocker(box):
                    box.setValue(round(value))
        self._ask()

    @Slot()
    def _take_coordinates(self) -> None:
        x1, y1, x2, y2 = (box.value() for box in self.coordinate_boxes)
        self._viewer.set_line(QLineF(x1, y1, x2, y2))

    @Slot()
    def _read(self) -> None:
        self._settle.stop()
        pictures = [pane for pane in self._viewer.panes if isinstance(pane, Picture)]
        if not self.isVisible() or not pictures:
            self._task.cancel()
            self._show(())
            return
        scene = QRectF(QPointF(0, 0), self._viewer.view_transform.scene_size)
        line, region = self._viewer.line, self._viewer.region
        self._task.submit(partial(_measure_all, pictures, scene, line, self.width_box.value(), region))

    @Slot(object)
    def _show(self, measured: tuple[Measured, ...]) -> None:
        self._measured = measured
        region = self._viewer.region
        self._of_what.setText(
            tr("Mean and standard deviation, whole photo")
            if region is None
            else tr("Mean and standard deviation, {width} × {height} pixels").format(
                width=format_number(region.width()), height=format_number(region.height())
            )
        )
        for name in self._names:
            self._rows.removeWidget(name)
            name.hide()
            name.deleteLater()
        self._names = []
        for row, one in enumerate(measured):
            title = ElidedLabel(one.title, "muted", elide_mode=Qt.TextElideMode.ElideMiddle, least_px=_LEAST_TITLE_PX)
            numbers = label(one.statistics_text)
            numbers.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            self._rows.addWidget(title, row, 0)
            self._rows.addWidget(numbers, row, 1)
            self._names += [title, numbers]
        self._plot.set_drawing(partial(self._draw, measured) if measured else None)

    def _draw(self, measured: tuple[Measured, ...], colors: Palette) -> None:
        lines = [*colors.plot_lines, colors.text]
        drawn: list[tuple[str, str]] = []
        right = 0.0
        for position, one in enumerate(measured):
            if one.profile is None:
                continue
            color = lines[position % len(lines)]
            style = Qt.PenStyle.SolidLine if position == 0 else Qt.PenStyle.DashLine
            for values, own_color in _curves_of(one, one.profile.values):
                pen = pg.mkPen(own_color or color, width=1.5, style=style)
                self._plot.plot.plot(one.profile.distances, values, pen=pen, connect="finite")
            drawn.append((one.title, color))
            right = max(right, float(one.profile.distances[-1]))
        high = (self._plot.plot.getViewBox().childrenBounds()[1] or (0.0, 1.0))[1]
        if drawn:
            self._plot.write_names(drawn, right, high, to_left=True)


def _curves_of(one: Measured, values: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], QColor | None]]:
    """Return what is drawn of a line: brightness, or each channel in its own colour; None: in that of the pane."""
    if values.shape[1] == 1:
        return [(values[:, 0], None)]
    if values.shape[1] == len(one.channels):
        return [(values[:, index], QColor.fromRgbF(*tint.colour)) for index, tint in enumerate(one.channels)]
    if values.shape[1] == len(_COLOUR_WEIGHTS):
        return [(values @ np.array(_COLOUR_WEIGHTS), None)]
    return [(values.mean(axis=1), None)]


def _measure_all(
    pictures: list[Picture], scene: QRectF, line: QLineF | None, width_px: int, region: QRect | None
) -> tuple[Measured, ...]:
    """Read in the background thread; line and region are in pixels of the scene, where each picture has its place."""
    found = []
    for picture in pictures:
        profile = None if line is None else _profile_of(picture, scene, line, width_px)
        statistics = _statistics_of(picture, scene, region)
        found.append(Measured(picture.title, profile, statistics, picture.channels, is_float=picture.peak == 1))
    return tuple(found)


def _profile_of(picture: Picture, scene: QRectF, line: QLineF, width_px: int) -> LineProfile:
    # Whole numbers are middles of pixels, in a smaller picture too.
    middle = QPointF(0.5, 0.5)
    first, last = (own_point(picture.size, scene, end + middle) - middle for end in (line.p1(), line.p2()))
    own_width_px = max(1, round(width_px * picture.width / place_in_scene(picture.size, scene).width()))
    own = line_profile(picture.pixels, first.toTuple(), last.toTuple(), width_px=own_width_px)
    own_length = QLineF(first, last).length()
    distances = own.distances * (line.length() / own_length) if own_length else own.distances
    return LineProfile(distances, own.values * picture.peak)


def _statistics_of(picture: Picture, scene: QRectF, region: QRect | None) -> Statistics | None:
    part = None
    if region is not None:
        inside = own_pixels(picture.size, scene, QRectF(region))
        if inside.isEmpty():
            return None
        part = Region(inside.x(), inside.y(), inside.width(), inside.height())
    found = region_statistics(picture.pixels, part)
    if found is None:
        return None
    return Statistics(found.mean * picture.peak, found.deviation * picture.peak, found.num_pixels)


class _CoordinateBox(QSpinBox):
    """Makes do with the room of five digits, though it takes more."""

    def minimumSizeHint(self) -> QSize:
        hint, metrics = super().minimumSizeHint(), self.fontMetrics()
        spare = metrics.horizontalAdvance(str(self.maximum())) - metrics.horizontalAdvance("88888")
        return QSize(hint.width() - max(0, spare), hint.height())


def _row(*parts: QWidget) -> QWidget:
    result = QWidget()
    in_row(*parts, Stretch(1), of=result, margins=0)
    return result


def _spin_box(name: str, least: int, most: int = _MOST_COORDINATE) -> QSpinBox:
    box = _CoordinateBox()
    box.setRange(least, most)
    box.setAccessibleName(name)
    box.setKeyboardTracking(False)
    return box
