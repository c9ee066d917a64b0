"""The job that looks through folders for usable photos and measures how noisy each is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.contracts.configs import ScanConfig
from engine.contracts.errors import ImageReadError
from engine.contracts.events import Emit, FileSkipped, PhotoScanned, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.noise import NoiseDoubt, SignalDependence, summarize_noise
from engine.contracts.photo import PhotoRef
from engine.contracts.results import ScanResult
from engine.machine.caches import KeptMeasures
from engine.machine.interruptible import run_interruptibly
from engine.machine.places import Place
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.photos import examine_photo, read_image
from engine.photo_files.values.given import reads_as_set
from engine.photos.decoded_files import DECODER_VERSION
from engine.photos.duplicates import look_hash
from engine.photos.folder import ResultsBeside, group_stacks, list_image_files
from engine.photos.identity import identity_of
from engine.photos.noise_estimate import MIN_SIDE_PX, estimate_noise

NOISE_VERSION = 5
"""To be raised when what is measured on a photo, or how, changes."""

MAX_KEPT_PHOTOS = 50_000

_READING = "Reading photos"
_MEASURING = "Measuring noise"
_MEASURED_PAGES = 5
"""Of a stack: its pages share their noise."""

_PROGRESS_INTERVAL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class PhotoMeasures:
    """What only decoding a photo tells; see `PhotoScanned`."""

    width: int
    height: int
    brightness: float
    look: int | None
    noise_sigma: float | None = None
    noise_correlation: tuple[float, ...] = ()
    noise_dependence: SignalDependence | None = None
    noise_doubt: NoiseDoubt = NoiseDoubt.NONE
    noise_reach: float = 1.0


@reads_as_set
def scan_photos(config: ScanConfig, control: JobControl, emit: Emit) -> ScanResult:
    """Find the usable photos in folders; a stack is one, and some of its pages are measured.

    What was measured on a file is kept between sessions, and counts until the file changes. What was restored from a
    photo beside it is skipped.

    Without the noise estimate only the headers are read: much faster, but a file that ends too early is then not found
    out.

    Args:
        config: What to look through.
        control: Asked before each file, and while it is measured.
        emit: Receives `PhotoScanned` or `FileSkipped` for each file, and `StepDone` some times a second.

    Returns:
        Usable and skipped files, in natural order, and what the photos' noises have in common.

    Raises:
        InvalidInputError: A folder is not there or may not be read.
        JobCancelled: The job has been asked to end.
    """
    started = time.monotonic()
    paused_before = control.paused_seconds
    listed = list_image_files(config.folders, config.recursive)
    results = ResultsBeside(listed, config.folders)
    paths = group_stacks(listed, config.folders)
    photos: list[PhotoScanned] = []
    skipped: list[FileSkipped] = []
    stage = _MEASURING if config.estimate_noise else _READING
    kept = _open_kept() if config.estimate_noise else None
    emit(StepDone(stage=stage, step=0, num_steps=len(paths)))
    reported = time.monotonic()
    try:
        for done, (path, pages) in enumerate(paths, start=1):
            control.wait_if_paused()
            outcome: PhotoScanned | FileSkipped | None = results.skipped(path)
            if outcome is None:
                outcome = _scan_stack(path, pages, kept, control) if pages else _scan_file(path, kept, control)
            if isinstance(outcome, PhotoScanned):
                photos.append(outcome)
            else:
                skipped.append(outcome)
            emit(outcome)
            now = time.monotonic()
            if done == len(paths) or now - reported >= _PROGRESS_INTERVAL_S:
                reported = now
                working = now - started - (control.paused_seconds - paused_before)
                emit(
                    StepDone(
                        stage=stage,
                        step=done,
                        num_steps=len(paths),
                        seconds_left=working / done * (len(paths) - done),
                    )
                )
    finally:
        # Of a scan that was stopped, too: the next one goes on from there.
        if kept is not None:
            kept.save()
    seconds = time.monotonic() - started - (control.paused_seconds - paused_before)
    noise = summarize_noise(photo.noise for photo in photos if photo.noise is not None)
    return ScanResult(photos=tuple(photos), skipped=tuple(skipped), noise=noise, seconds=seconds)


def _open_kept() -> KeptMeasures[PhotoMeasures]:
    version = NOISE_VERSION * 1000 + DECODER_VERSION
    return KeptMeasures(Place.MEASURED_PHOTOS.path(), PhotoMeasures, version=version, limit=MAX_KEPT_PHOTOS)


def _scan_file(
    photo: PhotoRef, kept: KeptMeasures[PhotoMeasures] | None, control: JobControl
) -> PhotoScanned | FileSkipped:
    """Read a file's header; its pixels as well where measures are `kept`."""
    try:
        facts = examine_photo(photo)
        scanned = PhotoScanned(
            path=photo,
            width=facts.info.width,
            height=facts.info.height,
            noise_sigma=None,
            content=facts.content,
            bit_depth=facts.info.bit_depth,
            num_bytes=facts.num_bytes,
            camera=facts.camera,
            num_pictures=facts.num_pictures,
        )
        if kept is None:
            return scanned
        measures = _measured_or_kept(photo, kept, control)
    except OSError as error:
        gone = disk_failure(error)
        return FileSkipped(path=photo, reason=gone.message, hint=gone.hint)
    except ImageReadError as error:
        return FileSkipped(path=photo, reason=error.message, hint=error.hint)
    return replace(scanned, **vars(measures))


