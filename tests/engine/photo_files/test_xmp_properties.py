"""XMP in every form that programs write: in several segments, in UTF-16, with other prefixes; exiftool reads it."""

import hashlib
import json
import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.contracts.output_formats import FileFormat
from engine.photo_files.metadata.fitting import MetadataPolicy, fit_metadata
from engine.photo_files.metadata.provenance import is_intact, read_provenance
from engine.photo_files.metadata.xmp_properties import as_utf8, parse_packet, split_packet, value_of
from engine.photo_files.photos import encode_image, read_image
from tests.engine.photo_files.test_picture_descriptions import PIXELS, PROVENANCE

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
RATING = f"{{{XMP}}}Rating"
SOURCE = f"{{{PHOTOSHOP}}}Source"
LONG = "p" * 150_000


def packet_of(inner: str, head: str = "") -> str:
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:xmp="{XMP}" xmlns:photoshop="{PHOTOSHOP}" '
        f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmp:Rating="4" {head}>{inner}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta>  <?xpacket end="w"?>'
    )


FORMS = {
    "plain": packet_of("").encode(),
    "utf-16": packet_of("").encode("utf-16-le"),
    "utf-16 with mark": b"\xfe\xff" + packet_of("").encode("utf-16-be"),
    "utf-32": packet_of("").encode("utf-32-be"),
    "declared": b'<?xml version="1.0" encoding="UTF-16"?>'.decode().encode("utf-16-le")
    + packet_of("").encode("utf-16-le"),
    "filled up": packet_of("").encode() + bytes(300),
    "other prefix": packet_of("").replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r").encode(),
    "no prefix": packet_of("")
    .replace(" rdf:about", " r:about")
    .replace("rdf:", "")
    .replace("xmlns:rdf", f'xmlns:r="{RDF}" xmlns')
    .encode(),
    "spaced end": packet_of("").replace("</rdf:RDF>", "</rdf:RDF >").encode(),
    "no wrapper": f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:xmp="{XMP}"><rdf:Description xmp:Rating="4"/></rdf:RDF>'.encode(),
    "comments": packet_of("<!-- </rdf:RDF> --><photoshop:City><![CDATA[</rdf:RDF>]]></photoshop:City>").encode(),
}


def write_jpeg(path: Path, packet: bytes) -> Path:
    file = BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG")
    body = b"http://ns.adobe.com/xap/1.0/\x00" + packet
    path.write_bytes(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body + file.getvalue()[2:])
    return path


def write_extended(path: Path, *, leave_out: int | None = None, other_name: bool = False) -> Path:
    """A JPEG whose packet goes on in further segments, which lie there out of order."""
    extended = packet_of(f"<photoshop:Source>{LONG}</photoshop:Source>").encode()
    name = hashlib.md5(extended).hexdigest().upper()
    write_jpeg(path, packet_of("", f'xmpNote:HasExtendedXMP="{name}"').encode())
    segments = []
    for offset in range(0, len(extended), 60_000):
        said = "0" * 32 if other_name else name
        head = b"http://ns.adobe.com/xmp/extension/\x00" + struct.pack(">32sII", said.encode(), len(extended), offset)
        body = head + extended[offset : offset + 60_000]
        segments.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    if leave_out is not None:
        del segments[leave_out]
    content = path.read_bytes()
    end = 4 + int.from_bytes(content[4:6], "big")
    path.write_bytes(content[:end] + b"".join(reversed(segments)) + content[end:])
    return path


def said_by_exiftool(path: Path, *names: str) -> dict[str, Any]:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    command = [exiftool, "-j", "-n", *(f"-{name}" for name in names), str(path)]
    answer: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return answer[0]


@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_kept_beside_the_provenance(tmp_path: Path, form: str, target: FileFormat) -> None:
    photo = read_image(write_jpeg(tmp_path / "source.jpg", FORMS[form]))
    fitted = fit_metadata(photo.metadata, target, "keep", PROVENANCE, photo.width, photo.height)
    assert fitted.remarks == ()
    written = tmp_path / f"written.{target}"
    written.write_bytes(encode_image(photo, file_format=target, provenance=PROVENANCE))
    assert read_provenance(written) == PROVENANCE
    assert is_intact(written)
    packet = read_image(written).metadata.descriptions.xmp
    assert packet is not None
    root = parse_packet(packet)
    assert root is not None
    assert value_of(root, RATING) == "4"


