"""Colours of both themes, and sizes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours by purpose, as "#rrggbb".

    Attributes:
        is_dark: Whether light text stands on a dark ground.
        window: Ground of the pages.
        panel: Ground of the frame around them: header, rail, job bar.
        raised: Ground of inputs and cards.
        hover: Ground under the pointer.
        border: Quiet lines.
        border_strong: Outlines of what can be operated.
        text: Body text.
        text_muted: Captions, units, hints.
        text_disabled: What cannot be operated now.
        accent: The one accent as line, text or icon.
        accent_fill: The accent as a ground: primary buttons, progress.
        accent_fill_hover: The same under the pointer.
        accent_soft: Ground of what is selected.
        on_accent: Text on `accent_fill`.
        warning: The one warning colour as line, text or icon.
        warning_soft: Ground of warnings.
        plot_lines: Curve colours, distinguishable with the common colour blindnesses (after Okabe and Ito).
        plot_grid: Grid lines of plots.
    """

    is_dark: bool
    window: str
    panel: str
    raised: str
    hover: str
    border: str
    border_strong: str
    text: str
    text_muted: str
    text_disabled: str
    accent: str
    accent_fill: str
    accent_fill_hover: str
    accent_soft: str
    on_accent: str
    warning: str
    warning_soft: str
    plot_lines: tuple[str, ...]
    plot_grid: str


DARK = Palette(
    is_dark=True,
    window="#1f2123",
    panel="#17191b",
    raised="#292c2f",
    hover="#33373b",
    border="#34383c",
    border_strong="#565c62",
    text="#e6e8ea",
    text_muted="#a6adb4",
    text_disabled="#757c83",
    accent="#62b0f5",
    accent_fill="#2474c6",
    accent_fill_hover="#2f83d8",
    accent_soft="#23405c",
    on_accent="#ffffff",
    warning="#e8ab45",
    warning_soft="#3d3220",
    plot_lines=("#56b4e9", "#e69f00", "#2dc79a", "#d98bb8", "#f0e442"),
    plot_grid="#3a3e42",
)


LIGHT = Palette(
    is_dark=False,
    window="#f7f8f8",
    panel="#eceeef",
    raised="#ffffff",
    hover="#e2e5e8",
    border="#d8dcdf",
    border_strong="#a9b0b6",
    text="#1c2024",
    text_muted="#58616a",
    text_disabled="#8d959c",
    accent="#0f65b8",
    accent_fill="#1668b8",
    accent_fill_hover="#1277d4",
    accent_soft="#d3e6f8",
    on_accent="#ffffff",
    warning="#8f5a00",
    warning_soft="#fbefd6",
    plot_lines=("#0072b2", "#c05a00", "#00805f", "#a04a7e", "#7a6a00"),
    plot_grid="#dde1e4",
)


class Sizes:
    """Sizes that follow the text, in logical pixels.

    Attributes:
        caption: The smallest there is.
        body: Everything else.
        section: Headings inside a page.
        title: Page titles.
        indicator: Side of a tick box.
        arrow: Side of the arrows of boxes of choices and of numbers.
        rail_button: Height of a page's button; icon, name and status stand in it.
    """

    def __init__(self, text_scale: float = 1.0) -> None:
        self.caption = round(11 * text_scale)
        self.body = round(13 * text_scale)
        self.section = round(14 * text_scale)
        self.title = round(18 * text_scale)
        self.indicator = round(14 * text_scale)
        self.arrow = round(8 * text_scale)
        self.rail_button = round(48 * text_scale)
