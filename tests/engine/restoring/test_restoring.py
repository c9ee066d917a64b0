"""Batches: what is written where, what is kept, what fails and what it says."""

import errno
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from engine.contracts.blending import Blend
from engine.contracts.configs import ComputeConfig, RestoreConfig
from engine.contracts.errors import ImageWriteError, InvalidInputError, ModelFileError
from engine.contracts.events import FileSkipped, ImageRestored, JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.machine import atomic_files
from engine.machine.devices import open_device
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, RestorationModel, build_network, load_model, save_model
from engine.photo_files.bicubic_resize import enlarge
from engine.photo_files.colour.transparency import spread_visible_colours
from engine.photo_files.metadata.provenance import without_provenance
from engine.photo_files.photos import ImageMetadata, PhotoImage, PhotoSamples, read_image, write_image
from engine.photo_files.values.sample_types import SampleType, to_float, to_samples
from engine.restoring import batch as restore_batch
from engine.restoring import pipeline as restore_pipeline
from engine.restoring.blending import blended
from engine.restoring.job import restore, restore_each
from engine.restoring.restorer import Restorer

CARD = ModelCard(name="test model", backbone_params=UNetParams(width=8, num_levels=2).model_dump())


@pytest.fixture
def identity_model(tmp_path: Path) -> Path:
    """A fresh network changes nothing: what comes out must be what went in."""
    path = tmp_path / "identity.safetensors"
    save_model(path, build_network(CARD).state_dict(), CARD)
    return path


@pytest.fixture
def smoothing_model(tmp_path: Path) -> Path:
    """A model that does something: its noise estimate is half of each pixel's value."""
    torch.manual_seed(0)
    network = build_network(CARD)
    torch.nn.init.normal_(network.get_parameter("head.weight"), std=0.002)
    path = tmp_path / "smoothing.safetensors"
    save_model(path, network.state_dict(), CARD)
    return path


@pytest.fixture
def enlarging_model(tmp_path: Path) -> Path:
    """A fresh network for super-resolution: plain bicubic enlargement."""
    card = CARD.model_copy(update={"task": "sr2"})
    path = tmp_path / "enlarging.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    return path


def make_photo(path: Path, *, num_channels: int = 3, alpha: bool = False, **metadata: Any) -> PhotoImage:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    pixels = rng.random((20, 30, num_channels), np.float32)
    described = ImageMetadata(**({"file_format": "png", "bit_depth": 8} | metadata))
    image = PhotoImage(pixels, rng.random((20, 30), np.float32) if alpha else None, described)
    write_image(path, image)
    return read_image(path)


def run_restore(
    model: Path, photos: Path | tuple[Path, ...], out: Path, **fields: Any
) -> tuple[RestoreResult, list[JobEvent]]:
    events: list[JobEvent] = []
    given = photos if isinstance(photos, tuple) else (photos,)
    config = RestoreConfig(model=model, photos=given, out=out, device="cpu", precision="32-true", **fields)
    return restore(config, JobControl(), events.append), events


def outputs(result: RestoreResult) -> list[str]:
    return sorted(output.name for _, output in result.restored)


def _without_note(metadata: ImageMetadata) -> ImageMetadata:
    """The same but for the note on the restoration."""
    xmp = metadata.descriptions.xmp
    xmp = None if xmp is None else without_provenance(xmp)
    return replace(metadata, descriptions=replace(metadata.descriptions, xmp=xmp))


