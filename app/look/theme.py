"""How the window looks: palettes, sizes, fonts, icons, and the one style sheet.

QDarkStyle is the base; its colours are exchanged for the palette below (photos want neutral surroundings) and a few
roles are added. A widget picks a role with `set_role`; nothing else in the program names a colour or a font size.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

import qdarkstyle
from PySide6.QtCore import QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QWidget
from qdarkstyle.dark.palette import DarkPalette
from qdarkstyle.light.palette import LightPalette

from app.look.icon_font import glyph, paint_glyph
from app.look.palette import DARK, LIGHT, Palette, Sizes
from app.look.style_sheet import own_style_sheet

SPACING = 8
"""The grid: every margin and gap is a multiple of it (half of it inside a group)."""

ICON_PX = 20
FALLBACK_FONT = "DejaVu Sans"


class ThemeChoice(StrEnum):
    """What a person may choose."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


class Theme(QObject):
    """The theme of the application; one, owned by it, found with `Theme.of_application`.

    Signals:
        changed: Colours or sizes have changed (main thread). Widgets that paint themselves repaint.
    """

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice = ThemeChoice.DARK
        self._text_scale = 1.0
        self._applied: tuple[bool, float] | None = None
        self.palette = DARK
        application.styleHints().colorSchemeChanged.connect(self._follow_system)

    @staticmethod
    def of_application() -> "Theme":
        """Return the running application's theme."""
        application = cast("QApplication", QApplication.instance())
        theme = application.property("residua_theme")
        if not isinstance(theme, Theme):
            theme = Theme(application)
            application.setProperty("residua_theme", theme)
        return theme

    @property
    def choice(self) -> ThemeChoice:
        """What was chosen; `palette.is_dark` says what that means now."""
        return self._choice

    @property
    def text_scale(self) -> float:
        """Factor on all font sizes, 1 to 2."""
        return self._text_scale

    def apply(self, choice: ThemeChoice, text_scale: float = 1.0) -> None:
        """Dress the whole application.

        Args:
            choice: Dark, light, or as the system.
            text_scale: Factor on all font sizes, 1 to 2.
        """
        if self.choose(choice, text_scale):
            self.dress()

    def choose(self, choice: ThemeChoice, text_scale: float = 1.0) -> bool:
        """Set colours and font for what is made from now on, and let `dress` follow; return whether they are others.

        A window that is made undressed is there in a third of the time: Qt goes through a style sheet anew for each
        part that is put into another.

        Args:
            choice: As for `apply`.
            text_scale: As for `apply`.
        """
        self._choice = choice
        self._text_scale = text_scale
        dark = choice is ThemeChoice.DARK or (choice is ThemeChoice.SYSTEM and self._system_is_dark())
        if self._applied == (dark, text_scale):
            return False
        self._applied = (dark, text_scale)
        self.palette = DARK if dark else LIGHT
        self._application.setFont(ui_font(text_scale))
        return True

    def dress(self) -> None:
        """Give the whole application the look that was chosen."""
        is_dark = self.palette is DARK
        sheet = base_style_sheet(is_dark) + own_style_sheet(self.palette, Sizes(self._text_scale))
        # Taken off first: put over another one, Qt polishes all within a window again for each part, which takes five
        # times as long.
        self._application.setStyleSheet("")
        self._application.setStyleSheet(sheet)
        # After the style sheet: QDarkStyle sets the palette's link colours itself.
        self._application.setPalette(_qt_palette(self.palette))
        self.changed.emit()

    def px(self, size: int) -> int:
        """Return a font-dependent size in logical pixels at the present text scale."""
        return round(size * self._text_scale)

    def _system_is_dark(self) -> bool:
        return self._application.styleHints().colorScheme() != Qt.ColorScheme.Light

    def _follow_system(self) -> None:
        if self._choice is ThemeChoice.SYSTEM:
            self.apply(ThemeChoice.SYSTEM, self._text_scale)


def palette() -> Palette:
    """Return the present colours."""
    return Theme.of_application().palette


