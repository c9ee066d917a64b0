"""What raw files of all makers say about their photos is kept; compared with exiftool, where it is installed."""

import json
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from engine.contracts.errors import ImageReadError
from engine.photo_files.metadata.camera_facts import read_camera_facts
from engine.photo_files.photos import examine_photo, probe_image, read_image, read_raw_mosaic, write_image
from engine.photo_files.raw.directories import find_sensor_directory
from engine.photo_files.raw.exif import extract_descriptions_from_raw, extract_exif_from_raw
from tests.engine.photo_files.test_picture_descriptions import IPTC
from tests.engine.photo_files.test_xmp_properties import packet_of
from tests.raw_makers import (
    LIST_3,
    TAKEN,
    dng_with_exif,
    exif_block,
    jpeg_with_exif,
    list_tag,
    make_cr3,
    make_crw,
    make_mrw,
    make_raf,
    make_x3f,
    opcode_list,
    write_dng,
)

FACTS = {
    "Make": "TestMaker",
    "Model": "TestCam 1",
    "DateTimeOriginal": TAKEN,
    "ExposureTime": 0.004,
    "FNumber": 2.8,
    "ISO": 800,
    "FocalLength": 35,
}
MARKS = {"orf": b"IIRO", "orf of an old camera": b"IIRS", "rw2": b"IIU\x00", "dng": b"II*\x00"}
CONTENTS = {
    "raf": make_raf,
    "cr3": make_cr3,
    "mrw": make_mrw,
    "crw": make_crw,
    "x3f": lambda: make_x3f(with_picture=False),
    "x3f of a newer camera": lambda: make_x3f(with_picture=True),
}


