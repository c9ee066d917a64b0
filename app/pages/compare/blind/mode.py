"""The compare page while a blind test runs: what is asked, what is hidden, what comes next."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from app.core.session import Session
from app.look.translation import tr
from app.pages.compare.bar import CompareBar
from app.pages.compare.blind.bar import BlindBar, BlindResults
from app.pages.compare.blind.test_session import BlindTest
from app.pages.compare.filmstrip import Filmstrip
from app.pages.compare.panes import LoadedPanes
from app.viewer.compare_viewer import CompareViewer
from app.viewer.inspectors import PixelBar
from app.viewer.view_modes import DEFAULT_MODE, VIEW_MODES
from engine.comparing.blind_votes import Choice


class BlindMode(QObject):
    """Runs a blind test on the page's own viewer and bar.

    Attributes:
        test: Asks and records.
        bar: The question.
        results: The answers, in place of the pictures.

    Signals:
        reload_requested: The current photo's pictures shall be shown again, with or without their names.
        results_requested(bool): Whether the results shall be seen instead of the pictures.
    """

    reload_requested = Signal()
    results_requested = Signal(bool)

    def __init__(
        self,
        session: Session,
        viewer: CompareViewer,
        pixel_bar: PixelBar,
        compare_bar: CompareBar,
        filmstrip: Filmstrip,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._pixel_bar = pixel_bar
        self._compare_bar = compare_bar
        self._filmstrip = filmstrip
        self._is_on = False
        self._is_revealed = False
        self.test = BlindTest(session, self)
        self.bar = BlindBar()
        self.bar.hide()
        self.results = BlindResults()
        self.test.votes_changed.connect(self._show_votes)
        self.bar.voted.connect(self.vote)
        self.bar.reveal_requested.connect(self.reveal)
        self.bar.end_requested.connect(self.end)
        self.results.go_on_requested.connect(self.go_on)
        self.results.forget_requested.connect(self.test.forget)

    @property
    def is_on(self) -> bool:
        """Whether a test runs."""
        return self._is_on

    def allows(self, mode_key: str) -> bool:
        """Whether pictures may be looked at this way: a difference would show which of the two is the noisy one."""
        return not (self._is_on and VIEW_MODES[mode_key].uses_gain)

    def start(self) -> None:
        """Hide the names and ask."""
        if self._is_on:
            return
        self._is_on = True
        self.test.trial = None
        if not self.allows(self._viewer.mode_key):
            self._viewer.set_mode(DEFAULT_MODE)
        self._compare_bar.set_blind(True)
        self.bar.show()
        self._show_votes()
        self.reload_requested.emit()

    @Slot()
    def end(self) -> None:
        """Show the names again."""
        if self._is_on:
            self._is_on = self._is_revealed = False
            self._compare_bar.set_blind(False)
            self.bar.hide()
            self.results_requested.emit(False)
            self.reload_requested.emit()

    @Slot(object)
    def vote(self, choice: Choice) -> None:
        """Record an answer and go to the next photo, after the last to the first."""
        if not self._is_on or self._is_revealed or not self.test.vote(choice, self._viewer.mode_key):
            return
        if not self._filmstrip.go_round():
            self.reload_requested.emit()

    @Slot()
    def reveal(self) -> None:
        """Show which was which, and the tally."""
        self._is_revealed = True
        self.results.show_tallies(self.test.trial, self.test.tallies())
        self.bar.show_question(tr("The names are shown; go on voting to get the next two."))
        self.results_requested.emit(True)

    @Slot()
    def go_on(self) -> None:
        """Draw anew: the person knows the pair that was on screen."""
        self._is_revealed = False
        self.test.trial = None
        self.results_requested.emit(False)
        self.reload_requested.emit()

    def show(self, loaded: LoadedPanes) -> None:
        """Show two unnamed pictures of a photo, once all that could be among them are there.

        A question that is still open stays as it is: the person may be in the middle of looking.
        """
        if self._is_revealed:
            return
        trial = self.test.trial
        if trial is None or trial.photo != loaded.photo or not set(trial.names) <= set(loaded.names):
            trial = None if loaded.to_make else self.test.ask(loaded.photo, loaded.panes, loaded.names)
        if trial is not None:
            self._viewer.set_panes(trial.panes)
            self._pixel_bar.set_panes(trial.panes)
            self.bar.show_question("")
            return
        self.test.trial = None
        reason = (
            tr("Computing the pictures…")
            if loaded.to_make
            else tr("This photo has no two pictures of one size. Go to the next one, or end the test and add a pane.")
        )
        self._viewer.show_message(reason)
        self._pixel_bar.set_panes(())
        self.bar.show_question(reason)

    @Slot()
    def _show_votes(self) -> None:
        self.bar.show_count(len(self.test.votes()))
        if self._is_revealed:
            self.reveal()
