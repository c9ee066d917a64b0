"""The line above the pages: what is open, which model is in use, how the window looks, where it computes."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from app import phrases
from app.run_catalog import RunEntry
from app.session import ModelChoice, Session
from app.settings import OPEN_DIALOG_FOLDER, TEXT_SCALE, THEME, Settings
from app.theme import SPACING, themed_icon
from app.widgets.buttons import icon_button
from app.widgets.text import ElidedLabel, label

_MAX_RUNS_IN_MENU = 15
_THEMES = {"system": "As the system", "dark": "Dark", "light": "Light"}
_MAX_NAME = 32


class Header(QFrame):
    """Shows the session's folder, model and device.

    Attributes:
        model_button: Opens the menu of models.
        settings_button: Opens the menu of preferences.

    Signals:
        shortcuts_requested: The cheat sheet was asked for.
        log_requested: The log folder was asked for.
        runs_folder_requested: The folder of runs was asked for.
    """

    shortcuts_requested = Signal()
    log_requested = Signal()
    runs_folder_requested = Signal()

    def __init__(self, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Header")
        self._session = session
        self._settings = settings
        self._folder = ElidedLabel(role="muted")
        self._device = label("", "muted")
        self._device.setToolTip("Where the network computes, and how exactly")
        self.model_button = QToolButton()
        self.model_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.model_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.model_button.setIcon(themed_icon("caret-down"))
        self.model_button.setIconSize(QSize(12, 12))
        self.model_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.model_button.setToolTip("The model that restores photos")
        self._model_menu = QMenu(self)
        self._model_menu.setToolTipsVisible(True)
        self._model_menu.aboutToShow.connect(self._fill_model_menu)
        self.model_button.setMenu(self._model_menu)
        self.settings_button = icon_button("gear-six", "Settings")
        self.settings_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.settings_button.setMenu(self._make_settings_menu())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, SPACING // 2, 2 * SPACING, SPACING // 2)
        layout.setSpacing(SPACING)
        layout.addWidget(label("Residua", "strong"))
        layout.addWidget(self._folder, 1)
        layout.addWidget(self.model_button)
        layout.addWidget(self.settings_button)
        layout.addWidget(self._device)
        session.folders_changed.connect(self._show_folder)
        session.photos_changed.connect(self._show_folder)
        session.model_changed.connect(self._show_model)
        session.engine_loaded.connect(self._show_device)
        self._show_folder()
        self._show_model()
        self._show_device()

    @property
    def folder_text(self) -> str:
        """What is said about the open folder."""
        return self._folder.whole_text

    @property
    def device_text(self) -> str:
        """What is said about the device."""
        return self._device.text()

    def _show_folder(self) -> None:
        if not self._session.folders:
            self._folder.set_text("")
            return
        photos = phrases.count(len(self._session.photos), "photo")
        self._folder.set_text(f"·  {self._session.folder_name} ({photos})")

    def _show_model(self) -> None:
        model = self._session.model
        name = model.name if model else "none yet"
        shown = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
        self.model_button.setText(f"Model: {shown}")
        self.model_button.setToolTip(f"The model that restores photos: {model.path}" if model else "No model is chosen")

    def _show_device(self) -> None:
        self._device.setText(self._session.compute_text or "Preparing …")

    def _fill_model_menu(self) -> None:
        menu = self._model_menu
        menu.clear()
        entries: Sequence[RunEntry] = [entry for entry in self._session.run_catalog.runs if entry.has_model]
        chosen = self._session.model
        for entry in entries[:_MAX_RUNS_IN_MENU]:
            kind = {"pretrain": "pretrained", "finetune": "fine-tuned"}[entry.record.kind]
            text = f"{entry.record.name}  ·  {kind} {phrases.date_and_time(entry.record.created)}"
            action = menu.addAction(text.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(chosen is not None and chosen.path == entry.path)
            choice = ModelChoice(entry.path, entry.record.name)
            action.triggered.connect(lambda _=False, choice=choice: self._session.set_model(choice))
        if not entries:
            menu.addAction("No run has a model yet").setEnabled(False)
        menu.addSeparator()
        for starter in self._session.starters:
            action = menu.addAction(starter.title.replace("&", "&&"))
            action.setToolTip(starter.description)
            action.setCheckable(True)
            action.setChecked(chosen is not None and chosen.path == starter.path)
            choice = ModelChoice(starter.path, starter.title)
            action.triggered.connect(lambda _=False, choice=choice: self._session.set_model(choice))
        if self._session.starters:
            menu.addSeparator()
        menu.addAction("Open a model file …").triggered.connect(self._browse)

    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Open a model file", self._settings.get(OPEN_DIALOG_FOLDER), "Models (*.safetensors)"
        )
        if name:
            self._session.set_model(ModelChoice(Path(name), Path(name).stem))

    def _make_settings_menu(self) -> QMenu:
        menu = QMenu(self)
        themes = QActionGroup(menu)
        theme_menu = menu.addMenu("Theme")
        for value, title in _THEMES.items():
            action = theme_menu.addAction(title)
            action.setCheckable(True)
            action.setData(value)
            action.triggered.connect(lambda _=False, value=value: self._settings.set(THEME, value))
            themes.addAction(action)
        scales = QActionGroup(menu)
        scale_menu = menu.addMenu("Text size")
        for scale in TEXT_SCALE.choices:
            action = scale_menu.addAction(f"{scale:.0%}")
            action.setCheckable(True)
            action.setData(scale)
            action.triggered.connect(lambda _=False, scale=scale: self._settings.set(TEXT_SCALE, scale))
            scales.addAction(action)

        def check_present() -> None:
            for action in themes.actions():
                action.setChecked(action.data() == self._settings.get(THEME))
            for action in scales.actions():
                action.setChecked(action.data() == self._settings.get(TEXT_SCALE))

        menu.aboutToShow.connect(check_present)
        menu.addSeparator()
        menu.addAction("Keyboard shortcuts").triggered.connect(self.shortcuts_requested)
        menu.addAction("Open the folder of runs").triggered.connect(self.runs_folder_requested)
        menu.addAction("Open the log folder").triggered.connect(self.log_requested)
        return menu
