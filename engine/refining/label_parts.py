"""Few labels, parted: most of each teaches, a corner of each is held back and tells how well the others have taught.

Whole labels held back would be missed as teachers. A corner shows the same camera and scene, so it flatters a little;
what the unlabelled photos say stands beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.method.tasks.restoration_task import RestorationTask
from engine.photos.crops import DecodedPair

HELD_BACK_SHARE = 3 / 8
"""Of a label's shorter side."""

LARGEST_JUDGED_PX = 256
SMALLEST_JUDGED_PX = 24
_GRID_PX = 4


@dataclass(frozen=True, kw_only=True)
class JudgedLabel:
    """A part of a label that does not teach.

    Attributes:
        noisy: What the network is given. Shape: (height, width, channels), 0 to 1.
        clean: What it should make of it; the task's scale times as large.
    """

    noisy: Pixels
    clean: Pixels


def part_labels(
    pairs: Sequence[DecodedPair], task: RestorationTask, crop_px: int, seed: int
) -> tuple[list[DecodedPair], list[JudgedLabel]]:
    """Hold a corner of each label back.

    Args:
        pairs: The labels.
        task: What they teach.
        crop_px: Side of the crops that teach, of the noisy side; labels that then have no room for them teach whole.
        seed: Of the noise that a task adds by itself.

    Returns:
        What teaches, and what is held back.
    """
    teaching: list[DecodedPair] = []
    judged: list[JudgedLabel] = []
    for index, pair in enumerate(pairs):
        height, width = pair.noisy.levels.shape[1:]
        side = round(HELD_BACK_SHARE * min(height, width)) // _GRID_PX * _GRID_PX
        side = min(side, LARGEST_JUDGED_PX)
        if side < SMALLEST_JUDGED_PX or min(height, width) - side < crop_px:
            teaching.append(pair)
            continue
        judged.append(judged_part(pair, task, (0, 0), side, (seed, index)))
        # Two that overlap: below the corner, and beside it.
        teaching += [_part(pair, task.scale, side, 0), _part(pair, task.scale, 0, side)]
    return teaching, judged


def judged_part(
    pair: DecodedPair, task: RestorationTask, place: tuple[int, int], side_px: int, seed: tuple[int, ...]
) -> JudgedLabel:
    """A square of a label as the network is given it."""
    top, left = place
    scale = task.scale
    noisy = pair.noisy.part(slice(top, top + side_px), slice(left, left + side_px))
    rows, columns = (slice(scale * start, scale * (start + side_px)) for start in (top, left))
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    crop = torch.from_numpy(noisy.pixels.transpose(2, 0, 1).copy())
    observed = task.observe(crop[None], generator)[0].numpy().transpose(1, 2, 0)
    clean = pair.clean.part(rows, columns).pixels
    return JudgedLabel(noisy=np.ascontiguousarray(observed), clean=clean)


def central_parts(pairs: Sequence[DecodedPair], task: RestorationTask, side_px: int, seed: int) -> list[JudgedLabel]:
    """The central squares of labels that do not teach at all."""
    parts = []
    for index, pair in enumerate(pairs):
        top, left = (max(side - side_px, 0) // 2 for side in pair.noisy.levels.shape[1:])
        parts.append(judged_part(pair, task, (top, left), side_px, (seed, index)))
    return parts


def reference_windows(pairs: Sequence[DecodedPair], side_px: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Squares of the references of what teaches, at two of its corners where it is large, 16 bit.

    Yields:
        Index of the pair, and the square. Shape: (height, width, 3).
    """
    for index, pair in enumerate(pairs):
        height, width = pair.clean.levels.shape[1:]
        places = {(0, 0), (max(height - side_px, 0), max(width - side_px, 0))}
        for top, left in sorted(places):
            part = pair.clean.part(slice(top, top + side_px), slice(left, left + side_px))
            yield index, np.rint(part.pixels.astype(np.float64) * np.iinfo(np.uint16).max).astype(np.uint16)


def _part(pair: DecodedPair, scale: int, top: int, left: int) -> DecodedPair:
    return DecodedPair(
        pair.noisy.part(slice(top, None), slice(left, None)),
        pair.clean.part(slice(scale * top, None), slice(scale * left, None)),
    )
