"""How photos are restored and where they go: the right column of the restore page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.core.session import ModelChoice, Session
from app.core.settings import OPEN_DIALOG_FOLDER, RESTORE_STRENGTH, Settings
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.restore.output import OutputOptions, let_shrink
from app.pages.shared.model_dialogs import ask_for_model_file
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.configs import RestoreConfig
from engine.contracts.photo import PhotoRef

_STEPS = 100


class RestoreOptions(QWidget):
    """Model, strength, and what is written.

    Signals:
        strength_changed(float): Another strength, 0 to 1.

    Attributes:
        output: What is written and where.
    """

    strength_changed = Signal(float)

    def __init__(self, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self.output = OutputOptions(settings)
        self.model_box = ElidedComboBox()
        self.model_box.setAccessibleName(tr("Model"))
        let_shrink(self.model_box)
        self.model_box.activated.connect(self._choose_model)
        self._model_note = label("", "caption", wraps=True)
        self.strength_slider = QSlider(Qt.Orientation.Horizontal)
        self.strength_slider.setRange(0, _STEPS)
        self.strength_slider.setAccessibleName(tr("Strength"))
        self.strength_slider.setToolTip(
            tr(
                "0 % keeps the noisy photo, 100 % is the full restoration. Of raw files 0 % is plain interpolation "
                "(demosaicking) without a network."
            )
        )
        self.strength_slider.setValue(round(settings.get(RESTORE_STRENGTH) * _STEPS))
        self.strength_slider.valueChanged.connect(self._set_strength)
        self._strength_text = label(f"{self.strength_slider.value()} %")
        self._build()
        session.run_catalog.changed.connect(self._fill_models)
        session.model_changed.connect(self._fill_models)
        self._fill_models()

    @property
    def strength(self) -> float:
        """0 to 1."""
        return self.strength_slider.value() / _STEPS

    def make_config(self, model: ModelChoice, photos: tuple[PhotoRef, ...], destination: Path) -> RestoreConfig:
        """Return the settings of a batch, as set now; `output.problem` must be empty."""
        return RestoreConfig(
            model=model.path, photos=photos, out=destination, strength=self.strength, **self.output.fields
        )

    def show_example(self, photo: PhotoRef, content: str | None) -> None:
        """Name another photo in the example of a file name.

        Args:
            photo: Which it is.
            content: What the file is; None where nobody has looked.
        """
        self.output.show_example_photo(photo, content)

    def _build(self) -> None:
        strength = QHBoxLayout()
        strength.setSpacing(SPACING)
        strength.addWidget(self.strength_slider, 1)
        self._strength_text.setMinimumWidth(self._strength_text.fontMetrics().horizontalAdvance("100 %"))
        self._strength_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        strength.addWidget(self._strength_text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, SPACING, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(label(tr("Model"), "caption"))
        layout.addWidget(self.model_box)
        layout.addWidget(self._model_note)
        layout.addSpacing(SPACING)
        layout.addWidget(label(tr("Strength"), "caption"))
        layout.addLayout(strength)
        layout.addSpacing(SPACING)
        layout.addWidget(self.output)
        layout.addWidget(label(tr("The originals are never changed."), "caption", wraps=True))
        layout.addStretch(1)

    @Slot()
    def _fill_models(self) -> None:
        self.model_box.clear()
        model = self._session.model
        for entry in self._session.run_catalog.runs:
            if entry.has_model:
                self.model_box.addItem(entry.record.name or entry.record.id, ModelChoice(entry.path, entry.record.name))
        for starter in self._session.starters:
            self.model_box.addItem(translate_engine(starter.title), ModelChoice(starter.path, starter.title))
        if model is not None and self._row_of(model) < 0:
            self.model_box.addItem(model.name, model)
        self.model_box.insertSeparator(self.model_box.count())
        self.model_box.addItem(tr("Open a model file…"), None)
        self.model_box.setCurrentIndex(self._row_of(model) if model is not None else -1)
        self._model_note.setText(self._describe(model))
        self._model_note.setVisible(bool(self._model_note.text()))
        self._update_example()

    def _describe(self, model: ModelChoice | None) -> str:
        if model is None:
            return ""
        starter = self._session.find_starter(model.path)
        if starter is not None:
            return translate_engine(starter.description)
        entry = self._session.run_catalog.find(model.path)
        if entry is None:
            return ""
        record = entry.record
        steps = format_number(record.steps_done)
        if record.kind == "pretrain":
            return tr("Pretrained without labels, {steps} steps").format(steps=steps)
        if record.kind == "import":
            return tr("Imported from a model file")
        return tr_count(
            "Fine-tuned with {number} label, {steps} steps",
            "Fine-tuned with {number} labels, {steps} steps",
            len(record.labels),
        ).format(number=format_number(len(record.labels)), steps=steps)

    def _task_of(self, model: ModelChoice) -> str:
        starter = self._session.find_starter(model.path)
        entry = self._session.run_catalog.find(model.path)
        if starter is not None:
            return starter.task
        return entry.record.task if entry is not None else "denoise"

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
        path = ask_for_model_file(self, tr("Open a model file"), self._settings.get(OPEN_DIALOG_FOLDER))
        if path is not None:
            self._session.set_model(ModelChoice(path, path.stem))

    @Slot(int)
    def _set_strength(self, value: int) -> None:
        self._strength_text.setText(f"{value} %")
        self._settings.set(RESTORE_STRENGTH, value / _STEPS)
        self._update_example()
        self.strength_changed.emit(value / _STEPS)

    def _update_example(self) -> None:
        model = self._session.model
        if model is not None:
            self.output.show_example(model.name, self._task_of(model), self.strength)
