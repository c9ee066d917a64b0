"""Turns what jobs have to say to the person into messages, for all pages alike."""

from PySide6.QtCore import QObject, Signal, Slot

from app.core.error_reporting import ErrorReporter
from app.core.messages import Message, Severity
from app.jobs.runner import JobFailure, JobHandle, JobRunner
from engine.contracts.events import JobEvent, JobWarning


class JobMessages(QObject):
    """Watches every job: warnings and failures become messages, faults of the program are reported.

    Pages say themselves what a finished job achieved; a job that was stopped on purpose needs no message.

    Signals:
        message_raised: A `Message`.
    """

    message_raised = Signal(object)

    def __init__(self, runner: JobRunner, reporter: ErrorReporter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reporter = reporter
        runner.job_submitted.connect(self._watch)

    @Slot(object)
    def _watch(self, job: JobHandle) -> None:
        job.events_received.connect(self._on_events)
        job.failed.connect(self._on_failed)

    @Slot(tuple)
    def _on_events(self, events: tuple[JobEvent, ...]) -> None:
        for event in events:
            if isinstance(event, JobWarning):
                self.message_raised.emit(Message(severity=Severity.WARNING, text=event.message, hint=event.hint))

    @Slot(object)
    def _on_failed(self, failure: JobFailure) -> None:
        if failure.is_expected:
            # Who opens the details, or copies them, reads what happened before how.
            details = f"{failure.message} {failure.hint}".rstrip() + f"\n\n{failure.traceback}"
            self.message_raised.emit(
                Message(severity=Severity.ERROR, text=failure.message, hint=failure.hint, details=details)
            )
        else:
            self._reporter.report(failure.message, failure.traceback)
