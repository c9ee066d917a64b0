"""Fine-tune: learn from a few pairs of a noisy photo and its clean reference."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app import phrases
from app.job_runner import JobFunction, JobRunner
from app.pages.training_form import TrainingForm
from app.pages.training_page import TrainingPage
from app.run_catalog import RunEntry
from app.session import Session
from app.settings import FINETUNE_PRESET, FINETUNE_SPEED, OPEN_DIALOG_FOLDER, Settings
from app.theme import SPACING, Theme
from app.widgets.buttons import button
from app.widgets.config_form import CAPTION_PX
from app.widgets.preset_cards import CardText, ChoiceCards
from app.widgets.text import ElidedLabel, label
from engine.configs import FinetuneConfig, Preset
from engine.data.photo_pairs import PhotoPair, choose_pairs
from engine.events import Emit
from engine.job_control import JobControl
from engine.job_results import TrainingResult
from engine.presets import PRESET_CARDS, TASK_CARDS, finetune_preset

_FIELDS = (
    "name",
    "steps",
    "labels",
    "validation_share",
    "unlabelled_weight",
    "photos_per_batch",
    "crop_px",
    "learning_rate",
    "weight_average_decay",
    "device",
    "precision",
    "seed",
    "checkpoint_interval_s",
    "preview_interval_s",
)
_TASK_ICONS = {"denoise": "magic-wand"}
FROM_SCRATCH = "From scratch, without pretraining"


def finetune_job(config: FinetuneConfig, control: JobControl, emit: Emit) -> TrainingResult:
    """The engine's job, imported where it runs."""
    from engine.jobs import finetune

    return finetune(config, control, emit)


