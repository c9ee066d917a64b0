"""The settings of a label-budget experiment: what to compare, how often, with how much time."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QWidget,
)

from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import mark, tr, translate_engine
from app.pages.training.setup.panel import captioned, lay_out_above_controls
from app.pages.training.setup.preset_cards import preset_cards
from app.widgets.config_form import ConfigForm
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.fitting_grid import FittingGrid
from engine.contracts.configs import Preset
from engine.contracts.label_budget import LabelBudgetConfig

DEFAULT_METHODS = ("scratch", "rcl", "starter", "own-noise")
_DEFAULT_COUNTS = (0, 1, 2, 5, "all")
_METHODS_A_ROW = 2

_METHOD_TIPS: Mapping[str, str] = {
    "scratch": mark("Labels alone, from fresh weights: what any other method has to beat."),
    "rcl": mark("Learns from all noisy photos first (residual contrastive learning), then from the labels."),
    "starter": mark("Begins with the model that ships with the program, then learns from the labels."),
    "own-noise": mark("Begins with the shipped model, learns the noise of all photos, then from the labels."),
    "starter+rcl": mark("Begins with the shipped model, learns from all noisy photos, then from the labels."),
    "suggested": mark("As RCL, but labels the photos that the program suggests rather than any."),
}


class BudgetSetupView(QWidget):
    """Methods, label counts, repetitions, preset, and earlier experiments.

    Attributes:
        form: Label counts, repetitions and steps.
        cards: The preset.
        start_button: Starts it; disabled with the reason as its tooltip.
        earlier: Folders of earlier experiments.
        open_button: Opens the chosen one.

    Signals:
        edited: Some setting is another.
        start_requested: The start button was clicked.
        labels_requested: The Labels page shall be shown.
        open_requested: An earlier experiment shall be opened (a Path).
    """

    edited = Signal()
    start_requested = Signal()
    labels_requested = Signal()
    open_requested = Signal(object)

    def __init__(self, method_titles: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method_boxes: dict[str, QCheckBox] = {}
        for name, title in method_titles.items():
            box = QCheckBox(translate_engine(title))
            box.setChecked(name in DEFAULT_METHODS)
            box.setToolTip(tr(_METHOD_TIPS.get(name, "")))
            box.toggled.connect(self.edited)
            self.method_boxes[name] = box
        self.form = ConfigForm(
            LabelBudgetConfig,
            fields=("labels", "seeds", "steps"),
            has_preset=False,
            empty_texts={"steps": tr("By the preset")},
        )
        self.form.set_values({"labels": _DEFAULT_COUNTS})
        self.cards = preset_cards(tr("Time for each training"))
        self.cards.choose(Preset.QUICK.value)
        self.earlier = ElidedComboBox()
        self.earlier.setAccessibleName(tr("Earlier experiments"))
        self.earlier.setMinimumContentsLength(12)
        self.earlier.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.open_button = button(tr("Open it"), "folder-open")
        self._earlier_row = QWidget()
        in_row(
            label(tr("Earlier experiments")),
            (self.earlier, 1),
            self.open_button,
            of=self._earlier_row,
            margins=0,
            spacing=None,
        )
        self._preflight = label("", "muted", wraps=True)
        self._labels_button = button(tr("Go to Labels"))
        self.start_button = primary_button(tr("Start the experiment"))
        content = QWidget()
        in_column(
            label(tr("Was it worth it?"), "title"),
            label(
                tr(
                    "Trains the same network in several ways, with none, a few and all of your labels and always in as "
                    "many steps, and measures each on photos that taught nobody. It shows whether pretraining pays on "
                    "your photos, and how many labels are worth making."
                ),
                "muted",
                wraps=True,
            ),
            self._earlier_row,
            captioned({tr("Compare"): FittingGrid(tuple(self.method_boxes.values()), _METHODS_A_ROW, 3 * SPACING)}),
            self.form,
            label(tr("Time for each training"), "section"),
            self.cards,
            Stretch(),
            of=content,
            margins=(3 * SPACING, 2 * SPACING, 3 * SPACING, 2 * SPACING),
            spacing=2 * SPACING,
        )
        lay_out_above_controls(self, content, self._preflight, (self._labels_button, self.start_button))
        self.form.edited.connect(lambda _: self.edited.emit())
        self.cards.chosen.connect(self.edited)
        self.start_button.clicked.connect(self.start_requested)
        self._labels_button.clicked.connect(self.labels_requested)
        self.open_button.clicked.connect(self._open)
        self.show_earlier(())

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods to compare, by name."""
        return tuple(name for name, box in self.method_boxes.items() if box.isChecked())

    @property
    def preset(self) -> Preset:
        """How much time each training may take."""
        return Preset(self.cards.value)

    def show_earlier(self, experiments: Sequence[tuple[str, Path]]) -> None:
        """Offer earlier experiments, with their titles; the newest first."""
        self.earlier.clear()
        for title, folder in experiments:
            self.earlier.addItem(title, str(folder))
        self._earlier_row.setVisible(bool(experiments))

    def show_readiness(self, reason: str, text: str, tip: str = "", *, needs_labels: bool) -> None:
        """Enable the start button, or say why it cannot be pressed.

        Args:
            reason: Why not; "" if it can.
            text: To its left: what will happen.
            tip: Where the time in it comes from.
            needs_labels: Whether the Labels page is where to mend it.
        """
        set_reason(self.start_button, reason)
        self._preflight.setText(reason or text)
        self._preflight.setToolTip("" if reason else tip)
        self._labels_button.setVisible(needs_labels)

    @Slot()
    def _open(self) -> None:
        folder = self.earlier.currentData()
        if folder:
            self.open_requested.emit(Path(folder))
