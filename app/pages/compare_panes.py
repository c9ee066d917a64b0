"""What each pane of the compare page shows, and reading it: data and work, no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from app.phrases import decibels
from app.session import Session
from app.viewer.common_size import at_common_size
from app.viewer.picture_files import PictureFiles
from app.viewer.view_modes import MissingPicture, PaneContent, Picture, PictureRole
from engine.metrics import psnr, ssim


class PaneKind(StrEnum):
    """What a pane shows of the current photo."""

    INPUT = "input"
    RESTORED = "restored"
    REFERENCE = "reference"
    FILE = "file"


@dataclass(frozen=True)
class PaneChoice:
    """A person's choice for one pane; it holds for every photo that is walked to.

    Attributes:
        kind: What to show.
        label: For a restored version: which model; "" for the newest.
        path: For a file: which.
    """

    kind: PaneKind
    label: str = ""
    path: Path | None = None

    @property
    def title(self) -> str:
        """What the choice is called."""
        match self.kind:
            case PaneKind.INPUT:
                return "Noisy"
            case PaneKind.RESTORED:
                return f"Restored: {self.label}" if self.label else "Restored, newest"
            case PaneKind.REFERENCE:
                return "Reference"
            case PaneKind.FILE:
                return self.path.name if self.path is not None else "File"

    @property
    def short_title(self) -> str:
        """The same for a small button."""
        return (self.label or "Restored") if self.kind is PaneKind.RESTORED else self.title


INPUT_CHOICE = PaneChoice(PaneKind.INPUT)
RESTORED_CHOICE = PaneChoice(PaneKind.RESTORED)
REFERENCE_CHOICE = PaneChoice(PaneKind.REFERENCE)


@dataclass(frozen=True)
class PaneSource:
    """Where one pane's picture comes from, for one photo.

    Attributes:
        title: First part of the caption.
        detail: Second part.
        role: What it is to the photo.
        path: The file; None where there is none.
        missing: Why there is none.
    """

    title: str
    detail: str
    role: PictureRole
    path: Path | None
    missing: str = ""


@dataclass(frozen=True)
class LoadedPanes:
    """The pictures of one photo, in the order of the panes.

    Attributes:
        photo: The photo.
        panes: Its pictures.
        reference: Its clean reference, where there is one that fits; for PSNR and SSIM.
    """

    photo: Path
    panes: tuple[PaneContent, ...]
    reference: Path | None


@dataclass(frozen=True)
class PaneFigures:
    """Captions' figures by pane index, and the photo that they belong to."""

    photo: Path
    by_pane: dict[int, str]


def restored_labels(session: Session) -> list[str]:
    """Return the models of which there are restored photos, newest last, each once."""
    labels = (version.label for source in session.restored_sources for version in session.restored(source))
    return list(dict.fromkeys(labels))


def reference_of(session: Session, photo: Path) -> Path | None:
    """Return the clean reference of a photo: of its label, or a reference of its name that does not teach."""
    for pair in session.label_pairs:
        if pair.noisy == photo:
            return pair.clean
    candidates = (folder / photo.name for folder in session.references)
    return next((path for path in candidates if path != photo and path.is_file()), None)


def source_of(choice: PaneChoice, session: Session, photo: Path) -> PaneSource:
    """Say where the picture of a choice comes from, for one photo."""
    match choice.kind:
        case PaneKind.INPUT:
            return PaneSource("Noisy", photo.name, PictureRole.INPUT, photo)
        case PaneKind.REFERENCE:
            reference = reference_of(session, photo)
            detail = reference.name if reference is not None else ""
            missing = "This photo has no reference. References are added on the Labels page."
            return PaneSource("Reference", detail, PictureRole.REFERENCE, reference, missing)
        case PaneKind.FILE:
            name = choice.path.name if choice.path is not None else ""
            return PaneSource(name or "File", "", PictureRole.OTHER, choice.path, "No file is chosen.")
        case PaneKind.RESTORED:
            versions = [
                version for version in session.restored(photo) if not choice.label or version.label == choice.label
            ]
            if not versions:
                missing = (
                    f"This photo has not been restored with {choice.label} yet."
                    if choice.label
                    else "This photo has not been restored yet. That is done on the Restore page."
                )
                return PaneSource("Restored", choice.label, PictureRole.RESTORED, None, missing)
            newest = versions[-1]
            return PaneSource("Restored", newest.label, PictureRole.RESTORED, newest.path)


def load_panes(photo: Path, sources: Sequence[PaneSource], reference: Path | None, files: PictureFiles) -> LoadedPanes:
    """Read the pictures; in a background thread."""
    panes: list[PaneContent] = []
    for source in sources:
        if source.path is None:
            panes.append(MissingPicture(title=source.title, reason=source.missing))
        else:
            panes.append(files.picture(source.path, title=source.title, detail=source.detail, role=source.role))
    return LoadedPanes(photo, tuple(panes), reference)


def measure_panes(loaded: LoadedPanes, files: PictureFiles) -> PaneFigures:
    """Measure every pane against the reference; in a background thread.

    Without a reference nothing is promised: the captions say so.
    """
    if loaded.reference is None:
        return PaneFigures(
            loaded.photo,
            {index: "no reference" for index, pane in enumerate(loaded.panes) if isinstance(pane, Picture)},
        )
    reference = files.picture(loaded.reference, title="Reference", detail="", role=PictureRole.REFERENCE)
    if not isinstance(reference, Picture):
        return PaneFigures(loaded.photo, {})
    figures: dict[int, str] = {}
    for index, pane in enumerate(loaded.panes):
        if isinstance(pane, Picture) and pane.role is not PictureRole.REFERENCE:
            figures[index] = figures_text(pane, reference)
    return PaneFigures(loaded.photo, figures)


def figures_text(picture: Picture, reference: Picture) -> str:
    """Return PSNR and SSIM as text, or why there are none."""
    pair = at_common_size(picture.pixels, reference.pixels)
    if pair is None:
        return f"reference has {reference.size_text}"
    num_channels = max(pixels.shape[2] for pixels in pair)
    restored, clean = (np.broadcast_to(pixels, (*pixels.shape[:2], num_channels)) for pixels in pair)
    enlarged = "enlarged: " if picture.pixels.size < restored.size else ""
    if np.array_equal(restored, clean):
        return "equals the reference"
    try:
        return f"{enlarged}{decibels(psnr(restored, clean))} · SSIM {ssim(restored, clean):.3f}"
    except ValueError:
        # Too small for the window of the structural similarity.
        return decibels(psnr(restored, clean))
