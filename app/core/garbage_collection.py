"""Keeps Python's cycle collector on the main thread.

Left to itself the collector runs in whichever thread happens to allocate. In a job's thread it would destroy widgets,
timers and icons that only the main thread may touch, which ends in Qt warnings or a crash.
"""

import gc

from PySide6.QtCore import QObject, QTimer, Slot

INTERVAL_MS = 500


class MainThreadCollector(QObject):
    """Collects by a timer what the collector would have collected by itself.

    Made and used on the main thread alone.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self.collect_due)

    def start(self) -> None:
        """Turn automatic collection off and collect from here on."""
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Give collection back to Python."""
        self._timer.stop()
        gc.enable()

    @Slot()
    def collect_due(self) -> None:
        """Collect the oldest generation whose threshold has been passed."""
        due = [count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if any(due):
            gc.collect(max(generation for generation, is_due in enumerate(due) if is_due))

    @Slot()
    def keep_what_is_loaded(self) -> None:
        """Take the modules loaded so far out of later collections, which would stall the window by looking at them."""
        gc.collect()
        gc.freeze()
