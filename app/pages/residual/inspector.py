"""The residual inspector: is what a restoration took away noise alone, or picture too?

A window of its own beside the main one, so that any page can ask for it: `Session.inspect_requested`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QTabWidget, QWidget

from app.core.actions import make_action
from app.core.messages import Message
from app.core.run_catalog import RunEntry
from app.core.session import InspectRequest, Session
from app.jobs.runner import JobFailure, JobHandle, JobLane, JobRequest, JobRunner
from app.look.layouts import below_tabs, in_column, in_row
from app.look.text import ElidedLabel, IconLabel, label
from app.look.theme import SPACING, Theme
from app.look.translation import tr, translate_engine
from app.pages.residual.folder_view import FolderNoiseView
from app.pages.residual.view import ResidualView
from app.pages.shared.learned_noise.stored import noise_file_of
from app.widgets.job_controls import JobControls
from app.widgets.room.scroll_room import ScrollRoom
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import compare_noises, examine_residual
from engine.residuals.distances import NoiseComparison, NoiseComparisonConfig
from engine.residuals.inspection import ResidualConfig, ResidualReport

_FIRST_SIZE = (1160, 780)
_STATE_ICONS = {
    "nothing": ("info", "text_muted"),
    "noise": ("check-circle", "accent"),
    "trace": ("info", "accent"),
    "picture": ("warning", "warning"),
}


@dataclass(frozen=True)
class Inspection:
    """What is examined.

    Attributes:
        request: The restored photo.
        runs: Those that may have restored it, of which one may have learned its noise.
    """

    request: InspectRequest
    runs: tuple[RunEntry, ...]


def examine_job(config: Inspection, control: JobControl, emit: Emit) -> ResidualReport:
    """The engine's job, with the noise that was learned by what restored the photo."""
    noisy, restored, label = config.request.noisy, config.request.restored, config.request.label
    noise = noise_file_of(restored, label, config.runs)
    return examine_residual(
        ResidualConfig(noisy=noisy, restored=PhotoRef(restored, config.request.page), noise=noise), control, emit
    )


