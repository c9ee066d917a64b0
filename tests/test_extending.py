"""Every example of `docs/extending.md` works as it stands on the page."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.core.session import Session
from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.thumbnails import shared_thumbnails
from app.pages.compare.page import ComparePage
from app.window.shortcut_sheet import ShortcutSheet
from engine import jobs
from engine.contracts.configs import EvaluateConfig, FinetuneConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import ImageWriteError
from engine.contracts.events import PhotoScanned
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef
from engine.method.factory import make_backbone
from engine.photo_files.encoding import ENCODERS
from engine.photo_files.exif import with_resolution
from engine.photo_files.photo_image import PictureDescriptions
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photo_files.values.sample_types import to_float
from engine.photos.pairs import PhotoPair
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "extending.md"
BLOCK = re.compile(r'^```python title="([\w/]+)\.py[^"\n]*"\n(.*?)^```', re.MULTILINE | re.DOTALL)

WITH_ANOTHER_FORMAT = """
import sys
from pathlib import Path

from engine.contracts.output_formats import FORMATS, FormatSpec
from engine.photo_files.encoding import ENCODERS

exec(sys.argv[1])

from PySide6.QtWidgets import QApplication, QComboBox, QLabel
from typer.testing import CliRunner

from app.core.settings import Settings, restore_setting
from app.pages.restore.output import OutputOptions
from engine.cli.main import app

photo, folder = sys.argv[2:]
asked = ["restore", "starter", photo, "--out", folder, "--format", "pnm", "--bit-depth", "16"]
result = CliRunner().invoke(app, asked)
assert result.exit_code == 0, result.output

application = QApplication([])
settings = Settings(Path(folder) / "settings.json")
settings.set(restore_setting("format"), "pnm")
options = OutputOptions(settings)
assert options.editor("format").findChild(QComboBox).currentText() == "PNM"
assert not options.editor("bit_depth").isHidden() and options.editor("jpeg_quality").isHidden()
notes = [label.text() for label in options.findChildren(QLabel)]
assert [note for note in notes if note.startswith("PNM has no place")]
assert [note for note in notes if note.endswith("_restored.pnm")]
"""
"""What a program whose tables have had the row from the beginning does with it."""


def examples(section: str) -> list[tuple[str, str]]:
    """Return where the code below a heading goes, and the code: a class or function, and the row of its table."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = BLOCK.findall(text)
    assert len(blocks) == 2, section
    return blocks


