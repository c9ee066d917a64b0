"""The label-budget experiment on the Fine-tune page: settings, trainings under way, chart and verdict."""

from pathlib import Path

import cv2

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_SIDE_PX = 160
_STEPS = 12


def prepare(plan: Plan) -> list[Path]:
    """Cut out small photos and references, and do a tiny experiment, which is there to be opened."""
    from engine.contracts.job_control import JobControl
    from engine.contracts.label_budget import LabelBudgetConfig
    from engine.jobs import label_budget

    for side in ("noisy", "clean"):
        (plan.data / side).mkdir(parents=True)
        for photo in sorted((plan.polyu / side).iterdir())[::6]:
            picture = cv2.imread(str(photo))
            assert picture is not None
            cv2.imwrite(str(plan.data / side / f"{photo.stem}.png"), picture[:_SIDE_PX, :_SIDE_PX])
    config = LabelBudgetConfig(
        noisy=(plan.data / "noisy",),
        clean=(plan.data / "clean",),
        out=plan.data / "experiments" / "A tiny one",
        labels=(0, 4),
        methods=("scratch", "starter"),
        seeds=2,
        steps=_STEPS,
    )
    label_budget(config, JobControl(), lambda _: None)
    return [plan.data / "noisy"]


def live(person: Person, plan: Plan) -> None:
    """Open the earlier experiment, then set up another, watch it, and stop it."""
    person.wait("photos", lambda: len(person.page.session.photos) == 10)
    person.settle(300)
    person.go_to("labels")
    person.click("Add references")
    person.answer_file_dialog(plan.data / "clean")
    person.wait("pairs", lambda: len(person.page.session.label_pairs) >= 8, 120)
    person.settle(300)
    person.go_to("finetune")
    person.click_tab(lambda: person.page.tabs.tabBar(), "Was it worth it?")
    view = person.see(lambda: person.page.label_budget)
    person.wait("an earlier experiment", lambda: view.setup.earlier.count() > 0, 30)
    person.shoot("the experiment's settings")
    person.scroll_to(lambda: view.setup.open_button)
    person.click_on(lambda: view.setup.open_button)
    person.wait("its outcome", lambda: view.result.isVisible(), 30)
    person.shoot("chart and verdict of an earlier experiment")
    person.click("Back to the settings")
    person.scroll_to(lambda: view.setup.form.editor("labels"))
    person.click_on(lambda: view.setup.form.editor("labels"))
    person.press("ctrl+a")
    person.write("0, 4")
    person.press("Tab")
    person.click("Start the experiment")
    person.wait("running", lambda: view.is_running, 60)
    person.wait("a training", lambda: view.progress.table.rowCount() > 0, 120)
    person.shoot("the experiment runs")
    person.click("Stop; what has been done is kept")
    person.wait("stopped", lambda: not view.is_running, 120)
    person.shoot("stopped, to be gone on with")
