"""The photos of the session as a filtered, sorted list for Qt's views."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import IntEnum
from itertools import pairwise

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QSignalBlocker,
    QStringListModel,
    Qt,
    QTimer,
    Signal,
    Slot,
)

from app.core.session import Session
from app.look.phrases import count, date_and_time
from app.look.translation import format_number, tr
from app.pages.shared.noise_facts import photo_level_text, photo_noise_text
from app.pages.shared.photo_filter import FORMAT_NAMES, PhotoFilter, Use
from app.pages.shared.thumbnail_list import ModelIndex
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.photos.folder import photo_sort_key

_REBUILD_INTERVAL_MS = 80
_EPOCH = datetime(1970, 1, 1)


class PhotoRole(IntEnum):
    """What the model tells about a photo beside its name."""

    PHOTO = Qt.ItemDataRole.UserRole + 1
    """The `PhotoScanned`."""
    IS_EXCLUDED = Qt.ItemDataRole.UserRole + 2
    """Whether a person left it out."""


class PhotoListing(QObject):
    """Which photos are shown, in which order: one choice for all lists of a session.

    Signals:
        changed: Other ones, or another order.

    Attributes:
        conditions: What a photo must fulfil.
        folder: Only what lies in it, or is this file; None: all.
        sort: One of the choices of `settings.PHOTOS_SORT`.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.conditions = PhotoFilter()
        self.folder: PhotoPlace | None = None
        self.sort = "name"

    def set_conditions(self, conditions: PhotoFilter) -> None:
        """Show only photos that fulfil all conditions."""
        if conditions != self.conditions:
            self.conditions = conditions
            self.changed.emit()

    def set_folder(self, folder: PhotoPlace | None) -> None:
        """Show only what lies in one folder, or is one file; None: all photos."""
        if folder != self.folder:
            self.folder = folder
            self.changed.emit()

    def set_sort(self, sort: str) -> None:
        """Put the photos into another order."""
        if sort != self.sort:
            self.sort = sort
            self.changed.emit()


