"""The buttons below the table of runs: what can be done with the selection, or why it cannot."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from app.core.run_catalog import RunEntry
from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import Stretch, in_row
from app.look.theme import SPACING
from app.look.translation import tr
from app.widgets.room.fitted import FittedWidget
from app.widgets.room.fitting_grid import FittingGrid
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
        use = QWidget()
        in_row(Stretch(1), self.use_button, of=use, margins=0)
        in_row(FittingGrid((_ShorteningRow(self._texts), use), most_columns=2, spacing_px=SPACING), of=self, margins=0)
        self.set_selection((), ())

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

    def _button(self, text: str, icon: str) -> QPushButton:
        result = button(text, icon)
        result.setToolTip(text)
        result.setAccessibleName(text)
        self._texts[result] = text
        return result


class _ShorteningRow(FittedWidget):
    """Buttons with an icon each, and with their texts too where there is room for all of these."""

    def __init__(self, texts: Mapping[QPushButton, str]) -> None:
        super().__init__()
        self._texts = dict(texts)
        in_row(*self._texts, Stretch(1), of=self, margins=0)

    def sizeHint(self) -> QSize:
        return QSize(self._width(with_texts=True), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._width(with_texts=False), super().minimumSizeHint().height())

    def _width(self, *, with_texts: bool) -> int:
        """Return what they take with or without their texts, whichever they show now."""
        width = SPACING * len(self._texts)
        for control, text in self._texts.items():
            letters = control.fontMetrics().horizontalAdvance
            width += control.sizeHint().width() - letters(control.text()) + (letters(text) if with_texts else 0)
        return width

    def _fit(self) -> None:
        is_wide = self._width(with_texts=True) <= self.width()
        for control, text in self._texts.items():
            control.setText(text if is_wide else "")


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
