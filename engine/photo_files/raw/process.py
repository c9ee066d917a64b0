"""Camera raw files, read in a process of its own, so that none of them can take the program down.

Each function does what the one of the same name in `raw_camera` does, there. A file on which the reading process
crashes, or which takes too long, is refused with a sentence; another process serves the next file.
"""

import atexit
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import engine
from engine.contracts.errors import ImageReadError
from engine.photo_files.photo_image import ImageInfo, PhotoImage
from engine.photo_files.raw.camera_colours import CameraColours
from engine.photo_files.raw.mosaic import RawMosaic
from engine.translatable import say

TIME_LIMIT_S: Final = 120.0
"""A hundred megapixels take about a tenth of it on two slow cores."""

WORKER_ARGUMENT: Final = "--residua-raw-worker"
"""What a frozen program is started with to be the reading process, since it has no Python beside it."""

_NUM_KEPT: Final = 2
"""Idle processes that are kept for the next files."""

_HINT: Final = "Convert it to DNG, TIFF or JPEG with the camera maker's program, or use another copy."


def read_camera_mosaic(path: Path) -> RawMosaic:
    """Read the sensor's mosaic; see `camera.read_camera_mosaic`.

    Raises:
        NotAMosaicError: The file holds no Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    mosaic: RawMosaic = _ask("camera_mosaic", path)
    return mosaic


def read_camera_colours(path: Path) -> CameraColours:
    """Let LibRaw demosaick a file that holds no Bayer mosaic; see `camera.read_camera_colours`.

    Raises:
        ImageReadError: The file cannot be read.
    """
    colours: CameraColours = _ask("camera_colours", path)
    return colours


def read_developed(path: Path) -> PhotoImage:
    """Let LibRaw develop a file that holds no Bayer mosaic; see `camera.read_developed`.

    Raises:
        ImageReadError: The file cannot be read.
    """
    photo: PhotoImage = _ask("developed", path)
    return photo


def probe_camera_raw(path: Path) -> ImageInfo:
    """Read the header alone; see `camera.probe_camera_raw`.

    Raises:
        ImageReadError: The file cannot be read.
    """
    info: ImageInfo = _ask("info", path)
    return info


def is_known_to_libraw(path: Path) -> bool:
    """Tell from the header whether LibRaw takes the file for a raw file at all.

    Raises:
        ImageReadError: The reading process crashed on it.
    """
    is_known: bool = _ask("is_known", path)
    return is_known


def read_preview(path: Path) -> tuple[bytes | NDArray[np.uint8] | None, int, tuple[int, int]]:
    """Read the preview picture that the camera put into the file; see `camera.read_preview`.

    Raises:
        ImageReadError: The file cannot be read.
    """
    preview: tuple[bytes | NDArray[np.uint8] | None, int, tuple[int, int]] = _ask("preview", path)
    return preview


def serve_if_asked() -> int | None:
    """Be the reading process, where a frozen program was started for that.

    Returns:
        The exit code when there is nothing more to read; None where something else was asked for.
    """
    if sys.argv[1:] != [WORKER_ARGUMENT]:
        return None
    from engine.photo_files.raw.worker import serve

    return serve()


class RawWorker:
    """One reading process.

    Attributes:
        process: The running one.
    """

    def __init__(self) -> None:
        # -P: else a folder of photos, as the working folder, could hold modules that Python would load.
        python = [sys.executable, "-P", "-m", "engine.photo_files.raw.worker"]
        is_frozen = getattr(sys, "frozen", False)
        search_path = [str(Path(engine.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, WORKER_ARGUMENT] if is_frozen else python,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | ({} if is_frozen else {"PYTHONPATH": os.pathsep.join(search_path)}),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.timed_out = False

    def ask(self, name: str, path: Path, limit_s: float) -> tuple[bool, Any]:
        """Send a request and wait for the answer.

        Raises:
            EOFError: The process ended without one, by itself or because the time was over (`timed_out`).
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        timer = threading.Timer(limit_s, self._end_for_time)
        timer.daemon = True
        timer.start()
        try:
            pickle.dump((name, os.fspath(path.absolute())), self.process.stdin)
            self.process.stdin.flush()
            answer: tuple[bool, Any] = pickle.load(self.process.stdout)
        except (OSError, pickle.UnpicklingError) as error:
            raise EOFError from error
        finally:
            timer.cancel()
        return answer

    def _end_for_time(self) -> None:
        self.timed_out = True
        self.process.kill()

    def end(self) -> None:
        """End the process and wait for it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # What was still to be sent has nobody to read it.
                    continue


class RawWorkers:
    """Reading processes, started when they are needed; a few of them wait for the next file."""

    def __init__(self) -> None:
        self._idle: list[RawWorker] = []
        self._lock = threading.Lock()

    def ask(self, name: str, path: Path, limit_s: float = TIME_LIMIT_S) -> Any:
        """Read something of a file.

        Args:
            name: One of `worker.READERS`.
            path: The file.
            limit_s: How long it may take.

        Raises:
            ImageReadError: It cannot be read, crashed the reading process, or took too long.
        """
        worker = self._take()
        try:
            was_read, answer = worker.ask(name, path, limit_s)
        except EOFError as error:
            worker.end()
            raise _refusal(worker, limit_s) from error
        except BaseException:
            worker.end()
            raise
        self._give_back(worker)
        if not was_read:
            raise answer
        return answer

    def end(self) -> None:
        """End the processes that wait."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.end()

    def _take(self) -> RawWorker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._start()
            if worker.process.poll() is None:
                return worker
            worker.end()

    def _start(self) -> RawWorker:
        try:
            return RawWorker()
        except OSError as error:
            raise ImageReadError(
                say(
                    "The process that reads camera raw files cannot be started ({error}).",
                    error=error.strerror or error,
                ),
                "Close other programs, then try again.",
            ) from error

    def _give_back(self, worker: RawWorker) -> None:
        with self._lock:
            is_kept = len(self._idle) < _NUM_KEPT
            if is_kept:
                self._idle.append(worker)
        if not is_kept:
            worker.end()


def _refusal(worker: RawWorker, limit_s: float) -> ImageReadError:
    if worker.timed_out:
        return ImageReadError(
            say("Reading the camera raw file took longer than {limit_s:g} seconds.", limit_s=limit_s), _HINT
        )
    return ImageReadError("The camera raw file is damaged in a way that made its decoder crash.", _HINT)


_workers = RawWorkers()
atexit.register(_workers.end)


def _ask(name: str, path: Path) -> Any:
    return _workers.ask(name, path)
