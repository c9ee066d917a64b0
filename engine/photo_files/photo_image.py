"""What a photo is inside the engine, and what is kept beside its pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.contracts.output_formats import FileFormat
from engine.contracts.photo import Pixels
from engine.photo_files.exif import state_size
from engine.photo_files.sensors.camera_space import CameraSpace
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, levels_of_measuring, levels_of_reference
from engine.photo_files.values.sample_types import SampleType, to_float, to_samples, unit_of

BitDepth = Literal[8, 16]

SPREAD_REMARK: Final = (
    "The file that was asked for holds numbers of another type: the picture's values are spread over their range."
)


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
            microscope; a TIFF file is marked so again, and each channel is restored as a picture of its own.
        sample_type: Of the file's numbers, in which the photo is written back where nothing else is asked for; None:
            as the bit depth says.
        levels: Which of them are black and white.
        extra_levels: The same of the channels that are neither colour nor transparency.
        camera: Whose colours the pixels are: linear, before white balance, for a DNG; None: finished ones.
    """

    file_format: FileFormat
    bit_depth: BitDepth
    icc_profile: bytes | None = None
    exif: bytes | None = None
    is_lossless: bool = True
    remarks: tuple[str, ...] = ()
    descriptions: PictureDescriptions = PictureDescriptions()
    channels_are_gray: bool = False
    sample_type: SampleType | None = None
    levels: ValueLevels = OF_TYPE
    extra_levels: ValueLevels = OF_TYPE
    camera: CameraSpace | None = None

    @property
    def type_written(self) -> SampleType:
        """The type of the numbers in which the photo is written back."""
        return self.sample_type or type_of_bit_depth(self.bit_depth)


def between_levels(noisy: "PhotoImage", clean: "PhotoImage") -> tuple[Pixels, Pixels]:
    """Return a noisy photo's and its reference's values so that they can be compared: between one black and white.

    Photographs as they are. Of others neither is clipped.
    """
    return noisy.metadata.levels.normalised(noisy.pixels), _levels_beside(noisy, clean).normalised(clean.pixels)


def measured_values(noisy: "PhotoImage", clean: "PhotoImage") -> tuple[Pixels, Pixels, ValueLevels]:
    """Return a noisy photo's and its reference's values on the scale on which PSNR and SSIM are measured.

    Returns:
        Both, and what is black and white in them, see `levels_of_measuring`.
    """
    levels, of_clean = noisy.metadata.levels, _levels_beside(noisy, clean)
    scale = levels_of_measuring(levels, noisy.metadata.type_written, of_clean, clean.metadata.type_written)
    return levels.brought_to(scale, noisy.pixels), of_clean.brought_to(scale, clean.pixels), scale


def _levels_beside(noisy: "PhotoImage", clean: "PhotoImage") -> ValueLevels:
    noisy_unit, clean_unit = (unit_of(image.metadata.type_written) for image in (noisy, clean))
    return levels_of_reference(noisy.metadata.levels, noisy_unit, clean.metadata.levels, clean_unit)


def channels_beside_colours(photo: "PhotoImage", other: "PhotoImage") -> Iterator[tuple["PhotoImage", "PhotoImage"]]:
    """Yield what two versions of a photo have beside their first channels, where each channel is a picture of its own.

    Args:
        photo: A photo.
        other: Its reference, or what became of it.

    Yields:
        Each channel of both as a gray picture; nothing where they are unlike, or have colours (what stands beside
        those is infrared or a mask).
    """
    if photo.extra is None or other.extra is None or photo.extra.shape != other.extra.shape:
        return
    if photo.pixels.shape[2] != other.pixels.shape[2]:
        return
    if photo.pixels.shape[2] > 1 and not photo.metadata.channels_are_gray:
        return
    for index in range(photo.extra.shape[2]):
        yield _extra_channel(photo, photo.extra, index), _extra_channel(other, other.extra, index)


def _extra_channel(image: "PhotoImage", extra: Pixels, index: int) -> "PhotoImage":
    levels = image.metadata.extra_levels.of_channel(index)
    metadata = replace(image.metadata, levels=levels, channels_are_gray=False, icc_profile=None)
    return replace(image, pixels=extra[:, :, index : index + 1], alpha=None, metadata=metadata, extra=None)


def type_of_bit_depth(bit_depth: BitDepth) -> SampleType:
    """Return the type of whole numbers of full range."""
    return "uint8" if bit_depth == 8 else "uint16"


