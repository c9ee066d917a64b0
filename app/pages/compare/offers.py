"""What a pane can show of a photo, and the menu in which a person chooses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtWidgets import QMenu, QWidget

from app.core.session import Session
from app.look.theme import themed_icon
from app.look.translation import tr, translate_engine
from app.pages.compare.panes import (
    INPUT_CHOICE,
    REFERENCE_CHOICE,
    RESTORED_CHOICE,
    PaneChoice,
    PaneKind,
    reference_of,
)
from engine.comparing.baselines.catalogue import BASELINES
from engine.contracts.photo import PhotoRef
from engine.photo_files.formats import RAW_SUFFIXES

_MAX_RUNS = 15
_ENLARGEMENTS = (2, 3, 4)


@dataclass(frozen=True)
class Offer:
    """One row of a menu.

    Attributes:
        choice: What it chooses.
        tip: What it is, in a sentence.
        reason: Why it cannot be chosen; "" if it can.
        is_empty: Whether there is no such picture of the photo so far.
    """

    choice: PaneChoice
    tip: str = ""
    reason: str = ""
    is_empty: bool = False


@dataclass(frozen=True)
class Offers:
    """All that can be chosen without a file dialog.

    Attributes:
        pictures: What is there already, or belongs to the photo.
        models: Runs, starters and the chosen model: computed when chosen.
        methods: Classical methods: likewise.
        restore_text: What the entry says that restores the photo; "": there is no model to do it with.
    """

    pictures: tuple[Offer, ...] = ()
    models: tuple[Offer, ...] = ()
    methods: tuple[Offer, ...] = ()
    restore_text: str = ""

    def first_new(self, present: Sequence[PaneChoice]) -> PaneChoice:
        """Return what a further pane shows at first: something that is not there yet."""
        candidates = [
            offer for offer in (*self.pictures, *self.models, *self.methods) if not offer.reason and not offer.is_empty
        ]
        return next((offer.choice for offer in candidates if offer.choice not in present), RESTORED_CHOICE)


def offers_of(session: Session, photo: PhotoRef | None) -> Offers:
    """Return what can be chosen for the open photos."""
    labels = session.restored_labels
    versions = [PaneChoice(PaneKind.RESTORED, label=label) for label in labels] if len(labels) > 1 else []
    is_restored = photo is not None and session.has_result(photo)
    has_reference = photo is not None and reference_of(session, photo) is not None
    pictures = (
        Offer(INPUT_CHOICE),
        Offer(RESTORED_CHOICE, is_empty=not is_restored),
        *(Offer(version, is_empty=not is_restored) for version in versions),
        Offer(REFERENCE_CHOICE, is_empty=not has_reference),
    )
    restore_text = ""
    if session.model is not None and photo is not None:
        restore_text = tr("Restore this photo with {model}").format(model=translate_engine(session.model.name))
    return Offers(pictures, _models(session), _methods(photo), restore_text)


def build_pane_menu(
    parent: QWidget,
    offers: Offers,
    current: PaneChoice,
    *,
    choose: Callable[[PaneChoice], object],
    browse_picture: Callable[[], object],
    browse_model: Callable[[], object],
    compute_again: Callable[[], object],
    restore: Callable[[], object],
    remove: Callable[[], object] | None,
) -> QMenu:
    """Build the menu of one pane.

    Args:
        parent: Owns it.
        offers: What can be chosen.
        current: What the pane shows.
        choose: Told what was chosen.
        browse_picture: Asks for a picture file.
        browse_model: Asks for a model file.
        compute_again: Makes the pane's picture anew after it was stopped or has failed.
        restore: Restores the photo with the chosen model, whatever there is of it already.
        remove: Takes the pane away; None for the last one.
    """
    menu = QMenu(parent, toolTipsVisible=True)
    for offer in offers.pictures:
        _add_offer(menu, offer, current, choose)
    if current.kind is PaneKind.FILE:
        _add_offer(menu, Offer(current, tip=str(current.path)), current, choose)
    menu.addSeparator()
    models = menu.addMenu(themed_icon("magic-wand"), tr("What a model makes of it"))
    models.setToolTipsVisible(True)
    for offer in offers.models:
        _add_offer(models, offer, current, choose)
    if current.kind is PaneKind.MODEL and current not in [offer.choice for offer in offers.models]:
        _add_offer(models, Offer(current, tip=str(current.path)), current, choose)
    models.addSeparator()
    models.addAction(tr("A model file…")).triggered.connect(lambda _=False: browse_model())
    methods = menu.addMenu(themed_icon("calculator"), tr("What a classical method makes of it"))
    methods.setToolTipsVisible(True)
    for offer in offers.methods:
        _add_offer(methods, offer, current, choose)
    menu.addAction(themed_icon("image"), tr("A file…")).triggered.connect(lambda _=False: browse_picture())
    menu.addSeparator()
    if current.is_computed:
        again = menu.addAction(themed_icon("arrow-clockwise"), tr("Compute it again after a stop"))
        again.triggered.connect(lambda _=False: compute_again())
    if current.kind is PaneKind.RESTORED and offers.restore_text:
        restoration = menu.addAction(themed_icon("magic-wand"), offers.restore_text.replace("&", "&&"))
        restoration.triggered.connect(lambda _=False: restore())
    removal = menu.addAction(themed_icon("x"), tr("Remove this pane"))
    removal.setEnabled(remove is not None)
    if remove is not None:
        removal.triggered.connect(lambda _=False: remove())
    return menu


def _add_offer(menu: QMenu, offer: Offer, current: PaneChoice, choose: Callable[[PaneChoice], object]) -> None:
    action = menu.addAction(offer.choice.title.replace("&", "&&"))
    action.setToolTip(offer.reason or offer.tip)
    action.setCheckable(True)
    action.setChecked(offer.choice == current)
    action.setEnabled(not offer.reason)
    action.triggered.connect(partial(_call, choose, offer.choice))


def _call(choose: Callable[[PaneChoice], object], choice: PaneChoice, _checked: bool = False) -> None:
    choose(choice)


def _models(session: Session) -> tuple[Offer, ...]:
    """The starters, the runs with a model, newest first, and the chosen model where it is neither."""
    choices = {
        starter.path: Offer(PaneChoice(PaneKind.MODEL, starter.title, starter.path), tip=starter.description)
        for starter in session.starters
    }
    runs = [entry for entry in session.run_catalog.runs if entry.has_model]
    for entry in runs[:_MAX_RUNS]:
        choices[entry.path] = Offer(
            PaneChoice(PaneKind.MODEL, entry.record.name, entry.path), tip=tr("A run of your own")
        )
    model = session.model
    if model is not None and model.path not in choices:
        choices[model.path] = Offer(PaneChoice(PaneKind.MODEL, model.name, model.path), tip=str(model.path))
    return tuple(choices.values())


def _methods(photo: PhotoRef | None) -> tuple[Offer, ...]:
    is_raw = photo is not None and photo.suffix.lower() in RAW_SUFFIXES
    offers: list[Offer] = []
    for name, entry in BASELINES.items():
        reason = ""
        if not entry.is_installed:
            reason = tr(
                "Not installed: its licence allows non-commercial use alone. Where that suits you, install the "
                "package {package} with pip."
            ).format(package=entry.package)
        elif not entry.takes_photos and not is_raw:
            reason = tr("For raw files alone; this photo has all its colours already.")
        removes_noise = entry.denoise is not None or not entry.takes_photos
        for scale in (1,) if removes_noise else _ENLARGEMENTS:
            choice = PaneChoice(PaneKind.BASELINE, name, scale=scale)
            offers.append(Offer(choice, tip=tr(entry.description), reason=reason))
    return tuple(offers)
