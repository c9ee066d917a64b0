"""Opening photos and results in other programs: which there are, and what reaches them."""

import plistlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.core.messages import Severity
from app.core.programs.catalogue import own_environment, programs_for
from app.core.programs.desktop_entries import entries_for
from app.core.programs.mac_applications import applications_for
from app.core.programs.open_menu import OtherPrograms
from app.core.session import ModelChoice, RestoredPhoto
from app.core.settings import OPEN_IN_PROGRAM
from app.pages.compare.page import ComparePage
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, write_image
from tests.engine.restoring.test_linear_dng import write_model

IMAGES = ("image/jpeg", "image/png", "image/tiff")
is_desktop = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="desktop entries are of Linux and BSD")


class Desktop:
    """A desktop of the test's own, with a program that writes down what it is given."""

    def __init__(self, folder: Path) -> None:
        self.applications = folder / "share" / "applications"
        self.config = folder / "config"
        self.bin = folder / "bin dir"
        self.told = folder / "told"
        for made in (self.applications, self.config, self.bin, self.told):
            made.mkdir(parents=True)

    def program(self, name: str) -> Path:
        """Make a program that leaves its arguments, a line each, in a file of its name."""
        path = self.bin / name
        record = self.told / name
        path.write_text(
            f'#!/bin/sh\nfor a in "$@"; do echo "$a"; done > "{record}.new"; mv "{record}.new" "{record}"\n'
        )
        path.chmod(0o755)
        return path

    def enter(self, name: str, command: str, *lines: str, types: tuple[str, ...] = IMAGES) -> None:
        """Write the desktop entry of a program."""
        rows = ["[Desktop Entry]", "Type=Application", f"Exec={command}", f"MimeType={';'.join(types)};"]
        # What else is said stands first, since of a key twice the first counts.
        rows[1:1] = [*lines, f"Name={name.title()}"]
        rows += ["", "[Desktop Action new]", "Name=Another name", "Exec=nothing"]
        (self.applications / f"{name}.desktop").write_text("\n".join(rows), encoding="utf-8")

    def was_given(self, qtbot, name: str) -> list[str]:
        """Wait for what a program was started with."""
        record = self.told / name
        qtbot.waitUntil(record.exists, timeout=20_000)
        arguments = record.read_text(encoding="utf-8").splitlines()
        record.unlink()
        return arguments


@pytest.fixture
def desktop(tmp_path, monkeypatch):
    made = Desktop(tmp_path / "desktop")
    monkeypatch.setenv("XDG_DATA_HOME", str(made.applications.parent))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.config))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "Somewhere")
    return made


@pytest.fixture
def two_programs(desktop):
    for name, codes in (("alpha", "--new %F"), ("beta", "%f")):
        desktop.enter(name, f'"{desktop.program(name)}" {codes}')
    return desktop


def picture(path: Path) -> PhotoRef:
    path.parent.mkdir(exist_ok=True)
    write_image(path, PhotoImage(np.full((24, 32, 3), 0.5, np.float32)))
    return PhotoRef(path)


@is_desktop
def test_entries_that_cannot_open_the_file_here_are_left_out(desktop):
    runs = f'"{desktop.program("runs")}" %f'
    for name, lines in {
        "shown": (),
        "hidden": ("Hidden=true",),
        "a part": ("NoDisplay=true",),
        "for a terminal": ("Terminal=true",),
        "elsewhere": ("OnlyShowIn=Other;",),
        "not here": ("NotShowIn=Else;Somewhere;",),
        "gone": ("TryExec=/nowhere/at/all",),
        "a link": ("Type=Link",),
    }.items():
        desktop.enter(name, runs, *lines)
    desktop.enter("missing", "/nowhere/program %f")
    desktop.enter("of texts", runs, types=("text/plain",))
    desktop.enter("empty", "")
    (desktop.applications / "broken.desktop").write_bytes(b"\xff\xfe image/png [ = \x00")
    assert [entry.id for entry in entries_for(["image/png"])] == ["shown.desktop"]
    assert entries_for(["image/webp"]) == []


@is_desktop
def test_a_persons_own_choice_comes_first_and_what_was_removed_is_gone(two_programs):
    two_programs.enter("gamma", f'"{two_programs.program("gamma")}" %f', "Name[de]=Dritte")
    assert [entry.name for entry in entries_for(["image/png"])] == ["Alpha", "Beta", "Gamma"]
    assert [entry.name for entry in entries_for(["image/png"], "de_DE")] == ["Alpha", "Beta", "Dritte"]
    (two_programs.config / "mimeapps.list").write_text(
        "[Default Applications]\nimage/png=absent.desktop;beta.desktop;\n"
        "[Added Associations]\nimage/webp=gamma.desktop;\n"
        "[Removed Associations]\nimage/png=alpha.desktop;\n"
    )
    assert [entry.id for entry in entries_for(["image/png"])] == ["beta.desktop", "gamma.desktop"]
    assert [entry.id for entry in entries_for(["image/jpeg"])] == ["alpha.desktop", "beta.desktop", "gamma.desktop"]
    assert [entry.is_default for entry in entries_for(["image/png"])] == [True, False]
    # The type itself counts before what it is a kind of.
    assert [entry.id for entry in entries_for(["image/webp", "image/png"])] == ["gamma.desktop", "beta.desktop"]


