"""How the pictures are shown: a panel that opens below the bar. Nothing of it changes a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QGridLayout,
    QLabel,
    QRadioButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.core.actions import tip_with_keys
from app.look.buttons import quiet_button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, set_role
from app.look.translation import format_number, mark, short_number, signed_number, tr
from app.viewer.canvas.image_canvas import Backdrop
from app.viewer.compare_viewer import CompareViewer
from app.viewer.flicker_timer import FLICKER_INTERVALS_MS
from app.viewer.tiles.display_settings import EXPOSURE_RANGE_STOPS, GAMMA_RANGE
from app.viewer.tiles.tile_mosaic import Interpolation
from app.widgets.elided_box import ElidedComboBox

_BACKDROPS = {Backdrop.GRAY: mark("Gray"), Backdrop.BLACK: mark("Black"), Backdrop.WHITE: mark("White")}
_INTERPOLATIONS = {
    Interpolation.AUTOMATIC: mark("Automatic"),
    Interpolation.NEAREST: mark("Squares"),
    Interpolation.SMOOTH: mark("Smooth"),
}
_EXPOSURE_STEPS_PER_STOP = 4
_GAMMA_FACTOR = 1.1
_GAMMA_REACH = 16
"""Slider steps to either side of 1; the factor to this power comes close to the end of the range."""
_SLIDER_PX = 180
_NUMBER_SAMPLE = "+10.00 EV"


class LooksPanel(QFrame):
    """Background, enlargement, brightness, false colours, flicker; follows the viewer.

    Attributes:
        exposure_slider: In quarters of a stop.
        gamma_slider: In steps of a tenth, as factors.
        boxes: The switches by name.
        levels_button: Asks for what is black and white in the photo, which counts for more than looking.
    """

    def __init__(self, viewer: CompareViewer, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        set_role(self, "card")
        self._viewer = viewer
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACING)
        self._grid.setVerticalSpacing(SPACING)
        layout = in_column(self._grid, of=self, margins=2 * SPACING)
        self._backdrops = _Choices(_BACKDROPS)
        self._backdrops.chosen.connect(viewer.set_backdrop)
        self._interpolations = _Choices(_INTERPOLATIONS)
        self._interpolations.setToolTip(tip_with_keys(tr("Automatic is smooth up to 200 %"), "view.smooth"))
        self._interpolations.chosen.connect(viewer.set_interpolation)
        self.exposure_slider, self._exposure = self._number_slider(
            round(EXPOSURE_RANGE_STOPS[1] * _EXPOSURE_STEPS_PER_STOP),
            tr("Exposure"),
            tip_with_keys(tr("Shows all pictures brighter or darker, as a longer exposure would"), "view.brighter"),
        )
        self.exposure_slider.valueChanged.connect(self._set_exposure)
        self.gamma_slider, self._gamma = self._number_slider(
            _GAMMA_REACH,
            tr("Gamma"),
            tip_with_keys(tr("Lifts the shadows of all pictures, or lowers them"), "view.gamma_up"),
        )
        self.gamma_slider.valueChanged.connect(self._set_gamma)
        self._add_row(tr("Background"), self._backdrops)
        self._add_row(tr("Enlarged pixels"), self._interpolations)
        self._add_row(tr("Exposure"), _beside(self.exposure_slider, self._exposure))
        self._add_row(tr("Gamma"), _beside(self.gamma_slider, self._gamma))
        self.boxes = self._build_boxes(layout)
        self._build_flicker(layout)
        self.levels_button = quiet_button(tr("Black and white by hand…"), "sliders-horizontal")
        self.levels_button.setToolTip(tip_with_keys(tr("Black and white of the photo by hand"), "window.levels"))
        self.levels_button.clicked.connect(self.hide)
        layout.addWidget(self.levels_button, alignment=Qt.AlignmentFlag.AlignLeft)
        reset = quiet_button(tr("As it was taken"), "arrow-counter-clockwise")
        reset.setToolTip(tip_with_keys(tr("Puts exposure, gamma and moved panes back"), "view.reset_looking"))
        reset.clicked.connect(viewer.reset_looking)
        layout.addWidget(reset, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(label(tr("For looking only: nothing of this is saved in a photo."), "caption"))
        layout.addWidget(label(tr("Drag with Shift to measure a region, with Alt to move one pane alone."), "caption"))
        layout.addWidget(label(tr("Drag with Shift and Ctrl to draw the line of the profile."), "caption"))
        viewer.state_changed.connect(self._follow)
        self._follow()

    def open_below(self, button: QWidget) -> None:
        """Open below a button, within the window."""
        self.adjustSize()
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + SPACING // 2))
        window = button.window()
        leftmost = window.mapToGlobal(QPoint(SPACING, 0)).x()
        self.move(max(corner.x(), leftmost), corner.y())
        self.show()
        self.exposure_slider.setFocus()

    def event(self, event: QEvent) -> bool:
        """Keep Escape from the page, where it means something else: here it closes the panel."""
        is_override = event.type() == QEvent.Type.ShortcutOverride
        if is_override and isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Cancel):
            event.accept()
            return True
        return super().event(event)

    def _add_row(self, name: str, control: QWidget) -> None:
        row = self._grid.rowCount()
        self._grid.addWidget(label(name), row, 0)
        self._grid.addWidget(control, row, 1)

    def _number_slider(self, reach: int, name: str, tip: str) -> tuple[QSlider, QLabel]:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(-reach, reach)
        slider.setMinimumWidth(Theme.of_application().px(_SLIDER_PX))
        slider.setAccessibleName(name)
        slider.setToolTip(tip)
        number = label("")
        number.setMinimumWidth(number.fontMetrics().horizontalAdvance(_NUMBER_SAMPLE))
        return slider, number

    def _build_boxes(self, layout: QVBoxLayout) -> dict[str, QCheckBox]:
        viewer = self._viewer
        rows = {
            "stretched": (
                tr("Spread dim pictures over the full range"),
                tr("For microscopy and night shots; all panes by the same levels."),
                viewer.set_stretched,
            ),
            "false_colours": (
                tr("False colours"),
                tip_with_keys(
                    tr("Brightness on a colour scale that colour-blind people can read, too"), "view.false_colours"
                ),
                viewer.set_false_colours,
            ),
            "signed": (
                tr("Difference with its sign"),
                tip_with_keys(tr("In the difference: gray is equal, brighter is more"), "view.signed"),
                viewer.set_signed,
            ),
            "grid": (
                tr("Lines between pixels"),
                tip_with_keys(tr("Once a photo pixel takes twelve of the screen or more"), "view.pixel_grid"),
                viewer.set_pixel_grid,
            ),
        }
        boxes: dict[str, QCheckBox] = {}
        for name, (text, tip, set_value) in rows.items():
            boxes[name] = QCheckBox(text)
            boxes[name].setToolTip(tip)
            boxes[name].toggled.connect(set_value)
            layout.addWidget(boxes[name])
        return boxes

    def _build_flicker(self, layout: QVBoxLayout) -> None:
        timer = self._viewer.flicker_timer
        self.flicker_box = QCheckBox(tr("Flicker by itself, every"))
        self.flicker_box.setToolTip(tip_with_keys(tr("Shows pane after pane at one place"), "view.flicker_timer"))
        self.flicker_box.toggled.connect(lambda is_on: timer.start() if is_on else timer.stop())
        self._interval_box = ElidedComboBox()
        self._interval_box.setAccessibleName(tr("How long each pane is shown"))
        for interval_ms in FLICKER_INTERVALS_MS:
            self._interval_box.addItem(
                tr("{seconds} s").format(seconds=short_number(f"{interval_ms / 1000:g}")), interval_ms
            )
        self._interval_box.activated.connect(lambda row: timer.set_interval(FLICKER_INTERVALS_MS[row]))
        row = in_row(self.flicker_box, self._interval_box, Stretch(1), spacing=None)
        layout.addLayout(row)

    @Slot(int)
    def _set_exposure(self, steps: int) -> None:
        self._viewer.set_exposure(steps / _EXPOSURE_STEPS_PER_STOP)

    @Slot(int)
    def _set_gamma(self, steps: int) -> None:
        self._viewer.set_gamma(gamma_of(steps))

    @Slot()
    def _follow(self) -> None:
        viewer = self._viewer
        self._backdrops.choose(viewer.backdrop)
        self._interpolations.choose(viewer.interpolation)
        for name, value in (
            ("stretched", viewer.is_stretched),
            ("false_colours", viewer.has_false_colours),
            ("signed", viewer.is_signed),
            ("grid", viewer.has_pixel_grid),
        ):
            self.boxes[name].setChecked(value)
        _set_quietly(self.exposure_slider, round(viewer.exposure_stops * _EXPOSURE_STEPS_PER_STOP))
        _set_quietly(self.gamma_slider, steps_of(viewer.gamma))
        self._exposure.setText(tr("{stops} EV").format(stops=signed_number(viewer.exposure_stops, 2)))
        self._gamma.setText(format_number(viewer.gamma, 2))
        self.flicker_box.setChecked(viewer.flicker_timer.is_running)
        self._interval_box.setCurrentIndex(self._interval_box.findData(viewer.flicker_timer.interval_ms))


def gamma_of(steps: int) -> float:
    """Return the gamma of a slider position: a tenth more a step, held in the viewer's range."""
    low, high = GAMMA_RANGE
    return float(min(max(_GAMMA_FACTOR**steps, low), high))


