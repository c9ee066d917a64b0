"""The bar that asks which of two unnamed pictures is better, and what the answers came to."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QWidget

from app.core.actions import tip_with_keys
from app.look.buttons import button, primary_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, palette, set_role
from app.look.translation import format_number, tr, tr_count
from app.pages.compare.blind.trial import BlindTrial, reading
from app.widgets.room.overflow import OverflowButton
from engine.comparing.blind_votes import Choice, PairTally

_BAR_HEIGHT_PX = 22
_LARGEST_WIDTH_PX = 720


class BlindBar(QFrame):
    """The question, its three answers, and the way out.

    Attributes:
        vote_buttons: One for each answer.
        reveal_button: Shows which picture is which, and the tally.
        end_button: The way out.
        overflow: Holds what does not fit.

    Signals:
        voted(Choice): The person has decided.
        reveal_requested: The names and the tally shall be shown.
        end_requested: The test is over.
    """

    voted = Signal(object)
    reveal_requested = Signal()
    end_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "panel")
        self._question = label(tr("Which looks better?"), "strong")
        layout = in_row(self._question, of=self, margins=(SPACING, SPACING // 2, SPACING, SPACING // 2))
        self.vote_buttons = {
            Choice.FIRST: button(tr("A is better")),
            Choice.SAME: button(tr("No difference")),
            Choice.SECOND: button(tr("B is better")),
        }
        tips = {
            Choice.FIRST: tip_with_keys(tr("Vote for A and go to the next photo"), "view.vote_first"),
            Choice.SAME: tip_with_keys(tr("Both look the same; go to the next photo"), "view.vote_same"),
            Choice.SECOND: tip_with_keys(tr("Vote for B and go to the next photo"), "view.vote_second"),
        }
        for choice, vote_button in self.vote_buttons.items():
            vote_button.setToolTip(tips[choice])
            vote_button.clicked.connect(lambda _=False, choice=choice: self.voted.emit(choice))
            layout.addWidget(vote_button)
        layout.addStretch(1)
        self._count = label("", "caption")
        self.reveal_button = button(tr("Reveal"))
        self.reveal_button.setToolTip(tr("Show which is which, and what your votes come to"))
        self.reveal_button.clicked.connect(self.reveal_requested)
        self.end_button = quiet_button(tr("End the test"))
        self.end_button.clicked.connect(self.end_requested)
        self.overflow = OverflowButton()
        for control in (self._count, self.reveal_button, self.end_button, self.overflow):
            layout.addWidget(control)
        self.overflow.watch(self._count)
        self.overflow.watch(self._question)
        self.overflow.watch(self.end_button, tr("End the test"))
        self.overflow.watch(self.reveal_button, tr("Reveal"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def count_text(self) -> str:
        """What is said about the votes so far."""
        return self._count.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - 2 * SPACING
        room -= sum(vote_button.sizeHint().width() + SPACING for vote_button in self.vote_buttons.values())
        self.overflow.fit(room, SPACING)

    def show_question(self, reason: str) -> None:
        """Let the person vote, or say why not.

        Args:
            reason: Why there is nothing to vote on; "" if there is.
        """
        for vote_button in self.vote_buttons.values():
            set_reason(vote_button, reason)

    def show_count(self, num_votes: int) -> None:
        """Say how many votes there are."""
        self._count.setText(
            tr_count("{number} vote", "{number} votes", num_votes).format(number=format_number(num_votes))
        )


class BlindResults(QScrollArea):
    """Which was which, and the tally of each pair with what it means.

    Signals:
        go_on_requested: The person wants to vote on.
        forget_requested: The votes shall be taken back.
    """

    go_on_requested = Signal()
    forget_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def show_tallies(self, trial: BlindTrial | None, tallies: Sequence[PairTally]) -> None:
        """Show results.

        Args:
            trial: The question on screen, not yet answered; None without one.
            tallies: By pair of pictures.
        """
        column = QWidget(maximumWidth=Theme.of_application().px(_LARGEST_WIDTH_PX))
        layout = in_column(
            label(tr("What you preferred without knowing"), "title"),
            of=column,
            margins=(3 * SPACING, 2 * SPACING, 3 * SPACING, 2 * SPACING),
        )
        if trial is not None:
            first, second = trial.names
            text = tr("The two pictures you just saw: A is {first}, B is {second}.").format(first=first, second=second)
            layout.addWidget(label(text, "muted", wraps=True))
        for tally in tallies:
            layout.addSpacing(SPACING)
            layout.addWidget(_heading(tally))
            layout.addWidget(TallyBar(tally))
            layout.addWidget(label(reading(tally), wraps=True))
        if tallies:
            note = tr("Votes on one photo count once, by their majority; photos without a difference are left out.")
            layout.addSpacing(SPACING)
            layout.addWidget(label(note, "caption", wraps=True))
        else:
            layout.addWidget(label(tr("There are no votes yet."), "muted"))
        layout.addLayout(self._buttons(has_votes=bool(tallies)))
        layout.addStretch(1)
        centred = QWidget()
        in_row(Stretch(1), (column, 100), Stretch(1), of=centred, spacing=None)
        self.setWidget(centred)

    def _buttons(self, *, has_votes: bool) -> QHBoxLayout:
        go_on = primary_button(tr("Go on voting"))
        go_on.clicked.connect(self.go_on_requested)
        forget = quiet_button(tr("Forget these votes"))
        forget.clicked.connect(self.forget_requested)
        forget.setVisible(has_votes)
        return in_row(forget, Stretch(1), go_on, spacing=None)


class TallyBar(QWidget):
    """Three lengths in one bar: photos for the one, undecided, for the other."""

    def __init__(self, tally: PairTally, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tally = tally
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_counts_text(tally))
        self.setToolTip(_counts_text(tally))

    def sizeHint(self) -> QSize:
        return QSize(240, Theme.of_application().px(_BAR_HEIGHT_PX))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors, tally = palette(), self._tally
        painter = QPainter(self)
        left = 0.0
        for number, fill, ink in (
            (tally.num_first, colors.accent_fill, colors.on_accent),
            (tally.num_same, colors.border_strong, colors.text),
            (tally.num_second, colors.hover, colors.text),
        ):
            width = self.width() * number / tally.num_photos
            part = QRectF(left, 0, width, self.height())
            painter.fillRect(part, QColor(fill))
            if number:
                painter.setPen(QColor(ink))
                painter.drawText(part, Qt.AlignmentFlag.AlignCenter, str(number))
            left += width


def _heading(tally: PairTally) -> QWidget:
    row = QWidget()
    layout = in_row(label(tally.first, "strong"), Stretch(1), of=row, margins=0, spacing=None)
    same = label(tr("no difference"), "caption")
    same.setVisible(tally.num_same > 0)
    layout.addWidget(same)
    layout.addStretch(1)
    layout.addWidget(label(tally.second, "strong"))
    return row


def _counts_text(tally: PairTally) -> str:
    return tr("{first}: {num_first}, no difference: {num_same}, {second}: {num_second} ({num_votes} votes)").format(
        first=tally.first,
        num_first=format_number(tally.num_first),
        num_same=format_number(tally.num_same),
        second=tally.second,
        num_second=format_number(tally.num_second),
        num_votes=format_number(tally.num_votes),
    )
