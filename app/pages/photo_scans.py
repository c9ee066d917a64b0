"""The scans of photo folders that run in the background; what they find goes into the session as it is found."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.job_runner import JobHandle, JobLane, JobRequest, JobRunner
from app.session import Session
from app.settings import RECURSIVE, Settings
from engine.configs import ScanConfig
from engine.events import Emit, FileSkipped, JobEvent, PhotoScanned, StepDone
from engine.job_control import JobControl
from engine.job_results import ScanResult


class PhotoScans(QObject):
    """Starts and stops scans. Of one that was stopped, nothing more arrives in the session.

    Signals:
        changed: A scan has started, got on or ended.

    Attributes:
        text: How far the latest scan is, in words.
    """

    changed = Signal()

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._settings = settings
        self._jobs: list[JobHandle] = []
        self.text = ""

    @property
    def is_busy(self) -> bool:
        """Whether a scan has not ended yet."""
        return bool(self._jobs)

    def start(self, folders: Sequence[Path]) -> None:
        """Look through folders and files, after those that are being looked through already."""
        name = folders[0].name + (f" + {len(folders) - 1} more" if len(folders) > 1 else "")
        job = self._runner.submit(
            JobRequest(
                title=f"Reading photos in “{name}”",
                page_id="photos",
                function=_scan_photos,
                config=ScanConfig(folders=tuple(folders), recursive=self._settings.get(RECURSIVE)),
                lane=JobLane.SIDE,
            )
        )
        self._jobs.append(job)
        job.events_received.connect(self._take_events)
        job.progressed.connect(self._take_progress)
        job.state_changed.connect(self._drop_ended)
        self.text = "Reading photos…"
        self.changed.emit()

    def cancel(self) -> None:
        """Stop all scans."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.cancel()
        self.changed.emit()

    @Slot(tuple)
    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        if self.sender() in self._jobs:
            self._session.add_photos([event for event in events if isinstance(event, PhotoScanned)])
            self._session.add_skipped([event for event in events if isinstance(event, FileSkipped)])

    @Slot(object)
    def _take_progress(self, progress: StepDone) -> None:
        if self.sender() in self._jobs:
            self.text = f"Reading photos: {progress.step:,} of {progress.num_steps:,}"
            self.changed.emit()

    @Slot(object)
    def _drop_ended(self, _state: object) -> None:
        self._jobs = [job for job in self._jobs if not job.state.is_ended]
        self.changed.emit()


def _scan_photos(config: ScanConfig, control: JobControl, emit: Emit) -> ScanResult:
    """Run the engine's scan; its imports are left to the background thread."""
    from engine.scanning import scan

    return scan(config, control, emit)
