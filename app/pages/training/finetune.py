"""Fine-tune: learn from a few pairs of a noisy photo and its clean reference, or from clean photos alone."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QWidget

from app.core.session import Session
from app.core.settings import FINETUNE_PRESET, Settings
from app.jobs.runner import JobRunner
from app.look import phrases
from app.look.layouts import in_column, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING
from app.look.translation import format_number, mark, tr, translate_engine
from app.pages.training.budget.view import LabelBudgetView
from app.pages.training.page import TrainingInputs, TrainingKind, TrainingPage
from app.pages.training.setup.panel import captioned
from app.pages.training.setup.preset_cards import CardText, ChoiceCards
from app.pages.training.setup.start_choice import StartChoice, newest_pretrained
from app.pages.training.setup.teaching_photos import OPEN_PHOTOS, TeachingPhotos, offered_photos
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.configs import OWN_NOISE, FinetuneConfig, Preset
from engine.contracts.presets import finetune_preset
from engine.contracts.results import TrainingResult
from engine.jobs import finetune
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.tasks import TASKS, TaskRow
from engine.photo_files.values.given import given_here
from engine.photos.pairs import PhotoPair, choose_pairs
from engine.runs.store import Run

_FIELDS = (
    "name",
    "steps",
    "labels",
    "fit_references",
    "validation_share",
    "patience",
    "unlabelled_weight",
    "photos_per_batch",
    "crop_px",
    "learning_rate",
    "weight_average_decay",
    "forgetting_limit",
    "device",
    "precision",
    "seed",
    "checkpoint_interval_s",
    "preview_interval_s",
)


FINETUNE = TrainingKind(
    name="finetune",
    config=FinetuneConfig,
    fields=_FIELDS,
    job=finetune,
    catalogues={"backbone": BACKBONES},
    minutes=lambda card: card.finetune_minutes,
    preset_setting=FINETUNE_PRESET,
    empty_texts={"labels": mark("All")},
)


class FinetuneInputs(TrainingInputs):
    """Task, start, and teaching photos.

    Attributes:
        tasks: What the model shall do.
        source_choice: What it learns from, where there is a choice.
    """

    def __init__(self, session: Session, runner: JobRunner, settings: Settings) -> None:
        super().__init__(FINETUNE, session, runner, settings)
        self._offered: list[TeachingPhotos] = []
        self._chosen_source = ""
        self._params_shown: tuple[str, bool] | None = None
        self.tasks = ChoiceCards(
            [
                CardText(
                    name,
                    _icon(row),
                    translate_engine(row.title),
                    "",
                    translate_engine(row.description),
                )
                for name, row in TASKS.items()
            ],
            tr("Task"),
        )
        self.tasks.choose(next(iter(TASKS)))
        self.start_choice = StartChoice(session, settings, lambda: self.tasks.value, self._default_start)
        self._lay_out()
        session.label_pairs_changed.connect(self.changed)
        self.start_choice.changed.connect(self.start_changed)
        self.tasks.chosen.connect(self._on_task_chosen)
        self.source_choice.activated.connect(self._on_source_chosen)

    def introduction(self) -> tuple[str, str]:
        return tr("Learn from your clean references"), tr(
            "A few clean references teach the network the last bit. Some of them are held back to measure it, from "
            "eight on."
        )

    def job_title(self, name: str, pretext: str) -> str:
        return tr("Fine-tuning “{name}”").format(name=name)

    def _lay_out(self) -> None:
        self.source_choice = ElidedComboBox()
        self.source_choice.setAccessibleName(tr("Learn from"))
        self.source_choice.setMinimumContentsLength(12)
        self.source_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._source_text = ElidedLabel()
        learn_from = QWidget()
        in_row(self._source_text, self.source_choice, of=learn_from, margins=0, spacing=None)
        self._source_note = label("", "muted", wraps=True)
        in_column(
            self.tasks,
            captioned({tr("Start from"): self.start_choice, tr("Learn from"): learn_from}),
            self._source_note,
            of=self,
            margins=0,
            spacing=2 * SPACING,
        )

    @property
    def source(self) -> TeachingPhotos | None:
        """What it learns from; None where there is nothing yet."""
        chosen = (photos for photos in self._offered if photos.key == self._chosen_source)
        return next(chosen, self._offered[0] if self._offered else None)

    def preset_values(self, preset: Preset) -> dict[str, Any]:
        path = self.start_choice.path
        return finetune_preset(
            preset,
            from_scratch=path is None,
            is_new_task=path is not None and not self._start_knows_task(path),
            with_twins=path is not None and self._learns_with_twins(path),
        )

    def make_config(self) -> FinetuneConfig:
        values = self.form.values()
        values["name"] = values["name"].strip() or self.default_name()
        source, pairs = self.source, self._chosen_pairs()
        if self.start_choice.path is not None:
            values.pop("backbone", None)
            values.pop("backbone_params", None)
        if source is not None and source.are_clean_alone:
            values |= {"noisy": (), "label_names": None}
        else:
            noisy = dict.fromkeys(self.session.teaching_photos) | {pair.noisy: None for pair in pairs}
            values |= {
                "noisy": tuple(noisy),
                "label_names": tuple(pair.noisy.name for pair in pairs),
                "given_pairs": {pair.noisy: pair.clean for pair in pairs},
                "measure_names": tuple(str(pair.noisy) for pair in pairs if self._only_measures(pair)),
                "unfitted_names": tuple(
                    str(pair.noisy) for pair in pairs if pair.noisy in self.session.unfitted_labels
                ),
            }
        values["levels"] = given_here()
        return FinetuneConfig(
            parent=self.start_choice.path,
            clean=tuple(pair.clean for pair in pairs),
            task=self.tasks.value,
            **values,
        )

    def default_name(self) -> str:
        is_first = self.tasks.value == next(iter(TASKS))
        what = tr("fine-tuned") if is_first else translate_engine(self._row.title).lower()
        return f"{self.session.folder_name}, {what}" if self.session.folder_name else ""

    def obstacle(self) -> str:
        if self.source is None and self._row.makes_own_pairs:
            return tr("Open a folder of clean photos first.")
        if self.source is None:
            return tr("Add clean references on the Labels page first.")
        if not self._teaching_pairs():
            return tr("All labels only measure: let some of them teach, on the Labels page.")
        return ""

    def missing_input(self) -> tuple[str, str] | None:
        if self.source is not None:
            return None
        return ("photos", tr("Go to Photos")) if self._row.makes_own_pairs else ("labels", tr("Go to Labels"))

    def input_text(self) -> str:
        source, num_chosen = self.source, self._num_chosen()
        if source is None:
            return ""
        num_pairs = len(self._teaching_pairs())
        if num_chosen == num_pairs:
            return source.count(num_chosen)
        return tr("{number} of {all}").format(number=format_number(num_chosen), all=source.count(num_pairs))

    def button_text(self) -> str:
        source = self.source
        if source is None:
            return tr("Fine-tune")
        return tr("Fine-tune on {labels}").format(labels=source.count(self._num_chosen()))

    def num_input_photos(self) -> int:
        return self._num_chosen()

    def result_text(self, result: TrainingResult) -> str:
        metrics = result.metrics
        psnr, untreated = metrics.get("validation_psnr"), metrics.get("validation_noisy_psnr")
        if psnr is None and "gain" in metrics:
            return translate_engine(Run(result.run).record.verdict)
        if psnr is None or untreated is None:
            return tr("No label was held back, so its quality was not measured; look at it on the Compare page.")
        figures = {
            "psnr": phrases.decibels(psnr),
            "gain": phrases.signed_decibels(psnr - untreated),
            "untreated": translate_engine(self._row.untreated),
        }
        # How much of what was learned that is, and why no more, the verdict says.
        return tr("On the held-back labels it reaches {psnr}, {gain} against {untreated}.").format(**figures)

    def refresh(self) -> None:
        self._offered = offered_photos(self.session, self._row)
        source = self.source
        self.source_choice.clear()
        self.source_choice.addItems([photos.title for photos in self._offered])
        if source is not None:
            self.source_choice.setCurrentIndex(self._offered.index(source))
        # A choice of one is no choice.
        self.source_choice.setVisible(len(self._offered) > 1)
        self._source_text.setVisible(len(self._offered) <= 1)
        nothing = tr("Nothing yet: add a folder of clean references on the Labels page")
        if self._row.makes_own_pairs:
            nothing = tr("Nothing yet: open a folder of clean photos on the Photos page")
        self._source_text.set_text(nothing if source is None else source.title)
        self._source_note.setText(self._note(source))
        self._source_note.setVisible(bool(self._source_note.text()))
        self._show_task_params()

    @property
    def _row(self) -> TaskRow:
        return TASKS[self.tasks.value]

    def _start_knows_task(self, path: Path) -> bool:
        """Whether a model was trained for the chosen task; a file that says nothing of it counts as such."""
        run, starter = self.session.run_catalog.find(path), self.session.find_starter(path)
        trained_for = run.record.task if run is not None else starter.task if starter is not None else self.tasks.value
        return trained_for == self.tasks.value

    def _learns_with_twins(self, path: Path) -> bool:
        """Whether a model denoises already, and was not pretrained by another method than the photos' own noise."""
        run = self.session.run_catalog.find(path)
        pretext = run.record.pretext if run is not None else None
        return self._row.shows_risk and self._start_knows_task(path) and pretext in {None, OWN_NOISE}

    def _default_start(self) -> Path | None:
        starter = self.session.starter_to_learn_from(self.tasks.value)
        return newest_pretrained(self.session) or (starter.path if starter is not None else None)

    def _show_task_params(self) -> None:
        """Offer the settings of the chosen task, with what suits the photos that it learns from as their preset."""
        source = self.source
        shown = (self.tasks.value, source is not None and source.are_clean_alone)
        if shown != self._params_shown:
            self._params_shown = shown
            baseline = self._row.own_pairs_params if shown[1] else {}
            self.form.set_params("task_params", self._row.params_model, baseline)

    def _note(self, source: TeachingPhotos | None) -> str:
        """Say what a task asks of the photos, and what may be wrong with them."""
        if not self._row.makes_own_pairs:
            return ""
        text = tr("Clean photos alone are enough: this task makes {what} of them by itself.").format(
            what=translate_engine(self._row.makes)
        )
        if source is not None and source.key == OPEN_PHOTOS:
            text += " " + tr("Noise in them would be learned as part of the picture.")
        return text

    def _num_chosen(self) -> int:
        num_pairs = len(self._teaching_pairs())
        wanted = self.form.values().get("labels")
        return min(num_pairs, wanted) if wanted else num_pairs

    def _chosen_pairs(self) -> tuple[PhotoPair, ...]:
        """Those that teach, or as many of them as are asked for, and those that only measure."""
        pairs, teaching = self.source.pairs if self.source is not None else (), self._teaching_pairs()
        num_chosen = self._num_chosen()
        if num_chosen == len(teaching):
            return pairs
        drawn = choose_pairs(teaching, num_chosen, self.form.values()["seed"])
        return (*drawn, *(pair for pair in pairs if self._only_measures(pair)))

    def _teaching_pairs(self) -> tuple[PhotoPair, ...]:
        pairs = self.source.pairs if self.source is not None else ()
        return tuple(pair for pair in pairs if not self._only_measures(pair))

    def _only_measures(self, pair: PhotoPair) -> bool:
        # Of a clean photo alone a label is made, whatever was decided about a pair.
        return pair.noisy != pair.clean and pair.noisy in self.session.measuring_labels

    @Slot()
    def _on_task_chosen(self) -> None:
        self.start_choice.update_list()
        # The same start may know one task and be new to another.
        self.start_changed.emit()

    @Slot(int)
    def _on_source_chosen(self, row: int) -> None:
        self._chosen_source = self._offered[row].key
        self.changed.emit()


def _icon(row: TaskRow) -> str:
    if row.scale > 1:
        return "arrows-out-simple"
    return "aperture" if row.takes_mosaics else "magic-wand"


class FinetunePage(TrainingPage):
    """Task, start, teaching photos, presets, settings, and the running fine-tuning.

    Attributes:
        label_budget: The tab "Was it worth it?".
    """

    page_id = "finetune"
    title = mark("Fine-tune")
    icon_name = "graduation-cap"
    tip = mark("Learn from a few clean references (supervised fine-tuning)")
    inputs: FinetuneInputs

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(FinetuneInputs(session, runner, settings), parent)
        self.label_budget = LabelBudgetView(session, runner, settings)
        self.label_budget.page_requested.connect(self.page_requested)
        self.label_budget.message_raised.connect(self.message_raised)
        self.put_beside(self.label_budget, tr("Was it worth it?"))
        session.start_requested.connect(self._on_start_requested)

    @Slot(object)
    def _on_start_requested(self, path: Path) -> None:
        self.uncover()
        self.start_choice.choose(path)
