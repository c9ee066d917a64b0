"""What is written and where: format, metadata, destination, names. The lower part of the restore page's options."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import (
    RESTORE_BIT_DEPTH,
    RESTORE_EXISTING,
    RESTORE_FORMAT,
    RESTORE_JPEG_QUALITY,
    RESTORE_KEEP_TIME,
    RESTORE_METADATA,
    RESTORE_NAME_PATTERN,
    RESTORE_PROVENANCE,
    RESTORE_REPORT,
    RESTORE_SKIP_DONE,
    Setting,
    Settings,
)
from app.look.buttons import button
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, set_role
from app.look.translation import mark, tr, translate_engine
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.errors import ImageReadError, ImageWriteError
from engine.contracts.output_formats import FORMATS, FileFormat, FormatSpec
from engine.contracts.output_names import DEFAULT_PATTERN, NameValues, check_pattern, fill_pattern
from engine.machine.destination import check_destination
from engine.photo_files.photos import probe_image
from engine.photo_files.writing import format_of_name, suffix_of_result

BIT_DEPTHS: Final = {
    "keep": mark("Same bits"),
    "8": mark("8 bits"),
    "16": mark("16 bits"),
}
METADATA: Final = {
    "keep": mark("Keep metadata"),
    "without-gps": mark("Keep all but the place (GPS)"),
    "none": mark("No metadata"),
}
EXISTING: Final = {
    "rename": mark("Add a number"),
    "skip": mark("Leave it alone"),
    "overwrite": mark("Replace it"),
}


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
        self._example = Path("DSC_0001.jpg")
        self._example_format: FileFormat = "jpeg"
        self._pattern_problem = self._destination_problem = ""
        self._values = NameValues(model="model", task="denoise", strength=1.0, day=datetime.now().date())
        self.problem = ""
        formats = {"keep": tr("Same format"), **{name: spec.name for name, spec in FORMATS.items()}}
        self.format_box = self._choice_box(tr("Format"), formats, RESTORE_FORMAT)
        self.depth_box = self._choice_box(tr("Bit depth"), BIT_DEPTHS, RESTORE_BIT_DEPTH)
        self.format_box.setToolTip(tr("The same as the photo's, or one for all. Raw files become TIFF with 16 bits."))
        self.depth_box.setToolTip(tr("Bits per channel. 16 keep finer steps of brightness and make larger files."))
        self.quality_box = QSpinBox()
        self.quality_box.setRange(50, 100)
        self.quality_box.setValue(settings.get(RESTORE_JPEG_QUALITY))
        self.quality_box.setPrefix(tr("Quality {number}").format(number=""))
        self.quality_box.setAccessibleName(tr("JPEG quality"))
        self.quality_box.setToolTip(tr("100 loses least and takes most room."))
        self.quality_box.valueChanged.connect(lambda value: settings.set(RESTORE_JPEG_QUALITY, value))
        self.metadata_box = self._choice_box(tr("Metadata"), METADATA, RESTORE_METADATA)
        self.metadata_box.setToolTip(
            tr("What is carried over of what the file says (EXIF, XMP, IPTC). The colour profile (ICC) always is.")
        )
        self.provenance_box = self._check_box(
            tr("Write how it was restored"),
            tr("Model, run, version and strength are written into each file (XMP), so that they can be told later."),
            RESTORE_PROVENANCE,
        )
        self.keep_time_box = self._check_box(
            tr("Keep the file's time"),
            tr("Each result counts as modified when its photo was, so that lists by date keep their order."),
            RESTORE_KEEP_TIME,
        )
        self._destination = ElidedLabel("", elide_mode=Qt.TextElideMode.ElideLeft)
        self.change_button = button(tr("Change…"), "folder-open")
        self.change_button.clicked.connect(self._change_destination)
        self.pattern_edit = QLineEdit(settings.get(RESTORE_NAME_PATTERN))
        self.pattern_edit.setAccessibleName(tr("File name"))
        self.pattern_edit.setPlaceholderText(DEFAULT_PATTERN)
        self.pattern_edit.setToolTip(
            tr("Filled in for each photo: {fields}.").format(fields="{name}, {model}, {task}, {strength}, {date}")
        )
        self.pattern_edit.textChanged.connect(self._take_pattern)
        self._name_note = label("", "caption", wraps=True)
        self._destination_note = label("", "warning", wraps=True)
        self._destination_note.hide()
        self._no_place_note = label("", "caption", wraps=True)
        self.existing_box = self._choice_box(tr("If the file exists"), EXISTING, RESTORE_EXISTING)
        self.skip_done_box = self._check_box(
            tr("Pass over what is done"),
            tr(
                "Photos whose result is there already, undamaged and from the same photo, model and settings, are not "
                "restored again."
            ),
            RESTORE_SKIP_DONE,
        )
        self.report_box = self._check_box(
            tr("Report beside the results"),
            tr("When the batch is done, a page with crops of before and after (HTML) and a table (CSV) are written."),
            RESTORE_REPORT,
        )
        self.format_box.currentIndexChanged.connect(self._follow_format)
        self.provenance_box.toggled.connect(self._follow_provenance)
        for box in (self.format_box, self.depth_box, self.metadata_box, self.existing_box):
            box.currentIndexChanged.connect(self.changed)
        for check in (self.provenance_box, self.skip_done_box):
            check.toggled.connect(self.changed)
        self.quality_box.valueChanged.connect(self.changed)
        self.pattern_edit.textChanged.connect(self.changed)
        self._build()
        self._follow_format()
        self._follow_provenance()
        self._take_pattern()

    @property
    def fields(self) -> dict[str, Any]:
        """What is set, as fields of `RestoreConfig`."""
        return {
            "format": self.format_box.currentData(),
            "bit_depth": self.depth_box.currentData() if self.depth_box.isEnabled() else "keep",
            "jpeg_quality": self.quality_box.value(),
            "metadata": self.metadata_box.currentData(),
            "provenance": self.provenance_box.isChecked(),
            "keep_time": self.keep_time_box.isChecked(),
            "name_pattern": self._pattern,
            "existing": self.existing_box.currentData(),
            "skip_done": self.skip_done_box.isChecked(),
            "report": self.report_box.isChecked(),
        }

    @property
    def no_place_note(self) -> str:
        """What is said of a format that cannot tell how a photo was restored; "" unless one is chosen."""
        return "" if self._no_place_note.isHidden() else self._no_place_note.text()

    @property
    def destination_text(self) -> str:
        """The folder that is shown."""
        return self._destination.whole_text

    @property
    def name_note(self) -> str:
        """What is said about the names: an example, or what is wrong."""
        return self._name_note.text()

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

    def show_example_photo(self, photo: Path, content: str | None) -> None:
        """Take another photo for the example below the pattern.

        Args:
            photo: Its file.
            content: What the file is; None where nobody has looked.
        """
        self._example, self._example_format = photo, _written_format(photo, content)
        self._take_pattern()

    def show_example(self, model: str, task: str, strength: float) -> None:
        """Tell what a name is made of, for the example below the pattern.

        Args:
            model: What a person calls the model.
            task: What it does.
            strength: 0 to 1.
        """
        self._values = NameValues(model=model, task=task, strength=strength, day=datetime.now().date())
        self._take_pattern()

    @property
    def _chosen_spec(self) -> FormatSpec | None:
        """Of the format that is chosen; None where each photo keeps its own."""
        return FORMATS.get(self.format_box.currentData())

    @property
    def _pattern(self) -> str:
        return self.pattern_edit.text() or DEFAULT_PATTERN

    def _build(self) -> None:
        format_row = QHBoxLayout()
        format_row.setSpacing(SPACING // 2)
        format_row.addWidget(self.format_box, 6)
        format_row.addWidget(self.depth_box, 5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        sections: tuple[tuple[str, tuple[QWidget | QHBoxLayout, ...]], ...] = (
            (tr("Format"), (format_row, self.quality_box, self._no_place_note)),
            (tr("Metadata"), (self.metadata_box, self.provenance_box, self.keep_time_box)),
            (tr("Destination"), (self._destination, self._destination_note, self.change_button)),
            (tr("File name"), (self.pattern_edit, self._name_note)),
            (tr("If the file exists"), (self.existing_box, self.skip_done_box)),
            (tr("Afterwards"), (self.report_box,)),
        )
        for heading, parts in sections:
            layout.addWidget(label(heading, "caption"))
            for part in parts:
                if isinstance(part, QWidget):
                    layout.addWidget(part)
                else:
                    layout.addLayout(part)
            layout.addSpacing(SPACING)

    def _choice_box(self, name: str, choices: Mapping[str, str], setting: Setting[str]) -> QComboBox:
        box = ElidedComboBox()
        box.setAccessibleName(name)
        let_shrink(box)
        for key, text in choices.items():
            box.addItem(tr(text), key)
        box.setCurrentIndex(box.findData(self._settings.get(setting)))
        box.currentIndexChanged.connect(lambda: self._settings.set(setting, box.currentData()))
        return box

    def _check_box(self, text: str, tip: str, setting: Setting[bool]) -> QCheckBox:
        box = QCheckBox(text)
        box.setToolTip(tip)
        box.setChecked(self._settings.get(setting))
        box.toggled.connect(lambda on: self._settings.set(setting, on))
        return box

    @Slot()
    def _follow_format(self) -> None:
        spec = self._chosen_spec
        self.quality_box.setVisible(spec is None or spec.has_quality)
        # Of the others there is nothing to choose.
        holds_16_bits = spec is None or spec.bits == 16
        self.depth_box.setEnabled(holds_16_bits)
        self.depth_box.setVisible(holds_16_bits)
        self._follow_provenance()
        self._take_pattern()

    @Slot()
    def _follow_provenance(self) -> None:
        spec = self._chosen_spec
        holds_it = spec is None or "xmp" in spec.holds
        if spec is not None and not holds_it:
            note = tr("{format} has no place to write how a photo was restored: what is done cannot be told later.")
            self._no_place_note.setText(note.format(format=spec.name))
        self._no_place_note.setVisible(not holds_it)
        self.provenance_box.setEnabled(holds_it)
        self.skip_done_box.setEnabled(holds_it and self.provenance_box.isChecked())

    @Slot()
    def _take_pattern(self) -> None:
        try:
            check_pattern(self._pattern)
        except ValueError as error:
            self._pattern_problem = translate_engine(str(error))
            self._name_note.setText(self._pattern_problem)
        else:
            self._pattern_problem = ""
            self._settings.set(RESTORE_NAME_PATTERN, self._pattern)
            stem = fill_pattern(self._pattern, self._example.stem, self._values)
            chosen = self.format_box.currentData()
            written = self._example_format if chosen == "keep" else chosen
            suffix = suffix_of_result(self._example, written)
            self._name_note.setText(tr("For example {name}").format(name=stem + suffix))
        set_role(self._name_note, "warning" if self._pattern_problem else "caption")
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


def _written_format(photo: Path, content: str | None) -> FileFormat:
    """Return the format of a photo's result where it is to be the photo's own."""
    if content in ("camera raw", "bare mosaic"):
        # As all of them are; their headers take a process of its own to read.
        return "tiff"
    try:
        return probe_image(photo).file_format
    except ImageReadError:
        return format_of_name(photo) or "jpeg"


def let_shrink(box: QComboBox) -> None:
    """Let a list be narrower than its longest entry, so that the column holds at large text."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
