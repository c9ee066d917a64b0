"""The buttons below the table of runs: what can be done with the selection, or why it cannot."""

from collections.abc import Collection, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from app.core.run_catalog import RunEntry
from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import in_row
from app.look.theme import SPACING, Theme
from app.look.translation import tr
from engine.runs.records import RunStatus


class RunActions(QWidget):
    """One button an action; where there is no room for their texts, they keep their icons.

    Attributes:
        use_button: Restores photos with the run; the primary one.
        resume_button: Goes on with its training.
        rename_button: Gives it another name.
        compare_button: Shows what the selected runs make of a photo.
        export_button: Writes its model to a file.
        folder_button: Shows its folder.
        delete_button: Moves the selected runs to the trash.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts: dict[QPushButton, str] = {}
        self.resume_button = self._button(tr("Resume"), "play")
        self.rename_button = self._button(tr("Rename"), "pencil-simple")
        self.compare_button = self._button(tr("Compare"), "columns")
        self.export_button = self._button(tr("Export model"), "export")
        self.folder_button = self._button(tr("Open folder"), "folder-open")
        self.delete_button = self._button(tr("Delete"), "trash")
        self.use_button = primary_button(tr("Restore photos with it"), "magic-wand")
        layout = in_row(of=self, margins=0)
        for control in self._texts:
            layout.addWidget(control)
        layout.addStretch()
        layout.addWidget(self.use_button)
        Theme.of_application().changed.connect(self._fit)
        self.set_selection((), ())
        self._fit()

    def set_selection(self, entries: Sequence[RunEntry], queued: Collection[Path]) -> None:
        """Enable what can be done with these runs.

        Args:
            entries: The selected runs.
            queued: Runs that wait in the queue to be resumed.
        """
        none = "" if entries else tr("Select a run first.")
        single = none or ("" if len(entries) == 1 else tr("Select a single run."))
        entry = entries[0] if entries else None
        no_model = tr("This run has not saved a model.") if entry is not None and not entry.has_model else ""
        is_running = any(entry.record.status is RunStatus.RUNNING for entry in entries)
        set_reason(self.use_button, single or no_model)
        set_reason(self.export_button, single or no_model)
        set_reason(self.rename_button, single)
        set_reason(self.folder_button, single)
        set_reason(self.resume_button, single or (_not_resumable(entry, queued) if entry is not None else ""))
        has_models = any(entry.has_model for entry in entries)
        set_reason(self.compare_button, none or ("" if has_models else tr("None of these runs has saved a model.")))
        set_reason(self.delete_button, none or (tr("Stop it first.") if is_running else ""))

    def fill_menu(self, menu: QMenu) -> None:
        """Put all actions into a menu."""
        for control in (self.use_button, *self._texts):
            action = menu.addAction(control.icon(), control.accessibleName() or control.text())
            action.setEnabled(control.isEnabled())
            action.triggered.connect(control.click)

    def minimumSizeHint(self) -> QSize:
        # That of icons alone, or the texts that are shown now would keep the window wide.
        width = self.use_button.sizeHint().width() + 2 * SPACING
        for control in self._texts:
            width += control.sizeHint().width() - control.fontMetrics().horizontalAdvance(control.text()) + SPACING
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _button(self, text: str, icon: str) -> QPushButton:
        result = button(text, icon)
        result.setToolTip(text)
        result.setAccessibleName(text)
        self._texts[result] = text
        return result

    @Slot()
    def _fit(self) -> None:
        for control, text in self._texts.items():
            control.setText(text)
        needed = self.use_button.sizeHint().width() + 2 * SPACING
        needed += sum(control.sizeHint().width() + SPACING for control in self._texts)
        if needed > self.width():
            for control in self._texts:
                control.setText("")


def _not_resumable(entry: RunEntry, queued: Collection[Path]) -> str:
    status = entry.record.status
    if entry.record.kind == "import":
        return tr("An imported model has no training to go on with.")
    if status is RunStatus.RUNNING:
        return tr("It is running.")
    if status is RunStatus.DONE:
        return tr("It has reached its last step.")
    if not entry.is_resumable:
        return tr("It ended before its first save.")
    return tr("It waits for its turn already.") if entry.path in queued else ""
