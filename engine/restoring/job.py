"""The job that restores a batch of photos."""

from dataclasses import replace
from pathlib import Path

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import ImageWriteError, InvalidInputError
from engine.contracts.events import Emit, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.results import RestoreReportConfig, RestoreResult, report_path
from engine.machine.destination import check_destination, make_folder
from engine.photo_files.values.given import reads_as_set
from engine.restoring.batch import RestoreBatch
from engine.restoring.output_plan import OutputPlan
from engine.restoring.sources import keeps_stacks, list_sources
from engine.translatable import say


@reads_as_set
def restore(config: RestoreConfig, control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into a folder; a photo that fails never stops the batch.

    Args:
        config: Model, photos, destination.
        control: Asked once per tile.
        emit: Receives `StepDone` (steps are photos; `metrics["fraction"]` is the part of all pixels),
            `ImageRestored`, `PhotoPassedOver`, `FileSkipped`, `JobWarning`.

    Returns:
        What was restored and what was not, with reasons.

    Raises:
        JobCancelled: Asked to end; what is written stays.
        InvalidInputError: There is no photo among the inputs, or an input is not there.
        ImageWriteError: The destination cannot be made, or not be written to.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there.
        ProcessGroupError: Another process of those that restore as one has ended; what is written stays.
    """
    from engine.machine.devices import open_device, preferred_backend
    from engine.models.files import load_model, model_file
    from engine.restoring.backends.selection import choose_backend
    from engine.restoring.restorer import Restorer
    from engine.restoring.shared_batches import gather_results, share_out

    config = config.model_copy(update={"out": config.out.absolute()})
    listing = list_sources(
        config.photos,
        config.out,
        config.name_pattern,
        files_are_chosen=config.files_are_chosen,
        stacks_are_whole=keeps_stacks(config),
    )
    if not listing.photos and not listing.unusable and not listing.earlier_results:
        raise InvalidInputError("There are no photos in what was given.", "Choose photos, or a folder with photos.")
    if listing.earlier_results:
        emit(
            JobWarning(
                message=say(
                    "Passing over {num_earlier_results} restored files of earlier batches.",
                    num_earlier_results=len(listing.earlier_results),
                ),
                hint="To restore one of them again, choose the file itself.",
            )
        )
    known = {name for photo in listing.photos for name in (str(photo.photo), str(photo.photo.file))}
    if unknown := [name for name in config.own_blends if name not in known]:
        emit(
            JobWarning(
                message=say(
                    "No photo of this batch is called “{unknown}”: its own blend is not used.", unknown=unknown[0]
                ),
                hint="Write the path as it is given, or found in the folder that is given.",
            )
        )
    check_destination(config.out)
    model = load_model(config.model)
    device = open_device(config)
    megapixels = sum(photo.megapixels for photo in listing.photos)
    asked = preferred_backend(config.backend)
    backend = choose_backend(model.network, device, asked, megapixels=megapixels)
    if backend.name != asked and asked in backend.failed:
        emit(
            JobWarning(
                message=say(
                    "{backend} cannot compute this model here: {reason}.", backend=asked, reason=backend.failed[asked]
                ),
                hint="Going on with torch, which needs more time.",
            )
        )
    restorer = Restorer(model, device, tile_px=config.tile, emit=emit, compiled=backend.network)
    make_folder(config.out)
    for skipped in listing.unusable:
        emit(skipped)
    plan = OutputPlan(config, listing.originals, model.card, model_file(config.model))
    if device.group.size == 1:
        result = RestoreBatch(config, listing.photos, plan, restorer, control, emit).run(listing.unusable)
    else:
        claimed, share = share_out(plan, listing.photos, device.group, control)
        unusable = listing.unusable if device.group.is_first else ()
        own = RestoreBatch(config, share, claimed, restorer, control, emit).run(unusable)
        result = gather_results(own, listing.photos, device.group)
    result = replace(result, backend=backend.name, earlier_results=listing.earlier_results)
    if not config.report or not device.group.is_first:
        return result
    return replace(result, report=_write_report(config, result, control, emit))


def _write_report(config: RestoreConfig, result: RestoreResult, control: JobControl, emit: Emit) -> Path | None:
    """Write the report beside the results; a batch is no failure for want of one."""
    from engine.restoring.report import write_restore_report

    try:
        return write_restore_report(
            RestoreReportConfig(
                path=report_path(config.out), outcomes=result.outcomes, earlier_results=result.earlier_results
            ),
            control,
            emit,
        )
    except ImageWriteError as error:
        emit(JobWarning(message=error.message, hint=error.hint))
        return None
