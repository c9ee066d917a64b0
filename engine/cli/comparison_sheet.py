"""A picture that shows the same spot of several photos side by side, with captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.contracts.photo import Pixels
from engine.photo_files.photos import PhotoImage, write_image

_GAP_PX = 8
_CAPTION_PX = 22
_TITLE_PX = 30
_FONT_PX = 13
_BACKGROUND = (119, 119, 119)
"""Middle gray, which favours neither dark nor bright photos."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture of the sheet.

    Attributes:
        pixels: Shape: (height, width, 1 or 3), 0 to 1.
        caption: Short, below the picture.
    """

    pixels: Pixels
    caption: str


def choose_spot(pixels: Pixels, side_px: int) -> tuple[slice, slice]:
    """Choose the square with the most detail, where restoring well is hardest.

    Args:
        pixels: A photo, best without noise. Shape: (height, width, channels).
        side_px: Side of the square; smaller where the photo is.

    Returns:
        Rows and columns.
    """
    gray = pixels.mean(axis=2)
    height, width = gray.shape
    side_px = min(side_px, height, width)
    detail = np.zeros_like(gray)
    detail[:-1] += np.abs(np.diff(gray, axis=0))
    detail[:, :-1] += np.abs(np.diff(gray, axis=1))
    sums = np.pad(detail, ((1, 0), (1, 0))).astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    of_squares = (
        sums[side_px:, side_px:] - sums[:-side_px, side_px:] - sums[side_px:, :-side_px] + sums[:-side_px, :-side_px]
    )
    top, left = np.unravel_index(int(of_squares.argmax()), of_squares.shape)
    return slice(int(top), int(top) + side_px), slice(int(left), int(left) + side_px)


def write_comparison_sheet(path: Path, titles: Sequence[str], rows: Sequence[Sequence[Tile]]) -> None:
    """Write a sheet as PNG.

    Args:
        path: The file; its folder must exist.
        titles: Over the columns.
        rows: Tiles from left to right, as many as titles.

    Raises:
        ImageWriteError: The file cannot be written.
    """
    column_px = max(tile.pixels.shape[1] for row in rows for tile in row) + _GAP_PX
    heights_px = [max(tile.pixels.shape[0] for tile in row) + _CAPTION_PX + _GAP_PX for row in rows]
    sheet = Image.new("RGB", (_GAP_PX + column_px * len(titles), _TITLE_PX + sum(heights_px)), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_PX)
    for column, title in enumerate(titles):
        draw.text((_GAP_PX + column * column_px, _TITLE_PX - 7), title, "white", font=font, anchor="ls")
    top = _TITLE_PX
    for row, height_px in zip(rows, heights_px, strict=True):
        for column, tile in enumerate(row):
            left = _GAP_PX + column * column_px
            sheet.paste(_to_picture(tile.pixels), (left, top))
            draw.text((left, top + tile.pixels.shape[0] + 4), tile.caption, "white", font=font)
        top += height_px
    write_image(path, PhotoImage(np.asarray(sheet, np.float32) / np.float32(255)))


def _to_picture(pixels: Pixels) -> Image.Image:
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(levels, (*levels.shape[:2], 3)).copy())
