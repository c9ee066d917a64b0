"""A row of buttons that is as narrow as must be: what does not fit goes into a menu."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.layouts import in_row
from app.look.theme import SPACING
from app.widgets.overflow import OverflowButton


class FoldingRow(QWidget):
    """Buttons that are offered at times, and only as far as there is room shown as themselves.

    Attributes:
        overflow: Holds the others.
    """

    def __init__(self, controls: Mapping[QWidget, str], parent: QWidget | None = None) -> None:
        """Offer nothing yet.

        Args:
            controls: From left to right, each with what it is called in the menu; the first goes there first.
            parent: Owner.
        """
        super().__init__(parent)
        self.overflow = OverflowButton()
        self._offered: dict[QWidget, bool] = {}
        layout = in_row(of=self, margins=0)
        for control, text in controls.items():
            self.overflow.watch(control, text)
            layout.addWidget(control)
        layout.addWidget(self.overflow)
        for control in controls:
            self.offer(control, False)
        # The wish comes from `sizeHint`; of less it makes do.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def offer(self, control: QWidget, is_offered: bool) -> None:
        """Show a control, or offer it in the menu, or take it away altogether."""
        if self._offered.get(control) is not is_offered:
            self._offered[control] = is_offered
            self.overflow.withdraw(control, not is_offered)
            self._fit()
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        shown = [control.sizeHint() for control, is_offered in self._offered.items() if is_offered]
        width = sum(size.width() for size in shown) + SPACING * max(0, len(shown) - 1)
        return QSize(width, max((size.height() for size in shown), default=0))

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), self.overflow.sizeHint().width()), hint.height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            # A control's text, or the style, has become another.
            self._fit()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.overflow.fit(self.width() + SPACING, SPACING)
        if self.overflow.isHidden() and self.overflow.isVisible():
            # WORKAROUND: shown with its row although it was hidden before, and then Qt takes hiding it for done.
            self.overflow.show()
            self.overflow.hide()
