"""What a stack's file says of its axes, sizes and channels, said of the file that it is restored into.

Programs write it into the description of the first page: OME-XML (The Open Microscopy Environment, OME-TIFF
specification 6), ImageJ's lines, and tifffile's JSON. What is said is kept word for word; only what the result has made
untrue is said anew: its name, the type of its numbers, and the size of enlarged pages.
"""

import json
import re
import uuid
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from engine.photo_files.metadata.fitting import MetadataPolicy

_OME_ROOT: Final = re.compile(r"<(?:\w+:)?OME[\s>]")
_OME_PIXELS: Final = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_OME_UUID: Final = re.compile(r"(<(?:\w+:)?UUID\b[^>]*>)([^<]*)(</)")
_OME_OWN_UUID: Final = re.compile(r"(<(?:\w+:)?OME\b[^>]*?\sUUID=)([\"'])([^\"']*)\2")
_OME_OTHER_FILE: Final = re.compile(r"<(?:\w+:)?BinaryOnly\b")
_OME_TYPES: Final = {"float32": "float", "float64": "double"}
_NAME_OF_FILE: Final = re.compile(r"FileName=(\"[^\"]*\"|'[^']*')")
_OME_KEPT: Final[dict[str, frozenset[str] | None]] = {
    "OME": frozenset({"UUID"}),
    "Image": frozenset({"ID"}),
    "Pixels": None,
    "Channel": frozenset({"ID", "Name", "SamplesPerPixel", "Color"}),
    "TiffData": None,
    "UUID": None,
}
"""Elements, and attributes, that say how the pages lie and how large they are; None: all attributes."""

_IMAGEJ_KEPT: Final = frozenset(
    {
        *("ImageJ", "images", "channels", "slices", "frames", "hyperstack", "mode", "loop", "min", "max"),
        *("unit", "yunit", "zunit", "vunit", "spacing", "finterval", "tunit", "fps", "xorigin", "yorigin", "zorigin"),
        *("cf", "c0", "c1", "c2", "c3", "c4"),
    }
)
_IMAGEJ_AXES: Final = frozenset({"channels", "slices", "frames", "hyperstack"})

SET_REMARK: Final = (
    "The file is one of several that OME describes together: its result holds its pages, without that description."
)
CHANGED_REMARK: Final = "What the file says of its axes does not fit its pages or its result, and was left out."


@dataclass(frozen=True, kw_only=True)
class StackChange:
    """In what a stack's result is not what the stack is.

    Attributes:
        name: The result's, with its ending.
        num_pages: How many pages it has.
        scale: How many pixels of the result a pixel becomes to a side.
        sample_type: Of its numbers, where that is another one than the stack's; "" otherwise.
        has_other_channels: Whether a pixel has more or fewer numbers, since a palette was looked up.
        policy: What of the metadata is wanted.
    """

    name: str
    num_pages: int
    scale: int = 1
    sample_type: str = ""
    has_other_channels: bool = False
    policy: MetadataPolicy = "keep"


def describes_stack(description: bytes) -> bool:
    """Tell whether a page's description speaks of all pages of its file."""
    return description.startswith((b"ImageJ=", b'{"shape"')) or _is_ome(_text(description))


def is_ome(description: bytes) -> bool:
    """Tell whether a page's description is OME-XML."""
    return _is_ome(_text(description))


def described_result(description: bytes, change: StackChange) -> tuple[bytes, str]:
    """Return the description of a page of the result, and a remark on what could not be said.

    Args:
        description: Of the stack's page, without its end mark.
        change: In what the result differs.

    Returns:
        The description, b"" for none; the remark, "" for none.
    """
    text = _text(description)
    if description.startswith(b"ImageJ="):
        return _of_imagej(description, change), ""
    if description.startswith(b'{"shape"'):
        shaped = _of_shape(text, change)
        return shaped.encode(), "" if shaped else CHANGED_REMARK
    if _is_ome(text):
        told, remark = _of_ome(text, change)
        # The file's name may hold bytes that are no letters of any encoding.
        return told.encode("utf-8", "backslashreplace"), remark
    return (b"" if change.policy == "none" else description), ""


def _text(description: bytes) -> str:
    return description.decode("utf-8", "replace")


def _is_ome(text: str) -> bool:
    return _OME_ROOT.search(text[:10_000]) is not None and text.rstrip().endswith("OME>")


