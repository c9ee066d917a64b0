"""What opens files, each with whole files to start from and the only errors that it may end with."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from app.core import settings
from app.core.settings import LANGUAGE, LAST_FOLDERS, TEXT_SCALE, Settings
from engine.comparing.blind_votes import BlindVote, Choice, VoteBook, tally
from engine.contracts.configs import ComputeConfig, PretrainConfig
from engine.contracts.errors import EngineError
from engine.contracts.label_budget import LabelBudgetConfig
from engine.label_budget.reports.files import JSON_FILE
from engine.label_budget.stored import SETTINGS_FILE, keep_settings, list_experiments, read_experiment
from engine.machine.devices import open_device
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.exchange import export_model, import_model
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.exif import mark_upright
from engine.photo_files.metadata.camera_facts import read_camera_facts
from engine.photo_files.metadata.provenance import is_intact, read_provenance
from engine.photo_files.photos import probe_image, read_image, read_thumbnail
from engine.photo_files.raw import process as raw_process
from engine.photo_files.raw.directories import find_sensor_directory, missing_share
from engine.photo_files.raw.exif import extract_exif_from_raw
from engine.runs import metrics_file
from engine.runs.store import RunStore
from engine.training.checkpoint_files import load_newest_checkpoint
from engine.training.checkpoints import TrainingState, checkpoint_bytes
from engine.training.trainer import new_state
from tests import raw_makers

NOISE = np.random.default_rng(0)
CARD = ModelCard(name="tiny", backbone_params={"width": 4, "num_levels": 1}, labels=("a.png",))


@dataclass(frozen=True)
class Loader:
    """One way into the program.

    Attributes:
        title: What it opens.
        load: Opens a file; raises nothing but `EngineError`.
        seeds: Makes whole files in a folder.
        file: Where `load` gets its content from, below a folder of its own; the ending stands for formats.
        max_bytes: Larger contents say nothing more.
    """

    title: str
    load: Callable[[Path], None]
    seeds: Callable[[Path], None]
    file: str
    max_bytes: int = 1 << 14


def seeds_of(loader: Loader, folder: Path) -> list[bytes]:
    """The contents to start from, smallest first."""
    folder.mkdir(parents=True, exist_ok=True)
    loader.seeds(folder)
    contents = {file.read_bytes() for file in _files(folder)}
    return sorted(
        (content for content in contents if len(content) <= loader.max_bytes), key=lambda each: (len(each), each)
    )


def open_content(loader: Loader, content: bytes, folder: Path) -> None:
    """Let a loader open a content, in a folder where nothing else of it is.

    Raises:
        Exception: It ends with what it must not.
    """
    path = folder / loader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    _try(loader.load, path)


def _try(load: Callable[[Path], object], path: Path) -> None:
    try:
        load(path)
    except EngineError as error:
        if not error.message.strip() or not error.hint.strip():
            raise AssertionError(f"{type(error).__name__} without a sentence") from error


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _picture(channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    shape = (12, 17, channels) if channels > 1 else (12, 17)
    return NOISE.integers(0, np.iinfo(dtype).max, shape).astype(dtype)


def _open_photo(path: Path) -> None:
    for read in (probe_image, lambda file: read_thumbnail(file, 64), read_image):
        _try(read, path)
    read_provenance(path)
    is_intact(path)


def _make_png(folder: Path) -> None:
    for name, pixels in {"rgb": _picture(), "gray": _picture(1), "rgba": _picture(4)}.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    cv2.imwrite(str(folder / "16.png"), _picture(3, "uint16"))
    Image.fromarray(_picture(1)).convert("P").save(folder / "palette.png", dpi=(300, 300))
    Image.fromarray(_picture(1)).convert("1").save(folder / "bits.png")


def _make_jpeg(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(_picture()).save(folder / "rgb.jpg", exif=exif, comment=b"a comment")
    Image.fromarray(_picture()).save(folder / "progressive.jpg", progressive=True, quality=30)
    Image.fromarray(_picture(1)).save(folder / "gray.jpg")
    Image.fromarray(_picture(4), "CMYK").save(folder / "cmyk.jpg")


def _make_tiff(folder: Path) -> None:
    for name, pixels in {"8": _picture(), "16": _picture(1, "uint16")}.items():
        tifffile.imwrite(folder / f"{name}.tif", pixels)
    tifffile.imwrite(folder / "float.tif", NOISE.random((9, 8), np.float32))
    tifffile.imwrite(
        folder / "tiles.tif", np.tile(_picture(1), (2, 2)), tile=(16, 16), compression="lzw", predictor=True
    )
    tifffile.imwrite(folder / "pages.tif", np.stack([_picture(1)] * 3), photometric="minisblack", compression="zlib")
    Image.fromarray(_picture()).save(folder / "jpeg.tif", compression="jpeg")


def _make_webp_and_bmp(folder: Path) -> None:
    Image.fromarray(_picture()).save(folder / "lossy.webp")
    Image.fromarray(_picture(4)).save(folder / "lossless.webp", lossless=True)
    Image.fromarray(_picture()).save(folder / "rgb.bmp")
    Image.fromarray(_picture(1)).save(folder / "gray.bmp")


def _make_phone(folder: Path) -> None:
    Image.fromarray(_picture()).save(folder / "photo.avif")
    Image.fromarray(_picture(4)).save(folder / "alpha.avif")
    for file in (Path(__file__).parents[2].parent / "shared" / "data" / "odd_files").glob("**/*.hei?"):
        shutil.copyfile(file, folder / file.name)


def _make_raw(folder: Path) -> None:
    for file in (Path(__file__).parents[2].parent / "shared" / "data" / "odd_files").glob("raw_*/*"):
        shutil.copyfile(file, folder / file.name)
    # A DNG as small as one can be: what LibRaw needs to take it for one.
    tags = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "Camera", True), (33421, "H", 2, (2, 2), True)]
    tags += [(33422, "B", 4, (0, 1, 1, 2), True)]
    tifffile.imwrite(folder / "small.dng", _picture(1, "uint16"), photometric=32803, extratags=tags)
    _, *gains = raw_makers.gain_map(raw_makers.opcode_area((0, 0, 12, 17)), NOISE.random((2, 3, 1)), (1.0, 0.5))
    told = [raw_makers.list_tag(raw_makers.LIST_2, raw_makers.opcode_list((9, *gains), (8, bytes(48))))]
    told += [(50713, "H", 2, (4, 1), True), (50714, "I", 4, (500, 510, 520, 530), True)]
    told += [(50719, "I", 2, (1, 1), True), (50720, "I", 2, (15, 10), True), (50829, "I", 4, (0, 0, 12, 17), True)]
    raw_makers.write_dng(folder / "told.dng", _picture(1, "uint16"), told)
    raw_makers.write_dng(folder / "linear.dng", _picture(3, "uint16"), told[:1])


def _make_raw_notes(folder: Path) -> None:
    makers: dict[str, Callable[[], bytes]] = {
        "raf": raw_makers.make_raf,
        "cr3": raw_makers.make_cr3,
        "mrw": raw_makers.make_mrw,
        "crw": raw_makers.make_crw,
        "x3f": lambda: raw_makers.make_x3f(with_picture=False),
        "new.x3f": lambda: raw_makers.make_x3f(with_picture=True),
        "rw2": lambda: raw_makers.dng_with_exif(folder, b"IIU\x00"),
        "orf": lambda: raw_makers.dng_with_exif(folder, b"IIRO"),
    }
    for name, make in makers.items():
        (folder / f"photo.{name}").write_bytes(make())


def _open_raw_notes(path: Path) -> None:
    content = path.read_bytes()
    exif = extract_exif_from_raw(content)
    read_camera_facts(exif)
    if exif is not None:
        mark_upright(exif)
    directory = find_sensor_directory(content)
    if directory is not None:
        assert 0 <= missing_share(directory, content) <= 1


def _open_raw(path: Path) -> None:
    for read in (raw_process.is_known_to_libraw, raw_process.probe_camera_raw, raw_process.read_preview):
        _try(read, path)
    _open_photo(path)


def _make_side_cars(folder: Path) -> None:
    whole = {"width": 6, "height": 4, "cfa": "RGGB", "bit_depth": 14, "black": [60, 60, 61, 60], "white": 15520}
    whole |= {"white_balance": [1.95, 1.0, 1.34], "color_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    for name, fields in {"whole": whole, "short": {"width": 6, "height": 4, "cfa": "GBRG"}}.items():
        (folder / f"{name}.json").write_text(json.dumps(fields))


def _open_side_car(path: Path) -> None:
    frame = path.parent / "frame.raw"
    frame.write_bytes(bytes(range(48)))
    _open_photo(frame)


def _tiny_network() -> RestorationNetwork:
    return build_network(CARD)


def _make_models(folder: Path) -> None:
    save_model(folder / "model.safetensors", _tiny_network().state_dict(), CARD)


def _open_model(path: Path) -> None:
    store = RunStore(path.parent / "runs")
    try:
        import_model(store, path)
    except EngineError:
        assert not store.root.is_dir() or not any(store.root.iterdir()), "a refused model leaves a run behind"
        raise
    finally:
        shutil.rmtree(store.root, ignore_errors=True)


def _make_onnx(folder: Path) -> None:
    _make_models(folder)
    export_model(folder / "model.safetensors", folder / "model.onnx", "tiny")
    (folder / "model.safetensors").unlink()


def _make_checkpoints(folder: Path) -> None:
    (folder / "last.safetensors").write_bytes(checkpoint_bytes(_training_state()))


def _open_checkpoint(path: Path) -> None:
    load_newest_checkpoint(path, path.with_name("previous.safetensors"), _training_state())


def _training_state() -> TrainingState:
    return new_state(
        _tiny_network(), PretrainConfig(photos=(Path("x"),), steps=1), open_device(ComputeConfig(device="cpu"))
    )


def _make_run_records(folder: Path) -> None:
    run = RunStore(folder / "runs").create("pretrain", "A run", {"steps": 3}, labels=("a.png",), steps_total=3)
    shutil.copyfile(run.path / "run.json", folder / "run.json")
    shutil.rmtree(folder / "runs")


def _open_run_record(path: Path) -> None:
    store = RunStore(path.parent.parent)
    for run in store.list():
        run.lost_work()
        assert run.record.name is not None
    store.open(path.parent)


def _make_curves(folder: Path) -> None:
    (folder / "metrics.csv").write_text(
        "step,name,value\n0,contrast,2.5\n10,contrast,2.25\n10,psnr,30.5\n0,contrast,nan\n"
    )


def _open_curves(path: Path) -> None:
    for curve in metrics_file.read(path).values():
        assert [step for step, _ in curve] == sorted({step for step, _ in curve})
    metrics_file.append(path, 20, {"contrast": 1.0})
    assert metrics_file.read(path)["contrast"][-1] == (20, 1.0)


def _make_settings(folder: Path) -> None:
    made = Settings(folder / "settings.json")
    made.set(LANGUAGE, "de")
    made.set(LAST_FOLDERS, ["/photos"])
    made.set(TEXT_SCALE, 1.25)
    made.save()


def _open_settings(path: Path) -> None:
    kept = Settings(path)
    for setting in vars(settings).values():
        if isinstance(setting, settings.Setting):
            kept.get(setting)
    kept.set(LANGUAGE, "de")
    kept.save()


def _make_votes(folder: Path) -> None:
    fields = {"photo": "a.png", "first": "A", "second": "B", "choice": Choice.FIRST}
    VoteBook(folder / "votes.json").add(BlindVote.model_validate({**fields, "mode": "split", "voted_at": "2026-01-01"}))


def _open_votes(path: Path) -> None:
    tally(VoteBook(path).read())


def _make_experiments(folder: Path) -> None:
    keep_settings(LabelBudgetConfig(noisy=(Path("/a"),), clean=(Path("/b"),), labels=(0, 1), out=folder))


def _make_outcomes(folder: Path) -> None:
    estimate = {"mean": 31.5, "low": 31.0, "high": 32.0}
    row = {"method": "rcl", "labels": 1, "repeats": 2, "psnr": estimate, "gain": estimate, "ssim": estimate}
    fields = {"noisy_psnr": 30.0, "num_evaluation": 3, "verdict": "Worth it.", "left_out": [], "failed": []}
    fields |= {"total_steps": 30, "comparisons": [], "rows": []}
    for name, rows in {"empty": [], "one": [row]}.items():
        (folder / f"{name}.json").write_text(json.dumps({**fields, "rows": rows}))


def _open_experiment(path: Path) -> None:
    if path.name == JSON_FILE:
        _make_experiments(path.parent)
    assert list_experiments(path.parent.parent) == (path.parent,)
    read_experiment(path.parent)


LOADERS: dict[str, Loader] = {
    "png": Loader("PNG photos", _open_photo, _make_png, "photo.png"),
    "jpeg": Loader("JPEG photos", _open_photo, _make_jpeg, "photo.jpg"),
    "tiff": Loader("TIFF photos", _open_photo, _make_tiff, "photo.tif"),
    "webp_bmp": Loader("WebP and BMP photos", _open_photo, _make_webp_and_bmp, "photo.webp"),
    "phone": Loader("HEIC and AVIF photos", _open_photo, _make_phone, "photo.avif", 1 << 16),
    "raw": Loader("raw files of cameras", _open_raw, _make_raw, "photo.dng", 1 << 17),
    "raw_notes": Loader("what raw files say of their photos", _open_raw_notes, _make_raw_notes, "photo.raf"),
    "side_car": Loader("side-cars of bare mosaics", _open_side_car, _make_side_cars, "frame.raw.json"),
    "model": Loader("models", _open_model, _make_models, "model.safetensors", 1 << 16),
    "onnx": Loader("models as ONNX", _open_model, _make_onnx, "model.onnx", 1 << 16),
    "checkpoint": Loader("checkpoints", _open_checkpoint, _make_checkpoints, "last.safetensors", 1 << 18),
    "run": Loader("records of runs", _open_run_record, _make_run_records, "20260101-000000_pretrain_x/run.json"),
    "curves": Loader("curves of runs", _open_curves, _make_curves, "metrics.csv"),
    "settings": Loader("settings", _open_settings, _make_settings, "settings.json"),
    "votes": Loader("votes of blind tests", _open_votes, _make_votes, "votes.json"),
    "experiment": Loader("label-budget experiments", _open_experiment, _make_experiments, f"x/{SETTINGS_FILE}"),
    "outcome": Loader("outcomes of experiments", _open_experiment, _make_outcomes, f"x/{JSON_FILE}"),
}
