"""The compare page with pictures that it makes itself, its memory of a folder, and its slider page."""

import shutil

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.core.disk_caches import cache_files
from app.core.session import ModelChoice, Session
from app.core.settings import COMPARE_MODE, COMPARE_PANES
from app.jobs.runner import JobRunner
from app.look.catalogues import load_catalogue
from app.look.thumbnails import shared_thumbnails
from app.look.translation import install_catalogue
from app.pages.compare.computing import PictureMaker
from app.pages.compare.filmstrip import FilmstripRow
from app.pages.compare.offers import offers_of
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import (
    INPUT_CHOICE,
    REFERENCE_CHOICE,
    RESTORED_CHOICE,
    PaneChoice,
    PaneKind,
    PictureToMake,
    choice_from_text,
)
from app.viewer.pictures import MissingPicture, Picture
from engine.comparing.baselines.catalogue import BASELINES, Baseline
from engine.comparing.pictures import ComparisonPictureConfig, find_picture, picture_path
from engine.contracts.events import PhotoScanned
from engine.contracts.given_levels import GivenLevels
from engine.contracts.photo import PhotoRef
from engine.models.starters import list_starters
from engine.photo_files.photos import read_image
from engine.photos.pairs import PhotoPair
from engine.runs.store import RunStore
from tests.app.conftest import show_at
from tests.starter_makers import make_model

WAVELET = PaneChoice(PaneKind.BASELINE, "wavelet")
MALVAR = PaneChoice(PaneKind.BASELINE, "malvar")


@pytest.fixture
def starting_session(qtbot):
    session = Session(RunStore(), list_starters())
    yield session
    # They count for the whole process.
    session.set_levels(())
    session.run_catalog.shut_down()
    shared_thumbnails(session).shut_down()


@pytest.fixture
def folders(tmp_path, tiny_photos):
    """Two folders of three photos each."""
    result = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(3):
            shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder)
        result.append(folder)
    return result


def open_folder(session, folder, tiny_photos):
    session.set_folders([folder])
    paths = sorted(folder.iterdir())
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    session.set_label_pairs([PhotoPair(PhotoRef(path), PhotoRef(tiny_photos.clean / path.name)) for path in paths[:2]])


@pytest.fixture
def page(qtbot, starting_session, runner: JobRunner, settings, folders, tiny_photos):
    open_folder(starting_session, folders[0], tiny_photos)
    page = ComparePage(starting_session, runner, settings)
    show_at(qtbot, page, 1100, 700)
    page.activateWindow()
    page.activated()
    wait(qtbot, page)
    yield page
    page.shut_down()


def wait(qtbot, page):
    qtbot.wait(20)
    qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() > 0, timeout=30_000)


def choose(qtbot, page, pane, *texts):
    """Choose in a pane's menu, as a person does."""
    menu = page.bar.menu_of(pane)
    for text in texts[:-1]:
        menu = next(action for action in menu.actions() if action.text() == text).menu()
    action = next(action for action in menu.actions() if action.text() == texts[-1])
    assert action.isEnabled()
    action.trigger()
    wait(qtbot, page)


def test_a_starter_is_chosen_and_there_it_is(qtbot, page):
    title = next(starter.title for starter in list_starters() if starter.task == "denoise")
    choose(qtbot, page, 1, "What a model makes of it", title)
    noisy, restored, reference = page.viewer.panes
    assert isinstance(restored, Picture)
    assert restored.title == title
    clean = reference.pixels
    assert np.abs(restored.pixels - clean).mean() < np.abs(noisy.pixels - clean).mean()
    assert "dB" in page.viewer.pane_views[1].caption.text


def test_a_classical_method_is_computed_once_and_kept(qtbot, page, runner, folders):
    submitted = []
    runner.job_submitted.connect(submitted.append)
    choose(qtbot, page, 1, "What a classical method makes of it", "Wavelet")
    wanted = Baseline(BASELINES["wavelet"]).restore(read_image(folders[0] / "photo 0.png").pixels)
    np.testing.assert_allclose(page.viewer.panes[1].pixels, wanted, atol=0.51 / 255)
    assert len(submitted) == 1
    choose(qtbot, page, 1, "Noisy")
    choose(qtbot, page, 1, "What a classical method makes of it", "Wavelet")
    assert len(submitted) == 1
    QTest.keyClick(page.viewer, Qt.Key.Key_Right)
    wait(qtbot, page)
    assert len(submitted) == 2
    assert isinstance(page.viewer.panes[1], Picture)


def test_pictures_that_stay_are_not_made_ready_again(qtbot, page):
    before = page.viewer.panes[0]
    choose(qtbot, page, 1, "What a classical method makes of it", "Wavelet")
    assert page.viewer.panes[0] is before


