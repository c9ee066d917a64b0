"""Raw files: what the sensor recorded, the picture made of it, and what is said where that cannot be done."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray

from engine.comparing.metrics import psnr
from engine.contracts.errors import ImageReadError
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import (
    is_raw_file,
    probe_image,
    read_image,
    read_independent_pixels,
    read_raw_mosaic,
    read_thumbnail,
)
from engine.photo_files.raw.bare import MosaicDescription, find_recorded_order, rearrange
from engine.photo_files.raw.corrections.defects import correct_defects
from engine.photo_files.raw.files import NotAMosaicError
from engine.photo_files.raw.mosaic import FILTER_ORDERS, RawMosaic, demosaick_simply, encode, exposure_gain, superpixels
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear
from engine.photos.folder import list_image_files

BLACK, WHITE = 600, 15520
GAINS = (1.94921875, 1.0, 1.34375)
ROSE = {
    "bit_depth": 14,
    "black": BLACK,
    "white": WHITE,
    "white_balance": GAINS,
    "color_matrix": [[0.902, -0.289, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]],
}


def draw_scene(height: int, width: int) -> NDArray[np.float32]:
    """Linear camera colours with edges in all directions and all three channels."""
    rows, columns = np.mgrid[0:height, 0:width]
    scene = np.stack([0.25 + 0.1 * columns / width, 0.3 + 0.1 * rows / height, 0.3 - 0.1 * rows / height], axis=2)
    for index, (row, column) in enumerate(((0.3, 0.3), (0.6, 0.7), (0.8, 0.2))):
        scene[np.hypot(rows - row * height, columns - column * width) < min(height, width) / 5, :] *= 0.4 + 0.4 * index
    return scene.astype(np.float32)


def mosaic_of(scene: NDArray[np.float32], order: str) -> NDArray[np.float32]:
    mosaic = np.empty(scene.shape[:2], np.float32)
    for position, colour in enumerate(order):
        row, column = divmod(position, 2)
        mosaic[row::2, column::2] = scene[row::2, column::2, "RGB".index(colour)]
    return mosaic


def raw_of(scene: NDArray[np.float32], order: Any = "RGGB", **values: Any) -> RawMosaic:
    return RawMosaic(mosaic=mosaic_of(scene, order), order=order, white_balance=(1.0, 1.0, 1.0), **values)


def write_bare(path: Path, levels: NDArray[Any], description: dict[str, Any] | None = None) -> Path:
    path.write_bytes(levels.astype("<u2").tobytes())
    if description is not None:
        path.with_name(f"{path.name}.json").write_text(json.dumps(description))
    return path


@pytest.fixture
def rose(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with the four orders of one recording and what is known of its camera."""
    for path in (shared_data / "raw" / "bayer_plain").iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "mosaics.json").write_text(json.dumps(ROSE))
    return tmp_path


@pytest.mark.parametrize("order", FILTER_ORDERS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (24, 31)])
def test_every_order_is_encoded_with_red_top_left(order: Any, size: tuple[int, int]) -> None:
    scene = np.broadcast_to(np.float32([0.5, 0.25, 0.125]), (*size, 3))
    encoded = encode(raw_of(scene, order))
    expected = mosaic_of(np.broadcast_to(np.float32([0.5, 0.25, 0.125]), (*encoded.pixels.shape[:2], 3)), "RGGB")
    assert encoded.pixels.shape == (size[0] + encoded.top, size[1] + encoded.left, 1)
    if min(size) > 1:
        np.testing.assert_allclose(encoded.pixels[:, :, 0], srgb_from_linear(expected), atol=1e-6)


@pytest.mark.parametrize(("order", "top", "left"), [("RGGB", 0, 0), ("GRBG", 0, 1), ("GBRG", 1, 0), ("BGGR", 1, 1)])
def test_a_sensor_that_begins_elsewhere_shows_the_same_picture(order: Any, top: int, left: int) -> None:
    scene = draw_scene(40, 48)
    whole = demosaick_simply(raw_of(scene))
    part = demosaick_simply(raw_of(scene[top:, left:], order))
    np.testing.assert_allclose(part[4:-4, 4:-4], whole[top:, left:][4:-4, 4:-4], atol=1e-6)


