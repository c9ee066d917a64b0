"""The grid of thumbnails: what it paints, what it loads, what hovering shows."""

import math
from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.jobs.latest_task import LatestTask
from app.look.image_convert import ChannelTint, DisplayLevels, qimage_from_pixels, stretch_levels, tinted
from app.look.theme import SPACING, Theme, palette, themed_icon
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr
from app.pages.shared.noise_facts import noise_figure
from app.pages.shared.photo_list_model import PhotoListModel, PhotoRole, photo_title
from app.pages.shared.thumbnail_list import ModelIndex, select_alone
from engine.comparing.shown_channels import has_channels, read_shown
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.photo_files.values.sample_types import to_float

_HOVER_DELAY_MS = 350
_BAR_HEIGHT = 4
_LEAST_FIGURE_PX = 128
"""Smaller thumbnails have room for the name alone."""
_LEAST_SIGMA, _MOST_SIGMA = 1 / 255, 64 / 255
"""The noise bar's ends; the bar is logarithmic, as the eye is."""


class PhotoGrid(QListView):
    """Photos as thumbnails of one size; only the visible ones are loaded.

    Signals:
        photo_activated(PhotoRef): A photo was double-clicked, or Enter was pressed on it.
    """

    photo_activated = Signal(object)

    def __init__(self, model: PhotoListModel, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photos = model
        self._thumbnails = thumbnails
        self._side_px = 160
        self._hover_row = -1
        self.hover_crop: tuple[PhotoRef, QPixmap] | None = None
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("Photos"))
        self.setModel(model)
        self.setItemDelegate(PhotoDelegate(self, thumbnails))

        self._load_later = QTimer(self, singleShot=True, interval=0)
        self._load_later.timeout.connect(self._load_visible)
        self._hover_later = QTimer(self, singleShot=True, interval=_HOVER_DELAY_MS)
        self._hover_later.timeout.connect(self._read_hover_crop)
        self._hover_task = LatestTask(self, finished=self._show_hover_crop)
        thumbnails.ready.connect(self._repaint_photo)
        for signal in (model.rowsInserted, model.modelReset, model.layoutChanged):
            signal.connect(self._load_soon)
        self.verticalScrollBar().valueChanged.connect(self._load_soon)
        self.activated.connect(self._activate)
        Theme.of_application().changed.connect(self._apply_sizes)
        self.set_side(self._side_px)

    @property
    def side_px(self) -> int:
        """Side of the square that holds a thumbnail."""
        return self._side_px

    def set_side(self, side_px: int) -> None:
        """Show larger or smaller thumbnails."""
        self._side_px = side_px
        self._apply_sizes()

    def selected_photos(self) -> list[PhotoScanned]:
        """Return what is selected, in the grid's order."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self._photos.photo_at(row) for row in rows]

    def select_photo(self, photo: PhotoRef) -> None:
        """Select one photo and bring it into view."""
        row = self._photos.row_of(photo)
        if row is not None and row != self.currentIndex().row():
            select_alone(self, self._photos.index(row))

    def select_rows(self, rows: Iterable[int], *, adds: bool = False) -> None:
        """Select photos by their rows; the last one becomes the current one and comes into view.

        Args:
            rows: In any order.
            adds: Whether what is selected already stays so.
        """
        chosen = sorted(rows)
        selection = QItemSelection()
        first = 0
        for place, row in enumerate(chosen):
            # One range for rows in a row: ten thousand ranges would take seconds.
            if place + 1 == len(chosen) or chosen[place + 1] != row + 1:
                selection.select(self._photos.index(chosen[first]), self._photos.index(row))
                first = place + 1
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(selection, flags.Select if adds else flags.ClearAndSelect)
        if chosen:
            last = self._photos.index(chosen[-1])
            self.selectionModel().setCurrentIndex(last, flags.NoUpdate)
            self.scrollTo(last)

    def visible_rows(self) -> range:
        """Return the rows of which at least a part is in view."""
        count, cell = self._photos.rowCount(), self.gridSize()
        if not count or cell.isEmpty():
            return range(0)
        # Any row tells where the grid begins: cells are all alike, and Qt alone knows how many fit beside each other.
        origin = self.visualRect(self._photos.index(0)).top()
        columns = 1
        while columns < count and self.visualRect(self._photos.index(columns)).top() == origin:
            columns += 1
        first_line = max(0, -origin // cell.height())
        last_line = max(0, (self.viewport().height() - 1 - origin) // cell.height())
        return range(min(count, first_line * columns), min(count, (last_line + 1) * columns))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._load_soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._load_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        self._thumbnails.want((), view=self)
        super().hideEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.indexAt(event.position().toPoint()).row())

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def shut_down(self) -> None:
        """Wait for the background thread."""
        self._hover_task.shut_down()

    @Slot()
    def _apply_sizes(self) -> None:
        cell = self.itemDelegate().sizeHint(QStyleOptionViewItem(), QModelIndex())
        self.setGridSize(cell)
        self._load_soon()

    @Slot()
    def _load_soon(self) -> None:
        if not self._load_later.isActive():
            self._load_later.start()

    @Slot()
    def _load_visible(self) -> None:
        rows = self.visible_rows() if self.isVisible() else range(0)
        self._thumbnails.want([self._photos.photo_at(row).path for row in rows], view=self)

    @Slot(object)
    def _repaint_photo(self, photo: PhotoRef) -> None:
        row = self._photos.row_of(photo)
        if row is not None:
            self.update(self._photos.index(row))

    @Slot(QModelIndex)
    def _activate(self, index: QModelIndex) -> None:
        self.photo_activated.emit(self._photos.photo_at(index.row()).path)

    def _hover(self, row: int) -> None:
        if row == self._hover_row:
            return
        self._hover_row = row
        self._hover_task.cancel()
        if self.hover_crop is not None:
            path, _ = self.hover_crop
            self.hover_crop = None
            self._repaint_photo(path)
        if row >= 0:
            self._hover_later.start()
        else:
            self._hover_later.stop()

    @Slot()
    def _read_hover_crop(self) -> None:
        if 0 <= self._hover_row < self._photos.rowCount():
            path = self._photos.photo_at(self._hover_row).path
            side_px, is_stretched = round(self._side_px * self.devicePixelRatioF()), self._thumbnails.is_stretched
            self._hover_task.submit(lambda: (path, _middle_of(path, side_px, is_stretched)))

    @Slot(object)
    def _show_hover_crop(self, result: tuple[PhotoRef, QImage]) -> None:
        path, image = result
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self.hover_crop = (path, pixmap)
        self._repaint_photo(path)


class PhotoDelegate(QStyledItemDelegate):
    """Paints one photo: thumbnail, name, noise bar; a plain block while the thumbnail loads."""

    def __init__(self, grid: PhotoGrid, thumbnails: ThumbnailLoader) -> None:
        super().__init__(grid)
        self._grid = grid
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        side = self._grid.side_px
        below = self._grid.fontMetrics().height() + _BAR_HEIGHT + 2 * SPACING
        return QSize(side + 3 * SPACING, side + below + 2 * SPACING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        photo: PhotoScanned = index.data(PhotoRole.PHOTO)
        is_excluded: bool = index.data(PhotoRole.IS_EXCLUDED)
        state: QStyle.StateFlag = option.state
        rect: QRect = option.rect
        colors = palette()
        card = rect.adjusted(SPACING // 2, SPACING // 2, -SPACING // 2, -SPACING // 2)
        square = QRect(card.left() + SPACING, card.top() + SPACING, self._grid.side_px, self._grid.side_px)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if is_selected else colors.hover))
            painter.drawRoundedRect(card, 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colors.accent), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(card).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setOpacity(0.35 if is_excluded else 1.0)
        self._paint_picture(painter, photo.path, square)
        painter.setOpacity(1.0)
        if is_excluded:
            self._paint_excluded_mark(painter, square)
        metrics = painter.fontMetrics()
        name_top = square.bottom() + 1 + SPACING // 2
        name_rect = QRect(square.left(), name_top, square.width(), metrics.height())
        if photo.noise_sigma is not None and square.width() >= _LEAST_FIGURE_PX:
            figure = noise_figure(photo.noise_sigma)
            self._paint_noise_figure(
                painter, name_rect, f"{figure}\N{NARROW NO-BREAK SPACE}?" if photo.noise_doubt else figure
            )
        painter.setPen(QColor(colors.text_muted if is_excluded else colors.text))
        name = metrics.elidedText(photo_title(photo), Qt.TextElideMode.ElideMiddle, name_rect.width())
        painter.drawText(name_rect, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), name)
        bar = QRectF(square.left(), name_rect.bottom() + 1 + SPACING // 2, square.width(), _BAR_HEIGHT)
        self._paint_noise_bar(painter, bar, photo.noise_sigma, is_excluded)
        painter.restore()

    def _paint_picture(self, painter: QPainter, photo: PhotoRef, square: QRect) -> None:
        colors = palette()
        crop = self._grid.hover_crop
        if crop is not None and crop[0] == photo:
            size = crop[1].deviceIndependentSize()
            place = QRectF(0, 0, size.width(), size.height())
            place.moveCenter(QRectF(square).center())
            painter.drawPixmap(place.topLeft().toPoint(), crop[1])
            _paint_badge(painter, square, tr("100 %, stretched") if self._thumbnails.is_stretched else "100 %")
            return
        pixmap = self._thumbnails.pixmap(photo)
        if pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.raised))
            painter.drawRoundedRect(square, 4, 4)
            if self._thumbnails.failure(photo):
                icon = QRect(0, 0, 32, 32)
                icon.moveCenter(square.center())
                themed_icon("warning", "warning").paint(painter, icon)
            return
        scale = min(square.width() / pixmap.width(), square.height() / pixmap.height())
        place = QRectF(0, 0, pixmap.width() * scale, pixmap.height() * scale)
        place.moveCenter(QRectF(square).center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, pixmap, QRectF(pixmap.rect()))

    def _paint_excluded_mark(self, painter: QPainter, square: QRect) -> None:
        icon = QRect(0, 0, 28, 28)
        icon.moveCenter(square.center())
        ground = QPainterPath()
        ground.addEllipse(QRectF(icon).adjusted(-8, -8, 8, 8))
        painter.fillPath(ground, QColor(palette().window))
        themed_icon("prohibit", "text").paint(painter, icon)

    def _paint_noise_figure(self, painter: QPainter, line: QRect, figure: str) -> None:
        """Write the noise level at the end of a line, and leave the rest of the line to the name."""
        painter.setPen(QColor(palette().text_muted))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), figure)
        line.setWidth(line.width() - painter.fontMetrics().horizontalAdvance(figure) - SPACING)

    def _paint_noise_bar(self, painter: QPainter, bar: QRectF, sigma: float | None, is_excluded: bool) -> None:
        colors = palette()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.border))
        painter.drawRoundedRect(bar, _BAR_HEIGHT / 2, _BAR_HEIGHT / 2)
        if sigma is not None:
            filled = QRectF(bar)
            filled.setWidth(max(_BAR_HEIGHT, bar.width() * noise_share(sigma)))
            painter.setBrush(QColor(colors.border_strong if is_excluded else colors.text_muted))
            painter.drawRoundedRect(filled, _BAR_HEIGHT / 2, _BAR_HEIGHT / 2)


def noise_share(sigma: float) -> float:
    """How much of the noise bar is filled, 0 to 1, for a standard deviation on the 0 to 1 scale."""
    bounded = min(max(sigma, _LEAST_SIGMA), _MOST_SIGMA)
    return math.log(bounded / _LEAST_SIGMA) / math.log(_MOST_SIGMA / _LEAST_SIGMA)


def _paint_badge(painter: QPainter, square: QRect, text: str) -> None:
    width = painter.fontMetrics().horizontalAdvance(text) + SPACING
    badge = QRectF(square.left() + 4, square.top() + 4, width, painter.fontMetrics().height() + 2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 20, 20, 200))
    painter.drawRoundedRect(badge, 3, 3)
    painter.setPen(QColor(240, 240, 240))
    painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), text)


def _middle_of(photo: PhotoRef, side_px: int, is_stretched: bool) -> QImage:
    """Read the middle of a photo, pixel by pixel; where stretched, by the levels of the whole photo."""
    if has_channels(photo):
        shown = read_shown(photo)
        side = shown.samples.shape[:2]
        top, left = max(0, (side[0] - side_px) // 2), max(0, (side[1] - side_px) // 2)
        part = shown.samples[top : top + side_px, left : left + side_px]
        return qimage_from_pixels(tinted(to_float(part), ChannelTint.of_photo(shown)))
    image = read_image(photo)
    pixels = image.pixels
    top, left = max(0, (pixels.shape[0] - side_px) // 2), max(0, (pixels.shape[1] - side_px) // 2)
    crop = np.ascontiguousarray(pixels[top : top + side_px, left : left + side_px])
    levels = stretch_levels(pixels) if is_stretched else DisplayLevels.of_file(image.metadata.levels)
    return qimage_from_pixels(crop, levels=levels)
