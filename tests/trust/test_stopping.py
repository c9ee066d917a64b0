"""Promise 3: a job that is asked to end at any moment does no further step, tile or file."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from engine.configs import PretrainConfig, ScanConfig
from engine.events import ImageRestored, JobEvent, PhotoScanned, PreviewReady, StepDone, ValidationDone
from engine.job_control import JobCancelled, JobControl
from engine.jobs import pretrain, scan
from tests.conftest import TinyPhotos

SMALL: dict[str, Any] = {"steps": 4, "crop_px": 16, "photos_per_batch": 2, "backbone_params": {"width": 8}}
NUM_MOMENTS = 3
WORK = (ImageRestored, PhotoScanned, PreviewReady, StepDone, ValidationDone)


class Counting(JobControl):
    """Counts how often a job asks whether to go on; it is asked to end just before one of them."""

    def __init__(self, cancel_at: int | None = None) -> None:
        super().__init__()
        self.num_asked = 0
        self._cancel_at = cancel_at

    def wait_if_paused(self) -> None:
        self.num_asked += 1
        if self.num_asked == self._cancel_at:
            self.cancel()
        super().wait_if_paused()


def job_of(kind: str, photos: TinyPhotos) -> Callable[[JobControl, Callable[[JobEvent], None]], object]:
    if kind == "scan":
        return lambda control, emit: scan(ScanConfig(folders=(photos.noisy,)), control, emit)
    config = PretrainConfig(photos=(photos.noisy,), device="cpu", **SMALL)
    return lambda control, emit: pretrain(config, control, emit)


@pytest.mark.parametrize("kind", ["scan", "pretrain"])
def test_nothing_is_done_after_a_stop(tiny_photos: TinyPhotos, kind: str) -> None:
    job, whole = job_of(kind, tiny_photos), Counting()
    job(whole, lambda event: None)
    assert whole.num_asked >= 4, "asked too seldom to be stopped in between"
    for moment in random.Random(kind).sample(range(1, whole.num_asked + 1), NUM_MOMENTS):
        control, later = Counting(cancel_at=moment), []

        def note(event: JobEvent, control: JobControl = control, later: list[JobEvent] = later) -> None:
            if control.is_cancelled and isinstance(event, WORK):
                later.append(event)

        with pytest.raises(JobCancelled):
            job(control, note)
        assert control.num_asked == moment, "it went on after it had been told"
        assert later == []
