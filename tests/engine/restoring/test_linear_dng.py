"""Linear DNG: what is written of a raw file to be developed later, read by LibRaw, tifffile, Pillow and exiftool."""

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rawpy
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import ImageWriteError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.exif import append_exif_to_tiff
from engine.photo_files.metadata.provenance import is_intact, read_provenance
from engine.photo_files.photos import PhotoImage, examine_photo, read_image, read_thumbnail, write_image
from engine.restoring.job import restore
from tests.picture_makers import Picture, make_picture
from tests.raw_makers import TAKEN, exif_block, write_dng
from tests.trust.what_is_kept import PLAIN
from tests.trust.written_pictures import told_by_exiftool

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "raw" / "camera"
WHITE, BLACK = 16383, 512
NEUTRAL = (0.5, 1.0, 0.625)
MATRICES = {
    50721: (0.6461, -0.1164, -0.0857, -0.3825, 1.1597, 0.2534, -0.0416, 0.154, 0.6039),
    50722: (0.7164, -0.1916, -0.0431, -0.3361, 1.1600, 0.1995, -0.0172, 0.0926, 0.7476),
}
"""ColorMatrix1 and 2, of a camera."""
WHITE_BALANCES: dict[str, dict[str, Any]] = {
    "as shot": {"use_camera_wb": True},
    "daylight": {"use_camera_wb": False},
    "chosen": {"user_wb": [1.5, 1.0, 2.2, 1.0]},
}


def fractions(tag: int, values: tuple[float, ...], kind: str) -> tuple[Any, ...]:
    return (tag, kind, len(values), [part for value in values for part in (round(value * 10000), 10000)], True)


def write_raw(path: Path, scene: NDArray[Any], *more: tuple[Any, ...], is_mosaic: bool = True, **options: Any) -> Path:
    """Write camera colours, 0 to 1, as a DNG of a sensor with two calibrated lights. Shape: (height, width, 3)."""
    levels = np.rint(BLACK + scene * (WHITE - BLACK)).clip(0, WHITE).astype(np.uint16)
    if is_mosaic:
        mosaic = levels[:, :, 1].copy()
        mosaic[::2, ::2], mosaic[1::2, 1::2] = levels[::2, ::2, 0], levels[1::2, 1::2, 2]
        levels = mosaic
    black = (50714, "H", 1 if is_mosaic else 3, BLACK if is_mosaic else (BLACK,) * 3, True)
    tags = [(50778, "H", 1, 17, True), (50779, "H", 1, 21, True), fractions(50728, NEUTRAL, "2I")]
    tags += [fractions(tag, values, "2i") for tag, values in MATRICES.items()]
    write_dng(path, levels, [black, *more], white=WHITE, colours=tags, **options)
    order = options.get("byteorder", "<")
    file = io.BytesIO(path.read_bytes())
    append_exif_to_tiff(file, exif_block(order))
    path.write_bytes(file.getvalue())
    return path


