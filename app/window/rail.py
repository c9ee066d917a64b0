"""The left rail: the seven pages, and where one stands with each."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QSizePolicy, QWidget

from app.core.actions import tip_with_keys
from app.look.buttons import icon_button, pressed_by_enter
from app.look.layouts import in_column, in_row
from app.look.palette import Sizes
from app.look.text import label
from app.look.theme import ICON_PX, SPACING, Theme, follow_theme, palette, set_role, themed_icon
from app.look.translation import tr


@dataclass(frozen=True)
class RailEntry:
    """One page in the rail.

    Attributes:
        page_id: Its id.
        title: Its name.
        icon: A Phosphor icon.
        tip: What is done there, and its key.
        group: The name of the group that begins with it, "" for one without a name; None: it belongs to what is above.
    """

    page_id: str
    title: str
    icon: str
    tip: str
    group: str | None = None


class RailGroup(QWidget):
    """What stands above a group of pages: a line, and its name where there is room."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = label(tr(name) if name else "", "caption")
        self._line = QFrame()
        set_role(self._line, "separator")
        self._line.setFixedHeight(1)
        in_row(self._label, (self._line, 1), of=self, margins=(2 * SPACING, SPACING, SPACING, SPACING // 2))
        self.set_narrow(False)

    def set_narrow(self, narrow: bool) -> None:
        """Show the line alone, or with the name."""
        self._label.setVisible(bool(self._label.text()) and not narrow)


class RailButton(QPushButton):
    """Icon, name, and a short status below the name; in a narrow rail the icon with the status below it."""

    def __init__(self, entry: RailEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("RailButton")
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(entry.tip)
        self._entry = entry
        self._status = ""
        self._is_narrow = False
        self._icons = {color: themed_icon(entry.icon, color) for color in ("text", "text_muted", "accent")}
        self.set_status("")

    @property
    def status(self) -> str:
        """The text below the name."""
        return self._status

    def set_status(self, status: str) -> None:
        """Show another status."""
        self._status = status
        self.setAccessibleName(f"{self._entry.title}, {status}" if status else self._entry.title)
        self.setToolTip(f"{self._entry.title}: {self._entry.tip}" + (f"\n{status}" if status else ""))
        self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Show the icon alone, or icon and name."""
        self._is_narrow = narrow
        self.updateGeometry()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    def width_with_name(self) -> int:
        """Return the pixels that icon and name need while the page is shown."""
        font = QFont(self.font())
        font.setPixelSize(Sizes(Theme.of_application().text_scale).body)
        font.setBold(True)
        left = 3 * SPACING + 4 + Theme.of_application().px(ICON_PX)
        return left + QFontMetrics(font).horizontalAdvance(self._entry.title) + SPACING

    def sizeHint(self) -> QSize:
        theme = Theme.of_application()
        return QSize(theme.px(56), Sizes(theme.text_scale).rail_button)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        colors, sizes = palette(), Sizes(Theme.of_application().text_scale)
        icon = self._icons["accent" if self.isChecked() else "text"]
        name_font, status_font = QFont(self.font()), QFont(self.font())
        name_font.setPixelSize(sizes.body)
        name_font.setBold(self.isChecked())
        status_font.setPixelSize(sizes.caption)
        side = Theme.of_application().px(ICON_PX)
        name_height, status_height = QFontMetrics(name_font).height(), QFontMetrics(status_font).height()
        if self._is_narrow:
            shown = self._status if self._fits(self._status, status_font, self.width() - 4) else ""
            top = (self.height() - side - (status_height if shown else 0)) // 2
            icon.paint(painter, (self.width() - side) // 2 + 1, top, side, side)
            painter.setFont(status_font)
            painter.setPen(colors.text_muted)
            area = self.rect().adjusted(3, top + side, 0, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, shown)
            return
        left = 2 * SPACING
        icon.paint(painter, left, (self.height() - side) // 2, side, side)
        left += side + SPACING + 4
        width = self.width() - left - SPACING // 2
        top = (self.height() - name_height - (status_height if self._status else 0)) // 2
        painter.setFont(name_font)
        painter.setPen(colors.text)
        painter.drawText(left, top, width, name_height, Qt.AlignmentFlag.AlignVCenter, self._entry.title)
        if self._status:
            painter.setFont(status_font)
            is_warning = self._status.startswith("⚠")
            painter.setPen(colors.warning if is_warning else colors.text_muted)
            elided = QFontMetrics(status_font).elidedText(self._status, Qt.TextElideMode.ElideRight, width)
            painter.drawText(left, top + name_height, width, status_height, Qt.AlignmentFlag.AlignVCenter, elided)

    @staticmethod
    def _fits(text: str, font: QFont, width: int) -> bool:
        return QFontMetrics(font).horizontalAdvance(text) <= width


class Rail(QFrame):
    """The pages' buttons.

    Signals:
        page_requested: The id of the page whose button was clicked.
        shortcuts_requested: The "?" was clicked.
    """

    page_requested = Signal(str)
    shortcuts_requested = Signal()

    def __init__(self, entries: Sequence[RailEntry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Rail")
        self.setAccessibleName(tr("Pages"))
        self._is_narrow = False
        self._buttons = {entry.page_id: RailButton(entry) for entry in entries}
        self._group = QButtonGroup(self)
        layout = in_column(of=self, margins=(0, SPACING, 0, SPACING), spacing=SPACING // 4)
        self._groups: list[RailGroup] = []
        for entry, (page_id, rail_button) in zip(entries, self._buttons.items(), strict=True):
            if entry.group is not None:
                self._groups.append(RailGroup(entry.group))
                layout.addWidget(self._groups[-1])
            self._group.addButton(rail_button)
            rail_button.clicked.connect(lambda _=False, page_id=page_id: self.page_requested.emit(page_id))
            layout.addWidget(rail_button)
        layout.addStretch()
        help_button = icon_button("question", tip_with_keys(tr("Keyboard shortcuts"), "window.shortcuts"))
        help_button.clicked.connect(self.shortcuts_requested)
        layout.addWidget(help_button, 0, Qt.AlignmentFlag.AlignHCenter)
        follow_theme(self._fit)

    @property
    def is_narrow(self) -> bool:
        """Whether only the icons are shown."""
        return self._is_narrow

    def button(self, page_id: str) -> RailButton:
        """Return a page's button."""
        return self._buttons[page_id]

    def set_current(self, page_id: str) -> None:
        """Mark the page that is shown."""
        self._buttons[page_id].setChecked(True)

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone, or icons and names."""
        if narrow != self._is_narrow:
            self._is_narrow = narrow
            self._fit()

    def _fit(self) -> None:
        theme = Theme.of_application()
        names = max(rail_button.width_with_name() for rail_button in self._buttons.values())
        self.setFixedWidth(theme.px(64) if self._is_narrow else max(theme.px(152), names))
        for rail_button in self._buttons.values():
            rail_button.set_narrow(self._is_narrow)
        for group in self._groups:
            group.set_narrow(self._is_narrow)