def test_orientation_turns_picture_and_superpixels(tmp_path: Path) -> None:
    scene = draw_scene(20, 30)
    upright, turned = raw_of(scene), raw_of(scene, orientation=6)
    # EXIF 6: what the sensor has at its left is at the top.
    np.testing.assert_array_equal(demosaick_simply(turned), np.rot90(demosaick_simply(upright), -1))
    np.testing.assert_array_equal(superpixels(turned), np.rot90(superpixels(upright), -1))


def test_a_superpixel_is_its_cell() -> None:
    scene = draw_scene(10, 13)
    mosaic = mosaic_of(scene, "GBRG")
    pixels = linear_from_srgb(superpixels(raw_of(scene, "GBRG")))
    assert pixels.shape == (5, 6, 3)
    expected = [mosaic[7, 4], (mosaic[6, 4] + mosaic[7, 5]) / 2, mosaic[6, 5]]
    np.testing.assert_allclose(pixels[3, 2], expected, atol=1e-6)


def test_saturated_highlights_are_white() -> None:
    raw = RawMosaic(
        mosaic=np.ones((8, 8), np.float32),
        order="RGGB",
        white_balance=(2.0, 1.0, 1.5),
        camera_to_srgb=((1.8, -0.9, 0.1), (-0.2, 1.7, -0.5), (0.0, -0.5, 1.5)),
    )
    np.testing.assert_allclose(demosaick_simply(raw), 1, atol=1e-5)


def test_only_a_very_dark_file_is_brightened() -> None:
    ordinary, dark, night = (
        RawMosaic(mosaic=np.full((8, 8), level, np.float32), order="RGGB", white_balance=(1, 1, 1))
        for level in (0.2, 0.06, 0.0001)
    )
    assert exposure_gain(ordinary) == 1
    assert exposure_gain(dark) == pytest.approx(3)
    assert exposure_gain(night) == 8


def test_the_curve_is_srgbs_and_turns_back() -> None:
    light = np.linspace(0, 1, 101, dtype=np.float32)
    # IEC 61966-2-1: 18 % gray and the end of the linear part.
    np.testing.assert_allclose(srgb_from_linear(np.float32([0.18, 0.0031308])), [0.46136, 0.04045], atol=2e-5)
    np.testing.assert_allclose(linear_from_srgb(srgb_from_linear(light)), light, atol=1e-6)


def test_defects_are_found_and_little_else_is_touched() -> None:
    rng = np.random.default_rng(0)
    clean = mosaic_of(draw_scene(200, 240), "RGGB")
    noisy = np.clip(clean + rng.normal(0, 0.01, clean.shape), 0, 1).astype(np.float32)
    # None stands beside another.
    rows, columns = (index.ravel() for index in np.mgrid[10:190:12, 10:230:12])
    broken = noisy.copy()
    broken[rows, columns] = rng.integers(0, 2, rows.size)
    corrected = correct_defects(broken)
    assert np.abs(corrected[rows, columns] - noisy[rows, columns]).max() < 0.15
    broken[rows, columns] = corrected[rows, columns] = 0
    assert np.count_nonzero(broken != corrected) < 5
    assert correct_defects(clean) is clean


def test_a_star_is_no_defect() -> None:
    rows, columns = np.mgrid[0:21, 0:21]
    star = np.exp(-((rows - 10) ** 2 + (columns - 10) ** 2) / (2 * 0.7**2)).astype(np.float32)
    assert correct_defects(star) is star


@pytest.mark.parametrize("order", FILTER_ORDERS)
def test_exchanged_samples_are_told_from_a_sensors_own(order: Any) -> None:
    rng = np.random.default_rng(1)
    texture = cv2.GaussianBlur(rng.standard_normal((64, 80)), (0, 0), 1).astype(np.float32)
    scene = draw_scene(64, 80) * (1 + texture[:, :, np.newaxis])
    own = mosaic_of(np.clip(scene, 0, 1), order)
    assert find_recorded_order(own, order) == order
    for other in FILTER_ORDERS:
        exchanged = rearrange(own, order, other)
        assert find_recorded_order(exchanged, other) == order
        np.testing.assert_array_equal(rearrange(exchanged, other, order), own)


