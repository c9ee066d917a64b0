"""The photos to be restored, with the state of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import pairwise

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QObject,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.core.session import Session
from app.look.phrases import NO_BREAK, number
from app.look.theme import SPACING, Theme, palette, themed_icon
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import mark, tr, translate_engine
from app.pages.shared.photo_list_model import PhotoListModel, photo_title
from app.pages.shared.thumbnail_list import ModelIndex, ThumbnailList, paint_square_thumbnail, select_alone
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome

_THUMBNAIL_PX = 44
_ICON_PX = 16


class PhotoState(Enum):
    """Where a photo stands in the batch: words, icon, colour of the icon."""

    IDLE = ("", "", "text_muted")
    WAITING = (mark("waiting"), "circle-dashed", "text_muted")
    RESTORING = (mark("restoring"), "spinner", "accent")
    DONE = (mark("done"), "check-circle", "accent")
    DONE_BEFORE = (mark("done already"), "check-circle", "text_muted")
    LEFT_ALONE = (mark("left alone: the file exists"), "skip-forward", "text_muted")
    FAILED = (mark("failed"), "warning", "warning")


_STATES_OF_OUTCOMES = {
    "restored": PhotoState.DONE,
    "done": PhotoState.DONE_BEFORE,
    "exists": PhotoState.LEFT_ALONE,
    "failed": PhotoState.FAILED,
}


@dataclass(frozen=True)
class RowState:
    """State of one photo.

    Attributes:
        state: Where it stands.
        outcome: What became of it, where the batch has come to it.
    """

    state: PhotoState = PhotoState.IDLE
    outcome: PhotoOutcome | None = None

    @classmethod
    def of_outcome(cls, outcome: PhotoOutcome) -> RowState:
        """Return the state of a photo that the batch is through with."""
        return cls(_STATES_OF_OUTCOMES[outcome.state], outcome)

    @property
    def text(self) -> str:
        """The state in words: "done · 3.2 s", or why it failed."""
        outcome = self.outcome
        if outcome is not None and outcome.reason:
            return translate_engine(outcome.reason)
        words = tr(self.state.value[0])
        if outcome is None or self.state is not PhotoState.DONE:
            return words
        return f"{words} · {number(outcome.seconds, 1)}{NO_BREAK}s"

    @property
    def explanation(self) -> str:
        """All that is known, in lines."""
        outcome = self.outcome
        if outcome is None:
            return self.text
        output = "" if outcome.output is None else str(outcome.output)
        remarks = (translate_engine(remark) for remark in outcome.remarks)
        lines = (self.text, translate_engine(outcome.hint), output, translate_engine(outcome.how), *remarks)
        return "\n".join(line for line in lines if line)


class RestoreRole(IntEnum):
    """What the model tells beside a name."""

    PHOTO = Qt.ItemDataRole.UserRole + 1
    """The `PhotoScanned`."""
    STATE = Qt.ItemDataRole.UserRole + 2
    """Its `RowState`."""


class RestoreListModel(QAbstractListModel):
    """The photos as they are filtered and sorted on the Photos page, without those left out, with a state each."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[PhotoScanned] = []
        self._row_of_photo: dict[PhotoRef, int] = {}
        self._states: dict[PhotoRef, RowState] = {}
        self._in_batch: frozenset[PhotoRef] = frozenset()
        self._done_before: frozenset[PhotoRef] = frozenset()
        self._photos = PhotoListModel(session, self)
        for change in (
            self._photos.modelReset,
            self._photos.rowsInserted,
            self._photos.layoutChanged,
            session.excluded_changed,
        ):
            change.connect(self._rebuild)
        session.folders_changed.connect(self._forget_states)
        self._rebuild()

    @property
    def photos(self) -> list[PhotoRef]:
        """All photos in the list's order."""
        return [photo.path for photo in self._rows]

    def photo_at(self, row: int) -> PhotoScanned:
        """Return the photo of a row."""
        return self._rows[row]

    def row_of(self, photo: PhotoRef) -> int | None:
        """Return a photo's row."""
        return self._row_of_photo.get(photo)

    def state_of(self, photo: PhotoRef) -> RowState:
        """Return a photo's state."""
        state = self._states.get(photo, RowState())
        if state.state is PhotoState.IDLE and photo in self._done_before:
            return RowState(PhotoState.DONE_BEFORE)
        return state

    def failed_photos(self) -> list[PhotoRef]:
        """The photos of the list that failed, in its order."""
        failed = {path for path, state in self._states.items() if state.state is PhotoState.FAILED}
        return [path for path in self.photos if path in failed] if failed else []

    def outcomes(self) -> tuple[PhotoOutcome, ...]:
        """What became of the photos that a batch has come to, in the list's order."""
        found = {path: state.outcome for path, state in self._states.items() if state.outcome is not None}
        return tuple(found[path] for path in self.photos if path in found) if found else ()

    def set_state(self, photos: Iterable[PhotoRef], state: RowState) -> None:
        """Set the state of some photos; of a page that becomes a file of its own, that of its stack."""
        for photo in photos:
            is_page = not self._is_known(photo) and self._is_known(PhotoRef(photo.file))
            path = PhotoRef(photo.file) if is_page else photo
            if is_page and self.state_of(path).state is PhotoState.FAILED:
                # Of one page that failed nothing is heard once another is done.
                continue
            self._states[path] = state
            row = self._row_of_photo.get(path)
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row))

    def show_done_before(self, photos: frozenset[PhotoRef]) -> None:
        """Mark what is done with the settings as they stand, in this session or before, where nothing else is said."""
        if photos != self._done_before:
            self._done_before = photos
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def begin_batch(self, photos: Iterable[PhotoRef]) -> None:
        """Let photos wait; until `end_batch` nothing is forgotten of them, whatever is opened or closed."""
        self._in_batch = frozenset(photos)
        self.set_state(self._in_batch, RowState(PhotoState.WAITING))

    def end_batch(self) -> None:
        """Let photos that were waiting or in work be idle again."""
        unfinished = (PhotoState.WAITING, PhotoState.RESTORING)
        self.set_state([path for path, state in self._states.items() if state.state in unfinished], RowState())
        self._in_batch = frozenset()

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        photo = self._rows[index.row()]
        state = self.state_of(photo.path)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return photo_title(photo)
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(part for part in (str(photo.path), state.explanation) if part)
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(part for part in (photo_title(photo), state.text) if part)
            case RestoreRole.PHOTO:
                return photo
            case RestoreRole.STATE:
                return state
        return None

    @Slot()
    def _rebuild(self) -> None:
        rows = list(self._photos.included)
        before, after = self.photos, [photo.path for photo in rows]
        if before and after[: len(before)] == before:
            if len(after) > len(before):
                self.beginInsertRows(QModelIndex(), len(before), len(after) - 1)
                self._take(rows)
                self.endInsertRows()
            return
        self.beginResetModel()
        self._take(rows)
        self.endResetModel()

    def _take(self, rows: list[PhotoScanned]) -> None:
        self._rows = rows
        self._row_of_photo = {photo.path: row for row, photo in enumerate(rows)}

    def _is_known(self, photo: PhotoRef) -> bool:
        """Whether a photo is listed, or was when the batch that runs began."""
        return photo in self._row_of_photo or photo in self._in_batch

    @Slot()
    def _forget_states(self) -> None:
        """Forget what became of the photos of folders that are closed; those that stay open are only read again."""
        # As strings ten times as fast as `is_in`, for ten thousand photos.
        places = {str(place) for place in self._session.folders}
        below = tuple(os.path.join(place, "") for place in places)
        self._states = {
            photo: state
            for photo, state in self._states.items()
            if photo in self._in_batch or (name := str(photo)) in places or name.startswith(below)
        }


