"""The formats that photos are written in: one row each, which configs, forms, settings, output plan and writer read.

A new format is a row here and its encoder in `engine.photo_files.encoding.ENCODERS`.
"""

from dataclasses import dataclass
from typing import Final, Literal

FileFormat = str
"""A key of `FORMATS`."""

RawLook = Literal["camera", "neutral"]
"""How a raw file is rendered: about as bright as the camera's own picture of it, by a base curve; or as it is."""

Container = Literal["png", "jpeg", "tiff", "webp", "bmp"]
"""How the files that can be read and described are built; each is a format of that name too."""

Trait = Literal["gray", "alpha", "extra", "numbers", "profile", "exif", "xmp", "iptc", "texts", "comment", "resolution"]
"""What there can be of a picture: one channel instead of three colours, transparency, further channels such as
infrared, numbers of other types than 8 and 16 bits without sign, and what its file says of it. A comment is the one
text of some formats."""


@dataclass(frozen=True, kw_only=True)
class FormatSpec:
    """What a format is called, and what its files can hold.

    Attributes:
        name: As a person writes it.
        suffixes: Endings of its files' names in lower case, the usual one first.
        bits: The most per channel.
        container: How its files are built, and so where their metadata stand; None: as none that this program reads.
        largest_side_px: None: as large as a photo can be.
        has_quality: Whether a person chooses how much it loses.
        holds: What it has a place for. Without one for the profile, colours become sRGB; without one for XMP, nobody
            can tell later how a photo was restored.
        is_of_sensors: Whether it holds what a sensor measured, still to be developed: raw files alone become one, and
            other photos keep their own format.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: Literal[8, 16]
    container: Container | None = None
    largest_side_px: int | None = None
    has_quality: bool = False
    holds: frozenset[Trait] = frozenset()
    is_of_sensors: bool = False


@dataclass(frozen=True, kw_only=True)
class FileChoices:
    """What a person chooses of a file beside its format; each is a field of `RestoreConfig`, and reaches every encoder.

    Attributes:
        jpeg_quality: 1 to 100; of formats that have one.
    """

    jpeg_quality: int = 95

    def noted(self, file_format: FileFormat) -> dict[str, object]:
        """Return what makes a file of a format another one, under the names that the note in the file has for it."""
        return {"quality": self.jpeg_quality} if FORMATS[file_format].has_quality else {}


USUAL_CHOICES: Final = FileChoices()

_MOST: Final[frozenset[Trait]] = frozenset({"gray", "profile", "exif", "xmp", "iptc", "resolution"})

FORMATS: Final[dict[FileFormat, FormatSpec]] = {
    "png": FormatSpec(
        name="PNG", suffixes=(".png", ".apng"), bits=16, container="png", holds=_MOST | {"alpha", "texts"}
    ),
    "tiff": FormatSpec(
        name="TIFF", suffixes=(".tif", ".tiff"), bits=16, container="tiff", holds=_MOST | {"alpha", "extra", "numbers"}
    ),
    "jpeg": FormatSpec(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        bits=8,
        container="jpeg",
        largest_side_px=65_535,
        has_quality=True,
        holds=_MOST | {"comment"},
    ),
    "webp": FormatSpec(
        name="WebP",
        suffixes=(".webp",),
        bits=8,
        container="webp",
        largest_side_px=16_383,
        has_quality=True,
        holds=frozenset({"alpha", "profile", "exif", "xmp"}),
    ),
    "bmp": FormatSpec(
        name="BMP",
        suffixes=(".bmp", ".dib"),
        bits=8,
        container="bmp",
        holds=frozenset({"gray", "alpha", "resolution"}),
    ),
    "dng": FormatSpec(
        name="DNG",
        suffixes=(".dng",),
        bits=16,
        container="tiff",
        holds=frozenset({"exif", "xmp", "iptc", "resolution"}),
        is_of_sensors=True,
    ),
}

EARLIER_FORMATS: Final[dict[str, dict[str, str]]] = {"tiff16": {"format": "tiff", "bit_depth": "16"}}
"""Words of version 0.1 in place of a format, which scripts and kept settings still hold: what each stands for."""
