"""Labels made of clean photos alone, as they are shown."""

import numpy as np
import pytest

from engine.contracts.errors import InvalidInputError
from engine.labelling.own import SHOWN_SIDE_PX, preview_own_label
from engine.method.catalogue.tasks import TASKS

CLEAN = np.random.default_rng(0).random((100, 131, 3), np.float32)


@pytest.mark.parametrize("task", [name for name, row in TASKS.items() if row.makes_own_pairs])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_task_shows_what_its_network_would_be_given(task: str, channels: int) -> None:
    scale = TASKS[task].scale
    noisy, clean = preview_own_label(task, CLEAN[:, :, :channels])
    assert clean.shape == (96, 120, channels)
    assert noisy.shape[:2] == (96 // scale, 120 // scale)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    again, _ = preview_own_label(task, CLEAN[:, :, :channels])
    assert np.array_equal(noisy, again)


def test_of_a_large_photo_the_middle_is_shown() -> None:
    large = np.zeros((SHOWN_SIDE_PX + 200, SHOWN_SIDE_PX + 400, 3), np.float32)
    large[100:-100, 200:-200] = 1
    _, clean = preview_own_label("sr2", large)
    assert clean.shape == (SHOWN_SIDE_PX, SHOWN_SIDE_PX, 3)
    assert clean.min() == 1


def test_what_cannot_be_made_says_why() -> None:
    with pytest.raises(InvalidInputError, match="pairs"):
        preview_own_label("denoise", CLEAN)
    with pytest.raises(InvalidInputError, match="too small"):
        preview_own_label("sr2", CLEAN[:8, :8])
