"""A report on restored photos: one HTML file with small crops of before and after, and the same figures as CSV."""

import base64
import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from engine import __version__
from engine.contracts.errors import EngineError, ImageWriteError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileChoices, RawLook
from engine.contracts.photo import PhotoRef, Pixels
from engine.contracts.results import PhotoOutcome, RestoreReportConfig
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.interruptible import run_interruptibly
from engine.machine.shipped_files import page_template
from engine.photo_files.bicubic_resize import enlarge
from engine.photo_files.encoding import Encoding, encode
from engine.photo_files.metadata.provenance import look_of_result
from engine.photo_files.photo_image import between_levels
from engine.photo_files.photos import read_image
from engine.photos.stack_levels import as_in_stack
from engine.translatable import say

CROP_PX: Final = 176
"""Side of a crop, in pixels of the restored photo."""

MAX_PHOTOS_WITH_CROPS: Final = 400
"""A page with more pictures grows too large for a browser."""

_STAGE: Final = "Writing the report"
_JPEG_QUALITY: Final = 92
_STATES: Final = {
    "restored": "restored",
    "done": "was done already",
    "exists": "left alone: a file of its name is there",
    "failed": "failed",
}
_PASSED_OVER: Final = "passed over: it is a restored file itself"
_COLUMNS: Final = ("source", "state", "output", "seconds", "reason", "hint", "how", "remarks")


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """A picture of the page; its content is a JPEG file in base 64."""

    caption: str
    content: str


@dataclass(frozen=True, kw_only=True)
class _Article:
    """What the page says of a photo."""

    name: str
    lines: tuple[str, ...]
    state: str = ""
    crops: tuple[_Crop, ...] = ()


def write_restore_report(config: RestoreReportConfig, control: JobControl, emit: Emit) -> Path:
    """Write the report; a job.

    Args:
        config: What it is about.
        control: Asked once per photo.
        emit: Receives `StepDone` (steps are photos).

    Returns:
        The HTML file.

    Raises:
        JobCancelled: Asked to end; nothing is written.
        ImageWriteError: It cannot be written.
    """
    articles = []
    num_with_crops = 0
    for index, outcome in enumerate(config.outcomes):
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=index, num_steps=len(config.outcomes)))
        crops: tuple[_Crop, ...] = ()
        if outcome.output is not None and num_with_crops < MAX_PHOTOS_WITH_CROPS:
            crops = run_interruptibly(partial(_crops, outcome.source, outcome.output, config.raw_look), control)
            num_with_crops += bool(crops)
        articles.append(_article(outcome, crops))
    articles += [_Article(name=str(path), lines=(_PASSED_OVER,)) for path in config.earlier_results]
    page = page_template("restoring/report.html").render(
        title=say("Restoration report, {time:%Y-%m-%d %H:%M}", time=datetime.now()),
        crop_px=CROP_PX,
        summary=_summary(config),
        note=say(
            "Each pair of crops shows the most detailed part of the photo, {crop_px} pixels wide. Residua {version}.",
            crop_px=CROP_PX,
            version=__version__,
        ),
        articles=articles,
    )
    try:
        write_bytes_atomically(config.path, _encoded(page))
        write_bytes_atomically(config.path.with_suffix(".csv"), _table(config))
    except OSError as error:
        raise ImageWriteError(
            say(
                "The report cannot be written to {folder} ({error}).",
                folder=config.path.parent,
                error=error.strerror or error,
            ),
            "Choose another folder, or make room on the disk.",
        ) from error
    emit(StepDone(stage=_STAGE, step=len(config.outcomes), num_steps=len(config.outcomes)))
    return config.path


def most_detailed_spot(pixels: Pixels, side_px: int) -> tuple[int, int]:
    """Return top and left of the square in which a photo varies most.

    Args:
        pixels: The restored photo, so that noise does not count. Shape: (height, width, channels), 0 to 1.
        side_px: Of the square; where the photo is smaller, as large as that.
    """
    height, width = pixels.shape[:2]
    side = min(side_px, height, width)
    rows, columns = height // side, width // side
    blocks = pixels[: rows * side, : columns * side].mean(axis=2).reshape(rows, side, columns, side)
    row, column = np.unravel_index(int(blocks.std(axis=(1, 3)).argmax()), (rows, columns))
    return int(row) * side, int(column) * side


