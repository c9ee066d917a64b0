"""How a picture was restored, written into its file: by which model, from what, with which settings.

It is an XMP packet (`engine.photo_files.metadata.xmp_packets`) with the program in `xmp:CreatorTool`, which other
programs show, and the rest in a namespace of its own. A SHA-256 digest of the whole file, its own digits counted as
zeros, tells later whether the file is still what was written.
"""

import hashlib
import json
import math
import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from engine.contracts.blending import Blend
from engine.contracts.output_formats import FORMATS, FileFormat, RawLook
from engine.photo_files.metadata.xmp_packets import MAX_PACKET_BYTES, Content, bytes_behind, find_xmp, insert_xmp
from engine.photo_files.metadata.xmp_properties import parse_packet, serialise, without_properties
from engine.translatable import say, say_joined

RAW_LOOK: Final = "raw_look"
"""The setting that says how a raw file was rendered."""

PREVIEW_LOOK: Final = "preview_look"
"""The setting that says how the previews were rendered that a linear DNG holds."""

_AS_IN_THE_CAMERA: Final = "Rendered as the camera shows it."

NAMESPACE: Final = "urn:residua:provenance:1"
_XMP: Final = "http://ns.adobe.com/xap/1.0/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NO_DIGEST: Final = "0" * 64
_DIGEST: Final = re.compile(rb'(residua:digest=")[0-9a-f]{64}(")')
_LOST_PAGES: Final = re.compile(rb'(residua:lost_pages=")([ 0-9]*)(")')
_PAGE: Final = re.compile("[1-9][0-9]{0,8}")
_NAMED_PAGES: Final = 10
_FREE_TEXTS: Final = ("model", "run", "source")
_MAX_TEXT: Final = 500
_END_OF_DESCRIPTIONS: Final = b"</rdf:RDF>"
_OWN_DESCRIPTION: Final = re.compile(rb'<rdf:Description [^>]*xmlns:residua="urn:residua:provenance:1"[^>]*/>')
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a picture was restored.

    Attributes:
        version: Of this program.
        model: What a person calls the model.
        run: Id of the run that made it; empty where it is not known.
        task: What the model does.
        luminance: How much of the noise in brightness went, 0 to 1, as text; see `engine.contracts.blending`.
        colour: Likewise, in colours.
        detail: How much of the fine detail was given back, likewise.
        source: File name of the noisy photo.
        source_digest: SHA-256 of that file's content.
        model_digest: SHA-256 of the model file's content.
        settings: All settings that the pixels or the file depend on, as JSON with sorted keys.
        lost_pages: Of a stack: the numbers of its pages that could not be restored, with spaces between them.
    """

    version: str
    model: str
    run: str
    task: str
    luminance: str
    colour: str
    detail: str
    source: str
    source_digest: str
    model_digest: str
    settings: str
    lost_pages: str = ""

    def is_same_work(self, other: "Provenance") -> bool:
        """Tell whether both came from the same photo, by the same model, with the same settings."""
        mine, others = ((one.source_digest, one.model_digest, one.settings) for one in (self, other))
        return mine == others

    @property
    def sentence(self) -> str:
        """The same for a person."""
        run = say(" (run {run})", run=self.run) if self.run else ""
        luminance, colour, detail = float(self.luminance), float(self.colour), float(self.detail)
        if luminance == colour and not detail:
            made = say(
                "Restored from {source} with {model}{run} at {luminance:.0%}, Residua {version}.",
                source=self.source,
                model=self.model,
                run=run,
                luminance=luminance,
                version=self.version,
            )
        else:
            made = say(
                "Restored from {source} with {model}{run}, luminance at {luminance:.0%}, colour at "
                "{colour:.0%}, detail back {detail:.0%}, Residua {version}.",
                source=self.source,
                model=self.model,
                run=run,
                luminance=luminance,
                colour=colour,
                detail=detail,
                version=self.version,
            )
        if self.raw_look == "camera":
            made = say_joined((made, _AS_IN_THE_CAMERA))
        return say_joined((made, self._sentence_of_pages)) if self.numbers_of_lost_pages else made

    @property
    def _sentence_of_pages(self) -> str:
        pages = self.numbers_of_lost_pages
        named = [f"{page}" for page in pages[:_NAMED_PAGES]] + ["…"] * (len(pages) > _NAMED_PAGES)
        return say("Of its pages these could not be restored: {pages}.", pages=", ".join(named))

    @property
    def numbers_of_lost_pages(self) -> tuple[int, ...]:
        """Of a stack: which of its pages could not be restored."""
        return tuple(int(word) for word in self.lost_pages.split() if _PAGE.fullmatch(word))

    @property
    def raw_look(self) -> RawLook:
        """How a raw file was rendered; neutral where it was none."""
        try:
            settings = json.loads(self.settings)
        except ValueError:
            return "neutral"
        is_camera = isinstance(settings, dict) and settings.get(RAW_LOOK) == "camera"
        return "camera" if is_camera else "neutral"


def add_provenance(content: bytes, file_format: FileFormat, provenance: Provenance, width: int, height: int) -> bytes:
    """Return an encoded picture with its provenance in it.

    Args:
        content: The encoded picture; its XMP packet is kept, and said in it what is to be said.
        file_format: Of the picture; one that has no place for it is returned as it is.
        provenance: What is written.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Raises:
        InvalidExifError: The TIFF is not one of this program.
    """
    known = find_xmp(content)
    base = b"" if known is None else content[known]
    longest = MAX_PACKET_BYTES if FORMATS[file_format].container == "jpeg" else math.inf
    undigested = insert_xmp(content, file_format, _make_packet(provenance, _NO_DIGEST, base, longest), width, height)
    packet = find_xmp(undigested)
    if packet is None:
        return content
    digest = _digest_of(undigested, packet)
    # Two files of hundreds of megabytes are enough in memory.
    del undigested
    return insert_xmp(content, file_format, _make_packet(provenance, digest, base, longest), width, height)


def leaves_room_for(packet: bytes, file_format: FileFormat, provenance: Provenance) -> bool:
    """Tell whether an XMP packet is kept where the provenance is added to it.

    Args:
        packet: Of a picture.
        file_format: That the picture is written in.
        provenance: What would be added.
    """
    longest = MAX_PACKET_BYTES if FORMATS[file_format].container == "jpeg" else math.inf
    merged = _merged(provenance, _NO_DIGEST, packet)
    return merged is not None and len(merged) <= longest


def without_provenance(packet: bytes) -> bytes | None:
    """Return an XMP packet without what this program said in it; None where nothing is left that says anything."""
    rest = _OWN_DESCRIPTION.sub(b"", packet)
    if NAMESPACE.encode() in rest:
        # Another program has written it anew, among its own.
        rest = without_properties(rest, lambda name: name.startswith(f"{{{NAMESPACE}}}"))[0] or rest
    return rest if rest == packet or b":Description" in rest else None


def read_provenance(path: Path) -> Provenance | None:
    """Return what a file says about its restoration; None where it says nothing, is no picture, or cannot be read."""
    with _mapped(path) as content:
        packet = None if content is None else find_xmp(content)
        if content is None or packet is None:
            return None
        return _parse(content[packet])


def look_of_result(path: Path, asked_for: RawLook = "neutral") -> RawLook:
    """Return how a result of this program was rendered from raw.

    Args:
        path: The file.
        asked_for: How it was where the file says nothing of itself, as its format or a person leaves it.
    """
    provenance = read_provenance(path)
    if provenance is not None:
        return provenance.raw_look
    # What is still to be developed has no look.
    is_of_sensors = any(spec.is_of_sensors and path.suffix.lower() in spec.suffixes for spec in FORMATS.values())
    return "neutral" if is_of_sensors else asked_for


def is_intact(path: Path) -> bool:
    """Tell whether a file with provenance is, byte for byte, what was written."""
    with _mapped(path) as content:
        packet = None if content is None else find_xmp(content)
        if content is None or packet is None:
            return False
        said = _DIGEST.search(content[packet])
        return said is not None and said[0] == b'residua:digest="%b"' % _digest_of(content, packet).encode()


def room_for_lost_pages(pages: Sequence[int]) -> str:
    """Return what stands for the lost pages of a stack until they are known: any of its pages may become one."""
    return " ".join(" " * len(str(page)) for page in pages)


def complete_provenance(path: Path, lost_pages: Sequence[int]) -> None:
    """Write into a stack that holds provenance which of its pages were lost, and the digest of what it has become.

    Raises:
        OSError: It cannot be read or written.
    """
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        packet = find_xmp(content)
        said = None if packet is None else _DIGEST.search(content[packet])
        if packet is None or said is None:
            return
        room = _LOST_PAGES.search(content[packet])
        if room is not None:
            numbers = " ".join(map(str, lost_pages)).encode()
            content[packet.start + room.start(2) : packet.start + room.end(2)] = numbers.ljust(len(room[2]))
        place = packet.start + said.end(1)
        content[place : place + len(_NO_DIGEST)] = _digest_of(content, packet).encode()


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(content: Content, packet: slice) -> str:
    digest = hashlib.sha256()
    view = memoryview(content)
    try:
        digest.update(view[: packet.start])
        digest.update(_DIGEST.sub(rb"\g<1>%b\g<2>" % _NO_DIGEST.encode(), content[packet]))
        digest.update(view[bytes_behind(content, packet) :])
    finally:
        view.release()
    return digest.hexdigest()


def _make_packet(provenance: Provenance, digest: str, base: bytes, longest: float) -> bytes:
    """Return a packet of the provenance, and of what the packet `base` says of the picture."""
    merged = _merged(provenance, digest, base)
    if merged is not None and len(merged) <= longest:
        return merged
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
        f'xmlns:xmp="{_XMP}" xmlns:residua="{NAMESPACE}" xmp:CreatorTool={_creator(provenance)}'
        f'{_attributes(provenance)} residua:digest="{digest}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )
    return text.encode()


def _merged(provenance: Provenance, digest: str, base: bytes) -> bytes | None:
    """Return a packet with the provenance added; None where it has no place for it."""
    # A picture that was restored before says so no more: its own provenance counts.
    base = _OWN_DESCRIPTION.sub(b"", base)
    if base.count(_END_OF_DESCRIPTIONS) != 1 or b"<!" in base:
        # Other prefixes are as valid; written anew, it has this one, and no comments.
        root = parse_packet(base)
        base = b"" if root is None else serialise(root)
        if base.count(_END_OF_DESCRIPTIONS) != 1:
            return None
    # A property stands once in a packet.
    named = "" if b"CreatorTool" in base else f' xmlns:xmp="{_XMP}" xmp:CreatorTool={_creator(provenance)}'
    description = (
        f'<rdf:Description rdf:about="" xmlns:rdf="{_RDF}"{named} xmlns:residua="{NAMESPACE}"'
        f'{_attributes(provenance)} residua:digest="{digest}"/>'
    )
    return base.replace(_END_OF_DESCRIPTIONS, description.encode() + _END_OF_DESCRIPTIONS)


def _creator(provenance: Provenance) -> str:
    return quoteattr(f"Residua {provenance.version}")


def _attributes(provenance: Provenance) -> str:
    said = {field.name: _NOT_IN_XML.sub("", str(getattr(provenance, field.name))) for field in fields(provenance)}
    said |= {name: said[name][:_MAX_TEXT] for name in _FREE_TEXTS}
    if not provenance.lost_pages:
        del said["lost_pages"]
    return "".join(f" residua:{name}={quoteattr(text, {chr(10): ' '})}" for name, text in said.items())


def _parse(packet: bytes) -> Provenance | None:
    # A packet with a document type could define entities that unfold without end.
    if b"<!" in packet:
        return None
    try:
        root = ElementTree.fromstring(packet)
    except (ElementTree.ParseError, ValueError):
        return None
    for description in root.iter(f"{{{_RDF}}}Description"):
        names = [field.name for field in fields(Provenance)]
        said = {name: description.get(f"{{{NAMESPACE}}}{name}") for name in (*names, "strength")}
        # Files that are no stacks, and those of earlier versions, say nothing of lost pages.
        known = {"lost_pages": "", **_in_todays_words({name: text for name, text in said.items() if text is not None})}
        if known.keys() == set(names):
            try:
                Blend(**{name: float(known[name]) for name in ("luminance", "colour", "detail")})
            except ValueError:
                return None
            return Provenance(**known | {"lost_pages": known["lost_pages"].strip()})
    return None


def _in_todays_words(said: dict[str, str]) -> dict[str, str]:
    """Return what a file says as it is written today: up to version 0.1 all noise went by one strength."""
    strength = said.pop("strength", None)
    if strength is None or "luminance" in said:
        return said
    try:
        settings = json.loads(said.get("settings", ""))
        blend = Blend.even(float(strength))
    except ValueError:
        return said
    if not isinstance(settings, dict):
        return said
    settings.pop("strength", None)
    shares = {name: f"{share:g}" for name, share in blend.as_fields.items()}
    return {**said, **shares, "settings": json.dumps(settings | blend.as_fields, sort_keys=True)}


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """Give a file's content without reading all of it; None where it cannot be read, is empty or is no file."""
    try:
        # Opening a pipe would wait for a writer for ever.
        file = path.open("rb") if path.is_file() else None
    except OSError:
        file = None
    if file is None:
        yield None
        return
    with file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            yield None
            return
        try:
            yield content
        finally:
            content.close()