class RestoreList(ThumbnailList):
    """The list.

    Signals:
        photo_chosen(PhotoRef): Another photo became the current one.
    """

    photo_chosen = Signal(object)

    def __init__(self, model: RestoreListModel, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(thumbnails, parent)
        self._photos = model
        self._kept: tuple[PhotoRef | None, list[PhotoRef]] = (None, [])
        self._is_selecting_again = False
        self.setModel(model)
        self.setItemDelegate(_RestoreDelegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Photos to restore"))
        self.watch_model(lambda row: (model.photo_at(row).path,))
        self.selectionModel().currentChanged.connect(self._tell_choice)
        model.modelAboutToBeReset.connect(self._keep_selection)
        model.modelReset.connect(self._select_again)

    def selected_photos(self) -> list[PhotoRef]:
        """Return what is selected, in the list's order."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self._photos.photo_at(row).path for row in rows]

    def select_photo(self, photo: PhotoRef) -> None:
        """Select one photo and bring it into view."""
        row = self._photos.row_of(photo)
        if row is not None and row != self.currentIndex().row():
            select_alone(self, self._photos.index(row))

    @Slot(int)
    def step(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) photo; from none to the first."""
        num_rows = self._photos.rowCount()
        if num_rows:
            row = self.currentIndex().row() + direction if self.currentIndex().isValid() else 0
            select_alone(self, self._photos.index(min(max(row, 0), num_rows - 1)))

    def choose_any(self) -> None:
        """Make a photo the current one: the first of those that are selected, or else the first of all."""
        rows = [index.row() for index in self.selectionModel().selectedIndexes()]
        if rows:
            first = self._photos.index(min(rows))
            self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
        elif self._photos.rowCount():
            select_alone(self, self._photos.index(0))

    @Slot()
    def _keep_selection(self) -> None:
        index = self.currentIndex()
        current = self._photos.photo_at(index.row()).path if index.isValid() else None
        self._kept = (current, self.selected_photos())

    @Slot()
    def _select_again(self) -> None:
        """Select what was selected before the list was sorted or filtered anew, as far as it is still there."""
        current, selected = self._kept
        rows = sorted(row for row in map(self._photos.row_of, selected) if row is not None)
        selection = QItemSelection()
        for first, last in _runs_of(rows):
            selection.append(QItemSelectionRange(self._photos.index(first), self._photos.index(last)))
        row = None if current is None else self._photos.row_of(current)
        # Nobody has chosen a photo: the one that is looked at elsewhere stays so.
        self._is_selecting_again = True
        if row is not None:
            self.selectionModel().setCurrentIndex(self._photos.index(row), QItemSelectionModel.SelectionFlag.NoUpdate)
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._is_selecting_again = False

    @Slot()
    def _tell_choice(self) -> None:
        index = self.currentIndex()
        if index.isValid() and not self._is_selecting_again:
            self.photo_chosen.emit(self._photos.photo_at(index.row()).path)


def _runs_of(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of all rows that follow one another."""
    breaks = [place for place, (row, after) in enumerate(pairwise(rows), start=1) if after > row + 1]
    for start, end in pairwise([0, *breaks, len(rows)]):
        if start < end:
            yield rows[start], rows[end - 1]


class _RestoreDelegate(QStyledItemDelegate):
    """Paints thumbnail, name and state."""

    def __init__(self, view: RestoreList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        text_height = 2 * self._view.fontMetrics().height() + SPACING // 2
        return QSize(160, max(_THUMBNAIL_PX, text_height) + SPACING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        photo: PhotoScanned = index.data(RestoreRole.PHOTO)
        row_state: RowState = index.data(RestoreRole.STATE)
        rect, state = option.rect, option.state
        colors = palette()
        painter.save()
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(colors.accent_soft if is_selected else colors.hover))
        top = rect.top() + (rect.height() - _THUMBNAIL_PX) // 2
        square = QRect(rect.left() + SPACING, top, _THUMBNAIL_PX, _THUMBNAIL_PX)
        paint_square_thumbnail(painter, self._view.thumbnails, photo.path, square)
        left = square.right() + 1 + SPACING
        room = QRect(left, rect.top(), rect.right() - left - SPACING, rect.height())
        line = painter.fontMetrics().height()
        has_state = row_state.state is not PhotoState.IDLE
        first = room.center().y() - (line + SPACING // 4 if has_state else line // 2)
        painter.setPen(QColor(colors.text))
        name = painter.fontMetrics().elidedText(photo_title(photo), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(QRect(left, first, room.width(), line), Qt.AlignmentFlag.AlignVCenter, name)
        if has_state:
            self._paint_state(painter, row_state, QRect(left, first + line + SPACING // 4, room.width(), line))
        painter.restore()

    def _paint_state(self, painter: QPainter, row_state: RowState, room: QRect) -> None:
        colors = palette()
        _, icon, color = row_state.state.value
        themed_icon(icon, color).paint(
            painter, QRect(room.left(), room.center().y() - _ICON_PX // 2 + 1, _ICON_PX, _ICON_PX)
        )
        small = painter.font()
        small.setPixelSize(Theme.of_application().px(11))
        painter.setFont(small)
        painter.setPen(QColor(colors.warning if row_state.state is PhotoState.FAILED else colors.text_muted))
        words = room.adjusted(_ICON_PX + SPACING // 2, 0, 0, 0)
        text = painter.fontMetrics().elidedText(row_state.text, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, text)
