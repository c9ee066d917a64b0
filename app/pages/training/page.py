"""What the pages Pretrain and Fine-tune share: presets and settings first, then the running training, then its end."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QTabWidget, QWidget

from app.core.messages import Message, Severity
from app.core.run_catalog import RunEntry
from app.core.session import ModelChoice, Session
from app.core.settings import MORE_SETTINGS_OPEN, Setting, Settings
from app.jobs.runner import JobFunction, JobLane, JobRequest, JobRunner, JobState
from app.look import phrases
from app.look.layouts import in_column
from app.look.translation import tr, tr_count, translate_engine
from app.pages.shared.learned_noise.words import gains_by_share
from app.pages.shared.page import Page
from app.pages.training.job import TrainingJob
from app.pages.training.setup.checks import TrainingChecks
from app.pages.training.setup.form import TrainingForm
from app.pages.training.setup.panel import TrainingSetup
from app.pages.training.setup.start_choice import StartChoice
from app.pages.training.setup.time import TrainingTime
from app.pages.training.view import EndingButtons, TrainingView, ending_text
from app.widgets.room.current_stack import CurrentStack, CurrentTabs
from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig
from engine.contracts.presets import PRESET_CARDS, PresetCard
from engine.contracts.results import TrainingResult
from engine.jobs import resume_training
from engine.method.catalogue.rows import Row
from engine.runs.store import Run


@dataclass(frozen=True, kw_only=True)
class TrainingKind:
    """What is the same about every training of a kind.

    Attributes:
        name: That of the kind of its runs.
        config: Its settings.
        fields: Those that are offered, besides those that name a row of a catalogue.
        job: Trains.
        minutes: How long a preset takes on the reference machine.
        preset_setting: Where the last preset is kept.
        catalogues: The fields that name something, and what there is to choose from.
        empty_texts: What an empty number means, by field.
        is_tuned_next: Whether its model is one to be fine-tuned, and judged without labels.
    """

    name: Literal["pretrain", "finetune"]
    config: type[PretrainConfig] | type[FinetuneConfig]
    fields: tuple[str, ...]
    job: JobFunction
    minutes: Callable[[PresetCard], float]
    preset_setting: Setting[str]
    catalogues: Mapping[str, Mapping[str, Row]]
    empty_texts: Mapping[str, str] = field(default_factory=dict)
    is_tuned_next: bool = False


class TrainingInputs(QWidget):
    """What is chosen besides preset and settings, and what follows from it for the page around it.

    Attributes:
        kind: Of the training.
        form: The settings.
        start_choice: What it starts from.

    Signals:
        changed: What is learned from is another.
        start_changed: What it starts from is another, or of another use.
    """

    changed = Signal()
    start_changed = Signal()

    start_choice: StartChoice

    def __init__(self, kind: TrainingKind, session: Session, runner: JobRunner, settings: Settings) -> None:
        super().__init__()
        self.kind = kind
        self.session = session
        self.runner = runner
        self.settings = settings
        empty_texts = {name: tr(text) for name, text in kind.empty_texts.items()}
        self.form = TrainingForm(kind.config, kind.fields, kind.catalogues, empty_texts)

    def refresh(self) -> None:
        """Bring up to date what depends on the photos and the settings."""

    def follow_checks(self, checks: TrainingChecks) -> None:
        """Bring up to date what depends on the look ahead, and on whether it computes just now."""

    @abstractmethod
    def introduction(self) -> tuple[str, str]:
        """Return the page's heading, and a sentence or two below it."""

    @abstractmethod
    def job_title(self, name: str, pretext: str) -> str:
        """Return what the training of a run is called in the job bar.

        Args:
            name: Of the run.
            pretext: The method that it learns by without labels; "" where there is none.
        """

    @abstractmethod
    def preset_values(self, preset: Preset) -> dict[str, Any]:
        """Return a preset's values of config fields."""

    @abstractmethod
    def make_config(self) -> PretrainConfig | FinetuneConfig:
        """Return the settings of the training that the start button starts."""

    @abstractmethod
    def default_name(self) -> str:
        """Return what a run is called if nobody names it."""

    @abstractmethod
    def obstacle(self) -> str:
        """Return why training cannot start now; "" if it can."""

    @abstractmethod
    def missing_input(self) -> tuple[str, str] | None:
        """Return the id of the page where what is missing can be added, and what the button there says."""

    @abstractmethod
    def input_text(self) -> str:
        """Return what is learned from, for the line above the button: "212 photos (3 left out)"."""

    @abstractmethod
    def button_text(self) -> str:
        """Return what the start button says."""

    @abstractmethod
    def num_input_photos(self) -> int:
        """Return how many photos are learned from."""

    @abstractmethod
    def result_text(self, result: TrainingResult) -> str:
        """Return what a finished training achieved, as far as it was measured."""


