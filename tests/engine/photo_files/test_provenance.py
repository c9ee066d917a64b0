"""What is written into a restored file about its restoration, and what is taken out of it: the place."""

import io
import json
import os
import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.contracts.output_formats import FileFormat
from engine.photo_files.metadata.exif_privacy import remove_gps
from engine.photo_files.metadata.provenance import (
    NAMESPACE,
    Provenance,
    complete_provenance,
    is_intact,
    read_provenance,
    room_for_lost_pages,
)
from engine.photo_files.metadata.xmp_packets import MAX_PACKET_BYTES, find_xmp, insert_xmp
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image

PROVENANCE = Provenance(
    version="1.2.3",
    model='Night "shots" <3 & more',
    run="20261124-120000_pretrain_night",
    task="denoise",
    luminance="0.8",
    colour="1",
    detail="0.2",
    source="DSC 0001 ä.jpg",
    source_digest="a" * 64,
    model_digest="b" * 64,
    settings='{"colour": 1.0, "detail": 0.2, "format": "png", "luminance": 0.8}',
)
FORMATS: tuple[FileFormat, ...] = ("png", "jpeg", "tiff", "webp")
GPS_TEXT = b"GPS-SECRET"
MAKER_NOTE = b"maker's own: \x00\x01\x02"


def make_exif(order: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "Camera maker"
    exif[0x0131] = "Firmware 7"
    exif.get_ifd(0x8769).update({0x9003: "2026:11:24 12:00:00", 0x927C: MAKER_NOTE})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.1), 3: "E", 4: (11.0, 34.0, 31.9), 27: GPS_TEXT})
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def write(path: Path, *, alpha: bool = False, exif: bytes | None = None, **options: object) -> PhotoImage:
    rng = np.random.default_rng(1)
    photo = PhotoImage(
        rng.random((21, 34, 3), np.float32),
        rng.random((21, 34), np.float32) if alpha else None,
        ImageMetadata(file_format="png", bit_depth=8, exif=exif),
    )
    write_image(path, photo, **options)  # type: ignore[arg-type]
    return photo


@pytest.mark.parametrize("exif", [None, make_exif(), make_exif(">")], ids=["plain", "exif", "big-endian exif"])
@pytest.mark.parametrize(
    ("file_format", "alpha"), [*((name, False) for name in FORMATS), ("png", True), ("tiff", True), ("webp", True)]
)
def test_provenance_is_read_back_and_changes_nothing_else(
    tmp_path: Path, file_format: str, alpha: bool, exif: bytes | None
) -> None:
    plain, marked = tmp_path / f"plain.{file_format}", tmp_path / f"marked.{file_format}"
    write(plain, alpha=alpha, exif=exif)
    write(marked, alpha=alpha, exif=exif, provenance=PROVENANCE)
    assert read_provenance(plain) is None
    assert not is_intact(plain)
    assert read_provenance(marked) == PROVENANCE
    assert is_intact(marked)
    before, after = read_image(plain), read_image(marked)
    np.testing.assert_array_equal(before.pixels, after.pixels)
    if before.alpha is not None and after.alpha is not None:
        np.testing.assert_array_equal(before.alpha, after.alpha)
    assert (before.alpha is None) == (after.alpha is None)
    assert before.metadata == replace(after.metadata, descriptions=before.metadata.descriptions)


