"""Promise 3: a job that is asked to end at any moment does no further step, tile or file, and waits for no library.

What is done after the stop is counted instead of timed: a slow machine is no defect. Where a job asks whether to go on,
it may have one unit of work left at most, however long that takes; and what a library does in one piece is left behind.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
import torch

from engine.comparing.page import ComparisonPageConfig, PagePicture, write_comparison_page
from engine.comparing.pictures import ComparisonPictureConfig, compute_picture
from engine.contracts.configs import (
    EvaluateConfig,
    FinetuneConfig,
    PretrainConfig,
    RestoreConfig,
    ScanConfig,
    SuggestLabelsConfig,
)
from engine.contracts.events import ImageRestored, JobEvent, PhotoScanned, PreviewReady, StepDone, ValidationDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome
from engine.jobs import (
    compare_noises,
    evaluate,
    examine_residual,
    finetune,
    label_budget,
    pretrain,
    restore,
    scan,
    suggest_labels,
)
from engine.labelling.alignment import AlignRequest, align_references
from engine.labelling.burst import BurstConfig, make_burst_references
from engine.labelling.doctor import ExamineRequest, examine_pairs
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.files import save_model
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.pairs import PhotoPair
from engine.residuals.distances import NoiseComparisonConfig
from engine.residuals.inspection import ResidualConfig
from engine.restoring.report import RestoreReportConfig, write_restore_report
from tests.conftest import TinyPhotos
from tests.trust.kill_host import CARD, network_of

Job = Callable[[JobControl, Callable[[JobEvent], None]], object]

NETWORK: dict[str, Any] = {"backbone": "unet", "backbone_params": {"width": 8, "num_levels": 2}}
SMALL: dict[str, Any] = {"steps": 4, "crop_px": 16, "photos_per_batch": 2, "device": "cpu", **NETWORK}
NUM_MOMENTS = 3
WORK = (ImageRestored, PhotoScanned, PreviewReady, StepDone, ValidationDone)
LEFT_BEHIND = "interruptible"
"""Name of the threads that a stop leaves to themselves."""
PATIENCE_S = 60


class Workplace:
    """The tiny photos, a model, and the jobs that a person can start on them; each in a folder of its own."""

    def __init__(self, photos: TinyPhotos, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.noisy, self.clean = photos.noisy, photos.clean
        self.pairs = tuple(
            PhotoPair(PhotoRef(noisy), PhotoRef(self.clean / noisy.name)) for noisy in sorted(self.noisy.iterdir())
        )
        self.folder = folder
        self._num_attempts = 0
        self.model = folder / "model.safetensors"
        save_model(self.model, network_of(1).state_dict(), CARD)

    def new_folder(self) -> Path:
        """Make an empty folder, and another for the program's own data: what one attempt keeps would spare the next."""
        self._num_attempts += 1
        folder = self.folder / f"attempt {self._num_attempts}"
        folder.mkdir()
        self._monkeypatch.setenv("RESIDUA_DATA", str(folder / "data"))
        return folder

    def job(self, kind: str) -> Job:
        out = self.new_folder()
        photos = tuple(pair.noisy for pair in self.pairs)
        noisy, clean = (self.noisy,), (self.clean,)
        cpu: dict[str, Any] = {"device": "cpu"}
        match kind:
            case "scan":
                return lambda control, emit: scan(ScanConfig(folders=noisy), control, emit)
            case "pretrain":
                return lambda control, emit: pretrain(PretrainConfig(photos=noisy, **SMALL), control, emit)
            case "finetune":
                labelled = FinetuneConfig(noisy=noisy, clean=clean, parent=self.model, **SMALL)
                return lambda control, emit: finetune(labelled, control, emit)
            case "restore":
                batch = RestoreConfig(model=self.model, photos=noisy, out=out, backend="torch", **cpu)
                return lambda control, emit: restore(batch, control, emit)
            case "evaluate":
                measured = EvaluateConfig(model=self.model, noisy=noisy, clean=clean, **cpu)
                return lambda control, emit: evaluate(measured, control, emit)
            case "evaluate a classical method":
                classical = EvaluateConfig(baseline="non-local-means", noisy=noisy, clean=clean, **cpu)
                return lambda control, emit: evaluate(classical, control, emit)
            case "suggest labels":
                asked = SuggestLabelsConfig(model=self.model, photos=noisy, count=2, **cpu)
                return lambda control, emit: suggest_labels(asked, control, emit)
            case "label budget":
                params = {"crop_px": 16, "photos_per_batch": 2}
                budget = LabelBudgetConfig(
                    noisy=noisy, clean=clean, out=out, labels=(0, 1), methods=("scratch", "rcl"), seeds=1, steps=4,
                    workers=1, training_params=params, **cpu, **NETWORK,
                )  # fmt: skip
                return lambda control, emit: label_budget(budget, control, emit)
            case "pair doctor":
                request = ExamineRequest(pairs=self.pairs, cache_file=out / "measures.json")
                return lambda control, emit: examine_pairs(request, control, emit)
            case "alignment":
                shifted = tuple(shifted_pair(pair, out) for pair in self.pairs[:3])
                aligned = AlignRequest(pairs=shifted, folder=out / "aligned")
                return lambda control, emit: align_references(aligned, control, emit)
            case "burst":
                burst = BurstConfig(shots=tuple(write_burst(self.pairs[0].clean.file, out)), out=out / "references")
                return lambda control, emit: make_burst_references(burst, control, emit)
            case "comparison page":
                pictures = tuple(
                    PagePicture(name=path.name, caption="", pixels=read_image(path).pixels) for path in photos
                )
                page = ComparisonPageConfig(path=out / "page.html", title="Views", pictures=pictures, file_format="png")
                return lambda control, emit: write_comparison_page(page, control, emit)
            case "compared picture":
                picture = ComparisonPictureConfig(photo=photos[0], folder=out, baseline="non-local-means", **cpu)
                return lambda control, emit: compute_picture(picture, control, emit)
            case "residual":
                residual = ResidualConfig(noisy=photos[0], restored=self.pairs[0].clean.file)
                return lambda control, emit: examine_residual(residual, control, emit)
            case "noises":
                compared = NoiseComparisonConfig(model=self.model, photos=photos, **cpu)
                return lambda control, emit: compare_noises(compared, control, emit)
            case "report":
                outcomes = tuple(
                    PhotoOutcome(source=pair.noisy, state="restored", output=pair.clean.file) for pair in self.pairs
                )
                report = RestoreReportConfig(path=out / "report.html", outcomes=outcomes)
                return lambda control, emit: write_restore_report(report, control, emit)
        raise ValueError(kind)