class TrainingPage(Page):
    """A page for one kind of training.

    Attributes:
        inputs: What is learned from, and the kind of the training.
        cards: The presets.
        form: The settings.
        start_choice: What it starts from.
        tabs: The training, and what is put beside it; None where nothing is.
        start_button: Starts the training, or puts it in the queue; disabled with the reason as its tooltip.
        checks: Looks ahead at the training.
        setup: What stands on the page before it starts.
        view: The running or ended training.
        resume_banner: Offers to go on with a run that did not reach its end.

    Signals:
        training_ended: A training of this page has ended, in whatever way (a `JobState`).
    """

    training_ended = Signal(object)

    def __init__(self, inputs: TrainingInputs, parent: QWidget | None = None) -> None:
        session, runner, settings = inputs.session, inputs.runner, inputs.settings
        super().__init__(session, runner, settings, parent)
        self.inputs = inputs
        self.form, self.start_choice = inputs.form, inputs.start_choice
        self._kind = kind = inputs.kind
        self.tabs: QTabWidget | None = None
        self._trainings: list[TrainingJob] = []
        self._time = TrainingTime(
            settings,
            kind.name,
            inputs.preset_values,
            lambda preset: kind.minutes(PRESET_CARDS[preset]),
            session.tried_speeds,
        )
        self.setup = TrainingSetup(*inputs.introduction(), inputs, self.form)
        self.cards, self.start_button = self.setup.cards, self.setup.start_button
        self.resume_banner = self.setup.resume_banner
        self.checks = TrainingChecks(runner, self._time, self._config_to_check, self._expected_seconds, self)
        self.view = TrainingView(session)
        self._stack = CurrentStack()
        self._stack.addWidget(self.setup)
        self._stack.addWidget(self.view)
        in_column(self._stack, of=self, margins=0)
        self.cards.chosen.connect(self._on_preset_chosen)
        self.form.edited.connect(self.refresh)
        self.form.more_toggled.connect(lambda shown: settings.set(MORE_SETTINGS_OPEN, shown))
        inputs.changed.connect(self.refresh)
        inputs.start_changed.connect(self.follow_start)
        self.start_button.clicked.connect(self.start)
        self.setup.mend_button.clicked.connect(self._mend)
        self.setup.show_button.clicked.connect(self.show_training)
        self.view.setup_requested.connect(self.show_setup)
        self.checks.changed.connect(self._show_checks)
        self.resume_banner.resume_requested.connect(self.resume)
        session.photos_changed.connect(self.refresh)
        session.excluded_changed.connect(self.refresh)
        runner.jobs_changed.connect(self.refresh)
        session.run_catalog.changed.connect(self._offer_resumable)
        session.engine_loaded.connect(self._on_engine_loaded)
        session.resume_requested.connect(self._on_resume_requested)
        self.cards.choose(settings.get(kind.preset_setting))
        self.form.set_more_shown(settings.get(MORE_SETTINGS_OPEN))
        self.follow_start()

    def put_beside(self, view: QWidget, title: str) -> None:
        """Make tabs of the training and another view."""
        self.tabs = CurrentTabs()
        self.tabs.setDocumentMode(True)
        layout = self.layout()
        assert layout is not None
        layout.replaceWidget(self._stack, self.tabs)
        self.tabs.addTab(self._stack, tr(self.title))
        self.tabs.addTab(view, title)

    def uncover(self) -> None:
        """Bring the training to the front, where there are views beside it."""
        if self.tabs is not None:
            self.tabs.setCurrentIndex(0)

    @property
    def is_training(self) -> bool:
        """Whether a training of this page has been submitted and has not ended."""
        return bool(self._trainings)

    def activated(self) -> None:
        self.session.run_catalog.refresh()
        self.checks.look_again()
        self.refresh()

    @Slot()
    def follow_start(self) -> None:
        """A preset learns faster from scratch than from a model, whose knowledge it would overwrite."""
        self.form.move_baseline(self.inputs.preset_values(Preset(self.cards.value)))
        # What starts from a model keeps its network.
        self.form.set_choice_shown("backbone", self.start_choice.path is None)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Bring everything up to date that depends on the photos and the settings."""
        inputs = self.inputs
        inputs.refresh()
        self.setup.show_introduction(*inputs.introduction())
        self.start_button.setText(inputs.button_text())
        self.form.set_placeholder("name", inputs.default_name())
        missing = inputs.missing_input()
        self.setup.show_mending(missing[1] if missing else "")
        self.checks.look_soon()
        self._show_checks()
        self._show_running()

    def _expected_seconds(self, config: PretrainConfig | FinetuneConfig) -> float:
        num_photos, speed_key = self.inputs.num_input_photos(), self.checks.speed_key
        return 60 * self._time.estimate(config.model_dump(), Preset(self.cards.value), num_photos, speed_key).minutes

    @Slot()
    def start(self) -> None:
        """Start a training with the settings as they stand; while others run it waits for its turn."""
        config = self.inputs.make_config()
        seconds = self._expected_seconds(config)
        pretext = config.pretext if isinstance(config, PretrainConfig) else ""
        title = self.inputs.job_title(config.name or self.inputs.default_name(), pretext)
        is_first = not self._trainings
        training = self._submit(title, self._kind.job, config, config, seconds=seconds, speed_key=self.checks.speed_key)
        if is_first:
            self._follow(training)
            self._stack.setCurrentIndex(1)
        else:
            self.message_raised.emit(Message(text=tr("{title} waits in the queue.").format(title=title)))
        self._show_running()

    @Slot()
    def _mend(self) -> None:
        missing = self.inputs.missing_input()
        if missing is not None:
            self.page_requested.emit(missing[0])

    @Slot(object)
    def resume(self, entry: RunEntry) -> None:
        """Go on with a run that was stopped or interrupted."""
        record = entry.record
        if any(training.run == entry.path for training in self._trainings):
            return
        is_first = not self._trainings
        training = self._submit(
            self.inputs.job_title(record.name, record.pretext or ""), resume_training, entry.path, None, run=entry.path
        )
        if is_first:
            self._follow(training)
            self._stack.setCurrentIndex(1)
        self._show_running()

    @Slot()
    def show_setup(self) -> None:
        """Go back to presets and settings."""
        self._stack.setCurrentIndex(0)
        self.refresh()
        if not self._trainings:
            self.rail_status_changed.emit("")

    @Slot()
    def show_training(self) -> None:
        """Show the training that runs, or the first that waits."""
        if self._trainings and self.view.job not in [training.job for training in self._trainings]:
            self._follow(self._trainings[0])
        self._stack.setCurrentIndex(1)

    def _submit(
        self,
        title: str,
        function: JobFunction,
        job_input: Any,
        config: PretrainConfig | FinetuneConfig | None,
        *,
        seconds: float = 0.0,
        speed_key: str = "",
        run: Path | None = None,
    ) -> TrainingJob:
        steps = config.steps if config else 0
        request = JobRequest(title=title, page_id=self.page_id, function=function, config=job_input, num_steps=steps)
        training = TrainingJob(
            self.runner.submit(request),
            config,
            num_photos=self.inputs.num_input_photos(),
            estimated_seconds=seconds,
            speed_key=speed_key,
            run=run,
            parent=self,
        )
        self._trainings.append(training)
        training.began.connect(self._on_began)
        training.run_started.connect(self._on_run_started)
        training.progressed.connect(self._on_progressed)
        training.ended.connect(self._on_ended)
        return training

    def _follow(self, training: TrainingJob) -> None:
        """Show a training in place of the last one; of the same run, go on with its curves."""
        shown = training.run is not None and self.view.run == training.run
        self.view.follow(
            training.job,
            num_steps=training.config.steps if training.config else 0,
            keeps_curves=shown,
        )
        if training.run is not None:
            entry = self.session.run_catalog.find(training.run)
            if entry is not None:
                self.view.plot.set_num_steps(entry.record.steps_total)
            if not shown:
                self.view.show_stored(training.run)

    @Slot(object)
    def _on_began(self, training: TrainingJob) -> None:
        if self.view.job is not training.job:
            self._follow(training)
        self._show_running()

    @Slot(object)
    def _on_run_started(self, training: TrainingJob) -> None:
        self.session.runs_changed.emit()

    @Slot(object)
    def _on_progressed(self, training: TrainingJob) -> None:
        self._show_running()

    @Slot(object)
    def _on_ended(self, training: TrainingJob) -> None:
        self._trainings.remove(training)
        job, step = training.job, training.last_step
        if training.config is not None and step is not None and job.state is not JobState.FAILED:
            self._time.learn(
                training.speed_key, training.config, training.num_photos, step.step, step.metrics["steps_per_second"]
            )
        is_shown = self.view.job is job
        if is_shown:
            self._show_ending(training)
        status = {JobState.FINISHED: tr("✓ done"), JobState.FAILED: tr("⚠ failed")}.get(job.state, "")
        if job.state is JobState.CANCELLED and step is not None:
            status = tr("stopped")
        if training.result is not None:
            # One that waits takes its place on the page at once.
            self._take_result(training, is_shown=is_shown and not self._trainings)
        self.rail_status_changed.emit(status)
        self._show_running()
        self.session.runs_changed.emit()
        self.training_ended.emit(job.state)
        training.deleteLater()

    def _show_ending(self, training: TrainingJob) -> None:
        if training.job.state is JobState.CANCELLED and training.last_step is None:
            self.show_setup()
            return
        achieved = self.inputs.result_text(training.result) if training.result is not None else ""
        if training.result is not None:
            self.view.story.show_gains(training.result.metrics)
        buttons = EndingButtons(training, with_tuning=self._kind.is_tuned_next)
        buttons.again.clicked.connect(self.show_setup)
        if buttons.resume is not None:
            buttons.resume.clicked.connect(self._resume_shown)
        if training.result is not None:
            choice = ModelChoice(training.result.run, Run(training.result.run).record.name)
            if buttons.tune is not None:
                buttons.tune.clicked.connect(lambda: self._use(choice, "finetune"))
            if buttons.use is not None:
                buttons.use.clicked.connect(lambda: self._use(choice, "restore"))
        # Without labels the gate's figures say what was achieved, and the verdict would say it again.
        metrics = training.result.metrics if training.result is not None and self._kind.is_tuned_next else {}
        self.view.show_summary(achieved, ending_text(training), buttons.all, is_verdict=bool(gains_by_share(metrics)))

    def _take_result(self, training: TrainingJob, *, is_shown: bool) -> None:
        assert training.result is not None
        choice = ModelChoice(training.result.run, Run(training.result.run).record.name)
        # Whoever refines the model in use wants to use the finer one, and one's own goes before a shipped one; any
        # other choice stays.
        used = self.session.model
        parent = training.config.parent if training.config is not None else None
        if used is None or used.path == parent or self.session.find_starter(used.path) is not None:
            self.session.set_model(choice)
        if not self.view.isVisible() or not is_shown:
            done = tr("{title} is done.").format(title=training.job.request.title)
            self.message_raised.emit(
                Message(
                    text=f"{done} {self.inputs.result_text(training.result)}".strip(),
                    action_label=tr("Show it"),
                    action=self._come_back if is_shown else lambda: self.page_requested.emit("runs"),
                )
            )

    def _come_back(self) -> None:
        self.page_requested.emit(self.page_id)
        self.uncover()
        self._stack.setCurrentIndex(1)

    @Slot()
    def _resume_shown(self) -> None:
        entry = self.session.run_catalog.find(self.view.run) if self.view.run is not None else None
        if entry is not None and entry.is_resumable:
            self.resume(entry)
        else:
            self.message_raised.emit(
                Message(
                    severity=Severity.WARNING,
                    text=tr("This run cannot be resumed: it ended before its first save."),
                    hint=tr("Start it again from the settings."),
                )
            )

    def _use(self, choice: ModelChoice, page_id: str) -> None:
        self.session.set_model(choice)
        if page_id == "finetune":
            self.session.start_requested.emit(choice.path)
        self.page_requested.emit(page_id)

    @Slot(str)
    def _on_preset_chosen(self, value: str) -> None:
        self.settings.set(self._kind.preset_setting, value)
        self.form.set_baseline(self.inputs.preset_values(Preset(value)))
        self.refresh()

    @Slot()
    def _on_engine_loaded(self) -> None:
        self.checks.activate()
        self.refresh()

    @Slot()
    def _offer_resumable(self) -> None:
        under_way = [training.run for training in self._trainings]
        runs = (entry for entry in self.session.run_catalog.runs if entry.path not in under_way)
        self.resume_banner.offer(entry for entry in runs if entry.record.kind == self._kind.name and entry.is_resumable)

    @Slot(object)
    def _on_resume_requested(self, entry: RunEntry) -> None:
        if entry.record.kind == self._kind.name:
            self.uncover()
            self.resume(entry)

    def _config_to_check(self) -> PretrainConfig | FinetuneConfig | None:
        """The settings, as far as they are complete and the page is looked at."""
        if not self.setup.isVisible() or self.inputs.obstacle() or self.form.errors():
            return None
        return self.inputs.make_config()

    @Slot()
    def _show_checks(self) -> None:
        """Bring up to date what depends on the look ahead."""
        self.inputs.follow_checks(self.checks)
        errors = self.form.errors()
        reason = self.inputs.obstacle()
        if not reason and errors:
            reason = tr("Some settings are not valid. {problem}").format(problem=next(iter(errors.values())))
        report = None if reason else self.checks.report
        if report is not None and report.obstacle is not None:
            found = report.obstacle
            reason = f"{translate_engine(found.message)} {translate_engine(found.hint)}"
        panel, num_photos, speed_key = self.setup.panel, self.inputs.num_input_photos(), self.checks.speed_key
        panel.show_state(is_checking=self.checks.is_busy, is_trying=self.checks.is_trying)
        panel.show_report(report, self.inputs.input_text())
        self.setup.show_readiness(reason)
        if errors:
            return
        preset = Preset(self.cards.value)
        estimate = self._time.estimate(self.form.values(), preset, num_photos, speed_key)
        panel.show_estimate(estimate)
        parts = [self.inputs.input_text(), self.session.compute_text or tr("device is being prepared")]
        parts.append(phrases.rough_minutes(estimate.minutes))
        if any(job.request.lane is JobLane.MAIN for job in self.runner.jobs):
            parts.append(tr("starts when the running job has ended"))
        if not reason:
            self.setup.summary.setText(" · ".join(part for part in parts if part))
        self.cards.set_figures(
            {
                preset.value: phrases.rough_minutes(self._time.preset_minutes(preset, num_photos, speed_key))
                for preset in PRESET_CARDS
            }
        )

    def _show_running(self) -> None:
        """Say on the rail and above the settings what is under way."""
        if not self._trainings:
            self.setup.show_running("")
            return
        active = next((training for training in self._trainings if not training.is_waiting), self._trainings[0])
        num_waiting = sum(training.is_waiting for training in self._trainings)
        status = active.status
        self.rail_status_changed.emit(status)
        waiting = tr_count("{number} waits", "{number} wait", num_waiting).format(number=phrases.number(num_waiting))
        parts = [active.job.request.title, status.removeprefix("● ")]
        parts.append(waiting if num_waiting > active.is_waiting else "")
        self.setup.show_running(" · ".join(part for part in parts if part))
