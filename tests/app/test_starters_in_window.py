"""What the shipped models do in the window: the short way without any training, and where trainings start."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app.core.session import ModelChoice, Session
from app.look.image_convert import pixels_from_qimage
from app.look.thumbnails import shared_thumbnails
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from app.pages.training.finetune import FinetunePage
from app.pages.training.pretrain import PretrainPage
from engine.contracts.configs import OWN_NOISE, Preset
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.method.catalogue import tasks
from engine.models import starters as starter_models
from engine.models.starters import StarterModel, list_starters
from engine.photo_files.photos import read_image
from engine.photos.folder import list_image_files
from engine.photos.pairs import match_pairs
from engine.runs.records import DataFingerprint, RunStatus
from engine.runs.store import Run, RunStore
from tests.app.conftest import OpenWindow, open_photos
from tests.conftest import TinyPhotos

JOB_MS = 60_000
TASKS = {"denoise": "denoise", "super_resolution_x2": "sr2", "demosaick": "demosaick"}


@pytest.fixture(scope="module")
def starter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models with their cards beside them, as the shipped ones lie."""
    import torch

    from engine.models.files import ModelCard, build_network, save_model

    folder = tmp_path_factory.mktemp("starters")
    for name, task in TASKS.items():
        card = ModelCard(
            name=f"Starter: {task}",
            task=task,
            backbone="dncnn",
            backbone_params={"width": 8, "num_layers": 3},
            starter=name,
            description=f"Made for the task {task}.",
        )
        torch.manual_seed(0)
        save_model(folder / f"{name}.safetensors", dict(build_network(card).state_dict()), card)
        (folder / f"{name}.json").write_text(json.dumps(card.model_dump(mode="json")))
    return folder


