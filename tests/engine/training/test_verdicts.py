"""The collapse watch: each collapse is provoked by real training or a degenerate network, and so are false alarms."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.contracts.configs import OWN_NOISE, PretrainConfig
from engine.contracts.events import VerdictReady
from engine.contracts.job_control import JobControl
from engine.contracts.noise import FolderNoise, NoiseEstimate, summarize_noise
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.factory import make_pretext
from engine.method.pretext.pretext_task import Restore
from engine.photos.crops import decode_photo
from engine.photos.noise_estimate import estimate_noise
from engine.training.observer import choose_preview_crop
from engine.training.verdicts import ResidualFacts, TrainingFacts, residual_facts, training_verdict
from tests.picture_makers import dim_series

MakePhotos = Callable[..., Path]

WELL = TrainingFacts(
    residual=ResidualFacts(level=0.05, picture_share=0.01),
    metrics={
        "consistency": 0.005,
        "contrast_accuracy": 0.8,
        "contrast_share_of_chance": 0.5,
        "residual_distance": 0.02,
    },
    step=500,
    num_steps=1000,
    num_crops=24,
)


def folder_noise(*sigmas: float) -> FolderNoise | None:
    """Of photos with these noise levels, of 255."""
    return summarize_noise(NoiseEstimate(sigma=sigma / 255, correlation=(0.0,) * 4) for sigma in sigmas)


@pytest.fixture
def make_photos(tmp_path: Path) -> MakePhotos:
    """Write smooth scenes with white noise of the given levels of 255."""

    def make(*sigmas: float, side: int = 96) -> Path:
        rng = np.random.default_rng(3)
        for index, sigma in enumerate(sigmas):
            rows, columns = np.mgrid[0:side, 0:side] / side
            scene = 127 + 60 * np.sin(5 * rows + index) + 40 * np.cos(4 * columns * (1 + 0.2 * index))
            noisy = scene[..., None] * rng.uniform(0.8, 1.1, 3) + sigma * rng.standard_normal((side, side, 3))
            cv2.imwrite(str(tmp_path / f"{index}.png"), np.rint(noisy.clip(0, 255)).astype(np.uint8))
        return tmp_path

    return make


def train(photos: Path, **changes: object) -> tuple[VerdictReady, Path]:
    """Really train, and return the last verdict and its run."""
    values = {
        "backbone": "unet", "backbone_params": {"width": 8, "num_levels": 2}, "photos_per_batch": 4, "crop_px": 16,
        "steps": 40, "learning_rate": 1e-3, "device": "cpu", **changes,
    }  # fmt: skip
    verdicts: list[VerdictReady] = []

    def emit(event: object) -> None:
        if isinstance(event, VerdictReady):
            verdicts.append(event)

    run = pretrain(PretrainConfig(photos=(photos,), **values), JobControl(), emit).run  # type: ignore[arg-type]
    return verdicts[-1], run


def facts_of(network: Restore, photos: Path, pretext: str, **params: object) -> TrainingFacts:
    """What a training with this network would have seen after half its steps."""
    decoded = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())]
    preview = choose_preview_crop(decoded)
    task = make_pretext(pretext, PRETEXTS[pretext].with_stride(params))
    side = task.source_crop_px(32)
    rng = np.random.default_rng(0)
    crops = [
        photo.crop(*rng.integers(photo.levels.shape[1] - side + 1, size=2), side)
        for _ in range(task.crops_per_photo)
        for photo in decoded
    ]
    indices = torch.arange(len(decoded)).repeat(task.crops_per_photo)
    parts = task.loss(network, torch.from_numpy(np.stack(crops)), indices, torch.Generator().manual_seed(0)).parts
    shown = torch.from_numpy(preview.noisy.copy()).permute(2, 0, 1)[None]
    restored = network(shown)[0].permute(1, 2, 0).numpy()
    return TrainingFacts(
        residual=residual_facts(preview.noisy, restored),
        metrics={name: float(value) for name, value in parts.items()},
        step=500,
        num_steps=1000,
        num_crops=len(crops),
        noise=preview.noise,
        preview_sigma=preview.sigma,
    )


def fixed_noise(crops: torch.Tensor, level: float) -> torch.Tensor:
    """The same noise for every crop, whatever it shows."""
    generator = torch.Generator().manual_seed(1)
    return level * torch.randn(1, 3, *crops.shape[-2:], generator=generator).expand_as(crops)


def smoothed(crops: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(crops, 5, stride=1, padding=2, count_include_pad=False)


def test_all_is_well() -> None:
    verdict = training_verdict(WELL)
    assert verdict.state == "learning"
    assert verdict.sentence == "Learning: the residual looks like noise and holds at most 1 % picture."
    assert training_verdict(replace(WELL, step=1000)).state == "done"
    assert "first steps" in training_verdict(replace(WELL, step=10)).sentence


def test_training_that_changes_nothing_is_named(make_photos: MakePhotos) -> None:
    """Output equal to the input: a learning rate at which nothing happens."""
    verdict, _ = train(make_photos(10, 20, 30, 40), learning_rate=1e-9)
    assert verdict.state == "collapsed"
    assert "come back unchanged, though their noise is about" in verdict.sentence
    assert "raise the learning rate" in verdict.sentence


def test_fidelity_alone_lets_the_residual_vanish(make_photos: MakePhotos) -> None:
    """Residual near zero: without a contrast the plain form has nothing to gain from taking noise away."""
    verdict, _ = train(make_photos(10, 20, 30, 40), pretext="rcl-plain", pretext_params={"contrast_ratio": 0.0})
    assert verdict.state == "collapsed"
    assert "shrunk to almost nothing" in verdict.sentence
    assert "whose residual cannot vanish" in verdict.sentence


def test_equal_residuals_of_unequal_noises_are_named(make_photos: MakePhotos) -> None:
    """All residuals alike: a network that takes the same away from every photo."""
    photos = make_photos(10, 18, 26, 34, 42, 50)
    collapsed = training_verdict(facts_of(lambda crops: crops - fixed_noise(crops, 0.1), photos, "rcl-plain"))
    assert collapsed.state == "collapsed"
    assert "is alike for all photos, although their noise differs" in collapsed.sentence
    assert "another seed" in collapsed.sentence
    # A smoothing network on the same photos takes away each one's own noise.
    assert training_verdict(facts_of(smoothed, photos, "rcl-plain")).state == "learning"


def test_equal_residuals_of_equal_noises_are_right(make_photos: MakePhotos) -> None:
    verdict = training_verdict(facts_of(smoothed, make_photos(*[25] * 10), "rcl-plain"))
    assert verdict.state == "learning"
    assert "noise is alike, so the contrastive term has little to tell apart" in verdict.sentence


def test_contrast_at_chance_on_unequal_noises_is_named(make_photos: MakePhotos) -> None:
    """Residuals that differ from crop to crop, but not with the noise: their size follows the last digits."""

    def network(crops: torch.Tensor) -> torch.Tensor:
        size = 0.02 + 0.3 * ((crops.mean(dim=(1, 2, 3), keepdim=True) * 1e4) % 1.0)
        return crops - size * fixed_noise(crops, 1.0)

    facts = facts_of(network, make_photos(*range(10, 50, 4)), "rcl-plain")
    assert facts.metrics["contrast_accuracy"] < 1.5 / 19
    # Judged apart from its preview, which is as spoilt.
    verdict = training_verdict(replace(facts, residual=WELL.residual))
    assert verdict.state == "learning"
    assert "at chance although the photos' noise differs" in verdict.sentence
    assert "more photos per batch" in verdict.sentence


def test_real_training_on_equal_noises_says_what_teaches(make_photos: MakePhotos) -> None:
    """20 crops: with as few as 8, one hit more or less would pass for telling them apart."""
    verdict, _ = train(make_photos(*[25] * 10), steps=150, photos_per_batch=10, learning_rate=2e-3)
    assert verdict.state == "done"
    assert "comes from the consistency term" in verdict.sentence


def test_contrast_too_soft_to_matter_is_named(make_photos: MakePhotos) -> None:
    photos = make_photos(10, 18, 26, 34, 42, 50)
    soft = training_verdict(facts_of(smoothed, photos, "rcl", temperature=1.0))
    assert "hardly weighs them: lower Temperature" in soft.sentence
    assert soft.state == "learning"
    measured = training_verdict(facts_of(smoothed, photos, "rcl", temperature=0.0))
    assert "Temperature" not in measured.sentence


def test_taking_the_picture_away_is_named(make_photos: MakePhotos) -> None:
    facts = facts_of(lambda crops: 0.7 * crops, make_photos(5, 9, 14, 20), "rcl")
    textured = replace(facts, residual=residual_facts(*_textured(0.3)))
    verdict = training_verdict(textured)
    assert verdict.state == "collapsed"
    assert "follows the picture" in verdict.sentence
    assert "stride" in verdict.sentence


def _frame_facts(restored_of: Callable[[np.ndarray], np.ndarray], **others: int) -> TrainingFacts:
    """What is known of a microscope's frame, whose noise grows with its brightness, by how it is restored."""
    counted, counts = dim_series(1)[0]
    noisy, clean = (((values.astype(np.float32) - 88) / 302)[..., None] for values in (counted, counts))
    sigma = estimate_noise(noisy).sigma
    return replace(WELL, residual=residual_facts(noisy, restored_of(clean)), preview_sigma=sigma, **others)


