"""The job that restores a batch of photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import ImageWriteError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.results import PhotoOutcome, RestoreReportConfig, RestoreResult, report_path
from engine.machine.destination import check_destination, make_folder
from engine.models.cards import model_file
from engine.photo_files.values.given import levels_given, reads_as_set
from engine.restoring.batch import RestoreBatch
from engine.restoring.output_plan import OutputPlan
from engine.restoring.sources import SourceListing, SourcePhoto, keeps_stacks, list_sources
from engine.translatable import say

if TYPE_CHECKING:
    from engine.machine.devices import ComputeDevice
    from engine.models.files import ModelCard
    from engine.restoring.restorer import Restorer


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What restores: the same for all folders.

    Attributes:
        card: The model's.
        device: Where it runs.
        backend: The library that computes.
        restorer: Made of them.
    """

    card: "ModelCard"
    device: "ComputeDevice"
    backend: str
    restorer: "Restorer"


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
    config = config.model_copy(update={"out": config.out.absolute()})
    listing = _list(config)
    _require_photos([listing])
    _tell([config], [listing], emit)
    check_destination(config.out)
    return _restore(config, listing, _open(config, listing.photos, emit), control, emit)


def restore_each(configs: Sequence[RestoreConfig], control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into several folders, by one model; a folder that cannot be written to never stops the others.

    Args:
        configs: One for each folder; they differ in photos and destination alone.
        control: As for `restore`.
        emit: As for `restore`, for one folder after the other.

    Returns:
        What became of all photos, those first whose folder cannot be written to.

    Raises:
        JobCancelled: As for `restore`, and so are the others but:
        ImageWriteError: None of the folders can be written to.
    """
    with levels_given(configs[0].levels):
        configs = [config.model_copy(update={"out": config.out.absolute()}) for config in configs]
        listings = [_list(config) for config in configs]
        _require_photos(listings)
        _tell(configs, listings, emit)
        refused, batches = [], []
        first_error: ImageWriteError | None = None
        for config, listing in zip(configs, listings, strict=True):
            if not _has_photos(listing):
                continue
            try:
                check_destination(config.out)
            except ImageWriteError as error:
                first_error = first_error or error
                refused += [
                    FileSkipped(path=photo, reason=error.message, hint=error.hint) for photo in listing.originals
                ]
            else:
                batches.append((config, listing))
        if first_error is not None and not batches:
            raise first_error
        for skipped in refused:
            emit(skipped)
        opened = _open(configs[0], [photo for _, listing in batches for photo in listing.photos], emit)
        results = [_restore(config, listing, opened, control, emit) for config, listing in batches]
    failed = [
        PhotoOutcome(source=skipped.path, state="failed", reason=skipped.reason, hint=skipped.hint)
        for skipped in refused
    ]
    return RestoreResult(
        outcomes=(*failed, *(outcome for result in results for outcome in result.outcomes)),
        seconds=sum(result.seconds for result in results),
        megapixels=sum(result.megapixels for result in results),
        reports=tuple(report for result in results for report in result.reports),
        backend=opened.backend,
        earlier_results=tuple(photo for listing in listings for photo in listing.earlier_results),
    )


def _list(config: RestoreConfig) -> SourceListing:
    return list_sources(
        config.photos,
        config.out,
        config.name_pattern,
        files_are_chosen=config.files_are_chosen,
        stacks_are_whole=keeps_stacks(config),
    )


def _has_photos(listing: SourceListing) -> bool:
    return bool(listing.photos or listing.unusable or listing.earlier_results)


def _require_photos(listings: Sequence[SourceListing]) -> None:
    if not any(map(_has_photos, listings)):
        raise InvalidInputError("There are no photos in what was given.", "Choose photos, or a folder with photos.")


def _tell(configs: Sequence[RestoreConfig], listings: Sequence[SourceListing], emit: Emit) -> None:
    """Tell what is passed over, and which settings have no effect."""
    num_earlier_results = sum(len(listing.earlier_results) for listing in listings)
    if num_earlier_results:
        emit(
            JobWarning(
                message=say(
                    "Passing over {num_earlier_results} restored files of earlier batches.",
                    num_earlier_results=num_earlier_results,
                ),
                hint="To restore one of them again, choose the file itself.",
            )
        )
    photos = [photo.photo for listing in listings for photo in listing.photos]
    known = {name for photo in photos for name in (str(photo), str(photo.file))}
    if unknown := [name for name in configs[0].own_blends if name not in known]:
        emit(
            JobWarning(
                message=say(
                    "No photo of this batch is called “{unknown}”: its own blend is not used.", unknown=unknown[0]
                ),
                hint="Write the path as it is given, or found in the folder that is given.",
            )
        )


def _open(config: RestoreConfig, photos: Sequence[SourcePhoto], emit: Emit) -> _Opened:
    """Load the model, and choose what computes it for so many photos."""
    from engine.machine.devices import open_device, preferred_backend
    from engine.models.files import load_model
    from engine.restoring.backends.selection import choose_backend
    from engine.restoring.restorer import Restorer

    model = load_model(config.model)
    device = open_device(config)
    megapixels = sum(photo.megapixels for photo in photos)
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
    return _Opened(card=model.card, device=device, backend=backend.name, restorer=restorer)


def _restore(
    config: RestoreConfig, listing: SourceListing, opened: _Opened, control: JobControl, emit: Emit
) -> RestoreResult:
    """Restore the photos of one folder."""
    from engine.restoring.shared_batches import gather_results, share_out

    make_folder(config.out)
    for skipped in listing.unusable:
        emit(skipped)
    plan, group = OutputPlan(config, listing.originals, opened.card, model_file(config.model)), opened.device.group
    if group.size == 1:
        result = RestoreBatch(config, listing.photos, plan, opened.restorer, control, emit).run(listing.unusable)
    else:
        claimed, share = share_out(plan, listing.photos, group, control)
        unusable = listing.unusable if group.is_first else ()
        own = RestoreBatch(config, share, claimed, opened.restorer, control, emit).run(unusable)
        result = gather_results(own, listing.photos, group)
    result = replace(result, backend=opened.backend, earlier_results=listing.earlier_results)
    if not config.report or not group.is_first:
        return result
    report = _write_report(config, result, control, emit)
    return result if report is None else replace(result, reports=(report,))


def _write_report(config: RestoreConfig, result: RestoreResult, control: JobControl, emit: Emit) -> Path | None:
    """Write the report beside the results; a batch is no failure for want of one."""
    from engine.restoring.report import write_restore_report

    try:
        return write_restore_report(
            RestoreReportConfig(
                path=report_path(config.out),
                outcomes=result.outcomes,
                earlier_results=result.earlier_results,
                seconds=result.seconds,
            ),
            control,
            emit,
        )
    except ImageWriteError as error:
        emit(JobWarning(message=error.message, hint=error.hint))
        return None
