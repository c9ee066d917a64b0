"""Looking into XMP packets: their encoding, single properties, and the extended ones of JPEG.

Adobe, XMP Specification Part 1 (2012), section 7, and Part 3 (2020), section 1.1.3.1. Packets come from strangers: one
with a document type is never unfolded, and what is no XML is left alone.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from xml.etree import ElementTree

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NOTE: Final = "http://ns.adobe.com/xmp/note/"
_EXTENDED: Final = f"{{{_NOTE}}}HasExtendedXMP"
_META: Final = "adobe:ns:meta/"
_WRAPPER: Final = (b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>', b'<?xpacket end="w"?>')
_DECLARATION: Final = re.compile(r"^\s*<\?xml\s[^>]*\?>")
_DECLARED_NAMESPACE: Final = re.compile(rb' xmlns:[^=]*="[^"]*"')
_BYTE_ORDER_MARK: Final = "\ufeff"
# How "<" or a byte order mark begins in each encoding but UTF-8; those of four bytes first.
_ENCODINGS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"<\x00", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\x00<", "utf-16-be"),
)

for _prefix, _address in (("x", _META), ("xmpNote", _NOTE)):
    ElementTree.register_namespace(_prefix, _address)


def as_utf8(packet: bytes) -> bytes:
    """Return a packet in UTF-8, which every other program reads, without what fills it up behind its end."""
    encoding = next((name for start, name in _ENCODINGS if packet.startswith(start)), None)
    if encoding is not None:
        unit = int(encoding[4:6]) // 8
        whole = packet[: len(packet) // unit * unit]
        text = whole.decode(encoding, "replace").removeprefix(_BYTE_ORDER_MARK)
        packet = _DECLARATION.sub("", text).encode()
    return packet.rstrip(b"\x00")


def parse_packet(packet: bytes) -> ElementTree.Element | None:
    """Return what stands in a packet in UTF-8; None where that is no XML, or could unfold without end."""
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    content = packet.strip(b"\x00 \n\r\t")
    try:
        for _, (prefix, address) in ElementTree.iterparse(BytesIO(content), ["start-ns"]):
            # Both are known under names that this program relies on.
            is_own = prefix == "rdf" or f"{{{address}}}" == _RDF
            if prefix and not is_own and not re.fullmatch(r"ns\d+", prefix):
                ElementTree.register_namespace(prefix, address)
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def serialise(root: ElementTree.Element) -> bytes:
    """Return a packet in UTF-8; its element of all properties is named "rdf:RDF" and has an end tag."""
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=False, short_empty_elements=False)
    return text.join(_WRAPPER)


def without_properties(packet: bytes, is_unwanted: Callable[[str], bool]) -> tuple[bytes | None, bool]:
    """Take properties out of a packet, wherever in it they stand.

    Args:
        packet: In UTF-8.
        is_unwanted: Tells by a property's name, its namespace in braces before it.

    Returns:
        The packet, without comments too; None where it cannot be understood, and so not be searched. And whether it
        had some.
    """
    root = parse_packet(packet)
    if root is None:
        return None, False
    found = False
    for element in root.iter():
        for name in [name for name in element.attrib if is_unwanted(name)]:
            del element.attrib[name]
            found = True
        for child in [child for child in element if is_unwanted(str(child.tag))]:
            element.remove(child)
            found = True
    return serialise(root), found


def value_of(root: ElementTree.Element, name: str) -> str:
    """Return the text of a simple property, its name as ElementTree has it; empty where it is missing."""
    for element in root.iter():
        if name in element.attrib:
            return element.attrib[name]
        if element.tag == name:
            return (element.text or "").strip()
    return ""


def extended_id(packet: bytes) -> str:
    """Return by which name a JPEG's packet calls the one that continues it; empty where none does."""
    if b"HasExtendedXMP" not in packet:
        return ""
    root = parse_packet(packet)
    return "" if root is None else value_of(root, _EXTENDED)


def joined(packet: bytes, extended: bytes | None) -> bytes:
    """Return a packet with the properties of the one that continues it, or without mention of it.

    Args:
        packet: That mentions another, in UTF-8.
        extended: The other one; None where it is lost.
    """
    root = parse_packet(packet)
    if root is None:
        return packet
    for element in root.iter():
        element.attrib.pop(_EXTENDED, None)
        for child in element.findall(_EXTENDED):
            element.remove(child)
    further = None if extended is None else parse_packet(extended)
    target = _rdf_of(root)
    if further is not None and target is not None:
        target.extend(_descriptions(further))
    return serialise(root)


@dataclass(frozen=True)
class SplitPacket:
    """A packet in two parts, as JPEG holds a long one.

    Attributes:
        main: What fits into one segment; it names the other part.
        extended: The rest.
    """

    main: bytes
    extended: bytes

    @property
    def name(self) -> str:
        """By which the main part calls the other: its MD5 digest."""
        return _digest(self.extended)


def split_packet(packet: bytes, longest: int) -> SplitPacket | None:
    """Divide a packet: the largest properties go into the second part, until the first one is short enough.

    Args:
        packet: In UTF-8.
        longest: Bytes of the first part.

    Returns:
        Both; None where the packet cannot be understood, or its small properties alone are too much.
    """
    root = parse_packet(packet)
    rdf = None if root is None else _rdf_of(root)
    if root is None or rdf is None:
        return None
    moved = ElementTree.Element(f"{_RDF}RDF")
    size = len(serialise(root)) + 200
    for description, name, num_bytes in sorted(_properties(rdf), key=lambda each: -each[2]):
        if size <= longest:
            break
        target = ElementTree.SubElement(moved, f"{_RDF}Description", {f"{_RDF}about": ""})
        if isinstance(name, str):
            target.set(name, description.attrib.pop(name))
        else:
            description.remove(name)
            target.append(name)
        size -= num_bytes
    extending = ElementTree.Element(f"{{{_META}}}xmpmeta")
    extending.append(moved)
    extended = ElementTree.tostring(extending, encoding="utf-8", xml_declaration=False, short_empty_elements=False)
    note = ElementTree.SubElement(rdf, f"{_RDF}Description", {f"{_RDF}about": ""})
    note.set(_EXTENDED, _digest(extended))
    main = serialise(root)
    return SplitPacket(main, extended) if len(main) <= longest and len(moved) else None


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper()


def is_named(extended: bytes, name: str) -> bool:
    """Tell whether the second part of a packet is, byte for byte, the one that the first part names."""
    return _digest(extended) == name.upper()


def _rdf_of(root: ElementTree.Element) -> ElementTree.Element | None:
    return next(root.iter(f"{_RDF}RDF"), None)


def _descriptions(root: ElementTree.Element) -> list[ElementTree.Element]:
    rdf = _rdf_of(root)
    return [] if rdf is None else [each for each in rdf if each.tag == f"{_RDF}Description"]


def _properties(
    rdf: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element, str | ElementTree.Element, int]]:
    """Yield where each property stands, its name or element, and about how many bytes it takes."""
    for description in rdf:
        for name, value in description.attrib.items():
            if not name.startswith(_RDF):
                yield description, name, len(value.encode())
        for child in description:
            # Namespaces are declared once, at the packet's beginning.
            alone: bytes = ElementTree.tostring(child, encoding="utf-8")
            yield description, child, len(_DECLARED_NAMESPACE.sub(b"", alone))
