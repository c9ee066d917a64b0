"""The three sliders, per photo: what they say, what they set, what is written, and what is remembered."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QLabel

from app.core.session import ModelChoice
from app.core.settings import Settings
from app.pages.restore.blends import BlendChoices
from app.pages.restore.page import RestorePage
from engine.contracts.blending import FULL, Blend
from engine.contracts.configs import ScanConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.photo_files.metadata.provenance import read_provenance
from tests.starter_makers import make_model

WAIT_MS = 180_000


@pytest.fixture
def model(tmp_path):
    return ModelChoice(make_model(tmp_path / "tiny.safetensors"), "Tiny")


@pytest.fixture
def folder(tmp_path):
    """Photos with noise of 1, 4 and 20 of 255, and a gray one."""
    folder = tmp_path / "Photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 190, 160)[None, :, None] * np.ones((160, 1, 3))
    for name, sigma in (("a calm", 1), ("b little", 4), ("c noisy", 20)):
        noisy = ramp + rng.normal(0, sigma, ramp.shape)
        cv2.imwrite(str(folder / f"{name}.png"), noisy.clip(0, 255).astype(np.uint8))
    gray = ramp[:, :, 0] + rng.normal(0, 20, (160, 160))
    cv2.imwrite(str(folder / "d gray.png"), gray.clip(0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def page(qtbot, session, runner, settings, folder, model):
    page = RestorePage(session, runner, settings)
    qtbot.addWidget(page)
    page.resize(1100, 800)
    page.show()
    session.set_folders([folder])
    session.add_photos(list(scan(ScanConfig(folders=(folder,)), JobControl(), lambda event: None).photos))
    session.set_model(model)
    look_at(qtbot, page, "c noisy")
    yield page
    page.done_before.shut_down()
    page.preview.shut_down()


def ref(folder: Path, name: str) -> PhotoRef:
    return PhotoRef(folder / f"{name}.png")


def look_at(qtbot, page, name):
    path = next(path for path in page.model.photos if path.stem == name)
    page.session.set_current_photo(path)
    page.list.select_photo(path)
    qtbot.waitUntil(
        lambda: page.options.photo == path and page.preview.restoring.restoration is not None, timeout=WAIT_MS
    )
    return path


def drag_to(page, share, percent):
    """Move a slider by its keys, as a person without a mouse does."""
    slider = page.options.blending.sliders[share]
    slider.setFocus()
    while slider.value() != percent:
        QTest.keyClick(slider, Qt.Key.Key_Right if slider.value() < percent else Qt.Key.Key_Left)


def test_a_slider_sets_its_photo_and_no_other(qtbot, page, folder):
    drag_to(page, "luminance", 40)
    drag_to(page, "detail", 25)
    set_here = Blend(luminance=0.4, detail=0.25)
    assert page.options.blends.of(ref(folder, "c noisy")) == set_here
    assert page.preview.restoring.restoration.levels.blend == set_here
    look_at(qtbot, page, "a calm")
    assert page.options.blending.blend == FULL
    assert page.options.blending.sliders["luminance"].value() == 100
    assert page.preview.restoring.restoration.levels.blend == FULL
    look_at(qtbot, page, "c noisy")
    assert page.options.blending.blend == set_here
    qtbot.waitUntil(lambda: page.preview.restoring.restoration.levels.blend == set_here, timeout=WAIT_MS)
    texts = {text.text().replace("\N{NO-BREAK SPACE}", " ") for text in page.options.blending.findChildren(QLabel)}
    assert {"40 %", "100 %", "25 %"} <= texts


def test_the_batch_writes_each_photo_as_it_is_set(qtbot, page, folder):
    drag_to(page, "luminance", 40)
    with qtbot.waitSignal(page.batch.ended, timeout=WAIT_MS):
        page.primary.click()
    found = {}
    for photo in page.model.photos:
        provenance = read_provenance(page.destination / f"{photo.stem}_restored.png")
        assert provenance is not None
        found[photo.stem] = (provenance.luminance, provenance.colour, provenance.detail)
    assert found == {
        "a calm": ("1", "1", "0"),
        "b little": ("1", "1", "0"),
        "c noisy": ("0.4", "1", "0"),
        "d gray": ("1", "1", "0"),
    }
    assert "luminance at 40%" in page.model.outcomes()[2].how


def test_a_blend_is_copied_to_the_others_and_remembered_with_the_folder(qtbot, page, session, settings, folder):
    button = page.options.blending.copy_button
    assert "3 others" in button.text()
    assert not button.isEnabled(), "all are alike"
    drag_to(page, "colour", 70)
    assert button.isEnabled()
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert not button.isEnabled()
    assert page.focusWidget() is page.options.blending.sliders["luminance"], "the focus stays where it was"
    assert all(page.options.blends.of(path) == Blend(colour=0.7) for path in page.model.photos)
    drag_to(page, "colour", 60)
    settings.save()
    again = BlendChoices(session, Settings(settings._path))
    assert again.common == Blend(colour=0.7)
    assert again.of(ref(folder, "c noisy")) == Blend(colour=0.6)
    session.set_folders([folder.parent])
    assert again.of(ref(folder, "c noisy")) == FULL, "another folder has its own"


def test_each_open_folder_keeps_its_blends_when_another_is_closed(session, settings, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    first, stack = PhotoRef(here / "a.png"), PhotoRef(there / "stack.tif", 2)
    session.set_folders([here, there])
    choices = BlendChoices(session, settings)
    choices.set(None, Blend(detail=0.5))
    choices.set(first, Blend(colour=0.6))
    choices.set(stack, FULL)
    session.set_folders([there])
    assert choices.of(stack) == FULL
    assert choices.of(PhotoRef(there / "b.png")) == Blend(detail=0.5)
    choices.set(stack, Blend(luminance=0.2))
    session.set_folders([there, here])
    assert choices.of(first) == Blend(colour=0.6)
    assert choices.of(stack) == Blend(luminance=0.2)
    choices.set(None, FULL)
    session.set_folders([here])
    assert choices.of(first) == Blend(colour=0.6)
    assert choices.of(PhotoRef(here / "b.png")) == FULL


def test_a_suggestion_is_a_line_and_never_applied_unasked(qtbot, page):
    blending = page.options.blending
    assert blending.suggestion.isHidden(), "of clear noise all shall go"
    look_at(qtbot, page, "a calm")
    assert blending.blend == FULL
    assert blending.suggestion.isVisible()
    assert blending.suggestion.text() == "Hardly any noise: 30 % suggested."
    QTest.mouseClick(blending.suggestion_button, Qt.MouseButton.LeftButton)
    assert blending.blend == Blend.even(0.3)
    assert blending.suggestion.isHidden()
    assert blending.suggestion_button.isHidden()
    look_at(qtbot, page, "b little")
    assert blending.suggestion.text() == "Little noise: luminance 70 %, colour 100 % suggested."


def test_a_gray_photo_has_no_colour_slider(qtbot, page):
    colour = page.options.blending.sliders["colour"]
    own_tip = colour.toolTip()
    assert colour.isEnabled()
    look_at(qtbot, page, "d gray")
    qtbot.waitUntil(lambda: not colour.isEnabled(), timeout=WAIT_MS)
    assert "gray" in colour.toolTip()
    drag_to(page, "luminance", 80)
    assert page.preview.viewer.pane_views[0].panel.layers[1].label == "Restored at 80 %"
    look_at(qtbot, page, "c noisy")
    qtbot.waitUntil(colour.isEnabled, timeout=WAIT_MS)
    assert colour.toolTip() == own_tip


def test_detail_is_nothing_where_no_luminance_noise_goes(page):
    detail = page.options.blending.sliders["detail"]
    drag_to(page, "luminance", 0)
    assert not detail.isEnabled()
    assert "nothing to give back" in detail.toolTip()
    drag_to(page, "luminance", 1)
    assert detail.isEnabled()


def test_presets_are_one_click_and_ones_own_are_kept(qtbot, page, settings, monkeypatch):
    blending = page.options.blending

    def choose(text):
        box = blending.preset_box
        row = box.findText(text)
        assert row >= 0, [box.itemText(index) for index in range(box.count())]
        box.setCurrentIndex(row)
        box.activated.emit(row)

    assert blending.preset_box.currentText() == "Everything"
    choose("Colour noise only")
    assert blending.blend == Blend(luminance=0)
    assert blending.preset_box.currentText() == "Colour noise only"
    drag_to(page, "luminance", 35)
    assert blending.preset_box.currentText() == "As set below"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("Film & more", True))
    choose("Save as a preset…")
    assert blending.preset_box.currentText() == "Film & more"
    choose("Everything")
    assert blending.preset_box.findText("As set below") < 0
    settings.save()
    again = BlendChoices(page.session, Settings(settings._path))
    assert again.presets == [("Film & more", Blend(luminance=0.35))]
    choose("Film & more")
    choose("Remove this preset")
    assert blending.preset_box.currentText() == "As set below", "what was set stays"
    assert again.presets != page.options.blends.presets == []


def test_a_preset_that_sets_what_another_does_can_be_chosen_and_removed(page, monkeypatch):
    box, blends = page.options.blending.preset_box, page.options.blends

    def choose(text):
        assert box.findText(text) >= 0
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())

    for name in ("First", "Second"):
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, name=name: (name, True))
        choose("Save as a preset…")
        assert box.currentText() == name
    choose("First")
    assert box.currentText() == "First"
    choose("Remove this preset")
    assert [name for name, _ in blends.presets] == ["Second"]
    choose("Second")
    choose("Remove this preset")
    assert blends.presets == []
    assert box.currentText() == "Everything"


def test_nothing_that_a_settings_file_can_hold_stops_the_page(session, settings, folder):
    from app.core.settings import RESTORE_BLEND, RESTORE_BLEND_PRESETS, RESTORE_OWN_BLENDS

    session.set_folders([folder])
    settings.set_for_folder(folder, RESTORE_BLEND, "7 x")
    photo = ref(folder, "a calm")
    settings.set_for_folder(folder, RESTORE_OWN_BLENDS, ["", "1 1", "2 1 0 x", "nan 0 0 y", f"0.5 1 0 {photo}"])
    settings.set(RESTORE_BLEND_PRESETS, ["", "a b c d", "1 1 0 ", "1 0.5 0 mine"])
    choices = BlendChoices(session, settings)
    assert choices.common == FULL
    assert choices.of(photo) == Blend(luminance=0.5)
    assert choices.own([photo, ref(folder, "x")]) == {str(photo): Blend(luminance=0.5)}
    assert choices.presets == [("mine", Blend(colour=0.5))]
