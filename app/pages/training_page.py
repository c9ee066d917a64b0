"""What the pages Pretrain and Fine-tune share: presets and settings first, then the running training, then its end."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app import phrases
from app.job_runner import JobFailure, JobFunction, JobHandle, JobRequest, JobRunner, JobState
from app.messages import Message, Severity
from app.pages.page import Page
from app.pages.resume_banner import resume_job
from app.pages.start_choice import StartChoice
from app.pages.training_form import TrainingForm
from app.pages.training_setup import TrainingSetup
from app.pages.training_time import TrainingTime
from app.pages.training_view import TrainingView
from app.run_catalog import RunEntry
from app.session import ModelChoice, Session
from app.settings import MORE_SETTINGS_OPEN, Setting, Settings
from app.widgets.buttons import button, primary_button
from app.widgets.curves import chance_accuracy
from engine.configs import Preset, TrainingConfig
from engine.events import JobEvent, RunStarted, StepDone
from engine.job_results import TrainingResult
from engine.presets import PRESET_CARDS
from engine.run_store import Run

_TRAINING_PAGES = ("pretrain", "finetune")


class TrainingPage(Page):
    """Base of both training pages.

    Attributes:
        cards: The presets.
        form: The settings.
        start_choice: What it starts from.
        start_button: Starts the training; disabled with the reason as its tooltip.
        view: The running or ended training.
        resume_banner: Offers to go on with a run that did not reach its end.

    Signals:
        training_ended: A training of this page has ended, in whatever way (a `JobState`).
    """

    kind: ClassVar[Literal["pretrain", "finetune"]]
    heading: ClassVar[str]
    explanation: ClassVar[str]
    verb: ClassVar[str]
    preset_setting: ClassVar[Setting[str]]
    speed_setting: ClassVar[Setting[float]]

    training_ended = Signal(object)

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._job: JobHandle | None = None
        self._config: TrainingConfig | None = None
        self._num_photos_in_run = 0
        self._last_step: StepDone | None = None
        self._estimated_minutes = 0.0
        self._time = TrainingTime(settings, self.speed_setting, self.preset_values, self.reference_minutes)
        self.form = self.make_form()
        self.start_choice = self.make_start_choice()
        self._setup = TrainingSetup(self.heading, self.explanation, self.make_inputs(), self.form)
        self.cards, self.start_button = self._setup.cards, self._setup.start_button
        self.resume_banner = self._setup.resume_banner
        self.view = TrainingView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._setup)
        self._stack.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.surround(self._stack))
        self.cards.chosen.connect(self._on_preset_chosen)
        self.form.edited.connect(self.refresh)
        self.form.more_toggled.connect(lambda shown: settings.set(MORE_SETTINGS_OPEN, shown))
        self.start_choice.changed.connect(self.follow_start)
        self.start_button.clicked.connect(self.start)
        self._setup.mend_button.clicked.connect(self._mend)
        self.resume_banner.resume_requested.connect(self.resume)
        session.run_catalog.changed.connect(self._offer_resumable)
        session.engine_loaded.connect(self._on_engine_loaded)
        session.resume_requested.connect(self._on_resume_requested)
        self.cards.choose(settings.get(self.preset_setting))
        self.form.set_more_shown(settings.get(MORE_SETTINGS_OPEN))
        self.follow_start()

    @abstractmethod
    def make_form(self) -> TrainingForm:
        """Return the form of this page's settings."""

    @abstractmethod
    def make_start_choice(self) -> StartChoice:
        """Return the list of models that it may start from."""

    @abstractmethod
    def make_inputs(self) -> QWidget:
        """Return what is chosen besides preset and settings."""

    def surround(self, training: QWidget) -> QWidget:
        """Return what fills the page: the training alone, unless a page has further views beside it."""
        return training

    @abstractmethod
    def preset_values(self, preset: Preset) -> dict[str, Any]:
        """Return a preset's values of config fields."""

    @abstractmethod
    def reference_minutes(self, preset: Preset) -> float:
        """Return how long a preset takes on the reference machine."""

    @abstractmethod
    def make_config(self) -> TrainingConfig:
        """Return the settings of the training that the start button starts."""

    @abstractmethod
    def default_name(self) -> str:
        """Return what a run is called if nobody names it."""

    @abstractmethod
    def training_function(self) -> JobFunction:
        """Return the job; it imports the engine itself."""

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
    def registry_choices(self) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, Mapping[str, Any]]]:
        """Return titles and settings models of the fields that name an entry of the engine's registry."""

    @abstractmethod
    def result_text(self, metrics: Mapping[str, float]) -> str:
        """Return what a finished training achieved, as far as it was measured."""

    @property
    def is_training(self) -> bool:
        """Whether a training of this page has been submitted and has not ended."""
        return self._job is not None

    def activated(self) -> None:
        self.session.run_catalog.refresh()
        self.refresh()

    @Slot()
    def follow_start(self) -> None:
        """A preset learns faster from scratch than from a model, whose knowledge it would overwrite."""
        self.form.move_baseline(self.preset_values(Preset(self.cards.value)))
        # What starts from a model keeps its network.
        self.form.set_choice_shown("backbone", self.start_choice.path is None)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Bring everything up to date that depends on the photos and the settings."""
        self.start_button.setText(self.button_text())
        self.form.set_placeholder("name", self.default_name())
        errors = self.form.errors()
        reason = self.obstacle() or (f"Some settings are not valid. {next(iter(errors.values()))}" if errors else "")
        missing = self.missing_input()
        self._setup.show_readiness(reason, missing[1] if missing else "")
        if errors:
            self._setup.preflight.setText(reason)
            return
        parts = [
            self.input_text(),
            self.session.compute_text or "device is being prepared",
            phrases.rough_minutes(self._minutes(self.form.values())),
        ]
        if self.runner.jobs_of("restore") or any(job.request.page_id in _TRAINING_PAGES for job in self.runner.jobs):
            parts.append("starts when the running job has ended")
        self._setup.preflight.setText(reason or " · ".join(part for part in parts if part))
        self.cards.set_figures(
            {
                preset.value: phrases.rough_minutes(self._time.preset_minutes(preset, self.num_input_photos()))
                for preset in PRESET_CARDS
            }
        )

    @Slot()
    def start(self) -> None:
        """Start a training with the settings as they stand."""
        config = self.make_config()
        self._estimated_minutes = self._minutes(config.model_dump())
        name = config.name or self.default_name()
        self._submit(f"{self.verb} “{name}”", self.training_function(), config, config)

    @Slot()
    def _mend(self) -> None:
        missing = self.missing_input()
        if missing is not None:
            self.page_requested.emit(missing[0])

    def resume(self, entry: RunEntry) -> None:
        """Go on with a run that was stopped or interrupted."""
        self._estimated_minutes = 0.0
        shown = self.view.run == entry.path
        record = entry.record
        self._submit(f"{self.verb} “{record.name}”", resume_job, entry.path, None, keeps_curves=shown)
        self.view.plot.set_num_steps(record.steps_total)
        if not shown:
            self.view.show_stored_curves(entry.path)

    def show_setup(self) -> None:
        """Go back to presets and settings."""
        self._stack.setCurrentIndex(0)
        self.refresh()
        self.rail_status_changed.emit("")

    def _submit(
        self,
        title: str,
        function: JobFunction,
        job_input: Any,
        config: TrainingConfig | None,
        *,
        keeps_curves: bool = False,
    ) -> None:
        self._config = config
        self._last_step = None
        self._num_photos_in_run = self.num_input_photos()
        request = JobRequest(
            title=title,
            page_id=self.page_id,
            function=function,
            config=job_input,
            num_steps=config.steps if config else 0,
        )
        job = self.runner.submit(request)
        self._job = job
        photos_per_batch = config.photos_per_batch if config else TrainingConfig().photos_per_batch
        num_contrasted = len(self.session.included_photos) or photos_per_batch
        self.view.follow(
            job,
            chance=chance_accuracy(min(photos_per_batch, num_contrasted)),
            num_steps=config.steps if config else 0,
            keeps_curves=keeps_curves,
        )
        job.events_received.connect(self._on_events)
        job.progressed.connect(self._on_progressed)
        job.finished.connect(self._on_finished)
        job.cancelled.connect(self._on_cancelled)
        job.failed.connect(self._on_failed)
        self._stack.setCurrentIndex(1)
        self.rail_status_changed.emit("waiting" if len(self.runner.jobs) > 1 else "starting")

    @Slot(tuple)
    def _on_events(self, events: tuple[JobEvent, ...]) -> None:
        if any(isinstance(event, RunStarted) for event in events):
            self.session.runs_changed.emit()

    @Slot(object)
    def _on_progressed(self, progress: StepDone) -> None:
        if "steps_per_second" in progress.metrics:
            self._last_step = progress
            percent = 100 * progress.step // max(1, progress.num_steps)
            paused = self._job is not None and self._job.state is JobState.PAUSED
            self.rail_status_changed.emit(f"{'paused' if paused else '●'} {percent} %")
        else:
            self.rail_status_changed.emit("● starting")

    @Slot(object)
    def _on_finished(self, result: TrainingResult) -> None:
        self._learn_speed()
        took = f"{phrases.count(result.steps, 'step')} took {phrases.duration(result.seconds)}"
        if self._estimated_minutes:
            took += f"; {phrases.rough_minutes(self._estimated_minutes)} had been estimated"
        achieved = self.result_text(result.metrics)
        choice = ModelChoice(result.run, Run(result.run).record.name)
        use = primary_button("Restore photos with it", "magic-wand")
        use.clicked.connect(partial(self._use, choice, "restore"))
        buttons = [self._again_button()]
        if self.kind == "pretrain":
            tune = button("Fine-tune it", "graduation-cap")
            tune.clicked.connect(partial(self._use, choice, "finetune"))
            buttons.append(tune)
        self.view.show_summary(f"{took}. {achieved}", [*buttons, use])
        # Whoever refines the model in use wants to use the finer one, and one's own goes before a shipped one; any
        # other choice stays.
        used = self.session.model
        parent = self._config.parent if self._config is not None else None
        if used is None or used.path == parent or self.session.find_starter(used.path) is not None:
            self.session.set_model(choice)
        self._end(JobState.FINISHED, "✓ done")
        if not self.isVisible():
            self.message_raised.emit(
                Message(
                    text=f"{self.verb} of “{choice.name}” is done. {achieved}".strip(),
                    action_label="Show it",
                    action=lambda: self.page_requested.emit(self.page_id),
                )
            )

    @Slot()
    def _on_cancelled(self) -> None:
        self._learn_speed()
        run = self.view.run
        if run is None or self._last_step is None:
            self._end(JobState.CANCELLED, "")
            self.show_setup()
            return
        text = (
            f"Stopped at step {self._last_step.step:,} of {self._last_step.num_steps:,}. "
            "What it has learned so far is saved: it can restore photos now, or go on later."
        )
        self.view.show_summary(text, [self._again_button(), *self._resume_buttons()])
        self._end(JobState.CANCELLED, "stopped")

    @Slot(object)
    def _on_failed(self, failure: JobFailure) -> None:
        can_resume = self.view.run is not None and self._last_step is not None
        self.view.show_summary(
            f"{failure.message} {failure.hint}",
            [self._again_button(), *(self._resume_buttons() if can_resume else [])],
        )
        self._end(JobState.FAILED, "⚠ failed")

    def _end(self, state: JobState, rail_status: str) -> None:
        self._job = None
        self.rail_status_changed.emit(rail_status)
        self.session.runs_changed.emit()
        self.training_ended.emit(state)

    def _again_button(self) -> QPushButton:
        again = button("Back to the settings")
        again.clicked.connect(self.show_setup)
        return again

    def _resume_buttons(self) -> list[QPushButton]:
        resume = primary_button("Resume", "play")
        resume.clicked.connect(self._resume_shown)
        return [resume]

    def _resume_shown(self) -> None:
        entry = self.session.run_catalog.find(self.view.run) if self.view.run is not None else None
        if entry is not None and entry.is_resumable:
            self.resume(entry)
        else:
            self.message_raised.emit(
                Message(
                    severity=Severity.WARNING,
                    text="This run cannot be resumed: it ended before its first save.",
                    hint="Start it again from the settings.",
                )
            )

    def _use(self, choice: ModelChoice, page_id: str) -> None:
        self.session.set_model(choice)
        if page_id == "finetune":
            self.session.start_requested.emit(choice.path)
        self.page_requested.emit(page_id)

    def _on_preset_chosen(self, value: str) -> None:
        self.settings.set(self.preset_setting, value)
        self.form.set_baseline(self.preset_values(Preset(value)))
        self.refresh()

    def _on_engine_loaded(self) -> None:
        choices, params_models = self.registry_choices()
        self.form.add_choices(choices, params_models)
        self.refresh()

    def _offer_resumable(self) -> None:
        runs = () if self.is_training else self.session.run_catalog.runs
        self.resume_banner.offer(entry for entry in runs if entry.record.kind == self.kind and entry.is_resumable)

    @Slot(object)
    def _on_resume_requested(self, entry: RunEntry) -> None:
        if entry.record.kind == self.kind and not self.is_training:
            self.resume(entry)

    def _learn_speed(self) -> None:
        step = self._last_step
        if self._config is not None and step is not None:
            self._time.learn(self._config, self._num_photos_in_run, step.step, step.metrics["steps_per_second"])

    def _minutes(self, values: Mapping[str, Any]) -> float:
        return self._time.minutes(values, Preset(self.cards.value), self.num_input_photos())
