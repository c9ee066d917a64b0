"""Taking the place out of XMP and IPTC, as `exif_privacy` takes it out of EXIF."""

import re
from typing import Final

from engine.photo_files.metadata.xmp_properties import without_properties

_PLACES: Final = re.compile(
    r"\{http://ns\.adobe\.com/photoshop/1\.0/\}(City|State|Country)"
    r"|\{http://iptc\.org/std/Iptc4xmpCore/1\.0/xmlns/\}(Location|CountryCode)"
    r"|\{http://iptc\.org/std/Iptc4xmpExt/2008-02-29/\}Location(Shown|Created)"
    r"|\{[^}]*\}.*(?i:gps|latitude|longitude).*"
)
_PLACE_WORDS: Final = frozenset(
    b"geo geotag location place city country state province sublocation latitude longitude lat lon coordinates".split()
)
_COORDINATES: Final = re.compile(
    rb"gps|latitude|longitude"
    # 47 deg 22' 30" N, 47\xb022'N, 47 22.5 N in XMP's and in people's writing.
    rb"|\d\s*(?:\xc2?\xb0|deg\b|,)\s*\d[\d\s.,'\"\xe2\x80\xb2\xb3\xc2\xb4]*[NSEW]\b"
    # 47.3769 N and 47.3769\xb0 N; no 0.125 s.
    rb"|\d\.\d{3,}\s*(?:\xc2?\xb0|deg)?\s*(?-i:[NSEW])\b"
    # 47.3769, -8.5417 as maps give it, to ten metres at least.
    rb"|\b\d{1,2}\.\d{4,}\s*[,;]?\s*[+-]?\d{1,3}\.\d{4,}"
    # ISO 6709: +47.3750+008.5417/
    rb"|[+-]\d{2}\.\d{2,}[+-]\d{3}\.\d{2,}",
    re.IGNORECASE,
)
_PLACE_DATASETS: Final = frozenset({26, 27, 90, 92, 95, 100, 101})
"""Of IPTC's record 2 (IIM 4.2): content location code and name, city, sublocation, province, country code and name."""


def xmp_without_place(packet: bytes) -> bytes | None:
    """Return an XMP packet without the place; None where it cannot be understood, and so not be searched."""
    return without_properties(packet, lambda name: _PLACES.fullmatch(name) is not None)[0]


def tells_place(keyword: bytes, text: bytes) -> bool:
    """Tell whether a text of a PNG file may say where the photo was taken: by its name, or as coordinates.

    Args:
        keyword: The text's name.
        text: It, decompressed.
    """
    named = re.split(rb"[^a-z]+", re.sub(rb"(?<=[a-z])(?=[A-Z])", b" ", keyword).lower())
    return not _PLACE_WORDS.isdisjoint(named) or _COORDINATES.search(text) is not None or b"gps" in keyword.lower()


def iptc_without_place(block: bytes) -> bytes | None:
    """Return an IPTC block without the place; None where it cannot be understood, and so not be searched."""
    kept: list[bytes] = []
    position = 0
    while position + 5 <= len(block) and block[position] == 0x1C:
        record, number = block[position + 1], block[position + 2]
        size = int.from_bytes(block[position + 3 : position + 5], "big")
        end = position + 5 + size
        # Sizes beyond 32,767 are written otherwise, which no place needs.
        if size & 0x8000 or end > len(block):
            return None
        if (record, number) not in {(2, place) for place in _PLACE_DATASETS}:
            kept.append(block[position:end])
        position = end
    return b"".join(kept) if not block[position:].strip(b"\x00") else None
