"""The jobs that run over the open photos: finding them, then measuring their noise, then looking for duplicates.

Finding reads headers alone, so that ten thousand photos are listed in seconds. Measuring decodes every one: nobody
waits for it, and it steps aside while a job of the main lane computes.
"""

import os
from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.session import Session
from app.core.settings import RECURSIVE, Settings
from app.jobs.runner import JobHandle, JobLane, JobRequest, JobRunner, JobState
from app.look.phrases import number, time_left
from app.look.translation import tr
from engine.contracts.configs import ScanConfig
from engine.contracts.events import FileSkipped, JobEvent, PhotoScanned, StepDone
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.contracts.results import ScanResult
from engine.jobs import find_duplicates, scan
from engine.photo_files.values.given import given_here
from engine.photos.duplicates import Candidate, DuplicateGroup, DuplicatesConfig

_LEAST_FLUSH_MS = 50
# What a delivery costs all who follow the session grows with the photos that are there. New ones are waited for.
_MOST_FLUSH_MS_FINDING, _PHOTOS_PER_MS_FINDING = 250, 40
_MOST_FLUSH_MS_MEASURING, _PHOTOS_PER_MS_MEASURING = 1500, 8


class PhotoScans(QObject):
    """Starts and stops these jobs. Of one that was stopped, nothing more arrives in the session.

    Signals:
        changed: A job has started, got on or ended.
        duplicates_changed: Other photos are known to be there more than once.

    Attributes:
        duplicates: Photos that are there more than once, as last looked for.
    """

    changed = Signal()
    duplicates_changed = Signal()

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._settings = settings
        self._scans: list[JobHandle] = []
        self._measuring: JobHandle | None = None
        self._looking: JobHandle | None = None
        self._last_look: JobHandle | None = None
        self._last_ended: QObject | None = None
        self._has_stepped_aside = False
        self._are_outdated = False
        self._text = ""
        self._pending: list[JobEvent] = []
        self.duplicates: tuple[DuplicateGroup, ...] = ()
        self._flush_later = QTimer(self, singleShot=True)
        self._flush_later.timeout.connect(self._flush)
        runner.jobs_changed.connect(self._step_aside)
        session.levels_changed.connect(self.measure_anew)

    @property
    def is_busy(self) -> bool:
        """Whether photos are still being found."""
        return bool(self._scans)

    @property
    def is_measuring(self) -> bool:
        """Whether the noise of photos is being measured, or duplicates are being looked for."""
        return self._measuring is not None or self._looking is not None

    @property
    def unmeasured(self) -> list[PhotoRef]:
        """The photos that were not decoded yet."""
        return [photo.path for photo in self._session.photos if photo.brightness is None]

    @property
    def text(self) -> str:
        """What is being done and how far it is, in words; "" while nothing is."""
        if self.is_measuring and self._has_stepped_aside:
            return tr("measuring noise waits for the job")
        return self._text if self.is_busy or self.is_measuring else ""

    def start(self, folders: Sequence[PhotoPlace]) -> None:
        """Look through folders and files, after those that are being looked through already."""
        more = len(folders) - 1
        name = folders[0].name
        job = self._submit(
            tr("Reading photos in “{name}” and {number} more").format(name=name, number=number(more))
            if more
            else tr("Reading photos in “{name}”").format(name=name),
            ScanConfig(folders=tuple(folders), recursive=self._settings.get(RECURSIVE), estimate_noise=False),
            JobLane.SIDE,
        )
        self._scans.append(job)
        job.finished.connect(self._forget_gone)
        self._text = tr("Reading photos…")
        self.changed.emit()

    @Slot()
    def measure_anew(self) -> None:
        """Measure all photos again, since they are to be seen otherwise; what stays the same is remembered."""
        # While photos are still being found, those measured before follow at the end.
        self._are_outdated = self.is_busy
        if not self.is_busy and self._session.photos:
            self._measure([photo.path for photo in self._session.photos])

    @Slot()
    def measure(self) -> None:
        """Measure the noise of all photos that were not decoded yet, then look for duplicates."""
        if self._are_outdated and not self.is_busy:
            self.measure_anew()
        else:
            self._measure(self.unmeasured)

    def _measure(self, photos: Sequence[PhotoRef]) -> None:
        self._stop_background()
        if not photos:
            self._look_for_duplicates()
            return
        self._measuring = self._submit(
            tr("Measuring the noise of the photos"),
            ScanConfig(folders=tuple(photos), levels=given_here()),
            JobLane.BACKGROUND,
        )
        self._text = tr("Measuring noise…")
        self._step_aside()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop all these jobs."""
        jobs, self._scans = self._scans, []
        for job in jobs:
            job.cancel()
        self._stop_background()
        self._last_ended = None
        self._pending.clear()
        self._set_duplicates(())
        self.changed.emit()

    def _submit(self, title: str, config: ScanConfig, lane: JobLane) -> JobHandle:
        job = self._runner.submit(JobRequest(title=title, page_id="photos", function=scan, config=config, lane=lane))
        job.events_received.connect(self._take_events)
        job.progressed.connect(self._take_progress)
        job.state_changed.connect(self._take_state)
        return job

    def _stop_background(self) -> None:
        jobs, self._measuring, self._looking = (self._measuring, self._looking), None, None
        for job in jobs:
            if job is not None:
                job.cancel()
        self._last_look = None
        self._has_stepped_aside = False

    def _is_followed(self, job: QObject | None) -> bool:
        return job is not None and (job in self._scans or job is self._measuring)

    @Slot(tuple)
    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        if self._is_followed(self.sender()):
            self._pending += [event for event in events if isinstance(event, PhotoScanned | FileSkipped)]
            if self._pending and not self._flush_later.isActive():
                most_ms, per_ms = (
                    (_MOST_FLUSH_MS_FINDING, _PHOTOS_PER_MS_FINDING)
                    if self.is_busy
                    else (_MOST_FLUSH_MS_MEASURING, _PHOTOS_PER_MS_MEASURING)
                )
                wait_ms = len(self._session.photos) / per_ms
                self._flush_later.start(round(min(max(wait_ms, _LEAST_FLUSH_MS), most_ms)))

    @Slot()
    def _flush(self) -> None:
        self._flush_later.stop()
        events, self._pending = self._pending, []
        self._session.add_photos([event for event in events if isinstance(event, PhotoScanned)])
        self._session.add_skipped([event for event in events if isinstance(event, FileSkipped)])

    @Slot(object)
    def _take_progress(self, progress: StepDone) -> None:
        job = self.sender()
        if not self._is_followed(job):
            return
        if job is self._measuring:
            if self.is_busy:
                return
            text = tr("Measuring noise: {done} of {total}")
        else:
            text = tr("Reading photos: {done} of {total}")
        done, total = number(progress.step), number(progress.num_steps)
        parts = [text.format(done=done, total=total), time_left(progress.seconds_left)]
        self._text = " · ".join(part for part in parts if part)
        self.changed.emit()

    @Slot(object)
    def _forget_gone(self, found: ScanResult) -> None:
        """Forget what was in the folders before, and was not found in them again."""
        # Its end was told first: a job that was stopped since is no longer asked.
        job = self.sender()
        if not isinstance(job, JobHandle) or job is not self._last_ended:
            return
        config = job.request.config
        session = self._session
        # As strings ten times as fast as `is_in`, for ten thousand photos of other folders.
        places = {str(PhotoRef.of(place).file) for place in config.folders}
        below = tuple(os.path.join(place, "") for place in places)
        files = {photo.path.file for photo in found.photos} | {file.path.file for file in found.skipped}
        listed = [photo.path for photo in session.photos] + [file.path for file in session.skipped]
        gone = [
            photo
            for photo in listed
            if (name := str(photo.file)).startswith(below)
            and photo.file not in files
            # Without subfolders, what lies in them was opened by itself.
            and (config.recursive or os.path.dirname(name) in places)
        ]
        if gone:
            session.forget(gone)
            if session.current_photo in gone:
                session.set_current_photo(None)

    @Slot(object)
    def _take_state(self, state: JobState) -> None:
        job = self.sender()
        if not state.is_ended or not self._is_followed(job):
            return
        self._flush()
        if job is self._measuring:
            self._measuring = None
            if state is JobState.FINISHED:
                self._look_for_duplicates()
        else:
            self._scans = [other for other in self._scans if other is not job]
            self._last_ended = job
            # Who has stopped it, or quits, did not ask for more work.
            if not self._scans and state is not JobState.CANCELLED:
                self.measure()
        self.changed.emit()

    def _look_for_duplicates(self) -> None:
        candidates = tuple(
            Candidate(
                photo=photo.path, num_bytes=photo.num_bytes, look=photo.look, width=photo.width, height=photo.height
            )
            for photo in self._session.photos
        )
        if len(candidates) < 2:
            self._set_duplicates(())
            return
        self._looking = self._runner.submit(
            JobRequest(
                title=tr("Looking for duplicates"),
                page_id="photos",
                function=find_duplicates,
                config=DuplicatesConfig(photos=candidates),
                lane=JobLane.BACKGROUND,
            )
        )
        self._last_look = self._looking
        self._text = tr("Looking for duplicates…")
        self._looking.finished.connect(self._take_duplicates)
        self._looking.state_changed.connect(self._drop_ended_look)
        self._step_aside()

    @Slot(object)
    def _take_duplicates(self, groups: tuple[DuplicateGroup, ...]) -> None:
        if self._last_look is self.sender():
            self._set_duplicates(groups)

    @Slot(object)
    def _drop_ended_look(self, state: JobState) -> None:
        if state.is_ended and self._looking is self.sender():
            self._looking = None
            self.changed.emit()

    def _set_duplicates(self, groups: tuple[DuplicateGroup, ...]) -> None:
        if groups != self.duplicates:
            self.duplicates = groups
            self.duplicates_changed.emit()

    @Slot()
    def _step_aside(self) -> None:
        """Leave the processor to what a person started, and go on when that has ended."""
        job = self._measuring or self._looking
        if job is None:
            return
        is_needed_elsewhere = any(
            other.request.lane is JobLane.MAIN and other.state in (JobState.RUNNING, JobState.STOPPING)
            for other in self._runner.jobs
        )
        if is_needed_elsewhere and not self._has_stepped_aside and not job.control.is_paused:
            self._has_stepped_aside = True
            job.pause()
            self.changed.emit()
        elif not is_needed_elsewhere and self._has_stepped_aside:
            self._has_stepped_aside = False
            job.resume()
            self.changed.emit()
