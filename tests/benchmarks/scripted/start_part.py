"""From an empty start to a restored, compared and saved photo in two actions, and a closer look."""

import shutil
from pathlib import Path

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 6


def prepare(plan: Plan) -> list[Path]:
    """Lay out a few photos; nothing is opened."""
    folder = plan.data / "Holiday"
    folder.mkdir(parents=True)
    for photo in sorted((plan.polyu / "noisy").iterdir())[:: 60 // _NUM_PHOTOS][:_NUM_PHOTOS]:
        shutil.copy(photo, folder)
    return []


def live(person: Person, plan: Plan) -> None:
    """Drop a folder, press Restore, press Restore again."""
    folder = plan.data / "Holiday"
    person.shoot("empty start")
    for page in ("restore", "compare", "pretrain", "labels", "finetune", "runs"):
        person.go_to(page)
        person.shoot(f"empty {page}")
    person.go_to("photos")

    person.drop([folder], lambda: person.page, shot="1 dropping a folder")
    person.wait("photos", lambda: len(person.page.session.photos) == _NUM_PHOTOS)
    person.settle()
    person.shoot("1 dropped")

    person.click(f"Restore {_NUM_PHOTOS} photos")
    person.wait("preview", lambda: person.page.preview.shows_restored)
    person.shoot("2 noisy and restored side by side")
    person.wait("restored", lambda: len(person.page.session.restored_sources) == _NUM_PHOTOS, 300)
    saved = sorted((plan.data / "Holiday restored").iterdir())
    assert len(saved) == _NUM_PHOTOS, saved
    person.settle()
    person.shoot("3 restored and saved")

    person.click("Compare")
    person.settle()
    person.shoot("4 a closer look")
