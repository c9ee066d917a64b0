"""Photos decoded for looking at them, with the last few kept: walking back and forth must not decode again."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.core.shown_channel import shown_channel
from app.look.image_convert import ChannelTint
from app.look.translation import translate_engine
from app.viewer.pictures import MissingPicture, PaneContent, Picture, PictureRole
from engine.comparing.shown_channels import has_channels, read_shown
from engine.contracts.errors import EngineError
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef, Pixels
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image
from engine.photo_files.values.sample_types import to_float
from engine.photos.identity import identity_of
from engine.photos.stack_levels import as_in_stack


@dataclass(frozen=True, eq=False)
class ShownPixels:
    """A photo as it is looked at.

    Attributes:
        pixels: In units of the file's type. Height x width x channels.
        metadata: What its file says; the levels are those of all channels.
        channels: Of channels that are no colours: how each is shown.
    """

    pixels: Pixels
    metadata: ImageMetadata
    channels: tuple[ChannelTint, ...] = ()

    def picture(self, *, title: str, detail: str = "", role: PictureRole) -> Picture:
        """Return it as a pane's content: in the numbers, the levels and the colours of its file.

        Args:
            title: As of `Picture`.
            detail: As of `Picture`.
            role: As of `Picture`.
        """
        return Picture(
            title=title,
            detail=detail,
            pixels=self.pixels,
            bit_depth=self.metadata.bit_depth,
            role=role,
            icc_profile=self.metadata.icc_profile,
            levels=self.metadata.levels,
            sample_type=self.metadata.sample_type,
            channels=self.channels,
        )


class PictureFiles:
    """A bounded cache of decoded photos; any thread may read."""

    def __init__(self, limit_bytes: int = 768 * 2**20) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._photos: OrderedDict[str, PhotoImage | ShownPixels] = OrderedDict()

    def read(self, photo: PhotoRef, raw_look: RawLook = "neutral") -> PhotoImage:
        """Return a photo; decoded anew where the file has changed.

        Args:
            photo: Which it is.
            raw_look: How it looks where it is a raw file.

        Raises:
            ImageReadError: The file cannot be read as a photo.
        """
        key = f"{identity_of(photo)} {raw_look}"
        kept = self._kept(key)
        if isinstance(kept, PhotoImage):
            return kept
        image = as_in_stack(photo, read_image(photo, raw_look=raw_look))
        self._keep(key, image)
        return image

    def shown(self, photo: PhotoRef, raw_look: RawLook = "neutral", *, channel: int | None = None) -> ShownPixels:
        """Return what is to be looked at of a photo, see `read_shown`.

        Args:
            photo: Which it is.
            raw_look: As for `read`.
            channel: Which one alone; None: as the person has chosen for all pages.

        Raises:
            ImageReadError: The file cannot be read as a photo.
        """
        if not has_channels(photo):
            image = self.read(photo, raw_look)
            return ShownPixels(image.pixels, image.metadata)
        channel = shown_channel() if channel is None else channel
        key = f"{identity_of(photo)} channel {channel}"
        kept = self._kept(key)
        if isinstance(kept, ShownPixels):
            return kept
        read = read_shown(photo, channel=channel)
        shown = ShownPixels(to_float(read.samples), read.metadata, ChannelTint.of_photo(read))
        self._keep(key, shown)
        return shown

    def _kept(self, key: str) -> PhotoImage | ShownPixels | None:
        with self._lock:
            if key in self._photos:
                self._photos.move_to_end(key)
            return self._photos.get(key)

    def _keep(self, key: str, photo: PhotoImage | ShownPixels) -> None:
        with self._lock:
            self._photos[key] = photo
            while sum(kept.pixels.nbytes for kept in self._photos.values()) > self._limit_bytes:
                self._photos.popitem(last=False)

    def picture(
        self,
        photo: PhotoRef,
        *,
        title: str,
        detail: str,
        role: PictureRole,
        raw_look: RawLook = "neutral",
        channel: int | None = None,
    ) -> PaneContent:
        """Return a photo as a pane's content; one that cannot be read as the reason why.

        Args:
            photo: Which it is.
            title: As of `Picture`.
            detail: As of `Picture`; the names of channels are added.
            role: As of `Picture`.
            raw_look: As for `read`.
            channel: As for `shown`.
        """
        try:
            shown = self.shown(photo, raw_look, channel=channel)
        except EngineError as error:
            return MissingPicture(title=title, reason=translate_engine(str(error)))
        names = (tint.name for tint in shown.channels)
        named = " · ".join(filter(None, (detail, " + ".join(filter(None, names)))))
        return shown.picture(title=title, detail=named, role=role)
