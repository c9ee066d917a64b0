"""The settings: how the window looks, where the network computes, where files go.

Each takes effect at once, or says when.
"""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QWidget

from app.core.disk_caches import cache_files
from app.core.settings import (
    COMPUTE_SETTINGS,
    DECODED_PHOTOS_GB,
    KEEP_DELETED_DAYS,
    LANGUAGE,
    RESTORE_DESTINATION,
    RUNS_FOLDER,
    TEXT_SCALE,
    THEME,
    THUMBNAIL_CACHE_MB,
    Setting,
    Settings,
)
from app.jobs.latest_task import LatestTask
from app.look import phrases
from app.look.buttons import button, close_row, set_reason
from app.look.catalogues import LANGUAGE_TITLES, SYSTEM_LANGUAGE, available_languages
from app.look.layouts import WIDE_MARGINS, Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import mark, tr, tr_count, translate_engine
from app.widgets.field_editors import ChoiceEditor, FieldEditor, IntEditor, PathEditor, editor_for
from engine.contracts.configs import ComputePreference
from engine.machine.places import Place

_THEMES = {"system": mark("As the system"), "dark": mark("Dark"), "light": mark("Light")}
_CAPTION_PX, _EDITOR_PX = 168, 300


class SettingsDialog(QDialog):
    """Every preference that is not set where it is used.

    Attributes:
        editors: The editors by the settings' keys.
        clear_button: Empties the caches.
    """

    def __init__(self, settings: Settings, runs_folder: Path, parent: QWidget | None = None) -> None:
        """Build the dialog.

        Args:
            settings: What is shown and changed.
            runs_folder: Where runs are kept now.
            parent: Its owner.
        """
        super().__init__(parent)
        self._settings = settings
        self._caches = cache_files()
        self.setWindowTitle(tr("Settings"))
        self.editors: dict[str, FieldEditor] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACING)
        self._grid.setVerticalSpacing(SPACING)
        self._grid.setColumnStretch(2, 1)
        self._cache_text = label("", "caption")
        self.clear_button = button(tr("Clear"), "trash")
        self.clear_button.setToolTip(tr("Thumbnails and computed pictures are made again when they are needed."))
        self.clear_button.clicked.connect(self._clear)
        self._add_look()
        self._add_computing()
        self._add_files(runs_folder)
        self._add_room()
        self._lay_out()
        self._task = LatestTask(self, finished=self._show_cache)
        self._measure()
        follow_theme(self._fit)

    def done(self, result: int) -> None:
        self._task.let_go()
        super().done(result)

    def _add_look(self) -> None:
        self._heading(tr("Look"))
        self._choice(THEME, tr("Theme"), {value: tr(title) for value, title in _THEMES.items()})
        titles = {SYSTEM_LANGUAGE: tr("As the system")}
        titles |= {code: LANGUAGE_TITLES[code] for code in available_languages()}
        self._choice(LANGUAGE, tr("Language"), titles, tr("From the next start on."))
        self._choice(TEXT_SCALE, tr("Text size"), {scale: phrases.percent(scale) for scale in TEXT_SCALE.choices})

    def _add_computing(self) -> None:
        self._heading(tr("Computing"))
        note = tr("From the next job on, wherever the job itself leaves it open.")
        for name, setting in COMPUTE_SETTINGS.items():
            field = ComputePreference.model_fields[name]
            editor = editor_for(field.annotation, field.metadata)
            assert editor is not None
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            if isinstance(editor, IntEditor):
                editor.set_lowest_text(translate_engine(str(extra["zero"])))
            description = translate_engine(field.description or "")
            self._row(setting, translate_engine(field.title or name), editor, f"{description}\n{note}", tip_only=True)

    def _add_files(self, runs_folder: Path) -> None:
        self._heading(tr("Files"))
        destination = PathEditor(is_optional=False)
        destination.set_empty_text(tr("A folder beside the photos"))
        self._row(
            RESTORE_DESTINATION,
            tr("Restored photos"),
            destination,
            tr("Where restored photos go, unless the page Restore says otherwise for a folder."),
            tip_only=True,
        )
        runs = PathEditor(is_optional=False)
        runs.set_empty_text(str(Place.RUNS.path()))
        self._row(RUNS_FOLDER, tr("Folder of runs"), runs, self._runs_text(runs_folder))
        self._choice(
            KEEP_DELETED_DAYS,
            tr("Deleted runs"),
            {
                days: tr_count("Kept for {number} day", "Kept for {number} days", days).format(
                    number=phrases.number(days)
                )
                if days
                else tr("Kept until removed by hand")
                for days in KEEP_DELETED_DAYS.choices
            },
        )

    def _add_room(self) -> None:
        self._heading(tr("Room on the disk"))
        sizes = {
            megabytes: f"{phrases.number(megabytes)}{phrases.NO_BREAK}MB" for megabytes in THUMBNAIL_CACHE_MB.choices
        }
        self._choice(
            THUMBNAIL_CACHE_MB,
            tr("Thumbnails"),
            {mb: tr("At most {size}").format(size=size) for mb, size in sizes.items()},
        )
        self._choice(
            DECODED_PHOTOS_GB,
            tr("Decoded photos"),
            {
                gb: tr("At most {size}").format(size=f"{phrases.number(gb)}{phrases.NO_BREAK}GB") if gb else tr("None")
                for gb in DECODED_PHOTOS_GB.choices
            },
            tr("Large ones that trainings learn from. Of those that do not fit, only the middle may be learned from."),
        )
        row = self._grid.rowCount()
        self._grid.addWidget(label(tr("Kept now")), row, 0)
        cell = in_row((self._cache_text, 1), self.clear_button)
        self._grid.addLayout(cell, row, 1)

    def _heading(self, text: str) -> None:
        row = self._grid.rowCount()
        heading = label(text, "section")
        heading.setContentsMargins(0, SPACING if row > 1 else 0, 0, 0)
        self._grid.addWidget(heading, row, 0, 1, 2)

    def _choice(self, setting: Setting[Any], caption: str, titles: dict[Any, str], note: str = "") -> None:
        self._row(setting, caption, ChoiceEditor(titles), note)

    def _row(
        self, setting: Setting[Any], caption: str, editor: FieldEditor, note: str, *, tip_only: bool = False
    ) -> QWidget:
        caption_label = label(caption)
        caption_label.setBuddy(editor)
        editor.setAccessibleName(caption)
        editor.setAccessibleDescription(note)
        editor.set_value(self._settings.get(setting))
        editor.edited.connect(lambda: self._store(setting, editor))
        row = self._grid.rowCount()
        self._grid.addWidget(caption_label, row, 0)
        self._grid.addWidget(editor, row, 1)
        note_label = label(note, "caption", wraps=True)
        note_label.setVisible(bool(note) and not tip_only)
        self._grid.addWidget(note_label, row + 1, 1)
        if tip_only:
            for part in (caption_label, editor):
                part.setToolTip(note)
        self.editors[setting.key] = editor
        return note_label

    def _store(self, setting: Setting[Any], editor: FieldEditor) -> None:
        value = editor.value()
        if isinstance(value, Path):
            value = str(value)
        if isinstance(value, str) and setting in (RUNS_FOLDER, RESTORE_DESTINATION) and not _is_usable(value):
            return
        self._settings.set(setting, value)

    def _lay_out(self) -> None:
        content = QWidget()
        in_column(self._grid, Stretch(), of=content, margins=(0, 0, 2 * SPACING, 0), spacing=None)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._scroll.setWidget(content)
        in_column(
            label(tr("Settings"), "title"),
            (self._scroll, 1),
            close_row(self),
            of=self,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )

    @Slot()
    def _fit(self) -> None:
        px = Theme.of_application().px
        available, around = self.screen().availableSize(), 12 * SPACING
        width = min(px(_CAPTION_PX + _EDITOR_PX) + around, available.width() - 40)
        # On a small screen large text leaves the editors less.
        self._grid.setColumnMinimumWidth(0, px(_CAPTION_PX))
        self._grid.setColumnMinimumWidth(1, max(0, min(px(_EDITOR_PX), width - around - px(_CAPTION_PX))))
        self.resize(width, min(px(860), available.height() - 80))

    def _runs_text(self, present: Path) -> str:
        return tr("From the next start on; runs that are there stay where they are. Now: {folder}").format(
            folder=present
        )

    def _measure(self) -> None:
        self._cache_text.setText(tr("Counting …"))
        set_reason(self.clear_button, tr("Counting …"))
        caches = self._caches
        self._task.submit(lambda: sum(cache.num_bytes() for cache in caches))

    @Slot(object)
    def _show_cache(self, num_bytes: int) -> None:
        self._cache_text.setText(phrases.file_size(num_bytes) if num_bytes else tr("Nothing"))
        set_reason(self.clear_button, "" if num_bytes else tr("Nothing is kept."))

    @Slot()
    def _clear(self) -> None:
        set_reason(self.clear_button, tr("Clearing …"))
        caches = self._caches

        def work() -> int:
            for cache in caches:
                cache.clear()
            return sum(cache.num_bytes() for cache in caches)

        self._task.submit(work)


def _is_usable(folder: str) -> bool:
    """Tell whether a typed path can stand as a setting: empty, or absolute."""
    return not folder or Path(folder).is_absolute()
