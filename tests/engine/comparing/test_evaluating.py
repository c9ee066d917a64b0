"""Measuring models and classical methods on pairs, for every task."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from typer.testing import CliRunner

from engine.cli.main import app
from engine.comparing.baselines.catalogue import BASELINES
from engine.comparing.baselines.interpolation import interpolate_bilinear, interpolate_malvar
from engine.comparing.evaluating import evaluate
from engine.comparing.metrics import psnr
from engine.contracts.configs import EvaluateConfig, RestoreConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import EvaluationResult
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.bicubic_resize import enlarge, shrink
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photo_files.raw.demosaicking import bayer_mosaic
from engine.restoring.job import restore
from tests.conftest import TinyPhotos

CARD = ModelCard(name="test model", backbone_params=UNetParams(width=8, num_levels=2).model_dump())


def save_fresh_model(path: Path, card: ModelCard) -> Path:
    save_model(path, build_network(card).state_dict(), card)
    return path


@pytest.fixture
def identity_model(tmp_path: Path) -> Path:
    """A fresh network changes nothing: what comes out must be what went in."""
    return save_fresh_model(tmp_path / "identity.safetensors", CARD)


def changing_model(path: Path) -> Path:
    """A model that mixes colours, and whose result depends on where between black and white a value lies."""
    weights = build_network(CARD).state_dict()
    for number, name in enumerate(weights):
        weights[name] = weights[name] + 0.05 * ((number % 3) - 1)
    save_model(path, weights, CARD)
    return path


def smooth_picture(height: int, width: int, num_channels: int = 3, seed: int = 0) -> NDArray[np.float32]:
    values = gaussian_filter(np.random.default_rng(seed).random((height, width, num_channels)), (1.5, 1.5, 0))
    return ((values - values.min()) / (values.max() - values.min())).astype(np.float32)


def write_photo(path: Path, pixels: NDArray[np.float32], bit_depth: int = 8) -> NDArray[np.float32]:
    """Write a picture and return what can be read of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = ImageMetadata(file_format="png", bit_depth=bit_depth)  # type: ignore[arg-type]
    write_image(path, PhotoImage(pixels, None, metadata))
    return read_image(path).pixels


def make_photo(path: Path, *, num_channels: int = 3) -> None:
    write_photo(path, np.random.default_rng(len(path.name)).random((20, 30, num_channels), np.float32))


def measure(noisy: Path, clean: Path, **fields: Any) -> tuple[EvaluationResult, list[JobEvent]]:
    events: list[JobEvent] = []
    config = EvaluateConfig(noisy=(noisy,), clean=(clean,), device="cpu", precision="32-true", **fields)
    return evaluate(config, JobControl(), events.append), events


def run_evaluate(model: Path, photos: TinyPhotos, **fields: Any) -> tuple[EvaluationResult, list[JobEvent]]:
    return measure(photos.noisy, photos.clean, model=model, **fields)


def test_the_identity_scores_what_the_input_scores(identity_model: Path, tiny_photos: TinyPhotos) -> None:
    result, events = run_evaluate(identity_model, tiny_photos)
    assert result.num_pairs == 8
    assert result.num_left_out == 0
    assert result.psnr == pytest.approx(result.noisy_psnr)
    assert result.ssim == pytest.approx(result.noisy_ssim)
    expected = [
        -10 * math.log10(np.mean((read_image(noisy).pixels - read_image(tiny_photos.clean / noisy.name).pixels) ** 2))
        for noisy in sorted(tiny_photos.noisy.iterdir())
    ]
    assert [score.noisy_psnr for score in result.per_image] == pytest.approx(expected, abs=1e-4)
    assert result.noisy_psnr == pytest.approx(np.mean(expected), abs=1e-4)
    last = [event for event in events if isinstance(event, StepDone)][-1]
    assert (last.step, last.num_steps) == (8, 8)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("card_fields", "num_left_out"),
    [
        (lambda photos: {"labels": ("photo 0.png", "photo 1.png")}, 2),
        (lambda photos: {"labels": ("photo 0.png",), "label_digests": ("0" * 64,)}, 0),
        (lambda photos: {"labels": ("renamed.png",), "label_digests": (digest_of(photos.noisy / "photo 3.png"),)}, 1),
    ],
    ids=["by name", "another file of the same name", "by content"],
)
def test_training_labels_are_left_out(
    tmp_path: Path, tiny_photos: TinyPhotos, card_fields: Callable[[TinyPhotos], dict[str, Any]], num_left_out: int
) -> None:
    card = CARD.model_copy(update=card_fields(tiny_photos))
    path = tmp_path / "model.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    result, _ = run_evaluate(path, tiny_photos)
    assert result.num_left_out == num_left_out
    counted = [score.psnr for score in result.per_image if not score.used_for_training]
    assert len(counted) == result.num_pairs == 8 - num_left_out
    assert result.psnr == pytest.approx(np.mean(counted))
    included, _ = run_evaluate(path, tiny_photos, include_training=True)
    assert (included.num_pairs, included.num_left_out) == (8, 0)