@pytest.fixture
def add_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put the code below a heading of the page where its titles say: into new files, and at the end of others."""
    before: list[tuple[dict[str, object], dict[str, object]]] = []

    def keep(names: dict[str, object]) -> None:
        before.append((names, dict(names)))

    def add(section: str) -> None:
        for place, block in examples(section):
            name = place.replace("/", ".")
            if (ROOT / f"{place}.py").is_file():
                module = vars(import_module(name))
                keep(module)
                for table in [value for value in module.values() if isinstance(value, dict)]:
                    keep(table)
                exec(compile(block, str(PAGE), "exec"), module)
                continue
            package, _, own_name = name.rpartition(".")
            (tmp_path / f"{own_name}.py").write_text(block, encoding="utf-8")
            paths = [*import_module(package).__path__, str(tmp_path)]
            monkeypatch.setattr(import_module(package), "__path__", paths)
            # Set, so that it is taken away again.
            monkeypatch.setitem(sys.modules, name, None)
            monkeypatch.delitem(sys.modules, name)

    yield add
    for names, old in before:
        names.clear()
        names.update(old)


def ignore(event: object) -> None:
    """Nobody watches these jobs."""


def test_a_pretext_task_trains(add_examples: Callable[[str], None], tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    add_examples("A pretext task")
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), out=tmp_path / "run", steps=2, pretext="plain-neighbours", crop_px=16
    )
    assert jobs.pretrain(config, JobControl(), ignore).steps == 2


def test_a_backbone_trains_and_restores_by_tiles(
    add_examples: Callable[[str], None], tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    add_examples("A backbone")
    backbone = make_backbone("two-layers", {})
    torch.nn.init.normal_(backbone.head.weight, std=0.1)
    photo = torch.rand(1, 3, 24, 24)
    changed = photo.clone()
    changed[..., 0, 0] += 1
    reach = (backbone(photo) != backbone(changed)).any(dim=1)[0].nonzero().max()
    assert reach == backbone.context_px
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), out=tmp_path / "run", steps=2, backbone="two-layers", crop_px=16
    )
    run = jobs.pretrain(config, JobControl(), ignore).run
    restoring = RestoreConfig(model=run, photos=(tiny_photos.noisy,), out=tmp_path / "restored", tile=64)
    assert len(jobs.restore(restoring, JobControl(), ignore).restored) == 8


def test_a_task_learns_from_clean_photos_alone(
    add_examples: Callable[[str], None], tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    add_examples("A task")
    config = FinetuneConfig(
        parent=None, task="deblur", noisy=(), clean=(tiny_photos.clean,), out=tmp_path / "run", steps=2, crop_px=16
    )
    assert jobs.finetune(config, JobControl(), ignore).steps == 2


def test_a_classical_method_is_measured(add_examples: Callable[[str], None], tiny_photos: TinyPhotos) -> None:
    add_examples("A classical method")
    config = EvaluateConfig(baseline="median", noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,))
    result = jobs.evaluate(config, JobControl(), ignore)
    assert result.psnr > result.noisy_psnr


def test_an_output_format_is_written(add_examples: Callable[[str], None], tmp_path: Path) -> None:
    add_examples("An output format")
    samples = np.random.default_rng(0).integers(0, 65_536, (5, 7, 3), np.uint16)
    exif = ImageMetadata(file_format="tiff", bit_depth=16, exif=with_resolution(None, (300, 300)))
    write_image(tmp_path / "photo.pnm", PhotoImage(to_float(samples), None, exif))
    read = cv2.imread(str(tmp_path / "photo.pnm"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read[:, :, ::-1], samples)
    with pytest.raises(ImageWriteError, match="A PNM file cannot hold transparency"):
        write_image(tmp_path / "photo.pnm", PhotoImage(to_float(samples), np.ones((5, 7), np.float32)))


def test_an_output_format_gets_the_metadata_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another = replace(FORMATS["tiff"], name="Another TIFF", suffixes=(".other",))
    monkeypatch.setitem(FORMATS, "another-tiff", another)
    monkeypatch.setitem(ENCODERS, "another-tiff", ENCODERS["tiff"])
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    descriptions = PictureDescriptions(xmp=packet, iptc=b"\x1c\x02\x78\x00\x04text", dots_per_inch=(72, 300))
    metadata = ImageMetadata(
        file_format="tiff", bit_depth=16, exif=with_resolution(None, (300, 300)), descriptions=descriptions
    )
    photo = PhotoImage(np.full((5, 7, 3), 0.5, np.float32), None, metadata)
    for name in ("photo.other", "photo.tif"):
        write_image(tmp_path / name, photo)
    assert (tmp_path / "photo.other").read_bytes() == (tmp_path / "photo.tif").read_bytes()
    assert packet in (tmp_path / "photo.other").read_bytes()


def test_an_output_format_is_offered_everywhere(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    code = "\n".join(block for _, block in examples("An output format"))
    photo = next(tiny_photos.noisy.iterdir())
    arguments = [sys.executable, "-c", WITH_ANOTHER_FORMAT, code, str(photo), str(tmp_path)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=PAGE.parent.parent)
    assert ended.returncode == 0, ended.stderr
    restored = cv2.imread(str(tmp_path / f"{photo.stem}_restored.pnm"), cv2.IMREAD_UNCHANGED)
    assert (restored.shape, restored.dtype) == (read_image(photo).pixels.shape, np.uint16)


@pytest.fixture
def compare_page(
    add_examples: Callable[[str], None], qtbot: QtBot, tmp_path: Path, tiny_photos: TinyPhotos
) -> Iterator[ComparePage]:
    """Made after the row has been added; shows a noisy photo, no restored one, and its reference."""
    add_examples("A view mode")
    session, runner = Session(RunStore()), JobRunner()
    page = ComparePage(session, runner, Settings(tmp_path / "settings.json"))
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    photo = tiny_photos.noisy / "photo 0.png"
    session.add_photos([PhotoScanned(path=PhotoRef(photo), width=112, height=96, noise_sigma=0.1)])
    session.set_label_pairs([PhotoPair(PhotoRef(photo), PhotoRef(tiny_photos.clean / photo.name))])
    page.activated()
    qtbot.waitUntil(lambda: len(page.viewer.pane_views) == 3 and not page.is_busy, timeout=10_000)
    yield page
    page.shut_down()
    session.run_catalog.shut_down()
    shared_thumbnails(session).shut_down()
    assert runner.shut_down(30)


def test_a_view_mode_is_chosen_by_its_key(qtbot: QtBot, compare_page: ComparePage) -> None:
    viewer = compare_page.viewer
    with qtbot.waitSignal(viewer.panels_shown):
        QTest.keyClick(viewer, Qt.Key.Key_L)
    assert [view.panel.title for view in viewer.pane_views] == ["Noisy", "Reference"]
    button = compare_page.bar.mode_buttons["first_and_last"]
    assert button.isChecked()
    assert button.toolTip().endswith("(L)")


def test_the_key_of_a_view_mode_stands_in_the_shortcut_sheet(add_examples: Callable[[str], None], qtbot: QtBot) -> None:
    add_examples("A view mode")
    sheet = ShortcutSheet()
    qtbot.addWidget(sheet)
    assert {"L", "First and last"} <= {label.text() for label in sheet.findChildren(QLabel)}