def shared_listing(session: Session) -> PhotoListing:
    """Return the choice that the lists of a session share, owned by the session."""
    listing = session.findChild(PhotoListing, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return listing if listing is not None else PhotoListing(session)


class CountedRowsModel(QStringListModel):
    """Rows that a subclass fills in by `data`, whose length Qt knows without asking Python.

    A view asks for the length once for each row that it places. In Python that took a tenth of a second for ten
    thousand rows, and several times as long while a job in the background held Python's lock. So the strings of the
    base are empty and only count.

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


class PhotoListModel(CountedRowsModel):
    """Follows the session; new photos show up while a scan runs, without losing selection or position.

    Attributes:
        listing: Which photos, in which order; shared by all lists of the session.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.listing = shared_listing(session)
        self.listing.changed.connect(self.rebuild)
        self._rows: list[PhotoScanned] = []
        self._row_of_photo: dict[PhotoRef, int] = {}
        self._source: tuple[PhotoScanned, ...] = ()
        self._later = QTimer(self, singleShot=True, interval=_REBUILD_INTERVAL_MS)
        self._later.timeout.connect(self.rebuild)
        session.photos_changed.connect(self._rebuild_soon)
        session.photos_measured.connect(self._rebuild_soon)
        session.excluded_changed.connect(self._on_excluded_changed)
        self.rebuild()

    def set_filter(self, text: str) -> None:
        """Show only photos whose name contains every word of the text."""
        self.listing.set_conditions(replace(self.listing.conditions, text=text))

    @property
    def conditions(self) -> PhotoFilter:
        """What decides which photos are shown."""
        return self.listing.conditions

    @property
    def included_in_folder(self) -> Sequence[PhotoScanned]:
        """The photos of the chosen folder, or all, without those left out, whatever the filter."""
        return [photo for photo in self._in_folder if photo.path not in self._session.excluded]

    @property
    def _in_folder(self) -> Sequence[PhotoScanned]:
        if self.listing.folder is None:
            return self._session.photos
        folder, below = str(self.listing.folder), os.path.join(str(self.listing.folder), "")
        # Ten times as fast as `is_relative_to`, for ten thousand photos.
        return [
            photo for photo in self._session.photos if (name := str(photo.path)).startswith(below) or name == folder
        ]

    @property
    def shown(self) -> Sequence[PhotoScanned]:
        """The photos as they are filtered and sorted."""
        return self._rows

    @property
    def included(self) -> Sequence[PhotoScanned]:
        """The photos as they are filtered and sorted, without those left out."""
        excluded = self._session.excluded
        return [photo for photo in self._rows if photo.path not in excluded] if excluded else self._rows

    def photo_at(self, row: int) -> PhotoScanned:
        """Return the photo of a row."""
        return self._rows[row]

    def row_of(self, photo: PhotoRef) -> int | None:
        """Return a photo's row; None while it is filtered away."""
        return self._row_of_photo.get(photo)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        photo = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return photo_title(photo)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tool_tip(photo)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{photo_title(photo)}, {photo_level_text(photo)}"
            case PhotoRole.PHOTO:
                return photo
            case PhotoRole.IS_EXCLUDED:
                return photo.path in self._session.excluded
        return None

    @Slot()
    def rebuild(self) -> None:
        """Filter and sort anew."""
        self._later.stop()
        if self._append_new():
            return
        self._source = self._session.photos
        photos = self._in_folder
        if self.listing.conditions != PhotoFilter():
            holds, excluded = self.listing.conditions.predicate(), self._session.excluded
            photos = [photo for photo in photos if holds(photo, photo.path in excluded)]
        rows = sorted(photos, key=self._key_of_sort())
        before, after = [photo.path for photo in self._rows], [photo.path for photo in rows]
        if after[: len(before)] == before:
            changed = [row for row, old in enumerate(self._rows) if old is not rows[row]]
            self._rows = rows[: len(before)]
            if changed:
                self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))
            if len(rows) > len(before):
                self.beginInsertRows(QModelIndex(), len(self._rows), len(rows) - 1)
                self._take(rows)
                self.endInsertRows()
        elif not rows or not self._rows:
            self.beginResetModel()
            self._take(rows)
            self.endResetModel()
        else:
            self._relayout(rows)

    def _append_new(self) -> bool:
        """Put new photos behind the others, where that is their place; return whether that was all there was to do.

        A scan delivers ten thousand photos in many parts, each in order: sorting all at each part would take seconds.
        """
        photos, old = self._session.photos, self._source
        listing = self.listing
        if not old or listing.sort != "name" or listing.folder is not None or listing.conditions != PhotoFilter():
            return False
        if len(self._rows) != len(old) or len(photos) <= len(old) or photos[: len(old)] != old:
            return False
        keys = [photo_sort_key(photo.path) for photo in (self._rows[-1], *photos[len(old) :])]
        if any(key < before for before, key in pairwise(keys)):
            return False
        self._source = photos
        self.beginInsertRows(QModelIndex(), len(old), len(photos) - 1)
        self._rows += photos[len(old) :]
        self._row_of_photo.update((photo.path, row) for row, photo in enumerate(photos[len(old) :], start=len(old)))
        self.fit_count(len(self._rows))
        self.endInsertRows()
        return True

    def _take(self, rows: list[PhotoScanned]) -> None:
        self._rows = rows
        self._row_of_photo = {photo.path: row for row, photo in enumerate(rows)}
        self.fit_count(len(rows))

    def _relayout(self, rows: list[PhotoScanned]) -> None:
        """Exchange the rows; selected and current photos stay so, wherever they are now."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        paths = [self._rows[index.row()].path for index in old]
        # Never fewer rows than before, until no selected photo is taken for one of those that go.
        self.fit_count(max(len(rows), self.rowCount()))
        self._rows, self._row_of_photo = rows, {photo.path: row for row, photo in enumerate(rows)}
        new = [self.index(self._row_of_photo[path]) if path in self._row_of_photo else QModelIndex() for path in paths]
        self.changePersistentIndexList(old, new)
        self.fit_count(len(rows))
        self.layoutChanged.emit()

    def _key_of_sort(self) -> Callable[[PhotoScanned], tuple[object, ...]]:
        def name(photo: PhotoScanned) -> object:
            return photo_sort_key(photo.path)

        match self.listing.sort:
            case "noisiest":
                return lambda photo: (photo.noise_sigma is None, -(photo.noise_sigma or 0.0), name(photo))
            case "cleanest":
                return lambda photo: (photo.noise_sigma is None, photo.noise_sigma or 0.0, name(photo))
            case "largest":
                return lambda photo: (-photo.width * photo.height, name(photo))
            case "smallest":
                return lambda photo: (photo.width * photo.height, name(photo))
            case "camera":
                return lambda photo: (not photo.camera.camera, photo.camera.camera.casefold(), name(photo))
            case "highest_iso":
                return lambda photo: (photo.camera.iso is None, -(photo.camera.iso or 0), name(photo))
            case "lowest_iso":
                return lambda photo: (photo.camera.iso is None, photo.camera.iso or 0, name(photo))
            case "newest":
                return lambda photo: (photo.camera.taken is None, -_seconds(photo.camera.taken), name(photo))
            case "oldest":
                return lambda photo: (photo.camera.taken is None, _seconds(photo.camera.taken), name(photo))
        return lambda photo: photo_sort_key(photo.path)

    def _tool_tip(self, photo: PhotoScanned) -> str:
        size = tr("{width} × {height} pixels").format(width=photo.width, height=photo.height)
        kind = tr(FORMAT_NAMES.get(photo.content, ""))
        if photo.bit_depth > 8:
            kind = tr("{format}, {bits} bits").format(format=kind, bits=photo.bit_depth) if kind else ""
        lines = [photo.path.name, f"{size}, {kind}" if kind else size]
        if photo.path.page:
            text = tr("Page {number} of {file}; each page counts as a photo.")
            lines.append(text.format(number=photo.path.page, file=photo.path.file.name))
        if photo.pages:
            lines.append(
                tr(
                    "A stack of {pages}: it is restored into one file, and each page teaches as a photo does. "
                    "Its noise was measured on some of them."
                ).format(pages=count(len(photo.pages), "page"))
            )
        if photo.num_pictures > 1:
            text = tr("The file holds {number} pictures, an animation or a series; only the first counts as a photo.")
            lines.append(text.format(number=format_number(photo.num_pictures)))
        camera = photo.camera
        noted = [camera.camera, "" if camera.iso is None else tr("ISO {iso}").format(iso=camera.iso)]
        if camera.taken is not None:
            noted.append(date_and_time(camera.taken.isoformat()))
        if any(noted):
            lines.append(" · ".join(part for part in noted if part))
        lines.append(photo_noise_text(photo))
        if photo.path in self._session.excluded:
            lines.append(tr("Left out: it is not learned from and not restored."))
        return "\n".join(lines)

    @Slot()
    def _rebuild_soon(self) -> None:
        if not self._session.photos or not self._rows:
            self.rebuild()
        elif not self._later.isActive():
            self._later.start()

    @Slot()
    def _on_excluded_changed(self) -> None:
        if self.listing.conditions.use is not Use.ANY:
            self.rebuild()
        elif self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))


def _seconds(taken: datetime | None) -> float:
    """Return a time as a number that sorts; 0 where there is none."""
    return 0.0 if taken is None else (taken - _EPOCH).total_seconds()


def photo_title(photo: PhotoScanned) -> str:
    """Return what a photo is called in a list: a stack with the number of its pages."""
    return f"{photo.path.name} · {count(len(photo.pages), 'page')}" if photo.pages else photo.path.name
