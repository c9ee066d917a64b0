"""A file is saved as the kind that its name says, and nothing is replaced unasked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.theme import Theme
from app.pages.compare.export import CompareExport
from app.pages.shared.model_dialogs import ask_where_to_export
from app.widgets.save_dialog import named_as_meant
from engine.contracts.photo import PhotoRef

KINDS = {"Model": (".safetensors",), "ONNX": (".onnx",)}
RAIN = Path("a/Rain.safetensors")


@pytest.mark.parametrize(
    ("chosen", "kind", "expected"),
    [
        ("a/Rain.safetensors", "Model", ("a/Rain.safetensors", "Model")),
        ("a/Rain", "ONNX", ("a/Rain.onnx", "ONNX")),
        ("a/Rain 1.5", "Model", ("a/Rain 1.5.safetensors", "Model")),
        # Typed: the name says what it is.
        ("a/Snow.onnx", "Model", ("a/Snow.onnx", "ONNX")),
        ("a/Snow.safetensors", "ONNX", ("a/Snow.safetensors", "Model")),
        ("a/SNOW.ONNX", "Model", ("a/SNOW.ONNX", "ONNX")),
        # Proposed, and another kind chosen beside it.
        ("b/Rain.safetensors", "ONNX", ("b/Rain.onnx", "ONNX")),
    ],
)
def test_the_name_says_the_kind(chosen: str, kind: str, expected: tuple[str, str]) -> None:
    assert named_as_meant(Path(chosen), RAIN, kind, KINDS) == (Path(expected[0]), expected[1])


def answer(button: QMessageBox.StandardButton, asked: list[str]) -> None:
    """Press a button of the question that will be asked."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        box.button(button).click()

    QTimer.singleShot(0, press)


@pytest.mark.parametrize("button", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_a_name_that_the_program_completes_is_asked_about(
    qtbot: QtBot, theme: Theme, settings: Settings, tmp_path: Path, monkeypatch: Any, button: QMessageBox.StandardButton
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    (tmp_path / "Rain.onnx").write_bytes(b"kept")
    kind = "Network for other programs, ONNX (*.onnx)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "Rain"), kind))
    asked: list[str] = []
    answer(button, asked)
    found = ask_where_to_export(parent, "Rain", settings)
    assert found == (tmp_path / "Rain.onnx" if button == QMessageBox.StandardButton.Yes else None)
    assert len(asked) == 1
    assert "Rain.onnx" in asked[0]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "Snow"), kind))
    assert ask_where_to_export(parent, "Rain", settings) == tmp_path / "Snow.onnx"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("view.jpg", "JPEG"),
        ("view.JPEG", "JPEG"),
        ("view.tif", "TIFF"),
        ("view.webp", "WEBP"),
        ("view.bmp", "BMP"),
        ("view", "PNG"),
        ("view.xyz", "PNG"),
    ],
)
def test_a_view_is_saved_in_the_format_that_was_typed(
    qtbot: QtBot, theme: Theme, runner: JobRunner, settings: Settings, tmp_path: Path, monkeypatch: Any,
    name: str, found: str,
) -> None:  # fmt: skip
    page = QWidget()
    qtbot.addWidget(page)
    exporter = CompareExport(runner, settings, "compare", page)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name), "PNG (*.png *.apng)"))
    path = exporter.ask_for_picture(PhotoRef(tmp_path / "photo.png"))
    assert path is not None
    values = np.full((20, 30, 4), 120, np.uint8)
    image = QImage(values.tobytes(), 30, 20, 120, QImage.Format.Format_RGBX8888).copy()
    with qtbot.waitSignal(exporter.message_raised, timeout=10_000):
        exporter.save_picture(image, path)
    with Image.open(path) as picture:
        assert picture.format == found
        assert picture.size == (30, 20)
    exporter.shut_down()


def test_a_page_keeps_its_pictures_as_was_chosen(
    qtbot: QtBot, theme: Theme, runner: JobRunner, settings: Settings, tmp_path: Path, monkeypatch: Any
) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    exporter = CompareExport(runner, settings, "compare", page)
    exact = "Page with every pixel as it is, PNG (*.html *.htm)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "p.htm"), exact))
    assert exporter.ask_for_page(PhotoRef(tmp_path / "photo.png")) == (tmp_path / "p.htm", "png")
    exporter.shut_down()
