"""The scan job: every file has one outcome, and the job can be paused and cancelled."""

import json
import os
import pickle
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from engine.contracts.blending import FULL, suggested_blend
from engine.contracts.configs import ScanConfig
from engine.contracts.events import FileSkipped, JobEvent, PhotoScanned, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.noise import noise_word, summarize_noise
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.machine.caches import KeptMeasures
from engine.machine.json_files import MAX_JSON_BYTES
from engine.machine.places import Place
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.scanning import PhotoMeasures
from tests.told_control import ToldControl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for number, sigma in ((1, 0.02), (2, 0.1), (10, 0.05)):
        pixels = 0.5 + generator.normal(0, sigma, (64, 96, 3))
        write_image(tmp_path / f"photo {number}.png", PhotoImage(pixels.astype(np.float32)))
    write_image(tmp_path / "sub.png", PhotoImage(np.zeros((4, 4, 1), np.float32)))
    (tmp_path / "empty.jpg").touch()
    whole = (tmp_path / "photo 1.png").read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def test_every_file_has_one_outcome(folder: Path) -> None:
    events: list[JobEvent] = []
    result = scan(ScanConfig(folders=(folder,)), JobControl(), events.append)
    assert [photo.path.name for photo in result.photos] == ["photo 1.png", "photo 2.png", "photo 10.png", "sub.png"]
    assert [photo.noise_sigma for photo in result.photos[:3]] == pytest.approx([0.02, 0.1, 0.05], rel=0.15)
    assert result.photos[3].noise_sigma is None
    assert result.photos[3].noise is None
    assert all(len(photo.noise_correlation) == 4 for photo in result.photos[:3])
    assert result.noise is not None
    assert result.noise.num_photos == 3
    assert result.noise.sigma == result.photos[2].noise_sigma
    assert result.noise.stride == 1
    assert (result.photos[0].width, result.photos[0].height) == (96, 64)
    assert {file.path.name: file.reason for file in result.skipped} == {
        "empty.jpg": "The file is empty.",
        "cut.png": "The picture is incomplete: the last 50 % of its rows are missing.",
    }
    assert [event for event in events if isinstance(event, PhotoScanned)] == list(result.photos)
    assert [event for event in events if isinstance(event, FileSkipped)] == list(result.skipped)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert (steps[0].step, steps[0].seconds_left) == (0, None)
    assert (steps[-1].step, steps[-1].num_steps, steps[-1].seconds_left) == (6, 6, 0)
    assert pickle.loads(pickle.dumps((events, result))) == (events, result)


