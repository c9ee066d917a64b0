"""The invitation to drop folders and files, for pages that are still empty."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal, Slot
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from app.look.layouts import Stretch, in_column, in_row
from app.look.palette import Sizes
from app.look.text import IconLabel, label
from app.look.theme import SPACING, Theme, follow_theme, palette
from app.widgets.room.fitting_grid import centred_grid


def dropped_paths(data: QMimeData) -> list[Path]:
    """Return the local folders and files that are being dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile() and url.toLocalFile()]


def take_as_copy(event: QDropEvent) -> None:
    """Accept what is dragged or dropped, and tell where it comes from that it stays there.

    A file manager may propose to move. Agreed to, it would take what was moved for gone, and might delete it.
    """
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


class DropZone(QFrame):
    """A dashed frame with a sentence and buttons that do the same as dropping.

    Signals:
        dropped: Folders and files (list of Path).
    """

    dropped = Signal(list)

    def __init__(
        self, icon: str, heading: str, sentence: str, buttons: Sequence[QPushButton], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("DropZone")
        self.setAcceptDrops(True)
        heading_label = label(heading, "title", wraps=True)
        sentence_label = label(sentence, "muted", wraps=True)
        for part in (heading_label, sentence_label):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._wrapped = (heading_label, sentence_label)
        follow_theme(self._fit)
        row = in_row(Stretch(1), centred_grid(buttons), Stretch(1))
        in_column(
            Stretch(),
            (IconLabel(icon, "text_muted", 56), 0, Qt.AlignmentFlag.AlignHCenter),
            heading_label,
            sentence_label,
            row,
            Stretch(),
            of=self,
            margins=4 * SPACING,
            spacing=2 * SPACING,
        )

    @Slot()
    def _fit(self) -> None:
        # Large text in a narrow column would ask for more height than a small window has.
        for part in self._wrapped:
            part.setMinimumWidth(Theme.of_application().px(320))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            take_as_copy(event)
            self._set_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_active(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_active(False)
        paths = dropped_paths(event.mimeData())
        if paths:
            take_as_copy(event)
            self.dropped.emit(paths)

    def _set_active(self, active: bool) -> None:
        self.setProperty("active", active)
        self.style().unpolish(self)
        self.style().polish(self)


class DropOverlay(QWidget):
    """Lies over the page while something is dragged over the window, and says what dropping it would do."""

    def __init__(self, page_area: QWidget) -> None:
        super().__init__(page_area)
        self._page_area = page_area
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._text = ""
        self.hide()

    def show_text(self, text: str) -> None:
        """Cover the page area."""
        self._text = text
        self.setGeometry(self._page_area.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = palette()
        veil = QColor(colors.window)
        veil.setAlpha(215)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(colors.accent), 2, Qt.PenStyle.DashLine))
        frame = self.rect().adjusted(2 * SPACING, 2 * SPACING, -2 * SPACING, -2 * SPACING)
        painter.drawRoundedRect(frame, SPACING, SPACING)
        font = QFont(self.font())
        font.setPixelSize(Sizes(Theme.of_application().text_scale).title)
        painter.setFont(font)
        painter.setPen(QColor(colors.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
