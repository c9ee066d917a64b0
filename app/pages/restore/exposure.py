"""How bright the photo is shown: a slider in a menu, for looking only. Nothing of it reaches a file."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QSlider, QToolButton, QWidget, QWidgetAction

from app.core.actions import tip_with_keys
from app.look.buttons import icon_button, quiet_button
from app.look.layouts import in_column
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.translation import short_number, signed_number, tr

_STEPS_PER_STOP = 4
_STEPS_PER_KEY = 2
_REACH_STOPS = 5
_SLIDER_PX = 180


class ExposureMenu(QObject):
    """A button with a slider in its menu.

    Attributes:
        button: Opens the menu.
        slider: In quarters of a stop.

    Signals:
        changed(float): The photo shall be shown brighter by so many doublings of light.
    """

    changed = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        tip = tr("Shows the photo brighter or darker, before and after; never saved in a file")
        self.button = icon_button("sun", tip_with_keys(tip, "view.brighter"))
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-_REACH_STOPS * _STEPS_PER_STOP, _REACH_STOPS * _STEPS_PER_STOP)
        self.slider.setMinimumWidth(Theme.of_application().px(_SLIDER_PX))
        self.slider.setAccessibleName(tr("Exposure"))
        self.slider.setToolTip(tip)
        self._number = label("")
        reset = quiet_button(tr("As it was taken"), "arrow-counter-clockwise")
        reset.setToolTip(tip_with_keys(tr("Puts the exposure back"), "view.reset_looking"))
        reset.clicked.connect(self.reset)
        holder = QWidget()
        in_column(
            self._number,
            self.slider,
            (reset, 0, Qt.AlignmentFlag.AlignLeft),
            label(tr("For looking only: nothing of this is saved in a photo."), "caption"),
            of=holder,
            margins=(2 * SPACING, SPACING, 2 * SPACING, SPACING),
        )
        menu = QMenu(self.button)
        action = QWidgetAction(menu)
        action.setDefaultWidget(holder)
        menu.addAction(action)
        menu.aboutToShow.connect(self.slider.setFocus)
        self.button.setMenu(menu)
        self.slider.valueChanged.connect(self._take)
        self._show()

    @property
    def stops(self) -> float:
        """By how many doublings of light the photo is shown brighter."""
        return self.slider.value() / _STEPS_PER_STOP

    @property
    def note(self) -> str:
        """The same for the caption; "" where the photo is shown as it is."""
        return tr("{stops} EV").format(stops=short_number(f"{self.stops:+.3g}")) if self.stops else ""

    def step(self, direction: int) -> None:
        """Show the photo brighter (1) or darker (-1) by half a stop."""
        self.slider.setValue(self.slider.value() + direction * _STEPS_PER_KEY)

    @Slot()
    def reset(self) -> None:
        """Show the photo as it is."""
        self.slider.setValue(0)

    @Slot()
    def _take(self) -> None:
        self._show()
        self.changed.emit(self.stops)

    def _show(self) -> None:
        stops = tr("{stops} EV").format(stops=signed_number(self.stops, 2))
        self._number.setText(f"{tr('Exposure')}  {stops}")