def test_noise_alone_does_not_move_samples() -> None:
    noise = np.random.default_rng(2).random((64, 64), np.float32)
    for order in FILTER_ORDERS:
        assert find_recorded_order(noise, order) == order


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_a_bare_mosaic_is_what_its_side_car_says(tmp_path: Path, byte_order: str) -> None:
    scene = draw_scene(30, 40)
    levels = np.rint(mosaic_of(scene, "GRBG") * 4000 + np.tile([[60, 70], [80, 90]], (15, 20))).astype("<u2")
    path = tmp_path / "frame.raw"
    path.write_bytes(
        bytes(12) + levels.astype(levels.dtype.newbyteorder(">") if byte_order == "big" else "<u2").tobytes()
    )
    description = {
        "width": 40,
        "height": 30,
        "cfa": "grbg",
        "black": [60, 70, 80, 90],
        "white": 4090,
        "white_balance": [2, 1, 1.5],
        "camera_to_srgb": [[2, -0.5, 0.5], [0, 1, 0], [0, 0, 1]],
        "orientation": 6,
        "byte_order": byte_order,
        "header_bytes": 12,
        "recorded_cfa": "GRBG",
        "defect_correction": False,
    }
    (tmp_path / "frame.json").write_text(json.dumps(description))
    raw = read_raw_mosaic(path)
    assert raw.order == "GRBG"
    assert raw.white_balance == (2, 1, 1.5)
    assert raw.camera_to_srgb[0] == (1, -0.25, 0.25)
    np.testing.assert_allclose(raw.mosaic, mosaic_of(scene, "GRBG"), rtol=0.01, atol=2e-4)
    info = probe_image(path)
    assert (info.width, info.height, info.bit_depth, info.file_format) == (30, 40, 16, "tiff")
    assert read_image(path).pixels.shape == (40, 30, 3)
    assert read_independent_pixels(path).pixels.shape == (20, 15, 3)
    assert read_thumbnail(path, 20).shape == (20, 15, 3)


