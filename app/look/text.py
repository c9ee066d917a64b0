"""Labels in the few looks that the window has."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.look.theme import ICON_PX, Theme, follow_theme, set_role, themed_icon


def label(text: str, role: str = "", *, wraps: bool = False, parent: QWidget | None = None) -> QLabel:
    """Return a label of plain text.

    Args:
        text: What it says; never interpreted as markup.
        role: "title", "section", "caption", "muted", "warning", "strong", "figure", or "" for body text.
        wraps: Whether it may take several lines.
        parent: Its owner.
    """
    result = QLabel(text, parent, textFormat=Qt.TextFormat.PlainText, wordWrap=wraps)
    if wraps:
        result.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    set_role(result, role)
    return result


class ElidedLabel(QLabel):
    """A label of one line that shortens its text with an ellipsis and then shows the whole as tooltip."""

    def __init__(
        self,
        text: str = "",
        role: str = "",
        *,
        elide_mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        least_px: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        """Show a text.

        Args:
            text: In one line.
            role: As for `set_role`.
            elide_mode: Where it is shortened.
            least_px: Width that it keeps beside others, whatever the text scale, though no more than its text needs.
            parent: Owner.
        """
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._elide_mode = elide_mode
        self._least_px = least_px
        self._text = ""
        set_role(self, role)
        self.set_text(text)

    @property
    def whole_text(self) -> str:
        """The text before it is shortened."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._text = text
        self.updateGeometry()
        self._elide()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._text) + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        kept = min(self.sizeHint().width(), self._least_px)
        width = max(self.fontMetrics().horizontalAdvance("…") * 2, kept)
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        shown = QFontMetrics(self.font()).elidedText(self._text, self._elide_mode, max(0, self.width()))
        self.setText(shown)
        self.setToolTip(self._text if shown != self._text else "")


class IconLabel(QWidget):
    """An icon that follows the theme."""

    def __init__(self, icon: str, color: str = "text", size_px: int = ICON_PX, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size_px = size_px
        self._icon = themed_icon(icon, color)
        follow_theme(self._fit)

    def set_icon(self, icon: str, color: str = "text") -> None:
        """Show another icon."""
        self._icon = themed_icon(icon, color)
        self.update()

    @Slot()
    def _fit(self) -> None:
        side = Theme.of_application().px(self._size_px)
        self.setFixedSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._icon.paint(QPainter(self), self.rect())
