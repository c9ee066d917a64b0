"""Runs: every training there was, what came of it, and what can be done with it."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Slot
from PySide6.QtGui import QResizeEvent, QUndoCommand
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.file_manager import open_in_file_manager
from app.job_runner import JobRunner
from app.messages import Message, Severity
from app.pages.page import Page
from app.pages.run_details import RunDetails
from app.pages.runs_table import COLUMNS, ENTRY_ROLE, RunsModel, RunsProxy
from app.run_catalog import RunEntry
from app.session import ModelChoice, Session
from app.settings import Settings
from app.theme import SPACING, Theme
from app.widgets.buttons import button, primary_button, set_reason
from app.widgets.empty_state import EmptyState
from app.widgets.text import label
from engine.errors import EngineError
from engine.run_records import RunStatus
from engine.run_store import Run

_COLUMN_PX = {"Name": 140, "Kind": 100, "Steps": 96, "Started from": 130, "PSNR": 136, "Started": 136}
_OTHER_COLUMN_PX = 80


class RunsPage(Page):
    """Table left, details right, actions on the selection.

    Attributes:
        table: The runs.
        details: The selected run.
    """

    page_id = "runs"
    title = "Runs"
    icon_name = "clock-counter-clockwise"
    tip = "Every training: its curves, figures and settings"

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._model = RunsModel()
        self._proxy = RunsProxy(self._model)
        self.table = self._make_table()
        self.details = RunDetails()
        self._action_texts: dict[QPushButton, str] = {}
        self.resume_button = self._action("Resume", "play", self.resume_selected)
        self.rename_button = self._action("Rename", "pencil-simple", self.rename_selected)
        self.folder_button = self._action("Open folder", "folder-open", self.open_folder)
        self.delete_button = self._action("Delete", "trash", self.delete_selected)
        self.use_button = primary_button("Restore photos with it", "magic-wand")
        self.use_button.clicked.connect(self.use_selected)
        self._empty = EmptyState(
            "clock-counter-clockwise", "There is no run yet. A pretraining makes the first.", "Pretrain"
        )
        self._empty.action_requested.connect(lambda: self.page_requested.emit("pretrain"))

        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        halves.setHandleWidth(2 * SPACING)
        halves.addWidget(self.table)
        halves.addWidget(self.details)
        halves.setSizes([660, 400])
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        actions = QHBoxLayout()
        actions.setSpacing(SPACING)
        for control in (self.resume_button, self.rename_button, self.folder_button, self.delete_button):
            actions.addWidget(control)
        actions.addStretch()
        actions.addWidget(self.use_button)
        full = QWidget()
        layout = QVBoxLayout(full)
        layout.setContentsMargins(3 * SPACING, 3 * SPACING, 3 * SPACING, 2 * SPACING)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(label("Runs", "title"))
        layout.addWidget(halves, 1)
        layout.addLayout(actions)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(full)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        session.run_catalog.changed.connect(self._on_runs_changed)
        runner.jobs_changed.connect(self._update_actions)
        Theme.of_application().changed.connect(self._fit_table)
        Theme.of_application().changed.connect(self._fit_actions)
        self._fit_table()
        self._on_runs_changed()

    @property
    def selected(self) -> RunEntry | None:
        """The selected run."""
        rows = self.table.selectionModel().selectedRows()
        return rows[0].data(ENTRY_ROLE) if rows else None

    def activated(self) -> None:
        self.session.run_catalog.refresh()

    def select(self, path: Path) -> None:
        """Select a run by its folder."""
        for row in range(self._proxy.rowCount()):
            index = self._proxy.index(row, 0)
            if index.data(ENTRY_ROLE).path == path:
                flags = QItemSelectionModel.SelectionFlag
                self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
                return

    @Slot()
    def use_selected(self) -> None:
        """Make the selected run the model in use and go to Restore."""
        entry = self.selected
        if entry is not None and entry.has_model:
            self.session.set_model(ModelChoice(entry.path, entry.record.name))
            self.page_requested.emit("restore")

    @Slot()
    def resume_selected(self) -> None:
        """Go on with the selected run on its own page."""
        entry = self.selected
        if entry is not None and entry.is_resumable:
            self.session.resume_requested.emit(entry)
            self.page_requested.emit(entry.record.kind)

    @Slot()
    def rename_selected(self) -> None:
        """Ask for a new name."""
        entry = self.selected
        if entry is None:
            return
        name, accepted = QInputDialog.getText(self, "Rename the run", "Name", text=entry.record.name)
        if accepted:
            self.rename(entry, name)

    def rename(self, entry: RunEntry, name: str) -> None:
        """Give a run another name; can be undone."""
        name = " ".join(name.split())[:120]
        if name and name != entry.record.name:
            self.session.undo_stack.push(
                _Command(
                    f"Rename “{entry.record.name}”",
                    lambda: self._set_name(entry.path, name),
                    lambda: self._set_name(entry.path, entry.record.name),
                )
            )

    @Slot()
    def open_folder(self) -> None:
        """Show the selected run's folder in the file manager."""
        entry = self.selected
        if entry is not None and not open_in_file_manager(entry.path):
            self.message_raised.emit(
                Message(
                    severity=Severity.WARNING,
                    text="No file manager could be opened.",
                    hint=f"The run is in {entry.path}.",
                )
            )

    @Slot()
    def delete_selected(self) -> None:
        """Move the selected run to the store's trash; can be undone."""
        entry = self.selected
        if entry is None:
            return
        tokens: list[str] = []

        def delete() -> None:
            if self._try(lambda: tokens.append(self.session.run_store.delete(Run(entry.path)))) and (
                self.session.model is not None and self.session.model.path == entry.path
            ):
                self.session.set_model(None)

        def bring_back() -> None:
            if tokens:
                self._try(lambda: self.session.run_store.restore_deleted(tokens.pop()))

        command = _Command(f"Delete “{entry.record.name}”", delete, bring_back)
        self.session.undo_stack.push(command)
        if tokens:
            self.message_raised.emit(
                Message(
                    text=f"The run “{entry.record.name}” was deleted.",
                    action_label="Undo",
                    action=lambda: self._take_back(command),
                )
            )

    def _take_back(self, command: QUndoCommand) -> None:
        """Undo one command, whether or not others have followed it."""
        stack = self.session.undo_stack
        if stack.index() and stack.command(stack.index() - 1) is command:
            stack.undo()
        else:
            command.undo()

    def _set_name(self, path: Path, name: str) -> None:
        self._try(lambda: Run(path).update(name=name))
        if self.session.model is not None and self.session.model.path == path:
            self.session.set_model(ModelChoice(path, name))

    def _try(self, change: Callable[[], object]) -> bool:
        """Change the store; what goes wrong becomes a message."""
        try:
            change()
        except EngineError as error:
            self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))
            return False
        finally:
            self.session.runs_changed.emit()
        return True

    def _action(self, text: str, icon: str, slot: Callable[[], None]) -> QPushButton:
        result = button(text, icon)
        result.setToolTip(text)
        result.setAccessibleName(text)
        result.clicked.connect(slot)
        self._action_texts[result] = text
        return result

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._proxy)
        table.setAccessibleName("Runs")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.sortByColumn(len(COLUMNS) - 1, Qt.SortOrder.DescendingOrder)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        table.doubleClicked.connect(self.use_selected)
        table.selectionModel().selectionChanged.connect(self._on_selected)
        return table

    @Slot()
    def _fit_table(self) -> None:
        theme = Theme.of_application()
        self.table.verticalHeader().setDefaultSectionSize(theme.px(4 * SPACING))
        for position, column in enumerate(COLUMNS):
            width = theme.px(_COLUMN_PX.get(column.title, _OTHER_COLUMN_PX))
            self.table.horizontalHeader().resizeSection(position, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_actions()

    @Slot()
    def _fit_actions(self) -> None:
        """Where there is no room for their texts, the buttons keep their icons; the tooltip is the name."""
        for control, text in self._action_texts.items():
            control.setText(text)
        needed = self.use_button.sizeHint().width() + 8 * SPACING
        needed += sum(control.sizeHint().width() + SPACING for control in self._action_texts)
        if needed > self.width():
            for control in self._action_texts:
                control.setText("")

    @Slot()
    def _on_runs_changed(self) -> None:
        runs = self.session.run_catalog.runs
        selected = self.selected
        self._model.set_entries(runs)
        self._stack.setCurrentIndex(1 if runs else 0)
        self.rail_status_changed.emit(f"{len(runs):,}" if runs else "")
        if runs and self.selected is None:
            is_still_there = selected is not None and selected.path in [entry.path for entry in runs]
            self.select(selected.path if selected and is_still_there else self._proxy.index(0, 0).data(ENTRY_ROLE).path)
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        self.details.set_entry(self.selected)
        self._update_actions()

    @Slot()
    def _update_actions(self) -> None:
        entry = self.selected
        if entry is None:
            return
        is_running = entry.record.status is RunStatus.RUNNING
        set_reason(self.use_button, "" if entry.has_model else "This run has not saved a model.")
        is_busy = bool(self.runner.jobs_of(entry.record.kind))
        not_resumable = (
            "It is running."
            if is_running
            else "It has reached its last step."
            if entry.record.status is RunStatus.DONE
            else "It ended before its first save."
            if not entry.is_resumable
            else "Another training of this kind is under way."
            if is_busy
            else ""
        )
        set_reason(self.resume_button, not_resumable)
        set_reason(self.delete_button, "Stop it first." if is_running else "")

    @Slot(QPoint)
    def _open_menu(self, position: QPoint) -> None:
        if self.selected is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for control in (
            self.use_button,
            self.resume_button,
            self.rename_button,
            self.folder_button,
            self.delete_button,
        ):
            action = menu.addAction(control.icon(), control.accessibleName() or control.text())
            action.setEnabled(control.isEnabled())
            action.triggered.connect(control.click)
        menu.popup(self.table.viewport().mapToGlobal(position))


class _Command(QUndoCommand):
    """One change that can be taken back."""

    def __init__(self, text: str, redo: Callable[[], None], undo: Callable[[], None]) -> None:
        super().__init__(text)
        self._redo = redo
        self._undo = undo

    def redo(self) -> None:
        self._redo()

    def undo(self) -> None:
        self._undo()
