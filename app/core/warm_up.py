"""Loads what is slow behind the first window, so that the first job starts at once and nothing stutters then.

What restores comes first: somebody may be waiting to see a photo. The rest would take half of a core from that, and
hold Python's lock for a second: it comes when nothing has been restored for a while.
"""

import threading
import time
from importlib import import_module

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.jobs.runner import lower_priority_of_this_thread
from engine import jobs
from engine.contracts.configs import ComputeConfig, ComputePreference

QUIET_S = 4.0
"""Between what restores, or the last that was restored, and the rest."""

_PRECISION_TEXTS = {"bf16-mixed": "bf16", "32-true": "32 bit"}


class WarmUp(QObject):
    """Imports torch and the jobs, those that restore first, in a thread of low priority.

    Signals:
        finished: What restores is there; where the network will compute, for the header: "CPU · bf16" (main thread).
        settled: Everything is (main thread).
        failed: An exception (main thread).
    """

    finished = Signal(str)
    settled = Signal()
    failed = Signal(object)
    _done = Signal(object)

    def __init__(
        self, preference: ComputePreference | None = None, quiet_s: float = QUIET_S, parent: QObject | None = None
    ) -> None:
        """Prepare the thread.

        Args:
            preference: Where the network shall compute; None: wherever it is fastest.
            quiet_s: How long nothing may have been restored before what trains is loaded, seconds.
            parent: Its owner.
        """
        super().__init__(parent)
        self._quiet_s = quiet_s
        self._busy_at = time.monotonic()
        self._preference = preference or ComputePreference()
        self._thread = threading.Thread(target=self._work, name="warm-up", daemon=True)
        self._is_ending = threading.Event()
        self._done.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin; to be called once the window is shown."""
        self._thread.start()

    @Slot()
    def put_off(self) -> None:
        """Let what trains wait: something is being restored, and somebody looks at it."""
        self._busy_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether it is still loading."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the end: an interpreter that ends amid an import of torch crashes."""
        self._is_ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        lower_priority_of_this_thread()
        try:
            jobs.load_restoring()
            self._done.emit(compute_text(self._preference))
            self.put_off()
            while (left_s := self._busy_at + self._quiet_s - time.monotonic()) > 0:
                if self._is_ending.wait(left_s):
                    return
            jobs.load_training()
            # The first plot would keep the window waiting for it.
            import_module("pyqtgraph")
            self._done.emit(None)
        except Exception as error:  # noqa: BLE001 - raised again on the main thread
            self._done.emit(error)

    @Slot(object)
    def _finish(self, outcome: str | Exception | None) -> None:
        if isinstance(outcome, str):
            self.finished.emit(outcome)
        elif outcome is None:
            self.settled.emit()
        else:
            self.failed.emit(outcome)


def compute_text(preference: ComputePreference) -> str:
    """Let the jobs to come compute as preferred, and return where that is. Loads torch.

    Returns:
        "CPU · bf16"; "CPU" where trainings and restorations are quickest in different precisions.
    """
    from engine.machine.devices import best_precision, open_device, prefer

    prefer(preference)
    device = open_device(ComputeConfig())
    is_one = preference.precision != "auto" or best_precision(device.name) == device.precision
    return " · ".join([device.name.upper(), *([_PRECISION_TEXTS[device.precision]] if is_one else [])])
