"""The residual inspector in the real window: opened by shortcut and by request, plots, matrix, failures."""

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from app.pages.residual_plots import short_names
from app.session import InspectRequest, ModelChoice, RestoredPhoto
from engine.events import PhotoScanned
from engine.models import ModelCard, build_network, save_model
from engine.residual_distances import summarize_distances


@pytest.fixture
def filled(opened, tiny_photos, tmp_path):
    """The window with eight photos open, the third of them blurred as its restored version."""
    paths = sorted(tiny_photos.noisy.iterdir())
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos([PhotoScanned(path=path, width=112, height=96, noise_sigma=0.1) for path in paths])
    restored = tmp_path / "blurred.png"
    cv2.imwrite(str(restored), cv2.GaussianBlur(cv2.imread(str(paths[2])), (0, 0), 2.0))
    opened.session.add_restored(paths[2], RestoredPhoto("Blur", restored))
    opened.session.set_current_photo(paths[2])
    return opened


def wait_for_report(qtbot, opened):
    inspector = opened.window.residual_inspection.inspector
    qtbot.waitUntil(lambda: not inspector.is_busy, timeout=30_000)
    return inspector


def test_the_shortcut_opens_it_for_the_current_photo(qtbot, filled):
    filled.window.activateWindow()
    QTest.keyClick(filled.window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    inspector = wait_for_report(qtbot, filled)
    assert inspector.isVisible()
    assert inspector.request.label == "Blur"
    assert "photo 2.png" in inspector.windowTitle()
    assert "of 255 levels" in inspector.verdict.text()
    assert inspector.view.viewer.mode_key == "residual"
    assert len(inspector.view.viewer.panes) == 2
    assert inspector.view.histogram.plot.listDataItems()
    assert inspector.view.spectrum.plot.listDataItems()


def test_the_map_of_neighbours_reads_values_in_words(qtbot, filled):
    filled.window.residual_inspection.inspect_current()
    neighbours = wait_for_report(qtbot, filled).view.neighbours
    assert "always 1" in neighbours.value_text(QPointF(0, 0))
    assert "1 to the right and 0 down" in neighbours.value_text(QPointF(1, 0))
    assert neighbours.value_text(QPointF(500, 0)) == neighbours.reading.whole_text


def test_the_gain_is_stepped_by_key_and_shown(qtbot, filled):
    filled.window.residual_inspection.inspect_current()
    inspector = wait_for_report(qtbot, filled)
    before = inspector.view.viewer.gain
    inspector.view.viewer.setFocus()
    QTest.keyClick(inspector.view.viewer, Qt.Key.Key_BracketRight)
    assert inspector.view.viewer.gain == 2 * before
    qtbot.waitUntil(lambda: not inspector.is_busy)


def test_without_a_restored_version_it_says_so(filled):
    filled.session.set_current_photo(filled.session.photos[0].path)
    filled.window.residual_inspection.inspect_current()
    assert filled.window.residual_inspection.inspector is None
    assert "has not been restored" in filled.window.message_bar.shown_message.text


def test_an_unreadable_file_is_a_sentence_and_no_crash(qtbot, filled, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    filled.session.inspect_requested.emit(InspectRequest(filled.session.photos[0].path, broken))
    inspector = wait_for_report(qtbot, filled)
    assert "broken.png" in inspector.verdict.text()


def test_closing_it_stops_what_runs(qtbot, filled):
    filled.window.residual_inspection.inspect_current()
    filled.window.residual_inspection.inspector.close()
    qtbot.waitUntil(lambda: not filled.runner.is_busy, timeout=30_000)
    assert not filled.window.residual_inspection.inspector.isVisible()


def test_the_noises_of_the_folder_are_compared(qtbot, filled, tmp_path):
    filled.window.residual_inspection.inspect_current()
    inspector = wait_for_report(qtbot, filled)
    folder_view = inspector.folder_view
    assert not folder_view.compare_button.isEnabled()
    card = ModelCard(backbone="unet", backbone_params={"width": 8, "num_levels": 2})
    model = tmp_path / "model.safetensors"
    network = build_network(card)
    save_model(model, network.state_dict(), card)
    filled.session.set_model(ModelChoice(model, "Untrained"))
    assert folder_view.compare_button.isEnabled()
    folder_view.num_photos.setValue(4)
    folder_view.num_crops.setValue(2)
    inspector.tabs.setCurrentIndex(1)
    QTest.mouseClick(folder_view.compare_button, Qt.MouseButton.LeftButton)
    wait_for_report(qtbot, filled)
    content = folder_view.matrix.content
    assert content.values.shape == (8, 8)
    assert next(name for _, name in content.ticks) == "photo 2"
    assert "times as far apart" in folder_view.sentence.text()
    assert "photo 2.png, crop 1, and photo 2.png, crop 2" in folder_view.matrix.value_text(QPointF(1.5, 0.5))


def test_long_names_keep_the_end_in_which_they_differ(tmp_path):
    names = short_names([tmp_path / "short.png", tmp_path / "a very long name of a photo 0001.png"])
    assert names[0] == "short"
    assert names[1].startswith("…")
    assert names[1].endswith("0001")
    assert summarize_distances(np.ones((4, 4)), (tmp_path, tmp_path), 2).positive == 1
