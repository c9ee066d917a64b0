"""Columns that can be drawn wider and narrower, below one another where there is no room for all of them."""

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from app.look.theme import SPACING


class FittingSplitter(QSplitter):
    """Stands its parts beside one another as far as they fit, else below one another, for the page to scroll."""

    def __init__(
        self,
        parts: Sequence[tuple[QWidget, int]],
        widths_px: Sequence[int],
        handle_px: int = 2 * SPACING,
        gap_px: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        """Lay out.

        Args:
            parts: From left to right, or from top to bottom; each with the least height that it has below others,
                where it might otherwise shrink to a line.
            widths_px: Of each, at first.
            handle_px: Between two parts.
            gap_px: Between a handle and the part beside it, which then has a layout.
            parent: Owner.
        """
        super().__init__(Qt.Orientation.Horizontal, parent, childrenCollapsible=False, handleWidth=handle_px)
        self._least_heights = dict(parts)
        self._gap_px = gap_px
        self._widths_px = list(widths_px)
        self._beside = QByteArray()
        """The widths that were drawn, or given since; empty: those from the beginning hold."""
        for part in self._least_heights:
            self.addWidget(part)
        self._leave_gaps()
        super().setSizes(self._widths_px)
        self.splitterMoved.connect(self._keep_widths)

    @property
    def is_stacked(self) -> bool:
        """Whether the parts are below one another."""
        return self.orientation() is Qt.Orientation.Vertical

    def minimumSizeHint(self) -> QSize:
        # The width of one part, or several could never come to stand below one another.
        sizes = [_least(part) for part in self._shown()]
        heights = [size.height() for size in sizes]
        height = sum(heights) + self._handles_px if self.is_stacked else max(heights, default=0)
        return QSize(max((size.width() for size in sizes), default=0), height)

    def setSizes(self, sizes: Sequence[int]) -> None:
        super().setSizes(sizes)
        self._keep_widths()

    def saveState(self) -> QByteArray:
        # What is kept is what a person drew: widths.
        return self._beside if self.is_stacked else super().saveState()

    def restoreState(self, state: QByteArray | bytes | bytearray | memoryview) -> bool:
        is_restored = super().restoreState(state)
        self._fit()
        if is_restored:
            self._beside = QByteArray(state)
        return is_restored

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _shown(self) -> list[QWidget]:
        return [part for part in self._least_heights if not part.isHidden()]

    @property
    def _handles_px(self) -> int:
        """What all handles take; a style sheet adds to their width."""
        hint = self.handle(0).sizeHint()
        return (hint.height() if self.is_stacked else hint.width()) * (len(self._shown()) - 1)

    def _fit(self) -> None:
        widths = [_least(part).width() for part in self._shown()]
        must_stack = sum(widths) + self._handles_px > self.width()
        if must_stack and not self.is_stacked:
            self.setOrientation(Qt.Orientation.Vertical)
            self._leave_gaps()
        elif not must_stack and self.is_stacked:
            # Qt would take widths for heights as long as it stands upright, and keep the least of them.
            self.setOrientation(Qt.Orientation.Horizontal)
            for part in self._least_heights:
                part.setMinimumHeight(0)
            if self._beside.isEmpty():
                super().setSizes(self._widths_px)
            else:
                super().restoreState(self._beside)
            self._leave_gaps()
        for part, height in self._least_heights.items():
            # Qt's splitter does not ask how high wrapped text becomes.
            part.setMinimumHeight(max(height, _height_for(part, self.width())) if must_stack else 0)

    @Slot()
    def _keep_widths(self) -> None:
        if not self.is_stacked:
            self._beside = super().saveState()

    def _leave_gaps(self) -> None:
        parts = list(self._least_heights)
        for part in parts if self._gap_px else ():
            before, behind = self._gap_px * (part is not parts[0]), self._gap_px * (part is not parts[-1])
            layout = part.layout()
            assert layout is not None
            layout.setContentsMargins(*((0, before, 0, behind) if self.is_stacked else (before, 0, behind, 0)))
        self.updateGeometry()


def _least(part: QWidget) -> QSize:
    return part.minimumSizeHint().expandedTo(part.minimumSize())


def _height_for(part: QWidget, width: int) -> int:
    layout = part.layout()
    return layout.totalMinimumHeightForWidth(width) if layout is not None and layout.hasHeightForWidth() else 0
