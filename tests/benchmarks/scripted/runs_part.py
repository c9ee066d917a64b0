"""The Runs page: table, curves of several runs, notes, renaming, deleting with undo, export, import, trash."""

import shutil
from pathlib import Path

from PySide6.QtWidgets import QTabBar

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_STEPS = 40


def prepare(plan: Plan) -> list[Path]:
    """Lay out photos and make three short runs."""
    from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig
    from engine.contracts.job_control import JobControl
    from engine.contracts.presets import finetune_preset, pretrain_preset
    from engine.jobs import finetune, pretrain

    for side in ("noisy", "clean"):
        (plan.data / side).mkdir(parents=True)
        for photo in sorted((plan.polyu / side).iterdir())[::6]:
            shutil.copy(photo, plan.data / side)
    small = {"steps": _STEPS, "photos_per_batch": 4, "crop_px": 64}
    values = {**pretrain_preset(Preset.QUICK), **small}
    runs = [
        pretrain(
            PretrainConfig(photos=(plan.data / "noisy",), name=name, seed=seed, **values), JobControl(), lambda _: None
        ).run
        for seed, name in enumerate(("Holiday", "Holiday, another seed"))
    ]
    values = {**finetune_preset(Preset.QUICK, from_scratch=False, is_new_task=False), **small}
    finetune(
        FinetuneConfig(
            noisy=(plan.data / "noisy",), clean=(plan.data / "clean",), parent=runs[0], name="Holiday, tuned", **values
        ),
        JobControl(),
        lambda _: None,
    )
    return [plan.data / "noisy"]


def live(person: Person, plan: Plan) -> None:
    """Look at runs, compare, note, rename, delete and bring back, export and import."""
    person.settle(300)
    person.go_to("runs")
    person.settle()
    person.shoot("runs and one in detail")
    table = person.see(lambda: person.page.list.table)
    for name in ("Preview", "Facts", "Notes", "Settings"):
        person.click_tab(lambda: person.page.details.findChild(QTabBar), name)
        if name == "Notes":
            person.click_on(lambda: person.page.details.notes)
            person.write("First try; a little soft in the sky.")
        person.shoot(f"details: {name}")
    person.click_row(lambda: table, 0)
    person.click_row(lambda: table, 2, keys=("shift",))
    person.settle()
    person.shoot("curves of several runs")
    person.click("Compare")
    person.settle(300)
    person.shoot("compared on a photo")
    person.go_to("runs")
    person.click_row(lambda: table, 1)
    person.press("F2")
    person.write("Renamed by hand")
    person.press("Return")
    person.settle()
    person.shoot("renamed")
    person.click_row(lambda: table, 2)
    person.click("Delete")
    person.settle()
    person.shoot("deleted, with undo")
    person.click("Deleted runs")
    person.settle()
    person.shoot("deleted runs")
    person.press("Escape", "ctrl+z")
    person.wait("brought back", lambda: table.model().rowCount() == 3, 30)
    person.settle()
    person.shoot("brought back")
    person.click_row(lambda: table, 0)
    person.click("Export model")
    person.answer_file_dialog(plan.data / "for a friend.safetensors")
    person.wait("exported", (plan.data / "for a friend.safetensors").is_file, 60)
    person.settle()
    person.shoot("exported")
    person.click("Import a model that someone else has trained")
    person.answer_file_dialog(plan.data / "for a friend.safetensors")
    person.wait("card", lambda: person.find("Add to the runs") is not None, 60)
    person.shoot("card of a model before it is imported")
    person.click("Add to the runs")
    person.settle()
    person.shoot("imported")
