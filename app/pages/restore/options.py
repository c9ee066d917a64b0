"""How photos are restored and where they go: the right column of the restore page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.core.session import ModelChoice, Session
from app.core.settings import Settings
from app.look.layouts import Gap, Stretch, in_column
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.restore.blending import BlendControls
from app.pages.restore.blends import BlendChoices
from app.pages.restore.output import OutputOptions, let_shrink
from app.pages.shared.model_dialogs import ask_for_model_file
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.blending import Blend
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import PhotoScanned
from engine.contracts.noise import NoiseEstimate
from engine.contracts.photo import PhotoRef
from engine.photo_files.values.given import given_here


class RestoreOptions(QWidget):
    """Model, how much noise goes, and what is written.

    Attributes:
        photo: What is set is set for this one; None: for all that have nothing of their own.
        blends: How much of its restoration each photo keeps.
        blending: Sets that for the photo that is looked at.
        output: What is written and where.
    """

    def __init__(self, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self.output = OutputOptions(settings)
        self.photo: PhotoRef | None = None
        self._noise: NoiseEstimate | None = None
        self._has_colour = True
        self.blends = BlendChoices(session, settings, self)
        self.blending = BlendControls(self.blends)
        self.blending.blend_chosen.connect(self._set_blend)
        self.blends.changed.connect(self._show_blend)
        self.model_box = ElidedComboBox()
        self.model_box.setAccessibleName(tr("Model"))
        let_shrink(self.model_box)
        self.model_box.activated.connect(self._choose_model)
        self._model_note = label("", "caption", wraps=True)
        self._build()
        session.run_catalog.changed.connect(self._fill_models)
        session.model_changed.connect(self._fill_models)
        self._fill_models()
        self._show_blend()

    def make_config(self, model: ModelChoice, photos: tuple[PhotoRef, ...], destination: Path) -> RestoreConfig:
        """Return the settings of a batch, as set now; `output.problem` must be empty."""
        return RestoreConfig(
            model=model.path,
            photos=photos,
            out=destination,
            **self.blends.common.as_fields,
            own_blends=self.blends.own(photos),
            levels=given_here(),
            **self.output.fields,
        )

    def show_photo(self, photo: PhotoRef, scanned: PhotoScanned | None) -> None:
        """Show what is set for another photo, and name it in the example of a file name.

        Args:
            photo: Which it is.
            scanned: What is known of it; None where nobody has looked.
        """
        self.photo = photo
        self.output.show_example_photo(photo, None if scanned is None else scanned.content)
        self._show_blend()
        self.show_noise(None if scanned is None else scanned.noise)

    def show_noise(self, noise: NoiseEstimate | None) -> None:
        """Take note how noisy the photo that is looked at is; None: not measured."""
        self._noise = noise
        self._show_photo_facts()

    def show_has_colour(self, has_colour: bool) -> None:
        """Take note whether the photo that is looked at has colours."""
        self._has_colour = has_colour
        self._show_photo_facts()

    def _build(self) -> None:
        in_column(
            label(tr("Model"), "caption"),
            self.model_box,
            self._model_note,
            Gap(SPACING),
            self.blending,
            Gap(SPACING),
            self.output,
            label(tr("The originals are never changed."), "caption", wraps=True),
            Stretch(1),
            of=self,
            margins=(0, 0, SPACING, 0),
            spacing=SPACING // 2,
        )

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
        self._show_photo_facts()

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
        path = ask_for_model_file(self, tr("Open a model file"), self._settings)
        if path is not None:
            self._session.set_model(ModelChoice(path, path.stem))

    @Slot(object)
    def _set_blend(self, blend: Blend) -> None:
        self.blends.set(self.photo, blend)

    @Slot()
    def _show_blend(self) -> None:
        self.blending.show_blend(self.blends.of(self.photo))
        self._update_example()

    def _show_photo_facts(self) -> None:
        model = self._session.model
        # An enlargement is mixed with an enlarged photo, which has nothing to do with how noisy it is.
        can_suggest = model is not None and self._task_of(model) == "denoise"
        noise = self._noise if can_suggest else None
        self.blending.show_photo_facts(has_colour=self._has_colour, noise=noise)

    def _update_example(self) -> None:
        model = self._session.model
        if model is not None:
            self.output.show_example(model.name, self._task_of(model), self.blends.of(self.photo))
