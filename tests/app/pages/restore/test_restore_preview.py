"""The photo on the restore page: there at once, restored where it is looked at, never another one."""

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from app.core.session import ModelChoice
from app.look.image_convert import image_view
from app.look.thumbnails import shared_thumbnails
from app.pages.restore.preview import RestorePreview
from app.pages.restore.restoring import PhotoRestoring, SeenPart
from engine.contracts.blending import Blend
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from tests.app.conftest import show_at
from tests.starter_makers import make_model

WAIT_MS = 180_000


@pytest.fixture
def model(tmp_path):
    return ModelChoice(make_model(tmp_path / "tiny.safetensors"), "Tiny")


def write_photo(path, seed=0, height=900, width=1200):
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(60, 196, (height, width, 3), dtype=np.uint8))
    return path


@pytest.fixture
def photo(tmp_path):
    return write_photo(tmp_path / "large.png")


@pytest.fixture
def preview(qtbot, session, photo):
    preview = RestorePreview(shared_thumbnails(session))
    show_at(qtbot, preview, 640, 480)
    yield preview
    preview.shut_down()


def wait_for_all(qtbot, preview):
    def is_there():
        num_done, num_tiles = preview.restoring.progress
        return not preview.is_busy and num_tiles > 0 and num_done == num_tiles and preview.viewer.is_sharp

    qtbot.waitUntil(is_there, timeout=WAIT_MS)


def restored_whole(model, path):
    from engine.contracts.configs import ComputeConfig
    from engine.machine.devices import open_device
    from engine.models.files import load_model
    from engine.restoring.restorer import Restorer

    return Restorer(load_model(model.path), open_device(ComputeConfig())).restore(read_image(path).pixels)


def drag(canvas, offset):
    start = QPoint(canvas.width() // 4, canvas.height() // 3)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(canvas, start + QPoint(round(offset.x() * part), round(offset.y() * part)))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + offset)


def shown_pixels(viewer):
    """What is on the canvas, red, green and blue."""
    return image_view(viewer.pane_views[0].canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))[
        :, :, 2::-1
    ]


def test_the_whole_photo_is_there_and_then_restored(qtbot, preview, photo, model):
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    qtbot.waitUntil(lambda: preview.restoring.photo is not None, timeout=WAIT_MS)
    assert preview.viewer.view_transform.is_fit
    assert preview.restoring.restoration is None, "the noisy photo does not wait for a model"
    assert [layer.label for layer in preview.viewer.pane_views[0].panel.layers] == ["Noisy"]
    preview.set_model(model)
    wait_for_all(qtbot, preview)
    assert preview.status == "Restored"
    assert preview.restoring.progress == (20, 20)
    levels = preview.restoring.restoration.levels
    # The rounding of half precision differs with the size of a tile.
    np.testing.assert_allclose(levels.window(0, 0, 0, 1200, 900), restored_whole(model, photo), atol=0.03)
    panel = preview.viewer.pane_views[0].panel
    assert panel.is_split
    assert [layer.label for layer in panel.layers] == ["Noisy", "Restored"]


def test_only_what_is_looked_at_is_restored_from_the_middle(qtbot, preview, photo, model):
    order = []
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    preview.set_model(model)
    preview.viewer.view_transform.zoom_to(1.0)
    qtbot.waitUntil(lambda: preview.restoring.restoration is not None, timeout=WAIT_MS)
    levels = preview.restoring.restoration.levels
    preview.viewer.view_transform.zoom_to(1.0)
    put = levels.put
    levels.put = lambda tile, pixels: (order.append(tile), put(tile, pixels))
    preview.viewer.view_transform.centre_on(QPointF(300, 300))
    wait_for_all(qtbot, preview)
    middle = QPointF(300, 300)
    distances = [(QPointF(levels.place(tile).center()) - middle).manhattanLength() for tile in order]
    # What was begun before the person looked there may still come.
    first = distances.index(min(distances))
    assert first < len(order) / 2
    assert distances[first:] == sorted(distances[first:])
    num_done, num_tiles = preview.restoring.progress
    assert num_done == num_tiles < 20
    assert not any(levels.has(tile, 0) for tile in order if levels.place(tile).left() > 900)
    drag(preview.viewer.pane_views[0].canvas, QPoint(-400, -300))
    qtbot.waitUntil(lambda: preview.restoring.progress[0] < preview.restoring.progress[1], timeout=WAIT_MS)
    wait_for_all(qtbot, preview)
    assert preview.zoom_text.replace("\N{NO-BREAK SPACE}", " ") == "100 %"


def test_dragging_shows_the_photo_never_the_backdrop(qtbot, preview, photo):
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    qtbot.waitUntil(lambda: preview.restoring.photo is not None, timeout=WAIT_MS)
    preview.viewer.view_transform.zoom_to(1.0)
    drag(preview.viewer.pane_views[0].canvas, QPoint(-250, -120))
    pixels = shown_pixels(preview.viewer)
    assert (pixels == 0x77).all(axis=2).mean() < 1e-3, "the gray behind the photo, but for a pixel by chance"


