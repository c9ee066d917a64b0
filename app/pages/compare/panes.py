"""What each pane of the compare page shows, and reading it: data and work, no widgets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from app.core.session import RestoredPhoto, ResultDoubt, Session
from app.core.shown_channel import shown_channel
from app.look.translation import tr, translate_engine
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import MissingPicture, PaneContent, Picture, PictureRole
from engine.comparing.baselines.catalogue import BASELINES
from engine.comparing.pictures import MAX_SCALE, ComparisonPictureConfig, find_picture, picture_path
from engine.contracts.errors import EngineError
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef
from engine.machine.places import Place
from engine.photo_files.metadata.provenance import look_of_result
from engine.photo_files.photos import format_of_name, is_raw_file
from engine.photo_files.tiff.pages import list_pages
from engine.photo_files.tiff.stack_reading import channel_in_stack


class PaneKind(StrEnum):
    """What a pane shows of the current photo."""

    INPUT = "input"
    RESTORED = "restored"
    REFERENCE = "reference"
    MODEL = "model"
    BASELINE = "baseline"
    FILE = "file"


@dataclass(frozen=True)
class PaneChoice:
    """A person's choice for one pane; it holds for every photo that is walked to.

    Attributes:
        kind: What to show.
        label: For a restored version: which model, "" for the newest. For a model: its name. For a classical method:
            its name in the catalogue.
        path: For a file: which. For a model: its run folder or file.
        scale: For a classical method that enlarges: how many times to a side.
    """

    kind: PaneKind
    label: str = ""
    path: Path | None = None
    scale: int = 1

    @property
    def title(self) -> str:
        """What the choice is called."""
        match self.kind:
            case PaneKind.INPUT:
                return tr("Noisy")
            case PaneKind.RESTORED:
                return tr("Restored: {model}").format(model=self.model_title) if self.label else tr("Restored, newest")
            case PaneKind.REFERENCE:
                return tr("Reference")
            case PaneKind.FILE:
                return self.path.name if self.path is not None else tr("File")
            case PaneKind.MODEL:
                return self.model_title
            case PaneKind.BASELINE:
                entry = BASELINES.get(self.label)
                name = tr(entry.title) if entry is not None else self.label
                return name if self.scale == 1 else f"{name} × {self.scale}"

    @property
    def model_title(self) -> str:
        """What the model is called: a starter's name is the engine's own."""
        return translate_engine(self.label)

    @property
    def short_title(self) -> str:
        """The same for a small button."""
        return (self.model_title or tr("Restored")) if self.kind is PaneKind.RESTORED else self.title

    @property
    def is_computed(self) -> bool:
        """Whether the picture is made for this page."""
        return self.kind in (PaneKind.MODEL, PaneKind.BASELINE)

    def to_text(self) -> str:
        """Return it as text to be kept in the preferences."""
        path = None if self.path is None else str(self.path)
        return json.dumps([self.kind.value, self.label, path, self.scale], ensure_ascii=False)


INPUT_CHOICE = PaneChoice(PaneKind.INPUT)
RESTORED_CHOICE = PaneChoice(PaneKind.RESTORED)
REFERENCE_CHOICE = PaneChoice(PaneKind.REFERENCE)


def choice_from_text(text: str) -> PaneChoice | None:
    """Return what `PaneChoice.to_text` kept; None where it is of another version, or edited by hand."""
    try:
        kind, label, path, scale = json.loads(text)
        choice = PaneChoice(PaneKind(kind), str(label), None if path is None else Path(path), int(scale))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    needs_path = choice.kind in (PaneKind.MODEL, PaneKind.FILE) and choice.path is None
    is_nameless = choice.kind is PaneKind.BASELINE and not choice.label
    return None if needs_path or is_nameless or not 1 <= choice.scale <= MAX_SCALE else choice


@dataclass(frozen=True)
class PaneSource:
    """Where one pane's picture comes from, for one photo.

    Attributes:
        title: First part of the caption.
        detail: Second part.
        role: What it is to the photo.
        picture: The file or photo; None where there is none, or where it is made first.
        missing: Why there is none.
        action: What a button that mends that says; "": there is none.
        doubt: Why a result is not what would come of the photo now; "": it is.
        maker: How it is made, where it is.
    """

    title: str
    detail: str
    role: PictureRole
    picture: PhotoRef | None
    missing: str = ""
    action: str = ""
    doubt: str = ""
    maker: ComparisonPictureConfig | None = None

    @property
    def name(self) -> str:
        """What the picture is called whatever the photo: with its model, without the photo's file."""
        return f"{self.title}: {self.detail}" if self.role is PictureRole.RESTORED and self.detail else self.title


