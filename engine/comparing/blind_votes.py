"""Blind comparisons of two pictures: votes on file, and how likely chance alone would bring their tally about."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.contracts.errors import EngineError
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.json_files import json_text, read_json_object
from engine.translatable import say

SIGNIFICANCE = 0.05
"""From which probability on a lead is called one."""


class VotesFileError(EngineError):
    """The file of votes cannot be read or written."""


class Choice(StrEnum):
    """What a person saw."""

    FIRST = "first"
    SECOND = "second"
    SAME = "same"


class BlindVote(BaseModel):
    """One answer to "which of the two is better?".

    Attributes:
        photo: The photo that both pictures are of.
        first: What the picture shown as A was, e.g. "Starter: denoise".
        second: What the picture shown as B was.
        choice: Which was better.
        mode: How it was looked at, e.g. "split".
        voted_at: ISO 8601 time, UTC; tells two votes on one pair apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo: str
    first: str
    second: str
    choice: Choice
    mode: str
    voted_at: str

    @property
    def winner(self) -> str | None:
        """The picture that was better; None where both looked the same."""
        return {Choice.FIRST: self.first, Choice.SECOND: self.second, Choice.SAME: None}[self.choice]


class _VotesFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    votes: tuple[BlindVote, ...] = ()


class VoteBook:
    """All votes of a person, in one JSON file. Each change reads the file again, so that two windows can vote.

    Attributes:
        path: The file; made with the first vote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[BlindVote, ...]:
        """Return all votes, oldest first.

        Raises:
            VotesFileError: The file is damaged or may not be read.
        """
        try:
            return _VotesFile.model_validate(read_json_object(self.path)).votes
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise VotesFileError(
                say("The votes in {path} cannot be understood.", path=self.path),
                "Rename or delete that file, then vote again.",
            ) from error
        except OSError as error:
            raise VotesFileError(
                say("The votes in {path} cannot be read ({error}).", path=self.path, error=error.strerror or error),
                "Check the file's permissions.",
            ) from error

    def add(self, *votes: BlindVote) -> None:
        """Add votes.

        Raises:
            VotesFileError: The file cannot be read or written; it is as it was.
        """
        self._write((*self.read(), *votes))

    def remove(self, *votes: BlindVote) -> None:
        """Take votes back, where they are there.

        Raises:
            VotesFileError: As `add`.
        """
        kept = list(self.read())
        for vote in votes:
            if vote in kept:
                kept.remove(vote)
        self._write(tuple(kept))

    def _write(self, votes: tuple[BlindVote, ...]) -> None:
        content = json_text(_VotesFile(votes=votes).model_dump(mode="json"), indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self.path, content.encode())
        except OSError as error:
            raise VotesFileError(
                say("The vote cannot be kept in {path} ({error}).", path=self.path, error=error.strerror or error),
                "Make room on the disk.",
            ) from error


@dataclass(frozen=True, kw_only=True)
class PairTally:
    """How two kinds of picture stand against each other.

    Votes on one photo are not independent: the photo's majority counts once.

    Attributes:
        first: One of the two; the one preferred on more photos.
        second: The other.
        num_first: Photos on which `first` was preferred.
        num_second: Photos on which `second` was.
        num_same: Photos on which neither was.
        num_votes: Votes behind them.
        probability: Of a split as uneven as this, or more so, if both were equally good: the two-sided sign test; 1
            where there is nothing to tell from.
    """

    first: str
    second: str
    num_first: int
    num_second: int
    num_same: int
    num_votes: int
    probability: float

    @property
    def num_photos(self) -> int:
        """Photos that were voted on."""
        return self.num_first + self.num_second + self.num_same


def sign_test(num_first: int, num_second: int) -> float:
    """Return the two-sided p-value of the sign test (Dixon and Mood 1946); ties are left out beforehand.

    The probability that a fair coin, thrown `num_first + num_second` times, falls as unevenly or more so.

    Args:
        num_first: Photos on which the first was preferred.
        num_second: Photos on which the second was.

    Returns:
        0 to 1; 1 without any preference.
    """
    count = num_first + num_second
    if count == 0:
        return 1.0
    # Imported late, and not scipy.stats, which takes a second.
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(num_first, num_second), count, 0.5)))


def tally(votes: Iterable[BlindVote]) -> list[PairTally]:
    """Count votes by pair of pictures, the pair with the most photos first."""
    by_pair: dict[frozenset[str], list[BlindVote]] = {}
    for vote in votes:
        by_pair.setdefault(frozenset((vote.first, vote.second)), []).append(vote)
    tallies = []
    for pair, of_pair in by_pair.items():
        if len(pair) == 2:
            one, other = sorted(pair)
            tallies.append(_tally_of_pair(one, other, of_pair))
    return sorted(tallies, key=lambda entry: (-entry.num_photos, entry.first, entry.second))


def photos_to_tell(entry: PairTally) -> int:
    """Return how many more photos, all for the leading picture, would make the lead hardly chance; 0 if it is so."""
    more = 0
    while sign_test(entry.num_first + more, entry.num_second) > SIGNIFICANCE:
        more += 1
    return more


def _tally_of_pair(one: str, other: str, votes: Sequence[BlindVote]) -> PairTally:
    by_photo: dict[str, Counter[str]] = {}
    for vote in votes:
        of_photo = by_photo.setdefault(vote.photo, Counter())
        if vote.winner is not None:
            of_photo[vote.winner] += 1
    num_one = sum(of_photo[one] > of_photo[other] for of_photo in by_photo.values())
    num_other = sum(of_photo[other] > of_photo[one] for of_photo in by_photo.values())
    if num_other > num_one:
        one, other, num_one, num_other = other, one, num_other, num_one
    return PairTally(
        first=one,
        second=other,
        num_first=num_one,
        num_second=num_other,
        num_same=len(by_photo) - num_one - num_other,
        num_votes=len(votes),
        probability=sign_test(num_one, num_other),
    )
