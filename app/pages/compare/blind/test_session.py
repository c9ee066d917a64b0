"""A blind test of the pictures in the panes: asks, records, counts, takes back."""

from __future__ import annotations

import random
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.core.session import Session
from app.look.translation import tr
from app.pages.compare.blind.trial import BlindTrial, make_trial
from app.pages.shared.undoing import Change
from app.viewer.pictures import PaneContent
from engine.comparing.blind_votes import BlindVote, Choice, PairTally, VoteBook, VotesFileError, tally
from engine.contracts.photo import PhotoRef
from engine.machine.places import Place


class BlindTest(QObject):
    """Votes on the open photos.

    Attributes:
        trial: The question on screen; None while there is none.

    Signals:
        votes_changed: There are more votes or fewer.
        failed(VotesFileError): The file of votes cannot be used.
    """

    votes_changed = Signal()
    failed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._book = VoteBook(Place.BLIND_VOTES.path())
        # Cannot be guessed, and never the same order again.
        self._chance = random.SystemRandom()
        self.trial: BlindTrial | None = None

    def ask(self, photo: PhotoRef, panes: tuple[PaneContent, ...], names: tuple[str, ...]) -> BlindTrial | None:
        """Draw the next question; None where the photo has no two pictures of one size."""
        self.trial = make_trial(photo, panes, names, self._chance)
        return self.trial

    def vote(self, choice: Choice, mode: str) -> bool:
        """Record the answer to the question on screen; can be undone.

        Args:
            choice: Which picture is better.
            mode: How they were looked at.

        Returns:
            Whether it has been recorded.
        """
        if self.trial is None:
            return False
        vote = self.trial.vote(choice, mode)
        if not self._add((vote,)):
            return False
        self.trial = None
        self._push(tr("Vote"), do=lambda: self._add((vote,)), take_back=lambda: self._remove((vote,)))
        return True

    def forget(self) -> None:
        """Take all votes on the open photos back; can be undone."""
        votes = self.votes()
        if votes and self._remove(votes):
            self._push(tr("Forget the votes"), do=lambda: self._remove(votes), take_back=lambda: self._add(votes))

    def votes(self) -> tuple[BlindVote, ...]:
        """Return the votes on the open photos, those on pages of open stacks among them."""
        try:
            votes = self._book.read()
        except VotesFileError as error:
            self.failed.emit(error)
            return ()
        return tuple(vote for vote in votes if self._session.photo(PhotoRef.of(vote.photo)) is not None)

    def tallies(self) -> list[PairTally]:
        """Return what the votes on the open photos come to."""
        return tally(self.votes())

    def _push(self, text: str, *, do: Callable[[], object], take_back: Callable[[], object]) -> None:
        self._session.undo_stack.push(Change(text, do, take_back, is_done=True))

    def _add(self, votes: tuple[BlindVote, ...]) -> bool:
        return self._try(lambda: self._book.add(*votes))

    def _remove(self, votes: tuple[BlindVote, ...]) -> bool:
        return self._try(lambda: self._book.remove(*votes))

    def _try(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except VotesFileError as error:
            self.failed.emit(error)
            return False
        self.votes_changed.emit()
        return True
