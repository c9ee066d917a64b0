"""Stacks and tabs that ask for no more room than the shown widget needs.

Qt's own take the size of their largest widget: what is hidden would make a page scroll. Where text wraps, the layout
around asks Qt's inner layout for the height of all of them, whatever the stack itself answers; so each widget lies in a
place that wants nothing while it is hidden.
"""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QTabWidget, QWidget


class _Place(QWidget):
    """Where one of the widgets lies."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self._is_current = False
        content.setParent(self)
        content.show()

    def set_current(self, is_current: bool) -> None:
        """Want what the content wants, or nothing."""
        self._is_current = is_current
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return self.content.sizeHint().expandedTo(self.content.minimumSize()) if self._is_current else QSize(0, 0)

    def minimumSizeHint(self) -> QSize:
        if not self._is_current:
            return QSize(0, 0)
        return self.content.minimumSizeHint().expandedTo(self.content.minimumSize())

    def hasHeightForWidth(self) -> bool:
        return self._is_current and self.content.hasHeightForWidth()

    def heightForWidth(self, width: int) -> int:
        if not self._is_current:
            return -1
        layout = self.content.layout()
        if layout is None or not layout.hasHeightForWidth():
            return self.content.heightForWidth(width)
        # As little as it can do with: what is shown gets all that there is anyway.
        return max(layout.totalMinimumHeightForWidth(width), self.content.minimumHeight())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.content.setGeometry(self.rect())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().event(event)


class CurrentStack(QStackedWidget):
    """A stack that is as small as its shown widget may be."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(lambda _: self._follow())

    def addWidget(self, widget: QWidget) -> int:
        index = super().addWidget(_Place(widget))
        self._follow()
        return index

    def currentWidget(self) -> QWidget | None:
        place = super().currentWidget()
        return place.content if isinstance(place, _Place) else place

    def setCurrentWidget(self, widget: QWidget) -> None:
        super().setCurrentWidget(_place_of(widget))

    def _follow(self) -> None:
        _let_one_want(self)
        self.updateGeometry()


class CurrentTabs(QTabWidget):
    """Tabs that are as small as the shown one may be."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(lambda _: self._follow())

    def addTab(self, widget: QWidget, title: str) -> int:  # type: ignore[override]  # no icons
        index = super().addTab(_Place(widget), title)
        self._follow()
        return index

    def currentWidget(self) -> QWidget:
        place = super().currentWidget()
        return place.content if isinstance(place, _Place) else place

    def setCurrentWidget(self, widget: QWidget) -> None:
        super().setCurrentWidget(_place_of(widget))

    def _follow(self) -> None:
        inner = self.findChild(QStackedWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if inner is not None:
            _let_one_want(inner)
        self.updateGeometry()


def _place_of(content: QWidget) -> QWidget:
    place = content.parentWidget()
    return place if isinstance(place, _Place) else content


def _let_one_want(stack: QStackedWidget) -> None:
    for index in range(stack.count()):
        place = stack.widget(index)
        if isinstance(place, _Place):
            place.set_current(index == stack.currentIndex())
    layout = stack.layout()
    if layout is not None:
        # Hidden widgets do not tell Qt's layout that they want something else.
        layout.invalidate()