def test_the_photo_before_never_stands_under_a_new_one(qtbot, preview, photo, model, tmp_path):
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    wait_for_all(qtbot, preview)
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.full((700, 1000, 3), (0, 0, 255), np.uint8))
    preview.set_photo(PhotoRef(other), QSize(1000, 700))
    panel = preview.viewer.pane_views[0].panel
    assert not panel.layers or panel.layers[0].pyramid.size == QSize(1000, 700) or panel.layers[0].label == "Noisy"
    assert preview.restoring.restoration is None
    wait_for_all(qtbot, preview)
    left = shown_pixels(preview.viewer)[200, 60]
    assert tuple(left) == (255, 0, 0)
    # Back again: what was restored is still there.
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    assert preview.restoring.progress == (20, 20)


def test_a_photo_that_has_changed_is_read_again(qtbot, preview, photo, model):
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    wait_for_all(qtbot, preview)
    write_photo(photo, seed=1, height=300, width=400)
    preview.refresh()
    qtbot.waitUntil(lambda: preview.restoring.photo.source.width == 400, timeout=WAIT_MS)
    wait_for_all(qtbot, preview)


def test_luminance_and_colour_blend_without_new_inference(qtbot, preview, photo, model):
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    wait_for_all(qtbot, preview)
    restoration = preview.restoring.restoration
    full = restoration.levels.window(0, 0, 0, 100, 100)
    preview.set_blend(Blend.even(0.5))
    assert preview.viewer.pane_views[0].panel.layers[1].label == "Restored at 50 %"
    qtbot.waitUntil(lambda: not preview.is_busy)
    assert preview.restoring.restoration is restoration
    noisy = read_image(photo).pixels[:100, :100]
    np.testing.assert_allclose(restoration.levels.window(0, 0, 0, 100, 100), (noisy + full) / 2, atol=1e-3)
    preview.set_blend(Blend(luminance=0.0, colour=0.5))
    assert preview.viewer.pane_views[0].panel.layers[1].label == "Restored in part"
    qtbot.waitUntil(lambda: not preview.is_busy)
    luma = [
        levels @ np.array([0.299, 0.587, 0.114]) for levels in (restoration.levels.window(0, 0, 0, 100, 100), noisy)
    ]
    np.testing.assert_allclose(*luma, atol=1e-3)
    preview.set_blend(Blend.even(0))
    qtbot.waitUntil(lambda: not preview.is_busy and preview.viewer.is_sharp)
    preview.viewer.set_split(False)
    without = shown_pixels(preview.viewer)
    preview.viewer.set_before(True)
    np.testing.assert_array_equal(shown_pixels(preview.viewer), without)


def test_a_held_key_shows_the_photo_before(qtbot, preview, photo, model):
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    wait_for_all(qtbot, preview)
    viewer = preview.viewer
    viewer.setFocus()
    QTest.keyPress(viewer, Qt.Key.Key_B)
    assert viewer.is_before
    assert [layer.label for layer in viewer.pane_views[0].panel.layers] == ["Noisy"]
    QTest.keyRelease(viewer, Qt.Key.Key_B)
    assert not viewer.is_before
    QTest.keyClick(viewer, Qt.Key.Key_S)
    assert [layer.label for layer in viewer.pane_views[0].panel.layers] == ["Restored"]
    QTest.mousePress(preview.before_button, Qt.MouseButton.LeftButton)
    assert viewer.is_before
    QTest.mouseRelease(preview.before_button, Qt.MouseButton.LeftButton)
    assert not viewer.is_before


def test_zoom_buttons_and_keys_say_how_large_it_is(qtbot, preview, photo):
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    qtbot.waitUntil(lambda: preview.restoring.photo is not None, timeout=WAIT_MS)
    transform = preview.viewer.view_transform
    assert preview.fit_button.isChecked()
    preview.zoom_buttons[2.0].click()
    assert transform.zoom == 2.0
    assert preview.zoom_text == "200\N{NO-BREAK SPACE}%"
    assert preview.zoom_buttons[2.0].isChecked()
    assert not preview.fit_button.isChecked()
    preview.viewer.setFocus()
    QTest.keyClick(preview.viewer, Qt.Key.Key_Z)
    assert preview.zoom_buttons[1.0].isChecked()
    QTest.keyClick(preview.viewer, Qt.Key.Key_F)
    assert preview.fit_button.isChecked()
    for direction, key in ((1, Qt.Key.Key_Right), (-1, Qt.Key.Key_Left)):
        with qtbot.waitSignal(preview.step_requested) as stepped:
            QTest.keyClick(preview.viewer, key)
        assert stepped.args == [direction]