@pytest.mark.parametrize(
    ("name", "metadata", "num_channels", "alpha"),
    [
        ("gray alpha 16.png", {"bit_depth": 16}, 1, True),
        ("colour alpha.PNG", {"bit_depth": 8}, 3, True),
    ],
)
def test_what_is_not_noise_is_kept(
    identity_model: Path, tmp_path: Path, name: str, metadata: dict[str, Any], num_channels: int, alpha: bool
) -> None:
    source = tmp_path / "in" / name
    original = make_photo(source, num_channels=num_channels, alpha=alpha, **metadata)
    before = source.read_bytes()
    result, _ = run_restore(identity_model, source, tmp_path / "out")
    assert outputs(result) == [f"{source.stem}_restored{source.suffix}"]
    restored = read_image(result.restored[0][1])
    assert _without_note(restored.metadata) == original.metadata
    np.testing.assert_array_equal(restored.pixels, original.pixels)
    if original.alpha is None:
        assert restored.alpha is None
    else:
        np.testing.assert_array_equal(restored.alpha, original.alpha)
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "chosen", "bit_depth", "expected_name", "expected_depth"),
    [
        ("a.tiff", "png", "keep", "a_restored.png", 16),
        ("a.tiff", "png", "8", "a_restored.png", 8),
        ("a.tiff", "tiff", "16", "a_restored.tiff", 16),
        ("a.png", "tiff", "16", "a_restored.tif", 16),
        ("a.png", "keep", "16", "a_restored.png", 16),
        ("a.tiff", "jpeg", "keep", "a_restored.jpg", 8),
        ("a.tiff", "webp", "16", "a_restored.webp", 8),
        ("a.tiff", "bmp", "keep", "a_restored.bmp", 8),
    ],
)
def test_formats(
    identity_model: Path,
    tmp_path: Path,
    name: str,
    chosen: str,
    bit_depth: str,
    expected_name: str,
    expected_depth: int,
) -> None:
    is_tiff = name.endswith("tiff")
    make_photo(tmp_path / name, file_format="tiff" if is_tiff else "png", bit_depth=16 if is_tiff else 8)
    result, _ = run_restore(identity_model, tmp_path / name, tmp_path / "out", format=chosen, bit_depth=bit_depth)
    assert outputs(result) == [expected_name]
    assert read_image(result.restored[0][1]).metadata.bit_depth == expected_depth


def test_a_wrong_ending_is_mended(identity_model: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "really.png")
    (tmp_path / "really.png").rename(tmp_path / "really.jpg")
    result, _ = run_restore(identity_model, tmp_path / "really.jpg", tmp_path / "out")
    assert outputs(result) == ["really_restored.png"]


def test_subfolders_are_kept_and_equal_names_do_not_meet(identity_model: Path, tmp_path: Path) -> None:
    for name in ("a.png", "trip/a.png", "trip/day 1/a.png"):
        make_photo(tmp_path / "first" / name)
    make_photo(tmp_path / "second" / "a.png", bit_depth=16)
    make_photo(tmp_path / "second" / "A.tif", file_format="tiff")
    result, _ = run_restore(
        identity_model, (tmp_path / "first", tmp_path / "second"), tmp_path / "out", format="png", existing="overwrite"
    )
    written = sorted(str(output.relative_to(tmp_path / "out")) for _, output in result.restored)
    assert written == [
        "A_restored_3.png",
        "a_restored.png",
        "a_restored_2.png",
        os.path.join("trip", "a_restored.png"),
        os.path.join("trip", "day 1", "a_restored.png"),
    ]


