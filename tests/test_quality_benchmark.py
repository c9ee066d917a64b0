"""The quality benchmark's sets: what is averaged has one peak."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from engine.photos.folder import list_image_files
from tests.benchmarks.quality import require_one_peak
from tests.benchmarks.quality_sets import SETS


def test_decibels_against_different_peaks_are_never_averaged(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((8, 8), np.uint8))
    pair_set = SETS["polyu"]
    require_one_peak(pair_set, list_image_files([tmp_path]))
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((8, 8), np.uint16))
    with pytest.raises(ValueError, match="no PSNR in common"):
        require_one_peak(pair_set, list_image_files([tmp_path]))


@pytest.mark.parametrize("name", [name for name in SETS if not SETS[name].title.startswith(("Kodak", "CBSD68"))])
def test_every_set_has_one_peak(name: str, shared_data: Path, tmp_path: Path) -> None:
    _, clean = SETS[name].prepare(SETS[name].folder, tmp_path, 0)
    require_one_peak(SETS[name], list_image_files([clean]))