def _of_imagej(description: bytes, change: StackChange) -> bytes:
    """ImageJ's lines are of no known encoding, and are kept byte for byte."""
    lines = []
    named = re.search(rb"^images=(\d+)\s*$", description, re.MULTILINE)
    is_whole = named is None or int(named[1]) == change.num_pages
    for line in description.split(b"\n"):
        key = line.split(b"=")[0].decode("ascii", "replace")
        if (key in ("min", "max") and change.sample_type) or (change.policy == "none" and key not in _IMAGEJ_KEPT):
            continue
        if not is_whole and key in _IMAGEJ_AXES:
            continue
        lines.append(b"images=%d" % change.num_pages if not is_whole and key == "images" else line)
    return b"\n".join(lines).rstrip(b"\n") + b"\n"


def _of_shape(text: str, change: StackChange) -> str:
    try:
        said = json.loads(text)
        shape = [int(size) for size in said["shape"]]
    except (ValueError, TypeError, KeyError):
        return ""
    if change.has_other_channels or len(shape) < 2:
        return ""
    if change.policy == "none":
        said = {key: said[key] for key in ("shape", "axes") if key in said}
    if change.scale > 1:
        axes = str(said.get("axes", ""))
        if len(axes) != len(shape):
            axes = "YXS" if len(shape) > 2 and shape[-1] in (3, 4) else "YX"
        for axis in "YX":
            shape[axes.index(axis) - len(axes)] *= change.scale
        said["shape"] = shape
    elif change.policy != "none":
        return text
    return json.dumps(said)


def _of_ome(text: str, change: StackChange) -> tuple[str, str]:
    own = _OME_OWN_UUID.search(text)
    others = {match[2].strip() for match in _OME_UUID.finditer(text)}
    is_one_of_several = len(others if own is None else others - {own[3].strip()}) > (1 if own is None else 0)
    if _OME_OTHER_FILE.search(text) is not None or is_one_of_several:
        return "", SET_REMARK
    if change.has_other_channels:
        return "", CHANGED_REMARK
    if change.policy == "none":
        reduced = _reduced_ome(text)
        if reduced is None:
            return "", CHANGED_REMARK
        text = reduced
    new = f"urn:uuid:{uuid.uuid4()}"
    text = _OME_OWN_UUID.sub(lambda match: f"{match[1]}{match[2]}{new}{match[2]}", text)
    text = _OME_UUID.sub(
        lambda match: _NAME_OF_FILE.sub(lambda _: f"FileName={quoteattr(change.name)}", match[1]) + new + match[3], text
    )
    try:
        return _OME_PIXELS.sub(lambda match: _pixels(match[0], change), text), ""
    except ValueError:
        return "", CHANGED_REMARK


def _pixels(element: str, change: StackChange) -> str:
    """Return the start of an element of OME-XML that says how many numbers of which type there are, and how large."""

    def of_attribute(name: str, value: str) -> str:
        return re.sub(rf"(\s{name}=)([\"'])[^\"']*\2", lambda match: f'{match[1]}"{escape(value)}"', element)

    if change.sample_type:
        element = of_attribute("Type", _OME_TYPES.get(change.sample_type, change.sample_type))
        element = re.sub(r"\sSignificantBits=(\"[^\"]*\"|'[^']*')", "", element)
    if change.scale > 1:
        for name in ("SizeX", "SizeY", "PhysicalSizeX", "PhysicalSizeY"):
            found = re.search(rf"\s{name}=[\"']([^\"']*)", element)
            if found is None:
                continue
            is_number = name.startswith("Size")
            value = str(int(found[1]) * change.scale) if is_number else repr(float(found[1]) / change.scale)
            element = of_attribute(name, value)
    return element


def _reduced_ome(text: str) -> str | None:
    """Return what OME-XML says of the pages alone: nothing of who recorded them, with what and where."""
    # A document type could define entities that unfold without end.
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        return None
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError):
        return None
    namespace = root.tag.partition("}")[0][1:] if root.tag.startswith("{") else ""
    ElementTree.register_namespace("", namespace)
    _reduce(root)
    return ElementTree.tostring(root, encoding="unicode")


def _reduce(element: ElementTree.Element) -> None:
    kept = _OME_KEPT[element.tag.rpartition("}")[2]]
    if kept is not None:
        for name in set(element.attrib) - kept:
            del element.attrib[name]
    for child in list(element):
        if child.tag.rpartition("}")[2] in _OME_KEPT:
            _reduce(child)
        else:
            element.remove(child)
