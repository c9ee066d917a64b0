"""The list of pairs: noisy and clean thumbnail, what is wrong if anything, and a box to use it or not."""

from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.look.theme import SPACING, Theme, palette, themed_icon
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr, translate_engine
from app.pages.labels.decisions import LabelDecisions
from app.pages.labels.entries import LabelEntry, is_used, state_text
from app.pages.shared.thumbnail_list import ModelIndex, ThumbnailList, paint_square_thumbnail
from engine.contracts.photo import PhotoRef

_THUMBNAIL_PX = 48
_BOX_PX = 16
_ICON_PX = 16
_SMALL_TEXT_PX = 11
_LINE_HEIGHT = 1.25
_NUM_STATE_LINES = 2


class LabelRole(IntEnum):
    """What the model tells beside a name."""

    ENTRY = Qt.ItemDataRole.UserRole + 1
    """The `LabelEntry`."""


class LabelListModel(QAbstractListModel):
    """The rows, and which are used.

    Signals:
        use_requested(LabelEntry, bool): A person wants to use a pair, or not.
    """

    use_requested = Signal(object, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[LabelEntry, ...] = ()
        self._decisions = LabelDecisions()

    @property
    def entries(self) -> tuple[LabelEntry, ...]:
        """All rows."""
        return self._entries

    def set_entries(self, entries: Sequence[LabelEntry]) -> None:
        """Show other rows."""
        if tuple(entries) != self._entries:
            self.beginResetModel()
            self._entries = tuple(entries)
            self.endResetModel()

    def row_of(self, photo: PhotoRef) -> int:
        """Return the row of a noisy photo, or of a reference without one; -1: there is none."""
        return next((row for row, entry in enumerate(self._entries) if entry.main_photo == photo), -1)

    def set_decisions(self, decisions: LabelDecisions) -> None:
        """Set what a person decided about the pairs."""
        self._decisions = decisions
        if self._entries:
            self.dataChanged.emit(self.index(0), self.index(len(self._entries) - 1))

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self._entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return entry.main_photo.name
            case Qt.ItemDataRole.CheckStateRole if entry.is_pair:
                used = is_used(entry, self._decisions)
                return Qt.CheckState.Checked if used else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.ToolTipRole:
                why = entry.suggestion.sentence if entry.suggestion is not None else ""
                said = (translate_engine(tr(text)) for text in (why, entry.reason, entry.hint))
                return "\n".join(part for part in (str(entry.noisy or ""), str(entry.clean or ""), *said) if part)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{entry.main_photo.name}. {state_text(entry)}"
            case LabelRole.ENTRY:
                return entry
        return None

    def setData(self, index: ModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        entry = self._entries[index.row()]
        if not entry.is_pair:
            return False
        self.use_requested.emit(entry, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def flags(self, index: ModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.isValid() and self._entries[index.row()].is_pair:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags


class LabelList(ThumbnailList):
    """The list of pairs.

    Signals:
        entry_chosen(LabelEntry | None): A row was selected.
    """

    entry_chosen = Signal(object)

    def __init__(
        self, model: LabelListModel, thumbnails: ThumbnailLoader, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(thumbnails, parent)
        self.setAccessibleName(name)
        self._labels = model
        self.setModel(model)
        self.setItemDelegate(LabelDelegate(self, thumbnails))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._last_chosen: PhotoRef | None = None
        self.watch_model(self._paths_of_row)
        model.modelReset.connect(self._on_reset)
        self.selectionModel().currentChanged.connect(self._tell_choice)

    @property
    def chosen_entry(self) -> LabelEntry | None:
        """The selected row."""
        index = self.currentIndex()
        return self._labels.entries[index.row()] if index.isValid() else None

    def choose_later(self, photo: PhotoRef) -> None:
        """Choose the row of a photo as soon as there are other rows."""
        self._last_chosen = photo

    def _paths_of_row(self, row: int) -> list[PhotoRef]:
        entry = self._labels.entries[row]
        return [path for path in (entry.noisy, entry.clean) if path is not None]

    @Slot()
    def _on_reset(self) -> None:
        if not self._labels.rowCount():
            self.entry_chosen.emit(None)
            return
        # Rows move when the doctor has seen them; what is looked at stays.
        kept = self._labels.row_of(self._last_chosen) if self._last_chosen is not None else -1
        self.setCurrentIndex(self._labels.index(max(0, kept)))

    @Slot()
    def _tell_choice(self) -> None:
        entry = self.chosen_entry
        if entry is not None:
            self._last_chosen = entry.main_photo
        self.entry_chosen.emit(entry)


class LabelDelegate(QStyledItemDelegate):
    """Paints one row."""

    def __init__(self, view: LabelList, thumbnails: ThumbnailLoader) -> None:
        super().__init__(view)
        self._view = view
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        text_height = self._view.fontMetrics().height() + _NUM_STATE_LINES * _small_line_px() + SPACING // 2
        return QSize(280, max(_THUMBNAIL_PX, text_height) + 2 * SPACING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        entry: LabelEntry = index.data(LabelRole.ENTRY)
        state, rect = option.state, option.rect
        colors = palette()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(colors.accent_soft if is_selected else colors.hover))
        if entry.is_pair:
            checked = Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) == Qt.CheckState.Checked
            self._paint_box(painter, self.box_rect(rect), checked)
        else:
            checked = False
        left = self.box_rect(rect).right() + 1 + SPACING
        top = rect.top() + (rect.height() - _THUMBNAIL_PX) // 2
        painter.setOpacity(1.0 if checked or not entry.is_pair else 0.45)
        for path in (entry.noisy, entry.clean):
            paint_square_thumbnail(painter, self._thumbnails, path, QRect(left, top, _THUMBNAIL_PX, _THUMBNAIL_PX))
            left += _THUMBNAIL_PX + SPACING // 2
        painter.setOpacity(1.0)
        self._paint_text(
            painter, entry, QRect(left + SPACING // 2, rect.top(), rect.right() - left - SPACING, rect.height())
        )
        painter.restore()

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: ModelIndex
    ) -> bool:
        """Toggle the box by a click on it, or by Space."""
        if not index.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        if isinstance(event, QMouseEvent):
            in_box = self.box_rect(option.rect).adjusted(-6, -12, 6, 12).contains(event.position().toPoint())
            if not in_box or event.button() != Qt.MouseButton.LeftButton:
                return False
            if event.type() != QEvent.Type.MouseButtonRelease:
                return True
        elif not (isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select)):
            return False
        checked = Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) == Qt.CheckState.Checked
        wanted = Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked
        return model.setData(index, wanted, Qt.ItemDataRole.CheckStateRole)

    def box_rect(self, rect: QRect) -> QRect:
        """Where a row's box is."""
        return QRect(rect.left() + SPACING, rect.center().y() - _BOX_PX // 2, _BOX_PX, _BOX_PX)

    def _paint_box(self, painter: QPainter, box: QRect, checked: bool) -> None:
        colors = palette()
        painter.setPen(QPen(QColor(colors.accent_fill if checked else colors.border_strong), 1.0))
        painter.setBrush(QColor(colors.accent_fill if checked else colors.raised))
        painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        if checked:
            themed_icon("check", "on_accent").paint(painter, box.adjusted(1, 1, -1, -1))

    def _paint_text(self, painter: QPainter, entry: LabelEntry, room: QRect) -> None:
        colors = palette()
        metrics = painter.fontMetrics()
        line, small_line = metrics.height(), _small_line_px()
        top = room.center().y() - (line + _NUM_STATE_LINES * small_line + SPACING // 2) // 2
        painter.setPen(QColor(colors.text))
        name = metrics.elidedText(entry.main_photo.name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(QRect(room.left(), top, room.width(), line), Qt.AlignmentFlag.AlignVCenter, name)
        below = QRect(room.left(), top + line + SPACING // 2, room.width(), _NUM_STATE_LINES * small_line)
        is_open = entry.suggestion is not None and not entry.is_pair
        icon, color = ("warning", "warning") if entry.reason else ("check-circle", "text_muted")
        if is_open:
            icon, color = "circle-dashed", "text_muted"
        icon_rect = QRect(below.left(), below.top() + (small_line - _ICON_PX) // 2, _ICON_PX, _ICON_PX)
        themed_icon(icon, color).paint(painter, icon_rect)
        small = painter.font()
        small.setPixelSize(Theme.of_application().px(_SMALL_TEXT_PX))
        painter.setFont(small)
        painter.setPen(QColor(colors.warning if entry.reason else colors.text_muted))
        words = below.adjusted(_ICON_PX + SPACING // 2, 0, 0, 0)
        for number, text in enumerate(_in_lines(state_text(entry), painter.fontMetrics(), words.width())):
            place = QRect(words.left(), words.top() + number * small_line, words.width(), small_line)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)


def _small_line_px() -> int:
    return round(_LINE_HEIGHT * Theme.of_application().px(_SMALL_TEXT_PX))


def _in_lines(text: str, metrics: QFontMetrics, width_px: int) -> list[str]:
    """Break a text into at most `_NUM_STATE_LINES` lines, of which the last ends with an ellipsis if need be."""
    lines: list[str] = []
    left = text.split()
    while left and len(lines) < _NUM_STATE_LINES - 1:
        taken = 1
        while taken < len(left) and metrics.horizontalAdvance(" ".join(left[: taken + 1])) <= width_px:
            taken += 1
        lines.append(" ".join(left[:taken]))
        left = left[taken:]
    if left:
        lines.append(" ".join(left))
    return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width_px) for line in lines]
