"""Taking in a model that someone else has trained: its card is shown before it is used."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QScrollArea, QWidget

from app.jobs.latest_task import LatestTask
from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import WIDE_MARGINS, Stretch, in_column, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.pages.runs.commands import MAX_NAME
from app.pages.shared.model_facts import model_facts
from app.widgets.fact_list import FactList
from engine.contracts.errors import EngineError
from engine.models.cards import ModelSummary
from engine.models.reading import read_summary
from engine.runs.store import Run, RunStore


class ImportDialog(QDialog):
    """Checks a model file in the background, shows its card, and takes it in when told so.

    Attributes:
        facts: The card.
        name_edit: What the run will be called.
        import_button: Takes the model in; disabled until the file has been checked.

    Signals:
        imported: The new run.
    """

    imported = Signal(object)

    def __init__(self, store: RunStore, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._path = path
        self.setWindowTitle(tr("Import a model"))
        self.problem = label("", "warning", wraps=True)
        self.problem.hide()
        self._state = label(tr("Reading the file …"), "muted")
        self.facts = FactList()
        self.name_edit = QLineEdit(maxLength=MAX_NAME)
        self.name_edit.setAccessibleName(tr("Name of the run"))
        self.import_button = primary_button(tr("Add to the runs"), "download-simple")
        self.import_button.clicked.connect(self._import)
        self.close_button = button(tr("Cancel"))
        self.close_button.clicked.connect(self.reject)
        self._name_row = QWidget()
        in_row(label(tr("Call it")), (self.name_edit, 1), of=self._name_row, margins=0)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(self.facts)
        buttons = in_row(Stretch(), self.close_button, self.import_button)
        in_column(
            label(tr("Import a model"), "title"),
            ElidedLabel(str(path), "muted"),
            self._state,
            self.problem,
            (scroll, 1),
            self._name_row,
            label(
                tr("What the card says was written by whoever made the file. Reading it runs none of its content."),
                "caption",
                wraps=True,
            ),
            buttons,
            of=self,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )
        self.resize(560, 520)
        self._reading = LatestTask(self, finished=self._show_card, failed=self._show_problem)
        self._checking = LatestTask(self, finished=self._on_checked, failed=self._show_problem)
        self._importing = LatestTask(self, finished=self._on_imported, failed=self._show_problem)
        set_reason(self.import_button, tr("The file is being checked."))
        self._reading.submit(lambda: read_summary(path))

    def done(self, result: int) -> None:
        for task in (self._reading, self._checking, self._importing):
            task.let_go()
        super().done(result)

    def reject(self) -> None:
        # Copying does not stop halfway: the run would come all the same.
        if not self._importing.is_busy:
            super().reject()

    @Slot(object)
    def _show_card(self, summary: ModelSummary) -> None:
        self.facts.set_groups({"": model_facts(summary)})
        self.name_edit.setText(summary.card.name)
        self._state.setText(tr("Checking the weights …"))
        path = self._path
        self._checking.submit(lambda: _check(path))

    @Slot(object)
    def _on_checked(self, _: ModelSummary) -> None:
        self._state.hide()
        set_reason(self.import_button, "")
        self.import_button.setFocus()

    @Slot(object)
    def _show_problem(self, error: EngineError) -> None:
        self.problem.setText(f"{translate_engine(error.message)} {translate_engine(error.hint)}")
        self.problem.show()
        self._state.hide()
        self._name_row.hide()
        set_reason(self.import_button, translate_engine(error.message))
        set_reason(self.close_button, "")
        self.close_button.setText(tr("Close"))

    @Slot()
    def _import(self) -> None:
        for control in (self.import_button, self.close_button):
            set_reason(control, tr("The model is being copied."))
        store, path, name = self._store, self._path, self.name_edit.text()
        self._importing.submit(lambda: _take_in(store, path, name))

    @Slot(object)
    def _on_imported(self, run: Run) -> None:
        self.imported.emit(run)
        self.accept()


def _check(path: Path) -> ModelSummary:
    from engine.models.exchange import check_model

    return check_model(path)


def _take_in(store: RunStore, path: Path, name: str) -> Run:
    from engine.models.exchange import import_model

    return import_model(store, path, " ".join(name.split()))
