"""Preferences on disk, and the model that the pages share."""

import math
from pathlib import Path

import pytest
from PySide6.QtCore import QStandardPaths
from pytestqt.qtbot import QtBot

from app.core import settings as declared
from app.core.session import ModelChoice, RestoredPhoto, Session
from app.core.settings import (
    COMPARE_GAIN,
    COMPUTE_THREADS,
    EXCLUDED_PHOTOS,
    LAST_FOLDERS,
    LAST_REFERENCE_FOLDERS,
    NUM_REMEMBERED_FOLDERS,
    OPEN_DIALOG_FOLDER,
    RESTORE_BLEND,
    TEXT_SCALE,
    THEME,
    THUMBNAIL_PX,
    Setting,
    Settings,
    restore_setting,
)
from app.look.catalogues import load_catalogue
from app.look.translation import install_catalogue
from engine.contracts.events import FileSkipped, PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.machine.places import Place


def scanned(name: str) -> PhotoScanned:
    return PhotoScanned(path=PhotoRef(Path(name)), width=10, height=10, noise_sigma=None)


def test_every_preference_survives_a_restart(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "settings.json"
    settings = Settings(path)
    settings.set(THEME, "light")
    settings.set(TEXT_SCALE, 1.5)
    settings.set(LAST_FOLDERS, ["/ä/b"])
    settings.set_for_folder(Path("/photos"), THUMBNAIL_PX, 99)
    settings.save()
    again = Settings(path)
    assert (again.get(THEME), again.get(TEXT_SCALE), again.get(LAST_FOLDERS)) == ("light", 1.5, ["/ä/b"])
    assert again.get_for_folder(Path("/photos"), THUMBNAIL_PX) == 99
    assert again.get_for_folder(Path("/other"), THUMBNAIL_PX) == THUMBNAIL_PX.default


@pytest.mark.parametrize("stored", [[], ["/references"]], ids=["nothing", "something"])
def test_hundreds_of_single_photos_push_no_folder_out(qtbot: QtBot, tmp_path: Path, stored: list[str]) -> None:
    settings = Settings(tmp_path / "settings.json")
    settings.set_for_folder(Path("/holiday"), EXCLUDED_PHOTOS, ["/holiday/a.jpg"])
    settings.set_for_folder(Path("/cards/0.jpg"), EXCLUDED_PHOTOS, ["/cards/0.jpg"])
    for number in range(NUM_REMEMBERED_FOLDERS + 20):
        settings.set_for_folder(Path(f"/cards/{number}.jpg"), LAST_REFERENCE_FOLDERS, stored)
    settings.save()
    again = Settings(tmp_path / "settings.json")
    assert again.get_for_folder(Path("/holiday"), EXCLUDED_PHOTOS) == ["/holiday/a.jpg"]
    assert bool(again.get_for_folder(Path("/cards/0.jpg"), EXCLUDED_PHOTOS)) == (not stored)
    for number in range(NUM_REMEMBERED_FOLDERS + 20):
        again.set_for_folder(Path(f"/more/{number}"), EXCLUDED_PHOTOS, ["/more"])
    again.save()
    assert Settings(tmp_path / "settings.json").get_for_folder(Path("/holiday"), EXCLUDED_PHOTOS) == []


def test_dialogs_open_at_the_pictures_at_first(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    assert settings.dialog_folder == pictures
    settings.set(OPEN_DIALOG_FOLDER, str(tmp_path))
    assert settings.dialog_folder == str(tmp_path)


def test_a_change_is_written_without_being_asked(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    with qtbot.waitSignal(settings.changed) as signal:
        settings.set(THEME, "dark")
    assert signal.args == [THEME.key]
    qtbot.waitUntil(lambda: (tmp_path / "settings.json").is_file(), timeout=20_000)
    with qtbot.assertNotEmitted(settings.changed):
        settings.set(THEME, "dark")


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"values": 3}', '{"values": {"theme": "pink", "text_scale": "x"}}']
)
def test_a_damaged_file_gives_the_defaults(qtbot: QtBot, tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    settings = Settings(path)
    assert settings.get(THEME) == "system"
    assert settings.get(TEXT_SCALE) == 1.0


@pytest.mark.parametrize("stated", ["NaN", "Infinity", "-Infinity", "1e300", "1" + 400 * "0", "true", '"4"'])
def test_a_number_that_no_widget_can_hold_gives_the_default(qtbot: QtBot, tmp_path: Path, stated: str) -> None:
    path = tmp_path / "settings.json"
    kinds = (COMPARE_GAIN, THUMBNAIL_PX, COMPUTE_THREADS, TEXT_SCALE)
    values = ", ".join(f'"{kind.key}": {stated}' for kind in kinds)
    path.write_text(f'{{"schema_version": 1, "values": {{{values}}}, "folders": {{"/a": {{{values}}}}}}}')
    settings = Settings(path)
    for kind in kinds:
        assert settings.get(kind) == kind.default
        assert settings.get_for_folder(Path("/a"), kind) == kind.default
        with pytest.raises(ValueError, match=kind.key):
            settings.set(kind, math.nan)


@pytest.mark.parametrize(("kind", "beyond"), [(COMPUTE_THREADS, -1), (COMPUTE_THREADS, 257)])
def test_a_number_beyond_its_bounds_is_refused(settings: Settings, kind: Setting[float], beyond: float) -> None:
    with pytest.raises(ValueError, match=kind.key):
        settings.set(kind, beyond)
    assert settings.get(kind) == kind.default


@pytest.mark.parametrize(("stored", "expected"), [("0.8", "0.8 0.8 0"), ("2", "1 1 0"), ('"x"', "1 1 0")])
def test_the_strength_of_an_earlier_version_is_that_of_luminance_and_colour(
    qtbot: QtBot, tmp_path: Path, stored: str, expected: str
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(f'{{"schema_version": 1, "values": {{"restore_strength": {stored}}}, "folders": {{}}}}')
    assert Settings(path).get(RESTORE_BLEND) == expected


def test_a_value_that_is_not_allowed_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="theme"):
        settings.set(THEME, "pink")


def test_every_preference_is_declared_once() -> None:
    keys = [value.key for value in vars(declared).values() if isinstance(value, Setting)]
    assert len(keys) == len(set(keys)) > 10
    assert all(
        value.accept(value.default) == value.default for value in vars(declared).values() if isinstance(value, Setting)
    )


@pytest.mark.parametrize(
    ("field", "default", "other", "refused"),
    [
        ("format", "keep", "dng", "gif"),
        ("bit_depth", "keep", "16", "12"),
        ("metadata", "keep", "none", ""),
        ("jpeg_quality", 95, 60, "60"),
        ("keep_time", False, True, 1),
    ],
)
def test_a_field_of_a_restoration_is_kept_as_the_config_has_it(
    settings: Settings, field: str, default: object, other: object, refused: object
) -> None:
    kept = restore_setting(field)
    assert (kept.key, settings.get(kept)) == (f"restore_{field}", default)
    settings.set(kept, other)
    assert settings.get(kept) == other
    with pytest.raises(ValueError, match=kept.key):
        settings.set(kept, refused)


def test_the_place_follows_the_environment(user_data: Path) -> None:
    assert Place.SETTINGS.path() == user_data / "settings.json"


def test_photos_and_exclusions(qtbot: QtBot, session: Session) -> None:
    session.set_folders([Path("/holiday"), Path("/more")])
    assert session.folder_name == "holiday + 1 more"
    with qtbot.waitSignals([session.photos_added, session.photos_changed]):
        session.add_photos([scanned("a"), scanned("b")])
    session.add_photos([scanned("b"), scanned("c")])
    session.add_skipped([FileSkipped(path=PhotoRef(Path("x")), reason="broken", hint="")])
    assert [photo.path.name for photo in session.photos] == ["a", "b", "c"]
    assert session.training_sources(is_whole_folder=True) == (Path("/holiday"), Path("/more"))
    assert session.training_sources(is_whole_folder=False) == (Path("a"), Path("b"), Path("c"))
    with qtbot.waitSignal(session.excluded_changed):
        session.set_excluded([PhotoRef(Path("b"))])
    assert [photo.path.name for photo in session.included_photos] == ["a", "c"]
    assert session.training_sources(is_whole_folder=True) == (Path("a"), Path("c"))
    session.set_folders([Path("/other")])
    assert session.photos == session.skipped == ()
    assert not session.excluded


def test_several_folders_are_named_in_the_persons_language(session: Session) -> None:
    session.set_folders([Path("/holiday"), *(Path(f"/more/{number}") for number in range(1234))])
    install_catalogue(load_catalogue("de"))
    try:
        assert session.folder_name == "holiday + 1.234 weitere"
    finally:
        install_catalogue(load_catalogue("en"))


def test_restored_versions_and_model(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.restored_changed):
        session.add_restored([(PhotoRef(Path("a")), RestoredPhoto("first", Path("a1")))])
    session.add_restored([(PhotoRef(Path("a")), RestoredPhoto("second", Path("a2")))])
    session.add_restored([(PhotoRef(Path("a")), RestoredPhoto("first again", Path("a1")))])
    assert [version.label for version in session.restored(PhotoRef(Path("a")))] == ["second", "first again"]
    with qtbot.waitSignal(session.model_changed):
        session.set_model(ModelChoice(Path("m"), "model"))
    with qtbot.assertNotEmitted(session.model_changed):
        session.set_model(ModelChoice(Path("m"), "model"))
