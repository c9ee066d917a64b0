import os
import shutil

import numpy as np
import pytest
import tifffile

from engine.comparing.baselines.catalogue import BASELINES, Baseline
from engine.comparing.pictures import ComparisonPictureConfig, compute_picture, find_picture, kept_pictures
from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.devices import open_device
from engine.models.files import load_model
from engine.models.starters import starter_path
from engine.photo_files.photos import read_image
from engine.photos.stack_levels import levels_in_stack
from engine.restoring.restorer import Restorer


@pytest.fixture
def photo(tmp_path, tiny_photos):
    return shutil.copy(tiny_photos.noisy / "photo 2.png", tmp_path / "photo.png")


@pytest.fixture
def make(tmp_path, photo):
    def make(**settings):
        return ComparisonPictureConfig(photo=photo, folder=tmp_path / "pictures", **settings)

    return make


def compute(config):
    return compute_picture(config, JobControl(), lambda event: None)


def test_a_classical_method_is_what_the_registry_makes(make, photo):
    config = make(baseline="wavelet")
    assert find_picture(config) is None
    path = compute(config)
    assert find_picture(config) == path
    wanted = Baseline(BASELINES["wavelet"]).restore(read_image(photo).pixels)
    np.testing.assert_allclose(read_image(path).pixels, wanted, atol=0.51 / 255)


def test_a_page_is_seen_as_within_its_stack(tmp_path):
    """Of a series that bleaches: by itself the last page would be as bright as the first."""
    stack = tmp_path / "series.tif"
    counts = np.random.default_rng(0).poisson(400, (64, 64))
    tifffile.imwrite(stack, np.stack([100 + counts, 100 + counts // 2]).astype(np.uint16), photometric="minisblack")
    page, model = PhotoRef(stack, 2), starter_path("denoise")
    image = read_image(page)
    levels = levels_in_stack(page, image.metadata, 1)
    assert levels != image.metadata.levels
    wanted = Restorer(load_model(model), open_device(ComputeConfig())).restore(image.pixels, levels=levels)
    path = compute(ComparisonPictureConfig(photo=page, folder=tmp_path / "pictures", model=model))
    np.testing.assert_allclose(read_image(path).pixels, wanted, atol=0.51 / 65535)


def test_an_enlarged_one(make):
    image = read_image(compute(make(baseline="bicubic", scale=2)))
    assert (image.width, image.height) == (224, 192)


def test_a_model_is_what_restoring_gives(make, photo):
    model = starter_path("denoise")
    events = []
    path = compute_picture(make(model=model), JobControl(), events.append)
    wanted = Restorer(load_model(model), open_device(ComputeConfig())).restore(read_image(photo).pixels)
    np.testing.assert_allclose(read_image(path).pixels, wanted, atol=0.51 / 255)
    assert [event.step for event in events if isinstance(event, StepDone)][-1] == 1


def test_it_is_made_once(make):
    config = make(baseline="wavelet")
    path = compute(config)
    written = path.stat().st_ino
    assert compute(config) == path
    assert path.stat().st_ino == written


def test_what_changed_is_made_anew(make, photo):
    config = make(baseline="wavelet")
    compute(config)
    os.utime(photo, ns=(1, 1))
    assert find_picture(config) is None
    assert find_picture(make(baseline="total-variation")) is None


def test_the_folder_is_bounded_and_what_was_used_last_stays(make, tmp_path):
    first, second, third = (make(baseline=name) for name in ("wavelet", "total-variation", "non-local-means"))
    paths = [compute(config) for config in (first, second)]
    for age, path in enumerate(paths):
        os.utime(path, ns=(age * 10**9, age * 10**9))
    assert find_picture(first) == paths[0]
    (tmp_path / "pictures" / "mine.txt").write_text("x" * 1000)
    room = sum(path.stat().st_size for path in paths)
    third = third.model_copy(update={"limit_bytes": room})
    last = compute(third)
    assert (paths[0].exists(), paths[1].exists(), last.exists()) == (True, False, True)
    assert kept_pictures(tmp_path / "pictures", 0).make_room(keep={last.name}) is False
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(["mine.txt", last.name])


def test_a_stop_keeps_nothing(make, tmp_path):
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        compute_picture(make(baseline="wavelet"), control, lambda event: None)
    assert find_picture(make(baseline="wavelet")) is None


def test_what_cannot_be_made_says_why(make, tmp_path):
    with pytest.raises(InvalidInputError, match="mosaic"):
        compute(make(baseline="malvar"))
    with pytest.raises(InvalidInputError, match="nonsense"):
        compute(make(baseline="nonsense"))
    with pytest.raises(EngineError):
        compute(make(model=tmp_path / "no model.safetensors"))
    with pytest.raises(EngineError):
        compute(make(model=tmp_path))
    with pytest.raises(ValueError, match="not both"):
        make(baseline="wavelet", model=tmp_path)
    with pytest.raises(ValueError, match="not both"):
        make()
