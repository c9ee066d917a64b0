"""What of a TIFF page its result does not hold as the file does, in sentences."""

from typing import Final, cast

import tifffile

from engine.translatable import say

_GEO_TAGS: Final = (33550, 33922, 34264, 34735)
_PHOTOSHOP_DOCUMENT: Final = 37724
# Each as either byte order writes it, by the bits of its channels.
_LAYER_MARKS: Final = (b"8BIMLayr", b"8BIMLr16", b"8BIMLr32", b"MIB8ryaL", b"MIB861rL", b"MIB823rL")
_LAYER_SEARCH_BYTES: Final = 4096
_MASK_BIT: Final = 4


def remarks_on_page(page: tifffile.TiffPage) -> tuple[str, ...]:
    """Return what a person should know of a page's result."""
    masks = ("The transparency mask that lies beside the picture in the file was left out.",) if _has_mask(page) else ()
    return (*_remarks_on_numbers(page), *_remarks_on_contents(page), *masks)


def _has_mask(page: tifffile.TiffPage) -> bool:
    """Tell whether the page behind it is a mask for it (TIFF 6.0, NewSubfileType, bit 2)."""
    if not isinstance(page.index, int):
        return False
    try:
        following = cast(tifffile.TiffPage, page.parent.pages[page.index + 1])
    # Decoders raise nearly every kind of exception on damaged directories, which are nothing of this page.
    except Exception:  # noqa: BLE001
        return False
    return bool(following.subfiletype & _MASK_BIT)


def _remarks_on_numbers(page: tifffile.TiffPage) -> tuple[str, ...]:
    """Say what of its numbers is not written back as it was."""
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return ("The file's palette was looked up: a result of it holds red, green and blue.",)
    if page.bitspersample not in (1, 8, 16, 32, 64):
        wider = 8 if page.bitspersample < 8 else 16 if page.bitspersample < 16 else 32
        return (
            say(
                "The file holds {bitspersample} bits per channel: a result of it holds them spread over {wider}.",
                bitspersample=page.bitspersample,
                wider=wider,
            ),
        )
    return ()


def _remarks_on_contents(page: tifffile.TiffPage) -> tuple[str, ...]:
    """Say what else its directory holds that no result has."""
    remarks = []
    if any(tag in page.tags for tag in _GEO_TAGS):
        remarks.append("What the file says of its picture's place on a map (GeoTIFF) was left out.")
    document = page.tags.get(_PHOTOSHOP_DOCUMENT)
    if document is not None:
        page.parent.filehandle.seek(document.valueoffset)
        start = page.parent.filehandle.read(min(document.valuebytecount, _LAYER_SEARCH_BYTES))
        if any(mark in start for mark in _LAYER_MARKS):
            remarks.append(
                "The layers that Photoshop keeps in the file were left out; the picture that they make is kept."
            )
    return tuple(remarks)
