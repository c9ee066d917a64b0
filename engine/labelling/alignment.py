"""Bringing one picture of a scene over another to a fraction of a pixel, and aligned copies of references.

A reference that lies a pixel beside its noisy photo teaches a network to blur. Where the two differ by a shift or a
small turn, a copy of the reference is warped onto the noisy photo; the original stays as it is.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels
from engine.labelling.brightness_fit import compare_brightness
from engine.machine.destination import make_folder
from engine.machine.interruptible import run_interruptibly
from engine.machine.places import Place
from engine.photo_files.photo_image import PhotoImage, between_levels
from engine.photo_files.photos import encode_image, read_image, write_encoded_image
from engine.photo_files.values.levels import levels_of_reference
from engine.photo_files.values.sample_types import USUAL_TYPES, unit_of
from engine.photos.pair_checks import best_shift
from engine.photos.pairs import PhotoPair
from engine.translatable import say

MAX_UNCOVERED_SHARE = 0.25
"""A reference that shows less of the noisy photo than the rest is refused."""

MIN_SHAPE_CORRELATION = 0.8
"""Below, two aligned pictures show different scenes: as measured for `engine.photos.pair_checks`."""

_COARSE_SIDE_PX = 1024
_FINE_SIDE_PX = 1024
_ECC_STEPS = 60
_ECC_EPSILON = 1e-5
_ECC_BLUR_PX = 5
_DETAIL_SIGMA_PX = 1.0
_SHAPE_SIGMA_PX = 3.0
_MIN_GAIN = 0.002
_MIN_CORRELATION = 0.1
"""What pictures without anything in common reach by chance is far below."""
_COVERED = 0.999

_STAGE = "Aligning references"


@dataclass(frozen=True)
class Alignment:
    """How one picture lies on another.

    Attributes:
        matrix: Takes a place (column, row) of the fixed picture to the moving one's. Shape: (2, 3).
        correlation: Of the two pictures' detail once they lie on each other, -1 to 1.
        gain: By how much that is more than without moving anything; 0 where nothing is moved.
    """

    matrix: NDArray[np.float64]
    correlation: float
    gain: float

    def displacement_px(self, height: int, width: int) -> float:
        """Return how far the farthest corner moves, in pixels of a picture of this size."""
        corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (0, height - 1)])
        moved = corners @ self.matrix.T - corners[:, :2]
        return float(np.hypot(moved[:, 0], moved[:, 1]).max())


@dataclass(frozen=True, kw_only=True)
class AlignedReference:
    """An aligned copy of a reference.

    Attributes:
        pair: The pair that the copy was made for.
        path: The copy: a PNG of 16 bits.
        displacement_px: How far its farthest corner was moved.
    """

    pair: PhotoPair
    path: Path
    displacement_px: float


@dataclass(frozen=True, kw_only=True)
class AlignRequest:
    """Settings of `align_references`.

    Attributes:
        pairs: Pairs of photos of one size.
        folder: Where the copies go, each into a folder of its own; None: into the program's own data.
    """

    pairs: tuple[PhotoPair, ...]
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True)
class AlignResult:
    """What `align_references` has made.

    Attributes:
        aligned: The copies.
        failed: Noisy photos whose reference could not be aligned, with reasons.
    """

    aligned: tuple[AlignedReference, ...]
    failed: tuple[FileSkipped, ...]


def align_references(request: AlignRequest, control: JobControl, emit: Emit) -> AlignResult:
    """Write aligned copies of references; a job.

    Args:
        request: The pairs.
        control: Asked before each pair.
        emit: Receives `StepDone` and `FileSkipped`.

    Raises:
        JobCancelled: Asked to end.
    """
    aligned: list[AlignedReference] = []
    failed: list[FileSkipped] = []
    folder = request.folder or Place.ALIGNED_REFERENCES.path()
    for index, pair in enumerate(request.pairs):
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=index, num_steps=len(request.pairs)))
        try:
            aligned.append(align_reference(pair, folder, control))
        except EngineError as error:
            skipped = FileSkipped(path=pair.noisy, reason=error.message, hint=error.hint)
            emit(skipped)
            failed.append(skipped)
    emit(StepDone(stage=_STAGE, step=len(request.pairs), num_steps=len(request.pairs)))
    return AlignResult(aligned=tuple(aligned), failed=tuple(failed))


def align_reference(pair: PhotoPair, folder: Path, control: JobControl | None = None) -> AlignedReference:
    """Write a copy of the reference that lies on the noisy photo.

    Where the moved reference shows nothing, at the borders, the copy shows the noisy photo itself, as bright as the
    reference is: there it asks for no change but that of the exposure, where that is another.

    Args:
        pair: Two photos of one size.
        folder: Where the copy goes; made if it is not there.
        control: Of a job; None: nobody can cancel.

    Raises:
        ImageReadError: A file cannot be read.
        InvalidInputError: The sizes differ, nothing has to be moved, too little of the scene is common to both, or the
            two differ in their tones.
        ImageWriteError: The copy cannot be written.
        JobCancelled: Asked to end; nothing is written.
    """
    content, displacement_px = run_interruptibly(lambda: _encode_aligned(pair), control)
    path = _copy_path(pair, folder)
    make_folder(path.parent, "Free some space, then try again.")
    write_encoded_image(path, content)
    return AlignedReference(pair=pair, path=path, displacement_px=displacement_px)


def _encode_aligned(pair: PhotoPair) -> tuple[bytes, float]:
    """Return the copy as a PNG file, and how far its farthest corner was moved."""
    noisy, clean = read_image(pair.noisy), read_image(pair.clean)
    if noisy.pixels.shape[:2] != clean.pixels.shape[:2]:
        raise InvalidInputError(
            "Only photos of one size can be aligned.", "Crop or scale one of them so that both show the same pixels."
        )
    if clean.metadata.type_written not in USUAL_TYPES and not clean.metadata.levels.are_of_type:
        raise InvalidInputError(
            say(
                "{clean} holds numbers of the type {type_written}, which an aligned copy cannot hold.",
                clean=pair.clean.name,
                type_written=clean.metadata.type_written,
            ),
            "Save it with 16 bits per channel, or use the pair as it is.",
        )
    height, width = noisy.pixels.shape[:2]
    alignment = find_alignment(*(values.mean(axis=2) for values in between_levels(noisy, clean)))
    if alignment.gain == 0:
        raise InvalidInputError(
            say("{clean} fits no better when it is moved.", clean=pair.clean.name),
            "Choose another reference, or use the pair as it is.",
        )
    warped, covered = warp(clean.pixels, alignment.matrix, (height, width))
    if shape_correlation(noisy.pixels, warped, covered) < MIN_SHAPE_CORRELATION:
        raise InvalidInputError(
            say("{clean} shows another scene than the noisy photo.", clean=pair.clean.name),
            "Choose the reference that belongs to it.",
        )
    uncovered_share = 1 - float(covered.mean())
    if uncovered_share > MAX_UNCOVERED_SHARE:
        raise InvalidInputError(
            say(
                "{clean} shows only {uncovered_share:.0%} of the noisy photo.",
                clean=pair.clean.name,
                uncovered_share=1 - uncovered_share,
            ),
            "Choose a reference that shows the whole scene.",
        )
    filled = warped if covered.all() else _filled(noisy, clean, warped, covered)
    content = encode_image(clean.with_pixels(filled, None), file_format="png", bit_depth=16)
    return content, alignment.displacement_px(height, width)


def _filled(
    noisy: PhotoImage, clean: PhotoImage, warped: NDArray[np.float32], covered: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the moved reference, and where it shows nothing the noisy photo as the reference's exposure would have it.

    Args:
        noisy: The photo.
        clean: The reference.
        warped: Its moved pixels. Height x width x channels.
        covered: Where they show anything. Shape: (height, width).

    Raises:
        InvalidInputError: No gain and offset bring one to the other's brightness.
    """
    levels = noisy.metadata.levels
    noisy_unit, clean_unit = (unit_of(side.metadata.type_written) for side in (noisy, clean))
    levels_of_clean = levels_of_reference(levels, noisy_unit, clean.metadata.levels, clean_unit)
    own = levels.normalised(noisy.pixels)
    if own.shape[2] != warped.shape[2]:
        own = np.broadcast_to(own.mean(axis=2, keepdims=True), warped.shape)
    brightness = compare_brightness(own, levels_of_clean.normalised(warped), covered)
    if brightness.differs and not brightness.can_mend:
        raise InvalidInputError(
            "The tones differ: no gain and offset make the reference as bright as the noisy photo.",
            "Develop both with the same exposure, contrast and tone curve.",
        )
    if brightness.is_wanted:
        own = brightness.taken_off(own)
    return np.where(covered[:, :, None], warped, levels_of_clean.in_units_of_type(own)).astype(np.float32)


