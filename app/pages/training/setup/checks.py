"""Looks ahead at the training that the start button would start, in the background and a moment after each change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobLane, JobRunner
from app.pages.training.setup.time import TrainingTime, speed_key_of
from engine.contracts.configs import FinetuneConfig, PretrainConfig
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl

if TYPE_CHECKING:
    from engine.training.preflight.look import Preflight

LOOK_DELAY_MS = 400

Config = PretrainConfig | FinetuneConfig


class TrainingChecks(QObject):
    """One look after the last change, then, while no speed of this machine is known, a second of trial steps.

    Attributes:
        report: What the last look has found; None before the first, and while there is nothing to look at.
        speed_key: What the speed of the training depends on that was looked at last; "" where unknown.

    Signals:
        changed: There is another report, or none any more, a speed was tried, or a look or a trial began or ended.
    """

    changed = Signal()

    def __init__(
        self,
        runner: JobRunner,
        times: TrainingTime,
        make_config: Callable[[], Config | None],
        expected_seconds: Callable[[Config], float],
        parent: QObject,
    ) -> None:
        """Look at nothing yet.

        Args:
            runner: Whose jobs a trial would slow down, and be slowed down by.
            times: Learns the tried speeds.
            make_config: Returns the settings to look at; None while they are incomplete.
            expected_seconds: How long a training with such settings takes, as far as is known.
            parent: Its owner.
        """
        super().__init__(parent)
        self._runner = runner
        self._times = times
        self._make_config = make_config
        self._expected_seconds = expected_seconds
        self.report: Preflight | None = None
        self.speed_key = ""
        self._is_active = False
        self._config: Config | None = None
        self._control = JobControl()
        self._trial_control = JobControl()
        self._look = LatestTask(self, finished=self._on_looked, failed=self._on_failed)
        self._trial = LatestTask(self, finished=self._on_tried, failed=self._on_failed)
        self._later = QTimer(self, singleShot=True, interval=LOOK_DELAY_MS)
        self._later.timeout.connect(self._start)
        runner.jobs_changed.connect(self._yield_to_jobs)

    @property
    def is_busy(self) -> bool:
        """Whether a look is due or under way."""
        return self._later.isActive() or self._look.is_busy

    @property
    def is_trying(self) -> bool:
        """Whether trial steps are under way."""
        return self._trial.is_busy

    def activate(self) -> None:
        """Begin to look: torch is in memory, so that a look takes no seconds."""
        self._is_active = True
        self.look_again()

    def look_soon(self) -> None:
        """Look once the changes have come to rest, if anything has changed."""
        if self._is_active:
            self._later.start()

    def look_again(self) -> None:
        """Look even if the settings are the same: files and free memory may not be."""
        self._config = None
        self.look_soon()

    def shut_down(self) -> None:
        """Stop, and wait for the threads."""
        self._later.stop()
        self._cancel()
        self._look.shut_down()
        self._trial.shut_down()

    @Slot()
    def _start(self) -> None:
        config = self._make_config()
        if config is not None and config == self._config:
            self.changed.emit()
            return
        self._cancel()
        self._config = config
        if config is None:
            self.report = None
            self.changed.emit()
            return
        control = self._control = JobControl()
        seconds = self._expected_seconds(config)

        def look() -> tuple[Config, Preflight]:
            from engine.training.preflight.look import preflight

            return config, preflight(config, control, seconds=seconds)

        self._look.submit(look)
        self.changed.emit()

    @Slot(object)
    def _on_looked(self, found: tuple[Config, Preflight]) -> None:
        config, report = found
        self.report = report
        origin = report.origin
        self.speed_key = speed_key_of(
            config,
            origin.backbone if origin is not None else config.backbone,
            origin.backbone_params if origin is not None else config.backbone_params,
        )
        self._try(config, report)
        self.changed.emit()

    def _try(self, config: Config, report: Preflight) -> None:
        if report.obstacle is not None or self._times.knows(self.speed_key) or self._is_machine_busy():
            return
        if report.memory_bytes > report.free_memory_bytes:
            return
        control = self._trial_control = JobControl()
        speed_key, num_photos = self.speed_key, report.num_labels or report.num_photos

        def attempt() -> tuple[str, Config, int, float]:
            from engine.machine.devices import open_device
            from engine.training.preflight.trial import measure_speed

            speed = measure_speed(config, report.origin, open_device(config), num_photos=num_photos, control=control)
            return speed_key, config, num_photos, speed

        self._trial.submit(attempt)

    @Slot(object)
    def _on_tried(self, found: tuple[str, Config, int, float]) -> None:
        self._times.take_trial(*found)
        self.changed.emit()

    @Slot(object)
    def _on_failed(self, error: EngineError) -> None:
        # What can be told of it, a look tells; the start itself says the rest.
        self.changed.emit()

    @Slot()
    def _yield_to_jobs(self) -> None:
        if self._is_machine_busy() and self._trial.is_busy:
            self._trial_control.cancel()
            self._trial.cancel()
            self.changed.emit()

    def _is_machine_busy(self) -> bool:
        return any(job.request.lane is JobLane.MAIN for job in self._runner.jobs)

    def _cancel(self) -> None:
        self._control.cancel()
        self._look.cancel()
        self._trial_control.cancel()
        self._trial.cancel()
