"""Texts that files hold of their pictures: a PNG's chunks, each with a name, and a JPEG's comments, which have none.

All are known as chunks of PNG; there a comment has its name from the standard (PNG, third edition, section 11.3.3.1).
"""

import zlib
from dataclasses import dataclass
from typing import Final

from engine.photo_files.metadata.place_removal import tells_place

MAX_BYTES: Final = 32 * 2**20
_COMMENT: Final = b"Comment"
_LARGEST_JPEG_COMMENT: Final = 65_533


@dataclass(frozen=True)
class PngText:
    """A text of a PNG file.

    Attributes:
        keyword: Its name.
        text: The text, decompressed, in the chunk's own encoding.
    """

    keyword: bytes
    text: bytes


def read_text(kind: bytes, body: bytes) -> PngText | None:
    """Return what a chunk of text says; None where it is damaged.

    Args:
        kind: "tEXt", "zTXt" or "iTXt".
        body: Of the chunk.
    """
    keyword, separator, rest = body.partition(b"\x00")
    if not separator:
        return None
    if kind == b"tEXt":
        return PngText(keyword, rest)
    is_compressed = kind == b"zTXt"
    if kind == b"iTXt":
        if len(rest) < 2:
            return None
        is_compressed = rest[0] == 1
        parts = rest[2:].split(b"\x00", 2)
        if len(parts) < 3:
            return None
        rest = parts[2]
    else:
        rest = rest[1:]
    if not is_compressed:
        return PngText(keyword, rest)
    decompressor = zlib.decompressobj()
    try:
        text = decompressor.decompress(rest, MAX_BYTES)
    except zlib.error:
        return None
    return PngText(keyword, text) if decompressor.eof else None


def text_tells_place(kind: bytes, body: bytes) -> bool:
    """Tell whether a text of a PNG file may hold a place; one that cannot be read may."""
    text = read_text(kind, body)
    return text is None or tells_place(text.keyword, text.text)


def chunk_of_comment(comment: bytes) -> tuple[bytes, bytes]:
    """Return the chunk, kind and body, that says what a JPEG's comment says, whose encoding is nowhere stated."""
    try:
        text = comment.decode()
    except UnicodeDecodeError:
        text = comment.decode("latin-1")
    # Neither compressed, nor of a stated language.
    return b"iTXt", _COMMENT + bytes(5) + text.rstrip("\x00").encode()


def comment_of(kind: bytes, body: bytes) -> bytes | None:
    """Return the comment of a JPEG that says what a chunk says; None where it is no comment, or too long for one."""
    text = read_text(kind, body)
    if text is None or text.keyword != _COMMENT:
        return None
    comment = text.text if kind == b"iTXt" else text.text.decode("latin-1").encode()
    return comment if 0 < len(comment) <= _LARGEST_JPEG_COMMENT else None
