"""The quiet card above the job bar: what happened, what to do, a button that does it."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QPlainTextEdit,
    QSizePolicy,
    QWidget,
)

from app.core.messages import Message, Severity
from app.look.buttons import button, icon_button, quiet_button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import IconLabel, label
from app.look.theme import SPACING, Theme
from app.look.translation import tr, translate_engine

_SHOWN_MS = {Severity.INFO: 6_000, Severity.WARNING: 15_000}
_ICONS = {
    Severity.INFO: ("info", "text_muted"),
    Severity.WARNING: ("warning", "warning"),
    Severity.ERROR: ("warning-circle", "warning"),
}
_ACTION_SHOWN_MS = 12_000
_MAX_WAITING = 50
_LEAST_WORDS_PX = 320
_DETAILS_PX = 120
_MAX_WIDTH_PX, _MARGIN_PX, _ABOVE_PX = 760, 16, 56
"""Above the bottom row of a page, where its buttons are."""


class MessageBar(QFrame):
    """Shows one message at a time; errors wait until they are dismissed, and the others queue behind them.

    It floats over the page, whose layout never moves when a message comes or goes.

    Attributes:
        action_button: Does something about the message.
        details_button: Unfolds the details.
        dismiss_button: Closes the message.

    Signals:
        message_shown: The `Message` that is now shown, or None.
    """

    message_shown = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("MessageBar")
        self.setAccessibleName(tr("Message"))
        self._messages: list[Message] = []
        self.shown_message: Message | None = None
        self._stage: QWidget | None = None
        self._icon = IconLabel("info")
        self._text = label("", "strong", wraps=True)
        self._hint = label("", wraps=True)
        for part in (self._text, self._hint):
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action_button = button("")
        self.action_button.clicked.connect(self._act)
        self.action_button.hide()
        self.details_button = quiet_button(tr("Details"))
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self._show_details)
        self._copy_button = quiet_button(tr("Copy"), "copy")
        self._copy_button.clicked.connect(self._copy)
        self.dismiss_button = icon_button("x", tr("Dismiss"))
        self.dismiss_button.clicked.connect(self.dismiss)
        self._details = QPlainTextEdit(readOnly=True)
        self._details.setAccessibleName(tr("Details"))
        self._details.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._leave)

        words = in_column(self._text, self._hint, spacing=SPACING // 4)
        said = in_row((self._icon, 0, Qt.AlignmentFlag.AlignVCenter), (words, 1))
        self._controls = (self.action_button, self.details_button, self._copy_button, self.dismiss_button)
        controls = in_row(Stretch())
        for control in self._controls:
            controls.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
        # What can be done stands beside what is said, or below it where that would leave too little room for words.
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(SPACING)
        self._body.addLayout(said, 1)
        self._body.addLayout(controls)
        in_column(self._body, self._details, of=self, margins=(2 * SPACING, SPACING, SPACING, SPACING))
        self.hide()

    def float_over(self, stage: QWidget) -> None:
        """Stand in the lower left corner of a widget, above its last row."""
        self._stage = stage
        self.setParent(stage.parentWidget())
        stage.installEventFilter(self)
        Theme.of_application().changed.connect(self._place)
        self.details_button.toggled.connect(self._place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._stage and event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return False

    @Slot()
    def _place(self) -> None:
        stage = self._stage
        if stage is None or self.shown_message is None:
            return
        px = Theme.of_application().px
        room = stage.geometry().adjusted(_MARGIN_PX, 0, -_MARGIN_PX, 0)
        width = min(room.width(), px(_MAX_WIDTH_PX))
        self.resize(width, self.height())
        self._arrange()
        layout = self.layout()
        assert layout is not None
        layout.activate()
        wanted = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else self.sizeHint().height()
        height = min(wanted, room.height())
        # Where words and details are long, over the last row too.
        top = max(room.top(), room.bottom() + 1 - px(_ABOVE_PX) - height)
        self.setGeometry(room.left(), top, width, height)
        self.raise_()

    def post(self, message: Message) -> None:
        """Show a message: at once, unless an error is still unread."""
        if message in self._messages or message == self.shown_message:
            return
        if self.shown_message is not None and self.shown_message.severity is Severity.ERROR:
            self._messages = [*self._messages, message][-_MAX_WAITING:]
            self._update_dismiss_tip()
        else:
            self._show(message)

    def dismiss(self) -> None:
        """Close the shown message; the next one follows."""
        self._show(self._messages.pop(0) if self._messages else None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        shown = [control for control in self._controls if not control.isHidden()]
        taken = sum(control.sizeHint().width() + SPACING for control in shown) + self._icon.sizeHint().width()
        is_narrow = self.width() < taken + Theme.of_application().px(_LEAST_WORDS_PX)
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        if way is not self._body.direction():
            self._body.setDirection(way)
        height = self.window().height() // 3 if self._stage is None else self._stage.height() // 4
        self._details.setFixedHeight(min(Theme.of_application().px(_DETAILS_PX), height))

    def _show(self, message: Message | None) -> None:
        self._timer.stop()
        self.shown_message = message
        if message is not None:
            self.setProperty("severity", message.severity.value)
            self.style().unpolish(self)
            self.style().polish(self)
            self._icon.set_icon(*_ICONS[message.severity])
            self._text.setText(translate_engine(message.text))
            self._hint.setText(translate_engine(message.hint))
            self._hint.setVisible(bool(message.hint))
            self.action_button.setText(message.action_label)
            self.action_button.setVisible(message.action is not None)
            self.details_button.setChecked(False)
            self.details_button.setVisible(bool(message.details))
            self._copy_button.setVisible(message.severity is Severity.ERROR or bool(message.details))
            self._details.setPlainText(message.details)
            self._show_details(False)
            self._arrange()
            self._update_dismiss_tip()
            if message.severity is not Severity.ERROR:
                self._timer.start(
                    max(_SHOWN_MS[message.severity], _ACTION_SHOWN_MS if message.action is not None else 0)
                )
        # Last: shown with its parts still to be hidden, it would take their room for one frame.
        self.setVisible(message is not None)
        self._place()
        self.message_shown.emit(message)

    def _update_dismiss_tip(self) -> None:
        waiting = len(self._messages)
        text = tr("Dismiss ({number} more)") if waiting else tr("Dismiss")
        self.dismiss_button.setToolTip(text.format(number=waiting))

    def _leave(self) -> None:
        # What is being read or about to be clicked stays.
        focused = QApplication.focusWidget()
        is_used = self.underMouse() or (focused is not None and self.isAncestorOf(focused))
        if is_used or self.details_button.isChecked():
            self._timer.start(_SHOWN_MS[Severity.INFO])
        else:
            self.dismiss()

    def _show_details(self, shown: bool) -> None:
        self._details.setVisible(shown)

    def _act(self) -> None:
        message = self.shown_message
        self.dismiss()
        if message is not None and message.action is not None:
            message.action()

    def _copy(self) -> None:
        if self.shown_message is not None:
            parts = (self._text.text(), self._hint.text(), self.shown_message.details)
            QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))
