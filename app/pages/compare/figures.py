"""How close the panes of the compare page are to the reference, as captions: work, no widgets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from PySide6.QtCore import QPointF, QRectF, QSize

from app.look.phrases import decibels, number
from app.look.translation import tr
from app.pages.compare.panes import LoadedPanes
from app.viewer.canvas.view_transform import own_point
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import Picture, PictureRole, at_common_size, levels_beside, scene_of
from engine.comparing.region_metrics import Closeness, Region, measure_closeness
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.photo_files.values.levels import ValueLevels, levels_of_measuring
from engine.photos.identity import identity_of


@dataclass(frozen=True)
class PaneFigures:
    """Captions' figures by pane index, and the photo that they belong to."""

    photo: PhotoRef
    by_pane: dict[int, str]


class PaneMeter:
    """Measures panes against their reference; what was measured of a picture is kept as long as the picture."""

    def __init__(self, files: PictureFiles) -> None:
        self._files = files
        self._whole: WeakKeyDictionary[Picture, tuple[tuple[str, ValueLevels], str]] = WeakKeyDictionary()

    def measure(self, loaded: LoadedPanes, region: Region | None, control: JobControl) -> PaneFigures:
        """Measure every pane; by one background thread at a time.

        Without a reference nothing is promised: the first caption says so for all.

        Args:
            loaded: The panes.
            region: A rectangle of the scene, in its pixels, that is measured too; None: only the whole.
            control: Ends it.

        Raises:
            JobCancelled: Asked to end.
        """
        pictures = {index: pane for index, pane in enumerate(loaded.panes) if isinstance(pane, Picture)}
        if loaded.reference is None:
            return PaneFigures(loaded.photo, dict.fromkeys(sorted(pictures)[:1], tr("no reference")))
        # Asked before it is read: a reference that is written meanwhile is measured against once more.
        identity = identity_of(loaded.reference)
        reference = self._files.picture(loaded.reference, title="", detail="", role=PictureRole.REFERENCE)
        if not isinstance(reference, Picture):
            return PaneFigures(loaded.photo, {})
        noisy = self._noisy(loaded, pictures)
        scene = scene_of(list(pictures.values()))
        figures: dict[int, str] = {}
        for index, picture in pictures.items():
            if picture.role is PictureRole.REFERENCE:
                continue
            photo = noisy or picture
            known, measured_by = self._whole.get(picture), (identity, photo.levels)
            whole = known[1] if known is not None and known[0] == measured_by else ""
            if not whole:
                whole = figures_text(picture, reference, photo, control)
                self._whole[picture] = (measured_by, whole)
            part = ""
            if region is not None and scene is not None:
                part = region_text(picture, reference, region, scene, photo, control)
            figures[index] = tr("region {region} · whole {whole}").format(region=part, whole=whole) if part else whole
        return PaneFigures(loaded.photo, figures)

    def _noisy(self, loaded: LoadedPanes, pictures: Mapping[int, Picture]) -> Picture | None:
        """The photo of which the panes are versions, whose black and white count; None where it cannot be read."""
        found = next((picture for picture in pictures.values() if picture.role is PictureRole.INPUT), None)
        photo = found or self._files.picture(loaded.photo, title="", detail="", role=PictureRole.INPUT)
        return photo if isinstance(photo, Picture) else None


def figures_text(
    picture: Picture, reference: Picture, photo: Picture | None = None, control: JobControl | None = None
) -> str:
    """Return PSNR and SSIM of the whole as text, or why there are none.

    Args:
        picture: What is measured.
        reference: What it should be.
        photo: The noisy photo, whose black and white count; None: the picture itself.
        control: Ends it.
    """
    pair = _measured_values(picture, reference, photo or picture)
    if pair is None:
        return tr("reference has {size}").format(size=reference.size_text)
    whole = closeness_text(measure_closeness(*pair, control=control))
    is_enlarged = picture.width < reference.width
    return tr("enlarged: {figures}").format(figures=whole) if is_enlarged else whole


def region_text(
    picture: Picture,
    reference: Picture,
    region: Region,
    scene: QSize,
    photo: Picture | None = None,
    control: JobControl | None = None,
) -> str:
    """Return PSNR and SSIM of a region as text; "" where it lies outside, or the sizes do not fit.

    Args:
        picture: What is measured.
        reference: What it should be.
        region: In pixels of the scene on which all panes are laid.
        scene: The scene's size in pixels; the picture lies on it as `place_in_scene` says.
        photo: As for `figures_text`.
        control: Ends it.
    """
    pair = _measured_values(picture, reference, photo or picture)
    if pair is None:
        return ""
    height, width = pair[0].shape[:2]
    # A picture may have been enlarged to the reference's size, from the upper left corner.
    enlarged = max(1, height // picture.height)
    corners = (QPointF(region.left, region.top), QPointF(region.left + region.width, region.top + region.height))
    first, last = (
        own_point(picture.size, QRectF(QPointF(0, 0), scene.toSizeF()), corner) * enlarged for corner in corners
    )
    left, top = round(first.x()), round(first.y())
    own = Region(left, top, max(1, round(last.x()) - left), max(1, round(last.y()) - top))
    inside = own.clipped(width, height)
    if inside is None:
        return ""
    return closeness_text(measure_closeness(*pair, inside, control=control), separator=", ")


def _measured_values(picture: Picture, reference: Picture, photo: Picture) -> tuple[Pixels, Pixels] | None:
    """Both at one size, on the scale on which `engine.comparing.evaluating` measures; None as of `at_common_size`."""
    own, of_reference = levels_beside(photo, picture), levels_beside(photo, reference)
    scale = levels_of_measuring(photo.levels, photo.type_of_numbers, of_reference, reference.type_of_numbers)
    return at_common_size(own.brought_to(scale, picture.pixels), of_reference.brought_to(scale, reference.pixels))


def closeness_text(closeness: Closeness, *, separator: str = " · ") -> str:
    """Return "31.52 dB · SSIM 0.912".

    Args:
        closeness: What was measured.
        separator: Between the two; a caption with too little room keeps what stands before the first " · ".
    """
    if math.isinf(closeness.psnr):
        return tr("equals the reference")
    if closeness.ssim is None:
        return decibels(closeness.psnr)
    return f"{decibels(closeness.psnr)}{separator}SSIM {number(closeness.ssim, 3)}"
