"""The Restore page: the photo, how much noise goes, output, a batch that is paused, stopped, retried and reported."""

import shutil
from pathlib import Path

from PySide6.QtWidgets import QComboBox

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 20


def prepare(plan: Plan) -> list[Path]:
    """Lay out photos of which one breaks when it is read."""
    folder = plan.data / "Trip"
    folder.mkdir(parents=True)
    for photo in sorted((plan.polyu / "noisy").iterdir())[:_NUM_PHOTOS]:
        shutil.copy(photo, folder)
    for photo in sorted((plan.shared / "real_noisy_pairs" / "polyu_full" / "noisy").iterdir())[:1]:
        shutil.copy(photo, folder)
    return [folder]


def live(person: Person, plan: Plan) -> None:
    """Look at spots, choose how to write, restore, and look at what came out."""
    session = person.see(lambda: person.page.session)
    person.wait("photos", lambda: len(session.photos) == _NUM_PHOTOS + 1)
    person.settle(300)
    person.go_to("restore")
    whole = person.see(lambda: max(session.photos, key=lambda photo: photo.width * photo.height).path)
    person.click_row(lambda: person.page.list, person.see(lambda: person.page.model.row_of(whole)))
    person.wait("preview", lambda: person.page.preview.shows_restored)
    person.settle()
    person.shoot("the whole photo")
    person.click_on(lambda: person.page.preview.zoom_buttons[1.0])
    person.settle()
    person.shoot("a spot at 100 %")
    person.drag(lambda: person.page.preview.viewer, (0.75, 0.7), (0.3, 0.3))
    person.settle()
    person.shoot("another spot")
    person.drag(lambda: person.page.preview.viewer, (0.5, 0.5), (0.25, 0.5))
    person.settle()
    person.shoot("the split moved")
    luminance = person.see(lambda: person.page.options.blending).sliders["luminance"]
    person.click_on(lambda: luminance, (0.3, 0.5))
    person.settle()
    person.shoot("less of the luminance noise goes")
    person.click_on(lambda: luminance, (0.85, 0.5))

    output = person.see(lambda: person.page.options.output)
    person.scroll_to(lambda: output.editor("format"))
    person.choose(lambda: output.editor("format").findChild(QComboBox), "PNG")
    person.choose(lambda: output.editor("metadata").findChild(QComboBox), "Keep all but")
    person.scroll_to(lambda: output.editor("report"))
    person.click_on(lambda: output.editor("report"), (0.05, 0.5))
    person.shoot("how it is written")

    # One photo breaks after it was listed, as on a card that is pulled.
    broken = person.see(lambda: person.page.model.photos[2])
    content = broken.read_bytes()
    broken.write_bytes(content[:200])
    person.click(f"Restore {_NUM_PHOTOS + 1} photos")
    person.wait("some restored", lambda: len(session.restored_sources) >= 3, 300)
    person.press("ctrl+p")
    person.wait("paused", lambda: person.page.runner.jobs[0].state.value == "paused", 60)
    person.shoot("batch paused")
    person.press("ctrl+p")
    person.click("Stop; what has been done is kept")
    person.wait("stopped", lambda: not person.page.batch.is_running, 60)
    person.settle()
    person.shoot("batch stopped")
    person.click(f"Restore {_NUM_PHOTOS + 1} photos")
    person.wait("batch done", lambda: not person.page.batch.is_running, 600)
    person.settle()
    person.see(lambda: person.page.list.scrollTo(person.page.model.index(2)))
    person.shoot("batch done, one failed")
    broken.write_bytes(content)
    person.click("Retry 1 failed")
    person.wait("retried", lambda: not person.page.batch.is_running, 120)
    person.settle()
    person.shoot("retried")
    person.click_on(lambda: person.page.report_button)
    person.settle()
    person.shoot("report written")
