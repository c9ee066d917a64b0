"""The restoration of the photo that is looked at, there where it is looked at, one step after the other. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QRectF, Signal, Slot

from app.core.session import ModelChoice
from app.core.shown_channel import shown_channel
from app.jobs.latest_task import LatestTask
from app.look.image_convert import ChannelTint, DisplayLevels
from app.pages.restore.restored_levels import RestoredLevels, TilePlace
from app.pages.shared.spot_restoring import AreaRestorer, Spot
from app.viewer.tiles.display_settings import DisplaySettings
from app.viewer.tiles.image_pyramid import ImagePyramid
from app.viewer.tiles.pixel_pyramid import PixelPyramid, SamplePixels, level_for
from engine.comparing.shown_channels import ShownPhoto, read_shown
from engine.contracts.blending import FULL, Blend
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import ImageMetadata, read_tone
from engine.photo_files.sensors.tone import ToneCurve
from engine.photos.identity import identity_of

if TYPE_CHECKING:
    from engine.restoring.restorer import Restorer

_MAX_KEPT = 3
_KEPT_PIXELS = 40_000_000
"""Photos that were looked at last are kept with their restored tiles, as long as they are no larger together."""

PHOTO_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class OpenPhoto:
    """A photo that has been read.

    Attributes:
        photo: Its file.
        stamp: Tells one state of the file from another.
        source: Its pixels.
        pixels: The same, and halvings of them.
        pyramid: As it is shown.
        metadata: What its file says of it.
        tone: Of a raw file: the curve by which it looks as in the camera; else None.
    """

    photo: PhotoRef
    stamp: str
    source: SamplePixels
    pixels: PixelPyramid
    pyramid: ImagePyramid
    metadata: ImageMetadata
    tone: ToneCurve | None = None


@dataclass(frozen=True, eq=False)
class Restoration:
    """A photo as far as it has been restored with one model.

    Attributes:
        photo: The photo.
        model: What restores it.
        stamp: Tells one state of the model's file from another.
        restorer: The model, loaded.
        levels: What has come of it.
        pyramid: As it is shown.
    """

    photo: OpenPhoto
    model: ModelChoice
    stamp: int
    restorer: Restorer
    levels: RestoredLevels
    pyramid: ImagePyramid


@dataclass(frozen=True)
class SeenPart:
    """What a person looks at.

    Attributes:
        part: As shares of the photo's width and height.
        zoom: Screen pixels a pixel of the photo.
    """

    part: QRectF
    zoom: float


@dataclass(frozen=True)
class _State:
    """What there is of a photo; what is not there yet is None."""

    photo: OpenPhoto | None = None
    restoration: Restoration | None = None


class PhotoRestoring(QObject):
    """Reads the photo, loads the model, restores the whole small and then, tile by tile, what is looked at.

    Each of these is one step in a background thread. After each step, and whenever a person looks elsewhere, what is
    wanted most comes next; a step that nobody wants any more is given up.

    Signals (main thread):
        changed: There is more of the restoration, or something else is wanted.

    Attributes:
        failure: Why there is no restoration; None where nothing failed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.failure: EngineError | None = None
        self._photo: PhotoRef | None = None
        self._model: ModelChoice | None = None
        self._blend = FULL
        self._raw_look: RawLook = "camera"
        self._exposure_stops = 0.0
        self._seen: SeenPart | None = None
        self._is_sparing = False
        self._must_check = False
        self._state = _State()
        self._kept: list[_State] = []
        self._seen_tiles: tuple[tuple[Restoration, SeenPart], list[TilePlace], int] | None = None
        self._areas = AreaRestorer()
        self._control = JobControl()
        self._step: object = None
        """What is being done: a tile, or the name of another step."""
        self._task = LatestTask(self, finished=self._take, failed=self._fail)
        self._outdated: set[ImagePyramid] = set()
        """What is shown in a way that holds no more, until the background has noted it."""
        self._repaint = LatestTask(self, finished=self._tell)

    @property
    def photo(self) -> OpenPhoto | None:
        """The photo that is looked at, once it has been read."""
        return self._state.photo

    @property
    def restoration(self) -> Restoration | None:
        """Its restoration, once it has begun."""
        return self._state.restoration

    @property
    def is_busy(self) -> bool:
        """Whether more is on its way."""
        return self._task.is_busy or self._repaint.is_busy

    @property
    def progress(self) -> tuple[int, int]:
        """How many tiles of what is looked at are restored, and how many there are."""
        restoration = self._state.restoration
        if restoration is None or self._seen is None:
            return 0, 0
        tiles, level = self._tiles_seen(restoration, self._seen)
        return sum(restoration.levels.has(tile, level) for tile in tiles), len(tiles)

    @property
    def shows_restored(self) -> bool:
        """Whether something of what is looked at is restored, be it at first as a whole and small."""
        restoration = self._state.restoration
        if restoration is None or self._seen is None:
            return False
        tiles, level = self._tiles_seen(restoration, self._seen)
        if level > 0 and restoration.levels.has_first_look:
            return True
        return any(restoration.levels.has(tile, level) for tile in tiles)

    def set_photo(self, photo: PhotoRef | None) -> None:
        """Look at another photo; None: at none."""
        if photo == self._photo:
            return
        if self._state.photo is not None:
            self._kept = _within_memory([self._state, *self._kept])
        self._photo = photo
        self._state = next((state for state in self._kept if state.photo and state.photo.photo == photo), _State())
        self._kept = [state for state in self._kept if state is not self._state]
        self._blend_anew()
        self._expose_anew()
        self._must_check = self._state.photo is not None
        self._start_over()

    def set_model(self, model: ModelChoice | None) -> None:
        """Restore with another model."""
        if model != self._model:
            self._model = model
            self._start_over()

    def set_blend(self, blend: Blend) -> None:
        """Blend anew; nothing is computed again."""
        self._blend = blend
        self._blend_anew()

    def _blend_anew(self) -> None:
        restoration = self._state.restoration
        if restoration is not None and restoration.levels.blend != self._blend:
            restoration.levels.blend = self._blend
            self._show_anew(restoration.pyramid)

    def set_exposure(self, stops: float) -> None:
        """Show the photo brighter by so many doublings of light, before and after; nothing is computed again."""
        self._exposure_stops = stops
        self._expose_anew()

    def _expose_anew(self) -> None:
        for shown in (self._state.photo, self._state.restoration):
            if shown is not None and shown.pyramid.settings.exposure_stops != self._exposure_stops:
                shown.pyramid.settings = replace(shown.pyramid.settings, exposure_stops=self._exposure_stops)
                self._show_anew(shown.pyramid)

    def _show_anew(self, pyramid: ImagePyramid) -> None:
        # With those that an earlier request named, which this one makes void.
        self._outdated.add(pyramid)
        outdated = tuple(self._outdated)
        self._repaint.submit(partial(_outdate, outdated))

    def set_raw_look(self, raw_look: RawLook) -> None:
        """Show raw files in another way; nothing is computed again."""
        if raw_look == self._raw_look:
            return
        self._raw_look = raw_look
        self._stop()
        self._state = _with_look(self._state, raw_look)
        self._kept = [_with_look(state, raw_look) for state in self._kept]
        self._advance()
        self.changed.emit()

    def set_seen(self, seen: SeenPart | None) -> None:
        """Restore what is looked at; None: nothing is, so nothing is computed."""
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            self._stop()
        elif not self._task.is_busy or (isinstance(self._step, TilePlace) and self._step not in self._wanted_tiles()):
            self._advance()

    def set_sparing(self, is_sparing: bool) -> None:
        """Leave the processor to others: tiles come only where single pixels are looked at."""
        if is_sparing != self._is_sparing:
            self._is_sparing = is_sparing
            if not self._task.is_busy or isinstance(self._step, TilePlace):
                self._advance()

    def check_files(self) -> None:
        """Look whether photo and model are still those that are shown, and try again what failed."""
        self._must_check = True
        self._start_over()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._control.cancel()
        self._task.shut_down()
        self._repaint.shut_down()

    def _start_over(self) -> None:
        self.failure = None
        restoration = self._state.restoration
        if restoration is not None and restoration.model != self._model:
            self._state = _State(self._state.photo)
        self._advance()
        self.changed.emit()

    def _stop(self) -> None:
        self._control.cancel()
        self._task.cancel()
        self._step = None

    @Slot()
    def _advance(self) -> None:
        """Begin what is wanted most."""
        self._stop()
        path, model, seen, state = self._photo, self._model, self._seen, self._state
        if path is None or seen is None or self.failure is not None:
            return
        control = self._control = JobControl()
        blend, areas = self._blend, self._areas
        if state.photo is None or self._must_check:
            self._step = "open"
            self._task.submit(partial(_opened, path, model, state, self._raw_look, control))
        elif model is None:
            return
        elif state.restoration is None:
            self._step = "begin"
            self._task.submit(partial(_begun, state.photo, model, blend, areas, control))
        elif self._wants_first_look(state.restoration, seen):
            self._step = "first look"
            self._task.submit(partial(_first_look, state.restoration, control))
        else:
            tile = next(iter(self._wanted_tiles()), None)
            if tile is not None:
                self._step = tile
                self._task.submit(partial(_restored_tile, state.restoration, tile, areas, control))

    def _tiles_seen(self, restoration: Restoration, seen: SeenPart) -> tuple[list[TilePlace], int]:
        """Return the tiles that are looked at, from the middle outwards, and on which level."""
        key = (restoration, seen)
        if self._seen_tiles is None or self._seen_tiles[0] != key:
            self._seen_tiles = (key, *_tiles_seen(restoration.levels, seen))
        return self._seen_tiles[1:]

    def _wants_first_look(self, restoration: Restoration, seen: SeenPart) -> bool:
        levels = restoration.levels
        is_possible = levels.num_levels > 1 and not restoration.restorer.takes_mosaics
        return is_possible and not levels.has_first_look and self._tiles_seen(restoration, seen)[1] > 0

    def _wanted_tiles(self) -> list[TilePlace]:
        """What is seen and not restored yet, from the middle outwards."""
        restoration = self._state.restoration
        if restoration is None or self._seen is None:
            return []
        tiles, level = self._tiles_seen(restoration, self._seen)
        if self._is_sparing and level > 0:
            return []
        return [tile for tile in tiles if not restoration.levels.has(tile, level)]

    @Slot(object)
    def _take(self, state: _State) -> None:
        self._must_check = False
        self._state = state
        self._blend_anew()
        self._expose_anew()
        self._advance()
        self.changed.emit()

    @Slot(object)
    def _fail(self, error: EngineError) -> None:
        self.failure = error
        self._step = None
        self.changed.emit()

    @Slot()
    def _tell(self) -> None:
        self._outdated.clear()
        self.changed.emit()


