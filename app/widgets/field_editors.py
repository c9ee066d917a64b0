"""One small widget per kind of setting: each shows a value, gives it back, and says when a person changed it."""

import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from PySide6.QtCore import QEvent, QObject, QSize, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from app.look.buttons import icon_button
from app.look.layouts import in_row
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import mark, read_number, short_number, tr, translate_engine
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place

CHOICE_TITLES = {
    "auto": mark("Automatic"),
    "cpu": mark("Processor (CPU)"),
    "cuda": mark("NVIDIA GPU (CUDA)"),
    "mps": mark("Apple GPU (MPS)"),
    "32-true": mark("Full, 32 bit"),
    "bf16-mixed": mark("Half, bfloat16"),
    "torch": "PyTorch",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
    "keep": mark("As the original"),
    **{name: spec.name for name, spec in FORMATS.items()},
    "camera": mark("As in the camera"),
    "neutral": mark("Neutral, without a curve"),
    "8": mark("8 bits"),
    "16": mark("16 bits"),
    "without-gps": mark("Keep all but the place (GPS)"),
    "none": mark("No metadata"),
    "rename": mark("Add a number"),
    "skip": mark("Leave it alone"),
    "overwrite": mark("Replace it"),
}
EDITOR_PX = 232
MIN_EDITOR_PX = 120
_ROW_PX = 30
_LARGEST_INT = 2**31 - 1


