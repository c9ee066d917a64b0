"""A box of choices that shortens what it shows where there is no room for the whole."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip, QWidget

from app.look.theme import Theme
from app.look.tool_tips import MAKES_TOOL_TIP, wrapping

_LEAST_PX = 96


class ElidedComboBox(QComboBox):
    """Takes little room if it must: the text then ends with an ellipsis, and the tooltip says the whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown_text = ""
        self.setProperty(MAKES_TOOL_TIP, True)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), Theme.of_application().px(_LEAST_PX)), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        room = field.width() - (option.iconSize.width() + 4 if not option.currentIcon.isNull() else 0)
        self.shown_text = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        option.currentText = self.shown_text
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            is_cut = self.shown_text != self.currentText()
            text = "\n".join(filter(None, (self.currentText() if is_cut else "", self.toolTip())))
            if text:
                QToolTip.showText(event.globalPos(), wrapping(text), self)
                return True
        return super().event(event)
