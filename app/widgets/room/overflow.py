"""A button that holds what of a bar does not fit, so that a narrow window loses nothing."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QAbstractButton, QMenu, QPushButton, QToolButton, QWidget

from app.look.buttons import IconButton
from app.look.theme import themed_icon
from app.look.translation import tr


class OverflowButton(IconButton):
    """Hides controls of its bar one after the other, and offers them in a menu instead."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setIcon(themed_icon("dots-three"))
        self.setToolTip(tr("More"))
        self.setAccessibleName(tr("More"))
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._texts: dict[QWidget, str] = {}
        self._withdrawn: set[QWidget] = set()
        self._is_fitting = False
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)
        self.hide()

    @property
    def hidden_controls(self) -> list[QWidget]:
        """What does not fit at present, the most dispensable first."""
        return [control for control in self._texts if control.isHidden() and control not in self._withdrawn]

    def watch(self, control: QWidget, text: str = "") -> None:
        """Take charge of a control's visibility.

        Args:
            control: Of those watched, the first goes first.
            text: What it is called in the menu; "" for one that only shows something, and is missed least.
        """
        self._texts[control] = text

    def withdraw(self, control: QWidget, is_withdrawn: bool) -> None:
        """Take a control away altogether, from the menu too; `fit` must follow."""
        if is_withdrawn:
            self._withdrawn.add(control)
        else:
            self._withdrawn.discard(control)

    def fit(self, room_px: int, spacing_px: int) -> None:
        """Hide as many controls as must be.

        Args:
            room_px: Width that they may take together, with the space before each.
            spacing_px: The space before each.
        """
        if self._is_fitting:
            # Qt lays a bar out while a part of it is being shown, and the bar asks anew. A part that were hidden
            # then would still be shown; of what has changed, the bar is told again by a LayoutRequest.
            return
        self._is_fitting = True
        try:
            self._share_out(room_px, spacing_px)
        finally:
            self._is_fitting = False

    def _share_out(self, room_px: int, spacing_px: int) -> None:
        widths = {
            control: control.sizeHint().width() + spacing_px
            for control in self._texts
            if control not in self._withdrawn
        }
        total, hidden = sum(widths.values()), set[QWidget]()
        for control, width in widths.items():
            own = self.sizeHint().width() + spacing_px if any(self._texts[other] for other in hidden) else 0
            if total + own <= room_px:
                break
            hidden.add(control)
            total -= width
        for control in self._texts:
            control.setVisible(control in widths and control not in hidden)
        self.setVisible(any(self._texts[control] for control in hidden))

    @Slot()
    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        for control in reversed(self.hidden_controls):
            text = self._texts[control]
            own_menu = control.menu() if isinstance(control, QToolButton | QPushButton) else None
            if own_menu is not None:
                own_menu.setTitle(text)
                menu.addMenu(own_menu)
            elif isinstance(control, QAbstractButton) and text:
                action = menu.addAction(control.icon(), text)
                action.setCheckable(control.isCheckable())
                action.setChecked(control.isChecked())
                action.setEnabled(control.isEnabled())
                action.triggered.connect(lambda _=False, control=control: control.click())
