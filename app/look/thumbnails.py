"""Thumbnails that load while a person scrolls.

A view says again and again which files it shows (`ThumbnailLoader.want`); only those are read, the topmost first,
and what has scrolled away before its turn is never read at all. Of large JPEG files the small picture that the camera
put into them comes first, and the sharp one when all visible photos have something to show. Decoded thumbnails stay in
a bounded memory cache, and on disk beside the user's other caches, keyed by path, size and modification time.
"""

import hashlib
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QObject, Qt, QThread, QThreadPool, Signal, SignalInstance, Slot
from PySide6.QtGui import QImage, QPixmap

from app.look.image_convert import qimage_from_bytes
from engine.comparing.shown_channels import read_shown_thumbnail
from engine.contracts.errors import EngineError
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.caches import BoundedFolder
from engine.machine.places import Place
from engine.photo_files.photos import read_embedded_thumbnail
from engine.photos.decoded_files import DECODER_VERSION
from engine.photos.identity import identity_of

DEFAULT_SIDE_PX = 384
"""Longer side of a thumbnail: sharp at the largest grid size, or at half of it on a high-density display."""

_JPEG_QUALITY = 92
DISK_LIMIT_BYTES = 256 * 2**20
_BACKGROUND_NICENESS = 10
_VOID = -1
"""The generation of what was read of a file that has changed since."""


@dataclass(frozen=True)
class _Reading:
    """What a background thread has found out about one photo.

    Attributes:
        photo: The photo.
        generation: Of the settings that it was read with, or `_VOID`.
        result: The thumbnail, why there is none, or a fault of the program.
        is_draft: Whether a sharper one follows.
    """

    photo: PhotoRef
    generation: int
    result: QImage | str | Exception
    is_draft: bool = False


