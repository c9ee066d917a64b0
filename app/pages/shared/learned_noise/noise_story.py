"""How the noise is being learned and what that brings, beside the curves of a training."""

from collections.abc import Mapping

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from app.look.layouts import in_column
from app.look.text import label
from app.look.theme import SPACING
from app.pages.shared.learned_noise.plots import distance_plot, share_plot, show_distances, show_shares
from app.pages.shared.learned_noise.words import (
    accuracy_text,
    accuracy_tip,
    distance_text,
    distance_tip,
    gain_tip,
    gains_by_share,
    share_note,
)
from engine.contracts.events import TwinsCompared
from engine.contracts.learned_noise import LearnedNoise


class NoiseStory(QWidget):
    """Each part appears when something is known of it; hidden before that.

    Attributes:
        distances: Photos and twins by round.
        shares: The error by how far the refinement is followed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rounds: list[float] = []
        self._accuracy = label("", "strong", wraps=True)
        self._accuracy.setToolTip(accuracy_tip())
        self._distance = label("", "muted", wraps=True)
        self._distance.setToolTip(distance_tip())
        self._note = label("", "muted", wraps=True)
        for said in (self._accuracy, self._distance, self._note):
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.distances, self.shares = distance_plot(), share_plot()
        in_column(
            self.shares, self._note, self._accuracy, self._distance, self.distances, of=self, margins=(0, 0, 0, SPACING)
        )
        self.clear()

    @property
    def text(self) -> str:
        """How well the noise is learned, in words; "" before that."""
        return "" if self._accuracy.isHidden() else self._accuracy.text()

    @property
    def num_rounds(self) -> int:
        """How many rounds are drawn."""
        return len(self._rounds)

    def clear(self) -> None:
        """Begin anew."""
        self._rounds.clear()
        for part in (self.shares, self._note, self._accuracy, self._distance, self.distances):
            part.hide()
        self.hide()

    @Slot(object)
    def add_round(self, compared: TwinsCompared) -> None:
        """Add the distance of one round; the first begins anew."""
        del self._rounds[compared.round :]
        self._rounds.append(compared.distance)
        show_distances(self.distances, self._rounds, compared.num_rounds)
        self._show(self.distances)

    def show_noise(self, noise: LearnedNoise) -> None:
        """Say how well the noise is learned, as soon as twins tell."""
        for said, text in ((self._accuracy, accuracy_text(noise)), (self._distance, distance_text(noise))):
            said.setText(text)
            if text:
                self._show(said)
        if not self._rounds and noise.distance is not None and noise.unfitted_distance is not None:
            # Of a stored noise the rounds between are not known.
            show_distances(self.distances, (noise.unfitted_distance, noise.distance), 1)
            self._show(self.distances)

    def show_gains(self, metrics: Mapping[str, float]) -> None:
        """Draw how far it pays, where a run's figures tell."""
        gains = gains_by_share(metrics)
        if gains:
            kept = metrics.get("share_of_way", 0.0)
            show_shares(self.shares, gains, kept)
            self._show(self.shares)
            self._note.setText(share_note(gains, kept, metrics))
            self._note.setToolTip(gain_tip(gains, kept))
            self._note.setVisible(bool(self._note.text()))

    def _show(self, part: QWidget) -> None:
        part.show()
        self.show()
