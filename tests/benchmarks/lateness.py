"""How late the window would answer: the delays of a timer that ought to fire every 10 ms."""

import time
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Slot

INTERVAL_MS = 10


@dataclass
class Lateness:
    """Delays of a timer that fires every 10 ms.

    Attributes:
        delays_ms: One a firing.
    """

    delays_ms: list[float]

    def percentile(self, share: float) -> float:
        """Return the delay that this share of all firings, in percent, does not exceed."""
        return float(np.percentile(self.delays_ms, share)) if self.delays_ms else 0.0

    def figures(self) -> dict[str, float]:
        """Return half, 99 % and all of the delays, in milliseconds, and how many there are."""
        return {
            "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99),
            "max_ms": self.percentile(100),
            "num_ticks": len(self.delays_ms),
        }


class LatenessMeter(QObject):
    """Collects a `Lateness` while it is told to; belongs to the main thread."""

    def __init__(self, *, is_recording: bool = True) -> None:
        super().__init__()
        self.lateness = Lateness([])
        self.is_recording = is_recording
        self._due_s = time.perf_counter() + INTERVAL_MS / 1000
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._fire)
        self._timer.start()

    def stop(self) -> Lateness:
        """End the measurement and return it."""
        self._timer.stop()
        return self.lateness

    @Slot()
    def _fire(self) -> None:
        now = time.perf_counter()
        if self.is_recording:
            self.lateness.delays_ms.append(max(0.0, (now - self._due_s) * 1000))
        self._due_s = now + INTERVAL_MS / 1000
