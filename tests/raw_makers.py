"""Raw files made for tests: DNG by tifffile, and what other makers' files have around their EXIF, byte by byte."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from engine.photo_files.exif import append_exif_to_tiff

TAKEN = "2024:05:17 18:30:05"
MATRIX = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)
"""From XYZ to linear sRGB, in ten-thousandths: a camera that sees in sRGB."""

LIST_2, LIST_3 = 51009, 51022


def write_dng(
    path: Path,
    levels: NDArray[Any],
    tags: Sequence[tuple[Any, ...]] = (),
    *,
    white: int = 16383,
    colours: Sequence[tuple[Any, ...]] | None = None,
    preview: NDArray[np.uint8] | None = None,
    **options: Any,
) -> Path:
    """Write levels as a DNG: a mosaic (RGGB) where they have two axes, else a linear picture.

    Args:
        path: The file.
        levels: Its numbers.
        tags: Further ones, for tifffile.
        white: Its level.
        colours: Tags of the camera's colours; None: it sees in sRGB, in daylight.
        preview: What the main directory shows, as in cameras' files; None: the picture is its own.
        options: For tifffile.
    """
    is_mosaic = levels.ndim == 2
    own = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "TestCam 1", True)]
    own += [(271, "s", 0, "TestMaker", True), (272, "s", 0, "TestCam 1", True)]
    if colours is None:
        colours = [(50721, "2i", 9, [part for value in MATRIX for part in (value, 10000)], True)]
        colours += [(50728, "2I", 3, [1, 1] * 3, True), (50778, "H", 1, 21, True)]
    own += colours
    of_picture = [(50717, "I", 1, white, True), *tags]
    if is_mosaic:
        of_picture += [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]
    shared: dict[str, Any] = {"metadata": None, "software": False}
    of_file = {name: options.pop(name) for name in ("byteorder", "bigtiff") if name in options}
    with tifffile.TiffWriter(path, **of_file) as tiff:
        if preview is not None:
            tiff.write(preview, photometric="rgb", subfiletype=1, subifds=1, extratags=own, **shared)
        tiff.write(
            levels,
            photometric=32803 if is_mosaic else 34892,
            planarconfig=None if is_mosaic else "contig",
            extratags=[*([] if preview is not None else own), *of_picture],
            **shared,
            **options,
        )
    return path


def opcode_list(*opcodes: tuple[int, bytes], is_optional: bool = False) -> bytes:
    """DNG 1.7, chapter 7: a list of kinds and parameters."""
    return struct.pack(">I", len(opcodes)) + b"".join(
        struct.pack(">IIII", number, 0x01030000, int(is_optional), len(parameters)) + parameters
        for number, parameters in opcodes
    )


def list_tag(code: int, content: bytes) -> tuple[Any, ...]:
    """An extra tag that holds a list of opcodes."""
    return (code, "B", len(content), content, True)


def opcode_area(
    bounds: tuple[int, int, int, int], plane: int = 0, planes: int = 1, pitch: tuple[int, int] = (1, 1)
) -> bytes:
    """Which samples an opcode changes."""
    return struct.pack(">8I", *bounds, plane, planes, *pitch)


def gain_map(
    area: bytes, gains: NDArray[Any], spacing: tuple[float, float], origin: tuple[float, float] = (0.0, 0.0)
) -> tuple[int, bytes]:
    """Opcode 9. Gains: (rows, columns, planes)."""
    rows, columns, planes = gains.shape
    head = struct.pack(">2I4dI", rows, columns, *spacing, *origin, planes)
    return 9, area + head + gains.astype(">f4").tobytes()


def exif_block(endian: str = "<") -> bytes:
    """An EXIF block with camera, time and exposure, as Pillow writes it."""
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "TestMaker", "TestCam 1", 1, TAKEN
    exif.get_ifd(0x8769).update(
        {
            0x829A: TiffImagePlugin.IFDRational(1, 250),
            0x829D: TiffImagePlugin.IFDRational(28, 10),
            0x8827: 800,
            0x9003: TAKEN,
            0x920A: TiffImagePlugin.IFDRational(35, 1),
        }
    )
    exif.get_ifd(0x8825).update({1: "N", 2: tuple(TiffImagePlugin.IFDRational(value, 1) for value in (52, 31, 12))})
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def exif_directory(pointer: int, endian: str = "<") -> bytes:
    """One of its directories as a block of its own, as Canon's CR3 has them."""
    whole = Image.Exif()
    whole.load(b"Exif\x00\x00" + exif_block(endian))
    alone = Image.Exif()
    alone.endian = endian
    alone.update(whole.get_ifd(pointer) if pointer else {tag: whole[tag] for tag in (0x010F, 0x0110, 0x0112, 0x0132)})
    return alone.tobytes().removeprefix(b"Exif\x00\x00")


