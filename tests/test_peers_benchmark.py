"""The benchmark of other programs: every side is given the same pixels, and our side measures what it should."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from engine.comparing.metrics import psnr
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from tests.benchmarks import peers
from tests.benchmarks.quality_sets import PairSet


@pytest.fixture
def options() -> argparse.Namespace:
    return argparse.Namespace(minutes=0.01, photos=2, seed=0)


@pytest.fixture
def pair_set(tmp_path: Path) -> PairSet:
    """Three gray photos of 16 bits, noisy and clean."""
    source = tmp_path / "source"
    for side, sigma in (("noisy", 0.05), ("clean", 0.0)):
        (source / side).mkdir(parents=True)
        for index in range(3):
            rng = np.random.default_rng(index)
            columns = np.linspace(0.2, 0.8, 320, dtype=np.float32)
            pixels = np.repeat(columns[None, :, None], 300, axis=0)
            pixels = (pixels + sigma * rng.standard_normal(pixels.shape)).clip(0, 1).astype(np.float32)
            metadata = ImageMetadata(file_format="png", bit_depth=16)
            write_image(source / side / f"{index}.png", PhotoImage(pixels, metadata=metadata))
    return PairSet(
        title="Made",
        task="denoise",
        source=str(source),
        prepare=lambda given, out, seed: (given / "noisy", given / "clean"),
    )


@pytest.fixture
def prepared(pair_set: PairSet, options: argparse.Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(peers, "LARGE_SIZE", (384, 512))
    (tmp_path / "given").mkdir()
    return peers.prepared(pair_set, tmp_path / "given", options)


def test_every_side_is_given_the_middle_of_the_same_photos(pair_set: PairSet, prepared: Path) -> None:
    assert sorted(path.name for path in (prepared / "noisy").iterdir()) == ["0.png", "1.png", "2.png"]
    for place, side in (("measured", "noisy"), ("clean", "clean")):
        assert sorted(path.name for path in (prepared / place).iterdir()) == ["0.png", "1.png"]
        whole = read_image(pair_set.folder / side / "1.png").pixels
        cut = read_image(prepared / place / "1.png")
        assert np.array_equal(cut.pixels, whole[22:278, 32:288])
        assert cut.metadata.bit_depth == 16
    large = read_image(prepared / "large.png").pixels
    assert large.shape == (384, 512, 1)
    assert np.array_equal(large[300:, :320], large[:84, :320]), "the photo, over and over"
    assert peers.as_given(large).shape == (384, 512)


@pytest.mark.slow
def test_our_side_tells_what_a_table_needs(pair_set: PairSet, prepared: Path, options: argparse.Namespace) -> None:
    told = peers.ours(peers.STARTER, pair_set, prepared, options)
    noisy, clean = (read_image(prepared / place / "0.png").pixels for place in ("measured", "clean"))
    assert told["noisy_psnr"] == pytest.approx(psnr(noisy, clean), abs=0.5)
    assert told["psnr"] > told["noisy_psnr"] + 3
    table = peers.table_of(pair_set, {peers.STARTER: told})
    assert table.rows[0][:5] == (peers.OURS[peers.STARTER], "–", "–", "–", "–")
    assert len(table.rows[0]) == len(table.header)


def test_a_side_that_trained_has_its_steps_a_second(pair_set: PairSet) -> None:
    told: peers.Told = json.loads(
        '{"psnr": 30.0, "train_seconds": 60.0, "steps": 120, "cores": 1.9, "restore_seconds": 2.0, "megapixels": 6.0,'
        ' "peak_bytes": 1048576000, "version": "1"}'
    )
    row = peers.table_of(pair_set, {"careamics": told}).rows[0]
    assert row == (peers.PEERS["careamics"], "1.0", "120", "2.0", "1.90", "30.00", "3.000", "1,000", "1")
