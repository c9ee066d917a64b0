"""A line of text and buttons that is as narrow as must be: buttons that do not fit go into a menu."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.layouts import in_row
from app.look.text import ElidedLabel
from app.look.theme import SPACING
from app.widgets.room.fitted import FittedWidget
from app.widgets.room.overflow import OverflowButton


class FoldingRow(FittedWidget):
    """A text, and buttons that are offered at times, and only as far as there is room shown as themselves.

    Attributes:
        overflow: Holds the others.
    """

    def __init__(self, lead: ElidedLabel, controls: Mapping[QWidget, str], parent: QWidget | None = None) -> None:
        """Offer nothing yet.

        Args:
            lead: The text; it keeps the least width that it asks for, and gets what the buttons leave.
            controls: From left to right, each with what it is called in the menu; the first goes there first.
            parent: Owner.
        """
        super().__init__(parent)
        self.overflow = OverflowButton()
        self._lead = lead
        self._offered: dict[QWidget, bool] = {}
        layout = in_row((lead, 1), of=self, margins=0)
        for control, text in controls.items():
            self.overflow.watch(control, text)
            layout.addWidget(control)
        layout.addWidget(self.overflow)
        for control in controls:
            self.offer(control, False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def offer(self, control: QWidget, is_offered: bool) -> None:
        """Show a control, or offer it in the menu, or take it away altogether."""
        if self._offered.get(control) is not is_offered:
            self._offered[control] = is_offered
            self.overflow.withdraw(control, not is_offered)
            self._fit()
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        shown = [self._lead.sizeHint(), *self._offered_sizes()]
        return QSize(_width(shown), max(size.height() for size in shown))

    def minimumSizeHint(self) -> QSize:
        offered, lead = self._offered_sizes(), self._lead.minimumSizeHint()
        least = min(_width([lead, *offered]), _width([lead, self.overflow.sizeHint()]))
        return QSize(least, self.sizeHint().height())

    def _fit(self) -> None:
        self.overflow.fit(self.width() - self._lead.minimumSizeHint().width(), SPACING)

    def _offered_sizes(self) -> list[QSize]:
        return [control.sizeHint() for control, is_offered in self._offered.items() if is_offered]


def _width(shown: Sequence[QSize]) -> int:
    """Return what parts take beside one another."""
    return sum(size.width() for size in shown) + SPACING * (len(shown) - 1)