def _crops(source: PhotoRef, output: Path, raw_look: RawLook) -> tuple[_Crop, ...]:
    """Both crops; none where one of the files cannot be read any more or they do not fit."""
    try:
        noisy = as_in_stack(source, read_image(source, raw_look=look_of_result(output, raw_look)))
        restored = read_image(output)
    except EngineError:
        return ()
    scale = max(1, round(restored.width / noisy.width))
    if (scale * noisy.width, scale * noisy.height) != (restored.width, restored.height):
        return ()
    noisy_values, restored_values = between_levels(noisy, restored)
    top, left = most_detailed_spot(restored_values, CROP_PX)
    side = min(CROP_PX, restored.height, restored.width) // scale * scale
    top, left = top // scale * scale, left // scale * scale
    before = noisy_values[top // scale : (top + side) // scale, left // scale : (left + side) // scale]
    if scale > 1:
        before = enlarge(before, scale)
    after = restored_values[top : top + side, left : left + side]
    return (
        _crop(before, "before", noisy.metadata.icc_profile),
        _crop(after, "after", restored.metadata.icc_profile),
    )


def _crop(pixels: Pixels, caption: str, icc_profile: bytes | None) -> _Crop:
    levels = np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8)
    content = encode(
        np.ascontiguousarray(levels),
        "jpeg",
        Encoding(choices=FileChoices(jpeg_quality=_JPEG_QUALITY), icc_profile=icc_profile),
    )
    return _Crop(caption=caption, content=base64.b64encode(content).decode())


def _article(outcome: PhotoOutcome, crops: tuple[_Crop, ...]) -> _Article:
    lines = [_STATES[outcome.state]]
    if outcome.state == "restored":
        lines[0] += f" in {outcome.seconds:,.1f} s"
    lines += [text for text in (outcome.reason, outcome.hint) if text]
    if outcome.output is not None:
        lines.append(str(outcome.output))
    if outcome.how:
        lines.append(outcome.how)
    lines += outcome.remarks
    return _Article(name=str(outcome.source), lines=tuple(lines), state=outcome.state, crops=crops)


def _summary(config: RestoreReportConfig) -> str:
    outcomes = config.outcomes
    counts = Counter[str](outcome.state for outcome in outcomes)
    parts = [f"{counts[state]:,} {words}" for state, words in _STATES.items() if counts[state]]
    seconds = sum(outcome.seconds for outcome in outcomes) if config.seconds is None else config.seconds
    text = say(
        "{num_photos:,} photos: {counts}. Restoring took {seconds:,.1f} s.",
        num_photos=len(outcomes),
        counts=", ".join(parts),
        seconds=seconds,
    )
    if incomplete := sum(bool(outcome.lost_pages) for outcome in outcomes):
        text += f" {incomplete:,} stacks are not complete: pages of them could not be restored."
    if config.earlier_results:
        text += f" {len(config.earlier_results):,} were passed over, being restored files themselves."
    return text


def _table(config: RestoreReportConfig) -> bytes:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(_COLUMNS)
    for outcome in config.outcomes:
        writer.writerow(
            _not_a_formula(str(value))
            for value in (
                outcome.source,
                outcome.state,
                outcome.output or "",
                f"{outcome.seconds:.3f}",
                outcome.reason,
                outcome.hint,
                outcome.how,
                " ".join(outcome.remarks),
            )
        )
    for path in config.earlier_results:
        writer.writerow([_not_a_formula(str(path)), "passed over", "", "0.000", _PASSED_OVER, "", "", ""])
    # With a byte order mark, by which spreadsheet programs recognise UTF-8.
    return codecs.BOM_UTF8 + _encoded(table.getvalue())


def _not_a_formula(text: str) -> str:
    """Keep a spreadsheet program from computing a file's name (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _encoded(text: str) -> bytes:
    # File names may hold bytes that are no letters of any encoding.
    return text.encode("utf-8", "backslashreplace")
