"""Work of a view that would make the window late: done off the main thread, and only the latest request counts."""

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QThreadPool, Signal, Slot

from app.look.thumbnails import emit_if_alive, lower_thread_priority, shut_down_at_quit
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobCancelled


class LatestTask(QObject):
    """Runs one function at a time in a thread; a new request replaces one that waits and outdates one that runs.

    All methods belong to the main thread. Exactly one of the signals answers the latest request, none an outdated
    one, nor one whose function ends by `JobCancelled`: who cancelled it waits for nothing.

    Signals:
        finished(object): What the function returned. Main thread.
        failed(EngineError): What a person can mend. Main thread. Any other exception is raised in the main thread,
            where the program's report dialog meets it.
    """

    finished = Signal(object)
    failed = Signal(object)
    _arrived = Signal()
    _let_go = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        finished: Callable[..., object] | None = None,
        failed: Callable[..., object] | None = None,
    ) -> None:
        """Wait for a request.

        Args:
            parent: Owner.
            finished: A slot for the signal of that name.
            failed: A slot for the signal of that name.
        """
        super().__init__(parent)
        for signal, slot in ((self.finished, finished), (self.failed, failed)):
            if slot is not None:
                signal.connect(slot)
        self._lock = threading.Lock()
        self._number = 0
        self._answered = 0
        self._waiting: tuple[int, Callable[[], Any]] | None = None
        self._result: tuple[Any, Exception | None] | None = None
        self._is_running = False
        self._is_let_go = False
        self._pool = QThreadPool(self, maxThreadCount=1)
        self._arrived.connect(self._take_result, Qt.ConnectionType.QueuedConnection)
        self._let_go.connect(self.deleteLater, Qt.ConnectionType.QueuedConnection)
        shut_down_at_quit(self.shut_down)

    @property
    def is_busy(self) -> bool:
        """Whether the latest request has not been answered yet."""
        with self._lock:
            return self._answered != self._number

    def submit(self, function: Callable[[], Any]) -> None:
        """Ask for `function()`; all earlier requests are void."""
        with self._lock:
            self._number += 1
            self._waiting = (self._number, function)
            self._result = None
            must_start = not self._is_running
            self._is_running = True
        if must_start:
            self._pool.start(self._work)

    def cancel(self) -> None:
        """Void all requests; one that runs goes on to its end unseen."""
        with self._lock:
            self._number += 1
            self._answered = self._number
            self._waiting = None
            self._result = None

    def let_go(self) -> None:
        """Answer nothing more; what was asked for is still done, after the owner has gone too.

        For a view that closes: neither it nor its destruction waits. No method may be called afterwards.
        """
        with self._lock:
            self._number += 1
            self._answered = self._number
            self._result = None
            self._is_let_go = self._is_running
        if self._is_let_go:
            self.setParent(QCoreApplication.instance())

    @Slot()
    def shut_down(self) -> None:
        """Void all requests and wait for the one that runs."""
        self.cancel()
        self._pool.waitForDone()

    def _work(self) -> None:
        lower_thread_priority()
        while True:
            with self._lock:
                if self._waiting is None:
                    self._is_running = False
                    is_let_go = self._is_let_go
                    break
                number, function = self._waiting
                self._waiting = None
            value: Any = None
            error: Exception | None = None
            try:
                value = function()
            except Exception as exception:  # noqa: BLE001 - told, or raised again, in the main thread
                error = exception
            with self._lock:
                if number != self._number:
                    continue
                self._result = (value, error)
            if not emit_if_alive(self._arrived):
                return
        if is_let_go:
            emit_if_alive(self._let_go)

    @Slot()
    def _take_result(self) -> None:
        with self._lock:
            if self._result is None:
                return
            value, error = self._result
            self._result = None
            self._answered = self._number
        if error is None:
            self.finished.emit(value)
        elif isinstance(error, EngineError):
            self.failed.emit(error)
        elif not isinstance(error, JobCancelled):
            raise error
