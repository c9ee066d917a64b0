"""What `residua --self-test` does: each part of the program once, so that a broken installation is found at once."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.contracts.errors import EngineError
from engine.machine.places import DATA_FOLDER_VARIABLE

_WINDOW_LIMIT_S = 180.0
_POLL_MS = 100


class SelfTestError(Exception):
    """A part did not do what it should; the text says which."""


def main() -> int:
    """Run all parts, each with one line on standard output.

    Returns:
        0 if all is well, 3 if a part failed.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    kept = os.environ.get(DATA_FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="residua-self-test-") as name:
        folder = Path(name)
        # So that neither the person's settings nor their runs are touched.
        os.environ[DATA_FOLDER_VARIABLE] = str(folder / "data")
        try:
            parts: tuple[tuple[str, Callable[[Path], str]], ...] = (
                ("Versions", _versions),
                ("Raw files' reader", _ask_raw_reader),
                ("Restoring", _restore_a_sample),
                ("Restoring by another library", _restore_by_other_libraries),
                ("Classical methods", _denoise_classically),
                ("Training", _train_two_steps),
                ("Models for other programs", _give_the_model_away),
                ("Window", _open_the_window),
            )
            for title, part in parts:
                started = time.monotonic()
                try:
                    said = part(folder)
                except (SelfTestError, EngineError, OSError) as error:
                    _say(f"FAILED  {title}: {error}")
                    return 3
                _say(f"ok  {title}: {said} ({time.monotonic() - started:.1f} s)")
        finally:
            if kept is None:
                os.environ.pop(DATA_FOLDER_VARIABLE, None)
            else:
                os.environ[DATA_FOLDER_VARIABLE] = kept
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _versions(folder: Path) -> str:
    from engine.machine.places import library_versions

    versions = {"Python": platform.python_version(), **library_versions()}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _ask_raw_reader(folder: Path) -> str:
    from engine.photo_files.raw.process import is_known_to_libraw

    file = folder / "no photo.dng"
    file.write_bytes(b"This is no raw file.")
    if is_known_to_libraw(file):
        raise SelfTestError("the reading process takes a text for a raw file.")
    return "it starts, and refuses what is none"


def _restore_a_sample(folder: Path) -> str:
    from engine.comparing.metrics import psnr
    from engine.contracts.configs import RestoreConfig
    from engine.contracts.job_control import JobControl
    from engine.contracts.results import RestoreReportConfig
    from engine.jobs import restore, write_restore_report
    from engine.models.starters import require_starter
    from engine.photo_files.photos import read_image
    from engine.photos.sample_photos import make_sample_photos

    samples = make_sample_photos(folder / "samples")
    noisy = sorted(samples.noisy.glob("*.png"))[0]
    config = RestoreConfig(model=require_starter("denoise"), photos=(noisy,), out=folder / "restored")
    result = restore(config, JobControl(), lambda event: None)
    if result.failed:
        raise SelfTestError(f"{noisy.name}: {result.failed[0].reason}")
    clean = read_image(samples.all_clean / noisy.name).pixels
    before, after = (psnr(read_image(path).pixels, clean) for path in (noisy, result.restored[0][1]))
    if after <= before:
        raise SelfTestError(f"{noisy.name} had {before:.2f} dB and has {after:.2f} dB after restoring.")
    report = RestoreReportConfig(path=folder / "report.html", outcomes=result.outcomes)
    write_restore_report(report, JobControl(), lambda event: None)
    return f"{noisy.name} from {before:.2f} to {after:.2f} dB, and the report says so"


def _restore_by_other_libraries(folder: Path) -> str:
    """A sample is too small for one to be taken by itself."""
    from engine.contracts.configs import RestoreConfig
    from engine.contracts.events import JobEvent, JobWarning
    from engine.contracts.job_control import JobControl
    from engine.jobs import restore
    from engine.models.starters import require_starter
    from engine.photos.sample_photos import make_sample_photos
    from engine.restoring.backends.selection import COMPILED, installed_version

    noisy = sorted(make_sample_photos(folder / "samples").noisy.glob("*.png"))[0]
    installed = [name for name in COMPILED if installed_version(name)]
    for name in installed:
        said: list[str] = []

        def note(event: JobEvent, said: list[str] = said) -> None:
            if isinstance(event, JobWarning):
                said.append(event.message)

        config = RestoreConfig(
            model=require_starter("denoise"), photos=(noisy,), out=folder / name, device="cpu", backend=name
        )
        result = restore(config, JobControl(), note)
        if result.failed or result.backend != name:
            raise SelfTestError(" ".join([*said, *(skipped.reason for skipped in result.failed)]))
    return ", ".join(installed) or "none is installed, torch computes"


def _train_two_steps(folder: Path) -> str:
    from engine.contracts.configs import PretrainConfig
    from engine.contracts.job_control import JobControl
    from engine.jobs import pretrain
    from engine.photos.sample_photos import make_sample_photos
    from engine.runs.store import Run

    samples = make_sample_photos(folder / "samples")
    config = PretrainConfig(photos=(samples.noisy,), steps=2, out=folder / "run")
    result = pretrain(config, JobControl(), lambda event: None)
    if not os.path.isfile(Run(result.run).model_path):
        raise SelfTestError("the training left no model.")
    return "2 steps, and their model is saved"


def _denoise_classically(folder: Path) -> str:
    import numpy as np

    from engine.comparing.baselines.catalogue import BASELINES

    noisy = np.random.default_rng(0).random((48, 64, 3), np.float32)
    tried = []
    for baseline in BASELINES.values():
        if baseline.denoise is not None and baseline.is_installed:
            if not np.isfinite(baseline.denoise(noisy, 0.1)).all():
                raise SelfTestError(f"{baseline.title} gives what are no numbers.")
            tried.append(baseline.title)
    return ", ".join(tried)


def _give_the_model_away(folder: Path) -> str:
    """After the training, whose model it takes."""
    from engine.models.exchange import check_model, export_model

    written = export_model(folder / "run", folder / "model.onnx", "Self-test")
    return f"{check_model(written).num_parameters:,} weights come back from ONNX"


def _open_the_window(folder: Path) -> str:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app import main as studio
    from app.window.main_window import MainWindow
    from engine.photos.sample_photos import make_sample_photos

    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    seen: list[str] = []
    ends = time.monotonic() + _WINDOW_LIMIT_S

    def look() -> None:
        window = next((item for item in application.topLevelWidgets() if isinstance(item, MainWindow)), None)
        if window is None or not window.isVisible():
            return
        image = window.grab().toImage()
        colours = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
        is_ready = window.is_engine_loaded and len(colours) > 8
        if is_ready or time.monotonic() > ends:
            if is_ready:
                seen.append(f"{image.width()} x {image.height()} pixels, {window.header.device_text}")
            timer.stop()
            window.close()

    timer = QTimer(application)
    timer.timeout.connect(look)
    timer.start(_POLL_MS)
    exit_code = studio.main([str(make_sample_photos(folder / "samples").noisy)])
    if exit_code or not seen:
        raise SelfTestError(f"the window was not ready within {_WINDOW_LIMIT_S:.0f} s (exit code {exit_code}).")
    return seen[0]
