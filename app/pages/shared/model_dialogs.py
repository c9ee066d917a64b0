"""Asking for a model file: which to open, where to write one. All such dialogs open where the last one has ended."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.settings import MODEL_DIALOG_FOLDER, Settings
from app.look.translation import tr
from app.widgets.save_dialog import ask_where_to_save
from engine.models.cards import MODEL_SUFFIXES, ONNX_SUFFIX


def ask_for_model_file(parent: QWidget, title: str, settings: Settings) -> Path | None:
    """Let a person choose a model file; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        title: Its title, translated.
        settings: Remember where the last dialog for models has ended.
    """
    patterns = " ".join(f"*{suffix}" for suffix in MODEL_SUFFIXES)
    kinds = tr("Models ({pattern})").format(pattern=patterns)
    name, _ = QFileDialog.getOpenFileName(parent, title, str(_folder(settings)), kinds)
    return _remembered(Path(name), settings) if name else None


def ask_where_to_export(parent: QWidget, name: str, settings: Settings) -> Path | None:
    """Let a person choose file and format of a model to write; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        name: What the model is called; letters that no file name may have are replaced.
        settings: Remember where the last dialog for models has ended.
    """
    proposed = "".join("-" if letter in '/\\:*?"<>|' else letter for letter in name)
    kinds = {
        tr("Model for Residua"): (MODEL_SUFFIXES[0],),
        tr("Network for other programs, ONNX"): (ONNX_SUFFIX,),
    }
    file = _folder(settings) / f"{proposed}{MODEL_SUFFIXES[0]}"
    chosen = ask_where_to_save(parent, tr("Export the model"), file, kinds)
    return None if chosen is None else _remembered(chosen[0], settings)


def _folder(settings: Settings) -> Path:
    return Path(settings.get(MODEL_DIALOG_FOLDER) or Path.home())


def _remembered(path: Path, settings: Settings) -> Path:
    settings.set(MODEL_DIALOG_FOLDER, str(path.parent))
    return path
