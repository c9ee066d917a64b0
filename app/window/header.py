"""The line above the pages: what is open, which model is in use, how the window looks, where it computes."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QMenu, QSizePolicy, QToolButton, QWidget

from app.core.actions import shown_keys
from app.core.run_catalog import RunEntry
from app.core.session import ModelChoice, Session
from app.look import phrases
from app.look.buttons import icon_button
from app.look.layouts import in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, themed_icon
from app.look.translation import mark, tr, translate_engine

_MAX_RUNS_IN_MENU = 15
_KINDS = {"pretrain": mark("pretrained"), "finetune": mark("fine-tuned"), "import": mark("imported")}
_MAX_NAME = 32
_LEAST_MODEL_PX = 120


class _ModelButton(QToolButton):
    """Shortens its text, as Qt paints it, where the line has no room for the whole; its tooltip has it."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(Theme.of_application().px(_LEAST_MODEL_PX), super().minimumSizeHint().height())


class Header(QFrame):
    """Shows the session's folder, model and device.

    Attributes:
        model_button: Opens the menu of models.
        settings_button: Opens the menu of settings, shortcuts and folders.

    Signals:
        settings_requested: The settings were asked for.
        import_requested: A model file shall be chosen.
        shortcuts_requested: The cheat sheet was asked for.
        log_requested: The log folder was asked for.
        about_requested: Version and licences were asked for.
        runs_folder_requested: The folder of runs was asked for.
    """

    settings_requested = Signal()
    import_requested = Signal()
    shortcuts_requested = Signal()
    log_requested = Signal()
    about_requested = Signal()
    runs_folder_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Header")
        self._session = session
        self._folder = ElidedLabel(role="muted")
        self._device = label("", "muted")
        self._device.setToolTip(tr("Where the network computes, and how exactly"))
        self.model_button = _ModelButton()
        self.model_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.model_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.model_button.setIcon(themed_icon("caret-down"))
        self.model_button.setIconSize(QSize(12, 12))
        self.model_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.model_button.setToolTip(tr("The model that restores photos"))
        self._model_menu = QMenu(self, toolTipsVisible=True)
        self._model_menu.aboutToShow.connect(self._fill_model_menu)
        self.model_button.setMenu(self._model_menu)
        self.settings_button = icon_button("gear-six", tr("Settings"))
        self.settings_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.settings_button.setMenu(self._make_settings_menu())
        in_row(
            label("Residua", "strong"),
            (self._folder, 1),
            self.model_button,
            self.settings_button,
            self._device,
            of=self,
            margins=(2 * SPACING, SPACING // 2, 2 * SPACING, SPACING // 2),
        )
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
        scanned = self._session.photos
        photos = phrases.count(len(scanned), "photo")
        num_pages = sum(max(len(photo.pages), 1) for photo in scanned)
        if num_pages > len(scanned):
            photos += ", " + phrases.count(num_pages, "page")
        self._folder.set_text(f"·  {self._session.folder_name} ({photos})")

    def _show_model(self) -> None:
        model = self._session.model
        name = translate_engine(model.name) if model else tr("none yet")
        shown = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
        self.model_button.setText(tr("Model: {name}").format(name=shown))
        self.model_button.setAccessibleName(tr("Model: {name}").format(name=name))
        tip = tr("The model that restores photos: {path}") if model else tr("No model is chosen")
        self.model_button.setToolTip(f"{name}\n{tip.format(path=model.path)}" if model else tip)

    def _show_device(self) -> None:
        self._device.setText(self._session.compute_text or tr("Preparing …"))

    def _fill_model_menu(self) -> None:
        menu = self._model_menu
        menu.clear()
        entries: Sequence[RunEntry] = [entry for entry in self._session.run_catalog.runs if entry.has_model]
        chosen = self._session.model
        for entry in entries[:_MAX_RUNS_IN_MENU]:
            kind = tr(_KINDS[entry.record.kind])
            text = f"{entry.record.name}  ·  {kind} {phrases.date_and_time(entry.record.created)}"
            action = menu.addAction(text.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(chosen is not None and chosen.path == entry.path)
            choice = ModelChoice(entry.path, entry.record.name)
            action.triggered.connect(lambda _=False, choice=choice: self._session.set_model(choice))
        if not entries:
            menu.addAction(tr("No run has a model yet")).setEnabled(False)
        menu.addSeparator()
        for starter in self._session.starters:
            action = menu.addAction(translate_engine(starter.title).replace("&", "&&"))
            action.setToolTip(translate_engine(starter.description))
            action.setCheckable(True)
            action.setChecked(chosen is not None and chosen.path == starter.path)
            choice = ModelChoice(starter.path, starter.title)
            action.triggered.connect(lambda _=False, choice=choice: self._session.set_model(choice))
        if self._session.starters:
            menu.addSeparator()
        menu.addAction(tr("Import a model file…")).triggered.connect(self.import_requested)

    def _make_settings_menu(self) -> QMenu:
        menu = QMenu(self)
        for text, action_id, signal in (
            (tr("Settings…"), "window.settings", self.settings_requested),
            (tr("Keyboard shortcuts"), "window.shortcuts", self.shortcuts_requested),
        ):
            # Shown, not set: the window has these keys already.
            menu.addAction(f"{text}\t{shown_keys(action_id)}").triggered.connect(signal)
        menu.addSeparator()
        menu.addAction(tr("Open the folder of runs")).triggered.connect(self.runs_folder_requested)
        menu.addAction(tr("Open the log folder")).triggered.connect(self.log_requested)
        menu.addSeparator()
        menu.addAction(tr("About Residua")).triggered.connect(self.about_requested)
        return menu
