"""One batch of the restore page at a time: begun, followed, reported. No widgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core.messages import Message, Severity
from app.core.programs.file_manager import open_in_file_manager
from app.core.session import ModelChoice, RestoredPhoto, Session
from app.jobs.runner import JobHandle, JobLane, JobRequest, JobRunner
from app.look.phrases import count, duration, number
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.restore.list import PhotoState, RestoreListModel, RowState
from app.widgets.job_controls import percent_text
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import FileSkipped, ImageRestored, JobEvent, PhotoPassedOver, StepDone
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome, RestoreReportConfig, RestoreResult, report_path
from engine.jobs import restore, write_restore_report


class BatchRunner(QObject):
    """Runs batches and keeps the list and the session up to date.

    Signals (main thread):
        changed: A batch or its report has begun or ended.
        ended: It has ended.
        progressed(str): How far it is, for the rail: "62 %".
        message_raised: A `Message`.
    """

    changed = Signal()
    ended = Signal()
    progressed = Signal(str)
    message_raised = Signal(object)

    def __init__(
        self, session: Session, runner: JobRunner, model: RestoreListModel, page_id: str, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._list = model
        self._page_id = page_id
        self._job: JobHandle | None = None
        self._report_job: JobHandle | None = None
        self._photos: tuple[PhotoRef, ...] = ()
        self._ahead: Iterator[PhotoRef] = iter(())
        self._at: PhotoRef | None = None
        self._config: RestoreConfig | None = None
        self._made_by: ModelChoice | None = None
        self._destination = Path()
        self._earlier_results: tuple[PhotoRef, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether photos are being restored, or wait for it."""
        return self._job is not None

    @property
    def is_reporting(self) -> bool:
        """Whether a report is being written."""
        return self._report_job is not None

    def start(self, config: RestoreConfig, made_by: ModelChoice) -> None:
        """Restore photos.

        Args:
            config: Which, how and where to.
            made_by: The model, as the window calls it.
        """
        self._photos = tuple(map(PhotoRef.of, config.photos))
        self._ahead, self._at = iter(self._photos), None
        self._config = config
        self._made_by = made_by
        self._destination = config.out
        self._list.begin_batch(self._photos)
        job = self._runner.submit(
            JobRequest(
                title=tr("Restoring {photos}").format(photos=count(len(self._photos), "photo")),
                page_id=self._page_id,
                function=restore,
                config=config,
            )
        )
        self._job = job
        job.events_received.connect(self._take_events)
        job.finished.connect(self._on_finished)
        job.cancelled.connect(self._on_cancelled)
        job.failed.connect(self._end)
        self._session.begin_restoring(self._photos)
        self.changed.emit()

    def write_report(self, outcomes: Sequence[PhotoOutcome], folder: Path) -> None:
        """Write what became of the photos into a folder, beside whatever else is running."""
        if self._report_job is not None or not outcomes or self._config is None:
            return
        job = self._runner.submit(
            JobRequest(
                title=tr("Writing the report"),
                page_id=self._page_id,
                function=write_restore_report,
                config=RestoreReportConfig(
                    path=report_path(folder),
                    outcomes=tuple(outcomes),
                    earlier_results=self._earlier_results,
                    raw_look=self._config.raw_look,
                ),
                lane=JobLane.SIDE,
            )
        )
        self._report_job = job
        job.finished.connect(self._on_reported)
        job.cancelled.connect(self._end_report)
        job.failed.connect(self._end_report)
        self.changed.emit()

    @Slot(tuple)
    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        done, restored = [], []
        for event in events:
            if isinstance(event, StepDone):
                self._show_progress(event)
                continue
            outcome = _outcome_of(event)
            if outcome is None:
                continue
            self._list.set_state([outcome.source], RowState.of_outcome(outcome))
            done.append(outcome.source)
            if outcome.output is not None and outcome.state != "exists" and self._made_by is not None:
                restored.append((outcome.source, RestoredPhoto(self._made_by.name, outcome.output)))
        self._session.add_restored(restored)
        if done:
            self._session.end_restoring(done)

    def _show_progress(self, progress: StepDone) -> None:
        is_at_one = self._at is not None and self._list.state_of(self._at).state is PhotoState.RESTORING
        if not is_at_one and progress.step < progress.num_steps:
            # Those that it has come past wait no more.
            waiting = (path for path in self._ahead if self._list.state_of(path).state is PhotoState.WAITING)
            self._at = next(waiting, None)
            if self._at is not None:
                self._list.set_state([self._at], RowState(PhotoState.RESTORING))
        self.progressed.emit(percent_text(progress))

    @Slot(object)
    def _on_finished(self, result: RestoreResult) -> None:
        folder, report = self._destination, result.report
        self._earlier_results = result.earlier_results
        self._end()
        num_failed = len(result.failed)
        self.message_raised.emit(
            Message(
                severity=Severity.WARNING if num_failed or result.incomplete else Severity.INFO,
                text=_describe(result),
                action_label=tr("Open folder") if report is None else tr("Open report"),
                action=lambda: self._open(folder if report is None else report),
            )
        )

    @Slot()
    def _on_cancelled(self) -> None:
        """Say what is done, and offer to go on with the rest as it was begun."""
        unfinished = (PhotoState.WAITING, PhotoState.RESTORING)
        left = tuple(path for path in self._photos if self._list.state_of(path).state in unfinished)
        config, made_by = self._config, self._made_by
        num_failed = sum(self._list.state_of(path).state is PhotoState.FAILED for path in self._photos)
        num_photos = len(self._photos)
        num_done = num_photos - len(left) - num_failed
        self._end()
        if config is None or made_by is None or not left:
            return
        text = tr_count(
            "Stopped: {done} of {total} photos are done, {number} is left.",
            "Stopped: {done} of {total} photos are done, {number} are left.",
            len(left),
        )
        text = text.format(done=number(num_done), total=number(num_photos), number=number(len(left)))
        if num_failed:
            text = f"{text} {_say_how_many_failed(num_failed)}"
        rest = config.model_copy(update={"photos": left})
        self.message_raised.emit(
            Message(
                severity=Severity.WARNING if num_failed else Severity.INFO,
                text=text,
                action_label=tr("Restore the rest"),
                action=lambda: None if self.is_running else self.start(rest, made_by),
            )
        )

    @Slot(object)
    def _on_reported(self, report: Path) -> None:
        self._end_report()
        self.message_raised.emit(
            Message(
                text=tr("The report is written: {name}, and the same as a table (CSV).").format(name=report.name),
                action_label=tr("Open report"),
                action=lambda: self._open(report),
            )
        )

    def _open(self, path: Path) -> None:
        if not open_in_file_manager(path):
            self.message_raised.emit(Message(text=tr("It is at {path}.").format(path=path)))

    @Slot()
    def _end(self) -> None:
        self._job = None
        self._list.end_batch()
        self._session.end_restoring(self._photos)
        self.changed.emit()
        self.ended.emit()

    @Slot()
    def _end_report(self) -> None:
        self._report_job = None
        self.changed.emit()


