"""Walking through the pages of a stack: a slider for each of its axes."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QLayout, QSlider, QWidget

from app.core.session import Session
from app.jobs.latest_task import LatestTask
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import format_number, tr
from engine.contracts.photo import PhotoRef
from engine.photo_files.tiff.stack_reading import PAGE_AXIS, SERIES_AXIS, StackLayout, read_layout

_SETTLE_MS = 60
"""A page is read once the slider has stood still for so long."""

_LEAST_SLIDER_PX = 60


class PageSlider(QWidget):
    """One row below a picture; hidden where the current photo is no stack.

    Follows the session, and says to it which page is looked at.

    Attributes:
        sliders: One for each axis, from the slowest to the fastest.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._stack: PhotoRef | None = None
        self._layout_of_stack: StackLayout | None = None
        self._labels: list[QLabel] = []
        self.sliders: list[QSlider] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(SPACING, 0, SPACING, 0)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(0)
        self._grid.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._reading = LatestTask(self, finished=self._take_layout)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._choose)
        session.current_photo_changed.connect(self.follow)
        session.photos_changed.connect(self.follow)
        self.hide()
        self.follow()

    @property
    def is_busy(self) -> bool:
        """Whether the axes are being read, or a page is about to be chosen."""
        return self._reading.is_busy or self._settle.isActive()

    @property
    def texts(self) -> list[str]:
        """What stands before each slider: "T 3 of 30"."""
        axes = () if self._layout_of_stack is None else self._layout_of_stack.axes
        return [
            _axis_text(name, slider.value() + 1, size) for (name, size), slider in zip(axes, self.sliders, strict=True)
        ]

    def minimumSizeHint(self) -> QSize:
        """As wide as one axis: where there is no room for all beside one another, they stand below one another."""
        return QSize(self._width_of_axis() + 2 * SPACING, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def shut_down(self) -> None:
        """Wait for the background thread."""
        self._settle.stop()
        self._reading.shut_down()

    @Slot()
    def follow(self) -> None:
        """Show the page that is looked at."""
        current = self._session.current_photo
        scanned = None if current is None else self._session.photo(current)
        if current is None or scanned is None or not scanned.pages:
            self._stack = None
            self._settle.stop()
            self._reading.cancel()
            self._show_layout(None)
            return
        if current != self._stack:
            self._stack = current
            # Until the file has said more, one page after the other.
            self._show_layout(StackLayout(axes=((PAGE_AXIS, len(scanned.pages)),), pages=scanned.pages))
            file, pages = current.file, scanned.pages
            self._reading.submit(lambda: (current, read_layout(file, pages)))
        self._show_page()

    @Slot(object)
    def _take_layout(self, found: tuple[PhotoRef, StackLayout]) -> None:
        stack, layout = found
        if stack == self._stack and layout != self._layout_of_stack:
            self._show_layout(layout)
            self._show_page()

    def _show_layout(self, layout: StackLayout | None) -> None:
        if layout == self._layout_of_stack:
            return
        self._layout_of_stack = layout
        for widget in (*self._labels, *self.sliders):
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._labels, self.sliders = [], []
        for name, size in () if layout is None else layout.axes:
            text = label("", "muted")
            # As wide as it can become, so that nothing moves while a person slides.
            text.setMinimumWidth(text.fontMetrics().horizontalAdvance(_axis_text(name, size, size)) + SPACING // 2)
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, size - 1)
            slider.setPageStep(max(1, size // 10))
            slider.setMinimumWidth(_LEAST_SLIDER_PX)
            slider.setToolTip(tr("Another page of the stack; the arrow keys step through it."))
            slider.valueChanged.connect(self._on_moved)
            self._labels.append(text)
            self.sliders.append(slider)
        self._columns = 0
        self._arrange()
        self.setVisible(layout is not None)

    def _width_of_axis(self) -> int:
        return max((text.minimumWidth() for text in self._labels), default=0) + SPACING + _LEAST_SLIDER_PX

    def _arrange(self) -> None:
        """Put the axes beside one another, as many as there is room for."""
        num_axes = len(self.sliders)
        fitting = (self.width() - SPACING) // (self._width_of_axis() + SPACING)
        # Rows of one length, as far as that goes.
        num_rows = -(-num_axes // max(1, fitting))
        columns = -(-num_axes // num_rows) if num_rows else 0
        if columns == self._columns:
            return
        self._columns = columns
        for index, (text, slider) in enumerate(zip(self._labels, self.sliders, strict=True)):
            self._grid.addWidget(text, index // columns, 2 * (index % columns))
            self._grid.addWidget(slider, index // columns, 2 * (index % columns) + 1)
        # Those of the last stack, too.
        for column in range(max(self._grid.columnCount(), 2 * num_axes)):
            self._grid.setColumnStretch(column, int(column % 2 == 1 and column < 2 * columns))
        self.updateGeometry()

    def _show_page(self) -> None:
        shown, layout = self._session.shown_photo, self._layout_of_stack
        if shown is None or layout is None or shown.page not in layout.pages or self._settle.isActive():
            return
        for slider, place in zip(self.sliders, layout.places(shown.page), strict=True):
            slider.blockSignals(True)
            slider.setValue(place)
            slider.blockSignals(False)
        self._show_texts()

    def _show_texts(self) -> None:
        for text, widget, slider in zip(self.texts, self._labels, self.sliders, strict=True):
            widget.setText(text)
            slider.setAccessibleName(text)

    @Slot(int)
    def _on_moved(self, _value: int) -> None:
        self._show_texts()
        self._settle.start()

    @Slot()
    def _choose(self) -> None:
        layout = self._layout_of_stack
        if self._stack is not None and layout is not None:
            page = layout.page([slider.value() for slider in self.sliders])
            self._session.set_current_photo(PhotoRef(self._stack.file, page))


def _axis_text(name: str, place: int, size: int) -> str:
    title = {PAGE_AXIS: tr("Page"), SERIES_AXIS: tr("Series")}.get(name, name)
    return tr("{axis} {number} of {total}").format(axis=title, number=format_number(place), total=format_number(size))
