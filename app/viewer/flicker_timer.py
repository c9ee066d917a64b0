"""Showing pane after pane by itself, at a speed that a person sets."""

from PySide6.QtCore import QObject, QTimer, Signal, Slot

FLICKER_INTERVALS_MS = (100, 200, 350, 500, 750, 1000, 1500, 2000, 3000)
DEFAULT_INTERVAL_MS = 500


class FlickerTimer(QObject):
    """Says when the next pane is due.

    Signals:
        due(): Show the next pane.
        changed(): It was started, stopped or set to another speed.
    """

    due = Signal()
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=DEFAULT_INTERVAL_MS)
        self._timer.timeout.connect(self.due)

    @property
    def is_running(self) -> bool:
        """Whether panes change by themselves."""
        return self._timer.isActive()

    @property
    def interval_ms(self) -> int:
        """How long each pane is shown."""
        return self._timer.interval()

    def set_interval(self, interval_ms: int) -> None:
        """Show each pane for so long; held between the fastest and the slowest of `FLICKER_INTERVALS_MS`."""
        interval_ms = min(max(interval_ms, FLICKER_INTERVALS_MS[0]), FLICKER_INTERVALS_MS[-1])
        if interval_ms != self._timer.interval():
            self._timer.setInterval(interval_ms)
            self.changed.emit()

    @Slot()
    def start(self) -> None:
        """Begin."""
        if not self.is_running:
            self._timer.start()
            self.changed.emit()

    @Slot()
    def stop(self) -> None:
        """End."""
        if self.is_running:
            self._timer.stop()
            self.changed.emit()

    def toggle(self) -> None:
        """Begin, or end."""
        if self.is_running:
            self.stop()
        else:
            self.start()
