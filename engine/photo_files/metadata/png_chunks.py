"""The parts of a PNG file that image libraries do not hand over: its header, its ICC profile and its EXIF.

Libraries that keep 16-bit RGB at its full depth drop this metadata, so it is read from and put into the encoded file.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from engine.contracts.errors import ImageReadError
from engine.photo_files.colour.description import PNG_COLOUR_CHUNKS, code_points_of_profile
from engine.photo_files.formats import truncated_error
from engine.photo_files.metadata.descriptions import exif_of_png_text, png_chunk

_SIGNATURE_BYTES = 8
_MAX_CHUNKS = 100_000
_MAX_METADATA_BYTES = 32 * 2**20
_MAX_COLOUR_CHUNK_BYTES = 64
_COLOUR_TYPES_WITH_ALPHA = (4, 6)
_BITS_OF_COLOUR_TYPES = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass(frozen=True, kw_only=True)
class PngHeader:
    """What a PNG file says of itself.

    Attributes:
        width: Pixels.
        height: Pixels.
        bits: Of a sample: 1, 2, 4, 8 or 16.
        colour_type: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.
        icc_profile: Uncompressed.
        exif: Beginning with its byte order mark.
        has_alpha: Whether it has transparency: a channel, or a colour that stands for it.
        colour_chunks: Bodies of the chunks that describe its colours in other words, see `colour.description`.
    """

    width: int
    height: int
    bits: int
    colour_type: int
    icc_profile: bytes | None
    exif: bytes | None
    has_alpha: bool
    colour_chunks: Mapping[bytes, bytes]


def read_png_header(file: BinaryIO) -> PngHeader:
    """Read what stands in the file beside its pixels, passing over these.

    Args:
        file: Positioned anywhere; must be seekable.

    Returns:
        The header with the metadata.

    Raises:
        ImageReadError: The file is truncated or its header is invalid.
    """
    file.seek(_SIGNATURE_BYTES)
    chunk = _read_chunk_head(file)
    if chunk is not None and chunk[1] == b"CgBI":
        raise ImageReadError(
            "This is a PNG in Apple's own variant for apps, which is not a standard PNG.",
            "Open it in Preview on a Mac and export it as PNG.",
        )
    body = file.read(17)
    if chunk is None or len(body) < 17:
        raise truncated_error()
    width, height, bits, colour_type, *_ = struct.unpack(">IIBBBBB", body[:13])
    if (
        chunk != (13, b"IHDR")
        or struct.unpack(">I", body[13:])[0] != zlib.crc32(b"IHDR" + body[:13])
        or bits not in _BITS_OF_COLOUR_TYPES.get(colour_type, ())
    ):
        raise ImageReadError("The PNG file's header is damaged.", "Use another copy.")
    icc_profile: bytes | None = None
    exif: bytes | None = None
    text_exif: bytes | None = None
    colour_chunks: dict[bytes, bytes] = {}
    has_alpha = colour_type in _COLOUR_TYPES_WITH_ALPHA
    for _ in range(_MAX_CHUNKS):
        chunk = _read_chunk_head(file)
        if chunk is None or chunk[1] == b"IEND":
            break
        length, kind = chunk
        has_alpha = has_alpha or kind == b"tRNS"
        if kind in (b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _MAX_METADATA_BYTES:
            body = file.read(length)
            file.seek(4, 1)
            if kind == b"iCCP":
                icc_profile = icc_profile or _inflate_profile(body)
            elif kind != b"eXIf":
                text_exif = text_exif or exif_of_png_text(kind, body)
            else:
                exif = exif or body.removeprefix(b"Exif\x00\x00")
        elif kind in PNG_COLOUR_CHUNKS and length <= _MAX_COLOUR_CHUNK_BYTES:
            colour_chunks.setdefault(kind, file.read(length))
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
    return PngHeader(
        width=width,
        height=height,
        bits=bits,
        colour_type=colour_type,
        icc_profile=icc_profile,
        exif=exif or text_exif,
        has_alpha=has_alpha,
        colour_chunks=colour_chunks,
    )


def insert_png_metadata(png: bytes, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Put an ICC profile and EXIF into an encoded PNG, right behind its header as the standard asks.

    Args:
        png: An encoded PNG without these.
        icc_profile: The profile, or None.
        exif: The block, beginning with its byte order mark, or None.

    Returns:
        The encoded PNG with both.
    """
    chunks = b""
    code_points = code_points_of_profile(icc_profile)
    if code_points is not None:
        chunks += png_chunk(b"cICP", code_points)
    if icc_profile is not None:
        chunks += png_chunk(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(icc_profile))
    if exif is not None:
        chunks += png_chunk(b"eXIf", exif)
    end_of_header = _SIGNATURE_BYTES + 4 + 4 + 13 + 4
    return png[:end_of_header] + chunks + png[end_of_header:]


def _read_chunk_head(file: BinaryIO) -> tuple[int, bytes] | None:
    head = file.read(8)
    if len(head) < 8:
        return None
    length, kind = struct.unpack(">I4s", head)
    return length, kind


def _inflate_profile(body: bytes) -> bytes | None:
    _, separator, rest = body.partition(b"\x00")
    if not separator:
        return None
    decompressor = zlib.decompressobj()
    try:
        profile = decompressor.decompress(rest[1:], _MAX_METADATA_BYTES)
    except zlib.error:
        return None
    return profile if decompressor.eof else None
