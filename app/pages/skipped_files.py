"""The files that cannot be used, with a reason each."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from app.file_manager import open_in_file_manager
from app.session import Session
from app.theme import SPACING
from app.widgets.buttons import icon_button
from app.widgets.text import label


class SkippedFiles(QWidget):
    """A table of files, reasons and remedies; a double click shows the file's folder.

    Signals:
        close_requested: The person has seen enough.
    """

    close_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._table = QTreeWidget()
        self._table.setAccessibleName("Skipped files")
        self._table.setRootIsDecorated(False)
        self._table.setUniformRowHeights(True)
        self._table.setHeaderLabels(["File", "What is wrong", "What to do"])
        self._table.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self._table.itemActivated.connect(self._show_in_folder)
        close = icon_button("x", "Close the list of skipped files")
        close.clicked.connect(self.close_requested)
        top = QHBoxLayout()
        top.addWidget(label("Skipped files", "section"))
        top.addStretch(1)
        top.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(top)
        layout.addWidget(self._table, 1)
        self.setMinimumHeight(140)
        session.skipped_changed.connect(self._fill)
        self._fill()

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """What is listed: name, reason and remedy."""
        items = (self._table.topLevelItem(index) for index in range(self._table.topLevelItemCount()))
        return [(item.text(0), item.text(1), item.text(2)) for item in items if item is not None]

    @Slot()
    def _fill(self) -> None:
        self._table.clear()
        for file in self._session.skipped:
            item = QTreeWidgetItem([file.path.name, file.reason, file.hint])
            item.setData(0, Qt.ItemDataRole.UserRole, file.path)
            item.setToolTip(0, str(file.path))
            item.setToolTip(1, file.reason)
            item.setToolTip(2, file.hint)
            self._table.addTopLevelItem(item)
        self._table.setColumnWidth(0, 220)

    @Slot(QTreeWidgetItem, int)
    def _show_in_folder(self, item: QTreeWidgetItem, _column: int) -> None:
        path = item.data(0, Qt.ItemDataRole.UserRole)
        open_in_file_manager(path.parent)
