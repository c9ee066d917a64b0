"""The window: header, rail, the seven pages, message bar, job bar."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QMainWindow, QMessageBox, QWidget

from app.core.actions import PAGE_IDS, make_action, tip_with_keys
from app.core.disk_caches import MEGABYTE, limit_decoded_photos
from app.core.error_reporting import ErrorReporter
from app.core.messages import Message, Severity
from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.programs.open_menu import OtherPrograms, result_or_photo
from app.core.results import ResultFinder
from app.core.session import Session
from app.core.settings import (
    COMPUTE_SETTINGS,
    DECODED_PHOTOS_GB,
    LAST_FOLDERS,
    LAST_PAGE,
    TEXT_SCALE,
    THEME,
    THUMBNAIL_CACHE_MB,
    Settings,
    compute_preference,
)
from app.core.shown_channel import shown_channel
from app.core.warm_up import compute_text
from app.core.window_memory import WindowMemory
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobHandle, JobLane, JobRequest, JobRunner
from app.look.layouts import in_column, in_row
from app.look.theme import Theme, ThemeChoice
from app.look.thumbnails import shared_thumbnails
from app.look.translation import mark, tr
from app.pages.residual.inspector import ResidualInspection
from app.pages.runs.page import RunsPage
from app.pages.shared.page import Page
from app.pages.shared.photo_dialogs import ask_for_photo_folder
from app.widgets.drop_zone import DropOverlay, dropped_paths, take_as_copy
from app.widgets.room.current_stack import CurrentStack
from app.widgets.room.scroll_room import ScrollRoom
from app.window.about_dialog import AboutDialog
from app.window.header import Header
from app.window.job_bar import JobBar
from app.window.job_messages import JobMessages
from app.window.levels_dialog import LevelsDialog
from app.window.message_bar import MessageBar
from app.window.page_table import PAGE_CLASSES, RAIL_GROUPS
from app.window.rail import Rail, RailEntry
from app.window.settings_dialog import SettingsDialog
from app.window.shortcut_sheet import ShortcutSheet
from engine.comparing.shown_channels import count_channels
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place
from engine.machine.places import Place
from engine.models.cards import MODEL_SUFFIXES
from engine.photo_files.tiff.stack_reading import channel_in_stack

MIN_SIZE = (960, 480)
"""A full-HD screen at 200 % has 960 x 540 logical pixels, of which a title bar and a panel take their part."""

NARROW_BELOW_PX = 1100

_TRAINING_STOPS = mark("If you quit now it stops and saves; it can be resumed later.")
_MAX_NAMED_JOBS = 4
"""Waiting jobs that the question before quitting names."""

_AFTER_STOPPING = {
    "pretrain": _TRAINING_STOPS,
    "finetune": _TRAINING_STOPS,
    "restore": mark("If you quit now, what is restored stays, and the other photos can be restored later."),
    "": mark("If you quit now it stops; what has been done is kept."),
}
"""What becomes of a job that is stopped, by the page that it belongs to."""


class MainWindow(QMainWindow):
    """The one window.

    Attributes:
        pages: The pages by id.
        header: What is open, the model, the settings.
        rail: The pages' buttons.
        message_bar: What the program has to say.
        job_bar: What runs.
        residual_inspection: Opens the residual inspector.
        result_finder: Finds what was restored before.
    """

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, reporter: ErrorReporter) -> None:
        super().__init__()
        self.setWindowTitle("Residua")
        self.setAcceptDrops(True)
        self.setMinimumSize(*MIN_SIZE)
        self._session = session
        self._runner = runner
        self._settings = settings
        self._may_close = False
        self._closing_question: QMessageBox | None = None
        self._levels: LevelsDialog | None = None
        self.header = Header(session)
        self.message_bar = MessageBar()
        self._programs = OtherPrograms(settings, self.message_bar.post)
        self.job_bar = JobBar(runner)
        # Before the pages ask for it: it tidies up the disk once, by this limit.
        shared_thumbnails(session, settings.get(THUMBNAIL_CACHE_MB) * MEGABYTE)
        limit_decoded_photos(settings.get(DECODED_PHOTOS_GB))
        self.pages: dict[str, Page] = {page.page_id: page(session, runner, settings) for page in PAGE_CLASSES}
        self.rail = Rail(
            [
                RailEntry(
                    page.page_id,
                    tr(page.title),
                    page.icon_name,
                    tip_with_keys(tr(page.tip), f"page.{page.page_id}"),
                    RAIL_GROUPS.get(page.page_id),
                )
                for page in self.pages.values()
            ]
        )
        self._stack = CurrentStack()
        for page in self.pages.values():
            self._stack.addWidget(ScrollRoom(page))
        self._computing = LatestTask(self, finished=session.set_engine_loaded)
        self._job_messages = JobMessages(runner, reporter, self)
        self.residual_inspection = ResidualInspection(session, runner, self)
        self.result_finder = ResultFinder(session, settings, self)
        self._lay_out()
        self._overlay = DropOverlay(self._stack)
        self._connect()
        self._make_actions()
        self._memory = WindowMemory(self, self.pages, session, settings)
        self._memory.restore()
        self.show_page(settings.get(LAST_PAGE))
        if settings.is_of_newer_version:
            self.message_bar.post(
                Message(
                    severity=Severity.WARNING,
                    text=tr("The preferences were written by a newer version of Residua and are not used."),
                    hint=tr("Update Residua. What you set now is not kept."),
                )
            )
        if reporter.last_crash:
            self.message_bar.post(
                Message(
                    severity=Severity.ERROR,
                    text=tr("Residua ended unexpectedly the last time."),
                    hint=tr("A training that ran then can be resumed. Please copy the details and report them."),
                    details=reporter.last_crash,
                )
            )

    @property
    def is_engine_loaded(self) -> bool:
        """Whether jobs can start at once."""
        return bool(self._session.compute_text)

    @property
    def current_page(self) -> Page:
        """The page that is shown."""
        room = self._stack.currentWidget()
        assert isinstance(room, ScrollRoom)
        page = room.widget()
        assert isinstance(page, Page)
        return page

    @Slot(str)
    def show_page(self, page_id: str) -> None:
        """Bring a page to the front."""
        page = self.pages.get(page_id) or next(iter(self.pages.values()))
        self._stack.setCurrentIndex(list(self.pages.values()).index(page))
        self.rail.set_current(page.page_id)
        self._keep_rail_in_sight()
        self._settings.set(LAST_PAGE, page.page_id)
        page.activated()
        focused = self.focusWidget()
        first = page.first_action()
        if first is not None and (focused is None or not page.isAncestorOf(focused) or not focused.isEnabled()):
            first.setFocus()

    def open_paths(self, paths: Sequence[PhotoPlace]) -> None:
        """Open folders and files as photos."""
        if self._take_model(paths):
            return
        self.show_page("photos")
        if not self.pages["photos"].accept_paths(paths):
            self._complain_about(paths)

    def open_last_folders(self) -> None:
        """Open what was open when the program was last closed, as far as it is still there."""
        places = [photo_place(name) for name in self._settings.get(LAST_FOLDERS) if PhotoRef.of(name).is_on_disk()]
        if places:
            self.pages["photos"].accept_paths(places)

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder of photos."""
        chosen = ask_for_photo_folder(self, tr("Open a folder of photos"), self._settings)
        if chosen is not None:
            self.open_paths([chosen])

    @Slot()
    def show_shortcuts(self) -> None:
        """Show the cheat sheet."""
        ShortcutSheet(self).open()

    @Slot()
    def show_about(self) -> None:
        """Show the version and the licences."""
        AboutDialog(self).open()

    @Slot()
    def show_settings(self) -> None:
        """Show the settings."""
        dialog = SettingsDialog(self._settings, self._session.run_store.root, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot()
    def show_levels(self) -> None:
        """Show what is black and white in the photo that is looked at."""
        if self._levels is None:
            self._levels = LevelsDialog(self._session, self)
            self._levels.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._levels.finished.connect(self._forget_levels)
            # Not modal: one looks at the photo meanwhile.
            self._levels.show()
        self._levels.raise_()
        self._levels.activateWindow()

    @Slot()
    def show_next_channel(self) -> None:
        """Show the photo's channels together, or one after the other alone; of a stack each page alone."""
        photo = self._session.shown_photo
        num = count_channels(photo) if photo is not None else 0
        if photo is None or num < 2:
            return
        num_alone = 1 if photo.page and channel_in_stack(photo) else num
        self._session.set_shown_channel((shown_channel() + 1) % (num_alone + 1))

    @Slot()
    def _forget_levels(self) -> None:
        self._levels = None

    @Slot()
    def toggle_theme(self) -> None:
        """Switch between dark and light."""
        self._settings.set(THEME, "light" if Theme.of_application().palette.is_dark else "dark")

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._may_close or not self._runner.is_busy:
            self._memory.remember()
            event.accept()
            return
        event.ignore()
        jobs = [job for job in self._runner.jobs if job.request.lane is JobLane.MAIN]
        if jobs:
            self._ask_before_closing([job.request for job in jobs])
        else:
            self._stop_and_close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_rail()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            take_as_copy(event)
            is_labels = self.current_page.page_id == "labels"
            self._overlay.show_text(
                tr("Drop to add as clean references") if is_labels else tr("Drop to open as photos")
            )

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._overlay.hide()
        paths = dropped_paths(event.mimeData())
        if not paths:
            return
        take_as_copy(event)
        page = self.current_page
        if self._take_model(paths) or page.accept_paths(paths):
            return
        self.open_paths(paths)
        if page.stays_when_photos_open:
            self.show_page(page.page_id)

    @Slot()
    def _fit_rail(self) -> None:
        self.rail.set_narrow(self.width() < NARROW_BELOW_PX * Theme.of_application().text_scale)
        # Once the rail has its new height.
        QTimer.singleShot(0, self, self._keep_rail_in_sight)

    @Slot()
    def _keep_rail_in_sight(self) -> None:
        """Scroll the rail to the page that is shown, where the window is too low for all of them."""
        self._rail_room.ensureWidgetVisible(self.rail.button(self.current_page.page_id), 0, 0)

    def _lay_out(self) -> None:
        self._rail_room = ScrollRoom(self.rail, scrolls_sideways=False)
        middle = in_row(self._rail_room, (self._stack, 1), spacing=0)
        job_room = QFrame()
        job_room.setObjectName("JobRoom")
        in_column(self.job_bar, of=job_room, margins=0)
        central = QWidget()
        in_column(self.header, (middle, 1), job_room, of=central, margins=0, spacing=0)
        self.setCentralWidget(central)
        self.message_bar.float_over(self._stack)

    def _connect(self) -> None:
        for page in self.pages.values():
            page.rail_status_changed.connect(self.rail.button(page.page_id).set_status)
            page.page_requested.connect(self.show_page)
            page.message_raised.connect(self.message_bar.post)
        self.rail.page_requested.connect(self.show_page)
        self.rail.shortcuts_requested.connect(self.show_shortcuts)
        self.header.settings_requested.connect(self.show_settings)
        self.header.import_requested.connect(self._import_model)
        self.header.shortcuts_requested.connect(self.show_shortcuts)
        self.header.about_requested.connect(self.show_about)
        self.header.log_requested.connect(lambda: self._open_folder(Place.LOGS.path()))
        self.header.runs_folder_requested.connect(lambda: self._open_folder(self._session.run_store.root))
        self.job_bar.page_requested.connect(self.show_page)
        self._job_messages.message_raised.connect(self.message_bar.post)
        self.residual_inspection.message_raised.connect(self.message_bar.post)
        self._session.folders_changed.connect(self._on_folders_changed)
        self._session.levels_requested.connect(self.show_levels)
        self._session.levels_changed.connect(shared_thumbnails(self._session).forget_all)
        self._settings.changed.connect(self._on_setting_changed)
        Theme.of_application().changed.connect(self._fit_rail)

    def _make_actions(self) -> None:
        slots = {
            "window.open_folder": self.choose_folder,
            "window.undo": self._session.undo_stack.undo,
            "window.redo": self._session.undo_stack.redo,
            "window.toggle_theme": self.toggle_theme,
            "window.pause_job": self.job_bar.toggle_pause,
            "window.job_queue": self.job_bar.toggle_queue,
            "window.levels": self.show_levels,
            "window.open_in": lambda: self._programs.open_in_last(result_or_photo(self._session)),
            "window.channels": self.show_next_channel,
            "window.settings": self.show_settings,
            "window.shortcuts": self.show_shortcuts,
            "window.quit": self.close,
        }
        for action_id, slot in slots.items():
            make_action(action_id, self).triggered.connect(lambda _=False, slot=slot: slot())
        for page_id in PAGE_IDS:
            action = make_action(f"page.{page_id}", self)
            action.triggered.connect(lambda _=False, page_id=page_id: self.show_page(page_id))

    @Slot()
    def _on_folders_changed(self) -> None:
        self._settings.set(LAST_FOLDERS, [str(folder) for folder in self._session.folders])
        name = self._session.folder_name
        self.setWindowTitle(f"{name} – Residua" if name else "Residua")

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key in (THEME.key, TEXT_SCALE.key):
            Theme.of_application().apply(ThemeChoice(self._settings.get(THEME)), self._settings.get(TEXT_SCALE))
        elif key == THUMBNAIL_CACHE_MB.key:
            shared_thumbnails(self._session).set_disk_limit(self._settings.get(THUMBNAIL_CACHE_MB) * MEGABYTE)
        elif key == DECODED_PHOTOS_GB.key:
            limit_decoded_photos(self._settings.get(DECODED_PHOTOS_GB))
        elif key in [setting.key for setting in COMPUTE_SETTINGS.values()] and self._session.compute_text:
            preference = compute_preference(self._settings)
            self._computing.submit(lambda: compute_text(preference))

    def _take_model(self, paths: Sequence[PhotoPlace]) -> bool:
        """Show the card of a model file among these; return whether there is one."""
        models = [path for path in paths if isinstance(path, Path) and path.suffix.lower() in MODEL_SUFFIXES]
        if models:
            self.show_page("runs")
            self.current_page.accept_paths(models)
        return bool(models)

    @Slot()
    def _import_model(self) -> None:
        """Ask for someone else's model."""
        runs = self.pages["runs"]
        assert isinstance(runs, RunsPage)
        self.show_page(runs.page_id)
        runs.import_model()

    def _open_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not open_in_file_manager(folder):
            self.message_bar.post(no_file_manager(folder))

    def _complain_about(self, paths: Sequence[PhotoPlace]) -> None:
        names = ", ".join(path.name for path in paths[:3])
        self.message_bar.post(
            Message(
                severity=Severity.ERROR,
                text=tr("{names} cannot be opened as photos.").format(names=names),
                hint=tr("Choose folders, or files of the kinds PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or camera raw."),
            )
        )

    def _ask_before_closing(self, jobs: Sequence[JobRequest]) -> None:
        if self._closing_question is not None:
            self._closing_question.raise_()
            return
        running, *waiting = jobs
        text = tr("{title} is running.").format(title=running.title)
        if waiting:
            named = [request.title for request in waiting[:_MAX_NAMED_JOBS]]
            named += ["…"] if len(waiting) > len(named) else []
            text += "\n" + tr("Waiting: {titles}.").format(titles=", ".join(named))
        question = QMessageBox(
            QMessageBox.Icon.NoIcon,
            tr("Stop and quit?"),
            text,
            QMessageBox.StandardButton.NoButton,
            self,
            informativeText=tr(_AFTER_STOPPING.get(running.page_id, _AFTER_STOPPING[""])),
        )
        stop = question.addButton(tr("Stop and quit"), QMessageBox.ButtonRole.DestructiveRole)
        stay = question.addButton(tr("Keep running"), QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(stay)
        question.setEscapeButton(stay)
        question.finished.connect(lambda _: self._on_closing_answered(question.clickedButton() is stop))
        self._closing_question = question
        question.open()

    def _on_closing_answered(self, is_stop: bool) -> None:
        question, self._closing_question = self._closing_question, None
        if question is not None:
            question.deleteLater()
        if is_stop:
            self._stop_and_close()

    def _stop_and_close(self) -> None:
        """Cancel everything, keep the window alive until all has been saved, then close."""
        self.message_bar.post(Message(text=tr("Stopping and saving; the window closes when that is done.")))
        self._runner.jobs_changed.connect(self._close_when_idle)
        # What an ending job is followed by must not keep the window.
        self._runner.job_submitted.connect(self._stop_late_job)
        self._runner.cancel_all()
        self._close_when_idle()

    @Slot(object)
    def _stop_late_job(self, job: JobHandle) -> None:
        job.cancel()

    @Slot()
    def _close_when_idle(self) -> None:
        if not self._runner.is_busy:
            # Not from within a job's last signal: its other receivers come first.
            QTimer.singleShot(0, self, self._close_if_idle)

    @Slot()
    def _close_if_idle(self) -> None:
        if not self._runner.is_busy and not self._may_close:
            self._may_close = True
            self.close()
