"""What a file says of its channels: how each is called, and in which colour it is shown.

OME-XML names channels and their colours (The Open Microscopy Environment, OME-TIFF specification 6); ImageJ keeps a
table of colours for each channel, and labels for slices. Where a file says nothing, colours are given that colour-blind
people can tell apart as far as three can: green and magenta first (Wong, "Points of view: Color blindness", Nature
Methods 8, 441, 2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from engine.contracts.output_formats import FORMATS

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

USUAL_COLOURS: Final[tuple[Colour, ...]] = (
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 1.0),
    (0.0, 0.75, 1.0),
    (1.0, 0.8, 0.0),
    (1.0, 0.15, 0.1),
    (0.25, 0.35, 1.0),
    (1.0, 1.0, 1.0),
)
"""Of channels of which the file says nothing, in their order, and again from the first."""

_WHITE: Final[Colour] = (1.0, 1.0, 1.0)
_MAX_NAME: Final = 60


@dataclass(frozen=True)
class Channel:
    """One channel of a file.

    Attributes:
        name: What the file calls it; "" where it does not.
        colour: In which it is shown.
    """

    name: str
    colour: Colour


def describe_channels(file: Path, num_channels: int) -> tuple[Channel, ...]:
    """Return what a file says of its channels; usual colours where it says nothing, or only that all are gray.

    Args:
        file: Any file.
        num_channels: How many it has, at least 2.
    """
    names, colours = _described(file, *_state(file)) if file.suffix.lower() in FORMATS["tiff"].suffixes else ((), ())
    says_colours = len(colours) >= num_channels and any(colour != _WHITE for colour in colours[:num_channels])
    return tuple(
        Channel(
            names[index] if index < len(names) else "",
            colours[index] if says_colours else USUAL_COLOURS[index % len(USUAL_COLOURS)],
        )
        for index in range(num_channels)
    )


def mixed(channels: NDArray[np.float32], colours: Sequence[Colour]) -> NDArray[np.float32]:
    """Show channels in their colours, one over the other as light adds up.

    Args:
        channels: Between black and white; what lies beyond is cut off. Shape: (height, width, channels).
        colours: One for each.

    Returns:
        Red, green and blue, 0 to 1. Shape: (height, width, 3).
    """
    light = np.clip(channels, 0, 1) @ np.array(colours, np.float32)
    return np.asarray(np.minimum(light, 1), np.float32)


def _state(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


_Found = tuple[tuple[str, ...], tuple[Colour, ...]]


@lru_cache(maxsize=64)
def _described(file: Path, modified_ns: int, num_bytes: int) -> _Found:
    """Return names and colours, as many as there are."""
    del modified_ns, num_bytes
    # As in `engine.photo_files.tiff.stack_reading.read_layout`.
    try:
        with tifffile.TiffFile(file) as tiff:
            if tiff.is_ome and tiff.ome_metadata:
                return _of_ome(tiff.ome_metadata)
            if tiff.is_imagej and tiff.imagej_metadata:
                return _of_imagej(tiff.imagej_metadata)
    except Exception:  # noqa: BLE001
        return (), ()
    return (), ()


def _of_ome(text: str) -> _Found:
    # A document type could define entities that unfold without end.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return (), ()
    pixels = next((one for one in ElementTree.fromstring(text).iter() if one.tag.rpartition("}")[2] == "Pixels"), None)
    channels = [] if pixels is None else [one for one in pixels if one.tag.rpartition("}")[2] == "Channel"]
    names = tuple(" ".join(one.get("Name", "").split())[:_MAX_NAME] for one in channels)
    return names, tuple(_ome_colour(one.get("Color", "-1")) for one in channels)


def _ome_colour(text: str) -> Colour:
    """Red, green, blue and opacity are the bytes of a number with sign."""
    try:
        number = int(text) & 0xFFFFFFFF
    except ValueError:
        return _WHITE
    red, green, blue = ((number >> shift & 0xFF) / 255 for shift in (24, 16, 8))
    # Black would show nothing.
    return (red, green, blue) if max(red, green, blue) > 0 else _WHITE


def _of_imagej(said: dict[str, Any]) -> _Found:
    colours = []
    for table in said.get("LUTs") or ():
        brightest = np.asarray(table, np.float64).reshape(3, -1)[:, -1] / 255
        colours.append((float(brightest[0]), float(brightest[1]), float(brightest[2])) if brightest.max() else _WHITE)
    # Slices are counted channel by channel first; of one channel the labels say more than its name.
    labels = [" ".join(str(label).split())[:_MAX_NAME] for label in said.get("Labels") or ()]
    num_channels = int(said.get("channels", 1))
    names = labels[:num_channels]
    return (tuple(names) if len(set(names)) == num_channels else ()), tuple(colours)