def steps_of(gamma: float) -> int:
    """Return the slider position of a gamma."""
    return round(math.log(gamma) / math.log(_GAMMA_FACTOR))


class _Choices(QWidget):
    """A few choices of which one holds, as buttons in a row.

    Signals:
        chosen(Enum): The person has chosen another.
    """

    chosen = Signal(object)

    def __init__(self, names: Mapping[Any, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = in_row(of=self, margins=0, spacing=SPACING // 2)
        group = QButtonGroup(self)
        self._buttons: dict[Any, QRadioButton] = {}
        for value, name in names.items():
            choice = QRadioButton(tr(name))
            choice.clicked.connect(partial(self._choose, value))
            group.addButton(choice)
            layout.addWidget(choice)
            self._buttons[value] = choice
        layout.addStretch(1)

    def choose(self, value: Enum) -> None:
        """Show which one holds."""
        self._buttons[value].setChecked(True)

    def _choose(self, value: Enum, _checked: bool = False) -> None:
        self.chosen.emit(value)


def _beside(first: QWidget, second: QWidget) -> QWidget:
    row = QWidget()
    in_row((first, 1), second, of=row, margins=0)
    return row


def _set_quietly(slider: QSlider, value: int) -> None:
    """Show a value that came from elsewhere, which may lie between two positions, without changing it."""
    slider.blockSignals(True)
    slider.setValue(value)
    slider.blockSignals(False)
