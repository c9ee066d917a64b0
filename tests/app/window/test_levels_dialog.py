"""Black and white by hand in the window: what is shown, judged, learned and restored follows it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from pytestqt.qtbot import QtBot

from app.core.session import ModelChoice
from app.core.settings import GIVEN_LEVELS
from app.pages.compare.page import ComparePage
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from app.viewer.pictures import Picture
from app.window.levels_dialog import LevelsDialog
from engine.contracts.given_levels import GivenLevels
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.photo_files.values.given import given_here
from tests.app.conftest import OpenWindow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    result = tmp_path / "counts"
    result.mkdir()
    tifffile.imwrite(result / "a.tif", np.asarray(1000 + generator.normal(0, 10, (96, 96)), np.uint16))
    stack = np.asarray(100 + generator.poisson(80, (2, 2, 64, 64)), np.uint16)
    tifffile.imwrite(result / "b.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    return result


def open_photos(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    opened.window.open_paths([folder])
    photos = opened.window.pages["photos"]
    assert isinstance(photos, PhotosPage)
    qtbot.waitUntil(lambda: len(opened.session.photos) == 2, timeout=20_000)
    qtbot.waitUntil(lambda: not photos.scans.is_busy and not photos.scans.is_measuring, timeout=20_000)


def dialog_of(opened: OpenWindow, qtbot: QtBot) -> LevelsDialog:
    opened.window.show_levels()
    dialog = opened.window.findChild(LevelsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: not dialog.is_busy(), timeout=10_000)
    return dialog


def test_all_that_reads_follows_and_undo_goes_back(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    open_photos(opened, folder, qtbot)
    photo = PhotoRef(folder / "a.tif")
    opened.session.set_current_photo(photo)
    dialog = dialog_of(opened, qtbot)
    assert "Measured: 9" in dialog.measured_choice.text()
    dialog.choose(place=0)
    dialog.given_choice.setChecked(True)
    dialog.black_editor.set_value(900)
    dialog.white_editor.set_value(1100)
    dialog.apply_button.click()
    expected = (GivenLevels(black=900, white=1100, place=folder / "a.tif"),)
    assert opened.session.levels == given_here() == expected
    assert opened.settings.get(GIVEN_LEVELS) == [expected[0].as_text]

    def noise() -> float:
        scanned = opened.session.photo(photo)
        return 0.0 if scanned is None or scanned.noise_sigma is None else scanned.noise_sigma

    qtbot.waitUntil(lambda: noise() == pytest.approx(10 / 200, rel=0.1), timeout=20_000)
    restore, compare = opened.window.pages["restore"], opened.window.pages["compare"]
    assert isinstance(restore, RestorePage)
    assert isinstance(compare, ComparePage)
    model = ModelChoice(folder / "any.safetensors", "any")
    config = restore.options.make_config(model, (photo,), folder / "out")
    assert config.levels == expected
    opened.window.show_page("compare")
    qtbot.waitUntil(lambda: not compare.is_busy, timeout=20_000)
    shown = compare.viewer.panes[0]
    assert isinstance(shown, Picture)
    assert (*shown.levels.black, *shown.levels.white) == pytest.approx((900 / 65535, 1100 / 65535))
    opened.session.undo_stack.undo()
    assert opened.session.levels == ()
    assert "Measured" in dialog.measured_choice.text()
    assert dialog.measured_choice.isChecked()
    assert not read_image(photo).metadata.levels.is_given


def test_a_channel_of_a_stack_has_its_own(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    open_photos(opened, folder, qtbot)
    opened.session.set_current_photo(PhotoRef(folder / "b.tif", 2))
    dialog = dialog_of(opened, qtbot)
    qtbot.waitUntil(lambda: dialog.channel_box.count() == 3, timeout=10_000)
    dialog.choose(place=1, channel=2)
    dialog.given_choice.setChecked(True)
    dialog.black_editor.set_value(50)
    dialog.white_editor.set_value(40)
    dialog.apply()
    assert opened.session.levels == ()
    dialog.white_editor.set_value(500)
    dialog.apply()
    assert [one.as_text for one in opened.session.levels] == [f"{folder}=50 500 channel 2"]
    assert not read_image(PhotoRef(folder / "b.tif", 1)).metadata.levels.is_given
    assert read_image(PhotoRef(folder / "b.tif", 2)).metadata.levels.is_given
    dialog.given_list.selectAll()
    dialog.remove_button.click()
    assert opened.session.levels == ()


def test_they_are_there_again_at_the_next_start(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    opened.settings.set(GIVEN_LEVELS, ["/a/b=1 2", "nonsense"])
    opened.window._memory.restore()
    assert [one.as_text for one in opened.session.levels] == ["/a/b=1 2"]


def test_numbers_count_for_the_photo_that_they_are_of(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    open_photos(opened, folder, qtbot)
    first, second = PhotoRef(folder / "a.tif"), PhotoRef(folder / "b.tif", 1)
    opened.session.set_current_photo(first)
    dialog = dialog_of(opened, qtbot)
    dialog.choose(place=0)
    measured = dialog.measured_choice.text()
    dialog.given_choice.setChecked(True)
    dialog.black_editor.set_value(900)
    dialog.white_editor.set_value(1100)
    opened.session.set_current_photo(second)
    assert not dialog.given_choice.isChecked()
    assert not dialog.given_choice.isEnabled()
    dialog.apply_button.click()
    assert opened.session.levels == (), "they were the numbers of another photo"
    qtbot.waitUntil(lambda: not dialog.is_busy(), timeout=10_000)
    assert dialog.apply_button.isEnabled()
    assert dialog.measured_choice.text() != measured
    opened.session.set_current_photo(first)
    qtbot.waitUntil(lambda: not dialog.is_busy(), timeout=10_000)
    assert dialog.measured_choice.text() == measured


def test_one_steps_back_before_the_next_photo_is_read(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    open_photos(opened, folder, qtbot)
    first, second = PhotoRef(folder / "a.tif"), PhotoRef(folder / "b.tif", 1)
    opened.session.set_current_photo(first)
    dialog = dialog_of(opened, qtbot)
    measured = dialog.measured_choice.text()
    opened.session.set_current_photo(second)
    opened.session.set_current_photo(first)
    qtbot.waitUntil(lambda: not dialog.is_busy(), timeout=10_000)
    assert dialog.measured_choice.text() == measured
    assert "a.tif" in dialog.place_box.currentText()
    dialog.choose(place=0)
    dialog.given_choice.setChecked(True)
    dialog.apply_button.click()
    assert [one.place for one in opened.session.levels] == [folder / "a.tif"]


def test_a_photo_that_cannot_be_read_is_given_no_numbers(opened: OpenWindow, folder: Path, qtbot: QtBot) -> None:
    open_photos(opened, folder, qtbot)
    opened.session.set_current_photo(PhotoRef(folder / "a.tif"))
    dialog = dialog_of(opened, qtbot)
    (folder / "b.tif").write_bytes(b"no picture any more")
    opened.session.set_current_photo(PhotoRef(folder / "b.tif", 1))
    qtbot.waitUntil(lambda: not dialog.is_busy(), timeout=10_000)
    assert not dialog.apply_button.isEnabled()
    assert "b.tif" in dialog.place_box.itemText(0)


def test_levels_given_while_photos_are_found_count_for_those_found_before(
    opened: OpenWindow, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    open_photos(opened, folder, qtbot)
    photos = opened.window.pages["photos"]
    assert isinstance(photos, PhotosPage)
    measured = opened.session.photo(PhotoRef(folder / "a.tif"))
    assert measured is not None
    assert measured.noise_sigma is not None
    more = tmp_path / "more"
    more.mkdir()
    tifffile.imwrite(more / "c.tif", np.full((64, 64), 1000, np.uint16))
    photos.scans.start([more])
    assert photos.scans.is_busy
    opened.session.set_levels((GivenLevels(black=900, white=1100, place=folder / "a.tif"),))

    def noise() -> float:
        scanned = opened.session.photo(PhotoRef(folder / "a.tif"))
        return 0.0 if scanned is None or scanned.noise_sigma is None else scanned.noise_sigma

    assert noise() != pytest.approx(10 / 200, rel=0.1)
    qtbot.waitUntil(lambda: noise() == pytest.approx(10 / 200, rel=0.1), timeout=20_000)
