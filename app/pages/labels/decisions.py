"""What a person has decided about labels: which pairs are used, which files belong together. No widgets."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtGui import QUndoCommand

from app.core.settings import ASIDE_LABELS, MATCHED_LABELS, USED_LABELS, Settings
from engine.photo_files.tiff.pages import is_on_disk


@dataclass(frozen=True, kw_only=True)
class LabelDecisions:
    """Decisions by noisy photo; where there is none, the matching and the pair doctor decide.

    Attributes:
        used: Photos whose pair is used, whatever the doctor says.
        aside: Photos whose pair is not.
        matches: Photos with the reference that was chosen for them by hand; None: without one.
    """

    used: frozenset[Path] = frozenset()
    aside: frozenset[Path] = frozenset()
    matches: dict[Path, Path | None] = field(default_factory=dict)

    def with_use(self, noisy: Path, wanted: bool) -> "LabelDecisions":
        """Use a photo's pair, or set it aside."""
        return replace(
            self,
            used=self.used | {noisy} if wanted else self.used - {noisy},
            aside=self.aside - {noisy} if wanted else self.aside | {noisy},
        )

    def with_match(self, noisy: Path, clean: Path | None) -> "LabelDecisions":
        """Choose a photo's reference, or that it has none; whether the pair is used is open again."""
        return replace(
            self,
            used=self.used - {noisy},
            aside=self.aside - {noisy},
            matches={**self.matches, noisy: clean},
        )

    def without_match(self, noisy: Path) -> "LabelDecisions":
        """Let the names decide about a photo again."""
        matches = {path: clean for path, clean in self.matches.items() if path != noisy}
        return replace(self, used=self.used - {noisy}, aside=self.aside - {noisy}, matches=matches)


def recall_decisions(settings: Settings, folders: Sequence[Path]) -> LabelDecisions:
    """Return the decisions that were made for photo folders before.

    A reference that is gone since is forgotten.
    """
    used: set[Path] = set()
    aside: set[Path] = set()
    matches: dict[Path, Path | None] = {}
    for folder in folders:
        used.update(map(Path, settings.get_for_folder(folder, USED_LABELS)))
        aside.update(map(Path, settings.get_for_folder(folder, ASIDE_LABELS)))
        stored = settings.get_for_folder(folder, MATCHED_LABELS)
        for noisy, clean in zip(stored[::2], stored[1::2], strict=False):
            if not clean or is_on_disk(Path(clean)):
                matches.setdefault(Path(noisy), Path(clean) if clean else None)
    return LabelDecisions(used=frozenset(used), aside=frozenset(aside - used), matches=matches)


def store_decisions(settings: Settings, folders: Sequence[Path], decisions: LabelDecisions) -> None:
    """Remember decisions for the photo folders; what lies in none of them goes with the first."""

    def inside(folder: Path, paths: Iterable[Path]) -> list[Path]:
        is_first = folder == folders[0]
        return sorted(
            path
            for path in paths
            if path.is_relative_to(folder) or (is_first and not any(path.is_relative_to(other) for other in folders))
        )

    for folder in folders:
        settings.set_for_folder(folder, USED_LABELS, [str(path) for path in inside(folder, decisions.used)])
        settings.set_for_folder(folder, ASIDE_LABELS, [str(path) for path in inside(folder, decisions.aside)])
        flat = [
            text
            for path in inside(folder, decisions.matches)
            for text in (str(path), str(decisions.matches[path] or ""))
        ]
        settings.set_for_folder(folder, MATCHED_LABELS, flat)


class DecideCommand(QUndoCommand):
    """Decide otherwise about labels."""

    def __init__(
        self, apply: Callable[[LabelDecisions], None], before: LabelDecisions, after: LabelDecisions, text: str
    ) -> None:
        super().__init__(text)
        self._apply = apply
        self._before = before
        self._after = after

    def redo(self) -> None:
        self._apply(self._after)

    def undo(self) -> None:
        self._apply(self._before)
