"""Pictures made for looking at them beside others: by a model or a classical method, kept in a bounded folder.

What is kept is found again by the photo, its maker and the states of both files, so that a photo that was edited or a
model that was trained further is computed anew.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, model_validator

from engine.comparing.baselines.catalogue import BASELINES, Baseline
from engine.comparing.shown_channels import has_channels, read_shown
from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError, RunStoreError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef, Pixels
from engine.machine.caches import BoundedFolder
from engine.machine.destination import make_folder
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.colour.transparency import spread_visible_colours
from engine.photo_files.photos import PhotoImage, is_raw_file, read_image, read_tone, write_image
from engine.photo_files.raw.mosaic import render
from engine.photo_files.values.levels import ValueLevels
from engine.photo_files.values.sample_types import to_float
from engine.photos.decoded_files import DECODER_VERSION
from engine.photos.identity import identity_of
from engine.photos.stack_levels import as_in_stack
from engine.restoring.raw import open_raw, restore_raw_file
from engine.runs.folder import Run

if TYPE_CHECKING:
    from engine.restoring.restorer import OnTile

DEFAULT_LIMIT_BYTES = 4 * 2**30
MAX_SCALE = 4
_SUFFIX = ".tif"
_STAGE = "Computing the picture"


class ComparisonPictureConfig(ComputeConfig):
    """One photo, and what makes another picture of it: a model or a classical method."""

    photo: Annotated[PhotoRef, Field(title="Photo", description="The photo as it is.")]
    folder: Annotated[Path, Field(title="Folder", description="Where the picture is kept.")]
    model: Annotated[Path | None, Field(title="Model", description="A run folder or a model file.")] = None
    baseline: Annotated[str, Field(title="Classical method", description="Its name in the catalogue.")] = ""
    scale: Annotated[
        int,
        Field(ge=1, le=MAX_SCALE, title="Enlargement", description="Of a classical method: how many times to a side."),
    ] = 1
    raw_look: Annotated[RawLook, Field(title="Raw files look", description="As of the photo beside it.")] = "neutral"
    limit_bytes: Annotated[
        int, Field(ge=0, title="Room", description="How many bytes the folder may hold; the oldest files go first.")
    ] = DEFAULT_LIMIT_BYTES

    @model_validator(mode="after")
    def _check_one_maker(self) -> "ComparisonPictureConfig":
        if (self.model is None) == (not self.baseline):
            raise ValueError("name a model or a classical method, and not both")
        return self


def picture_path(config: ComparisonPictureConfig) -> Path:
    """Return the file that stands for the photo and its maker in their present states, made or not; from any thread."""
    parts = [
        _program_version(),
        DECODER_VERSION,
        config.device,
        config.precision,
        identity_of(config.photo.absolute()),
        None if config.model is None else identity_of(_weights_of(config.model).absolute()),
        config.baseline,
        config.scale,
        config.raw_look,
    ]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return config.folder / f"{digest}{_SUFFIX}"


def find_picture(config: ComparisonPictureConfig) -> Path | None:
    """Return the picture where it has been made already, and note that it was used; from any thread."""
    path = picture_path(config)
    try:
        os.utime(path)
    except OSError:
        return None
    return path


def compute_picture(config: ComparisonPictureConfig, control: JobControl, emit: Emit) -> Path:
    """Make the picture, in the photo's own bit depth and with its colour profile; a job.

    Args:
        config: The photo and what makes the picture.
        control: Asked once per tile; a classical method, which has none, is left behind.
        emit: Receives `StepDone` (steps are tiles).

    Returns:
        The file, a TIFF.

    Raises:
        JobCancelled: Asked to end; nothing is kept.
        EngineError: The photo, the model or the method cannot be used, or the folder cannot be written.
    """
    found = find_picture(config)
    if found is not None:
        return found
    emit(StepDone(stage=_STAGE, step=0, num_steps=1))
    path = picture_path(config)
    picture = _by_model(config, config.model, control, emit) if config.model else _by_baseline(config, control)
    tone = read_tone(config.photo) if config.raw_look == "camera" else None
    if tone is not None:
        picture = picture.with_pixels(tone.applied(picture.pixels), picture.alpha)
    control.wait_if_paused()
    make_folder(config.folder, "Check the disk, then try again.")
    write_image(path, picture, file_format="tiff")
    kept_pictures(config.folder, config.limit_bytes).make_room(keep={path.name})
    emit(StepDone(stage=_STAGE, step=1, num_steps=1))
    return path


def kept_pictures(folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> BoundedFolder:
    """Return a folder's pictures of `compute_picture`; anything else in it is left alone."""
    return BoundedFolder(folder, f"*{_SUFFIX}", limit_bytes)


