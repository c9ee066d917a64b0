"""Asking for a model file: which to open, where to write one."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.look.translation import tr
from app.widgets.save_dialog import ask_where_to_save
from engine.models.cards import MODEL_SUFFIXES, ONNX_SUFFIX


def ask_for_model_file(parent: QWidget, title: str, folder: str = "") -> Path | None:
    """Let a person choose a model file; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        title: Its title, translated.
        folder: Where it opens; empty: where the program was started.
    """
    patterns = " ".join(f"*{suffix}" for suffix in MODEL_SUFFIXES)
    name, _ = QFileDialog.getOpenFileName(parent, title, folder, tr("Models ({pattern})").format(pattern=patterns))
    return Path(name) if name else None


def ask_where_to_export(parent: QWidget, folder: Path, name: str) -> Path | None:
    """Let a person choose file and format of a model to write; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        folder: Where it opens.
        name: What the model is called; letters that no file name may have are replaced.
    """
    proposed = "".join("-" if letter in '/\\:*?"<>|' else letter for letter in name)
    kinds = {
        tr("Model for Residua"): (MODEL_SUFFIXES[0],),
        tr("Network for other programs, ONNX"): (ONNX_SUFFIX,),
    }
    chosen = ask_where_to_save(parent, tr("Export the model"), folder / f"{proposed}{MODEL_SUFFIXES[0]}", kinds)
    return None if chosen is None else chosen[0]
