"""The spot of the restore page: it follows the map, the keys and the picture, and comes in time."""

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtTest import QTest

from app.core.session import ModelChoice
from app.look.thumbnails import shared_thumbnails
from app.pages.restore.preview import RestorePreview
from app.pages.shared.spot_restoring import SpotRestorer
from app.viewer.picture_files import PictureFiles
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image


@pytest.fixture
def model(tmp_path):
    from engine.models.files import ModelCard, build_network, save_model

    card = ModelCard(name="Tiny", backbone="unet", backbone_params={"width": 8, "num_levels": 2})
    save_model(tmp_path / "tiny.safetensors", build_network(card).state_dict(), card)
    return ModelChoice(tmp_path / "tiny.safetensors", "Tiny")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8))
    return path


@pytest.fixture
def preview(qtbot, session, model, photo):
    preview = RestorePreview(PictureFiles(), shared_thumbnails(session))
    qtbot.addWidget(preview)
    preview.resize(420, 480)
    preview.show()
    qtbot.waitExposed(preview)
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo))
    wait_for_spot(qtbot, preview)
    yield preview
    preview.shut_down()


def wait_for_spot(qtbot, preview):
    def is_there():
        canvas = preview.viewer.pane_views[0].canvas
        wanted = min(512, canvas.width()), min(512, canvas.height())
        shown = preview.preview
        return (
            not preview.is_busy
            and not preview.viewer.is_busy
            and shown is not None
            and (shown.spot.width, shown.spot.height) == wanted
        )

    qtbot.waitUntil(is_there, timeout=30_000)


def drag(canvas, offset):
    start = QPoint(canvas.width() // 4, canvas.height() // 3)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(canvas, start + QPoint(round(offset.x() * part), round(offset.y() * part)))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + offset)


def test_the_spot_follows_a_drag_of_the_picture(qtbot, preview, photo):
    before = preview.preview.spot
    drag(preview.viewer.pane_views[0].canvas, QPoint(-120, -70))
    qtbot.waitUntil(lambda: preview.preview.spot != before, timeout=30_000)
    wait_for_spot(qtbot, preview)
    spot = preview.preview.spot
    assert abs(spot.left - before.left - 120) <= 2
    assert abs(spot.top - before.top - 70) <= 2
    np.testing.assert_array_equal(preview.preview.noisy, read_image(photo).pixels[spot.area])
    middle = preview.viewer.view_transform.centre
    assert abs(middle.x() - spot.width / 2) <= 1, "what was in the middle of the view still is"


def test_at_the_photos_edge_the_view_comes_back(qtbot, preview):
    preview.set_centre(preview._centre.__class__(0.0, 0.0))
    qtbot.waitUntil(lambda: preview.preview.spot.left == 0, timeout=30_000)
    wait_for_spot(qtbot, preview)
    shown, transform = preview.preview, preview.viewer.view_transform
    drag(preview.viewer.pane_views[0].canvas, QPoint(90, 90))
    assert transform.centre.x() < shown.spot.width / 2 - 60
    qtbot.waitUntil(lambda: abs(transform.centre.x() - shown.spot.width / 2) <= 1, timeout=10_000)
    assert preview.preview is shown, "nothing is restored again"


def test_a_drag_within_an_enlarged_spot_restores_nothing(qtbot, preview):
    shown = preview.preview
    preview.viewer.view_transform.zoom_to(4.0)
    drag(preview.viewer.pane_views[0].canvas, QPoint(-60, 20))
    assert preview._settle_later.isActive()
    qtbot.waitUntil(lambda: not preview._settle_later.isActive())
    assert not preview.is_busy
    assert preview.preview is shown


def test_keys_move_the_spot(qtbot, preview):
    before = preview.preview.spot
    preview.spot_map.setFocus()
    QTest.keyClick(preview.spot_map, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: preview.preview.spot != before, timeout=30_000)
    wait_for_spot(qtbot, preview)
    assert preview.preview.spot.left == before.left - before.width // 2
    assert preview.preview.spot.top == before.top


def test_a_slow_model_shows_a_part_first(model):
    restorer = SpotRestorer(PictureFiles())
    wanted = QSize(512, 400)
    assert restorer.side_within(model, wanted, 0.7) == QSize(256, 200), "its speed is not known yet"
    restorer._speed = (model.path, 0.1 / (512 * 400))
    assert restorer.side_within(model, wanted, 0.7) == wanted
    restorer._speed = (model.path, 2.8 / (512 * 400))
    assert restorer.side_within(model, wanted, 0.7) == QSize(256, 200)
    restorer._speed = (model.path, 280 / (512 * 400))
    assert restorer.side_within(model, wanted, 0.7) == QSize(96, 96)
