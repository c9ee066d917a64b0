"""The choice of how much time training may take, as cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme import SPACING, Theme
from app.widgets.text import IconLabel, label


@dataclass(frozen=True)
class CardText:
    """What one card says.

    Attributes:
        value: What it stands for.
        icon: A Phosphor icon.
        title: Its name.
        figure: The one number that matters: "about 4 min".
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
        self.setAccessibleName(f"{card.title}: {card.figure}. {card.description}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        title = label(card.title, "section")
        self._figure = label(card.figure)
        self._description = label(card.description, "muted", wraps=True)
        top = QHBoxLayout()
        top.setSpacing(SPACING)
        top.addWidget(IconLabel(card.icon))
        top.addWidget(title)
        top.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, SPACING + 4, 2 * SPACING, SPACING + 4)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(top)
        layout.addWidget(self._figure)
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
        return QSize(Theme.of_application().px(140), 0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return layout.totalHeightForWidth(width) if layout else -1


class ChoiceCards(QWidget):
    """A row of cards of which one is chosen; arrow keys move the choice.

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
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACING)
        for text in cards:
            card = ChoiceCard(text)
            self._cards[text.value] = card
            self._group.addButton(card)
            layout.addWidget(card, 1)
        self._group.buttonToggled.connect(self._on_toggled)

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
