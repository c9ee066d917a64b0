"""Compare shows and measures pictures of counts, whose files hold numbers of several types, on one scale."""

import base64
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tifffile
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.image_convert import image_view
from app.pages.compare.export import CompareExport
from app.pages.compare.figures import PaneMeter
from app.pages.compare.panes import LoadedPanes
from app.viewer.compare_viewer import CompareViewer
from app.viewer.histogram_view import HistogramView
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import Picture, PictureRole
from engine.comparing.evaluating import evaluate
from engine.comparing.region_metrics import Region
from engine.contracts.configs import EvaluateConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef

SIDE = 96
NOISE = 15.0
RANGE = (88.0, 390.0)


def clean_counts() -> np.ndarray:
    """Waves between 120 and 358 counts."""
    waves = np.sin(np.arange(SIDE) / 9)
    return 239 + 119 * waves[:, None] * waves[None, :]


def write(path: Path, counts: np.ndarray, sample_type: str, spread: tuple[float, float] = RANGE) -> Path:
    """Write counts; with 8 bits what is to be spread over their range."""
    if sample_type == "uint8":
        counts = (counts - spread[0]) / (spread[1] - spread[0]) * 255
    values = counts if sample_type == "float32" else np.rint(counts)
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, values.astype(sample_type), metadata=None)
    return path


def write_pair(folder: Path, noisy_type: str, clean_type: str) -> tuple[Path, Path]:
    noise = np.random.default_rng(0).normal(0, NOISE, (SIDE, SIDE))
    noisy = write(folder / "noisy" / "a.tif", np.clip(clean_counts() + noise, *RANGE), noisy_type)
    return noisy, write(folder / "clean" / "a.tif", clean_counts(), clean_type)


def pictures_of(panes: dict[PictureRole, Path], files: PictureFiles | None = None) -> list[Picture]:
    files = files or PictureFiles()
    found = [files.picture(PhotoRef(path), title=role.value, detail="", role=role) for role, path in panes.items()]
    pictures = [picture for picture in found if isinstance(picture, Picture)]
    assert len(pictures) == len(panes)
    return pictures


def figures_of(panes: dict[PictureRole, Path], reference: Path, region: Region | None = None) -> list[str]:
    """Return the captions of panes: the first is the photo."""
    files = PictureFiles()
    loaded = LoadedPanes(PhotoRef(next(iter(panes.values()))), tuple(pictures_of(panes, files)), PhotoRef(reference))
    figures = PaneMeter(files).measure(loaded, region, JobControl()).by_pane
    return [figures[index].replace("\N{NO-BREAK SPACE}", " ") for index in range(len(panes))]


@pytest.mark.parametrize(
    ("noisy_type", "clean_type"),
    [
        ("uint16", "uint16"),
        ("uint16", "float32"),
        ("float32", "float32"),
        ("float32", "uint16"),
        ("int32", "int32"),
        ("uint16", "uint8"),
        ("float32", "uint8"),
    ],
)
def test_captions_say_what_the_evaluation_says(tmp_path: Path, noisy_type: str, clean_type: str) -> None:
    noisy, clean = write_pair(tmp_path, noisy_type, clean_type)
    config = EvaluateConfig(noisy=(noisy.parent,), clean=(clean.parent,), baseline="bicubic")
    measured = evaluate(config, JobControl(), lambda event: None)
    assert measured.noisy_psnr > 15
    expected = f"{measured.noisy_psnr:.2f} dB · SSIM {measured.noisy_ssim:.3f}"
    assert figures_of({PictureRole.INPUT: noisy}, clean) == [expected]
    (within,) = figures_of({PictureRole.INPUT: noisy}, clean, Region(0, 0, SIDE, SIDE))
    assert within == f"region {expected.replace(' · ', ', ')} · whole {expected}"


@pytest.mark.parametrize("restored_type", ["uint16", "float32", "uint8"])
@pytest.mark.parametrize("clean_type", ["uint16", "float32"])
def test_what_came_of_a_photo_is_measured_on_the_scale_of_the_photo(
    tmp_path: Path, clean_type: str, restored_type: str
) -> None:
    """A file of its own has measured levels of its own, and perhaps another type: neither makes it better or worse."""
    noisy, clean = write_pair(tmp_path, "uint16", clean_type)
    error = 3 * np.random.default_rng(1).choice([-1.0, 1.0], (SIDE, SIDE))
    black, white = np.percentile(tifffile.imread(noisy), (0.5, 100))
    restored = write(tmp_path / "restored.tif", clean_counts() + error, restored_type, spread=(black, white))
    _, of_restored = figures_of({PictureRole.INPUT: noisy, PictureRole.RESTORED: restored}, clean)
    peak = 65535 if clean_type == "uint16" else white - black
    assert float(of_restored.split()[0]) == pytest.approx(20 * np.log10(peak / 3), abs=0.3)


@pytest.fixture
def viewer(qtbot: QtBot, theme: None) -> Iterator[CompareViewer]:
    viewer = CompareViewer()
    qtbot.addWidget(viewer)
    viewer.resize(900, 400)
    viewer.show()
    yield viewer
    viewer.shut_down()


def arrange(qtbot: QtBot, viewer: CompareViewer, panes: dict[PictureRole, Path]) -> None:
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes(pictures_of(panes))


def seen(viewer: CompareViewer, index: int) -> np.ndarray:
    """Return what a pane shows, 0 to 255."""
    return np.asarray(image_view(viewer.pane_views[index].panel.layers[0].pyramid.whole_image())[:, :, 0], float)