def test_a_flattened_picture_is_named_although_the_residual_follows_nothing_in_it() -> None:
    facts = _frame_facts(lambda clean: np.full_like(clean, clean.mean()))
    assert facts.residual.picture_share < 0.01
    verdict = training_verdict(facts)
    assert verdict.state == "collapsed"
    assert "times as strong as the noise" in verdict.sentence
    # A network that begins with nothing may have drawn nothing yet.
    assert training_verdict(replace(facts, step=200)).state == "learning"


def test_noise_that_grows_with_brightness_and_is_all_taken_away_is_no_collapse() -> None:
    assert training_verdict(_frame_facts(lambda clean: clean)).state == "learning"


def _textured(taken: float) -> tuple[np.ndarray, np.ndarray]:
    """A finely textured picture with a little noise, and the same with a share of it taken away."""
    rng = np.random.default_rng(0)
    texture = 0.5 + 0.2 * np.sign(np.sin(np.arange(64) * 1.7))[:, None, None] * np.ones((64, 64, 3))
    noisy = (texture + 0.01 * rng.standard_normal(texture.shape)).astype(np.float32)
    return noisy, ((1 - taken) * texture).astype(np.float32)


@pytest.mark.parametrize("pretext", [name for name in PRETEXTS if name != OWN_NOISE])
def test_clean_photos_are_no_collapse(make_photos: MakePhotos, pretext: str) -> None:
    """A false alarm to avoid: nothing is taken away because there is nothing to take away."""
    verdict, _ = train(make_photos(0, 0, 0, 0), pretext=pretext, steps=60)
    assert verdict.state == "done"
    assert "hardly any noise" in verdict.sentence
    assert "as it should be" in verdict.sentence


