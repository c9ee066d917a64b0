"""The job that restores a batch of photos."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import EngineError, ImageWriteError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.contracts.results import PhotoOutcome, RestoreReportConfig, RestoreResult, report_path
from engine.machine.destination import check_destination, make_folder
from engine.models.cards import model_file
from engine.photo_files.values.given import levels_given, reads_as_set
from engine.photos.folder import list_image_files
from engine.restoring.batch import RestoreBatch
from engine.restoring.output_plan import OutputPlan
from engine.restoring.sources import SourceListing, SourcePhoto, keeps_stacks, list_sources
from engine.translatable import say

if TYPE_CHECKING:
    from engine.machine.devices import ComputeDevice
    from engine.machine.processes.group import ProcessGroup
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
    opened = _open(config, listing.photos, emit)
    make_folder(config.out)
    return _restore(config, listing, opened, control, emit)


def restore_each(configs: Sequence[RestoreConfig], control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into several folders, by one model; a folder that fails never stops the others.

    Args:
        configs: One for each folder; they differ in photos and destination alone.
        control: As for `restore`.
        emit: As for `restore`, for one folder after the other.

    Returns:
        What became of all photos, those first that are not there, or whose folder cannot be written to.

    Raises:
        JobCancelled: As for `restore`, and so are the others but:
        InvalidInputError: There is no photo for any of the folders.
        ImageWriteError: None of the folders can be written to.
    """
    with levels_given(configs[0].levels):
        configs = [config.model_copy(update={"out": config.out.absolute()}) for config in configs]
        listed, refused = _list_each(configs)
        _tell([config for config, _ in listed], [listing for _, listing in listed], emit)
        batches = []
        errors: list[ImageWriteError] = []
        for config, listing in listed:
            if not _has_photos(listing):
                continue
            try:
                check_destination(config.out)
            except ImageWriteError as error:
                errors.append(error)
                refused += _refusals(listing.originals, error)
            else:
                batches.append((config, listing))
        if not batches:
            raise errors[0]
        for skipped in refused:
            emit(skipped)
        opened = _open(configs[0], [photo for _, listing in batches for photo in listing.photos], emit)
        results = []
        for config, listing in batches:
            # A disk may be gone since its folder was tried.
            gone = _error_of_making(config.out, opened.device.group)
            if gone is None:
                results.append(_restore(config, listing, opened, control, emit))
                continue
            errors.append(gone)
            for skipped in _refusals(listing.originals, gone):
                refused.append(skipped)
                emit(skipped)
        if not results:
            raise errors[0]
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
        earlier_results=tuple(photo for _, listing in listed for photo in listing.earlier_results),
    )


def _list(config: RestoreConfig) -> SourceListing:
    return list_sources(
        config.photos,
        config.out,
        config.name_pattern,
        files_are_chosen=config.files_are_chosen,
        stacks_are_whole=keeps_stacks(config),
    )


def _list_each(
    configs: Sequence[RestoreConfig],
) -> tuple[list[tuple[RestoreConfig, SourceListing]], list[FileSkipped]]:
    """List the photos of each folder, and those that are not there or may not be read: each is its own failure alone.

    Raises:
        InvalidInputError: There is no photo for any of the folders.
    """
    listed: list[tuple[RestoreConfig, SourceListing]] = []
    refused: list[FileSkipped] = []
    errors: list[InvalidInputError] = []
    for config in configs:
        try:
            listed.append((config, _list(config)))
        except InvalidInputError as error:
            errors.append(error)
            there, missing = _told_apart(config.photos)
            refused += missing
            if there:
                listed.append((config, _list(config.model_copy(update={"photos": there}))))
    listings = [listing for _, listing in listed]
    if errors and not any(map(_has_photos, listings)):
        raise errors[0]
    _require_photos(listings)
    return listed, refused


def _told_apart(given: Sequence[PhotoPlace]) -> tuple[tuple[PhotoPlace, ...], list[FileSkipped]]:
    """Tell what of one folder is there, and of the rest why it is not."""
    there: list[PhotoPlace] = []
    missing: list[FileSkipped] = []
    for place in given:
        try:
            list_image_files([place], recursive=False)
        except InvalidInputError as error:
            missing += _refusals([PhotoRef.of(place)], error)
        else:
            there.append(place)
    return tuple(there), missing


def _refusals(photos: Iterable[PhotoRef], error: EngineError) -> list[FileSkipped]:
    return [FileSkipped(path=photo, reason=error.message, hint=error.hint) for photo in photos]


def _error_of_making(folder: Path, group: "ProcessGroup") -> ImageWriteError | None:
    """Make a folder; where it cannot be made, say why, to all processes that restore as one: none goes on without."""
    error: ImageWriteError | None = None
    try:
        make_folder(folder)
    except ImageWriteError as found:
        error = found
    return next((one for one in group.all_of(error) if one is not None), None)


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
    """Restore the photos of one folder, which is there."""
    from engine.restoring.shared_batches import gather_results, share_out

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
                raw_look=config.raw_look,
            ),
            control,
            emit,
        )
    except ImageWriteError as error:
        emit(JobWarning(message=error.message, hint=error.hint))
        return None
