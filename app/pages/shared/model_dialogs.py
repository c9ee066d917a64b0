"""Asking for a model file: which to open, where to write one."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.look.translation import tr
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
    suffixes = {
        tr("Model for Residua ({pattern})").format(pattern=f"*{MODEL_SUFFIXES[0]}"): MODEL_SUFFIXES[0],
        tr("Network for other programs, ONNX ({pattern})").format(pattern=f"*{ONNX_SUFFIX}"): ONNX_SUFFIX,
    }
    chosen, kind = QFileDialog.getSaveFileName(
        parent, tr("Export the model"), str(folder / f"{proposed}{MODEL_SUFFIXES[0]}"), ";;".join(suffixes)
    )
    return with_suffix_of(Path(chosen), suffixes.get(kind, MODEL_SUFFIXES[0])) if chosen else None


def with_suffix_of(path: Path, suffix: str) -> Path:
    """The path of a model file of a kind: not every dialog changes the ending of the name with the kind.

    Args:
        path: As the dialog gave it.
        suffix: Of the kind that was chosen in it.
    """
    return path.with_suffix(suffix) if path.suffix.lower() in MODEL_SUFFIXES else path.with_name(path.name + suffix)