@dataclass(frozen=True, eq=False)
class PhotoImage:
    """An upright photo.

    Attributes:
        pixels: Height x width x channels (1 gray, 3 RGB), float32, read-only, never premultiplied: in units of the
            file's type (`engine.photo_files.values`), which is 0 to 1 for all but numbers with sign and floats.
        alpha: Height x width, float32, 0 (transparent) to 1, read-only; None where the photo is opaque.
        metadata: What is kept beside the pixels.
        extra: Channels that are neither colour nor transparency (infrared of a film scanner, further stains of a
            microscope). Height x width x channels, float32, as `pixels`; None where there is none.
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
        for name, channel, num_axes in (("alpha", self.alpha, 2), ("extra", self.extra, 3)):
            if channel is None:
                continue
            if channel.ndim != num_axes or channel.shape[:2] != self.pixels.shape[:2] or channel.dtype != np.float32:
                raise ValueError(
                    f"{name} must be float32 of {num_axes} axes, the first of {self.pixels.shape[:2]}; "
                    f"found {channel.dtype} of shape {channel.shape}"
                )
            object.__setattr__(self, name, _read_only(channel))

    @property
    def normalised(self) -> Pixels:
        """The pixels with black at 0 and white at 1, clipped: as networks and people see them; a photograph's own."""
        levels = self.metadata.levels
        if levels.are_of_type:
            return self.pixels
        return _read_only(np.clip(levels.normalised(self.pixels), 0, 1))

    @property
    def channels_are_pictures(self) -> bool:
        """Whether each channel, further ones too, is a picture of its own: a microscope's, no red, green and blue."""
        return self.metadata.channels_are_gray or (self.pixels.shape[2] == 1 and self.extra is not None)

    @property
    def all_channels(self) -> tuple[NDArray[np.float32], ValueLevels]:
        """All channels but transparency, as `pixels`, and what is black and white in each of them."""
        levels = self.metadata.levels
        if self.extra is None:
            return self.pixels, levels
        both = levels.beside(self.metadata.extra_levels, self.pixels.shape[2], self.extra.shape[2])
        return np.concatenate([self.pixels, self.extra], axis=2), both

    @property
    def normalised_channels(self) -> NDArray[np.float32]:
        """As `normalised`, of all channels where each is a picture."""
        if self.extra is None or not self.channels_are_pictures:
            return self.normalised
        channels, levels = self.all_channels
        return _read_only(np.clip(levels.normalised(channels), 0, 1))

    def with_pixels(
        self, pixels: Pixels, alpha: NDArray[np.float32] | None, extra: NDArray[np.float32] | None = None
    ) -> "PhotoImage":
        """The photo with other pixels, of another size too; its metadata then states that size."""
        metadata = self.metadata
        if metadata.exif is not None and pixels.shape[:2] != self.pixels.shape[:2]:
            metadata = replace(metadata, exif=state_size(metadata.exif, pixels.shape[1], pixels.shape[0]))
        return PhotoImage(pixels, alpha, metadata, extra)

    def spread(self) -> "PhotoImage":
        """Return the photo for a file of another type: where its levels were measured, black is 0 and white is 1."""
        extra, is_changed = self.extra, not self.metadata.levels.are_of_type
        if extra is not None:
            levels = self.metadata.extra_levels
            is_changed = is_changed or not levels.are_of_type
            extra = np.clip(levels.normalised(extra), 0, 1)
        if not is_changed:
            return self
        metadata = replace(
            self.metadata,
            levels=OF_TYPE,
            extra_levels=OF_TYPE,
            sample_type=None,
            remarks=(*self.metadata.remarks, SPREAD_REMARK),
        )
        return PhotoImage(self.normalised, self.alpha, metadata, extra)

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
        samples: Height x width x channels (1 gray, 3 RGB), of any `SampleType`.
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


def as_samples(image: PhotoImage, sample_type: SampleType) -> PhotoSamples:
    """Round a photo to the numbers of a file.

    Args:
        image: Values outside of the type's range are clipped.
        sample_type: Of the numbers.

    Raises:
        ImageWriteError: Some of the values are no numbers.
    """
    alpha, extra = (
        None if channel is None else to_samples(channel, sample_type) for channel in (image.alpha, image.extra)
    )
    return PhotoSamples(to_samples(image.pixels, sample_type), alpha, image.metadata, extra)


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
        num_extra: Further channels that are neither colour nor transparency.
        sample_type: As in `ImageMetadata`.
        is_raw: Whether it is a raw file of any kind.
        channels_are_gray: As in `ImageMetadata`.
    """

    width: int
    height: int
    num_channels: int
    bit_depth: BitDepth
    file_format: FileFormat
    has_alpha: bool = False
    num_extra: int = 0
    sample_type: SampleType | None = None
    is_raw: bool = False
    channels_are_gray: bool = False

    @property
    def num_pictures(self) -> int:
        """How many pictures it is to networks: of a microscope's channels each is one."""
        if self.channels_are_gray or (self.num_channels == 1 and self.num_extra):
            return self.num_channels + self.num_extra
        return 1

    @property
    def type_written(self) -> SampleType:
        """The type of the numbers in which the photo is written back where nothing else is asked for."""
        return self.sample_type or type_of_bit_depth(self.bit_depth)


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodedImage:
    """The samples of a file as its decoder gives them, not yet turned upright.

    Attributes:
        samples: Height x width x channels, of any `SampleType`. Channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and
            alpha; behind them those of `num_extra`.
        bit_depth: As in `ImageMetadata`.
        icc_profile: As stored.
        exif: As stored, without the "Exif" prefix.
        is_lossless: As in `ImageMetadata`.
        written_format: In which the photo is written back; None: in its own.
        descriptions: As in `ImageMetadata`.
        num_extra: How many of the last channels are no transparency but of their own, such as infrared.
        channels_are_gray: As in `ImageMetadata`.
        sample_type: As in `ImageMetadata`.
        remarks: As in `ImageMetadata`.
    """

    samples: NDArray[Any]
    bit_depth: BitDepth
    icc_profile: bytes | None = None
    exif: bytes | None = None
    is_lossless: bool = True
    written_format: FileFormat | None = None
    descriptions: PictureDescriptions = PictureDescriptions()
    num_extra: int = 0
    channels_are_gray: bool = False
    sample_type: SampleType | None = None
    remarks: tuple[str, ...] = ()


def _read_only(array: NDArray[np.float32]) -> NDArray[np.float32]:
    view = array.view()
    view.setflags(write=False)
    return view
