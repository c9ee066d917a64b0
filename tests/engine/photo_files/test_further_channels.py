"""Channels beside the colours: infrared and stains are restored as what they are, hidden colours stay hidden."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import ImageWriteError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.photo_files.colour.transparency import spread_visible_colours
from engine.photo_files.photos import probe_image, read_image, read_thumbnail
from engine.restoring.job import restore
from engine.restoring.output_plan import OutputPlan
from engine.restoring.sources import SourcePhoto

PARAMS = UNetParams(width=8, num_levels=2).model_dump()


def make_model(path: Path, task: str = "denoise", effect: float = 0.0) -> Path:
    card = ModelCard(name="test model", backbone_params=PARAMS)
    if task != "denoise":
        card = card.model_copy(update={"task": task})
    torch.manual_seed(0)
    network = build_network(card)
    if effect:
        torch.nn.init.normal_(network.get_parameter("head.weight"), std=effect)
    save_model(path, network.state_dict(), card)
    return path


def restored(model: Path, photo: Path, out: Path, **fields: Any) -> Path:
    config = RestoreConfig(model=model, photos=(photo,), out=out, device="cpu", precision="32-true", **fields)
    result = restore(config, JobControl(), lambda event: None)
    assert not result.failed, result.failed
    return result.restored[0][1]


def channels(count: int, dtype: type = np.uint16) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (24, 20, count), dtype)


KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "infrared": (4, {"photometric": "rgb", "extrasamples": ["unspecified"]}),
    "stains": (4, {"photometric": "minisblack", "planarconfig": "contig"}),
    "two stains": (2, {"photometric": "minisblack", "planarconfig": "contig"}),
    "transparency": (4, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
}


def kind_of(path: Path) -> tuple[str, list[int], tuple[int, ...]]:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        return page.photometric.name, [int(kind) for kind in page.extrasamples], page.shape


@pytest.mark.parametrize("name", ["infrared", "two stains"])
def test_a_further_channel_is_restored_as_a_gray_picture(tmp_path: Path, name: str) -> None:
    count, options = KINDS[name]
    tifffile.imwrite(tmp_path / "a.tif", channels(count), metadata=None, **options)
    tifffile.imwrite(tmp_path / "b.tif", channels(count)[:, :, -1], photometric="minisblack")
    model = make_model(tmp_path / "m.safetensors", effect=0.01)
    whole = tifffile.imread(restored(model, tmp_path / "a.tif", tmp_path / "out"))
    alone = tifffile.imread(restored(model, tmp_path / "b.tif", tmp_path / "out"))
    assert np.abs(alone.astype(int) - channels(count)[:, :, -1]).max() > 100, "the model does something"
    np.testing.assert_array_equal(whole[:, :, -1], alone)


def test_a_further_channel_is_enlarged(tmp_path: Path) -> None:
    count, options = KINDS["infrared"]
    tifffile.imwrite(tmp_path / "a.tif", channels(count), metadata=None, **options)
    out = restored(make_model(tmp_path / "m.safetensors", task="sr2"), tmp_path / "a.tif", tmp_path / "out")
    assert kind_of(out) == ("RGB", [0], (48, 40, 4))


def test_four_samples_of_which_nothing_is_said_are_no_transparency(tmp_path: Path) -> None:
    """A file without ExtraSamples: written by hand, since tifffile always states them."""
    tifffile.imwrite(tmp_path / "a.tif", channels(4), photometric="rgb", extrasamples=["unspecified"], metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        entry = file.pages.first.tags[338].offset
    # A private tag in its place.
    content[entry : entry + 2] = (65000).to_bytes(2, "little")
    (tmp_path / "b.tif").write_bytes(content)
    photo = read_image(tmp_path / "b.tif")
    assert photo.alpha is None
    assert photo.extra is not None
    np.testing.assert_array_equal(np.rint(photo.extra * 65535), channels(4)[:, :, 3:])
    assert read_thumbnail(tmp_path / "b.tif", 100).shape == (24, 20, 3)


def disc(hidden: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:48, 0:48] - 23.5
    alpha = np.clip(18.5 - np.hypot(rows, columns), 0, 1)
    pixels = np.empty((48, 48, 4), np.uint8)
    pixels[:, :, :3] = np.where(alpha[:, :, None] > 0, [230, 60, 40], hidden)
    pixels[:, :, 3] = np.rint(255 * alpha)
    return pixels


@pytest.mark.parametrize("task", ["denoise", "sr2"])
def test_hidden_colours_do_not_reach_the_edge(tmp_path: Path, task: str) -> None:
    model = make_model(tmp_path / "m.safetensors", task=task, effect=0.002)
    seen = []
    for hidden in (0, 255):
        source = tmp_path / f"hidden {hidden}.png"
        source.write_bytes(imagecodecs.png_encode(disc(hidden)))
        result = imagecodecs.png_decode(restored(model, source, tmp_path / "out").read_bytes())
        alpha = result[:, :, 3:] / 255
        seen.append(result[:, :, :3] * alpha + 255 * (1 - alpha))
        if task == "denoise":
            np.testing.assert_array_equal(result[0, 0], disc(hidden)[0, 0])
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-6)


def test_an_enlarged_disc_has_no_rim(tmp_path: Path) -> None:
    source = tmp_path / "disc.png"
    source.write_bytes(imagecodecs.png_encode(disc(0)))
    out = restored(make_model(tmp_path / "m.safetensors", task="sr2"), source, tmp_path / "out")
    result = imagecodecs.png_decode(out.read_bytes())
    assert np.abs(result[result[:, :, 3] > 0][:, :3].astype(int) - [230, 60, 40]).max() <= 1
    assert len(np.unique(result[:, :, 3])) > 50, "its edge is interpolated"


def test_spreading_takes_the_nearest_visible_colour() -> None:
    generator = np.random.default_rng(0)
    colours = generator.random((12, 15, 3), np.float32)
    alpha = (generator.random((12, 15)) > 0.9).astype(np.float32)
    spread = spread_visible_colours(colours, alpha)
    places = np.argwhere(alpha > 0)
    for row, column in np.ndindex(12, 15):
        distances = np.hypot(*(places - [row, column]).T)
        # OpenCV's distances are those of a 5 x 5 mask.
        near = places[distances <= distances.min() * 1.05 + 1e-6]
        assert any((spread[row, column] == colours[tuple(place)]).all() for place in near)
    assert spread_visible_colours(colours, None) is colours
    assert spread_visible_colours(colours, np.zeros_like(alpha)) is colours


@pytest.mark.parametrize(
    ("name", "file_format", "words"),
    [
        ("infrared.tif", "png", "further channel"),
        ("transparency.tif", "jpeg", "transparency"),
        ("palette.png", "jpeg", "transparency"),
        ("clear.webp", "jpeg", "transparency"),
    ],
)
def test_what_no_file_can_hold_is_told_before_it_is_restored(
    tmp_path: Path, name: str, file_format: Any, words: str
) -> None:
    photo = tmp_path / name
    if photo.suffix == ".tif":
        count, options = KINDS[photo.stem]
        tifffile.imwrite(photo, channels(count), metadata=None, **options)
    else:
        clear = Image.fromarray(channels(4, np.uint8), "RGBA")
        if photo.suffix == ".png":
            clear = clear.convert("P")
            clear.info["transparency"] = 0
        clear.save(photo)
    info = probe_image(photo)
    read = read_image(photo)
    assert (info.has_alpha, info.num_extra > 0) == (read.alpha is not None, read.extra is not None)
    model = make_model(tmp_path / "model.safetensors")
    config = RestoreConfig(model=model, photos=(photo,), out=tmp_path / "out", format=file_format)
    source = SourcePhoto(photo=PhotoRef(photo), info=info, subfolder=Path())
    plan = OutputPlan(config, [source.photo], load_model(model).card, model)
    with pytest.raises(ImageWriteError, match=words):
        plan.claim(source)
    whole = OutputPlan(config.model_copy(update={"format": "tiff"}), [source.photo], load_model(model).card, model)
    assert whole.claim(source).state == "write"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_premultiplied_light_beyond_white_and_below_black_is_kept(tmp_path: Path, dtype: str) -> None:
    random = np.random.default_rng(0)
    colours, alpha = random.uniform(-0.5, 6, (24, 20, 3)), random.uniform(0.2, 1, (24, 20, 1))
    stored = np.concatenate([colours * alpha, alpha], axis=2).astype(dtype)
    tifffile.imwrite(tmp_path / "light.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    model = make_model(tmp_path / "model.safetensors")
    found = tifffile.imread(restored(model, tmp_path / "light.tif", tmp_path / "out"))
    assert np.allclose(found[:, :, :3], stored[:, :, :3].astype(float) / stored[:, :, 3:], atol=0.02)
    assert np.array_equal(found[:, :, 3], stored[:, :, 3])


def test_colours_are_not_divided_by_what_cannot_be_their_transparency(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).uniform(0, 200, (24, 20, 4)).astype(np.float32)
    tifffile.imwrite(tmp_path / "counts.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    image = read_image(tmp_path / "counts.tif")
    assert image.alpha is None
    assert image.extra is not None
    assert np.array_equal(np.concatenate([image.pixels, image.extra], axis=2), stored)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32", "float64"])
def test_transparency_comes_back_in_the_numbers_of_its_file(tmp_path: Path, dtype: str) -> None:
    random = np.random.default_rng(0)
    top = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    stored = (random.uniform(0, 1, (24, 20, 4)) * top).astype(dtype)
    tifffile.imwrite(tmp_path / "seen.tif", stored, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
    model = make_model(tmp_path / "model.safetensors", effect=0.05)
    found = tifffile.imread(restored(model, tmp_path / "seen.tif", tmp_path / "out"))
    assert found.dtype == dtype
    assert np.array_equal(found[:, :, 3], stored[:, :, 3])
    assert not np.array_equal(found[:, :, :3], stored[:, :, :3])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_layers_and_a_place_on_a_map_are_told(tmp_path: Path, byte_order: str) -> None:
    document = b"Adobe Photoshop Document Data Block\x00"
    layers = document + (b"MIB8ryaL" if byte_order == "<" else b"8BIMLayr") + bytes(20)
    pattern = document + (b"MIB8ttaP" if byte_order == "<" else b"8BIMPatt") + bytes(20)
    scale = (33550, 12, 3, (0.5, 0.5, 0.0), True)
    said = {
        "layers": ([(37724, 7, len(layers), layers, True)], ["layers"]),
        "flat": ([(37724, 7, len(pattern), pattern, True)], []),
        "map": ([scale], ["GeoTIFF"]),
        "both": ([scale, (37724, 7, len(layers), layers, True)], ["GeoTIFF", "layers"]),
    }
    for name, (tags, words) in said.items():
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, channels(3), photometric="rgb", extratags=tags, byteorder=byte_order, metadata=None)
        remarks = read_image(path).metadata.remarks
        assert len(remarks) == len(words), name
        assert all(word in remark for word, remark in zip(words, remarks, strict=True)), name


@pytest.mark.parametrize("kind", [1, 4, 5])
def test_a_mask_beside_a_picture_is_told_and_a_smaller_version_is_not(tmp_path: Path, kind: int) -> None:
    with tifffile.TiffWriter(tmp_path / "masked.tif") as file:
        for _ in range(2):
            file.write(channels(3), photometric="rgb", metadata=None)
            file.write(channels(1)[:, :, 0] > 9999, photometric="minisblack", subfiletype=kind, metadata=None)
    for page in (1, 3):
        remarks = read_image(PhotoRef(tmp_path / "masked.tif", page)).metadata.remarks
        assert [("mask" in remark) for remark in remarks] == [True] * (kind != 1)
    (tmp_path / "last").mkdir()
    tifffile.imwrite(tmp_path / "last/alone.tif", channels(3), photometric="rgb", metadata=None)
    assert read_image(tmp_path / "last/alone.tif").metadata.remarks == ()
