"""The list of open photo folders, with what can be done to it."""

import os

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QWidget

from app.core.session import Session
from app.look import phrases
from app.look.buttons import button, icon_button
from app.look.layouts import in_column, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, set_role, themed_icon
from app.look.translation import tr
from engine.contracts.photo import PhotoPlace


class FolderList(QWidget):
    """All photos, then one row a folder: choosing one shows only its photos.

    Signals:
        folder_chosen(PhotoPlace | None): Only the photos of this folder shall be shown; None: all.
        add_requested: Another folder shall be opened.
        remove_requested(PhotoPlace): A folder shall be closed; nothing is deleted.
    """

    folder_chosen = Signal(object)
    add_requested = Signal()
    remove_requested = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._list = QListWidget()
        self._list.setAccessibleName(tr("Folders"))
        self._list.setFrameShape(QListWidget.Shape.NoFrame)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._show_menu)
        self._list.currentRowChanged.connect(self._choose)
        self._add = button(tr("Add folder"), "folder-plus")
        self._add.clicked.connect(self.add_requested)
        in_column(label(tr("Folders"), "section"), (self._list, 1), self._add, of=self, margins=0)
        session.folders_changed.connect(self._fill)
        session.photos_changed.connect(self._count)
        Theme.of_application().changed.connect(self._fit_rows)
        self._fill()

    @property
    def rows(self) -> list[str]:
        """What the rows say: name and count."""
        return [self._row(index).text for index in range(self._list.count())]

    def choose(self, row: int) -> None:
        """Choose a row: 0 for all photos."""
        self._list.setCurrentRow(row)

    @Slot()
    def _fill(self) -> None:
        self._list.clear()
        for folder in (None, *self._session.folders):
            row = _FolderRow(folder)
            row.remove_requested.connect(self.remove_requested)
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.UserRole, folder)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, tr("All photos") if folder is None else folder.name)
            item.setSizeHint(QSize(0, row.minimum_height()))
            self._list.addItem(item)
            self._list.setItemWidget(item, row)
        self._count()
        self._list.setCurrentRow(0)

    @Slot()
    def _count(self) -> None:
        names = [str(photo.path) for photo in self._session.photos]
        for index in range(self._list.count()):
            row = self._row(index)
            if row.folder is None:
                row.set_count(len(names))
                continue
            folder, below = str(row.folder), os.path.join(str(row.folder), "")
            # Ten times as fast as `is_relative_to`, for ten thousand photos.
            row.set_count(sum(name.startswith(below) or name == folder for name in names))

    @Slot()
    def _fit_rows(self) -> None:
        for index in range(self._list.count()):
            self._list.item(index).setSizeHint(QSize(0, self._row(index).minimum_height()))

    def _row(self, index: int) -> "_FolderRow":
        row = self._list.itemWidget(self._list.item(index))
        assert isinstance(row, _FolderRow)
        return row

    @Slot(int)
    def _choose(self, row: int) -> None:
        if row >= 0:
            self.folder_chosen.emit(self._list.item(row).data(Qt.ItemDataRole.UserRole))

    def _show_menu(self, position: object) -> None:
        item = self._list.itemAt(position)  # type: ignore[call-overload]
        folder: PhotoPlace | None = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if folder is not None:
            menu = QMenu(self)
            close = menu.addAction(themed_icon("x"), tr("Close this folder"))
            close.triggered.connect(lambda: self.remove_requested.emit(folder))
            menu.popup(self._list.viewport().mapToGlobal(position))  # type: ignore[call-overload]


class _FolderRow(QWidget):
    """Name, count and, for a folder, a button that closes it."""

    remove_requested = Signal(object)

    def __init__(self, folder: PhotoPlace | None) -> None:
        super().__init__()
        self.folder = folder
        name = tr("All photos") if folder is None else folder.name or str(folder)
        self._name = ElidedLabel(name, elide_mode=Qt.TextElideMode.ElideMiddle)
        self._count = label("", "caption")
        layout = in_row((self._name, 1), self._count, of=self, margins=(SPACING, 2, 2, 2), spacing=SPACING // 2)
        self.setStyleSheet("background: transparent;")
        if folder is None:
            set_role(self._name, "strong")
            layout.addSpacing(28)
        else:
            self.setToolTip(str(folder))
            close = icon_button("x", tr("Close this folder; nothing is deleted"))
            close.setIconSize(QSize(14, 14))
            close.clicked.connect(lambda: self.remove_requested.emit(folder))
            layout.addWidget(close)

    @property
    def text(self) -> str:
        """Name and count."""
        return f"{self._name.whole_text} {self._count.text()}"

    def minimum_height(self) -> int:
        """Height at which nothing is clipped, all rows alike."""
        return Theme.of_application().px(20) + 2 * 5

    def set_count(self, number: int) -> None:
        """Show how many photos there are."""
        self._count.setText(phrases.number(number))
