"""Memory of a batch: that of a few photos, however many there are, and of a file: that of its numbers, once more."""

import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import tifffile
import torch

from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileChoices
from engine.contracts.photo import PhotoRef
from engine.jobs import restore
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.metadata.provenance import Provenance
from engine.photo_files.photos import read_samples
from engine.restoring.pipeline import OutputFile, Writing

SIDE_PX = 192
FLOATS_OF_A_PHOTO = SIDE_PX * SIDE_PX * 3 * 4


def test_memory_does_not_grow_with_the_folder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = ModelCard(name="small", backbone="unet", backbone_params={"width": 8, "num_levels": 2})
    model = tmp_path / "model.safetensors"
    save_model(model, build_network(card).state_dict(), card)
    noisy = np.random.default_rng(0).normal(128, 10, (SIDE_PX, SIDE_PX, 3)).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), noisy)

    def peak_bytes(count: int) -> int:
        folder = tmp_path / f"{count} photos"
        folder.mkdir()
        for number in range(count):
            os.link(tmp_path / "photo.png", folder / f"{number:03}.png")
        config = RestoreConfig(model=model, photos=(folder,), out=tmp_path / f"{count} restored", device="cpu")
        tracemalloc.start()
        try:
            result = restore(config, JobControl(), lambda event: None)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(result.restored) == count
        return peak

    peak_bytes(1)
    few, many = peak_bytes(3), peak_bytes(12)
    assert many - few < 3 * FLOATS_OF_A_PHOTO


def test_a_file_is_never_in_memory_twice_beside_its_photo(tmp_path: Path) -> None:
    """Of noise, which hardly compresses: a file of a hundred megapixels would be half a gigabyte each time."""
    noise = np.random.default_rng(0).integers(0, 65535, (1200, 1600, 3), np.uint16)
    source = tmp_path / "photo.tif"
    tifffile.imwrite(source, noise, photometric="rgb", resolution=(300, 300), resolutionunit="INCH", description="x")
    facts = dict.fromkeys(Provenance.__dataclass_fields__, "1") | {"source_digest": "0" * 64, "model_digest": "0" * 64}
    file = OutputFile(
        path=tmp_path / "restored.tif",
        file_format="tiff",
        choices=FileChoices(),
        metadata="keep",
        provenance=Provenance(**facts),
        modified_ns=None,
    )
    tracemalloc.start()
    try:
        Writing(read_samples(PhotoRef(source)), file).wait(JobControl())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(tifffile.imread(file.path), noise)
    with tifffile.TiffFile(file.path) as tiff:
        assert tiff.pages.first.resolution == (300, 300)
    assert peak < 2.5 * noise.nbytes
