"""The main job without a window: what it writes, and the comparison picture."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli.comparison_sheet import Tile, choose_spot, write_comparison_sheet
from engine.cli.demonstration import demonstrate, main
from engine.contracts.events import ImageRestored, JobEvent, RunStarted, StepDone
from engine.contracts.job_control import JobControl
from engine.machine.places import Place
from engine.photo_files.photos import read_image, write_image
from engine.photos.sample_photos import NOISY_FOLDER, SamplePhotos, make_sample_photos


def small_samples(folder: Path) -> SamplePhotos:
    """The corners of four sample photos, two of them with a reference: the shipped model restores them in seconds."""
    whole = make_sample_photos(Place.SAMPLE_PHOTOS.path())
    small = SamplePhotos(
        noisy=folder / "noisy", clean=folder / "clean", all_clean=folder / "all", licences=whole.licences
    )
    labels = sorted(path.name for path in whole.clean.iterdir())[:2]
    others = sorted({path.name for path in whole.noisy.iterdir()} - {path.name for path in whole.clean.iterdir()})[:2]
    for source, target, names in (
        (whole.noisy, small.noisy, [*labels, *others]),
        (whole.all_clean, small.all_clean, [*labels, *others]),
        (whole.clean, small.clean, labels),
    ):
        target.mkdir(parents=True)
        for name in names:
            image = read_image(source / name)
            write_image(target / name, image.with_pixels(image.pixels[128:240, 128:240], None))
    return small


def test_it_writes_pictures_and_a_report(tmp_path: Path) -> None:
    events: list[JobEvent] = []
    samples = small_samples(tmp_path / "samples")
    done = demonstrate(
        tmp_path / "demonstration", JobControl(), events.append, pretrain_steps=4, finetune_steps=2, samples=samples
    )
    assert [figure.is_label for figure in done.figures].count(True) == 2
    assert len(done.figures) == 4
    assert done.is_in_order, done.mean_psnr
    assert done.mean_psnr[1] > done.mean_psnr[0] + 2, "the shipped model restores"
    sheet = read_image(done.comparison)
    assert sheet.width > 5 * 112
    assert sheet.height > 4 * 112
    report = done.report.read_text(encoding="utf-8")
    assert all(figure.name in report for figure in done.figures)
    assert all(f"{figure.psnr[3]:.2f}" in report for figure in done.figures)
    assert done.order_sentence in report
    assert "scikit-image" in report, "the photos' licences are named"
    assert len([event for event in events if isinstance(event, RunStarted)]) == 2
    restored = [event.output for event in events if isinstance(event, ImageRestored)]
    assert len(restored) == 3 * len(done.figures)
    assert all(path.is_file() and path.is_relative_to(done.folder) for path in restored)
    stages = {event.stage for event in events if isinstance(event, StepDone)}
    assert {"Learning the noise", "Pretraining", "Measuring the gain", "Fine-tuning", "Restoring"} <= stages


def test_the_samples_alone_are_made_and_their_folder_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--samples-only"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert folder == Place.SAMPLE_PHOTOS.path() / NOISY_FOLDER
    assert len(list(folder.glob("*.png"))) >= 12


def test_the_spot_with_the_most_detail_is_chosen() -> None:
    pixels = np.zeros((50, 70, 3), np.float32)
    pixels[30:40, 50:60] = np.random.default_rng(0).random((10, 10, 3), np.float32)
    rows, columns = choose_spot(pixels, 16)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (16, 16)
    assert rows.start <= 30 < 40 <= rows.stop
    assert columns.start <= 50 < 60 <= columns.stop
    whole = choose_spot(pixels[:9, :12], 16)
    assert pixels[:9, :12][whole].shape == (9, 9, 3)


def test_a_sheet_shows_its_tiles_unchanged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gray = np.rint(rng.random((20, 30, 1)) * 255).astype(np.float32) / np.float32(255)
    colour = np.rint(rng.random((20, 30, 3)) * 255).astype(np.float32) / np.float32(255)
    write_comparison_sheet(
        tmp_path / "sheet.png", ["one", "two"], [[Tile(pixels=gray, caption="a"), Tile(pixels=colour, caption="b")]]
    )
    sheet = read_image(tmp_path / "sheet.png").pixels
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (20, 30, 3))[:, :, 0]
    for tile in (np.repeat(gray, 3, axis=2), colour):
        assert np.abs(windows - tile).max(axis=(2, 3, 4)).min() < 1e-6
