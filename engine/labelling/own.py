"""Labels that a task makes of clean photos alone, to look at before training."""

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import InvalidInputError
from engine.contracts.photo import Pixels
from engine.method.catalogue.tasks import TASKS
from engine.translatable import say

SHOWN_SIDE_PX = 768
"""Of a larger photo the middle is shown: noise is looked at pixel by pixel."""

_MULTIPLE_PX = 12


def preview_own_label(task_name: str, clean: Pixels) -> tuple[NDArray[np.float32], Pixels]:
    """Make the noisy side of a label, as training will for each crop anew.

    Args:
        task_name: A task that makes its own pairs.
        clean: The clean photo. Height x width x channels (1 or 3), 0 to 1.

    Returns:
        What the network would be given (height x width x 1 or 3; smaller than the clean part for a task that enlarges),
        and the part of the clean photo that it shall return.

    Raises:
        InvalidInputError: There is no such task, it makes no pairs by itself, or the photo is too small.
    """
    import torch

    from engine.method.factory import make_task

    row = TASKS.find(task_name)
    if not row.makes_own_pairs:
        raise InvalidInputError(
            say("{title} learns from pairs of a noisy photo and its clean reference.", title=row.title),
            "Choose another task.",
        )
    task = make_task(task_name, row.own_pairs_params)
    part = _middle_of(clean)
    if min(part.shape[:2]) < _MULTIPLE_PX:
        raise InvalidInputError("The photo is too small to make a label of.", "Choose a larger photo.")
    made = task.make_noisy(part)
    noisy = np.broadcast_to(made, (*made.shape[:2], 3))
    tensor = torch.from_numpy(np.array(noisy, np.float32)).permute(2, 0, 1)[None]
    observed = task.observe(tensor, torch.Generator().manual_seed(0))[0]
    return np.ascontiguousarray(observed.permute(1, 2, 0).numpy(), np.float32), part


def _middle_of(clean: Pixels) -> Pixels:
    # A multiple of every task's scale, so that no row is without its pixel.
    height, width = (min(side, SHOWN_SIDE_PX) // _MULTIPLE_PX * _MULTIPLE_PX for side in clean.shape[:2])
    top, left = (clean.shape[0] - height) // 2, (clean.shape[1] - width) // 2
    return np.ascontiguousarray(clean[top : top + height, left : left + width])
