"""Photos decoded for looking at them, with the last few kept: walking back and forth must not decode again."""

import threading
from collections import OrderedDict
from dataclasses import replace

from app.look.image_convert import DisplayLevels
from app.look.translation import translate_engine
from app.viewer.pictures import MissingPicture, PaneContent, Picture, PictureRole
from engine.contracts.errors import EngineError
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, read_image
from engine.photos.identity import identity_of
from engine.photos.stack_levels import levels_in_stack


class PictureFiles:
    """A bounded cache of decoded photos; any thread may read."""

    def __init__(self, limit_bytes: int = 768 * 2**20) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._photos: OrderedDict[str, PhotoImage] = OrderedDict()

    def read(self, path: PhotoRef, raw_look: RawLook = "neutral") -> PhotoImage:
        """Return a photo; decoded anew where the file has changed.

        Args:
            path: Which it is.
            raw_look: How it looks where it is a raw file.

        Raises:
            ImageReadError: The file cannot be read as a photo.
        """
        key = f"{identity_of(path)} {raw_look}"
        with self._lock:
            if key in self._photos:
                self._photos.move_to_end(key)
                return self._photos[key]
        photo = read_image(path, raw_look=raw_look)
        levels = levels_in_stack(path, photo.metadata, photo.pixels.shape[2])
        if levels is not photo.metadata.levels:
            photo = replace(photo, metadata=replace(photo.metadata, levels=levels))
        with self._lock:
            self._photos[key] = photo
            while sum(kept.pixels.nbytes for kept in self._photos.values()) > self._limit_bytes:
                self._photos.popitem(last=False)
        return photo

    def picture(
        self, path: PhotoRef, *, title: str, detail: str, role: PictureRole, raw_look: RawLook = "neutral"
    ) -> PaneContent:
        """Return a photo as a pane's content; one that cannot be read as the reason why."""
        try:
            photo = self.read(path, raw_look)
        except EngineError as error:
            return MissingPicture(title=title, reason=translate_engine(str(error)))
        return Picture(
            title=title,
            detail=detail,
            pixels=photo.pixels,
            bit_depth=photo.metadata.bit_depth,
            role=role,
            icc_profile=photo.metadata.icc_profile,
            levels=DisplayLevels.of_file(photo.metadata.levels),
            sample_type=photo.metadata.sample_type,
        )