def _scan_stack(
    photo: PhotoRef, pages: tuple[int, ...], kept: KeptMeasures[PhotoMeasures] | None, control: JobControl
) -> PhotoScanned | FileSkipped:
    """Read the header of a stack's first page that can be used, and, where measures are `kept`, some pages."""
    num = 1 if kept is None else min(_MEASURED_PAGES, len(pages))
    chosen = dict.fromkeys(pages[round(index * (len(pages) - 1) / max(num - 1, 1))] for index in range(num))
    outcomes = [_scan_file(PhotoRef(photo.file, page), kept, control) for page in chosen]
    if not any(isinstance(outcome, PhotoScanned) for outcome in outcomes):
        # One damaged page leaves the others usable.
        others = (_scan_file(PhotoRef(photo.file, page), kept, control) for page in pages if page not in chosen)
        outcomes += [outcome for outcome in [next(filter(_is_usable, others), None)] if outcome is not None]
    scanned = [outcome for outcome in outcomes if isinstance(outcome, PhotoScanned)]
    if not scanned:
        return replace(outcomes[0], path=photo)
    common = summarize_noise(found.noise for found in scanned if found.noise is not None)
    brightnesses = [found.brightness for found in scanned if found.brightness is not None]
    return replace(
        scanned[0],
        path=photo,
        pages=pages,
        noise_sigma=None if common is None else common.sigma,
        noise_correlation=() if common is None else common.correlation,
        noise_dependence=None if common is None else common.dependence,
        noise_doubt=_common_doubt(scanned),
        noise_reach=1.0 if common is None else common.reach,
        # A stack is no copy of another file that shows what its first page does.
        look=None,
        brightness=float(np.mean(brightnesses)) if brightnesses else None,
    )


def _common_doubt(pages: Sequence[PhotoScanned]) -> NoiseDoubt:
    """Return the doubt that most pages share."""
    doubts = [page.noise_doubt for page in pages]
    commonest = max(doubts, key=doubts.count)
    return commonest if 2 * doubts.count(commonest) > len(doubts) else NoiseDoubt.NONE


def _is_usable(outcome: PhotoScanned | FileSkipped) -> bool:
    return isinstance(outcome, PhotoScanned)


def _measured_or_kept(photo: PhotoRef, kept: KeptMeasures[PhotoMeasures], control: JobControl) -> PhotoMeasures:
    """Return what the pixels tell, measured now or before.

    Raises:
        ImageReadError: The file is damaged behind its header.
    """
    identity = identity_of(photo)
    measures = kept.find(identity)
    if measures is None:
        measures = run_interruptibly(lambda: _measure(photo), control)
        kept.add(identity, measures)
    return measures


def _measure(photo: PhotoRef) -> PhotoMeasures:
    """Decode a photo and return what its pixels tell.

    Raises:
        ImageReadError: The file is damaged behind its header.
    """
    image = read_image(photo)
    seen = image.normalised
    measures = PhotoMeasures(
        width=image.width,
        height=image.height,
        brightness=float(seen.mean()),
        look=look_hash(seen),
    )
    if min(image.width, image.height) < MIN_SIDE_PX:
        return measures
    noise = estimate_noise(image.normalised_channels)
    return replace(
        measures,
        noise_sigma=noise.sigma,
        noise_correlation=noise.correlation,
        noise_dependence=noise.dependence,
        noise_doubt=noise.doubt,
        noise_reach=noise.reach,
    )
