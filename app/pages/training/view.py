"""A training as it runs and once it has ended: the preview, the curves, the verdict, and what can be done with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QScrollArea, QTabWidget, QWidget

from app.core.session import Session
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobHandle, JobState
from app.look import phrases
from app.look.buttons import button, primary_button, quiet_button
from app.look.layouts import WIDE_MARGINS, below_tabs, in_column, in_row
from app.look.text import ElidedLabel, IconLabel, label
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.shared.learned_noise.noise_story import NoiseStory
from app.pages.shared.learned_noise.stored import stored_noise
from app.pages.shared.learned_noise.twin_game import TwinGame
from app.pages.training.job import TrainingJob
from app.pages.training.setup.time import compared_with_estimate
from app.pages.training.try_panel import TryPanel
from app.widgets.job_controls import JobControls
from app.widgets.plots.curves import CHANCE_METRIC, chance_accuracy
from app.widgets.plots.training_plot import TrainingPlot
from app.widgets.preview_strip import PreviewStrip
from app.widgets.room.fitting_splitter import FittingSplitter
from app.widgets.room.folding_row import FoldingRow
from engine.contracts.events import (
    JobEvent,
    MetricsRow,
    NoiseLearned,
    PreviewReady,
    RunStarted,
    StepDone,
    TwinMade,
    TwinsCompared,
    ValidationDone,
    VerdictReady,
)
from engine.contracts.learned_noise import LearnedNoise
from engine.runs.store import Run

_WIDTHS_PX = (500, 500)
_LEAST_STACKED_PX, _LEAST_CURVES_PX = 360, 240
_VERDICT_ICONS = {
    "learning": ("trend-up", "accent"),
    "collapsed": ("warning", "warning"),
    "done": ("check-circle", "accent"),
}


class TrainingView(QWidget):
    """Follows one training job.

    Attributes:
        plot: The curves.
        preview: The pictures.
        tries: Tries the current weights on any open photo.
        game: A photo beside its twin, where the photos' own noise is learned.
        game_tab: Where the game stands; hidden until there is one.
        story: How the noise is being learned, and what that brought.
        looks: The game, the pictures and the tries, as tabs.
        run: The run's folder, once it exists.

    Signals:
        setup_requested: The settings are wanted, to set up another training.
    """

    setup_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run: Path | None = None
        self._job: JobHandle | None = None
        self._chance = 0.0
        self.plot = TrainingPlot()
        self.preview = PreviewStrip()
        self.tries = TryPanel(session)
        self.looks = QTabWidget(documentMode=True)
        self.game = TwinGame()
        self.story = NoiseStory()
        self.game_tab = QScrollArea(widgetResizable=True)
        self.game_tab.setWidget(self.game)
        self.looks.addTab(self.game_tab, tr("Which one is real?"))
        self._preview_tab = below_tabs(self.preview)
        self.looks.addTab(self._preview_tab, tr("Preview through time"))
        self.looks.addTab(self.tries, tr("Try any photo"))
        # Once there are others: the only tab would stay the current one, and nothing be seen.
        self.looks.setTabVisible(self.looks.indexOf(self.game_tab), False)
        self._stored = LatestTask(self, finished=self._take_stored)
        self._title = ElidedLabel(role="section")
        self._setup_button = quiet_button(tr("Set up another training"), "plus")
        self._setup_button.setToolTip(tr("This one goes on; another one that is started waits for its turn."))
        self._setup_button.clicked.connect(self.setup_requested)
        self._controls = JobControls(shows_title=False)
        self._verdict_icon = IconLabel("hourglass", "text_muted")
        self._verdict = label("", wraps=True)
        self._verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._summary = QWidget()
        self._achieved = label("", "section", wraps=True)
        self._summary_text = label("", "muted", wraps=True)
        for said in (self._achieved, self._summary_text):
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons = in_row()
        in_column(self._summary_text, self._buttons, of=self._summary, margins=0)

        self._curves = curves = QScrollArea(widgetResizable=True)
        follow_theme(self._fit_curves)
        curves.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        right = QWidget()
        in_column(self.story, (self.plot, 1), of=right, margins=0, spacing=None)
        curves.setWidget(right)
        halves = FittingSplitter(((self.looks, _LEAST_STACKED_PX), (curves, _LEAST_STACKED_PX)), _WIDTHS_PX)
        verdict = in_row((self._verdict_icon, 0, Qt.AlignmentFlag.AlignTop), (self._verdict, 1))
        layout = in_column(of=self, margins=WIDE_MARGINS, spacing=2 * SPACING)
        top = in_row((self._title, 1), self._setup_button)
        layout.addLayout(top)
        # Above all else, where a small window shows it without scrolling.
        layout.addWidget(self._achieved)
        layout.addWidget(self._controls)
        layout.addWidget(halves, 1)
        layout.addLayout(verdict)
        layout.addWidget(self._summary)
        self._summary.hide()
        self._achieved.hide()

    @property
    def job(self) -> JobHandle | None:
        """The training that is shown, also when it has ended."""
        return self._job

    @property
    def verdict(self) -> str:
        """The sentence that is shown."""
        return self._verdict.text()

    @property
    def summary(self) -> str:
        """What is said about the ended training; "" while it runs."""
        if self._summary.isHidden():
            return ""
        return " ".join(filter(None, (self._summary_text.text(), self._achieved.text())))

    def follow(self, job: JobHandle, *, num_steps: int, keeps_curves: bool = False) -> None:
        """Show a job from its beginning.

        Args:
            job: A training.
            num_steps: Where its x axis ends.
            keeps_curves: Whether it goes on with the run that is shown.
        """
        self._job = job
        self.tries.follow(job)
        if not keeps_curves:
            self.run = None
            self.plot.clear(num_steps)
            self.preview.clear()
            self.story.clear()
            self.game.clear()
            self.looks.setTabVisible(self.looks.indexOf(self.game_tab), False)
        self._title.set_text(job.request.title)
        self._show_verdict("hourglass", "text_muted", tr("Preparing …"))
        self._summary.hide()
        self._achieved.hide()
        self._setup_button.show()
        self._controls.show()
        self._controls.set_job(job)
        job.events_received.connect(self._on_events)

    def show_stored(self, run: Path) -> None:
        """Put what a resumed run already has before what is to come: curves, learned noise; read in the background."""
        self._stored.submit(lambda: (Run(run).read_metrics(), stored_noise(run)))

    def shut_down(self) -> None:
        """Wait for a reading that is under way."""
        self._stored.shut_down()
        self.tries.shut_down()

    def show_summary(
        self, achieved: str, text: str, buttons: Sequence[QPushButton], *, is_verdict: bool = False
    ) -> None:
        """Say how the training ended, in place of its progress.

        Args:
            achieved: What it brought, in a sentence; "" for one that has not finished.
            text: How long it took, or how far it came.
            buttons: What can be done now; the last is the primary one and stands at the right.
            is_verdict: Whether what it brought stands in for the verdict.
        """
        self._controls.set_job(None)
        self._controls.hide()
        self._setup_button.hide()
        self.tries.end()
        while self._buttons.count():
            item = self._buttons.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        *others, primary = buttons
        folding = FoldingRow(ElidedLabel(), {other: other.text() for other in others})
        for other in others:
            folding.offer(other, True)
        self._buttons.addWidget(folding)
        self._buttons.addWidget(primary)
        self._achieved.setText(achieved)
        self._achieved.setVisible(bool(achieved))
        says_more = not is_verdict and self.verdict != achieved
        for part in (self._verdict_icon, self._verdict):
            part.setVisible(says_more)
        if not self.game.num_pairs:
            # A short training may end before the first one is made.
            self.looks.setTabVisible(self.looks.indexOf(self.game_tab), False)
        self._summary_text.setText(text)
        self._summary.show()

    @Slot(tuple)
    def _on_events(self, events: tuple[JobEvent, ...]) -> None:
        if self.sender() is not self._job:
            return
        for event in events:
            match event:
                case StepDone(stage=stage) if "steps_per_second" not in event.metrics and self.run is None:
                    self._show_verdict("hourglass", "text_muted", f"{translate_engine(stage)} …")
                case RunStarted():
                    self.run = event.run
                    self._chance = chance_accuracy(event.num_crops)
                    self.tries.set_run(event.run)
                    self.plot.set_num_steps(event.num_steps)
                    self._show_verdict("hourglass", "text_muted", tr("Starting: the first steps say little yet."))
                case MetricsRow(step=step, metrics=metrics):
                    row = dict(metrics)
                    if "contrast_accuracy" in row:
                        row[CHANCE_METRIC] = self._chance
                    self.plot.add_row(step, row)
                case ValidationDone():
                    row = {"validation_psnr": event.psnr, "validation_noisy_psnr": event.noisy_psnr}
                    self.plot.add_row(event.step, row)
                case PreviewReady():
                    self.preview.add(event)
                case TwinsCompared():
                    self.story.add_round(event)
                    self._offer_game()
                case NoiseLearned(noise=noise):
                    self.story.show_noise(noise)
                case TwinMade():
                    self.game.add(event)
                    self._offer_game()
                case VerdictReady(state=state, sentence=sentence):
                    self._show_verdict(*_VERDICT_ICONS.get(state, ("info", "text_muted")), translate_engine(sentence))
                case _:
                    pass

    @Slot()
    def _fit_curves(self) -> None:
        # Narrower, sentences would stand in columns of single words.
        self._curves.setMinimumWidth(Theme.of_application().px(_LEAST_CURVES_PX))

    def _offer_game(self) -> None:
        """Bring the game to the front, the first time and where nothing else is to be seen yet."""
        tab = self.looks.indexOf(self.game_tab)
        if not self.looks.isTabVisible(tab):
            self.looks.setTabVisible(tab, True)
            if self.looks.currentWidget() is self._preview_tab and not self.preview.num_frames:
                self.looks.setCurrentWidget(self.game_tab)

    @Slot(object)
    def _take_stored(self, stored: tuple[Mapping[str, Sequence[tuple[int, float]]], LearnedNoise | None]) -> None:
        points, noise = stored
        self.plot.put_before(points)
        if noise is not None:
            self.story.show_noise(noise)

    def _show_verdict(self, icon: str, color: str, sentence: str) -> None:
        self._verdict_icon.set_icon(icon, color)
        self._verdict.setText(sentence)
        for part in (self._verdict_icon, self._verdict):
            part.show()


def ending_text(training: TrainingJob) -> str:
    """Return how long an ended training took against the estimate, or how far it came."""
    result, step, failure = training.result, training.last_step, training.failure
    if result is not None:
        steps = tr_count("{steps} step", "{steps} steps", result.steps).format(steps=format_number(result.steps))
        steps = steps.replace(" ", phrases.NO_BREAK)
        took = tr("{steps} took {time}").format(steps=steps, time=phrases.duration(result.seconds))
        # A run that was resumed has worked before; what was estimated was the whole.
        against = compared_with_estimate(result.seconds, training.expected_seconds(result.steps))
        return f"{took}{', ' if against else ''}{against}."
    if training.job.state is JobState.CANCELLED and step is not None:
        stopped = tr("Stopped at step {step} of {steps}.").format(
            step=format_number(step.step), steps=format_number(step.num_steps)
        )
        if training.is_unjudged:
            return f"{stopped} " + tr("What it has learned so far is saved.")
        return f"{stopped} " + tr("What it has learned so far is saved: it can restore photos now, or go on later.")
    return f"{translate_engine(failure.message)} {translate_engine(failure.hint)}" if failure is not None else ""


class EndingButtons:
    """The buttons of an ended training; those that make no sense are None.

    Attributes:
        again: Back to the settings.
        resume: Goes on with it.
        tune: Fine-tunes its model.
        use: Restores photos with its model.
    """

    def __init__(self, training: TrainingJob, *, with_tuning: bool) -> None:
        """Make them.

        Args:
            training: An ended training.
            with_tuning: Whether its model is one to be fine-tuned.
        """
        is_done = training.result is not None
        can_resume = not is_done and training.run is not None and training.last_step is not None
        self.again = button(tr("Back to the settings"))
        self.resume = primary_button(tr("Resume"), "play") if can_resume else None
        self.tune = button(tr("Fine-tune it"), "graduation-cap") if is_done and with_tuning else None
        self.use = primary_button(tr("Restore photos with it"), "magic-wand") if is_done else None

    @property
    def all(self) -> list[QPushButton]:
        """Those that there are; the last is the primary one."""
        return [one for one in (self.again, self.tune, self.resume, self.use) if one is not None]