def test_what_cannot_be_made_says_why_in_its_pane(qtbot, page, tmp_path):
    messages = []
    page.message_raised.connect(messages.append)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    page.bar.choices_changed.emit((INPUT_CHOICE, PaneChoice(PaneKind.MODEL, "Broken", broken), MALVAR))
    wait(qtbot, page)
    noisy, model, method = page.viewer.panes
    assert isinstance(noisy, Picture)
    assert isinstance(model, MissingPicture)
    assert "broken.safetensors" in model.reason
    assert isinstance(method, MissingPicture)
    assert "raw file" in method.reason
    assert messages == []


def test_what_cannot_be_made_is_said_in_the_persons_language(qtbot, page, tmp_path):
    install_catalogue(load_catalogue("de"))
    try:
        page.bar.choices_changed.emit((INPUT_CHOICE, MALVAR))
        wait(qtbot, page)
        reason = page.viewer.panes[1].reason
    finally:
        install_catalogue(load_catalogue("en"))
    assert reason.startswith(
        "Dieses Verfahren füllt das Mosaik einer Raw-Datei auf; dieses Foto hat schon alle Farben."
    )


def test_a_stopped_picture_is_made_when_asked_again(qtbot, page, runner):
    def stop(job):
        # Only the first: the second is to go through.
        runner.job_submitted.disconnect(stop)
        job.cancel()

    runner.job_submitted.connect(stop)
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    wait(qtbot, page)
    assert isinstance(page.viewer.panes[1], MissingPicture)
    assert "Stopped" in page.viewer.panes[1].reason
    choose(qtbot, page, 1, "Compute it again after a stop")
    assert isinstance(page.viewer.panes[1], Picture)


def baseline_picture(photo):
    return Baseline(BASELINES["wavelet"]).restore(read_image(photo).normalised)


def test_a_photo_that_was_edited_is_computed_anew(qtbot, page, folders):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    wait(qtbot, page)
    photo = folders[0] / "photo 0.png"
    for other in ("photo 1.png", "photo 2.png"):
        shutil.copy(folders[0] / other, photo)
        page.come_back_to()
        wait(qtbot, page)
        computed = page.viewer.panes[1]
        assert isinstance(computed, Picture), computed.reason
        np.testing.assert_allclose(computed.pixels, baseline_picture(photo), atol=0.51 / 255)


def test_a_photo_whose_levels_change_is_computed_anew(qtbot, page, starting_session, folders):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    wait(qtbot, page)
    before = page.viewer.panes[1]
    starting_session.set_levels([GivenLevels(black=40, white=200)])
    wait(qtbot, page)
    computed = page.viewer.panes[1]
    assert isinstance(computed, Picture), computed.reason
    assert computed.pixels is not before.pixels
    starting_session.set_levels(())
    wait(qtbot, page)
    np.testing.assert_array_equal(page.viewer.panes[1].pixels, before.pixels)


def test_levels_that_change_while_a_picture_is_computed_count(qtbot, page, starting_session, runner):
    submitted = []

    def hold(job):
        submitted.append(job)
        # Only the first: the second is to go through.
        if len(submitted) == 1:
            job.pause()

    runner.job_submitted.connect(hold)
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    qtbot.waitUntil(lambda: bool(submitted), timeout=10_000)
    starting_session.set_levels([GivenLevels(black=40, white=200)])
    qtbot.waitUntil(lambda: not page._load_task.is_busy, timeout=10_000)
    submitted[0].resume()
    wait(qtbot, page)
    computed = page.viewer.panes[1]
    assert isinstance(computed, Picture), computed.reason
    assert len(submitted) == 2


def test_a_model_that_has_changed_is_asked_again(qtbot, page, tmp_path):
    model = tmp_path / "trained on.safetensors"
    model.write_bytes(b"no weights")
    page.bar.choices_changed.emit((INPUT_CHOICE, PaneChoice(PaneKind.MODEL, "Mine", model)))
    wait(qtbot, page)
    assert "trained on.safetensors" in page.viewer.panes[1].reason
    seen = []
    for run in ("first", "second"):
        make_model(model, run=run)
        page.come_back_to()
        wait(qtbot, page)
        assert isinstance(page.viewer.panes[1], Picture), page.viewer.panes[1].reason
        seen.append(page.viewer.panes[1].pixels)
    assert seen[0] is not seen[1]


def test_a_picture_whose_file_is_gone_is_made_again(qtbot, page):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    wait(qtbot, page)
    page.filmstrip.step(1)
    wait(qtbot, page)
    for caches in cache_files():
        caches.clear()
    page.filmstrip.step(-1)
    wait(qtbot, page)
    computed = page.viewer.panes[1]
    assert isinstance(computed, Picture), computed.reason


