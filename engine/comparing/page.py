"""A comparison to send to others: one HTML file with the pictures inside and a slider between any two of them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from engine.contracts.errors import ImageWriteError, InvalidInputError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileChoices
from engine.contracts.photo import Pixels
from engine.machine.atomic_files import replace_atomically
from engine.machine.interruptible import run_interruptibly
from engine.machine.shipped_files import page_template
from engine.photo_files.encoding import Encoding, check_can_hold, encode
from engine.translatable import say

_STAGE = "Writing the page"
_BASE64_BLOCK = 3 * 2**18
"""Bytes encoded at once: a multiple of three, so that no padding falls between two blocks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PagePicture:
    """One picture of the page.

    Attributes:
        name: What it is, for the menus.
        caption: What is said below it: name, PSNR and SSIM.
        pixels: Height x width x 1 or 3, 0 to 1. Pictures of other sizes are scaled to the largest by the browser.
        icc_profile: Its colour profile; None: sRGB.
    """

    name: str
    caption: str
    pixels: Pixels
    icc_profile: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class ComparisonPageConfig:
    """What the page holds.

    Attributes:
        path: The file; its folder must exist.
        title: Heading of the page.
        pictures: At least two; the first two are shown at first.
        file_format: "jpeg" is small; "png" keeps every pixel, in 8 bits.
        jpeg_quality: 1 to 100.
    """

    path: Path
    title: str
    pictures: tuple[PagePicture, ...]
    file_format: Literal["jpeg", "png"] = "jpeg"
    jpeg_quality: int = 92


def write_comparison_page(config: ComparisonPageConfig, control: JobControl, emit: Emit) -> Path:
    """Write the page, whole or not at all; a job.

    Args:
        config: What it holds.
        control: Asked before and while each picture is encoded.
        emit: Receives `StepDone` (steps are pictures).

    Returns:
        The file.

    Raises:
        JobCancelled: Asked to end; an older file is as it was.
        InvalidInputError: There are fewer than two pictures.
        ImageWriteError: The pictures are too large for the format, or the file cannot be written.
    """
    if len(config.pictures) < 2:
        raise InvalidInputError("A slider needs two pictures.", "Show two pictures first, then save the page.")
    try:
        with replace_atomically(config.path) as temporary, temporary.open("wb") as file:
            # Piece by piece: the pictures of a page may take gigabytes together.
            # Names of photos may hold bytes that are no letters of any encoding.
            file.writelines(piece.encode("utf-8", "backslashreplace") for piece in _pieces(config, control, emit))
            control.wait_if_paused()
    except OSError as error:
        raise ImageWriteError(
            say(
                "{file} cannot be written to {folder} ({error}).",
                file=config.path.name,
                folder=config.path.parent,
                error=error.strerror or error,
            ),
            "Choose another folder, or make room on the disk.",
        ) from error
    emit(StepDone(stage=_STAGE, step=len(config.pictures), num_steps=len(config.pictures)))
    return config.path


def _pieces(config: ComparisonPageConfig, control: JobControl, emit: Emit) -> Iterator[str]:
    largest = max(config.pictures, key=lambda picture: picture.pixels.shape[0] * picture.pixels.shape[1])
    height, width = largest.pixels.shape[:2]

    def content_of(index: int) -> Iterator[str]:
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=index, num_steps=len(config.pictures)))
        return _base64_blocks(run_interruptibly(partial(_encoded, config.pictures[index], config), control))

    return page_template("comparing/page.html").generate(
        title=config.title,
        pictures=config.pictures,
        width=width,
        height=height,
        media_type=f"image/{config.file_format}",
        content_of=content_of,
    )


def _encoded(picture: PagePicture, config: ComparisonPageConfig) -> bytes:
    height, width = picture.pixels.shape[:2]
    check_can_hold(config.file_format, width, height, "uint8", has_alpha=False)
    levels = np.rint(np.clip(picture.pixels, 0, 1) * np.float32(255)).astype(np.uint8)
    wanted = Encoding(choices=FileChoices(jpeg_quality=config.jpeg_quality), icc_profile=picture.icc_profile)
    return encode(levels, config.file_format, wanted)


def _base64_blocks(content: bytes) -> Iterator[str]:
    view = memoryview(content)
    for start in range(0, len(view), _BASE64_BLOCK):
        yield base64.b64encode(view[start : start + _BASE64_BLOCK]).decode()