@dataclass(frozen=True)
class PictureToMake:
    """A picture that is not there.

    Attributes:
        path: Where it is found once it is made. With the state of the photo, its levels or its maker that is another.
        config: How it is made.
        name: What its maker is called.
    """

    path: Path
    config: ComparisonPictureConfig
    name: str


@dataclass(frozen=True)
class LoadedPanes:
    """The pictures of one photo, in the order of the panes.

    Attributes:
        photo: The photo.
        panes: Its pictures.
        reference: Its clean reference, where there is one that fits; for PSNR and SSIM.
        names: What each pane's picture is called, whatever the photo.
        to_make: The pictures that have to be made first.
        to_make_ahead: Those of the next photo.
    """

    photo: PhotoRef
    panes: tuple[PaneContent, ...]
    reference: PhotoRef | None
    names: tuple[str, ...] = ()
    to_make: tuple[PictureToMake, ...] = ()
    to_make_ahead: tuple[PictureToMake, ...] = ()

    @property
    def num_pictures(self) -> int:
        """How many panes have a picture."""
        return sum(isinstance(pane, Picture) for pane in self.panes)


def reference_of(session: Session, photo: PhotoRef) -> PhotoRef | None:
    """Return the clean reference of a photo: of its label, or a reference of its name that does not teach."""
    for pair in session.label_pairs:
        if pair.noisy == photo:
            return pair.clean
    files = (PhotoRef.of(place).file / photo.file.name for place in session.references)
    found = next((file for file in files if file != photo.file and os.path.isfile(file)), None)
    reference = None if found is None else PhotoRef(found, photo.page)
    return reference if reference is None or not reference.page or reference in list_pages(reference.file) else None


def source_of(choice: PaneChoice, session: Session, photo: PhotoRef) -> PaneSource:
    """Say where the picture of a choice comes from, for one photo."""
    match choice.kind:
        case PaneKind.INPUT:
            return PaneSource(choice.title, photo.name, PictureRole.INPUT, photo)
        case PaneKind.REFERENCE:
            reference = reference_of(session, photo)
            detail = reference.name if reference is not None else ""
            missing = tr("This photo has no reference. References are added on the Labels page.")
            return PaneSource(choice.title, detail, PictureRole.REFERENCE, reference, missing)
        case PaneKind.FILE:
            picture = None if choice.path is None else PhotoRef(choice.path)
            return PaneSource(choice.title, "", PictureRole.OTHER, picture, tr("No file is chosen."))
        case PaneKind.RESTORED:
            return _restored_source(choice, session, photo)
        case PaneKind.MODEL | PaneKind.BASELINE:
            folder = Place.COMPARISON_PICTURES.path()
            is_model = choice.kind is PaneKind.MODEL
            maker = ComparisonPictureConfig(
                photo=photo,
                folder=folder,
                model=choice.path if is_model else None,
                baseline="" if is_model else choice.label,
                scale=choice.scale,
            )
            return PaneSource(choice.title, "", PictureRole.RESTORED, None, maker=maker)


def load_panes(
    photo: PhotoRef,
    sources: Sequence[PaneSource],
    reference: PhotoRef | None,
    files: PictureFiles,
    refused: Mapping[Path, str] = MappingProxyType({}),
    previous: Sequence[PaneContent] = (),
    ahead: Sequence[PaneSource] = (),
    raw_look: RawLook = "neutral",
) -> LoadedPanes:
    """Read the pictures; in a background thread.

    Args:
        photo: The photo.
        sources: Where its pictures come from.
        reference: Its clean reference.
        files: Reads them.
        refused: Pictures that cannot be made, or that the person does not want to wait for, and why; by their paths.
        previous: What was shown before: a picture that stays is the same object, so that nothing is made ready for
            display or measured again.
        ahead: Where the pictures of the next photo come from, if they shall be made while this one is looked at.
        raw_look: How a raw file looks where no restored version of it says how it was rendered; else as that was.
    """
    look = _look_of(photo, sources, raw_look)
    sources = [_with_look(source, look) for source in sources]
    ahead = [_with_look(source, look) for source in ahead]
    panes, to_make = _read_panes(photo, sources, files, refused, previous, look, channel=shown_channel())
    if not shown_channel() and len({pane.pixels.shape[2] for pane in panes if isinstance(pane, Picture)}) > 1:
        # Of a file that says nothing of its channels, only the same one can be compared.
        panes, _ = _read_panes(photo, sources, files, refused, previous, look, channel=1)
    names = tuple(source.name for source in sources)
    later = [
        PictureToMake(path, source.maker, source.name)
        for source in ahead
        if source.maker is not None
        and find_picture(source.maker) is None
        and (path := picture_path(source.maker)) not in refused
    ]
    return LoadedPanes(photo, tuple(panes), reference, names, tuple(to_make), tuple(later))


