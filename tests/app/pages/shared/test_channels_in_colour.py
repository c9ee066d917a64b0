"""A microscope's channels in the window: together in their colours, or alone, on every page that shows pictures."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QLineF
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.core.session import ModelChoice, Session
from app.core.settings import Settings
from app.core.shown_channel import show_channel, shown_channel
from app.jobs.runner import JobRunner
from app.look.image_convert import image_view
from app.pages.compare.page import ComparePage
from app.pages.photos.grid import _middle_of
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import CommonLevels, Picture, PictureRole, ViewSettings
from app.viewer.pyramid_store import PyramidStore
from app.window.levels_dialog import LevelsDialog
from engine.contracts.configs import ScanConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.models.starters import require_starter
from tests.app.conftest import OpenWindow, show_at

SIDE = 64


@pytest.fixture(autouse=True)
def together():
    show_channel(0)
    yield
    show_channel(0)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Two channels, of which each lights up its own half, by dim counts."""
    counts = np.random.default_rng(0).integers(100, 104, (2, SIDE, SIDE)).astype(np.uint16)
    counts[0, :, : SIDE // 2] += 200
    counts[1, :, SIDE // 2 :] += 700
    path = tmp_path / "cells" / "a.ome.tif"
    path.parent.mkdir()
    said = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"], "Color": [0x0000FFFF, 0x00FF00FF]}}
    tifffile.imwrite(path, counts, ome=True, photometric="minisblack", metadata=said)
    return path


def light_of(image) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean colours, red, green and blue, of the left and of the right half."""
    values = image_view(image.convertToFormat(image.Format.Format_RGB888)).astype(float)
    half = values.shape[1] // 2
    return values[:, :half].mean(axis=(0, 1)), values[:, half:].mean(axis=(0, 1))


def is_blue_and_green(image) -> bool:
    left, right = light_of(image)
    return left[2] > 200 > 40 > max(left[0], left[1]) and right[1] > 200 > 40 > max(right[0], right[2])


def test_a_picture_is_shown_in_the_colours_of_its_channels(stack: Path) -> None:
    files, store = PictureFiles(), PyramidStore()
    picture = files.picture(PhotoRef(stack, 1), title="Noisy", detail="", role=PictureRole.INPUT)
    assert isinstance(picture, Picture)
    assert picture.detail == "DAPI + GFP"
    # The numbers stay those of the file.
    assert np.array_equal(np.rint(picture.pixels * picture.peak), np.moveaxis(tifffile.imread(stack), 0, -1))
    store.begin(ViewSettings(levels=CommonLevels(picture)))
    pyramid = store.plain(picture)
    assert is_blue_and_green(pyramid.settings.render(picture.pixels))
    for settings in (
        ViewSettings(has_false_colours=True),
        ViewSettings(exposure_stops=1, levels=CommonLevels(picture)),
    ):
        store.begin(settings)
        assert store.plain(picture).overview.width() == SIDE
    for is_signed in (True, False):
        difference = store.subtracted(picture, picture, is_signed=is_signed)
        assert difference is not None
        assert difference.overview.height() == SIDE
    show_channel(1)
    alone = files.picture(PhotoRef(stack, 2), title="Noisy", detail="", role=PictureRole.INPUT)
    assert isinstance(alone, Picture)
    assert (alone.detail, alone.pixels.shape[2]) == ("GFP", 1)
    store.begin(ViewSettings(levels=CommonLevels(alone)))
    left, right = light_of(store.plain(alone).settings.render(alone.pixels))
    assert right[1] > 200
    assert max(right[0], right[2], *left) < 40


def test_the_middle_of_a_photo_in_the_grid_too(stack: Path) -> None:
    assert is_blue_and_green(_middle_of(PhotoRef(stack, 1), SIDE, is_stretched=False))


def test_restore_shows_the_channels_and_restores_each(
    qtbot: QtBot, session: Session, runner: JobRunner, settings: Settings, stack: Path
) -> None:
    session.set_folders([stack.parent])
    session.add_photos(scan(ScanConfig(folders=(stack.parent,)), JobControl(), lambda event: None).photos)
    page = RestorePage(session, runner, settings)
    show_at(qtbot, page, 1100, 660)
    session.set_model(ModelChoice(require_starter("denoise"), "Starter"))
    session.set_current_photo(PhotoRef(stack))
    preview = page.preview
    qtbot.waitUntil(lambda: preview.shows_restored and not preview.is_busy, timeout=60_000)
    restoration = preview.restoring.restoration
    assert restoration is not None
    assert is_blue_and_green(restoration.photo.pyramid.overview)
    assert is_blue_and_green(restoration.pyramid.overview)
    restored = restoration.levels.window(0, 0, 0, SIDE, SIDE)
    noisy = np.moveaxis(tifffile.imread(stack), 0, -1) / 65535
    assert restored.shape == noisy.shape
    assert np.allclose(restored.mean(axis=(0, 1)), noisy.mean(axis=(0, 1)), rtol=0.003)
    session.set_shown_channel(1)
    qtbot.waitUntil(
        lambda: preview.restoring.photo is not None and preview.restoring.photo.pixels.num_channels == 1,
        timeout=20_000,
    )


def test_every_page_follows_the_choice(opened: OpenWindow, stack: Path, qtbot: QtBot) -> None:
    opened.window.open_paths([stack.parent])
    photos = opened.window.pages["photos"]
    assert isinstance(photos, PhotosPage)
    qtbot.waitUntil(lambda: len(opened.session.photos) == 1, timeout=20_000)
    qtbot.waitUntil(lambda: not photos.scans.is_busy and not photos.scans.is_measuring, timeout=20_000)
    compare = opened.window.pages["compare"]
    assert isinstance(compare, ComparePage)
    opened.session.set_current_photo(PhotoRef(stack))
    opened.window.show_page("compare")
    qtbot.waitUntil(lambda: not compare.is_busy and bool(compare.viewer.panes), timeout=20_000)
    shown = compare.viewer.panes[0]
    assert isinstance(shown, Picture)
    assert [tint.name for tint in shown.channels] == ["DAPI", "GFP"]

    target = stack.parent.parent / "page.html"
    assert compare._loaded is not None
    twice = replace(compare._loaded, panes=(shown, shown), names=("a", "b"))
    compare.exporter.save_page(twice, {}, target, "png")
    qtbot.waitUntil(lambda: target.is_file() and not opened.runner.is_busy, timeout=20_000)
    (encoded,) = re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", target.read_bytes())[:1]
    assert is_blue_and_green(QImage.fromData(base64.b64decode(encoded)))
    profile = compare.profile
    compare.bar.profile_button.setChecked(True)
    compare.viewer.set_line(QLineF(0, 10, SIDE - 1, 10))
    qtbot.waitUntil(lambda: not profile.is_busy and bool(profile.measured), timeout=10_000)
    counts = tifffile.imread(stack)
    assert profile.as_table().splitlines()[0].split("\t")[1:3] == ["Noisy DAPI", "Noisy GFP"]
    assert np.allclose(profile.measured[0].profile.values.T, counts[:, 10], atol=0.01)

    opened.window.show_levels()
    dialog = opened.window.findChild(LevelsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.channel_box.count() == 3, timeout=10_000)
    assert dialog.channel_box.itemText(1).endswith("DAPI")
    assert dialog.alone_box.isVisible()
    dialog.alone_box.click()
    assert shown_channel() == 1

    def pane() -> Picture | None:
        found = compare.viewer.panes[0] if compare.viewer.panes else None
        return found if isinstance(found, Picture) else None

    qtbot.waitUntil(
        lambda: not compare.is_busy and (one := pane()) is not None and one.pixels.shape[2] == 1, timeout=20_000
    )
    opened.window.show_next_channel()
    assert shown_channel() == 0
    assert not dialog.alone_box.isChecked()
    qtbot.waitUntil(
        lambda: not compare.is_busy and (one := pane()) is not None and one.pixels.shape[2] == 2, timeout=20_000
    )
