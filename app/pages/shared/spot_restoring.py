"""Restoring one area of a photo quickly, with the pixels that the whole photo would have there. No widgets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QSize

from app.core.session import ModelChoice
from app.look.image_convert import ChannelTint
from app.viewer.picture_files import PictureFiles, ShownPixels
from app.viewer.tiles.pixel_pyramid import PixelSource, PlainPixels
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.photo_files.photos import ImageMetadata
from engine.photos.identity import identity_of
from engine.restoring.raw import OpenRaw, open_raw, restore_raw_area

if TYPE_CHECKING:
    from engine.restoring.restorer import Restorer

SURROUNDINGS_PX = 48
"""Restored with the spot and cut off again, so that its edges look as they will in the whole photo."""


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

    def scaled(self, scale: int) -> Spot:
        """Return where it lies in the photo enlarged by a whole factor."""
        return Spot(scale * self.left, scale * self.top, scale * self.width, scale * self.height)


@dataclass(frozen=True, eq=False)
class SpotPreview:
    """A restored spot.

    Attributes:
        photo: The photo.
        spot: Where.
        noisy: The spot as it is, brought to the restored one's size.
        restored: The spot restored at full strength.
        scale: How many times larger to a side the model makes it.
        metadata: What the photo's file says; both pictures are to be understood by it.
        channels: Of channels that are no colours: how each is shown.
        seconds: How long it took.
    """

    photo: PhotoRef
    spot: Spot
    noisy: Pixels
    restored: Pixels
    scale: int
    metadata: ImageMetadata
    seconds: float
    channels: tuple[ChannelTint, ...] = ()


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


class AreaRestorer:
    """Restores areas of photos, keeping model and raw file open between them; used by one background thread."""

    def __init__(self) -> None:
        self._loaded: tuple[Path, int, Restorer] | None = None
        self._raw: tuple[str, OpenRaw] | None = None

    def restorer(self, model_path: Path) -> Restorer:
        """Return what restores; loaded anew where the model's file has changed.

        Raises:
            EngineError: The model cannot be used.
        """
        # The first import of torch takes seconds.
        from engine.contracts.configs import ComputeConfig
        from engine.machine.devices import open_device
        from engine.models.files import load_model
        from engine.restoring.restorer import Restorer

        changed = self.model_stamp(model_path)
        if self._loaded is None or self._loaded[:2] != (model_path, changed):
            self._loaded = None
            self._loaded = (model_path, changed, Restorer(load_model(model_path), open_device(ComputeConfig())))
        return self._loaded[2]

    @staticmethod
    def model_stamp(model_path: Path) -> int:
        """Return what tells one state of a model's file from another; 0 where there is none."""
        from engine.models.files import model_file

        try:
            return model_file(model_path).stat().st_mtime_ns
        except OSError:
            return 0

    def restore(
        self,
        photo: PhotoRef,
        source: PixelSource,
        metadata: ImageMetadata,
        area: Spot,
        restorer: Restorer,
        control: JobControl,
    ) -> Pixels:
        """Restore an area of a photo.

        Args:
            photo: The photo's file, from which a network for mosaics is fed.
            source: Its pixels.
            metadata: What its file says of them.
            area: In pixels of the photo.
            restorer: As `restorer` returned it.
            control: Asked before each tile.

        Returns:
            The area at the restorer's scale, in units of the file's type.

        Raises:
            EngineError: The photo cannot be restored by this model.
            JobCancelled: Something else is wanted by now.
        """
        if restorer.takes_mosaics:
            return restore_raw_area(self._open_raw(photo), *area.area, restorer, control=control)
        top, left = max(0, area.top - SURROUNDINGS_PX), max(0, area.left - SURROUNDINGS_PX)
        bottom = min(source.height, area.top + area.height + SURROUNDINGS_PX)
        right = min(source.width, area.left + area.width + SURROUNDINGS_PX)
        restored = restorer.restore(
            source.window(left, top, right, bottom),
            levels=metadata.levels,
            channels_are_gray=metadata.channels_are_gray,
            control=control,
        )
        return restored[Spot(area.left - left, area.top - top, area.width, area.height).scaled(restorer.scale).area]

    def _open_raw(self, photo: PhotoRef) -> OpenRaw:
        identity = identity_of(photo)
        if self._raw is None or self._raw[0] != identity:
            self._raw = None
            self._raw = (identity, open_raw(photo))
        return self._raw[1]


class SpotRestorer:
    """Restores spots, keeping photos and the model loaded between them; used by one background thread."""

    def __init__(self, files: PictureFiles) -> None:
        self._files = files
        self._areas = AreaRestorer()

    def restore(
        self, photo: PhotoRef, centre: QPointF, side_px: QSize, model: ModelChoice, control: JobControl
    ) -> SpotPreview:
        """Restore a spot of a photo.

        Raises:
            EngineError: The photo or the model cannot be used.
            JobCancelled: Another spot is wanted by now.
        """
        shown = self._files.shown(photo)
        control.wait_if_paused()
        restorer = self._areas.restorer(model.path)
        control.wait_if_paused()
        # What is enlarged fills the canvas from a smaller spot.
        height, width = shown.pixels.shape[:2]
        spot = spot_around(centre, QSize(width, height), side_px / restorer.scale)
        started = time.monotonic()
        restored = self._areas.restore(photo, PlainPixels(shown.pixels), shown.metadata, spot, restorer, control)
        return SpotPreview(
            photo=photo,
            spot=spot,
            noisy=np.ascontiguousarray(_noisy_spot(shown, spot, restorer)),
            restored=np.ascontiguousarray(restored),
            scale=restorer.scale,
            metadata=shown.metadata,
            channels=shown.channels,
            seconds=time.monotonic() - started,
        )


def _noisy_spot(photo: ShownPixels, spot: Spot, restorer: Restorer) -> Pixels:
    """The spot brought to the restored one's size; of a raw file, plain interpolation."""
    if restorer.takes_mosaics:
        return photo.pixels[spot.area]
    margin = SURROUNDINGS_PX
    top, left = max(0, spot.top - margin), max(0, spot.left - margin)
    surroundings = photo.pixels[top : spot.top + spot.height + margin, left : spot.left + spot.width + margin]
    inner = Spot(spot.left - left, spot.top - top, spot.width, spot.height).scaled(restorer.scale)
    return restorer.unrestored(surroundings)[inner.area]
