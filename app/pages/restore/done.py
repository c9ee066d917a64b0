"""How many of the photos are restored already with the settings as they stand: found in the background."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs.latest_task import LatestTask
from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.restoring.output_plan import find_done_photos

_WAIT_MS = 300
"""Settings change by many small steps, as of a slider: looked for once they have come to rest."""


class DonePhotos(QObject):
    """Knows which photos a batch would pass over.

    Signals (main thread):
        changed: Other photos are known to be done.

    Attributes:
        photos: Those photos; empty while it is not known.
    """

    changed = Signal()

    def __init__(self, make_config: Callable[[], RestoreConfig | None], parent: QObject) -> None:
        """Look for nothing yet.

        Args:
            make_config: Returns the batch as it would be started now; None: none can be.
            parent: Owner.
        """
        super().__init__(parent)
        self._make_config = make_config
        self.photos: frozenset[PhotoRef] = frozenset()
        self._control = JobControl()
        self._wait = QTimer(self, singleShot=True, interval=_WAIT_MS)
        self._wait.timeout.connect(self._look)
        self._task = LatestTask(self, finished=self._take, failed=self._forget)

    @Slot()
    def look_soon(self) -> None:
        """Look once nothing has changed for a moment; what is being looked for is given up."""
        self._control.cancel()
        self._task.cancel()
        self._wait.start()

    def shut_down(self) -> None:
        """Give up, and wait for the thread."""
        self._wait.stop()
        self._control.cancel()
        self._task.shut_down()

    @Slot()
    def _look(self) -> None:
        config = self._make_config()
        if config is None:
            self._forget()
            return
        control = self._control = JobControl()

        self._task.submit(lambda: frozenset(find_done_photos(config, control)))

    @Slot(object)
    def _take(self, photos: frozenset[PhotoRef]) -> None:
        if photos != self.photos:
            self.photos = photos
            self.changed.emit()

    @Slot()
    def _forget(self) -> None:
        self._take(frozenset())
