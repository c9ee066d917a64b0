"""Asking for photos: a folder of them, files of them. All such dialogs open where the last one has ended."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.settings import OPEN_DIALOG_FOLDER, Settings
from app.look.translation import tr
from engine.photo_files.photos import IMAGE_SUFFIXES


def ask_for_photo_folder(parent: QWidget, title: str, settings: Settings) -> Path | None:
    """Let a person choose a folder; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        title: Its title, translated.
        settings: Remember where the last dialog for photos has ended: beside the folder chosen, where its like lie.
    """
    name = QFileDialog.getExistingDirectory(parent, title, settings.dialog_folder)
    if not name:
        return None
    settings.set(OPEN_DIALOG_FOLDER, str(Path(name).parent))
    return Path(name)


def ask_for_photos(parent: QWidget, title: str, settings: Settings, *, several: bool = False) -> list[Path]:
    """Let a person choose photo files; empty if they changed their mind.

    Args:
        parent: The dialog's parent.
        title: Its title, translated.
        settings: Remember where the last dialog for photos has ended.
        several: Whether more than one may be chosen.
    """
    patterns = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
    kinds = tr("Photos") + f" ({patterns})"
    if several:
        names, _ = QFileDialog.getOpenFileNames(parent, title, settings.dialog_folder, kinds)
    else:
        name, _ = QFileDialog.getOpenFileName(parent, title, settings.dialog_folder, kinds)
        names = [name] if name else []
    if names:
        settings.set(OPEN_DIALOG_FOLDER, str(Path(names[0]).parent))
    return [Path(name).absolute() for name in names]
