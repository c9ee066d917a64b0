"""The Pretrain and Fine-tune pages: look ahead, curves, previews, trying weights, queue, ending, labels."""

import shutil
import time
from pathlib import Path

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person


def prepare(plan: Plan) -> list[Path]:
    """Copy the photos, since restored ones go beside their folder."""
    shutil.copytree(plan.polyu, plan.data / "polyu")
    return [plan.data / "polyu" / "noisy"]


def live(person: Person, plan: Plan) -> None:
    """Pretrain, let a second training wait, fine-tune with a few labels."""
    person.wait("photos", lambda: len(person.page.session.photos) == 60)
    person.settle(300)
    person.click("Pretrain on 60")
    person.click("Quick")
    person.wait("look ahead", lambda: not person.page.checks.is_busy, 180)
    person.shoot("pretrain set up")
    _set_number(person, "steps", plan.steps)
    person.shoot("more settings")
    person.click("Learn the noise of 60")
    person.wait("training", lambda: person.page.view.run is not None, 180)
    time.sleep(4)
    person.see(lambda: setattr(person.meter, "is_recording", True))
    time.sleep(plan.watch_s)
    person.see(lambda: setattr(person.meter, "is_recording", False))
    person.shoot("photo and twin")
    person.press("1")
    person.click_tab(lambda: person.page.view.looks.tabBar(), "Preview through time")
    person.wait("preview", lambda: person.page.view.preview.isVisible(), 60)
    person.shoot("pretraining")
    person.press("comma")
    person.shoot("an earlier picture")

    person.click_tab(lambda: person.page.view.looks.tabBar(), "Try any photo")
    untried = person.see(lambda: person.page.view.tries.status)
    person.click("Try the current weights")
    tries = person.page.view.tries
    person.wait("tried", lambda: not tries.is_busy and tries.status != untried, 120)
    person.shoot("trying the current weights")

    person.click("Set up another training")
    person.wait("look ahead", lambda: person.page.start_button.isEnabled(), 120)
    for _ in range(2):
        person.click("Learn the noise of 60")
    person.press("ctrl+j")
    person.shoot("queue of jobs")
    person.press("Tab", "Tab", "Tab")
    person.click("Later (Alt+Down)")
    person.click("Stop after this one")
    person.shoot("queue, reordered and stopping after this one")
    person.click("Remove from the queue")
    person.click("Remove from the queue")
    person.press("Escape")

    person.press("ctrl+p")
    person.wait("paused", lambda: person.page.runner.jobs[0].state.value == "paused", 30)
    person.shoot("paused")
    person.press("ctrl+p")
    person.click("Show it")
    person.wait("pretrained", lambda: not person.page.is_training, 1800)
    person.shoot("pretrained, with the estimate's error")

    _fine_tune(person, plan)


def _fine_tune(person: Person, plan: Plan) -> None:
    person.go_to("labels")
    person.click("Add references")
    person.answer_file_dialog(plan.data / "polyu" / "clean")
    person.wait("pairs", lambda: len(person.page.session.label_pairs) >= 50, 180)
    person.settle(300)
    person.click("Fine-tune with")
    person.click("Quick")
    _set_number(person, "steps", plan.steps)
    _set_number(person, "labels", 20)
    person.wait("look ahead", lambda: not person.page.checks.is_busy, 180)
    person.shoot("fine-tune set up")
    person.click("Fine-tune on")
    person.wait("training", lambda: person.page.view.run is not None, 180)
    person.wait("curves", lambda: len(person.page.view.plot.shown_metrics) > 2, 300)
    person.shoot("fine-tuning")
    person.wait("fine-tuned", lambda: not person.page.is_training, 1800)
    person.shoot("fine-tuned")


def _set_number(person: Person, field: str, number: int) -> None:
    if not person.see(lambda: person.page.form.form.editor(field).isVisible()):
        person.click("More settings")
    person.scroll_to(lambda: person.page.form.form.editor(field))
    person.click_on(lambda: person.page.form.form.editor(field))
    person.press("ctrl+a")
    person.write(str(number))
    person.press("Tab")
