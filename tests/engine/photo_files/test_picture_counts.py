"""Files of several pictures: the first is taken, and a person is told. Pillow writes the files and counts too."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.contracts.configs import RestoreConfig, ScanConfig
from engine.contracts.events import ImageRestored, JobEvent
from engine.contracts.job_control import JobControl
from engine.jobs import scan
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.photos import examine_photo, read_image, read_samples
from engine.photo_files.picture_counts import count_pictures
from engine.restoring.job import restore

FORMATS = {"png": "PNG", "webp": "WEBP", "avif": "AVIF", "jpg": "MPO"}


def frames(num: int) -> list[Image.Image]:
    """Each of one colour, which no compression changes by much."""
    return [Image.new("RGB", (32, 24), (40 + 35 * number, 90, 200 - 35 * number)) for number in range(num)]


def write_animation(path: Path, num_frames: int) -> list[Image.Image]:
    pictures = frames(num_frames)
    pictures[0].save(path, FORMATS[path.suffix[1:]], save_all=True, append_images=pictures[1:])
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == num_frames
    return pictures


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("ending", FORMATS)
def test_the_first_of_several_is_taken_and_said_so(tmp_path: Path, ending: str, num_frames: int) -> None:
    path = tmp_path / f"pictures.{ending}"
    first = write_animation(path, num_frames)[0]
    assert examine_photo(path).num_pictures == num_frames
    photo = read_image(path)
    assert np.abs(photo.pixels - np.asarray(first) / 255).max() < 0.02
    assert len(photo.metadata.remarks) == (num_frames > 1)
    assert all(f"{num_frames} pictures" in remark for remark in photo.metadata.remarks)


def test_previews_and_gain_maps_are_no_pictures(tmp_path: Path) -> None:
    """The types of CIPA DC-007, and what HDR photos of phones hold behind the picture."""
    path = tmp_path / "photo.jpg"
    write_animation(path, 3)
    content = bytearray(path.read_bytes())
    table = content.index(b"MPF\x00") + 4 + 50
    second, third = (struct.unpack_from("<I", content, table + 16 * index)[0] for index in (1, 2))
    assert (second, third) == (0, 0)
    struct.pack_into("<I", content, table + 16, 0x4001_0002)
    path.write_bytes(content)
    assert examine_photo(path).num_pictures == 2
    (offset,) = struct.unpack_from("<I", content, table + 2 * 16 + 8)
    start = content.index(b"MPF\x00") + 4 + offset
    assert content[start : start + 2] == b"\xff\xd8"
    xmp = b"http://ns.adobe.com/xap/1.0/\x00<x xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'/>"
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    path.write_bytes(content[: start + 2] + segment + content[start + 2 :])
    assert examine_photo(path).num_pictures == 1
    (remark,) = read_samples(path).metadata.remarks
    assert "gain map" in remark


def test_a_sequence_in_a_heic_file_counts_as_well(tmp_path: Path, shared_data: Path) -> None:
    """The track of an AVIF sequence behind a HEIC picture: pictures are counted by the same table in both."""
    animation = tmp_path / "animation.avif"
    write_animation(animation, 4)
    content = animation.read_bytes()
    start = content.index(b"moov") - 4
    movie = content[start : start + int.from_bytes(content[start : start + 4], "big")]
    still = (shared_data / "odd_files" / "pillow_avif" / "hopper.heif").read_bytes()
    path = tmp_path / "burst.heic"
    path.write_bytes(still)
    assert examine_photo(path).num_pictures == 1
    path.write_bytes(still + movie)
    assert examine_photo(path).num_pictures == 4
    assert "4 pictures" in read_image(path).metadata.remarks[0]


@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_tables_count_as_one_or_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pictures.{ending}"
    write_animation(path, 3)
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    kind = {"jpg": "jpeg"}.get(ending, ending)
    for _ in range(300):
        damaged = bytearray(content[: generator.integers(1, len(content) + 1)])
        for place in generator.integers(0, len(damaged), 6):
            damaged[place] = generator.integers(0, 256)
        path.write_bytes(damaged)
        with path.open("rb") as file:
            assert count_pictures(file, kind) >= 1


def test_scan_and_restore_tell(tmp_path: Path) -> None:
    path = tmp_path / "photos" / "three.webp"
    path.parent.mkdir()
    write_animation(path, 3)
    (scanned,) = scan(ScanConfig(folders=(path.parent,)), JobControl(), lambda event: None).photos
    assert scanned.num_pictures == 3
    card = ModelCard(name="test model", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    model = tmp_path / "identity.safetensors"
    save_model(model, build_network(card).state_dict(), card)
    events: list[JobEvent] = []
    config = RestoreConfig(model=model, photos=(path,), out=tmp_path / "out", device="cpu", report=True)
    result = restore(config, JobControl(), events.append)
    (event,) = [event for event in events if isinstance(event, ImageRestored)]
    assert "3 pictures" in event.remarks[0]
    assert result.outcomes[0].remarks == event.remarks
    (page,) = (tmp_path / "out").glob("*.html")
    assert event.remarks[0] in page.read_text(encoding="utf-8")


def test_the_command_line_tells(tmp_path: Path) -> None:
    path = tmp_path / "three.png"
    write_animation(path, 3)
    command = [sys.executable, "-m", "engine.cli", "scan", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "first of 3 pictures" in text
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout
    assert json.loads(said.splitlines()[-1])["photos"][0]["num_pictures"] == 3