class ThumbnailLoader(QObject):
    """Reads thumbnails in background threads, the visible ones first.

    All methods belong to the main thread.

    Signals:
        ready(PhotoRef): The photo's thumbnail, a sharper one, or its failure, is known now; or the one there was is of
            no use any more. Main thread.

    Attributes:
        side_px: Longer side of every thumbnail.
    """

    ready = Signal(object)
    _arrived = Signal()

    def __init__(
        self,
        *,
        side_px: int = DEFAULT_SIDE_PX,
        cache_folder: Path | None = None,
        memory_limit_bytes: int = 128 * 2**20,
        disk_limit_bytes: int = DISK_LIMIT_BYTES,
        num_threads: int = 2,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.side_px = side_px
        self._disk_cache = ThumbnailFiles(cache_folder or Place.THUMBNAILS.path(), disk_limit_bytes)
        self._memory_limit_bytes = memory_limit_bytes
        self._memory_bytes = 0
        self._pixmaps: OrderedDict[PhotoRef, QPixmap] = OrderedDict()
        self._drafts: set[PhotoRef] = set()
        self._failures: dict[PhotoRef, str] = {}
        self._is_stretched = False
        self._generation = 0
        self._wanted_by_view: dict[Hashable, tuple[PhotoRef, ...]] = {}

        self._lock = threading.Lock()
        self._queue: deque[PhotoRef] = deque()
        self._being_read: set[PhotoRef] = set()
        self._outdated: set[PhotoRef] = set()
        """Those being read that have changed meanwhile."""
        self._results: deque[_Reading] = deque()
        self._num_workers = 0
        self._num_threads = num_threads
        self._pool = QThreadPool(self, maxThreadCount=num_threads + 1, threadPriority=QThread.Priority.LowestPriority)
        self._arrived.connect(self._take_results, Qt.ConnectionType.QueuedConnection)
        self._pool.start(self._disk_cache.make_room)
        shut_down_at_quit(self.shut_down)

    def set_disk_limit(self, num_bytes: int) -> None:
        """Set what the thumbnails on disk may take; what is too much goes in the background, the oldest first."""
        self._disk_cache.limit_bytes = num_bytes
        self._pool.start(self._disk_cache.make_room)

    def want(self, photos: Iterable[PhotoRef], *, view: Hashable = None) -> None:
        """Say which files a view shows now; this replaces what it said before.

        Args:
            photos: The visible files, most urgent first. Those already loaded cost nothing.
            view: Who asks, where several views share the loader.
        """
        self._wanted_by_view[view] = tuple(photos)
        self._fill_queue()

    def _fill_queue(self) -> None:
        wanted = dict.fromkeys(path for of_view in self._wanted_by_view.values() for path in of_view)
        missing = [path for path in wanted if path not in self._pixmaps and path not in self._failures]
        missing += [path for path in wanted if path in self._drafts]
        with self._lock:
            self._queue = deque(path for path in missing if path not in self._being_read)
            num_new = min(self._num_threads - self._num_workers, len(self._queue))
            self._num_workers += max(0, num_new)
        for _ in range(num_new):
            self._pool.start(self._read_queue)

    @property
    def is_stretched(self) -> bool:
        """Whether the thumbnails' contrast is stretched."""
        return self._is_stretched

    def set_stretched(self, is_stretched: bool) -> None:
        """Stretch the contrast of all thumbnails, for looking alone, or show them as they are."""
        if is_stretched == self._is_stretched:
            return
        self._is_stretched = is_stretched
        self.forget_all()

    def forget_all(self) -> None:
        """Make all thumbnails anew, since they are to look otherwise."""
        self._generation += 1
        outdated = [*self._pixmaps, *self._failures]
        self._pixmaps.clear()
        self._drafts.clear()
        self._failures.clear()
        self._memory_bytes = 0
        for path in outdated:
            self.ready.emit(path)
        self._fill_queue()

    def forget(self, places: Sequence[PhotoPlace]) -> None:
        """Read files anew that may have changed, or could not be read before.

        Args:
            places: Photos, or files and folders with all that is in them.
        """
        with self._lock:
            self._outdated |= {path for path in self._being_read if any(map(path.is_in, places))}
            fresh = [reading for reading in self._results if not any(map(reading.photo.is_in, places))]
            self._results = deque(fresh)
        for path in [path for path in (*self._pixmaps, *self._failures) if any(map(path.is_in, places))]:
            self._failures.pop(path, None)
            self._drop(path)
            self.ready.emit(path)
        self._fill_queue()

    def pixmap(self, photo: PhotoRef) -> QPixmap | None:
        """Return the thumbnail if it is in memory; None while it is not."""
        pixmap = self._pixmaps.get(photo)
        if pixmap is not None:
            self._pixmaps.move_to_end(photo)
        return pixmap

    def failure(self, photo: PhotoRef) -> str | None:
        """Return why the file has no thumbnail; None if it has one or is not read yet."""
        return self._failures.get(photo)

    @Slot()
    def shut_down(self) -> None:
        """Drop what waits and wait for what is being read: at most two thumbnails."""
        with self._lock:
            self._queue.clear()
        self._pool.waitForDone()

    def _read_queue(self) -> None:
        """Read wanted files until none is left. Runs in a pool thread."""
        lower_thread_priority()
        while True:
            with self._lock:
                if not self._queue:
                    self._num_workers -= 1
                    return
                path = self._queue.popleft()
                self._being_read.add(path)
                generation, has_draft = self._generation, path in self._drafts
            try:
                reading = self._read(path, generation, has_draft)
            except Exception as error:  # noqa: BLE001 - raised again in the main thread
                reading = _Reading(path, generation, error)
            with self._lock:
                self._being_read.discard(path)
                if path in self._outdated:
                    self._outdated.discard(path)
                    reading = replace(reading, generation=_VOID)
                self._results.append(reading)
                must_wake = len(self._results) == 1
            if must_wake and not emit_if_alive(self._arrived):
                return

    def _read(self, photo: PhotoRef, generation: int, has_draft: bool) -> _Reading:
        is_stretched = self._is_stretched
        try:
            # Before the photo is read: one that changes meanwhile is not found under its new state.
            entry = self._disk_cache.entry(photo, self.side_px, is_stretched)
            values = self._disk_cache.read(entry)
            if values is None and not has_draft and not is_stretched:
                embedded = read_embedded_thumbnail(photo)
                if embedded is not None:
                    return _Reading(photo, generation, qimage_from_bytes(embedded), is_draft=True)
            if values is None:
                values = read_shown_thumbnail(photo, self.side_px, stretched=is_stretched)
                self._disk_cache.write(entry, values)
        except EngineError as error:
            return _Reading(photo, generation, error.message)
        return _Reading(photo, generation, qimage_from_bytes(values))

    @Slot()
    def _take_results(self) -> None:
        with self._lock:
            readings = list(self._results)
            self._results.clear()
        for reading in readings:
            if reading.generation != self._generation:
                continue
            if isinstance(reading.result, QImage):
                self._remember(reading.photo, QPixmap.fromImage(reading.result), reading.is_draft)
            else:
                self._drop(reading.photo)
                self._failures[reading.photo] = str(reading.result)
            self.ready.emit(reading.photo)
        if any(reading.is_draft or reading.generation != self._generation for reading in readings):
            self._fill_queue()
        for reading in readings:
            if isinstance(reading.result, Exception):
                raise reading.result

    def _remember(self, photo: PhotoRef, pixmap: QPixmap, is_draft: bool) -> None:
        self._drop(photo)
        self._pixmaps[photo] = pixmap
        self._memory_bytes += _num_bytes(pixmap)
        if is_draft:
            self._drafts.add(photo)
        while self._memory_bytes > self._memory_limit_bytes and len(self._pixmaps) > 1:
            self._drop(next(iter(self._pixmaps)))

    def _drop(self, photo: PhotoRef) -> None:
        pixmap = self._pixmaps.pop(photo, None)
        self._drafts.discard(photo)
        if pixmap is not None:
            self._memory_bytes -= _num_bytes(pixmap)


class ThumbnailFiles(BoundedFolder):
    """Thumbnails kept on disk; an entry whose photo has changed is never found again, and pruned in time.

    A cache that cannot be written (full disk, no permission) is a slower program, not a failure.
    """

    def __init__(self, folder: Path, limit_bytes: int = DISK_LIMIT_BYTES) -> None:
        super().__init__(folder, "*.jpg", limit_bytes)

    def entry(self, photo: PhotoRef, side_px: int, is_stretched: bool = False) -> Path | None:
        """Return where the thumbnail of a photo as it is now is kept; None where there is no photo."""
        identity = identity_of(photo.absolute())
        if not identity:
            return None
        key = f"{DECODER_VERSION}\0{identity}\0{side_px}"
        if is_stretched:
            key += "\0stretched"
        return self.folder / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:40]}.jpg"

    def read(self, entry: Path | None) -> NDArray[np.uint8] | None:
        """Return the cached thumbnail of an entry, height x width x 3; None if there is none."""
        if entry is None:
            return None
        try:
            encoded = np.frombuffer(entry.read_bytes(), np.uint8)
        except OSError:
            return None
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
        return None if decoded is None else np.ascontiguousarray(decoded[:, :, ::-1], dtype=np.uint8)

    def write(self, entry: Path | None, values: NDArray[np.uint8]) -> None:
        """Keep a thumbnail, height x width x 3, whose entry was asked for before its photo was read."""
        if entry is None:
            return
        _, encoded = cv2.imencode(".jpg", values[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(entry, encoded.tobytes())
        except OSError:
            return


def lower_thread_priority() -> None:
    """Let the window and a training go first; Linux alone knows a niceness per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)


def shut_down_at_quit(shut_down: Callable[[], None]) -> None:
    """Let background work end before the program does: what it would answer to is being destroyed then."""
    application = QCoreApplication.instance()
    if application is not None:
        application.aboutToQuit.connect(shut_down)


def emit_if_alive(signal: SignalInstance) -> bool:
    """Emit from a background thread; return whether the receiver's window was still there."""
    try:
        signal.emit()
    except RuntimeError:
        # PySide's answer where Qt has deleted the signal's owner while this thread worked.
        return False
    return True


def _num_bytes(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4


def shared_thumbnails(owner: QObject, disk_limit_bytes: int = DISK_LIMIT_BYTES) -> ThumbnailLoader:
    """Return the loader that all pages of one session share, owned by `owner`.

    Args:
        owner: The session.
        disk_limit_bytes: What the thumbnails on disk may take, where the loader is made now.
    """
    loader = owner.findChild(ThumbnailLoader, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return loader if loader is not None else ThumbnailLoader(disk_limit_bytes=disk_limit_bytes, parent=owner)