@pytest.mark.parametrize("file_format", FORMATS)
def test_other_programs_find_it_where_the_standard_puts_it(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"a.{file_format}"
    write(path, exif=make_exif(), provenance=PROVENANCE)
    if file_format == "tiff":
        with tifffile.TiffFile(path) as tiff:
            packet = tiff.pages.first.tags.valueof(700)
    else:
        with Image.open(path) as image:
            image.load()
            packet = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    packet = packet.encode() if isinstance(packet, str) else packet
    assert b'xmp:CreatorTool="Residua 1.2.3"' in packet
    assert NAMESPACE.encode() in packet
    assert "DSC 0001 ä.jpg".encode() in packet


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_any_changed_byte_is_noticed(tmp_path: Path, file_format: str, share: float) -> None:
    path = tmp_path / f"a.{file_format}"
    write(path, exif=make_exif(), provenance=PROVENANCE)
    content = bytearray(path.read_bytes())
    place = int(share * len(content))
    content[place] ^= 0x20
    path.write_bytes(content)
    assert not is_intact(path)
    path.write_bytes(bytes(content[:-1]))
    assert not is_intact(path)


def test_a_forged_sentence_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    write(path, provenance=PROVENANCE)
    path.write_bytes(path.read_bytes().replace(b'luminance="0.8"', b'luminance="0.9"'))
    found = read_provenance(path)
    assert found is not None
    assert found.luminance == "0.9"
    assert not is_intact(path)


@pytest.mark.parametrize("lost_pages", [(), (3,), tuple(range(1, 121))])
def test_the_lost_pages_of_a_stack_are_written_where_room_was_left_for_them(
    tmp_path: Path, lost_pages: tuple[int, ...]
) -> None:
    path = tmp_path / "a.tif"
    write(path, provenance=replace(PROVENANCE, lost_pages=room_for_lost_pages(range(1, 121))))
    num_bytes = path.stat().st_size
    complete_provenance(path, lost_pages)
    found = read_provenance(path)
    assert found is not None
    assert (found.numbers_of_lost_pages, found.is_same_work(PROVENANCE)) == (lost_pages, True)
    assert is_intact(path)
    assert path.stat().st_size == num_bytes
    named = {(): "", (3,): " 3."}.get(lost_pages, " 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ….")
    assert found.sentence.endswith(f"Of its pages these could not be restored:{named}" if named else "Residua 1.2.3.")


def test_a_result_of_an_earlier_version_is_the_same_work_as_an_even_blend_of_its_strength(tmp_path: Path) -> None:
    even = replace(
        PROVENANCE,
        colour="0.8",
        detail="0",
        settings='{"colour": 0.8, "detail": 0.0, "format": "png", "luminance": 0.8}',
    )
    write(tmp_path / "a.png", provenance=even)
    content = (tmp_path / "a.png").read_bytes()
    packet = find_xmp(content)
    assert packet is not None
    said = content[packet]
    said = re.sub(rb'residua:luminance="0.8" residua:colour="0.8" residua:detail="0"', b'residua:strength="0.8"', said)
    said = re.sub(rb"residua:settings='[^']*'", b'residua:settings=\'{"format": "png", "strength": 0.8}\'', said)
    assert b"luminance" not in said
    (tmp_path / "b.png").write_bytes(insert_xmp(content, "png", said, 34, 21))
    found = read_provenance(tmp_path / "b.png")
    assert found == even
    assert found.is_same_work(even)
    assert found.sentence.endswith(" at 80%, Residua 1.2.3.")


def test_a_file_that_claims_an_impossible_blend_says_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", provenance=PROVENANCE)
    content = (tmp_path / "a.jpg").read_bytes()
    for claim in (b"2.0", b"nan", b"..."):
        (tmp_path / "a.jpg").write_bytes(content.replace(b'luminance="0.8"', b'luminance="%b"' % claim))
        assert read_provenance(tmp_path / "a.jpg") is None


@pytest.mark.parametrize("text", ["\x00\x01 controls", "\ud800 lone", "x" * 5000, "]]> <?xpacket?>", "a\nb"])
def test_any_name_can_be_written(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.png"
    write(path, provenance=replace(PROVENANCE, model=text))
    found = read_provenance(path)
    assert found is not None
    assert len(found.model) <= 500
    assert found.source == PROVENANCE.source
    assert is_intact(path)


def test_settings_are_whole_however_many_they_are(tmp_path: Path) -> None:
    """Else what is done would not be known again; levels by hand of many channels are long."""
    levels = [f"{100 + channel} {4000 + channel} channel {channel}" for channel in range(1, 60)]
    said = replace(PROVENANCE, settings=json.dumps({"levels": levels, "raw_look": "camera"}))
    write(tmp_path / "a.tif", provenance=said)
    found = read_provenance(tmp_path / "a.tif")
    assert found is not None
    assert found.is_same_work(said)
    assert found.raw_look == "camera"
    assert is_intact(tmp_path / "a.tif")


def test_bmp_has_no_place_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    write(path, provenance=PROVENANCE)
    assert read_provenance(path) is None
    assert read_image(path).pixels.shape == (21, 34, 3)


def test_a_packet_that_would_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        insert_xmp(b"", "jpeg", bytes(MAX_PACKET_BYTES + 1), 1, 1)


def test_what_is_no_picture_says_nothing(tmp_path: Path) -> None:
    for name, content in (("empty.png", b""), ("text.png", b"hello"), ("cut.jpg", b"\xff\xd8\xff\xe1\xff\xff")):
        (tmp_path / name).write_bytes(content)
        assert read_provenance(tmp_path / name) is None
    assert read_provenance(tmp_path / "missing.png") is None
    assert read_provenance(tmp_path) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a/>',
        f'<x:a xmlns:x="adobe:ns:meta/" xmlns:r="{NAMESPACE}" r:model="m"/>'.encode(),
    ],
)
def test_packets_of_others_say_nothing(tmp_path: Path, packet: bytes) -> None:
    path = tmp_path / "a.png"
    write(path)
    path.write_bytes(insert_xmp(path.read_bytes(), "png", packet, 34, 21))
    assert read_provenance(path) is None


