"""What is written and where: format, metadata, destination, names. The lower part of the restore page's options."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from app.core.settings import Setting, Settings, restore_setting
from app.look.buttons import button
from app.look.layouts import Gap, in_column
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.widgets.config_form import ConfigForm
from app.widgets.field_editors import FieldEditor, TextEditor
from engine.contracts.blending import FULL, Blend
from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import ImageReadError, ImageWriteError
from engine.contracts.output_formats import FORMATS, FileFormat, FormatSpec
from engine.contracts.output_names import DEFAULT_PATTERN, NameValues, check_pattern, fill_pattern, stem_of_photo
from engine.contracts.photo import PhotoRef
from engine.machine.destination import check_destination
from engine.photo_files.formats import RAW_CONTENTS
from engine.photo_files.photos import probe_image
from engine.photo_files.writing import format_of_name, suffix_of_result

_FILE_FIELDS: Final = ("format", "raw_look", "bit_depth", "jpeg_quality", "metadata", "provenance", "keep_time")
_NAME_FIELDS: Final = ("name_pattern", "existing", "skip_done", "report")
"""Fields of `RestoreConfig`, in the order in which they are shown above and below the destination."""

_SETTINGS: Final[Mapping[str, Setting[Any]]] = {name: restore_setting(name) for name in (*_FILE_FIELDS, *_NAME_FIELDS)}
"""Where what was set last is kept."""


class OutputOptions(QWidget):
    """Format, metadata, destination, names, and what is passed over and reported.

    Signals:
        destination_chosen(Path): The person chose another folder.
        changed: Anything else was set otherwise.
        problem_changed: The pattern of names or the destination became sound, or ceased to be.

    Attributes:
        problem: Why nothing can be written with what is set; empty where all is well.
    """

    destination_chosen = Signal(object)
    changed = Signal()
    problem_changed = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._example = PhotoRef(Path("DSC_0001.jpg"))
        self._example_format: FileFormat = "jpeg"
        self._example_is_raw = False
        self._pattern_problem = self._destination_problem = ""
        self._values = NameValues(model="model", task="denoise", blend=FULL, day=datetime.now().date())
        self.problem = ""
        self._file_form = self._form(*_FILE_FIELDS)
        self._destination = ElidedLabel("", elide_mode=Qt.TextElideMode.ElideLeft)
        self.change_button = button(tr("Change…"), "folder-open")
        self.change_button.clicked.connect(self._change_destination)
        self._name_form = self._form(*_NAME_FIELDS)
        pattern_editor = self.editor("name_pattern")
        assert isinstance(pattern_editor, TextEditor)
        pattern_editor.set_placeholder(DEFAULT_PATTERN)
        self._destination_note = label("", "warning", wraps=True)
        self._destination_note.hide()
        in_column(
            self._file_form,
            Gap(SPACING),
            label(tr("Destination"), "caption"),
            self._destination,
            self._destination_note,
            self.change_button,
            Gap(SPACING),
            self._name_form,
            Gap(SPACING),
            of=self,
            margins=0,
            spacing=SPACING // 2,
        )
        self._follow_format()

    @property
    def fields(self) -> dict[str, Any]:
        """What is set, as fields of `RestoreConfig`."""
        values = {name: self.editor(name).value() for name in _SETTINGS}
        return {
            **values,
            "bit_depth": values["bit_depth"] if self._has_depths else "keep",
            "name_pattern": self._pattern,
        }

    def editor(self, name: str) -> FieldEditor:
        """Return the editor of a field of `RestoreConfig`."""
        form = self._file_form if name in self._file_form.field_names else self._name_form
        return form.editor(name)

    @property
    def destination_text(self) -> str:
        """The folder that is shown."""
        return self._destination.whole_text

    def show_destination(self, folder: Path | None) -> None:
        """Show where the photos will go, and try whether they can."""
        self._destination.set_text(str(folder) if folder is not None else "")
        self._destination_problem = ""
        if folder is not None:
            try:
                check_destination(folder)
            except ImageWriteError as error:
                self._destination_problem = f"{translate_engine(error.message)} {translate_engine(error.hint)}"
        self._destination_note.setText(self._destination_problem)
        self._destination_note.setVisible(bool(self._destination_problem))
        self._update_problem()

    def show_example_photo(self, photo: PhotoRef, content: str | None) -> None:
        """Take another photo for the example below the pattern.

        Args:
            photo: Which it is.
            content: What the file is; None where nobody has looked.
        """
        self._example, self._example_format = photo, _written_format(photo, content)
        self._example_is_raw = content in RAW_CONTENTS
        self._take_pattern()

    def show_example(self, model: str, task: str, blend: Blend) -> None:
        """Tell what a name is made of, for the example below the pattern.

        Args:
            model: What a person calls the model.
            task: What it does.
            blend: How much of the noise goes.
        """
        self._values = NameValues(model=model, task=task, blend=blend, day=datetime.now().date())
        self._take_pattern()

    @property
    def _chosen_spec(self) -> FormatSpec | None:
        """Of the format that is chosen; None where each photo keeps its own."""
        return FORMATS.get(self.editor("format").value())

    @property
    def _has_depths(self) -> bool:
        """Whether there is a choice of bits per channel."""
        spec = self._chosen_spec
        return spec is None or (spec.bits == 16 and not spec.is_of_sensors)

    @property
    def _pattern(self) -> str:
        return str(self.editor("name_pattern").value()) or DEFAULT_PATTERN

    def _form(self, *fields: str) -> ConfigForm:
        form = ConfigForm(RestoreConfig, fields=fields, has_preset=False, is_narrow=True)
        form.set_values({name: self._settings.get(_SETTINGS[name]) for name in fields})
        form.edited.connect(self._on_edited)
        return form

    @Slot(str)
    def _on_edited(self, name: str) -> None:
        if name == "name_pattern":
            self._take_pattern()
        else:
            self._settings.set(_SETTINGS[name], self.editor(name).value())
            self._follow_format()
        self.changed.emit()

    def _follow_format(self) -> None:
        spec = self._chosen_spec
        self._file_form.set_field_shown("jpeg_quality", spec is None or spec.has_quality)
        # Of the others there is nothing to choose.
        self._file_form.set_field_shown("bit_depth", self._has_depths)
        note = ""
        if spec is not None and "xmp" not in spec.holds:
            note = tr("{format} has no place to write how a photo was restored: what is done cannot be told later.")
            note = note.format(format=spec.name)
        is_problem = bool(note)
        if spec is not None and spec.is_of_sensors:
            note = tr("Raw files alone become {format}, still to be developed; other photos keep their format.")
            note = note.format(format=spec.name)
        self._file_form.set_note("format", note)
        self.editor("provenance").setEnabled(not is_problem)
        self.editor("skip_done").setEnabled(not is_problem and self.editor("provenance").value())
        self._take_pattern()

    def _take_pattern(self) -> None:
        try:
            check_pattern(self._pattern)
        except ValueError as error:
            note = self._pattern_problem = translate_engine(str(error))
        else:
            self._pattern_problem = ""
            self._settings.set(_SETTINGS["name_pattern"], self._pattern)
            stem = fill_pattern(self._pattern, stem_of_photo(self._example), self._values)
            chosen = self.editor("format").value()
            spec = self._chosen_spec
            keeps = spec is None or (spec.is_of_sensors and not self._example_is_raw)
            written = self._example_format if keeps else chosen
            suffix = suffix_of_result(self._example, written)
            note = tr("For example {name}").format(name=stem + suffix)
        self._name_form.set_note("name_pattern", note, is_problem=bool(self._pattern_problem))
        self._update_problem()

    def _update_problem(self) -> None:
        problem = self._pattern_problem or self._destination_problem
        if problem != self.problem:
            self.problem = problem
            self.problem_changed.emit()

    @Slot()
    def _change_destination(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Where the restored photos go"), self.destination_text)
        if chosen:
            self.destination_chosen.emit(Path(chosen))


def _written_format(photo: PhotoRef, content: str | None) -> FileFormat:
    """Return the format of a photo's result where it is to be the photo's own."""
    if content in RAW_CONTENTS:
        # As all of them are; their headers take a process of its own to read.
        return "tiff"
    try:
        return probe_image(photo).file_format
    except ImageReadError:
        return format_of_name(photo.file) or "jpeg"


def let_shrink(box: QComboBox) -> None:
    """Let a list be narrower than its longest entry, so that the column holds at large text."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
