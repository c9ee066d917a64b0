"""The residual inspector: a photo's residual with its verdict, and what contrast sees in the folder."""

import shutil
from pathlib import Path

from app.pages.residual.inspector import ResidualInspector
from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 8


def prepare(plan: Plan) -> list[Path]:
    """Lay out a few photos."""
    folder = plan.data / "Evening"
    folder.mkdir(parents=True)
    for photo in sorted((plan.polyu / "noisy").iterdir())[:: 60 // _NUM_PHOTOS][:_NUM_PHOTOS]:
        shutil.copy(photo, folder)
    return [folder]


def live(person: Person, plan: Plan) -> None:
    """Restore, inspect the residual, compare the folder's noises."""
    session = person.see(lambda: person.page.session)
    person.wait("photos", lambda: len(session.photos) == _NUM_PHOTOS)
    person.settle(300)
    person.go_to("restore")
    person.click(f"Restore {_NUM_PHOTOS} photos")
    person.wait("restored", lambda: len(session.restored_sources) == _NUM_PHOTOS, 300)
    person.go_to("compare")
    person.settle()
    person.press("ctrl+i")
    person.wait("inspector", lambda: any(each.isVisible() for each in _inspectors(person)), 60)
    person.wait("examined", lambda: not _dialog(person).is_busy, 120)
    person.shoot("residual of a photo")
    person.click_on(lambda: person.find("Amplify more"))
    person.click_on(lambda: person.find("Amplify more"))
    person.shoot("amplified more")
    person.click_tab(lambda: _dialog(person).tabs.tabBar(), "The folder")
    person.shoot("the folder, before")
    person.click("Compare noises")
    person.wait("compared", lambda: not _dialog(person).is_busy, 300)
    person.shoot("the folder: what contrast sees")
    person.press("Escape")
    person.shoot("back")


def _dialog(person: Person) -> ResidualInspector:
    return next(dialog for dialog in _inspectors(person) if dialog.isVisible())


def _inspectors(person: Person) -> list[ResidualInspector]:
    return person.window.findChildren(ResidualInspector)
