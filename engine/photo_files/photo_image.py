"""What a photo is inside the engine, and what is kept beside its pixels."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageWriteError
from engine.contracts.output_formats import FileFormat
from engine.contracts.photo import Pixels
from engine.photo_files.exif import state_size

BitDepth = Literal[8, 16]


@dataclass(frozen=True, kw_only=True)
class PictureDescriptions:
    """What a file says of its picture beside EXIF.

    Attributes:
        xmp: The XMP packet.
        iptc: The IPTC block (IIM 4.2).
        texts: Its texts, such as a title or a comment, each as kind and body of a PNG's chunk.
        dots_per_inch: Across and down.
        remarks: Sentences about what of it was not taken.
    """

    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[bytes, bytes], ...] = ()
    dots_per_inch: tuple[float, float] | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageMetadata:
    """What is kept of a file beside its pixels.

    Attributes:
        file_format: In which the photo is written back: its own, as the content says, whatever the file's name ends in.
        bit_depth: Bits per channel in which the photo is written back: 8 or 16.
        icc_profile: The colour profile, if the file has one that fits its pixels.
        exif: The EXIF block, beginning with its byte order mark; its orientation is 1, since the pixels are
            upright already.
        is_lossless: Whether the file lost nothing in compression; tells the two kinds of WebP apart.
        remarks: Sentences about what could not be done when it was read; a person should know them.
        descriptions: What else the file says.
        channels_are_gray: Whether the channels of more than one are no red, green and blue, but those of a
            microscope; a TIFF file is marked so again.
    """

    file_format: FileFormat
    bit_depth: BitDepth
    icc_profile: bytes | None = None
    exif: bytes | None = None
    is_lossless: bool = True
    remarks: tuple[str, ...] = ()
    descriptions: PictureDescriptions = PictureDescriptions()
    channels_are_gray: bool = False


@dataclass(frozen=True, eq=False)
class PhotoImage:
    """An upright photo.

    Attributes:
        pixels: Height x width x channels (1 gray, 3 RGB), float32, 0 to 1, read-only, never premultiplied.
        alpha: Height x width, float32, 0 (transparent) to 1, read-only; None where the photo is opaque.
        metadata: What is kept beside the pixels.
        extra: A channel that is neither colour nor transparency (infrared of a film scanner, a further stain of a
            microscope), as alpha; None where there is none.
    """

    pixels: Pixels
    alpha: NDArray[np.float32] | None = None
    metadata: ImageMetadata = field(default_factory=lambda: ImageMetadata(file_format="png", bit_depth=8))
    extra: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or self.pixels.dtype != np.float32:
            raise ValueError(
                f"pixels must be float32, height x width x 1 or 3; "
                f"found {self.pixels.dtype} of shape {self.pixels.shape}"
            )
        object.__setattr__(self, "pixels", _read_only(self.pixels))
        for name, channel in (("alpha", self.alpha), ("extra", self.extra)):
            if channel is None:
                continue
            if channel.shape != self.pixels.shape[:2] or channel.dtype != np.float32:
                raise ValueError(
                    f"{name} must be float32 of shape {self.pixels.shape[:2]}; "
                    f"found {channel.dtype} of shape {channel.shape}"
                )
            object.__setattr__(self, name, _read_only(channel))

    def with_pixels(
        self, pixels: Pixels, alpha: NDArray[np.float32] | None, extra: NDArray[np.float32] | None = None
    ) -> "PhotoImage":
        """The photo with other pixels, of another size too; its metadata then states that size."""
        metadata = self.metadata
        if metadata.exif is not None and pixels.shape[:2] != self.pixels.shape[:2]:
            metadata = replace(metadata, exif=state_size(metadata.exif, pixels.shape[1], pixels.shape[0]))
        return PhotoImage(pixels, alpha, metadata, extra)

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class PhotoSamples:
    """An upright photo in the numbers of its file, which take half or a quarter of the memory that floats take.

    Attributes:
        samples: Height x width x channels (1 gray, 3 RGB): uint8 or uint16 of full range, or float32 in 0 to 1.
        alpha: Height x width, of the same kind; None where the photo is opaque.
        metadata: What is kept beside the samples.
        extra: As in `PhotoImage`, of the same kind as the samples.
    """

    samples: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: ImageMetadata = field(default_factory=lambda: ImageMetadata(file_format="png", bit_depth=8))
    extra: NDArray[Any] | None = None

    def as_image(self) -> PhotoImage:
        """The same as floats."""
        alpha, extra = (None if channel is None else to_float(channel) for channel in (self.alpha, self.extra))
        return PhotoImage(to_float(self.samples), alpha, self.metadata, extra)

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.samples.shape[1])

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.samples.shape[0])


def to_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples as floats in 0 to 1.

    Args:
        samples: Of any shape: uint8 or uint16 of full range, or floats, which stay as they are.
    """
    if samples.dtype.kind == "f":
        return np.ascontiguousarray(samples, dtype=np.float32)
    scaled: NDArray[np.float32] = samples.astype(np.float32)
    scaled *= np.float32(1 / np.iinfo(samples.dtype).max)
    return scaled


