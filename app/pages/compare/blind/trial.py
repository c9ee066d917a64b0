"""One question of a blind test: two pictures of a photo, shuffled and without their names. No widgets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations

from app.look.translation import format_number, short_number, tr, tr_count
from app.viewer.pictures import PaneContent, Picture, PictureRole
from engine.comparing.blind_votes import SIGNIFICANCE, BlindVote, Choice, PairTally, photos_to_tell
from engine.contracts.photo import PhotoRef

_SURE = 0.001


@dataclass(frozen=True)
class BlindTrial:
    """One question.

    Attributes:
        photo: The photo that both pictures are of.
        names: What the pictures shown as A and B are.
        panes: The same pictures with nothing that would tell them apart.
    """

    photo: PhotoRef
    names: tuple[str, str]
    panes: tuple[Picture, Picture]

    def vote(self, choice: Choice, mode: str) -> BlindVote:
        """Return the answer as it is recorded.

        Args:
            choice: Which picture is better.
            mode: How they were looked at.
        """
        return BlindVote(
            photo=str(self.photo),
            first=self.names[0],
            second=self.names[1],
            choice=choice,
            mode=mode,
            voted_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )


def make_trial(
    photo: PhotoRef, panes: Sequence[PaneContent], names: Sequence[str], chance: random.Random
) -> BlindTrial | None:
    """Draw two of a photo's pictures, in random order.

    Pictures of one size alone: the sharper grain of a larger one would give it away.

    Args:
        photo: The photo.
        panes: Its pictures.
        names: What they are called.
        chance: Draws.

    Returns:
        None where there are no two pictures of one size and different names.
    """
    pictures = [(name, pane) for name, pane in zip(names, panes, strict=True) if isinstance(pane, Picture)]
    pairs = [
        pair
        for pair in combinations(pictures, 2)
        if pair[0][0] != pair[1][0] and pair[0][1].pixels.shape[:2] == pair[1][1].pixels.shape[:2]
    ]
    if not pairs:
        return None
    (first_name, first), (second_name, second) = chance.sample(chance.choice(pairs), 2)
    return BlindTrial(photo, (first_name, second_name), (_unnamed(first, "A"), _unnamed(second, "B")))


def reading(tally: PairTally) -> str:
    """Say in plain words what a tally means, with the p-value behind it."""
    decided = tally.num_first + tally.num_second
    if decided == 0:
        return tr("You saw no difference on any photo.")
    if tally.num_first == tally.num_second:
        return tr("A draw: each was better on {number} of {total} photos.").format(
            number=format_number(tally.num_first), total=format_number(decided)
        )
    is_sure = tally.probability < _SURE
    chance = f"p < {short_number(f'{_SURE:g}')}" if is_sure else f"p = {short_number(f'{tally.probability:.2g}')}"
    if tally.probability <= SIGNIFICANCE:
        sentence = tr("{picture} looks better to you, and hardly by chance ({chance}, sign test).")
        return sentence.format(picture=tally.first, chance=chance)
    more = photos_to_tell(tally)
    sentence = tr("{picture} is ahead, but chance alone could do that ({chance}, sign test).")
    way_out = tr_count(
        "One more photo for it would settle it.", "{number} more photos in a row for it would settle it.", more
    )
    return f"{sentence.format(picture=tally.first, chance=chance)} {way_out.format(number=format_number(more))}"


def _unnamed(picture: Picture, letter: str) -> Picture:
    return replace(picture, title=letter, detail="", role=PictureRole.OTHER)
