"""Small pictures in every format that the program reads, with all that a file can say of one, made without the engine.

What a picture is stands in a `Picture`; `make_picture` writes its file, and `stored_levels` tells what it has in it.
"""

import base64
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.photo import PhotoRef
from tests import colour_makers as colours
from tests.heif_makers import HEVC, box, heif_file
from tests.raw_makers import write_dng

HEIGHT, WIDTH = 28, 24
"""As stored: not yet turned upright."""

DOTS_PER_INCH: Final = (300, 150)
FACTS: Final = {"make": "TestMaker", "model": "TestCam 1", "taken": "2024:05:17 18:30:05", "iso": 800}
NOTE: Final = b"TestMaker\x00note of the camera's own"
LATITUDE: Final = (52, 31, 12)
XMP: Final = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmp:Rating="4" tiff:Orientation="{orientation}">'
    "<photoshop:City>Zug</photoshop:City></rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC: Final = b"".join(
    b"\x1c\x02" + struct.pack(">BH", number, len(text)) + text for number, text in ((25, b"harbour"), (90, b"Zug"))
)
TEXT: Final = "Evening boats"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a file has in it.

    Attributes:
        file_format: Of the file, as a person calls it.
        depth: "1 bit", "8 bits", "10 bits", "12 bits", "16 bits" or "floating point".
        channels: A key of `CHANNELS`.
        colours: How the file describes its colours.
        orientation: 1 to 8.
        described: What it says beside: a kind of metadata, "all" or "nothing".
        layout: How the format lays it out, in words of its own.
        page: "alone", or which of three.
    """

    file_format: str
    depth: str
    channels: str
    colours: str
    orientation: int
    described: str
    layout: str
    page: str = "alone"

    def says(self, kind: str) -> bool:
        """Whether the file holds a kind of metadata."""
        return self.described in (kind, "all")


@lru_cache
def _base(page: int) -> dict[str, NDArray[np.float64]]:
    """Mild ramps that no turn and no mirror leaves alike, with a texture below one level of 8 bits."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    texture = ((rows * 7 + columns * 13) % 11 - 5) / 14 + 12 * (page - 1)
    return {
        "red": (90 + 3 * rows + texture) / 255,
        "green": (80 + 3 * columns + texture) / 255,
        "blue": (100 + 2 * rows + texture) / 255,
        "gray": (50 + 4 * rows + 3 * columns + texture) / 255,
        "alpha": (60 + 7 * rows) / 255,
        "other": (220 - 3 * rows - 5 * columns + texture) / 255,
    }


CHANNELS: Final = {
    "gray": ("gray",),
    "gray of which 0 is white": ("gray",),
    "two stains of a microscope": ("gray", "other"),
    "gray with transparency": ("gray", "alpha"),
    "RGB": ("red", "green", "blue"),
    "RGB with transparency": ("red", "green", "blue", "alpha"),
    "RGB with premultiplied transparency": ("red", "green", "blue", "alpha"),
    "palette": ("red", "green", "blue"),
    "palette with transparency": ("red", "green", "blue", "alpha"),
    "CMYK": ("red", "green", "blue", "other"),
    "infrared channel": ("red", "green", "blue", "other"),
    "four stains of a microscope": ("gray", "green", "blue", "other"),
    "mosaic": ("red", "green", "blue"),
}


def stored_levels(picture: Picture) -> NDArray[np.float64]:
    """Return what is stored, not turned: height x width x channels, 0 to 1, rounded as its depth rounds it."""
    number = 1 if picture.page == "alone" else int(picture.page[0])
    base = _base(number)
    if picture.file_format in ("HEIC", "AVIF"):
        # Their files are of one picture.
        base = {name: np.round(channel * 255) / 255 for name, channel in base.items()}
    if "palette" in picture.channels:
        base = {name: np.round(channel * 255) / 255 for name, channel in base.items()}
        base = {name: channel[::2, ::2].repeat(2, axis=0).repeat(2, axis=1) for name, channel in base.items()}
    levels = np.stack([base[name] for name in CHANNELS[picture.channels]], axis=2)
    match picture.depth:
        case "1 bit":
            return (levels > 0.45).astype(np.float64)
        case "floating point":
            return levels.astype(np.float32).astype(np.float64)
        case _:
            top = 2 ** int(picture.depth.split()[0]) - 1
            return np.round(levels * top) / top