@given(st.data())
def test_damaged_files_never_raise(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file_format = data.draw(st.sampled_from(FORMATS))
    path = tmp_path_factory.mktemp("damaged") / f"a.{file_format}"
    write(path, exif=make_exif(), provenance=PROVENANCE)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert read_provenance(path) in (None, PROVENANCE) or isinstance(read_provenance(path), Provenance)
    assert is_intact(path) in (True, False)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_place_is_taken_out_and_the_rest_stays(tmp_path: Path, file_format: str, order: str) -> None:
    path = tmp_path / f"a.{file_format}"
    write(path, exif=make_exif(order), metadata="keep")
    assert GPS_TEXT in path.read_bytes()
    with Image.open(path) as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"
    write(path, exif=make_exif(order), metadata="without-gps")
    assert GPS_TEXT not in path.read_bytes(), "not even unreferenced"
    with Image.open(path) as image:
        exif = image.getexif()
        assert 0x8825 not in exif
        assert exif[0x010F] == "Camera maker"
        assert exif[0x0131] == "Firmware 7"
        assert exif.get_ifd(0x8769)[0x9003] == "2026:11:24 12:00:00"
        assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    write(path, exif=make_exif(order), metadata="none")
    with Image.open(path) as image:
        assert 0x010F not in image.getexif()


def test_the_place_is_taken_out_of_the_exif_directory_too() -> None:
    exif = bytearray(make_exif())
    # A writer that knew no better: the pointer hangs on another directory.
    at = exif.index(struct.pack("<HHI", 0x9003, 2, 20))
    exif[at : at + 2] = struct.pack("<H", 0x8825)
    cleaned = remove_gps(bytes(exif))
    assert cleaned is not None
    assert struct.pack("<H", 0x8825) not in cleaned[:200]
    assert len(cleaned) == len(exif)


def test_without_a_place_nothing_changes_and_broken_blocks_go() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera maker"
    block = exif.tobytes().removeprefix(b"Exif\x00\x00")
    assert remove_gps(block) == block
    assert remove_gps(b"II*\x00\xff\xff\xff\xff") is None
    assert remove_gps(b"no exif") is None


@given(st.integers(0, 400), st.integers(0, 255), st.integers(8, 400))
def test_hostile_blocks_never_raise(place: int, value: int, length: int) -> None:
    block = bytearray(make_exif())
    block[place % len(block)] = value
    cleaned = remove_gps(bytes(block[:length]))
    assert cleaned is None or len(cleaned) == min(length, len(block))


def test_a_pillow_reader_takes_the_cleaned_block() -> None:
    cleaned = remove_gps(make_exif())
    assert cleaned is not None
    exif = Image.Exif()
    exif.load(b"Exif\x00\x00" + cleaned)
    assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "JPEG", exif=exif)
    assert GPS_TEXT not in file.getvalue()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_has_no_origin(tmp_path: Path) -> None:
    """Opening one would wait for a writer for ever."""
    pipe = tmp_path / "photo.png"
    os.mkfifo(pipe)
    assert read_provenance(pipe) is None
    assert not is_intact(pipe)