def _outcome_of(event: JobEvent) -> PhotoOutcome | None:
    match event:
        case ImageRestored():
            return PhotoOutcome(
                source=event.source,
                state="restored",
                output=event.output,
                seconds=event.seconds,
                how=event.how,
                remarks=event.remarks,
                lost_pages=event.lost_pages,
            )
        case PhotoPassedOver():
            return PhotoOutcome(
                source=event.source,
                state="done" if event.is_done else "exists",
                output=event.output,
                how=event.how,
                lost_pages=event.lost_pages,
            )
        case FileSkipped():
            return PhotoOutcome(source=event.path, state="failed", reason=event.reason, hint=event.hint)
    return None


def _describe(result: RestoreResult) -> str:
    sentences = [
        tr("Restored {photos} in {time}.").format(
            photos=count(len(result.restored), "photo"), time=duration(result.seconds)
        )
    ]
    if result.already_done:
        sentences.append(
            tr_count(
                "{number} photo was done already.", "{number} photos were done already.", len(result.already_done)
            ).format(number=format_number(len(result.already_done)))
        )
    if result.skipped_existing:
        sentences.append(
            tr_count(
                "{number} photo was left alone, since a file of that name is there.",
                "{number} photos were left alone, since files of those names are there.",
                len(result.skipped_existing),
            ).format(number=format_number(len(result.skipped_existing)))
        )
    if result.earlier_results:
        sentences.append(
            tr_count(
                "{number} photo was passed over, being a restored file itself; select it to restore it again.",
                "{number} photos were passed over, being restored files themselves; select them to restore them again.",
                len(result.earlier_results),
            ).format(number=number(len(result.earlier_results)))
        )
    if result.incomplete:
        first = result.incomplete[0]
        text = tr_count(
            "{number} stack is not complete: of {name} {pages} could not be restored; its line says why.",
            "{number} stacks are not complete, such as {name}, of which {pages} could not be restored; "
            "their lines say why.",
            len(result.incomplete),
        )
        pages = count(len(first.lost_pages), tr("page"), tr("pages"))
        sentences.append(text.format(number=number(len(result.incomplete)), name=first.source.name, pages=pages))
    if result.failed:
        sentences.append(_describe_failures(result))
    return " ".join(sentences)


def _describe_failures(result: RestoreResult) -> str:
    """How many photos failed; with the reason, where it is that of most."""
    reasons = Counter(failure.reason for failure in result.failed)
    reason, num_common = reasons.most_common(1)[0]
    num_failed, total = len(result.failed), len(result.outcomes)
    if 2 * num_common <= num_failed:
        return _say_how_many_failed(num_failed)
    told = translate_engine(reason)
    if len(reasons) == 1:
        return tr("{number} of {total} failed: {reason}").format(
            number=number(num_failed), total=number(total), reason=told
        )
    return tr("{number} of {total} failed, {common} of them for this reason: {reason}").format(
        number=number(num_failed), total=number(total), common=number(num_common), reason=told
    )


def _say_how_many_failed(num_failed: int) -> str:
    text = tr_count(
        "{number} photo failed; the list says why.", "{number} photos failed; the list says why.", num_failed
    )
    return text.format(number=number(num_failed))
