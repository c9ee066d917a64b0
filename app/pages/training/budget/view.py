"""The tab "Was it worth it?": starts label-budget experiments, shows them running, and what they have shown."""

import os
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from app.core.messages import Message, Severity
from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.session import Session
from app.core.settings import Settings
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobFailure, JobHandle, JobRequest, JobRunner
from app.look import phrases
from app.look.layouts import in_column
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.pages.training.budget.progress import BudgetProgressView
from app.pages.training.budget.result import BudgetResultView
from app.pages.training.budget.setup import BudgetSetupView
from app.pages.training.budget.time import BudgetTime
from app.pages.training.setup.time import Estimate
from app.widgets.room.current_stack import CurrentStack
from engine.contracts.configs import Preset
from engine.contracts.errors import EngineError
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import PRESET_CARDS
from engine.jobs import label_budget
from engine.label_budget.methods import available_methods
from engine.label_budget.reports.files import JSON_FILE
from engine.label_budget.reports.results import LabelBudgetResult
from engine.label_budget.stored import StoredExperiment, StoredOutcome, list_experiments, read_experiment
from engine.label_budget.workload import Workload, count_workload
from engine.photo_files.values.given import given_here

EXPERIMENTS_FOLDER = "experiments"
_NUM_EARLIER = 50


