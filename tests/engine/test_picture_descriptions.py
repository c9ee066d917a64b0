"""XMP, IPTC, text and resolution: kept from every format in every format that holds them, as other programs read."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from engine.data.image_files import encode_image, probe_image, read_image
from engine.data.image_writing import MetadataPolicy
from engine.data.photo_image import FileFormat, PhotoImage
from engine.data.picture_descriptions import read_descriptions
from engine.data.provenance import Provenance, read_provenance

PIXELS = np.random.default_rng(3).integers(0, 255, (24, 40, 3), dtype=np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmp:Rating="4"'
    b' tiff:Orientation="6" e:GPSLatitude="47,22.5N" photoshop:Headline="boats"><photoshop:City>Zug</photoshop:City>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC = b"".join(
    b"\x1c\x02" + struct.pack(">BH", number, len(text)) + text for number, text in ((25, b"harbour"), (90, b"Zug"))
)
RESOURCE = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
PROVENANCE = Provenance(
    version="1",
    model="starter",
    run="",
    task="denoise",
    strength="1",
    source="a.jpg",
    source_digest="0" * 64,
    model_digest="0" * 64,
    settings="{}",
)


def make_source(path: Path) -> Path:
    image = Image.fromarray(PIXELS)
    match path.suffix:
        case ".jpg":
            image.save(path, xmp=XMP, dpi=(300, 150))
            content = path.read_bytes()
            path.write_bytes(
                content[:20] + b"\xff\xed" + struct.pack(">H", len(RESOURCE) + 2) + RESOURCE + content[20:]
            )
        case ".png":
            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
            info.add_text("Title", "Evening boats")
            body = RESOURCE[14:]
            info.add_text("Raw profile type iptc", f"\niptc\n{len(body):8}\n{body.hex()}\n", zip=True)
            image.save(path, pnginfo=info, dpi=(300, 150))
        case ".tif":
            tags = [(700, 1, len(XMP), XMP, True), (33723, 7, len(IPTC), IPTC, True)]
            tifffile.imwrite(
                path,
                PIXELS,
                photometric="rgb",
                metadata=None,
                resolution=(300, 150),
                resolutionunit="inch",
                extratags=tags,
                bigtiff=True,
            )
    return path


def iptc_of(image: Image.Image) -> dict[tuple[int, int], bytes]:
    return dict(IptcImagePlugin.getiptcinfo(image) or {})  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["jpg", "png", "tif"])
@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("provenance", [None, PROVENANCE])
def test_descriptions_are_kept(tmp_path: Path, source: str, target: FileFormat, provenance: Provenance | None) -> None:
    photo = read_image(make_source(tmp_path / f"source.{source}"))
    written = tmp_path / "written"
    written.write_bytes(encode_image(photo, file_format=target, bit_depth=8, provenance=provenance))
    assert read_provenance(written) == provenance
    with Image.open(written) as image:
        image.load()
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        packet = packet.encode() if isinstance(packet, str) else packet
        assert isinstance(packet, bytes)
        assert b'xmp:Rating="4"' in packet
        assert b'tiff:Orientation="1"' in packet
        if target != "webp":
            assert image.info["dpi"] == pytest.approx((300, 150), abs=0.1)
        if target in ("jpeg", "tiff"):
            assert iptc_of(image)[2, 25] == b"harbour"
    if target == "png":
        assert read_descriptions(written.read_bytes()).iptc == IPTC
        assert (b"Evening boats" in written.read_bytes()) == (source == "png")


@pytest.mark.parametrize("source", ["jpg", "png", "tif"])
@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize(("policy", "is_kept"), [("without-gps", True), ("none", False)])
def test_the_place_is_taken_out(
    tmp_path: Path, source: str, target: FileFormat, policy: MetadataPolicy, is_kept: bool
) -> None:
    photo = read_image(make_source(tmp_path / f"source.{source}"))
    content = encode_image(photo, file_format=target, bit_depth=8, metadata=policy)
    for place in (b"47,22.5N", b"Zug", b"GPSLatitude"):
        assert place not in content
    again = read_image(_written(tmp_path, content)).metadata.descriptions
    assert (b"boats" in (again.xmp or b"")) == is_kept
    if target != "webp":
        assert (b"harbour" in (again.iptc or b"")) == is_kept
        assert b"Zug" not in (again.iptc or b"")


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "written"
    path.write_bytes(content)
    return path


def test_what_is_no_xml_cannot_be_searched_for_a_place(tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    Image.fromarray(PIXELS).save(path, xmp=b"Zug <not xml")
    assert b"Zug" not in encode_image(read_image(path), file_format="png", metadata="without-gps")
    assert b"Zug" in encode_image(read_image(path), file_format="png")


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_exif_in_the_text_of_a_png(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    block = exif.tobytes()
    info = PngInfo()
    info.add_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{block.hex()}\n", zip=True)
    path = tmp_path / "turned.png"
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    assert probe_image(path).width == 24
    with Image.open(BytesIO(encode_image(read_image(path), file_format="png"))) as image:
        assert image.size == (24, 40)
        assert dict(image.getexif())[0x010F] == "Maker"
        assert image.getexif()[0x0112] == 1


def test_a_turned_photo_has_its_resolution_turned(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(path, dpi=(300, 150), exif=exif)
    with Image.open(BytesIO(encode_image(read_image(path), file_format="png"))) as image:
        assert image.info["dpi"] == pytest.approx((150, 300), abs=0.1)


def test_a_text_that_unfolds_without_end_is_passed_over(tmp_path: Path) -> None:
    body = b"Raw profile type exif\x00\x00" + zlib.compress(bytes(64 * 2**20))
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    content = encode_image(PhotoImage(np.zeros((4, 4, 3), np.float32)), file_format="png")
    assert read_image(_written(tmp_path, content[:33] + chunk + content[33:])).metadata.exif is None


@pytest.mark.parametrize("provenance", [None, PROVENANCE])
def test_xmp_that_a_jpeg_cannot_hold_costs_no_photo(tmp_path: Path, provenance: Provenance | None) -> None:
    long = XMP.replace(
        b"<photoshop:City>", b"<photoshop:Source>" + b"a" * 70_000 + b"</photoshop:Source><photoshop:City>"
    )
    path = tmp_path / "long.png"
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", long.decode())
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    photo = read_image(path)
    assert b"a" * 70_000 in encode_image(photo, file_format="tiff", provenance=provenance)
    written = _written(tmp_path, encode_image(photo, file_format="jpeg", provenance=provenance))
    assert read_provenance(written) == provenance
