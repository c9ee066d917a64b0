"""The Labels page: suggestions, references by dialog and by drag, matching, doctor, alignment, bursts."""

import shutil
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 14
_NUM_SHOTS = 6


def prepare(plan: Plan) -> list[Path]:
    """Lay out photos and references of which some are wrong in a way each, and the shots of a burst."""
    noisy, clean, burst = (plan.data / name for name in ("Noisy", "References", "Burst"))
    for folder in (noisy, clean, burst):
        folder.mkdir(parents=True)
    photos = sorted((plan.polyu / "noisy").iterdir())[:: 60 // _NUM_PHOTOS][:_NUM_PHOTOS]
    for photo in photos:
        shutil.copy(photo, noisy)
    references = [cv2.imread(str(plan.polyu / "clean" / photo.name)) for photo in photos[:10]]
    references[1] = np.roll(references[1], (3, 5), (0, 1))
    references[2] = cv2.convertScaleAbs(references[2], alpha=1.35)
    references[3] = cv2.GaussianBlur(references[3], (0, 0), 4)
    references[4] = references[4][:300, :400]
    references[5] = references[6]
    for photo, reference in zip(photos, references, strict=False):
        cv2.imwrite(str(clean / f"{photo.stem}.png"), reference)
    random = np.random.default_rng(0)
    scene = cv2.imread(str(plan.polyu / "clean" / photos[12].name))
    for number in range(_NUM_SHOTS):
        shot = np.roll(scene, tuple(random.integers(-4, 5, 2)), (0, 1)) + random.normal(0, 14, scene.shape)
        cv2.imwrite(str(burst / f"shot {number + 1}.png"), np.clip(np.rint(shot), 0, 255).astype(np.uint8))
    return [noisy]


def live(person: Person, plan: Plan) -> None:
    """Let photos be suggested, add references, mend what is wrong with them."""
    person.wait("photos", lambda: len(person.page.session.photos) == _NUM_PHOTOS)
    person.settle(300)
    person.go_to("labels")
    person.shoot("no reference yet")
    person.click("Suggest which to label")
    person.wait("suggestions", lambda: "Suggested (5)" in person.page.content.tabs.tabText(1), 300)
    person.settle()
    person.shoot("photos that should get a reference")

    person.drop([plan.data / "References"], lambda: person.page, shot="references in mid-air")
    person.wait("pairs", lambda: len(person.page.model.entries) >= 10, 120)
    person.settle(300)
    person.shoot("pairs, examined")
    person.click_tab(lambda: person.page.content.tabs.tabBar(), "Pairs")
    for row in range(4):
        person.click_row(lambda: person.page.content.list, row)
        person.settle()
        person.shoot(f"pair {row + 1} and what is found")

    person.press("space")
    person.settle()
    person.shoot("a doubtful pair used after all")
    person.press("ctrl+z")
    person.click("Align 1 reference")
    person.settle(300)
    person.shoot("aligned copies")

    person.click("Add references")
    person.choose_in_menu("Files")
    person.answer_file_dialog(plan.polyu / "clean" / person.see(lambda: person.page.session.photos[11].path.name))
    person.settle(300)
    person.shoot("one more reference, from a file")

    person.click("Make from a burst")
    person.drop(sorted((plan.data / "Burst").iterdir()), lambda: person.page.burst_form.list)
    person.settle()
    person.shoot("shots of a burst")
    person.click("Make references from")
    person.settle(300)
    person.shoot("labels made from the burst")