@pytest.mark.parametrize("form", ["utf-16", "other prefix", "comments"])
def test_exiftool_reads_what_was_kept(tmp_path: Path, form: str) -> None:
    photo = read_image(write_jpeg(tmp_path / "source.jpg", FORMS[form]))
    written = tmp_path / "written.tif"
    written.write_bytes(encode_image(photo, file_format="tiff", provenance=PROVENANCE))
    said = said_by_exiftool(written, "XMP:Rating", "XMP:CreatorTool", "Warning")
    assert said["Rating"] == 4
    assert said["CreatorTool"].startswith("Residua")
    assert "Warning" not in said


def test_what_is_no_xml_is_left_out_and_said(tmp_path: Path) -> None:
    photo = read_image(write_jpeg(tmp_path / "a.jpg", b"Zug <not xml"))
    remarks = fit_metadata(photo.metadata, "tiff", "keep", PROVENANCE, photo.width, photo.height).remarks
    assert any("XMP" in remark and "left out" in remark for remark in remarks)
    remarks = fit_metadata(photo.metadata, "tiff", "without-gps", None, photo.width, photo.height).remarks
    assert any("XMP" in remark and "damaged" in remark for remark in remarks)


@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("policy", ["keep", "without-gps"])
def test_a_packet_in_several_segments_is_kept(tmp_path: Path, target: FileFormat, policy: MetadataPolicy) -> None:
    path = write_extended(tmp_path / "source.jpg")
    assert said_by_exiftool(path, "XMP-photoshop:Source")["Source"] == LONG
    photo = read_image(path)
    assert photo.metadata.remarks == ()
    written = tmp_path / f"written.{target}"
    written.write_bytes(encode_image(photo, file_format=target, metadata=policy, provenance=PROVENANCE))
    assert read_provenance(written) == PROVENANCE
    assert is_intact(written)
    again = read_image(written).metadata
    assert again.remarks == ()
    assert again.descriptions.xmp is not None
    root = parse_packet(again.descriptions.xmp)
    assert root is not None
    assert (value_of(root, RATING), value_of(root, SOURCE)) == ("4", LONG)
    said = said_by_exiftool(written, "XMP-photoshop:Source", "XMP:Rating", "Warning")
    assert (said["Source"], said["Rating"]) == (LONG, 4)
    assert "Warning" not in said


@pytest.mark.parametrize("damage", [{"leave_out": 1}, {"other_name": True}])
def test_a_lost_part_of_a_packet_is_told(tmp_path: Path, damage: dict[str, Any]) -> None:
    photo = read_image(write_extended(tmp_path / "source.jpg", **damage))
    (remark,) = photo.metadata.remarks
    assert "XMP" in remark
    content = encode_image(photo, file_format="jpeg", provenance=PROVENANCE)
    assert b"HasExtendedXMP" not in content
    assert b'xmp:Rating="4"' in content


def test_many_properties_are_divided_by_their_size() -> None:
    inner = "".join(f"<photoshop:P{index}>{'v' * 2000}</photoshop:P{index}>" for index in range(60))
    packet = packet_of(inner).encode()
    parts = split_packet(packet, 45_000)
    assert parts is not None
    assert 40_000 < len(parts.main) <= 45_000
    whole, extended = parse_packet(parts.main), parse_packet(parts.extended)
    assert whole is not None
    assert extended is not None
    for index in range(60):
        name = f"{{{PHOTOSHOP}}}P{index}"
        assert {value_of(whole, name), value_of(extended, name)} == {"v" * 2000, ""}
    assert split_packet(b"<no xml", 10) is None
    assert split_packet(packet, 300) is None


def test_a_document_type_is_not_unfolded() -> None:
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    assert parse_packet(entity + packet_of("&a;").encode()) is None
    assert parse_packet(as_utf8((entity.decode() + packet_of("&a;")).encode("utf-16-le"))) is None


def test_the_note_on_an_earlier_restoration_goes_however_it_was_written_anew(tmp_path: Path) -> None:
    first = write_jpeg(tmp_path / "first.jpg", FORMS["plain"])
    first.write_bytes(encode_image(read_image(first), file_format="jpeg", provenance=PROVENANCE))
    packet = read_image(first).metadata.descriptions.xmp
    assert packet is not None
    said = packet.split(b"residua:version")[1].split(b"/>")[0]
    anew = packet_of("", 'xmlns:residua="urn:residua:provenance:1" residua:version' + said.decode()).encode()
    photo = read_image(write_jpeg(tmp_path / "second.jpg", anew))
    assert b"residua" not in encode_image(photo, file_format="jpeg")
    assert b"residua" not in encode_image(photo, file_format="png", metadata="without-gps")
    assert np.array_equal(photo.pixels, read_image(tmp_path / "second.jpg").pixels)
