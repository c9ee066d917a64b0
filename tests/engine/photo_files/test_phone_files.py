"""HEIC and AVIF: read upright at their own depth, with what the camera noted; results go to other formats."""

from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.contracts.errors import ImageReadError
from engine.contracts.output_formats import FileFormat
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import encode_image, examine_photo, probe_image, read_image, read_thumbnail, write_image
from engine.photos.folder import list_image_files
from tests.engine.photo_files.test_picture_descriptions import XMP

FORMATS: tuple[FileFormat, ...] = ("jpeg", "png", "tiff", "webp")


def scene(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack([rows * 255 // height, columns * 255 // width, np.full_like(rows, 90)]).astype(np.uint8)


def test_an_avif_of_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Apple", "iPhone 7"
    Image.fromarray(scene()).save(path, quality=95, exif=exif)
    info, photo = probe_image(path), read_image(path)
    assert (info.width, info.height, info.bit_depth, info.file_format) == (60, 40, 8, "jpeg")
    assert np.abs(photo.pixels - scene() / 255).mean() < 0.02
    assert photo.metadata.file_format == "jpeg"
    assert not photo.metadata.is_lossless
    facts = examine_photo(path)
    assert (facts.content, facts.camera.camera, facts.num_bytes) == ("avif", "Apple iPhone 7", path.stat().st_size)
    assert list_image_files([tmp_path]) == [PhotoRef(path)]
    assert read_thumbnail(path, 30).shape == (20, 30, 3)
    write_image(tmp_path / "restored.jpg", photo)
    assert probe_image(tmp_path / "restored.jpg").file_format == "jpeg"


def test_the_xmp_of_an_avif_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    Image.fromarray(scene()).save(path, xmp=XMP)
    photo = read_image(path)
    for file_format in FORMATS:
        written = encode_image(photo, file_format=file_format)
        assert b'xmp:Rating="4"' in written, file_format
        assert b'tiff:Orientation="1"' in written


def test_the_xmp_of_a_phone_s_heic_is_kept(shared_data: Path) -> None:
    photo = read_image(shared_data / "odd_files" / "photoprism_misc" / "iphone_7.heic")
    assert photo.metadata.descriptions.xmp is not None
    assert b"2018-09-10T12:16:13" in encode_image(photo, file_format="jpeg")


def test_damaged_phone_files_say_so(tmp_path: Path) -> None:
    for name, brand in (("photo.heic", b"heic"), ("photo.avif", b"avif")):
        path = tmp_path / name
        path.write_bytes(b"\x00\x00\x00\x18ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(400))
        for read in (probe_image, read_image):
            with pytest.raises(ImageReadError, match="damaged"):
                read(path)
    cut = tmp_path / "cut.avif"
    file = BytesIO()
    Image.fromarray(scene()).save(file, "AVIF", quality=95)
    cut.write_bytes(file.getvalue()[:-200])
    with pytest.raises(ImageReadError):
        read_image(cut)


def test_a_phone_s_heic(shared_data: Path) -> None:
    path = shared_data / "odd_files" / "photoprism_misc" / "iphone_7.heic"
    facts, photo = examine_photo(path), read_image(path)
    assert (facts.info.width, facts.info.height) == (photo.width, photo.height)
    assert facts.content == "heic"
    assert facts.camera.camera == "Apple iPhone 7"
    assert facts.camera.iso == 20
    assert facts.camera.taken == datetime(2018, 9, 10, 12, 16, 13)
    assert photo.metadata.icc_profile
    assert 0.3 < float(photo.pixels.mean()) < 0.7
