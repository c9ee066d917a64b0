"""One label, looked at: noisy against clean with a split, or as a task would make it of the clean photo alone."""

from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.jobs.latest_task import LatestTask
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.pages.labels.entries import LabelEntry
from app.pages.labels.facts import LabelFacts
from app.viewer.compare_viewer import CompareViewer
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import MissingPicture, PaneContent, Picture, PictureRole
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.fitting_splitter import FittingSplitter
from engine.contracts.errors import EngineError
from engine.labelling.own import preview_own_label
from engine.method.catalogue.tasks import TASKS

_WIDTHS_PX = (440, 230)
_LEAST_STACKED_PX, _LEAST_FACTS_PX = 320, 200


@dataclass(frozen=True)
class _LookedAt:
    entry: LabelEntry
    panes: tuple[PaneContent, ...]


class LabelPairView(QWidget):
    """A split view with what is known about the label at its right.

    Attributes:
        viewer: The two sides.
        facts: The panel at the right.
        task_choice: As a label of which task the pair is shown.

    Signals:
        use_requested(LabelEntry, bool): Use the pair, or set it aside.
        align_requested(LabelEntry): Make an aligned copy of its reference.
        fit_requested(LabelEntry, bool): Fit its reference, or let it keep its own brightness.
        measure_requested(LabelEntry, bool): Let the pair only measure, or teach.
        match_requested(LabelEntry): Choose another file for its other side.
    """

    use_requested = Signal(object, bool)
    align_requested = Signal(object)
    fit_requested = Signal(object, bool)
    measure_requested = Signal(object, bool)
    match_requested = Signal(object)

    def __init__(self, files: PictureFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = files
        self._entry: LabelEntry | None = None
        self._is_used = False
        self.viewer = CompareViewer()
        self.viewer.set_mode("split")
        self._task = LatestTask(self, finished=self._show)
        self.facts = LabelFacts()
        self.facts.use_requested.connect(self._toggle_use)
        self.facts.align_requested.connect(lambda: self.align_requested.emit(self._entry))
        self.facts.fit_requested.connect(self._toggle_fit)
        self.facts.measure_requested.connect(self._toggle_measuring)
        self.facts.match_requested.connect(lambda: self.match_requested.emit(self._entry))
        self.task_choice = ElidedComboBox()
        self.task_choice.setAccessibleName(tr("Shown as a label for"))
        self.task_choice.setToolTip(
            tr(
                "Enlarging and raw development need clean photos alone: their noisy side is made of them, "
                "as you see it here."
            )
        )
        for name, row in TASKS.items():
            self.task_choice.addItem(translate_engine(row.title), name)
        self.task_choice.currentIndexChanged.connect(self.look)
        self.task_note = label("", "caption", wraps=True)
        as_label = in_row(label(tr("As a label for"), "muted"), self.task_choice, Stretch(1))
        looked_at = QWidget()
        in_column((self.viewer, 1), as_label, self.task_note, of=looked_at, margins=0)
        columns = FittingSplitter(
            ((looked_at, _LEAST_STACKED_PX), (self.facts, _LEAST_FACTS_PX)), _WIDTHS_PX, handle_px=SPACING
        )
        columns.setStretchFactor(0, 1)
        in_column(columns, of=self, margins=0)
        self.set_entry(None, is_used=False)

    @property
    def entry(self) -> LabelEntry | None:
        """What is shown."""
        return self._entry

    @property
    def findings(self) -> list[str]:
        """What is said about the label."""
        return self.facts.texts

    def set_entry(self, entry: LabelEntry | None, *, is_used: bool) -> None:
        """Show another row of the list, or its new state."""
        self._is_used = is_used
        self.facts.show_entry(entry, is_used=is_used)
        before, self._entry = self._entry, entry
        if entry is None:
            self._task.cancel()
            self.viewer.show_message(tr("Choose a pair on the left."))
        elif before is None or (before.noisy, before.clean) != (entry.noisy, entry.clean):
            self.look()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._task.shut_down()
        self.viewer.shut_down()

    @Slot()
    def look(self) -> None:
        """Show the pair as its files are now."""
        task = self.task_choice.currentData()
        self.task_note.setText(
            tr("Made of the reference alone: no noisy photo is needed.")
            if TASKS[task].makes_own_pairs
            else tr("The noisy photo and its reference.")
        )
        if self._entry is None:
            return
        entry, files = self._entry, self._files
        self.viewer.set_loading(tr("Reading the photos…"))
        self._task.submit(lambda: _look_at(entry, task, files))

    @Slot(object)
    def _show(self, seen: _LookedAt) -> None:
        self.viewer.set_mode("split" if len(seen.panes) > 1 else "side_by_side")
        self.viewer.set_panes(seen.panes)

    @Slot()
    def _toggle_fit(self) -> None:
        if self._entry is not None:
            self.fit_requested.emit(self._entry, not self._entry.is_fitted)

    @Slot()
    def _toggle_measuring(self) -> None:
        if self._entry is not None:
            self.measure_requested.emit(self._entry, not self._entry.only_measures)

    @Slot()
    def _toggle_use(self) -> None:
        if self._entry is not None:
            self.use_requested.emit(self._entry, not self._is_used)


def _look_at(entry: LabelEntry, task: str, files: PictureFiles) -> _LookedAt:
    """Read both photos, or make the noisy side; in a background thread."""
    reference = tr("Reference")
    if TASKS[task].makes_own_pairs and entry.clean is not None:
        try:
            noisy, clean = preview_own_label(task, files.read(entry.clean).normalised)
        except EngineError as error:
            return _LookedAt(entry, (MissingPicture(title=reference, reason=translate_engine(str(error))),))
        made = Picture(title=tr("Made of it"), pixels=noisy, role=PictureRole.INPUT)
        return _LookedAt(entry, (made, Picture(title=reference, pixels=clean, role=PictureRole.REFERENCE)))
    panes: list[PaneContent] = []
    if entry.noisy is not None:
        panes.append(files.picture(entry.noisy, title=tr("Noisy"), detail="", role=PictureRole.INPUT))
    if entry.clean is not None:
        panes.append(files.picture(entry.clean, title=reference, detail="", role=PictureRole.REFERENCE))
    return _LookedAt(entry, tuple(panes))
