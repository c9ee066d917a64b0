"""The settings of a training: those of the config, and those of the method and network that it names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.look.layouts import in_column
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import translate_engine
from app.widgets.config_form import ConfigForm
from app.widgets.field_editors import FieldEditor, TextEditor
from engine.contracts.configs import JobConfig, TrainingConfig
from engine.method.catalogue.rows import Row


class TrainingForm(QWidget):
    """A `ConfigForm` that grows sections for the parameters of what is chosen in it.

    Signals:
        edited: A person changed a value.
        more_toggled: The advanced settings were unfolded or folded.
    """

    edited = Signal()
    more_toggled = Signal(bool)

    def __init__(
        self,
        model: type[TrainingConfig],
        fields: Sequence[str],
        catalogues: Mapping[str, Mapping[str, Row]],
        empty_texts: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """Make it.

        Args:
            model: The settings.
            fields: The fields to be shown, in this order.
            catalogues: Further fields, that name something, and what there is to choose from.
            empty_texts: What None is called in a field that may be empty.
            parent: Its owner.
        """
        super().__init__(parent)
        self._model = model
        self._catalogues = catalogues
        self.params_forms: dict[str, ConfigForm] = {}
        self._hidden: frozenset[str] = frozenset()
        choices = {
            field: {name: translate_engine(row.title) for name, row in rows.items()}
            for field, rows in catalogues.items()
        }
        self._form = ConfigForm(model, fields=(*fields, *choices), choices=choices, empty_texts=empty_texts)
        self._sections = QWidget()
        self._sections_layout = in_column(of=self._sections, margins=0)
        self._sections.hide()
        in_column(self._form, self._sections, of=self, margins=0, spacing=2 * SPACING)
        self._form.edited.connect(self._on_edited)
        self._form.more_toggled.connect(self._on_more_toggled)
        for field in catalogues:
            self._show_params(field)

    @property
    def form(self) -> ConfigForm:
        """The form of the config itself."""
        return self._form

    def set_baseline(self, values: Mapping[str, Any]) -> None:
        """Show a preset's values."""
        with self._following_choices():
            self._form.set_baseline(values)

    def move_baseline(self, values: Mapping[str, Any]) -> None:
        """Show a preset's values, but for the fields that a person has changed."""
        with self._following_choices():
            self._form.move_baseline(values)

    @contextmanager
    def _following_choices(self) -> Iterator[None]:
        """Show the parameters of what a preset has chosen in place of those of what was chosen before."""
        before = self._form.values()
        yield
        now = self._form.values()
        for field in self._catalogues:
            if now[field] != before[field]:
                self._show_params(field)

    def set_choice_shown(self, field: str, shown: bool) -> None:
        """Hide a choice that has no effect now, with its parameters, or show both again."""
        self._hidden = self._hidden - {field} if shown else self._hidden | {field}
        self._form.set_field_shown(field, shown)
        self._show_params(field)

    def set_more_shown(self, shown: bool) -> None:
        """Unfold or fold the advanced settings."""
        self._form.set_more_shown(shown)

    def set_placeholder(self, field: str, text: str) -> None:
        """Show what an empty text field will become."""
        editor = self._form.editor(field)
        if isinstance(editor, TextEditor):
            editor.set_placeholder(text)

    def params_editor(self, params: str, field: str) -> FieldEditor | None:
        """Return the editor of a parameter of what is chosen; None where that has no such parameter.

        Args:
            params: The config's field: "pretext_params".
            field: The parameter.
        """
        form = self.params_forms.get(params)
        return form.editor(field) if form is not None and field in form.field_names else None

    def values(self) -> dict[str, Any]:
        """Return all values, as they stand."""
        all_values = self._form.values()
        values = {name: all_values[name] for name in self._form.field_names}
        for field, form in self.params_forms.items():
            values[field] = form.values()
        return values

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        found = self._form.errors()
        for form in self.params_forms.values():
            found.update(form.errors())
        return found

    def _on_more_toggled(self, shown: bool) -> None:
        self._sections.setVisible(shown and bool(self.params_forms))
        self.more_toggled.emit(shown)

    def _on_edited(self, name: str) -> None:
        if name in self._catalogues:
            self._show_params(name)
        self.edited.emit()

    def _show_params(self, field: str) -> None:
        """Put the parameters of the chosen entry in place of the former ones."""
        model = self._catalogues[field][self._form.values()[field]].params_model
        self.set_params(f"{field}_params", model if field not in self._hidden else None, {})

    def set_params(self, params: str, model: type[JobConfig] | None, baseline: Mapping[str, Any]) -> None:
        """Offer the parameters of something in place of the former ones.

        Args:
            params: The config's field: "task_params".
            model: Their settings model; None, or one without fields, removes the section.
            baseline: Values to begin with, on top of the model's defaults.
        """
        while self._sections_layout.count():
            item = self._sections_layout.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None and widget not in self.params_forms.values():
                widget.deleteLater()
        old = self.params_forms.pop(params, None)
        if old is not None:
            old.deleteLater()
        if model is not None and model.model_fields:
            form = ConfigForm(model)
            form.set_baseline(baseline)
            form.set_more_shown(True)
            form.edited.connect(lambda _: self.edited.emit())
            self.params_forms[params] = form
        for name, form in self.params_forms.items():
            title = self._model.model_fields[name].title or name
            self._sections_layout.addWidget(label(translate_engine(title), "strong"))
            self._sections_layout.addWidget(form)
        self._sections.setVisible(self._form.more_button.isChecked() and bool(self.params_forms))