def test_nothing_left_to_measure_gives_a_sentence(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    card = CARD.model_copy(update={"labels": tuple(path.name for path in tiny_photos.noisy.iterdir())})
    path = tmp_path / "model.safetensors"
    save_model(path, build_network(card).state_dict(), card)
    with pytest.raises(InvalidInputError, match="learned from all of them"):
        run_evaluate(path, tiny_photos)
    with pytest.raises(InvalidInputError, match="not sr2"):
        run_evaluate(path, tiny_photos, task="sr2")


def test_pairs_that_do_not_fit_are_listed_with_a_reason(
    identity_model: Path, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    photos = TinyPhotos(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    shutil.copytree(tiny_photos.noisy, photos.noisy)
    shutil.copytree(tiny_photos.clean, photos.clean)
    make_photo(photos.clean / "photo 2.png")
    cut = photos.noisy / "photo 5.png"
    cut.write_bytes(cut.read_bytes()[:-400])
    make_photo(photos.noisy / "alone.png")
    make_photo(photos.noisy / "gray.png", num_channels=1)
    make_photo(photos.clean / "gray.png", num_channels=3)
    result, events = run_evaluate(identity_model, photos)
    assert result.num_pairs == 7
    assert {skipped.path.name for skipped in result.failed} == {"photo 2.png", "photo 5.png"}
    assert [event for event in events if isinstance(event, FileSkipped)] == list(result.failed)
    assert "gray.png" in {score.name for score in result.per_image}


def test_no_pairs_gives_a_sentence(identity_model: Path, tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    make_photo(tmp_path / "clean" / "other.png")
    with pytest.raises(InvalidInputError, match="same name"):
        run_evaluate(identity_model, TinyPhotos(noisy=tiny_photos.noisy, clean=tmp_path / "clean"))


@pytest.mark.parametrize("name", [name for name, entry in BASELINES.items() if entry.denoise and name != "bm3d"])
def test_classical_methods_lower_the_noise(name: str, tiny_photos: TinyPhotos) -> None:
    result, _ = measure(tiny_photos.noisy, tiny_photos.clean, baseline=name)
    assert (result.num_pairs, result.num_left_out) == (8, 0)
    assert result.psnr > result.noisy_psnr + 1.5
    assert result.luminance_psnr is None
    assert result.seconds_per_megapixel is not None
    assert result.seconds_per_megapixel > 0


def test_bicubic_is_the_input_for_denoising(tiny_photos: TinyPhotos) -> None:
    result, _ = measure(tiny_photos.noisy, tiny_photos.clean, baseline="bicubic")
    assert result.psnr == result.noisy_psnr


def test_a_method_that_does_not_exist_or_does_not_fit_gives_a_sentence(tiny_photos: TinyPhotos) -> None:
    for fields, sentence in (
        ({"baseline": "magic"}, "no classical method called 'magic'"),
        ({"baseline": "malvar"}, "mosaic alone"),
        ({"baseline": "bicubic", "task": "demosaick"}, "does not work on a colour filter mosaic"),
        ({"baseline": "bicubic", "task": "fly"}, "no task"),
    ):
        with pytest.raises(InvalidInputError, match=sentence):
            measure(tiny_photos.noisy, tiny_photos.clean, **fields)


def test_exactly_one_thing_is_measured(tiny_photos: TinyPhotos, identity_model: Path) -> None:
    for fields in ({}, {"model": identity_model, "baseline": "wavelet"}):
        with pytest.raises(ValidationError, match="a model or a classical method"):
            EvaluateConfig(noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,), **fields)


@pytest.mark.parametrize(("num_channels", "bit_depth"), [(1, 8), (1, 16), (3, 16)])
def test_gray_and_16_bit_photos(tmp_path: Path, identity_model: Path, num_channels: int, bit_depth: int) -> None:
    clean = write_photo(tmp_path / "clean" / "a.png", smooth_picture(40, 44, num_channels), bit_depth)
    noise = np.random.default_rng(1).normal(0, 0.05, clean.shape)
    noisy = write_photo(tmp_path / "noisy" / "a.png", (clean + noise).clip(0, 1).astype(np.float32), bit_depth)
    expected = peak_signal_noise_ratio(clean.astype(np.float64), noisy.astype(np.float64), data_range=1)
    for fields in ({"model": identity_model}, {"baseline": "bicubic"}):
        result, _ = measure(tmp_path / "noisy", tmp_path / "clean", **fields)
        assert result.psnr == pytest.approx(expected, abs=1e-4)
    filtered, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="non-local-means")
    assert math.isfinite(filtered.psnr)


def test_brightness_can_be_fitted(tmp_path: Path) -> None:
    """A photo of half the contrast, and brighter, is as good as its reference once gain and offset are fitted."""
    clean = smooth_picture(40, 44)
    write_photo(tmp_path / "clean" / "a.png", clean, 16)
    write_photo(tmp_path / "noisy" / "a.png", 0.3 + 0.5 * clean, 16)
    plain, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="bicubic")
    fitted, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="bicubic", fit_brightness=True)
    assert plain.noisy_psnr < 25
    assert fitted.noisy_psnr > 80
    assert fitted.psnr == fitted.noisy_psnr