def follow_theme(fit: Callable[[], object]) -> None:
    """Call a widget's slot now, and whenever colours or sizes become others, as long as the widget is there."""
    Theme.of_application().changed.connect(fit)
    fit()


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget one of the looks of `app.look.style_sheet`; may be changed at any time.

    Args:
        widget: Any label, button, tool button or frame.
        role: "title", "section", "caption", "warning" (labels); "primary", "quiet" (buttons);
            "card", "panel" (frames); "" for none.
    """
    if widget.property("role") == role:
        return
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


@cache
def themed_icon(name: str, color: str = "text") -> QIcon:
    """Return an icon that takes its colour from the theme whenever it is painted.

    Args:
        name: A Phosphor icon, e.g. "folder-open".
        color: A field of `Palette`: "text", "text_muted", "accent", "on_accent", "warning".

    Raises:
        ValueError: There is no such icon.
    """
    # Kept for good: PySide 6.11 deletes an engine written in Python twice, and crashes, if its icon is found by the
    # cycle collector. There are few icons, and each serves every widget, since it takes its colour only when painted.
    # Here and not while painting: an exception inside Qt's paint call would take the process down.
    return QIcon(_ThemedIconEngine(glyph(name), color))


def ui_font(text_scale: float = 1.0) -> QFont:
    """Return the system's interface font, 13 px, with one that is always readable behind it."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    families = [font.family(), FALLBACK_FONT]
    if not QFontInfo(font).exactMatch() and FALLBACK_FONT in QFontDatabase.families():
        families = [FALLBACK_FONT]
    font.setFamilies(families)
    font.setPixelSize(Sizes(text_scale).body)
    # Digits of one width: numbers that change do not wobble.
    if hasattr(font, "setFeature"):
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


class _ThemedIconEngine(QIconEngine):
    """Paints a Phosphor glyph in the present theme's colours."""

    def __init__(self, character: str, color: str) -> None:
        super().__init__()
        self._character = character
        self._color = color

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        colors = palette()
        color = colors.text_disabled if mode is QIcon.Mode.Disabled else getattr(colors, self._color)
        side = min(rect.width(), rect.height())
        # At the left of a wide place: the rest is the gap to a button's text.
        square = QRect(rect.x(), rect.y() + (rect.height() - side) // 2, side, side)
        paint_glyph(painter, square, self._character, color)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        if size.isEmpty():
            # Asked for where a button has no room for its icon.
            return pixmap
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _ThemedIconEngine(self._character, self._color)


@lru_cache(maxsize=2)
def base_style_sheet(dark: bool) -> str:
    """QDarkStyle's style sheet with our colours in place of its own."""
    base = DarkPalette if dark else LightPalette
    colors = DARK if dark else LIGHT
    # Its own reader brings QtPy along, which makes Python classes of all that Qt has: a tenth of a second.
    folder = Path(qdarkstyle.PACKAGE_PATH) / base.ID
    sheet: str = (folder / f"{base.ID}style.qss").read_text(encoding="utf-8")
    sheet = sheet.replace(f":/qss_icons/{base.ID}/rc/", f"{(folder / 'rc').as_posix()}/")
    exchanged = {
        base.COLOR_BACKGROUND_1: colors.window,
        base.COLOR_BACKGROUND_2: colors.raised,
        base.COLOR_BACKGROUND_3: colors.hover,
        base.COLOR_BACKGROUND_4: colors.border,
        base.COLOR_BACKGROUND_5: colors.border_strong,
        base.COLOR_BACKGROUND_6: colors.border_strong,
        base.COLOR_TEXT_1: colors.text,
        base.COLOR_TEXT_2: colors.text,
        base.COLOR_TEXT_3: colors.text_muted,
        base.COLOR_TEXT_4: colors.text_muted,
        base.COLOR_ACCENT_1: colors.accent_soft,
        base.COLOR_ACCENT_2: colors.accent_soft,
        base.COLOR_ACCENT_3: colors.hover,
        base.COLOR_ACCENT_4: colors.accent,
        base.COLOR_DISABLED: colors.text_disabled,
    }
    # In two passes, since an exchanged colour may equal one that is still to be exchanged.
    for position, old in enumerate(exchanged):
        sheet = sheet.replace(old, f"@color{position:02d}@")
    for position, new in enumerate(exchanged.values()):
        sheet = sheet.replace(f"@color{position:02d}@", new)
    return sheet


def _qt_palette(colors: Palette) -> QPalette:
    """The palette for whatever paints itself without the style sheet."""
    result = QPalette()
    role = QPalette.ColorRole
    for color_role, color in {
        role.Window: colors.window,
        role.WindowText: colors.text,
        role.Base: colors.raised,
        role.AlternateBase: colors.window,
        role.Text: colors.text,
        role.Button: colors.raised,
        role.ButtonText: colors.text,
        role.Highlight: colors.accent_soft,
        role.HighlightedText: colors.text,
        role.PlaceholderText: colors.text_disabled,
        role.Link: colors.accent,
        role.LinkVisited: colors.accent,
        role.ToolTipBase: colors.raised,
        role.ToolTipText: colors.text,
        role.Mid: colors.border,
        role.Accent: colors.accent,
    }.items():
        result.setColor(color_role, QColor(color))
    for color_role in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, color_role, QColor(colors.text_disabled))
    return result