def test_a_name_may_say_it_all(tmp_path: Path) -> None:
    levels = np.rint(mosaic_of(draw_scene(30, 40), "BGGR") * 1000 + 16)
    path = write_bare(tmp_path / "night_40x30_bggr_10bit.bin", levels)
    raw = read_raw_mosaic(path)
    assert (raw.order, raw.mosaic.shape) == ("BGGR", (30, 40))
    assert is_raw_file(path)
    write_bare(tmp_path / "other.bin", levels)
    assert list_image_files([tmp_path]) == [PhotoRef(path)]


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (None, "nothing says what they are: width, height, cfa"),
        ({"width": 4, "height": 4}, "nothing says what they are: cfa"),
        ({"width": 4, "height": 4, "cfa": "RGBG"}, "not valid: cfa"),
        ({"width": 0, "height": 4, "cfa": "RGGB"}, "not valid: width"),
        ({"width": 4, "height": 5, "cfa": "RGGB"}, "ends too early"),
        ({"width": 4, "height": 3, "cfa": "RGGB"}, "holds 32 bytes"),
        ({"width": 70000, "height": 70000, "cfa": "RGGB"}, "at most 400 megapixels"),
        ({"width": 4, "height": 4, "cfa": "RGGB", "black": 900, "white": 800}, "not above black"),
        ({"width": 4, "height": 4, "cfa": "RGGB", "iso": 100}, "not valid: iso"),
        (
            {
                "width": 4,
                "height": 4,
                "cfa": "RGGB",
                "color_matrix": np.eye(3).tolist(),
                "camera_to_srgb": [[1] * 3] * 3,
            },
            "not both",
        ),
    ],
)
def test_a_bad_description_is_named(tmp_path: Path, description: dict[str, Any] | None, reason: str) -> None:
    path = write_bare(tmp_path / "frame.raw", np.arange(16).reshape(4, 4), description)
    with pytest.raises(ImageReadError, match=reason) as caught:
        read_image(path)
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xff", b"[" * 100_000])
def test_a_damaged_side_car_is_named(tmp_path: Path, content: bytes) -> None:
    path = write_bare(tmp_path / "frame.raw", np.zeros((4, 4)))
    (tmp_path / "frame.raw.json").write_bytes(content)
    with pytest.raises(ImageReadError, match=r"frame\.raw\.json"):
        probe_image(path)


def test_every_field_of_the_description_is_explained() -> None:
    assert MosaicDescription.__doc__ is not None
    for name in MosaicDescription.model_fields:
        assert f"        {name}: " in MosaicDescription.__doc__


def test_a_photo_is_no_mosaic(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    assert not is_raw_file(path)
    with pytest.raises(NotAMosaicError, match="finished picture"):
        read_raw_mosaic(path)


def test_a_camera_raw_file_has_the_colours_that_libraw_gives_it(shared_data: Path) -> None:
    path = shared_data / "raw" / "camera" / "colorchart_rggb_1888x1182_16bit.dng"
    with rawpy.imread(str(path)) as raw:
        reference = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(2.4, 12.92), adjust_maximum_thr=0
        )
    photo, info = read_image(path), probe_image(path)
    assert (info.width, info.height) == (photo.width, photo.height) == (reference.shape[1], reference.shape[0])
    assert psnr(photo.pixels, (reference / 65535).astype(np.float32)) > 35
    np.testing.assert_allclose(photo.pixels.mean((0, 1)), reference.mean((0, 1)) / 65535, atol=0.01)
    assert read_raw_mosaic(path).order == "RGGB"
    assert read_thumbnail(path, 100).shape == (67, 100, 3)
    assert photo.metadata.exif is not None
    assert b"Canon EOS Kiss X4" in photo.metadata.exif


def test_a_linear_dng_is_a_photo(shared_data: Path) -> None:
    path = shared_data / "raw" / "camera" / "canon_eos_6d_linear_1224x816.dng"
    with pytest.raises(NotAMosaicError, match="not a mosaic"):
        read_raw_mosaic(path)
    photo, preview = read_image(path), read_thumbnail(path, 200)
    assert (photo.width, photo.height) == (1224, 816)
    small = cv2.resize(np.array(photo.pixels), preview.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.mean(axis=2).ravel(), preview.mean(axis=2).ravel())[0, 1] > 0.9


def test_the_four_orders_of_one_recording_are_one_picture(rose: Path) -> None:
    pictures = [
        read_image(path).pixels for path in [rose / f"dsc_1339_768x512_{order.lower()}.raw" for order in FILTER_ORDERS]
    ]
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])


def test_dead_and_hot_pixels_of_a_recording_are_corrected(rose: Path) -> None:
    sound = read_raw_mosaic(rose / "dsc_1339_768x512_rggb.raw").mosaic[:, :, np.newaxis]
    corrected = read_raw_mosaic(rose / "dsc_1339_768x512_rggb_bpc_test.raw").mosaic[:, :, np.newaxis]
    levels = np.fromfile(rose / "dsc_1339_768x512_rggb_bpc_test.raw", "<u2").reshape(512, 768, 1)
    uncorrected = np.clip((levels.astype(np.float32) - BLACK) / (WHITE - BLACK), 0, 1)
    assert psnr(srgb_from_linear(uncorrected), srgb_from_linear(sound)) < 35
    assert psnr(srgb_from_linear(corrected), srgb_from_linear(sound)) > 48


@pytest.mark.parametrize("folder", ["raw_header_only", "raw_truncated"])
def test_a_damaged_raw_file_is_named_as_such(shared_data: Path, folder: str) -> None:
    num_refused = 0
    readers: tuple[Callable[[Path], Any], ...] = (read_image, read_raw_mosaic, read_independent_pixels)
    for path in sorted((shared_data / "odd_files" / folder).iterdir()):
        if not is_raw_file(path):
            continue
        for read in readers:
            with pytest.raises(ImageReadError) as caught:
                read(path)
            assert caught.value.hint
            num_refused += 1
    assert num_refused >= 3
