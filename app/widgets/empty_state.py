"""What a page shows while its input is missing: one sentence, and the button that mends it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.buttons import button, primary_button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import IconLabel, label
from app.look.theme import SPACING
from app.widgets.room.fitting_grid import centred_grid


class EmptyState(QWidget):
    """An icon, a sentence, one button, and at most one other way.

    Attributes:
        action_button: The button.
        other_button: The other way; None if there is none.

    Signals:
        action_requested: The button was clicked.
        other_requested: The other button was clicked.
    """

    action_requested = Signal()
    other_requested = Signal()

    def __init__(
        self,
        icon: str,
        sentence: str,
        action_text: str,
        other_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        sentence_label = label(sentence, "muted", wraps=True)
        sentence_label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.action_button = primary_button(action_text)
        self.action_button.clicked.connect(self.action_requested)
        self.other_button = button(other_text) if other_text else None

        if self.other_button is not None:
            self.other_button.clicked.connect(self.other_requested)
        offered = [each for each in (self.action_button, self.other_button) if each is not None]
        buttons = in_row(Stretch(1), centred_grid(offered), Stretch(1))
        # Stretches rather than an alignment: an aligned label gets the height of one line.
        words = in_row(Stretch(1), (sentence_label, 3), Stretch(1), spacing=None)
        in_column(
            Stretch(),
            (IconLabel(icon, "text_muted", 48), 0, Qt.AlignmentFlag.AlignHCenter),
            words,
            buttons,
            Stretch(),
            of=self,
            spacing=2 * SPACING,
        )
