"""Few labels on a model that restores already: what they tell of the noise, what of them teaches, and who judges."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.learned_noise import BRIGHTNESS, Refusal
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import finetune_preset
from engine.jobs import finetune, pretrain, resume_training
from engine.machine.devices import open_device
from engine.method.catalogue.rows import NoParams
from engine.method.catalogue.tasks import SuperResolutionParams
from engine.method.tasks.denoise import Denoise
from engine.method.tasks.super_resolution import SuperResolution
from engine.models.files import load_model, read_card
from engine.models.starters import require_starter
from engine.photos.crops import DecodedPair, DecodedPhoto
from engine.refining.gate import SHARES, between, choose_share
from engine.refining.label_parts import JudgedLabel, part_labels
from engine.refining.labelled_objective import LabelledTwinObjective
from engine.refining.own_noise import OwnNoiseMaterial
from engine.refining.twin_objective import TwinObjective
from engine.runs.store import Run, RunStore
from engine.simulation.learned.labelled import LabelledPart, put_right_by_labels
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise
from engine.training import forgetting
from engine.training.job import _limited_forgetting
from tests.conftest import TinyPhotos
from tests.engine.refining.test_own_noise import SMALL, clean_picture, ignore, material_of, small_model, white_noise

__all__ = ["small_model"]


def noisy_of(clean: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(clean.shape) * sigma
    return np.asarray(np.clip(clean + noise, 0, 1), np.float32)


def pair_of(clean: np.ndarray, sigma: float, seed: int = 0) -> DecodedPair:
    path = Path(f"{seed}.png")
    noisy = DecodedPhoto.of_pixels(PhotoRef(path), noisy_of(clean, sigma, seed), 16)
    return DecodedPair(noisy, DecodedPhoto.of_pixels(PhotoRef(path), clean, 16))


def test_labels_show_the_level_and_move_that_of_the_others() -> None:
    """Thought twice too strong on both photos; one of them has a label."""
    clean = clean_picture(1, 320)
    part = LabelledPart(photo=0, noisy=noisy_of(clean, 0.05, 3), clean=clean)
    found = put_right_by_labels(white_noise(0.1, 2), [part])
    assert found.photos[0].sigma() == pytest.approx(0.05, rel=0.05)
    # One label is believed half.
    assert found.photos[1].sigma() == pytest.approx(0.1 * np.sqrt(0.5), rel=0.05)
    many = [LabelledPart(photo=index, noisy=noisy_of(clean, 0.05, index), clean=clean) for index in range(4)]
    assert put_right_by_labels(white_noise(0.1, 5), many).photos[4].sigma() == pytest.approx(0.0574, rel=0.06)


def test_a_moved_reference_says_little_of_the_noise() -> None:
    blocks = np.kron(np.random.default_rng(0).uniform(0.3, 0.7, (5, 5, 3)), np.ones((64, 64, 1))).astype(np.float32)
    part = LabelledPart(photo=0, noisy=noisy_of(np.roll(blocks, 2, axis=1), 0.03, 1), clean=blocks)
    assert np.std(part.noisy - part.clean) > 0.04, "edges beside the noise"
    assert put_right_by_labels(white_noise(0.06), [part]).photos[0].sigma() == pytest.approx(0.03, rel=0.1)


def test_labels_show_the_grain_of_the_noise() -> None:
    clean = clean_picture(2, 320)
    grain = cv2.GaussianBlur(np.random.default_rng(5).standard_normal(clean.shape), (0, 0), 1.2)
    noisy = np.clip(clean + 0.05 * grain / grain.std(), 0, 1).astype(np.float32)
    found = put_right_by_labels(white_noise(0.05), [LabelledPart(photo=0, noisy=noisy, clean=clean)])
    drawn = found.draw(clean, 0, np.random.default_rng(0))
    fine = float(np.mean(drawn[:, 1:] * drawn[:, :-1]) / np.mean(drawn**2))
    white = white_noise(0.05).draw(clean, 0, np.random.default_rng(0))
    assert abs(float(np.mean(white[:, 1:] * white[:, :-1]) / np.mean(white**2))) < 0.02
    assert fine > 0.3


def test_labels_that_are_clipped_or_tiny_change_nothing() -> None:
    white = np.ones((64, 64, 3), np.float32)
    tiny = np.full((20, 20, 3), 0.5, np.float32)
    noise = white_noise(0.1)
    for clean in (white, tiny):
        part = LabelledPart(photo=0, noisy=noisy_of(clean, 0.02, 0), clean=clean)
        assert np.array_equal(put_right_by_labels(noise, [part]).photos[0].variance, noise.photos[0].variance)


def test_a_corner_of_each_label_is_held_back() -> None:
    task = Denoise(NoParams())
    pairs = [pair_of(clean_picture(seed, 160), 0.05, seed) for seed in range(2)]
    teaching, judged = part_labels(pairs, task, crop_px=64, seed=0)
    assert [label.noisy.shape for label in judged] == [(60, 60, 3)] * 2
    assert np.array_equal(judged[1].noisy, pairs[1].noisy.pixels[:60, :60])
    assert np.array_equal(judged[1].clean, pairs[1].clean.pixels[:60, :60])
    for part in teaching:
        height, width = part.noisy.levels.shape[1:]
        assert (height, width) in {(100, 160), (160, 100)}
        assert part.noisy.levels.shape == part.clean.levels.shape
        whole = pairs[int(part.noisy.photo.stem)].noisy.levels
        assert np.array_equal(part.noisy.levels, whole[:, 160 - height :, 160 - width :])
    # Too small for both: it teaches whole.
    small = [pair_of(clean_picture(3, 80), 0.05)]
    assert part_labels(small, task, crop_px=64, seed=0) == (small, [])


def test_held_back_corners_fit_the_task() -> None:
    task = SuperResolution(SuperResolutionParams(noise_sigma=10), 2)
    clean = clean_picture(4, 320)
    pair = DecodedPair(
        DecodedPhoto.of_pixels(PhotoRef(Path("a.png")), task.make_noisy(clean), 16),
        DecodedPhoto.of_pixels(PhotoRef(Path("a.png")), clean, 16),
    )
    teaching, (label,) = part_labels([pair], task, crop_px=64, seed=0)
    assert label.noisy.shape == (60, 60, 3)
    assert label.clean.shape == (120, 120, 3)
    assert [part.clean.levels.shape[1:] for part in teaching] == [(200, 320), (320, 200)]


def test_pairs_and_twins_make_one_batch() -> None:
    twins = TwinObjective(material_of(0.1), crops_per_batch=32, crop_px=32, seed=3, task=Denoise(NoParams()))
    bright = [pair_of(np.full((80, 80, 3), 0.9, np.float32), 0.01)]
    shares = []
    for share in (0.0, 0.5, 1.0):
        objective = LabelledTwinObjective(twins, bright, share)
        noisy, clean, _ = objective.batch(4)
        assert torch.equal(noisy, objective.batch(4)[0])
        shares.append(float(((clean - 0.9).abs().amax(dim=(1, 2, 3)) < 1e-3).float().mean()))
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.5, abs=0.2)
    assert shares[2] == 1


def blurring(weights: Mapping[str, Tensor]) -> Any:
    strength = float(weights["strength"])
    return lambda pixels: (1 - strength) * pixels + strength * cv2.GaussianBlur(pixels, (0, 0), 1.5)


WAY = {"strength": torch.tensor(0.0)}, {"strength": torch.tensor(1.0)}


def photos_of(sigma: float, num_photos: int) -> list[DecodedPhoto]:
    return [pair_of(clean_picture(seed), sigma, seed).noisy for seed in range(num_photos)]


def test_labels_hold_back_what_the_estimate_would_follow() -> None:
    """Blurring helps smooth photos with strong noise, and harms a label of fine texture with hardly any."""
    fine = np.random.default_rng(3).uniform(0.3, 0.7, (60, 60, 3)).astype(np.float32)
    label = JudgedLabel(noisy=noisy_of(fine, 0.002, 1), clean=fine)
    photos, noise = photos_of(0.1, 4), white_noise(0.1, 4)
    common: dict[str, Any] = {"seed": 0, "control": JobControl(), "emit": ignore}
    assert choose_share(*WAY, blurring, photos, noise, **common).share == 1
    held = choose_share(*WAY, blurring, photos, noise, **common, judged=[label])
    assert held.share == 0
    assert held.refusal is Refusal.LABELS
    assert held.figures[Refusal.LABELS] == 1
    assert "harm the held-back parts" in held.sentence
    agreeing = JudgedLabel(noisy=noisy_of(clean_picture(9), 0.1, 2), clean=clean_picture(9))
    found = choose_share(*WAY, blurring, photos, noise, **common, judged=[agreeing])
    assert found.share == 1
    before, after = (np.mean((blurring(weights)(agreeing.noisy) - agreeing.clean) ** 2) for weights in WAY)
    assert found.figures["labels_gain"] == pytest.approx(10 * np.log10(before / after), abs=0.01)
    assert found.figures["gain"] == pytest.approx((3 * found.figures["estimated_gain"] + found.labels_db) / 4)  # type: ignore[operator]
    assert "held-back" in found.sentence
    alone = choose_share(*WAY, blurring, [], None, **common, judged=[agreeing])
    assert alone.share == 1
    assert alone.estimated_db is None


def test_what_is_not_allowed_is_not_kept() -> None:
    found = choose_share(
        *WAY, blurring, photos_of(0.1, 2), white_noise(0.1, 2), seed=0, control=JobControl(), emit=ignore,
        is_allowed=lambda weights: float(weights["strength"]) <= 0.5,
    )  # fmt: skip
    assert found.share == 0.5
    assert found.refusal is Refusal.FORGETTING


def test_a_refused_gain_is_no_fit() -> None:
    found = choose_share(
        *WAY, blurring, photos_of(0.1, 2), white_noise(0.1, 2), seed=0, control=JobControl(), emit=ignore,
        is_allowed=lambda weights: False,
    )  # fmt: skip
    assert (found.share, found.refusal) == (0, Refusal.FORGETTING)
    assert "forget more of other noises" in found.sentence
    assert "kept as it was" in found.sentence


def test_the_figure_of_other_noises_is_that_of_the_weights_kept(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each other noise takes the starter seconds, and one shows already that it was forgotten.
    monkeypatch.setattr(forgetting, "NUM_NOISES", 1)
    begun, model = (load_model(require_starter("denoise")) for _ in range(2))
    config = labelled(tiny_photos, require_starter("denoise"), tmp_path / "run", forgetting_limit=0.1)
    run = RunStore().create("finetune", "asked", config)
    before = {name: tensor.clone() for name, tensor in begun.network.state_dict().items()}
    ruined = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
    is_allowed = _limited_forgetting(config, begun, model, run, open_device(config), JobControl(), ignore)
    assert not is_allowed(ruined)
    assert run.record.metrics["other_noise_psnr"] == run.record.metrics["other_noise_psnr_begun"]
    slightly = between(before, ruined, 1e-4)
    assert is_allowed(slightly)
    assert run.record.metrics["other_noise_psnr"] != run.record.metrics["other_noise_psnr_begun"]


def test_a_photo_with_a_rare_noise_does_not_decide_alone() -> None:
    """Its noise is mostly guessed; three that share it and lose alike are believed."""
    fine = np.random.default_rng(3).uniform(0.45, 0.55, (200, 200, 3)).astype(np.float32)
    spectrum = white_noise(0.1).spectra[0]
    for num_alike, is_kept in ((1, True), (3, False)):
        photos, noise = photos_of(0.1, 12), white_noise(0.1, 12)
        for index in range(num_alike):
            photos[index] = DecodedPhoto.of_pixels(PhotoRef(Path("fine.png")), noisy_of(fine, 0.01, index), 16)
            noise = noise.with_photo(index, spectrum=1, variance=np.full((3, len(BRIGHTNESS)), 0.01**2))
        noise = replace(noise, spectra=(spectrum, spectrum))
        found = choose_share(*WAY, blurring, photos, noise, seed=0, control=JobControl(), emit=ignore)
        assert (found.share > 0) == is_kept, (num_alike, found.gains_db)


def labelled(photos: TinyPhotos, parent: Path, out: Path, **fields: Any) -> FinetuneConfig:
    values = {**SMALL, "checkpoint_interval_s": 1e-6, "labels": 2, **fields}
    return FinetuneConfig(noisy=(photos.noisy,), clean=(photos.clean,), parent=parent, out=out, **values)


def test_labels_refine_an_adapted_model_and_the_gain_is_told(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), parent=small_model, out=tmp_path / "adapted", pretext=OWN_NOISE, **SMALL
    )
    adapted = pretrain(config, JobControl(), ignore).run
    result = finetune(labelled(tiny_photos, adapted, tmp_path / "run"), JobControl(), ignore)
    run = Run(result.run)
    assert {"gain", "estimated_gain", "labels_gain", "share_of_way"} <= run.record.metrics.keys()
    assert run.record.metrics["share_of_way"] in SHARES
    assert run.record.metrics["gain"] >= 0
    card = read_card(run.path)
    assert card.training == {"gain": run.record.metrics["gain"]}
    assert card.pretext == run.record.pretext == OWN_NOISE
    assert run.record.verdict in run.log_path.read_text(encoding="utf-8")
    noise = load_noise(run.path / NOISE_FILE)
    material = OwnNoiseMaterial.load(run.path, run.checkpoint_folder, 0)
    assert {noise.photos[photo].name for photo in material.window_photos[-material.num_references :]} == set(
        run.record.labels
    )


def test_a_resumed_refinement_by_labels_equals_an_uninterrupted_one(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), parent=small_model, out=tmp_path / "adapted", pretext=OWN_NOISE, **SMALL
    )
    adapted = pretrain(config, JobControl(), ignore).run
    whole = finetune(labelled(tiny_photos, adapted, tmp_path / "whole"), JobControl(), ignore).run
    control = JobControl()

    def stop(event: Any) -> None:
        if getattr(event, "stage", "") == "Fine-tuning" and event.step == 2:
            control.cancel()

    with pytest.raises(JobCancelled):
        finetune(labelled(tiny_photos, adapted, tmp_path / "run"), control, stop)
    stopped = RunStore().open(tmp_path / "run")
    kept, begun = (path.read_bytes() for path in (stopped.model_path, stopped.begun_model_path))
    assert kept == begun
    adapted.rename(tmp_path / "moved away")
    resume_training(stopped.path, JobControl(), ignore)
    for name in ("trained_model.safetensors", "model.safetensors"):
        expected, found = (OwnTensors(run / "checkpoints" / name) for run in (whole, stopped.path))
        assert expected == found, name


class OwnTensors(dict[str, bytes]):
    """A file's tensors, to be compared."""

    def __init__(self, path: Path) -> None:
        from safetensors.numpy import load_file

        super().__init__({name: tensor.tobytes() for name, tensor in load_file(path).items()})


def test_ruinous_steps_are_not_kept(tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path) -> None:
    ruinous = {"learning_rate": 0.1, "weight_average_decay": 0.0, "steps": 8}
    result = finetune(labelled(tiny_photos, small_model, tmp_path / "run", **ruinous), JobControl(), ignore)
    assert result.metrics["share_of_way"] == 0
    run = Run(result.run)
    assert OwnTensors(run.model_path) == OwnTensors(run.begun_model_path)
    assert "kept as it was" in run.record.verdict


def test_the_preset_follows_what_teaches() -> None:
    alone, with_twins = (finetune_preset("quick", with_twins=choice) for choice in (False, True))  # type: ignore[arg-type]
    assert with_twins["learning_rate"] < alone["learning_rate"]
    assert with_twins["steps"] < alone["steps"]


def test_a_wrong_label_is_a_sentence(tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path) -> None:
    config = labelled(tiny_photos, small_model, tmp_path / "run", label_names=("nowhere.png",))
    with pytest.raises(EngineError, match="nowhere"):
        finetune(config, JobControl(), ignore)
