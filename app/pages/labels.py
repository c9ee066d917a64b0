"""The page of the labels: clean references of a few noisy photos, matched by name and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.job_runner import JobHandle, JobLane, JobRequest, JobRunner
from app.messages import Message
from app.pages.label_entries import LabelEntry, MatchRequest, entries_of, is_used, match_labels, used_pairs
from app.pages.label_list import LabelList, LabelListModel
from app.pages.label_pair_view import LabelPairView
from app.pages.page import Page
from app.phrases import count
from app.session import Session
from app.settings import LAST_REFERENCE_FOLDERS, OPEN_DIALOG_FOLDER, SWITCHED_LABELS, Settings
from app.theme import SPACING, themed_icon
from app.thumbnails import shared_thumbnails
from app.viewer.picture_files import PictureFiles
from app.widgets.buttons import button, primary_button, quiet_button, set_reason
from app.widgets.drop_zone import DropZone
from app.widgets.empty_state import EmptyState
from app.widgets.text import ElidedLabel
from engine.data.photo_pairs import PairMatching

_MATCH_DELAY_MS = 300


class LabelsPage(Page):
    """Pairs left, the chosen pair right."""

    page_id = "labels"
    title = "Labels"
    icon_name = "tag"
    tip = "Add clean references of a few photos: the labels that fine-tuning learns from."

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._job: JobHandle | None = None
        self._switched: frozenset[Path] = frozenset()
        self._match_later = QTimer(self)
        self._match_later.setSingleShot(True)
        self._match_later.setInterval(_MATCH_DELAY_MS)
        self._match_later.timeout.connect(self._match)

        self.model = LabelListModel(self)
        self.list = LabelList(self.model, shared_thumbnails(session))
        self.list.entry_chosen.connect(self._show_entry)
        self.model.use_requested.connect(self.use_pair)
        self.pair_view = LabelPairView(PictureFiles())
        self.pair_view.use_requested.connect(self.use_pair)

        self._no_photos = EmptyState(
            "tag",
            "Labels are clean references of some of your noisy photos, so open the noisy photos first.",
            "Go to Photos",
        )
        self._no_photos.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._no_photos)
        self._stack.addWidget(self._build_drop_zone())
        self._stack.addWidget(self._build_content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, 2 * SPACING, 2 * SPACING, 2 * SPACING)
        layout.addWidget(self._stack)

        session.folders_changed.connect(self._recall)
        session.photos_changed.connect(self._match_soon)
        session.excluded_changed.connect(self._match_soon)
        session.references_changed.connect(self._on_references_changed)
        self._update()

    def accept_paths(self, paths: Sequence[Path]) -> bool:
        if not self.session.photos:
            return False
        self.add_references(paths)
        return True

    def add_references(self, paths: Sequence[Path]) -> None:
        """Add folders or files of clean references."""
        self.session.set_references([*self.session.references, *(path.absolute() for path in paths)])

    @Slot()
    def choose_references(self) -> None:
        """Ask for a folder of references and add it."""
        start = self.settings.get(OPEN_DIALOG_FOLDER)
        chosen = QFileDialog.getExistingDirectory(self, "Add a folder of clean references", start)
        if chosen:
            self.settings.set(OPEN_DIALOG_FOLDER, str(Path(chosen).parent))
            self.add_references([Path(chosen)])

    @Slot(object, bool)
    def use_pair(self, entry: LabelEntry, wanted: bool) -> None:
        """Use a pair, or set it aside; can be undone."""
        if entry.noisy is None or wanted == is_used(entry, self._switched):
            return
        text = f"{entry.noisy.name} {'is used' if wanted else 'is set aside'}"
        self.session.undo_stack.push(_SwitchLabels(self, self._switched ^ {entry.noisy}, text))

    def set_switched(self, switched: frozenset[Path]) -> None:
        """Set for which noisy photos the person decided otherwise than the matching."""
        self._switched = switched
        self.model.set_switched(switched)
        for folder in self.session.folders:
            inside = sorted(str(path) for path in switched if path.is_relative_to(folder))
            self.settings.set_for_folder(folder, SWITCHED_LABELS, inside)
        self.session.set_label_pairs(used_pairs(self.model.entries, switched))
        self._show_entry(self._chosen_entry())
        self._update()

    @property
    def switched(self) -> frozenset[Path]:
        """Noisy photos for which the person decided otherwise than the matching."""
        return self._switched

    def _build_drop_zone(self) -> QWidget:
        add = primary_button("Add references", "folder-plus")
        add.clicked.connect(self.choose_references)
        zone = DropZone(
            "tag",
            "Drop clean references here",
            "Clean versions of some of your noisy photos, with the same file names. Five are a good start; "
            "without any, pretraining alone restores too.",
            [add],
        )
        zone.dropped.connect(self.add_references)
        return zone

    def _build_content(self) -> QWidget:
        self.add_button = button("Add references", "folder-plus")
        self.add_button.clicked.connect(self.choose_references)
        self._sources = quiet_button("")
        self._sources.setToolTip("The open reference folders; click to close one.")
        self._sources.clicked.connect(self._show_sources)
        self.summary = ElidedLabel("", "muted")
        left = QWidget()
        left_layout = QVBoxLayout(left)
        left_layout.setContentsMargins(0, 0, 2 * SPACING, 0)
        left_layout.setSpacing(SPACING)
        left_layout.addWidget(self.list, 1)
        left.setMinimumWidth(260)
        right = QWidget()
        right_layout = QVBoxLayout(right)
        right_layout.setContentsMargins(2 * SPACING, 0, 0, 0)
        right_layout.addWidget(self.pair_view)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(1)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([360, 640])

        self.primary = primary_button("")
        self.primary.clicked.connect(lambda: self.page_requested.emit("finetune"))
        for control in (self.primary, self.add_button, self._sources):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        top = QHBoxLayout()
        top.setSpacing(SPACING)
        top.addWidget(self.add_button)
        top.addWidget(self._sources)
        top.addStretch(1)
        bottom = QHBoxLayout()
        bottom.setSpacing(SPACING)
        bottom.addWidget(self.summary, 1)
        bottom.addWidget(self.primary)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)
        layout.addLayout(bottom)
        return content

    @Slot()
    def _recall(self) -> None:
        """Open the references and decisions that were made for these photo folders before."""
        references = list(self.session.references) if self.session.folders else []
        switched = set(self._switched) if self.session.folders else set()
        for folder in self.session.folders:
            remembered = self.settings.get_for_folder(folder, LAST_REFERENCE_FOLDERS)
            references.extend(path for path in map(Path, remembered) if path.exists())
            switched.update(map(Path, self.settings.get_for_folder(folder, SWITCHED_LABELS)))
        self._switched = frozenset(switched)
        self.model.set_switched(self._switched)
        self.session.set_references(references)
        self._match_soon()

    @Slot()
    def _on_references_changed(self) -> None:
        for folder in self.session.folders:
            self.settings.set_for_folder(
                folder, LAST_REFERENCE_FOLDERS, [str(path) for path in self.session.references]
            )
        self._match_soon()

    @Slot()
    def _match_soon(self) -> None:
        self._update()
        if self.session.references and self.session.photos:
            self._match_later.start()
        else:
            self._match_later.stop()
            self._take_entries(())

    @Slot()
    def _match(self) -> None:
        if self._job is not None:
            self._job.cancel()
        request = MatchRequest(
            noisy=tuple(photo.path for photo in self.session.included_photos), references=self.session.references
        )
        self._job = self.runner.submit(
            JobRequest(
                title="Matching references",
                page_id=self.page_id,
                function=match_labels,
                config=request,
                lane=JobLane.SIDE,
            )
        )
        self._job.finished.connect(self._take_matching)
        self._job.state_changed.connect(self._forget_ended_job)
        self._update()

    @Slot(object)
    def _take_matching(self, matching: PairMatching) -> None:
        if self.sender() is self._job:
            self._take_entries(entries_of(matching))

    @Slot(object)
    def _forget_ended_job(self, _state: object) -> None:
        if self._job is not None and self._job.state.is_ended:
            # After the result has been taken, which comes right behind this signal.
            QTimer.singleShot(0, self, self._update)

    def _take_entries(self, entries: Sequence[LabelEntry]) -> None:
        self.model.set_entries(entries)
        self.session.set_clean_photos(entry.clean for entry in entries)
        self.session.set_label_pairs(used_pairs(self.model.entries, self._switched))
        self._update()

    def _chosen_entry(self) -> LabelEntry | None:
        index = self.list.currentIndex()
        return self.model.entries[index.row()] if index.isValid() else None

    @Slot(object)
    def _show_entry(self, entry: LabelEntry | None) -> None:
        self.pair_view.set_entry(entry, is_used=entry is not None and is_used(entry, self._switched))

    @Slot()
    def _update(self) -> None:
        if not self.session.photos:
            self._stack.setCurrentIndex(0)
        elif not self.session.references:
            self._stack.setCurrentIndex(1)
        else:
            self._stack.setCurrentIndex(2)
        entries = self.model.entries
        num_used = len(self.session.label_pairs)
        num_aside = sum(entry.is_doubtful and not is_used(entry, self._switched) for entry in entries)
        num_unmatched = sum(not entry.is_pair for entry in entries)
        is_matching = self._match_later.isActive() or (self._job is not None and not self._job.state.is_ended)
        parts = [f"{count(num_used, 'pair')} used"]
        if num_aside:
            parts.append(f"{num_aside:,} doubtful, set aside")
        if num_unmatched:
            parts.append(f"{count(num_unmatched, 'reference')} without a noisy photo")
        self.summary.set_text("Matching references…" if is_matching and not entries else " · ".join(parts))
        names = [path.name for path in self.session.references]
        self._sources.setText(", ".join(names[:2]) + (f" + {len(names) - 2} more" if len(names) > 2 else ""))
        self.primary.setText(f"Fine-tune with {count(num_used, 'label')}")
        set_reason(self.primary, "" if num_used else "There is no pair to learn from yet.")
        status = f"{num_used:,}" if entries else ""
        self.rail_status_changed.emit(f"{num_aside} doubtful" if num_aside and not num_used else status)

    @Slot()
    def _show_sources(self) -> None:
        menu = QMenu(self)
        for path in self.session.references:
            action = menu.addAction(themed_icon("x"), f"Close {path}")
            action.triggered.connect(lambda _checked=False, path=path: self._close_reference(path))
        menu.popup(self._sources.mapToGlobal(self._sources.rect().bottomLeft()))

    def _close_reference(self, path: Path) -> None:
        before = self.session.references
        self.session.set_references(other for other in before if other != path)
        self.message_raised.emit(
            Message(
                text=f"Closed the references in {path.name}; nothing was deleted.",
                action_label="Undo",
                action=lambda: self.session.set_references(before),
            )
        )


class _SwitchLabels(QUndoCommand):
    """Decide otherwise than the matching about a pair."""

    def __init__(self, page: LabelsPage, after: frozenset[Path], text: str) -> None:
        super().__init__(text)
        self._page = page
        self._before = page.switched
        self._after = after

    def redo(self) -> None:
        self._page.set_switched(self._after)

    def undo(self) -> None:
        self._page.set_switched(self._before)
