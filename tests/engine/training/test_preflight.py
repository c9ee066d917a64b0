"""What is told before a training, on real files and without any training but the trial steps."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.devices import open_device
from engine.models.files import ModelCard, build_network, save_model
from engine.training.preflight import look as preflight_module
from engine.training.preflight.findings import Weight
from engine.training.preflight.look import Preflight, preflight
from engine.training.preflight.trial import measure_speed, measure_step_memory
from tests.conftest import TinyPhotos

SMALL = {"crop_px": 16, "photos_per_batch": 3, "backbone": "unet", "backbone_params": {"size": "small"}}
STRIDE = {"pretext_params": {"stride": 1}}


@pytest.fixture
def photos(tmp_path: Path, tiny_photos: TinyPhotos) -> Path:
    """A copy of the eight noisy photos, to be changed."""
    folder = tmp_path / "photos"
    shutil.copytree(tiny_photos.noisy, folder)
    return folder


def pretraining(*photos: Path, **values: object) -> PretrainConfig:
    return PretrainConfig.model_validate({"photos": photos, **SMALL, **STRIDE, **values})


def fine_tuning(photos: TinyPhotos, **values: object) -> FinetuneConfig:
    return FinetuneConfig.model_validate({"noisy": (photos.noisy,), "clean": (photos.clean,), **SMALL, **values})


def look(config: PretrainConfig | FinetuneConfig) -> Preflight:
    return preflight(config, JobControl())


def messages(report: Preflight, weight: Weight) -> str:
    return "\n".join(finding.message for finding in report.findings if finding.weight is weight)


def save_start(path: Path, **fields: object) -> Path:
    card = ModelCard.model_validate(
        {"name": "A start", "backbone": "unet", "backbone_params": {"size": "small"}, **fields}
    )
    save_model(path, build_network(card).state_dict(), card)
    return path


def test_sound_photos_are_counted_and_nothing_prevents_their_training(tiny_photos: TinyPhotos) -> None:
    report = look(pretraining(tiny_photos.noisy))
    assert report.obstacle is None
    assert (report.num_photos, report.num_labels, report.num_skipped) == (8, 0, 0)
    assert report.num_pixels == 8 * 96 * 112
    assert report.device in ("cpu", "cuda", "mps")
    assert 0 < report.memory_bytes < report.free_memory_bytes
    assert 0 < report.disk_bytes < report.free_disk_bytes
    assert "little variety" in messages(report, Weight.DOUBTFUL)


def test_a_single_photo_blocks_a_method_that_compares_photos_and_no_other(photos: Path) -> None:
    one = photos / "photo 0.png"
    obstacle = look(pretraining(one)).obstacle
    assert obstacle is not None
    assert "only 1 usable photo" in obstacle.message
    assert obstacle.hint
    assert look(pretraining(one, pretext="noise2void", pretext_params={})).obstacle is None


def test_a_folder_that_is_gone_or_empty_blocks(tmp_path: Path) -> None:
    for folder in (tmp_path / "gone", tmp_path):
        assert look(pretraining(folder)).obstacle is not None


def test_damaged_files_are_counted_and_named(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    report = look(pretraining(photos))
    assert (report.num_photos, report.num_skipped) == (8, 1)
    assert "broken.png" in messages(report, Weight.NOTE)


def test_gray_among_colour_is_doubtful(photos: Path) -> None:
    assert "gray" not in messages(look(pretraining(photos)), Weight.DOUBTFUL)
    gray = np.random.default_rng(0).integers(0, 256, (96, 112), np.uint8)
    assert cv2.imwrite(str(photos / "gray.png"), gray)
    assert "1 photo is gray, 8 in colour" in messages(look(pretraining(photos)), Weight.DOUBTFUL)


def test_photos_smaller_than_the_crop_are_doubtful(photos: Path) -> None:
    # At stride 1, a crop of 64 takes 128 pixels of the photo.
    assert "All 8 photos are smaller than the square of 128" in messages(
        look(pretraining(photos, crop_px=64)), Weight.DOUBTFUL
    )
    assert "smaller than" not in messages(look(pretraining(photos, crop_px=48)), Weight.DOUBTFUL)


def test_copies_are_doubtful_and_nothing_but_copies_blocks(photos: Path) -> None:
    shutil.copy(photos / "photo 0.png", photos / "again.png")
    assert "1 photo of 9 repeat" in messages(look(pretraining(photos)), Weight.DOUBTFUL)
    for path in photos.iterdir():
        if path.name not in ("photo 0.png", "again.png"):
            path.unlink()
    obstacle = look(pretraining(photos)).obstacle
    assert obstacle is not None
    assert "copies of one file" in obstacle.message


def test_a_start_of_another_task_and_one_that_is_gone(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = save_start(tmp_path / "start.safetensors", task="sr2")
    text = "trained for another task: Enlarge x2, not Denoise"
    monkeypatch.setattr(preflight_module, "starter_path", lambda task: start)
    assert text in messages(look(fine_tuning(tiny_photos, parent=start)), Weight.DOUBTFUL)
    monkeypatch.setattr(preflight_module, "starter_path", lambda task: None)
    assert text in messages(look(fine_tuning(tiny_photos, parent=start)), Weight.NOTE)
    obstacle = look(fine_tuning(tiny_photos, parent=tmp_path / "gone.safetensors")).obstacle
    assert obstacle is not None
    assert "no model" in obstacle.message


def test_the_photos_own_noise_needs_a_model_to_refine(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    obstacle = look(pretraining(tiny_photos.noisy, pretext=OWN_NOISE, pretext_params={})).obstacle
    assert obstacle is not None
    assert "refines a model" in obstacle.message
    start = save_start(tmp_path / "start.safetensors", starter="denoise")
    report = look(pretraining(tiny_photos.noisy, pretext=OWN_NOISE, pretext_params={}, parent=start))
    assert report.obstacle is None
    assert "variety" not in messages(report, Weight.DOUBTFUL)
    # It goes on with the model's own task.
    enlarging = save_start(tmp_path / "enlarging.safetensors", task="sr2")
    report = look(pretraining(tiny_photos.noisy, pretext=OWN_NOISE, pretext_params={}, parent=enlarging))
    assert "another task" not in messages(report, Weight.DOUBTFUL) + messages(report, Weight.NOTE)
    report = look(pretraining(tiny_photos.noisy, pretext="rcl", parent=enlarging))
    assert "another task" in messages(report, Weight.DOUBTFUL)


def test_labels_are_matched_and_the_missing_named(tiny_photos: TinyPhotos) -> None:
    report = look(fine_tuning(tiny_photos))
    assert report.obstacle is None
    assert report.num_labels == 8
    assert report.num_photos == 16
    few = look(fine_tuning(tiny_photos, label_names=("photo 1.png", "photo 2.png")))
    assert few.num_labels == 2
    assert "learned by heart" in messages(few, Weight.DOUBTFUL)
    assert "not be measured" in messages(few, Weight.NOTE)
    missing = look(fine_tuning(tiny_photos, label_names=("photo 1.png", "nowhere.png"))).obstacle
    assert missing is not None
    assert missing.message.endswith("nowhere.png.")


def test_of_photos_with_one_name_the_one_that_is_meant_measures(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    other = TinyPhotos(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    pairs = {}
    for ours, theirs in ((tiny_photos.noisy, other.noisy), (tiny_photos.clean, other.clean)):
        shutil.copytree(ours, theirs)
    for noisy in (*tiny_photos.noisy.iterdir(), *other.noisy.iterdir()):
        pairs[noisy] = noisy.parent.parent / "clean" / noisy.name
    both = {"noisy": (tiny_photos.noisy, other.noisy), "clean": (tiny_photos.clean, other.clean), "given_pairs": pairs}
    alone = look(fine_tuning(tiny_photos, **both, measure_names=(str(other.noisy / "photo 1.png"),)))
    assert alone.obstacle is None
    assert alone.num_labels == 15
    named = [f"photo {index}.png" for index in range(8)]
    chosen = look(
        fine_tuning(tiny_photos, **both, label_names=named, measure_names=(str(other.noisy / "photo 1.png"),))
    )
    assert chosen.obstacle is None
    assert chosen.num_labels == 15
    assert look(fine_tuning(tiny_photos, **both, measure_names=("photo 1.png",))).num_labels == 14


def test_references_of_another_size_or_colour_are_doubtful(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    shutil.copytree(tiny_photos.clean, clean)
    cv2.imwrite(str(clean / "photo 0.png"), np.zeros((50, 50, 3), np.uint8))
    gray = cv2.imread(str(clean / "photo 1.png"), cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    cv2.imwrite(str(clean / "photo 1.png"), gray)
    (clean / "photo 2.png").rename(clean / "other.png")
    report = look(FinetuneConfig.model_validate({"noisy": (tiny_photos.noisy,), "clean": (clean,), **SMALL}))
    assert report.num_labels == 6
    text = messages(report, Weight.DOUBTFUL)
    assert "photo 0.png will be set aside: The sizes differ" in text
    assert "such as photo 1.png, one side is gray" in text
    assert "1 reference without a noisy photo" in messages(report, Weight.NOTE)


def test_clean_photos_alone_serve_a_task_that_makes_its_own_pairs(tiny_photos: TinyPhotos) -> None:
    config = FinetuneConfig.model_validate({"clean": (tiny_photos.clean,), "task": "sr2", **SMALL})
    assert look(config).num_labels == 8
    denoise = look(config.model_copy(update={"task": "denoise"})).obstacle
    assert denoise is not None
    assert "no noisy photos" in denoise.message


def test_clean_photos_of_other_names_than_the_noisy_ones_serve_such_a_task_alone(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    for name in ("sea", "wood", "town"):
        shutil.copy(tiny_photos.clean / "photo 1.png", clean / f"{name}.png")
    config = FinetuneConfig.model_validate({"noisy": (tiny_photos.noisy,), "clean": (clean,), "task": "sr2", **SMALL})
    report = look(config)
    assert report.obstacle is None
    assert report.num_labels == 3


def test_the_pages_of_a_file_are_no_copies_of_each_other(tmp_path: Path) -> None:
    pages = np.random.default_rng(0).integers(0, 256, (3, 96, 112), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    report = look(pretraining(tmp_path))
    assert report.obstacle is None
    assert report.num_photos == 3
    assert "repeat" not in messages(report, Weight.DOUBTFUL)


def test_labels_that_the_start_has_seen_are_told(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    start = save_start(tmp_path / "start.safetensors", labels=("photo 3.png",))
    report = look(fine_tuning(tiny_photos, parent=start, label_names=("photo 3.png", "photo 4.png", "photo 5.png")))
    assert "Of these labels, 1 have taught" in messages(report, Weight.NOTE)


def test_too_little_memory_and_disk(tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pretraining(tiny_photos.noisy, device="cpu")
    monkeypatch.setattr(preflight_module, "available_memory", lambda: 1000)
    assert "of memory are needed" in messages(look(config), Weight.DOUBTFUL)
    monkeypatch.setattr(preflight_module, "total_memory", lambda: 2000)
    assert "of memory are needed" in messages(look(config), Weight.BLOCKS)
    monkeypatch.undo()
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    assert "on disk" in messages(look(config), Weight.BLOCKS)


def test_a_setting_that_does_not_exist_blocks_with_its_name(tiny_photos: TinyPhotos) -> None:
    obstacle = look(pretraining(tiny_photos.noisy, backbone_params={"colour": "red"})).obstacle
    assert obstacle is not None
    assert "colour" in obstacle.message


def test_memory_grows_with_the_crop_and_the_batch(tiny_photos: TinyPhotos) -> None:
    config = pretraining(tiny_photos.noisy)
    device = open_device(config)

    def activation_bytes(**values: object) -> int:
        step = measure_step_memory(config.model_copy(update=values), None, device, num_photos=8)
        return step.step_bytes - 5 * 4 * step.num_weights

    # Twice the side is four times the pixels.
    assert activation_bytes(crop_px=96) == pytest.approx(4 * activation_bytes(crop_px=48), rel=0.25)
    assert activation_bytes(photos_per_batch=8) > activation_bytes()
    assert activation_bytes(photos_per_batch=256) == pytest.approx(activation_bytes(photos_per_batch=8), rel=0.05)


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_the_trial_steps_run_and_can_be_stopped(tiny_photos: TinyPhotos, tmp_path: Path, kind: str) -> None:
    start = ModelCard(name="s", backbone="unet", backbone_params={"size": "small"}, pretext="neighbor2neighbor")
    config = pretraining(tiny_photos.noisy) if kind == "pretrain" else fine_tuning(tiny_photos)
    origin = None if kind == "pretrain" else start
    device = open_device(config)
    control = JobControl()
    assert measure_speed(config, origin, device, num_photos=8, control=control) > 0
    control.cancel()
    with pytest.raises(JobCancelled):
        measure_speed(config, origin, device, num_photos=8, control=control)


def test_looking_ahead_can_be_stopped(tiny_photos: TinyPhotos) -> None:
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        preflight(pretraining(tiny_photos.noisy), control)
