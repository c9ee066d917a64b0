"""What stands on a training page before it starts: inputs, presets, settings, and the button."""

from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QScrollArea, QWidget

from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import WIDE_MARGINS, in_column, in_row
from app.look.text import ElidedLabel, IconLabel, label
from app.look.theme import SPACING, Theme
from app.look.translation import tr
from app.pages.training.resume_banner import ResumeBanner
from app.pages.training.setup.form import TrainingForm
from app.pages.training.setup.preflight_card import PreflightPanel
from app.pages.training.setup.preset_cards import preset_cards
from app.widgets.config_form import CAPTION_PX
from app.widgets.room.fitting_grid import FittingGrid


class TrainingSetup(QWidget):
    """Scrolls all but the button, which stays at the bottom right with what will happen to its left.

    Attributes:
        cards: The presets.
        panel: What a look ahead has found.
        resume_banner: Offers to go on with a run that did not reach its end.
        show_button: Leads to the training that runs; hidden while none does.
        summary: Photos, device and expected minutes, or why it cannot start.
        mend_button: Leads to the page where what is missing can be added.
        start_button: The page's primary button.
    """

    def __init__(
        self,
        heading: str,
        explanation: str,
        inputs: QWidget,
        form: TrainingForm,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.cards = preset_cards(tr("Preset"))
        self.resume_banner = ResumeBanner()
        self.panel = PreflightPanel()
        self._running = QWidget()
        self._running_text = ElidedLabel()
        self.show_button = button(tr("Show it"), "arrow-right")
        in_row(IconLabel("hourglass", "accent"), (self._running_text, 1), self.show_button, of=self._running, margins=0)
        self._running.hide()
        self.summary = label("", "muted", wraps=True)
        self.mend_button = button("")
        self.mend_button.hide()
        self.start_button = primary_button("")
        content = QWidget()
        layout = in_column(of=content, margins=WIDE_MARGINS, spacing=2 * SPACING)
        self._heading, self._explanation = label(heading, "title", wraps=True), label(explanation, "muted", wraps=True)
        layout.addWidget(self._heading)
        layout.addWidget(self._explanation)
        layout.addWidget(self._running)
        layout.addWidget(self.resume_banner)
        layout.addWidget(inputs)
        layout.addWidget(self.cards)
        layout.addWidget(self.panel)
        layout.addWidget(form)
        layout.addStretch()
        lay_out_above_controls(self, content, self.summary, (self.mend_button, self.start_button))

    @property
    def heading(self) -> str:
        """What the page is about."""
        return self._heading.text()

    def show_introduction(self, heading: str, explanation: str) -> None:
        """Say what the page is about, which may depend on the settings."""
        self._heading.setText(heading)
        self._explanation.setText(explanation)

    def show_readiness(self, reason: str) -> None:
        """Enable the start button, or say why it cannot be pressed.

        Args:
            reason: Why not; "" if it can.
        """
        set_reason(self.start_button, reason)
        if reason:
            self.summary.setText(reason)

    def show_mending(self, mending: str) -> None:
        """Offer the way to where what is missing can be added.

        Args:
            mending: What the button says; "" hides it.
        """
        self.mend_button.setVisible(bool(mending))
        self.mend_button.setText(mending)

    def show_running(self, text: str) -> None:
        """Say what is under way meanwhile; "" hides the line."""
        self._running.setVisible(bool(text))
        self._running_text.set_text(text)


def lay_out_above_controls(page: QWidget, content: QWidget, summary: QWidget, buttons: Sequence[QWidget]) -> None:
    """Fill a page: what scrolls above, and below it, always seen, a summary with the buttons at its right."""
    scroll = QScrollArea(widgetResizable=True)
    scroll.setWidget(content)
    row = in_row((summary, 1), margins=(3 * SPACING, SPACING, 3 * SPACING, 2 * SPACING), spacing=2 * SPACING)
    for item in buttons:
        row.addWidget(item)
    in_column((scroll, 1), row, of=page, margins=0, spacing=0)


def captioned(rows: Mapping[str, QWidget], parent: QWidget | None = None) -> QWidget:
    """Return rows of a caption and a control, lined up with those of the forms; below it where both do not fit."""
    result = QWidget(parent)
    lines = []
    for caption, control in rows.items():
        before = label(caption)
        before.setMinimumWidth(Theme.of_application().px(CAPTION_PX))
        lines.append(FittingGrid((before, control), most_columns=2, spacing_px=2 * SPACING))
    in_column(*lines, of=result, margins=0)
    return result
