"""The conditions under which photos are shown, in a panel that opens below its button."""

from collections.abc import Iterable

from PySide6.QtCore import QPoint, QRegularExpression, Qt, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QLineEdit, QWidget

from app.core.session import Session
from app.look.buttons import button
from app.look.layouts import in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme, set_role
from app.look.translation import read_number, short_number, tr
from app.pages.shared.photo_filter import FORMAT_NAMES, PhotoFilter, Span, Use, first_moment, moment_after
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.noise import LEVELS

_FIELD_PX = 88
_NUMBER = QRegularExpression(r"\d{0,7}([.,]\d{0,3})?")
_DATE = QRegularExpression(r"\d{0,4}(-\d{0,2}(-\d{0,2})?)?")


class PhotoFilterPanel(QFrame):
    """Camera, format, sensitivity, date, noise, size and use; every change counts at once.

    Signals:
        changed(PhotoFilter): Other conditions; the text is the caller's own.
    """

    changed = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        set_role(self, "card")
        self._session = session
        self._is_filling = False
        self.camera_box = ElidedComboBox()
        self.format_box = ElidedComboBox()
        self.use_box = ElidedComboBox()
        for text, use in ((tr("All photos"), Use.ANY), (tr("Used"), Use.USED), (tr("Left out"), Use.LEFT_OUT)):
            self.use_box.addItem(text, use)
        self.iso = RangeField(tr("ISO"), _NUMBER, tr("for example 1600"))
        self.date = RangeField(tr("Date"), _DATE, tr("A year, month or day: 2025, 2025-06 or 2025-06-30"))
        self.noise = RangeField(tr("Noise"), _NUMBER, tr("Standard deviation, of {levels}").format(levels=LEVELS))
        self.megapixels = RangeField(tr("Megapixels"), _NUMBER, tr("Width × height, in millions of pixels"))
        self.clear_button = button(tr("Clear all conditions"), "x")
        self.clear_button.clicked.connect(self.clear)

        form = QFormLayout(
            horizontalSpacing=2 * SPACING,
            verticalSpacing=SPACING,
            labelAlignment=Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
        )
        for text, field in (
            (tr("Camera"), self.camera_box),
            (tr("Format"), self.format_box),
            (tr("ISO"), self.iso),
            (tr("Date taken"), self.date),
            (tr("Noise (of {levels})").format(levels=LEVELS), self.noise),
            (tr("Megapixels"), self.megapixels),
            (tr("Use"), self.use_box),
        ):
            field.setAccessibleName(text)
            form.addRow(label(text), field)
        in_column(
            form, (self.clear_button, 0, Qt.AlignmentFlag.AlignRight), of=self, margins=2 * SPACING, spacing=2 * SPACING
        )
        for box in (self.camera_box, self.format_box, self.use_box):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(self._tell)
        for field in (self.iso, self.date, self.noise, self.megapixels):
            field.changed.connect(self._tell)
        self._fill_boxes()

    @property
    def conditions(self) -> PhotoFilter:
        """What is set, without a text."""
        return PhotoFilter(
            camera=self.camera_box.currentData() or "",
            content=self.format_box.currentData() or "",
            iso=self.iso.span,
            taken_from=first_moment(self.date.low.text()),
            taken_to=moment_after(self.date.high.text()),
            noise=self.noise.span,
            megapixels=self.megapixels.span,
            use=Use(self.use_box.currentData()),
        )

    def open_below(self, widget: QWidget) -> None:
        """Show the panel under a widget, within its screen."""
        self._fill_boxes()
        self.adjustSize()
        corner = widget.mapToGlobal(QPoint(0, widget.height() + SPACING // 2))
        screen = widget.screen().availableGeometry()
        corner.setX(max(screen.left(), min(corner.x(), screen.right() - self.width())))
        corner.setY(max(screen.top(), min(corner.y(), screen.bottom() - self.height())))
        self.move(corner)
        self.show()
        self.camera_box.setFocus()

    @Slot()
    def clear(self) -> None:
        """Let every photo be shown again."""
        self._is_filling = True
        for box in (self.camera_box, self.format_box, self.use_box):
            box.setCurrentIndex(0)
        for field in (self.iso, self.date, self.noise, self.megapixels):
            field.clear()
        self._is_filling = False
        self._tell()

    def _fill_boxes(self) -> None:
        """Offer what there is among the photos."""
        photos = self._session.photos
        self._is_filling = True
        cameras = sorted({photo.camera.camera for photo in photos if photo.camera.camera}, key=str.casefold)
        _fill(self.camera_box, tr("Any camera"), ((camera, camera) for camera in cameras))
        formats = sorted({photo.content for photo in photos if photo.content})
        _fill(self.format_box, tr("Any format"), ((tr(FORMAT_NAMES.get(kind, kind)), kind) for kind in formats))
        self.camera_box.setEnabled(self.camera_box.count() > 1)
        self.camera_box.setToolTip("" if cameras else tr("No photo says which camera took it."))
        self._is_filling = False

    @Slot()
    def _tell(self) -> None:
        if not self._is_filling:
            self.changed.emit(self.conditions)


class RangeField(QWidget):
    """Two fields, from and to; what is not complete yet counts as open.

    Signals:
        changed: One of them has another text.
    """

    changed = Signal()

    def __init__(self, name: str, pattern: QRegularExpression, tip: str) -> None:
        super().__init__()
        self.low, self.high = QLineEdit(), QLineEdit()
        layout = in_row(of=self, margins=0)
        ends = (
            (self.low, tr("from"), tr("{name} from").format(name=name)),
            (self.high, tr("to"), tr("{name} to").format(name=name)),
        )
        for field, placeholder, accessible in ends:
            field.setPlaceholderText(placeholder)
            field.setAccessibleName(accessible)
            field.setToolTip(tip)
            field.setValidator(QRegularExpressionValidator(pattern, field))
            field.textChanged.connect(self.changed)
            layout.addWidget(field)
        follow_theme(self._fit)

    @property
    def span(self) -> Span:
        """The numbers."""
        return Span(_number(self.low.text()), _number(self.high.text()))

    def set_span(self, span: Span) -> None:
        """Write other numbers."""
        for field, value in ((self.low, span.low), (self.high, span.high)):
            field.setText("" if value is None else short_number(f"{value:g}"))

    def clear(self) -> None:
        """Open both ends."""
        self.low.clear()
        self.high.clear()

    @Slot()
    def _fit(self) -> None:
        for field in (self.low, self.high):
            field.setMinimumWidth(Theme.of_application().px(_FIELD_PX))


def _fill(box: QComboBox, any_text: str, entries: Iterable[tuple[str, str]]) -> None:
    """Put other entries into a box and keep its choice: it holds, also while no photo fulfils it."""
    chosen, chosen_text = box.currentData(), box.currentText()
    box.clear()
    box.addItem(any_text, "")
    for text, value in entries:
        box.addItem(text, value)
    if chosen and box.findData(chosen) < 0:
        box.addItem(chosen_text, chosen)
    box.setCurrentIndex(max(0, box.findData(chosen)))


def _number(text: str) -> float | None:
    try:
        return read_number(text)
    except ValueError:
        return None
