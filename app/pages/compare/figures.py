"""How close the panes of the compare page are to the reference, as captions: work, no widgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from app.look.phrases import decibels, number
from app.look.translation import tr
from app.pages.compare.panes import LoadedPanes
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import Picture, PictureRole, at_common_size
from engine.comparing.region_metrics import Closeness, Region, measure_closeness
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef


@dataclass(frozen=True)
class PaneFigures:
    """Captions' figures by pane index, and the photo that they belong to."""

    photo: PhotoRef
    by_pane: dict[int, str]


class PaneMeter:
    """Measures panes against their reference; what was measured of a picture is kept as long as the picture."""

    def __init__(self, files: PictureFiles) -> None:
        self._files = files
        self._whole: WeakKeyDictionary[Picture, tuple[PhotoRef, str]] = WeakKeyDictionary()

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
        reference = self._files.picture(loaded.reference, title="", detail="", role=PictureRole.REFERENCE)
        if not isinstance(reference, Picture):
            return PaneFigures(loaded.photo, {})
        scene_width = max((picture.width for picture in pictures.values()), default=0)
        figures: dict[int, str] = {}
        for index, picture in pictures.items():
            if picture.role is PictureRole.REFERENCE:
                continue
            known = self._whole.get(picture)
            whole = known[1] if known is not None and known[0] == loaded.reference else ""
            if not whole:
                whole = figures_text(picture, reference, control)
                self._whole[picture] = (loaded.reference, whole)
            part = "" if region is None else region_text(picture, reference, region, scene_width, control)
            figures[index] = tr("region {region} · whole {whole}").format(region=part, whole=whole) if part else whole
        return PaneFigures(loaded.photo, figures)


def figures_text(picture: Picture, reference: Picture, control: JobControl | None = None) -> str:
    """Return PSNR and SSIM of the whole as text, or why there are none."""
    pair = at_common_size(picture.pixels, reference.pixels)
    if pair is None:
        return tr("reference has {size}").format(size=reference.size_text)
    whole = closeness_text(measure_closeness(*pair, control=control))
    is_enlarged = picture.width < reference.width
    return tr("enlarged: {figures}").format(figures=whole) if is_enlarged else whole


def region_text(
    picture: Picture, reference: Picture, region: Region, scene_width: int, control: JobControl | None = None
) -> str:
    """Return PSNR and SSIM of a region as text; "" where it lies outside, or the sizes do not fit.

    Args:
        picture: What is measured.
        reference: What it should be.
        region: In pixels of the scene on which all panes are laid.
        scene_width: The scene's width in pixels.
        control: Ends it.
    """
    pair = at_common_size(picture.pixels, reference.pixels)
    if pair is None:
        return ""
    height, width = pair[0].shape[:2]
    inside = region.scaled(width / scene_width).clipped(width, height)
    if inside is None:
        return ""
    return closeness_text(measure_closeness(*pair, inside, control=control), separator=", ")


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
