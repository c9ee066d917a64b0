"""Room for content that may need more than the window gives: filled by it, scrolled only where it would be cut."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

LEAST_SEEN_PX = 160
"""What is seen at least of columns that scroll above a page's buttons; with less, the page itself scrolls."""


class ScrollRoom(QScrollArea):
    """Gives a widget all the room that there is, and never less than it needs.

    Qt's own `widgetResizable` gives wrapped text its preferred height: pages would scroll that fit well.
    """

    def __init__(
        self,
        content: QWidget,
        *,
        scrolls_sideways: bool = True,
        least_height_px: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        """Give room.

        Args:
            content: What is shown.
            scrolls_sideways: Whether it may be cut at the right; else its least width is kept.
            least_height_px: Of the room, however little there is.
            parent: Owner.
        """
        super().__init__(parent)
        self.setMinimumHeight(least_height_px)
        self._content = content
        self._scrolls_sideways = scrolls_sideways
        if not scrolls_sideways:
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        content.installEventFilter(self)

    def sizeHint(self) -> QSize:
        hint = self._content.sizeHint().expandedTo(self._content.minimumSize()).boundedTo(self._content.maximumSize())
        return hint + QSize(self._bar_beside(), 0)

    def minimumSizeHint(self) -> QSize:
        # Sideways, what does not scroll must fit; all else may be as small as the window.
        return QSize(0 if self._scrolls_sideways else self._least().width() + self._bar_beside(), 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._content and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            self._fit()
        elif watched is self._content and event.type() == QEvent.Type.Resize and not self._scrolls_sideways:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _bar_beside(self) -> int:
        """Return the width of the bar that stands beside what must not scroll sideways."""
        is_shown = self.verticalScrollBarPolicy() is Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        return self.verticalScrollBar().sizeHint().width() if is_shown and not self._scrolls_sideways else 0

    def _least(self) -> QSize:
        return self._content.minimumSizeHint().expandedTo(self._content.minimumSize())

    def _least_height(self, width: int) -> int:
        layout = self._content.layout()
        if layout is None or not layout.hasHeightForWidth():
            return 0
        return layout.totalMinimumHeightForWidth(width)

    def _fit(self) -> None:
        room = self.maximumViewportSize()
        across, down = self.horizontalScrollBar().sizeHint().height(), self.verticalScrollBar().sizeHint().width()
        least = self._least()
        # A bar takes room of the other direction, in which there may then be too little.
        is_tall = least.height() > room.height()
        is_wide = least.width() > room.width() - (down if is_tall else 0)
        is_tall = least.height() > room.height() - (across if is_wide else 0)
        if not is_tall:
            # Wrapped text needs more of them the narrower it gets.
            width = max(room.width(), least.width())
            is_tall = self._least_height(width) > room.height() - (across if is_wide else 0)
        shown = QSize(room.width() - (down if is_tall else 0), room.height() - (across if is_wide else 0))
        least.setHeight(max(least.height(), self._least_height(max(shown.width(), least.width()))))
        self.setHorizontalScrollBarPolicy(_policy(is_wide and self._scrolls_sideways))
        if self.verticalScrollBarPolicy() is not _policy(is_tall):
            self.setVerticalScrollBarPolicy(_policy(is_tall))
            self.updateGeometry()
        self._content.resize(shown.expandedTo(least))


def _policy(is_shown: bool) -> Qt.ScrollBarPolicy:
    return Qt.ScrollBarPolicy.ScrollBarAlwaysOn if is_shown else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
