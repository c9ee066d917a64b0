"""Forms over every settings model there is."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.look.theme import Theme
from app.pages.training.setup.form import TrainingForm
from app.widgets.config_form import ConfigForm
from engine.contracts import configs
from engine.contracts.configs import FinetuneConfig, JobConfig, Preset, PretrainConfig, RestoreConfig, TrainingConfig
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.catalogue.tasks import TASKS

REQUIRED: dict[str, Any] = {
    "folders": (Path("/photos"), Path("/more photos")),
    "photos": (Path("/photos/a b.png"),),
    "noisy": (Path("/noisy"),),
    "clean": (Path("/clean"),),
    "model": Path("/runs/1"),
    "out": Path("/restored"),
}
NEEDED_TOGETHER: dict[str, tuple[str, ...]] = {"EvaluateConfig": ("model",)}
"""Fields that a config asks for though each may be empty: a model, or a classical method in its place."""
MODELS = [model for model in vars(configs).values() if isinstance(model, type) and issubclass(model, JobConfig)]


def all_models() -> list[type[BaseModel]]:
    registered = [entry.params_model for table in (PRETEXTS, TASKS, BACKBONES) for entry in table.values()]
    return [*MODELS, *registered]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_config_goes_through_the_form_unchanged(qtbot: QtBot, theme: Theme, model: type[BaseModel]) -> None:
    names = [name for name, field in model.model_fields.items() if field.is_required()]
    required = {name: REQUIRED[name] for name in (*names, *NEEDED_TOGETHER.get(model.__name__, ()))}
    config = model.model_validate(required)
    form = ConfigForm(model)
    qtbot.addWidget(form)
    form.set_values(config.model_dump())
    assert form.errors() == {}
    assert model.model_validate(form.values()) == config


def test_the_parameters_of_every_registered_entry_have_a_form(qtbot: QtBot, theme: Theme) -> None:
    for model in all_models()[len(MODELS) :]:
        form = ConfigForm(model)
        qtbot.addWidget(form)
        assert model.model_validate(form.values()) == model()
        assert set(form.field_names) == set(model.model_fields)


@pytest.mark.parametrize("preset", list(Preset))
def test_presets_go_through_the_form_unchanged(qtbot: QtBot, theme: Theme, preset: Preset) -> None:
    for model, values, required in (
        (PretrainConfig, pretrain_preset(preset), ("photos",)),
        (FinetuneConfig, finetune_preset(preset), ("noisy", "clean")),
    ):
        form = ConfigForm(model)
        qtbot.addWidget(form)
        form.set_baseline(values)
        assert form.errors().keys() <= set(required)
        assert form.changed_fields() == []
        config = model.model_validate(form.values() | {name: REQUIRED[name] for name in required})
        assert {name: getattr(config, name) for name in values} == values


def test_titles_tips_units_bounds_and_choices_come_from_the_model(qtbot: QtBot, theme: Theme) -> None:
    form = ConfigForm(PretrainConfig, fields=("steps", "crop_px", "device"))
    qtbot.addWidget(form)
    crop = form.editor("crop_px").findChild(QSpinBox)
    assert crop is not None
    assert (crop.minimum(), crop.maximum(), crop.singleStep()) == (16, 1024, 4)
    assert crop.suffix() == "\xa0px"
    assert form.editor("crop_px").toolTip() == PretrainConfig.model_fields["crop_px"].description
    device = form.editor("device").findChild(QComboBox)
    assert device is not None
    assert [device.itemText(index) for index in range(device.count())][:2] == ["Automatic", "Processor (CPU)"]


def test_a_zero_that_stands_for_something_says_so(qtbot: QtBot, theme: Theme) -> None:
    for entry in BACKBONES.values():
        form = ConfigForm(entry.params_model)
        qtbot.addWidget(form)
        assert {box.text() for box in form.findChildren(QSpinBox)} == {"By the size"}
    form = ConfigForm(FinetuneConfig, fields=("patience",))
    qtbot.addWidget(form)
    form.set_values({"patience": 0})
    patience = form.editor("patience").findChild(QSpinBox)
    assert patience is not None
    assert patience.text() == "Never"
    assert form.values()["patience"] == 0


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("0, 1, all", (0, 1, "all")),
        ("5;5,ALL,", (5, "all")),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("many", None),
    ],
)
def test_numbers_and_words_are_typed_on_one_line(
    qtbot: QtBot, theme: Theme, text: str, counts: tuple[int | str, ...] | None
) -> None:
    form = ConfigForm(LabelBudgetConfig, fields=("labels",))
    qtbot.addWidget(form)
    edit = form.editor("labels").findChild(QLineEdit)
    assert edit is not None
    assert edit.text() == "0, 1, 2, 5, 10, all"
    edit.clear()
    qtbot.keyClicks(edit, text)
    if counts is None:
        assert form.errors()["labels"].startswith("Must ")
    else:
        assert form.errors() == {}
        assert form.editor("labels").value() == counts


def test_what_is_typed_arrives_and_what_is_wrong_is_said_inline(qtbot: QtBot, theme: Theme) -> None:
    form = ConfigForm(TrainingConfig)
    qtbot.addWidget(form)
    form.set_more_shown(True)
    form.show()
    rate = form.editor("learning_rate").findChild(QLineEdit)
    assert rate is not None
    for text, problem in (
        ("5e-4", ""),
        ("0,002", ""),
        ("1", "at most 0.1"),
        ("0", "greater than 0"),
        ("much", "a number"),
    ):
        rate.selectAll()
        with qtbot.waitSignal(form.edited) as signal:
            qtbot.keyClicks(rate, text)
        assert signal.args == ["learning_rate"]
        assert problem in form.errors().get("learning_rate", "")
        assert bool(problem) == bool(form.errors())
    rate.selectAll()
    qtbot.keyClicks(rate, "0,002")
    assert form.values()["learning_rate"] == 0.002
    crop = form.editor("crop_px").findChild(QSpinBox)
    assert crop is not None
    crop.setValue(33)
    assert form.errors() == {"crop_px": "Must be a multiple of 4."}


def test_advanced_fields_are_folded_and_reset_brings_the_preset_back(qtbot: QtBot, theme: Theme) -> None:
    form = ConfigForm(TrainingConfig, fields=("name", "steps", "seed"))
    qtbot.addWidget(form)
    form.show()
    assert form.editor("steps").isVisible()
    assert not form.editor("seed").isVisible()
    qtbot.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    assert form.editor("seed").isVisible()
    assert not form.reset_button.isVisible()
    seed = form.editor("seed").findChild(QSpinBox)
    assert seed is not None
    seed.setValue(7)
    assert form.changed_fields() == ["seed"]
    qtbot.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    assert form.more_button.text() == "More settings (1 changed)"
    qtbot.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(form.reset_button, Qt.MouseButton.LeftButton)
    assert form.values()["seed"] == 0
    assert form.changed_fields() == []


def test_an_optional_number_can_be_empty(qtbot: QtBot, theme: Theme) -> None:
    form = ConfigForm(FinetuneConfig, fields=("labels",), empty_texts={"labels": "All"})
    qtbot.addWidget(form)
    labels = form.editor("labels").findChild(QSpinBox)
    assert labels is not None
    assert labels.text() == "All"
    assert form.values()["labels"] is None
    labels.stepUp()
    assert form.values()["labels"] == 1
    labels.stepDown()
    assert form.values()["labels"] is None


def test_the_wheel_does_not_change_a_setting_under_the_pointer(qtbot: QtBot, theme: Theme) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    form = ConfigForm(RestoreConfig, fields=("format",))
    qtbot.addWidget(form)
    box = form.editor("format").findChild(QComboBox)
    assert box is not None
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, event)
    assert form.values()["format"] == "keep"


def test_a_training_form_grows_the_parameters_of_what_is_chosen(qtbot: QtBot, theme: Theme) -> None:
    form = TrainingForm(PretrainConfig, ("name", "steps", "seed"), {"pretext": PRETEXTS})
    qtbot.addWidget(form)
    form.set_baseline({"steps": 77})
    values = form.values()
    assert (values["steps"], values["pretext"]) == (77, "rcl")
    for name, entry in PRETEXTS.items():
        form.form.set_values({"pretext": name})
        form.form.edited.emit("pretext")
        assert form.values().get("pretext_params", {}) == entry.params_model().model_dump()
        PretrainConfig(photos=(Path("/p"),), **form.values())
    assert form.errors() == {}
