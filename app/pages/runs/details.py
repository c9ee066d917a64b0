"""One run in full: its verdict, curves, pictures, facts, card, notes and settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QScrollArea, QTabWidget, QWidget

from app.core.run_catalog import RunEntry
from app.jobs.latest_task import LatestTask
from app.look import phrases
from app.look.layouts import below_tabs, in_column
from app.look.text import ElidedLabel, label
from app.look.translation import tr, translate_engine
from app.pages.runs.notes import RunNotes
from app.pages.runs.table import KIND_TITLES, STATUS_TITLES, quality_text, time_text
from app.pages.shared.learned_noise.noise_card import NoiseCard, noise_facts
from app.pages.shared.learned_noise.stored import stored_noise
from app.pages.shared.model_facts import model_facts
from app.widgets.fact_list import FactList
from app.widgets.plots.curves import CHANCE_METRIC, Curve, chance_accuracy, curves_of
from app.widgets.plots.training_plot import TrainingPlot
from app.widgets.preview_strip import PreviewStrip
from engine.contracts.errors import EngineError, ModelFileError
from engine.contracts.learned_noise import LearnedNoise
from engine.machine.json_files import json_text
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.catalogue.tasks import TASKS
from engine.models.cards import ModelSummary
from engine.models.reading import read_summary
from engine.runs.store import Run


@dataclass(frozen=True)
class _Stored:
    """What is read from a run's folder when it is looked at."""

    path: Path
    curves: dict[str, Curve]
    previews: tuple[Path, ...]
    settings: dict[str, Any]
    model: ModelSummary | None
    noise: LearnedNoise | None