class ResidualInspector(QDialog):
    """Examines one restored photo at a time.

    Attributes:
        view: The amplified residual and its plots.
        folder_view: Distances between crops of the folder.
        verdict: What the residual says, in words.
        match: How it compares with the noise that was learned of the photo; hidden where none was.
        tabs: Both views.
    """

    def __init__(self, session: Session, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self._session = session
        self._runner = runner
        self._request: InspectRequest | None = None
        self._job: JobHandle | None = None
        self._title = ElidedLabel(role="title", elide_mode=Qt.TextElideMode.ElideMiddle)
        self._icon = IconLabel("info", "text_muted")
        self.verdict = label("", "strong", wraps=True)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict.setToolTip(
            tr(
                "The picture share is found by predicting the residual from the restored picture around each pixel, "
                "against noise of the same power spectrum. It is a lower bound: texture that was removed wholly leaves "
                "no trace."
            )
        )
        self.match = label("", "muted", wraps=True)
        self.match.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.match.hide()
        self.view = ResidualView()
        self.folder_view = FolderNoiseView()
        self.folder_view.comparison_requested.connect(self.compare)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.addTab(below_tabs(self.view), tr("This photo"))
        self.tabs.addTab(below_tabs(self.folder_view), tr("The folder: what contrast sees"))
        self._progress = JobControls(shows_title=False)
        self._progress.setMinimumHeight(self._progress.sizeHint().height())
        self._progress_room = QWidget()
        in_row(self._progress, of=self._progress_room, margins=0)
        # Keeps its place, or the plots would jump at every start and end.
        self._progress_room.setFixedHeight(self._progress.sizeHint().height())
        self._progress.hide()
        sentences = in_column(self.verdict, self.match, spacing=SPACING // 2)
        said = in_row((self._icon, 0, Qt.AlignmentFlag.AlignTop), (sentences, 1))
        content = QWidget()
        in_column(
            self._title,
            said,
            (self.tabs, 1),
            self._progress_room,
            of=content,
            margins=(2 * SPACING, 2 * SPACING, 2 * SPACING, SPACING),
        )
        in_column(ScrollRoom(content), of=self, margins=0, spacing=None)
        for signal in (session.model_changed, session.photos_changed):
            signal.connect(self._update_readiness)
        size = Theme.of_application().px(_FIRST_SIZE[0]), Theme.of_application().px(_FIRST_SIZE[1])
        available = self.screen().availableSize()
        self.resize(min(size[0], available.width() - 40), min(size[1], available.height() - 60))

    @property
    def request(self) -> InspectRequest | None:
        """What is looked at."""
        return self._request

    @property
    def is_busy(self) -> bool:
        """Whether what is shown is not yet what was asked for."""
        return self._job is not None or self.view.viewer.is_busy

    def inspect(self, request: InspectRequest) -> None:
        """Examine a restored photo."""
        self._request = request
        self.setWindowTitle(tr("Residual of {photo}").format(photo=request.noisy.name))
        self._title.set_text(
            tr("What {model} took away from {photo}").format(
                model=translate_engine(request.label), photo=request.noisy.name
            )
            if request.label
            else tr("What was taken away from {photo}").format(photo=request.noisy.name)
        )
        self._say("info", "text_muted", tr("Examining …"))
        # What was found of another photo would stand below this one's name, for good where it cannot be examined.
        self.match.hide()
        self.view.clear()
        self.folder_view.clear()
        self.tabs.setCurrentIndex(0)
        job = self._submit(
            tr("Examining the residual of {photo}").format(photo=request.noisy.name),
            examine_job,
            Inspection(request, self._session.run_catalog.runs),
            tell_failure=partial(self._say, "warning", "warning"),
        )
        job.finished.connect(lambda report: self._show_report(job, report))

    @Slot()
    def compare(self) -> None:
        """Compare the noises of crops of the folder's photos."""
        model, request = self._session.model, self._request
        if model is None or request is None:
            return
        photos = (request.noisy, *self._session.teaching_photos)
        config = NoiseComparisonConfig(
            model=model.path,
            photos=tuple(dict.fromkeys(photos)),
            num_photos=self.folder_view.num_photos.value(),
            crops_per_photo=self.folder_view.num_crops.value(),
        )
        job = self._submit(tr("Comparing noises"), compare_noises, config, tell_failure=self.folder_view.show_failure)
        job.finished.connect(lambda comparison: self._show_comparison(job, comparison))

    def shut_down(self) -> None:
        """Stop what runs and wait for the viewer."""
        if self._job is not None:
            self._job.cancel()
        self.view.shut_down()

    def done(self, result: int) -> None:
        """Close, by whatever way, and stop what runs."""
        if self._job is not None:
            self._job.cancel()
        super().done(result)

    def _submit(
        self, title: str, function: object, config: object, *, tell_failure: Callable[[str], None]
    ) -> JobHandle:
        if self._job is not None:
            self._job.cancel()
        job = self._runner.submit(
            JobRequest(title=title, page_id="compare", function=function, config=config, lane=JobLane.SIDE)  # type: ignore[arg-type]
        )
        self._job = job
        self._progress.set_job(job)
        self._progress.show()
        job.failed.connect(lambda failure: self._show_failure(job, failure, tell_failure))
        job.cancelled.connect(lambda: self._show_cancelled(job))
        self._update_readiness()
        return job

    def _end(self, job: JobHandle) -> bool:
        """Note that a job has ended; whether it was the latest."""
        if job is not self._job:
            return False
        self._job = None
        self._progress.hide()
        self._progress.set_job(None)
        self._update_readiness()
        return True

    def _show_report(self, job: JobHandle, report: ResidualReport) -> None:
        if self._end(job):
            self._say(*_STATE_ICONS[report.verdict.state], translate_engine(report.verdict.sentence))
            self.match.setText(translate_engine(report.match.sentence) if report.match is not None else "")
            self.match.setVisible(report.match is not None)
            self.view.show_report(report)

    def _show_comparison(self, job: JobHandle, comparison: NoiseComparison) -> None:
        if self._end(job):
            self.folder_view.show_comparison(comparison)

    def _show_failure(self, job: JobHandle, failure: JobFailure, tell: Callable[[str], None]) -> None:
        if self._end(job):
            tell(f"{translate_engine(failure.message)} {translate_engine(failure.hint)}")

    def _show_cancelled(self, job: JobHandle) -> None:
        if self._end(job) and not self.view.viewer.panes:
            self._say("info", "text_muted", tr("Stopped."))

    def _say(self, icon: str, color: str, sentence: str) -> None:
        self._icon.set_icon(icon, color)
        self.verdict.setText(sentence)

    @Slot()
    def _update_readiness(self) -> None:
        model = self._session.model
        reason = ""
        if self._job is not None:
            reason = tr("Wait until what runs has ended.")
        elif model is None:
            reason = tr("There is no model yet: pretrain one, or open a model file.")
        elif self._session.num_pages < 2:
            reason = tr("Open a folder of at least two photos.")
        note = "" if model is None else tr("as “{model}” sees them").format(model=translate_engine(model.name))
        self.folder_view.show_readiness(reason, note)


class ResidualInspection(QObject):
    """Opens the inspector when a page asks for it, or the shortcut.

    Signals:
        message_raised: A `Message` for the message bar.
    """

    message_raised = Signal(object)

    def __init__(self, session: Session, runner: JobRunner, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._runner = runner
        self._window = window
        self.inspector: ResidualInspector | None = None
        session.inspect_requested.connect(self.open)
        make_action("window.inspect_residual", window).triggered.connect(lambda _checked=False: self.open(None))

    @Slot(object)
    def open(self, request: InspectRequest | None) -> None:
        """Show the inspector with a restored photo; None: the newest restored version of the current photo."""
        request = request or self._session.inspection_of_current()
        if request is None:
            self._say_there_is_none()
            return
        if self.inspector is None:
            self.inspector = ResidualInspector(self._session, self._runner, self._window)
        self.inspector.show()
        self.inspector.raise_()
        self.inspector.activateWindow()
        self.inspector.inspect(request)

    def _say_there_is_none(self) -> None:
        self.message_raised.emit(
            Message(
                text=tr("There is no residual to inspect: the current photo has not been restored yet."),
                hint=tr("Restore it on the Restore page, then try again."),
            )
        )
