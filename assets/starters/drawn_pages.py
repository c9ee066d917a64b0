"""Draws pages of text and line art: photographs alone would not teach a network to leave them as they are."""

from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

NUM_PAGES = 8

_SIDE_PX = 720
_FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "DejaVuSans-Bold", "DejaVuSerif-Italic")
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz" * 3 + "ETAOINSHRDLU0123456789.,;:!?()-"

Levels = NDArray[np.uint8]


def draw_page(index: int) -> Levels:
    """Draw a page: columns of text of many sizes, and below them lines, circles and hatching.

    Args:
        index: Its number, the seed of all chance.

    Returns:
        RGB. Shape: (side, side, 3).
    """
    generator = np.random.default_rng(index)
    is_dark = index % 4 == 3
    is_coloured = index % 2 == 1
    ground = generator.integers(0, 40, 3) if is_dark else generator.integers(225, 256, 3)
    page = Image.new("RGB", (_SIDE_PX, _SIDE_PX), _colour(ground if is_coloured else np.full(3, ground[0])))
    draw = ImageDraw.Draw(page)
    # Drawn shapes have no half-covered pixels: four times as large, then averaged, they have.
    art = _draw_art(generator, page.getpixel((0, 0)), is_dark=is_dark, is_coloured=is_coloured)
    page.paste(art, (0, _SIDE_PX - art.height))
    top = 8
    while top < _SIDE_PX - art.height - 8:
        size = int(generator.integers(8, 30))
        font = ImageFont.truetype(_font_path(generator), size)
        ink = _ink(generator, is_dark=is_dark, is_coloured=is_coloured)
        for _ in range(int(generator.integers(1, 5))):
            if top + size < _SIDE_PX - art.height:
                draw.text((8, top), _words(generator, 2 * _SIDE_PX // size), font=font, fill=ink)
            top += round(1.3 * size)
    return np.asarray(page, np.uint8)


def _draw_art(generator: np.random.Generator, ground: object, *, is_dark: bool, is_coloured: bool) -> Image.Image:
    factor, height = 4, _SIDE_PX // 3
    art = Image.new("RGB", (factor * _SIDE_PX, factor * height), ground)  # type: ignore[arg-type]
    draw = ImageDraw.Draw(art)
    for _ in range(40):
        ink = _ink(generator, is_dark=is_dark, is_coloured=is_coloured)
        width = int(generator.integers(2, 14))
        x, y = generator.integers(0, art.width), generator.integers(0, art.height)
        reach = int(generator.integers(40, 400))
        corners = [int(x), int(y), int(x) + reach, int(y) + int(generator.integers(20, 300))]
        match int(generator.integers(4)):
            case 0:
                draw.line(corners, fill=ink, width=width)
            case 1:
                draw.ellipse(corners, outline=ink, width=width)
            case 2:
                draw.rectangle(corners, fill=ink if generator.random() < 0.5 else None, outline=ink, width=width)
            case _:
                step = int(generator.integers(8, 40))
                for shift in range(0, reach, step):
                    draw.line([corners[0] + shift, corners[1], corners[0] + shift + 60, corners[3]], ink, step // 3)
    return art.resize((_SIDE_PX, height), Image.Resampling.BOX)


def _ink(generator: np.random.Generator, *, is_dark: bool, is_coloured: bool) -> tuple[int, int, int]:
    levels = generator.integers(150, 256, 3) if is_dark else generator.integers(0, 130, 3)
    return _colour(levels if is_coloured else np.full(3, levels[0]))


def _colour(levels: NDArray[np.int64]) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in levels)
    return red, green, blue


def _words(generator: np.random.Generator, num_letters: int) -> str:
    letters = [_LETTERS[int(place)] for place in generator.integers(0, len(_LETTERS), num_letters)]
    for place in np.cumsum(generator.integers(2, 9, num_letters)):
        if place < num_letters:
            letters[int(place)] = " "
    return "".join(letters)


def _font_path(generator: np.random.Generator) -> str:
    name = _FONTS[int(generator.integers(len(_FONTS)))]
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"))
