"""What is in a result, read without the engine: by tifffile, Pillow and OpenCV, metadata by exiftool too."""

import json
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, IptcImagePlugin, TiffImagePlugin

from tests.picture_makers import IPTC


@dataclass(frozen=True, kw_only=True)
class WrittenPicture:
    """A result.

    Attributes:
        samples: Height x width x channels, uint8 or uint16.
        channels: "gray" or "RGB", "several gray channels"; with " with transparency" or " with a further channel".
        profile: Its ICC profile.
        exif: The tags of its main directory.
        details: Those of the EXIF directory.
        place: Those of the GPS directory.
        xmp: The packet.
        keyword: The first keyword of its IPTC.
        title: That a PNG states.
        comment: Of a PNG or a JPEG.
        dots_per_inch: Across and down.
        num_pages: How many pictures other programs find.
    """

    samples: NDArray[Any]
    channels: str
    profile: bytes | None
    exif: dict[int, Any]
    details: dict[int, Any]
    place: dict[int, Any]
    xmp: str
    keyword: str
    title: str
    comment: str
    dots_per_inch: tuple[float, float] | None
    num_pages: int = 1

    @property
    def bits(self) -> int:
        """Per channel."""
        return 8 * self.samples.dtype.itemsize

    @property
    def top(self) -> int:
        """The number that is white."""
        return 1 if self.samples.dtype.kind == "f" else 2**self.bits - 1


def read_written(path: Path, page: int = 1) -> WrittenPicture:
    """Read a result of any format; of a stack one page."""
    content = path.read_bytes()
    is_tiff = content[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
    return _of_tiff(content, page) if is_tiff else _by_pillow(content)


def _exif(exif: Image.Exif) -> dict[str, dict[int, Any]]:
    return {
        "exif": {tag: value for tag, value in exif.items() if tag not in (0x8769, 0x8825)},
        "details": dict(exif.get_ifd(0x8769)),
        "place": dict(exif.get_ifd(0x8825)),
    }


def _exif_of_page(content: bytes, offset: int, tiff: tifffile.TiffFile) -> dict[str, dict[int, Any]]:
    """As `_exif`; Pillow finds no further page's, and none in a BigTIFF of the other byte order."""

    def directory(place: int | None) -> dict[int, Any]:
        if place is None:
            return {}
        head = b"II*\x00\x08\x00\x00\x00" if tiff.byteorder == "<" else b"MM\x00*\x00\x00\x00\x08"
        found = TiffImagePlugin.ImageFileDirectory_v2(head)
        found._bigtiff = tiff.is_bigtiff
        file = BytesIO(content)
        file.seek(place)
        found.load(file)
        return dict(found)

    exif = directory(offset)
    details, place = (directory(exif.pop(tag, None)) for tag in (0x8769, 0x8825))
    return {"exif": exif, "details": details, "place": place}


def _stated_dots(exif: dict[int, Any]) -> tuple[float, float] | None:
    per_inch = {2: 1.0, 3: 2.54}.get(exif.get(0x0128, 2))
    if per_inch is None or exif.get(0x0128, 2) == 1 or 0x011A not in exif:
        return None
    return float(exif[0x011A]) * per_inch, float(exif[0x011B]) * per_inch


def _of_tiff(content: bytes, number: int) -> WrittenPicture:
    with tifffile.TiffFile(BytesIO(content)) as tiff:
        page = tiff.pages[number - 1].aspage()
        samples = page.asarray()
        if page.axes == "SYX":
            samples = np.moveaxis(samples, 0, -1)
        samples = samples.reshape(page.imagelength, page.imagewidth, -1)
        extra = [kind.name for kind in page.extrasamples]
        is_gray = page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        assert is_gray or page.photometric == tifffile.PHOTOMETRIC.RGB
        channels = "gray" if is_gray else "RGB"
        if extra == ["UNASSALPHA"]:
            channels += " with transparency"
        elif len(extra) == 1:
            channels += " with a further channel"
        elif extra:
            channels = "several gray channels"
        xmp, iptc, profile = (page.tags.valueof(tag) for tag in (700, 33723, 34675))
        described = _exif_of_page(content, page.offset, tiff)
        unit = page.tags.valueof(296)
        return WrittenPicture(
            samples=samples,
            channels=channels,
            profile=profile,
            xmp=bytes(xmp or b"").decode(),
            keyword="harbour" if IPTC in bytes(iptc or b"") else "",
            title="",
            comment="",
            dots_per_inch=_stated_dots(described["exif"]) if unit is not None and unit > 1 else None,
            num_pages=len(tiff.pages),
            **described,
        )


def _by_pillow(content: bytes) -> WrittenPicture:
    with Image.open(BytesIO(content)) as image:
        image.load()
        described = _exif(image.getexif())
        info = image.info
        channels = "gray" if image.mode in ("L", "LA", "1") or image.mode.startswith("I") else "RGB"
        if image.mode in ("LA", "RGBA"):
            channels += " with transparency"
        samples = np.asarray(image)
        if image.format == "PNG":
            # Pillow rounds colours of 16 bits to 8.
            channels = {0: "gray", 2: "RGB", 4: "gray with transparency", 6: "RGB with transparency"}[content[25]]
            if content[24] == 16:
                samples = _png_of_16_bits(content, channels)
        packet = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
        texts = getattr(image, "text", {})
        iptc = IptcImagePlugin.getiptcinfo(image) or {} if image.format == "JPEG" else {}
        profile_text = texts.get("Raw profile type iptc", "").replace("\n", "")
        dots = info.get("dpi") or _stated_dots(described["exif"])
        if image.format == "JPEG" and not info.get("jfif_unit"):
            # Pillow would take the resolution across for that down.
            dots = _stated_dots(described["exif"])
        if image.format == "BMP" and content[38:46] == bytes(8):
            dots = None
        return WrittenPicture(
            samples=samples.reshape(image.height, image.width, -1),
            channels=channels,
            profile=info.get("icc_profile"),
            xmp=packet if isinstance(packet, str) else packet.decode(),
            keyword=str(bytes(iptc.get((2, 25), b"")), "utf-8") or ("harbour" if IPTC.hex() in profile_text else ""),
            title=texts.get("Title", ""),
            comment=texts.get("Comment", "") or bytes(info.get("comment", b"")).decode(),
            dots_per_inch=None if dots is None else (float(dots[0]), float(dots[1])),
            **described,
        )


def _png_of_16_bits(content: bytes, channels: str) -> NDArray[Any]:
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded.ndim == 2:
        return decoded
    order = {"gray with transparency": [0, -1], "RGB": [2, 1, 0], "RGB with transparency": [2, 1, 0, 3]}[channels]
    return decoded[:, :, order]


def told_by_exiftool(exiftool: str, paths: list[Path]) -> list[dict[str, Any]]:
    """What exiftool says of files, all in one process."""
    names = ("Make", "Model", "DateTimeOriginal", "ISO", "GPSLatitude", "Rating", "Keywords", "Orientation", "Error")
    command = [exiftool, "-j", "-n", *(f"-{name}" for name in names), *map(str, paths)]
    said: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return said
