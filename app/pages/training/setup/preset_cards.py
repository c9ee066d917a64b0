"""The choice of how much time training may take, as cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QGridLayout,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from app.look.layouts import in_column, in_row
from app.look.text import IconLabel, label
from app.look.theme import SPACING, Theme
from app.look.translation import translate_engine
from engine.contracts.configs import Preset
from engine.contracts.presets import PRESET_CARDS

_GAP_PX = 2 * SPACING
_PRESET_ICONS = {Preset.QUICK: "lightning", Preset.BALANCED: "scales", Preset.THOROUGH: "hourglass"}


@dataclass(frozen=True)
class CardText:
    """What one card says.

    Attributes:
        value: What it stands for.
        icon: A Phosphor icon.
        title: Its name.
        figure: The one number that matters: "about 4 min"; "" where there is none.
        description: What one gets.
    """

    value: str
    icon: str
    title: str
    figure: str
    description: str


class ChoiceCard(QPushButton):
    """One card: a big checkable button."""

    def __init__(self, card: CardText, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("PresetCard")
        self.setCheckable(True)
        self.setAccessibleName(f"{translate_engine(card.title)}: {card.figure}. {translate_engine(card.description)}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        title = label(translate_engine(card.title), "section")
        self._figure = label(card.figure)
        self._description = label(translate_engine(card.description), "muted", wraps=True)
        top = in_row(IconLabel(card.icon), (title, 1))
        layout = in_column(
            top,
            self._figure,
            of=self,
            margins=(2 * SPACING, SPACING + 4, 2 * SPACING, SPACING + 4),
            spacing=SPACING // 2,
        )
        self._figure.setVisible(bool(card.figure))
        self._top = top
        layout.addWidget(self._description)
        # All but the description keep their height; a stretch would make the card take all that there is.
        for part in (title, self._figure):
            part.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._description.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        Theme.of_application().changed.connect(self._fit)
        # The button takes the clicks, not the labels on it.
        for child in self.findChildren(QWidget):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_figure(self, figure: str) -> None:
        """Show another figure."""
        self._figure.setText(figure)
        self._figure.setVisible(bool(figure))

    @Slot()
    def _fit(self) -> None:
        # The layout keeps heights that were computed with the old font.
        layout = self.layout()
        if layout is not None:
            layout.invalidate()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        width = Theme.of_application().px(200)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(max(Theme.of_application().px(140), self._top.minimumSize().width() + 4 * SPACING), 0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return layout.totalHeightForWidth(width) if layout else -1


class ChoiceCards(QWidget):
    """Cards of which one is chosen, in as few rows as the width allows; arrow keys move the choice.

    Signals:
        chosen: The value of the card that a person, or `choose`, picked.
    """

    chosen = Signal(str)

    def __init__(self, cards: Sequence[CardText], accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(accessible_name)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._cards: dict[str, ChoiceCard] = {}
        self._group = QButtonGroup(self, exclusive=True)
        self._num_columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_GAP_PX)
        for text in cards:
            card = ChoiceCard(text)
            self._cards[text.value] = card
            self._group.addButton(card)
        self._place(len(cards))
        Theme.of_application().changed.connect(self._fit)
        self._group.buttonToggled.connect(self._on_toggled)

    def minimumSizeHint(self) -> QSize:
        # That of one column, or several could never become fewer again.
        return QSize(self._card_width, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @property
    def _card_width(self) -> int:
        return max(card.minimumSizeHint().width() for card in self._cards.values())

    @Slot()
    def _fit(self) -> None:
        # As for a card: heights that were computed with the old font must go.
        self._grid.invalidate()
        most = max((self.width() + _GAP_PX) // (self._card_width + _GAP_PX), 1)
        num_rows = -(-len(self._cards) // most)
        # Rows of equal length, not one card alone in the last.
        num_columns = -(-len(self._cards) // num_rows)
        if num_columns != self._num_columns:
            self._place(num_columns)

    def _place(self, num_columns: int) -> None:
        # Not by `takeAt`: PySide keeps what that takes, and Qt then tells it, not the card's new place, of new heights.
        for card in self._cards.values():
            self._grid.removeWidget(card)
        for position, card in enumerate(self._cards.values()):
            row, column = divmod(position, num_columns)
            self._grid.addWidget(card, row, column)
        for column in range(len(self._cards)):
            self._grid.setColumnStretch(column, 1 if column < num_columns else 0)
        self._num_columns = num_columns
        self.updateGeometry()

    @property
    def value(self) -> str:
        """What is chosen; "" before the first choice."""
        return next((value for value, card in self._cards.items() if card.isChecked()), "")

    @property
    def cards(self) -> Mapping[str, ChoiceCard]:
        """The cards by value."""
        return self._cards

    def choose(self, value: str) -> None:
        """Pick a card."""
        self._cards[value].setChecked(True)

    def set_figures(self, figures: Mapping[str, str]) -> None:
        """Show other figures, by value."""
        for value, figure in figures.items():
            self._cards[value].set_figure(figure)

    def _on_toggled(self, card: QAbstractButton, checked: bool) -> None:
        if checked:
            self.chosen.emit(next(value for value, own in self._cards.items() if own is card))


def preset_cards(name: str) -> ChoiceCards:
    """The cards of the engine's presets.

    Args:
        name: For screen readers.
    """
    texts = [
        CardText(
            preset.value, _PRESET_ICONS[preset], translate_engine(card.title), "", translate_engine(card.description)
        )
        for preset, card in PRESET_CARDS.items()
    ]
    return ChoiceCards(texts, name)
