"""Making the sample photos as a job, for pages that offer them."""

from pathlib import Path

from engine.events import Emit, StepDone
from engine.job_control import JobControl
from engine.run_store import default_runs_folder
from engine.sample_photos import SamplePhotos, make_sample_photos


def sample_photos_folder() -> Path:
    """Where the sample photos live, beside the runs."""
    return default_runs_folder().parent / "sample photos"


def make_samples(folder: Path, control: JobControl, emit: Emit) -> SamplePhotos:
    """Make the sample photos, unless they are there already.

    Args:
        folder: Where.
        control: Asked before each photo.
        emit: Receives `StepDone`.

    Returns:
        Their folders.

    Raises:
        InvalidInputError: They cannot be made there.
        JobCancelled: Asked to end.
    """

    def report(done: int, num_photos: int) -> None:
        control.wait_if_paused()
        emit(StepDone(stage="Making sample photos", step=done, num_steps=num_photos))

    return make_sample_photos(folder, on_photo=report)
