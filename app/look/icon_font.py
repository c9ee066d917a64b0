"""Glyphs of the Phosphor icons, from the font that qtawesome brings.

qtawesome itself is left out: by QtPy it makes Python classes of all that Qt has, and it loads every font that it has,
which together take a fifth of a second of each start.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPainter

_SHARE_OF_HEIGHT = 0.875
"""Of a glyph's place, that its font's size takes: the rest is for strokes beyond it."""


def glyph(name: str) -> str:
    """Return the character that shows an icon.

    Args:
        name: As Phosphor calls it, e.g. "folder-open".

    Raises:
        ValueError: There is no such icon.
    """
    try:
        return chr(int(_codes()[name], 16))
    except KeyError:
        raise ValueError(f"there is no Phosphor icon {name!r}") from None


def paint_glyph(painter: QPainter, place: QRect, character: str, color: str) -> None:
    """Paint an icon in the middle of a place.

    Args:
        painter: Its font and pen are left as they were.
        place: In logical pixels.
        character: As `glyph` returns it.
        color: "#rrggbb".
    """
    font = QFont(_family())
    font.setPixelSize(max(round(_SHARE_OF_HEIGHT * place.height()), 1))
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(color))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, character)
    painter.restore()


@cache
def _family() -> str:
    """The font's family; loaded with the first icon that is painted."""
    number = QFontDatabase.addApplicationFont(str(_file("phosphor-[0-9]*.ttf")))
    return QFontDatabase.applicationFontFamilies(number)[0]


@cache
def _codes() -> dict[str, str]:
    codes: dict[str, str] = json.loads(_file("phosphor-charmap-*.json").read_text(encoding="utf-8"))
    return codes


def _file(pattern: str) -> Path:
    spec = find_spec("qtawesome")
    folders = (spec.submodule_search_locations if spec is not None else None) or ()
    return next(file for folder in folders for file in sorted(Path(folder, "fonts").glob(pattern)))
