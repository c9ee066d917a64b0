"""Offers to go on with a run that did not reach its end."""

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core.run_catalog import RunEntry
from app.look.buttons import button, quiet_button
from app.look.layouts import in_row
from app.look.phrases import duration
from app.look.text import ElidedLabel, IconLabel
from app.look.translation import format_number, mark, tr
from engine.runs.records import RunStatus

_HOW = {
    RunStatus.INTERRUPTED: mark("“{name}” was interrupted at step {step} of {steps}; nothing is lost."),
    RunStatus.FAILED: mark("“{name}” failed at step {step} of {steps}."),
    RunStatus.STOPPED: mark("“{name}” was stopped at step {step} of {steps}."),
}
_WITH_LOSS = mark(
    "“{name}” was interrupted: it goes on from step {step} of {steps}; {lost} steps after its last save, {time} of "
    "training, are lost."
)


class ResumeBanner(QWidget):
    """One line with two buttons; hidden while there is nothing to resume.

    Attributes:
        resume_button: Goes on with the run.

    Signals:
        resume_requested: The `RunEntry` to go on with.
    """

    resume_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: RunEntry | None = None
        self._offered: tuple[RunEntry, ...] = ()
        self._dismissed: set[str] = set()
        self._text = ElidedLabel()
        self.resume_button = button(tr("Resume"), "play")
        self.resume_button.clicked.connect(self._resume)
        dismiss = quiet_button(tr("Not now"))
        dismiss.clicked.connect(self._dismiss)
        in_row(
            IconLabel("clock-counter-clockwise", "accent"),
            (self._text, 1),
            self.resume_button,
            dismiss,
            of=self,
            margins=0,
        )
        self.hide()

    @property
    def entry(self) -> RunEntry | None:
        """The run that is offered."""
        return self._entry

    @property
    def text(self) -> str:
        """What is said of it."""
        return self._text.whole_text

    def offer(self, entries: Iterable[RunEntry]) -> None:
        """Offer the first of these runs that a person has not dismissed; none hides the line."""
        self._offered = tuple(entries)
        entry = next((entry for entry in self._offered if entry.record.id not in self._dismissed), None)
        self._entry = entry
        self.setVisible(entry is not None)
        if entry is not None:
            record = entry.record
            how = _WITH_LOSS if entry.lost_steps else _HOW.get(record.status, _HOW[RunStatus.STOPPED])
            self._text.set_text(
                tr(how).format(
                    name=record.name,
                    step=format_number(record.steps_done),
                    steps=format_number(record.steps_total),
                    lost=format_number(entry.lost_steps),
                    time=duration(entry.lost_seconds),
                )
            )

    def _resume(self) -> None:
        if self._entry is not None:
            self.resume_requested.emit(self._entry)

    def _dismiss(self) -> None:
        if self._entry is not None:
            self._dismissed.add(self._entry.record.id)
            self.offer(self._offered)