def chart(height: int = 96, width: int = 128) -> NDArray[np.float64]:
    """Eight gray patches from dark to bright as the sensor sees them, above a ramp of colours."""
    rows, columns = np.mgrid[0:height, 0:width]
    gray = 0.04 + 0.6 * (columns * 8 // width) / 8
    scene = gray[:, :, np.newaxis] * np.array(NEUTRAL)
    ramp = (rows / height)[:, :, np.newaxis] * np.array([0.3, 0.2, 0.1]) + (columns / width)[:, :, np.newaxis] * 0.2
    return np.where((rows < height // 2)[:, :, np.newaxis], scene, ramp)


def write_model(folder: Path, task: str = "denoise") -> Path:
    """A network that has learned nothing: it changes no photo, and interpolates a mosaic."""
    card = ModelCard(name="test", task=task, backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    path = folder / f"{task}.safetensors"
    network = build_network(card)
    torch.nn.init.zeros_(network.backbone.head.weight)
    save_model(path, network.state_dict(), card)
    return path


def run(folder: Path, model: Path | None, *photos: Path, **fields: Any) -> RestoreResult:
    config = RestoreConfig(
        model=model or write_model(folder),
        photos=photos,
        out=folder / "out",
        format="dng",
        device="cpu",
        precision="32-true",
        **fields,
    )
    return restore(config, JobControl(), lambda event: None)


def restored(folder: Path, photo: Path, model: Path | None = None, **fields: Any) -> Path:
    ((_, output),) = run(folder, model, photo, **fields).restored
    return output


def light_of(path: Path) -> NDArray[Any]:
    """The picture itself, as tifffile finds it."""
    with tifffile.TiffFile(path) as tiff:
        pages = tiff.pages.first.pages
        assert pages is not None
        return np.asarray(pages[0].asarray(), np.float64) / 65535


def developed(path: Path, **settings: Any) -> NDArray[Any]:
    """By LibRaw, in 8 bits. Its own search for the brightest pixel is off: it would follow the noise."""
    with rawpy.imread(str(path)) as raw:
        picture = raw.postprocess(no_auto_bright=True, adjust_maximum_thr=0.0, output_bps=16, **settings)
        return np.asarray(picture, np.float64) / 257


def assert_looks_like(path: Path, original: Path, inside: int = 4) -> None:
    for name, settings in WHITE_BALANCES.items():
        one, other = developed(path, **settings), developed(original, **settings)
        assert one.shape == other.shape
        area = slice(inside, -inside)
        # Edges are interpolated otherwise; patches are not.
        difference = np.abs(one - other)[area, area]
        assert np.median(difference) < 1, name
        assert np.abs((one - other)[area, area].mean((0, 1))).max() < 1, name


@pytest.mark.parametrize("task", ["denoise", "demosaick"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_light_is_the_sensors(tmp_path: Path, task: str, order: str) -> None:
    scene = chart()
    original = write_raw(tmp_path / "a.dng", scene, byteorder=order)
    output = restored(tmp_path, original, write_model(tmp_path, task))
    assert output.name == "a_restored.dng"
    light = light_of(output)
    assert light.shape == scene.shape
    np.testing.assert_allclose(light[50:92, 4:-4], scene[50:92, 4:-4], atol=2e-3)
    # In the middle of the patches, by which white is balanced.
    for column in range(8, 128, 16):
        patch = light[8:40, column - 2 : column + 2].mean((0, 1))
        np.testing.assert_allclose(patch, scene[20, column], atol=5e-4)
    assert_looks_like(output, original)


@pytest.mark.parametrize("is_mosaic", [True, False])
def test_white_balance_stays_open(tmp_path: Path, is_mosaic: bool) -> None:
    original = write_raw(tmp_path / "a.dng", chart(), is_mosaic=is_mosaic)
    output = restored(tmp_path, original)
    with rawpy.imread(str(original)) as before, rawpy.imread(str(output)) as after:
        assert after.camera_whitebalance == pytest.approx(before.camera_whitebalance)
        assert after.daylight_whitebalance == pytest.approx(before.daylight_whitebalance)
        np.testing.assert_allclose(after.rgb_xyz_matrix, before.rgb_xyz_matrix)
        assert after.white_level == 65535
        assert after.raw_type is rawpy.RawType.Stack
    assert_looks_like(output, original)


def test_exiftool_reads_what_a_developer_needs(tmp_path: Path) -> None:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    curve = (50940, "f", 6, (0.0, 0.0, 0.5, 0.6, 1.0, 1.0), True)
    exposures = [fractions(50730, (0.35,), "2i"), (51109, "2i", 1, (0, 0), True)]
    output = restored(tmp_path, write_raw(tmp_path / "a.dng", chart(), curve, *exposures))
    told = subprocess.run(
        [exiftool, "-j", "-n", "-G1", "-validate", "-all", str(output)], capture_output=True, check=True
    )
    (said,) = json.loads(told.stdout)
    assert said["ExifTool:Validate"] == "0 0 0"
    expected: dict[str, Any] = {
        "DNGVersion": "1 4 0 0",
        "UniqueCameraModel": "TestCam 1",
        "Make": "TestMaker",
        "Model": "TestCam 1",
        "CalibrationIlluminant1": 17,
        "CalibrationIlluminant2": 21,
        "AsShotNeutral": "0.5 1 0.625",
        "ColorMatrix1": " ".join(f"{value:g}" for value in MATRICES[50721]),
        "ColorMatrix2": " ".join(f"{value:g}" for value in MATRICES[50722]),
        "ProfileToneCurve": "0 0 0.5 0.600000023841858 1 1",
        "BaselineExposure": 0.35,
        "Orientation": 1,
        "SubfileType": 1,
    }
    assert {name: said.get(f"IFD0:{name}") for name in expected} == expected
    # It had no value.
    assert "IFD0:BaselineExposureOffset" not in said
    of_picture = {
        "SubfileType": 0,
        "PhotometricInterpretation": 34892,
        "SamplesPerPixel": 3,
        "BitsPerSample": "16 16 16",
        "BlackLevel": "0 0 0",
        "WhiteLevel": "65535 65535 65535",
        "DefaultCropSize": "128 96",
    }
    assert {name: said.get(f"SubIFD:{name}") for name in of_picture} == of_picture
    assert said["ExifIFD:ISO"] == 800
    assert said["ExifIFD:DateTimeOriginal"] == TAKEN
    assert said["GPS:GPSLatitude"] == pytest.approx(52 + 31 / 60 + 12 / 3600)
    assert said["XMP-residua:Source"] == "a.dng"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(tmp_path: Path, orientation: int) -> None:
    original = write_raw(tmp_path / "a.dng", chart())
    content = bytearray(original.read_bytes())
    with tifffile.TiffFile(original) as tiff:
        content[tiff.pages.first.tags[274].valueoffset] = orientation
    original.write_bytes(content)
    output = restored(tmp_path, original)
    assert_looks_like(output, original)
    assert examine_photo(output).info == examine_photo(original).info


def test_previews_show_it_as_it_is(tmp_path: Path) -> None:
    original = write_raw(tmp_path / "a.dng", np.kron(chart(), np.ones((8, 8, 1))))
    output = restored(tmp_path, original)
    expected = read_image(original, raw_look="camera").pixels[::8, ::8].mean((0, 1)) * 255
    with rawpy.imread(str(output)) as raw:
        preview = raw.extract_thumb()
    assert preview.format is rawpy.ThumbFormat.JPEG
    with Image.open(io.BytesIO(preview.data)) as image:
        assert image.size == (1024, 768)
        np.testing.assert_allclose(np.asarray(image).mean((0, 1)), expected, atol=1)
    thumbnail = tifffile.imread(output, key=0)
    assert thumbnail.shape == (192, 256, 3)
    np.testing.assert_allclose(thumbnail.mean((0, 1)), expected, atol=1)
    np.testing.assert_allclose(read_thumbnail(output, 512).mean((0, 1)), expected, atol=1)


@pytest.mark.parametrize("darkness", [1.0, 0.1])
@pytest.mark.parametrize("top", [1.0, 0.8])
def test_this_program_shows_it_as_its_original(tmp_path: Path, darkness: float, top: float) -> None:
    """Also where the sensor saturated below what the file states, and where the file is so dark that it is lifted."""
    scene = chart() * darkness
    if darkness == 1:
        scene[56:72, 40:72] = top
    original = write_raw(tmp_path / "a.dng", np.minimum(scene, top))
    output = restored(tmp_path, original)
    before, after = (read_image(path).pixels for path in (original, output))
    assert abs(after - before).mean() < 1e-3
    # All but the edge of what is saturated.
    assert np.quantile(abs(after - before), 0.99) < 2e-3
    assert_looks_like(output, original)


def test_highlights_beyond_the_white_of_a_picture_are_there(tmp_path: Path) -> None:
    """Red is balanced by 2: half of its range is white already, and is there for whoever exposes it less."""
    scene = np.broadcast_to(np.array([0.8, 0.9, 0.85]), (64, 64, 3)).copy()
    scene[:, 32:] = 1.0
    for task in ("denoise", "demosaick"):
        light = light_of(restored(tmp_path, write_raw(tmp_path / "a.dng", scene), write_model(tmp_path, task)))
        np.testing.assert_allclose(light[4:-4, 4:28], scene[4:-4, 4:28], atol=1e-3)
        assert (light[:, 36:] == 1).all()
        (tmp_path / "out" / "a_restored.dng").unlink()


def test_noise_goes_and_the_patches_stay(tmp_path: Path) -> None:
    scene = chart(192, 256)
    noise = np.random.default_rng(0).normal(0, 1, scene.shape) * np.sqrt(2e-5 + 6e-4 * scene)
    original = write_raw(tmp_path / "a.dng", scene + noise)
    output = restored(tmp_path, original, Path(__file__).parents[3] / "assets" / "starters" / "denoise.safetensors")
    for settings in WHITE_BALANCES.values():
        before, after = developed(original, **settings), developed(output, **settings)
        for column in range(16, 256, 32):
            area = slice(8, 88), slice(column - 11, column + 11)
            assert after[area].std((0, 1)).mean() < 0.5 * before[area].std((0, 1)).mean()
            # The encoded mean of noisy light is not that of the mean light.
            assert np.abs(linear(before[area]).mean((0, 1)) - linear(after[area]).mean((0, 1))).max() < 1 / 255


def linear(levels: NDArray[Any]) -> NDArray[Any]:
    """LibRaw's usual curve undone (ITU-R BT.709)."""
    encoded = levels / 255
    return np.where(encoded < 0.081, encoded / 4.5, ((encoded + 0.099) / 1.099) ** (1 / 0.45))


def test_a_bare_mosaic_becomes_one_that_looks_the_same(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:50, 0:70]
    path = tmp_path / "frame.raw"
    path.write_bytes((300 + 20 * columns + 10 * rows).astype("<u2").tobytes())
    about = {"width": 70, "height": 50, "cfa": "GBRG", "bit_depth": 12, "black": 64, "orientation": 6}
    path.with_name("frame.raw.json").write_text(json.dumps({**about, "white_balance": [2, 1, 1.5]}))
    output = restored(tmp_path, path)
    before = read_image(path).pixels
    with rawpy.imread(str(output)) as raw:
        settings: dict[str, Any] = {"use_camera_wb": True, "gamma": (2.4, 12.92), "no_auto_bright": True}
        after = raw.postprocess(output_bps=16, adjust_maximum_thr=0.0, **settings) / 65535
    np.testing.assert_allclose(after[4:-4, 4:-4], before[4:-4, 4:-4], atol=6e-3)
    np.testing.assert_allclose(read_image(output).pixels, before, atol=2e-3)


def test_other_photos_keep_their_format_and_say_so(tmp_path: Path) -> None:
    jpeg, raw = tmp_path / "photo.jpg", write_raw(tmp_path / "a.dng", chart())
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(jpeg, quality=90)
    result = run(tmp_path, None, jpeg, raw)
    assert [output.name for _, output in result.restored] == ["photo_restored.jpg", "a_restored.dng"]
    of_jpeg, of_raw = result.outcomes
    assert of_jpeg.remarks == ("Only raw files become DNG files; this photo is none and keeps its format, JPEG.",)
    assert of_raw.remarks == ()
    with Image.open(tmp_path / "out" / "photo_restored.jpg") as image:
        assert image.format == "JPEG"


def test_what_is_done_is_known_and_what_was_changed_is_not(tmp_path: Path) -> None:
    original = write_raw(tmp_path / "a.dng", chart())
    output = restored(tmp_path, original)
    assert is_intact(output)
    provenance = read_provenance(output)
    assert provenance is not None
    assert provenance.source == "a.dng"
    assert json.loads(provenance.settings)["format"] == "dng"
    (again,) = run(tmp_path, tmp_path / "denoise.safetensors", original).outcomes
    assert again.state == "done"
    content = bytearray(output.read_bytes())
    content[len(content) // 2] ^= 1
    output.write_bytes(content)
    (anew,) = run(tmp_path, tmp_path / "denoise.safetensors", original).outcomes
    assert (anew.state, anew.output) == ("restored", tmp_path / "out" / "a_restored_2.dng")


@pytest.mark.parametrize("metadata", ["keep", "without-gps", "none"])
def test_what_is_said_of_the_photo_is_as_chosen(tmp_path: Path, metadata: str) -> None:
    original = write_raw(tmp_path / "a.dng", chart())
    output = restored(tmp_path, original, metadata=metadata)
    with Image.open(output) as image:
        exif = image.getexif()
        assert (0x829A in exif.get_ifd(0x8769)) == (metadata != "none")
        assert bool(exif.get_ifd(0x8825)) == (metadata == "keep")
    # The colours mean the same.
    assert_looks_like(output, original)


def test_xmp_and_iptc_are_kept(tmp_path: Path) -> None:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    picture = Picture(
        file_format="DNG", depth="16 bits", channels="mosaic", colours=PLAIN, orientation=6, described="all", layout=""
    )
    output = restored(tmp_path, make_picture(tmp_path, "source", picture))
    assert output.suffix == ".dng"
    (said,) = told_by_exiftool(exiftool, [output])
    assert (said["Rating"], said["Keywords"], said["ISO"], said["Orientation"]) == (4, "harbour", 800, 1)


def test_no_finished_picture_becomes_one(tmp_path: Path) -> None:
    with pytest.raises(ImageWriteError, match="Only raw files"):
        write_image(tmp_path / "a.dng", PhotoImage(np.full((8, 8, 3), 0.5, np.float32)))
    assert not list(tmp_path.iterdir())


def test_a_restored_dng_is_restored_again(tmp_path: Path) -> None:
    original = write_raw(tmp_path / "a.dng", chart())
    first = restored(tmp_path, original)
    second = restored(tmp_path, first)
    assert second.name == "a_restored_restored.dng"
    np.testing.assert_allclose(light_of(second), light_of(first), atol=1e-4)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the photos of ../shared")
@pytest.mark.parametrize(
    ("name", "patch"),
    [
        # The second gray of a colour chart; a dim wall.
        ("colorchart_rggb_1888x1182_16bit", (slice(899, 959), slice(782, 842))),
        ("canon_eos_6d_linear_1224x816", (slice(300, 400), slice(500, 600))),
    ],
)
def test_a_cameras_file_looks_like_the_original_without_its_noise(
    tmp_path: Path, name: str, patch: tuple[slice, slice]
) -> None:
    original = SHARED / f"{name}.dng"
    output = restored(tmp_path, original)
    assert PhotoRef(output).suffix == ".dng"
    for settings in WHITE_BALANCES.values():
        before, after = developed(original, **settings), developed(output, **settings)
        assert before.shape == after.shape
        assert np.abs(before[patch].mean((0, 1)) - after[patch].mean((0, 1))).max() < 1