class FinetunePage(TrainingPage):
    """Task, parent, labels, presets, settings, and the running fine-tuning.

    Attributes:
        parent_choice: Which run or model file to start from.
    """

    page_id = "finetune"
    title = "Fine-tune"
    icon_name = "graduation-cap"
    tip = "Learn from a few clean references (supervised fine-tuning)"
    kind = "finetune"
    verb = "Fine-tuning"
    heading = "Learn from your clean references"
    explanation = (
        "A few pairs of a noisy photo and its clean reference teach the pretrained network the last bit. Some of them "
        "are held back to measure it, from eight labels on."
    )
    preset_setting = FINETUNE_PRESET
    speed_setting = FINETUNE_SPEED

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        self._is_from_scratch = True
        self.parent_choice = QComboBox()
        self._parents: list[Path | None] = []
        self._parent_file: Path | None = None
        self._parent_was_chosen = False
        self._labels_text = ElidedLabel()
        self._tasks = ChoiceCards(
            [
                CardText(name, _TASK_ICONS.get(name, "magic-wand"), card.title, "", card.description)
                for name, card in TASK_CARDS.items()
            ],
            "Task",
        )
        self._tasks.choose(next(iter(TASK_CARDS)))
        super().__init__(session, runner, settings, parent)
        session.label_pairs_changed.connect(self.refresh)
        session.excluded_changed.connect(self.refresh)
        session.photos_changed.connect(self.refresh)
        session.run_catalog.changed.connect(self._list_parents)
        session.model_changed.connect(self._on_model_changed)
        runner.jobs_changed.connect(self.refresh)
        self.parent_choice.activated.connect(self._on_parent_chosen)
        self._list_parents()
        self.refresh()

    def make_form(self) -> TrainingForm:
        return TrainingForm(FinetuneConfig, _FIELDS, {"labels": "All"})

    def make_inputs(self) -> QWidget:
        browse = button("Model file …", "folder-open")
        browse.clicked.connect(self._browse)
        self.parent_choice.setMinimumContentsLength(12)
        self.parent_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.parent_choice.setAccessibleName("Start from")
        tip = "The run or model whose knowledge it starts with (parent); a pretrained one needs fewer labels"
        self.parent_choice.setToolTip(tip)
        start = QHBoxLayout()
        start.setSpacing(SPACING)
        start.addWidget(self.parent_choice, 1)
        start.addWidget(browse)
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * SPACING)
        grid.setVerticalSpacing(SPACING)
        grid.addWidget(label("Start from"), 0, 0)
        grid.addLayout(start, 0, 1)
        grid.addWidget(label("Labels"), 1, 0)
        grid.addWidget(self._labels_text, 1, 1)
        grid.setColumnMinimumWidth(0, Theme.of_application().px(CAPTION_PX))
        grid.setColumnStretch(1, 1)
        inputs = QWidget()
        layout = QVBoxLayout(inputs)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACING)
        # A choice of one is no choice.
        if len(TASK_CARDS) > 1:
            layout.addWidget(self._tasks)
        layout.addLayout(grid)
        return inputs

    @property
    def parent_path(self) -> Path | None:
        """The run or model file to start from; None: from scratch."""
        index = self.parent_choice.currentIndex()
        return self._parents[index] if 0 <= index < len(self._parents) else None

    def preset_values(self, preset: Preset) -> dict[str, Any]:
        return finetune_preset(preset, from_scratch=self.parent_path is None)

    def reference_minutes(self, preset: Preset) -> float:
        return PRESET_CARDS[preset].finetune_minutes

    def make_config(self) -> FinetuneConfig:
        values = self.form.values()
        values["name"] = values["name"].strip() or self.default_name()
        pairs = self._chosen_pairs()
        if self.parent_path is not None:
            values.pop("backbone", None)
            values.pop("backbone_params", None)
        noisy = {photo.path: None for photo in self.session.included_photos} | {pair.noisy: None for pair in pairs}
        return FinetuneConfig(
            parent=self.parent_path,
            noisy=tuple(noisy),
            clean=tuple(pair.clean for pair in pairs),
            label_names=tuple(pair.noisy.name for pair in pairs),
            task=self._tasks.value,
            **values,
        )

    def default_name(self) -> str:
        return f"{self.session.folder_name}, fine-tuned" if self.session.folder_name else ""

    def training_function(self) -> JobFunction:
        return finetune_job

    def obstacle(self) -> str:
        if self.is_training:
            return "A fine-tuning is already under way."
        if not self.session.label_pairs:
            return "Add clean references on the Labels page first."
        return ""

    def missing_input(self) -> tuple[str, str] | None:
        return None if self.session.label_pairs else ("labels", "Go to Labels")

    def input_text(self) -> str:
        num_pairs, num_chosen = len(self.session.label_pairs), self._num_chosen()
        chosen = phrases.count(num_chosen, "label")
        return chosen if num_chosen == num_pairs else f"{num_chosen:,} of {phrases.count(num_pairs, 'label')}"

    def button_text(self) -> str:
        num_chosen = self._num_chosen()
        return f"Fine-tune on {phrases.count(num_chosen, 'label')}" if num_chosen else "Fine-tune"

    def num_input_photos(self) -> int:
        return self._num_chosen()

    def registry_choices(self) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, Mapping[str, Any]]]:
        from engine.registry import BACKBONES

        titles = {name: entry.title for name, entry in BACKBONES.items()}
        return {"backbone": titles}, {"backbone": {name: entry.params_model for name, entry in BACKBONES.items()}}

    def result_text(self, metrics: Mapping[str, float]) -> str:
        psnr, noisy = metrics.get("validation_psnr"), metrics.get("validation_noisy_psnr")
        if psnr is None or noisy is None:
            return "No label was held back, so its quality was not measured; look at it on the Compare page."
        return (
            f"On the held-back labels it reaches {phrases.decibels(psnr)}, "
            f"{phrases.signed_decibels(psnr - noisy)} against the noisy photos."
        )

    def refresh(self) -> None:
        num_pairs = len(self.session.label_pairs)
        self._labels_text.set_text(
            self.input_text() if num_pairs else "None yet: add a folder of clean references on the Labels page"
        )
        super().refresh()

    def _num_chosen(self) -> int:
        wanted = self.form.values().get("labels")
        return min(len(self.session.label_pairs), wanted) if wanted else len(self.session.label_pairs)

    def _chosen_pairs(self) -> tuple[PhotoPair, ...]:
        pairs = self.session.label_pairs
        num_chosen = self._num_chosen()
        if num_chosen == len(pairs):
            return pairs
        return tuple(choose_pairs(pairs, num_chosen, self.form.values()["seed"]))

    def _list_parents(self) -> None:
        chosen = self.parent_path
        entries = [entry for entry in self.session.run_catalog.runs if entry.has_model]
        self._parents = [entry.path for entry in entries]
        titles = [_parent_title(entry) for entry in entries]
        if self._parent_file is not None:
            self._parents.insert(0, self._parent_file)
            titles.insert(0, self._parent_file.name)
        self._parents.append(None)
        titles.append(FROM_SCRATCH)
        self.parent_choice.blockSignals(True)
        self.parent_choice.clear()
        self.parent_choice.addItems(titles)
        self.parent_choice.blockSignals(False)
        if self._parent_was_chosen and chosen in self._parents:
            self._select(chosen)
        else:
            pretrained = [entry.path for entry in entries if entry.record.kind == "pretrain"]
            self._select(pretrained[0] if pretrained else self._parents[0])
        self.refresh()

    def _select(self, path: Path | None) -> None:
        self.parent_choice.setCurrentIndex(self._parents.index(path))
        self._follow_parent()

    def _on_parent_chosen(self) -> None:
        self._parent_was_chosen = True
        self._follow_parent()
        self.refresh()

    def _follow_parent(self) -> None:
        """A preset learns faster from scratch than from a parent, whose knowledge it would overwrite."""
        is_from_scratch = self.parent_path is None
        if is_from_scratch != self._is_from_scratch:
            self._is_from_scratch = is_from_scratch
            self.form.set_baseline(self.preset_values(Preset(self.cards.value)))

    def _on_model_changed(self) -> None:
        """Whoever asks to fine-tune a run has made it the model in use: start from it."""
        model = self.session.model
        if model is not None and model.path in self._parents:
            self._parent_was_chosen = True
            self._select(model.path)

    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a model file", self.settings.get(OPEN_DIALOG_FOLDER), "Models (*.safetensors)"
        )
        if name:
            self.set_parent_file(Path(name))

    def set_parent_file(self, path: Path) -> None:
        """Start from a model file that is no run of the store."""
        self._parent_file = path
        self._list_parents()
        self._parent_was_chosen = True
        self._select(path)


def _parent_title(entry: RunEntry) -> str:
    record = entry.record
    kind = {"pretrain": "pretrained", "finetune": "fine-tuned"}[record.kind]
    return f"{record.name}  ·  {kind} {phrases.date_and_time(record.created)}"