def test_pictures_that_drive_each_other_out_are_not_made_for_ever(qtbot, page, runner, folders, tmp_path):
    configs = [
        ComparisonPictureConfig(
            photo=PhotoRef(folders[0] / "photo 0.png"), folder=tmp_path / "pictures", baseline=name, limit_bytes=1
        )
        for name in ("wavelet", "total-variation")
    ]
    maker = PictureMaker(runner, "compare", page)

    def want_what_is_missing():
        missing = [config for config in configs if find_picture(config) is None]
        pictures = [PictureToMake(picture_path(config), config, config.baseline) for config in missing]
        maker.want([picture for picture in pictures if picture.path not in maker.refused])

    submitted = []
    runner.job_submitted.connect(submitted.append)
    maker.changed.connect(want_what_is_missing)
    want_what_is_missing()
    qtbot.waitUntil(lambda: not maker.is_busy, timeout=30_000)
    assert len(submitted) == 2
    [reason] = maker.refused.values()
    assert "make room" in reason


def test_walking_away_stops_what_is_not_looked_at(qtbot, page, runner):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    qtbot.waitUntil(lambda: bool(runner.jobs) or isinstance(page.viewer.panes[-1], Picture), timeout=10_000)
    page.filmstrip.step(1)
    wait(qtbot, page)
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert isinstance(page.viewer.panes[1], Picture)
    page.filmstrip.step(-1)
    wait(qtbot, page)
    assert isinstance(page.viewer.panes[1], Picture)


def test_a_new_pane_shows_what_is_there(qtbot, page):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET))
    wait(qtbot, page)
    page.bar.add_button.click()
    wait(qtbot, page)
    assert page.choices[2] == REFERENCE_CHOICE


def test_offers_name_every_way_to_a_picture(page, starting_session, tmp_path):
    starting_session.set_model(ModelChoice(tmp_path / "mine.safetensors", "Mine"))
    offers = offers_of(starting_session, starting_session.current_photo)
    assert [offer.choice.title for offer in offers.models] == [*(s.title for s in starting_session.starters), "Mine"]
    assert {offer.choice.label for offer in offers.methods} == set(BASELINES)
    reasons = {offer.choice.label: offer.reason for offer in offers.methods}
    assert "raw files" in reasons["malvar"]
    assert not reasons["wavelet"]
    raw = offers_of(starting_session, PhotoRef(tmp_path / "photo.DNG"))
    assert not next(offer for offer in raw.methods if offer.choice == MALVAR).reason


def test_each_folder_is_looked_at_as_it_was_last(qtbot, page, starting_session, folders, tiny_photos, settings):
    page.bar.choices_changed.emit((INPUT_CHOICE, WAVELET, REFERENCE_CHOICE))
    page.viewer.set_mode("split")
    open_folder(starting_session, folders[1], tiny_photos)
    wait(qtbot, page)
    assert page.choices == (INPUT_CHOICE, RESTORED_CHOICE, REFERENCE_CHOICE)
    page.viewer.set_mode("difference")
    open_folder(starting_session, folders[0], tiny_photos)
    wait(qtbot, page)
    assert page.choices == (INPUT_CHOICE, WAVELET, REFERENCE_CHOICE)
    assert page.viewer.mode_key == "split"
    assert settings.get_for_folder(folders[1], COMPARE_MODE) == "difference"
    assert settings.get(COMPARE_PANES) == []


def test_choices_survive_as_text(tmp_path):
    for choice in (
        INPUT_CHOICE,
        PaneChoice(PaneKind.RESTORED, "Größer"),
        PaneChoice(PaneKind.MODEL, "Mine", tmp_path),
        PaneChoice(PaneKind.BASELINE, "bicubic", scale=3),
    ):
        assert choice_from_text(choice.to_text()) == choice
    for damaged in (
        '["model", "Mine", null, 1]',
        '["file", "", null, 1]',
        '["baseline", "", null, 1]',
        '["baseline", "bicubic", null, 9]',
        "",
        "[]",
        '["other", "", null, 1]',
        '["input"]',
        "{}",
        '["input", "", 5, "x"]',
    ):
        assert choice_from_text(damaged) is None


def test_the_arrows_beside_the_filmstrip_walk(qtbot, page, starting_session, folders):
    row = page.filmstrip.parentWidget()
    assert isinstance(row, FilmstripRow)
    row.next_button.click()
    wait(qtbot, page)
    assert starting_session.current_photo == PhotoRef(folders[0] / "photo 1.png")
    row.previous_button.click()
    wait(qtbot, page)
    assert starting_session.current_photo == PhotoRef(folders[0] / "photo 0.png")


def test_a_page_with_a_slider_is_saved(qtbot, page, tmp_path):
    messages = []
    page.message_raised.connect(messages.append)
    page.exporter.save_page(page._loaded, page._figures, tmp_path / "page.html", "png")
    qtbot.waitUntil(lambda: messages != [], timeout=10_000)
    assert "page.html" in messages[0].text
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    # Restored is not there: the first two are what there is.
    assert text.count("<img ") == 2
    assert "Noisy · " in text
    assert "dB" in text


def test_a_page_needs_two_pictures(qtbot, page):
    page.bar.choices_changed.emit((INPUT_CHOICE, RESTORED_CHOICE))
    wait(qtbot, page)
    with qtbot.waitSignal(page.message_raised) as raised:
        page.export_page()
    assert "two pictures" in raised.args[0].text