def _by_model(config: ComparisonPictureConfig, model: Path, control: JobControl, emit: Emit) -> PhotoImage:
    # Imported late: torch takes seconds.
    from engine.machine.devices import open_device
    from engine.models.files import load_model
    from engine.restoring.restorer import Restorer

    restorer = Restorer(load_model(model), open_device(config), emit=emit)
    on_tile = _tile_reporter(emit)
    if restorer.takes_mosaics:
        return restore_raw_file(config.photo, restorer, control=control, on_tile=on_tile)
    if has_channels(config.photo):
        return _of_channels(
            config.photo,
            lambda *shown: restorer.restore(
                shown[0], levels=shown[1], channels_are_gray=True, control=control, on_tile=on_tile
            ),
            control,
        )
    image = as_in_stack(config.photo, run_interruptibly(lambda: read_image(config.photo), control), control)
    alpha = image.alpha
    visible = spread_visible_colours(image.pixels, alpha)
    metadata = image.metadata
    restored = restorer.restore(
        visible,
        levels=metadata.levels,
        channels_are_gray=metadata.channels_are_gray,
        control=control,
        on_tile=on_tile,
    )
    if alpha is not None:
        alpha = restorer.enlarged(alpha[:, :, None])[:, :, 0]
    return image.with_pixels(restored, alpha)


def _of_channels(photo: PhotoRef, restore: Callable[[Pixels, ValueLevels], Pixels], control: JobControl) -> PhotoImage:
    """Make a picture of all channels that are seen at a photo's place, each of its own."""
    shown = run_interruptibly(lambda: read_shown(photo, control=control), control)
    restored = restore(to_float(shown.samples), shown.metadata.levels)
    num_colours = 1 if restored.shape[2] < 3 else 3
    extra = restored[:, :, num_colours:] if restored.shape[2] > num_colours else None
    metadata = replace(shown.metadata, file_format="tiff", exif=None, channels_are_gray=num_colours == 3)
    return PhotoImage(restored[:, :, :num_colours], None, metadata, extra)


def _by_baseline(config: ComparisonPictureConfig, control: JobControl) -> PhotoImage:
    entry = BASELINES.find(config.baseline)
    if not entry.takes_photos:
        return run_interruptibly(lambda: _demosaicked(config.photo, Baseline(entry, takes_mosaics=True)), control)
    if has_channels(config.photo):
        method = Baseline(entry, scale=config.scale)

        def restore(pixels: Pixels, levels: ValueLevels) -> Pixels:
            seen = np.clip(levels.normalised(pixels), 0, 1)
            restored = run_interruptibly(lambda: method.restore(seen, channels_are_gray=True), control)
            return np.asarray(levels.in_units_of_type(restored), np.float32)

        return _of_channels(config.photo, restore, control)
    image = as_in_stack(config.photo, run_interruptibly(lambda: read_image(config.photo), control), control)
    baseline, levels = Baseline(entry, scale=config.scale), image.metadata.levels
    are_gray = image.metadata.channels_are_gray
    normalised = run_interruptibly(lambda: baseline.restore(image.normalised, channels_are_gray=are_gray), control)
    restored = np.asarray(levels.in_units_of_type(normalised), np.float32)
    # An enlarged photo goes without its transparency: this picture is only looked at, over the same backdrop.
    return image.with_pixels(restored, image.alpha if config.scale == 1 else None)


def _demosaicked(photo: PhotoRef, baseline: Baseline) -> PhotoImage:
    """Fill in a raw file's mosaic by interpolation.

    Raises:
        InvalidInputError: The photo has no mosaic.
    """
    if not is_raw_file(photo):
        raise InvalidInputError(
            "This method fills in the mosaic of a raw file; this photo has all its colours already.",
            "Choose a raw file, or another method.",
        )
    opened = open_raw(photo)
    colours = baseline.restore(opened.encoded.pixels)
    return PhotoImage(render(opened.raw, opened.encoded, colours), None, opened.raw.metadata)


def _tile_reporter(emit: Emit) -> "OnTile":
    started = time.monotonic()

    def report(num_done: int, num_tiles: int) -> None:
        elapsed = time.monotonic() - started
        emit(
            StepDone(
                stage=_STAGE,
                step=num_done,
                num_steps=num_tiles,
                seconds_left=elapsed * (num_tiles / num_done - 1),
            )
        )

    return report


def _weights_of(model: Path) -> Path:
    """Return a run's model file, or the model file itself; `engine.models.files` would bring torch with it."""
    try:
        return Run(model).model_path if os.path.isdir(model) else model
    except RunStoreError:
        # Loading it gives the reason in words.
        return model


@cache
def _program_version() -> str:
    try:
        return metadata.version("residua")
    except metadata.PackageNotFoundError:
        return ""