def test_noise_is_judged_against_the_range_that_the_picture_uses(tmp_path: Path) -> None:
    """Counts of a microscope's camera, as it wrote them and stretched to 8 bits before."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:256, :256]
    light = np.exp(-((rows - 60 - 30 * np.sin(columns / 40)) ** 2) / 800) + 0.5 * np.exp(-((columns - 180) ** 2) / 3000)
    counts = np.rint(100 + 250 * light / light.max() + generator.normal(0, 12, light.shape)).astype(np.uint16)
    stretched = np.clip((counts - counts.min()) * 255.0 / np.ptp(counts), 0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "counts.tif", counts)
    tifffile.imwrite(tmp_path / "stretched.tif", stretched)
    dim, bright = scan(ScanConfig(folders=(tmp_path,)), JobControl(), lambda _: None).photos
    assert dim.noise is not None
    assert bright.noise is not None
    assert dim.noise.sigma == pytest.approx(bright.noise.sigma, rel=0.15)
    assert noise_word(dim.noise.sigma) == noise_word(bright.noise.sigma) == "Clear noise"
    assert dim.noise.stride == bright.noise.stride == 1


def test_noise_of_dim_eight_bits_is_judged_against_what_there_is_to_see(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:192, :192]
    light = 110 + 100 * np.sin(rows / 40) * np.sin(columns / 40)
    noisy = light + 40 * generator.standard_normal(light.shape)
    found = []
    for name, share in (("bright", 1.0), ("dim", 0.1)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", np.rint(share * noisy).clip(0, 255).astype(np.uint8))
        (photo,) = scan(ScanConfig(folders=(tmp_path / name,)), JobControl(), lambda event: None).photos
        assert photo.noise is not None
        found.append(photo.noise)
    bright, dim = found
    assert bright.seen_sigma == bright.sigma, "photographs are judged as they are"
    assert dim.sigma == pytest.approx(0.1 * bright.sigma, rel=0.2)
    assert noise_word(dim.sigma) == "Little noise"
    assert noise_word(dim.seen_sigma) == "Clear noise"
    assert suggested_blend(dim) == suggested_blend(bright) == FULL
    common = summarize_noise([dim])
    assert common is not None
    assert common.sentence.startswith("Clear noise: ")


def test_headers_alone_are_enough_without_the_noise(folder: Path) -> None:
    result = scan(ScanConfig(folders=(folder,), estimate_noise=False), JobControl(), lambda _: None)
    assert {photo.noise_sigma for photo in result.photos} == {None}
    assert result.noise is None
    assert len(result.photos) == 5


def test_subfolders_on_request_only(folder: Path) -> None:
    result = scan(ScanConfig(folders=(folder,), recursive=False), JobControl(), lambda _: None)
    assert "cut.png" not in {file.path.name for file in result.skipped}


def test_a_file_given_itself_has_its_reason(folder: Path) -> None:
    result = scan(ScanConfig(folders=(folder / "notes.txt",)), JobControl(), lambda _: None)
    assert "not a picture" in result.skipped[0].reason


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    result = scan(ScanConfig(folders=(tmp_path,)), JobControl(), lambda _: None)
    assert (result.photos, result.skipped, result.noise) == ((), (), None)


def test_cancelling_ends_the_job_at_the_next_file(folder: Path) -> None:
    control = JobControl()
    scanned: list[JobEvent] = []

    def cancel_after_the_first(event: JobEvent) -> None:
        if isinstance(event, PhotoScanned | FileSkipped):
            scanned.append(event)
            control.cancel()

    with pytest.raises(JobCancelled):
        scan(ScanConfig(folders=(folder,)), control, cancel_after_the_first)
    assert len(scanned) == 1


@pytest.mark.timeout(30)
def test_a_pause_stops_the_work_and_does_not_count(folder: Path) -> None:
    control = ToldControl()

    def resume_in_a_moment() -> None:
        assert control.waits.wait(20)
        time.sleep(0.2)
        control.resume()

    def pause_for_a_moment(event: JobEvent) -> None:
        if isinstance(event, PhotoScanned) and event.path.name == "photo 2.png":
            control.pause()
            threading.Thread(target=resume_in_a_moment).start()

    started = time.monotonic()
    result = scan(ScanConfig(folders=(folder,)), control, pause_for_a_moment)
    wall_seconds = time.monotonic() - started
    assert control.paused_seconds > 0
    assert len(result.photos) == 4
    assert 0 < result.seconds <= wall_seconds - control.paused_seconds


class TestKeptMeasures:
    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        path = tmp_path / "photo.png"
        pixels = 0.5 + np.random.default_rng(0).normal(0, 0.05, (64, 96, 3))
        write_image(path, PhotoImage(pixels.astype(np.float32)))
        return path

    def measure(self, photo: Path) -> PhotoScanned:
        return scan(ScanConfig(folders=(photo,)), JobControl(), lambda _: None).photos[0]

    def damage_unseen(self, photo: Path) -> None:
        """Make the pixels unreadable, but not the header, the size or the time: only a measuring would notice."""
        status = photo.stat()
        content = bytearray(photo.read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        photo.write_bytes(content)
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))

    def test_a_photo_is_decoded_once_and_again_when_it_has_changed(self, photo: Path) -> None:
        first = self.measure(photo)
        assert first.noise_sigma is not None
        self.damage_unseen(photo)
        assert self.measure(photo) == first
        os.utime(photo)
        result = scan(ScanConfig(folders=(photo,)), JobControl(), lambda _: None)
        assert [file.path for file in result.skipped] == [PhotoRef(photo)]

    @pytest.mark.parametrize("content", [b"{", b"[]", b'{"version": 1, "measures": 3}', b"\xff\x00"])
    def test_a_damaged_cache_means_measuring_anew(self, photo: Path, content: bytes) -> None:
        first = self.measure(photo)
        Place.MEASURED_PHOTOS.path().write_bytes(content)
        assert self.measure(photo) == first

    def test_damaged_entries_are_measured_anew(self, photo: Path) -> None:
        first = self.measure(photo)
        kept = json.loads(Place.MEASURED_PHOTOS.path().read_text())
        kept["measures"] = {key: {"width": "broad"} for key in kept["measures"]}
        Place.MEASURED_PHOTOS.path().write_text(json.dumps(kept))
        assert self.measure(photo) == first

    def test_of_too_many_the_oldest_are_forgotten(self, tmp_path: Path) -> None:
        kept = KeptMeasures(tmp_path / "cache.json", PhotoMeasures, version=1, limit=2)
        measures = PhotoMeasures(width=1, height=2, brightness=0.5, look=None)
        for name in ("a", "b", "c"):
            kept.add(name, measures)
        kept.save()
        again = KeptMeasures(tmp_path / "cache.json", PhotoMeasures, version=1, limit=2)
        assert [again.find(name) for name in ("a", "b", "c")] == [None, measures, measures]
        other = KeptMeasures(tmp_path / "cache.json", PhotoMeasures, version=2, limit=2)
        assert other.find("c") is None

    def test_no_more_is_written_than_is_read_again(self, tmp_path: Path) -> None:
        """As of very many photos in folders with long names."""
        measures = PhotoMeasures(width=1, height=2, brightness=0.5, look=None)
        names = [f"{number} {'ф' * 1_500_000}" for number in range(24)]
        odd = f"{os.fsdecode(bytes([255]))}{'b' * 1000}"
        kept = KeptMeasures(tmp_path / "cache.json", PhotoMeasures, version=1, limit=100)
        for name in [*names, odd]:
            kept.add(name, measures)
        kept.save()
        assert (tmp_path / "cache.json").stat().st_size <= MAX_JSON_BYTES
        again = KeptMeasures(tmp_path / "cache.json", PhotoMeasures, version=1, limit=100)
        assert [again.find(name) for name in names] == [None] * 2 + [measures] * 22
        assert again.find(odd) == measures
