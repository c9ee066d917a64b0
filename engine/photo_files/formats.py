"""Telling image formats apart by content, and the limits that keep a hostile file from filling the memory."""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.contracts.output_formats import FORMATS, Container
from engine.translatable import say

PictureFormat = Container | Literal["heic", "avif"]
"""Finished pictures that can be read."""

FileContent = PictureFormat | Literal["camera raw", "bare mosaic"]
"""What can be read: finished pictures, and what a sensor recorded."""

RAW_CONTENTS: Final[frozenset[FileContent]] = frozenset({"camera raw", "bare mosaic"})

FORMAT_TITLES: Final[dict[str, str]] = {
    **{name: spec.name for name, spec in FORMATS.items() if not spec.is_of_sensors},
    "heic": "HEIC",
    "avif": "AVIF",
}
"""What finished pictures are called."""

PHONE_SUFFIXES: Final = frozenset({".heic", ".heif", ".hif", ".avif"})
"""Endings of formats that are read and not written."""

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    suffix
    for spec in FORMATS.values()
    if spec.container is not None and not spec.is_of_sensors
    for suffix in spec.suffixes
)
"""The endings, in lower case, by which folder listings find photos."""

RAW_SUFFIXES: Final = frozenset(
    {
        *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".raw"),
        *(".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".mef", ".mos", ".rwl", ".erf", ".kdc", ".dcr", ".mrw"),
    }
)
"""Endings of camera raw files, and of bare mosaics."""

MICROSCOPE_SUFFIXES: Final = frozenset({".czi", ".nd2", ".lif", ".oib", ".oir", ".vsi", ".ims", ".zvi"})
"""Endings of microscopes' own files, which are stacks that cannot be read."""

ZARR_SUFFIX: Final = ".zarr"
"""Of OME-Zarr, which is a folder."""

OTHER_PHOTO_SUFFIXES: frozenset[str] = frozenset(
    {".jxl", ".jp2", ".j2k", ".gif", ".psd", ".exr", ZARR_SUFFIX, *MICROSCOPE_SUFFIXES}
)
"""Endings of photos that cannot be read: listed all the same, so that a person learns why they are left out."""

MAX_PIXELS = 400_000_000
"""No camera makes larger photos; a header that claims more is a mistake or an attack."""

SIGNATURE_BYTES = 32
_CONVERT_HINT = "Convert it to PNG, TIFF or JPEG first."
_EXPORT_HINT = (
    "Export it as OME-TIFF, in the microscope's own program or in Fiji (Bio-Formats Exporter): axes, sizes and "
    "channels are kept then."
)

_MICROSCOPE_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"ZISRAWFILE", "This is a CZI file of a Zeiss microscope, which is not supported."),
    (0, b"\xda\xce\xbe\x0a", "This is an ND2 file of a Nikon microscope, which is not supported."),
    (0, b"p\x00\x00\x00", "This is a LIF file of a Leica microscope, which is not supported."),
    (0, b"OLYMPUSRAWFORMAT", "This is an OIR file of an Olympus microscope, which is not supported."),
    (0, b"\xd0\xcf\x11\xe0", "This is a file such as microscopes write (OIB, ZVI), which is not supported."),
    (0, b"\x89HDF\r\n\x1a\n", "This is an HDF5 file, such as Imaris writes, which is not supported."),
)

_UNSUPPORTED_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"8BPS", "a Photoshop"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "a PostScript"),
    (0, b"SIMPLE  =", "a FITS"),
    (0, b"icns", "an icon"),
    (0, b"\x8aMNG", "an MNG animation"),
)
_RAW_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"FOVb"),
    (0, b"IIU\x00"),
    (0, b"IIRO"),
    (0, b"IIRS"),
    (0, b"MMOR"),
    (6, b"HEAPCCDR"),
    (4, b"ftypcrx "),
)
_MEDIA_BRANDS: tuple[tuple[bytes, Literal["heic", "avif"]], ...] = (
    (b"avi", "avif"),
    (b"hei", "heic"),
    (b"hev", "heic"),
    (b"mif", "heic"),
    (b"msf", "heic"),
)


def sniff_format(start: bytes) -> FileContent:
    """Tell the format from a file's first bytes, whatever its name ends in.

    Most camera raw files are TIFF inside and told by that format's tags alone.

    Args:
        start: At least the first `SIGNATURE_BYTES`, or the whole file if it is shorter.

    Returns:
        The format.

    Raises:
        ImageReadError: The file is empty or of another kind.
    """
    if not start:
        raise ImageReadError("The file is empty.", "Copy it again from where it came from.")
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        if start[8:10] == b"CR":
            return "camera raw"
        return "tiff"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start.startswith(b"BM"):
        return "bmp"
    if any(start[offset:].startswith(signature) for offset, signature in _RAW_SIGNATURES):
        return "camera raw"
    if start[4:8] == b"ftyp":
        phone_format = _phone_format(start)
        if phone_format is not None:
            return phone_format
    for offset, signature, sentence in _MICROSCOPE_SIGNATURES:
        if start[offset:].startswith(signature):
            raise ImageReadError(sentence, _EXPORT_HINT)
    raise ImageReadError(_describe_other_kind(start), _CONVERT_HINT)