def _tiles_seen(levels: RestoredLevels, seen: SeenPart) -> tuple[list[TilePlace], int]:
    """Return the tiles that are looked at, from the middle outwards, and on which level."""
    size = levels.size
    part = QRectF(
        seen.part.left() * size.width(),
        seen.part.top() * size.height(),
        seen.part.width() * size.width(),
        seen.part.height() * size.height(),
    )
    return levels.tiles_in(part.toAlignedRect()), level_for(levels, seen.zoom / levels.scale)


def _outdate(pyramids: Sequence[ImagePyramid]) -> None:
    for pyramid in pyramids:
        pyramid.outdate()


def _with_look(state: _State, raw_look: RawLook) -> _State:
    """Return a state in which a raw file, and what has been restored of it, look otherwise."""
    photo, restoration = state.photo, state.restoration
    if photo is None or photo.tone is None:
        return state
    settings = replace(photo.pyramid.settings, tone=photo.tone if raw_look == "camera" else None)
    photo = replace(photo, pyramid=ImagePyramid(photo.pixels, settings))
    if restoration is not None:
        restoration = replace(restoration, photo=photo, pyramid=ImagePyramid(restoration.levels, settings))
    return _State(photo, restoration)


def _opened(
    photo: PhotoRef, model: ModelChoice | None, state: _State, raw_look: RawLook, control: JobControl
) -> _State:
    """Read a photo, unless it is there; let go of a restoration by what the model is no more."""
    channel = shown_channel()
    stamp = f"{identity_of(photo)}\nchannel {channel}"
    known, restoration = state.photo, state.restoration
    if known is None or known.stamp != stamp:
        read = read_shown(photo, channel=channel, control=control)
        source = SamplePixels(read.samples)
        pixels = PixelPyramid(source)
        control.wait_if_paused()
        metadata = read.metadata
        pyramid = ImagePyramid(pixels, _display_settings(read))
        tone = read_tone(photo, read.samples) if read.samples.dtype == np.float32 and not read.channels else None
        return _with_look(_State(OpenPhoto(photo, stamp, source, pixels, pyramid, metadata, tone)), raw_look)
    if restoration is None or model is None or restoration.stamp != AreaRestorer.model_stamp(model.path):
        return _State(known)
    return state


