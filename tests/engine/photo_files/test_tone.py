"""The base curve of raw files: what it does to values, and how it is found in the camera's picture."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import rawpy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine.photo_files.photos import read_image, read_tone, write_image
from engine.photo_files.sensors.tone import USUAL_TONE, ToneCurve, fit_tone
from tests.raw_makers import write_dng

LUMA = (0.2126, 0.7152, 0.0722)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "raw" / "camera"


def scene(height: int = 120, width: int = 180) -> NDArray[np.float32]:
    """A dark picture with a few highlights, in sRGB."""
    rows, columns = np.mgrid[0:height, 0:width] / width
    light = 0.02 + 0.2 * columns * rows + 0.7 * np.exp(-300 * ((rows - 0.3) ** 2 + (columns - 0.6) ** 2))
    return np.stack([light, 0.8 * light, 0.6 * light], axis=2).astype(np.float32) ** np.float32(1 / 2.2)


def as_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def by_formula(tone: ToneCurve, values: NDArray[np.float64]) -> NDArray[np.float64]:
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) ** tone.contrast
    lifted = light * (tone.lift + light) / (1 + tone.lift * light)
    return np.where(lifted <= 0.0031308, lifted * 12.92, 1.055 * lifted ** (1 / 2.4) - 0.055)


@given(st.floats(1 / 32, 512), st.floats(0.8, 1.6))
def test_a_curve_rises_from_black_to_white(lift: float, contrast: float) -> None:
    tone = ToneCurve(lift, contrast)
    values = np.linspace(0, 1, 4096)
    toned = tone.applied(values.astype(np.float32))
    assert (toned[0], toned[-1]) == (0, pytest.approx(1, abs=1e-6))
    assert (np.diff(toned) >= 0).all()
    # A number of 16 bits more or less, where it is steepest.
    slope = float(np.abs(np.diff(by_formula(tone, np.linspace(0, 1, 65536)))).max())
    np.testing.assert_allclose(toned, by_formula(tone, values), atol=slope + 1e-5)


def test_no_lift_and_no_contrast_change_nothing() -> None:
    values = scene()
    np.testing.assert_allclose(ToneCurve(1, 1).applied(values), values, atol=2e-5)


def test_a_curve_can_be_undone() -> None:
    values, tone = scene(), ToneCurve(3, 1.2)
    np.testing.assert_allclose(tone.undone(tone.applied(values)), values, atol=1e-4)


@pytest.mark.parametrize("sample_type", ["uint8", "uint16"])
def test_the_table_is_the_curve(sample_type: str) -> None:
    tone = ToneCurve(4, 1.1)
    numbers = np.arange(65536, dtype=np.uint16)
    table = tone.table(sample_type)  # type: ignore[arg-type]
    expected = np.rint(by_formula(tone, numbers / 65535) * np.iinfo(table.dtype).max)
    assert table.dtype == sample_type
    np.testing.assert_allclose(table[numbers].astype(int), expected, atol=1)


@pytest.mark.parametrize("made", [ToneCurve(2.6, 1.15), ToneCurve(8, 1.4), ToneCurve(0.6, 1.0), ToneCurve(1, 1)])
@pytest.mark.parametrize("side_px", [1, 3])
def test_the_cameras_curve_is_found_in_its_picture(made: ToneCurve, side_px: int) -> None:
    neutral = scene()
    preview = as_bytes(by_formula(made, neutral.astype(np.float64)).astype(np.float32))[::side_px, ::side_px]
    found = fit_tone(neutral, preview)
    shown = found.applied(neutral)
    assert abs((shown @ LUMA).mean() * 255 - (preview @ LUMA).mean()) < 1
    np.testing.assert_allclose(shown, by_formula(made, neutral.astype(np.float64)), atol=0.03)


def test_a_camera_of_another_curve_is_as_bright() -> None:
    """No camera's curve is of this family; and its colours are stronger."""
    neutral = scene()
    stronger = neutral + 0.2 * (neutral - neutral.mean(axis=2, keepdims=True))
    preview = as_bytes(np.clip(0.5 - 0.5 * np.cos(np.pi * np.clip(stronger * 1.3, 0, 1)), 0, 1).astype(np.float32))
    shown = fit_tone(neutral, preview).applied(neutral)
    assert abs((shown @ LUMA).mean() * 255 - (preview @ LUMA).mean()) < 1


def test_a_picture_of_something_else_and_no_picture_give_the_usual_curve() -> None:
    neutral = scene()
    assert fit_tone(neutral, None) == USUAL_TONE
    assert fit_tone(neutral, as_bytes(1 - neutral)) == USUAL_TONE


def test_a_flat_picture_gives_its_brightness() -> None:
    neutral = np.full((40, 60, 3), 0.2, np.float32)
    found = fit_tone(neutral, np.full((20, 30, 3), 128, np.uint8))
    np.testing.assert_allclose(found.applied(neutral) * 255, 128, atol=0.6)


def camera_file(path: Path, preview: NDArray[np.uint8] | None) -> Path:
    """A mosaic of the scene, with a picture of the camera's."""
    light = np.kron(scene().astype(np.float64) ** 2.2, np.ones((2, 2, 1)))
    mosaic = light[:, :, 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    return write_dng(path, np.rint(mosaic * 16383).astype(np.uint16), preview=preview)


def test_a_raw_file_is_as_bright_as_its_preview(tmp_path: Path) -> None:
    preview = as_bytes(scene() ** np.float32(0.6))
    path = camera_file(tmp_path / "a.dng", preview)
    neutral, looked = read_image(path).pixels, read_image(path, raw_look="camera").pixels
    assert (neutral @ LUMA).mean() * 255 < (preview @ LUMA).mean() - 20
    assert abs((looked @ LUMA).mean() * 255 - (preview @ LUMA).mean()) < 1
    tone = read_tone(path)
    assert tone is not None
    np.testing.assert_array_equal(tone.applied(neutral), looked)


def test_files_without_a_picture_get_the_usual_curve_and_photos_none(tmp_path: Path) -> None:
    assert read_tone(camera_file(tmp_path / "a.dng", None)) == USUAL_TONE
    bare = tmp_path / "b.raw"
    bare.write_bytes(np.full((40, 40), 900, "<u2").tobytes())
    bare.with_name("b.raw.json").write_text(json.dumps({"width": 40, "height": 40, "cfa": "RGGB", "bit_depth": 12}))
    assert read_tone(bare) == USUAL_TONE
    photo = tmp_path / "c.png"
    write_image(photo, read_image(bare))
    assert read_tone(photo) is None
    np.testing.assert_array_equal(read_image(photo, raw_look="camera").pixels, read_image(photo).pixels)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the photos of ../shared")
def test_a_cameras_file_is_as_bright_as_its_preview() -> None:
    path = SHARED / "canon_eos_6d_linear_1224x816.dng"
    with rawpy.imread(str(path)) as raw:
        preview = raw.extract_thumb()
    with Image.open(io.BytesIO(preview.data)) as image:
        of_camera = (np.asarray(image.convert("RGB")) @ LUMA).mean()
    shown = (read_image(path, raw_look="camera").pixels @ LUMA).mean() * 255
    assert abs(shown - of_camera) < 1
