"""How photos are restored and where they go: the right column of the restore page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QSlider, QSpinBox, QVBoxLayout, QWidget

from app.session import ModelChoice, Session
from app.settings import (
    OPEN_DIALOG_FOLDER,
    RESTORE_FORMAT,
    RESTORE_KEEP_METADATA,
    RESTORE_STRENGTH,
    Settings,
)
from app.theme import SPACING
from app.widgets.buttons import button
from app.widgets.text import ElidedLabel, label

OutputFormat = Literal["keep", "png", "tiff16", "jpeg"]
Existing = Literal["rename", "overwrite", "skip"]

FORMATS: dict[OutputFormat, str] = {
    "keep": "As the original",
    "png": "PNG",
    "tiff16": "TIFF, 16 bit",
    "jpeg": "JPEG",
}
EXISTING: dict[Existing, str] = {
    "rename": "Add a number",
    "skip": "Skip the photo",
    "overwrite": "Replace the older result",
}
_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class RestoreChoices:
    """What is set in the column."""

    strength: float
    format: OutputFormat
    jpeg_quality: int
    keep_metadata: bool
    existing: Existing


class RestoreOptions(QWidget):
    """Model, strength, format, metadata, destination.

    Signals:
        strength_changed(float): Another strength, 0 to 1.
        destination_chosen(Path): The person chose another folder.
    """

    strength_changed = Signal(float)
    destination_chosen = Signal(object)

    def __init__(self, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self.model_box = QComboBox()
        self.model_box.setAccessibleName("Model")
        _let_shrink(self.model_box)
        self.model_box.activated.connect(self._choose_model)
        self._model_note = label("", "caption", wraps=True)
        self.strength_slider = QSlider(Qt.Orientation.Horizontal)
        self.strength_slider.setRange(0, _STEPS)
        self.strength_slider.setAccessibleName("Strength")
        self.strength_slider.setToolTip("0 % keeps the noisy photo, 100 % is the full restoration.")
        self.strength_slider.setValue(round(settings.get(RESTORE_STRENGTH) * _STEPS))
        self.strength_slider.valueChanged.connect(self._set_strength)
        self._strength_text = label(f"{self.strength_slider.value()} %")
        self.format_box = _choice_box("Format", FORMATS, settings.get(RESTORE_FORMAT))
        self.format_box.currentIndexChanged.connect(self._set_format)
        self.quality_box = QSpinBox()
        self.quality_box.setRange(50, 100)
        self.quality_box.setValue(95)
        self.quality_box.setPrefix("Quality ")
        self.quality_box.setAccessibleName("JPEG quality")
        self.metadata_box = QCheckBox("Keep metadata")
        self.metadata_box.setToolTip("Carry EXIF data and the colour profile (ICC) over.")
        self.metadata_box.setChecked(settings.get(RESTORE_KEEP_METADATA))
        self.metadata_box.toggled.connect(lambda keep: settings.set(RESTORE_KEEP_METADATA, keep))
        self.existing_box = _choice_box("If the file exists", EXISTING, "rename")
        self._destination = ElidedLabel("", elide_mode=Qt.TextElideMode.ElideLeft)
        self.change_button = button("Change…", "folder-open")
        self.change_button.clicked.connect(self._change_destination)
        self._build()
        self.quality_box.setVisible(self.format_box.currentData() == "jpeg")
        session.run_catalog.changed.connect(self._fill_models)
        session.model_changed.connect(self._fill_models)
        self._fill_models()

    @property
    def choices(self) -> RestoreChoices:
        """What is set now."""
        return RestoreChoices(
            strength=self.strength_slider.value() / _STEPS,
            format=self.format_box.currentData(),
            jpeg_quality=self.quality_box.value(),
            keep_metadata=self.metadata_box.isChecked(),
            existing=self.existing_box.currentData(),
        )

    @property
    def destination_text(self) -> str:
        """The folder that is shown."""
        return self._destination.whole_text

    def show_destination(self, folder: Path | None) -> None:
        """Show where the photos will go."""
        self._destination.set_text(str(folder) if folder is not None else "")

    def _build(self) -> None:
        strength = QHBoxLayout()
        strength.setSpacing(SPACING)
        strength.addWidget(self.strength_slider, 1)
        self._strength_text.setMinimumWidth(self._strength_text.fontMetrics().horizontalAdvance("100 %"))
        self._strength_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        strength.addWidget(self._strength_text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        sections: Sequence[tuple[str, Sequence[QWidget | QHBoxLayout]]] = (
            ("Model", (self.model_box, self._model_note)),
            ("Strength", (strength,)),
            ("Format", (self.format_box, self.quality_box, self.metadata_box)),
            ("Destination", (self._destination, self.change_button)),
            ("If the file exists", (self.existing_box,)),
        )
        for heading, parts in sections:
            layout.addWidget(label(heading, "caption"))
            for part in parts:
                if isinstance(part, QWidget):
                    layout.addWidget(part)
                else:
                    layout.addLayout(part)
            layout.addSpacing(SPACING + SPACING // 2)
        layout.addWidget(label("The originals are never changed.", "caption", wraps=True))
        layout.addStretch(1)

    @Slot()
    def _fill_models(self) -> None:
        self.model_box.clear()
        model = self._session.model
        for entry in self._session.run_catalog.runs:
            if entry.has_model:
                self.model_box.addItem(entry.record.name or entry.record.id, ModelChoice(entry.path, entry.record.name))
        for starter in self._session.starters:
            self.model_box.addItem(starter.title, ModelChoice(starter.path, starter.title))
        if model is not None and self._row_of(model) < 0:
            self.model_box.addItem(model.name, model)
        self.model_box.insertSeparator(self.model_box.count())
        self.model_box.addItem("Open a model file…", None)
        self.model_box.setCurrentIndex(self._row_of(model) if model is not None else -1)
        self._model_note.setText(self._describe(model))

    def _describe(self, model: ModelChoice | None) -> str:
        if model is None:
            return ""
        starter = self._session.find_starter(model.path)
        if starter is not None:
            return starter.description
        entry = self._session.run_catalog.find(model.path)
        if entry is None:
            return ""
        record = entry.record
        if record.kind == "pretrain":
            return f"Pretrained without labels, {record.steps_done:,} steps"
        return f"Fine-tuned with {len(record.labels):,} labels, {record.steps_done:,} steps"

    def _row_of(self, model: ModelChoice) -> int:
        for row in range(self.model_box.count()):
            choice = self.model_box.itemData(row)
            if isinstance(choice, ModelChoice) and choice.path == model.path:
                return row
        return -1

    @Slot(int)
    def _choose_model(self, row: int) -> None:
        choice = self.model_box.itemData(row)
        if isinstance(choice, ModelChoice):
            self._session.set_model(choice)
        else:
            self.open_model_file()
            self._fill_models()

    @Slot()
    def open_model_file(self) -> None:
        """Ask for a model file and use it."""
        name, _ = QFileDialog.getOpenFileName(
            self, "Open a model file", self._settings.get(OPEN_DIALOG_FOLDER), "Models (*.safetensors)"
        )
        if name:
            self._session.set_model(ModelChoice(Path(name), Path(name).stem))

    @Slot(int)
    def _set_strength(self, value: int) -> None:
        self._strength_text.setText(f"{value} %")
        self._settings.set(RESTORE_STRENGTH, value / _STEPS)
        self.strength_changed.emit(value / _STEPS)

    @Slot()
    def _set_format(self) -> None:
        chosen = self.format_box.currentData()
        self.quality_box.setVisible(chosen == "jpeg")
        self._settings.set(RESTORE_FORMAT, chosen)

    @Slot()
    def _change_destination(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where the restored photos go", self.destination_text)
        if chosen:
            self.destination_chosen.emit(Path(chosen))


def _choice_box(name: str, choices: dict[OutputFormat, str] | dict[Existing, str], chosen: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    _let_shrink(box)
    for key, text in choices.items():
        box.addItem(text, key)
    box.setCurrentIndex(box.findData(chosen))
    return box


def _let_shrink(box: QComboBox) -> None:
    """Let a list be narrower than its longest entry, so that the column holds at large text."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
