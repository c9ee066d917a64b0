"""The files that cannot be used, with a reason each, and what can be done about them."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.session import Session
from app.look.buttons import icon_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, themed_icon
from app.look.translation import tr, translate_engine
from engine.contracts.photo import PhotoRef


class SkippedFiles(QWidget):
    """A table of files, reasons and remedies; a double click shows the file's folder.

    Signals:
        close_requested: The person has seen enough.
        retry_requested(list[PhotoRef]): These files shall be read again.
        message_raised(Message): For the message bar.
    """

    close_requested = Signal()
    retry_requested = Signal(list)
    message_raised = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.table = QTreeWidget()
        self.table.setAccessibleName(tr("Skipped files"))
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setHeaderLabels([tr("File"), tr("What is wrong"), tr("What to do")])
        self.table.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.table.setColumnWidth(0, 220)
        self.table.itemActivated.connect(lambda item, _column: self._show_in_folder([_path_of(item)]))
        self.table.itemSelectionChanged.connect(self._update_buttons)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.table)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(lambda: self._copy_paths(self.selected_photos))
        self.reveal_button = quiet_button(tr("Show in folder"), "folder-open")
        self.reveal_button.clicked.connect(lambda: self._show_in_folder(self.selected_photos))
        self.copy_button = quiet_button(tr("Copy path"), "copy")
        self.copy_button.clicked.connect(lambda: self._copy_paths(self.selected_photos))
        self.retry_button = quiet_button("", "arrow-clockwise")
        self.retry_button.setToolTip(tr("Read the files again, after they were mended or copied anew."))
        self.retry_button.clicked.connect(lambda: self.retry_requested.emit(self.selected_photos or self._failed()))
        close = icon_button("x", tr("Close the list of skipped files"))
        close.clicked.connect(self.close_requested)
        top = in_row(
            label(tr("Skipped files"), "section"),
            Stretch(1),
            self.reveal_button,
            self.copy_button,
            self.retry_button,
            close,
            spacing=None,
        )
        in_column(top, (self.table, 1), of=self, margins=(0, SPACING, 0, 0), spacing=SPACING // 2)
        self.setMinimumHeight(140)
        session.skipped_changed.connect(self._fill)
        self._fill()

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """What is listed: name, reason and remedy."""
        return [(item.text(0), item.text(1), item.text(2)) for item in self._items()]

    @property
    def selected_photos(self) -> list[PhotoRef]:
        """The files that are selected."""
        return [_path_of(item) for item in self.table.selectedItems()]

    @Slot()
    def _fill(self) -> None:
        selected = set(self.selected_photos)
        self.table.clear()
        items = []
        for file in self._session.skipped:
            reason, hint = translate_engine(file.reason), translate_engine(file.hint)
            item = QTreeWidgetItem([file.path.name, reason, hint])
            item.setData(0, Qt.ItemDataRole.UserRole, file.path)
            item.setToolTip(0, str(file.path))
            item.setToolTip(1, reason)
            item.setToolTip(2, hint)
            items.append(item)
        self.table.addTopLevelItems(items)
        for item in items:
            if _path_of(item) in selected:
                item.setSelected(True)
        self._update_buttons()

    @Slot()
    def _update_buttons(self) -> None:
        num_selected = len(self.table.selectedItems())
        reason = "" if num_selected else tr("Choose a file in the list first.")
        set_reason(self.reveal_button, reason)
        set_reason(self.copy_button, reason)
        self.retry_button.setText(tr("Try again") if num_selected else tr("Try all again"))
        has_any = bool(num_selected or self._failed())
        set_reason(
            self.retry_button, "" if has_any else tr("All of these are results. Choose those to use all the same.")
        )

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        paths = self.selected_photos
        if not paths:
            return
        menu = QMenu(self)
        for icon, text, slot in (
            ("folder-open", tr("Show in folder"), self._show_in_folder),
            ("copy", tr("Copy path"), self._copy_paths),
            ("arrow-clockwise", tr("Try again"), self.retry_requested.emit),
        ):
            menu.addAction(themed_icon(icon), text).triggered.connect(lambda _=False, slot=slot: slot(paths))
        menu.popup(self.table.viewport().mapToGlobal(position))

    def _show_in_folder(self, photos: Sequence[PhotoRef]) -> None:
        for folder in dict.fromkeys(photo.file.parent for photo in photos):
            if not open_in_file_manager(folder):
                self.message_raised.emit(no_file_manager(folder))
                return

    def _copy_paths(self, photos: Sequence[PhotoRef]) -> None:
        if photos:
            QGuiApplication.clipboard().setText("\n".join(str(photo) for photo in photos))

    def _failed(self) -> list[PhotoRef]:
        """What may have been mended since: not the results, which are no photos until somebody chooses them."""
        return [file.path for file in self._session.skipped if not file.is_result]

    def _items(self) -> list[QTreeWidgetItem]:
        items = (self.table.topLevelItem(row) for row in range(self.table.topLevelItemCount()))
        return [item for item in items if item is not None]


def _path_of(item: QTreeWidgetItem) -> PhotoRef:
    path = item.data(0, Qt.ItemDataRole.UserRole)
    assert isinstance(path, PhotoRef)
    return path
