"""The whole window: cheat sheet, settings, themes, text at 200 %, the smallest size."""

import shutil
from pathlib import Path

from PySide6.QtWidgets import QComboBox

from app.widgets.field_editors import FieldEditor
from app.window.shortcut_sheet import ShortcutSheet
from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 12
_PAGES = ("photos", "pretrain", "labels", "finetune", "restore", "compare", "runs")


def prepare(plan: Plan) -> list[Path]:
    """Lay out photos."""
    folder = plan.data / "Evening"
    folder.mkdir(parents=True)
    for photo in sorted((plan.polyu / "noisy").iterdir())[:: 60 // _NUM_PHOTOS][:_NUM_PHOTOS]:
        shutil.copy(photo, folder)
    return [folder]


def live(person: Person, plan: Plan) -> None:
    """Go through all pages in both themes, at large text, and in the smallest window."""
    person.wait("photos", lambda: len(person.page.session.photos) == _NUM_PHOTOS)
    person.settle(300)
    person.press("F1")
    person.wait("the cheat sheet", lambda: bool(person.window.findChildren(ShortcutSheet)), 20)
    person.shoot("cheat sheet")
    person.press("Escape", "ctrl+comma")
    person.settle()
    person.shoot("settings")
    person.press("Escape")
    person.click("Model:")
    person.shoot("models")
    person.press("Escape")
    _go_round(person, _theme(person))
    person.press("ctrl+t")
    _go_round(person, _theme(person))
    person.press("ctrl+comma")
    _choose(person, "Text size", "200")
    person.shoot("settings at 200 %")
    person.press("Escape")
    _go_round(person, "at 200 %")
    person.press("ctrl+comma")
    _choose(person, "Text size", "100")
    _choose(person, "Language", "Deutsch")
    person.shoot("another language from the next start on")
    person.press("Escape")
    person.see(lambda: person.window.resize(960, 600))
    _go_round(person, "smallest")


def _choose(person: Person, setting: str, value: str) -> None:
    def box() -> QComboBox:
        editor = person.find(setting, FieldEditor)
        assert editor is not None
        return editor if isinstance(editor, QComboBox) else editor.findChild(QComboBox)

    person.wait(setting, lambda: person.find(setting, FieldEditor) is not None, 20)
    person.choose(box, value)


def _theme(person: Person) -> str:
    return "dark" if person.see(lambda: person.window.palette().window().color().lightness()) < 128 else "light"


def _go_round(person: Person, name: str) -> None:
    for page in _PAGES:
        person.go_to(page)
        person.settle(300)
        person.shoot(f"{page} {name}")
