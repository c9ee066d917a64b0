"""Which photos of a batch are restored already, asked before it starts."""

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.models.cards import model_file
from engine.models.reading import read_card
from engine.restoring.output_plan import OutputPlan
from engine.restoring.sources import keeps_stacks, list_sources


def find_done_photos(config: RestoreConfig, control: JobControl) -> tuple[PhotoRef, ...]:
    """Return the photos that a batch would pass over, since their results are there already.

    Where the destination holds no result with the model and the settings asked for, no photo is read at all.

    Args:
        config: The batch.
        control: Asked before each photo.

    Returns:
        In the order of the batch. A photo that cannot be read is not done.

    Raises:
        JobCancelled: Asked to end.
        EngineError: The model cannot be read, or an input is not there.
    """
    if not (config.provenance and config.skip_done and config.out.is_dir()):
        return ()
    config = config.model_copy(update={"out": config.out.absolute()})
    control.wait_if_paused()
    file = model_file(config.model)
    photos = list_sources(config.photos, config.out, config.name_pattern, stacks_are_whole=keeps_stacks(config)).photos
    plan = OutputPlan(config, photos, read_card(file), file)
    done = []
    for photo in photos:
        control.wait_if_paused()
        try:
            is_done = plan.find_done(photo) is not None
        except EngineError:
            # The batch will say what is wrong with it.
            continue
        if is_done:
            done.append(photo.photo)
    return tuple(done)