class LabelBudgetView(QWidget):
    """Settings, progress or outcome of a label-budget experiment.

    Attributes:
        setup: The settings.
        progress: The running experiment.
        result: What came out.

    Signals:
        page_requested: The id of the page that shall be shown instead.
        message_raised: A `Message` for the message bar.
    """

    page_requested = Signal(str)
    message_raised = Signal(object)

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._time = BudgetTime(session, settings)
        self._job: JobHandle | None = None
        self.setup = BudgetSetupView({name: method.title for name, method in available_methods()[0].items()})
        self.progress, self.result = BudgetProgressView(), BudgetResultView()
        self._stack = CurrentStack()
        self._stack.addWidget(self.setup)
        self._stack.addWidget(_framed(self.progress))
        self._stack.addWidget(_scrolling(self.result))
        in_column(self._stack, of=self, margins=0)
        self._listing = LatestTask(self, finished=self._show_earlier)
        self._reading = LatestTask(self, finished=self._open, failed=self._tell)
        self.setup.edited.connect(self.refresh)
        self.setup.start_requested.connect(self.start)
        self.setup.labels_requested.connect(lambda: self.page_requested.emit("labels"))
        self.setup.open_requested.connect(self.open_experiment)
        self.result.back_requested.connect(self.show_setup)
        self.result.folder_requested.connect(self._show_folder)
        session.label_pairs_changed.connect(self.refresh)
        session.photos_changed.connect(self._refresh_if_seen)
        session.engine_loaded.connect(self.refresh)
        self.refresh()

    @property
    def root(self) -> Path:
        """The folder of all experiments, beside that of the runs."""
        return self._session.run_store.root.parent / EXPERIMENTS_FOLDER

    @property
    def is_running(self) -> bool:
        """Whether an experiment was submitted and has not ended."""
        return self._job is not None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        self.list_earlier()

    def list_earlier(self) -> None:
        """Read which experiments there are, in the background."""
        self._listing.submit(partial(_titled_experiments, self.root))

    @Slot()
    def refresh(self) -> None:
        """Bring everything up to date that depends on the labels and the settings."""
        workload, reason, needs_labels = None, "", False
        if len(self._session.label_pairs) < 2:
            reason = tr("It needs at least 2 photos with clean references: some teach, the others measure.")
            needs_labels = True
        elif self.setup.form.errors():
            reason = tr("Label counts are numbers parted by commas, such as 0, 1, 5, all.")
        elif not self.setup.methods:
            reason = tr("Choose at least one method.")
        elif self.is_running:
            reason = tr("An experiment is already under way.")
        else:
            try:
                workload = self._count(self.setup.preset)
            except EngineError as error:
                reason = translate_engine(str(error))
        text, tip = "", ""
        if workload is not None:
            estimates = {preset: self._estimate(preset) for preset in PRESET_CARDS}
            chosen = estimates[self.setup.preset]
            text, tip = self._describe(workload, chosen), tr(chosen.source)
            self.setup.cards.set_figures(
                {preset.value: phrases.rough_minutes(estimate.minutes) for preset, estimate in estimates.items()}
            )
        self.setup.show_readiness(reason, text, tip, needs_labels=needs_labels)

    @Slot()
    def start(self) -> None:
        """Start an experiment with the settings as they stand."""
        now = f"{datetime.now().astimezone():%Y-%m-%d %H.%M.%S}"
        name = "".join(sign if sign.isalnum() or sign in " -_" else "_" for sign in self._session.folder_name)[:60]
        self._submit(self._config(self.setup.preset, self.root / f"{now} {name}".strip()))

    def open_experiment(self, folder: Path) -> None:
        """Show an earlier experiment's outcome; one that has not ended goes on."""
        self._reading.submit(partial(read_experiment, folder))

    @Slot()
    def show_setup(self) -> None:
        """Go back to the settings."""
        self._stack.setCurrentIndex(0)
        self.refresh()
        self.list_earlier()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._listing.shut_down()
        self._reading.shut_down()

    def _config(self, preset: Preset, out: Path) -> LabelBudgetConfig:
        pairs, form = self._session.label_pairs, self.setup.form
        noisy = dict.fromkeys(self._session.teaching_photos) | {pair.noisy: None for pair in pairs}
        return LabelBudgetConfig(
            noisy=tuple(noisy),
            clean=tuple(pair.clean for pair in pairs),
            out=out,
            methods=self.setup.methods,
            preset=preset,
            # Side by side in processes of their own they would take the window's time.
            workers=1,
            levels=given_here(),
            given_pairs={pair.noisy: pair.clean for pair in pairs},
            measure_names=tuple(str(pair.noisy) for pair in pairs if pair.noisy in self._session.measuring_labels),
            unfitted_names=tuple(str(pair.noisy) for pair in pairs if pair.noisy in self._session.unfitted_labels),
            # Checked by `refresh`, which alone lets the button be pressed.
            **{name: form.editor(name).value() for name in form.field_names},
        )

    def _count(self, preset: Preset) -> Workload:
        config = self._config(preset, self.root)
        return count_workload(config, self._session.label_pairs, tuple(map(PhotoRef.of, config.noisy)))

    def _estimate(self, preset: Preset) -> Estimate:
        return self._time.estimate(self._config(preset, self.root), self._count(preset))

    def _describe(self, workload: Workload, estimate: Estimate) -> str:
        parts = [
            phrases.count(workload.num_trainings, tr("training"), tr("trainings")),
            tr("up to {labels} labels teach, {measured} photos measure").format(
                labels=phrases.number(workload.all_count), measured=phrases.number(workload.num_measured)
            ),
            self._session.compute_text,
            phrases.rough_minutes(estimate.minutes),
        ]
        parts += [f"{translate_engine(item.name)}: {translate_engine(item.reason)}" for item in workload.left_out]
        return " · ".join(part for part in parts if part)

    def _submit(self, config: LabelBudgetConfig) -> None:
        job = self._runner.submit(
            JobRequest(
                title=tr("Measuring what labels are worth"),
                page_id="finetune",
                function=label_budget,
                config=config,
            )
        )
        self._job = job
        self.progress.follow(job)
        job.finished.connect(self._on_finished)
        job.cancelled.connect(self._on_cancelled)
        job.failed.connect(self._on_failed)
        self._stack.setCurrentIndex(1)

    @Slot(object)
    def _on_finished(self, result: LabelBudgetResult) -> None:
        self._job = None
        outcome = read_experiment(result.out).outcome
        assert outcome is not None
        self._show_outcome(outcome, result.out)
        if not self.isVisible():
            self.message_raised.emit(
                Message(
                    text=tr("The experiment has ended after {duration}.").format(
                        duration=phrases.duration(result.seconds)
                    ),
                    action_label=tr("Show it"),
                    action=lambda: self.page_requested.emit("finetune"),
                )
            )

    @Slot()
    def _on_cancelled(self) -> None:
        self._job = None
        self.show_setup()

    @Slot(object)
    def _on_failed(self, _failure: JobFailure) -> None:
        # The message bar says why, as for every job.
        self._job = None
        self.show_setup()

    @Slot(object)
    def _open(self, experiment: StoredExperiment) -> None:
        if experiment.outcome is not None:
            self._show_outcome(experiment.outcome, experiment.folder)
        elif not self.is_running:
            self._submit(experiment.config)

    def _show_outcome(self, outcome: StoredOutcome, folder: Path) -> None:
        self._stack.setCurrentIndex(2)
        self.result.show_outcome(outcome, folder)

    @Slot(object)
    def _show_earlier(self, experiments: list[tuple[str, bool, Path]]) -> None:
        self.setup.show_earlier(
            [
                (title if has_ended else tr("{title} – not finished, goes on").format(title=title), folder)
                for title, has_ended, folder in experiments
            ]
        )

    @Slot(object)
    def _tell(self, error: EngineError) -> None:
        self.message_raised.emit(
            Message(severity=Severity.ERROR, text=translate_engine(error.message), hint=translate_engine(error.hint))
        )

    @Slot(object)
    def _show_folder(self, folder: Path) -> None:
        if not open_in_file_manager(folder):
            self.message_raised.emit(no_file_manager(folder))

    @Slot()
    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.refresh()


def _titled_experiments(root: Path) -> list[tuple[str, bool, Path]]:
    """Titles of experiments, whether they have ended, and their folders; in a background thread."""
    return [
        (folder.name, os.path.isfile(folder / JSON_FILE), folder) for folder in list_experiments(root)[:_NUM_EARLIER]
    ]


def _framed(content: QWidget) -> QWidget:
    result = QWidget()
    in_column(content, of=result, margins=(3 * SPACING, 2 * SPACING, 3 * SPACING, 2 * SPACING))
    return result


def _scrolling(content: QWidget) -> QScrollArea:
    result = QScrollArea(widgetResizable=True)
    result.setWidget(_framed(content))
    return result