def as_integers(levels: NDArray[np.float64], bits: int) -> NDArray[Any]:
    """Return levels as the numbers of a file."""
    return np.round(levels * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def make_picture(folder: Path, name: str, picture: Picture) -> PhotoRef:
    """Write a file and return the photo in it."""
    writers = {
        "JPEG": (_jpeg, ".jpg"),
        "PNG": (_png, ".png"),
        "TIFF": (_tiff, ".tif"),
        "WebP": (_webp, ".webp"),
        "BMP": (_bmp, ".bmp"),
        "AVIF": (_avif, ".avif"),
        "HEIC": (_heic, ".heic"),
        "DNG": (_dng, ".dng"),
    }
    writer, suffix = writers[picture.file_format]
    path = folder / (name + suffix)
    writer(path, picture)
    return PhotoRef(path, 0 if picture.page == "alone" else int(picture.page[0]))


# --- metadata ---------------------------------------------------------------------------------------------------------

Value = tuple[int, int, bytes] | dict[int, Any]
"""Of a tag: type, count and bytes, or a directory."""


def _values(picture: Picture, order: str, *, resolution: bool = False) -> dict[int, Value]:
    """Return the directory that says of a picture what its EXIF is to say."""

    def text(value: str) -> Value:
        return 2, len(value) + 1, value.encode() + b"\x00"

    def fractions(*values: tuple[int, int]) -> Value:
        return 5, len(values), b"".join(struct.pack(order + "II", *value) for value in values)

    main: dict[int, Value] = {}
    details: dict[int, Value] = {}
    if picture.says("EXIF"):
        main = {0x010F: text(FACTS["make"]), 0x0110: text(FACTS["model"]), 0x0132: text(FACTS["taken"])}
        details = {
            0x829A: fractions((1, 250)),
            0x8827: (3, 1, struct.pack(order + "H", FACTS["iso"])),
            0x9003: text(FACTS["taken"]),
        }
    if picture.orientation != 1:
        main[0x0112] = (3, 1, struct.pack(order + "H", picture.orientation))
    if picture.says("resolution") and resolution:
        main |= {tag: fractions((dots, 1)) for tag, dots in zip((0x011A, 0x011B), DOTS_PER_INCH, strict=True)}
        main[0x0128] = (3, 1, struct.pack(order + "H", 2))
    if picture.says("maker's note"):
        details[0x927C] = (7, len(NOTE), NOTE)
    if picture.colours == "Adobe RGB in EXIF alone":
        details |= {0xA001: (3, 1, struct.pack(order + "H", 0xFFFF)), 0xA005: {1: text("R03")}}
    if details:
        main[0x8769] = details
    if picture.says("GPS"):
        main[0x8825] = {1: text("N"), 2: fractions(*((part, 1) for part in LATITUDE))}
    return main


def directory(values: dict[int, Value], start: int, order: str, is_big: bool = False) -> bytes:
    """Return a directory of TIFF or BigTIFF that begins at a place of its file, with its values behind it."""
    number, entry, room = ("Q", "HHQ", 8) if is_big else ("I", "HHI", 4)
    head = struct.pack(order + ("Q" if is_big else "H"), len(values))
    behind = start + len(head) + (struct.calcsize("=" + entry) + room) * len(values) + room
    table, tail = b"", b""
    for tag, value in sorted(values.items()):
        place = behind + len(tail)
        if isinstance(value, dict):
            table += struct.pack(order + entry + number, tag, 16 if is_big else 4, 1, place)
            tail += directory(value, place, order, is_big)
        elif len(value[2]) <= room:
            table += struct.pack(order + entry, tag, *value[:2]) + value[2].ljust(room, b"\x00")
        else:
            table += struct.pack(order + entry + number, tag, *value[:2], place)
            tail += value[2]
        tail += bytes(len(tail) % 2)
    return head + table + bytes(room) + tail


def exif_of(picture: Picture, *, resolution: bool = False) -> bytes:
    """Return an EXIF block; nothing where there is nothing to say."""
    values = _values(picture, ">", resolution=resolution)
    return b"MM\x00*\x00\x00\x00\x08" + directory(values, 8, ">") if values else b""


def xmp_of(picture: Picture) -> bytes:
    return XMP.format(orientation=picture.orientation).encode() if picture.says("XMP") else b""


def _photoshop(iptc: bytes) -> bytes:
    return b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


PROFILES: Final[dict[str, bytes]] = {
    "sRGB": colours.SRGB_PROFILE,
    "Display P3": colours.rgb_profile_of(2.2, colours.P3_PRIMARIES),
    "Adobe RGB": colours.rgb_profile_of(2.19921875, colours.ADOBE_PRIMARIES),
    "gray profile": colours.gray_profile_of(1.8),
    "CMYK profile": colours.press_profile(),
    "profile in the header": colours.rgb_profile_of(1.8),
}


def profile_of(picture: Picture) -> bytes | None:
    """Return the ICC profile that the file holds as such."""
    return PROFILES.get(picture.colours)


# --- the formats ------------------------------------------------------------------------------------------------------


def _jpeg(path: Path, picture: Picture) -> None:
    levels = as_integers(stored_levels(picture), 8)
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[levels.shape[2]]
    image = Image.frombytes(mode, (WIDTH, HEIGHT), levels.tobytes())
    image.save(
        path,
        quality=100,
        subsampling=0,
        progressive=picture.layout == "progressive",
        exif=b"Exif\x00\x00" + exif_of(picture) if exif_of(picture) else b"",
        xmp=xmp_of(picture),
        icc_profile=profile_of(picture),
        dpi=DOTS_PER_INCH if picture.says("resolution") else (0, 0),
        comment=TEXT if picture.says("comment") else "",
    )
    if picture.says("IPTC"):
        content, body = path.read_bytes(), b"Photoshop 3.0\x00" + _photoshop(IPTC)
        segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
        path.write_bytes(
            content[:20] + segment + content[20:]
            if content[2:4] == b"\xff\xe0"
            else content[:2] + segment + content[2:]
        )


PNG_COLOURS: Final = {
    "gAMA": (colours.gamma_chunk(1 / 1.8),),
    "gAMA of gray": (colours.gamma_chunk(1 / 1.8),),
    "gAMA and cHRM": (colours.gamma_chunk(1 / 2.2), colours.points_chunk(colours.ADOBE_PRIMARIES)),
    "cHRM alone": (colours.points_chunk(colours.P3_PRIMARIES),),
    "cICP": (colours.P3_CODES,),
    "cICP before iCCP": (colours.P3_CODES, colours.icc_chunk(colours.rgb_profile_of(1.0)), colours.gamma_chunk(1.0)),
    "unknown cICP before gAMA": (colours.chunk(b"cICP", bytes((99, 99, 0, 1))), colours.gamma_chunk(1 / 1.8)),
    "gAMA and cHRM of sRGB": (colours.gamma_chunk(0.45455), colours.points_chunk(colours.SRGB_PRIMARIES)),
    "iCCP before gAMA": (colours.icc_chunk(colours.rgb_profile_of(1.8)), colours.gamma_chunk(1.0)),
    "sRGB before gAMA": (colours.chunk(b"sRGB", b"\x00"), colours.gamma_chunk(1.0)),
    "BT.709": (colours.chunk(b"cICP", bytes((1, 1, 0, 1))),),
}


def _png(path: Path, picture: Picture) -> None:
    bits = 16 if picture.depth == "16 bits" else 8
    levels = as_integers(stored_levels(picture), bits)
    if "palette" in picture.channels:
        entries, index = np.unique(levels.reshape(-1, levels.shape[2]), axis=0, return_inverse=True)
        image = Image.frombytes("P", (WIDTH, HEIGHT), index.astype(np.uint8).tobytes())
        image.putpalette(entries[:, :3].tobytes())
        options = {"transparency": entries[:, 3].tobytes()} if levels.shape[2] == 4 else {}
        file = BytesIO()
        image.save(file, "PNG", **options)
        content = file.getvalue()
    elif picture.depth == "1 bit":
        file = BytesIO()
        Image.fromarray(levels[:, :, 0] > 0).save(file, "PNG")
        content = file.getvalue()
    else:
        content = bytes(imagecodecs.png_encode(levels))
    chunks = [*PNG_COLOURS.get(picture.colours, ())]
    profile = profile_of(picture)
    if profile is not None:
        chunks.append(colours.icc_chunk(profile))
    if picture.says("resolution"):
        metres = [round(dots / 0.0254) for dots in DOTS_PER_INCH]
        chunks.append(colours.chunk(b"pHYs", struct.pack(">IIB", *metres, 1)))
    exif, xmp = exif_of(picture), xmp_of(picture)
    if exif and picture.layout == "EXIF as text":
        text = b"\nexif\n%8d\n%b\n" % (len(exif), exif.hex().encode())
        chunks.append(colours.chunk(b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(text)))
    elif exif:
        chunks.append(colours.chunk(b"eXIf", exif))
    if xmp:
        chunks.append(colours.chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(xmp)))
    if picture.says("IPTC"):
        resource = _photoshop(IPTC)
        text = b"\niptc\n%8d\n%b\n" % (len(resource), resource.hex().encode())
        chunks.append(colours.chunk(b"zTXt", b"Raw profile type iptc\x00\x00" + zlib.compress(text)))
    if picture.says("comment"):
        chunks.append(colours.chunk(b"tEXt", b"Comment\x00" + TEXT.encode()))
    if picture.says("PNG text"):
        chunks.append(colours.chunk(b"tEXt", b"Title\x00" + TEXT.encode()))
    path.write_bytes(content[:33] + b"".join(chunks) + content[33:])