def test_what_fails_is_said_over_the_photo(qtbot, preview, photo, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no model")
    preview.set_model(ModelChoice(broken, "broken"))
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    qtbot.waitUntil(lambda: "damaged" in preview.viewer.message, timeout=WAIT_MS)
    assert preview.viewer.pane_views[0].panel.layers, "the photo is still seen"
    qtbot.waitUntil(lambda: not preview.is_busy)


@pytest.mark.parametrize(("task", "params", "scale"), [("sr2", {}, 2), ("sr2", {"enlarged_input": True}, 1)])
def test_an_enlargement(qtbot, preview, tmp_path, task, params, scale):
    from engine.models.files import ModelCard, build_network, save_model

    photo = write_photo(tmp_path / "small.png", height=200, width=300)
    card = ModelCard(name="Larger", task=task, task_params=params, backbone_params={"width": 8})
    path = tmp_path / "larger.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    preview.set_photo(PhotoRef(photo), QSize(300, 200))
    qtbot.waitUntil(lambda: preview.restoring.photo is not None, timeout=WAIT_MS)
    preview.set_model(ModelChoice(path, "Larger"))
    wait_for_all(qtbot, preview)
    levels = preview.restoring.restoration.levels
    assert (levels.scale, levels.size) == (scale, QSize(300, 200) * scale)
    full = levels.window(0, 0, 0, levels.size.width(), levels.size.height())
    levels.blend = Blend.even(0)
    without = levels.window(0, 0, 0, levels.size.width(), levels.size.height())
    # Fresh weights enlarge as bicubic interpolation does, but for the mirrored border.
    np.testing.assert_allclose(full[4:-4, 4:-4], without[4:-4, 4:-4], atol=0.02)
    assert ("2 times larger" in preview.status) == (scale == 2)


def test_during_a_batch_only_single_pixels_are_restored(qtbot, photo, model):
    restoring = PhotoRestoring()
    restoring.set_sparing(True)
    restoring.set_model(model)
    restoring.set_photo(PhotoRef(photo))
    restoring.set_seen(SeenPart(QRectF(0, 0, 1, 1), 0.4))
    qtbot.waitUntil(lambda: restoring.shows_restored and not restoring.is_busy, timeout=WAIT_MS)
    assert restoring.progress == (0, 20), "the first look stands for them"
    restoring.set_seen(SeenPart(QRectF(0, 0, 0.2, 0.2), 1.0))
    qtbot.waitUntil(lambda: restoring.progress == (1, 1) and not restoring.is_busy, timeout=WAIT_MS)
    restoring.shut_down()


def test_hidden_it_computes_nothing(qtbot, preview, photo, model):
    preview.hide()
    preview.set_model(model)
    preview.set_photo(PhotoRef(photo), QSize(1200, 900))
    qtbot.wait(300)
    qtbot.waitUntil(lambda: not preview.is_busy)
    assert preview.restoring.photo is None
    preview.show()
    wait_for_all(qtbot, preview)


def brighter(level, stops):
    """Of a level of 255 in sRGB (IEC 61966-2-1), with so many times the light."""
    encoded = level / 255
    light = encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4
    light = min(light * 2.0**stops, 1.0)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def test_exposure_is_for_looking_at_both_sides(qtbot, preview, tmp_path, model):
    photos = [tmp_path / "dim.png", tmp_path / "dimmer.png"]
    for path, level in zip(photos, (60, 30), strict=True):
        cv2.imwrite(str(path), np.full((300, 400, 3), level, np.uint8))
    before = [path.read_bytes() for path in photos]
    preview.set_model(model)
    preview.set_photo(PhotoRef(photos[0]), QSize(400, 300))
    wait_for_all(qtbot, preview)

    def sides():
        pixels = shown_pixels(preview.viewer).astype(float)
        height, width = pixels.shape[:2]
        return pixels[height // 2, [width // 4, 3 * width // 4]]

    def shows(levels, stops):
        return np.allclose(sides(), np.vectorize(brighter)(levels, stops), atol=4)

    qtbot.waitUntil(lambda: np.allclose(sides()[0], 60), timeout=WAIT_MS)
    as_it_is, values = sides(), preview.restoring.restoration.levels.window(0, 0, 0, 400, 300)
    for _ in range(4):
        QTest.keyClick(preview.viewer, Qt.Key.Key_Period)
    assert preview.exposure.stops == 2
    qtbot.waitUntil(lambda: shows(as_it_is, 2), timeout=WAIT_MS)
    assert "+2" in preview.viewer.pane_views[0].caption.text
    np.testing.assert_array_equal(preview.restoring.restoration.levels.window(0, 0, 0, 400, 300), values)
    preview.set_photo(PhotoRef(photos[1]), QSize(400, 300))
    wait_for_all(qtbot, preview)
    qtbot.waitUntil(lambda: np.allclose(sides()[0], brighter(30, 2), atol=2), timeout=WAIT_MS)
    preview.set_photo(PhotoRef(photos[0]), QSize(400, 300))
    preview.exposure.slider.setValue(-4)
    qtbot.waitUntil(lambda: shows(as_it_is, -1), timeout=WAIT_MS)
    QTest.keyClick(preview.viewer, Qt.Key.Key_0)
    qtbot.waitUntil(lambda: np.allclose(sides(), as_it_is), timeout=WAIT_MS)
    assert "EV" not in preview.viewer.pane_views[0].caption.text
    assert [path.read_bytes() for path in photos] == before
