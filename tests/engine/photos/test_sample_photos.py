"""The sample photos: enough, large enough, each noisy in its own way, with their licences."""

from pathlib import Path

import numpy as np
import pytest

from engine.contracts.errors import InvalidInputError
from engine.photo_files.photos import probe_image, read_image
from engine.photos.folder import find_usable_photos, list_image_files
from engine.photos.pairs import match_pairs
from engine.photos.sample_photos import SamplePhotos, make_sample_photos


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> SamplePhotos:
    return make_sample_photos(tmp_path_factory.mktemp("samples"))


def test_there_are_enough_and_large_enough(samples: SamplePhotos) -> None:
    usable, skipped = find_usable_photos(list_image_files([samples.noisy]))
    assert skipped == []
    assert len(usable) >= 12
    assert all(min(info.width, info.height) >= 384 for _, info in usable)
    num_gray = sum(info.num_channels == 1 for _, info in usable)
    assert 2 <= num_gray < len(usable) / 2


def test_references_match_by_name(samples: SamplePhotos) -> None:
    noisy = list_image_files([samples.noisy])
    few = match_pairs(noisy, list_image_files([samples.clean]))
    every = match_pairs(noisy, list_image_files([samples.all_clean]))
    assert len(few.pairs) == 5
    assert len(every.pairs) == len(noisy)
    assert few.doubtful == every.doubtful == ()


def test_the_noise_differs_from_photo_to_photo_and_grows_with_brightness(samples: SamplePhotos) -> None:
    sigmas, grows = [], []
    for path in list_image_files([samples.noisy]):
        clean = read_image(samples.all_clean / path.name).pixels
        noise = read_image(path).pixels - clean
        # Where neither the noise nor the picture is clipped.
        middle = (clean > 0.25) & (clean < 0.75)
        dark, bright = noise[middle & (clean < 0.5)], noise[middle & (clean >= 0.5)]
        sigmas.append(float(noise[middle].std()))
        if min(dark.size, bright.size) > 5000:
            grows.append(bright.std() > dark.std())
        assert abs(float(noise[middle].mean())) < 0.02
    assert min(sigmas) < 12 / 255
    assert max(sigmas) > 30 / 255
    assert len({round(sigma, 3) for sigma in sigmas}) > 10
    assert np.mean(grows) > 0.8


def test_every_photo_has_its_licence(samples: SamplePhotos) -> None:
    text = samples.licences.read_text(encoding="utf-8")
    for path in list_image_files([samples.noisy]):
        _, _, entry = text.partition(f"\n{path.name}\n")
        entry = entry.split("\n\n")[0]
        assert "Licence: CC0" in entry or "Licence: public domain" in entry


def test_a_complete_set_is_left_alone_and_a_broken_one_is_mended(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    first = make_sample_photos(tmp_path, on_photo=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] == len(calls)
    victim = list_image_files([first.noisy])[0].file
    content = victim.read_bytes()
    make_sample_photos(tmp_path, on_photo=lambda *_: pytest.fail("made again"))
    victim.unlink()
    make_sample_photos(tmp_path)
    assert victim.read_bytes() == content
    make_sample_photos(tmp_path, seed=1)
    assert victim.read_bytes() != content


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInputError, match="could not be made"):
        make_sample_photos(tmp_path / "file")


def test_photos_are_8_bit_png(samples: SamplePhotos) -> None:
    infos = [probe_image(path) for path in list_image_files([samples.noisy])]
    assert {(info.bit_depth, info.file_format) for info in infos} == {(8, "png")}
