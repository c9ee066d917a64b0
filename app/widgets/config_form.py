"""A form made from a pydantic settings model: titles, tooltips, bounds, units and choices all come from its fields."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from app.look.buttons import quiet_button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, set_role, themed_icon
from app.look.translation import format_number, short_number, tr, translate_engine
from app.widgets.field_editors import (
    EDITOR_PX,
    MIN_EDITOR_PX,
    ChoiceEditor,
    FieldEditor,
    IntEditor,
    SwitchEditor,
    editor_for,
)

CAPTION_PX = 160


class ConfigForm(QWidget):
    """Edits some or all fields of one settings model; fields marked "advanced" are folded behind "More settings".

    A field without an editor (a free dict), or not shown, keeps the value it was given.

    Attributes:
        more_button: Unfolds the advanced fields.
        reset_button: Sets every field back to the preset.

    Signals:
        edited: A person changed a value; carries the field's name.
        more_toggled: The advanced fields were unfolded or folded.
    """

    edited = Signal(str)
    more_toggled = Signal(bool)

    def __init__(
        self,
        model: type[BaseModel],
        *,
        fields: Sequence[str] | None = None,
        choices: Mapping[str, Mapping[str, str]] | None = None,
        empty_texts: Mapping[str, str] | None = None,
        has_preset: bool = True,
        is_narrow: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Build the form.

        Args:
            model: The settings.
            fields: The fields to be shown, in this order; None: all that have an editor.
            choices: For text fields that name something: the allowed values and their titles.
            empty_texts: What None is called in a field that may be empty.
            has_preset: Whether what differs from the preset is shown, and can be reset to it.
            is_narrow: Whether captions stand above what they name, for a slim column.
            parent: Its owner.
        """
        super().__init__(parent)
        self._model = model
        self._has_preset = has_preset
        self._editors: dict[str, FieldEditor] = {}
        self._errors: dict[str, QLabel] = {}
        self._notes: dict[str, tuple[str, bool]] = {}
        self._captions: dict[str, QLabel] = {}
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._baseline: dict[str, Any] = {
            name: field.get_default(call_default_factory=True)
            for name, field in model.model_fields.items()
            if not field.is_required()
        }
        self._carried = dict(self._baseline)

        self._is_narrow = is_narrow
        self._basic = _FieldGrid(is_narrow)
        self._advanced = _FieldGrid(is_narrow)
        for name in fields if fields is not None else model.model_fields:
            self._add_field(name, model.model_fields[name], (choices or {}).get(name), (empty_texts or {}).get(name))
        self.more_button = quiet_button(tr("More settings"), "caret-right")
        set_role(self.more_button, "disclosure")
        self.more_button.setCheckable(True)
        self.more_button.toggled.connect(self.set_more_shown)
        self.more_button.setVisible(self._advanced.num_rows > 0)
        self.reset_button = quiet_button(tr("Reset to the preset"), "arrow-counter-clockwise")
        self.reset_button.clicked.connect(self.reset)
        self._advanced.hide()
        row = in_row(self.more_button, self.reset_button, Stretch())
        in_column(self._basic, row, self._advanced, of=self, margins=0)
        self._basic.setVisible(self._basic.num_rows > 0)
        self._show(self._baseline)
        self._refresh()

    @property
    def field_names(self) -> tuple[str, ...]:
        """The fields that can be edited, in their order."""
        return tuple(self._editors)

    def editor(self, name: str) -> FieldEditor:
        """Return a field's editor."""
        return self._editors[name]

    def values(self) -> dict[str, Any]:
        """Return all values, as they stand; `errors` says whether they are valid."""
        return {**self._carried, **{name: editor.value() for name, editor in self._editors.items()}}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values; fields that are not named keep theirs."""
        self._carried.update(values)
        self._show(values)
        self._refresh()

    def set_baseline(self, values: Mapping[str, Any]) -> None:
        """Set what "Reset" goes back to, on top of the model's defaults, and show it; other fields keep theirs."""
        self._baseline.update(values)
        self.set_values(values)

    def move_baseline(self, values: Mapping[str, Any]) -> None:
        """Set what "Reset" goes back to; a field that a person has changed keeps its value."""
        changed = self.changed_fields()
        self._baseline.update(values)
        self.set_values({name: value for name, value in values.items() if name not in changed})

    def set_field_shown(self, name: str, shown: bool) -> None:
        """Hide a field that has no effect now, or show it again."""
        self._editors[name].setVisible(shown)
        self._captions[name].setVisible(shown)

    def set_note(self, name: str, text: str, *, is_problem: bool = False) -> None:
        """Say something below a field, where nothing is wrong with its value by itself; "" hides it."""
        self._notes[name] = text, is_problem
        self._refresh()

    def reset(self) -> None:
        """Go back to the preset."""
        changed = self.changed_fields()
        self.set_values(self._baseline)
        for name in changed:
            self.edited.emit(name)

    def changed_fields(self) -> list[str]:
        """Return the fields that differ from the preset."""
        return [
            name
            for name, editor in self._editors.items()
            if name in self._baseline and editor.value() != self._baseline[name]
        ]

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field; empty if everything is valid."""
        found = {}
        for name, editor in self._editors.items():
            problem = self._problem(name, editor.value())
            if problem:
                found[name] = problem
        return found

    def set_more_shown(self, shown: bool) -> None:
        """Unfold or fold the advanced fields."""
        if self._advanced.isHidden() == shown:
            self.more_button.setChecked(shown)
            self.more_button.setIcon(themed_icon("caret-down" if shown else "caret-right"))
            self._advanced.setVisible(shown)
            self._refresh()
            self.more_toggled.emit(shown)

    def _add_field(
        self, name: str, field: FieldInfo, choices: Mapping[str, str] | None, empty_text: str | None
    ) -> None:
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        unit = translate_engine(str(extra.get("unit", "")))
        editor: FieldEditor | None
        if choices is not None:
            editor = ChoiceEditor({value: translate_engine(title) for value, title in choices.items()})
        else:
            editor = editor_for(
                field.annotation,
                field.metadata,
                unit=unit,
                empty_text=translate_engine(empty_text) if empty_text else tr("None"),
            )
        if editor is None:
            return
        if isinstance(editor, IntEditor) and "zero" in extra:
            editor.set_lowest_text(translate_engine(str(extra["zero"])))
        title = translate_engine(field.title or name.replace("_", " ").capitalize())
        description = translate_engine(field.description or "")
        caption, error = label(title, "caption" if self._is_narrow else ""), label("", "warning", wraps=True)
        if self._is_narrow and isinstance(editor, SwitchEditor):
            editor.set_text(title)
            caption.setText("")
        caption.setBuddy(editor)
        error.hide()
        for part in (caption, editor):
            part.setToolTip(description)
        editor.setAccessibleName(title)
        editor.setAccessibleDescription(description)
        editor.edited.connect(lambda: self._on_edited(name))
        self._editors[name], self._errors[name], self._captions[name] = editor, error, caption
        annotation: Any = field.annotation
        self._adapters[name] = TypeAdapter(Annotated[(annotation, *field.metadata)] if field.metadata else annotation)
        (self._advanced if extra.get("level") == "advanced" else self._basic).add(caption, editor, error)

    def _show(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name in self._editors:
                self._editors[name].set_value(value)

    def _on_edited(self, name: str) -> None:
        self._refresh()
        self.edited.emit(name)

    def _refresh(self) -> None:
        errors = self.errors()
        changed = self.changed_fields() if self._has_preset else []
        for name, error_label in self._errors.items():
            note, is_problem = self._notes.get(name, ("", False))
            set_role(error_label, "warning" if name in errors or is_problem else "caption")
            error_label.setText(errors.get(name, note))
            error_label.setVisible(bool(error_label.text()))
            font = self._captions[name].font()
            font.setBold(name in changed)
            self._captions[name].setFont(font)
        self.reset_button.setVisible(bool(changed) and (self.more_button.isChecked() or self._advanced.num_rows == 0))
        num_hidden = 0 if self.more_button.isChecked() else sum(self.is_advanced(name) for name in changed)
        text = tr("More settings ({number} changed)") if num_hidden else tr("More settings")
        self.more_button.setText(text.format(number=format_number(num_hidden)))

    def is_advanced(self, name: str) -> bool:
        """Tell whether a field is folded away with the others."""
        return self._advanced.isAncestorOf(self._editors[name])

    def _problem(self, name: str, value: Any) -> str:
        try:
            self._adapters[name].validate_python(value)
        except ValidationError as error:
            return _sentence(error.errors()[0])
        return ""


class _FieldGrid(QWidget):
    """Captions left, editors right, what is wrong below; many fields stand in two columns where there is room.

    A narrow one has the captions above the editors, and these as wide as itself.
    """

    def __init__(self, is_narrow: bool) -> None:
        super().__init__()
        self._is_narrow = is_narrow
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * SPACING)
        self._grid.setVerticalSpacing(SPACING // 2 if is_narrow else SPACING)
        self._rows: list[tuple[QLabel, FieldEditor, QLabel]] = []
        self._num_columns = 1
        Theme.of_application().changed.connect(self._fit)

    @property
    def num_rows(self) -> int:
        return len(self._rows)

    def add(self, caption: QLabel, editor: FieldEditor, error: QLabel) -> None:
        self._rows.append((caption, editor, error))
        if self._is_narrow:
            line = self._grid.rowCount()
            editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            caption.setContentsMargins(0, SPACING if line > 1 else 0, 0, 0)
            for below, widget in enumerate((caption, editor, error) if caption.text() else (editor, error)):
                self._grid.addWidget(widget, line + below, 0)
        else:
            self._place()

    def minimumSizeHint(self) -> QSize:
        # That of one column, or two columns could never become one again.
        if self._is_narrow:
            return super().minimumSizeHint()
        px = Theme.of_application().px
        return QSize(px(CAPTION_PX + MIN_EDITOR_PX) + 5 * SPACING, self._grid.totalMinimumSize().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        needed = 2 * (Theme.of_application().px(CAPTION_PX + EDITOR_PX) + 5 * SPACING)
        if self._is_narrow:
            return
        num_columns = 2 if len(self._rows) > 3 and self.width() >= needed else 1
        if num_columns != self._num_columns:
            self._num_columns = num_columns
            self._place()
        self.updateGeometry()

    def _place(self) -> None:
        num_lines = -(-len(self._rows) // self._num_columns)
        for widget in (part for row in self._rows for part in row):
            self._grid.removeWidget(widget)
        for position, (caption, editor, error) in enumerate(self._rows):
            column, line = divmod(position, num_lines)
            self._grid.addWidget(caption, 2 * line, 3 * column, Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(editor, 2 * line, 3 * column + 1)
            self._grid.addWidget(error, 2 * line + 1, 3 * column, 1, 2)
        for column in range(2):
            is_used = column < self._num_columns
            self._grid.setColumnMinimumWidth(3 * column, Theme.of_application().px(CAPTION_PX) if is_used else 0)
            self._grid.setColumnMinimumWidth(3 * column + 2, SPACING if is_used else 0)
            self._grid.setColumnStretch(3 * column + 2, 1 if column == self._num_columns - 1 else 0)


def _sentence(error: Any) -> str:
    """Say in plain words what pydantic found."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return tr("Must be at least {limit}.").format(limit=short_number(f"{limits['ge']:g}"))
        case "greater_than":
            return tr("Must be greater than {limit}.").format(limit=short_number(f"{limits['gt']:g}"))
        case "less_than_equal":
            return tr("Must be at most {limit}.").format(limit=short_number(f"{limits['le']:g}"))
        case "less_than":
            return tr("Must be less than {limit}.").format(limit=short_number(f"{limits['lt']:g}"))
        case "multiple_of":
            return tr("Must be a multiple of {limit}.").format(limit=short_number(f"{limits['multiple_of']:g}"))
        case "float_parsing" | "float_type" | "finite_number":
            return tr("Must be a number, such as 0.001.")
        case "int_parsing" | "int_type" | "int_from_float":
            return tr("Must be a whole number.")
        case "too_short":
            return tr("Must not be empty.")
        case "string_too_long":
            return tr("Must have at most {limit} characters.").format(limit=limits["max_length"])
        case "tuple_type":
            return tr("Must be whole numbers parted by commas, such as 0, 1, 5.")
        case "path_type":
            return tr("Must name a file or folder.")
        case _:
            return str(error["msg"]).rstrip(".") + "."
