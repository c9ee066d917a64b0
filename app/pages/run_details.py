"""One run in full: its verdict, curves, pictures, facts and settings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QPlainTextEdit, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from app import phrases
from app.pages.runs_table import KIND_TITLES, STATUS_TITLES, quality_text
from app.run_catalog import RunEntry
from app.theme import SPACING
from app.viewer.latest_task import LatestTask
from app.widgets.curves import CHANCE_METRIC, Curve, chance_accuracy, curves_of
from app.widgets.preview_strip import PreviewStrip
from app.widgets.text import ElidedLabel, label
from app.widgets.training_plot import TrainingPlot
from engine.errors import EngineError
from engine.run_store import Run


@dataclass(frozen=True)
class _Stored:
    """What is read from a run's folder when it is looked at."""

    path: Path
    curves: dict[str, Curve]
    previews: tuple[Path, ...]
    settings: dict[str, Any]


class RunDetails(QWidget):
    """Shows one run; what lies in its files is read in the background."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: RunEntry | None = None
        self._title = ElidedLabel(role="section")
        self._verdict = label("", "muted", wraps=True)
        self.plot = TrainingPlot()
        self.preview = PreviewStrip()
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(2 * SPACING)
        self._facts.setVerticalSpacing(SPACING // 2)
        facts = QWidget()
        facts_layout = QVBoxLayout(facts)
        facts_layout.setContentsMargins(0, SPACING, SPACING, 0)
        facts_layout.addLayout(self._facts)
        facts_layout.addStretch()
        self._settings_text = QPlainTextEdit()
        self._settings_text.setReadOnly(True)
        self._settings_text.setAccessibleName("Settings of the run")
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(_scrolling(self.plot), "Curves")
        self._tabs.addTab(_padded(self.preview), "Preview")
        self._tabs.addTab(_scrolling(facts), "Facts")
        self._tabs.addTab(_padded(self._settings_text), "Settings")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self._title)
        layout.addWidget(self._verdict)
        layout.addWidget(self._tabs, 1)
        self._task = LatestTask(self)
        self._task.finished.connect(self._show_stored)
        self._task.failed.connect(self._show_failure)

    def set_entry(self, entry: RunEntry | None) -> None:
        """Show another run, or the same one as it is now."""
        is_other = entry is None or self._entry is None or entry.path != self._entry.path
        self._entry = entry
        if is_other:
            self.plot.clear()
            self.preview.clear()
            self._settings_text.clear()
        self._task.cancel()
        self.setEnabled(entry is not None)
        self._title.set_text(entry.record.name if entry else "")
        self._verdict.setText((entry.record.error or entry.record.verdict) if entry else "")
        self._verdict.setVisible(bool(self._verdict.text()))
        self._show_facts(entry)
        if entry is not None:
            path = entry.path
            self._task.submit(lambda: _read(path))

    def shut_down(self) -> None:
        """Wait for a reading that is under way."""
        self._task.shut_down()

    def _show_facts(self, entry: RunEntry | None) -> None:
        while self._facts.rowCount():
            self._facts.removeRow(0)
        if entry is None:
            return
        record = entry.record
        facts = {
            "Kind": KIND_TITLES[record.kind],
            "Status": STATUS_TITLES[record.status],
            "Started": phrases.date_and_time(record.created),
            "Training time": phrases.duration(record.seconds),
            "Steps": f"{record.steps_done:,} of {record.steps_total:,}",
            "Method": record.pretext or "",
            "Task": record.task,
            "Network": f"{record.backbone}, {record.num_parameters:,} parameters" if record.num_parameters else "",
            "Device": " · ".join(part for part in (record.device.upper(), record.precision) if part),
            "Photos": _photos(entry),
            "Folders": "\n".join(record.data.folders[:5]) if record.data else "",
            "Labels": ", ".join(record.labels),
            "Held-back labels": ", ".join(record.validation_labels),
            "PSNR": quality_text(record),
            "SSIM": f"{record.metrics['validation_ssim']:.4f}" if "validation_ssim" in record.metrics else "",
            "Versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
            "Run folder": str(entry.path),
        }
        for name, value in facts.items():
            if value:
                value_label = label(value, wraps=True)
                value_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._facts.addRow(label(name, "muted"), value_label)

    def _show_stored(self, stored: _Stored) -> None:
        if self._entry is None or stored.path != self._entry.path:
            return
        record = self._entry.record
        # A fine-tuning contrasts its unlabelled photos, whose number its record does not hold.
        if record.kind == "pretrain" and record.data is not None and stored.curves.get("contrast_accuracy"):
            batch = min(int(stored.settings.get("photos_per_batch", record.data.num_photos)), record.data.num_photos)
            stored.curves[CHANCE_METRIC] = Curve([(0, chance_accuracy(batch))])
        self.plot.set_curves(stored.curves, record.steps_total)
        self.preview.set_files(stored.previews)
        self._settings_text.setPlainText(json.dumps(stored.settings, indent=2, ensure_ascii=False))

    def _show_failure(self, error: EngineError) -> None:
        self._verdict.setText(str(error))
        self._verdict.show()


def _read(path: Path) -> _Stored:
    run = Run(path)
    previews = tuple(sorted(run.preview_folder.glob("step_*.png")))
    return _Stored(path, curves_of(run.read_metrics()), previews, run.config())


def _photos(entry: RunEntry) -> str:
    data = entry.record.data
    if data is None:
        return ""
    return f"{phrases.count(data.num_photos, 'photo')}, {data.num_pixels / 1e6:,.1f} megapixels"


def _scrolling(widget: QWidget) -> QWidget:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return _padded(area)


def _padded(widget: QWidget) -> QWidget:
    result = QWidget()
    layout = QVBoxLayout(result)
    layout.setContentsMargins(0, SPACING, 0, 0)
    layout.addWidget(widget)
    return result
