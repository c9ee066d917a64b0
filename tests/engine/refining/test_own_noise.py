"""Refining a model on the photos' own noise: what it learns from, how far it is followed, and the whole training."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from engine.cli.reporting import JsonReporter
from engine.contracts.configs import OWN_NOISE, NoiseLearningConfig, PretrainConfig, ScanConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent, JobWarning, MetricsRow, NoiseLearned, TwinMade, TwinsCompared
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import BRIGHTNESS, HARDLY_ANY_NOISE, JpegCompression, LearnedNoise, PhotoNoise
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import pretrain_preset
from engine.jobs import learn_noise, pretrain, scan
from engine.method.catalogue.rows import NoParams
from engine.method.tasks.denoise import Denoise
from engine.models.starters import require_starter
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photos.crops import DecodedPhoto
from engine.refining.gate import SHARES, choose_share
from engine.refining.own_noise import MAX_PHOTOS, WINDOWS_FILE, OwnNoiseMaterial, _is_known, as_levels, chosen_photos
from engine.refining.twin_objective import TwinObjective, recorrupt
from engine.runs.store import RunStore
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise
from tests.conftest import TinyPhotos

SMALL = {"steps": 4, "photos_per_batch": 2, "crop_px": 32}


def ignore(event: object) -> None:
    """Nobody watches these jobs."""


@pytest.fixture
def small_model(tiny_photos: TinyPhotos, tmp_path: Path) -> Path:
    """A network that is quick to compute; it has hardly learned to restore."""
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        out=tmp_path / "parent",
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        **{**SMALL, "steps": 2},  # type: ignore[arg-type]
    )
    return pretrain(config, JobControl(), ignore).run


def white_noise(sigma: float, num_photos: int = 1) -> LearnedNoise:
    spectrum = np.broadcast_to(np.eye(3), (16, 16, 3, 3)).copy()
    variance = np.full((3, len(BRIGHTNESS)), sigma**2)
    photos = tuple(
        PhotoNoise(name=f"{index}.png", variance=variance, spectrum=0, is_gray=False, highest_level=255)
        for index in range(num_photos)
    )
    return LearnedNoise(photos=photos, spectra=(spectrum,))


def clean_picture(seed: int, side: int = 200) -> NDArray[np.float32]:
    colours = np.random.default_rng(seed).uniform(0.2, 0.8, (side // 20, side // 20, 3)).astype(np.float32)
    return np.clip(cv2.resize(colours, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def material_of(sigma: float, *, with_photos: bool = False) -> OwnNoiseMaterial:
    clean = [clean_picture(seed) for seed in range(3)]
    noisy = [
        np.clip(picture + sigma * np.random.default_rng(seed).standard_normal(picture.shape), 0, 1)
        for seed, picture in enumerate(clean)
    ]
    return OwnNoiseMaterial(
        noise=white_noise(sigma),
        windows=tuple(as_levels(picture) for picture in clean),
        window_photos=(0, 0, 0),
        free=(clean_picture(7),),
        noisy=tuple(as_levels(picture) if with_photos else None for picture in noisy),
        known=(with_photos,) * 3,
    )


@pytest.mark.parametrize(("sigma", "blur_px", "best"), [(0.1, 1.0, 1.0), (0.02, 12.0, 0.0)])
def test_the_gate_goes_as_far_as_the_true_error_falls(sigma: float, blur_px: float, best: float) -> None:
    """The network here blurs by its one weight: good against strong noise, bad where there is hardly any."""
    clean = [clean_picture(seed) for seed in range(4)]
    noisy = [
        np.clip(picture + sigma * np.random.default_rng(seed).standard_normal(picture.shape), 0, 1).astype(np.float32)
        for seed, picture in enumerate(clean)
    ]
    photos = [
        DecodedPhoto.of_pixels(PhotoRef(Path(f"{index}.png")), picture, 16) for index, picture in enumerate(noisy)
    ]

    def restore_with(weights: Mapping[str, Tensor]):  # type: ignore[no-untyped-def]
        strength = float(weights["strength"])
        return lambda pixels: (1 - strength) * pixels + strength * cv2.GaussianBlur(pixels, (0, 0), blur_px)

    begun, ended = {"strength": torch.tensor(0.0)}, {"strength": torch.tensor(1.0)}
    found = choose_share(
        begun, ended, restore_with, photos, white_noise(sigma, 4), seed=0, control=JobControl(), emit=ignore
    )
    errors = []
    for share in SHARES:
        restore = restore_with({"strength": torch.tensor(share)})
        errors.append([np.mean((restore(one) - other) ** 2) for one, other in zip(noisy, clean, strict=True)])
    gains = np.mean(-10 * np.log10(np.array(errors) / np.array(errors[0])), axis=1)
    assert found.share == best
    assert gains[SHARES.index(found.share)] >= gains.max() - 0.05
    # Told with caution: the less is left, the less is promised.
    assert -2 < found.gain_db - gains[SHARES.index(found.share)] < 0.3
    assert float(found.weights["strength"]) == found.share
    assert ("kept as it was" in found.sentence) == (found.share == 0)


def test_photos_with_another_noise_must_not_lose_for_the_others() -> None:
    strong, weak = white_noise(0.1, 2), white_noise(0.004, 1)
    noise = LearnedNoise(
        photos=(*strong.photos, PhotoNoise(**{**vars(weak.photos[0]), "spectrum": 1})),
        spectra=(strong.spectra[0], weak.spectra[0]),
    )
    fine = np.random.default_rng(3).uniform(0.3, 0.7, (200, 200, 3)).astype(np.float32)
    pictures = [clean_picture(0), clean_picture(1), fine]
    photos = []
    for index, picture in enumerate(pictures):
        noisy = picture + noise.draw(picture, index, np.random.default_rng(index))
        photos.append(DecodedPhoto.of_pixels(PhotoRef(Path(f"{index}.png")), np.clip(noisy, 0, 1), 16))

    def restore_with(weights: Mapping[str, Tensor]):  # type: ignore[no-untyped-def]
        strength = float(weights["strength"])
        return lambda pixels: (1 - strength) * pixels + strength * cv2.GaussianBlur(pixels, (0, 0), 1.5)

    weights = {"strength": torch.tensor(0.0)}, {"strength": torch.tensor(1.0)}
    found = choose_share(*weights, restore_with, photos, noise, seed=0, control=JobControl(), emit=ignore)
    assert found.share == 0


def test_an_empty_photo_does_not_outweigh_what_the_others_gain() -> None:
    sigma = 0.1
    noise = white_noise(sigma, 4).with_photo(0, variance=np.full((3, len(BRIGHTNESS)), 1e-12))
    pictures = [np.zeros((200, 200, 3), np.float32), *(clean_picture(seed) for seed in range(3))]
    photos = []
    for index, picture in enumerate(pictures):
        noisy = picture + noise.draw(picture, index, np.random.default_rng(index))
        photos.append(DecodedPhoto.of_pixels(PhotoRef(Path(f"{index}.png")), np.clip(noisy, 0, 1), 16))

    def restore_with(weights: Mapping[str, Tensor]):  # type: ignore[no-untyped-def]
        strength = float(weights["strength"])
        # As networks do, it lifts black by far less than a level.
        lift = 1e-4 * (1 + strength)
        return lambda pixels: lift + (1 - strength) * pixels + strength * cv2.GaussianBlur(pixels, (0, 0), 1.5)

    weights = {"strength": torch.tensor(0.0)}, {"strength": torch.tensor(1.0)}
    found = choose_share(*weights, restore_with, photos, noise, seed=0, control=JobControl(), emit=ignore)
    assert found.share == 1
    assert found.gain_db > 1


def test_the_start_is_kept_where_there_is_hardly_any_noise() -> None:
    sigma = 0.008
    clean = [clean_picture(seed) for seed in range(2)]
    photos = [
        DecodedPhoto.of_pixels(
            PhotoRef(Path(f"{seed}.png")),
            np.clip(picture + white_noise(sigma, 2).draw(picture, seed, np.random.default_rng(seed)), 0, 1),
            16,
        )
        for seed, picture in enumerate(clean)
    ]

    def restore_with(weights: Mapping[str, Tensor]):  # type: ignore[no-untyped-def]
        strength = float(weights["strength"])
        return lambda pixels: (1 - strength) * pixels + strength * cv2.GaussianBlur(pixels, (0, 0), 1.0)

    weights = {"strength": torch.tensor(0.0)}, {"strength": torch.tensor(1.0)}
    found = choose_share(
        *weights, restore_with, photos, white_noise(sigma, 2), seed=0, control=JobControl(), emit=ignore
    )
    assert max(found.gains_db) > 0, "the estimate would have gone on"
    assert found.share == 0
    assert "hardly any noise" in found.sentence
    assert found.figures[HARDLY_ANY_NOISE] == 1


def test_twins_are_a_function_of_the_step_and_carry_the_noise() -> None:
    objective = TwinObjective(material_of(0.1), crops_per_batch=16, crop_px=32, seed=3, task=Denoise(NoParams()))
    noisy, clean, deviations = objective.batch(5)
    assert not deviations.any(), "no photo is known as it was"
    again, other = objective.batch(5), objective.batch(6)
    assert torch.equal(noisy, again[0])
    assert torch.equal(clean, again[1])
    assert not torch.equal(noisy, other[0])
    levels = (noisy - clean).flatten(1).std(dim=1)
    assert float(levels.median()) == pytest.approx(0.1, rel=0.25)
    loss = objective.loss(lambda crops: crops, (noisy, clean, deviations), torch.Generator())
    assert float(loss.total) == pytest.approx(float((noisy - clean).abs().mean()))


@pytest.mark.parametrize("side", [40, 75, 200])
def test_crops_may_be_larger_than_some_pictures(side: int) -> None:
    material = replace(material_of(0.1), free=(clean_picture(7, 200)[:side, : side + 30],))
    objective = TwinObjective(material, crops_per_batch=16, crop_px=96, seed=3, task=Denoise(NoParams()))
    noisy, clean, _ = objective.batch(5)
    assert noisy.shape == clean.shape == (16, 3, 96, 96)
    assert bool(torch.isfinite(noisy).all())


def test_recorrupted_views_have_noises_of_their_own() -> None:
    """Against the exact covariances: none between the two views, and of each its own."""
    generator = np.random.default_rng(0)
    clean = np.full((400, 400, 3), 0.5, np.float32)
    noise, drawn = (0.05 * generator.standard_normal(clean.shape).astype(np.float32) for _ in range(2))
    pair = recorrupt(clean + noise, drawn, np.zeros_like(clean))
    seen, target = (pair.seen - clean).ravel(), (pair.target - clean).ravel()
    assert abs(np.corrcoef(seen, target)[0, 1]) < 0.01
    assert seen.std() == pytest.approx(0.05 * np.sqrt(1.25), rel=0.01)
    assert pair.deviation == pytest.approx(target.std(), rel=0.02)


@pytest.mark.parametrize("count", [MAX_PHOTOS, MAX_PHOTOS + 1, 84, 500])
def test_a_large_folder_is_learned_from_in_as_many_places_as_there_may_be(count: int) -> None:
    """What lies in a row, such as the photos of one camera, has its share; the first and the last are among them."""
    picture = np.full((64, 64, 3), 0.5, np.float32)
    photos = [DecodedPhoto.of_pixels(PhotoRef(Path(f"{index:03}.png")), picture, 8) for index in range(count)]
    numbers = [int(photo.photo.file.stem) for photo in chosen_photos(photos)]
    assert len(numbers) == MAX_PHOTOS
    assert (numbers[0], numbers[-1]) == (0, count - 1)
    steps = np.diff(numbers)
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1
    # Those with a label come first, and count among them.
    labelled = photos[count // 2].picture
    chosen = chosen_photos(photos, [labelled])
    assert (len(chosen), chosen[0].picture) == (MAX_PHOTOS, labelled)


@pytest.mark.parametrize("brightness", [0.0, 0.04, 0.5, 0.97, 1.0])
def test_cut_off_noise_teaches_the_brightness_below_it(brightness: float) -> None:
    """Against sampling: photos cut off at black or white still aim at the light there, on the mean."""
    sigma, generator = 0.1, np.random.default_rng(2)
    light = np.full((256, 256, 3), brightness, np.float32)
    noisy = np.clip(light + sigma * generator.standard_normal(light.shape), 0, 1)
    material = replace(
        material_of(sigma), windows=(as_levels(light),), noisy=(as_levels(noisy.astype(np.float32)),), known=(True,)
    )
    objective = TwinObjective(material, crops_per_batch=64, crop_px=64, seed=5, task=Denoise(NoParams()))
    _, target, deviations = objective.batch(0)
    aimed_at = float(target[deviations.flatten() > 0].mean())
    assert aimed_at == pytest.approx(brightness, abs=0.002)


def test_counted_photons_are_never_cut_off_at_black() -> None:
    """Poisson noise of one photon on the mean: black takes nothing, whatever a Gaussian as strong would lose."""
    photons_at_white = 4.0
    variance = np.broadcast_to(BRIGHTNESS / photons_at_white + 1e-6, (3, len(BRIGHTNESS)))
    noise = white_noise(0.1).with_photo(0, variance=variance)
    dark = np.full((64, 64, 3), 0.25, np.float32)
    drawn = noise.add(dark, 0, np.random.default_rng(0))
    assert np.abs(noise.taken_by_limits(dark, 0)).max() < 0.001
    assert float(drawn.mean()) == pytest.approx(0.25, abs=0.01)


def test_the_photos_themselves_teach_what_their_restored_versions_lack() -> None:
    """The best shrinking of detail towards flat windows is that of a Wiener filter on the true pictures."""
    sigma, generator = 0.1, np.random.default_rng(1)
    texture = 0.5 + 0.1 * generator.standard_normal((3, 200, 200, 3))
    noisy = np.clip(texture + sigma * generator.standard_normal(texture.shape), 0, 1)
    flat = as_levels(np.full((200, 200, 3), 0.5, np.float32))
    material = replace(
        material_of(sigma),
        windows=(flat,) * 3,
        noisy=tuple(as_levels(picture.astype(np.float32)) for picture in noisy),
        known=(True,) * 3,
    )
    objective = TwinObjective(material, crops_per_batch=64, crop_px=32, seed=3, task=Denoise(NoParams()))
    losses = []
    strengths = np.linspace(0, 1, 11)
    noisy_crops, target, deviations = objective.batch(0)
    is_photo = deviations.flatten() > 0
    assert 0.1 < float(is_photo.float().mean()) < 0.45
    batch = noisy_crops[is_photo], target[is_photo], deviations[is_photo]
    for strength in strengths:
        loss = objective.loss(lambda crops, s=float(strength): 0.5 + s * (crops - 0.5), batch, torch.Generator())  # type: ignore[misc]
        losses.append(float(loss.total))
    wiener = 0.1**2 / (0.1**2 + 1.25 * sigma**2)
    assert strengths[int(np.argmin(losses))] == pytest.approx(wiener, abs=0.1)


def test_halfway_the_clean_parts_are_made_anew() -> None:
    def objective() -> TwinObjective:
        material = material_of(0.1, with_photos=True)
        return TwinObjective(material, crops_per_batch=16, crop_px=32, seed=3, task=Denoise(NoParams()))

    renewed, untouched = objective(), objective()
    renewed.renew(4, lambda pixels: np.zeros_like(pixels))
    assert all(torch.equal(one, other) for one, other in zip(renewed.batch(4), untouched.batch(4), strict=True))
    assert not torch.equal(renewed.batch(5)[1], untouched.batch(5)[1])
    resumed = objective()
    resumed.load_state_tensors(renewed.state_tensors())
    for step in (4, 5, 9):
        assert all(torch.equal(one, other) for one, other in zip(renewed.batch(step), resumed.batch(step), strict=True))
    with pytest.raises(ValueError, match="does not"):
        resumed.load_state_tensors({"bank": torch.zeros(1)})


@pytest.mark.parametrize(("left", "is_known"), [(0.0, True), (0.8, False), (-0.5, False)])
def test_only_noise_as_strong_as_its_residual_is_known(left: float, is_known: bool) -> None:
    clean = clean_picture(1)
    noise = 0.1 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    assert _is_known(white_noise(0.1), 0, clean + noise, clean + left * noise) is is_known
    compressed = white_noise(0.1).with_photo(0, jpeg=JpegCompression(tables=((1,) * 64,), subsampling=0))
    assert not _is_known(compressed, 0, clean + noise, clean)


def test_material_is_kept_with_a_run(tmp_path: Path) -> None:
    material = replace(material_of(0.05, with_photos=True), known=(True, False, True))
    material.save(tmp_path, tmp_path)
    read = OwnNoiseMaterial.load(tmp_path, tmp_path, seed=0)
    assert read.window_photos == material.window_photos
    assert all(np.array_equal(one, other) for one, other in zip(read.windows, material.windows, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(read.noisy, material.noisy, strict=True))
    assert read.known == (True, False, True)
    (tmp_path / WINDOWS_FILE).write_bytes(b"not tensors")
    with pytest.raises(InvalidInputError, match="missing or damaged"):
        OwnNoiseMaterial.load(tmp_path, tmp_path, seed=0)


def test_a_model_is_refined_on_the_photos_own_noise(tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        parent=small_model,
        out=tmp_path / "run",
        pretext=OWN_NOISE,
        **SMALL,
    )
    result = pretrain(config, JobControl(), ignore)
    assert result.metrics["share_of_way"] in SHARES
    assert result.metrics["estimated_gain"] >= 0
    noise = load_noise(result.run / NOISE_FILE)
    assert len(noise.photos) == 8
    record = RunStore().open(result.run).record
    assert "error" in record.verdict or "kept as it was" in record.verdict


def test_hardly_any_noise_is_told_before_the_steps_and_the_model_kept(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "calm"
    folder.mkdir()
    for index in range(3):
        clean = read_image(tiny_photos.clean / f"photo {index}.png").pixels
        smooth = np.asarray(cv2.GaussianBlur(np.asarray(clean), (0, 0), 4.0), np.float32)
        write_image(folder / f"{index}.png", PhotoImage(smooth, metadata=ImageMetadata(file_format="png", bit_depth=8)))
    events: list[JobEvent] = []
    config = PretrainConfig(photos=(folder,), parent=small_model, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL)
    result = pretrain(config, JobControl(), events.append)
    told = [
        index for index, event in enumerate(events) if isinstance(event, JobWarning) and "hardly any" in event.message
    ]
    first_step = next(index for index, event in enumerate(events) if isinstance(event, MetricsRow))
    assert len(told) == 1
    assert told[0] < first_step
    assert result.metrics["share_of_way"] == 0


def test_what_makes_photos_worse_is_not_kept(tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        parent=small_model,
        out=tmp_path / "run",
        pretext=OWN_NOISE,
        # A hundred times what suits it: the network is destroyed.
        **{**SMALL, "learning_rate": 0.1, "weight_average_decay": 0.0, "steps": 12},  # type: ignore[arg-type]
    )
    result = pretrain(config, JobControl(), ignore)
    assert result.metrics["share_of_way"] == 0
    kept, begun = (load_file(run / "checkpoints" / "model.safetensors") for run in (result.run, small_model))
    assert all(torch.equal(kept[name], tensor) for name, tensor in begun.items())


def test_other_methods_are_gated_too(tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        parent=small_model,
        out=tmp_path / "run",
        pretext="rcl",
        **{**SMALL, "learning_rate": 0.1, "weight_average_decay": 0.0, "steps": 8},  # type: ignore[arg-type]
    )
    metrics = pretrain(config, JobControl(), ignore).metrics
    assert metrics["share_of_way"] in SHARES
    assert metrics["estimated_gain"] == max(0.0, *(metrics[f"gain_at_{percent}"] for percent in (0, 25, 50, 75, 100)))


def test_from_scratch_there_is_nothing_to_refine(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    config = PretrainConfig(photos=(tiny_photos.noisy,), out=tmp_path / "run", pretext=OWN_NOISE, **SMALL)
    with pytest.raises(InvalidInputError, match="refines a model"):
        pretrain(config, JobControl(), ignore)


def test_presets_name_the_method_that_fits() -> None:
    assert pretrain_preset("quick", from_scratch=False)["pretext"] == OWN_NOISE  # type: ignore[arg-type]
    assert pretrain_preset("quick", from_scratch=True)["pretext"] == "rcl"  # type: ignore[arg-type]
    assert pretrain_preset("quick", from_scratch=False, pretext="rcl")["steps"] == 4000  # type: ignore[arg-type]


def test_a_scan_learns_the_noise_where_asked(tiny_photos: TinyPhotos) -> None:
    result = scan(ScanConfig(folders=(tiny_photos.noisy,), noise_model=True), JobControl(), ignore)
    assert result.noise_model is not None
    assert [photo.name for photo in result.noise_model.photos] == [photo.path.name for photo in result.photos]
    assert json.loads(json.dumps(result.noise_model.summary))["num_spectra"] >= 1
    assert scan(ScanConfig(folders=(tiny_photos.noisy,)), JobControl(), ignore).noise_model is None


def test_whoever_watches_sees_twins_come_nearer_and_may_tell_them_apart(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    events: list[JobEvent] = []
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), parent=small_model, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL
    )
    result = pretrain(config, JobControl(), events.append)
    guess, *learned = [event.noise for event in events if isinstance(event, NoiseLearned)]
    assert guess.distance is None
    assert [noise.distance for noise in learned] == [load_noise(result.run / NOISE_FILE).distance]
    rounds = [event for event in events if isinstance(event, TwinsCompared)]
    assert [event.round for event in rounds] == list(range(rounds[0].num_rounds + 1))
    assert rounds[0].distance == learned[0].unfitted_distance
    assert min(event.distance for event in rounds) == learned[0].distance
    twins = [event for event in events if isinstance(event, TwinMade)]
    assert {twin.name for twin in twins} == {photo.name for photo in learned[0].photos}
    for twin in twins:
        recorded = cv2.imread(str(tiny_photos.noisy / twin.name))
        assert recorded is not None
        assert twin.photo.shape == twin.twin.shape == recorded.shape
        assert np.array_equal(np.rint(twin.photo * 255), recorded[..., ::-1])
        assert not np.array_equal(twin.photo, twin.twin)
        assert np.array_equal(np.rint(twin.twin * 255), np.round(twin.twin * 255, 3))
    stream = io.StringIO()
    reporter = JsonReporter(stream)
    for event in (*twins, *rounds, NoiseLearned(noise=learned[0])):
        reporter.report(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {"event": "TwinMade", "name": twins[0].name}
    assert lines[-1]["noise"]["twin_distance"] == learned[0].distance


def test_the_noise_of_some_photos_is_learned_before_any_training(tiny_photos: TinyPhotos, small_model: Path) -> None:
    paths = tuple(PhotoRef(path) for path in sorted(tiny_photos.noisy.iterdir()))
    config = NoiseLearningConfig(photos=paths, model=small_model, most=4, max_twins=2)
    found = learn_noise(config, JobControl(), ignore)
    evenly = [paths[index] for index in (0, 2, 5, 7)]
    assert found.photos == tuple(evenly)
    assert found.noise.accuracy in (0, 0.5, 1)
    assert [photo.name for photo in found.noise.photos] == [path.name for path in evenly]
    # The eight photos are noisier one by one.
    assert found.noise.photos[-1].sigma() > found.noise.photos[0].sigma()
    with pytest.raises(InvalidInputError, match="sr2"):
        learn_noise(NoiseLearningConfig(photos=paths, model=require_starter("sr2")), JobControl(), ignore)
