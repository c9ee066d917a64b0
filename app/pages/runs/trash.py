"""The deleted runs: bring them back, or remove them for good."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QMessageBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from app.jobs.latest_task import LatestTask
from app.look import phrases
from app.look.buttons import button, set_reason
from app.look.layouts import WIDE_MARGINS, Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr, tr_count, translate_engine
from engine.contracts.errors import EngineError
from engine.runs.store import RunStore
from engine.runs.trash import DeletedRun, list_deleted, remove_for_good

_TOKEN_ROLE = Qt.ItemDataRole.UserRole


class DeletedRunsDialog(QDialog):
    """Lists what lies in the store's trash; read and removed in the background.

    Attributes:
        list: The deleted runs.
        back_button: Brings the selected ones back.
        remove_button: Removes the selected ones for good; asks first.
        remove_all_button: Removes all.

    Signals:
        brought_back: The tokens of the runs to be brought back (tuple of str).
    """

    brought_back = Signal(tuple)

    def __init__(self, store: RunStore, keep_days: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._runs: tuple[DeletedRun, ...] = ()
        self.setWindowTitle(tr("Deleted runs"))
        self.rule = label(_rule(keep_days), "muted", wraps=True)
        self.list = QTreeWidget()
        self.list.setAccessibleName(tr("Deleted runs"))
        self.list.setHeaderLabels([tr("Name"), tr("Deleted"), tr("Size")])
        self.list.setRootIsDecorated(False)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.itemSelectionChanged.connect(self._update_buttons)
        self.list.setColumnWidth(0, 260)
        self.list.setColumnWidth(1, 170)
        self._state = label(tr("Reading …"), "muted", wraps=True)
        self.back_button = button(tr("Bring back"), "arrow-counter-clockwise")
        self.back_button.clicked.connect(self._bring_back)
        self.remove_button = button(tr("Remove for good…"), "trash")
        self.remove_button.clicked.connect(lambda: self._ask([item.data(0, _TOKEN_ROLE) for item in self._selected()]))
        self.remove_all_button = button(tr("Remove all for good…"))
        self.remove_all_button.clicked.connect(self._ask_all)
        close_button = button(tr("Close"))
        close_button.clicked.connect(self.accept)
        buttons = in_row(self.back_button, self.remove_button, self.remove_all_button, Stretch(), close_button)
        in_column(
            label(tr("Deleted runs"), "title"),
            self.rule,
            (self.list, 1),
            self._state,
            buttons,
            of=self,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )
        self.resize(680, 460)
        self._task = LatestTask(self, finished=self._show_runs, failed=self._show_problem)
        self._update_buttons()
        self.refresh()

    def refresh(self) -> None:
        """Read the trash again."""
        store = self._store
        self._task.submit(lambda: list_deleted(store))

    def done(self, result: int) -> None:
        self._task.let_go()
        super().done(result)

    def remove(self, tokens: list[str]) -> None:
        """Remove runs for good, without asking."""
        store = self._store
        self._state.setText(tr("Removing …"))

        def work() -> tuple[DeletedRun, ...]:
            for token in tokens:
                remove_for_good(store, token)
            return list_deleted(store)

        self._task.submit(work)

    @Slot(object)
    def _show_runs(self, runs: tuple[DeletedRun, ...]) -> None:
        self._runs = runs
        self.list.clear()
        for run in runs:
            item = QTreeWidgetItem(
                [run.name, phrases.date_and_time(run.deleted.isoformat()), phrases.file_size(run.num_bytes)]
            )
            item.setData(0, _TOKEN_ROLE, run.token)
            item.setToolTip(0, run.token)
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight)
            self.list.addTopLevelItem(item)
        total = tr_count("{number} run, {size}", "{number} runs, {size}", len(runs))
        size = phrases.file_size(sum(run.num_bytes for run in runs))
        self._state.setText(
            total.format(number=phrases.number(len(runs)), size=size) if runs else tr("There are no deleted runs.")
        )
        self._update_buttons()

    @Slot(object)
    def _show_problem(self, error: EngineError) -> None:
        text = f"{translate_engine(error.message)} {translate_engine(error.hint)}"
        self.refresh()
        self.rule.setText(text)

    def _selected(self) -> list[QTreeWidgetItem]:
        return self.list.selectedItems()

    @Slot()
    def _update_buttons(self) -> None:
        nothing_chosen = "" if self._selected() else tr("Select a run first.")
        set_reason(self.back_button, nothing_chosen)
        set_reason(self.remove_button, nothing_chosen)
        set_reason(self.remove_all_button, "" if self._runs else tr("There are no deleted runs."))

    @Slot()
    def _bring_back(self) -> None:
        self.brought_back.emit(tuple(item.data(0, _TOKEN_ROLE) for item in self._selected()))
        self.refresh()

    @Slot()
    def _ask_all(self) -> None:
        self._ask([run.token for run in self._runs])

    def _ask(self, tokens: list[str]) -> None:
        question = QMessageBox(
            QMessageBox.Icon.NoIcon,
            tr("Remove for good?"),
            tr_count("Remove {number} run for good?", "Remove {number} runs for good?", len(tokens)).format(
                number=phrases.number(len(tokens))
            ),
            QMessageBox.StandardButton.NoButton,
            self,
        )
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setInformativeText(tr("Models, curves and previews are gone then; this cannot be undone."))
        remove = question.addButton(tr("Remove for good"), QMessageBox.ButtonRole.DestructiveRole)
        keep = question.addButton(tr("Keep"), QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(keep)
        question.setEscapeButton(keep)
        question.finished.connect(lambda _: self.remove(tokens) if question.clickedButton() is remove else None)
        question.open()


def _rule(keep_days: int) -> str:
    if keep_days <= 0:
        return tr("Deleted runs are kept until you remove them here. The settings can limit that.")
    return tr_count(
        "A deleted run is kept for {number} day, then removed for good at the next start. "
        "The settings can change that.",
        "A deleted run is kept for {number} days, then removed for good at the next start. "
        "The settings can change that.",
        keep_days,
    ).format(number=phrases.number(keep_days))
