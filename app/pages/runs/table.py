"""The table of runs: a model over the catalogue, sorted by any column, filtered by kind and text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor

from app.core.run_catalog import RunEntry
from app.look import phrases
from app.look.theme import palette
from app.look.translation import mark, tr
from app.pages.shared.thumbnail_list import ModelIndex
from engine.runs.records import RunRecord, RunStatus

ENTRY_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1

KIND_TITLES = {"pretrain": mark("Pretrained"), "finetune": mark("Fine-tuned"), "import": mark("Imported")}
STATUS_TITLES = {
    RunStatus.RUNNING: mark("running"),
    RunStatus.DONE: mark("done"),
    RunStatus.STOPPED: mark("stopped"),
    RunStatus.FAILED: mark("failed"),
    RunStatus.INTERRUPTED: mark("interrupted"),
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its name in the stored settings.
        title: Its heading.
        text: What a run's cell says.
        order: What it is sorted by.
        width_px: Its first width.
        is_number: Whether it is aligned to the right.
        tip: Tooltip of its heading.
    """

    name: str
    title: str
    text: Callable[[RunRecord, "RunsModel"], str]
    order: Callable[[RunRecord], Any]
    width_px: int = 80
    is_number: bool = False
    tip: str = ""


def steps_text(record: RunRecord) -> str:
    """Return "2,000", or "1,240 / 2,000" where it ended early."""
    if not record.steps_total:
        return ""
    if record.steps_done == record.steps_total:
        return phrases.number(record.steps_done)
    return f"{phrases.number(record.steps_done)} / {phrases.number(record.steps_total)}"


def quality_text(record: RunRecord) -> str:
    """Return the measured quality: "31.52 dB (+1.25)"; "" where nothing was measured."""
    psnr, noisy = record.metrics.get("validation_psnr"), record.metrics.get("validation_noisy_psnr")
    if psnr is None:
        return ""
    return phrases.decibels(psnr) + (f" ({phrases.signed_decibels(psnr - noisy)[:-3]})" if noisy is not None else "")


def data_text(record: RunRecord) -> str:
    """Return what it learned from: "holiday, 212 photos"."""
    if record.data is None:
        return ""
    names = [Path(folder).name for folder in record.data.folders]
    folders = names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1}" if names else ""
    return ", ".join(part for part in (folders, phrases.count(record.data.num_photos, "photo")) if part)


def time_text(record: RunRecord) -> str:
    """Return how long it trained; "" for what was not trained here."""
    return phrases.duration(record.seconds) if record.kind != "import" else ""


def _first_line(text: str) -> str:
    return " ".join(text.split())[:200]


COLUMNS: tuple[Column, ...] = (
    Column("name", mark("Name"), lambda record, _: record.name, lambda record: record.name.casefold(), 170),
    Column("kind", mark("Kind"), lambda record, _: tr(KIND_TITLES[record.kind]), lambda record: record.kind, 100),
    Column(
        "status",
        mark("Status"),
        lambda record, _: tr(STATUS_TITLES[record.status]),
        lambda record: record.status.value,
        96,
    ),
    Column(
        "steps",
        mark("Steps"),
        lambda record, _: steps_text(record),
        lambda record: record.steps_done,
        116,
        is_number=True,
        tip=mark("Optimisation steps done, and asked for where that is another number"),
    ),
    Column(
        "psnr",
        mark("PSNR"),
        lambda record, _: quality_text(record),
        lambda record: record.metrics.get("validation_psnr", -1.0),
        136,
        is_number=True,
        tip=mark(
            "Peak signal-to-noise ratio: quality on the held-back labels, and the gain over the noisy photos; "
            "higher is better"
        ),
    ),
    Column(
        "time",
        mark("Time"),
        lambda record, _: time_text(record),
        lambda record: record.seconds,
        104,
        is_number=True,
        tip=mark("Training time without pauses"),
    ),
    Column(
        "parent",
        mark("Started from"),
        lambda record, model: model.parent_name(record),
        lambda record: record.parent or "",
        130,
        tip=mark("The run or model whose weights it began with (its parent)"),
    ),
    Column(
        "data",
        mark("Photos"),
        lambda record, _: data_text(record),
        lambda record: record.data.num_photos if record.data else 0,
        150,
        tip=mark("The folder it learned from"),
    ),
    Column(
        "labels",
        mark("Labels"),
        lambda record, _: phrases.number(len(record.labels)) if record.labels else "",
        lambda record: len(record.labels),
        is_number=True,
        tip=mark("Photos whose clean references taught it"),
    ),
    Column("device", mark("Device"), lambda record, _: record.device.upper(), lambda record: record.device),
    Column(
        "started",
        mark("Started"),
        lambda record, _: phrases.date_and_time(record.created),
        lambda record: record.created,
        136,
    ),
    Column(
        "notes", mark("Notes"), lambda record, _: _first_line(record.notes), lambda record: record.notes.casefold(), 180
    ),
)


class RunsModel(QAbstractTableModel):
    """The runs of the catalogue as rows."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[RunEntry, ...] = ()
        self._names: dict[str, str] = {}

    def set_entries(self, entries: tuple[RunEntry, ...]) -> None:
        """Show other runs."""
        same_rows = [entry.path for entry in entries] == [entry.path for entry in self._entries]
        names = {entry.record.id: entry.record.name for entry in entries}
        if same_rows:
            self._entries, self._names = entries, names
            if entries:
                self.dataChanged.emit(self.index(0, 0), self.index(len(entries) - 1, len(COLUMNS) - 1))
        else:
            self.beginResetModel()
            self._entries, self._names = entries, names
            self.endResetModel()

    def parent_name(self, record: RunRecord) -> str:
        """Return what a run started from, by its present name where the run is known."""
        if record.parent is None:
            return tr("scratch") if record.kind == "finetune" else ""
        return self._names.get(record.parent, record.parent)

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return tr(column.title)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tr(column.tip) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return None

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._entries[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(entry.record, self)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.text(entry.record, self) or None
        if role == Qt.ItemDataRole.ForegroundRole and column.name == "status":
            is_bad = entry.record.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
            return QColor(palette().warning) if is_bad else None
        if role == ENTRY_ROLE:
            return entry
        if role == SORT_ROLE:
            return column.order(entry.record)
        return None


class RunsProxy(QSortFilterProxyModel):
    """Sorts by the columns' own order and shows the runs that fit the filter."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._words: tuple[str, ...] = ()
        self._kind = ""
        self._runs = model
        self.setSourceModel(model)
        self.setDynamicSortFilter(True)

    def set_filter(self, text: str, kind: str) -> None:
        """Show the runs that hold every word of a text, in any column, and are of a kind.

        Args:
            text: Words in any order; case does not matter.
            kind: "pretrain", "finetune", "import", or "" for all.
        """
        self._words = tuple(text.casefold().split())
        self._kind = kind
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: ModelIndex) -> bool:
        record = self._runs.index(source_row, 0).data(ENTRY_ROLE).record
        if self._kind and record.kind != self._kind:
            return False
        text = " ".join(column.text(record, self._runs) for column in COLUMNS).casefold()
        return all(word in text for word in self._words)

    def lessThan(self, left: ModelIndex, right: ModelIndex) -> bool:
        return bool(left.data(SORT_ROLE) < right.data(SORT_ROLE))


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
