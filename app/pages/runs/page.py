"""Runs: every training there was, what came of it, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from app.core.actions import make_action
from app.core.messages import Message, Severity
from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.run_catalog import RunEntry
from app.core.session import ModelChoice, Session
from app.core.settings import KEEP_DELETED_DAYS, LAST_RUN, RUNS_SORT, Settings
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobRunner
from app.look.layouts import WIDE_MARGINS, in_column
from app.look.theme import SPACING
from app.look.translation import format_number, mark, tr
from app.pages.runs.actions import RunActions
from app.pages.runs.commands import RunCommands
from app.pages.runs.details import RunDetails
from app.pages.runs.import_dialog import ImportDialog
from app.pages.runs.list import RunsList
from app.pages.runs.trash import DeletedRunsDialog
from app.pages.shared.model_dialogs import ask_for_model_file, ask_where_to_export
from app.pages.shared.page import Page
from app.widgets.empty_state import EmptyState
from app.widgets.room.current_stack import CurrentStack
from app.widgets.room.fitting_splitter import FittingSplitter
from app.widgets.room.scroll_room import LEAST_SEEN_PX, ScrollRoom
from engine.contracts.errors import EngineError
from engine.contracts.photo import PhotoPlace
from engine.models.cards import MODEL_SUFFIXES
from engine.runs.records import RunStatus
from engine.runs.store import Run

if TYPE_CHECKING:
    from app.pages.runs.overlay import RunOverlay

_WIDTHS_PX = (620, 440)
_LEAST_LIST_PX, _LEAST_DETAILS_PX = 260, 440
MAX_COMPARED = 5
"""A comparison has six panes, and one shows the photo itself."""


class RunsPage(Page):
    """Table left, details right, actions on the selection; several selected runs are compared.

    Attributes:
        list: The table with its filter.
        details: The selected run.
        overlay: Several selected runs.
        action_bar: The buttons.
    """

    page_id = "runs"
    title = mark("Runs")
    icon_name = "clock-counter-clockwise"
    tip = mark("Every training: its curves, figures and settings")

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._recalled = settings.get(LAST_RUN)
        self.commands = RunCommands(session, self)
        self.commands.message_raised.connect(self.message_raised)
        self.list = RunsList(settings.get(RUNS_SORT))
        self.table = self.list.table
        self.details = RunDetails()
        self.action_bar = RunActions()
        self.use_button = self.action_bar.use_button
        self.delete_button = self.action_bar.delete_button
        self._export = LatestTask(self, finished=self._on_exported, failed=self._tell_error)
        self._empty = EmptyState(
            "clock-counter-clockwise",
            tr("There is no run yet. A pretraining makes the first; someone else's model can be imported."),
            tr("Pretrain"),
            tr("Import a model…"),
        )
        self._lay_out()
        self._connect()
        self._make_actions()
        self._on_runs_changed()

    @property
    def selected(self) -> RunEntry | None:
        """The selected run; the first of several."""
        entries = self.list.selected
        return entries[0] if entries else None

    def activated(self) -> None:
        self.session.run_catalog.refresh()

    def accept_paths(self, paths: Sequence[PhotoPlace]) -> bool:
        models = [path for path in paths if isinstance(path, Path) and path.suffix.lower() in MODEL_SUFFIXES]
        if models:
            self.import_file(models[0])
        return bool(models)

    def select(self, path: Path) -> None:
        """Select a run by its folder."""
        self.list.select(path)

    def rename(self, entry: RunEntry, name: str) -> None:
        """Give a run another name; can be undone."""
        self.commands.rename(entry, name)

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
        name, accepted = QInputDialog.getText(self, tr("Rename the run"), tr("Name"), text=entry.record.name)
        if accepted:
            self.rename(entry, name)

    @Slot()
    def compare_selected(self) -> None:
        """Show what the selected runs make of the current photo."""
        models = tuple(ModelChoice(entry.path, entry.record.name) for entry in self.list.selected if entry.has_model)[
            :MAX_COMPARED
        ]
        if models:
            self.page_requested.emit("compare")
            self.session.comparison_requested.emit(models)

    @Slot()
    def export_selected(self) -> None:
        """Ask where the selected run's model shall be written."""
        entry = self.selected
        if entry is None or not entry.has_model:
            return
        target = ask_where_to_export(self, entry.record.name, self.settings)
        if target is not None:
            self.export(entry, target)

    def export(self, entry: RunEntry, target: Path) -> None:
        """Write a run's model with its card to a file, in the background."""
        path, name = entry.path, entry.record.name
        self._export.submit(lambda: _export(path, target, name))

    @Slot()
    def import_model(self) -> None:
        """Ask for a model file and show its card."""
        path = ask_for_model_file(self, tr("Import a model"), self.settings)
        if path is not None:
            self.import_file(path)

    def import_file(self, path: Path) -> ImportDialog:
        """Show a model file's card; take it in when told so."""
        dialog = ImportDialog(self.session.run_store, path, self)
        dialog.imported.connect(self._on_imported)
        self._open(dialog)
        return dialog

    @Slot()
    def show_deleted(self) -> DeletedRunsDialog:
        """List the deleted runs."""
        dialog = DeletedRunsDialog(self.session.run_store, self.settings.get(KEEP_DELETED_DAYS), self)
        dialog.brought_back.connect(self.commands.bring_back)
        self._open(dialog)
        return dialog

    @Slot()
    def open_folder(self) -> None:
        """Show the selected run's folder in the file manager."""
        entry = self.selected
        if entry is not None:
            self._open_in_file_manager(entry.path)

    @Slot()
    def delete_selected(self) -> None:
        """Move the selected runs to the store's trash; can be undone."""
        entries = [entry for entry in self.list.selected if entry.record.status is not RunStatus.RUNNING]
        if entries:
            self.details.notes.commit()
            self.commands.delete(entries)

    @cached_property
    def overlay(self) -> RunOverlay:
        """Several selected runs; made when there first are."""
        from app.pages.runs.overlay import RunOverlay

        overlay = RunOverlay()
        self._right.addWidget(overlay)
        return overlay

    def _lay_out(self) -> None:
        self._right = CurrentStack()
        self._right.addWidget(self.details)
        halves = FittingSplitter(((self.list, _LEAST_LIST_PX), (self._right, _LEAST_DETAILS_PX)), _WIDTHS_PX)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        full = QWidget()
        in_column(
            (ScrollRoom(halves, least_height_px=LEAST_SEEN_PX), 1),
            self.action_bar,
            of=full,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )
        self._stack = CurrentStack()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(full)
        in_column(self._stack, of=self, margins=0)

    def _connect(self) -> None:
        self._empty.action_requested.connect(lambda: self.page_requested.emit("pretrain"))
        self._empty.other_requested.connect(self.import_model)
        self.list.import_requested.connect(self.import_model)
        self.list.deleted_requested.connect(self.show_deleted)
        self.list.filtered.connect(self._on_selected)
        self.list.sorted.connect(lambda order: self.settings.set(RUNS_SORT, order))
        self.details.notes.written.connect(self.commands.set_notes)
        for control, slot in (
            (self.action_bar.use_button, self.use_selected),
            (self.action_bar.resume_button, self.resume_selected),
            (self.action_bar.rename_button, self.rename_selected),
            (self.action_bar.compare_button, self.compare_selected),
            (self.action_bar.export_button, self.export_selected),
            (self.action_bar.folder_button, self.open_folder),
            (self.action_bar.delete_button, self.delete_selected),
        ):
            control.clicked.connect(slot)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.doubleClicked.connect(self.use_selected)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._on_selected())
        self.session.run_catalog.changed.connect(self._on_runs_changed)
        self.runner.jobs_changed.connect(self._update_actions)

    def _make_actions(self) -> None:
        slots: dict[str, Callable[[], object]] = {
            "runs.rename": self.rename_selected,
            "runs.delete": self.delete_selected,
            "runs.find": self.list.focus_filter,
        }
        for action_id, slot in slots.items():
            action = make_action(action_id, self if action_id == "runs.find" else self.table)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, slot=slot: slot())

    def _open(self, dialog: ImportDialog | DeletedRunsDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot()
    def _on_runs_changed(self) -> None:
        runs = self.session.run_catalog.runs
        selected = [entry.path for entry in self.list.selected]
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        self.list.set_entries(runs)
        self._stack.setCurrentIndex(1 if runs else 0)
        self.rail_status_changed.emit(format_number(len(runs)) if runs else "")
        if not self.list.selected:
            wanted = [*selected, Path(self._recalled)] if self._recalled else selected
            self.list.select_first_of(wanted)
        selection.blockSignals(False)
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        entries = self.list.selected
        if len(entries) > 1:
            self.overlay.set_entries(entries)
        else:
            self.details.set_entry(entries[0] if entries else None)
        self._right.setCurrentWidget(self.overlay if len(entries) > 1 else self.details)
        if entries:
            self._recalled = str(entries[0].path)
            self.settings.set(LAST_RUN, self._recalled)
        self._update_actions()

    @Slot()
    def _update_actions(self) -> None:
        entries = self.list.selected
        # What a training page hands to the job that resumes is the run's folder.
        under_way = (job.request.config for job in self.runner.jobs)
        self.action_bar.set_selection(entries, [run for run in under_way if isinstance(run, Path)])

    @Slot(QPoint)
    def _open_menu(self, position: QPoint) -> None:
        if self.selected is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.action_bar.fill_menu(menu)
        menu.popup(self.table.viewport().mapToGlobal(position))

    @Slot(object)
    def _on_imported(self, run: Run) -> None:
        self._recalled = str(run.path)
        self.table.selectionModel().clear()
        self.commands.add_imported(run)
        choice = ModelChoice(run.path, run.record.name)
        self.message_raised.emit(
            Message(
                text=tr("The model “{name}” was imported.").format(name=run.record.name),
                action_label=tr("Restore photos with it"),
                action=lambda: self._use(choice),
            )
        )

    def _use(self, choice: ModelChoice) -> None:
        if os.path.isdir(choice.path):
            self.session.set_model(choice)
            self.page_requested.emit("restore")

    @Slot(object)
    def _on_exported(self, path: Path) -> None:
        self.message_raised.emit(
            Message(
                text=tr("The model was exported to {file}.").format(file=path),
                action_label=tr("Open folder"),
                action=lambda: self._open_in_file_manager(path.parent),
            )
        )

    def _open_in_file_manager(self, folder: Path) -> None:
        if not open_in_file_manager(folder):
            self.message_raised.emit(no_file_manager(folder))

    @Slot(object)
    def _tell_error(self, error: EngineError) -> None:
        self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))


def _export(source: Path, target: Path, name: str) -> Path:
    from engine.models.exchange import export_model

    return export_model(source, target, name, may_replace=True)
