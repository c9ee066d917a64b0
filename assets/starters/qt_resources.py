"""Reads the resource files in which Qt programs keep their pictures."""

import struct
import zlib

from engine.contracts.errors import InvalidInputError


def read_resources(data: bytes) -> dict[str, bytes]:
    """Read a binary resource file of Qt, versions 1 to 3 (as written by Qt's `rcc --binary`, big-endian).

    Args:
        data: Its content.

    Returns:
        The files in it by their path.

    Raises:
        InvalidInputError: It is no such file, or is compressed in a way that this cannot read.
    """
    if data[:4] != b"qres":
        raise InvalidInputError("This is no Qt resource file.", "Install the package again.")
    version, tree, contents, names = struct.unpack_from(">4i", data, 4)
    node_size = 14 if version == 1 else 22
    has_zstandard, is_folder, is_deflated = 4, 2, 1
    files: dict[str, bytes] = {}

    def walk(index: int, parent: str) -> None:
        place = tree + index * node_size
        name_offset, flags = struct.unpack_from(">IH", data, place)
        (length,) = struct.unpack_from(">H", data, names + name_offset)
        start = names + name_offset + 6
        path = f"{parent}/{data[start : start + 2 * length].decode('utf-16-be')}" if index else ""
        if flags & is_folder:
            count, first = struct.unpack_from(">II", data, place + 6)
            for child in range(first, first + count):
                walk(child, path)
            return
        if flags & has_zstandard:
            raise InvalidInputError(f"{path} is compressed by Zstandard.", "Use the package of Debian 12.")
        (offset,) = struct.unpack_from(">I", data, place + 10)
        (size,) = struct.unpack_from(">I", data, contents + offset)
        content = data[contents + offset + 4 : contents + offset + 4 + size]
        files[path] = zlib.decompress(content[4:]) if flags & is_deflated else content

    walk(0, "")
    return files
