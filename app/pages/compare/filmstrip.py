"""The photos along the edge of the compare page."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.core.actions import tip_with_keys
from app.core.session import Session
from app.look.buttons import icon_button
from app.look.layouts import in_row
from app.look.theme import SPACING, palette
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr
from app.pages.shared.photo_list_model import PhotoListModel, PhotoRole
from app.pages.shared.thumbnail_list import ModelIndex, ThumbnailList, paint_square_thumbnail
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef

_THUMBNAIL_PX = 56
_GAP_PX = 4
_DOT_PX = 8


class Filmstrip(ThumbnailList):
    """One row of thumbnails; a dot marks photos that have been restored, a ring those that were edited since.

    Signals:
        photo_chosen(PhotoRef): Another photo was chosen.
    """

    photo_chosen = Signal(object)

    def __init__(self, session: Session, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(thumbnails, parent)
        self.photos = PhotoListModel(session, self)
        self.setModel(self.photos)
        self.setItemDelegate(_FilmDelegate(self, session))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setFixedHeight(_THUMBNAIL_PX + 2 * _GAP_PX + 14)
        self.setAccessibleName(tr("Photos"))
        self.watch_model(lambda row: (self.photos.photo_at(row).path,))
        self.selectionModel().currentChanged.connect(self._tell_choice)
        session.restored_changed.connect(self._repaint_all)

    def choose(self, photo: PhotoRef) -> None:
        """Choose a photo and bring it into view."""
        row = self.photos.row_of(photo)
        if row is not None and row != self.currentIndex().row():
            self.setCurrentIndex(self.photos.index(row))
            self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)

    def step(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) photo; from none to the first."""
        count = self.photos.rowCount()
        if count:
            row = self.currentIndex().row() + direction if self.currentIndex().isValid() else 0
            self.setCurrentIndex(self.photos.index(min(max(row, 0), count - 1)))

    @property
    def next_row(self) -> int | None:
        """The row after the present one, after the last the first; None where there is no other."""
        count = self.photos.rowCount()
        return (self.currentIndex().row() + 1) % count if count > 1 else None

    @property
    def next_photo(self) -> PhotoRef | None:
        """The photo in the next row."""
        row = self.next_row
        return None if row is None else self.photos.photo_at(row).path

    def go_round(self) -> bool:
        """Go to the next photo, from the last to the first; return whether that is another one."""
        row = self.next_row
        if row is None:
            return False
        self.setCurrentIndex(self.photos.index(row))
        return True

    @Slot()
    def _tell_choice(self) -> None:
        index = self.currentIndex()
        if index.isValid():
            self.photo_chosen.emit(self.photos.photo_at(index.row()).path)

    @Slot()
    def _repaint_all(self) -> None:
        self.viewport().update()


class FilmstripRow(QWidget):
    """The filmstrip between two arrows.

    Attributes:
        previous_button: Goes to the photo before.
        next_button: Goes to the photo after.
    """

    def __init__(self, filmstrip: Filmstrip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.previous_button = icon_button("caret-left", tip_with_keys(tr("Previous photo"), "view.previous_photo"))
        self.previous_button.clicked.connect(lambda: filmstrip.step(-1))
        self.next_button = icon_button("caret-right", tip_with_keys(tr("Next photo"), "view.next_photo"))
        self.next_button.clicked.connect(lambda: filmstrip.step(1))
        in_row(
            self.previous_button,
            (filmstrip, 1),
            self.next_button,
            of=self,
            margins=(SPACING // 2, 0, SPACING // 2, 0),
            spacing=SPACING // 2,
        )


class _FilmDelegate(QStyledItemDelegate):
    """Paints one thumbnail, the frame of the chosen one, the dot of a restored one."""

    def __init__(self, view: Filmstrip, session: Session) -> None:
        super().__init__(view)
        self._view = view
        self._session = session

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        return QSize(_THUMBNAIL_PX + 2 * _GAP_PX, _THUMBNAIL_PX + 2 * _GAP_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        photo: PhotoScanned = index.data(PhotoRole.PHOTO)
        colors = palette()
        square = QRect(option.rect.left() + _GAP_PX, option.rect.top() + _GAP_PX, _THUMBNAIL_PX, _THUMBNAIL_PX)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(0.4 if index.data(PhotoRole.IS_EXCLUDED) else 1.0)
        paint_square_thumbnail(painter, self._view.thumbnails, photo.path, square)
        painter.setOpacity(1.0)
        if self._session.restored(photo.path):
            dot = QRectF(square.right() - _DOT_PX - 3, square.bottom() - _DOT_PX - 3, _DOT_PX, _DOT_PX)
            dark, accent = QColor(20, 20, 20), QColor(colors.accent)
            is_current = self._session.has_result(photo.path)
            painter.setPen(QPen(dark, 1.5) if is_current else QPen(accent, 2.0))
            painter.setBrush(accent if is_current else dark)
            painter.drawEllipse(dot)
        if is_chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(colors.accent if is_chosen else colors.border_strong), 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(square).adjusted(-2, -2, 2, 2), 4, 4)
        painter.restore()