@pytest.fixture
def starters(starter_folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[StarterModel, ...]:
    """The tiny models, in the place of the shipped ones for the engine too."""
    monkeypatch.setattr(starter_models, "_folders", lambda: iter([starter_folder]))
    found = list_starters()
    assert {starter.task for starter in found} == set(TASKS.values())
    return found


@pytest.fixture
def session(qtbot: QtBot, starters: tuple[StarterModel, ...]) -> Iterator[Session]:
    result = Session(RunStore(), starters)
    yield result
    result.undo_stack.clear()
    result.run_catalog.shut_down()
    shared_thumbnails(result).shut_down()


@pytest.fixture
def photo(tmp_path: Path, tiny_photos: TinyPhotos) -> Path:
    """One photo in a folder of its own."""
    folder = tmp_path / "Holiday"
    folder.mkdir()
    return Path(shutil.copy(tiny_photos.noisy / "photo 3.png", folder / "photo 3.png"))


def drop(opened: OpenWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    place = QPointF(opened.window.rect().center())
    event = QDropEvent(place, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    opened.window.dropEvent(event)
    assert event.isAccepted()


def page_of(opened: OpenWindow, page_id: str) -> RestorePage | FinetunePage | PretrainPage:
    page = opened.window.pages[page_id]
    assert isinstance(page, RestorePage | FinetunePage | PretrainPage)
    return page


def refresh_runs(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.run_catalog.read):
        session.run_catalog.refresh()


def add_run(store: RunStore, model: Path, folder: Path, name: str = "Mine") -> Run:
    data = DataFingerprint(folders=(str(folder),), num_photos=2, num_pixels=9, digest="")
    run = store.create("pretrain", name, {}, data=data)
    shutil.copy(model, run.model_path)
    run.update(status=RunStatus.DONE, steps_done=10)
    return run


def test_a_dropped_photo_is_restored_and_compared_without_any_training(
    qtbot: QtBot, opened: OpenWindow, photo: Path
) -> None:
    session, window = opened.session, opened.window
    refresh_runs(qtbot, session)
    assert session.model is not None
    assert session.model.name == "Starter: denoise"
    window.show_page("restore")
    page = page_of(opened, "restore")
    assert isinstance(page, RestorePage)

    drop(opened, photo)
    assert window.current_page is page
    qtbot.waitUntil(lambda: page.primary.isVisible() and page.primary.isEnabled(), timeout=JOB_MS)
    qtbot.waitUntil(lambda: page.preview.shows_restored, timeout=JOB_MS)
    qtbot.mouseClick(page.primary, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.compare_button.isVisible() and not opened.runner.is_busy, timeout=JOB_MS)
    qtbot.mouseClick(page.compare_button, Qt.MouseButton.LeftButton)
    assert window.current_page.page_id == "compare"
    (restored,) = session.restored(PhotoRef(photo))
    assert restored.path.is_file()


def test_the_photos_page_leads_to_restoring(qtbot: QtBot, opened: OpenWindow, photo: Path) -> None:
    drop(opened, photo)
    assert opened.window.current_page.page_id == "photos"
    page = opened.window.current_page
    assert isinstance(page, PhotosPage)
    qtbot.waitUntil(lambda: page.strip.primary.isEnabled(), timeout=JOB_MS)
    qtbot.mouseClick(page.strip.primary, Qt.MouseButton.LeftButton)
    assert opened.window.current_page.page_id == "restore"
    qtbot.waitUntil(lambda: len(opened.session.restored(PhotoRef(photo))) == 1, timeout=JOB_MS)


def test_ones_own_model_goes_before_a_shipped_one(
    qtbot: QtBot, opened: OpenWindow, starters: tuple[StarterModel, ...], tmp_path: Path
) -> None:
    run = add_run(opened.session.run_store, starters[0].path, tmp_path)
    refresh_runs(qtbot, opened.session)
    assert opened.session.model == ModelChoice(run.path, "Mine")


def test_both_menus_of_models_offer_the_shipped_ones(
    qtbot: QtBot, opened: OpenWindow, starters: tuple[StarterModel, ...]
) -> None:
    titles = {starter.title for starter in starters}
    page = page_of(opened, "restore")
    assert isinstance(page, RestorePage)
    box = page.options.model_box
    assert titles <= {box.itemText(row) for row in range(box.count())}
    row = next(row for row in range(box.count()) if box.itemText(row) == "Starter: sr2")
    box.setCurrentIndex(row)
    box.activated.emit(row)
    assert opened.session.model is not None
    assert opened.session.find_starter(opened.session.model.path) is not None
    menu = opened.window.header.model_button.menu()
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    checked = [action.text() for action in menu.actions() if action.isChecked()]
    assert checked == ["Starter: sr2"]
    assert titles <= {action.text() for action in menu.actions()}


def test_fine_tuning_starts_from_what_was_learned_on_these_photos_else_from_the_shipped_model(
    qtbot: QtBot, opened: OpenWindow, starters: tuple[StarterModel, ...], tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    session = opened.session
    page = page_of(opened, "finetune")
    assert isinstance(page, FinetunePage)
    starter = session.starter_of("denoise")
    assert starter is not None
    assert page.start_choice.path == starter.path
    assert page.form.values()["learning_rate"] == finetune_preset(Preset.BALANCED, with_twins=True)["learning_rate"]

    add_run(session.run_store, starter.path, tmp_path, "Of another folder")
    open_photos(session, tiny_photos.noisy)
    refresh_runs(qtbot, session)
    assert page.start_choice.path == starter.path
    own = add_run(session.run_store, starter.path, tiny_photos.noisy, "Of these")
    refresh_runs(qtbot, session)
    assert page.start_choice.path == own.path

    refining, learning_anew = (
        finetune_preset(Preset.BALANCED, is_new_task=is_new_task, with_twins=not is_new_task)["learning_rate"]
        for is_new_task in (False, True)
    )
    assert page.form.values()["learning_rate"] == refining
    page.inputs.tasks.choose("sr2")
    assert page.start_choice.path == own.path
    assert page.form.values()["learning_rate"] == learning_anew
    assert any("Starter: sr2" in page.start_choice.box.itemText(row) for row in range(page.start_choice.box.count()))
    session.set_folders([tmp_path.parent / "elsewhere"])
    page.inputs.tasks.choose("sr3")
    assert page.start_choice.path == starter.path, "a task without a shipped model learns from the one that denoises"
    assert page.form.values()["learning_rate"] == learning_anew

    page.inputs.tasks.choose("sr2")
    enlarging = session.starter_of("sr2")
    assert enlarging is not None
    assert page.start_choice.path == enlarging.path
    assert page.form.values()["learning_rate"] == finetune_preset(Preset.BALANCED)["learning_rate"]


def test_pretraining_refines_the_starter_unless_told_otherwise(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos
) -> None:
    page = page_of(opened, "pretrain")
    assert isinstance(page, PretrainPage)
    open_photos(opened.session, tiny_photos.noisy)
    starter = opened.session.starter_of("denoise")
    assert starter is not None
    assert page.start_choice.path == starter.path
    page.form.form.set_values({"steps": 77})
    page.start_choice.box.setCurrentIndex(page.start_choice.box.count() - 1)
    page.start_choice.box.activated.emit(page.start_choice.box.count() - 1)
    assert page.inputs.make_config().parent is None
    assert page.inputs.make_config().pretext == "rcl"
    page.start_choice.choose(starter.path)
    config = page.inputs.make_config()
    assert config.pretext == OWN_NOISE
    assert config.parent == starter.path
    assert config.steps == 77
    assert config.learning_rate == pretrain_preset(Preset.BALANCED, from_scratch=False)["learning_rate"]


def test_a_model_refined_from_a_shipped_one_takes_its_place(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos
) -> None:
    session = opened.session
    refresh_runs(qtbot, session)
    page = page_of(opened, "finetune")
    assert isinstance(page, FinetunePage)
    open_photos(session, tiny_photos.noisy)
    matching = match_pairs(list_image_files([tiny_photos.noisy]), list_image_files([tiny_photos.clean]))
    session.set_label_pairs(matching.pairs)
    page.form.form.set_values({"steps": 3, "crop_px": 32, "photos_per_batch": 2, "forgetting_limit": 0.0})
    page.refresh()
    with qtbot.waitSignal(page.training_ended, timeout=JOB_MS):
        page.start()
    [run] = RunStore().list()
    assert run.record.backbone == "dncnn"
    assert run.record.parent
    assert session.model is not None
    assert session.model.path == run.path


@pytest.mark.parametrize("task", ["sr2", "demosaick"])
def test_clean_photos_alone_teach_a_task_that_makes_its_own_pairs(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos, task: str
) -> None:
    page = page_of(opened, "finetune")
    assert isinstance(page, FinetunePage)
    page.inputs.tasks.choose(task)
    assert page.start_button.toolTip() == "Open a folder of clean photos first."
    open_photos(opened.session, tiny_photos.clean)
    assert page.start_button.text() == "Fine-tune on 8\xa0clean photos"
    config = page.inputs.make_config()
    assert config.noisy == ()
    assert len(config.clean) == 8
    page.form.form.set_values({"steps": 3, "crop_px": 32, "photos_per_batch": 2, "forgetting_limit": 0.0})
    page.refresh()
    with qtbot.waitSignal(page.training_ended, timeout=JOB_MS):
        page.start()
    [run] = RunStore().list()
    assert (run.record.status, run.record.task) == (RunStatus.DONE, task)
    assert f"against {tasks.TASKS[task].untreated}" in page.view.summary


def test_clean_references_are_preferred_and_pairs_can_be_chosen(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos
) -> None:
    session = opened.session
    page = page_of(opened, "finetune")
    assert isinstance(page, FinetunePage)
    open_photos(session, tiny_photos.noisy)
    session.set_references([tiny_photos.clean])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 8, timeout=JOB_MS)
    assert not page.inputs.source_choice.isVisible()
    page.inputs.tasks.choose("sr2")
    assert page.inputs.source is not None
    assert {path.parent for path in page.inputs.make_config().clean} == {tiny_photos.clean}
    assert page.inputs.make_config().noisy == ()
    assert page.inputs.source_choice.count() == 3
    page.inputs.source_choice.setCurrentIndex(2)
    page.inputs.source_choice.activated.emit(2)
    config = page.inputs.make_config()
    assert len(config.noisy) == 8
    assert config.label_names is not None
    assert page.start_button.text() == "Fine-tune on 8\xa0labels"


def test_pairs_whose_references_are_larger_are_what_enlarging_learns_from(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    import cv2

    for path in sorted(tiny_photos.clean.iterdir()):
        cv2.imwrite(str(tmp_path / path.name), cv2.resize(cv2.imread(str(path)), (56, 48)))
    page = page_of(opened, "finetune")
    assert isinstance(page, FinetunePage)
    opened.session.set_folders([tmp_path])
    opened.session.add_photos(
        [
            PhotoScanned(path=PhotoRef(path), width=56, height=48, noise_sigma=None)
            for path in sorted(tmp_path.glob("*.png"))
        ]
    )
    opened.session.set_references([tiny_photos.clean])
    qtbot.waitUntil(lambda: len(opened.session.label_pairs) == 8, timeout=JOB_MS)
    page.inputs.tasks.choose("sr2")
    assert page.start_button.text() == "Fine-tune on 8\xa0labels"
    page.inputs.tasks.choose("sr4")
    assert page.start_button.text() == "Fine-tune on 8\xa0clean photos"


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    """A small bare mosaic with its side-car, taken upright format."""
    folder = tmp_path / "Raw"
    folder.mkdir()
    path = folder / "frame.raw"
    rows, columns = np.mgrid[0:120, 0:160]
    noise = np.random.default_rng(3).normal(0, 40, rows.shape)
    path.write_bytes(np.clip(300 + 8 * columns + 5 * rows + noise, 0, 4095).astype("<u2").tobytes())
    description = {"width": 160, "height": 120, "cfa": "GRBG", "bit_depth": 12, "black": 64, "orientation": 6}
    path.with_name("frame.raw.json").write_text(json.dumps(description))
    return path


def test_a_raw_file_is_previewed_and_restored_from_its_mosaic(qtbot: QtBot, opened: OpenWindow, raw_file: Path) -> None:
    session, page = opened.session, page_of(opened, "restore")
    assert isinstance(page, RestorePage)
    opened.window.show_page("restore")
    drop(opened, raw_file.parent)
    qtbot.waitUntil(lambda: len(session.photos) == 1 and not opened.runner.is_busy, timeout=JOB_MS)
    assert (session.photos[0].width, session.photos[0].height) == (120, 160)
    demosaicking = session.starter_of("demosaick")
    assert demosaicking is not None
    session.set_model(ModelChoice(demosaicking.path, demosaicking.title))
    qtbot.waitUntil(lambda: page.preview.shows_restored and not page.preview.is_busy, timeout=JOB_MS)
    restoration = page.preview.restoring.restoration
    assert restoration is not None
    assert restoration.model.name == "Starter: demosaick"
    seen = pixels_from_qimage(restoration.pyramid.whole_image())
    assert seen.shape == (160, 120, 3)
    page.restore()
    qtbot.waitUntil(lambda: len(session.restored(PhotoRef(raw_file))) == 1, timeout=JOB_MS)
    (restored,) = session.restored(PhotoRef(raw_file))
    pixels = read_image(restored.path).pixels
    assert restored.path.suffix == ".tif"
    # Half precision rounds differently with the size of a tile.
    np.testing.assert_allclose(pixels, seen, atol=0.02)


def test_a_finished_picture_is_refused_by_a_demosaicking_model(qtbot: QtBot, opened: OpenWindow, photo: Path) -> None:
    session, page = opened.session, page_of(opened, "restore")
    assert isinstance(page, RestorePage)
    opened.window.show_page("restore")
    drop(opened, photo)
    demosaicking = session.starter_of("demosaick")
    assert demosaicking is not None
    session.set_model(ModelChoice(demosaicking.path, demosaicking.title))
    qtbot.waitUntil(lambda: "not a raw file" in page.preview.viewer.message, timeout=JOB_MS)


def test_a_raw_file_has_a_thumbnail(qtbot: QtBot, opened: OpenWindow, raw_file: Path) -> None:
    thumbnails = shared_thumbnails(opened.session)
    drop(opened, raw_file)
    qtbot.waitUntil(lambda: thumbnails.pixmap(PhotoRef(raw_file)) is not None, timeout=JOB_MS)
    assert thumbnails.failure(PhotoRef(raw_file)) is None
