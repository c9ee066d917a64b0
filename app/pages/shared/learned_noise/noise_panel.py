"""What is known of the photos' noise before a training: level by brightness as a plot, grain and twins in words."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QWidget

from app.look.layouts import in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme, set_role
from app.look.translation import tr
from app.pages.shared.learned_noise.groups import NoiseGroup, noise_groups
from app.pages.shared.learned_noise.noise_look import NoiseLook
from app.pages.shared.learned_noise.plots import level_plot, show_levels, show_no_levels
from app.pages.shared.learned_noise.words import (
    accuracy_text,
    accuracy_tip,
    distance_text,
    distance_tip,
    grain_text,
    level_text,
)
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.photo import CameraFacts, PhotoRef
from engine.contracts.results import PhotosNoise

_PLOT_WIDTH_PX = 300
_LEAST_TEXT_PX = 260


class NoisePanel(QFrame):
    """Words left, the plot right; one below the other where there is no room for both.

    Attributes:
        group_box: Which of the photos are looked at: all, or those of one camera at one sensitivity.
        plot: Level by brightness.
    """

    def __init__(
        self, look: NoiseLook, camera_of: Callable[[PhotoRef], CameraFacts], parent: QWidget | None = None
    ) -> None:
        """Show nothing yet.

        Args:
            look: Finds out what is shown.
            camera_of: What the camera noted of a photo.
            parent: Its owner.
        """
        super().__init__(parent)
        set_role(self, "card")
        self.setAccessibleName(tr("What is known of the noise"))
        self._look = look
        self._camera_of = camera_of
        self._shown: PhotosNoise | None = None
        self._measured = ""
        self._groups: tuple[NoiseGroup, ...] = ()
        self._state = label("", "muted", wraps=True)
        self.group_box = ElidedComboBox()
        self.group_box.setAccessibleName(tr("Photos whose noise is shown"))
        self.group_box.activated.connect(self._show_group)
        self._level, self._grain = label("", wraps=True), label("", wraps=True)
        self._accuracy, self._distance = label("", wraps=True), label("", "muted", wraps=True)
        self._accuracy.setToolTip(accuracy_tip())
        self._distance.setToolTip(distance_tip())
        for said in (self._level, self._grain, self._accuracy, self._distance):
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = level_plot(ground="raised")
        self._words = QWidget()
        words = in_column(of=self._words, margins=0, spacing=SPACING // 2)
        for said in (self._level, self._grain, self._accuracy, self._distance):
            words.addWidget(said)
        words.addStretch()
        self._found = QWidget()
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._found)
        self._both.setContentsMargins(0, 0, 0, 0)
        self._both.setSpacing(2 * SPACING)
        self._both.addWidget(self._words, 1)
        self._both.addWidget(self.plot)
        top = in_row((label(tr("What is known of the noise"), "strong"), 1), self.group_box, spacing=2 * SPACING)
        in_column(top, self._state, self._found, of=self, margins=(2 * SPACING, SPACING + 4, 2 * SPACING, SPACING + 4))
        look.changed.connect(self.update_content)
        follow_theme(self._fit)
        self.update_content()

    @property
    def texts(self) -> tuple[str, ...]:
        """What is said, from top to bottom; empty while nothing is known."""
        if self._look.found is None:
            return ()
        said = (self._level, self._grain, self._accuracy, self._distance)
        return tuple(one.text() for one in said if not one.isHidden())

    @property
    def state(self) -> str:
        """What is being done meanwhile, or why nothing is known."""
        return "" if self._state.isHidden() else self._state.text()

    def show_measured(self, text: str) -> None:
        """Say what measuring the photos one by one has told, until more is known."""
        self._measured = text
        if self._look.found is None:
            self._level.setText(text)

    @Slot()
    def update_content(self) -> None:
        """Show what the look has found, or what it does."""
        found = self._look.found
        state = self._look.text
        if found is None and not state:
            state = tr("The noise is looked at as soon as nothing else computes.")
        self._state.setText(state)
        self._state.setVisible(bool(state))
        # Its place is kept for it, or the page would jump.
        self._found.setVisible(found is not None or not self._look.problem)
        if found is None:
            self._level.setText(self._measured)
            for said in (self._grain, self._accuracy, self._distance):
                said.hide()
            show_no_levels(self.plot)
        if found is not self._shown:
            self._shown = found
            self._groups = () if found is None else noise_groups(found.noise, [*map(self._camera_of, found.photos)])
            row = max(self.group_box.currentIndex(), 0)
            self.group_box.clear()
            self.group_box.addItems([group.title for group in self._groups])
            if found is not None:
                # What is put right by twins has the same photos, and mostly the same groups.
                row = row if row < len(self._groups) else 0
                self.group_box.setCurrentIndex(row)
                self._show_group(row)
        # A choice of one is no choice.
        self.group_box.setVisible(len(self._groups) > 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot(int)
    def _show_group(self, row: int) -> None:
        if self._shown is None:
            return
        noise, photos = self._shown.noise, self._groups[row].photos
        self._level.setText(level_text(noise, photos))
        self._grain.setText(grain_text(noise, photos))
        self._grain.show()
        for said, text in ((self._accuracy, accuracy_text(noise)), (self._distance, distance_text(noise))):
            said.setText(text)
            said.setVisible(bool(text))
        show_levels(self.plot, noise, photos)

    @Slot()
    def _fit(self) -> None:
        px = Theme.of_application().px
        has_room = self.width() >= px(_PLOT_WIDTH_PX + _LEAST_TEXT_PX) + 6 * SPACING
        self._both.setDirection(QBoxLayout.Direction.LeftToRight if has_room else QBoxLayout.Direction.TopToBottom)
        self.plot.setMinimumWidth(px(_PLOT_WIDTH_PX) if has_room else 0)
        self.plot.setMaximumWidth(px(_PLOT_WIDTH_PX) if has_room else 16_777_215)
        self.updateGeometry()