def find_alignment(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> Alignment:
    """Find the shift and the turn that bring one picture over another.

    A shift by cross-correlation of the pictures' detail comes first; from there the enhanced correlation coefficient,
    which no change of brightness or contrast disturbs, is climbed (Evangelidis and Psarakis, "Parametric image
    alignment using enhanced correlation coefficient maximization", 2008). Large pictures are aligned small and the
    shift is refined in their middle. What does not fit clearly better than not moving at all is not moved.

    Args:
        fixed: Height x width, 0 to 1.
        moving: The same shape.

    Raises:
        ValueError: The shapes differ.
    """
    if fixed.shape != moving.shape:
        raise ValueError(f"both pictures must have one shape; found {fixed.shape} and {moving.shape}")
    factor = max(1.0, max(fixed.shape) / _COARSE_SIDE_PX)
    small_fixed, small_moving = (_reduced(field, factor) for field in (fixed, moving))
    matrix = _climb(small_fixed, small_moving, _translation(best_shift(small_fixed, small_moving)[0]))
    if factor > 1:
        scale = np.array([fixed.shape[1] / small_fixed.shape[1], fixed.shape[0] / small_fixed.shape[0]])
        turn = matrix[:, :2]
        # Pixels have their places in their middles: small + 1/2 = (large + 1/2) / factor.
        shift = scale * matrix[:, 2] + 0.5 * (scale - 1) * (1 - turn.sum(axis=1))
        matrix = np.column_stack([turn, shift])
        matrix = _refined_in_the_middle(fixed, moving, matrix)
    identity = np.eye(2, 3)
    before, after = (_fit(fixed, moving, candidate) for candidate in (identity, matrix))
    if after - before < _MIN_GAIN or after < _MIN_CORRELATION:
        return Alignment(identity, before, 0.0)
    return Alignment(matrix, after, after - before)


def warp(
    pixels: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Move a picture, with Lanczos's filter.

    Args:
        pixels: Height x width x channels, 0 to 1.
        matrix: Takes a place of the result to one of `pixels`. Shape: (2, 3).
        size: Height and width of the result.

    Returns:
        The moved picture, 0 to 1, and where it shows anything.
    """
    return moved_pixels(pixels, matrix, size), places_inside(matrix, size, pixels.shape[:2], slack_px=1 - _COVERED)


def moved_pixels(pixels: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the moved picture of `warp` alone; where it shows nothing it is mirrored."""
    height, width = size
    # Near its edge the filter would reach beyond the picture: mirrored there, and counted by the plain coverage.
    moved = cv2.warpAffine(
        np.asarray(pixels, np.float32),
        matrix,
        (width, height),
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(np.clip(moved, 0, 1), np.float32).reshape(height, width, -1)


def shape_correlation(fixed: Pixels, moved: Pixels, covered: NDArray[np.bool_]) -> float:
    """Return how alike two pictures' coarse shapes are where both show something, -1 to 1.

    Args:
        fixed: Height x width x channels.
        moved: The same height and width.
        covered: Where to look. Shape: (height, width).
    """
    fields = [
        cv2.GaussianBlur(np.ascontiguousarray(pixels.mean(axis=2)), (0, 0), _SHAPE_SIGMA_PX)[covered]
        for pixels in (fixed, moved)
    ]
    first, second = (field - field.mean() for field in fields)
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


def places_inside(
    matrix: NDArray[np.float64], size: tuple[int, int], source_size: Sequence[int], *, slack_px: float
) -> NDArray[np.bool_]:
    """Return which places of a moved picture come from inside of its source.

    Args:
        matrix: Takes a place (column, row) of the result to one of the source. Shape: (2, 3).
        size: Height and width of the result.
        source_size: Height and width of the source.
        slack_px: How far outside a place still counts as inside.
    """
    inside = np.ones(size, np.bool_)
    columns, rows = np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64)[:, None]
    for (along_columns, along_rows, start), side in zip(matrix, (source_size[1], source_size[0]), strict=True):
        places = along_columns * columns + along_rows * rows + start
        inside &= places >= -slack_px
        inside &= places <= side - 1 + slack_px
    return inside


def _translation(shift: tuple[float, float]) -> NDArray[np.float64]:
    """The matrix of a shift (rows, columns) by which the fixed picture lies farther than the moving one."""
    return np.array([[1.0, 0.0, -shift[1]], [0.0, 1.0, -shift[0]]])


def _climb(fixed: NDArray[np.float32], moving: NDArray[np.float32], start: NDArray[np.float64]) -> NDArray[np.float64]:
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_EPSILON)
    everywhere = np.full(moving.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(
            fixed, moving, start.astype(np.float32), cv2.MOTION_EUCLIDEAN, criteria, everywhere, _ECC_BLUR_PX
        )
    except cv2.error:
        # It tells that it does not converge, as on a picture without detail, by an exception.
        return start
    return start if not np.isfinite(found).all() else np.asarray(found, np.float64)


def _refined_in_the_middle(
    fixed: NDArray[np.float32], moving: NDArray[np.float32], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    top, left = (max(0, (side - _FINE_SIDE_PX) // 2) for side in fixed.shape)
    part = fixed[top : top + _FINE_SIDE_PX, left : left + _FINE_SIDE_PX]
    at_part = matrix.copy()
    at_part[:, 2] += matrix[:, :2] @ (left, top)
    moved, _ = warp(moving[:, :, None], at_part, (part.shape[0], part.shape[1]))
    (rows, columns), _, gain = best_shift(np.ascontiguousarray(part), moved[:, :, 0])
    if gain <= 0 or np.hypot(rows, columns) > 4:
        return matrix
    refined = matrix.copy()
    refined[:, 2] -= matrix[:, :2] @ (columns, rows)
    return refined


def _fit(fixed: NDArray[np.float32], moving: NDArray[np.float32], matrix: NDArray[np.float64]) -> float:
    """Correlation of the two pictures' detail where both show something."""
    top, left = (max(0, (side - _FINE_SIDE_PX) // 2) for side in fixed.shape)
    part = fixed[top : top + _FINE_SIDE_PX, left : left + _FINE_SIDE_PX]
    at_part = matrix.copy()
    at_part[:, 2] += matrix[:, :2] @ (left, top)
    moved, covered = warp(moving[:, :, None], at_part, (part.shape[0], part.shape[1]))
    first, second = (_detail(field)[covered] for field in (np.ascontiguousarray(part), moved[:, :, 0]))
    if first.size < 2:
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


def _detail(field: NDArray[np.float32]) -> NDArray[np.float32]:
    fine = cv2.GaussianBlur(field, (0, 0), _DETAIL_SIGMA_PX)
    return np.asarray(fine - cv2.GaussianBlur(field, (0, 0), 6 * _DETAIL_SIGMA_PX), np.float32)


def _reduced(field: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    if factor == 1:
        return np.ascontiguousarray(field, np.float32)
    size = (max(1, round(field.shape[1] / factor)), max(1, round(field.shape[0] / factor)))
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)


def _copy_path(pair: PhotoPair, folder: Path) -> Path:
    """A place of its own for each pair, with the reference's name, so that a person recognises it."""
    identity = hashlib.sha256(f"{pair.noisy}\n{pair.clean}".encode(errors="surrogateescape")).hexdigest()[:12]
    return folder / identity / f"{pair.clean.stem}.png"