class FieldEditor(QWidget):
    """Base of all editors.

    Signals:
        edited: A person changed the value.
    """

    edited = Signal()

    def value(self) -> Any:
        """The value as it stands, not yet validated."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a value; emits nothing."""
        raise NotImplementedError

    def _hold(self, *widgets: QWidget) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout = in_row(of=self, margins=0, spacing=SPACING // 2)
        self._rows: list[QWidget] = []
        for position, widget in enumerate(widgets):
            layout.addWidget(widget, 1 if position == 0 else 0)
            widget.installEventFilter(_WHEEL_GUARD)
            if isinstance(widget, QLineEdit | QComboBox | QAbstractSpinBox):
                self._rows.append(widget)
        self.setFocusProxy(widgets[0])
        follow_theme(self._fit)

    def sizeHint(self) -> QSize:
        return QSize(Theme.of_application().px(EDITOR_PX), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(Theme.of_application().px(MIN_EDITOR_PX), super().minimumSizeHint().height())

    @Slot()
    def _fit(self) -> None:
        for widget in self._rows:
            widget.setFixedHeight(Theme.of_application().px(_ROW_PX))
        self.updateGeometry()


class _WheelGuard(QObject):
    """Lets the wheel scroll the page rather than change the setting under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QComboBox | QAbstractSpinBox):
            event.ignore()
            return True
        return False


_WHEEL_GUARD = _WheelGuard()


class SwitchEditor(FieldEditor):
    """A yes or no."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QCheckBox()
        self._box.clicked.connect(self.edited)
        self._hold(self._box)

    def set_text(self, text: str) -> None:
        """Show its name beside it."""
        self._box.setText(text)

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(self._box.minimumSizeHint())

    def value(self) -> bool:
        return self._box.isChecked()

    def set_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class ChoiceEditor(FieldEditor):
    """One of several values."""

    def __init__(self, titles: Mapping[Any, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values = list(titles)
        self._box = ElidedComboBox()
        self._box.addItems(list(titles.values()))
        self._box.activated.connect(self.edited)
        self._hold(self._box)

    def value(self) -> Any:
        return self._values[self._box.currentIndex()] if self._values else ""

    def set_value(self, value: Any) -> None:
        if value not in self._values:
            self._values.append(value)
            self._box.addItem(str(value))
        self._box.setCurrentIndex(self._values.index(value))


class IntEditor(FieldEditor):
    """A whole number; an optional one has "empty" as the step below its lowest value."""

    def __init__(
        self,
        *,
        minimum: int | None,
        maximum: int | None,
        step: int,
        unit: str,
        empty_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._is_optional = bool(empty_text)
        lowest = -_LARGEST_INT if minimum is None else minimum
        self._box = QSpinBox()
        self._box.setGroupSeparatorShown(True)
        self._box.setRange(lowest - (1 if self._is_optional else 0), _LARGEST_INT if maximum is None else maximum)
        self._box.setSingleStep(step)
        self._box.setSuffix(f"\N{NO-BREAK SPACE}{unit}" if unit else "")
        self._box.setSpecialValueText(empty_text)
        # The style sheet's padding does not reach the text inside a spin box.
        self._box.lineEdit().setTextMargins(8, 0, 0, 0)
        self._box.valueChanged.connect(self.edited)
        self._hold(self._box)

    def set_lowest_text(self, text: str) -> None:
        """Show a text in place of the lowest value, where that stands for something."""
        self._box.setSpecialValueText(text)

    def value(self) -> int | None:
        if self._is_optional and self._box.value() == self._box.minimum():
            return None
        return self._box.value()

    def set_value(self, value: Any) -> None:
        self._box.blockSignals(True)
        self._box.setValue(self._box.minimum() if value is None else int(value))
        self._box.blockSignals(False)


class FloatEditor(FieldEditor):
    """A number as text, since 0.0003 and 1e-3 are both natural here."""

    def __init__(self, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QLineEdit()
        self._edit.textEdited.connect(self.edited)
        self._unit = unit
        if unit:
            self._edit.setPlaceholderText(unit)
        self._hold(self._edit)

    def value(self) -> float | str:
        text = self._edit.text().strip().removesuffix(self._unit).strip() if self._unit else self._edit.text().strip()
        try:
            return read_number(text)
        except ValueError:
            return text

    def set_value(self, value: Any) -> None:
        text = short_number(f"{value:g}" if float(f"{value:g}") == value else repr(value))
        self._edit.setText(f"{text}\N{NO-BREAK SPACE}{self._unit}" if self._unit else text)


class TextEditor(FieldEditor):
    """A line of text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QLineEdit()
        self._edit.textEdited.connect(self.edited)
        self._hold(self._edit)

    def value(self) -> str:
        return self._edit.text()

    def set_placeholder(self, text: str) -> None:
        """Show what an empty value will become."""
        self._edit.setPlaceholderText(text)

    def set_value(self, value: Any) -> None:
        self._edit.setText(str(value))


class NumbersEditor(FieldEditor):
    """Whole numbers on one line, parted by commas, and words that stand for one."""

    def __init__(self, words: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = frozenset(words)
        self._edit = QLineEdit()
        self._edit.textEdited.connect(self.edited)
        self._hold(self._edit)

    def value(self) -> tuple[int | str, ...] | str:
        """The numbers and words, each once; the text as it stands where it is something else."""
        parts = [part.strip().lower() for part in self._edit.text().replace(";", ",").split(",") if part.strip()]
        if not all(part.isdecimal() or part in self._words for part in parts):
            return self._edit.text()
        return tuple(dict.fromkeys(int(part) if part.isdecimal() else part for part in parts))

    def set_value(self, value: Any) -> None:
        self._edit.setText(", ".join(str(item) for item in value))


class PathEditor(FieldEditor):
    """A file or folder, typed or chosen; empty means none where that is allowed."""

    def __init__(self, *, is_optional: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_optional = is_optional
        self._edit = QLineEdit()
        self._edit.textEdited.connect(self.edited)
        browse = icon_button("folder-open", tr("Choose a folder"))
        browse.clicked.connect(self._browse)
        self._hold(self._edit, browse)

    def value(self) -> Path | str | None:
        text = self._edit.text().strip()
        return Path(text) if text else None if self._is_optional else ""

    def set_value(self, value: Any) -> None:
        self._edit.setText("" if value is None else str(value))

    def set_empty_text(self, text: str) -> None:
        """Show what an empty value stands for."""
        self._edit.setPlaceholderText(text)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Choose a folder"), self._edit.text())
        if folder:
            self._edit.setText(folder)
            self.edited.emit()


class LinesEditor(FieldEditor):
    """Several texts or paths, one a line."""

    def __init__(self, kind: Callable[[str], Any], *, is_optional: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._is_optional = is_optional
        self._edit = QPlainTextEdit()
        self._edit.setFixedHeight(Theme.of_application().px(72))
        self._edit.setTabChangesFocus(True)
        self._edit.textChanged.connect(self.edited)
        self._hold(self._edit)

    def value(self) -> tuple[Any, ...] | None:
        lines = tuple(self._kind(line.strip()) for line in self._edit.toPlainText().splitlines() if line.strip())
        return None if self._is_optional and not lines else lines

    def set_value(self, value: Any) -> None:
        self._edit.blockSignals(True)
        self._edit.setPlainText("\n".join(str(item) for item in value or ()))
        self._edit.blockSignals(False)


def editor_for(annotation: Any, metadata: list[Any], *, unit: str = "", empty_text: str = "None") -> FieldEditor | None:
    """Return the editor for a field's type.

    Args:
        annotation: The type, optional or not.
        metadata: Bounds, as pydantic keeps them.
        unit: Shown behind a number.
        empty_text: What None is called.

    Returns:
        The editor; None for a type that has none (a free dict).
    """
    annotation, is_optional = _without_none(annotation)
    bounds = {
        name: getattr(part, name)
        for part in metadata
        for name in ("ge", "gt", "le", "lt", "multiple_of")
        if getattr(part, name, None) is not None
    }
    if get_origin(annotation) is Literal:
        return ChoiceEditor({value: choice_title(value) for value in get_args(annotation)})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ChoiceEditor({member: choice_title(member.value) for member in annotation})
    if annotation is bool:
        return SwitchEditor()
    if annotation is int:
        return IntEditor(
            minimum=bounds.get("ge", bounds["gt"] + 1 if "gt" in bounds else None),
            maximum=bounds.get("le", bounds["lt"] - 1 if "lt" in bounds else None),
            step=bounds.get("multiple_of", 1),
            unit=unit,
            empty_text=empty_text if is_optional else "",
        )
    if annotation is float:
        return FloatEditor(unit)
    if annotation is str:
        return TextEditor()
    if annotation in (Path, PhotoRef):
        return PathEditor(is_optional=is_optional)
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        if get_origin(item) is Annotated and get_args(item)[0] is str:
            # A text that is also checked.
            item = str
        if item in (Path, str, PhotoRef, PhotoPlace):
            read = photo_place if item == PhotoPlace else PhotoRef.of if item is PhotoRef else item
            return LinesEditor(read, is_optional=is_optional)
        return NumbersEditor(
            [word for part in get_args(item) if get_origin(part) is Literal for word in get_args(part)]
        )
    return None


def choice_title(value: Any) -> str:
    """Return what a person reads for a value."""
    title = CHOICE_TITLES.get(str(value))
    return tr(title) if title else translate_engine(str(value).replace("_", " ").capitalize())


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        others = [part for part in get_args(annotation) if part is not type(None)]
        if len(others) == 1 and len(others) < len(get_args(annotation)):
            return others[0], True
    return annotation, False