TIFF_LAYOUTS: Final[dict[str, dict[str, Any]]] = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "planes": {"planarconfig": "separate", "rowsperstrip": 9},
    "LZW": {"compression": "lzw", "rowsperstrip": 8},
    "deflate with predictor": {"compression": "zlib", "predictor": True},
    "tiles of planes, deflate": {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    "zstd": {"compression": "zstd"},
    "PackBits": {"compression": "packbits"},
}
TIFF_KINDS: Final[dict[str, dict[str, Any]]] = {
    "": {},
    ", big end first": {"byteorder": ">"},
    ", BigTIFF": {"bigtiff": True},
    ", BigTIFF, big end first": {"bigtiff": True, "byteorder": ">"},
}
_TIFF_CHANNELS: Final[dict[str, dict[str, Any]]] = {
    "gray": {"photometric": "minisblack"},
    "gray of which 0 is white": {"photometric": "miniswhite"},
    "two stains of a microscope": {"photometric": "minisblack", "extrasamples": ["unspecified"]},
    "gray with transparency": {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
    "RGB": {"photometric": "rgb"},
    "RGB with transparency": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
    "RGB with premultiplied transparency": {"photometric": "rgb", "extrasamples": ["assocalpha"]},
    "CMYK": {"photometric": "separated"},
    "infrared channel": {"photometric": "rgb", "extrasamples": ["unspecified"]},
    "four stains of a microscope": {"photometric": "minisblack", "extrasamples": ["unspecified"] * 3},
    "palette": {"photometric": "palette"},
}


def _tiff_samples(picture: Picture, options: dict[str, Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    levels = stored_levels(picture)
    options = options | _TIFF_CHANNELS[picture.channels]
    if picture.channels == "RGB with premultiplied transparency":
        levels[:, :, :3] *= levels[:, :, 3:]
    if picture.channels == "gray of which 0 is white":
        levels = 1 - levels
    if picture.channels == "palette":
        entries, index = np.unique(as_integers(levels, 8).reshape(-1, 3), axis=0, return_inverse=True)
        colour_map = np.zeros((3, 256), np.uint16)
        colour_map[:, : len(entries)] = entries.T.astype(np.uint16) * 257
        return index.reshape(HEIGHT, WIDTH).astype(np.uint8), options | {"colormap": colour_map}
    if picture.depth == "floating point":
        samples: NDArray[Any] = levels.astype(np.float32)
    elif picture.depth == "1 bit":
        samples = levels > 0
    else:
        samples = as_integers(levels, int(picture.depth.split()[0]))
    if samples.shape[2] == 1:
        return samples[:, :, 0], {key: value for key, value in options.items() if key != "planarconfig"}
    if options.get("planarconfig") == "separate":
        return np.moveaxis(samples, 2, 0), options
    return samples, options | {"planarconfig": "contig"}


def _tiff(path: Path, picture: Picture) -> None:
    arrangement, options = _tiff_options(picture.layout)
    is_big, order = bool(options.get("bigtiff")), options.get("byteorder", "<")
    number = None if picture.page == "alone" else int(picture.page[0])
    file = BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for page in (1,) if number is None else (1, 2, 3):
            is_it = number in (None, page)
            # The other pages say something else, and lie otherwise.
            shown = picture if is_it else _other_page(picture, page)
            samples, how = _tiff_samples(shown, TIFF_LAYOUTS[arrangement])
            values = _values(shown, order)
            writer.write(
                samples,
                metadata=None,
                software=False,
                extratags=_tiff_tags(shown, values),
                **how,
                **_tiff_resolution(shown),
            )
    pages = [picture if number in (None, page) else _other_page(picture, page) for page in range(1, 4)]
    path.write_bytes(_with_directories(file.getvalue(), [_values(page, order) for page in pages], order, is_big))


def _with_directories(content: bytes, values_of_pages: list[dict[int, Value]], order: str, is_big: bool) -> bytes:
    """Return a file with the directories that a page's tags point to; tifffile leaves such tags out."""
    changed = bytearray(content)
    with tifffile.TiffFile(BytesIO(content)) as tiff:
        for page, values in zip(tiff.pages, values_of_pages, strict=False):
            for tag, value in values.items():
                if isinstance(value, dict):
                    changed += bytes(len(changed) % 2)
                    entry = page.aspage().tags[tag - 1]
                    struct.pack_into(order + "H", changed, entry.offset, tag)
                    struct.pack_into(order + "I", changed, entry.valueoffset, len(changed))
                    changed += directory(value, len(changed), order, is_big)
    return bytes(changed)


def _tiff_options(layout: str) -> tuple[str, dict[str, Any]]:
    for kind in sorted(TIFF_KINDS, key=len, reverse=True):
        if layout.endswith(kind):
            return layout.removesuffix(kind), TIFF_KINDS[kind]
    raise KeyError(layout)


def _other_page(picture: Picture, number: int) -> Picture:
    return Picture(
        **{
            **vars(picture),
            "page": f"{number} of 3",
            "orientation": picture.orientation % 8 + 1,
            "described": "nothing",
            "colours": "no word on colours",
        }
    )


def _tiff_resolution(picture: Picture) -> dict[str, Any]:
    return {"resolution": DOTS_PER_INCH, "resolutionunit": "inch"} if picture.says("resolution") else {}


def _tiff_tags(picture: Picture, values: dict[int, Value]) -> list[tuple[Any, ...]]:
    tags: list[tuple[Any, ...]] = []
    for tag, value in values.items():
        if isinstance(value, dict):
            # The neighbour of a tag that `_with_directories` puts in its place.
            tags.append((tag - 1, "I", 1, 0, True))
        elif value[0] == 2:
            tags.append((tag, "s", 0, value[2].rstrip(b"\x00").decode(), True))
        else:
            tags.append((tag, "H", 1, picture.orientation, True))
    if picture.says("XMP"):
        packet = xmp_of(picture)
        tags.append((700, "B", len(packet), packet, True))
    if picture.says("IPTC"):
        tags.append((33723, 7, len(IPTC), IPTC, True))
    profile = profile_of(picture)
    if profile is not None:
        tags.append((34675, 7, len(profile), profile, True))
    return tags


def _webp(path: Path, picture: Picture) -> None:
    levels = as_integers(stored_levels(picture), 8)
    image = Image.frombytes({3: "RGB", 4: "RGBA"}[levels.shape[2]], (WIDTH, HEIGHT), levels.tobytes())
    image.save(
        path,
        lossless=picture.layout == "lossless",
        exact=True,
        quality=100,
        exif=exif_of(picture, resolution=True),
        xmp=xmp_of(picture),
        icc_profile=profile_of(picture),
    )


def _bmp(path: Path, picture: Picture) -> None:
    levels = as_integers(stored_levels(picture), 8)
    dots = DOTS_PER_INCH if picture.says("resolution") else (0, 0)
    if picture.colours in ("profile in the header", "gamma in the header"):
        rows = levels[::-1, :, ::-1].tobytes()
        kind = "embedded" if picture.colours == "profile in the header" else "stated"
        metres = (round(dots[0] / 0.0254), round(dots[1] / 0.0254))
        head, tail = colours.bmp_header(kind, len(rows), WIDTH, HEIGHT, metres)
        path.write_bytes(head + rows + tail)
        return
    if picture.channels == "palette":
        entries, index = np.unique(levels.reshape(-1, 3), axis=0, return_inverse=True)
        image = Image.frombytes("P", (WIDTH, HEIGHT), index.astype(np.uint8).tobytes())
        image.putpalette(entries.tobytes())
    elif picture.depth == "1 bit":
        image = Image.fromarray(levels[:, :, 0] > 0)
    elif levels.shape[2] == 4:
        # Pillow writes no header that says of the fourth byte that it is transparency.
        content = bytearray(cv2.imencode(".bmp", levels[:, :, [2, 1, 0, 3]])[1].tobytes())
        struct.pack_into("<ii", content, 38, *(round(side / 0.0254) for side in dots))
        path.write_bytes(content)
        return
    else:
        mode = {1: "L", 3: "RGB"}[levels.shape[2]]
        image = Image.frombytes(mode, (WIDTH, HEIGHT), levels.tobytes())
    image.save(path, dpi=dots)


# --- HEIF and raw -----------------------------------------------------------------------------------------------------

CODE_POINTS: Final = {"nclx of Display P3": (12, 13, 6), "nclx of sRGB": (1, 13, 6)}
# How often to turn it by a quarter to the left, then how to mirror it: top with bottom (0) or left with right (1).
_TURNS: Final = {1: (0, None), 2: (0, 1), 3: (2, None), 4: (0, 0), 5: (1, 0), 6: (3, None), 7: (1, 1), 8: (1, None)}


def _heif_properties(picture: Picture, matrix: int) -> list[bytes]:
    """Return the properties of colours and orientation."""
    properties = []
    profile = profile_of(picture)
    if profile is not None:
        properties.append(box(b"colr", b"prof", profile))
    primaries, transfer, _ = CODE_POINTS.get(picture.colours, (1, 13, 6))
    properties.append(box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80)))
    quarters, mirror = _TURNS[picture.orientation]
    if quarters:
        properties.append(box(b"irot", bytes((quarters,))))
    if mirror is not None:
        properties.append(box(b"imir", bytes((mirror,))))
    return properties


def _heic(path: Path, picture: Picture) -> None:
    configuration, data = (base64.b64decode(text) for text in HEVC[picture.depth])
    bits = int(picture.depth.split()[0])
    properties = [
        box(b"hvcC", configuration),
        box(b"ispe", bytes(4), struct.pack(">II", 64, 64)),
        box(b"pixi", bytes(4), bytes((3, bits, bits, bits))),
        # The coder works on 64 x 64 pixels, of which the picture is the upper left corner.
        box(b"clap", struct.pack(">4I", WIDTH, 1, HEIGHT, 1), struct.pack(">iIiI", WIDTH - 64, 2, HEIGHT - 64, 2)),
        *_heif_properties(picture, 6),
    ]
    exif = exif_of(picture, resolution=True)
    path.write_bytes(heif_file(b"heic", b"hvc1", data, properties, exif=exif, xmp=xmp_of(picture)))


def _avif(path: Path, picture: Picture) -> None:
    bits = int(picture.depth.split()[0])
    levels = as_integers(stored_levels(picture), bits)
    exif, xmp = exif_of(picture, resolution=True), xmp_of(picture)
    if levels.shape[2] == 4:
        image = Image.frombytes("RGBA", (WIDTH, HEIGHT), levels.tobytes())
        image.save(path, quality=100, subsampling="4:4:4", exif=exif, xmp=xmp, icc_profile=profile_of(picture))
        return
    primaries, transfer, _ = CODE_POINTS.get(picture.colours, (1, 13, 6))
    plain = bytes(
        imagecodecs.avif_encode(
            levels, level=100, speed=9, bitspersample=bits, primaries=primaries, transfer=transfer, matrix=0
        )
    )
    at, data_at = plain.index(b"av1C"), plain.index(b"mdat")
    (size,), (data_size,) = struct.unpack_from(">I", plain, at - 4), struct.unpack_from(">I", plain, data_at - 4)
    properties = [
        plain[at - 4 : at - 4 + size],
        box(b"ispe", bytes(4), struct.pack(">II", WIDTH, HEIGHT)),
        box(b"pixi", bytes(4), bytes((3, bits, bits, bits))),
        *_heif_properties(picture, 0),
    ]
    data = plain[data_at + 4 : data_at - 4 + data_size]
    path.write_bytes(heif_file(b"avif", b"av01", data, properties, exif=exif, xmp=xmp))


def _dng(path: Path, picture: Picture) -> None:
    """A camera that sees in sRGB, without any gain: light as it is."""
    light = colours.decode_srgb(stored_levels(picture)) * 16383
    levels = np.round(light).astype(np.uint16)
    if picture.channels == "mosaic":
        mosaic = levels[:, :, 1].copy()
        mosaic[::2, ::2], mosaic[1::2, 1::2] = levels[::2, ::2, 0], levels[1::2, 1::2, 2]
        levels = mosaic
    values = _values(picture, "<", resolution=True)
    resolution = {"resolution": DOTS_PER_INCH, "resolutionunit": "inch"} if picture.says("resolution") else {}
    tags = [tag for tag in _tiff_tags(picture, values) if tag[0] not in (0x010F, 0x0110, 0x011A, 0x011B, 0x0128)]
    write_dng(path, levels, tags, **resolution)
    path.write_bytes(_with_directories(path.read_bytes(), [values], "<", False))


def dim_series(num_frames: int, side: int = 96) -> list[tuple[NDArray[np.uint16], NDArray[np.float64]]]:
    """Frames of 88 to 390 counts on a pedestal of 100, with the counts that they are of: shot and readout noise."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    light = np.zeros((side, side))
    for _ in range(9):
        row, column, radius = *generator.uniform(0, side, 2).tolist(), generator.uniform(3, 12)
        light += generator.uniform(40, 110) * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / radius**2)
        slope = generator.uniform(-1, 1)
        light += generator.uniform(20, 60) * np.exp(-((rows - row - slope * (columns - column)) ** 2) / 3)
    frames = []
    for index in range(num_frames):
        moved = np.roll(light, (index, 2 * index), (0, 1))
        counts = 100 + generator.poisson(moved) + generator.normal(0, 4, moved.shape)
        frames.append((np.rint(counts).clip(0, 65535).astype(np.uint16), 100 + moved))
    return frames
