"""Black and white by hand: of a photo, a folder or all, for each channel or all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QColor, QIcon, QPixmap, QUndoCommand
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QWidget,
)

from app.core.actions import tip_with_keys
from app.core.session import Session
from app.core.shown_channel import shown_channel
from app.jobs.latest_task import LatestTask
from app.look.buttons import button, close_row, primary_button
from app.look.layouts import in_column, in_row
from app.look.palette import Palette
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.translation import mark, short_number, tr, translate_engine
from app.widgets.elided_box import ElidedComboBox
from app.widgets.field_editors import FloatEditor
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot
from app.window.picture_numbers import ChannelNumbers, PictureNumbers, read_numbers
from engine.contracts.given_levels import GivenLevels, levels_for
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place

COLOURS: Final = ("#e5484d", "#46a758", "#3e8ef7")
"""Red, green and blue, to be read on a dark ground and on a light one."""

_COLOUR_NAMES: Final = (mark("Red"), mark("Green"), mark("Blue"))
_WIDTH_PX, _HEIGHT_PX = 620, 560
_NUM_BINS: Final = 160
_MARGIN: Final = 0.08
"""Of the span that is shown, to either side."""


class LevelsDialog(QDialog):
    """Follows the photo that is looked at; what is applied can be undone.

    Attributes:
        place_box: For which photos it counts.
        channel_box: For which channel.
        measured_choice: As it is measured.
        given_choice: As the fields say.
        black_editor: In the numbers of the file.
        white_editor: In the numbers of the file.
        alone_box: Whether the channel is looked at alone.
        apply_button: Lets it count.
        given_list: What is given for which photos.
        remove_button: Takes the chosen row back.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Black and white"))
        self._session = session
        self._numbers: PictureNumbers | None = None
        self._reading = LatestTask(self, finished=self._take, failed=self._tell_failure)
        self._name = label("", "section")
        self.place_box, self.channel_box = ElidedComboBox(), ElidedComboBox()
        self.place_box.setAccessibleName(tr("For which photos"))
        self.channel_box.setAccessibleName(tr("Channel"))
        self.alone_box = QCheckBox(tr("Show it alone"))
        self.alone_box.setToolTip(
            tip_with_keys(tr("Show this channel alone on all pages, or all channels together"), "window.channels")
        )
        self.measured_choice = QRadioButton(tr("Measured"))
        self.given_choice = QRadioButton(tr("By hand"))
        self.black_editor, self.white_editor = FloatEditor(), FloatEditor()
        self.black_editor.setAccessibleName(tr("Black"))
        self.white_editor.setAccessibleName(tr("White"))
        self._problem = label("", "warning", wraps=True)
        self._problem.hide()
        self.apply_button = primary_button(tr("Apply"))
        self.given_list = QListWidget()
        self.remove_button = button(tr("Measure again"), "arrow-counter-clockwise")
        self._plot = ThemedPlot(
            "",
            tr("number in the file"),
            tr("pixels"),
            tr("How often each number occurs in this channel, and between which two it is shown and restored."),
        )
        self._range = pg.LinearRegionItem(swapMode="block")
        self._range.sigRegionChanged.connect(self._take_range)
        self._lay_out()
        self._connect()
        self._follow_channel()
        self._follow()

    def is_busy(self) -> bool:
        """Whether the photo is still being read."""
        return self._reading.is_busy

    def done(self, result: int) -> None:
        self._reading.let_go()
        super().done(result)

    def choose(self, *, place: int, channel: int = 0) -> None:
        """Choose for what it shall count.

        Args:
            place: 0: this photo, 1: its folder, 2: all photos.
            channel: From 1; 0: all channels.
        """
        self.place_box.setCurrentIndex(place)
        self.channel_box.setCurrentIndex(self.channel_box.findData(channel))
        self._show_what_counts()

    @Slot()
    def apply(self) -> None:
        """Let what is set count for what is chosen."""
        place, channel = self._place, self._channel
        kept = [one for one in self._session.levels if (one.place, one.channel) != (place, channel)]
        if self.given_choice.isChecked():
            black, white = self.black_editor.value(), self.white_editor.value()
            try:
                if isinstance(black, str) or isinstance(white, str):
                    raise ValueError
                kept.append(GivenLevels(black=black, white=white, place=place, channel=channel))
            except ValueError:
                self._say(tr("White must be a number above black, both as they stand in the file."))
                return
        self._say("")
        self._session.undo_stack.push(SetLevels(self._session, tuple(kept)))

    @Slot()
    def _remove(self) -> None:
        rows = {index.row() for index in self.given_list.selectedIndexes()}
        kept = tuple(one for row, one in enumerate(self._session.levels) if row not in rows)
        if kept != self._session.levels:
            self._session.undo_stack.push(SetLevels(self._session, kept))

    @property
    def _place(self) -> PhotoPlace | None:
        data = self.place_box.currentData()
        return data if isinstance(data, Path | PhotoRef) else None

    @property
    def _channel(self) -> int:
        return int(self.channel_box.currentData() or 0)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * SPACING)
        grid.setVerticalSpacing(SPACING)
        grid.setColumnStretch(1, 1)
        by_hand = in_row(self.given_choice)
        for text, editor in ((tr("Black"), self.black_editor), (tr("White"), self.white_editor)):
            caption = label(text, "muted")
            caption.setBuddy(editor)
            by_hand.addWidget(caption)
            by_hand.addWidget(editor, 1)
        for row, (text, control) in enumerate(
            ((tr("For"), self.place_box), (tr("Channel"), self.channel_box), ("", self.measured_choice))
        ):
            grid.addWidget(label(text), row, 0)
            grid.addWidget(control, row, 1, 1, 1 if control is self.channel_box else 2)
        grid.addWidget(self.alone_box, 1, 2)
        grid.addLayout(by_hand, 3, 1, 1, 2)
        given = QHBoxLayout()
        self.given_list.setAccessibleName(tr("What is given by hand"))
        self.given_list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        # What is longer is broken, or cut off and told by its tip: a bar would take a third of the few rows.
        self.given_list.setWordWrap(True)
        self.given_list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.given_list.setMaximumHeight(Theme.of_application().px(84))
        given.addWidget(self.given_list, 1)
        given.addWidget(self.remove_button, alignment=Qt.AlignmentFlag.AlignTop)
        bottom = close_row(self)
        self.apply_button.setDefault(True)
        bottom.addWidget(self.apply_button)
        note = tr(
            "Which numbers of the files are black and white: to show photos, to judge their noise, to train and to "
            "restore. Results are written in the numbers of their file, and the files stay as they are."
        )
        in_column(
            self._name,
            label(note, "caption", wraps=True),
            grid,
            self._problem,
            (self._plot, 1),
            given,
            bottom,
            of=self,
            margins=2 * SPACING,
        )
        px, available = Theme.of_application().px, self.screen().availableSize()
        self.resize(QSize(px(_WIDTH_PX), px(_HEIGHT_PX)).boundedTo(available - QSize(40, 80)))

    def _connect(self) -> None:
        self._session.current_photo_changed.connect(self._follow)
        self._session.levels_changed.connect(self._follow)
        self.place_box.activated.connect(self._show_what_counts)
        self.channel_box.activated.connect(self._show_what_counts)
        self.channel_box.activated.connect(self._show_alone)
        self.alone_box.clicked.connect(self._show_alone)
        self._session.shown_channel_changed.connect(self._follow_channel)
        for choice in (self.measured_choice, self.given_choice):
            choice.toggled.connect(self._show_choice)
        for editor in (self.black_editor, self.white_editor):
            editor.edited.connect(self._take_numbers)
        self.apply_button.clicked.connect(self.apply)
        self.remove_button.clicked.connect(self._remove)
        self.given_list.itemSelectionChanged.connect(
            lambda: self.remove_button.setEnabled(bool(self.given_list.selectedItems()))
        )

    @Slot()
    def _follow(self) -> None:
        """Show what counts for the photo that is looked at now."""
        self._list_given()
        photo = self._session.shown_photo
        self._name.setText(photo.name if photo is not None else tr("No photo is chosen"))
        self._list_places(photo)
        if self._numbers is not None and self._numbers.photo == photo:
            # Another one may be on its way.
            self._reading.cancel()
        else:
            self._numbers = None
            if photo is None:
                self._reading.cancel()
            else:
                self._reading.submit(lambda: read_numbers(photo))
        self._show_what_counts()

    def _list_places(self, photo: PhotoRef | None) -> None:
        row = max(self.place_box.currentIndex(), 0)
        self.place_box.clear()
        if photo is not None:
            file = PhotoRef(photo.file)
            self.place_box.addItem(tr("{name} alone").format(name=file.name), photo_place(file.absolute()))
            folder = file.file.absolute().parent
            self.place_box.addItem(tr("All photos in “{folder}”").format(folder=folder.name), folder)
        self.place_box.addItem(tr("All photos"), None)
        self.place_box.setCurrentIndex(min(row, self.place_box.count() - 1))

    def _list_given(self) -> None:
        self.given_list.clear()
        for one in self._session.levels:
            item = QListWidgetItem(_told(one))
            item.setToolTip(one.as_text)
            self.given_list.addItem(item)
        if not self._session.levels:
            item = QListWidgetItem(tr("Nothing is given by hand: all photos are measured."))
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            # A styled row has the height of one line, whatever is broken in it.
            item.setSizeHint(QSize(0, 2 * self.fontMetrics().lineSpacing() + SPACING))
            self.given_list.addItem(item)
        self.remove_button.setEnabled(False)

    @Slot(object)
    def _take(self, numbers: PictureNumbers) -> None:
        self._numbers = numbers
        row, num_rows = self.channel_box.currentIndex(), self.channel_box.count()
        self.channel_box.clear()
        num = len(numbers.channels)
        if num > 1:
            self.channel_box.addItem(tr("All channels"), 0)
            for index in range(num):
                name = tr("Channel {number}").format(number=index + 1)
                if numbers.are_colours:
                    name = tr(_COLOUR_NAMES[index])
                elif numbers.described[index : index + 1] and numbers.described[index].name:
                    name = f"{name} · {numbers.described[index].name}"
                self.channel_box.addItem(_patch(self._colour(index)), name, index + 1)
        else:
            self.channel_box.addItem(tr("It has one"), 0)
        self.channel_box.setEnabled(num > 1)
        self.channel_box.setCurrentIndex(row if self.channel_box.count() == num_rows else 0)
        self._follow_channel()
        self._show_what_counts()

    @Slot()
    def _show_alone(self) -> None:
        """Look at the chosen channel alone, or at all of them."""
        numbers = self._numbers
        if numbers is None or not numbers.described:
            return
        if not self.alone_box.isChecked():
            self._session.set_shown_channel(0)
        else:
            # Of a stack its sliders say which page.
            self._session.set_shown_channel(1 if numbers.is_stack else self._channel or 1)

    @Slot()
    def _follow_channel(self) -> None:
        numbers = self._numbers
        self.alone_box.setVisible(numbers is not None and bool(numbers.described))
        self.alone_box.setChecked(shown_channel() > 0)

    @Slot(object)
    def _tell_failure(self, error: Exception) -> None:
        self._show_what_counts()
        self._say(translate_engine(str(error)))

    @Slot()
    def _show_what_counts(self) -> None:
        numbers = self._numbers
        given = next(
            (one for one in self._session.levels if (one.place, one.channel) == (self._place, self._channel)), None
        )
        shown = self._shown_channels()
        if shown:
            wider = self._wider()
            black, white = min(one.black for one in shown), max(one.white for one in shown)
            text = tr("Measured: {black} to {white}")
            if wider is not None:
                black, white = wider.black, wider.white
                text = tr("As given for more than this: {black} to {white}")
            self.measured_choice.setText(text.format(black=_number(black), white=_number(white)))
            if given is not None:
                black, white = given.black, given.white
            self.black_editor.set_value(_rounded(black, numbers))
            self.white_editor.set_value(_rounded(white, numbers))
        else:
            self.measured_choice.setText(tr("Measured"))
        for control in (self.measured_choice, self.given_choice, self.apply_button):
            # What the photo before has is not to be set for this one.
            control.setEnabled(bool(shown))
        (self.measured_choice if given is None else self.given_choice).setChecked(True)
        self._show_choice()
        self._say("")
        self._plot.set_drawing(self._draw if shown else None)

    @Slot()
    def _show_choice(self) -> None:
        is_given = self.given_choice.isChecked() and self._numbers is not None
        for editor in (self.black_editor, self.white_editor):
            editor.setEnabled(is_given)
        self._range.setMovable(is_given)
        self._move_range()

    @Slot()
    def _take_numbers(self) -> None:
        self._say("")
        self._move_range()

    @Slot()
    def _take_range(self) -> None:
        if not self.given_choice.isChecked():
            return
        low, high = self._range.getRegion()
        self.black_editor.set_value(_rounded(low, self._numbers))
        self.white_editor.set_value(_rounded(high, self._numbers))

    def _move_range(self) -> None:
        """Put the marks in the plot where the numbers say."""
        black, white = self.black_editor.value(), self.white_editor.value()
        shown = self._shown_channels()
        if self.measured_choice.isChecked() and shown:
            black, white = min(one.black for one in shown), max(one.white for one in shown)
            if (wider := self._wider()) is not None:
                black, white = wider.black, wider.white
        if not isinstance(black, str) and not isinstance(white, str) and black < white:
            self._range.blockSignals(True)
            self._range.setRegion((black, white))
            self._range.blockSignals(False)

    def _wider(self) -> GivenLevels | None:
        """Return what counts where nothing is given for just this, since it is given for more."""
        photo, place, channel = self._session.shown_photo, self._place, self._channel
        if photo is None:
            return None
        others = [
            one
            for one in self._session.levels
            if (one.place, one.channel) != (place, channel)
            and (one.place is None or (place is not None and PhotoRef.of(place).is_in(one.place)))
        ]
        # No channel has the number 0: what is given for all of them is found.
        return levels_for(photo, channel, others)

    def _shown_channels(self) -> tuple[ChannelNumbers, ...]:
        channels = () if self._numbers is None else self._numbers.channels
        return channels if not self._channel else channels[self._channel - 1 : self._channel]

    def _colour(self, index: int) -> str:
        numbers = self._numbers
        if numbers is None or len(numbers.channels) == 1:
            return Theme.of_application().palette.text_muted
        if numbers.are_colours:
            return COLOURS[index]
        # As they are shown: light enough or not, the swatch says which is which.
        return QColor.fromRgbF(*numbers.described[index].colour).name()

    def _draw(self, colors: Palette) -> None:
        shown = self._shown_channels()
        if not shown:
            return
        low = min(float(one.values.min()) for one in shown)
        high = max(float(np.percentile(one.values, 99.99)) for one in shown)
        low, high = min(low, *(one.black for one in shown)), max(high, *(one.white for one in shown))
        black, white = self.black_editor.value(), self.white_editor.value()
        if self.given_choice.isChecked() and not isinstance(black, str) and not isinstance(white, str):
            low, high = min(low, black), max(high, white)
        span = high - low or 1.0
        low, high = low - _MARGIN * span, high + _MARGIN * span
        edges = np.linspace(low, high, _NUM_BINS + 1)
        if self._numbers is not None and self._numbers.are_whole:
            # As many whole numbers in each, or some would seem to be rarer.
            edges = np.arange(np.floor(low), high + 2, np.ceil((high - low) / _NUM_BINS)) - 0.5
        plot = self._plot.plot
        first = self._channel - 1 if self._channel else 0
        for index, channel in enumerate(shown, start=first):
            counts, _ = np.histogram(channel.values, edges)
            colour = QColor(self._colour(index))
            fill = QColor(colour)
            fill.setAlpha(70)
            pen = pg.mkPen(colour, width=1.5)
            plot.addItem(pg.PlotDataItem(edges, counts, stepMode="center", pen=pen, fillLevel=0, brush=fill))
        soft = QColor(colors.accent_soft)
        soft.setAlpha(90)
        self._range.setBrush(soft)
        self._range.setHoverBrush(soft)
        for line in self._range.lines:
            line.setPen(pg.mkPen(colors.accent, width=2))
            line.setHoverPen(pg.mkPen(colors.accent, width=3))
        self._range.setZValue(10)
        plot.addItem(self._range)
        plot.setXRange(float(edges[0]), float(edges[-1]), padding=0)

    def _say(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.setVisible(bool(text))


class SetLevels(QUndoCommand):
    """Other levels by hand; undone, what was given before."""

    def __init__(self, session: Session, levels: tuple[GivenLevels, ...]) -> None:
        super().__init__(tr("Black and white"))
        self._session = session
        self._before, self._after = session.levels, levels

    def redo(self) -> None:
        self._session.set_levels(self._after)

    def undo(self) -> None:
        self._session.set_levels(self._before)


def _told(given: GivenLevels) -> str:
    place = tr("All photos") if given.place is None else PhotoRef.of(given.place).name
    levels = tr("{black} to {white}").format(black=_number(given.black), white=_number(given.white))
    channel = tr("channel {number}").format(number=given.channel) if given.channel else ""
    return " · ".join(part for part in (place, channel, levels) if part)


def _number(value: float) -> str:
    return short_number(f"{value:.6g}")


def _rounded(value: float, numbers: PictureNumbers | None) -> float:
    """Return a number as precise as a person would write it."""
    if numbers is not None and numbers.are_whole:
        return float(round(value))
    return float(format(value, ".6g"))


def _patch(colour: str) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
