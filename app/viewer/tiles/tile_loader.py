"""Makes the tiles that canvases miss, in the background, the latest wishes first."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage

from app.look.thumbnails import emit_if_alive, lower_thread_priority, shut_down_at_quit
from app.viewer.tiles.image_pyramid import ImagePyramid, TileKey

Wish = tuple[ImagePyramid, TileKey]


class TileLoader(QObject):
    """Renders tiles in low-priority threads.

    A canvas says again and again what it misses; what it no longer misses is never made. All methods belong to the
    main thread.

    Signals:
        tiles_ready(): Some tiles are kept by their pyramids now. Main thread.
    """

    tiles_ready = Signal()
    _arrived = Signal()

    def __init__(self, parent: QObject | None = None, num_threads: int | None = None) -> None:
        """Start no thread yet.

        Args:
            parent: Owner.
            num_threads: None: one for each processor core but one, which is the window's own; at most four.
        """
        super().__init__(parent)
        self._lock = threading.Lock()
        self._wishes: OrderedDict[object, list[Wish]] = OrderedDict()
        self._in_work: set[Wish] = set()
        """Being made, or made and not yet taken by the main thread."""
        self._made: list[tuple[Wish, QImage | Exception]] = []
        self._num_running = 0
        self._is_told = False
        self._num_threads = num_threads or min(4, max(1, (os.cpu_count() or 1) - 1))
        self._pool = QThreadPool(self, maxThreadCount=self._num_threads)
        self._arrived.connect(self._take_tiles, Qt.ConnectionType.QueuedConnection)
        shut_down_at_quit(self.shut_down)

    @property
    def is_busy(self) -> bool:
        """Whether tiles are being made, or wait to be."""
        with self._lock:
            return bool(self._in_work or any(self._wishes.values()))

    def want(self, canvas: object, wishes: Sequence[Wish]) -> None:
        """Say what a canvas misses now, the most important first; replaces what it said before."""
        with self._lock:
            open_wishes = [wish for wish in wishes if wish not in self._in_work]
            # Taken from the end.
            self._wishes[canvas] = open_wishes[::-1]
            num_new = min(len(open_wishes), self._num_threads - self._num_running)
            self._num_running += num_new
        for _ in range(num_new):
            self._pool.start(self._work)

    def forget(self, canvas: object) -> None:
        """Void all wishes of a canvas."""
        with self._lock:
            self._wishes.pop(canvas, None)

    @Slot()
    def shut_down(self) -> None:
        """Void all wishes and wait for what is being made."""
        with self._lock:
            self._wishes.clear()
        self._pool.waitForDone()
        with self._lock:
            self._made.clear()
            self._in_work.clear()

    def _work(self) -> None:
        lower_thread_priority()
        while True:
            with self._lock:
                wish = self._next_wish()
                if wish is None:
                    self._num_running -= 1
                    return
                self._in_work.add(wish)
            pyramid, key = wish
            made: QImage | Exception
            try:
                made = pyramid.render(key)
            except Exception as error:  # noqa: BLE001 - raised again in the main thread
                made = error
            with self._lock:
                self._made.append((wish, made))
                must_tell = not self._is_told
                self._is_told = True
            if must_tell and not emit_if_alive(self._arrived):
                return

    def _next_wish(self) -> Wish | None:
        """Take the next wish; the canvases take turns. The lock is held."""
        for canvas in list(self._wishes):
            wishes = self._wishes[canvas]
            self._wishes.move_to_end(canvas)
            while wishes:
                wish = wishes.pop()
                if wish not in self._in_work:
                    return wish
        return None

    @Slot()
    def _take_tiles(self) -> None:
        with self._lock:
            made, self._made = self._made, []
            self._is_told = False
            self._in_work.difference_update(wish for wish, _ in made)
        for (pyramid, key), tile in made:
            if isinstance(tile, Exception):
                raise tile
            pyramid.keep(key, tile)
        if made:
            self.tiles_ready.emit()