class RunDetails(QWidget):
    """Shows one run; what lies in its files is read in the background.

    Attributes:
        plot: Its curves.
        preview: Its pictures through time.
        noise: What it has learned of its photos' noise.
        noise_tab: Where that stands; hidden for a run that has learned none.
        tabs: All of these.
        facts: What is known of it and of its model.
        notes: What a person wrote about it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: RunEntry | None = None
        self._model: ModelSummary | None = None
        self._noise: LearnedNoise | None = None
        self._title = ElidedLabel(role="section")
        self._verdict = label("", "muted", wraps=True)
        self.plot = TrainingPlot()
        self._no_curves = label(tr("An imported model brings no curves along."), "muted", wraps=True)
        self.preview = PreviewStrip()
        self.noise = NoiseCard()
        self.facts = FactList()
        self.notes = RunNotes()
        self._settings_text = QPlainTextEdit(readOnly=True)
        self._settings_text.setAccessibleName(tr("Settings of the run"))
        curves = QWidget()
        in_column(self._no_curves, (self.plot, 1), of=curves, margins=0, spacing=None)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.addTab(_scrolling(curves), tr("Curves"))
        self.tabs.addTab(below_tabs(self.preview), tr("Preview"))
        self.noise_tab = _scrolling(self.noise)
        self.tabs.addTab(self.noise_tab, tr("Noise"))
        self.tabs.addTab(_scrolling(self.facts), tr("Facts"))
        self.tabs.addTab(below_tabs(self.notes), tr("Notes"))
        self.tabs.addTab(below_tabs(self._settings_text), tr("Settings"))
        self._show_noise()
        in_column(self._title, self._verdict, (self.tabs, 1), of=self, margins=0)
        self._task = LatestTask(self, finished=self._show_stored, failed=self._show_failure)

    def set_entry(self, entry: RunEntry | None) -> None:
        """Show another run, or the same one as it is now."""
        is_other = entry is None or self._entry is None or entry.path != self._entry.path
        self._entry = entry
        if is_other:
            self.plot.clear()
            self.preview.clear()
            self._settings_text.clear()
            self._model = self._noise = None
            self._show_noise()
        self._task.cancel()
        self.setEnabled(entry is not None)
        self._title.set_text(entry.record.name if entry else "")
        self._verdict.setText(translate_engine(entry.record.error or entry.record.verdict) if entry else "")
        self._verdict.setVisible(bool(self._verdict.text()))
        self._no_curves.setVisible(entry is not None and entry.record.kind == "import")
        self.notes.set_entry(entry)
        self._show_facts()
        if entry is not None:
            path, has_model = entry.path, entry.has_model
            self._task.submit(lambda: _read(path, has_model=has_model))

    def shut_down(self) -> None:
        """Wait for a reading that is under way."""
        self._task.shut_down()

    def _show_facts(self) -> None:
        entry = self._entry
        if entry is None:
            self.facts.set_groups({})
            return
        record = entry.record
        task = TASKS.get(record.task)
        run = {
            tr("Kind"): tr(KIND_TITLES[record.kind]),
            tr("Status"): tr(STATUS_TITLES[record.status]),
            tr("Started"): phrases.date_and_time(record.created),
            tr("Training time"): time_text(record),
            tr("Steps"): tr("{done} of {total}").format(
                done=phrases.number(record.steps_done), total=phrases.number(record.steps_total)
            ),
            tr("Method"): record.pretext or "",
            tr("Task"): translate_engine(task.title) if task else record.task,
            tr("Network"): tr("{name}, {number} weights").format(
                name=record.backbone, number=phrases.number(record.num_parameters)
            )
            if record.num_parameters
            else "",
            tr("Device"): " · ".join(part for part in (record.device.upper(), record.precision) if part),
            tr("Photos"): _photos(entry),
            tr("Folders"): "\n".join(record.data.folders[:5]) if record.data else "",
            tr("Labels"): ", ".join(record.labels),
            tr("Held-back labels"): ", ".join(record.validation_labels),
            tr("PSNR"): quality_text(record),
            tr("SSIM"): phrases.number(record.metrics["validation_ssim"], 4)
            if "validation_ssim" in record.metrics
            else "",
            tr("Versions"): ", ".join(f"{name} {version}" for name, version in record.versions.items()),
            tr("Run folder"): str(entry.path),
        }
        groups = {tr("Run"): run}
        if self._noise is not None:
            groups[tr("Learned noise")] = noise_facts(self._noise)
        if self._model is not None:
            groups[tr("Card of the model")] = model_facts(self._model)
        self.facts.set_groups(groups)

    def _show_stored(self, stored: _Stored) -> None:
        if self._entry is None or stored.path != self._entry.path:
            return
        record = self._entry.record
        # A fine-tuning contrasts its unlabelled photos, whose number its record does not hold.
        if record.kind == "pretrain" and record.data is not None and stored.curves.get("contrast_accuracy"):
            batch = min(int(stored.settings.get("photos_per_batch", record.data.num_photos)), record.data.num_photos)
            if (method := PRETEXTS.get(record.pretext or "")) is not None:
                batch = method.photos_in_batch(batch)
            stored.curves[CHANCE_METRIC] = Curve([(0, chance_accuracy(2 * batch))])
        self.plot.set_curves(stored.curves, record.steps_total)
        self.preview.set_files(stored.previews)
        self._settings_text.setPlainText(json_text(stored.settings, indent=2))
        self._model, self._noise = stored.model, stored.noise
        self._show_noise()
        self._show_facts()

    def _show_noise(self) -> None:
        self.tabs.setTabVisible(self.tabs.indexOf(self.noise_tab), self._noise is not None)
        self.noise.show_noise(self._noise, self._entry.record.metrics if self._entry is not None else {})

    def _show_failure(self, error: EngineError) -> None:
        self._verdict.setText(f"{translate_engine(error.message)} {translate_engine(error.hint)}")
        self._verdict.show()


def _read(path: Path, *, has_model: bool) -> _Stored:
    run = Run(path)
    previews = tuple(sorted(run.preview_folder.glob("step_*.png")))
    model = None
    if has_model:
        try:
            model = read_summary(path)
        except ModelFileError:
            # Said where the model is used; the rest of the run can still be looked at.
            model = None
    return _Stored(path, curves_of(run.read_metrics()), previews, run.config(), model, stored_noise(path))


def _photos(entry: RunEntry) -> str:
    data = entry.record.data
    if data is None:
        return ""
    return tr("{photos}, {number} megapixels").format(
        photos=phrases.count(data.num_photos, "photo"), number=phrases.number(data.num_pixels / 1e6, 1)
    )


def _scrolling(widget: QWidget) -> QWidget:
    area = QScrollArea(widgetResizable=True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    area.setWidget(widget)
    return below_tabs(area)
