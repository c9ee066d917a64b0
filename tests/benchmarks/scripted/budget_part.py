"""The label-budget experiment on the Fine-tune page: settings, trainings under way, chart and verdict."""

from pathlib import Path

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person


def prepare(plan: Plan) -> list[Path]:
    """Copy a few small photos and their references."""
    import cv2

    for side in ("noisy", "clean"):
        (plan.data / side).mkdir(parents=True)
        for photo in sorted((plan.polyu / side).iterdir())[::6]:
            picture = cv2.imread(str(photo))[:192, :192]
            cv2.imwrite(str(plan.data / side / f"{photo.stem}.png"), picture)
    return [plan.data / "noisy"]


def live(person: Person, plan: Plan) -> None:
    """Set up the smallest experiment that says something, watch it, and stop it or read its verdict."""
    person.wait("photos", lambda: len(person.page.session.photos) == 10)
    person.settle(300)
    person.go_to("labels")
    person.click("Add references")
    person.answer_file_dialog(plan.data / "clean")
    person.wait("pairs", lambda: len(person.page.session.label_pairs) >= 8, 120)
    person.settle(300)
    person.go_to("finetune")
    person.click_tab(lambda: person.page.tabs.tabBar(), "Was it worth it?")
    person.settle()
    person.shoot("the experiment's settings")
    person.click_on(lambda: person.page.label_budget.setup.counts)
    person.press("ctrl+a")
    person.write("0, 4")
    person.press("Tab")
    person.settle()
    person.click("Start the experiment")
    person.wait("running", lambda: person.page.label_budget.is_running, 60)
    person.wait("a training", lambda: person.page.label_budget.progress.table.rowCount() > 0, 120)
    person.shoot("the experiment runs")
