"""Makes the pictures of the user guide and the README with the program itself, on the sample photos.

    .venv/bin/python -m docs.make_screenshots [--steps 2500] [--finetune-steps 300] [--only compare runs]

Opens the real window, learns, labels, restores and compares as the guide describes, and keeps a picture of each page
in `docs/images`. The photos are the free ones that scikit-image brings along (see the file LICENCES.txt beside the
sample photos). Each picture is reduced to as few colours as it takes to keep it below 200 kB.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from engine.machine.processes.openmp import WAITING

os.environ.update(WAITING)
os.environ.setdefault("QT_API", "pyside6")
if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import numpy as np
from PIL import Image
from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDialog, QWidget

from app.jobs.handle import JobHandle
from app.look.theme import palette
from app.pages.compare.page import ComparePage
from app.pages.labels.page import LabelsPage
from app.pages.photos.page import PhotosPage
from app.pages.residual.inspector import ResidualInspector
from app.pages.restore.page import RestorePage
from app.pages.runs.page import RunsPage
from app.pages.training.page import TrainingPage
from app.pages.training.pretrain import PretrainPage
from app.window.main_window import MainWindow
from app.window.shortcut_sheet import ShortcutSheet
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.places import Place
from engine.photos.sample_photos import SamplePhotos, make_sample_photos
from tests.benchmarks.studio import let_live, measure_in_studio, wait_until

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1200, 750
MAX_BYTES = 200_000
_INSPECTOR_PX = (1080, 720)
_PHOTO = "coffee"
"""Part of the name of the sample photo that is restored and compared."""
_NUM_COLOURS = (220, 160, 112, 80, 56, 40, 28)
"""Of the photos; the window's own come on top."""
_SOON_S, _LONG_S = 120.0, 3600.0

PageType = TypeVar("PageType", bound=QWidget)


class Photographer:
    """Goes through the window and keeps pictures.

    Attributes:
        made: Names of the pictures.
    """

    def __init__(self, window: MainWindow, samples: SamplePhotos, only: Iterable[str]) -> None:
        self._window = window
        self._session = window.current_page.session
        self._samples = samples
        self._only = set(only)
        self.made: list[str] = []

    def walk(self, steps: int, finetune_steps: int) -> None:
        """Do what the guide describes, page by page."""
        self._window.resize(WIDTH, HEIGHT)
        wait_until(
            lambda: len(self._session.photos) > 0 and not self._page("photos", PhotosPage).scans.is_busy, _SOON_S
        )
        wait_until(lambda: not self._page("photos", PhotosPage).scans.is_measuring, _SOON_S)
        self.show_photos()
        self.train("pretrain", steps, "Samples")
        # Before any label teaches: what is restored and measured has seen no clean picture.
        self.restore()
        self.compare()
        self.inspect()
        self.show_labels()
        self.train("finetune", finetune_steps, "Samples, fine-tuned")
        self.show_runs()
        self.show_dialogs()

    def show_photos(self) -> None:
        """Thumbnails, then the noise map."""
        page = self._page("photos", PhotosPage)
        let_live(1.5)
        self._keep("photos")
        page.tools.map_button.click()
        let_live(1.0)
        self._keep("noise-map")
        page.tools.grid_button.click()

    def train(self, page_id: str, steps: int, title: str) -> None:
        """Set up a training, start it, and wait for its end."""
        self._window.show_page(page_id)
        page = self._page(page_id, TrainingPage)
        page.cards.cards["quick"].click()
        page.form.form.set_values({"steps": steps, "name": title})
        page.refresh()
        wait_until(page.start_button.isEnabled, _SOON_S)
        wait_until(lambda: not page.checks.is_busy and not page.checks.is_trying, _SOON_S)
        if isinstance(page, PretrainPage):
            wait_until(lambda: page.inputs.look.found is not None and not page.inputs.look.is_busy, _LONG_S)
        let_live(1.0)
        self._keep(f"{page_id}-settings")
        page.start_button.click()
        wait_until(lambda: page.view.run is not None, _SOON_S)
        job = page.view.job
        assert job is not None
        wait_until(lambda: job.state.is_ended or _progress(job) > 0.6, _LONG_S)
        let_live(0.5)
        self._keep(f"{page_id}-running")
        wait_until(lambda: not page.is_training, _LONG_S)

    def show_labels(self) -> None:
        """The pairs, one of which the examination sets aside."""
        folder = self._samples.noisy.parent / "references"
        folder.mkdir(exist_ok=True)
        for number, reference in enumerate(sorted(self._samples.clean.iterdir())):
            pixels = cv2.imread(str(reference), cv2.IMREAD_UNCHANGED)
            assert pixels is not None
            shifted = np.roll(pixels, (3, 4), (0, 1)) if number == 1 else pixels
            cv2.imwrite(str(folder / reference.name), shifted)
        self._session.set_references([folder])
        self._window.show_page("labels")
        page = self._page("labels", LabelsPage)
        wait_until(lambda: any(entry.is_doubtful for entry in page.model.entries), _SOON_S)
        wait_until(lambda: not any(page.jobs.is_busy(job) for job in ("match", "examine")), _SOON_S)
        doubtful = next(row for row, entry in enumerate(page.model.entries) if entry.is_doubtful)
        page.content.list.setCurrentIndex(page.model.index(doubtful))
        let_live(2.0)
        self._keep("labels")
        self._session.set_references([self._samples.clean])
        wait_until(lambda: len(self._session.label_pairs) == len(list(self._samples.clean.iterdir())), _SOON_S)

    def restore(self) -> None:
        """The preview, then the whole batch."""
        self._choose_photo(_PHOTO)
        self._window.show_page("restore")
        page = self._page("restore", RestorePage)
        wait_until(lambda: page.preview.shows_restored and not page.preview.is_busy, _SOON_S)
        let_live(1.5)
        self._keep("restore")
        page.primary.click()
        wait_until(lambda: page.batch.is_running, _SOON_S)
        wait_until(lambda: not page.batch.is_running, _LONG_S)
        self._window.message_bar.hide()

    def compare(self) -> None:
        """Side by side with the reference, then the split."""
        self._session.set_references([self._samples.all_clean])
        self._window.show_page("compare")
        page = self._page("compare", ComparePage)
        self._choose_photo(_PHOTO)
        wait_until(lambda: len(page.viewer.panes) == 3 and not page.is_busy, _SOON_S)
        let_live(2.0)
        self._keep("compare")
        page.viewer.set_mode("split")
        page.viewer.view_transform.show_actual_size()
        wait_until(lambda: not page.is_busy, _SOON_S)
        let_live(1.0)
        self._keep("compare-split")
        page.viewer.set_mode("side_by_side")
        page.viewer.view_transform.fit()

    def inspect(self) -> None:
        """The residual inspector."""
        self._session.inspect_requested.emit(None)
        wait_until(lambda: any(each.isVisible() for each in self._window.findChildren(ResidualInspector)), _SOON_S)
        inspector = next(each for each in self._window.findChildren(ResidualInspector) if each.isVisible())
        wait_until(lambda: not inspector.is_busy, _SOON_S)
        inspector.resize(*_INSPECTOR_PX)
        let_live(1.5)
        self._keep("residual-inspector", inspector)
        inspector.close()

    def show_runs(self) -> None:
        """The runs' table and their curves, one over the other."""
        self._window.show_page("runs")
        page = self._page("runs", RunsPage)
        wait_until(lambda: len(page.list.shown) >= 2, _SOON_S)
        let_live(1.0)
        page.list.select(*(entry.path for entry in page.list.shown[:2]))
        let_live(2.0)
        self._keep("runs")

    def show_dialogs(self) -> None:
        """The settings and the shortcuts."""
        self._window.show_settings()
        self._keep_dialog("settings", QDialog)
        self._window.show_shortcuts()
        self._keep_dialog("shortcuts", ShortcutSheet)

    def _page(self, page_id: str, kind: type[PageType]) -> PageType:
        page = self._window.pages[page_id]
        assert isinstance(page, kind)
        return page

    def _choose_photo(self, name: str) -> None:
        self._session.set_current_photo(next(photo.path for photo in self._session.photos if name in photo.path.stem))

    def _keep_dialog(self, name: str, kind: type[QDialog]) -> None:
        let_live(1.5)
        dialog = next(each for each in self._window.findChildren(kind) if each.isVisible())
        self._keep(name, dialog)
        dialog.close()
        let_live(0.3)

    def _keep(self, name: str, widget: QWidget | None = None) -> None:
        if self._only and name not in self._only:
            return
        array = QByteArray()
        buffer = QBuffer(array)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        (widget or self._window).grab().save(buffer, "PNG")
        write_bytes_atomically(IMAGES / f"{name}.png", in_few_bytes(array.data(), MAX_BYTES))
        self.made.append(name)


