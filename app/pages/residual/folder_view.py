"""What contrastive learning sees in a folder: how far the noises of crops are apart, as a matrix."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSpinBox, QWidget

from app.look.buttons import button, set_reason
from app.look.layouts import Gap, Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.pages.residual.plots import distance_map, show_distances
from app.widgets.room.fitting_grid import FittingGrid
from engine.residuals.distances import NoiseComparison

DEFAULT_PHOTOS, MAX_PHOTOS = 8, 24
DEFAULT_CROPS, MAX_CROPS = 3, 6


class FolderNoiseView(QWidget):
    """The matrix of distances between crops, on demand: the model has to look at several photos for it.

    Attributes:
        num_photos: How many photos to compare.
        num_crops: How many crops of each.
        compare_button: Starts the comparison; disabled with the reason as its tooltip.
        matrix: The distances.
        sentence: What they say, or why there are none.

    Signals:
        comparison_requested: The button was clicked.
    """

    comparison_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.num_photos = _spin_box(tr("Photos to compare"), DEFAULT_PHOTOS, MAX_PHOTOS)
        self.num_crops = _spin_box(tr("Crops of each photo"), DEFAULT_CROPS, MAX_CROPS)
        self.compare_button = button(tr("Compare noises"), "grid-four")
        self.compare_button.clicked.connect(self.comparison_requested)
        self._reason = label("", "muted", wraps=True)
        self.sentence = label("", "strong", wraps=True)
        self.sentence.hide()
        self.matrix = distance_map()
        self.matrix.hide()
        explanation = label(
            tr(
                "Contrastive learning teaches a network that the noise of two places of one photo is alike (positives, "
                "the blocks along the diagonal) and that of different photos is not (negatives, all else). Dark is "
                "alike: dark blocks on a bright ground are what it can learn from."
            ),
            "muted",
            wraps=True,
        )
        numbers, start = QWidget(), QWidget()
        in_row(
            label(tr("Photos")),
            self.num_photos,
            Gap(SPACING),
            label(tr("Crops of each")),
            self.num_crops,
            Stretch(1),
            of=numbers,
            margins=0,
        )
        in_row(self.compare_button, (self._reason, 1), of=start, margins=0)
        row = FittingGrid((numbers, start), most_columns=2, spacing_px=2 * SPACING)
        in_column(
            explanation,
            row,
            self.sentence,
            (self.matrix, 1),
            # What takes the room while there is no matrix.
            Stretch(),
            of=self,
            margins=0,
            spacing=2 * SPACING,
        )

    def show_readiness(self, reason: str, note: str) -> None:
        """Enable the button, or say why it cannot be pressed.

        Args:
            reason: Why not; "" if it can.
            note: Beside the button otherwise: which model will look at the photos.
        """
        set_reason(self.compare_button, reason)
        self._reason.setText(reason or note)

    def show_comparison(self, comparison: NoiseComparison) -> None:
        """Show a matrix and what it says."""
        self.sentence.setText(translate_engine(comparison.sentence))
        self.sentence.show()
        self.matrix.show()
        show_distances(self.matrix, comparison)

    def show_failure(self, sentence: str) -> None:
        """Say why there is no matrix."""
        self.matrix.hide()
        self.sentence.setText(sentence)
        self.sentence.show()

    def clear(self) -> None:
        """Show no matrix."""
        self.sentence.hide()
        self.matrix.hide()


def _spin_box(name: str, value: int, most: int) -> QSpinBox:
    result = QSpinBox()
    result.setRange(2, most)
    result.setValue(value)
    result.setAccessibleName(name)
    return result
