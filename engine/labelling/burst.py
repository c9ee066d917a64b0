"""The job that makes labels from a burst: several shots of one scene, aligned and averaged into clean references.

The mean of n shots has a noise smaller by the root of n. The reference of a shot is the mean of all others: with the
shot among them a part of its noise would be in its own reference, and be learned as picture. It is one only where all
shots show the same: shots of another scene are left out, and where something moved a shot keeps its own values or is
left out, as a person chooses. The pages of a stack are shots as files are.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from engine.contracts.configs import JobConfig
from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.labelling.burst_alignment import AlignedShot, ReadShot, align_shot, read_shot
from engine.labelling.burst_merging import MergedShots, Shot, as_seen_by, merge_shots
from engine.machine.destination import make_folder
from engine.machine.interruptible import run_interruptibly
from engine.machine.system_memory import available_memory
from engine.photo_files.photos import PhotoImage, encode_image, probe_image, usual_suffix, write_encoded_image
from engine.photos.folder import list_image_files
from engine.photos.noise_estimate import MIN_SIDE_PX, estimate_noise
from engine.photos.pairs import PhotoPair
from engine.translatable import say, say_counted

MIN_SHOTS = 3
"""With two, no one can tell which of them something moved in."""

MAX_MOVED_SHARE = 0.25
"""A shot in which more than this part of the picture moved is left out."""

_NEGLIGIBLE_MOVED_SHARE = 0.0005
_MEMORY_SHARE = 0.6
_BYTES_OF_MERGING = 4 + 2 + 4 + 2 * 4
"""A value of the sum, its count, the median, and of one reference that is made of them."""
_MAX_NOISE_RATIO = 3.0
_SMALLEST_SIGMA = 0.5 / 255
_READING, _ALIGNING, _AVERAGING, _WRITING = "Reading shots", "Aligning shots", "Averaging", "Writing references"

_LeaveOut = Callable[[PhotoRef, str, str], None]
"""Notes a shot that becomes no label: its path, why, what to do."""


class MotionChoice(StrEnum):
    """What happens where something moved."""

    FILL = "fill"
    """There the reference of each shot is the shot itself: nothing is learned there."""
    LEAVE_OUT = "leave_out"
    """A shot in which something moved becomes no label; its still places count in the mean."""


class BurstConfig(JobConfig):
    """Average several shots of one scene into clean references."""

    shots: Annotated[
        tuple[PhotoPlace, ...],
        Field(min_length=1, title="Shots", description="Photos of one scene, or a folder of them."),
    ]
    out: Annotated[Path, Field(title="Destination", description="Folder for the references.")]
    motion: Annotated[
        MotionChoice, Field(title="Where something moved", description="Keep the shot as it is there, or leave it out.")
    ] = MotionChoice.FILL
    file_format: Annotated[
        Literal["tiff", "png"], Field(title="Format", description="Of the references, with 16 bits per channel.")
    ] = "tiff"


@dataclass(frozen=True, kw_only=True)
class BurstResult:
    """What became of a burst.

    Attributes:
        pairs: Each shot with its reference.
        left_out: Shots without a reference, with reasons.
        num_averaged: Shots in the mean.
        displacement_px: How far the corners of the shots lie apart, at most.
        moved_share: In how much of the picture something moved in any shot, 0 to 1.
        noise_sigma: Of a single shot, 0 to 1; of a reference it is smaller by the root of one less than `num_averaged`.
        seconds: Time it took, without pauses.
    """

    pairs: tuple[PhotoPair, ...]
    left_out: tuple[FileSkipped, ...]
    num_averaged: int
    displacement_px: float
    moved_share: float
    noise_sigma: float
    seconds: float


def make_burst_references(config: BurstConfig, control: JobControl, emit: Emit) -> BurstResult:
    """Align and average shots of one scene, and write a reference for each.

    Photos in colour, and all of 8 bits, carry a tone curve: they are averaged in linear light. Gray photos of 16 bits,
    and a microscope's channels of as many, are taken as the light itself.

    Args:
        config: Shots and destination.
        control: Asked once a shot and once a band of the mean.
        emit: Receives `StepDone` and `FileSkipped`.

    Returns:
        The pairs, and what was found out.

    Raises:
        InvalidInputError: Fewer than `MIN_SHOTS` shots show one scene, too much moved, or the destination is the
            folder of the shots.
        ImageWriteError: A reference cannot be written.
        JobCancelled: Asked to end; references that are written stay.
    """
    started, paused_before = time.monotonic(), control.paused_seconds
    left_out: list[FileSkipped] = []

    def leave_out(photo: PhotoRef, reason: str, hint: str) -> None:
        left_out.append(FileSkipped(path=photo, reason=reason, hint=hint))
        emit(left_out[-1])

    paths = list_image_files(config.shots, recursive=False)
    _check_destination(config.out, paths)
    _check_memory(paths)
    photos = []
    for index, path in enumerate(paths):
        control.wait_if_paused()
        emit(StepDone(stage=_READING, step=index, num_steps=len(paths)))
        try:
            photos.append(run_interruptibly(partial(read_shot, path), control))
        except ImageReadError as error:
            leave_out(path, error.message, error.hint)
    photos = _of_one_shape(photos, leave_out)
    in_linear_light = any(_has_tone_curve(photo) for photo in photos)
    aligned = _align(photos, in_linear_light, leave_out, control, emit)
    merged = _merge(aligned, in_linear_light, control, emit)
    run_interruptibly(lambda: _check_noise(merged, aligned[0].shot), control)
    shares = merged.moved.mean(axis=(1, 2))
    still: list[int] = []
    for index, (member, share) in enumerate(zip(aligned, shares, strict=True)):
        if share > MAX_MOVED_SHARE:
            leave_out(
                member.photo,
                say("Something moved in {share:.0%} of the picture.", share=share),
                "Take the burst again while nothing moves.",
            )
        elif share > _NEGLIGIBLE_MOVED_SHARE and config.motion is MotionChoice.LEAVE_OUT:
            leave_out(
                member.photo,
                say("Something moved in {share:.1%} of the picture.", share=share),
                "Or keep it, with those places as they are.",
            )
        else:
            still.append(index)
    if not still or sum(share <= MAX_MOVED_SHARE for share in shares) < MIN_SHOTS:
        raise InvalidInputError(
            "Too much moved between the shots: no reference can be made.",
            "Take the burst again from a tripod, of a scene in which nothing moves.",
        )
    pairs = _write(still, aligned, merged, config, control, emit)
    return BurstResult(
        pairs=tuple(pairs),
        left_out=tuple(left_out),
        num_averaged=len(aligned),
        displacement_px=max(member.displacement_px for member in aligned),
        moved_share=float(merged.moved.any(axis=0).mean()),
        noise_sigma=merged.noise_sigma,
        seconds=time.monotonic() - started - (control.paused_seconds - paused_before),
    )


def _check_destination(out: Path, photos: Sequence[PhotoRef]) -> None:
    if any(photo.file.parent.absolute() == out.absolute() for photo in photos):
        raise InvalidInputError(
            "The references must not go into the folder of the shots.",
            "Choose another folder; among the noisy photos they would count as noisy.",
        )


def _check_memory(photos: Sequence[PhotoRef]) -> None:
    needed = largest = 0
    for photo in photos:
        try:
            info = probe_image(photo)
        except ImageReadError:
            # Reading it will say what is wrong.
            continue
        # Levels, brightness, and where something moved.
        needed += info.width * info.height * (2 * info.num_channels + 4 + 1)
        largest = max(largest, info.width * info.height * info.num_channels)
    needed += _BYTES_OF_MERGING * largest
    if needed > _MEMORY_SHARE * available_memory():
        raise InvalidInputError(
            say(
                "These {num_paths} shots need {needed:.1f} GB of memory, more than there is.",
                num_paths=len(photos),
                needed=needed / 2**30,
            ),
            "Choose fewer shots: eight to sixteen are enough.",
        )


def _has_tone_curve(photo: ReadShot) -> bool:
    is_in_colour = photo.levels.shape[2] == 3 and not photo.metadata.channels_are_gray
    return is_in_colour or photo.metadata.bit_depth == 8


def _of_one_shape(photos: list[ReadShot], leave_out: _LeaveOut) -> list[ReadShot]:
    """Keep the shots of the most common size and kind."""
    shapes = [photo.levels.shape for photo in photos]
    if not shapes:
        raise _too_few(0)
    usual = max(shapes, key=shapes.count)
    kept = []
    for photo, shape in zip(photos, shapes, strict=True):
        if shape == usual:
            kept.append(photo)
        else:
            leave_out(
                photo.photo,
                say(
                    "It has {width} x {height} pixels, most shots {usual_width} x {usual_height}.",
                    width=shape[1],
                    height=shape[0],
                    usual_width=usual[1],
                    usual_height=usual[0],
                )
                if shape[:2] != usual[:2]
                else "It differs in colour: most shots have "
                + ("three channels." if usual[2] == 3 else "one channel."),
                "Export all shots the same way.",
            )
    if len(kept) < MIN_SHOTS:
        raise _too_few(len(kept))
    return kept


def _align(
    photos: Sequence[ReadShot], in_linear_light: bool, leave_out: _LeaveOut, control: JobControl, emit: Emit
) -> list[AlignedShot]:
    """Bring all shots onto the one in the middle, or onto another where that shows a scene of its own."""
    middle = len(photos) // 2
    best: tuple[list[AlignedShot], list[tuple[PhotoRef, str, str]]] = ([], [])
    for position in dict.fromkeys((middle, 0, len(photos) - 1)):
        base = photos[position]
        members, others = [], []
        for index, photo in enumerate(photos):
            control.wait_if_paused()
            emit(StepDone(stage=_ALIGNING, step=index, num_steps=len(photos)))
            outcome = run_interruptibly(partial(align_shot, base, photo, in_linear_light), control)
            if isinstance(outcome, AlignedShot):
                members.append(outcome)
            else:
                others.append((photo.photo, *outcome))
        if len(members) > len(best[0]):
            best = members, others
        if 2 * len(best[0]) > len(photos):
            break
    members, others = best
    if len(members) < MIN_SHOTS or 2 * len(members) <= len(photos):
        raise _too_unlike(len(members), [(reason, hint) for _, reason, hint in others])
    for skipped in others:
        leave_out(*skipped)
    return members


def _merge(aligned: Sequence[AlignedShot], in_linear_light: bool, control: JobControl, emit: Emit) -> MergedShots:
    def step(done: int, all_bands: int) -> None:
        control.wait_if_paused()
        emit(StepDone(stage=_AVERAGING, step=done, num_steps=all_bands))

    return merge_shots([member.shot for member in aligned], in_linear_light=in_linear_light, step=step)


def _check_noise(merged: MergedShots, shot: Shot) -> None:
    """Refuse shots that differ by far more than the noise of one explains: then something moves nearly everywhere."""
    if min(shot.levels.shape[:2]) < MIN_SIDE_PX:
        return
    own_sigma = max(estimate_noise(shot.pixels).sigma, _SMALLEST_SIGMA)
    if merged.noise_sigma > _MAX_NOISE_RATIO * own_sigma:
        raise InvalidInputError(
            say(
                "The shots differ {times:.0f} times as much as noise explains: too much moved.",
                times=merged.noise_sigma / own_sigma,
            ),
            "Take the burst again from a tripod, of a scene in which nothing moves.",
        )


def _write(
    still: Sequence[int],
    aligned: Sequence[AlignedShot],
    merged: MergedShots,
    config: BurstConfig,
    control: JobControl,
    emit: Emit,
) -> list[PhotoPair]:
    """Write for each of the shots that are still enough the mean of all others, as the shot sees it."""
    make_folder(config.out)
    shots = [member.shot for member in aligned]
    pairs: list[PhotoPair] = []
    for done, index in enumerate(still):
        control.wait_if_paused()
        emit(StepDone(stage=_WRITING, step=done, num_steps=len(still)))
        content = run_interruptibly(
            partial(_encoded, aligned[index], shots, index, merged, config.file_format), control
        )
        path = _free_name(config.out, aligned[index].photo, config.file_format)
        write_encoded_image(path, content)
        pairs.append(PhotoPair(aligned[index].photo, PhotoRef(path)))
    emit(StepDone(stage=_WRITING, step=len(still), num_steps=len(still)))
    return pairs


def _encoded(
    member: AlignedShot,
    shots: Sequence[Shot],
    index: int,
    merged: MergedShots,
    file_format: Literal["tiff", "png"],
) -> bytes:
    """Return a reference's file: the mean of the other shots as this one sees it, but for its own places."""
    pixels, moved = merged.mean_of_others(shots, index), merged.moved[index]
    own_places = moved if moved.mean() > _NEGLIGIBLE_MOVED_SHARE else np.zeros_like(moved)
    if member.shot.is_moved or member.shot.gain != 1 or own_places.any():
        pixels = as_seen_by(pixels, member.shot, own_places, in_linear_light=merged.in_linear_light)
    reference = PhotoImage(np.ascontiguousarray(pixels), metadata=member.metadata)
    return encode_image(reference, file_format=file_format, bit_depth=16)


def _free_name(folder: Path, shot: PhotoRef, file_format: str) -> Path:
    """A name that matches the shot's, of no file that is there."""
    suffix = usual_suffix(file_format)
    path = folder / f"{shot.stem}_reference{suffix}"
    number = 2
    while os.path.exists(path):
        path = folder / f"{shot.stem}_reference ({number}){suffix}"
        number += 1
    return path


def _too_unlike(num_alike: int, reasons: Sequence[tuple[str, str]]) -> InvalidInputError:
    """The commonest reason stands for all."""
    reason, hint = max(reasons, key=reasons.count)
    return InvalidInputError(
        say(
            "Only {num_alike} of {num_shots} shots fit together. Of the others: {reason}",
            num_alike=num_alike,
            num_shots=num_alike + len(reasons),
            reason=reason,
        ),
        hint,
    )


def _too_few(number: int) -> InvalidInputError:
    return InvalidInputError(
        say_counted(
            "A burst needs at least {min_shots} shots of one size; there is {number}.",
            "A burst needs at least {min_shots} shots of one size; there are {number}.",
            number,
            min_shots=MIN_SHOTS,
        ),
        "Choose more shots of the same scene: eight or more make a good reference.",
    )
