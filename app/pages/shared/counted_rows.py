"""A list model whose length Qt knows without asking Python.

A view asks for the length once for each row that it places. In Python that took a tenth of a second for ten thousand
rows, and several times as long while a job in the background held Python's lock.
"""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSignalBlocker, QStringListModel, Qt

ModelIndex = QModelIndex | QPersistentModelIndex


class CountedRowsModel(QStringListModel):
    """Rows that a subclass fills in by `data`; the strings of the base are empty and only count.

    A subclass calls `fit_count` whenever its rows have become more or fewer, between the usual pair of calls or signals
    that tells the views so.
    """

    def fit_count(self, count: int) -> None:
        """Have so many rows; nobody is told."""
        blocker = QSignalBlocker(self)
        difference = count - self.rowCount()
        if difference > 0:
            self.insertRows(self.rowCount(), difference)
        elif difference < 0:
            self.removeRows(count, -difference)
        blocker.unblock()

    def flags(self, index: ModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
