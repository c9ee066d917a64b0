"""Taking the place out of XMP and IPTC, as `exif_privacy` takes it out of EXIF."""

import re
from io import BytesIO
from typing import Final
from xml.etree import ElementTree

_PLACES: Final = re.compile(
    r"\{http://ns\.adobe\.com/exif/1\.0/\}GPS.*"
    r"|\{http://ns\.adobe\.com/photoshop/1\.0/\}(City|State|Country)"
    r"|\{http://iptc\.org/std/Iptc4xmpCore/1\.0/xmlns/\}(Location|CountryCode)"
    r"|\{http://iptc\.org/std/Iptc4xmpExt/2008-02-29/\}Location(Shown|Created)"
)
_PLACE_DATASETS: Final = frozenset({26, 27, 90, 92, 95, 100, 101})
"""Of IPTC's record 2 (IIM 4.2): content location code and name, city, sublocation, province, country code and name."""


def xmp_without_place(packet: bytes) -> bytes | None:
    """Return an XMP packet without the place; None where it cannot be understood, and so not be searched."""
    # A document type could define entities that unfold without end.
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    try:
        for _, (prefix, address) in ElementTree.iterparse(BytesIO(packet.strip(b"\x00 \n\r")), ["start-ns"]):
            if prefix and not re.fullmatch(r"ns\d+", prefix):
                ElementTree.register_namespace(prefix, address)
        root = ElementTree.fromstring(packet.strip(b"\x00 \n\r"))
    except (ElementTree.ParseError, ValueError):
        return None
    for element in root.iter():
        for name in [name for name in element.attrib if _PLACES.fullmatch(name)]:
            del element.attrib[name]
        for child in [child for child in element if _PLACES.fullmatch(str(child.tag))]:
            element.remove(child)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + text + b'<?xpacket end="w"?>'


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
