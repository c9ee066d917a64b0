"""Saving what is compared: the view as a picture, or a page with a slider for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.core.messages import Message, Severity
from app.core.settings import OPEN_DIALOG_FOLDER, Settings
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobLane, JobRequest, JobRunner
from app.look.image_convert import pixels_from_qimage
from app.look.translation import tr
from app.pages.compare.panes import LoadedPanes
from app.viewer.pictures import CommonLevels, Picture
from app.viewer.tiles.display_settings import DisplaySettings
from app.widgets.save_dialog import ask_where_to_save
from engine.comparing.page import ComparisonPageConfig, PagePicture
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS, FileFormat
from engine.contracts.photo import PhotoRef
from engine.jobs import write_comparison_page
from engine.photo_files.photos import PhotoImage, write_image

_PICTURE_FORMATS: Final[tuple[FileFormat, ...]] = ("png", "jpeg", "tiff", "webp", "bmp")


@dataclass(frozen=True, eq=False)
class _PagePane:
    """One picture of a page, as it is in memory: its name, and PSNR and SSIM as text."""

    picture: Picture
    name: str
    figures: str


@dataclass(frozen=True, kw_only=True, eq=False)
class _Page:
    """What becomes a page; see `ComparisonPageConfig`."""

    path: Path
    title: str
    panes: tuple[_PagePane, ...]
    file_format: Literal["jpeg", "png"]


class CompareExport(QObject):
    """Asks where to, writes in the background, and tells.

    Signals:
        message_raised(Message): It has been saved, or why not.
    """

    message_raised = Signal(object)

    def __init__(self, runner: JobRunner, settings: Settings, page_id: str, window: QWidget) -> None:
        super().__init__(window)
        self._runner = runner
        self._settings = settings
        self._page_id = page_id
        self._window = window
        self._task = LatestTask(self, finished=self._tell_saved, failed=self._tell_error)

    def ask_for_picture(self, photo: PhotoRef) -> Path | None:
        """Ask for the file of a view of this photo; None where the person thinks better of it."""
        suggested = self._folder(photo) / tr("{photo} comparison.png").format(photo=photo.stem)
        kinds = {FORMATS[name].name: FORMATS[name].suffixes for name in _PICTURE_FORMATS}
        chosen = ask_where_to_save(self._window, tr("Save this view as a picture"), suggested, kinds)
        return None if chosen is None else chosen[0]

    def save_picture(self, image: QImage, path: Path) -> None:
        """Save a view in the format that the file's name says."""

        def save() -> Path:
            write_image(path, PhotoImage(pixels_from_qimage(image)), bit_depth=8)
            return path

        self._task.submit(save)

    def ask_for_page(self, photo: PhotoRef) -> tuple[Path, Literal["jpeg", "png"]] | None:
        """Ask for the file of a page, and how its pictures are kept; None where the person thinks better of it."""
        suggested = self._folder(photo) / tr("{photo} comparison.html").format(photo=photo.stem)
        small, exact = tr("Page with small pictures, JPEG"), tr("Page with every pixel as it is, PNG")
        kinds = dict.fromkeys((small, exact), (".html", ".htm"))
        chosen = ask_where_to_save(self._window, tr("Save a page with a slider"), suggested, kinds)
        return None if chosen is None else (chosen[0], "png" if chosen[1] == exact else "jpeg")

    def save_page(
        self, loaded: LoadedPanes, figures: Mapping[int, str], path: Path, file_format: Literal["jpeg", "png"]
    ) -> None:
        """Save the pictures of a photo as a page.

        Args:
            loaded: The pictures.
            figures: PSNR and SSIM by pane index, as text.
            path: The file.
            file_format: How the pictures are kept in it.
        """
        panes = tuple(
            _PagePane(pane, loaded.names[index], figures.get(index, ""))
            for index, pane in enumerate(loaded.panes)
            if isinstance(pane, Picture)
        )
        config = _Page(path=path, title=loaded.photo.name, panes=panes, file_format=file_format)
        job = self._runner.submit(
            JobRequest(
                title=tr("Writing {file}").format(file=path.name),
                page_id=self._page_id,
                function=_write_page,
                config=config,
                lane=JobLane.SIDE,
            )
        )
        job.finished.connect(self._tell_saved)

    def shut_down(self) -> None:
        """Wait for the background thread."""
        self._task.shut_down()

    def _folder(self, photo: PhotoRef) -> Path:
        return Path(self._settings.get(OPEN_DIALOG_FOLDER) or photo.file.parent)

    @Slot(object)
    def _tell_saved(self, path: Path) -> None:
        self._settings.set(OPEN_DIALOG_FOLDER, str(path.parent))
        text = tr("Saved {file} in {folder}.").format(file=path.name, folder=path.parent)
        self.message_raised.emit(Message(text=text))

    @Slot(object)
    def _tell_error(self, error: EngineError) -> None:
        self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))


def _write_page(config: _Page, control: JobControl, emit: Emit) -> Path:
    """Write the page; a job, since a browser knows of no levels, and to bring large pictures to them takes a while."""
    levels = CommonLevels(next((pane.picture for pane in config.panes), None))
    pictures = []
    for pane in config.panes:
        control.wait_if_paused()
        picture = pane.picture
        settings = DisplaySettings(levels=levels.shown(picture), channels=levels.tints(picture))
        pictures.append(
            PagePicture(
                name=pane.name,
                caption=" · ".join(part for part in (pane.name, pane.figures) if part),
                # Profiles a browser reads by itself.
                pixels=settings.shown(picture.pixels),
                icc_profile=picture.icc_profile,
            )
        )
    page = ComparisonPageConfig(
        path=config.path, title=config.title, pictures=tuple(pictures), file_format=config.file_format
    )
    return write_comparison_page(page, control, emit)
