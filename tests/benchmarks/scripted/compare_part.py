"""The Compare page: panes, modes, zoom, pixels, regions, looks, histograms, the blind test, export."""

import shutil
from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.viewer.canvas.split_handle import SplitHandle
from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person


def prepare(plan: Plan) -> list[Path]:
    """Copy photos and references; the references are opened by hand."""
    for side in ("noisy", "clean"):
        (plan.data / side).mkdir(parents=True)
        for photo in sorted((plan.polyu / side).iterdir())[::5]:
            shutil.copy(photo, plan.data / side)
    return [plan.data / "noisy"]


def live(person: Person, plan: Plan) -> None:
    """Choose panes, look in every way, vote, export."""
    person.wait("photos", lambda: len(person.page.session.photos) == 12)
    person.settle(300)
    person.go_to("labels")
    person.click("Add references")
    person.answer_file_dialog(plan.data / "clean")
    person.wait("pairs", lambda: len(person.page.session.label_pairs) >= 10, 120)
    person.settle(300)
    person.go_to("compare")
    person.settle()
    person.shoot("noisy and reference")
    _choose_panes(person)
    _look(person)
    _vote(person)
    _export(person, plan)


def _choose_panes(person: Person) -> None:
    person.click("Pane 2")
    person.shoot("what a pane can show")
    person.choose_in_menu("What a model makes of it")
    person.press("Down", "Return")
    person.settle(300)
    person.shoot("what the starter makes of it")
    person.click("Add a pane")
    person.settle(300)
    person.click("Pane 4")
    person.choose_in_menu("What a classical method makes of it", "Non-local means")
    person.settle(300)
    person.shoot("four panes with figures")


def _look(person: Person) -> None:
    person.point_at(lambda: person.page.viewer, (0.2, 0.3))
    person.wheel(6)
    person.settle()
    person.shoot("zoomed in all panes, pixels read")
    for _ in range(4):
        person.wheel(8)
    person.press("g")
    person.settle()
    person.shoot("values written into pixels")
    person.press("g", "f", "s")
    person.settle()
    person.press("shift+Right", "shift+Right", "shift+Right")
    person.shoot("split moved by keys")
    person.drag(lambda: _shown(person, SplitHandle), (0.5, 0.5), (-6.0, 0.5))
    person.shoot("split moved by hand")
    person.press("d", "bracketright", "bracketright")
    person.settle()
    person.shoot("difference")
    person.press("shift+d")
    person.settle()
    person.shoot("difference with its sign")
    person.press("r")
    person.settle()
    person.shoot("residual")
    person.press("a", "space")
    person.settle()
    person.shoot("flicker")
    person.press("space", "a")
    person.settle()
    person.drag(lambda: person.page.viewer, (0.08, 0.2), (0.2, 0.4), keys=("shift",))
    person.settle()
    person.shoot("a region measured")
    person.press("Escape", "h")
    person.settle()
    person.shoot("histograms")
    person.press("h", "c")
    person.settle()
    person.shoot("false colours")
    person.press("c", "period", "period", "period", "colon")
    person.settle()
    person.click("Background, exposure, false colours, flicker")
    person.shoot("looks: exposure and gamma")
    person.press("Escape", "0", "alt+Right", "alt+Right", "alt+Right", "alt+Down")
    person.settle()
    person.shoot("one pane shifted")
    person.press("0", "2")
    person.settle()
    person.shoot("pane 2 alone")
    person.press("2", "Right")
    person.settle(300)
    person.shoot("next photo")


def _shown(person: Person, kind: type[QWidget]) -> QWidget:
    found: list[QWidget] = [each for each in person.page.viewer.findChildren(kind) if each.isVisible()]
    return found[0]


def _vote(person: Person) -> None:
    person.click("Blind test")
    person.settle(300)
    person.shoot("blind test")
    for key in ("q", "e", "w", "q"):
        person.press(key)
        person.settle(300)
    person.click("Reveal")
    person.settle()
    person.shoot("votes and their tally")
    person.click("End the test")
    person.settle(300)


def _export(person: Person, plan: Plan) -> None:
    person.press("ctrl+e")
    person.answer_file_dialog(plan.data / "view.png")
    person.wait("picture", (plan.data / "view.png").is_file, 60)
    person.press("ctrl+shift+e")
    person.shoot("asked for a page")
    person.answer_file_dialog(plan.data / "page.html")
    person.wait("page", (plan.data / "page.html").is_file, 60)
    person.settle()
    person.shoot("exported")
