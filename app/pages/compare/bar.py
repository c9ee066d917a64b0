"""The slim bar above the comparison: how to look, at what, how close."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.core.actions import tip_with_keys
from app.core.programs.open_menu import OpenInButton, OtherPrograms
from app.core.settings import Settings
from app.look.buttons import icon_button, quiet_button, set_reason
from app.look.layouts import in_row
from app.look.text import ElidedLabel
from app.look.theme import SPACING, Theme, follow_theme, set_role, themed_icon
from app.look.translation import format_number, short_number, tr
from app.pages.compare.looks import LooksPanel
from app.pages.compare.offers import Offers, build_pane_menu
from app.pages.compare.panes import PaneChoice, PaneKind
from app.pages.shared.model_dialogs import ask_for_model_file
from app.pages.shared.photo_dialogs import ask_for_photos
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import GAINS, MAX_PANES
from app.viewer.view_modes import VIEW_MODES
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.overflow import OverflowButton

_LARGEST_CHIP_PX, _READABLE_CHIP_PX, _LEAST_CHIP_PX = 148, 90, 32


class PaneChip(QPushButton):
    """A button for one pane that shortens its text where there is little room."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "quiet")
        self.whole_text = text
        self._is_number_enough = False
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self.whole_text) + 4 * SPACING
        return QSize(min(width, Theme.of_application().px(_LARGEST_CHIP_PX)), super().sizeHint().height())

    def set_number_enough(self, is_enough: bool) -> None:
        """Let it shrink down to its number, or only as far as its name can be recognised."""
        if is_enough != self._is_number_enough:
            self._is_number_enough = is_enough
            self.updateGeometry()

    @property
    def readable_width(self) -> int:
        """How much its name needs to be recognised."""
        return min(self.sizeHint().width(), Theme.of_application().px(_READABLE_CHIP_PX))

    def minimumSizeHint(self) -> QSize:
        least = Theme.of_application().px(_LEAST_CHIP_PX) if self._is_number_enough else self.readable_width
        return QSize(least, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - 4 * SPACING + 2
        shortened = self.fontMetrics().elidedText(self.whole_text, Qt.TextElideMode.ElideRight, room)
        number = self.whole_text.split()[0]
        self.setText(shortened if len(shortened) >= len(number) + 5 else number)


class CompareBar(QWidget):
    """Modes, panes, gain, zoom, backdrop, export; follows the viewer.

    Signals:
        choices_changed(tuple): What the panes show, as `PaneChoice`s.
        compute_again_requested: Pictures that were stopped or have failed shall be made after all.
        export_requested: The composed view shall be saved.
        page_export_requested: A page with a slider shall be saved.
        inspect_requested: The residual inspector shall open.
        blind_requested: A blind test shall begin.
        region_toggled: What is in view shall be measured on its own, or no longer.
        restore_requested: The photo that is looked at shall be restored.
    """

    choices_changed = Signal(tuple)
    compute_again_requested = Signal()
    export_requested = Signal()
    page_export_requested = Signal()
    inspect_requested = Signal()
    blind_requested = Signal()
    region_toggled = Signal()
    restore_requested = Signal()

    def __init__(
        self, viewer: CompareViewer, programs: OtherPrograms, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._programs = programs
        self._settings = settings
        self._choices: tuple[PaneChoice, ...] = ()
        self._offers = Offers()
        self._is_blind = False
        self._chips: list[PaneChip] = []
        # What does not fit goes into the menu at the right end: the bar itself never widens the window.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = in_row(of=self, margins=(SPACING, SPACING // 2, SPACING, SPACING // 2), spacing=SPACING // 2)
        self.mode_buttons = self._build_modes(layout)
        layout.addSpacing(SPACING)
        self._chip_row = in_row(spacing=SPACING // 2)
        layout.addLayout(self._chip_row)
        self.add_button = icon_button("plus", tr("Add a pane"))
        self.add_button.clicked.connect(self._add_pane)
        layout.addWidget(self.add_button)
        layout.addStretch(1)
        self.gain_box = self._build_gain()
        layout.addWidget(self.gain_box)
        self._build_zoom(layout)
        self._build_view_buttons(layout)
        self._build_blind_button(layout)
        self._build_save_menu(layout)
        self.overflow = self._build_overflow(layout)
        viewer.state_changed.connect(self._follow_viewer)
        viewer.view_transform.changed.connect(self._show_zoom)
        self._follow_viewer()
        self._show_zoom()

    @property
    def chip_texts(self) -> list[str]:
        """What the pane buttons say."""
        return [chip.whole_text for chip in self._chips]

    @property
    def zoom_text(self) -> str:
        """The zoom that is shown."""
        return self._zoom.whole_text

    def show_choices(self, choices: Sequence[PaneChoice], offers: Offers) -> None:
        """Show what the panes show.

        Args:
            choices: One a pane.
            offers: What else they could show.
        """
        self._choices, self._offers = tuple(choices), offers
        if self.window().focusWidget() in self._chips:
            # Else it would leave the page with the button, and the page's keys would no longer work.
            self._viewer.setFocus()
        while self._chips:
            chip = self._chips.pop()
            self._chip_row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        for index, choice in enumerate(choices):
            self._chips.append(self._build_chip(index, choice))
            self._chip_row.addWidget(self._chips[-1])
            self._chips[-1].setVisible(not self._is_blind)
        is_full = len(choices) == MAX_PANES
        self._fit()
        full = tr("There can be {number} panes at most.").format(number=MAX_PANES)
        set_reason(self.add_button, full if is_full else "")

    def show_files(self, results: Sequence[Path], photos: Sequence[Path]) -> None:
        """Offer to open what is looked at in other programs; `show_choices` must follow.

        Args:
            results: What was restored of it.
            photos: The photo's file.
        """
        self.open_in_button.set_offers([(tr("Open the result in"), results), (tr("Open the photo in"), photos)])
        self.overflow.withdraw(self.open_in_button, self._is_blind or not self.open_in_button.is_offered)

    def set_blind(self, is_blind: bool) -> None:
        """Hide what would tell the pictures apart, for as long as a blind test runs."""
        self._is_blind = is_blind
        for chip in self._chips:
            chip.setVisible(not is_blind)
        self.add_button.setVisible(not is_blind)
        for control in (self.region_button, self.inspect_button, self.blind_button, self.save_button):
            self.overflow.withdraw(control, is_blind)
        self.overflow.withdraw(self.open_in_button, is_blind or not self.open_in_button.is_offered)
        for key, mode_button in self.mode_buttons.items():
            mode_button.setVisible(not (is_blind and VIEW_MODES[key].uses_gain))
        self._fit()

    def menu_of(self, index: int) -> QMenu:
        """Return the menu of one pane's button."""
        menu = self._chips[index].menu()
        assert isinstance(menu, QMenu)
        return menu

    def _build_modes(self, layout: QHBoxLayout) -> dict[str, QToolButton]:
        group = QButtonGroup(self)
        buttons: dict[str, QToolButton] = {}
        for key, mode in VIEW_MODES.items():
            tip = f"{tr(mode.title)}: {tr(mode.description)}"
            mode_button = icon_button(mode.icon, tip_with_keys(tip, mode.action))
            mode_button.setAccessibleName(tr(mode.title))
            mode_button.setCheckable(True)
            mode_button.clicked.connect(partial(self._viewer.set_mode, key))
            group.addButton(mode_button)
            layout.addWidget(mode_button)
            buttons[key] = mode_button
        return buttons

    def _build_gain(self) -> QComboBox:
        box = ElidedComboBox()
        box.setAccessibleName(tr("Gain"))
        box.setToolTip(tr("By how much differences are amplified ( [ and ] )"))
        for gain in GAINS:
            box.addItem(f"× {short_number(f'{gain:g}')}", gain)
        box.activated.connect(self._set_gain)
        return box

    def _build_zoom(self, layout: QHBoxLayout) -> None:
        transform = self._viewer.view_transform
        fit = icon_button("arrows-out", tip_with_keys(tr("Fit the photo into the pane"), "view.fit"))
        fit.clicked.connect(transform.fit)
        one_to_one = quiet_button("1:1")
        one_to_one.setToolTip(tip_with_keys(tr("One photo pixel to one screen pixel"), "view.one_to_one"))
        one_to_one.clicked.connect(lambda: transform.show_actual_size())
        one_to_one.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._zoom = ElidedLabel("", "caption")
        follow_theme(self._fit_zoom_label)
        for control in (fit, one_to_one, self._zoom):
            layout.addWidget(control)
        self._fit_button, self._actual_size_button = fit, one_to_one

    def _build_view_buttons(self, layout: QHBoxLayout) -> None:
        self.region_button = icon_button(
            "selection",
            tip_with_keys(tr("Measure a region: drag with Shift, or click for what is in view"), "view.region"),
        )
        self.region_button.setCheckable(True)
        self.region_button.clicked.connect(self.region_toggled)
        self._viewer.region_changed.connect(self._show_region)
        self.looks = LooksPanel(self._viewer, self)
        self.looks_button = icon_button("circle-half", tr("Background, exposure, false colours, flicker"))
        self.looks_button.clicked.connect(self._open_looks)
        self.histogram_button = icon_button(
            "chart-bar", tip_with_keys(tr("Histograms: how often each brightness occurs"), "view.histogram")
        )
        self.histogram_button.setCheckable(True)
        self.profile_button = icon_button(
            "chart-line",
            tip_with_keys(tr("Line profile, and mean and standard deviation of a region"), "view.profile"),
        )
        self.profile_button.setCheckable(True)
        tip = tr("Inspect the residual: was only noise taken away, or picture too?")
        self.inspect_button = icon_button("magnifying-glass", tip_with_keys(tip, "window.inspect_residual"))
        self.inspect_button.clicked.connect(self.inspect_requested)
        for control in (
            self.region_button,
            self.histogram_button,
            self.profile_button,
            self.inspect_button,
            self.looks_button,
        ):
            layout.addWidget(control)

    def _build_blind_button(self, layout: QHBoxLayout) -> None:
        tip = tr("Blind test: two of the pictures without their names; you say which is better")
        self.blind_button = icon_button("eye-closed", tip)
        self.blind_button.clicked.connect(self.blind_requested)
        layout.addWidget(self.blind_button)

    def _build_save_menu(self, layout: QHBoxLayout) -> None:
        self.save_button = icon_button("download-simple", tr("Save what is shown"))
        self.save_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.save_button, toolTipsVisible=True)
        as_picture = menu.addAction(themed_icon("image"), tr("This view as a picture (PNG)…"))
        as_picture.setToolTip(tip_with_keys(tr("Exactly what is on screen, captions and all"), "view.export"))
        as_picture.triggered.connect(lambda _=False: self.export_requested.emit())
        as_page = menu.addAction(themed_icon("browser"), tr("A page with a slider (HTML)…"))
        as_page.setToolTip(
            tip_with_keys(tr("One file with the whole pictures inside; opens in any browser"), "view.export_page")
        )
        as_page.triggered.connect(lambda _=False: self.page_export_requested.emit())
        self.save_button.setMenu(menu)
        layout.addWidget(self.save_button)
        self.open_in_button = OpenInButton(self._programs, tr("Open the photo or its result in another program"))
        layout.addWidget(self.open_in_button)

    def _build_overflow(self, layout: QHBoxLayout) -> OverflowButton:
        overflow = OverflowButton()
        layout.addWidget(overflow)
        overflow.watch(self._zoom)
        overflow.watch(self.blind_button, tr("Blind test"))
        overflow.watch(self.inspect_button, tr("Inspect the residual"))
        overflow.watch(self.open_in_button, tr("Open in another program"))
        overflow.watch(self._actual_size_button, tr("One photo pixel to one screen pixel"))
        overflow.watch(self._fit_button, tr("Fit the photo into the pane"))
        overflow.watch(self.region_button, tr("Measure what is in view"))
        overflow.watch(self.profile_button, tr("Line profile"))
        overflow.watch(self.histogram_button, tr("Histograms"))
        overflow.watch(self.save_button, tr("Save what is shown"))
        overflow.watch(self.looks_button, tr("Background, exposure, false colours, flicker"))
        return overflow

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Show what there is room for: names of the panes before what the overflow menu holds as well."""
        spacing = SPACING // 2
        fixed = [*self.mode_buttons.values(), self.add_button, self.gain_box]
        room = self.width() - 4 * SPACING
        room -= sum(control.sizeHint().width() + spacing for control in fixed if not control.isHidden())
        readable = sum(chip.readable_width + spacing for chip in self._chips if not chip.isHidden())
        least = self.overflow.sizeHint().width() + spacing
        for chip in self._chips:
            chip.set_number_enough(readable + least > room)
        self.overflow.fit(max(least, room - readable), spacing)

    @Slot()
    def _open_looks(self) -> None:
        self.looks.open_below(self.overflow if self.looks_button.isHidden() else self.looks_button)

    def _build_chip(self, index: int, choice: PaneChoice) -> PaneChip:
        chip = PaneChip(f"{index + 1}  {choice.short_title}")
        tip = tr("Pane {number}: {title}. Click to choose what it shows.")
        chip.setToolTip(tip.format(number=index + 1, title=choice.title))
        chip.setAccessibleName(chip.toolTip())
        menu = build_pane_menu(
            chip,
            self._offers,
            choice,
            choose=partial(self._choose, index),
            browse_picture=partial(self._browse_picture, index),
            browse_model=partial(self._browse_model, index),
            compute_again=self.compute_again_requested.emit,
            restore=self.restore_requested.emit,
            remove=partial(self._remove, index) if len(self._choices) > 1 else None,
        )
        chip.setMenu(menu)
        return chip

    def _choose(self, index: int, choice: PaneChoice) -> None:
        choices = list(self._choices)
        choices[index] = choice
        self.choices_changed.emit(tuple(choices))

    def _browse_picture(self, index: int) -> None:
        for path in ask_for_photos(self, tr("Choose a picture for this pane"), self._settings):
            self._choose(index, PaneChoice(PaneKind.FILE, path=path))

    def _browse_model(self, index: int) -> None:
        path = ask_for_model_file(self, tr("Choose a model for this pane"), self._settings)
        if path is not None:
            self._choose(index, PaneChoice(PaneKind.MODEL, path.stem, path))

    def _remove(self, index: int) -> None:
        self.choices_changed.emit(tuple(choice for i, choice in enumerate(self._choices) if i != index))

    @Slot()
    def _add_pane(self) -> None:
        """Add what is not shown yet."""
        self.choices_changed.emit((*self._choices, self._offers.first_new(self._choices)))

    @Slot(int)
    def _set_gain(self, row: int) -> None:
        self._viewer.set_gain(self.gain_box.itemData(row))

    @Slot()
    def _follow_viewer(self) -> None:
        viewer = self._viewer
        self.mode_buttons[viewer.mode_key].setChecked(True)
        self.gain_box.setCurrentIndex(self.gain_box.findData(viewer.gain))
        self.gain_box.setVisible(viewer.mode.uses_gain)
        self._fit()

    @Slot()
    def _show_region(self) -> None:
        self.region_button.setChecked(self._viewer.region is not None)

    @Slot()
    def _show_zoom(self) -> None:
        percent = self._viewer.view_transform.zoom * 100
        self._zoom.set_text(f"{format_number(percent, 0 if percent >= 10 else 1)} %")

    @Slot()
    def _fit_zoom_label(self) -> None:
        self._zoom.setFixedWidth(self._zoom.fontMetrics().horizontalAdvance("8888 %") + 4)
        QTimer.singleShot(0, self, self._fit)