def zarr_error() -> ImageReadError:
    """Return the refusal of an OME-Zarr."""
    return ImageReadError("This is an OME-Zarr, which is not supported.", _EXPORT_HINT)


def check_size(width: int, height: int, bytes_per_pixel: int = 12) -> None:
    """Refuse a picture that is empty or too large, before any memory is taken for it.

    Args:
        width: Pixels.
        height: Pixels.
        bytes_per_pixel: Of the decoded picture; an RGB float32 pixel takes 12.

    Raises:
        ImageReadError: With the size that was found and the one allowed.
    """
    if width < 1 or height < 1:
        raise ImageReadError(
            say("The file claims a size of {width} x {height} pixels.", width=width, height=height),
            "It is damaged; use another copy.",
        )
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            say(
                "The file claims a size of {width:,} x {height:,} pixels; at most {max_pixels} megapixels "
                "can be opened.",
                width=width,
                height=height,
                max_pixels=MAX_PIXELS // 10**6,
            ),
            "If it really is that large, cut it into parts; if not, it is damaged.",
        )
    memory = _physical_memory_bytes()
    if memory is not None and width * height * bytes_per_pixel > memory // 2:
        raise ImageReadError(
            say(
                "The picture ({width:,} x {height:,} pixels) does not fit into this computer's memory.",
                width=width,
                height=height,
            ),
            "Cut it into parts, or make it smaller.",
        )


@contextmanager
def decoder_errors_as_read_errors(format_name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into an `ImageReadError`.

    Args:
        format_name: As a person writes it: "PNG".

    Raises:
        ImageReadError: Instead of any other exception.
    """
    try:
        yield
    except ImageReadError:
        raise
    except MemoryError as error:
        raise ImageReadError(
            "There is not enough memory to open the picture.", "Close other programs, or make the picture smaller."
        ) from error
    # Decoders raise nearly every kind of exception on damaged files (struct.error, ZeroDivisionError,
    # UnicodeDecodeError, SyntaxError, ...), so no narrower list would hold.
    except Exception as error:
        if "truncated" in str(error).lower() or "too small" in str(error).lower():
            raise truncated_error() from error
        raise ImageReadError(
            say(
                "The {format_name} file is damaged or of a kind that cannot be read{error}.",
                format_name=format_name,
                error=_detail(error),
            ),
            "Use another copy, or save it again as PNG, TIFF or JPEG with the program that made it.",
        ) from error


_REFUSED: Final[list[None]] = []
"""Holds `None` once for each content that imagecodecs refused: eight bytes each."""


def decode_content(decode: Callable[[bytes], NDArray[Any]], content: bytes) -> NDArray[Any]:
    """Decode a content with imagecodecs, which loses count of `None` with every PNG or AVIF content that it refuses.

    Version 2026.3.6 gives back one reference more than it took (seen by `sys.getrefcount`; found by fuzzing). Up to
    Python 3.11 `None` is counted like any other object, so that some hundred thousand damaged files would end the
    program: what is lost is made up for.

    Args:
        decode: `imagecodecs.png_decode` or `imagecodecs.avif_decode`.
        content: A file.

    Raises:
        Exception: What `decode` raises.
    """
    try:
        return decode(content)
    except Exception:
        _REFUSED.append(None)
        raise


def truncated_error() -> ImageReadError:
    """Return the refusal of a file that ends too early."""
    return ImageReadError(
        "The file ends too early: part of the picture is missing.", "Copy it again from where it came from."
    )


def _detail(error: Exception) -> str:
    """Return the first line of what a decoder says, in brackets; empty where it speaks of its own internals."""
    lines = str(error).strip().splitlines()
    if not lines or isinstance(error, UnicodeDecodeError | struct.error | ZeroDivisionError | KeyError):
        return ""
    return f" ({lines[0].rstrip('.')[:100]})"


def _phone_format(start: bytes) -> Literal["heic", "avif"] | None:
    """Tell by the brands of an ISO media file; the main one may be the container's ("mif1"), which serves both."""
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, len(start), 4))]
    found = [kind for brand in brands for prefix, kind in _MEDIA_BRANDS if brand.startswith(prefix)]
    return ("avif" if "avif" in found else "heic") if found else None


def _describe_other_kind(start: bytes) -> str:
    if start[4:8] == b"ftyp":
        return "This is a video or another media file, not a supported picture."
    for offset, signature, name in _UNSUPPORTED_SIGNATURES:
        if start[offset:].startswith(signature):
            return say("This is {name} file, which is not supported.", name=name)
    if start[:1] == b"P" and start[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"F", b"f"):
        return "This is a PNM file, which is not supported."
    return "The content is not a picture of a supported kind (PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF, camera raw)."


def _physical_memory_bytes() -> int | None:
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
