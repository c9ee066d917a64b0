"""The job that looks through folders for usable photos and measures how noisy each is."""

import time
from dataclasses import replace
from pathlib import Path

from engine.configs import ScanConfig
from engine.data.image_files import examine_photo, read_image
from engine.data.photo_folder import list_image_files
from engine.duplicates import look_hash
from engine.errors import ImageReadError
from engine.events import Emit, FileSkipped, PhotoScanned, StepDone
from engine.job_control import JobControl
from engine.job_results import ScanResult
from engine.noise import MIN_SIDE_PX, estimate_noise
from engine.noise_facts import summarize_noise

_READING = "Reading photos"
_MEASURING = "Measuring noise"
_PROGRESS_INTERVAL_S = 0.1


def scan(config: ScanConfig, control: JobControl, emit: Emit) -> ScanResult:
    """Find the usable photos in folders.

    Without the noise estimate only the headers are read: much faster, but a file that ends too early is then not found
    out.

    Args:
        config: What to look through.
        control: Asked before each file.
        emit: Receives `PhotoScanned` or `FileSkipped` for each file, and `StepDone` some times a second.

    Returns:
        Usable and skipped files, in natural order, and what the photos' noises have in common.

    Raises:
        InvalidInputError: A folder is not there or may not be read.
        JobCancelled: The job has been asked to end.
    """
    started = time.monotonic()
    paused_before = control.paused_seconds
    paths = list_image_files(config.folders, config.recursive)
    photos: list[PhotoScanned] = []
    skipped: list[FileSkipped] = []
    stage = _MEASURING if config.estimate_noise else _READING
    emit(StepDone(stage=stage, step=0, num_steps=len(paths)))
    reported = time.monotonic()
    for done, path in enumerate(paths, start=1):
        control.wait_if_paused()
        outcome = _scan_file(path, config.estimate_noise)
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
    seconds = time.monotonic() - started - (control.paused_seconds - paused_before)
    noise = summarize_noise(photo.noise for photo in photos if photo.noise is not None)
    return ScanResult(photos=tuple(photos), skipped=tuple(skipped), noise=noise, seconds=seconds)


def _scan_file(path: Path, with_noise: bool) -> PhotoScanned | FileSkipped:
    try:
        facts = examine_photo(path)
        scanned = PhotoScanned(
            path=path,
            width=facts.info.width,
            height=facts.info.height,
            noise_sigma=None,
            content=facts.content,
            bit_depth=facts.info.bit_depth,
            num_bytes=facts.num_bytes,
            camera=facts.camera,
        )
        return _measure(scanned) if with_noise else scanned
    except ImageReadError as error:
        return FileSkipped(path=path, reason=error.message, hint=error.hint)


def _measure(scanned: PhotoScanned) -> PhotoScanned:
    """Decode a photo and add what its pixels tell.

    Raises:
        ImageReadError: The file is damaged behind its header.
    """
    photo = read_image(scanned.path)
    scanned = replace(
        scanned,
        width=photo.width,
        height=photo.height,
        brightness=float(photo.pixels.mean()),
        look=look_hash(photo.pixels),
    )
    if min(photo.width, photo.height) < MIN_SIDE_PX:
        return scanned
    noise = estimate_noise(photo.pixels)
    return replace(
        scanned,
        noise_sigma=noise.sigma,
        noise_correlation=noise.correlation,
        noise_dependence=noise.dependence,
    )
