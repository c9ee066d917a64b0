"""Asking where to save: the file is of the kind that its name says, and no other file goes for it unasked."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.look.translation import tr


def ask_where_to_save(
    parent: QWidget, title: str, proposed: Path, kinds: Mapping[str, Sequence[str]]
) -> tuple[Path, str] | None:
    """Let a person choose file and kind; None if they changed their mind.

    Args:
        parent: The dialog's parent.
        title: Its title, translated.
        proposed: The file that is proposed, of the first kind.
        kinds: What a person reads, translated, with the endings of that kind's files, the usual one first.

    Returns:
        The file, and which of `kinds` it is of.
    """
    filters = {f"{name} ({' '.join(f'*{suffix}' for suffix in suffixes)})": name for name, suffixes in kinds.items()}
    chosen, used = QFileDialog.getSaveFileName(parent, title, str(proposed), ";;".join(filters))
    if not chosen:
        return None
    path, kind = named_as_meant(Path(chosen), proposed, filters.get(used, next(iter(kinds))), kinds)
    # The dialog has asked about the name as it was typed.
    if path != Path(chosen) and os.path.exists(path) and not _may_replace(parent, path):
        return None
    return path, kind


def named_as_meant(chosen: Path, proposed: Path, kind: str, kinds: Mapping[str, Sequence[str]]) -> tuple[Path, str]:
    """Return the file that is written, and its kind.

    The ending that was typed says the kind. Where the proposed name was left as it was, the kind that was chosen beside
    it does: not every dialog changes the ending with the kind.

    Args:
        chosen: As the dialog gave it.
        proposed: As it was proposed.
        kind: Which was chosen in the dialog.
        kinds: As for `ask_where_to_save`.
    """
    suffix = chosen.suffix.lower()
    if suffix in kinds[kind]:
        return chosen, kind
    typed = next((name for name, suffixes in kinds.items() if suffix in suffixes), None)
    if typed is None:
        return chosen.with_name(chosen.name + kinds[kind][0]), kind
    if chosen.name == proposed.name:
        return chosen.with_suffix(kinds[kind][0]), kind
    return chosen, typed


def _may_replace(parent: QWidget, path: Path) -> bool:
    answer = QMessageBox.question(
        parent,
        tr("Replace the file?"),
        tr("{file} is there already in {folder}. Replace it?").format(file=path.name, folder=path.parent),
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        QMessageBox.StandardButton.No,
    )
    return answer == QMessageBox.StandardButton.Yes