def _display_settings(shown: ShownPhoto) -> DisplaySettings:
    metadata = shown.metadata
    return DisplaySettings(
        icc_profile=metadata.icc_profile,
        levels=DisplayLevels.of_file(metadata.levels),
        channels=ChannelTint.of_photo(shown),
    )


def _begun(photo: OpenPhoto, model: ModelChoice, blend: Blend, areas: AreaRestorer, control: JobControl) -> _State:
    """Load the model, and show the noisy photo at the size that it will have."""
    stamp = areas.model_stamp(model.path)
    restorer = areas.restorer(model.path)
    control.wait_if_paused()
    num_channels = PHOTO_CHANNELS if restorer.takes_mosaics else photo.pixels.num_channels
    levels = RestoredLevels(
        photo.pixels,
        scale=restorer.scale,
        num_channels=num_channels,
        channels_are_gray=photo.metadata.channels_are_gray,
        blend=blend,
    )
    pyramid = ImagePyramid(levels, photo.pyramid.settings)
    return _State(photo, Restoration(photo, model, stamp, restorer, levels, pyramid))


def _first_look(restoration: Restoration, control: JobControl) -> _State:
    """Restore the whole photo small: it stands for what no tile has come for yet."""
    pixels = restoration.photo.pixels
    level = pixels.num_levels - 1
    noisy = pixels.window(level, 0, 0, *pixels.level_size(level))
    metadata = restoration.photo.metadata
    restored = restoration.restorer.restore(
        noisy, levels=metadata.levels, channels_are_gray=metadata.channels_are_gray, control=control
    )
    restoration.levels.put_first_look(restored)
    restoration.pyramid.outdate()
    return _State(restoration.photo, restoration)


def _restored_tile(restoration: Restoration, tile: TilePlace, areas: AreaRestorer, control: JobControl) -> _State:
    """Restore one tile at full size."""
    photo, levels = restoration.photo, restoration.levels
    place, scale = levels.place(tile), levels.scale
    area = Spot(place.left() // scale, place.top() // scale, place.width() // scale, place.height() // scale)
    restored = areas.restore(photo.photo, photo.source, photo.metadata, area, restoration.restorer, control)
    levels.put(tile, restored)
    restoration.pyramid.outdate(levels.changed_by(tile))
    return _State(photo, restoration)


def _within_memory(states: list[_State]) -> list[_State]:
    """Keep the first of them, as far as they are not too many nor too large."""
    kept: list[_State] = []
    num_pixels = 0
    for state in states[:_MAX_KEPT]:
        if state.photo is not None:
            num_pixels += state.photo.source.width * state.photo.source.height
            if num_pixels > _KEPT_PIXELS:
                break
            kept.append(state)
    return kept
