"""Text, line art and graphics: pictures without noise, of hard edges and even colours, which must stay as they are."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.simulation.pictures import Picture, gray, rounded

_Canvas = NDArray[np.uint8]
_Colour = tuple[int, int, int]

_GRAY_SHARE = 0.35
_LARGEST_OVERSAMPLING = 3
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-+=/()%&?!"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def draw_graphic(height: int, width: int, generator: np.random.Generator) -> Picture:
    """Draw a few lines of text, shapes or patterns, smooth at their edges or not.

    Args:
        height: Of the picture.
        width: Of the picture.
        generator: Source of chance.

    Returns:
        sRGB in 8 bits, 0 to 1. Shape: (height, width, 3).
    """
    oversampling = int(generator.integers(1, _LARGEST_OVERSAMPLING + 1))
    canvas = np.empty((oversampling * height, oversampling * width, 3), np.uint8)
    canvas[:] = _ground(generator)
    for _ in range(int(generator.integers(1, 5))):
        _ELEMENTS[int(generator.integers(len(_ELEMENTS)))](canvas, generator, oversampling)
    if oversampling > 1:
        canvas = np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    picture = canvas.astype(np.float32) * np.float32(1 / 255)
    # Rounded again, since weighting the channels leaves the levels of 8 bits.
    return rounded(gray(picture), 8) if generator.random() < _GRAY_SHARE else picture


def _ground(generator: np.random.Generator) -> _Colour:
    """Paper, the dark of a screen, or any colour."""
    kind = generator.random()
    if kind < 0.5:
        return 255, 255, 255
    return (0, 0, 0) if kind < 0.65 else _colour(generator)


def _colour(generator: np.random.Generator) -> _Colour:
    """Black and white, colours at the corners of what a screen shows, and any."""
    kind = generator.random()
    if kind < 0.4:
        levels = np.full(3, 255 * generator.integers(2))
    elif kind < 0.7:
        levels = 255 * generator.integers(2, size=3)
    else:
        levels = generator.integers(256, size=3)
    return int(levels[0]), int(levels[1]), int(levels[2])


def _place(canvas: _Canvas, generator: np.random.Generator) -> tuple[int, int]:
    return int(generator.integers(canvas.shape[1])), int(generator.integers(canvas.shape[0]))


def _line_kind(generator: np.random.Generator) -> int:
    return int(cv2.LINE_AA if generator.random() < 0.6 else cv2.LINE_8)


def _draw_text(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    size = float(generator.uniform(0.35, 1.2)) * oversampling
    thickness = int(generator.integers(1, 1 + 2 * oversampling))
    font, colour, kind = _FONTS[int(generator.integers(len(_FONTS)))], _colour(generator), _line_kind(generator)
    spacing = max(int(size * generator.uniform(24, 40)), 4)
    left = int(generator.integers(-20 * oversampling, canvas.shape[1] // 3 + 1))
    for top in range(int(generator.integers(spacing)), canvas.shape[0] + spacing, spacing):
        text = "".join(_LETTERS[index] for index in generator.integers(len(_LETTERS), size=14))
        cv2.putText(canvas, text, (left, top), font, size, colour, thickness, kind)


def _draw_lines(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    for _ in range(int(generator.integers(1, 8))):
        ends = _place(canvas, generator), _place(canvas, generator)
        thickness = int(generator.integers(1, 1 + 3 * oversampling))
        cv2.line(canvas, *ends, _colour(generator), thickness, _line_kind(generator))


def _draw_shapes(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    for _ in range(int(generator.integers(1, 5))):
        thickness = -1 if generator.random() < 0.5 else int(generator.integers(1, 1 + 3 * oversampling))
        colour, kind = _colour(generator), _line_kind(generator)
        if generator.random() < 0.5:
            axes = int(generator.integers(2, 30 * oversampling)), int(generator.integers(2, 30 * oversampling))
            angle = float(generator.uniform(0, 180))
            cv2.ellipse(canvas, _place(canvas, generator), axes, angle, 0, 360, colour, thickness, kind)
        elif generator.random() < 0.5:
            cv2.rectangle(canvas, _place(canvas, generator), _place(canvas, generator), colour, thickness, kind)
        else:
            corners = np.array([_place(canvas, generator) for _ in range(int(generator.integers(3, 6)))], np.int32)
            cv2.fillPoly(canvas, [corners], colour, kind)


def _draw_stripes(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    """Stripes or a chequered pattern, of one pixel and more."""
    period = int(generator.integers(2, 9)) * oversampling
    rows, columns = np.arange(canvas.shape[0])[:, None], np.arange(canvas.shape[1])[None]
    is_row, is_column = (places % period < period // 2 for places in (rows, columns))
    pattern = (is_row ^ is_column, is_row | (columns < 0), is_column | (rows < 0))[int(generator.integers(3))]
    part = _rectangle(canvas, generator)
    canvas[part][pattern[part]] = _colour(generator)


def _draw_blocks(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    """Black and white blocks, as of a printed code."""
    side = int(generator.integers(1, 6)) * oversampling
    part = _rectangle(canvas, generator)
    height, width = canvas[part].shape[:2]
    cells = generator.integers(2, size=(height // side + 1, width // side + 1)).astype(bool)
    canvas[part][np.kron(cells, np.ones((side, side), bool))[:height, :width]] = _colour(generator)


def _draw_ramp(canvas: _Canvas, generator: np.random.Generator, oversampling: int) -> None:
    part = _rectangle(canvas, generator)
    along = np.linspace(0, 1, canvas[part].shape[1])[None, :, None]
    ramp = (1 - along) * np.array(_colour(generator)) + along * np.array(_colour(generator))
    canvas[part] = np.rint(ramp).astype(np.uint8)


def _rectangle(canvas: _Canvas, generator: np.random.Generator) -> tuple[slice, slice]:
    """A part of the canvas of at least a quarter of each side."""
    parts = []
    for side in canvas.shape[:2]:
        length = int(generator.integers(max(side // 4, 1), side + 1))
        start = int(generator.integers(side - length + 1))
        parts.append(slice(start, start + length))
    return parts[0], parts[1]


_ELEMENTS: Final[tuple[Callable[[_Canvas, np.random.Generator, int], None], ...]] = (
    _draw_text,
    _draw_text,
    _draw_text,
    _draw_lines,
    _draw_shapes,
    _draw_stripes,
    _draw_blocks,
    _draw_ramp,
)
"""Text is drawn most often."""