@is_desktop
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("prog %f", ["prog", "FILE"]),
        ("prog", ["prog", "FILE"]),
        ("prog %u", ["prog", "URI"]),
        ('prog --in=%f "two words" %i %c', ["prog", "--in=FILE", "two words", "Said"]),
        (r'prog "a\\"b" "\\$x" 100%% %m', ["prog", 'a"b', "$x", "100%", "", "FILE"]),
    ],
)
def test_a_command_is_filled_in_as_its_entry_says(desktop, monkeypatch, command, expected):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    desktop.enter("said", command)
    (entry,) = entries_for(["image/png"])
    file = Path("/photos/a b ü%.png")
    values = {"FILE": str(file), "URI": "file:///photos/a%20b%20%C3%BC%25.png"}
    filled = [values.get(part, part.replace("FILE", str(file))) for part in expected]
    assert entry.arguments([file]) == filled


@is_desktop
def test_several_files_go_to_programs_that_take_them_at_once(two_programs, tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.jpg"]
    assert [program.name for program in programs_for(files[:1])] == ["Alpha", "Beta"]
    assert [program.name for program in programs_for(files)] == ["Alpha"]
    assert programs_for([*files, tmp_path / "c.txt"]) == []


def test_applications_of_a_mac_are_found_by_what_they_say(tmp_path):
    def application(name: str, kinds: object) -> None:
        contents = tmp_path / f"{name}.app" / "Contents"
        contents.mkdir(parents=True)
        (contents / "Info.plist").write_bytes(plistlib.dumps({"CFBundleDocumentTypes": kinds}))

    application("Viewer", [{"LSItemContentTypes": ["public.image"], "CFBundleTypeRole": "Viewer"}])
    application("Suite/Developer", [{"CFBundleTypeExtensions": ["NEF", "dng"]}])
    application("Raws", [{"LSItemContentTypes": ["public.camera-raw-image"]}])
    application("Writer", [{"CFBundleTypeExtensions": ["txt"]}])
    application("Catalogue", [{"LSItemContentTypes": ["public.image"], "CFBundleTypeRole": "None"}])
    application("Nothing", "no list")
    (tmp_path / "Broken.app" / "Contents").mkdir(parents=True)
    (tmp_path / "Broken.app" / "Contents" / "Info.plist").write_bytes(b"no list of properties")
    assert [found.name for found in applications_for(".nef", [tmp_path])] == ["Developer", "Raws", "Viewer"]
    (viewer,) = applications_for(".JPG", [tmp_path, tmp_path / "absent"])
    assert viewer.arguments([Path("/a b.jpg")]) == ["open", "-a", str(tmp_path / "Viewer.app"), "/a b.jpg"]


def test_a_frozen_program_gives_others_the_libraries_that_the_system_has():
    changed = {"LD_LIBRARY_PATH": "/own", "LD_LIBRARY_PATH_ORIG": "/before", "QT_PLUGIN_PATH": "/own", "HOME": "/me"}
    assert own_environment(changed, is_frozen=False) == changed
    assert own_environment(changed, is_frozen=True) == {"LD_LIBRARY_PATH": "/before", "HOME": "/me"}


@is_desktop
def test_what_was_used_last_comes_first_and_a_program_that_fails_is_told(qtbot, two_programs, settings, tmp_path):
    told = []
    programs, file = OtherPrograms(settings, told.append), tmp_path / "a photo's name.png"

    menu = QMenu()
    qtbot.addWidget(menu)
    programs.fill(menu, [file])
    assert [action.text() for action in menu.actions()] == ["Alpha", "Beta"]
    menu.actions()[1].trigger()
    assert two_programs.was_given(qtbot, "beta") == [str(file)]
    assert settings.get(OPEN_IN_PROGRAM) == "beta.desktop"
    # A line sets the one that was used last apart.
    menu.clear()
    programs.fill(menu, [file])
    assert [action.text() for action in menu.actions()][0::2] == ["Beta", "Alpha"]
    programs.open_in_last([file])
    assert two_programs.was_given(qtbot, "beta") == [str(file)]
    assert told == []
    (two_programs.bin / "beta").write_text("#!/nowhere/interpreter\n")
    programs.open_in_last([file])
    assert told[0].severity is Severity.WARNING
    assert "Beta" in told[0].text
    shutil.rmtree(two_programs.applications)
    programs.open_in_last([file])
    assert file.name in told[1].text


@pytest.fixture
def restored(session, tmp_path):
    photo, other = (picture(tmp_path / "photos" / name) for name in ("one.png", "two.png"))
    session.set_folders([tmp_path / "photos"])
    session.add_photos(
        [PhotoScanned(path=path, width=32, height=24, noise_sigma=0.1) for path in (photo, other)],
    )
    session.set_model(ModelChoice(write_model(tmp_path), "Nothing"))
    result = picture(tmp_path / "photos restored" / "one_restored.png")
    session.add_restored([(photo, RestoredPhoto("Nothing", result.file))])
    session.set_current_photo(photo)
    return photo.file, result.file


def shown_page(qtbot, page):
    qtbot.addWidget(page)
    page.resize(1200, 700)
    page.show()
    page.activated()
    return page


def entries(menu: QMenu) -> dict[str, list[str]]:
    """The programs of each menu within a menu, or those of the menu itself."""
    inner = {
        action.text(): [one.text() for one in action.menu().actions()] for action in menu.actions() if action.menu()
    }
    return inner or {"": [action.text() for action in menu.actions()]}


def press(menu: QMenu, title: str, program: str) -> None:
    inner = next((action.menu() for action in menu.actions() if action.menu() and action.text() == title), menu)
    next(action for action in inner.actions() if action.text().startswith(program)).trigger()


@is_desktop
def test_restore_opens_the_result_of_the_photo(qtbot, two_programs, session, runner, settings, restored):
    page = shown_page(qtbot, RestorePage(session, runner, settings))
    try:
        button = page.open_in_button
        assert button.isVisible()
        button.menu().aboutToShow.emit()
        press(button.menu(), "", "Alpha")
        assert two_programs.was_given(qtbot, "alpha") == ["--new", str(restored[1])]
        page.list.select_photo(page.model.photos[1])
        assert button.isHidden()
        place = page.list.visualRect(page.model.index(1)).center()
        page._show_menu(place)
        menu = QApplication.activePopupWidget()
        assert list(entries(menu)) == ["Open the photo in"]
        press(menu, "Open the photo in", "Beta")
        assert two_programs.was_given(qtbot, "beta") == [str(page.model.photos[1])]
        menu.close()
    finally:
        page.done_before.shut_down()
        page.preview.shut_down()


@is_desktop
def test_photos_opens_what_is_selected(qtbot, two_programs, session, runner, settings, restored):
    page = shown_page(qtbot, PhotosPage(session, runner, settings))
    page.grid.selectAll()
    page.selection.show_menu(page.grid.viewport(), QPoint(5, 5))
    menu = QApplication.activePopupWidget()
    # Beta takes but one at a time.
    assert entries(menu) == {"Open the result in": ["Alpha", "Beta"], "Open the photo in": ["Alpha"]}
    press(menu, "Open the photo in", "Alpha")
    photo = restored[0]
    assert two_programs.was_given(qtbot, "alpha") == ["--new", str(photo), str(photo.with_name("two.png"))]
    menu.close()


@is_desktop
def test_compare_opens_photo_and_result(qtbot, two_programs, session, runner, settings, restored):
    page = shown_page(qtbot, ComparePage(session, runner, settings))
    try:
        button = page.bar.open_in_button
        assert not button.isHidden() or button in page.bar.overflow.hidden_controls
        button.menu().aboutToShow.emit()
        for title, file in (("Open the photo in", restored[0]), ("Open the result in", restored[1])):
            press(button.menu(), title, "Beta")
            assert two_programs.was_given(qtbot, "beta") == [str(file)]
    finally:
        page.shut_down()


@is_desktop
def test_without_programs_there_are_no_entries(qtbot, desktop, session, runner, settings, restored):
    restore = shown_page(qtbot, RestorePage(session, runner, settings))
    compare = shown_page(qtbot, ComparePage(session, runner, settings))
    photos = shown_page(qtbot, PhotosPage(session, runner, settings))
    try:
        assert restore.open_in_button.isHidden()
        assert compare.bar.open_in_button.isHidden()
        assert compare.bar.open_in_button not in compare.bar.overflow.hidden_controls
        photos.grid.selectAll()
        photos.selection.show_menu(photos.grid.viewport(), QPoint(5, 5))
        menu = QApplication.activePopupWidget()
        assert not any("Open the" in action.text() for action in menu.actions())
        menu.close()
    finally:
        compare.shut_down()
        restore.done_before.shut_down()
        restore.preview.shut_down()


@is_desktop
def test_the_key_opens_the_result_and_else_the_photo(qtbot, two_programs, opened, restored):
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    photo, result = restored
    QTest.keyClick(opened.window, Qt.Key.Key_O, keys)
    assert two_programs.was_given(qtbot, "alpha") == ["--new", str(result)]
    opened.session.set_current_photo(PhotoRef(photo.with_name("two.png")))
    QTest.keyClick(opened.window, Qt.Key.Key_O, keys)
    assert two_programs.was_given(qtbot, "alpha") == ["--new", str(photo.with_name("two.png"))]
