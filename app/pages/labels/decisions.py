"""What a person has decided about labels: which pairs are used, which files belong together. No widgets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.core.settings import ASIDE_LABELS, MATCHED_LABELS, MEASURING_LABELS, UNFITTED_LABELS, USED_LABELS, Settings
from engine.contracts.photo import PhotoPlace, PhotoRef


@dataclass(frozen=True, kw_only=True)
class LabelDecisions:
    """Decisions by noisy photo; where there is none, the matching and the pair doctor decide.

    Attributes:
        used: Photos whose pair is used, whatever the doctor says.
        aside: Photos whose pair is not.
        unfitted: Photos whose reference keeps its own exposure or stretch.
        measuring: Photos whose pair only measures.
        matches: Photos with the reference that was chosen for them by hand; None: without one.
    """

    used: frozenset[PhotoRef] = frozenset()
    aside: frozenset[PhotoRef] = frozenset()
    unfitted: frozenset[PhotoRef] = frozenset()
    measuring: frozenset[PhotoRef] = frozenset()
    matches: dict[PhotoRef, PhotoRef | None] = field(default_factory=dict)

    def with_use(self, noisy: PhotoRef, wanted: bool) -> "LabelDecisions":
        """Use a photo's pair, or set it aside."""
        return replace(
            self,
            used=self.used | {noisy} if wanted else self.used - {noisy},
            aside=self.aside - {noisy} if wanted else self.aside | {noisy},
        )

    def with_fit(self, noisy: PhotoRef, wanted: bool) -> "LabelDecisions":
        """Make a photo's reference as bright as the photo, or let it keep its own brightness."""
        return replace(self, unfitted=self.unfitted - {noisy} if wanted else self.unfitted | {noisy})

    def with_measuring(self, noisy: PhotoRef, wanted: bool) -> "LabelDecisions":
        """Let a photo's pair only measure, or teach."""
        return replace(self, measuring=self.measuring | {noisy} if wanted else self.measuring - {noisy})

    def with_match(self, noisy: PhotoRef, clean: PhotoRef | None) -> "LabelDecisions":
        """Choose a photo's reference, or that it has none; whether the pair is used is open again."""
        return replace(
            self,
            used=self.used - {noisy},
            aside=self.aside - {noisy},
            unfitted=self.unfitted - {noisy},
            matches={**self.matches, noisy: clean},
        )

    def without_match(self, noisy: PhotoRef) -> "LabelDecisions":
        """Let the names decide about a photo again."""
        matches = {path: clean for path, clean in self.matches.items() if path != noisy}
        return replace(
            self,
            used=self.used - {noisy},
            aside=self.aside - {noisy},
            unfitted=self.unfitted - {noisy},
            matches=matches,
        )

    def photos_decided_otherwise(self, other: "LabelDecisions") -> frozenset[PhotoRef]:
        """Return the noisy photos about which something else was decided in `other`."""
        return frozenset().union(
            self.used ^ other.used,
            self.aside ^ other.aside,
            self.unfitted ^ other.unfitted,
            self.measuring ^ other.measuring,
            (noisy for noisy, _ in self.matches.items() ^ other.matches.items()),
        )

    def with_those_about(self, photos: frozenset[PhotoRef], other: "LabelDecisions") -> "LabelDecisions":
        """Decide about some noisy photos as in `other`."""
        kept = {noisy: clean for noisy, clean in self.matches.items() if noisy not in photos}
        taken = {noisy: clean for noisy, clean in other.matches.items() if noisy in photos}
        return LabelDecisions(
            used=(self.used - photos) | (other.used & photos),
            aside=(self.aside - photos) | (other.aside & photos),
            unfitted=(self.unfitted - photos) | (other.unfitted & photos),
            measuring=(self.measuring - photos) | (other.measuring & photos),
            matches=kept | taken,
        )


def recall_decisions(settings: Settings, folders: Sequence[PhotoPlace]) -> LabelDecisions:
    """Return the decisions that were made for photo folders before.

    A reference that is gone since is forgotten.
    """
    used: set[PhotoRef] = set()
    aside: set[PhotoRef] = set()
    unfitted: set[PhotoRef] = set()
    measuring: set[PhotoRef] = set()
    matches: dict[PhotoRef, PhotoRef | None] = {}
    for folder in folders:
        used.update(map(PhotoRef.of, settings.get_for_folder(folder, USED_LABELS)))
        aside.update(map(PhotoRef.of, settings.get_for_folder(folder, ASIDE_LABELS)))
        unfitted.update(map(PhotoRef.of, settings.get_for_folder(folder, UNFITTED_LABELS)))
        measuring.update(map(PhotoRef.of, settings.get_for_folder(folder, MEASURING_LABELS)))
        stored = settings.get_for_folder(folder, MATCHED_LABELS)
        for noisy, clean in zip(stored[::2], stored[1::2], strict=False):
            reference = PhotoRef.of(clean) if clean else None
            if reference is None or reference.is_on_disk():
                matches.setdefault(PhotoRef.of(noisy), reference)
    return LabelDecisions(
        used=frozenset(used),
        aside=frozenset(aside - used),
        unfitted=frozenset(unfitted),
        measuring=frozenset(measuring),
        matches=matches,
    )


def store_decisions(settings: Settings, folders: Sequence[PhotoPlace], decisions: LabelDecisions) -> None:
    """Remember decisions for the photo folders; what lies in none of them goes with the first."""

    def inside(folder: PhotoPlace, photos: Iterable[PhotoRef]) -> list[PhotoRef]:
        is_first = folder == folders[0]
        return sorted(
            photo for photo in photos if photo.is_in(folder) or (is_first and not any(map(photo.is_in, folders)))
        )

    for folder in folders:
        settings.set_for_folder(folder, USED_LABELS, [str(path) for path in inside(folder, decisions.used)])
        settings.set_for_folder(folder, ASIDE_LABELS, [str(path) for path in inside(folder, decisions.aside)])
        settings.set_for_folder(folder, UNFITTED_LABELS, [str(path) for path in inside(folder, decisions.unfitted)])
        settings.set_for_folder(folder, MEASURING_LABELS, [str(path) for path in inside(folder, decisions.measuring)])
        flat = [
            text
            for path in inside(folder, decisions.matches)
            for text in (str(path), str(decisions.matches[path] or ""))
        ]
        settings.set_for_folder(folder, MATCHED_LABELS, flat)


def keep_for_closed(
    settings: Settings,
    matches: Mapping[PhotoRef, PhotoRef],
    former: Sequence[PhotoPlace],
    folders: Sequence[PhotoPlace],
) -> dict[PhotoRef, PhotoRef]:
    """Remember references that were made for photo folders which have been closed since.

    Args:
        settings: Where decisions are remembered.
        matches: Noisy photos with their references.
        former: The photo folders that were open when the references were asked for.
        folders: Those that are open.

    Returns:
        The matches that are of open folders.
    """
    here: dict[PhotoRef, PhotoRef] = {}
    closed: defaultdict[PhotoPlace, dict[PhotoRef, PhotoRef]] = defaultdict(dict)
    for noisy, clean in matches.items():
        # As in `store_decisions`, what lies in none of them goes with the first.
        folder = next((place for place in (*folders, *former) if noisy.is_in(place)), former[0])
        (here if folder in folders else closed[folder])[noisy] = clean
    for folder, made in closed.items():
        decisions = recall_decisions(settings, [folder])
        for noisy, clean in made.items():
            decisions = decisions.with_match(noisy, clean)
        store_decisions(settings, [folder], decisions)
    return here
