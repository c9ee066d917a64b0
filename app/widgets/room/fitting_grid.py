"""Parts beside one another as far as there is room, and below one another where there is not."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.look.theme import SPACING
from app.widgets.room.fitted import FittedWidget


class FittingGrid(FittedWidget):
    """Fills rows from the left, in as many columns as fit; one column, and the last row, get what is left."""

    def __init__(
        self,
        parts: Sequence[QWidget],
        most_columns: int,
        spacing_px: int = SPACING,
        *,
        first_is_wide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Lay out.

        Args:
            parts: In their order; at least one.
            most_columns: However much room there is.
            spacing_px: Between columns; rows are half as far apart.
            first_is_wide: Whether the first column, not the last, gets what is left.
            parent: Owner.
        """
        super().__init__(parent)
        self._parts = tuple(parts)
        self._most_columns = min(most_columns, len(self._parts))
        self._num_columns = 0
        self._first_is_wide = first_is_wide
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(spacing_px)
        self._grid.setVerticalSpacing(spacing_px // 2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._place(self._most_columns)

    @property
    def num_columns(self) -> int:
        """How many there are at present."""
        return self._num_columns

    def sizeHint(self) -> QSize:
        # That of all columns, or few could never become more again beside what would take their room.
        return QSize(
            self._width(self._most_columns, [part.sizeHint().width() for part in self._parts]),
            self._grid.sizeHint().height(),
        )

    def minimumSizeHint(self) -> QSize:
        # The width of one column, or several could never become fewer again.
        return QSize(self._least_width(1), self._grid.totalMinimumSize().height())

    def _least_width(self, num_columns: int) -> int:
        widths = [part.minimumSizeHint().expandedTo(part.minimumSize()).width() for part in self._parts]
        return self._width(num_columns, widths)

    def _width(self, num_columns: int, widths: Sequence[int]) -> int:
        columns = (max(widths[column::num_columns]) for column in range(num_columns))
        return sum(columns) + self._grid.horizontalSpacing() * (num_columns - 1)

    def _fit(self) -> None:
        fitting = (number for number in range(self._most_columns, 1, -1) if self._least_width(number) <= self.width())
        num_columns = next(fitting, 1)
        if num_columns != self._num_columns:
            self._place(num_columns)

    def _place(self, num_columns: int) -> None:
        # Not by `takeAt`: PySide keeps what that takes, and Qt then tells it, not the part's new place, of new heights.
        for part in self._parts:
            self._grid.removeWidget(part)
        for position, part in enumerate(self._parts):
            self._grid.addWidget(part, *divmod(position, num_columns))
        last_row = (len(self._parts) - 1) // num_columns
        wide_column = 0 if self._first_is_wide else num_columns - 1
        for number in range(len(self._parts)):
            self._grid.setColumnStretch(number, int(number == wide_column))
            self._grid.setRowStretch(number, int(number == last_row))
        self._num_columns = num_columns
        self.updateGeometry()


def centred_grid(parts: Sequence[QWidget]) -> FittingGrid:
    """Return a grid of one row, or of one column, that takes no more room than its parts need."""
    grid = FittingGrid(parts, most_columns=len(parts))
    grid.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return grid