@pytest.mark.parametrize(
    ("existing", "expected", "num_skipped"),
    [("rename", ["a_restored_2.png"], 0), ("overwrite", ["a_restored.png"], 0), ("skip", [], 1)],
)
def test_existing_files(
    identity_model: Path, tmp_path: Path, existing: str, expected: list[str], num_skipped: int
) -> None:
    make_photo(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_restored.png").write_bytes(b"earlier")
    result, _ = run_restore(identity_model, tmp_path / "a.png", tmp_path / "out", existing=existing)
    assert outputs(result) == expected
    assert len(result.skipped_existing) == num_skipped
    assert ((tmp_path / "out" / "a_restored.png").read_bytes() == b"earlier") == (existing != "overwrite")


def test_an_original_is_never_written_over(smoothing_model: Path, tmp_path: Path) -> None:
    """`a.png` restored into its own folder would meet the original `a_restored.png`."""
    for name in ("a.png", "a_restored.png"):
        make_photo(tmp_path / name)
    before = (tmp_path / "a_restored.png").read_bytes()
    given = (tmp_path / "a.png", tmp_path / "a_restored.png")
    result, _ = run_restore(smoothing_model, given, tmp_path, existing="overwrite")
    assert outputs(result) == ["a_restored_2.png", "a_restored_restored.png"]
    assert (tmp_path / "a_restored.png").read_bytes() == before


def test_a_damaged_original_of_the_batch_is_never_written_over(identity_model: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "in" / "a.png")
    damaged = tmp_path / "in" / "a_restored.jpg"
    damaged.write_bytes(b"\xff\xd8 what a rescue program may still read")
    before = damaged.read_bytes()
    given = (tmp_path / "in" / "a.png", damaged)
    result, _ = run_restore(identity_model, given, tmp_path / "in", format="jpeg", existing="overwrite")
    assert outputs(result) == ["a_restored_2.jpg"]
    assert [skipped.path for skipped in result.failed] == [PhotoRef(damaged)]
    assert damaged.read_bytes() == before


def test_a_photo_beside_the_batch_is_never_written_over(identity_model: Path, tmp_path: Path) -> None:
    """As the camera's JPEG beside its raw file; an earlier result of such a plain name is replaced."""
    for name in ("b.png", "b.jpg"):
        make_photo(tmp_path / name)
    before = (tmp_path / "b.jpg").read_bytes()
    fields: dict[str, Any] = {"format": "jpeg", "name_pattern": "{name}", "existing": "overwrite", "skip_done": False}
    for _ in range(2):
        result, _ = run_restore(identity_model, tmp_path / "b.png", tmp_path, **fields)
        assert outputs(result) == ["b_2.jpg"]
        assert (tmp_path / "b.jpg").read_bytes() == before


def test_a_folder_that_goes_away_during_the_batch_does_not_stop_the_others(
    identity_model: Path, tmp_path: Path
) -> None:
    photos = [tmp_path / day / "a.png" for day in ("monday", "tuesday", "wednesday")]
    for photo in photos:
        make_photo(photo)
    lost = photos[1].parent
    configs = [RestoreConfig(model=identity_model, photos=(one,), out=one.parent, device="cpu") for one in photos]
    skipped = []

    def emit(event: JobEvent) -> None:
        if isinstance(event, ImageRestored) and event.source == PhotoRef(photos[0]):
            shutil.rmtree(lost)
            # So that it cannot be made again, as where the disk that held it is gone.
            lost.write_bytes(b"")
        if isinstance(event, FileSkipped):
            skipped.append(event.path)

    result = restore_each(configs, JobControl(), emit)
    assert [source for source, _ in result.restored] == [PhotoRef(photos[0]), PhotoRef(photos[2])]
    (failed,) = result.failed
    assert (failed.path, failed.reason.startswith(f"The folder {lost} cannot be made")) == (PhotoRef(photos[1]), True)
    assert skipped == [PhotoRef(photos[1])]


def test_the_photos_times_are_those_of_the_batch_without_pauses(identity_model: Path, tmp_path: Path) -> None:
    for index in range(6):
        make_photo(tmp_path / "in" / f"{index}.png")
    control, resumed = JobControl(), threading.Timer(1.0, lambda: control.resume())

    def emit(event: JobEvent) -> None:
        if isinstance(event, ImageRestored) and event.source.name == "1.png":
            control.pause()
            resumed.start()

    config = RestoreConfig(
        model=identity_model, photos=(tmp_path / "in",), out=tmp_path / "out", device="cpu", report=True
    )
    result = restore(config, control, emit)
    together = sum(outcome.seconds for outcome in result.outcomes)
    assert all(outcome.seconds >= 0 for outcome in result.outcomes)
    assert together <= result.seconds
    assert result.report is not None
    assert f"Restoring took {result.seconds:,.1f} s." in result.report.read_text("utf-8")


@pytest.mark.parametrize("existing", ["rename", "overwrite", "skip"])
@pytest.mark.parametrize("is_stack", [False, True])
def test_two_batches_at_once_do_not_replace_one_another(
    identity_model: Path, tmp_path: Path, existing: str, is_stack: bool
) -> None:
    """Each of a photo of the same name: the second one begins and ends before the first one writes its own."""
    suffix = "tif" if is_stack else "png"
    folders = [tmp_path / "card 1", tmp_path / "card 2"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        pages = np.random.default_rng(number).integers(0, 255, (2, 20, 30, 3), np.uint8)
        if is_stack:
            tifffile.imwrite(folder / "a.tif", pages, photometric="rgb")
        else:
            Image.fromarray(pages[0]).save(folder / "a.png")
    events: list[JobEvent] = []
    results: list[RestoreResult] = []

    def emit(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, ImageRestored) and event.source.name == "first.png":
            # The place of the next one has been looked for by then.
            results.append(run_restore(identity_model, given[1], tmp_path / "out", existing=existing)[0])

    make_photo(tmp_path / "first.png")
    given = [folder / f"a.{suffix}" for folder in folders]
    photos = (tmp_path / "first.png", given[0])
    config = RestoreConfig(model=identity_model, photos=photos, out=tmp_path / "out", device="cpu", existing=existing)
    results.append(restore(config, JobControl(), emit))
    assert [outputs(result) for result in results] == [
        [f"a_restored.{suffix}"],
        [f"a_restored_2.{suffix}", "first_restored.png"],
    ]
    told = [event.output.name for event in events if isinstance(event, ImageRestored)]
    assert told == ["first_restored.png", f"a_restored_2.{suffix}"]
    for photo, result in zip(reversed(given), results, strict=True):
        np.testing.assert_array_equal(read_image(result.restored[-1][1]).pixels, read_image(photo).pixels)
    assert len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize("out", [".", "results"])
def test_results_of_an_earlier_batch_are_not_restored_again(identity_model: Path, tmp_path: Path, out: str) -> None:
    photos = tmp_path / "photos"
    for name in ("a.png", "trip/b.png"):
        make_photo(photos / name)
    run_restore(identity_model, photos, photos / out)
    result, events = run_restore(identity_model, photos, photos / out, skip_done=False)
    assert outputs(result) == ["a_restored_2.png", "b_restored_2.png"]
    warnings = [event.message for event in events if isinstance(event, JobWarning)]
    assert warnings == ["Passing over 2 restored files of earlier batches."]


def test_a_bad_file_does_not_stop_the_batch(identity_model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make_photo(photos / "a.png")
    make_photo(photos / "c.png")
    (photos / "b.png").write_bytes(b"no photo")
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:-300])
    result, events = run_restore(identity_model, photos, tmp_path / "out")
    assert outputs(result) == ["a_restored.png", "c_restored.png"]
    assert [skipped.path.name for skipped in result.failed] == ["b.png", "cut.png"]
    assert all(skipped.reason and skipped.hint for skipped in result.failed)
    assert [event for event in events if isinstance(event, FileSkipped)] == list(result.failed)
    assert [event.output for event in events if isinstance(event, ImageRestored)] == [
        output for _, output in result.restored
    ]


def test_progress_ends_at_all_photos(identity_model: Path, tmp_path: Path) -> None:
    for index in range(3):
        make_photo(tmp_path / "photos" / f"{index}.png")
    result, events = run_restore(identity_model, tmp_path / "photos", tmp_path / "out")
    steps = [event for event in events if isinstance(event, StepDone)]
    assert (steps[0].step, steps[0].num_steps) == (0, 3)
    assert (steps[-1].step, steps[-1].seconds_left) == (3, 0)
    fractions = [step.metrics["fraction"] for step in steps]
    assert fractions == sorted(fractions)
    assert result.megapixels == pytest.approx(3 * 600 / 1e6)


def test_strength_blends(smoothing_model: Path, tmp_path: Path) -> None:
    original = make_photo(tmp_path / "a.png", bit_depth=16).pixels
    results = []
    for strength in (0.0, 0.5, 1.0):
        shares = {"luminance": strength, "colour": strength}
        result, _ = run_restore(smoothing_model, tmp_path / "a.png", tmp_path / f"{strength}", **shares)
        results.append(read_image(result.restored[0][1]).pixels)
    np.testing.assert_array_equal(results[0], original)
    assert np.abs(results[2] - original).mean() > 1e-4
    np.testing.assert_allclose(results[1], (results[0] + results[2]) / 2, atol=2 / 65535)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_an_enlarged_photo_keeps_its_transparency_and_states_its_size(
    enlarging_model: Path, tmp_path: Path, strength: float
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA002: 30, 0xA003: 20, 0x829A: 0.004})
    block = exif.tobytes().removeprefix(b"Exif\x00\x00")
    photo = make_photo(tmp_path / "a.png", alpha=True, exif=block)
    shares = {"luminance": strength, "colour": strength}
    result, _ = run_restore(enlarging_model, tmp_path / "a.png", tmp_path / "out", **shares)
    ((_, output),) = result.restored
    restored = read_image(output)
    assert photo.alpha is not None
    assert restored.alpha is not None
    visible = spread_visible_colours(photo.pixels, photo.alpha)
    # At the border the restorer mirrors photos otherwise.
    inside = np.s_[4:-4, 4:-4]
    np.testing.assert_allclose(restored.pixels[inside], enlarge(visible, 2)[inside], atol=0.51 / 255)
    np.testing.assert_allclose(restored.alpha, enlarge(photo.alpha[:, :, None], 2)[:, :, 0], atol=0.51 / 255)
    stated = Image.open(output).getexif().get_ifd(0x8769)
    assert (stated[0xA002], stated[0xA003], float(stated[0x829A])) == (60, 40, 0.004)


