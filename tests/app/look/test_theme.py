"""Palettes, roles and icons."""

import re
from pathlib import Path

import pytest
import qdarkstyle
import qtawesome
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from qdarkstyle.dark.palette import DarkPalette
from qdarkstyle.light.palette import LightPalette

from app.core.actions import ACTIONS
from app.look.app_icon import app_icon
from app.look.icon_font import glyph
from app.look.palette import DARK, LIGHT, Palette
from app.look.phrases import duration, rough_minutes, time_left
from app.look.text import ElidedLabel, IconLabel
from app.look.theme import Theme, ThemeChoice, base_style_sheet, set_role, themed_icon
from app.viewer.view_modes import VIEW_MODES


def contrast_ratio(first: str, second: str) -> float:
    """Return the WCAG 2 contrast ratio of two "#rrggbb" colours, 1 to 21."""

    def luminance(color: str) -> float:
        channels = [int(color[position : position + 2], 16) / 255 for position in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colors", [DARK, LIGHT], ids=["dark", "light"])
def test_text_can_be_read_on_every_ground(colors: Palette) -> None:
    for ground in (colors.window, colors.panel, colors.raised):
        for text in (colors.text, colors.text_muted, colors.accent, colors.warning):
            assert contrast_ratio(text, ground) >= 4.5, (text, ground)
    assert contrast_ratio(colors.on_accent, colors.accent_fill) >= 4.5
    assert contrast_ratio(colors.text, colors.warning_soft) >= 4.5
    assert contrast_ratio(colors.text, colors.accent_soft) >= 4.5
    for line in colors.plot_lines:
        assert contrast_ratio(line, colors.window) >= 3.0, line


def test_contrast_ratio_of_known_pairs() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_an_icon_follows_the_theme(qtbot: QtBot, theme: Theme) -> None:
    icon = IconLabel("play", "text", 32)
    qtbot.addWidget(icon)
    brightness = {}
    for choice in (ThemeChoice.DARK, ThemeChoice.LIGHT):
        theme.apply(choice)
        image = icon.grab().toImage()
        ground = QColor(theme.palette.window).lightness()
        levels = [image.pixelColor(x, y).lightness() for x in range(32) for y in range(32)]
        brightness[choice] = max(levels, key=lambda level: abs(level - ground)) - ground
    assert brightness[ThemeChoice.DARK] > 100
    assert brightness[ThemeChoice.LIGHT] < -100


def test_an_icon_that_does_not_exist_is_refused(theme: Theme) -> None:
    with pytest.raises(ValueError, match="no-such-icon"):
        themed_icon("no-such-icon")


@pytest.mark.parametrize("name", ["folder-open", "play", "warning"])
def test_a_glyph_is_the_one_that_the_font_s_own_package_names(qtbot: QtBot, name: str) -> None:
    assert glyph(name) == qtawesome.charmap(f"ph.{name}")


@pytest.mark.parametrize("base", [DarkPalette, LightPalette], ids=["dark", "light"])
def test_the_style_sheet_is_that_of_its_package(qtbot: QtBot, base: type[DarkPalette]) -> None:
    """Read without QtPy: rule by rule the one that the package gives, its pictures' places and colours aside."""
    theirs = re.sub(r":/qss_icons/\w+/rc/", "", qdarkstyle.load_stylesheet(qt_api="pyside6", palette=base))
    ours = base_style_sheet(base is DarkPalette)
    pictures = re.findall(r'url\("([^"]+)"\)', ours)
    assert pictures
    assert all(Path(name).is_file() for name in pictures)
    rules = [re.sub(r"#[0-9A-Fa-f]{6}", "", re.sub(r'url\("(.*/)?([^"/]+)"\)', r"\2", text)) for text in (ours, theirs)]
    assert rules[0] == rules[1]


def test_switching_changes_the_ground_and_tells_once(qtbot: QtBot, theme: Theme) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(20, 20)
    with qtbot.waitSignal(theme.changed):
        theme.apply(ThemeChoice.LIGHT)
    assert widget.grab().toImage().pixelColor(10, 10).name() == LIGHT.window
    with qtbot.assertNotEmitted(theme.changed):
        theme.apply(ThemeChoice.LIGHT)


def test_text_scale_enlarges_the_text(qtbot: QtBot, theme: Theme) -> None:
    text = QLabel("Residua")
    qtbot.addWidget(text)
    text.ensurePolished()
    small = text.sizeHint().height()
    theme.apply(ThemeChoice.DARK, 2.0)
    text.ensurePolished()
    assert text.sizeHint().height() > 1.7 * small
    assert theme.px(10) == 20


def test_a_role_can_be_changed(qtbot: QtBot, theme: Theme) -> None:
    control = QPushButton("Start")
    qtbot.addWidget(control)
    control.resize(120, 40)
    set_role(control, "primary")
    assert control.grab().toImage().pixelColor(8, 20).name() == DARK.accent_fill
    set_role(control, "")
    assert control.grab().toImage().pixelColor(8, 20).name() == DARK.raised


def test_an_elided_label_keeps_the_whole_text_as_tooltip(qtbot: QtBot, theme: Theme) -> None:
    text = ElidedLabel("A rather long name of a folder with photos")
    qtbot.addWidget(text)
    text.resize(80, 20)
    text.show()
    assert text.text().endswith("…")
    assert text.toolTip() == text.whole_text
    text.resize(600, 20)
    assert text.text() == text.whole_text
    assert text.toolTip() == ""


def test_the_program_has_an_icon_in_all_sizes(qtbot: QtBot) -> None:
    sizes = {size.width() for size in app_icon().availableSizes()}
    assert {16, 32, 256} <= sizes


def test_no_key_has_two_meanings_in_one_place() -> None:
    modes = [mode.key for mode in VIEW_MODES.values()]
    for prefixes, others in ((("window.", "page.", "photos."), []), (("window.", "page.", "view."), modes)):
        keys = [key for name, spec in ACTIONS.items() if name.startswith(prefixes) for key in spec.keys] + others
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (2, "a moment left"), (38, "40\xa0s left"), (100, "2\xa0min left"), (4000, "1\xa0h 5\xa0min left")],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text


def test_durations_and_estimates() -> None:
    assert [duration(value) for value in (8.2, 80, 725, 7500)] == [
        "8\xa0s",
        "1\xa0min 20\xa0s",
        "12\xa0min",
        "2\xa0h 5\xa0min",
    ]
    assert [rough_minutes(value) for value in (0.2, 1.5, 4.2, 130)] == [
        "under a minute", "about 1½\xa0min", "about 4\xa0min", "about 2\xa0h",
    ]  # fmt: skip