def to_integers(values: NDArray[np.float32], bit_depth: BitDepth) -> NDArray[Any]:
    """Round values to the numbers of a file.

    Args:
        values: Of any shape; clipped to 0 to 1.
        bit_depth: 8 or 16.

    Returns:
        uint8 or uint16 of full range, same shape.

    Raises:
        ImageWriteError: Some of the values are no numbers.
    """
    if not np.isfinite(values).all():
        raise ImageWriteError(
            "The restored picture holds values that are no numbers.",
            "Restore it again with another model, and report this.",
        )
    scaled = np.clip(values, 0, 1)
    scaled *= np.float32(2**bit_depth - 1)
    integers: NDArray[Any] = np.rint(scaled, out=scaled).astype(np.uint8 if bit_depth == 8 else np.uint16)
    return integers


def as_samples(image: PhotoImage, bit_depth: BitDepth) -> PhotoSamples:
    """Round a photo to the numbers of a file.

    Args:
        image: Values outside of 0 to 1 are clipped.
        bit_depth: 8 or 16.

    Raises:
        ImageWriteError: Some of the values are no numbers.
    """
    alpha, extra = (
        None if channel is None else to_integers(channel, bit_depth) for channel in (image.alpha, image.extra)
    )
    return PhotoSamples(to_integers(image.pixels, bit_depth), alpha, image.metadata, extra)


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """What the header of a file tells.

    Attributes:
        width: Pixels, after EXIF orientation.
        height: Pixels, after EXIF orientation.
        num_channels: 1 (gray) or 3 (RGB); alpha is not counted.
        bit_depth: 8 or 16.
        file_format: As in `ImageMetadata`.
        has_alpha: Whether the photo has transparency.
        has_extra: Whether it has a further channel that is neither colour nor transparency.
    """

    width: int
    height: int
    num_channels: int
    bit_depth: BitDepth
    file_format: FileFormat
    has_alpha: bool = False
    has_extra: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodedImage:
    """The samples of a file as its decoder gives them, not yet turned upright.

    Attributes:
        samples: Height x width x channels: uint8, uint16, or float32 in 0 to 1. Channels: 1 gray, 2 gray and alpha,
            3 RGB, 4 RGB and alpha.
        bit_depth: As in `ImageMetadata`.
        icc_profile: As stored.
        exif: As stored, without the "Exif" prefix.
        is_lossless: As in `ImageMetadata`.
        written_format: In which the photo is written back; None: in its own.
        descriptions: As in `ImageMetadata`.
        has_extra: Whether the last channel is no transparency but one of its own, such as infrared.
        channels_are_gray: As in `ImageMetadata`.
    """

    samples: NDArray[Any]
    bit_depth: BitDepth
    icc_profile: bytes | None = None
    exif: bytes | None = None
    is_lossless: bool = True
    written_format: FileFormat | None = None
    descriptions: PictureDescriptions = PictureDescriptions()
    has_extra: bool = False
    channels_are_gray: bool = False


def _read_only(array: NDArray[np.float32]) -> NDArray[np.float32]:
    view = array.view()
    view.setflags(write=False)
    return view
