"""Which photo is meant, photos in numbers, and what their camera noted."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, GetJsonSchemaHandler, GetPydanticSchema, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from engine.contracts.output_formats import FORMATS

Pixels = NDArray[np.float32]
"""Height x width x channels (1 or 3), read-only: the image contract at every border of the engine.

0 to 1, except where a file's numbers have a sign or are floating-point numbers of another range: those stay in units of
their type, with what is black and white beside them, see `engine.photo_files.values`."""

_JSON_SCHEMA: Final[dict[str, Any]] = {"type": "string", "format": "path"}
_MARK: Final = " · page "
_PAGE_STEM: Final = re.compile(rf"(?P<stem>.*){_MARK}(?P<page>[1-9]\d{{0,5}})", re.DOTALL)


@dataclass(frozen=True, order=True)
class PhotoRef:
    """A photo: a file, or a page of one. A microscope's stack is one file and many photos.

    Its text, in settings, run folders and reports, looks like a path: that of the file, or, of a page,
    `stack.tif/stack · page 3.tif`. No file has anything below it, so that such a text can mean nothing else.

    Attributes:
        file: On the disk.
        page: From 1, counted over all directories of the file, as other programs do; 0: the file holds one photo.
    """

    file: Path
    page: int = 0

    @classmethod
    def of(cls, place: "str | Path | PhotoRef") -> "PhotoRef":
        """Return the photo that a text or a file stands for.

        Raises:
            ValueError: It is of another kind.
        """
        if isinstance(place, PhotoRef):
            return place
        if not isinstance(place, str | Path):
            raise ValueError(f"a photo is named by a path; found {place!r}")
        path = Path(place)
        # Asked for every photo of a long list.
        match = _PAGE_STEM.fullmatch(path.stem) if _MARK in path.name else None
        file = path.parent
        if match is None or (match["stem"], path.suffix) != (file.stem, file.suffix):
            return cls(path)
        # A folder may be named like a stack.
        is_page = file.suffix.lower() in FORMATS["tiff"].suffixes and not os.path.isdir(file)
        return cls(file, int(match["page"])) if is_page else cls(path)

    @property
    def name(self) -> str:
        """What it is called, with the file's ending."""
        return self.stem + self.suffix

    @property
    def stem(self) -> str:
        """What it, and what is made of it, is called."""
        return f"{self.file.stem}{_MARK}{self.page}" if self.page else self.file.stem

    @property
    def suffix(self) -> str:
        """The file's ending, with its dot."""
        return self.file.suffix

    @property
    def names(self) -> tuple[str, str]:
        """By what settings may name it: its file name, which others may have too, or its text from the root."""
        return self.name, str(self.absolute())

    def is_named_in(self, names: Collection[str]) -> bool:
        """Return whether it is among the photos that settings name."""
        return any(name in names for name in self.names)

    def is_on_disk(self) -> bool:
        """Return whether its file is there."""
        return os.path.exists(self.file)

    def is_in(self, place: "Path | PhotoRef") -> bool:
        """Return whether a folder or file holds it, or it is that photo."""
        ref = PhotoRef.of(place)
        return self == ref if ref.page else self.file.is_relative_to(ref.file)

    def resolved(self) -> "PhotoRef":
        """Return the photo by a path without links on its way; where a link leads to itself it stays."""
        try:
            return PhotoRef(self.file.resolve(), self.page)
        except (OSError, RuntimeError):
            return PhotoRef(self.file.absolute(), self.page)

    def absolute(self) -> "PhotoRef":
        """Return the photo by a path from the root."""
        return PhotoRef(self.file.absolute(), self.page)

    def __str__(self) -> str:
        return str(self.file / self.name if self.page else self.file)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        return _schema_of_text(cls.of)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _JSON_SCHEMA


def _schema_of_text(read: Callable[[Any], Any]) -> CoreSchema:
    """How a config takes a value, or the text that stands for it in JSON."""
    as_text = core_schema.to_string_ser_schema(when_used="json")
    return core_schema.no_info_plain_validator_function(read, serialization=as_text)


def photo_place(place: str | Path | PhotoRef) -> Path | PhotoRef:
    """Return what a text stands for among given folders, files and photos: a page of a file, or a path.

    Raises:
        ValueError: It is of another kind.
    """
    ref = PhotoRef.of(place)
    return ref if ref.page else ref.file


PhotoPlace = Annotated[
    Path | PhotoRef,
    GetPydanticSchema(lambda _source, _handler: _schema_of_text(photo_place)),
    WithJsonSchema(_JSON_SCHEMA),
]
"""Where photos are: a folder, or a file, with all that it holds; or one photo."""


def _photo_name(text: str) -> str:
    return text if Path(text).name == text else str(PhotoRef.of(text).absolute())


PhotoName = Annotated[str, AfterValidator(_photo_name)]
"""One of `PhotoRef.names`, by which settings say which photos are meant."""


@dataclass(frozen=True, kw_only=True)
class CameraFacts:
    """What the camera noted.

    Attributes:
        camera: Maker and model, "Apple iPhone 7"; "" where unknown.
        iso: The sensitivity; None where unknown.
        taken: When the photo was taken, by the camera's clock, without a time zone; None where unknown.
    """

    camera: str = ""
    iso: int | None = None
    taken: datetime | None = None


NOTHING_NOTED: Final = CameraFacts()
"""Of a file without such notes."""