KINDS = (
    "scan", "pretrain", "finetune", "restore", "evaluate", "evaluate a classical method", "suggest labels",
    "label budget", "pair doctor", "alignment", "burst", "comparison page", "compared picture", "residual", "noises",
    "report",
)  # fmt: skip


def shifted_pair(pair: PhotoPair, folder: Path) -> PhotoPair:
    reference = read_image(pair.clean)
    shifted = folder / pair.clean.name
    write_image(shifted, reference.with_pixels(np.roll(reference.pixels, 3, axis=1), None))
    return PhotoPair(pair.noisy, PhotoRef(shifted))


def write_burst(clean: Path, folder: Path) -> Iterator[Path]:
    """Write five noisy shots of one scene."""
    scene, rng = read_image(clean).pixels, np.random.default_rng(3)
    for index in range(5):
        path = folder / f"shot {index}.png"
        noise = rng.normal(0, 0.05, scene.shape)
        write_image(path, PhotoImage(np.clip(scene + noise, 0, 1).astype(np.float32)))
        yield path


@pytest.fixture
def workplace(tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    return Workplace(tiny_photos, tmp_path, monkeypatch)


class StoppedJob(JobControl):
    """Asks to end just after a job has asked whether to go on, the worst moment; notes what is done from then on.

    Attributes:
        num_asked: How often the job has asked.
        networks_after: Networks that were applied after the stop.
        events_after: Steps, tiles and files that were said to be done after the stop.
    """

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.num_asked = 0
        self.networks_after = 0
        self.events_after: list[JobEvent] = []
        self._stop_after = stop_after

    def wait_if_paused(self) -> None:
        super().wait_if_paused()
        self.num_asked += 1
        if self._stop_after is not None and self.num_asked >= self._stop_after:
            self.cancel()

    def note(self, event: JobEvent) -> None:
        is_beginning = isinstance(event, StepDone) and event.step == 0
        if self.is_cancelled and isinstance(event, WORK) and not is_beginning:
            self.events_after.append(event)

    @contextmanager
    def counting_networks(self) -> Iterator[None]:
        def count(module: torch.nn.Module, _: object) -> None:
            if self.is_cancelled and isinstance(module, RestorationNetwork):
                self.networks_after += 1

        hook = torch.nn.modules.module.register_module_forward_pre_hook(count)
        try:
            yield
        finally:
            hook.remove()


def stopped_at_some_moment(workplace: Workplace, kind: str, moment: int) -> StoppedJob:
    """Stop a job after it has asked so often, or somewhat less: while waiting for a library it asks again and again."""
    while True:
        control, job = StoppedJob(moment), workplace.job(kind)
        try:
            with control.counting_networks():
                job(control, control.note)
        except JobCancelled:
            return control
        assert 1 < control.num_asked <= moment, "it went on to its end although it had been told"
        moment = control.num_asked - 1


@pytest.mark.parametrize("kind", KINDS)
def test_at_most_one_unit_is_done_after_a_stop(workplace: Workplace, kind: str) -> None:
    whole = StoppedJob()
    workplace.job(kind)(whole, whole.note)
    assert whole.num_asked >= 3, "asked too seldom to be stopped in between"
    moments = range(1, whole.num_asked)
    for moment in random.Random(kind).sample(moments, min(NUM_MOMENTS, len(moments))):
        control = stopped_at_some_moment(workplace, kind, moment)
        assert control.num_asked <= moment, "it asked again and went on"
        assert control.networks_after <= 1
        # One photo may be told twice: as itself, and in the progress, which is told some times a second.
        assert all(count == 1 for count in Counter(map(type, control.events_after)).values())


class BusyLibrary:
    """A function of a library that, once a job is at it, lets the job be stopped and takes as long as the test wants.

    Attributes:
        thread_names: Of the threads in which it was called before the test let it go.
    """

    def __init__(self, library: ModuleType, name: str, control: JobControl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.thread_names: list[str] = []
        self._function = getattr(library, name)
        self._control = control
        self._may_end = threading.Event()
        monkeypatch.setattr(library, name, self)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if not self._may_end.is_set():
            self.thread_names.append(threading.current_thread().name)
            self._control.cancel()
            if self.thread_names[-1] == LEFT_BEHIND:
                self._may_end.wait(PATIENCE_S)
        return self._function(*arguments, **options)

    def let_go(self) -> None:
        self._may_end.set()
        for thread in threading.enumerate():
            if thread.name == LEFT_BEHIND:
                thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    ("kind", "library", "name"),
    [
        *((kind, imagecodecs, "png_decode") for kind in KINDS if kind != "comparison page"),
        ("restore", imagecodecs, "png_encode"),
        ("evaluate a classical method", cv2, "fastNlMeansDenoisingColored"),
        ("compared picture", cv2, "fastNlMeansDenoisingColored"),
        ("pair doctor", np.fft, "rfft2"),
        ("alignment", cv2, "findTransformECC"),
        ("alignment", imagecodecs, "png_encode"),
        ("burst", cv2, "findTransformECC"),
        ("burst", tifffile, "imwrite"),
        ("label budget", np.fft, "rfft2"),
        ("residual", np.fft, "rfft2"),
        ("comparison page", imagecodecs, "png_encode"),
    ],
)
def test_a_stop_waits_for_no_library(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, kind: str, library: ModuleType, name: str
) -> None:
    control, job = JobControl(), workplace.job(kind)
    busy = BusyLibrary(library, name, control, monkeypatch)
    try:
        with pytest.raises(JobCancelled):
            job(control, lambda event: None)
        # A batch reads two photos at once.
        assert busy.thread_names in ([LEFT_BEHIND], [LEFT_BEHIND] * 2)
    finally:
        busy.let_go()
