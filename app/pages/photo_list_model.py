"""The photos of the session as a filtered, sorted list for Qt's views."""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Slot

from app.pages.noise_facts import photo_noise_text
from app.session import Session
from engine.data.photo_folder import natural_sort_key
from engine.events import PhotoScanned
from engine.noise_facts import LEVELS, noise_word

_REBUILD_INTERVAL_MS = 80


class PhotoRole(IntEnum):
    """What the model tells about a photo beside its name."""

    PHOTO = Qt.ItemDataRole.UserRole + 1
    """The `PhotoScanned`."""
    IS_EXCLUDED = Qt.ItemDataRole.UserRole + 2
    """Whether a person left it out."""


ModelIndex = QModelIndex | QPersistentModelIndex


class PhotoListModel(QAbstractListModel):
    """Follows the session; new photos show up while a scan runs, without losing selection or position."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[PhotoScanned] = []
        self._row_of_path: dict[Path, int] = {}
        self._filter = ""
        self._folder: Path | None = None
        self._sort = "name"
        self._name_keys: dict[Path, object] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_REBUILD_INTERVAL_MS)
        self._later.timeout.connect(self.rebuild)
        session.photos_changed.connect(self._rebuild_soon)
        session.excluded_changed.connect(self._repaint)
        self.rebuild()

    def set_filter(self, text: str) -> None:
        """Show only photos whose name contains every word of the text."""
        self._filter = text.casefold()
        self.rebuild()

    def set_folder(self, folder: Path | None) -> None:
        """Show only what lies in one folder (or is one file); None: all photos."""
        self._folder = folder
        self.rebuild()

    def set_sort(self, sort: str) -> None:
        """Sort by "name", "noisiest", "cleanest" or "largest"."""
        self._sort = sort
        self.rebuild()

    @property
    def included_in_folder(self) -> Sequence[PhotoScanned]:
        """The photos of the chosen folder, or all, without those left out, whatever the filter."""
        return [photo for photo in self._in_folder if photo.path not in self._session.excluded]

    @property
    def _in_folder(self) -> Sequence[PhotoScanned]:
        if self._folder is None:
            return self._session.photos
        return [photo for photo in self._session.photos if photo.path.is_relative_to(self._folder)]

    def photo_at(self, row: int) -> PhotoScanned:
        """Return the photo of a row."""
        return self._rows[row]

    def row_of(self, path: Path) -> int | None:
        """Return a photo's row; None while it is filtered away."""
        return self._row_of_path.get(path)

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        photo = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return photo.path.name
            case Qt.ItemDataRole.ToolTipRole:
                return self._tool_tip(photo)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{photo.path.name}, {noise_text(photo)}"
            case PhotoRole.PHOTO:
                return photo
            case PhotoRole.IS_EXCLUDED:
                return photo.path in self._session.excluded
        return None

    @Slot()
    def rebuild(self) -> None:
        """Filter and sort anew."""
        self._later.stop()
        words = self._filter.split()
        photos = self._in_folder
        if words:
            photos = [photo for photo in photos if all(word in photo.path.name.casefold() for word in words)]
        rows = sorted(photos, key=self._sort_key)
        if rows[: len(self._rows)] == self._rows:
            if len(rows) > len(self._rows):
                self.beginInsertRows(QModelIndex(), len(self._rows), len(rows) - 1)
                self._take(rows)
                self.endInsertRows()
        elif not rows or not self._rows:
            self.beginResetModel()
            self._take(rows)
            self.endResetModel()
        else:
            self._relayout(rows)

    def _take(self, rows: list[PhotoScanned]) -> None:
        self._rows = rows
        self._row_of_path = {photo.path: row for row, photo in enumerate(rows)}

    def _relayout(self, rows: list[PhotoScanned]) -> None:
        """Exchange the rows; selected and current photos stay so, wherever they are now."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        paths = [self._rows[index.row()].path for index in old]
        self._take(rows)
        new = [self.index(self._row_of_path[path]) if path in self._row_of_path else QModelIndex() for path in paths]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _sort_key(self, photo: PhotoScanned) -> tuple[object, ...]:
        name = self._name_keys.get(photo.path)
        if name is None:
            name = (natural_sort_key(str(photo.path.parent)), natural_sort_key(photo.path.name))
            self._name_keys[photo.path] = name
        sigma = photo.noise_sigma
        match self._sort:
            case "noisiest":
                return (sigma is None, -(sigma or 0.0), name)
            case "cleanest":
                return (sigma is None, sigma or 0.0, name)
            case "largest":
                return (-photo.width * photo.height, name)
        return (name,)

    def _tool_tip(self, photo: PhotoScanned) -> str:
        lines = [photo.path.name, f"{photo.width} × {photo.height} pixels"]
        lines.append(photo_noise_text(photo.noise) if photo.noise is not None else noise_text(photo))
        if photo.path in self._session.excluded:
            lines.append("Left out: it is not learned from and not restored.")
        return "\n".join(lines)

    @Slot()
    def _rebuild_soon(self) -> None:
        if not self._session.photos:
            self.rebuild()
        elif not self._later.isActive():
            self._later.start()

    @Slot()
    def _repaint(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))


def noise_text(photo: PhotoScanned) -> str:
    """Say how noisy a photo is, in plain words with the figure behind."""
    if photo.noise_sigma is None:
        return "noise not measured"
    return f"{noise_word(photo.noise_sigma)} (standard deviation {photo.noise_sigma * LEVELS:.1f} of {LEVELS})"
