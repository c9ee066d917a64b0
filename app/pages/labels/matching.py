"""The menu that corrects a match: another reference for a photo, none, or a photo for a reference."""

from collections.abc import Callable, Iterable
from difflib import SequenceMatcher

from PySide6.QtWidgets import QMenu, QWidget

from app.look.theme import themed_icon
from app.look.translation import tr
from app.pages.labels.entries import LabelEntry
from engine.contracts.photo import PhotoRef
from engine.photos.folder import natural_sort_key

MAX_OFFERED = 12
_MAX_COMPARED = 3000


def closest_names(name: str, photos: Iterable[PhotoRef]) -> list[PhotoRef]:
    """Return the `MAX_OFFERED` files whose names are most like a name, in natural order.

    Args:
        name: A file's name without its ending.
        photos: To choose from.
    """
    wanted = name.casefold()
    matcher = SequenceMatcher(autojunk=False)
    # The matcher keeps what it knows of its second sequence.
    matcher.set_seq2(wanted)

    def likeness(photo: PhotoRef) -> float:
        matcher.set_seq1(photo.stem.casefold())
        return matcher.ratio()

    compared = list(photos)[:_MAX_COMPARED]
    best = sorted(compared, key=likeness, reverse=True)[:MAX_OFFERED]
    return sorted(best, key=lambda path: natural_sort_key(path.name))


def matching_menu(
    parent: QWidget,
    entry: LabelEntry,
    candidates: Iterable[PhotoRef],
    *,
    choose: Callable[[PhotoRef], None],
    choose_file: Callable[[], None],
    unmatch: Callable[[], None] | None,
    undo_hand: Callable[[], object] | None,
) -> QMenu:
    """Return the menu.

    Args:
        parent: Its owner.
        entry: The row whose match is corrected.
        candidates: Files that could be the other side.
        choose: Called with a chosen one.
        choose_file: Asks for a file that is not offered.
        unmatch: Takes the reference away; None where there is none.
        undo_hand: Lets the names decide again; None where they do.
    """
    menu = QMenu(parent)
    for path in closest_names(entry.main_photo.stem, (path for path in candidates if path != entry.clean)):
        action = menu.addAction(themed_icon("image"), path.name)
        action.setToolTip(str(path))
        action.triggered.connect(lambda _checked=False, path=path: choose(path))
    menu.setToolTipsVisible(True)
    menu.addSeparator()
    menu.addAction(themed_icon("folder-open"), tr("Choose a file…")).triggered.connect(lambda: choose_file())
    if undo_hand is not None:
        menu.addAction(themed_icon("arrow-counter-clockwise"), tr("As the names say")).triggered.connect(
            lambda: undo_hand()
        )
    if unmatch is not None:
        menu.addAction(themed_icon("link-break"), tr("No reference")).triggered.connect(lambda: unmatch())
    return menu
