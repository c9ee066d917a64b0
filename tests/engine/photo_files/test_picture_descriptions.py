"""XMP, IPTC, text and resolution: kept from every format in every format that holds them, as other programs read."""

import json
import shutil
import struct
import subprocess
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileFormat
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.metadata.descriptions import read_descriptions
from engine.photo_files.metadata.fitting import MetadataPolicy, fit_metadata
from engine.photo_files.metadata.provenance import Provenance, read_provenance
from engine.photo_files.photo_image import PhotoImage
from engine.photo_files.photos import encode_image, probe_image, read_image
from engine.restoring.job import restore

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
    luminance="1",
    colour="1",
    detail="0",
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
def test_descriptions_are_kept(tmp_path: Path, source: str, target: FileFormat) -> None:
    """Without a note on the restoration too; with one, see `tests/trust/test_what_is_kept.py`."""
    photo = read_image(make_source(tmp_path / f"source.{source}"))
    written = tmp_path / "written"
    written.write_bytes(encode_image(photo, file_format=target, bit_depth=8))
    assert read_provenance(written) is None
    with Image.open(written) as image:
        image.load()
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        packet = packet.encode() if isinstance(packet, str) else packet
        assert isinstance(packet, bytes)
        assert b'xmp:Rating="4"' in packet
        assert b'tiff:Orientation="1"' in packet
        if target == "webp":
            exif = image.getexif()
            assert (exif[282], exif[283], exif[296]) == pytest.approx((300, 150, 2), abs=0.1)
        else:
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


def test_what_a_format_has_no_place_for_is_told(tmp_path: Path) -> None:
    photo = read_image(make_source(tmp_path / "source.png"))
    expected: dict[FileFormat, tuple[str, ...]] = {
        "png": (),
        "tiff": ("texts",),
        "jpeg": ("texts",),
        "webp": ("IPTC", "texts"),
        "bmp": ("EXIF, XMP and IPTC", "texts"),
    }
    for file_format, words in expected.items():
        fitted = fit_metadata(photo.metadata, file_format, "keep", PROVENANCE, photo.width, photo.height)
        assert len(fitted.remarks) == len(words)
        assert all(word in remark for word, remark in zip(words, fitted.remarks, strict=True)), file_format
        assert fit_metadata(fitted, file_format, "keep", None, photo.width, photo.height) == fitted
        assert fit_metadata(photo.metadata, file_format, "none", None, photo.width, photo.height).remarks == ()


PLACES = {
    "exif:GPSLatitude": "47/1, 22/1, 30/1",
    "GPSPosition": "here",
    "Location": "Zug",
    "Coordinates": "anywhere",
    "Comment": "taken at 47° 22' 30\" N, 8° 32' 30\" E",
    "Description": "47 deg 22' 30.00\" N",
    "Author": "+47.3750+008.5417/",
    "Copyright": "by me at 47.3769, -8.5417",
    "Warning": "47.3769\u00b0 N",
    "geo:lat": "47.375",
    "Source": '{"latitude": 47.375}',
}
NO_PLACES = {
    "Title": "Evening boats",
    "Disclaimer": "1.0625 s at 12.345 mm",
    "Software": "Editor 3.14, 64 Bit",
    "date:create": "2024-05-17T18:30:05+02:00",
}


@pytest.mark.parametrize("is_zipped", [False, True])
def test_texts_of_a_png_that_hold_a_place_go(tmp_path: Path, is_zipped: bool) -> None:
    path, info = tmp_path / "source.png", PngInfo()
    for name, text in (PLACES | NO_PLACES).items():
        (info.add_text if text.isascii() else info.add_itxt)(name, text, zip=is_zipped)
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    for policy, names in (("keep", PLACES | NO_PLACES), ("without-gps", NO_PLACES), ("none", {})):
        written = _written(tmp_path, encode_image(read_image(path), file_format="png", metadata=policy))
        with Image.open(written) as image:
            image.load()
            assert dict(image.text) == names


