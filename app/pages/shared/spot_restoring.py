"""Restoring one spot of a photo quickly, with the pixels that the whole photo would have there. No widgets."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QSize

from app.core.session import ModelChoice
from app.viewer.picture_files import PictureFiles
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.photo_files.photos import BitDepth, PhotoImage
from engine.photo_files.values.levels import ValueLevels
from engine.photos.identity import identity_of
from engine.restoring.raw import OpenRaw, open_raw, restore_raw_area

if TYPE_CHECKING:
    from engine.restoring.restorer import Restorer

SURROUNDINGS_PX = 48
"""Restored with the spot and cut off again, so that its edges look as they will in the whole photo."""

_FIRST_SIDE_PX = 256
"""Side of the spot for a model whose speed is not known yet."""
_LEAST_SIDE_PX = 96
_NEARLY = 0.85


@dataclass(frozen=True)
class Spot:
    """A rectangle of a photo, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, eq=False)
class SpotPreview:
    """A restored spot.

    Attributes:
        path: The photo.
        spot: Where.
        noisy: The spot as it is, brought to the restored one's size.
        restored: The spot restored at full strength.
        scale: How many times larger to a side the model makes it.
        photo_size: Of the whole photo, in its pixels.
        bit_depth: Of the photo.
        icc_profile: Of the photo.
        levels: What is black and white in it.
        model_name: What restored it.
        seconds: How long it took.
    """

    path: PhotoRef
    spot: Spot
    noisy: Pixels
    restored: Pixels
    scale: int
    photo_size: QSize
    bit_depth: BitDepth
    icc_profile: bytes | None
    levels: ValueLevels
    model_name: str
    seconds: float


def spot_around(centre: QPointF, photo_size: QSize, side_px: QSize) -> Spot:
    """Return the spot around a point that lies within the photo.

    Args:
        centre: As shares of the photo's width and height.
        photo_size: In pixels.
        side_px: Wanted size.
    """
    width, height = min(side_px.width(), photo_size.width()), min(side_px.height(), photo_size.height())
    left = round(centre.x() * photo_size.width() - width / 2)
    top = round(centre.y() * photo_size.height() - height / 2)
    return Spot(
        min(max(left, 0), photo_size.width() - width), min(max(top, 0), photo_size.height() - height), width, height
    )


class SpotRestorer:
    """Restores spots, keeping the model loaded between them; used by one background thread."""

    def __init__(self, files: PictureFiles) -> None:
        self._files = files
        self._loaded: tuple[Path, int, Restorer] | None = None
        self._raw: tuple[str, OpenRaw] | None = None
        self._speed: tuple[Path, float] | None = None

    def side_within(self, model: ModelChoice, side_px: QSize, seconds: float) -> QSize:
        """Return the largest spot that is likely to be restored in time; from any thread.

        Args:
            model: What restores.
            side_px: The spot that is wanted, in pixels of the result; returned as it is where the time nearly suffices.
            seconds: How long it may take.
        """
        speed = self._speed
        if speed is None or speed[0] != model.path:
            share = min(1.0, _FIRST_SIDE_PX / max(side_px.width(), side_px.height()))
        else:
            share = math.sqrt(min(1.0, seconds / (speed[1] * side_px.width() * side_px.height())))
        if share > _NEARLY:
            return side_px
        return QSize(
            max(_LEAST_SIDE_PX, round(side_px.width() * share)), max(_LEAST_SIDE_PX, round(side_px.height() * share))
        )

    def restore(
        self, path: PhotoRef, centre: QPointF, side_px: QSize, model: ModelChoice, control: JobControl
    ) -> SpotPreview:
        """Restore a spot of a photo.

        Raises:
            EngineError: The photo or the model cannot be used.
            JobCancelled: Another spot is wanted by now.
        """
        photo = self._files.read(path)
        control.wait_if_paused()
        restorer = self._restorer(model.path)
        control.wait_if_paused()
        # What is enlarged fills the canvas from a smaller spot.
        spot = spot_around(centre, QSize(photo.width, photo.height), side_px / restorer.scale)
        started = time.monotonic()
        if restorer.takes_mosaics:
            noisy, restored = self._restore_raw(path, photo, spot, restorer, control)
        else:
            noisy, restored = _restore_photo(photo, spot, restorer, control)
        seconds = time.monotonic() - started
        self._speed = (model.path, seconds / (restored.shape[0] * restored.shape[1]))
        return SpotPreview(
            path=path,
            spot=spot,
            noisy=np.ascontiguousarray(noisy),
            restored=np.ascontiguousarray(restored),
            scale=restorer.scale,
            photo_size=QSize(photo.width, photo.height),
            bit_depth=photo.metadata.bit_depth,
            icc_profile=photo.metadata.icc_profile,
            levels=photo.metadata.levels,
            model_name=model.name,
            seconds=seconds,
        )

    def _restore_raw(
        self, path: PhotoRef, photo: PhotoImage, spot: Spot, restorer: Restorer, control: JobControl
    ) -> tuple[Pixels, Pixels]:
        """From the sensor's mosaic, as the whole file will be; beside it, plain interpolation."""
        identity = identity_of(path)
        if self._raw is None or self._raw[0] != identity:
            self._raw = None
            self._raw = (identity, open_raw(path))
        rows, columns = spot.area
        restored = restore_raw_area(self._raw[1], rows, columns, restorer, control=control)
        return photo.pixels[rows, columns], restored

    def _restorer(self, model_path: Path) -> Restorer:
        # The first import of torch takes seconds.
        from engine.contracts.configs import ComputeConfig
        from engine.machine.devices import open_device
        from engine.models.files import load_model, model_file
        from engine.restoring.restorer import Restorer

        changed = model_file(model_path).stat().st_mtime_ns
        if self._loaded is None or self._loaded[:2] != (model_path, changed):
            self._loaded = None
            self._loaded = (model_path, changed, Restorer(load_model(model_path), open_device(ComputeConfig())))
        return self._loaded[2]


def _restore_photo(photo: PhotoImage, spot: Spot, restorer: Restorer, control: JobControl) -> tuple[Pixels, Pixels]:
    """The spot brought to the restored one's size, and restored."""
    top, left = max(0, spot.top - SURROUNDINGS_PX), max(0, spot.left - SURROUNDINGS_PX)
    bottom = min(photo.height, spot.top + spot.height + SURROUNDINGS_PX)
    right = min(photo.width, spot.left + spot.width + SURROUNDINGS_PX)
    surroundings, scale = photo.pixels[top:bottom, left:right], restorer.scale
    metadata = photo.metadata
    restored = restorer.restore(
        surroundings, levels=metadata.levels, channels_are_gray=metadata.channels_are_gray, control=control
    )
    rows = slice(scale * (spot.top - top), scale * (spot.top - top + spot.height))
    columns = slice(scale * (spot.left - left), scale * (spot.left - left + spot.width))
    return restorer.unrestored(surroundings)[rows, columns], restored[rows, columns]
