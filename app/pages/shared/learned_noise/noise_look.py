"""Looks at the noise of photos in the background, so that something is known of it before a training starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs.runner import JobFailure, JobHandle, JobLane, JobRequest, JobRunner, JobState
from app.look import phrases
from app.look.translation import tr, translate_engine
from engine.contracts.configs import NoiseLearningConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit, JobEvent, NoiseLearned, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotosNoise
from engine.jobs import learn_noise
from engine.photo_files.values.given import given_here

MAX_PHOTOS, MAX_TWINS = 24, 8
"""Photos that are looked at, spread over the folder, and how many of them get twins; a training looks at more."""

_DELAY_MS = 500


@dataclass(frozen=True)
class NoNoise:
    """Why the noise could not be learned.

    Attributes:
        reason: What happened, and what to do.
    """

    reason: str


def look_job(config: NoiseLearningConfig, control: JobControl, emit: Emit) -> PhotosNoise | NoNoise:
    """The engine's job. Nobody asked for it, so a refusal is a result and no alarm."""
    try:
        return learn_noise(config, control, emit)
    except EngineError as error:
        return NoNoise(str(error))


class NoiseLook(QObject):
    """One look at a time, at the photos that were asked for last, while nothing else computes.

    Attributes:
        found: What is known of these photos, first what their flat parts say; None before that.
        problem: Why nothing could be learned; "" where nothing is wrong.

    Signals:
        changed: A look has begun, got on or ended, or there is nothing to look at any more.
    """

    changed = Signal()

    def __init__(self, runner: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._wanted: NoiseLearningConfig | None = None
        self._job: JobHandle | None = None
        self._is_starting = False
        self._progress: StepDone | None = None
        self._is_complete = False
        self.found: PhotosNoise | None = None
        self.problem = ""
        self._later = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._later.timeout.connect(self._start)

    @property
    def is_busy(self) -> bool:
        """Whether a look is due or under way."""
        return self._later.isActive() or self._is_starting or self._job is not None

    @property
    def text(self) -> str:
        """What is being done, or why nothing is known, in words; "" where all is known, or nothing is wanted."""
        if self.problem:
            return self.problem
        if not self.is_busy:
            return ""
        if self._progress is None:
            return tr("Looking at the noise …")
        return tr("{stage}: {done} of {total}").format(
            stage=translate_engine(self._progress.stage),
            done=phrases.number(self._progress.step),
            total=phrases.number(self._progress.num_steps),
        )

    def look_at(self, photos: tuple[PhotoRef, ...], model: Path) -> None:
        """Look at photos a moment from now, unless that was done or is under way.

        Args:
            photos: At least one.
            model: What restores them.
        """
        most = min(MAX_PHOTOS, len(photos))
        spread = tuple(photos[number * len(photos) // most] for number in range(most))
        config = NoiseLearningConfig(photos=spread, model=model, max_twins=MAX_TWINS, levels=given_here())
        if config == self._wanted:
            if self.is_busy or self._is_complete or self.problem:
                return
        else:
            self.found = None
        self._stop()
        self._wanted, self._is_complete, self.problem = config, False, ""
        self._later.start()
        self.changed.emit()

    def step_aside(self) -> None:
        """Leave the processor to something else; what is known stays."""
        if self.is_busy:
            self._stop()
            self.changed.emit()

    def forget(self) -> None:
        """Look at nothing: there are no photos, or no model to look with."""
        if self._wanted is not None:
            self._stop()
            self._wanted, self.found, self.problem = None, None, ""
            self.changed.emit()

    def _stop(self) -> None:
        self._later.stop()
        job, self._job, self._progress = self._job, None, None
        if job is not None:
            job.cancel()

    @Slot()
    def _start(self) -> None:
        assert self._wanted is not None
        # Whoever hears of the new job asks for the same look again, before its handle is there.
        self._is_starting = True
        job = self._runner.submit(
            JobRequest(
                title=tr("Looking at the noise of the photos"),
                page_id="pretrain",
                function=look_job,
                config=self._wanted,
                lane=JobLane.BACKGROUND,
            )
        )
        self._job, self._is_starting = job, False
        job.progressed.connect(self._take_progress)
        job.events_received.connect(self._take_events)
        job.finished.connect(self._take_found)
        job.failed.connect(self._take_failure)
        job.state_changed.connect(self._take_state)
        self.changed.emit()

    @Slot(object)
    def _take_progress(self, progress: StepDone) -> None:
        if self.sender() is self._job:
            self._progress = progress
            self.changed.emit()

    @Slot(tuple)
    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        if self.sender() is not self._job or self._wanted is None:
            return
        for event in events:
            if isinstance(event, NoiseLearned):
                paths = tuple(_paths_of(event.noise, self._wanted.photos))
                self.found = PhotosNoise(photos=paths, noise=event.noise)
                self.changed.emit()

    @Slot(object)
    def _take_found(self, found: PhotosNoise | NoNoise) -> None:
        if self.sender() is not self._job:
            return
        self._job = self._progress = None
        if isinstance(found, NoNoise):
            self.problem = translate_engine(found.reason)
        else:
            self.found, self._is_complete = found, True
        self.changed.emit()

    @Slot(object)
    def _take_failure(self, failure: JobFailure) -> None:
        if self.sender() is self._job:
            self._job = self._progress = None
            self.problem = f"{translate_engine(failure.message)} {translate_engine(failure.hint)}"
            self.changed.emit()

    @Slot(object)
    def _take_state(self, state: JobState) -> None:
        if state is JobState.CANCELLED and self.sender() is self._job:
            # Stopped by the person in the queue: not begun again by itself.
            self._job = self._progress = None
            self.problem = tr("The look at the noise was stopped; the training itself learns the noise anyway.")
            self.changed.emit()


def _paths_of(noise: LearnedNoise, photos: tuple[PhotoRef, ...]) -> Iterator[PhotoRef]:
    """Yield the file of each photo of a noise, which are some of these in their order: too small ones are left out."""
    left = iter(photos)
    for photo in noise.photos:
        yield next(path for path in left if path.name == photo.name)
