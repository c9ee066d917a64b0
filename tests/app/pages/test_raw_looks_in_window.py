"""Raw files look alike in Restore's preview, in Compare and in what is written."""

import numpy as np
import pytest

from app.core.session import ModelChoice
from app.core.settings import RESTORE_RAW_LOOK
from app.look.image_convert import pixels_from_qimage
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import INPUT_CHOICE, RESTORED_CHOICE
from app.pages.restore.page import RestorePage
from engine.contracts.blending import Blend
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from tests.app.conftest import show_at
from tests.engine.photo_files.test_tone import as_bytes, camera_file, scene
from tests.engine.restoring import test_linear_dng, test_raw_restoring
from tests.engine.restoring.test_linear_dng import write_model
from tests.engine.restoring.test_raw_looks import crops_of

LEVEL = 1 / 255


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return camera_file(folder / "a.dng", as_bytes(scene() ** np.float32(0.6)))


@pytest.fixture
def filled(session, raw, tmp_path):
    session.set_folders([raw.parent])
    session.add_photos([PhotoScanned(path=PhotoRef(raw), width=360, height=240, noise_sigma=0.1)])
    session.set_model(ModelChoice(write_model(tmp_path), "Nothing"))
    return session


@pytest.fixture
def restore(qtbot, filled, runner, settings):
    page = RestorePage(filled, runner, settings)
    show_at(qtbot, page, 1100, 660)
    qtbot.waitUntil(lambda: page.preview.shows_restored and not page.preview.is_busy, timeout=90_000)
    yield page
    page.preview.shut_down()


def previewed(page):
    """What the preview shows of the noisy and of the restored photo."""
    restoration = page.preview.restoring.restoration
    pyramids = (restoration.photo.pyramid, restoration.pyramid)
    return [pixels_from_qimage(pyramid.whole_image()) for pyramid in pyramids]


def choose(page, look):
    editor = page.options.output.editor("raw_look")
    editor.set_value(look)
    editor.edited.emit()


def test_the_preview_shows_what_will_be_written(qtbot, restore, runner, raw):
    looked, neutral = read_image(raw, raw_look="camera").pixels, read_image(raw).pixels
    assert looked.mean() > neutral.mean() + 0.1
    for shown in previewed(restore):
        np.testing.assert_allclose(shown, looked, atol=LEVEL)
    num_tiles = restore.preview.restoring.progress
    choose(restore, "neutral")
    assert restore.settings.get(RESTORE_RAW_LOOK) == "neutral"
    # Nothing is computed again.
    assert restore.preview.restoring.progress == num_tiles
    for shown in previewed(restore):
        np.testing.assert_allclose(shown, neutral, atol=LEVEL)
    for look, expected in (("neutral", neutral), ("camera", looked)):
        choose(restore, look)
        restore.primary.click()
        qtbot.waitUntil(lambda: not runner.is_busy and not restore.preview.is_busy, timeout=60_000)
        newest = restore.session.restored(PhotoRef(raw))[-1].path
        np.testing.assert_allclose(read_image(newest).pixels, expected, atol=1e-3)


@pytest.mark.parametrize("task", ["denoise", "demosaick"])
def test_what_the_three_sliders_show_is_what_the_batch_writes(qtbot, session, runner, settings, tmp_path, task):
    folder = tmp_path / "noisy"
    folder.mkdir()
    light = test_linear_dng.chart(160, 240)
    noise = np.random.default_rng(0).normal(0, 0.02 + 0.1 * light)
    photo = PhotoRef(test_linear_dng.write_raw(folder / "a.dng", np.clip(light + noise, 0, 1)))
    session.set_folders([folder])
    session.add_photos([PhotoScanned(path=photo, width=240, height=160, noise_sigma=0.1)])
    session.set_model(ModelChoice(test_raw_restoring.write_model(tmp_path, task, gain=0.3), "Changes much"))
    page = RestorePage(session, runner, settings)
    qtbot.addWidget(page)
    page.resize(1100, 660)
    page.show()
    try:
        for blend in (Blend(luminance=0.1), Blend(colour=0.1), Blend(luminance=0.9, colour=0.3, detail=0.6)):
            page.options.blends.set(photo, blend)
            qtbot.waitUntil(lambda: page.preview.shows_restored and not page.preview.is_busy, timeout=90_000)
            noisy, shown = previewed(page)
            assert np.abs(shown - noisy).mean() > 3 * LEVEL
            page.primary.click()
            qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
            written = read_image(session.restored(photo)[-1].path).pixels
            np.testing.assert_allclose(shown, written, atol=2 * LEVEL)
    finally:
        page.done_before.shut_down()
        page.preview.shut_down()


def test_a_result_that_says_nothing_of_itself_is_shown_beside_its_photo_alike(
    qtbot, restore, filled, runner, settings, raw
):
    """In the report and in Compare: a BMP has no place for the note."""
    editor = restore.options.output.editor("format")
    editor.set_value("bmp")
    editor.edited.emit()
    restore.primary.click()
    qtbot.waitUntil(lambda: not runner.is_busy and not restore.preview.is_busy, timeout=60_000)
    restore.report_button.click()
    qtbot.waitUntil(lambda: not restore.batch.is_reporting, timeout=60_000)
    (report,) = restore.destination.glob("*.html")
    before, after = crops_of(report)
    assert np.abs(before - after).mean() < 2
    page = ComparePage(filled, runner, settings)
    show_at(qtbot, page, 1100, 700)
    page.activated()
    try:
        qtbot.waitUntil(lambda: not page.is_busy and len(page._loaded.panes) >= 2, timeout=30_000)
        noisy, restored = (pane.pixels for pane in page._loaded.panes[:2])
        np.testing.assert_allclose(noisy, restored, atol=LEVEL)
    finally:
        page.shut_down()


def test_compare_shows_the_noisy_photo_as_its_result_was_rendered(qtbot, restore, filled, runner, settings, raw):
    page = ComparePage(filled, runner, settings)
    qtbot.addWidget(page)
    page.resize(1100, 700)

    def compared():
        page.show()
        page.activated()
        qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() > 0, timeout=30_000)
        qtbot.wait(20)
        qtbot.waitUntil(lambda: not page.is_busy, timeout=30_000)
        assert [choice.kind for choice in page._choices[:2]] == [INPUT_CHOICE.kind, RESTORED_CHOICE.kind]
        return [getattr(pane, "pixels", None) for pane in page._loaded.panes[:2]]

    looked, neutral = read_image(raw, raw_look="camera").pixels, read_image(raw).pixels
    try:
        np.testing.assert_array_equal(compared()[0], looked)
        choose(restore, "neutral")
        np.testing.assert_array_equal(compared()[0], neutral)
        restore.primary.click()
        qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
        # Later wishes do not change what is there.
        choose(restore, "camera")
        noisy, restored = compared()
        np.testing.assert_array_equal(noisy, neutral)
        np.testing.assert_allclose(restored, neutral, atol=1e-3)
    finally:
        page.shut_down()