def test_slow_start_is_no_collapse() -> None:
    untouched = ResidualFacts(level=0.0, picture_share=0.0)
    facts = replace(WELL, residual=untouched, noise=folder_noise(10, 20, 30), preview_sigma=25 / 255)
    assert training_verdict(replace(facts, step=200)).state == "learning"
    assert training_verdict(replace(facts, step=300)).state == "collapsed"


def test_photos_too_small_to_measure_leave_a_doubt() -> None:
    untouched = ResidualFacts(level=0.0, picture_share=0.0)
    assert "unchanged; check that they are noisy" in training_verdict(replace(WELL, residual=untouched)).sentence


def test_learning_network_raises_no_alarm(make_photos: MakePhotos) -> None:
    photos = make_photos(10, 20, 30, 40, 15, 35)
    for pretext in ("rcl", "neighbor2neighbor", "noise2void"):
        verdict = training_verdict(facts_of(smoothed, photos, pretext))
        assert verdict.state == "learning", (pretext, verdict.sentence)
        assert "chance" not in verdict.sentence


def test_few_crops_cannot_show_chance() -> None:
    facts = replace(WELL, num_crops=0, metrics={"contrast_accuracy": 0.0})
    assert "contrastive" not in training_verdict(facts).sentence


def test_unknown_noise_is_worded_with_care() -> None:
    facts = replace(WELL, metrics={**WELL.metrics, "contrast_accuracy": 0.04})
    assert "To the contrastive term the photos' noise looks alike" in training_verdict(facts).sentence
    known = training_verdict(replace(facts, noise=folder_noise(20, 21, 20, 22)))
    assert "The photos' noise is alike" in known.sentence
