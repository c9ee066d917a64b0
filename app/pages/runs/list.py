"""The table of runs with its filter above it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QTableView,
    QWidget,
)

from app.core.actions import shown_keys
from app.core.run_catalog import RunEntry
from app.look.buttons import icon_button
from app.look.layouts import Gap, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme, themed_icon
from app.look.translation import tr
from app.pages.runs.table import COLUMNS, ENTRY_ROLE, KIND_TITLES, RunsModel, RunsProxy
from app.widgets.elided_box import ElidedComboBox

_FILTER_DELAY_MS = 150


class RunsList(QWidget):
    """Shows the runs; sorts by a click on a heading, filters by words and kind.

    Attributes:
        table: The rows.
        filter_edit: Words that a run must hold in any column.
        kind_box: The kind that a run must have.
        import_button: Asks for a model file.
        deleted_button: Asks for the deleted runs.

    Signals:
        import_requested: Someone else's model shall be taken in.
        deleted_requested: The deleted runs shall be shown.
        filtered: Other runs are shown; the selection may have gone with those that are not.
        sorted: Another order, as it is stored: "started:descending".
    """

    import_requested = Signal()
    deleted_requested = Signal()
    filtered = Signal()
    sorted = Signal(str)

    def __init__(self, order: str, parent: QWidget | None = None) -> None:
        """Build the list.

        Args:
            order: What it is sorted by, as `sorted` said it.
            parent: Its owner.
        """
        super().__init__(parent)
        self._model = RunsModel()
        self._proxy = RunsProxy(self._model)
        self.filter_edit = QLineEdit(placeholderText=tr("Find runs ({keys})").format(keys=shown_keys("runs.find")))
        self.filter_edit.setAccessibleName(tr("Find runs"))
        self.filter_edit.setClearButtonEnabled(True)
        self.filter_edit.addAction(
            themed_icon("magnifying-glass", "text_muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.kind_box = ElidedComboBox()
        self.kind_box.setAccessibleName(tr("Kind of run"))
        self.kind_box.addItem(tr("All kinds"), "")
        for kind, title in KIND_TITLES.items():
            self.kind_box.addItem(tr(title), kind)
        self.import_button = icon_button("download-simple", tr("Import a model that someone else has trained"))
        self.deleted_button = icon_button("archive", tr("Deleted runs"))
        self.table = self._make_table(order)
        self._none_fits = label(tr("No run fits what you are looking for."), "muted", wraps=True)
        self._none_fits.hide()
        heading = in_row(
            label(tr("Runs"), "title"),
            Gap(SPACING),
            (self.filter_edit, 1),
            self.kind_box,
            self.import_button,
            self.deleted_button,
        )
        in_column(heading, self._none_fits, (self.table, 1), of=self, margins=0, spacing=2 * SPACING)
        self._filter_later = QTimer(self, singleShot=True, interval=_FILTER_DELAY_MS)
        self._filter_later.timeout.connect(self._filter)
        self.filter_edit.textChanged.connect(self._filter_later.start)
        self.kind_box.currentIndexChanged.connect(self._filter)
        self.import_button.clicked.connect(self.import_requested)
        self.deleted_button.clicked.connect(self.deleted_requested)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._on_sorted)
        follow_theme(self._fit)

    @property
    def selected(self) -> tuple[RunEntry, ...]:
        """The selected runs in the order of the table."""
        rows = sorted(self.table.selectionModel().selectedRows(), key=lambda index: index.row())
        return tuple(index.data(ENTRY_ROLE) for index in rows)

    @property
    def shown(self) -> tuple[RunEntry, ...]:
        """The runs that fit the filter, in the order of the table."""
        return tuple(self._proxy.index(row, 0).data(ENTRY_ROLE) for row in range(self._proxy.rowCount()))

    def set_entries(self, entries: tuple[RunEntry, ...]) -> None:
        """Show other runs."""
        self._model.set_entries(entries)
        self._tell_none_fits()

    def select(self, *paths: Path) -> bool:
        """Select runs by their folders; return whether any is shown."""
        flags = QItemSelectionModel.SelectionFlag
        found = False
        for row, entry in enumerate(self.shown):
            if entry.path in paths:
                index = self._proxy.index(row, 0)
                if found:
                    self.table.selectionModel().select(index, flags.Select | flags.Rows)
                else:
                    self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
                found = True
        return found

    def select_first_of(self, paths: Sequence[Path]) -> None:
        """Select those of these runs that are shown, else the first run."""
        if not self.select(*paths) and self._proxy.rowCount():
            self.select(self.shown[0].path)

    def focus_filter(self) -> None:
        """Go to the filter's words."""
        self.filter_edit.setFocus()
        self.filter_edit.selectAll()

    def _make_table(self, order: str) -> QTableView:
        table = QTableView()
        table.setModel(self._proxy)
        table.setAccessibleName(tr("Runs"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSortingEnabled(True)
        name, _, direction = order.partition(":")
        names = [column.name for column in COLUMNS]
        column = names.index(name if name in names else "started")
        is_ascending = direction == "ascending"
        table.sortByColumn(column, Qt.SortOrder.AscendingOrder if is_ascending else Qt.SortOrder.DescendingOrder)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        return table

    @Slot()
    def _filter(self) -> None:
        self._filter_later.stop()
        selected = [entry.path for entry in self.selected]
        self._proxy.set_filter(self.filter_edit.text(), self.kind_box.currentData())
        self._tell_none_fits()
        if not self.selected:
            self.select_first_of(selected)
        self.filtered.emit()

    def _tell_none_fits(self) -> None:
        self._none_fits.setVisible(self._model.rowCount() > 0 and self._proxy.rowCount() == 0)

    @Slot(int, Qt.SortOrder)
    def _on_sorted(self, column: int, order: Qt.SortOrder) -> None:
        direction = "ascending" if order is Qt.SortOrder.AscendingOrder else "descending"
        self.sorted.emit(f"{COLUMNS[column].name}:{direction}")

    @Slot()
    def _fit(self) -> None:
        theme = Theme.of_application()
        self.table.verticalHeader().setDefaultSectionSize(theme.px(4 * SPACING))
        for position, column in enumerate(COLUMNS):
            self.table.horizontalHeader().resizeSection(position, theme.px(column.width_px))
