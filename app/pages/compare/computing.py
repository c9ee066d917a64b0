"""The pictures that panes of the compare page still lack, made as jobs for the photo that is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs.runner import JobFailure, JobHandle, JobLane, JobRequest, JobRunner
from app.look.translation import tr, translate_engine
from app.pages.compare.panes import PictureToMake
from engine.comparing.pictures import ComparisonPictureConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.jobs import compute_picture

_PATIENCE_MS = 250
"""A photo that is only walked past starts nothing."""


class PictureMaker(QObject):
    """Keeps the jobs in step with what is wanted: starts what is missing, stops what nobody looks at any more.

    Pictures are told apart by their paths: once the photo, its levels or the model are other ones, so is the picture.

    Attributes:
        refused: Pictures that failed or were stopped, with the sentence that stands in their pane.

    Signals:
        changed: A picture is there, or will not come (main thread).
    """

    changed = Signal()

    def __init__(self, runner: JobRunner, page_id: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._page_id = page_id
        self._wanted: dict[Path, PictureToMake] = {}
        self._jobs: dict[Path, JobHandle] = {}
        self._made: set[Path] = set()
        self.refused: dict[Path, str] = {}
        self._start_later = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._start_later.timeout.connect(self._start)

    @property
    def is_busy(self) -> bool:
        """Whether any picture that is wanted is on its way."""
        return bool(self._jobs) or self._start_later.isActive()

    def want(self, pictures: Sequence[PictureToMake]) -> None:
        """Make these pictures and no others."""
        self._wanted = {picture.path: picture for picture in pictures}
        if not pictures:
            # All had room: one that goes later, as the caches are cleared or limited, can be made again.
            self._made.clear()
        for path, job in list(self._jobs.items()):
            if path not in self._wanted:
                # Forgotten first: the person has not refused it, only left it.
                del self._jobs[path]
                job.cancel()
        if any(path not in self._jobs for path in self._wanted):
            self._start_later.start()
        else:
            self._start_later.stop()

    def allow_again(self) -> None:
        """Forget which pictures were stopped or failed, so that they are made when they are wanted again."""
        self.refused.clear()
        self._made.clear()

    @Slot()
    def _start(self) -> None:
        for path, picture in self._wanted.items():
            if path in self._jobs or path in self.refused:
                continue
            if path in self._made:
                # Wanted again right after it was made: making it over and over would not help.
                self.refused[path] = tr("This picture had to make room for another. Show fewer panes.")
                self.changed.emit()
                continue
            job = self._runner.submit(
                JobRequest(
                    title=tr("{model} on {photo}").format(model=picture.name, photo=picture.config.photo.name),
                    page_id=self._page_id,
                    function=_compute_or_explain,
                    config=picture.config,
                    lane=JobLane.SIDE,
                )
            )
            self._jobs[path] = job
            job.finished.connect(partial(self._take_result, path, job))
            job.cancelled.connect(partial(self._take_stop, path, job))
            job.failed.connect(partial(self._take_failure, path, job))

    def _take_result(self, path: Path, job: JobHandle, result: Path | EngineError) -> None:
        if isinstance(result, EngineError):
            self._end(path, job, translate_engine(str(result)))
        else:
            # Of a photo that changed before the job began it is another picture than was wanted.
            self._made.add(result)
            self._end(path, job)

    def _take_stop(self, path: Path, job: JobHandle) -> None:
        reason = tr("Stopped. “Compute it again” stands in this pane's menu above.")
        self._end(path, job, reason)

    def _take_failure(self, path: Path, job: JobHandle, failure: JobFailure) -> None:
        self._end(path, job, translate_engine(failure.message))

    def _end(self, path: Path, job: JobHandle, refusal: str = "") -> None:
        if self._jobs.get(path) is not job:
            return
        del self._jobs[path]
        if refusal:
            self.refused[path] = refusal
        self.changed.emit()


def _compute_or_explain(config: ComparisonPictureConfig, control: JobControl, emit: Emit) -> Path | EngineError:
    """Make a picture; what stands in its way is said in its pane, not in a message for every photo walked past."""
    try:
        return compute_picture(config, control, emit)
    except EngineError as error:
        return error
