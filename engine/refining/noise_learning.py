"""The job that learns what the noise of photos is like, before anything is trained."""

from engine.contracts.configs import NoiseLearningConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.noise import spread_evenly
from engine.contracts.results import PhotosNoise
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photo_files.values.given import reads_as_set
from engine.translatable import say


@reads_as_set
def learn_noise(config: NoiseLearningConfig, control: JobControl, emit: Emit) -> PhotosNoise:
    """Learn the noise of photos by twins, with a model that restores them already.

    Args:
        config: The photos.
        control: Pause and cancel.
        emit: Receives `NoiseLearned`, `TwinsCompared` and progress.

    Raises:
        InvalidInputError: No photo is large enough, or there is no starter model.
        ModelFileError: The model cannot be read.
        JobCancelled: Asked to end.
    """
    # Only now: they bring torch along.
    from engine.machine.devices import open_device
    from engine.models.files import load_model, task_of
    from engine.photos.crops import decode_photos
    from engine.refining.own_noise import chosen_photos, learn_own_noise
    from engine.restoring.restorer import Restorer

    model = load_model(config.model or require_starter(GENERAL_TASK))
    if model.card.task != GENERAL_TASK:
        raise InvalidInputError(
            say(
                "The noise is learned with a model that denoises; this one is for the task '{task}'.",
                task=model.card.task,
            ),
            "Choose a model that denoises.",
        )
    looked_at = config.photos if config.most is None else spread_evenly(config.photos, config.most)
    photos = chosen_photos(decode_photos(looked_at, control, emit))
    restorer = Restorer(model, open_device(config))
    noise = learn_own_noise(
        photos, restorer, task_of(model.card), seed=0, control=control, emit=emit, max_twins=config.max_twins
    )
    return PhotosNoise(photos=tuple(photo.photo for photo in photos), noise=noise)