def _read_panes(
    photo: PhotoRef,
    sources: Sequence[PaneSource],
    files: PictureFiles,
    refused: Mapping[Path, str],
    previous: Sequence[PaneContent],
    look: RawLook,
    *,
    channel: int,
) -> tuple[list[PaneContent], list[PictureToMake]]:
    """Return what the panes show, of all channels or of one alone, and the pictures that have to be made for it."""
    panes: list[PaneContent] = []
    to_make: list[PictureToMake] = []
    for source in sources:
        made = find_picture(source.maker) if source.maker is not None else None
        picture = source.picture if made is None else PhotoRef(made)
        if picture is not None:
            title = ", ".join(filter(None, (source.title, source.doubt)))
            # What is computed shows all channels at the place of a page.
            of_page = channel_in_stack(photo) if made is not None and channel else 0
            pane = files.picture(
                picture,
                title=title,
                detail=source.detail,
                role=source.role,
                raw_look=look,
                channel=of_page or channel,
            )
            panes.append(next((other for other in previous if _is_same(other, pane)), pane))
        elif source.maker is None:
            panes.append(MissingPicture(title=source.title, reason=source.missing, action=source.action))
        elif (path := picture_path(source.maker)) in refused:
            panes.append(MissingPicture(title=source.title, reason=refused[path]))
        else:
            panes.append(
                MissingPicture(
                    title=source.title,
                    reason=tr("Computing this picture… The bar at the bottom shows how far it is, and stops it."),
                )
            )
            to_make.append(PictureToMake(path, source.maker, source.name))
    return panes, to_make


def _look_of(photo: PhotoRef, sources: Sequence[PaneSource], wanted: RawLook) -> RawLook:
    """How a photo and what is made of it is rendered, where it is a raw file; those that are not all are neutral."""
    try:
        is_raw = is_raw_file(photo)
    except EngineError:
        is_raw = False
    if not is_raw:
        return "neutral"
    for source in sources:
        result = source.picture if source.role is PictureRole.RESTORED else None
        if result is not None and format_of_name(result.file) != "dng":
            return look_of_result(result.file, wanted)
    return wanted


def _with_look(source: PaneSource, look: RawLook) -> PaneSource:
    if source.maker is None or source.maker.raw_look == look:
        return source
    return replace(source, maker=source.maker.model_copy(update={"raw_look": look}))


def _is_same(one: PaneContent, other: PaneContent) -> bool:
    if not isinstance(one, Picture) or not isinstance(other, Picture):
        return False
    is_same_picture = one.pixels is other.pixels and one.channels == other.channels
    return is_same_picture and (one.title, one.detail, one.role) == (other.title, other.detail, other.role)


def _restored_source(choice: PaneChoice, session: Session, photo: PhotoRef) -> PaneSource:
    title, model = tr("Restored"), session.model
    versions = [version for version in session.restored(photo) if not choice.label or version.label == choice.label]
    if versions:
        newest = versions[-1]
        doubt = _doubt_about(newest, choice, session)
        return PaneSource(title, translate_engine(newest.label), PictureRole.RESTORED, newest.photo, doubt=doubt)
    action = ""
    if session.is_being_restored(photo):
        missing = tr("This photo is being restored… The bar at the bottom shows how far it is.")
    elif not session.are_results_known:
        missing = tr("Looking whether this photo has been restored before…")
    elif model is not None and choice.label in ("", model.name):
        missing = tr(
            "This photo has not been restored yet. The button does it with {model}, as set on the Restore page; this "
            "pane's menu shows what others would make of it."
        ).format(model=translate_engine(model.name))
        action = tr("Restore this photo")
    elif choice.label:
        missing = tr("This photo has not been restored with {model} yet.").format(model=choice.model_title)
    else:
        missing = tr(
            "This photo has not been restored yet. That is done on the Restore page; or choose a model in this "
            "pane's menu to see what it would make of it."
        )
    return PaneSource(title, choice.model_title, PictureRole.RESTORED, None, missing, action)


def _doubt_about(version: RestoredPhoto, choice: PaneChoice, session: Session) -> str:
    """Say why a result is not what would come of the photo now."""
    match version.doubt:
        case ResultDoubt.PHOTO_EDITED:
            return tr("before the photo was edited")
        case ResultDoubt.RESULT_CHANGED:
            return tr("changed since")
        case ResultDoubt.OTHER_MODEL:
            if session.model is not None and version.label == session.model.name:
                return tr("before the model changed")
            # Who has chosen it by its name knows.
            return "" if choice.label else tr("by another model")
        case ResultDoubt.NONE:
            return ""