def told_by_exiftool(path: Path, names: Iterable[str] = FACTS) -> dict[str, object]:
    """The same facts by another program."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    command = ["exiftool", "-j", "-n", *(f"-{name}" for name in names), str(path)]
    [facts] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    # It writes a number of many digits as a text.
    return {name: round(float(value), 4) if "." in str(value := facts.get(name)) else value for name in names}


def check(exif: bytes | None, tmp_path: Path, maker: str = "TestMaker") -> None:
    assert exif is not None
    facts = read_camera_facts(exif)
    assert (facts.camera, facts.iso, str(facts.taken)) == (f"{maker} TestCam 1", 800, "2024-05-17 18:30:05")
    path = tmp_path / "block.exif"
    path.write_bytes(exif)
    assert told_by_exiftool(path) == FACTS | {"Make": maker}


@pytest.mark.parametrize("kind", CONTENTS)
def test_the_facts_of_every_maker_are_read(kind: str, tmp_path: Path) -> None:
    content = CONTENTS[kind]()
    # In the heap of a CRW, exiftool knows one maker alone, and calls two facts otherwise.
    maker = "Canon" if kind == "crw" else "TestMaker"
    check(extract_exif_from_raw(content), tmp_path, maker)
    path = tmp_path / f"photo.{kind[:3]}"
    path.write_bytes(content)
    other_names = {"ExposureTime": "ShutterSpeedValue", "FNumber": "ApertureValue"} if kind == "crw" else {}
    if kind == "x3f of a newer camera":
        # exiftool hands out its picture, and does not look into it.
        return
    told = told_by_exiftool(path, [other_names.get(name, name) for name in FACTS])
    assert list(told.values()) == list((FACTS | {"Make": maker}).values()), "what was made is such a file"


def test_an_olympus_file_of_the_other_byte_order(tmp_path: Path) -> None:
    check(extract_exif_from_raw(b"MMOR" + exif_block(">")[4:]), tmp_path)


@pytest.mark.parametrize("kind", MARKS)
def test_a_restored_raw_file_keeps_camera_time_and_exposure(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{kind[:3]}"
    path.write_bytes(dng_with_exif(tmp_path, MARKS[kind]))
    assert examine_photo(path).camera.camera == "TestMaker TestCam 1"
    restored = tmp_path / "restored.tif"
    write_image(restored, read_image(path))
    assert told_by_exiftool(restored) == FACTS


def test_what_a_panasonic_file_lacks_is_in_its_picture(tmp_path: Path) -> None:
    jpeg = jpeg_with_exif()
    path = write_dng(tmp_path / "a.dng", np.zeros((8, 8), np.uint16), [(0x2E, "B", len(jpeg), jpeg, True)])
    content = b"IIU\x00" + path.read_bytes()[4:]
    check(extract_exif_from_raw(content), tmp_path)


def test_canon_pieces_of_another_byte_order_are_left_out() -> None:
    content = make_cr3()
    at = content.index(b"CMT2") + 4
    exif = extract_exif_from_raw(content[:at] + b"MM\x00*" + content[at + 4 :])
    facts = read_camera_facts(exif)
    assert (facts.camera, facts.iso) == ("TestMaker TestCam 1", None)


@pytest.mark.parametrize("kind", CONTENTS)
def test_numbers_that_point_nowhere_are_no_facts(kind: str) -> None:
    """Every four bytes once as large and once as small as they can be, and the file cut there."""
    content = CONTENTS[kind]()
    for position in range(0, min(len(content), 1200), 2):
        for value in (0, 0xFFFFFFFF, 0x7FFFFFFF, len(content) - 2):
            for layout in ("<I", ">I"):
                changed = bytearray(content)
                struct.pack_into(layout, changed, min(position, len(content) - 4), value)
                extract_exif_from_raw(bytes(changed))
        extract_exif_from_raw(content[:position])


@pytest.mark.parametrize("mark", [b"FOVb", b"FUJIFILMCCD-RAW ", b"\x00MRM", b"IIU\x00", b"II\x1a\x00\x00\x00HEAPCCDR"])
def test_a_mark_alone_says_nothing(mark: bytes) -> None:
    assert extract_exif_from_raw(mark) is None
    assert extract_exif_from_raw(mark + bytes(300)) is None


RAW_XMP = packet_of(
    "<dc:subject><rdf:Bag><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject>",
    'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+2.00" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/dng" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Compression="1" tiff:Orientation="6"',
).encode()


def with_xmp(kind: str, folder: Path) -> bytes:
    """A raw file with XMP where its maker puts it, and with IPTC where it is a TIFF inside."""
    match kind:
        case "raf":
            head, picture = make_raf()[:160], jpeg_with_exif()
            body = b"http://ns.adobe.com/xap/1.0/\x00" + RAW_XMP
            picture = picture[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + picture[2:]
            return head[:84] + struct.pack(">II", 160, len(picture)) + head[92:] + picture
        case "cr3":
            box = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + RAW_XMP
            return make_cr3() + struct.pack(">I4s", 8 + len(box), b"uuid") + box
        case _:
            tags = [(700, "B", len(RAW_XMP), RAW_XMP, True), (33723, 7, len(IPTC), IPTC, True)]
            path = write_dng(folder / "whole.dng", LEVELS, tags, bigtiff=kind == "big dng")
            content = path.read_bytes()
            return content if kind == "big dng" else MARKS[kind] + content[4:]


LEVELS = np.random.default_rng(1).integers(3000, 9000, (24, 32)).astype(np.uint16)


@pytest.mark.parametrize("kind", ["raf", "cr3", "orf", "rw2", "dng", "big dng"])
def test_what_raw_files_say_beside_exif_is_read(kind: str, tmp_path: Path) -> None:
    found = extract_descriptions_from_raw(with_xmp(kind, tmp_path))
    assert found.xmp is not None
    for words in (b'xmp:Rating="4"', b"harbour"):
        assert words in found.xmp
    for words in (b"Exposure2012", b"image/dng", b"tiff:Compression"):
        assert words not in found.xmp, "it is not true of the developed picture"
    assert found.iptc == (IPTC if "dng" in kind or kind in MARKS else None)


@pytest.mark.parametrize("kind", ["dng", "big dng"])
def test_a_restored_raw_file_keeps_xmp_and_iptc(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.dng"
    path.write_bytes(with_xmp(kind, tmp_path))
    photo = read_image(path)
    assert photo.metadata.remarks == ()
    for name in ("restored.tif", "restored.jpg"):
        write_image(tmp_path / name, photo)
        told = told_by_exiftool(tmp_path / name, ["Rating", "Subject", "City", "Orientation"])
        assert told == {"Rating": 4, "Subject": "harbour", "City": "Zug", "Orientation": 1}


@pytest.mark.parametrize("rows_per_strip", [8, 24])
def test_a_dng_that_is_a_bigtiff_is_the_same_as_an_ordinary_one(rows_per_strip: int, tmp_path: Path) -> None:
    tags = [list_tag(LIST_3, opcode_list()), (50714, "H", 1, 256, True)]
    same = {"rowsperstrip": rows_per_strip}
    ordinary = write_dng(tmp_path / "a.dng", LEVELS, tags, **same)
    big = write_dng(tmp_path / "b.dng", LEVELS, tags, bigtiff=True, **same)
    np.testing.assert_array_equal(read_raw_mosaic(ordinary).mosaic, read_raw_mosaic(big).mosaic)
    assert probe_image(big) == probe_image(ordinary)
    directory = find_sensor_directory(big.read_bytes())
    assert directory is not None
    assert (directory.size, len(directory.parts)) == ((24, 32), 24 // rows_per_strip)
    content = big.read_bytes()
    big.write_bytes(content[: max(at for at, _ in directory.parts) + 100])
    with pytest.raises(ImageReadError, match="ends too early"):
        read_image(big)
