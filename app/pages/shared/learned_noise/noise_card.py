"""The noise that a run has learned, in full: level, grain, twins, and how far the refinement paid."""

from collections.abc import Mapping

from PySide6.QtWidgets import QWidget

from app.look.layouts import Stretch, in_column
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr
from app.pages.shared.learned_noise.noise_story import NoiseStory
from app.pages.shared.learned_noise.plots import level_plot, show_levels
from app.pages.shared.learned_noise.words import distance_text, grain_text, level_figures, level_text
from engine.contracts.learned_noise import LearnedNoise


class NoiseCard(QWidget):
    """Plots below one another, for a tab that scrolls.

    Attributes:
        levels: Level by brightness.
        story: Twins and gain.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level, self._grain = label("", wraps=True), label("", "muted", wraps=True)
        self.levels = level_plot(title=tr("Level of the noise by brightness"))
        self.story = NoiseStory()
        in_column(
            self._level, self._grain, self.levels, self.story, Stretch(), of=self, margins=(0, SPACING, SPACING, 0)
        )

    def show_noise(self, noise: LearnedNoise | None, metrics: Mapping[str, float]) -> None:
        """Show what a run has learned.

        Args:
            noise: None for a run that learned none.
            metrics: Of the run.
        """
        self.story.clear()
        if noise is None:
            return
        everything = range(len(noise.photos))
        self._level.setText(level_text(noise, everything))
        self._grain.setText(grain_text(noise, everything))
        show_levels(self.levels, noise, everything)
        self.story.show_noise(noise)
        self.story.show_gains(metrics)


def noise_facts(noise: LearnedNoise) -> dict[str, str]:
    """Return the figures of a learned noise by name, for a list of facts."""
    everything = range(len(noise.photos))
    accuracy = "" if noise.accuracy is None else tr("{share} % of the twins").format(share=round(100 * noise.accuracy))
    return {
        tr("Level"): level_figures(noise, everything),
        tr("Grain"): grain_text(noise, everything),
        tr("Find their photo"): accuracy,
        tr("Distance"): distance_text(noise),
    }
