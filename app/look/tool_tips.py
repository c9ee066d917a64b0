"""Tooltips that wrap: Qt lets plain text run on in one line, across the whole screen where it is a sentence or two."""

import html

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QAbstractItemView, QMenu, QToolTip, QWidget

LONGEST_LINE = 72
"""Characters; Qt wraps rich text at about so many."""

MAKES_TOOL_TIP = "makes_tool_tip"
"""Property of a widget that shows its tooltip itself."""


class WrappedToolTips(QObject):
    """An event filter for the application: shows tooltips with long lines as text that wraps."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Asked for every event of the window: all but one kind must be done with at once.
        if event.type() != QEvent.Type.ToolTip:
            return False
        if not (isinstance(event, QHelpEvent) and isinstance(watched, QWidget)):
            return False
        text = _tool_tip_of(watched, event)
        wrapped = wrapping(text)
        if wrapped == text:
            return False
        QToolTip.showText(event.globalPos(), wrapped, watched)
        return True


def wrapping(text: str) -> str:
    """Return a tooltip as one that Qt wraps, where it is plain text with a line that is too long; its lines stay."""
    if text.startswith("<") or all(len(line) <= LONGEST_LINE for line in text.splitlines()):
        return text
    return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>"


def _tool_tip_of(widget: QWidget, event: QHelpEvent) -> str:
    """Return what Qt would show; "" where it is left to Qt."""
    owner = widget.parentWidget()
    if isinstance(owner, QAbstractItemView) and owner.viewport() is widget:
        tip = owner.indexAt(event.pos()).data(Qt.ItemDataRole.ToolTipRole)
        return tip if isinstance(tip, str) else ""
    if isinstance(widget, QMenu):
        action = widget.actionAt(event.pos()) if widget.toolTipsVisible() else None
        return "" if action is None else action.toolTip()
    return "" if widget.property(MAKES_TOOL_TIP) else widget.toolTip()