def test_a_place_in_any_namespace_goes(tmp_path: Path) -> None:
    dji = XMP.replace(
        b"<photoshop:City>",
        b'<d:GpsLatitude xmlns:d="http://www.dji.com/drone-dji/1.0/">47.375</d:GpsLatitude><photoshop:City>',
    )
    path = tmp_path / "drone.jpg"
    Image.fromarray(PIXELS).save(path, xmp=dji)
    assert b"47.375" in encode_image(read_image(path), file_format="jpeg")
    content = encode_image(read_image(path), file_format="jpeg", metadata="without-gps")
    assert b"47.375" not in content
    assert b"boats" in content


def test_what_is_no_xml_cannot_be_searched_for_a_place(tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    Image.fromarray(PIXELS).save(path, xmp=b"Zug <not xml")
    assert b"Zug" not in encode_image(read_image(path), file_format="png", metadata="without-gps")
    assert b"Zug" in encode_image(read_image(path), file_format="png")


@pytest.mark.parametrize(
    ("comment", "policy", "is_kept"),
    [
        ("Böötli".encode(), "keep", True),
        ("Böötli".encode("latin-1"), "keep", True),
        ("Böötli".encode(), "without-gps", True),
        (b"seen at 47.3769 N, 8.5417 E", "without-gps", False),
        ("Böötli".encode(), "none", False),
        (b"a" * 65_533, "keep", True),
    ],
)
def test_a_jpeg_s_comment(tmp_path: Path, comment: bytes, policy: MetadataPolicy, is_kept: bool) -> None:
    """Several of them, whose encoding is nowhere stated; PNG has a name for them."""
    path = tmp_path / "commented.jpg"
    Image.fromarray(PIXELS).save(path, comment=b"first")
    content = path.read_bytes()
    start = content.index(b"\xff\xfe")
    path.write_bytes(content[:start] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + content[start:])
    expected = comment if comment[:1] == b"a" else "Böötli".encode()
    photo = read_image(path)
    for target in ("jpeg", "png"):
        written = encode_image(photo, file_format=target, metadata=policy)
        assert (expected in written) == is_kept
        assert comment == expected or comment not in written
        assert (b"first" in written) == (policy != "none")
    told = fit_metadata(photo.metadata, "tiff", policy, None, photo.width, photo.height).remarks
    assert len(told) == (policy != "none")


def test_a_comment_of_a_png_that_no_jpeg_holds_is_told(tmp_path: Path) -> None:
    path, info = tmp_path / "long.png", PngInfo()
    info.add_text("Comment", "a" * 70_000)
    info.add_text("Comment", "short")
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    photo = read_image(path)
    content = encode_image(photo, file_format="jpeg")
    assert b"short" in content
    assert b"a" * 70_000 not in content
    assert len(fit_metadata(photo.metadata, "jpeg", "keep", None, photo.width, photo.height).remarks) == 1


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


def test_a_text_that_unfolds_without_end_is_passed_over(tmp_path: Path) -> None:
    body = b"Raw profile type exif\x00\x00" + zlib.compress(bytes(64 * 2**20))
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    content = encode_image(PhotoImage(np.zeros((4, 4, 3), np.float32)), file_format="png")
    assert read_image(_written(tmp_path, content[:33] + chunk + content[33:])).metadata.exif is None


@pytest.mark.parametrize("provenance", [None, PROVENANCE])
def test_xmp_that_one_segment_cannot_hold_is_kept(tmp_path: Path, provenance: Provenance | None) -> None:
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
    assert b"a" * 70_000 in (read_image(written).metadata.descriptions.xmp or b"")


def exif_of(num_note: int, num_comment: int = 0) -> bytes:
    """A camera's EXIF with a maker's note and a comment of so many bytes."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model 3"
    details = exif.get_ifd(0x8769)
    details.update({0x9003: "2024:05:06 07:08:09", 0x927C: b"note" * (num_note // 4), 0x8827: 3200})
    if num_comment:
        details[0x9286] = b"ASCII\0\0\0" + b"c" * num_comment
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 10.0, 0.0)})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def note_of(content: bytes) -> bytes | None:
    with Image.open(BytesIO(content)) as image:
        exif = image.getexif()
        assert (exif[0x010F], exif[0x0110]) == ("Maker", "Model 3")
        details = exif.get_ifd(0x8769)
        assert (details[0x9003], details[0x8827]) == ("2024:05:06 07:08:09", 3200)
        assert exif.get_ifd(0x8825)[1] == "N"
        return details.get(0x927C)


@pytest.mark.parametrize(
    ("num_note", "num_comment", "has_note", "said"),
    [
        (60_000, 0, True, ""),
        (70_000, 0, False, "maker's own note"),
        (40_000, 40_000, False, "maker's own note"),
        (1_000, 80_000, False, "largest parts"),
    ],
)
def test_exif_too_large_for_a_jpeg_loses_the_note(
    tmp_path: Path, num_note: int, num_comment: int, has_note: bool, said: str
) -> None:
    path = tmp_path / "photo.png"
    exif = exif_of(num_note, num_comment)
    Image.fromarray(PIXELS).save(path, exif=exif)
    photo = read_image(path)
    for file_format, is_kept in (("png", True), ("webp", True), ("tiff", True), ("jpeg", has_note)):
        content = encode_image(photo, file_format=file_format, bit_depth=8)
        assert (note_of(content) == b"note" * (num_note // 4)) == is_kept, file_format
        fitted = fit_metadata(photo.metadata, file_format, "keep", None, photo.width, photo.height)
        assert len(fitted.remarks) == (not is_kept)
        assert is_kept or said in fitted.remarks[0]
    if 0 < num_comment < 60_000:
        with Image.open(BytesIO(content)) as image:
            assert image.getexif().get_ifd(0x8769)[0x9286].endswith(b"c" * num_comment)


def test_exif_that_a_jpeg_lacks_is_valid_to_exiftool(tmp_path: Path) -> None:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path, exif=exif_of(70_000))
    written = tmp_path / "written.jpg"
    written.write_bytes(encode_image(read_image(path), file_format="jpeg"))
    command = [exiftool, "-j", "-validate", "-Make", "-ISO", "-MakerNote*", "-GPSLatitude", "-n", str(written)]
    (said,) = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (said["Make"], said["ISO"]) == ("Maker", 3200)
    assert said["GPSLatitude"] == pytest.approx(47 + 10 / 60)
    assert not any(name.startswith("MakerNote") for name in said)


@pytest.mark.parametrize("num_remarks", [0, 1])
def test_what_a_jpeg_has_no_room_for_is_told_by_the_batch(tmp_path: Path, num_remarks: int) -> None:
    """XMP can be divided by its properties, but not where there are too many of them."""
    path = tmp_path / "photo.png"
    info = PngInfo()
    padding = b"<photoshop:Source>" + b"a" * 66_000 + b"</photoshop:Source>"
    packet = XMP.replace(b"<photoshop:City>", padding + b"<photoshop:City>")
    info.add_itxt("XML:com.adobe.xmp", (b"<a" + b"a" * 66_000 if num_remarks else packet).decode())
    iptc = b"\x1c\x02" + struct.pack(">BHI", 202, 0x8004, 66_000) + bytes(66_000) if num_remarks else IPTC
    info.add_text("Raw profile type iptc", f"\niptc\n{len(iptc):8}\n{iptc.hex()}\n", zip=True)
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    card = ModelCard(name="test model", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    model = tmp_path / "identity.safetensors"
    save_model(model, build_network(card).state_dict(), card)
    config = RestoreConfig(model=model, photos=(path,), out=tmp_path / "out", device="cpu", format="jpeg")
    (outcome,) = restore(config, JobControl(), lambda event: None).outcomes
    assert sum("XMP" in remark for remark in outcome.remarks) == num_remarks
    assert sum("IPTC" in remark for remark in outcome.remarks) == num_remarks
    assert outcome.output is not None
    assert read_provenance(outcome.output) is not None
    with Image.open(outcome.output) as image:
        assert (b'xmp:Rating="4"' in image.info["xmp"]) == (not num_remarks)
        assert bool(iptc_of(image)) == (not num_remarks)
    whole = restore(config.model_copy(update={"format": "tiff"}), JobControl(), lambda event: None).outcomes[0]
    # Other formats have room for all, but none for the note in what is no XML.
    assert ["XMP" in remark for remark in whole.remarks] == [True] * num_remarks
