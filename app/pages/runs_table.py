"""The table of runs: a model over the catalogue, sorted by any column."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor

from app import phrases
from app.run_catalog import RunEntry
from app.theme import palette
from engine.run_records import RunRecord, RunStatus

_INDEX = QModelIndex | QPersistentModelIndex
ENTRY_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1

KIND_TITLES = {"pretrain": "Pretrained", "finetune": "Fine-tuned"}
STATUS_TITLES = {
    RunStatus.RUNNING: "running",
    RunStatus.DONE: "done",
    RunStatus.STOPPED: "stopped",
    RunStatus.FAILED: "failed",
    RunStatus.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: Its heading.
        text: What a run's cell says.
        order: What it is sorted by.
        is_number: Whether it is aligned to the right.
        tip: Tooltip of its heading.
    """

    title: str
    text: Callable[[RunRecord, "RunsModel"], str]
    order: Callable[[RunRecord], Any]
    is_number: bool = False
    tip: str = ""


def _steps(record: RunRecord) -> str:
    if record.steps_done == record.steps_total:
        return f"{record.steps_done:,}"
    return f"{record.steps_done:,} / {record.steps_total:,}"


def quality_text(record: RunRecord) -> str:
    """Return the measured quality: "31.52 dB (+1.25)"; "" where nothing was measured."""
    psnr, noisy = record.metrics.get("validation_psnr"), record.metrics.get("validation_noisy_psnr")
    if psnr is None:
        return ""
    return phrases.decibels(psnr) + (f" ({phrases.signed_decibels(psnr - noisy)[:-3]})" if noisy is not None else "")


COLUMNS: tuple[Column, ...] = (
    Column("Name", lambda record, _: record.name, lambda record: record.name.casefold()),
    Column("Kind", lambda record, _: KIND_TITLES[record.kind], lambda record: record.kind),
    Column("Status", lambda record, _: STATUS_TITLES[record.status], lambda record: record.status.value),
    Column("Steps", lambda record, _: _steps(record), lambda record: record.steps_done, is_number=True),
    Column(
        "PSNR",
        lambda record, _: quality_text(record),
        lambda record: record.metrics.get("validation_psnr", -1.0),
        is_number=True,
        tip="Quality on the held-back labels, and the gain over the noisy photos; higher is better",
    ),
    Column(
        "Time",
        lambda record, _: phrases.duration(record.seconds),
        lambda record: record.seconds,
        is_number=True,
        tip="Training time without pauses",
    ),
    Column("Started from", lambda record, model: model.parent_name(record), lambda record: record.parent or ""),
    Column(
        "Photos",
        lambda record, _: f"{record.data.num_photos:,}" if record.data else "",
        lambda record: record.data.num_photos if record.data else 0,
        is_number=True,
    ),
    Column(
        "Labels",
        lambda record, _: f"{len(record.labels):,}" if record.labels else "",
        lambda record: len(record.labels),
        is_number=True,
    ),
    Column("Device", lambda record, _: record.device.upper(), lambda record: record.device),
    Column("Started", lambda record, _: phrases.date_and_time(record.created), lambda record: record.created),
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
            return "scratch" if record.kind == "finetune" else ""
        return self._names.get(record.parent, record.parent)

    def rowCount(self, parent: _INDEX = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: _INDEX = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return None

    def data(self, index: _INDEX, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._entries[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(entry.record, self)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.text(entry.record, self) or None
        if role == Qt.ItemDataRole.ForegroundRole and column.title == "Status":
            is_bad = entry.record.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
            return QColor(palette().warning) if is_bad else None
        if role == ENTRY_ROLE:
            return entry
        if role == SORT_ROLE:
            return column.order(entry.record)
        return None


class RunsProxy(QSortFilterProxyModel):
    """Sorts by the columns' own order; the newest first until a heading is clicked."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self.setSourceModel(model)
        self.setDynamicSortFilter(True)

    def lessThan(self, left: _INDEX, right: _INDEX) -> bool:
        return bool(left.data(SORT_ROLE) < right.data(SORT_ROLE))


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
