"""Promise 8: the log rotates, and holds nothing of a picture."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.core import error_reporting
from app.core.error_reporting import ErrorReporter
from engine.contracts.errors import ImageReadError
from engine.machine.places import Place
from engine.photo_files.photos import read_image

LIMIT_BYTES = 5_000


def test_the_log_takes_a_bounded_room(qtbot: QtBot, python_hooks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_reporting, "_LOG_BYTES", LIMIT_BYTES)
    reporter = ErrorReporter()
    reporter.install()
    for number in range(1000):
        logging.getLogger("engine.some").warning("line %d of a long session, %s", number, "x" * 60)
    reporter.uninstall()
    logs = sorted(Place.LOGS.path().glob("residua.log*"))
    assert len(logs) == 1 + error_reporting._NUM_OLD_LOGS
    assert all(path.stat().st_size <= LIMIT_BYTES for path in logs)
    assert "line 999 of" in (Place.LOGS.path() / "residua.log").read_text()


def test_a_fault_amid_a_picture_leaves_no_pixel_in_the_log(qtbot: QtBot, python_hooks: None, tmp_path: Path) -> None:
    def fault() -> None:
        pixels = np.full((8, 8, 3), 0.728431, np.float32)
        raise RuntimeError(f"a picture of shape {pixels.shape} does not fit")

    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"secret pixels" * 50)
    reporter = ErrorReporter()
    reporter.install()
    try:
        fault()
    except RuntimeError as error:
        reporter.on_exception(type(error), error, error.__traceback__)
    with pytest.raises(ImageReadError) as caught:
        read_image(tmp_path / "photo.png")
    logging.getLogger("engine.some").warning("%s", caught.value)
    reporter.uninstall()
    text = (Place.LOGS.path() / "residua.log").read_text()
    assert "does not fit" in text
    assert "0.728431, " not in re.sub(r"np\.full\(.*", "", text)
    assert "secret pixels" not in text
    qtbot.wait(50)
    reporter.close_dialog()
