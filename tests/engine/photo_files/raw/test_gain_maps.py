"""HDR photos of phones: a result has no gain map, a person is told, and nothing in it speaks of one any more."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from engine.contracts.output_formats import FileFormat
from engine.photo_files.photos import encode_image, examine_photo, read_image
from tests.engine.photo_files.test_picture_descriptions import PIXELS
from tests.engine.photo_files.test_xmp_properties import packet_of

GAIN_MAP = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
CONTAINER = (
    '<Container:Directory xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><rdf:Seq><rdf:li rdf:parseType="Resource">'
    '<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="4000"/></rdf:li></rdf:Seq>'
    "</Container:Directory>"
)
VIDEO = (
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" '
)


def jpeg(xmp: str = "", size: tuple[int, int] = (16, 12)) -> bytes:
    file = BytesIO()
    Image.fromarray(PIXELS).resize(size).save(file, "JPEG", **({"xmp": xmp.encode()} if xmp else {}))
    return file.getvalue()


def with_second_picture(first: bytes, second: bytes) -> bytes:
    """As CIPA DC-007 lists them: both, the second without a type."""
    entries = struct.pack("<IIIHH", 0x03_0000, len(first), 0, 0, 0)
    table_at = 8 + 2 + 12 * 3 + 4
    # Offsets count from the byte order mark, which the segment's head and name come before.
    segment_bytes = 2 + 2 + 4 + table_at + 32
    place = len(first) + segment_bytes - (2 + 4 + 4)
    entries += struct.pack("<IIIHH", 0, len(second), place, 0, 0)
    directory = struct.pack("<H", 3) + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    directory += struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHII", 0xB002, 7, 32, table_at)
    body = b"MPF\x00II*\x00\x08\x00\x00\x00" + directory + bytes(4) + entries
    segment = b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
    return first[:2] + segment + first[2:] + second


def ultra_hdr(first: str) -> bytes:
    return with_second_picture(jpeg(first), jpeg(packet_of("", GAIN_MAP + 'hdrgm:GainMapMax="2.3"')))


def apple() -> bytes:
    """The mark stands in the second picture alone."""
    mark = 'xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" HDRGainMap:HDRGainMapVersion="65536"'
    return with_second_picture(jpeg(), jpeg(packet_of("", mark)))


def boxes(content: bytes, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    found = {}
    while start < end:
        size, kind = struct.unpack_from(">I4s", content, start)
        found[kind] = (start, start + size)
        start += size
    return found


def avif(path: list[bytes], added: bytes) -> bytes:
    """An AVIF with one more box in another, the places of all that lies behind mended."""
    file = BytesIO()
    Image.fromarray(PIXELS).save(file, "AVIF")
    content = bytearray(file.getvalue())
    outer = boxes(content, 0, len(content))[b"meta"]
    inner = boxes(content, outer[0] + 12, outer[1])
    locations = inner[b"iloc"][0] + 8
    version, sizes, base = content[locations], content[locations + 4], content[locations + 5]
    assert (version, sizes, base) == (0, 0x44, 0)
    (num_items,) = struct.unpack_from(">H", content, locations + 6)
    for index in range(num_items):
        at = locations + 8 + index * 14 + 6
        struct.pack_into(">I", content, at, struct.unpack_from(">I", content, at)[0] + len(added))
    grown, (_, end) = [outer[0]], outer
    place = inner
    for name in path:
        start, end = place[name]
        grown.append(start)
        place = boxes(content, start + 8, end) if name in (b"iprp",) else {}
    for start in grown:
        struct.pack_into(">I", content, start, struct.unpack_from(">I", content, start)[0] + len(added))
    if path == [b"iinf"]:
        at = inner[b"iinf"][0] + 12
        struct.pack_into(">H", content, at, struct.unpack_from(">H", content, at)[0] + 1)
    content[end:end] = added
    return bytes(content)


def apple_auxiliary() -> bytes:
    body = bytes(4) + b"urn:com:apple:photo:2020:aux:hdrgainmap\x00"
    return avif([b"iprp", b"ipco"], struct.pack(">I4s", 8 + len(body), b"auxC") + body)


def tone_mapped() -> bytes:
    """ISO 21496-1: an item that puts the picture and its gain map together."""
    body = bytes([2, 0, 0, 0]) + struct.pack(">HH4s", 90, 0, b"tmap") + b"\x00"
    return avif([b"iinf"], struct.pack(">I4s", 8 + len(body), b"infe") + body)


FILES = {
    "ultra hdr.jpg": lambda: ultra_hdr(packet_of(CONTAINER, GAIN_MAP)),
    "gain map alone.jpg": lambda: ultra_hdr(packet_of("")),
    "apple.jpg": apple,
    "apple.avif": apple_auxiliary,
    "iso.avif": tone_mapped,
}


@pytest.mark.parametrize("name", FILES)
def test_a_gain_map_is_told_and_forgotten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    assert examine_photo(path).num_pictures == 1
    photo = read_image(path)
    (remark,) = photo.metadata.remarks
    assert "gain map" in remark
    targets: tuple[FileFormat, ...] = ("jpeg", "png", "tiff", "webp")
    for target in targets:
        content = encode_image(photo, file_format=target)
        for mark in (b"hdrgm", b"hdr-gain-map", b"Container", b"GainMap", b"MPF\x00"):
            assert mark not in content, (target, mark)
        assert (b'xmp:Rating="4"' in content) == ("ultra" in name or "alone" in name)


def test_pictures_without_a_gain_map_say_nothing(tmp_path: Path) -> None:
    for name, content in (("a.jpg", jpeg(packet_of(""))), ("a.avif", avif([b"iprp", b"ipco"], b""))):
        path = tmp_path / name
        path.write_bytes(content)
        assert read_image(path).metadata.remarks == ()


def test_a_video_within_a_photo_is_told_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    path.write_bytes(jpeg(packet_of(CONTAINER, VIDEO)) + b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    photo = read_image(path)
    (remark,) = photo.metadata.remarks
    assert "video" in remark
    content = encode_image(photo, file_format="jpeg")
    assert b"Motion" not in content
    assert b"Container" not in content
    assert b'xmp:Rating="4"' in content
