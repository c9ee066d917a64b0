"""A list with thumbnails in its rows, of which only the visible ones are loaded."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from app.look.theme import palette, themed_icon
from app.look.thumbnails import ThumbnailLoader
from engine.contracts.photo import PhotoRef

ModelIndex = QModelIndex | QPersistentModelIndex

_RADIUS_PX = 3


def select_alone(view: QAbstractItemView, index: ModelIndex) -> None:
    """Make an index the current and the only selected one.

    `setCurrentIndex` would obey the modifier keys of the moment: Ctrl, held for a shortcut, would add to the selection.
    """
    view.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)


class ThumbnailList(QListView):
    """The list; the model is set once, with `setModel` and `watch_model`.

    Attributes:
        thumbnails: Where the thumbnails come from.
    """

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = thumbnails
        self._paths_of: Callable[[int], Iterable[PhotoRef]] | None = None
        self._is_layout_due = False
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self._load_later = QTimer(self, singleShot=True, interval=0)
        self._load_later.timeout.connect(self._load_visible)
        thumbnails.ready.connect(self._repaint)
        self.verticalScrollBar().valueChanged.connect(self._load_soon)
        self.horizontalScrollBar().valueChanged.connect(self._load_soon)

    def watch_model(self, paths_of: Callable[[int], Iterable[PhotoRef]]) -> None:
        """Load thumbnails for the rows of the model that has been set.

        Args:
            paths_of: Gives the files whose thumbnails a row shows.
        """
        self._paths_of = paths_of
        model = self.model()
        for signal in (model.rowsInserted, model.rowsRemoved, model.modelReset, model.layoutChanged):
            signal.connect(self._load_soon)
        self._load_soon()

    def visible_rows(self) -> range:
        """Return the rows of which at least a part is in view."""
        count = self.model().rowCount()
        if not count:
            return range(0)
        view = self.viewport().rect()
        first = self.indexAt(view.topLeft()).row()
        is_horizontal = self.flow() == QListView.Flow.LeftToRight
        last = self.indexAt(view.topRight() if is_horizontal else view.bottomLeft()).row()
        return range(max(0, first), count if last < 0 else last + 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._load_soon()

    def doItemsLayout(self) -> None:
        """Place the rows; those of a hidden list once it is shown: ten thousand take a fifth of a second."""
        self._is_layout_due = not self.isVisible()
        if not self._is_layout_due:
            super().doItemsLayout()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_layout_due:
            self.doItemsLayout()
            if self.currentIndex().isValid():
                self.scrollTo(self.currentIndex())
        self._load_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        self.thumbnails.want((), view=self)
        super().hideEvent(event)

    @Slot()
    def _load_soon(self) -> None:
        if not self._load_later.isActive():
            self._load_later.start()

    @Slot()
    def _load_visible(self) -> None:
        if self._paths_of is not None and self.isVisible():
            paths_of = self._paths_of
            self.thumbnails.want([path for row in self.visible_rows() for path in paths_of(row)], view=self)

    @Slot(object)
    def _repaint(self, _path: PhotoRef) -> None:
        self.viewport().update()


def paint_square_thumbnail(
    painter: QPainter, thumbnails: ThumbnailLoader, photo: PhotoRef | None, square: QRect
) -> None:
    """Paint the middle of a photo as a square: alike shapes are quicker to compare than whole pictures.

    A plain block stands for one that is not loaded yet, a dashed outline for none at all.
    """
    colors = palette()
    pixmap = thumbnails.pixmap(photo) if photo is not None else None
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if pixmap is None:
        if photo is None:
            painter.setPen(QPen(QColor(colors.border_strong), 1.0, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.raised))
        painter.drawRoundedRect(QRectF(square).adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS_PX, _RADIUS_PX)
        if photo is not None and thumbnails.failure(photo):
            icon = QRect(0, 0, 20, 20)
            icon.moveCenter(square.center())
            themed_icon("warning", "warning").paint(painter, icon)
    else:
        side = min(pixmap.width(), pixmap.height())
        source = QRectF((pixmap.width() - side) / 2, (pixmap.height() - side) / 2, side, side)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(QRectF(square), pixmap, source)
    painter.restore()
