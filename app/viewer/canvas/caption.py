"""The line above a pane: what it shows, which one, and how good it is."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import SPACING, Theme, palette

_LEAST_DETAIL_PX = 40


class PaneCaption(QWidget):
    """Title, detail and figures on one line, above the picture rather than over it.

    Where there is too little room the detail goes first, then the end of the title; a figure is there whole or not at
    all.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = self._detail = self._figures = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        Theme.of_application().changed.connect(self.updateGeometry)

    @property
    def text(self) -> str:
        """All that it says."""
        return "  ".join(part for part in (self._title, self._detail, self._figures) if part)

    def show_text(self, title: str, detail: str, figures: str) -> None:
        """Say something else.

        Args:
            title: What the pane shows.
            detail: Which one; shortened where there is no room.
            figures: PSNR and SSIM, or that there is no reference.
        """
        self._title, self._detail, self._figures = title, detail, figures
        self.setToolTip(self.text)
        self.setAccessibleName(self.text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, QFontMetrics(self._fonts()[0]).height() + SPACING)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = palette()
        bold, small = self._fonts()
        bold_metrics, small_metrics = QFontMetrics(bold), QFontMetrics(small)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colors.panel))
        room = self.rect().adjusted(SPACING, 0, -SPACING, 0)
        middle = Qt.AlignmentFlag.AlignVCenter

        figures_room = room.width() * 2 // 3
        figures = self._figures
        if small_metrics.horizontalAdvance(figures) > figures_room:
            # The first figure whole says more than both cut off.
            figures = figures.split(" · ")[0]
        if small_metrics.horizontalAdvance(figures) > figures_room:
            # Cut off, it would say another number, and leave no room for what the pane shows.
            figures = ""
        figures_width = small_metrics.horizontalAdvance(figures)
        painter.setFont(small)
        painter.setPen(QColor(colors.text_muted))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, figures)

        title_room = room.width() - figures_width - (SPACING if figures else 0)
        title = bold_metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, max(0, title_room))
        title_width = bold_metrics.horizontalAdvance(title)
        detail_room = title_room - title_width - SPACING
        if self._detail and detail_room >= _LEAST_DETAIL_PX:
            detail = small_metrics.elidedText(self._detail, Qt.TextElideMode.ElideMiddle, detail_room)
            painter.drawText(QRect(room.left() + title_width + SPACING, 0, detail_room, self.height()), middle, detail)
        painter.setFont(bold)
        painter.setPen(QColor(colors.text))
        painter.drawText(QRect(room.left(), 0, max(0, title_room), self.height()), middle, title)

    def _fonts(self) -> tuple[QFont, QFont]:
        """Fonts of the title and of the rest."""
        theme = Theme.of_application()
        bold, small = self.font(), self.font()
        bold.setPixelSize(theme.px(13))
        bold.setWeight(QFont.Weight.DemiBold)
        small.setPixelSize(theme.px(11))
        return bold, small
