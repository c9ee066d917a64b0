"""What a label-budget experiment has shown: verdict, chart, table, and where its files are."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.look import phrases
from app.look.buttons import button, quiet_button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.translation import signed_number, tr, tr_count, translate_engine
from app.pages.training.budget.chart import budget_chart, count_text, label_counts_of, methods_of, show_figures
from app.widgets.room.fitting_grid import FittingGrid
from engine.label_budget.reports.results import BudgetFigures, BudgetRow
from engine.label_budget.stored import StoredOutcome

_CHART_PX = 320


class BudgetResultView(QWidget):
    """Shows one experiment's outcome.

    Attributes:
        verdict: In plain words.
        chart: Gain over labels.
        table: The same in numbers.
        folder_button: Opens the folder with chart and tables as files.

    Signals:
        back_requested: Back to the settings.
        folder_requested: The experiment's folder shall be shown (a Path).
    """

    back_requested = Signal()
    folder_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = Path()
        self.verdict = label("", wraps=True)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._note = label("", "muted", wraps=True)
        self._missing = label("", "muted", wraps=True)
        self.chart = budget_chart()
        self.table = QTableWidget()
        self.table.setAccessibleName(tr("PSNR above the noisy photos by method and number of labels"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.folder_button = button(tr("Open the folder with chart and table"), "folder-open")
        self.folder_button.setToolTip(tr("chart.png, chart.svg, table.csv, table.md and label_budget.json"))
        self.folder_button.clicked.connect(lambda: self.folder_requested.emit(self._folder))
        back = quiet_button(tr("Back to the settings"), "arrow-left")
        back.clicked.connect(self.back_requested)
        ways = (QWidget(), QWidget())
        in_row(back, Stretch(1), of=ways[0], margins=0)
        in_row(Stretch(1), self.folder_button, of=ways[1], margins=0)
        row = FittingGrid(ways, most_columns=2)
        in_column(
            self.verdict,
            self._note,
            self.chart,
            self.table,
            self._missing,
            Stretch(),
            row,
            of=self,
            margins=0,
            spacing=2 * SPACING,
        )

    def show_outcome(self, outcome: StoredOutcome, folder: Path) -> None:
        """Show what came out."""
        self._folder = folder
        figures = outcome.figures
        self.verdict.setText(translate_engine(outcome.verdict))
        photos = tr_count("{number} photo", "{number} photos", figures.num_evaluation)
        self._note.setText(
            tr("{photos} measured; before restoring they have {psnr}. Bars and brackets: 95 % intervals.").format(
                photos=photos.format(number=phrases.number(figures.num_evaluation)),
                psnr=phrases.decibels(figures.noisy_psnr),
            )
        )
        missing = [
            f"{translate_engine(item.name)}: {translate_engine(item.reason)}"
            for item in (*outcome.left_out, *outcome.failed)
        ]
        self._missing.setText(tr("Not compared:") + "\n" + "\n".join(missing) if missing else "")
        self._missing.setVisible(bool(missing))
        self.chart.setFixedHeight(Theme.of_application().px(_CHART_PX))
        show_figures(self.chart, figures)
        self._fill_table(figures)

    def _fill_table(self, figures: BudgetFigures) -> None:
        methods, counts = methods_of(figures), label_counts_of(figures)
        by_place = {(row.method, row.num_labels): row for row in figures.rows}
        self.table.clear()
        self.table.setRowCount(len(methods))
        self.table.setColumnCount(1 + len(counts))
        self.table.setHorizontalHeaderLabels([tr("dB by labels"), *(count_text(count, figures) for count in counts)])
        for line, method in enumerate(methods):
            title = next(row.title for row in figures.rows if row.method == method)
            self.table.setItem(line, 0, QTableWidgetItem(translate_engine(title)))
            for column, count in enumerate(counts, 1):
                item = QTableWidgetItem(_cell_text(by_place.get((method, count))))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(line, column, item)
        self.table.resizeColumnsToContents()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()
        height = self.table.horizontalHeader().sizeHint().height() + self.table.verticalHeader().length()
        self.table.setFixedHeight(height + 2 * self.table.frameWidth() + SPACING)


def _cell_text(row: BudgetRow | None) -> str:
    if row is None:
        return "–"
    gain = row.gain
    text = signed_number(gain.mean, 2)
    if gain.has_interval:
        text += f"  ({signed_number(gain.low, 2)} … {signed_number(gain.high, 2)})"
    return text
