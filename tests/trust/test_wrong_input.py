"""Promise 6: input that cannot serve gives a sentence that says why and what to do, and leaves no run behind."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch

from engine.contracts.configs import EvaluateConfig, FinetuneConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import EngineError, ImageReadError, ModelFileError
from engine.contracts.events import FileSkipped, JobEvent
from engine.contracts.job_control import JobControl
from engine.jobs import evaluate, finetune, pretrain, restore
from engine.method.catalogue.pretexts import PRETEXTS
from engine.models.files import CARD_KEY, build_network, load_model, save_model
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.runs.store import RunStore
from engine.training.preflight.look import preflight
from tests.conftest import TinyPhotos
from tests.trust.kill_host import CARD

SMALL = {"steps": 4, "crop_px": 16, "photos_per_batch": 2, "backbone_params": {"width": 8}, "device": "cpu"}


def refusal_of_pretraining(photos: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        pretrain(PretrainConfig(photos=(photos,), **SMALL), JobControl(), lambda event: None)  # type: ignore[arg-type]
    assert caught.value.hint
    assert RunStore().list() == []
    return caught.value


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "no usable photo" in refusal_of_pretraining(tmp_path).message


def test_one_photo_alone_cannot_be_compared(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    shutil.copy(sorted(tiny_photos.noisy.iterdir())[0], tmp_path)
    refusal = refusal_of_pretraining(tmp_path)
    assert "only 1 usable photo" in refusal.message
    preflight_finding = preflight(PretrainConfig(photos=(tmp_path,), **SMALL), JobControl()).obstacle  # type: ignore[arg-type]
    assert preflight_finding is not None
    titles = [row.title for row in PRETEXTS.values() if row.min_photos == 1]
    assert len(titles) >= 2
    for hint in (refusal.hint, preflight_finding.hint):
        assert "at least 2" in hint
        assert "into parts" in hint
        assert all(title in hint for title in titles)


def test_what_is_offered_for_one_photo_works(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    whole = read_image(sorted(tiny_photos.noisy.iterdir())[0])
    (tmp_path / "one").mkdir()
    write_image(tmp_path / "one" / "whole.png", whole)
    config = PretrainConfig(photos=(tmp_path / "one",), pretext="neighbor2neighbor", **SMALL)  # type: ignore[arg-type]
    assert pretrain(config, JobControl(), lambda event: None).steps == 4
    (tmp_path / "parts").mkdir()
    for name, half in (("left", np.s_[:, :56]), ("right", np.s_[:, 56:])):
        write_image(
            tmp_path / "parts" / f"{name}.png", whole.with_pixels(np.ascontiguousarray(whole.pixels[half]), None)
        )
    config = PretrainConfig(photos=(tmp_path / "parts",), **SMALL)  # type: ignore[arg-type]
    assert pretrain(config, JobControl(), lambda event: None).steps == 4


def test_labels_that_match_nothing(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    for index, path in enumerate(sorted(tiny_photos.clean.iterdir())):
        shutil.copy(path, tmp_path / f"{'abcdefgh'[index]} other.png")
    config = FinetuneConfig(noisy=(tiny_photos.noisy,), clean=(tmp_path,), **SMALL)  # type: ignore[arg-type]
    with pytest.raises(EngineError) as caught:
        finetune(config, JobControl(), lambda event: None)
    assert caught.value.hint
    assert RunStore().list() == []


def test_a_model_of_another_task(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    card = CARD.model_copy(update={"task": "sr2"})
    save_model(tmp_path / "model.safetensors", build_network(card).state_dict(), card)
    config = EvaluateConfig(
        model=tmp_path / "model.safetensors", task="denoise", noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,)
    )
    with pytest.raises(EngineError) as caught:
        evaluate(config, JobControl(), lambda event: None)
    assert caught.value.hint


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    """Such a photo is refused or mended, and a batch with it goes on."""
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = np.full((32, 32, 3), 0.5, np.float32)
    pixels[3, 4] = value
    tifffile.imwrite(photos / "broken.tif", pixels, photometric="rgb")
    write_image(photos / "sound.png", PhotoImage(np.full((32, 32, 3), 0.5, np.float32)))
    save_model(tmp_path / "model.safetensors", build_network(CARD).state_dict(), CARD)
    events: list[JobEvent] = []
    config = RestoreConfig(model=tmp_path / "model.safetensors", photos=(photos,), out=tmp_path / "out", device="cpu")
    result = restore(config, JobControl(), events.append)
    skipped = [event for event in events if isinstance(event, FileSkipped)]
    assert len(result.restored) + len(skipped) == 2
    assert all(event.reason and event.hint for event in skipped)
    for _, output in result.restored:
        assert np.isfinite(read_image(output).pixels).all()


@pytest.mark.parametrize("kind", ["all alike", "smaller than the crop", "gray among colour", "black"])
def test_photos_that_are_odd_still_train_or_are_refused(tmp_path: Path, tiny_photos: TinyPhotos, kind: str) -> None:
    for index, path in enumerate(sorted(tiny_photos.noisy.iterdir())[:4]):
        picture = cv2.imread(str(path))
        assert picture is not None
        if kind == "all alike":
            picture = np.full_like(picture, 128)
        elif kind == "black":
            picture = np.zeros_like(picture)
        elif kind == "smaller than the crop":
            picture = picture[:9, :11]
        elif index % 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        assert cv2.imwrite(str(tmp_path / path.name), picture)
    config = PretrainConfig(photos=(tmp_path,), **SMALL)  # type: ignore[arg-type]
    try:
        run = pretrain(config, JobControl(), lambda event: None).run
    except EngineError as error:
        outcome = error.hint
    else:
        outcome = "trained"
        weights = load_model(run).network.parameters()
        assert all(torch.isfinite(weight).all() for weight in weights)
    assert outcome


def test_a_model_of_a_newer_version_says_so(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    card = json.loads(CARD.model_dump_json()) | {"schema_version": 2, "mystery": True}
    save_file(build_network(CARD).state_dict(), tmp_path / "model.safetensors", {CARD_KEY: json.dumps(card)})
    with pytest.raises(ModelFileError, match="newer version of Residua") as caught:
        load_model(tmp_path / "model.safetensors")
    assert caught.value.hint == "Update Residua."


def test_a_folder_in_the_place_of_a_photo(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="a folder"):
        read_image(tmp_path)
