"""What a person did to the photo list, in a form that can be taken back."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtGui import QUndoCommand

from app.phrases import count
from app.session import Session


class SetExclusion(QUndoCommand):
    """Leave photos out of training and restoring, or take them back."""

    def __init__(self, session: Session, paths: Iterable[Path], *, is_excluded: bool) -> None:
        self._paths = frozenset(paths)
        self._session = session
        self._before = session.excluded
        self._after = self._before | self._paths if is_excluded else self._before - self._paths
        what = count(len(self._paths), "photo")
        super().__init__(f"{what} left out" if is_excluded else f"{what} taken back")

    def redo(self) -> None:
        self._session.set_excluded(self._after)

    def undo(self) -> None:
        self._session.set_excluded(self._before)