def jpeg_with_exif(endian: str = "<") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 8), "gray").save(file, "jpeg", exif=b"Exif\x00\x00" + exif_block(endian))
    return file.getvalue()


def dng_with_exif(folder: Path, mark: bytes = b"II*\x00") -> bytes:
    """A mosaic of 32 x 24 pixels with EXIF, beginning with another maker's mark."""
    path = write_dng(folder / "whole.dng", np.full((24, 32), 4000, np.uint16))
    file = io.BytesIO(path.read_bytes())
    append_exif_to_tiff(file, exif_block())
    path.unlink()
    return mark + file.getvalue()[4:]


def make_raf() -> bytes:
    """Fujifilm: a header that tells where the camera's JPEG picture is."""
    head = b"FUJIFILMCCD-RAW 0201FF123456TestCam 1".ljust(60, b"\x00") + b"0100"
    return head.ljust(84, b"\x00") + struct.pack(">II", 160, len(jpeg_with_exif())) + bytes(68) + jpeg_with_exif()


def make_cr3() -> bytes:
    """Canon: the boxes of an ISO media file."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), name) + content

    names = {b"CMT1": 0, b"CMT2": 0x8769, b"CMT4": 0x8825}
    notes = b"".join(box(name, exif_directory(pointer)) for name, pointer in names.items())
    canon = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + box(b"CNCV", b"CanonCR3") + notes)
    return box(b"ftyp", b"crx \x00\x00\x00\x01crx isom") + box(b"moov", canon) + box(b"mdat", bytes(64))


def make_mrw() -> bytes:
    """Minolta: blocks, of which one is TIFF."""
    block = exif_block(">")
    blocks = struct.pack(">4sI", b"\x00PRD", 24) + bytes(24) + struct.pack(">4sI", b"\x00TTW", len(block)) + block
    return struct.pack(">4sI", b"\x00MRM", len(blocks)) + blocks


def make_crw() -> bytes:
    """Canon's heap (CIFF 1.0): values, then a table of them, then where the table is; heaps within it likewise."""

    def heap(values: list[tuple[int, bytes]]) -> bytes:
        data, table = b"", struct.pack("<H", len(values))
        for tag, value in values:
            table += struct.pack("<HII", tag, len(value), len(data))
            data += value + bytes(len(value) % 2)
        return data + table + struct.pack("<I", len(data))

    shot = struct.pack("<6h", 12, 0, round(32 * np.log2(800 * 32 / 100)), 0, 95, 255)
    exposure = struct.pack("<3f", 0, np.log2(250), 2 * np.log2(2.8))
    # Seconds since 1970 by the camera's clock.
    seconds = int(np.datetime64("2024-05-17T18:30:05").astype(int))
    camera = heap([(0x080A, b"Canon\x00TestCam 1\x00")])
    facts = heap([(0x180E, struct.pack("<3I", seconds, 0, 0)), (0x1818, exposure)])
    settings = heap([(0x102A, shot), (0x1029, struct.pack("<4H", 2, 35, 0, 0))])
    properties = heap([(0x2807, camera), (0x3002, facts), (0x300B, settings)])
    return b"II" + struct.pack("<I", 26) + b"HEAPCCDR" + bytes(12) + heap([(0x300A, properties)])


def make_x3f(*, with_picture: bool) -> bytes:
    """Sigma: sections, listed at the end; EXIF in a picture of newer ones, properties by name in older ones."""
    if with_picture:
        section, kind = struct.pack("<4s6I", b"SECi", 0x20000, 2, 18, 16, 8, 0) + jpeg_with_exif(), b"IMA2"
    else:
        pairs = {"CAMMANUF": "TestMaker", "CAMMODEL": "TestCam 1", "ISO": "800", "SHUTTER": "0.004", "FLENGTH": "35"}
        pairs |= {"APERTURE": "2.8", "TIME": str(int(np.datetime64("2024-05-17T18:30:05").astype(int)))}
        places, text = b"", ""
        for pair in pairs.items():
            for each in pair:
                places += struct.pack("<I", len(text))
                text += each + "\x00"
        section = struct.pack("<4s5I", b"SECp", 0x20000, len(pairs), 0, 0, len(text)) + places
        section, kind = section + text.encode("utf-16-le"), b"PROP"
    start = 40
    table = struct.pack("<4sII", b"SECd", 0x20000, 1) + struct.pack("<II4s", start, len(section), kind)
    content = b"FOVb" + struct.pack("<I", 0x20002) + bytes(32) + section
    return content + table + struct.pack("<I", len(content))
