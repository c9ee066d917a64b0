"""Which one is real? A part of a photo beside its twin: who cannot tell them apart sees that the noise is learned."""

import random

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.core.actions import make_action, shown_keys
from app.look.buttons import button, set_reason
from app.look.image_convert import qimage_from_pixels, stretch_levels
from app.look.layouts import Stretch, in_column, in_row
from app.look.phrases import number
from app.look.text import IconLabel, label
from app.look.theme import SPACING, Theme, palette
from app.look.translation import mark, tr
from engine.contracts.events import TwinMade

_LEAST_PX = 96
_FRAME_PX = 3
_LEAST_SCALE = 2
"""Noise is looked at enlarged, or nobody sees it."""
_DIM = 0.4
"""Pictures whose brightest parts stay below are shown with their contrast stretched, both by the photo's range."""

_ENOUGH = 8
_HARDLY = 0.65
_NAMES = (mark("A"), mark("B"))
_ACTIONS = ("training.first_is_real", "training.second_is_real")


class PictureButton(QAbstractButton):
    """A picture that can be chosen, by mouse or by keys; as large as it fits, in whole enlargements where it can."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QImage()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        Theme.of_application().changed.connect(self.update)

    def set_picture(self, picture: QImage) -> None:
        """Show another picture."""
        self._picture = picture
        self.update()

    def sizeHint(self) -> QSize:
        # What it needs; it takes all that there is.
        return QSize(_LEAST_PX, _LEAST_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_PX, _LEAST_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = palette()
        room = self.rect().adjusted(2 * _FRAME_PX, 2 * _FRAME_PX, -2 * _FRAME_PX, -2 * _FRAME_PX)
        place = QRectF(room)
        if not self._picture.isNull():
            place, part = self._place_in(room)
            painter.drawImage(place, self._picture, part)
        else:
            side = min(room.width(), room.height())
            place = QRectF(room.left() + (room.width() - side) // 2, room.top(), side, side)
            painter.fillRect(place, QColor(colors.raised))
        # Off the picture, so that no colour lies against the photo.
        if self.hasFocus() or (self.underMouse() and self.isEnabled()):
            painter.setPen(QPen(QColor(colors.accent if self.hasFocus() else colors.border_strong), 1))
            frame = QRect(place.toAlignedRect()).adjusted(-_FRAME_PX - 1, -_FRAME_PX - 1, _FRAME_PX, _FRAME_PX)
            painter.drawRect(frame.intersected(self.rect().adjusted(0, 0, -1, -1)))

    def _place_in(self, room: QRect) -> tuple[QRectF, QRectF]:
        """Where the picture is painted, and which part of it: whole enlargements, of the middle where room is short."""
        ratio = self.devicePixelRatioF()
        size = self._picture.size()
        fitting = min(room.width() * ratio / size.width(), room.height() * ratio / size.height())
        scale = max(int(fitting), _LEAST_SCALE)
        columns, rows = (
            min(side, int(available * ratio / scale))
            for side, available in ((size.width(), room.width()), (size.height(), room.height()))
        )
        part = QRectF((size.width() - columns) // 2, (size.height() - rows) // 2, columns, rows)
        width, height = columns * scale / ratio, rows * scale / ratio
        return QRectF(room.left() + (room.width() - width) // 2, room.top(), width, height), part


class TwinGame(QWidget):
    """Shows pairs in turn, says after each choice which one was the photo, and keeps the score.

    Attributes:
        pictures: The two pictures, left and right.
        next_button: Goes to the next pair.
        is_left_real: Whether the left one is the photo.

    Signals:
        answered: Whether the person was right.
    """

    answered = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._twins: list[TwinMade] = []
        self._position = 0
        self._chance = random.Random()
        self._num_right = self._num_answers = 0
        self._has_answered = False
        self.is_left_real = True
        self.pictures = (PictureButton(), PictureButton())
        self._captions = tuple(label("", "strong") for _ in self.pictures)
        explanation = label(
            tr("One is your photo, the other its twin. Click the photo, or press {first} or {second}.").format(
                first=shown_keys(_ACTIONS[0]), second=shown_keys(_ACTIONS[1])
            ),
            "muted",
            wraps=True,
        )
        explanation.setToolTip(tr("The twin is the same part, restored and made noisy anew with what was learned."))
        self._icon = IconLabel("eye", "text_muted")
        self._result = label("", wraps=True)
        self._score = label("", "muted", wraps=True)
        self.next_button = button(tr("Next pair"), "arrow-right")
        self.next_button.clicked.connect(self.show_next)
        row = in_row()
        for index, (picture, caption) in enumerate(zip(self.pictures, self._captions, strict=True)):
            caption.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            caption.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            picture.clicked.connect(lambda _checked=False, index=index: self.choose(index))
            action = make_action(_ACTIONS[index], self)
            action.triggered.connect(lambda _checked=False, index=index: self.choose(index))
            column = in_column((picture, 1), caption, spacing=SPACING // 2)
            row.addLayout(column, 1)
        said = in_column(self._result, self._score, spacing=SPACING // 2)
        below = in_row(
            (self._icon, 0, Qt.AlignmentFlag.AlignTop), (said, 1), (self.next_button, 0, Qt.AlignmentFlag.AlignTop)
        )
        in_column(
            explanation,
            (row, 1),
            below,
            # What the pictures, which stay square, leave over.
            Stretch(),
            of=self,
            margins=(0, SPACING, 0, 0),
        )
        self.clear()

    @property
    def num_pairs(self) -> int:
        """How many pairs there are."""
        return len(self._twins)

    @property
    def result(self) -> str:
        """What is said of the pair that is shown."""
        return self._result.text()

    @property
    def score(self) -> str:
        """How often the person was right so far."""
        return self._score.text()

    def clear(self) -> None:
        """Forget all pairs and the score."""
        self._twins.clear()
        self._position = self._num_right = self._num_answers = 0
        for picture in self.pictures:
            picture.set_picture(QImage())
        self._ask()
        self._show_score()

    def add(self, twin: TwinMade) -> None:
        """Add a pair; the first is shown at once."""
        self._twins.append(twin)
        if len(self._twins) == 1:
            self._show_pair()
        elif self._has_answered:
            set_reason(self.next_button, "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = (self.width() - SPACING) // 2
        for picture in self.pictures:
            picture.setMaximumHeight(max(side, _LEAST_PX))

    @Slot(int)
    def choose(self, index: int) -> None:
        """Say which one is the photo: 0 for the left one, 1 for the right one."""
        if self._has_answered or not self._twins:
            return
        self._has_answered = True
        was_right = (index == 0) == self.is_left_real
        self._num_answers += 1
        self._num_right += was_right
        photo, twin = (tr(name) for name in (_NAMES if self.is_left_real else _NAMES[::-1]))
        text = tr("Right: {photo} is the photo, {twin} its twin.") if was_right else tr(
            "Wrong: {photo} is the photo, {twin} its twin."
        )  # fmt: skip
        self._result.setText(text.format(photo=photo, twin=twin))
        self._icon.set_icon(*(("check-circle", "accent") if was_right else ("x-circle", "warning")))
        kinds = (tr("photo"), tr("twin")) if self.is_left_real else (tr("twin"), tr("photo"))
        for name, kind, caption, picture in zip(_NAMES, kinds, self._captions, self.pictures, strict=True):
            caption.setText(f"{tr(name)}: {kind}")
            picture.setAccessibleName(f"{tr(name)}: {kind}")
            picture.setEnabled(False)
        self._show_score()
        set_reason(self.next_button, "" if len(self._twins) > 1 else tr("There is no other pair yet."))
        # Read out with the button that gets the keyboard now.
        self.next_button.setAccessibleDescription(f"{self.result} {self.score}")
        if self.isVisible():
            self.next_button.setFocus()
        self.answered.emit(was_right)

    @Slot()
    def show_next(self) -> None:
        """Go to the next pair; after the last, the first comes again with its sides drawn anew."""
        if not self._twins:
            return
        self._position = (self._position + 1) % len(self._twins)
        self._show_pair()
        self.pictures[0].setFocus()

    def _show_pair(self) -> None:
        twin = self._twins[self._position]
        self.is_left_real = self._chance.random() < 0.5
        is_dim = float(np.quantile(twin.photo, 0.999)) < _DIM
        levels = stretch_levels(twin.photo) if is_dim else None
        pixels = (twin.photo, twin.twin) if self.is_left_real else (twin.twin, twin.photo)
        for picture, shown in zip(self.pictures, pixels, strict=True):
            picture.set_picture(qimage_from_pixels(shown, levels=levels))
            picture.setToolTip(twin.name)
        self._ask()

    def _ask(self) -> None:
        self._has_answered = False
        self._result.setText(tr("Which one is real?") if self._twins else tr("The first pair is being made …"))
        self._icon.set_icon("eye", "text_muted")
        for name, caption, picture in zip(_NAMES, self._captions, self.pictures, strict=True):
            caption.setText(tr(name))
            picture.setAccessibleName(tr("{name}: is this the photo?").format(name=tr(name)))
            picture.setEnabled(bool(self._twins))
        self.next_button.setAccessibleDescription("")
        set_reason(self.next_button, tr("Choose one first."))

    def _show_score(self) -> None:
        if not self._num_answers:
            self._score.setText(tr("Guessing gets half of them right."))
            return
        score = tr("{right} of {total} right; by guessing {half}.").format(
            right=number(self._num_right),
            total=number(self._num_answers),
            half=number(self._num_answers / 2, self._num_answers % 2),
        )
        if self._num_answers >= _ENOUGH:
            is_hard = self._num_right <= _HARDLY * self._num_answers
            score += " " + (
                tr("You can hardly tell them apart: the noise is learned.")
                if is_hard
                else tr("You find the photo: its noise, or detail that the twin has lost, gives it away.")
            )
        self._score.setText(score)
