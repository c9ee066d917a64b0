"""Histograms of all panes in one plot, of the whole photo, of what is in view or of the marked region."""

from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from app.jobs.latest_task import LatestTask
from app.look.image_convert import DisplayLevels
from app.look.layouts import Stretch, in_column, in_row
from app.look.palette import Palette
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import format_number, mark, short_number, tr
from app.viewer.canvas.view_transform import own_pixels
from app.viewer.compare_viewer import CompareViewer
from app.viewer.histograms import Histogram, bin_values, histogram_of
from app.viewer.pictures import CommonLevels, Picture, deepest
from app.widgets.elided_box import ElidedComboBox
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot

_SETTLE_MS = 120
"""While a person pans, nothing is counted."""

_LEAST_SHARE_PERCENT = 1e-4
"""Where a logarithmic axis begins: one pixel in a million."""

_LOG_POWERS = range(-4, 3)


class HistogramPart(Enum):
    """What is counted; the value is its name."""

    WHOLE = mark("Whole photo")
    VISIBLE = mark("What is in view")
    REGION = mark("Marked region")


@dataclass(frozen=True)
class _Counted:
    """What the background thread has counted.

    Attributes:
        histograms: One a picture.
        levels: Values at the ends of the axis, in the file of which 1 is the greatest number.
        peak: What a value of 1 is in the numbers of that file.
    """

    histograms: tuple[Histogram, ...]
    levels: DisplayLevels
    peak: float


class HistogramView(QWidget):
    """Follows a viewer, as long as it is seen itself; counts in the background.

    Attributes:
        part_box: Chooses what is counted.
        log_box: Chooses a logarithmic axis.
    """

    def __init__(self, viewer: CompareViewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._counted: _Counted | None = None
        self._task = LatestTask(self, finished=self._show)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._count)
        self.part_box = ElidedComboBox()
        self.part_box.setAccessibleName(tr("What is counted"))
        for part in HistogramPart:
            self.part_box.addItem(tr(part.value), part)
        self.part_box.activated.connect(self._count)
        self.log_box = QCheckBox(tr("Logarithmic"))
        self.log_box.setToolTip(tr("Shows rare values too: each line of the grid is ten times the one below."))
        self.log_box.toggled.connect(self._draw)
        self._note = label("", "caption")
        self._plot = ThemedPlot(
            "",
            tr("brightness (level)"),
            tr("pixels (%)"),
            tr("How often each brightness occurs (histogram); of colours, 21 % red, 72 % green and 7 % blue."),
        )
        self._plot.setAccessibleName(tr("Histogram"))
        controls = in_row(self.part_box, self.log_box, self._note, Stretch(1), spacing=2 * SPACING)
        in_column(controls, (self._plot, 1), of=self, margins=(SPACING, SPACING // 2, SPACING, 0), spacing=SPACING // 2)
        viewer.panels_shown.connect(self._ask)
        viewer.region_changed.connect(self._ask)
        viewer.view_transform.changed.connect(self._follow_view)
        viewer.offsets.changed.connect(self._follow_view)

    @property
    def part(self) -> HistogramPart:
        """What is counted."""
        part = self.part_box.currentData()
        assert isinstance(part, HistogramPart)
        return part

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        """What is shown."""
        return () if self._counted is None else self._counted.histograms

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
        self._count()

    @Slot()
    def _ask(self) -> None:
        if self.isVisible():
            self._settle.start()

    @Slot()
    def _follow_view(self) -> None:
        if self.part is HistogramPart.VISIBLE:
            self._ask()

    @Slot()
    def _count(self) -> None:
        self._settle.stop()
        pictures = [(index, pane) for index, pane in enumerate(self._viewer.panes) if isinstance(pane, Picture)]
        is_unmarked = self.part is HistogramPart.REGION and self._viewer.region is None
        if not self.isVisible() or not pictures or is_unmarked:
            self._task.cancel()
            self._counted = None
            self._note.setText(tr("Mark a region: drag with Shift.") if is_unmarked else "")
            self._draw()
            return
        parts = [(picture, self._part_of(index, picture)) for index, picture in pictures]
        self._task.submit(partial(_count_all, parts, self._viewer.is_stretched))

    def _part_of(self, index: int, picture: Picture) -> QRect | None:
        """What is counted of one picture, in its own pixels; None: the whole."""
        transform = self._viewer.view_transform
        scene = QRectF(0, 0, transform.scene_size.width(), transform.scene_size.height())
        if self.part is HistogramPart.WHOLE:
            return None
        if self.part is HistogramPart.REGION:
            part = QRectF(self._viewer.region or QRect())
        else:
            viewport = transform.viewport
            corner = transform.to_scene(QRectF(0, 0, 1, 1).topLeft(), viewport) - self._viewer.offsets.of(index)
            part = QRectF(corner, viewport / transform.scale)
        return own_pixels(picture.size, scene, part)

    @Slot(object)
    def _show(self, counted: _Counted) -> None:
        self._counted = counted
        numbers = {histogram.num_pixels for histogram in counted.histograms}
        number = format_number(max(numbers))
        self._note.setText(tr("{number} pixels each").format(number=number) if len(numbers) == 1 else "")
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if self._counted is None:
            self._plot.set_drawing(None)
        else:
            self._plot.set_drawing(partial(self._draw_curves, self._counted, self.log_box.isChecked()))

    def _draw_curves(self, counted: _Counted, is_log: bool, colors: Palette) -> None:
        plot = self._plot.plot
        plot.setLogMode(x=False, y=is_log)
        plot.getAxis("left").setTicks([_log_ticks()] if is_log else None)
        values = bin_values(counted.levels.black, counted.levels.white, counted.peak)
        lines = [*colors.plot_lines, colors.text]
        top = max((float(h.shares.max()) for h in counted.histograms), default=0.0) * 100
        for position, histogram in enumerate(counted.histograms):
            percent = histogram.shares * 100
            drawn = np.maximum(percent, _LEAST_SHARE_PERCENT) if is_log else percent
            color = lines[position % len(lines)]
            # Alike pictures lie on each other: the later ones are dashed, so that the first shows through.
            style = Qt.PenStyle.SolidLine if position == 0 else Qt.PenStyle.DashLine
            plot.plot(values, drawn, pen=pg.mkPen(color, width=1.5, style=style))
        plot.setXRange(values[0], values[-1], padding=0.01)
        if is_log:
            low, high = float(np.log10(_LEAST_SHARE_PERCENT)), float(np.log10(max(top, 1.0)))
        else:
            low, high = 0.0, max(top, 1e-3) * 1.05
        plot.setYRange(low, high, padding=0)
        names = [(one.title, lines[position % len(lines)]) for position, one in enumerate(counted.histograms)]
        self._plot.write_names(names, values[-1], high, to_left=True)


def _log_ticks() -> list[tuple[int, str]]:
    return [(power, short_number(f"{10.0**power:g}")) for power in _LOG_POWERS]


def _count_all(parts: list[tuple[Picture, QRect | None]], is_stretched: bool) -> _Counted:
    """Count in the background thread."""
    common = CommonLevels.of(parts[0][0], is_stretched=is_stretched)
    histograms = []
    for picture, part in parts:
        levels = common.shown(picture)
        histograms.append(histogram_of(picture, part, levels.black, levels.white))
    of_axis = deepest([picture for picture, _ in parts])
    return _Counted(tuple(histograms), common.shown(of_axis), of_axis.peak)
