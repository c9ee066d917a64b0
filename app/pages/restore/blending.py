"""The sliders for how much noise goes: luminance, colour, and the detail that comes back; presets and a suggestion."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QSizePolicy, QSlider, QWidget

from app.look.buttons import button, quiet_button, set_reason
from app.look.layouts import Gap, in_column, in_row
from app.look.phrases import NO_BREAK, number
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.restore.blends import SHIPPED_PRESETS, BlendChoices
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.blending import FULL, Blend, suggested_blend
from engine.contracts.noise import LEVELS, NoiseEstimate, noise_word

_STEPS = 100


class BlendControls(QWidget):
    """Three sliders, presets, and what the photo's own noise suggests.

    Signals:
        blend_chosen(Blend): The person set another blend.
        copy_requested: The other photos shown shall have this one.

    Attributes:
        sliders: By the name of the share in `Blend`, 0 to 100.
        preset_box: Ready-made settings, the person's own, and what keeps and forgets these.
        suggestion: What the noise suggests, as a sentence; hidden where that is what is set.
        suggestion_button: Sets it.
        copy_button: Gives the blend to the other photos shown.
    """

    blend_chosen = Signal(object)
    copy_requested = Signal()

    def __init__(self, choices: BlendChoices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices = choices
        self._blend = FULL
        self._preset_name = ""
        self._has_colour = True
        self._noise: NoiseEstimate | None = None
        names = {"luminance": tr("Luminance noise"), "colour": tr("Colour noise"), "detail": tr("Detail given back")}
        tips = {
            "luminance": tr(
                "How much of the grain in brightness goes. 0 % keeps all of it, 100 % is the full restoration. Of raw "
                "files 0 % of this and of colour is plain interpolation (demosaicking) without a network."
            ),
            "colour": tr(
                "How much of the coloured speckles goes (chroma noise). They are seldom missed: leave this at 100 % "
                "and lower luminance to keep a grain like that of film."
            ),
            "detail": tr(
                "Gives back the finest of what went with the luminance noise: fine texture and fine grain. 0 % gives "
                "nothing back."
            ),
        }
        self.sliders = {name: _slider(names[name], tip) for name, tip in tips.items()}
        self._percents = {name: label("") for name in tips}
        for name, slider in self.sliders.items():
            slider.valueChanged.connect(partial(self._take, name))
        self.preset_box = ElidedComboBox()
        self.preset_box.setSizeAdjustPolicy(ElidedComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.preset_box.setMinimumContentsLength(6)
        self.preset_box.setAccessibleName(tr("Presets"))
        self.preset_box.setToolTip(tr("Ready-made settings, and your own."))
        self.preset_box.activated.connect(self._choose_preset)
        self.suggestion = label("", "muted", wraps=True)
        self.suggestion_button = quiet_button(tr("Set it"))
        self.suggestion_button.clicked.connect(self._take_suggestion)
        self.copy_button = button("")
        self.copy_button.setToolTip(
            tr("Give luminance, colour and detail of this photo to all others that the list shows.")
        )
        self.copy_button.clicked.connect(self._copy)
        self._build(names)
        choices.presets_changed.connect(self._fill_presets)
        self._update()

    @property
    def blend(self) -> Blend:
        """What is set."""
        return self._blend

    def show_blend(self, blend: Blend) -> None:
        """Show what is set for a photo."""
        self._blend = blend
        self._update()

    def show_photo_facts(self, *, has_colour: bool, noise: NoiseEstimate | None) -> None:
        """Fit what can be set to the photo.

        Args:
            has_colour: Whether it has colours.
            noise: As measured; None: nothing is suggested.
        """
        if (has_colour, noise) != (self._has_colour, self._noise):
            self._has_colour, self._noise = has_colour, noise
            self._update()

    def show_others(self, num_others: int, *, are_alike: bool) -> None:
        """Say how many other photos are shown.

        Args:
            num_others: Photos of the list beside the one that is looked at.
            are_alike: Whether all of them have the same blend.
        """
        self.copy_button.setVisible(num_others > 0)
        text = tr_count("Copy to the {number} other shown", "Copy to the {number} others shown", num_others)
        self.copy_button.setText(text.format(number=format_number(num_others)))
        set_reason(self.copy_button, tr("All photos shown are set like this already.") if are_alike else "")

    def _build(self, names: dict[str, str]) -> None:
        layout = in_column(
            label(tr("How much noise goes"), "caption"),
            self.preset_box,
            Gap(SPACING // 2),
            of=self,
            margins=0,
            spacing=SPACING // 4,
        )
        for name, slider in self.sliders.items():
            line = QHBoxLayout()
            caption = label(names[name])
            caption.setBuddy(slider)
            line.addWidget(caption, 1)
            line.addWidget(self._percents[name])
            layout.addLayout(line)
            layout.addWidget(slider)
        suggestion = in_row((self.suggestion, 1), spacing=SPACING // 2)
        self.suggestion_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        suggestion.addWidget(self.suggestion_button)
        layout.addLayout(suggestion)
        layout.addSpacing(SPACING // 2)
        layout.addWidget(self.copy_button)

    @Slot()
    def _fill_presets(self) -> None:
        box = self.preset_box
        box.clear()
        own = self._choices.presets
        for name, blend in (*((tr(name), blend) for name, blend in SHIPPED_PRESETS), *own):
            box.addItem(name, blend)
        alike = [row for row in range(box.count()) if box.itemData(row) == self._blend]
        # Of several presets that set the same, the one that was chosen: only what is shown can be removed.
        shown = next((row for row in alike if box.itemText(row) == self._preset_name), alike[0] if alike else -1)
        if shown < 0:
            box.insertItem(0, tr("As set below"), self._blend)
            shown = 0
        own_name = box.itemText(shown) if (box.itemText(shown), self._blend) in own else ""
        box.insertSeparator(box.count())
        box.addItem(tr("Save as a preset…"), self._save_preset)
        if own_name:
            box.addItem(tr("Remove this preset"), partial(self._choices.remove_preset, own_name))
        box.setCurrentIndex(shown)

    @Slot(int)
    def _choose_preset(self, row: int) -> None:
        chosen = self.preset_box.itemData(row)
        if isinstance(chosen, Blend):
            self._preset_name = self.preset_box.itemText(row)
            self._choose(chosen)
        elif callable(chosen):
            chosen()
            self._fill_presets()

    def _save_preset(self) -> None:
        name, is_accepted = QInputDialog.getText(self, tr("Save as a preset"), tr("Name"))
        if is_accepted and name.strip():
            self._preset_name = name.strip()
            self._choices.save_preset(self._preset_name, self._blend)

    def _take(self, name: str, percent: int) -> None:
        self._choose(replace(self._blend, **{name: percent / _STEPS}))

    @Slot()
    def _take_suggestion(self) -> None:
        suggested = self._suggested
        # The button is about to go, and the focus with it.
        self.sliders["luminance"].setFocus()
        if suggested is not None:
            self._choose(suggested)

    @Slot()
    def _copy(self) -> None:
        self.sliders["luminance"].setFocus()
        self.copy_requested.emit()

    def _choose(self, blend: Blend) -> None:
        self._blend = blend
        self._update()
        self.blend_chosen.emit(blend)

    @property
    def _suggested(self) -> Blend | None:
        """What the noise suggests, where it is not what is set nor what is usual."""
        if self._noise is None:
            return None
        suggested = suggested_blend(self._noise)
        if not self._has_colour:
            # The colours of other photos stay as they are set.
            suggested = replace(suggested, colour=self._blend.colour)
        return None if suggested.luminance == 1 or suggested == self._blend else suggested

    def _update(self) -> None:
        for name, slider in self.sliders.items():
            percent = round(getattr(self._blend, name) * _STEPS)
            with QSignalBlocker(slider):
                slider.setValue(percent)
            self._percents[name].setText(f"{number(percent)}{NO_BREAK}%")
        gray = tr("This photo is gray: it has no colour noise.")
        set_reason(self.sliders["colour"], "" if self._has_colour else gray)
        nothing = tr("No luminance noise is taken away, so there is nothing to give back.")
        set_reason(self.sliders["detail"], "" if self._blend.luminance else nothing)
        self._fill_presets()
        self._show_suggestion()

    def _show_suggestion(self) -> None:
        suggested = self._suggested
        for part in (self.suggestion, self.suggestion_button):
            part.setVisible(suggested is not None)
        if suggested is None or self._noise is None:
            return
        noise = translate_engine(noise_word(self._noise.seen_sigma))
        if suggested.is_even or not self._has_colour:
            text = tr("{noise}: {luminance} % suggested.")
        else:
            text = tr("{noise}: luminance {luminance} %, colour {colour} % suggested.")
        shares = {name: number(round(share * _STEPS)) for name, share in suggested.as_fields.items()}
        self.suggestion.setText(text.format(noise=noise, **shares))
        tip = tr(
            "The photo's noise was measured as {sigma} of {levels}. Where there is so little, a full restoration takes "
            "fine texture along."
        ).format(sigma=number(self._noise.sigma * LEVELS, 1), levels=LEVELS)
        self.suggestion.setToolTip(tip)
        self.suggestion_button.setToolTip(tip)
        self.suggestion_button.setAccessibleName(f"{tr('Set it')}: {self.suggestion.text()}")


def _slider(name: str, tip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, _STEPS)
    slider.setPageStep(_STEPS // 10)
    slider.setAccessibleName(name)
    slider.setToolTip(tip)
    return slider
