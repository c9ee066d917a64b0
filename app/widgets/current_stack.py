"""A stack of widgets that asks for no more room than the shown one needs."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QStackedWidget, QWidget


class CurrentStack(QStackedWidget):
    """Qt's own takes the size of its largest widget: what is hidden would make a page scroll."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(lambda _: self.updateGeometry())

    def sizeHint(self) -> QSize:
        shown = self.currentWidget()
        return super().sizeHint() if shown is None else self._framed(shown.sizeHint())

    def minimumSizeHint(self) -> QSize:
        shown = self.currentWidget()
        if shown is None:
            return super().minimumSizeHint()
        return self._framed(shown.minimumSizeHint().expandedTo(shown.minimumSize()))

    def _framed(self, size: QSize) -> QSize:
        """Add what a style's frame takes: what is shown would else be cut off by it."""
        return size + self.size() - self.contentsRect().size()
