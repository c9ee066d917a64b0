"""What a person did to the photo list, in a form that can be taken back."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtGui import QUndoCommand

from app.core.session import Session
from app.look.phrases import count
from app.look.translation import tr


class SetExclusion(QUndoCommand):
    """Leave photos out of training and restoring, or take them back."""

    def __init__(self, session: Session, paths: Iterable[Path], *, is_excluded: bool) -> None:
        changed = frozenset(paths)
        photos = count(len(changed), "photo")
        super().__init__(
            tr("{photos} left out").format(photos=photos)
            if is_excluded
            else tr("{photos} taken back").format(photos=photos)
        )
        self._session = session
        self._before = session.excluded
        self._after = self._before | changed if is_excluded else self._before - changed

    def redo(self) -> None:
        self._session.set_excluded(self._after)

    def undo(self) -> None:
        self._session.set_excluded(self._before)


class UseOnly(SetExclusion):
    """Learn from and restore some photos only: leave all others out."""

    def __init__(self, session: Session, paths: Iterable[Path]) -> None:
        kept = frozenset(paths)
        super().__init__(session, (), is_excluded=True)
        self._after = (self._before | {photo.path for photo in session.photos}) - kept
        self.setText(tr("{photos} used, all others left out").format(photos=count(len(kept), "photo")))
