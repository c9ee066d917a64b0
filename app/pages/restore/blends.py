"""How much of its restoration each photo keeps, as a person set it for the open folders, and presets. No widgets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot

from app.core.session import Session
from app.core.settings import RESTORE_BLEND, RESTORE_BLEND_PRESETS, RESTORE_OWN_BLENDS, Settings
from app.look.translation import mark
from engine.contracts.blending import FULL, Blend
from engine.contracts.photo import PhotoPlace, PhotoRef

SHIPPED_PRESETS = (
    (mark("Everything"), FULL),
    (mark("Keep the grain"), Blend(detail=0.5)),
    (mark("Colour noise only"), Blend(luminance=0.0)),
)
"""What a person calls it, and what it is."""


class BlendChoices(QObject):
    """Knows the blend of each photo: its own, or that of all that have none.

    Signals (main thread):
        changed: Some photo's blend is another one.
        presets_changed: There are other presets.

    Attributes:
        common: The blend of photos that have none of their own.
    """

    changed = Signal()
    presets_changed = Signal()

    def __init__(self, session: Session, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self.common = FULL
        self._own: dict[PhotoRef, Blend] = {}
        session.folders_changed.connect(self._recall)
        self._recall()

    def of(self, photo: PhotoRef | None) -> Blend:
        """Return a photo's blend; of no photo, that of those without an own one."""
        return self.common if photo is None else self._own.get(photo, self.common)

    def own(self, photos: Sequence[PhotoRef]) -> dict[str, Blend]:
        """Return the blends of those photos that have their own, as `RestoreConfig` takes them."""
        return {str(photo): self._own[photo] for photo in photos if photo in self._own} if self._own else {}

    def set(self, photo: PhotoRef | None, blend: Blend) -> None:
        """Give a photo its blend; None: all that have none of their own."""
        self._give([] if photo is None else [photo], blend, is_common=photo is None)

    def copy_to(self, photos: Sequence[PhotoRef], blend: Blend) -> None:
        """Give photos a blend; where they are all that are open, photos that come later have it too."""
        are_all = {photo.path for photo in self._session.included_photos} <= set(photos)
        self._give(photos, blend, is_common=are_all)

    @property
    def presets(self) -> list[tuple[str, Blend]]:
        """Those that the person saved, by name."""
        found = []
        for row in self._settings.get(RESTORE_BLEND_PRESETS):
            read = _read_row(row)
            if read is not None:
                found.append(read)
        return sorted(found, key=lambda preset: preset[0].casefold())

    def save_preset(self, name: str, blend: Blend) -> None:
        """Keep a blend under a name, in place of what had that name."""
        self._set_presets([preset for preset in self.presets if preset[0] != name] + [(name, blend)])

    def remove_preset(self, name: str) -> None:
        """Forget a preset."""
        self._set_presets([preset for preset in self.presets if preset[0] != name])

    def _set_presets(self, presets: list[tuple[str, Blend]]) -> None:
        self._settings.set(RESTORE_BLEND_PRESETS, [_row(name, blend) for name, blend in presets])
        self.presets_changed.emit()

    def _give(self, photos: Sequence[PhotoRef], blend: Blend, *, is_common: bool) -> None:
        if is_common:
            self.common = blend
        for photo in photos:
            if blend == self.common:
                self._own.pop(photo, None)
            else:
                self._own[photo] = blend
        self._store(photos, is_common=is_common)
        self.changed.emit()

    def _store(self, given: Sequence[PhotoRef], *, is_common: bool) -> None:
        """Remember the blends for each folder that has been given one, so that it keeps them without the others."""
        names = [str(photo) for photo in given]
        for folder in self._session.folders:
            is_inside = _holder(folder)
            if is_common or any(map(is_inside, names)):
                own = ((str(photo), blend) for photo, blend in self._own.items())
                rows = [_row(name, blend) for name, blend in own if is_inside(name)]
                self._settings.set_for_folder(folder, RESTORE_BLEND, self.common.as_text)
                self._settings.set_for_folder(folder, RESTORE_OWN_BLENDS, rows)

    @Slot()
    def _recall(self) -> None:
        """Read what was set for the folders that are open now; of the common blends the first folder's holds."""
        folders = self._session.folders
        self.common = FULL
        if folders:
            self.common = _read_blend(self._settings.get_for_folder(folders[0], RESTORE_BLEND)) or FULL
        rows = (row for folder in folders for row in self._settings.get_for_folder(folder, RESTORE_OWN_BLENDS))
        self._own = {PhotoRef.of(name): blend for name, blend in filter(None, map(_read_row, rows))}
        self.changed.emit()


def _holder(place: PhotoPlace) -> Callable[[str], bool]:
    """Return whether a folder or file holds the photo of a name.

    As `PhotoRef.is_in`, in a tenth of the time: a slider that moves asks for each photo that has a blend of its own.
    """
    itself, below = str(place), os.path.join(str(place), "")
    return lambda name: name.startswith(below) or name == itself


def _row(name: str, blend: Blend) -> str:
    return f"{blend.as_text} {name}"


def _read_row(row: str) -> tuple[str, Blend] | None:
    """Return a name and its blend; None where the row says no such thing."""
    *shares, name = [*row.split(" ", 3), ""][:4]
    blend = _read_blend(" ".join(shares))
    return (name, blend) if blend is not None and name else None


def _read_blend(text: str) -> Blend | None:
    try:
        return Blend.of_text(text)
    except ValueError:
        return None
