"""What a label budget measures of stacks."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from engine.contracts.configs import ComputeConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.label_budget.measuring import Measurer
from engine.models.starters import require_starter
from engine.photo_files.photos import read_image
from engine.photos.pairs import PhotoPair
from tests.engine.photos.test_stack_levels import bleaching, levels_of


def test_the_pages_of_a_stack_are_measured_between_its_black_and_white(tmp_path: Path) -> None:
    """By their own a page that has lost half of its light would seem as bright, and its noise twice as strong."""
    frames = bleaching()[:, 0]
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
        shown = frames if name == "noisy" else gaussian_filter(frames, (0, 2, 2))
        tifffile.imwrite(tmp_path / name / "a.tif", shown, photometric="minisblack")
    pages = [
        (PhotoRef(tmp_path / "noisy" / "a.tif", page), PhotoRef(tmp_path / "clean" / "a.tif", page)) for page in (1, 6)
    ]
    measurer = Measurer([PhotoPair(*pair) for pair in pages], ComputeConfig(device="cpu"), None)
    found = measurer.measure(require_starter("denoise"), JobControl(), lambda event: None)
    levels = levels_of(pages[0][0].file, 1)
    for noisy, clean in pages:
        values = [np.clip(levels.normalised(read_image(side).pixels), 0, 1) for side in (noisy, clean)]
        expected = -10 * np.log10(np.mean((values[0] - values[1]) ** 2))
        assert found[noisy.name].noisy_psnr == pytest.approx(expected, abs=0.01)