def in_few_bytes(png: bytes, max_bytes: int) -> bytes:
    """Return a picture of the window as PNG with a palette, of as many colours as the size allows.

    The window's own colours stay as they are; those of the photos are made fewer.

    Args:
        png: The picture.
        max_bytes: Wanted size; kept unless the least number of colours needs more.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    own = [QColor(value) for value in vars(palette()).values() if isinstance(value, str) and QColor(value).isValid()]
    own_colours = list(dict.fromkeys((colour.red(), colour.green(), colour.blue()) for colour in own))
    content = b""
    for number in _NUM_COLOURS:
        found = picture.quantize(number, Image.Quantize.MEDIANCUT, kmeans=2).getpalette() or []
        colours = [*(level for colour in own_colours for level in colour), *found][: 3 * 256]
        holder = Image.new("P", (1, 1))
        holder.putpalette(colours)
        buffer = BytesIO()
        picture.quantize(palette=holder, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        content = buffer.getvalue()
        if len(content) <= max_bytes:
            break
    return content


def _progress(job: JobHandle) -> float:
    """Share of the steps that are done; 0 while the photos are read."""
    progress = job.progress
    is_training = progress is not None and "steps_per_second" in progress.metrics
    return progress.step / max(1, progress.num_steps) if progress is not None and is_training else 0.0


def main(arguments: argparse.Namespace) -> None:
    """Make the pictures."""
    samples = make_sample_photos(Place.SAMPLE_PHOTOS.path())
    made: list[str] = []

    def walk(window: MainWindow) -> None:
        photographer = Photographer(window, samples, arguments.only)
        photographer.walk(arguments.steps, arguments.finetune_steps)
        made.extend(photographer.made)

    show: Callable[[MainWindow], None] = walk
    measure_in_studio(show, [samples.noisy])
    for name in made:
        print(f"{name}.png {(IMAGES / f'{name}.png').stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2500, help="of the pretraining")
    parser.add_argument("--finetune-steps", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=(), help="names of pictures to keep; empty: all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        os.environ["RESIDUA_DATA"] = data
        main(chosen)
        sys.stdout.flush()
        # Qt's and torch's threads have nothing left to save; their order of ending does not matter.
        os._exit(0)
