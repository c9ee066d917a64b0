"""Buttons in the few looks that the window has."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.theme import ICON_PX, SPACING, set_role, themed_icon


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
    result = QToolButton(parent)
    result.setIcon(themed_icon(icon))
    result.setIconSize(QSize(ICON_PX, ICON_PX))
    result.setToolTip(tip)
    result.setAccessibleName(tip)
    result.setAutoRaise(True)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    return result


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


def _push_button(text: str, role: str, icon: str, icon_color: str, parent: QWidget | None) -> QPushButton:
    result = QPushButton(text, parent)
    if icon:
        result.setIcon(themed_icon(icon, icon_color))
        # Wider than high: the rest is the gap between icon and text.
        result.setIconSize(QSize(ICON_PX + SPACING // 2, ICON_PX - 2))
    set_role(result, role)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    return result