def test_an_enlargement_beyond_the_memory_gives_a_sentence(
    enlarging_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo(tmp_path / "a.png")
    monkeypatch.setattr(restore_batch, "available_memory", lambda: 10_000)
    result, _ = run_restore(enlarging_model, tmp_path / "a.png", tmp_path / "out")
    assert "60 x 40 pixels" in result.failed[0].reason
    assert not result.restored


def test_an_enlargement_beyond_the_format_gives_a_sentence_at_once(enlarging_model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "long.webp", PhotoImage(np.zeros((4, 9000, 3), np.float32)))
    result, _ = run_restore(enlarging_model, tmp_path / "long.webp", tmp_path / "out")
    assert "16,383" in result.failed[0].reason
    assert "18,000 x 8" in result.failed[0].reason


def test_cancel_leaves_whole_files_alone(identity_model: Path, tmp_path: Path) -> None:
    for index in range(3):
        make_photo(tmp_path / "photos" / f"{index}.png")
    control = JobControl()
    written: list[Path] = []

    def cancel_after_the_first(event: JobEvent) -> None:
        if isinstance(event, ImageRestored):
            written.append(event.output)
            control.cancel()

    config = RestoreConfig(model=identity_model, photos=(tmp_path / "photos",), out=tmp_path / "out", device="cpu")
    with pytest.raises(JobCancelled):
        restore(config, control, cancel_after_the_first)
    assert list((tmp_path / "out").iterdir()) == written
    assert read_image(written[0]).width == 30


def test_a_full_disk_is_said_once_and_ends_the_work(
    identity_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        make_photo(tmp_path / "photos" / f"{index}.png")
    flushes: list[int] = []

    def full(descriptor: int) -> None:
        flushes.append(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    result, _ = run_restore(identity_model, tmp_path / "photos", tmp_path / "out")
    assert [skipped.reason for skipped in result.failed] == ["The disk is full."] * 3
    assert len(flushes) == 1, "the other photos are not computed for nothing"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_destination_that_is_a_file_gives_a_sentence(identity_model: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "a.png")
    with pytest.raises(ImageWriteError, match="is a file"):
        run_restore(identity_model, tmp_path / "a.png", tmp_path / "a.png")


def test_nothing_to_restore_gives_a_sentence(identity_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="no photos"):
        run_restore(identity_model, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="not there"):
        run_restore(identity_model, tmp_path / "missing", tmp_path / "out")
    make_photo(tmp_path / "a.png")
    with pytest.raises(ModelFileError):
        run_restore(tmp_path / "none.safetensors", tmp_path / "a.png", tmp_path / "out")


@pytest.mark.parametrize("sample_type", ["uint8", "uint16"])
@pytest.mark.parametrize("strength", [1.0, 0.6, 0.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_restoring_numbers_of_files_is_restoring_floats(
    sample_type: SampleType, strength: float, channels: int
) -> None:
    """Bit for bit, over several tiles, for photos of both depths."""
    network = build_network(ModelCard(name="any", backbone_params={"width": 8, "num_levels": 2}))
    generator = torch.Generator().manual_seed(1)
    for weights in network.parameters():
        weights.data.copy_(0.1 * torch.randn(weights.shape, generator=generator))
    model = RestorationModel(network.eval().requires_grad_(False), ModelCard(name="any"))
    restorer = Restorer(model, open_device(ComputeConfig(device="cpu", precision="32-true")), tile_px=64)
    for dtype in (np.uint8, np.uint16, np.float32):
        largest = 1 if dtype is np.float32 else np.iinfo(dtype).max
        samples = (np.random.default_rng(2).random((150, 90, channels)) * largest).astype(dtype)
        pixels = to_float(samples)
        expected = blended(pixels, restorer.restore(pixels), Blend.even(strength))
        found = restorer.restore_samples(samples, sample_type=sample_type, blend=Blend.even(strength))
        np.testing.assert_array_equal(found, to_samples(expected, sample_type))


def test_a_large_photo_has_smaller_tiles(identity_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = Restorer(load_model(identity_model), open_device(ComputeConfig(device="cpu")), tile_px=256)
    tiles: list[int] = []
    samples = np.random.default_rng(0).integers(0, 65536, (300, 200, 3), np.uint16)
    for limit, num_tiles in ((samples.nbytes * 2, 2), (samples.nbytes * 2 - 1, 20)):
        monkeypatch.setattr("engine.restoring.restorer.LARGE_PHOTO_BYTES", limit)
        monkeypatch.setattr("engine.restoring.restorer.TILE_PX_OF_LARGE_PHOTOS", 64)
        restorer.restore_samples(samples, sample_type="uint16", on_tile=lambda done, total: tiles.append(total))
        assert tiles.pop() == num_tiles
        assert restorer.tile_px == 256


def test_the_next_photo_is_read_and_the_last_one_written_while_one_is_restored(
    identity_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the others: without overlap none of them would come to its end."""
    for index in range(3):
        make_photo(tmp_path / "photos" / f"{index}.png")
    third_is_read, first_may_be_written = threading.Event(), threading.Event()
    read, encode = restore_pipeline.read_samples, restore_pipeline.encode_samples
    restore_samples = Restorer.restore_samples

    def read_and_tell(path: Path) -> PhotoSamples:
        samples = read(path)
        if path.name == "2.png":
            third_is_read.set()
        return samples

    def encode_slowly(photo: PhotoSamples, **options: Any) -> bytes:
        assert first_may_be_written.wait(30)
        return encode(photo, **options)

    def restore_once_others_have_begun(restorer: Restorer, samples: Any, **options: Any) -> Any:
        started.append(len(started))
        if len(started) == 2:
            # The first photo is being encoded, the third is being read.
            assert third_is_read.wait(30)
            first_may_be_written.set()
        return restore_samples(restorer, samples, **options)

    started: list[int] = []
    monkeypatch.setattr(restore_pipeline, "read_samples", read_and_tell)
    monkeypatch.setattr(restore_pipeline, "encode_samples", encode_slowly)
    monkeypatch.setattr(Restorer, "restore_samples", restore_once_others_have_begun)
    result, events = run_restore(identity_model, tmp_path / "photos", tmp_path / "out")
    assert [source.name for source, _ in result.restored] == ["0.png", "1.png", "2.png"]
    assert [event.source.name for event in events if isinstance(event, ImageRestored)] == ["0.png", "1.png", "2.png"]


def test_photos_beyond_the_room_are_held_one_at_a_time(
    identity_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        make_photo(tmp_path / "photos" / f"{index}.png")
    held, most = 0, 0
    read, encode = restore_pipeline.read_samples, restore_pipeline.encode_samples

    def read_one(path: Path) -> PhotoSamples:
        nonlocal held, most
        held += 1
        most = max(most, held)
        return read(path)

    def encode_one(photo: PhotoSamples, **options: Any) -> bytes:
        nonlocal held
        content = encode(photo, **options)
        held -= 1
        return content

    monkeypatch.setattr(restore_pipeline, "read_samples", read_one)
    monkeypatch.setattr(restore_pipeline, "encode_samples", encode_one)
    monkeypatch.setattr(restore_pipeline, "LARGEST_OVERLAPPED_BYTES", 100)
    result, _ = run_restore(identity_model, tmp_path / "photos", tmp_path / "out")
    assert len(result.restored) == 3
    assert most == 1


@pytest.mark.parametrize("keep_time", [False, True])
def test_the_file_s_time_is_kept_where_that_is_asked(identity_model: Path, tmp_path: Path, keep_time: bool) -> None:
    photo, stack, then = tmp_path / "photos" / "a.png", tmp_path / "photos" / "stack.tif", 1_000_000_000_123_456_789
    make_photo(photo)
    tifffile.imwrite(stack, np.zeros((2, 20, 30), np.uint8), photometric="minisblack")
    for file in (photo, stack):
        os.utime(file, ns=(then, then))
    result, _ = run_restore(identity_model, photo.parent, tmp_path / "out", keep_time=keep_time)
    assert len(result.restored) == 2
    for _, output in result.restored:
        # Some file systems count in steps of 100 ns, or of 2 s.
        assert (abs(output.stat().st_mtime_ns - then) <= 2 * 10**9) == keep_time
    # The time is none of the picture: what is done stays done.
    again, _ = run_restore(identity_model, photo.parent, tmp_path / "out", keep_time=not keep_time)
    assert len(again.already_done) == 2