def versions(folder: Path, noisy_type: str) -> dict[PictureRole, Path]:
    """A noisy photo, and what it shows without noise in files of three types."""
    noisy, _ = write_pair(folder, noisy_type, "uint16")
    spread = tuple(np.percentile(tifffile.imread(noisy), (0.5, 100)))
    roles = {PictureRole.REFERENCE: "float32", PictureRole.RESTORED: "uint16", PictureRole.OTHER: "uint8"}
    clean = {role: write(folder / f"{kind}.tif", clean_counts(), kind, spread) for role, kind in roles.items()}
    return {PictureRole.INPUT: noisy, **clean}


@pytest.mark.parametrize("noisy_type", ["uint16", "float32"])
@pytest.mark.parametrize("is_stretched", [False, True])
def test_the_same_light_is_shown_in_files_of_every_type(
    qtbot: QtBot, viewer: CompareViewer, tmp_path: Path, noisy_type: str, is_stretched: bool
) -> None:
    viewer.set_stretched(is_stretched)
    arrange(qtbot, viewer, versions(tmp_path, noisy_type))
    clean = [seen(viewer, index) for index in (1, 2, 3)]
    assert clean[0].std() > 40
    for other in clean[1:]:
        np.testing.assert_allclose(other, clean[0], atol=2)
    assert np.abs((seen(viewer, 0) - clean[0]).mean()) < 3


@pytest.mark.parametrize("noisy_type", ["uint16", "float32"])
@pytest.mark.parametrize("mode", ["residual", "difference"])
def test_differences_of_counts_are_seen_and_read_in_counts(
    qtbot: QtBot, viewer: CompareViewer, tmp_path: Path, noisy_type: str, mode: str
) -> None:
    """Measured by the range of their type they would be empty at the greatest gain, or clipped at the least."""
    panes = versions(tmp_path, noisy_type)
    black, white = np.percentile(tifffile.imread(panes[PictureRole.INPUT]), (0.5, 100))
    if mode == "difference":
        panes.pop(PictureRole.REFERENCE)
    viewer.set_gain(1.0)
    viewer.set_mode(mode)
    if mode == "difference":
        viewer.set_signed(True)
    viewer.set_false_colours(False)
    arrange(qtbot, viewer, panes)
    for view, other in zip(viewer.pane_views, list(panes)[1:], strict=True):
        (layer,) = view.panel.layers
        shown = np.asarray(image_view(layer.pyramid.whole_image())[:, :, 0], float)
        assert shown.std() == pytest.approx(NOISE / (white - black) * 255, rel=0.05)
        numbers = layer.pyramid.pixels.window(0, 0, 0, SIDE, SIDE) * layer.peak
        is_read_in_counts = other is not PictureRole.OTHER or noisy_type == "uint16"
        assert numbers.std() == pytest.approx(NOISE * (1 if is_read_in_counts else 255 / (white - black)), rel=0.05)
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_false_colours(True)
    legend = viewer.pane_views[0].panel.legend
    assert legend is not None
    assert int(legend.labels[2]) == pytest.approx((white - black) / 2, abs=1)


def test_the_histogram_counts_the_same_light_alike(qtbot: QtBot, viewer: CompareViewer, tmp_path: Path) -> None:
    arrange(qtbot, viewer, versions(tmp_path, "float32"))
    view = HistogramView(viewer)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitUntil(lambda: len(view.histograms) == 4)
    middles = [float((one.shares * np.arange(256)).sum()) for one in view.histograms]
    np.testing.assert_allclose(middles, middles[0], atol=3)
    assert 100 < middles[0] < 156
    view.shut_down()


def test_an_exported_page_shows_the_same_light(
    qtbot: QtBot, runner: JobRunner, settings: Settings, tmp_path: Path
) -> None:
    panes = versions(tmp_path, "uint16")
    window = QWidget()
    qtbot.addWidget(window)
    exporter = CompareExport(runner, settings, "compare", window)
    loaded = LoadedPanes(
        PhotoRef(panes[PictureRole.INPUT]), tuple(pictures_of(panes)), None, tuple(role.value for role in panes)
    )
    exporter.save_page(loaded, {}, tmp_path / "page.html", "png")
    qtbot.waitUntil(lambda: (tmp_path / "page.html").is_file() and not runner.is_busy, timeout=20_000)
    encoded = re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", (tmp_path / "page.html").read_bytes())
    images = [
        QImage.fromData(base64.b64decode(one)).convertToFormat(QImage.Format.Format_Grayscale8) for one in encoded
    ]
    clean = [np.asarray(image_view(image)[:, :, 0], float) for image in images[1:4]]
    assert clean[0].std() > 40
    for other in clean[1:]:
        np.testing.assert_allclose(other, clean[0], atol=2)
    exporter.shut_down()


class Watched(np.ndarray):
    """Notes in which threads anything is made of it."""

    threads: ClassVar[set[int]] = set()

    def __array_finalize__(self, obj: object) -> None:
        self.threads.add(threading.get_ident())


def test_a_page_is_made_in_the_background(qtbot: QtBot, runner: JobRunner, settings: Settings, tmp_path: Path) -> None:
    """To bring a large picture of counts to what a browser shows takes longer than a window may be late."""
    pictures = pictures_of(versions(tmp_path, "uint16"))
    window = QWidget()
    qtbot.addWidget(window)
    exporter = CompareExport(runner, settings, "compare", window)
    watched = tuple(replace(picture, pixels=picture.pixels.view(Watched)) for picture in pictures)
    names = tuple(picture.title for picture in pictures)
    Watched.threads.clear()
    exporter.save_page(
        LoadedPanes(PhotoRef(tmp_path / "a.tif"), watched, None, names), {}, tmp_path / "page.html", "png"
    )
    qtbot.waitUntil(lambda: (tmp_path / "page.html").is_file() and not runner.is_busy, timeout=20_000)
    assert Watched.threads
    assert threading.get_ident() not in Watched.threads
    exporter.shut_down()
