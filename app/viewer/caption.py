"""The line above a pane: what it shows, which one, and how good it is."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme import SPACING, set_role
from app.widgets.text import ElidedLabel, label


class PaneCaption(QWidget):
    """Title, detail and figures on one line, above the picture rather than over it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        self._title = label("", "strong")
        self._detail = ElidedLabel("", "caption")
        self._figures = label("", "caption")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACING, 4, SPACING, 4)
        layout.setSpacing(SPACING)
        layout.addWidget(self._title)
        layout.addWidget(self._detail, 1)
        layout.addWidget(self._figures)

    @property
    def text(self) -> str:
        """All that it says."""
        parts = (self._title.text(), self._detail.whole_text, self._figures.text())
        return "  ".join(part for part in parts if part)

    def show_text(self, title: str, detail: str, figures: str) -> None:
        """Say something else.

        Args:
            title: What the pane shows.
            detail: Which one; shortened where there is no room.
            figures: PSNR and SSIM, or that there is no reference.
        """
        self._title.setText(title)
        self._detail.set_text(detail)
        self._figures.setText(figures)
