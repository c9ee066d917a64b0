"""What of a photo's metadata is written into a file: what a person chose, as far as the file's format has room for it.

A JPEG file holds each kind in segments of 64 KB. What is left out for that is said.
"""

from dataclasses import replace
from typing import Final, Literal

from engine.data.exif_blocks import MAKER_NOTE, InvalidExifError, shrink_exif
from engine.data.exif_privacy import remove_gps
from engine.data.photo_image import FileFormat, ImageMetadata
from engine.data.picture_descriptions import LARGEST_JPEG_IPTC, chosen_descriptions, xmp_of_size
from engine.data.provenance import Provenance, leaves_room_for, without_provenance
from engine.data.xmp_packets import MAX_PACKET_BYTES

MetadataPolicy = Literal["keep", "without-gps", "none"]
"""What of a photo's metadata is written into its result: all, all but the place, nothing."""

_LARGEST_JPEG_EXIF: Final = 65_533 - len(b"Exif\x00\x00")


def fit_metadata(
    metadata: ImageMetadata,
    file_format: FileFormat,
    policy: MetadataPolicy,
    provenance: Provenance | None,
    width: int,
    height: int,
) -> ImageMetadata:
    """Return what is written of a photo's metadata, with remarks on what there is no room for.

    Doing it twice changes nothing.

    Args:
        metadata: As it was read.
        file_format: Of the file that is written.
        policy: What of it is wanted.
        provenance: What will be added to the XMP; None: nothing.
        width: Of the photo, pixels.
        height: Likewise.
    """
    exif, remarks = metadata.exif, list(metadata.remarks)
    if policy == "none":
        exif = None
    elif policy == "without-gps" and exif is not None:
        exif = remove_gps(exif)
    descriptions = chosen_descriptions(metadata.descriptions, policy)
    if descriptions.xmp is not None:
        # An earlier restoration's note would be read as this one's.
        descriptions = replace(descriptions, xmp=without_provenance(descriptions.xmp))
    if file_format == "jpeg":
        if exif is not None and len(exif) > _LARGEST_JPEG_EXIF:
            exif, remark = _shrunk(exif)
            remarks += [remark] if remark else []
        if descriptions.iptc is not None and len(descriptions.iptc) > LARGEST_JPEG_IPTC:
            descriptions = replace(descriptions, iptc=None)
            remarks.append("The IPTC is too large for a JPEG file and was left out.")
        if descriptions.xmp is not None and len(xmp_of_size(descriptions.xmp, width, height)) > MAX_PACKET_BYTES:
            descriptions = replace(descriptions, xmp=None)
            remarks.append("The XMP is too large for a JPEG file and was left out.")
    if provenance is not None and descriptions.xmp is not None and file_format != "bmp":
        sized = xmp_of_size(descriptions.xmp, width, height)
        if not leaves_room_for(sized, file_format, provenance):
            descriptions = replace(descriptions, xmp=None)
            remarks.append("The XMP left no room to write how the photo was restored, and was left out.")
    return replace(metadata, exif=exif, descriptions=descriptions, remarks=tuple(remarks))


def _shrunk(exif: bytes) -> tuple[bytes | None, str]:
    """Return as much of a block as a JPEG file holds, and a remark on what it does not."""
    try:
        exif, left_out = shrink_exif(exif, _LARGEST_JPEG_EXIF)
    except InvalidExifError:
        return None, "The EXIF is damaged and was left out."
    if not left_out:
        return exif, ""
    if left_out == {MAKER_NOTE}:
        return exif, "The EXIF is too large for a JPEG file: the camera maker's own note in it was left out."
    return exif, "The EXIF is too large for a JPEG file: its largest parts were left out."
