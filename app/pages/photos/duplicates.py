"""Photos that are there more than once, group by group, and what can be done about them."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHeaderView, QMenu, QTreeWidget, QTreeWidgetItem, QWidget

from app.core.session import Session
from app.look.buttons import icon_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.phrases import count, number
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme, themed_icon
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr, tr_count
from engine.contracts.photo import PhotoRef
from engine.photos.duplicates import DuplicateGroup

_THUMBNAIL_PX = 40
_MOST_ROWS, _MOST_OF_GROUP = 600, 40
"""More than anyone looks through; the commands work on all photos of a group."""
_PATH = Qt.ItemDataRole.UserRole
_GROUP = Qt.ItemDataRole.UserRole + 1


class DuplicatePhotos(QWidget):
    """A tree of groups: first those with the same content, then those that look alike.

    Signals:
        close_requested: The person has seen enough.
        leave_out_requested(list[PhotoRef]): These photos shall be left out.
        photo_chosen(PhotoRef): This photo shall be shown.
    """

    close_requested = Signal()
    leave_out_requested = Signal(list)
    photo_chosen = Signal(object)

    def __init__(self, session: Session, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._thumbnails = thumbnails
        self._groups: tuple[DuplicateGroup, ...] = ()
        self._items: dict[PhotoRef, list[QTreeWidgetItem]] = {}
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(tr("Duplicates"))
        self.tree.setHeaderLabels([tr("Photo"), tr("Folder"), tr("Size in pixels"), tr("Use")])
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.tree.header()
        header.setStretchLastSection(False)
        for column in (0, 1):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        for column in (2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.currentItemChanged.connect(self._on_current_changed)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.keep_button = quiet_button(tr("Keep this one only"), "check")
        self.keep_button.setToolTip(tr("Leave out the others of its group."))
        self.keep_button.clicked.connect(self._keep_current)
        self.same_button = quiet_button(tr("Leave out exact copies"), "prohibit")
        self.same_button.setToolTip(
            tr("Of each group with the same content keep the first photo, and leave out the others.")
        )
        self.same_button.clicked.connect(self._leave_out_copies)
        close = icon_button("x", tr("Close the list of duplicates"))
        close.clicked.connect(self.close_requested)
        top = in_row(
            label(tr("Duplicates"), "section"), Stretch(1), self.keep_button, self.same_button, close, spacing=None
        )
        in_column(top, (self.tree, 1), of=self, margins=(0, SPACING, 0, 0), spacing=SPACING // 2)
        self.setMinimumHeight(170)
        session.excluded_changed.connect(self._show_use)
        thumbnails.ready.connect(self._show_thumbnail)
        follow_theme(self._fit)
        self._update_buttons()

    @property
    def num_groups(self) -> int:
        """How many groups are listed."""
        return len(self._groups)

    def show_groups(self, groups: Sequence[DuplicateGroup]) -> None:
        """List other groups."""
        self._groups = tuple(groups)
        self._items = {}
        self.tree.clear()
        parents: list[QTreeWidgetItem] = []
        for group in self._groups:
            if len(self._items) >= _MOST_ROWS:
                break
            photos = count(len(group.photos), "photo")
            title = (
                tr("{photos} with the same content") if group.kind == "same file" else tr("{photos} that look alike")
            )
            parent = QTreeWidgetItem([title.format(photos=photos)])
            parent.setData(0, _GROUP, group)
            if group.kind == "same look":
                parent.setToolTip(
                    0, tr("Their coarse structure is the same (perceptual hash). Shots of a burst look alike too.")
                )
            parents.append(parent)
            for path in group.photos[:_MOST_OF_GROUP]:
                photo = self._session.photo(path)
                size = "" if photo is None else f"{photo.width} × {photo.height}"
                item = QTreeWidgetItem(parent, [path.name, str(path.file.parent), size, ""])
                item.setData(0, _PATH, path)
                item.setToolTip(0, str(path))
                item.setToolTip(1, str(path.file.parent))
                self._items.setdefault(path, []).append(item)
            num_more = len(group.photos) - _MOST_OF_GROUP
            if num_more > 0:
                QTreeWidgetItem(parent, [tr("… and {photos} more").format(photos=count(num_more, "photo"))])
        num_left = len(self._groups) - len(parents)
        if num_left:
            more = tr_count("… and {number} more group", "… and {number} more groups", num_left)
            parents.append(QTreeWidgetItem([more.format(number=number(num_left))]))
        # At once: each item that is added alone costs as much as the whole tree.
        self.tree.addTopLevelItems(parents)
        self.tree.expandAll()
        for parent in parents:
            parent.setFirstColumnSpanned(True)
        for path in self._items:
            self._show_thumbnail(path)
        self._show_use()
        self._want_thumbnails()
        self._update_buttons()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._want_thumbnails()

    def hideEvent(self, event: object) -> None:
        self._thumbnails.want((), view=self)
        super().hideEvent(event)  # type: ignore[arg-type]

    def _want_thumbnails(self) -> None:
        if self.isVisible():
            self._thumbnails.want(list(self._items), view=self)

    @Slot(object)
    def _show_thumbnail(self, photo: PhotoRef) -> None:
        pixmap = self._thumbnails.pixmap(photo) if photo in self._items else None
        if pixmap is not None:
            for item in self._items[photo]:
                item.setIcon(0, QIcon(pixmap))

    @Slot()
    def _show_use(self) -> None:
        excluded = self._session.excluded
        for path, items in self._items.items():
            for item in items:
                item.setText(3, tr("left out") if path in excluded else tr("used"))
        self._update_buttons()

    @Slot()
    def _fit(self) -> None:
        side = Theme.of_application().px(_THUMBNAIL_PX)
        self.tree.setIconSize(QSize(side, side))

    @Slot()
    def _on_current_changed(self) -> None:
        path = self._current_photo()
        if path is not None:
            self.photo_chosen.emit(path)
        self._update_buttons()

    def _current_photo(self) -> PhotoRef | None:
        item = self.tree.currentItem()
        path = None if item is None else item.data(0, _PATH)
        return path if isinstance(path, PhotoRef) else None

    def _others_of_group(self) -> list[PhotoRef]:
        """Return what would be left out if the chosen photo alone were kept."""
        item, path = self.tree.currentItem(), self._current_photo()
        parent = None if item is None else item.parent()
        if path is None or parent is None:
            return []
        group: DuplicateGroup = parent.data(0, _GROUP)
        return [other for other in group.photos if other != path and other not in self._session.excluded]

    def _copies(self) -> list[PhotoRef]:
        """Return all but one used photo of each group with the same content."""
        excluded = self._session.excluded
        used = ([path for path in group.photos if path not in excluded] for group in self._groups if _is_same(group))
        return [path for paths in used for path in paths[1:]]

    @Slot()
    def _keep_current(self) -> None:
        self.leave_out_requested.emit(self._others_of_group())

    @Slot()
    def _leave_out_copies(self) -> None:
        self.leave_out_requested.emit(self._copies())

    def _update_buttons(self) -> None:
        chosen = self._current_photo() is not None
        reason = tr("The others are left out already.") if chosen else tr("Choose a photo in the list first.")
        set_reason(self.keep_button, "" if self._others_of_group() else reason)
        none = tr("No used photo has the same content as another one.")
        set_reason(self.same_button, "" if self._copies() else none)

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        if self._current_photo() is None:
            return
        menu = QMenu(self)
        keep = menu.addAction(themed_icon("check"), tr("Keep this one only"))
        keep.setEnabled(self.keep_button.isEnabled())
        keep.triggered.connect(self._keep_current)
        menu.popup(self.tree.viewport().mapToGlobal(position))


def _is_same(group: DuplicateGroup) -> bool:
    return group.kind == "same file"
