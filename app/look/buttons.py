"""Buttons in the few looks that the window has."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QDialog, QHBoxLayout, QPushButton, QToolButton, QWidget

from app.look.layouts import Stretch, in_row
from app.look.theme import ICON_PX, Theme, follow_theme, set_role, themed_icon
from app.look.translation import tr

_ICON_GAP_PX = 5


def primary_button(text: str, icon: str = "", parent: QWidget | None = None) -> QPushButton:
    """Return the one primary button of a page, named by its verb and object."""
    return _push_button(text, "primary", icon, "on_accent", parent)


def button(text: str, icon: str = "", parent: QWidget | None = None) -> QPushButton:
    """Return an ordinary button."""
    return _push_button(text, "", icon, "text", parent)


def quiet_button(text: str, icon: str = "", parent: QWidget | None = None) -> QPushButton:
    """Return a button without a frame, for what is seldom needed."""
    return _push_button(text, "quiet", icon, "text", parent)


def icon_button(icon: str, tip: str, parent: QWidget | None = None) -> QToolButton:
    """Return a button of an icon alone; the tooltip is its name."""
    result = IconButton(parent)
    result.setIcon(themed_icon(icon))
    result.setToolTip(tip)
    result.setAccessibleName(tip)
    result.setAutoRaise(True)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    return result


def close_row(dialog: QDialog) -> QHBoxLayout:
    """Return the last row of a dialog that is only ever closed: its default button, on the right."""
    close_button = button(tr("Close"))
    close_button.clicked.connect(dialog.accept)
    close_button.setDefault(True)
    return in_row(Stretch(), close_button, spacing=None)


def set_reason(target: QWidget, reason: str) -> None:
    """Enable a control, or disable it with the reason as its tooltip.

    Args:
        target: The control; the tooltip it has while enabled is kept.
        reason: Why it cannot be used now; "" if it can.
    """
    if target.property("own_tool_tip") is None:
        target.setProperty("own_tool_tip", target.toolTip())
    target.setEnabled(not reason)
    target.setToolTip(reason or target.property("own_tool_tip"))


def pressed_by_enter(target: QAbstractButton, event: QKeyEvent) -> bool:
    """Press a button if the key is Enter, which Qt leaves to dialogs; return whether it was."""
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or event.isAutoRepeat():
        return False
    target.click()
    return True


class IconButton(QToolButton):
    """A tool button whose icon grows with the text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        follow_theme(self._fit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    @Slot()
    def _fit(self) -> None:
        side = Theme.of_application().px(ICON_PX)
        self.setIconSize(QSize(side, side))


class TextButton(QPushButton):
    """A push button whose icon, if it has one, grows with the text."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        follow_theme(self._fit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    @Slot()
    def _fit(self) -> None:
        side = Theme.of_application().px(ICON_PX - 2)
        # Wider than high: the icon is painted at the left, and the rest is the gap to the text.
        self.setIconSize(QSize(side + _ICON_GAP_PX, side))


def _push_button(text: str, role: str, icon: str, icon_color: str, parent: QWidget | None) -> QPushButton:
    result = TextButton(text, parent)
    if icon:
        result.setIcon(themed_icon(icon, icon_color))
    set_role(result, role)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    return result
