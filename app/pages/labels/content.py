"""The labels page while there is anything to show: tools, pairs or suggestions at the left, the chosen one right."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QTabWidget,
    QWidget,
)

from app.look.buttons import button, primary_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.phrases import count
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, themed_icon
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import format_number, tr, tr_count
from app.pages.labels.decisions import LabelDecisions
from app.pages.labels.entries import LabelEntry, is_used
from app.pages.labels.list import LabelList, LabelListModel
from app.pages.labels.pair_view import LabelPairView
from app.viewer.picture_files import PictureFiles
from app.widgets.room.current_stack import CurrentStack
from app.widgets.room.fitting_grid import FittingGrid
from app.widgets.room.fitting_splitter import FittingSplitter
from app.widgets.room.scroll_room import LEAST_SEEN_PX, ScrollRoom
from engine.contracts.photo import PhotoPlace, PhotoRef

MAX_SUGGESTIONS = 50

_LEAST_LIST_PX = 216
_WIDTHS_PX = (280, 720)


class LabelContent(QWidget):
    """Tools, lists and the chosen label.

    Attributes:
        model: The pairs.
        list: Their list.
        suggestion_list: The photos that should get a reference.
        tabs: The two lists.
        pair_view: What is chosen in the list that is shown.
        suggestion_count: How many photos to suggest.
        summary: How many pairs are used, and what is under way.
        primary: Leads to fine-tuning.

    Signals:
        use_requested(LabelEntry, bool): Use a pair, or set it aside.
        folder_requested: Add a folder of references.
        files_requested: Add files of references.
        burst_requested: Make references from a burst.
        suggest_requested: Choose photos to label.
        align_requested(list of PhotoPair): Make aligned copies of their references.
        fit_requested(LabelEntry, bool): Fit a reference, or let it keep its own brightness.
        measure_requested(LabelEntry, bool): Let a pair only measure, or teach.
        match_requested(LabelEntry, QWidget): Correct a match; the widget is where the offer shall appear.
        reference_closed(PhotoPlace): Close a folder or file of references.
        train_requested: Go on to fine-tuning.
    """

    use_requested = Signal(object, bool)
    folder_requested = Signal()
    files_requested = Signal()
    burst_requested = Signal()
    suggest_requested = Signal()
    align_requested = Signal(object)
    fit_requested = Signal(object, bool)
    measure_requested = Signal(object, bool)
    match_requested = Signal(object, object)
    reference_closed = Signal(object)
    train_requested = Signal()

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._decisions = LabelDecisions()
        self._references: tuple[PhotoPlace, ...] = ()
        self.model, self._suggestions = LabelListModel(self), LabelListModel(self)
        self.list = LabelList(self.model, thumbnails, tr("Pairs of a noisy photo and its reference"))
        self.suggestion_list = LabelList(self._suggestions, thumbnails, tr("Photos that should get a reference"))
        for model, view in ((self.model, self.list), (self._suggestions, self.suggestion_list)):
            model.use_requested.connect(self.use_requested)
            view.entry_chosen.connect(self._show_chosen)
        self.pair_view = LabelPairView(PictureFiles())
        self.pair_view.use_requested.connect(self.use_requested)
        self.pair_view.fit_requested.connect(self.fit_requested)
        self.pair_view.measure_requested.connect(self.measure_requested)
        self.pair_view.align_requested.connect(lambda entry: self.align_requested.emit([entry.pair]))
        self.pair_view.match_requested.connect(
            lambda entry: self.match_requested.emit(entry, self.pair_view.facts.match_button)
        )
        in_column(self._build_tools(), (self._build_middle(), 1), self._build_bottom(), of=self, margins=0)

    def show_entries(
        self, entries: Sequence[LabelEntry], suggestions: Sequence[LabelEntry], decisions: LabelDecisions
    ) -> None:
        """Show other rows, and which of them are used."""
        self._decisions = decisions
        for model, rows in ((self.model, entries), (self._suggestions, suggestions)):
            model.set_decisions(decisions)
            model.set_entries(rows)
        self._pairs.setCurrentIndex(0 if entries else 1)
        self.tabs.setTabVisible(1, bool(suggestions))
        self.tabs.setTabText(1, tr("Suggested ({number})").format(number=format_number(len(suggestions))))
        self._show_chosen()

    def choose_pair(self, noisy: PhotoRef) -> None:
        """Show the pair of a photo as soon as it is there."""
        self.tabs.setCurrentIndex(0)
        self.list.choose_later(noisy)

    def show_suggestions(self) -> None:
        """Bring the suggestions to the front."""
        self.tabs.setCurrentIndex(1)

    def show_state(
        self,
        *,
        references: Sequence[PhotoPlace],
        num_used: int,
        num_measuring: int,
        num_aside: int,
        is_matching: bool,
        is_examining: bool,
        is_aligning: bool,
        obstacle_to_suggesting: str,
    ) -> None:
        """Say how things stand."""
        self._references = tuple(references)
        entries = self.model.entries
        num_unmatched = sum(entry.noisy is None for entry in entries)
        pairs = count(num_used, "pair")
        parts = [tr("{pairs} used").format(pairs=pairs)]
        if num_measuring:
            only = tr_count("{number} only measures", "{number} only measure", num_measuring)
            parts.append(only.format(number=format_number(num_measuring)))
        if num_aside:
            parts.append(tr("{number} doubtful, set aside").format(number=format_number(num_aside)))
        if num_unmatched:
            text = tr_count(
                "{number} reference without a noisy photo", "{number} references without a noisy photo", num_unmatched
            )
            parts.append(text.format(number=format_number(num_unmatched)))
        if is_examining:
            parts.append(tr("examining…"))
        self.summary.set_text(tr("Matching references…") if is_matching and not entries else " · ".join(parts))
        names = [path.name for path in references]
        more = tr(" + {number} more").format(number=format_number(len(names) - 2)) if len(names) > 2 else ""
        self._sources.setText(", ".join(names[:2]) + more)
        self._sources.setVisible(bool(names))
        self.tabs.setTabText(
            0, tr("Pairs ({number})").format(number=format_number(sum(entry.is_pair for entry in entries)))
        )
        self.primary.setText(tr("Fine-tune with {labels}").format(labels=count(num_used - num_measuring, "label")))
        set_reason(self.primary, "" if num_used > num_measuring else tr("There is no pair to learn from yet."))
        set_reason(self.suggest_button, obstacle_to_suggesting)
        num_shifted = len(self._shifted())
        shifted = tr_count("Align {number} reference", "Align {number} references", num_shifted)
        self.align_button.setText(shifted.format(number=format_number(num_shifted)))
        self.align_button.setVisible(num_shifted > 0)
        busy = tr("References are being aligned already.") if is_aligning else ""
        set_reason(self.align_button, busy)
        set_reason(self.pair_view.facts.align_button, busy)

    def _build_tools(self) -> QWidget:
        self.add_button = button(tr("Add references"), "folder-plus")
        menu = QMenu(self.add_button)
        menu.addAction(themed_icon("folder-plus"), tr("A folder…")).triggered.connect(self._ask_for_folder)
        menu.addAction(themed_icon("image"), tr("Files…")).triggered.connect(self._ask_for_files)
        self.add_button.setMenu(menu)
        self.burst_button = button(tr("Make from a burst"), "stack")
        self.burst_button.setToolTip(tr("Aligns and averages several shots of one scene into a clean reference."))
        self.burst_button.clicked.connect(self.burst_requested)
        self.suggest_button = button(tr("Suggest which to label"), "sparkle")
        self.suggest_button.setToolTip(
            tr("Finds the photos whose noise stands for most others (k-medoids of their residuals' distances).")
        )
        self.suggest_button.clicked.connect(self.suggest_requested)
        self.suggestion_count = QSpinBox()
        self.suggestion_count.setRange(1, MAX_SUGGESTIONS)
        self.suggestion_count.setSuffix(tr(" photos"))
        self.suggestion_count.setAccessibleName(tr("How many photos to suggest"))
        self.suggestion_count.setToolTip(tr("How many photos to suggest"))
        self._sources = quiet_button("", "folders")
        self._sources.setToolTip(tr("The open reference folders; click to close one."))
        self._sources.setAccessibleName(tr("The open reference folders"))
        self._sources.clicked.connect(self._show_sources)
        for control in (self.add_button, self.burst_button, self.suggest_button, self.suggestion_count):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        rows = [QWidget() for _ in range(3)]
        in_row(self.add_button, self.burst_button, Stretch(1), of=rows[0], margins=0)
        in_row(self.suggest_button, self.suggestion_count, Stretch(1), of=rows[1], margins=0)
        in_row(Stretch(1), self._sources, of=rows[2], margins=0)
        return FittingGrid(rows, len(rows), spacing_px=SPACING)

    def _build_middle(self) -> QWidget:
        self._pairs = CurrentStack()
        self._pairs.addWidget(self.list)
        nothing = label(tr("No reference yet. Add some, or drop them here."), "muted", wraps=True)
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pairs.addWidget(nothing)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.addTab(self._pairs, "")
        self.tabs.addTab(self.suggestion_list, "")
        self.tabs.setTabVisible(1, False)
        self.tabs.setMinimumWidth(_LEAST_LIST_PX)
        self.tabs.currentChanged.connect(self._show_chosen)
        splitter = FittingSplitter(((self.tabs, 0), (self.pair_view, 0)), _WIDTHS_PX)
        splitter.setStretchFactor(1, 1)
        return ScrollRoom(splitter, least_height_px=LEAST_SEEN_PX)

    def _build_bottom(self) -> QHBoxLayout:
        self.summary = ElidedLabel("", "muted")
        self.align_button = button("", "arrows-in-cardinal")
        self.align_button.setToolTip(
            tr("Writes aligned copies of the shifted references into Residua's own data; your files stay as they are.")
        )
        self.align_button.clicked.connect(lambda: self.align_requested.emit(self._shifted()))
        self.primary = primary_button("")
        self.primary.clicked.connect(self.train_requested)
        return in_row((self.summary, 1), self.align_button, self.primary)

    def _shifted(self) -> list[object]:
        """The doubtful pairs that an aligned copy of the reference would mend."""
        return [
            entry.pair
            for entry in self.model.entries
            if entry.is_doubtful and entry.diagnosis is not None and entry.diagnosis.can_be_aligned
        ]

    @Slot()
    def _show_chosen(self) -> None:
        shown = self.suggestion_list if self.tabs.currentIndex() == 1 else self.list
        entry = shown.chosen_entry
        self.pair_view.set_entry(entry, is_used=entry is not None and is_used(entry, self._decisions))

    @Slot()
    def _ask_for_folder(self) -> None:
        self.folder_requested.emit()

    @Slot()
    def _ask_for_files(self) -> None:
        self.files_requested.emit()

    @Slot()
    def _show_sources(self) -> None:
        menu = QMenu(self)
        for path in self._references:
            action = menu.addAction(themed_icon("x"), tr("Close {path}").format(path=path))
            action.triggered.connect(lambda _checked=False, path=path: self.reference_closed.emit(path))
        menu.popup(self._sources.mapToGlobal(self._sources.rect().bottomLeft()))