def luminance_by_hand(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """ITU-R BT.601, studio range, of 255."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64), 2, 0)
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255


@pytest.mark.parametrize("scale", [2, 3])
def test_super_resolution_is_measured_as_the_field_does(tmp_path: Path, scale: int) -> None:
    high = write_photo(tmp_path / "high" / "a.png", smooth_picture(61, 79))
    low = write_photo(tmp_path / "low" / f"ax{scale}.png", shrink(high, scale))
    result, _ = measure(tmp_path / "low", tmp_path / "high", baseline="bicubic", task=f"sr{scale}")
    enlarged = enlarge(low, scale)
    clean = high[: enlarged.shape[0], : enlarged.shape[1]]
    assert result.noisy_psnr == result.psnr == pytest.approx(psnr(enlarged, clean))
    inner = np.s_[scale:-scale, scale:-scale]
    luminances = [luminance_by_hand(pixels)[inner] for pixels in (enlarged, clean)]
    assert result.luminance_psnr == pytest.approx(peak_signal_noise_ratio(*luminances, data_range=1), abs=1e-6)
    expected = structural_similarity(
        *luminances, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert result.luminance_ssim == pytest.approx(expected, abs=1e-6)
    assert (result.noisy_luminance_psnr, result.noisy_luminance_ssim) == (result.luminance_psnr, result.luminance_ssim)


def test_a_low_photo_that_is_enlarged_already_is_measured_at_its_size(tmp_path: Path) -> None:
    high = write_photo(tmp_path / "high" / "a.png", smooth_picture(45, 61))
    enlarged = enlarge(shrink(high[:44, :60], 2), 2)
    low = write_photo(tmp_path / "low" / "a.png", np.pad(enlarged, ((0, 1), (0, 1), (0, 0)), mode="edge"))
    result, _ = measure(tmp_path / "low", tmp_path / "high", baseline="bicubic", task="sr2")
    assert result.psnr == result.noisy_psnr == pytest.approx(psnr(low, high))
    assert result.luminance_psnr is not None


@pytest.mark.parametrize("is_enlarged", [False, True], ids=["small photos", "enlarged photos"])
@pytest.mark.parametrize("expects_enlarged", [False, True], ids=["model for small", "model for enlarged"])
def test_a_super_resolution_model_takes_both_kinds_of_pairs(
    tmp_path: Path, is_enlarged: bool, expects_enlarged: bool
) -> None:
    high = write_photo(tmp_path / "high" / "a.png", smooth_picture(45, 61))
    low = shrink(high, 2)
    if is_enlarged:
        low = np.pad(enlarge(low, 2), ((0, 1), (0, 1), (0, 0)), mode="edge")
    write_photo(tmp_path / "low" / "a.png", low)
    card = CARD.model_copy(update={"task": "sr2", "task_params": {"enlarged_input": expects_enlarged}})
    model = save_fresh_model(tmp_path / "sr.safetensors", card)
    result, _ = measure(tmp_path / "low", tmp_path / "high", model=model)
    # A fresh network enlarges as interpolation does; for the other kind the photo is resized on the way, which blurs.
    assert result.psnr == pytest.approx(result.noisy_psnr, abs=1.5 if is_enlarged == expects_enlarged else 4)
    assert result.luminance_psnr is not None


def test_demosaicking_is_given_one_colour_a_pixel(tmp_path: Path) -> None:
    clean = write_photo(tmp_path / "clean" / "a.png", smooth_picture(40, 45))
    write_photo(tmp_path / "noisy" / "a.png", clean)
    mosaic = bayer_mosaic(clean)
    result, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="malvar", task="demosaick")
    assert result.psnr == pytest.approx(psnr(interpolate_malvar(mosaic), clean))
    assert result.noisy_psnr == pytest.approx(psnr(interpolate_bilinear(mosaic), clean))
    assert result.luminance_psnr is None
    write_photo(tmp_path / "mosaic" / "a.png", mosaic)
    recorded, _ = measure(tmp_path / "mosaic", tmp_path / "clean", baseline="malvar", task="demosaick")
    assert recorded.psnr == pytest.approx(result.psnr)
    itself, _ = measure(tmp_path / "clean", tmp_path / "clean", baseline="malvar", task="demosaick")
    assert itself.psnr == pytest.approx(result.psnr)


def test_a_demosaicking_model_is_given_one_colour_a_pixel(tmp_path: Path) -> None:
    """A fresh one interpolates."""
    clean = write_photo(tmp_path / "clean" / "a.png", smooth_picture(40, 45))
    model = save_fresh_model(tmp_path / "demosaick.safetensors", CARD.model_copy(update={"task": "demosaick"}))
    result, _ = measure(tmp_path / "clean", tmp_path / "clean", model=model)
    mosaic = bayer_mosaic(clean)
    assert result.psnr == pytest.approx(psnr(interpolate_malvar(mosaic), clean), abs=0.01)
    assert result.noisy_psnr == pytest.approx(psnr(interpolate_bilinear(mosaic), clean))


def test_references_that_taught_are_left_out(tmp_path: Path) -> None:
    """Where labels are clean photos alone, the digest is that of the clean file."""
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / "clean" / name, smooth_picture(32, 32, seed=len(name) + ord(name[0])))
    card = CARD.model_copy(
        update={"task": "demosaick", "labels": ("a.png",), "label_digests": (digest_of(tmp_path / "clean" / "a.png"),)}
    )
    model = save_fresh_model(tmp_path / "demosaick.safetensors", card)
    result, _ = measure(tmp_path / "clean", tmp_path / "clean", model=model)
    assert (result.num_pairs, result.num_left_out) == (1, 1)


def test_a_model_is_measured_at_its_own_task_unless_told(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    model = save_fresh_model(tmp_path / "demosaick.safetensors", CARD.model_copy(update={"task": "demosaick"}))
    result, _ = measure(tiny_photos.clean, tiny_photos.clean, model=model)
    assert result.num_pairs == 8
    with pytest.raises(InvalidInputError, match="for the task demosaick, not denoise"):
        measure(tiny_photos.noisy, tiny_photos.clean, model=model, task="denoise")


def test_a_tiny_photo_is_listed_and_the_others_are_measured(tmp_path: Path) -> None:
    for side, name in ((12, "small.png"), (32, "large.png")):
        write_photo(tmp_path / "clean" / name, smooth_picture(side, side))
        write_photo(tmp_path / "noisy" / name, smooth_picture(side, side, seed=1))
    result, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="wavelet")
    assert [score.name for score in result.per_image] == ["large.png"]
    assert [skipped.path.name for skipped in result.failed] == ["small.png"]


def test_cancelling_ends_it(tiny_photos: TinyPhotos) -> None:
    control = JobControl()
    control.cancel()
    config = EvaluateConfig(baseline="wavelet", noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,))
    with pytest.raises(JobCancelled):
        evaluate(config, control, lambda event: None)


def test_the_command_line_takes_a_classical_method(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folders = ["--noisy", str(tiny_photos.noisy), "--clean", str(tiny_photos.clean)]
    said = CliRunner().invoke(app, ["evaluate", "total-variation", *folders])
    assert said.exit_code == 0
    assert "Mean of 8 pairs" in said.stdout
    as_json = CliRunner().invoke(app, ["evaluate", "total-variation", *folders, "--json"])
    fields = json.loads(as_json.stdout.splitlines()[-1])
    assert {"psnr", "ssim", "noisy_psnr", "per_image"} <= set(fields)
    assert fields["luminance_psnr"] is None
    assert CliRunner().invoke(app, ["evaluate", "magic", *folders]).exit_code == 3


def test_scale_invariant_figures_stand_beside_the_plain_ones_and_a_warning_says_that_they_part(
    tmp_path: Path, identity_model: Path
) -> None:
    generator = np.random.default_rng(4)
    for index in range(2):
        clean = smooth_picture(60, 70, seed=index)
        write_photo(tmp_path / "clean" / f"{index}.png", clean)
        dim = 0.5 * clean + 0.2 + generator.normal(0, 0.02, clean.shape)
        write_photo(tmp_path / "noisy" / f"{index}.png", dim.astype(np.float32))
    result, events = measure(tmp_path / "noisy", tmp_path / "clean", model=identity_model)
    for index, score in enumerate(result.per_image):
        noisy, clean = (read_image(tmp_path / side / f"{index}.png").pixels for side in ("noisy", "clean"))
        gain, offset = np.polyfit(noisy.ravel().astype(np.float64), clean.ravel().astype(np.float64), 1)
        expected = peak_signal_noise_ratio(clean.astype(np.float64), gain * noisy + offset, data_range=1)
        assert score.scale_invariant_psnr == pytest.approx(expected, abs=1e-3)
        assert score.noisy_scale_invariant_psnr == pytest.approx(expected, abs=1e-3)
    assert result.psnr == pytest.approx(np.mean([score.psnr for score in result.per_image]))
    assert result.scale_invariant_psnr is not None
    assert result.scale_invariant_psnr > result.psnr + 5
    (warning,) = [event for event in events if isinstance(event, JobWarning)]
    assert "Brightness and contrast alone cost" in warning.message


def test_strong_noise_which_a_fit_takes_for_little_contrast_is_no_reason_to_warn(
    tmp_path: Path, identity_model: Path
) -> None:
    clean = 0.5 + 0.3 * (smooth_picture(60, 70) - 0.5)
    write_photo(tmp_path / "clean" / "0.png", clean)
    noise = np.random.default_rng(4).normal(0, 0.1, clean.shape)
    write_photo(tmp_path / "noisy" / "0.png", np.float32(clean + noise))
    result, events = measure(tmp_path / "noisy", tmp_path / "clean", model=identity_model)
    assert result.scale_invariant_psnr is not None
    assert result.scale_invariant_psnr > result.psnr + 1
    assert not [event for event in events if isinstance(event, JobWarning)]


def test_a_photo_that_is_its_own_reference_and_a_wrong_scene_are_told(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    for index in range(3):
        clean = smooth_picture(60, 70, seed=index)
        write_photo(tmp_path / "clean" / f"{index}.png", clean)
        shown = smooth_picture(60, 70, seed=9) if index == 2 else clean
        write_photo(tmp_path / "noisy" / f"{index}.png", np.float32(shown + generator.normal(0, 0.05, clean.shape)))
    shutil.copy(tmp_path / "noisy" / "1.png", tmp_path / "clean" / "1.png")
    result, events = measure(tmp_path / "noisy", tmp_path / "clean", baseline="wavelet")
    assert not result.failed
    assert [score.name for score in result.per_image] == ["0.png", "1.png", "2.png"]
    told = [event.message for event in events if isinstance(event, JobWarning)]
    assert [message for message in told if "1.png" in message and "the same picture" in message]
    assert [message for message in told if "2.png" in message and "different scenes" in message]
    assert not [message for message in told if "0.png" in message]


def test_a_photo_restored_without_an_error_is_told_and_in_no_mean(tmp_path: Path) -> None:
    """Of an even picture every mosaic is filled in without a fault."""
    write_photo(tmp_path / "clean" / "a.png", np.full((24, 24, 3), 0.4, np.float32))
    write_photo(tmp_path / "clean" / "b.png", smooth_picture(24, 24))
    result, events = measure(tmp_path / "clean", tmp_path / "clean", baseline="bilinear", task="demosaick")
    assert math.isinf(result.per_image[0].psnr)
    assert math.isfinite(result.psnr)
    assert result.psnr == pytest.approx(result.per_image[1].psnr)
    assert result.num_without_error == 1
    assert [event for event in events if isinstance(event, JobWarning) and "infinite" in event.message]


def test_means_are_of_the_same_pairs(tmp_path: Path) -> None:
    """A copy among the pairs has no finite PSNR before, and has one after: it is in neither mean."""
    generator = np.random.default_rng(2)
    for name in "abc":
        clean = write_photo(tmp_path / "clean" / f"{name}.png", smooth_picture(48, 48, seed=ord(name)))
        noise = 0.0 if name == "b" else generator.normal(0, 0.08, clean.shape)
        write_photo(tmp_path / "noisy" / f"{name}.png", np.float32(np.clip(clean + noise, 0, 1)))
    result, events = measure(tmp_path / "noisy", tmp_path / "clean", baseline="wavelet")
    first, copy, last = result.per_image
    assert math.isinf(copy.noisy_psnr)
    assert math.isfinite(copy.psnr)
    gains = [score.psnr - score.noisy_psnr for score in (first, last)]
    assert result.psnr - result.noisy_psnr == pytest.approx(np.mean(gains))
    assert result.ssim - result.noisy_ssim == pytest.approx(
        np.mean([score.ssim - score.noisy_ssim for score in (first, last)])
    )
    assert result.scale_invariant_psnr is not None
    assert first.scale_invariant_psnr is not None
    assert last.scale_invariant_psnr is not None
    assert result.scale_invariant_psnr == pytest.approx((first.scale_invariant_psnr + last.scale_invariant_psnr) / 2)
    assert result.num_pairs == 3
    assert result.num_without_error == 1
    assert [event for event in events if isinstance(event, JobWarning) and "infinite" in event.message]
    for name in "ac":
        (tmp_path / "noisy" / f"{name}.png").unlink()
    alone, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="wavelet")
    assert math.isinf(alone.noisy_psnr)
    assert alone.psnr == pytest.approx(copy.psnr)


@pytest.mark.parametrize("method", ["model", "baseline"])
def test_channels_that_are_pictures_of_their_own_are_restored_one_by_one(tmp_path: Path, method: str) -> None:
    channels_are_measured_one_by_one(tmp_path, method, 3)


@pytest.mark.parametrize("num_channels", [2, 5])
@pytest.mark.parametrize("method", ["model", "baseline"])
def test_every_channel_of_a_microscope_is_measured(tmp_path: Path, method: str, num_channels: int) -> None:
    channels_are_measured_one_by_one(tmp_path, method, num_channels)


def channels_are_measured_one_by_one(tmp_path: Path, method: str, num_channels: int) -> None:
    """All channels of a file together are as far off as each of them in a file of its own."""
    generator = np.random.default_rng(3)
    clean = smooth_picture(40, 48, num_channels)
    sigmas = np.linspace(0.02, 0.12, num_channels)
    noisy = np.float32(np.clip(clean + generator.normal(0, sigmas, clean.shape), 0, 1))
    for side, picture in (("noisy", noisy), ("clean", clean)):
        (tmp_path / side).mkdir()
        num_colours = 3 if num_channels >= 3 else 1
        metadata = ImageMetadata(file_format="tiff", bit_depth=16, channels_are_gray=num_channels >= 3)
        extra = picture[..., num_colours:] if num_channels > num_colours else None
        write_image(tmp_path / side / "all.tif", PhotoImage(picture[..., :num_colours], None, metadata, extra))
        for index in range(num_channels):
            one = ImageMetadata(file_format="tiff", bit_depth=16)
            (tmp_path / f"{side} {index}").mkdir()
            write_image(
                tmp_path / f"{side} {index}" / "all.tif", PhotoImage(picture[..., index : index + 1], None, one)
            )
    read = read_image(tmp_path / "noisy" / "all.tif")
    assert read.metadata.channels_are_gray == (num_channels >= 3)
    assert (0 if read.extra is None else read.extra.shape[2]) == num_channels - num_colours
    # Taken for colours, the channels would not come out as they do alone.
    path = changing_model(tmp_path / "model.safetensors")
    fields: dict[str, Any] = {"model": path} if method == "model" else {"baseline": "wavelet"}
    together, _ = measure(tmp_path / "noisy", tmp_path / "clean", **fields)
    apart = [
        measure(tmp_path / f"noisy {index}", tmp_path / f"clean {index}", **fields)[0] for index in range(num_channels)
    ]
    errors = [10 ** (-one.psnr / 10) for one in apart]
    assert together.psnr == pytest.approx(-10 * math.log10(np.mean(errors)), abs=1e-3)


def test_beside_a_mosaic_there_is_nothing_to_measure(tmp_path: Path) -> None:
    """A mosaic has one channel: what a file holds beside it is no part of it."""
    clean = smooth_picture(40, 48, 2)
    for side in ("noisy", "clean"):
        (tmp_path / side).mkdir()
        metadata = ImageMetadata(file_format="tiff", bit_depth=16)
        write_image(tmp_path / side / "all.tif", PhotoImage(clean[..., :1], None, metadata, clean[..., 1:]))
    assert read_image(tmp_path / "noisy" / "all.tif").extra is not None
    result, _ = measure(tmp_path / "noisy", tmp_path / "clean", baseline="bilinear", task="demosaick")
    assert math.isfinite(result.psnr)


def bleaching(folder: Path, clean: NDArray[np.float32]) -> None:
    """Frames of a microscope that lose most of their light, and what they would be without noise."""
    light = 100 + 900 * clean[..., 0] * np.array([1, 0.6, 0.3], np.float32).reshape(3, 1, 1)
    noisy = np.random.default_rng(5).poisson(light)
    for side, frames in (("noisy", noisy), ("clean", light)):
        (folder / side).mkdir()
        tifffile.imwrite(folder / side / "a.tif", np.asarray(np.rint(frames), np.uint16), photometric="minisblack")


def test_the_pages_of_a_stack_are_measured_as_they_are_restored(tmp_path: Path) -> None:
    bleaching(tmp_path, smooth_picture(48, 64, 1))
    model = changing_model(tmp_path / "model.safetensors")
    noisy, clean = (tmp_path / side / "a.tif" for side in ("noisy", "clean"))
    measured, _ = measure(noisy, clean, model=model)
    config = RestoreConfig(model=model, photos=(noisy,), out=tmp_path / "out", device="cpu")
    (_, restored), *_ = restore(config, JobControl(), lambda event: None).restored
    results = [psnr(*(read_image(PhotoRef(file, page)).pixels for file in (restored, clean))) for page in range(1, 4)]
    # What is written is rounded.
    assert [score.psnr for score in measured.per_image] == pytest.approx(results, abs=0.05)
