"""Fixtures for all tests: isolated user data, the shared real photos, and eight tiny synthetic ones."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from engine.machine.processes.openmp import share_the_processor

# Tests that ask for OpenVINO by themselves report nothing either, see `engine.restoring.backends.compiled_network`.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# All are read once, when torch and Qt are first imported.
share_the_processor()
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    # Threads of two processes that wait for one another on the same cores would slow both down many times.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ENOUGH_MEMORY_BYTES = 4 * 2**30


def _keep_temporary_files_in_memory() -> None:
    """Put all temporary files, those of child processes too, into memory where this system offers enough as a folder.

    The tests write tens of thousands of small files, and what they test flushes each: a disk takes milliseconds for
    every one, and once more to remove it.
    """
    memory = Path("/dev/shm")
    if sys.platform != "linux" or "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return
    if shutil.disk_usage(memory).free >= ENOUGH_MEMORY_BYTES:
        os.environ["TMPDIR"] = str(memory)
        # It has been read already, by pytest.
        tempfile.tempdir = str(memory)


_keep_temporary_files_in_memory()

# A busy machine is no finding: how long an example takes says nothing here.
settings.register_profile("residua", deadline=None)
settings.load_profile("residua")

TESTS_FOLDER = Path(__file__).resolve().parent

HARMLESS_QT_MESSAGES = (
    r"This plugin does not support (propagateSizeHints|raise|grabbing)",
    r"QStandardPaths: (XDG_RUNTIME_DIR not set|wrong permissions)",
)


UNCOUNTED = (
    "app",
    "soak",
    "end_to_end",
    "engine/models/test_starter_training.py",
    "trust/test_no_network.py",
    "test_packaging.py",
    "test_speed_benchmarks.py",
)
"""Tests of the whole, left out of the engine's coverage: they reach little of it that its own tests do not, and
counting lines would make them, and the processes that they start, half as slow again."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let any unexpected Qt warning fail the window's tests, and leave those of the whole out of the coverage.

    Files with slow tests come first: among several processes one of them at the end would keep all others waiting.
    """
    slow_files = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow_files)
    for item in items:
        if any(item.path.is_relative_to(TESTS_FOLDER / place) for place in UNCOUNTED):
            item.add_marker(pytest.mark.no_cover)
        if item.path.is_relative_to(TESTS_FOLDER / "app"):
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore(*HARMLESS_QT_MESSAGES))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Count no lines while that is made what an uncounted test needs, windows above all."""
    with _uncounted(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Nor while it is taken down."""
    with _uncounted(item):
        return (yield)


@contextlib.contextmanager
def _uncounted(item: pytest.Item) -> Iterator[None]:
    """What pytest-cov does for the test itself alone."""
    controller = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if controller is None or item.get_closest_marker("no_cover") is None:
        yield
        return
    controller.pause()
    try:
        yield
    finally:
        controller.resume()


@pytest.fixture(scope="session", autouse=True)
def session_user_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep fixtures that outlive one test away from the person's own runs."""
    folder = tmp_path_factory.mktemp("user_data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESIDUA_DATA", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def uncounted_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of an uncounted test count no lines either."""
    if request.node.get_closest_marker("no_cover") is not None:
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(autouse=True)
def user_data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a user data folder of its own, empty."""
    folder = tmp_path_factory.mktemp("user_data")
    monkeypatch.setenv("RESIDUA_DATA", str(folder))
    # The window sets it by its settings.
    monkeypatch.setenv("RESIDUA_DECODED_GB", "16")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the real photos beside the repository; without them the test is skipped."""
    folder = TESTS_FOLDER.parent.parent / "shared" / "data"
    if not (folder / "real_noisy_pairs").is_dir():
        pytest.skip("needs the real photos in ../shared/data")
    return folder


@dataclass(frozen=True, kw_only=True)
class TinyPhotos:
    """Eight photos of 96 x 112 pixels, each noisy in its own way, and their clean references by the same names."""

    noisy: Path
    clean: Path


@pytest.fixture(scope="session")
def tiny_photos(tmp_path_factory: pytest.TempPathFactory) -> TinyPhotos:
    """Make the eight tiny photos once."""
    folder = tmp_path_factory.mktemp("tiny_photos")
    photos = TinyPhotos(noisy=folder / "noisy", clean=folder / "clean")
    photos.noisy.mkdir()
    photos.clean.mkdir()
    rng = np.random.default_rng(7)
    for index in range(8):
        clean = _draw_scene(rng, height=96, width=112)
        sigma = 0.04 + 0.02 * index
        noise = rng.standard_normal(clean.shape) * sigma * np.sqrt(0.5 + 0.5 * clean)
        _write_png(photos.clean / f"photo {index}.png", clean)
        _write_png(photos.noisy / f"photo {index}.png", clean + noise)
    return photos


def _draw_scene(rng: np.random.Generator, *, height: int, width: int) -> NDArray[np.float64]:
    """Draw a gradient with a few flat discs and bars: smooth areas and sharp edges."""
    rows, columns = np.mgrid[0:height, 0:width]
    slope = rng.uniform(-1, 1, 2)
    ramp = 0.5 + 0.25 * (slope[0] * (rows / height - 0.5) + slope[1] * (columns / width - 0.5))
    scene = ramp[..., None] * rng.uniform(0.6, 1.2, 3)
    for _ in range(6):
        centre = rng.uniform((0, 0), (height, width))
        radius = rng.uniform(6, 24)
        scene[np.hypot(rows - centre[0], columns - centre[1]) < radius] = rng.uniform(0.05, 0.95, 3)
    return scene.clip(0, 1)


def _write_png(path: Path, pixels: NDArray[np.float64]) -> None:
    levels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    assert cv2.imwrite(str(path), levels[..., ::-1])
