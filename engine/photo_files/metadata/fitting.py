"""What of a photo's metadata is written into a file: what a person chose, as far as the file's format has room for it.

A JPEG file holds each kind in segments of 64 KB. What is left out for that is said.
"""

from dataclasses import replace
from typing import Final, Literal

from engine.contracts.output_formats import FORMATS, FileFormat
from engine.photo_files.exif import MAKER_NOTE, InvalidExifError, says_something, shrink_exif, with_resolution
from engine.photo_files.metadata.descriptions import (
    LARGEST_JPEG_IPTC,
    chosen_descriptions,
    main_part,
    resolution_of_exif,
    xmp_of_size,
)
from engine.photo_files.metadata.exif_privacy import remove_gps
from engine.photo_files.metadata.provenance import Provenance, leaves_room_for, without_provenance
from engine.photo_files.metadata.texts import comment_of
from engine.photo_files.photo_image import ImageMetadata, PictureDescriptions
from engine.translatable import say

MetadataPolicy = Literal["keep", "without-gps", "none"]
"""What of a photo's metadata is written into its result: all, all but the place, nothing."""

_LARGEST_JPEG_EXIF: Final = 65_533 - len(b"Exif\x00\x00")
DAMAGED_EXIF_REMARK: Final = "The EXIF is damaged and was left out."


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
        height: Of the photo, pixels.
    """
    exif, remarks, descriptions = metadata.exif, list(metadata.remarks), metadata.descriptions
    if descriptions.dots_per_inch is None and exif is not None:
        # Where the file's own format has no word for it, or its word was not used.
        descriptions = replace(descriptions, dots_per_inch=resolution_of_exif(exif))
    if descriptions.xmp is not None:
        # An earlier restoration's note would be read as this one's.
        descriptions = replace(descriptions, xmp=without_provenance(descriptions.xmp))
    if policy == "none":
        exif, descriptions = None, chosen_descriptions(descriptions, policy)
    elif policy == "without-gps":
        exif, descriptions, said = _without_gps(exif, descriptions)
        remarks += said
    exif, descriptions, said = _with_place_in(file_format, exif, descriptions)
    remarks += said
    if FORMATS[file_format].container == "jpeg":
        if exif is not None and len(exif) > _LARGEST_JPEG_EXIF:
            exif, remark = _shrunk(exif)
            remarks += [remark] if remark else []
        if descriptions.iptc is not None and len(descriptions.iptc) > LARGEST_JPEG_IPTC:
            descriptions = replace(descriptions, iptc=None)
            remarks.append("The IPTC is too large for a JPEG file and was left out.")
        if descriptions.xmp is not None and main_part(xmp_of_size(descriptions.xmp, width, height)) is None:
            descriptions = replace(descriptions, xmp=None)
            remarks.append("The XMP is too large for a JPEG file and was left out.")
    if provenance is not None and descriptions.xmp is not None:
        sized = xmp_of_size(descriptions.xmp, width, height)
        packet = main_part(sized) if FORMATS[file_format].container == "jpeg" else sized
        if packet is None or not leaves_room_for(packet, file_format, provenance):
            descriptions = replace(descriptions, xmp=None)
            remarks.append("The XMP left no room to write how the photo was restored, and was left out.")
    return replace(metadata, exif=exif, descriptions=descriptions, remarks=tuple(remarks))


def _without_gps(
    exif: bytes | None, descriptions: PictureDescriptions
) -> tuple[bytes | None, PictureDescriptions, list[str]]:
    """Return what does not say where the photo was taken, and remarks on what could not be searched for that."""
    remarks = []
    if exif is not None:
        exif = remove_gps(exif)
        remarks += [DAMAGED_EXIF_REMARK] if exif is None else []
    chosen = chosen_descriptions(descriptions, "without-gps")
    if descriptions.xmp is not None and chosen.xmp is None:
        remarks.append("The XMP is damaged, could not be searched for a place, and was left out.")
    if descriptions.iptc is not None and chosen.iptc is None:
        remarks.append("The IPTC is damaged, could not be searched for a place, and was left out.")
    return exif, chosen, remarks


def _with_place_in(
    file_format: FileFormat, exif: bytes | None, descriptions: PictureDescriptions
) -> tuple[bytes | None, PictureDescriptions, list[str]]:
    """Return what a format has a place for at all, and remarks on the rest."""
    remarks = []
    spec = FORMATS[file_format]
    if not spec.holds & {"exif", "xmp", "iptc"}:
        if (exif is not None and says_something(exif)) or descriptions.xmp or descriptions.iptc:
            remarks.append(
                say("A {spec} file has no place for EXIF, XMP and IPTC; they were left out.", spec=spec.name)
            )
        exif, descriptions = None, replace(descriptions, xmp=None, iptc=None)
    elif "iptc" not in spec.holds and descriptions.iptc is not None:
        descriptions = replace(descriptions, iptc=None)
        remarks.append(say("A {spec} file has no place for IPTC, which was left out.", spec=spec.name))
    if spec.holds & {"exif", "resolution"} == {"exif"} and descriptions.dots_per_inch is not None:
        exif = with_resolution(exif, descriptions.dots_per_inch)
    if "texts" not in spec.holds:
        keeps_comments = "comment" in spec.holds
        kept = tuple(chunk for chunk in descriptions.texts if keeps_comments and comment_of(*chunk) is not None)
        if kept != descriptions.texts:
            remarks.append("The file's texts, such as its title, have no place in the result and were left out.")
        descriptions = replace(descriptions, texts=kept)
    return exif, descriptions, remarks


def _shrunk(exif: bytes) -> tuple[bytes | None, str]:
    """Return as much of a block as a JPEG file holds, and a remark on what it does not."""
    try:
        exif, left_out = shrink_exif(exif, _LARGEST_JPEG_EXIF)
    except InvalidExifError:
        return None, DAMAGED_EXIF_REMARK
    if not left_out:
        return exif, ""
    if left_out == {MAKER_NOTE}:
        return exif, "The EXIF is too large for a JPEG file: the camera maker's own note in it was left out."
    return exif, "The EXIF is too large for a JPEG file: its largest parts were left out."
